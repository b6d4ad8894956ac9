"""In-betweens of grainy and dirty films: as much grain as the film's own frames, and no speck of theirs."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from animi.core.cartoon.composition import compose
from animi.core.engines.flow import FlowEngine
from animi.core.films.grain import GrainyDrawer
from animi.core.films.timing import judge_frames


def scene(x):
    frame = np.full((120, 160, 3), (150, 190, 220), np.uint8)
    frame[90:] = (100, 160, 90)
    cv2.circle(frame, (x, 60), 20, (200, 60, 50), -1, cv2.LINE_AA)
    cv2.circle(frame, (x, 60), 20, (20, 10, 10), 3, cv2.LINE_AA)
    return frame


def scan(x, rng, grain=6.0):
    noise = cv2.GaussianBlur(rng.normal(0, 1, (120, 160)).astype(np.float32), (0, 0), 0.8)
    return np.clip(scene(x) + (noise / noise.std() * grain)[..., None], 0, 255).astype(np.uint8)


def strength(frame):
    """The standard deviation of what changes fast, above and below the disc."""
    values = frame.astype(np.float32)
    fine = values - cv2.GaussianBlur(values, (0, 0), 1.5)
    return fine[4:30].std(), fine[100:116].std()


def coarse_strength(frame):
    """The standard deviation of what changes less fast, in the sky at both sides of the disc."""
    values = frame.astype(np.float32)
    coarse = cv2.GaussianBlur(values, (0, 0), 1.5) - cv2.GaussianBlur(values, (0, 0), 8)
    return np.concatenate([coarse[:16], coarse[:68, 120:].reshape(16, -1, 3)], 1).std()


def test_in_betweens_have_the_grain_of_the_key_frames():
    rng = np.random.default_rng(0)
    first, last = scan(50, rng), scan(74, rng)
    drawn = list(GrainyDrawer(FlowEngine(), "morph").prepare(first, last)([0.25, 0.5, 0.75]))
    wanted = np.mean([strength(first), strength(last)], 0)
    for frame in drawn:
        assert np.allclose(strength(frame), wanted, rtol=0.1)
        # cleaning leaves coarse grain, which gets weaker where two frames are mixed
        assert coarse_strength(frame) == pytest.approx(coarse_strength(first), rel=0.1)
    for one, other in zip([first, *drawn], [*drawn, last], strict=True):  # new grain in each frame
        parts = [frame[4:30].astype(np.float32) - cv2.GaussianBlur(frame, (0, 0), 1.5)[4:30] for frame in (one, other)]
        assert np.corrcoef(parts[0].ravel(), parts[1].ravel())[0, 1] < 0.4
    middle = cv2.GaussianBlur(drawn[1], (0, 0), 2.0).astype(int)
    assert np.abs(middle - cv2.GaussianBlur(scene(62), (0, 0), 2.0)).mean() < 3  # and the disc half way


def test_grain_of_16_bits_is_kept_too():
    rng = np.random.default_rng(0)
    first, last = (scan(x, rng).astype(np.uint16) * 257 for x in (50, 74))
    (drawn,) = GrainyDrawer(FlowEngine(), "morph").prepare(first, last)([0.5])
    assert drawn.dtype == np.uint16
    assert np.allclose(np.array(strength(drawn)) / 257, np.array(strength(first)) / 257, rtol=0.1)


def test_judged_frames_know_their_grain_and_what_is_behind_their_specks():
    rng = np.random.default_rng(0)
    frames = [scan(30 + 3 * (i // 2), rng, 4.0) for i in range(36)]
    spots = [[(int(rng.integers(8, 152)), int(rng.integers(6, 30))) for _ in range(1)] for _ in frames]
    for frame, places in zip(frames, spots, strict=True):
        for place in places:
            cv2.circle(frame, place, 2, (10,) * 3, -1, cv2.LINE_AA)
    judged = list(judge_frames((Fraction(i, 24), frame) for i, frame in enumerate(frames)))
    assert all(frame.grainy for frame in judged)
    assert sum(frame.held for frame in judged) >= 15
    mended = 0
    for number, (frame, places) in list(enumerate(zip(judged, spots, strict=True)))[4:32]:
        assert np.array_equal(frame.pixels, frames[number])
        clean = frame.pixels if frame.clean is None else frame.clean
        mended += all(frame.pixels[y, x].max() < 60 and clean[y, x].min() > 90 for x, y in places)
    assert mended >= 24  # of 28


def test_clean_films_have_neither():
    frames = [scene(30 + 3 * (i // 2)) for i in range(36)]
    judged = list(judge_frames((Fraction(i, 24), frame) for i, frame in enumerate(frames)))
    assert not any(frame.grainy or frame.clean is not None for frame in judged)


@pytest.mark.parametrize("kind", ["parade", "chase"])
def test_a_drawn_film_in_which_much_moves_has_no_dirt(kind):
    """Outlines that pass each other look like specks: in one frame only, and thin."""
    drawn = compose(kind, 3)
    pictures = [drawn.colour(drawn.cel(k / 24, 192, 112)) for k in range(40)]
    film = list(judge_frames((Fraction(k, 24), picture) for k, picture in enumerate(pictures)))
    assert not any(frame.clean is not None or frame.grainy or frame.held for frame in film)
