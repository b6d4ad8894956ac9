"""What a motion model is to lower: errors of the motion where it is known, and of the frames that are drawn along it.

Motion and masks are compared at the network's own grids, each cell with the pixel in its middle. As a cell of an even
number of pixels has four such, `corner` says which; taking turns leaves no bias.
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
"""Pixels across a cell of the global matching."""
_HIDDEN_WEIGHT = 0.3  # of the motion of what the other frame does not show: known, but hard to tell
_STILL_WEIGHT, _FARTHEST = 0.3, 4.0  # of a match that stays; cells of motion from which on farther counts no more
_SLACK = 0.05  # pixels within which an end-point error is rounded off
_CLOSER = 0.8  # how much less each earlier estimate counts
_STYLED = (3, 8, 15, 22)  # VGG16's layers whose Gram matrices are compared: relu1_2, 2_2, 3_3 and 4_3
_CENSUS = 7  # pixels across a census window


def pick(values: Tensor, height: int, width: int, corner: int = 0) -> Tensor:
    """The middle pixels of cells: (N, C, H, W) to (N, C, height, width); `corner` 0 to 3 says which of the four."""
    down, across = values.shape[2] // height, values.shape[3] // width
    top, left = max(0, down // 2 - corner // 2), max(0, across // 2 - corner % 2)
    return values[:, :, top::down, left::across]


def end_point_errors(
    steps: list[Tensor], truth: Tensor, visible: Tensor, counts: Tensor, corner: int = 0
) -> tuple[Tensor, Tensor]:
    """How far estimates of the motion lead astray, in pixels.

    Args:
        steps: estimates, the last one is the best: (N, 2, h, w) in pixels of the truth.
        truth: (N, 2, H, W).
        visible: (N, 1, H, W) bool: what is seen in the other frame counts more.
        counts: (N, 1, H, W) bool: where the motion is known.
        corner: see the module.

    Returns:
        The weighted sum over all estimates, to be lowered, and the last one's mean error.
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
    """Cross-entropy of each cell's belief about where it goes, both ways.

    The true place lies between four cells, which share the belief by nearness; what is not seen in the other frame goes
    nowhere. van den Oord et al., "Contrastive Predictive Coding" (arXiv 1807.03748), equation 4, is the same for one
    true place. The farther a cell goes, the more it counts: two thirds of all cells hardly move, and would teach that
    nothing does.

    Args:
        match: what the network found.
        truth: (2N, 2, H, W): the motion forward, and then backward.
        visible: (2N, 1, H, W) bool: seen in the other frame.
        counts: (2N, 1, H, W) bool: where that is known, and the motion too if it is seen.
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


def sight_loss(logits: list[Tensor], visible: Tensor, counts: Tensor, corner: int = 0) -> Tensor:
    """Cross-entropy of estimates of what is seen in the other frame; the later, the more they count.

    Args:
        logits: (N, 1, h, w) each.
        visible: (N, 1, H, W) bool.
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


def laplacian_distance(drawn: Tensor, truth: Tensor, levels: int = 5) -> Tensor:
    """Mean absolute differences of Laplacian pyramids, each level weighed by its scale.

    Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (arXiv 1707.05776), section 3.3; Niklaus and
    Liu, "Context-aware Synthesis" (CVPR 2018), equation 4. With means of 2 x 2 pixels for the Gaussian.

    Args:
        drawn: (N, 3, H, W) in [-1, 1].
        truth: the same shape.
        levels: of the pyramid, the rest included.
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
    """How differently pixels stand out from their neighbours, whatever the light: in [0, 1].

    The soft census transform of Meister et al., "UnFlow" (AAAI 2018), section 3.3, of brightness in [0, 255], with the
    constants of RIFE's code, over 7 x 7 pixels.

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
    """(N, 3, H, W) to (N, 49, H, W) in (-1, 1)."""
    light = frames.float().new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (frames.float() * light).sum(1, keepdim=True) * 127.5
    windows = torch.eye(_CENSUS**2, device=frames.device).view(-1, 1, _CENSUS, _CENSUS)
    around = conv2d(pad(grey, (_CENSUS // 2,) * 4, mode="replicate"), windows)
    apart = around - grey
    soft: Tensor = apart / (0.81 + apart.square()).sqrt()
    return soft


def picture_distance(drawn: Tensor, truth: Tensor) -> Tensor:
    """Absolute, Laplacian and census differences together: what drawn frames are compared with the truth by.

    Args:
        drawn: (N, 3, H, W) in [-1, 1], sides of 7 pixels or more.
        truth: the same shape.
    """
    absolute = l1_loss(drawn.float(), truth.float())
    return absolute + 0.2 * laplacian_distance(drawn, truth) + census_distance(drawn, truth)


class StyleDistance(nn.Module):
    """Squared differences of Gram matrices of VGG16's features: a soft picture has other statistics than a sharp one.

    Gatys et al., "Image Style Transfer" (CVPR 2016), equation 4, as in Reda et al., "FILM" (ECCV 2022), section 3.2:
    that of the two key frames' warp is not asked for, only that what is drawn has the truth's.
    """

    def __init__(self, encoder: VggEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, drawn: Tensor, truth: Tensor) -> Tensor:
        """Compares (N, 3, H, W) in [-1, 1]; computes in fp32."""
        with torch.autocast(drawn.device.type, enabled=False):
            features = torch.cat([drawn.float(), truth.float().detach()])
            features = ((features + 1) / 2 - self.encoder.mean) / self.encoder.deviation
            total = torch.zeros((), device=drawn.device)
            for number, layer in enumerate(self.encoder.features[: _STYLED[-1] + 1]):
                features = layer(features.clone() if isinstance(layer, nn.ReLU) else features)
                if number in _STYLED:
                    flat = features.flatten(2)  # (2N, C, P)
                    gram = flat @ flat.transpose(1, 2) / flat.shape[2]  # (2N, C, C)
                    one, other = gram.chunk(2)
                    size = other.square().mean((1, 2)).clamp_min(1e-8)  # layers differ in strength a hundredfold
                    total = total + ((one - other).square().mean((1, 2)) / size).mean()
            return total / len(_STYLED)
