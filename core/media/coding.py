"""Plans how a film is encoded: the encoder and its settings, such that colours are preserved."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import NamedTuple, Protocol

from ..errors import ConfigError
from .codecs import CODECS, EVERY_CHROMA, Codec
from .ffmpeg import list_encoders
from .film_source import RANGES, Colours
from .probe import UNKNOWN

MICROSECOND = 1_000_000
_TO_YUV = "flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True)
class Coding:
    """Everything on which an encoder's output depends, and the format of its input frames.

    Attributes:
        width: columns of the input frames.
        height: rows of the input frames.
        deep: whether input frames have 16 bits per channel.
        rate: frames per second; None for a variable frame rate, with a timestamp for each frame.
        usual: approximate frames per second.
        container: ffmpeg's name of the output format; "" to choose it by the file's suffix.
        arguments: ffmpeg's arguments from the filters to the encoder's settings.
        padded: whether a column or row is repeated to make sides even.
        depth: bits per channel of the video.
        alpha: whether frames and video have an alpha channel.
        chroma: chroma format of the video: "420", "422", "444" or "rgb".
    """

    width: int
    height: int
    deep: bool
    rate: Fraction | None
    usual: Fraction
    container: str
    arguments: tuple[str, ...]
    padded: bool
    depth: int
    alpha: bool = False
    chroma: str = "420"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the video, in pixels."""
        odd = 1 if self.padded else 0
        return self.width + odd * (self.width % 2), self.height + odd * (self.height % 2)


BT709 = Colours("tv", "bt709", "bt709", "bt709", "bt709")
"""Of drawings: what players assume."""


class Source(Protocol):
    """What is to be encoded, and in which form: a film, or drawings."""

    @property
    def width(self) -> int:
        """Columns of the frames."""

    @property
    def height(self) -> int:
        """Rows of the frames."""

    @property
    def depth(self) -> int:
        """Bits per channel."""

    @property
    def deep(self) -> bool:
        """Whether frames have 16 bits per channel, not 8."""

    @property
    def alpha(self) -> bool:
        """Whether frames have an alpha channel."""

    @property
    def chroma(self) -> str:
        """The chroma format: "420", "422", "444" or "rgb"."""

    @property
    def colours(self) -> Colours:
        """Colour properties."""

    @property
    def aspect(self) -> Fraction:
        """Pixel aspect ratio, width to height."""


@dataclass(frozen=True)
class Drawings:
    """Drawn frames as what is to be encoded."""

    width: int
    height: int
    depth: int
    chroma: str
    alpha: bool
    colours: Colours = BT709
    aspect: Fraction = Fraction(1)

    @property
    def deep(self) -> bool:
        """Whether frames have 16 bits per channel, not 8."""
        return self.depth > 8


def plan_coding(
    film: Source,
    codec: Codec | None,
    rate: Fraction | None,
    usual: Fraction,
    *,
    crf: int | None,
    quick: bool,
    container: str | None = None,
) -> Coding:
    """Chooses an encoder and its settings, such that colours are preserved.

    Args:
        film: the source, whose format is kept as far as possible.
        codec: the codec; None for y4m.
        rate: frames per second; None for a variable frame rate.
        usual: approximate frames per second.
        crf: constant rate factor; None for the codec's default.
        quick: prefer speed over quality.
        container: ffmpeg's name of the output format. None: that of the segments of films.

    Raises:
        ConfigError: ffmpeg has no encoder for the codec.
    """
    form = _choose_form(film, codec)
    padded = form.chroma == "420" and bool(film.width % 2 or film.height % 2)
    padded = padded or (form.chroma == "422" and bool(film.width % 2))
    colours = film.colours
    if form.chroma == "rgb":
        colours = replace(colours, range="pc", matrix="gbr")
        scale = "scale=flags=accurate_rnd,"
    else:
        scale = f"scale=in_range=full:out_range={RANGES[colours.range]}:out_color_matrix={colours.by}:{_TO_YUV},"
    filters = (
        f"{scale}format={form.pixel_format},setparams=range={colours.range}:colorspace={colours.matrix}"
        f":color_primaries={colours.primaries}:color_trc={colours.transfer},"
        f"setsar={film.aspect.numerator}/{film.aspect.denominator}"
    )
    words = ["-vf", filters, "-pix_fmt", form.pixel_format, "-color_range", colours.range]
    for option, value in (
        ("-colorspace", "rgb" if colours.matrix == "gbr" else colours.matrix),
        ("-color_primaries", colours.primaries),
        ("-color_trc", colours.transfer),
    ):
        words += (option, value) if value != UNKNOWN else ()
    if codec is None:
        words += ("-strict", "-1")
        container = "yuv4mpegpipe"
    else:
        encoder = _find_encoder(codec)
        words += (*codec.encoders[encoder], *(codec.quick.get(encoder, ()) if quick else ()))
        if rate is None and codec.name in ("h264", "hevc"):
            # no B-frames: MPEG-4 stores durations in decoding order, so that reordered frames would swap durations
            words += ("-bf", "0")
        if codec.crf is not None:
            words += ("-crf", str(codec.crf if crf is None else crf))
        if codec.name == "prores":
            words += ("-profile:v", "4444" if form.chroma == "444" else "hq")
        if form.alpha and codec.name == "vp9":
            container = container or "matroska"
            words += ("-auto-alt-ref", "0")
        container = container or codec.container
        if container not in ("matroska", "webm"):  # these count in thousandths of a second
            words += ("-video_track_timescale", str(choose_timescale(rate)))
    words += ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1")
    return Coding(
        film.width, film.height, film.deep, rate, usual, container, tuple(words), padded,
        depth=form.depth, alpha=form.alpha, chroma=form.chroma,
    )  # fmt: skip


class _Form(NamedTuple):
    """The format of an encoder's frames."""

    pixel_format: str
    chroma: str
    depth: int
    alpha: bool


_RGB = {
    "ffv1": {
        **{(8, False): "bgr0", (8, True): "bgra", (10, False): "gbrp10le", (10, True): "gbrap10le"},
        **{(12, False): "gbrp12le", (12, True): "gbrap12le", (16, False): "gbrp16le", (16, True): "gbrap16le"},
    },
    "png": {(8, False): "rgb24", (8, True): "rgba", (16, False): "rgb48be", (16, True): "rgba64be"},
    "qtrle": {(8, False): "rgb24", (8, True): "argb"},
}
"""Pixel formats of codecs that encode RGB, by bits per channel and whether there is alpha."""


def _choose_form(film: Source, codec: Codec | None) -> _Form:
    """The format of a codec that is nearest to the film's; alpha is kept if possible."""
    depths = codec.depths if codec else (8, 10, 12, 16)
    chromas: tuple[str, ...] = codec.chromas if codec else EVERY_CHROMA
    alpha = film.alpha and codec is not None and bool(codec.alpha)
    if alpha and codec is not None:
        chromas = codec.alpha
        depths = (8,) if codec.name == "vp9" else depths
    depth = min((d for d in depths if d >= film.depth), default=depths[-1])
    chroma = film.chroma if film.chroma in chromas else chromas[0]
    if codec is not None and chroma == "rgb":
        return _Form(_RGB[codec.name][depth, alpha], chroma, depth, alpha)
    end = "" if depth == 8 else f"{depth}le"
    return _Form(f"yuv{'a' if alpha else ''}{chroma}p{end}", chroma, depth, alpha)


def choose_timescale(rate: Fraction | None) -> int:
    """Returns the ticks per second: a multiple of a constant frame rate, or microseconds for a variable one."""
    if rate is None:
        return MICROSECOND
    return rate.numerator * max(1, ceil(10_000 / rate.numerator))


def _find_encoder(codec: Codec) -> str:
    """The first of the codec's encoders that ffmpeg has.

    Raises:
        ConfigError: ffmpeg has none of them.
    """
    available = list_encoders()
    for encoder in codec.encoders:
        if encoder in available:
            return encoder
    choice = ", ".join(c.name for c in CODECS.values() if available & set(c.encoders))
    raise ConfigError(f"--codec: this ffmpeg cannot encode {codec.name}; choose one of {choice}")
