"""Estimates the cost of a training from a few of its steps, which leave no files behind."""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch

from ..config.serialise import describe_config, with_values
from ..errors import TrainingError
from .listeners import Listeners

_SKIPPED = 2  # first steps, which are slower: memory is allocated and kernels are chosen
_TIMED = 3
_NEVER = 1 << 40

Config = TypeVar("Config")


class _Enough(Exception):
    """Raised when enough steps are timed."""


@dataclass(frozen=True)
class DryRun:
    """The cost of a training."""

    settings: dict[str, Any]
    """All settings, as in config.json."""
    parameters: dict[str, int]
    """Number of trained parameters of each network."""
    seconds: float
    """Median time of a step, without evaluations and checkpoints."""
    memory: int
    """Largest use of memory in bytes: of the GPU with CUDA, else of the process."""
    steps: int
    """Number of steps of the training."""

    def describe(self) -> list[str]:
        """The cost in lines of text."""
        counts = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        minutes = round(self.seconds * self.steps / 60)
        return [
            *(f"{name}: {value}" for name, value in _flatten(self.settings).items()),
            f"parameters: {counts}",
            f"memory: {self.memory / 2**30:.1f} GiB",
            f"time: {self.seconds:.2f} s a step, {minutes // 60}:{minutes % 60:02} hours for {self.steps:,} steps, "
            "without evaluations",
        ]


def try_out(work: Callable[..., Path], config: Any, listeners: Listeners) -> DryRun:
    """Runs a training's first steps in a temporary folder.

    Args:
        work: the recipe's function.
        config: its settings; their output folder is not touched.
        listeners: callbacks, as in a training.

    Raises:
        TrainingError: the losses of nearly all steps were not finite.
        AnimiError: see the recipe.
    """
    marks: list[float] = []
    parameters: dict[str, int] = {}

    def mark(_done: int, _values: Mapping[str, float]) -> None:
        marks.append(time.perf_counter())
        if len(marks) == _SKIPPED + _TIMED:
            raise _Enough

    with tempfile.TemporaryDirectory(prefix="animi-") as folder:
        changes = {"output": Path(folder) / "run", "sample_every": _NEVER, "save_every": _NEVER, "log_every": _NEVER}
        steps = max(config.training.steps, _SKIPPED + _TIMED + 2)  # the last step is followed by an evaluation
        with suppress(_Enough):
            work(
                with_values(config, changes | {"steps": steps}),
                listeners=replace(listeners, advance=mark, networks=parameters.update),
            )
    if len(marks) <= _SKIPPED:
        raise TrainingError("its first steps came to nothing, as losses were not finite; lower the learning rate")
    times = [late - early for early, late in zip(marks[_SKIPPED - 1 :], marks[_SKIPPED:], strict=False)]
    return DryRun(describe_config(config), parameters, median(times), _most_memory(), config.training.steps)


def _most_memory() -> int:
    """The largest use of memory in bytes."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024  # bytes on macOS, KiB on Linux


def _flatten(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flatten(value)
        else:
            flat[name.replace("_", "-")] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat
