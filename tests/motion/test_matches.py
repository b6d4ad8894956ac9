"""An engine's matches as arrows, on drawings whose motion is known."""

import cv2
import numpy as np

from animi.core.motion.matches import MOST, find_matches


def draw(*discs):
    frame = np.full((240, 480, 3), (205, 212, 222), np.uint8)
    for x, y, colour in discs:
        cv2.circle(frame, (x, y), 20, colour, -1, cv2.LINE_AA)
        cv2.circle(frame, (x, y), 20, (20, 10, 10), 2, cv2.LINE_AA)
    return frame


RED, BLUE, GREEN = (225, 40, 30), (40, 80, 210), (40, 160, 60)


def test_each_piece_that_moves_has_one_on_it():
    first = draw((100, 80, RED), (100, 160, BLUE), (400, 120, GREEN))
    last = draw((130, 80, RED), (90, 170, BLUE), (400, 120, GREEN))
    flow = np.zeros((240, 480, 2), np.float32)
    flow[50:110, 70:130], flow[130:190, 70:130] = (30, 0), (-10, 10)
    found = find_matches(first, last, flow)
    assert len(found) == 2  # the ground and the green one stay
    for (x, y), shift in (((100, 80), (30, 0)), ((100, 160), (-10, 10))):
        match = min(found, key=lambda match, x=x, y=y: np.hypot(match.point[0] - x, match.point[1] - y))
        assert np.hypot(match.point[0] - x, match.point[1] - y) < 8
        assert np.allclose(np.subtract(match.target, match.point), shift, atol=0.5)


def test_what_is_said_to_stay_and_does_not_is_among_them():
    found = find_matches(draw((100, 80, RED)), draw((300, 80, RED)), np.zeros((240, 480, 2), np.float32))
    (match,) = found
    assert match.point == match.target and np.hypot(match.point[0] - 100, match.point[1] - 80) < 8


def test_they_lie_in_the_picture_and_are_not_too_many():
    spots = np.random.default_rng(0)
    first = draw()
    for _ in range(400):
        cv2.circle(first, spots.integers(0, (480, 240)).tolist(), 7, spots.integers(0, 256, 3).tolist(), -1)
    found = find_matches(first, 255 - first, np.full((240, 480, 2), 900, np.float32))
    assert len(found) == MOST
    assert all(0 <= match.target[0] <= 479 and 0 <= match.target[1] <= 239 for match in found)
