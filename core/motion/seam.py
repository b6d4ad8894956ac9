"""Joins two warped frames along a seam instead of blending them, so that nothing is drawn twice and half transparent.

Where the two warped key frames differ, each cell shows one of the two. The choice is made for all times of a pair at
once by a minimum cut (Boykov and Jolly, "Interactive Graph Cuts", ICCV 2001): a graph with one node
for each differing cell at each time. A cut between neighbours costs the differences at both of them, so that the seam
runs where the two frames agree (Kwatra et al., "Graphcut Textures", SIGGRAPH 2003, equation 1); a cell that shows
the frame which the engine believes in less costs the difference of the beliefs. Arcs that cannot be cut lead through
time: a place that shows the last key frame shows it from then on. Others lead along the motion, at a cost: a piece that
moves turns from the first key frame to the last once, unless the engine is sure of something else.

Differences without edges (soft shadows, a light that changes in one part, motion blur) are left to the mixture: mixing
them draws no outline twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow, mean_of_channels

CELLS = 14_400
"""Cells of the grid at most: seams of 160 x 90 cells look like those of 320 x 180, and take a quarter of the time."""
_AGREES = 6.0  # levels of 255, mean over channels, up to which two warped frames agree
_SEAM = 5.0  # cost of a seam across a full difference, from a trial on 107 pairs of anime and cartoons; and of showing
_BELIEF = 40.0  # the other frame, for each unit of log odds, over the grid's side in cells, so that a piece of the same
# share of the picture weighs the same on any grid; 20 to 80 are level on validation pairs, 20 leaves uncovered ground
_TURN = 3.0  # log odds that a turn back along the motion costs: less than a sure belief, as where a ground is uncovered
_SURE = 8.0  # log odds from which on an engine's belief counts no more
_WEIGHTY = 20.0  # levels of difference from which on a cell's belief counts in full
_SCALE = 1000  # the solver counts in whole numbers
_NEVER = 1_000_000  # a capacity that no cut pays
_EDGE = 9.0  # levels a pixel: a difference changes faster than this only at outlines
_EVEN = 2.5  # log odds for the farther key frame, on average, up to which both show a place


class Choice(NamedTuple):
    """The choice of key frame where the two differ, at one time, on a grid; each map is (h, w) float32."""

    first: Array
    """1: the first key frame is shown; 0: the last."""
    chosen: Array
    """1: one of the two is shown instead of a blend."""
    fades: Array
    """1: a soft difference, where the blend depends on time only."""


def measure_difference(one: Array, other: Array, cells: tuple[int, int]) -> tuple[Array, Array]:
    """Measures the difference of two warped frames, and where it has outlines.

    Args:
        one: (H, W, C) uint8 or float32 in [0, 255].
        other: the same shape and type.
        cells: width and height of the grid.

    Returns:
        Mean absolute difference in levels, (h, w) float32, and whether the difference has an outline, (h, w) bool.
    """
    signed = cv2.subtract(one, other, dtype=cv2.CV_16S if one.dtype == np.uint8 else cv2.CV_32F)
    signed = signed.reshape(*one.shape[:2], -1)  # (H, W, C)
    apart = mean_of_channels(np.abs(signed))
    steepest = np.zeros(apart.shape, np.float32)
    for here, beside in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        if not signed[here].size:  # one row, or one column
            continue
        step = mean_of_channels(cv2.absdiff(signed[beside], signed[here]).reshape(signed[here].shape))
        steepest[here] = cv2.max(steepest[here], step)
    outlines = cv2.resize((steepest > _EDGE).astype(np.float32), cells, interpolation=cv2.INTER_AREA) > 0
    return cv2.resize(apart, cells, interpolation=cv2.INTER_AREA), outlines


def find_kinds(difference: Array, outlines: Array, doubt: Array) -> tuple[Array, Array]:
    """Finds what is to be chosen, and what fades: (h, w) bool each.

    Chosen are outlines that only one of the frames has, and what they enclose, such as the inside of an open mouth. A
    soft difference ends without an outline, on most of its border.

    Args:
        difference: (h, w) in levels.
        outlines: (h, w) bool.
        doubt: (h, w): how much the farther key frame is believed, in log odds.
    """
    differs = difference > _AGREES
    outlines = outlines & differs
    inside = differs & ~outlines
    count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    enclosed, doubts = np.zeros(count), np.bincount(labels.ravel(), doubt.ravel(), count)
    border = np.where(outlines, 1.0, np.where(differs, 0.0, -1.0))  # what a piece gains and loses by such a neighbour
    for axis in (0, 1):
        for here, beside in ((slice(1, None), slice(0, -1)), (slice(0, -1), slice(1, None))):
            own, other = (labels[here], border[beside]) if axis == 0 else (labels[:, here], border[:, beside])
            enclosed += np.bincount(own.ravel(), other.ravel(), count)
    chosen, fades = enclosed > 0, doubts < _EVEN * np.bincount(labels.ravel(), minlength=count)
    chosen[0] = fades[0] = False
    return outlines | chosen[labels], (fades & ~chosen)[labels]


def choose(
    times: Sequence[float],
    differences: Sequence[Array],
    outlines: Sequence[Array],
    beliefs: Sequence[Array],
    steps: Sequence[tuple[Flow, Flow]],
    begun: Choice | None = None,
    missing: Sequence[Array | None] | None = None,
) -> list[Choice]:
    """Chooses the key frame to show, for all times of a pair together.

    Args:
        times: rising, in (0, 1).
        differences: for each time (h, w) in levels; see `measure_difference`.
        outlines: for each time (h, w) bool, likewise.
        beliefs: for each time (h, w): log odds that the first key frame shows what is there.
        steps: for each time but the last, how far content moves until the next time, (h, w, 2) in cells: that of the
            last key frame from this time on, and that of the first key frame back from the next time.
        begun: what was chosen at the first of the times already; it stays.
        missing: for each time (h, w) in [0, 1]: how far neither key frame has a match for what it shows there, so that
            the nearer one is shown; None: nowhere.
    """
    missing = missing or [None] * len(times)
    doubted = [belief if lost is None else (1 - lost) * belief for belief, lost in zip(beliefs, missing, strict=True)]
    found = [
        find_kinds(difference, outline, np.abs(belief) if t == 0.5 else np.maximum(0, belief * np.sign(t - 0.5)))
        for t, difference, outline, belief in zip(times, differences, outlines, doubted, strict=True)
    ]
    beliefs = [
        belief if lost is None else belief + lost * (_SURE if t < 0.5 else -_SURE)
        for t, belief, lost in zip(times, doubted, missing, strict=True)
    ]
    active = np.stack([outlined for outlined, _ in found])  # (T, h, w)
    nodes = int(active.sum())
    first = np.stack([belief > 0 for belief in beliefs]).astype(np.float32)
    if nodes:
        first[active] = _cut(active, nodes, np.stack(differences), np.stack(beliefs), steps, begun)
    return [
        Choice(*_widen(shown, where.astype(np.float32), fades), fades.astype(np.float32))
        for shown, (where, fades) in zip(first, found, strict=True)
    ]


def _widen(first: Array, active: Array, fades: Array) -> tuple[Array, Array]:
    """Adds a cell around what is chosen, with what is chosen beside it: lines can reach over a cell's border."""
    window = (3, 3)
    beside, near = cv2.blur(first * active, window), cv2.blur(active, window)
    first = np.where(active > 0, first, np.where(near > 0, beside > near / 2, first)).astype(np.float32)
    return first, ((near > 0) & ~fades).astype(np.float32)


def _cut(
    active: Array,
    nodes: int,
    differences: Array,
    beliefs: Array,
    steps: Sequence[tuple[Flow, Flow]],
    begun: Choice | None,
) -> Array:
    """Whether each active cell, in their order, is on the first key frame's side of the minimum cut."""
    from ortools.graph.python import max_flow  # only where frames disagree

    _, height, width = active.shape
    each = _SCALE * _BELIEF / (height * width) ** 0.5  # of a unit of log odds
    index = np.full(active.shape, -1, np.int32)
    index[active] = np.arange(nodes, dtype=np.int32)
    tails, heads, costs = [], [], []

    def connect(tail: Array, head: Array, cost: Array | int) -> None:
        tails.append(tail)
        heads.append(head)
        costs.append(np.broadcast_to(cost, tail.shape))

    for axis in (1, 2):
        here = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        beside = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        both = active[here] & active[beside]
        cost = (_SEAM * _SCALE / 255) * (differences[here] + differences[beside])[both]
        one, other = index[here][both], index[beside][both]
        connect(one, other, cost)
        connect(other, one, cost)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for time, (onward, back) in enumerate(steps):
        for source, target, step in (
            (time, time + 1, onward),
            (time + 1, time, back),
            (time, time + 1, None),
        ):
            if step is None:
                row, column = (grid.astype(np.int32) for grid in (y, x))
            else:
                column, row = (np.rint(x + step[..., 0]).astype(np.int32), np.rint(y + step[..., 1]).astype(np.int32))
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width) & active[source]
            start = index[source][inside]
            end = index[target][row[inside], column[inside]]
            start, end = start[end >= 0], end[end >= 0]
            # never back: if the earlier cell shows the last key frame, the later one does
            earlier, later = (start, end) if source == time else (end, start)
            connect(later, earlier, _NEVER if step is None else round(_TURN * each))
    belief = np.clip(beliefs, -_SURE, _SURE) * np.clip(differences / _WEIGHTY, 0, 1) * each
    if begun is not None:
        belief[0] = np.where(begun.first > 0, _NEVER, -_NEVER)
    belief = np.rint(belief[active]).astype(np.int64)
    every = np.arange(nodes, dtype=np.int32)
    for_first, for_last = belief > 0, belief < 0
    connect(np.full(int(for_first.sum()), nodes, np.int32), every[for_first], belief[for_first])
    connect(every[for_last], np.full(int(for_last.sum()), nodes + 1, np.int32), -belief[for_last])
    solver = max_flow.SimpleMaxFlow()
    solver.add_arcs_with_capacity(
        np.concatenate(tails), np.concatenate(heads), np.rint(np.concatenate(costs)).astype(np.int64)
    )
    if not (for_first.any() and for_last.any()):
        return np.full(nodes, not for_last.any(), np.float32)
    solver.solve(nodes, nodes + 1)
    shown = np.zeros(nodes + 2, np.float32)
    shown[np.asarray(solver.get_source_side_min_cut())] = 1
    return shown[:nodes]
