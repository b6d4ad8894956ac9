"""A film of frames in memory, with in-betweens: any frame of the new film can be requested at any time.

    film = InbetweenedFilm(frames, 2, rate=24)      # frames: any sequence of arrays, which may read from disk
    first, second = film[0], film[1]                # the film's own first frame, and an in-between
    film.shown(1)                                   # what it shows: time, frames, t

Frames are those of `animi interpolate` on the same film. What a new frame shows depends on all frames before it and on
some after it, so the film's frames are judged in their order, as far as they are needed. If the first frame that is
requested is in the middle of a film, it takes as long as judging half of the film.
"""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import ceil
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.checks import Choice, Range, check_choice, check_range
from ..config.choices import CADENCES, CUT_SCORE, DEVICES, HOLD_SCORE, ON_FAILURE
from ..engines.interface import Engine, Guided
from ..engines.opening import open_engine
from ..errors import ConfigError, InputError
from ..inbetween.hints import Hints
from ..inbetween.sequence import gather_hints
from ..media.frames import Frame, FrameSequence
from .drawing import PairDrawer
from .timing import END_SLACK, Clock, Exposure, FilmFrame, expose, judge_frames

# Neither is tuned: both bound the memory.
_KEPT = 16  # judged frames that are kept; in-betweens are drawn soon after, from frames at most a few holds back
_READY = 4  # prepared pairs that are kept
_RATE = Range(0, 1000, above=True)


@dataclass(frozen=True)
class Shown:
    """What a frame of the new film shows.

    Attributes:
        time: when it is shown, in seconds.
        first: the number of the film's frame that it shows, or from which it is drawn.
        last: the number of the frame towards which it is drawn; None: `first` is shown as it is.
        t: in (0, 1), where it lies from `first` to `last`; 0 where nothing is drawn.
        cut: it is the first of the new film's frames that shows a new shot.
    """

    time: Fraction
    first: int
    last: int | None = None
    t: float = 0.0
    cut: bool = False


@dataclass(frozen=True)
class _Judged:
    """A judged frame without its pixels."""

    cut: bool
    mixed: bool
    grainy: bool
    mended: tuple[NDArray[np.intp], Frame] | None
    """The values that are replaced: their indices in the flattened frame, and the new values."""

    @staticmethod
    def of(frame: FilmFrame) -> "_Judged":
        if frame.clean is None:
            return _Judged(frame.cut, frame.mixed, frame.grainy, None)
        places = np.flatnonzero(frame.clean != frame.pixels)
        return _Judged(frame.cut, frame.mixed, frame.grainy, (places, frame.clean.ravel()[places]))

    def apply(self, time: Fraction, pixels: Frame) -> FilmFrame:
        """The judged frame, from its pixels."""
        clean = None
        if self.mended is not None:
            clean = pixels.copy()
            clean.ravel()[self.mended[0]] = self.mended[1]
        return FilmFrame(time, pixels, cut=self.cut, mixed=self.mixed, clean=clean, grainy=self.grainy)


class InbetweenedFilm(FrameSequence):
    """A film with in-betweens: a sequence of its new frames.

    It may be used from several threads; one frame is drawn at a time.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        factor: Fraction | int | str | None = None,
        *,
        rate: Fraction | int | str = 24,
        fps: Fraction | int | str | None = None,
        durations: Callable[[int], Fraction] | None = None,
        cadence: str = CADENCES[0],
        cuts: Container[int] | None = None,
        cut_score: float = CUT_SCORE,
        hold_threshold: float = HOLD_SCORE,
        engine: str | Engine | None = None,
        checkpoint: Path | None = None,
        mix: bool = False,
        arcs: bool = False,
        device: str = DEVICES[0],
        on_failure: str = ON_FAILURE[0],
        hints: Hints | str | Path | Sequence[str] | None = None,
    ) -> None:
        """Reads no frame yet.

        Args:
            frames: the film's, all of one shape and type: (H, W, 3) or (H, W, 4), uint8 or uint16, RGB, straight alpha.
                They are read by number, in order and some of them again; those that are shown as they are, only by
                `film[n]`.
            factor: how many times as many frames; None: 2, or as `fps` has it.
            rate: the film's frames a second.
            fps: the new film's, instead of `factor`.
            durations: for a film of varying rate: gives the seconds for which a frame is shown. `rate` is then what it
                usually has, and `fps` cannot be given.
            cadence: of drawings held on twos and threes: "smooth" replaces the copies by in-betweens, "keep" holds each
                drawing for as many frames as before.
            cuts: the numbers of the frames that begin a shot; None: they are found.
            cut_score: from which score in [0, 1] on a frame begins a shot, where cuts are found.
            hold_threshold: how far a frame may differ from the drawing before it and still be that drawing, held.
            engine: as for `interpolate`.
            checkpoint: likewise.
            mix: likewise.
            arcs: likewise.
            device: likewise.
            on_failure: likewise.
            hints: likewise; a pair's key frames are the numbers of the two drawings between which is drawn.

        Raises:
            ConfigError: an option has a value that cannot be used.
            InputError: there are fewer than two frames.
            CheckpointError: the checkpoint cannot be used.
            DeviceError: the device is not on this machine.
        """
        check_choice("cadence", cadence, Choice(CADENCES))
        check_choice("on_failure", on_failure, Choice(ON_FAILURE))
        check_range("cut_score", cut_score, Range(0, 1))
        check_range("hold_threshold", hold_threshold, Range(0))
        if factor is not None and fps is not None:
            raise ConfigError("factor: cannot be given together with fps; give one of the two")
        if durations is not None and fps is not None:
            raise ConfigError("fps: cannot be given for a film of varying rate; give factor")
        if len(frames) < 2:
            raise InputError(f"two frames or more are needed, and {len(frames)} was given; add another")
        was = _read_rate("rate", rate)
        new = was * _read_rate("factor", 2 if factor is None else factor) if fps is None else _read_rate("fps", fps)
        check_range("fps", float(new), _RATE)
        clock = Clock(1 / was, None if durations is not None else new, new / was)
        self._frames, self._durations, self._clock = frames, durations, clock
        self._cuts = cuts
        drawer = open_engine(engine, checkpoint, device, mixes=mix, arcs=arcs)
        self._hints = gather_hints(hints)
        if self._hints and not isinstance(drawer, Guided):
            raise ConfigError(f"hints: {drawer.name} draws without motion; leave them out, or draw with motion or flow")
        self._drawer = PairDrawer(drawer, on_failure)
        self._keeps_cadence = cadence == "keep"
        self._thresholds = hold_threshold, cut_score
        self._lock = RLock()
        self._plan: list[tuple[Shown, int | None]] = []
        self._judged: dict[int, _Judged] = {}
        self._times: list[Fraction] = []
        self._end = Fraction(0)  # when the last frame has been shown, once it is read
        self._exposures: Iterator[Exposure] | None = None
        self._pair: tuple[int, int] | None = None
        self._before: int | None = None
        self._read: OrderedDict[int, FilmFrame] = OrderedDict()
        self._ready: OrderedDict[tuple[int, int, int | None], Callable[[Sequence[float]], Iterator[Frame]]] = (
            OrderedDict()
        )
        self.rate = clock.rate
        """The new film's frames a second; None: it varies."""

    def __len__(self) -> int:
        count = len(self._frames)
        if self._clock.rate is None:
            return ceil(count * self._clock.factor)
        return max(1, ceil((count - END_SLACK) * self._clock.usual * self._clock.rate))

    def shown(self, number: int) -> Shown:
        """What a frame of the new film shows.

        Args:
            number: the frame's, from 0; negative ones count from the end.

        Raises:
            IndexError: there is no such frame.
        """
        number = range(len(self))[number]
        with self._lock:
            self._plan_until(number)
            return self._plan[number][0]

    def _get(self, number: int) -> Frame:
        """Draws a frame of the new film, or gives the film's own; of its frames' shape and type."""
        with self._lock:
            self._plan_until(number)
            shown, before = self._plan[number]
            if shown.last is None:
                return self._load(shown.first).pixels.copy()
            return next(self._prepare(shown.first, shown.last, before)([shown.t]))

    def _prepare(self, first: int, last: int, before: int | None) -> Callable[[Sequence[float]], Iterator[Frame]]:
        key = first, last, before
        if key not in self._ready:
            one, other = self._load(first), self._load(last)
            height, width = one.pixels.shape[:2]
            hints = self._hints.of(first, last, width, height) if self._hints else None
            earlier = None if before is None else self._load(before)
            self._ready[key] = self._drawer.prepare(one, other, earlier, hints or None)
            while len(self._ready) > _READY:
                self._ready.popitem(last=False)
        self._ready.move_to_end(key)
        return self._ready[key]

    def _load(self, number: int) -> FilmFrame:
        """A frame of the film, as it was judged."""
        if number not in self._read:
            self._keep(number, self._judged[number].apply(self._times[number], self._check(number)))
        self._read.move_to_end(number)
        return self._read[number]

    def _keep(self, number: int, frame: FilmFrame) -> None:
        self._read[number] = frame
        while len(self._read) > _KEPT:
            self._read.popitem(last=False)

    def _check(self, number: int) -> Frame:
        """Reads a frame of the film.

        Raises:
            InputError: it is of another form than the first one, or of none that can be drawn.
        """
        frame = self._frames[number]
        if number == 0:
            self._form: tuple[Any, ...] = frame.shape, frame.dtype
            if frame.ndim != 3 or frame.shape[2] not in (3, 4) or frame.dtype not in (np.uint8, np.uint16):
                raise InputError(
                    f"frame 0 is {frame.shape} {frame.dtype}; (H, W, 3) or (H, W, 4) in uint8 or uint16 is needed"
                )
        elif (frame.shape, frame.dtype) != self._form:
            raise InputError(
                f"frame {number} is {frame.shape} {frame.dtype} and frame 0 is {self._form[0]} {self._form[1]}; "
                "make them alike first"
            )
        return frame

    def _judge(self) -> Iterator[FilmFrame]:
        """Judges the film's frames; keeps what is needed later."""

        def take() -> Iterator[tuple[Fraction, Frame]]:
            time = Fraction(0)
            for number in range(len(self._frames)):
                if number == len(self._times):  # they are known already where frames are judged again
                    self._times.append(time)
                yield time, self._check(number)
                time += self._clock.usual if self._durations is None else Fraction(self._durations(number))
            self._end = time

        hold, cut = self._thresholds
        judged = judge_frames(take(), None, hold, cut_score=cut, cuts=self._cuts)
        for number, frame in enumerate(judged):
            self._judged[number] = _Judged.of(frame)
            self._keep(number, frame)
            yield frame

    def _plan_until(self, number: int) -> None:
        """Finds out what the frames up to `number` show.

        An error while a frame is read ends the generators. What is known stays, and the next call judges the frames
        again from the start.
        """
        while len(self._plan) <= number:
            try:
                if self._exposures is None:
                    exposures = expose(self._judge(), self._clock, lambda: self._end, keep=self._keeps_cadence)
                    self._exposures = islice(exposures, len(self._plan), None)
                exposure = next(self._exposures)
            except BaseException:
                self._exposures = None
                raise
            first, last = self._number(exposure.first), None
            if exposure.last is not None:
                last = self._number(exposure.last)
                if self._pair != (first, last):
                    # as a film is drawn in order: what lies over a scene needs three frames
                    joins = self._pair is not None and self._pair[1] == first and not exposure.first.cut
                    self._before = self._pair[0] if joins and self._pair is not None else None
                    self._pair = first, last
            earlier = self._plan[-1][0].first if self._plan else first
            cut = any(self._judged[k].cut for k in range(earlier + 1, first + 1))
            shown = Shown(exposure.time, first, last, exposure.t, cut)
            self._plan.append((shown, None if last is None else self._before))

    def _number(self, frame: FilmFrame) -> int:
        """The number of a judged frame, by its time."""
        at = len(self._judged) - 1
        while self._times[at] > frame.time:
            at -= 1
        return at


def _read_rate(name: str, value: Fraction | int | str) -> Fraction:
    try:
        rate = Fraction(value)
    except (ValueError, ZeroDivisionError, TypeError) as error:
        raise ConfigError(f"{name}: {value!r} is no number; give one such as 2 or 24000/1001") from error
    if rate <= 0:
        raise ConfigError(f"{name}: must be more than 0, not {value}")
    return rate
