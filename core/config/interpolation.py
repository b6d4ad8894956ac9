"""Settings of `animi interpolate`, for key frames and for whole films."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeAlias

from ..errors import ConfigError
from .checks import Checked, Choice, Doc, Flags, NoOption, Range, Seconds, check_choice, check_range
from .choices import (
    CADENCES,
    CODECS,
    DEVICES,
    EASINGS,
    ENGINES,
    HOLD_SCORE,
    MOST_FRAMES,
    ON_FAILURE,
    PROVIDERS,
    STREAM,
    TIME_SHEETS,
)
from .fields import Device, HoldThreshold, Provider, Rate
from .parsing import ease, read_frame_numbers, read_grid, read_ramp, read_size, read_spacing

_COUNT = Range(2, MOST_FRAMES, unit="frames, both key frames included")
FrameCount: TypeAlias = Annotated[
    int, _COUNT, Flags("-n", "--count"), Doc("Frames from one key frame to the next, both included.")
]
_Engine = Annotated[
    str | None,
    Choice(ENGINES),
    Doc("How frames are drawn: by learnt motion, by classical motion, or as a cross-fade. None: motion."),
]
_Checkpoint = Annotated[Path | None, Doc("A trained network (.safetensors) to draw with instead of an engine.")]
_Doubt = Annotated[
    Path | None,
    Doc(
        "Where animi guesses: a .html with the 20 most doubtful moments; for key frames also a .png of all maps, or a "
        "folder with a map for each in-between, white where it guesses. --json then lists the frames worth checking."
    ),
]
OnFailure: TypeAlias = Annotated[
    str,
    Choice(ON_FAILURE),
    Doc(
        "Where motion does not explain the key frames, as at a cut: hold the nearer one, blend both, or draw along the "
        "motion anyway (morph)."
    ),
]
_Arcs = Annotated[
    bool, Doc("Move pieces that turn on an arc, not on its chord, so that they keep their size. Motion and flow only.")
]
_Codec = Annotated[
    str | None,
    Choice(CODECS),
    Doc("How a film is encoded; prores (4444) and ffv1 keep alpha. None: by the output's suffix."),
]
_Crf = Annotated[
    int | None,
    Range(0, 63),
    Doc("Constant rate factor of the encoder, lower is better and larger. None: by the codec."),
]
_Hints = Annotated[
    Path | None, Doc("A file of hints (.json): points, paths and masks. For a film, it names drawings by their times.")
]
_PixelArt = Annotated[
    bool,
    Doc("Draw pixel art: in the key frames' colours, on their grid, with every pixel fully opaque or transparent."),
]
_Palette = Annotated[
    Path | None,
    Doc("The colours of pixel art's in-betweens: a .gpl, .hex or .pal, or an image. None: those of the key frames."),
]


@dataclass(frozen=True)
class InterpolateConfig(Checked):
    """What `animi interpolate` draws."""

    inputs: tuple[Path, ...]
    """Key frames in order; a folder stands for the images in it, in natural order."""
    output: Annotated[Path, Flags("--output", "-o")]
    """A .gif, .webp, .png, .apng, .mp4, .mov, .mkv or .webm, or a folder for numbered PNGs. Numbered files:
    out.####.png, .tif, .exr, .dpx, .psd or .ora. Drawings in layers: a folder for the layers (OCA); sprites: a .json
    with its sheet."""
    count: FrameCount = 8
    fps: Rate = Fraction(12)
    """Frames a second: 12, 23.976 or 24000/1001."""
    spacing: str = EASINGS[0]
    """linear, ease-in, ease-out, ease-in-out, or a spacing chart such as 0,0.1,0.35,1, which wins over `count`."""
    loop: bool = False
    """Add the frames from the last key frame back to the first."""
    boomerang: bool = False
    """Play to the end and back."""
    engine: _Engine = None
    checkpoint: _Checkpoint = None
    mix: bool = False
    """Blend the two warped key frames where they differ, instead of choosing one along a seam."""
    arcs: _Arcs = False
    pixel_art: _PixelArt = False
    palette: _Palette = None
    device: Device = DEVICES[0]
    provider: Provider = PROVIDERS[0]
    size: str | None = None
    """Resize the key frames first; one number is the longer side."""
    overwrite: bool = False
    """Replace an existing output."""
    on_failure: OnFailure = ON_FAILURE[0]
    sheet: Path | None = None
    """An exposure sheet: a .csv with drawing, hold, inbetweens, on, spacing for each key frame; or a time sheet (.xdts,
    .tdts), of which each in-between mark is drawn, and which needs no key frames."""
    hint: Annotated[tuple[str, ...], NoOption(), Flags("--hint")] = ()
    """Points of one key frame and where they are in the next, each as 120,80>200,96 or cat/head:120,80>200,96."""
    part: Annotated[tuple[str, ...], NoOption(), Flags("--part")] = ()
    """Masks of what moves at a pace of its own, each with its spacing: arm.png=ease-in or arm.png=0,0,0.4,1. For
    drawings in layers, also layers and groups: cat/arm=ease-in."""
    hints: _Hints = None
    doubt: _Doubt = None
    redo: str | None = None
    """Draw frames of an existing folder again: alone, those beside frames that you have painted over; or those with
    these numbers: 3, 3-5 or 3,7-9. Painted frames are key frames, and stay."""
    dry_run: bool = False
    """With `redo`: only list the frames that would be drawn."""
    codec: _Codec = None
    crf: _Crf = None
    grid: str | None = None
    """Each input is a sheet of sprites in cells of this size, such as 32x32, row by row."""
    linear: bool = False
    """Sample and mix colours in linear light, as renderers do, instead of as they are in the file. This is
    always done for EXR."""
    keeps_durations: Annotated[bool, NoOption()] = True
    """Whether drawings with durations (sprites, OCA) keep them; else `fps` sets them."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        _check_engine(self.engine, self.checkpoint)
        check_provider(self.provider, self.engine, self.checkpoint, self.device)
        _check_palette(self.palette, self.pixel_art)
        read_spacing(self.spacing)
        if self.size is not None:
            read_size(self.size)
        if self.grid is not None:
            read_grid(self.grid)
        if self.redo is not None:
            read_frame_numbers(self.redo)
            if self.overwrite:
                raise ConfigError("--redo: draws some frames, and --overwrite all; give one of the two")
        elif self.dry_run:
            raise ConfigError("--dry-run: goes with --redo; add it, or leave this out")

    @property
    def timing(self) -> str:
        """What the frames get their times from: one of KEYS, EXPOSURE_SHEET and TIME_SHEET."""
        if self.sheet is None:
            return KEYS
        return find_timing(self.sheet)

    @property
    def times(self) -> tuple[float, ...]:
        """When the frames of a segment are, from 0 (the first key frame) to 1 (the second)."""
        return space_frames(self.count, self.spacing)


KEYS, EXPOSURE_SHEET, TIME_SHEET = "key frames", "an exposure sheet", "a time sheet"
"""What the frames between key frames get their times from."""
_ALL, _NO_TIME_SHEET = (KEYS, EXPOSURE_SHEET, TIME_SHEET), (KEYS, EXPOSURE_SHEET)
USED_WITH: Mapping[str, tuple[str, ...]] = {
    "inputs": _ALL,
    "output": _ALL,
    "count": (KEYS,),
    "fps": _ALL,
    "spacing": (KEYS, TIME_SHEET),
    "loop": _NO_TIME_SHEET,
    "boomerang": _NO_TIME_SHEET,
    "engine": _ALL,
    "checkpoint": _ALL,
    "mix": _ALL,
    "arcs": _ALL,
    "pixel_art": _NO_TIME_SHEET,
    "palette": _NO_TIME_SHEET,
    "device": _ALL,
    "provider": _ALL,
    "size": _NO_TIME_SHEET,
    "overwrite": _ALL,
    "on_failure": _ALL,
    "sheet": _ALL,
    "hint": _NO_TIME_SHEET,
    "part": _NO_TIME_SHEET,
    "hints": _NO_TIME_SHEET,
    "doubt": _NO_TIME_SHEET,
    "redo": _NO_TIME_SHEET,
    "dry_run": _NO_TIME_SHEET,
    "codec": _ALL,
    "crf": _ALL,
    "grid": (KEYS,),
    "linear": (KEYS,),
    "keeps_durations": _ALL,
}
"""With which of these each field of InterpolateConfig has an effect; with the others, the option is an error. A field
without a row is always an error."""


def find_timing(sheet: Path) -> str:
    """Returns which kind of sheet it is: EXPOSURE_SHEET or TIME_SHEET."""
    return TIME_SHEET if sheet.suffix.lower() in TIME_SHEETS else EXPOSURE_SHEET


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


def check_provider(provider: str, engine: str | None, checkpoint: Path | None, device: str) -> None:
    """Checks that a provider goes with what else says how frames are drawn.

    Raises:
        ConfigError: it does not.
    """
    check_choice("--provider", provider, Choice(PROVIDERS))
    if provider == PROVIDERS[0]:
        return
    if checkpoint is not None or engine not in (None, ENGINES[0]):
        other = f"--engine {engine}" if checkpoint is None else "--checkpoint"
        raise ConfigError(f"--provider: is for animi's own motion network; leave it or {other} out")
    if device not in ("auto", "cpu"):
        raise ConfigError(f"--provider: {provider} does not go with --device {device}; leave one of the two out")


def _check_palette(palette: Path | None, pixel_art: bool) -> None:
    if palette is not None and not pixel_art:
        raise ConfigError("--palette: is for pixel art; add --pixel-art, or leave it out")


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
    """For drawings held on twos and threes: in-betweens on every frame (smooth), or each drawing held for as many
    frames as before (keep)."""
    loop: bool = False
    """Also draw from the last frame to the first, as for an animation that is marked as a loop."""
    hold_threshold: HoldThreshold = HOLD_SCORE
    start: Annotated[float, NoOption(), Flags("--range")] = 0.0
    """Start, in seconds."""
    end: Annotated[float | None, NoOption(), Flags("--range")] = None
    """End, in seconds, not included. None: the film's end."""
    preview: Annotated[float | None, Seconds(), Range(0, above=True, unit="seconds, such as 5s")] = None
    """Draw only this much from the start of the film or of --range, with fast encoding: 5s."""
    ramp: str | None = None
    """Speeds at times of the film, linear between: 0:1 2:0.5 4:1 slows down to half until 2 s. Sound is left out."""
    codec: _Codec = None
    crf: _Crf = None
    engine: _Engine = None
    checkpoint: _Checkpoint = None
    mix: bool = False
    """Blend the two warped key frames where they differ, instead of choosing one along a seam."""
    arcs: _Arcs = False
    pixel_art: _PixelArt = False
    palette: _Palette = None
    device: Device = DEVICES[0]
    provider: Provider = PROVIDERS[0]
    on_failure: OnFailure = ON_FAILURE[0]
    doubt: _Doubt = None
    hints: _Hints = None
    overwrite: bool = False
    """Replace an existing output, or start an interrupted run again from the beginning."""
    resume: bool = False
    """Resume an interrupted run."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if self.factor is not None and self.fps is not None:
            raise ConfigError("--factor: cannot be given together with --fps; give one of the two")
        if self.ramp is not None:
            read_ramp(self.ramp)
        if self.loop and (self.start or self.end is not None or self.preview is not None):
            raise ConfigError("--loop: needs the whole film; leave --range and --preview out")
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ConfigError(f"--range: must end after it begins, such as {self.start:g}-{self.start + 10:g}")
        _check_engine(self.engine, self.checkpoint)
        check_provider(self.provider, self.engine, self.checkpoint, self.device)
        _check_palette(self.palette, self.pixel_art)
        if self.resume and STREAM in (self.film, self.output):
            raise ConfigError("--resume: needs files; what comes by standard input or goes to output cannot be resumed")
        if self.output == STREAM and (self.codec is not None or self.crf is not None):
            raise ConfigError("--codec: standard output is uncompressed y4m; leave --codec and --crf out")
