"""What writers of all formats share: the job's description, changed boxes, and rounding of durations."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError
from ...files import shown
from ..frames import Frame, to_uint8
from .manifest import Manifest


@dataclass
class Job:
    """A writer's input and its notes.

    Attributes:
        path: the output, which errors name.
        draft: the file or folder to write.
        fps: frames per second; approximate if `ends` is given.
        loop: whether the animation repeats.
        width: in pixels.
        height: in pixels.
        count: the number of frames if it is known.
        deep: whether frames have 16 bits per channel.
        profile: the ICC profile of the frames; None for sRGB.
        ends: end of each frame consumed so far, in seconds; None for a constant rate.
        describe: of a folder, adds to its manifest what is known of the frames; None for no manifest.
        codec: of a film, its name in `config.choices.CODECS`; None for the format's usual one.
        crf: of a film, the constant rate factor; None for the codec's.
        written: number of frames so far.
        notes: what the format could not preserve.
    """

    path: Path
    draft: Path
    fps: Fraction
    loop: bool
    width: int
    height: int
    count: int | None
    deep: bool
    ends: Sequence[Fraction] | None = None
    profile: bytes | None = None
    describe: Callable[[Manifest], Manifest] | None = None
    codec: str | None = None
    crf: int | None = None
    written: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Adds a note, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def round_times(job: Job, ticks: int, least: int = 1) -> Iterator[int]:
    """Yields the duration of each frame in ticks, rounded such that errors do not accumulate.

    Args:
        job: the job, with a constant rate or with `ends`, which grow as frames are consumed.
        ticks: ticks per second.
        least: shortest duration in ticks; enforcing it makes the sum too long.
    """
    before = 0
    for number in itertools.count(1):
        seconds = number / job.fps if job.ends is None else job.ends[number - 1]
        end = max((2 * ticks * seconds + 1) // 2, before + least)
        yield int(end - before)
        before = end


def find_changes(before: NDArray[np.generic] | None, now: NDArray[np.generic]) -> tuple[int, int, int, int]:
    """Returns the box (left, top, right, bottom) of pixels of (H, W, ...) that changed; one pixel if none did."""
    height, width = now.shape[:2]
    if before is None:
        return 0, 0, width, height
    changed = now != before
    if changed.ndim == 3:
        changed = changed.any(axis=2)
    return find_box(changed)


def find_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Returns the box (left, top, right, bottom) of the True pixels of (H, W); the first pixel if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def to_8_bits(job: Job, frames: Iterable[Frame], name: str) -> Iterator[NDArray[np.uint8]]:
    """Rounds frames to 8 bits per channel, with a note if they had more; `name` is the format's."""
    if job.deep:
        job.note(f"{name} keeps 8 bits a channel: the frames' 16 were rounded")
    for frame in frames:
        yield to_uint8(frame)


def check_size(job: Job, most: int, name: str) -> None:
    """Checks that a format can hold the frames' size.

    Raises:
        OutputError: a side is longer than `most`.
    """
    if max(job.width, job.height) > most:
        size = f"{job.width} x {job.height}"
        raise OutputError(f"{shown(job.path)}: {size} pixels, and {name} holds {most} a side at most; scale it down")
