"""Detects animations: counts the pictures of a GIF, PNG or WebP by its headers, without decoding them.

Pillow counts a GIF's pictures by decoding all of them, and a file of a few hundred kilobytes can hold thousands of
pictures of 64 megapixels. The functions here read headers of a few bytes and skip the data between them.

Sources: GIF89a specification, sections 18 to 27; PNG specification (third edition), chapter 5 and acTL in 11.3.2.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path
from typing import IO

from ..errors import InputError
from .webp import TOO_SHORT, USUAL, is_webp, read_webp

_MOST_BLOCKS = 1_000_000  # largest number of blocks that are read; in a GIF 255 MB, which takes about a second
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Animation:
    """When browsers show the pictures of a GIF, PNG or WebP.

    Attributes:
        stamps: timestamp of each picture, in ticks.
        tick: seconds per tick.
        last: duration of the last picture in ticks.
        loops: whether the animation repeats.
        hurried: whether some delays are too short, so that browsers use a tenth of a second instead.
    """

    stamps: tuple[int, ...]
    tick: Fraction
    last: int
    loops: bool
    hurried: bool


def read_animation(path: Path) -> Animation | None:
    """Reads the timing of an animation from its file's headers; returns None if it is no animated GIF, PNG or WebP.

    Raises:
        InputError: a WebP is cut short, or cannot be read.
        OSError: the file cannot be read.
    """
    tick = Fraction(1, 1000)
    with path.open("rb") as file:
        walk = _choose_walk(file)
        if walk is None:
            if not is_webp(path):
                return None
            given, loops = read_webp(path)
            delays = [Fraction(each, 1000) for each in given]
        else:
            delays, loops = [], False
            for each in islice(walk(file), _MOST_BLOCKS):
                if isinstance(each, Fraction):
                    delays.append(each)
                else:
                    loops = each != 1
            tick = Fraction(1, 100) if walk is _walk_gif else Fraction(1, 1_000_000)
    if len(delays) < 2:
        return None
    shortest = Fraction(TOO_SHORT, 1000)
    played = [round((each if each > shortest else Fraction(USUAL, 1000)) / tick) for each in delays]
    stamps = tuple(accumulate(played[:-1], initial=0))
    return Animation(stamps, tick, played[-1], loops, any(each <= shortest for each in delays))


def moves(path: Path) -> bool:
    """Returns whether a file is a GIF, PNG or WebP of more than one picture, as far as its headers are valid.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        walk = _choose_walk(file)
        if walk is not None:
            pictures = (each for each in walk(file) if isinstance(each, Fraction))
            return len(list(islice(pictures, 2))) > 1
    with suppress(InputError):
        return is_webp(path) and len(read_webp(path)[0]) > 1
    return False


def _choose_walk(file: IO[bytes]) -> "Callable[[IO[bytes]], Iterator[Fraction | int]] | None":
    """The function that reads a file of this kind; None for other kinds.

    It yields each picture's delay in seconds as a Fraction, and the number of plays as an int: 1 once, 0 endlessly.
    """
    head = file.read(12)
    file.seek(0)
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return _walk_gif
    return _walk_png if head[:8] == _PNG else None


def _walk_gif(file: IO[bytes]) -> Iterator[Fraction | int]:
    """Reads block after block; a delay precedes its picture."""
    head = file.read(13)
    if len(head) < 13:
        return
    _skip_palette(file, head[10])
    blocks = 0
    delay = Fraction(0)
    while blocks < _MOST_BLOCKS:
        kind = file.read(1)
        label = b""
        if kind == b"!":
            label = file.read(1)
        elif kind == b",":
            yield delay
            delay = Fraction(0)
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return
            _skip_palette(file, descriptor[8])
            file.seek(1, 1)  # LZW minimum code size
        else:
            return
        first = b""
        while (size := file.read(1)) not in (b"", b"\x00"):
            if label in (b"\xf9", b"\xff"):  # graphic control (delay) and application (loops) extensions
                data = file.read(size[0])
                if label == b"\xf9" and len(data) >= 4:
                    delay = Fraction(int.from_bytes(data[1:3], "little"), 100)
                elif first[:11] in (b"NETSCAPE2.0", b"ANIMEXTS1.0") and data[:1] == b"\x01" and len(data) >= 3:
                    count = int.from_bytes(data[1:3], "little")
                    yield count + 1 if count else 0
                first = first or data
            else:
                file.seek(size[0], 1)
            blocks += 1
            if blocks >= _MOST_BLOCKS:
                break
        blocks += 1


def _skip_palette(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _walk_png(file: IO[bytes]) -> Iterator[Fraction | int]:
    """Reads chunk after chunk: acTL holds the number of plays, and an fcTL precedes each picture."""
    file.seek(len(_PNG))
    animated = False
    for _ in range(_MOST_BLOCKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND" or (head[4:] == b"IDAT" and not animated):
            return
        size = int.from_bytes(head[:4], "big")
        wanted = {b"acTL": 8, b"fcTL": 26}.get(head[4:])
        if wanted is None or size < wanted:
            file.seek(size + 4, 1)
            continue
        data = file.read(wanted)
        if len(data) < wanted:
            return
        file.seek(size - wanted + 4, 1)
        if head[4:] == b"acTL":
            animated = True
            yield int.from_bytes(data[4:8], "big")
        else:
            parts, whole = int.from_bytes(data[20:22], "big"), int.from_bytes(data[22:24], "big")
            yield Fraction(parts, whole or 100)
