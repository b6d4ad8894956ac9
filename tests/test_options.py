"""Options made of a command's settings: help, defaults, checks and what arrives."""

from dataclasses import dataclass, fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from animi.cli.main import COMMANDS, app
from animi.cli.options import Change, Given, make_config, options_from
from animi.core.config import evaluation, interpolation, material, pictures, training
from animi.core.config.checks import Checked, Choice, Flags, NoOption, Range, Seconds, hint, marks

WIDE = {"COLUMNS": "300", "TERMINAL_WIDTH": "300", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Inner(Checked):
    size: Annotated[int, Range(1)] = 256
    """Side of the pictures."""
    flip: bool = True
    """Mirror half of them."""


@dataclass(frozen=True)
class Settings(Checked):
    NOTEBOOK = {"size": 64, "flip": False}  # noqa: RUF012 - as a recipe has it

    films: tuple[Path, ...]
    """The films."""
    output: Annotated[Path, Flags("--output", "-o")]
    """Where it goes; see `kind`."""
    inner: Inner = Inner(size=128)
    kind: Annotated[str, Choice(("ink", "paint"))] = "ink"
    """How it is drawn."""
    rate: Annotated[Fraction, Range(0, 1000, above=True)] = Fraction(12)
    """Frames a second."""
    parts: Annotated[tuple[str, ...], Choice(("line", "fill"), none=True)] = ("line",)
    """What is drawn."""
    moment: Annotated[float | None, Seconds()] = None
    """When. None: at the end."""
    hidden: Annotated[int, NoOption()] = 3
    """Of no concern."""
    loud: bool = False
    """Say more."""


def command(**changes):
    seen = {}
    alone = typer.Typer(rich_markup_mode="rich")

    @alone.command()
    @options_from(Settings, films=Change(argument=True), **changes)
    def draw(given: Given, other: Annotated[int, typer.Option(help="The command's own.")] = 5) -> None:
        """Draws."""
        seen.update(given, other=other, config=make_config(Settings, given))

    def run(*words):
        seen.clear()
        result = CliRunner().invoke(alone, [str(word) for word in words], env=WIDE)
        return result, dict(seen)

    return run


def test_help_says_what_the_settings_say():
    text = " ".join(command()("--help")[0].output.split())
    for part in (
        "--size <int> Side of the pictures. [default: 128; notebook: 64]",
        "Mirror half of them. With --recipe notebook: --no-flip. [default: flip]",
        "--kind ink|paint How it is drawn. [default: ink]",
        "--rate <str> Frames a second. [default: 12]",
        "What is drawn. Any of line, fill, or none. [default: line]",
        "--moment <str> When. [default: at the end]",
        "--output -o <path> Where it goes; see --kind. [required]",
        "The command's own. [default: 5]",
        "Say more.",
    ):
        assert part in text, text
    assert "hidden" not in text and "[default: (" not in text and "--no-loud" not in text


def test_what_was_not_given_does_not_arrive():
    result, seen = command()("a.mp4", "-o", "out")
    assert result.exit_code == 0, result.output
    config = Settings((Path("a.mp4"),), Path("out"))
    assert seen == {"films": (Path("a.mp4"),), "output": Path("out"), "other": 5, "config": config}


def test_what_was_given_arrives_as_the_field_has_it_and_where_it_belongs():
    words = "a b -o out --size 32 --no-flip --kind paint --rate 24000/1001 --parts fill,line --moment 1:05.5 --loud"
    result, seen = command()(*words.split(), "--other", 6)
    assert result.exit_code == 0, result.output
    assert seen["config"] == Settings(
        (Path("a"), Path("b")), Path("out"), Inner(32, flip=False), "paint", Fraction(24000, 1001), ("fill", "line"),
        65.5, loud=True,
    )  # fmt: skip
    assert seen["other"] == 6 and "hidden" not in seen
    assert command()("a", "-o", "out", "--parts", "none", "--flip")[1]["parts"] == ()
    assert command()("a", "-o", "out", "--size", "128")[1]["size"] == 128  # the default, and given all the same


def test_a_command_says_what_differs():
    run = command(size=Change(help="Here otherwise.", default="much", read=lambda side: side * 2))
    assert "Here otherwise. [default: much; notebook: 64]" in " ".join(run("--help")[0].output.split())
    assert run("a", "-o", "out", "--size", "5")[1]["config"].inner.size == 10
    with pytest.raises(AssertionError, match=r"no such fields: \{'sise'\}"):
        command(sise=Change(help="A slip of the pen."))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_is_explained(name, animi):
    assert typer.main.get_command(app).get_command(None, name).help  # listed without importing the command
    command = typer.main.get_command(app).resolve_command(None, [name])[1]
    for parameter in command.params:
        assert parameter.help and len(parameter.help) > 9, (name, parameter.name)
        assert "`" not in parameter.help and "None:" not in parameter.help, parameter.help
    shown = CliRunner().invoke(app, [name, "--help"], env=WIDE)
    assert shown.exit_code == 0 and "[default: (" not in shown.output and "MISSING" not in shown.output


def test_every_field_of_settings_is_checked_or_explained():
    for module in (evaluation, interpolation, material, pictures, training):
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__name__.endswith("Config"):
                assert is_dataclass(kind) and issubclass(kind, Checked), kind
                for field in fields(kind):
                    if hint(field) in (int, float):  # what is no number is of a kind that has no bounds
                        bounded = any(isinstance(mark, Range | Seconds | NoOption) for mark in marks(field))
                        assert bounded or field.name in {"at", "fine", "size", "max_frames", "length"}, (kind, field)


def test_two_settings_of_one_name_must_be_alike():
    """Of two that differ, one would become no option, without a word."""

    @dataclass(frozen=True)
    class Inner:
        colour: bool = True
        seed: int = 0

    @dataclass(frozen=True)
    class Alike:
        inner: Inner = Inner()
        seed: int = 0

    @dataclass(frozen=True)
    class Other:
        inner: Inner = Inner()
        colour: float = 1.0

    options_from(Alike)
    with pytest.raises(AssertionError, match="Other has two fields colour that differ"):
        options_from(Other)
