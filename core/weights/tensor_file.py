"""Writes tensors to a safetensors file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

_NUMBER = re.compile(r"\(os error (\d+)\)")


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Writes tensors with a header.

    Args:
        path: the file, which is a draft; see `core.files.written_beside`.
        tensors: on the CPU, contiguous.
        header: strings that the file also holds.

    Raises:
        OSError: it cannot be written, such as on a full disk. safetensors has an error of its own for this.
    """
    try:
        save_file(dict(tensors), path, dict(header))
    except SafetensorError as error:
        number = _NUMBER.search(str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
