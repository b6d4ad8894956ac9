"""Flat pieces of drawings: how they are cut out, paired, and carried onto their partners."""

import cv2
import numpy as np
import pytest

from animi.core.engines.flow import FlowEngine
from animi.core.motion.light import is_fade
from animi.core.motion.search import estimate_flow
from animi.core.motion.segments import carry, find_segments, find_transforms, pair_segments


def draw(*ellipses, size=(160, 160)):
    """A quiet floor with flat ellipses: (centre, axes, angle, colour) each."""
    frame = np.full((*size, 3), (200, 210, 180), np.uint8)
    for centre, axes, angle, colour in ellipses:
        cv2.ellipse(frame, centre, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(frame, centre, axes, angle, 0, 360, (20, 10, 10), 2, cv2.LINE_AA)
    return frame


def lab(frame):
    return cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


RED, BLUE = (220, 50, 40), (50, 80, 220)


def test_pieces_are_what_moves_the_largest_first():
    first = draw(((40, 40), (24, 24), 0, RED), ((120, 120), (12, 18), 0, BLUE), ((120, 30), (15, 15), 0, BLUE))
    last = draw(((60, 60), (24, 24), 0, RED), ((90, 130), (12, 18), 0, BLUE), ((120, 30), (15, 15), 0, BLUE))
    found = find_segments(lab(first), lab(last))
    assert len(found.areas) == 4  # neither the floor nor what stays, but each piece's outline beside it
    assert (np.diff(found.areas) < 0).all()
    assert np.abs(found.centres[:2] - [(40, 40), (120, 120)]).max() < 0.5
    shares = found.areas[:2] * 160**2 / (np.pi * np.array([24 * 24, 12 * 18]))
    assert (shares > 0.55).all() and (shares <= 1).all()  # the outline takes its part
    assert np.abs(found.colours[:2] - lab(np.uint8([[RED, BLUE]]))[0]).max() < 3
    assert found.labels[40, 40] == 0 and found.labels[120, 120] == 1 and found.labels[30, 120] == -1


def test_partners_are_alike_and_near():
    first = draw(((40, 40), (20, 20), 0, RED), ((110, 40), (20, 20), 0, RED), ((40, 120), (20, 20), 0, BLUE))
    last = draw(((50, 50), (20, 20), 0, RED), ((120, 50), (20, 20), 0, RED), ((60, 110), (16, 24), 0, BLUE))
    one, other = find_segments(lab(first), lab(last)), find_segments(lab(last), lab(first))
    pairs = pair_segments(one, other, 226)
    assert len(pairs) == 6  # with their outlines
    for k, n in pairs:
        assert np.linalg.norm(one.centres[k] - other.centres[n]) < 25
    nothing = find_segments(lab(first), lab(first))
    assert len(nothing.areas) == 0 and pair_segments(nothing, other, 226) == []


@pytest.mark.parametrize(
    ("before", "axes", "angle"),
    [((20, 20), (20, 20), 0), ((24, 20), (14, 30), 0), ((12, 30), (12, 30), 50)],
    ids=["shift", "squash", "turn"],
)
def test_a_piece_is_carried_onto_its_partner(before, axes, angle):
    first, last = draw(((50, 60), before, 0, RED)), draw(((100, 90), axes, angle, RED))
    pieces = [find_segments(lab(first), lab(last)), find_segments(lab(last), lab(first))]
    transform = carry(*pieces, (0, 0))[-1]
    mask = (pieces[0].labels == 0).astype(np.uint8)
    carried = cv2.warpAffine(mask, transform, (160, 160))
    there = pieces[1].labels == 0
    assert (carried.astype(bool) & there).sum() > 0.93 * (carried.astype(bool) | there).sum()


def test_transforms_do_not_depend_on_the_size_of_the_picture():
    first, last = draw(((50, 60), (24, 20), 0, RED)), draw(((100, 90), (14, 30), 0, RED))
    small = find_transforms(first, last)
    large = find_transforms(*(cv2.resize(f, (480, 480), interpolation=cv2.INTER_LINEAR) for f in (first, last)))
    for one, other in zip(small[:2], large[:2], strict=True):  # of the piece itself
        assert np.abs(one.transform - other.transform).max() < 0.02 and np.abs(one.centre - other.centre).max() < 0.01


def test_a_figure_in_lines_alone_jumps_as_a_whole():
    def outline(move):
        frame = np.full((180, 240, 3), 250, np.uint8)
        corners = np.array([(45, 125), (70, 60), (100, 40), (130, 65), (115, 130), (75, 150)])
        cv2.polylines(frame, [corners + move], True, (30, 30, 30), 2, cv2.LINE_AA)
        for eye in (78, 100):
            cv2.circle(frame, (eye + move[0], 85 + move[1]), 6, (30, 30, 30), 2, cv2.LINE_AA)
        cv2.line(frame, (20, 170), (220, 168), (30, 30, 30), 1, cv2.LINE_AA)
        return frame

    first, last, truth = outline((0, 0)), outline((60, -12)), outline((30, -6))
    transforms = find_transforms(first, last)
    shifts = [(t.transform[:, :2] @ t.centre + t.transform[:, 2] - t.centre) * (240, 180) for t in transforms]
    assert any(np.abs(shift - (60, -12)).max() < 2 for shift in shifts)  # inside, it has the ground's colour
    still = outline((0, 0))
    cv2.circle(still, (200, 60), 8, (30, 30, 30), 2)
    assert all(np.hypot(*(t.centre * (240, 180) - (85, 100))) > 20 for t in find_transforms(first, still))
    drawn = FlowEngine().prepare(first, last).render(0.5)
    ink = (truth < 128).all(2)
    assert (drawn[ink] < 160).mean() > 0.9  # nothing of the outline is lost
    assert (drawn[~cv2.dilate(ink.astype(np.uint8), np.ones((7, 7))).astype(bool)] > 200).mean() > 0.998


def test_a_flat_piece_that_jumps_and_squashes_is_followed_to_its_middle():
    first, last = draw(((50, 60), (30, 24), 0, RED)), draw(((96, 96), (20, 34), 0, RED))
    forward, backward = estimate_flow(first, last)
    for flow, at, to in ((forward, (50, 60), (96, 96)), (backward, (96, 96), (50, 60))):
        dx, dy = flow[at[1] - 2 : at[1] + 3, at[0] - 2 : at[0] + 3].mean((0, 1))
        assert abs(at[0] + dx - to[0]) < 5 and abs(at[1] + dy - to[1]) < 5


def test_a_fade_is_light_and_motion_is_none(draw_disc):
    frame = draw_disc(60, 60)
    for other in (np.zeros_like(frame), np.full_like(frame, 255), (frame * 0.3).astype(np.uint8), frame // 2 + 120):
        assert is_fade(frame, other) and is_fade(other, frame)
    lines = np.full_like(frame, 250)
    lines[20:40, 30:33] = lines[90:93, 40:140] = 10
    assert not is_fade(
        lines, np.where(lines[::-1] < 99, 230, (70, 80, 130)).astype(np.uint8)
    )  # a cut to another ground
    for other in (frame, draw_disc(100, 80), np.roll(frame, 12, 1), draw_disc(60, 60)[::-1].copy()):
        assert not is_fade(frame, other) and not is_fade(other, frame)


def test_pieces_leave_the_engine_deterministic():
    first, last = draw(((50, 60), (24, 20), 0, RED)), draw(((100, 90), (14, 30), 0, RED))
    drawn = [FlowEngine().prepare(first, last).render(0.5) for _ in range(2)]
    assert np.array_equal(*drawn)
