"""`animi train-vgg-sle`: trains a network that draws in-betweens from what VGG16 sees in two frames."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import JUDGED, RECIPES
from ..core.config.training import TrainVggSleConfig
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
    HoldOut,
    Keep,
    Lecam,
    Length,
    LogEvery,
    Output,
    Paths,
    Precision,
    Recipe,
    Recompute,
    Redraw,
    Resume,
    Reverse,
    SampleEvery,
    Samples,
    SaveEvery,
    Schedule,
    Seed,
    Size,
    SpectralNorm,
    Steps,
    Stride,
    Unseen,
    VggWeights,
    WarmUp,
    Weights,
    Width,
    Workers,
    start_training,
    tell_run,
)

_DEFAULTS = TrainVggSleConfig.of_recipe(RECIPES[0], (), Path())


def train_vgg_sle(
    paths: Paths = None,
    output: Output = None,
    recipe: Recipe = None,
    length: Length = None,
    stride: Stride = None,
    reverse: Reverse = None,
    judged: Annotated[
        str | None,
        typer.Option(
            help=f"Frames that the discriminator judges: {', '.join(JUDGED)}.",
            show_default="by the recipe",
            autocompletion=lambda: list(JUDGED),
        ),
    ] = None,
    ends: Annotated[
        float | None, typer.Option(help="Weight of the error at the two ends.", show_default="by the recipe")
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
    """Trains a network that draws in-betweens from what VGG16 sees in the two frames at the ends.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    given = {name: value for name, value in locals().items() if name != "as_json"}

    from ..core.training.recipes.train_vgg_sle import train_vgg_sle as work

    run = start_training(TrainVggSleConfig, TrainVggSleConfig.of_recipe, work, given)
    tell_run(run, as_json)
