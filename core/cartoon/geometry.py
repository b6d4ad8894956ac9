"""Points, curves and placements on the sheet.

One convention everywhere: x runs right, y runs down, angles are in degrees and turn clockwise as seen. The sheet is 100
units high with its origin in the middle, whatever the picture's size in pixels. A placement is a (3, 3) matrix that
takes column vectors (x, y, 1).
"""

from collections.abc import Sequence
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, 2) points, (x, y)."""
Matrix = NDArray[np.float64]
"""(3, 3) placement, or (..., 3, 3) many of them."""

SHEET = 100.0
"""Height of the sheet in units."""


def place(x: float = 0.0, y: float = 0.0, turn: float = 0.0, grow: float = 1.0, grow_y: float | None = None) -> Matrix:
    """Makes the placement that scales by (`grow`, `grow_y`), then turns by `turn` degrees, then moves by (`x`, `y`)."""
    tall = grow if grow_y is None else grow_y
    c, s = cos(radians(turn)), sin(radians(turn))
    return np.array([[c * grow, -s * tall, x], [s * grow, c * tall, y], [0.0, 0.0, 1.0]])


def apply(matrix: Matrix, points: Points) -> Points:
    """Moves points by one placement."""
    moved: Points = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


Written = str | Sequence[tuple[float, float]] | Points
"""Points as one writes them: pairs, or a text such as "0,0 4.5,-2 9,0"."""


def read(points: Written) -> Points:
    """Reads points."""
    if isinstance(points, str):
        return np.array([[float(part) for part in pair.split(",")] for pair in points.split()])
    return np.asarray(points, np.float64)


def loop(points: Written, per: int = 5) -> Points:
    """Draws a closed smooth curve through points (Catmull-Rom), `per` vertices between two of them."""
    knots = read(points)
    return _through(np.concatenate([knots[-1:], knots, knots[:2]]), per)[:-1]


def curve(points: Written, per: int = 5) -> Points:
    """Draws an open smooth curve through points, from the first to the last."""
    knots = read(points)
    ends = 2 * knots[:1] - knots[1:2], 2 * knots[-1:] - knots[-2:-1]
    return _through(np.concatenate([ends[0], knots, ends[1]]), per)


def _through(knots: Points, per: int) -> Points:
    """Catmull-Rom from knots[1] to knots[-2], both included."""
    weights = spline_weights(per)  # (per, 4)
    pieces = np.stack([knots[k : len(knots) - 3 + k] for k in range(4)], 1)  # (segments, 4, 2)
    inner = np.einsum("pk,skc->spc", weights, pieces).reshape(-1, 2)
    whole: Points = np.concatenate([inner, knots[-2:-1]])
    return whole


def spline_weights(per: int) -> NDArray[np.float64]:
    """Weights of four neighbouring knots at `per` even places of the span between the middle two: (per, 4)."""
    u = np.arange(per)[:, None] / per
    weights: NDArray[np.float64] = 0.5 * np.concatenate(
        [-u + 2 * u**2 - u**3, 2 - 5 * u**2 + 3 * u**3, u + 4 * u**2 - 3 * u**3, -(u**2) + u**3], 1
    )
    return weights


def ellipse(x: float, y: float, rx: float, ry: float | None = None, turn: float = 0.0, count: int = 22) -> Points:
    """Draws an ellipse around (`x`, `y`)."""
    angle = np.arange(count) * (2 * np.pi / count)
    unit = np.stack([np.cos(angle), np.sin(angle)], 1)
    return apply(place(x, y, turn, rx, rx if ry is None else ry), unit)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    """Draws a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def steps(start: float, stop: float, step: float) -> list[float]:
    """Even steps from `start` up to but without `stop`."""
    values: list[float] = np.arange(start, stop, step, dtype=np.float64).tolist()
    return values


def arc(x: float, y: float, rx: float, ry: float, start: float, stop: float, count: int = 9) -> Points:
    """Draws a part of an ellipse from `start` to `stop` degrees (0 is right, 90 is down)."""
    angle = np.radians(np.linspace(start, stop, count))
    spots: Points = np.stack([x + rx * np.cos(angle), y + ry * np.sin(angle)], 1)
    return spots


def mirrored(points: Points) -> Points:
    """Reflects points left to right."""
    reflected: Points = points * np.array([-1.0, 1.0])
    return reflected


def outward(contour: Points) -> Points:
    """Steps that move every side of a closed contour out by 1, whichever way it runs; at a corner up to 2 long."""
    ahead = np.concatenate([contour[1:], contour[:1]])
    along = ahead - contour
    sides = np.stack([along[:, 1], -along[:, 0]], 1)
    sides /= np.maximum(np.hypot(sides[:, 0], sides[:, 1]), 1e-9)[:, None]
    if np.sum(contour[:, 0] * ahead[:, 1] - contour[:, 1] * ahead[:, 0]) < 0:
        sides = -sides
    before = np.concatenate([sides[-1:], sides[:-1]])
    both = sides + before  # of the side before a point and the side behind it
    open_by = 1 + np.sum(sides * before, 1)  # 2 on a straight line, 0 at a spike
    steps_out: Points = both / np.maximum(open_by, 0.5)[:, None]
    return steps_out


def ribbon(path: Points, widths: Points | float) -> Points:
    """Draws a pen stroke along an open path as a closed contour; `widths` are whole widths at each point."""
    along = np.gradient(path, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], 1)
    normal /= np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-9)[:, None]
    half = np.broadcast_to(np.asarray(widths, np.float64) / 2, len(path))[:, None]
    outline: Points = np.concatenate([path + normal * half, (path - normal * half)[::-1]])
    return outline


def smooth_step(t: float) -> float:
    """Slow out of 0 and slow into 1; t outside [0, 1] is held."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)
