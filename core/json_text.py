"""Parses untrusted or damaged JSON within limits, so that it raises only ValueError.

Python's own parser raises RecursionError for deeply nested lists, and accepts numbers of thousands of digits.
"""

import json
import stat
from pathlib import Path
from typing import Any

MOST_BYTES = 1 << 28
"""The largest file that is read: a film's timing is the largest of ours, some 20 bytes a frame."""
MOST_DEPTH = 32
"""Largest depth of nested lists and objects; animi's own files have up to 6."""
MOST_DIGITS = 64
"""Largest number of digits of an integer: the state of a random generator has 39."""


def parse_json(text: str | bytes) -> Any:
    """Reads JSON.

    Raises:
        ValueError: it is no JSON or not in UTF-8, is nested too deeply, or has a number that is too long.
    """
    try:
        found = json.loads(text, parse_int=_parse_int)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if _is_deep(found):
        raise ValueError("is nested too deeply")
    return found


def parse_object(text: str | bytes) -> dict[str, Any]:
    """Reads a JSON object; as `parse_json`.

    Raises:
        ValueError: also where it is something else than an object.
    """
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    return found


def read_json(path: Path) -> Any:
    """Reads a file of JSON; as `parse_json`.

    Raises:
        ValueError: also where the file is too large, or none that ends.
        OSError: it cannot be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
        raise ValueError("is no file of JSON that can be read")
    return parse_json(path.read_bytes())


def _parse_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"has a number of {len(digits)} digits")
    return int(digits)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [outer for outer in level if isinstance(outer, dict | list)]
        if not level:
            return False
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return True
