"""Writes GIF: one palette for all frames, and the changed part of every frame."""

import itertools
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError
from ...files import shown
from ..frames import Frame, as_channels, to_uint8
from ..image_files import decode_image, encode_png
from ..palette import ColourCount, Indexer
from .job import Job, check_size, find_box, find_changes, round_times, to_8_bits


def write_gif(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a GIF in two passes over a lossless copy on disk, the first of which chooses the palette.

    Returns:
        Its duration in seconds.
    """
    check_size(job, 65535, "GIF")
    if Fraction(100) / job.fps > 65535:
        raise OutputError(f"{shown(job.path)}: GIF holds a frame for 655 seconds at most; choose more frames a second")
    if job.fps > 50:
        job.note("GIF players show no frame for less than 2 hundredths of a second: it plays at 50 frames a second")
    colours = ColourCount()
    transparent = partly = False
    ends = [0]
    with (job.draft.parent / "spool").open("w+b") as spool, job.draft.open("wb") as file:
        for frame in to_8_bits(job, frames, "GIF"):
            if frame.shape[2] == 4:
                solid = frame[..., 3] >= 128
                transparent = transparent or not bool(solid.all())
                partly = partly or bool(((frame[..., 3] > 0) & (frame[..., 3] < 255)).any())
                colours.add(to_uint8(frame[solid][:, :3]))
            else:
                colours.add(to_uint8(as_channels(frame, 3)).reshape(-1, 3))
            ends.append(ends[-1] + spool.write(encode_png(frame)))
        if partly:
            job.note("GIF keeps no partial transparency: pixels that were at least half opaque became opaque")
        # where not all colours have a place, one is left for what did not change
        palette, exact = colours.choose(256 if colours.few and not transparent else 255)
        del colours  # before the next large tables are made
        if not exact:
            job.note("GIF keeps 256 colours: the frames have more and share a palette chosen for all of them")
        clear = len(palette) if len(palette) < 256 else None  # the index of a pixel that lets the last frame through
        _write_gif_header(file, job, palette, clear)
        indexer = Indexer(palette, dither=not exact)

        def index() -> Iterator[NDArray[np.uint8]]:
            spool.seek(0)
            for start, end in itertools.pairwise(ends):
                frame = to_uint8(decode_image(spool.read(end - start), "spool"))
                indices = indexer.index(to_uint8(as_channels(frame, max(3, frame.shape[2])))[..., :3])
                if transparent:
                    assert clear is not None
                    indices[frame[..., 3] < 128] = clear
                yield indices

        times = round_times(job, 100, least=2)
        seconds = _write_gif_frames(file, index(), times, clear, transparent=transparent, loop=job.loop)
        file.write(b";")
    return seconds


def _write_gif_frames(
    file: IO[bytes],
    frames: Iterator[NDArray[np.uint8]],
    times: Iterator[int],
    clear: int | None,
    *,
    transparent: bool,
    loop: bool,
) -> Fraction:
    """Writes the changed part of each frame.

    A GIF cannot make single pixels transparent again. If the next frame needs that, the frame's box is enlarged to
    include these pixels, and disposed to the background after it was shown.

    Args:
        file: the open file.
        frames: (H, W) palette indices.
        times: each frame's duration in hundredths of a second.
        clear: the transparent index, which keeps the previous pixel; None if all 256 are colours.
        transparent: whether frames have transparent pixels.
        loop: whether the animation repeats.

    Returns:
        The sum of the durations in seconds.
    """
    total = 0
    first = now = next(frames)
    canvas: NDArray[np.uint8] | None = None
    while True:
        following = next(frames, None)
        after = following if following is not None else first if loop else now
        box = find_changes(canvas, now)
        gone = (after == clear) & (now != clear) if transparent else np.zeros(1, np.bool_)
        wiped = bool(gone.any())
        if wiped:
            hole = find_box(gone)
            box = min(box[0], hole[0]), min(box[1], hole[1]), max(box[2], hole[2]), max(box[3], hole[3])
        inside = slice(box[1], box[3]), slice(box[0], box[2])
        part = now[inside]
        if canvas is not None and clear is not None:
            part = np.where(part == canvas[inside], np.uint8(clear), part)  # long runs compress well
        time = next(times)
        if time > 65535:
            raise OutputError("GIF holds a frame for 655 seconds at most; write a video")
        _write_gif_frame(file, part, box, time, clear, wiped)
        total += time
        if following is None:
            return Fraction(total, 100)
        canvas = now.copy()
        if wiped:
            assert clear is not None
            canvas[inside] = clear
        now = following


def _write_gif_header(file: IO[bytes], job: Job, palette: NDArray[np.uint8], clear: int | None) -> None:
    needed = len(palette) + (clear is not None)
    bits = max(1, (needed - 1).bit_length())
    file.write(b"GIF89a" + struct.pack("<HHBBB", job.width, job.height, 0xF0 | (bits - 1), clear or 0, 0))
    file.write(palette.tobytes() + bytes(3 * ((1 << bits) - len(palette))))
    if job.loop:
        file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")


def _write_gif_frame(
    file: IO[bytes],
    indices: NDArray[np.uint8],
    box: tuple[int, int, int, int],
    time: int,
    clear: int | None,
    wiped: bool,
) -> None:
    """Writes one frame's box of indices; `wiped` disposes it to the background before the next frame."""
    from PIL import Image

    flags = (2 if wiped else 1) << 2 | (clear is not None)
    file.write(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, time, clear or 0, 0))
    file.write(struct.pack("<BHHHHB", 0x2C, box[0], box[1], box[2] - box[0], box[3] - box[1], 0))
    data = Image.fromarray(np.ascontiguousarray(indices)).tobytes("gif", "L")
    file.write(b"\x08" + data + b"\x00")
