"""Writes animated WebP: the changed part of every frame, lossless."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError
from ...files import shown
from ..frames import Frame, as_channels, to_uint8
from .job import Job, check_size, find_changes, round_times, to_8_bits


def write_webp(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a lossless animated WebP; returns its duration in seconds."""
    from io import BytesIO

    from PIL import Image

    check_size(job, 16383, "WebP")
    if 1000 / job.fps >= 1 << 24:
        raise OutputError(
            f"{shown(job.path)}: WebP holds a frame for 16777 seconds at most; choose more frames a second"
        )
    before: NDArray[np.uint8] | None = None
    total = 0
    times = round_times(job, 1000)
    with job.draft.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        for frame in to_8_bits(job, frames, "WebP"):
            pixels = to_uint8(as_channels(frame, max(3, frame.shape[2])))
            if before is None:
                flags = 0x02 | (0x10 if pixels.shape[2] == 4 else 0) | (0x20 if job.profile is not None else 0)
                _write_riff(file, b"VP8X", bytes([flags, 0, 0, 0]) + _u24(job.width - 1) + _u24(job.height - 1))
                if job.profile is not None:
                    _write_riff(file, b"ICCP", job.profile)
                _write_riff(file, b"ANIM", bytes(4) + struct.pack("<H", 0 if job.loop else 1))
            left, top, right, bottom = find_changes(before, pixels)
            left, top = left & ~1, top & ~1  # offsets are even in this format
            still = BytesIO()
            part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
            part.save(still, "WEBP", lossless=True, quality=30, method=3, exact=True)
            time = next(times)
            if time >= 1 << 24:
                raise OutputError(f"{shown(job.path)}: WebP holds a frame for 16777 seconds at most; write a video")
            head = _u24(left // 2) + _u24(top // 2) + _u24(right - left - 1) + _u24(bottom - top - 1) + _u24(time)
            body = b"".join(data for kind, data in _read_riff(still.getvalue()) if kind in {b"VP8L", b"ALPH", b"VP8 "})
            _write_riff(file, b"ANMF", head + b"\x02" + body)  # 2: replace pixels without blending
            before = pixels
            total += time
        size = file.tell() - 8
        if size >= 1 << 32:
            raise OutputError(f"{shown(job.path)}: WebP holds 4 GiB at most; write a folder of PNGs or a video")
        file.seek(4)
        file.write(struct.pack("<I", size))
    return Fraction(total, 1000)


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")


def _read_riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the chunks of a WebP file as (type, the whole chunk with its header and padding)."""
    place = 12
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place + 4)
        end = place + 8 + length + length % 2
        yield data[place : place + 4], data[place:end]
        place = end


def _write_riff(file: IO[bytes], kind: bytes, data: bytes) -> None:
    """Writes a chunk of a WebP file."""
    file.write(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2))
