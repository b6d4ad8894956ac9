"""A plain cross-fade."""

import cv2

from ..motion.grid import Array
from .interface import Working
from .joining import measure_misfit


class BlendEngine:
    """A plain cross-fade, for comparison: nothing moves, things fade out here and in there."""

    name = "blend"

    def prepare(self, first: Working, last: Working) -> "Blend":
        """Keeps the two frames."""
        return Blend(first, last)

    def prepare_plain(self, first: Working, last: Working) -> "Blend":
        """The same."""
        return Blend(first, last)


class Blend:
    """A pair of frames that fade into each other."""

    def __init__(self, first: Working, last: Working) -> None:
        self._first, self._last = first, last

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (H, W) in [0, 1], wherever the two frames differ, at any t."""
        return measure_misfit(self._first, self._last)

    def carry(self, values: tuple[Array, Array]) -> "Blend":
        """A cross-fade of other values."""
        return Blend(*values)

    def render(self, t: float) -> Working:
        """Draws (1 - t) * first + t * last."""
        mixed = cv2.addWeighted(self._first, 1 - t, self._last, t, 0)
        return mixed.reshape(self._first.shape)
