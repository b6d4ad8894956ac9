"""H.264 and VP9 videos: MP4, MOV and WebM."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..encode import write_video
from ..frames import Frame, flatten_alpha, to_uint8
from .job import Job, to_8_bits


def write_film(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes an H.264 or VP9 video; returns its duration in seconds."""
    name = {".mp4": "MP4", ".mov": "MOV", ".webm": "WebM"}[job.draft.suffix.lower()]
    codec = "VP9" if name == "WebM" else "H.264"
    padded = job.width + job.width % 2, job.height + job.height % 2
    if padded != (job.width, job.height):
        sizes = f"from {job.width} x {job.height} to {padded[0]} x {padded[1]}"
        job.note(f"the frames were padded {sizes} by repeating the edge, as {codec} needs even sizes")

    def flatten() -> Iterator[NDArray[np.uint8]]:
        for frame in to_8_bits(job, frames, name):
            if frame.shape[2] == 4 and bool((frame[..., 3] < 255).any()):
                job.note(f"{name} keeps no transparency: frames were laid over white")
            yield to_uint8(flatten_alpha(frame))

    number = write_video(job.draft, flatten(), fps=job.fps, size=(job.width, job.height))
    job.width, job.height = padded
    return number / job.fps
