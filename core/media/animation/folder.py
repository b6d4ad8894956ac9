"""Writes a folder of numbered PNGs, lossless."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ..frames import Frame
from ..image_files import encode_png
from .job import Job
from .manifest import NAME, FrameRecord, Manifest, hash_pixels

NUMBERED = (rf"\d+\.png|{re.escape(NAME)}", "numbered frame")
"""The files of a folder of frames, which another such folder may replace; see `files.check_output`."""


def name_frame(number: int, count: int) -> str:
    """The name of a frame's file, by its number from 0, in a folder of `count` frames: 000.png."""
    return f"{number:0{max(3, len(str(max(0, count - 1))))}}.png"


def write_folder(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes numbered PNG files; returns their duration in seconds."""
    number, expected = 0, job.count or 1
    records: list[FrameRecord] = []
    for number, frame in enumerate(frames, 1):
        data = encode_png(frame, job.profile)
        name = name_frame(number - 1, expected)
        (job.draft / name).write_bytes(data)
        if job.describe is not None:
            records.append(FrameRecord(name, hashlib.sha256(data).hexdigest(), hash_pixels(frame), number - 1))
    if len(name_frame(0, number)) > len(name_frame(0, expected)):  # there are more frames than `count`
        for path in list(job.draft.iterdir()):
            path.rename(path.with_name(name_frame(int(path.stem), number)))
        records = [replace(record, name=name_frame(k, number)) for k, record in enumerate(records)]
    if job.describe is not None:
        manifest = Manifest((job.width, job.height), tuple(records))
        (job.draft / NAME).write_text(job.describe(manifest).to_text(), encoding="utf-8")
    return number / job.fps if job.ends is None else job.ends[-1]
