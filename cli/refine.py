"""`animi refine`: sharpens pictures with a trained network, which may also double their size."""

from ..core.config.pictures import RefineConfig
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path
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
        print_json(found | {"scale": refined.scale})
    else:
        print_path(config.output)
