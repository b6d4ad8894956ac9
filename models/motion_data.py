"""What the motion network computes, as named tuples of tensors; `models.motion` describes the network."""

from typing import NamedTuple

from torch import Tensor


class FrameFeatures(NamedTuple):
    """What the motion network computes of each frame alone, so that it serves both pairs of a frame in a film."""

    frames: Tensor
    """(N, 3, H, W) in [-1, 1]: the frames."""
    quarter: Tensor
    """(N, width, H/4, W/4): features."""
    eighth: Tensor
    """(N, 2 width, H/8, W/8): features."""
    wide: Tensor
    """(N, 2 width, H/16, W/16): features, before attention."""


class Match(NamedTuple):
    """The result of global matching, for the losses; cells are those of 1/8."""

    scores: Tensor
    """(N, h * w, h * w) float32: scores of the first frame's cells with the last frame's."""
    none: Tensor
    """() float32: the score of no match."""
    flow: Tensor
    """(2N, 2, h, w) in cells: the best matches, forward and then backward."""
    trust: Tensor
    """(2N, 1, h, w) in [0, 1]: their weight at the gate."""


class Motion(NamedTuple):
    """The motion between two frames: each tensor holds N forward motions, and then N backward ones.

    The grid is 1/4 of the working size.
    """

    flow: Tensor
    """(2N, 2, h, w) float32 in cells."""
    fine: Tensor
    """(2N, 2, 2h, 2w) float32 in cells of its own grid: the motion with sharper outlines."""
    visible: Tensor
    """(2N, 1, h, w) float32: logit of visibility in the other frame."""
    front: Tensor
    """(2N, 1, h, w) float32: depth order; higher is nearer to the viewer."""
    features: Tensor
    """(2N, drawing, h, w): features for the network that draws."""
    small: Tensor
    """(2N, 3, h, w): the frames at this size."""


class Learning(NamedTuple):
    """What the losses need besides the motion."""

    match: Match | None
    """None: the network is guided."""
    steps: list[Tensor]
    """(2N, 2, h', w') in pixels of the working size: the flow after the gate and after each round."""
    visible: list[Tensor]
    """(2N, 1, h', w') logits: visibility in the other frame, after each round."""
    features: FrameFeatures
    """Those of N first frames, and then of N last ones; `wide` may have been changed in place."""
    warped: tuple[Tensor, Tensor] | None = None
    """Both frames moved to t, (N, 3, H, W) each; None before a frame is drawn."""
    claim: Tensor | None = None
    """(N, 1, H/2, W/2) logit: preference at t for the first frame; None before a frame is drawn."""


class Way(NamedTuple):
    """Where frames at t are sampled: each tensor holds N entries for the first frame, and then N for the last."""

    shift: Tensor
    """(2N, 2, 2h, 2w) float32 in cells of that grid: from a position at t to the position in the key frame."""
    claim: Tensor
    """(2N, 1, 2h, 2w) float32 logit: preference for this key frame."""
