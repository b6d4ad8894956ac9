"""What the trainings of a generator against a discriminator of single pictures share.

A recipe says what the pictures are and how they are drawn (`Duel`); `train` does the rest: optimisers, the two losses,
the running mean of the weights, samples, health and checkpoints.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from .augmentation import augment
from .clips import ClipSampler
from .config import AdversarialConfig, ClipConfig, TrainingConfig
from .distributed import World
from .health import HealthCheck, HealthWatch, embed_with_vgg
from .losses import R1_EVERY, LeCam, gradient_penalty, hinge_for_discriminator, hinge_for_generator, redrawing
from .runs import Network, Run, read_series
from .training import Ema, Phase, fit, full_precision, make_adam, place_module
from .training_state import State

LOOKED_AT = 64
"""Pictures whose health is measured, and reals that they are compared with."""
_AT_ONCE = 16  # pictures drawn together for a look

Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Listeners:
    """Who is told of a training; each is left out where nobody listens."""

    advance: Callable[[int, Mapping[str, float]], None] | None = None
    """Takes the steps done and the values of a step, after each."""
    note: Callable[[str], None] | None = None
    """Takes a sentence: health, and warnings."""
    look: Callable[[str, int, int], None] | None = None
    """Told while films without records are looked through; see `clips.OnLook`."""

    def tell(self, sentence: str) -> None:
        """Passes a sentence on."""
        if self.note:
            self.note(sentence)


@dataclass(frozen=True)
class Duel:
    """What a recipe brings."""

    generator: nn.Module
    """The network that draws; `train` places it."""
    pair: Callable[[Any], tuple[Tensor, Tensor, Parts]]
    """Draws for a batch: real pictures (M, 3, S, S), drawn ones (K, 3, S, S), and further losses of the generator, each
    weighted already."""
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


def train(
    duel: Duel,
    batches: Iterable[tuple[int, Any]],
    run: Run,
    training: TrainingConfig,
    nets: AdversarialConfig,
    size: int,
    reals: Tensor,
    encoder: nn.Module | None,
    world: World,
    listeners: Listeners,
) -> int:
    """Trains a generator and its discriminator up to `training.steps`.

    Args:
        duel: the generator and how it draws.
        batches: see `fit`.
        run: where it is kept, and what to go on from.
        training: how long, and how.
        nets: the discriminator, its losses and the learning rates.
        size: side of the pictures.
        reals: (LOOKED_AT, 3, size, size) in [-1, 1], to measure health by.
        encoder: a trained VGG16, to measure health with; None: it is not measured.
        world: the processes that train together.
        listeners: who is told.

    Returns:
        The steps done.

    Raises:
        see `fit`.
    """
    config = ImageDiscriminatorConfig(size, nets.width, nets.spectral_norm)
    generator = place_module(duel.generator, training, world)
    discriminator = ImageDiscriminator(config)
    place_module(discriminator, training, world)
    ema = Ema(generator, training.ema)
    lecam = LeCam().to(world.device)
    network = duel.network(ema.module)

    def judge(batch: Any, step: int) -> tuple[Tensor, Parts]:
        with torch.no_grad():
            real, drawn, _ = duel.pair(batch)
        return discriminator_loss(discriminator, lecam, nets, real, drawn, step)

    def deceive(batch: Any, _step: int) -> tuple[Tensor, Parts]:
        _, drawn, parts = duel.pair(batch)
        adversarial = hinge_for_generator(discriminator(augment(drawn, nets.augment)))
        return torch.stack([adversarial, *parts.values()]).sum(), {"adversarial": adversarial, **parts}

    def made(module: nn.Module, rate: float) -> torch.optim.Optimizer:
        return make_adam(module.parameters(), rate, nets.betas)

    phases = [
        Phase("discriminator", discriminator, made(discriminator, nets.discriminator_rate), judge),
        Phase("generator", generator, made(generator, nets.generator_rate), deceive),
    ]
    check = HealthCheck(embed_with_vgg(encoder), reals) if encoder is not None and world.is_first else None
    watch = HealthWatch(read_series(run.folder))
    if run.first_step == 0:
        run.show_reals(reals[: duel.shown])

    @torch.no_grad()
    def sample(step: int) -> None:
        if not world.is_first:
            return
        fakes = duel.fakes(ema.module).float().cpu()
        run.sample(step, fakes[: duel.shown])
        if duel.moving is not None:
            run.sample(step, duel.moving(ema.module))
        if check is None:
            return
        health = check.look(fakes, _score(discriminator, reals, fakes, world.device))
        warning = watch.warn(step, health)
        run.log(step, health.as_metrics() | ({} if warning is None else {"warning": warning}))
        listeners.tell(f"step {step}: {health.tell()}")
        if warning is not None:
            listeners.tell(warning)
        run.save_best(step, health.score, network)

    def save(step: int, state: State) -> None:
        run.save(step, state, network, training.keep)

    def warn(sentence: str) -> None:
        listeners.tell(sentence)
        run.log(run.first_step, {"warning": sentence})

    for sentence in run.notes:
        listeners.tell(sentence)
    try:
        return fit(
            phases,
            batches,
            training,
            pictures=duel.pictures,
            first_step=run.first_step,
            state=run.state,
            also={"ema": ema.module, "lecam": lecam},
            after_step=ema.update,
            advance=listeners.advance,
            report=run.log,
            sample=sample,
            save=save,
            warn=warn,
            world=world,
        )
    finally:
        run.close()


def discriminator_loss(
    discriminator: ImageDiscriminator,
    lecam: LeCam,
    nets: AdversarialConfig,
    real: Tensor,
    drawn: Tensor,
    step: int,
) -> tuple[Tensor, Parts]:
    """What the discriminator is to lower.

    Args:
        discriminator: the network.
        lecam: holds the running means.
        nets: which terms there are, and their weights.
        real: (M, 3, S, S) in [-1, 1].
        drawn: (K, 3, S, S) in [-1, 1], without gradients.
        step: counted from 0.

    Returns:
        The loss, and its parts: real and fake are the mean scores; all others are not weighted.
    """
    real, drawn = augment(real, nets.augment), augment(drawn, nets.augment)
    parts: Parts = {}
    if nets.redraw:
        on_real, redrawn = discriminator.redraw(real)
        parts["redraw"] = redrawing(redrawn)
    else:
        on_real = discriminator(real)
    on_drawn = discriminator(drawn)
    loss = hinge_for_discriminator(on_real, on_drawn)
    if nets.redraw:
        loss = loss + nets.redraw * parts["redraw"]
    if nets.lecam:
        parts["lecam"] = lecam(on_real, on_drawn)
        loss = loss + nets.lecam * parts["lecam"]
    if nets.r1 and step % R1_EVERY == 0:
        with full_precision(real.device):
            parts["r1"] = gradient_penalty(discriminator, real.float())
        loss = loss + nets.r1 * R1_EVERY * parts["r1"]
    return loss, {"real": on_real.float().mean(), "fake": on_drawn.float().mean(), **parts}


def looking_clips(config: ClipConfig) -> ClipConfig:
    """How the pictures of a look are drawn from the films: as they are, and others than the training's."""
    return replace(config, crop=1.0, flip=False, colour=False, reverse=False, seed=config.seed + 1)


def draw_look(sampler: ClipSampler, first: int, numbers: list[int]) -> Tensor:
    """LOOKED_AT clips, reduced to some of their frames.

    Args:
        sampler: draws as `looking_clips` says.
        first: number of the first batch.
        numbers: of the frames of a clip that are wanted.

    Returns:
        (LOOKED_AT, len(numbers), 3, S, S) float in [-1, 1], on the CPU.
    """
    batches = -(-LOOKED_AT // sampler.batch_size)
    clips = torch.cat([sampler.batch(first + step)[:, numbers] for step in range(batches)])[:LOOKED_AT]
    return clips.float() / 127.5 - 1


def in_parts(draw: Callable[[Tensor], Tensor], latents: Tensor, device: torch.device) -> Tensor:
    """Draws a few pictures at a time; they come back on the CPU.

    Args:
        draw: takes latents and gives pictures, as many.
        latents: (N, ...), anywhere.
        device: where `draw` computes.
    """
    return torch.cat([draw(part.to(device)).float().cpu() for part in latents.split(_AT_ONCE)])  # type: ignore[no-untyped-call]


def _score(
    discriminator: ImageDiscriminator, reals: Tensor, fakes: Tensor, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The discriminator's scores, in eval mode: a look must leave no trace in the training."""
    discriminator.eval()
    try:
        return in_parts(discriminator, reals, device), in_parts(discriminator, fakes, device)
    finally:
        discriminator.train()
