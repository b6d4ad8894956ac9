"""Which frame or in-between each new frame of a film shows: cadence, cuts, fades, varying rates."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from animi.core.films.timing import Clock, FilmFrame, expose, judge_frames

FPS = Fraction(24)


def film(drawings, fps=FPS, cuts=(), mixed=(), flash=(), fading=()):
    """Frames of a film from letters: "AABB" is two drawings on twos. Pixels tell which frame it is."""
    return [
        FilmFrame(
            Fraction(k) / fps,
            np.full((1, 1, 3), k, np.uint8),
            held=k > 0 and letter == drawings[k - 1] and k not in (*cuts, *mixed, *flash),
            cut=k in cuts,
            mixed=k in mixed,
            flash=k in flash,
            fading=k in fading,
        )
        for k, letter in enumerate(drawings)
    ]


def tell(frames, factor=2, *, keep=False, rate=None, end=None, fps=FPS):
    """What is shown, as (frame,) or (first, last, t)."""
    factor = Fraction(factor)
    clock = Clock(1 / fps, factor * fps if rate is None else rate, factor)
    shown = expose(iter(frames), clock, end, keep=keep)
    number = lambda frame: int(frame.pixels[0, 0, 0])  # noqa: E731
    return [(number(e.first),) if e.last is None else (number(e.first), number(e.last), round(e.t, 6)) for e in shown]


def test_ones_get_a_frame_between_each():
    assert tell(film("ABC")) == [(0,), (0, 1, 0.5), (1,), (1, 2, 0.5), (2,), (2,)]


def test_twos_become_true_in_betweens():
    assert tell(film("AABB")) == [(0,), (0, 2, 0.25), (0, 2, 0.5), (0, 2, 0.75), (2,), (2,), (3,), (3,)]
    # at the film's own rate, the copies alone are replaced
    assert tell(film("AABBCC"), 1) == [(0,), (0, 2, 0.5), (2,), (2, 4, 0.5), (4,), (5,)]


def test_threes_become_true_in_betweens():
    thirds = tell(film("AAABBB"), 1)
    assert thirds == [(0,), (0, 3, 0.333333), (0, 3, 0.666667), (3,), (4,), (5,)]


def test_the_rhythm_of_twos_is_kept():
    # one drawing between A and B, and each stands for two of the new frames
    assert tell(film("AABB"), keep=True)[:4] == [(0,), (0,), (0, 2, 0.5), (0, 2, 0.5)]
    assert tell(film("AABBC"), 1, keep=True) == [(0,), (0,), (2,), (2,), (4,)]
    # what is on ones is drawn on ones
    assert tell(film("ABC"), keep=True)[:4] == tell(film("ABC"))[:4]


def test_a_rhythm_at_a_broken_factor_has_as_many_drawings_as_the_factor_rounded():
    shown = tell(film("AABB"), Fraction(5, 2), keep=True)[:5]
    assert [s[2] if len(s) == 3 else 0.0 for s in shown] == [0.0, 0.0, 0.333333, 0.333333, 0.666667]


def test_a_cut_is_held_up_to_and_never_drawn_across():
    assert tell(film("ABCD", cuts={2}))[2:6] == [(1,), (1,), (2,), (2, 3, 0.5)]
    assert all(len(s) == 1 for s in tell(film("AABB", cuts={2})))


def test_a_pose_stands_and_moves_in_one_step():
    # B is held for a second after drawings on twos: it moves within its last two frames alone
    shown = tell(film("AA" + "B" * 24 + "CC"), 1)
    assert shown[:2] == [(0,), (0, 2, 0.5)]
    assert shown[2:25] == [(k,) for k in range(2, 25)]
    assert shown[25] == (24, 26, 0.5)
    assert shown[26:] == [(26,), (27,)]


def test_a_pose_after_a_cut_moves_within_one_frame():
    shown = tell(film("A" * 12 + "B"), 2)
    assert shown[:23] == [(k // 2,) for k in range(23)]
    assert shown[23] == (11, 12, 0.5)


def test_a_flash_shows_the_nearest_frame():
    assert tell(film("ABCD", flash={2}), 4)[4:12] == [(1,), (1,), (1,), (2,), (2,), (2,), (2,), (3,)]


def test_dissolves_and_fades_go_on_in_every_new_frame():
    assert tell(film("ABCD", mixed={2}), 4)[4:12] == [
        (1,), (1, 2, 0.25), (1, 2, 0.5), (1, 2, 0.75), (2,), (2, 3, 0.25), (2, 3, 0.5), (2, 3, 0.75),
    ]  # fmt: skip
    # a drawing on twos does not fade before the film does
    assert tell(film("AAB", fading={2}))[:5] == [(0,), (0,), (1,), (1, 2, 0.5), (2,)]
    assert tell(film("AAB", fading={2}), keep=True)[:5] == [(0,), (0,), (1,), (1, 2, 0.5), (2,)]


def test_any_rate_gives_its_exact_number_of_frames():
    frames = film("ABCDEFGHIJKLMNOPQRSTUVWX")  # one second
    assert len(tell(frames, rate=Fraction(60))) == 60
    assert len(tell(frames, rate=Fraction(60000, 1001))) == 60  # 59.94 of them, of which the last is cut short
    assert len(tell(frames, Fraction(5, 2))) == 60
    assert len(tell(frames, Fraction(1, 2))) == 12
    assert len(tell(frames, rate=Fraction(60), end=Fraction(2))) == 120  # the last frame was lost, and is held
    exact = [s for s in tell(frames, Fraction(5, 2)) if len(s) == 1]
    assert len(exact) == 12 + 2  # every second of the film's frames is hit, and the last is held


def test_a_varying_rate_keeps_its_times():
    times = [Fraction(0), Fraction(1, 10), Fraction(2, 10), Fraction(7, 10), Fraction(8, 10)]
    frames = [FilmFrame(time, np.full((1, 1, 3), k, np.uint8)) for k, time in enumerate(times)]
    clock = Clock(Fraction(1, 10), None, Fraction(2))
    shown = list(expose(iter(frames), clock, Fraction(9, 10)))
    assert [float(e.time) for e in shown] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.65, 0.7, 0.75, 0.8, 0.85])
    # what stands for half a second is a pose, and moves within the usual tenth before the next drawing
    assert [e.t for e in shown[4:6]] == [0, 0.5]


def scene(seed, shift=0):
    """A picture of large soft shapes; another seed is another picture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:72, :96]
    frame = np.full((72, 96, 3), rng.integers(60, 200, 3), np.float32)
    for _ in range(7):
        cx, cy, r = rng.uniform(0, 96), rng.uniform(0, 72), rng.uniform(6, 20)
        frame[(x - cx - shift) ** 2 + (y - cy) ** 2 < r * r] = rng.integers(0, 256, 3)
    return frame


def judge(pictures):
    frames = ((Fraction(k, 24), np.clip(p, 0, 255).astype(np.uint8)) for k, p in enumerate(pictures))
    return list(judge_frames(frames))


def test_frames_are_judged_in_order_and_none_is_lost():
    found = judge([scene(1, k // 2 * 3) for k in range(30)] + [scene(2, k // 3 * 3) for k in range(30)])
    assert [f.time for f in found] == [Fraction(k, 24) for k in range(60)]
    assert [k for k, f in enumerate(found) if f.cut] == [30]
    assert [f.held for f in found[:30]] == [k % 2 == 1 for k in range(30)]
    assert [f.held for f in found[30:]] == [k % 3 != 0 for k in range(30)]
    assert not any(f.mixed or f.fading for f in found)


def test_a_fade_to_black_is_known_and_ends_where_it_ends():
    dark = [scene(3, k / 2) * max(0, 1 - k / 20) for k in range(30)]
    found = judge([scene(3, -k / 2) for k in range(20, 0, -1)] + dark)
    fading = [k for k, f in enumerate(found) if f.fading]
    assert set(range(22, 38)) <= set(fading) <= set(range(19, 42))


def test_a_dissolve_is_known():
    mix = [scene(4) * (1 - k / 16) + scene(5) * (k / 16) for k in range(17)]
    found = judge([scene(4)] * 30 + mix + [scene(5)] * 30)
    assert all(f.mixed for f in found[33:44])
    assert not any(f.mixed for f in found[:20] + found[-20:])


def test_a_hole_in_a_film_is_like_a_cut():
    frames = [(Fraction(k if k < 5 else k + 10, 24), scene(6, k).astype(np.uint8)) for k in range(10)]
    assert [f.cut for f in judge_frames(frames, Fraction(3, 24))] == [k == 5 for k in range(10)]
    assert not any(f.cut for f in judge_frames(frames))


def test_a_hole_of_a_day_takes_no_memory():
    """27 hours at 240 frames a second are 23 million times."""
    frames = [FilmFrame(Fraction(time), np.zeros((1, 1, 3), np.uint8)) for time in (0, 97_200, 97_201)]
    shown = expose(iter(frames), Clock(Fraction(1), Fraction(240), Fraction(240)))
    tracemalloc.start()
    try:
        for number in range(1000):
            assert next(shown).time == Fraction(number, 240)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
