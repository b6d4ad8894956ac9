"""Changes that pictures undergo before the discriminator sees them, real and drawn alike; gradients pass through.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (DiffAugment, arXiv 2006.10738), section 3.2
and the ranges of the authors' code. Each picture is changed by its own random numbers, drawn on its device.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from .config import AUGMENTATIONS


def augment(pictures: Tensor, kinds: Sequence[str]) -> Tensor:
    """Changes pictures.

    Args:
        pictures: (N, 3, H, W) float in [-1, 1].
        kinds: of AUGMENTATIONS; done in their order. None: the pictures come back as they are.

    Returns:
        (N, 3, H, W) float; colours may leave [-1, 1].

    Raises:
        ValueError: a kind is unknown.
    """
    for kind in kinds:
        if kind not in _CHANGES:
            raise ValueError(f"no augmentation {kind!r}")
        pictures = _CHANGES[kind](pictures)
    return pictures


def _recolour(pictures: Tensor) -> Tensor:
    """Adds up to half of [-1, 1]'s unit, and scales saturation by 0 to 2 and contrast by 0.5 to 1.5."""
    brighter, saturated, contrasted = torch.rand(3, len(pictures), 1, 1, 1, device=pictures.device).to(pictures)
    pictures = pictures + (brighter - 0.5)
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * saturated * 2
    middle = pictures.mean((1, 2, 3), keepdim=True)
    changed: Tensor = middle + (pictures - middle) * (contrasted + 0.5)
    return changed


def _translate(pictures: Tensor) -> Tensor:
    """Moves by up to an eighth of the sides; what comes in is mid grey."""
    count, _, height, width = pictures.shape
    most_down, most_right = round(height / 8), round(width / 8)
    padded = pad(pictures, (most_right, most_right, most_down, most_down))  # (N, 3, H + 2d, W + 2r)
    down = torch.randint(2 * most_down + 1, (count, 1), device=pictures.device)
    right = torch.randint(2 * most_right + 1, (count, 1), device=pictures.device)
    rows = (torch.arange(height, device=pictures.device) + down)[:, :, None]  # (N, H, 1)
    columns = (torch.arange(width, device=pictures.device) + right)[:, None, :]  # (N, 1, W)
    which = torch.arange(count, device=pictures.device)[:, None, None]
    moved: Tensor = padded.permute(0, 2, 3, 1)[which, rows, columns]  # (N, H, W, 3)
    return moved.permute(0, 3, 1, 2)  # (N, 3, H, W)


def _cut_out(pictures: Tensor) -> Tensor:
    """Paints a square of half the sides mid grey, wherever its middle falls."""
    count, _, height, width = pictures.shape
    high, wide = height // 2, width // 2
    device = pictures.device
    top = torch.randint(height + 1 - high % 2, (count, 1, 1), device=device) - high // 2
    left = torch.randint(width + 1 - wide % 2, (count, 1, 1), device=device) - wide // 2
    row = torch.arange(height, device=device)[None, :, None] - top  # (N, H, 1)
    column = torch.arange(width, device=device)[None, None, :] - left  # (N, 1, W)
    inside = (row >= 0) & (row < high) & (column >= 0) & (column < wide)  # (N, H, W)
    return pictures * ~inside[:, None]


_CHANGES: dict[str, Callable[[Tensor], Tensor]] = dict(
    zip(AUGMENTATIONS, (_recolour, _translate, _cut_out), strict=True)
)
