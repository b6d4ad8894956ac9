"""Results on stdout: paths of files that were written, byte for byte, and JSON."""

import json
import os
from pathlib import Path
from typing import Any

import typer


def print_path(path: Path) -> None:
    """Prints a path in the system's bytes, also if they are not UTF-8, so that scripts can open it."""
    typer.echo(os.fsencode(path))


def print_json(value: Any) -> None:
    """Prints a value as one line of JSON in UTF-8.

    Bytes of a path that are not UTF-8 are escaped as json.loads reads them, and so are control characters.
    """
    typer.echo(escape_json(json.dumps(value, ensure_ascii=False)).encode("utf-8"))


def escape_json(text: str) -> str:
    """Escapes control characters in JSON, except line breaks between its parts."""
    # all others are within strings, where JSON has an escape for each
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)
