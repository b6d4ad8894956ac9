"""Finds the ground that a hinted piece hides in one drawing and the other drawing shows, where that ground stands."""

import cv2
import numpy as np

from .grid import Array, max_of_channels

# Chosen on the hints by hand of docs/RESULTS.md, by eye.
_SMOOTH = 8.0  # levels within 3 x 3 pixels: more is an outline, which ends a region
_SAME = 6.0  # levels up to which a pixel is the same in both drawings
_LARGE = 384  # pixels of the longer side: in larger drawings, the next two are larger in proportion
_NEAR = 7  # pixels around what is hidden in which a region must stand
_FEWEST = 24  # pixels of a region that are compared: with fewer it is not judged
_STANDS = 0.5  # of them must be the same; a figure that leaves with the piece has covered the others
_DRAWN = 0.9  # of the ground's outlines must be the same: where the ground pans level, its level lines are the same too
_LINE = 2  # pixels: half of the width that outlines of the ground have at most


def find_bare(here: Array, there: Array, hidden: Array, hidden_there: Array) -> Array:
    """Finds where one drawing can be filled with the other, at the same place.

    A region of the other drawing, within outlines, is ground that stands if it is the same in both drawings around what
    is hidden. Beside what moves with the piece, the piece may hide more of that, so nothing is taken there.

    Args:
        here: the drawing that is to be filled, (H, W, C) uint8 or float32 in [0, 255].
        there: the other one.
        hidden: where pieces hide the ground in it, (H, W) bool.
        hidden_there: where they do in the other one.

    Returns:
        (H, W) bool, within `hidden`.
    """
    scale = max(1.0, max(hidden.shape) / _LARGE)
    near = cv2.dilate(hidden.astype(np.uint8), _make_square(_NEAR * scale)) > 0
    shown = near & ~hidden_there
    slope = cv2.morphologyEx(there, cv2.MORPH_GRADIENT, _make_square(1)).reshape(there.shape)
    smooth = shown & (max_of_channels(slope) <= _SMOOTH)
    count, regions = cv2.connectedComponents(smooth.astype(np.uint8), connectivity=4)
    around = smooth & ~hidden
    same = max_of_channels(cv2.absdiff(here, there).reshape(there.shape)) <= _SAME
    compared = np.bincount(regions[around], minlength=count)
    stands = np.bincount(regions[around & same], minlength=count)
    good = (compared >= _FEWEST) & (stands >= _STANDS * compared)
    ground = good[regions].astype(np.uint8)
    whole = cv2.morphologyEx(ground, cv2.MORPH_CLOSE, _make_square(_LINE * scale)) > 0
    outlines = whole & shown & ~hidden & ~smooth  # of ground only, not of what moves before it
    if (outlines & same).sum() < _DRAWN * outlines.sum():
        return np.zeros_like(hidden)  # it pans, and only its plain places look the same
    beside = near & ~hidden
    stands_nearer = _measure_distance(beside & same) <= _measure_distance(beside & ~same)
    return np.asarray(whole & hidden & shown & stands_nearer)


def _make_square(reach: float) -> Array:
    """The square around a pixel, of whole pixels to each side: an element of OpenCV's morphology."""
    side = 2 * round(reach) + 1
    return np.ones((side, side), np.uint8)


def _measure_distance(mask: Array) -> Array:
    """How far each pixel is from the nearest one of a mask, (H, W) bool."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3))
