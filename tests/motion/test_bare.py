"""The ground behind hinted pieces that the other drawing shows."""

import cv2
import numpy as np
import pytest

from animi.core.motion.bare import find_bare
from animi.core.motion.guides import Guides, PairHints, Track

RED, BLUE, INK = (200, 60, 50), (60, 90, 190), (30, 26, 30)


def draw(disc=None, block=None, pan=0):
    """A ground of hills and a thin line, with a disc (x, y) and a block whose right side is at x."""
    x = np.arange(-60, 300, dtype=np.float32) + pan
    frame = np.empty((120, 240, 3), np.uint8)
    hills = 70 + 18 * np.sin(x / 9)
    frame[:] = np.where(np.arange(120)[:, None, None] > hills[None, 60:300, None], (90, 150, 80), (150, 190, 230))
    frame[30:32] = (90, 80, 70)
    if block is not None:
        frame[20:100, block - 50 : block] = BLUE
    if disc is not None:
        cv2.circle(frame, disc, 18, RED, -1, cv2.LINE_AA)
        cv2.circle(frame, disc, 18, INK, 2, cv2.LINE_AA)
    return frame


def cover(disc):
    return cv2.circle(np.zeros((120, 240), np.uint8), disc, 22, 1, -1) > 0


def test_what_a_piece_uncovers_is_drawn_as_the_other_drawing_shows_it():
    frames = draw((60, 40)), draw((180, 70))
    guides = Guides(PairHints((Track(((60, 40), (180, 70))),)), *frames)
    for end in range(2):
        off = np.abs(guides.paint_out(frames, end).astype(int) - draw()).max(2)
        # at outlines of the ground that only one smooth side leads to, a pixel or two is filled from around
        assert (off > 8).mean() < 0.002, off.max()


@pytest.mark.parametrize("pan", [10, 20, 30, -30])
def test_a_ground_that_pans_is_not_taken_in_place(pan):
    """Its sky and its fields look the same in place; the hills between them do not."""
    first, last = draw((60, 60)), draw((180, 60), pan=pan)
    assert not find_bare(first, last, cover((60, 60)), cover((180, 60))).any()


def test_behind_a_piece_that_a_body_holds_is_more_of_the_body():
    """The block goes along, so where the disc hid its side, the other drawing shows the ground instead."""
    first, last = draw((70, 60), block=70), draw((150, 60), block=20)
    hidden = cover((70, 60))
    bare = find_bare(first, last, hidden, cover((150, 60)))
    assert not bare[:, :66].any() and bare[40:80, 76:].sum() > 0.7 * hidden[40:80, 76:].sum()


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha(channels):
    frames = [np.dstack([frame, frame])[..., :channels].astype(np.float32) for frame in (draw((60, 60)), draw())]
    bare = find_bare(frames[0], frames[1], cover((60, 60)), np.zeros((120, 240), bool))
    assert bare.sum() > 0.8 * cover((60, 60)).sum()


def test_nothing_is_taken_of_what_is_hidden_there_too():
    frames = draw((60, 60)), draw((70, 60))
    bare = find_bare(*frames, cover((60, 60)), cover((70, 60)))
    assert bare.any() and not (bare & cover((70, 60))).any()
