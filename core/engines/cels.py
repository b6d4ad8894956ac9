"""Cels: a fast figure cut out of two frames, which an engine moves over nothing, also beyond the picture's border."""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from ..motion.figures import Figure
from ..motion.grid import Array, Flow, max_of_channels
from ..motion.splatting import fill_holes
from .interface import DrawsTogether, Pair, Sure, Working, find_doubt, follow, limit_colours, render_all

# Chosen on the drawn cat of docs/RESULTS.md.
_SOFT, _RANGE = 4.0, 20.0  # levels: less is no difference between figure and ground, and range up to an opaque figure
_STEEP = 3.0  # how fast a figure ends, in opacities to a cell, where the ground beside it is not known
_PAD = 12  # pixels around the figure that the engine is given
_ASTRAY = 0.1, 3.0  # of its way, and pixels, by which the engine's motion of a figure may differ from its shift


class Outlined:
    """A figure's outlines in two frames, in pixels."""

    def __init__(self, figure: Figure, shape: tuple[int, ...], cell: float) -> None:
        """Enlarges the masks of a figure to frames of that height and width, in which a cell has `cell` pixels."""
        self.figure, self._shape = figure, shape
        self.box = self._find_box()
        """The part of the frame in which the figure is, with some room."""
        reach = 2 * int(np.ceil(cell)) + 1
        around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        self._masks = [self._enlarge(cv2.GaussianBlur(mask, (3, 3), 0)) for mask in figure.masks]
        self.near, self._inside = (
            [work((mask > 0.5).astype(np.uint8), around) for mask in self._masks] for work in (cv2.dilate, cv2.erode)
        )

    def find_opacity(self, end: int, frame: Working, other: Working, hidden: Array) -> Array:
        """How opaque the figure is in each pixel of its box: (h, w) float32 in [0, 1].

        Args:
            end: 0 for the first frame, 1 for the last.
            frame: that frame, (H, W, 3).
            other: the other one, whose ground has been moved to where it is in `frame`.
            hidden: where `other` shows no ground: (H, W) uint8.
        """
        apart = max_of_channels(cv2.absdiff(frame[self.box], other[self.box])).astype(np.float32)
        differs = np.clip((apart - _SOFT) / _RANGE, 0, 1)
        steep = np.clip((self._masks[end] - 0.5) * _STEEP + 0.5, 0, 1)
        alpha = cv2.copyTo(steep, np.ascontiguousarray(hidden[self.box]), differs.copy()) * self.near[end]
        return np.asarray(cv2.max(alpha, self._inside[end].astype(np.float32)))

    def cut_out(self, frame: Working, other: Working, hidden: Array, alpha: Array) -> Working:
        """The figure over nothing, (h, w, 4), premultiplied; the arguments are as those of `find_opacity`."""
        here = np.ascontiguousarray(frame[self.box])
        behind = cv2.copyTo(here, np.ascontiguousarray(hidden[self.box]), other[self.box].copy())
        colours = here - cv2.merge([1 - alpha] * 3) * behind
        opaque = 255 * alpha
        return np.asarray(cv2.merge([*(np.clip(part, 0, opaque) for part in cv2.split(colours)), opaque]))

    def _find_box(self) -> tuple[slice, slice]:
        either = np.maximum(*self.figure.masks)
        box = []
        for axis, side in ((1, self._shape[0]), (0, self._shape[1])):
            cells = np.flatnonzero(either.any(axis))
            scale = side / either.shape[1 - axis]
            low, high = int(cells[0] * scale), int(np.ceil((cells[-1] + 1) * scale))
            box.append(slice(max(0, low - _PAD), min(side, high + _PAD)))
        return box[0], box[1]

    def _enlarge(self, mask: Array) -> Array:
        """The box of a mask on the grid of figures, as large as the frames."""
        x, y = (side / cells for side, cells in zip(self._shape[1::-1], mask.shape[::-1], strict=True))
        move = np.array([[x, 0, (x - 1) / 2 - self.box[1].start], [0, y, (y - 1) / 2 - self.box[0].start]], np.float32)
        size = tuple(part.stop - part.start for part in self.box[::-1])
        return np.asarray(cv2.warpAffine(mask, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


class Cels:
    """A figure of two frames over nothing, and how it moves between them."""

    def __init__(
        self,
        cels: tuple[Working, Working],
        outlined: Outlined,
        shape: tuple[int, ...],
        prepare: Callable[[Working, Working], Pair],
    ) -> None:
        """Prepares a figure.

        If it is known how far the figure moves, the engine gets it where it is in the first frame, and what is drawn
        moves along. What of it is beyond the border in one frame is taken from the other one.

        Args:
            cels: the figure in the box of its outlines, (h, w, 4) each.
            outlined: its outlines.
            shape: height and width of the frames.
            prepare: an engine's, for frames with alpha.
        """
        figure = outlined.figure
        self._shift, self._shape = figure.shift, shape
        self._box = outlined.box
        """Where what is drawn is at t = 0, also beyond the frame if the figure's shift is known."""
        if figure.shift is not None:
            self._box, cels = _align(cels, outlined.box, (round(figure.shift[0]), round(figure.shift[1])), shape)
        # if one frame has nothing of it, both have the same now
        self._pair = _Still(cels[0]) if figure.is_alone else prepare(cels[0], cels[1])
        self._on = cels[0][..., 3] > 127.5
        self.foot = outlined.box[0].stop
        """The row below the figure; of two, the lower one is nearer."""
        self.confidence: float = getattr(self._pair, "confidence", 1.0)
        """How well motion explains it."""

    @property
    def explained(self) -> bool:
        """Whether motion explains it, by its shift where that is known."""
        if isinstance(self._pair, Sure) and not self._pair.explained:
            return False
        if self._shift is None:
            return True
        astray = follow(self._pair, *self._on.shape)[self._on]
        most = _ASTRAY[0] * float(np.hypot(*self._shift)) + _ASTRAY[1]
        return bool(len(astray)) and float(np.median(np.hypot(astray[:, 0], astray[:, 1]))) <= most

    def measure_length(self, ground: tuple[float, float]) -> float:
        """How far it moves, in pixels, as seen from a ground that moves by `ground`."""
        moved = self._follow()[self._on] - np.array(ground, np.float32)
        return float(np.median(np.hypot(moved[:, 0], moved[:, 1]))) if len(moved) else 0.0

    def _follow(self) -> Flow:
        """Where the figure goes: (h, w, 2), in pixels."""
        flow = follow(self._pair, *self._on.shape)
        return flow if self._shift is None else flow + np.array(self._shift, np.float32)

    def follow_into(self, flow: Flow) -> None:
        """Puts its motion into that of a whole frame, (H, W, 2)."""
        own, whole = self._find_shared((0, 0))
        on = self._on[own]
        flow[whole][on] = self._follow()[own][on]

    def doubt_into(self, whole: Array, t: float) -> None:
        """Puts its doubt at t into that of a whole frame, (H, W)."""
        doubt = cv2.resize(find_doubt(self._pair, t), self._on.shape[::-1], interpolation=cv2.INTER_LINEAR)
        own, there = self._find_shared(self._find_way(t)[0])
        np.maximum(whole[there], doubt[own], out=whole[there])

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the figure at `times` in (0, 1), for `lay_over`."""
        return render_all(self._pair, times)

    def lay_over(self, frame: Working, drawn: Working, t: float) -> None:
        """Lays what was drawn at t over a frame, in place."""
        way, (x, y) = self._find_way(t)
        if (x, y) != (0.0, 0.0):
            move = np.array([[1, 0, x], [0, 1, y]], np.float32)
            drawn = limit_colours(cv2.warpAffine(drawn, move, drawn.shape[1::-1], flags=cv2.INTER_CUBIC))
        own, there = self._find_shared(way)
        cel, under = drawn[own], frame[there]
        clear = 1 - cel[..., 3] * np.float32(1 / 255)
        laid = under * cv2.merge([clear] * 3) + cel[..., :3]
        under[:] = laid if frame.dtype == np.float32 else np.clip(laid + 0.5, 0, 255)

    def _find_way(self, t: float) -> tuple[tuple[int, int], tuple[float, float]]:
        """How far what is drawn is moved at t: whole pixels, and the rest."""
        if self._shift is None:
            return (0, 0), (0.0, 0.0)
        x, y = (t * round(length) for length in self._shift)
        rest = x - round(x), y - round(y)
        return (round(x), round(y)), rest

    def _find_shared(self, way: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """What is inside the frame of the figure's box, moved by (dx, dy): in the box, and in the frame."""
        own, there = [], []
        for part, side, step in zip(self._box, self._shape, way[::-1], strict=False):
            low, high = max(0, part.start + step), max(0, min(side, part.stop + step))
            low = min(low, high)
            there.append(slice(low, high))
            own.append(slice(low - part.start - step, high - part.start - step))
        return (own[0], own[1]), (there[0], there[1])


class _Still(DrawsTogether):
    """A figure that does not change."""

    def __init__(self, cel: Working) -> None:
        """Takes the figure, (h, w, 4)."""
        self._cel = cel

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the figure at `times` in (0, 1)."""
        return (self._cel for _ in times)


def _align(
    cels: tuple[Working, Working], box: tuple[slice, slice], shift: tuple[int, int], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[Working, Working]]:
    """Puts the figures of two frames onto each other, and completes each beyond the border by the other.

    Args:
        cels: the figure in its box, (h, w, 4) each; in one of them there may be nothing.
        box: where in the frame it is.
        shift: how far the figure moves, in whole pixels, (dx, dy).
        shape: height and width of the frames.

    Returns:
        The box of the result in the first frame, also beyond its border, and the figures.
    """
    places: list[tuple[int, int]] = []
    for axis, part in enumerate(box):
        ends = []
        for cel, back in zip(cels, (0, shift[1 - axis]), strict=True):
            found = np.flatnonzero(cel[..., 3].any(1 - axis))
            ends += [part.start - back + int(found[0]), part.start - back + int(found[-1]) + 1] if len(found) else []
        if not ends:  # nothing is opaque
            return box, cels
        places.append((min(ends) - _PAD, max(ends) + _PAD))
    canvas = slice(*places[0]), slice(*places[1])
    size = canvas[0].stop - canvas[0].start, canvas[1].stop - canvas[1].start
    aligned, inside = [], []
    for cel, (dx, dy) in zip(cels, ((0, 0), shift), strict=True):
        # the frame and the box of the figure as seen from the canvas
        steps = -canvas[0].start - dy, -canvas[1].start - dx
        frame = tuple(slice(max(0, step), max(0, step + side)) for step, side in zip(steps, shape, strict=False))
        shown = np.zeros(size, bool)
        shown[frame] = True
        move = np.array([[1, 0, box[1].start + steps[1]], [0, 1, box[0].start + steps[0]]], np.float32)
        aligned.append(cv2.warpAffine(cel, move, size[::-1], flags=cv2.INTER_NEAREST))
        inside.append(shown)
    first, last = (
        np.where(shown[..., None], own, other) for own, other, shown in zip(aligned, aligned[::-1], inside, strict=True)
    )
    return canvas, (first, last)


def uncover_ground(
    frame: Working, other: Working, opacity: Array, hidden: Array, box: tuple[slice, slice], cell: float
) -> Working:
    """A frame without its figures, (H, W, 3).

    Args:
        frame: (H, W, 3).
        other: the other frame, whose ground has been moved to where it is in `frame`.
        opacity: of the figures, (H, W) float32 in [0, 1].
        hidden: where `other` shows no ground: (H, W) uint8.
        box: where the figures are, with some room.
        cell: pixels to a cell; what is in neither frame is filled in no finer.
    """
    covered = (cv2.dilate(opacity[box], np.ones((3, 3), np.uint8)) > 0.05).astype(np.uint8)
    ground = cv2.copyTo(np.ascontiguousarray(other[box]), covered, frame[box].copy())
    lost = np.asarray(cv2.min(covered, np.ascontiguousarray(hidden[box])))
    if lost.any():
        ground = cv2.copyTo(_fill(ground, lost, cell), lost, ground)
    whole = frame.copy()
    whole[box] = ground
    return whole


def _fill(picture: Working, lost: Array, cell: float) -> Working:
    """A picture with what is lost filled from around, at a size of `cell` times smaller."""
    height, width = lost.shape
    size = max(1, round(width / cell)), max(1, round(height / cell))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    known = cv2.resize(1 - lost.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    filled = fill_holes(small, np.where(known, 1, 1e-5).astype(np.float32))
    return np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)).astype(picture.dtype)
