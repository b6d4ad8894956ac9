"""Every figure on pictures whose value is known by hand, and what must and must not change it."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from animi.core.measures import ghost
from animi.core.measures.metrics import (
    MOST_PSNR,
    StepMotion,
    fid,
    find_lines,
    ghost_score,
    kid,
    line_distance,
    motion_size,
    precision_and_recall,
    psnr,
    sharpness,
    ssim,
)
from animi.core.media.frames import to_tensor

NOISE = np.random.default_rng(3).integers(0, 256, (40, 56, 3)).astype(np.uint8)


def flat(level, size=(40, 56)):
    return np.full((*size, 3), level, np.uint8)


def line_at(x, size=(64, 96), level=0, thick=3):
    """A dark upright line on white whose middle is at x."""
    frame = flat(255, size)
    frame[:, x - thick // 2 : x + thick // 2 + 1] = level
    return frame


# Frames


def test_psnr_of_one_level_everywhere_is_as_reckoned():
    assert psnr(flat(100), flat(101)) == pytest.approx(20 * math.log10(255))
    assert psnr(flat(0), flat(255)) == 0
    assert psnr(NOISE, NOISE) == MOST_PSNR
    assert psnr(NOISE, NOISE[::-1]) == pytest.approx(psnr(NOISE[::-1], NOISE))


@pytest.mark.parametrize("change", ["noise", "blur", "brighter", "other"])
def test_ssim_is_what_others_compute(change, draw_disc):
    truth = draw_disc(60, 50, (120, 90))
    drawn = {
        "noise": np.clip(truth + np.random.default_rng(0).normal(0, 20, truth.shape), 0, 255).astype(np.uint8),
        "blur": cv2.GaussianBlur(truth, (0, 0), 2),
        "brighter": np.clip(truth.astype(int) + 30, 0, 255).astype(np.uint8),
        "other": draw_disc(30, 40, (120, 90)),
    }[change]
    theirs = structural_similarity(
        drawn, truth, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(drawn, truth) == pytest.approx(theirs, abs=1e-9)
    assert ssim(truth, drawn) == pytest.approx(theirs, abs=1e-9)


def test_ssim_of_flat_frames_is_that_of_their_brightness_alone():
    c1 = (0.01 * 255) ** 2
    assert ssim(flat(100), flat(200)) == pytest.approx((2 * 100 * 200 + c1) / (100**2 + 200**2 + c1))
    assert ssim(NOISE, NOISE) == pytest.approx(1)
    assert math.isnan(ssim(NOISE[:10], NOISE[:10]))


def test_lines_are_dark_ones_and_not_the_edges_of_areas_lit_from_either_side():
    lines = find_lines(line_at(48))
    assert lines[:, 47:50].all()
    assert not lines[:, :44].any() and not lines[:, 53:].any()
    bright = 255 - line_at(48)
    assert not find_lines(bright)[:, 48].any()  # a white line on black has its dark beside it
    assert not find_lines(flat(0)).any()


@pytest.mark.parametrize("apart", [1, 4, 20])
def test_lines_that_are_displaced_are_as_far_off_as_that(apart):
    one, other = line_at(30), line_at(30 + apart)
    width = int(find_lines(one)[0].sum())
    height, wide = one.shape[:2]
    # each column of one line is so far from the nearest column of the other
    away = sum(max(0, apart - k) for k in range(width))
    assert line_distance(one, other) == pytest.approx(away / wide / math.hypot(height, wide), rel=1e-5)
    assert line_distance(other, one) == pytest.approx(line_distance(one, other))
    assert line_distance(one[:, ::-1].copy(), other[:, ::-1].copy()) == pytest.approx(line_distance(one, other))


def test_lines_of_which_there_are_none_are_a_diagonal_away():
    one = line_at(30)
    share = find_lines(one).mean()
    assert line_distance(one, flat(255, one.shape[:2])) == pytest.approx(share / 2)
    assert line_distance(flat(9), flat(200)) == 0
    assert line_distance(one, one) == 0


def test_the_ghost_score_is_that_of_the_losses(draw_disc):
    first, last = draw_disc(30, 40, (120, 80)), draw_disc(80, 40, (120, 80))
    middle = draw_disc(55, 40, (120, 80))
    fade = cv2.addWeighted(first, 0.5, last, 0.5, 0)
    tensors = [to_tensor([frame]) for frame in (fade, first, last)]
    assert ghost_score(fade, first, last) == pytest.approx(ghost.score_ghosts(*tensors).item())
    assert ghost_score(fade, first, last) > 0.9
    assert ghost_score(middle, first, last) < 0.1
    assert ghost_score(first, first, last) == pytest.approx(0, abs=1e-6)


def test_sharpness_of_a_step_is_its_height_over_its_width():
    step = flat(0)
    step[:, 28:] = 240
    assert sharpness(step, step) == 1
    blurred = cv2.blur(step, (3, 1))
    assert sharpness(blurred, step) == pytest.approx(1 / 3)
    assert sharpness(step, blurred) == pytest.approx(3)
    faint = step // 2
    assert sharpness(faint, step) == pytest.approx(1 / 2)
    assert sharpness(flat(7), step) == 0
    assert math.isnan(sharpness(step, flat(7)))


def test_sharpness_does_not_ask_how_many_edges_there_are_or_where():
    one, two, elsewhere = line_at(30), np.minimum(line_at(30), line_at(70)), line_at(61)
    assert sharpness(two, one) == pytest.approx(1)
    assert sharpness(elsewhere, one) == pytest.approx(1)
    ghost = cv2.addWeighted(line_at(30), 0.5, line_at(70), 0.5, 0)
    assert sharpness(ghost, one) == pytest.approx(0.5, abs=0.01)


# Sequences


@pytest.fixture(scope="module")
def rolling():
    """An outlined, spotted disc that goes 5 px a frame over a plain floor: nine frames."""
    spots = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    spotted = cv2.resize(spots, (40, 40), interpolation=cv2.INTER_CUBIC)
    inside = cv2.circle(np.zeros((40, 40), np.uint8), (20, 20), 18, 255, -1) > 0

    def draw(x):
        frame = np.full((64, 112, 3), (180, 210, 190), np.uint8)
        frame[12:52, x : x + 40][inside] = spotted[inside]
        cv2.circle(frame, (x + 20, 32), 18, (10, 5, 5), 2)
        return frame

    return [draw(10 + 5 * k) for k in range(9)]


def test_smoothness_tells_motion_from_fades_stalls_and_tremor(rolling):
    steps = StepMotion(rolling)
    first, *middle, last = rolling
    fade = [cv2.addWeighted(first, 1 - k / 8, last, k / 8, 0) for k in range(9)]
    stall = [first] * 5 + [last] * 4
    tremor = [first, *(middle[k ^ 1] if k < 6 else middle[k] for k in range(7)), last]
    assert steps.smoothness(rolling) == 1
    assert (
        steps.smoothness([cv2.blur(frame, (3, 3)) for frame in rolling]) > 0.8
    )  # another fault, told by another figure
    for bad in (fade, stall, tremor):
        assert steps.smoothness(bad) < 0.25


def test_smoothness_counts_a_step_of_half_the_length_as_half(rolling):
    steps = StepMotion(rolling[::2])  # 10 px a step
    slow = rolling[:5]  # 5 px a step
    assert steps.smoothness(slow) == pytest.approx(0.5, abs=0.1)


def test_smoothness_of_what_stands_still_is_not_known(rolling):
    assert math.isnan(StepMotion(rolling[:1] * 4).smoothness(rolling[:4]))


def test_motion_is_followed_from_frame_to_frame_however_far_it_goes(rolling):
    assert motion_size(StepMotion(rolling).from_end_to_end()) == pytest.approx(40, rel=0.05)
    assert motion_size(StepMotion(rolling[::-1]).from_end_to_end()) == pytest.approx(40, rel=0.05)
    there_and_back = rolling[:5] + rolling[3::-1]
    assert motion_size(StepMotion(there_and_back).from_end_to_end()) < 4


def test_the_size_of_a_motion_is_that_of_what_moves():
    flow = np.zeros((20, 30, 2), np.float32)
    assert motion_size(flow) == 0
    flow[3:6, 4:9] = (6, -8)
    assert motion_size(flow) == 10
    assert motion_size(flow + 0.1) == pytest.approx(math.hypot(6.1, 7.9))


# Sets of features


def spread(count, size=12, seed=0, shift=0.0, scale=1.0):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed)) * scale + shift


def test_fid_is_the_distance_of_normal_distributions():
    one, other = spread(50, seed=1), spread(60, seed=2, shift=0.3, scale=1.7)
    means = (one.double().mean(0) - other.double().mean(0)).square().sum()
    a, b = torch.cov(one.double().T), torch.cov(other.double().T)
    root = torch.linalg.eigvals(a @ b).real.clamp_min(0).sqrt().sum()
    assert fid(one, other) == pytest.approx((means + a.trace() + b.trace() - 2 * root).item(), rel=1e-6)
    assert fid(one, one) == pytest.approx(0, abs=1e-9)
    assert fid(one, one + 2) == pytest.approx(12 * 4, rel=1e-5)  # the means alone


def test_fid_needs_no_more_pictures_than_features():
    assert fid(spread(5, 300, seed=1), spread(6, 300, seed=2)) > fid(spread(5, 300, seed=1), spread(5, 300, seed=1))


def test_kid_is_the_formula_and_has_no_bias():
    one, other = spread(4, 3, seed=1).double(), spread(5, 3, seed=2).double()
    size = other.square().sum(1).mean()

    def kernel(x, y):
        return ((x @ y / size + 1) ** 3).item()

    def mean(values):
        values = list(values)
        return sum(values) / len(values)

    by_hand = mean(kernel(x, y) for i, x in enumerate(one) for j, y in enumerate(one) if i != j)
    by_hand += mean(kernel(x, y) for i, x in enumerate(other) for j, y in enumerate(other) if i != j)
    by_hand -= 2 * mean(kernel(x, y) for x in one for y in other)
    assert kid(one, other) == pytest.approx(by_hand)
    assert kid(one * 7, other * 7) == pytest.approx(by_hand)
    alike = [kid(spread(20, seed=k), spread(20, seed=100 + k)) for k in range(40)]
    assert min(alike) < 0 < max(alike)
    assert abs(mean(alike)) < 0.05 < kid(spread(20, seed=1), spread(20, seed=2, shift=0.5))


def test_paired_kid_of_equal_sets_is_nothing_and_of_others_something():
    real = spread(30, seed=4)
    assert kid(real, real, paired=True) == pytest.approx(0, abs=1e-9)
    assert kid(real, real) < -0.05  # each picture is its own like there
    assert kid(real + 0.5, real, paired=True) > 0.05


def test_precision_and_recall_tell_what_is_odd_from_what_is_missing():
    real = torch.cat([spread(40, 2, seed=1), spread(40, 2, seed=2, shift=50)])
    half = spread(80, 2, seed=3)  # good, but only of one kind
    precision, recall = precision_and_recall(half, real)
    assert precision > 0.9 and 0.35 < recall < 0.5
    odd = torch.cat([spread(40, 2, seed=4), spread(40, 2, seed=5, shift=50), spread(80, 2, seed=6, shift=-50)])
    precision, recall = precision_and_recall(odd, real)
    assert 0.4 < precision < 0.5 and recall > 0.85
    assert precision_and_recall(real, real) == (1, 1)


@given(seed=st.integers(0, 1000))
def test_figures_of_equal_frames_are_the_best_there_are(seed):
    frame = np.random.default_rng(seed).integers(0, 256, (24, 20, 3)).astype(np.uint8)
    frame = cv2.resize(frame, (60, 48), interpolation=cv2.INTER_CUBIC)
    assert (psnr(frame, frame), sharpness(frame, frame), line_distance(frame, frame)) == (MOST_PSNR, 1, 0)
    assert ssim(frame, frame) == pytest.approx(1)
