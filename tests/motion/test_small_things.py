"""Small things that go far: which are found, and that they are drawn where they have got to."""

import cv2
import numpy as np
import pytest

from animi.core.engines.flow import FlowEngine
from animi.core.inbetween import interpolate
from animi.core.motion.small_things import find_small_things


def draw(*places, size=(270, 480), alpha=False):
    """A graded ground with a bird at each place."""
    ground = np.linspace((120, 170, 225), (230, 226, 205), size[0])[:, None]
    frame = np.broadcast_to(ground + 0.5, (*size, 3)).astype(np.uint8).copy()
    if alpha:
        frame = np.dstack([np.zeros_like(frame), np.zeros(size, np.uint8)])
    for x, y in places:
        colours = [(200, 40, 60), (40, 30, 90)]
        if alpha:
            colours = [(*colour, 255) for colour in colours]
        cv2.ellipse(frame, (x, y), (12, 7), 0, 0, 360, colours[0], -1, cv2.LINE_AA)
        cv2.circle(frame, (x + 9, y - 6), 5, colours[1], -1, cv2.LINE_AA)
    return frame


def test_a_bird_is_found_with_its_way():
    found = find_small_things(draw((60, 200)), draw((391, 77)))
    assert len(found) == 1 and found[0].shift == (331, -123)
    (x, y, w, h), mask = found[0].boxes[0], found[0].masks[0]
    assert mask.shape == (h, w) and mask[200 - y, 60 - x] == 1 and mask[0, 0] == 0
    assert w < 45 and h < 40


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ([(60, 200)], []),  # it goes
        ([(60, 200), (200, 60)], [(391, 77), (200, 60)]),  # one like it stays: one goes and another comes
        ([(60, 200), (200, 60)], [(391, 77), (330, 200)]),  # which is which?
        ([(60, 200)], [(66, 202)]),  # a short way, which any search finds
    ],
)
def test_what_is_not_clear_is_left_alone(first, last):
    assert find_small_things(draw(*first), draw(*last)) == []


def test_much_that_changes_is_not_small_things():
    random = np.random.default_rng(0)
    frames = [cv2.resize(random.integers(0, 256, (54, 96, 3), np.uint8), (480, 270)) for _ in range(2)]
    assert find_small_things(*frames) == []


@pytest.mark.parametrize("alpha", [False, True])
def test_a_bird_is_drawn_whole_on_its_way_and_nowhere_else(alpha):
    ends = draw((60, 200), alpha=alpha), draw((360, 100), alpha=alpha)
    for t, drawn in zip((0.25, 0.5, 0.75), list(interpolate(ends, 5, engine=FlowEngine()))[1:-1], strict=True):
        truth = draw((60 + round(300 * t), 200 - round(100 * t)), alpha=alpha)
        assert np.abs(drawn.astype(int) - truth).max() < 70  # of an outline, by less than its contrast
        assert np.abs(drawn.astype(int) - truth).mean() < 0.05


def test_a_bird_at_the_border_is_drawn_in_part():
    ends = draw((4, 200)), draw((474, 60))
    frames = list(interpolate(ends, 5, engine=FlowEngine()))
    assert all(frame.shape == ends[0].shape for frame in frames)
