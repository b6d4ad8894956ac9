"""Probes and decodes films with the ffmpeg program. Frames are RGB in full range."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import reading, reason, shown, spell
from ..programs import Program, wait_to_read
from .ffmpeg import (
    MOST_PIXELS,
    STALL_SECONDS,
    discard_others,
    file_input,
    find_ffmpeg,
    stall_error,
    wait_for,
    widen_pipe,
)
from .frames import Frame, flatten_alpha, to_uint8
from .messages import RECENT, Errors, Messages, Stamp
from .probe import UNKNOWN, Head, probe_film
from .webp import decode_webp, is_webp, list_durations, read_size

Background: TypeAlias = tuple[int, int, int] | None
"""The colour that frames with alpha are composited over, RGB in [0, 255]; None keeps alpha."""
WHITE = (255, 255, 255)
SELDOM = (93, 137, 111)
"""The background of transparent frames when they are compared: a colour that few drawings have."""

_SMALLER = "scale it down first"
_TOO_LARGE = f"and a film's frame may have {MOST_PIXELS:,}; {_SMALLER}"


def check_area(path: Path, width: int, height: int) -> None:
    """Raises an InputError if a film's frames are too large."""
    if width * height > MOST_PIXELS:
        raise InputError(f"{shown(path)}: is of {width} x {height} pixels, {_TOO_LARGE}")


@dataclass(frozen=True)
class VideoInfo:
    """The properties of a film.

    Attributes:
        path: the film.
        width: columns as displayed: upright, with square pixels.
        height: rows as displayed.
        duration: seconds; None if the file does not state it.
        fps: frames per second on average; None if the file does not state it.
        alpha: whether frames have an alpha channel.
        matrix: "bt709" if the film states no matrix and ffmpeg's default would be wrong, else None.
        head: the properties of the file; None for an animated WebP and for standard input.
    """

    path: Path
    width: int
    height: int
    duration: float | None
    fps: float | None
    alpha: bool
    matrix: str | None
    head: Head | None = None

    @property
    def decoder(self) -> str | None:
        """The decoder that ffmpeg must use for the picture; None for its default."""
        return None if self.head is None else self.head.picture.decoder


@dataclass(frozen=True)
class DecodedFrame:
    """One frame of a film.

    Attributes:
        time: timestamp, in seconds from the film's start.
        pixels: (H, W, 3) uint8, RGB; (H, W, 4) if alpha is kept.
    """

    time: float
    pixels: NDArray[np.uint8]

    @property
    def opaque(self) -> NDArray[np.uint8]:
        """The frame for comparison with others, (H, W, 3) uint8: composited over SELDOM."""
        return to_uint8(flatten_alpha(self.pixels, SELDOM))


@dataclass(frozen=True)
class DamagedStretch:
    """A part of a film that cannot be decoded.

    Attributes:
        first: timestamp of the last intact frame before it, in seconds.
        last: timestamp of the first intact frame after it, in seconds; None if there is none.
        message: from ffmpeg.
    """

    first: float
    last: float | None
    message: str


def probe_video(path: Path) -> VideoInfo:
    """Reads a film's properties from its file's header and its first frame.

    Raises:
        InputError: the file is missing or unreadable, or holds no video.
    """
    check_readable(path)
    if is_webp(path):
        return _probe_webp(path)
    head = probe_film(path)
    picture = head.picture
    if not picture.width or not picture.height:
        raise InputError(f"{shown(path)}: no frame of it can be decoded; check the file or convert it")
    width, height = max(1, round(picture.width * picture.aspect)), picture.height
    check_area(path, width, height)
    if picture.turned:
        width, height = height, width
    # ffmpeg assumes BT.601 for untagged video of any size
    untagged = picture.colours[1] == UNKNOWN and picture.pixel_format.startswith(("yuv", "nv", "p0"))
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        duration=None if head.duration is None else float(head.duration),
        fps=None if head.rate is None else float(head.rate),
        alpha=picture.alpha,
        matrix="bt709" if untagged and min(picture.width, picture.height) >= HD_ROWS else None,
        head=head,
    )


def identify_film(path: Path) -> dict[str, Any]:
    """Returns a film's fingerprint: its name, size, and a hash of both ends. It may be moved to another folder.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_ENDS))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _ENDS))
            digest.update(file.read())
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); check the file") from error
    return {"name": spell(path.name), "bytes": size, "sha256_of_ends": digest.hexdigest()}


def fitted_size(info: VideoInfo, size: int | None, fit: str) -> tuple[int, int]:
    """Returns the size of decoded frames, as (width, height).

    Args:
        info: the film.
        size: side of the square ("crop", "letterbox") or length of the shorter side ("keep"), in pixels; None for the
            film's own size.
        fit: one of `config.choices.FITS`.
    """
    short = min(info.width, info.height)
    if fit == "keep":
        scale = 1.0 if size is None else size / short
        return max(1, round(info.width * scale)), max(1, round(info.height * scale))
    side = size or (short if fit == "crop" else max(info.width, info.height))
    return side, side


def decode_video(
    info: VideoInfo,
    *,
    size: int | None = None,
    fit: str = "keep",
    start: float = 0.0,
    background: Background = WHITE,
    on_damage: Callable[[DamagedStretch], None] | None = None,
) -> Generator[DecodedFrame, None, None]:
    """Decodes a film once, from start to end, scaled to the requested size.

    ffmpeg scales frames and sends them through stdout, and their timestamps through stderr. Variable frame rates keep
    their timestamps, and rotated films are turned upright. Close the iterator to stop early.

    After a damaged stretch, the frames of the next half second are skipped as well, as they are predicted from it.

    Args:
        info: the film, from `probe_video`.
        size: side of the square ("crop", "letterbox") or length of the shorter side ("keep"), in pixels; None for the
            film's own size.
        fit: one of `config.choices.FITS`.
        start: seconds to skip at the beginning.
        background: the colour that frames with alpha are composited over; None keeps four channels.
        on_damage: called with each stretch that was skipped.

    Yields:
        Frames, with strictly increasing timestamps.

    Raises:
        InputError: not one frame can be decoded.
    """
    width, height = fitted_size(info, size, fit)
    if width * height > MOST_PIXELS:
        raise InputError(f"{shown(info.path)}: would become {width} x {height} pixels, {_TOO_LARGE}")
    if is_webp(info.path):
        for time, picture in decode_webp(info.path, width, height, fit, start, background):
            yield DecodedFrame(time, picture)
        return
    frames = decode_frames(
        info,
        file_input(info.path, info.decoder),
        _fit_filter(info, width, height, fit, transparent=background is None),
        (height, width, 4 if info.alpha else 3),
        background=background,
        start=start,
        on_damage=on_damage,
    )
    with contextlib.closing(frames):
        for time, pixels in frames:
            yield DecodedFrame(time, pixels.astype(np.uint8, copy=False))


def decode_frames(
    info: VideoInfo,
    source: Sequence[str],
    filters: str,
    shape: tuple[int, int, int],
    *,
    deep: bool = False,
    background: Background = WHITE,
    start: float = 0.0,
    on_damage: Callable[[DamagedStretch], None] | None = None,
    on_size: Callable[[float, int, int], None] | None = None,
    stdin: IO[bytes] | None = None,
) -> Generator[tuple[float, Frame], None, None]:
    """Decodes a film with given ffmpeg arguments; `decode_video` describes the timestamps.

    Args:
        info: the film's properties.
        source: ffmpeg's input arguments, from `file_input` or `pipe_input`.
        filters: ffmpeg's filters, which must yield frames of the given shape.
        shape: (height, width, channels), of 1 channel for grey, 3 for RGB, 4 for RGBA.
        deep: decode 16 bits per channel, not 8.
        background: the colour that frames with alpha are composited over; None keeps alpha.
        start: seconds to skip at the beginning.
        on_damage: called with each stretch that was skipped.
        on_size: called with (seconds, width, height) at the first frame, and where the film's frame size changes.
        stdin: a stream to pass to ffmpeg's standard input.

    Yields:
        (seconds, (H, W, C) uint8 or uint16), with strictly increasing seconds.

    Raises:
        InputError: not one frame can be decoded.
    """
    layouts = {(3, False): "rgb24", (4, False): "rgba", (3, True): "rgb48le", (4, True): "rgba64le", (1, False): "gray"}
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostats", "-loglevel", "level+info"),
        *(("-nostdin",) if stdin is None else ()),
        *(("-ss", f"{start:.6f}", "-copyts", "-start_at_zero") if start > 0 else ()),  # timestamps as without -ss
        # showinfo writes the size of each frame, and whether it is the codec's key frame
        *(*source, "-map", "0:V:0", "-vf", f"showinfo=checksum=0,{filters}"),
        *("-fps_mode", "passthrough", "-enc_time_base", "filter"),
        *("-stats_enc_pre:v", "pipe:2", "-stats_enc_pre_fmt:v", "@{n} {pts} {tb}@"),
        *("-pix_fmt", layouts[shape[2], deep], "-f", "rawvideo", "pipe:1"),
        *discard_others(None if info.head is None else info.head.container),
    ]
    with Program(
        command, bufsize=0, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, stdout=subprocess.PIPE,
        listen=False,
    ) as program:  # fmt: skip
        process = program.process
        assert process.stdout is not None and process.stderr is not None
        widen_pipe(process.stdout)
        if stdin is not None:
            assert process.stdin is not None
            threading.Thread(target=_feed, args=(stdin, process.stdin), daemon=True).start()
        messages = Messages(process.stderr)
        try:
            # no time limit for standard input: its sender may be slow
            limited = stdin is None
            raw = _read_frames(program, messages, shape, info.path, deep=deep, background=background, limited=limited)
            count = 0
            for frame in _drop_damaged(raw, messages, start, info, on_damage):
                count += 1
                while messages.changed:
                    size = messages.changed.popleft()
                    if on_size is not None:
                        on_size(frame[0], *size)
                yield frame
            code = wait_for(program, info.path)
            messages.join()
            from_start = not count and start > 0 and any(messages.errors)
            if not count and not from_start:
                name = shown(info.path)
                raise InputError(
                    f"{name}: no frame of it can be decoded ({messages.last_error()}); check the file or convert it"
                    if code or any(messages.errors)
                    else f"{name}: has no frame after {start:g} s; give an earlier start"
                )
        finally:
            program.close()
            messages.close()
    if from_start:  # where a file was joined from two, what the decoder needs may only be where the second one begins
        whole = decode_frames(
            info, source, filters, shape, deep=deep, background=background, on_damage=on_damage, on_size=on_size
        )
        with contextlib.closing(whole):
            for frame in whole:
                if frame[0] >= start:
                    count += 1
                    yield frame
        if not count:
            raise InputError(f"{shown(info.path)}: has no frame after {start:g} s; give an earlier start")


def _feed(source: IO[bytes], pipe: IO[bytes]) -> None:
    """Copies a stream to ffmpeg, until either end closes."""
    with contextlib.suppress(OSError, ValueError):
        shutil.copyfileobj(source, pipe, 1 << 20)
    with contextlib.suppress(OSError):
        pipe.close()


_ENDS = 1 << 20  # bytes at each end of a film that are hashed for its fingerprint
HD_ROWS = 720  # players assume BT.709 for untagged video of at least this height, else BT.601
# Set by hand on damaged copies of films, as in tests/media/test_video_decode.py.
_SKIPPED = 0.5  # seconds after damage in which frames still show it
_GAP = 1.7  # smallest gap between timestamps, relative to the usual one, that is damage if ffmpeg reports an error
_BACKWARDS = 1.0  # seconds; a smaller step back is a frame out of order, a larger one a discontinuity of the clock
_STEPS = 24  # number of recent frame periods whose median is the usual one


def check_readable(path: Path) -> None:
    """Checks that a path is a readable file.

    Raises:
        InputError: it is a folder, missing, or cannot be read.
    """
    if path.is_dir():
        raise InputError(f"{shown(path)}: is a folder, and a film is needed; name the film's file")
    if path.exists() and not path.is_file():
        raise InputError(
            f"{shown(path)}: is a pipe or a device; give a file, or send a film to standard input as y4m (-)"
        )
    with reading(path, "change its permissions"), path.open("rb"):
        pass


def _fit_filter(info: VideoInfo, width: int, height: int, fit: str, *, transparent: bool) -> str:
    """Ffmpeg's filters that fit frames of any size to width x height; the film's frame size may change midway."""
    # By area to shrink and bicubic to enlarge, as `frames.resize_image` does; area is faster, too.
    shrinks = max(width, height) <= min(info.width, info.height) if fit == "crop" else width <= info.width
    flags = f"flags={'area' if shrinks else 'bicubic'}" + (f":in_color_matrix={info.matrix}" if info.matrix else "")
    before = after = ""
    if info.alpha and (width, height) != (info.width, info.height):
        # scale premultiplied colours, so that hidden colours of transparent pixels do not bleed into edges
        to_rgb = f"scale=flags=accurate_rnd:in_color_matrix={info.matrix}," if info.matrix else ""
        before, after = f"{to_rgb}format=gbrap,premultiply=inplace=1,", ",unpremultiply=inplace=1"
        flags = flags.partition(":")[0]
    if fit == "crop":
        return f"crop=w='min(iw,ih/sar)':h='min(ih,iw*sar)',{before}scale={width}:{height}:{flags}{after}"
    if fit == "keep":
        return f"{before}scale={width}:{height}:{flags}{after}"
    bars = "black@0" if transparent else "black"
    return (
        f"{before}scale=w='max(1,round(min({width},{height}*dar)))':h='max(1,round(min({width}/dar,{height})))':{flags}"
        f"{after},{'format=rgba,' if info.alpha else ''}pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:color={bars}"
    )


def _read_frames(
    program: Program,
    messages: Messages,
    shape: tuple[int, int, int],
    about: Path,
    *,
    deep: bool,
    background: Background,
    limited: bool,
) -> Iterator[tuple[Stamp, Frame]]:
    """Yields frames as ffmpeg sends them."""
    pipe = program.process.stdout
    assert pipe is not None
    while True:
        pixels: Frame = np.empty(shape, np.uint16 if deep else np.uint8)
        room = pixels.data.cast("B")
        while room:
            if limited and not wait_to_read(pipe, STALL_SECONDS):
                raise stall_error(about, STALL_SECONDS)
            got = pipe.readinto(room)  # type: ignore[attr-defined]
            if not got:
                program.check()
                return
            room = room[got:]
        stamp = messages.next_stamp(about)
        if shape[2] == 4 and background is not None:
            pixels = flatten_alpha(pixels, background)
        yield stamp, pixels


def _drop_damaged(
    raw: Iterator[tuple[Stamp, Frame]],
    messages: Messages,
    start: float,
    info: VideoInfo,
    on_damage: Callable[[DamagedStretch], None] | None,
) -> Iterator[tuple[float, Frame]]:
    """Makes timestamps increase strictly, and drops damaged frames.

    A gap between timestamps is damage only if ffmpeg has reported an error recently, as films of variable frame rate
    have gaps too. The error always comes before the gap. How long before depends on how far ffmpeg reads ahead.

    The codec's key frames are intact after damage. If one follows a gap, and the decoder has reported no error, nothing
    is damaged: the film was joined there from two files, whose timestamps leave a gap.
    """
    steps: deque[float] = deque([1 / (info.fps or 25.0)], _STEPS)
    last: float | None = None
    shift = 0.0
    seen = Errors()
    recent, broken = 0, 0  # frames for which the last error still counts, and the last one of the decoder
    damaged_until: float | None = None
    damaged_from = start

    def report(until: float | None) -> None:
        if on_damage is not None:
            on_damage(DamagedStretch(damaged_from, until, messages.last_error()))

    for (stamp, errors, is_key, _), pixels in raw:
        usual = sorted(steps)[len(steps) // 2]
        time = (last or 0.0) + usual if stamp is None else float(stamp) + shift
        if last is not None and time <= last:
            if last - time < _BACKWARDS:
                continue
            shift += last + usual - time
            time = last + usual
        time = round(time, 6)
        step = time - (start if last is None else last)
        recent = RECENT if errors != seen else recent - 1
        broken = RECENT if errors.decoding > seen.decoding else broken - 1
        seen = errors
        if recent > 0 and step > _GAP * usual and (broken > 0 or not is_key):
            if damaged_until is None:
                damaged_from = start if last is None else last
            damaged_until = time if is_key else time + _SKIPPED
        elif last is not None:
            steps.append(step)
        last = time
        if damaged_until is not None:
            if time < damaged_until:
                continue
            report(time)
            damaged_until = None
        yield time, pixels
    messages.join()
    short = info.duration is not None and last is not None and info.duration - last > _SKIPPED + 2 / (info.fps or 25.0)
    if damaged_until is not None:
        report(None)
    elif short and any(messages.errors):
        damaged_from = last or start
        report(None)


def _probe_webp(path: Path) -> VideoInfo:
    """Probes an animated WebP by Pillow: most builds of ffmpeg cannot decode it."""
    width, height = read_size(path)
    check_area(path, width, height)
    durations = list_durations(path)
    seconds = sum(durations) / 1000
    return VideoInfo(path, width, height, seconds, len(durations) / seconds, True, None)
