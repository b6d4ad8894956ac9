"""Losses of the motion network: errors of the motion, where it is known, and of the frames that are drawn.

Motion and masks are compared on the network's grids, each cell with the pixel at its centre. A cell with an even number
of pixels has four central ones; `corner` chooses one of them, and trainings alternate, so that there is no bias.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    avg_pool2d,
    binary_cross_entropy_with_logits,
    conv2d,
    interpolate,
    l1_loss,
    pad,
)

from ....models.motion import Match
from ....models.vgg import VggEncoder
from ....models.warping import pixel_grid

MATCH_CELL = 8
"""Side of a cell of the global matching in pixels."""
_HIDDEN_WEIGHT = 0.3  # weight of motion that is not visible in the other frame: known, but hard to predict
_STILL_WEIGHT, _FARTHEST = 0.3, 4.0  # weight of a match without motion; cells of motion above which the weight is equal
_SLACK = 0.05  # pixels; smooths the end-point error near 0
_CLOSER = 0.8  # factor of the weight from one estimate to the one before, as in RAFT
_STYLED = (3, 8, 15, 22)  # VGG16's layers whose Gram matrices are compared: relu1_2, 2_2, 3_3 and 4_3
_DIFFER = 0.01  # mean difference of two frames, in [-1, 1], below which their claims have less weight
_CENSUS = 7  # side of a census window in pixels


def pick(values: Tensor, height: int, width: int, corner: int = 0) -> Tensor:
    """Takes the central pixel of each cell: (N, C, H, W) to (N, C, height, width); for `corner`, see the module."""
    down, across = values.shape[2] // height, values.shape[3] // width
    top, left = max(0, down // 2 - corner // 2), max(0, across // 2 - corner % 2)
    return values[:, :, top::down, left::across]


def end_point_errors(
    steps: list[Tensor], truth: Tensor, visible: Tensor, counts: Tensor, corner: int = 0
) -> tuple[Tensor, Tensor]:
    """End-point errors of estimates of the motion, in pixels.

    Args:
        steps: estimates, the best one last: (N, 2, h, w) in pixels of the truth.
        truth: (N, 2, H, W): the true motion.
        visible: (N, 1, H, W) bool: visible in the other frame; other pixels have less weight.
        counts: (N, 1, H, W) bool: where the motion is known.
        corner: see the module.

    Returns:
        The loss, a weighted mean over all estimates, and the mean error of the last estimate.
    """
    total = last = torch.zeros((), device=truth.device)
    weights = [_CLOSER ** (len(steps) - 1 - number) for number in range(len(steps))]
    for step, weight in zip(steps, weights, strict=True):
        size = step.shape[-2:]
        wanted, seen, known = (pick(x, size[0], size[1], corner) for x in (truth, visible, counts))
        error = ((step.float() - wanted).square().sum(1, keepdim=True) + _SLACK**2).sqrt()  # (N, 1, h, w)
        share = known * torch.where(seen, 1.0, _HIDDEN_WEIGHT)
        last = (error * share).sum() / share.sum().clamp_min(1)
        total = total + weight * last
    return total / sum(weights), last


def matching_loss(match: Match, truth: Tensor, visible: Tensor, counts: Tensor, corner: int = 0) -> Tensor:
    """Cross-entropy of the matching probabilities, both ways.

    The true position lies between four cells, which get bilinear target probabilities; the target of a cell that is not
    visible in the other frame is "no match". With a single true position it is the loss of van den Oord et al.,
    "Contrastive Predictive Coding" (arXiv 1807.03748), equation 4. Longer motion has more weight, since two thirds of
    all cells hardly move and would dominate the loss.

    Args:
        match: the network's global matching.
        truth: (2N, 2, H, W): the true motion forward, and then backward.
        visible: (2N, 1, H, W) bool: visible in the other frame.
        counts: (2N, 1, H, W) bool: where visibility is known, and also the motion of what is visible.
        corner: see the module.
    """
    height, width = match.flow.shape[-2:]
    visible, known = (pick(x, height, width, corner).flatten(1) for x in (visible, counts))  # (2N, hw)
    flow = pick(truth, height, width, corner) / MATCH_CELL
    length = flow.norm(dim=1).flatten(1)  # (2N, hw)
    places = (pixel_grid(height, width, flow.device) + flow).flatten(2)  # (2N, 2, hw)
    limit = torch.tensor([width - 1, height - 1], device=flow.device).view(1, 2, 1)
    places = places.clamp(torch.zeros_like(limit), limit)
    floor = places.floor().clamp(max=(limit - 1).clamp_min(0))
    beyond = places - floor  # (2N, 2, hw)
    index = (floor[:, 1] * width + floor[:, 0]).long()  # (2N, hw) of the upper left cell
    right, low = min(1, width - 1), width * min(1, height - 1)
    loss = torch.zeros((), device=flow.device)
    count = len(match.scores)
    for mine, scores in (
        (slice(count), match.scores),
        (slice(count, None), match.scores.transpose(1, 2)),
    ):
        whole = torch.logaddexp(scores.logsumexp(2), match.none)  # (N, hw)
        x, y = beyond[mine].unbind(1)
        expected = torch.zeros_like(whole)
        for further, weight in (
            (0, (1 - x) * (1 - y)),
            (right, x * (1 - y)),
            (low, (1 - x) * y),
            (right + low, x * y),
        ):
            expected = expected + weight * scores.gather(2, (index[mine] + further)[..., None])[..., 0]
        surprise = whole - torch.where(visible[mine], expected, match.none)
        share = known[mine] * torch.where(visible[mine], _STILL_WEIGHT + length[mine].clamp(max=_FARTHEST), 1.0)
        loss = loss + (surprise * share).sum() / share.sum().clamp_min(1)
    return loss / 2


def visibility_loss(logits: list[Tensor], visible: Tensor, counts: Tensor, corner: int = 0) -> Tensor:
    """Cross-entropy of estimates of visibility in the other frame; later estimates have more weight.

    Args:
        logits: (N, 1, h, w) each, the best one last.
        visible: (N, 1, H, W) bool: the truth.
        counts: (N, 1, H, W) bool: where it is known.
        corner: see the module.
    """
    total = torch.zeros((), device=visible.device)
    weights = [_CLOSER ** (len(logits) - 1 - number) for number in range(len(logits))]
    for logit, weight in zip(logits, weights, strict=True):
        wanted, known = (pick(x, logit.shape[2], logit.shape[3], corner).float() for x in (visible, counts))
        each = binary_cross_entropy_with_logits(logit.float(), wanted, reduction="none")
        total = total + weight * (each * known).sum() / known.sum().clamp_min(1)
    return total / sum(weights)


def claim_loss(claim: Tensor, warped: tuple[Tensor, Tensor], truth: Tensor) -> Tensor:
    """Cross-entropy of which of the two warped frames is right, weighted by how much worse the wrong one is.

    Where the frames differ, the drawn frame shows one of them, along seams whose data term is this claim.

    Args:
        claim: (N, 1, h, w) logit: preference for the first frame.
        warped: the first and the last frame moved to the time of the truth, (N, 3, H, W) in [-1, 1] each.
        truth: the same shape.
    """
    with torch.no_grad():
        errors = [(frame - truth).abs().mean(1, keepdim=True) for frame in warped]  # (N, 1, H, W)
        first, last = (interpolate(error, claim.shape[-2:], mode="area") for error in errors)  # (N, 1, h, w)
        weight = (first - last).abs()
    each = binary_cross_entropy_with_logits(claim.float(), (first < last).float(), reduction="none")
    return (each * weight).sum() / weight.sum().clamp_min(_DIFFER * max(1, weight.numel()))


def laplacian_distance(drawn: Tensor, truth: Tensor, levels: int = 5) -> Tensor:
    """Mean absolute difference of Laplacian pyramids, each level weighted by its scale.

    Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (arXiv 1707.05776), section 3.3; Niklaus and
    Liu, "Context-aware Synthesis" (CVPR 2018), equation 4. Means of 2 x 2 pixels replace the Gaussian.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        truth: the same shape.
        levels: levels of the pyramid, including the last, low-pass one.
    """
    difference = drawn.float() - truth.float()  # the pyramid is linear
    total, weight = torch.zeros((), device=drawn.device), 1
    for _ in range(levels - 1):
        if min(difference.shape[-2:]) < 2:
            break
        small = avg_pool2d(difference, 2, ceil_mode=True, count_include_pad=False)
        around = interpolate(small, difference.shape[-2:], mode="bilinear", align_corners=False)
        total = total + weight * (difference - around).abs().mean()
        difference, weight = small, 2 * weight
    return total + weight * difference.abs().mean()


def census_distance(drawn: Tensor, truth: Tensor) -> Tensor:
    """Soft census distance in [0, 1], which does not depend on the brightness.

    Meister et al., "UnFlow" (AAAI 2018), section 3.3, of brightness in [0, 255], over 7 x 7 pixels, with the constants
    of RIFE's code.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        truth: the same shape.
    """
    one, other = _census(drawn), _census(truth)
    gap = (one - other).square()
    reach = _CENSUS // 2
    each: Tensor = (gap / (0.1 + gap)).mean(1)[:, reach:-reach, reach:-reach]
    return each.mean()


def _census(frames: Tensor) -> Tensor:
    """The soft census transform: (N, 3, H, W) to (N, 49, H, W) in (-1, 1)."""
    light = frames.float().new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (frames.float() * light).sum(1, keepdim=True) * 127.5
    windows = torch.eye(_CENSUS**2, device=frames.device).view(-1, 1, _CENSUS, _CENSUS)
    around = conv2d(pad(grey, (_CENSUS // 2,) * 4, mode="replicate"), windows)
    apart = around - grey
    soft: Tensor = apart / (0.81 + apart.square()).sqrt()
    return soft


def picture_distance(drawn: Tensor, truth: Tensor) -> Tensor:
    """The distance of drawn frames from the truth: absolute, Laplacian and census differences.

    Args:
        drawn: (N, 3, H, W) in [-1, 1], sides of 7 pixels or more.
        truth: the same shape.
    """
    absolute = l1_loss(drawn.float(), truth.float())
    return absolute + 0.2 * laplacian_distance(drawn, truth) + census_distance(drawn, truth)


class StyleDistance(nn.Module):
    """Squared difference of Gram matrices of VGG16's features, which penalises soft pictures.

    Gatys et al., "Image Style Transfer" (CVPR 2016), equation 4, as used in Reda et al., "FILM" (ECCV 2022), section
    3.2; each layer is divided by the truth's strength.
    """

    def __init__(self, encoder: VggEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, drawn: Tensor, truth: Tensor) -> Tensor:
        """The distance of pictures, (N, 3, H, W) in [-1, 1] each, computed in fp32."""
        with torch.autocast(drawn.device.type, enabled=False):
            pictures = torch.cat([drawn.float(), truth.float().detach()])
            total = torch.zeros((), device=drawn.device)
            for features in self.encoder.read_layers(pictures, _STYLED):
                flat = features.flatten(2)  # (2N, C, P)
                gram = flat @ flat.transpose(1, 2) / flat.shape[2]  # (2N, C, C)
                one, other = gram.chunk(2)
                size = other.square().mean((1, 2)).clamp_min(1e-8)  # layers differ in strength a hundredfold
                total = total + ((one - other).square().mean((1, 2)) / size).mean()
            return total / len(_STYLED)
