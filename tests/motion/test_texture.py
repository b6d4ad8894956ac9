"""Textures may differ without a seam; outlines between flat colours may not."""

import cv2
import numpy as np
import pytest

from animi.core.motion.seam import choose, measure_difference
from animi.core.motion.texture import ALLOWANCE_REACH, measure_allowance


def make_grass(seed=0, size=(96, 128)):
    noise = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.float32)
    return np.clip(cv2.blur(noise, (2, 3)) * 1.5 - 60, 0, 255).astype(np.uint8)


def draw_outlines(x):
    frame = np.full((96, 128, 3), 230, np.uint8)
    cv2.circle(frame, (x, 48), 24, (20, 20, 20), 2)
    return frame


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_textures_have_an_allowance_and_drawings_none(kind, channels):
    grass = np.repeat(make_grass()[..., :1], channels, 2).astype(kind)
    drawn = np.repeat(draw_outlines(50)[..., :1], channels, 2).astype(kind)
    assert measure_allowance(grass, grass).mean() > 30
    assert not measure_allowance(drawn, drawn).any()
    assert not measure_allowance(grass, drawn).any(), "an outline or a flat place in one frame alone is no texture"


def test_a_part_with_what_is_around_it_has_the_allowance_of_the_whole():
    one, other = make_grass(0), make_grass(1)
    one[40:60, 50:80] = (250, 20, 20)
    whole, around = measure_allowance(one, other), ALLOWANCE_REACH
    part = measure_allowance(*(frame[30 - around : 70 + around, 40 - around : 90 + around] for frame in (one, other)))
    assert whole[30:70, 40:90].std() > 1
    assert np.array_equal(part[around:-around, around:-around], whole[30:70, 40:90])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (9, 1, 1)])
def test_the_smallest_frames(shape):
    assert measure_allowance(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)).shape == shape[:2]


def test_grass_that_differs_has_no_seam_and_a_figure_before_it_has():
    def draw(seed, x):
        frame = (make_grass(seed) * 0.25 + 60).astype(np.uint8)
        cv2.rectangle(frame, (x, 20), (x + 40, 66), (250, 240, 230), -1)
        return frame

    difference, outlines = measure_difference(draw(1, 20), draw(2, 40), (128, 96))
    meadow, figure = np.s_[76:], np.s_[28:58, 24:36]
    assert np.abs(draw(1, 20).astype(int) - draw(2, 40))[meadow].mean() > 10
    found = choose([0.5], [difference], [outlines], [np.zeros_like(difference)], [])[0]
    assert found.chosen[meadow].mean() < 0.05 and difference[meadow].mean() < 1
    assert found.chosen[figure].all() and difference[figure].min() > 100


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_thin_limb_before_a_texture_has_no_allowance(kind):
    def draw(seed):
        return (make_grass(seed) * (0.4, 0.5, 0.3) + (10, 60, 10)).astype(np.uint8)

    limb = draw(1)
    cv2.line(limb, (40, 50), (90, 40), (20, 20, 25), 9, cv2.LINE_AA)
    cv2.line(limb, (40, 50), (90, 40), (230, 170, 110), 5, cv2.LINE_AA)
    there = cv2.line(np.zeros(limb.shape[:2], np.uint8), (40, 50), (90, 40), 1, 9) > 0
    for pair in ((limb, draw(2)), (draw(2), limb)):
        allowance = measure_allowance(*(frame.astype(kind) for frame in pair))
        assert allowance[there].mean() < 1
        assert allowance[70:].mean() > 15, "the same texture elsewhere still has one"
