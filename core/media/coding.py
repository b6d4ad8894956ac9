"""How a film is coded with a codec: the encoder's settings, such that colours are kept as they are."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from .codecs import CODECS, EVERY_CHROMA, Codec
from .ffmpeg import ask
from .film_source import RANGES, Film
from .probe import UNKNOWN

MICROSECOND = 1_000_000
_TO_YUV = "flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True)
class Coding:
    """How frames become a video: everything on which an encoder's bytes depend, and the form of its frames.

    Attributes:
        width: of the frames, in pixels.
        height: likewise.
        deep: they have 16 bits a channel.
        rate: frames a second; None: frames bring their times, and `usual` is the usual rate.
        usual: frames a second, about.
        container: ffmpeg's name for what is written; "": by the file's suffix.
        words: ffmpeg's words from the filters to the encoder's settings.
        padded: whether a column or row is repeated to make sides even.
        depth: bits a channel of the video.
        alpha: frames have an alpha channel, and so has the video.
        chroma: "420", "422", "444" or "rgb".
    """

    width: int
    height: int
    deep: bool
    rate: Fraction | None
    usual: Fraction
    container: str
    words: tuple[str, ...]
    padded: bool
    depth: int
    alpha: bool = False
    chroma: str = "420"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the video, in pixels."""
        odd = 1 if self.padded else 0
        return self.width + odd * (self.width % 2), self.height + odd * (self.height % 2)


def plan_coding(
    film: Film, codec: Codec | None, rate: Fraction | None, usual: Fraction, *, crf: int | None, quick: bool
) -> Coding:
    """Finds an encoder and its settings, such that colours are kept as they are.

    Args:
        film: whose form is kept.
        codec: None: y4m.
        rate: frames a second, or None where frames bring their times.
        usual: frames a second, about.
        crf: None: the codec's own.
        quick: encode quickly rather than well.

    Raises:
        ConfigError: ffmpeg has no such encoder.
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
            # MPEG-4 keeps how long packets last in the order of decoding: frames out of order get each other's time
            words += ("-bf", "0")
        if codec.crf is not None:
            words += ("-crf", str(codec.crf if crf is None else crf))
        if codec.name == "prores":
            words += ("-profile:v", "4444" if form.chroma == "444" else "hq")
        container = codec.container
        if form.alpha and codec.name == "vp9":
            container = "matroska"
            words += ("-auto-alt-ref", "0")
        if container != "matroska":
            words += ("-video_track_timescale", str(choose_timescale(rate)))
    words += ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1")
    return Coding(
        film.width, film.height, film.deep, rate, usual, container, tuple(words), padded,
        depth=form.depth, alpha=form.alpha, chroma=form.chroma,
    )  # fmt: skip


class _Form(NamedTuple):
    """How an encoder's frames are made up."""

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
"""What codecs that keep RGB call it, by bits a channel and whether there is alpha."""


def _choose_form(film: Film, codec: Codec | None) -> _Form:
    """The form nearest to the film's that a codec has; alpha is kept wherever that is possible."""
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
    """Ticks a second, of which a frame lasts a whole number; where the rate varies, microseconds."""
    if rate is None:
        return MICROSECOND
    return rate.numerator * max(1, ceil(10_000 / rate.numerator))


def _find_encoder(codec: Codec) -> str:
    """The first of the codec's encoders that ffmpeg has.

    Raises:
        ConfigError: it has none.
    """
    said = ask(("-hide_banner", "-nostdin", "-encoders"), Path("ffmpeg"), out=True).out.decode(errors="replace")
    had = {line.split()[1] for line in said.splitlines() if line.startswith(" V")}
    for encoder in codec.encoders:
        if encoder in had:
            return encoder
    choice = ", ".join(c.name for c in CODECS.values() if had & set(c.encoders))
    raise ConfigError(f"--codec: this ffmpeg cannot encode {codec.name}; choose one of {choice}")
