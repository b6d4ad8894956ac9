"""Augmentation of a discriminator's inputs, and spoilt pictures for it to reject.

Augmentations apply to real and generated images alike and are differentiable; `Spoilt` images are extra fakes.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training" (DiffAugment, arXiv 2006.10738), section 3.2
and the ranges of the authors' code. Each picture has its own random numbers, drawn on its device; all frames of a clip
are changed alike.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

from ..config.choices import AUGMENTATIONS

_WEAK, _STRONG = 100, 200  # Canny's thresholds of 8-bit gradients, as in CartoonGAN's reimplementations
_FOLLOWED = 32  # steps, in pixels, by which strong edges are followed into weak ones
_AROUND = 5  # side of the dilation and of the Gaussian in pixels, as in CartoonGAN
_GAUSSIAN = (1.0, 4.0, 6.0, 4.0, 1.0)
_STILL = 0.04  # mean difference of two frames in [-1, 1] up to which a mixture of them passes for a real frame


def augment(pictures: Tensor, kinds: Sequence[str]) -> Tensor:
    """Augments pictures.

    Args:
        pictures: (N, 3, H, W) float in [-1, 1], or clips (N, T, 3, H, W).
        kinds: names out of AUGMENTATIONS, applied in this order; may be empty.

    Returns:
        The same shape; values may lie outside [-1, 1].

    Raises:
        ValueError: a kind is unknown.
    """
    for kind in kinds:
        if kind not in _CHANGES:
            raise ValueError(f"no augmentation {kind!r}")
        pictures = _CHANGES[kind](pictures)
    return pictures


def _recolour(pictures: Tensor) -> Tensor:
    """Adds -0.5 to 0.5 to the brightness, and scales saturation by 0 to 2 and contrast by 0.5 to 1.5."""
    shape = (len(pictures), *[1] * (pictures.dim() - 1))
    brighter, saturated, contrasted = torch.rand(3, *shape, device=pictures.device).to(pictures)
    pictures = pictures + (brighter - 0.5)
    grey = pictures.mean(-3, keepdim=True)
    pictures = grey + (pictures - grey) * saturated * 2
    middle = pictures.mean(tuple(range(1, pictures.dim())), keepdim=True)
    changed: Tensor = middle + (pictures - middle) * (contrasted + 0.5)
    return changed


def _translate(pictures: Tensor) -> Tensor:
    """Shifts by up to an eighth of the sides; uncovered pixels are mid grey."""
    layers = pictures.flatten(1, -3)  # (N, C, H, W): the frames of a clip move together
    count, _, height, width = layers.shape
    most_down, most_right = round(height / 8), round(width / 8)
    padded = pad(layers, (most_right, most_right, most_down, most_down))  # (N, C, H + 2d, W + 2r)
    down = torch.randint(2 * most_down + 1, (count, 1), device=pictures.device)
    right = torch.randint(2 * most_right + 1, (count, 1), device=pictures.device)
    rows = (torch.arange(height, device=pictures.device) + down)[:, :, None]  # (N, H, 1)
    columns = (torch.arange(width, device=pictures.device) + right)[:, None, :]  # (N, 1, W)
    which = torch.arange(count, device=pictures.device)[:, None, None]
    moved: Tensor = padded.permute(0, 2, 3, 1)[which, rows, columns]  # (N, H, W, C)
    return moved.permute(0, 3, 1, 2).reshape(pictures.shape)


def _cut_out(pictures: Tensor) -> Tensor:
    """Paints a rectangle of half the sides mid grey, at a random position that may be partly outside."""
    count, (height, width) = len(pictures), pictures.shape[-2:]
    high, wide = height // 2, width // 2
    device = pictures.device
    top = torch.randint(height + 1 - high % 2, (count, 1, 1), device=device) - high // 2
    left = torch.randint(width + 1 - wide % 2, (count, 1, 1), device=device) - wide // 2
    row = torch.arange(height, device=device)[None, :, None] - top  # (N, H, 1)
    column = torch.arange(width, device=device)[None, None, :] - left  # (N, 1, W)
    inside = (row >= 0) & (row < high) & (column >= 0) & (column < wide)  # (N, H, W)
    return pictures * ~inside.reshape(count, *[1] * (pictures.dim() - 3), height, width)


_CHANGES: dict[str, Callable[[Tensor], Tensor]] = dict(
    zip(AUGMENTATIONS, (_recolour, _translate, _cut_out), strict=True)
)


class Spoilt(NamedTuple):
    """Extra fakes: real pictures or clips that were changed for the worse."""

    pictures: Tensor
    """(N, 3, H, W) or (N, T, 3, H, W), in [-1, 1]."""
    differs: Tensor
    """(N,) bool: whether it differs from the real one that it was made from; only these count as fakes."""


def soften_edges(pictures: Tensor) -> Spoilt:
    """Blurs drawings along their lines only, as a network with soft output would draw them.

    Chen et al., "CartoonGAN" (CVPR 2018), section 3.2: Canny's edges (thresholds 100 and 200, those of later
    implementations), dilated by 5 x 5 pixels, where a Gaussian of 5 x 5 pixels (1, 4, 6, 4, 1) blurs. Computes on the
    pictures' device.

    Args:
        pictures: (N, 3, H, W) in [-1, 1].
    """
    edges = max_pool2d(find_edges(pictures).float(), _AROUND, 1, _AROUND // 2)  # (N, 1, H, W)
    soft = _blur(pictures)
    return Spoilt(torch.where(edges > 0, soft, pictures), edges.flatten(1).any(1))


def find_edges(pictures: Tensor) -> Tensor:
    """Finds Canny's edges: maxima of Sobel's gradients above 200, and connected ones above 100.

    Canny, "A Computational Approach to Edge Detection" (PAMI 1986). The result is OpenCV's, except that weak edges are
    followed for 32 pixels only.

    Args:
        pictures: (N, 3, H, W) in [-1, 1], RGB.

    Returns:
        (N, 1, H, W) bool.
    """
    weights = pictures.new_tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = ((pictures + 1) * 127.5 * weights).sum(1, keepdim=True)  # (N, 1, H, W) in [0, 255]
    sobel = pictures.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    slopes = conv2d(pad(grey, (1, 1, 1, 1), mode="replicate"), torch.stack([sobel, sobel.T])[:, None])  # (N, 2, H, W)
    across, down = slopes[:, :1], slopes[:, 1:]
    steep = across.abs() + down.abs()
    around = pad(steep, (1, 1, 1, 1))

    def beside(row: int, column: int) -> Tensor:
        height, width = steep.shape[-2:]
        return around[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    def is_crest(row: int, column: int) -> Tensor:
        return (steep > beside(-row, -column)) & (steep >= beside(row, column))

    tangent = 2**0.5 - 1  # tan 22.5 degrees, half way between two of the eight directions
    level, upright = down.abs() < tangent * across.abs(), across.abs() < tangent * down.abs()
    slanted = torch.where(across * down > 0, is_crest(1, 1), is_crest(1, -1))
    crest = torch.where(level, is_crest(0, 1), torch.where(upright, is_crest(1, 0), slanted))
    weak = crest & (steep > _WEAK)
    edges = (crest & (steep > _STRONG)).float()
    for _ in range(_FOLLOWED):
        edges = max_pool2d(edges, 3, 1, 1) * weak
    return edges > 0


def _blur(pictures: Tensor) -> Tensor:
    """Blurs by a Gaussian of 5 x 5 pixels, mirrored at the border: (N, 3, H, W) to the same shape."""
    line = pictures.new_tensor(_GAUSSIAN)
    kernel = (line[:, None] * line[None] / line.sum() ** 2).expand(3, 1, -1, -1)  # (3, 1, 5, 5)
    return conv2d(pad(pictures, (_AROUND // 2,) * 4, mode="reflect"), kernel, groups=3)


def fade_across(first: Tensor, last: Tensor, shares: Tensor) -> Spoilt:
    """Cross-fades two frames, as a network does that has not learnt motion.

    Args:
        first: (N, 3, H, W) in [-1, 1].
        last: the same shape.
        shares: (N,) or (N, T) in [0, 1]: the share of the last frame.

    Returns:
        Pictures (N, 3, H, W), or clips (N, T, 3, H, W).
    """
    differs = (last - first).abs().mean((1, 2, 3)) > _STILL
    if shares.dim() == 2:
        first, last = first[:, None], last[:, None]  # (N, 1, 3, H, W)
    return Spoilt(torch.lerp(first, last, shares[..., None, None, None].to(first)), differs)
