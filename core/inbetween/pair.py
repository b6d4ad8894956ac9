"""Draws frames between two key frames with an engine, in the key frames' own form."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import DTypeLike

from ..engines.blend import Blend, BlendEngine
from ..engines.interface import (
    Engine,
    Guided,
    Leaving,
    Sure,
    Working,
    find_doubt,
    follow,
    keep_between,
    render_all,
    render_parts,
)
from ..media.frames import Frame, premultiply, unpremultiply
from ..motion.grid import Array, Flow
from ..motion.guides import PairHints
from .doubt import Moment, Watch
from .overlay import find_overlay
from .pixel_art import PixelArtEngine

STILL = 6
"""Levels of 255 by which an engine's pixel may differ from equal pixels of both key frames; if it differs by more,
something that moves covers it. Not tuned: more than rounding makes, and less than is seen."""
MARGIN = 24
"""Margin in pixels around the part that changes, so that the engine gets complete outlines. Not tuned."""


@dataclass(frozen=True)
class PreparedPair:
    """Two key frames, prepared so that any frame between them can be drawn."""

    draw: Callable[[Sequence[float]], Iterator[Frame]]
    """Draws the frames at times in (0, 1), in their order, as they are asked for."""
    doubt: Callable[[float], Array]
    """Where the frame at t is guesswork: (h, w) float32 in [0, 1] on any grid, of the whole picture."""
    follow: Callable[[], Flow]
    """The motion of each pixel from the first to the last: (H, W, 2), in pixels."""
    draw_parts: Callable[[Sequence[float], Sequence[Sequence[float]]], Iterator[Frame]] | None = None
    """Draws frames at times in [0, 1] in which the hints' parts have their own times; None: there are no parts."""

    def __call__(self, times: Sequence[float]) -> Iterator[Frame]:
        """Draws."""
        return self.draw(times)


def draw_segment(
    first: Frame,
    last: Frame,
    times: Iterable[float],
    engine: Engine,
    on_failure: str,
    hints: PairHints | None = None,
    watch: Watch | None = None,
    part_times: Sequence[Sequence[float]] | None = None,
) -> Iterator[Frame]:
    """Draws the frames of one segment.

    Args:
        first: its first key frame.
        last: its last.
        times: of the frames, in [0, 1] and in order.
        engine: draws them.
        on_failure: one of `config.choices.ON_FAILURE`.
        hints: what an animator says of this pair.
        watch: is shown each in-between.
        part_times: of each frame, the times of the hints' parts; None: they have that of all else.
    """
    times = list(times)
    moments = [(t, *(() if part_times is None else part_times[number])) for number, t in enumerate(times)]
    between = [moment for moment in moments if not is_given(*moment)]
    pair: PreparedPair | None = None
    for number, (t, *parts) in enumerate(moments):
        if is_given(t, *parts):
            yield (first, last)[int(t)].copy()
            continue
        if pair is None:
            pair = prepare_pair(first, last, engine, on_failure, hints=hints)
            if pair.draw_parts is not None and part_times is not None:
                drawn = pair.draw_parts([t for t, *_ in between], [rest for _, *rest in between])
            else:
                drawn = pair([keep_between(t) for t, *_ in between])
        frame = next(drawn)
        if watch is not None:
            inner = next((time for time in (t, *parts) if 0 < time < 1), 0.5)
            watch(Moment(number, t, frame, (first, last), pair.doubt(inner)))
        yield frame


def is_given(t: float, *parts: float) -> bool:
    """Whether a frame at time `t` is a key frame, which also needs all of its parts to be at that time."""
    return t in (0, 1) and all(part == t for part in parts)


def prepare_pair(
    first: Frame,
    last: Frame,
    engine: Engine,
    on_failure: str,
    before: Frame | None = None,
    *,
    hints: PairHints | None = None,
) -> PreparedPair:
    """Prepares a pair: an overlay on a moving picture is removed, and composited over the in-betweens.

    Args:
        first: a frame.
        last: another of the same shape and type.
        engine: draws between them.
        on_failure: one of `config.choices.ON_FAILURE`.
        before: the drawing before `first`, of the same shot, where there is one.
        hints: what an animator says of this pair, in its pixels; only engines that are `Guided` take any.

    Returns:
        What draws the frames.
    """
    if isinstance(engine, PixelArtEngine):
        draw = engine.prepare_frames(first, last, lambda one, other, drawer: _prepare(one, other, drawer, on_failure))
        return PreparedPair(draw, *_know_nothing(first.shape))
    # an animator who gives hints also marks what stands still
    overlay = None if hints else find_overlay(first, last, before)
    if overlay is None:
        return _prepare(first, last, engine, on_failure, hints)
    below = _prepare(*overlay.frames, engine, on_failure)
    return replace(below, draw=lambda times: map(overlay.lay, below.draw(times)))


def _prepare(
    first: Frame,
    last: Frame,
    engine: Engine,
    on_failure: str,
    hints: PairHints | None = None,
    *,
    margin: int = MARGIN,
) -> PreparedPair:
    """Prepares a pair: converts to the engine's working form and back, and keeps pixels that are equal in both.

    The engine only gets the part of the picture that changes, with a margin around it.

    Args:
        first: a frame.
        last: another of the same shape and type.
        engine: draws between them.
        on_failure: one of `config.choices.ON_FAILURE`.
        hints: what an animator says of this pair, in its pixels; only engines that are `Guided` take any.
        margin: around the part that changes, in pixels.

    Returns:
        What draws the frames.
    """
    shape = first.shape
    whole = [frame.reshape(*shape[:2], -1) for frame in (first, last)]
    none = (0,) * whole[0].shape[2]
    still = cv2.inRange(cv2.absdiff(whole[0], whole[1]), none, none)  # (H, W), 255 where both agree
    x, y, w, h = cv2.boundingRect(255 - still)
    if w == 0:
        return PreparedPair(lambda times: (first.copy() for _ in times), *_know_nothing(shape))
    box = slice(max(0, y - margin), y + h + margin), slice(max(0, x - margin), x + w + margin)
    if hints and hints.may_go_around:  # out of the part that changes, and back into it
        box = slice(0, shape[0]), slice(0, shape[1])
    still, key = np.ascontiguousarray(still[box]), np.ascontiguousarray(whole[0][box])
    working = [_to_working(frame) for frame in (key, np.ascontiguousarray(whole[1][box]))]
    rows, columns = (part.indices(side) for part, side in zip(box, shape[:2], strict=True))

    def place(part: Array) -> Array:
        """Puts a map of the part that changes into one of the whole picture."""
        found = np.zeros((*shape[:2], *part.shape[2:]), np.float32)
        size = columns[1] - columns[0], rows[1] - rows[0]
        found[box] = part if part.shape[1::-1] == size else cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        return found

    if hints and isinstance(engine, Guided):
        hints = hints.crop(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
        pair = engine.prepare(working[0], working[1], hints)
    else:
        pair = engine.prepare(working[0], working[1])
    if isinstance(pair, Leaving) and pair.leaves and key.shape[:2] != shape[:2]:
        return _prepare(first, last, engine, on_failure, hints, margin=margin + max(w, h) // 2)
    if on_failure != "morph" and isinstance(pair, Sure) and not pair.explained:
        if on_failure == "hold":
            return replace(hold_nearer(first, last), doubt=lambda t: place(Blend(working[0], working[1]).doubt(t)))
        pair = Blend(working[0], working[1])

    def finish(drawn: Working) -> Frame:
        # pixels that are equal in both key frames, unless something clearly covers them; compared premultiplied, as
        # transparent pixels may have any colour
        near = cv2.inRange(cv2.absdiff(drawn, working[0]), none, (STILL,) * len(none))
        changed = cv2.bitwise_not(cv2.bitwise_and(still, near))
        frame = whole[0].copy()
        frame[box] = cv2.copyTo(_from_working(drawn, first.dtype), changed, key.copy()).reshape(key.shape)
        return frame.reshape(shape)

    return PreparedPair(
        lambda times: map(finish, render_all(pair, times)),
        lambda t: place(find_doubt(pair, t)),
        lambda: place(follow(pair, *key.shape[:2])),
        (lambda times, parts: map(finish, render_parts(pair, times, parts))) if hints and hints.parts else None,
    )


def hold_nearer(first: Frame, last: Frame) -> PreparedPair:
    """A pair of which the nearer key frame is shown."""
    return PreparedPair(lambda times: ((first, last)[t >= 0.5].copy() for t in times), *_know_nothing(first.shape))


def mix(first: Frame, last: Frame) -> PreparedPair:
    """A pair of which a mixture is shown, as in a dissolve, where it is no guesswork."""
    return replace(_prepare(first, last, BlendEngine(), "morph"), doubt=_know_nothing(first.shape)[0])


def _know_nothing(shape: tuple[int, ...]) -> tuple[Callable[[float], Array], Callable[[], Flow]]:
    """The doubt and the motion of a pair of frames of that shape in which nothing is in doubt and nothing moves."""
    return lambda _: np.zeros(shape[:2], np.float32), lambda: np.zeros((*shape[:2], 2), np.float32)


def _to_working(frame: Frame) -> Working:
    """Converts (H, W, C) uint8 or uint16 to the engines' working form."""
    if frame.shape[2] == 4:
        return premultiply(frame) * np.float32(255)
    return frame if frame.dtype == np.uint8 else frame.astype(np.float32) / 257


def _from_working(drawn: Working, dtype: DTypeLike) -> Frame:
    """Converts an engine's frame to the key frames' type."""
    if drawn.dtype == np.uint8:
        return drawn
    if drawn.shape[2] == 4:
        return unpremultiply(drawn / np.float32(255), dtype)
    return np.asarray(np.clip(drawn, 0, 255) * (257 if dtype == np.uint16 else 1) + 0.5).astype(dtype)
