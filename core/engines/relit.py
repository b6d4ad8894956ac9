"""Pairs of frames that differ in brightness."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.grid import max_of_channels
from ..motion.light import Light, find_light
from .blend import Blend
from .interface import Around, Pair, Working, render_all, view_for_matching


def prepare_in_one_light(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does; if their light differs while something moves, it is made equal first."""
    light = None
    if first.shape[2] != 4:
        light = find_light(view_for_matching(first), view_for_matching(last))
    return prepare(first, last) if light is None else Relit(light, first, last, prepare)


class Relit(Around):
    """Two frames in different light, and motion between them.

    The darker frame is relit to match the brighter; motion is found there, and each in-between is relit to its
    interpolated light. Brightening makes the levels of the darker frame coarse; where an in-between differs from both
    frames by no more than that, nothing moves, and the frames are blended.
    """

    def __init__(
        self, light: Light, first: Working, last: Working, prepare: Callable[[Working, Working], Pair]
    ) -> None:
        """Prepares the frames in the brighter light with `prepare`."""
        self._light = light
        self._mixture = Blend(first, last)
        self._lit = (first, light.brighten(last)) if light.dims else (light.brighten(first), last)
        super().__init__(prepare(*self._lit), first.shape)

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            apart = cv2.max(*(cv2.absdiff(drawn, frame) for frame in self._lit))
            moves = np.clip(max_of_channels(apart).astype(np.float32) / self._light.coarseness - 1, 0, 1)
            dimmed = self._light.darken(drawn, t if self._light.dims else 1 - t)
            yield cv2.blendLinear(dimmed, self._mixture.render(t), moves, 1 - moves).reshape(drawn.shape)
