"""Pairs in which a figure moves fast over a ground that stands: they are drawn apart, like a cel over a background.

Motion on a grid of cells pulls along what is beside a fast figure. But what the figure covers or uncovers is in the
other key frame, at the same place. So an engine is given the figure alone, transparent around it, and what it draws is
laid over the ground.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.grid import Array, Flow, max_of_channels
from ..motion.ground import find_figures
from ..motion.splatting import fill_holes
from .interface import Around, Pair, Working, find_doubt, render_all, view_for_matching

# Chosen on the drawn cat of docs/RESULTS.md.
_FAST = 0.05  # of the frame's longer side: figures that move by less are drawn well together with the ground
_SOFT, _RANGE = 4.0, 20.0  # levels: less is no difference between figure and ground, and range up to an opaque figure
_STEEP = 3.0  # how fast a figure ends, in opacities to a cell, where the ground beside it is not known
_PAD = 12  # pixels around the figure that the engine is given


def prepare_over_ground(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, with a fast figure drawn apart from the ground; colour frames only."""
    if first.shape[2] != 3:
        return prepare(first, last)
    figures = find_figures(view_for_matching(first), view_for_matching(last))
    if figures is None:
        return prepare(first, last)
    pair = OverGround(figures, first, last, prepare)
    return pair if pair.fits else prepare(first, last)


class OverGround(Around):
    """The figure of two frames, and the ground behind it."""

    def __init__(
        self, figures: tuple[Array, Array], first: Working, last: Working, prepare: Callable[[Working, Working], Pair]
    ) -> None:
        """Separates figure and ground, and prepares the figure with `prepare`.

        Args:
            figures: as `find_figures` gives them.
            first: (H, W, 3).
            last: of the same shape and type.
            prepare: an engine's, for frames with alpha.
        """
        self._shape = first.shape[:2]
        self._box = self._find_box(figures)
        own = [np.ascontiguousarray(frame[self._box]) for frame in (first, last)]
        height, width = own[0].shape[:2]
        cell = max(side / cells for side, cells in zip(self._shape, figures[0].shape, strict=True))
        reach = 2 * int(np.ceil(cell)) + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        opacities = [self._enlarge(cv2.GaussianBlur(mask, (3, 3), 0), width, height) for mask in figures]
        near, inside = (
            [work((part > 0.5).astype(np.uint8), around) for part in opacities] for work in (cv2.dilate, cv2.erode)
        )
        apart = max_of_channels(cv2.absdiff(*own)).astype(np.float32)
        differs = np.clip((apart - _SOFT) / _RANGE, 0, 1)
        cels, self._alphas, self._grounds = [], [], []
        for k, (frame, here, other) in enumerate(((first, own[0], own[1]), (last, own[1], own[0]))):
            hidden = near[1 - k]  # the other frame shows no ground there, from which the opacity would be known
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
        moved = super().follow()[on]
        length = float(np.median(np.hypot(moved[:, 0], moved[:, 1]))) if on.any() else 0.0
        self.fits = self.explained and length > _FAST * max(self._shape)
        """Whether motion explains the figure, and it is fast."""

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

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        flow = np.zeros((*self._shape, 2), np.float32)
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
            frame = np.asarray(cv2.addWeighted(self._grounds[0], 1 - t, self._grounds[1], t, 0))
            under = frame[self._box]
            clear = 1 - drawn[..., 3] * np.float32(1 / 255)
            laid = under * cv2.merge([clear] * 3) + drawn[..., :3]
            under[:] = laid if frame.dtype == np.float32 else np.clip(laid + 0.5, 0, 255)
            yield frame


def _fill(picture: Working, lost: Array, cell: float) -> Working:
    """A picture with what is lost filled from around, at a size of `cell` times smaller."""
    height, width = lost.shape
    size = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    known = cv2.resize(1 - lost.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    filled = fill_holes(small, np.where(known, 1, 1e-5).astype(np.float32))
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)).astype(picture.dtype)
