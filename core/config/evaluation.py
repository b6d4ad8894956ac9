"""Settings of `animi evaluate` and `animi report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from .checks import Checked, Choice, Flags, Range, check_ends, check_suffix
from .choices import DEVICES, METRICS
from .fields import Count, Device, Seed


@dataclass(frozen=True)
class ReportConfig(Checked):
    """What `animi report` shows."""

    runs: tuple[Path, ...]
    """Folders that trainings wrote; several are shown side by side."""
    output: Annotated[Path, Flags("--output", "-o")] = Path("report.html")
    """The page to write."""
    overwrite: bool = False
    """Replace an existing page."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: the page's name does not end as a page's does.
        """
        super().__post_init__()
        check_suffix("--output", self.output, (".html", ".htm"), "page")


@dataclass(frozen=True)
class EvaluateConfig(Checked):
    """What `animi evaluate` measures."""

    given: tuple[str, ...]
    """Engines (motion, flow, blend, checkpoints, folders of runs), and folders of sequences, of frames, or frame
    stores, in any order."""
    clips: Count = 32
    """Clips cut from films."""
    length: int = 9
    """Frames of a clip with its ends; a folder of no more images is one sequence, whole."""
    stride: Count = 1
    """1 takes successive drawings of a film, 2 every other."""
    size: Annotated[int | None, Range(16, 8192, unit="pixels")] = None
    """Side of the squares cut from films, and longer side of sequences. None: 256, and as they are."""
    seed: Seed = 0
    """The same seed gives the same clips."""
    metrics: Annotated[tuple[str, ...], Choice(METRICS)] = METRICS
    """What is measured; the last are the slowest."""
    alex_weights: Path | None = None
    """AlexNet's weights, for LPIPS: .safetensors with torchvision's names, or torchvision's .pth. None: torch's
    cache."""
    vgg_weights: Path | None = None
    """VGG16's, for features, and for LPIPS if there are none of AlexNet. None: torch's cache."""
    download: bool = False
    """Fetch weights that are not on this machine."""
    device: Device = DEVICES[0]
    json: Path | None = None
    """A file for every number."""
    html: Path | None = None
    """Write a page with the frames side by side, the worst first."""
    overwrite: bool = False
    """Replace existing files."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range, or a file's name does not end as such a file's does.
        """
        super().__post_init__()
        check_ends(self.length)
        check_suffix("--html", self.html, (".html", ".htm"), "page")
        check_suffix("--json", self.json, (".json",), "such file")
