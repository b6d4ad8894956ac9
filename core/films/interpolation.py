"""Interpolates whole films: `animi interpolate film.mp4 -o smooth.mp4`.

A film is made in three steps: it is planned (`plan`), its segments are drawn (`segment_work`), and they are joined
(`joining`). This module runs all three on one machine; `job` has one function for each, for several machines. Until the
film is complete, all files are in a hidden folder beside the output.

Decoding, drawing and encoding each run in a thread, beside two ffmpeg processes; further threads prepare the pairs that
come next. Queues between them hold a few frames, so memory does not depend on the film's length. A film from standard
input is drawn while it is read.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from ..config.choices import STREAM
from ..config.interpolation import InterpolateFilmConfig
from ..errors import InputError
from ..files import put_in_place, shown, write_text
from ..inbetween.doubt_sheet import Doubtful, check_doubt_path, to_json
from ..lock import LOCK
from ..media.animation import write_animation
from ..media.film_segments import list_segments
from ..media.film_sink import choose_streams
from ..media.frames import Frame
from .doubt import FilmDoubt, read_doubtful, write_film_page
from .drawing import FrameDrawer
from .joining import join_film
from .judging import exposures_of, judge_film
from .plan import FilmPlan, plan_film
from .plan_file import read_plan, write_plan
from .segment_work import LiveFilm, choose_missing, draw_live, draw_segments, find_segments, open_drawer
from .segmenting import NewFrame, cut_segments
from .setup import FilmSetup, check_places, describe_job, set_up_film
from .work_folder import FINISHED, PLAN, claim_folder, clear, find_target, name_draft, name_inputs

Advance = Callable[[int, int | None], None]
"""Called with the number of frames done, and the number in all (None: unknown)."""


@dataclass(frozen=True)
class FilmDrawn:
    """The result of `interpolate_film`.

    Attributes:
        path: the output's path, or STREAM.
        frames: number of frames.
        drawn: how many of them were drawn; the others are frames of the source film.
        width: in pixels, as stored.
        height: in pixels.
        seconds: from the first frame to the end of the last.
        rate: frames per second; None if it varies.
        engine: the engine's name.
        resumed: number of frames that an earlier run had made.
        notes: sentences for the user, without a full stop.
        doubtful: the moments worth checking, the worst first, with --doubt.
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


def interpolate_film(
    config: InterpolateFilmConfig,
    on_frame: Advance | None = None,
    on_note: Callable[[str], None] | None = None,
    on_plan: Advance | None = None,
) -> FilmDrawn:
    """Draws a film at another frame rate, as `animi interpolate FILM` does.

    Args:
        config: the film, the output and all options.
        on_frame: called after each frame with the number done and the number in all (None: unknown).
        on_note: called with sentences for the user while it runs.
        on_plan: called in the same way while the film is planned, before any frame is drawn.

    Raises:
        AnimiError: the film, an option or the output cannot be used. An earlier output is unchanged, and finished
            segments are kept for --resume.
        BrokenPipeError: the reader of standard output has closed it.
    """
    advance = on_frame or (lambda done, total: None)
    into_film = check_places(config)
    if config.doubt is not None:
        again = config.overwrite or config.resume
        check_doubt_path(config.doubt, config.output, overwrite=again, inputs=name_inputs(config), film=True)
    setup = set_up_film(config, on_note, into_film=into_film)
    if config.output == STREAM:
        return _stream(setup, advance)
    if not into_film:
        return _write_animation(setup, advance)
    return _write_film(setup, advance, on_plan or (lambda done, total: None))


def report(
    setup: FilmSetup,
    size: tuple[int, int],
    frames: int,
    drawn: int,
    doubt: FilmDoubt | None,
    seconds: Fraction,
    resumed: int = 0,
) -> FilmDrawn:
    """Describes the film that was made."""
    return FilmDrawn(
        setup.config.output,
        frames,
        drawn,
        *size,
        seconds,
        setup.clock.rate,
        setup.engine.name,
        resumed,
        tuple(setup.notes),
        () if doubt is None else tuple(doubt.list.worst),
    )


def note_unused(setup: FilmSetup) -> None:
    """Adds a note that names hints without effect."""
    if setup.hints is not None and (unused := setup.hints.unused):
        first, last = unused[0]
        others = len(unused) - 1
        more = f", nor had those of {others} other {'pair' if others == 1 else 'pairs'}" if others else ""
        setup.note(
            f"{shown(Path(str(setup.config.hints)))}: nothing is drawn between drawings at {first:g} and {last:g} "
            f"s, so their hints had no effect{more}"
        )


def _write_doubt(setup: FilmSetup, doubt: FilmDoubt | None, frames: int) -> None:
    """Writes the page of doubtful moments, with --doubt."""
    if doubt is not None:
        write_film_page(setup.config, setup.clock.usual, doubt.list, frames)


def _stream(setup: FilmSetup, advance: Advance) -> FilmDrawn:
    """Sends the film to standard output as y4m."""
    live, drawer = _draw_live(setup, None, advance)
    _write_doubt(setup, drawer.doubt, live.frames)
    seconds = setup.find_end(live.starts[0], live.last) - live.starts[0]
    return report(setup, setup.coding.size, live.frames, drawer.count, drawer.doubt, seconds)


def _draw_live(setup: FilmSetup, folder: Path | None, advance: Advance) -> tuple[LiveFilm, FrameDrawer]:
    total = setup.total
    live, drawer = draw_live(setup, folder, lambda done: advance(done, total))
    note_unused(setup)
    return live, drawer


def _write_animation(setup: FilmSetup, advance: Advance) -> FilmDrawn:
    """Writes a GIF, WebP, APNG or a folder, without audio. Such an output cannot be resumed."""
    config, total = setup.config, setup.total
    drawer, live = open_drawer(setup), LiveFilm()
    ends: list[Fraction] = []  # the times at which frames end, relative to the first frame's

    def find_end(following: NewFrame | None) -> Fraction:
        return setup.find_end(live.starts[0], live.last) if following is None else following.exposure.time

    def draw(frames: Iterator[NewFrame]) -> Iterator[Frame]:
        for new, following in pairwise(chain(frames, (None,))):
            assert new is not None
            live.take(new)
            ends.append(find_end(following) - live.starts[0])
            yield drawer.draw(new)
        drawer.settle()
        note_unused(setup)

    animation = setup.film.animation
    with (
        exposures_of(setup, judge_film(setup)) as exposures,
        closing(drawer.look_ahead(cut_segments(exposures))) as frames,
    ):
        written = write_animation(
            config.output,
            draw(frames),
            fps=setup.usual_rate,
            ends=None if setup.clock.rate is not None else ends,
            profile=setup.film.profile,
            loop=config.loop or animation is None or animation.loops,
            overwrite=config.overwrite,
            count=total,
            on_frame=lambda done: advance(done, total),
        )
    for sentence in written.notes:
        setup.note(sentence)
    _write_doubt(setup, drawer.doubt, live.frames)
    size = written.width, written.height
    return report(setup, size, live.frames, drawer.count, drawer.doubt, written.seconds)


def _write_film(setup: FilmSetup, advance: Advance, on_plan: Advance) -> FilmDrawn:
    """Writes a film, with the audio, subtitles and other streams of the source film."""
    config = setup.config
    job = describe_job(setup)
    with claim_folder(config, job, setup.note) as (folder, finished):
        if finished is not None:
            return _finish(setup, folder, finished)
        streams, notes = choose_streams(setup.film, setup.coding, config.output, folder, start=config.start)
        for sentence in notes:
            setup.note(sentence)
        try:
            if config.film == STREAM:
                live, drawer = _draw_live(setup, folder, advance)
                starts, last, segments, frames = live.starts, live.last, live.segments, live.frames
                doubt, count, resumed = drawer.doubt, drawer.count, 0
            else:
                plan = _plan(setup, folder, job, on_plan)
                starts, last, frames = plan.starts, plan.last, plan.frames
                segments, doubt, count, resumed = _draw_plan(setup, plan, folder, advance)
        except KeyboardInterrupt:
            if list_segments(folder):
                setup.note(f"{shown(config.output)}: finished parts are kept; add --resume to continue")
            raise
        seconds = setup.find_end(starts[0], last) - starts[0]
        drawn = report(setup, setup.coding.size, frames, count, doubt, seconds, resumed)
        _write_doubt(setup, doubt, frames)
        draft = name_draft(config, folder)
        size = join_film(setup, streams, folder, draft, segments=segments, starts=starts, last=last, frames=frames)
        kept = _keep(drawn) | {"bytes": size}
        write_text(folder / FINISHED, json.dumps(kept))
        return _finish(setup, folder, kept)


def _plan(setup: FilmSetup, folder: Path, job: dict[str, Any], on_plan: Advance) -> FilmPlan:
    """Plans the film, or reads the plan that an earlier run has written."""
    config = replace(setup.config, overwrite=False, resume=False)
    path = folder / PLAN
    if path.exists():
        try:
            plan = read_plan(path)
        except InputError:
            plan = None
        if plan is not None and plan.job == job:
            for sentence in plan.notes:
                if sentence not in setup.notes:
                    setup.note(sentence)
            return replace(plan, config=config)
    plan = plan_film(setup, config, job, on_plan)
    write_plan(plan, path)
    return plan


def _draw_plan(
    setup: FilmSetup, plan: FilmPlan, folder: Path, advance: Advance
) -> tuple[dict[int, Any], FilmDoubt | None, int, int]:
    """Draws the missing segments.

    Returns:
        All segments, the doubtful moments, the number of frames drawn and the number resumed.
    """
    known = find_segments(plan, folder, setup.note)
    resumed = sum(segment.frames for segment in known.values())
    numbers = choose_missing(plan, folder, known, range(len(plan.segments)))
    again = sum(known[number].frames for number in numbers if number in known)
    segments, count = known, 0
    if numbers:
        first = resumed - again
        segments, count = draw_segments(
            setup, plan, folder, numbers, known, lambda done: advance(first + done, plan.frames)
        )
    else:
        advance(plan.frames, plan.frames)
    if not resumed:  # otherwise an earlier run may have used them
        note_unused(setup)
    doubt = None
    if setup.config.doubt is not None:
        doubt = FilmDoubt()
        for number in range(len(plan.segments)):
            doubt.load(folder, number)
    return segments, doubt, count, resumed


def _keep(drawn: FilmDrawn) -> dict[str, Any]:
    """The summary of a finished film, as JSON."""
    summary = {name: getattr(drawn, name) for name in ("frames", "drawn", "width", "height", "engine", "resumed")}
    rate = None if drawn.rate is None else str(drawn.rate)
    doubtful = [to_json(each) for each in drawn.doubtful]
    return summary | {"seconds": str(drawn.seconds), "rate": rate, "notes": list(drawn.notes), "doubtful": doubtful}


def _finish(setup: FilmSetup, folder: Path, summary: dict[str, Any]) -> FilmDrawn:
    """Moves the draft to the output, unless a killed run has already done so, and clears the folder."""
    draft, output = name_draft(setup.config, folder), setup.config.output
    if draft.exists():
        put_in_place(draft, find_target(output))
    clear(folder, but=(LOCK, FINISHED))
    (folder / FINISHED).unlink()
    rate = None if summary["rate"] is None else Fraction(summary["rate"])
    plain = {name: summary[name] for name in ("frames", "drawn", "width", "height", "engine", "resumed")}
    doubtful = read_doubtful(summary.get("doubtful", ()))
    notes = tuple(summary["notes"])
    return FilmDrawn(output, seconds=Fraction(summary["seconds"]), rate=rate, notes=notes, doubtful=doubtful, **plain)
