"""Measures the doubt of a command's in-betweens, and writes what `--doubt` asks for."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..config.command_line import spell_command, spell_options
from ..config.interpolation import InterpolateConfig
from .doubt import Moment, Watch
from .doubt_sheet import DoubtList, write_page, writing_doubt


@contextmanager
def watching(config: InterpolateConfig, total: int, *, redoes: bool) -> Iterator[tuple[Watch | None, DoubtList]]:
    """Provides what measures each in-between's doubt (None without --doubt), and writes the result at the end.

    Args:
        config: the settings.
        total: frames in all.
        redoes: whether single frames of the output can be drawn again.
    """
    if config.doubt is None or config.dry_run:
        yield None, DoubtList(pictures=False)
        return
    again = config.overwrite or config.redo is not None
    with writing_doubt(config.doubt, overwrite=again, total=total) as (found, maps):

        def watch(moment: Moment) -> None:
            found.add(moment)
            if maps is not None:
                maps.add(moment)

        yield watch, found
    if maps is None:
        options = spell_options(config, without=("inputs", "overwrite", "doubt", "redo", "dry_run", "hint", "part"))
        options += [word for hint in config.hint for word in ("--hint", hint)]
        options += [word for part in config.part for word in ("--part", part)]
        again_words = [] if redoes else ["--overwrite"]
        moments = []
        for each in found.shown:
            words = again_words or ["--redo", str(each.doubtful.frame)]
            moments.append((each, spell_command("interpolate", config.inputs, [*options, *words])))
        write_page(
            config.doubt,
            f"Where {config.output.name} is guesswork",
            f"{len(found.all)} of {total} frames are worth checking. Each command draws its frame again: add "
            "--hint to it, another --engine, or paint over the frame.",
            moments,
            overwrite=again,
        )
