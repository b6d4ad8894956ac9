"""Grids of pixel positions, and sampling a picture at positions."""

from functools import lru_cache, reduce
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Flow = NDArray[np.float32]


def pixel_grid(height: int, width: int) -> Array:
    """The positions of all pixels: (height, width, 2) float32, each (x, y); it cannot be written to."""
    return _keep_grid(height, width) if height * width <= _KEPT_CELLS else _make_grid(height, width)


_KEPT_CELLS = 1280 * 720  # of grids that are kept: a pair of frames of this size needs five, 10 MB in all


def _make_grid(height: int, width: int) -> Array:
    grid = np.empty((height, width, 2), np.float32)
    grid[..., 0] = np.arange(width, dtype=np.float32)
    grid[..., 1] = np.arange(height, dtype=np.float32)[:, None]
    grid.flags.writeable = False
    return grid


_keep_grid = lru_cache(maxsize=6)(_make_grid)


_LONGEST = 32_000
"""Largest side in pixels for OpenCV's remap, which has 16-bit coordinates."""
_MARGIN = 3  # pixels around a position that cubic interpolation reads, and one more


def warp(image: Array, at: Array, interpolation: int = cv2.INTER_LINEAR) -> Array:
    """Samples an image at the positions `at`, (h, w, 2) in pixels (x, y); outside it, the edge is repeated.

    Pictures that are too large for OpenCV are sampled in parts.
    """
    if max(*image.shape[:2], *at.shape[:2]) < _LONGEST:
        return _remap(image, at, interpolation)
    height, width = at.shape[:2]
    low, high = (np.floor(edge).astype(int) for edge in (at.min((0, 1)) - _MARGIN, at.max((0, 1)) + _MARGIN + 1))
    limits = np.array(image.shape[1::-1])
    low, high = np.clip(low, 0, limits - 1), np.clip(high, 1, limits)
    if max(*(high - low), height, width) < _LONGEST:
        # what is sampled lies in a part of the image that is small enough
        part = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
        return _remap(part, at - low.astype(at.dtype), interpolation)
    axis = 0 if height >= width else 1
    halves = np.array_split(at, 2, axis=axis)
    return np.concatenate([warp(image, half, interpolation) for half in halves], axis=axis)


def _remap(image: Array, at: Array, interpolation: int) -> Array:
    return cv2.remap(image, at, None, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload,no-any-return]


def max_of_channels(picture: Array) -> Array:
    """The largest of (H, W, C) over its channels: (H, W); NumPy's maximum takes twenty times as long."""
    return np.asarray(reduce(cv2.max, cv2.split(picture)))


def mean_of_channels(picture: Array) -> Array:
    """The mean of (H, W, C) over its channels: (H, W) float32."""
    picture = picture.astype(np.float32, copy=False)
    count = picture.shape[2]
    return picture[..., 0] if count == 1 else cv2.transform(picture, np.full((1, count), 1 / count, np.float32))


def fit_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """The size (width, height) of a picture of that shape, (H, W, …), reduced so that no side is longer than `side`."""
    height, width = shape[:2]
    scale = min(1.0, side / max(height, width))
    return max(8, round(width * scale)), max(8, round(height * scale))


def touches_border(mask: Array) -> bool:
    """Whether a mask, (H, W) bool, touches the picture's border, beyond which it may go on."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def find_box(mask: Array, margin: int) -> tuple[slice, slice]:
    """Rows and columns around a mask, (H, W) bool or uint8, with a margin in pixels; both are empty if the mask is."""
    x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
    if w == 0:
        return slice(0, 0), slice(0, 0)
    return slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin)


def find_overlap(shape: tuple[int, ...], dx: int, dy: int) -> tuple[Any, Any]:
    """Where either of two pictures, (H, W), shows what both show if the last one is moved by whole pixels."""
    height, width = shape[:2]
    here = np.s_[max(0, -dy) : max(0, height - max(0, dy)), max(0, -dx) : max(0, width - max(0, dx))]
    there = np.s_[max(0, dy) : max(0, height - max(0, -dy)), max(0, dx) : max(0, width - max(0, -dx))]
    return here, there
