"""How a film is coded with a codec: the encoder's settings, such that colours are kept as they are."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from ..errors import ConfigError
from .codecs import CODECS, EVERY_CHROMA, Codec
from .ffmpeg import ask
from .film_source import RANGES, UNKNOWN, Film

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
    depths = codec.depths if codec else (8, 10, 12, 16)
    chromas = codec.chromas if codec else EVERY_CHROMA
    depth = min((d for d in depths if d >= film.depth), default=depths[-1])
    chroma = film.chroma if film.chroma in chromas else chromas[0]
    pixel_format = f"yuv{chroma}p" + ("" if depth == 8 else f"{depth}le")
    padded = chroma == "420" and bool(film.width % 2 or film.height % 2)
    padded = padded or (chroma == "422" and bool(film.width % 2))
    colours = film.colours
    filters = (
        f"scale=in_range=full:out_range={RANGES[colours.range]}:out_color_matrix={colours.by}:{_TO_YUV},"
        f"format={pixel_format},setparams=range={colours.range}:colorspace={colours.matrix}"
        f":color_primaries={colours.primaries}:color_trc={colours.transfer},"
        f"setsar={film.aspect.numerator}/{film.aspect.denominator}"
    )
    words = ["-vf", filters, "-pix_fmt", pixel_format, "-color_range", colours.range]
    for option, value in (
        ("-colorspace", colours.matrix),
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
        if codec.crf is not None:
            words += ("-crf", str(codec.crf if crf is None else crf))
        if codec.name == "prores":
            words += ("-profile:v", "4444" if chroma == "444" else "hq")
        container = codec.container
        if container != "matroska":
            words += ("-video_track_timescale", str(choose_timescale(rate)))
    words += ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1")
    return Coding(film.width, film.height, film.deep, rate, usual, container, tuple(words), padded, depth)


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
