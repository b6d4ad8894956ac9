"""What the writers of all formats share: what is to be written, and how frames differ and how long they last."""

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
    """What a writer needs to know, and where it leaves what it found.

    Attributes:
        path: what is written.
        draft: where that is put together.
        fps: frames a second, about where `ends` says more.
        loop: it begins anew at the end.
        width: in pixels.
        height: likewise.
        count: frames, where that is known.
        deep: frames have 16 bits a channel.
        profile: the ICC profile of the frames' colours; None: sRGB.
        ends: when each frame has been shown, in seconds, as far as frames were taken; None: they come at a rate.
        describe: of a folder, adds to its manifest what is known of the frames; None: it keeps none.
        written: frames so far.
        notes: what the format could not keep.
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
    written: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Keeps a sentence about what the format could not keep, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


def round_times(job: Job, ticks: int, least: int = 1) -> Iterator[int]:
    """The duration of each frame in ticks, `ticks` to a second; their sum is never off by more than half a tick.

    Args:
        job: frames come at its rate, or have been shown at its `ends`, which grow as frames are taken.
        ticks: ticks in a second.
        least: the shortest duration; the sum is longer than it should be where this is needed.
    """
    before = 0
    for number in itertools.count(1):
        seconds = number / job.fps if job.ends is None else job.ends[number - 1]
        end = max((2 * ticks * seconds + 1) // 2, before + least)
        yield int(end - before)
        before = end


def find_changes(before: NDArray[np.generic] | None, now: NDArray[np.generic]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) outside of which (H, W, ...) stayed as before; else one pixel."""
    height, width = now.shape[:2]
    if before is None:
        return 0, 0, width, height
    changed = now != before
    if changed.ndim == 3:
        changed = changed.any(axis=2)
    return find_box(changed)


def find_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) around what is True in (H, W); the first pixel if nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def to_8_bits(job: Job, frames: Iterable[Frame], name: str) -> Iterator[NDArray[np.uint8]]:
    """Rounds frames to 8 bits a channel, and notes it where they had more; `name` is the format's."""
    if job.deep:
        job.note(f"{name} keeps 8 bits a channel: the frames' 16 were rounded")
    for frame in frames:
        yield to_uint8(frame)


def check_size(job: Job, most: int, name: str) -> None:
    """Checks that a format can be as large as the frames.

    Raises:
        OutputError: a side is longer than `most`.
    """
    if max(job.width, job.height) > most:
        size = f"{job.width} x {job.height}"
        raise OutputError(f"{shown(job.path)}: {size} pixels, and {name} holds {most} a side at most; scale it down")
