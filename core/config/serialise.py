"""Configs as JSON and back, and configs with some values replaced."""

import types
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .parsing import read_number

Config = TypeVar("Config")


def describe_config(config: Any) -> dict[str, Any]:
    """A dataclass as JSON holds it: paths and fractions as text."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, Path | Fraction) else value

    described: dict[str, Any] = plain(asdict(config))
    return described


def build_config(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """The way back from `describe_config`.

    Raises:
        TypeError, KeyError, ValueError: the values are not those of such a dataclass.
        ConfigError: a value is out of its range.
    """
    named = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # every config is a dataclass
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name in named}
    unknown = values.keys() - hints.keys()
    if unknown:
        raise KeyError(f"unknown settings {', '.join(sorted(unknown))}")
    return kind(**{name: _read(hints[name], value) for name, value in values.items()})


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        return _read(next(part for part in get_args(kind) if part is not types.NoneType), value)
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        kinds = [parts[0]] * len(value) if parts[-1] is ... else parts
        return tuple(_read(part, item) for part, item in zip(kinds, value, strict=True))
    if is_dataclass(kind) and isinstance(kind, type):
        return build_config(kind, value)
    if kind is Fraction:
        return read_number(str(value))
    return Path(value) if kind is Path else value


def with_values(config: Any, given: Mapping[str, Any]) -> Any:
    """Replaces fields, also in nested dataclasses; a name that several of them have, such as seed, in all of them.

    Raises:
        KeyError: there is no such field.
    """
    used: set[str] = set()
    changed = _replace_within(config, given, used)
    if given.keys() - used:
        raise KeyError(f"there is no setting {', '.join(sorted(given.keys() - used))}")
    return changed


def _replace_within(config: Any, given: Mapping[str, Any], used: set[str]) -> Any:
    changes = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in given:
            changes[field.name] = given[field.name]
            used.add(field.name)
        elif is_dataclass(value):
            changes[field.name] = _replace_within(value, given, used)
    return replace(config, **changes)
