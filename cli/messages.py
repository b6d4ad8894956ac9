"""What a command says on stderr, with names and words that come out of files made printable on the way."""

import typer

from ..core.errors import printable


def tell(sentence: str) -> None:
    """Writes a note to stderr, as animi's own."""
    write_line(f"animi: {sentence}")


def write_line(line: str) -> None:
    """Writes a line to stderr; nothing in it moves a terminal's cursor."""
    typer.echo(printable(line), err=True)
