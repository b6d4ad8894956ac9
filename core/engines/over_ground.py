"""Pairs in which a figure moves fast over a ground that stands or pans: drawn apart, like a cel over a background.

Motion on a grid of cells pulls along what is beside a fast figure. But what the figure covers or uncovers is in the
other key frame, at the same place of the ground. So an engine is given the figure alone, transparent around it, and
what it draws is laid over the ground, which moves with its pan.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np

from ..motion.figures import Figure, find_figures_across, find_figures_of, finish_cut, is_slow, refine_shift
from ..motion.grid import Array, Flow, find_overlap
from ..motion.ground import Cut, cut_figures, trim_figures
from ..motion.kept import once_of_two
from ..motion.pan import STANDS, Pan, find_pans
from ..motion.strokes import is_slender
from .along_strokes import AlongStrokes
from .cels import Cels, Outlined, uncover_ground
from .interface import (
    Around,
    DrawsTogether,
    Pair,
    Working,
    find_doubt,
    follow,
    limit_colours,
    render_all,
    view_for_matching,
)

# Chosen on the drawn cat of docs/RESULTS.md.
_FAST = 0.05  # of the frame's longer side: figures that move by less are drawn well together with the ground
_GROUND = 0.3  # of a figure may be ground, over one that pans: walls and floors at two speeds have 0.4 and more


def prepare_over_ground(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with fast figures apart from a ground that stands; colour frames only."""
    if first.shape[2] != 3:
        return prepare(first, last)
    views = view_for_matching(first), view_for_matching(last)
    figures = _find_standing(*views)
    if not figures or any(is_slow(views, figure, STANDS.shift, _FAST) for figure in figures):
        return prepare(first, last)
    whole = None
    if any(is_slender(mask > 0.5) for figure in figures for mask in figure.masks):
        # it may be a stroke, such as a tail; cut out, it would hang on nothing, and not be found
        whole = prepare(first, last)
        if isinstance(whole, AlongStrokes):
            return whole
    pair = OverGround(figures, first, last, prepare)
    if pair.fits:
        return pair
    return prepare(first, last) if whole is None else whole


def prepare_over_pan(
    first: Working, last: Working, prepare: Callable[[Working, Working], Pair], otherwise: Callable[[], Pair]
) -> Pair:
    """Prepares two colour frames with fast figures apart from a ground that pans.

    Args:
        first: a frame.
        last: another of the same shape and type.
        prepare: prepares a figure.
        otherwise: prepares the two frames where no such figure is found.
    """
    if first.shape[2] != 3:
        return otherwise()
    views = view_for_matching(first), view_for_matching(last)
    if _find_standing(*views):
        return otherwise()
    for pan in find_pans(*views):
        figures = find_figures_in_pan(*views, pan)
        inside = views[0][pan.box], views[1][pan.box]
        if figures and not any(is_slow(inside, figure, pan.shift, _FAST) for figure in figures):
            pair = Within(pan, figures, first, last, prepare)
            if pair.fits:
                return pair
    return otherwise()


def _find_standing(first: Array, last: Array) -> list[Figure]:
    """Figures over a ground that stands, see `find_all_figures`; once for both of those who ask for a pair's."""
    return once_of_two(first, last, "figures", partial(find_all_figures, first, last))


def find_all_figures(first: Array, last: Array) -> list[Figure]:
    """Finds the figures that move fast over a ground that stands; none if not all of them are sure.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: of the same shape.
    """
    rough = cut_figures(first, last)
    cut = None if rough is None else finish_cut(rough)
    if cut is None:
        return []
    cell_x, cell_y = (side / cells for side, cells in zip(first.shape[1::-1], cut.masks[0].shape[::-1], strict=True))
    figures = []
    for figure in find_figures_of(cut):
        if figure.shift is not None:
            figure = figure._replace(shift=(figure.shift[0] * cell_x, figure.shift[1] * cell_y))
        figures.append(refine_shift((first, last), figure))
    return figures


def find_figures_in_pan(first: Array, last: Array, pan: Pan) -> list[Figure]:
    """As `find_all_figures`, over a ground that pans, in the pan's box; each mask in its own frame.

    A figure that goes on beyond the box is none, as it would be torn there: such a box is part of a picture that
    stands, in which, for instance, a strip is pulled through behind fingers.
    """
    here, there = (np.ascontiguousarray(view[pan.box]) for view in (first, last))
    carried = pan.lay_over(there, here, -1)
    rough = cut_figures(here, carried, _GROUND, laid=True)
    if rough is None or rough.finish is None:
        return []
    inside = _find_inside(rough.finish(), pan, here.shape) if rough.likely else None
    if inside is not None and not inside.is_cut:
        return [inside.figure]
    across = [refine_shift((here, there), figure) for figure in find_figures_across(here, there, pan, _GROUND)]
    return [inside.figure] if inside is not None and len(across) != 1 else across


class _Inside(NamedTuple):
    """A figure over a ground that pans, in the first frame and in the last one laid over it."""

    figure: Figure
    is_cut: bool
    """Whether it may go on where only one frame shows the ground."""


def _find_inside(cut: Cut, pan: Pan, shape: tuple[int, ...]) -> _Inside | None:
    """The one figure over a ground that pans; None where it is not sure, or the border cuts it along the pan.

    Args:
        cut: of the first frame, and of the last one moved back by the pan.
        pan: the ground's.
        shape: height and width of the frames.
    """
    if not cut.is_sure():
        return None
    figures = trim_figures(*cut.pictures, cut.figures)
    # at the two borders that the pan runs to and from, figures may come and leave
    across = 0 if abs(pan.shift[0]) >= abs(pan.shift[1]) else 1
    if any((np.take(figure, place, across) > 0.5).any() for figure in figures for place in (0, -1)):
        return None
    x, y = (cells / side for cells, side in zip(figures[0].shape[::-1], shape[1::-1], strict=True))
    move = np.array([[1, 0, x * pan.shift[0]], [0, 1, y * pan.shift[1]]], np.float32)
    moved = np.asarray(cv2.warpAffine(figures[1], move, figures[1].shape[::-1], flags=cv2.INTER_LINEAR))
    known = np.zeros(figures[0].shape, np.uint8)
    known[find_overlap(known.shape, round(x * pan.shift[0]), round(y * pan.shift[1]))[0]] = 1
    around = cv2.copyMakeBorder(known, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    outer = cv2.erode(around, np.ones((3, 3), np.uint8))[1:-1, 1:-1] == 0
    return _Inside(Figure((figures[0], moved)), any((outer & (figure > 0.5)).any() for figure in figures))


class OverGround(DrawsTogether):
    """The figures of two frames, and the ground behind them."""

    def __init__(
        self,
        figures: Sequence[Figure],
        first: Working,
        last: Working,
        prepare: Callable[[Working, Working], Pair],
        pan: Pan = STANDS,
    ) -> None:
        """Separates figures and ground, and prepares each figure with `prepare`.

        Args:
            figures: one or more.
            first: (H, W, 3).
            last: of the same shape and type.
            prepare: an engine's, for frames with alpha.
            pan: of the ground, whose box is not used.
        """
        self._pan, self._size = pan, first.shape[:2]
        frames = first, last
        grounds = (pan.lay_over(last, first, -1), pan.lay_over(first, last, 1)) if pan.moves else (last, first)
        cell = max(side / cells for side, cells in zip(self._size, figures[0].masks[0].shape, strict=True))
        outlines = [Outlined(figure, self._size, cell) for figure in figures]
        near = [np.zeros(self._size, np.uint8) for _ in frames]
        for each in outlines:
            for whole, part in zip(near, each.near, strict=True):
                np.maximum(whole[each.box], part, out=whole[each.box])
        # the other frame shows no ground there, from which the opacity would be known
        hidden = [self._carry_mask(near[1 - k], 2 * k - 1) for k in range(2)]
        opacities = [np.zeros(self._size, np.float32) for _ in frames]
        self._cels = []
        for each in outlines:
            cels = []
            for k, given in enumerate(zip(frames, grounds, hidden, strict=True)):
                alpha = each.find_opacity(k, *given)
                np.maximum(opacities[k][each.box], alpha, out=opacities[k][each.box])
                cels.append(each.cut_out(*given, alpha))
            self._cels.append(Cels((cels[0], cels[1]), each, self._size, prepare))
        box = _find_union([each.box for each in outlines])
        self._grounds = [
            uncover_ground(frame, other, opacity, shadow, box, cell)
            for frame, other, opacity, shadow in zip(frames, grounds, opacities, hidden, strict=True)
        ]
        # the lower one is nearer
        self._cels.sort(key=lambda cels: cels.foot)
        self.confidence = min(cels.confidence for cels in self._cels)
        """How well motion explains the figures."""
        self.explained = all(cels.explained for cels in self._cels)
        """Whether motion explains the figures."""
        least = _FAST * max(self._size)
        self.fits = self.explained and all(cels.measure_length(pan.shift) > least for cels in self._cels)
        """Whether motion explains the figures, and they are fast, as seen from the ground."""

    def _carry_mask(self, mask: Array, share: float) -> Array:
        """Moves a mask of the frame, (H, W) uint8, along the pan; beyond the frame, nothing is known."""
        if not self._pan.moves:
            return mask
        carried, known = self._pan.carry(mask, share, cv2.INTER_NEAREST)
        return np.where(known, carried, 1).astype(np.uint8)

    def _draw_ground(self, t: float) -> Working:
        """The ground at t, (H, W, 3)."""
        if not self._pan.moves:
            return np.asarray(cv2.addWeighted(self._grounds[0], 1 - t, self._grounds[1], t, 0))
        (one, seen), (other, known) = (self._pan.carry(ground, t - end) for end, ground in enumerate(self._grounds))
        weights = [share * mask.astype(np.float32) + np.float32(1e-6) for share, mask in ((1 - t, seen), (t, known))]
        return limit_colours(cv2.blendLinear(one, other, weights[0], weights[1]))

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = np.full((*self._size, 2), self._pan.shift, np.float32)
        for cels in self._cels:
            cels.follow_into(flow)
        return flow

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (H, W) in [0, 1]."""
        whole = np.zeros(self._size, np.float32)
        for cels in self._cels:
            cels.doubt_into(whole, t)
        return whole

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, *drawn in zip(times, *(cels.render_all(times) for cels in self._cels), strict=True):
            frame = self._draw_ground(t)
            for cels, cel in zip(self._cels, drawn, strict=True):
                cels.lay_over(frame, cel, t)
            yield frame


class Within(Around):
    """Two frames whose ground pans within bars that stand."""

    def __init__(
        self,
        pan: Pan,
        figures: Sequence[Figure],
        first: Working,
        last: Working,
        prepare: Callable[[Working, Working], Pair],
    ) -> None:
        """Prepares what is within the bars; the arguments are as those of `OverGround`, with the frames as they are."""
        self._box, self._frames = pan.box, (first, last)
        here, there = (np.ascontiguousarray(frame[pan.box]) for frame in (first, last))
        inner = OverGround(figures, here, there, prepare, pan)
        super().__init__(inner, first.shape)
        self.fits = inner.fits
        """Whether motion explains the figure, and it is fast, as seen from the ground."""

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = np.zeros((*self._frames[0].shape[:2], 2), np.float32)
        flow[self._box] = follow(self._pair, *flow[self._box].shape[:2])
        return flow

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (H, W) in [0, 1]."""
        whole = np.zeros(self._frames[0].shape[:2], np.float32)
        whole[self._box] = find_doubt(self._pair, t)
        return whole

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = np.asarray(cv2.addWeighted(self._frames[0], 1 - t, self._frames[1], t, 0))
            frame[self._box] = drawn
            yield frame


def _find_union(boxes: Sequence[tuple[slice, slice]]) -> tuple[slice, slice]:
    """The smallest box around boxes."""
    rows, columns = (
        slice(min(part.start for part in parts), max(part.stop for part in parts)) for parts in zip(*boxes, strict=True)
    )
    return rows, columns
