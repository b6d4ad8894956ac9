"""Pairs that motion cannot explain: what is told of them, and what is drawn."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from animi.core.cartoon.samples import draw_sample
from animi.core.config.choices import ON_FAILURE
from animi.core.config.interpolation import InterpolateConfig
from animi.core.engines.flow import FlowPair
from animi.core.engines.opening import open_engine
from animi.core.errors import ConfigError
from animi.core.inbetween.sequence import interpolate
from animi.core.measures.metrics import ghost_score
from animi.core.media.image_files import write_png
from animi.core.motion.light import is_another_light, is_fade

SEED = 4_321  # no other test and no tuning looked at these
SCENES = range(0, 48, 4)
STILL_OR_ROUNDED = 7  # equal pixels of both key frames are kept where the mixture is nearly theirs


@pytest.fixture(scope="module")
def scenes():
    return [draw_sample(SEED, number, 160) for number in SCENES]


@pytest.fixture
def cut(scenes):
    return scenes[0].first, scenes[1].last


def test_cuts_between_drawn_scenes_are_told_from_motion(scenes):
    moved = [FlowPair(s.first, s.last) for s in scenes if s.forward.visible.mean() > 0.5]
    cuts = [FlowPair(s.first, other.last) for s, other in pairwise(scenes)]
    assert len(moved) > 8
    assert np.mean([pair.explained for pair in moved]) >= 0.9
    assert np.mean([pair.explained for pair in cuts]) <= 0.1
    assert min(pair.confidence for pair in moved) > np.median([pair.confidence for pair in cuts])


def test_the_network_that_animi_brings_tells_cuts_too(scenes):
    engine = open_engine("motion", device="cpu")
    moved = [engine.prepare(s.first, s.last) for s in scenes if s.forward.visible.mean() > 0.5]
    cuts = [engine.prepare(s.first, other.last) for s, other in pairwise(scenes)]
    assert np.mean([pair.explained for pair in moved]) >= 0.85
    assert np.mean([pair.explained for pair in cuts]) <= 0.15
    assert np.median([pair.confidence for pair in moved]) > 4 * np.median([pair.confidence for pair in cuts])


def test_a_cut_is_held_and_switched_in_the_middle(cut):
    frames = list(interpolate(cut, 6))
    assert all(np.array_equal(frame, cut[0]) for frame in frames[:3])
    assert all(np.array_equal(frame, cut[1]) for frame in frames[3:])


def test_a_cut_may_be_blended(cut):
    frames = list(interpolate(cut, 5, on_failure="blend"))
    expected = 0.75 * cut[0] + 0.25 * cut[1].astype(float)
    assert np.abs(frames[1] - expected).max() <= STILL_OR_ROUNDED


def test_a_cut_may_be_drawn_as_if_it_were_motion(cut):
    morphed = list(interpolate(cut, 3, on_failure="morph"))[1]
    assert not np.array_equal(morphed, cut[0]) and not np.array_equal(morphed, cut[1])


def test_motion_is_not_held(draw_disc):
    frames = list(interpolate([draw_disc(60, 80), draw_disc(120, 80)], 4))
    assert not np.array_equal(frames[1], frames[0]) and not np.array_equal(frames[1], frames[2])


def test_a_fade_to_black_or_into_another_light_is_no_cut(scenes):
    picture = scenes[2].first
    for darker in (np.zeros_like(picture), picture // 3, 255 - (255 - picture) // 2):
        assert is_another_light(picture, darker)
        drawn = list(interpolate([picture, darker], 3))[1].astype(int)
        assert np.abs(drawn - (picture.astype(int) + darker) / 2).mean() < 4
    assert not is_another_light(picture, scenes[3].first)


@pytest.mark.parametrize("ground", [0, 210])
def test_a_thing_that_comes_on_an_empty_ground_grows_rather_than_fades(ground):
    empty = np.full((160, 200, 3), ground, np.uint8)
    there = empty.copy()
    cv2.circle(there, (100, 80), 40, (220, 40, 30), -1)
    assert not is_fade(empty, there) and not is_fade(there, empty)
    assert is_fade(empty, np.full_like(empty, 90))
    for ends in ((empty, there), (there, empty)):
        drawn, faded = (
            [ghost_score(frame, *ends) for frame in list(interpolate(ends, 5, engine=engine))[1:-1]]
            for engine in (None, "blend")
        )
        assert np.nanmean(drawn) < 0.2 * np.nanmean(faded)


def test_from_the_command_line(animi, tmp_path, cut):
    for name, frame in zip("ab", cut, strict=True):
        write_png(tmp_path / f"{name}.png", frame)
    keys = tmp_path / "a.png", tmp_path / "b.png"
    for how in ON_FAILURE:
        done = animi("interpolate", *keys, "-n", 4, "-o", tmp_path / how, "--on-failure", how)
        assert done.exit_code == 0, done.output
    drawn = [sorted((tmp_path / how).glob("*.png"))[1].read_bytes() for how in ON_FAILURE]
    assert len(set(drawn)) == 3
    rejected = animi("interpolate", *keys, "-o", tmp_path / "x.gif", "--on-failure", "guess")
    assert rejected.exit_code == 2
    assert "--on-failure: 'guess' is not known; choose one of hold, blend, morph" in rejected.stderr
    with pytest.raises(ConfigError):
        InterpolateConfig((), tmp_path, on_failure="guess")
