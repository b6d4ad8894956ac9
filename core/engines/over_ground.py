"""Pairs in which a figure moves fast over a ground that stands or pans: drawn apart, like a cel over a background.

Motion on a grid of cells pulls along what is beside a fast figure. But what the figure covers or uncovers is in the
other key frame, at the same place of the ground. So an engine is given the figure alone, transparent around it, and
what it draws is laid over the ground, which moves with its pan.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import cv2
import numpy as np

from ..motion.grid import Array, Flow, max_of_channels
from ..motion.ground import find_figures, trim_figures
from ..motion.kept import once_of_two
from ..motion.pan import STANDS, Pan, find_pans
from ..motion.splatting import fill_holes
from .interface import Around, Pair, Working, find_doubt, follow, limit_colours, render_all, view_for_matching

# Chosen on the drawn cat of docs/RESULTS.md.
_FAST = 0.05  # of the frame's longer side: figures that move by less are drawn well together with the ground
_SOFT, _RANGE = 4.0, 20.0  # levels: less is no difference between figure and ground, and range up to an opaque figure
_STEEP = 3.0  # how fast a figure ends, in opacities to a cell, where the ground beside it is not known
_GROUND = 0.3  # of a figure may be ground, over one that pans: walls and floors at two speeds have 0.4 and more
_PAD = 12  # pixels around the figure that the engine is given


def prepare_over_ground(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with a fast figure apart from a ground that stands; colour frames only."""
    if first.shape[2] != 3:
        return prepare(first, last)
    views = view_for_matching(first), view_for_matching(last)
    figures = _find_standing(*views)
    if figures is None:
        return prepare(first, last)
    pair = OverGround(trim_figures(*views, figures), first, last, prepare)
    return pair if pair.fits else prepare(first, last)


def prepare_over_pan(
    first: Working, last: Working, prepare: Callable[[Working, Working], Pair], otherwise: Callable[[], Pair]
) -> Pair:
    """Prepares two colour frames with a fast figure apart from a ground that pans.

    Args:
        first: a frame.
        last: another of the same shape and type.
        prepare: prepares the figure.
        otherwise: prepares the two frames where no such figure is found.
    """
    if first.shape[2] != 3:
        return otherwise()
    views = view_for_matching(first), view_for_matching(last)
    if _find_standing(*views) is not None:
        return otherwise()
    for pan in find_pans(*views):
        figures = find_figures_in_pan(*views, pan)
        if figures is not None:
            pair = Within(pan, figures, first, last, prepare)
            if pair.fits:
                return pair
    return otherwise()


def _find_standing(first: Array, last: Array) -> tuple[Array, Array] | None:
    """Figures over a ground that stands, see `find_figures`; once for both of those who ask for a pair's."""
    return once_of_two(first, last, "figures", partial(find_figures, first, last))


def find_figures_in_pan(first: Array, last: Array, pan: Pan) -> tuple[Array, Array] | None:
    """As `find_figures`, over a ground that pans, in the pan's box; either figure in its own frame.

    A figure that goes on beyond the box is none, as it would be torn there: such a box is part of a picture that
    stands, in which, for instance, a strip is pulled through behind fingers.
    """
    here, there = (np.ascontiguousarray(view[pan.box]) for view in (first, last))
    carried = pan.lay_over(there, here, -1)
    figures = find_figures(here, carried, _GROUND)
    if figures is None:
        return None
    figures = trim_figures(here, carried, figures)
    # at the two borders that the pan runs to and from, figures may come and leave
    across = 0 if abs(pan.shift[0]) >= abs(pan.shift[1]) else 1
    if any((np.take(figure, place, across) > 0.5).any() for figure in figures for place in (0, -1)):
        return None
    x, y = (cells / side for cells, side in zip(figures[0].shape[::-1], here.shape[1::-1], strict=True))
    move = np.array([[1, 0, x * pan.shift[0]], [0, 1, y * pan.shift[1]]], np.float32)
    return figures[0], np.asarray(cv2.warpAffine(figures[1], move, figures[1].shape[::-1], flags=cv2.INTER_LINEAR))


class OverGround(Around):
    """The figure of two frames, and the ground behind it."""

    def __init__(
        self,
        figures: tuple[Array, Array],
        first: Working,
        last: Working,
        prepare: Callable[[Working, Working], Pair],
        pan: Pan = STANDS,
    ) -> None:
        """Separates figure and ground, and prepares the figure with `prepare`.

        Args:
            figures: as `find_figures` gives them.
            first: (H, W, 3).
            last: of the same shape and type.
            prepare: an engine's, for frames with alpha.
            pan: of the ground, whose box is not used.
        """
        self._shape = first.shape[:2]
        self._pan = pan
        self._box = self._find_box(figures)
        own = [np.ascontiguousarray(frame[self._box]) for frame in (first, last)]
        others = own[::-1]
        if pan.moves:
            carried = pan.lay_over(last, first, -1), pan.lay_over(first, last, 1)
            others = [np.ascontiguousarray(frame[self._box]) for frame in carried]
        height, width = own[0].shape[:2]
        cell = max(side / cells for side, cells in zip(self._shape, figures[0].shape, strict=True))
        reach = 2 * int(np.ceil(cell)) + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        opacities = [self._enlarge(cv2.GaussianBlur(mask, (3, 3), 0), width, height) for mask in figures]
        near, inside = (
            [work((part > 0.5).astype(np.uint8), around) for part in opacities] for work in (cv2.dilate, cv2.erode)
        )
        cels, self._alphas, self._grounds = [], [], []
        for k, (frame, here, other) in enumerate(zip((first, last), own, others, strict=True)):
            # the other frame shows no ground there, from which the opacity would be known
            hidden = self._carry_mask(near[1 - k], 2 * k - 1)
            apart = max_of_channels(cv2.absdiff(here, other)).astype(np.float32)
            differs = np.clip((apart - _SOFT) / _RANGE, 0, 1)
            steep = np.clip((opacities[k] - 0.5) * _STEEP + 0.5, 0, 1)
            alpha = cv2.max(cv2.copyTo(steep, hidden, differs.copy()) * near[k], inside[k].astype(np.float32))
            behind = cv2.copyTo(here, hidden, other.copy())
            colours = here - cv2.merge([1 - alpha] * 3) * behind
            opaque = 255 * alpha
            cels.append(cv2.merge([*(np.clip(part, 0, opaque) for part in cv2.split(colours)), opaque]))
            covered = (cv2.dilate(alpha, np.ones((3, 3), np.uint8)) > 0.05).astype(np.uint8)
            ground = cv2.copyTo(other, covered, here.copy())
            lost = np.asarray(cv2.min(covered, hidden))
            if lost.any():
                ground = cv2.copyTo(_fill(ground, lost, cell), lost, ground)
            whole = frame.copy()
            whole[self._box] = ground
            self._alphas.append(alpha)
            self._grounds.append(whole)
        super().__init__(prepare(cels[0], cels[1]), self._alphas[0].shape)
        on = self._alphas[0] > 0.5
        moved = super().follow()[on] - np.array(pan.shift, np.float32)
        length = float(np.median(np.hypot(moved[:, 0], moved[:, 1]))) if on.any() else 0.0
        self.fits = self.explained and length > _FAST * max(self._shape)
        """Whether motion explains the figure, and it is fast, as seen from the ground."""

    def _find_box(self, figures: tuple[Array, Array]) -> tuple[slice, slice]:
        """The part of the frame in which the figure is, with some room."""
        either = np.maximum(*figures)
        box = []
        for axis, side in ((1, self._shape[0]), (0, self._shape[1])):
            cells = np.flatnonzero(either.any(axis))
            scale = side / either.shape[1 - axis]
            low, high = int(cells[0] * scale), int(np.ceil((cells[-1] + 1) * scale))
            box.append(slice(max(0, low - _PAD), min(side, high + _PAD)))
        return box[0], box[1]

    def _enlarge(self, mask: Array, width: int, height: int) -> Array:
        """The box of a mask on the grid of figures, as large as the frames."""
        x, y = (side / cells for side, cells in zip(self._shape[::-1], mask.shape[::-1], strict=True))
        move = np.array(
            [[x, 0, (x - 1) / 2 - self._box[1].start], [0, y, (y - 1) / 2 - self._box[0].start]], np.float32
        )
        size = (width, height)
        return np.asarray(cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))

    def _carry_mask(self, mask: Array, share: float) -> Array:
        """Moves a mask of the figure's box, (h, w) uint8, along the pan; beyond the frame, nothing is known."""
        if not self._pan.moves:
            return mask
        whole = np.zeros(self._shape, np.uint8)
        whole[self._box] = mask
        carried, known = self._pan.carry(whole, share, cv2.INTER_NEAREST)
        return np.ascontiguousarray(np.where(known, carried, 1)[self._box].astype(np.uint8))

    def _draw_ground(self, t: float) -> Working:
        """The ground at t, (H, W, 3)."""
        if not self._pan.moves:
            return np.asarray(cv2.addWeighted(self._grounds[0], 1 - t, self._grounds[1], t, 0))
        (one, seen), (other, known) = (self._pan.carry(ground, t - end) for end, ground in enumerate(self._grounds))
        weights = [share * mask.astype(np.float32) + np.float32(1e-6) for share, mask in ((1 - t, seen), (t, known))]
        return limit_colours(cv2.blendLinear(one, other, weights[0], weights[1]))

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = np.full((*self._shape, 2), self._pan.shift, np.float32)
        on = self._alphas[0] > 0.5
        flow[self._box][on] = super().follow()[on]
        return flow

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (H, W) in [0, 1]."""
        whole = np.zeros(self._shape, np.float32)
        inside = whole[self._box]
        inside[:] = cv2.resize(find_doubt(self._pair, t), inside.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return whole

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            frame = self._draw_ground(t)
            under = frame[self._box]
            clear = 1 - drawn[..., 3] * np.float32(1 / 255)
            laid = under * cv2.merge([clear] * 3) + drawn[..., :3]
            under[:] = laid if frame.dtype == np.float32 else np.clip(laid + 0.5, 0, 255)
            yield frame


class Within(Around):
    """Two frames whose ground pans within bars that stand."""

    def __init__(
        self,
        pan: Pan,
        figures: tuple[Array, Array],
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


def _fill(picture: Working, lost: Array, cell: float) -> Working:
    """A picture with what is lost filled from around, at a size of `cell` times smaller."""
    height, width = lost.shape
    size = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    known = cv2.resize(1 - lost.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    filled = fill_holes(small, np.where(known, 1, 1e-5).astype(np.float32))
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)).astype(picture.dtype)
