"""Which drawings of a film are held, and for how long.

**Duplicate drawings** (animation on twos and threes) are compared in the frame's own size with the last drawing that
was kept, never with the frame before, so that slow motion and fades add up until they count.

**In worn films** every frame differs from the one before by its grain, its dirt, its light and its place. There the
film's noise is measured first (`noise`); both frames are freed of specks, brought to one place and one light, and
blurred by a pixel, and what is left is measured against what noise alone leaves: in the whole picture and in blocks of
several sizes, each with the limit that noise exceeds in one block of some hundred thousand. A pan and a fade are told
from weave and flicker by their path, which goes one way.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.choices import HOLD_SCORE
from .noise import SLOPES, Noise, NoiseMeter, bring, nearby, slope
from .registration import Array
from .thumbnails import SIDE


@dataclass(frozen=True)
class _View:
    """A frame as it is compared under noise."""

    pixels: Array
    """(h, w, 3) float32, YCrCb."""
    specks: NDArray[np.uint8] | None
    """(h, w), 255 on specks."""

    @staticmethod
    def take(meter: NoiseMeter, number: int) -> "_View | None":
        view = meter.view(number)
        return None if view is None else _View(view.astype(np.float32), meter.specks(number))


class DuplicateFinder:
    """Finds held drawings: each frame is compared with the last one that was kept.

    A frame is new when one of its blocks (a thirty-second of the shorter side) has changed visibly, when the whole has
    changed a little everywhere, or when its light has. Against the last kept frame slow motion and fades add up.

    Args:
        threshold: of the score, up to which a frame shows the drawing kept last.
        meter: what measures the film's noise, where that is to be allowed for.
    """

    def __init__(self, threshold: float = HOLD_SCORE, meter: NoiseMeter | None = None) -> None:
        self._threshold = threshold
        self._meter = meter
        self._kept: NDArray[np.uint8] | None = None
        self._light = 0.0
        self._kept_view: _View | None = None
        self._kept_number = 0
        self.score = 0.0
        """Of the last frame: how much it differs from the drawing kept before it; 1 is where it usually is new."""

    def is_duplicate(self, frame: NDArray[np.uint8], number: int | None = None) -> bool:
        """Whether a frame shows the drawing kept last; if not, it is the one kept from now on.

        Args:
            frame: (H, W, 3) uint8.
            number: the frame's number for the meter; None: there is none.
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
                weaves = np.array([noise.weave > _WEAVING] * 2 + [noise.flicker > 0])
                drift += np.where(weaves, smoothed, plain)
                if number - each > _LONGEST:
                    break
            moved = float(np.hypot(*drift[:2])) / _DRIFTED
            lit = abs(float(drift[2])) / max(_SAME_LIGHT, _FLICKER * noise.flicker)
            self.score = max(self.score, moved, lit)
            if self.score <= self._threshold:
                return True
        self._kept, self._kept_view, self._kept_number = frame, view, number
        self._light = float(sum(cv2.mean(frame)[:3])) / 3
        return False

    def forget(self) -> None:
        """The next frame is new whatever it shows: a shot begins."""
        self._kept = self._kept_view = None


_SAME_LIGHT = 0.7  # levels by which the mean of a held drawing may waver in a compressed film
_SAME_WHOLE = 2.0  # levels of mean absolute difference
_SAME_BLOCK = 6.0  # levels of mean absolute difference in the block that differs most
_FLICKER = 2.0  # the same in a film that flickers, in standard deviations of its light, once that is smoothed
_WEAVING = 0.15  # pixels: from there on a film's own path says less of a pan than the smoothed one
_DRIFTED = 0.35  # pixels of the working size that a held drawing may have drifted
_LONGEST = 48  # frames over which a drift is added up
_BLURRED = 1.0  # pixels: standard deviation of the blur before two noisy frames are compared
_BLOCKS = (3, 6, 12, 24)  # blocks of the shorter side, from coarse to fine
_LEAST_BLOCK = 8  # pixels
_LEAST_LUMA, _LEAST_CHROMA = 1.0, 1.5  # levels that a codec changes a held drawing by, after the blur
_BLURRED_OUTLINES = 0.07  # pixels by which registration leaves outlines displaced
_RARE = 4.75  # standard deviations of a normal distribution that a block reaches by noise once in a million
_MOVING = (3, 6, 12, 24)  # blocks of the shorter side in which slow motion is searched
_SURE = 40.0  # what twice 4.75 standard deviations' chance gives a sum of two squares, and half as much again
_SHIFTED = 0.15  # pixels by which a held drawing may seem to have moved
_MARGIN = 1.5  # times what normally distributed noise would reach: grain is not quite that
_GROUND = 0.4  # of the shorter side over which light may be uneven from frame to frame


def _compare(kept: NDArray[np.uint8], frame: NDArray[np.uint8], threshold: float) -> float:
    whole = float(cv2.norm(kept, frame, cv2.NORM_L1)) / frame.size
    if whole == 0 or whole / _SAME_WHOLE > max(1.0, threshold):
        return whole / _SAME_WHOLE
    off = cv2.absdiff(kept, frame)
    height, width = frame.shape[:2]
    if min(height, width) >= 4 * SIDE:
        off = cv2.resize(off, (width // 2, height // 2))  # the mean of four pixels, and quick
    block = max(4 if min(height, width) >= 16 else 1, min(height, width) // SIDE)
    blocks = cv2.resize(off, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA)
    return max(whole / _SAME_WHOLE, float(blocks.max()) / _SAME_BLOCK)


def _compare_under_noise(kept: _View, view: _View, meter: NoiseMeter, noise: Noise) -> float:
    """How far two frames differ by more than noise, where neither has a speck; 1: as far as noise goes."""
    registration = meter.register(kept.pixels, view.pixels)
    if not registration.fits:
        return 2.0 * _MARGIN
    moved = bring(registration, kept.pixels)
    steep = cv2.max(slope(moved[..., 0]), slope(view.pixels[..., 0]))
    off = view.pixels - moved
    for specks in (view.specks, None if kept.specks is None else registration.moved(kept.specks)):
        if specks is not None:
            off[specks > 64] = 0  # before the blur, so that nothing of them is left
    off = cv2.GaussianBlur(off, (0, 0), _BLURRED)
    around = nearby(steep)
    height, width = steep.shape
    border = 3 + int(np.ceil(np.abs(registration.shift).max()))
    inside = np.s_[border : height - border, border : width - border]
    worst = 0.0
    for channel in range(3):
        here = np.ascontiguousarray(off[..., channel])
        if noise.flicker > 0:
            # the light may be uneven, by about as much as it flickers
            ground = cv2.blur(here, (int(_GROUND * min(height, width)) | 1,) * 2)
            here -= np.clip(ground, -2 * noise.flicker, 2 * noise.flicker)
        least = _LEAST_LUMA if channel == 0 else _LEAST_CHROMA
        usual = noise.left[channel] ** 2 + least**2 + np.square(_BLURRED_OUTLINES * steep)
        if noise.near[channel].any():
            usual = cv2.max(usual, np.interp(around, SLOPES, noise.near[channel] ** 2 + least**2).astype(np.float32))
        if channel == 0:
            both = moved[..., 0] + view.pixels[..., 0]
            worst = _find_motion(here[inside], both, usual[inside], noise.together[0], inside)
        score = (np.square(here) / usual)[inside]
        for blocks in _BLOCKS:
            side = max(_LEAST_BLOCK, min(height, width) // blocks)
            if side <= min(score.shape):
                means = cv2.blur(score, (side, side))[side // 2 : -(side // 2), side // 2 : -(side // 2)]
                if means.size:
                    worst = max(worst, float(means.max()) / (_MARGIN * _limit(side * side / noise.together[channel])))
    return worst


def _find_motion(off: Array, both: Array, usual: Array, together: float, inside: tuple[slice, slice]) -> float:
    """How far some part of a picture has moved, against what noise makes of it; 1: as far as that goes.

    What moves by a little changes by its shift times its slope. In each block the shift is found that explains most, by
    least squares, which sees slow motion long before the difference is larger than the grain.

    Args:
        off: difference of two frames, blurred, where both are known.
        both: (h, w) their sum.
        usual: variance that noise gives the difference, of its shape.
        together: pixels of it that are as one.
        inside: where both are known.
    """
    mean = cv2.GaussianBlur(both, (0, 0), _BLURRED) / 2
    x, y = (cv2.Sobel(mean, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)[inside] for axis in (0, 1))
    usual = usual * together
    height, width = off.shape
    worst = 0.0
    for blocks in _MOVING:
        side = max(_LEAST_BLOCK, min(height, width) // blocks)
        if side > min(height, width):
            continue
        part = slice(side // 2, -(side // 2), max(1, side // 2))
        xx, xy, yy, xo, yo = (
            cv2.boxFilter(product, cv2.CV_32F, (side, side), normalize=False)[part, part]
            for product in (x * x / usual, x * y / usual, y * y / usual, x * off / usual, y * off / usual)
        )
        if not xx.size:
            continue
        # a shift along an outline cannot be seen, and is taken for none
        xx, yy = xx + 1, yy + 1
        of = np.maximum(xx * yy - xy * xy, 1e-6)
        dx, dy = (yy * xo - xy * yo) / of, (xx * yo - xy * xo) / of
        sure = (dx * xo + dy * yo) / _SURE
        worst = max(worst, float(np.minimum(sure, np.hypot(dx, dy) / _SHIFTED).max()))
    return worst


def _limit(free: float) -> float:
    """What the mean of so many independent squares of normally distributed values hardly ever exceeds.

    By Wilson and Hilferty, "The distribution of chi-square" (PNAS 1931).
    """
    of = 2 / (9 * max(1.0, free))
    return float((1 - of + _RARE * of**0.5) ** 3)


def find_cadence(holds: list[int]) -> int | None:
    """On what a shot is animated: 1 ones, 2 twos, ...: the hold that most of its frames belong to.

    Args:
        holds: for each drawing of the shot, how many frames it is held. The first and last may be cut short, and are
            left out where others are left.

    Returns:
        Frames a drawing; None for a shot of one drawing.
    """
    inner = holds[1:-1] or holds
    if len(holds) < 2:
        return None
    return max(sorted(set(inner)), key=lambda hold: hold * inner.count(hold))
