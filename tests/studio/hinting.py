"""Scenes with known in-betweens for the tests of hints on the page: discs on a plain floor.

Loaded by `run_path`, as tests are no package.
"""

import cv2
import numpy as np

SIZE = (240, 160)
FLOOR = (205, 212, 222)
RED, BLUE = (225, 40, 30), (40, 80, 210)


def draw_scene(*discs, radius=14):
    """Draws discs, each (x, y) or (x, y, colour), over a floor with a few marks that stay: (160, 240, 3) uint8."""
    frame = np.full((SIZE[1], SIZE[0], 3), FLOOR, np.uint8)
    for x in (20, 120, 220):
        cv2.rectangle(frame, (x - 6, 148), (x + 6, 154), (120, 130, 120), -1)
    for x, y, *colour in discs:
        at = round(16 * x), round(16 * y)
        ink = colour[0] if colour else RED
        cv2.circle(frame, at, 16 * radius, ink, -1, cv2.LINE_AA, 4)
        cv2.circle(frame, at, 16 * radius, (20, 10, 10), 1, cv2.LINE_AA, 4)
    return frame


def miss(picture, truth):
    """The share of pixels that are clearly of another colour."""
    return float((np.abs(picture[..., :3].astype(int) - truth.astype(int)).max(2) > 60).mean())
