"""The device that networks run on."""

import torch

from .errors import ConfigError, DeviceError


def choose_device(wanted: str = "auto") -> torch.device:
    """Finds a device by its name.

    Args:
        wanted: "auto" (the first of cuda, mps and cpu on this machine), "cpu", "cuda", "cuda:1", … or "mps".

    Raises:
        ConfigError: it is the name of no device.
        DeviceError: it is not on this machine, or this torch was built without it.
    """
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
