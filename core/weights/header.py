"""The header of a checkpoint, and its weights as arrays; imports no PyTorch.

Header, all strings: format ("animi"), format_version, architecture, config (JSON), step, animi_version.
"""

import json
import stat
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ..errors import CheckpointError
from ..files import reason

FORMAT_VERSION = 1
_MOST_STEPS = 1 << 53


class Header(NamedTuple):
    """The header of a checkpoint."""

    architecture: str
    config: dict[str, Any]
    step: int
    animi_version: str


def read_header(path: Path) -> Header:
    """Reads a checkpoint's header, without its weights.

    Raises:
        CheckpointError: it is missing, no safetensors file, not one of animi's, or of a newer format.
    """
    _check_file(path)
    try:
        with safe_open(path, "np") as file:
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


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Reads a checkpoint's tensors by their names, as float32.

    Raises:
        CheckpointError: see `read_header`; or a tensor cannot be read.
    """
    _check_file(path)
    try:
        with safe_open(path, "np") as file:
            return {name: np.asarray(file.get_tensor(name), np.float32) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, struct.error) as error:
        raise CheckpointError(f"{path}: is damaged; use another checkpoint") from error


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
