"""Positions that frames are sampled at become those of the search, where it is sure and the engine nearly agrees."""

import cv2
import numpy as np
import pytest

from animi.core.engines import motion_base
from animi.core.engines.opening import open_engine
from animi.core.inbetween import interpolate
from animi.core.motion.detail import find_detail

SIZE = 120, 160  # height and width of the frames, in pixels
MOTION = np.array([6.3, -2.6], np.float32)


def give_flows(back=None):
    """The motion of frames that move as a whole, on a grid of 3/4 of their size."""
    flow = np.broadcast_to(MOTION, (90, 120, 2)).copy()
    return flow, -flow if back is None else back


def predict(t, off=0.0):
    """What an engine predicts of it on a grid of 1/4 of the size, `off` cells beside the truth."""
    moved = np.broadcast_to(MOTION / 4, (30, 40, 2))
    return (-t * moved + off).astype(np.float32), ((1 - t) * moved + off).astype(np.float32)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.8])
def test_a_position_that_is_nearly_right_becomes_exact(t):
    refined = find_detail(give_flows(), *SIZE).refine(predict(t, off=0.2), t)
    for found, truth in zip(refined, (-t * MOTION, (1 - t) * MOTION), strict=True):
        assert found.shape == (90, 120, 2) and found.dtype == np.float32
        before = 0.2 * 4 * 2**0.5  # pixels
        after = np.linalg.norm(found / 0.75 - truth, axis=2).max()  # 0.75 cells to a pixel
        assert after < 0.1 * before


def test_where_forward_and_backward_motion_disagree_it_stays():
    flow, back = give_flows()
    detail = find_detail((flow, back + 8), *SIZE)
    for found, coarse in zip(detail.refine(predict(0.5, off=0.2), 0.5), predict(0.5, off=0.2), strict=True):
        assert np.allclose(found, 3 * coarse[0, 0], atol=1e-3)  # 3 cells to one of the engine's


def test_where_the_engine_decided_otherwise_it_stays():
    detail = find_detail(give_flows(), *SIZE)
    for found, coarse in zip(detail.refine(predict(0.5, off=4.0), 0.5), predict(0.5, off=4.0), strict=True):
        assert np.allclose(found, 3 * coarse[0, 0], atol=1e-3)


@pytest.fixture(scope="module")
def turning():
    """A dense texture that turns by 3 degrees: both key frames, and the truth in the middle."""
    noise = np.random.default_rng(3).uniform(0, 255, (100, 160, 3)).astype(np.float32)
    large = cv2.resize(noise, (960, 600), interpolation=cv2.INTER_CUBIC)
    frames = []
    for angle in (0.0, 1.5, 3.0):
        turn = cv2.getRotationMatrix2D((480, 300), angle, 1.0)
        turn[:, 2] -= (160, 120)
        moved = cv2.warpAffine(large, turn, (640, 360), flags=cv2.INTER_CUBIC)
        frames.append(np.clip(moved, 0, 255).astype(np.uint8))
    return frames


@pytest.mark.parametrize("mixes", [False, True])
def test_large_frames_with_a_dense_texture_are_drawn_exactly(turning, mixes, monkeypatch):
    first, truth, last = turning

    def measure():
        (_, drawn, _) = list(interpolate([first, last], 3, engine=open_engine("motion", mixes=mixes)))
        return np.abs(drawn[40:-40, 40:-40].astype(float) - truth[40:-40, 40:-40]).mean()

    error = measure()
    monkeypatch.setattr(motion_base, "find_detail", lambda *_: None)
    assert error < 1.3 and error < 0.7 * measure()  # levels; 1.16 and 2.7
