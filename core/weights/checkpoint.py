"""A network's weights in a safetensors file, with a header (`header`) that describes them; no pickle is ever loaded."""

import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...models import registry
from ..errors import CheckpointError, printable
from ..files import written_beside
from .header import FORMAT_VERSION, Header, read_header
from .tensor_file import save_tensors

__all__ = ["FORMAT_VERSION", "Header", "load_checkpoint", "read_header", "save_checkpoint"]

_MOST_SHOWN = 100  # characters of a name from a file, in a message
_MOST_SAID = 300  # characters of an error in its settings, which are quoted
_FRACTIONS = ("F64", "F32", "F16", "BF16")
_WHOLE = ("I64", "I32", "I16", "I8", "U8", "BOOL")
"""Number formats, by safetensors' names, that weights are read from."""


def save_checkpoint(
    path: Path, module: nn.Module, architecture: str, config: Any, step: int = 0, *, overwrite: bool = False
) -> None:
    """Writes a network's weights; the file is complete or is not written.

    Args:
        path: a .safetensors file.
        module: the network.
        architecture: its registered name.
        config: its config, a dataclass.
        step: number of its training steps.
        overwrite: whether an existing file may be replaced.

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
        save_tensors(draft, weights, header)


def load_checkpoint(path: Path, device: torch.device) -> tuple[nn.Module, Header]:
    """Builds the network that a checkpoint describes, with its weights, in eval mode.

    Raises:
        CheckpointError: see `read_header`; or the architecture is unknown, its weights do not fit, or are not finite.
    """
    header = read_header(path)
    known = registry.known_architectures()
    if header.architecture not in known:
        raise CheckpointError(
            f"{path}: holds a network {printable(repr(header.architecture), _MOST_SHOWN)} "
            f"(animi {printable(header.animi_version, _MOST_SHOWN)}); "
            f"this animi knows: {', '.join(known) or 'none yet'}"
        )
    try:
        wanted = registry.outline(header.architecture, header.config)
        with safe_open(path, "pt") as file:
            _check_tensors(path, file, wanted, header.architecture)
            # no more memory is allocated than the file holds
            module = registry.build(header.architecture, header.config, filled=False)
            weights = {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CheckpointError(f"{path}: is damaged; use another checkpoint") from error
    except ValueError as error:
        raise CheckpointError(
            f"{path}: its settings do not fit {header.architecture!r}: {printable(error, _MOST_SAID)}"
        ) from error
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not math.isfinite(tensor.float().abs().sum().item()):
            raise CheckpointError(f"{path}: {name} holds values that are not finite; use an earlier checkpoint")
    module.load_state_dict(weights)
    return module.to(device).eval(), header


def _check_tensors(path: Path, file: Any, wanted: Mapping[str, Tensor], architecture: str) -> None:
    """Rejects a file whose tensors are not those of the network that its header describes, before any is read.

    Args:
        path: the file's path.
        file: the file, opened by `safe_open`.
        wanted: names, shapes and types; see `registry.outline`.
        architecture: the network's architecture.

    Raises:
        CheckpointError: the tensors differ.
    """
    found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    for name in sorted(found.keys() ^ wanted.keys()):
        side = "misses" if name in wanted else "has an unknown tensor"
        raise CheckpointError(
            f"{path}: {side} {printable(name, _MOST_SHOWN)}; it was saved from another version of {architecture!r}"
        )
    for name, part in found.items():
        shape, needed = tuple(part.get_shape()), tuple(wanted[name].shape)
        if shape != needed:
            raise CheckpointError(f"{path}: {name} has shape {printable(shape, _MOST_SHOWN)}, {needed} is needed")
        kinds = _FRACTIONS if wanted[name].is_floating_point() else _WHOLE
        if part.get_dtype() not in kinds:
            raise CheckpointError(f"{path}: {name} holds {part.get_dtype()}, and {' or '.join(kinds)} is needed")
