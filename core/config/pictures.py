"""Settings of `animi sample` and `animi refine`."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from ..errors import ConfigError
from .checks import Checked, Flags, Range
from .choices import DEVICES, MOST_FRAMES
from .fields import Count, Device, Rate, Seed


@dataclass(frozen=True)
class RefineConfig(Checked):
    """What `animi refine` sharpens."""

    pictures: tuple[Path, ...]
    """Images, and folders that stand for the images in them, in natural order."""
    output: Annotated[Path, Flags("--output", "-o")]
    """A folder for PNGs of the same names."""
    checkpoint: Path
    """A network of finetune-adv with --refine (.safetensors), or the run's folder."""
    first: Path | None = None
    """The key frame before the pictures; what does not move becomes as sharp as in it."""
    last: Path | None = None
    """The key frame after them."""
    device: Device = DEVICES[0]
    overwrite: bool = False
    """Replace an existing folder."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: only one of the two key frames is given.
        """
        super().__post_init__()
        if (self.first is None) != (self.last is None):
            given, lacking = ("--first", "--last") if self.last is None else ("--last", "--first")
            raise ConfigError(f"{given}: stands alone; give {lacking} too, or none of the two")


@dataclass(frozen=True)
class SampleConfig(Checked):
    """What `animi sample` draws."""

    checkpoint: Path
    """A network (.safetensors) of train-noise, or a run's folder: its best, or else newest."""
    output: Annotated[Path, Flags("--output", "-o")]
    """A .png for a grid; a .gif, .webp, .apng, .mp4, .mov or .webm for a walk; a folder for single PNGs."""
    count: Annotated[int, Range(1, MOST_FRAMES), Flags("-n", "--count")] = 64
    """Number of pictures, or of stations of a walk."""
    columns: Count | None = None
    """Columns of the grid. None: nearly square."""
    truncation: Annotated[float | None, Range(0.1)] = None
    """Redraw numbers of the latents beyond this: 1 gives cleaner but more similar pictures. None: none."""
    steps: Annotated[int, Range(1, MOST_FRAMES)] = 12
    """Frames from one station of a walk to the next."""
    fps: Rate = Fraction(12)
    """Frames a second of a walk."""
    seed: Seed = 0
    """The same seed gives the same pictures."""
    batch_size: Annotated[int, Range(1, MOST_FRAMES)] = 16
    """Pictures drawn at once."""
    device: Device = DEVICES[0]
    overwrite: bool = False
    """Replace an existing output."""
