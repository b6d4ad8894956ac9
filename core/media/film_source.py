"""Films as they come: which input is one, what a film is made of, and its frames at their exact times.

Frames leave here as RGB in full range, 8 or 16 bits a channel, upright, in the film's own size of pixels. The matrix
and range that they were converted by are told by `Film.colours`, so that whoever encodes them can go back the same way:
a pixel that nothing changed then comes out as it went in, whatever the film's tags say or lack.
"""

import os
import re
import sys
from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..config.choices import STREAM
from ..errors import ConfigError, InputError
from ..files import shown
from .decode import HD_ROWS, DamagedStretch, VideoInfo, check_area, decode_frames, decode_webp, probe_video
from .ffmpeg import ask, list_packets, read_file, read_pipe
from .frames import Frame
from .image_files import SUFFIXES
from .webp import is_webp, list_durations

# fmt: off
FILM_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf",
    ".flv", ".ogv", ".3gp", ".y4m", ".mxf",
))
# fmt: on
"""By these a file is taken for a film before it is looked into."""
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
UNKNOWN = "unknown"


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
class Stream:
    """Something in a film's file beside the picture: audio, a subtitle, a font, a cover.

    Attributes:
        index: its number in the file.
        kind: "audio", "subtitle", "attachment" or "cover".
        codec: by ffmpeg's name.
    """

    index: int
    kind: str
    codec: str


@dataclass(frozen=True)
class Timing:
    """When a film's frames are shown, as its file says before anything is decoded.

    Attributes:
        rate: frames a second where that is constant, else None.
        usual: seconds from a frame to the next, the median.
        end: seconds; when the last frame has been shown; None: not known beforehand.
        count: how many frames there are; None: not known beforehand.
    """

    rate: Fraction | None
    usual: Fraction
    end: Fraction | None
    count: int | None


@dataclass(frozen=True)
class Film:
    """A film, looked into.

    Attributes:
        path: the file, or STREAM.
        info: what ffmpeg says of it.
        width: columns of the frames, upright.
        height: rows.
        aspect: of a pixel, width by height.
        depth: bits a channel.
        chroma: "420", "422" or "444".
        colours: how numbers stand for colours.
        yuv: the file holds luma and chroma, not RGB.
        interlaced: frames are woven of two moments.
        picture: the number of the video stream in the file.
        streams: what else is in the file.
        timing: when frames are shown.
        head: what was read of standard input already.
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
    interlaced: bool
    picture: int
    streams: tuple[Stream, ...]
    timing: Timing
    head: bytes = b""
    mastered: bool = False

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
    first = ("-map", "0:V:0", "-frames:v", "1", "-vf", "showinfo", "-f", "null", "-")
    said = ask(("-hide_banner", "-nostdin", *read_file(path), *first), path).words.decode(errors="replace")
    form = re.search(r"showinfo.*\bfmt:(\w+).*\bsar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\w)", said)
    if form is None:
        raise InputError(f"{shown(path)}: no frame of it can be decoded; check the file or convert it")
    width, height = int(form[4]), int(form[5])
    chroma, depth = _read_pixel_format(form[1])
    tags = re.search(r"color_range:(\S+) color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)", said)
    names = [UNKNOWN if tag in ("unspecified", "reserved") else tag for tag in tags.groups()] if tags else [UNKNOWN] * 4
    picture, streams = _list_streams(said)
    return Film(
        path=path,
        info=info,
        width=width,
        height=height,
        aspect=Fraction(int(form[2]), int(form[3])) if int(form[2]) and int(form[3]) else Fraction(1),
        depth=depth,
        chroma=chroma,
        colours=_read_colours(form[1], names, min(width, height)),
        yuv=_is_yuv(form[1]),
        interlaced=form[6] in "TB",
        picture=picture,
        streams=streams,
        timing=_read_timing(path),
        mastered=re.search(r"mastering display|content light level", said, re.IGNORECASE) is not None,
    )


def _read_pixel_format(name: str) -> tuple[str, int]:
    """Chroma ("420", "422" or "444") and bits a channel of ffmpeg's pixel format `name`."""
    deep = re.search(r"(9|10|12|14|16|32|48|64)(?:le|be)$", name)
    depth = int(deep[1]) if deep else 8
    depth = {32: 16, 48: 16, 64: 16}.get(depth, depth)
    kind = re.search(r"4[0-4][0-4]", name)
    if name.startswith(("nv12", "nv21", "p0", "gray", "ya", "mono")):
        return "420", depth
    if name.startswith(("nv16", "nv20", "p2", "yuyv", "uyvy", "yvyu", "y21")):
        return "422", depth
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


def _list_streams(said: str) -> tuple[int, tuple[Stream, ...]]:
    """The number of the picture's stream, and the other streams that can be kept, from ffmpeg's words."""
    picture: int | None = None
    streams = []
    for line in said.partition("Stream mapping:")[0].splitlines():
        found = re.match(r"\s*Stream #0:(\d+)[^:]*(?:\([^)]*\))?: (Video|Audio|Subtitle|Attachment): (\w+)", line)
        if found is None:
            continue
        index, kind = int(found[1]), found[2].lower()
        if kind == "video":
            if "(attached pic)" not in line:
                picture = index if picture is None else picture
                continue
            kind = "cover"
        streams.append(Stream(index, kind, found[3]))
    return picture or 0, tuple(streams)


def _read_timing(path: Path) -> Timing:
    """Reads when a film's packets are shown; that goes through the whole file, but decodes nothing.

    Raises:
        InputError: there is no packet of video, or more than MOST_FRAMES.
    """
    tick = Fraction(1)
    shown_at = array("q")
    lasts: dict[int, int] = {}
    with closing(list_packets(read_file(path), "0:V:0", path)) as packets:
        for packet in packets:
            if packet[0] == b"#tb":
                tick = Fraction(packet[1].decode())
                continue
            pts, duration = int(packet[2]), int(packet[3])
            if pts < 0:
                continue
            shown_at.append(pts)
            if len(shown_at) > MOST_FRAMES:
                raise InputError(f"{shown(path)}: has more than {MOST_FRAMES:,} frames; cut it into parts first")
            if len(lasts) > 64:  # only the last frame's is wanted, and order of coding is not far from order
                del lasts[min(lasts)]
            lasts[pts] = duration
    if not shown_at:
        raise InputError(f"{shown(path)}: holds no frame; check the file or convert it")
    return find_timing(shown_at, lasts[max(lasts)], tick)


def find_timing(stamps: Sequence[int], last: int, tick: Fraction) -> Timing:
    """Finds whether frames come at a constant rate, for all that their stamps are rounded to ticks.

    Args:
        stamps: when frames are shown, in ticks, in any order.
        last: how many ticks the last is shown.
        tick: seconds.
    """
    times = np.unique(np.asarray(stamps, np.int64))
    count = len(times)
    if count == 1:
        usual = max(last, 1) * tick
        return Timing(1 / usual, usual, int(times[0]) * tick + usual, 1)
    rate = _find_rate(times, tick)
    usual = 1 / rate if rate is not None else int(np.median(np.diff(times))) * tick
    end = int(times[-1]) * tick + (usual if rate is not None or last <= 0 else last * tick)
    if rate is not None:
        end = int(times[0]) * tick + count / rate
    return Timing(rate, usual, end, count)


_RATES = (*range(1, 121), 144, 240)  # and each of them by 1000/1001, as in television


def _find_rate(times: NDArray[np.int64], tick: Fraction) -> Fraction | None:
    """The rate by which every frame stands within a tick of its place, the likeliest first; None: there is none."""
    count = len(times)
    measured = (count - 1) / (int(times[-1] - times[0]) * tick)
    whole = round(measured)
    likely = [Fraction(whole), Fraction(whole * 1000, 1001)] if whole in _RATES else []
    steps = np.diff(times)
    exact = [1 / (int(steps[0]) * tick)] if steps.min() == steps.max() else []
    numbers = np.arange(count, dtype=np.float64)
    for rate in (*exact, *likely, measured.limit_denominator(1001), measured.limit_denominator(100_000)):
        if rate <= 0:
            continue
        off = times - times[0] - numbers * float(1 / (rate * tick))
        if np.abs(off).max() <= 1.0:
            return rate
    return None


def read_frames(
    film: Film, *, start: float = 0.0, on_damage: Callable[[DamagedStretch], None] | None = None
) -> Generator[tuple[Fraction, Frame], None, None]:
    """Decodes a film and gives each frame with the time at which it is shown.

    Where the rate is constant, times are exactly the first frame's and a whole number of frames more, however the file
    rounds them; elsewhere they are the file's own, to the microsecond.

    Args:
        film: from `open_film`.
        start: seconds to leave out at the beginning.
        on_damage: told of each stretch that cannot be decoded.

    Yields:
        (seconds from the film's beginning, (H, W, 3) uint8 or uint16), the seconds rising strictly.

    Raises:
        InputError: not one frame can be decoded.
    """
    rate = film.timing.rate
    first: Fraction | None = None
    before = -1
    with closing(_decode(film, start, on_damage)) as frames:
        for seconds, pixels in frames:
            time = Fraction(round(seconds * 1_000_000), 1_000_000)
            if first is None:
                first = time if rate is None else Fraction(round(time * rate * 1000), 1000) / rate
            if rate is not None:
                number = round((time - first) * rate)
                if number <= before:
                    continue
                before = number
                time = first + number / rate
            yield time, pixels


def _decode(
    film: Film, start: float, on_damage: Callable[[DamagedStretch], None] | None
) -> Generator[tuple[float, Frame], None, None]:
    if film.path != STREAM and is_webp(film.path):
        for frame in decode_webp(film.path, film.width, film.height, "keep", start):
            yield frame.time, frame.pixels
        return
    channels = 4 if film.info.alpha else 3
    colours = film.colours
    filters = ["bwdif=mode=send_frame:deint=interlaced"] if film.interlaced else []
    matrix = f":in_color_matrix={colours.by}:in_range={RANGES[colours.range]}" if film.yuv else ""
    filters.append(f"scale={film.width}:{film.height}:{_TO_RGB}:out_range=full{matrix}")
    piped = film.path == STREAM
    yield from decode_frames(
        film.info,
        read_pipe("yuv4mpegpipe") if piped else read_file(film.path),
        ",".join(filters),
        (film.height, film.width, channels),
        deep=film.deep,
        start=start,
        on_damage=on_damage,
        stdin=_Rest(film.head, sys.stdin.buffer) if piped else None,  # type: ignore[arg-type]
    )


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


def _open_webp(info: VideoInfo) -> Film:
    """An animated WebP, which Pillow reads: RGB, with a duration for each frame in milliseconds."""
    durations = list_durations(info.path)
    stamps = list(accumulate(durations[:-1], initial=0))
    colours = _read_colours("rgb24", [UNKNOWN] * 4, info.height)
    timing = find_timing(stamps, durations[-1], Fraction(1, 1000))
    return Film(info.path, info, info.width, info.height, Fraction(1), 8, "420", colours, False, False, 0, (), timing)


def _open_stream(stream: IO[bytes]) -> Film:
    """Reads the head line of a YUV4MPEG2 stream, as mjpegtools' yuv4mpeg(5) tells of it.

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
        interlaced=fields.get("I", "p") in ("t", "b"),
        picture=0,
        streams=(),
        timing=Timing(fps, 1 / fps, None, None),
        head=head,
    )
