"""Trained weights of torchvision's networks: from a file that the person names, torch's cache, or a download.

Weights are never random: if there are none, the command stops and says what to do.
"""

import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CheckpointError, InputError
from ..files import reason


class Trained(NamedTuple):
    """A network that torchvision has weights for, learnt on ImageNet."""

    name: str
    """Its usual name."""
    flag: str
    """The option that names a file of its weights."""
    url: str
    """The address of torchvision's file."""
    size: str
    """The size of the download."""

    @property
    def file(self) -> str:
        """The name of torchvision's file."""
        return self.url.rpartition("/")[2]


VGG16 = Trained("VGG16", "--vgg-weights", "https://download.pytorch.org/models/vgg16-397923af.pth", "528 MB")
ALEXNET = Trained("AlexNet", "--alex-weights", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth", "233 MB")


def is_cached(network: Trained) -> bool:
    """Whether torch's cache has the weights, so that no download is needed."""
    return Path(torch.hub.get_dir(), "checkpoints", network.file).is_file()


def read_weights(network: Trained, path: Path | None, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reads weights and checks that they fit.

    Args:
        network: the network.
        path: a .safetensors with torchvision's names (features.0.weight …), or torchvision's own .pth, read without
            running code from it; None takes them from torch's cache, or downloads them there the first time.
        wanted: tensors of the names and shapes that are needed.

    Returns:
        The same names, float32, on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, another network's, or holds values that are not finite.
        InputError: no file was given and the download failed.
    """
    named = _download(network) if path is None else _read(network, path)
    where = f"torchvision's {network.name}" if path is None else str(path)
    for name, tensor in wanted.items():
        found = named.get(name)
        if found is None:
            raise CheckpointError(
                f"{where}: misses {name}; give {network.name}'s weights with torchvision's names ({network.flag})"
            )
        if found.shape != tensor.shape:
            raise CheckpointError(
                f"{where}: {name} has shape {tuple(found.shape)}, {network.name} needs {tuple(tensor.shape)}; "
                f"give the weights of {network.name} without batch normalisation"
            )
        if not bool(torch.isfinite(found).all()):
            raise CheckpointError(f"{where}: {name} holds values that are not finite; fetch the file again")
    return {name: named[name].float() for name in wanted}


def _read(network: Trained, path: Path) -> dict[str, Tensor]:
    advice = f"give {network.name}'s weights as .safetensors, or torchvision's {network.file}"
    if path.exists() and not path.is_file():  # a pipe may keep us waiting for ever
        raise CheckpointError(f"{network.flag}: {path} is no ordinary file; {advice}")
    try:
        with path.open("rb"):
            pass
        if path.suffix.lower() in (".pth", ".pt"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        else:
            loaded = load_file(path)
    except OSError as error:
        raise CheckpointError(f"{network.flag}: {path} cannot be read ({reason(error)}); check the path") from error
    except (SafetensorError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path}: is damaged or holds no weights; {advice}") from error
    except Exception as error:  # torch's restricted reader raises pickle's many kinds
        raise CheckpointError(f"{path}: cannot be read safely; {advice}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: holds no table of weights; {advice}")
    return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}


def _download(network: Trained) -> dict[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(  # type: ignore[no-any-return, no-untyped-call, unused-ignore]
            network.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"{network.name}'s weights could not be downloaded ({getattr(error, 'reason', error)}); connect to the "
            f"network once, or give a file of them with {network.flag}"
        ) from error
