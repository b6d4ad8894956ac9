"""Finds the nearest patches in two key frames to patches of a drawn frame.

All is computed at half the frames' size, where noise and the sampling of lines matter less; frames of more than
`LARGEST` pixels are reduced first, which bounds the time. Distances of patches are in levels of 0..255.
"""

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""A frame: (H, W, 3) uint8, RGB."""
Values = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

SIDE = 7
"""Side of a patch in pixels at half size."""
LARGEST = 768
"""Longer side in pixels above which a frame is reduced: a frame of 1280x720 would take ten times as long."""
DIFFERS = 8.0
"""Difference in levels from which pixels differ; compression and grain stay below."""
_MARGIN = 4  # pixels at half size by which the mask of differences is widened
_LEAF = 16  # key patches in a leaf of the tree
_ROUNDS = 3  # rounds of propagation to neighbours; a fourth lowers mean distances by less than 0.5 %


class KeyPatches:
    """All patches of two key frames, to find the nearest of them to any other patch.

    The search is by a k-d tree, followed by propagation between neighbours (He and Sun, "Computing Nearest-Neighbor
    Fields via Propagation-Assisted KD-Trees", CVPR 2012). It is approximate: mean distances are 1 to 2 % above the
    exact ones. It is deterministic.

    A patch's index counts the first key frame's patches row by row, then the last's.

    Attributes:
        frames: both key frames, of at most `LARGEST` pixels.
        halves: both key frames at half size: (h, w, 3) float32 each.
        rows: number of rows of patches; 0 if the frames are too small for one.
        columns: number of columns.
        features: (2 * rows * columns, FEATURES), all patches' lowest waves; see `describe_patches`.
        differs: (rows, columns), True for patches at or near differences of the key frames.
    """

    BLURS: ClassVar = (0.0, 1.0, 2.0)
    """Blurs of patches of `take_fine`: sigma in pixels of the frames."""

    def __init__(self, first: Picture, last: Picture) -> None:
        """Prepares the key frames.

        Args:
            first: (H, W, 3) uint8, RGB.
            last: the same shape.
        """
        self.frames = _limit(first), _limit(last)
        self.halves = halve(first), halve(last)
        height, width = self.halves[0].shape[:2]
        self.rows, self.columns = max(0, height - SIDE + 1), max(0, width - SIDE + 1)
        if not self.rows or not self.columns:
            self.rows = self.columns = 0
            self.differs = np.zeros((0, 0), bool)
            return
        self._windows = np.stack([cut(half) for half in self.halves])  # (2, rows, columns, 3, 7, 7)
        self.features = np.concatenate([describe_patches(half) for half in self.halves])
        self._tree = _Tree(self.features)
        self.differs = self._around(np.abs(self.halves[0] - self.halves[1]).max(2) > DIFFERS)

    def find_strange(self, half: Values) -> Mask:
        """The mask of patches where a drawn frame differs from both key frames, or nearby: (rows, columns).

        Args:
            half: the drawn frame at half size.
        """
        return self._around(np.minimum(*(np.abs(half - end).max(2) for end in self.halves)) > DIFFERS)

    def _around(self, mask: Mask) -> Mask:
        """Widens a mask of pixels, and converts it to a mask of patches."""
        wide = cv2.dilate(mask.astype(np.uint8), np.ones((2 * _MARGIN + 1,) * 2, np.uint8)) > 0
        edge = SIDE // 2
        return wide[edge:-edge, edge:-edge]

    def find_nearest(self, half: Values, wanted: Mask, step: int) -> tuple[Indices, Values]:
        """The nearest key patches to patches of a drawn frame.

        Args:
            half: the drawn frame at half size.
            wanted: (rows, columns), True for the N patches that are sought, all on a grid of `step`.
            step: pixels from one patch that may be sought to the next.

        Returns:
            (N,) indices of key patches, the nearest by squared differences; (N,) their mean absolute differences.
        """
        place = np.flatnonzero(wanted)  # (N,)
        patches = cut(half).reshape(-1, 3, SIDE, SIDE)[place]  # (N, 3, 7, 7)
        features = describe_patches(half)[place]  # (N, FEATURES)
        row, column = np.divmod(place, self.columns)
        everyone = np.arange(len(place))
        best = place.copy()
        least = np.full(len(place), np.inf, np.float32)

        def offer(asked: Indices, candidate: Indices) -> None:
            """Updates the match of each of the given patches if a candidate is nearer."""
            bound = sum_squares(features[asked] - self.features[candidate])
            near = np.flatnonzero(bound < least[asked])
            asked, candidate = asked[near], candidate[near]
            distance = sum_squares(patches[asked] - self._windows[self.locate(candidate)])
            better = distance < least[asked]
            least[asked[better]], best[asked[better]] = distance[better], candidate[better]

        for end in (0, 1):
            offer(everyone, place + end * self.rows * self.columns)
        for members in self._tree.find(features):
            offer(everyone, members)
        neighbours = list(find_neighbours(row, column, wanted, step))
        for _ in range(_ROUNDS):
            for asked, other, dy, dx in neighbours:
                offer(asked, self.move(best[other], dy, dx))
            for dy, dx in product((-1, 0, 1), repeat=2):
                offer(everyone, self.move(best, dy, dx))
        return best, np.abs(patches - self._windows[self.locate(best)]).mean((1, 2, 3))

    def take_fine(self, end: int, spot: Indices, blur: int = 0) -> Values:
        """Takes patches at half size that start at any pixel of a key frame, odd ones included.

        Args:
            end: 0 for the first key frame, 1 for the last.
            spot: (2, N) rows and columns in pixels of `frames`; positions outside are clamped.
            blur: index into `BLURS`.

        Returns:
            (N, 3, 7, 7).
        """
        windows = self._fine[end][blur]
        y, x = (np.clip(at, 0, most - 1) for at, most in zip(spot, windows.shape[:2], strict=True))
        taken: Values = windows[y, x]
        return taken

    @cached_property
    def _fine(self) -> list[list[Values]]:
        return [[_cut_fine(frame, blur) for blur in self.BLURS] for frame in self.frames]

    def locate(self, index: Indices) -> tuple[Indices, Indices, Indices]:
        """The key frame of a patch, 0 or 1, and its row and column."""
        end, rest = np.divmod(index, self.rows * self.columns)
        return end, *np.divmod(rest, self.columns)

    def move(self, index: Indices, dy: int, dx: int) -> Indices:
        """The patches at an offset down and to the right, clamped to the edge."""
        end, y, x = self.locate(index)
        y, x = np.clip(y + dy, 0, self.rows - 1), np.clip(x + dx, 0, self.columns - 1)
        moved: Indices = (end * self.rows + y) * self.columns + x
        return moved


def find_neighbours(
    row: Indices, column: Indices, wanted: Mask, step: int
) -> Iterator[tuple[Indices, Indices, int, int]]:
    """Pairs of neighbouring patches on a grid, in each of four directions.

    Args:
        row: (N,) of the patches that are wanted, in the order of `numpy.flatnonzero`.
        column: (N,).
        wanted: (rows, columns).
        step: pixels from one to the next.

    Yields:
        The numbers of those that have a neighbour, those of the neighbours, and how far they lie below and to the right
        of these.
    """
    number = np.full(wanted.shape, -1, np.intp)
    number[row, column] = np.arange(len(row))
    for dy, dx in ((0, step), (0, -step), (step, 0), (-step, 0)):
        y, x = row - dy, column - dx
        inside = np.flatnonzero((y >= 0) & (y < wanted.shape[0]) & (x >= 0) & (x < wanted.shape[1]))
        other = number[y[inside], x[inside]]
        yield inside[other >= 0], other[other >= 0], dy, dx


class _Tree:
    """A balanced k-d tree over rows of features."""

    def __init__(self, features: Values) -> None:
        count = len(features)
        levels = max(0, int(np.ceil(np.log2(count / _LEAF))))
        order = np.arange(-(-count // 2**levels) * 2**levels) % count  # some come twice, so that all leaves are full
        self._axes: list[Indices] = []
        self._cuts: list[Values] = []
        for level in range(levels):
            order = order.reshape(2**level, -1)
            inside = features[order]  # (nodes, members, FEATURES)
            axis = (inside.max(1) - inside.min(1)).argmax(1)
            values = np.take_along_axis(inside, axis[:, None, None], 2)[..., 0]
            middle = values.shape[1] // 2
            ranks = np.argpartition(values, middle, axis=1)
            order = np.take_along_axis(order, ranks, 1)
            self._axes.append(axis)
            self._cuts.append(np.take_along_axis(values, ranks[:, middle : middle + 1], 1)[:, 0])
        self._leaves = order.reshape(2**levels, -1)

    def find(self, features: Values) -> Indices:
        """The members of each row's leaf: (members, N)."""
        node = np.zeros(len(features), np.intp)
        rows = np.arange(len(features))
        for axes, cuts in zip(self._axes, self._cuts, strict=True):
            node = 2 * node + (features[rows, axes[node]] >= cuts[node])
        return self._leaves[node].T


def sum_squares(values: Values) -> Values:
    """Of each row, whatever it holds: (N, ...) to (N,)."""
    rows = values.reshape(len(values), math.prod(values.shape[1:]))
    return np.asarray(np.einsum("ij,ij->i", rows, rows), np.float32)


def halve(frame: Picture) -> Values:
    """A frame at half its size, or half of `LARGEST`: (H // 2, W // 2, 3), at least one pixel a side."""
    frame = _limit(frame)
    height, width = frame.shape[:2]
    size = max(1, width // 2), max(1, height // 2)
    return np.asarray(cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _limit(frame: Picture) -> Picture:
    height, width = frame.shape[:2]
    scale = LARGEST / max(height, width)
    if scale >= 1:
        return frame
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def cut(half: Values) -> Values:
    """Every patch: (rows, columns, 3, 7, 7), a view."""
    return np.lib.stride_tricks.sliding_window_view(half, (SIDE, SIDE), axis=(0, 1))


def _cut_fine(frame: Picture, blur: float) -> Values:
    """Patches at half size that start at every pixel of a frame: (H', W', 3, 7, 7), a view."""
    values = frame.astype(np.float32)
    if blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), blur), np.float32)
    paired = np.asarray(cv2.boxFilter(values, -1, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE), np.float32)
    reach = 2 * SIDE - 1
    windows = np.lib.stride_tricks.sliding_window_view(paired, (reach, reach), axis=(0, 1))
    return windows[..., ::2, ::2]


_WAVES = [np.cos(np.pi * (np.arange(SIDE) + 0.5) * k / SIDE) for k in range(5)]
_WAVES = [wave / np.linalg.norm(wave) for wave in _WAVES]
_COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
_COLOURS /= np.linalg.norm(_COLOURS, axis=1, keepdims=True)
_KEPT = [(c, v, u) for c, most in enumerate((5, 3, 3)) for v, u in product(range(5), repeat=2) if v + u < most]
_KEPT.sort(key=lambda each: each[1] + each[2] > 0)
FEATURES = len(_KEPT)
"""Length of a patch's description; the first three numbers are its mean colours."""


def describe_patches(half: Values) -> Values:
    """Low frequencies of every patch (a cosine transform): its mean colours, then its structure.

    The transform is orthonormal: the squared distance of two descriptions is at most that of the patches.

    Returns:
        (rows * columns, FEATURES).
    """
    height, width = half.shape[:2]
    edge = SIDE // 2
    colours = cv2.split(cv2.transform(half, _COLOURS))
    found = [cv2.sepFilter2D(colours[c], -1, _WAVES[u], _WAVES[v]) for c, v, u in _KEPT]
    inside = [whole[edge : height - edge, edge : width - edge] for whole in found]
    return np.asarray(np.stack(inside, 2), np.float32).reshape(-1, FEATURES)
