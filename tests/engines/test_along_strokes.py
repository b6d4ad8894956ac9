"""Strokes that no motion explains, drawn: over grounds that stay and that move, and in all kinds of frames."""

import cv2
import numpy as np
import pytest

from animi.core.engines.along_strokes import AlongStrokes
from animi.core.engines.flow import FlowEngine
from animi.core.inbetween import interpolate
from animi.core.media.frames import premultiply
from animi.core.motion.guides import PairHints, Track
from animi.core.motion.parts import Part, PartMask

GROUND, WHITE, INK = (92, 150, 190), (250, 250, 252), (30, 25, 30)
TIMES = (0, 0.25, 0.5, 0.75, 1)


def draw_ring(t, *, scale=1, pan=0.0, alpha=False):
    """A ring that grows and pales over ground with marks, which may pan; (240, 400) times `scale`."""
    part = 1 - 0.5 * t
    size = (240 * scale, 400 * scale)
    ground, colour = GROUND, tuple(round(part * a + (1 - part) * b) for a, b in zip(WHITE, GROUND, strict=True))
    frame = np.empty((*size, 3), np.uint8)
    frame[:] = ground

    def circle(x, y, radius, shade, width):
        at = (round((x * scale) * 16), round((y * scale) * 16))
        cv2.circle(frame, at, round(radius * scale * 16), shade, width if width < 0 else width * scale, cv2.LINE_AA, 4)

    for k in range(6):
        circle(40 + 66 * k - pan * t, 214 - 9 * (k % 2), 9, (200, 180, 120), -1)
    circle(160 + 40 * t, 90, 22 + 30 * t, colour, 3)
    if not alpha:
        return frame
    opaque = (np.abs(frame.astype(int) - ground).max(2) > 0).astype(np.uint8) * 255
    return np.dstack([frame, opaque])


def draw_arm(t):
    """An arm that swings far, on a body: between the ends of its way it reaches farther than at either."""
    frame = np.empty((300, 400, 3), np.uint8)
    frame[:] = (200, 220, 190)
    angle = 0.9 - 1.8 * t
    spots = [(100 + u * np.cos(angle), 150 + u * np.sin(angle)) for u in np.linspace(0, 140, 20)]
    line = np.rint(np.array(spots) * 16).astype(np.int32)
    for part, colour, width in ((line, INK, 20), (line, (220, 170, 70), 16), (line[15:], (250, 212, 170), 16)):
        cv2.polylines(frame, [part], False, colour, width, cv2.LINE_AA, 4)
    cv2.circle(frame, (100, 150), 20, (70, 110, 180), -1)
    cv2.circle(frame, (100, 150), 20, INK, 3, cv2.LINE_AA)
    return frame


def measure(draw, **options):
    """Mean differences from the truth, in levels, at a quarter, half and three quarters; and the frames."""
    ends = [draw(t, **options) for t in (0, 1)]
    frames = list(interpolate(ends, spacing=TIMES, engine=FlowEngine()))
    errors = []
    for frame, t in list(zip(frames, TIMES, strict=True))[1:-1]:
        drawn, truth = (each if each.shape[2] == 3 else premultiply(each) * 255 for each in (frame, draw(t, **options)))
        errors.append(float(np.abs(drawn.astype(float) - truth).mean()))
    return errors, frames


@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 0.15),  # without strokes 1.2
        ({"scale": 3}, 0.15),
        ({"pan": 20.0}, 0.5),
        ({"alpha": True}, 0.7),
    ],
    ids=["ring", "large", "panning", "transparent"],
)
def test_a_ring_is_drawn_on_its_way(options, most):
    errors, _ = measure(draw_ring, **options)
    assert max(errors) < most


def test_grey_and_deep_frames_are_drawn_alike():
    ends = [draw_ring(t) for t in (0, 1)]
    colour = list(interpolate(ends, 3, engine=FlowEngine()))[1]
    deep = list(interpolate([end.astype(np.uint16) * 257 for end in ends], 3, engine=FlowEngine()))[1]
    assert np.abs(deep / 257.0 - colour).max() < 12 and np.abs(deep / 257.0 - colour).mean() < 0.05
    grey = [cv2.cvtColor(end, cv2.COLOR_RGB2GRAY)[..., None] for end in ends]
    drawn = list(interpolate(grey, 3, engine=FlowEngine()))[1]
    truth = cv2.cvtColor(draw_ring(0.5), cv2.COLOR_RGB2GRAY)[..., None]
    assert drawn.shape == truth.shape and np.abs(drawn.astype(int) - truth).mean() < 0.15


def test_an_arm_that_swings_out_of_the_part_that_changes_is_whole():
    """Engines get the part of the picture that changes; half way, the arm reaches 100 pixels beyond it."""
    errors, frames = measure(draw_arm)
    hand = np.abs(frames[2].astype(int) - (250, 212, 170)).sum(2) < 30
    assert np.flatnonzero(hand.any(0)).max() == pytest.approx(246, abs=6)
    assert max(errors) < 1.2


def test_mixed_and_hinted_frames_have_no_strokes_drawn_apart():
    ends = [draw_ring(t) for t in (0, 1)]
    assert isinstance(FlowEngine().prepare(*ends), AlongStrokes)
    assert not isinstance(FlowEngine(mixes=True).prepare(*ends), AlongStrokes)
    hints = PairHints((Track(((40.0, 214.0), (40.0, 214.0))),))
    assert not isinstance(FlowEngine().prepare(*ends, hints), AlongStrokes)


def test_a_pair_knows_where_its_strokes_are():
    ends = [draw_ring(t) for t in (0, 1)]
    pair = FlowEngine().prepare(*ends)
    flow = pair.follow()
    assert flow[90, 182] == pytest.approx((70, 0), abs=3) and flow[90, 138] == pytest.approx((10, 0), abs=3)
    assert np.abs(flow[214, 40]).max() < 0.5
    mask = np.zeros(ends[0].shape[:2], bool)
    mask[60:120, 130:190] = True
    part = Part(PartMask(mask, mask), [lambda own: own.astype(np.float32)] * 2, mask.shape)
    cover = pair.cover(part, 0.5)
    assert cover[90, 217] > 0.9 and cover[90, 182] < 0.1 and cover[90, 143] > 0.9
