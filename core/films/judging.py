"""Decodes and judges a film's frames, and finds out what each frame of the new film shows."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction

from ..errors import InputError
from ..files import shown
from ..media.decode import DamagedStretch
from ..media.film_source import read_frames
from ..media.frames import Frame
from ..read_ahead import read_ahead
from .setup import FilmSetup
from .timing import Clock, Exposure, FilmFrame, expose, judge_frames

AHEAD = 4
"""Decoded frames that may wait to be drawn."""
_GAP = Fraction(5, 2)  # of the usual time between frames: in films of constant rate, frames are missing there


def judge_film(
    setup: FilmSetup,
    *,
    mend: bool = True,
    on_frame: Callable[[Frame], None] | None = None,
    on_damage: Callable[[], None] | None = None,
) -> Generator[FilmFrame, None, None]:
    """Decodes the film's frames within the range, and judges them.

    Args:
        setup: the film.
        mend: as in `judge_frames`.
        on_frame: called with each frame as it is decoded, in order.
        on_damage: called where a stretch of the film cannot be decoded.

    Raises:
        InputError: the film cannot be decoded, or has no frame within the range.
    """
    film, config = setup.film, setup.config

    def note_damage(part: DamagedStretch) -> None:
        if on_damage is not None:
            on_damage()
        until = "its end" if part.last is None else f"{part.last:.2f} s"
        setup.note(
            f"{shown(film.path)}: damaged from {part.first:.2f} s to {until}, where a frame is held ({part.message})"
        )

    def note_size(time: float, width: int, height: int) -> None:
        if (width, height) != size[-1]:
            size.append((width, height))
            setup.note(
                f"{shown(film.path)}: from {time:.2f} s on, frames are {width}x{height}; "
                f"they are fitted into {film.width}x{film.height}"
            )

    size = [(film.width, film.height)]

    def take() -> Generator[tuple[Fraction, Frame], None, None]:
        first: Frame | None = None
        with closing(read_frames(film, start=config.start, on_damage=note_damage, on_size=note_size)) as frames:
            for time, pixels in frames:
                if setup.end is not None and time >= setup.end:
                    break
                if time >= config.start:
                    first = pixels if first is None else first
                    if on_frame is not None:
                        on_frame(pixels)
                    yield time, pixels
        if first is None:
            raise InputError(f"{shown(film.path)}: has no frame within --range; give a longer one")
        if setup.loops and setup.end is not None:
            yield setup.end, first

    gap = None if film.timing.rate is None else _GAP * film.timing.usual
    with closing(take()) as taken:
        yield from judge_frames(taken, gap, config.hold_threshold, mend=mend)


@contextmanager
def exposures_of(
    setup: FilmSetup, judged: Generator[FilmFrame, None, None], answer: Callable[[], None] = lambda: None
) -> Iterator[Iterator[Exposure]]:
    """Provides what the frames of the new film show; the film is judged in a thread.

    Args:
        setup: the film.
        judged: its frames, from `judge_film`.
        answer: called regularly while it waits; an exception that it raises ends the work.
    """
    with closing(read_ahead(judged, AHEAD, answer)) as frames:
        exposures = expose(frames, setup.clock, setup.end, keep=setup.config.cadence == "keep", loops=setup.loops)
        yield exposures if setup.clock.ramp is None else _space_evenly(exposures, setup.clock)


def _space_evenly(exposures: Iterator[Exposure], clock: Clock) -> Iterator[Exposure]:
    """Gives the frames of a film with a ramp the times at which the new film shows them."""
    first: Fraction | None = None
    assert clock.rate is not None
    for number, exposure in enumerate(exposures):
        first = exposure.time if first is None else first
        yield replace(exposure, time=first + number / clock.rate)
