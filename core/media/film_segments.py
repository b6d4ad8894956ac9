"""Segments: the files in which a film is encoded piece by piece, each with a record of what it was when it was whole.

    000003.segment      so many frames, encoded; it appears when it is whole
    000003.json         how many frames and bytes, the bytes' SHA-256, and which job it belongs to

A run that resumes another takes a segment only where the file is what its record says, so that what a power cut, a bad
disk or a person has done to it is noticed while the frames can still be drawn anew.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ..files import put_in_place, sync, write_text
from ..json_text import read_json
from .ffmpeg import list_packets, read_file

_PIECE = 1 << 20  # bytes that are hashed at once


@dataclass(frozen=True)
class Segment:
    """What is known of a segment.

    Attributes:
        frames: how many it holds, as they were counted in the file.
        bytes: its size.
        sha256: of its bytes.
        job: what its bytes depend on, in a word.
    """

    frames: int
    bytes: int
    sha256: str
    job: str


def name_segment(folder: Path, number: int) -> Path:
    """Where a segment lies when it is whole."""
    return folder / f"{number:06d}.segment"


def name_record(folder: Path, number: int) -> Path:
    """Where it is said what a segment is."""
    return folder / f"{number:06d}.json"


def list_segments(folder: Path) -> list[Path]:
    """The segments in a folder, in order; none where there is no such folder."""
    found = (path for path in folder.glob("*.segment") if path.stem.isdecimal() and len(path.stem) >= 6)
    return sorted(found, key=lambda path: int(path.stem))


def keep_segment(part: Path, folder: Path, number: int, frames: int, job: str) -> Segment:
    """Gives a file that is whole its name as a segment; its record stands there first.

    Raises:
        OSError: the disk is full or failed.
    """
    size, digest = _measure(part, lambda: None)
    segment = Segment(frames, size, digest, job)
    sync(part)
    write_text(name_record(folder, number), json.dumps(asdict(segment)))
    put_in_place(part, name_segment(folder, number))
    return segment


def find_segments(folder: Path, job: str, answer: Callable[[], None]) -> tuple[dict[int, Segment], list[int]]:
    """Finds the segments that an earlier run has made, and checks each.

    Args:
        folder: where they lie.
        job: what they must belong to.
        answer: called now and then.

    Returns:
        Those that are what they were, by number, and the numbers of the others.
    """
    good: dict[int, Segment] = {}
    bad = []
    for path in list_segments(folder):
        number = int(path.stem)
        segment = _check(path, name_record(folder, number), job, answer)
        if segment is None:
            bad.append(number)
        else:
            good[number] = segment
    return good, bad


def _check(path: Path, record: Path, job: str, answer: Callable[[], None]) -> Segment | None:
    try:
        found = Segment(**read_json(record))
        size, digest = _measure(path, answer)
    except (OSError, ValueError, TypeError):
        return None
    if type(found.frames) is not int or found.frames < 1:
        return None
    return found if (size, digest, job) == (found.bytes, found.sha256, found.job) else None


def _measure(path: Path, answer: Callable[[], None]) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            answer()
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def count_packets(path: Path, named: Path) -> int:
    """Counts the frames of a film's picture, by its packets; nothing is decoded.

    Args:
        path: the film.
        named: what errors name.

    Raises:
        InputError: ffmpeg cannot read it.
    """
    return sum(packet[0] != b"#tb" for packet in list_packets(read_file(path), "0:V:0", named))
