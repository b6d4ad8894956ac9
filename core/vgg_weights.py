"""Finds the trained weights of the VGG16 encoder: a file that the person names, or torchvision's download.

Weights are never random: where none can be had, the command stops and says what to do.
"""

import urllib.error
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..models.vgg import VggEncoder
from .errors import CheckpointError, InputError
from .files import reason

_PREFIX = "features."


def load_vgg(weights: Path | None, device: torch.device | str = "cpu") -> VggEncoder:
    """Builds the encoder with trained weights, frozen and in eval mode.

    Args:
        weights: a .safetensors with torchvision's names (features.0.weight …), or torchvision's own .pth, read without
            running code from it; None takes torchvision's ImageNet weights from torch's cache, or downloads them
            there (528 MB) the first time.
        device: where the encoder is to be.

    Raises:
        CheckpointError: the file is missing, damaged, not VGG16's, or holds values that are not finite.
        InputError: no file was given and the download failed.
    """
    named = _download() if weights is None else _read(weights)
    where = "torchvision's VGG16" if weights is None else str(weights)
    encoder = VggEncoder()
    wanted = {name: tensor for name, tensor in encoder.state_dict().items() if name.startswith(_PREFIX)}
    for name, tensor in wanted.items():
        found = named.get(name)
        if found is None:
            raise CheckpointError(f"{where}: misses {name}; give VGG16's weights with torchvision's names")
        if found.shape != tensor.shape:
            raise CheckpointError(
                f"{where}: {name} has shape {tuple(found.shape)}, VGG16 needs {tuple(tensor.shape)}; "
                "give the weights of VGG16 without batch normalisation"
            )
        if not bool(torch.isfinite(found).all()):
            raise CheckpointError(f"{where}: {name} holds values that are not finite; fetch the file again")
    encoder.load_state_dict({name: named[name].float() for name in wanted})
    return encoder.to(device)


def _read(path: Path) -> dict[str, Tensor]:
    advice = "give VGG16's weights as .safetensors, or torchvision's vgg16-397923af.pth"
    try:
        with path.open("rb"):
            pass
        if path.suffix.lower() in (".pth", ".pt"):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        else:
            loaded = load_file(path)
    except OSError as error:
        raise CheckpointError(f"--vgg-weights: {path} cannot be read ({reason(error)}); check the path") from error
    except (SafetensorError, RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(f"{path}: is damaged or holds no weights; {advice}") from error
    except Exception as error:  # torch's restricted reader raises pickle's many kinds
        raise CheckpointError(f"{path}: cannot be read safely; {advice}") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path}: holds no table of weights; {advice}")
    return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}


def _download() -> dict[str, Tensor]:
    from torchvision.models import VGG16_Weights

    try:
        return torch.hub.load_state_dict_from_url(  # type: ignore[no-any-return, no-untyped-call, unused-ignore]
            VGG16_Weights.IMAGENET1K_V1.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise InputError(
            f"VGG16's weights could not be downloaded ({getattr(error, 'reason', error)}); connect to the network "
            "once, or give a file of them with --vgg-weights"
        ) from error
