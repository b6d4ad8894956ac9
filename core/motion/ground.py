"""Finds a fast figure and the ground behind it: which pixels of two drawings belong to which.

The ground is one picture that stands. Where the drawings differ, at least one of them shows the figure; where they
agree, both show the ground, or both show the figure, as where a body is over the place where it was before. A minimum
cut decides for all cells of both drawings together (Boykov and Jolly, "Interactive Graph Cuts", ICCV 2001): the two may
not both show ground where they differ, and a figure ends where its drawing has an outline. So the figure's motion need
not be known.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np

from .cutting import MinimumCut
from .grid import Array, fit_size, max_of_channels
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
_EXPLAINED_CLOSE = 0.25  # of the picture must be explained if it is a part of a frame, cut around a figure
_STILL = 0.06  # of the picture's shorter side, in which all stands, is around such a part
_SMALLEST, _PIECES, _SCATTERED = 0.002, 0.9, 0.8  # of the picture is a piece; of figures is in pieces, and at half size
MOST_FIGURES = 2
"""Most figures that are drawn apart."""
_GROUNDS = 0.05  # how far a colour is the ground's, from which on what is hidden may be trimmed off
_FLAT, _GROWS = 6.0, 64  # levels between cells of one colour, and cells over which trimmed ground goes on at most
_BARE, _BARE_ROUGH = 0.5, 0.7  # of the end of a figure that is in one drawing alone may be at outlines of the other one
_ALL = 0.93  # of the picture is figure in the rough cut: then none is found; of 139 pairs with figures, 0.85 at most
_DRAWN = 0.04  # outlines of the ground that figures uncover or cover, to a cell: a plain ground cannot melt
_DRAWN_MATCHED = 0.02  # the same for figures that are matched: where the border cuts them, they are torn as well


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
_MATCHED = _Limits(0.0, 0.65, 0.25, 0.5, 0.0, 0.3)
"""For figures of which it is known that both drawings show the same one, although the border may cut off a part."""
_DIVISIBLE = _Limits(0.0, 0.65, 0.6, 0.0, 0.0, 0.25)
"""For what may be several figures or one that the border cuts, at half the size."""


class Cut(NamedTuple):
    """What is figure in two drawings, as a minimum cut has it, before anything is rejected."""

    pictures: tuple[Array, Array]
    """(h, w, 3) uint8 each: the drawings on the grid of the cut."""
    box: tuple[slice, slice]
    """The part of the grid in which the drawings differ; beyond it, all is ground."""
    masks: tuple[Array, Array]
    """(h, w) bool each: the figures in either drawing."""
    likely: bool
    """Whether they may be one figure that both drawings show, by a cut at half the size."""
    most_ground: float
    """How much of the figures may be ground."""
    finish: Callable[[], "Cut"] | None = None
    """Cuts at the full size. None: this is such a cut."""

    @property
    def is_rough(self) -> bool:
        """Whether this is a cut at half the size, of which only what is certainly wrong is rejected."""
        return self.finish is not None

    @property
    def figures(self) -> tuple[Array, Array]:
        """The masks as numbers: (h, w) float32 in {0, 1} each."""
        first, last = (mask.astype(np.float32) for mask in self.masks)
        return first, last

    def is_sure(self) -> bool:
        """Whether they are one figure that both drawings show, over a ground that is drawn."""
        if not self.likely:
            return False
        one, other, found = self._take_parts(self.masks)
        if not _are_sure(one, other, found, self.masks[0].shape, self.box):
            return False
        return _share_ground(_find_apart(one, other), found) <= self.most_ground

    def is_matched_sure(self, masks: tuple[Array, Array]) -> bool:
        """Whether a figure is one, of which it is known that both drawings show it, although the border may cut it.

        Args:
            masks: (h, w) bool each.
        """
        one, other, found = self._take_parts(masks)
        if not _are_like(one, other, found, masks[0].size, _DIVISIBLE if self.is_rough else _MATCHED):
            return False
        if not self.is_rough and not _is_ground_drawn(one, other, found, _DRAWN_MATCHED):
            return False
        return _share_ground(_find_apart(one, other), found) <= self.most_ground

    def compare_colours(self, masks: tuple[Array, Array]) -> float:
        """How much of the colours of a figure, (h, w) bool in either drawing, is the same: in [0, 1]."""
        one, other, found = self._take_parts(masks)
        return _compare_colours(one[found[0]], other[found[1]])

    def is_alone_sure(self, end: int, mask: Array) -> bool:
        """Whether a figure that only one drawing shows is one: it ends at outlines, which the other drawing has not.

        Args:
            end: 0 if the first drawing shows it, 1 if the last one does.
            mask: (h, w) bool.
        """
        one, other = self.pictures[end], self.pictures[1 - end]
        ends, drawn, bare, covered, area = 0, 0, 0, 0, int(mask.sum())
        for (here, beside, step), (_, _, behind) in zip(_find_steps(one), _find_steps(other), strict=True):
            edge = mask[here] != mask[beside]
            ends += int(edge.sum())
            drawn += int((edge & (step >= _OUTLINE)).sum())
            bare += int((edge & (behind >= _OUTLINE)).sum())
            covered += int((mask[here] & mask[beside] & (behind > _OUTLINE)).sum())
        if not _LEAST * mask.size <= area <= _MATCHED.most * mask.size or covered < _DRAWN * area:
            return False
        same = int(((_find_apart(one, other) < _DIFFERS + _RANGE / 2) & mask).sum())
        off, most_bare = (_DIVISIBLE.off, _BARE_ROUGH) if self.is_rough else (_MATCHED.off, _BARE)
        return drawn >= (1 - off) * ends and bare <= most_bare * ends and same <= self.most_ground * area

    def _take_parts(self, masks: tuple[Array, Array]) -> tuple[Array, Array, tuple[Array, Array]]:
        """The pictures and the masks within the box."""
        one, other = (picture[self.box] for picture in self.pictures)
        return one, other, (masks[0][self.box], masks[1][self.box])


def cut_figures(first: Array, last: Array, most_ground: float = 1.0, *, laid: bool = False) -> Cut | None:
    """Cuts all that is figure from a ground that stands, at half the size.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: of the same shape.
        most_ground: of the figures may be ground, see `_share_ground`.
        laid: whether `last` has been laid over `first`, so that beside it a figure may be cut off.

    Returns:
        The cut; None where the ground does not explain half of the picture, where it is plain, and where what is cut is
        no figure. A picture at whose border something moves, and around which all stands, may be a part of a frame,
        cut around a figure: there the ground may explain less.
    """
    w, h = fit_size(first.shape, SIDE)
    one, other = shrink_once(first, w, h), shrink_once(last, w, h)
    apart = max_of_channels(cv2.absdiff(one, other)).astype(np.float32)
    differs = np.clip((apart - _DIFFERS) / _RANGE, 0, 1)
    sure = (differs > 0.5).astype(np.uint8)
    solid = cv2.morphologyEx(sure, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    explained = 1 - float(sure.mean())
    if explained <= _EXPLAINED_CLOSE or 1 - explained <= _LEAST or solid.sum() < _SOLID * sure.sum():
        return None
    if explained <= _EXPLAINED and not _stands_around(sure):
        return None
    rows, columns = (np.flatnonzero(sure.any(axis)) for axis in (1, 0))
    top, left = (max(0, int(places[0]) - _AROUND) for places in (rows, columns))
    box = slice(top, int(rows[-1]) + _AROUND + 1), slice(left, int(columns[-1]) + _AROUND + 1)
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
    if _share_ground(apart[box], half) > _MORE_GROUND * most_ground:
        return None
    likely = explained > _EXPLAINED and _are_like(*parts[:2], half, h * w, _LIKELY)
    if not likely and not _are_divisible(*parts[:2], half, (h, w), box, laid=laid):
        return None

    def place(found: tuple[Array, Array]) -> tuple[Array, Array]:
        masks = np.zeros((2, h, w), bool)
        masks[0][box], masks[1][box] = found
        return masks[0], masks[1]

    def finish() -> Cut:
        return Cut((one, other), box, place(_cut(*parts, likes)), likely, most_ground)

    return Cut((one, other), box, place(half), likely, _MORE_GROUND * most_ground, finish)


def find_pieces(mask: Array, *, rough: bool = False) -> list[Array]:
    """The pieces of a mask, (h, w) bool each; none if much is in small ones, of which rough masks may have more."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = [k for k in range(1, count) if areas[k - 1] >= _SMALLEST * mask.size]
    if sum(int(areas[k - 1]) for k in large) < (_SCATTERED if rough else _PIECES) * int(mask.sum()):
        return []
    return [labels == k for k in large]


def _stands_around(differs: Array) -> bool:
    """Whether all stands at two borders of a picture, (h, w) uint8, or three, and something moves at another."""
    wide = max(1, round(_STILL * min(differs.shape)))
    moves = [bool(band.any()) for band in (differs[:wide], differs[-wide:], differs[:, :wide], differs[:, -wide:])]
    return 1 <= sum(moves) <= 2


def _are_divisible(
    one: Array,
    other: Array,
    found: tuple[Array, Array],
    shape: tuple[int, ...],
    box: tuple[slice, slice],
    *,
    laid: bool,
) -> bool:
    """Whether figures of a cut at half the size may be several, or one that is cut off; see `_are_like`."""
    if not _are_like(one, other, found, shape[0] * shape[1], _DIVISIBLE):
        return False
    counts = []
    for mask in found:
        pieces = find_pieces(mask, rough=True)
        if (not pieces and mask.sum() > _LEAST * mask.size) or len(pieces) > MOST_FIGURES + 1:
            return False
        counts.append(len(pieces))
    if min(counts) > 1 or (max(counts) > 0 and _reach_border(found, shape, box)):
        return True
    areas = [int(mask.sum()) for mask in found]
    return laid and min(areas) < _SIZES * max(areas)


def trim_figures(first: Array, last: Array, figures: tuple[Array, Array], *, grows: bool = True) -> tuple[Array, Array]:
    """Takes ground off figures: what the other drawing shows in the same way as ground, beside the ground around them.

    A minimum cut leaves it on, as around a house it may end at an outline as well as around the leg in front of that.

    Args:
        first: (H, W, 3) uint8.
        last: of the same shape.
        figures: as `Cut.figures` has them.
        grows: whether also what both drawings hide is taken off, where that ground goes on.
    """
    h, w = figures[0].shape
    pictures = shrink_once(first, w, h), shrink_once(last, w, h)
    same = max_of_channels(cv2.absdiff(*pictures)) < _DIFFERS
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
    if grows:
        for picture, mask, before, there in zip(pictures, trimmed, figures, figures[::-1], strict=True):
            ground, off = mask < 0.5, (before > 0.5) & (mask < 0.5)
            if off.any():
                mask[_grow_ground(picture, ground, off, ~ground & (there > 0.5))] = 0
    return trimmed[0], trimmed[1]


def _grow_ground(picture: Array, ground: Array, trimmed: Array, hidden: Array) -> Array:
    """Where ground that was trimmed off goes on, although the other drawing does not show that: (h, w) bool.

    It does up to the next outline. An outline of the ground is thin, and there is ground at both of its sides.

    Args:
        picture: (h, w, 3) uint8.
        ground: (h, w) bool: all that is ground.
        trimmed: (h, w) bool: what of that was trimmed off.
        hidden: (h, w) bool: what is figure in both drawings.
    """
    likes = compare_colours(picture[hidden], picture[~(ground | hidden)], picture[ground])
    coloured = hidden.copy()
    coloured[hidden] = likes > _GROUNDS  # a figure's outline may touch a black one of the ground
    grown = trimmed.copy()
    steps = [(here, beside, step < _FLAT) for here, beside, step in _find_steps(picture)]
    for _ in range(_GROWS):
        before = int(grown.sum())
        for here, beside, flat in steps:
            for to, of in ((here, beside), (beside, here)):
                grown[to] |= grown[of] & flat & coloured[to]
        if int(grown.sum()) == before:
            break
    grown &= hidden
    closed = cv2.morphologyEx((ground | grown).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    beside = cv2.dilate(grown.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return np.asarray(grown | (closed & beside & hidden))


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
    figure, ground = (np.concatenate([b[mask] for b, mask in zip(bins, masks, strict=True)]) for masks in shown)
    odds = _find_odds(figure, ground)
    return odds[bins[0]], odds[bins[1]]


def compare_colours(colours: Array, figure: Array, ground: Array) -> Array:
    """How far each colour, (N, 3) uint8, is the ground's (1) or a figure's (-1), of which (M, 3) colours are known."""
    return np.asarray(_find_odds(_find_bins(figure), _find_bins(ground))[_find_bins(colours)])


def share_colours(one: Array, other: Array) -> float:
    """How many of some pixels, (N, 3) uint8, have a colour that as many of others, (M, 3), have: in [0, 1]."""
    counts = [_count_colours(_find_bins(part)) * len(part) for part in (one, other)]
    return float(np.minimum(*counts).sum() / max(1, len(one)))


def _find_odds(figure: Array, ground: Array) -> Array:
    """How far each bin, (4096,), is the ground's (1) or the figures' (-1), by the bins of colours of both."""
    shares = _count_colours(figure), _count_colours(ground)
    return np.asarray(np.clip(np.log((shares[1] + 1e-4) / (shares[0] + 1e-4)) / _LIKE, -1, 1))


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


def _are_sure(
    one: Array, other: Array, found: tuple[Array, Array], shape: tuple[int, ...], box: tuple[slice, slice]
) -> bool:
    """Whether figures are surely figures, over a ground that is drawn, and as large in both drawings."""
    if not _are_like(one, other, found, shape[0] * shape[1], _SURE) or not _is_ground_drawn(one, other, found):
        return False
    areas = [int(mask.sum()) for mask in found]
    return _reach_border(found, shape, box) or min(areas) >= _SIZES * max(areas)


def _is_ground_drawn(one: Array, other: Array, found: tuple[Array, Array], least: float = _DRAWN) -> bool:
    """Whether the ground that figures uncover or cover has outlines: `least` to a cell."""
    uncovered, drawn = found[0] ^ found[1], 0
    for picture, mask in zip((one, other), found, strict=True):
        ground = uncovered & (cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0)
        for here, beside, step in _find_steps(picture):
            drawn += int((ground[here] & ground[beside] & (step > _OUTLINE)).sum())
    return drawn >= least * int(uncovered.sum())


def _reach_border(found: tuple[Array, Array], shape: tuple[int, ...], box: tuple[slice, slice]) -> bool:
    """Whether figures, within a box of a picture of that shape, reach the picture's border."""
    rows, columns = (part.indices(side) for part, side in zip(box, shape, strict=True))
    return any(
        (m[0].any() and rows[0] == 0) or (m[-1].any() and rows[1] == shape[0]) or (m[:, 0].any() and columns[0] == 0)
        or (m[:, -1].any() and columns[1] == shape[1])
        for m in found
    )  # fmt: skip


def _find_apart(one: Array, other: Array) -> Array:
    """By how many levels two pictures differ: (h, w)."""
    return max_of_channels(cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(other)))
