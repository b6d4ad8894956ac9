"""Whether drawn frames are made of the key frames' own patches: coherence."""

from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""A frame: (H, W, 3) uint8, RGB."""
Values = NDArray[np.float32]
Places = NDArray[np.intp]

_SIDE = 7  # pixels across a patch, at half the frames' size
_STEP = 2  # pixels at half size from one patch that is compared to the next; patches overlap, so a quarter says as much
_DIFFERS = 8.0  # levels by which frames differ; compression and grain stay below
_MARGIN = 4  # pixels at half size by which what differs is widened
_LEAF = 16  # key patches that a descent through the tree ends at
_ROUNDS = 3  # of passing matches on to neighbours; a fourth lowers the mean by less than 0.5 %


def coherence(drawn: Picture, first: Picture, last: Picture) -> float:
    """How far the patches of a drawn frame are from those of its key frames; see `KeyPatches.coherence`."""
    return KeyPatches(first, last).coherence(drawn)


class KeyPatches:
    """All patches of two key frames, to find the nearest of them to any other patch.

    Patches have 7 x 7 pixels of the frames at half size. The search is a k-d tree whose leaves are compared, after which
    neighbours pass their matches on to each other (He and Sun, "Computing Nearest-Neighbor Fields via
    Propagation-Assisted KD-Trees", CVPR 2012). It has no chance in it: the same frames give the same figures.
    """

    def __init__(self, first: Picture, last: Picture) -> None:
        """Prepares the key frames.

        Args:
            first: (H, W, 3) uint8, RGB; at least 14 pixels a side, or nothing can be compared.
            last: the same shape.
        """
        self._ends = _halve(first), _halve(last)
        self._height, self._width = self._ends[0].shape[:2]
        rows, columns = self._height - _SIDE + 1, self._width - _SIDE + 1
        self._rows, self._columns = rows, columns
        if min(rows, columns) < 1:
            return
        self._windows = np.stack([_windows(end) for end in self._ends])  # (2, rows, columns, 3, 7, 7)
        self._features = np.stack([_describe(end) for end in self._ends]).reshape(-1, _BASIS)  # (2 rows columns, 16)
        self._tree = _Tree(self._features)
        differs = np.abs(self._ends[0] - self._ends[1]).max(2) > _DIFFERS
        self._differs = _centres(_widen(differs, _MARGIN))

    def coherence(self, drawn: Picture) -> float:
        """How far the patches of a drawn frame are from their nearest ones in either key frame.

        The distance of patches is the root of their mean squared difference, in levels of 0..255. Its sum over the places
        where the key frames differ, or where the drawn frame differs from both, is divided by the number of the former:
        so all that are drawn between the same key frames are divided by the same number. A mixture, a smear or a torn
        piece has no like in either key frame and is far from it; a frame that is joined of pieces of both is near. What
        turns, grows or appears in the true frame is far too, so compare with the truth's own value.

        Args:
            drawn: the same shape as the key frames.

        Returns:
            0 or more; NaN where the key frames do not differ.
        """
        if min(self._rows, self._columns) < 1:
            return float("nan")
        half = _halve(drawn)
        strange = np.minimum(*(np.abs(half - end).max(2) for end in self._ends)) > _DIFFERS
        wanted = self._differs | _centres(_widen(strange, _MARGIN))
        grid = np.zeros_like(wanted)
        grid[::_STEP, ::_STEP] = True
        counted = np.count_nonzero(self._differs & grid)
        if not counted:
            return float("nan")
        _, distances = self._find_nearest(half, wanted & grid)
        return float(np.sqrt(distances).sum() / counted)

    def _find_nearest(self, half: Values, wanted: NDArray[np.bool_]) -> tuple[Places, Values]:
        """The nearest key patches.

        Args:
            half: the drawn frame at half size.
            wanted: (rows, columns) of patches that are sought; only on a grid of `_STEP`.

        Returns:
            (N,) their places among the key patches; (N,) their mean squared differences.
        """
        place = np.flatnonzero(wanted)  # (N,)
        patches = _windows(half).reshape(-1, 3, _SIDE, _SIDE)[place]  # a copy: (N, 3, 7, 7)
        features = _describe(half).reshape(-1, _BASIS)[place]  # (N, 16)
        number = np.full(wanted.shape, -1, np.intp)
        number.flat[place] = np.arange(len(place))
        row, column = np.divmod(place, self._columns)
        size = self._rows * self._columns
        best = place.copy()
        least = np.full(len(place), np.inf, np.float32)

        def offer(candidate: Places, asked: Places) -> None:
            """Takes candidates for the patches asked about where they are nearer than what is known."""
            bound = np.square(features[asked] - self._features[candidate]).sum(1)
            near = np.flatnonzero(bound < least[asked] * (3 * _SIDE**2))
            asked, candidate = asked[near], candidate[near]
            end, rest = np.divmod(candidate, size)
            found = np.square(patches[asked] - self._windows[end, *np.divmod(rest, self._columns)])
            distance = found.mean((1, 2, 3))
            better = distance < least[asked]
            least[asked[better]], best[asked[better]] = distance[better], candidate[better]

        everyone = np.arange(len(place))
        for end in (0, 1):
            offer(place + end * size, everyone)
        for candidates in self._tree.find(features):
            offer(candidates, everyone)
        for _ in range(_ROUNDS):
            for dy, dx in ((0, _STEP), (0, -_STEP), (_STEP, 0), (-_STEP, 0)):
                y, x = row - dy, column - dx
                inside = np.flatnonzero((y >= 0) & (y < self._rows) & (x >= 0) & (x < self._columns))
                other = number[y[inside], x[inside]]
                asked, other = inside[other >= 0], other[other >= 0]
                end, rest = np.divmod(best[other], size)
                y, x = np.divmod(rest, self._columns)
                y, x = np.clip(y + dy, 0, self._rows - 1), np.clip(x + dx, 0, self._columns - 1)
                offer(end * size + y * self._columns + x, asked)
            for dy, dx in product((-1, 0, 1), repeat=2):
                end, rest = np.divmod(best, size)
                y, x = np.divmod(rest, self._columns)
                y, x = np.clip(y + dy, 0, self._rows - 1), np.clip(x + dx, 0, self._columns - 1)
                offer(end * size + y * self._columns + x, everyone)
        return best, least


class _Tree:
    """A balanced k-d tree over rows of features."""

    def __init__(self, features: Values) -> None:
        count = len(features)
        self._levels = max(0, int(np.ceil(np.log2(count / _LEAF))))
        padded = -(-count // 2**self._levels) * 2**self._levels
        order = np.arange(padded) % count  # some stand in it twice, so that all leaves are full
        self._axes: list[Places] = []
        self._cuts: list[Values] = []
        for level in range(self._levels):
            order = order.reshape(2**level, -1)
            inside = features[order]  # (nodes, members, 16)
            axis = (inside.max(1) - inside.min(1)).argmax(1)
            values = np.take_along_axis(inside, axis[:, None, None], 2)[..., 0]
            middle = values.shape[1] // 2
            ranks = np.argpartition(values, middle, axis=1)
            order = np.take_along_axis(order, ranks, 1)
            self._axes.append(axis)
            self._cuts.append(np.take_along_axis(values, ranks[:, middle : middle + 1], 1)[:, 0])
        self._leaves = order.reshape(2**self._levels, -1)

    def find(self, features: Values) -> Places:
        """The members of the leaf that each row of features falls into: (members, N)."""
        node = np.zeros(len(features), np.intp)
        rows = np.arange(len(features))
        for axes, cuts in zip(self._axes, self._cuts, strict=True):
            node = 2 * node + (features[rows, axes[node]] >= cuts[node])
        return self._leaves[node].T


def _halve(frame: Picture) -> Values:
    height, width = frame.shape[:2]
    size = max(1, width // 2), max(1, height // 2)
    return np.asarray(cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _windows(half: Values) -> Values:
    """Every patch: (rows, columns, 3, 7, 7), a view."""
    return np.lib.stride_tricks.sliding_window_view(half, (_SIDE, _SIDE), axis=(0, 1))


def _centres(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask of pixels as one of the patches around them."""
    edge = _SIDE // 2
    return mask[edge:-edge, edge:-edge]


def _widen(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    return cv2.dilate(mask.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)) > 0


_WAVES = [np.cos(np.pi * (np.arange(_SIDE) + 0.5) * k / _SIDE) for k in range(4)]
_WAVES = [wave / np.linalg.norm(wave) for wave in _WAVES]
_COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32)
_COLOURS /= np.linalg.norm(_COLOURS, axis=1, keepdims=True)
_KEPT = [[(u, v) for u in range(4) for v in range(4) if u + v < most] for most in (4, 2, 2)]
_BASIS = sum(len(kept) for kept in _KEPT)


def _describe(half: Values) -> Values:
    """Every patch's 16 lowest waves (a cosine transform; brightness has more of them than colour).

    They are orthonormal: the squared distance of two descriptions is at most that of the patches.

    Returns:
        (rows, columns, 16).
    """
    edge = _SIDE // 2
    found = []
    for colour, kept in zip(cv2.split(cv2.transform(half, _COLOURS)), _KEPT, strict=True):
        for u, v in kept:
            whole = cv2.sepFilter2D(colour, -1, _WAVES[u], _WAVES[v])
            found.append(whole[edge : half.shape[0] - edge, edge : half.shape[1] - edge])
    return np.stack(found, 2)
