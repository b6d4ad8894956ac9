"""A run's config.json: the command, its settings and the films that it learns from, and whether others may resume it.

Settings that a run is older than have their defaults, or the value in `_BEFORE`; renamed ones are read under their
earlier names as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ..config.serialise import Config, build_config, describe_config, with_values
from ..config.training import MAY_CHANGE
from ..errors import ConfigError, InputError
from ..json_text import read_json

_BEFORE = {"hold_out": 0.0}
"""Values of settings for runs that are older than the setting, where the default would change the training."""
_RENAMED = {"sight": "visibility"}
"""Earlier names of settings, and their names now."""


def is_run(path: Path) -> bool:
    """Whether a path is a run's folder: whether it has a config.json, which is not read."""
    return (path / "config.json").is_file()


def read_run_config(folder: Path) -> tuple[str, dict[str, Any]]:
    """Reads a run's config.json.

    Returns:
        The command that the run was started with, and its settings as JSON.

    Raises:
        InputError: the folder is no run, or its config.json is damaged.
    """
    path = folder / "config.json"
    try:
        found = read_json(path)
        return str(found["command"]), dict(found["config"])
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"{folder}: is no run, as it has no config.json; give a folder that a training wrote"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is damaged; give another run, or start a new one") from error


def resume_config(folder: Path, kind: type[Config], given: Mapping[str, Any]) -> Config:
    """Reads a run's settings to resume it, and applies those that are given with --resume.

    Args:
        folder: the run's folder.
        kind: the command's config.
        given: values by the names of fields, which may be fields of configs within.

    Raises:
        InputError: the folder is no run, or a run of another command.
        ConfigError: a given value differs from the run's, and the setting cannot change.
    """
    _, saved = read_run_config(folder)
    try:
        config = build_config(kind, _complete(kind, saved))
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: its settings are of another command or version ({error})") from error
    changed: Config = with_values(config, given)
    _compare(folder, describe_config(config), describe_config(changed))
    return changed


def check_same_settings(folder: Path, config: Any, command: str) -> None:
    """Checks that a run may be resumed with these settings.

    Raises:
        InputError: the folder is no run, or a run of another command.
        ConfigError: a setting differs that cannot change.
    """
    was, _ = read_run_config(folder)
    if was != command:
        raise InputError(f"{folder}: is a run of {was or 'another command'}; resume it with that command")
    _compare(folder, _read_settings(folder, type(config)), describe_config(config))


def _read_settings(folder: Path, kind: type[Any]) -> dict[str, Any]:
    """Reads a run's settings as JSON; settings that are newer than the run are filled in.

    Raises:
        InputError: the folder is no run, or a run of another command or version.
    """
    _, saved = read_run_config(folder)
    try:
        return describe_config(build_config(kind, _complete(kind, saved)))
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"{folder}: its settings are of another command or version ({error})") from error


def check_same_material(
    folder: Path, material: Sequence[Mapping[str, Any]] | None
) -> Sequence[Mapping[str, Any]] | None:
    """Checks that a run is resumed with the films that it has learnt from.

    Returns:
        The fingerprint to write; that of the given films if the run is older than fingerprints.

    Raises:
        InputError: the films differ.
    """
    saved = read_json(folder / "config.json").get("material")
    if material is None or not isinstance(saved, list):
        return saved if material is None else material
    if saved != [dict(film) for film in material]:

        def name(films: Sequence[Any]) -> str:
            return ", ".join(f"{film['film']} ({film['frames']} frames)" for film in films) or "no film"

        try:
            was = name(saved)
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder / 'config.json'}: is damaged; give another run, or start a new one") from error
        differs = f"from {was}" if was != name(material) else f"from other frames of {was}"
        raise InputError(
            f"{folder}: has learnt {differs}, and {name(material)} is given; give what it has learnt from, or start a "
            "new run in another folder with -o"
        )
    return saved


def check_settings(folder: Path, config: Any) -> None:
    """Checks that settings are those of a run; the error says what to type to resume it.

    Raises:
        InputError: the folder is no run, or a run of another command.
        ConfigError: a setting differs that cannot change.
    """
    saved = _read_settings(folder, type(config))
    for name, was, now in _differences(saved, describe_config(config)):
        flag = "DATA" if name == "paths" else "--" + name.replace("_", "-")
        raise ConfigError(
            f"{flag}: is {_say(now)} here, and {folder} was started with {_say(was)}; "
            f"{'give' if name == 'paths' else 'add'} {_type(flag, was)} to resume it, or name another folder"
        )


def _type(flag: str, value: Any) -> str:
    """How a setting is given on the command line."""
    if flag == "DATA":
        return " ".join(value)
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    if isinstance(value, list):
        return f"{flag} {','.join(map(str, value)) or 'none'}"
    return f"{flag} {value}"


def _complete(kind: type[Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """A run's settings with today's names, and with those that are newer than the run."""
    saved = {_RENAMED.get(name, name): value for name, value in saved.items()}
    names = {field.name for field in fields(kind)} if is_dataclass(kind) else set()
    return {name: value for name, value in _BEFORE.items() if name in names} | dict(saved)


def _compare(folder: Path, saved: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, was, now in _differences(saved, given):
        flag = "--" + name.replace("_", "-")
        raise ConfigError(
            f"{flag}: {_say(now)} was given, but {folder} was started with {_say(was)}; "
            "leave it away, or start a new run in another folder"
        )


def _differences(saved: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yields each setting that differs and cannot change: its name, its value then, and its value now."""
    for name in [*saved, *(given.keys() - saved.keys())]:
        if name in MAY_CHANGE:
            continue
        was, now = saved.get(name), given.get(name)
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _differences(was, now)
        elif was != now:
            yield name, was, now


def _say(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
