"""`animi sample`: draws pictures, or a walk from one to the next, with a network of `animi train-noise`."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import DEVICES
from ..core.config.parsing import read_rate
from ..core.config.pictures import SampleConfig
from .messages import say_json, tell
from .progress import progress

_DEFAULTS = SampleConfig(Path(), Path("grid.png"))


def sample(
    checkpoint: Annotated[
        Path,
        typer.Argument(help="A network (.safetensors) of train-noise, or a run's folder: its best, or else newest."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="A .png for a grid; a .gif, .webp, .apng, .mp4, .mov or .webm for a walk; a folder for single PNGs.",
        ),
    ],
    count: Annotated[int, typer.Option("--count", "-n", help="Pictures, or stations of a walk.")] = _DEFAULTS.count,
    columns: Annotated[
        int | None, typer.Option(help="Of the grid.", show_default="as square as can be")
    ] = _DEFAULTS.columns,
    truncation: Annotated[
        float | None,
        typer.Option(
            help="Draw latents' numbers beyond this again: 1 gives cleaner pictures, more alike.", show_default="none"
        ),
    ] = _DEFAULTS.truncation,
    steps: Annotated[int, typer.Option(help="Frames from one station of a walk to the next.")] = _DEFAULTS.steps,
    fps: Annotated[str, typer.Option(help="Frames a second of a walk.")] = str(_DEFAULTS.fps),
    seed: Annotated[int, typer.Option(help="The same seed gives the same pictures.")] = _DEFAULTS.seed,
    batch_size: Annotated[int, typer.Option(help="Pictures drawn at once.")] = _DEFAULTS.batch_size,
    device: Annotated[
        str, typer.Option(help=f"{', '.join(DEVICES)}.", autocompletion=lambda: list(DEVICES))
    ] = _DEFAULTS.device,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")] = False,
) -> None:
    """Draws pictures with a trained network: a grid, single pictures, or a walk that ends where it begins."""
    config = SampleConfig(
        checkpoint,
        output,
        count,
        columns,
        truncation,
        steps,
        read_rate(fps, "--fps"),
        seed,
        batch_size,
        device,
        overwrite,
    )

    from ..core.pictures.sample import draw_samples

    with progress("Drawing") as show:
        drawn = draw_samples(config, show)
    for note in drawn.notes:
        tell(note)
    if as_json:
        result = {"output": str(drawn.path), "checkpoint": str(drawn.checkpoint), "pictures": drawn.pictures}
        say_json(result | {"step": drawn.step})
    else:
        typer.echo(drawn.path)
