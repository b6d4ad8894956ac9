"""Sampling pictures at positions."""

import cv2
import numpy as np
import pytest

from animi.core.engines.opening import open_engine
from animi.core.motion import grid
from animi.core.motion.grid import find_box, pixel_grid, warp


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
def test_parts_give_what_the_whole_gives(monkeypatch, interpolation):
    random = np.random.default_rng(1)
    image = random.integers(0, 256, (40, 300, 3), np.uint8)
    at = pixel_grid(40, 300) + random.normal(0, 6, (40, 300, 2)).astype(np.float32)
    at[3, 5], at[7, 9] = (299, 0), (-50, 80)  # far ways and places outside
    whole = warp(image, at, interpolation)
    monkeypatch.setattr(grid, "_LONGEST", 60)
    assert np.array_equal(warp(image, at, interpolation), whole)


def test_turned_round_the_longest_sides_go_too():
    image = np.arange(70_000, dtype=np.float32).reshape(1, -1)
    at = pixel_grid(1, 70_000)[:, ::-1]
    assert np.array_equal(warp(image, np.ascontiguousarray(at)), image[:, ::-1])


@pytest.mark.parametrize("engine", ["flow", "motion"])
def test_pictures_longer_than_opencv_samples_are_drawn(engine):
    """Something moves at both ends, so that the whole length changes."""
    frames = []
    for x in (0, 10):
        frame = np.full((24, 33_000, 3), 200, np.uint8)
        for left in (40, 32_900):
            frame[6:18, left + x : left + x + 12] = (200, 30, 20)
        frames.append(frame)
    drawn = open_engine(engine, device="cpu").prepare(*frames).render(0.5)
    assert drawn.shape == frames[0].shape


def test_a_box_is_around_all_of_a_mask_and_empty_around_none():
    mask = np.zeros((30, 40), bool)
    assert mask[find_box(mask, 5)].size == 0
    mask[4, 9], mask[20, 38] = True, True
    box = find_box(mask, 2)
    assert box == find_box(mask.view(np.uint8), 2) and mask[box].shape == (21, 33) and mask[box][2, 2]
    assert mask[find_box(mask, 100)].shape == mask.shape
