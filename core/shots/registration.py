"""Brings one frame of a film onto another: the small shift of weave in the gate, and the light that flickers.

What is solved for is one shift, one gain and one offset for the whole picture, by least squares on the linearised
difference (Lucas and Kanade, IJCAI 1981), from coarse to fine. Pixels that fit badly come to count less, so that what
moves in the picture does not pull the rest along.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_LEVELS = (4, 2, 1)  # times smaller, from coarse to fine
_ROUNDS = 2  # at each of them
_LEAST_SIDE = 24  # pixels: a picture is not made smaller than this
_SMOOTH = 1.0  # pixels: standard deviation of the blur before the comparison, as grain has no gradient worth following
_SCALE, _QUIET = 2.5, 0.3  # residuals count half from about here on: in robust standard deviations, and levels added
_MARGIN = 2  # pixels along the border that are not compared
_FARTHEST = 0.05  # of the longer side: a longer shift is no weave
_WORST = 16.0  # levels, robust standard deviation, that may be left
NORMAL = 1.4826
"""From a median of absolute values to a standard deviation, where they are normally distributed."""


@dataclass(frozen=True)
class Registration:
    """How a frame becomes the next one: `gain * first(x - shift) + offset`.

    Attributes:
        shift: (2,) float64, (dx, dy) in pixels.
        gain: of the light.
        offset: in levels.
        fits: false where the two are no such pair, as at a cut.
    """

    shift: Array
    gain: float = 1.0
    offset: float = 0.0
    fits: bool = True

    def moved(self, frame: Array) -> Array:
        """A frame, (H, W) or (H, W, C) float32, brought to where the next one is; always another array."""
        height, width = frame.shape[:2]
        if np.abs(self.shift).max() > 0.02:  # less is not worth the blur of looking up between pixels
            matrix = np.array([[1, 0, self.shift[0]], [0, 1, self.shift[1]]], np.float32)
            return np.asarray(
                cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            )
        return frame.copy()

    def apply(self, frame: Array) -> Array:
        """A frame of the same form brought to where and as the next one is."""
        return np.asarray(self.gain * self.moved(frame) + self.offset, np.float32)

    def then(self, other: "Registration") -> "Registration":
        """This one, and another after it."""
        return Registration(
            self.shift + other.shift,
            self.gain * other.gain,
            self.offset * other.gain + other.offset,
            self.fits and other.fits,
        )

    def inverse(self) -> "Registration":
        """From the next frame back to the first."""
        return Registration(-self.shift, 1 / self.gain, -self.offset / self.gain, self.fits)

    def light_change(self, level: float) -> float:
        """By how many levels the light changes what has that level."""
        return (self.gain - 1) * level + self.offset


def register(first: Array, last: Array, start: Array | None = None) -> Registration:
    """Finds the shift and the light that bring one frame onto another.

    Args:
        first: (H, W) float32 in [0, 255].
        last: of the same shape.
        start: (2,): a shift to begin with.
    """
    height, width = first.shape
    shift = np.zeros(2) if start is None else np.array(start, np.float64)
    gain, offset, left = 1.0, 0.0, 0.0
    for level in _LEVELS:
        if level > 1 and min(height, width) < _LEAST_SIDE * level:
            continue
        size = (width // level, height // level)
        here, there = (
            cv2.GaussianBlur(
                cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if level > 1 else frame, (0, 0), _SMOOTH
            )
            for frame in (first, last)
        )
        # every other pixel of the finest level is enough
        inside = (slice(_MARGIN, -_MARGIN, 1 if level > 1 else 2),) * 2
        if not here[inside].size:
            return Registration(np.zeros(2))
        for _ in range(_ROUNDS):
            matrix = np.array([[1, 0, shift[0] / level], [0, 1, shift[1] / level]], np.float32)
            moved = cv2.warpAffine(here, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            slopes = [cv2.Sobel(moved, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)[inside].ravel() for axis in (0, 1)]
            moved, wanted = moved[inside].ravel(), there[inside].ravel()
            off = wanted - (gain * moved + offset)
            left = NORMAL * float(np.median(np.abs(off)))
            weight = (1 + np.square(off / (_SCALE * (left + _QUIET)))) ** -2
            factors = np.stack([-gain * slopes[0], -gain * slopes[1], moved, np.ones_like(moved)])  # (4, N)
            weighted = factors * weight
            normal = (weighted @ factors.T).astype(np.float64)
            normal[np.diag_indices(4)] += (1e-2, 1e-2, 1e-3, 1e-3)  # a picture without edges has no shift
            step = np.linalg.solve(normal, (weighted @ off).astype(np.float64))
            shift, gain, offset = shift + level * step[:2], gain + step[2], offset + step[3]
            if np.abs(shift).max() > _FARTHEST * max(height, width):
                return Registration(np.zeros(2), fits=False)
    fits = left <= _WORST and 0.5 < gain < 2
    return Registration(shift, float(gain), float(offset)) if fits else Registration(np.zeros(2), fits=False)
