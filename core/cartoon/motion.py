"""The exact motion between two moments of a drawing: flow, visibility, and where the motion can be observed."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .drawing import AWAY, Drawing
from .raster import EMPTY, Cel, invert

SEEN = 600.0
"""Smallest squared contrast that shows motion: levels of 255, summed over pixels, in the weaker direction."""
STILL = 0.02
"""Motion in pixels below which a pixel counts as static."""
WINDOW = 0.25
"""Side of the window in which contrast is summed on a large surface, relative to the picture's height."""


@dataclass(frozen=True)
class TrueMotion:
    """The motion of each pixel from one moment to another."""

    flow: NDArray[np.float32]
    """(H, W, 2) in pixels, (dx, dy): the surface at (x, y) is at (x + dx, y + dy) in the other picture. 0 where `known`
    is false."""
    visible: NDArray[np.bool_]
    """(H, W): the surface is visible in the other picture too: within it and not covered."""
    known: NDArray[np.bool_]
    """(H, W): the surface exists at the other moment."""


def follow(cel: Cel, other: Cel) -> TrueMotion:
    """Follows every pixel of a cel to another cel of the same drawing and size."""
    height, width = cel.patches.shape
    there = _pixel_maps(cel, other)
    x, y = np.arange(width, dtype=np.float32)[None] + 0.5, np.arange(height, dtype=np.float32)[:, None] + 0.5
    row = np.take(there, cel.patches, axis=0, mode="clip")
    to_x = row[..., 0] * x + row[..., 1] * y + row[..., 2]
    to_y = row[..., 3] * x + row[..., 4] * y + row[..., 5]
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    # back from the topmost patch there: it ends where it started if it is the same surface
    column = np.where(inside, to_x * cel.fine, 0).astype(np.int32)
    line = np.where(inside, to_y * cel.fine, 0).astype(np.int32)
    on_top = np.take(other.cells.reshape(-1), line * other.cells.shape[1] + column, mode="clip")
    row = np.take(_pixel_maps(other, cel), on_top, axis=0, mode="clip")
    miss_x = row[..., 0] * to_x + row[..., 1] * to_y + row[..., 2] - x
    miss_y = row[..., 3] * to_x + row[..., 4] * to_y + row[..., 5] - y
    visible = inside & (miss_x * miss_x + miss_y * miss_y < 0.25)
    flow = np.empty((height, width, 2), np.float32)
    np.subtract(to_x, x, out=flow[..., 0])
    np.subtract(to_y, y, out=flow[..., 1])
    here = np.abs(there[:, 2]) < AWAY * 0.1
    if here.all():
        return TrueMotion(flow, visible, np.ones((height, width), bool))
    known = np.take(here, cel.patches, mode="clip")
    flow[~known] = 0
    return TrueMotion(flow, visible, known)


def _pixel_maps(cel: Cel, other: Cel) -> NDArray[np.float32]:
    """For each patch, the affine map from its pixels in one cel to those in another: (patches, 6)."""
    there = cel.moment.motion, other.moment.motion
    back = invert(there[0])
    whole = np.empty_like(back)
    whole[:, :, :2] = there[1][:, :, :2] @ back[:, :, :2]
    whole[:, :, 2] = (there[1][:, :, :2] @ back[:, :, 2:])[..., 0] + there[1][:, :, 2]
    height, width = cel.patches.shape
    middle = np.array([width, height]) / 2
    whole[:, :, 2] = whole[:, :, 2] * cel.scale + middle - whole[:, :, :2] @ middle
    return whole.reshape(-1, 6).astype(np.float32)


def mask_lines(drawing: Drawing, cel: Cel) -> NDArray[np.bool_]:
    """The mask of ink: (H, W)."""
    return np.take(drawing.lines, cel.patches, mode="clip")


def find_observable(drawing: Drawing, cel: Cel, picture: NDArray[np.uint8], motion: TrueMotion) -> NDArray[np.bool_]:
    """The mask of pixels whose motion can be observed in the pictures: (H, W).

    These are the pixels of `find_distinct`, and static pixels.

    Args:
        drawing: the drawing.
        cel: the moment.
        picture: the cel's colours, (H, W, 3).
        motion: its motion to the other moment.
    """
    rests = np.maximum(np.abs(motion.flow[..., 0]), np.abs(motion.flow[..., 1])) < STILL
    observable: NDArray[np.bool_] = motion.known & (find_distinct(drawing, cel, picture) | rests)
    return observable


def find_distinct(drawing: Drawing, cel: Cel, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The mask of surfaces whose drawing shows any motion: (H, W).

    Motion of a flat wall cannot be observed, nor motion along a straight edge. So a surface counts only where its
    drawing varies in two directions (the smaller eigenvalue of its structure tensor; Shi and Tomasi, "Good Features to
    Track", 1994), summed over all of a small piece, such as a hand, and over a window of a large one, such as a wall.

    Args:
        drawing: the drawing.
        cel: the moment.
        picture: the cel's colours, (H, W, 3).
    """
    height = cel.patches.shape[0]
    # empty cells are behind everything
    patches = np.where(cel.patches == EMPTY, 0, cel.patches).astype(np.uint16)
    piece = np.take(drawing.pieces, patches, mode="clip")
    # an outline belongs to the surface that it bounds; its contrast shows nothing of the motion of the surface behind
    front = np.asarray(cv2.dilate(patches, np.ones((5, 5), np.uint8)), np.uint16)
    own = np.take(drawing.pieces, front, mode="clip") == piece
    tensor = _tensor(picture) * own[..., None].astype(np.float32)
    flat = piece.reshape(-1)
    count = int(drawing.pieces.max()) + 1
    area = np.bincount(flat, minlength=count)
    xx, xy, yy = (np.bincount(flat, weights=tensor[..., k].reshape(-1), minlength=count) for k in range(3))
    seen = np.take(_weaker(xx, xy, yy) > SEEN, piece)
    window = max(int(height * WINDOW) | 1, 3)
    for large in np.flatnonzero(area > 2 * window * window):
        of_it = piece == large
        near = cv2.boxFilter(
            tensor * of_it[..., None], -1, (window, window), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        seen[of_it] = (_weaker(near[..., 0], near[..., 1], near[..., 2]) > SEEN)[of_it]
    return seen


def find_corners(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> bool:
    """Whether a masked part of a picture, (H, W, 3), varies enough in two directions to show how it moves."""
    tensor = _tensor(picture)
    xx, xy, yy = (tensor[..., k][mask].sum() for k in range(3))
    return bool(_weaker(xx, xy, yy) > SEEN)


def _tensor(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Products of the picture's slopes, dx dx, dx dy and dy dy: (H, W, 3).

    They are the mean over the channels: red on green may be grey on the same grey.
    """
    dx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=0.125)
    dy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=0.125)
    products = ((dx, dx), (dx, dy), (dy, dy))
    return np.stack([np.einsum("hwc,hwc->hw", one, other) / 3 for one, other in products], -1)


def _weaker(xx: NDArray[Any], xy: NDArray[Any], yy: NDArray[Any]) -> NDArray[Any]:
    """The smaller eigenvalue of [[xx, xy], [xy, yy]]."""
    half: NDArray[Any] = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    return half
