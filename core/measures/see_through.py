"""Double images: parts of a drawn frame that are mixtures of moved parts of both key frames."""

from collections.abc import Callable, Iterator
from itertools import product
from math import nan

import numpy as np
from numpy.typing import NDArray

from .patches import (
    FEATURES,
    SIDE,
    Indices,
    KeyPatches,
    Mask,
    Picture,
    Values,
    cut,
    describe_patches,
    find_neighbours,
    halve,
    sum_squares,
)

_STEP = 4  # pixels at half size between patches; patches overlap
_REACH = 20  # pixels at half size within which both parts of a mixture are searched
_TILE = 12  # side in pixels at half size of groups of patches with a common search window, for large matrix products
_SHARES = (0.1, 0.9)  # share of the first key frame in a mixture; beyond, the other one is hardly visible
_VALUES = 3 * SIDE**2  # numbers in a patch
_COLOURS = 3  # features that are mean colours
# Ranges in which weights rise from 0 to 1. Chosen on five of the benchmark's sequences, animi's demo and eight drawn
# cartoons, so that true, blurred, noisy and joined frames have nearly 0, and double images have most.
_LEFT = (5.0, 10.0)  # residual of the best single patch in levels, root mean square
_SHARE_LEFT = (
    0.1,
    0.3,
)  # the same relative to the patch's structure, as rotated strong lines leave more
_BETTER = (0.75, 0.45)  # residual of the best mixture relative to that of the single patch
_NOISE = 2.0  # levels of noise, the prior against deformation
_BENDS = (0.5, 0.5, 0.15, 0.15, 0.5)  # usual sizes: right, down (pixels), turned, grown (shares), softened (Laplacian)


def see_through_score(drawn: Picture, keys: KeyPatches) -> float:
    """How much of the differences is drawn as a mixture of two moved things: 0 none, 1 all of it.

    The ghost score finds mixtures of the key frames as they are. This one finds mixtures of moved frames, which an
    interpolator draws if it warps both key frames and they differ: a thing is drawn twice, half transparent.

    For patches of 7 x 7 pixels at half size, it finds

    - the single patch of either key frame that explains the drawn one best. It may be lighter or darker, and moved by
      parts of a pixel, rotated, scaled or softened a little (by its tangents: Simard et al., "Efficient Pattern
      Recognition Using a New Transformation Distance", NIPS 1992), so that antialiasing, noise and blur do not count;
    - the best mixture a P + (1 - a) Q with a in [0.1, 0.9], P a patch of the first key frame and Q one of the last,
      both within 20 pixels at half size, and both deformed as little. P and Q are found alternately, each in its whole
      window, from several starts and from the results of neighbours. If both have the same shapes in other colours,
      it is no double image: either of them in other colours counts as a single patch.

    A patch's weight depends on the residual of the single patch (0 at 5 levels of 0..255, 1 at 10; and 0 at a tenth of
    its structure, 1 at 0.3), times the improvement by the mixture (0 at 3/4 of that residual, 1 at 0.45). The sum is
    divided by the largest sum of an even cross-fade: where half the key frames' difference has so much structure. Ours;
    we know of no published score.

    Args:
        drawn: (H, W, 3) uint8, RGB.
        keys: patches of key frames of the same shape.

    Returns:
        In [0, 1]; 0 if the key frames do not differ, NaN if they are too small for a patch. A true dissolve also has a
        score.
    """
    if not keys.rows:
        return nan
    if not keys.differs.any():
        return 0.0
    _, weights = find_see_through(drawn, keys)
    half_apart = describe_patches((keys.halves[1] - keys.halves[0]) / 2)[:, _COLOURS:]
    possible = _rise(np.sqrt(sum_squares(half_apart) / _VALUES), *_LEFT).reshape(keys.differs.shape)
    return min(1.0, float(weights.sum() / max(1.0, possible[::_STEP, ::_STEP].sum())))


def find_see_through(drawn: Picture, keys: KeyPatches) -> tuple[NDArray[np.intp], Values]:
    """Finds where a drawn frame is a mixture of moved parts; see `see_through_score`.

    Args:
        drawn: (H, W, 3) uint8, RGB.
        keys: patches of key frames of the same shape, of which at least one differs.

    Returns:
        (N, 2), the top left pixels (row, column) of the examined patches, at half size; (N,) their weights, 0 for no
        mixture, 1 for a clear one.
    """
    search = _Search(drawn, keys)
    left = search.explain()
    mixed = search.mix(left)
    weights: Values = _rise(left, *_LEFT) * _rise(left / np.maximum(search.contrast, 1e-6), *_SHARE_LEFT)
    weights *= _rise(mixed / np.maximum(left, 1e-6), *_BETTER)
    return np.stack([search.row, search.column], 1), weights


def _rise(values: Values, none: float, full: float) -> Values:
    """Rises linearly from 0 at `none` to 1 at `full`."""
    risen: Values = np.clip((values - none) / (full - none), 0, 1)
    return risen


class _Search:
    """Explains the patches of a drawn frame, on a grid, where anything differs.

    Attributes:
        row: (N,) top pixels of the patches at half size.
        column: (N,) their left pixels.
        contrast: (N,) root mean square of their structure, in levels.
    """

    def __init__(self, drawn: Picture, keys: KeyPatches) -> None:
        self._keys = keys
        self._half = halve(drawn)
        grid = np.zeros_like(keys.differs)
        grid[::_STEP, ::_STEP] = True
        self._wanted: Mask = grid & (keys.differs | keys.find_strange(self._half))
        self.row, self.column = np.nonzero(self._wanted)
        self._patches = cut(self._half)[self.row, self.column]  # (N, 3, 7, 7)
        self._structure = _without_colour(self._patches)
        self.contrast = _deviate(self._structure)
        self._features = describe_patches(self._half).reshape(*self._wanted.shape, FEATURES)[self.row, self.column]
        # (2, rows, columns, FEATURES)
        self._ends = keys.features.reshape(2, keys.rows, keys.columns, FEATURES)

    # Single patches

    def explain(self) -> Values:
        """The residual of the best single patch for each patch: (N,), root mean square, in levels."""
        left = self.contrast.copy()
        nearest, _ = self._keys.find_nearest(self._half, self._wanted, _STEP)
        end, y, x = self._keys.locate(nearest)
        for each in (0, 1):
            asked = np.flatnonzero((end == each) & (left > _LEFT[0]))
            self._explain_by(each, asked, np.stack([y[asked], x[asked]]), left)
        for each in (0, 1):
            asked = np.flatnonzero(left > _LEFT[0])
            self._explain_by(each, asked, self._find_like(each, asked, scaled=False), left)
        return left

    def _explain_by(self, end: int, asked: Indices, spot: Indices, left: Values) -> None:
        """Lowers residuals by given patches, which may have another colour and be deformed a little.

        Args:
            end: their key frame.
            asked: (n,) numbers of patches.
            spot: (2, n) rows and columns at half size.
            left: (N,), lowered in place.
        """
        aim = self._structure[asked]

        def miss(spot: Indices) -> Values:
            return sum_squares(aim - _without_colour(self._keys.take_fine(end, spot)))

        spot = _search_around(2 * spot, miss)
        for blur in range(len(self._keys.BLURS)):
            rest: Values = aim - _without_colour(self._keys.take_fine(end, spot, blur))
            rest = _deform(rest, _without_colour(_find_tangents(self._keys, end, spot, blur)))
            left[asked] = np.minimum(left[asked], _deviate(rest))

    def _find_like(self, end: int, asked: Indices, *, scaled: bool) -> Indices:
        """The nearest patches in the window of one key frame by structure, also multiplied by a share: (2, n)."""
        found = np.zeros((2, len(asked)), np.intp)
        for inside, ys, xs in self._tiles(asked):
            members = self._ends[end, ys, xs, _COLOURS:]
            width = members.shape[1]
            members = members.reshape(-1, FEATURES - _COLOURS)
            shared = self._features[asked[inside], _COLOURS:] @ members.T
            power = sum_squares(members)
            left: Values = _leave(shared, power) if scaled else power - 2 * shared
            best = left.argmin(1)
            found[:, inside] = ys.start + best // width, xs.start + best % width
        return found

    def _tiles(self, asked: Indices) -> Iterator[tuple[Indices, slice, slice]]:
        """Yields positions in `asked` of nearby patches, with the window of key patches around them."""
        row, column = self.row[asked], self.column[asked]
        tile = row // _TILE * self._keys.columns + column // _TILE
        order = np.argsort(tile, kind="stable")
        for inside in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
            if len(inside):
                yield inside, _reach(row[inside], self._keys.rows), _reach(column[inside], self._keys.columns)

    # Mixtures

    def mix(self, left: Values) -> Values:
        """The residual of the best mixture for each patch: (N,), root mean square, in levels; inf if none is searched.

        Args:
            left: (N,) residuals of single patches; lowered in place where both parts of the mixture have the same
                shapes.
        """
        remains = np.full(len(left), np.inf, np.float32)
        asked = np.flatnonzero(left > _LEFT[0])
        if len(asked):
            pair = self._find_pairs(asked)
            remains[asked], alike = self._refine(asked, pair)
            left[asked] = np.minimum(left[asked], alike)
        return remains

    def _find_pairs(self, asked: Indices) -> Indices:
        """The patches of both key frames with the nearest mixtures: (2, 2, n), end, row and column."""
        wanted = self._features[asked]
        pair = np.zeros((2, 2, len(asked)), np.intp)
        least = np.full(len(asked), np.inf, np.float32)

        def offer(mine: Indices, spots: Indices) -> None:
            """Updates the pairs of some patches if the new ones are better."""
            one, other = (self._ends[end, spots[end, 0], spots[end, 1]] for end in (0, 1))
            apart, rest = one - other, wanted[mine] - other
            left = sum_squares(rest) + _leave((apart * rest).sum(1), sum_squares(apart))
            better = left < least[mine]
            least[mine[better]], pair[..., mine[better]] = left[better], spots[..., better]

        def offer_partners(end: int, spot: Indices) -> None:
            """Tries given patches of one key frame, each with its best partner."""
            partner = self._find_partners(end, spot, asked)
            offer(everyone, np.stack([spot, partner] if end == 0 else [partner, spot]))

        everyone = np.arange(len(asked))
        here = np.stack([self.row[asked], self.column[asked]])
        offer(everyone, np.stack([here, here]))
        for end in (0, 1):
            offer_partners(end, self._find_like(end, asked, scaled=True))
        sought = np.zeros_like(self._wanted)
        sought[here[0], here[1]] = True
        corner = np.array([self._keys.rows - 1, self._keys.columns - 1])[:, None]
        for mine, other, dy, dx in find_neighbours(here[0], here[1], sought, _STEP):
            offer(mine, np.clip(pair[..., other] + np.array([[dy], [dx]]), 0, corner))
        for end in (0, 1):
            offer_partners(end, pair[end].copy())
        return pair

    def _find_partners(self, end: int, spot: Indices, asked: Indices) -> Indices:
        """The patches of the other key frame that make the best mixtures with given ones of this: (2, n)."""
        found = np.zeros((2, len(asked)), np.intp)
        for inside, ys, xs in self._tiles(asked):
            members = self._ends[1 - end, ys, xs]
            width = members.shape[1]
            members = members.reshape(-1, FEATURES)
            given = self._ends[end, spot[0, inside], spot[1, inside]]
            rest = self._features[asked[inside]] - given
            shared = rest @ members.T - (rest * given).sum(1)[:, None]
            power = sum_squares(members) - 2 * given @ members.T + sum_squares(given)[:, None]
            best = _leave(shared, power).argmin(1)
            found[:, inside] = ys.start + best // width, xs.start + best % width
        return found

    def _refine(self, asked: Indices, pair: Indices) -> tuple[Values, Values]:
        """Moves both parts by halves of a pixel and deforms them a little.

        Returns:
            (n,) residuals of the mixtures; (n,) residuals of the worse part alone, in other colours. Both root mean
            squares.
        """
        keys, aim = self._keys, self._patches[asked]
        spots = [2 * spot for spot in pair]
        for end in (0, 1):
            other = keys.take_fine(1 - end, spots[1 - end])
            rest = aim - other

            def miss(spot: Indices, end: int = end, other: Values = other, rest: Values = rest) -> Values:
                apart = keys.take_fine(end, spot) - other
                return _leave((apart * rest).sum((1, 2, 3)), sum_squares(apart))

            spots[end] = _search_around(spots[end], miss)
        parts = [keys.take_fine(end, spots[end]) for end in (0, 1)]
        tangents = [_find_tangents(keys, end, spots[end]) for end in (0, 1)]
        apart, rest = parts[0] - parts[1], aim - parts[1]
        share = (apart * rest).sum((1, 2, 3)) / np.maximum(sum_squares(apart), 1e-3)
        share = np.clip(share, *_SHARES)[:, None, None, None]
        both = np.concatenate([tangents[0] * share[:, None], tangents[1] * (1 - share[:, None])], 1)
        remains = _deform(rest - share * apart, both)
        alike = [self._recolour(asked, part, bends) for part, bends in zip(parts, tangents, strict=True)]
        return _deviate(remains), np.maximum(*alike)

    def _recolour(self, asked: Indices, part: Values, tangents: Values) -> Values:
        """Residuals of key patches if each of their channels may have another gain and offset: (n,)."""
        aim, inner = self._structure[asked], _without_colour(part)
        gain = (inner * aim).sum((2, 3), keepdims=True) / np.maximum(np.square(inner).sum((2, 3), keepdims=True), 1e-3)
        rest = _deform(aim - gain * inner, _without_colour(tangents))
        return _deviate(rest)


def _leave(shared: Values, power: Values) -> Values:
    """The change of the squared residual by the best share of a part, within `_SHARES`: 0 or less.

    Args:
        shared: products of the part and the target.
        power: squares of the part.
    """
    share = shared / np.maximum(power, 1e-3)
    np.clip(share, *_SHARES, out=share)
    changed: Values = share * (share * power - 2 * shared)
    return changed


def _reach(at: Indices, most: int) -> slice:
    return slice(max(0, int(at.min()) - _REACH), min(most, int(at.max()) + _REACH + 1))


def _deviate(patches: Values) -> Values:
    """Root mean squares: (n, 3, 7, 7) to (n,)."""
    return np.sqrt(sum_squares(patches) / _VALUES)


def _without_colour(patches: Values) -> Values:
    inner: Values = patches - patches.mean((-2, -1), keepdims=True)
    return inner


def _search_around(spot: Indices, miss: Callable[[Indices], Values]) -> Indices:
    """The best of nine places around: (2, n), in pixels of the frames."""
    tried = [spot + np.array([[dy], [dx]]) for dy, dx in product((-1, 0, 1), repeat=2)]
    best = np.stack([miss(each) for each in tried]).argmin(0)
    return np.stack(tried)[best, :, np.arange(len(best))].T


def _find_tangents(keys: KeyPatches, end: int, spot: Indices, blur: int = 0) -> Values:
    """Derivatives of patches by motion to the right and down, rotation, scale and blur: (n, 5, 3, 7, 7)."""
    right, left, below, above, here = (
        keys.take_fine(end, spot + np.array([[dy], [dx]]), blur)
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))
    )
    dx, dy = (right - left) / 2, (below - above) / 2
    away = (np.arange(SIDE, dtype=np.float32) - SIDE // 2) * 2  # pixels of the frames
    y, x = away[:, None], away[None, :]
    return np.stack([dx, dy, x * dy - y * dx, x * dx + y * dy, right + left + below + above - 4 * here], 1)


def _deform(rest: Values, tangents: Values) -> Values:
    """Residuals after patches are deformed along their tangents, within usual sizes.

    Least squares with a prior: deformation relative to its usual size costs as much as noise.

    Args:
        rest: (n, 3, 7, 7) residuals before.
        tangents: (n, k, 3, 7, 7), k a multiple of 5.
    """
    count, bends = tangents.shape[:2]
    flat = tangents.reshape(count, bends, _VALUES)
    usual = np.tile(np.array(_BENDS, np.float32), bends // len(_BENDS))
    prior = np.diag(_VALUES * (_NOISE / usual) ** 2).astype(np.float32)
    sizes = np.linalg.solve(flat @ flat.transpose(0, 2, 1) + prior, flat @ rest.reshape(count, _VALUES, 1))
    return rest - (sizes.transpose(0, 2, 1) @ flat).reshape(rest.shape)
