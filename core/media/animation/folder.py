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


def write_folder(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes numbered PNG files; returns their duration in seconds."""
    digits = max(3, len(str((job.count or 1) - 1)))
    number, channels = 0, 3
    records: list[FrameRecord] = []
    for number, frame in enumerate(frames, 1):
        data = encode_png(frame, job.profile)
        name = f"{number - 1:0{digits}}.png"
        (job.draft / name).write_bytes(data)
        if job.describe is not None:
            channels = frame.shape[2]
            records.append(FrameRecord(name, hashlib.sha256(data).hexdigest(), hash_pixels(frame), number - 1))
    if len(str(number - 1)) > digits:  # more frames than `count`
        for path in list(job.draft.iterdir()):
            path.rename(path.with_stem(path.stem.zfill(len(str(number - 1)))))
        records = [replace(record, name=record.name.zfill(len(str(number - 1)) + 4)) for record in records]
    if job.describe is not None:
        manifest = Manifest((job.width, job.height), channels, 16 if job.deep else 8, tuple(records))
        (job.draft / NAME).write_text(job.describe(manifest).to_text(), encoding="utf-8")
    return number / job.fps if job.ends is None else job.ends[-1]
