"""Settings of extract-frames, preview-clips and draw-cartoon, and how clips are drawn from films."""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Annotated

from ..errors import ConfigError
from .checks import Checked, Choice, Flags, NoOption, Range, Seconds, check_suffix
from .choices import CUT_SCORE, DROPS, FITS, HOLD_SCORE, IMAGE_FORMATS
from .fields import Count, Films, HoldThreshold, Rate, Seed, Share
from .parsing import read_background


@dataclass(frozen=True)
class ClipConfig(Checked):
    """How clips are drawn from films, for every training."""

    length: Count = 8
    """Frames of a clip, ends included; 1 draws single pictures."""
    stride: Count = 1
    """1 takes successive drawings, 2 every other one, and so on."""
    size: Count = 256
    """Side of the square pictures, in pixels."""
    crop: Annotated[float, Range(0, 1, above=True)] = 0.75
    """Smallest share of a frame's shorter side that a random square may have; 1 takes the largest, in the middle."""
    flip: bool = True
    """Mirror half of the clips."""
    colour: bool = True
    """Exchange and darken the colour channels."""
    reverse: bool = True
    """Play half of the clips backwards."""
    weights: Annotated[tuple[float, ...] | None, Range(0, above=True)] = None
    """Relative frequency of each given path, such as 2,1. None: in proportion to its clips."""
    seed: Seed = 0
    """The same seed gives the same clips."""


@dataclass(frozen=True)
class PreviewClipsConfig(Checked):
    """What `animi preview-clips` draws."""

    paths: Films
    output: Annotated[Path, Flags("--output", "-o")]
    """The picture to write, a PNG."""
    clips: ClipConfig = ClipConfig(size=160)
    """How the clips are drawn; smaller than for training, so that eight frames fit on a screen."""
    rows: Count = 8
    """Clips to show."""
    step: Annotated[int, Range(0)] = 0
    """Which batch of the training to show."""
    overwrite: bool = False
    """Replace an existing picture."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or the picture would be too large to view.
        """
        super().__post_init__()
        check_suffix("--output", self.output, (".png",), "PNG")
        pixels = self.rows * self.clips.length * self.clips.size**2
        if pixels > 1 << 26:
            raise ConfigError(
                f"--size: {self.rows} x {self.clips.length} frames of {self.clips.size} pixels would make a picture of "
                f"{pixels / 1e6:.0f} megapixels; lower --size, --rows or --length"
            )


@dataclass(frozen=True)
class DrawCartoonConfig(Checked):
    """What `animi draw-cartoon` draws."""

    out: Path
    """What to write: .mp4, .webm, .gif, .webp, .png (APNG; a still with --at), or a folder."""
    scene: str = "film"
    """film, chase, parade, anything or stickers; a film shows all kinds in turns."""
    style: str | None = None
    """One style for all, such as house, ink, painted or no-line. None: each scene's own."""
    seed: Seed = 0
    """The same seed gives the same cartoon."""
    seconds: Annotated[float, Range(0, 7200, above=True)] = 6.0
    """How long it lasts."""
    fps: Rate = Fraction(24)
    hold: Annotated[int, Range(1, 24, unit="frames")] = 2
    """Frames for which a drawing of the characters is held (2 is "on twos"); the camera moves on each."""
    width: Annotated[int, NoOption()] = 512
    """Pixels."""
    height: Annotated[int, NoOption()] = 288
    """Pixels."""
    fine: int = 3
    """Antialiasing of edges: 1, 3, 5 or 7 samples across a pixel."""
    subtitles: bool = False
    """Add subtitles to the picture."""
    at: float | None = None
    """Draw only the moment at this second, as a PNG."""
    truth: Path | None = None
    """A folder for the exact flow, visibility and line masks of pairs of moments, as .npz."""
    pairs: tuple[tuple[float, float], ...] = ()
    """The pairs of moments, in seconds, such as 0.5:0.6,1:1.25. None: each frame and the next."""
    overwrite: bool = False
    """Replace an existing output."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range.
        """
        super().__post_init__()
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096):
            raise ConfigError(f"--size: {self.width}x{self.height} is out of range; give 16 to 4096 pixels each way")
        if self.width > 3 * self.height:
            raise ConfigError(
                f"--size: {self.width}x{self.height} is wider than the scenes; give up to 3 times the height"
            )
        if self.fine not in (1, 3, 5, 7):
            raise ConfigError(f"--fine: {self.fine} cannot be used; give 1, 3, 5 or 7")
        if max(self.width, self.height) * self.fine > 1 << 14 or self.width * self.height * self.fine**2 > 1 << 27:
            raise ConfigError(
                f"--fine: {self.fine} is too much work for {self.width}x{self.height} pixels; lower --fine or --size"
            )
        if self.at is not None and not 0 <= self.at <= self.seconds:
            raise ConfigError(f"--at: {self.at:g} s is outside the cartoon, which lasts {self.seconds:g} s (--seconds)")
        if self.at is not None and self.out.suffix.lower() != ".png":
            raise ConfigError(
                f"--at: one moment is written as a PNG, and {self.out} is none; give a name that ends in .png"
            )
        if self.pairs and self.truth is None:
            raise ConfigError("--pairs: has no folder to write to; name one with --truth")


@dataclass(frozen=True)
class ExtractFramesConfig(Checked):
    """What `animi extract-frames` takes out of films, and how it is kept."""

    videos: tuple[Path, ...]
    """The films: anything that ffmpeg reads, GIF and WebP included."""
    output: Annotated[Path, Flags("--output", "-o")] = Path("frames")
    """A folder that gets one folder for each film."""
    size: int | None = 256
    """Side of the square, or with `fit` keep the shorter side, in pixels; 0: as large as the film."""
    fit: Annotated[str, Choice(FITS)] = "crop"
    """The square in the middle, the whole with bars around it, or the film's own shape."""
    cuts: str = "auto"
    """auto: find the shots; none: one shot; or a file: times at which shots begin, or an edit list (.edl, .otio)."""
    cut_score: Share = CUT_SCORE
    """A frame with this score or more starts a shot; scores.csv lists the scores."""
    hold_threshold: HoldThreshold = HOLD_SCORE
    keep_duplicates: bool = False
    """Keep held drawings, marked as duplicates."""
    drop: Annotated[tuple[str, ...], Choice(DROPS, none=True)] = ()
    """Kinds of frames to leave out, such as black,credits."""
    every: Count = 1
    """Keep every n-th frame only."""
    fps: Annotated[float | None, Range(0, 1000, above=True)] = None
    """Keep no more frames a second than this."""
    start: Annotated[float, Seconds()] = 0.0
    """Start here: seconds or h:mm:ss."""
    end: Annotated[float | None, Seconds()] = None
    """Stop here: seconds or h:mm:ss."""
    max_frames: int | None = 30_000
    """Frames of one film to keep at most; 0: all."""
    format: Annotated[str | None, Choice(IMAGE_FORMATS)] = None
    """How frames are kept as images. None: png, or none with --packed."""
    quality: Annotated[int, Range(1, 100)] = 95
    """Quality of JPEG, and of WebP, where 100 is lossless."""
    packed: bool = False
    """Keep the frames in one packed store, which trainers read fastest."""
    alpha: str = "white"
    """What is transparent: keep it (in PNG or WebP), or lay it over a colour: white, black, #40a0ff."""
    overwrite: bool = False
    """Replace the output of an earlier run with other settings."""

    def __post_init__(self) -> None:
        """Checks the values; None as `size` or `max_frames` is what the command's 0 becomes.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        super().__post_init__()
        if self.size is not None and not 8 <= self.size <= 8192:
            raise ConfigError(f"--size: {self.size} is out of range; give 8 to 8192 pixels, or 0 for the film's own")
        if self.fps is not None and self.every > 1:
            raise ConfigError("--fps: says how many frames to keep, and so does --every; give one of them")
        if not (self.start >= 0 and isfinite(self.start)):
            raise ConfigError(f"--start: {self.start:g} is before the film; give seconds from 0")
        if self.end is not None and not self.end > self.start:
            raise ConfigError(f"--end: {self.end:g} s is not after --start ({self.start:g} s); give a later time")
        if self.max_frames is not None and self.max_frames < 1:
            raise ConfigError(f"--max-frames: {self.max_frames} is out of range; give a whole number from 1, or 0: all")
        if self.format == "none" and not self.packed:
            raise ConfigError("--format: none keeps nothing; add --packed, or give png, jpeg or webp")
        if read_background(self.alpha) is None and (self.packed or self.format == "jpeg"):
            where = "a packed store" if self.packed else "a JPEG"
            raise ConfigError(f"--alpha: {where} holds no transparency; keep PNG or WebP images, or give a colour")
