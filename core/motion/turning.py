"""How a hinted piece turns, grows and is squashed, found by matching it with the other drawing.

A hint determines where one point of a piece goes. Its rotation and scale are searched: similarity transforms that keep
the hinted point, in all directions and from half to twice the size, are compared on a coarse grid. The best are refined
on finer grids by robust Gauss-Newton steps (Black and Anandan, "The Robust Estimation of Multiple Motions", CVIU 1996),
first as similarities and then as affine maps. At each place, the colour is compared, and the distance to the nearest
edge (Borgefors, "Hierarchical Chamfer Matching", PAMI 1988), as a flat piece has only its outline to show how it turns.
A transform is taken only if it fits clearly better than the plain shift.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array
from .kept import to_lab
from .segments import find_edges

Linear = Array
"""(2, 2): rotation and scale."""


class _Stage(NamedTuple):
    """How finely pieces are compared."""

    side: int
    """Longest side of a piece in pixels."""
    places: int
    """The most places of a piece that are compared."""
    colour: float
    """Sum of the differences in CIE Lab at which a place counts half."""
    distance: float
    """The same for the distance to the nearest edge, as a share of the piece's length."""
    steps: int
    """Gauss-Newton steps of a transform."""


# Chosen on drawn cartoons of seed 5000 (core/cartoon/samples.py), 491 points whose motion is known, 190 on pieces
# that hardly move and are hidden in part: by how far all of their pieces' pixels end from the truth.
_STAGES = (_Stage(48, 600, 16, 0.12, 6), _Stage(96, 1200, 12, 0.06, 5), _Stage(192, 2400, 10, 0.03, 6))
_TURNS, _SIZES = 24, (0.5, 0.63, 0.79, 1.0, 1.26, 1.59, 2.0)  # of the search
_KEPT = (6, 4)  # of the search, and of the first stage, that are refined
_ALIKE = (0.3, 0.05)  # by which the matrices of two of these differ at least
# how much less a transform costs than the shift if it is close to it, and if it is _LARGE; the most that it may cost
_LESS, _LARGE, _WORST = (0.9, 0.6), 0.2, 0.55
# the same on the coarse grid alone (also by a shaded emoji that walks), what the shift costs there at least, how
# far the transform is from it
_ROUGHLY, _WORST_ROUGHLY, _UNFIT, _CLEAR = 0.9, 0.62, 0.64, 0.3
_WHOLE = 0.25  # logarithm of the areas up to which nothing hides a part of it
_SQUASHED = 0.7  # how much less the affine map costs
_LARGEST = 2.2  # scale, and 1 over it
# how much better a turn by one radian has to fit than none, and a scale of e: a bar has two ways to turn
_TURNED, _SCALED = 0.1, 0.5
_STAYS = 0.5  # pixels, up to which a point stays, and its piece with it
_OUTSIDE = 0.6  # cost of a place that leads out of the picture
_SCALES = 2.0  # grids in an octave
_SIMILAR = np.array([[[1.0, 0], [0, 1]], [[0, -1], [1, 0]]])
_AFFINE = np.array([[[1.0, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]])


class Looks:
    """Two drawings as they are compared, at several sizes."""

    def __init__(self, views: tuple[Array, Array]) -> None:
        """Of (h, w, 3) uint8 RGB each."""
        self.views = views
        """The drawings."""
        self.size = np.array(views[0].shape[1::-1], float)
        """Width and height."""
        self.find = cache(self._find)

    def _find(self, end: int, octave: int) -> tuple[Array, Array, Array]:
        """A drawing at a size, (h, w, 4) float32: CIE Lab and the distance to the nearest edge. And its slopes."""
        scale = 2 ** (-octave / _SCALES)
        view = self.views[end]
        if octave:
            w, h = (max(8, round(side * scale)) for side in self.size)
            view = cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA)
        lab = to_lab(view)
        away = cv2.distanceTransform((~find_edges(lab)).astype(np.uint8), cv2.DIST_L2, 5)
        look = np.dstack([lab, away])
        return look, cv2.Sobel(look, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(look, cv2.CV_32F, 0, 1, scale=1 / 8)


class _Match:
    """A piece and the other drawing on one grid."""

    def __init__(self, looks: Looks, end: int, mask: Array, points: tuple[Array, Array], stage: _Stage) -> None:
        y, x = np.nonzero(mask > 0.5)
        extent = max(np.ptp(x), np.ptp(y)) + 1
        octave = max(0, round(_SCALES * np.log2(extent / stage.side)))
        look, _, _ = looks.find(end, octave)
        self._there = looks.find(1 - end, octave)
        self._size = np.array(look.shape[1::-1], float)
        scale = self._size / looks.size
        small = cv2.resize(mask, look.shape[1::-1], interpolation=cv2.INTER_AREA)
        wide = cv2.dilate((small >= min(0.5, small.max() / 2)).astype(np.uint8), np.ones((3, 3), np.uint8))
        y, x = np.nonzero(wide)
        if len(x) > stage.places:
            some = np.random.default_rng(0).permutation(len(x))[: stage.places]
            y, x = y[some], x[some]
        start, self._goal = ((point + 0.5) * scale - 0.5 for point in points)
        self._arms = np.column_stack([x, y]) - start  # (n, 2)
        self._own = look[y, x]  # (n, 4)
        distance = max(1.0, stage.distance * float(np.sqrt(wide.sum())))
        self._steps = stage.steps
        self._unit = np.array([stage.colour] * 3 + [distance])

    def measure(self, linear: Linear) -> float:
        """The mean cost of a transform, from 0 to 1."""
        return self._measure(linear)[0]

    def _measure(self, linear: Linear) -> tuple[float, Array, Array, Array]:
        """The mean cost; residuals (n, 4), weights (n,), and where the places are in the other drawing (n, 2)."""
        to = (self._arms @ linear.T + self._goal).astype(np.float32)
        seen = _sample(self._there[0], to)
        seen[:, 3] /= np.sqrt(abs(np.linalg.det(linear)))
        apart = (seen - self._own) / self._unit
        error = np.abs(apart[:, :3]).sum(1) ** 2 + apart[:, 3] ** 2
        outside = ((to < -0.5) | (to > self._size - 0.5)).any(1)
        cost = np.where(outside, _OUTSIDE, error / (1 + error))
        return float(cost.mean()), apart, np.where(outside, 0, 1 / (1 + error) ** 2), to

    def refine(self, linear: Linear, basis: Array) -> tuple[float, Linear]:
        """Refines a transform by Gauss-Newton steps: its cost, and the transform.

        Args:
            linear: where to begin.
            basis: (k, 2, 2), what may be added.
        """
        cost, apart, weight, to = self._measure(linear)
        damping = 1e-3
        for _ in range(self._steps):
            size = np.sqrt(abs(np.linalg.det(linear)))
            slopes = np.stack([_sample(slope, to) for slope in self._there[1:]], 2)  # (n, 4, 2)
            slopes[:, 3] /= size
            moves = np.einsum("kij,nj->nik", basis, self._arms)  # (n, 2, k)
            jacobian = slopes @ moves  # (n, 4, k)
            grows = np.einsum("ij,kji->k", np.linalg.inv(linear), basis) / 2
            jacobian[:, 3] -= (apart[:, 3] * self._unit[3] + self._own[:, 3])[:, None] * grows
            jacobian /= self._unit[:, None]
            rows = (jacobian * np.sqrt(weight)[:, None, None]).reshape(-1, len(basis))
            rest = (apart * np.sqrt(weight)[:, None]).ravel()
            system = rows.T @ rows
            step = np.linalg.solve(system + damping * np.diag(np.diag(system) + 1e-9), rows.T @ rest)
            moved = linear - np.einsum("k,kij->ij", step, basis)
            if np.linalg.det(moved) <= 0.05:
                break
            found = self._measure(moved)
            if found[0] >= cost:
                damping *= 30
                if damping > 100:
                    break
                continue
            gained = cost - found[0]
            linear, (cost, apart, weight, to) = moved, found
            damping /= 10
            if gained < 1e-4:
                break
        return cost, linear


def find_linear(
    looks: Looks,
    masks: tuple[Array, Array],
    points: tuple[Array, Array],
    others: Sequence[Linear] = (),
    *,
    bounded: bool = True,
) -> Linear:
    """Finds how a piece turns and grows about a hinted point.

    Args:
        looks: both drawings.
        masks: (h, w) float32 each, 1 on the piece in the first drawing, and in the last.
        points: (2,) each, in pixels of the masks: the hinted point in either drawing.
        others: further transforms to compare.
        bounded: whether the masks end where the piece does, and not at a window around the point.

    Returns:
        The transform; the identity where no other fits clearly better, and where the point stays.
    """
    if np.abs(points[1] - points[0]).max() < _STAYS:
        return np.eye(2)
    # from the first drawing to the last, and back
    ways = [
        [_Match(looks, end, masks[end], points if end == 0 else points[::-1], stage) for end in range(2)]
        for stage in _STAGES
    ]

    def measure(stage: int, linear: Linear) -> float:
        """The cost both ways: one way, a piece that is too small costs nothing."""
        return (ways[stage][0].measure(linear) + ways[stage][1].measure(np.linalg.inv(linear))) / 2

    def choose(stage: int, transforms: Sequence[Linear]) -> tuple[float, Linear]:
        """The best of some transforms, with its cost, which is higher for what is less common."""
        costs = [measure(stage, linear) * _measure_rarity(linear) for linear in transforms]
        best = int(np.argmin(costs))
        return costs[best], transforms[best]

    coarse, middle, fine = (one for one, _ in ways)
    tried = [turn(angle, size) for angle in np.linspace(-np.pi, np.pi, _TURNS, endpoint=False) for size in _SIZES]
    begun = [np.eye(2), *others]
    begun += _choose([(coarse.measure(linear), linear) for linear in tried], _KEPT[0], _ALIKE[0])
    rough = [coarse.refine(linear, _SIMILAR)[1] for linear in begun]
    found = _choose([middle.refine(linear, _SIMILAR) for linear in rough], _KEPT[1], _ALIKE[1])
    cost, linear = choose(2, [fine.refine(linear, _SIMILAR)[1] for linear in found])
    plain = measure(2, np.eye(2))
    less = np.interp(_measure_change(linear), (0, _LARGE), _LESS)
    if not (cost < min(less * plain, _WORST) and _is_likely(linear)):
        # what was drawn anew fits on the coarse grid alone
        cost, linear = choose(0, [np.eye(2), *(linear for linear in rough if _is_likely(linear))])
        plain = measure(0, np.eye(2))
        finer = middle.refine(linear, _SIMILAR)[1]
        whole = bounded and abs(np.log(masks[0].sum() * np.linalg.det(finer) / masks[1].sum())) < _WHOLE
        fits = cost < min(_ROUGHLY * plain, _WORST_ROUGHLY) and plain > _UNFIT
        if whole and fits and _measure_change(linear) > _CLEAR:
            return finer
        linear = np.eye(2)
    squashed = fine.refine(linear, _AFFINE)[1]
    return squashed if _is_likely(squashed) and measure(2, squashed) < _SQUASHED * measure(2, linear) else linear


def _measure_change(linear: Linear) -> float:
    """How far a transform is from the identity."""
    return float(np.linalg.norm(linear - np.eye(2)) / np.sqrt(2))


def _choose(costs: list[tuple[float, Linear]], most: int, alike: float) -> list[Linear]:
    """The best of some transforms, of which no two are alike."""
    chosen: list[Linear] = []
    for _, linear in sorted(costs, key=lambda one: one[0]):
        if len(chosen) < most and all(np.abs(linear - other).max() > alike for other in chosen):
            chosen.append(linear)
    return chosen


def _measure_rarity(linear: Linear) -> float:
    """1 for no transform, and the larger the more it turns and scales."""
    angle = float(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
    return 1 + _TURNED * abs(angle) + _SCALED * abs(float(np.log(abs(np.linalg.det(linear))))) / 2


def _is_likely(linear: Linear) -> bool:
    """Whether a transform neither mirrors nor changes a size too much."""
    sizes = np.linalg.svd(linear, compute_uv=False)
    return bool(np.linalg.det(linear) > 0 and sizes[0] < _LARGEST and sizes[1] > 1 / _LARGEST)


def turn(angle: float, size: float) -> Linear:
    """A rotation, in radians, with a scale."""
    return size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _sample(look: Array, at: Array) -> Array:
    """A picture (h, w, 4) at places (n, 2): (n, 4)."""
    return np.asarray(
        cv2.remap(look, at[None], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]  # type: ignore[call-overload]
    )
