"""Messages on stderr; text that comes from files is made printable."""

import typer

from ..core.errors import printable


def print_note(sentence: str) -> None:
    """Writes a note to stderr, after "animi:"."""
    write_line(f"animi: {sentence}")


def write_line(line: str) -> None:
    """Writes a line to stderr; control characters in it are escaped."""
    typer.echo(printable(line), err=True)
