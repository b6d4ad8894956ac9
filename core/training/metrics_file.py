"""Reads metrics.jsonl: what a training has measured, one JSON object a line."""

from pathlib import Path
from typing import Any

from ..errors import InputError
from ..json_text import parse_object


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Reads metrics.jsonl as objects, each with its step; an incomplete last line is left out.

    Raises:
        InputError: another line is damaged.
    """
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = parse_object(line)
            if not isinstance(record.get("step"), int):
                raise ValueError
            records.append(record)
        except ValueError as error:
            if number < len(lines):
                raise InputError(f"{path}: line {number} is damaged; remove it") from error
    return records


def read_series(folder: Path) -> dict[str, tuple[list[int], list[float]]]:
    """Reads metrics.jsonl as curves: by name, the steps and the values."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for record in read_metrics(folder):
        for name, value in record.items():
            if name != "step" and isinstance(value, int | float):
                steps, values = series.setdefault(name, ([], []))
                steps.append(record["step"])
                values.append(value)
    return series
