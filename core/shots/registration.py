"""Registers one frame of a film to another: the small shift of gate weave, and the gain and offset of flicker.

One shift, gain and offset are solved for the whole picture by least squares on the linearised difference (Lucas and
Kanade, IJCAI 1981), from coarse to fine. Badly fitting pixels are down-weighted, so that moving objects do not bias the
result.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Not tuned one by one; tests/shots/test_noise.py holds what they achieve on weave, flicker and pans.
_LEVELS = (4, 2, 1)  # reduction factors, from coarse to fine
_ITERATIONS = 2  # at each level
_MIN_SIDE = 24  # pixels: smallest side of a reduced picture
_SMOOTH = 1.0  # pixels: standard deviation of the blur before the comparison, as gradients of grain are useless
_SCALE, _MIN_SIGMA = 2.5, 0.3  # scale of the robust weights in standard deviations of the residual, plus levels
_MARGIN = 2  # pixels along the border that are ignored
_MAX_SHIFT = 0.05  # of the longer side; gate weave is smaller
_MAX_RESIDUAL = 16.0  # levels: largest robust standard deviation of the residual of a fit
NORMAL = 1.4826
"""Standard deviation of a normal distribution, relative to its median absolute value."""


@dataclass(frozen=True)
class Registration:
    """The transform from one frame to another: `gain * first(x - shift) + offset`.

    Attributes:
        shift: (2,) float64, (dx, dy) in pixels.
        gain: factor of brightness.
        offset: change of brightness in levels.
        fits: false if no such transform was found, as across a cut.
    """

    shift: Array
    gain: float = 1.0
    offset: float = 0.0
    fits: bool = True

    def moved(self, frame: Array) -> Array:
        """Returns a shifted copy of a frame, (H, W) or (H, W, C) float32, without gain and offset."""
        height, width = frame.shape[:2]
        if np.abs(self.shift).max() > 0.02:  # for less, resampling blurs more than it aligns
            matrix = np.array([[1, 0, self.shift[0]], [0, 1, self.shift[1]]], np.float32)
            return np.asarray(
                cv2.warpAffine(frame, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            )
        return frame.copy()

    def apply(self, frame: Array) -> Array:
        """Applies shift, gain and offset to a frame, (H, W) or (H, W, C) float32."""
        return np.asarray(self.gain * self.moved(frame) + self.offset, np.float32)

    def then(self, other: "Registration") -> "Registration":
        """Composes this registration with one that follows it."""
        return Registration(
            self.shift + other.shift,
            self.gain * other.gain,
            self.offset * other.gain + other.offset,
            self.fits and other.fits,
        )

    def inverse(self) -> "Registration":
        """Returns the registration in the other direction."""
        return Registration(-self.shift, 1 / self.gain, -self.offset / self.gain, self.fits)

    def light_change(self, level: float) -> float:
        """Change of brightness, in levels, of a pixel of the given level."""
        return (self.gain - 1) * level + self.offset


def register(first: Array, last: Array, start: Array | None = None) -> Registration:
    """Registers one frame to another.

    Args:
        first: (H, W) float32 in [0, 255].
        last: the frame to register `first` to, of the same shape.
        start: (2,) initial shift (dx, dy) in pixels; zero by default.

    Returns:
        The registration from `first` to `last`; its `fits` is false if the shift or the residual is too large.
    """
    height, width = first.shape
    shift = np.zeros(2) if start is None else np.array(start, np.float64)
    gain, offset, left = 1.0, 0.0, 0.0
    for level in _LEVELS:
        if level > 1 and min(height, width) < _MIN_SIDE * level:
            continue
        size = (width // level, height // level)
        here, there = (
            cv2.GaussianBlur(
                cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if level > 1 else frame, (0, 0), _SMOOTH
            )
            for frame in (first, last)
        )
        # at full size, every other pixel is enough
        inside = (slice(_MARGIN, -_MARGIN, 1 if level > 1 else 2),) * 2
        if not here[inside].size:
            return Registration(np.zeros(2))
        for _ in range(_ITERATIONS):
            matrix = np.array([[1, 0, shift[0] / level], [0, 1, shift[1] / level]], np.float32)
            moved = cv2.warpAffine(here, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            slopes = [cv2.Sobel(moved, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)[inside].ravel() for axis in (0, 1)]
            moved, wanted = moved[inside].ravel(), there[inside].ravel()
            off = wanted - (gain * moved + offset)
            left = NORMAL * float(np.median(np.abs(off)))
            weight = (1 + np.square(off / (_SCALE * (left + _MIN_SIGMA)))) ** -2
            factors = np.stack([-gain * slopes[0], -gain * slopes[1], moved, np.ones_like(moved)])  # (4, N)
            weighted = factors * weight
            normal = (weighted @ factors.T).astype(np.float64)
            normal[np.diag_indices(4)] += (1e-2, 1e-2, 1e-3, 1e-3)  # a picture without edges has no shift
            step = np.linalg.solve(normal, (weighted @ off).astype(np.float64))
            shift, gain, offset = shift + level * step[:2], gain + step[2], offset + step[3]
            if np.abs(shift).max() > _MAX_SHIFT * max(height, width):
                return Registration(np.zeros(2), fits=False)
    fits = left <= _MAX_RESIDUAL and 0.5 < gain < 2
    return Registration(shift, float(gain), float(offset)) if fits else Registration(np.zeros(2), fits=False)
