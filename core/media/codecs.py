"""Codecs of films: which there are, what each can hold, and how a film is coded with one."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from ..errors import ConfigError
from .ffmpeg import find_ffmpeg
from .film_source import RANGES, UNKNOWN, Film

# Measured on flat tiles of random colours: with chroma quantised more finely (-8) and more bits for flat and dark
# places (aq-mode 3), none comes back more than 2 levels off, which is what 4:2:0 in 8 bits alone costs.
H264 = (
    *("-c:v", "libx264", "-tune", "animation"),
    *("-x264-params", "chroma-qp-offset=-8:aq-mode=3:aq-strength=1"),
)
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1")


MICROSECOND = 1_000_000
_TO_YUV = "flags=area+accurate_rnd+full_chroma_int+full_chroma_inp"


@dataclass(frozen=True)
class Codec:
    """A way to encode films.

    Attributes:
        name: as --codec has it.
        encoders: ffmpeg's names with their settings, the best first; the first that ffmpeg has is taken.
        quick: settings that replace or follow those for a preview.
        crf: constant rate factor where none is asked for; None: the codec has no such thing.
        worst: the largest it takes.
        depths: bits a channel that it keeps.
        chromas: "420" and so on that it keeps.
        suffixes: of the files that it may stand in.
        container: ffmpeg's name of what segments are.
    """

    name: str
    encoders: Mapping[str, Sequence[str]]
    quick: Mapping[str, Sequence[str]]
    crf: int | None
    worst: int
    depths: tuple[int, ...]
    chromas: tuple[str, ...]
    suffixes: tuple[str, ...]
    container: str


_EVERY = ("420", "422", "444")
CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            # medium takes 2.3 times as long as veryfast, from cores that should draw, for 1.7 dB at the same size
            {"libx264": (*H264, "-preset", "veryfast")},
            {"libx264": ("-preset", "superfast")},
            12,
            51,
            (8, 10),
            _EVERY,
            (".mp4", ".m4v", ".mov", ".mkv"),
            "mp4",
        ),
        Codec(
            "hevc",
            {"libx265": ("-c:v", "libx265", "-preset", "medium", "-tag:v", "hvc1", "-x265-params", "log-level=error")},
            {"libx265": ("-preset", "ultrafast")},
            16,
            51,
            (8, 10, 12),
            _EVERY,
            (".mp4", ".m4v", ".mov", ".mkv"),
            "mp4",
        ),
        Codec(
            "vp9",
            {"libvpx-vp9": VP9},
            {"libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8")},
            12,
            63,
            (8, 10, 12),
            _EVERY,
            (".webm", ".mkv", ".mp4", ".m4v"),
            "mp4",
        ),
        Codec(
            "av1",
            {
                "libsvtav1": ("-c:v", "libsvtav1", "-preset", "6"),
                "libaom-av1": ("-c:v", "libaom-av1", "-cpu-used", "6", "-row-mt", "1"),
            },
            {"libsvtav1": ("-preset", "12"), "libaom-av1": ("-cpu-used", "8", "-usage", "realtime")},
            18,
            63,
            (8, 10),
            ("420",),
            (".mp4", ".m4v", ".mkv", ".webm"),
            "mp4",
        ),
        Codec(
            "prores",
            {"prores_ks": ("-c:v", "prores_ks", "-vendor", "apl0")},
            {},
            None,
            0,
            (10,),
            ("422", "444"),
            (".mov", ".mkv"),
            "mov",
        ),
        Codec(
            "ffv1",
            {"ffv1": ("-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4")},
            {},
            None,
            0,
            (8, 10, 12, 16),
            _EVERY,
            (".mkv",),
            "matroska",
        ),
    )
}
FILM_OUTPUTS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""Suffixes of outputs that hold a film with all its streams."""


def choose_codec(output: Path, name: str | None, crf: int | None, depth: int) -> Codec:
    """The codec asked for, or the one that is usual in such a file.

    Raises:
        ConfigError: it cannot stand in the file, or has no such rate factor.
    """
    suffix = output.suffix.lower()
    usual = "vp9" if suffix == ".webm" else "h264" if depth == 8 else "hevc"
    codec = CODECS[name or usual]
    if suffix not in codec.suffixes:
        raise ConfigError(
            f"--codec: {codec.name} does not go into {suffix}; name the output {' or '.join(codec.suffixes)}"
        )
    if crf is not None and codec.crf is None:
        raise ConfigError(f"--crf: {codec.name} has no such setting; leave it out")
    if crf is not None and crf > codec.worst:
        raise ConfigError(f"--crf: {crf} is out of range for {codec.name}; give 0 (best) to {codec.worst} (smallest)")
    return codec


@dataclass(frozen=True)
class Coding:
    """How frames become a video: everything on which an encoder's bytes depend, and the form of its frames.

    Attributes:
        width: of the frames, in pixels.
        height: likewise.
        deep: they have 16 bits a channel.
        rate: frames a second; None: frames bring their times, and `usual` is the usual rate.
        usual: frames a second, about.
        container: ffmpeg's name for what is written.
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
    chromas = codec.chromas if codec else _EVERY
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
    said = subprocess.run(
        [find_ffmpeg(), "-hide_banner", "-encoders"], capture_output=True, check=False, start_new_session=True
    ).stdout.decode(errors="replace")
    had = {line.split()[1] for line in said.splitlines() if line.startswith(" V")}
    for encoder in codec.encoders:
        if encoder in had:
            return encoder
    choice = ", ".join(c.name for c in CODECS.values() if had & set(c.encoders))
    raise ConfigError(f"--codec: this ffmpeg cannot encode {codec.name}; choose one of {choice}")
