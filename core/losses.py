"""Losses: tensors in, a scalar out. Scores are a discriminator's, of any shape, high for real."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss, relu

from ..models.discriminators import Redrawn

R1_EVERY = 16
"""Steps from one gradient penalty to the next; it is weighed up as many times."""
_SCALES = (1, 2, 4)  # how much smaller pictures are when ghosts are looked for: soft ones show in small pictures
_WINDOW = 5  # pixels across what is explained together
_TOLD = 0.02  # deviation of the ends' difference within a window, colours in [0, 1], from which on it tells something
_STRAY = 0.01  # the same of what a mixture leaves unexplained, up to which it explains a window
_STRAY_SHARE = 0.05  # of the difference's variance, which may stay unexplained besides
_KEPT = 0.99  # share of LeCam's running means kept at each step, as its authors have it


def hinge_for_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Mean of max(0, 1 - real) plus mean of max(0, 1 + fake); Lim and Ye, "Geometric GAN" (arXiv 1705.02894).

    Args:
        real: scores of real pictures.
        fake: scores of drawn ones.
    """
    return relu(1 - real.float()).mean() + relu(1 + fake.float()).mean()


def hinge_for_generator(fake: Tensor) -> Tensor:
    """Minus the mean score of drawn pictures; the generator's half of the hinge loss."""
    return -fake.float().mean()


def refusing(scores: Tensor, counts: Tensor) -> Tensor:
    """Mean of max(0, 1 + score) of a further class of fakes; Chen et al., "CartoonGAN" (CVPR 2018), equation 3.

    There it is the cross-entropy of softened drawings; here the hinge, as for all other scores.

    Args:
        scores: (N, ...).
        counts: (N,) bool: which of them; 0 where none does.
    """
    each = relu(1 + scores.float()).flatten(1).mean(1)  # (N,)
    return (each * counts).sum() / counts.sum().clamp_min(1)


def latent_distance(encoded: Tensor, between: Tensor) -> Tensor:
    """Mean absolute difference of the latents of real middles and those between the ends' latents.

    Where it is 0, a straight way through the latents is the motion that was filmed.

    Args:
        encoded: (N, ...) of the frames as they were.
        between: the same shape, interpolated between the ends.
    """
    return l1_loss(between.float(), encoded.float())


def redrawing(redrawn: Redrawn) -> Tensor:
    """Mean absolute error of what the discriminator redrew, whole and quarter together, in [0, 4]."""
    whole = l1_loss(redrawn.whole.float(), redrawn.whole_target.float())
    return whole + l1_loss(redrawn.part.float(), redrawn.part_target.float())


def gradient_penalty(judge: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """R1: half the mean squared norm of the score's gradient at real pictures.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?" (arXiv 1801.04406), equation 9, without
    its weight. A picture's score is the mean over its map of scores.

    Args:
        judge: takes pictures and gives scores (N, ...); call this in fp32.
        pictures: (N, 3, H, W), or clips (N, T, 3, H, W).
    """
    pictures = pictures.detach().requires_grad_(True)
    scores = judge(pictures).flatten(1).mean(1).sum()
    (gradient,) = torch.autograd.grad(scores, pictures, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean() / 2


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
        counts = (told >= _TOLD**2).float() * scale**2
        mixed = 4 * share * (1 - share) * torch.exp(-stray / (_STRAY**2 + _STRAY_SHARE * told))
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


class LeCam(nn.Module):
    """Holds scores near the running means of the other side: small data sets then overfit later.

    Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data" (arXiv 2104.03310), equation 3, as
    the authors' code has it: E max(0, real - mean fake)² + E max(0, mean real - fake)², without its weight. A module,
    so that the means are saved and restored with a training.
    """

    real: Tensor
    fake: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("fake", torch.zeros(()))

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        """The penalty, against the means of the steps before; then these scores are taken in."""
        real, fake = real.float(), fake.float()
        penalty = relu(real - self.fake).square().mean() + relu(self.real - fake).square().mean()
        with torch.no_grad():
            self.real.lerp_(real.detach().mean(), 1 - _KEPT)
            self.fake.lerp_(fake.detach().mean(), 1 - _KEPT)
        return penalty
