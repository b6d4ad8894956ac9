"""Writes a folder of numbered PNGs, lossless."""

from collections.abc import Iterator
from fractions import Fraction

from ..frames import Frame
from ..image_files import encode_png
from .job import Job

NUMBERED = (r"\d+\.png", "numbered frame")
"""The files of a folder of frames, which another such folder may replace; see `files.check_output`."""


def write_folder(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes numbered PNG files; returns their duration in seconds."""
    digits = max(3, len(str((job.count or 1) - 1)))
    number = 0
    for number, frame in enumerate(frames, 1):
        (job.draft / f"{number - 1:0{digits}}.png").write_bytes(encode_png(frame, job.profile))
    if len(str(number - 1)) > digits:  # more frames than `count`
        for path in list(job.draft.iterdir()):
            path.rename(path.with_stem(path.stem.zfill(len(str(number - 1)))))
    return number / job.fps if job.ends is None else job.ends[-1]
