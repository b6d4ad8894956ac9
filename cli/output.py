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
    """Prints a value as one line of JSON in UTF-8; bytes of a path that are none are escaped, as json.loads reads."""
    typer.echo(json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))
