"""VGG16's convolutions as a frozen encoder.

Inputs:  images, (N, 3, H, W) float in [-1, 1], RGB; H and W multiples of 32.
Outputs: latents, (N, 512, H/32, W/32) float, none negative: 8 x 8 x 512 for an image of 256 x 256.
Stages:  ImageNet normalisation; 13 convolutions of 3 x 3 with ReLU in five groups (64, 128, 256, 512, 512 channels),
         each group followed by max pooling that halves the sides.

Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition" (arXiv 1409.1556), table 1,
column D, up to the last pooling; layers and their names are torchvision's. The weights are fixed: there is no train
mode, and gradients only pass through to the images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class VggConfig:
    """An empty config: VGG16 has no settings, but a checkpoint's header needs a config."""


class VggEncoder(nn.Module):
    """VGG16 from pixels to its last pooling; see the module's docstring.

    The weights of a new one are NaN, so that random features cannot pass for learnt ones; they must be loaded.
    """

    multiple = 32
    channels = 512

    def __init__(self, config: VggConfig | None = None) -> None:
        super().__init__()
        from torchvision.models import vgg16  # takes a second to import, and most networks do not need it

        with torch.device("meta"):  # builds the layers without random weights
            features = vgg16(init_weights=False).features
        self.features = features.to_empty(device="cpu")
        for parameter in self.features.parameters():
            nn.init.constant_(parameter, torch.nan)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    mean: Tensor
    deviation: Tensor

    def train(self, mode: bool = True) -> "VggEncoder":
        """Stays in eval mode, whatever the mode of the network around it."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Encodes images.

        Args:
            images: (N, 3, H, W) float in [-1, 1], RGB; H and W multiples of 32.

        Returns:
            (N, 512, H/32, W/32) float, at least 0.
        """
        latents: Tensor = self.features(self._normalise(images))  # (N, 512, H/32, W/32)
        return latents

    def read_layers(self, images: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Encodes images up to the last of some layers.

        Args:
            images: (N, 3, H, W) float in [-1, 1], RGB; no side may vanish in the poolings before the last layer.
            layers: numbers of ReLUs in `features`, ascending, such as 15 for relu3_3 and 22 for relu4_3.

        Returns:
            The output of each of these layers, none negative: (N, C, h, w), h and w halved by each pooling before it.
        """
        outputs, features = [], self._normalise(images)
        for number, layer in enumerate(self.features[: layers[-1] + 1]):
            features = layer(features)
            if number in layers:
                outputs.append(features)
        return outputs

    def _normalise(self, images: Tensor) -> Tensor:
        """Normalises images in [-1, 1] as those of ImageNet were."""
        return ((images + 1) / 2 - self.mean) / self.deviation
