"""Where frames between key frames are guesswork, and which of them are worth a look."""

from typing import NamedTuple

import cv2
import numpy as np

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


def find_worst(doubt: Array) -> Doubt:
    """Finds the part of a frame that is the most doubtful.

    Args:
        doubt: (h, w) in [0, 1].
    """
    side = max(1, round(_PART * max(doubt.shape))) | 1
    means = cv2.blur(doubt.astype(np.float32), (side, side), borderType=cv2.BORDER_REPLICATE)
    y, x = np.unravel_index(int(means.argmax()), means.shape)
    return Doubt(float(means[y, x]), (float(x), float(y)))
