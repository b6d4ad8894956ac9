"""Frames at any time between key frames: how many, in which order, and that the key frames come back untouched."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from animi.core.config.choices import EASINGS, MOST_FRAMES
from animi.core.config.interpolation import InterpolateConfig
from animi.core.config.parsing import ease, read_spacing
from animi.core.errors import ConfigError, InputError
from animi.core.inbetween.pair import draw_segment
from animi.core.inbetween.sequence import count_frames, interpolate
from animi.core.media.image_files import encode_png

QUICK = settings(max_examples=40, deadline=None)


class Clock:
    """An engine that draws the time: (first + t * (last - first)), so that a frame tells where it belongs."""

    name = "clock"

    def __init__(self):
        self.pairs = 0

    def prepare(self, first, last):
        self.pairs += 1
        self.ends = first.astype(float), last.astype(float)
        return self

    def render(self, t):
        assert 0 < t < 1
        return np.rint(self.ends[0] + t * (self.ends[1] - self.ends[0])).astype(np.uint8)


def flat(*values):
    return [np.full((2, 3, 1), value, np.uint8) for value in values]


def play(keys, count=5, **how):
    return [int(frame[0, 0, 0]) for frame in interpolate(flat(*keys), count, engine=Clock(), **how)]


def noise(shape, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


# How many, and in which order


def test_count_takes_in_both_ends():
    assert play([0, 100]) == [0, 25, 50, 75, 100]
    assert play([0, 100], 2) == [0, 100]
    assert play([0, 100], 3) == [0, 50, 100]


def test_segments_share_their_key_frames():
    assert play([0, 100, 20], 3) == [0, 50, 100, 60, 20]
    assert play([0, 100, 20], 2) == [0, 100, 20]


def test_loop_goes_on_to_the_first_and_does_not_repeat_it():
    assert play([0, 100], loop=True) == [0, 25, 50, 75, 100, 75, 50, 25]
    assert play([0, 100, 200], 3, loop=True) == [0, 50, 100, 150, 200, 100]


def test_boomerang_repeats_neither_end():
    assert play([0, 100], boomerang=True) == [0, 25, 50, 75, 100, 75, 50, 25]
    assert play([0, 100], 2, boomerang=True) == [0, 100]
    assert play([0, 100, 200], 3, boomerang=True) == [0, 50, 100, 150, 200, 150, 100, 50]


def test_loop_and_boomerang_go_round_one_way_and_then_the_other():
    assert play([0, 100, 200], 3, loop=True, boomerang=True) == [0, 50, 100, 150, 200, 100, 0, 100, 200, 150, 100, 50]


@QUICK
@given(
    keys=st.integers(2, 6), count=st.integers(2, 9), loop=st.booleans(), boomerang=st.booleans(), chart=st.booleans()
)
def test_as_many_come_as_were_told_and_none_twice_in_a_row(keys, count, loop, boomerang, chart):
    values = [(key * 97) % 256 for key in range(keys)]
    spacing = [k / (count - 1) for k in range(count)] if chart else "linear"
    came = play(values, 7 if chart else count, spacing=spacing, loop=loop, boomerang=boomerang)
    assert len(came) == count_frames(keys, count, loop=loop, boomerang=boomerang)
    assert set(values) <= set(came)
    assert all(a != b for a, b in pairwise(came))
    if loop or boomerang:
        assert came[-1] != came[0]  # as it starts again


def test_a_pair_is_prepared_once_and_not_at_all_without_in_betweens():
    engine = Clock()
    list(interpolate(flat(0, 50, 100), 6, engine=engine))
    assert engine.pairs == 2
    list(interpolate(flat(0, 50, 100), 2, engine=engine))
    assert engine.pairs == 2


def test_frames_are_drawn_as_they_are_asked_for():
    engine = Clock()
    frames = interpolate(flat(0, 50, 100), 4, engine=engine)
    assert engine.pairs == 0
    next(frames), next(frames)
    assert engine.pairs == 1


class Clocks(Clock):
    """A clock that draws three at once."""

    def __init__(self):
        super().__init__()
        self.drawn = 0

    def render_all(self, times):
        for start in range(0, len(times), 3):
            for frame in [self.render(t) for t in times[start : start + 3]]:
                self.drawn += 1
                yield frame


def test_an_engine_that_draws_several_at_once_is_asked_for_them():
    engine = Clocks()
    frames = interpolate(flat(0, 90, 0), engine=engine, spacing=[0, 0.1, 0.4, 0.5, 0.8, 1])
    assert [int(next(frames)[0, 0, 0]) for _ in range(4)] == [0, 9, 36, 45]
    assert engine.drawn == 3
    assert [int(frame[0, 0, 0]) for frame in frames] == [72, 90, 81, 54, 45, 18, 0]
    assert engine.drawn == 8 and engine.pairs == 2


def test_ends_amid_the_times_do_not_disturb_those_who_draw_several_at_once():
    drawn = [list(draw_segment(*flat(0, 100), (0, 0.2, 0, 1, 0.6, 1), engine(), "hold")) for engine in (Clock, Clocks)]
    assert [int(frame[0, 0, 0]) for frame in drawn[1]] == [0, 20, 0, 100, 60, 100]
    assert np.array_equal(*drawn)


def test_what_comes_can_be_changed_without_harm():
    keys = flat(0, 100)
    for frame in interpolate(keys, 3, boomerang=True):
        frame[:] = 7
    assert [int(key[0, 0, 0]) for key in keys] == [0, 100]


# Spacing


@pytest.mark.parametrize("easing", EASINGS)
def test_easings_run_from_0_to_1_and_never_back(easing):
    times = [ease(k / 100, easing) for k in range(101)]
    assert times[0] == 0 and times[-1] == 1
    assert all(a < b for a, b in pairwise(times))


def test_easings_are_slow_where_they_say():
    assert ease(0.25, "ease-in") < 0.25 < ease(0.25, "ease-out")
    assert ease(0.1, "ease-in-out") < 0.1 and ease(0.9, "ease-in-out") > 0.9 and ease(0.5, "ease-in-out") == 0.5
    assert play([0, 100], 3, spacing="ease-in") == [0, 25, 100]
    assert play([0, 100], 3, spacing="ease-out") == [0, 75, 100]


def test_a_chart_wins_over_the_count():
    assert play([0, 100], 50, spacing=(0, 0.1, 0.35, 1)) == [0, 10, 35, 100]
    assert play([0, 100], 50, spacing="0, 1/4 ,1") == [0, 25, 100]


def test_equal_times_hold_a_frame():
    assert play([0, 100], spacing=(0, 0.5, 0.5, 1)) == [0, 50, 50, 100]
    assert play([0, 100, 200], spacing=(0, 0, 0.5, 1, 1)) == [0, 0, 50, 100, 100, 100, 150, 200, 200]


@pytest.mark.parametrize(
    "text",
    ["", "fast", "0", "1", "0,2", "0.1,1", "0,0.6,0.5,1", "1,0", "0,nan,1", "0,inf,1", "0,1e999,1", "0,1/0,1", "0;1"],
)
def test_a_chart_that_cannot_be_used(text):
    with pytest.raises(ConfigError, match=r"^--spacing: "):
        read_spacing(text)


def test_a_chart_of_numbers_that_cannot_be_used():
    with pytest.raises(ConfigError, match=r"^--spacing: "):
        interpolate(flat(0, 1), spacing=[0, float("nan"), 1])


@pytest.mark.parametrize("count", [-1, 0, 1, MOST_FRAMES + 1])
def test_counts_out_of_range(count):
    with pytest.raises(ConfigError, match=rf"^-n: {count} is out of range; give 2 to 100000"):
        InterpolateConfig((), "out.gif", count)


# Key frames stay what they are


@QUICK
@given(
    height=st.integers(1, 41),
    width=st.integers(1, 41),
    form=st.sampled_from([(), (1,), (3,), (4,)]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    count=st.integers(2, 5),
    engine=st.sampled_from(["flow", "blend"]),
    seed=st.integers(0, 999),
)
@example(1, 1, (4,), np.uint16, 4, "flow", 0)
@example(1, 300, (3,), np.uint8, 3, "flow", 0)
@example(300, 1, (4,), np.uint8, 3, "flow", 0)
@example(2, 333, (), np.uint16, 3, "flow", 0)
def test_ends_come_back_exactly_and_the_rest_is_alike(height, width, form, dtype, count, engine, seed):
    keys = [noise((height, width, *form), dtype, seed + k) for k in range(2)]
    before = [key.copy() for key in keys]
    came = list(interpolate(keys, count, engine=engine))
    assert len(came) == count
    assert all(frame.shape == keys[0].shape and frame.dtype == dtype for frame in came)
    assert np.array_equal(came[0], keys[0]) and np.array_equal(came[-1], keys[1])
    assert all(map(np.array_equal, keys, before))


@pytest.mark.parametrize("engine", ["flow", "blend"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_pair_of_equal_frames_stays_as_it_is(engine, dtype, channels):
    key = noise((20, 30, channels), dtype)
    assert all(np.array_equal(frame, key) for frame in interpolate([key, key.copy()], 4, engine=engine))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(96, 128), (96, 128, 1), (96, 128, 3), (96, 128, 4)])
@pytest.mark.parametrize("engine", ["flow", "blend"])
def test_what_both_key_frames_show_far_from_any_motion_is_untouched(engine, shape, dtype):
    first = noise(shape, dtype)
    last = first.copy()
    last[40:56, 50:70] = noise((16, 20, *shape[2:]), dtype, 1)
    far = np.ones(shape[:2], bool)
    far[20:76, 30:90] = False
    middle = list(interpolate([first, last], 3, engine=engine))[1]
    assert np.array_equal(middle[far], first[far])


def test_an_8_bit_pair_and_the_same_in_16_bits_are_drawn_alike(draw_disc):
    pair = [draw_disc(x, 40, (128, 80), 14) for x in (30, 60)]
    shallow = list(interpolate(pair, 3))[1]
    deep = list(interpolate([frame.astype(np.uint16) * np.uint16(257) for frame in pair], 3))[1]
    gap = np.abs(deep / 257 - shallow)
    assert np.median(gap) < 1 and np.percentile(gap, 99) < 4


def test_grey_is_drawn_alike_with_and_without_a_channel_axis(draw_disc):
    pair = [draw_disc(x, 40, (128, 80), 14)[..., 1] for x in (30, 60)]
    bare = list(interpolate(pair, 3))[1]
    assert np.array_equal(bare, list(interpolate([frame[..., None] for frame in pair], 3))[1][..., 0])


# What is rejected


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_frames(number):
    with pytest.raises(InputError, match=f"two key frames or more are needed, and {number} was given"):
        interpolate(flat(*range(number)))


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([np.zeros((2, 2, 3), np.float32)] * 2, "key frame 0 holds float32"),
        ([np.zeros((2, 2, 2), np.uint8)] * 2, r"key frame 0 has shape \(2, 2, 2\)"),
        ([np.zeros((0, 2, 3), np.uint8)] * 2, r"key frame 0 has shape \(0, 2, 3\)"),
        ([np.zeros(5, np.uint8)] * 2, r"key frame 0 has shape \(5,\)"),
        ([noise((2, 2, 3)), noise((2, 3, 3))], r"key frame 1 is \(2, 3, 3\) uint8 and key frame 0 is \(2, 2, 3\)"),
        ([noise((2, 2, 3)), noise((2, 2, 3), np.uint16)], "key frame 1 is .* uint16"),
    ],
)
def test_frames_that_cannot_be_used(keys, found):
    with pytest.raises(InputError, match=found):
        interpolate(keys)


def test_a_third_frame_that_does_not_fit_is_named_when_it_is_reached():
    with pytest.raises(InputError, match="key frame 2 is"):
        list(interpolate([noise((2, 2, 3)), noise((2, 2, 3)), noise((3, 2, 3))], 3))


def test_an_unknown_engine_is_rejected():
    with pytest.raises(ConfigError, match=r"^--engine: 'magic'"):
        interpolate(flat(0, 1), engine="magic")


def test_the_library_draws_what_the_command_draws(tmp_path, animi, key_frames):
    from animi.core.media.image_files import read_image

    out = tmp_path / "frames"
    assert animi("interpolate", *key_frames, "-n", 4, "-o", out).exit_code == 0
    drawn = interpolate([read_image(path) for path in key_frames], 4)
    assert [encode_png(frame) for frame in drawn] == [path.read_bytes() for path in sorted(out.glob("*.png"))]
