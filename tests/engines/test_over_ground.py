"""Fast figures over a ground that stands: the ground stays, and the engine draws as before where this is not sure."""

import cv2
import numpy as np
import pytest

from animi.core.cartoon.composition import compose
from animi.core.cartoon.trials import TRIALS
from animi.core.engines import over_ground, preparing
from animi.core.engines.flow import FlowEngine
from animi.core.engines.interface import Following
from animi.core.engines.over_ground import OverGround, Within, find_figures_in_pan
from animi.core.inbetween import interpolate
from animi.core.motion.ground import find_figures, trim_figures
from animi.core.motion.pan import find_pans

HEIGHT, WIDTH, INK = 180, 320, (30, 25, 25)


def draw_ground(pan=0, plain=False):
    """A sky, and houses with windows on a lawn."""
    frame = np.full((HEIGHT, WIDTH, 3), (170, 205, 235), np.uint8)
    frame[150:] = (120, 170, 90)
    if plain:
        frame[:] = frame[0, 0]
        return frame
    colours = np.random.default_rng(4).integers(90, 220, (12, 3))
    for k, colour in enumerate(colours.tolist()):
        left, top = 60 * k - 120 - pan, 85 + 17 * (k % 4)
        for x, y, w, h, fill in (
            (0, 0, 44, 150 - top, colour),
            (7, 9, 9, 11, (250, 240, 160)),
            (26, 9, 9, 11, (250, 240, 160)),
        ):
            cv2.rectangle(frame, (left + x, top + y), (left + x + w, top + y + h), fill, -1)
            cv2.rectangle(frame, (left + x, top + y), (left + x + w, top + y + h), INK, 1)
    return frame


def draw(x, **ground):
    """The same with a round animal whose middle is at x, and where the animal is."""
    frame = draw_ground(**ground)
    behind = frame.copy()
    for part in (-28, 20):
        cv2.line(frame, (x + part, 120), (x + part + 4, 160), INK, 11, cv2.LINE_AA)
        cv2.line(frame, (x + part, 120), (x + part + 4, 158), (200, 120, 60), 6, cv2.LINE_AA)
    for at, size in (((x, 115), (46, 24)), ((x + 46, 88), (24, 22))):
        cv2.ellipse(frame, at, size, 0, 0, 360, (200, 120, 60), -1, cv2.LINE_AA)
        cv2.ellipse(frame, at, size, 0, 0, 360, INK, 2, cv2.LINE_AA)
    cv2.circle(frame, (x + 52, 84), 4, INK, -1, cv2.LINE_AA)
    return frame, (frame != behind).any(2)


def measure(engine, t=0.5, dx=80):
    """Shares of wrong pixels: of the ground that is covered or uncovered, and of the figure."""
    (first, one), (last, other), (truth, now) = draw(90), draw(90 + dx), draw(round(90 + t * dx))
    (drawn,) = list(interpolate([first, last], spacing=(0, t, 1), engine=engine))[1:-1]
    wrong = np.abs(drawn.astype(int) - truth).max(2) > 24
    return wrong[(one | other) & ~now].mean(), wrong[now].mean()


BARS = np.s_[:, 40:280]


def draw_in_pan(x, pan, bars):
    """As `draw`, within black bars at the sides if they are asked for."""
    frame, on = draw(round(x), pan=round(pan))
    if bars:
        framed = np.zeros_like(frame)
        framed[BARS] = frame[BARS]
        frame, on = framed, on & (framed > 0).any(2)
    return frame, on


@pytest.mark.parametrize("bars", [False, True])
@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_what_a_fast_figure_uncovers_pans_with_the_ground(t, bars, monkeypatch):
    (first, _), (last, _) = draw_in_pan(130, 0, bars), draw_in_pan(190, 20, bars)
    truth, now = draw_in_pan(130 + 60 * t, 20 * t, bars)

    def measure_all():
        (drawn,) = list(interpolate([first, last], spacing=(0, t, 1), engine=FlowEngine()))[1:-1]
        wrong = np.abs(drawn.astype(int) - truth).max(2) > 24
        return wrong[~now].mean(), wrong[now].mean()

    ground, figure = measure_all()
    monkeypatch.setattr(preparing, "prepare_over_pan", lambda first, last, prepare, otherwise: otherwise())
    before, figure_before = measure_all()
    assert ground < 0.05
    assert ground < before / 2
    assert figure < figure_before + 0.02


def test_a_pan_is_found_to_the_pixel_and_within_bars():
    for bars in (False, True):
        (first, _), (last, _) = draw_in_pan(130, 0, bars), draw_in_pan(190, 20, bars)
        pans = find_pans(first, last)
        assert (-20, 0) in [pan.shift for pan in pans]
        assert not bars or pans[0].box[1] == BARS[1]
    assert not find_pans(np.zeros((9, 200, 3), np.uint8), np.full((9, 200, 3), 9, np.uint8))


def test_figures_over_a_ground_that_stands_are_sought_once(monkeypatch):
    pairs = []

    def find(first, last):
        pairs.append((first, last))
        return find_figures(first, last)

    monkeypatch.setattr(over_ground, "find_figures", find)
    monkeypatch.setattr(over_ground, "find_pans", lambda first, last: [])
    FlowEngine().prepare(draw(130)[0], draw(190, pan=20)[0])
    FlowEngine().prepare(draw(130)[0], draw(190)[0])
    assert len(pairs) == 2


def test_a_pan_follows_ground_and_figure():
    (first, one), (last, _) = draw_in_pan(130, 0, True), draw_in_pan(190, 20, True)
    pair = FlowEngine().prepare(first, last)
    assert isinstance(pair, Within)
    flow = pair.follow()
    assert np.median(flow[one], 0) == pytest.approx([60, 0], abs=2)
    assert flow[20, 60].tolist() == [-20, 0] and not flow[:, :40].any()
    assert pair.doubt(0.3).shape == (HEIGHT, WIDTH)
    assert not pair.render(0.3)[:, :40].any()


@pytest.mark.parametrize("seed", [2, 6])
def test_walls_and_floors_at_two_speeds_are_left_to_the_engine(seed):
    """In a chase, pieces of the wall would be cut out with the figures."""
    scene = compose("chase", seed)
    first, last = (scene.colour(scene.cel(number / 24, 320, 180)) for number in (4, 8))
    pans = find_pans(first, last)
    assert pans and not any(find_figures_in_pan(first, last, pan) for pan in pans)


@pytest.mark.parametrize("t", [0.25, 0.5, 0.75])
def test_what_a_fast_figure_uncovers_is_the_ground(t, monkeypatch):
    ground, figure = measure(FlowEngine(), t)
    monkeypatch.setattr(preparing, "prepare_over_ground", lambda first, last, prepare: prepare(first, last))
    before, figure_before = measure(FlowEngine(), t)
    assert ground < 0.05
    assert ground < before / 2
    assert figure < 0.12 and figure < figure_before + 0.01


def test_figures_are_found_where_they_are():
    (first, one), (last, other) = draw(90), draw(170)
    found = find_figures(first, last)
    assert found is not None
    for mask, truth in zip(found, (one, other), strict=True):
        large = cv2.resize(mask, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) > 0.5
        assert (truth & ~large).sum() < 0.03 * truth.sum()
        assert (large & ~truth).sum() < 0.2 * truth.sum()  # some ground between the legs


def test_ground_beside_a_figure_is_trimmed_off():
    """A house that a figure hides in part may be cut out with it; the other drawing shows that it is ground."""
    (first, one), (last, other) = draw(90), draw(170)
    cut = [cv2.resize(mask.astype(np.float32), (200, 112), interpolation=cv2.INTER_AREA) > 0.5 for mask in (one, other)]
    figures = [mask.astype(np.float32) for mask in cut]
    figures[0][50:90, 20:60] = 1  # all around the hind legs
    for trimmed, mask in zip(trim_figures(first, last, (figures[0], figures[1])), cut, strict=True):
        assert (trimmed[mask] > 0.5).mean() > 0.97
        assert (trimmed[~mask] > 0.5).sum() < 0.06 * mask.sum()


def test_it_draws_the_same_each_time_and_follows_the_figure():
    (first, one), (last, _) = draw(90), draw(170)
    pairs = [FlowEngine().prepare(first, last) for _ in range(2)]
    assert all(isinstance(pair, OverGround) for pair in pairs)
    assert np.array_equal(*(pair.render(0.3) for pair in pairs))
    assert isinstance(pairs[0], Following)
    flow = pairs[0].follow()
    assert np.median(flow[one], 0) == pytest.approx([80, 0], abs=2)
    assert not flow[:60].any()
    assert pairs[0].doubt(0.3).shape == (HEIGHT, WIDTH)


def test_16_bits_are_kept():
    (first, _), (last, _) = draw(90), draw(170)
    deep = [frame.astype(np.uint16) * 257 for frame in (first, last)]
    drawn, same = (
        list(interpolate(keys, spacing=(0, 0.5, 1), engine=FlowEngine()))[1] for keys in (deep, [first, last])
    )
    assert drawn.dtype == np.uint16
    assert np.abs(drawn / 257 - same).mean() < 1


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([draw(90, plain=True)[0], draw(170, plain=True)[0]], id="plain ground"),
        pytest.param([draw(90)[0], draw(98)[0]], id="slow"),
        pytest.param([draw(90)[0], draw(120, pan=25)[0]], id="pan"),
        pytest.param([draw_ground(), draw_ground(pan=9)], id="no figure"),
        pytest.param([draw(90)[0], draw_ground()], id="the figure is gone"),
        *(pytest.param([*trial.ends], id=trial.name) for trial in TRIALS if trial.name not in ("tail",)),
    ],
)
def test_nothing_is_cut_out_where_the_ground_does_not_stand_or_the_figure_is_not_sure(keys):
    assert find_figures(*keys) is None


def test_two_layers_that_move_by_different_lengths_are_left_to_the_engine():
    keys = []
    for pan in (0, 20):
        frame = draw_ground()
        near = draw_ground(pan=pan)
        frame[130:] = near[130:]  # what is near moves, what is far stands
        for x in range(-40, WIDTH, 64):  # trees
            cv2.rectangle(frame, (x + 20 - pan, 60), (x + 32 - pan, HEIGHT), (90, 60, 40), -1)
            cv2.circle(frame, (x + 26 - pan, 60), 20, (50, 110, 60), -1)
        keys.append(frame)
    assert find_figures(*keys) is None
