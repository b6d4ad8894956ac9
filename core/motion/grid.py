"""Grids of pixel positions, and sampling a picture at positions."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Flow = NDArray[np.float32]


def pixel_grid(height: int, width: int) -> Array:
    """The places of all pixels: (height, width, 2) float32, each (x, y)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([x, y])


def warp(image: Array, at: Array, interpolation: int = cv2.INTER_LINEAR) -> Array:
    """Samples an image at the positions `at`, (h, w, 2) in pixels (x, y); outside it, the edge is repeated."""
    return cv2.remap(image, at, None, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload,no-any-return]


def mean_of_channels(picture: Array) -> Array:
    """The mean of (H, W, C) over its channels: (H, W) float32."""
    picture = picture.astype(np.float32)
    count = picture.shape[2]
    return picture[..., 0] if count == 1 else cv2.transform(picture, np.full((1, count), 1 / count, np.float32))


_LEAP = 4.0


def shrink_flow(flow: Flow, width: int, height: int, cell: float) -> Flow:
    """Brings a flow to a coarser grid; its lengths stay as they are.

    A mean, but where things part whose motions are far apart, one of them: what lies between leads nowhere.

    Args:
        flow: (h, w, 2).
        width: cells of the grid across.
        height: cells down.
        cell: length of a cell in units of the flow.
    """
    mean = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    one = cv2.resize(flow, (width, height), interpolation=cv2.INTER_NEAREST)
    apart = np.abs(one - mean).max(2, keepdims=True) > _LEAP * cell
    return np.where(apart, one, mean)
