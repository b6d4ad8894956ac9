import numpy as np
import pytest
import torch

from animi.core.drawn import collage
from animi.core.drawn.collage import CANVAS, TIMES, Collage, Layers, draw_layers

SIZE = 48
SIDE = round(SIZE * CANVAS)


@pytest.fixture(scope="module")
def stock():
    return draw_layers("backdrop", 1, SIZE, 2), draw_layers("cutout", 1, SIZE, 3)


def test_layers_are_drawn_for_each_time_and_repeat(stock):
    backdrops, cutouts = stock
    assert backdrops.colours.shape == (14, 3, 4, SIDE, SIDE) and cutouts.flow.shape == (21, 2, 2, SIDE, SIDE)
    assert (backdrops.colours[:, :, 3] == 255).all()  # a place has no holes
    alpha = cutouts.colours[:, :, 3].float() / 255
    assert 0.01 < alpha.mean() < 0.6
    assert (cutouts.colours[:, :, :3] <= cutouts.colours[:, :, 3:]).all()  # premultiplied
    away = draw_layers("cutout", 1, SIZE, 3, workers=1)
    assert torch.equal(away.colours, cutouts.colours) and torch.equal(away.flow, cutouts.flow)


def test_drawing_layers_is_reported():
    seen = []
    draw_layers("cutout", 2, 32, 1, on_layer=lambda drawn, total: seen.append((drawn, total)))
    assert seen == [(number, 7) for number in range(1, 8)]


def test_a_batch_is_a_function_of_its_step(stock):
    one, other = Collage(*stock, SIZE, 5, "cpu"), Collage(*stock, SIZE, 5, "cpu")
    other.draw(0, 4)
    first, again = one.draw(3, 4), other.draw(3, 4)
    assert all(torch.equal(a, b) for a, b in zip(first[:8], again[:8], strict=True))
    assert not torch.equal(first.frames, one.draw(4, 4).frames)
    assert first.frames.shape == (4, 3, 3, SIZE, SIZE) and first.frames.dtype == torch.uint8
    assert first.forward.shape == (4, 2, SIZE, SIZE) and first.forward_visible.shape == (4, 1, SIZE, SIZE)
    assert all(any(abs(float(t) - each) < 1e-6 for each in TIMES) for t in first.t)
    assert not (first.forward_observable & ~torch.isfinite(first.forward).all(1, keepdim=True)).any()


def plain_layers(colour, hole, own_flow=(0.0, 0.0)):
    """One layer for each time: all of a colour, or a square of 20 pixels in its middle, moving as told."""
    colours = torch.zeros((len(TIMES), 3, 4, SIDE, SIDE), dtype=torch.uint8)
    flow = torch.zeros((len(TIMES), 2, 2, SIDE, SIDE), dtype=torch.float16)
    masks = torch.ones((len(TIMES), 2, 3, SIDE, SIDE), dtype=torch.uint8)
    flow[:, 0] = torch.tensor(own_flow)[:, None, None]
    flow[:, 1] = -torch.tensor(own_flow)[:, None, None]
    for number, part in enumerate((0.0, 0.5, 1.0)):
        x, y = (round(SIDE / 2 - 10 + part * step) for step in own_flow)
        where = (slice(y, y + 20), slice(x, x + 20)) if hole else (slice(None), slice(None))
        for channel, value in enumerate((*colour, 255)):
            colours[:, number, channel][:, *where] = value
    return Layers(colours, flow, masks)


def moved_by(steps):
    """In place of chance: layers as they are drawn, moved by (x, y) pixels from 0 to 1, cut-outs and places apart."""

    def choose(batch, t, size, *, still, chance):
        ways = torch.eye(3).repeat(batch, 3, 1, 1)
        for number, part in enumerate((0.0, 0.5, 1.0)):
            ways[:, number, :2, 2] = torch.tensor(steps[still]) * part - (SIDE - size) / 2
        return ways

    return choose


def test_a_square_over_a_place_moves_and_hides_exactly(monkeypatch):
    monkeypatch.setattr(collage, "_choose_ways", moved_by({True: (-2.0, 0.0), False: (4.0, 6.0)}))
    monkeypatch.setattr(collage, "choose_colours", lambda batch, chance: torch.tensor([[0, 1, 2]]).repeat(batch, 1))
    cut = plain_layers((200, 30, 30), True, own_flow=(4.0, 0.0))
    batch = Collage(plain_layers((40, 60, 80), False), cut, SIZE, 0, "cpu").draw(0, 3)
    here = np.zeros((SIZE, SIZE), bool)
    here[14:34, 14:34] = True
    goes = np.zeros_like(here)
    goes[20:40, 22:42] = True
    for number in range(3):
        frames, flow = batch.frames[number].numpy(), batch.forward[number].numpy()
        assert np.all(frames[0][:, here].T == (200, 30, 30)) and np.all(frames[0][:, ~here].T == (40, 60, 80))
        assert np.all(frames[2][:, goes].T == (200, 30, 30)) and np.all(frames[2][:, ~goes].T == (40, 60, 80))
        assert np.allclose(flow[:, here].T, (8, 6), atol=1e-3) and np.allclose(flow[:, ~here].T, (-2, 0), atol=1e-3)
        back = batch.backward[number].numpy()
        assert np.allclose(back[:, goes].T, (-8, -6), atol=1e-3) and np.allclose(back[:, ~goes].T, (2, 0), atol=1e-3)
        hidden = np.roll(goes, 2, 1) | (np.arange(SIZE) < 2)[None]  # under the square, or out of the picture
        assert np.array_equal(batch.forward_visible[number, 0].numpy(), here | ~hidden)


def test_what_tells_nothing_is_observed_only_at_rest(monkeypatch):
    cut, place = plain_layers((200, 30, 30), True), plain_layers((40, 60, 80), False)
    place.masks[:, :, 2] = 0
    for step, seen in (((0.0, 0.0), True), ((-3.0, 0.0), False)):
        monkeypatch.setattr(collage, "_choose_ways", moved_by({True: step, False: (4.0, 6.0)}))
        batch = Collage(place, cut, SIZE, 0, "cpu").draw(0, 2)
        assert (batch.forward_observable[:, 0, 14:34, 14:34]).all()
        assert bool(batch.forward_observable[:, 0, 40:, :].all()) is seen


def test_colours_follow_the_flow_on_what_stays_visible(stock):
    batch = Collage(*stock, SIZE, 8, "cpu").draw(0, 24)
    errors, moves = [], []
    for number in range(24):
        first, last = batch.frames[number, 0].numpy().astype(int), batch.frames[number, 2].numpy().astype(int)
        flow = batch.forward[number].numpy()
        y, x = np.nonzero(batch.forward_visible[number, 0].numpy())
        spot = np.floor(np.stack([x, y]) + 0.5 + flow[:, y, x]).astype(int)
        errors.append(np.median(np.abs(first[:, y, x] - last[:, spot[1], spot[0]]).mean(0)))
        moves.append(np.hypot(*flow).max())
        back = batch.backward[number].numpy()
        gone = np.hypot(*(flow[:, y, x] + back[:, spot[1], spot[0]]))
        assert np.percentile(gone, 90) < 1.0
    assert np.median(errors) < 2 and max(errors) < 12
    assert max(moves) > 8 and min(moves) < 3
