"""Films as they come: which input is one, what a film is made of, and its frames at their exact times.

Frames leave here as RGB in full range, 8 or 16 bits a channel, upright, in the film's own size of pixels. The matrix
and range that they were converted by are told by `Film.colours`, so that whoever encodes them can go back the same way:
a pixel that nothing changed then comes out as it went in, whatever the film's tags say or lack.
"""

import os
import re
import sys
from array import array
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..config.choices import STREAM
from ..errors import ConfigError, InputError
from ..files import shown
from .colour_profiles import read_profile, to_srgb
from .decode import HD_ROWS, WHITE, DamagedStretch, VideoInfo, check_area, decode_frames, decode_webp, probe_video
from .ffmpeg import list_packets, read_file, read_pipe
from .frames import Frame
from .image_files import SUFFIXES
from .moving import Animation, read_animation
from .probe import UNKNOWN, Head, Stream
from .telecine import DEINTERLACE, FIELD, Restoration, even_out, find_restoration, is_pulled_down
from .webp import has_transparency, is_webp, list_durations

# fmt: off
FILM_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf",
    ".flv", ".ogv", ".3gp", ".y4m", ".mxf",
))
# fmt: on
"""Suffixes by which a file is taken for a film before it is opened."""
MOST_FRAMES = 1 << 24
"""As many frames as a film may have: 194 hours at 24 a second."""
_MOVING = ("GIF", "WEBP", "PNG", "AVIF")  # kinds of image that may be animations

# each chroma sample stands for the pixels that it was taken from: going back by their mean then gives the same again
_TO_RGB = "flags=neighbor+accurate_rnd+full_chroma_int"
_MATRICES = {
    "bt709": "bt709",
    "smpte170m": "smpte170m",
    "bt470bg": "bt470",
    "fcc": "fcc",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
"""What ffmpeg's scaler calls the matrices that streams name."""
RANGES = {"tv": "limited", "pc": "full"}
"""What ffmpeg's filters call the ranges that streams name."""
_ASKED_FOR_ALPHA = 240  # frames that are read to know whether alpha is opaque throughout


@dataclass(frozen=True)
class Colours:
    """How a film's numbers stand for colours, by ffmpeg's names; "unknown" where the film does not say.

    Attributes:
        range: "tv" (16 to 235) or "pc" (0 to 255).
        matrix: from RGB to luma and chroma.
        primaries: which red, green and blue are meant.
        transfer: from light to numbers.
        by: the matrix that the scaler converts by, guessed where the film names none.
    """

    range: str
    matrix: str
    primaries: str
    transfer: str
    by: str


@dataclass(frozen=True)
class Timing:
    """When a film's frames are shown, as its file says before anything is decoded.

    Attributes:
        rate: frames a second where that is constant, else None.
        usual: seconds from a frame to the next, the median.
        end: seconds; when the last frame has been shown; None: not known beforehand.
        count: how many frames there are; None: not known beforehand.
        keys: when frames are shown that need no others, in microseconds, rising; None: not known.
    """

    rate: Fraction | None
    usual: Fraction
    end: Fraction | None
    count: int | None
    keys: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Film:
    """A probed film.

    Attributes:
        path: the file, or STREAM.
        info: what ffmpeg says of it.
        width: columns of the frames, upright.
        height: rows.
        aspect: of a pixel, width by height.
        depth: bits a channel.
        chroma: "420", "422", "444" or "rgb".
        colours: how numbers stand for colours.
        yuv: the file holds luma and chroma, not RGB.
        restoration: what makes frames whole that are woven of two moments; None: they are whole.
        picture: the number of the video stream in the file.
        streams: what else is in the file.
        timing: when frames are shown.
        head: what was read of standard input already.
        alpha: something in it is transparent: frames have four channels.
        profile: the ICC profile of its colours, where it is an animation that has one; else None.
        foreign: such a profile, where frames are read in sRGB.
        squared: frames are read with square pixels, whatever `aspect` is.
        animation: when its pictures are shown, where it is a GIF, APNG or WebP; else None.
        mastered: it says how bright the screen was on which it was made (HDR10's mastering data).
    """

    path: Path
    info: VideoInfo
    width: int
    height: int
    aspect: Fraction
    depth: int
    chroma: str
    colours: Colours
    yuv: bool
    restoration: Restoration | None
    picture: int
    streams: tuple[Stream, ...]
    timing: Timing
    head: bytes = b""
    alpha: bool = False
    profile: bytes | None = field(default=None, repr=False)
    foreign: bytes | None = field(default=None, repr=False)
    squared: bool = False
    animation: Animation | None = None
    mastered: bool = False

    @property
    def file(self) -> Head | None:
        """What else is in its file; None for a stream, and for what Pillow reads."""
        return self.info.head

    @property
    def square(self) -> tuple[int, int]:
        """Width and height of the frames that are read: where pixels are to be made square, the longer way."""
        if not self.squared or self.aspect == 1:
            return self.width, self.height
        wide = self.aspect > 1
        width = round(self.width * self.aspect) if wide else self.width
        return width, self.height if wide else round(self.height / self.aspect)

    @property
    def deep(self) -> bool:
        """Whether frames have 16 bits a channel, not 8."""
        return self.depth > 8


def find_film(inputs: Sequence[Path]) -> Path | None:
    """The film among what was given, or None where key frames were.

    Raises:
        ConfigError: STREAM is not alone.
        InputError: a film is not alone.
    """
    if STREAM in inputs:
        if len(inputs) > 1:
            raise ConfigError("-: stands for a film from standard input, and must be given alone")
        return STREAM
    films = [path for path in inputs if _looks_like_film(path, alone=len(inputs) == 1)]
    if films and len(inputs) > 1:
        raise InputError(
            f"{shown(films[0])}: is a film, and was given together with others; interpolate one film at a time"
        )
    return films[0] if films else None


def _looks_like_film(path: Path, *, alone: bool) -> bool:
    if path.is_dir():
        return False
    suffix = path.suffix.lower()
    if suffix in FILM_SUFFIXES:
        return True
    if not alone or not path.is_file():
        return False
    try:
        with Image.open(path) as image:
            return image.format in _MOVING and bool(getattr(image, "n_frames", 1) > 1)
    except Exception:  # Pillow raises whatever a broken file leads to
        return suffix not in SUFFIXES


def open_film(path: Path) -> Film:
    """Looks into a film: its form, its streams, and when its frames are shown.

    Raises:
        InputError: it cannot be read, or holds no film.
    """
    if path == STREAM:
        return _open_stream(sys.stdin.buffer)
    info = probe_video(path)
    if is_webp(path):
        return _open_webp(info)
    head = info.head
    assert head is not None
    picture = head.picture
    if not picture.decoded:
        raise InputError(f"{shown(path)}: no frame of it can be decoded; check the file or convert it")
    width, height = picture.width, picture.height
    aspect = picture.aspect
    if picture.turned:
        width, height, aspect = height, width, 1 / aspect
    chroma, depth = _read_pixel_format(picture.pixel_format)
    timing, animation = _read_timing(path, head), None
    restoration = None
    if head.container in ("gif", "apng"):
        timing, animation = _time_pictures(path, timing)
    else:
        restoration = find_restoration(info, timing.rate, flagged=picture.interlaced)
        if restoration is not None and restoration.telecined:
            timing = _leave_out_a_fifth(timing)
    return Film(
        path=path,
        info=info,
        width=width,
        height=height,
        aspect=aspect,
        depth=depth,
        chroma=chroma,
        colours=_read_colours(picture.pixel_format, picture.colours, min(width, height)),
        yuv=_is_yuv(picture.pixel_format),
        restoration=restoration,
        picture=head.index,
        streams=head.beside,
        timing=timing,
        alpha=picture.alpha and _has_transparency(info),
        animation=animation,
        profile=read_profile(path) if animation is not None else None,
        mastered=bool(picture.side_data & {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}),
    )


def _read_pixel_format(name: str) -> tuple[str, int]:
    """Chroma ("420", "422", "444" or "rgb") and bits a channel of ffmpeg's pixel format `name`."""
    deep = re.search(r"(9|10|12|14|16|32|48|64)(?:le|be)$", name)
    depth = int(deep[1]) if deep else 8
    depth = {32: 16, 48: 16, 64: 16}.get(depth, depth)
    kind = re.search(r"4[0-4][0-4]", name)
    if name.startswith(("nv12", "nv21", "p0", "gray", "ya", "mono")):
        return "420", depth
    if name.startswith(("nv16", "nv20", "p2", "yuyv", "uyvy", "yvyu", "y21")):
        return "422", depth
    if not _is_yuv(name):
        return "rgb", depth
    if kind is not None:
        return {"422": "422", "444": "444"}.get(kind[0], "420"), depth
    return ("444" if name.startswith(("p4", "nv24", "nv42")) else "420"), depth


def _is_yuv(pixel_format: str) -> bool:
    return pixel_format.startswith(("yuv", "yvyu", "uyvy", "yuyv", "nv", "p0", "p2", "p4", "y21", "gray", "ya"))


def _read_colours(pixel_format: str, tags: Sequence[str], rows: int) -> Colours:
    """What the tags say, with what a player would guess for the matrix and range that are missing."""
    range_, matrix, primaries, transfer = tags
    if not _is_yuv(pixel_format):
        # RGB becomes what `encode.write_video` writes
        primaries, transfer = (name if name != UNKNOWN else "bt709" for name in (primaries, transfer))
        return Colours("tv", "bt709", primaries, transfer, "bt709")
    if range_ not in ("tv", "pc"):
        range_ = "pc" if pixel_format.startswith(("yuvj", "gray", "ya")) else "tv"
    guess = "bt709" if rows >= HD_ROWS else "smpte170m"
    return Colours(range_, matrix, primaries, transfer, by=_MATRICES.get(matrix, guess))


def _read_timing(path: Path, head: Head) -> Timing:
    """Reads when a film's frames are shown.

    That is what its packets say, which are listed without decoding any; but only where they all say it, and where the
    first frames that are decoded agree. AVI has no times for frames that depend on later ones, and a packet may be half
    a frame, several, or none: then all frames are decoded once, and have the say.

    Raises:
        InputError: there is no frame, or more than MOST_FRAMES.
    """
    packets = _list_stamps(path, head, None)
    decoded = _list_stamps(path, head, _SAMPLE)
    if not _agree(packets, decoded):
        packets = _list_stamps(path, head, 0)
    shown_at = array("q", (stamp for stamp in packets.stamps if stamp >= 0))
    if not shown_at:
        raise InputError(f"{shown(path)}: holds no frame whose time is known; convert it to .mkv or .mp4")
    timing = find_timing(shown_at, packets.last, packets.tick)
    keys = np.sort(np.asarray(packets.keys, np.float64)) * float(packets.tick * 1_000_000)
    return replace(timing, keys=np.rint(keys).astype(np.int64))


_SAMPLE = 48  # frames that are decoded to hold packets against: longer than any encoder's way of ordering frames
_NO_STAMP = -(1 << 63)  # what ffmpeg writes where there is no time


@dataclass(frozen=True)
class _Stamps:
    """When packets or frames are shown, in ticks; how long a tick and the last of them is; and which need no others."""

    stamps: Sequence[int]
    tick: Fraction
    last: int
    keys: Sequence[int] = ()


def _leave_out_a_fifth(timing: Timing) -> Timing:
    """The timing of a telecined film's drawings."""
    assert timing.rate is not None and timing.count is not None
    rate = timing.rate * Fraction(4, 5)
    return Timing(rate, 1 / rate, timing.end, round(timing.count * Fraction(4, 5)))


def _list_stamps(path: Path, head: Head, decode: int | None) -> _Stamps:
    """Lists times of packets, or of the frames that they decode to, as `list_packets` does.

    Raises:
        InputError: there are more than MOST_FRAMES.
    """
    tick = Fraction(1)
    stamps = array("q")
    keys = array("q")
    lasts: dict[int, int] = {}
    source = read_file(path, head.picture.decoder)
    with closing(list_packets(source, "0:V:0", path, decode=decode, container=head.container)) as packets:
        for packet in packets:
            if packet[0] == b"#tb":
                tick = Fraction(packet[1].decode())
                continue
            pts, duration = int(packet[2]), int(packet[3])
            stamps.append(pts)
            if decode is None and not any(
                cell.startswith(b"F=0x") and not int(cell[4:], 16) & 1 for cell in packet[6:]
            ):
                keys.append(pts)
            if len(stamps) > MOST_FRAMES:
                raise InputError(f"{shown(path)}: has more than {MOST_FRAMES:,} frames; cut it into parts first")
            if len(lasts) > 64:  # only the last frame's is wanted, and order of coding is not far from order
                del lasts[min(lasts)]
            lasts[pts] = duration
    return _Stamps(stamps, tick, lasts[max(lasts)] if lasts else 0, keys)


def _agree(packets: _Stamps, decoded: _Stamps) -> bool:
    """Whether packets say of themselves when the frames are shown that come of them."""
    if not packets.stamps or not decoded.stamps or min(packets.stamps) == _NO_STAMP:
        return not decoded.stamps
    first, last = (round(each(decoded.stamps) * decoded.tick / packets.tick) for each in (min, max))
    between = [stamp for stamp in packets.stamps if first <= stamp <= last]
    return len(between) == len(decoded.stamps)


def find_timing(stamps: Sequence[int], last: int, tick: Fraction) -> Timing:
    """Finds whether frames come at a constant rate, for all that their stamps are rounded to ticks.

    Args:
        stamps: when frames are shown, in ticks, in any order.
        last: how many ticks the last is shown.
        tick: seconds.
    """
    times = np.unique(np.asarray(stamps, np.int64))
    count = len(times)
    if count > 2 and _find_rate(times, tick) is None:
        even = even_out([int(time) * tick for time in times])
        exact = tick / 1000  # half a field is no whole number of ticks
        evened = np.array([round(time / exact) for time in even], np.int64)
        rate = _find_rate(evened, exact, slack=1000 * 2)
        if rate is not None:
            return Timing(rate, 1 / rate, int(times[0]) * tick + count / rate, count)
    if count == 1:
        usual = max(last, 1) * tick
        return Timing(1 / usual, usual, int(times[0]) * tick + usual, 1)
    rate = _find_rate(times, tick)
    usual = 1 / rate if rate is not None else int(np.median(np.diff(times))) * tick
    end = int(times[-1]) * tick + (usual if rate is not None or last <= 0 else last * tick)
    if rate is not None:
        end = int(times[0]) * tick + count / rate
        if last * tick - usual > _HOLD * usual:  # a GIF's last drawing stands for long
            end = int(times[-1]) * tick + last * tick
    return Timing(rate, usual, end, count)


_HOLD = Fraction(1, 2)  # of the usual time; a last frame that is longer by more is meant so, and no rounding
_RATES = (*range(1, 121), 144, 240)  # and each of them by 1000/1001, as in television


def _find_rate(times: NDArray[np.int64], tick: Fraction, slack: float = 1.0) -> Fraction | None:
    """The rate by which every frame stands within so many ticks of its place, the likeliest first; None: none does."""
    count = len(times)
    measured = (count - 1) / (int(times[-1] - times[0]) * tick)
    whole = round(measured)
    likely = [Fraction(whole), Fraction(whole * 1000, 1001)] if whole in _RATES else []
    steps = np.diff(times)
    exact = [1 / (int(steps[0]) * tick)] if steps.min() == steps.max() else []
    numbers = np.arange(count, dtype=np.float64)
    found: dict[Fraction, float] = {}
    for rate in (*exact, *likely, measured.limit_denominator(1001), measured.limit_denominator(100_000)):
        if rate <= 0:
            continue
        off = times - times[0] - numbers * float(1 / (rate * tick))
        found.setdefault(rate, float(np.abs(off).max()))
        if found[rate] <= 1.0:
            return rate
    nearest = min(found, key=lambda rate: found[rate], default=None)
    return nearest if nearest is not None and found[nearest] <= slack else None


def read_frames(
    film: Film,
    *,
    start: float = 0.0,
    on_damage: Callable[[DamagedStretch], None] | None = None,
    on_size: Callable[[float, int, int], None] | None = None,
) -> Generator[tuple[Fraction, Frame], None, None]:
    """Decodes a film and gives each frame with the time at which it is shown.

    Where the rate is constant, times are exactly the first frame's and a whole number of frames more, however the file
    rounds them; elsewhere they are the file's own, to the microsecond.

    Args:
        film: from `open_film`.
        start: seconds to leave out at the beginning.
        on_damage: called with each stretch that cannot be decoded.
        on_size: told about when frames of another size come, and of which; they are fitted into the first one's.

    Yields:
        (seconds from the film's beginning, (H, W, C) uint8 or uint16), the seconds rising strictly; C is 4 where the
        film has alpha, else 3.

    Raises:
        InputError: not one frame can be decoded.
    """
    rate, animation = film.timing.rate, film.animation
    first: Fraction | None = None
    before = -1
    decoded = _decode(film, 0.0 if animation else start, on_damage, on_size)
    with closing(decoded if rate is not None else _even_out(decoded)) as frames:
        for place, (seconds, pixels) in enumerate(frames):
            time = Fraction(round(seconds * 1_000_000), 1_000_000)
            if animation is not None and place < len(animation.stamps):
                time = animation.stamps[place] * animation.tick
            if time < start:
                continue
            if film.foreign is not None:
                pixels = to_srgb(pixels, film.foreign)
            if first is None:
                first = time if rate is None else Fraction(round(time * rate * 1000), 1000) / rate
            if rate is not None:
                number = round((time - first) * rate)
                if number <= before:
                    continue
                before = number
                time = first + number / rate
            yield time, pixels


def _even_out(frames: Generator[tuple[float, Frame], None, None]) -> Generator[tuple[float, Frame], None, None]:
    """As `telecine.even_out`, while frames come: each waits for the one behind it."""
    with closing(frames):
        before: deque[float] = deque(maxlen=2)
        waiting: tuple[float, Frame] | None = None
        for each in chain(frames, (None,)):
            if waiting is not None:
                time, pixels = waiting
                after = each[0] - time if each is not None else before[-1] - before[0] if before else 0.0
                moved = bool(before) and is_pulled_down(Fraction(time - before[-1]), Fraction(after))
                yield time - float(FIELD) / 2 if moved else time, pixels
                before.append(time)
            waiting = each


def _decode(
    film: Film,
    start: float,
    on_damage: Callable[[DamagedStretch], None] | None,
    on_size: Callable[[float, int, int], None] | None,
) -> Generator[tuple[float, Frame], None, None]:
    if film.path != STREAM and is_webp(film.path):
        background = None if film.alpha else WHITE
        for frame in decode_webp(film.path, film.width, film.height, "keep", start, background):
            yield frame.time, frame.pixels
        return
    channels = 4 if film.info.alpha else 3
    colours = film.colours
    filters = [] if film.restoration is None else list(film.restoration.filters)
    matrix = f":in_color_matrix={colours.by}:in_range={RANGES[colours.range]}" if film.yuv else ""
    filters.append(f"scale={_fit_into(film)}:{_TO_RGB}:out_range=full{matrix}")
    filters.append(f"pad={film.width}:{film.height}:-1:-1")  # nothing is added to frames of the film's usual size
    if film.square != (film.width, film.height):
        filters.append(f"scale={film.square[0]}:{film.square[1]}:flags=bicubic+accurate_rnd,setsar=1")
    piped = film.path == STREAM
    yield from decode_frames(
        film.info,
        read_pipe("yuv4mpegpipe") if piped else read_file(film.path, film.info.decoder),
        ",".join(filters),
        (film.square[1], film.square[0], channels),
        deep=film.deep,
        background=None if film.alpha else WHITE,
        start=start,
        on_damage=on_damage,
        on_size=on_size,
        keys=film.timing.keys,
        stdin=_Rest(film.head, sys.stdin.buffer) if piped else None,  # type: ignore[arg-type]
    )


def _fit_into(film: Film) -> str:
    """The size that a frame is scaled to: that of the film, or the largest within it where its shape is another."""
    aspect = f"({film.aspect.numerator}/{film.aspect.denominator})"
    width = f"max(1,round(min({film.width},{film.height}*dar/{aspect})))"
    return f"w='{width}':h='max(1,round(min({film.height},{film.width}*{aspect}/dar)))'"


class _Rest:
    """A stream of which the head was read already."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int) -> bytes:
        """The head, and then what the stream has, up to `size` bytes."""
        if self._head:
            head, self._head = self._head, b""
            return head
        return os.read(self._stream.fileno(), size)


def _has_transparency(info: VideoInfo) -> bool:
    """Whether anything in a film is transparent: all of its alpha may be opaque.

    The first frames are read; of a film that goes on after them, the alpha is kept, whatever it is.
    """
    if info.head is None:
        return has_transparency(info.path, _ASKED_FOR_ALPHA)
    picture = info.head.picture
    shape = (picture.width, picture.height) if picture.turned else (picture.height, picture.width)
    planes = "format=rgba,alphaextract,format=gray"
    raw = decode_frames(info, read_file(info.path, info.decoder), f"{planes},scale={shape[1]}:{shape[0]}", (*shape, 1))
    with closing(raw) as frames:
        for number, (_, pixels) in enumerate(frames):
            if number == _ASKED_FOR_ALPHA or bool((pixels < 255).any()):
                return True
    return False


def _time_pictures(path: Path, timing: Timing) -> tuple[Timing, Animation | None]:
    """When a GIF, APNG or WebP shows its pictures; as before where its headers count other ones than ffmpeg."""
    animation = read_animation(path)
    if animation is None or timing.count not in (None, len(animation.stamps)):
        return timing, None
    return find_timing(animation.stamps, animation.last, animation.tick), animation


def _open_webp(info: VideoInfo) -> Film:
    """An animated WebP, which Pillow reads: RGB, with a duration for each frame in milliseconds."""
    colours = _read_colours("rgb24", [UNKNOWN] * 4, info.height)
    still = find_timing([0], list_durations(info.path)[0], Fraction(1, 1000))
    timing, animation = _time_pictures(info.path, replace(still, count=None))
    timing = timing if animation is not None else still
    return Film(
        info.path, info, info.width, info.height, Fraction(1), 8, "rgb", colours, False, None, 0, (), timing,
        alpha=_has_transparency(info), animation=animation, profile=read_profile(info.path),
    )  # fmt: skip


def _open_stream(stream: IO[bytes]) -> Film:
    """Reads the head line of a YUV4MPEG2 stream, as in mjpegtools' yuv4mpeg(5).

    Raises:
        InputError: it is no such stream.
    """
    head = b""
    while not head.endswith(b"\n") and len(head) < 1024:
        letter = os.read(stream.fileno(), 1)
        if not letter:
            break
        head += letter
        if not b"YUV4MPEG2 ".startswith(head[:10]):
            break
    fields = {field[:1]: field[1:] for field in head.decode("ascii", "replace").split()[1:] if field[:1] != "X"}
    size = [fields.get(name, "") for name in "WH"]
    rate = re.fullmatch(r"(\d{1,9}):(\d{1,9})", fields.get("F", ""))
    if not head.startswith(b"YUV4MPEG2 ") or not all(side.isdecimal() and int(side) for side in size):
        found = "nothing" if not head else "no y4m video"
        raise InputError(f"-: standard input holds {found}; send it a film by ffmpeg -i FILM -f yuv4mpegpipe -")
    if rate is None or not int(rate[1]) or not int(rate[2]):
        raise InputError("-: the y4m video names no rate of frames; make it anew with one, as ffmpeg does")
    width, height = map(int, size)
    check_area(STREAM, width, height)
    fps = Fraction(int(rate[1]), int(rate[2]))
    layout = fields.get("C", "420jpeg")
    kind = "444" if layout.startswith("444") else "422" if layout.startswith("422") else "420"
    deep = re.search(r"p(\d+)$", layout) or re.search(r"mono(\d+)$", layout)
    full = b"XCOLORRANGE=FULL" in head or layout.startswith("mono")
    tags = ["pc" if full else "tv", UNKNOWN, UNKNOWN, UNKNOWN]
    aspect = re.fullmatch(r"(\d{1,9}):(\d{1,9})", fields.get("A", ""))
    info = VideoInfo(STREAM, width, height, None, float(fps), "alpha" in layout, "bt709")
    return Film(
        path=STREAM,
        info=info,
        width=width,
        height=height,
        aspect=Fraction(int(aspect[1]), int(aspect[2]))
        if aspect and int(aspect[1]) and int(aspect[2])
        else Fraction(1),
        depth=int(deep[1]) if deep else 8,
        chroma=kind,
        colours=_read_colours("yuv420p", tags, min(width, height)),
        yuv=True,
        restoration=DEINTERLACE if fields.get("I", "p") in ("t", "b") else None,
        picture=0,
        streams=(),
        timing=Timing(fps, 1 / fps, None, None),
        head=head,
        alpha="alpha" in layout,
    )
