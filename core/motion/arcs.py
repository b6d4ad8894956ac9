"""Arcs: where a piece turns between two drawings, it keeps its size and shape on the way.

Motion between two drawings is known at its ends, and every point goes straight from one to the other. A piece that
turns shrinks by that: halfway through a turn of 90 degrees, to 0.7 of its size. Whited et al. ("BetweenIT: An
Interactive Tool for Tight Inbetweening", Eurographics 2010) move points along logarithmic spirals instead, which keep
the shape of what turns. Here pieces that turn are found in a dense flow: regions whose motion is one similarity. What
turns about a point of its own, such as an arm about its shoulder, goes round that point; all else goes round its centre
while the centre goes straight.

Only where a picture is sampled changes: a place at t, on the arc, shows what the straight motion has at the place that
corresponds to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .grid import Array, Flow, pixel_grid, warp
from .maps import fit_similarity, turn_and_squash

_LEAST_TURN = 8.0  # degrees: below, the arc is within a quarter of a pixel of its chord
_SEED_TURN = 5.0  # degrees by which a cell turns with its neighbours, to begin a piece
_SHEAR = 0.3  # shear from cell to cell above which a cell is on a border between two motions
_FEWEST = 24  # cells of a piece
_MOST = 8  # pieces
_MISS, _GROWTH = 0.6, 0.04  # cells, and of its way, by which a cell may miss the motion of its piece
_LEAST_GAIN = 0.02  # cells by which an arc must be off its chord, on average, to be worth it


@dataclass(frozen=True)
class Turn:
    """A piece that turns, in cells of a flow's grid."""

    linear: Array
    """(2, 2): how it turns and grows."""
    centre: Array
    """(2,): what it turns about, in the first drawing."""
    target: Array
    """(2,): where that is in the last."""
    mask: Array
    """(h, w) float32: 1 on the piece, in the first drawing."""

    def place(self, t: float) -> tuple[Array, Array]:
        """How the piece lies at t on its arc: a linear map (2, 2) and a shift (2,)."""
        linear = turn_and_squash(self.linear, t)
        return linear, (1 - t) * self.centre + t * self.target - linear @ self.centre

    def place_straight(self, t: float) -> tuple[Array, Array]:
        """The same on the chord."""
        linear = (1 - t) * np.eye(2) + t * self.linear
        return linear, (1 - t) * self.centre + t * self.target - linear @ self.centre


def find_turns(flow: Flow) -> list[Turn]:
    """Finds pieces that turn.

    Args:
        flow: (h, w, 2) in cells, from the first drawing to the last.
    """
    h, w = flow.shape[:2]
    smooth = cv2.blur(flow, (3, 3))
    dx, dy = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) / 8 for order in ((1, 0), (0, 1)))
    turn = np.degrees(np.arctan2(dx[..., 1] - dy[..., 0], 2 + dx[..., 0] + dy[..., 1]))
    # what no turn and no growth explains is large on borders between two motions
    shear = np.hypot(dx[..., 0] - dy[..., 1], dx[..., 1] + dy[..., 0]) / 2
    turn = cv2.blur(turn, (5, 5))
    found: list[Turn] = []
    taken = np.zeros((h, w), bool)
    for sign in (1, -1):
        seeds = ((sign * turn > _SEED_TURN) & (shear < _SHEAR)).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(seeds, connectivity=4)
        for label in sorted(range(1, count), key=lambda n: -int(stats[n, cv2.CC_STAT_AREA]))[:_MOST]:
            if stats[label, cv2.CC_STAT_AREA] < _FEWEST:
                break
            piece = _grow((labels == label) & ~taken, flow)
            if piece is not None:
                found.append(piece)
                taken |= piece.mask > 0.5
    return found[:_MOST]


def _grow(seed: Array, flow: Flow) -> Turn | None:
    """The piece that a seed belongs to, if it turns as one."""
    h, w = flow.shape[:2]
    grid = pixel_grid(h, w).astype(float)
    own = seed
    for _ in range(4):
        if own.sum() < _FEWEST:
            return None
        linear, shift = fit_similarity(grid[own], grid[own] + flow[own])
        missed = np.linalg.norm(grid @ linear.T + shift - grid - flow, axis=2)
        near = missed < _MISS + _GROWTH * np.linalg.norm(flow, axis=2)
        own = seed & near
    if own.sum() < 0.4 * seed.sum():
        return None
    angle = np.degrees(np.arctan2(linear[1, 0], linear[0, 0]))
    scale = np.hypot(linear[0, 0], linear[1, 0])
    if abs(angle) < _LEAST_TURN or not 0.5 < scale < 2:
        return None
    _, labels = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    own = labels == np.bincount(labels[own & near]).argmax()
    mask = cv2.morphologyEx(own.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).astype(np.float32)
    centre = grid[own].mean(0)
    fixed = np.linalg.lstsq(np.eye(2) - linear, shift, rcond=None)[0]
    x, y = np.rint(fixed).astype(int)
    if 0 <= x < w and 0 <= y < h and cv2.dilate(mask, np.ones((5, 5), np.uint8))[y, x]:
        centre = fixed
    piece = Turn(linear, centre, linear @ centre + shift, mask)
    middle = [each[0] for each in (piece.place(0.5), piece.place_straight(0.5))]
    gain = np.linalg.norm((grid[own] - centre) @ (middle[0] - middle[1]).T, axis=1).mean()
    return piece if gain > _LEAST_GAIN else None


def bend(turns: Sequence[Turn], t: float, shape: tuple[int, int]) -> Array | None:
    """Where on the chord what lies at each place on the arcs is: (h, w, 2), in cells; None where nothing turns.

    Args:
        turns: in cells of this grid.
        t: in (0, 1).
        shape: (h, w) of the grid.
    """
    if not turns:
        return None
    at = pixel_grid(*shape)
    places = at.astype(float)
    for turn in turns:
        linear, shift = turn.place(t)
        origin = (places - shift) @ np.linalg.inv(linear).T  # in the first drawing
        straight, straight_shift = turn.place_straight(t)
        on = warp(turn.mask, origin.astype(np.float32))[..., None]
        inside = np.all((origin >= 0) & (origin <= (shape[1] - 1, shape[0] - 1)), axis=2, keepdims=True)
        at = at + (on * inside) * (origin @ straight.T + straight_shift - at)
    return at.astype(np.float32)
