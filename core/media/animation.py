"""Animations out: GIF, WebP, APNG, MP4, MOV and WebM by the file's suffix, or a folder of numbered PNGs.

Frames are taken one at a time and never held together, so that a long film of large frames fits in memory. The GIF,
WebP and APNG containers are put together here from frames that Pillow and OpenCV compress: Pillow's own writers hold
all frames at once, merge equal neighbours into one, and know no APNG of 16 bits.

What is measured in time is rounded from the start of the film and not from frame to frame, so that no error adds up.
"""

import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from os import fspath
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from ..files import check_output, shown, written_beside
from .encode import write_video
from .frames import Frame, as_channels, flatten_alpha, to_uint8
from .image_files import decode_image, encode_png
from .palette import ColourCount, Indexer


@dataclass(frozen=True)
class Written:
    """What stands on the disk after `write_animation`."""

    path: Path
    frames: int
    width: int
    """In pixels, of the file: a video may be padded."""
    height: int
    seconds: Fraction
    """The real duration of the file, after rounding to what the format can say."""
    notes: tuple[str, ...]
    """What the format could not keep, in plain sentences without a full stop."""


@dataclass
class _Job:
    """What a writer needs to know, and where it leaves what it found."""

    path: Path
    draft: Path
    fps: Fraction
    loop: bool
    width: int
    height: int
    count: int | None
    deep: bool
    written: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(frozen=True)
class _Format:
    """What a kind of file is called and can keep."""

    name: str
    write: Callable[[_Job, Iterator[Frame]], Fraction]
    alpha: bool
    lossless: bool


def write_animation(
    path: Path | str,
    frames: Iterable[Frame],
    *,
    fps: Fraction,
    loop: bool = True,
    overwrite: bool = False,
    count: int | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Written:
    """Writes frames as an animation of the kind that the suffix of `path` names; whole or not at all.

    A path without a suffix, one that ends in a slash, or a folder that exists, becomes a folder of PNGs: 000.png, ...
    What the format cannot keep is changed, and the notes say so: more than 8 bits, transparency, more than 256 colours,
    odd sizes, a rate of frames that is too high.

    GIF counts time in hundredths of a second, and browsers take a frame of less than 2 for one of 10; frames of a GIF
    are therefore never shorter than 2. Browsers also slow WebP and APNG frames of 10 ms or less down.

    Args:
        path: the file or folder.
        frames: taken once, one at a time: all (H, W, C) of one size, C and depth (see `frames.match_images`).
        fps: frames per second, > 0.
        loop: whether players start again at the end; a video or a folder has no such mark.
        overwrite: whether something that stands there may be replaced.
        count: the number of frames where it is known; it sets the width of a folder's numbers.
        on_frame: called with the number of frames taken so far.

    Raises:
        OutputError: the suffix is unknown, there is no frame, or the place cannot be written; what stood there stays.
    """
    kind = _find_format(path)
    target = Path(path)
    is_folder = kind is _FOLDER
    if is_folder and overwrite:
        _check_only_frames(target)
    check_output(target, overwrite=overwrite)
    stream = iter(frames)
    try:
        first = next(stream)
    except StopIteration:
        raise OutputError(f"{shown(target)}: there is no frame to write") from None
    height, width = first.shape[:2]
    with written_beside(target, overwrite=overwrite, folder=is_folder) as draft:
        job = _Job(target, draft, fps, loop, width, height, count, first.dtype == np.uint16)
        seconds = kind.write(job, _counted(itertools.chain([first], stream), first, job, on_frame))
    return Written(target, job.written, job.width, job.height, seconds, tuple(job.notes))


def check_format(path: Path | str) -> None:
    """Refuses, before any work, a path whose suffix names no kind of animation.

    Raises:
        OutputError: the suffix is unknown.
    """
    _find_format(path)


def keeps_alpha(path: Path | str) -> bool:
    """Whether the format keeps transparency (a GIF: all or nothing for each pixel)."""
    return _find_format(path).alpha


def is_lossless(path: Path | str) -> bool:
    """Whether 8-bit frames come back from the format pixel for pixel."""
    return _find_format(path).lossless


def _find_format(path: Path | str) -> _Format:
    target = Path(path)
    if fspath(path).endswith("/") or target.is_dir():
        return _FOLDER
    suffix = target.suffix.lower()
    if not suffix and target.name.lower() not in _FORMATS:
        return _FOLDER
    if suffix not in _FORMATS:
        found = f"the suffix {shown(Path(suffix))} is not known" if suffix else "a name is missing before the suffix"
        raise OutputError(f"{shown(target)}: {found}; use {', '.join(_FORMATS)}, or a folder's name without a suffix")
    return _FORMATS[suffix]


def _check_only_frames(folder: Path) -> None:
    """Refuses to replace a folder that holds anything but numbered PNGs, which an earlier run may have left.

    Raises:
        OutputError: it holds something else.
    """
    if not folder.is_dir():
        return
    for found in folder.iterdir():
        if not (found.suffix == ".png" and found.stem.isdecimal()):
            raise OutputError(
                f"{shown(folder)}: holds {shown(Path(found.name))}, which is no numbered frame, and would be lost; "
                "choose another folder"
            )


def _counted(
    frames: Iterable[Frame], first: Frame, job: _Job, on_frame: Callable[[int], None] | None
) -> Iterator[Frame]:
    """Hands frames on, sees that they are alike, and counts them."""
    for frame in frames:
        if frame.shape != first.shape or frame.dtype != first.dtype:
            raise ValueError(f"frame {job.written} is {frame.shape} {frame.dtype}, not {first.shape} {first.dtype}")
        yield frame
        job.written += 1
        if on_frame is not None:
            on_frame(job.written)


def _round_times(fps: Fraction, ticks: int, least: int = 1) -> Iterator[int]:
    """The duration of each frame in ticks, `ticks` to a second; their sum is never off by more than half a tick.

    Args:
        fps: frames per second.
        ticks: ticks in a second.
        least: the shortest duration; the sum is longer than it should be where this is needed.
    """
    before = 0
    for number in itertools.count(1):
        end = max((2 * number * ticks / fps + 1) // 2, before + least)
        yield int(end - before)
        before = end


def _find_changes(before: NDArray[np.generic] | None, now: NDArray[np.generic]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) outside of which (H, W, ...) stayed as before; else one pixel."""
    height, width = now.shape[:2]
    if before is None:
        return 0, 0, width, height
    changed = now != before
    if changed.ndim == 3:
        changed = changed.any(axis=2)
    return _find_box(changed)


def _find_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around what is True in (H, W); the first pixel if nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _to_8_bits(job: _Job, frames: Iterable[Frame], name: str) -> Iterator[NDArray[np.uint8]]:
    if job.deep:
        job.note(f"{name} keeps 8 bits a channel: the frames' 16 were rounded")
    for frame in frames:
        yield to_uint8(frame)


# GIF


def _write_gif(job: _Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a GIF with one palette for all frames, in two passes over a lossless copy on the disk."""
    _check_size(job, 65535, "GIF")
    if Fraction(100) / job.fps > 65535:
        raise OutputError(f"{shown(job.path)}: GIF holds a frame for 655 seconds at most; choose more frames a second")
    if job.fps > 50:
        job.note("GIF players show no frame for less than 2 hundredths of a second: it plays at 50 frames a second")
    colours = ColourCount()
    transparent = partly = False
    ends = [0]
    with (job.draft.parent / "spool").open("w+b") as spool, job.draft.open("wb") as file:
        for frame in _to_8_bits(job, frames, "GIF"):
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
        palette, exact = colours.choose(255 if transparent else 256)
        if not exact:
            palette, exact = colours.choose(255)  # leaves one for what did not change
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

        times = _round_times(job.fps, 100, least=2)
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
    """Writes of each frame what differs from the one before.

    A GIF's pixels cannot be made transparent again one by one: where the next frame is to be transparent, a frame's
    whole box is marked to be wiped after it was shown, and the box is made to hold all that must go.

    Args:
        file: where to write.
        frames: (H, W) indices each.
        times: each frame's duration in hundredths of a second.
        clear: the index that shows what was there before; None when all 256 are colours.
        transparent: whether frames have pixels of that index.
        loop: whether the first frame comes after the last.

    Returns:
        The sum of the durations in seconds.
    """
    total = 0
    first = now = next(frames)
    canvas: NDArray[np.uint8] | None = None
    while True:
        following = next(frames, None)
        after = following if following is not None else first if loop else now
        box = _find_changes(canvas, now)
        gone = (after == clear) & (now != clear) if transparent else np.zeros(1, np.bool_)
        wiped = bool(gone.any())
        if wiped:
            hole = _find_box(gone)
            box = min(box[0], hole[0]), min(box[1], hole[1]), max(box[2], hole[2]), max(box[3], hole[3])
        inside = slice(box[1], box[3]), slice(box[0], box[2])
        part = now[inside]
        if canvas is not None and clear is not None:
            part = np.where(part == canvas[inside], np.uint8(clear), part)  # long runs compress well
        time = next(times)
        _write_gif_frame(file, part, box, time, clear, wiped)
        total += time
        if following is None:
            return Fraction(total, 100)
        canvas = now.copy()
        if wiped:
            assert clear is not None
            canvas[inside] = clear
        now = following


def _write_gif_header(file: IO[bytes], job: _Job, palette: NDArray[np.uint8], clear: int | None) -> None:
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
    """Writes one frame's part of the picture; `wiped` clears it again before the next frame."""
    from PIL import Image

    flags = (2 if wiped else 1) << 2 | (clear is not None)
    file.write(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, time, clear or 0, 0))
    file.write(struct.pack("<BHHHHB", 0x2C, box[0], box[1], box[2] - box[0], box[3] - box[1], 0))
    data = Image.fromarray(np.ascontiguousarray(indices)).tobytes("gif", "L")
    file.write(b"\x08" + data + b"\x00")


# APNG


def _write_apng(job: _Job, frames: Iterator[Frame]) -> Fraction:
    """Writes an APNG: every frame's changed part as PNG data, 8 or 16 bits, exactly."""
    delay = (1 / job.fps).limit_denominator(65535)
    if delay.numerator > 65535 or not delay:
        raise OutputError(f"{shown(job.path)}: APNG cannot show {job.fps} frames a second; choose another number")
    before: Frame | None = None
    sequence = itertools.count()
    with job.draft.open("wb") as file:
        for number, frame in enumerate(frames):
            box = _find_changes(before, frame)
            chunks = list(_read_png(encode_png(frame[box[1] : box[3], box[0] : box[2]])))
            if number == 0:
                file.write(b"\x89PNG\r\n\x1a\n")
                _write_chunk(file, b"IHDR", chunks[0][1])
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
    return delay * (number + 1)


def _read_png(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks (kind, content) of a PNG file."""
    place = 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        place += 12 + length


def _write_chunk(file: IO[bytes], kind: bytes, data: bytes) -> None:
    """Writes a chunk of a PNG file."""
    file.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))


# WebP


def _write_webp(job: _Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a lossless WebP animation: every frame's changed part as a lossless picture."""
    from io import BytesIO

    from PIL import Image

    _check_size(job, 16383, "WebP")
    if 1000 / job.fps >= 1 << 24:
        raise OutputError(
            f"{shown(job.path)}: WebP holds a frame for 16777 seconds at most; choose more frames a second"
        )
    before: NDArray[np.uint8] | None = None
    total = 0
    times = _round_times(job.fps, 1000)
    with job.draft.open("wb") as file:
        file.write(b"RIFF\0\0\0\0WEBP")
        for frame in _to_8_bits(job, frames, "WebP"):
            pixels = to_uint8(as_channels(frame, max(3, frame.shape[2])))
            if before is None:
                flags = 0x02 | (0x10 if pixels.shape[2] == 4 else 0)
                _write_riff(file, b"VP8X", bytes([flags, 0, 0, 0]) + _u24(job.width - 1) + _u24(job.height - 1))
                _write_riff(file, b"ANIM", bytes(4) + struct.pack("<H", 0 if job.loop else 1))
            left, top, right, bottom = _find_changes(before, pixels)
            left, top = left & ~1, top & ~1  # the format counts places in twos
            still = BytesIO()
            part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
            part.save(still, "WEBP", lossless=True, quality=30, method=3, exact=True)
            time = next(times)
            head = _u24(left // 2) + _u24(top // 2) + _u24(right - left - 1) + _u24(bottom - top - 1) + _u24(time)
            body = b"".join(data for kind, data in _read_riff(still.getvalue()) if kind in {b"VP8L", b"ALPH", b"VP8 "})
            _write_riff(file, b"ANMF", head + b"\x02" + body)  # 2: put in place of what was there, nothing mixed
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
    """The chunks of a WebP file, each with its name, length and padding still around it."""
    place = 12
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place + 4)
        end = place + 8 + length + length % 2
        yield data[place : place + 4], data[place:end]
        place = end


def _write_riff(file: IO[bytes], kind: bytes, data: bytes) -> None:
    """Writes a chunk of a WebP file."""
    file.write(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2))


# Video and folders


def _write_film(job: _Job, frames: Iterator[Frame]) -> Fraction:
    """Writes an H.264 or VP9 video."""
    name = {".mp4": "MP4", ".mov": "MOV", ".webm": "WebM"}[job.draft.suffix.lower()]
    codec = "VP9" if name == "WebM" else "H.264"
    padded = job.width + job.width % 2, job.height + job.height % 2
    if padded != (job.width, job.height):
        sizes = f"from {job.width} x {job.height} to {padded[0]} x {padded[1]}"
        job.note(f"the frames were padded {sizes} by repeating the edge, as {codec} needs even sizes")

    def flatten() -> Iterator[NDArray[np.uint8]]:
        for frame in _to_8_bits(job, frames, name):
            if frame.shape[2] == 4 and bool((frame[..., 3] < 255).any()):
                job.note(f"{name} keeps no transparency: frames were laid over white")
            yield to_uint8(flatten_alpha(frame))

    number = write_video(job.draft, flatten(), fps=job.fps, size=(job.width, job.height))
    job.width, job.height = padded
    return number / job.fps


def _write_folder(job: _Job, frames: Iterator[Frame]) -> Fraction:
    """Writes numbered PNG files, exactly."""
    digits = max(3, len(str((job.count or 1) - 1)))
    number = 0
    for number, frame in enumerate(frames, 1):
        (job.draft / f"{number - 1:0{digits}}.png").write_bytes(encode_png(frame))
    if len(str(number - 1)) > digits:  # there were more than said
        for path in list(job.draft.iterdir()):
            path.rename(path.with_stem(path.stem.zfill(len(str(number - 1)))))
    return number / job.fps


def _check_size(job: _Job, most: int, name: str) -> None:
    if max(job.width, job.height) > most:
        size = f"{job.width} x {job.height}"
        raise OutputError(f"{shown(job.path)}: {size} pixels, and {name} holds {most} a side at most; scale it down")


_FOLDER = _Format("a folder of PNGs", _write_folder, alpha=True, lossless=True)
_FORMATS = {
    ".gif": _Format("GIF", _write_gif, alpha=True, lossless=False),
    ".webp": _Format("WebP", _write_webp, alpha=True, lossless=True),
    ".png": _Format("APNG", _write_apng, alpha=True, lossless=True),
    ".apng": _Format("APNG", _write_apng, alpha=True, lossless=True),
    ".mp4": _Format("MP4", _write_film, alpha=False, lossless=False),
    ".mov": _Format("MOV", _write_film, alpha=False, lossless=False),
    ".webm": _Format("WebM", _write_film, alpha=False, lossless=False),
}
