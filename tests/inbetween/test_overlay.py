"""What lies over a picture stays where it is while the camera moves; what moves is not held."""

import cv2
import numpy as np
import pytest

from animi.core.engines.flow import FlowEngine
from animi.core.inbetween.overlay import find_camera, find_overlay
from animi.core.inbetween.pair import prepare_pair

WIDTH, HEIGHT = 240, 140


def street(x, y=0.0):
    """Houses of unlike size and colour, of which the camera shows what is right of and below x, y."""
    large = np.full((HEIGHT * 2, WIDTH * 2, 3), (150, 190, 230), np.uint8)
    rng = np.random.default_rng(11)
    left = -160.0
    while left < WIDTH + 160:
        wide, high = int(rng.integers(24, 60)), int(rng.integers(50, 110))
        start, top = round(2 * (left - x)), round(2 * (HEIGHT - 10 - high - y))
        colour = tuple(int(v) for v in rng.integers(80, 240, 3))
        cv2.rectangle(large, (start, top), (start + 2 * wide, 2 * HEIGHT + 40), colour, -1)
        cv2.rectangle(large, (start, top), (start + 2 * wide, 2 * HEIGHT + 40), (25, 20, 30), 3)
        for row in range(3):
            at = start + int(rng.integers(8, 30)), top + 14 + row * 46
            cv2.rectangle(large, at, (at[0] + int(rng.integers(12, 22)), at[1] + 22), (250, 240, 150), -1)
            cv2.rectangle(large, at, (at[0] + 16, at[1] + 22), (40, 30, 30), 2)
        left += wide + int(rng.integers(2, 14))
    return cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def subtitle(frame, fill=(255, 255, 255), stroke=(0, 0, 0)):
    """Letters with smooth outlines, and a box in the corner."""
    frame = frame.copy()
    for colour, thick in ((stroke, 5), (fill, 2)):
        cv2.putText(frame, "Come back, rat!", (28, 112), cv2.FONT_HERSHEY_SIMPLEX, 0.75, colour, thick, cv2.LINE_AA)
    cv2.rectangle(frame, (196, 8), (230, 22), stroke, -1)
    cv2.rectangle(frame, (198, 10), (220, 20), fill, -1)
    return frame


def covered(least=0.95, **colours):
    """Where the subtitle covers at least such a share of a pixel."""
    grounds = ((0, 255, 0), (255, 0, 255))
    sides = [subtitle(np.full((HEIGHT, WIDTH, 3), ground, np.uint8), **colours) for ground in grounds]
    return cv2.absdiff(*sides).max(2) <= 255 * (1 - least)


def share_wrong(drawn, truth, where):
    return float((cv2.absdiff(drawn, truth).max(2)[where] > 24).mean())


MOVES = {"pan": (17, 0), "shake": (-6, 7), "fast pan": (41, 0)}
COLOURS = {"white": {}, "yellow": {"fill": (250, 220, 30)}, "black": {"fill": (10, 10, 10), "stroke": (250, 250, 250)}}


@pytest.mark.parametrize(
    ("colour", "move"),
    # black letters meet the houses' own black in the fast pan
    [(colour, move) for colour in COLOURS for move in MOVES if (colour, move) != ("black", "fast pan")],
)
def test_subtitles_stay_while_the_camera_moves(colour, move):
    dx, dy = MOVES[move]
    scenes = [subtitle(street(t * dx, t * dy), **COLOURS[colour]) for t in (0, 0.5, 1)]
    (drawn,) = prepare_pair(scenes[0], scenes[2], FlowEngine(), "morph")([0.5])
    assert share_wrong(drawn, scenes[1], covered(**COLOURS[colour])) < 0.01
    # half transparent outlines are drawn over a ground that neither frame may show
    assert share_wrong(drawn, scenes[1], covered(0.5, **COLOURS[colour])) < 0.15


def test_16_bits_and_grey_have_overlays_too():
    first, last = (subtitle(street(x)) for x in (0, 17))
    deep = find_overlay(first.astype(np.uint16) * 257, last.astype(np.uint16) * 257)
    assert deep is not None and deep.frames[0].dtype == np.uint16
    assert deep.lay(np.zeros_like(first, np.uint16))[covered()].max() == 65535
    grey = find_overlay(*(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (first, last)))
    assert grey is not None and grey.frames[0].shape == (HEIGHT, WIDTH)


def test_an_earlier_frame_of_the_shot_helps():
    frames = [subtitle(street(17 * k)) for k in range(3)]
    alone, more = find_overlay(*frames[1:]), find_overlay(*frames[1:], frames[0])
    assert alone is not None and more is not None
    opaque = covered()
    assert (more.alpha[opaque] == 1).sum() >= (alone.alpha[opaque] == 1).sum()


def walker(frame, x, spot):
    """A plain figure with outlines, on which a spot goes its own way."""
    frame = frame.copy()
    cv2.rectangle(frame, (x, 50), (x + 70, 120), (20, 15, 20), -1)
    cv2.rectangle(frame, (x + 3, 53), (x + 67, 117), (200, 60, 60), -1)
    for stripe in range(x + 13, x + 60, 14):  # and stripes, which lie on each other when it moves by their distance
        cv2.rectangle(frame, (stripe, 60), (stripe + 5, 75), (240, 230, 90), -1)
    cv2.circle(frame, spot, 6, (20, 15, 60), -1, cv2.LINE_AA)
    return frame


def test_a_figure_whose_parts_are_equal_in_both_is_not_held():
    # it goes 14 pixels: its red and its stripes are equal in both frames over most of its breadth
    for pan in (0, 17):
        first = walker(street(0), 60, (80, 100))
        last = walker(street(pan), 74, (132, 100))
        overlay = find_overlay(first, last)
        held = np.zeros((HEIGHT, WIDTH), bool) if overlay is None else overlay.alpha[..., 0] > 0
        assert not held[45:125, 58:148].any()


def test_nothing_lies_over_a_pan_or_a_picture_that_stands():
    assert find_overlay(street(0), street(17)) is None
    assert find_overlay(street(0), street(0)) is None
    still, moved = walker(street(0), 40, (60, 100)), walker(street(0), 90, (110, 100))
    assert find_overlay(still, moved) is None
    assert find_overlay(*(np.dstack([street(x), np.full((HEIGHT, WIDTH), 255, np.uint8)]) for x in (0, 17))) is None


def test_the_camera_is_found_behind_an_overlay():
    for dx, dy in MOVES.values():
        camera = find_camera(subtitle(street(0)), subtitle(street(dx, dy)))
        assert camera is not None
        assert np.allclose(camera, [[1, 0, -dx], [0, 1, -dy]], atol=0.4)
