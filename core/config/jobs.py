"""Settings of commands that spread work over several machines: `animi draw`, `animi join`, `animi batch`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from .checks import Checked, Doc, Flags, Range
from .parsing import read_ranges

JobFolder: TypeAlias = Annotated[Path, Doc("The folder that animi interpolate --plan has made.")]
FilmThere: TypeAlias = Annotated[
    Path | None, Doc("Where the film is on this machine. None: where it was when it was planned.")
]


@dataclass(frozen=True)
class PlanConfig(Checked):
    """Where `animi interpolate --plan` writes a film's plan."""

    plan: Path | None = None
    """Only plan the film, in this folder; animi draw and animi join then make it, on any machines."""


@dataclass(frozen=True)
class DrawConfig(Checked):
    """What `animi draw` draws."""

    job: JobFolder
    segments: str | None = None
    """Which segments, from 0: 3, 3-5 or 0,4-6. None: all that are missing."""
    film: FilmThere = None

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: the segments cannot be read.
        """
        super().__post_init__()
        if self.segments is not None:
            read_ranges(self.segments, "--segments", "segments")


@dataclass(frozen=True)
class JoinConfig(Checked):
    """What `animi join` puts together."""

    job: JobFolder
    output: Annotated[Path | None, Flags("--output", "-o")] = None
    """The new film. None: as it was planned."""
    film: FilmThere = None
    overwrite: bool = False
    """Replace an existing output."""


@dataclass(frozen=True)
class ClusterConfig(Checked):
    """How work is spread over a Ray cluster."""

    cluster: str | None = None
    """Draw on a Ray cluster: auto (the one that this machine is part of), ray://HOST:10001, or local (one that is
    started on this machine, for this command). None: no cluster."""
    cpus: Annotated[float | None, Range(0, 4096, above=True)] = None
    """CPUs of a task on the cluster. None: 2 to draw, or 1 if no node has 2; else 1."""
    gpus: Annotated[float, Range(0, 64)] = 0.0
    """GPUs of a task on the cluster; 0.25 lets four tasks share one."""
    time_limit: Annotated[float, Range(0, above=True, unit="seconds")] = 1800.0
    """Seconds after which a task on the cluster is ended, and tried elsewhere."""
    tries: Annotated[int, Range(1, 100)] = 4
    """How many times a task on the cluster is started at most."""
    send: bool = False
    """Send workers what they need and fetch what they draw, even if they see the film's folder. Without it, this is
    done only if they do not."""


@dataclass(frozen=True)
class BatchConfig(ClusterConfig):
    """Which films `animi batch` draws."""

    films: Path = Path()
    """A .csv with the columns input, output and options; or a folder of films."""
    output: Annotated[Path | None, Flags("--output", "-o")] = None
    """The folder for the new films of a folder."""
    options: str = ""
    """Options of animi interpolate for every film, as one text: "--factor 4 --engine flow"."""
    overwrite: bool = False
    """Replace existing outputs."""
    resume: bool = False
    """Resume an interrupted run: films that are there already are left as they are."""
