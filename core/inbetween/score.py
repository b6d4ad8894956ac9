"""How doubtful the in-betweens of a sequence of key frames are, frame by frame."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config.choices import DEVICES, EASINGS
from ..config.interpolation import space_frames
from ..engines.interface import Engine
from ..engines.opening import open_engine
from ..media.frames import Frame
from ..motion.grid import Array
from ..motion.guides import Point
from .doubt import find_worst
from .hints import Hints
from .pair import PreparedPair, prepare_pair
from .sequence import check_forms, check_frames, check_hints, gather_hints, write_chart


@dataclass(frozen=True, eq=False)
class Score:
    """How doubtful one frame is.

    Attributes:
        doubt: (H, W) float32 in [0, 1]: where the frame is guesswork. 0 everywhere in a key frame.
        amount: mean doubt in the worst part of the frame, in [0, 1].
        place: the middle of that part, (x, y) in pixels.
        worth_a_look: it is more than the doubt along any outline.
    """

    doubt: Array
    amount: float
    place: Point
    worth_a_look: bool


def score(
    frames: Sequence[Frame],
    count: int = 8,
    *,
    spacing: str | Sequence[float] = EASINGS[0],
    loop: bool = False,
    engine: str | Engine | None = None,
    checkpoint: Path | None = None,
    mix: bool = False,
    arcs: bool = False,
    device: str = DEVICES[0],
    hints: Hints | str | Path | Sequence[str] | None = None,
) -> Iterator[Score]:
    """Measures where the frames that `interpolate` draws are guesswork.

    Args:
        frames: as for `interpolate`, and so are the others.
        count: frames from one key frame to the next, both included.
        spacing: likewise.
        loop: likewise.
        engine: likewise; engines that do not know what they guess are never in doubt.
        checkpoint: likewise.
        mix: likewise.
        arcs: likewise.
        device: likewise.
        hints: likewise; what they state has no doubt.

    Returns:
        An iterator of a score for each frame that `interpolate` gives, in its order.

    Raises:
        AnimiError: as `interpolate` does.
    """
    times = space_frames(count, write_chart(spacing))
    check_frames(frames)
    drawer = open_engine(engine, checkpoint, device, mixes=mix, arcs=arcs)
    known = gather_hints(hints)
    check_hints(known, drawer, len(frames), loop=loop)
    return _walk(frames, times, loop, drawer, known)


def _walk(frames: Sequence[Frame], times: Sequence[float], loop: bool, engine: Engine, hints: Hints) -> Iterator[Score]:
    first = frames[0]
    for index in range(1, len(frames) + loop):
        last = frames[index % len(frames)]
        check_forms(frames[0], last, index % len(frames))
        said = hints.of(index - 1, index % len(frames), first.shape[1], first.shape[0]) if hints else None
        pair: PreparedPair | None = None
        for t in times[:-1]:
            if t in (0, 1):
                yield _sum_up(np.zeros(first.shape[:2], np.float32))
                continue
            pair = pair or prepare_pair(first, last, engine, "morph", hints=said)
            yield _sum_up(pair.doubt(t))
        first = last
    if not loop:
        yield _sum_up(np.zeros(first.shape[:2], np.float32))


def _sum_up(doubt: Array) -> Score:
    worst = find_worst(doubt)
    return Score(doubt, worst.amount, worst.place, worst.is_worth_a_look)
