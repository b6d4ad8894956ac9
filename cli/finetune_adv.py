"""`animi finetune-adv`: teaches an auto-encoder to draw the frames between two."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import RECIPES, REFINE
from ..core.config.training import FinetuneAdvConfig
from ..core.errors import ConfigError
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

_STEADY, _NOTEBOOK = (FinetuneAdvConfig.of_recipe(recipe, (), Path(), Path()) for recipe in RECIPES)
_TERMS = "Terms, by their weights; 0: none"


def _weight(name: str, what: str) -> typer.models.OptionInfo:
    """An option for a term's weight, which tells both recipes' defaults."""
    steady, notebook = getattr(_STEADY, name), getattr(_NOTEBOOK, name)
    shown = f"{steady:g}" if steady == notebook else f"{steady:g}; {RECIPES[1]}: {notebook:g}"
    option: typer.models.OptionInfo = typer.Option(help=what, show_default=shown, rich_help_panel=_TERMS)
    return option


def finetune_adv(
    paths: Paths = None,
    output: Output = None,
    init: Annotated[
        Path | None,
        typer.Option(help="The auto-encoder to begin with: a checkpoint of pretrain-ae, or the folder of its run."),
    ] = None,
    recipe: Recipe = None,
    reconstruction: Annotated[float | None, _weight("reconstruction", "Error at the two ends.")] = None,
    middles: Annotated[float | None, _weight("middles", "Error of the frames between.")] = None,
    sequence: Annotated[float | None, _weight("sequence", "A discriminator of whole clips.")] = None,
    image: Annotated[float | None, _weight("image", "A discriminator of single in-betweens.")] = None,
    latent: Annotated[
        float | None, _weight("latent", "Distance from the latents drawn from to those of the real frames.")
    ] = None,
    edge: Annotated[
        float | None, _weight("edge", "Drawings softened along their lines, for --image to refuse.")
    ] = None,
    fade: Annotated[float | None, _weight("fade", "Cross-faded ends, for --sequence and --image to refuse.")] = None,
    ghost: Annotated[float | None, _weight("ghost", "Ghosts beyond those of the real frames.")] = None,
    refine: Annotated[
        str | None,
        typer.Option(
            help="A refinement network: none; joint: learns too; after: learns alone, behind a finished one.",
            show_default=_STEADY.refine,
            autocompletion=lambda: list(REFINE),
        ),
    ] = None,
    refine_width: Annotated[
        int | None, typer.Option(help="Channels of the refinement network.", show_default=str(_STEADY.refine_width))
    ] = None,
    double: Annotated[
        bool | None,
        typer.Option("--double/--no-double", help="Draw at half the size; the refinement doubles it."),
    ] = None,
    length: Length = None,
    stride: Stride = None,
    reverse: Reverse = None,
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
    """Teaches an auto-encoder to draw the frames between two, against discriminators of clips and of pictures.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    given = {name: value for name, value in locals().items() if name != "as_json"}

    from ..core.training.recipes.finetune_adv import finetune_adv as work

    def begin(recipe: str, paths: tuple[Path, ...], output: Path) -> FinetuneAdvConfig:
        if init is None:
            raise ConfigError(
                "--init: no auto-encoder was given; name a checkpoint of pretrain-ae, or its run's folder"
            )
        return FinetuneAdvConfig.of_recipe(recipe, paths, output, init)

    run = start_training(FinetuneAdvConfig, begin, work, given)
    tell_run(run, as_json)
