"""Which drawings of a film are held, and for how long.

**Duplicate drawings** (animation on twos and threes) are compared in the frame's own size with the last drawing that
was kept, never with the frame before, so that slow motion and fades add up until they count.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from .thumbnails import SIDE


class DuplicateFinder:
    """Tells drawings that are held from new ones: each frame is compared with the last one that was kept.

    A frame is new when one of its blocks (a thirty-second of the shorter side) has changed visibly, when the whole has
    changed a little everywhere, or when its light has. Against the last kept frame slow motion and fades add up.
    """

    def __init__(self) -> None:
        self._kept: NDArray[np.uint8] | None = None
        self._light = 0.0

    def is_duplicate(self, frame: NDArray[np.uint8]) -> bool:
        """Whether `frame`, (H, W, 3) uint8, shows the drawing kept last; if not, it is the one kept from now on."""
        light = float(sum(cv2.mean(frame)[:3])) / 3
        kept, kept_light = self._kept, self._light
        if kept is not None and abs(light - kept_light) <= _SAME_LIGHT and _is_same(kept, frame):
            return True
        self._kept, self._light = frame, light
        return False

    def forget(self) -> None:
        """The next frame is new whatever it shows: a shot begins."""
        self._kept = None


_SAME_LIGHT = 0.7  # levels by which the mean of a held drawing may waver in a compressed film
_SAME_WHOLE = 2.0  # levels of mean absolute difference
_SAME_BLOCK = 6.0  # levels of mean absolute difference in the block that differs most


def _is_same(kept: NDArray[np.uint8], frame: NDArray[np.uint8]) -> bool:
    whole = float(cv2.norm(kept, frame, cv2.NORM_L1)) / frame.size
    if whole > _SAME_WHOLE:
        return False
    if whole == 0:
        return True
    off = cv2.absdiff(kept, frame)
    height, width = frame.shape[:2]
    if min(height, width) >= 4 * SIDE:
        off = cv2.resize(off, (width // 2, height // 2))  # the mean of four pixels, and quick
    block = max(4 if min(height, width) >= 16 else 1, min(height, width) // SIDE)
    blocks = cv2.resize(off, (max(1, width // block), max(1, height // block)), interpolation=cv2.INTER_AREA)
    return bool(blocks.max() <= _SAME_BLOCK)


def find_cadence(holds: list[int]) -> int | None:
    """On what a shot is animated: 1 ones, 2 twos, ...: the hold that most of its frames belong to.

    Args:
        holds: for each drawing of the shot, how many frames it is held. The first and last may be cut short, and are
            left out where others are left.

    Returns:
        Frames a drawing; None for a shot of one drawing.
    """
    inner = holds[1:-1] or holds
    if len(holds) < 2:
        return None
    return max(sorted(set(inner)), key=lambda hold: hold * inner.count(hold))
