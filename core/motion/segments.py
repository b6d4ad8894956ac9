"""Segments drawings into flat pieces and matches pieces of two drawings, such as a face that squashes and turns.

Patch matching needs texture. A flat piece of colour that grows, squashes or turns keeps only its colour and roughly its
shape. So drawings are segmented along their edges, pieces are matched by colour, size, shape and position, and the
transforms that map one piece to its match become candidates for the motion. Matching coloured pieces is the idea of
AnimeInterp (Li et al., CVPR 2021, section 3.1). Theirs compares features of VGG19 and takes minutes; ours compares
means and takes milliseconds.
"""

from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, fit_size
from .kept import once, shrink_once, to_lab

SIDE = 160
"""Longest side of the picture that is cut into pieces, in pixels."""
# Not tuned one by one; tests/motion/test_segments.py and core/cartoon/trials.py hold what they achieve.
_EDGE = 14.0  # Lab units between neighbouring pixels of two pieces
_LEAST, _MOST = 0.003, 0.5  # share of the picture: smaller pieces are unreliable, larger ones are background
_COLOUR, _GROWTH = 22.0, 1.7  # largest difference of matching pieces in Lab units, and in the logarithm of areas
_WORST = 26.0  # largest weighted sum of all differences of matching pieces
_CHANGED = 5.0  # Lab units by which a piece must differ from the other drawing at its position
_OUTLINE = 12.0  # the same for its outline, if the piece has the background's colour
_SHIFT = 0.1  # smallest difference of a transform's matrix from the identity
_LIKE_COLOUR, _LIKE_SIZE = 8.0, 0.35  # Lab units and logarithm within which two pieces look the same
_ALIKE = 3  # number of similar pieces that move together, against which a different shift is dropped
_PAIRED = 64  # pieces that are matched; the smaller ones only count as similar pieces
_LONG = 1.6  # ratio of a piece's axes from which its direction is determined
# Chosen on the drawings of docs/RESULTS.md#hints: shaded emoji.
_SOFT = 1.0  # pixels of smoothing
_FAINT, _CLEAR = 1.0, 4.0  # Lab units per pixel: of an edge that continues a clear one, and of a clear one
_WHOLE = 64.0  # steps to a unit, as gradients are handed over as whole numbers
_RIM, _LAYERS, _ON, _SURROUNDED = 7, 3, 0.9, 0.65  # pixels around a thing on a piece; things on things; shares of both
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_GAPS, _DEEPER = (1.5, 2.5, 3.5, 5.0), 3.0  # half widths of gaps in an edge, in pixels; how much wider both sides are
_LARGE_TURN = 0.7  # cosine of a rotation below which the one turned by 180 degrees is tried as well


class Segments(NamedTuple):
    """Pieces of a drawing, the largest first."""

    colours: Array
    """(K, 3) mean CIE Lab."""
    areas: Array
    """(K,) shares of the picture."""
    centres: Array
    """(K, 2): x and y in pixels of the picture that was segmented."""
    spreads: Array
    """(K, 2, 2): covariances of the pixels' positions."""
    labels: Array
    """(h, w): each pixel's piece, -1 for none of these."""
    resting: Array
    """(R, 5) descriptors of the static pieces, which the other drawing shows at the same position; see `_describe`."""


class Carried(NamedTuple):
    """A candidate transform of a piece from one drawing to its match in the other."""

    transform: Array
    """(2, 3) affine, of positions relative to width and height."""
    centre: Array
    """(2,): x and y of the piece's centre, relative to width and height."""
    here: Array
    """(h, w) float32: 1 on the piece, 0 elsewhere."""
    there: Array
    """The same for its match."""


def find_segments(picture: Array, other: Array, most: int = 24, least: float = _LEAST) -> Segments:
    """Segments a drawing along its edges, and keeps the pieces that differ from the other drawing at their position.

    Args:
        picture: (h, w, 3) float32 CIE Lab.
        other: of the same shape.
        most: how many pieces at most.
        least: share of the picture that a piece has at least.
    """
    h, w = picture.shape[:2]
    count, labels = once(picture, "pieces", lambda: _label(_smooth(picture)))
    flat = labels.ravel()
    areas = np.bincount(flat, minlength=count).astype(np.float64)
    areas[0] = 0  # the edges themselves
    changed = np.abs(picture - other).sum(2).ravel()
    change = np.bincount(flat, changed, count) / np.maximum(areas, 1)
    # what is drawn in lines alone has the ground's colour everywhere but at its outline
    wide = cv2.dilate(labels.astype(np.float32), np.ones((5, 5), np.uint8)).astype(int).ravel()
    wide[flat > 0] = 0
    around = np.bincount(wide, changed, count) / np.maximum(np.bincount(wide, minlength=count), 1)
    moved = (change > _CHANGED) | (around > _OUTLINE)
    usable = (areas >= least * h * w) & (areas <= _MOST * h * w)
    # what spans the picture is cut off by its sides, and its motion along them is unknown
    usable[np.intersect1d(labels[:, 0], labels[:, -1])] = usable[np.intersect1d(labels[0], labels[-1])] = False
    index = np.flatnonzero(usable)
    index = index[np.lexsort((-areas[index], ~moved[index]))]
    count_moved = min(most, int(moved[index].sum()))
    index = np.concatenate([index[:count_moved], index[~moved[index]][:most]])
    y, x = np.divmod(np.arange(h * w), w)
    sums = {
        name: np.bincount(flat, values, count)[index] / areas[index]
        for name, values in (("x", x), ("y", y), ("xx", x * x), ("yy", y * y), ("xy", x * y))
    }
    covariance = sums["xy"] - sums["x"] * sums["y"]
    spreads = np.stack(
        [
            np.stack([sums["xx"] - sums["x"] ** 2, covariance], 1),
            np.stack([covariance, sums["yy"] - sums["y"] ** 2], 1),
        ],
        1,
    )
    spreads = spreads + 0.1 * np.eye(2)  # a line has some width
    colours = np.stack([np.bincount(flat, picture[..., k].ravel(), count)[index] / areas[index] for k in range(3)], 1)
    ranks = np.full(count, -1)
    ranks[index[:count_moved]] = np.arange(count_moved)
    centres = np.stack([sums["x"], sums["y"]], 1)
    shares = areas[index] / (h * w)
    own, rest = slice(count_moved), slice(count_moved, None)
    resting = _describe(colours[rest], shares[rest], spreads[rest])
    return Segments(colours[own], shares[own], centres[own], spreads[own], ranks[labels], resting)


def _smooth(picture: Array) -> Array:
    """(h, w, 3) CIE Lab without single pixels that differ."""
    smooth = cv2.medianBlur(cv2.cvtColor(picture, cv2.COLOR_LAB2RGB), 3)
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB))


def find_edges(smooth: Array) -> Array:
    """Clear edges, and faint ones that go on from them: (h, w) bool.

    Faint is the edge of a shaded thing where it has the colour of what is behind it.

    Canny's detector ("A Computational Approach to Edge Detection", PAMI 1986), on the gradient of all three channels
    (Di Zenzo, "A Note on the Gradient of a Multi-Image", 1986).

    Args:
        smooth: (h, w, 3) float32 CIE Lab.
    """
    soft = cv2.GaussianBlur(smooth, (0, 0), _SOFT)
    along_x, along_y = (cv2.Sobel(soft, cv2.CV_32F, *order) / 8 for order in ((1, 0), (0, 1)))  # Lab units per pixel
    xx, yy, xy = ((one * other).sum(2) for one, other in ((along_x, along_x), (along_y, along_y), (along_x, along_y)))
    size = np.sqrt((xx + yy + np.hypot(xx - yy, 2 * xy)) / 2)
    angle = np.arctan2(2 * xy, xx - yy) / 2
    slope_x, slope_y = ((_WHOLE * size * part(angle)).astype(np.int16) for part in (np.cos, np.sin))
    return np.asarray(cv2.Canny(slope_x, slope_y, _WHOLE * _FAINT, _WHOLE * _CLEAR, L2gradient=True) > 0)


def _label(smooth: Array, more: Array | None = None) -> tuple[int, Array]:
    """Cuts a picture into pieces along its edges, and along `more`: their number, and each pixel's, 0 on edges."""
    h, w = smooth.shape[:2]
    edges = np.zeros((h, w), np.float32)
    for axis in (0, 1):
        step = np.abs(np.diff(smooth, axis=axis)).sum(2)
        ahead = np.zeros((h, w), np.float32)
        if axis:
            ahead[:, :-1] = step
        else:
            ahead[:-1] = step
        edges = np.maximum(edges, ahead)
    inside = edges < _EDGE if more is None else (edges < _EDGE) & ~more
    count, labels = cv2.connectedComponents(inside.astype(np.uint8), connectivity=4)
    return count, labels


def _describe(colours: Array, areas: Array, spreads: Array) -> Array:
    """Descriptions of pieces: (K, 5), colour, size and shape, in units of which one makes two distinct."""
    axes = np.sqrt(np.linalg.eigvalsh(spreads.reshape(-1, 2, 2)))
    sizes = np.log(areas) / _LIKE_SIZE
    return np.column_stack([colours / _LIKE_COLOUR, sizes, np.log(axes[:, 1] / axes[:, 0]) / _LIKE_SIZE])


def drop_strays(first: Segments, last: Segments, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Drops pairs whose shift disagrees with that of several pieces of the same look.

    In a row of windows, teeth or dashes, one that disappears and another that appears match best. But the others show
    that the row is static, or moves as a whole.

    Args:
        first: the pieces of one drawing.
        last: those of the other.
        pairs: from `pair_segments`.
    """
    if not pairs or len(pairs) + len(first.resting) < _ALIKE:
        return pairs
    here, there = np.array(pairs).reshape(-1, 2).T
    shifts = last.centres[there] - first.centres[here]
    looks = _describe(first.colours, first.areas, first.spreads)[here]
    looks_all = np.concatenate([looks, first.resting])
    shifts_all = np.concatenate([shifts, np.zeros((len(first.resting), 2))])
    like = (np.abs(looks[:, None] - looks_all[None]).max(2) < 1) & ~np.eye(len(looks), len(looks_all), dtype=bool)
    sizes = np.sqrt(first.areas[here] * first.labels.size) / 2  # half of a piece's length
    agree = np.linalg.norm(shifts_all[:, None] - shifts_all[None], axis=2)  # (N, N)
    kept = []
    for k, pair in enumerate(pairs):
        votes = (agree[like[k]][:, like[k]] < sizes[k]).sum(1)
        backed = int((agree[k][like[k]] < sizes[k]).sum())
        if not len(votes) or votes.max() < _ALIKE or backed >= votes.max() / 2:
            kept.append(pair)
    return kept


def pair_segments(first: Segments, last: Segments, diagonal: float) -> list[tuple[int, int]]:
    """Matches pieces that are mutually most similar.

    Args:
        first: the pieces of one drawing.
        last: those of the other.
        diagonal: of the drawings, in pixels.
    """
    if not len(first.areas) or not len(last.areas):
        return []
    colour = np.linalg.norm(first.colours[:, None] - last.colours[None], axis=2)
    growth = np.abs(np.log(first.areas[:, None] / last.areas[None]))
    axes = [np.sqrt(np.linalg.eigvalsh(segments.spreads)) for segments in (first, last)]
    shape = np.abs(np.log((axes[0][:, 1] / axes[0][:, 0])[:, None] / (axes[1][:, 1] / axes[1][:, 0])[None]))
    away = np.linalg.norm(first.centres[:, None] - last.centres[None], axis=2) / diagonal
    apart = colour + 8 * growth + 6 * shape + 25 * away
    apart[(colour > _COLOUR) | (growth > _GROWTH)] = np.inf
    best, back = apart.argmin(1), apart.argmin(0)
    return [(k, int(n)) for k, n in enumerate(best) if back[n] == k and apart[k, n] < _WORST]


def carry(first: Segments, last: Segments, pair: tuple[int, int]) -> list[Array]:
    """Returns candidate transforms from a piece to its match: (2, 3) affine, in pixels.

    These are a shift; a shift with a scale along x and y; and, for elongated pieces, one with a rotation. Those that
    are close to the shift are left out.
    """
    origin, target = first.centres[pair[0]], last.centres[pair[1]]
    parts = find_parts(first.spreads[pair[0]], last.spreads[pair[1]])
    return [np.hstack([part, (target - part @ origin)[:, None]]) for part in parts]


def find_parts(one: Array, other: Array, *, both_ways: bool = False) -> list[Array]:
    """Returns candidate linear maps from a piece to its match: (2, 2) matrices, the identity first.

    Args:
        one: (2, 2) covariance of the piece's pixel positions.
        other: the same for its match.
        both_ways: also include a large rotation turned by 180 degrees, as an axis has no direction.
    """
    parts = [np.eye(2), np.diag(np.sqrt(np.diag(other) / np.diag(one)))]
    (small, axes), (small_there, axes_there) = np.linalg.eigh(one), np.linalg.eigh(other)
    if min(small[1] / small[0], small_there[1] / small_there[0]) > _LONG**2:
        for k in range(2):  # the smaller turn
            if axes[:, k] @ axes_there[:, k] < 0:
                axes_there[:, k] *= -1
        turn = axes_there @ np.diag(np.sqrt(small_there / small)) @ axes.T
        parts.append(turn)
        if both_ways and axes[:, 1] @ axes_there[:, 1] < _LARGE_TURN:
            parts.append(-turn)
    return [parts[0], *(part for part in parts[1:] if np.abs(part - parts[0]).max() > _SHIFT)]


def measure_spread(mask: Array) -> Array:
    """The covariance of the places of a mask's pixels: (2, 2), of x and y."""
    y, x = np.nonzero(mask)
    return np.asarray(np.cov(np.stack([x, y]).astype(float), bias=True) + 0.1 * np.eye(2))  # a line has some width


def _find_broad(labels: Array) -> Array:
    """Where broad pieces are, not outlines: somewhere, a broad piece has only itself around it."""
    numbers = labels.astype(np.float32)
    window = np.ones((5, 5), np.uint8)
    inner = cv2.erode(numbers, window) == cv2.dilate(numbers, window)
    broad = np.zeros(labels.max() + 1, bool)
    broad[np.unique(labels[inner])] = True
    broad[0] = False
    return np.asarray(broad[labels])


class Pieces:
    """A drawing that is cut along its edges, to have the piece at any place."""

    def __init__(self, picture: Array) -> None:
        """Of (h, w, 3) uint8 RGB."""
        self._lab = _smooth(to_lab(picture))

    @cached_property
    def labels(self) -> Array:
        """(h, w): each pixel's piece, 0 on edges."""
        return _label(self._lab)[1]

    @cached_property
    def _apart(self) -> Array:
        """The same, cut along faint edges as well."""
        return _label(self._lab, find_edges(self._lab))[1]

    @cached_property
    def _broad_apart(self) -> Array:
        """Where the broad ones of these are: (h, w) bool."""
        return _find_broad(self._apart)

    def snap(self, mask: Array, outline: int) -> Array:
        """The flat pieces that lie in a mask for the most part, with their outlines: (h, w) bool.

        Args:
            mask: (h, w) bool. It is left as it is where such pieces make up less than half of it, as in shaded ones.
            outline: pixels by which the pieces are widened where no other broad piece begins.
        """
        count = int(self.labels.max()) + 1
        inside = np.bincount(self.labels.ravel(), mask.ravel(), count)
        chosen = inside > 0.5 * np.bincount(self.labels.ravel(), minlength=count)
        chosen[0] = False
        own = chosen[self.labels]
        if 2 * int((own & mask).sum()) < int(mask.sum()):
            return mask
        wide = cv2.dilate(own.astype(np.uint8), np.ones((2 * outline + 1, 2 * outline + 1), np.uint8)) > 0
        return np.asarray(own | (wide & ~_find_broad(self.labels)))

    def _add_enclosed(self, own: Array) -> Array:
        """A piece, (h, w) uint8, with what lies on it: holes, and what nearly all of its surroundings are the piece's.

        An eye beside the outline of a face is on it, though the outline lets in what is beside the face.
        """
        filled, window = _fill(own), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)
        for _ in range(_LAYERS):
            inner = ((self._apart > 0) & (filled == 0)).astype(np.uint8)
            count, rest, boxes, _ = cv2.connectedComponentsWithStats(inner, connectivity=4)
            hull = cv2.fillConvexPoly(np.zeros_like(own), cv2.convexHull(cv2.findNonZero(filled)), 1)
            within = np.bincount(rest.ravel(), hull.ravel(), count)
            areas = boxes[:, cv2.CC_STAT_AREA]
            around = 0
            for number in 1 + np.flatnonzero((within > _ON * areas)[1:] & (areas < own.sum())[1:]):
                x, y, width, height = boxes[number, :4]
                near = np.s_[max(0, y - _RIM) : y + height + _RIM, max(0, x - _RIM) : x + width + _RIM]
                thing = (rest[near] == number).astype(np.uint8)
                rim = (cv2.dilate(thing, window) > 0) & (thing == 0) & (self._apart[near] > 0)
                if rim.any() and filled[near][rim].mean() > _SURROUNDED:
                    filled[near][thing > 0] = 1
                    around += 1
            if not around:
                break
            filled = _fill(cv2.morphologyEx(filled, cv2.MORPH_CLOSE, window))
        return filled

    def cut_out(self, at: tuple[int, int], outline: int) -> Array:
        """The flat piece that a place is on, with what it encloses and the outline around it: (h, w) bool.

        Args:
            at: (x, y); on an outline, the nearest broad piece is taken.
            outline: pixels by which the piece is widened where no other broad piece begins.
        """
        broad = self._broad_apart
        y, x = np.nonzero(broad)
        if not len(x):
            return np.ones(self._apart.shape, bool)
        nearest = int(np.argmin((x - at[0]) ** 2 + (y - at[1]) ** 2))
        own = (self._apart == self._apart[y[nearest], x[nearest]]).astype(np.uint8)
        own = _close_gaps(own, (int(x[nearest]), int(y[nearest])))
        filled = self._add_enclosed(own)
        wide = cv2.dilate(filled, np.ones((2 * outline + 1, 2 * outline + 1), np.uint8))
        return np.asarray((filled > 0) | ((wide > 0) & ~broad))


def _fill(mask: Array) -> Array:
    """(h, w) uint8, without holes."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(mask.copy(), outlines, -1, 1, cv2.FILLED))


def _close_gaps(own: Array, at: tuple[int, int]) -> Array:
    """Separates a piece from what it runs into where its edge has gaps: (h, w) uint8, the part that has a place.

    Balls of growing size are moved within the piece; where one cannot pass between two parts that hold much larger
    ones, a gap is closed (trapped balls; Zhang et al., "Vectorizing Cartoon Animations", TVCG 2009).

    Args:
        own: (h, w) uint8, 1 on the piece.
        at: (x, y), a place on it.
    """
    for radius in _GAPS:
        depth = cv2.distanceTransform(np.pad(own, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
        count, cores = cv2.connectedComponents((depth > radius).astype(np.uint8), connectivity=4)
        if count < 3:
            continue
        deepest = np.zeros(count)
        np.maximum.at(deepest, np.asarray(cores, int).ravel(), depth.ravel())
        deepest[0] = 0
        large = np.flatnonzero(deepest > _DEEPER * radius)
        if len(large) < 2:
            continue
        parts = np.where(np.isin(cores, large), cores, 0).astype(np.float32)
        while True:  # what is too narrow for the ball belongs to the part that it hangs together with
            grown = np.where((parts == 0) & (own > 0), cv2.dilate(parts, _CROSS), parts)
            if np.array_equal(grown, parts):
                break
            parts = grown
        own = (parts == parts[at[1], at[0]]).astype(np.uint8)
    return own


def find_transforms(first: Array, last: Array, most: int = 10) -> list[Carried]:
    """Finds candidate transforms of pieces from one drawing to the other.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
        most: how many pieces.
    """
    width, height = fit_size(first.shape, SIDE)
    small = [to_lab(shrink_once(frame, width, height)) for frame in (first, last)]
    segments = [find_segments(small[k], small[1 - k], _PAIRED, _LEAST / 3) for k in range(2)]
    found = []
    size = np.array([width, height], float)
    pairs = pair_segments(segments[0], segments[1], float(np.hypot(width, height)))
    pairs = [
        (one, other)
        for one, other in drop_strays(segments[0], segments[1], pairs)
        if min(segments[0].areas[one], segments[1].areas[other]) >= _LEAST
    ]
    for pair in pairs[:most]:
        here, there = ((segments[n].labels == pair[n]).astype(np.float32) for n in range(2))
        for transform in carry(segments[0], segments[1], pair):
            part = transform[:, :2] * size[None] / size[:, None]
            shift = (transform[:, 2] + 0.5 - transform[:, :2].sum(1) / 2) / size  # pixels are where their middles are
            centre = (segments[0].centres[pair[0]] + 0.5) / size
            found.append(Carried(np.hstack([part, shift[:, None]]), centre, here, there))
    return found


def label_flat(picture: Array) -> tuple[Array, Array]:
    """Cuts a drawing along its edges, without smoothing, so that lines of two pixels count.

    Args:
        picture: (h, w, 3) uint8 RGB.

    Returns:
        (h, w) each pixel's piece, 0 on edges, and (h, w) bool, where broad pieces are, not outlines.
    """
    lab = to_lab(picture)
    inside = np.ones(lab.shape[:2], np.uint8)
    for here, beside in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        step = cv2.transform(cv2.absdiff(lab[here], lab[beside]), np.ones((1, 3), np.float32))
        inside[here] &= (step < _EDGE).view(np.uint8)
    _, labels = cv2.connectedComponents(inside, connectivity=4)
    return labels, _find_broad(labels)
