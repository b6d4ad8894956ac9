"""Progress bars on stderr, with the time left; nothing is shown if stderr is not a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.errors import printable


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Callable[..., None]]:
    """Shows a progress bar while the block runs.

    Args:
        title: what is being done, in a word or two.
        total: the amount of work, in any unit. None: unknown.

    Yields:
        A function for core's callbacks, which takes the amount done and, if it was unknown, the total.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(escape(printable(title)), total=total)

        def show(done: float, of: float | None = total) -> None:
            bar.update(task, completed=done, total=of)

        yield show
