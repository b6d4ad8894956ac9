"""Dense inverse search (Kroeger et al., ECCV 2016), as OpenCV has it, between pictures of any size."""

from functools import partial

import cv2
import numpy as np

from .grid import Array, Flow
from .kept import once

LEAST_SIDE = 32
"""Pixels. Of pictures whose sides are shorter, OpenCV reads what is not theirs, and may crash."""


def search_densely(here: Array, there: Array, start: Flow | None = None) -> Flow:
    """Finds by brightness where each pixel of a picture is in another one.

    Args:
        here: (h, w, 3) uint8.
        there: of the same shape.
        start: (h, w, 2) in pixels: about where each pixel goes. None: it is searched for at smaller sizes.

    Returns:
        (h, w, 2) in pixels.
    """
    h, w = here.shape[:2]
    grey = [once(frame, "grey for dense search", partial(_grow_grey, frame)) for frame in (here, there)]
    begun = None if start is None else _grow(start).copy()
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(grey[0], grey[1], begun)  # type: ignore[arg-type]
    return np.ascontiguousarray(flow[:h, :w])


def _grow_grey(frame: Array) -> Array:
    return _grow(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))


def _grow(array: Array) -> Array:
    """Repeats the lower and right edge until no side is too short."""
    bottom, right = (max(0, LEAST_SIDE - side) for side in array.shape[:2])
    if bottom or right:
        array = np.asarray(cv2.copyMakeBorder(array, 0, bottom, 0, right, cv2.BORDER_REPLICATE))
    return np.ascontiguousarray(array)
