"""`animi pretrain-ae`: an auto-encoder of single pictures, for `finetune-adv` to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import BETWEEN, NETS
from ..core.config.training import PretrainAeConfig
from .training_options import (
    Accumulate,
    Colour,
    Compiled,
    Continue,
    Crop,
    Device,
    DryRun,
    Ema,
    Flip,
    Keep,
    LogEvery,
    Output,
    Paths,
    Precision,
    Recompute,
    Resume,
    SampleEvery,
    Samples,
    SaveEvery,
    Seed,
    Steps,
    Weights,
    Workers,
    start_training,
    tell_run,
)

_DEFAULTS = PretrainAeConfig((), Path())


def pretrain_ae(
    paths: Paths = None,
    output: Output = None,
    net: Annotated[
        str | None,
        typer.Option(
            help="deep: residual blocks at every size, skip-layer excitation; plain: a few convolutions.",
            show_default=_DEFAULTS.net,
            autocompletion=lambda: list(NETS),
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(help="Channels at the full size; they double at each halving.", show_default=str(_DEFAULTS.width)),
    ] = None,
    latent: Annotated[
        int | None, typer.Option(help="Channels of the latents.", show_default=str(_DEFAULTS.latent))
    ] = None,
    halvings: Annotated[
        int | None,
        typer.Option(
            help="How often the sides are halved; 3 makes 32 x 32 of 256 x 256.", show_default=str(_DEFAULTS.halvings)
        ),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(help="Residual blocks of the deep net at each size.", show_default=str(_DEFAULTS.depth)),
    ] = None,
    between: Annotated[
        str | None,
        typer.Option(
            help="The way between two frames' latents: lerp, straight; slerp, along the great circle.",
            show_default=_DEFAULTS.between,
            autocompletion=lambda: list(BETWEEN),
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side of the pictures that it learns from; it redraws any.", show_default=str(_DEFAULTS.clips.size)
        ),
    ] = None,
    unseen: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of frames to look at and not to learn from; give it again for several.",
            show_default="stretches of each film",
        ),
    ] = None,
    hold_out: Annotated[
        float | None,
        typer.Option(help="Share of each film that is not learnt from then.", show_default=f"{_DEFAULTS.hold_out:g}"),
    ] = None,
    steps: Steps = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Pictures a step, over all processes.", show_default=str(_DEFAULTS.training.batch_size)),
    ] = None,
    accumulate: Accumulate = None,
    recompute: Recompute = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate.", show_default=f"{_DEFAULTS.rate:g}")] = None,
    crop: Crop = None,
    flip: Flip = None,
    colour: Colour = None,
    weights: Weights = None,
    alex_weights: Annotated[
        Path | None,
        typer.Option(
            help="AlexNet's weights, to measure LPIPS at looks: a .safetensors or torchvision's .pth.",
            show_default="LPIPS is not measured",
        ),
    ] = None,
    ema: Ema = None,
    clip: Annotated[
        float | None,
        typer.Option(help="Largest norm of the gradients.", show_default=f"{_DEFAULTS.training.clip:g}"),
    ] = None,
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
    """Trains an auto-encoder, which redraws pictures from a few numbers; finetune-adv begins with it.

    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with: the frames between
    are what the latents between become, which is little more than a cross-fade until finetune-adv has taught it better.
    """
    given = {name: value for name, value in locals().items() if name != "as_json"}
    given["unseen"] = tuple(unseen) if unseen else None

    from ..core.training.recipes.pretrain_ae import pretrain_ae as work

    def begin(_recipe: str, films: tuple[Path, ...], folder: Path) -> PretrainAeConfig:
        return PretrainAeConfig(films, folder)

    run = start_training(PretrainAeConfig, begin, work, given)
    tell_run(run, as_json)
