"""The plan of a film: what each of its new frames shows, cut into segments that are drawn independently.

Together with the film, the settings and the weights, a plan determines every byte of every segment.
"""

import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..config.interpolation import InterpolateFilmConfig
from ..interrupts import held_back
from ..media.frames import Frame
from ..media.timestamps import Timing
from ..shots.mending import Mending
from .judging import exposures_of, judge_film
from .segmenting import NewFrame, cut_segments
from .setup import FilmSetup
from .timing import FilmFrame
from .work_folder import digest_job

_NO_PIXELS: Frame = np.zeros((0, 0, 3), np.uint8)


class PlannedFrame(NamedTuple):
    """What a new frame shows, by the numbers of the film's frames."""

    time: Fraction
    """When it is shown, in seconds."""
    first: int
    """The frame that it shows, or from which it is drawn."""
    last: int | None = None
    """The frame towards which it is drawn; None: `first` is shown as it is."""
    t: float = 0.0
    """Where it lies from `first` to `last`, in (0, 1)."""
    before: int | None = None
    """The drawing before `first`, of the same shot; None if there is none."""


@dataclass
class PlannedSegment:
    """A segment of the new film.

    Attributes:
        start: the number of its first frame.
        cost: what it costs to draw, as `segmenting.SEGMENT`.
        frames: its frames.
    """

    start: int
    cost: float = 0.0
    frames: list[PlannedFrame] = field(default_factory=list)

    @property
    def drawn(self) -> int:
        """How many of its frames are drawn; the others are the film's own."""
        return sum(frame.last is not None for frame in self.frames)


@dataclass(frozen=True)
class SourceFrame:
    """What a plan knows of a frame of the film.

    Attributes:
        time: when it is shown, in seconds.
        sum: CRC-32 of its decoded pixels, by which a machine knows that it decodes the film as the planner did.
        held: whether it shows the drawing before.
        cut: whether it begins a shot.
        mixed: whether it belongs to a dissolve.
        grainy: whether grain is visible.
        mending: how its specks are removed; None if there are none.
    """

    time: Fraction
    sum: int
    held: bool = False
    cut: bool = False
    mixed: bool = False
    grainy: bool = False
    mending: Mending | None = None


@dataclass(frozen=True)
class FilmPlan:
    """A film's plan.

    Attributes:
        config: the settings, without what a run is free to choose: `overwrite` and `resume` are false.
        job: everything else that the bytes depend on, from `describe_job`.
        sources: the film's frames.
        segments: the new film's segments.
        timing: when the film's frames are shown; None: it has to be read from the film again.
        seeks: whether the film may be decoded from its middle.
        closes: whether the last of `sources` is the first frame again, as the film loops.
        notes: sentences for the user.
    """

    config: InterpolateFilmConfig
    job: dict[str, Any]
    sources: tuple[SourceFrame, ...]
    segments: tuple[PlannedSegment, ...]
    timing: Timing | None
    seeks: bool
    closes: bool
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames the new film has."""
        return sum(len(segment.frames) for segment in self.segments)

    @property
    def drawn(self) -> int:
        """How many of them are drawn; the others are the film's own."""
        return sum(segment.drawn for segment in self.segments)

    @property
    def starts(self) -> list[Fraction]:
        """When the first frame of each segment is shown, in seconds."""
        return [segment.frames[0].time for segment in self.segments]

    @property
    def last(self) -> Fraction:
        """When the last new frame is shown."""
        return self.segments[-1].frames[-1].time

    @property
    def digest(self) -> str:
        """The hash that is stored in the records of its segments."""
        return digest_job(self.job)


def plan_film(
    setup: FilmSetup,
    config: InterpolateFilmConfig,
    job: dict[str, Any],
    on_frame: Callable[[int, int | None], None] | None = None,
) -> FilmPlan:
    """Decodes and judges a film once, and plans every frame of the new one. Ctrl-C is answered between frames.

    Args:
        setup: the film.
        config: the settings that the plan keeps.
        job: from `describe_job`.
        on_frame: called with the number of new frames planned and the number in all (None: unknown).

    Raises:
        InputError: the film cannot be decoded, or has no frame in the range.
    """
    sums: list[int] = []
    judged: list[FilmFrame] = []  # without their pixels
    damaged: list[bool] = []
    segments: list[PlannedSegment] = []
    total = setup.total

    def take(frame: Frame) -> None:
        sums.append(checksum(frame))

    def keep() -> Generator[FilmFrame, None, None]:
        for frame in judge_film(setup, mend=False, on_frame=take, on_damage=lambda: damaged.append(True)):
            judged.append(replace(frame, pixels=_NO_PIXELS))
            yield frame

    with held_back() as held, exposures_of(setup, keep(), held.answer) as exposures:
        for new in cut_segments(exposures):
            held.answer()
            if new.segment == len(segments):
                segments.append(PlannedSegment(new.number))
            segments[-1].frames.append(_number(new))
            segments[-1].cost = round(segments[-1].cost + new.cost, 6)
            if on_frame is not None:
                on_frame(new.number + 1, total)
    closes = setup.loops and setup.end is not None and len(judged) == len(sums) + 1
    sums += sums[:1] if closes else []
    sources = tuple(
        SourceFrame(frame.time, sum_, frame.held, frame.cut, frame.mixed, frame.grainy, frame.mending)
        for frame, sum_ in zip(judged, sums, strict=False)
    )
    film = setup.film
    plain = film.restoration is None and film.animation is None and not damaged
    timing = film.timing if plain else None
    return FilmPlan(config, job, sources, tuple(segments), timing, plain, closes, tuple(setup.notes))


def _number(new: NewFrame) -> PlannedFrame:
    shown_ = new.exposure
    if shown_.last is None:
        return PlannedFrame(shown_.time, shown_.first.number)
    before = None if new.before is None else new.before.number
    return PlannedFrame(shown_.time, shown_.first.number, shown_.last.number, shown_.t, before)


def checksum(frame: Frame) -> int:
    """CRC-32 of a frame's pixels."""
    return zlib.crc32(frame.data if frame.flags.c_contiguous else frame.tobytes())
