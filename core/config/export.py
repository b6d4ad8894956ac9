"""Settings of `animi export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from .checks import Checked, Flags


@dataclass(frozen=True)
class ExportConfig(Checked):
    """What `animi export` writes."""

    onnx: Annotated[Path, Flags("--onnx")]
    """Folder for the network's four steps as ONNX graphs, and a README.md of their inputs and outputs."""
    checkpoint: Path | None = None
    """A trained motion network (.safetensors), or the folder of its run. None: the one that comes with animi."""
    overwrite: bool = False
    """Replace an earlier export."""
