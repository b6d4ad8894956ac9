"""How two warped frames become one: outlines that are hardly shifted are blended, others are chosen."""

import cv2
import numpy as np
import pytest
import torch

from animi.core.engines import joining_by_torch
from animi.core.engines.joining import Placed, draw_joined
from animi.core.motion import texture
from animi.core.motion.seam import SeamChoice

HEIGHT, WIDTH = 96, 128


def draw_bar(x, width=6):
    frame = np.full((HEIGHT, WIDTH, 3), 230, np.uint8)
    frame[:, x : x + width] = (40, 60, 30)
    return frame


def draw_middle(first, last, sure=0.0, t=0.5):
    """What is drawn where nothing was found to move, and the network prefers the first frame."""
    still = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    belief = np.full(still.shape[:2], sure, np.float32)
    placed = Placed(t, (still, still), belief, lambda difference: np.full(difference.shape, 0.9, np.float32))
    (frame,) = draw_joined((first, last), [t], lambda t: placed)
    return frame.astype(int)


@pytest.mark.parametrize("t", [0.25, 0.5])
def test_an_outline_that_is_shifted_by_two_pixels_is_blended_by_time(t):
    first, last = draw_bar(60), draw_bar(62)
    assert np.abs(draw_middle(first, last, t=t) - ((1 - t) * first.astype(int) + t * last)).max() < 4


def test_an_outline_that_is_shifted_further_is_drawn_once():
    first, last = draw_bar(60, width=4), draw_bar(70, width=4)
    assert np.abs(draw_middle(first, last, sure=1.0) - first).max() < 12


def test_a_frame_that_is_known_to_be_right_is_not_blended():
    first, last = draw_bar(60), draw_bar(62)
    assert np.abs(draw_middle(first, last, sure=6.0) - first).max() < 25


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_unlike_is_further_away_than_its_reach(kind, channels):
    one, *others = (np.repeat(draw_bar(x)[..., :1], channels, 2).astype(kind) for x in (60, 62, 65))
    assert not texture.measure_unlike(one, others[0], 2).any()
    assert texture.measure_unlike(one, others[0], 1).max() == 190
    unlike = texture.measure_unlike(one, others[1], 2)
    assert unlike.shape == (HEIGHT, WIDTH) and unlike[:, 60].min() == 190 and not unlike[:, :58].any()


def make_scenes():
    noise = np.random.default_rng(3).integers(0, 256, (2, 64, 80, 3)).astype(np.float32)
    grass = [np.clip(cv2.blur(frame, (3, 3)) * 1.5 - 60, 0, 255) for frame in noise]
    cv2.line(grass[0], (20, 30), (60, 40), (250, 240, 20), 5)
    return grass


def to_planes(frame):
    return torch.from_numpy(frame.copy()).permute(2, 0, 1)[None]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pytorch_measures_the_same(channels):
    one, other = (np.resize(frame, (*frame.shape[:2], channels)) for frame in make_scenes())
    ways = [
        (texture.measure_unlike(one, other, 2), joining_by_torch.measure_unlike(to_planes(one), to_planes(other), 2)),
        (texture.measure_allowance(one, other), joining_by_torch.measure_allowance(to_planes(one), to_planes(other))),
    ]
    for mine, by_torch in ways:
        inside = np.s_[8:-8, 8:-8]  # both blur beyond the border in their own ways
        assert mine.any() and np.abs(mine - by_torch[0, 0].numpy())[inside].max() < 0.01


def test_pytorch_joins_large_frames_at_half_size(monkeypatch):
    monkeypatch.setattr(joining_by_torch, "LARGE", 64)
    early, late = (to_planes(frame) / 127.5 - 1 for frame in make_scenes())
    grid = np.ones((16, 20), np.float32)
    choice = SeamChoice(grid, grid, np.zeros_like(grid))
    share = joining_by_torch.join(
        [choice], [0.5], torch.full((1, 1, 64, 80), 0.5), torch.zeros(1, 1, 16, 20), early, late
    )
    assert share.shape == (1, 1, 64, 80) and share.min() >= 0 and share[0, 0, 30:34, 30:40].mean() > 0.9
