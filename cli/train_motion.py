"""`animi train-motion`: a network that finds the motion between two key frames and draws along it."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.training import TrainMotionConfig
from ..core.errors import ConfigError
from .training_options import (
    Accumulate,
    BatchSize,
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
    Resume,
    Reverse,
    SampleEvery,
    Samples,
    SaveEvery,
    Seed,
    Stride,
    VggWeights,
    Weights,
    Workers,
    start_training,
    tell_run,
)

_DEFAULTS = TrainMotionConfig((), Path())


def _weight(of: str, default: float) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(help=f"Weight of {of}.", show_default=f"{default:g}")
    return info


def train_motion(
    paths: Paths = None,
    output: Output = None,
    init: Annotated[
        Path | None,
        typer.Option(
            help="A motion network to begin with: a .safetensors, or a run's folder.", show_default="a new one"
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(help="Channels of a new network at a quarter of the size.", show_default=str(_DEFAULTS.width)),
    ] = None,
    guided: Annotated[
        bool | None,
        typer.Option(
            help="A new network begins with motion found without training: a fifth of the work.",
            show_default="matching of its own",
        ),
    ] = None,
    searched: Annotated[
        bool | None,
        typer.Option(
            help="Help a network with matching of its own by motion found without training.",
            show_default="no",
        ),
    ] = None,
    drawing_only: Annotated[
        bool | None,
        typer.Option(help="Hold what finds the motion; learn only to draw along it.", show_default="no"),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Sides of the drawn pictures; batches take turns.", show_default=",".join(map(str, _DEFAULTS.sizes))
        ),
    ] = None,
    small: Annotated[
        int | None,
        typer.Option(
            help="Steps at the beginning in which pictures are half as large.", show_default=str(_DEFAULTS.small)
        ),
    ] = None,
    grow: Annotated[
        int | None,
        typer.Option(help="Steps in which motion grows to the largest.", show_default=str(_DEFAULTS.grow)),
    ] = None,
    sprites: Annotated[
        Path | None, typer.Option(help="A folder of Lottie animations, to lay over some of the drawn samples.")
    ] = None,
    sprite_share: Annotated[
        float | None,
        typer.Option(help="Share of the samples that sprites lie over.", show_default=f"{_DEFAULTS.sprite_share:g}"),
    ] = None,
    staged: Annotated[
        float | None,
        typer.Option(
            help="Share of the batches that a GPU itself puts together of sprites, rendered whole before the start.",
            show_default=f"{_DEFAULTS.staged:g}",
        ),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option(
            help="Batches in a row that show the same scenes, turned or backward.", show_default=str(_DEFAULTS.repeat)
        ),
    ] = None,
    collage: Annotated[
        int | None,
        typer.Option(
            help="Layers of each kind and time, from which a GPU puts half of the batches together; such as 100.",
            show_default=str(_DEFAULTS.collage),
        ),
    ] = None,
    films: Annotated[
        float | None,
        typer.Option(
            help="Share of the batches that are of films, where there are any.", show_default=f"{_DEFAULTS.films:g}"
        ),
    ] = None,
    cuts: Annotated[
        float | None,
        typer.Option(help="Share of drawn pairs with a cut between.", show_default=f"{_DEFAULTS.cuts:g}"),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all.", show_default=str(_DEFAULTS.training.steps))] = None,
    batch_size: BatchSize = None,
    accumulate: Accumulate = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate.", show_default=f"{_DEFAULTS.rate:g}")] = None,
    decay: Annotated[
        float | None, typer.Option(help="AdamW's weight decay.", show_default=f"{_DEFAULTS.decay:g}")
    ] = None,
    warm_up: Annotated[
        int | None,
        typer.Option(help="Steps in which the learning rate rises.", show_default=str(_DEFAULTS.warm_up)),
    ] = None,
    flow: Annotated[float | None, _weight("the motion's error in pixels", _DEFAULTS.flow)] = None,
    matching: Annotated[float | None, _weight("the global matches' cross-entropy", _DEFAULTS.matching)] = None,
    sight: Annotated[float | None, _weight("the cross-entropy of what is seen in both", _DEFAULTS.sight)] = None,
    pictures: Annotated[
        float | None, _weight("the drawn frames' difference from the truth", _DEFAULTS.pictures)
    ] = None,
    style: Annotated[float | None, _weight("the difference of VGG16's Gram matrices", _DEFAULTS.style)] = None,
    perceptual: Annotated[
        float | None, _weight("LPIPS by AlexNet, which needs --alex-weights", _DEFAULTS.perceptual)
    ] = None,
    ghost: Annotated[float | None, _weight("ghosts beyond the truth's", _DEFAULTS.ghost)] = None,
    length: Annotated[
        int | None,
        typer.Option(help="Frames of a film within which three are taken.", show_default=str(_DEFAULTS.clips.length)),
    ] = None,
    stride: Stride = None,
    reverse: Reverse = None,
    crop: Crop = None,
    flip: Flip = None,
    colour: Colour = None,
    weights: Weights = None,
    vgg_weights: VggWeights = None,
    alex_weights: Annotated[
        Path | None,
        typer.Option(
            help="AlexNet's weights, to measure or lower LPIPS: a .safetensors or torchvision's .pth.",
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
    """Trains a network that finds the motion between two key frames and draws along it.

    It learns from cartoons that it draws itself; films given besides teach it what they look like.
    The run's folder holds samples, and checkpoints that `animi interpolate --checkpoint` draws with.
    """
    given = {name: value for name, value in locals().items() if name != "as_json"}
    if sizes is not None:
        try:
            given["sizes"] = tuple(int(part) for part in sizes.split(","))
        except ValueError as error:
            raise ConfigError(f"--sizes: {sizes} is no list of numbers; write it as 128,192,256") from error

    from ..core.training.recipes.train_motion import train_motion as work

    def begin(_recipe: str, films_given: tuple[Path, ...], folder: Path) -> TrainMotionConfig:
        return TrainMotionConfig(films_given, folder)

    run = start_training(TrainMotionConfig, begin, work, given, needs_films=False)
    tell_run(run, as_json)
