"""Whole films in between: `animi interpolate film.mp4 -o smooth.mp4`.

Decoding and judging run in one thread, drawing in another, encoding in a third, beside the two ffmpegs; between them
wait a few frames, so that memory is the same for any length. What is made lies in a hidden folder beside the output
until all of it is there.

A resumed run decodes the old film from its start, which is quick as nothing is drawn: the content of each new frame is
found as before, and only the frames of missing segments are drawn.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from itertools import chain, pairwise
from math import ceil
from pathlib import Path
from typing import Any

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..config.parsing import read_ramp
from ..engines.interface import Engine, Guided
from ..engines.opening import find_weights, notes_of, open_configured
from ..errors import ConfigError, InputError, OutputError
from ..files import check_no_input, check_output, put_in_place, shown, sync, write_text
from ..inbetween.doubt import Moment
from ..inbetween.doubt_sheet import Doubtful, check_doubt_path, to_json
from ..inbetween.pair import PreparedPair
from ..inbetween.pixel_art import PixelArtEngine, read_palette
from ..interrupts import held_back
from ..lock import LOCK
from ..media.animation import DELAYED, check_format, keeps_profile, write_animation
from ..media.codecs import FILM_OUTPUTS, choose_codec
from ..media.coding import Coding, plan_coding
from ..media.colour_profiles import name_profile
from ..media.decode import DamagedStretch, identify_film
from ..media.film_segments import Segment, list_segments
from ..media.film_sink import SEGMENT, FilmWriter, Kept, choose_streams, join_segments
from ..media.film_source import Film, open_film, read_frames
from ..media.frames import Frame
from ..read_ahead import read_ahead
from .doubt import FilmDoubt, read_doubtful, write_film_page
from .drawing import PairDrawer
from .hints import FilmHints, hash_film_hints, open_film_hints
from .ramp import Ramp
from .timing import Clock, Exposure, FilmFrame, expose, judge_frames
from .work_folder import FINISHED, claim_folder, clear, digest_job, find_target, name_draft, name_inputs

_AHEAD = 4  # judged frames that may wait to be drawn
_MIDDLE = 0.4  # time of a pair from which on a frame stands for all of them: frames in the middle are the worst
_GAP = Fraction(5, 2)  # of the usual time between frames: in films of constant rate, frames are missing there


@dataclass(frozen=True)
class FilmDrawn:
    """What `interpolate_film` made.

    Attributes:
        path: where it stands, or STREAM.
        frames: how many.
        drawn: how many of them were drawn; the others are the film's own.
        width: in pixels, of the file.
        height: likewise.
        seconds: from the first frame to the end of the last.
        rate: frames a second; None: it varies.
        engine: what drew.
        resumed: frames that an earlier run had made.
        notes: what a person should know, in plain sentences without a full stop.
        doubtful: the moments worth checking, the worst first, where doubt is asked for.
    """

    path: Path
    frames: int
    drawn: int
    width: int
    height: int
    seconds: Fraction
    rate: Fraction | None
    engine: str
    resumed: int = 0
    notes: tuple[str, ...] = ()
    doubtful: tuple[Doubtful, ...] = ()


@dataclass
class _Plan:
    """A film, and what is to become of it."""

    config: InterpolateFilmConfig
    film: Film
    clock: Clock
    end: Fraction | None
    engine: Engine
    hints: FilmHints | None = None
    on_note: Callable[[str], None] | None = None
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        if self.on_note is not None:
            self.on_note(sentence)

    @property
    def usual_rate(self) -> Fraction:
        return self.clock.rate or self.clock.factor / self.clock.usual

    @property
    def loops(self) -> bool:
        """Whether its end leads to its beginning: it says so, or it is asked for; not where only a part is made."""
        config, animation = self.config, self.film.animation
        whole = config.start == 0 and config.end is None and config.preview is None
        return self.end is not None and whole and (config.loop or (animation is not None and animation.loops))

    @property
    def length(self) -> float | None:
        """Seconds of the old film that are made; None: up to its end."""
        config = self.config
        lengths = [config.preview, None if config.end is None else config.end - config.start]
        return min((length for length in lengths if length is not None), default=None)

    @property
    def total(self) -> int | None:
        """How many frames there will be, about; None: nobody knows."""
        if self.end is None:
            return None
        start = Fraction(self.config.start)
        return max(1, ceil((self.stretch(self.end, start) - start) * self.usual_rate))

    def stretch(self, time: Fraction, first: Fraction) -> Fraction:
        """When a moment of the film is shown in the new one, which shows its first frame at the same time."""
        ramp = self.clock.ramp
        if ramp is None:
            return time
        return first + Fraction(ramp.to_new(float(time)) - ramp.to_new(float(first))).limit_denominator(1_000_000)


def interpolate_film(
    config: InterpolateFilmConfig,
    on_frame: Callable[[int, int | None], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> FilmDrawn:
    """Draws a film anew at another rate of frames: the whole of `animi interpolate FILM`.

    Args:
        config: what to make of which film.
        on_frame: called after each frame with the number done and the number in all (None: unknown).
        on_note: called with sentences for the person while it runs.

    Raises:
        AnimiError: the film, an option or the output cannot be used; nothing that stood there is harmed, and what was
            made is kept for --resume.
        BrokenPipeError: whoever reads standard output has had enough.
    """
    advance = on_frame or (lambda done, total: None)
    output = config.output
    into_film = output.suffix.lower() in FILM_OUTPUTS and not output.is_dir()
    if output != STREAM:
        if not into_film:
            check_format(output)
            _check_animation(config)
        elif not config.resume:
            check_output(output, overwrite=config.overwrite)
        check_no_input(output, name_inputs(config))
    if config.doubt is not None:
        again = config.overwrite or config.resume
        check_doubt_path(config.doubt, output, overwrite=again, inputs=name_inputs(config), film=True)
    film, note = _settle_alpha(config, open_film(config.film), into_film=into_film)
    if output != STREAM and not into_film:
        film = replace(film, squared=True)  # no image says of its pixels that they are not square
    foreign = film.profile
    if foreign is not None and (output == STREAM or into_film or not keeps_profile(output)):
        film = replace(film, profile=None, foreign=foreign)
    plan = _make_plan(config, film, on_note)
    if film.foreign is not None and "sRGB" not in (profile := name_profile(film.foreign)):
        plan.note(f"{shown(film.path)}: colours are converted from {profile} to sRGB, as the output has no profiles")
    if film.square != (film.width, film.height):
        plan.note(f"{shown(film.path)}: its pixels are not square; frames become {film.square[0]}x{film.square[1]}")
    if note:
        plan.note(note)
    if output == STREAM:
        return _stream(plan, advance)
    return (_write_film if into_film else _write_animation)(plan, advance)


def _check_animation(config: InterpolateFilmConfig) -> None:
    suffix = config.output.suffix or "a folder"
    if config.resume:
        raise ConfigError(f"--resume: needs a film as output, not {suffix}; name it {', '.join(FILM_OUTPUTS)}")
    if config.codec is not None or config.crf is not None:
        flag = "--codec" if config.codec is not None else "--crf"
        raise ConfigError(f"{flag}: is for films, not {suffix}; name the output {', '.join(FILM_OUTPUTS)}")
    check_output(config.output, overwrite=config.overwrite)


def _settle_alpha(config: InterpolateFilmConfig, film: Film, *, into_film: bool) -> tuple[Film, str]:
    """Keeps a film's alpha where the output has it; else frames are laid over white.

    Returns:
        The film as it is to be read, and what is to be said of it.
    """
    if not film.alpha or (config.output != STREAM and not into_film):
        return film, ""
    suffix = config.output.suffix.lower()
    where = "y4m"
    if config.output != STREAM:
        codec = choose_codec(config.output, config.codec, config.crf, film.depth, alpha=True)
        if codec.alpha and (codec.name != "vp9" or suffix in (".webm", ".mkv")):
            return film, ""
        where = f"{codec.name} in a {suffix}"
    return replace(film, alpha=False), (
        f"{shown(film.path)}: what is transparent in it is laid over white, as {where} has no transparency; "
        "name the output .mov, .webm or .webp to keep it"
    )


def _make_plan(config: InterpolateFilmConfig, film: Film, on_note: Callable[[str], None] | None) -> _Plan:
    """Finds out when new frames are shown, and by what they are drawn.

    Raises:
        AnimiError: the film is too short, or its rate cannot be what is asked for.
    """
    timing = film.timing
    name = shown(film.path)
    if timing.count is not None and timing.count < 2:
        raise InputError(f"{name}: has one frame only, and two or more are needed to draw between")
    start = Fraction(config.start).limit_denominator(1_000_000)
    ends = [timing.end]
    for length in (config.end, None if config.preview is None else config.start + config.preview):
        ends.append(None if length is None else Fraction(length).limit_denominator(1_000_000))
    end = min((each for each in ends if each is not None), default=None)
    if timing.end is not None and start >= timing.end:
        raise ConfigError(f"--range: begins at {config.start:g} s, and {name} ends at {float(timing.end):.2f} s")
    factor = config.factor or Fraction(2)
    if config.fps is not None:
        clock = Clock(timing.usual, config.fps, config.fps * timing.usual)
    elif timing.rate is not None:
        clock = Clock(timing.usual, timing.rate * factor, factor)
    else:
        clock = Clock(timing.usual, None, factor)
    if config.ramp is not None:
        rate = clock.rate or clock.factor / timing.usual
        clock = replace(clock, rate=rate, ramp=Ramp(read_ramp(config.ramp)))
    if clock.rate is None and config.output.suffix.lower() not in (*FILM_OUTPUTS, *DELAYED):
        raise ConfigError(f"--fps: {name} has frames at a varying rate, which the output cannot have; give --fps")
    if clock.rate is not None and clock.rate > 1000:
        raise ConfigError(f"--factor: makes {float(clock.rate):g} frames a second of {name}; up to 1000 can be made")
    engine = open_configured(config)
    drawing = engine
    if config.pixel_art:
        engine = PixelArtEngine(engine, None if config.palette is None else read_palette(config.palette))
    hints = open_film_hints(config.hints, timing.usual)
    if hints is not None and (config.pixel_art or not isinstance(engine, Guided)):
        why = "does not go with --pixel-art yet" if config.pixel_art else f"{engine.name} draws without motion"
        raise ConfigError(f"--hints: {why}; leave one of the two out")
    plan = _Plan(config, film, clock, end, engine, hints, on_note)
    for sentence in notes_of(drawing):
        plan.note(sentence)
    if film.animation is not None and film.animation.hurried:
        plan.note(f"{name}: pictures of 1/100 s or less are shown for 1/10 s, as browsers do it")
    if film.restoration is not None:
        plan.note(f"{name} {film.restoration.note}")
    if film.mastered:
        plan.note(f"{name}: its HDR10 mastering data is left out; colours and transfer stay")
    return plan


def _judge(plan: _Plan) -> Generator[FilmFrame, None, None]:
    """The film's frames within the range, judged."""
    film, config = plan.film, plan.config

    def note_damage(part: DamagedStretch) -> None:
        until = "its end" if part.last is None else f"{part.last:.2f} s"
        plan.note(
            f"{shown(film.path)}: damaged from {part.first:.2f} s to {until}, where a frame is held ({part.message})"
        )

    def note_size(time: float, width: int, height: int) -> None:
        if (width, height) != size[-1]:
            size.append((width, height))
            plan.note(
                f"{shown(film.path)}: from about {time:.2f} s on, frames are {width}x{height}; "
                f"they are fitted into {film.width}x{film.height}"
            )

    size = [(film.width, film.height)]

    def take() -> Generator[tuple[Fraction, Frame], None, None]:
        first: Frame | None = None
        with closing(read_frames(film, start=config.start, on_damage=note_damage, on_size=note_size)) as frames:
            for time, pixels in frames:
                if plan.end is not None and time >= plan.end:
                    break
                if time >= config.start:
                    first = pixels if first is None else first
                    yield time, pixels
        if plan.loops and plan.end is not None and first is not None:
            yield plan.end, first

    gap = None if film.timing.rate is None else _GAP * film.timing.usual
    with closing(take()) as taken:
        yield from judge_frames(taken, gap, config.hold_threshold)


class _Drawer:
    """Draws what exposures ask for; a pair of drawings is prepared once."""

    def __init__(
        self, engine: Engine, on_failure: str, doubt: FilmDoubt | None = None, hints: FilmHints | None = None
    ) -> None:
        self._drawer, self._hints = PairDrawer(engine, on_failure), hints
        self.doubt = doubt
        """Is shown a moment of each pair; None: doubt is not asked for."""
        self._unseen: tuple[int, Exposure, Frame | None] | None = None  # the latest of a pair that it has not seen
        self._seen = False
        self._pair: tuple[FilmFrame, FilmFrame] | None = None
        self._before: FilmFrame | None = None  # the drawing before that pair
        self._draw: PreparedPair | None = None
        self.count = 0

    def follow(self, exposure: Exposure) -> None:
        """Takes note of an exposure, whether it is drawn or was drawn by an earlier run."""
        if exposure.last is None:
            return
        pair = exposure.first, exposure.last
        if self._pair is None or self._pair[0] is not pair[0] or self._pair[1] is not pair[1]:
            self.settle()
            self._seen = False
            joins = self._pair is not None and self._pair[1] is pair[0] and not pair[0].cut
            self._before = self._pair[0] if joins and self._pair is not None else None
            self._pair, self._draw = pair, None

    def draw(self, exposure: Exposure, number: int) -> Frame:
        """The frame of that number in the new film, (H, W, C)."""
        self.follow(exposure)
        if exposure.last is None:
            return exposure.first.pixels
        self.count += 1
        frame = next(self._prepare()([exposure.t]))
        self._take(exposure, number, frame)
        return frame

    def measure(self, exposure: Exposure, number: int) -> None:
        """Takes note of a frame that an earlier run has drawn; it is drawn again only if its doubt is needed."""
        self.follow(exposure)
        if exposure.last is not None:
            self._take(exposure, number, None)

    def _prepare(self) -> PreparedPair:
        """The pair at hand."""
        assert self._pair is not None
        if self._draw is None:
            hints = None if self._hints is None else self._hints.of(*self._pair)
            self._draw = self._drawer.prepare(*self._pair, self._before, hints)
        return self._draw

    def _take(self, exposure: Exposure, number: int, frame: Frame | None) -> None:
        """Has the doubt of the pair measured at this frame, if it is the first one from the middle on."""
        if self.doubt is not None and not self._seen and number >= self.doubt.known:
            self._unseen = number, exposure, frame
            if exposure.t >= _MIDDLE:
                self.settle()

    def settle(self) -> None:
        """Measures the doubt of the pair at hand, once: at its frame in the middle, or the last one before that."""
        if self.doubt is None or self._unseen is None or self._pair is None:
            return
        number, exposure, frame = self._unseen
        pair = self._prepare()
        if frame is None:
            frame = next(pair([exposure.t]))
        ends = self._pair[0].pixels, self._pair[1].pixels
        moment = Moment(number, exposure.t, frame, ends, pair.doubt(exposure.t))
        self.doubt.add(moment, exposure.time, self._pair)
        self._unseen, self._seen = None, True


@contextmanager
def _exposures(plan: _Plan, answer: Callable[[], None] = lambda: None) -> Iterator[Iterator[Exposure]]:
    with closing(read_ahead(_judge(plan), _AHEAD, answer)) as frames:
        exposures = expose(frames, plan.clock, plan.end, keep=plan.config.cadence == "keep", loops=plan.loops)
        yield exposures if plan.clock.ramp is None else _space_evenly(exposures, plan.clock)


def _space_evenly(exposures: Iterator[Exposure], clock: Clock) -> Iterator[Exposure]:
    """Gives the frames of a film with a ramp the times at which the new film shows them."""
    first: Fraction | None = None
    assert clock.rate is not None
    for number, exposure in enumerate(exposures):
        first = exposure.time if first is None else first
        yield replace(exposure, time=first + number / clock.rate)


@dataclass
class _Course:
    """How far the frames of a film have come."""

    frames: int = 0
    resumed: int = 0
    first: Fraction = Fraction(0)
    last: Fraction = Fraction(0)
    starts: list[Fraction] = field(default_factory=list)
    segments: dict[int, Segment] = field(default_factory=dict)


def _run(
    plan: _Plan,
    drawer: _Drawer,
    coding: Coding,
    folder: Path | None,
    advance: Callable[[int, int | None], None],
    job: str = "",
) -> _Course:
    """Draws every frame that is not there yet, and encodes it; Ctrl-C is answered between frames."""
    course = _Course()
    total = plan.total
    with (
        held_back() as held,
        FilmWriter(coding, folder, plan.config.output, held.answer, job=job) as writer,
        _exposures(plan, held.answer) as exposures,
    ):
        for number in writer.damaged:
            plan.note(
                f"{shown(plan.config.output)}: frames {number * SEGMENT} to {(number + 1) * SEGMENT - 1}, "
                "which an earlier run has made, are damaged or cannot be verified, and are drawn anew"
            )
        course.segments = writer.segments
        for number, exposure in enumerate(exposures):
            held.answer()
            if number == 0:
                course.first = exposure.time
            if number % SEGMENT == 0:
                course.starts.append(exposure.time)
            course.last = exposure.time
            if drawer.doubt is not None and folder is not None and number % SEGMENT == 0 and number:
                drawer.follow(exposure)
                drawer.doubt.save(folder, max(number, drawer.doubt.known))
            if writer.has(number):
                course.resumed += 1
                drawer.measure(exposure, number)
            else:
                writer.put(number, exposure.time, drawer.draw(exposure, number))
            course.frames = number + 1
            advance(course.frames, total)
    if not course.frames:
        raise InputError(f"{shown(plan.film.path)}: has no frame there; give another --range")
    drawer.settle()
    _note_unused(plan, course)
    return course


def _end_of(plan: _Plan, course: _Course) -> Fraction:
    """When the last new frame has been shown: when the old film's last has, where that is known."""
    after = course.last + 1 / plan.usual_rate
    end = None if plan.end is None else plan.stretch(plan.end, course.first)
    if end is None or not course.last < end:
        return after
    return min(end, after) if plan.clock.rate is not None else end


def _report(plan: _Plan, drawer: _Drawer, course: _Course, size: tuple[int, int]) -> FilmDrawn:
    return FilmDrawn(
        plan.config.output,
        course.frames,
        drawer.count,
        *size,
        _end_of(plan, course) - course.first,
        plan.clock.rate,
        plan.engine.name,
        course.resumed,
        tuple(plan.notes),
        () if drawer.doubt is None else tuple(drawer.doubt.list.worst),
    )


def _leave_out_sound(plan: _Plan, film: Film) -> Film:
    """The film without what goes by its time, which a ramp changes."""
    kinds = dict.fromkeys(stream.kind for stream in film.streams if stream.kind in ("audio", "subtitle"))
    if kinds:
        names = " and ".join({"audio": "sound", "subtitle": "subtitles"}[kind] for kind in kinds)
        be = "is" if list(kinds) == ["audio"] else "are"
        plan.note(f"{shown(film.path)}: its {names} {be} left out, as --ramp changes when everything is shown")
    plan.film = replace(film, streams=tuple(stream for stream in film.streams if stream.kind == "cover"))
    return plan.film


def _note_unused(plan: _Plan, course: _Course) -> None:
    """Says of hints that had no effect; a resumed run does not know what the one before has used."""
    if plan.hints is not None and not course.resumed and (unused := plan.hints.unused):
        first, last = unused[0]
        more = f", and those of {len(unused) - 1} more pairs," if len(unused) > 1 else ""
        plan.note(
            f"{shown(Path(str(plan.config.hints)))}: nothing is drawn between drawings at {first:g} and {last:g} s, so "
            f"these hints{more} had no effect"
        )


def _open_drawer(plan: _Plan) -> _Drawer:
    doubt = None if plan.config.doubt is None else FilmDoubt()
    return _Drawer(plan.engine, plan.config.on_failure, doubt, plan.hints)


def _write_doubt(plan: _Plan, drawer: _Drawer, frames: int) -> None:
    """Writes the page of doubtful moments, where it is asked for."""
    if drawer.doubt is not None:
        write_film_page(plan.config, plan.clock.usual, drawer.doubt.list, frames)


def _stream(plan: _Plan, advance: Callable[[int, int | None], None]) -> FilmDrawn:
    """Sends the film to standard output as y4m."""
    coding = plan_coding(plan.film, None, plan.clock.rate, plan.usual_rate, crf=None, quick=False)
    drawer = _open_drawer(plan)
    course = _run(plan, drawer, coding, None, advance)
    _write_doubt(plan, drawer, course.frames)
    return _report(plan, drawer, course, coding.size)


def _write_animation(plan: _Plan, advance: Callable[[int, int | None], None]) -> FilmDrawn:
    """Writes a GIF, WebP, APNG or a folder, as for key frames: without sound, and all in one go."""
    config, total = plan.config, plan.total
    drawer = _open_drawer(plan)
    course = _Course()
    ends: list[Fraction] = []  # when frames have been shown, from the first one's beginning

    def draw(exposures: Iterator[Exposure]) -> Iterator[Frame]:
        for exposure, following in pairwise(chain(exposures, (None,))):
            assert exposure is not None
            if not course.frames:
                course.first = exposure.time
            course.frames, course.last = course.frames + 1, exposure.time
            ends.append((following.time if following is not None else _end_of(plan, course)) - course.first)
            yield drawer.draw(exposure, course.frames - 1)
        drawer.settle()
        _note_unused(plan, course)

    animation = plan.film.animation
    with _exposures(plan) as exposures:
        written = write_animation(
            config.output,
            draw(exposures),
            fps=plan.usual_rate,
            ends=None if plan.clock.rate is not None else ends,
            profile=plan.film.profile,
            loop=config.loop or animation is None or animation.loops,
            overwrite=config.overwrite,
            count=total,
            on_frame=lambda done: advance(done, total),
        )
    for sentence in written.notes:
        plan.note(sentence)
    _write_doubt(plan, drawer, course.frames)
    return replace(_report(plan, drawer, course, (written.width, written.height)), seconds=written.seconds)


def _write_film(plan: _Plan, advance: Callable[[int, int | None], None]) -> FilmDrawn:
    """Writes a film with all that was in the old one."""
    config, film = plan.config, plan.film
    codec = choose_codec(config.output, config.codec, config.crf, film.depth, alpha=film.alpha)
    coding = plan_coding(
        film, codec, plan.clock.rate, plan.usual_rate, crf=config.crf, quick=config.preview is not None
    )
    if coding.size != (film.width, film.height):
        plan.note(
            f"{codec.name} needs even sides: the last row or column is repeated, which makes "
            f"{coding.size[0]}x{coding.size[1]}"
        )
    if coding.depth < film.depth:
        plan.note(f"{codec.name} keeps {coding.depth} bits a channel: the film's {film.depth} were rounded")
    if film.chroma == "rgb" and coding.chroma != "rgb" and film.animation is None:
        plan.note(f"{codec.name} keeps no RGB: colours are written as {coding.chroma[0]}:{':'.join(coding.chroma[1:])}")
    drawer = _open_drawer(plan)
    if plan.clock.ramp is not None:
        film = _leave_out_sound(plan, film)
    job = _describe_job(plan, coding)
    with claim_folder(config, job, plan.note) as (folder, told_before):
        if told_before is not None:
            return _finish(plan, folder, told_before)
        streams, notes = choose_streams(film, coding, config.output, folder, start=config.start)
        for sentence in notes:
            plan.note(sentence)
        if drawer.doubt is not None:
            drawer.doubt.load(folder)
        try:
            course = _run(plan, drawer, coding, folder, advance, digest_job(job))
        except KeyboardInterrupt:
            if list_segments(folder):
                plan.note(
                    f"{shown(config.output)}: what is done is kept; the same command with --resume goes on with it"
                )
            raise
        drawn = _report(plan, drawer, course, coding.size)
        _write_doubt(plan, drawer, course.frames)
        size = _join(plan, folder, streams, course, coding)
        kept = _keep(drawn) | {"bytes": size}
        write_text(folder / FINISHED, json.dumps(kept))
        return _finish(plan, folder, kept)


def _join(plan: _Plan, folder: Path, streams: list[Kept], course: _Course, coding: Coding) -> int:
    """Puts the film together; gives its size in bytes."""
    draft = name_draft(plan.config, folder)
    held = [course.segments[number].frames for number in range(len(course.starts)) if number in course.segments]
    if len(held) != len(course.starts) or sum(held) != course.frames:
        raise OutputError(
            f"{shown(plan.config.output)}: its pieces hold {sum(held)} of {course.frames} frames; "
            "add --overwrite without --resume to begin anew"
        )
    try:
        join_segments(
            plan.film,
            streams,
            folder,
            draft,
            plan.config.output,
            segments=course.segments,
            starts=course.starts,
            last=course.last,
            end=_end_of(plan, course),
            coding=coding,
            start=plan.config.start,
            length=plan.length,
            chapters=plan.clock.ramp is None,
        )
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(draft)
    return draft.stat().st_size


def _keep(drawn: FilmDrawn) -> dict[str, Any]:
    """The summary of a finished film, as JSON."""
    summary = {name: getattr(drawn, name) for name in ("frames", "drawn", "width", "height", "engine", "resumed")}
    rate = None if drawn.rate is None else str(drawn.rate)
    doubtful = [to_json(each) for each in drawn.doubtful]
    return summary | {"seconds": str(drawn.seconds), "rate": rate, "notes": list(drawn.notes), "doubtful": doubtful}


def _finish(plan: _Plan, folder: Path, summary: dict[str, Any]) -> FilmDrawn:
    """Puts the finished film in its place, where a run that was killed has not done so, and clears up."""
    draft, output = name_draft(plan.config, folder), plan.config.output
    if draft.exists():
        put_in_place(draft, find_target(output))
    clear(folder, but=(LOCK, FINISHED))
    (folder / FINISHED).unlink()
    rate = None if summary["rate"] is None else Fraction(summary["rate"])
    plain = {name: summary[name] for name in ("frames", "drawn", "width", "height", "engine", "resumed")}
    doubtful = read_doubtful(summary.get("doubtful", ()))
    notes = tuple(summary["notes"])
    return FilmDrawn(output, seconds=Fraction(summary["seconds"]), rate=rate, notes=notes, doubtful=doubtful, **plain)


def _describe_job(plan: _Plan, coding: Coding) -> dict[str, Any]:
    """All on which the new film's bytes depend, by which a run knows what it may go on with."""
    config = plan.config
    # another animi of the same version may bring other weights
    weights = find_weights(config.engine, config.checkpoint)
    checkpoint = None if weights is None else hashlib.sha256(weights.read_bytes()).hexdigest()
    job = {
        "animi": version("animi"),
        "film": {"stream": True} if config.film == STREAM else identify_film(config.film),
        "fps": None if plan.clock.rate is None else str(plan.clock.rate),
        "factor": str(plan.clock.factor),
        "cadence": config.cadence,
        "hold_threshold": config.hold_threshold,
        "range": [config.start, None if plan.end is None else str(plan.end)],
        "engine": plan.engine.name,
        "checkpoint": checkpoint,
        "device": config.device,
        "provider": config.provider,
        "mix": config.mix,
        "loop": plan.loops,
        "pixel_art": config.pixel_art,
        "palette": None if config.palette is None else hashlib.sha256(config.palette.read_bytes()).hexdigest(),
        "on_failure": config.on_failure,
        "coding": list(coding.arguments),
    }
    # only where they are given, so that a film that an earlier animi began is still known
    later = {"ramp": config.ramp, "arcs": config.arcs, "hints": hash_film_hints(config.hints)}
    return job | {name: value for name, value in later.items() if value}
