"""The folder in which an interpolated film is put together, so that a run that was stopped can be resumed."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..errors import OutputError
from ..files import check_output, reason, shown, write_text
from ..interrupts import held_back

_JOB = "film.json"
FINISHED = "finished"
_PATIENCE = 2.0  # seconds for which an ffmpeg that a killed run was just starting may still hold its folder


@contextmanager
def claim_folder(config: InterpolateFilmConfig, job: dict[str, Any]) -> Iterator[Path]:
    """The hidden folder beside the output in which segments lie, for this run alone.

    It is kept when the run is interrupted and something is in it that can be gone on with, and else removed.

    Raises:
        OutputError: it holds another job, or an unfinished one, and neither --resume nor --overwrite says what to do;
            or another run is at work in it.
    """
    output = config.output
    folder = output.absolute().parent / f".{output.name[:200]}.animi"
    known = _read_job(folder) if config.resume else None
    finished = known is not None and (folder / FINISHED).exists()
    if not config.resume and not config.overwrite and any(folder.glob("*.segment")):
        raise OutputError(
            f"{shown(output)}: an interrupted run has left part of it; add --resume to go on, "
            "or --overwrite to begin anew"
        )
    if config.resume and known is None and os.path.lexists(output) and not config.overwrite:
        raise OutputError(
            f"{shown(output)}: is there already, and nothing is left to go on with; leave it so if it is the finished "
            "film, or add --overwrite to make it anew"
        )
    if known and known != job:
        changed = ", ".join(name for name in job if known.get(name) != job[name])
        raise OutputError(
            f"{shown(output)}: was begun with another {changed}; give the same again, or --overwrite without --resume "
            "to begin anew"
        )
    try:
        check_output(output, overwrite=config.overwrite or finished)
        folder.mkdir(exist_ok=True)
        with _lock(folder, output):
            for path in folder.iterdir():
                if path.suffix == ".part" or known is None:
                    path.unlink()
            write_text(folder / _JOB, json.dumps(job, indent=1))
            try:
                yield folder
            finally:
                with held_back():
                    worth = (folder / FINISHED).exists() or (any(folder.glob("*.segment")) and config.film != STREAM)
                    if folder.exists() and not worth:
                        shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(
            f"{shown(output)}: cannot be written ({reason(error)}); make room or choose another place, and add --resume"
        ) from error


def _read_job(folder: Path) -> dict[str, Any] | None:
    """The job that a folder was made for; empty where it was finished and its description is gone already."""
    try:
        job = json.loads((folder / _JOB).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {} if (folder / FINISHED).exists() else None
    return job if isinstance(job, dict) else None


@contextmanager
def _lock(folder: Path, output: Path) -> Iterator[None]:
    """Keeps other runs out for as long as this one lives, where the system can."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    end = monotonic() + _PATIENCE
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if monotonic() > end:
                    raise OutputError(
                        f"{shown(output)}: another run is making it; wait for it or choose another name"
                    ) from None
                sleep(0.05)
        yield
    finally:
        os.close(descriptor)
