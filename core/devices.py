"""The device that networks run on. Imports PyTorch only where it may find a GPU."""

import ctypes
import os
import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, DeviceError

if TYPE_CHECKING:
    import torch

_CUDA = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}
"""The library of NVIDIA's driver, by `sys.platform`."""


def is_cpu(wanted: str = "auto") -> bool:
    """Whether a device's name means the CPU on this machine.

    Raises:
        ConfigError: it is the name of no device.
        DeviceError: it is not on this machine.
    """
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return True
    return choose_device(wanted).type == "cpu"


@cache
def _may_have_gpu() -> bool:
    """Whether there may be a GPU that PyTorch can use: the system is asked, as importing PyTorch takes long."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if Path("/dev/kfd").exists():  # AMD's driver
        return True
    try:
        ctypes.CDLL(_CUDA[sys.platform])
    except (KeyError, OSError):
        return False
    return True


def choose_device(wanted: str = "auto") -> "torch.device":
    """Finds a device by its name.

    Args:
        wanted: "auto" (the first of cuda, mps and cpu on this machine), "cpu", "cuda", "cuda:1", … or "mps".

    Raises:
        ConfigError: it is the name of no device.
        DeviceError: it is not on this machine, or this torch was built without it.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return torch.device(next(kind for kind, found in there.items() if found))
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = None
    if device is None or device.type not in there:
        raise ConfigError(f"--device: {wanted!r} is not known; choose auto, cpu, cuda or mps")
    if not there[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        found = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise DeviceError(f"--device: {wanted} is not on this machine or not in this torch; found here: {found}")
    return device


def import_onnxruntime() -> Any:
    """Imports ONNX Runtime with its telemetry off.

    Otherwise, its official builds send telemetry as soon as they are imported, and write a temporary file.
    ORT_DISABLE_TELEMETRY=0 in the environment switches it on.

    Raises:
        ImportError: it is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def count_threads() -> int:
    """The threads that drawing uses: as many as PyTorch would, one for each core that this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return count_cores()


def count_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
