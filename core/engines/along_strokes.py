"""Pairs in which a stroke moves as no search finds out: it is taken out of both frames, and laid over what is drawn.

`core.motion.stroke_pairs` finds such strokes in both frames, as a ring that grows and pales, or a tail that swings far.
At each time, a stroke lies along its centreline at that time. It is sampled in both frames and mixed by time: once
straightened, both look alike, or one is paler.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from ..motion.grid import Array, Flow, max_of_channels, pixel_grid, warp
from ..motion.parts import Part
from ..motion.splatting import fill_holes
from ..motion.stroke_pairs import StrokePair, find_strokes
from ..motion.strokes import Curve, Travel
from .blend import Blend
from .interface import Around, Explaining, Pair, Working, follow, limit_colours, render_all, view_for_matching

# Set by eye on core.cartoon.trials.
_MARGIN, _NEAR = 0.008, 0.05  # of the longer side: by which strokes are widened where they are painted out, and around
_STAYS, _MOVES = 12, 0.1  # levels by which ground that stays differs at most, and share of more from which on it moves
_ALIKE = 3  # levels: frames that differ by no more are one
_ROOT = 1.3  # widths before the end by which a stroke hangs on something, up to which it is sampled
_SLACK = 3.0  # pixels beside a stroke up to which its outline fades
_FAINT = 8.0  # levels: contrast to the ground below which a place beside a stroke is ground
_TINY = 1e-6  # weight of what is unknown in filling: it counts only where nothing better is near
_TIMES = (0.25, 0.5, 0.75)  # at which a stroke may have left the frame
_ON = 0.5  # of a mask, from which on a place is on the stroke


def prepare_along_strokes(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with strokes that motion does not explain drawn apart."""
    pair = prepare(first, last)
    if not isinstance(pair, Explaining):
        return pair
    found = find_strokes(view_for_matching(first), view_for_matching(last), pair.find_flows())
    return AlongStrokes(found, pair, first, last, prepare) if found else pair


class _CutOut(NamedTuple):
    """A stroke of a frame."""

    corner: Array
    """(2,) float32: x and y of its upper left corner in the frame."""
    colours: Array
    """(h, w, C) float32, premultiplied, in [0, 255]."""
    opacity: Array
    """(h, w, 1) float32 in [0, 1]; 0 at the border."""


class _Laid(NamedTuple):
    """A stroke at a time, in a box of the frame."""

    box: tuple[slice, slice]
    """Rows and columns."""
    colours: Array
    """(h, w, C) float32, premultiplied."""
    opacity: Array
    """(h, w, 1) float32 in [0, 1]."""


class AlongStrokes(Around):
    """Two frames without some strokes, and these strokes."""

    def __init__(
        self,
        strokes: Sequence[StrokePair],
        pair: Pair,
        first: Working,
        last: Working,
        prepare: Callable[[Working, Working], Pair],
    ) -> None:
        """Takes the strokes out of both frames, and prepares what is left.

        Args:
            strokes: one or more.
            pair: the frames with the strokes, prepared.
            first: a frame.
            last: another of the same shape and type.
            prepare: prepares two frames.
        """
        self._strokes = strokes
        height, width = self._size = first.shape[0], first.shape[1]
        h, w = strokes[0].travel.strokes[0].mask.shape
        self._to_frame = np.array([width / w, height / h])
        grounds = self._paint_out((first, last), pair)
        still = float(cv2.absdiff(*grounds).max()) <= _ALIKE
        super().__init__(Blend(*grounds) if still else prepare(*grounds), first.shape)
        self.leaves = self.leaves or any(self._leaves(stroke) for stroke in strokes)
        self._cut_outs = [
            [self._cut_out(frame, ground, s.travel.strokes[end].mask) for s in strokes]
            for end, (frame, ground) in enumerate(zip((first, last), grounds, strict=True))
        ]

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = super().follow().copy()
        for stroke in self._strokes:
            travel, curve = stroke.travel, stroke.travel.end(0)
            box = self._find_box(curve, travel.width(0) / 2 + _SLACK)
            if box is not None:
                lengths, offsets, near = self._find_places(curve, box, travel, 0.0)
                moved = self._carry(travel, 1, lengths / curve.step, offsets / travel.width(0))
                on = (self._enlarge(travel.strokes[0].mask)[box] > _ON) & (near > 0)
                flow[box][on] = (moved - pixel_grid(*self._size)[box])[on]
        return flow

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on a part at t: (H, W) in [0, 1]; strokes of the part are where they are at t."""
        cover = super().cover(part, t).copy()
        own = part.find_mask(0)
        for number, stroke in enumerate(self._strokes):
            masks = [self._enlarge(one.mask) > _ON for one in stroke.travel.strokes]
            if own[masks[0]].mean() <= _ON:
                continue
            cover[masks[0] | masks[1]] = 0  # the other pair does not know that it has left
            laid = self._place(number, t)
            if laid is not None:
                cover[laid.box] = np.maximum(cover[laid.box], laid.opacity[..., 0])
        return cover

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = drawn.astype(np.float32)
            for number in range(len(self._strokes)):
                laid = self._place(number, t)
                if laid is not None:
                    frame[laid.box] = frame[laid.box] * (1 - laid.opacity) + laid.colours
            yield limit_colours(frame) if drawn.dtype == np.float32 else np.clip(frame + 0.5, 0, 255).astype(np.uint8)

    def _enlarge(self, mask: Array) -> Array:
        """A mask of the size of strokes, as large as the frames: (H, W) float32."""
        return np.asarray(cv2.resize(mask.astype(np.float32), self._size[::-1], interpolation=cv2.INTER_LINEAR))

    def _paint_out(self, frames: tuple[Working, Working], pair: Pair) -> tuple[Working, Working]:
        """Both frames without the strokes: what is behind is in the other one, or is filled from around."""
        height, width = self._size
        front = np.zeros((height, width), bool)
        for stroke in self._strokes:
            if stroke.front is not None:
                front |= self._enlarge(stroke.front) > _ON
        masks = [
            self._enlarge(np.logical_or.reduce([s.travel.strokes[end].mask for s in self._strokes])) > _ON / 2
            for end in range(2)
        ]
        side = 2 * max(2, round(_MARGIN * max(height, width))) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        # what both frames show at one place is the ground, or lies over the strokes
        kept = (_measure_apart(*frames) <= _ALIKE) & ~masks[0] & ~masks[1] | front
        gone = [(cv2.dilate(mask.astype(np.uint8), disc) > 0) & ~kept for mask in masks]
        ways = self._find_ground_ways(frames, pair, gone[0] | gone[1])
        grid, grounds = pixel_grid(height, width), []
        for end, frame in enumerate(frames):
            other, hidden = frames[1 - end], gone[1 - end]
            if ways is not None:
                at = (grid + ways[end]).astype(np.float32)
                other = warp(other, at).reshape(frame.shape)
                hidden = warp(hidden.astype(np.float32), at) > 0.01
                hidden |= ((at < 0) | (at > (width - 1, height - 1))).any(2)
            ground = np.where((gone[end] & ~hidden)[..., None], other, frame)
            lost = gone[end] & hidden
            if lost.any():
                known = 1 - (lost | front).astype(np.float32)
                filled = fill_holes(ground.astype(np.float32), known + np.float32(_TINY)).reshape(frame.shape)
                filled = np.clip(filled + (0.5 if frame.dtype == np.uint8 else 0), 0, 255).astype(frame.dtype)
                ground = np.where(lost[..., None], filled, ground)
            grounds.append(np.ascontiguousarray(ground))
        return grounds[0], grounds[1]

    def _find_ground_ways(self, frames: tuple[Working, Working], pair: Pair, gone: Array) -> list[Flow] | None:
        """From pixels of each frame to the same ground in the other one: (H, W, 2) each; None if it stays."""
        height, width = self._size
        reach = 2 * round(_NEAR * max(height, width)) + 1
        near = cv2.dilate(gone.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        around = near & ~gone
        if not around.any() or float((_measure_apart(*frames)[around] > _STAYS).mean()) < _MOVES:
            return None
        way = fill_holes(follow(pair, height, width), 1 - near.astype(np.float32) + np.float32(_TINY))
        return [way, -way]

    def _cut_out(self, frame: Working, ground: Working, mask: Array) -> _CutOut:
        """A stroke of a frame, by a mask of it."""
        side = 2 * max(1, round(float(self._to_frame.max()))) + 1
        window = np.ones((side, side), np.uint8)
        on = (self._enlarge(mask) > _ON).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(on)
        room = 3 * side
        box = np.s_[max(0, y - room) : y + h + room, max(0, x - room) : x + w + room]
        on, here, behind = on[box], np.ascontiguousarray(frame[box]), np.ascontiguousarray(ground[box])
        inner, near = cv2.erode(on, window), cv2.dilate(on, window)
        # along an outline, the part of the contrast that is left is the part of the pixel that it covers
        apart = _measure_apart(here, behind) * near
        most = cv2.dilate(apart, np.ones((2 * side + 1, 2 * side + 1), np.uint8))
        opacity = np.maximum(np.clip(apart / np.maximum(most, _FAINT), 0, 1), inner).astype(np.float32)[..., None]
        colours = np.clip(here.astype(np.float32) - (1 - opacity) * behind, 0, 255 * opacity)
        return _CutOut(np.array([box[1].start, box[0].start], np.float32), colours, opacity)

    def _place(self, number: int, t: float) -> _Laid | None:
        """A stroke where it is at t; None if that is outside of the frame."""
        stroke = self._strokes[number]
        travel, curve = stroke.travel, stroke.travel.at(t)
        box = self._find_box(curve, travel.width(t) / 2 + _SLACK)
        if box is None:
            return None
        lengths, offsets, near = self._find_places(curve, box, travel, t)
        if stroke.front is not None:
            # what goes on behind it is seen only where a key frame has the stroke
            shown = self._enlarge(travel.strokes[0].mask | travel.strokes[1].mask)[box] > _ON / 2
            near *= (shown | (lengths <= travel.common)) * (1 - self._enlarge(stroke.front)[box])
        colours: Array = np.zeros((*near.shape, 1), np.float32)
        opacity: Array = np.zeros(near.shape, np.float32)
        for end, share in ((0, np.float32(1 - t)), (1, np.float32(t))):
            cut_out = self._cut_outs[end][number]
            at = self._carry(travel, end, lengths / curve.step, offsets / travel.width(t)) - cut_out.corner
            opacity = opacity + share * warp(cut_out.opacity, at, cv2.INTER_CUBIC)
            colours = colours + share * warp(cut_out.colours, at, cv2.INTER_CUBIC).reshape(*near.shape, -1)
        opacity = np.clip(opacity, 0, 1) * near
        colours = colours * near[..., None]
        return _Laid(box, np.clip(colours, 0, 255 * opacity[..., None]), opacity[..., None])

    def _carry(self, travel: Travel, end: int, steps: Array, offsets: Array) -> Array:
        """Places of a stroke in one frame, (h, w, 2) float32 in its pixels, by steps along and widths beside it."""
        one, curve = travel.strokes[end], travel.end(end)
        along = steps * curve.step
        if not travel.closed:  # what it hangs on hides it, and may do so less on the way
            along = np.minimum(along, one.length - _ROOT * one.width)
        return np.asarray((curve.at(along, offsets * one.width) + 0.5) * self._to_frame - 0.5, np.float32)

    def _find_box(self, curve: Curve, half: float) -> tuple[slice, slice] | None:
        """The part of the frame in which a stroke is; None if it is outside."""
        limits = self._size[::-1]
        low = np.clip(np.floor((curve.places.min(0) - half) * self._to_frame), 0, limits).astype(int)
        high = np.clip(np.ceil((curve.places.max(0) + half + 1) * self._to_frame), 0, limits).astype(int)
        return None if (high <= low).any() else (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))

    def _leaves(self, stroke: StrokePair) -> bool:
        """Whether a stroke leaves the frame on its way."""
        travel = stroke.travel
        for t in _TIMES:
            curve = travel.at(t)
            seen = curve.places[travel.closed | (curve.lengths >= 0) & (curve.lengths <= travel.common)]
            half = travel.width(t) / 2
            edge = np.array(self._size[::-1]) / self._to_frame
            if (seen < half).any() or (seen > edge - half).any():
                return True
        return False

    def _find_places(
        self, curve: Curve, box: tuple[slice, slice], travel: Travel, t: float
    ) -> tuple[Array, Array, Array]:
        """Lengths along the curve and distances to its right of a box's pixels, and which are on the stroke.

        All are (h, w); the first two are in pixels of the picture in which strokes are found.
        """
        rows, columns = box
        height, width = rows.stop - rows.start, columns.stop - columns.start
        corner = np.array([columns.start, rows.start])
        grid = ((pixel_grid(height, width) + corner + 0.5) / self._to_frame - 0.5).astype(np.float64)
        count = max(2, int(np.ceil(len(curve.places) * curve.step * self._to_frame.max())))
        dense = np.linspace(curve.lengths[0], curve.lengths[-1], count)
        places, angles = curve.at(dense, np.zeros(count)), np.interp(dense, curve.lengths, curve.angles)
        x, y = np.rint((places + 0.5) * self._to_frame - 0.5 - corner).astype(int).T
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        free, number = np.ones((height, width), np.uint8), np.zeros((height, width), int)
        free[y[inside], x[inside]] = 0
        number[y[inside], x[inside]] = np.flatnonzero(inside)
        _, labels = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
        nearest = np.zeros(int(labels.max()) + 1, int)
        nearest[labels[free == 0]] = number[free == 0]
        index = nearest[labels]
        away, angle = grid - places[index], angles[index]
        ahead = away[..., 0] * np.cos(angle) + away[..., 1] * np.sin(angle)
        offsets = away[..., 1] * np.cos(angle) - away[..., 0] * np.sin(angle)
        lengths = dense[index] + ahead
        half = travel.width(t) / 2 + _SLACK
        near = (np.abs(offsets) < half) & (np.abs(ahead) < half)
        if not travel.closed:
            near &= lengths <= travel.common + travel.width(t) / 2
        return lengths, offsets, near.astype(np.float32)


def _measure_apart(one: Working, other: Working) -> Array:
    """The largest difference of two frames in any channel: (H, W) float32."""
    return max_of_channels(cv2.absdiff(one, other).reshape(one.shape)).astype(np.float32)
