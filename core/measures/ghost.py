"""Ghosts: how much of a picture is a mixture of its two ends."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, relu

# Tested on 32 drawn cartoons and on discs over several grounds: docs/ghosts.md
_SCALES = (1, 2, 4)  # factors of reduction; soft ghosts are found in small pictures
_WINDOW = 5  # side of a window in pixels
MIN_CONTRAST = 0.02  # smallest standard deviation of the ends' difference in a window that counts; colours in [0, 1]
RESIDUAL_FLOOR = 0.01  # standard deviation of the residual up to which a mixture explains a window
_RESIDUAL_SHARE = 0.05  # share of the difference's variance that may be unexplained in addition


def score_ghosts(drawn: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """How much of a picture is a mixture of its two ends, where they differ: 0 none of it, 1 an even cross-fade.

    In windows of 5 x 5 pixels, at full, half and a quarter of the size, let d = last - first and e = drawn - first,
    without their means. The least-squares share of d in e, a = cov(d, e) / var(d) in [0, 1], leaves a residual variance
    r; the window's score is 4a(1 - a) exp(-r / s), where s = 0.01² + 0.05 var(d), with colours in [0, 1]. The result is
    the mean over the windows in which d has a standard deviation of 0.02 or more, weighted by area. Where a thing moves
    away, arrives or passes, a is 0 or 1, or r is large.

    Ours; we know of no published score. The same formula for single pixels counts flat colours between those of the
    ends as ghosts (0.94 for a grey disc, here 0.06), softness as half a ghost (0.34 for a soft true in-between, here
    0.13; 0.60 for a soft ghost, here 0.41), and misses low contrast. True fades count too: dissolves, and motion of
    very few pixels; so compare with the truth's score, as `ghost_penalty` does. A copy of an end scores 0, and a
    mixture of displaced ends scores less the more they are displaced (0.32 at a pixel each, 0.12 at two). See
    docs/ghosts.md.

    Differentiable in `drawn`; which windows count depends on the ends only. The gradient is 0 at an exact even mixture,
    which is a maximum.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        first: the same shape.
        last: the same shape.

    Returns:
        (N,) float32 in [0, 1]; 0 where the ends do not differ.
    """
    found = counted = torch.zeros(len(drawn), device=drawn.device)
    for scale in _SCALES:
        if min(drawn.shape[-2:]) < _WINDOW * scale:
            break
        small, start, end = (avg_pool2d(x.float() / 2, scale) for x in (drawn, first, last))  # (N, 3, H/s, W/s)
        apart, gone = end - start, small - start
        contrast = _covary(apart, apart)  # (N, H', W')
        shared = _covary(apart, gone)
        share = (shared / (contrast + 1e-8)).clamp(0, 1)
        residual = (_covary(gone, gone) - 2 * share * shared + share.square() * contrast).clamp_min(0)
        counts = (contrast >= MIN_CONTRAST**2).float() * scale**2
        mixed = 4 * share * (1 - share) * torch.exp(-residual / (RESIDUAL_FLOOR**2 + _RESIDUAL_SHARE * contrast))
        found = found + (counts * mixed).sum((1, 2))  # (N,)
        counted = counted + counts.sum((1, 2))
    return found / counted.clamp_min(1)


def _covary(one: Tensor, other: Tensor) -> Tensor:
    """Covariance within windows, as a mean over colours: (N, 3, H, W) each to (N, H - 4, W - 4)."""
    means = avg_pool2d(one, _WINDOW, 1) * avg_pool2d(other, _WINDOW, 1)
    return (avg_pool2d(one * other, _WINDOW, 1) - means).mean(1)


def ghost_penalty(
    drawn: Tensor, first: Tensor, last: Tensor, truth: Tensor | None = None, margin: float = 0.05
) -> Tensor:
    """Mean of max(0, ghost score - the truth's - margin), so that true blends are not penalised.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        first: the same shape.
        last: the same shape.
        truth: the true frames, of the same shape. None: their score counts as 0.
        margin: score above the truth's that is not penalised.
    """
    allowed = margin if truth is None else score_ghosts(truth, first, last).detach() + margin
    return relu(score_ghosts(drawn, first, last) - allowed).mean()
