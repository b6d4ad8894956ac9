"""What the motion engine asks of a network: four steps, by NumPy arrays, whatever computes them.

`models.motion` describes the network. Implementations: `motion` (PyTorch) and `motion_onnx` (ONNX Runtime).
"""

from typing import Any, NamedTuple, Protocol

from ..motion.grid import Array

Encoded = tuple[Any, ...]
"""What the first step computes of one frame; only the steps that have made it can read it."""


class FoundMotion(NamedTuple):
    """The motion between two frames; each array is that of the first frame and then that of the last.

    All are float32. (h, w) is 1/4 of the working size.
    """

    flow: Array
    """(2, 2, h, w) in cells: forward and backward, each (dx, dy)."""
    fine: Array
    """(2, 2, 2h, 2w) in cells of its own grid: the motion with sharper outlines."""
    visible: Array
    """(2, 1, h, w): logit of visibility in the other frame."""
    front: Array
    """(2, 1, h, w): depth order; higher is nearer to the viewer."""
    features: Array
    """(2, C, h, w): features for the second step."""
    small: Array
    """(2, 3, h, w) in [-1, 1]: the frames at this size."""


class FoundWay(NamedTuple):
    """Where the frame at a time is sampled: in the first frame, and then in the last."""

    shift: Array
    """(2, 2, 2h, 2w) float32 in cells of that grid: from a position at t to the position in the key frame."""
    claim: Array
    """(2, 1, 2h, 2w) float32 logit: preference for this key frame."""


class MotionSteps(Protocol):
    """The four steps of a motion network.

    The same inputs give the same bits, in whatever order and in whichever thread they are computed.
    """

    threads: int
    """In how many threads steps are best computed at the same time."""

    def encode(self, frame: Array) -> Encoded:
        """Computes what `find_motion` needs of one frame, (H, W, 3) uint8 RGB; H and W are multiples of 16."""

    def find_motion(self, first: Encoded, last: Encoded, given: Array | None) -> FoundMotion:
        """Finds the motion between two frames of one size.

        Args:
            first: what `encode` gives of the first frame.
            last: the same of the last.
            given: (2, 2, H/2, W/2) float32 in cells of that grid: the motion of a search, forward and then backward.
        """

    def find_way(self, motion: FoundMotion, t: float) -> FoundWay:
        """Finds where the frame at t, in (0, 1), is sampled."""

    def decide(self, way: FoundWay, difference: Array) -> Array:
        """The first frame's share where both are blended.

        Args:
            way: where the frame is sampled.
            difference: (2h, 2w) float32: mean absolute difference of the two warped frames, colours in [-1, 1].

        Returns:
            (2h, 2w) float32 in [0, 1].
        """
