"""Motion between two drawings: of any length, both ways, to fractions of a pixel where there is texture."""

import cv2
import numpy as np
import pytest

from animi.core.motion.search import estimate_flow, find_candidates


def scene(height=160, width=224, seed=3):
    """Soft blotches all over."""
    blotches = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def shifted(frame, dx, dy):
    return cv2.warpAffine(
        frame, np.float32([[1, 0, dx], [0, 1, dy]]), frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )


@pytest.mark.parametrize(("dx", "dy"), [(6, 0), (-3.5, 4.25), (40, -20), (-75, 0), (0, 50)])
def test_a_shift_of_the_whole_picture_is_found_both_ways(dx, dy):
    first = scene()
    forward, backward = estimate_flow(first, shifted(first, dx, dy))
    assert forward.dtype == np.float32
    y, x = np.mgrid[: forward.shape[0], : forward.shape[1]]
    to_pixels = first.shape[0] / forward.shape[0], first.shape[1] / forward.shape[1]
    y, x = y * to_pixels[0], x * to_pixels[1]
    margin = 12
    for flow, sx, sy in ((forward, dx, dy), (backward, -dx, -dy)):
        inside = (
            (x + sx > margin) & (x + sx < 224 - margin) & (y + sy > margin) & (y + sy < 160 - margin)
            & (x > margin) & (x < 224 - margin) & (y > margin) & (y < 160 - margin)
        )  # fmt: skip
        error = np.hypot(flow[..., 0] - sx, flow[..., 1] - sy)[inside]
        assert np.median(error) < 0.5 and np.percentile(error, 90) < 2


def test_a_patch_that_jumps_a_third_of_the_picture_is_found_and_the_floor_stays():
    floor, patch = scene() // 3 + 60, scene(seed=9)[:40, :40]
    first, last = floor.copy(), floor.copy()
    first[60:100, 30:70] = patch
    last[60:100, 105:145] = patch
    forward, backward = estimate_flow(first, last)
    step = first.shape[0] / forward.shape[0]

    def at(flow, top, left, bottom, right):
        return np.median(flow[int(top / step) : int(bottom / step), int(left / step) : int(right / step)], (0, 1))

    assert np.abs(at(forward, 66, 36, 94, 64) - (75, 0)).max() < 1.5
    assert np.abs(at(backward, 66, 111, 94, 139) - (-75, 0)).max() < 1.5
    assert np.abs(at(forward, 120, 10, 155, 214)).max() < 0.2


def test_equal_frames_do_not_move():
    for flow in estimate_flow(scene(), scene()):
        assert not flow.any()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 200), (8, 8), (9, 500), (33, 31)])
def test_any_size_gives_finite_flows_of_one_grid(size):
    first, last = (np.random.default_rng(k).integers(0, 256, (*size, 3), np.uint8) for k in range(2))
    forward, backward = estimate_flow(first, last)
    assert forward.shape == backward.shape and forward.shape[2] == 2
    assert np.isfinite(forward).all() and np.isfinite(backward).all()


def test_the_grid_does_not_grow_beyond_its_limit():
    forward, _ = estimate_flow(np.zeros((400, 2000, 3), np.uint8), np.full((400, 2000, 3), 9, np.uint8))
    assert max(forward.shape) <= 640


def test_candidates_begin_with_rest_and_list_what_moved():
    cells = cv2.cvtColor(cv2.resize(scene(), (56, 40)).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    candidates = find_candidates(cells, np.roll(cells, (4, -9), (0, 1)))
    moves = candidates.transforms[:, :, 2]
    assert moves[0].tolist() == [0, 0] and candidates.penalties[0] == 0
    assert [-9, 4] in moves[1:3].tolist() and (candidates.transforms[:, :, :2] == np.eye(2)).all()
    assert len(moves) == len(candidates.penalties) <= 17


def test_flat_frames_give_no_candidate_but_rest():
    flat = np.zeros((20, 20, 3), np.float32)
    assert find_candidates(flat, flat + 50).transforms.tolist() == [[[1, 0, 0], [0, 1, 0]]]
