"""Pairs whose light differs while something moves: what is found, and what is drawn."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from animi.core.cartoon.samples import draw_sample
from animi.core.engines.blend import Blend
from animi.core.engines.opening import open_engine
from animi.core.engines.relit import Relit
from animi.core.inbetween.sequence import interpolate
from animi.core.media.image_files import write_png
from animi.core.motion.light import Light, find_light, is_fade

SEED = 8_642  # no other test and no tuning looked at these
DARKER, TOWARDS_WHITE, BLUER = ((0.5,) * 3, (0,) * 3), ((0.6,) * 3, (102,) * 3), ((0.5, 0.6, 0.85), (0,) * 3)


def relight(frame, law, share=1.0):
    """Brings a frame, uint8, that share of the way into another light."""
    gain, offset = (np.array(part, np.float64) for part in law)
    return (frame * (1 - share + share * gain) + share * offset + 0.5).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def scenes():
    """Drawings in motion, and what lies between them."""
    samples = [draw_sample(SEED, number, 160, worn=False, longest=0.1) for number in range(0, 48, 4)]
    moving = [s for s in samples if 1 < np.abs(s.first.astype(int) - s.last).mean() < 30]
    assert len(moving) >= 6
    return moving


@pytest.fixture
def pan():
    """A panorama of soft discs, and a window on it that moves by that many pixels."""
    rng = np.random.default_rng(3)
    wide = np.full((120, 400, 3), (90, 140, 200), np.uint8)
    for _ in range(90):
        x, y, r = (int(v) for v in rng.integers((0, 0, 4), (400, 120, 16)))
        cv2.circle(wide, (x, y), r, rng.integers(30, 250, 3).tolist(), -1, cv2.LINE_AA)
    return lambda shift: np.ascontiguousarray(wide[:, 100 + shift : 260 + shift])


@pytest.mark.parametrize("law", [DARKER, TOWARDS_WHITE, BLUER])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_light_is_found_along_a_pan(pan, law, swapped):
    frames = [pan(0), relight(pan(16), law)]
    light = find_light(*(frames[::-1] if swapped else frames))
    assert light is not None and light.dims is not swapped
    for value in (40, 220):
        grey = np.full((2, 2, 3), value, np.uint8)
        assert np.abs(light.darken(grey).astype(int) - relight(grey, law)).max() <= 6
        assert np.abs(light.brighten(relight(grey, law)).astype(int) - grey).max() <= 10


def test_it_is_found_in_scenes_and_where_there_is_none_none_is_found(scenes):
    lights = [find_light(s.first, relight(s.last, DARKER)) for s in scenes]
    known = [light for light in lights if light is not None]
    assert len(known) >= 0.7 * len(scenes)
    assert np.median([np.abs(light.gain - 0.5).max() for light in known]) < 0.04
    assert all(light.dims for light in known)
    assert [find_light(s.first, s.last) for s in scenes] == [None] * len(scenes)
    cuts = pairwise(scenes)
    assert [find_light(a.first, relight(b.last, DARKER)) for a, b in cuts] == [None] * (len(scenes) - 1)


def test_what_is_no_light_of_the_whole_picture_is_not_taken_for_it(pan, draw_disc):
    still = pan(0)
    assert find_light(still, still) is None
    assert find_light(still, relight(still, DARKER)) is None  # nothing moves: that is a fade
    assert is_fade(still, relight(still, DARKER))
    assert find_light(still, np.zeros_like(still)) is None
    assert find_light(still, relight(pan(16), ((0.03,) * 3, (0,) * 3))) is None  # too dark to be seen
    figure, other = draw_disc(60, 80), draw_disc(90, 80)
    ground = (other == other[0, 0]).all(2)
    other[ground] = (other[0, 0] * 0.6).astype(np.uint8)
    assert find_light(figure, other) is None  # only the ground has another colour
    for flat in (np.full((1, 1, 3), 9, np.uint8), np.full((9, 300, 3), 9, np.uint8)):
        assert find_light(flat, flat + 100) is None


@pytest.mark.parametrize("engine", [None, "flow"])
@pytest.mark.parametrize("law", [DARKER, TOWARDS_WHITE, BLUER])
def test_a_pan_in_a_fade_moves_and_fades_evenly(pan, law, engine):
    times = (0, 0.25, 0.5, 0.75, 1)
    truth = [relight(pan(round(16 * t)), law, t) for t in times]
    drawn = list(interpolate([truth[0], truth[-1]], 5, engine=open_engine(engine)))
    mixed = list(interpolate([truth[0], truth[-1]], 5, engine=open_engine("blend")))
    assert np.array_equal(drawn[0], truth[0]) and np.array_equal(drawn[-1], truth[-1])
    inner = np.s_[:, 20:-20]  # the borders show what comes in
    for frame, wanted, mixture in zip(drawn[1:-1], truth[1:-1], mixed[1:-1], strict=True):
        error, ghosts = (np.abs(f.astype(int) - wanted)[inner].mean() for f in (frame, mixture))
        assert error < 3 and error < 0.25 * ghosts


@pytest.mark.parametrize("form", ["grey", "16 bits", "grey of 16 bits"])
def test_grey_and_16_bits_are_relit_too(pan, form):
    def convert(frame):
        if "grey" in form:
            frame = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        return frame.astype(np.uint16) * 257 if "16" in form else frame

    ends = [convert(pan(0)), convert(relight(pan(16), DARKER))]
    middle = list(interpolate(ends, 3, engine=open_engine("flow")))[1]
    wanted = convert(relight(pan(8), DARKER, 0.5))
    assert middle.shape == wanted.shape and middle.dtype == wanted.dtype
    levels = 257 if "16" in form else 1
    assert np.abs(middle.astype(int) - wanted)[:, 20:-20].mean() < 3 * levels


def test_a_fade_in_which_nothing_moves_is_mixed_as_ever(pan):
    still = pan(0)
    dark = relight(still, DARKER)
    engine = open_engine()
    assert isinstance(engine.prepare(still, dark), Blend)
    assert isinstance(engine.prepare(still, relight(pan(16), DARKER)), Relit)


def test_what_stands_still_in_the_dark_is_not_made_coarse():
    # a slow gradient, of which the dark frame keeps few levels, and a disc that moves before it
    ramp = np.broadcast_to(np.linspace(60, 250, 200, dtype=np.float32)[:, None], (160, 200, 3))

    def draw(x, gain):
        frame = ramp.copy()
        cv2.circle(frame, (x, 80), 25, (40, 200, 60), -1, cv2.LINE_AA)
        return (frame * gain + 0.5).astype(np.uint8)

    ends = draw(60, 0.15), draw(120, 1.0)
    assert isinstance(open_engine("flow").prepare(*ends), Relit)
    quarter = list(interpolate(ends, 5, engine=open_engine("flow")))[1]
    wanted = draw(75, 0.15 + 0.25 * 0.85)
    corner = np.s_[130:, :]  # far from the disc
    assert np.abs(quarter.astype(int) - wanted)[corner].max() <= 1


def test_from_the_command_line(animi, tmp_path, pan):
    write_png(tmp_path / "a.png", pan(0))
    write_png(tmp_path / "b.png", relight(pan(16), TOWARDS_WHITE))
    done = animi("interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 3, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    middle = cv2.imread(str(sorted((tmp_path / "out").glob("*.png"))[1]))[..., ::-1].astype(int)
    assert np.abs(middle - relight(pan(8), TOWARDS_WHITE, 0.5))[:, 20:-20].mean() < 3


def test_light_goes_both_ways():
    light = Light(np.array([0.5, 0.6, 0.7], np.float32), np.array([10, 20, 30], np.float32), dims=True)
    frame = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 2
    dark = light.darken(frame)
    assert np.array_equal(light.darken(frame, 0), frame)
    assert np.abs(light.brighten(dark).astype(int) - frame).max() <= 1
    assert np.abs(light.darken(frame.astype(np.float32)) - dark).max() <= 0.5
    half = light.darken(frame, 0.5).astype(float)
    assert np.abs(half - (frame.astype(float) + dark) / 2).max() <= 1
    grey = frame[..., :1]
    assert light.darken(grey).shape == grey.shape
    assert np.array_equal(light.darken(grey)[..., 0], dark[..., 0])
