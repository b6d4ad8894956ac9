"""Refinement: a network that sharpens a soft in-between, and doubles its size if wanted.

Inputs:  in-betweens, (N, 3, H, W) float in [-1, 1], RGB, and the two key frames of each, which are sharp.
Outputs: the refined pictures, (N, 3, scale * H, scale * W) in [-1, 1]; any H and W.
Stages:  the three pictures as channels, pixel-unshuffled by 2; residual blocks at this size and, after convolutions of
         stride 2, at two smaller ones, as in a U-Net; a convolution and a pixel shuffle. The result is added to the
         in-between, which is enlarged bilinearly if the size doubles.

The key frames are not warped. What does not move, which is most of a cartoon, is at the same place in them and can be
copied; what moves is sharpened from itself, with the lines and colours of the key frames as examples. Warping would
need the motion between a soft picture and a sharp one, and fails where the picture is soft or doubled. Without key
frames the picture itself is passed instead of them, which is trained too (core/training/recipes/finetune_adv.py).

Residual blocks without normalisation are from Lim et al., "Enhanced Deep Residual Networks for Single Image
Super-Resolution" (arXiv 1707.02921), section 3.1; pixel shuffles from Shi et al. (arXiv 1609.05158), section 3.2. Ours
has three sizes instead of one, and is the identity at first: the last convolution's weights are 0.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from .blocks import ResidualBlock
from .settings import check_settings

_MOST_BLOCKS = 64  # a damaged header must not keep a machine busy for days
_MULTIPLE = 8  # of the padded sides: unshuffled by 2, then halved twice


@dataclass(frozen=True)
class RefinementConfig:
    """The shape of a `Refinement`."""

    width: int = 32
    """Channels at half the sides; at an eighth there are four times as many."""
    depth: int = 2
    """Residual blocks at each size, on the way down and again on the way up."""
    scale: int = 1
    """1 keeps the size, 2 doubles it."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ValueError: a value is out of its range.
        """
        check_settings(self, "refinement", width=range(1, 513), depth=range(1, _MOST_BLOCKS + 1), scale=(1, 2))


class Refinement(nn.Module):
    """Sharpens in-betweens; see the module's docstring."""

    def __init__(self, config: RefinementConfig) -> None:
        super().__init__()
        self.config = config
        channels = [config.width << level for level in range(3)]

        def blocks(count: int) -> nn.Module:
            return nn.Sequential(*(ResidualBlock(count) for _ in range(config.depth)))

        self.enter = nn.Conv2d(3 * 3 * 4, channels[0], 3, padding=1)
        self.before = nn.ModuleList(blocks(count) for count in channels)
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 4, 2, 1) for fine, coarse in pairwise(channels))
        self.grow = nn.ModuleList(nn.Conv2d(coarse, 4 * fine, 3, padding=1) for fine, coarse in pairwise(channels))
        self.after = nn.ModuleList(blocks(count) for count in channels[:-1])
        self.paint = nn.Conv2d(channels[0], 3 * (2 * config.scale) ** 2, 3, padding=1)
        nn.init.zeros_(self.paint.weight)
        nn.init.zeros_(self.paint.bias)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor, first: Tensor | None = None, last: Tensor | None = None) -> Tensor:
        """Refines pictures.

        Args:
            pictures: (N, 3, H, W) in [-1, 1].
            first: the key frame before each, of the same shape. None: the picture itself.
            last: the key frame after each. None: the picture itself.

        Returns:
            (N, 3, scale * H, scale * W) in [-1, 1]; not clamped in training.
        """
        keys = [pictures if key is None else key for key in (first, last)]
        height, width = pictures.shape[-2:]
        together = pad(
            torch.cat([pictures, *keys], 1), (0, -width % _MULTIPLE, 0, -height % _MULTIPLE), mode="replicate"
        )
        features = self.enter(pixel_unshuffle(together, 2))  # (N, width, H/2, W/2)
        seen = []
        for level, blocks in enumerate(self.before):
            features = blocks(features)
            if level < len(self.shrink):
                seen.append(features)
                features = self.shrink[level](features)  # (N, 2C, half the sides)
        for level in reversed(range(len(self.grow))):
            features = seen[level] + pixel_shuffle(self.grow[level](features), 2)  # (N, C/2, twice the sides)
            features = self.after[level](features)
        scale = self.config.scale
        change = pixel_shuffle(self.paint(features), 2 * scale)[..., : scale * height, : scale * width]
        base = pictures if scale == 1 else interpolate(pictures, scale_factor=scale, mode="bilinear")
        refined: Tensor = base + change  # (N, 3, scale * H, scale * W)
        return refined if self.training else refined.clamp(-1, 1)  # clamping would stop gradients
