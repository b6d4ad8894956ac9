"""Pairs in which small things go far over a ground that stays: they are cut out, and drawn where they have got to.

No motion on a grid of cells carries a bird of a few cells across a wide sky. But where it was in the one key frame, the
other one shows the ground; so the engine is given two key frames without it.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.grid import Array, Flow
from ..motion.parts import Part
from ..motion.small_things import SmallThing, find_small_things
from .interface import Around, Pair, Working, render_all, view_for_matching


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
        super().__init__(prepare(*grounds), first.shape)

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = super().follow().copy()
        for thing in self._things:
            x, y, w, h = thing.boxes[0]
            flow[y : y + h, x : x + w][thing.masks[0] > _ON] = thing.shift
        return flow

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on a part at t: (H, W) in [0, 1]; things of the part are where they have got to."""
        cover = super().cover(part, t)
        for thing in self._things:
            (x, y, w, h), on = thing.boxes[0], thing.masks[0] > _ON
            if part.find_mask(0)[y : y + h, x : x + w][on].mean() > _ON:
                for x, y, w, h in thing.boxes:  # the other pair does not know that it has left
                    cover[y : y + h, x : x + w] = 0
                _lay_thing(cover[..., None], thing, [np.ones((h, w, 1), np.float32) for *_, w, h in thing.boxes], t)
        return cover

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = drawn.copy()
            for thing in self._things:
                cut_outs = [
                    whole[y : y + h, x : x + w] for whole, (x, y, w, h) in zip(self._frames, thing.boxes, strict=True)
                ]
                _lay_thing(frame, thing, cut_outs, t)
            yield frame


def _lay_thing(frame: Working, thing: SmallThing, cut_outs: Sequence[Working], t: float) -> None:
    """Lays a thing over a frame where it has got to, in place, as it is cut out of the nearer key frame."""
    nearer = int(t > 0.5)
    x, y, _, _ = thing.boxes[nearer]
    dx, dy = thing.shift
    _lay_over(frame, cut_outs[nearer], thing.masks[nearer], x + (t - nearer) * dx, y + (t - nearer) * dy)


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
