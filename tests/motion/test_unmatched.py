"""What only one key frame shows: what is found to be so, and how it is moved."""

import numpy as np

from animi.core.motion.unmatched import find_unmatched, move_with_surroundings

STILL = np.zeros((20, 30, 2), np.float32)
SEEN = np.ones((20, 30), np.float32)


def draw(*spots):
    frame = np.full((20, 30, 3), 200, np.float32)
    for y, x in spots:
        frame[y : y + 3, x : x + 3] = 20
    return frame


def test_what_has_gone_has_no_match_and_what_has_moved_has_one():
    flow = STILL.copy()
    flow[4:7, 4:7] = (10, 0)
    first, last = draw((4, 4), (12, 20)), draw((4, 14))
    unmatched = find_unmatched(first, last, flow, SEEN)
    assert unmatched[13, 21] == 1 and unmatched[5, 5] == 0 and unmatched[0, 0] == 0


def test_a_texture_that_is_a_little_off_has_a_match_and_a_spot_on_plain_ground_has_none():
    grass = np.random.default_rng(5).uniform(60, 160, (20, 30, 3)).astype(np.float32)
    shifted = 0.5 * (grass + np.roll(grass, 1, 1))  # half a cell
    for visible in (SEEN, 0.25 * SEEN):  # whether it is believed to be hidden or not
        assert find_unmatched(grass, shifted, STILL, visible).mean() < 0.1
        assert find_unmatched(draw((4, 4)), draw(), STILL, visible)[5, 5] == 1
        assert find_unmatched(draw(), draw((4, 4)), STILL, visible)[5, 5] == 1


def test_what_is_believed_to_be_hidden_counts_if_it_differs_a_little():
    first, last = draw(), draw()
    last[4:12, 4:12] -= 12  # levels: too few to be sure of
    assert find_unmatched(first, last, STILL, SEEN)[8, 8] == 0
    unmatched = find_unmatched(first, last, STILL, 0.25 * SEEN)
    assert unmatched[8, 8] > 0.6 and unmatched[0, 0] == 0


def test_a_place_is_missing_only_where_both_frames_lack_a_match():
    first, last = np.zeros((20, 30), np.float32), np.zeros((20, 30), np.float32)
    first[5:9, 5:15] = 1
    last[5:9, 10:20] = 1
    _, missing = move_with_surroundings((STILL, STILL), (first, last))
    assert missing[6, 12] == 1 and missing[6, 7] == 0 and missing[6, 17] == 0


def test_what_is_missing_moves_as_its_surroundings_do():
    shifts = [np.full((20, 30, 2), 3, np.float32) for _ in range(2)]
    for shift in shifts:
        shift[8:12, 12:18] = (-6, 9)
    unmatched = np.zeros((20, 30), np.float32)
    unmatched[4:24, 4:24] = 1  # sampled at shifted places
    moved, missing = move_with_surroundings((shifts[0], shifts[1]), (unmatched, unmatched))
    assert missing.max() == 1
    everywhere = np.zeros((20, 30), np.float32)
    untouched, _ = move_with_surroundings((shifts[0], shifts[1]), (everywhere, unmatched))
    assert all(np.array_equal(*pair) for pair in zip(untouched, shifts, strict=True))
    lone = np.zeros((20, 30), np.float32)
    lone[17:21, 6:12] = 1  # where the bent places look
    moved, missing = move_with_surroundings((shifts[0], shifts[1]), (lone, lone))
    assert missing[9, 14] == 1 and np.abs(moved[0][9, 14] - 3).max() < 1.5
    assert np.array_equal(moved[0][2, 2], shifts[0][2, 2])
