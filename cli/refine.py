"""`animi refine`: sharpens pictures with a trained network, and doubles them where it does."""

from pathlib import Path
from typing import Annotated

import typer

from ..core.config.choices import DEVICES
from ..core.config.pictures import RefineConfig
from .messages import say_json
from .progress import progress

_DEFAULTS = RefineConfig((), Path(), Path())


def refine(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PICTURES…", help="Images, and folders that stand for the images in them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for PNGs of the same names.")],
    checkpoint: Annotated[
        Path,
        typer.Option(help="A network of finetune-adv with --refine (.safetensors), or the run's folder."),
    ],
    first: Annotated[
        Path | None, typer.Option(help="The key frame before the pictures; what stands still is as sharp as there.")
    ] = _DEFAULTS.first,
    last: Annotated[Path | None, typer.Option(help="The key frame after them.")] = _DEFAULTS.last,
    device: Annotated[
        str, typer.Option(help=f"{', '.join(DEVICES)}.", autocompletion=lambda: list(DEVICES))
    ] = _DEFAULTS.device,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that stands there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")] = False,
) -> None:
    """Sharpens soft in-betweens, or other drawings, with a trained network."""
    config = RefineConfig(tuple(pictures), output, checkpoint, first, last, device, overwrite)

    from ..core.pictures.refine import refine_pictures

    with progress("Refining") as show:
        refined = refine_pictures(config, show)
    if as_json:
        found = {"output": str(output), "pictures": [str(path) for path in refined.paths]}
        found |= {"checkpoint": str(refined.checkpoint)}
        say_json(found | {"scale": refined.scale})
    else:
        typer.echo(output)
