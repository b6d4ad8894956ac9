"""Videos of drawings: MP4, MOV, WebM and Matroska, as H.264 or VP9, or by any codec of films."""

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..codecs import choose_codec
from ..coding import Drawings, plan_coding
from ..encode import Encoder, write_video
from ..frames import Frame, as_channels, flatten_alpha, to_uint8
from .job import Job, to_8_bits

_NAMES = {".mp4": "MP4", ".mov": "MOV", ".webm": "WebM", ".mkv": "Matroska"}
_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".webm": "webm", ".mkv": "matroska"}


def write_film(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a video; returns its duration in seconds."""
    if job.codec is not None or job.crf is not None:
        return _write_coded(job, frames)
    name = _NAMES[job.draft.suffix.lower()]
    codec = "VP9" if name == "WebM" else "H.264"
    _note_padding(job, codec, padded := (job.width + job.width % 2, job.height + job.height % 2))

    def flatten() -> Iterator[NDArray[np.uint8]]:
        for frame in to_8_bits(job, frames, name):
            if frame.shape[2] == 4 and bool((frame[..., 3] < 255).any()):
                job.note(f"{name} keeps no transparency: frames were laid over white")
            yield to_uint8(flatten_alpha(frame))

    number = write_video(job.draft, flatten(), fps=job.fps, size=(job.width, job.height))
    job.width, job.height = padded
    return number / job.fps


def _write_coded(job: Job, frames: Iterator[Frame]) -> Fraction:
    """Writes a video by a codec that was asked for, with alpha and more than 8 bits where it has them."""
    container = _CONTAINERS[job.draft.suffix.lower()]
    first = next(frames)
    alpha = first.shape[2] == 4
    codec = choose_codec(job.path, job.codec, job.crf, 16 if job.deep else 8, alpha=alpha)
    keeps = alpha and bool(codec.alpha) and (codec.name != "vp9" or container in ("webm", "matroska"))
    if alpha and not keeps:
        job.note(f"{codec.name} keeps no transparency here: frames were laid over white")
    if job.deep and max(codec.depths) < 16:
        job.note(f"{codec.name} keeps {max(codec.depths)} bits a channel: the frames' 16 were rounded")
    # RGB where the codec has it; else 4:2:0, which every player shows, or what ProRes has
    chroma = next(each for each in ("rgb", "420", "444") if each in (codec.alpha if keeps else codec.chromas))
    source = Drawings(job.width, job.height, 16 if job.deep else 8, chroma, keeps)
    rate = job.fps.limit_denominator(100_000)
    coding = plan_coding(source, codec, rate, rate, crf=job.crf, quick=False, container=container)
    if coding.size != (job.width, job.height):
        _note_padding(job, codec.name, coding.size)
    number = 0
    encoder = Encoder(job.draft, coding, job.path, resumable=False)
    try:
        for frame in itertools.chain([first], frames):
            number += 1
            encoder.write(as_channels(frame, 4) if keeps else flatten_alpha(frame), Fraction(0))
        encoder.finish()
    finally:
        encoder.kill()
    job.width, job.height = coding.size
    return number / job.fps


def _note_padding(job: Job, codec: str, padded: tuple[int, int]) -> None:
    if padded != (job.width, job.height):
        sizes = f"from {job.width} x {job.height} to {padded[0]} x {padded[1]}"
        job.note(f"the frames were padded {sizes} by repeating the edge, as {codec} needs even sizes")
