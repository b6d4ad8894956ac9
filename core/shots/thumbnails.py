"""Thumbnails of 32 x 32 pixels, and how they are compared.

Thresholds were set by hand on the cases of tests/shots/test_cuts.py and the films of benchmarks/cuts.py, seeds 100-119.
"""

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Thumb = NDArray[np.uint8]
"""(32, 32, 3) uint8, RGB: a reduced frame."""

SIDE = 32  # of a thumbnail
_BLOCK = 4  # side of a block of it
_REACH_Y, _REACH_X = 4, 8  # pixels that a block may move: an eighth of the height, a quarter of the width
_BLANK = 6.0  # standard deviation in levels up to which a thumbnail is blank
_FADES = 0.5  # smallest change of brightness in levels from one frame to the next in a fade
_FIT_ROUNDS = 3  # rounds of fitting gain and offset; each keeps ...
_FIT_KEPT = 0.85  # ... this share of pixels, those that fitted best
_MAX_FADE_RESIDUAL = 0.15  # share of the change that gain and offset may leave unexplained
_ROUNDED = 1 / 6  # variance of the difference of two rounded pixels


def shrink(frame: NDArray[np.uint8]) -> Thumb:
    """Reduces a frame, (H, W, 3) uint8, to a thumbnail."""
    if frame.shape[0] % 2 == frame.shape[1] % 2 == 0 and min(frame.shape[:2]) > 2 * SIDE:
        # Halving by bilinear interpolation is the mean of four pixels too, and faster.
        frame = np.asarray(cv2.resize(frame, (frame.shape[1] // 2, frame.shape[0] // 2)), np.uint8)
    return np.asarray(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def difference(first: Thumb, second: Thumb) -> float:
    """Returns the mean absolute difference of two thumbnails, in levels."""
    return float(cv2.norm(first, second, cv2.NORM_L1)) / first.size


def find_fade(first: Thumb, second: Thumb) -> int:
    """Returns whether the brightness of the whole picture changes: 1 brighter, -1 darker, 0 no fade.

    A gain and an offset must explain nearly all of the difference in most pixels; the others may belong to moving
    objects.
    """
    start, end = (thumb.ravel().astype(np.float32) for thumb in (first, second))
    if abs(float(end.mean() - start.mean())) < _FADES / 2:
        return 0
    for _ in range(_FIT_ROUNDS):
        spread = start - start.mean()
        power = float(spread @ spread)
        gain = float(spread @ (end - end.mean())) / power if power else 1.0
        off = np.abs(end - end.mean() - gain * spread)
        kept = off <= np.quantile(off, _FIT_KEPT)
        start, end = start[kept], end[kept]
    left, whole = off[kept], end - start
    change = float(whole.mean())
    if abs(change) < _FADES or float(left @ left) > _MAX_FADE_RESIDUAL * float(whole @ whole) + _ROUNDED * start.size:
        return 0
    return 1 if change > 0 else -1


def is_blank(thumb: Thumb) -> bool:
    """Returns whether a thumbnail is a single colour."""
    return bool(cv2.meanStdDev(thumb)[1].max() < _BLANK)


def light_change(first: Thumb, second: Thumb) -> float:
    """Returns the absolute change of the mean, in levels."""
    return abs(float(first.mean()) - float(second.mean()))


def variance(thumb: Thumb) -> float:
    """Returns the variance of a thumbnail's values, in levels squared."""
    return float(thumb.var())


def mixture(first: Thumb, middle: Thumb, last: Thumb) -> tuple[float, float]:
    """Fits `middle` as a mixture of `first` and `last`.

    Returns:
        The share of `last`, and the root mean square of the residual relative to the distance from `first` to `last`.
    """
    start = first.ravel().astype(np.float32)
    whole = last.ravel() - start
    part = middle.ravel() - start
    length = max(float(whole @ whole), 1.0)
    share = float(whole @ part) / length
    left = max(float(part @ part) - share * share * length, 0.0)
    return share, (left / length) ** 0.5


def compare(first: Thumb, second: Thumb, *, enough: float = 0.3) -> float:
    """Returns the dissimilarity of two thumbnails: 0 the same picture, moved or relit; 1 nothing in common.

    Args:
        first: the earlier one.
        second: the later one.
        enough: skip the slower comparisons once the result is at most this.
    """
    found = _unexplained(first, second)
    if found > enough:
        found = (found + _unexplained(second, first)) / 2
    if found > enough:
        relit = _relight(first, second)
        if relit is not None:
            found = min(found, (_unexplained(relit, second) + _unexplained(second, relit)) / 2)
    return found


def _unexplained(source: Thumb, target: Thumb) -> float:
    """Share of the target's blocks, without blank ones, that have no match nearby in the source."""
    wide = cv2.copyMakeBorder(source, _REACH_Y, _REACH_Y, _REACH_X, _REACH_X, cv2.BORDER_REPLICATE)
    planes = np.ascontiguousarray(wide.transpose(2, 0, 1))  # (3, 40, 48)
    moved = sliding_window_view(planes, (SIDE, SIDE), axis=(1, 2))  # (3, 9, 17, 32, 32)
    still = np.ascontiguousarray(target.transpose(2, 0, 1))[:, None, None]  # (3, 1, 1, 32, 32)
    off = np.maximum(moved, still)
    off -= np.minimum(moved, still)
    # Sums slice by slice: many times faster than reductions along axes of length four.
    rows = np.zeros((*off.shape[1:3], SIDE // _BLOCK, SIDE), np.uint16)  # (9, 17, 8, 32)
    for plane in off:
        for row in range(_BLOCK):
            rows += plane[:, :, row::_BLOCK]
    sums = rows[..., 0::_BLOCK] + rows[..., 1::_BLOCK]
    sums += rows[..., 2::_BLOCK]
    sums += rows[..., 3::_BLOCK]
    sums = sums.reshape(-1, SIDE // _BLOCK, SIDE // _BLOCK)  # (153, 8, 8)
    best = sums.min(0) / (3 * _BLOCK**2)  # (8, 8), levels
    at_rest = sums[len(sums) // 2] / (3 * _BLOCK**2)  # (8, 8)
    content = (at_rest > 6) | (_detail(target) > 4)
    return float(np.clip((best - 4) / 8, 0, 1).sum() / max(int(content.sum()), (SIDE // _BLOCK) ** 2 // 4))


def _detail(thumb: Thumb) -> NDArray[np.float32]:
    """Mean absolute deviation of each block's pixels from their mean, in levels: (8, 8)."""
    blocks = SIDE // _BLOCK
    pixels = thumb.reshape(blocks, _BLOCK, blocks, _BLOCK, 3).astype(np.float32)
    return np.asarray(np.abs(pixels - pixels.mean((1, 3), keepdims=True)).mean((1, 3, 4)), np.float32)


def _relight(source: Thumb, target: Thumb) -> Thumb | None:
    """The source with the target's brightness and contrast; None if these do not explain the difference."""
    pixels, wanted = source.astype(np.float32), target.astype(np.float32)
    spread, wanted_spread = float(pixels.std()), float(wanted.std())
    if min(spread, wanted_spread) < _BLANK:
        return None
    middle, wanted_middle = float(pixels.mean()), float(wanted.mean())
    likeness = float(((pixels - middle) * (wanted - wanted_middle)).mean()) / (spread * wanted_spread)
    if likeness < 0.7:
        return None
    relit = np.clip((pixels - middle) * (wanted_spread / spread) + wanted_middle, 0, 255)
    return np.asarray(relit, np.uint8)
