"""Films in: what the ffmpeg program finds in a film, and its frames with their times.

Frames are RGB as cartoons are drawn, full range.
"""

import contextlib
import hashlib
import os
import queue
import re
import shutil
import subprocess
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import reason, shown, spell
from ..programs import Program, wait_to_read
from .ffmpeg import (
    MOST_PIXELS,
    STALL_SECONDS,
    find_ffmpeg,
    read_file,
    stalled,
    use_beside,
    wait_for,
    widen_pipe,
)
from .frames import Frame, flatten_alpha, to_uint8
from .probe import UNKNOWN, Head, probe_film
from .webp import is_webp, list_durations

Background: TypeAlias = tuple[int, int, int] | None
"""What frames with alpha are laid over, RGB in [0, 255]; None: they keep their alpha."""
WHITE = (255, 255, 255)
SELDOM = (93, 137, 111)
"""What transparent frames are laid over to be compared: a colour that few drawings have."""

_SMALLER = "scale it down first"
_TOO_LARGE = f"and a film's frame may have {MOST_PIXELS:,}; {_SMALLER}"


def check_area(path: Path, width: int, height: int) -> None:
    """Raises an InputError where a film's frames would be too large."""
    if width * height > MOST_PIXELS:
        raise InputError(f"{shown(path)}: is of {width} x {height} pixels, {_TOO_LARGE}")


@dataclass(frozen=True)
class VideoInfo:
    """What a film says of itself.

    Attributes:
        path: the film.
        width: columns as it is to be shown: turned upright, square pixels.
        height: rows, likewise.
        duration: seconds; None when the film does not say.
        fps: frames per second on average; None when the film does not say.
        alpha: whether the frames have transparency.
        matrix: the colour matrix to assume, "bt709", when the film names none; None where ffmpeg knows what to do.
        head: all that was read of the file; None where Pillow reads it, or it is standard input.
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
        """What ffmpeg is to decode the picture with; None: as usual."""
        return None if self.head is None else self.head.picture.decoder


@dataclass(frozen=True)
class DecodedFrame:
    """One frame of a film.

    Attributes:
        time: when it is shown, in seconds from the film's start.
        pixels: (H, W, 3) uint8, RGB; (H, W, 4) where alpha is kept.
    """

    time: float
    pixels: NDArray[np.uint8]

    @property
    def opaque(self) -> NDArray[np.uint8]:
        """The frame as it is compared with others: (H, W, 3), what is transparent having a colour of its own."""
        return to_uint8(flatten_alpha(self.pixels, SELDOM))


@dataclass(frozen=True)
class DamagedStretch:
    """A part of a film that cannot be decoded.

    Attributes:
        first: seconds; where the last sound frame before it stands.
        last: seconds; where the first frame stands that is trusted again, or None: the film ends in the damage.
        words: what ffmpeg said of it.
    """

    first: float
    last: float | None
    words: str


def probe_video(path: Path) -> VideoInfo:
    """Finds out what a film is, by its head and its first frame; an animated WebP is read by Pillow.

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
    # ffmpeg takes untagged video for BT.601, whatever its size
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
    """What a film is known by: its name, size and both ends. Not its place, so that it may be moved.

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
    """The size that frames get, as (width, height).

    Args:
        info: the film.
        size: side of the square ("crop", "letterbox") or length of the shorter side ("keep"), in pixels; None: the
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
    """Decodes a film from end to end, once, straight to the size wanted; frames come with their own timestamps.

    ffmpeg scales and sends raw frames through one pipe; the time of each comes through the other. Frames that the film
    shows at a varying rate keep their times, and those of a phone held upright come upright. Close the iterator to
    stop early.

    After a stretch that cannot be decoded the frames of the next half second are left out as well: they are built on
    what was lost.

    Args:
        info: the film, from `probe_video`.
        size: side of the square ("crop", "letterbox") or length of the shorter side ("keep"), in pixels; None: the
            film's own size.
        fit: one of `config.choices.FITS`.
        start: seconds to leave out at the beginning.
        background: what frames with alpha are laid over; None: they keep it, and have four channels.
        on_damage: called with each stretch that was left out.

    Yields:
        Frames in the order of their times, which rise strictly.

    Raises:
        InputError: not one frame can be decoded.
    """
    width, height = fitted_size(info, size, fit)
    if width * height > MOST_PIXELS:
        raise InputError(f"{shown(info.path)}: would become {width} x {height} pixels, {_TOO_LARGE}")
    if is_webp(info.path):
        yield from decode_webp(info.path, width, height, fit, start, background)
        return
    frames = decode_frames(
        info,
        read_file(info.path, info.decoder),
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
    keys: NDArray[np.int64] | None = None,
    stdin: IO[bytes] | None = None,
) -> Generator[tuple[float, Frame], None, None]:
    """Runs ffmpeg over a film and gives its frames with their times, as in `decode_video`.

    Args:
        info: what is known of the film.
        source: ffmpeg's words for where it comes from, from `read_file` or `read_pipe`.
        filters: what brings a frame to the shape.
        shape: (height, width, channels): 1 for grey, 3 for RGB, 4 for RGB with alpha.
        deep: take 16 bits a channel, not 8.
        background: what frames with alpha are laid over; None: they keep it.
        start: seconds to leave out at the beginning.
        on_damage: called with each stretch that was left out.
        on_size: called when frames of another size come, with about their time in seconds, width and height.
        keys: when frames are shown that need no others, in microseconds, rising; after damage these are trusted.
        stdin: what ffmpeg is given as its standard input, to the end.

    Yields:
        (seconds, (H, W, C) uint8 or uint16), the seconds rising strictly; C is 3, or 4 with alpha.

    Raises:
        InputError: not one frame can be decoded.
    """
    layouts = {(3, False): "rgb24", (4, False): "rgba", (3, True): "rgb48le", (4, True): "rgba64le", (1, False): "gray"}
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostats", "-loglevel", "level+info"),
        *(("-nostdin",) if stdin is None else ()),
        *(("-ss", f"{start:.6f}", "-copyts", "-start_at_zero") if start > 0 else ()),  # times as without -ss
        *(*source, "-map", "0:V:0", "-vf", filters, "-fps_mode", "passthrough", "-enc_time_base", "filter"),
        *("-stats_enc_pre:v", "pipe:2", "-stats_enc_pre_fmt:v", "@{n} {pts} {tb}@"),
        *("-pix_fmt", layouts[shape[2], deep], "-f", "rawvideo", "pipe:1"),
        *use_beside(None if info.head is None else info.head.container),
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
        spoken = _Spoken(process.stderr)
        try:
            # who sends to standard input may take any time
            limited = stdin is None
            raw = _read_frames(program, spoken, shape, info.path, deep=deep, background=background, limited=limited)
            count = 0
            for frame in _trusted(raw, spoken, start, info, on_damage, keys):
                count += 1
                while on_size is not None and spoken.sizes:
                    on_size(frame[0], *spoken.sizes.popleft())
                yield frame
            code = wait_for(program, info.path)
            spoken.join()
            if not count:
                name = shown(info.path)
                raise InputError(
                    f"{name}: no frame of it can be decoded ({spoken.last_words()}); check the file or convert it"
                    if code or spoken.complaints
                    else f"{name}: has no frame after {start:g} s; give an earlier start"
                )
        finally:
            program.close()
            spoken.close()


def _feed(source: IO[bytes], pipe: IO[bytes]) -> None:
    """Hands all of a stream on, until either end has had enough."""
    with contextlib.suppress(OSError, ValueError):
        shutil.copyfileobj(source, pipe, 1 << 20)
    with contextlib.suppress(OSError):
        pipe.close()


_ENDS = 1 << 20  # bytes at both ends of a film by which it is known again
HD_ROWS = 720  # players take untagged video of this size and more for BT.709, and smaller for BT.601
_DISTRUST = 0.5  # seconds after damage in which frames still show it
_GAP = 1.7  # times the usual distance between frames: a hole, where ffmpeg complained as well
_BACKWARDS = 1.0  # seconds; a smaller step back is a frame out of order, a larger one a clock that was set anew
_LATELY = 250  # frames for which a complaint counts: more than ffmpeg reads ahead
_MEMORY = 24  # distances between frames that make up the usual one


def check_readable(path: Path) -> None:
    """Rejects what is not a readable file.

    Raises:
        InputError: it is a folder, missing, or may not be read.
    """
    if path.is_dir():
        raise InputError(f"{shown(path)}: is a folder, and a film is needed; name the film's file")
    if path.exists() and not path.is_file():
        raise InputError(
            f"{shown(path)}: is a pipe or a device; give a file, or send a film to standard input as y4m (-)"
        )
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such file; check the name") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); change its permissions") from error


def _fit_filter(info: VideoInfo, width: int, height: int, fit: str, *, transparent: bool) -> str:
    """The filters that bring a frame of any shape to width x height; a film may change its size midway."""
    # By area where frames shrink and bicubic where they grow, as `frames.resize_image` does; area is quicker, too.
    shrinks = max(width, height) <= min(info.width, info.height) if fit == "crop" else width <= info.width
    flags = f"flags={'area' if shrinks else 'bicubic'}" + (f":in_color_matrix={info.matrix}" if info.matrix else "")
    before = after = ""
    if info.alpha and (width, height) != (info.width, info.height):
        # colours weigh as much as they are seen: what lies hidden under full transparency stays there
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


class _Spoken:
    """What ffmpeg says on stderr, sorted in a thread: the times of frames, and complaints.

    Each frame's time is said before its bytes are sent; a complaint about a frame stands before the time of the next
    frame that could be decoded.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self.times: queue.SimpleQueue[tuple[Fraction | None, int]] = queue.SimpleQueue()
        self.complaints = 0
        self.sizes: deque[tuple[int, int]] = deque()
        self._last = b""
        self._pipe = pipe
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join(timeout=1)

    def close(self) -> None:
        """Lets go of the pipe, when ffmpeg has ended."""
        self.join()
        if not self._thread.is_alive():
            self._pipe.close()

    def next_time(self, about: Path) -> tuple[Fraction | None, int]:
        """The next frame's time, where it has one, and how many complaints there were before it."""
        while True:
            try:
                return self.times.get(timeout=0.2)
            except queue.Empty:
                if not self._thread.is_alive() and self.times.empty():
                    raise InputError(f"{shown(about)}: ffmpeg has ended amid a frame; check the file") from None

    def last_words(self) -> str:
        """The last complaint, as one line."""
        words = re.sub(r"^(\[[^\]]*\] )+", "", " ".join(self._last.decode(errors="replace").split()))
        return words or "ffmpeg gave no reason"

    def _listen(self) -> None:
        rest = b""
        while part := self._pipe.read(1 << 16):
            rest += part
            end = 0
            for mark in _FRAME_MARK.finditer(rest):
                self._complain(rest[end : mark.start()])
                pts = int(mark[1])
                time = None if pts == _NO_PTS else Fraction(pts * int(mark[2]), int(mark[3]))
                self.times.put((time, self.complaints))
                end = mark.end()
            rest = rest[end:]
            if b"@" not in rest or len(rest) > 1 << 16:  # no half mark waits in it
                self._complain(rest)
                rest = b""
        self._complain(rest)

    def _complain(self, words: bytes) -> None:
        lines = words.splitlines()
        self.sizes += ((int(found[1]), int(found[2])) for found in map(_RESIZED.search, lines) if found)
        lines = [line for line in lines if b"[info]" not in line and _DAMAGE.search(line)]
        if lines:
            self.complaints += len(lines)
            self._last = lines[-1]


_FRAME_MARK = re.compile(rb"@\d+ (-?\d+) (\d+)/(\d+)@\n?")
_NO_PTS = -(2**63)
_RESIZED = re.compile(rb"\[info\] Reconfiguring filter graph.* (\d+)x(\d+)")
_DAMAGE = re.compile(rb"corrupt|damage|invalid|error|missing|conceal|truncat|premature|exceed", re.IGNORECASE)
"""What ffmpeg says of damage, among warnings that are of no account."""


def _read_frames(
    program: Program,
    spoken: _Spoken,
    shape: tuple[int, int, int],
    about: Path,
    *,
    deep: bool,
    background: Background,
    limited: bool,
) -> Iterator[tuple[Fraction | None, int, Frame]]:
    """Yields (time in the film or None, complaints up to it, pixels) as ffmpeg sends them."""
    pipe = program.process.stdout
    assert pipe is not None
    while True:
        pixels: Frame = np.empty(shape, np.uint16 if deep else np.uint8)
        room = pixels.data.cast("B")
        while room:
            if limited and not wait_to_read(pipe, STALL_SECONDS):
                raise stalled(about, STALL_SECONDS)
            got = pipe.readinto(room)  # type: ignore[attr-defined]
            if not got:
                program.check()
                return
            room = room[got:]
        time, complaints = spoken.next_time(about)
        if shape[2] == 4 and background is not None:
            pixels = flatten_alpha(pixels, background)
        yield time, complaints, pixels


def _trusted(
    raw: Iterator[tuple[Fraction | None, int, Frame]],
    spoken: _Spoken,
    start: float,
    info: VideoInfo,
    on_damage: Callable[[DamagedStretch], None] | None,
    keys: NDArray[np.int64] | None = None,
) -> Iterator[tuple[float, Frame]]:
    """Puts the times in order and leaves out frames that damage has spoilt.

    A hole in the times counts as damage only where ffmpeg has complained lately: films of a varying frame rate have
    holes of their own. How much earlier than the hole the complaint comes depends on how far ffmpeg reads ahead, which
    is chance; that it comes earlier does not.
    """
    steps: deque[float] = deque([1 / (info.fps or 25.0)], _MEMORY)
    last: float | None = None
    shift = 0.0
    complained, lately = 0, 0  # complaints so far, and frames for which they count
    bad_until: float | None = None
    bad_from = start

    def report(until: float | None) -> None:
        if on_damage is not None:
            on_damage(DamagedStretch(bad_from, until, spoken.last_words()))

    for stamp, complaints, pixels in raw:
        usual = sorted(steps)[len(steps) // 2]
        time = (last or 0.0) + usual if stamp is None else float(stamp) + shift
        if last is not None and time <= last:
            if last - time < _BACKWARDS:
                continue
            shift += last + usual - time
            time = last + usual
        time = round(time, 6)
        step = time - (start if last is None else last)
        lately = _LATELY if complaints > complained else lately - 1
        complained = complaints
        if lately > 0 and step > _GAP * usual:
            if bad_until is None:
                bad_from = start if last is None else last
            bad_until = time if _is_key(keys, time) else time + _DISTRUST
        elif last is not None:
            steps.append(step)
        last = time
        if bad_until is not None:
            if time < bad_until:
                continue
            report(time)
            bad_until = None
        yield time, pixels
    spoken.join()
    short = info.duration is not None and last is not None and info.duration - last > _DISTRUST + 2 / (info.fps or 25.0)
    if bad_until is not None:
        report(None)
    elif short and spoken.complaints:
        bad_from = last or start
        report(None)


def _is_key(keys: NDArray[np.int64] | None, time: float) -> bool:
    """Whether the frame at a time needs no others, as far as that is known."""
    if keys is None or not len(keys):
        return False
    at = round(time * 1_000_000)
    place = int(np.searchsorted(keys, at - _SAME))
    return place < len(keys) and abs(int(keys[place]) - at) <= _SAME


_SAME = 1500  # microseconds by which times of one frame may differ, as they are rounded


def _probe_webp(path: Path) -> VideoInfo:
    """Animated WebP goes through Pillow: most builds of ffmpeg cannot decode it."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
    except Exception as error:  # each damage fails in its own way
        raise InputError(f"{shown(path)}: cannot be read ({error}); check the file or convert it") from error
    check_area(path, width, height)
    durations = list_durations(path)
    seconds = sum(durations) / 1000
    return VideoInfo(path, width, height, seconds, len(durations) / seconds, True, None)


def decode_webp(
    path: Path, width: int, height: int, fit: str, start: float, background: Background = WHITE
) -> Iterator[DecodedFrame]:
    """Decodes an animated WebP as `decode_video` does a film.

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
            except Exception as error:  # each damage fails in its own way
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
                yield DecodedFrame(round(time, 6), np.asarray(flat, np.uint8).copy())
            milliseconds += duration
