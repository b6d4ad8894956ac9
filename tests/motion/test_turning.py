"""How hinted pieces turn and grow, which one point does not determine."""

import cv2
import numpy as np
import pytest

from animi.core.motion.guides import Guides, PairHints, Track

GROUND, RED, BLUE, INK = (230, 225, 210), (200, 60, 50), (60, 90, 190), (30, 26, 30)
HOOK = np.array([[-30, -34], [30, -30], [30, 0], [2, 2], [0, 30], [-30, 30]], float)
"""A shape that is not long, so that its axes do not show how it turns."""


def draw(*things):
    """Things (corners (n, 2), colour) with outlines, on a plain ground."""
    frame = np.full((240, 320, 3), GROUND, np.uint8)
    for corners, colour in things:
        points = np.rint(corners).astype(np.int32)
        cv2.fillPoly(frame, [points], colour, cv2.LINE_AA)
        cv2.polylines(frame, [points], True, INK, 2, cv2.LINE_AA)
    return frame


def similarity(degrees, size):
    angle = np.radians(degrees)
    return size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def box(left, top, width, height):
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]], float)


def measure_errors(first, last, points, places, true):
    """How far places of the first drawing, (n, 2), are from where they should go by one hint, in pixels."""
    guides = Guides(PairHints((Track(points),)), first, last)
    return np.linalg.norm(guides.guides[0].plane(places) - true, axis=1)


@pytest.mark.parametrize(
    ("degrees", "size"), [(25, 1), (-70, 1), (110, 1), (-165, 1), (0, 1.5), (40, 0.7), (-20, 1.25)]
)
def test_one_hint_turns_and_scales_a_flat_piece_by_its_outline(degrees, size):
    here, there, linear = np.array([90.0, 110]), np.array([210.0, 120]), similarity(degrees, size)
    first, last = draw((here + HOOK, RED)), draw((there + HOOK @ linear.T, RED))
    inner = HOOK * 0.8
    errors = measure_errors(first, last, (tuple(here), tuple(there)), here + inner, there + inner @ linear.T)
    assert errors.max() < 2


def test_a_piece_that_something_hides_in_part_is_not_squashed():
    panel, moved = box(40, 60, 110, 120), box(70, 70, 110, 120)
    first, last = draw((panel, RED)), draw((moved, RED), (box(120, 40, 90, 190), BLUE))
    places = np.array([[50.0, 70], [80, 170], [60, 120]])
    errors = measure_errors(first, last, ((70, 120), (100, 130)), places, places + np.array([30, 10]))
    assert errors.max() < 2


def test_what_stays_does_not_turn():
    first = draw((box(100, 80, 90, 40), RED))
    last = draw((box(100, 80, 90, 40), RED), (box(90, 60, 60, 40), BLUE))
    places = np.array([[110.0, 115], [180, 90], [180, 115]])
    assert measure_errors(first, last, ((165, 105), (165, 105)), places, places).max() == 0


def test_a_disc_that_looks_alike_from_all_sides_is_only_shifted():
    corners = np.array([[np.cos(angle), np.sin(angle)] for angle in np.linspace(0, 2 * np.pi, 60)]) * 30
    first, last = draw((corners + np.array([80, 100]), RED)), draw((corners + np.array([200, 120]), RED))
    places = np.array([[60.0, 100], [80, 80], [100, 110]])
    assert measure_errors(first, last, ((80, 100), (200, 120)), places, places + np.array([120, 20])).max() < 1e-3


def test_a_turn_about_a_point_beside_the_middle_keeps_that_point():
    here, there, linear = np.array([90.0, 110]), np.array([210.0, 120]), similarity(75, 1)
    first, last = draw((here + HOOK, RED)), draw((there + HOOK @ linear.T, RED))
    point = HOOK[1] * 0.7
    start, end = here + point, there + linear @ point
    errors = measure_errors(first, last, (tuple(start), tuple(end)), start[None], end[None])
    assert errors.max() < 1
    inner = HOOK * 0.8
    assert measure_errors(first, last, (tuple(start), tuple(end)), here + inner, there + inner @ linear.T).max() < 2


def test_a_thin_line_that_is_hinted_is_no_trouble():
    first, last = (cv2.line(draw(), (20, y), (300, y), RED, 3) for y in (60, 90))
    places = np.array([[60.0, 60], [200, 60]])
    assert measure_errors(first, last, ((150, 60), (150, 90)), places, places + np.array([0, 30])).max() < 2
