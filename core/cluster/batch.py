"""The films of `animi batch`: the rows of a table, or the films in a folder."""

import csv
import io
import shlex
from collections.abc import Iterable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..config.checks import NoOption, Seconds, flag_of, hint, marks
from ..config.interpolation import InterpolateFilmConfig
from ..config.jobs import BatchConfig
from ..config.parsing import read_number, read_range, read_rate, read_time, read_whole, shorten
from ..errors import ConfigError, InputError
from ..files import natural_order, reason, shown
from ..media.codecs import FILM_OUTPUTS
from ..media.film_source import FILM_SUFFIXES

_COLUMNS = ("input", "output", "options")
_MOST_ROWS, _MOST_BYTES = 100_000, 1 << 26
_NOT_HERE = ("film", "output", "overwrite", "resume")  # fields that the table's columns or the command set


def list_films(config: BatchConfig) -> list[InterpolateFilmConfig]:
    """Lists what to make of which films.

    Raises:
        ConfigError: an option cannot be used, or two films have one output.
        InputError: the table or the folder cannot be read, or names no film.
    """
    if config.films.is_dir():
        rows = _list_folder(config)
    else:
        if config.output is not None:
            raise ConfigError("--output: is for a folder of films; the table names each output itself")
        rows = _read_table(config.films)
    common = {"overwrite": config.overwrite, "resume": config.resume} | read_options(config.options, "--options")
    made: list[InterpolateFilmConfig] = []
    outputs: set[Path] = set()
    for film, output, options, where in rows:
        try:
            made.append(InterpolateFilmConfig(film=film, output=output, **common | read_options(options, "options")))
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        if output.suffix.lower() not in FILM_OUTPUTS:
            raise ConfigError(f"{where}: {shown(output)} is no film; name it {', '.join(FILM_OUTPUTS)}")
        if output.absolute() in outputs:
            raise ConfigError(f"{where}: {shown(output)} is the output of two films; give each its own")
        outputs.add(output.absolute())
    if not made:
        raise InputError(f"{shown(config.films)}: names no film")
    return made


def _list_folder(config: BatchConfig) -> list[tuple[Path, Path, str, str]]:
    if config.output is None:
        raise ConfigError("--output: is needed for a folder of films; name a folder for the new ones")
    films = natural_order(path for path in config.films.iterdir() if path.suffix.lower() in FILM_SUFFIXES)
    if not config.output.is_dir():
        raise InputError(f"{shown(config.output)}: is no folder; create it first")
    if config.output.resolve() == config.films.resolve():
        raise ConfigError("--output: is the folder of the films themselves; name another")
    return [(film, config.output / _name_output(film), "", shown(film)) for film in films]


def _name_output(film: Path) -> str:
    return film.name if film.suffix.lower() in FILM_OUTPUTS else f"{film.stem}.mp4"


def _read_table(path: Path) -> list[tuple[Path, Path, str, str]]:
    """Reads a table; relative paths in it start at its folder."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{shown(path)}: is too large for a table of films")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); give a .csv, or a folder") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: is not text in UTF-8; save the table as UTF-8") from error
    rows = []
    try:
        table = csv.DictReader(io.StringIO(text, newline=""))
        names = [name.strip().lower() for name in table.fieldnames or ()]
        if names[:2] != list(_COLUMNS[:2]) or names[2:] not in ([], [_COLUMNS[2]]):
            raise InputError(f"{shown(path)}: its first line must be input,output or input,output,options")
        table.fieldnames = names
        for number, row in enumerate(table, 2):
            where = f"{shown(path)}: line {number}"
            if None in row or not row["input"] or not row["output"]:
                raise InputError(f"{where}: needs an input and an output; put quotes around a field with a comma")
            rows.append((path.parent / row["input"], path.parent / row["output"], row.get("options") or "", where))
            if len(rows) > _MOST_ROWS:
                raise InputError(f"{shown(path)}: has more than {_MOST_ROWS} rows; split it")
    except csv.Error as error:
        raise InputError(f"{shown(path)}: cannot be read ({error}); save the table as .csv") from error
    return rows


def read_options(text: str, where: str) -> dict[str, Any]:
    """Reads options of `animi interpolate` for a film, as a shell would split them: "--factor 4 --range 10-20".

    Args:
        text: the options.
        where: what a message calls the text.

    Returns:
        The values, by the fields of InterpolateFilmConfig.

    Raises:
        ConfigError: one is unknown, or its value cannot be read.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {shorten(text)} cannot be read ({error})") from error
    known = {flag_of(field): field for field in fields(InterpolateFilmConfig) if field.name not in _NOT_HERE}
    given: dict[str, Any] = {}
    left = iter(words)
    for word in left:
        flag, equals, value = word.partition("=")
        if flag == "--range":
            given["start"], given["end"] = read_range(value if equals else _next(left, flag))
            continue
        field = known.get(flag)
        if field is None or any(isinstance(mark, NoOption) for mark in marks(field)):
            raise ConfigError(f"{where}: {shorten(flag)} is no option of a film; see animi interpolate -h")
        kind = hint(field)
        if kind is bool:
            given[field.name] = True
            continue
        value = value if equals else _next(left, flag)
        is_time = any(isinstance(mark, Seconds) for mark in marks(field))
        given[field.name] = read_time(value.removesuffix("s"), flag) if is_time else _read(kind, value, flag)
    return given


def _next(words: Iterable[str], flag: str) -> str:
    word = next(iter(words), None)
    if word is None:
        raise ConfigError(f"{flag}: needs a value")
    return word


def _read(kind: Any, value: str, flag: str) -> Any:
    try:
        if kind is Fraction:
            return read_rate(value, flag)
        if kind is int:
            return read_whole(value)
        if kind is float:
            return float(read_number(value))
    except ValueError as error:
        raise ConfigError(f"{flag}: {shorten(value)} is no number") from error
    return Path(value) if kind is Path else value
