"""Errors, each with a message of one line: what was found, and what is needed.

Every error that a person can meet is an AnimiError; the command line prints it on stderr without a traceback.
"""

import re
from collections.abc import Sequence

_ABSOLUTE = re.compile(r"(?<![\w/])(?:[A-Za-z]:[\\/]+|/)(?:[^\s/\\:'\"]+[\\/]+)*(?=[\w.])")
_MOST_LETTERS = 1 << 13  # characters of a message: more than the longest path


def printable(text: object, most: int | None = None) -> str:
    """Makes text from a file or another program safe to print on one line of a terminal.

    Escapes control characters, which move the cursor or rename the window, line breaks, marks that change the direction
    of writing, and lone surrogates.

    Args:
        text: any object; it is converted to str.
        most: largest number of characters; the middle of a longer text is left out. None: no limit.
    """
    words = str(text)
    if most is not None and len(words) > most:
        words = f"{words[: most // 2]} … {words[-(most // 2) :]}"
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in words)


def list_some(words: Sequence[str], most: int = 5) -> str:
    """The first of some words for a message, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def hide_paths(words: str) -> str:
    """A message in which absolute paths are cut down to their last names."""
    return _ABSOLUTE.sub("", words)


class AnimiError(Exception):
    """The work failed (exit 1). The message is one line that names the file or value found and the remedy.

    Text that it quotes from a file's name, a header or another program is made printable here.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(printable(message, _MOST_LETTERS))


class ConfigError(AnimiError):
    """An option has a value that cannot be used (exit 2). The message begins with the option's name."""


class InputError(AnimiError):
    """A file given as input is missing, broken or does not fit the others."""


class OutputError(AnimiError):
    """A result cannot be written."""


class CheckpointError(AnimiError):
    """A checkpoint cannot be read, or holds another network than the one needed."""


class DeviceError(AnimiError):
    """The device asked for is not on this machine."""


class TrainingError(AnimiError):
    """A training cannot continue: its losses are not finite, however often it starts again from a good state."""


class ClusterError(AnimiError):
    """A cluster could not do a piece of work, however often it was tried."""


class Ended(AnimiError):
    """A program was ended because the work that it did was cancelled."""
