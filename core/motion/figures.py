"""Tells fast figures apart, and finds how those move that the border cuts or that leave the picture or come in.

A figure that is cut by the border in one key frame goes on beyond it. What is missing there is in the other key frame,
so all that is needed is how far the figure moves, which its visible part says. If one key frame does not show it, it
has left by the border that cuts it in the other one, or has come in there, by the shortest way.
"""

from itertools import permutations
from typing import Any, NamedTuple

import cv2
import numpy as np

from .dense import search_densely
from .grid import Array, find_overlap, fit_size, max_of_channels, pixel_grid, touches_border, warp
from .ground import MOST_FIGURES, SIDE, Cut, compare_colours, cut_figures, find_pieces, share_colours, trim_figures
from .kept import shrink_once
from .pan import Pan, find_least

# Chosen on the drawn cats of docs/RESULTS.md, so that nothing is found in the choosing set (docs/evaluation.md).
_OVERLAP = 0.5  # of a figure's visible parts in both drawings is the same place of it, intersection to union
_NEAR = 40  # levels up to which a place of a figure is alike in both drawings
_ALIKE = 0.7  # of a figure's places are alike, moved
_SEEN = 0.5  # of the smaller one of two visible parts must be in both, or a match means nothing
_LIKE = 40.0  # levels: root mean square of the difference of colours that makes a match much less likely
_OTHER, _APART = 0.6, 0.1  # a match that is farther away than so much of the longer side may be so good at most
_BEYOND = 0.02  # of a figure is beyond the border in one drawing: less is drawn well without it
_SLACK = 0.8  # factor of these limits for rough masks
_ELSEWHERE = 0.5  # of a figure's pixels have colours that as many pixels of other figures have, or it may be there
_BESIDE = 0.15  # of the longer side may be between two pieces of one figure that the border cuts
_COLOURS = 0.4  # of a figure's colours are in both drawings, in one of which there may be little of it
_COARSE = 2  # factor by which what is matched is smaller
_BEHIND = 0.9  # of a piece is behind a figure of the other drawing, if it is ground
_CONTACT = 0.15  # of a figure's side is cut by the border, if it is in one drawing alone
_ALONE = 0.1  # score of a figure that is in one drawing alone: any match is better
_WORST = 60  # levels: more is not worse
_LEAST_SIDE = 32  # pixels of the ground that both frames must show
_TOGETHER = 0.01  # of the longer side: figures that move alike to this are taken for parts of the ground, if that moves
_LIKE_IT = 0.1  # of new ground may have colours that are a figure's rather than the ground's
_FITS, _FITTING, _SLOW = 30, 0.4, 0.8
"""Levels up to which a cell of a figure fits where dense search leads, the share of cells that must fit, and the share
of the limit below which the figure is slow. Of 19 figures, its lengths and the engine's differ by a sixth at most."""
_AROUND_IT = np.ones((3, 3), np.uint8)


class Figure(NamedTuple):
    """A figure in two drawings."""

    masks: tuple[Array, Array]
    """(h, w) float32 in {0, 1} each, on any grid: where it is in either drawing."""
    shift: tuple[float, float] | None = None
    """How far it moves, in pixels, (dx, dy), if that is known: if it is beyond the border in one, or one of several."""

    @property
    def is_alone(self) -> bool:
        """Whether one drawing does not show it at all."""
        return not all(mask.any() for mask in self.masks)


class Match(NamedTuple):
    """How far a figure moves, in cells, and how well it fits there."""

    shift: tuple[int, int]
    score: float


def finish_cut(cut: Cut) -> Cut | None:
    """Cuts at the full size, which takes long; None where the cut at half the size shows that nothing will be found."""
    assert cut.finish is not None
    return cut.finish() if cut.likely or divide_figures(cut) else None


def find_figures_of(cut: Cut) -> list[Figure]:
    """Finds the figures of a cut, in no order; none unless all of them are sure. Shifts are in cells of the cut."""
    if not cut.is_sure():
        return divide_figures(cut)
    match = _find_way(cut, cut.masks)
    return [Figure(trim_figures(*cut.pictures, cut.figures), None if match is None else match.shift)]


def divide_figures(cut: Cut) -> list[Figure]:
    """As `find_figures_of`, of those whose shifts are known: several figures, or one that the border cuts.

    Of a cut at half the size, it is enough that one of them may be sure.
    """
    one, other = trim_figures(*cut.pictures, cut.figures, grows=not cut.is_rough)
    masks = one > 0, other > 0
    pieces = [_join_at_border(find_pieces(mask, rough=cut.is_rough)) for mask in masks]
    count = max(map(len, pieces))
    scattered = any(not found and mask.any() for found, mask in zip(pieces, masks, strict=True))
    if scattered or not 1 <= count <= MOST_FIGURES + cut.is_rough or (count > 1 and not all(pieces)):
        return []
    nothing = np.zeros(masks[0].shape, bool)
    here, there = ([*each, *[nothing] * (count - len(each))] for each in pieces)
    best: tuple[float, list[Figure]] = 0.0, []
    judged: dict[tuple[int, int], tuple[Figure | None, float]] = {}
    for order in permutations(range(count)):
        pairs = [(here[k], there[j]) for k, j in enumerate(order)]
        for places, each in zip(enumerate(order), pairs, strict=True):
            if places not in judged:
                judged[places] = _judge(cut, each, several=count > 1)
        found = [judged[places] for places in enumerate(order)]
        figures = [figure for figure, _ in found if figure is not None]
        score = sum(score for _, score in found)
        on = [np.max([figure.masks[end] for figure in figures], 0) > 0 for end in range(2)] if figures else []
        left = [each for (figure, _), each in zip(found, pairs, strict=True) if figure is None]
        if any(figure.is_alone and _is_elsewhere(cut, figure, masks) for figure in figures):
            continue
        if figures and score > best[0] and (cut.is_rough or all(_is_behind(each, on) for each in left)):
            best = score, figures
    return best[1]


def _join_at_border(pieces: list[Array]) -> list[Array]:
    """Joins pieces, (h, w) bool, that the border cuts beside each other, as it may cut a body and a leg."""
    joined: list[Array] = []
    for piece in pieces:
        room = _BESIDE * max(piece.shape)
        near = next((k for k, other in enumerate(joined) if _find_gap(piece, other) <= room), None)
        if near is None:
            joined.append(piece)
        else:
            joined[near] = joined[near] | piece
    return joined


def _find_gap(one: Array, other: Array) -> float:
    """How far from each other two pieces reach the same border, in cells; infinity if they do not."""
    gaps = [np.inf]
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        places = [np.flatnonzero(piece[side]) for piece in (one, other)]
        if all(map(len, places)):
            gaps.append(float(max(part[0] for part in places) - min(part[-1] for part in places)))
    return min(gaps)


def _is_elsewhere(cut: Cut, figure: Figure, masks: tuple[Array, Array]) -> bool:
    """Whether the colours of a figure that only one drawing shows are in the other one's figures as well."""
    end = 0 if figure.masks[0].any() else 1
    own = cut.pictures[end][figure.masks[end] > 0.5]
    return share_colours(own, cut.pictures[1 - end][masks[1 - end]]) > _ELSEWHERE


def _is_behind(masks: tuple[Array, Array], figures: list[Array]) -> bool:
    """Whether a piece, (h, w) bool in one drawing, may as well be ground that a figure of the other one covers."""
    if masks[0].any() and masks[1].any():
        return False
    end = 0 if masks[0].any() else 1
    return int((masks[end] & figures[1 - end]).sum()) >= _BEHIND * int(masks[end].sum())


def _judge(cut: Cut, masks: tuple[Array, Array], *, several: bool) -> tuple[Figure | None, float]:
    """The figure of two masks, (h, w) bool, of which one may be empty, and how well it fits; None if it is not sure."""
    whole = masks[0].astype(np.float32), masks[1].astype(np.float32)
    if not all(mask.any() for mask in masks):
        end = 0 if masks[0].any() else 1
        way = _find_way_out(masks[end])
        if way is None or not cut.is_alone_sure(end, masks[end]):
            return None, 0.0
        return Figure(whole, way if end == 0 else (-way[0], -way[1])), _ALONE
    if cut.compare_colours(masks) < _COLOURS or not cut.is_matched_sure(masks):
        return None, 0.0
    match = match_figure(cut.pictures, masks, rough=cut.is_rough) if several else _find_way(cut, masks)
    if match is None:
        return None, 0.0
    return Figure(whole, match.shift), match.score


def _find_way(cut: Cut, masks: tuple[Array, Array]) -> Match | None:
    """How far a figure moves of which a part is beyond the border in one drawing; None if it is not sure."""
    if not any(touches_border(mask) for mask in masks):
        return None
    match = match_figure(cut.pictures, masks, rough=cut.is_rough)
    return match if match is not None and _is_beyond(masks, match.shift) else None


def _is_beyond(masks: tuple[Array, Array], shift: tuple[float, float]) -> bool:
    """Whether a part of a figure is beyond the border in one drawing, as the other one shows."""
    for mask, way in zip(masks, (1, -1), strict=True):
        here, _ = find_overlap(mask.shape, round(way * shift[0]), round(way * shift[1]))
        if int(mask.sum()) - int(mask[here].sum()) > _BEYOND * int(mask.sum()):
            return True
    return False


def _find_way_out(mask: Array) -> tuple[float, float] | None:
    """How far a figure moves, in cells, that leaves by the border that cuts it; None where none does."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    height, width = mask.shape
    tall, broad = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    ways = [
        (float(length), (x * float(length), y * float(length)))
        for edge, side, length, x, y in (
            (mask[:, 0], tall, columns[-1] + 2, -1, 0),
            (mask[:, -1], tall, width - columns[0] + 1, 1, 0),
            (mask[0], broad, rows[-1] + 2, 0, -1),
            (mask[-1], broad, height - rows[0] + 1, 0, 1),
        )
        if edge.sum() >= _CONTACT * side
    ]
    return min(ways)[1] if ways else None


def match_figure(pictures: tuple[Array, Array], masks: tuple[Array, Array], *, rough: bool = False) -> Match | None:
    """Finds how far a figure moves, of which the border may cut off a part.

    What is compared at a shift is what both drawings would show: where a figure is, and its colours.

    Args:
        pictures: (h, w, 3) uint8 each.
        masks: (h, w) bool each: where it is.
        rough: whether only what is certainly wrong is rejected.

    Returns:
        The match at which the parts that both show are the same; None where that is not sure.
    """
    slack = _SLACK if rough else 1.0
    full = masks[0].shape
    h, w = (max(1, side // _COARSE) for side in full)
    pictures = _shrink(pictures[0], w, h), _shrink(pictures[1], w, h)
    small = [_shrink(mask.astype(np.float32), w, h) > 0.5 for mask in masks]
    size = cv2.getOptimalDFTSize(2 * h), cv2.getOptimalDFTSize(2 * w)

    def transform(part: Array) -> Any:
        return np.fft.rfft2(part, s=size)

    def correlate(one: Any, other: Any) -> Array:
        return np.fft.irfft2(np.conj(one) * other, s=size)

    on = [mask.astype(np.float32) for mask in small]
    shown, window = [transform(part) for part in on], transform(np.ones((h, w), np.float32))
    both = correlate(*shown)
    union = correlate(shown[0], window) + correlate(window, shown[1]) - both
    squares = [
        transform(part * np.square(picture, dtype=np.float32).sum(2))
        for part, picture in zip(on, pictures, strict=True)
    ]
    off = correlate(squares[0], shown[1]) + correlate(shown[0], squares[1])
    for channel in range(3):
        one, other = (transform(part * picture[..., channel]) for part, picture in zip(on, pictures, strict=True))
        off -= 2 * correlate(one, other)
    enough = both >= _SEEN * min(part.sum() for part in on)
    if not enough.any():
        return None
    mean = np.maximum(off, 0) / (3 * np.maximum(both, 1))
    score = np.where(enough, both / np.maximum(union, 1) * np.exp(-mean / (2 * _LIKE**2)), 0)
    y, x = (int(place) for place in np.unravel_index(score.argmax(), score.shape))
    best, dx, dy = float(score[y, x]), _unwrap(x, size[1]), _unwrap(y, size[0])
    away = np.hypot(*np.meshgrid(_distance(size[0], y), _distance(size[1], x), indexing="ij"))
    other_best = float(score[away > _APART * max(h, w)].max(initial=0))
    if both[y, x] < slack * _OVERLAP * union[y, x] or slack * other_best > _OTHER * best:
        return None
    here, there = find_overlap((h, w), dx, dy)
    shared = small[0][here] & small[1][there]
    part = pictures[1][there]
    low, high = cv2.erode(part, _AROUND_IT), cv2.dilate(part, _AROUND_IT)
    apart = max_of_channels(cv2.max(cv2.subtract(low, pictures[0][here]), cv2.subtract(pictures[0][here], high)))
    if (apart[shared] <= _NEAR).mean() < slack * _ALIKE:
        return None
    return Match((round(dx * full[1] / w), round(dy * full[0] / h)), best)


def _shrink(picture: Array, width: int, height: int) -> Array:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _unwrap(place: int, size: int) -> int:
    return place - size if place > size // 2 else place


def _distance(size: int, place: int) -> Array:
    """How far each place on a circle of that size is from one."""
    away = np.abs(np.arange(size) - place)
    return np.asarray(np.minimum(away, size - away))


def find_figures_across(first: Array, last: Array, pan: Pan, most_ground: float) -> list[Figure]:
    """Finds figures over a ground that pans of which the border cuts off a part; none unless all of them are sure.

    They are found in what both frames show of the ground. What only one of them shows may be figure as well: it is if
    it is in the other frame, by how far the figure moves.

    Args:
        first: (H, W, 3) uint8, what is within the bars.
        last: of the same shape.
        pan: the ground's.
        most_ground: of the figures may be ground.

    Returns:
        The figures, with each mask in its own frame, and shifts in pixels.
    """
    height, width = first.shape[:2]
    part, _ = find_overlap((height, width), *(int(np.copysign(np.ceil(abs(way)), way)) for way in pan.shift))
    both = slice(*part[0].indices(height)[:2]), slice(*part[1].indices(width)[:2])
    here, there = (np.ascontiguousarray(picture[both]) for picture in (first, pan.carry(last, -1)[0]))
    rough = cut_figures(here, there, most_ground) if min(here.shape[:2]) >= _LEAST_SIDE else None
    if rough is None or not divide_figures(rough):
        return []
    assert rough.finish is not None
    cut = rough.finish()
    found = []
    for figure in divide_figures(cut):
        placed = _place_in_frames(figure, (first, last), both, pan)
        if placed is None:
            return []
        found.append(placed)
    ways = [figure.shift for figure in found if figure.shift is not None]
    if len(ways) > 1 and max(np.ptp(ways, axis=0)) < _TOGETHER * max(first.shape):
        return []  # so do doors in a wall of bricks that pans, in which one brick is like the next
    return found


def _place_in_frames(figure: Figure, frames: tuple[Array, Array], both: tuple[slice, slice], pan: Pan) -> Figure | None:
    """A figure in its own frames; None where it is cut by the border and it is not sure that it crosses that.

    Args:
        figure: what the part of the ground shows that is in both frames, with its shift over the ground, in cells.
        frames: (H, W, 3) uint8 each.
        both: that part of the first frame.
        pan: the ground's.
    """
    assert figure.shift is not None
    height, width = frames[0].shape[:2]
    w, h = fit_size(frames[0].shape, SIDE)
    x, y = (
        (part.stop - part.start) / cells for part, cells in zip(both[::-1], figure.masks[0].shape[::-1], strict=True)
    )
    shift = figure.shift[0] * x + pan.shift[0], figure.shift[1] * y + pan.shift[1]
    there = pan.shift[0] + both[1].start, pan.shift[1] + both[0].start
    # in pixels, as the grid of the part is not the grid of the frames
    seen = np.ones(figure.masks[0].shape, np.float32)
    places = (both[1].start, both[0].start), there
    masks = [_enlarge(mask, (x, y), place, (width, height)) for mask, place in zip(figure.masks, places, strict=True)]
    known = [_enlarge(seen, (x, y), place, (width, height)) for place in places]
    if figure.is_alone:
        end = 0 if figure.masks[0].any() else 1
        way = _find_way_out(masks[end] > 0.5)
        if way is None or _may_go_on(frames, masks[end], known, end):
            return None
        shift = way if end == 0 else (-way[0], -way[1])
    else:
        masks = [
            np.where(sure > 0.5, own, _move(other, step))
            for own, other, sure, step in zip(masks, masks[::-1], known, ((-shift[0], -shift[1]), shift), strict=True)
        ]
        whole = masks[0] > 0.5, masks[1] > 0.5
        if any(touches_border(mask) for mask in whole) and not _is_beyond(whole, shift):
            return None
    first, last = ((cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA) > 0.5).astype(np.float32) for mask in masks)
    return Figure((first, last), shift) if first.any() or last.any() else None


def _may_go_on(frames: tuple[Array, Array], mask: Array, known: list[Array], end: int) -> bool:
    """Whether a figure that one frame shows may be in the other one too, where that shows ground that is new.

    Args:
        frames: (H, W, 3) uint8 each.
        mask: of the figure in its frame, (H, W).
        known: in either frame, what both show of the ground, (H, W).
        end: the figure's frame.
    """
    on = mask > 0.5
    unknown = known[1 - end] < 0.5
    level = unknown.any(0).all()  # the new ground is above or below
    new = unknown & (on.any(0, keepdims=True) if level else on.any(1, keepdims=True))
    if not new.any():
        return False
    likes = compare_colours(frames[1 - end][new], frames[end][on], frames[end][~on])
    return float((likes < 0).mean()) > _LIKE_IT


def _enlarge(mask: Array, cell: tuple[float, float], place: tuple[float, float], size: tuple[int, int]) -> Array:
    """A mask whose cells have that many pixels, with its corner at (x, y) of a frame of that width and height."""
    (x, y), (left, top) = cell, place
    move = np.array([[x, 0, (x - 1) / 2 + left], [0, y, (y - 1) / 2 + top]], np.float32)
    return np.asarray(cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR))


def _move(mask: Array, shift: tuple[float, float]) -> Array:
    """Moves a mask, (h, w) float32; beyond its border is nothing."""
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    return np.asarray(cv2.warpAffine(mask, move, mask.shape[::-1], flags=cv2.INTER_LINEAR))


def is_slow(frames: tuple[Array, Array], figure: Figure, ground: tuple[float, float], fast: float) -> bool:
    """Whether a figure is slow, by dense inverse search at the size of its masks.

    An engine's motion says it more surely, and takes longer. So this is False wherever it is not sure.

    Args:
        frames: (H, W, 3) uint8 each.
        figure: of which both frames show the same part.
        ground: how far the ground moves, in pixels.
        fast: of the longer side: what moves by less, as seen from the ground, is slow.
    """
    if figure.shift is not None or figure.is_alone:
        return False
    h, w = figure.masks[0].shape
    seen = [
        cv2.copyTo(shrink_once(frame, w, h), (mask > 0.5).astype(np.uint8))
        for frame, mask in zip(frames, figure.masks, strict=True)
    ]
    flow = search_densely(seen[0], seen[1])
    on = figure.masks[0] > 0.5
    there = warp(seen[1], pixel_grid(h, w) + flow)
    fits = max_of_channels(cv2.absdiff(seen[0], there))[on] < _FITS
    moved = flow[on] - np.array(ground, np.float32) * w / frames[0].shape[1]
    length = float(np.median(np.hypot(moved[:, 0], moved[:, 1])))
    return bool(fits.mean() > _FITTING) and length < _SLOW * fast * max(w, h)


def refine_shift(frames: tuple[Array, Array], figure: Figure) -> Figure:
    """A figure whose shift is exact to the pixel: where what both drawings show of it differs least.

    Args:
        frames: (H, W, 3) uint8 each.
        figure: its shift is exact to the cell of its masks.
    """
    if figure.shift is None or figure.is_alone:
        return figure
    height, width = frames[0].shape[:2]
    on = cv2.resize(figure.masks[0], (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    reach = int(np.ceil(_COARSE * max(width / figure.masks[0].shape[1], height / figure.masks[0].shape[0])))
    (x, y), _ = find_least(frames[0], frames[1], on, figure.shift, reach, _WORST)
    return figure._replace(shift=(float(x), float(y)))
