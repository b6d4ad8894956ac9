"""Pairs strokes of two drawings that no motion explains, by their shapes and colours.

A search for motion compares patches. A thin ring that grows and pales has no patch that stays alike, and the search's
shifts do not fit a tail that swings far. But as strokes (see `strokes`) they are the same in both drawings. Where
motion leaves places unexplained, pieces of one colour are traced, together with pieces that touch them and have changed
as well. Two strokes are one if their shapes agree; if they look alike once straightened, or one is evenly paler; if
nothing else in the drawings looks like them; and if what is around them is explained. Rings may look alike if each of
them stays in its own place.

Thresholds were set by hand on core.cartoon.trials and on the drawings of tests/motion/test_stroke_pairs.py.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow, find_box, fit_size, max_of_channels, pixel_grid, touches_border, warp
from .kept import shrink_once
from .segments import label_flat
from .strokes import Stroke, Travel, is_slender, make_curve, straighten, trace

_LARGEST, _SMALLEST, _STEP = 480, 160, 1.4
"""Longest sides of the largest and smallest picture in which strokes are sought, in pixels, and the factor between one
and the next, in which they are sought if the last one has none. Outlines may be too broad for the larger ones, and thin
lines too thin for the smaller ones. Frames may be cut to what changes, so that the same stroke comes in many sizes."""
_MISSED, _AMISS = 24.0, 2  # levels by which a place differs from all that is within so many pixels of its match
_SHARE = 0.07
"""Of a stroke that is unmatched, at least: a search explains flat parts by any place of their colour. The tail of the
trials needs so little at 3 times its size, with `--engine flow`. In 348 pairs of the choosing set and of emoji, nothing
is found; with 0.05, the edge of a parrot's wing is."""
_SLIM = 0.7  # of the length that a stroke needs, without its outline
_LEAST, _MOST = 24, 0.12  # pixels of a piece, and share of the picture
_PARTS, _COLOURS, _SEEDS, _STROKES = 16, 3, 6, 4
"""Most unmatched parts of a drawing, colours of a part, pieces, and strokes: in a drawing with more, none is sure."""
_FLAT, _THIN = 14.0, 0.45  # levels within which a piece has one colour, and share of a thin line's contrast
_CHANGED, _MOVED = 20, 0.5  # levels by which a place has changed, and share of such places of a piece that has moved
_OUTLINE, _TOUCH = 4, 13  # pixels of an outline that belongs to a piece, and in which pieces are beside each other
_UNEXPLAINED = 0.15  # of what is around a stroke
_REACH, _CONTACT, _ALONG = 7.0, 0.05, 0.15
"""Pixels around a stroke's end in which is what it hangs on, its share there, and of what is beside the stroke."""
_ALIKE, _AS_LONG = 2.0, 1.6  # factors of area and length up to which pieces look alike
_FITS = 0.35  # largest sum of differences in shape and in colour of one stroke in both drawings
_BETTER, _BETTER_BY = 1.5, 0.05  # factor, and more, by which all others must fit worse
_IN_PLACE, _ELSEWHERE = 0.25, 1.0
"""How far the middles of a ring in both drawings are apart at most if it stays in place, and the middles of others at
least: in sizes of the larger one."""
_LARGER, _WIDER, _LONGER = 3.0, 1.4, 1.25  # factors by which rings, and widths and lengths of open strokes, may grow
_APART = 2.5  # widths by which the places at which a stroke hangs may be apart
_TURN = 2.2  # radians by which it may turn there: which way, would be a guess
_PALEST, _CONTRAST, _SIDES = 0.2, 8.0, 24.0
"""Share of its contrast that is left of what pales, the least contrast in levels, and the largest difference between
what is inside and outside of a ring: else it is the outline of something."""
_SAMPLES = 64  # places along a stroke at which colours are compared
_CROSS, _SQUARE = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class StrokePair:
    """A stroke in both drawings."""

    travel: Travel
    """How it moves; its strokes are in pixels of the picture in which they were found."""
    front: Array | None
    """(h, w) bool: what it hangs on, which stays and lies over it; None of what hangs on nothing."""


class _Piece(NamedTuple):
    """A candidate."""

    stroke: Stroke
    parts: list[Array]
    """(h, w) bool each: its pieces of one colour, without outlines."""


def find_strokes(first: Array, last: Array, flows: tuple[Flow, Flow]) -> list[StrokePair]:
    """Finds strokes that the motion between two drawings does not explain.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        flows: forward and backward motion, (h, w, 2) in pixels of the drawings, on any grid.
    """
    side = float(min(_LARGEST, max(first.shape[:2])))
    while True:
        found = _find_at(first, last, flows, fit_size(first.shape, round(side)))
        side /= _STEP
        if found or side < _SMALLEST:
            return found


def _find_at(first: Array, last: Array, flows: tuple[Flow, Flow], size: tuple[int, int]) -> list[StrokePair]:
    """The same in pictures of a size, (width, height)."""
    (height, width), (w, h) = first.shape[:2], size
    views = [shrink_once(view, w, h) for view in (first, last)]
    to_view = np.array([w / width, h / height], np.float32)
    missed = []
    for k in range(2):
        missed.append(_find_missed(views[k], views[1 - k], flows[k] * to_view))
        if not 0 < _count_parts(missed[-1]) <= _PARTS:
            return []
    finders = [_Finder(views[k], views[1 - k], missed[k]) for k in range(2)]
    found = []
    for finder in finders:
        found.append(finder.find())
        if not 0 < len(found[-1]) <= _STROKES:
            return []
    scores = np.full((len(found[0]), len(found[1])), np.inf)
    fitting: dict[tuple[int, int], StrokePair] = {}
    for i, one in enumerate(found[0]):
        for j, other in enumerate(found[1]):
            pair, scores[i, j] = _compare(finders, one, other)
            if pair is not None:
                fitting[i, j] = pair
    stay = _find_in_place(found[0], found[1], list(fitting))
    rows, columns = ([pair[end] for pair in stay] for end in range(2))
    staying = [[found[end][pair[end]].stroke.mask for pair in stay] for end in range(2)]
    pairs = []
    for (i, j), pair in fitting.items():
        others = scores.copy()
        if (i, j) in stay:
            others[np.ix_(rows, columns)] = np.inf  # each of these has its own place
        others[i, j] = np.inf
        if min(others[i].min(), others[:, j].min()) < _BETTER * scores[i, j] + _BETTER_BY:
            continue
        own = found[0][i], found[1][j]
        beside = staying if (i, j) in stay else [[], []]
        if not _is_unlike_others(finders, own, [[p.stroke.mask, *more] for p, more in zip(own, beside, strict=True)]):
            continue
        pairs.append(pair)
    return pairs


def _find_in_place(first: list[_Piece], last: list[_Piece], fitting: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of rings that fit each other, by their numbers in both drawings: those that stay in place, far from others."""

    def apart(i: int, j: int) -> float:
        one, other = first[i].stroke, last[j].stroke
        return float(np.linalg.norm(one.centre - other.centre)) / max(one.size, other.size)

    rings = [(i, j) for i, j in fitting if first[i].stroke.closed and last[j].stroke.closed]
    return [
        (i, j)
        for i, j in rings
        if apart(i, j) < _IN_PLACE
        and all(apart(*pair) > _ELSEWHERE for pair in rings if pair != (i, j) and (pair[0] == i or pair[1] == j))
    ]


def _find_missed(here: Array, there: Array, flow: Flow) -> Array:
    """Where the other drawing has nothing like it around its match: (h, w) bool."""
    h, w = here.shape[:2]
    moved = warp(there, pixel_grid(h, w) + cv2.resize(flow, (w, h), interpolation=cv2.INTER_LINEAR))
    around = np.ones((2 * _AMISS + 1, 2 * _AMISS + 1), np.uint8)
    low, high = cv2.erode(moved, around), cv2.dilate(moved, around)
    return np.asarray(max_of_channels(cv2.max(cv2.subtract(low, here), cv2.subtract(here, high))) > _MISSED)


def _count_parts(mask: Array) -> int:
    """How many connected parts of a mask are as large as a piece."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return int((stats[1:, cv2.CC_STAT_AREA] >= _LEAST).sum())


class _Finder:
    """Finds the strokes of one drawing."""

    def __init__(self, view: Array, other: Array, missed: Array) -> None:
        self.view, self.missed = view, missed
        self._missed_bytes = missed.astype(np.uint8)
        self.contrast = max_of_channels(cv2.absdiff(view, other))
        self.changed = self.contrast > _CHANGED
        varies = max_of_channels(cv2.morphologyEx(view, cv2.MORPH_GRADIENT, _SQUARE))
        self._clear = self.contrast - np.float32(0.5) * varies
        """(h, w): how far a place differs from the other drawing, less where it is an edge."""

    @cached_property
    def _flat(self) -> tuple[Array, Array]:
        return label_flat(self.view)

    @property
    def labels(self) -> Array:
        """(h, w): each place's flat piece, 0 on edges."""
        return self._flat[0]

    @property
    def broad(self) -> Array:
        """(h, w) bool: where broad pieces are, not outlines."""
        return self._flat[1]

    def find(self) -> list[_Piece]:
        """Candidates, of which there may be too many."""
        _, parts, stats, _ = cv2.connectedComponentsWithStats(self._missed_bytes, connectivity=8)
        areas = stats[:, cv2.CC_STAT_AREA].copy()
        areas[0] = 0
        found: list[_Piece] = []
        seeds, taken = 0, np.zeros(self.missed.shape, bool)
        for number in np.argsort(-areas, kind="stable"):
            if areas[number] < _LEAST:
                break
            x, y, w, h = stats[number, :4]
            box = np.s_[y : y + h, x : x + w]
            own, clear = parts[box] == number, self._clear[box]
            for _ in range(_COLOURS):
                left = own & ~taken[box]
                if seeds == _SEEDS or cv2.countNonZero(left.astype(np.uint8)) < _LEAST:
                    break
                row, column = np.unravel_index(int(np.where(left, clear, -np.inf).argmax()), left.shape)
                seeds += 1
                core, piece = self._grow((int(x + column), int(y + row)))
                taken |= cv2.dilate(core.astype(np.uint8), _SQUARE) > 0
                if piece is not None:
                    taken |= piece.stroke.mask
                    found.append(piece)
        return found

    def _grow(self, at: tuple[int, int]) -> tuple[Array, _Piece | None]:
        """The piece of one colour at a place, (h, w) bool, and what is traced of it."""
        contrast = float(self.contrast[at[1], at[0]])
        core = np.zeros(self.missed.shape, bool)
        for reach in (_FLAT, max(_FLAT, _THIN * contrast)):
            core = _flood(self.view, at, reach)
            area = cv2.countNonZero(core.view(np.uint8))
            if area > _MOST * core.size:
                break
            if area < _LEAST:
                continue
            if self._measure_missed(core) < _SHARE:
                break
            neighbours = self._find_neighbours(core)
            for parts in ([core, *neighbours], [core]) if neighbours else ([core],):
                flat = np.logical_or.reduce(parts)
                if self._measure_missed(flat) < _SHARE or not is_slender(flat, _SLIM) or not self.is_alone(flat):
                    continue
                stroke = trace(self.widen(flat))
                if stroke is None or touches_border(stroke.mask):
                    continue
                if self._measure_missed(stroke.mask) >= _SHARE:
                    return core, _Piece(stroke, parts)
            break
        return core, None

    def _measure_missed(self, mask: Array) -> float:
        """The share of a mask, (h, w) bool, that is unmatched."""
        return cv2.mean(self._missed_bytes, mask.view(np.uint8))[0]

    def widen(self, core: Array) -> Array:
        """A piece with its outline, which is no broad piece: (h, w) bool."""
        mask: Array = core.astype(np.uint8)
        room = (~self.broad | core).astype(np.uint8)
        for n in range(_OUTLINE):
            mask = cv2.bitwise_and(cv2.dilate(mask, _SQUARE if n % 2 else _CROSS), room)
        # blended places between two pieces may be pieces of their own
        return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0)

    @cached_property
    def _moved(self) -> Array:
        """The flat pieces that are not too large and have changed: (K,) bool."""
        areas = np.bincount(self.labels.ravel())
        changed = np.bincount(self.labels.ravel(), self.changed.ravel(), len(areas))
        moved = (areas <= _MOST * self.labels.size) & (changed > _MOVED * areas)
        moved[0] = False
        return moved

    def _find_neighbours(self, core: Array) -> list[Array]:
        """Broad pieces that touch a piece and have changed as well: (h, w) bool each."""
        box = find_box(core, _TOUCH)
        near = cv2.dilate(core[box].astype(np.uint8), np.ones((_TOUCH, _TOUCH), np.uint8)) > 0
        numbers = np.unique(self.labels[box][near & self.broad[box] & ~core[box]])
        parts = [self.labels == number for number in numbers if self._moved[number]]
        return [part for part in parts if not (part & core).any()]

    def has_alike(self, part: Array, colour: Array, known: list[Array]) -> bool:
        """Whether the drawing has a piece that looks like one of either drawing, outside known (h, w) bool masks."""
        low, high = (np.clip(colour + way * _FLAT, 0, 255) for way in (-1, 1))
        mask = cv2.inRange(self.view, low, high)
        for own in known:
            mask[own] = 0
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        area = int(part.sum())
        side = max(cv2.boundingRect(part.astype(np.uint8))[2:])
        return any(
            area / _ALIKE < other < area * _ALIKE and side / _AS_LONG < max(w, h) < side * _AS_LONG
            for _, _, w, h, other in stats[1:]
        )

    def is_alone(self, flat: Array) -> bool:
        """Whether what is around flat pieces, (h, w) bool, beyond an outline, is explained."""
        near, far = 2 * _OUTLINE + 3, 4 * _OUTLINE + 5
        box = find_box(flat, far)
        part = flat[box].view(np.uint8)
        around = cv2.dilate(part, np.ones((far, far), np.uint8)) - cv2.dilate(part, np.ones((near, near), np.uint8))
        return cv2.mean(self._missed_bytes[box], around)[0] < _UNEXPLAINED

    def find_ends(self, piece: _Piece) -> list[tuple[Stroke, dict[int, int]]]:
        """Of an open stroke, the same from its free end on, with what it may hang on, see `find_contacts`."""
        ways = [] if piece.stroke.closed else [piece.stroke, piece.stroke.reverse()]
        return [(way, contacts) for way in ways if (contacts := self.find_contacts(way))]

    def find_contacts(self, stroke: Stroke) -> dict[int, int]:
        """Pieces that stay where they are at an open stroke's last place, with how much of them is near it, in pixels.

        The ground, which is beside the stroke all along, is none of them.
        """
        h, w = self.labels.shape
        disc = np.zeros((h, w), np.uint8)
        end = np.rint(stroke.line[-1]).astype(int)
        cv2.circle(disc, (int(end[0]), int(end[1])), round(stroke.width / 2 + _REACH), 1, -1)
        near = (disc > 0) & self.broad & ~self.changed & ~stroke.mask
        counts = np.bincount(self.labels[near])
        curve = make_curve(stroke.line, closed=False)
        along = np.linspace(0, stroke.length * 0.7, 12)
        contacts = {}
        beside = np.array([curve.at(along, np.full(12, side * (stroke.width / 2 + 4.0))) for side in (-1, 1)]).reshape(
            -1, 2
        )
        x, y = np.clip(np.rint(beside), 0, (w - 1, h - 1)).astype(int).T
        for number in np.flatnonzero(counts >= _CONTACT * disc.sum()):
            if (self.labels[y, x] == number).mean() < _ALONG:
                contacts[int(number)] = int(counts[number])
        return contacts

    def widen_front(self, number: int) -> Array:
        """A piece that stays, with its outline: (h, w) bool."""
        core = self.labels == number
        wide = cv2.dilate(core.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        return np.asarray(core | (wide & ~self.broad & ~self.changed))


def _find_front(finders: list[_Finder], contacts: tuple[dict[int, int], dict[int, int]]) -> Array | None:
    """What an open stroke hangs on in both drawings, and which stays: (h, w) bool."""
    best, found = 0, None
    for here, count in contacts[0].items():
        own = finders[0].labels == here
        for there, other_count in contacts[1].items():
            other = finders[1].labels == there
            both = int((own & other).sum())
            if both > 0.5 * min(int(own.sum()), int(other.sum())) and min(count, other_count) > best:
                best, found = min(count, other_count), (here, there)
    return None if found is None else finders[0].widen_front(found[0]) & finders[1].widen_front(found[1])


def _is_unlike_others(finders: list[_Finder], pieces: tuple[_Piece, _Piece], known: list[list[Array]]) -> bool:
    """Whether a piece of a stroke, in either drawing, has its like nowhere else in both.

    Args:
        finders: of both drawings.
        pieces: the stroke in both drawings.
        known: for either drawing, masks, (h, w) bool, of strokes that are no others.
    """

    def is_unlike(finder: _Finder, part: Array) -> bool:
        colour = finder.view[part].mean(0)
        return not any(f.has_alike(part, colour, masks) for f, masks in zip(finders, known, strict=True))

    return all(
        any(is_unlike(finder, part) for part in piece.parts) for finder, piece in zip(finders, pieces, strict=True)
    )


def _flood(view: Array, at: tuple[int, int], reach: float) -> Array:
    """The connected places whose colours are within `reach` levels of that at (x, y): (h, w) bool."""
    h, w = view.shape[:2]
    mask = np.zeros((h + 2, w + 2), np.uint8)
    flags = 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    cv2.floodFill(view.copy(), mask, at, (0, 0, 0), (reach,) * 3, (reach,) * 3, flags)
    return mask[1:-1, 1:-1] > 0


def _compare(finders: list[_Finder], one: _Piece, other: _Piece) -> tuple[StrokePair | None, float]:
    """The piece of both drawings, if it is one, and how unlike they are."""
    best: tuple[StrokePair | None, float] = (None, np.inf)
    if one.stroke.closed and other.stroke.closed:
        apart = _measure_rings(one.stroke, other.stroke)
        if apart < _FITS:
            travel = Travel(one.stroke, other.stroke)
            best = StrokePair(travel, None), apart + _measure_looks(finders, travel)
    if one.stroke.closed or other.stroke.closed:
        return best if best[1] < _FITS else (None, best[1])
    ends = [finder.find_ends(piece) for finder, piece in zip(finders, (one, other), strict=True)]
    for first, contacts in ends[0]:
        for last, contacts_there in ends[1]:
            apart = _measure_lines(first, last)
            front = _find_front(finders, (contacts, contacts_there)) if apart < _FITS else None
            if front is None:
                continue
            travel = Travel(first, last)
            score = apart + _measure_looks(finders, travel)
            if score < best[1] and travel.turn_at_root < _TURN and travel.turn < np.pi:
                best = StrokePair(travel, front), score
    return best if best[1] < _FITS else (None, best[1])


def _measure_rings(one: Stroke, other: Stroke) -> float:
    """How far two rings differ in shape, in sizes."""
    if max(abs(np.log(other.size / one.size)), abs(np.log(other.width / one.width))) > np.log(_LARGER):
        return np.inf
    lines = [(stroke.line - stroke.centre) / stroke.size for stroke in (one, other)]
    return float(np.linalg.norm(lines[0] - lines[1], axis=1).mean())


def _measure_lines(one: Stroke, other: Stroke) -> float:
    """How far two open strokes that hang on something differ in length; infinity if they are not one."""
    longer, wider = abs(np.log(other.length / one.length)), abs(np.log(other.width / one.width))
    apart = float(np.linalg.norm(one.line[-1] - other.line[-1]))
    if longer > np.log(_LONGER) or wider > np.log(_WIDER) or apart > _APART * max(one.width, other.width):
        return np.inf
    return float(longer)


def _measure_looks(finders: list[_Finder], travel: Travel) -> float:
    """How far a stroke's colours differ between both drawings, straightened: a share of its contrast to what is beside.

    What is paler in one of them has the same share of its contrast everywhere.
    """
    looks, apart = [], []
    for end, finder in enumerate(finders):
        curve, half = travel.end(end), travel.strokes[end].width / 2
        longest = travel.strokes[end].length if travel.closed else min(stroke.length for stroke in travel.strokes)
        lengths = np.linspace(0, longest, _SAMPLES)
        sides = straighten(finder.view, curve, lengths, half + 4)[:, [0, -1]]
        if travel.closed and float(np.abs(sides[:, 0] - sides[:, 1]).mean()) > _SIDES:
            return np.inf
        looks.append(straighten(finder.view, curve, lengths, 0.6 * half))
        apart.append(looks[end] - sides.mean(1, keepdims=True))
    contrast = [float(np.sqrt((part**2).mean())) for part in apart]
    if min(contrast) < _CONTRAST:
        return np.inf
    same = float(np.abs(looks[0] - looks[1]).mean()) / max(contrast)
    faint = int(np.argmin(contrast))
    clear = 1 - faint
    share = float((apart[0] * apart[1]).sum() / (apart[clear] ** 2).sum())
    if share < _PALEST:
        return same
    return min(same, float(np.abs(apart[faint] - share * apart[clear]).mean()) / contrast[faint])
