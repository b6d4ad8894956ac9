"""Segments on their way from a worker that does not see a job's folder to the machine that joins."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import shown, write_text
from ..media.film_segments import check_segment, keep_segment, name_segment
from .doubt import name_doubt
from .job import OpenJob
from .plan import FilmPlan


@dataclass(frozen=True)
class SentSegment:
    """A segment on its way to the machine that joins.

    Attributes:
        data: the file.
        frames: how many it has.
        made: the kind of machine that it was made on.
        doubt: the file of its doubtful moments; None if none are asked for.
    """

    data: bytes
    frames: int
    made: str
    doubt: str | None = None


def pack_segment(job: OpenJob, number: int) -> SentSegment:
    """Reads a segment to send it.

    Raises:
        InputError: it is missing or damaged.
    """
    record = check_segment(job.segments, number, job.plan.digest)
    if record is None:
        raise InputError(f"{shown(name_segment(job.segments, number))}: is missing or damaged; draw it again")
    doubt = None
    if job.plan.config.doubt is not None:
        doubt = name_doubt(job.segments, number).read_text(encoding="utf-8")
    return SentSegment(name_segment(job.segments, number).read_bytes(), record.frames, record.made, doubt)


def take_segment(folder: Path, number: int, sent: SentSegment, plan: FilmPlan) -> None:
    """Puts a segment in place that a worker without access to the folder has sent.

    Raises:
        InputError: it is damaged.
        OSError: it cannot be written.
    """
    if len(plan.segments[number].frames) != sent.frames:
        raise InputError(f"segment {number}: {sent.frames} frames were sent of {len(plan.segments[number].frames)}")
    part = folder / f"{number:06d}.{os.getpid()}-0.part"
    try:
        part.write_bytes(sent.data)
        if sent.doubt is not None:
            write_text(name_doubt(folder, number), sent.doubt)
        keep_segment(part, folder, number, sent.frames, plan.digest, sent.made)
    finally:
        part.unlink(missing_ok=True)
