"""`animi batch`: draws many films on a Ray cluster."""

import typer

from ..core.config.jobs import BatchConfig
from .cluster_table import cluster_table
from .messages import print_note
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path


@options_from(
    BatchConfig,
    films=Change(argument=True, metavar="FILMS.csv|FOLDER"),
    cluster=Change(
        "The Ray cluster: auto (the one that this machine is part of), ray://HOST:10001, or local (one that is started "
        "on this machine, for this command).",
        default="local",
        metavar="ADDRESS",
    ),
    needs=("films",),
)
def batch(given: Given, as_json: AsJson = False) -> None:
    """Draws many films on a Ray cluster: the rows of a table, or the films of a folder.

    A film that fails does not stop the others. After an interruption, add --resume.
    """
    config = make_config(BatchConfig, given)

    from ..core.cluster.batch import list_films
    from ..core.cluster.films import draw_films

    films = list_films(config)
    with cluster_table() as show:
        done = draw_films(films, config, show, print_note)
    if as_json:
        print_json(
            [
                {
                    "input": str(film.config.film),
                    "output": str(film.config.output),
                    "stage": film.stage,
                    "frames": film.frames,
                    "segments": film.segments,
                    "failures": dict(film.failures),
                    "reason": film.reason,
                    "notes": [] if film.drawn is None else list(film.drawn.notes),
                }
                for film in done
            ]
        )
    else:
        for film in done:
            if film.reason is None:
                print_path(film.config.output)
    failed = [film for film in done if film.reason is not None]
    for film in failed:
        print_note(str(film.reason))
    if failed:
        raise typer.Exit(1)
