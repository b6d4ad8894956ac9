"""Pairs in which small things go far over a ground that stays: they are cut out, and drawn where they have got to.

No motion on a grid of cells carries a bird of a few cells across a wide sky. But where it was in the one key frame, the
other one shows the ground; so the engine is given two key frames without it.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.grid import Flow
from ..motion.small_things import SmallThing, find_small_things
from .interface import Around, Pair, Working, follow, render_all, view_for_matching


def prepare_without_small_things(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with small things that go far drawn apart."""
    things = find_small_things(view_for_matching(first), view_for_matching(last))
    return Apart(things, first, last, prepare) if things else prepare(first, last)


_ON = 0.5  # of a mask, from which on a place is on the thing


class Apart(Around):
    """Two frames without some small things, and these things."""

    def __init__(
        self, things: Sequence[SmallThing], first: Working, last: Working, prepare: Callable[[Working, Working], Pair]
    ) -> None:
        """Cuts the things out of both frames, and prepares what is left."""
        self._things, self._frames = things, (first, last)
        grounds = (first.copy(), last.copy())
        for thing in things:
            for ground, other, (x, y, w, h), mask in zip(grounds, (last, first), thing.boxes, thing.masks, strict=True):
                box = np.s_[y : y + h, x : x + w]
                _lay_over(ground, other[box], cv2.dilate(mask, np.ones((3, 3), np.uint8)), x, y)
        super().__init__(prepare(*grounds))
        self.confidence: float = getattr(self._pair, "confidence", 1.0)
        """How well motion explains what is left."""

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = follow(self._pair, *self._frames[0].shape[:2]).copy()
        for thing in self._things:
            x, y, w, h = thing.boxes[0]
            flow[y : y + h, x : x + w][thing.masks[0] > _ON] = thing.shift
        return flow

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = drawn.copy()
            for thing in self._things:
                nearer = int(t > 0.5)
                x, y, w, h = thing.boxes[nearer]
                _lay_over(
                    frame,
                    self._frames[nearer][y : y + h, x : x + w],
                    thing.masks[nearer],
                    x + (t - nearer) * thing.shift[0],
                    y + (t - nearer) * thing.shift[1],
                )
            yield frame


def _lay_over(frame: Working, cut_out: Working, mask: Working, x: float, y: float) -> None:
    """Lays a cut-out with its upper left corner at (x, y) over a frame, in place."""
    left, top = int(np.floor(x)), int(np.floor(y))
    size = (cut_out.shape[1] + 1, cut_out.shape[0] + 1)
    move = np.array([[1, 0, x - left], [0, 1, y - top]], np.float32)
    laid = cv2.warpAffine(cut_out, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR)
    inside = np.s_[max(0, top) : top + size[1], max(0, left) : left + size[0]]
    there = frame[inside]
    own = np.s_[max(0, -top) :, max(0, -left) :]
    laid, share = (part[own][: there.shape[0], : there.shape[1]] for part in (laid, share))
    there[:] = cv2.blendLinear(
        np.ascontiguousarray(laid), np.ascontiguousarray(there), np.ascontiguousarray(share), 1 - share
    ).reshape(there.shape)
