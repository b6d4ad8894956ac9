"""The motion model: what holds for any weights, what a few seconds of learning do, and the engine around it."""

import copy
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from animi.core.engines import joining, motion_base
from animi.core.engines import motion as motion_engine
from animi.core.engines.flow import FlowPair
from animi.core.engines.motion import MotionEngine, MotionPair, read_flows
from animi.core.engines.opening import open_engine
from animi.core.inbetween.sequence import interpolate
from animi.core.motion.search import search_in_detail, search_motion
from animi.core.training.losses.motion import end_point_errors, matching_loss, visibility_loss
from animi.core.weights.checkpoint import save_checkpoint
from animi.models import registry
from animi.models.correlation import CompareAround
from animi.models.motion import Motion, MotionConfig, MotionNetwork, choose_size, explained_share
from animi.models.registry import Inbetweener

SMALL = MotionConfig(width=8, layers=1, heads=2, coarse_rounds=1, fine_rounds=1, drawing=4)
GUIDED = replace(SMALL, guided=True)


@pytest.fixture(autouse=True)
def alone():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def restless():
    """A small network whose every part does something: those that begin at zero are woken."""
    return wake(MotionNetwork(SMALL))


def wake(network):
    network.eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return network


def give(dx, dy, height=48, width=64):
    """One motion everywhere, in pixels, as a guided network takes it: forward, and then backward."""
    flow = torch.tensor([dx / 2, dy / 2]).view(1, 2, 1, 1).expand(1, 2, height // 2, width // 2)
    return torch.cat([flow, -flow])


def picture(height=48, width=64, seed=0):
    """A smooth texture, (1, 3, H, W) in [-1, 1]."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height // 4 + 1, width // 4 + 1, 3)).astype(np.float32)
    large = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    return torch.from_numpy(large.transpose(2, 0, 1).copy())[None] / 127.5 - 1


# For any weights


@torch.no_grad()
def test_swapping_the_frames_and_the_time_draws_the_same(restless):
    first, last = picture(seed=1), picture(seed=2)
    there = restless(first, last, torch.tensor([0.3]))[0]
    back = restless(last, first, torch.tensor([0.7]))[0]
    assert torch.allclose(there, back, atol=2e-4)
    assert (there - first).abs().mean() > 0.05 and (there - last).abs().mean() > 0.05


@torch.no_grad()
def test_the_ends_come_out_whole(restless):
    first, last = picture(seed=1), picture(seed=2)
    for t, end in ((1e-6, first), (1 - 1e-6, last)):
        assert (restless(first, last, torch.tensor([t]))[0] - end).abs().max() < 1e-2


@torch.no_grad()
def test_samples_of_a_batch_do_not_see_each_other(restless):
    first, last = torch.cat([picture(seed=1), picture(seed=2)]), torch.cat([picture(seed=3), picture(seed=4)])
    t = torch.tensor([0.2, 0.6])
    together = restless(first, last, t)[0]
    for number in range(2):
        part = slice(number, number + 1)
        assert torch.allclose(together[part], restless(first[part], last[part], t[part])[0], atol=1e-4)


@torch.no_grad()
def test_what_the_network_draws_is_looked_up_and_not_painted(restless):
    first = torch.zeros(1, 3, 48, 64)
    drawn = restless(first + 0.5, first - 0.25, torch.tensor([0.4]))[0]
    assert drawn.min() >= -0.2501 and drawn.max() <= 0.5001


def test_half_precision_keeps_coordinates_in_full_and_gradients_finite(restless):
    restless.train()
    first, last = picture(seed=1), picture(seed=2)
    with torch.autocast("cpu", torch.bfloat16):
        drawn, motion, learning = restless(first, last, torch.tensor([0.5]))
        assert motion.features.dtype == torch.bfloat16
        full = (drawn, motion.flow, motion.fine, motion.visible, motion.front, *learning.steps, *learning.match)
        assert all(x.dtype == torch.float32 for x in full)
        loss = drawn.square().mean() + sum(step.square().mean() for step in learning.steps)
    loss.backward()
    gradients = {name: p.grad for name, p in restless.named_parameters()}
    assert all(g is None or g.isfinite().all() for g in gradients.values())
    assert gradients["encoder.at_half.0.weight"].abs().max() > 0
    assert gradients["order.weight"].abs().max() > 0  # what lies in front is learnt from pictures alone


@torch.no_grad()
def test_a_guided_network_begins_with_what_it_is_given():
    first, last, flow, _ = shifted(12, -8, 3)
    given = give(12.0, -8.0, 64, 64)
    network = MotionNetwork(GUIDED).eval()  # untrained: it changes nothing yet
    motion, learning = network.study(first, last, given)
    assert learning.match is None and learning.steps[0].shape == (2, 2, 8, 8)
    for step in learning.steps:
        assert torch.allclose(step[:1, :, :1, :1].flatten(), flow[0, :, 0, 0], atol=1e-4)
        assert torch.allclose(step[1:], -step[:1])
    drawn = network.render((motion, first, last), 0.5)
    truth = shifted(6, -4, 3)[1]
    assert (drawn - truth)[..., 12:-12, 12:-12].abs().mean() < 0.02
    assert ((first + last) / 2 - truth)[..., 12:-12, 12:-12].abs().mean() > 0.1


@torch.no_grad()
def test_swapping_the_frames_of_a_guided_network_and_the_time_draws_the_same():
    network = wake(MotionNetwork(GUIDED))
    first, last, given = picture(seed=1), picture(seed=2), give(5.0, 3.0)
    there = network(first, last, torch.tensor([0.3]), given)[0]
    back = network(last, first, torch.tensor([0.7]), given.flip(0))[0]
    assert torch.allclose(there, back, atol=2e-4)


@torch.no_grad()
def test_detail_of_a_given_motion_is_kept():
    given = torch.zeros(2, 2, 24, 32)
    given[:, 0, :, 1::2] = 1.0  # columns that move, half as wide as a cell of the network's own
    fine = MotionNetwork(GUIDED).eval().find_motion(picture(seed=1), picture(seed=1), given).fine
    assert 0.7 < (fine[0, 0, :, 1::2] - fine[0, 0, :, ::2]).mean() < 1


def test_a_guided_network_cannot_begin_with_nothing():
    with pytest.raises(ValueError, match="guided"):
        MotionNetwork(GUIDED).find_motion(picture(seed=1), picture(seed=2))


@torch.no_grad()
def test_a_given_motion_helps_where_it_agrees_with_itself(restless):
    first, last = picture(seed=1), picture(seed=2)
    alone, told = restless.study(first, last)
    given = give(6.0, -4.0)
    helped, learning = restless.study(first, last, given)
    assert torch.allclose(helped.fine, given, atol=1e-4)
    assert torch.allclose(helped.flow, given[:, :, ::2, ::2] / 2, atol=1e-4)
    assert torch.allclose(learning.steps[0], 2 * given[:, :, ::4, ::4], atol=1e-3)  # where the rounds begin
    assert learning.match is not None and torch.equal(learning.match.scores, told.match.scores)
    # both ways to the right: a search that has lost its way
    lost = restless.find_motion(first, last, give(60.0, 0.0).abs())
    assert torch.allclose(lost.fine, alone.fine, atol=1e-4)
    assert not torch.allclose(helped.fine, alone.fine, atol=0.1)
    # half of each picture
    half = given.clone()
    half[:, :, :, 16:] = 30.0
    mixed = restless.find_motion(first, last, half)
    assert torch.allclose(mixed.fine[..., :8], given[..., :8], atol=1e-3)
    assert not torch.allclose(mixed.fine[..., -8:], half[..., -8:], atol=1.0)


def test_what_draws_learns_on_while_the_motion_is_held(restless):
    network = MotionNetwork(SMALL)
    network.hold_motion()
    free = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert free == {"order", "content", "painter", "decision"}


def test_the_way_back_through_comparisons_is_that_of_the_products():
    draw = torch.Generator().manual_seed(0)
    marks, others = (torch.randn(2, 3, 5, 6, dtype=torch.double, generator=draw, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: CompareAround.apply(a, b, 2), (marks, others))
    scores = CompareAround.apply(marks, others, 1)
    assert torch.allclose(scores[:, 4], (marks * others).mean(1))  # the middle of nine: no shift
    assert torch.allclose(scores[:, 5, :, :-1], (marks[..., :-1] * others[..., 1:]).mean(1))  # the right neighbour


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 9), (70, 33), (300, 20)])
def test_working_sizes_are_multiples_of_16_and_not_too_large(size):
    height, width = choose_size(*size, 4096)
    assert height % 16 == width % 16 == 0
    assert height * width <= 4096 * 1.5 or min(height, width) == 16


def test_a_config_that_cannot_be_built_is_rejected():
    for settings in ({"width": 6}, {"heads": 3}, {"layers": 0}, {"drawing": 0}):
        with pytest.raises(ValueError):
            registry.build("motion", settings)
    assert isinstance(registry.build("motion", {"width": 8, "heads": 2}), Inbetweener)


# What it learns


def shifted(dx, dy, seed, side=64):
    """Two views of one texture, (dx, dy) pixels apart, and the motion from the first to the last."""
    large = picture(side + 48, side + 48, seed)
    first = large[..., 24 : 24 + side, 24 : 24 + side]
    last = large[..., 24 - dy : 24 - dy + side, 24 - dx : 24 - dx + side]
    flow = torch.tensor([dx, dy]).float().view(1, 2, 1, 1).expand(1, 2, side, side)
    grid = torch.stack(torch.meshgrid(torch.arange(side), torch.arange(side), indexing="xy"))[None] + flow
    return first, last, flow, ((grid >= 0) & (grid < side)).all(1, keepdim=True)


def test_a_few_seconds_teach_it_shifts_beyond_what_refinement_reaches():
    network = MotionNetwork(MotionConfig(width=16, layers=1, heads=2, coarse_rounds=1, fine_rounds=1, drawing=4))
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    draw = np.random.default_rng(0)

    def batch(count):
        moves = draw.integers(-20, 21, (count, 2))
        views = [shifted(int(dx), int(dy), int(draw.integers(2**31))) for dx, dy in moves]
        first, last, flow, inside = (torch.cat(parts) for parts in zip(*views, strict=True))
        behind = torch.cat([shifted(int(-dx), int(-dy), 0)[3] for dx, dy in moves])
        return first, last, torch.cat([flow, -flow]), torch.cat([inside, behind])

    def study(first, last, flow, visible):
        _, learning = network.study(first, last)
        known = torch.ones_like(visible)
        error, last_error = end_point_errors(learning.steps, flow, visible, visible)
        matching = matching_loss(learning.match, flow, visible, known)
        return error, last_error, matching, visibility_loss(learning.visible, visible, known), learning

    seen = batch(8)
    with torch.no_grad():
        before = study(*seen)
    for _ in range(120):
        error, _, matching, visibility, _ = study(*batch(4))
        optimizer.zero_grad()
        (0.1 * error + 0.3 * matching + 0.1 * visibility).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimizer.step()
    with torch.no_grad():
        after = study(*seen)
    assert after[1] < 0.35 * before[1]
    assert after[2] < 0.65 * before[2]
    trust, visible = after[4].match.trust, seen[3][..., 4::8, 4::8]
    assert trust[visible].mean() > 2 * trust[~visible].mean()  # the gate learns what has no match


def test_matching_loss_is_lowest_at_the_truth():
    network = MotionNetwork(SMALL)
    first, last, flow, inside = shifted(8, -16, 3)
    with torch.no_grad():
        _, learning = network.study(first, last)
    truth, visible = torch.cat([flow, -flow]), torch.cat([inside, shifted(-8, 16, 3)[3]])
    known = torch.ones_like(visible)
    scores = torch.full_like(learning.match.scores, -20.0)
    for cell in range(64):
        y, x = cell // 8 - 2, cell % 8 + 1  # (8, -16) pixels are (1, -2) cells
        if 0 <= y < 8 and 0 <= x < 8:
            scores[0, cell, y * 8 + x] = 20
    right = learning.match._replace(scores=scores, none=torch.zeros(()))
    assert matching_loss(right, truth, visible, known) < 1e-3
    assert matching_loss(right._replace(scores=scores.roll(1, 2)), truth, visible, known) > 5


# The engine


@pytest.fixture
def checkpoint(tmp_path, restless):
    save_checkpoint(tmp_path / "motion.safetensors", restless, "motion", SMALL)
    return tmp_path / "motion.safetensors"


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 5, 3), (33, 70, 1), (40, 31, 4), (90, 64, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_size_depth_and_kind_of_key_frame(checkpoint, shape, dtype):
    first, last = np.random.default_rng(1).integers(0, np.iinfo(dtype).max + 1, (2, *shape)).astype(dtype)
    frames = list(interpolate([first, last], 4, checkpoint=checkpoint, on_failure="morph"))
    assert np.array_equal(frames[0], first) and np.array_equal(frames[-1], last)
    assert all(frame.shape == shape and frame.dtype == dtype for frame in frames)


@pytest.mark.parametrize("kind", ["grey", "RGB", "RGBA"])
def test_drawing_with_opencv_and_with_torch_is_one_thing(restless, draw_disc, kind):
    keys = [draw_disc(60, 60), draw_disc(100, 80)]
    if kind == "grey":
        keys = [key[..., :1].copy() for key in keys]
    if kind == "RGBA":
        keys = [np.dstack([key / 2, np.full(key.shape[:2], 127.5)]).astype(np.float32) for key in keys]
    motion = MotionEngine(restless).find_motion(*keys)
    ways = [MotionPair(restless, motion, *keys, by_torch=by_torch).render(0.4) for by_torch in (False, True)]
    assert ways[0].shape == ways[1].shape == keys[0].shape and ways[0].dtype == ways[1].dtype == keys[0].dtype
    gap = np.abs(ways[0].astype(float) - ways[1])
    assert gap.mean() < 0.5 and np.percentile(gap, 99) < 4  # one of them rounds, and weighs by 1/32 of a pixel


@pytest.fixture
def by_torch(monkeypatch):
    """Draws on the CPU as it is done on a GPU; tells how many frames were drawn at once."""
    counts = []
    whole, draw = MotionPair.__init__, MotionPair._draw_at_once

    def note(pair, way, times, chosen, choices):
        counts.append(len(chosen))
        return draw(pair, way, times, chosen, choices)

    monkeypatch.setattr(MotionPair, "__init__", lambda *given, **named: whole(*given, **named, by_torch=True))
    monkeypatch.setattr(MotionPair, "_draw_at_once", note)
    return counts


@pytest.mark.parametrize("kind", ["RGB", "RGBA"])
def test_frames_drawn_at_once_are_those_drawn_one_by_one(restless, draw_disc, by_torch, kind):
    keys = [draw_disc(60, 60), draw_disc(100, 80)]
    if kind == "RGBA":
        keys = [np.dstack([key / 2, np.full(key.shape[:2], 127.5)]).astype(np.float32) for key in keys]
    # seams are chosen for all frames together, so that only mixtures are the same
    pair = MotionEngine(restless, mixes=True).prepare_motion(*keys)
    times = [k / 11 for k in range(1, 11)]
    together = list(pair.render_all(times))
    assert by_torch == [8, 2]
    for t, drawn in zip(times, together, strict=True):
        alone = pair.render(t)
        assert drawn.shape == alone.shape == keys[0].shape and drawn.dtype == alone.dtype == keys[0].dtype
        assert np.abs(drawn.astype(float) - alone).max() <= 1
    assert np.abs(together[0].astype(float) - together[-1]).mean() > 0.5  # each has its own time


def test_frames_drawn_at_once_keep_the_ends_and_what_stands_still(restless, draw_disc, by_torch):
    first, last = draw_disc(60, 60), draw_disc(80, 70)
    frames = list(interpolate([first, last], 12, engine=MotionEngine(restless), on_failure="morph"))
    assert by_torch == [8, 2]
    assert np.array_equal(frames[0], first) and np.array_equal(frames[-1], last)
    far = np.ones(first.shape[:2], bool)
    far[10:120, 10:130] = False
    assert all(np.array_equal(frame[far], first[far]) for frame in frames)


def test_huge_frames_are_drawn_fewer_at_once(restless, draw_disc, by_torch, monkeypatch):
    keys = draw_disc(60, 60), draw_disc(100, 80)
    pair = MotionEngine(restless).prepare_motion(*keys)
    for most, counts in ((3, [3, 2]), (1, [1] * 5), (0.5, [1] * 5)):
        by_torch.clear()
        monkeypatch.setattr(motion_engine, "_AREA_AT_ONCE", int(most * keys[0].shape[0] * keys[0].shape[1]))
        assert len(list(pair.render_all([0.1, 0.3, 0.5, 0.7, 0.9]))) == 5
        assert by_torch == counts


def test_by_opencv_each_frame_is_drawn_when_it_is_asked_for(restless, draw_disc, monkeypatch):
    pair = MotionEngine(restless).prepare_motion(draw_disc(60, 60), draw_disc(100, 80))
    drawn = []
    draw = joining._draw
    monkeypatch.setattr(joining, "_draw", lambda *given: drawn.append(given[1].t) or draw(*given))
    frames = pair.render_all([0.2, 0.4, 0.6])
    assert next(frames).shape == (160, 240, 3) and drawn == [0.2]
    next(frames)
    assert drawn == [0.2, 0.4]


def test_a_checkpoint_opens_as_its_engine_also_in_half_precision(tmp_path, restless, draw_disc):
    pair = draw_disc(60, 60), draw_disc(100, 80)
    drawn = []
    for network in (restless, copy.deepcopy(restless).half()):
        save_checkpoint(tmp_path / "motion.safetensors", network, "motion", SMALL, overwrite=True)
        engine = open_engine(checkpoint=tmp_path / "motion.safetensors", device="cpu")
        assert isinstance(engine, MotionEngine) and engine.name == "motion"
        drawn.append(engine.prepare(*pair).render(0.4).astype(int))
    assert np.abs(drawn[0] - drawn[1]).mean() < 1


def test_a_guided_engine_searches_what_it_begins_with(tmp_path, draw_disc):
    save_checkpoint(tmp_path / "motion.safetensors", MotionNetwork(GUIDED), "motion", GUIDED)
    engine = open_engine(checkpoint=tmp_path / "motion.safetensors", device="cpu")
    first, truth, last = (draw_disc(x, 80) for x in (60, 70, 80))
    drawn = engine.prepare(first, last).render(0.5)
    faded = np.abs((first.astype(int) + last) // 2 - truth).mean()
    assert np.abs(drawn.astype(int) - truth).mean() < 0.4 * faded


def test_a_network_with_matching_of_its_own_is_helped_by_a_search_on_a_cpu(restless, draw_disc, monkeypatch):
    first, last = draw_disc(60, 80), draw_disc(90, 80)
    asked = []
    monkeypatch.setattr(motion_base, "search_in_detail", lambda *given: asked.append(given) or search_in_detail(*given))
    motion = MotionEngine(restless).find_motion(first, last)
    assert asked
    h, w = motion.fine.shape[2:]
    found = torch.from_numpy(search_motion(first, last, h, w))
    x, y = round(50 * w / first.shape[1]), round(80 * h / first.shape[0])  # on the disc in the first frame
    assert (motion.fine[0, :, y, x] - found[0, :, y, x]).abs().max() < 0.5 < found[0, 0, y, x]


def test_where_nothing_is_searched_a_smaller_picture_is_looked_at_too(restless, draw_disc, monkeypatch):
    first, last = draw_disc(60, 80), draw_disc(90, 80)
    engine = MotionEngine(restless, area=96 * 96, searches=False)  # as on a GPU
    monkeypatch.setattr(motion_base, "search_in_detail", None)
    shares = {96: 0.2, 48: 0.5}

    def explain(motion):
        return torch.tensor(shares[96 if motion.flow.shape[2] * motion.flow.shape[3] > 300 else 48])

    monkeypatch.setattr(motion_engine, "explained_share", explain)
    assert engine.prepare_motion(first, last).confidence == pytest.approx(0.5)
    shares[48] = 0.25  # hardly better
    assert engine.prepare_motion(first, last).confidence == pytest.approx(0.2)
    shares[96] = 0.7  # good enough at once
    assert engine.prepare_motion(first, last).confidence == pytest.approx(0.7)


def test_a_searched_motion_comes_in_cells_of_the_grid(draw_disc):
    first, last = draw_disc(60, 80), draw_disc(90, 80)
    found = search_motion(first, last, first.shape[0] // 2, first.shape[1] // 2)
    assert found.shape == (2, 2, first.shape[0] // 2, first.shape[1] // 2) and found.dtype == np.float32
    assert abs(found[0, 0, 40, 30] - 15) < 1 and abs(found[1, 0, 40, 45] + 15) < 1


def test_the_classical_renderer_takes_the_same_motion(restless, draw_disc):
    first, last = draw_disc(60, 60), draw_disc(68, 64)  # too slow to be drawn apart from its ground
    engine = MotionEngine(restless, renderer="classical")
    flows = read_flows(engine.find_motion(first, last), *first.shape[:2])
    assert flows[0].dtype == np.float32 and flows[0].shape[2] == 2
    drawn = engine.prepare(first, last).render(0.5)
    assert np.array_equal(drawn, FlowPair(first, last, flows).render(0.5))


def test_a_motion_known_beforehand_rules_the_classical_renderer(draw_disc):
    first, last = draw_disc(60, 80), draw_disc(120, 80)
    still = np.zeros((40, 60, 2), np.float32)
    faded = FlowPair(first, last, (still, still.copy())).render(0.5)
    assert np.abs(faded.astype(int) - FlowPair(first, last).render(0.5)).mean() > 0.5


def test_flows_come_in_pixels_of_the_key_frames(restless):
    fine = torch.ones(2, 2, 8, 16)
    motion = Motion(*(torch.zeros(2, 2, 4, 8),), fine, *(torch.zeros(2, 1, 4, 8),) * 4)
    forward, backward = read_flows(motion, 80, 320)
    assert (forward == np.array([20, 10])).all() and forward.shape == backward.shape == (8, 16, 2)


def test_what_is_explained_is_what_is_seen_in_both_frames_where_they_differ():
    small = torch.zeros(2, 3, 4, 4)
    small[1, :, :2] = 1  # the upper half differs
    logits = torch.full((2, 1, 4, 4), -20.0)
    logits[:, :, 0] = 20
    zero = torch.zeros(2, 1, 4, 4)
    motion = Motion(zero, zero, logits, zero, zero, small)
    assert explained_share(motion).item() == pytest.approx(0.5)
    assert explained_share(motion._replace(small=torch.zeros(2, 3, 4, 4))).item() == 1
