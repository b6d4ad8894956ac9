"""Assembles the commands; an AnimiError becomes one line on stderr and an exit code.

A command is imported when it is called; `animi --help` needs its docstring only, which is read from its file.
"""

import ast
import os
import re
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ..core.errors import AnimiError, ConfigError
from .messages import print_note

COMMANDS = (
    "interpolate", "draw", "join", "batch", "draw-cartoon", "extract-frames", "preview-clips", "report",
    "train-vgg-sle", "train-noise", "pretrain-ae", "finetune-adv", "train-motion", "sample", "evaluate", "refine",
    "export", "studio", "doctor",
)  # fmt: skip
"""The commands in the help's order; each is a function, in a module of the same name."""
_ALONE = {"--redo": ("painted", re.compile(r"[\d,-]*\d[\d,-]*|painted"))}
"""Options whose value may be omitted: the value that they then get, and the pattern that a given value matches."""
_INTERRUPTED = "interrupted; what was finished is kept, and nothing half done is left"
_UsageError: type[Any] = typer.BadParameter.__mro__[1]  # Typer exports only a subclass of it


class OneLineErrors(TyperGroup):
    """Prints errors as one line on stderr, and exits: 2 wrong usage, 1 failed, 130 interrupted."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name in COMMANDS:
            self.add_command(TyperCommand(name, help=_read_docstring(name)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the command, and imports it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _import_command(str(name)), _fill_in(rest)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:
        """Parses the options before a command; without any argument, Typer shows the help."""
        if not args:
            return super().make_context(info_name, args, *rest, **more)
        try:
            return super().make_context(info_name, args, *rest, **more)
        except _UsageError as error:
            _fail(_describe_usage(error), 2)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that `ctx` names."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            _fail(_describe_usage(error), 2)
        except ConfigError as error:
            _fail(str(error), 2)
        except AnimiError as error:
            _fail(str(error), 1)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            _fail(f"{where}{error.strerror or error}", 1)
        except MemoryError:
            _fail("not enough memory; use smaller frames (--size) or close other programs", 1)
        except KeyboardInterrupt:
            _fail(_INTERRUPTED, 130)


def _describe_usage(error: Any) -> str:
    message = error.format_message().strip().rstrip(".")
    command = error.ctx.command_path if error.ctx else "animi"
    option = getattr(error, "option_name", "")
    named = f", or write ./{option}… if a file's name begins so" if "No such option" in message else ""
    return f"{message[:1].lower()}{message[1:]}; see {command} -h{named}"


def _fail(message: str, code: int) -> NoReturn:
    print_note(" ".join(message.splitlines()))
    raise typer.Exit(code)


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Draws the frames between two cartoon frames, and trains the models that do it on your own cartoons.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # takes a fifth of the time of `animi --help`

        typer.echo(f"animi {version('animi')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that come before a command."""


def _fill_in(words: list[str]) -> list[str]:
    """Adds the values that were omitted, as in Typer an option either always has a value or never."""
    filled: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return filled + words[number:]
        filled.append(word)
        alone, follows = _ALONE.get(word, ("", None))
        if follows is not None and not follows.fullmatch(words[number + 1] if number + 1 < len(words) else ""):
            filled.append(alone)
    return filled


def _read_docstring(name: str) -> str:
    """Reads a command's docstring without importing it."""
    function = name.replace("-", "_")
    source = Path(__file__).with_name(f"{function}.py").read_text(encoding="utf-8")
    found = (n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef) and n.name == function)
    return ast.get_docstring(next(found)) or ""


def _import_command(name: str) -> Any:
    module = import_module(f".{name.replace('-', '_')}", __package__)
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(name)(getattr(module, name.replace("-", "_")))
    return typer.main.get_command(alone)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(143)  # raises SystemExit, so that drafts are removed


def run() -> None:
    """The `animi` program."""
    # NumPy's products here are small, and a thread that waits for the next one takes time from those that draw
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        signal.signal(signal.SIGTERM, _terminate)
        app()
    except (KeyboardInterrupt, RuntimeError) as error:
        # Python 3.11 wraps an exception that a signal raises while a class is made in a RuntimeError
        end = error.__cause__ if isinstance(error, RuntimeError) else error
        if isinstance(end, SystemExit):
            raise end from None
        if not isinstance(end, KeyboardInterrupt):
            raise
        typer.echo(f"animi: {_INTERRUPTED}", err=True)
        sys.exit(130)
