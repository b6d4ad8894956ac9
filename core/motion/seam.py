"""Joins two warped frames along a seam instead of blending them, so that nothing is drawn twice and half transparent.

Where the two warped key frames differ, each cell shows one of the two. The choice is made for all times of a pair at
once by a minimum cut (Boykov and Jolly, "Interactive Graph Cuts", ICCV 2001), with one node for each differing cell at
each time. A cut between neighbours costs the differences at both of them, so that the seam runs where the two frames
agree (Kwatra et al., "Graphcut Textures", SIGGRAPH 2003, equation 1). A cell that shows the less likely frame costs the
log odds of the two. Arcs of infinite capacity lead through time: a cell that shows the last key frame keeps showing it.
Arcs of finite capacity follow the motion: a moving piece switches from the first key frame to the last only once,
unless the log odds are strong.

Differences without edges (soft shadows, a local change of light, motion blur) are blended, as that draws no outline
twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .cutting import MinimumCut
from .grid import Array, Flow, mean_of_channels
from .texture import measure_allowance

CELLS = 14_400
"""Largest number of grid cells: seams at 160 x 90 cells look like those at 320 x 180, in a quarter of the time."""
FEWEST_CELLS = 112 * 112
"""Number of cells where an engine's own grid is coarser, if the frames have four times as many pixels. With the motion
network at 160 x 160, LPIPS on the choosing set at 256 pixels is 0.0496 on the network's own grid, 80 x 80 at most, and
0.0493 on this."""
_AGREES = 6.0  # levels, mean over channels: largest difference where two warped frames agree
_SEAM = 5.0  # cost of a seam across a full difference; tuned on 107 pairs of anime and cartoons
_BELIEF = 40.0  # cost per unit of log odds of showing the less likely frame, divided by the grid's side in cells, so
# that it is independent of the grid; 20 to 80 are equal on validation pairs, but 20 leaves uncovered background wrong
_TURN = 3.0  # log odds: cost of switching back along the motion; less than _SURE, as needed for uncovered background
_SURE = 8.0  # log odds are clipped to this
_WEIGHTY = 20.0  # levels: difference from which a cell's log odds have full weight
_SCALE = 1000  # factor to integers, which the solver needs
_NEVER = 1_000_000  # a capacity that is never cut
_EDGE = 9.0  # levels per pixel: steepest change of a difference without an outline
_EVEN = 2.5  # mean log odds for the farther key frame, up to which a soft difference fades


class SeamChoice(NamedTuple):
    """Which key frame to show where the two differ, at one time, on a grid; each map is (h, w) float32."""

    first: Array
    """1 to show the first key frame, 0 to show the last."""
    chosen: Array
    """1 to show one of the two instead of a blend."""
    fades: Array
    """1 at soft differences, where the blend depends on time only."""


def measure_difference(one: Array, other: Array, cells: tuple[int, int]) -> tuple[Array, Array]:
    """Measures the difference of two warped frames, and where it has outlines.

    Args:
        one: (H, W, C) uint8 or float32 in [0, 255].
        other: the same shape and type.
        cells: width and height of the grid.

    Returns:
        Mean absolute difference in levels beyond a texture's allowance, (h, w) float32, and whether the difference has
        an outline, (h, w) bool.
    """
    signed = cv2.subtract(one, other, dtype=cv2.CV_16S if one.dtype == np.uint8 else cv2.CV_32F)
    signed = signed.reshape(*one.shape[:2], -1)  # (H, W, C)
    apart = mean_of_channels(np.abs(signed))
    apart = cv2.max(apart - measure_allowance(one, other), np.zeros_like(apart))
    steepest = np.zeros(apart.shape, np.float32)
    for here, beside in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        if not signed[here].size:  # one row, or one column
            continue
        step = mean_of_channels(cv2.absdiff(signed[beside], signed[here]).reshape(signed[here].shape))
        for side in (here, beside):  # a step is an outline of the thing on either side of it
            steepest[side] = cv2.max(steepest[side], step)
    outlines = cv2.resize((steepest > _EDGE).astype(np.float32), cells, interpolation=cv2.INTER_AREA) > 0
    return cv2.resize(apart, cells, interpolation=cv2.INTER_AREA), outlines


def find_kinds(difference: Array, outlines: Array, doubt: Array) -> tuple[Array, Array]:
    """Finds the cells that must show one frame, and those that fade: (h, w) bool each.

    The former are outlines that only one frame has, and the area inside, such as an open mouth. Soft differences have
    no outline along most of their border.

    Args:
        difference: (h, w) in levels.
        outlines: (h, w) bool.
        doubt: (h, w) log odds for the key frame that is farther in time.
    """
    differs = difference > _AGREES
    outlines = outlines & differs
    inside = differs & ~outlines
    count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    enclosed, doubts = np.zeros(count), np.bincount(labels.ravel(), doubt.ravel(), count)
    border = np.where(outlines, 1.0, np.where(differs, 0.0, -1.0))  # vote of a neighbouring cell
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
    begun: SeamChoice | None = None,
    missing: Sequence[Array | None] | None = None,
) -> list[SeamChoice]:
    """Chooses the key frame to show, for all times of a pair together.

    Args:
        times: ascending, in (0, 1).
        differences: for each time (h, w) in levels, from `measure_difference`.
        outlines: for each time (h, w) bool, from `measure_difference`.
        beliefs: for each time (h, w), log odds of the first key frame against the last.
        steps: for each time but the last, the motion until the next time, (h, w, 2) in cells: of the last key frame
            forward from this time, and of the first key frame backward from the next.
        begun: a choice already made at the first of the times, which is kept.
        missing: for each time (h, w) in [0, 1], 1 where neither key frame has a match, so that the key frame that is
            nearer in time is shown; None for nowhere.
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
        SeamChoice(*_widen(shown, where.astype(np.float32), fades), fades.astype(np.float32))
        for shown, (where, fades) in zip(first, found, strict=True)
    ]


def _widen(first: Array, active: Array, fades: Array) -> tuple[Array, Array]:
    """Grows the chosen area by a cell, with the neighbours' choice, as lines may cross a cell's border."""
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
    begun: SeamChoice | None,
) -> Array:
    """Whether each active cell, in order, is on the first key frame's side of the minimum cut: (nodes,)."""
    _, height, width = active.shape
    each = _SCALE * _BELIEF / (height * width) ** 0.5  # capacity per unit of log odds
    index = np.full(active.shape, -1, np.int32)
    index[active] = np.arange(nodes, dtype=np.int32)
    graph = MinimumCut(nodes)
    for axis in (1, 2):
        here = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        beside = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        both = active[here] & active[beside]
        cost = (_SEAM * _SCALE / 255) * (differences[here] + differences[beside])[both]
        one, other = index[here][both], index[beside][both]
        graph.connect(one, other, cost)
        graph.connect(other, one, cost)
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
            # no switching back: if the earlier cell shows the last key frame, so does the later one
            earlier, later = (start, end) if source == time else (end, start)
            graph.connect(later, earlier, _NEVER if step is None else round(_TURN * each))
    belief = np.clip(beliefs, -_SURE, _SURE) * np.clip(differences / _WEIGHTY, 0, 1) * each
    if begun is not None:
        belief[0] = np.where(begun.first > 0, _NEVER, -_NEVER)
    belief = np.rint(belief[active])
    if not ((belief > 0).any() and (belief < 0).any()):
        return np.full(nodes, not (belief < 0).any(), np.float32)
    graph.prefer(np.arange(nodes, dtype=np.int32), belief)
    return graph.solve().astype(np.float32)
