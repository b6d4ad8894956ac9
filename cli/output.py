"""Results on stdout: the paths of what was written, byte for byte, and JSON."""

import json
import os
from pathlib import Path
from typing import Any

import typer


def print_path(path: Path) -> None:
    """Prints a path as the system spells it, also where its bytes are no UTF-8, so that scripts can open it."""
    typer.echo(os.fsencode(path))


def print_json(value: Any) -> None:
    """Prints a value as one line of JSON in UTF-8.

    Bytes of a path that are none are escaped, as json.loads reads, and so is all that would move a terminal's cursor.
    """
    typer.echo(escape_json(json.dumps(value, ensure_ascii=False)).encode("utf-8"))


def escape_json(text: str) -> str:
    """The same JSON without a control character in it, but for the line breaks between its parts."""
    # all others lie within strings, where JSON has an escape for each
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)
