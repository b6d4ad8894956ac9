"""Checks of settings: the annotation of a config's field holds its check, and one function runs them all.

    crop: Annotated[float, Range(0, 1, above=True)] = 0.75

The message is the same for every field: "--crop: 2 is out of range; give above 0 and up to 1".
"""

from collections.abc import Collection
from dataclasses import Field, dataclass, fields
from math import inf, isfinite
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from ..errors import ConfigError


@dataclass(frozen=True)
class Range:
    """The numbers that a field may have; never infinity, and never "not a number"."""

    least: float = -inf
    """The smallest; without it there is no lower bound."""
    most: float = inf
    """The largest."""
    above: bool = False
    """Whether `least` itself is too small."""
    below: bool = False
    """Whether `most` itself is too large."""
    multiple: int = 1
    """What it must be a multiple of."""
    unit: str = ""
    """What it counts, such as "pixels"."""

    def holds(self, value: Any) -> bool:
        """Whether a number is within the range."""
        try:
            if not isfinite(value) or (self.multiple > 1 and value % self.multiple):
                return False
        except OverflowError:  # beyond what a float holds
            return False
        over = value > self.least if self.above else value >= self.least
        under = value < self.most if self.below else value <= self.most
        return bool(over and under)

    def describe(self, whole: bool = False) -> str:
        """The range in words: "1 to 64 frames", "above 0 and up to 1", "a whole number from 1"."""
        if self.above or self.below:
            least = f"above {_short(self.least)}" if self.above else _short(self.least)
            most = "" if self.most == inf else f" and {'below' if self.below else 'up to'} {_short(self.most)}"
            words = least + most if most else f"a number {least}"
        elif self.most == inf:
            words = f"a {'whole ' if whole else ''}number from {_short(self.least)}"
        else:
            words = f"{_short(self.least)} to {_short(self.most)}"
        if self.multiple > 1:
            words = f"a multiple of {self.multiple}, {words}"
        return f"{words} {self.unit}".rstrip()


@dataclass(frozen=True)
class Choice:
    """The names that a field may have, or those in a tuple of names."""

    names: Collection[Any]
    """All of them."""
    none: bool = False
    """Whether a tuple may be empty: the word for it is "none"."""
    others: bool = False
    """Whether there are more, such as cuda:1 beside cuda, which are checked where they are used."""


@dataclass(frozen=True)
class Flags:
    """How a field is called on the command line where that is not its own name; the first is quoted in messages."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@dataclass(frozen=True)
class Doc:
    """What a field means, for types that several configs share; elsewhere the docstring below the field says it."""

    text: str


@dataclass(frozen=True)
class NoOption:
    """Marks a field that no command has an option for."""


@dataclass(frozen=True)
class Seconds:
    """Marks a time, which a person may also write as h:mm:ss."""


class Checked:
    """The base of every config: what its fields' annotations ask for is checked when one is made."""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: a value is out of its range, or not among its names.
        """
        for field in fields(self):  # type: ignore[arg-type]  # every config is a dataclass
            value = getattr(self, field.name)
            for mark in marks(field):
                if isinstance(mark, Range):
                    check_range(flag_of(field), value, mark, whole=hint(field) is int)
                elif isinstance(mark, Choice):
                    check_choice(flag_of(field), value, mark)


def marks(field: "Field[Any]") -> tuple[Any, ...]:
    """What a field's annotation says besides its type."""
    return tuple(mark for part in _split(field.type) for mark in getattr(part, "__metadata__", ()))


def hint(field: "Field[Any]") -> Any:
    """A field's type, without its marks and without None."""
    part = _split(field.type)[0]
    return _split(part.__origin__)[0] if hasattr(part, "__metadata__") else part


def _split(kind: Any) -> list[Any]:
    """The parts of a union but None; all else is one part."""
    if get_origin(kind) in (Union, UnionType):
        return [part for part in get_args(kind) if part is not NoneType]
    return [kind]


def flag_of(field: "Field[Any]") -> str:
    """How a field is called on the command line, as messages quote it."""
    named = next((mark for mark in marks(field) if isinstance(mark, Flags)), None)
    return named.names[0] if named else f"--{field.name.replace('_', '-')}"


def check_range(flag: str, value: Any, allowed: Range, *, whole: bool = False) -> None:
    """Checks a number, or each of several.

    Raises:
        ConfigError: one is out of the range.
    """
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not allowed.holds(number):
            raise ConfigError(f"{flag}: {_short(number)} is out of range; give {allowed.describe(whole)}")


def check_choice(flag: str, value: Any, allowed: Choice) -> None:
    """Checks a name, or each of several.

    Raises:
        ConfigError: one is not known or given twice, or there is none and one is needed.
    """
    several = isinstance(value, tuple)
    remedy = f"{'give any of' if several else 'choose one of'} {', '.join(map(str, allowed.names))}"
    remedy += ", or none" if several and allowed.none else ""
    if several and not value and not allowed.none:
        raise ConfigError(f"{flag}: names none; {remedy}")
    for name in value if several else (value,):
        if name is not None and name not in allowed.names and not allowed.others:
            raise ConfigError(f"{flag}: {_quote(name)} is not known; {remedy}")
    if several and len(set(value)) < len(value):
        raise ConfigError(f"{flag}: {', '.join(value)} names one twice; give each once")


def check_suffix(flag: str, path: Any, suffixes: Collection[str], kind: str) -> None:
    """Checks how a file's name ends; None is right.

    Args:
        flag: what the message calls it.
        path: the file, or None.
        suffixes: those that it may have; the first is the one that the message suggests.
        kind: what such a file is: "PNG".

    Raises:
        ConfigError: it ends otherwise.
    """
    if path is not None and path.suffix.lower() not in suffixes:
        raise ConfigError(f"{flag}: {path} is no {kind}; give a name that ends in {next(iter(suffixes))}")


def check_ends(length: int) -> None:
    """Checks that a clip has frames between its two ends.

    Raises:
        ConfigError: it has none.
    """
    if length < 3:
        raise ConfigError(f"--length: {length} leaves nothing between the ends; give 3 frames or more")


def _quote(name: Any) -> str:
    return repr(name) if isinstance(name, str) else str(name)


def _short(number: Any) -> str:
    """A number as a person would write it."""
    try:
        return str(number) if isinstance(number, int) and abs(number) < 10**18 else f"{float(number):g}"
    except OverflowError:
        return "a number beyond 1e308"
