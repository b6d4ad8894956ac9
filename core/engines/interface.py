"""The interface of engines, which draw in-betweens.

An engine's `prepare(first, last)` runs once for a pair of key frames. Its result has `render(t)`, which draws a frame,
and may have `render_all(times)`, if drawing several frames together takes less time.

All engines use one working form of frames: (H, W, C), C of 1 (grey), 3 (RGB) or 4 (RGBA, premultiplied), uint8 in
[0, 255] or, with alpha or more than 8 bits, float32 in [0, 255]. Engines never draw the key frames themselves, which
`core.inbetween` returns unchanged.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from ..motion.grid import Array, Flow
from ..motion.guides import Guides, PairHints
from ..motion.kept import Kept, once
from ..motion.parts import Part

_SOON = 1e-3  # a time so close to a key frame that nothing has moved
Working = Array
"""A frame in the engines' working form; its type is np.uint8 or np.float32."""


class Pair(Protocol):
    """A prepared pair of key frames: everything that does not depend on t is computed."""

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1), of the key frames' shape and type."""


@runtime_checkable
class Sure(Protocol):
    """A pair that reports how well motion explains it."""

    explained: bool
    """False if motion does not explain the key frames, as at a cut."""


@runtime_checkable
class Together(Protocol):
    """A pair that draws several frames together in less time than one after the other."""

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1), some of them in advance.

        They are those of `render`, except for choices that are made for all times together, so that nothing flickers.
        """


class DrawsTogether(ABC):
    """Base of pairs that draw their frames together: a single one is drawn as several are."""

    @abstractmethod
    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1), see `Together`."""

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        return next(self.render_all([t]))


@runtime_checkable
class Covering(Protocol):
    """A pair that says where a part of its drawings is."""

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on the part at t, from 0 to 1: (H, W) float32 in [0, 1]."""


@runtime_checkable
class Parted(Protocol):
    """A pair in which parts may have times of their own."""

    def render_parts(self, times: Sequence[float], part_times: Sequence[Sequence[float]]) -> Iterator[Working]:
        """Draws the frames at `times`, in [0, 1], in which the hints' parts are at `part_times`."""


@runtime_checkable
class Following(Protocol):
    """A pair that says where things go."""

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels of the key frames, from the first to the last."""


@runtime_checkable
class Leaving(Protocol):
    """A pair that knows whether something leaves its frames on its way, as if they are a part of a larger picture."""

    leaves: bool
    """Whether something does, so that it is cut off there."""


@runtime_checkable
class Explaining(Protocol):
    """A pair that has a motion in both directions, of which it can be judged what it explains."""

    def find_flows(self) -> tuple[Flow, Flow]:
        """Forward and backward motion: (h, w, 2) on any grid, in pixels of the key frames."""


@runtime_checkable
class Doubting(Protocol):
    """A pair that says where it guesses."""

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (h, w) float32 in [0, 1], on any grid."""


@runtime_checkable
class Carrying(Protocol):
    """A pair that can draw other values of its key frames, such as scene light, in the same way."""

    def carry(self, values: tuple[Array, Array]) -> Pair:
        """A pair of the same motion that draws other values.

        Args:
            values: of both key frames, (H, W, C) float32 of any range; they are looked up bilinearly, so that nothing
                goes beyond what is there.
        """


class Engine(Protocol):
    """A way to draw in-betweens."""

    name: str

    def prepare(self, first: Working, last: Working) -> Pair:
        """Prepares two key frames of one shape and type."""


@runtime_checkable
class Plain(Protocol):
    """An engine whose pairs can carry other values, if nothing is drawn apart or in another light."""

    def prepare_plain(self, first: Working, last: Working) -> Pair:
        """Prepares two key frames as one picture each; the pair is `Carrying`."""


@runtime_checkable
class Guided(Protocol):
    """An engine that takes hints."""

    takes_hints: bool

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """The same, with what an animator says of the motion."""


@runtime_checkable
class AtOnce(Protocol):
    """An engine that prepares several pairs at the same time, in threads; one thread would give the same pairs."""

    at_once: int
    """How many, at most."""


def count_at_once(engine: Engine) -> int:
    """How many pairs an engine prepares at the same time, see `AtOnce`."""
    return engine.at_once if isinstance(engine, AtOnce) else 1


def make_guides(hints: PairHints | None, first: Working, last: Working) -> Guides | None:
    """Readies hints for two key frames; None where there are none."""
    return Guides(hints, view_for_matching(first), view_for_matching(last)) if hints else None


def render_all(pair: Pair, times: Sequence[float]) -> Iterator[Working]:
    """Draws a pair's frames at `times` in (0, 1), in order; together if the pair supports it."""
    return pair.render_all(times) if isinstance(pair, Together) else map(pair.render, times)


def render_parts(pair: Pair, times: Sequence[float], part_times: Sequence[Sequence[float]]) -> Iterator[Working]:
    """Draws a pair's frames in which parts have times of their own, see `Parted`; where it cannot, at `times`."""
    if isinstance(pair, Parted):
        return pair.render_parts(times, part_times)
    return render_all(pair, [keep_between(t) for t in times])


def keep_between(t: float) -> float:
    """A time from 0 to 1, and not at a key frame itself: so close to it that nothing has moved."""
    return min(max(t, _SOON), 1 - _SOON)


def follow(pair: Pair, height: int, width: int) -> Flow:
    """Where everything goes in a pair of that size, see `Following`; nothing moves where the pair does not say."""
    return pair.follow() if isinstance(pair, Following) else np.zeros((height, width, 2), np.float32)


def find_doubt(pair: Pair, t: float) -> Array:
    """Where a pair guesses at t, see `Doubting`; nowhere where it does not say."""
    return pair.doubt(t) if isinstance(pair, Doubting) else np.zeros((1, 1), np.float32)


class Around(DrawsTogether):
    """Base of pairs that draw with another pair, of frames that they have changed; what it knows, they know."""

    def __init__(self, pair: Pair, shape: Sequence[int]) -> None:
        """Takes the other pair, and height and width of its frames."""
        self._pair, self._size = pair, (shape[0], shape[1])
        self.confidence: float = getattr(pair, "confidence", 1.0)
        """How well motion explains what the other pair draws."""
        self.explained = not isinstance(pair, Sure) or pair.explained
        """False if motion does not explain the key frames."""
        self.leaves = isinstance(pair, Leaving) and pair.leaves
        """Whether something leaves the frames on its way."""

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        return follow(self._pair, *self._size)

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (h, w) in [0, 1]."""
        return find_doubt(self._pair, t)

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on a part at t: (H, W) in [0, 1].

        As in the nearer key frame where the other pair does not say.
        """
        if isinstance(self._pair, Covering):
            return self._pair.cover(part, t)
        return part.find_cover(round(t), (np.zeros((1, 1, 2), np.float32),) * 2, np.zeros((1, 1), np.float32))


def limit_colours(frame: Working) -> Working:
    """Clamps overshoots of bicubic interpolation in place: to [0, 255], and premultiplied colours to alpha."""
    if frame.dtype == np.float32:
        np.clip(frame, 0, 255, out=frame)
        if frame.shape[2] == 4:
            np.minimum(frame[..., :3], frame[..., 3:], out=frame[..., :3])
    return frame


def view_for_matching(frame: Working) -> Array:
    """Converts a frame to (H, W, 3) uint8; transparent pixels become darker than any colour, so that outlines show."""
    if frame.shape[2] == 3 and frame.dtype == np.uint8:
        return frame
    return once(frame, "view", lambda: Kept(_make_view(frame))).picture


def _make_view(frame: Working) -> Array:
    if frame.shape[2] == 4:
        frame = (frame[..., :3] + frame[..., 3:]) / 2
    image = np.clip(frame + 0.5, 0, 255).astype(np.uint8) if frame.dtype != np.uint8 else frame
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.shape[2] == 1 else image, np.uint8)
