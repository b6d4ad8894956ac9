"""Makes a command's options from the dataclass of its settings: help, default and check are those of the field.

    @options_from(SampleConfig, fps=Change(help="Frames per second of a walk."))
    def sample(given: Given, as_json: AsJson = False) -> None:
        config = make_config(SampleConfig, given)

`given` holds the values of the options that were given, by the fields' names. Options that were not given are not in
it, so that a recipe or a resumed run can set them. The command's other parameters stay as they are.
"""

import ast
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from re import sub
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

import typer

from ..core.config.checks import Choice, Doc, Flags, NoOption, Seconds, flag_of, hint, marks
from ..core.config.parsing import read_numbers, read_rate, read_time, read_wholes

Given: TypeAlias = dict[str, Any]
"""Values of the options that were given, by the names of fields."""
AsJson = Annotated[bool, typer.Option("--json", help="Print what was written as JSON on stdout.")]

Config = TypeVar("Config")
_WIDEST = 34  # characters of a list of choices that is shown as an option's type; a longer one goes into its help


@dataclass(frozen=True)
class Change:
    """How a command's option differs from its field. None: as in the field."""

    help: str | None = None
    """The help of the option."""
    default: str | None = None
    """The default as the help shows it; "": none is shown."""
    metavar: str | None = None
    """The placeholder of its value in the help."""
    argument: bool = False
    """Whether it is a positional argument."""
    kind: Any = None
    """The type that Typer parses."""
    read: Callable[[Any], Any] | None = None
    """Converts the parsed value to the field's. None: by the field's type."""
    panel: str | None = None
    """The heading of the help under which it is shown."""
    autocompletion: Callable[[], list[str]] | None = None
    """Returns the words that a shell completes. None: the field's choices."""


@dataclass(frozen=True)
class _Option:
    """One option of a command."""

    name: str
    parameter: inspect.Parameter
    read: Callable[[Any], Any]


class _InWords:
    """A default that the help shows as text, and that means "not given"."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __call__(self) -> None:
        """Returns None: Typer calls a default to get its value."""
        return

    def __str__(self) -> str:
        return self._words


def options_from(
    *kinds: type,
    without: Collection[str] = (),
    needs: Collection[str] | None = None,
    panels: Mapping[str, Collection[str]] | None = None,
    **changes: Change,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a decorator that gives a command an option for each field of its settings, and of nested settings.

    Args:
        kinds: dataclasses; a field that several have is taken from the first.
        without: fields that are not options of this command.
        needs: fields that must be given. None: those without a default.
        panels: headings of the help with the fields under each; the name of nested settings means all their fields.
        changes: how options differ from their fields, by the fields' names.
    """
    options = _list_options(kinds, without, needs, panels or {}, changes)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "given"]

        def run(ctx: typer.Context, **values: Any) -> None:
            given = {o.name: o.read(values[o.name]) for o in options if _was_given(ctx, o.name)}
            command(given=given, **{parameter.name: values[parameter.name] for parameter in own})

        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        parameters = [context, *(option.parameter for option in options), *own]
        by_keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters[1:]]
        run.__signature__ = signature.replace(parameters=[context, *by_keyword])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        return run

    return decorate


def make_config(kind: type[Config], given: Mapping[str, Any]) -> Config:
    """Makes settings from given values by the fields' names, including those of nested settings.

    Raises:
        ConfigError: a value is out of its range.
        TypeError: a field without a default is not given.
    """
    from ..core.config.serialise import with_values

    own = {field.name for field in fields(kind) if field.default is MISSING}  # type: ignore[arg-type]
    config = kind(**{name: value for name, value in given.items() if name in own})
    made: Config = with_values(config, {name: value for name, value in given.items() if name not in own})
    return made


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name not in ("DEFAULT", "DEFAULT_MAP")


def _list_options(
    kinds: tuple[type, ...],
    without: Collection[str],
    needs: Collection[str] | None,
    panels: Mapping[str, Collection[str]],
    changes: Mapping[str, Change],
) -> list[_Option]:
    headings = {name: heading for heading, names in panels.items() for name in names}
    found: dict[str, _Option] = {}
    flags = _list_flags(kinds)
    for kind in kinds:
        recipe = getattr(kind, "NOTEBOOK", {})
        listed = _list_fields(kind)
        _check_shared(kind, listed)
        for field, default, within in listed:
            name = field.name
            left_out = any(isinstance(mark, NoOption) for mark in marks(field)) or name in without
            if left_out or name in found:
                continue
            needed = default is MISSING if needs is None else name in needs
            change = changes.get(name, Change())
            words = _explain(kind, field, within, flags)
            panel = change.panel or headings.get(name) or headings.get(within)
            found[name] = _make_option(field, default, words, needed, recipe.get(name, MISSING), panel, change)
    unknown = (changes.keys() | set(without) | set(needs or ())) - found.keys() - set(without)
    assert not unknown, f"no such fields: {unknown}"
    return list(found.values())


def _list_fields(kind: Any) -> list[tuple["Field[Any]", Any, str]]:
    """The fields of settings and of nested ones: field, default, and the name of the field that nests it (or "")."""
    found = []
    for field in fields(kind):
        inner = hint(field)
        if is_dataclass(inner):
            found += [(part, getattr(field.default, part.name), field.name) for part in fields(inner)]
        else:
            found.append((field, field.default, ""))
    return found


def _check_shared(kind: type, listed: list[tuple["Field[Any]", Any, str]]) -> None:
    """Fields of one name are one option, such as the seeds of nested settings, so they must be alike."""
    known: dict[str, tuple[Any, Any]] = {}
    for field, default, _ in listed:
        alike = hint(field), default
        assert known.setdefault(field.name, alike) == alike, f"{kind.__name__} has two fields {field.name} that differ"


def _list_flags(kinds: Collection[Any]) -> dict[str, str]:
    return {field.name: flag_of(field) for kind in kinds for field, _, _ in _list_fields(kind)}


def _explain(kind: Any, field: "Field[Any]", within: str, flags: Mapping[str, str]) -> tuple[str, str | None]:
    """A field's help, and the text after "None:" in it (or None); names of fields in backquotes become flags."""
    owner = next(hint(f) for f in fields(kind) if f.name == within) if within else kind
    text = _find_docstring(owner, field.name)
    if text is None:
        text = next((mark.text for mark in marks(field) if isinstance(mark, Doc)), "")
    text, found, none = text.partition(" None: ")
    text, none = (sub(r"`(\w+)`", lambda name: flags.get(name[1], name[0]), part) for part in (text, none))
    return text, none.rstrip(".") if found else None


def _make_option(
    field: "Field[Any]", default: Any, words: tuple[str, str | None], needed: bool, notebook: Any, panel: str | None,
    change: Change,
) -> _Option:  # fmt: skip
    kind = change.kind or _typer_kind(field)
    help_text = change.help or words[0]
    choice = next((mark for mark in marks(field) if isinstance(mark, Choice)), None)
    metavar, names = change.metavar, [] if choice is None else [str(name) for name in choice.names]
    if choice is not None and metavar is None:
        several = get_origin(hint(field)) is tuple
        if several or len("|".join(names)) > _WIDEST:
            help_text += f" {'Any of' if several else 'One of'} {', '.join(names)}{', or none' if choice.none else ''}."
        else:
            metavar = "|".join(names)
    shown = change.default
    if shown is None:
        shown = words[1] or ("" if default in (None, (), MISSING) else _write(default))
    settings: dict[str, Any] = {"help": help_text, "metavar": metavar, "rich_help_panel": panel}
    if change.autocompletion is not None or (names and get_origin(hint(field)) is not tuple):
        settings["autocompletion"] = change.autocompletion or (lambda: names)
    is_flag = kind is bool
    if notebook is not MISSING and notebook != default:
        if is_flag:
            settings["help"] += f" With --recipe notebook: {_flags(field)[0].split('/')[0 if notebook else 1]}."
        else:
            shown += f"; notebook: {_write(notebook)}"
    if is_flag:
        begin: Any = default
    elif needed:
        begin = inspect.Parameter.empty
    else:
        begin = _InWords(shown) if shown else None
        kind = kind | None
    info = typer.Argument(**settings) if change.argument else typer.Option(*_flags(field), **settings)
    parameter = inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=begin, annotation=Annotated[kind, info]
    )
    return _Option(field.name, parameter, change.read or _reader(field))


def _flags(field: "Field[Any]") -> list[str]:
    """The flags of an option; a switch that is on by default has one that turns it off."""
    named = next((mark.names for mark in marks(field) if isinstance(mark, Flags)), None)
    flags = list(named or (flag_of(field),))
    if hint(field) is bool:
        if len(flags) == 1 and field.default:
            flags.append(f"--no-{flags[0].removeprefix('--')}")
        return ["/".join(flags)]
    return sorted(flags, key=len, reverse=True)


def _typer_kind(field: "Field[Any]") -> Any:
    """The type that Typer parses for a field; str for types that it does not know."""
    kind = hint(field)
    if any(isinstance(mark, Seconds) for mark in marks(field)):
        return str
    if get_origin(kind) is tuple and get_args(kind)[0] is Path:
        return list[Path]
    return kind if kind in (int, float, bool, str, Path) else str


def _reader(field: "Field[Any]") -> Callable[[Any], Any]:
    """Makes the function that converts a parsed value to the field's."""
    kind, flag = hint(field), flag_of(field)
    if any(isinstance(mark, Seconds) for mark in marks(field)):
        return lambda text: read_time(text, flag)
    if kind is Fraction:
        return lambda text: read_rate(text, flag)
    if get_origin(kind) is not tuple:
        return lambda value: value
    part, example = get_args(kind)[0], _write(field.default) if field.default else "2,1"
    if part is float:
        return lambda text: read_numbers(text, flag, example)
    if part is int:
        return lambda text: read_wholes(text, flag, example)
    if part is str:
        return lambda text: () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())
    return tuple


def _write(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(_write, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _find_docstring(kind: Any, name: str) -> str | None:
    """The docstring below a field, on one line. None: it has none."""
    for owner in kind.__mro__:
        text = _read_docstrings(inspect.getfile(owner)).get((owner.__name__, name)) if owner is not object else None
        if text is not None:
            return text
    return None


@cache
def _read_docstrings(source: str) -> dict[tuple[str, str], str]:
    """The docstrings below the fields of all classes of a file, by the class's name and the field's."""
    found = {}
    for node in ast.parse(Path(source).read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, below in zip(node.body, node.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
                    found[node.name, name] = " ".join(text.split())
    return found
