"""Held drawings, slow motion and specks in worn films: grain, dirt, flicker, weave, codecs."""

import cv2
import numpy as np
import pytest

from animi.core.shots.held import DuplicateFinder
from animi.core.shots.mending import find_mending
from animi.core.shots.noise import AHEAD, NoiseMeter

SIZE = (160, 120)


def draw(x, pan=0.0, blink=False):
    """Houses with outlines, and a cat's head before them with its middle at `x`; drawn four times as large."""
    width, height = SIZE
    frame = np.full((4 * height, 4 * width, 3), (235, 205, 160), np.uint8)
    rng = np.random.default_rng(3)
    for number in range(-1, 7):
        left, high = round(4 * (34 * number - pan)), int(rng.integers(25, 60)) * 4
        colour = tuple(int(v) for v in rng.integers(90, 220, 3))
        corners = (left, 4 * height - high - 60), (left + 100, 4 * height - 60)
        cv2.rectangle(frame, *corners, colour, -1)
        cv2.rectangle(frame, *corners, (20, 20, 30), 4)
        cv2.rectangle(frame, (left + 20, corners[0][1] + 16), (left + 44, corners[0][1] + 40), (160, 240, 250), -1)
    cv2.rectangle(frame, (0, 4 * height - 60), (4 * width, 4 * height), (90, 170, 120), -1)
    middle = round(4 * x), 4 * 70
    cv2.circle(frame, middle, 72, (150, 130, 120), -1)
    cv2.circle(frame, middle, 72, (25, 20, 25), 7)
    for side in (-28, 28):
        eye = middle[0] + side, middle[1] - 12
        if blink:
            cv2.line(frame, (eye[0] - 12, eye[1]), (eye[0] + 12, eye[1]), (25, 20, 25), 6)
        else:
            cv2.circle(frame, eye, 14, (240, 255, 255), -1)
            cv2.circle(frame, eye, 7, (25, 20, 25), -1)
    return cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA)


def wear(frames, *, grain=0.0, chroma=0.0, weave=0.0, dirt=False, flicker=0.0, drift=0.0, jpeg=None, seed=5):
    """Frames as a scan has them."""
    rng = np.random.default_rng(seed)
    worn = []
    for number, frame in enumerate(frames):
        height, width = frame.shape[:2]
        values = frame.astype(np.float32) * 0.92 + 8
        if weave:
            way = np.float32([[1, 0, rng.normal(0, weave)], [0, 1, rng.normal(0, weave)]])
            values = cv2.warpAffine(values, way, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        values *= (1 + rng.normal(0, flicker)) * (1 + drift * number)
        noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.8)
        values += (noise / noise.std() * grain)[..., None]
        if chroma:
            noise = cv2.GaussianBlur(rng.normal(0, 1, frame.shape).astype(np.float32), (0, 0), 1.0)
            noise -= noise.mean(2, keepdims=True)
            values += noise / noise.std() * chroma
        if dirt:
            for _ in range(rng.poisson(1.5)):
                spot = int(rng.integers(width)), int(rng.integers(height))
                colour = (235,) * 3 if rng.random() < 0.6 else (20,) * 3
                cv2.circle(values, spot, int(rng.integers(1, 3)), colour, -1, cv2.LINE_AA)
        values = np.clip(values, 0, 255).astype(np.uint8)
        if jpeg:
            values = cv2.imdecode(cv2.imencode(".jpg", values, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1], 1)
        worn.append(values)
    return worn


def judge(frames, **options):
    """Whether each frame is held, as the programs ask for it: some frames late."""
    meter = NoiseMeter()
    finder = DuplicateFinder(meter=meter, **options)
    held = []
    for number, frame in enumerate(frames):
        meter.push(frame)
        if number >= AHEAD:
            held.append(finder.is_duplicate(frames[number - AHEAD], number - AHEAD))
    meter.finish()
    held += [finder.is_duplicate(frames[number], number) for number in range(len(held), len(frames))]
    return held, meter


ON_TWOS = [40 + 3 * (i // 2) for i in range(36)]
KINDS = {
    "grain": {"grain": 5.0},
    "chroma": {"grain": 2.0, "chroma": 7.0},
    "flicker": {"flicker": 0.015},
    "dirt": {"dirt": True},
    "drift": {"grain": 3.0, "drift": 0.002},
    "weave": {"weave": 0.5, "grain": 2.0},
    "scan": {"grain": 5.0, "weave": 0.6, "dirt": True, "flicker": 0.012},
}


@pytest.mark.parametrize("kind", KINDS)
def test_held_drawings_are_found_in_worn_films(kind):
    held, meter = judge(wear([draw(x) for x in ON_TWOS], **KINDS[kind]))
    assert meter.noise(35).noisy
    assert sum(held[1::2]) >= 16
    assert not any(held[0::2])


@pytest.mark.parametrize("kind", ["grain", "flicker", "scan"])
def test_slow_motion_under_noise_is_not_held(kind):
    held, _ = judge(wear([draw(40 + i) for i in range(36)], **KINDS[kind]))
    assert sum(held) <= 1


def test_a_slow_pan_is_not_taken_for_weave():
    held, _ = judge(wear([draw(80, pan=0.6 * i) for i in range(36)], grain=4.0, weave=0.5))
    assert sum(held) <= 2


def test_a_blink_under_grain_is_a_new_drawing():
    frames = [draw(80, blink=i // 2 % 6 == 3) for i in range(36)]
    held, _ = judge(wear(frames, grain=5.0))
    assert [i for i, old in enumerate(held) if not old] == [0, 6, 8, 18, 20, 30, 32]


def test_a_fade_in_a_film_that_flickers_is_not_held():
    frames = [np.clip(draw(80).astype(np.float32) * (1 - 0.025 * i), 0, 255).astype(np.uint8) for i in range(32)]
    held, _ = judge(wear(frames, flicker=0.004, grain=2.0))
    assert sum(held) <= 12


def test_clean_films_are_judged_as_without_a_meter():
    frames = [draw(x) for x in ON_TWOS] + [draw(94 + i, pan=2 * i) for i in range(12)]
    held, meter = judge(frames)
    finder = DuplicateFinder()
    assert held == [finder.is_duplicate(frame) for frame in frames]
    assert not meter.noise(20).noisy


@pytest.mark.parametrize(("threshold", "held"), [(0.0, 0), (1e6, 23)])
def test_a_threshold_overrules(threshold, held):
    assert sum(judge(wear([draw(x) for x in ON_TWOS[:24]], grain=5.0), threshold=threshold)[0]) == held


def test_specks_are_mended_and_what_is_drawn_stays():
    frames = [np.asarray(draw(x) * 0.92 + 8, np.uint8) for x in ON_TWOS]
    truth = [frame.copy() for frame in frames]
    rng = np.random.default_rng(1)
    for frame in frames:
        for _ in range(2):
            spot = int(rng.integers(5, 155)), int(rng.integers(5, 40))  # over the sky and the roofs
            cv2.circle(frame, spot, 2, (20,) * 3, -1, cv2.LINE_AA)
    _, meter = judge(frames)
    assert meter.noise(12).dirty
    spoilt = left = 0
    for number in range(4, 32):
        mending = find_mending(meter, number, first=False, last=False)
        mended = None if mending is None else mending.apply(*frames[number - 1 : number + 2])
        spoilt += int((cv2.absdiff(frames[number], truth[number]).max(2) > 30).sum())
        left += int((cv2.absdiff(frames[number] if mended is None else mended, truth[number]).max(2) > 30).sum())
    assert left < 0.25 * spoilt


def test_a_film_is_judged_when_its_first_frames_are_gone_from_memory():
    frames = [draw(30 + i // 4) for i in range(330)]
    held, meter = judge(frames[:80] + wear(frames[80:], grain=5.0, dirt=True))
    assert meter.view(0) is None and meter.noise(329).noisy
    assert sum(held[320:]) >= 6 and not any(held[320::4])


def test_fur_that_moves_while_all_else_stands_still_is_no_dirt():
    """Its hairs stand in one frame only, as specks do, but others beside them change as well."""
    rng = np.random.default_rng(2)
    frames = [draw(40) for _ in range(40)]
    for frame in frames:
        for _ in range(3):  # hairs, and what shines between them
            cv2.circle(frame, (100 + int(rng.integers(40)), 30 + int(rng.integers(40))), 1, (40, 50, 60), -1)
        frame[30:46, 100:116] -= cv2.GaussianBlur(rng.integers(0, 60, (16, 16, 3)).astype(np.uint8), (0, 0), 2)
    _, meter = judge(frames)
    assert not meter.noise(30).noisy


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 9), (30, 2), (7, 5)])
def test_tiny_films_are_judged(shape):
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(2 * AHEAD)]
    held, _ = judge([frame for frame in frames for _ in range(2)])
    assert all(held[1::2])
    assert not any(held[2::2])
