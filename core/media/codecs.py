"""The table of film codecs: what each can encode, and its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError

# Tuned on flat tiles of random colours: with finer quantisation of chroma (-8) and more bits for flat and dark areas
# (aq-mode 3), no tile changes by more than 2 levels, which 4:2:0 at 8 bits costs by itself.
H264 = (
    *("-c:v", "libx264", "-tune", "animation"),
    *("-x264-params", "chroma-qp-offset=-8:aq-mode=3:aq-strength=1"),
)
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
# libx264, libx265 and libvpx write other bytes with another number of threads, which is else the number of cores. As
# segments of a film may be encoded on several machines, the number is fixed: 3 is what libx264 takes on 2 cores, and
# encodes many times as fast as frames are drawn.
_THREADS = ("-threads", "3")


@dataclass(frozen=True)
class Codec:
    """A codec and its settings.

    Attributes:
        name: its name in --codec.
        encoders: ffmpeg's encoders and their settings, the best first; the first that ffmpeg has is used.
        quick: by encoder, further settings for a preview, which override those.
        crf: default constant rate factor; None if the codec has none.
        worst: largest constant rate factor.
        depths: bits per channel that it can encode.
        chromas: chroma formats that it can encode, "rgb" for RGB without conversion.
        suffixes: suffixes of files that it may be in.
        container: ffmpeg's name of the segments' format.
        alpha: chroma formats with which it can encode alpha; empty if it cannot.
        drawn: settings for short animations from key frames, slower and better; empty if it is not used for them.
        drawn_crf: constant rate factor for these: low, as outlines of cartoons show errors that film grain would hide.
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
    alpha: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    drawn_crf: int = 0


EVERY_CHROMA = ("420", "422", "444")
CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            # medium takes 2.3 times as long as veryfast, on cores needed for drawing, for 1.7 dB at the same size
            {"libx264": (*H264, *_THREADS, "-preset", "veryfast")},
            {"libx264": ("-preset", "superfast")},
            12,
            51,
            (8, 10),
            EVERY_CHROMA,
            (".mp4", ".m4v", ".mov", ".mkv"),
            "mp4",
            drawn=(*H264, "-preset", "medium", "-movflags", "+faststart"),
            drawn_crf=12,
        ),
        Codec(
            "hevc",
            {
                "libx265": (
                    *("-c:v", "libx265", *_THREADS, "-preset", "medium", "-tag:v", "hvc1"),
                    *("-x265-params", "log-level=error"),
                )
            },
            {"libx265": ("-preset", "ultrafast")},
            16,
            51,
            (8, 10, 12),
            EVERY_CHROMA,
            (".mp4", ".m4v", ".mov", ".mkv"),
            "mp4",
        ),
        Codec(
            "vp9",
            {"libvpx-vp9": (*VP9, *_THREADS)},
            {"libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8")},
            12,
            63,
            (8, 10, 12),
            EVERY_CHROMA,
            (".webm", ".mkv", ".mp4", ".m4v"),
            "mp4",
            alpha=("420",),  # as a second, grey stream, which only Matroska and WebM can hold
            drawn=VP9,
            drawn_crf=8,
        ),
        Codec(
            "av1",
            {
                "libsvtav1": ("-c:v", "libsvtav1", "-preset", "6"),
                "libaom-av1": ("-c:v", "libaom-av1", *_THREADS, "-cpu-used", "6", "-row-mt", "1"),
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
            alpha=("444",),
        ),
        Codec(
            "ffv1",
            {"ffv1": ("-c:v", "ffv1", "-level", "3", "-g", "1", "-slices", "4")},
            {},
            None,
            0,
            (8, 10, 12, 16),
            (*EVERY_CHROMA, "rgb"),
            (".mkv",),
            "matroska",
            alpha=(*EVERY_CHROMA, "rgb"),
        ),
        Codec(
            "png",
            {"png": ("-c:v", "png", "-pred", "mixed")},
            {"png": ("-pred", "none")},
            None,
            0,
            (8, 16),
            ("rgb",),
            (".mov", ".mkv"),
            "mov",
            alpha=("rgb",),
        ),
        Codec("qtrle", {"qtrle": ("-c:v", "qtrle")}, {}, None, 0, (8,), ("rgb",), (".mov",), "mov", alpha=("rgb",)),
    )
}
FILM_OUTPUTS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""Suffixes of outputs that can hold a film's other streams."""


def usual_codec(suffix: str, depth: int = 8, *, alpha: bool = False) -> str:
    """Returns the default codec for a suffix and bits per channel, with alpha or without."""
    if alpha and suffix.lower() in _USUAL_WITH_ALPHA:
        return _USUAL_WITH_ALPHA[suffix.lower()]
    return "vp9" if suffix.lower() == ".webm" else "h264" if depth == 8 else "hevc"


_USUAL_WITH_ALPHA = {".mov": "prores", ".mkv": "ffv1", ".webm": "vp9"}


def choose_codec(output: Path, name: str | None, crf: int | None, depth: int, *, alpha: bool = False) -> Codec:
    """Returns the requested codec, or the default one for the output.

    Raises:
        ConfigError: the output's format cannot hold the codec, or the codec has no such rate factor.
    """
    suffix = output.suffix.lower()
    codec = CODECS[name or usual_codec(suffix, depth, alpha=alpha)]
    if suffix not in codec.suffixes:
        raise ConfigError(
            f"--codec: {codec.name} does not go into {suffix}; name the output {' or '.join(codec.suffixes)}"
        )
    if crf is not None and codec.crf is None:
        raise ConfigError(f"--crf: {codec.name} has no such setting; leave it out")
    if crf is not None and crf > codec.worst:
        raise ConfigError(f"--crf: {crf} is out of range for {codec.name}; give 0 (best) to {codec.worst} (smallest)")
    return codec
