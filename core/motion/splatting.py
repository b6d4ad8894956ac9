"""Forward splatting on a grid of cells, and filling the holes that it leaves."""

import cv2
import numpy as np

from .grid import Array, Flow


def splat_step(width: int, height: int) -> float:
    """Pixels to a cell of the splatting grid: 2.5 for small frames, 4 from 400 pixels on, and never over 480 cells."""
    longest = max(width, height)
    return max(2.5, min(4.0, longest / 100), longest / 480)


def splat(velocity: Flow, values: Array, importance: Array, elapsed: float) -> tuple[Array, Array]:
    """Pushes values along elapsed * velocity onto the four nearest cells of the grid.

    Args:
        velocity: (h, w, 2) in cells for the whole time.
        values: (h, w, c).
        importance: (h, w), above 0.
        elapsed: part of the time, in [-1, 1].

    Returns:
        Sums of importance * value, (h, w, c), and of importance, (h, w).
    """
    h, w = importance.shape
    x = np.clip(np.arange(w, dtype=np.float32) + elapsed * velocity[..., 0], -1, w)
    y = np.clip(np.arange(h, dtype=np.float32)[:, None] + elapsed * velocity[..., 1], -1, h)
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = x - left, y - top
    # one cell of margin takes what falls outside
    corner = ((top + 1) * (w + 3) + (left + 1)).astype(np.int64)
    where = np.concatenate([corner.ravel() + step for step in (0, 1, w + 3, w + 4)])
    shares = np.stack(
        [
            (1 - right_share) * (1 - low_share),
            right_share * (1 - low_share),
            (1 - right_share) * low_share,
            right_share * low_share,
        ]
    )
    weights = shares * importance  # (4, h, w)
    layers = [weights, *(weights * values[..., k] for k in range(values.shape[2]))]
    size = (h + 3) * (w + 3)
    sums = [np.bincount(where, layer.ravel(), size).reshape(h + 3, w + 3)[1 : h + 1, 1 : w + 1] for layer in layers]
    return np.dstack(sums[1:]).astype(np.float32), sums[0].astype(np.float32)


def fill_holes(values: Array, weight: Array) -> Array:
    """Replaces values of little weight by their surroundings': pull-push over a pyramid (Gortler et al., 1996, 4.2)."""
    sums, weights = [values * weight[..., None]], [weight]
    while min(weights[-1].shape) >= 2 and len(weights) < 8:
        weights.append(cv2.pyrDown(weights[-1]))
        sums.append(cv2.pyrDown(sums[-1]).reshape(*weights[-1].shape, -1))
    filled = sums[-1] / np.maximum(weights[-1], 1e-8)[..., None]
    for level, amount in zip(sums[-2::-1], weights[-2::-1], strict=True):
        around = cv2.resize(filled, amount.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(level.shape)
        filled = (level + 1e-3 * around) / (amount[..., None] + 1e-3)
    return filled
