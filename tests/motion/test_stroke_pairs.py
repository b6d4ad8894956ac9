"""Strokes that no motion explains: which are found in both drawings, and which are not sure."""

import cv2
import numpy as np
import pytest

from animi.core.motion.stroke_pairs import find_strokes

INK, WHITE = (30, 25, 30), (250, 250, 252)
GROUND = (92, 150, 190)
SIZE = (240, 360)


def start(colour=GROUND):
    frame = np.empty((*SIZE, 3), np.uint8)
    frame[:] = colour
    cv2.rectangle(frame, (0, 215), (360, 240), (200, 180, 120), -1)
    return frame


def add_ring(frame, x, y, radius, colour=WHITE, width=3, fill=None):
    if fill is not None:
        cv2.circle(frame, (x, y), radius, fill, -1, cv2.LINE_AA)
    cv2.circle(frame, (x, y), radius, colour, width, cv2.LINE_AA)
    return frame


def add_tail(frame, angle, rate, tip=(96, 44, 24)):
    """A tail that hangs on a box, whose end has another colour."""
    places = [(110.0, 140.0)]
    for _ in range(26):
        places.append((places[-1][0] + 4 * np.cos(angle), places[-1][1] + 4 * np.sin(angle)))
        angle += rate
    line = np.rint(np.array(places) * 16).astype(np.int32)
    for part, colour, width in ((line, INK, 18), (line, (222, 140, 60), 14), (line[20:], tip, 14)):
        cv2.polylines(frame, [part], False, colour, width, cv2.LINE_AA, 4)
    cv2.rectangle(frame, (60, 100), (118, 190), (90, 110, 170), -1)
    cv2.rectangle(frame, (60, 100), (118, 190), INK, 3)
    return frame


def find(first, last):
    still = np.zeros((60, 90, 2), np.float32)
    return find_strokes(first, last, (still, still))


def test_a_ring_that_moves_grows_and_pales_is_found():
    pale = tuple(round(0.4 * a + 0.6 * b) for a, b in zip(WHITE, GROUND, strict=True))
    (found,) = find(add_ring(start(), 90, 80, 20), add_ring(start(), 220, 110, 52, pale))
    assert found.travel.closed and found.front is None
    middle = found.travel.at(0.5).places
    assert middle.mean(0) == pytest.approx((155, 95), abs=1.5) and np.ptp(middle, 0) == pytest.approx((72, 72), abs=2)


def test_a_tail_with_its_tip_and_what_it_hangs_on_are_found():
    (found,) = find(add_tail(start(), 0.6, -0.02), add_tail(start(), -0.3, -0.04))
    first, last = found.travel.strokes
    assert first.mask[[180, 190]].any() and not found.travel.closed
    # from the free end on, and without what it hangs on
    assert first.line[-1][0] < 130 and last.line[-1][0] < 130 and first.line[0][0] > 150
    assert found.front[150, 90] and not found.front[150, 200] and not (found.front & first.mask)[:, 130:].any()


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ([(90, 80, 20)], []),  # it goes
        ([(90, 80, 20)], [(90, 80, 20), (240, 110, 40)]),  # it stays, and another comes
        ([(70, 60, 20), (70, 150, 20)], [(240, 60, 50), (240, 150, 50)]),  # which is which?
        ([(70, 60, 20), (180, 150, 24)], [(240, 70, 50), (180, 150, 24)]),  # one like it stays
        ([(90, 110, 12)], [(220, 110, 70)]),  # much larger
    ],
)
def test_rings_that_are_not_sure_are_left_alone(first, last):
    frames = [start(), start()]
    for frame, rings in zip(frames, (first, last), strict=True):
        for ring in rings:
            add_ring(frame, *ring)
    assert find(*frames) == []


def test_rings_that_look_alike_and_stay_in_place_are_found():
    ends = [add_ring(add_ring(start(), 90, 100, radius), 260, 100, radius) for radius in (22, 48)]
    places = sorted(tuple(pair.travel.at(0.5).places.mean(0).round()) for pair in find(*ends))
    assert places == [(90, 100), (260, 100)]


def test_ripples_that_look_alike_are_left_alone():
    """Which of two rings with one middle has grown into which?"""
    first, last = (
        add_ring(add_ring(start(), 180, 105, inner), 180, 105, outer) for inner, outer in ((20, 50), (34, 80))
    )
    assert find(first, last) == []


def test_an_outline_of_something_is_no_ring():
    ends = [add_ring(start(), 90 + 90 * k, 100, 24 + 30 * k, INK, 4, fill=(220, 90, 80)) for k in range(2)]
    assert find(*ends) == []


def test_a_tail_with_another_tip_is_another_tail():
    assert find(add_tail(start(), 0.6, -0.02), add_tail(start(), -0.3, -0.04, tip=(240, 240, 250))) == []


def test_words_and_cuts_have_no_strokes():
    frames = [start((240, 235, 220)) for _ in range(2)]
    for frame, words in zip(frames, ("Who goes?", "Only one of us"), strict=True):
        cv2.putText(frame, words, (20, 120), cv2.FONT_HERSHEY_SIMPLEX, 1.3, INK, 4, cv2.LINE_AA)
    assert find(*frames) == []
    random = np.random.default_rng(0)
    noise = [cv2.resize(random.integers(0, 256, (24, 36, 3), np.uint8), SIZE[::-1]) for _ in range(2)]
    assert find(*noise) == [] and find(frames[0], frames[0]) == []
