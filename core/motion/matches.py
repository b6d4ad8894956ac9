"""Summarises an engine's motion as a few point matches, for display."""

from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow, fit_size
from .guides import Point
from .segments import Pieces

MOST = 40
"""Largest number of matches of a pair: more arrows would hide the drawing."""
# Not tuned; tests/motion/test_matches.py shows the intent.
_SIDE = 240  # pixels: longest side of the picture that is segmented
_LEAST, _LARGEST = 12, 0.4  # pixels, and share of the picture: smaller pieces cannot be clicked, larger are background
_THIN = 1.5  # pixels: largest distance from a piece's interior to its edge, up to which it is part of an outline
_STAYS = 0.004  # of the longer side: largest shift of a static piece
_DIFFERS = 20.0  # levels: smallest change of a static piece that is listed


class Match(NamedTuple):
    """A point of the first drawing, and its match in the last."""

    point: Point
    target: Point


def find_matches(first: Array, last: Array, flow: Flow) -> list[Match]:
    """Finds one match for each flat piece of the first drawing that moves, the largest first.

    A piece's point is the centre of its widest part, so that it lies on a piece of any shape. A static piece is listed
    only if the other drawing shows something else there.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        flow: (H, W, 2) in pixels, from the first to the last.
    """
    height, width = first.shape[:2]
    w, h = fit_size(first.shape, _SIDE)
    small, there = (cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA) for view in (first, last))
    moves = cv2.resize(flow, (w, h), interpolation=cv2.INTER_LINEAR)
    labels = Pieces(small).labels
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    found: list[Match] = []
    for label in np.argsort(-areas, kind="stable"):
        if areas[label] < _LEAST or len(found) >= MOST:
            break
        if areas[label] > _LARGEST * labels.size:
            continue
        mask = np.pad((labels == label).astype(np.uint8), 1)  # padded, so that the picture's border counts as an edge
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)[1:-1, 1:-1]
        y, x = (int(part) for part in np.unravel_index(int(depth.argmax()), depth.shape))
        if depth[y, x] < _THIN:
            continue
        around = depth > depth[y, x] / 2
        shift = np.median(moves[around], 0)
        if np.hypot(*shift) < _STAYS * max(height, width):
            apart = np.abs(small[around].astype(float).mean(0) - there[around].astype(float).mean(0)).mean()
            if apart < _DIFFERS:
                continue
        at = (np.array([x, y]) + 0.5) * (width / w, height / h) - 0.5
        target = np.clip(at + shift, 0, (width - 1, height - 1))
        found.append(Match((float(at[0]), float(at[1])), (float(target[0]), float(target[1]))))
    return found
