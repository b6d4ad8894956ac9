"""Writes one picture as a PNG or TIFF, by its suffix."""

from pathlib import Path

from ..errors import OutputError
from ..files import shown
from .frames import Frame
from .image_files import encode_png, encode_tiff

SUFFIXES = (".png", ".tif", ".tiff")
"""Suffixes of pictures that are written one by one; `deep` has more."""


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
    path.write_bytes(encode_png(frame) if path.suffix.lower() == ".png" else encode_tiff(frame))
