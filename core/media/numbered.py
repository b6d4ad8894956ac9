"""Numbered files by a pattern of their names: `shot.####.exr`, or `shot.%04d.exr`."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError, InputError, list_some
from ..files import reason, shown

_NUMBER = re.compile(r"##+|%0(\d{1,2})d")  # "take #1" and "100%d" are names
_DIGITS = 4  # of a number that animi adds
_MOST_DIGITS = 9


class Pattern(NamedTuple):
    """A pattern of file names."""

    before: str
    """What stands before the number."""
    digits: int
    """The fewest digits of the number."""
    after: str
    """What stands after it."""
    folder: Path

    def name(self, number: int) -> Path:
        """The file of a number."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"


def read_pattern(path: Path) -> Pattern | None:
    """The pattern that a path is; None: it is an ordinary path, or there is a file of that name.

    Raises:
        ConfigError: it has two numbers, or one of too many digits.
    """
    found = list(_NUMBER.finditer(path.name))
    if not found or path.exists():
        return None
    if len(found) > 1:
        raise ConfigError(f"{shown(path)}: has {len(found)} places for a number; leave one of them")
    match = found[0]
    digits = len(match[0]) if match[1] is None else max(1, int(match[1]))
    if digits > _MOST_DIGITS:
        raise ConfigError(f"{shown(path)}: has a number of {digits} digits; give {_MOST_DIGITS} at most")
    return Pattern(path.name[: match.start()], digits, path.name[match.end() :], path.parent)


def add_number(path: Path) -> tuple[Path, Pattern]:
    """A path with a place for a number before its suffix, also as a pattern: out.psd becomes out.####.psd."""
    pattern = Pattern(f"{path.stem}.", _DIGITS, path.suffix, path.parent)
    return path.with_name(f"{path.stem}.{'#' * _DIGITS}{path.suffix}"), pattern


def find_numbered(path: Path, pattern: Pattern) -> tuple[list[Path], list[int]]:
    """Finds the files of a pattern.

    Args:
        path: the pattern as it was given.
        pattern: the same, read.

    Returns:
        The files in the order of their numbers, and these numbers.

    Raises:
        InputError: there are none, or the folder cannot be read.
    """
    exact = re.compile(
        re.escape(pattern.before) + rf"(\d{{{pattern.digits},{_MOST_DIGITS}}})" + re.escape(pattern.after)
    )
    try:
        found = {
            int(match[1]): file
            for file in pattern.folder.iterdir()
            # more digits than the pattern has are those of a number that needs them
            if (match := exact.fullmatch(file.name)) and (len(match[1]) == pattern.digits or match[1][0] != "0")
        }
    except OSError as error:
        raise InputError(f"{shown(pattern.folder)}: cannot be read ({reason(error)}); check the folder") from error
    if not found:
        raise InputError(
            f"{shown(path)}: there is no file with such a name, for example {pattern.name(1).name}; check the pattern"
        )
    numbers = sorted(found)
    return [found[number] for number in numbers], numbers


def describe_holes(path: Path, numbers: Sequence[int]) -> str | None:
    """Which numbers are missing, as a sentence without a full stop; None: none is."""
    holes = [(before + 1, after - 1) for before, after in pairwise(numbers) if after > before + 1]
    if not holes:
        return None
    words = [f"{first}" if first == last else f"{first}-{last}" for first, last in holes]
    one = len(words) == 1 and holes[0][0] == holes[0][1]
    return (
        f"{shown(path)}: {'number' if one else 'numbers'} {list_some(words)} {'is' if one else 'are'} missing; the "
        "pictures before and after were taken as neighbours"
    )
