"""YUV4MPEG2 (y4m), the stream of raw frames that programs send through pipes: its header, as in yuv4mpeg(5)."""

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import IO

from ..errors import InputError


@dataclass(frozen=True)
class Header:
    """The header of a y4m stream.

    Attributes:
        data: its bytes.
        width: columns.
        height: rows.
        rate: frames per second.
        aspect: width of a pixel relative to its height.
        chroma: "420", "422" or "444".
        depth: bits per channel.
        full_range: whether values cover the full range, not 16 to 235.
        interlaced: whether each frame holds two fields.
        alpha: whether frames have an alpha channel.
    """

    data: bytes
    width: int
    height: int
    rate: Fraction
    aspect: Fraction
    chroma: str
    depth: int
    full_range: bool
    interlaced: bool
    alpha: bool


def read_header(stream: IO[bytes]) -> Header:
    """Reads the header line of a stream, and not one byte more.

    Raises:
        InputError: it is no y4m stream, or gives no frame rate.
    """
    data = b""
    while not data.endswith(b"\n") and len(data) < 1024:
        letter = os.read(stream.fileno(), 1)
        if not letter:
            break
        data += letter
        if not b"YUV4MPEG2 ".startswith(data[:10]):
            break
    fields = {field[:1]: field[1:] for field in data.decode("ascii", "replace").split()[1:] if field[:1] != "X"}
    size = [fields.get(name, "") for name in "WH"]
    rate = _read_ratio(fields.get("F", ""))
    if not data.startswith(b"YUV4MPEG2 ") or not all(side.isdecimal() and int(side) for side in size):
        found = "nothing" if not data else "no y4m video"
        raise InputError(f"-: standard input holds {found}; send it a film by ffmpeg -i FILM -f yuv4mpegpipe -")
    if rate is None:
        raise InputError("-: the y4m video states no frame rate; write it with one, as ffmpeg does")
    layout = fields.get("C", "420jpeg")
    deep = re.search(r"p(\d+)$", layout) or re.search(r"mono(\d+)$", layout)
    return Header(
        data=data,
        width=int(size[0]),
        height=int(size[1]),
        rate=rate,
        aspect=_read_ratio(fields.get("A", "")) or Fraction(1),
        chroma="444" if layout.startswith("444") else "422" if layout.startswith("422") else "420",
        depth=int(deep[1]) if deep else 8,
        full_range=b"XCOLORRANGE=FULL" in data or layout.startswith("mono"),
        interlaced=fields.get("I", "p") in ("t", "b"),
        alpha="alpha" in layout,
    )


def _read_ratio(text: str) -> Fraction | None:
    """A ratio as in "30000:1001"; None if it is not one, or not positive."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", text)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[1]) and int(found[2]) else None


class Rejoined:
    """A stream whose first bytes were already read."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int) -> bytes:
        """Returns the bytes already read, and then up to `size` bytes from the stream."""
        if self._head:
            head, self._head = self._head, b""
            return head
        return os.read(self._stream.fileno(), size)
