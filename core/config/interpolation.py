"""Settings of `animi interpolate`, for key frames and for whole films."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from ..errors import ConfigError
from .checks import Checked, Choice, Doc, Flags, NoOption, Range, Seconds, check_range
from .choices import CADENCES, CODECS, DEVICES, EASINGS, ENGINES, MOST_FRAMES, ON_FAILURE, STREAM
from .fields import Device, Rate
from .parsing import ease, read_size, read_spacing

_COUNT = Range(2, MOST_FRAMES, unit="frames, both key frames included")
_Engine = Annotated[
    str | None,
    Choice(ENGINES),
    Doc("What draws: learnt motion, classical motion, or a plain cross-fade. None: motion."),
]
_Checkpoint = Annotated[Path | None, Doc("A trained network (.safetensors) that draws instead of the engine.")]
_OnFailure = Annotated[
    str,
    Choice(ON_FAILURE),
    Doc(
        "Where motion cannot be what happened, as at a cut: hold the nearer key frame, blend both, or draw along the "
        "motion all the same (morph)."
    ),
]


@dataclass(frozen=True)
class InterpolateConfig(Checked):
    """What `animi interpolate` draws."""

    inputs: tuple[Path, ...]
    """Key frames in order; a folder stands for the images in it, in natural order."""
    output: Annotated[Path, Flags("--output", "-o")]
    """A .gif, .webp, .png, .apng, .mp4, .mov or .webm, or a folder for numbered PNGs."""
    count: Annotated[int, _COUNT, Flags("-n", "--count")] = 8
    """Frames from one key frame to the next, both included."""
    fps: Rate = Fraction(12)
    """Frames a second: 12, 23.976 or 24000/1001."""
    spacing: str = EASINGS[0]
    """linear, ease-in, ease-out, ease-in-out, or a spacing chart such as 0,0.1,0.35,1, which wins over `count`."""
    loop: bool = False
    """Go on from the last key frame to the first."""
    boomerang: bool = False
    """Play to the end and back."""
    engine: _Engine = None
    checkpoint: _Checkpoint = None
    mix: bool = False
    """Mix the two moved key frames where they disagree, instead of choosing one of them along a seam."""
    device: Device = DEVICES[0]
    size: str | None = None
    """Resize the key frames first; one number is the longer side."""
    overwrite: bool = False
    """Replace an output that stands there."""
    on_failure: _OnFailure = ON_FAILURE[0]
    sheet: Path | None = None
    """An exposure sheet (.csv): drawing, hold, inbetweens, on, spacing for each key frame; it wins over `count`."""
    hint: Annotated[tuple[str, ...], NoOption(), Flags("--hint")] = ()
    """Points of one key frame and where they are in the next, each as 120,80>200,96."""
    hints: Path | None = None
    """A file of hints (.json): points, paths and masks; docs/hints.md explains it."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        _check_engine(self.engine, self.checkpoint)
        read_spacing(self.spacing)
        if self.size is not None:
            read_size(self.size)

    @property
    def times(self) -> tuple[float, ...]:
        """When the frames of a segment are, from 0 (the first key frame) to 1 (the second)."""
        return space_frames(self.count, self.spacing)


def space_frames(count: int, spacing: str) -> tuple[float, ...]:
    """When the frames of a segment are, from 0 (the first key frame) to 1 (the second).

    Args:
        count: frames, both key frames included.
        spacing: one of EASINGS, or the times themselves with commas, which win over `count`.

    Raises:
        ConfigError: one of them cannot be used.
    """
    check_range("-n", count, _COUNT)
    return read_spacing(spacing) or tuple(ease(k / (count - 1), spacing) for k in range(count))


def _check_engine(engine: str | None, checkpoint: Path | None) -> None:
    if engine is not None and checkpoint is not None:
        raise ConfigError(f"--engine: {engine} cannot draw together with --checkpoint; give one of the two")


@dataclass(frozen=True)
class InterpolateFilmConfig(Checked):
    """What `animi interpolate` makes of a film."""

    film: Annotated[Path, NoOption()]
    """A film, or STREAM: y4m from standard input."""
    output: Annotated[Path, Flags("--output", "-o")]
    """A .mp4, .m4v, .mov, .mkv or .webm; any other kind of animation; or STREAM: y4m to standard output."""
    factor: Annotated[Fraction | None, Range(0, 1000, above=True)] = None
    """How many times as many frames: 2, 2.5 or 5/2. None: 2, or what `fps` asks for."""
    fps: Rate | None = None
    """Frames a second: 12, 23.976 or 24000/1001. None: as `factor` has it."""
    cadence: Annotated[str, Choice(CADENCES)] = CADENCES[0]
    """What becomes of drawings held on twos and threes: in-betweens on every frame (smooth), or as many frames to a
    drawing as before (keep)."""
    start: Annotated[float, NoOption(), Flags("--range")] = 0.0
    """Seconds: what lies before is left out."""
    end: Annotated[float | None, NoOption(), Flags("--range")] = None
    """Seconds: what lies at or after is left out. None: nothing is."""
    preview: Annotated[float | None, Seconds(), Range(0, above=True, unit="seconds, such as 5s")] = None
    """Only so much from the film's start or --range's, quickly encoded: 5s."""
    codec: Annotated[str | None, Choice(CODECS)] = None
    """How the film is encoded. None: by the output's suffix."""
    crf: Annotated[int | None, Range(0, 63)] = None
    """Constant rate factor of the encoder, lower is better and larger. None: by the codec."""
    engine: _Engine = None
    checkpoint: _Checkpoint = None
    mix: bool = False
    """Mix the two moved key frames where they disagree, instead of choosing one of them along a seam."""
    device: Device = DEVICES[0]
    on_failure: _OnFailure = ON_FAILURE[0]
    overwrite: bool = False
    """Replace an output that stands there, or begin anew what was interrupted."""
    resume: bool = False
    """Go on where a run was interrupted."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if self.factor is not None and self.fps is not None:
            raise ConfigError("--factor: cannot be given together with --fps; give one of the two")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ConfigError(f"--range: must end after it begins, such as {self.start:g}-{self.start + 10:g}")
        _check_engine(self.engine, self.checkpoint)
        if self.resume and STREAM in (self.film, self.output):
            raise ConfigError("--resume: needs files; what comes by standard input or goes to output cannot be resumed")
        if self.output == STREAM and (self.codec is not None or self.crf is not None):
            raise ConfigError("--codec: standard output is uncompressed y4m; leave --codec and --crf out")
