"""Generators with skip-layer excitation: one draws pictures from noise, one in-betweens from VGG16's latents.

Liu et al., "Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image Synthesis" (FastGAN, arXiv
2101.04775), section 3.1. Both are sequences of blocks that double the sides; the features of each block weight the
channels of the fourth block after it, whose features are sixteen times finer.

`NoiseGenerator`
    Inputs:  latents, (N, latent_dim) float, normally distributed.
    Outputs: pictures, (N, 3, size, size) float in [-1, 1], RGB.
    Stages:  transposed convolution to 1024 x 4 x 4; one block a doubling; convolution; tanh. With excitations
             4 -> 64, 8 -> 128, 16 -> 256 and 32 -> 512 it is the authors' generator up to `size`.

`LatentGenerator`
    Inputs:  latents, (N, 512, h, w) float, from `VggEncoder`: 8 x 8 for pictures of 256 x 256.
    Outputs: pictures, (N, 3, 32h, 32w) float in [-1, 1], RGB.
    Stages:  convolution to 512 channels; five blocks; convolution; tanh. Excitations 8 -> 128 and 16 -> 256, counted as
             at 256 pixels. Fully convolutional: any size that is a multiple of 32.

`VggSleInbetweener`
    Inputs:  two key frames, (N, 3, H, W) float in [-1, 1], RGB, and t in [0, 1].
    Outputs: the frame at t, of the same shape.
    Stages:  `VggEncoder` for both; slerp to t; `LatentGenerator`.

Where ours differ: no second, smaller output, as the discriminator has one input size; noise is added in training only,
so that a latent always gives the same picture, and never to in-betweens, where it would flicker; convolutions outside
the excitations have no spectral norm, since batch normalisation cancels their scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .blocks import DEVIATION, BatchNorm2d, SkipExcitation, UpBlock, convolution, slerp
from .settings import check_settings
from .vgg import VggEncoder

_REACH = 4  # blocks that an excitation spans
_SHARES = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5, 512: 0.25}  # times `width`: channels at a side
SIZES = (64, 128, 256, 512)
"""Sides of pictures that can be trained."""
WIDTHS = range(4, 513)
"""Possible values of channels at 128 pixels."""


def channels_at(side: int, width: int) -> int:
    """Channels of features of a side of 4 to 512 pixels, in generators and discriminators."""
    return max(1, int(_SHARES[side] * width))


class _Ladder(nn.Module):
    """Blocks that double the sides, with excitations, and a convolution to the picture.

    Args:
        channels: channels of the input, and after each doubling.
        noise: whether noise is added in training.
        spectral: whether the excitations have spectral norm.
    """

    def __init__(self, channels: Sequence[int], *, noise: bool, spectral: bool) -> None:
        super().__init__()
        self.rungs = nn.ModuleList(
            UpBlock(low, high, twice=number % 2 == 0, noise=noise)
            for number, (low, high) in enumerate(pairwise(channels))
        )
        self.excitations = nn.ModuleList(
            SkipExcitation(low, high, spectral=spectral) for low, high in zip(channels, channels[_REACH:], strict=False)
        )
        self.paint = convolution(channels[-1], 3)

    def forward(self, features: Tensor) -> Tensor:
        """(N, channels[0], h, w) to (N, 3, H, W) in [-1, 1], with H = h * 2**(number of blocks)."""
        seen = [features]
        for number, rung in enumerate(self.rungs, 1):
            features = rung(features)  # (N, channels[number], 2h, 2w)
            if number >= _REACH:
                features = self.excitations[number - _REACH](seen[number - _REACH], features)
            seen.append(features)
        return torch.tanh(self.paint(features))  # (N, 3, H, W)


@dataclass(frozen=True)
class NoiseGeneratorConfig:
    """The shape of a `NoiseGenerator`."""

    size: int = 256
    """Side of the pictures: one of SIZES."""
    latent_dim: int = 256
    """Length of the latents."""
    width: int = 64
    """Channels at 128 pixels; those of other sizes are multiples."""
    spectral_norm: bool = True
    """Spectral norm on the excitations' convolutions."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "generator", size=SIZES, latent_dim=range(1, 8193), width=WIDTHS)


class NoiseGenerator(nn.Module):
    """Draws pictures from noise; see the module's docstring."""

    def __init__(self, config: NoiseGeneratorConfig) -> None:
        super().__init__()
        self.config = config
        channels = [channels_at(4 << rung, config.width) for rung in range((config.size // 4).bit_length())]
        project = nn.ConvTranspose2d(config.latent_dim, 2 * channels[0], 4, bias=False)
        nn.init.normal_(project.weight, 0.0, DEVIATION)
        self.project = nn.Sequential(project, BatchNorm2d(2 * channels[0]), nn.GLU(dim=1))
        self.ladder = _Ladder(channels, noise=True, spectral=config.spectral_norm)

    def forward(self, latents: Tensor) -> Tensor:
        """(N, latent_dim) to pictures (N, 3, size, size) in [-1, 1]."""
        features = self.project(latents[:, :, None, None])  # (N, 16 * width, 4, 4)
        pictures: Tensor = self.ladder(features)  # (N, 3, size, size)
        return pictures


@dataclass(frozen=True)
class VggSleConfig:
    """The shape of a `LatentGenerator`, and of a `VggSleInbetweener`."""

    width: int = 64
    """Channels at half the full size; those of other sizes are multiples."""
    spectral_norm: bool = True
    """Spectral norm on the excitations' convolutions."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "generator", width=WIDTHS)


class LatentGenerator(nn.Module):
    """Draws pictures from VGG16's latents; see the module's docstring."""

    def __init__(self, config: VggSleConfig) -> None:
        super().__init__()
        channels = [channels_at(side, config.width) for side in (8, 16, 32, 64, 128, 256)]
        self.enter = nn.Sequential(
            convolution(VggEncoder.channels, 2 * channels[0]), BatchNorm2d(2 * channels[0]), nn.GLU(dim=1)
        )
        self.ladder = _Ladder(channels, noise=False, spectral=config.spectral_norm)

    def forward(self, latents: Tensor) -> Tensor:
        """(N, 512, h, w) to pictures (N, 3, 32h, 32w) in [-1, 1]."""
        features = self.enter(latents)  # (N, 8 * width, h, w)
        pictures: Tensor = self.ladder(features)  # (N, 3, 32h, 32w)
        return pictures


class Ends(NamedTuple):
    """Two key frames as latents, (N, 512, H/32, W/32) each."""

    first: Tensor
    last: Tensor


class VggSleInbetweener(nn.Module):
    """Draws the frames between two. Checkpoints of `train-vgg-sle` hold it, with the encoder's weights.

    So a checkpoint needs no download; it is 59 MB larger.
    """

    multiple = VggEncoder.multiple

    def __init__(
        self, config: VggSleConfig, encoder: VggEncoder | None = None, generator: LatentGenerator | None = None
    ) -> None:
        """Joins two networks.

        Args:
            config: the generator's config.
            encoder: an encoder with trained weights. None: a new one, whose weights must be loaded.
            generator: None: an untrained one.
        """
        super().__init__()
        self.encoder = encoder or VggEncoder()
        self.generator = generator or LatentGenerator(config)

    def prepare(self, first: Tensor, last: Tensor) -> Ends:
        """Encodes two key frames, (N, 3, H, W) in [-1, 1]; H and W multiples of 32."""
        return Ends(*self.encoder(torch.cat([first, last])).chunk(2))  # (N, 512, H/32, W/32) each

    def render(self, pair: Ends, t: float) -> Tensor:
        """Draws the frame at t: (N, 3, H, W) in [-1, 1]."""
        latents = slerp(pair.first, pair.last, torch.tensor([t], device=pair.first.device))[:, 0]
        pictures: Tensor = self.generator(latents)  # (N, 3, H, W)
        return pictures

    def forward(self, first: Tensor, last: Tensor, times: Tensor) -> Tensor:
        """Draws the frames at several times.

        Args:
            first: (N, 3, H, W) in [-1, 1].
            last: the same shape.
            times: (T,) in [0, 1].

        Returns:
            (N, T, 3, H, W) in [-1, 1].
        """
        latents = slerp(*self.prepare(first, last), times)  # (N, T, 512, H/32, W/32)
        drawn = self.generator(latents.flatten(0, 1))  # (N * T, 3, H, W)
        clips: Tensor = drawn.unflatten(0, latents.shape[:2])  # (N, T, 3, H, W)
        return clips
