"""Pieces that turn keep their size on the way, on motion that is known exactly."""

from math import cos, radians, sin

import cv2
import numpy as np
import pytest

from animi.core.engines.flow import FlowPair
from animi.core.engines.motion_base import BaseMotionPair
from animi.core.engines.motion_steps import FoundMotion, FoundWay
from animi.core.motion.arcs import bend, find_turns
from animi.core.motion.grid import pixel_grid

WIDTH, HEIGHT = 320, 240
RED = (225, 40, 30)


def turn_of(angle):
    a = radians(angle)
    return np.array([[cos(a), -sin(a)], [sin(a), cos(a)]])


def make(angle, pivot, way=(0.0, 0.0), size=(70, 50)):
    """A red box that turns by an angle about a pivot and goes its way: pictures at any t, and the exact flows."""
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array(size) / 2
    middle = np.array([150.0, 120.0])
    pivot = np.array(pivot, float)

    def carry(points, t):
        return (points - pivot) @ turn_of(angle * t).T + pivot + t * np.array(way)

    def draw(t):
        picture = np.full((HEIGHT, WIDTH, 3), (200, 210, 220), np.uint8)
        cv2.fillPoly(picture, [np.rint(16 * carry(middle + box, t)).astype(int)], RED, cv2.LINE_AA, 4)
        return picture

    grid = pixel_grid(HEIGHT, WIDTH).astype(float)
    back = (grid - pivot - np.array(way)) @ turn_of(-angle).T + pivot
    flows = []
    for picture, there in ((draw(0), carry(grid, 1)), (draw(1), back)):
        on = cv2.dilate((picture[..., 1] < 120).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        flows.append(((there - grid) * on[..., None]).astype(np.float32))
    return draw, (flows[0], flows[1])


def area(picture):
    return float((np.abs(picture.astype(int) - RED).sum(2) < 60).sum())


@pytest.mark.parametrize("way", [(0, 0), (60, 20)])
def test_what_turns_about_its_middle_keeps_its_size(way):
    draw, flows = make(60, (150, 120), way)
    straight, arc = (FlowPair(draw(0), draw(1), flows, arcs=arcs).render(0.5) for arcs in (False, True))
    truth = draw(0.5)
    assert area(straight) < 0.85 * area(truth)
    assert area(truth) - area(arc) < 0.7 * (area(truth) - area(straight))
    apart = [np.abs(picture.astype(int) - truth).mean() for picture in (straight, arc)]
    assert apart[1] < 0.75 * apart[0]


def test_what_turns_about_a_point_of_its_own_stays_there():
    pivot = (120, 120)  # near an end
    _, flows = make(50, pivot, size=(80, 24))
    (turn,) = find_turns(flows[0])
    assert np.degrees(np.arctan2(turn.linear[1, 0], turn.linear[0, 0])) == pytest.approx(50, abs=1)
    assert np.allclose(turn.centre, pivot, atol=1) and np.allclose(turn.target, pivot, atol=1)
    for t in (0.25, 0.5, 0.75):
        at = bend([turn], t, (HEIGHT, WIDTH))
        assert np.allclose(at[120, 120], pivot, atol=0.3)
        x, y = np.rint(turn_of(50 * t) @ (55, 0) + pivot).astype(int)  # on the arc of the other end
        chord = (1 - t) * np.eye(2) + t * turn_of(50)
        assert np.linalg.norm(at[y, x] - pivot) == pytest.approx(np.linalg.norm(chord @ (55, 0)), abs=0.8)


@pytest.mark.parametrize("angle", [0, 3])
def test_what_hardly_turns_is_left_alone(angle):
    draw, flows = make(angle, (150, 120), (40, 10))
    assert find_turns(flows[0]) == [] and bend([], 0.5, (4, 4)) is None
    one, other = (FlowPair(draw(0), draw(1), flows, arcs=arcs).render(0.5) for arcs in (False, True))
    assert np.array_equal(one, other)


def test_noise_is_no_turn():
    noise = np.random.default_rng(0).normal(0, 4, (HEIGHT // 2, WIDTH // 2, 2)).astype(np.float32)
    assert find_turns(noise) == []


@pytest.mark.parametrize("engine", ["motion", "flow"])
def test_the_option_draws_and_leaves_key_frames(animi, key_frames, tmp_path, engine):
    words = ("interpolate", *key_frames, "-n", 3, "--engine", engine, "-o")
    assert animi(*words, tmp_path / "arcs", "--arcs").exit_code == 0
    assert animi(*words, tmp_path / "plain").exit_code == 0
    for name in ("000.png", "001.png", "002.png"):  # a disc that does not turn
        assert (tmp_path / "arcs" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


class ExactSteps:
    """The steps of a network that knows the motion exactly, on a grid of two pixels a cell."""

    threads = 1

    def __init__(self, ends, flows):
        self._pair = FlowPair(*ends, flows)
        shape = HEIGHT // 2, WIDTH // 2
        self.motion = FoundMotion(
            *(self._to_cells(flows, (shape[0] // part, shape[1] // part)) for part in (2, 1)),
            *(np.zeros((2, 1, shape[0] // 2, shape[1] // 2), np.float32),) * 3,
            np.zeros((2, 3, shape[0] // 2, shape[1] // 2), np.float32),
        )
        self._shape = shape

    def _to_cells(self, flows, shape):
        h, w = flows[0].shape[:2]
        scale = np.array([shape[1] / w, shape[0] / h], np.float32)
        small = [cv2.resize(flow, shape[::-1], interpolation=cv2.INTER_AREA) * scale for flow in flows]
        return np.stack(small).transpose(0, 3, 1, 2)

    def find_way(self, motion, t):
        placed = self._pair._place(t)
        belief = cv2.resize(placed.belief, self._shape[::-1], interpolation=cv2.INTER_LINEAR)
        return FoundWay(self._to_cells(placed.shifts, self._shape), np.stack([belief, -belief])[:, None] / 2)

    def decide(self, way, difference):
        return np.full(difference.shape, 0.5, np.float32)


def test_the_motion_engine_bends_what_turns_where_it_is():
    draw, flows = make(60, (150, 120))
    steps = ExactSteps((draw(0), draw(1)), flows)
    straight, arc = (
        BaseMotionPair(steps, steps.motion, draw(0), draw(1), confidence=1.0, arcs=arcs).render(0.5)
        for arcs in (False, True)
    )
    truth = draw(0.5)
    assert area(straight) < 0.85 * area(truth)
    assert area(truth) - area(arc) < 0.7 * (area(truth) - area(straight))
