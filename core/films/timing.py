"""Decides what each frame of a new film shows: a frame of the source film, or an in-between of two drawings.

First the film's frames are analysed (`judge_frames`): where shots begin, which frames are duplicates of the one before,
and where there are dissolves, flashes and fades. Then `expose` assigns content to the timestamps of the new frames. Let
S be the time at which a drawing appears and E the time at which the next one does:

- **A cut at E**: the source frames before it are shown up to E. Nothing is interpolated across a cut.
- **A flash**: the source frame nearest in time is shown, so that a flash of one frame stays as long as one.
- **A dissolve or a fade**: it goes on in every new frame. In a dissolve, a new frame is a mixture of the two source
  frames around it; in a fade, the in-between is drawn in light between theirs.
- **A drawing held briefly**, on ones, twos, threes or fours (at most a fifth of a second, or three frames if these are
  longer): motion is continuous, and a new frame at time x shows the in-between at t = (x - S) / (E - S). Duplicates are
  dropped.
- **A drawing held longer is a pose**: source frames are shown until one step before E, when motion begins. A step is as
  long as the drawing before was held, if that was brief and in the same shot, else one frame.

`--cadence smooth` gives every new frame its own in-between. `--cadence keep` preserves the cadence: a drawing held for
several frames becomes q drawings of equal duration, where q is the factor of frame rates, rounded, and at least 1. At
twice the rate, animation on twos stays on twos with half the step; at the film's own rate, nothing changes. Animation
on ones stays on ones in both.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import ceil, floor

from ..config.choices import CUT_SCORE, HOLD_SCORE
from ..media.decode import SELDOM
from ..media.frames import Frame, flatten_alpha, to_uint8
from ..shots.cuts import ShotDetector, Verdict
from ..shots.held import DuplicateFinder
from ..shots.mending import Mending, find_mending
from ..shots.noise import NoiseMeter
from ..shots.thumbnails import Thumb, find_fade, shrink
from .ramp import Ramp

BRIEF = Fraction(1, 5)
"""Seconds for which a drawing on twos, threes or fours may be held; a drawing held longer is a pose."""
_BRIEF_FRAMES = Fraction(7, 2)  # the same limit in frames, for films of a low frame rate
_FADE_STEPS = 4  # consecutive changes of brightness in one direction that make a fade
END_SLACK = Fraction(1, 1000)
"""Tolerance of a film's end, in frames."""
_ROUNDING = 1e-6  # tolerance in frames: the times of a ramp are floats
_FINE = 1_000_000_000  # a ramp's times are rounded to fractions of a second with at most this denominator


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """A frame of a film, and what the analysis found.

    Attributes:
        time: timestamp in seconds.
        pixels: (H, W, C) uint8 or uint16, C being 3 or 4.
        held: whether it is a duplicate of the frame before.
        cut: whether it begins a shot, or follows a gap.
        mixed: whether it belongs to a dissolve.
        flash: whether it belongs to a flash.
        fading: whether the brightness changes from the frame before to this one as part of a fade.
        clean: the pixels without specks; None if there are none.
        grainy: whether the film has visible grain.
        number: counts the film's frames from 0.
        mending: how `clean` is made; None if there are no specks.
    """

    time: Fraction
    pixels: Frame
    held: bool = False
    cut: bool = False
    mixed: bool = False
    flash: bool = False
    fading: bool = False
    clean: Frame | None = None
    grainy: bool = False
    number: int = 0
    mending: Mending | None = None


@dataclass(frozen=True)
class Exposure:
    """The content of a new frame: `first`, or the in-between at `t` in (0, 1) from `first` to `last`."""

    time: Fraction
    first: FilmFrame
    last: FilmFrame | None = None
    t: float = 0.0


def judge_frames(
    frames: Iterable[tuple[Fraction, Frame]],
    gap: Fraction | None = None,
    hold_threshold: float = HOLD_SCORE,
    *,
    cut_score: float = CUT_SCORE,
    cuts: Container[int] | None = None,
    mend: bool = True,
) -> Iterator[FilmFrame]:
    """Finds shots, held drawings, dissolves, flashes, fades and specks, with as few frames in memory as possible.

    Args:
        frames: pairs of an increasing time in seconds and a frame, (H, W, C) uint8 or uint16, C being 3 or 4.
        gap: seconds; if two frames are further apart, frames are missing between them, which is treated like a cut.
            None: no frames are missing.
        hold_threshold: the score up to which a frame is a duplicate of the frame before.
        cut_score: the score in [0, 1] from which on a frame begins a shot.
        cuts: the numbers of the frames that begin a shot, from 0; None: detect them.
        mend: whether to remove specks (`FilmFrame.clean`), or only to find them (`FilmFrame.mending`).
    """
    detector = ShotDetector(cut_score)
    meter = NoiseMeter()
    duplicates = DuplicateFinder(hold_threshold, meter)
    waiting: deque[tuple[Fraction, Frame, bool]] = deque()
    settled: Frame | None = None  # the frame before the first one that waits
    count = 0
    lights: deque[int] = deque([0] * _FADE_STEPS)  # changes of brightness before and at those that wait
    before: tuple[Fraction, Thumb] | None = None

    def settle(verdict: Verdict) -> FilmFrame:
        nonlocal settled, count
        time, pixels, torn = waiting.popleft()
        cut = verdict.cut if cuts is None else count in cuts
        mixed, flash = verdict.transition == "dissolve", verdict.transition == "flash"
        held = duplicates.is_duplicate(to_uint8(flatten_alpha(pixels, SELDOM)), count)
        noise = meter.noise(count)
        lights.popleft()
        fading = _is_fade(lights) and not (noise.noisy and abs(meter.path(count)[0][2]) < noise.flicker)
        alone = cut or torn or mixed or flash or fading
        mending = clean = None
        if noise.dirty and pixels.shape[2] == 3:
            mending = find_mending(meter, count, first=settled is None, last=not waiting)
            if mending is not None and mend:
                clean = mending.apply(settled, pixels, waiting[0][1] if waiting else None)
        settled = pixels
        count += 1
        return FilmFrame(
            time, pixels, held and not alone, cut or torn, mixed, flash, fading, clean, noise.grainy, count - 1, mending
        )

    for time, pixels in frames:
        view = to_uint8(flatten_alpha(pixels, SELDOM))
        thumb = shrink(view)
        lights.append(0 if before is None else find_fade(before[1], thumb))
        torn = before is not None and gap is not None and time - before[0] > gap
        waiting.append((time, pixels, torn))
        meter.push(view)
        before = time, thumb
        yield from map(settle, detector.push(thumb))
    meter.finish()
    yield from map(settle, detector.finish())


def _is_fade(lights: deque[int]) -> bool:
    """Whether the change at index _FADE_STEPS - 1 is one of _FADE_STEPS consecutive ones in the same direction."""
    middle = _FADE_STEPS - 1
    way = lights[middle] if len(lights) > middle else 0
    if way == 0:
        return False
    run = 1
    for step in range(middle - 1, -1, -1):
        if lights[step] != way:
            break
        run += 1
    for step in range(middle + 1, min(len(lights), 2 * middle + 1)):
        if lights[step] != way:
            break
        run += 1
    return run >= _FADE_STEPS


@dataclass(frozen=True)
class Clock:
    """The timestamps of the new frames.

    Attributes:
        usual: the usual number of seconds from one source frame to the next.
        rate: new frames per second; None for films of varying rate, where each source frame becomes `factor` new
            frames, which share its time.
        factor: new frames per source frame, on average.
        ramp: the film's speed over time; None: unchanged. With a ramp, `rate` is not None.
    """

    usual: Fraction
    rate: Fraction | None
    factor: Fraction
    ramp: Ramp | None = None

    def count(self, time: Fraction, first: Fraction) -> int:
        """Returns the number of new frames from the film's start at `first` to `time`; needs a rate."""
        assert self.rate is not None
        if self.ramp is None:
            return ceil((time - first) * self.rate)
        elapsed = self.ramp.to_new(float(time)) - self.ramp.to_new(float(first))
        return ceil(elapsed * float(self.rate) - _ROUNDING)

    def place(self, number: int, first: Fraction) -> Fraction:
        """Returns the time of the source film that a new frame shows; needs a rate."""
        assert self.rate is not None
        if self.ramp is None:
            return first + number / self.rate
        time = self.ramp.to_old(self.ramp.to_new(float(first)) + number / float(self.rate))
        return Fraction(time).limit_denominator(_FINE)

    def list_times(
        self, number: int, begin: Fraction, until: Fraction, first: Fraction, moving: Fraction | None = None
    ) -> Iterator[Fraction]:
        """Yields the times of the new frames that lie within a source frame's time.

        It is a generator, since a gap of a day in a film is millions of frames.

        Args:
            number: the source frame's number, from 0.
            begin: seconds at which it appears.
            until: seconds at which the next one does.
            first: seconds at which the film's first frame appears.
            moving: the time from which on drawings move, if the rate varies; None: `begin`.
        """
        moving = begin if moving is None else moving
        if self.rate is not None:
            for k in range(self.count(begin, first), self.count(until, first)):
                yield self.place(k, first)
            return
        for k in range(ceil(number * self.factor), ceil((number + 1) * self.factor)):
            part = k / self.factor - number
            yield begin if part == 0 else moving + part * (until - moving)


def expose(
    frames: Iterator[FilmFrame],
    clock: Clock,
    end: Fraction | Callable[[], Fraction] | None = None,
    *,
    keep: bool = False,
    loops: bool = False,
) -> Iterator[Exposure]:
    """Yields the content of the new film's frames in order; see the module's docstring.

    Args:
        frames: the film's analysed frames, in order.
        clock: the new frames' timestamps.
        end: seconds at which the film's last frame ends, or a function that returns it once that frame is known; None:
            after the usual time.
        keep: whether to preserve the cadence of held drawings.
        loops: whether the last of the frames repeats the first one: in-betweens lead to it, but it is not shown.
    """
    brief = max(BRIEF, _BRIEF_FRAMES * clock.usual)
    ahead: deque[FilmFrame] = deque()

    def peek(place: int) -> FilmFrame | None:
        while len(ahead) <= place:
            frame = next(frames, None)
            if frame is None:
                return None
            ahead.append(frame)
        return ahead[place]

    current = next(frames, None)
    if current is None:
        return
    origin = current.time
    drawing = current  # the frame in which the drawing on screen appeared
    leaving: FilmFrame | None = None  # the frame that a pose moves on from
    step = clock.usual
    for number in range(1 << 62):
        following = peek(0)
        if following is None and loops and number:
            return
        if following is not None:
            until = following.time
        else:
            over = end() if callable(end) else end
            until = over if over is not None and over > current.time else current.time + clock.usual
            if clock.rate is not None:
                until -= END_SLACK * clock.usual
        from_ = current.time
        if until - from_ > brief and following is not None:
            from_ = max(from_, until - step)  # when a pose begins to move
        times = clock.list_times(number, current.time, until, origin, from_)
        soonest = next(times, None)
        if soonest is not None:
            times = chain((soonest,), times)
            coming = _find_coming(peek, until + brief)
            if coming is None or coming.cut:
                yield from (Exposure(time, current) for time in times)
            elif following is not None and _is_transition(current, coming):
                if current.flash or coming.flash:
                    middle = (current.time + following.time) / 2
                    yield from (Exposure(time, current if time <= middle else following) for time in times)
                elif following.held:
                    yield from (Exposure(time, current) for time in times)
                else:
                    yield from (_place(time, from_, current, current, following, clock, keep) for time in times)
            else:
                begin, first = drawing.time, drawing
                if coming.time - begin > brief:
                    begin = max(coming.time - step, drawing.time)
                    if until > begin:
                        leaving = leaving or current
                    first = leaving or current
                for time in times:
                    yield _place(time, begin, first, current, coming, clock, keep)
        if following is None:
            return
        if not following.held:
            length = following.time - drawing.time
            step = length if length <= brief and not following.cut else clock.usual
            drawing, leaving = following, None
        current = ahead.popleft()


def _is_transition(current: FilmFrame, coming: FilmFrame) -> bool:
    """Whether frames change from one to the next in a way that cadence has no part in."""
    return current.flash or coming.flash or current.mixed or coming.mixed or coming.fading


def _find_coming(peek: Callable[[int], FilmFrame | None], horizon: Fraction) -> FilmFrame | None:
    """Returns the next frame that shows another drawing; None if there is none before `horizon`."""
    place = 0
    while (frame := peek(place)) is not None and frame.time < horizon:
        if not frame.held:
            return frame
        place += 1
    return frame if frame is not None and not frame.held else None


def _place(
    time: Fraction,
    begin: Fraction,
    first: FilmFrame,
    current: FilmFrame,
    coming: FilmFrame,
    clock: Clock,
    keep: bool,
) -> Exposure:
    """Returns the content at `time`, if the drawing moves from `begin` until the coming drawing appears."""
    whole = coming.time - begin
    part = (time - begin) / whole
    if part <= 0:
        return Exposure(time, current)
    if keep and round(whole / clock.usual) > 1:
        count = max(1, floor(clock.factor + Fraction(1, 2)))
        part = Fraction(floor(part * count), count)
    return Exposure(time, first, coming, float(part)) if part > 0 else Exposure(time, first)
