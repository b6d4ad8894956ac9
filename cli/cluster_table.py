"""A live table, on stderr, of films that a cluster draws; without a terminal, one line when a film ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..core.errors import printable
from .messages import count_of, spell_time, write_line

if TYPE_CHECKING:
    from ..core.cluster.films import ClusterProgress, FilmProgress

_ROWS = 20  # films that are shown at a time; the others are counted


@contextmanager
def cluster_table() -> Iterator[Callable[["ClusterProgress"], None]]:
    """Shows a table while the block runs; yields the function that updates it."""
    from rich.console import Console
    from rich.live import Live

    from ..core.cluster.films import DONE, FAILED

    console = Console(stderr=True)
    ended: set[int] = set()

    def report(progress: "ClusterProgress") -> None:
        for number, film in enumerate(progress.films):
            if number not in ended and film.stage in (DONE, FAILED):
                ended.add(number)
                write_line(_describe(film))

    if not console.is_terminal:
        yield report
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def show(progress: "ClusterProgress") -> None:
            live.update(_draw(progress))

        yield show


def _describe(film: "FilmProgress") -> str:
    text = f"{film.config.output.name}: {film.stage}"
    if film.reason is not None:
        return f"{text} ({film.reason})"
    if not film.frames:
        return text
    again = f", {count_of(sum(film.failures.values()), 'task')} tried again" if film.failures else ""
    return f"{text}, {count_of(film.frames, 'frame')} in {count_of(film.segments, 'segment')}{again}"


def _draw(progress: "ClusterProgress") -> Any:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from ..core.cluster.films import DONE, DRAWING, FAILED, JOINING, PLANNING, WAITING

    table = Table("film", box=None, pad_edge=False)
    for title in ("stage", "segments", "frames"):
        table.add_column(title, justify="left" if title == "stage" else "right")
    table.add_column("failures")
    order = (FAILED, JOINING, DRAWING, PLANNING, WAITING, DONE)
    films = sorted(progress.films, key=lambda film: order.index(film.stage))
    for film in films[:_ROWS]:
        failures = "; ".join(f"{count}x {name}" for name, count in film.failures.most_common(2))
        table.add_row(
            Text(printable(film.config.output.name)),
            film.stage,
            f"{film.segments_done}/{film.segments}" if film.segments else "",
            f"{film.frames_done}/{film.frames}" if film.frames else "",
            Text(printable(failures[:80])),
        )
    if len(films) > _ROWS:
        table.add_row(f"and {len(films) - _ROWS} more")
    done = sum(film.stage == DONE for film in films)
    left = progress.left
    line = f"{done} of {count_of(len(films), 'film')}, {count_of(progress.slots, 'task')} at a time"
    line += f", {progress.rate:.1f} frames/s"
    if left is not None:
        line += f", {spell_time(left)} left"
    return Group(table, Text(line))
