"""Detects held drawings (duplicate frames), as in animation on twos and threes.

Each frame is compared at full size with the first frame of the current drawing, not with the frame before, so that
slow motion and fades accumulate until they are detected.

**Worn films** differ from frame to frame by grain, specks, flicker and gate weave. Their noise is measured first
(`noise`). The two frames are registered, specks are masked, and the residual is blurred by a pixel and compared with
the residual that noise alone leaves: over the whole frame and in blocks of several sizes. Each limit is one that noise
exceeds in about one block of a hundred thousand. Pans and fades are separated from weave and flicker by their path,
which has one direction.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.choices import HOLD_SCORE
from .noise import SLOPES, Noise, NoiseMeter, align, slope, steepest_nearby
from .registration import Array
from .thumbnails import SIDE


@dataclass(frozen=True)
class _View:
    """A frame in the noise meter's working size."""

    pixels: Array
    """(h, w, 3) float32, YCrCb."""
    specks: NDArray[np.uint8] | None
    """(h, w), 255 on specks; None if there are none."""

    @staticmethod
    def take(meter: NoiseMeter, number: int) -> "_View | None":
        view = meter.view(number)
        return None if view is None else _View(view.astype(np.float32), meter.specks(number))


class DuplicateFinder:
    """Detects held drawings by comparing each frame with the first frame of the current drawing.

    A frame is a new drawing if one of its blocks (a thirty-second of the shorter side) changes visibly, if the whole
    frame changes slightly, or if its brightness changes.

    Args:
        threshold: largest score of a duplicate.
        meter: the film's noise meter; None ignores noise.
    """

    def __init__(self, threshold: float = HOLD_SCORE, meter: NoiseMeter | None = None) -> None:
        self._threshold = threshold
        self._meter = meter
        self._kept: NDArray[np.uint8] | None = None
        self._light = 0.0
        self._kept_view: _View | None = None
        self._kept_number = 0
        self.score = 0.0
        """Difference of the last frame from the drawing before it; 1 is the usual limit between held and new."""

    def is_duplicate(self, frame: NDArray[np.uint8], number: int | None = None) -> bool:
        """Returns whether a frame shows the current drawing; if not, it starts a new one.

        Args:
            frame: (H, W, 3) uint8.
            number: the frame's number in the meter; None ignores noise.
        """
        meter = self._meter if number is not None else None
        noise = Noise() if meter is None or number is None else meter.noise(number)
        if meter is not None and number is not None and noise.noisy:
            return self._is_duplicate_under_noise(frame, meter, number, noise)
        self._kept_view = None
        light = float(sum(cv2.mean(frame)[:3])) / 3
        held = False
        self.score = 0.0
        if self._kept is not None:
            self.score = max(abs(light - self._light) / _SAME_LIGHT, _compare(self._kept, frame, self._threshold))
            held = self.score <= self._threshold
        if not held:
            self._kept, self._light, self._kept_number = frame, light, number or 0
        return held

    def _is_duplicate_under_noise(self, frame: NDArray[np.uint8], meter: NoiseMeter, number: int, noise: Noise) -> bool:
        view = _View.take(meter, number)
        before, self.score = self._kept_view, 0.0
        if before is None and self._kept is not None:  # the film seemed clean until now
            before = _View.take(meter, self._kept_number)
        if view is not None and before is not None and before.pixels.shape == view.pixels.shape:
            self.score = _compare_under_noise(before, view, meter, noise)
            drift = np.zeros(3)
            for each in range(self._kept_number + 1, number + 1):
                smoothed, plain = meter.path(each)
                weaves = np.array([noise.weave > _MIN_WEAVE] * 2 + [noise.flicker > 0])
                drift += np.where(weaves, smoothed, plain)
                if number - each > _MAX_DRIFT_FRAMES:
                    break
            moved = float(np.hypot(*drift[:2])) / _MAX_DRIFT
            light_drift = abs(float(drift[2])) / max(_SAME_LIGHT, _FLICKER_SIGMAS * noise.flicker)
            self.score = max(self.score, moved, light_drift)
            if self.score <= self._threshold:
                return True
        self._kept, self._kept_view, self._kept_number = frame, view, number
        self._light = float(sum(cv2.mean(frame)[:3])) / 3
        return False

    def forget(self) -> None:
        """Makes the next frame a new drawing, as at the start of a shot."""
        self._kept = self._kept_view = None


# Clean films: set by hand on the cases of tests/shots/test_cuts.py.
_SAME_LIGHT = 0.7  # levels: largest change of a held drawing's mean, in a compressed film
_SAME_WHOLE = 2.0  # levels of mean absolute difference
_SAME_BLOCK = 6.0  # levels of mean absolute difference in the block that differs most
# Worn films: set by hand on the cases of tests/shots/test_noise.py and docs/notebook/reports.md.
_FLICKER_SIGMAS = 2.0  # largest drift of the smoothed brightness, in standard deviations of the flicker
_MIN_WEAVE = 0.15  # pixels: with more weave, drift is measured on the smoothed path
_MAX_DRIFT = 0.35  # pixels of the working size: largest drift of a held drawing
_MAX_DRIFT_FRAMES = 48  # frames over which drift is summed
_BLUR = 1.0  # pixels: standard deviation of the blur before two noisy frames are compared
_BLOCKS = (3, 6, 12, 24)  # blocks along the shorter side, from coarse to fine
_MIN_BLOCK = 8  # pixels
_MIN_LUMA, _MIN_CHROMA = 1.0, 1.5  # levels by which compression changes a held drawing, after the blur
_EDGE_OFFSET = 0.07  # pixels: residual misalignment of outlines after registration
_RARE_SIGMAS = 4.75  # normal standard deviations that noise exceeds in one block of a million
_MOTION_BLOCKS = (3, 6, 12, 24)  # blocks along the shorter side in which slow motion is searched
_MIN_EVIDENCE = 40.0  # sum of two squares that is as rare as 4.75 standard deviations, times _MARGIN
_MAX_SHIFT = 0.15  # pixels: largest apparent shift of a held drawing
_MARGIN = 1.5  # factor on limits for normally distributed noise, as grain has heavier tails
_LIGHT_BLUR = 0.4  # of the shorter side: scale of uneven brightness, as from a flickering lamp


def _compare(kept: NDArray[np.uint8], frame: NDArray[np.uint8], threshold: float) -> float:
    whole = float(cv2.norm(kept, frame, cv2.NORM_L1)) / frame.size
    if whole == 0 or whole / _SAME_WHOLE > max(1.0, threshold):
        return whole / _SAME_WHOLE
    off = cv2.absdiff(kept, frame)
    height, width = frame.shape[:2]
    if min(height, width) >= 4 * SIDE:
        off = cv2.resize(off, (width // 2, height // 2))  # the mean of four pixels, and faster than INTER_AREA
    block = max(4 if min(height, width) >= 16 else 1, min(height, width) // SIDE)
    blocks = cv2.resize(off, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA)
    return max(whole / _SAME_WHOLE, float(blocks.max()) / _SAME_BLOCK)


def _compare_under_noise(kept: _View, view: _View, meter: NoiseMeter, noise: Noise) -> float:
    """Difference of two frames off their specks, relative to the largest that noise explains (1)."""
    registration = meter.register(kept.pixels, view.pixels)
    if not registration.fits:
        return 2.0 * _MARGIN
    moved = align(registration, kept.pixels)
    steep = cv2.max(slope(moved[..., 0]), slope(view.pixels[..., 0]))
    off = view.pixels - moved
    for specks in (view.specks, None if kept.specks is None else registration.moved(kept.specks)):
        if specks is not None:
            off[specks > 64] = 0  # before the blur, which would spread them
    off = cv2.GaussianBlur(off, (0, 0), _BLUR)
    around = steepest_nearby(steep)
    height, width = steep.shape
    border = 3 + int(np.ceil(np.abs(registration.shift).max()))
    inside = np.s_[border : height - border, border : width - border]
    worst = 0.0
    for channel in range(3):
        here = np.ascontiguousarray(off[..., channel])
        if noise.flicker > 0:
            # flicker may be uneven over the frame, by about its own standard deviation
            uneven_light = cv2.blur(here, (int(_LIGHT_BLUR * min(height, width)) | 1,) * 2)
            here -= np.clip(uneven_light, -2 * noise.flicker, 2 * noise.flicker)
        least = _MIN_LUMA if channel == 0 else _MIN_CHROMA
        expected = noise.residual[channel] ** 2 + least**2 + np.square(_EDGE_OFFSET * steep)
        if noise.by_slope[channel].any():
            expected = cv2.max(
                expected, np.interp(around, SLOPES, noise.by_slope[channel] ** 2 + least**2).astype(np.float32)
            )
        if channel == 0:
            both = moved[..., 0] + view.pixels[..., 0]
            worst = _find_motion(here[inside], both, expected[inside], noise.correlated[0], inside)
        score = (np.square(here) / expected)[inside]
        for blocks in _BLOCKS:
            side = max(_MIN_BLOCK, min(height, width) // blocks)
            if side <= min(score.shape):
                means = cv2.blur(score, (side, side))[side // 2 : -(side // 2), side // 2 : -(side // 2)]
                if means.size:
                    worst = max(
                        worst,
                        float(means.max()) / (_MARGIN * _chi_square_limit(side * side / noise.correlated[channel])),
                    )
    return worst


def _find_motion(off: Array, both: Array, expected: Array, correlated: float, inside: tuple[slice, slice]) -> float:
    """Evidence for motion in some block, relative to the largest that noise explains (1).

    A small shift changes a pixel by the shift times the gradient. In each block the shift that explains the difference
    best is found by least squares, which detects slow motion long before the difference exceeds the grain.

    Args:
        off: blurred difference of the two frames, cropped to `inside`.
        both: (h, w) their sum, uncropped.
        expected: the difference's variance under noise, of the shape of `off`.
        correlated: pixels of the difference that count as one independent sample.
        inside: the part of the frame that both frames cover.
    """
    mean = cv2.GaussianBlur(both, (0, 0), _BLUR) / 2
    x, y = (cv2.Sobel(mean, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)[inside] for axis in (0, 1))
    expected = expected * correlated
    height, width = off.shape
    worst = 0.0
    for blocks in _MOTION_BLOCKS:
        side = max(_MIN_BLOCK, min(height, width) // blocks)
        if side > min(height, width):
            continue
        part = slice(side // 2, -(side // 2), max(1, side // 2))
        xx, xy, yy, xo, yo = (
            cv2.boxFilter(product, cv2.CV_32F, (side, side), normalize=False)[part, part]
            for product in (
                x * x / expected,
                x * y / expected,
                y * y / expected,
                x * off / expected,
                y * off / expected,
            )
        )
        if not xx.size:
            continue
        # regularised, as a shift along an outline is invisible and should come out as zero
        xx, yy = xx + 1, yy + 1
        of = np.maximum(xx * yy - xy * xy, 1e-6)
        dx, dy = (yy * xo - xy * yo) / of, (xx * yo - xy * xo) / of
        evidence = (dx * xo + dy * yo) / _MIN_EVIDENCE
        worst = max(worst, float(np.minimum(evidence, np.hypot(dx, dy) / _MAX_SHIFT).max()))
    return worst


def _chi_square_limit(free: float) -> float:
    """Limit that the mean of `free` independent squared normal values exceeds once in a million.

    The chi-square quantile by Wilson and Hilferty, "The distribution of chi-square" (PNAS 1931).
    """
    of = 2 / (9 * max(1.0, free))
    return float((1 - of + _RARE_SIGMAS * of**0.5) ** 3)


def find_cadence(holds: list[int]) -> int | None:
    """Finds what a shot is animated on: 1 ones, 2 twos, and so on.

    Args:
        holds: for each drawing of the shot, how many frames it is held. The first and last may be cut short, so they
            are ignored if there are others.

    Returns:
        Frames per drawing: the hold that covers most frames. None for a shot of one drawing.
    """
    inner = holds[1:-1] or holds
    if len(holds) < 2:
        return None
    return max(sorted(set(inner)), key=lambda hold: hold * inner.count(hold))
