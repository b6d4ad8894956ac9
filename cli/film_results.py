"""Prints the result of a film on stdout."""

from typing import TYPE_CHECKING, Any

from ..core.config.choices import STREAM
from .output import print_json, print_path

if TYPE_CHECKING:
    from ..core.films.interpolation import FilmDrawn


def show_film(drawn: "FilmDrawn", *, doubt: bool, as_json: bool) -> None:
    """Prints a film's path, or a description of it as JSON; nothing if the film itself went to standard output.

    Args:
        drawn: the result.
        doubt: whether to include its doubtful moments.
        as_json: whether to print JSON.
    """
    if as_json:
        from ..core.inbetween.doubt_sheet import to_json as describe_doubt

        result: dict[str, Any] = {
            "output": str(drawn.path),
            "frames": drawn.frames,
            "drawn": drawn.drawn,
            "width": drawn.width,
            "height": drawn.height,
            "seconds": round(float(drawn.seconds), 6),
            "fps": None if drawn.rate is None else str(drawn.rate),
            "engine": drawn.engine,
            "resumed": drawn.resumed,
            "notes": list(drawn.notes),
        }
        if doubt:
            result["doubtful"] = [describe_doubt(found) for found in drawn.doubtful]
        print_json(result)
    elif drawn.path != STREAM:
        print_path(drawn.path)
