"""The work folder of an interpolated film, from which an interrupted run can be resumed.

It is named `.NAME.animi`, lies beside the film, belongs to one run at a time, and holds:

    film.json               the job: everything that the film's bytes depend on
    000000.segment, ...     complete segments, and 000000.json, ... their records
    000000.17-0.part        a segment that is being written
    segments.txt, draft.mp4, trial.mp4, cover7.jpg     while segments are joined
    plan.json               what each new frame shows
    000000.doubt.json       the moments of a segment that are worth checking
    finished                the summary of the film, when the draft is complete
    *.unreadable            renamed files that could not be read

No other file is ever deleted from it, and it is not used if it is a link.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..errors import OutputError
from ..files import (
    UNREADABLE,
    Inputs,
    check_no_input,
    check_output,
    follow_links,
    reason,
    set_aside,
    shown,
    sync,
    write_text,
)
from ..interrupts import held_back
from ..json_text import read_json
from ..lock import LOCK, locked
from ..media.film_segments import list_segments
from ..media.film_sink import LIST
from .hints import list_film_masks

JOB = "film.json"
FINISHED = "finished"
PLAN = "plan.json"
"""The plan's file; see `plan_file`."""
DRAFT = "draft"
_MOST_NAME = 255  # bytes that a file's name may have on the usual disks
_FRACTION = re.compile(r"[0-9]{1,30}(/[1-9][0-9]{0,29})?")
_TEXTS = rf"({re.escape(JOB)}|{re.escape(PLAN)}|{FINISHED}|\d{{6,}}(\.doubt)?\.json)"
_OURS = re.compile(
    rf"{_TEXTS}({re.escape(UNREADABLE)}|\.\d+{re.escape(UNREADABLE)})?|\.{_TEXTS}\.part"
    rf"|\.{re.escape(LIST)}\.part|\d{{6,}}\.segment|\d{{6,}}\.\d+-\d+\.part|{re.escape(LIST)}"
    rf"|({DRAFT}|trial)\.\w+|cover\d+\.\w+|{re.escape(LOCK)}"
)


def find_target(output: Path) -> Path:
    """Returns the output's path with links resolved, so that a link's target is replaced, not the link."""
    return follow_links(output) if output.is_symlink() else output.absolute()


def name_folder(output: Path) -> Path:
    """Returns the work folder of an output."""
    target = find_target(output)
    name = f".{target.name}.animi"
    if len(os.fsencode(name)) > _MOST_NAME:  # cut to whole letters, and distinct from others with the same beginning
        digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        kept = os.fsencode(target.name)[: _MOST_NAME - 40].decode(errors="ignore")
        name = f".{kept}.{digest}.animi"
    return target.with_name(name)


def name_inputs(config: InterpolateFilmConfig) -> Inputs:
    """Returns the inputs of a film, for `check_no_input`.

    Raises:
        InputError: the file of hints cannot be read.
    """
    return {
        "the film itself": [None if config.film == STREAM else config.film],
        "the checkpoint": [config.checkpoint],
        "the palette": [config.palette],
        "the hints": [config.hints],
        "a mask of the hints": list_film_masks(config.hints),
    }


def digest_job(job: dict[str, Any]) -> str:
    """Returns a job's hash, which is stored in its segments' records."""
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()


def list_changes(known: dict[str, Any], job: dict[str, Any]) -> str:
    """Returns the names of what differs between an earlier job and this one; "" if they are equal."""
    none = object()  # unlike a value of None
    return ", ".join(name for name in {**known, **job} if known.get(name, none) != job.get(name, none))


def interrupted(output: Path) -> OutputError:
    """Returns the error for an output of which a run has left a part, without --resume or --overwrite."""
    return OutputError(
        f"{shown(output)}: an interrupted run has left part of it; add --resume to continue, or --overwrite to restart"
    )


def is_ours(name: str) -> bool:
    """Returns whether a file name in the folder is one of animi's."""
    return _OURS.fullmatch(name) is not None


def clear(folder: Path, *, but: tuple[str, ...] = ()) -> list[str]:
    """Deletes animi's own files in the folder.

    Args:
        folder: the folder, which is no link.
        but: names of files to keep.

    Returns:
        The names of other files.
    """
    others = []
    for path in sorted(folder.iterdir()):
        if not is_ours(path.name) or (path.is_dir() and not path.is_symlink()):
            others.append(path.name)
        elif path.name not in but:
            path.unlink()
    return others


@contextmanager
def claim_folder(
    config: InterpolateFilmConfig, job: dict[str, Any], note: Callable[[str], None]
) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Creates the folder, or takes over the one that an earlier run has left, and locks it for this run.

    It is removed at the end, unless the run is interrupted and can be resumed from it.

    Args:
        config: the film, the output and all options.
        job: everything that the film's bytes depend on.
        note: called with sentences for the user.

    Yields:
        The folder, and the film's summary if it is already finished.

    Raises:
        OutputError: it holds another job, or an unfinished one without --resume or --overwrite; another run is using
            it; or it is a link.
    """
    output = config.output
    folder = name_folder(output)
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
        raise OutputError(
            f"{shown(folder)}: is needed for work on {shown(Path(output.name))}, and is a link or no folder; remove it"
        )
    check_no_input(folder, name_inputs(config))
    _check_state(config, folder)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)  # the film may replace one that others cannot read
        with locked(folder, named=output):
            summary = _prepare(config, folder, job, note)
            check_output(output, overwrite=config.overwrite or summary is not None)
            write_text(folder / JOB, json.dumps(job, indent=1))
            sync(folder.parent)
            try:
                yield folder, summary
            finally:
                with held_back():
                    _leave(config, folder, note)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError(
            f"{shown(output)}: cannot be written ({reason(error)}); make room or choose another place, and add --resume"
        ) from error
    finally:
        with suppress(OSError):  # if it is not empty
            folder.rmdir()


def _check_state(config: InterpolateFilmConfig, folder: Path) -> None:
    """Rejects an output that needs --resume or --overwrite, or that --resume has nothing for.

    Raises:
        OutputError: see `claim_folder`.
    """
    output = config.output
    if not config.resume and not config.overwrite and list_segments(folder):
        raise interrupted(output)
    left = any((folder / name).exists() for name in (JOB, FINISHED)) or bool(list_segments(folder))
    if config.resume and not left and os.path.lexists(output) and not config.overwrite:
        raise OutputError(
            f"{shown(output)}: exists already, and there is nothing to resume; keep it if it is the finished film, "
            "or add --overwrite to make it again"
        )


def _prepare(
    config: InterpolateFilmConfig, folder: Path, job: dict[str, Any], note: Callable[[str], None]
) -> dict[str, Any] | None:
    """Keeps what can be used of an earlier run, and removes the rest.

    Returns:
        The film's summary, if it is already finished.

    Raises:
        OutputError: the earlier run had another job.
    """
    if not config.resume:
        clear(folder, but=(LOCK,))
        return None
    output = config.output
    known = _read_json(folder / JOB, note, "segments that verifiably belong to this film are still used")
    if known is not None and (changed := list_changes(known, job)):
        raise OutputError(
            f"{shown(output)}: was started with another {changed}; give the same again, or --overwrite without "
            "--resume to restart"
        )
    for path in folder.iterdir():
        if path.suffix == ".part" and is_ours(path.name):
            path.unlink()
    summary = _read_json(folder / FINISHED, note, "the film is put together again")
    if summary is not None and not _is_finished(config, folder, summary):
        (folder / FINISHED).unlink()
        return None
    return summary


def _is_finished(config: InterpolateFilmConfig, folder: Path, summary: dict[str, Any]) -> bool:
    """Whether a summary's film is complete, as a draft or already as the output."""
    draft = name_draft(config, folder)
    place = draft if draft.exists() else find_target(config.output)
    return _is_summary(summary) and place.is_file() and place.stat().st_size == summary["bytes"]


def _is_summary(summary: dict[str, Any]) -> bool:
    """Whether a summary has all values, with the right types."""
    counts = (summary.get(name) for name in ("frames", "drawn", "width", "height", "resumed", "bytes"))
    times = (summary.get("seconds"), "1" if summary.get("rate", 0) is None else summary.get("rate"))
    notes = summary.get("notes")
    return (
        all(type(count) is int and count >= 0 for count in counts)
        and all(isinstance(time, str) and _FRACTION.fullmatch(time) is not None for time in times)
        and isinstance(summary.get("engine"), str)
        and isinstance(notes, list)
        and all(isinstance(note, str) for note in notes)
    )


def name_draft(config: InterpolateFilmConfig, folder: Path) -> Path:
    """Returns the path at which segments are joined."""
    return folder / (DRAFT + config.output.suffix.lower())


def _read_json(path: Path, note: Callable[[str], None], consequence: str) -> dict[str, Any] | None:
    """Reads a JSON object; renames an unreadable file, with a note. Returns None if there is no readable file."""
    try:
        found = read_json(path)
        if isinstance(found, dict):
            return found
    except FileNotFoundError:
        return None
    except ValueError:
        pass
    aside = set_aside(path)
    note(f"{shown(path)}: cannot be read, and is set aside as {shown(Path(aside.name))}; {consequence}")
    return None


def _leave(config: InterpolateFilmConfig, folder: Path, note: Callable[[str], None]) -> None:
    """Clears the folder unless a run can be resumed from it."""
    worth = (folder / FINISHED).exists() or bool(list_segments(folder) and config.film != STREAM)
    if folder.exists() and not worth:
        others = clear(folder, but=(LOCK,))
        if others:
            names = ", ".join(shown(Path(name)) for name in others[:3]) + (" ..." if len(others) > 3 else "")
            note(f"{shown(folder)}: is kept, as it holds files that animi has not made ({names})")
