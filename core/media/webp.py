"""WebP files: known by their first bytes, and how long each picture of an animation is shown, without decoding any."""

import os
from pathlib import Path

from ..errors import InputError
from ..files import reason, shown

USUAL = 100
"""Milliseconds for which browsers show a picture whose delay is too short."""
TOO_SHORT = 10
"""Milliseconds up to which they take a delay for too short, in GIF, APNG and WebP alike."""
_MOST = 1 << 24  # pictures of an animation, as of any film


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
