"""A network's weights in a safetensors file, with a header that describes them; no pickle is ever loaded.

Header, all strings: format ("animi"), format_version, architecture, config (JSON), step, animi_version.
"""

import json
import math
import stat
import struct
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ...models import registry
from ..errors import CheckpointError, printable
from ..files import reason, written_beside

FORMAT_VERSION = 1
_MOST_SHOWN = 100  # characters of a name from a file, in a message
_MOST_SAID = 300  # characters of an error in its settings, which are quoted
_MOST_STEPS = 1 << 53


_FRACTIONS = ("F64", "F32", "F16", "BF16")
_WHOLE = ("I64", "I32", "I16", "I8", "U8", "BOOL")
"""Number formats, by safetensors' names, that weights are read from."""


class Header(NamedTuple):
    """The header of a checkpoint."""

    architecture: str
    config: dict[str, Any]
    step: int
    animi_version: str


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
        save_file(weights, draft, header)


def read_header(path: Path) -> Header:
    """Reads a checkpoint's header, without its weights.

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
        config, step = json.loads(header["config"]), int(header["step"])
        if not isinstance(config, dict) or not 0 <= step <= _MOST_STEPS:
            raise TypeError
        return Header(header["architecture"], config, step, header["animi_version"])
    except (KeyError, ValueError, TypeError, RecursionError) as error:
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


def _check_file(path: Path) -> None:
    """Checks that a file can be opened.

    Raises:
        CheckpointError: it is missing, a folder, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():  # a pipe may keep us waiting for ever
            raise CheckpointError(f"{path}: is not an ordinary file; give a checkpoint that animi has written")
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: does not exist; check the path") from error
    except IsADirectoryError as error:
        raise CheckpointError(f"{path}: is a folder; give the .safetensors file in it") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({reason(error)})") from error
