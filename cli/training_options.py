"""What all trainings' commands share: their options, and how a training is started or resumed from what was given."""

import os
from collections.abc import Callable, Collection
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import typer

from ..core.config.choices import RECIPES, TRAINED_SIZES
from ..core.config.training import OfRecipe, TrainingConfig
from ..core.errors import ConfigError, printable
from .options import Change, Given, make_config, options_from
from .output import print_json, print_path
from .progress import progress
from .training_progress import training_progress

if TYPE_CHECKING:
    from ..core.training.dry_run import DryRun as Cost

Resume = Annotated[Path | None, typer.Option(metavar="RUN", help="Resume a run, with its own settings.")]
Continue = Annotated[
    bool,
    typer.Option(
        "--continue",
        help="Resume the run in --output if there is one; all settings must be those that it was started with.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show all settings, parameters, memory and time, from a few steps; keep nothing."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run's folder as JSON on stdout.")]
OF_SIZES = Change(metavar="|".join(map(str, TRAINED_SIZES)))
"""The size of pictures where a network is made for some sizes alone."""
_NEEDED = {
    "paths": "DATA: no film was given; name a folder that extract-frames wrote, or a run to --resume",
    "output": "--output: the run has no folder; name a new one with -o",
    "init": "--init: no auto-encoder was given; name a checkpoint of pretrain-ae, or its run's folder",
}


class _Settings(Protocol):
    """What all trainings' settings have."""

    @property
    def training(self) -> TrainingConfig: ...


Config = TypeVar("Config", bound=_Settings)


def training_options(
    kind: type, *, without: Collection[str] = (), panels: dict[str, Collection[str]] | None = None, **changes: Change
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a training's command its options; as `options_from`. None must be given: a resumed run has them all."""
    shared = {
        "paths": Change(argument=True, metavar="DATA…"),
        # clips have a seed too, and are given the same
        "seed": Change(help="The same seed gives the same training, on the same kind of device.", panel="Training"),
    }
    return options_from(
        kind,
        without=without,
        needs=(),
        panels={"Films": ["clips"], "Training": ["training"], "Networks": ["nets"], **(panels or {})},
        **shared | changes,
    )


def start_training(
    kind: type[Config], work: Callable[..., Path], given: Given, resume: Path | None, as_json: bool, *,
    goes_on: bool = False, is_dry: bool = False, needs_films: bool = True,
) -> None:  # fmt: skip
    """Starts a training or resumes one, shows how it goes, and prints the run's folder.

    Args:
        kind: the command's settings.
        work: the recipe's function.
        given: what was given, by the fields' names.
        resume: the run to resume; None: a new one.
        as_json: whether to print the folder as JSON.
        goes_on: whether to resume the run in `output` where there is one, if all settings are its own.
        is_dry: whether to find out what it would cost, and keep nothing.
        needs_films: False where there is something to learn without any.

    Raises:
        ConfigError: what is given does not go together.
        AnimiError: see the recipe.
    """
    from ..core.training.listeners import Listeners
    from ..core.training.run_settings import check_settings, is_run, resume_config
    from ..core.weights.find import find_states

    if is_dry:
        if resume is not None:
            raise ConfigError("--dry-run: is of a new run; leave --resume out")
        given = {"output": Path("run")} | given
    if resume is not None:
        if "output" in given:
            raise ConfigError("--output: a run that is resumed keeps its folder; leave it out")
        config = resume_config(resume, kind, given | {"output": resume})
    else:
        config = _begin(kind, given if needs_films else {"paths": ()} | given)
        if goes_on and not is_dry and is_run(given["output"]):
            check_settings(given["output"], config)
            resume = given["output"]
    folder = resume or given["output"]
    states = find_states(folder) if resume is not None else []
    first_step = int(states[-1].name.partition(".")[0]) if states else 0
    with (
        progress("Looking for cuts") as look,
        training_progress(config.training.steps, first_step, shown=_is_first()) as (advance, note),
    ):
        listeners = Listeners(advance, note, lambda _film, seen, total: look(seen, total))
        if is_dry:
            from ..core.training.dry_run import try_out

            found = try_out(work, config, listeners)
        else:
            run = work(config, resume=resume is not None, listeners=listeners)
    if is_dry:
        _tell_cost(found, as_json)
    else:
        print_run(run, as_json)


def _tell_cost(found: "Cost", as_json: bool) -> None:
    """Writes what a training would cost to stdout."""
    if not _is_first():
        return
    if as_json:
        print_json(asdict(found))
    else:
        for line in found.describe():
            typer.echo(printable(line))


def _begin(kind: type[Config], given: Given) -> Config:
    """A new run's settings: the recipe's, and what was given."""
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    for name in needed:
        if name not in given:
            raise ConfigError(_NEEDED[name])
    if not issubclass(kind, OfRecipe):
        return make_config(kind, given)
    from ..core.config.serialise import with_values

    begun = kind.of_recipe(given.get("recipe", RECIPES[0]), *(given[name] for name in needed))
    config: Config = with_values(begun, {name: value for name, value in given.items() if name not in needed})
    return config


def print_run(run: Path, as_json: bool) -> None:
    """Writes a run's folder to stdout, once: as JSON, or as it is."""
    if _is_first():
        if as_json:
            print_json({"output": str(run)})
        else:
            print_path(run)


def _is_first() -> bool:
    """Whether this is the first process: torchrun starts several of us."""
    return os.environ.get("RANK", "0") == "0"
