"""Writes one picture as a PNG or TIFF, by its suffix."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..errors import OutputError
from ..files import shown
from .frames import Frame
from .image_files import encode_png

SUFFIXES = (".png", ".tif", ".tiff")
"""So end the names of pictures that can be numbered; for others, see `deep`."""


def check_picture_format(path: Path) -> None:
    """Checks that a picture can be written by its suffix.

    Raises:
        OutputError: it cannot.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"{shown(path)}: drawings in layers and sprites can be numbered as {', '.join(SUFFIXES)}, .psd or .ora; "
            "choose one of these"
        )


def write_picture(path: Path, frame: Frame) -> None:
    """Writes a frame, (H, W, C), 8 or 16 bits, losslessly; the file is written directly.

    Raises:
        OSError: it cannot be written.
    """
    if path.suffix.lower() == ".png":
        path.write_bytes(encode_png(frame))
        return
    if frame.dtype == np.uint8:
        with io.BytesIO() as file:
            pixels = frame[..., 0] if frame.shape[2] == 1 else frame
            Image.fromarray(pixels).save(file, "TIFF", compression="tiff_adobe_deflate")
            path.write_bytes(file.getvalue())
        return
    pixels = frame if frame.shape[2] == 1 else frame[..., [2, 1, 0, 3][: frame.shape[2]]]
    how = [cv2.IMWRITE_TIFF_COMPRESSION, 8]  # deflate
    done, data = cv2.imencode(".tif", np.ascontiguousarray(pixels), how)
    if not done:
        raise MemoryError(f"a frame of {frame.shape[1]} x {frame.shape[0]} pixels could not be encoded")
    path.write_bytes(data.tobytes())
