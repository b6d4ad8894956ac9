"""Detects empty frames: black, blank, credits."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .thumbnails import shrink


def name_empty(frame: NDArray[np.uint8]) -> str | None:
    """Classifies an empty frame.

    Credits are rows of small letters on one colour, with nothing larger than a letter or a word.

    Args:
        frame: (H, W, 3) uint8, RGB.

    Returns:
        "black", "blank" (one other colour) or "credits"; None if the frame is not empty.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    thumb = shrink(frame)
    low, high = int(thumb.min()), int(thumb.max())
    if high <= _BLACK and np.count_nonzero(grey > 2 * _BLACK) <= grey.size // 2000:
        return "black"
    ground = int(np.bincount(grey.ravel(), minlength=256).argmax())
    ink = (cv2.absdiff(grey, np.full_like(grey, ground)) > _INK).astype(np.uint8)
    covered = int(ink.sum())
    if covered <= grey.size // 2000 and high - low <= 2 * _INK:
        return "blank"
    if not 0.004 * grey.size < covered < 0.3 * grey.size:
        return None
    _, _, boxes, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    boxes = boxes[1:]
    small = (boxes[:, cv2.CC_STAT_HEIGHT] <= 0.09 * height) & (boxes[:, cv2.CC_STAT_WIDTH] <= 0.3 * width)
    letters = boxes[small & (boxes[:, cv2.CC_STAT_AREA] >= 3)]
    if len(letters) < _LETTERS or letters[:, cv2.CC_STAT_AREA].sum() < 0.9 * covered:
        return None
    # letters form rows
    middles = letters[:, cv2.CC_STAT_TOP] + letters[:, cv2.CC_STAT_HEIGHT] / 2
    tall = float(np.median(letters[:, cv2.CC_STAT_HEIGHT]))
    together = 2 if np.median(letters[:, cv2.CC_STAT_WIDTH]) > 1.5 * tall else 4  # small words run together
    rows = np.split(np.sort(middles), np.flatnonzero(np.diff(np.sort(middles)) > max(1.0, 0.35 * tall)) + 1)
    in_rows = sum(len(row) for row in rows if len(row) >= together and row[-1] - row[0] <= 1.5 * tall + 1)
    return "credits" if in_rows >= 0.7 * len(letters) else None


# Set by hand on the cases of tests/shots/test_cuts.py.
_BLACK = 20  # levels: brightest pixel of a black thumbnail
_INK = 28  # levels: smallest difference from the background colour that is not noise
_LETTERS = 12  # smallest number of letters in credits
