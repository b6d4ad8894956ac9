"""What an engine takes for the same thing in two drawings, as a few points that a person can look through."""

from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, Flow
from .guides import Point
from .segments import Pieces

MOST = 40
"""Matches of a pair: more arrows than these hide the drawing."""
_SIDE = 240  # longest side of the picture that is cut into pieces, in pixels: those of 12 pixels there can be clicked
_LEAST, _LARGEST = 12, 0.4  # pixels, and share of the picture: smaller pieces are crumbs, larger ones are the ground
_THIN = 1.5  # pixels from the middle of a piece to its edge: what is thinner is a part of an outline
_STAYS = 0.004  # of the longer side, up to which a piece does not move
_DIFFERS = 20.0  # levels of 255 by which the place that a piece stays at looks different in the other drawing


class Match(NamedTuple):
    """A point of the first drawing and where an engine takes it for being in the last."""

    point: Point
    target: Point


def find_matches(first: Array, last: Array, flow: Flow) -> list[Match]:
    """Finds one match for each flat piece of the first drawing that moves, the largest first.

    A piece's point is the middle of its widest part, so that it lies on the piece, whatever its shape. A piece that
    stays is listed only where the other drawing shows something else there.

    Args:
        first: (H, W, 3) uint8 RGB.
        last: the same shape.
        flow: (H, W, 2) in pixels, from the first to the last.
    """
    height, width = first.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    w, h = max(8, round(width * scale)), max(8, round(height * scale))
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
        mask = np.pad((labels == label).astype(np.uint8), 1)  # a piece that the picture cuts off is not deep there
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
