"""Hints for a film: an animator's statements of how things move between two of its drawings, named by their times.

In a film's file of hints (see `core.inbetween.hints`), a pair has `"at": [12.5, 12.583]` instead of `"keys"`: when the
two drawings appear, in seconds. The page of `--doubt` shows these times for each moment.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..inbetween.hints import Hints, list_masks, read_film_hints
from ..media.animation.manifest import hash_pixels
from ..media.image_files import read_image
from ..motion.guides import PairHints
from .timing import FilmFrame


@dataclass
class FilmHints:
    """The hints of a film, and which of them were used."""

    pairs: Mapping[tuple[float, float], Hints]
    """By the times of the two drawings, in seconds."""
    usual: Fraction
    """Seconds from a frame of the film to the next; times may differ by less than half of that."""
    used: set[tuple[float, float]] = field(default_factory=set)

    def of(self, first: FilmFrame, last: FilmFrame) -> PairHints | None:
        """The hints of two drawings; None if there are none.

        Raises:
            InputError: one of them cannot be used.
        """
        slack = float(self.usual) / 2
        for times, hints in self.pairs.items():
            if abs(times[0] - float(first.time)) < slack and abs(times[1] - float(last.time)) < slack:
                self.used.add(times)
                return hints.of(0, 1, first.pixels.shape[1], first.pixels.shape[0])
        return None

    @property
    def unused(self) -> list[tuple[float, float]]:
        """The times of pairs between which nothing was drawn."""
        return sorted(times for times in self.pairs if times not in self.used)


def open_film_hints(path: Path | None, usual: Fraction) -> FilmHints | None:
    """Reads a film's hints; None if there is no file.

    Raises:
        InputError: it cannot be read, or something in it is not a hint.
    """
    return None if path is None else FilmHints(read_film_hints(path), usual)


def list_film_masks(path: Path | None) -> list[Path]:
    """The masks that a film's file of hints names; none where there is no file.

    Raises:
        InputError: as `open_film_hints`.
    """
    pairs = {} if path is None else read_film_hints(path)
    return list(dict.fromkeys(mask for hints in pairs.values() for mask in list_masks(hints)))


def hash_film_hints(path: Path | None) -> str | list[str] | None:
    """Hashes a file of hints and its masks, so that a resumed run finds out whether they have changed.

    Returns:
        The file's hash, in a list with those of its masks where it has some. None: there is no file.

    Raises:
        InputError: as `open_film_hints`, or a mask cannot be read.
    """
    if path is None:
        return None
    words = hashlib.sha256(path.read_bytes()).hexdigest()
    masks = [hash_pixels(read_image(mask)) for mask in list_film_masks(path)]
    return [words, *masks] if masks else words
