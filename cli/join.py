"""`animi join`: joins the segments of a planned film."""

from ..core.config.jobs import JoinConfig
from .film_results import show_film
from .messages import print_note
from .options import AsJson, Change, Given, make_config, options_from


@options_from(JoinConfig, job=Change(argument=True))
def join(given: Given, as_json: AsJson = False) -> None:
    """Checks the segments that animi draw has drawn, and joins them, with the film's audio and subtitles.

    The file is byte for byte the one that interpolate makes without --plan.
    """
    config = make_config(JoinConfig, given)

    from ..core.films.job import join_job

    drawn = join_job(config, print_note)
    show_film(drawn, doubt=bool(drawn.doubtful), as_json=as_json)
