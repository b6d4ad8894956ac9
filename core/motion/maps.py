"""Maps of the plane that carry points to points: shifts, similarities, affine maps, thin-plate splines."""

import numpy as np

from .grid import Array

_SMOOTH = 1e-3  # of a thin-plate spline, in units of the points' spread: two hints that contradict do not tear


class Map:
    """A map of the plane: affine, with a thin-plate spline on top where points want it."""

    def __init__(
        self,
        linear: Array,
        shift: Array,
        centres: Array | None = None,
        bends: Array | None = None,
        unit: float = 1.0,
    ) -> None:
        """`linear` (2, 2), `shift` (2,), and of a spline its centres (n, 2), bends (n, 2) and unit of length."""
        self.linear, self.shift, self._centres, self._bends, self._unit = linear, shift, centres, bends, unit

    def __call__(self, places: Array) -> Array:
        """Maps places (…, 2)."""
        mapped = places @ self.linear.T + self.shift
        if self._centres is not None and self._bends is not None:
            for centre, bend in zip(self._centres, self._bends, strict=True):
                mapped += _thin_plate(((places - centre) ** 2).sum(-1) / self._unit**2)[..., None] * bend
        return np.asarray(mapped, np.float32)


def fit_similarity(source: Array, target: Array) -> tuple[Array, Array]:
    """Fits the similarity of least squares that carries points to points, (n, 2) each.

    Returns:
        The linear map (2, 2), and the shift (2,). Points that all lie on each other only shift.
    """
    centre, centre_there = source.mean(0), target.mean(0)
    one, other = (source - centre) @ [1, 1j], (target - centre_there) @ [1, 1j]  # products turn and grow
    size = float((one.conj() @ one).real)
    factor = (one.conj() @ other) / size if size > 1e-9 else 1.0 + 0j
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return linear, centre_there - linear @ centre


def _thin_plate(squares: Array) -> Array:
    return np.asarray(squares * np.log(squares + 1e-9))


def fit_map(source: Array, target: Array) -> Map:
    """Fits what carries points to points: (n, 2) each.

    One point gives a shift, two a similarity, three an affine map, more a thin-plate spline. Points that lie on one
    line, or on each other, give as much as they can.
    """
    centre, centre_there = source.mean(0), target.mean(0)
    away, away_there = source - centre, target - centre_there
    spread = float(np.sqrt((away**2).sum(1).mean()))
    linear = np.eye(2)
    if len(source) >= 3 and np.linalg.svd(away, compute_uv=False)[-1] > 0.05 * spread:
        linear = np.linalg.lstsq(away, away_there, rcond=None)[0].T
    elif len(source) >= 2 and spread > 1e-6:
        linear, _ = fit_similarity(source, target)
    shift = centre_there - linear @ centre
    left = target - source @ linear.T - shift
    if len(source) < 4 or np.abs(left).max() < 0.5:
        return Map(linear, shift)
    apart = ((source[:, None] - source[None]) ** 2).sum(2) / spread**2
    n = len(source)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _thin_plate(apart) + _SMOOTH * np.eye(n)
    system[:n, n], system[:n, n + 1 :] = 1, away / spread
    system[n:, :n] = system[:n, n:].T
    solved = np.linalg.lstsq(system, np.vstack([left, np.zeros((3, 2))]), rcond=None)[0]
    bends, offset, slope = solved[:n], solved[n], solved[n + 1 :]
    moved = shift + offset - slope.T @ centre / spread
    return Map(linear + slope.T / spread, moved, source, bends, spread)


def turn_and_squash(linear: Array, t: float) -> Array:
    """A part of a linear map: it turns by so much of the angle, and squashes by so much of the way."""
    u, sizes, v = np.linalg.svd(linear)
    turn = u @ v
    if np.linalg.det(turn) < 0:  # a mirror cannot be turned into
        return np.asarray((1 - t) * np.eye(2) + t * linear)
    squash = v.T @ np.diag(sizes) @ v
    angle = t * np.arctan2(turn[1, 0], turn[0, 0])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(rotation @ ((1 - t) * np.eye(2) + t * squash))
