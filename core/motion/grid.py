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
