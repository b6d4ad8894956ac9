"""Shots: cuts are found, and what only looks like one is not; held drawings; frames with nothing to draw."""

import cv2
import numpy as np
import pytest

from animi.core.shots.cuts import LOOK_AHEAD, ShotDetector, Verdict
from animi.core.shots.empty import name_empty
from animi.core.shots.held import DuplicateFinder, find_cadence
from animi.core.shots.thumbnails import compare, mixture, shrink

SIDE = 128


def scene(seed, number=0, pan=0.0, walk=1.0):
    """A drawn scene: a graded ground with shapes, and a figure that walks; `pan` in pixels a frame."""
    rng = np.random.default_rng(seed)
    low, high = rng.integers(40, 255, (2, 3))
    mix = np.linspace(0, 1, SIDE)[:, None, None]
    image = np.broadcast_to(low * (1 - mix) + high * mix, (SIDE, SIDE, 3)).astype(np.uint8).copy()
    for _ in range(30):
        centre = (rng.uniform(-1, 2) * SIDE + pan * number, rng.uniform(0, 1) * SIDE)
        size = rng.integers(4, 18)
        colour = tuple(int(c) for c in rng.integers(0, 255, 3))
        cv2.circle(image, (int(centre[0] * 16), int(centre[1] * 16)), int(size) * 16, colour, -1, cv2.LINE_AA, 4)
        cv2.circle(image, (int(centre[0] * 16), int(centre[1] * 16)), int(size) * 16, (0, 0, 0), 1, cv2.LINE_AA, 4)
    x = rng.uniform(0.2, 0.8) * SIDE + 20 * np.sin(walk * number / 5)
    cv2.ellipse(image, (int(x), 80), (12, 24), 0, 0, 360, tuple(int(c) for c in rng.integers(0, 255, 3)), -1)
    cv2.ellipse(image, (int(x), 80), (12, 24), 0, 0, 360, (0, 0, 0), 2)
    return image


def judge(frames, **settings) -> list[Verdict]:
    detector = ShotDetector(**settings)
    verdicts = [verdict for frame in frames for verdict in detector.push(frame)]
    assert [v.number for v in verdicts] == list(range(max(0, len(frames) - LOOK_AHEAD)))
    verdicts += detector.finish()
    assert [v.number for v in verdicts] == list(range(len(frames)))
    return verdicts


def cuts(frames, **settings):
    return [v.number for v in judge(frames, **settings) if v.cut]


def blend(first, second, share):
    return cv2.addWeighted(first, 1 - share, second, share, 0)


def test_hard_cuts_are_found_at_their_frame():
    lengths = [17, 30, 24, 40, 16, 25]
    frames = [scene(seed, i) for seed, length in enumerate(lengths) for i in range(length)]
    assert cuts(frames) == list(np.cumsum(lengths)[:-1])
    scores = [v.score for v in judge(frames)]
    assert all(0 <= score <= 1 for score in scores)
    assert min(scores[n] for n in np.cumsum(lengths)[:-1]) > 0.6


@pytest.mark.parametrize("hold", [1, 2, 3])
@pytest.mark.parametrize("pan", [0, 3, 9, 20])
def test_pans_and_held_motion_are_no_cut(pan, hold):
    frames = [scene(3, i // hold * hold, pan=pan, walk=2.0) for i in range(50)]
    assert cuts(frames) == []


def test_a_cut_between_pans_is_found():
    frames = [scene(4, i, pan=6) for i in range(30)] + [scene(5, i, pan=-6) for i in range(30)]
    assert cuts(frames) == [30]


@pytest.mark.parametrize("length", [1, 2, 4, 8])
@pytest.mark.parametrize("kind", ["white", "bright", "inverted", "fading"])
def test_a_flash_is_no_cut(kind, length):
    frames = [scene(6, i) for i in range(50)]
    white = np.full_like(frames[0], 255)
    for i in range(20, 20 + length):
        frames[i] = {
            "white": white,
            "bright": cv2.convertScaleAbs(frames[i], alpha=1.5, beta=70),
            "inverted": 255 - frames[i],
            "fading": blend(white, frames[i], (i - 20) / length),
        }[kind]
    verdicts = judge(frames)
    assert [v.number for v in verdicts if v.cut] == []
    if kind != "fading":
        assert {v.number for v in verdicts if v.transition == "flash"} >= {20}


def test_a_light_that_is_switched_is_no_cut():
    frames = [scene(7, i) for i in range(25)] + [cv2.convertScaleAbs(scene(7, 25 + i), alpha=0.4) for i in range(25)]
    assert cuts(frames) == []


def test_another_picture_that_stands_for_a_while_and_goes_again_is_two_cuts():
    frames = [scene(8, i) for i in range(20)] + [scene(9, i) for i in range(8)] + [scene(8, 28 + i) for i in range(20)]
    assert cuts(frames) == [20, 28]


@pytest.mark.parametrize("length", [12, 20, 36])
def test_a_dissolve_is_marked_and_is_no_cut(length):
    first, second = [scene(10, i) for i in range(40 + length)], [scene(11, i) for i in range(40 + length)]
    mixed = [blend(a, b, (i + 1) / (length + 1)) for i, (a, b) in enumerate(zip(first[40:], second, strict=False))]
    verdicts = judge(first[:40] + mixed[:length] + second[length:])
    assert not any(v.cut for v in verdicts)
    found = [v.number for v in verdicts if v.transition == "dissolve"]
    assert found and found == list(range(found[0], found[-1] + 1))
    assert abs(found[0] - 40) <= 6 and abs(found[-1] - (39 + length)) <= 6


def test_a_fade_through_black_is_one_cut_and_a_fade_of_one_scene_none():
    out = [cv2.convertScaleAbs(scene(12, 20 + i), alpha=1 - i / 12) for i in range(13)]
    back = [cv2.convertScaleAbs(scene(13, i), alpha=i / 12) for i in range(1, 13)]
    frames = [scene(12, i) for i in range(20)] + out + [out[-1]] * 4 + back + [scene(13, 12 + i) for i in range(20)]
    found = cuts(frames)
    assert len(found) == 1 and 32 <= found[0] <= 45
    same = [cv2.convertScaleAbs(scene(12, 33 + i), alpha=i / 12) for i in range(1, 13)]
    frames = [scene(12, i) for i in range(20)] + out + [out[-1]] * 4 + same + [scene(12, 45 + i) for i in range(20)]
    assert cuts(frames) == []


def test_the_threshold_is_the_callers():
    frames = [scene(14, i) for i in range(20)] + [scene(15, i) for i in range(20)]
    score = judge(frames)[20].score
    assert cuts(frames, cut_score=min(1.0, score)) == [20]
    assert cuts(frames, cut_score=score + 0.01) == []


@pytest.mark.parametrize("count", [0, 1, 2, LOOK_AHEAD, LOOK_AHEAD + 1])
def test_short_films_get_a_verdict_for_each_frame(count):
    assert len(judge([scene(1, i) for i in range(count)])) == count


def test_comparison_sees_through_motion_and_light_and_not_through_change():
    still, moved, other = shrink(scene(20)), shrink(np.roll(scene(20), 12, axis=1)), shrink(scene(21))
    assert compare(still, still) == 0
    assert compare(still, moved) < 0.35 < 0.8 < compare(still, other)
    relit = shrink(cv2.convertScaleAbs(scene(20), alpha=0.4, beta=20))
    assert compare(still, relit) < 0.2


def test_a_mixture_is_taken_apart():
    first, last = shrink(scene(22)), shrink(scene(23))
    share, off = mixture(first, blend(first, last, 0.3), last)
    assert share == pytest.approx(0.3, abs=0.02) and off < 0.03


def duplicates(frames):
    finder = DuplicateFinder()
    return [finder.is_duplicate(frame) for frame in frames]


@pytest.mark.parametrize("hold", [1, 2, 3, 4])
def test_held_drawings_are_duplicates_through_noise(hold):
    rng = np.random.default_rng(0)
    drawings = [scene(24, i // hold * 3) for i in range(24)]
    frames = [np.clip(d + rng.normal(0, 1.2, d.shape), 0, 255).astype(np.uint8) for d in drawings]
    assert duplicates(frames) == [i % hold > 0 for i in range(24)]


def test_a_blink_is_a_new_drawing():
    frames = [scene(25)] * 3
    frames[1] = frames[1].copy()
    cv2.circle(frames[1], (64, 64), 3, (0, 0, 0), -1)
    assert duplicates(frames) == [False, False, False]


def test_slow_motion_and_fades_are_not_eaten():
    slow = []
    for i in range(60):
        frame = np.full((SIDE, SIDE, 3), 230, np.uint8)
        cv2.circle(frame, (round((30 + i * 0.25) * 16), 64 * 16), 12 * 16, (40, 40, 40), -1, cv2.LINE_AA, 4)
        slow.append(frame)
    assert 10 <= duplicates(slow).count(False) <= 60  # 15 pixels of way: at least two drawings for three pixels
    grey = scene(26)
    fade = [cv2.convertScaleAbs(grey, alpha=1 - i / 100) for i in range(100)]
    kept = duplicates(fade).count(False)
    assert kept >= 60
    still_seen = [i for i, held in enumerate(duplicates(fade)) if not held]
    assert max(np.diff(still_seen)) <= 3


def test_a_shot_forgets_the_drawing_before():
    finder = DuplicateFinder()
    assert not finder.is_duplicate(scene(1))
    assert finder.is_duplicate(scene(1))
    finder.forget()
    assert not finder.is_duplicate(scene(1))


@pytest.mark.parametrize(
    ("holds", "cadence"),
    [
        ([2] * 10, 2),
        ([1, 2, 2, 2, 3, 2, 1], 2),
        ([1] * 9, 1),
        ([3, 3, 3, 1], 3),
        ([1, 1, 1, 1, 6, 6, 1], 6),
        ([2, 2], 2),
        ([8], None),
        ([], None),
    ],
)
def test_cadence_is_the_hold_of_most_frames(holds, cadence):
    assert find_cadence(holds) == cadence


def credits(side, ground, ink, lines=6):
    image = np.full((side, side, 3), ground, np.uint8)
    names = ["DIRECTED BY SACHA G", "ART ANDY GORALCZYK", "CHARACTERS ENRICO V", "TECHNICAL BRECHT", "MUSIC JAN M",
             "PRODUCED BY TON R"]  # fmt: skip
    for row in range(lines):
        at = (side // 12, int(side * (0.2 + 0.11 * row)))
        cv2.putText(image, names[row], at, cv2.FONT_HERSHEY_SIMPLEX, side / 640, ink, 1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize("side", [192, 256, 512])
@pytest.mark.parametrize(("ground", "ink"), [((0, 0, 0), (255, 255, 255)), ((250, 250, 250), (20, 20, 20)),
                                             ((20, 40, 90), (240, 230, 120))])  # fmt: skip
def test_credits_are_known(side, ground, ink):
    assert name_empty(credits(side, ground, ink)) == "credits"


def test_black_and_blank_frames_are_known_through_noise():
    rng = np.random.default_rng(0)
    for level, kind in ((2, "black"), (12, "black"), (128, "blank"), (250, "blank")):
        noisy = np.clip(rng.normal(level, 1.5, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        assert name_empty(noisy) == kind


def test_drawings_are_not_empty():
    lines = np.full((256, 256, 3), 252, np.uint8)
    cv2.circle(lines, (128, 90), 50, (0, 0, 0), 2, cv2.LINE_AA)
    cv2.polylines(lines, [np.array([[60, 220], [110, 140], [150, 140], [200, 220]])], False, (0, 0, 0), 2, cv2.LINE_AA)
    for x in (110, 145):
        cv2.circle(lines, (x, 80), 5, (0, 0, 0), -1, cv2.LINE_AA)
    assert name_empty(lines) is None
    night = np.full((256, 256, 3), 6, np.uint8)
    cv2.circle(night, (60, 60), 6, (250, 250, 200), -1)
    assert name_empty(night) is None
    for seed in range(10):
        assert name_empty(scene(seed)) is None
    titled = scene(1)
    cv2.putText(titled, "THE END", (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    assert name_empty(titled) is None
