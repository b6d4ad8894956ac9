"""The loop within one process: phases, accumulation, precision, schedules, EMA, failures and the state."""

import copy
import itertools
import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from animi.core.config.training import TrainingConfig
from animi.core.errors import CheckpointError, ConfigError, TrainingError
from animi.core.training import distributed
from animi.core.training.distributed import World, check_batch, join_world
from animi.core.training.loop import (
    Ema,
    Hooks,
    Phase,
    choose_precision,
    draw_noise,
    fit,
    full_precision,
    make_adam,
    map_batch,
    place_module,
    split_batch,
)
from animi.core.training.schedules import schedule_rate
from animi.core.training.state import capture_state, read_state, restore_state, write_state


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def line(batches, weight=0.0, **settings):
    """Learns y = 2 x; gives the phase and what was reported."""
    module = nn.Linear(1, 1)
    nn.init.constant_(module.weight, weight)
    nn.init.zeros_(module.bias)
    phase = Phase("line", module, torch.optim.SGD(module.parameters(), 0.1), lambda b, _: (error(module, b), {}))
    seen = []
    config = TrainingConfig(**{"steps": len(batches), "batch_size": 4, "log_every": 1} | settings)
    fit([phase], enumerate(batches), config, Hooks(report=lambda step, values: seen.append((step, values))))
    return phase, seen


def error(module, batch):
    return (module(batch["x"]) - batch["y"]).square().mean()


def points(seed, count=4):
    x = torch.randn(count, 1, generator=torch.Generator().manual_seed(seed))
    return {"x": x, "y": 2 * x}


def test_a_line_is_learnt():
    phase, seen = line([points(seed) for seed in range(60)])
    assert phase.module.weight.item() == pytest.approx(2, abs=0.02)
    assert seen[-1][1]["line/loss"] < 1e-3 < seen[0][1]["line/loss"]


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_accumulated_parts_make_the_same_step_even_when_they_are_uneven(parts):
    batches = [points(seed, 7) for seed in range(3)]
    whole, seen = line(batches)
    cut, seen_cut = line(batches, accumulate=parts)
    torch.testing.assert_close(cut.module.weight, whole.module.weight)
    for (_, one), (_, other) in zip(seen, seen_cut, strict=True):
        assert other["line/loss"] == pytest.approx(one["line/loss"], rel=1e-5)
        assert other["line/gradient"] == pytest.approx(one["line/gradient"], rel=1e-5)


def test_gradients_are_clipped_by_their_norm_and_the_norm_before_is_shown():
    phase, seen = line([points(1)], weight=50.0, clip=0.5)
    moved = torch.stack([phase.module.weight[0, 0] - 50, phase.module.bias[0]])
    assert moved.norm().item() == pytest.approx(0.1 * 0.5, rel=1e-3)
    assert seen[0][1]["line/gradient"] > 10


def test_only_the_phase_at_hand_is_free_and_what_was_frozen_stays_so():
    first, second = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 1)
    first[0].requires_grad_(False)
    frozen = copy.deepcopy(first[0])
    free = []

    def loss(batch, _step):
        free.append([p.requires_grad for m in (first, second) for p in m.parameters()])
        return second(first(batch)).square().mean(), {}

    phases = [
        Phase("first", first, make_adam(first.parameters(), 0.1), loss),
        Phase("second", second, make_adam(second.parameters(), 0.1), loss, every=3),
    ]
    before = copy.deepcopy(second)
    moved = []
    fit(
        phases,
        ((step, torch.ones(2, 2)) for step in range(4)),
        TrainingConfig(steps=4, log_every=1),
        Hooks(report=lambda step, values: moved.append(sorted({name.partition("/")[0] for name in values}))),
    )
    one, other = [False, False, True, True, False, False], [False] * 4 + [True, True]
    assert free == [one, other, one, one, one, other]
    assert moved == [["first", "images_per_second", "second"], ["first", "images_per_second"]] * 1 + [
        ["first", "images_per_second"],
        ["first", "images_per_second", "second"],
    ]
    torch.testing.assert_close(first[0].weight, frozen.weight, rtol=0, atol=0)
    assert not torch.equal(second.weight, before.weight)


def test_the_speed_counts_every_picture_of_a_sample(monkeypatch):
    speeds = []
    for pictures in (1, 8):
        clock = itertools.count()
        monkeypatch.setattr("animi.core.training.loop.time.perf_counter", lambda clock=clock: float(next(clock)))
        module = nn.Linear(1, 1)
        fit(
            [Phase("line", module, make_adam(module.parameters(), 0.1), lambda b, _, m=module: (error(m, b), {}))],
            enumerate(points(seed) for seed in range(2)),
            TrainingConfig(steps=2, batch_size=4, log_every=1),
            Hooks(report=lambda step, values: speeds.append(values["images_per_second"])),
            pictures=pictures,
        )
    assert speeds[2:] == [8 * speed for speed in speeds[:2]] and speeds[0] > 0


def test_a_schedule_multiplies_the_rate_that_the_optimizer_was_made_with():
    module = nn.Linear(1, 1)
    phase = Phase(
        "line",
        module,
        torch.optim.SGD(module.parameters(), 0.5),
        lambda b, _: (error(module, b), {}),
        schedule=lambda step: 1 / (1 + step),
    )
    rates = []
    fit(
        [phase],
        enumerate(points(seed) for seed in range(3)),
        TrainingConfig(steps=3),
        Hooks(after_step=lambda _: rates.append(phase.optimizer.param_groups[0]["lr"])),
    )
    assert rates == pytest.approx([0.5, 0.25, 0.5 / 3])


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_half_precision_is_used_inside_the_loss_and_not_where_it_would_harm(precision, dtype):
    module, seen = nn.Linear(4, 1), []
    nn.init.ones_(module.weight)

    def loss(batch, _step):
        made = module(batch)
        with full_precision(batch.device):
            exact = module(batch.float())
        seen.append((made.dtype, exact.dtype))
        return made.square().mean(), {}

    values = []
    phase = Phase("line", module, make_adam(module.parameters(), 0.05), loss)
    config = TrainingConfig(steps=40, precision=precision, log_every=1)
    fit(
        [phase],
        ((step, torch.ones(4, 4)) for step in range(40)),
        config,
        Hooks(report=lambda _, value: values.append(value)),
    )
    assert set(seen) == {(dtype, torch.float32)}
    assert module.weight.dtype == torch.float32
    assert values[-1]["line/loss"] < 0.1 * values[0]["line/loss"]
    assert ("line/scale" in values[0]) == (precision == "fp16")


def test_fp16_halves_its_scale_where_gradients_overflow_and_the_scale_is_kept_in_the_state():
    module, states, scales = nn.Linear(1, 1, bias=False), [], []
    nn.init.ones_(module.weight)
    phase = Phase(
        "line", module, torch.optim.SGD(module.parameters(), 1e-9), lambda b, _: ((module(b) * 3e34).mean().float(), {})
    )
    config = TrainingConfig(steps=3, precision="fp16", log_every=1)
    with pytest.raises(TrainingError, match="line/loss is inf"):  # the product overflows fp16 itself
        fit([phase], ((step, torch.ones(2, 1)) for step in range(3)), config)
    phase.loss = lambda b, _: (module(b).float().mean() * 2e35, {})  # only the scaled gradient overflows
    fit(
        [phase],
        ((step, torch.ones(2, 1)) for step in range(3)),
        config,
        Hooks(report=lambda _, values: scales.append(values["line/scale"]), save=lambda _, state: states.append(state)),
    )
    assert scales == [2.0**15, 2.0**14, 2.0**13]
    assert states[-1].settings["counters"]["scalers"]["line"]["scale"] == 2.0**13
    fit(
        [phase],
        ((step, torch.ones(2, 1)) for step in range(3, 4)),
        TrainingConfig(steps=4, precision="fp16", log_every=1),
        Hooks(report=lambda _, values: scales.append(values["line/scale"])),
        state=states[-1],
    )
    assert scales[-1] == 2.0**12


def test_automatic_precision_is_whole_on_the_cpu():
    assert choose_precision("auto", torch.device("cpu")) == torch.float32


def test_fp32_is_exact_on_cuda_and_tf32_is_cudas_alone(monkeypatch):
    """Where there is no GPU: the switches are looked at, as PyTorch has them without one too."""
    monkeypatch.setattr(distributed, "choose_device", torch.device)
    before = (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark)
    try:
        for precision, exact in (("fp32", True), ("tf32", False), ("auto", False), ("bf16", False), ("fp32", True)):
            with join_world("cuda", precision):
                assert torch.backends.cudnn.allow_tf32 != exact
                assert torch.get_float32_matmul_precision() == ("highest" if exact else "high")
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = before[1:]
    assert choose_precision("tf32", torch.device("cuda")) == torch.float32
    with pytest.raises(ConfigError, match="--precision: tf32 is CUDA's, and this is cpu"), join_world("cpu", "tf32"):
        pass


@pytest.mark.parametrize(
    ("kind", "warm_up", "rates"),
    [
        ("constant", 0, [1, 1, 1, 1, 1]),
        ("constant", 4, [0.25, 1, 1, 1, 1]),
        ("linear", 0, [1, 1, 1, 0.5, 0.02]),
        ("cosine", 0, [1, 0.8536, 0.5, 0.1464, 0.0002]),
        ("cosine", 50, [0.02, 0.52 * 0.8536, 0.5, 0.1464, 0.0002]),
    ],
)
def test_learning_rates_follow_their_schedule(kind, warm_up, rates):
    found = [schedule_rate(kind, step, 100, warm_up) for step in (0, 25, 50, 75, 99)]
    assert found == pytest.approx(rates, abs=1e-4)


def test_networks_and_pictures_lie_channels_last():
    seen = []
    module = place_module(nn.Conv2d(3, 4, 3), TrainingConfig(), World())
    assert module.weight.is_contiguous(memory_format=torch.channels_last)

    def loss(batch, _step):
        seen.append(batch["real"].is_contiguous(memory_format=torch.channels_last))
        return module(batch["real"]).square().mean(), {}

    phase = Phase("conv", module, make_adam(module.parameters(), 0.1), loss)
    fit([phase], [(0, {"real": torch.rand(2, 3, 8, 8), "z": torch.rand(2, 5)})], TrainingConfig(steps=1))
    assert seen == [True]


def test_the_running_mean_is_short_at_first_and_then_as_long_as_asked():
    module = nn.BatchNorm1d(1)
    ema = Ema(module, 0.9)
    assert not ema.module.training
    assert not ema.module.weight.requires_grad
    wanted = 1.0
    for done in range(1, 200):
        with torch.no_grad():
            module.weight.fill_(float(done))
            module.running_mean.fill_(done + 0.5)
        ema.update(done)
        share = min(0.9, (1 + done) / (10 + done))
        wanted = share * wanted + (1 - share) * done
        assert ema.module.weight.item() == pytest.approx(wanted, rel=1e-4)
        assert ema.module.running_mean.item() == done + 0.5
    assert wanted == pytest.approx(199 - 9, abs=0.1)


def test_noise_is_the_same_for_a_sample_however_the_batch_is_parted():
    whole = draw_noise(5, 7, 3, 4)
    parts = torch.cat([draw_noise(5, 7, 3, 2), draw_noise(5, 7, 3, 2, first=2)])
    assert torch.equal(whole, parts)
    assert not torch.equal(whole, draw_noise(5, 7, 4, 4))
    assert not torch.equal(whole, draw_noise(5, 8, 3, 4))
    assert draw_noise(4000, 1, 0, 1).std().item() == pytest.approx(1, abs=0.05)


def test_batches_of_any_make_are_cut_along_their_samples():
    batch = {"a": torch.arange(5), "b": (torch.arange(10).view(5, 2), "word")}
    parts = list(split_batch(batch, 2))
    assert [share for _, share in parts] == [0.4, 0.6]
    assert torch.equal(torch.cat([part["a"] for part, _ in parts]), batch["a"])
    assert parts[0][0]["b"][1] == "word"
    assert torch.equal(map_batch([torch.ones(2)], lambda x: x + 1)[0], torch.full((2,), 2.0))


def test_a_failure_at_the_first_step_goes_back_to_the_beginning_and_its_batch_is_left_out():
    spoilt = {"x": torch.full((4, 1), math.nan), "y": torch.zeros(4, 1)}
    batches = [points(seed) for seed in range(1, 12)]
    with_spoilt, _ = line([spoilt, *batches])
    without, _ = line(batches)
    torch.testing.assert_close(with_spoilt.module.weight, without.module.weight, rtol=0, atol=0)


def adversaries(steps, spoilt=()):
    """A generator that learns the mean of what a discriminator sees, with EMA; gives what was reported and the ends."""
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 1), nn.Linear(1, 1)
    ema, seen, warnings = Ema(generator, 0.9), [], []

    def judge(batch, _step):
        with torch.no_grad():
            fake = generator(batch["z"])
        return (discriminator(fake) - discriminator(batch["real"])).mean(), {}

    def deceive(batch, _step):
        return -discriminator(generator(batch["z"])).mean() + generator(batch["z"]).square().mean(), {}

    def batches():
        for step in range(steps):
            real = torch.full((4, 1), math.nan if step in spoilt else 2.0)
            yield step, {"real": real, "z": draw_noise(2, 1, step, 4)}

    done = fit(
        [
            Phase("discriminator", discriminator, make_adam(discriminator.parameters(), 0.01), judge),
            Phase("generator", generator, make_adam(generator.parameters(), 0.01), deceive),
        ],
        batches(),
        TrainingConfig(steps=steps, save_every=10, sample_every=15, log_every=1),
        Hooks(
            after_step=ema.update,
            report=lambda step, values: seen.append((step, values["generator/loss"])),
            warn=warnings.append,
        ),
        also={"ema": ema.module},
    )
    assert done == steps
    return seen, [*ema.module.state_dict().values(), *discriminator.state_dict().values()], warnings


def test_values_read_a_step_later_as_on_a_gpu_are_the_same_values_and_the_same_training(monkeypatch):
    seen, ends, _ = adversaries(33)
    monkeypatch.setattr("animi.core.training.loop._BEHIND", {"cpu": 1})
    seen_later, ends_later, _ = adversaries(33)
    assert seen_later == seen
    assert [step for step, _ in seen] == list(range(1, 34))
    for one, other in zip(ends, ends_later, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("spoilt", [[14], [8], [9], [13, 27], [32], [20, 21]])
def test_a_failure_that_is_seen_a_step_later_leaves_no_trace_in_weights_or_mean(monkeypatch, spoilt):
    monkeypatch.setattr("animi.core.training.loop._BEHIND", {"cpu": 1})
    seen, ends, warnings = adversaries(33, spoilt)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in ends)
    assert all(math.isfinite(value) for _, value in seen)
    assert warnings[0].startswith(f"step {spoilt[0] + 1}: discriminator/loss is nan; went back to the weights of step")


def test_batches_must_follow_one_another():
    module = nn.Linear(1, 1)
    phase = Phase("line", module, torch.optim.SGD(module.parameters(), 0.1), lambda b, _: (error(module, b), {}))
    with pytest.raises(ValueError, match="batch 3 was given for step 0"):
        fit([phase], [(3, points(0))], TrainingConfig(steps=5))


def test_a_state_comes_back_from_its_file_bit_for_bit(tmp_path):
    def make():
        torch.manual_seed(1)
        module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
        return module, torch.optim.AdamW(module.parameters(), 0.1, (0.3, 0.4), weight_decay=0.2)

    def step(module, optimizer, seed):
        optimizer.zero_grad()
        module(torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))).square().sum().backward()
        optimizer.step()

    one, its = make()
    step(one, its, 1)
    path = tmp_path / "a.state.safetensors"
    write_state(path, capture_state(7, {"net": one}, {"net": its}, {"word": [1, 2.5]}))
    step(one, its, 2)
    other, others = make()
    state = read_state(path)
    assert state.step == 7
    assert restore_state(state, {"net": other}, {"net": others}) == {"word": [1, 2.5]}
    assert others.param_groups[0]["betas"] == (0.3, 0.4)
    kept = {name: tensor.clone() for name, tensor in state.tensors.items()}
    step(other, others, 2)
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert all(torch.equal(state.tensors[name], kept[name]) for name in kept)  # training left the state alone


@pytest.mark.parametrize("damage", ["cut", "noise", "empty", "weights"])
def test_a_damaged_state_is_named(tmp_path, damage):
    path = tmp_path / "a.state.safetensors"
    module = nn.Linear(2, 2)
    write_state(path, capture_state(1, {"net": module}, {}, {}))
    data = path.read_bytes()
    if damage == "weights":
        from safetensors.torch import save_file

        save_file(module.state_dict(), path)
    else:
        path.write_bytes({"cut": data[:-3], "noise": b"\x80\x04K\x01." * 40, "empty": b""}[damage])
    with pytest.raises(CheckpointError, match=r"a\.state\.safetensors: (is damaged|holds no state)") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)


def test_a_state_of_other_networks_is_rejected():
    small, large = nn.Linear(2, 2), nn.Linear(3, 2)
    state = capture_state(1, {"net": small}, {"net": torch.optim.Adam(small.parameters())}, {})
    with pytest.raises(CheckpointError, match=r"'net': weight has shape \(2, 2\), \(2, 3\) is needed"):
        restore_state(state, {"net": large}, {"net": torch.optim.Adam(large.parameters())})
    with pytest.raises(CheckpointError, match="a module 'net' that this training does not have"):
        restore_state(state, {}, {})
    with pytest.raises(CheckpointError, match="'other' misses bias"):
        restore_state(state, {"net": small, "other": large}, {"net": torch.optim.Adam(small.parameters())})


def _damage(state, change):
    """A state, with its tensors and settings changed."""
    tensors, settings = dict(state.tensors), json.loads(json.dumps(state.settings))
    change(tensors, settings["optimizers"]["net"]["groups"][0], settings["optimizers"]["net"]["plain"])
    return replace(state, tensors=tensors, settings=settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, group, plain: group.update(lr="fast"),
        lambda tensors, group, plain: group.update(lr=float("nan")),
        lambda tensors, group, plain: group.update(lr=None),
        lambda tensors, group, plain: group.update(betas=[0.5]),
        lambda tensors, group, plain: group.update(betas=0.5),
        lambda tensors, group, plain: group.update(eps=[]),
        lambda tensors, group, plain: group.update(amsgrad="no"),
        lambda tensors, group, plain: group.update(params={}),
        lambda tensors, group, plain: group.update(params=[[], []]),
        lambda tensors, group, plain: plain.update({"0": {"exp_avg": 1.0}}),
        lambda tensors, group, plain: plain.update({"0": None}),
        lambda tensors, group, plain: plain.update({"-1": {"x": 1}}),
        lambda tensors, group, plain: tensors.pop("optimizer/net/0/exp_avg_sq"),
        lambda tensors, group, plain: tensors.update({"optimizer/net/0/exp_avg": torch.zeros(3)}),
        lambda tensors, group, plain: tensors.update({"optimizer/net/0/step": torch.zeros(2)}),
        lambda tensors, group, plain: tensors.update({"optimizer/net/0/exp_avg": torch.zeros(2, 2, dtype=torch.int64)}),
    ],
)
def test_an_optimizer_takes_nothing_that_its_next_step_would_stumble_over(change):
    module = nn.Linear(2, 2)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = capture_state(1, {"net": module}, {"net": optimizer}, {})
    restore_state(state, {"net": module}, {"net": optimizer})
    with pytest.raises(CheckpointError):
        restore_state(_damage(state, change), {"net": module}, {"net": optimizer})
    optimizer.step()  # it was left as it was


@pytest.mark.parametrize("scalers", [None, [], "x", {"net": [1]}, {"net": {"scale": "x"}}, {"net": {"scale": 1.0}}])
def test_odd_scales_of_losses_are_a_damaged_state(scalers):
    module = nn.Linear(1, 1)
    phase = Phase("net", module, make_adam(module.parameters(), 0.1), lambda batch, step: (module(batch).sum(), {}))
    state = capture_state(1, {"net": module}, {"net": phase.optimizer}, {"scalers": scalers})
    batches = [(step, torch.ones(4, 1)) for step in (1, 2)]
    settings = TrainingConfig(steps=3, batch_size=4)
    assert fit([phase], batches, settings, state=state) == 3  # of a training that scales none
    if isinstance(scalers, dict):
        with pytest.raises(CheckpointError, match="has no scale of its losses"):
            fit([phase], batches, replace(settings, precision="fp16"), state=state)


def test_batches_that_cannot_be_parted_are_rejected():
    with pytest.raises(ConfigError, match=r"^--batch-size: 6 cannot be parted evenly among 4 processes"):
        check_batch(TrainingConfig(batch_size=6), World(rank=1, size=4))
    with pytest.raises(ConfigError, match=r"^--accumulate: a process has 3 samples"):
        check_batch(TrainingConfig(batch_size=6, accumulate=2), World(rank=1, size=2))
    check_batch(TrainingConfig(batch_size=8, accumulate=2), World(rank=1, size=2))
    assert World(rank=1, size=2).share(8) == (4, 4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0), ("batch_size", 0), ("accumulate", 0), ("precision", "fp8"), ("clip", 0.0), ("clip", math.inf),
        ("ema", 1.0), ("ema", -0.1), ("seed", -1), ("keep", 0), ("save_every", 0), ("workers", -1),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_rejected_by_their_flag(name, value):
    with pytest.raises(ConfigError, match=f"^--{name.replace('_', '-')}: "):
        TrainingConfig(**{name: value})
