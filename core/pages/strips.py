"""Pictures of sequences for a page: all frames in a row, and the middle one large."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..media.frames import fit_size, resize_image, to_uint8

_STRIP_WIDTH = 1440  # pixels of a row of frames
_WIDEST = 240  # pixels of a frame in it
_CLOSE = 640  # pixels of the longer side of the middle frame
_GAP = 2
_QUALITY = 90  # of WebP; a page of lossless frames would be ten times as large


@dataclass(frozen=True)
class Strip:
    """A sequence's pictures, as WebP.

    Attributes:
        row: all frames from left to right.
        close: the one in the middle.
        width: of `row`, in pixels.
        height: of `row`.
    """

    row: bytes
    close: bytes
    width: int
    height: int


def draw_strip(frames: Sequence[NDArray[np.uint8]]) -> Strip:
    """Draws a sequence's pictures.

    Args:
        frames: (H, W, 3), all of one size; the ends among them.
    """
    count = len(frames)
    height, width = frames[0].shape[:2]
    across = max(1, min(_WIDEST, width, (_STRIP_WIDTH - _GAP * (count - 1)) // count))
    down = max(1, round(height * across / width))
    row = np.full((down, count * (across + _GAP) - _GAP, 3), 255, np.uint8)
    for number, frame in enumerate(frames):
        left = number * (across + _GAP)
        row[:, left : left + across] = to_uint8(resize_image(frame, across, down))
    close = frames[count // 2]
    close = to_uint8(resize_image(close, *fit_size(width, height, min(_CLOSE, max(width, height)))))
    return Strip(_encode(row), _encode(close), row.shape[1], row.shape[0])


def _encode(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=_QUALITY, method=4)
    return file.getvalue()
