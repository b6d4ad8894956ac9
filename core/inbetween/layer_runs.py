"""A layer between two pictures: which of its drawings are drawn from what, and the drawing of them."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..engines.interface import Engine
from ..media.deep import from_linear, to_linear
from ..media.frames import Frame, as_channels
from ..media.layers.composing import is_opaque
from ..media.layers.document import Cel, LayerPath, spread_cel
from ..motion.guides import PairHints
from .deep import draw_values
from .doubt import Watch
from .hints import Hints, digest_hints
from .pair import draw_segment, is_given

EMPTY = Cel(np.zeros((1, 1, 4), np.uint8))
"""What a layer shows where it is empty."""


@dataclass(frozen=True)
class Drawer:
    """How layers are drawn.

    Attributes:
        engine: draws them.
        on_failure: one of `config.choices.ON_FAILURE`.
        linear: whether colours are sampled and mixed in linear light; the engine must be `Plain` then, and there may
            be neither hints nor parts.
    """

    engine: Engine
    on_failure: str
    linear: bool = False

    def draw(
        self,
        ends: tuple[Frame, Frame],
        times: Sequence[float],
        hints: PairHints | None,
        parts: Sequence[Sequence[float]] | None,
        watch: Watch | None,
    ) -> Iterator[Frame]:
        """Draws a layer's in-betweens.

        Args:
            ends: the layer in both pictures: (H, W, 4), straight alpha, on the whole canvas.
            times: of the in-betweens, in [0, 1].
            hints: what an animator says of them.
            parts: the times of the hints' parts.
            watch: is shown each in-between.

        Returns:
            (H, W, 4), straight alpha.
        """
        first, last = ends
        if is_opaque(first) and is_opaque(last):  # as any picture is drawn
            first, last = (np.ascontiguousarray(frame[..., :3]) for frame in ends)
        if not self.linear:
            drawn = draw_segment(first, last, times, self.engine, self.on_failure, hints, watch, parts)
            return (as_channels(frame, 4) for frame in drawn)
        return self._draw_light((first, last), times)

    def _draw_light(self, ends: tuple[Frame, Frame], times: Sequence[float]) -> Iterator[Frame]:
        values = [to_linear(frame) for frame in ends]
        kind = "uint8" if ends[0].dtype == np.uint8 else "uint16"
        between = [t for t in times if 0 < t < 1]
        light = draw_values(values[0], values[1], between, self.engine, self.on_failure)
        for t in times:
            yield as_channels(from_linear(next(light), kind) if 0 < t < 1 else ends[int(t)], 4)


@dataclass(frozen=True)
class LayerRun:
    """A layer from one picture to another.

    Attributes:
        path: the layer's.
        pair: the numbers of the two pictures.
        ends: what it shows in them.
        times: its time at each frame from the first picture on, the second not included.
        parts: the times of its parts at these frames.
        hints: what is said of it.
    """

    path: LayerPath
    pair: tuple[int, int]
    ends: tuple[Cel, Cel]
    times: tuple[float, ...]
    parts: tuple[tuple[float, ...], ...]
    hints: Hints

    def is_given(self, step: int) -> bool:
        """Whether it shows, at a frame, what one of the two pictures shows."""
        return is_given(self.times[step], *self.parts[step])


class Piece(NamedTuple):
    """The drawings of a layer between two that are given."""

    ends: tuple[Cel, Cel]
    steps: list[int]
    """The frames at which they are shown, counted from the first picture."""
    times: list[float]
    """From the one end to the other, in [0, 1]."""
    parts: list[tuple[float, ...]] | None
    """The times of parts; beside a drawing that a person has painted, parts have the time of everything else."""
    span: tuple[float, float]
    """The times of the ends between the two pictures."""


def split_run(run: LayerRun, painted: Mapping[int, Cel]) -> list[Piece]:
    """Divides a layer's drawings at those that a person has painted.

    Args:
        run: the layer.
        painted: what it shows at the frames that are painted.
    """
    anchors = [
        (0.0, run.ends[0]),
        *((run.times[step], cel) for step, cel in sorted(painted.items())),
        (1.0, run.ends[1]),
    ]
    pieces: list[Piece] = []
    steps: list[int] = []
    for step in range(len(run.times) + 1):
        if step < len(run.times) and step not in painted:
            if not run.is_given(step):
                steps.append(step)
            continue
        place = sum(1 for other in painted if other < step)
        (start, first), (end, last) = anchors[place], anchors[place + 1]
        whole = not painted
        if steps:
            times = [(run.times[each] - start) / (end - start) if end > start else 0.0 for each in steps]
            parts = [run.parts[each] for each in steps] if whole and run.parts[0] else None
            pieces.append(Piece((first, last), steps, times, parts, (start, end)))
        steps = []
    return pieces


def find_hints(run: LayerRun, piece: Piece, width: int, height: int) -> PairHints | None:
    """What is said of a piece; where a painted drawing divides the run, what is said of that part of it."""
    if not run.hints:
        return None
    return run.hints.of(*run.pair, width, height).cut(*piece.span)


def draw_piece(
    piece: Piece,
    size: tuple[int, int],
    drawer: Drawer,
    hints: PairHints | None,
    wanted: Collection[int],
    watch: Watch | None = None,
) -> Iterator[tuple[int, Frame]]:
    """Draws a piece's drawings.

    They are drawn together up to the last one that is wanted, so that they are the same as when all are drawn.

    Args:
        piece: which.
        size: width and height of the canvas.
        drawer: draws them.
        hints: what is said of them.
        wanted: the steps that are wanted.
        watch: is shown each of these, by its step.

    Returns:
        The step and the drawing on the whole canvas, (H, W, 4).
    """
    count = max((place + 1 for place, step in enumerate(piece.steps) if step in wanted), default=0)
    if not count:
        return
    deep = any(cel.pixels.dtype == np.uint16 for cel in piece.ends)
    first, last = (spread_cel(cel, *size, deep=deep) for cel in piece.ends)
    seen: Watch | None = None
    if watch is not None:

        def seen(moment: Any) -> None:
            if piece.steps[moment.number] in wanted:
                watch(moment._replace(number=piece.steps[moment.number]))

    parts = None if piece.parts is None else piece.parts[:count]
    drawn = drawer.draw((first, last), piece.times[:count], hints, parts, seen)
    for step, frame in zip(piece.steps[:count], drawn, strict=True):
        if step in wanted:
            yield step, frame


def digest_piece(piece: Piece, hints: PairHints | None) -> list[str]:
    """For each drawing of a piece, a hash of what it is drawn from."""
    ends = [hash_cel(cel) for cel in piece.ends]
    said = digest_hints(hints)
    found = []
    for place, t in enumerate(piece.times):
        parts = () if piece.parts is None else piece.parts[place]
        found.append(hashlib.sha256(json.dumps([*ends, t, said, *parts]).encode()).hexdigest()[:32])
    return found


def hash_cel(cel: Cel) -> str:
    """A hash of what a layer shows, and where."""
    head = f"{cel.x} {cel.y} {cel.pixels.shape} {cel.pixels.dtype}"
    return hashlib.sha256(head.encode() + np.ascontiguousarray(cel.pixels).tobytes()).hexdigest()
