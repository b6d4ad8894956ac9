"""What engines draw: things move and do not fade, what stands still stays, alpha has no dark fringe."""

import numpy as np
import pytest

from animi.core.config.choices import ENGINES
from animi.core.engines.flow import FlowEngine
from animi.core.engines.opening import open_engine
from animi.core.errors import ConfigError, DeviceError
from animi.core.inbetween.sequence import interpolate
from animi.core.media.frames import flatten_alpha


def middle(first, last, engine="flow", t=0.5):
    return list(interpolate([first, last], engine=engine, spacing=[0, t, 1]))[1]


def find_red(frame):
    """The centre (x, y) of what is red, and how many pixels it has."""
    red = frame[..., 0].astype(int) - frame[..., 1:3].max(2).astype(int) > 70
    y, x = np.nonzero(red)
    return (x.mean(), y.mean()), len(x)


def ghost(frame, first, last, threshold=0.1, sigma=0.03):
    """How much of a frame is a mixture of its ends, in [0, 1], where the ends differ by more than `threshold`.

    At each pixel, with d = last - first: the share alpha of the last frame that explains the pixel best, the remainder
    r that no mixture explains, and 4 alpha (1 - alpha) exp(-(r / sigma)^2), which is 1 for an even mixture.
    """
    frame, first, last = (picture.astype(float) / 255 for picture in (frame, first, last))
    d = last - first
    alpha = np.clip(((frame - first) * d).sum(2) / ((d**2).sum(2) + 1e-6), 0, 1)
    r = np.linalg.norm(frame - first - alpha[..., None] * d, axis=2)
    weight = np.abs(d).mean(2) >= threshold
    return float((weight * 4 * alpha * (1 - alpha) * np.exp(-((r / sigma) ** 2))).sum() / weight.sum())


# Motion


@pytest.mark.parametrize(
    ("start", "end", "radius", "off"),
    [((60, 80), (120, 80), 18, 2), ((60, 50), (110, 100), 18, 2), ((40, 80), (120, 80), 26, 3)],
    ids=["60 px", "diagonal", "a third of the picture"],
)
def test_a_disc_moves_over_its_floor(draw_disc, start, end, radius, off):
    first, last = draw_disc(*start, radius=radius), draw_disc(*end, radius=radius)
    truth = draw_disc((start[0] + end[0]) // 2, (start[1] + end[1]) // 2, radius=radius)
    drawn, faded = middle(first, last), middle(first, last, "blend")
    (x, y), area = find_red(drawn)
    (true_x, true_y), true_area = find_red(truth)
    assert np.hypot(x - true_x, y - true_y) < off
    assert 0.8 < area / true_area < 1.1
    assert ghost(faded, first, last) > 0.8 and ghost(truth, first, last) < 0.05  # the measure measures
    assert ghost(drawn, first, last) < 0.15
    assert np.abs(drawn.astype(int) - truth).mean() < 0.5 * np.abs(faded.astype(int) - truth).mean()


@pytest.mark.parametrize("t", [0.1, 0.25, 0.75, 0.9])
def test_the_disc_is_where_its_time_says(draw_disc, t):
    (x, y), _ = find_red(middle(draw_disc(60, 80), draw_disc(120, 80), t=t))
    assert abs(x - (60 + 60 * t)) < 2 and abs(y - 80) < 1


def test_an_outline_stays_dark_and_closed(draw_disc):
    drawn = middle(draw_disc(60, 80), draw_disc(120, 80))
    angles = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = [
        drawn[round(80 + r * np.sin(a)), round(90 + r * np.cos(a))].max() for a in angles for r in (17, 18, 19)
    ]  # fmt: skip
    darkest = np.array(ring).reshape(72, 3).min(1)
    assert (darkest < 90).mean() > 0.85


def test_the_floor_away_from_the_disc_is_untouched(draw_disc):
    first, last = draw_disc(60, 80), draw_disc(120, 80)
    drawn = middle(first, last)
    far = np.ones(first.shape[:2], bool)
    far[48:112, 28:152] = False
    assert np.array_equal(drawn[far], first[far])


def test_the_floor_uncovered_behind_the_disc_is_the_last_frames(draw_disc):
    first, last = draw_disc(60, 80), draw_disc(120, 80)
    drawn = middle(first, last, t=0.75).astype(int)
    left = drawn[70:90, 44:70]  # the disc was here, and is at 105 now
    assert np.abs(left - last[70:90, 44:70]).mean() < 12


@pytest.mark.parametrize("engine", ENGINES)
def test_time_runs_backwards_alike(draw_disc, engine):
    first, last = draw_disc(60, 60), draw_disc(110, 90)
    there, back = middle(first, last, engine, 0.25), middle(last, first, engine, 0.75)
    gap = np.abs(there.astype(int) - back)
    assert gap.mean() < 0.5 and np.percentile(gap, 99) < 12


@pytest.mark.parametrize("engine", ENGINES)
def test_two_runs_draw_the_same(draw_disc, engine):
    pair = draw_disc(60, 60), draw_disc(110, 90)
    assert np.array_equal(middle(*pair, engine, 0.3), middle(*pair, engine, 0.3))


def test_a_grey_disc_moves_as_well(draw_disc):
    keys = [draw_disc(x, 80)[..., 1] for x in (60, 90, 120)]
    drawn = middle(keys[0], keys[2])
    assert (
        np.abs(drawn.astype(int) - keys[1]).mean()
        < 0.5 * np.abs(middle(keys[0], keys[2], "blend") - keys[1].astype(int)).mean()
    )


def test_blend_is_the_mixture_that_its_name_says():
    first, last = np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 200, np.uint8)
    assert (middle(first, last, "blend", 0.25) == 125).all()


# Alpha


def sprite(x, y=48, size=(128, 96), soft=2):
    """A yellow disc with a soft edge on transparency; what is hidden there is black."""
    columns, rows = np.arange(size[0]), np.arange(size[1])[:, None]
    alpha = np.clip((16 - np.hypot(columns - x, rows - y)) / soft + 0.5, 0, 1)
    frame = np.zeros((size[1], size[0], 4), np.uint8)
    frame[..., :3] = np.where(alpha[..., None] > 0, np.array([250, 210, 40]), 0)
    frame[..., 3] = np.rint(alpha * 255)
    return frame


def test_a_sprite_moves_on_transparency_without_a_dark_fringe():
    first, truth, last = (sprite(x) for x in (40, 58, 76))
    drawn = middle(first, last)
    assert np.abs(drawn[..., 3].astype(int) - truth[..., 3]).mean() < 2
    seen = drawn[..., 3] > 30
    assert seen.sum() > 0.9 * (truth[..., 3] > 30).sum()
    assert np.abs(drawn[seen][:, :3].astype(int) - (250, 210, 40)).max() <= 12
    on_white = flatten_alpha(drawn).astype(int)
    assert np.abs(on_white - flatten_alpha(truth)).mean() < 2


def test_a_black_sprite_is_seen_on_transparency():
    first, truth, last = (sprite(x) for x in (40, 58, 76))
    for frame in (first, truth, last):
        frame[..., :3] = 0
    assert np.abs(middle(first, last)[..., 3].astype(int) - truth[..., 3]).mean() < 2


def test_a_sprite_fades_without_a_dark_fringe():
    drawn = middle(sprite(40), sprite(76), "blend")
    seen = drawn[..., 3] > 8
    assert np.abs(drawn[seen][:, :3].astype(int) - (250, 210, 40)).max() <= 2
    assert abs(int(drawn[48, 40, 3]) - 128) <= 1


def test_alpha_alone_is_interpolated():
    first, last = (np.full((32, 48, 4), 180, np.uint8) for _ in range(2))
    first[..., 3], last[..., 3] = 55, 255
    for engine in ENGINES:
        drawn = middle(first, last, engine)
        assert np.abs(drawn[..., 3].astype(int) - 155).max() <= 2
        assert np.abs(drawn[..., :3].astype(int) - 180).max() <= 2


def test_what_hides_under_full_transparency_has_no_say():
    pair = [sprite(40), sprite(76)]
    dirty = [frame.copy() for frame in pair]
    for frame in dirty:
        frame[frame[..., 3] == 0, :3] = (0, 255, 0)
    clean, other = middle(*pair), middle(*dirty)
    seen = clean[..., 3] > 0
    assert np.array_equal(clean[..., 3], other[..., 3])
    assert np.array_equal(clean[seen], other[seen])


# The interface


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", ENGINES)
def test_engines_keep_shape_type_and_range(name, dtype, channels):
    rng = np.random.default_rng(0)
    first, last = ((rng.random((37, 53, channels)) * 255).astype(dtype) for _ in range(2))
    if channels == 4:
        for frame in (first, last):
            np.minimum(frame[..., :3], frame[..., 3:], out=frame[..., :3])
    pair = open_engine(name).prepare(first, last)
    for t in (1e-6, 0.5, 1 - 1e-6):
        drawn = pair.render(t)
        assert drawn.shape == first.shape and drawn.dtype == dtype
        assert drawn.min() >= 0 and drawn.max() <= 255
        if channels == 4 and dtype == np.float32:
            assert (drawn[..., :3] <= drawn[..., 3:] + 1e-3).all()


def test_the_order_in_which_times_are_asked_for_does_not_matter(draw_disc):
    first, last = draw_disc(60, 60), draw_disc(110, 90)
    pair = FlowEngine().prepare(first, last)
    late, early = pair.render(0.8), pair.render(0.2)
    assert np.array_equal(early, pair.render(0.2)) and np.array_equal(
        late, FlowEngine().prepare(first, last).render(0.8)
    )


def test_opening_an_engine():
    assert open_engine().name == ENGINES[0]
    assert open_engine("blend").name == "blend"
    with pytest.raises(ConfigError, match=r"^--engine: 'magic' is not known"):
        open_engine("magic")
    with pytest.raises(ConfigError, match=r"^--engine: flow cannot draw together with --checkpoint"):
        open_engine("flow", "weights.safetensors")
    with pytest.raises(ConfigError, match=r"^--device: 'gpu' is not known"):
        open_engine("flow", device="gpu")


def test_a_device_that_is_not_there_is_rejected_even_by_engines_that_need_none(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"^--device: cuda is not on this machine"):
        open_engine("flow", device="cuda")
