"""Settings of extract-frames, preview-clips and draw-cartoon, and how clips are drawn from films."""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path

from ..errors import ConfigError
from .choices import CUT_SCORE, DROPS, FITS, IMAGE_FORMATS


@dataclass(frozen=True)
class ClipConfig:
    """How clips are drawn from films, for every trainer that learns from them."""

    length: int = 8
    """Frames of a clip; 1 draws single pictures."""
    stride: int = 1
    """1 takes successive drawings, 2 every other one, and so on."""
    size: int = 256
    """Side of the square that is drawn, in pixels."""
    crop: float = 0.75
    """Smallest share of a frame's shorter side that a random square may have; 1 takes the largest, in the middle."""
    flip: bool = True
    """Mirror half of the clips."""
    colour: bool = True
    """Exchange and darken the colour channels."""
    reverse: bool = True
    """Play half of the clips backwards."""
    weights: tuple[float, ...] | None = None
    """How often each path given is drawn from, in proportion; None: all clips are equally likely."""
    seed: int = 0
    """The same seed gives the same clips."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        for name in ("length", "stride", "size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"--{name}: {getattr(self, name)} is too small; give a whole number from 1")
        if not 0 < self.crop <= 1:
            raise ConfigError(f"--crop: {self.crop:g} is out of range; give a share above 0 and up to 1")
        for weight in self.weights or ():
            if not (weight > 0 and isfinite(weight)):
                raise ConfigError(f"--weights: {weight:g} cannot be used; give numbers above 0, one for each path")
        if self.seed < 0:
            raise ConfigError(f"--seed: {self.seed} is negative; give a whole number from 0")


@dataclass(frozen=True)
class PreviewClipsConfig:
    """What `animi preview-clips` draws."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The picture to write, a PNG."""
    clips: ClipConfig = ClipConfig(size=160)
    """How the clips are drawn; smaller than for training, so that eight frames fit on a screen."""
    rows: int = 8
    """Clips to show."""
    step: int = 0
    """Which batch of the training to show."""
    overwrite: bool = False
    """Replace a picture that stands there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or the picture would be larger than a person can look at.
        """
        if self.rows < 1:
            raise ConfigError(f"--rows: {self.rows} is too small; give a whole number from 1")
        if self.step < 0:
            raise ConfigError(f"--step: {self.step} is negative; give a whole number from 0")
        if self.output.suffix.lower() != ".png":
            raise ConfigError(f"--output: {self.output} is no PNG; give a name that ends in .png")
        pixels = self.rows * self.clips.length * self.clips.size**2
        if pixels > 1 << 26:
            raise ConfigError(
                f"--size: {self.rows} x {self.clips.length} frames of {self.clips.size} pixels would make a picture of "
                f"{pixels / 1e6:.0f} megapixels; lower --size, --rows or --length"
            )


@dataclass(frozen=True)
class DrawCartoonConfig:
    """What `animi draw-cartoon` draws."""

    out: Path
    """A video or an animation by its suffix, or a folder; with `at`, a PNG."""
    scene: str = "film"
    """A kind of scene, or "film", which shows several kinds in turns."""
    style: str | None = None
    """How it is inked and coloured; None: as each scene likes."""
    seed: int = 0
    """The same seed gives the same cartoon."""
    seconds: float = 6.0
    """How long it lasts."""
    fps: Fraction = Fraction(24)
    """Frames a second."""
    hold: int = 2
    """Frames for which a drawing of the characters is held; 2 is "on twos"."""
    width: int = 512
    """Pixels."""
    height: int = 288
    """Pixels."""
    fine: int = 3
    """Cells across a pixel over which edges are smoothed; odd."""
    subtitles: bool = False
    """Whether words lie over the picture."""
    at: float | None = None
    """Draw only this moment, in seconds, as a PNG."""
    truth: Path | None = None
    """A folder for the exact motion."""
    pairs: tuple[tuple[float, float], ...] = ()
    """Moments, in seconds, between which the motion is told; none: each frame and the next."""
    overwrite: bool = False
    """Replace what stands there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        if self.seed < 0:
            raise ConfigError(f"--seed: {self.seed} is negative; give a whole number from 0")
        if not 0 < self.seconds <= 7200:
            raise ConfigError(f"--seconds: {self.seconds:g} is out of range; give more than 0 and up to 7200")
        if not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps: {float(self.fps):g} is out of range; give more than 0 and up to 1000")
        if not 1 <= self.hold <= 24:
            raise ConfigError(f"--hold: {self.hold} is out of range; give 1 to 24 frames")
        if not (16 <= self.width <= 4096 and 16 <= self.height <= 4096):
            raise ConfigError(f"--size: {self.width}x{self.height} is out of range; give 16 to 4096 pixels each way")
        if self.width > 3 * self.height:
            raise ConfigError(
                f"--size: {self.width}x{self.height} is wider than the places are; give up to 3 times the height"
            )
        if self.fine % 2 == 0 or not 1 <= self.fine <= 7:
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
class ExtractFramesConfig:
    """What `animi extract-frames` takes out of films, and how it is kept."""

    videos: tuple[Path, ...]
    """The films."""
    output: Path = Path("frames")
    """A folder that gets one folder for each film."""
    size: int | None = 256
    """Side of the square, or with `fit` "keep" the shorter side, in pixels; None: as large as the film."""
    fit: str = "crop"
    """One of FITS."""
    cuts: str = "auto"
    """"auto" finds the shots, "none" takes the film as one shot; else a file that lists when shots begin."""
    cut_score: float = CUT_SCORE
    """From this score on a frame begins a shot."""
    keep_duplicates: bool = False
    """Keep held drawings, marked, where else each drawing is kept once."""
    drop: tuple[str, ...] = ()
    """Kinds of frames to leave out, of DROPS."""
    every: int = 1
    """Keep one frame of so many."""
    fps: float | None = None
    """Keep no more frames a second than this."""
    start: float = 0.0
    """Seconds to leave out at the beginning."""
    end: float | None = None
    """Seconds at which to stop."""
    max_frames: int | None = 30_000
    """Frames of one film to keep at most; None: all."""
    format: str | None = None
    """One of IMAGE_FORMATS; None: PNG, or no images where they are packed."""
    quality: int = 95
    """Of JPEG, and of WebP, where 100 loses nothing."""
    packed: bool = False
    """Keep the frames in one packed store, for trainers."""
    overwrite: bool = False
    """Replace what an earlier run with other settings left."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if self.size is not None and not 8 <= self.size <= 8192:
            raise ConfigError(f"--size: {self.size} is out of range; give 8 to 8192 pixels, or 0 for the film's own")
        if self.fit not in FITS:
            raise ConfigError(f"--fit: {self.fit} is unknown; give {', '.join(FITS)}")
        if not 0 <= self.cut_score <= 1:
            raise ConfigError(f"--cut-score: {self.cut_score:g} is out of range; give 0 to 1")
        for kind in self.drop:
            if kind not in DROPS:
                raise ConfigError(f"--drop: {kind} is unknown; give any of {', '.join(DROPS)}")
        if self.every < 1:
            raise ConfigError(f"--every: {self.every} is too small; give a whole number from 1")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps: {self.fps:g} is out of range; give more than 0 and up to 1000")
        if self.fps is not None and self.every > 1:
            raise ConfigError("--fps: says how many frames to keep, and so does --every; give one of them")
        if not (self.start >= 0 and isfinite(self.start)):
            raise ConfigError(f"--start: {self.start:g} is before the film; give seconds from 0")
        if self.end is not None and not self.end > self.start:
            raise ConfigError(f"--end: {self.end:g} s is not after --start ({self.start:g} s); give a later time")
        if self.max_frames is not None and self.max_frames < 1:
            raise ConfigError(f"--max-frames: {self.max_frames} is too small; give a whole number from 1, or 0 for all")
        if self.format is not None and self.format not in IMAGE_FORMATS:
            raise ConfigError(f"--format: {self.format} is unknown; give {', '.join(IMAGE_FORMATS)}")
        if self.format == "none" and not self.packed:
            raise ConfigError("--format: none keeps nothing; add --packed, or give png, jpeg or webp")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"--quality: {self.quality} is out of range; give 1 to 100")
