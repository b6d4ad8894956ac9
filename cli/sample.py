"""`animi sample`: draws pictures, or a walk from one to the next, with a network of `animi train-noise`."""

from ..core.config.pictures import SampleConfig
from .messages import print_note
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress


@options_from(SampleConfig, checkpoint=Change(argument=True))
def sample(given: Given, as_json: AsJson = False) -> None:
    """Draws pictures with a trained network: a grid, single pictures, or a walk that ends where it begins."""
    config = make_config(SampleConfig, given)

    from ..core.pictures.sample import draw_samples

    with progress("Drawing") as show:
        drawn = draw_samples(config, show)
    for note in drawn.notes:
        print_note(note)
    if as_json:
        result = {"output": str(drawn.path), "checkpoint": str(drawn.checkpoint), "pictures": drawn.pictures}
        print_json(result | {"step": drawn.step})
    else:
        print_path(drawn.path)
