"""Settings of `animi interpolate`, for key frames and for whole films."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..errors import ConfigError
from .choices import CADENCES, CODECS, DEVICES, EASINGS, ENGINES, MOST_FRAMES, ON_FAILURE, STREAM
from .parsing import ease, read_size, read_spacing


@dataclass(frozen=True)
class InterpolateConfig:
    """What `animi interpolate` draws."""

    inputs: tuple[Path, ...]
    """Key frames in order; a folder stands for the images in it, in natural order."""
    output: Path
    """A .gif, .webp, .png, .apng, .mp4, .mov or .webm, or a folder for numbered PNGs."""
    count: int = 8
    """Frames from one key frame to the next, both included."""
    fps: Fraction = Fraction(12)
    """Frames a second."""
    spacing: str = EASINGS[0]
    """One of EASINGS, or an animator's spacing chart: times from 0 to 1 with commas, which win over count."""
    loop: bool = False
    """Go on from the last key frame to the first."""
    boomerang: bool = False
    """Play to the end and back to the start."""
    engine: str | None = None
    """One of ENGINES; None: the checkpoint's network, or the first of ENGINES where there is no checkpoint."""
    checkpoint: Path | None = None
    """A trained network that draws instead of an engine."""
    mix: bool = False
    """Mix moved frames where they disagree, instead of joining them along a seam."""
    device: str = DEVICES[0]
    """Where the network runs: one of DEVICES, or cuda:1 and so on."""
    size: str | None = None
    """Size to draw at: WIDTHxHEIGHT, or one number for the longer side. None: the key frames' own."""
    overwrite: bool = False
    """Replace an output that stands there."""
    on_failure: str = ON_FAILURE[0]
    """One of ON_FAILURE: what is drawn where motion cannot be what happened, as at a cut."""
    sheet: Path | None = None
    """An exposure sheet (.csv) that says of each key frame how long it stands and what follows; wins over count."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if self.count < 2:
            raise ConfigError(f"-n: {self.count} is too small; it counts both key frames, so give 2 or more")
        if self.count > MOST_FRAMES:
            raise ConfigError(f"-n: {self.count} is too large; give up to {MOST_FRAMES}")
        if not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps: {float(self.fps):g} is out of range; give a rate above 0 and up to 1000")
        _check_engine(self.engine, self.checkpoint, self.on_failure)
        read_spacing(self.spacing)
        if self.size is not None:
            read_size(self.size)

    @property
    def times(self) -> tuple[float, ...]:
        """When the frames of a segment are, from 0 (the first key frame) to 1 (the second)."""
        chart = read_spacing(self.spacing)
        return chart or tuple(ease(k / (self.count - 1), self.spacing) for k in range(self.count))


def _check_engine(engine: str | None, checkpoint: Path | None, on_failure: str) -> None:
    if engine not in (None, *ENGINES):
        raise ConfigError(f"--engine: {engine!r} is not known; choose one of {', '.join(ENGINES)}")
    if engine is not None and checkpoint is not None:
        raise ConfigError(f"--engine: {engine} cannot draw together with --checkpoint; give one of the two")
    if on_failure not in ON_FAILURE:
        raise ConfigError(f"--on-failure: {on_failure!r} is not known; choose one of {', '.join(ON_FAILURE)}")


@dataclass(frozen=True)
class InterpolateFilmConfig:
    """What `animi interpolate` makes of a film."""

    film: Path
    """A film, or STREAM: y4m from standard input."""
    output: Path
    """A .mp4, .m4v, .mov, .mkv or .webm; any other kind of animation; or STREAM: y4m to standard output."""
    factor: Fraction | None = None
    """How many times as many frames; None: 2, or what fps asks for."""
    fps: Fraction | None = None
    """Frames a second; None: by the factor."""
    cadence: str = CADENCES[0]
    """One of CADENCES."""
    start: float = 0.0
    """Seconds: what lies before is left out."""
    end: float | None = None
    """Seconds: what lies at or after is left out; None: nothing is."""
    preview: float | None = None
    """Seconds to make of it, quickly encoded; None: all."""
    codec: str | None = None
    """One of CODECS; None: by the output's suffix and the film's depth."""
    crf: int | None = None
    """Constant rate factor of the encoder, lower is better and larger; None: by the codec."""
    engine: str | None = None
    """One of ENGINES; None: the checkpoint's network, or the default."""
    checkpoint: Path | None = None
    """A trained network that draws instead of an engine."""
    mix: bool = False
    """Mix moved frames where they disagree, instead of joining them along a seam."""
    device: str = DEVICES[0]
    """Where the network runs: one of DEVICES, or cuda:1 and so on."""
    on_failure: str = ON_FAILURE[0]
    """One of ON_FAILURE: what is drawn where motion cannot be what happened."""
    overwrite: bool = False
    """Replace an output that stands there, or begin anew what was interrupted."""
    resume: bool = False
    """Go on with what was interrupted."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if self.factor is not None and self.fps is not None:
            raise ConfigError("--factor: cannot be given together with --fps; give one of the two")
        if self.factor is not None and not 0 < self.factor <= 1000:
            raise ConfigError(f"--factor: {float(self.factor):g} is out of range; give one above 0 and up to 1000")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps: {float(self.fps):g} is out of range; give a rate above 0 and up to 1000")
        if self.cadence not in CADENCES:
            raise ConfigError(f"--cadence: {self.cadence!r} is not known; choose one of {', '.join(CADENCES)}")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ConfigError(f"--range: must end after it begins, such as {self.start:g}-{self.start + 10:g}")
        if self.preview is not None and not 0 < self.preview < float("inf"):
            raise ConfigError(f"--preview: {self.preview:g} is out of range; give some seconds, such as 5s")
        if self.codec not in (None, *CODECS):
            raise ConfigError(f"--codec: {self.codec!r} is not known; choose one of {', '.join(CODECS)}")
        if self.crf is not None and not 0 <= self.crf <= 63:
            raise ConfigError(f"--crf: {self.crf} is out of range; give 0 (best) to 63 (smallest)")
        _check_engine(self.engine, self.checkpoint, self.on_failure)
        if self.resume and STREAM in (self.film, self.output):
            raise ConfigError("--resume: needs files; what comes by standard input or goes to output cannot be resumed")
        if self.output == STREAM and (self.codec is not None or self.crf is not None):
            raise ConfigError("--codec: standard output is uncompressed y4m; leave --codec and --crf out")
