"""The VGG16 encoder with trained weights, never with random ones; see `core.weights.imagenet`."""

from pathlib import Path

import torch

from ...models.vgg import VggEncoder
from .imagenet import VGG16, read_weights

_PREFIX = "features."


def load_vgg(weights: Path | None, device: torch.device | str = "cpu") -> VggEncoder:
    """Builds the encoder with trained weights, frozen and in eval mode.

    Args:
        weights: a .safetensors with torchvision's names (features.0.weight …), or torchvision's own .pth, read without
            running code from it; None takes torchvision's ImageNet weights from torch's cache, or downloads them
            there (528 MB) the first time.
        device: device of the encoder.

    Raises:
        CheckpointError: the file is missing, damaged, not VGG16's, or holds values that are not finite.
        InputError: no file was given and the download failed.
    """
    encoder = VggEncoder()
    wanted = {name: tensor for name, tensor in encoder.state_dict().items() if name.startswith(_PREFIX)}
    encoder.load_state_dict(read_weights(VGG16, weights, wanted))
    return encoder.to(device)
