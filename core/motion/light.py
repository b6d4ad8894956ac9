"""Detects changes of light between two frames: a fade, a flash, a lamp that goes out.

Light changes colours everywhere, which is neither motion nor a cut. It is modelled by a gain and an offset for each
channel of the whole picture, which covers fades from and to any colour.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np

from .dense import search_densely
from .grid import Array, pixel_grid, warp
from .kept import once, shrink_once

# Tuned on the tuning set, relit (docs/notebook/light-and-lines.md).
_SIDE, _ALIKE = 48, 0.4  # pixels a side, and least correlation, at which two frames show one drawing in different light
_FADED = 0.1  # share of the squared difference that a change of light may leave unexplained
_SEARCHED = 128  # pixels: longer side at which light and motion are separated
_CHANGED = 2.0  # levels: least mean difference of the sorted levels
_UNLIT = 1.5  # levels: residual along the motion up to which the light is the same
_DIMMEST, _BRIGHTEST = 0.1, 1.1  # range of gains; a darker frame cannot be relit
_CORE, _LEFT = 0.7, 0.25  # share of pixels of least error that must fit, and of their residual that may remain
_CLEARLY = 8.0  # levels: change of a pixel's error that counts as helped or harmed
_HARMS = 0.1  # largest number of harmed pixels per helped one
_TINTED = 0.8  # three gains are used if their residual is below this share of that with one
_STILL, _STEP = 2.0, 1.5  # levels: tolerance of a static pixel after relighting, and its increase by 1 / gain
_BINS, _RARE = 32, 0.002  # bins of levels that light is fitted to, and the least share of pixels in one
_FITS, _OFF = 6, 3.0  # rounds of fitting, and the residual in levels at which a bin's weight falls


@dataclass(frozen=True)
class Light:
    """The change from the light of the brighter frame to that of the darker one.

    The brighter one is that with more contrast: in a fade to white, the one that is less white.

    Attributes:
        gain: (3,) float32, of R, G and B, at most slightly above 1.
        offset: (3,) float32, in levels of 255.
        dims: whether the first frame is the brighter one.
    """

    gain: Array
    offset: Array
    dims: bool

    @property
    def coarseness(self) -> float:
        """Levels by which static pixels may differ in the brighter light."""
        return _STILL + _STEP / float(self.gain.min())

    def darken(self, frame: Array, share: float = 1.0) -> Array:
        """Relights a frame, (H, W, C) uint8 or float32 in [0, 255], to the darker light, or part of the way."""
        return self._apply(frame, 1 - share + share * self.gain, share * self.offset)

    def brighten(self, frame: Array) -> Array:
        """Relights a frame of the same form from the darker light to the brighter one."""
        return self._apply(frame, 1 / self.gain, -self.offset / self.gain)

    @staticmethod
    def _apply(frame: Array, gain: Array, offset: Array) -> Array:
        channels = frame.shape[2]
        gain, offset = gain[:channels], offset[:channels]
        if frame.dtype == np.uint8:
            levels = np.arange(256, dtype=np.float32)[:, None]
            table = np.clip(levels * gain + offset + 0.5, 0, 255).astype(np.uint8)  # (256, C)
            return np.asarray(cv2.LUT(frame, table[None]).reshape(frame.shape))
        return np.asarray(np.clip(frame * gain + offset, 0, 255), np.float32)


def find_light(first: Array, last: Array) -> Light | None:
    """Finds the change of light between two frames, (H, W, 3) uint8, in which something moves.

    The light is first estimated from the sorted levels of both frames, which motion changes little, and then along the
    motion that is found in that light. It must explain most of the differences, and do no harm elsewhere: if only the
    background changes its colour, it is not light.

    Returns:
        The light. None: it is the same, nothing moves, one frame is too dark to be relit, or a change of light does not
        explain the differences.
    """
    height, width = first.shape[:2]
    scale = min(1.0, _SEARCHED / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = [shrink_once(frame, *size) for frame in (first, last)]
    levels = [once(frame, "levels", partial(_sort_levels, frame)) for frame in small]
    small = [frame.astype(np.float32) for frame in small]
    if np.abs(levels[0] - levels[1]).mean() < _CHANGED:
        return None
    dims = bool(levels[0].std(0).sum() >= levels[1].std(0).sum())
    bright, dark = small if dims else small[::-1]
    plain = np.abs(bright - _carry(bright, dark)).mean(2)
    unlit = _core(plain)
    if unlit < _UNLIT:
        return None

    def explain(light: Light) -> tuple[Light, Array, Array]:
        """The light, the darker frame relit and warped along the motion, and the residual, (h, w)."""
        carried = _carry(bright, light.brighten(dark))
        return light, carried, np.abs(bright - carried).mean(2)

    found = [explain(light) for light in _fit(levels[not dims], levels[dims], dims)]
    if not found:
        return None
    light, carried, _ = min(found, key=_judge)
    found += [explain(other) for other in _fit(bright.reshape(-1, 3), light.darken(carried).reshape(-1, 3), dims)]
    light, _, left = min(found, key=_judge)
    helped, harmed = np.mean(plain > left + _CLEARLY), np.mean((left > plain + _CLEARLY) & (plain < _CLEARLY))
    if _core(left) > _LEFT * unlit or harmed > _HARMS * helped:
        return None
    moved = np.abs(bright - light.brighten(dark)).mean(2)
    return light if np.quantile(moved, 0.99) > light.coarseness else None


def _sort_levels(frame: Array) -> Array:
    """The levels of each channel of (h, w, 3), sorted: (h * w, 3) float32."""
    return np.sort(frame.reshape(-1, 3), axis=0).astype(np.float32)


def is_another_light(first: Array, last: Array) -> bool:
    """Whether two frames, (H, W, 3) uint8, show one drawing in different light, as in a fade, or one of them is blank.

    Then colours differ everywhere, but it is not a cut.
    """
    height, width = first.shape[:2]
    size = (min(width, _SIDE), min(height, _SIDE))
    small = [shrink_once(frame, *size).astype(np.float32) for frame in (first, last)]
    drawn = [frame - cv2.blur(frame, (_SIDE // 4,) * 2) for frame in small]
    strength = [float(np.square(frame).mean()) for frame in drawn]
    if min(strength) < 1:
        return True
    return bool((drawn[0] * drawn[1]).mean() > _ALIKE * (strength[0] * strength[1]) ** 0.5)


def is_fade(first: Array, last: Array) -> bool:
    """Whether two frames, (H, W, 3) uint8, differ by light only: they fade, or one of them is blank.

    Then a cross-fade is right, and any motion that is found is wrong.
    """
    small = [shrink_once(frame, _SIDE, _SIDE).reshape(-1, 3).astype(np.float32) for frame in (first, last)]
    differs = np.square(small[0] - small[1]).mean()
    if differs < 1:
        return False
    centred = [frame - frame.mean(0) for frame in small]
    drawn = [float(np.square(frame).mean()) for frame in centred]
    if min(drawn) < 1:
        # if the border does not change, a thing has appeared or gone; as a fade it would be half transparent
        border = np.pad(np.zeros((_SIDE - 2, _SIDE - 2), bool), 1, constant_values=True)
        change = np.abs(small[0] - small[1]).max(1)[border.ravel()]
        return bool((change > 2).mean() > 0.5)
    for k in range(2):
        here, wanted = centred[k], centred[1 - k]
        gain = (here * wanted).mean(0) / (np.square(here).mean(0) + 1e-3)
        left = float(np.square(wanted - gain * here).mean())  # residual after a change of light
        # a flat drawing on another background also leaves little, but most of its own contrast
        if left > min(_FADED * differs, drawn[1 - k] / 2):
            return False
    return True


def _core(errors: Array) -> float:
    """The mean of the smaller errors."""
    return float(np.sort(errors, axis=None)[: int(_CORE * errors.size)].mean())


def _judge(explained: tuple[Light, Array, Array]) -> float:
    light, _, left = explained
    return _core(left) * (_TINTED if np.ptp(light.gain) == 0 else 1)


def _fit(bright: Array, dark: Array, dims: bool) -> Iterator[Light]:
    """Fits lights by least squares to pairs of pixels, (N, 3) float32 each: with one gain, and with three.

    The background of a drawing has most of the pixels in one colour, which does not determine gain and offset; so each
    level has equal weight. The weights of levels that fit badly are reduced.
    """
    votes = []
    for channel, of in enumerate(np.eye(3)):
        order = np.argsort(bright[:, channel])
        here, there = bright[order, channel], dark[order, channel]
        for start, end in pairwise(np.searchsorted(here, np.linspace(0, 256, _BINS + 1))):
            if end - start >= max(1, _RARE * len(here)):
                votes.append([here[start:end].mean(), np.median(there[start:end]), *of])
    x, y, of = np.split(np.array(votes), (1, 2), axis=1)  # (V, 1), (V, 1), (V, 3)
    for factors in (np.hstack([x, of]), np.hstack([x * of, of])):
        weight = np.ones_like(x)
        for _ in range(_FITS):
            solved = np.linalg.lstsq(factors * weight, y * weight, rcond=1e-4)[0]
            weight = (1 + ((y - factors @ solved) / _OFF) ** 2) ** -0.5
        gain = np.broadcast_to(solved[:-3, 0], 3).astype(np.float32)
        if gain.min() > _DIMMEST and gain.max() < _BRIGHTEST:
            yield Light(gain, solved[-3:, 0].astype(np.float32), dims)


def _carry(here: Array, there: Array) -> Array:
    """Warps `there` to `here` by dense inverse search; (h, w, 3) float32 each."""
    one, other = (np.clip(frame + 0.5, 0, 255).astype(np.uint8) for frame in (here, there))
    flow = search_densely(one, other)
    return warp(there, pixel_grid(*flow.shape[:2]) + flow)
