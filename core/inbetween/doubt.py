"""Where frames between key frames are guesswork, and which of them are worth a look."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

from ..media.frames import Frame
from ..motion.grid import Array
from ..motion.guides import Point

_PART = 0.06  # of the longer side: a hand's breadth, which is what a person looks at
_FROM = (
    0.05  # mean doubt in such a part, from which on it is worth a look: thin outlines that are a little off have less
)


class Doubt(NamedTuple):
    """How doubtful a frame is."""

    amount: float
    """Mean doubt in the worst part, in [0, 1]."""
    place: Point
    """The middle of that part, in pixels of the map."""

    @property
    def is_worth_a_look(self) -> bool:
        """Whether it is more than what lies along any outline."""
        return self.amount >= _FROM


class Moment(NamedTuple):
    """An in-between, and what is known of it."""

    number: int
    """Of the frame, in what is drawn; of a segment's own frames where a segment is drawn."""
    t: float
    """The time, in (0, 1)."""
    frame: Frame
    """The in-between, (H, W, C)."""
    ends: tuple[Frame, Frame]
    """The key frames that it lies between."""
    map: Array
    """Where it is guesswork: (h, w) float32 in [0, 1] on any grid, of the whole picture."""


Watch: TypeAlias = Callable[[Moment], None]
"""Is shown each in-between as it is drawn."""


def find_worst(doubt: Array) -> Doubt:
    """Finds the part of a frame that is the most doubtful.

    Args:
        doubt: (h, w) in [0, 1].
    """
    side = max(1, round(_PART * max(doubt.shape))) | 1
    means = cv2.blur(doubt.astype(np.float32), (side, side), borderType=cv2.BORDER_REPLICATE)
    y, x = np.unravel_index(int(means.argmax()), means.shape)
    return Doubt(float(means[y, x]), (float(x), float(y)))
