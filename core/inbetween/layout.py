"""Which drawing each frame of an animation shows, and between which key frames, at what time, each drawing is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .exposure_sheet import SheetRow
from .hints import Hints
from .pair import is_given
from .sequence import turn_back


@dataclass(frozen=True)
class Drawing:
    """A drawing of an animation."""

    segment: int
    """Number of the key frame, or of the sheet's row, before it; it is between that one and the next."""
    t: float
    """The time between them; 0 and 1 are the key frames themselves."""
    parts: tuple[float, ...] = ()
    """The times of the parts that have their own spacing."""

    @property
    def is_given(self) -> bool:
        """Whether it is a key frame."""
        return is_given(self.t, *self.parts)


@dataclass(frozen=True)
class Layout:
    """The drawings of an animation, and its frames."""

    drawings: tuple[Drawing, ...]
    """In order of time."""
    frames: tuple[int, ...]
    """Which of the drawings each frame shows."""
    keys: int
    """The number of key frames, or of a sheet's rows."""
    loop: bool
    """Whether the last of them leads to the first."""

    def to_json(self) -> list[Any]:
        """The drawings as a manifest stores them, to recognize the layout."""
        return [[drawing.segment, drawing.t] for drawing in self.drawings]


def lay_out(
    keys: int,
    times: Sequence[float],
    *,
    loop: bool = False,
    boomerang: bool = False,
    hints: Hints | None = None,
) -> Layout:
    """The layout of what `interpolate` draws.

    Args:
        keys: key frames.
        times: of a segment's frames, from 0 to 1.
        loop: the last key frame leads to the first.
        boomerang: to the end and back.
        hints: those with the spacing of parts.
    """
    segments = keys if loop else keys - 1
    drawings = []
    for segment in range(segments):
        parts = _space(hints, segment, (segment + 1) % keys, len(times))
        drawings += [Drawing(segment, t, part) for t, part in zip(times[:-1], parts[:-1], strict=True)]
    if not loop:
        drawings.append(Drawing(segments - 1, 1.0))
    return _number(drawings, [1] * len(drawings), keys, loop, boomerang)


def lay_out_sheet(
    rows: Sequence[SheetRow], *, loop: bool = False, boomerang: bool = False, hints: Hints | None = None
) -> Layout:
    """The layout of what `draw_sheet` draws; each frame of a drawing that is held is a drawing of its own."""
    drawings, counts = [], []
    for number, row in enumerate(rows):
        drawings += [Drawing(number, 0.0)] * row.hold
        counts += [1] * row.hold
        if number + 1 < len(rows) or loop:
            parts = _space(hints, number, (number + 1) % len(rows), len(row.times) + 2)[1:-1]
            drawings += [Drawing(number, t, part) for t, part in zip(row.times, parts, strict=True)]
            counts += [row.on] * len(row.times)
    return _number(drawings, counts, len(rows), loop, boomerang)


def _space(hints: Hints | None, first: int, last: int, count: int) -> list[tuple[float, ...]]:
    return [()] * count if hints is None else hints.space_parts(first, last, count)


def _number(drawings: list[Drawing], counts: list[int], keys: int, loop: bool, boomerang: bool) -> Layout:
    frames = [number for number, count in enumerate(counts) for _ in range(count)]
    if boomerang:
        frames += [frames[number] for number in turn_back(len(frames), loop=loop)]
    return Layout(tuple(drawings), tuple(frames), keys, loop)
