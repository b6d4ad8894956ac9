"""Cuts a part out of a film by copying packets, for machines that do not see the film's file."""

from fractions import Fraction
from pathlib import Path

from .ffmpeg import QUIET, discard_others, file_input, run_ffmpeg
from .film_source import Film

PART = "part.mkv"
"""The name of a part: Matroska holds nearly every codec."""
_AFTER = 2  # seconds that are copied more than needed, as packets are not in the order in which frames are shown


def cut_part(film: Film, start: Fraction, end: Fraction, target: Path) -> bool:
    """Copies the video packets between two times, from the codec's key frame before the first one on.

    A film decodes from its middle only where the codec allows it; so whoever uses a part verifies its frames.

    Args:
        film: the film, in a file.
        start: seconds.
        end: seconds.
        target: the file to write.

    Returns:
        False if that is not possible.

    Raises:
        InputError: ffmpeg did not end in time.
    """
    begin = max(0.0, float(start))
    words = (
        *(*QUIET, "-y", *(("-ss", f"{begin:.6f}") if begin else ()), *file_input(film.path.absolute())),
        *("-map", "0:V:0", "-c", "copy", "-t", f"{float(end) - begin + _AFTER:.6f}"),
        *("-map_chapters", "-1", "-f", "matroska", f"file:{target}"),
        *discard_others(None if film.file is None else film.file.container),
    )
    done = run_ffmpeg(words, film.path)
    return done.code == 0 and target.is_file() and target.stat().st_size > 0
