"""Where in-betweens are guesswork, and which of them a person should check."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np

from ..media.frames import Frame
from ..motion.grid import Array
from ..motion.guides import Point

# Neither is tuned. benchmarks/doubt.py, which compares doubt with the true error, uses parts of the same size.
_PART = 0.06  # longer sides of the picture: the side of the part in which doubt is averaged, about a hand's size
_FROM = 0.05  # mean doubt in such a part from which on a frame is worth checking; thin outlines a little off have less


class Doubt(NamedTuple):
    """How doubtful a frame is."""

    amount: float
    """Mean doubt in the worst part, in [0, 1]."""
    place: Point
    """The middle of that part, in pixels of the map."""

    @property
    def is_worth_a_look(self) -> bool:
        """Whether it is more than the doubt along any outline."""
        return self.amount >= _FROM


class Moment(NamedTuple):
    """An in-between, with its key frames and its doubt."""

    number: int
    """The frame's number among all frames, or within its segment where one segment is drawn."""
    t: float
    """The time, in (0, 1)."""
    frame: Frame
    """The in-between, (H, W, C)."""
    ends: tuple[Frame, Frame]
    """The key frames before and after it."""
    map: Array
    """Where it is guesswork: (h, w) float32 in [0, 1]; the whole picture at any resolution."""


Watch: TypeAlias = Callable[[Moment], None]
"""Called with each in-between as it is drawn."""


def find_worst(doubt: Array) -> Doubt:
    """Finds the part of a frame that is the most doubtful.

    Args:
        doubt: (h, w) in [0, 1].
    """
    side = max(1, round(_PART * max(doubt.shape))) | 1
    means = cv2.blur(doubt.astype(np.float32), (side, side), borderType=cv2.BORDER_REPLICATE)
    y, x = np.unravel_index(int(means.argmax()), means.shape)
    return Doubt(float(means[y, x]), (float(x), float(y)))
