"""Every command's settings: one frozen dataclass each, where the defaults live and bad values are refused.

Imports no torch, so that `animi --help` stays quick. Typer quotes the defaults from here.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from pathlib import Path

from .errors import ConfigError

ENGINES = ("motion", "flow", "blend")
"""Engines that need no checkpoint; the first is the default, the best that ships."""
ON_FAILURE = ("hold", "blend", "morph")
"""Where motion cannot be what happened: hold the nearer key frame, blend both, or draw along the motion anyway."""
EASINGS = ("linear", "ease-in", "ease-out", "ease-in-out")
"""How in-betweens are spaced: evenly, slow at the start, slow at the end, or slow at both."""
MOST_FRAMES = 100_000
"""As many frames as a segment may have: more than an hour at 24 a second."""
DEVICES = ("auto", "cpu", "cuda", "mps")
"""Where networks run."""
FITS = ("crop", "letterbox", "keep")
"""How a film's frames come to a size: the square in the middle, the whole with bars, or the whole in its own shape."""
CUT_SCORE = 0.42
"""How little of a frame the one before may explain, from 0 to 1, until it begins a shot."""
DROPS = ("black", "blank", "credits", "dissolve", "flash")
"""Kinds of a film's frames that may be left out."""
IMAGE_FORMATS = ("png", "jpeg", "webp", "none")
"""How extracted frames are kept as images."""
CADENCES = ("smooth", "keep")
"""What becomes of drawings that a film holds: in-betweens on every frame, or as many frames a drawing as before."""
CODECS = ("h264", "hevc", "vp9", "av1", "prores", "ffv1")
"""How films are encoded."""
STREAM = Path("-")
"""Standard input or output in the place of a film's file: uncompressed video as YUV4MPEG2 (y4m)."""


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


def read_range(text: str) -> tuple[float, float | None]:
    """Reads "10-20", "1:05-1:30.5" or "60-" as seconds: (from, until or None).

    Raises:
        ConfigError: it is no such range.
    """
    first, dash, last = text.partition("-")
    times = [parse_time(part) if part.strip() else 0.0 for part in (first, last)]
    start, end = times
    if not dash or start is None or end is None:
        raise ConfigError(f"--range: {text!r} cannot be read; give seconds or h:mm:ss, such as 10-20, 1:05-1:30 or 60-")
    return start, end if last.strip() else None


def read_time(text: str, flag: str) -> float:
    """Seconds of a time written as 72.5, 1:12.5 or 0:01:12.5.

    Raises:
        ConfigError: it is none; the message names the flag.
    """
    time = parse_time(text)
    if time is None:
        raise ConfigError(f"{flag}: {text} is no time; write seconds (72.5) or h:mm:ss (0:01:12.5)")
    return time


def parse_time(text: str) -> float | None:
    """Seconds of a time written as 72.5, 1:12.5 or 0:01:12.5; None when it is none."""
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 3 or not all(isfinite(n) and n >= 0 for n in numbers):
        return None
    if any(n >= 60 for n in numbers[1:]) or any(n % 1 for n in numbers[:-1]):
        return None
    return float(sum(n * 60**power for power, n in enumerate(reversed(numbers))))


def ease(t: float, easing: str) -> float:
    """Bends an even time t in [0, 1] as one of EASINGS does, by a parabola or, at both ends, by 3t² - 2t³."""
    if easing == "ease-in":
        return t * t
    if easing == "ease-out":
        return t * (2 - t)
    if easing == "ease-in-out":
        return t * t * (3 - 2 * t)
    return t


def read_spacing(text: str) -> tuple[float, ...] | None:
    """Reads a spacing chart such as "0,0.1,0.35,1"; None if the text is one of EASINGS.

    Raises:
        ConfigError: it is neither, or its times do not run from 0 to 1.
    """
    if text in EASINGS:
        return None
    try:
        times = tuple(float(_read_number(part)) for part in text.split(","))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"--spacing: {text!r} is not known; give {', '.join(EASINGS)}, or times such as 0,0.1,0.35,1"
        ) from error
    if len(times) < 2 or times[0] != 0 or times[-1] != 1 or any(a > b for a, b in pairwise(times)):
        raise ConfigError(f"--spacing: {text} must start with 0, never go back, and end with 1, such as 0,0.1,0.35,1")
    return times


def read_size(text: str) -> tuple[int, int | None]:
    """Reads "640x360" as (width, height), and "640" as (longer side, None).

    Raises:
        ConfigError: it is neither, or not between 1 and 16384.
    """
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise ConfigError(f"--size: {text!r} cannot be read; give WIDTHxHEIGHT such as 640x360, or the longer side")
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= 16384 for number in numbers):
        raise ConfigError(f"--size: {text} is out of range; give sides from 1 to 16384 pixels")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def _read_number(text: str) -> Fraction:
    """Reads "0.5" or "1/3", exactly; a float has a look first, as a fraction would write 1e999999999 out.

    Raises:
        ValueError: it is no number, or beyond what a float holds.
        ZeroDivisionError: it is divided by zero.
    """
    over, slash, under = text.partition("/")
    number = Fraction(str(float(over)))
    return number / Fraction(str(float(under))) if slash else number


def read_rate(text: str, flag: str) -> Fraction:
    """Reads frames a second: "12", "23.976" or "24000/1001".

    Raises:
        ConfigError: it is no number; the message names the flag.
    """
    try:
        rate = _read_number(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"{flag}: {text!r} is no rate; give one such as 12, 23.976 or 24000/1001") from error
    return rate.limit_denominator(1_000_000)


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


PRECISIONS = ("auto", "fp32", "bf16", "fp16")
"""Number formats of the forward pass; auto: bf16 on a GPU that has it, else fp32."""
MAY_CHANGE = frozenset(
    {"steps", "log_every", "save_every", "sample_every", "keep", "device", "workers", "compiled", "output"}
    | {"vgg_weights", "alex_weights", "health"}  # the same weights, elsewhere; a look changes nothing
)
"""Settings that a resumed run may be given anew: none of them changes what is learnt; the folder may have moved."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a training runs, for every trainer; what it learns is the recipe's own."""

    steps: int = 10_000
    """Steps in all; a resumed run goes on up to it."""
    batch_size: int = 16
    """Samples a step, over all processes and accumulated parts together."""
    accumulate: int = 1
    """Parts into which a process's share of a batch is cut to save memory; their gradients are added up."""
    precision: str = PRECISIONS[0]
    """One of PRECISIONS."""
    channels_last: bool = True
    """Lay images and kernels out with the channels last in memory, as tensor cores like it."""
    compiled: bool = False
    """Compile the networks; takes a minute or more at the start."""
    clip: float | None = None
    """Largest norm of a phase's gradients; None: they are taken as they are."""
    ema: float = 0.999
    """How much of the running mean of the weights is kept at each step; 0: no mean."""
    seed: int = 0
    """The same seed gives the same training, on the same kind of device."""
    log_every: int = 10
    """Steps from one line of metrics.jsonl to the next."""
    save_every: int = 500
    """Steps from one checkpoint to the next; also how far a loss that is not finite throws a run back."""
    sample_every: int = 500
    """Steps from one look at samples and health to the next."""
    keep: int = 3
    """Checkpoints kept, the newest, beside the best."""
    device: str = DEVICES[0]
    """Where it trains: one of DEVICES, or cuda:1 and so on."""
    workers: int = 2
    """Threads that draw batches ahead."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        for name in ("steps", "batch_size", "accumulate", "log_every", "save_every", "sample_every", "keep"):
            value = getattr(self, name)
            if value < 1:
                raise ConfigError(f"--{name.replace('_', '-')}: {value} is too small; give a whole number from 1")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"--precision: {self.precision!r} is not known; choose one of {', '.join(PRECISIONS)}")
        if self.clip is not None and not (self.clip > 0 and isfinite(self.clip)):
            raise ConfigError(f"--clip: {self.clip:g} cannot be used; give a norm above 0")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"--ema: {self.ema:g} is out of range; give 0 (none) or a share below 1, such as 0.999")
        for name in ("seed", "workers"):
            if getattr(self, name) < 0:
                raise ConfigError(f"--{name}: {getattr(self, name)} is negative; give a whole number from 0")


AUGMENTATIONS = ("colour", "translation", "cutout")
"""What pictures undergo before a discriminator sees them, in this order."""
TRAINED_SIZES = (64, 128, 256, 512)
"""Sides of the pictures that the generators can be trained on."""
RECIPES = ("steady", "notebook")
"""The first is ours, made not to collapse; the other is that of the first experiments, to the letter."""
JUDGED = ("all", "middle")
"""Frames of a clip that the discriminator judges: all, or all but the two ends."""


@dataclass(frozen=True)
class AdversarialConfig:
    """A generator against a discriminator of single pictures."""

    width: int = 64
    """Channels of both networks at 128 pixels; all others follow."""
    spectral_norm: bool = True
    """Spectral norm on the discriminator's convolutions."""
    generator_rate: float = 2e-4
    """Learning rate of the generator."""
    discriminator_rate: float = 2e-4
    """Learning rate of the discriminator."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's."""
    augment: tuple[str, ...] = AUGMENTATIONS
    """Of AUGMENTATIONS."""
    redraw: float = 1.0
    """Weight of the discriminator's redrawing of real pictures."""
    lecam: float = 0.1
    """Weight of the LeCam penalty; 0: none."""
    r1: float = 0.0
    """Weight of the gradient penalty at real pictures; 0: none."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        if not 4 <= self.width <= 512:
            raise ConfigError(f"--width: {self.width} is out of range; give 4 to 512 channels")
        for name in ("generator_rate", "discriminator_rate"):
            value = getattr(self, name)
            if not (value > 0 and isfinite(value)):
                raise ConfigError(f"--{name.replace('_', '-')}: {value:g} cannot be used; give a rate such as 0.0002")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"--betas: {self.betas} cannot be used; give two shares below 1, such as 0.5,0.999")
        for kind in self.augment:
            if kind not in AUGMENTATIONS:
                raise ConfigError(f"--augment: {kind} is not known; give any of {', '.join(AUGMENTATIONS)}, or none")
        if len(set(self.augment)) < len(self.augment):
            raise ConfigError(f"--augment: {', '.join(self.augment)} names one twice; give each once")
        for name in ("redraw", "lecam", "r1"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a weight from 0")


_NOTEBOOK_CLIPS = ClipConfig(crop=1, flip=False, colour=False, reverse=False)
_NOTEBOOK_NETS = AdversarialConfig(augment=(), lecam=0.0)


@dataclass(frozen=True)
class TrainVggSleConfig:
    """What `animi train-vgg-sle` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    judged: str = JUDGED[0]
    """One of JUDGED."""
    ends: float = 10.0
    """Weight of the mean absolute error at the two ends."""
    vgg_weights: Path | None = None
    """VGG16's weights; None: torchvision's, from its cache or by a download."""
    samples: int = 4
    """Clips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        _check_adversarial(self.recipe, self.clips, self.samples)
        if self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        if self.judged not in JUDGED:
            raise ConfigError(f"--judged: {self.judged} is not known; give {' or '.join(JUDGED)}")
        if not (self.ends >= 0 and isfinite(self.ends)):
            raise ConfigError(f"--ends: {self.ends:g} cannot be used; give a weight from 0")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path) -> "TrainVggSleConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, recipe)
        nets = replace(
            _NOTEBOOK_NETS, spectral_norm=False, generator_rate=1e-3, discriminator_rate=1e-3, betas=(0.9, 0.999)
        )
        training = TrainingConfig(batch_size=1, ema=0.0)  # one clip of eight frames: eight pictures
        return cls(paths, output, recipe, _NOTEBOOK_CLIPS, training, nets, ends=1.0)


@dataclass(frozen=True)
class TrainNoiseConfig:
    """What `animi train-noise` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several; all are shuffled together."""
    output: Path
    """The run's folder."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    latent_dim: int = 256
    """Numbers that a picture is drawn from."""
    clips: ClipConfig = ClipConfig(length=1, colour=False, reverse=False)
    """Single pictures, in their own colours: exchanged ones would be learnt as well, and drawn."""
    training: TrainingConfig = TrainingConfig()
    """A sample is a picture."""
    nets: AdversarialConfig = AdversarialConfig()
    """The networks and how they are set against each other."""
    vgg_weights: Path | None = None
    """VGG16's weights, to measure health by; None: torchvision's, from its cache or by a download."""
    health: bool = True
    """Measure at each look whether the samples are as varied as the reals."""
    samples: int = 64
    """Pictures shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        _check_adversarial(self.recipe, self.clips, self.samples)
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} is of no use here; pictures are drawn one by one")
        if not 1 <= self.latent_dim <= 8192:
            raise ConfigError(f"--latent-dim: {self.latent_dim} is out of range; give 1 to 8192, such as 256 or 1024")
        if self.training.batch_size < 2:
            raise ConfigError("--batch-size: 1 is too small, as pictures are judged in company; give 2 or more")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path) -> "TrainNoiseConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, recipe)
        clips = replace(_NOTEBOOK_CLIPS, length=1)
        return cls(
            paths, output, recipe, clips=clips, training=TrainingConfig(batch_size=8, ema=0.0), nets=_NOTEBOOK_NETS
        )


NETS = ("deep", "plain")
"""Auto-encoders: residual blocks at every size with skip-layer excitation, or a few convolutions and no more."""
BETWEEN = ("lerp", "slerp")
"""Ways from one frame's latents to another's: straight, or along the great circle."""


@dataclass(frozen=True)
class PretrainAeConfig:
    """What `animi pretrain-ae` learns."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    net: str = NETS[0]
    """One of NETS."""
    width: int = 16
    """Channels at the full size; they double at each halving."""
    latent: int = 128
    """Channels of the latents."""
    halvings: int = 3
    """How often the sides are halved on the way to the latents."""
    depth: int = 2
    """Residual blocks of the deep net at each size, on the way down and again on the way up."""
    between: str = BETWEEN[0]
    """One of BETWEEN: how in-betweens are drawn with it."""
    clips: ClipConfig = ClipConfig(length=1, reverse=False)
    """Single pictures, in exchanged colours too: all are to be redrawn well."""
    training: TrainingConfig = TrainingConfig(clip=1.0)
    """A sample is a picture."""
    rate: float = 5e-4
    """Learning rate."""
    unseen: tuple[Path, ...] = ()
    """Folders of frames to look at, of which nothing is learnt; none: some of `paths` are held out."""
    hold_out: float = 0.05
    """Share of each film that is not learnt from but looked at, where `unseen` names none."""
    alex_weights: Path | None = None
    """AlexNet's weights, to measure LPIPS at each look; None: it is not measured."""
    samples: int = 16
    """Pictures shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if self.net not in NETS:
            raise ConfigError(f"--net: {self.net} is not known; give {' or '.join(NETS)}")
        if self.between not in BETWEEN:
            raise ConfigError(f"--between: {self.between} is not known; give {' or '.join(BETWEEN)}")
        for name, most in (("width", 256), ("latent", 4096), ("halvings", 6), ("depth", 32)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ConfigError(f"--{name}: {value} is out of range; give 1 to {most}")
        if self.clips.length != 1:
            raise ConfigError(f"--length: {self.clips.length} is of no use here; pictures are redrawn one by one")
        multiple = 1 << self.halvings
        if self.clips.size % multiple or not 16 <= self.clips.size <= 2048:
            raise ConfigError(
                f"--size: {self.clips.size} cannot be trained; give a multiple of {multiple} (--halvings "
                f"{self.halvings}) from 16 to 2048"
            )
        if not (self.rate > 0 and isfinite(self.rate)):
            raise ConfigError(f"--rate: {self.rate:g} cannot be used; give a rate such as 0.001")
        if not 0 < self.hold_out <= 0.5:
            raise ConfigError(f"--hold-out: {self.hold_out:g} is out of range; give a share above 0 and up to 0.5")
        if not 1 <= self.samples <= 64:
            raise ConfigError(f"--samples: {self.samples} is out of range; give 1 to 64")


REFINE = ("none", "joint", "after")
"""Whether a refinement network learns: not at all, together with the auto-encoder, or alone, behind a finished one."""


@dataclass(frozen=True)
class FinetuneAdvConfig:
    """What `animi finetune-adv` learns; a weight of 0 turns its term off, and what it needs is not computed."""

    paths: tuple[Path, ...]
    """Folders of frames, each with one film or several."""
    output: Path
    """The run's folder."""
    init: Path
    """The auto-encoder to begin with: a checkpoint of pretrain-ae or of this command, or the folder of a run."""
    recipe: str = RECIPES[0]
    """One of RECIPES: where the settings that were not given come from."""
    clips: ClipConfig = ClipConfig()
    """The clips; the first and the last frame are the ends."""
    training: TrainingConfig = TrainingConfig(batch_size=2)
    """A sample is a clip."""
    nets: AdversarialConfig = AdversarialConfig()
    """The discriminators and how they learn; the generator is the auto-encoder."""
    reconstruction: float = 10.0
    """Weight of the mean absolute error at the two ends."""
    middles: float = 1.0
    """Weight of the mean absolute error of the frames between."""
    sequence: float = 1.0
    """Weight of the discriminator of clips."""
    image: float = 1.0
    """Weight of the discriminator of single in-betweens."""
    latent: float = 1.0
    """Weight of the distance from the latents drawn from to those of the real frames between."""
    edge: float = 0.5
    """Weight of drawings softened along their lines, as fakes of the discriminator of single in-betweens."""
    fade: float = 0.5
    """Weight of cross-faded ends, as fakes of both discriminators."""
    ghost: float = 1.0
    """Weight of the ghost score that exceeds the truth's."""
    refine: str = REFINE[0]
    """One of REFINE."""
    refine_width: int = 32
    """Channels of the refinement network."""
    double: bool = False
    """The auto-encoder draws at half the size, and the refinement doubles it."""
    vgg_weights: Path | None = None
    """VGG16's weights, to measure health by; None: torchvision's, from its cache or by a download."""
    health: bool = True
    """Measure at each look whether the in-betweens are as varied as the reals."""
    samples: int = 4
    """Clips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        _check_adversarial(self.recipe, self.clips, self.samples)
        if self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        learns = ("reconstruction", "middles", "sequence", "image", "latent", "ghost")
        for name in (*learns, "edge", "fade"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a weight from 0")
        if not any(getattr(self, name) for name in learns):
            raise ConfigError(
                f"--reconstruction: is 0, and so are --{', --'.join(learns[1:])}: nothing is to be learnt; give one"
            )
        if self.edge and not self.image:
            raise ConfigError("--edge: nobody refuses softened drawings, as --image is 0; give --image a weight too")
        if self.fade and not (self.image or self.sequence):
            raise ConfigError(
                "--fade: nobody refuses cross-fades, as --image and --sequence are 0; give one of them a weight too"
            )
        if self.refine not in REFINE:
            raise ConfigError(f"--refine: {self.refine} is not known; give one of {', '.join(REFINE)}")
        if self.double and self.refine == "none":
            raise ConfigError("--double: it is the refinement that doubles; add --refine joint or --refine after")
        if not 1 <= self.refine_width <= 512:
            raise ConfigError(f"--refine-width: {self.refine_width} is out of range; give 1 to 512 channels")

    @classmethod
    def of_recipe(cls, recipe: str, paths: tuple[Path, ...], output: Path, init: Path) -> "FinetuneAdvConfig":
        """The settings of one of RECIPES."""
        if recipe != "notebook":
            return cls(paths, output, init, recipe)
        return cls(
            paths,
            output,
            init,
            recipe,
            _NOTEBOOK_CLIPS,
            TrainingConfig(batch_size=2, ema=0.0),
            _NOTEBOOK_NETS,
            middles=0.0,
            image=0.0,
            latent=0.0,
            edge=0.0,
            fade=0.0,
            ghost=0.0,
        )


@dataclass(frozen=True)
class TrainMotionConfig:
    """What `animi train-motion` learns; a weight of 0 turns its term off."""

    paths: tuple[Path, ...]
    """Folders of frames to learn from besides drawn cartoons; none are needed."""
    output: Path
    """The run's folder."""
    init: Path | None = None
    """A motion network to begin with: a checkpoint, or the folder of a run; None: a new one."""
    width: int = 64
    """Channels of a new network at a quarter of the picture's size."""
    guided: bool = False
    """Whether a new network begins with motion that is found without training, instead of with matching of its own."""
    searched: bool = False
    """Whether a network with matching of its own is helped by motion that is found without training, as it is where it
    draws on a CPU."""
    drawing_only: bool = False
    """Whether what finds the motion is held as it is, and only what draws along it learns."""
    sizes: tuple[int, ...] = (192, 128, 192, 256)
    """Sides of the drawn pictures; batches take turns. That of films is the largest."""
    clips: ClipConfig = ClipConfig(length=5, stride=1)
    """How triplets are taken from films: within clips of this length."""
    training: TrainingConfig = TrainingConfig(steps=40_000, clip=1.0)
    """A sample is two key frames and a frame between."""
    rate: float = 4e-4
    """Learning rate after the warm-up, up to the last third of the steps."""
    decay: float = 1e-3
    """AdamW's weight decay."""
    warm_up: int = 500
    """Steps in which the learning rate rises."""
    small: int = 0
    """Steps at the beginning in which pictures are half as large: on a GPU as many take a third of the time."""
    grow: int = 4000
    """Steps in which motion grows from small to the largest; 0: it is large at once."""
    sprites: Path | None = None
    """A folder of Lottie animations, laid over some of the drawn samples."""
    sprite_share: float = 0.25
    """Share of the drawn samples that sprites are laid over, where there are any."""
    staged: float = 0.0
    """Share of the batches that the device itself puts together of sprites, which are rendered whole before the start
    and take gigabytes there."""
    repeat: int = 1
    """How many batches in a row show the same drawn scenes, each time turned, mirrored, recoloured or backward: where
    drawing takes longer than learning."""
    collage: int = 0
    """Layers of each kind and time that are drawn before the start, from which the device itself puts half of the
    batches together; 0: none."""
    films: float = 0.25
    """Share of the batches that are of films, where there are any."""
    cuts: float = 0.05
    """Share of drawn pairs whose last frame is taken from another scene, so that it is learnt what a cut is."""
    flow: float = 0.1
    """Weight of the motion's error, in pixels."""
    matching: float = 0.2
    """Weight of the cross-entropy of the global matches."""
    sight: float = 0.2
    """Weight of the cross-entropy of what is seen in both frames."""
    pictures: float = 1.0
    """Weight of the difference of drawn frames from the truth: absolute, Laplacian and census."""
    style: float = 0.0
    """Weight of the difference of VGG16's Gram matrices; for fine-tuning."""
    perceptual: float = 0.0
    """Weight of LPIPS by AlexNet; for fine-tuning. Needs `alex_weights`."""
    ghost: float = 0.0
    """Weight of the ghost score that exceeds the truth's."""
    vgg_weights: Path | None = None
    """VGG16's weights, for the style; None: torchvision's, from its cache or by a download."""
    alex_weights: Path | None = None
    """AlexNet's weights, to measure LPIPS at each look, and to lower it; None: it is not measured."""
    samples: int = 8
    """Strips shown at each look."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or two do not go together.
        """
        if not self.sizes or any(not 32 <= size <= 1024 or size % 16 for size in self.sizes):
            given = ",".join(map(str, self.sizes))
            raise ConfigError(f"--sizes: {given or 'none'} cannot be used; give multiples of 16 from 32 to 1024")
        if self.width % 4 or not 8 <= self.width <= 512:
            raise ConfigError(f"--width: {self.width} cannot be used; give a multiple of 4 from 8 to 512 channels")
        if self.paths and self.clips.length < 3:
            raise ConfigError(f"--length: {self.clips.length} leaves nothing between the ends; give 3 frames or more")
        if not (self.rate > 0 and isfinite(self.rate)):
            raise ConfigError(f"--rate: {self.rate:g} cannot be used; give a rate such as 0.0004")
        for name in ("decay", "flow", "matching", "sight", "pictures", "style", "perceptual", "ghost"):
            value = getattr(self, name)
            if not (value >= 0 and isfinite(value)):
                raise ConfigError(f"--{name}: {value:g} cannot be used; give a number from 0")
        if not any((self.flow, self.matching, self.pictures, self.style, self.perceptual)):
            raise ConfigError(
                "--flow: is 0, and so are --matching, --pictures, --style and --perceptual: no motion would be learnt; "
                "give one"
            )
        if not 1 <= self.repeat <= 16:
            raise ConfigError(f"--repeat: {self.repeat} is out of range; give 1 to 16")
        if self.perceptual and self.alex_weights is None:
            raise ConfigError("--perceptual: looks through AlexNet; give its weights by --alex-weights")
        if self.drawing_only and self.init is None:
            raise ConfigError(
                "--drawing-only: holds motion that was never learnt; give a network to begin with by --init"
            )
        if self.staged and self.sprites is None:
            raise ConfigError("--staged: puts sprites together; give a folder of them by --sprites")
        for name in ("films", "cuts", "sprite_share", "staged"):
            if not 0 <= getattr(self, name) <= 1:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag}: {getattr(self, name):g} is out of range; give a share from 0 to 1")
        if self.paths and self.films and not any((self.pictures, self.style, self.perceptual)):
            raise ConfigError("--films: teach pictures only; give --pictures or --style a weight, or --films 0")
        for name in ("warm_up", "small", "grow", "collage"):
            if getattr(self, name) < 0:
                flag = name.replace("_", "-")
                raise ConfigError(f"--{flag}: {getattr(self, name)} is negative; give a whole number from 0")
        if not 1 <= self.samples <= 64:
            raise ConfigError(f"--samples: {self.samples} is out of range; give 1 to 64")


def _check_adversarial(recipe: str, clips: ClipConfig, samples: int) -> None:
    if recipe not in RECIPES:
        raise ConfigError(f"--recipe: {recipe} is not known; give {' or '.join(RECIPES)}")
    if clips.size not in TRAINED_SIZES:
        raise ConfigError(f"--size: {clips.size} cannot be trained; give {', '.join(map(str, TRAINED_SIZES))}")
    if not 1 <= samples <= 256:
        raise ConfigError(f"--samples: {samples} is out of range; give 1 to 256")


@dataclass(frozen=True)
class RefineConfig:
    """What `animi refine` sharpens."""

    pictures: tuple[Path, ...]
    """Images; a folder stands for the images in it, in natural order."""
    output: Path
    """A folder for PNGs of the same names."""
    checkpoint: Path
    """A network of finetune-adv with a refinement, or the folder of a run of it."""
    first: Path | None = None
    """The key frame before the pictures; None: unknown."""
    last: Path | None = None
    """The key frame after them."""
    device: str = DEVICES[0]
    """Where the network runs: one of DEVICES, or cuda:1 and so on."""
    overwrite: bool = False
    """Replace a folder that stands there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: only one of the two key frames is given.
        """
        if (self.first is None) != (self.last is None):
            given, lacking = ("--first", "--last") if self.last is None else ("--last", "--first")
            raise ConfigError(f"{given}: stands alone; give {lacking} too, or none of the two")


@dataclass(frozen=True)
class SampleConfig:
    """What `animi sample` draws."""

    checkpoint: Path
    """A network of train-noise, or the folder of a run of it."""
    output: Path
    """A .png for a grid, a .gif, .webp, .apng, .mp4, .mov or .webm for a walk, or a folder for single pictures."""
    count: int = 64
    """Pictures, or stations of a walk."""
    columns: int | None = None
    """Of the grid; None: as square as can be."""
    truncation: float | None = None
    """Latents' numbers beyond this are drawn again: the lower, the more alike and the cleaner; None: all are taken."""
    steps: int = 12
    """Frames from one station of a walk to the next."""
    fps: Fraction = Fraction(12)
    """Frames a second of a walk."""
    seed: int = 0
    """The same seed gives the same pictures."""
    batch_size: int = 16
    """Pictures drawn at once."""
    device: str = DEVICES[0]
    """Where the network runs: one of DEVICES, or cuda:1 and so on."""
    overwrite: bool = False
    """Replace what stands there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        for flag, value in (("-n", self.count), ("--steps", self.steps), ("--batch-size", self.batch_size)):
            if not 1 <= value <= MOST_FRAMES:
                raise ConfigError(f"{flag}: {value} is out of range; give 1 to {MOST_FRAMES}")
        if self.columns is not None and self.columns < 1:
            raise ConfigError(f"--columns: {self.columns} is too small; give a whole number from 1")
        if self.truncation is not None and not (self.truncation >= 0.1 and isfinite(self.truncation)):
            raise ConfigError(f"--truncation: {self.truncation:g} cannot be used; give 0.1 or more, such as 1.5")
        if not 0 < self.fps <= 1000:
            raise ConfigError(f"--fps: {float(self.fps):g} is out of range; give a rate above 0 and up to 1000")
        if self.seed < 0:
            raise ConfigError(f"--seed: {self.seed} is negative; give a whole number from 0")


@dataclass(frozen=True)
class ReportConfig:
    """What `animi report` shows."""

    runs: tuple[Path, ...]
    """Folders of runs, shown side by side in this order."""
    output: Path = Path("report.html")
    """The page to write."""
    overwrite: bool = False
    """Replace a page that stands there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: the page's name does not end as a page's does.
        """
        if self.output.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"--output: {self.output} is no page; give a name that ends in .html")


METRICS = ("psnr", "ssim", "lpips", "line-distance", "ghost", "sharpness", "smoothness", "features")
"""What in-betweens are measured by; features are KID, FID, precision and recall, of all of them together."""


@dataclass(frozen=True)
class EvaluateConfig:
    """What `animi evaluate` measures."""

    given: tuple[str, ...]
    """Engines, by names of ENGINES, checkpoints and folders of runs, and folders of frames, in any order."""
    clips: int = 32
    """Clips cut from films."""
    length: int = 9
    """Frames of a clip, both ends included; a folder of no more images is one sequence."""
    stride: int = 1
    """1 takes successive drawings of a film, 2 every other one."""
    size: int | None = None
    """Side of the square cut from films, and longer side of sequences; None: 256, and as they are."""
    seed: int = 0
    """The same seed gives the same clips."""
    metrics: tuple[str, ...] = METRICS
    """Of METRICS."""
    alex_weights: Path | None = None
    """AlexNet's weights, for LPIPS; None: torch's cache."""
    vgg_weights: Path | None = None
    """VGG16's weights, for features, and for LPIPS where there are none of AlexNet; None: torch's cache."""
    download: bool = False
    """Fetch weights that are in neither."""
    device: str = DEVICES[0]
    """Where networks run: one of DEVICES, or cuda:1 and so on."""
    json: Path | None = None
    """A file for every number."""
    html: Path | None = None
    """A page with the frames side by side."""
    overwrite: bool = False
    """Replace files that stand there."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range, or a file's name does not end as such a file's does.
        """
        if self.clips < 1:
            raise ConfigError(f"--clips: {self.clips} is too small; give a whole number from 1")
        if self.length < 3:
            raise ConfigError(f"--length: {self.length} leaves nothing between the ends; give 3 frames or more")
        if self.stride < 1:
            raise ConfigError(f"--stride: {self.stride} is too small; give a whole number from 1")
        if self.size is not None and not 16 <= self.size <= 8192:
            raise ConfigError(f"--size: {self.size} is out of range; give 16 to 8192 pixels")
        if self.seed < 0:
            raise ConfigError(f"--seed: {self.seed} is negative; give a whole number from 0")
        for name in self.metrics:
            if name not in METRICS:
                raise ConfigError(f"--metrics: {name} is not known; give any of {', '.join(METRICS)}")
        if not self.metrics:
            raise ConfigError(f"--metrics: names none; give any of {', '.join(METRICS)}")
        if self.html is not None and self.html.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"--html: {self.html} is no page; give a name that ends in .html")
        if self.json is not None and self.json.suffix.lower() != ".json":
            raise ConfigError(f"--json: {self.json} is no such file; give a name that ends in .json, or - for stdout")


ACCEPTS = ("drawings", "films")
"""What may be dropped on the page of `animi studio`."""


@dataclass(frozen=True)
class StudioConfig:
    """How `animi studio` serves its page, and what it takes."""

    host: str = "127.0.0.1"
    """The address to listen at; the default is this machine alone."""
    port: int = 8321
    """The port to listen at; 0: any that is free."""
    open: bool = True
    """Open the page in the browser, where there is a screen."""
    accept: tuple[str, ...] = ACCEPTS
    """Of ACCEPTS."""
    max_drawing: int = 64
    """Megabytes of a drawing's file at most."""
    max_film: int = 2048
    """Megabytes of a film's file at most."""
    max_drawings: int = 64
    """Key frames of one session at most."""
    max_frames: int = 1000
    """Frames that are drawn in one go at most, all segments together."""
    max_film_drawings: int = 5000
    """Drawings of a film that are shown at most."""
    view: int = 960
    """Pixels of the longer side of what the page shows; downloads are as large as the key frames."""
    sessions: int = 8
    """Pages that may be at work at once; where there are more, the one left alone for longest is dropped."""
    idle: float = 120.0
    """Minutes after which a page that was left alone is dropped, with its files."""
    checkpoints: tuple[Path, ...] = ()
    """Trained networks that are offered beside the engines."""
    device: str = DEVICES[0]
    """Where networks run: one of DEVICES, or cuda:1 and so on."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        if not self.host.strip():
            raise ConfigError("--host: is empty; give an address such as 127.0.0.1")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"--port: {self.port} is out of range; give 1 to 65535, or 0 for any that is free")
        for name in self.accept:
            if name not in ACCEPTS:
                raise ConfigError(f"--accept: {name} is not known; give any of {', '.join(ACCEPTS)}")
        if not self.accept:
            raise ConfigError(f"--accept: names nothing; give any of {', '.join(ACCEPTS)}")
        for flag, least in (
            ("max-drawing", 1), ("max-film", 1), ("max-drawings", 2), ("max-frames", 2), ("max-film-drawings", 2),
            ("sessions", 1),
        ):  # fmt: skip
            value = getattr(self, flag.replace("-", "_"))
            if value < least:
                raise ConfigError(f"--{flag}: {value} is too small; give a whole number from {least}")
        if not 64 <= self.view <= 4096:
            raise ConfigError(f"--view: {self.view} is out of range; give 64 to 4096 pixels")
        if not (self.idle > 0 and isfinite(self.idle)):
            raise ConfigError(f"--idle: {self.idle:g} cannot be used; give minutes, above 0")
