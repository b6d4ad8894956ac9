"""Settings as the words of a command line that gives them."""

import shlex
from collections.abc import Collection
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from .checks import NoOption, flag_of, marks


def spell_command(command: str, inputs: Collection[Path], words: Collection[str]) -> str:
    """A command as it is typed into a shell.

    Args:
        command: its name.
        inputs: its arguments; a name that begins with - is written so that it is none of the options.
        words: options.
    """
    names = [f"./{path}" if str(path).startswith("-") else str(path) for path in inputs]
    return shlex.join(["animi", command, *names, *words])


def spell_options(config: Any, *, without: Collection[str] = ()) -> list[str]:
    """The options by which a command gets settings that are not the defaults.

    Args:
        config: an instance of a config's dataclass.
        without: names of fields that are left out; those that are no options are left out anyway, and given again
            by whoever knows how.
    """
    words: list[str] = []
    for field in fields(config):
        value = getattr(config, field.name)
        hidden = any(isinstance(mark, NoOption) for mark in marks(field))
        if (
            hidden
            or field.name in without
            or value is None
            or (field.default is not MISSING and value == field.default)
        ):
            continue
        flag = flag_of(field)
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag.removeprefix('--')}")
        elif isinstance(value, tuple):
            words += [flag, ",".join(map(str, value))]
        else:
            words += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
    return words
