"""Strokes: long or ring-shaped pieces of a drawing, by their centreline and width, such as a tail, a line or a ring.

A stroke in two drawings has its centrelines' points in common, by their length from its free end or, on a ring, from
the point to the right of its centre. Between the drawings, an open centreline turns at each point by a part of its
turn (Sederberg et al., "2-D Shape Blending: An Intrinsic Solution to the Vertex Path Problem", SIGGRAPH 1993), so that
a tail bends and keeps its length. A closed one moves point by point. Across the centreline, everything keeps its
distance to it, so that a thin ring that grows stays thin.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, pixel_grid

POINTS = 96
"""Points of a closed centreline."""
# Not tuned one by one; tests/motion/test_strokes.py and core/cartoon/trials.py hold what they achieve.
_SLENDER = 2.5  # an open stroke's length is so many times its width, at least
_HOLLOW = 0.4  # of what a ring encloses, its hole
_STRAY = 0.9  # widths by which pixels of a band may lie from its middle, mean
_SMOOTH = 2.0  # standard deviation, in pixels, of smoothing along a centreline
_BESIDE = 1.0  # pixels beyond half of its mean width up to which a stroke reaches; what goes beyond is another thing
_BEYOND = 2.5  # pixels beyond an open centreline's ends, which lie in the stroke's last band
_CUT = 1.3  # widths before the end by which a stroke hangs on something, where its centreline is not seen
_ACROSS = 7  # samples across a straightened stroke
_COARSE = 3.0  # cells of half a broad stroke's width, on the grid on which distances in it are measured
_LONGEST = 1.5  # of the sum of a mask's sides: longest way through it
_STEP = 1.06  # pixels of a round of spreading, mean over directions
_CROSS, _SQUARE = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Stroke:
    """A stroke of one drawing."""

    mask: Array
    """(h, w) bool: the stroke with its outline."""
    line: Array
    """(n, 2) float64: its centreline, x and y in pixels, at even distances; a closed one does not repeat its first."""
    closed: bool
    """Whether it is a ring."""
    width: float
    """Its mean width in pixels, with its outline."""

    @cached_property
    def length(self) -> float:
        """Of the centreline, in pixels."""
        ends = np.vstack([self.line, self.line[:1]]) if self.closed else self.line
        return float(np.linalg.norm(np.diff(ends, axis=0), axis=1).sum())

    @property
    def centre(self) -> Array:
        """The middle of a ring's centreline: (2,)."""
        return np.asarray(self.line.mean(0))

    @property
    def size(self) -> float:
        """The root mean square distance of the centreline from its middle."""
        return float(np.sqrt(((self.line - self.centre) ** 2).sum(1).mean()))

    def reverse(self) -> "Stroke":
        """The same open stroke from its other end."""
        return Stroke(self.mask, self.line[::-1].copy(), self.closed, self.width)


class Curve(NamedTuple):
    """A centreline with what is needed along it, at even steps of length."""

    places: Array
    """(n, 2): x and y."""
    angles: Array
    """(n,): directions, continuous, in radians."""
    start: float
    """The length at the first of these places; less than 0 where the line is prolonged."""
    step: float
    """The length from one to the next."""

    @property
    def lengths(self) -> Array:
        """(n,): the length at each place."""
        return self.start + self.step * np.arange(len(self.places))

    def at(self, lengths: Array, offsets: Array) -> Array:
        """Places at lengths along the curve, and at distances to its right: (…, 2)."""
        index = np.clip((lengths - self.start) / self.step, 0, len(self.places) - 1)
        low = np.minimum(index.astype(int), len(self.places) - 2)
        part = index - low
        place = self.places[low] + part[..., None] * (self.places[low + 1] - self.places[low])
        angle = self.angles[low] + part * (self.angles[low + 1] - self.angles[low])
        return np.asarray(place + offsets[..., None] * np.stack([-np.sin(angle), np.cos(angle)], -1))


def trace(mask: Array, *, least: float = 2.0) -> Stroke | None:
    """Finds a mask's centreline, if the mask is a stroke.

    Args:
        mask: (h, w) bool, one connected piece.
        least: width in pixels of the thinnest stroke.
    """
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if w * h == 0:
        return None
    part = np.pad(mask[y : y + h, x : x + w].astype(np.uint8), 2)
    offset = np.array([x - 2, y - 2], float)
    found = _trace_ring(part) or _trace_open(part)
    if found is None or found[2] < least:
        return None
    line, closed, width = found
    whole = np.zeros_like(mask)
    near = _draw(line, closed, part.shape, width / 2 + _BESIDE)
    whole[y : y + h, x : x + w] = (near & (part > 0))[2 : h + 2, 2 : w + 2]
    return Stroke(whole, line + offset, closed, width)


def _draw(line: Array, closed: bool, shape: tuple[int, ...], reach: float) -> Array:
    """Where places are that are not farther than `reach` from a line: (h, w) bool."""
    free = np.ones(shape, np.uint8)
    cv2.polylines(free, [np.rint(line * 16).astype(np.int32)], closed, 0, 1, cv2.LINE_8, 4)
    near = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= reach
    if not closed:  # an open line runs to its stroke's ends
        grid = pixel_grid(*shape)
        for end, inner in ((line[0], line[3]), (line[-1], line[-4])):
            way = (end - inner) / max(1e-6, float(np.linalg.norm(end - inner)))
            near &= (grid - end) @ way <= _BEYOND
    return np.asarray(near)


def _trace_ring(mask: Array) -> tuple[Array, bool, float] | None:
    """Of (h, w) uint8: a closed centreline, True, and the width."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(mask), outlines, -1, 1, cv2.FILLED)
    count, _, stats, _ = cv2.connectedComponentsWithStats(filled - (mask > 0), connectivity=4)
    whole = int(filled.sum())
    holes = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or holes.max() < _HOLLOW * whole or holes.sum() - holes.max() > 0.02 * whole or len(outlines) != 1:
        return None
    area = float(mask.sum())
    outer = max(outlines, key=len)[:, 0].astype(float)
    perimeter = _measure(outer)
    # a ring's area is its centreline's length times its width, and its outline is longer by pi times the width
    root = perimeter * perimeter - 4 * np.pi * area
    width = (perimeter - np.sqrt(max(0.0, root))) / (2 * np.pi)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner, _ = cv2.findContours((depth > max(0.6, width / 2)).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(inner) != 1 or len(inner[0]) < 12:
        return None
    line = _resample(_smooth_closed(inner[0][:, 0].astype(float)), POINTS, closed=True)
    area_twice = np.sum(line[:, 0] * np.roll(line[:, 1], -1) - np.roll(line[:, 0], -1) * line[:, 1])
    if area_twice < 0:
        line = line[::-1]
    away = line - line.mean(0)
    beside = np.abs(np.arctan2(away[:, 1], away[:, 0])) + (away[:, 0] < 0) * 9
    line = np.roll(line, -int(beside.argmin()), 0)
    # the chord between points is shorter than the ring, and contours run through the pixels' middles
    return _centre(mask, line, width, closed=True), True, area / max(1.0, _measure(line))


def _centre(mask: Array, line: Array, width: float, *, closed: bool) -> Array:
    """Moves a centreline to the middle of the mask across it."""
    tangent = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.linalg.norm(tangent, axis=1)[:, None].clip(1e-6)
    reach = width / 2 + 2
    offsets = np.linspace(-reach, reach, 4 * int(np.ceil(reach)) + 1)
    at = (line[:, None] + offsets[None, :, None] * normal[:, None]).astype(np.float32)
    on = cv2.remap(mask.astype(np.float32), at, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    shift = (on * offsets).sum(1) / on.sum(1).clip(1e-6)
    return np.asarray(line + shift[:, None] * normal)


def _trace_open(mask: Array) -> tuple[Array, bool, float] | None:
    """Of (h, w) uint8: a centreline, False, and the width; by bands of equal distance from one end within the mask."""
    area = int(mask.sum())
    y, x = np.nonzero(mask)
    # distances within a broad stroke are measured on a smaller grid
    finer = max(1, round(float(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_3).max()) / _COARSE))
    small = mask
    if finer > 1:
        high, wide = (-(-side // finer) for side in mask.shape)
        grown = np.pad(mask, ((0, high * finer - mask.shape[0]), (0, wide * finer - mask.shape[1])))
        small = (grown.reshape(high, finer, wide, finer).mean((1, 3)) >= 0.5).astype(np.uint8)
        if not small.any():
            return None
    rows, columns = np.nonzero(small)
    middle = np.array([columns.mean(), rows.mean()])
    nearest = int(((np.stack([columns, rows], 1) - middle) ** 2).sum(1).argmin())
    start = int(columns[nearest]), int(rows[nearest])
    reached = None
    for _ in range(2):  # to one end, and from there to the other
        reached = _measure_within(small, start)
        if reached is None:
            return None
        far = np.unravel_index(int(reached.argmax()), reached.shape)
        start = int(far[1]), int(far[0])
    assert reached is not None
    reached = finer * reached
    if finer > 1:
        known = np.where(reached < 0, cv2.dilate(reached, _SQUARE), reached)
        at = (np.stack([x, y], 1) + 0.5) / finer - 0.5
        reached_at = cv2.remap(known, at[:, None].astype(np.float32), None, cv2.INTER_LINEAR)[:, 0]  # type: ignore[call-overload]
        reached_at = np.maximum(reached_at, 0)
    else:
        reached_at = reached[y, x]
    length = float(reached_at.max())
    if length < 6:
        return None
    width = area / length
    if length < _SLENDER * width:
        return None
    step = max(2.0, width / 4)
    bands = (np.maximum(reached_at, 0) / step).astype(int)
    count = np.bincount(bands)
    places = np.stack([np.bincount(bands, v) / count.clip(1) for v in (x, y)], 1)
    away = np.hypot(*(np.stack([x, y], 1) - places[bands]).T)
    if np.bincount(bands, away).max() > 0 and float((np.bincount(bands, away) / count.clip(1)).max()) > _STRAY * width:
        return None
    places = places[count > 0]
    if len(places) < 5:
        return None
    count = max(8, round(length / 2))
    line = _resample(places, count, closed=False)
    for _ in range(2):
        line = _smooth_open(_centre(mask, _smooth_open(line), width, closed=False))
    line = _run_to_ends(mask, line, width)
    return line, False, area / _measure_open(line)


def _run_to_ends(mask: Array, line: Array, width: float) -> Array:
    """An open centreline that begins and ends where its stroke does, (h, w) uint8."""
    curve = make_curve(line, closed=False, before=width + 4, after=width + 4)
    along = np.arange(curve.lengths[0], curve.lengths[-1], 0.25)
    at = curve.at(along, np.zeros(len(along))).astype(np.float32)
    on = cv2.remap(mask.astype(np.float32), at[:, None], None, cv2.INTER_LINEAR)[:, 0] >= 0.5  # type: ignore[call-overload]
    middle = int(np.searchsorted(along, _measure_open(line) / 2))
    off = np.flatnonzero(~on)
    first, last = off[off < middle].max(initial=-1) + 1, off[off > middle].min(initial=len(on)) - 1
    if last - first < 8:
        return line
    return _resample(at[first : last + 1].astype(float), len(line), closed=False)


def is_slender(mask: Array, share: float = 1.0) -> bool:
    """Whether a mask, (h, w) bool, may be a stroke: it is long for its widest place, or for a share of that."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    part = np.pad(mask[y : y + h, x : x + w].astype(np.uint8), 1)
    widest = 2 * float(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_3).max())
    return int(part.sum()) >= share * _SLENDER * widest * widest


def _measure_within(mask: Array, start: tuple[int, int]) -> Array | None:
    """Distances within a mask from a place (x, y) of it: (h, w) float32, -1 off it; None if not all is reached."""
    seen = np.zeros_like(mask)
    seen[start[1], start[0]] = 1
    rounds = np.zeros(mask.shape, np.float32)
    reached, turn, before = 1, 0, 0
    while (reached > before or turn % 5) and turn < _LONGEST * sum(mask.shape):
        # squares and crosses by turns are nearly discs: three crosses to two squares is an octagon
        before = reached if turn % 5 == 0 else before
        cv2.accumulate(seen, rounds)
        seen = cv2.bitwise_and(cv2.dilate(seen, _SQUARE if turn % 5 in (1, 3) else _CROSS), mask)
        reached, turn = cv2.countNonZero(seen), turn + 1
    if reached < 0.98 * cv2.countNonZero(mask):
        return None
    return np.where(seen > 0, (turn - rounds) * np.float32(_STEP), np.float32(-1))


def _measure(line: Array) -> float:
    """The length of a closed polyline."""
    return float(np.linalg.norm(np.roll(line, -1, 0) - line, axis=1).sum())


def _measure_open(line: Array) -> float:
    """The length of an open polyline."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def _resample(line: Array, count: int, *, closed: bool) -> Array:
    """A polyline's places at even distances."""
    ring = np.vstack([line, line[:1]]) if closed else line
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    wanted = np.linspace(0, along[-1], count, endpoint=not closed)
    return np.stack([np.interp(wanted, along, ring[:, k]) for k in range(2)], 1)


def _make_kernel(step: float) -> Array:
    reach = max(1, int(np.ceil(2.5 * _SMOOTH / step)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / _SMOOTH) ** 2)
    return np.asarray(kernel / kernel.sum())


def _smooth_closed(line: Array) -> Array:
    """A closed polyline of pixels without their steps."""
    kernel = _make_kernel(max(0.5, _measure(line) / len(line)))
    reach = min(len(kernel) // 2, len(line) // 4)
    kernel = kernel[len(kernel) // 2 - reach : len(kernel) // 2 + reach + 1]
    kernel = kernel / kernel.sum()
    return sum(k * np.roll(line, reach - n, 0) for n, k in enumerate(kernel))  # type: ignore[return-value]


def _smooth_open(line: Array) -> Array:
    """The same for an open one, whose ends stay."""
    kernel = _make_kernel(max(0.5, _measure_open(line) / (len(line) - 1)))
    reach = len(kernel) // 2
    if reach >= len(line):
        return line
    # mirrored through the ends
    padded = np.vstack([2 * line[0] - line[reach:0:-1], line, 2 * line[-1] - line[-2 : -reach - 2 : -1]])
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(2)], 1)


def make_curve(line: Array, *, closed: bool, before: float = 0.0, after: float = 0.0) -> Curve:
    """Prepares a centreline.

    Args:
        line: (n, 2), at even distances.
        closed: whether it is a ring; it then goes a step beyond its first place.
        before: length by which an open one is prolonged at its beginning.
        after: the same at its end.
    """
    if closed:
        tangent = np.roll(line, -1, 0) - np.roll(line, 1, 0)
        angles = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
        step = _measure(line) / len(line)
        return Curve(np.vstack([line, line[:1]]), np.append(angles, angles[0] + 2 * np.pi), 0.0, step)
    step = _measure_open(line) / (len(line) - 1)
    tangent = np.gradient(line, axis=0)
    reach = min(len(line) // 3, max(1, round(4 / step)))  # an end's direction is that of its last few pixels
    ends = [(line[0], line[0] - line[reach], before), (line[-1], line[-1] - line[-1 - reach], after)]
    grown = []
    for place, way, length in ends:
        count = int(np.ceil(length / step))
        unit = way / max(1e-6, float(np.linalg.norm(way)))
        grown.append(place + unit * step * np.arange(1, count + 1)[:, None])
    places = np.vstack([grown[0][::-1], line, grown[1]])
    tangent = np.vstack([np.tile(-ends[0][1], (len(grown[0]), 1)), tangent, np.tile(ends[1][1], (len(grown[1]), 1))])
    angles = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    return Curve(places, angles, -len(grown[0]) * step, step)


def straighten(values: Array, curve: Curve, lengths: Array, half: float) -> Array:
    """Samples values, (H, W, C), across a stroke: (n, 7, C) float32, at lengths (n,) and from -half to half of it."""
    offsets = np.linspace(-half, half, _ACROSS)
    at = curve.at(np.repeat(lengths[:, None], _ACROSS, 1), np.repeat(offsets[None], len(lengths), 0))
    sampled = cv2.remap(values, at.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(sampled, np.float32).reshape(len(lengths), _ACROSS, -1)


class Travel:
    """A stroke's centreline between two drawings."""

    def __init__(self, first: Stroke, last: Stroke, *, rooted: bool) -> None:
        """Takes the stroke in both drawings.

        Args:
            first: in the first, an open one from its free end on.
            last: in the last, in the same direction.
            rooted: whether the end of an open one is where it hangs on something; else its middle goes straight.
        """
        self.strokes = (first, last)
        self.closed = first.closed
        self.rooted = rooted
        self._prolong = 1.5 * max(first.width, last.width) + 3
        if not self.closed:
            longest = max(first.length, last.length)
            self.common = min(first.length, last.length)
            """The length that is seen in both."""
            count = max(16, round(longest / 2))
            if rooted:
                # what it hangs on hides a part of it, and cuts it obliquely, so that its last bands are off the middle
                along, lines = np.linspace(0, longest, count), []
                for stroke in self.strokes:
                    seen = stroke.line[: max(8, round(len(stroke.line) * (1 - _CUT * stroke.width / stroke.length)))]
                    curve = make_curve(seen, closed=False, after=longest - _measure_open(seen) + 4)
                    lines.append(curve.at(along, np.zeros(count)))
            else:
                lines = [_resample(stroke.line, count, closed=False) for stroke in self.strokes]
            self._lines = lines
            angles = []
            for line in lines:
                ways = np.diff(line, axis=0)
                angles.append(np.unwrap(np.arctan2(ways[:, 1], ways[:, 0])))
            pin = len(angles[0]) - 1 if rooted else len(angles[0]) // 2
            turn = angles[1][pin] - angles[0][pin]
            angles[1] = angles[1] - 2 * np.pi * np.round(turn / (2 * np.pi))
            self._angles = angles
            self._steps = [_measure_open(line) / (len(line) - 1) for line in lines]

    @cached_property
    def turn(self) -> float:
        """The largest turn of any of its places, in radians; 0 of a ring."""
        return 0.0 if self.closed else float(np.abs(self._angles[1] - self._angles[0]).max())

    def seen(self, t: float) -> float:
        """The length of the centreline at t that is not hidden, in pixels."""
        if self.rooted:
            return self.common
        return (1 - t) * self.strokes[0].length + t * self.strokes[1].length

    def width(self, t: float) -> float:
        """The stroke's width at t, in pixels."""
        return (1 - t) * self.strokes[0].width + t * self.strokes[1].width

    def end(self, number: int) -> Curve:
        """The centreline in one of the drawings, with as many places as that between them, and prolonged."""
        if self.closed:
            return make_curve(self.strokes[number].line, closed=True)
        return make_curve(self._lines[number], closed=False, before=self._prolong, after=self._prolong)

    def at(self, t: float) -> Curve:
        """The centreline at t, prolonged where it is open."""
        if self.closed:
            first, last = (stroke.line for stroke in self.strokes)
            return make_curve((1 - t) * first + t * last, closed=True)
        angle = (1 - t) * self._angles[0] + t * self._angles[1]
        step = (1 - t) * self._steps[0] + t * self._steps[1]
        line = np.vstack([[0, 0], np.cumsum(step * np.stack([np.cos(angle), np.sin(angle)], 1), 0)])
        if self.rooted:
            share = self.common / max(stroke.length for stroke in self.strokes)
            pin = min(len(line) - 1, round(share * (len(line) - 1)))
            line += (1 - t) * self._lines[0][pin] + t * self._lines[1][pin] - line[pin]
        else:
            line += (1 - t) * self._lines[0].mean(0) + t * self._lines[1].mean(0) - line.mean(0)
        return make_curve(line, closed=False, before=self._prolong, after=self._prolong)

