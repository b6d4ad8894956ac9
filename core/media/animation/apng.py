"""Writes APNG: the changed part of every frame as PNG data, lossless, 8 or 16 bits."""

import itertools
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import IO

from ...errors import OutputError
from ...files import shown
from ..frames import Frame
from ..image_files import encode_png
from .job import Job, find_changes, round_times


def write_apng(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes an APNG; returns its duration in seconds."""
    delay = (1 / job.fps).limit_denominator(65535)
    if delay.numerator > 65535 or not delay:
        raise OutputError(f"{shown(job.path)}: APNG cannot show {job.fps} frames a second; choose another number")
    times = None if job.ends is None else round_times(job, 1000)
    total = Fraction(0)
    before: Frame | None = None
    sequence = itertools.count()
    with job.draft.open("wb") as file:
        for number, frame in enumerate(frames):
            box = find_changes(before, frame)
            if times is not None:
                delay = Fraction(next(times), 1000).limit_denominator(1000)
                if delay.numerator > 65535:
                    delay = min(delay, Fraction(65535)).limit_denominator(max(1, int(65535 / delay)))
            total += delay
            chunks = list(_read_png(encode_png(frame[box[1] : box[3], box[0] : box[2]])))
            if number == 0:
                file.write(b"\x89PNG\r\n\x1a\n")
                _write_chunk(file, b"IHDR", chunks[0][1])
                if job.profile is not None:
                    _write_chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(job.profile))
                place = file.tell()
                _write_chunk(file, b"acTL", bytes(8))
            control = struct.pack(
                ">IIIIIHHBB", next(sequence), box[2] - box[0], box[3] - box[1], box[0], box[1],
                delay.numerator, delay.denominator, 0, 0,
            )  # fmt: skip
            _write_chunk(file, b"fcTL", control)
            for kind, data in chunks:
                if kind == b"IDAT" and number == 0:
                    _write_chunk(file, kind, data)
                elif kind == b"IDAT":
                    _write_chunk(file, b"fdAT", struct.pack(">I", next(sequence)) + data)
            before = frame
        _write_chunk(file, b"IEND", b"")
        file.seek(place)
        _write_chunk(file, b"acTL", struct.pack(">II", number + 1, 0 if job.loop else 1))
    return total


def _read_png(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the chunks (type, data) of a PNG file."""
    place = 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def _write_chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    """Writes a chunk of a PNG file."""
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
