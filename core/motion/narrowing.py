"""Which part of a piece a hint moves, in shaded drawings, where pieces are larger than the things on them.

A flat piece of colour moves as a whole. In a shaded drawing a hand that lies on a face has hardly an outline, and both
are one piece. What the hint says tells them apart: where the piece goes, the hand fits the other drawing, and the face
does not. Places that clearly do not fit, and the hinted point, are the markers of a watershed (Meyer, "Color Image
Segmentation", 1992), which finds the border between them along the faint edges of the drawing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np

from .grid import Array, pixel_grid, warp
from .turning import Looks, find_linear

# Chosen on the drawings of docs/RESULTS.md#hints: shaded emoji.
_MISFIT = 20.0  # levels from which on a place does not fit the other drawing
_MANY = 0.2  # share of a piece that does not fit, from which on it is looked at more closely
_FEW = 0.05  # the same where several hints are on the piece, which may move apart
_BETTER = 0.7  # of the misfit that remains, for two pieces in place of one
_WIDE = 0.15  # of a piece's length, over which hints are compared
_CLEARLY = 6.0  # levels by which one hint fits better than another
_MOST = 8  # hints on one piece up to which they are compared: each takes a search for its turn
_SPOT = 3  # pixels around a hinted point that are the thing's
_LARGER = 2.5  # times the area of its partner, from which on a piece has run into something else
_AROUND = 0.25  # of a piece's length by which it may be larger on each side
_REACH = (12, 60)  # pixels around a hinted point in which a turn is measured, at least and at most
_SLACK, _SLACKS = 0.08, (2, 12)  # of a piece's length, and limits in pixels: how far a thing that fits may be bent
_WINDOW = (5, 5)  # pixels over which differences are averaged


Hint = TypeVar("Hint")


@dataclass(frozen=True)
class Ends:
    """A piece in both drawings, where a hint points at it, and the linear part of its motion."""

    masks: tuple[Array, Array]
    """(h, w) float32 each, 1 on the piece."""
    points: tuple[Array, Array]
    """(2,) each, in pixels of the masks."""
    linear: Array
    """(2, 2)."""

    def carry(self, end: int, at: Array) -> Array:
        """Places (…, 2) of one drawing in the other."""
        linear = self.linear if end == 0 else np.linalg.pinv(self.linear)  # three points may end on a line
        return np.asarray((at - self.points[end]) @ linear.T + self.points[1 - end], np.float32)

    def measure_misfit(self, end: int, views: tuple[Array, Array], slack: int | None = None) -> Array:
        """How far each place of a drawing differs from where it is in the other: (h, w) in levels.

        Args:
            end: the drawing.
            views: both.
            slack: pixels within which a colour may be; None: what suits the piece's size.
        """
        grid = pixel_grid(*views[0].shape[:2])
        there = warp(views[1 - end], self.carry(end, grid))
        if slack is None:
            slack = int(np.clip(_SLACK * np.sqrt(self.masks[end].sum()), *_SLACKS))
        side = 2 * slack + 1
        window = np.ones((side, side), np.uint8)
        least, most = cv2.erode(there, window).astype(np.float32), cv2.dilate(there, window).astype(np.float32)
        outside = np.maximum(0, np.maximum(least - views[end], views[end] - most)).mean(2)
        return np.asarray(cv2.blur(outside, _WINDOW))

    def changes_colour(self, views: tuple[Array, Array]) -> bool:
        """Whether even the place that is pointed at differs, so that a misfit says nothing of the extent."""
        return all(self.measure_misfit(end, views)[self._cell(end, views)] > _MISFIT for end in range(2))

    def _cell(self, end: int, views: tuple[Array, Array]) -> tuple[int, int]:
        """Row and column of the place that is pointed at."""
        h, w = views[end].shape[:2]
        x, y = np.rint(self.points[end]).astype(int)
        return min(max(int(y), 0), h - 1), min(max(int(x), 0), w - 1)

    def find_share(self, views: tuple[Array, Array], slack: int | None = None) -> float:
        """The share of the piece that does not fit."""
        return _find_share([self], views, slack)


def share_out(hints: Sequence[Hint], cut: Callable[[list[Hint]], Ends], looks: Looks) -> list[tuple[list[Hint], Ends]]:
    """Finds which hints on a piece move it together, and which part of it each of these groups moves.

    Args:
        hints: those on the piece.
        cut: gives the piece with the motion that some of the hints give it together.
        looks: both drawings.

    Returns:
        Groups of hints, each with its part of the piece.
    """
    views = looks.views
    together = cut(list(hints))
    fits = together.find_share(views) <= _MANY if len(hints) == 1 else together.find_share(views, _SLACKS[0]) <= _FEW
    if (fits and not ran_over(together)) or (len(hints) == 1 and together.changes_colour(views)):
        return [(list(hints), together)]
    groups: list[tuple[list[Hint], Ends]] = []
    for hint in hints[:_MOST]:
        alone = cut([hint])
        alone = replace(alone, linear=find_turn(alone, looks))
        for number, (others, theirs) in enumerate(groups):
            joint = cut([*others, hint])
            if not _fit_better([theirs, alone], joint, views):
                groups[number] = ([*others, hint], joint)
                break
        else:
            groups.append(([hint], alone))
    if len(hints) > _MOST or not _fit_better([piece for _, piece in groups], together, views):
        groups = [(list(hints), together)]
    pieces = [piece for _, piece in groups]
    if len(pieces) == 1 and pieces[0].find_share(views) <= _MANY and not ran_over(pieces[0]):
        return [(list(hints), pieces[0] if len(hints) == 1 else together)]
    found = []
    for (own, piece), masks in zip(groups, divide(pieces, views), strict=True):
        if not (masks[0].any() and masks[1].any()):  # a point that lies on an outline has no part of its own
            return [(list(hints), together)]
        part = replace(piece, masks=masks)
        found.append((own, replace(part, linear=find_turn(part, looks)) if len(own) == 1 else part))
    return found


def _fit_better(pieces: Sequence[Ends], together: Ends, views: tuple[Array, Array]) -> bool:
    """Whether a piece fits clearly better if each place may move as any of several hints, than as all of them."""
    return _find_share(pieces, views, _SLACKS[0]) <= _BETTER * together.find_share(views, _SLACKS[0])


def _find_share(pieces: Sequence[Ends], views: tuple[Array, Array], slack: int | None) -> float:
    """The share of a piece that fits as none of several ways to move it."""
    shares = []
    for end, mask in enumerate(pieces[0].masks):
        misfit = np.min([piece.measure_misfit(end, views, slack) for piece in pieces], 0)
        shares.append(float((misfit > _MISFIT)[mask > 0.5].mean()))
    return max(shares)


def find_turn(piece: Ends, looks: Looks) -> Array:
    """The linear map about the hinted point with which the piece fits best around it: (2, 2)."""
    near = []
    for mask, point in zip(piece.masks, piece.points, strict=True):
        reach = int(np.clip(np.sqrt(float(mask.sum())) / 2, *_REACH))
        x, y = np.rint(point).astype(int)
        box = np.s_[max(0, y - reach) : max(0, y + reach + 1), max(0, x - reach) : max(0, x + reach + 1)]
        near.append(np.zeros_like(mask))
        near[-1][box] = mask[box]
    if not all(mask.any() for mask in near):
        return piece.linear
    return find_linear(looks, (near[0], near[1]), piece.points, bounded=False)


def divide(pieces: Sequence[Ends], views: tuple[Array, Array]) -> list[tuple[Array, Array]]:
    """Divides a piece among hints that move it differently, or narrows it to what one hint moves.

    Args:
        pieces: the same piece for each hint.
        views: both drawings, (h, w, 3) uint8 RGB.

    Returns:
        Each hint's masks, as `Ends` has them.
    """
    found = []
    for end in range(2):
        own = pieces[0].masks[end] > 0.5
        misfits = [piece.measure_misfit(end, views, None if len(pieces) == 1 else _SLACKS[0]) for piece in pieces]
        markers = np.zeros(own.shape, np.int32)
        if len(pieces) > 1:
            side = 2 * round(_WIDE * np.sqrt(own.sum())) + 1
            wide = np.array([cv2.GaussianBlur(np.where(own, misfit, 0), (side, side), 0) for misfit in misfits])
            order = np.argsort(wide, axis=0)
            clear = np.take_along_axis(wide, order[1:2], 0) - wide.min(0) > _CLEARLY
            for number in range(len(pieces)):
                markers[_open(own & clear[0] & (order[0] == number))] = number + 2
        else:  # what fits none of several hints may be covered in the other drawing
            markers[_open(own & (misfits[0] > _MISFIT))] = 1
        markers[~_may_be(pieces, end)] = 1
        for number, piece in enumerate(pieces):
            x, y = np.rint(piece.points[end]).astype(int)
            spot = np.s_[max(0, y - _SPOT) : y + _SPOT + 1, max(0, x - _SPOT) : x + _SPOT + 1]
            markers[spot][own[spot]] = number + 2
        markers[~cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)] = 1
        flooded = cv2.watershed(views[end], markers)
        parts = [_close((flooded == number + 2) & own) for number in range(len(pieces))]
        found.append([_keep_at(part, piece.points[end]) for part, piece in zip(parts, pieces, strict=True)])
    return list(zip(*found, strict=True))


def _may_be(pieces: Sequence[Ends], end: int) -> Array:
    """Where the piece may be at all: around where its partner goes, if it is much larger than that."""
    mask, other = pieces[0].masks[end], pieces[0].masks[1 - end]
    h, w = mask.shape
    carried = np.maximum.reduce([warp(other, piece.carry(end, pixel_grid(h, w))) for piece in pieces])
    area = float(carried.sum())
    if area < 1 or mask.sum() < _LARGER * area:
        return np.ones((h, w), bool)
    side = 2 * max(2, round(_AROUND * np.sqrt(area))) + 1
    return np.asarray(cv2.dilate((carried > 0.5).astype(np.uint8), np.ones((side, side), np.uint8)) > 0)


def ran_over(piece: Ends) -> bool:
    """Whether a piece is so much larger in one drawing than in the other that it has run into something else there."""
    return any(not _may_be([piece], end).all() for end in range(2))


def _open(mask: Array) -> Array:
    """Without thin parts, which misfit where an outline is off by a pixel or two: (h, w) bool."""
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0)


def _close(mask: Array) -> Array:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0)


def _keep_at(mask: Array, point: Array) -> Array:
    """The connected part of a mask at a point: (h, w) float32."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8))
    x, y = np.rint(point).astype(int)
    number = labels[min(max(y, 0), mask.shape[0] - 1), min(max(x, 0), mask.shape[1] - 1)]
    return (labels == number).astype(np.float32) if number else mask.astype(np.float32)
