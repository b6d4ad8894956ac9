"""Auto-encoders: pictures to small feature maps and back; in-betweens are decoded from interpolated latents.

Inputs:  pictures, (N, 3, H, W) float in [-1, 1], RGB; H and W multiples of `multiple`, 8 by default.
Outputs: reconstructions of the pictures from their latents, (N, latent, H/8, W/8): 3 x 256 x 256 by way of 128 x 32 x
    32.

`PlainAutoEncoder`
    Stages:  convolutions of stride 2, then transposed ones; tanh. This is the first net of the notebook.

`DeepAutoEncoder`
    Stages:  convolution to `width` channels at the full size; residual blocks there, and after each convolution of
             stride 2; the latents are the last features. The decoder has residual blocks at the same sizes, with
             convolutions and pixel shuffles between them; coarse features weight the channels of features two
             doublings finer (skip-layer excitation, 32 -> 128 and 64 -> 256 at 256 pixels); convolution; tanh.

Both are fully convolutional. There are no skip connections around the latents, as in a U-Net: features of one frame
cannot be interpolated by them. The excitations use the decoder's own features, so they add no information to the
latents. FastGAN's excitations span four doublings (Liu et al., arXiv 2101.04775, section 3.1); there are three here.

There is no normalisation: the statistics of a batch of frames are not those of interpolated latents, and one picture's
output would depend on the others in its batch. `LatentInbetweener` draws in-betweens with either; checkpoints hold it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pixel_shuffle
from torch.nn.utils.parametrize import is_parametrized

from .blocks import ResidualBlock, SkipExcitation
from .latent_inbetweener import BETWEEN
from .refinement import RefinementConfig
from .settings import check_settings

_CLIMB = 2  # doublings between the two features of an excitation


@dataclass(frozen=True)
class PlainAutoEncoderConfig:
    """The shape of a `PlainAutoEncoder` and of the network around it."""

    width: int = 16
    """Channels at the full size; they double at each halving."""
    latent: int = 128
    """Channels of the latents."""
    halvings: int = 3
    """Number of halvings of the sides from the pictures to the latents."""
    between: str = BETWEEN[0]
    """One of BETWEEN: how latents are interpolated."""
    refinement: RefinementConfig | None = None
    """A network that sharpens the output. None: there is none."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "auto-encoder", **self._limits())

    @staticmethod
    def _limits() -> dict[str, Collection[Any]]:
        return {"width": range(1, 257), "latent": range(1, 4097), "halvings": range(1, 7), "between": BETWEEN}

    @property
    def channels(self) -> list[int]:
        """Channels of the features at the full size and after each halving, and of the latents last."""
        return [self.width << level for level in range(self.halvings)] + [self.latent]


@dataclass(frozen=True)
class DeepAutoEncoderConfig(PlainAutoEncoderConfig):
    """The shape of a `DeepAutoEncoder` and of the network around it."""

    depth: int = 2
    """Residual blocks at each size, on the way down and again on the way up."""

    @staticmethod
    def _limits() -> dict[str, Collection[Any]]:
        return PlainAutoEncoderConfig._limits() | {"depth": range(1, 33)}


class AutoEncoder(nn.Module):
    """The base of both auto-encoders.

    Args:
        encoder: maps (N, 3, H, W) to latents.
        decoder: maps latents to (N, 3, H, W), before tanh.
        halvings: number of halvings of the sides.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, halvings: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.multiple = 1 << halvings
        """Heights and widths must be multiples of this."""
        self._draw_weights()

    def _draw_weights(self) -> None:
        """Initialises weights so that the variance of features stays the same; residual blocks are the identity.

        He et al., "Delving Deep into Rectifiers" (arXiv 1502.01852), section 2.2. With PyTorch's initialisation the
        output is about 0 for any input, which takes a hundred steps to unlearn.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and not is_parametrized(module):
                nn.init.kaiming_normal_(module.weight, 0.2, nonlinearity="leaky_relu")
                nn.init.zeros_(cast(Tensor, module.bias))
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                nn.init.zeros_(cast(Tensor, module.layers[-1].weight))

    def encode(self, frames: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to latents (N, latent, h, w)."""
        latents: Tensor = self.encoder(frames)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """(N, latent, h, w) to (N, 3, H, W) in [-1, 1]."""
        return torch.tanh(self.decoder(latents))

    def forward(self, frames: Tensor) -> Tensor:
        """Reconstructs pictures: (N, 3, H, W) in [-1, 1] to the same."""
        return self.decode(self.encode(frames))


class PlainAutoEncoder(AutoEncoder):
    """Convolutions down and up; see the module's docstring."""

    def __init__(self, config: PlainAutoEncoderConfig) -> None:
        channels = [3, *config.channels[1:]]  # nothing is computed at the full size
        down: list[nn.Module] = []
        for fine, coarse in pairwise(channels):
            down += [nn.Conv2d(fine, coarse, 4, 2, 1), nn.LeakyReLU(0.2)]  # (N, coarse, half the sides)
        up: list[nn.Module] = []
        for coarse, fine in pairwise(reversed(channels)):
            up += [nn.ConvTranspose2d(coarse, fine, 4, 2, 1), nn.LeakyReLU(0.2)]  # (N, fine, twice the sides)
        # no activation after the latents and after the picture
        super().__init__(nn.Sequential(*down[:-1]), nn.Sequential(*up[:-1]), config.halvings)


class DeepAutoEncoder(AutoEncoder):
    """Residual blocks at every size, with excitations on the way up; see the module's docstring."""

    def __init__(self, config: DeepAutoEncoderConfig) -> None:
        channels = config.channels

        def blocks(count: int) -> nn.Module:
            return nn.Sequential(*(ResidualBlock(count) for _ in range(config.depth)))

        encoder = nn.Sequential(nn.Conv2d(3, channels[0], 3, padding=1), blocks(channels[0]))
        for fine, coarse in pairwise(channels):
            encoder.append(nn.LeakyReLU(0.2))
            encoder.append(nn.Conv2d(fine, coarse, 4, 2, 1))  # (N, coarse, half the sides)
            encoder.append(blocks(coarse))
        super().__init__(encoder, _Decoder(channels, blocks), config.halvings)


class _Decoder(nn.Module):
    """The decoder of the deep net: (N, latent, h, w) to (N, 3, H, W), before tanh.

    Args:
        channels: channels of the features, from the full size to the latents.
        blocks: makes the blocks of one size, given its channels.
    """

    def __init__(self, channels: list[int], blocks: Callable[[int], nn.Module]) -> None:
        super().__init__()
        rising = list(reversed(channels))
        self.blocks = nn.ModuleList(blocks(count) for count in rising)
        self.grow = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 3, padding=1) for coarse, fine in pairwise(rising))
        self.excitations = nn.ModuleList(
            SkipExcitation(coarse, fine) for coarse, fine in zip(rising, rising[_CLIMB:], strict=False)
        )
        self.paint = nn.Conv2d(rising[-1], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        features = self.blocks[0](latents)  # (N, latent, h, w)
        seen = [features]
        for rung, grow in enumerate(self.grow, 1):
            features = pixel_shuffle(grow(leaky_relu(features, 0.2)), 2)  # (N, C, twice the sides)
            features = self.blocks[rung](features)
            if rung >= _CLIMB:
                features = self.excitations[rung - _CLIMB](seen[rung - _CLIMB], features)
            seen.append(features)
        drawn: Tensor = self.paint(features)  # (N, 3, H, W)
        return drawn
