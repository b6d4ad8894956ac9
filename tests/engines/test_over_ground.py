"""Fast figures over a ground that stands: the ground stays, and the engine draws as before where this is not sure."""

import cv2
import numpy as np
import pytest

from animi.core.cartoon.composition import compose
from animi.core.cartoon.trials import TRIALS
from animi.core.engines import over_ground, preparing
from animi.core.engines.flow import FlowEngine
from animi.core.engines.interface import Following
from animi.core.engines.over_ground import OverGround, Within, find_all_figures, find_figures_in_pan
from animi.core.inbetween import interpolate
from animi.core.motion.figures import Figure, is_slow
from animi.core.motion.ground import trim_figures
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


def draw(x, y=115, **ground):
    """The same with a round animal whose middle is at (x, y), and where the animal is."""
    frame = draw_ground(**ground)
    behind = frame.copy()
    draw_animal(frame, x, y)
    return frame, (frame != behind).any(2)


def draw_animal(frame, x, y=115, fill=(200, 120, 60), size=1.0):
    """Draws it into a frame."""

    def place(dx, dy):
        return round(x + dx * size), round(y + dy * size)

    for part in (-28, 20):
        cv2.line(frame, place(part, 5), place(part + 4, 45), INK, round(11 * size), cv2.LINE_AA)
        cv2.line(frame, place(part, 5), place(part + 4, 43), fill, round(6 * size), cv2.LINE_AA)
    for at, (w, h) in ((place(0, 0), (46, 24)), (place(46, -27), (24, 22))):
        cv2.ellipse(frame, at, (round(w * size), round(h * size)), 0, 0, 360, fill, -1, cv2.LINE_AA)
        cv2.ellipse(frame, at, (round(w * size), round(h * size)), 0, 0, 360, INK, 2, cv2.LINE_AA)
    cv2.circle(frame, place(52, -31), round(4 * size), INK, -1, cv2.LINE_AA)


@pytest.mark.parametrize(("dx", "pan", "slow"), [(8, 0, True), (20, -20, True), (24, 0, False), (8, 30, False)])
def test_a_slow_figure_is_dismissed_before_an_engine_searches_its_motion(dx, pan, slow):
    (first, one), (last, other) = draw(90), draw(90 + dx, pan=pan)
    figure = Figure((one.astype(np.float32), other.astype(np.float32)))
    assert is_slow((first, last), figure, (-pan, 0), 0.05) == slow
    unlike = np.random.default_rng(0).integers(0, 256, last.shape, np.uint8)
    assert not is_slow((first, unlike), figure, (-pan, 0), 0.05)


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
        return find_all_figures(first, last)

    monkeypatch.setattr(over_ground, "find_all_figures", find)
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
    (found,) = find_all_figures(first, last)
    assert found.shift is None  # as nothing is beyond the border, the engine finds its way
    for mask, truth in zip(found.masks, (one, other), strict=True):
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
    assert not find_all_figures(*keys)


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
    assert not find_all_figures(*keys)


def draw_street():
    """Houses of many kinds, wider than a frame."""
    rng = np.random.default_rng(3)
    street = np.full((HEIGHT, 480, 3), (200, 225, 240), np.uint8)
    street[140:] = (90, 140, 90)
    left = 0
    while left < street.shape[1]:
        width, top = int(rng.integers(34, 70)), int(rng.integers(30, 95))
        cv2.rectangle(street, (left, top), (left + width, 140), rng.integers(60, 230, 3).tolist(), -1)
        cv2.rectangle(street, (left, top), (left + width, 140), INK, 2)
        for y in range(top + 6, 128, 20):
            for x in range(left + 6, left + width - 8, 14):
                cv2.rectangle(street, (x, y), (x + 6, y + 9), (250, 200, 90), -1)
                cv2.rectangle(street, (x, y), (x + 6, y + 9), INK, 1)
        left += width + int(rng.integers(0, 24))
    for x in range(0, street.shape[1], 19):
        cv2.line(street, (x, 145), (x + 8, HEIGHT), (60, 100, 60), 1)
    return street


STREET = draw_street()
BROWN, GREEN = (200, 90, 40), (70, 190, 60)
WAYS = {
    # where each animal is in the first key frame, how far it goes, and its colour; the pan; bars at the sides; and the
    # share of pixels of the middle frame that may be wrong, and that are where everything is drawn together
    "out at the right": ([(270, 118, 50, 0, BROWN)], 0, False, 0.006, 0.0101),
    "in from the left": ([(-5, 118, 60, 0, BROWN)], 0, False, 0.006, 0.0095),
    "in from below": ([(150, 176, 0, -50, BROWN)], 0, False, 0.006, 0.0105),
    "cut below, out at the right": ([(270, 160, 55, 0, BROWN)], 0, False, 0.006, 0.0118),
    "in over a pan": ([(5, 118, 45, 0, BROWN)], 14, False, 0.03, 0.0784),
    "out over a pan": ([(265, 118, 40, 0, BROWN)], 14, False, 0.012, 0.0217),
    "out against a pan": ([(60, 118, -60, 0, BROWN)], -10, False, 0.012, 0.0216),
    "in within bars": ([(45, 118, 45, 0, BROWN)], 14, True, 0.03, 0.0969),
    "two towards each other": ([(60, 118, 40, 0, BROWN), (240, 121, -50, 0, GREEN)], 0, False, 0.02, 0.089),
    "two in a row": ([(60, 116, 50, 0, BROWN), (180, 121, 55, 0, GREEN)], 0, False, 0.02, 0.1273),
    "two past each other": ([(60, 116, 150, 0, BROWN), (250, 121, -150, 0, GREEN)], 0, False, 0.05, 0.1562),
    "two, of which one leaves": ([(60, 116, 50, 0, BROWN), (255, 121, 55, 0, GREEN)], 0, False, 0.02, 0.0881),
}


def paint(animals, pan=0.0, bars=False):
    """The street and some animals, (x, y, colour) each."""
    frame = STREET[:, 100 + round(pan) : 100 + round(pan) + WIDTH].copy()
    for x, y, fill in animals:
        draw_animal(frame, x, y, fill, 0.6)
    if bars:
        framed = np.zeros_like(frame)
        framed[BARS] = frame[BARS]
        return framed
    return frame


@pytest.mark.parametrize("way", WAYS)
def test_figures_come_leave_and_are_several(way):
    animals, pan, bars, most, _ = WAYS[way]
    first, truth, last = (
        paint([(x + t * dx, y + t * dy, fill) for x, y, dx, dy, fill in animals], t * pan, bars) for t in (0, 0.5, 1)
    )
    (drawn,) = list(interpolate([first, last], 3, engine=FlowEngine()))[1:-1]
    assert (np.abs(drawn.astype(int) - truth).max(2) > 24).mean() < most


@pytest.mark.parametrize("back", [False, True])
def test_a_figure_that_one_key_frame_cuts_and_the_other_lacks_goes_by_the_shortest_way(back):
    keys = [paint([(290, 118, BROWN)]), paint([])][:: -1 if back else 1]
    (figure,) = find_all_figures(*keys)
    assert figure.is_alone and figure.shift is not None
    dx, dy = figure.shift
    assert dy == 0 and (-1 if back else 1) * dx == pytest.approx(320 - 290 + 0.6 * 46, abs=8)
    for t, drawn in zip((0.25, 0.5, 0.75), list(interpolate(keys, 5, engine=FlowEngine()))[1:-1], strict=True):
        gone = 1 - t if back else t
        truth = paint([(290 + gone * abs(dx), 118, BROWN)])
        wrong = np.abs(drawn.astype(int) - truth).max(2) > 24
        assert wrong.mean() < 0.004  # as drawn together: up to 0.03
        assert not wrong[:, :230].any()


def test_a_figure_that_vanishes_within_the_picture_does_not_leave_it():
    assert not find_all_figures(paint([(200, 118, BROWN)]), paint([]))
    assert not find_all_figures(paint([(120, 118, BROWN), (262, 118, GREEN)]), paint([(170, 118, BROWN)]))


def test_one_that_joins_another_is_not_taken_for_one_that_leaves():
    """In the last key frame, the animals are one piece."""
    assert not find_all_figures(
        paint([(60, 116, BROWN), (290, 118, GREEN)]), paint([(120, 116, BROWN), (166, 118, GREEN)])
    )


def test_doors_of_a_wall_that_pans_are_no_figures():
    """One brick is like the next, so that the wall seems to pan by another length than its doors."""
    keys = next(trial.ends for trial in TRIALS if trial.name == "bricks")
    assert not any(find_figures_in_pan(*keys, pan) for pan in find_pans(*keys))


def test_several_figures_know_where_they_go_and_their_doubt():
    keys = [paint([(60 + 50 * t, 116, BROWN), (180 + 55 * t, 121, GREEN)]) for t in (0, 1)]
    pair = FlowEngine().prepare(*keys)
    assert isinstance(pair, OverGround) and pair.fits
    flow = pair.follow()
    assert flow[116, 60].tolist() == pytest.approx([50, 0], abs=2)
    assert flow[121, 180].tolist() == pytest.approx([55, 0], abs=2)
    assert not flow[:60].any() and not flow[:, 300:].any()
    assert pair.doubt(0.3).shape == (HEIGHT, WIDTH) and pair.doubt(0.3).max() <= 1
    assert np.array_equal(pair.render(0.3), pair.render(0.3))


def test_a_figure_beyond_the_border_keeps_its_depth():
    keys = [paint([(270 + 50 * t, 118, BROWN)]) for t in (0, 1)]
    deep = [frame.astype(np.uint16) * 257 for frame in keys]
    drawn, same = (list(interpolate(each, 3, engine=FlowEngine()))[1] for each in (deep, keys))
    assert drawn.dtype == np.uint16
    assert np.abs(drawn / 257 - same).mean() < 1


def test_hidden_ground_beside_trimmed_ground_is_trimmed_too():
    """Of a house that the figure of either drawing covers in part, no piece is left on the figure."""
    one, other = (np.full((60, 100, 3), 220, np.uint8) for _ in range(2))
    figures = [np.zeros((60, 100), np.float32) for _ in range(2)]
    for picture in (one, other):
        cv2.rectangle(picture, (20, 10), (60, 30), (60, 160, 150), -1)
        cv2.rectangle(picture, (20, 10), (60, 30), INK, 1)
    for picture, mask, left in ((one, figures[0], 10), (other, figures[1], 48)):
        cv2.rectangle(picture, (left, 28), (left + 48, 56), INK, -1)
        mask[28:57, left : left + 49] = 1
    cv2.rectangle(other, (48, 4), (56, 30), INK, -1)  # its tail
    figures[1][4:31, 48:57] = 1
    figures[0][9:28, 19:62] = 1  # the house above the first one's back
    trimmed, _ = trim_figures(one, other, (figures[0], figures[1]))
    assert not trimmed[8:26].any()
    assert trimmed[30:56, 12:56].all()
