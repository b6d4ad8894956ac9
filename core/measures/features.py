"""Embeddings of pictures by a trained network, for comparing sets of pictures."""

from collections.abc import Callable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Embedding = Callable[[Tensor], Tensor]
"""Maps pictures (N, 3, H, W) in [-1, 1] to features (N, D), whose Euclidean distance is perceptual."""

_TAPS = (15, 22, 29)  # relu3_3, relu4_3 and relu5_3 of torchvision's VGG16
_CELLS = 4  # side of the grid of cells over which features are averaged: position counts, but not to the pixel


class VggLike(Protocol):
    """A VGG16 with the names of models/vgg.py."""

    features: nn.Sequential
    mean: Tensor
    deviation: Tensor


def embed_with_vgg(encoder: VggLike | nn.Module, batch: int = 16, taps: Sequence[int] = _TAPS) -> Embedding:
    """Makes an embedding from a trained VGG16, as in LPIPS.

    The features of three depths are normalised to length 1 at each position, as in "The Unreasonable Effectiveness of
    Deep Features as a Perceptual Metric" (arXiv 1801.03924, section 3), and averaged over a grid of 4 x 4 cells.

    Args:
        encoder: see `core.weights.vgg.load_vgg`, which never gives a random one.
        batch: pictures at a time.
        taps: layers of `encoder.features` whose outputs are used.

    Returns:
        A function that returns features on the CPU.
    """
    vgg = cast(VggLike, encoder)

    @torch.no_grad()
    def embed(images: Tensor) -> Tensor:
        found = []
        for part in images.split(batch):  # type: ignore[no-untyped-call]
            x = ((part.to(vgg.mean.device).float() + 1) / 2 - vgg.mean) / vgg.deviation
            levels = []
            for number, layer in enumerate(vgg.features[: max(taps) + 1]):
                x = layer(x)
                if number in taps:
                    unit = functional.normalize(x, dim=1)
                    cells = functional.adaptive_avg_pool2d(unit, _CELLS)  # (N, C, 4, 4)
                    levels.append(cells.flatten(1) / _CELLS)  # (N, 16 C): a picture's distance is its cells' mean
            found.append(torch.cat(levels, 1).cpu())
        return torch.cat(found)

    return embed


def reach(distances: Tensor, neighbours: int) -> Tensor:
    """Distance of each picture to its k-th nearest other: (N, N) to (N,)."""
    return distances.kthvalue(neighbours + 1, 1).values  # the nearest is the picture itself
