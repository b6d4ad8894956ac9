"""`animi draw`: draws segments of a planned film."""

from ..core.config.jobs import DrawConfig
from .messages import count_of, print_note, write_line
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress


@options_from(DrawConfig, job=Change(argument=True), segments=Change(metavar="NUMBERS"))
def draw(given: Given, as_json: AsJson = False) -> None:
    """Draws segments of a film that interpolate --plan has planned, on any machine that sees the film and the folder.

    Existing segments are not drawn again. Machines of the same kind draw the same bytes.
    """
    config = make_config(DrawConfig, given)

    from ..core.films.job import SEGMENTS, draw_job
    from ..core.media.film_segments import name_segment

    with progress("Drawing") as show:
        drawn = draw_job(config, show, print_note)
    if as_json:
        print_json(
            {
                "job": str(drawn.folder),
                "drawn": list(drawn.segments),
                "there": list(drawn.there),
                "missing": drawn.missing,
                "notes": list(drawn.notes),
            }
        )
    else:
        for number in drawn.segments:
            print_path(name_segment(drawn.folder / SEGMENTS, number))
        if drawn.there:
            write_line(f"there already: {count_of(len(drawn.there), 'segment')}")
