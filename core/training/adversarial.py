"""The shared training of a generator against discriminators.

A recipe defines the generator, its discriminators and how a batch is drawn (`AdversarialTask`); `train` does the rest:
optimisers, losses, EMA, samples, health and checkpoints.

Several discriminators are trained in one phase, so that the generator draws each batch once for all of them. Their
values are then logged as discriminator/NAME/PART and generator/NAME/adversarial.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...models.blocks import init_batch_norms
from ...models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from ...models.vgg import VggEncoder
from ..config.training import AdversarialConfig, TrainingConfig
from ..errors import InputError
from ..measures.features import embed_with_vgg
from ..weights.vgg import load_vgg
from .augmentation import Spoilt, augment
from .distributed import World
from .health import HealthCheck, HealthWatch
from .listeners import Listeners, Parts
from .loop import Ema, Hooks, Phase, fit, full_precision, make_adam, place_module
from .losses.adversarial import (
    R1_EVERY,
    LeCam,
    gradient_penalty,
    hinge_for_discriminator,
    hinge_for_generator,
    hinge_for_spoilt,
    redraw_loss,
)
from .metrics_file import read_series
from .run_folder import Network, Run
from .samples import in_parts
from .schedules import schedule_rate
from .state import State


class RealAndDrawn(NamedTuple):
    """The input of a discriminator's loss."""

    real: Tensor
    """Pictures (M, 3, S, S), or clips (M, T, 3, S, S), in [-1, 1]."""
    drawn: Tensor
    """(K, ...): the generator's output, of the same kind and range."""


@dataclass(frozen=True)
class Discriminator:
    """A discriminator and its loss."""

    name: str
    """Values are logged under this name if there are several discriminators."""
    module: nn.Module
    """Maps pictures or clips to scores; `train` puts it on the device. An `ImageDiscriminator` if `nets.redraw` > 0."""
    nets: AdversarialConfig
    """The terms of its loss."""
    weight: float = 1.0
    """Weight of its score in the generator's loss."""
    spoil: Callable[[Any], Mapping[str, tuple[float, Spoilt]]] | None = None
    """Makes extra fakes from a batch, by kind, each with a weight; the discriminator learns to reject them."""


class Evaluation(NamedTuple):
    """A recipe's own measurements of the evaluation pictures."""

    metrics: dict[str, float]
    """Values by their names in metrics.jsonl."""
    score: float
    """Higher is better; decides which network becomes best.safetensors."""
    sentence: str
    """The values in one sentence."""


@dataclass(frozen=True)
class AdversarialTask:
    """What a recipe defines."""

    generator: nn.Module
    """The network that draws; `train` puts it on the device."""
    discriminators: Sequence[Discriminator]
    """May be empty: the generator is then trained on its other losses only."""
    draw: Callable[[Any, bool], tuple[Mapping[str, RealAndDrawn], Parts]]
    """Takes a batch, and whether to compute the generator's other losses. Returns the input of each discriminator by
    name, and these losses by name, already weighted (or none)."""
    network: Callable[[nn.Module], Network]
    """Takes the generator's EMA; returns the network for the checkpoint."""
    draw_evaluation: Callable[[nn.Module], Tensor]
    """Takes the generator's EMA; draws the evaluation pictures, (E, 3, S, S), from the same latents each time."""
    shown: int
    """Number of evaluation pictures in the saved grid."""
    draw_sequences: Callable[[nn.Module], Tensor] | None = None
    """Takes the generator's EMA; draws sequences to save, (N, T, 3, S, S)."""
    pictures: int = 1
    """Frames in one sample of a batch."""
    measure: Callable[[Tensor], Evaluation] | None = None
    """Measures the evaluation pictures, on the CPU. None: the network of the best health is the best one."""


def make_picture_discriminator(size: int, nets: AdversarialConfig) -> Discriminator:
    """Makes a discriminator of single pictures.

    Args:
        size: height and width of the pictures.
        nets: its width, norm and losses.
    """
    return Discriminator(
        "picture", ImageDiscriminator(ImageDiscriminatorConfig(size, nets.width, nets.spectral_norm)), nets
    )


def train(
    task: AdversarialTask,
    batches: Iterable[tuple[int, Any]],
    run: Run,
    training: TrainingConfig,
    nets: AdversarialConfig,
    reals: Tensor,
    encoder: nn.Module | None,
    world: World,
    listeners: Listeners,
    learnt: Tensor | None = None,
) -> int:
    """Trains a generator and its discriminators up to `training.steps`.

    Args:
        task: the networks, and how a batch is drawn.
        batches: see `fit`.
        run: the run's folder, with the state to resume from.
        training: settings of the training.
        nets: learning rates, and augmentations of the discriminators' inputs.
        reals: (E, 3, S, S) in [-1, 1]: real pictures that health compares with; held out if `learnt` is given.
        encoder: a trained VGG16, to measure health with. None: health is not measured.
        world: the processes that train together.
        listeners: callbacks for progress.
        learnt: (E, 3, S, S): pictures of the training set. None: `reals` are.

    Returns:
        The number of steps done.

    Raises:
        see `fit`.
    """
    discriminators = {discriminator.name: discriminator for discriminator in task.discriminators}
    generator = place_module(task.generator, training, world)
    for discriminator in discriminators.values():
        init_batch_norms(discriminator.module, nets.bn_init)
        place_module(discriminator.module, training, world)
    ema = Ema(generator, training.ema)
    lecams = {name: LeCam().to(world.device) for name in discriminators}
    network = task.network(ema.module)

    def named(name: str, part: str) -> str:
        return part if len(discriminators) == 1 else f"{name}/{part}"

    def discriminators_loss(batch: Any, step: int) -> tuple[Tensor, Parts]:
        with torch.no_grad():
            inputs, _ = task.draw(batch, False)
        losses: list[Tensor] = []
        parts: Parts = {}
        for name, discriminator in discriminators.items():
            spoilt = discriminator.spoil(batch) if discriminator.spoil else {}
            loss, found = discriminator_loss(
                discriminator.module, lecams[name], discriminator.nets, *inputs[name], step, spoilt
            )
            losses.append(loss)
            parts |= {named(name, part): value for part, value in found.items()}
        return torch.stack(losses).sum(), parts

    def generator_loss(batch: Any, _step: int) -> tuple[Tensor, Parts]:
        inputs, parts = task.draw(batch, True)
        adversarial = {}
        for name, discriminator in discriminators.items():
            scores = discriminator.module(augment(inputs[name].drawn, nets.augment))
            adversarial[named(name, "adversarial")] = discriminator.weight * hinge_for_generator(scores)
        parts = {**adversarial, **parts}
        return torch.stack(list(parts.values())).sum(), parts

    schedule = _make_schedule(nets, training.steps)
    optimizer = make_adam(generator.parameters(), nets.generator_rate, nets.betas)
    phases = [Phase("generator", generator, optimizer, generator_loss, schedule=schedule)]
    if discriminators:
        joined = _join({name: discriminator.module for name, discriminator in discriminators.items()})
        optimizer = make_adam(joined.parameters(), nets.discriminator_rate, nets.betas)
        phases.insert(0, Phase("discriminator", joined, optimizer, discriminators_loss, schedule=schedule))
    also = {"ema": ema.module} | ({"lecam": _join(lecams)} if discriminators else {})
    critic = next((d.module for d in discriminators.values() if isinstance(d.module, ImageDiscriminator)), None)
    check = _make_check(encoder, reals, learnt) if world.is_first else None
    watch = HealthWatch(read_series(run.folder))
    if run.first_step == 0:
        run.show_reals((reals if learnt is None else learnt)[: task.shown])

    @torch.no_grad()
    def sample(step: int) -> None:
        if not world.is_first:
            return
        fakes = task.draw_evaluation(ema.module).float().cpu()
        run.sample(step, fakes[: task.shown])
        if task.draw_sequences is not None:
            run.sample(step, task.draw_sequences(ema.module))
        score = None
        if check is not None:
            scores = None if critic is None else _score(critic, reals, fakes, world.device)
            health = check.measure(fakes, scores)
            warning = watch.warn(step, health)
            run.log(step, health.as_metrics() | ({} if warning is None else {"warning": warning}))
            listeners.report(f"step {step}: {health.describe()}")
            if warning is not None:
                listeners.report(warning)
            score = health.score
        if task.measure is not None:
            evaluation = task.measure(fakes)
            run.log(step, evaluation.metrics)
            listeners.report(f"step {step}: {evaluation.sentence}")
            score = evaluation.score
        if score is not None:
            run.save_best(step, score, network)

    def save(step: int, state: State) -> None:
        run.save(step, state, network, training.keep)

    def warn(sentence: str) -> None:
        listeners.report(sentence)
        run.log(run.first_step, {"warning": sentence})

    for sentence in run.notes:
        listeners.report(sentence)
    listeners.count_parameters({phase.name: phase.module for phase in phases})
    try:
        return fit(
            phases,
            batches,
            training,
            Hooks(
                after_step=ema.update, advance=listeners.advance, report=run.log, sample=sample, save=save, warn=warn
            ),
            pictures=task.pictures,
            state=run.state,
            also=also,
            world=world,
        )
    finally:
        run.close()


def _make_schedule(nets: AdversarialConfig, steps: int) -> Callable[[int], float] | None:
    """The factor of both learning rates at each step. None: they are constant."""
    if nets.schedule == "constant" and not nets.warm_up:
        return None
    return lambda step: schedule_rate(nets.schedule, step, steps, nets.warm_up)


def _make_check(encoder: nn.Module | None, reals: Tensor, learnt: Tensor | None) -> HealthCheck | None:
    """Prepares the measurement of health. None: there is no network to measure it with."""
    return None if encoder is None else HealthCheck(embed_with_vgg(encoder), reals, learnt=learnt)


def _join(modules: Mapping[str, nn.Module]) -> nn.Module:
    """Joins networks in one module. A single one is returned as it is, so that its names in the state stay short."""
    return next(iter(modules.values())) if len(modules) == 1 else nn.ModuleDict(dict(modules))


def discriminator_loss(
    discriminator: nn.Module,
    lecam: LeCam,
    nets: AdversarialConfig,
    real: Tensor,
    drawn: Tensor,
    step: int,
    spoilt: Mapping[str, tuple[float, Spoilt]] | None = None,
) -> tuple[Tensor, Parts]:
    """The loss of a discriminator.

    Args:
        discriminator: the network; an `ImageDiscriminator` if `nets.redraw` > 0.
        lecam: holds the running means of the scores.
        nets: the terms and their weights.
        real: pictures (M, 3, S, S) or clips (M, T, 3, S, S), in [-1, 1].
        drawn: (K, ...): the generator's output, without gradients.
        step: number of the step, from 0.
        spoilt: extra fakes by kind, each with its weight.

    Returns:
        The loss, and its parts without their weights; "real" and "fake" are mean scores.
    """
    real, drawn = augment(real, nets.augment), augment(drawn, nets.augment)
    parts: Parts = {}
    if nets.redraw:
        assert isinstance(discriminator, ImageDiscriminator)
        on_real, redrawn = discriminator.redraw(real)
        parts["redraw"] = redraw_loss(redrawn)
    else:
        on_real = discriminator(real)
    on_drawn = discriminator(drawn)
    loss = hinge_for_discriminator(on_real, on_drawn)
    if nets.redraw:
        loss = loss + nets.redraw * parts["redraw"]
    for kind, (weight, fakes) in (spoilt or {}).items():
        parts[kind] = hinge_for_spoilt(discriminator(augment(fakes.pictures, nets.augment)), fakes.differs)
        loss = loss + weight * parts[kind]
    if nets.lecam:
        parts["lecam"] = lecam(on_real, on_drawn)
        loss = loss + nets.lecam * parts["lecam"]
    if nets.r1 and step % R1_EVERY == 0:
        with full_precision(real.device):
            # not compiled, as compiled networks cannot be differentiated twice
            parts["r1"] = gradient_penalty(discriminator.forward, real.float())
        loss = loss + nets.r1 * R1_EVERY * parts["r1"]
    return loss, {"real": on_real.float().mean(), "fake": on_drawn.float().mean(), **parts}


def find_encoder(weights: Path | None, device: torch.device, listeners: Listeners) -> VggEncoder | None:
    """Loads the VGG16 for measuring health.

    Args:
        weights: see `load_vgg`.
        device: device of the network.
        listeners: receives the reason if the network cannot be loaded.

    Returns:
        The network; None if it cannot be loaded, so that health is not measured.
    """
    try:
        return load_vgg(weights, device)
    except InputError as error:
        listeners.report(f"health is not measured: {error}")
        return None


def _score(discriminator: nn.Module, reals: Tensor, fakes: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """The discriminator's scores of real and drawn pictures, in eval mode, so that no statistics change."""
    discriminator.eval()
    score = discriminator.forward  # compiling it for eval mode would take longer than all evaluations
    try:
        return in_parts(score, reals, device), in_parts(score, fakes, device)
    finally:
        discriminator.train()
