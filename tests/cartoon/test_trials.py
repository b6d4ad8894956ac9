"""Trials: scenes whose in-betweens are known, and how far a drawn frame is from them."""

import numpy as np
import pytest

from animi.core.cartoon.trials import HEIGHT, TRIALS, WIDTH, find_trial


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_the_truth_is_without_error(trial):
    first, last = trial.ends
    assert first.shape == last.shape == (HEIGHT, WIDTH, 3) and (first != last).any()
    for t in (0.3, 0.7):
        for changed in (False, True):
            truth = trial.draw(t, changed)
            assert trial.measure_error(truth, t) == 0
            assert trial.mark is None or trial.measure_place(truth, t) == 0
        assert trial.measure_error(first, t) > 0 or trial.name == "dashes"


def test_each_thing_may_have_come_or_not():
    """One of two dashes has changed and the other has not: both are as they may be; a half transparent one is not."""
    trial = find_trial("dashes")
    before, after = trial.draw(0.5, False), trial.draw(0.5, True)
    half = np.arange(HEIGHT)[:, None, None] < 104  # between the second row of dashes and the third
    assert trial.measure_error(np.where(half, before, after), 0.5) == 0
    assert trial.measure_error(((before.astype(int) + after) // 2).astype(np.uint8), 0.5) > 0.1


def test_a_followed_thing_that_is_elsewhere_twice_or_missing_is_off():
    trial = find_trial("figure")
    assert trial.measure_place(trial.draw(0.5, False), 0.4) > 20
    twice = trial.draw(0.5, False)
    there = np.abs(twice.astype(int) - trial.mark).sum(2) < 60
    twice[:, 100:130][there[:, np.flatnonzero(there.any(0))[0] :][:, :30]] = trial.mark
    assert trial.measure_place(twice, 0.5) > 10
    without = trial.draw(0.5, False)
    without[there] = 255
    assert trial.measure_place(without, 0.5) == 60
    assert np.isnan(find_trial("dashes").measure_place(without, 0.5))
