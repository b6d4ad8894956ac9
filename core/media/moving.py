"""Which image files move: the pictures in a GIF, PNG or WebP counted by their headers, without decoding any.

Pillow counts the pictures of a GIF by reading all of them, and a file of a few hundred kilobytes can hold thousands of
pictures of 64 megapixels. The walks here read headers of a few bytes and skip what lies between them.

Sources: GIF89a specification, sections 18 to 27; PNG specification (third edition), chapter 5 and acTL in 11.3.2.
"""

from contextlib import suppress
from pathlib import Path
from typing import IO

from ..errors import InputError
from .webp import is_webp, list_durations

_MOST_BLOCKS = 1_000_000  # blocks that are skipped, of 255 bytes each in a GIF: 255 MB, in about a second
_PNG = b"\x89PNG\r\n\x1a\n"


def moves(path: Path) -> bool:
    """Whether a file is a GIF, PNG or WebP in which more than one picture plays, as far as its headers are sound.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return _gif_moves(file)
        if head[:8] == _PNG:
            return _png_moves(file)
    with suppress(InputError):
        return is_webp(path) and len(list_durations(path)) > 1
    return False


def _gif_moves(file: IO[bytes]) -> bool:
    """Finds a second image descriptor."""
    head = file.read(13)
    if len(head) < 13:
        return False
    _skip_palette(file, head[10])
    pictures = blocks = 0
    while blocks < _MOST_BLOCKS:
        kind = file.read(1)
        if kind == b"!":
            file.seek(1, 1)  # what kind of extension
        elif kind == b",":
            pictures += 1
            if pictures > 1:
                return True
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return False
            _skip_palette(file, descriptor[8])
            file.seek(1, 1)  # size of the codes
        else:
            return False
        while (size := file.read(1)) not in (b"", b"\x00"):
            file.seek(size[0], 1)
            blocks += 1
            if blocks >= _MOST_BLOCKS:
                break
        blocks += 1
    return False


def _skip_palette(file: IO[bytes], flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), 1)


def _png_moves(file: IO[bytes]) -> bool:
    """Finds acTL, which stands before the first picture and counts them."""
    file.seek(len(_PNG))
    for _ in range(_MOST_BLOCKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] in (b"IDAT", b"IEND"):
            return False
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"acTL":
            count = file.read(4)
            return len(count) == 4 and int.from_bytes(count, "big") > 1
        file.seek(size + 4, 1)
    return False
