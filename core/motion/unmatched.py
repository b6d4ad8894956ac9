"""Finds content of either key frame that has no match in the other, and moves it with its surroundings.

Examples are text that appears, a screen that shows another picture, and a ring too thin to track. No motion explains
them, so an engine's motion and visibility are arbitrary there, and part of the object would be drawn. Here such content
moves with its surroundings, and which key frame is shown depends on time only (see `core.engines.joining`), so that the
whole object appears or disappears at once.

Occluded and disoccluded background is different: one of the two frames shows it elsewhere.
"""

import cv2
import numpy as np

from .grid import Array, Flow, mean_of_channels, pixel_grid, warp
from .splatting import fill_holes

# Chosen by LPIPS on a third of the choosing set's sequences (docs/evaluation.md): .0652 without any of this, .0647 with
# it; 8 and 24 levels give .0650, 25 and 60 .0647. How far around a place motion is mended, on core.cartoon.trials.
_FITS, _DIFFERS = 15.0, 40.0  # levels of 255 up to which a cell fits where it leads, and from which on it does not
_LEAST = 0.25  # how unmatched a cell must be for its motion to be replaced; fully replaced at three times that
_AROUND = np.ones((5, 5), np.uint8)  # cells around unmatched content whose motion it may have distorted
_BENT = 0.7  # cells: largest such distortion
_SLIGHT, _RANGE = 3.0, 10.0  # levels from which on what is believed to be hidden counts, and range up to all of it
_TEXTURE, _NEAR = 1.0, (3, 3)
"""Standard deviations, of the frame that varies less around a cell, by which a match may differ. LPIPS of middle frames
on half of the choosing set and on 18 triplets of Big Buck Bunny: .0733 and .0404 with 0 and all that is believed to be
hidden, .0728 and .0393 with this. 2 is better still (.0722, .0388), but tears a screen that shows another picture."""
_TINY = 1e-4  # weight of a cell's own motion in filling, which counts only if nothing better is near


def grade_misfit(difference: Array) -> Array:
    """How far places show different things, by their difference in levels of 255: of the same shape, in [0, 1]."""
    return np.asarray(np.clip((difference - _FITS) / (_DIFFERS - _FITS), 0, 1), np.float32)


def find_unmatched(frame: Array, other: Array, flow: Flow, visible: Array, *, strict: bool = False) -> Array:
    """Finds what a key frame shows and the other does not.

    Args:
        frame: (h, w, 3) float32 in levels of 255.
        other: the other key frame, of the same shape.
        flow: (h, w, 2) in cells: where each cell of `frame` is in `other`.
        visible: (h, w) in [0, 1]: how far the cell is believed to be visible in `other`.
        strict: whether textures must match exactly, and all that is believed to be hidden counts: to find what is in
            doubt, not to draw.

    Returns:
        (h, w) float32 in [0, 1], 1 where nothing in `other` matches.
    """
    there = warp(other, pixel_grid(*flow.shape[:2]) + flow)
    error = mean_of_channels(cv2.absdiff(frame, there))
    if strict:
        return np.asarray(np.maximum(1 - visible, grade_misfit(error)), np.float32)
    # a texture that is off by a part of a cell differs by as much as it varies
    error = error - _TEXTURE * cv2.min(_measure_variation(frame), _measure_variation(there))
    # what is believed to be hidden has to differ a little as well
    hidden = (1 - visible) * np.clip((error - _SLIGHT) / _RANGE, 0, 1)
    return np.asarray(np.maximum(hidden, grade_misfit(error)), np.float32)


def _measure_variation(frame: Array) -> Array:
    """The standard deviation of the colours around each cell, in levels: (h, w) float32."""
    mean = cv2.blur(frame, _NEAR)
    return mean_of_channels(cv2.sqrt(np.maximum(cv2.blur(frame * frame, _NEAR) - mean * mean, 0)))


def find_missing(shifts: tuple[Flow, Flow], unmatched: tuple[Array, Array]) -> Array:
    """How far neither key frame has a match for what it shows at a place: (h, w) in [0, 1].

    Args:
        shifts: (h, w, 2) each, in cells: from a place at t to the place in the first and in the last key frame.
        unmatched: (h, w) each, in [0, 1]: what `find_unmatched` gives for the first and the last key frame.
    """
    grid = pixel_grid(*shifts[0].shape[:2])
    first, last = (warp(part, grid + shift) for part, shift in zip(unmatched, shifts, strict=True))
    return np.minimum(first, last)


def move_with_surroundings(
    shifts: tuple[Flow, Flow], unmatched: tuple[Array, Array]
) -> tuple[tuple[Flow, Flow], Array]:
    """Replaces the motion of unmatched content by that of its surroundings.

    Args:
        shifts: as `find_missing` takes them.
        unmatched: likewise.

    Returns:
        The shifts, and what `find_missing` gives.
    """
    missing = find_missing(shifts, unmatched)
    lost = np.clip((missing - _LEAST) / (2 * _LEAST), 0, 1)
    if not lost.any():
        return shifts, missing
    near = cv2.blur(cv2.dilate(lost, _AROUND), (3, 3))
    moved = []
    for shift in shifts:
        change = fill_holes(shift, 1 - near + np.float32(_TINY)) - shift
        bent = cv2.magnitude(change[..., 0], change[..., 1]) < _BENT
        moved.append((shift + np.maximum(lost, near * bent)[..., None] * change).astype(np.float32))
    return (moved[0], moved[1]), missing
