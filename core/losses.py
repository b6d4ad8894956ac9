"""Losses: tensors in, a scalar out. Scores are a discriminator's, of any shape, high for real."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, relu

from ..models.discriminators import Redrawn

R1_EVERY = 16
"""Steps from one gradient penalty to the next; it is weighed up as many times."""
_DIFFERENT = 0.1  # mean difference of colours, of [0, 1], from which on a pixel can show a ghost
_EXPLAINED = 0.03  # RMS difference of colours, of [0, 1], up to which a mixture explains a pixel
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
        pictures: (N, 3, H, W).
    """
    pictures = pictures.detach().requires_grad_(True)
    scores = judge(pictures).flatten(1).mean(1).sum()
    (gradient,) = torch.autograd.grad(scores, pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() / 2


def ghost_score(drawn: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """How much of a picture is a mixture of its two ends, where they differ: 0 none of it, 1 an even cross-fade.

    With d = last - first: the share a of d, in [0, 1], that explains a pixel best, and the RMS r of what no share
    explains. A pixel counts 4a(1 - a) exp(-(r / 0.03)²), and every pixel where |d| is 0.1 or more in the mean counts
    alike. A thing that has moved is in each place one end's colour (a is 0 or 1) or neither's (r is large).

    Differentiable in `drawn`; which pixels count depends on the ends alone.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        first: the same shape.
        last: the same shape.

    Returns:
        (N,) float32 in [0, 1]; 0 where the ends do not differ.
    """
    drawn, first, last = (pictures.float() / 2 for pictures in (drawn, first, last))
    apart = last - first
    share = ((drawn - first) * apart).sum(1, keepdim=True) / (apart.square().sum(1, keepdim=True) + 1e-6)
    share = share.clamp(0, 1)  # (N, 1, H, W)
    missed = (drawn - first - share * apart).square().mean(1)  # (N, H, W)
    share = share[:, 0]
    differs = (apart.abs().mean(1) >= _DIFFERENT).float()  # (N, H, W)
    mixed = 4 * share * (1 - share) * torch.exp(-missed / _EXPLAINED**2)
    return (differs * mixed).sum((1, 2)) / differs.sum((1, 2)).clamp_min(1)  # (N,)


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
