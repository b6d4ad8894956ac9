"""See-through things: parts of a drawn frame that are mixtures of moved parts of both key frames."""

from collections.abc import Iterator
from itertools import product

import cv2
import numpy as np

from .patches import FEATURES, SIDE, Indices, KeyPatches, Picture, Values, cut, describe, find_neighbours, halve

_STEP = 4  # pixels at half size from one patch that is judged to the next
_REACH = 20  # pixels at half size to which mixed patches are sought
_TILE = 12  # pixels at half size across patches that share a search window: few, large products of matrices
_SHARES = (0.2, 0.8)  # of the first key frame in a mixture; beyond, the other one is hardly to be seen
_COLOURS = 3  # features that are mean colours
_BLURS = (0.0, 1.0, 2.0)  # pixels of the frames, sigma: softness that is no mixture
_UNEXPLAINED = (5.0, 10.0)  # levels that the best patch leaves, from none to all of a place's weight
_BETTER = (0.75, 0.45)  # share of it that the best mixture leaves, the same
_ROUNDS = 1


def see_through_score(drawn: Picture, keys: KeyPatches) -> float:
    """How much of what differs is drawn as a mixture of moved parts of both key frames: 0 none of it, 1 all."""
    return SeeThrough(keys).score(drawn) if keys.rows else 0.0


class SeeThrough:
    def __init__(self, keys: KeyPatches) -> None:
        self._keys = keys
        self._size = keys.rows * keys.columns
        self._ends = keys.features[: self._size], keys.features[self._size :]
        self._fine = [[_cut_fine(frame, blur) for blur in _BLURS] for frame in keys.frames]
        self._grid = np.zeros_like(keys.differs)
        self._grid[::_STEP, ::_STEP] = True
        apart = describe(keys.halves[1] - keys.halves[0])[:, _COLOURS:]
        strong = np.sqrt(np.square(apart).sum(1) / (3 * SIDE**2)) > _UNEXPLAINED[1]
        self._counted = int(np.count_nonzero(strong.reshape(self._grid.shape) & self._grid))

    def score(self, drawn: Picture, info=None) -> float:
        keys = self._keys
        if not self._counted:
            return 0.0
        half = halve(drawn)
        wanted = self._grid & (keys.differs | keys.find_strange(half))
        row, column = np.nonzero(wanted)
        patches = cut(half)[row, column]  # (N, 3, 7, 7)
        structure = patches - patches.mean((2, 3), keepdims=True)
        features = describe(half).reshape(*wanted.shape, FEATURES)[row, column]
        left = np.sqrt(np.square(structure).mean((1, 2, 3)))  # what a flat patch leaves
        nearest, _ = keys.find_nearest(half, wanted, _STEP)
        self._explain(structure, nearest, left)
        near, scaled = self._scan(features, row, column, left)
        for end in (0, 1):
            self._explain(structure, near[end] + end * self._size, left)
        mixed = self._mix(patches, features, row, column, wanted, left, scaled)
        weight = np.clip((left - _UNEXPLAINED[0]) / (_UNEXPLAINED[1] - _UNEXPLAINED[0]), 0, 1)
        weight *= np.clip((_BETTER[0] - mixed / np.maximum(left, 1e-6)) / (_BETTER[0] - _BETTER[1]), 0, 1)
        if info is not None:
            info.update(weight=weight, left=left, mixed=mixed, row=row, column=column, counted=self._counted)
        return min(1.0, float(weight.sum()) / self._counted)

    def _explain(self, structure: Values, index: Indices, left: Values) -> None:
        """Lowers what is left of patches by single key patches, of any colour, moved by half a pixel, and blurred."""
        end, y, x = self._keys.locate(index)
        for which, blurred in enumerate(self._fine):
            for windows in blurred:
                for dy, dx in product((-1, 0, 1), repeat=2):
                    asked = np.flatnonzero((end == which) & (left > _UNEXPLAINED[0]))
                    found = windows[_within(2 * y[asked] + dy, windows, 0), _within(2 * x[asked] + dx, windows, 1)]
                    apart = structure[asked] - found
                    apart -= apart.mean((2, 3), keepdims=True)
                    left[asked] = np.minimum(left[asked], np.sqrt(np.square(apart).mean((1, 2, 3))))

    def _scan(self, features: Values, row: Indices, column: Indices, left: Values):
        """The single patches near by of each key frame whose structure is nearest, and the same of a share of it."""
        near, scaled = np.zeros((2, 2, len(row)), np.intp)
        asked = np.flatnonzero(left > _UNEXPLAINED[0])
        for inside, ys, xs in self._tiles(row, column, asked):
            wanted = features[inside, _COLOURS:]
            for end in (0, 1):
                members = self._ends[end].reshape(*self._grid.shape, FEATURES)[ys, xs, _COLOURS:]
                width = members.shape[1]
                members = members.reshape(-1, members.shape[2])
                shared = wanted @ members.T
                power = np.square(members).sum(1)
                for found, best in (
                    (near, (power - 2 * shared).argmin(1)),
                    (scaled, _leave(shared, power).argmin(1)),
                ):
                    found[end, inside] = (ys.start + best // width) * self._keys.columns + xs.start + best % width
        return near, scaled

    def _tiles(self, row: Indices, column: Indices, asked: Indices) -> Iterator[tuple[Indices, slice, slice]]:
        """Patches that lie close together, and the window of key patches around them."""
        tile = row[asked] // _TILE * self._keys.columns + column[asked] // _TILE
        order = np.argsort(tile, kind="stable")
        for part in np.split(asked[order], np.flatnonzero(np.diff(tile[order])) + 1):
            if len(part):
                yield part, _reach(row[part], self._keys.rows), _reach(column[part], self._keys.columns)

    def _mix(self, patches, features, row, column, wanted, left, scaled):
        count = len(row)
        asked = np.flatnonzero(left > _UNEXPLAINED[0])
        pair = np.zeros((2, count), np.intp)
        least = np.full(count, np.inf, np.float32)
        if not len(asked):
            return least

        def offer(asked: Indices, one: Indices, other: Indices) -> None:
            apart = self._ends[0][one] - self._ends[1][other]
            rest = features[asked] - self._ends[1][other]
            remains = np.square(rest).sum(1) + _leave((apart * rest).sum(1), np.square(apart).sum(1))
            better = remains < least[asked]
            chosen = asked[better]
            least[chosen], pair[0, chosen], pair[1, chosen] = remains[better], one[better], other[better]

        here = (row * self._keys.columns + column)[asked]
        offer(asked, here, here)
        offer(asked, scaled[0, asked], self._find_partner(features, row, column, asked, 0, scaled[0, asked]))
        offer(asked, self._find_partner(features, row, column, asked, 1, scaled[1, asked]), scaled[1, asked])
        sought = np.zeros(count, bool)
        sought[asked] = True
        for _ in range(_ROUNDS):
            for mine, other, dy, dx in find_neighbours(row, column, wanted, _STEP):
                both = sought[mine] & sought[other]
                mine, other = mine[both], other[both]
                one, two = (self._keys.move(pair[end, other], dy, dx) for end in (0, 1))
                offer(mine, one, two)
            offer(asked, pair[0, asked], self._find_partner(features, row, column, asked, 0, pair[0, asked]))
            offer(asked, self._find_partner(features, row, column, asked, 1, pair[1, asked]), pair[1, asked])
        return self._refine(patches, pair, asked, left, least)

    def _find_partner(self, features, row, column, asked, end, fixed):
        """The patch of the other key frame that makes the best mixture with a given one of key frame `end`."""
        found = np.zeros(len(row), np.intp)
        given = np.zeros(len(row), np.intp)
        given[asked] = fixed
        for inside, ys, xs in self._tiles(row, column, asked):
            members = self._ends[1 - end].reshape(*self._grid.shape, FEATURES)[ys, xs]
            width = members.shape[1]
            members = members.reshape(-1, FEATURES)
            base = self._ends[end][given[inside]]
            rest = features[inside] - base
            shared = rest @ members.T - (rest * base).sum(1)[:, None]
            power = np.square(members).sum(1) - 2 * base @ members.T + np.square(base).sum(1)[:, None]
            best = _leave(shared, power).argmin(1)
            found[inside] = (ys.start + best // width) * self._keys.columns + xs.start + best % width
        return found[asked]

    def _refine(self, patches, pair, asked, left, least):
        asked = asked[np.sqrt(least[asked] / (3 * SIDE**2)) < left[asked]]
        wanted = patches[asked]
        sharp = [blurred[0] for blurred in self._fine]
        spots = [np.stack(np.divmod(pair[end, asked], self._keys.columns)) * 2 for end in (0, 1)]
        remains = np.full(len(asked), np.inf, np.float32)

        def take(end, spot):
            return sharp[end][_within(spot[0], sharp[end], 0), _within(spot[1], sharp[end], 1)]

        for end in (0, 1):
            other = take(1 - end, spots[1 - end])
            rest = wanted - other
            start = spots[end]
            for dy, dx in product((-1, 0, 1), repeat=2):
                spot = start + np.array([[dy], [dx]])
                apart = take(end, spot) - other
                each = np.square(rest).sum((1, 2, 3)) + _leave((apart * rest).sum((1, 2, 3)), np.square(apart).sum((1, 2, 3)))
                better = each < remains
                remains = np.where(better, each, remains)
                spots[end] = np.where(better, spot, spots[end])
        found = np.full(len(left), np.inf, np.float32)
        found[asked] = np.sqrt(np.maximum(remains, 0) / (3 * SIDE**2))
        return found


def _leave(shared: Values, power: Values) -> Values:
    """What a share of a thing changes in the squares that are left: least at shared / power, within `_SHARES`."""
    share = shared / np.maximum(power, 1e-3)
    np.clip(share, *_SHARES, out=share)
    return share * (share * power - 2 * shared)


def _reach(at: Indices, most: int) -> slice:
    return slice(max(0, int(at.min()) - _REACH), min(most, int(at.max()) + _REACH + 1))


def _within(at: Indices, windows: Values, axis: int) -> Indices:
    return np.clip(at, 0, windows.shape[axis] - 1)


def _cut_fine(frame: Picture, blur: float) -> Values:
    """Patches at half size that start at every pixel of the frame: (H', W', 3, 7, 7), a view."""
    values = frame.astype(np.float32)
    if blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), blur), np.float32)
    paired = np.asarray(cv2.boxFilter(values, -1, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE), np.float32)
    reach = 2 * SIDE - 1
    return np.lib.stride_tricks.sliding_window_view(paired, (reach, reach), axis=(0, 1))[..., ::2, ::2]
