"""Segments: the files in which a film is encoded piece by piece, each with a record to verify it.

    000003.segment      some encoded frames; the file appears when it is complete
    000003.json         number of frames and bytes, SHA-256 of the bytes, and the job that it belongs to

A resumed run uses a segment only if the file matches its record. So damage by a power cut, a bad disk or an edit is
detected while the frames can still be drawn again.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files import put_in_place, sync, write_text
from ..json_text import read_json
from ..lock import locked, owns_lock
from .ffmpeg import file_input, list_packets

_PIECE = 1 << 20  # bytes that are hashed at once
_PATIENCE = 60.0  # seconds to wait for another machine that puts a segment in place, which takes milliseconds


@dataclass(frozen=True)
class Segment:
    """A segment's record.

    Attributes:
        frames: number of frames, counted in the file.
        bytes: the file's size.
        sha256: hash of the file.
        job: hash of everything that its bytes depend on.
        made: the kind of machine that it was made on, as far as results may differ with it in their last bits.
    """

    frames: int
    bytes: int
    sha256: str
    job: str
    made: str = ""


def name_segment(folder: Path, number: int) -> Path:
    """Returns the path of a complete segment."""
    return folder / f"{number:06d}.segment"


def name_record(folder: Path, number: int) -> Path:
    """Returns the path of a segment's record."""
    return folder / f"{number:06d}.json"


def list_segments(folder: Path) -> list[Path]:
    """Lists the segments in a folder, in order; empty if the folder does not exist."""
    found = (path for path in folder.glob("*.segment") if path.stem.isdecimal() and len(path.stem) >= 6)
    return sorted(found, key=lambda path: int(path.stem))


def keep_segment(part: Path, folder: Path, number: int, frames: int, job: str, made: str = "") -> Segment:
    """Writes the record of a complete file, then renames the file to a segment.

    Where several machines draw into one folder, the first that has finished a segment wins, and the others' is deleted.

    Raises:
        OSError: the disk is full or failed.
        OutputError: another machine has kept the folder locked for a minute.
    """
    size, digest = _measure(part, lambda: None)
    segment = Segment(frames, size, digest, job, made)
    sync(part)
    with _kept_alone(folder):
        there = check_segment(folder, number, job)
        if there is not None:
            part.unlink()
            return there
        write_text(name_record(folder, number), json.dumps(asdict(segment)))
        put_in_place(part, name_segment(folder, number))
    return segment


@contextmanager
def _kept_alone(folder: Path) -> Iterator[None]:
    """Keeps other machines from writing a record and a segment at the same time."""
    if owns_lock(folder):  # the run that has the whole folder for itself
        yield
        return
    with locked(folder, patience=_PATIENCE):
        yield


def check_segment(folder: Path, number: int, job: str, on_wait: Callable[[], None] = lambda: None) -> Segment | None:
    """Verifies a segment of an earlier run.

    Args:
        folder: the segments' folder.
        number: the segment's.
        job: the job that it must belong to.
        on_wait: called regularly; an exception that it raises cancels the work.

    Returns:
        Its record; None if it is missing, damaged, or another job's.
    """
    try:
        found = Segment(**read_json(name_record(folder, number)))
        size, digest = _measure(name_segment(folder, number), on_wait)
    except (OSError, ValueError, TypeError):
        return None
    if type(found.frames) is not int or found.frames < 1 or not isinstance(found.made, str):
        return None
    return found if (size, digest, job) == (found.bytes, found.sha256, found.job) else None


def _measure(path: Path, on_wait: Callable[[], None]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            on_wait()
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def count_packets(path: Path, named: Path) -> int:
    """Counts a film's frames by its video packets, without decoding.

    Args:
        path: the film.
        named: the path that errors name.

    Raises:
        InputError: ffmpeg cannot read it.
    """
    return sum(packet[0] != b"#tb" for packet in list_packets(file_input(path), "0:V:0", named))
