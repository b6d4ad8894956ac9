"""Settings of `animi sample` and `animi refine`."""

from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from pathlib import Path

from ..errors import ConfigError
from .choices import DEVICES, MOST_FRAMES


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
