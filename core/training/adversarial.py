"""What the trainings of a generator against discriminators share.

A recipe says what the pictures are, how they are drawn and who judges them (`Duel`); `train` does the rest: optimisers,
the losses, the running mean of the weights, samples, health and checkpoints.

Where there are several judges they learn together in one phase, so that everything is drawn for them once; their values
are then logged as discriminator/JUDGE/PART and generator/JUDGE/adversarial.
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
    redrawing,
    refusing,
)
from .run_folder import Network, Run, read_series
from .samples import in_parts
from .schedules import schedule_rate
from .state import State


class Shown(NamedTuple):
    """What a judge is shown."""

    real: Tensor
    """Pictures (M, 3, S, S), or clips (M, T, 3, S, S), in [-1, 1]."""
    drawn: Tensor
    """(K, ...), likewise."""


@dataclass(frozen=True)
class Judge:
    """A discriminator, and how it learns."""

    name: str
    """What its values are logged under where there are others."""
    module: nn.Module
    """Turns pictures or clips into scores; `train` places it. An `ImageDiscriminator` where it is to redraw."""
    nets: AdversarialConfig
    """Which terms its loss has."""
    weight: float = 1.0
    """Of its score in the generator's loss."""
    spoil: Callable[[Any], Mapping[str, tuple[float, Spoilt]]] | None = None
    """Makes further fakes of a batch, each kind with a weight, for the judge to refuse."""


class Look(NamedTuple):
    """What a recipe itself measured of the pictures of a look."""

    metrics: dict[str, float]
    """As metrics.jsonl has them."""
    score: float
    """The higher the better: chooses best.safetensors."""
    sentence: str
    """The same in words."""


@dataclass(frozen=True)
class Duel:
    """What a recipe brings."""

    generator: nn.Module
    """The network that draws; `train` places it."""
    judges: Sequence[Judge]
    """Who judges; nobody where only errors are lowered."""
    pair: Callable[[Any, bool], tuple[Mapping[str, Shown], Parts]]
    """Draws for a batch: what each judge is shown, by its name, and, where the second argument is true, the further
    losses of the generator, each weighted already."""
    network: Callable[[nn.Module], Network]
    """What a checkpoint holds, of the generator's mean."""
    fakes: Callable[[nn.Module], Tensor]
    """Draws LOOKED_AT pictures for a look, (LOOKED_AT, 3, S, S), always from the same latents."""
    shown: int
    """How many of them are kept as a picture."""
    moving: Callable[[nn.Module], Tensor] | None = None
    """Draws sequences to keep, (N, T, 3, S, S)."""
    pictures: int = 1
    """Frames of a sample of the batch."""
    measure: Callable[[Tensor], Look] | None = None
    """Measures the pictures of a look, as `fakes` drew them, on the CPU; None: health chooses the best."""


def judge_pictures(size: int, nets: AdversarialConfig) -> Judge:
    """A discriminator of single pictures.

    Args:
        size: their sides.
        nets: its width, norm and losses.
    """
    return Judge("picture", ImageDiscriminator(ImageDiscriminatorConfig(size, nets.width, nets.spectral_norm)), nets)


def train(
    duel: Duel,
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
    """Trains a generator and its judges up to `training.steps`.

    Args:
        duel: the generator and how it draws.
        batches: see `fit`.
        run: where it is kept, and what to go on from.
        training: how long, and how.
        nets: the learning rates, and what the judges' pictures undergo.
        reals: (LOOKED_AT, 3, S, S) in [-1, 1], to measure health by; held out where `learnt` is given.
        encoder: a trained VGG16, to measure health with; None: it is not measured.
        world: the processes that train together.
        listeners: who is told.
        learnt: (LOOKED_AT, 3, S, S) of what is learnt from; None: `reals` are such.

    Returns:
        The steps done.

    Raises:
        see `fit`.
    """
    judges = {judge.name: judge for judge in duel.judges}
    generator = place_module(duel.generator, training, world)
    for judge in judges.values():
        init_batch_norms(judge.module, nets.bn_init)
        place_module(judge.module, training, world)
    ema = Ema(generator, training.ema)
    lecams = {name: LeCam().to(world.device) for name in judges}
    network = duel.network(ema.module)

    def named(name: str, part: str) -> str:
        return part if len(judges) == 1 else f"{name}/{part}"

    def refuse(batch: Any, step: int) -> tuple[Tensor, Parts]:
        with torch.no_grad():
            shown, _ = duel.pair(batch, False)
        losses: list[Tensor] = []
        parts: Parts = {}
        for name, judge in judges.items():
            spoilt = judge.spoil(batch) if judge.spoil else {}
            loss, found = discriminator_loss(judge.module, lecams[name], judge.nets, *shown[name], step, spoilt)
            losses.append(loss)
            parts |= {named(name, part): value for part, value in found.items()}
        return torch.stack(losses).sum(), parts

    def deceive(batch: Any, _step: int) -> tuple[Tensor, Parts]:
        shown, parts = duel.pair(batch, True)
        adversarial = {}
        for name, judge in judges.items():
            scores = judge.module(augment(shown[name].drawn, nets.augment))
            adversarial[named(name, "adversarial")] = judge.weight * hinge_for_generator(scores)
        parts = {**adversarial, **parts}
        return torch.stack(list(parts.values())).sum(), parts

    def made(module: nn.Module, rate: float) -> torch.optim.Optimizer:
        return make_adam(module.parameters(), rate, nets.betas)

    schedule = _make_schedule(nets, training.steps)
    phases = [Phase("generator", generator, made(generator, nets.generator_rate), deceive, schedule=schedule)]
    if judges:
        bench = _together({name: judge.module for name, judge in judges.items()})
        learner = made(bench, nets.discriminator_rate)
        phases.insert(0, Phase("discriminator", bench, learner, refuse, schedule=schedule))
    also = {"ema": ema.module} | ({"lecam": _together(lecams)} if judges else {})
    critic = next((judge.module for judge in judges.values() if isinstance(judge.module, ImageDiscriminator)), None)
    check = _make_check(encoder, reals, learnt) if world.is_first else None
    watch = HealthWatch(read_series(run.folder))
    if run.first_step == 0:
        run.show_reals((reals if learnt is None else learnt)[: duel.shown])

    @torch.no_grad()
    def sample(step: int) -> None:
        if not world.is_first:
            return
        fakes = duel.fakes(ema.module).float().cpu()
        run.sample(step, fakes[: duel.shown])
        if duel.moving is not None:
            run.sample(step, duel.moving(ema.module))
        score = None
        if check is not None:
            scores = None if critic is None else _score(critic, reals, fakes, world.device)
            health = check.look(fakes, scores)
            warning = watch.warn(step, health)
            run.log(step, health.as_metrics() | ({} if warning is None else {"warning": warning}))
            listeners.tell(f"step {step}: {health.tell()}")
            if warning is not None:
                listeners.tell(warning)
            score = health.score
        if duel.measure is not None:
            look = duel.measure(fakes)
            run.log(step, look.metrics)
            listeners.tell(f"step {step}: {look.sentence}")
            score = look.score
        if score is not None:
            run.save_best(step, score, network)

    def save(step: int, state: State) -> None:
        run.save(step, state, network, training.keep)

    def warn(sentence: str) -> None:
        listeners.tell(sentence)
        run.log(run.first_step, {"warning": sentence})

    for sentence in run.notes:
        listeners.tell(sentence)
    listeners.count({phase.name: phase.module for phase in phases})
    try:
        return fit(
            phases,
            batches,
            training,
            Hooks(
                after_step=ema.update, advance=listeners.advance, report=run.log, sample=sample, save=save, warn=warn
            ),
            pictures=duel.pictures,
            state=run.state,
            also=also,
            world=world,
        )
    finally:
        run.close()


def _make_schedule(nets: AdversarialConfig, steps: int) -> Callable[[int], float] | None:
    """What both learning rates are multiplied by at a step; None: they stay."""
    if nets.schedule == "constant" and not nets.warm_up:
        return None
    return lambda step: schedule_rate(nets.schedule, step, steps, nets.warm_up)


def _make_check(encoder: nn.Module | None, reals: Tensor, learnt: Tensor | None) -> HealthCheck | None:
    """Measures health; None where there is nothing to measure it by."""
    return None if encoder is None else HealthCheck(embed_with_vgg(encoder), reals, learnt=learnt)


def _together(modules: Mapping[str, nn.Module]) -> nn.Module:
    """One network that holds several; one alone is itself, and so are the names in its state."""
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
    """What a discriminator is to lower.

    Args:
        discriminator: the network; an `ImageDiscriminator` where it is to redraw.
        lecam: holds the running means.
        nets: which terms there are, and their weights.
        real: pictures (M, 3, S, S) or clips (M, T, 3, S, S), in [-1, 1].
        drawn: (K, ...), likewise, without gradients.
        step: counted from 0.
        spoilt: further fakes by the name of their kind, each with its weight.

    Returns:
        The loss, and its parts: real and fake are the mean scores; all others are not weighted.
    """
    real, drawn = augment(real, nets.augment), augment(drawn, nets.augment)
    parts: Parts = {}
    if nets.redraw:
        assert isinstance(discriminator, ImageDiscriminator)
        on_real, redrawn = discriminator.redraw(real)
        parts["redraw"] = redrawing(redrawn)
    else:
        on_real = discriminator(real)
    on_drawn = discriminator(drawn)
    loss = hinge_for_discriminator(on_real, on_drawn)
    if nets.redraw:
        loss = loss + nets.redraw * parts["redraw"]
    for kind, (weight, fakes) in (spoilt or {}).items():
        parts[kind] = refusing(discriminator(augment(fakes.pictures, nets.augment)), fakes.differs)
        loss = loss + weight * parts[kind]
    if nets.lecam:
        parts["lecam"] = lecam(on_real, on_drawn)
        loss = loss + nets.lecam * parts["lecam"]
    if nets.r1 and step % R1_EVERY == 0:
        with full_precision(real.device):
            # not compiled, as it is differentiated twice, which compiled networks are not
            parts["r1"] = gradient_penalty(discriminator.forward, real.float())
        loss = loss + nets.r1 * R1_EVERY * parts["r1"]
    return loss, {"real": on_real.float().mean(), "fake": on_drawn.float().mean(), **parts}


def find_encoder(weights: Path | None, device: torch.device, listeners: Listeners) -> VggEncoder | None:
    """The network that health is measured with; without it a training goes on all the same, and says so.

    Args:
        weights: see `load_vgg`.
        device: where it is to be.
        listeners: told where it cannot be had.
    """
    try:
        return load_vgg(weights, device)
    except InputError as error:
        listeners.tell(f"health is not measured: {error}")
        return None


def _score(discriminator: nn.Module, reals: Tensor, fakes: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """The discriminator's scores, in eval mode: a look must leave no trace in the training."""
    discriminator.eval()
    judge = discriminator.forward  # to compile it for eval mode would take longer than all its looks
    try:
        return in_parts(judge, reals, device), in_parts(judge, fakes, device)
    finally:
        discriminator.train()
