"""Chooses one palette for all frames of a GIF, and computes each frame's indices.

The palette is exact if the frames together have few enough colours. Otherwise colours are clustered in Oklab, where
distances match perceived differences (B. Ottosson, "A perceptual color space for image processing", 2020): first by
splitting the cluster of the largest spread, then by k-means. A flat area that dominates its cluster keeps its exact
colour.

Dithering is ordered and mixes at most two neighbouring palette colours. A pixel's index depends only on its colour and
position, so that static areas stay static and flat colours stay flat.
"""

import numpy as np
from numpy.typing import NDArray

from .srgb import decode_srgb, encode_srgb

_COLOURS = 1 << 24
_PORTION = 1 << 20  # pixels processed at a time, to limit memory
_SAMPLES = 1 << 18  # pixels counted in a frame; every pixel is counted for an exact palette
_LISTED = 1 << 19  # colours that are kept in a list, which is merged with each frame's; more go into a table
# Not tuned one by one; tests/media/test_animation.py holds what they achieve.
_GROUPED_BITS = 6  # bits per channel for clustering, so that colours within 4 levels are merged
_WEIGHT = 0.75  # exponent of a colour's count: below 1, so that small objects keep their colours beside a large sky
_ROUNDS = 12  # rounds of k-means; more do not move any colour by a level
_NEIGHBOURS = 12  # palette colours that a dithered pixel may be mixed from, apart from the nearest
_SEEN = 0.004  # Oklab distance to the palette up to which nothing is dithered; with more, gradients show contours
_NOISE = 0.2  # weight of a mix's contrast against its error, in [0, 1]


class ColourCount:
    """Counts the colours of frames as they pass by, in memory that does not grow without bound."""

    def __init__(self) -> None:
        self._seen: NDArray[np.bool_] | None = np.zeros(_COLOURS, np.bool_)  # None: they are too many to be exact
        self._codes, self._times = np.zeros(0, np.intp), np.zeros(0, np.uint32)  # of the colours counted so far
        self._counts: NDArray[np.uint32] | None = None  # of all colours, once they are many

    @property
    def few(self) -> bool:
        """Whether a palette of 256 colours can hold all that were seen."""
        return self._seen is not None

    def add(self, colours: NDArray[np.uint8]) -> None:
        """Counts the colours (N, 3) of a frame: all of them or a fixed sample."""
        if self._seen is not None:
            for start in range(0, len(colours), _PORTION):
                self._seen[pack(colours[start : start + _PORTION])] = True
            if np.count_nonzero(self._seen) > 256:
                self._seen = None
        step = max(1, len(colours) // _SAMPLES)
        found, times = np.unique(pack(colours[::step]), return_counts=True)
        if self._counts is None:  # a list of colours takes a fraction of the memory of a table of all
            every, places = np.unique(np.concatenate([self._codes, found]), return_inverse=True)
            both = np.concatenate([self._times, times.astype(np.uint32)])
            self._codes, self._times = every, np.bincount(places, both, len(every)).astype(np.uint32)
            if len(every) > _LISTED:
                self._counts = np.zeros(_COLOURS, np.uint32)
                self._counts[self._codes] = self._times
        else:
            self._counts[found] += times.astype(np.uint32)

    def choose(self, most: int) -> tuple[NDArray[np.uint8], bool]:
        """Chooses a palette of at most `most` colours.

        Returns:
            The palette (K, 3) uint8, K >= 1, and whether it holds every colour that was seen.
        """
        if self._seen is not None:
            exact = np.flatnonzero(self._seen)
            if len(exact) <= most:
                return (unpack(exact) if len(exact) else np.zeros((1, 3), np.uint8)), True
        codes, counts = self._codes, self._times
        if self._counts is not None:
            codes = np.flatnonzero(self._counts)
            counts = self._counts[codes]
        return _group(codes, counts.astype(np.float64), most), False


def pack(colours: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Packs each colour into one integer: (..., 3) to (...)."""
    wide = colours.astype(np.intp)
    packed: NDArray[np.intp] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed


def unpack(codes: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Inverts `pack`: (...) to (..., 3)."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip
_FROM_LAB, _FROM_CONES = np.linalg.inv(_TO_LAB), np.linalg.inv(_TO_CONES)


def to_oklab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turns sRGB (..., 3) uint8 to Oklab (..., 3), lightness first, in [0, 1]."""
    linear = decode_srgb(colours.astype(np.float64) / 255)
    lab: NDArray[np.float32] = (np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T).astype(np.float32)
    return lab


def from_oklab(lab: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turns Oklab (..., 3) to the nearest sRGB (..., 3) uint8."""
    linear = ((lab @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T).clip(0, 1)
    colours: NDArray[np.uint8] = np.rint(encode_srgb(linear) * 255).astype(np.uint8)
    return colours


def _group(codes: NDArray[np.intp], counts: NDArray[np.float64], most: int) -> NDArray[np.uint8]:
    """Clusters colours, and returns one colour for each cluster.

    Args:
        codes: (N,) distinct packed colours.
        counts: (N,) how often each occurs.
        most: largest number of clusters.

    Returns:
        (K, 3) uint8, distinct.
    """
    lab = to_oklab(unpack(codes))
    coarse = pack(unpack(codes) & np.uint8(256 - (1 << (8 - _GROUPED_BITS))))
    _, bins = np.unique(coarse, return_inverse=True)
    total = np.bincount(bins, counts)
    points = np.stack([np.bincount(bins, counts * lab[:, axis]) / total for axis in range(3)], axis=1)  # (P, 3)
    weights = np.power(total, _WEIGHT, dtype=np.float64)

    centres = _split(points, weights, most)
    for _ in range(_ROUNDS):
        nearest = find_nearest(points.astype(np.float32), centres.astype(np.float32))
        mass = np.bincount(nearest, weights, minlength=len(centres))
        held = mass > 0
        sums = np.stack([np.bincount(nearest, weights * points[:, axis], len(centres)) for axis in range(3)], axis=1)
        centres = sums[held] / mass[held, np.newaxis]

    palette = from_oklab(centres)
    # A colour that makes up half of its cluster is a flat area, and is kept exactly.
    often = np.argsort(-counts, kind="stable")[:4096]
    group_of_bin = find_nearest(points.astype(np.float32), centres.astype(np.float32))
    held_by = np.bincount(group_of_bin, total, minlength=len(centres))
    for place in often[::-1]:
        group = group_of_bin[bins[place]]
        if 2 * counts[place] >= held_by[group]:
            palette[group] = unpack(codes[place])
    distinct: NDArray[np.uint8] = np.unique(palette, axis=0)
    return distinct


def _split(points: NDArray[np.float64], weights: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Splits points into at most `most` clusters, each time the one of the largest weighted variance, along its axis.

    Returns:
        The clusters' means, (K, 3).
    """

    def measure(group: NDArray[np.intp]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        mean = np.average(points[group], axis=0, weights=weights[group])
        away = points[group] - mean
        spread = (away * weights[group, np.newaxis]).T @ away
        values, axes = np.linalg.eigh(spread)
        return float(values[-1]), mean, axes[:, -1]

    groups = [np.arange(len(points))]
    measures = [measure(groups[0])]
    while len(groups) < most:
        widest = max(range(len(groups)), key=lambda place: measures[place][0])
        largest, mean, axis = measures[widest]
        side = (points[groups[widest]] - mean) @ axis > 0
        if largest <= 1e-12 or side.all() or not side.any():
            break
        parts = groups[widest][side], groups[widest][~side]
        groups[widest], measures[widest] = parts[0], measure(parts[0])
        groups.append(parts[1])
        measures.append(measure(parts[1]))
    return np.stack([mean for _, mean, _ in measures])


def find_nearest(points: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.intp]:
    """Returns the index of the nearest of `centres` (K, 3) for each of `points` (N, 3): (N,)."""
    length = (centres**2).sum(axis=1)
    nearest = np.empty(len(points), np.intp)
    for start in range(0, len(points), 16384):  # limits the table of distances to 16 MiB
        part = points[start : start + 16384]
        nearest[start : start + 16384] = (length - 2 * (part @ centres.T)).argmin(axis=1)
    return nearest


class Indexer:
    """Finds the palette index of each pixel; results are cached by colour."""

    def __init__(self, palette: NDArray[np.uint8], *, dither: bool) -> None:
        """Prepares a palette (K, 3), K <= 256; `dither` allows mixing two colours if none is near enough."""
        self._lab = to_oklab(palette)
        self._dither = dither and len(palette) > 1
        self._known = np.zeros(_COLOURS, np.bool_)
        self._first = np.zeros(_COLOURS, np.uint8)
        self._second = np.zeros(_COLOURS, np.uint8)
        self._share = np.zeros(_COLOURS, np.uint8)  # of the second, in 1/256
        between = ((self._lab[:, np.newaxis] - self._lab[np.newaxis]) ** 2).sum(axis=2)  # (K, K)
        self._near = between.argsort(axis=1, kind="stable")[:, 1 : _NEIGHBOURS + 1]  # (K, M)

    def index(self, colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Returns the indices (H, W) uint8 of a frame's colours (H, W, 3)."""
        height, width = colours.shape[:2]
        indices = np.empty((height, width), np.uint8)
        rows = max(8, _PORTION // width // 8 * 8)  # a multiple of the pattern's height
        pattern = np.tile(_PATTERN, (rows // 8, -(-width // 8)))[:, :width]
        for top in range(0, height, rows):
            codes = pack(colours[top : top + rows])
            self._learn(np.unique(codes[~self._known[codes]]))
            part = self._first[codes]
            if self._dither:
                part = np.where(self._share[codes] > pattern[: len(codes)], self._second[codes], part)
            indices[top : top + rows] = part
        return indices

    def _learn(self, codes: NDArray[np.intp]) -> None:
        """Caches the palette's colour, or the mix of two, for new colours: (N,) packed."""
        for start in range(0, len(codes), 16384):
            part = codes[start : start + 16384]
            wanted = to_oklab(unpack(part))  # (N, 3)
            first = find_nearest(wanted, self._lab)
            self._first[part] = first
            if self._dither:
                off = wanted - self._lab[first]  # (N, 3)
                error = (off**2).sum(axis=1)  # (N,)
                seen = np.flatnonzero(error > _SEEN**2)
                self._share[part] = 0
                self._mix(part[seen], first[seen], off[seen], error[seen])
            self._known[part] = True

    def _mix(
        self,
        codes: NDArray[np.intp],
        first: NDArray[np.intp],
        off: NDArray[np.float32],
        error: NDArray[np.float32],
    ) -> None:
        """Finds the second colour of the mix for colours whose nearest is visibly another one.

        Args:
            codes: (N,) packed.
            first: (N,) the palette's nearest.
            off: (N, 3) how far it is, in Oklab.
            error: (N,) the square of that.
        """
        others = self._near[first]  # (N, M)
        way = self._lab[others] - self._lab[first][:, np.newaxis]  # (N, M, 3)
        length = (way**2).sum(axis=2) + 1e-12
        share = ((way * off[:, np.newaxis]).sum(axis=2) / length).clip(0, 0.5)  # (N, M)
        missed = ((off[:, np.newaxis] - share[..., np.newaxis] * way) ** 2).sum(axis=2)
        cost = missed + _NOISE * share * (1 - share) * length
        best = cost.argmin(axis=1)
        rows = np.arange(len(codes))
        self._second[codes] = others[rows, best]
        self._share[codes] = np.where(cost[rows, best] < error, np.rint(share[rows, best] * 256), 0)


def _make_pattern() -> NDArray[np.uint8]:
    """The 8 x 8 ordered pattern of B. E. Bayer (1973), in steps of 4 from 2 to 254."""
    pattern = np.zeros((1, 1), np.int64)
    for _ in range(3):
        pattern = np.block([[4 * pattern, 4 * pattern + 2], [4 * pattern + 3, 4 * pattern + 1]])
    return (pattern * 4 + 2).astype(np.uint8)


_PATTERN = _make_pattern()
