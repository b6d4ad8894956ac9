"""Options that all training commands share; starting or resuming a run."""

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
"""The option for the size of pictures, for networks that support certain sizes only."""
_NEEDED = {
    "paths": "DATA: no film was given; name a folder that extract-frames wrote, or a run to --resume",
    "output": "--output: the run has no folder; name a new one with -o",
    "init": "--init: no auto-encoder was given; name a checkpoint of pretrain-ae, or its run's folder",
}


class _Settings(Protocol):
    """Settings of any training."""

    @property
    def training(self) -> TrainingConfig: ...


Config = TypeVar("Config", bound=_Settings)


def training_options(
    kind: type, *, without: Collection[str] = (), panels: dict[str, Collection[str]] | None = None, **changes: Change
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a training command's options, see `options_from`; none is required, as a resumed run has all settings."""
    shared = {
        "paths": Change(argument=True, metavar="DATA…"),
        # the clips have a seed too, which gets the same value
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
    continues: bool = False, is_dry: bool = False, needs_films: bool = True,
) -> None:  # fmt: skip
    """Starts or resumes a training, shows its progress, and prints the run's folder.

    Args:
        kind: the command's settings.
        work: the recipe's function.
        given: values of the given options, by the fields' names.
        resume: the run to resume. None: a new run.
        as_json: whether to print the folder as JSON.
        continues: whether to resume the run in `output`, if there is one and its settings are the same.
        is_dry: whether to measure the cost of some steps only, and keep nothing.
        needs_films: whether the training needs films.

    Raises:
        ConfigError: options cannot be combined.
        AnimiError: see the recipe.
    """
    from ..core.training.listeners import Listeners
    from ..core.training.run_settings import check_settings, is_run, resume_config
    from ..core.weights.find import find_states

    if is_dry:
        if resume is not None:
            raise ConfigError("--dry-run: is for a new run; leave --resume out")
        given = {"output": Path("run")} | given
    if resume is not None:
        if "output" in given:
            raise ConfigError("--output: a run that is resumed keeps its folder; leave it out")
        config = resume_config(resume, kind, given | {"output": resume})
    else:
        config = _begin(kind, given if needs_films else {"paths": ()} | given)
        if continues and not is_dry and is_run(given["output"]):
            check_settings(given["output"], config)
            resume = given["output"]
    folder = resume or given["output"]
    states = find_states(folder) if resume is not None else []
    first_step = int(states[-1].name.partition(".")[0]) if states else 0
    with (
        progress("Finding cuts") as show,
        training_progress(config.training.steps, first_step, shown=_is_first()) as (advance, note),
    ):
        listeners = Listeners(advance, note, lambda _film, seen, total: show(seen, total))
        if is_dry:
            from ..core.training.dry_run import try_out

            found = try_out(work, config, listeners)
        else:
            run = work(config, resume=resume is not None, listeners=listeners)
    if is_dry:
        _print_cost(found, as_json)
    else:
        print_run(run, as_json)


def _print_cost(found: "Cost", as_json: bool) -> None:
    """Prints the cost of a training on stdout."""
    if not _is_first():
        return
    if as_json:
        print_json(asdict(found))
    else:
        for line in found.describe():
            typer.echo(printable(line))


def _begin(kind: type[Config], given: Given) -> Config:
    """Makes a new run's settings: those of the recipe, and the given ones."""
    needed = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    for name in needed:
        if name not in given:
            raise ConfigError(_NEEDED[name])
    if not issubclass(kind, OfRecipe):
        return make_config(kind, given)
    from ..core.config.serialise import with_values

    start = kind.of_recipe(given.get("recipe", RECIPES[0]), *(given[name] for name in needed))
    config: Config = with_values(start, {name: value for name, value in given.items() if name not in needed})
    return config


def print_run(run: Path, as_json: bool) -> None:
    """Prints a run's folder on stdout, in the first process only; as JSON or as a path."""
    if _is_first():
        if as_json:
            print_json({"output": str(run)})
        else:
            print_path(run)


def _is_first() -> bool:
    """Whether this is the first of the processes that torchrun started."""
    return os.environ.get("RANK", "0") == "0"
