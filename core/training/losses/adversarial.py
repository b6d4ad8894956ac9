"""Adversarial losses: tensors in, a scalar out. Scores are a discriminator's, of any shape, high for real."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, relu

from ....models.discriminators import Redrawn

R1_EVERY = 16
"""Steps between two gradient penalties; each is multiplied by this, so that the mean stays (as in StyleGAN2, 16)."""
LECAM_DECAY = 0.99
"""Share of LeCam's running means that is kept at each step: the value of the authors' code."""


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


def hinge_for_spoilt(scores: Tensor, counts: Tensor) -> Tensor:
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


def redraw_loss(redrawn: Redrawn) -> Tensor:
    """Mean absolute error of what the discriminator redrew, whole and quarter together, in [0, 4]."""
    whole = l1_loss(redrawn.whole.float(), redrawn.whole_target.float())
    return whole + l1_loss(redrawn.part.float(), redrawn.part_target.float())


def gradient_penalty(score: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """R1: half the mean squared norm of the score's gradient at real pictures.

    Mescheder et al., "Which Training Methods for GANs do actually Converge?" (arXiv 1801.04406), equation 9, without
    its weight. A picture's score is the mean over its map of scores.

    Args:
        score: maps pictures to scores (N, ...); call this in fp32.
        pictures: (N, 3, H, W), or clips (N, T, 3, H, W).
    """
    pictures = pictures.detach().requires_grad_(True)
    scores = score(pictures).flatten(1).mean(1).sum()
    (gradient,) = torch.autograd.grad(scores, pictures, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean() / 2


class LeCam(nn.Module):
    """Keeps real scores near the running mean of fake ones and vice versa, which delays overfitting on small data sets.

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
        """Returns the penalty against the means of earlier steps, and updates the means by these scores."""
        real, fake = real.float(), fake.float()
        penalty = relu(real - self.fake).square().mean() + relu(self.real - fake).square().mean()
        with torch.no_grad():
            self.real.lerp_(real.detach().mean(), 1 - LECAM_DECAY)
            self.fake.lerp_(fake.detach().mean(), 1 - LECAM_DECAY)
        return penalty
