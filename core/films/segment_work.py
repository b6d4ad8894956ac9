"""Draws segments of a planned film. The same plan gives the same bytes, wherever and however often they are drawn.

Threads change nothing: the encoders' number is fixed, and what is drawn is computed in the same order with any number.
Processors with other vector instructions, GPUs and other versions of the libraries round differently. So the record of
a segment says what it was made on, and `animi join` reports segments of several kinds.
"""

import platform
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import cv2

from ..devices import choose_device, is_cpu
from ..files import shown
from ..interrupts import held_back
from ..media.film_segments import Segment, check_segment, name_segment
from ..media.film_sink import FilmWriter
from .doubt import FilmDoubt, name_doubt
from .drawing import FrameDrawer
from .judging import exposures_of, judge_film
from .plan import FilmPlan
from .replay import replay
from .segmenting import NewFrame, cut_segments
from .setup import FilmSetup


def name_machine(setup: FilmSetup) -> str:
    """Names the kind of this machine, as far as results may differ with it in their last bits."""
    kind = f"{platform.machine()} {' '.join(cv2.getCPUFeaturesLine().replace('*', '').split())}"
    if is_cpu(setup.config.device):
        return kind
    device = choose_device(setup.config.device)
    if device.type == "cuda":
        import torch

        return f"{kind}, {torch.cuda.get_device_name(device)}"
    return f"{kind}, {device.type}"


def find_segments(
    plan: FilmPlan,
    folder: Path,
    note: Callable[[str], None],
    numbers: Sequence[int] | None = None,
) -> dict[int, Segment]:
    """Verifies the segments that are in a folder; Ctrl-C is answered meanwhile.

    Args:
        plan: the film's plan.
        folder: the segments' folder.
        note: called with a sentence about each segment that is damaged.
        numbers: of the segments to verify; None: all.

    Returns:
        The records of intact segments, by number.
    """
    found: dict[int, Segment] = {}
    digest = plan.digest
    with held_back() as held:
        for number in range(len(plan.segments)) if numbers is None else numbers:
            planned = plan.segments[number]
            segment = check_segment(folder, number, digest, held.answer)
            if segment is not None and segment.frames == len(planned.frames):
                found[number] = segment
            elif name_segment(folder, number).exists():
                last = planned.start + len(planned.frames) - 1
                note(
                    f"{shown(plan.config.output)}: frames {planned.start} to {last}, "
                    "which an earlier run has made, are damaged or cannot be verified, and are drawn anew"
                )
    return found


def draw_segments(
    setup: FilmSetup,
    plan: FilmPlan,
    folder: Path,
    numbers: Sequence[int],
    known: dict[int, Segment],
    advance: Callable[[int], None],
) -> tuple[dict[int, Segment], int]:
    """Draws segments and encodes them; Ctrl-C is answered between frames.

    Args:
        setup: the film.
        plan: its plan.
        folder: the segments' folder.
        numbers: of the segments, rising.
        known: segments that are complete already. If one of `numbers` is among them, only its doubtful moments are
            found again.
        advance: called with the number of frames done so far.

    Returns:
        The records of all segments, those of `known` included, and how many frames were drawn.

    Raises:
        InputError: the film decodes differently than where it was planned.
        OutputError: a segment could not be written.
    """
    drawer = open_drawer(setup)
    with (
        held_back() as held,
        FilmWriter(
            setup.coding,
            folder,
            plan.config.output,
            held.answer,
            job=plan.digest,
            made=name_machine(setup),
            known=known,
        ) as writer,
        closing(
            drawer.look_ahead(replay(setup, plan, numbers, held.answer), lambda new: new.segment not in known)
        ) as frames,
    ):
        for done, new in enumerate(frames, 1):
            held.answer()
            done_before = new.segment in known
            frame = None if done_before else drawer.draw(new)
            if done_before:
                drawer.measure(new)
            planned = plan.segments[new.segment]
            if drawer.doubt is not None and new.number == planned.start + len(planned.frames) - 1:
                drawer.settle()
                drawer.doubt.save(folder, new.segment)
            if frame is not None:
                writer.put(new.segment, new.exposure.time, frame)
            advance(done)
    return writer.segments, drawer.count


def choose_missing(plan: FilmPlan, folder: Path, known: dict[int, Segment], wanted: Sequence[int]) -> list[int]:
    """Returns which of the wanted segments have to be drawn: for themselves, or for their doubtful moments."""
    doubts = plan.config.doubt is not None
    return [k for k in wanted if k not in known or (doubts and not name_doubt(folder, k).exists())]


def draw_live(setup: FilmSetup, folder: Path | None, advance: Callable[[int], None]) -> tuple["LiveFilm", FrameDrawer]:
    """Draws a film while it is read, without a plan; Ctrl-C is answered between frames.

    Args:
        setup: the film.
        folder: the segments' folder; None: the film goes to standard output.
        advance: called with the number of frames done so far.
    """
    drawer = open_drawer(setup)
    live = LiveFilm()
    with (
        held_back() as held,
        exposures_of(setup, judge_film(setup), held.answer) as exposures,
        FilmWriter(setup.coding, folder, setup.config.output, held.answer) as writer,
        closing(drawer.look_ahead(cut_segments(exposures))) as frames,
    ):
        for new in frames:
            held.answer()
            live.take(new)
            writer.put(new.segment, new.exposure.time, drawer.draw(new))
            advance(live.frames)
    drawer.settle()
    live.segments = writer.segments
    return live, drawer


class LiveFilm:
    """What is known of a film that has been drawn while it was read."""

    def __init__(self) -> None:
        """Starts with nothing."""
        self.frames = 0
        """How many frames it has."""
        self.starts: list[Fraction] = []
        """When the first frame of each segment is shown, in seconds."""
        self.last = Fraction(0)
        """When the last frame is shown."""
        self.segments: dict[int, Segment] = {}
        """The segments' records."""

    def take(self, new: NewFrame) -> None:
        """Counts a frame."""
        if new.segment == len(self.starts):
            self.starts.append(new.exposure.time)
        self.last = new.exposure.time
        self.frames = new.number + 1


def open_drawer(setup: FilmSetup) -> FrameDrawer:
    """Makes the drawer of a film's frames."""
    doubt = None if setup.config.doubt is None else FilmDoubt()
    return FrameDrawer(setup.engine, setup.config.on_failure, doubt, setup.hints)
