"""Finds a fast figure and the ground behind it: which pixels of two drawings belong to which.

The ground is one picture that stands. Where the drawings differ, at least one of them shows the figure; where they
agree, both show the ground, or both show the figure, as where a body is over the place where it was before. A minimum
cut decides for all cells of both drawings together (Boykov and Jolly, "Interactive Graph Cuts", ICCV 2001): the two may
not both show ground where they differ, and a figure ends where its drawing has an outline. So the figure's motion need
not be known.
"""

from typing import Any, NamedTuple

import cv2
import numpy as np

from .cutting import MinimumCut
from .grid import Array, max_of_channels
from .kept import shrink_once

# All below were chosen on a drawn cat that runs past houses (docs/RESULTS.md), and so that nothing is found in the
# choosing set (docs/evaluation.md), nor in scenes of core.cartoon where it would be wrong (docs/notebook).
SIDE = 200
"""Longest side of the picture in which figures are found, in pixels; 160 loses legs, 320 takes four times as long."""
_DIFFERS, _RANGE = 8.0, 16.0  # levels from which on places differ, and range up to a sure difference
_EXPLAINED, _LEAST = 0.5, 0.005  # of the picture must be explained by the ground, and so much must not
_SOLID = 0.6  # of what differs must be broader than a line: parallax and zooms differ along all outlines
_AROUND = 3  # cells around what differs
_APART = 60.0  # cost of taking a cell for ground in both drawings where they differ
_SEAM, _OUTLINE, _FREE = 30.0, 12.0, 0.6  # cost of a figure's end off an outline, levels of an outline, cost of any end
_FIGURE = 0.05  # cost of a figure's cell
_COLOUR = 0.3  # cost of a cell whose colour is the other's; without it, ground between legs is taken for figure
_LIKE = 3.0  # log odds that are sure
_NEVER = 1e5
_SCALE = 100  # the solver counts in whole numbers
_SIZES = 0.6  # ratio of the figures' areas in the two drawings at least, where they do not reach the border
_ROUGH = 3  # factor by which the rough cut is smaller: half size takes 2.5 times as long, a quarter loses the runner
_HALF = 2  # factor by which the cut is smaller after which most pairs are dismissed, in a fifth of the full cut's time
_ALL = 0.93  # of the picture is figure in the rough cut: then none is found; of 139 pairs with figures, 0.85 at most
_DRAWN = 0.04  # outlines of the ground that figures uncover or cover, to a cell: a plain ground cannot melt


class _Limits(NamedTuple):
    """What figures must be like, in shares."""

    least: float
    """Of the picture, in either drawing."""
    most: float
    """Of the picture, in either drawing."""
    off: float
    """Of a figure's end at most that is off outlines."""
    whole: float
    """Of the figures that is one piece: many pieces are a pattern that moves, or layers of the ground."""
    alike: float
    """Of the figure's colours that are the same in both drawings."""
    uncovered: float
    """Of what is figure in either drawing that is ground in the other: slower figures are drawn well anyway."""


_SURE = _Limits(_LEAST, 0.4, 0.25, 0.9, 0.7, 0.4)
_LIKELY = _Limits(_LEAST / 2, 0.5, 0.6, 0.8, 0.6, 0.3)
"""For figures cut out at half the size. With 1.25 times the share of ground, all 16 pairs of the drawn cat in which
figures are found pass, and 3 of 132 pairs in which none are: of core.cartoon, the choosing set and Big Buck Bunny."""
_MORE_GROUND = 1.25


def find_figures(first: Array, last: Array, most_ground: float = 1.0) -> tuple[Array, Array] | None:
    """Finds a figure that moves fast over a ground that stands.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: of the same shape.
        most_ground: of the figures may be ground, see `_share_ground`.

    Returns:
        The figures in either drawing, (h, w) float32 in {0, 1} each; None where the ground does not explain half of the
        picture, where it is plain, and where the figures are not sure.
    """
    height, width = first.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    w, h = max(8, round(width * scale)), max(8, round(height * scale))
    one, other = shrink_once(first, w, h), shrink_once(last, w, h)
    apart = max_of_channels(cv2.absdiff(one, other)).astype(np.float32)
    differs = np.clip((apart - _DIFFERS) / _RANGE, 0, 1)
    sure = (differs > 0.5).astype(np.uint8)
    solid = cv2.morphologyEx(sure, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    if not _LEAST * sure.size < sure.sum() < (1 - _EXPLAINED) * sure.size or solid.sum() < _SOLID * sure.sum():
        return None
    rows, columns = (np.flatnonzero(sure.any(axis)) for axis in (1, 0))
    box = np.s_[
        max(0, rows[0] - _AROUND) : rows[-1] + _AROUND + 1, max(0, columns[0] - _AROUND) : columns[-1] + _AROUND + 1
    ]
    if not _is_drawn(one[box], sure[box]):
        return None
    within = np.ones((h, w), bool)  # beyond the box, all is ground
    within[1:-1, 1:-1] = False
    inner = np.zeros((h, w), bool)
    inner[box] = True
    rim = inner & (cv2.erode(inner.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0) & ~within
    parts = one[box], other[box], differs[box], rim[box]
    rough = _cut_small(*parts, None, _ROUGH)
    if max(int(mask.sum()) for mask in rough) > _ALL * h * w:
        return None  # there is no ground whose colours could be judged
    likes = _judge_colours(*parts[:3], *rough)
    half = _cut_small(*parts, likes, _HALF)
    if not _are_like(*parts[:2], half, h * w, _LIKELY) or _share_ground(apart[box], half) > _MORE_GROUND * most_ground:
        return None
    found = _cut(*parts, likes)
    if not _are_sure(*parts[:2], found, (h, w), box) or _share_ground(apart[box], found) > most_ground:
        return None
    figures = []
    for part in found:
        whole = np.zeros((h, w), np.float32)
        whole[box] = part
        figures.append(whole)
    return figures[0], figures[1]


def trim_figures(first: Array, last: Array, figures: tuple[Array, Array]) -> tuple[Array, Array]:
    """Takes ground off figures: what the other drawing shows in the same way as ground, beside the ground around them.

    A minimum cut leaves it on, as around a house it may end at an outline as well as around the leg in front of that.

    Args:
        first: (H, W, 3) uint8.
        last: of the same shape.
        figures: as `find_figures` gives them.
    """
    h, w = figures[0].shape
    same = max_of_channels(cv2.absdiff(shrink_once(first, w, h), shrink_once(last, w, h))) < _DIFFERS
    trimmed = []
    for here, there in (figures, figures[::-1]):
        outside = here < 0.5
        agrees = (same & (there < 0.5)) | outside
        # through gaps of one cell, as where an outline of the figure is like the ground's, nothing is reached
        broad = cv2.morphologyEx(agrees.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        _, labels = cv2.connectedComponents(broad, connectivity=4)
        reached = np.isin(labels, np.unique(labels[outside & (broad > 0)])) & (broad > 0)
        ground = (cv2.dilate(reached.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & agrees
        trimmed.append(np.where(ground | outside, np.float32(0), here))
    return trimmed[0], trimmed[1]


def _share_ground(apart: Array, figures: tuple[Array, Array]) -> float:
    """How much of figures is not figure, as the other drawing shows the same there as ground: in [0, 1].

    Args:
        apart: (h, w), by how many levels the two drawings differ.
        figures: (h, w) bool each.
    """
    same = apart < _DIFFERS + _RANGE / 2
    alone = [figures[k] & ~figures[1 - k] for k in range(2)]
    return sum(float((same & mask).sum() / max(1, int(mask.sum()))) for mask in alone) / 2


def _is_drawn(picture: Array, differs: Array) -> bool:
    """Whether there are outlines beside what differs; on a plain ground there is nothing that could melt."""
    away = cv2.dilate(differs, np.ones((5, 5), np.uint8)) == 0
    drawn = sum(
        int((away[here] & away[beside] & (step > _OUTLINE)).sum()) for here, beside, step in _find_steps(picture)
    )
    return drawn > _DRAWN * int(away.sum())


def _judge_colours(one: Array, other: Array, differs: Array, here: Array, there: Array) -> tuple[Array, Array]:
    """How far each cell's colour is the ground's (1) or the figures' (-1), in both drawings.

    Args:
        one: (h, w, 3) uint8.
        other: of the same shape.
        differs: (h, w) in [0, 1].
        here: (h, w) bool: the figures in `one`, roughly.
        there: of those in `other`.
    """
    bins = [_find_bins(part) for part in (one, other)]
    sure = differs > 0.5
    shown = (here & sure & ~there, there & sure & ~here), (~here, ~there)
    figure, ground = (
        _count_colours(np.concatenate([b[mask] for b, mask in zip(bins, masks, strict=True)])) for masks in shown
    )
    odds = np.clip(np.log((ground + 1e-4) / (figure + 1e-4)) / _LIKE, -1, 1)
    return odds[bins[0]], odds[bins[1]]


def _find_bins(colours: Array) -> Array:
    """The bin of each colour, (…, 3) uint8, in a histogram of 16 x 16 x 16."""
    return np.asarray((colours >> 4).astype(np.int32) @ np.array([256, 16, 1]))


def _count_colours(bins: Array) -> Array:
    """Shares of a histogram's bins, (4096,), spread a little to their neighbours."""
    shares = np.bincount(bins, minlength=4096).astype(np.float64).reshape(16, 16, 16)
    for axis in range(3):
        shares = shares + 0.5 * (np.roll(shares, 1, axis) + np.roll(shares, -1, axis))
    return np.asarray(shares.ravel() / max(1.0, float(shares.sum())))


def _cut_small(
    one: Array, other: Array, differs: Array, rim: Array, likes: tuple[Array, Array] | None, factor: int
) -> tuple[Array, Array]:
    """`_cut` of pictures that are smaller by a factor."""
    h, w = differs.shape
    size = max(1, w // factor), max(1, h // factor)

    def shrink(part: Array) -> Array:
        return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA))

    here, there, apart, edge = (shrink(np.ascontiguousarray(part)) for part in (one, other, differs, rim * 1.0))
    liked = None if likes is None else (shrink(likes[0]), shrink(likes[1]))
    found = _cut(here, there, apart, edge > 0, liked)
    return tuple(  # type: ignore[return-value]
        cv2.resize(part.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0 for part in found
    )


def _cut(
    one: Array, other: Array, differs: Array, rim: Array, likes: tuple[Array, Array] | None
) -> tuple[Array, Array]:
    """Finds the figures in two drawings by a minimum cut.

    Args:
        one: (h, w, 3) uint8.
        other: of the same shape.
        differs: (h, w) in [0, 1].
        rim: (h, w) bool: where all is ground.
        likes: as `_judge_colours` gives them.

    Returns:
        (h, w) bool each.
    """
    h, w = differs.shape
    count = h * w
    index = np.arange(count, dtype=np.int32).reshape(h, w)
    graph = MinimumCut(2 * count)
    # the source's side is figure for the first drawing's nodes, and ground for the last one's: so all costs can be cut
    for number, picture in enumerate((one, other)):
        own = index + number * count
        for here, beside, step in _find_steps(picture):
            cost = _FREE + _SEAM * np.exp(-((step / _OUTLINE) ** 2))
            graph.connect(own[here], own[beside], cost)
            graph.connect(own[beside], own[here], cost)
    graph.connect(index + count, index, _APART * differs)
    plain = _FIGURE * (1 - differs) + _NEVER * rim
    for number in range(2):
        figure = plain if likes is None else plain + _COLOUR * likes[number]
        graph.prefer(index + number * count, figure if number else -figure)
    side = graph.solve(_SCALE)
    return side[:count].reshape(h, w), ~side[count:].reshape(h, w)


def _find_steps(picture: Array) -> list[tuple[Any, Any, Array]]:
    """For both directions: where cells are, where their neighbours are, and by how many levels these differ."""
    values = picture.astype(np.int16)
    ways: tuple[tuple[Any, Any], ...] = ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:]))
    return [(here, beside, np.abs(values[beside] - values[here]).max(2).astype(np.float32)) for here, beside in ways]


def _find_largest(mask: Array) -> float:
    """The share of a mask that is its largest connected part."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return float(stats[1:, cv2.CC_STAT_AREA].max(initial=0) / max(1, int(mask.sum())))


def _compare_colours(one: Array, other: Array) -> float:
    """How much of the colours of two sets of pixels, (N, 3) uint8 each, is the same: in [0, 1]."""
    shares = [_count_colours(_find_bins(part)) for part in (one, other)]
    return float(np.minimum(*shares).sum() / max(1e-9, min(part.sum() for part in shares)))


def _are_like(one: Array, other: Array, found: tuple[Array, Array], cells: int, limits: _Limits) -> bool:
    """Whether figures are what figures are: large enough, fast, of one piece, and ending at outlines.

    Args:
        one: (h, w, 3) uint8.
        other: of the same shape.
        found: the figures in either drawing, (h, w) bool.
        cells: of the whole picture.
        limits: that they must keep.
    """
    areas = [int(mask.sum()) for mask in found]
    if min(areas) < limits.least * cells or max(areas) > limits.most * cells:
        return False
    either, both = int((found[0] | found[1]).sum()), int((found[0] & found[1]).sum())
    if either - both < limits.uncovered * either or min(_find_largest(mask) for mask in found) < limits.whole:
        return False
    ends, off = 0, 0
    for picture, mask in zip((one, other), found, strict=True):
        for here, beside, step in _find_steps(picture):
            end = mask[here] != mask[beside]
            ends += int(end.sum())
            off += int((end & (step < _OUTLINE)).sum())
    return off <= limits.off * ends and _compare_colours(one[found[0]], other[found[1]]) >= limits.alike


def _are_sure(one: Array, other: Array, found: tuple[Array, Array], shape: tuple[int, int], box: Any) -> bool:
    """Whether figures are surely figures, over a ground that is drawn, and as large in both drawings."""
    h, w = shape
    if not _are_like(one, other, found, h * w, _SURE):
        return False
    areas = [int(mask.sum()) for mask in found]
    uncovered, drawn = found[0] ^ found[1], 0
    for picture, mask in zip((one, other), found, strict=True):
        ground = uncovered & (cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)
        for here, beside, step in _find_steps(picture):
            drawn += int((ground[here] & ground[beside] & (step > _OUTLINE)).sum())
    rows, columns = (part.indices(side) for part, side in zip(box, shape, strict=True))
    enters = any(
        (m[0].any() and rows[0] == 0) or (m[-1].any() and rows[1] == h) or (m[:, 0].any() and columns[0] == 0)
        or (m[:, -1].any() and columns[1] == w)
        for m in found
    )  # fmt: skip
    return drawn >= _DRAWN * int(uncovered.sum()) and (enters or min(areas) >= _SIZES * max(areas))
