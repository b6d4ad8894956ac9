"""Pairs strokes of two drawings that no motion explains, by their shapes and colours.

A search for motion compares patches. A thin ring that grows and pales has none that stay alike, and a tail that swings
far has none that the search's shifts carry. But as strokes (see `strokes`) they are the same in both drawings. Pieces
of one colour in places that motion leaves unexplained are traced, with the slender pieces that hang on them. Two of them are one
stroke if their shapes agree, if both look alike once they are straightened, if each is the other's best match and
nothing else in the drawings looks like them, and if what is around them is explained.

Thresholds were set by hand on core.cartoon.trials and on the drawings of tests/motion/test_stroke_pairs.py.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow, max_of_channels, mean_of_channels, pixel_grid, warp
from .kept import shrink_once
from .segments import label_flat
from .strokes import Stroke, Travel, is_slender, make_curve, straighten, trace

SIDE = 480
"""Longest side of the picture in which strokes are found, in pixels."""
_MISSED = 24.0  # levels by which a place differs from all of the other drawing around its match
_AMISS = 2  # pixels there around a match
_SHARE = 0.3  # of a piece that is unmatched, at least
_LEAST, _MOST = 24, 0.06  # pixels of a piece, and share of the picture
_PARTS = 16  # unmatched parts of a drawing; where there are more, nothing is a single thing
_SEEDS, _PIECES = 8, 4  # pieces of a drawing that are grown, and strokes that are compared; more are no single things
_NEAR_COLOUR = (14, 60)  # levels within which a piece's colour stays: of what is broad, and of thin lines


@dataclass(frozen=True)
class StrokePair:
    """A stroke in both drawings."""

    travel: Travel
    """How it moves; its strokes are on the grid of `find_strokes`."""
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
    height, width = first.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    w, h = max(8, round(width * scale)), max(8, round(height * scale))
    views = [shrink_once(view, w, h) for view in (first, last)]
    to_view = np.array([w / width, h / height], np.float32)
    missed = [_find_missed(views[k], views[1 - k], flows[k] * to_view) for k in range(2)]
    if not all(0 < _count_parts(part) <= _PARTS for part in missed):
        return []
    finders = [_Finder(views[k], views[1 - k], missed[k]) for k in range(2)]
    found = []
    for finder in finders:
        found.append(finder.find())
        if not 0 < len(found[-1]) <= _PIECES:
            return []
    scores = np.full((len(found[0]), len(found[1])), np.inf)
    fitting: dict[tuple[int, int], StrokePair] = {}
    for i, one in enumerate(found[0]):
        for j, other in enumerate(found[1]):
            pair, scores[i, j] = _compare(finders, one, other)
            if pair is not None:
                fitting[i, j] = pair
    pairs = []
    for (i, j), pair in fitting.items():
        others = np.concatenate([np.delete(scores[i], j), np.delete(scores[:, j], i)])
        if others.min(initial=np.inf) < _BETTER * scores[i, j] + _BETTER_BY:
            continue
        own = found[0][i], found[1][j]
        own = found[0][i], found[1][j]
        alone = all(finder.is_alone(piece) for finder, piece in zip(finders, own, strict=True))
        if not alone or not _is_unlike_others(finders, *own):
            continue
        pairs.append(pair)
    return pairs


_BETTER, _BETTER_BY = 1.5, 0.05


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
        self.changed = max_of_channels(cv2.absdiff(view, other)) > _CHANGED
        self.contrast = max_of_channels(cv2.absdiff(view, other))

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
        _, parts, stats, _ = cv2.connectedComponentsWithStats(self.missed.astype(np.uint8), connectivity=8)
        areas = stats[:, cv2.CC_STAT_AREA].copy()
        areas[0] = 0
        found: list[_Piece] = []
        seeds, taken = 0, np.zeros(self.missed.shape, bool)
        for number in np.argsort(-areas, kind="stable"):
            if areas[number] < _LEAST:
                break
            x, y, w, h = stats[number, :4]
            box = np.s_[y : y + h, x : x + w]
            own, contrast = parts[box] == number, self.contrast[box]
            for _ in range(_COLOURS):
                left = own & ~taken[box]
                if seeds == _SEEDS or cv2.countNonZero(left.astype(np.uint8)) < _LEAST:
                    break
                row, column = np.unravel_index(int(np.where(left, contrast, 0).argmax()), left.shape)
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
            area = cv2.countNonZero(core.astype(np.uint8))
            if area > _MOST * core.size:
                break
            if area < _LEAST:
                continue
            for parts in ([core, *self._find_neighbours(core)], [core]):
                flat = np.logical_or.reduce(parts)
                # without its outline it is more slender, and more of it may be explained
                if float(self.missed[flat].mean()) < _SHARE / 2 or not is_slender(flat, 0.7):
                    continue
                stroke = trace(self.widen(flat))
                if stroke is None or _touches(stroke.mask):
                    continue
                if float(self.missed[stroke.mask].mean()) >= _SHARE:
                    return core, _Piece(stroke, parts)
                if len(parts) == 1:
                    break
        return core, None

    def widen(self, core: Array) -> Array:
        """A piece with its outline, which is no broad piece: (h, w) bool."""
        mask = core.astype(np.uint8)
        room = (~self.broad | core).astype(np.uint8)
        for n in range(_OUTLINE):
            mask = cv2.bitwise_and(cv2.dilate(mask, _SQUARE if n % 2 else _CROSS), room)
        return mask > 0

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
        x, y, w, h = cv2.boundingRect(core.astype(np.uint8))
        box = np.s_[max(0, y - _TOUCH) : y + h + _TOUCH, max(0, x - _TOUCH) : x + w + _TOUCH]
        near = cv2.dilate(core[box].astype(np.uint8), np.ones((_TOUCH, _TOUCH), np.uint8)) > 0
        numbers = np.unique(self.labels[box][near & self.broad[box] & ~core[box]])
        parts = [self.labels == number for number in numbers if self._moved[number]]
        return [part for part in parts if not (part & core).any()]

    def has_alike(self, part: Array, colour: Array, own: Array) -> bool:
        """Whether the drawing has a piece that looks like one of either drawing, beside its own stroke, (h, w) bool."""
        low, high = (np.clip(colour + way * _FLAT, 0, 255) for way in (-1, 1))
        mask = cv2.inRange(self.view, low, high)
        mask[own] = 0
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        area = int(part.sum())
        side = max(cv2.boundingRect(part.astype(np.uint8))[2:])
        return any(area / 2 < a < area * 2 and side / 1.6 < max(w, h) < side * 1.6 for _, _, w, h, a in stats[1:])

    def is_alone(self, piece: _Piece) -> bool:
        """Whether what is around a piece is explained."""
        reach = 2 * (round(piece.stroke.width) + 2) + 1
        wide = cv2.dilate(piece.stroke.mask.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        around = (wide > 0) & ~(cv2.dilate(piece.stroke.mask.astype(np.uint8), _SQUARE) > 0)
        return not around.any() or float(self.missed[around].mean()) < _AROUND

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
        beside = np.array(
            [curve.at(along, np.full(12, side * (stroke.width / 2 + 4.0))) for side in (-1, 1)]
        ).reshape(-1, 2)
        x, y = np.clip(np.rint(beside), 0, (w - 1, h - 1)).astype(int).T
        for number in np.flatnonzero(counts >= _CONTACT * disc.sum()):
            if (self.labels[y, x] == number).mean() < 0.15:
                contacts[int(number)] = int(counts[number])
        return contacts

    def widen_front(self, number: int) -> Array:
        """A piece that stays, with its outline: (h, w) bool."""
        core = self.labels == number
        wide = cv2.dilate(core.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        return core | (wide & ~self.broad & ~self.changed)


_REACH, _CONTACT = 7.0, 0.05


def _find_front(finders: list[_Finder], first: Stroke, last: Stroke) -> Array | None:
    """What open strokes hang on by their last places, and which stays: (h, w) bool."""
    best, found = 0, None
    contacts = [finder.find_contacts(stroke) for finder, stroke in zip(finders, (first, last), strict=True)]
    for here, count in contacts[0].items():
        own = finders[0].labels == here
        for there, other_count in contacts[1].items():
            other = finders[1].labels == there
            both = int((own & other).sum())
            if both > 0.5 * min(int(own.sum()), int(other.sum())) and min(count, other_count) > best:
                best, found = min(count, other_count), (here, there)
    return None if found is None else finders[0].widen_front(found[0]) & finders[1].widen_front(found[1])


_FLAT, _THIN = 14.0, 0.45
_CHANGED = 20
_OUTLINE = 4
_TOUCH = 7
_COLOURS = 3
_MOVED = 0.5
_AROUND = 0.15
_CROSS, _SQUARE = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)), np.ones((3, 3), np.uint8)


def _is_unlike_others(finders: list[_Finder], one: _Piece, other: _Piece) -> bool:
    """Whether a piece of a stroke has its like nowhere else in both drawings."""
    masks = one.stroke.mask, other.stroke.mask
    for finder, piece in zip(finders, (one, other), strict=True):
        for part in piece.parts:
            colour = finder.view[part].mean(0)
            if not any(f.has_alike(part, colour, own) for f, own in zip(finders, masks, strict=True)):
                return True
    return False


def _touches(mask: Array) -> bool:
    """Whether a mask touches the picture's border, beyond which it may go on."""
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _flood(view: Array, at: tuple[int, int], reach: float) -> Array:
    """The connected places whose colours are within `reach` levels of that at (x, y): (h, w) bool."""
    h, w = view.shape[:2]
    mask = np.zeros((h + 2, w + 2), np.uint8)
    cv2.floodFill(
        view.copy(), mask, at, (0, 0, 0), (reach,) * 3, (reach,) * 3, 8 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    )
    return mask[1:-1, 1:-1] > 0


def _compare(finders: list[_Finder], one: _Piece, other: _Piece) -> tuple[StrokePair | None, float]:
    """How a piece of the first drawing travels to one of the last, if it is the same, and how unlike they are."""
    if one.stroke.closed != other.stroke.closed:
        return None, np.inf
    best: tuple[StrokePair | None, float] = (None, np.inf)
    if one.stroke.closed:
        travel = Travel(one.stroke, other.stroke, rooted=False)
        score = _measure_rings(one.stroke, other.stroke) + _measure_looks(finders, travel)
        return (StrokePair(travel, None), score) if score < _FITS else (None, score)
    for first in (one.stroke, one.stroke.reverse()):
        for last in (other.stroke, other.stroke.reverse()):
            front = _find_front(finders, first, last)
            if front is None:
                continue
            travel = Travel(first, last, rooted=True)
            score = _measure_lines(travel) + _measure_looks(finders, travel)
            if score < best[1]:
                best = StrokePair(travel, front), score
    return best if best[1] < _FITS else (None, best[1])


_FITS = 0.35


def _measure_rings(one: Stroke, other: Stroke) -> float:
    """How far two rings differ in shape, in sizes."""
    scale = other.size / one.size
    wider = other.width / one.width
    if not 1 / 3 < scale < 3 or not 1 / 3 < wider < 3:
        return np.inf
    lines = [(stroke.line - stroke.centre) / stroke.size for stroke in (one, other)]
    return float(np.linalg.norm(lines[0] - lines[1], axis=1).mean())


def _measure_lines(travel: Travel) -> float:
    """The same of open strokes."""
    one, other = travel.strokes
    longer, wider = other.length / one.length, other.width / one.width
    if not 0.7 < wider < 1.4:
        return np.inf
    if travel.rooted:
        apart = float(np.linalg.norm(one.line[-1] - other.line[-1]))
        if not 0.8 < longer < 1.25 or apart > 2 * max(one.width, other.width):
            return np.inf
        return abs(np.log(longer))
    return np.inf


def _measure_looks(finders: list[_Finder], travel: Travel) -> float:
    """How far two strokes differ in colour once they are straightened, of their contrast to what is beside them."""
    looks, beside = [], []
    for end, finder in enumerate(finders):
        curve = travel.end(end)
        count = 64
        lengths = np.linspace(0, curve.step * (len(travel.at(0.0).places) - 1), count) if travel.closed else np.linspace(0, min(s.length for s in travel.strokes), count)
        half = travel.strokes[end].width / 2
        looks.append(straighten(finder.view, curve, lengths, 0.6 * half)[:, :])
        rim = straighten(finder.view, curve, lengths, half + 4)
        beside.append((rim[:, :1] + rim[:, -1:]) / 2)
    apart = [looks[k] - beside[k] for k in range(2)]
    contrast = [float(np.sqrt((part**2).mean())) for part in apart]
    if min(contrast) < 8:
        return np.inf
    same = float(np.abs(looks[0] - looks[1]).mean()) / max(contrast)
    faint = int(np.argmin(contrast))
    clear = 1 - faint
    share = float((apart[0] * apart[1]).sum() / (apart[clear] ** 2).sum())
    pale = np.inf
    if 0.2 < share < 1.1:
        pale = float(np.abs(apart[faint] - share * apart[clear]).mean()) / contrast[faint]
    return min(same, pale)
