"""Refinement: a network that sharpens a soft in-between, and doubles its size if wanted.

Inputs:  in-betweens, (N, 3, H, W) float in [-1, 1], RGB, and the two key frames of each, which are sharp.
Outputs: the same pictures refined, (N, 3, scale * H, scale * W) in [-1, 1]; any H and W.
Stages:  pictures side by side as channels, four pixels to one place; residual blocks there and, by convolutions of
         stride 2, at two halvings, whose features come back up and are added; a convolution to the pixels of each
         place. What it draws is added to the in-between, bilinearly enlarged where the size doubles.

The key frames are not warped. What stands still, most of a cartoon, lies in them at the very place, and can be copied;
what moves is sharpened from itself, with the key frames' lines and colours as company. A warp would need the motion
between a soft picture and a sharp one, and goes wrong just where the picture is soft or doubled. Where there are no key
frames, the picture itself stands in their places; training shows it that too (core/training/recipes/finetune_adv.py).

Residual blocks without normalisation, and pixels gathered and scattered: Lim et al., "Enhanced Deep Residual Networks
for Single Image Super-Resolution" (arXiv 1707.02921), section 3.1, and Shi et al. (arXiv 1609.05158), section 3.2.
Ours works at three sizes instead of one, and begins as the identity: the last convolution's weights are 0.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from .blocks import ResidualBlock
from .settings import check_settings

_MOST_BLOCKS = 64  # a damaged header must not keep a machine busy for days
_MULTIPLE = 8  # of the sides within: gathered by 2, halved twice


@dataclass(frozen=True)
class RefinementConfig:
    """What shapes a `Refinement`."""

    width: int = 32
    """Channels at half the sides; at an eighth there are four times as many."""
    depth: int = 2
    """Residual blocks at each size, on the way down and again on the way up."""
    scale: int = 1
    """1 keeps the size, 2 doubles it."""

    def __post_init__(self) -> None:
        """Refuses what cannot be built.

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
            first: the key frame before each, of the same shape; None: the picture itself takes its place.
            last: the key frame after it.

        Returns:
            (N, 3, scale * H, scale * W) in [-1, 1]; while training it may lie beyond.
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
        return refined if self.training else refined.clamp(-1, 1)  # what is clamped learns nothing
