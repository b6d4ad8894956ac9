"""The exact motion between two moments of a drawing: flow, what stays visible, and what motion can be seen at all."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .drawing import AWAY, Drawing
from .raster import EMPTY, Cel, invert

SEEN = 600.0
"""Least squared contrast that shows motion: of 0 to 255, summed over pixels, across the weaker direction."""
STILL = 0.02
"""Motion, in pixels, that is none."""
WINDOW = 0.25
"""Over how large a part of the picture's height contrast is gathered on a large surface."""


@dataclass(frozen=True)
class TrueMotion:
    """What happens to each pixel of one moment on the way to another."""

    flow: NDArray[np.float32]
    """(H, W, 2) in pixels, (dx, dy): the surface at (x, y) is at (x + dx, y + dy) in the other picture. 0 where `known`
    is false."""
    visible: NDArray[np.bool_]
    """(H, W): the surface is seen in the other picture too, inside it and behind nothing."""
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
    # the same way back, from whatever is on top over there: it ends where it began if that is the same surface
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
    """Where ink is: (H, W)."""
    return np.take(drawing.lines, cel.patches, mode="clip")


def find_observable(drawing: Drawing, cel: Cel, picture: NDArray[np.uint8], motion: TrueMotion) -> NDArray[np.bool_]:
    """Where the motion can be told from the pictures: (H, W).

    That is where `find_distinct` says so. What stands still counts too: that it does not move is what one sees.

    Args:
        drawing: the drawing.
        cel: the moment whose pixels are judged.
        picture: the cel's colours, (H, W, 3).
        motion: its motion to the other moment.
    """
    rests = np.maximum(np.abs(motion.flow[..., 0]), np.abs(motion.flow[..., 1])) < STILL
    observable: NDArray[np.bool_] = motion.known & (find_distinct(drawing, cel, picture) | rests)
    return observable


def find_distinct(drawing: Drawing, cel: Cel, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a surface's own drawing would show any motion: (H, W).

    A flat wall that pans looks the same wherever it is, and a long straight edge hides how far it slides along itself.
    So a surface counts only where its own drawing varies in two directions (the smaller eigenvalue of its structure
    tensor; Shi and Tomasi, "Good Features to Track", 1994): gathered over the whole of a small piece, such as a hand,
    and over a window of a large one, such as a wall.

    Args:
        drawing: the drawing.
        cel: the moment whose pixels are judged.
        picture: the cel's colours, (H, W, 3).
    """
    height = cel.patches.shape[0]
    # an empty cell lies behind everything
    patches = np.where(cel.patches == EMPTY, 0, cel.patches).astype(np.uint16)
    piece = np.take(drawing.pieces, patches, mode="clip")
    # an outline belongs to what it bounds: the contrast it makes on the surface behind it says nothing of that surface
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
