"""`animi refine`: sharpens pictures with a trained network, and doubles them where it does."""

import json

import typer

from ..core.config.pictures import RefineConfig
from .options import AsJson, Change, Given, make_config, options_from
from .progress import progress


@options_from(RefineConfig, pictures=Change(argument=True, metavar="PICTURES…"))
def refine(given: Given, as_json: AsJson = False) -> None:
    """Sharpens soft in-betweens, or other drawings, with a trained network."""
    config = make_config(RefineConfig, given)

    from ..core.pictures.refine import refine_pictures

    with progress("Refining") as show:
        refined = refine_pictures(config, show)
    if as_json:
        found = {"output": str(config.output), "pictures": [str(path) for path in refined.paths]}
        found |= {"checkpoint": str(refined.checkpoint)}
        typer.echo(json.dumps(found | {"scale": refined.scale}, ensure_ascii=False))
    else:
        typer.echo(config.output)
