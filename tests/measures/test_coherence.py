"""Coherence on pictures whose value is known, or whose order is."""

import math

import cv2
import numpy as np
import pytest

from animi.core.measures.coherence import coherence
from animi.core.measures.patches import KeyPatches

SIZE = (160, 120)


def flat(level):
    return np.full((40, 56, 3), level, np.uint8)


@pytest.fixture
def pair(draw_disc):
    return draw_disc(40, 60, SIZE), draw_disc(100, 60, SIZE)


def test_of_flat_frames_it_is_the_difference_to_the_nearer():
    keys = KeyPatches(flat(100), flat(160))
    assert coherence(flat(107), keys) == pytest.approx(7)
    assert coherence(flat(150), keys) == pytest.approx(10)
    assert coherence(flat(100), keys) == coherence(flat(160), keys) == 0


def test_the_key_frames_themselves_and_what_is_joined_of_them_are_near(pair):
    keys = KeyPatches(*pair)
    assert coherence(pair[0], keys) == coherence(pair[1], keys) == 0
    joined = pair[0].copy()
    joined[:, 70:] = pair[1][:, 70:]  # in the open between both discs: there is one of each
    assert coherence(joined, keys) < 0.05


def test_mixtures_smears_and_torn_pieces_are_far(pair, draw_disc):
    keys = KeyPatches(*pair)
    truth = draw_disc(70, 60, SIZE)
    mixture = cv2.addWeighted(draw_disc(66, 60, SIZE), 0.5, draw_disc(74, 60, SIZE), 0.5, 0)
    smear = cv2.blur(truth, (15, 1))
    torn = truth.copy()
    torn[::8], torn[1::8], torn[2::8], torn[3::8] = (truth[k::8][:, ::-1] for k in range(4))
    near = coherence(truth, keys)
    for far in (mixture, smear, torn, cv2.addWeighted(*[pair[0], 0.5, pair[1], 0.5, 0])):
        assert coherence(far, keys) > 2 * near + 1


def test_more_of_a_fault_is_never_thinned_out_by_where_it_lies(pair):
    """A stray thing where the key frames agree adds to the sum, and not to what it is divided by."""
    keys = KeyPatches(*pair)
    stray = pair[0].copy()
    checks = np.random.default_rng(0).integers(0, 256, (12, 12, 3)).astype(np.uint8)
    stray[8:32, 120:144] = checks.repeat(2, 0).repeat(2, 1)
    alone = coherence(stray, keys)
    assert alone > 1
    stray[88:112, 120:144] = checks.repeat(2, 0).repeat(2, 1)
    assert coherence(stray, keys) == pytest.approx(2 * alone, rel=0.1)


def test_where_nothing_differs_it_is_not_known(pair):
    assert math.isnan(coherence(pair[0], KeyPatches(pair[0], pair[0])))
    small = np.zeros((8, 8, 3), np.uint8)
    assert math.isnan(coherence(small, KeyPatches(small, 255 - small)))
