"""Dense inverse search between pictures of any size."""

import cv2
import numpy as np
import pytest

from animi.core.motion.dense import search_densely


def draw(height, width, seed=0):
    """A coarse texture."""
    small = np.random.default_rng(seed).integers(0, 256, (-(-height // 4), -(-width // 4), 3), np.uint8)
    return cv2.resize(small, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)[:height, :width].copy()


@pytest.mark.parametrize("size", [(12, 200), (16, 128), (31, 480), (8, 64), (8, 8), (200, 12), (90, 160)])
def test_frames_of_any_size_are_searched(size):
    """OpenCV alone reads beyond the first four and crashes, and rejects the fifth."""
    here = draw(*size)
    flow = search_densely(here, np.roll(here, 2, 1))
    assert flow.shape == (*size, 2) and np.isfinite(flow).all()
    if size[1] > 100:
        assert np.median(flow[..., 0]) == pytest.approx(2, abs=0.2)


def test_a_search_begins_where_it_is_given_and_leaves_that_as_it_is():
    here = draw(90, 160)
    start = np.full((90, 160, 2), (30, 0), np.float32)
    flow = search_densely(here, np.roll(here, 31, 1), start)
    assert np.median(flow[:, :120, 0]) == pytest.approx(31, abs=0.2) and (start == (30, 0)).all()
