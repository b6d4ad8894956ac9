"""What a person or a script reads of a command: notes on stderr, and results as JSON on stdout.

Names and words that come out of files are made printable on the way: none of them moves a terminal's cursor.
"""

import json
from typing import Any

import typer

from ..core.errors import printable


def tell(sentence: str) -> None:
    """Writes a note to stderr, as animi's own."""
    write_line(f"animi: {sentence}")


def write_line(line: str) -> None:
    """Writes a line to stderr."""
    typer.echo(printable(line), err=True)


def say_json(result: Any) -> None:
    """Writes a result to stdout as one line of JSON."""
    typer.echo(escape_json(json.dumps(result, ensure_ascii=False)))


def escape_json(text: str) -> str:
    """The same JSON without a control character in it, but for the line breaks between its parts."""
    # all others lie within strings, where JSON has an escape for each
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)
