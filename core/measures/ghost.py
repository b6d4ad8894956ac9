"""Ghosts: how much of a picture is a mixture of its two ends."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, relu

_SCALES = (1, 2, 4)  # how much smaller pictures are when ghosts are looked for: soft ones show in small pictures
_WINDOW = 5  # pixels across what is explained together
MIN_CONTRAST = (
    0.02  # deviation of the ends' difference within a window, colours in [0, 1], from which on it tells something
)
RESIDUAL_FLOOR = 0.01  # the same of what a mixture leaves unexplained, up to which it explains a window
_STRAY_SHARE = 0.05  # of the difference's variance, which may stay unexplained besides


def ghost_score(drawn: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """How much of a picture is a mixture of its two ends, where they differ: 0 none of it, 1 an even cross-fade.

    In windows of 5 x 5 pixels, of the pictures as they are and at half and a quarter of their size, d = last - first
    and e = drawn - first vary about their means. The share of d's variation that explains e's best,
    a = cov(d, e) / var(d) in [0, 1], leaves a variance r; the window counts 4a(1 - a) exp(-r / s), where
    s = 0.01² + 0.05 var(d), with colours in [0, 1]. The score is the mean over the windows in which d deviates by 0.02
    or more, each by its area. Where a thing has moved away, arrives or passes, a is 0 or 1 or r is large.

    Ours; we know of no published one. The obvious formula, each pixel for itself, was the first: it takes flat colours
    that lie between the ends' by chance for a ghost (0.94 for a grey disc, here 0.06), and softness for half of one (a
    soft true in-between has 0.34, here 0.13; a soft ghost 0.60, here 0.41), and is blind to low contrast. What is a
    fade by right counts here too: dissolves, and motion of so few pixels that it is hard to tell from one; so compare
    with the truth's score, as `ghost_penalty` does. A copy of an end has no ghost, and a mixture of ends that are
    displaced has less of one the more they are (0.32 at a pixel each, 0.12 at two). docs/ghosts.md has the figures.

    Differentiable in `drawn`; which windows count depends on the ends alone. At an exact even mixture the gradient is
    0, as at the top of any hill.

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
        told = _covary(apart, apart)  # (N, H', W')
        shared = _covary(apart, gone)
        share = (shared / (told + 1e-8)).clamp(0, 1)
        stray = (_covary(gone, gone) - 2 * share * shared + share.square() * told).clamp_min(0)
        counts = (told >= MIN_CONTRAST**2).float() * scale**2
        mixed = 4 * share * (1 - share) * torch.exp(-stray / (RESIDUAL_FLOOR**2 + _STRAY_SHARE * told))
        found = found + (counts * mixed).sum((1, 2))  # (N,)
        counted = counted + counts.sum((1, 2))
    return found / counted.clamp_min(1)


def _covary(one: Tensor, other: Tensor) -> Tensor:
    """Covariance within windows, the mean over colours: two times (N, 3, H, W) to (N, H - 4, W - 4)."""
    means = avg_pool2d(one, _WINDOW, 1) * avg_pool2d(other, _WINDOW, 1)
    return (avg_pool2d(one * other, _WINDOW, 1) - means).mean(1)


def ghost_penalty(
    drawn: Tensor, first: Tensor, last: Tensor, truth: Tensor | None = None, margin: float = 0.05
) -> Tensor:
    """Mean of max(0, ghost score - the truth's - margin): what truly blends, or happens to look so, is excused.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        first: the same shape.
        last: the same shape.
        truth: the frames that were to be drawn, of the same shape; None: they are taken to have no ghost.
        margin: how much more is let pass.
    """
    allowed = margin if truth is None else ghost_score(truth, first, last).detach() + margin
    return relu(ghost_score(drawn, first, last) - allowed).mean()
