"""Settings of `animi evaluate` and `animi report`."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from .choices import DEVICES, METRICS


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
