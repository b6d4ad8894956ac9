"""Compares the features of two frames: each cell with all cells of the other frame, or with those near a motion.

Flows are (N, 2, h, w) in cells of their own grid, (dx, dy), as in `models.warping`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, layer_norm, pad

from .motion_layers import swap_frames
from .warping import look_up, pixel_grid, warp

MATCH_REACH = 2
"""Cells within which the best match is refined to a fraction of a cell."""
COARSE_REACH, FINE_REACH = 4, 3
"""Cells around a match whose scores are read, at 1/8 (as in RAFT) and at 1/4."""
GUIDED_REACH, GUIDED_FINE_REACH = 3, 2
"""The same around a given motion, which is close already."""


def normalise(features: Tensor) -> Tensor:
    """Normalises the channels of each cell, (N, C, H, W); the result is float32 and contiguous."""
    return layer_norm(features.float().movedim(1, 3), features.shape[1:2]).movedim(3, 1).contiguous()


def measure_agreement(flow: Tensor, gap: float) -> Tensor:
    """Consistency of motion forward and back, (2N, 2, h, w): (2N, 1, h, w) in [0, 1], exp(-1) at a `gap`."""
    apart = flow + warp(swap_frames(flow), flow)
    return torch.exp(-((apart / gap) ** 2).sum(1, keepdim=True))


def find_best_matches(scores: Tensor, none: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Finds each cell's best match.

    Args:
        scores: (N, hw, hw): scores of one frame's cells with the other's.
        none: () score of no match.
        height: number of rows (h).
        width: number of columns (w).

    Returns:
        Flow in cells, (N, 2, h, w), and the probability within the window around the match, (N, 1, h, w).
    """
    whole = torch.logaddexp(scores.logsumexp(2), none)  # (N, hw)
    best = scores.detach().argmax(2)  # (N, hw)
    row, column = best // width, best % width
    reach = torch.arange(-MATCH_REACH, MATCH_REACH + 1, device=scores.device)
    rows, columns = row[..., None] + reach, column[..., None] + reach  # (N, hw, 5)
    inside = ((rows >= 0) & (rows < height))[..., :, None] & ((columns >= 0) & (columns < width))[..., None, :]
    index = rows.clamp(0, height - 1)[..., :, None] * width + columns.clamp(0, width - 1)[..., None, :]
    near = scores.gather(2, index.flatten(2)).view(index.shape)  # (N, hw, 5, 5)
    belief = torch.exp(near - whole[..., None, None]) * inside
    mass = belief.sum((2, 3))  # (N, hw)
    safe = mass.clamp_min(1e-12)
    x = (belief.sum(2) * columns).sum(2) / safe
    y = (belief.sum(3) * rows).sum(2) / safe
    places = torch.stack([x, y], 1).view(-1, 2, height, width)
    return places - pixel_grid(height, width, scores.device), mass.view(-1, 1, height, width)


def read_scores_around(tables: Tensor, flow: Tensor) -> Tensor:
    """Reads the scores around each cell's match: (2N, hw, h, w) and flow (2N, 2, h, w) in cells to (2N, 81, h, w)."""
    count, _, height, width = tables.shape
    side = 2 * COARSE_REACH + 1
    around = pixel_grid(side, side, flow.device) - COARSE_REACH  # (1, 2, 9, 9)
    centres = (pixel_grid(height, width, flow.device) + flow).permute(0, 2, 3, 1).reshape(-1, 2, 1, 1)
    read = look_up(tables.reshape(-1, 1, height, width), centres + around, padding="zeros")  # (2N hw, 1, 9, 9)
    return read.view(count, height, width, side * side).permute(0, 3, 1, 2)


def prepare_comparison(marks: Tensor, frames: Tensor, reach: int) -> Callable[[Tensor], Tensor]:
    """Prepares the comparison of frames along a motion, on the grid of `marks`.

    Args:
        marks: (2N, C, h, w): features that cells are compared by.
        frames: (2N, 3, H, W).
        reach: cells around the end point of the motion that are compared.

    Returns:
        A function that maps flow (2N, 2, h, w) in cells to (2 reach + 1)² scores and 3 differences of colours.
    """
    own = normalise(marks)
    small = avg_pool2d(frames.float().contiguous(), frames.shape[2] // marks.shape[2])  # (2N, 3, h, w)
    others = torch.cat([swap_frames(own), swap_frames(small)], 1)

    def compare(flow: Tensor) -> Tensor:
        there = warp(others, flow)
        scores = CompareAround.apply(own, there[:, :-3].contiguous(), reach)  # (2N, (2 reach + 1)², h, w)
        return torch.cat([scores, (small - there[:, -3:]).abs()], 1)

    return compare


class CompareAround(torch.autograd.Function):
    """Scores of each cell with those around it in the other map: two times (N, C, H, W) to (N, side², H, W).

    The backward pass is written out, as PyTorch's own through 49 shifted products took half the time of a training.
    """

    @staticmethod
    def forward(context: Any, marks: Tensor, others: Tensor, reach: int) -> Tensor:
        """Means over channels of the products, for shifts from (-reach, -reach), row by row."""
        padded = pad(others, (reach,) * 4)
        context.save_for_backward(marks, padded)
        context.reach = reach
        product = torch.empty_like(marks)
        scores = [torch.mul(marks, shifted, out=product).mean(1) for shifted in _shifted(padded, reach)]
        return torch.stack(scores, 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """Gradients of both maps from those of the scores, (N, side², H, W)."""
        marks, padded = context.saved_tensors
        reach = context.reach
        of_marks, of_padded = torch.zeros_like(marks), torch.zeros_like(padded)
        each = (gradients[0] / marks.shape[1]).unsqueeze(2).unbind(1)  # side² of (N, 1, H, W)
        for gradient, shifted, target in zip(each, _shifted(padded, reach), _shifted(of_padded, reach), strict=True):
            of_marks.addcmul_(shifted, gradient)
            target.addcmul_(marks, gradient)
        height, width = marks.shape[-2:]
        return of_marks, of_padded[..., reach : reach + height, reach : reach + width], None


def _shifted(padded: Tensor, reach: int) -> Iterator[Tensor]:
    """Yields views of a map that has a margin of `reach`, one for each shift."""
    height, width = padded.shape[-2] - 2 * reach, padded.shape[-1] - 2 * reach
    for y in range(2 * reach + 1):
        for x in range(2 * reach + 1):
            yield padded[..., y : y + height, x : x + width]
