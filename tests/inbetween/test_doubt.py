"""Where frames are guesswork, on drawings of which it is known what can be told."""

import cv2
import numpy as np
import pytest

from animi.core.engines.interface import Doubting, Following
from animi.core.engines.opening import open_engine
from animi.core.inbetween.doubt import find_worst
from animi.core.inbetween.pair import prepare_pair
from animi.core.motion.guides import PairHints, Track

FLOOR = (205, 212, 222)


def draw(x, patch=None):
    """A disc at x, and at the right a patch of some colours that nothing in the other drawing matches."""
    frame = np.full((120, 200, 3), FLOOR, np.uint8)
    cv2.circle(frame, (x, 60), 14, (225, 40, 30), -1, cv2.LINE_AA)
    if patch is not None:
        frame[40:80, 140:180], frame[54:66, 150:170] = patch
    return frame


ONE, OTHER = ((30, 160, 60), (250, 250, 250)), ((240, 200, 40), (90, 20, 90))


@pytest.mark.parametrize("name", ["motion", "flow", "blend"])
def test_doubt_lies_where_nothing_matches(name):
    pair = prepare_pair(draw(50, ONE), draw(58, OTHER), open_engine(name, None, "cpu"), "morph")
    doubt = cv2.resize(pair.doubt(0.5), (200, 120))
    assert doubt.shape == (120, 200) and 0 <= doubt.min() <= doubt.max() <= 1
    assert doubt[40:80, 140:180].mean() > 0.3 and doubt[:, 80:130].max() == 0
    worst = find_worst(pair.doubt(0.5))
    x, y = worst.place[0] / pair.doubt(0.5).shape[1] * 200, worst.place[1] / pair.doubt(0.5).shape[0] * 120
    assert worst.is_worth_a_look and 135 <= x < 185 and 35 <= y < 85


@pytest.mark.parametrize("name", ["motion", "flow"])
def test_what_moves_plainly_is_not_doubtful(name):
    pair = prepare_pair(draw(50), draw(58), open_engine(name, None, "cpu"), "morph")
    assert not find_worst(pair.doubt(0.5)).is_worth_a_look
    flow = pair.follow()
    assert flow.shape == (120, 200, 2) and np.allclose(flow[60, 50], (8, 0), atol=1) and np.allclose(flow[10, 150], 0)


def test_what_is_hinted_is_not_doubtful_and_goes_as_it_is_said():
    engine = open_engine("motion", None, "cpu")
    hints = PairHints((Track(((160.0, 45.0), (160.0, 45.0))),))
    plain, said = (prepare_pair(draw(50, ONE), draw(58, OTHER), engine, "morph", hints=each) for each in (None, hints))
    assert said.doubt(0.25)[40:80, 140:180].mean() < 0.3 * plain.doubt(0.25)[40:80, 140:180].mean()
    hints = PairHints((Track(((50.0, 60.0), (58.0, 60.0))),))
    assert np.allclose(
        prepare_pair(draw(50), draw(58), engine, "morph", hints=hints).follow()[60, 50], (8, 0), atol=0.1
    )


def test_a_pair_that_does_not_change_is_beyond_doubt():
    pair = prepare_pair(draw(50), draw(50), open_engine("flow", None, "cpu"), "hold")
    assert not pair.doubt(0.5).any() and not pair.follow().any()


def test_a_cut_that_is_held_is_doubtful_all_over():
    noise = np.random.default_rng(0)
    frames = [cv2.resize(noise.integers(0, 256, (12, 20, 3), np.uint8), (200, 120)) for _ in range(2)]
    engine = open_engine("flow", None, "cpu")
    pair = prepare_pair(*frames, engine, "hold")
    assert pair.doubt(0.5).mean() > 0.5


def test_pairs_of_other_kinds_say_it_too():
    """Small things that go far are cut out, and pairs in two lights are brought into one."""
    sky = np.full((160, 240, 3), (150, 190, 230), np.uint8)
    birds = [cv2.circle(sky.copy(), (x, 40), 4, (20, 20, 30), -1) for x in (40, 200)]
    pair = open_engine("flow", None, "cpu").prepare(*birds)
    assert isinstance(pair, Doubting) and isinstance(pair, Following)
    assert np.allclose(pair.follow()[40, 40], (160, 0), atol=2)
    assert pair.doubt(0.5).max() <= 1
