"""The search for the nearest patch: against every patch compared, and always the same."""

import cv2
import numpy as np
import pytest

from animi.core.measures.patches import FEATURES, SIDE, KeyPatches, cut, describe_patches, halve, sum_squares


@pytest.fixture
def pair(draw_disc):
    return draw_disc(60, 60, (140, 120)), draw_disc(84, 66, (140, 120))


def every(keys):
    """All key patches, as rows: (N, 147)."""
    return np.concatenate([cut(half).reshape(-1, 3 * SIDE**2) for half in keys.halves])


def test_matches_are_nearly_as_near_as_the_nearest_of_all(pair, draw_disc):
    keys = KeyPatches(*pair)
    half = halve(draw_disc(71, 62, (140, 120), 20))
    wanted = np.zeros_like(keys.differs)
    wanted[::2, ::2] = True
    index, distances = keys.find_nearest(half, wanted, 2)
    patches = cut(half)[wanted].reshape(-1, 3 * SIDE**2)
    members = every(keys)
    assert distances == pytest.approx(np.abs(patches - members[index]).mean(1), abs=1e-3)
    found = np.sqrt(sum_squares(patches - members[index]))
    one, other = patches.astype(np.float64), members.astype(np.float64)
    squares = np.square(one).sum(1)[:, None] - 2 * one @ other.T + np.square(other).sum(1)
    exact = np.sqrt(np.maximum(squares.min(1), 0))
    assert (found > exact - 0.01).all()
    assert found.mean() < 1.03 * exact.mean()
    assert exact.mean() > 10  # levels times 147 values: something was to be searched for


def test_what_is_in_a_key_frame_is_found_wherever_it_has_gone(pair):
    keys = KeyPatches(*pair)
    moved = np.roll(pair[1], (10, -16), (0, 1))  # whole pixels at half size too
    wanted = np.zeros_like(keys.differs)
    wanted[12:48:2, 4:48:2] = True  # none that holds the seam of the roll
    _, distances = keys.find_nearest(halve(moved), wanted, 2)
    assert (distances < 1e-4).mean() > 0.98
    index, distances = keys.find_nearest(halve(pair[0]), wanted, 2)
    assert distances.max() == 0
    assert index.max() < keys.rows * keys.columns


def test_the_same_frames_have_the_same_matches(pair, draw_disc):
    half = halve(draw_disc(71, 62, (140, 120), 20))
    found = []
    for seed in (0, 1):
        np.random.seed(seed)
        cv2.setRNGSeed(seed)
        keys = KeyPatches(*pair)
        found.append(keys.find_nearest(half, np.ones_like(keys.differs), 1))
    assert (found[0][0] == found[1][0]).all() and (found[0][1] == found[1][1]).all()


def test_descriptions_are_never_farther_apart_than_the_patches():
    rng = np.random.default_rng(2)
    one, other = (rng.uniform(0, 255, (20, 24, 3)).astype(np.float32) for _ in range(2))
    apart = sum_squares(cut(one).reshape(-1, 147) - cut(other).reshape(-1, 147))
    described = sum_squares(describe_patches(one) - describe_patches(other))
    assert describe_patches(one).shape == (14 * 18, FEATURES)
    assert (described <= apart * (1 + 1e-4)).all()
    flat = [np.full((9, 9, 3), level, np.float32) for level in ((10, 20, 30), (13, 16, 30))]
    patches, described = (sum_squares(part(flat[0]) - part(flat[1])) for part in (lambda x: cut(x), describe_patches))
    assert described == pytest.approx(np.full(9, 49 * 25.0), rel=1e-4)
    assert patches.sum() == pytest.approx(described.sum(), rel=1e-4)


def test_only_what_differs_is_looked_at(draw_disc):
    first, last = draw_disc(40, 60, (200, 120)), draw_disc(60, 60, (200, 120))
    keys = KeyPatches(first, last)
    assert keys.differs[30 - 3, 25 - 3]  # between the two discs, at half size
    assert not keys.differs[:, 60:].any()
    stray = first.copy()
    cv2.circle(stray, (170, 60), 10, (0, 0, 0), -1)
    strange = keys.find_strange(halve(stray))
    assert strange[30 - 3, 85 - 3] and not strange[:, :60].any()


@pytest.mark.parametrize("size", [(1, 1), (13, 40), (40, 13)])
def test_frames_that_are_smaller_than_a_patch_have_none(size):
    frame = np.zeros((*size, 3), np.uint8)
    keys = KeyPatches(frame, 255 - frame)
    assert keys.rows == keys.columns == 0 and not keys.differs.any()


def test_large_frames_are_reduced_so_that_time_is_bounded(pair):
    first, last = (cv2.resize(frame, (1400, 1200), interpolation=cv2.INTER_CUBIC) for frame in pair)
    keys = KeyPatches(first, last)
    assert [half.shape for half in keys.halves] == [(329, 384, 3)] * 2
    assert [frame.shape for frame in keys.frames] == [(658, 768, 3)] * 2
    wanted = np.zeros_like(keys.differs)
    wanted[::4, ::4] = True
    assert keys.find_nearest(halve(last), wanted, 4)[1].max() == 0
