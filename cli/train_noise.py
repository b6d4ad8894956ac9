"""`animi train-noise`: trains a network that draws pictures like those of a cartoon from noise."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import RECIPES
from ..core.config.training import TrainNoiseConfig
from .training_options import (
    R1,
    Accumulate,
    Augment,
    BatchSize,
    Betas,
    BnInit,
    Clip,
    Colour,
    Compiled,
    Continue,
    Crop,
    Device,
    DiscriminatorRate,
    DryRun,
    Ema,
    Flip,
    GeneratorRate,
    Health,
    HoldOut,
    Keep,
    Lecam,
    LogEvery,
    Output,
    Paths,
    Precision,
    Recipe,
    Recompute,
    Redraw,
    Resume,
    SampleEvery,
    Samples,
    SaveEvery,
    Schedule,
    Seed,
    Size,
    SpectralNorm,
    Steps,
    Unseen,
    VggWeights,
    WarmUp,
    Weights,
    Width,
    Workers,
    start_training,
    tell_run,
)

_DEFAULTS = TrainNoiseConfig.of_recipe(RECIPES[0], (), Path())


def train_noise(
    paths: Paths = None,
    output: Output = None,
    recipe: Recipe = None,
    latent_dim: Annotated[
        int | None,
        typer.Option(help="Numbers that a picture is drawn from: 256, 1024.", show_default=str(_DEFAULTS.latent_dim)),
    ] = None,
    size: Size = None,
    width: Width = None,
    steps: Steps = None,
    batch_size: BatchSize = None,
    accumulate: Accumulate = None,
    recompute: Recompute = None,
    spectral_norm: SpectralNorm = None,
    bn_init: BnInit = None,
    generator_rate: GeneratorRate = None,
    discriminator_rate: DiscriminatorRate = None,
    schedule: Schedule = None,
    warm_up: WarmUp = None,
    betas: Betas = None,
    augment: Augment = None,
    redraw: Redraw = None,
    lecam: Lecam = None,
    r1: R1 = None,
    crop: Crop = None,
    flip: Flip = None,
    colour: Colour = None,
    weights: Weights = None,
    unseen: Unseen = None,
    hold_out: HoldOut = None,
    vgg_weights: VggWeights = None,
    health: Health = None,
    ema: Ema = None,
    clip: Clip = None,
    precision: Precision = None,
    compiled: Compiled = None,
    seed: Seed = None,
    device: Device = None,
    workers: Workers = None,
    log_every: LogEvery = None,
    save_every: SaveEvery = None,
    sample_every: SampleEvery = None,
    keep: Keep = None,
    samples: Samples = None,
    resume: Resume = None,
    continue_: Continue = False,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's folder as JSON on stdout.")] = False,
) -> None:
    """Trains a network that draws pictures like those of one cartoon or several, from noise alone.

    The run's folder holds samples, and checkpoints that `animi sample` draws with.
    """
    given = {name: value for name, value in locals().items() if name != "as_json"}

    from ..core.training.recipes.train_noise import train_noise as work

    run = start_training(TrainNoiseConfig, TrainNoiseConfig.of_recipe, work, given)
    tell_run(run, as_json)
