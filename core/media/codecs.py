"""Codecs of films: the one table of which there are, what each can hold, and its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError

# Measured on flat tiles of random colours: with chroma quantised more finely (-8) and more bits for flat and dark
# places (aq-mode 3), none comes back more than 2 levels off, which is what 4:2:0 in 8 bits alone costs.
H264 = (
    *("-c:v", "libx264", "-tune", "animation"),
    *("-x264-params", "chroma-qp-offset=-8:aq-mode=3:aq-strength=1"),
)
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1")


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
        chromas: "420" and so on that it keeps; "rgb" where it keeps RGB as it is.
        suffixes: of the files that it may stand in.
        container: ffmpeg's name of what segments are.
        alpha: the chromas with which it keeps an alpha channel; none: it has no such thing.
        drawn: settings for drawings that become a video at once, which are few and want care; none: it is not used so.
        drawn_crf: constant rate factor of those, low, since a cartoon's outlines show what a film's grain would hide.
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
            # medium takes 2.3 times as long as veryfast, from cores that should draw, for 1.7 dB at the same size
            {"libx264": (*H264, "-preset", "veryfast")},
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
            {"libx265": ("-c:v", "libx265", "-preset", "medium", "-tag:v", "hvc1", "-x265-params", "log-level=error")},
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
            {"libvpx-vp9": VP9},
            {"libvpx-vp9": ("-deadline", "realtime", "-cpu-used", "8")},
            12,
            63,
            (8, 10, 12),
            EVERY_CHROMA,
            (".webm", ".mkv", ".mp4", ".m4v"),
            "mp4",
            alpha=("420",),  # a second stream of grey, for which there is a place in Matroska and WebM alone
            drawn=VP9,
            drawn_crf=8,
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
"""Suffixes of outputs that hold a film with all its streams."""


def usual_codec(suffix: str, depth: int = 8, *, alpha: bool = False) -> str:
    """The codec that files of a suffix usually hold, at so many bits a channel, with alpha or without."""
    if alpha and suffix.lower() in _USUAL_WITH_ALPHA:
        return _USUAL_WITH_ALPHA[suffix.lower()]
    return "vp9" if suffix.lower() == ".webm" else "h264" if depth == 8 else "hevc"


_USUAL_WITH_ALPHA = {".mov": "prores", ".mkv": "ffv1", ".webm": "vp9"}


def choose_codec(output: Path, name: str | None, crf: int | None, depth: int, *, alpha: bool = False) -> Codec:
    """The codec asked for, or the one that is usual in such a file.

    Raises:
        ConfigError: it cannot stand in the file, or has no such rate factor.
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
