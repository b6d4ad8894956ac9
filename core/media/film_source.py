"""Opens films: detects which input is a film, reads its properties, and decodes its frames with exact timestamps.

Frames are RGB in full range, 8 or 16 bits per channel, upright, in the film's own pixel size. `Film.colours` holds the
matrix and range of the conversion, so that an encoder can invert it: an unchanged pixel then keeps its value, whatever
the film's tags say or lack.
"""

import re
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO

from PIL import Image

from ..config.choices import STREAM
from ..errors import ConfigError, InputError
from ..files import shown
from .colour_profiles import read_profile, to_srgb
from .decode import HD_ROWS, WHITE, DamagedStretch, VideoInfo, check_area, decode_frames, probe_video
from .ffmpeg import file_input, pipe_input
from .frames import Frame
from .image_files import SUFFIXES
from .moving import Animation, read_animation
from .probe import UNKNOWN, Head, Stream
from .telecine import DEINTERLACE, Restoration, even_out, find_restoration
from .timestamps import Timing, find_timing, read_timing, seen_from
from .webp import decode_webp, has_transparency, is_webp, list_durations
from .y4m import Rejoined, read_header

# fmt: off
FILM_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv", ".asf",
    ".flv", ".ogv", ".3gp", ".y4m", ".mxf",
))
# fmt: on
"""Suffixes of files that are films; others are opened to find out."""
_MOVING = ("GIF", "WEBP", "PNG", "AVIF")  # Pillow's names of image formats that can be animated

# Chroma is upsampled by repetition, so that downsampling by the mean restores it exactly.
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
"""Stream tags of colour matrices, and the names that ffmpeg's scaler has for them."""
RANGES = {"tv": "limited", "pc": "full"}
"""Stream tags of colour ranges, and the names that ffmpeg's filters have for them."""
_ALPHA_FRAMES = 240  # frames that are decoded to find transparency; in a longer film, alpha is kept


@dataclass(frozen=True)
class Colours:
    """A film's colour properties, by ffmpeg's names; "unknown" if the film does not state one.

    Attributes:
        range: "tv" (16 to 235) or "pc" (0 to 255).
        matrix: from RGB to luma and chroma.
        primaries: chromaticities of red, green and blue.
        transfer: transfer function, from light to values.
        by: the matrix that ffmpeg's scaler uses; a default by the frame size if the film states none.
    """

    range: str
    matrix: str
    primaries: str
    transfer: str
    by: str


@dataclass(frozen=True)
class Film:
    """A probed film.

    Attributes:
        path: the file, or STREAM.
        info: the result of probing it.
        width: columns of the upright frames.
        height: rows.
        aspect: pixel aspect ratio, width to height.
        depth: bits per channel.
        chroma: "420", "422", "444" or "rgb".
        colours: colour properties.
        yuv: whether the file stores luma and chroma, not RGB.
        restoration: how interlaced or telecined frames are restored; None if frames are progressive.
        picture: index of the video stream in the file.
        streams: the file's other streams.
        timing: when frames are shown.
        head: bytes already read from standard input.
        alpha: whether something in it is transparent; frames then have four channels.
        profile: the ICC profile of an animation; None if it has none, and for other films.
        foreign: a profile from which frames are converted to sRGB when they are read; else None.
        squared: whether frames are scaled to square pixels when they are read.
        animation: when pictures are shown, if it is a GIF, APNG or WebP; else None.
        mastered: whether it has HDR10 mastering metadata.
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
        """The properties of its file; None for a stream, and for an animated WebP."""
        return self.info.head

    @property
    def square(self) -> tuple[int, int]:
        """Width and height of the frames that are read; if pixels are made square, the shorter side is enlarged."""
        if not self.squared or self.aspect == 1:
            return self.width, self.height
        wide = self.aspect > 1
        width = round(self.width * self.aspect) if wide else self.width
        return width, self.height if wide else round(self.height / self.aspect)

    @property
    def deep(self) -> bool:
        """Whether frames have 16 bits per channel, not 8."""
        return self.depth > 8


def find_film(inputs: Sequence[Path]) -> Path | None:
    """Returns the film among the inputs; None if they are key frames.

    Raises:
        ConfigError: STREAM was given together with other inputs.
        InputError: a film was given together with other inputs.
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
    except Exception:  # Pillow raises various errors for damaged files
        return suffix not in SUFFIXES


def open_film(path: Path, timing: Timing | None = None) -> Film:
    """Reads a film's properties, its streams, and when its frames are shown.

    Args:
        path: the file, or STREAM.
        timing: when its frames are shown, if an earlier call has found that, and that the film is neither interlaced
            nor telecined nor an animation; finding out reads the whole file.

    Raises:
        InputError: it cannot be read, or is no film.
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
    animation = restoration = None
    if timing is None:
        timing = read_timing(path, head)
        if head.container in ("gif", "apng"):
            timing, animation = _time_pictures(path, timing)
        else:
            restoration = find_restoration(
                info, timing.rate, flagged=picture.interlaced, field=timing.field, begin=timing.begin
            )
            if restoration is not None:
                timing = _time_restored(timing, restoration)
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
    """Chroma ("420", "422", "444" or "rgb") and bits per channel of ffmpeg's pixel format `name`."""
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
    """Colour properties from tags; a missing matrix or range is replaced by the one that players assume."""
    range_, matrix, primaries, transfer = tags
    if not _is_yuv(pixel_format):
        # RGB is encoded as `encode.write_video` does it
        primaries, transfer = (name if name != UNKNOWN else "bt709" for name in (primaries, transfer))
        return Colours("tv", "bt709", primaries, transfer, "bt709")
    if range_ not in ("tv", "pc"):
        range_ = "pc" if pixel_format.startswith(("yuvj", "gray", "ya")) else "tv"
    guess = "bt709" if rows >= HD_ROWS else "smpte170m"
    return Colours(range_, matrix, primaries, transfer, by=_MATRICES.get(matrix, guess))


def read_frames(
    film: Film,
    *,
    start: float = 0.0,
    on_damage: Callable[[DamagedStretch], None] | None = None,
    on_size: Callable[[float, int, int], None] | None = None,
) -> Generator[tuple[Fraction, Frame], None, None]:
    """Decodes a film and yields each frame with its timestamp.

    At a constant frame rate, each timestamp is the first one plus a whole number of frame periods, however the file
    rounds them; if frames are shown for two and three fields, plus a number of fields. Otherwise timestamps are the
    file's own, to the microsecond.

    Args:
        film: from `open_film`.
        start: seconds to skip at the beginning.
        on_damage: called with each stretch that cannot be decoded.
        on_size: called with (seconds, width, height) at the first frame, and where the frame size changes. Frames are
            always fitted into the size of the first.

    Yields:
        (seconds from the start, (H, W, C) uint8 or uint16). The seconds increase strictly. C is 4 if the film
        has alpha, else 3.

    Raises:
        InputError: not one frame can be decoded.
    """
    rate, animation = film.timing.rate, film.animation
    first: Fraction | None = None
    before = -1
    decoded = _decode(film, 0.0 if animation else start, on_damage, on_size)
    if rate is None and animation is None:
        decoded = _leave_out_unseen(decoded, float(seen_from(film.timing.usual)))
    with closing(decoded):
        stamped = ((Fraction(round(seconds * 1_000_000), 1_000_000), pixels) for seconds, pixels in decoded)
        if film.timing.field is not None:
            stamped = even_out(stamped, film.timing.field, film.timing.begin)
        for place, (time, pixels) in enumerate(stamped):
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


def _leave_out_unseen(
    frames: Generator[tuple[float, Frame], None, None], least: float
) -> Generator[tuple[float, Frame], None, None]:
    """Leaves out frames that are followed by another within `least` seconds, delayed by one frame."""
    with closing(frames):
        waiting: tuple[float, Frame] | None = None
        for each in chain(frames, (None,)):
            if waiting is not None and (each is None or each[0] - waiting[0] >= least):
                yield waiting
            waiting = each


def _decode(
    film: Film,
    start: float,
    on_damage: Callable[[DamagedStretch], None] | None,
    on_size: Callable[[float, int, int], None] | None,
) -> Generator[tuple[float, Frame], None, None]:
    if film.path != STREAM and is_webp(film.path):
        background = None if film.alpha else WHITE
        yield from decode_webp(film.path, film.width, film.height, "keep", start, background)
        return
    channels = 4 if film.info.alpha else 3
    colours = film.colours
    filters = [] if film.restoration is None else list(film.restoration.filters)
    matrix = f":in_color_matrix={colours.by}:in_range={RANGES[colours.range]}" if film.yuv else ""
    filters.append(f"scale={_fit_into(film)}:{_TO_RGB}:out_range=full{matrix}")
    filters.append(f"pad={film.width}:{film.height}:-1:-1")  # no-op for frames of the film's usual size
    if film.square != (film.width, film.height):
        filters.append(f"scale={film.square[0]}:{film.square[1]}:flags=bicubic+accurate_rnd,setsar=1")
    piped = film.path == STREAM
    yield from decode_frames(
        film.info,
        pipe_input("yuv4mpegpipe") if piped else file_input(film.path, film.info.decoder),
        ",".join(filters),
        (film.square[1], film.square[0], channels),
        deep=film.deep,
        background=None if film.alpha else WHITE,
        start=start,
        on_damage=on_damage,
        on_size=on_size,
        stdin=Rejoined(film.head, sys.stdin.buffer) if piped else None,  # type: ignore[arg-type]
    )


def _fit_into(film: Film) -> str:
    """Scaler arguments for the film's size, or the largest size within it that keeps a frame's own aspect ratio."""
    aspect = f"({film.aspect.numerator}/{film.aspect.denominator})"
    width = f"max(1,round(min({film.width},{film.height}*dar/{aspect})))"
    return f"w='{width}':h='max(1,round(min({film.height},{film.width}*{aspect}/dar)))'"


def _has_transparency(info: VideoInfo) -> bool:
    """Whether anything in a film with an alpha channel is transparent, as far as its first frames show.

    A film that is longer than that counts as transparent.
    """
    if info.head is None:
        return has_transparency(info.path, _ALPHA_FRAMES)
    picture = info.head.picture
    shape = (picture.width, picture.height) if picture.turned else (picture.height, picture.width)
    planes = "format=rgba,alphaextract,format=gray"
    raw = decode_frames(info, file_input(info.path, info.decoder), f"{planes},scale={shape[1]}:{shape[0]}", (*shape, 1))
    with closing(raw) as frames:
        for number, (_, pixels) in enumerate(frames):
            if number == _ALPHA_FRAMES or bool((pixels < 255).any()):
                return True
    return False


def _time_restored(timing: Timing, restoration: Restoration) -> Timing:
    """The timing of a restored film: of a telecined one, four frames of five remain."""
    rate, count, begin = timing.rate, timing.count, timing.begin
    if rate is None and timing.field is not None and timing.end is not None and restoration.video:
        rate = 1 / (2 * timing.field)
        count = round((timing.end - begin) * rate)
    if rate is None or not (restoration.video or restoration.telecined or restoration.varies):
        return timing
    if restoration.varies:
        return Timing(None, 1 / rate, timing.end, None, field=1 / (2 * rate), begin=begin)
    if restoration.telecined:
        rate *= Fraction(4, 5)
        count = None if count is None else round(count * Fraction(4, 5))
    return Timing(rate, 1 / rate, timing.end, count)


def _time_pictures(path: Path, timing: Timing) -> tuple[Timing, Animation | None]:
    """Timing by the delays of a GIF, APNG or WebP; unchanged if its headers and ffmpeg disagree on the frame count."""
    animation = read_animation(path)
    if animation is None or timing.count not in (None, len(animation.stamps)):
        return timing, None
    return find_timing(animation.stamps, animation.last, animation.tick), animation


def _open_webp(info: VideoInfo) -> Film:
    """Opens an animated WebP, which Pillow decodes as RGB; its durations are in milliseconds."""
    colours = _read_colours("rgb24", [UNKNOWN] * 4, info.height)
    still = find_timing([0], list_durations(info.path)[0], Fraction(1, 1000))
    timing, animation = _time_pictures(info.path, replace(still, count=None))
    timing = timing if animation is not None else still
    return Film(
        info.path, info, info.width, info.height, Fraction(1), 8, "rgb", colours, False, None, 0, (), timing,
        alpha=_has_transparency(info), animation=animation, profile=read_profile(info.path),
    )  # fmt: skip


def _open_stream(stream: IO[bytes]) -> Film:
    """Opens a YUV4MPEG2 stream.

    Raises:
        InputError: it is no such stream.
    """
    header = read_header(stream)
    check_area(STREAM, header.width, header.height)
    tags = ["pc" if header.full_range else "tv", UNKNOWN, UNKNOWN, UNKNOWN]
    return Film(
        path=STREAM,
        info=VideoInfo(STREAM, header.width, header.height, None, float(header.rate), header.alpha, "bt709"),
        width=header.width,
        height=header.height,
        aspect=header.aspect,
        depth=header.depth,
        chroma=header.chroma,
        colours=_read_colours("yuv420p", tags, min(header.width, header.height)),
        yuv=True,
        restoration=DEINTERLACE if header.interlaced else None,
        picture=0,
        streams=(),
        timing=Timing(header.rate, 1 / header.rate, None, None),
        head=header.data,
        alpha=header.alpha,
    )
