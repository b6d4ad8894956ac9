"""WebP files: known by their first bytes, and how long each picture of an animation is shown, without decoding any."""

import os
import warnings
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import reason, shown

USUAL = 100
"""Milliseconds for which browsers show a picture whose delay is too short."""
TOO_SHORT = 10
"""Milliseconds up to which they take a delay for too short, in GIF, APNG and WebP alike."""
_MOST = 1 << 24  # pictures of an animation, as of any film
_ALPHA = 0x10  # flag of the VP8X chunk, section 2.7.1
_DECODED = 25_000_000  # pixels that are decoded to know whether alpha is opaque throughout: a quarter of a second


def is_webp(path: Path) -> bool:
    """Whether a file is WebP, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def list_durations(path: Path) -> list[int]:
    """How long browsers show each picture, in milliseconds.

    Raises:
        InputError: the file is cut short, has too many pictures, or cannot be read.
    """
    return [each if each > TOO_SHORT else USUAL for each in read_webp(path)[0]]


def read_webp(path: Path) -> tuple[list[int], bool]:
    """Reads the headers of a file's chunks (RFC 9649, section 2.7).

    Returns:
        How long each picture is to be shown, in milliseconds, and whether all begins anew at the end.

    Raises:
        InputError: the file is cut short, has too many pictures, or cannot be read.
    """
    found = []
    loops = False
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            place = 12
            while place + 8 <= end:
                file.seek(place)
                head = file.read(8)
                size = int.from_bytes(head[4:], "little")
                if place + 8 + size > end:
                    raise InputError(f"{shown(path)}: is cut short; check the file or convert it")
                if head[:4] == b"ANMF":
                    found.append(int.from_bytes(file.read(16)[12:15], "little"))
                    if len(found) > _MOST:
                        raise InputError(f"{shown(path)}: has more than {_MOST:,} pictures; cut it into parts first")
                elif head[:4] == b"ANIM":
                    loops = int.from_bytes(file.read(6)[4:6], "little") != 1
                place += 8 + size + size % 2
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); check the file") from error
    return found or [USUAL], loops


def has_transparency(path: Path, count: int) -> bool:
    """Whether anything in a file is transparent.

    The header only says that there may be: encoders store what changed in a picture with alpha around it, and pictures
    are opaque all the same. So the first pictures are decoded; where there are more, or they are large, alpha is kept.

    Args:
        path: of the file.
        count: pictures that are decoded, at most.
    """
    from PIL import Image

    with path.open("rb") as file:
        head = file.read(21)
    if head[12:16] == b"VP8L" and len(head) == 21:
        may_be = True  # its hint at alpha need not be right
    else:
        may_be = head[12:16] == b"VP8X" and len(head) == 21 and bool(head[20] & _ALPHA)
    if not may_be:
        return False
    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        most = min(count, _DECODED // (image.width * image.height))
        pictures = len(read_webp(path)[0])
        for number in range(min(most, pictures)):
            try:
                image.seek(number)
                if np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
                    return True
            except Exception:  # reading its pictures names the one that is damaged
                return True
    return pictures > most
