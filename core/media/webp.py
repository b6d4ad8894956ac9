"""Animated WebP: the headers, which are read without decoding, and the pictures, which Pillow decodes.

Most builds of ffmpeg cannot decode animated WebP.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import reason, shown

USUAL = 100
"""Milliseconds that browsers use instead of a delay that is too short."""
TOO_SHORT = 10
"""Longest delay in milliseconds that browsers treat as too short, in GIF, APNG and WebP alike."""
_MOST = 1 << 24  # pictures in an animation, as for any film
_MOST_DECODED = 25_000_000  # pixels that are decoded to find transparency; takes about a quarter of a second


def is_webp(path: Path) -> bool:
    """Returns whether a file is WebP, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def list_durations(path: Path) -> list[int]:
    """Returns how long browsers show each picture, in milliseconds.

    Raises:
        InputError: the file is cut short, has too many pictures, or cannot be read.
    """
    return [each if each > TOO_SHORT else USUAL for each in read_webp(path)[0]]


def read_webp(path: Path) -> tuple[list[int], bool]:
    """Reads the headers of a file's chunks (RFC 9649, section 2.7).

    Returns:
        The duration of each picture in milliseconds, and whether the animation repeats.

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
    """Returns whether anything in a file is transparent.

    The header's flag is not enough: encoders use alpha to store only what changed, even if every composed picture is
    opaque. So the first pictures are decoded. If there are more than that, the file counts as transparent.

    Args:
        path: the file.
        count: largest number of pictures to decode; fewer if they are large.
    """
    from PIL import Image

    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        if image.mode != "RGBA":  # by the header
            return False
        most = min(count, _MOST_DECODED // (image.width * image.height))
        pictures = len(read_webp(path)[0])
        for number in range(min(most, pictures)):
            try:
                image.seek(number)
                if np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
                    return True
            except Exception:  # decoding reports which picture is damaged
                return True
    return pictures > most


def read_size(path: Path) -> tuple[int, int]:
    """Returns the width and height of a file's pictures, in pixels.

    Raises:
        InputError: Pillow cannot read the file.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return image.size
    except Exception as error:  # Pillow raises various errors for damaged files
        raise InputError(f"{shown(path)}: cannot be read ({error}); check the file or convert it") from error


def decode_webp(
    path: Path, width: int, height: int, fit: str, start: float, background: tuple[int, int, int] | None
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Decodes an animated WebP; `decode.decode_video` describes the arguments.

    Yields:
        (seconds, (height, width, C) uint8): C is 4 if `background` is None, else 3.

    Raises:
        InputError: a picture is damaged.
    """
    from PIL import Image, ImageOps

    milliseconds = 0
    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        for number, duration in enumerate(list_durations(path)):
            time = milliseconds / 1000
            try:
                image.seek(number)
                picture = image.convert("RGBA")
            except Exception as error:  # Pillow raises various errors for damaged files
                raise InputError(
                    f"{shown(path)}: its picture at {time:.2f} s cannot be read ({error}); check the file or convert it"
                ) from error
            if time >= start:
                flat = picture
                if background is not None:
                    flat = Image.new("RGBA", picture.size, background)
                    flat.alpha_composite(picture)
                    flat = flat.convert("RGB")
                size = (width, height)
                if fit == "crop":
                    flat = ImageOps.fit(flat, size, Image.Resampling.BICUBIC)
                elif fit == "letterbox":
                    flat = ImageOps.pad(flat, size, Image.Resampling.BICUBIC)
                elif flat.size != size:
                    flat = flat.resize(size, Image.Resampling.BICUBIC)
                yield round(time, 6), np.asarray(flat, np.uint8).copy()
            milliseconds += duration
