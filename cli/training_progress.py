"""Live progress of a training on stderr: step, losses, speed and the time left."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ..core.errors import printable
from .messages import spell_time

Advance = Callable[[int, Mapping[str, float]], None]
"""Called with the number of steps done and the values measured; `fit` takes it as `advance`."""

_EVERY = 60.0  # seconds between two lines if stderr is a file
_SMOOTH = 0.05  # weight of a new loss in the moving average that is shown, as losses of single steps are noisy


@contextmanager
def training_progress(
    steps: int, first_step: int = 0, *, shown: bool = True
) -> Iterator[tuple[Advance, Callable[[str], None]]]:
    """Shows a training while the block runs: a bar in a terminal, a line a minute if stderr is a file.

    Args:
        steps: total number of steps.
        first_step: number of steps already done.
        shown: whether to show anything; true in the first process only.

    Yields:
        A function for `fit`'s `advance`, and one that writes a sentence above the bar, for warnings and health.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True, quiet=not shown)
    live = shown and console.is_terminal
    columns = (
        TextColumn("step {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[losses]}"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    smooth: dict[str, float] = {}
    begun = reported = time.monotonic()

    with Progress(*columns, console=console, disable=not live) as bar:
        task = bar.add_task("training", total=steps, completed=first_step, losses="", speed="")

        def advance(done: int, values: Mapping[str, float]) -> None:
            nonlocal reported
            for name, value in values.items():
                phase, _, part = name.rpartition("/")
                if part == "loss":
                    smooth[phase] = smooth[phase] + _SMOOTH * (value - smooth[phase]) if phase in smooth else value
            now = time.monotonic()
            rate = (done - first_step) / max(now - begun, 1e-9)
            losses = " ".join(f"{phase} {value:.3f}" for phase, value in smooth.items())
            # the loop's own figure: it counts the frames of a clip, and leaves the time of evaluations out
            speed = f"{rate:.1f} it/s {values['images_per_second']:.0f} images/s"
            bar.update(task, completed=done, losses=losses, speed=speed)
            if shown and not live and (now - reported > _EVERY or done == steps):
                reported = now
                left = (steps - done) / max(rate, 1e-9)
                sys.stderr.write(f"step {done}/{steps}  {losses}  {speed}  {spell_time(left)} left\n")
                sys.stderr.flush()

        def note(sentence: str) -> None:
            sentence = printable(sentence)
            if live:
                bar.console.print(sentence, markup=False, highlight=False)
            elif shown:
                sys.stderr.write(sentence + "\n")
                sys.stderr.flush()

        yield advance, note
