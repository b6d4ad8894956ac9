"""Joins warped frames along seams by PyTorch, on the network's device: what `joining` does by OpenCV."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

from ..motion import texture
from ..motion.seam import SeamChoice
from .joining import AGREES, LARGE, RAMP, SEAM_WIDTH, SHIFT, SURE


def join(
    choices: Sequence[SeamChoice], times: Sequence[float], share: Tensor, beliefs: Tensor, early: Tensor, late: Tensor
) -> Tensor:
    """The first frame's share, with the choice where the warped frames differ.

    Args:
        choices: for each of k times, on its own grid.
        times: the k times.
        share: (k, 1, H, W): share of the first frame in the blend.
        beliefs: (k, 1, h, w): log odds that the first key frame shows the content there.
        early: (k, C, H, W) in [-1, 1]: the first key frame, warped to the times.
        late: the last one.

    Returns:
        (k, 1, H, W).
    """
    height, width = early.shape[-2:]
    half = max(height, width) > LARGE
    size = (height // 2, width // 2) if half else (height, width)
    one, other = ((frame + 1) * 127.5 for frame in (early, late))  # levels
    apart = (one - other).abs()
    if half:
        one, other, apart, share = (interpolate(part, size, mode="area") for part in (one, other, apart, share))

    def spread(values: Tensor) -> Tensor:
        return interpolate(values, size, mode="bilinear")

    wheres = [np.maximum(choice.chosen, choice.fades) for choice in choices]
    first, fades, where = (
        spread(torch.from_numpy(np.stack(maps))[:, None].to(share.device))
        for maps in ([choice.first for choice in choices], [choice.fades for choice in choices], wheres)
    )
    by_time = 1 - torch.tensor(times, dtype=torch.float32).to(share.device).view(-1, 1, 1, 1)
    steep = max(1.0, size[1] / choices[0].first.shape[1] / SEAM_WIDTH)
    shown = ((first - 0.5) * steep + 0.5).clamp(0, 1)
    shown = shown + (by_time - shown) * fades
    unlike = _blur(measure_unlike(one, other, SHIFT // 2 if half else SHIFT), 3)
    shifted = (_grade(_blur(apart.mean(1, keepdim=True), 3)) - _grade(unlike)).clamp(min=0)
    share = share + (by_time - share) * shifted * torch.exp(-((spread(beliefs) / SURE) ** 2))
    disagrees = _grade(unlike - measure_allowance(one, other)) * where
    joined = share + (shown - share) * disagrees
    return interpolate(joined, (height, width), mode="bilinear") if half else joined


def measure_allowance(one: Tensor, other: Tensor) -> Tensor:
    """As `motion.texture.measure_allowance`, of (k, C, H, W) in levels: (k, 1, H, W)."""
    steepness = torch.minimum(_measure_steepness(one), _measure_steepness(other))
    window = texture.REACH[0] // 2
    strange = torch.maximum(_find_outside(one, other, window), _find_outside(other, one, window))
    strange = _dilate(strange.amax(1, keepdim=True), texture.BESIDE[0] // 2)
    lost = texture.STEEP * (strange - texture.STRANGE).clamp(min=0)
    return ((texture.PIXELS * steepness).clamp(max=texture.MOST) - lost).clamp(min=0)


def measure_unlike(one: Tensor, other: Tensor, reach: int) -> Tensor:
    """As `motion.texture.measure_unlike`, of (k, C, H, W) in levels: (k, 1, H, W)."""
    outside = (_find_outside(*pair, reach).mean(1, keepdim=True) for pair in ((one, other), (other, one)))
    return torch.maximum(*outside)


def _measure_steepness(frame: Tensor) -> Tensor:
    grey = frame.mean(1, keepdim=True)
    right, down = grey.diff(dim=3).abs(), grey.diff(dim=2).abs()
    change = pad(right, (0, 1)) + pad(down, (0, 0, 0, 1))
    return -_dilate(-_blur(change, texture.NEAR[0]), texture.AROUND[0] // 2)


def _find_outside(frame: Tensor, other: Tensor, reach: int) -> Tensor:
    low, high = -_dilate(-other, reach), _dilate(other, reach)
    return torch.maximum(low - frame, frame - high).clamp(min=0)


def _dilate(values: Tensor, reach: int) -> Tensor:
    return max_pool2d(values, 2 * reach + 1, 1, reach)  # it pads with minus infinity


def _blur(values: Tensor, window: int) -> Tensor:
    """As cv2.blur, but for how it continues the picture beyond its border."""
    return avg_pool2d(values, window, 1, window // 2, count_include_pad=False)


def _grade(difference: Tensor) -> Tensor:
    return ((difference - AGREES) / RAMP).clamp(0, 1)
