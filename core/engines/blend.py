"""A plain cross-fade."""

import cv2

from .interface import Working


class BlendEngine:
    """A plain cross-fade, for comparison: nothing moves, things fade out here and in there."""

    name = "blend"

    def prepare(self, first: Working, last: Working) -> "Blend":
        """Keeps the two frames."""
        return Blend(first, last)


class Blend:
    """A pair of frames that fade into each other."""

    def __init__(self, first: Working, last: Working) -> None:
        self._first, self._last = first, last

    def render(self, t: float) -> Working:
        """Draws (1 - t) * first + t * last."""
        mixed = cv2.addWeighted(self._first, 1 - t, self._last, t, 0)
        return mixed.reshape(self._first.shape)
