"""A network's weights in a safetensors file, with a header that says what they are; no pickle is ever loaded.

Header, all strings: format ("animi"), format_version, architecture, config (JSON), step, animi_version.
"""

import json
import math
import struct
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ...models import registry
from ..errors import CheckpointError
from ..files import reason, written_beside

FORMAT_VERSION = 1


class Header(NamedTuple):
    """What a checkpoint says of itself."""

    architecture: str
    config: dict[str, Any]
    step: int
    animi_version: str


def save_checkpoint(
    path: Path, module: nn.Module, architecture: str, config: Any, step: int = 0, *, overwrite: bool = False
) -> None:
    """Writes a network's weights, whole or not at all.

    Args:
        path: a .safetensors file.
        module: the network.
        architecture: its registered name.
        config: its config, a dataclass.
        step: how many steps it was trained for.
        overwrite: whether a file that stands there may be replaced.

    Raises:
        OutputError: it cannot be written.
    """
    header = {
        "format": "animi",
        "format_version": str(FORMAT_VERSION),
        "architecture": architecture,
        "config": json.dumps(registry.describe(config)),
        "step": str(step),
        "animi_version": version("animi"),
    }
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with written_beside(path, overwrite=overwrite) as draft:
        save_file(weights, draft, header)


def read_header(path: Path) -> Header:
    """Reads what a checkpoint says of itself, without its weights.

    Raises:
        CheckpointError: it is missing, no safetensors file, not one of animi's, or of a newer format.
    """
    _check_file(path)
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError, ValueError, struct.error) as error:
        raise CheckpointError(
            f"{path}: is damaged or no safetensors file; give a checkpoint that animi has written"
        ) from error
    if header.get("format") != "animi":
        raise CheckpointError(f"{path}: holds no animi header; give a checkpoint that animi has written")
    try:
        found = int(header["format_version"])
        if found > FORMAT_VERSION:
            raise CheckpointError(
                f"{path}: has format version {found}, this animi knows up to {FORMAT_VERSION}; install a newer animi"
            )
        config = json.loads(header["config"])
        if not isinstance(config, dict):
            raise TypeError
        return Header(header["architecture"], config, int(header["step"]), header["animi_version"])
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: its header is damaged; save the checkpoint again") from error


def load_checkpoint(path: Path, device: torch.device) -> tuple[nn.Module, Header]:
    """Builds the network that a checkpoint describes, with its weights, in eval mode.

    Raises:
        CheckpointError: see `read_header`; or the architecture is unknown, its weights do not fit, or are not finite.
    """
    header = read_header(path)
    known = registry.known_architectures()
    if header.architecture not in known:
        raise CheckpointError(
            f"{path}: holds a network {header.architecture!r} (animi {header.animi_version}); "
            f"this animi knows: {', '.join(known) or 'none yet'}"
        )
    try:
        module = registry.build(header.architecture, header.config, filled=False)
    except ValueError as error:
        raise CheckpointError(f"{path}: its settings do not fit {header.architecture!r}: {error}") from error
    try:
        with safe_open(path, "pt") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: is damaged; use another checkpoint") from error
    wanted = module.state_dict()
    for name in sorted(weights.keys() ^ wanted.keys()):
        side = "misses" if name in wanted else "has an unknown tensor"
        raise CheckpointError(f"{path}: {side} {name}; it was saved from another version of {header.architecture!r}")
    for name, tensor in weights.items():
        if tensor.shape != wanted[name].shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(tensor.shape)}, {tuple(wanted[name].shape)} is needed"
            )
        if tensor.is_floating_point() and not math.isfinite(tensor.float().abs().sum().item()):
            raise CheckpointError(f"{path}: {name} holds values that are not finite; use an earlier checkpoint")
    module.load_state_dict(weights)
    return module.to(device).eval(), header


def _check_file(path: Path) -> None:
    """Refuses what cannot be opened.

    Raises:
        CheckpointError: missing, a folder, or not to be read.
    """
    try:
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: does not exist; check the path") from error
    except IsADirectoryError as error:
        raise CheckpointError(f"{path}: is a folder; give the .safetensors file in it") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({reason(error)})") from error
