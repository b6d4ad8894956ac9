"""Pairs in which strokes move as no search finds out: they are taken out of both frames, and laid over what is drawn.

Such a stroke, as a ring that grows and pales or a tail that swings far, is known in both frames (see
`core.motion.stroke_pairs`). At each time it lies along its centreline at that time. It is sampled in both frames and
mixed by time, as both look alike once they are straightened, or pale along a straight line of colours.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.grid import Array, Flow, max_of_channels, pixel_grid, warp
from ..motion.splatting import fill_holes
from ..motion.stroke_pairs import StrokePair, find_strokes
from ..motion.strokes import Curve
from .blend import Blend
from .interface import Around, Explaining, Pair, Working, follow, limit_colours, render_all, view_for_matching

_MARGIN, _AROUND = 0.008, 0.05  # of the longer side: by which strokes are widened where they are painted out, and around
_CHANGED, _FEW = 12, 0.1  # levels, and share of what is around strokes from which on the ground moves
_STILL = 3  # levels: grounds that differ by less are one
_TINY = 1e-6  # weight of what is unknown in filling: it counts only where nothing better is near
_ROOT = 1.3  # widths before the end at which a stroke hangs on something, up to which it is sampled
_HIDDEN = 0.0  # pixels, beside half a width, by which such a stroke goes on behind what it hangs on
_SLACK = 3.0  # pixels beside a stroke up to which its outline fades


def prepare_along_strokes(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with strokes that motion does not explain drawn apart; colour only."""
    pair = prepare(first, last)
    if first.shape[2] != 3 or not isinstance(pair, Explaining):
        return pair
    found = find_strokes(view_for_matching(first), view_for_matching(last), pair.find_flows())
    return AlongStrokes(found, pair, first, last, prepare) if found else pair


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
        height, width = first.shape[:2]
        self._to_frame = max(height, width) / max(strokes[0].travel.strokes[0].mask.shape)
        self._grounds = self._paint_out((first, last), pair)
        still = float(cv2.absdiff(*self._grounds).max()) < _STILL
        super().__init__(Blend(*self._grounds) if still else prepare(*self._grounds), first.shape)
        self._cut_outs = [
            [_cut_out(frame, ground, s.travel.strokes[end].mask, self._to_frame) for s in strokes]
            for end, (frame, ground) in enumerate(zip((first, last), self._grounds, strict=True))
        ]

    def _enlarge(self, mask: Array) -> Array:
        """A mask of the size of strokes, as large as the frames: (H, W) float32."""
        height, width = self._size
        return np.asarray(cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))

    def _paint_out(self, frames: tuple[Working, Working], pair: Pair) -> tuple[Working, Working]:
        """Both frames without the strokes: what is behind is in the other one, or is filled from around."""
        height, width = self._size = frames[0].shape[:2]
        front = np.zeros((height, width), bool)
        for stroke in self._strokes:
            if stroke.front is not None:
                front |= self._enlarge(stroke.front) > 0.5
        side = 2 * max(2, round(_MARGIN * max(height, width))) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        masks = [
            self._enlarge(np.logical_or.reduce([s.travel.strokes[end].mask for s in self._strokes])) > 0.25
            for end in range(2)
        ]
        # what both frames show at one place is the ground, or lies over the strokes
        kept = (max_of_channels(cv2.absdiff(*frames)) <= _STILL) & ~masks[0] & ~masks[1] | front
        gone = [(cv2.dilate(mask.astype(np.uint8), disc) > 0) & ~kept for mask in masks]
        either = gone[0] | gone[1]
        ways = self._find_ground_ways(frames, pair, either)
        grid, grounds = pixel_grid(height, width), []
        for end in range(2):
            frame, other, hidden = frames[end], frames[1 - end], gone[1 - end]
            if ways is not None:
                at = (grid + ways[end]).astype(np.float32)
                other = warp(other, at).reshape(frame.shape)
                hidden = (warp(hidden.astype(np.float32), at) > 0.01) | ((at < 0) | (at > (width - 1, height - 1))).any(2)
            ground = np.where((gone[end] & ~hidden)[..., None], other, frame)
            lost = gone[end] & hidden
            if lost.any():
                known = 1 - (lost | front).astype(np.float32)
                filled = fill_holes(ground.astype(np.float32), known + np.float32(_TINY)).reshape(frame.shape)
                filled = np.clip(filled + (0.5 if frame.dtype == np.uint8 else 0), 0, 255).astype(frame.dtype)
                ground = np.where(lost[..., None], filled, ground)
            grounds.append(np.ascontiguousarray(ground))
        return grounds[0], grounds[1]

    def _find_ground_ways(self, frames: tuple[Working, Working], pair: Pair, either: Array) -> list[Flow] | None:
        """From pixels of each frame to what shows the same ground in the other: (H, W, 2) each; None: it stays."""
        height, width = self._size
        reach = 2 * round(_AROUND * max(height, width)) + 1
        near = cv2.dilate(either.astype(np.uint8), np.ones((reach, reach), np.uint8)) > 0
        around = near & ~either
        apart = max_of_channels(cv2.absdiff(*frames))[around]
        if not len(apart) or float((apart > _CHANGED).mean()) < _FEW:
            return None
        flow = follow(pair, height, width)
        way = fill_holes(flow, 1 - near.astype(np.float32) + np.float32(_TINY))
        return [way, -way]

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = drawn.astype(np.float32)
            for number, stroke in enumerate(self._strokes):
                self._lay(frame, number, stroke, t)
            yield limit_colours(frame) if drawn.dtype == np.float32 else np.clip(frame + 0.5, 0, 255).astype(np.uint8)

    def _lay(self, frame: Array, number: int, stroke: StrokePair, t: float) -> None:
        """Lays one stroke over a frame, in place."""
        height, width = frame.shape[:2]
        scale, travel = self._to_frame, stroke.travel
        curve = travel.at(t)
        half = travel.width(t) / 2 + _SLACK
        box = self._find_box(curve, half)
        if box is None:
            return
        left, top, right, low = box
        lengths, offsets, near = _find_places(curve, scale, left, top, right, low, half)
        if travel.rooted:
            near *= lengths <= travel.common + travel.width(t) / 2 + _HIDDEN
        laid = np.zeros((low - top, right - left, 4), np.float32)
        for end in range(2):
            other = travel.end(end)
            wider = travel.strokes[end].width / travel.width(t)
            along = lengths / curve.step * other.step
            if travel.rooted:  # what it hangs on hides it, and may do so less on the way
                stroke_there = travel.strokes[end]
                along = np.minimum(along, stroke_there.length - _ROOT * stroke_there.width)
            at = (other.at(along, offsets * wider) + 0.5) * scale - 0.5
            sampled = cv2.remap(
                self._cut_outs[end][number], at.astype(np.float32), None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT
            )  # type: ignore[call-overload]
            laid += (t if end else 1 - t) * sampled
        alpha = np.clip(laid[..., 3:] / 255, 0, 1) * near[..., None]
        colours = np.clip(laid[..., :3], 0, 255) * near[..., None]
        if stroke.front is not None:
            clear = 1 - self._enlarge(stroke.front)[top:low, left:right, None]
            alpha, colours = alpha * clear, colours * clear
        there = frame[top:low, left:right]
        there[:] = there * (1 - alpha) + colours

    def _find_box(self, curve: Curve, half: float) -> tuple[int, int, int, int] | None:
        """Left, top, right and lower border of the part of the frame in which a stroke is."""
        height, width = self._size
        low, high = curve.places.min(0) - half, curve.places.max(0) + half
        left, top = np.clip(np.floor(low * self._to_frame), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil((high + 1) * self._to_frame), 0, (width, height)).astype(int)
        return None if right <= left or bottom <= top else (int(left), int(top), int(right), int(bottom))


def _cut_out(frame: Working, ground: Working, mask: Array, scale: float) -> Array:
    """A stroke of a frame: (H, W, 4) float32, premultiplied, in [0, 255]."""
    height, width = frame.shape[:2]
    size = 2 * max(1, round(scale)) + 1
    window = np.ones((size, size), np.uint8)
    on = (cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5).astype(np.uint8)
    inner, near = cv2.erode(on, window), cv2.dilate(on, window)
    here, behind = frame.astype(np.float32), ground.astype(np.float32)
    apart = max_of_channels(cv2.absdiff(here, behind)) * near
    most = cv2.dilate(apart, np.ones((2 * size + 1, 2 * size + 1), np.uint8))
    alpha = np.clip(apart / np.maximum(most, 8), 0, 1)
    alpha = np.maximum(alpha, inner)
    colours = here - (1 - alpha)[..., None] * behind
    opaque = 255 * alpha[..., None]
    return np.dstack([np.clip(colours, 0, opaque), opaque]).astype(np.float32)


def _find_places(
    curve: Curve, scale: float, left: int, top: int, right: int, low: int, half: float
) -> tuple[Array, Array, Array]:
    """For pixels of a box: length along the curve, distance to its right, both in its pixels, and whether it is near."""
    grid = np.stack(np.meshgrid(np.arange(left, right), np.arange(top, low)), -1).astype(np.float64)
    grid = (grid + 0.5) / scale - 0.5
    count = max(2, int(np.ceil(len(curve.places) * curve.step * scale)))
    dense = curve.start + curve.step * np.linspace(0, len(curve.places) - 1, count)
    places = curve.at(dense, np.zeros(count))
    angles = np.interp(dense, curve.start + curve.step * np.arange(len(curve.places)), curve.angles)
    x, y = np.rint(((places + 0.5) * scale - 0.5) - (left, top)).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < right - left) & (y < low - top)
    free = np.ones((low - top, right - left), np.uint8)
    number = np.zeros(free.shape, int)
    free[y[inside], x[inside]] = 0
    number[y[inside], x[inside]] = np.flatnonzero(inside)
    _, labels = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    own = np.zeros(int(labels.max()) + 1, int)
    on = free == 0
    own[labels[on]] = number[on]
    nearest = own[labels]
    away = grid - places[nearest]
    cos, sin = np.cos(angles[nearest]), np.sin(angles[nearest])
    lengths = dense[nearest] + away[..., 0] * cos + away[..., 1] * sin
    offsets = -away[..., 0] * sin + away[..., 1] * cos
    near = (np.abs(offsets) < half) & (np.abs(away[..., 0] * cos + away[..., 1] * sin) < half)
    return lengths, offsets, near.astype(np.float32)
