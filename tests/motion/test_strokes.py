"""Strokes: which masks are strokes, their centrelines, and how these move."""

import cv2
import numpy as np
import pytest

from animi.core.motion.strokes import Travel, is_slender, make_curve, straighten, trace


def draw(points, width, *, closed=False, size=(160, 220)):
    mask = np.zeros(size, np.uint8)
    cv2.polylines(mask, [np.rint(np.array(points) * 16).astype(np.int32)], closed, 1, width, cv2.LINE_8, 4)
    return mask > 0


def draw_ring(x, y, across, down, width=3):
    turns = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    return draw(np.stack([x + across * np.cos(turns), y + down * np.sin(turns)], 1), width, closed=True)


def bend(angle, rate, count=24, start=(20.0, 80.0), step=4.0):
    """A line that begins at `start` and turns by `rate` at each step; its last place is the start."""
    places = [start]
    for _ in range(count):
        x, y = places[-1]
        places.append((x + step * np.cos(angle), y + step * np.sin(angle)))
        angle += rate
    return np.array(places[::-1])


@pytest.mark.parametrize("width", [3, 9])
def test_a_ring_has_its_middle_line_and_width(width):
    mask = draw_ring(110, 80, 60, 40, width)
    stroke = trace(mask)
    assert stroke is not None and stroke.closed
    assert stroke.width == pytest.approx(mask[80, 110:].sum(), abs=1)
    assert np.abs(stroke.centre - (110, 80)).max() < 0.6
    away = ((stroke.line - (110, 80)) / (60, 40)) ** 2
    assert np.abs(np.sqrt(away.sum(1)) - 1).max() < 0.04
    assert stroke.line[0] == pytest.approx((170, 80), abs=1.5)  # a ring begins to the right of its middle


@pytest.mark.parametrize("width", [4, 15])
def test_a_bent_line_has_its_middle_line_and_width(width):
    places = bend(-0.6, 0.05)
    mask = draw(places, width)
    stroke = trace(mask)
    assert stroke is not None and not stroke.closed
    assert stroke.width == pytest.approx(mask.sum() / 100, rel=0.15)
    apart = np.linalg.norm(stroke.line[:, None] - places[None], axis=2)
    assert apart.min(1)[8:-8].max() < 2.6  # the places are four pixels apart
    assert stroke.length == pytest.approx(96 + width, rel=0.08)


def test_what_is_broad_branches_or_has_several_holes_is_no_stroke():
    disc = np.zeros((160, 220), np.uint8)
    cv2.circle(disc, (100, 80), 40, 1, -1)
    assert trace(disc > 0) is None and not is_slender(disc > 0)
    cross = draw([(20, 80), (200, 80)], 7) | draw([(110, 10), (110, 150)], 7)
    assert trace(cross) is None
    eight = draw_ring(60, 80, 40, 40) | draw_ring(139, 80, 40, 40)
    assert trace(eight) is None
    assert trace(np.zeros((20, 20), bool)) is None


def test_what_touches_a_ring_is_no_part_of_it():
    ring = draw_ring(110, 80, 60, 40)
    stroke = trace(ring | draw([(170, 80), (174, 80)], 3))
    assert stroke is not None and stroke.closed and not stroke.mask[80, 175]
    assert (stroke.mask & ring).sum() > 0.95 * ring.sum()


def test_a_ring_grows_evenly_and_its_line_stays_thin():
    travel = Travel(trace(draw_ring(80, 80, 20, 16)), trace(draw_ring(140, 80, 60, 48)))
    middle = travel.at(0.5)
    assert middle.places.mean(0) == pytest.approx((110, 80), abs=1.5)
    assert np.ptp(middle.places, 0) == pytest.approx((80, 64), abs=2)
    assert travel.width(0.5) == pytest.approx(travel.width(0), abs=0.5)


def test_a_tail_bends_and_keeps_its_length_and_the_end_by_which_it_hangs():
    """Straight in the middle: point by point, it would be shorter by a third."""
    ends = [trace(draw(bend(rate * -12, rate), 9)) for rate in (-0.09, 0.09)]
    strokes = [end if end.line[-1][0] < 40 else end.reverse() for end in ends]
    travel = Travel(*strokes)
    middle = travel.at(0.5)
    seen = middle.places[(middle.lengths >= 0) & (middle.lengths <= travel.common)]
    assert np.linalg.norm(np.diff(seen, axis=0), axis=1).sum() == pytest.approx(strokes[0].length, rel=0.03)
    assert np.linalg.norm(seen[0] - seen[-1]) > 0.97 * strokes[0].length
    assert seen[-1] == pytest.approx((18, 80), abs=5)
    assert travel.turn > 0.9


def test_a_straightened_stroke_has_its_colours_along_its_length():
    picture = np.repeat(np.arange(220, dtype=np.uint8)[None, :, None], 160, 0)
    curve = make_curve(np.stack([np.linspace(20, 180, 81), np.full(81, 70.0)], 1), closed=False)
    strip = straighten(picture, curve, np.linspace(0, 160, 9), 4.0)
    assert strip.shape == (9, 7, 1) and np.allclose(strip[:, 3, 0], np.linspace(20, 180, 9), atol=0.5)
