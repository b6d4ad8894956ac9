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

from .grid import Array, pixel_grid, warp

POINTS = 96
"""Points of a closed centreline."""
# Not tuned one by one; tests/motion/test_strokes.py and core/cartoon/trials.py hold what they achieve.
_THINNEST = 2.0  # width of a stroke in pixels
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
        return _measure(self.line) if self.closed else _measure_open(self.line)

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


def trace(mask: Array) -> Stroke | None:
    """Finds a mask's centreline, if the mask is a stroke.

    Args:
        mask: (h, w) bool, one connected piece.
    """
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if w * h == 0:
        return None
    part = cv2.copyMakeBorder(mask[y : y + h, x : x + w].astype(np.uint8), 2, 2, 2, 2, cv2.BORDER_CONSTANT)
    offset = np.array([x - 2, y - 2], float)
    found = _trace_ring(part) or _trace_open(part)
    if found is None or found[2] < _THINNEST:
        return None
    line, closed, width = found
    whole = np.zeros_like(mask)
    near = _draw(line, closed, part.shape, width / 2 + _BESIDE)
    whole[y : y + h, x : x + w] = (near & (part > 0))[2 : h + 2, 2 : w + 2]
    return Stroke(whole, line + offset, closed, width) if whole.any() else None


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
    whole = cv2.countNonZero(filled)
    holes = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or holes.max() < _HOLLOW * whole or holes.sum() - holes.max() > 0.02 * whole or len(outlines) != 1:
        return None
    area = cv2.countNonZero(mask)
    outer = max(outlines, key=len)[:, 0].astype(float)
    perimeter = _measure(outer)
    # a ring's area is its centreline's length times its width, and its outline is longer by pi times the width
    root = perimeter * perimeter - 4 * np.pi * area
    width = (perimeter - np.sqrt(max(0.0, root))) / (2 * np.pi)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    core = (depth > max(0.6, width / 2)).astype(np.uint8)
    inner, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if len(inner) != 1 or len(inner[0]) < 12:
        return None
    line = _resample(_smooth_closed(inner[0][:, 0].astype(float)), POINTS, closed=True)
    area_twice = np.sum(line[:, 0] * np.roll(line[:, 1], -1) - np.roll(line[:, 0], -1) * line[:, 1])
    if area_twice < 0:
        line = line[::-1]
    away = line - line.mean(0)
    beside = np.abs(np.arctan2(away[:, 1], away[:, 0])) + (away[:, 0] < 0) * 9
    line = np.roll(line, -int(beside.argmin()), 0)
    line, _ = _centre(mask, line, width, closed=True)
    return line, True, area / max(1.0, _measure(line))


def _centre(mask: Array, line: Array, width: float, *, closed: bool) -> tuple[Array, float]:
    """Moves a centreline to the middle of the mask across it; returns the median of the mask's width there as well."""
    tangent = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.linalg.norm(tangent, axis=1)[:, None].clip(1e-6)
    reach = width / 2 + 2
    offsets = np.linspace(-reach, reach, 4 * int(np.ceil(reach)) + 1)
    at = (line[:, None] + offsets[None, :, None] * normal[:, None]).astype(np.float32)
    on = warp(mask.astype(np.float32), at)
    shift = (on * offsets).sum(1) / on.sum(1).clip(1e-6)
    return np.asarray(line + shift[:, None] * normal), float(np.median(on.sum(1)) * (offsets[1] - offsets[0]))


def _trace_open(mask: Array) -> tuple[Array, bool, float] | None:
    """Of (h, w) uint8: a centreline, False, and the width; by bands of equal distance from one end within the mask."""
    area = cv2.countNonZero(mask)
    y, x = np.nonzero(mask)
    reached = _measure_from_end(mask)
    if reached is None:
        return None
    reached_at = reached[y, x]
    length = float(reached_at.max())
    if length < 6:
        return None
    width = area / length
    if length < _SLENDER * width:
        return None
    step = max(2.0, width / 4)
    bands = (reached_at / step).astype(int)
    count = np.bincount(bands)
    places = np.stack([np.bincount(bands, v) / count.clip(1) for v in (x, y)], 1)
    away = np.hypot(*(np.stack([x, y], 1) - places[bands]).T)
    if float((np.bincount(bands, away) / count.clip(1)).max()) > _STRAY * width:  # it branches, or runs beside itself
        return None
    places = places[count > 0]
    if len(places) < 5:
        return None
    line = _resample(places, max(8, round(length / 2)), closed=False)
    for _ in range(2):
        line, width = _centre(mask, _smooth_open(line), width, closed=False)
        line = _smooth_open(line)
    return _run_to_ends(mask, line, width), False, width


def _measure_from_end(mask: Array) -> Array | None:
    """Distances within a mask, (h, w) uint8, from its farthest place: (h, w) float32; None if it is not one piece."""
    # within a broad stroke, they are measured on a smaller grid
    finer = max(1, round(float(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_3).max()) / _COARSE))
    height, width = mask.shape
    high, wide = -(-height // finer), -(-width // finer)
    grown = cv2.copyMakeBorder(255 * mask, 0, high * finer - height, 0, wide * finer - width, cv2.BORDER_CONSTANT)
    small = (cv2.resize(grown, (wide, high), interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
    if not small.any():
        return None
    rows, columns = np.nonzero(small)
    middle = int(((columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2).argmin())
    start, reached = (int(columns[middle]), int(rows[middle])), None
    for _ in range(2):  # to one end, and from there to the other
        reached = _measure_within(small, start)
        if reached is None:
            return None
        row, column = np.unravel_index(int(reached.argmax()), reached.shape)
        start = int(column), int(row)
    assert reached is not None
    if finer == 1:
        return reached.clip(0)
    known = np.where(reached < 0, cv2.dilate(reached, _SQUARE), reached)
    return finer * warp(known, ((pixel_grid(height, width) + 0.5) / finer - 0.5).astype(np.float32)).clip(0)


def _run_to_ends(mask: Array, line: Array, width: float) -> Array:
    """An open centreline that begins and ends where its stroke does, (h, w) uint8."""
    curve = make_curve(line, closed=False, before=width + 4, after=width + 4)
    along = np.arange(curve.lengths[0], curve.lengths[-1], 0.25)
    at = curve.at(along, np.zeros(len(along))).astype(np.float32)
    on = warp(mask.astype(np.float32), at[:, None])[:, 0] >= 0.5
    middle = int(np.searchsorted(along, _measure_open(line) / 2))
    off = np.flatnonzero(~on)
    first, last = off[off < middle].max(initial=-1) + 1, off[off > middle].min(initial=len(on)) - 1
    if last - first < 8:
        return line
    return _resample(at[first : last + 1].astype(float), len(line), closed=False)


def is_slender(mask: Array, share: float = 1.0) -> bool:
    """Whether a mask, (h, w) bool, may be a stroke: it is long for its widest place, or for a share of that."""
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    part = cv2.copyMakeBorder(mask[y : y + h, x : x + w].astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    widest = 2 * float(cv2.distanceTransform(part, cv2.DIST_L2, cv2.DIST_MASK_3).max())
    return cv2.countNonZero(part) >= share * _SLENDER * widest * widest


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
    return np.asarray(sum(k * np.roll(line, reach - n, 0) for n, k in enumerate(kernel)))


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
    return np.asarray(warp(values, at.astype(np.float32)), np.float32).reshape(len(lengths), _ACROSS, -1)


class Travel:
    """A stroke's centreline between two drawings."""

    def __init__(self, first: Stroke, last: Stroke) -> None:
        """Takes the stroke in both drawings; both are rings, or both are open and hang on something by their last end.

        Args:
            first: in the first drawing, an open one from its free end on.
            last: in the last, likewise.
        """
        self.strokes = (first, last)
        self.closed = first.closed
        self.common = min(first.length, last.length)
        """The length of an open one that is seen in both drawings: it may be partly hidden where it hangs."""
        self._prolong = 1.5 * max(first.width, last.width) + 3
        longest = max(first.length, last.length)
        self._share = self.common / longest
        if self.closed:
            self._lines = [first.line, last.line]
            self._angles = [np.zeros(1)] * 2
            return
        # what it hangs on cuts it obliquely, so that the middle of its last bands is off the centreline
        along = np.linspace(0, longest, max(16, round(longest / 2)))
        self._lines = []
        for stroke in self.strokes:
            seen = stroke.line[: max(8, round(len(stroke.line) * (1 - _CUT * stroke.width / stroke.length)))]
            curve = make_curve(seen, closed=False, after=longest - _measure_open(seen) + 4)
            self._lines.append(curve.at(along, np.zeros(len(along))))
        ways = [np.diff(line, axis=0) for line in self._lines]
        self._steps = [float(np.linalg.norm(way, axis=1).mean()) for way in ways]
        self._angles = [np.unwrap(np.arctan2(way[:, 1], way[:, 0])) for way in ways]
        # the smaller turn at the end by which it hangs; all other places follow from it
        turns = (self._angles[1][-1] - self._angles[0][-1]) / (2 * np.pi)
        self._angles[1] -= 2 * np.pi * np.round(turns)

    @property
    def turn(self) -> float:
        """The largest turn of any place of an open stroke, in radians."""
        return float(np.abs(self._angles[1] - self._angles[0]).max())

    @property
    def turn_at_root(self) -> float:
        """How far an open stroke turns where it hangs, in radians."""
        return float(abs(self._angles[1][-1] - self._angles[0][-1]))

    def width(self, t: float) -> float:
        """The stroke's width at t, in pixels."""
        return (1 - t) * self.strokes[0].width + t * self.strokes[1].width

    def end(self, number: int) -> Curve:
        """The centreline in one of the drawings, in as many steps as `at` gives, and prolonged where it is open."""
        return self._make_curve(self._lines[number])

    def at(self, t: float) -> Curve:
        """The centreline at t, prolonged where it is open."""
        straight = (1 - t) * self._lines[0] + t * self._lines[1]
        if self.closed:
            return self._make_curve(straight)
        angle = (1 - t) * self._angles[0] + t * self._angles[1]
        step = (1 - t) * self._steps[0] + t * self._steps[1]
        line = np.vstack([[0, 0], np.cumsum(step * np.stack([np.cos(angle), np.sin(angle)], 1), 0)])
        pin = min(len(line) - 1, round(self._share * (len(line) - 1)))
        return self._make_curve(line + straight[pin] - line[pin])

    def _make_curve(self, line: Array) -> Curve:
        extra = 0.0 if self.closed else self._prolong
        return make_curve(line, closed=self.closed, before=extra, after=extra)
