"""Phase and fit: the one loop in which every network is trained.

A step takes one batch and runs the phases that are due. A phase trains one network while all others are frozen: zero
gradients, loss, backward, clip, step. A generator and its discriminator are two phases.

The random numbers of a step depend on the seed, the step and the process alone, and a batch depends on its number, so
a run that is resumed from its last checkpoint repeats the lost steps exactly.
"""

import copy
import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..config.training import TrainingConfig
from ..errors import CheckpointError, TrainingError
from ..interrupts import held_back
from .distributed import World
from .recompute import recompute_blocks
from .state import State, capture_state, restore_state

Batch = Any
"""A tensor (N, ...), or a tuple, list, dict or named tuple of such; all share N."""
Loss = Callable[[Batch, int], tuple[Tensor, dict[str, Tensor]]]
"""Takes (a part of) a batch and the number of the step, from 0; returns the loss, a mean over samples, and parts of it
to
report. Under half precision networks return half floats: convert them by `.float()` before means and differences."""

_MOST_FAILURES = 3
_BEHIND = {"cuda": 1}  # steps by which values are read later, so that a GPU need not wait; 0 on other devices
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}  # by dimensions
_LEAST_SCALE = 2.0**-20  # scale of fp16 losses below which gradients vanish


@dataclass
class Phase:
    """One network's part of a step."""

    name: str
    """Prefix of its losses in the log and of its state in checkpoints; in lower case."""
    module: nn.Module
    """The network that is trained. All others are frozen in this phase, but gradients pass through them."""
    optimizer: torch.optim.Optimizer
    """Over the module's parameters."""
    loss: Loss
    every: int = 1
    """The phase runs at steps 0, every, 2 every, and so on."""
    schedule: Callable[[int], float] | None = None
    """The factor of the optimizer's initial learning rates at a step. None: 1."""


class Ema:
    """An exponential moving average of a network's weights, which evens out the oscillation of a training.

    The first steps have a shorter average, so that the random initial weights do not remain in it: after n steps the
    decay is min(decay, (1 + n) / (10 + n)), as in TensorFlow's moving averages.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Starts from the network's weights.

        Args:
            module: the network.
            decay: share of the average that is kept at each step, in [0, 1); 0 copies the network.
        """
        self.decay = decay
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        """A copy of the network with the averaged weights, in eval mode."""
        self._source = module

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Updates the average after `done` steps. Buffers are copied."""
        share = 1 - min(self.decay, (1 + done) / (10 + done)) if self.decay else 1.0
        source = dict(self._source.named_parameters())
        means = dict(self.module.named_parameters())
        torch._foreach_lerp_(list(means.values()), [source[name].detach() for name in means], share)
        buffers = dict(self._source.named_buffers())
        for name, buffer in self.module.named_buffers():
            buffer.copy_(buffers[name])


@dataclass(frozen=True)
class Hooks:
    """Callbacks of `fit`. None: not called."""

    after_step: Callable[[int], None] | None = None
    """Called after each step with the number of steps done; updates the EMA."""
    advance: Callable[[int, dict[str, float]], None] | None = None
    """Called after each step with the number of steps done and the step's values; for a progress bar."""
    report: Callable[[int, dict[str, float]], None] | None = None
    """Called with the same every `log_every` steps and after the last."""
    sample: Callable[[int], None] | None = None
    """Called with the number of steps done every `sample_every` steps and after the last, before `save`; in all
    processes."""
    save: Callable[[int, State], None] | None = None
    """Called with the number of steps done and the state every `save_every` steps, after the last and at an
    interruption; in the first process only."""
    warn: Callable[[str], None] | None = None
    """Called with a sentence when a loss was not finite."""


class _Values(NamedTuple):
    """The values of a step's phases, still on the device."""

    step: int
    names: list[str]
    values: Tensor


def fit(
    phases: Sequence[Phase],
    batches: Iterable[tuple[int, Batch]],
    config: TrainingConfig,
    hooks: Hooks = Hooks(),
    *,
    pictures: int = 1,
    state: State | None = None,
    also: Mapping[str, nn.Module] | None = None,
    world: World | None = None,
) -> int:
    """Trains up to `config.steps`.

    Losses are reported as NAME/loss, their parts as NAME/PART, and the norms of gradients as NAME/gradient.

    Args:
        phases: the phases of a step, in order.
        batches: (step, batch), starting at the number of steps done; this process's share of each, on the device.
        config: settings of the training.
        hooks: callbacks.
        pictures: pictures in a sample, for images_per_second; such as the frames of a clip.
        state: the state to resume from. None: the training starts from the beginning.
        also: other networks to save and restore with those of the phases: an EMA, a loss's running means.
        world: the processes that train together. None: this process alone, on the first phase's device.

    Returns:
        The number of steps done.

    Raises:
        TrainingError: a loss or gradient was not finite for the third time since the last save.
        CheckpointError: `state` is of other networks, or damaged.
        KeyboardInterrupt: after SIGINT, when the state is saved.
        SystemExit: 143, after SIGTERM, when the state is saved.
    """
    device = next(phases[0].module.parameters()).device
    loop = _Loop(phases, config, also or {}, world or World(device), device)
    done = 0
    if state is not None:
        loop.restore(state)
        done = state.step
    loop.begin(done)
    since, at = time.perf_counter(), done  # for the speed in the next report

    def settle(most: int) -> bool:
        """Reads the values of all but the `most` newest steps; returns False if one of them was not finite."""
        while len(loop.waiting) > most:
            found = loop.waiting.popleft()
            values = dict(zip(found.names, found.values.tolist(), strict=True))
            loop.stopped = loop.stopped or values.pop("stop") > 0
            bad = next((name for name, value in values.items() if not math.isfinite(value)), None)
            if bad is not None:
                sentence = loop.throw_back(found.step, bad, values[bad])
                if hooks.warn:
                    hooks.warn(sentence)
                return False
            shown = found.step + 1
            seconds = time.perf_counter() - since
            values["images_per_second"] = max(0, shown - at) * config.batch_size * pictures / max(seconds, 1e-9)
            if hooks.advance:
                hooks.advance(shown, values)
            if hooks.report and (shown % config.log_every == 0 or shown == config.steps):
                hooks.report(shown, values)
        return True

    with held_back() as held:
        for step, batch in batches if done < config.steps else ():
            if step != done:
                raise ValueError(f"batch {step} was given for step {done}")
            loop.waiting.append(loop.step(step, batch, held.came))
            done = step + 1
            is_last = done == config.steps
            # a step's values are read while the GPU works on the next step
            pause = is_last or not done % config.save_every or not done % config.sample_every
            good = settle(0 if pause else _BEHIND.get(device.type, 0))
            if good and hooks.after_step:
                hooks.after_step(done)
            if loop.stopped and good:
                good = settle(0)
            if good and hooks.sample and (is_last or not done % config.sample_every):
                hooks.sample(done)
            if is_last or loop.stopped or (good and not done % config.save_every):
                loop.remember(done)
                if hooks.save and loop.world.is_first:
                    hooks.save(done, loop.good)
                loop.world.wait()
            if loop.stopped:
                held.answer()
                raise SystemExit(128 + signal.SIGTERM)  # another process got the signal
            if is_last:
                break
            if pause:
                since, at = time.perf_counter(), done  # evaluations and saves do not count for the speed
    return done


class _Loop:
    """The networks, optimizers and counters of a training."""

    def __init__(
        self,
        phases: Sequence[Phase],
        config: TrainingConfig,
        also: Mapping[str, nn.Module],
        world: World,
        device: torch.device,
    ) -> None:
        self.phases, self.config, self.world, self.device = phases, config, world, device
        self.modules = {phase.name: phase.module for phase in phases} | dict(also)
        self.optimizers = {phase.name: phase.optimizer for phase in phases}
        if len(self.optimizers) < len(phases) or len(self.modules) < len(phases) + len(also):
            raise ValueError("two phases or networks have the same name")
        # parameters that were frozen before stay frozen, such as a pretrained encoder's
        self.free = [[p for p in phase.module.parameters() if p.requires_grad] for phase in phases]
        self.rates = [[group["lr"] for group in phase.optimizer.param_groups] for phase in phases]
        self.dtype = choose_precision(config.precision, device)
        self.scalers = {
            phase.name: torch.amp.GradScaler(device.type, enabled=self.dtype == torch.float16) for phase in phases
        }
        self.failures = 0
        self.stopped = False
        self.waiting: deque[_Values] = deque()
        self.good: State

    def begin(self, first_step: int) -> None:
        """Copies the first process's networks to all others, and remembers the state as good."""
        for module in self.modules.values():
            self.world.copy_from_first(list(module.state_dict().values()))
        self.good = self.capture(first_step)

    def remember(self, done: int) -> None:
        """Remembers the state as good: training returns to it after a failure."""
        self.failures = 0
        self.good = self.capture(done)

    def capture(self, done: int) -> State:
        counters = {
            "seed": self.config.seed,
            "scalers": {name: scaler.state_dict() for name, scaler in self.scalers.items()},
        }
        return capture_state(done, self.modules, self.optimizers, counters)

    def restore(self, state: State) -> None:
        counters = restore_state(state, self.modules, self.optimizers)
        saved = counters.get("scalers", {})
        for name, scaler in self.scalers.items():
            own = scaler.state_dict()
            found = saved.get(name) if isinstance(saved, dict) else None
            if not found or not own:  # it was trained in another precision
                continue
            numbers = found.values() if isinstance(found, dict) and own.keys() == found.keys() else ()
            if not numbers or not all(type(number) in (int, float) and number >= 0 for number in numbers):
                raise CheckpointError(f"the state of step {state.step} is damaged: {name} has no scale of its losses")
            scaler.load_state_dict(found)

    def throw_back(self, step: int, name: str, value: float) -> str:
        """Returns to the last good state after a value that was not finite; the next batch is trained on from there.

        Returns:
            A sentence for the person who trains.

        Raises:
            TrainingError: it is the third time since that state.
        """
        self.failures += 1
        self.waiting.clear()
        self.restore(self.good)
        what = f"step {step + 1}: {name} is {value}"
        if self.failures == _MOST_FAILURES:
            raise TrainingError(
                f"{what}, for the {_MOST_FAILURES}rd time since step {self.good.step}; lower the learning rate, give "
                "--clip 1, or --precision fp32"
            )
        return f"{what}; went back to the weights of step {self.good.step}, and left this batch out"

    def step(self, step: int, batch: Batch, stop: list[int]) -> _Values:
        """Runs the phases that are due."""
        torch.manual_seed(_seed_of(self.config.seed, step, self.world.rank))
        batch = self.place_batch(batch)
        names, values = [], []
        for number, phase in enumerate(self.phases):
            if step % phase.every == 0:
                for name, value in self.run_phase(number, phase, batch, step).items():
                    names.append(f"{phase.name}/{name}")
                    values.append(value.detach().float().reshape(()))
        names.append("stop")
        values.append(torch.full((), float(bool(stop)), device=self.device))
        together = torch.stack(values)
        self.world.average([together])
        return _Values(step, names, together)

    def run_phase(self, number: int, phase: Phase, batch: Batch, step: int) -> dict[str, Tensor]:
        """Runs one phase: a step of its optimizer."""
        for other, parameters in enumerate(self.free):
            if other != number:
                for parameter in parameters:
                    parameter.requires_grad_(False)
        for parameter in self.free[number]:
            parameter.requires_grad_(True)
        if phase.schedule is not None:
            for group, rate in zip(phase.optimizer.param_groups, self.rates[number], strict=True):
                group["lr"] = rate * phase.schedule(step)
        phase.optimizer.zero_grad(set_to_none=True)
        scaler = self.scalers[phase.name]
        shown: dict[str, Tensor] = {}
        for part, share in split_batch(batch, self.config.accumulate):
            with self.autocast():
                loss, parts = phase.loss(part, step)
            scaler.scale(loss * share).backward()  # type: ignore[no-untyped-call]
            for name, value in ({"loss": loss} | parts).items():
                weighed = value.detach() * share
                shown[name] = shown[name] + weighed if name in shown else weighed
        gradients = [p.grad for p in self.free[number] if p.grad is not None]
        self.world.average(gradients)
        scaler.unscale_(phase.optimizer)
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.config.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self.free[number], self.config.clip, norm)
        scaler.step(phase.optimizer)
        scaler.update()
        if not scaler.is_enabled():
            shown["gradient"] = norm
        else:  # gradients overflow now and then, which halves the scale; a scale that keeps falling counts as NaN
            scale = scaler.get_scale()
            shown["scale"] = torch.full((), scale if scale > _LEAST_SCALE else math.nan, device=self.device)
        self.world.copy_from_first([b for b in phase.module.buffers() if b.is_floating_point()])
        return shown

    def autocast(self) -> AbstractContextManager[Any]:
        """Half precision where PyTorch's autocast allows it; reductions stay in fp32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def place_batch(self, batch: Batch) -> Batch:
        """Converts images to the networks' memory layout."""
        if not self.config.channels_last:
            return batch
        return map_batch(batch, lambda x: x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x)


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """The forward pass's number format; auto: bf16 on a GPU that supports it, else fp32. tf32: see `join_world`."""
    if precision == "auto":
        has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        return torch.bfloat16 if has_bf16 else torch.float32
    return {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Context for fp32 within a loss, which gradient penalties need; inputs must be converted by `.float()`."""
    return torch.autocast(device.type, enabled=False)


def place_module(module: nn.Module, config: TrainingConfig, world: World) -> nn.Module:
    """Moves a network to its device, sets its memory layout and compiles it; call it before making optimizer and EMA.

    With several processes on GPUs, batch norms use the statistics of the whole batch.
    """
    module.to(world.device)
    if config.channels_last:
        for parameter in module.parameters():  # Module.to takes one layout for all, and volumes need another
            if parameter.dim() in _LAYOUTS:
                parameter.data = parameter.data.contiguous(memory_format=_LAYOUTS[parameter.dim()])
    if world.size > 1 and world.device.type == "cuda":
        module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
    if config.recompute:
        recompute_blocks(module)
    if config.compiled:
        module.compile()
    return module


def make_adam(
    parameters: Iterable[Tensor],
    rate: float,
    betas: tuple[float, float] = (0.9, 0.999),
    *,
    decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Makes AdamW, or Adam if `decay` is 0; fused into one kernel if the device supports it."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    fused = all(parameter.device.type in ("cuda", "cpu") for parameter in trained)
    if decay:
        return torch.optim.AdamW(trained, rate, betas, weight_decay=decay, fused=fused)
    return torch.optim.Adam(trained, rate, betas, fused=fused)


def draw_noise(size: int, seed: int, step: int, count: int, first: int = 0) -> Tensor:
    """Draws latents for the samples of a step; they do not depend on the number of processes and parts.

    Args:
        size: length of a latent.
        seed: seed of the training.
        step: number of the step, from 0.
        count: number of latents; with several processes, this one's share.
        first: index of the first within the batch.

    Returns:
        (count, size) float32, normally distributed, on the CPU.
    """
    rows = [
        np.random.default_rng((seed, step, sample, 1)).standard_normal(size, np.float32)
        for sample in range(first, first + count)
    ]
    return torch.from_numpy(np.stack(rows))


def map_batch(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """Applies a function to every tensor of a batch."""
    if isinstance(batch, Tensor):
        return change(batch)
    if isinstance(batch, Mapping):
        return {key: map_batch(value, change) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        parts = [map_batch(value, change) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


def split_batch(batch: Batch, parts: int) -> Iterator[tuple[Batch, float]]:
    """Splits a batch into parts along its samples.

    Yields:
        A part, and its share of the samples.
    """
    if parts == 1:
        yield batch, 1.0
        return
    total = _count_samples(batch)
    for part in range(parts):
        low, high = part * total // parts, (part + 1) * total // parts
        if high > low:
            yield map_batch(batch, lambda x, low=low, high=high: x[low:high]), (high - low) / total  # type: ignore[misc]


def _count_samples(batch: Batch) -> int:
    """The number of samples in a batch: the length of its first tensor."""
    if isinstance(batch, Tensor):
        return len(batch)
    return _count_samples(next(iter(batch.values() if isinstance(batch, Mapping) else batch)))


def _seed_of(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> np.uint64(1))
