"""Decodes the frames that planned segments need of a film, and yields the new frames, as a judged film would.

A decoded frame is compared with the plan by a checksum. So a film that decodes differently on this machine, or from its
middle, is never drawn: in the second case it is decoded from its start instead.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction

import numpy as np

from ..errors import InputError
from ..files import shown
from ..media.film_source import read_frames
from ..media.frames import Frame
from ..read_ahead import read_ahead
from .judging import AHEAD
from .plan import FilmPlan, PlannedFrame, checksum
from .segmenting import NewFrame
from .setup import FilmSetup
from .timing import Exposure, FilmFrame

_EARLIER = 4  # usual times between frames by which decoding begins before the first frame that is needed
_NONE: Frame = np.zeros((0, 0, 3), np.uint8)
_WORTH = 48  # frames that may be decoded and not used, to avoid a seek: two seconds of film


def replay(
    setup: FilmSetup, plan: FilmPlan, numbers: Sequence[int], answer: Callable[[], None] = lambda: None
) -> Generator[NewFrame, None, None]:
    """Yields the new frames of some segments.

    Args:
        setup: the film.
        plan: its plan.
        numbers: of the segments, rising.
        answer: called regularly while it waits; an exception that it raises ends the work.

    Raises:
        InputError: the film cannot be decoded, or decodes differently than where it was planned.
    """
    runs: list[list[int]] = []
    until = -1
    for number in numbers:
        least, most = _range_of(plan, number)
        if runs and (not plan.seeks or least <= until + _WORTH):
            runs[-1].append(number)
        else:
            runs.append([number])
        until = max(until, most)
    for run in runs:
        yield from _replay_run(setup, plan, run, answer)


def _replay_run(
    setup: FilmSetup, plan: FilmPlan, numbers: Sequence[int], answer: Callable[[], None]
) -> Iterator[NewFrame]:
    planned = [(number, frame) for number in numbers for frame in plan.segments[number].frames]
    uses: dict[int, int] = {}  # the last new frame that a frame of the film is needed for
    for place, (_, frame) in enumerate(planned):
        for index in _needs(frame):
            uses[index] = place
    with closing(_Sources(setup, plan, set(uses), answer)) as sources:
        ends: dict[int, list[int]] = {}
        for index, place in uses.items():
            ends.setdefault(place, []).append(index)
        offsets = {number: plan.segments[number].start for number in numbers}
        for place, (number, frame) in enumerate(planned):
            last = None if frame.last is None else sources.get(frame.last)
            exposure = Exposure(frame.time, sources.get(frame.first), last, frame.t)
            before = None if frame.before is None else sources.get(frame.before)
            yield NewFrame(offsets[number], number, exposure, before, 0.0)
            offsets[number] += 1
            for index in ends.get(place, ()):
                sources.drop(index)


def _needs(frame: PlannedFrame) -> list[int]:
    """The film's frames that a new frame is made from."""
    return [index for index in (frame.first, frame.last, frame.before) if index is not None]


def _range_of(plan: FilmPlan, number: int) -> tuple[int, int]:
    needed = [index for frame in plan.segments[number].frames for index in _needs(frame)]
    return min(needed), max(needed)


def range_of_segment(plan: FilmPlan, number: int) -> tuple[int, int]:
    """The first and the last of the film's frames that a segment needs, those that mend others included."""
    first, last = _range_of(plan, number)
    return max(0, first - 1), min(len(plan.sources) - 1 - plan.closes, last + 1)


def _find_offset(setup: FilmSetup, plan: FilmPlan, first: int) -> int:
    """The number of the film's frame with which a part of it begins, by the checksums of all frames of the part.

    Raises:
        InputError: the part is of another film, or decodes differently than the film does.
    """
    with closing(read_frames(setup.film)) as frames:
        here = np.array([checksum(pixels) for _, pixels in frames], np.int64)
    known = np.array([source.sum for source in plan.sources], np.int64)
    anchors = {
        int(place) - at for at in (0, len(here) // 2, len(here) - 1) for place in np.flatnonzero(known == here[at])
    }
    found: dict[int, int] = {}
    for offset in anchors:
        begin, end = max(0, offset), min(len(known), offset + len(here))
        found[offset] = int((known[begin:end] == here[begin - offset : end - offset]).sum())
    best = max(found, key=lambda offset: (found[offset], -abs(offset - first)), default=None)
    if best is None:
        raise InputError(f"{shown(setup.film.path)}: is no part of the film that was planned")
    return best


class _Sources:
    """The film's frames, decoded in order and kept while they are needed."""

    def __init__(self, setup: FilmSetup, plan: FilmPlan, wanted: set[int], answer: Callable[[], None]) -> None:
        self._setup, self._plan, self._answer = setup, plan, answer
        self._wanted = wanted
        self._count = len(plan.sources) - plan.closes
        self._raw: dict[int, Frame] = {}  # decoded frames that are needed, or that mend others
        mended = [index for index in wanted if plan.sources[index].mending is not None]
        self._mends = {index + side for index in mended for side in (-1, 1)}
        self._unmended = set(mended)
        self._frames: dict[int, FilmFrame] = {}
        self._next = 0  # all frames before it are decoded, or not needed
        first = min((wanted | self._mends) - {self._count, -1}, default=0)
        self._decoded: Generator[tuple[int, Frame], None, None]
        self._seeking = plan.seeks and first > _WORTH and not setup.is_part
        self._offset = _find_offset(setup, plan, first) if setup.is_part else 0
        if self._seeking:
            self._next = first
            usual = setup.clock.usual
            self._decoded = self._decode(plan.sources[first].time - _EARLIER * usual)
        else:
            self._decoded = self._decode(None)

    def close(self) -> None:
        """Ends decoding."""
        self._decoded.close()

    def get(self, index: int) -> FilmFrame:
        """A frame as it was judged; the same object until it is dropped."""
        if index not in self._frames:
            known = self._plan.sources[index]
            pixels = self._load(index)
            clean = None
            if known.mending is not None:
                beside = [
                    self._load(each) if 0 <= each < len(self._plan.sources) else None for each in (index - 1, index + 1)
                ]
                clean = known.mending.apply(beside[0], pixels, beside[1])
                self._unmended.discard(index)
            self._frames[index] = FilmFrame(
                known.time,
                pixels,
                known.held,
                known.cut,
                known.mixed,
                clean=clean,
                grainy=known.grainy,
                number=index,
            )
        return self._frames[index]

    def drop(self, index: int) -> None:
        """Forgets a frame that is needed no more."""
        self._frames.pop(index, None)
        self._wanted.discard(index)
        kept = self._wanted | {place + side for place in self._unmended for side in (-1, 1)}
        for each in self._raw.keys() - kept:
            del self._raw[each]

    def _load(self, index: int) -> Frame:
        if index == self._count:  # the first frame again, where the film loops
            return self._load_first()
        while index not in self._raw:
            place, pixels = next(self._decoded, (index + 1, _NONE))
            needed = place in self._wanted or place in self._mends
            if place <= index and (not needed or checksum(pixels) == self._plan.sources[place].sum):
                if needed:
                    self._raw[place] = pixels
                self._next = max(self._next, place + 1)
            elif self._seeking:
                self._seeking = False
                self._decoded.close()
                self._decoded = self._decode(None)
            else:
                when = float(self._plan.sources[min(place, index)].time)
                raise InputError(
                    f"{shown(self._setup.film.path)}: at {when:.2f} s it decodes differently than when it was planned; "
                    "plan it again, and draw it on machines of one kind with one ffmpeg"
                )
        return self._raw[index]

    def _load_first(self) -> Frame:
        if 0 in self._raw:
            return self._raw[0]
        with closing(read_frames(self._setup.film, start=self._setup.config.start)) as frames:
            return next(pixels for time, pixels in frames if time >= self._setup.config.start)

    def _decode(self, start: Fraction | None) -> Generator[tuple[int, Frame], None, None]:
        """Decodes in a thread, from a time on or from the range's start; yields frames' numbers and pixels."""
        beginning = Fraction(self._setup.config.start)
        start = None if start is None or start <= beginning else start
        return read_ahead(self._number_frames(start), AHEAD, self._answer)

    def _number_frames(self, start: Fraction | None) -> Generator[tuple[int, Frame], None, None]:
        config, sources = self._setup.config, self._plan.sources
        times = [source.time for source in sources[: self._count]]
        slack = self._setup.clock.usual / 2
        place = self._offset - 1
        with closing(read_frames(self._setup.film, start=config.start if start is None else float(start))) as frames:
            for time, pixels in frames:
                if time < config.start:
                    continue
                if start is None:
                    place += 1
                else:
                    near = bisect_left(times, time - slack)
                    if near >= len(times) or abs(times[near] - time) > slack or near <= place:
                        continue
                    place = near
                if place >= self._count:
                    return
                if place >= self._next or start is None:
                    yield place, pixels
