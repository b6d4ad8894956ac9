"""The doubtful moments of a film: measured once for each pair of drawings, and saved with each segment."""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

from ..config.choices import STREAM
from ..config.command_line import spell_command, spell_options
from ..config.interpolation import InterpolateFilmConfig
from ..files import shown, write_text
from ..inbetween.doubt import Moment
from ..inbetween.doubt_sheet import Doubtful, DoubtList, Shown, write_page
from ..json_text import read_json
from ..media.codecs import FILM_OUTPUTS
from .timing import FilmFrame

_AFTER = Fraction(3, 2)  # frames by which a range of time ends after its last drawing appears


class FilmDoubt:
    """The doubtful moments of a film, or of one of its segments."""

    def __init__(self) -> None:
        """Starts without any."""
        self.list = DoubtList(pictures=True)
        """The moments."""

    def add(self, moment: Moment, time: Fraction, pair: tuple[FilmFrame, FilmFrame]) -> None:
        """Adds a moment.

        Args:
            moment: the moment.
            time: when the new film shows it, in seconds.
            pair: the two drawings that it lies between.
        """
        self.list.add(
            moment, time=round(float(time), 3), at=(round(float(pair[0].time), 4), round(float(pair[1].time), 4))
        )

    def save(self, folder: Path, segment: int) -> None:
        """Writes the moments of a segment to a file beside it, and removes them from memory.

        Raises:
            OSError: it cannot be written.
        """
        shown_moments = [
            [asdict(each.doubtful), [base64.b64encode(picture).decode() for picture in each.pictures]]
            for each in self.list.shown
        ]
        described = {"all": [asdict(each) for each in self.list.all], "shown": shown_moments}
        write_text(name_doubt(folder, segment), json.dumps(described))
        self.list = DoubtList(pictures=True)

    def load(self, folder: Path, segment: int) -> bool:
        """Adds the moments of a segment; returns false if they are missing or damaged."""
        try:
            saved: Any = read_json(name_doubt(folder, segment))
            found = [_read(each) for each in saved["all"]]
            moments = []
            for doubtful, pictures in saved["shown"]:
                one, two, three = (base64.b64decode(picture) for picture in pictures)
                moments.append(Shown(_read(doubtful), (one, two, three)))
        except (OSError, KeyError, TypeError, ValueError):
            return False
        self.list.all += found
        for each in moments:
            self.list.put(each)
        return True


def name_doubt(folder: Path, segment: int) -> Path:
    """Returns the path of a segment's doubtful moments."""
    return folder / f"{segment:06d}.doubt.json"


def _read(saved: Any) -> Doubtful:
    found = Doubtful(**saved)
    return found if found.at is None else replace(found, at=(float(found.at[0]), float(found.at[1])))


def read_doubtful(saved: Any) -> tuple[Doubtful, ...]:
    """Returns the moments of a finished film's summary; none if they cannot be read."""
    try:
        return tuple(_read(each) for each in saved)
    except TypeError:
        return ()


def write_film_page(config: InterpolateFilmConfig, usual: Fraction, found: DoubtList, frames: int) -> None:
    """Writes the page of a film's most doubtful moments.

    Args:
        config: the film's settings.
        usual: the usual number of seconds from one source frame to the next.
        found: the moments.
        frames: number of frames of the new film.

    Raises:
        OutputError: it cannot be written.
    """
    assert config.doubt is not None
    write_page(
        config.doubt,
        f"Where {shown(config.output)} is guesswork",
        f"{len(found.all)} moments of {frames} frames are worth checking. Each command draws its moment again, as a "
        "short film; to draw it differently, add --engine flow, --mix, --on-failure blend or --hints.",
        list(zip(found.shown, _spell_commands(config, usual, found.shown), strict=True)),
        overwrite=config.overwrite or config.resume,
    )


def _spell_commands(config: InterpolateFilmConfig, usual: Fraction, moments: Iterable[Shown]) -> list[str]:
    """Returns the command for each moment; "" if the film came from standard input, as it cannot be read again."""
    left_out = ("film", "output", "loop", "preview", "overwrite", "resume", "doubt")
    options = spell_options(config, without=left_out)
    suffix = config.output.suffix.lower()
    commands = []
    for number, moment in enumerate(moments, 1):
        assert moment.doubtful.at is not None
        start, end = moment.doubtful.at
        part = f"{floor(start * 1000) / 1000:.3f}-{ceil((end + float(_AFTER * usual)) * 1000) / 1000:.3f}"
        name = f"moment-{number:02}{suffix if suffix in FILM_OUTPUTS else '.mp4'}"
        words = ["-o", name, "--range", part, *options]
        commands.append("" if config.film == STREAM else spell_command("interpolate", [config.film], words))
    return commands
