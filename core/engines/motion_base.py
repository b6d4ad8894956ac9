"""What all motion engines share, whatever computes the network's four steps (`motion_steps`); imports no PyTorch.

The network works on pictures of 160 to 300 pixels a side, whatever the key frames' size. It finds the motion once for a
pair, and there are two ways to draw along it:

- "network": the network also predicts, for each t, where to sample and in which frame. Sampling at full size is by
  OpenCV, in half the time of PyTorch.
- "classical": the motion replaces that of the search in `--engine flow`; the rest is that engine's.

The network gets the motion of a search: guided networks start from it, others use it as help.

A film's frame belongs to two pairs. What depends on it alone is computed once: the network's features, and what `kept`
keeps of it for the search and for the choice of how to draw.

Grey, alpha and more than 8 bits need no special treatment, as all colours are sampled from the key frames: the network
gets a picture of 8 bits and three channels, and all channels of the key frames are warped.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import NamedTuple

import cv2
import numpy as np

from ...models.working_size import choose_searched_area, choose_size
from ..motion.arcs import Turn, find_turns
from ..motion.detail import Detail, find_detail
from ..motion.grid import Array, Flow
from ..motion.guides import Guides, PairHints
from ..motion.kept import FrameMemory, once, shrink_once
from ..motion.light import is_another_light, is_fade
from ..motion.search import search_in_detail
from ..motion.unmatched import find_missing, find_unmatched, move_with_surroundings
from ..threads import Workers
from .blend import Blend
from .flow import FlowPair
from .interface import Pair, Working, view_for_matching
from .joining import Placed, PlacedPair, bend_placed, measure_doubt
from .motion_steps import Encoded, FoundMotion, MotionSteps
from .preparing import prepare_moving

RENDERERS = ("network", "classical")
"""The ways to draw along the network's motion."""
_UNEXPLAINED = 0.2
"""Explained share of differences below which motion does not explain a pair. Of 39 drawn cuts 28 % are above it; so are
all of 40 drawn pairs in motion, and the first and last frames of all 48 sequences of the choosing set."""
_KNOWN = 6.0  # logit of the visibility of what an animator gives
_DIFFERS = 0.04  # mean difference of colours, in [-1, 1], from which on a cell differs


class Begun(NamedTuple):
    """The motion of two frames, which is found in the background."""

    first: Working
    """A frame; as long as it is held here, no other has its identity."""
    last: Working
    """The other frame."""
    find: Callable[[], tuple[FoundMotion, Detail | None]]
    """Waits for the motion and the detail of its search."""


class BaseMotionEngine:
    """Draws with the four steps of a motion network."""

    name, takes_hints = "motion", True
    notes: tuple[str, ...] = ()
    """What its user should know of how it draws, each one sentence."""

    def __init__(
        self,
        steps: MotionSteps,
        *,
        renderer: str = RENDERERS[0],
        area: int | None = None,
        mixes: bool = False,
        arcs: bool = False,
        at_once: int = 1,
    ) -> None:
        """Takes the network's steps.

        Args:
            steps: those of a network that gets the motion of a search.
            renderer: one of RENDERERS.
            area: pixels of the network's input. None: `choose_searched_area`.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            arcs: whether pieces that turn keep their size on the way.
            at_once: pairs that may be prepared at the same time, in as many threads.
        """
        self._steps, self._area, self._mixes, self._arcs = steps, area, mixes, arcs
        self._classical = renderer == "classical"
        self.at_once = at_once
        """Pairs that may be prepared at the same time."""
        self._memory = FrameMemory(at_once + 2)
        self._workers = Workers(min(2, steps.threads))
        self._begun: dict[tuple[int, int], Begun] = {}
        """What has begun before it is known whether the whole frames are drawn, by the frames' identities."""

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """Prepares a pair, if motion can explain it; frames in different light are relit first."""
        first, last = self._memory.keep(first), self._memory.keep(last)
        key = id(first), id(last)
        # in the background, while this thread finds out whether anything is drawn apart, which is rare
        if hints is None and self._workers.threads > 1:
            # a worker must not wait for another: two that do would wait for ever
            encoded = [partial(self._encode, frame, self._choose_area(frame)) for frame in (first, last)]
            self._begun[key] = Begun(first, last, self._workers.begin(self._find_motion, first, last, encoded))
        self._begin_encoding(first, last)
        try:
            return prepare_moving(first, last, hints, self._draw, figures=not self._mixes)
        finally:
            self._begun.pop(key, None)

    def prepare_plain(self, first: Working, last: Working) -> Pair:
        """Prepares a pair with nothing drawn apart."""
        return self._draw(self._memory.keep(first), self._memory.keep(last))

    def _draw(self, first: Working, last: Working, *, guides: Guides | None = None) -> Pair:
        if guides is None and is_fade(view_for_matching(first), view_for_matching(last)):
            return Blend(first, last)
        if self._classical:
            flows = self.find_flows(first, last, guides)
            return FlowPair(first, last, flows, mixes=self._mixes, guides=guides, arcs=self._arcs)
        return self.prepare_motion(first, last, guides)

    def prepare_motion(self, first: Working, last: Working, guides: Guides | None = None) -> "BaseMotionPair":
        """Finds the motion of a pair, for the network's own renderer."""
        motion, detail = self._search(first, last, guides)
        return BaseMotionPair(
            self._steps, motion, first, last, mixes=self._mixes, guides=guides, arcs=self._arcs, detail=detail
        )

    def find_flows(self, first: Working, last: Working, guides: Guides | None = None) -> tuple[Flow, Flow]:
        """The motion of a pair in the classical engine's form; see `scale_flows`."""
        return scale_flows(self._search(first, last, guides)[0].fine, first.shape[0], first.shape[1])

    def _choose_area(self, frame: Working) -> int:
        """Pixels of the network's input for a frame."""
        return self._area or choose_searched_area(*frame.shape[:2])

    def _find_motion(
        self, first: Working, last: Working, encoded: Sequence[Callable[[], Encoded]], guides: Guides | None = None
    ) -> tuple[FoundMotion, Detail | None]:
        """The motion that the network finds with the help of a search, and the detail of that search.

        Args:
            first: a frame.
            last: another.
            encoded: gives the first step for either frame, or waits for it.
            guides: motion that an animator gives.
        """
        given, detail = self._search_small(first, last, guides)
        return self._steps.find_motion(encoded[0](), encoded[1](), given), detail

    def _begin_encoding(self, first: Working, last: Working) -> list[Callable[[], Encoded]]:
        """Begins the first step for both frames in the background."""
        return [self._workers.begin(self._encode, frame, self._choose_area(frame)) for frame in (first, last)]

    def _search_small(self, first: Working, last: Working, guides: Guides | None) -> tuple[Array, Detail | None]:
        """The motion of a search, see `search_small`."""
        return search_small((view_for_matching(first), view_for_matching(last)), self._choose_area(first), guides)

    def _encode(self, frame: Working, area: int) -> Encoded:
        """The first step for a frame, at the working size of about `area` pixels; only once if the frame is kept."""
        view = view_for_matching(frame)
        height, width = choose_size(view.shape[0], view.shape[1], area)
        small = shrink_once(view, width, height)
        return once(small, ("encoded", self._steps), partial(self._steps.encode, small))

    def _search(self, first: Working, last: Working, guides: Guides | None) -> tuple[FoundMotion, Detail | None]:
        """The motion of two frames; what has begun in the background is waited for."""
        begun = self._begun.pop((id(first), id(last)), None) if guides is None else None
        if begun is not None:
            return begun.find()
        motion, detail = self._find_motion(first, last, self._begin_encoding(first, last), guides)
        return motion if guides is None else clear(motion, guides), detail


class BaseMotionPair(PlacedPair):
    """Two key frames and the network's motion between them."""

    def __init__(
        self,
        steps: MotionSteps,
        motion: FoundMotion | None,
        first: Working,
        last: Working,
        *,
        confidence: float | None = None,
        mixes: bool = False,
        guides: Guides | None = None,
        arcs: bool = False,
        detail: Detail | None = None,
    ) -> None:
        """Takes what the network has found.

        Args:
            steps: the network's steps.
            motion: the motion of the two frames. None: a subclass has it.
            first: a frame.
            last: another of the same shape and type.
            confidence: the explained share of the motion, if it is known already.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            guides: motion that an animator gives.
            arcs: whether pieces that turn keep their size on the way.
            detail: of the search that helped the network.
        """
        super().__init__(first, last, mixes=mixes, guides=guides, threads=steps.threads)
        self._steps, self._motion, self._detail = steps, motion, detail
        self.confidence = measure_explained(self._found) if confidence is None else confidence
        """The share of differences between the frames that is visible in both, in [0, 1]."""
        views = (view_for_matching(frame) for frame in (first, last))
        self.explained = self.confidence > _UNEXPLAINED or guides is not None or is_another_light(*views)
        self._turns: list[Turn] = find_turns(_pixels_last(self._found.fine)[0]) if arcs else []

    @cached_property
    def _found(self) -> FoundMotion:
        assert self._motion is not None
        return self._motion

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        return self._spread(self.find_flows()[0])

    def find_flows(self) -> tuple[Flow, Flow]:
        """Forward and backward motion: (h, w, 2), in pixels of the frames."""
        return scale_flows(self._found.fine, *self._frames[0].shape[:2])

    def _place(self, t: float) -> Placed:
        """The network's prediction for a time, in the form that `joining` needs."""
        way = self._steps.find_way(self._found, t)
        forward, backward = _pixels_last(way.shift)  # (h, w, 2) each
        missing = None
        if not self._mixes:
            (forward, backward), missing = move_unmatched((forward, backward), self._unmatched)

        def mix(difference: Array) -> Array:
            return self._steps.decide(way, difference / np.float32(127.5))

        placed = Placed(t, (forward, backward), (way.claim[0] - way.claim[1])[0], mix, missing, self._detail)
        return bend_placed(placed, self._turns)

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (h, w) in [0, 1]."""
        placed = self._place(t)
        if placed.missing is not None:
            doubtful = fit_unmatched(self._doubtful, *placed.missing.shape)
            placed = replace(placed, missing=np.maximum(placed.missing, find_missing(placed.shifts, doubtful)))
        return measure_doubt(self._frames, placed, self._guides)

    @cached_property
    def _doubtful(self) -> list[Array]:
        """What may have no match: (h, w) each."""
        return find_all_unmatched(self._found, strict=True)

    @cached_property
    def _unmatched(self) -> list[Array]:
        """What either key frame shows and the other does not: (h, w) each."""
        return find_all_unmatched(self._found)


def search_small(views: tuple[Array, Array], area: int, guides: Guides | None) -> tuple[Array, Detail | None]:
    """Searches the motion of two views, (H, W, 3) uint8, for a network whose working size has about `area` pixels.

    Returns:
        The motion, (2, 2, H'/2, W'/2) for a working size (H', W'), and its detail, if it has more of it.
    """
    height, width = choose_size(views[0].shape[0], views[0].shape[1], area)
    given, flows = search_in_detail(views[0], views[1], height // 2, width // 2, guides)
    if flows is None or flows[0].shape[1] <= width // 2:
        return given, None
    return given, find_detail(flows, *views[0].shape[:2])


def measure_explained(motion: FoundMotion) -> float:
    """The share of differing cells that are visible in both key frames, as `models.motion.explained_share`."""
    differs = np.abs(motion.small[0] - motion.small[1]).mean(0) > _DIFFERS  # (h, w)
    if not differs.any():
        return 1.0
    seen = _sigmoid(motion.visible[:, 0]) * differs  # (2, h, w)
    return float(seen.sum() / (2 * differs.sum()))


def find_all_unmatched(motion: FoundMotion, *, strict: bool = False) -> list[Array]:
    """What either key frame shows and the other does not: (h, w) each; for `strict`, see `find_unmatched`."""
    pictures, flows = (_pixels_last(part) for part in ((motion.small + 1) * 127.5, motion.flow))
    visible = _sigmoid(motion.visible[:, 0])
    return [find_unmatched(pictures[k], pictures[1 - k], flows[k], visible[k], strict=strict) for k in range(2)]


def move_unmatched(shifts: tuple[Flow, Flow], unmatched: Sequence[Array]) -> tuple[tuple[Flow, Flow], Array]:
    """As `move_with_surroundings`, with what is unmatched on a grid of another size."""
    return move_with_surroundings(shifts, fit_unmatched(unmatched, *shifts[0].shape[:2]))


def fit_unmatched(unmatched: Sequence[Array], height: int, width: int) -> tuple[Array, Array]:
    """What is unmatched, on a grid of that size."""
    first, last = (cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR) for part in unmatched)
    return first, last


def clear(motion: FoundMotion, guides: Guides) -> FoundMotion:
    """The motion without the pieces whose motion an animator gives."""
    # a search has found most of them, but there may have been none, or the network may have found another motion
    forward, backward = _pixels_last(motion.flow)
    first, last = np.rint((_pixels_last(motion.small) + 1) * 127.5).astype(np.uint8)
    guides.find_partners((forward, backward), (first, last))
    parts, seen = [], []
    for flow in (motion.flow, motion.fine):
        found = _pixels_last(flow)  # (2, h, w, 2)
        cleared = [guides.clear(found[end], end) for end in range(2)]
        parts.append(np.stack([part for part, _ in cleared]).transpose(0, 3, 1, 2))
        seen.append(np.stack([known for _, known in cleared])[:, None].astype(np.float32))
    visible = np.where(seen[0] == 0, motion.visible, np.float32(_KNOWN) * seen[0])
    return motion._replace(flow=parts[0], fine=parts[1], visible=visible)


def scale_flows(fine: Array, height: int, width: int) -> tuple[Flow, Flow]:
    """A motion's `fine` in the classical engine's form: (h, w, 2) float32, in pixels of key frames of that size."""
    h, w = fine.shape[-2:]
    scale = np.array([width / w, height / h], np.float32).reshape(1, 2, 1, 1)
    forward, backward = _pixels_last(fine * scale)
    return forward, backward


def _pixels_last(planes: Array) -> Array:
    """(N, C, h, w) to (N, h, w, C)."""
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _sigmoid(logits: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)  # exp would overflow
