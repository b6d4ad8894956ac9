"""Options that the trainings share, and how one is started or gone on with from what was given.

An option that is not given has no value here: the recipe, or the run that is gone on with, has it.
"""

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from ..core.config.choices import AUGMENTATIONS, BN_INITS, DEVICES, PRECISIONS, RECIPES, SCHEDULES, TRAINED_SIZES
from ..core.config.material import ClipConfig
from ..core.config.training import TrainingConfig
from ..core.errors import ConfigError, printable
from .messages import say_json
from .progress import progress
from .training_progress import training_progress

if TYPE_CHECKING:
    from ..core.training.dry_run import DryRun as Tried

_STEPS = TrainingConfig()
_RECIPE = "by the recipe"

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="DATA…", help="Folders that extract-frames wrote, or folders of images; one film or several in each."
    ),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The run's folder: new, or empty.")]
Resume = Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with a run, with its own settings.")]
Continue = Annotated[
    bool,
    typer.Option(
        "--continue",
        help="Go on with the run in --output where there is one; all settings must be those that it was started with.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show all settings, parameters, memory and time, from a few steps; keep nothing."),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        help=f"{RECIPES[0]}: made not to collapse; {RECIPES[1]}: the settings of the first experiments.",
        show_default=RECIPES[0],
        autocompletion=lambda: list(RECIPES),
    ),
]
Size = Annotated[
    int | None,
    typer.Option(help=f"Side of the pictures: {', '.join(map(str, TRAINED_SIZES))}.", show_default="256"),
]
Length = Annotated[
    int | None, typer.Option(help="Frames of a clip, ends included.", show_default=str(ClipConfig().length))
]
Stride = Annotated[
    int | None,
    typer.Option(help="1 takes successive drawings, 2 every other one.", show_default=str(ClipConfig().stride)),
]
Reverse = Annotated[
    bool | None, typer.Option("--reverse/--no-reverse", help="Play half backwards.", show_default=_RECIPE)
]
Steps = Annotated[int | None, typer.Option(help="Steps in all.", show_default=str(_STEPS.steps))]
BatchSize = Annotated[int | None, typer.Option(help="Samples a step, over all processes.", show_default=_RECIPE)]
Accumulate = Annotated[
    int | None, typer.Option(help="Parts that a batch is cut into to save memory.", show_default=str(_STEPS.accumulate))
]
Width = Annotated[int | None, typer.Option(help="Channels of the networks at half of 256 pixels.", show_default="64")]
SpectralNorm = Annotated[
    bool | None,
    typer.Option(
        "--spectral-norm/--no-spectral-norm",
        help="Spectral norm on the discriminator, and on the excitations of both networks.",
        show_default=_RECIPE,
    ),
]
BnInit = Annotated[
    str | None,
    typer.Option(
        help="What batch norms' weights begin with: ones; dcgan, N(1, 0.02); notebook, N(0, 0.02).",
        show_default=_RECIPE,
        autocompletion=lambda: list(BN_INITS),
    ),
]
GeneratorRate = Annotated[float | None, typer.Option(help="The generator's learning rate.", show_default=_RECIPE)]
DiscriminatorRate = Annotated[
    float | None, typer.Option(help="The discriminator's learning rate.", show_default=_RECIPE)
]
Schedule = Annotated[
    str | None,
    typer.Option(
        help="Of both learning rates: constant; linear, to 0 over the second half; cosine, to 0 over all steps.",
        show_default=SCHEDULES[0],
        autocompletion=lambda: list(SCHEDULES),
    ),
]
WarmUp = Annotated[int | None, typer.Option(help="Steps in which both learning rates rise.", show_default="0")]
Betas = Annotated[str | None, typer.Option(help="Adam's, such as 0.5,0.999.", show_default=_RECIPE)]
Augment = Annotated[
    str | None,
    typer.Option(
        help=f"What the discriminator's pictures undergo: {','.join(AUGMENTATIONS)}, some of them, or none.",
        show_default=_RECIPE,
    ),
]
Redraw = Annotated[
    float | None,
    typer.Option(help="Weight of the discriminator's redrawing of real pictures.", show_default="1"),
]
Lecam = Annotated[float | None, typer.Option(help="Weight of the LeCam penalty.", show_default=_RECIPE)]
R1 = Annotated[float | None, typer.Option(help="Weight of the gradient penalty at real pictures.", show_default="0")]
Crop = Annotated[
    float | None,
    typer.Option(help="Smallest share of the shorter side that a random square may have.", show_default=_RECIPE),
]
Flip = Annotated[bool | None, typer.Option("--flip/--no-flip", help="Mirror half.", show_default=_RECIPE)]
Colour = Annotated[
    bool | None,
    typer.Option("--colour/--no-colour", help="Exchange and darken the colour channels.", show_default=_RECIPE),
]
Weights = Annotated[
    str | None, typer.Option(help="How often each path is drawn from, such as 2,1; else by what it holds.")
]
VggWeights = Annotated[
    Path | None,
    typer.Option(
        help="VGG16's weights: a .safetensors with torchvision's names, or torchvision's .pth.",
        show_default="torchvision's, downloaded once",
    ),
]
Health = Annotated[
    bool | None,
    typer.Option("--health/--no-health", help="Measure how varied samples are, by VGG16.", show_default="--health"),
]
Ema = Annotated[
    float | None, typer.Option(help="Share of the mean of the weights kept at a step; 0: none.", show_default=_RECIPE)
]
Clip = Annotated[float | None, typer.Option(help="Largest norm of the gradients.", show_default="none")]
Precision = Annotated[
    str | None,
    typer.Option(help=f"{', '.join(PRECISIONS)}.", show_default=PRECISIONS[0], autocompletion=lambda: list(PRECISIONS)),
]
Recompute = Annotated[
    bool | None,
    typer.Option(
        "--recompute/--no-recompute",
        help="Compute features again in the backward pass: less memory, more time.",
        show_default="--no-recompute",
    ),
]
Compiled = Annotated[bool | None, typer.Option("--compile/--no-compile", help="Compile the networks.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same training.", show_default="0")]
Device = Annotated[
    str | None,
    typer.Option(help=f"{', '.join(DEVICES)}.", show_default=DEVICES[0], autocompletion=lambda: list(DEVICES)),
]
Workers = Annotated[int | None, typer.Option(help="Threads that draw batches ahead.", show_default=str(_STEPS.workers))]
LogEvery = Annotated[
    int | None, typer.Option(help="Steps between lines of metrics.jsonl.", show_default=str(_STEPS.log_every))
]
SaveEvery = Annotated[int | None, typer.Option(help="Steps between checkpoints.", show_default=str(_STEPS.save_every))]
SampleEvery = Annotated[
    int | None, typer.Option(help="Steps between looks at samples.", show_default=str(_STEPS.sample_every))
]
Keep = Annotated[int | None, typer.Option(help="Checkpoints kept.", show_default=str(_STEPS.keep))]
Unseen = Annotated[
    list[Path] | None,
    typer.Option(
        help="A folder of frames to evaluate on and not to learn from; give it again for several.",
        show_default="clips of each film",
    ),
]
HoldOut = Annotated[
    float | None,
    typer.Option(help="Share of each film that is not learnt from then; 0: none.", show_default="0.05"),
]
Samples = Annotated[int | None, typer.Option(help="Samples shown at each look.", show_default=_RECIPE)]


class _Settings(Protocol):
    """What all trainings' settings have."""

    @property
    def training(self) -> TrainingConfig: ...


Config = TypeVar("Config", bound=_Settings)


def start_training(
    kind: type[Config],
    begin: Callable[[str, tuple[Path, ...], Path], Config],
    work: Callable[..., Path],
    given: dict[str, Any],
    *,
    needs_films: bool = True,
) -> "Path | Tried":
    """Starts a training, or goes on with one, and shows how it goes.

    Args:
        kind: the command's settings.
        begin: makes a new run's settings of a recipe, paths and the run's folder.
        work: the recipe's function.
        given: the command's parameters by name; None: not given.
        needs_films: False where there is something to learn without any.

    Returns:
        The run's folder; of a dry run, what it found.

    Raises:
        ConfigError: what is given does not go together.
        AnimiError: see the recipe.
    """
    from ..core.config.serialise import with_values
    from ..core.training.listeners import Listeners
    from ..core.training.run_folder import check_settings, is_run, resume_config
    from ..core.weights.find import find_states

    given = {name: value for name, value in given.items() if value is not None}
    for name, read in (("betas", _read_betas), ("augment", _read_augment), ("weights", _read_weights)):
        if name in given:
            given[name] = read(given[name])
    goes_on, is_dry = given.pop("continue_", False), given.pop("dry_run", False)
    if "unseen" in given:
        given["unseen"] = tuple(given["unseen"])
    paths, output, resume = (given.pop(name, None) for name in ("paths", "output", "resume"))
    if is_dry:
        if resume is not None:
            raise ConfigError("--dry-run: is of a new run; leave --resume away")
        output = output or Path("run")
    if resume is not None:
        if output is not None:
            raise ConfigError("--output: a run that is gone on with keeps its folder; leave it away")
        config = resume_config(resume, kind, given | {"output": resume} | ({"paths": tuple(paths)} if paths else {}))
        folder = resume
    else:
        if not paths and needs_films:
            raise ConfigError("DATA: no film was given; name a folder that extract-frames wrote, or a run to --resume")
        if output is None:
            raise ConfigError("--output: the run has no folder; name a new one with -o")
        config = with_values(begin(given.pop("recipe", RECIPES[0]), tuple(paths or ()), output), given)
        folder = output
        if goes_on and not is_dry and is_run(folder):
            check_settings(folder, config)
            resume = folder
    states = find_states(folder) if resume is not None else []
    first_step = int(states[-1].name.partition(".")[0]) if states else 0
    with (
        progress("Looking for cuts") as look,
        training_progress(config.training.steps, first_step, shown=_is_first()) as (advance, note),
    ):
        listeners = Listeners(advance, note, lambda _film, seen, total: look(seen, total))
        if is_dry:
            from ..core.training.dry_run import try_out

            return try_out(work, config, listeners)
        return work(config, resume=resume is not None, listeners=listeners)


def tell_run(run: "Path | Tried", as_json: bool) -> None:
    """Writes a run's folder to stdout, once: as JSON, or as it is. Of a dry run, what it found."""
    if not _is_first():
        return
    if isinstance(run, Path):
        if as_json:
            say_json({"output": str(run)})
        else:
            typer.echo(run)
    elif as_json:
        say_json(asdict(run))
    else:
        for line in run.describe():
            typer.echo(printable(line))


def _is_first() -> bool:
    """Whether this is the first process: torchrun starts several of us."""
    return os.environ.get("RANK", "0") == "0"


def _read_numbers(text: str, flag: str, example: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{flag}: {text} is no list of numbers; write it as {example}") from error


def _read_betas(text: str) -> tuple[float, ...]:
    return _read_numbers(text, "--betas", "0.5,0.999")


def _read_weights(text: str) -> tuple[float, ...]:
    return _read_numbers(text, "--weights", "2,1")


def _read_augment(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(part.strip() for part in text.split(","))
