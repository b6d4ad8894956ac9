"""Messages on stderr; text that comes from files is made printable."""

import typer

from ..core.errors import printable


def print_note(sentence: str) -> None:
    """Writes a note to stderr, after "animi:"."""
    write_line(f"animi: {sentence}")


def write_line(line: str) -> None:
    """Writes a line to stderr; control characters in it are escaped."""
    typer.echo(printable(line), err=True)


def count_of(count: int, noun: str) -> str:
    """Returns "1 segment" or "2 segments"; for nouns whose plural ends with s."""
    return f"{count} {noun}{'s' * (count != 1)}"


def spell_time(seconds: float) -> str:
    """Returns a length of time as hours, minutes and seconds: "0:02:30"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
