"""Pairs in which parts move at a pace of their own: the rest and each part are drawn at their own times.

A frame is laid together: the picture without the parts at its own time, and over it, for each part, the whole picture
at that part's time, where the part is by then. So each of them is drawn as the engine draws it, and nothing is cut but
along outlines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..motion.cutter import Cutter
from ..motion.guides import PairHints, Track
from ..motion.parts import Part, paint_out
from .interface import Around, Covering, Pair, Working, follow, limit_colours, render_all, view_for_matching

Prepare = Callable[[Working, Working, PairHints | None], Pair]


def prepare_with_parts(
    first: Working, last: Working, hints: PairHints, prepare_whole: Prepare, prepare_rest: Prepare
) -> Pair:
    """Prepares two frames with the hints' parts at times of their own.

    Where motion does not explain the pair, or is none, parts go with all else.

    Args:
        first: a frame.
        last: another of the same shape and type.
        hints: with parts.
        prepare_whole: prepares a pair with other hints, which knows where everything in it is at any time.
        prepare_rest: prepares a pair without the parts.
    """
    whole = prepare_whole(first, last, replace(hints, parts=()))
    return Spaced(whole, first, last, hints, prepare_rest) if isinstance(whole, Covering) else whole


class Spaced(Around):
    """Two frames, and the same two without some parts."""

    def __init__(self, whole: Pair, first: Working, last: Working, hints: PairHints, prepare: Prepare) -> None:
        """Takes the parts out of the frames, and prepares what is left.

        Args:
            whole: the pair with everything in it.
            first: a frame.
            last: another of the same shape and type.
            hints: with parts.
            prepare: prepares a pair with other hints.
        """
        super().__init__(whole, first.shape)
        self._frames = (first, last)
        height, width = first.shape[:2]
        cutters = [Cutter(view_for_matching(frame)) for frame in self._frames]
        flow = follow(whole, height, width)
        self._parts = [Part(mask, [cutter.snap for cutter in cutters], (height, width)) for mask in hints.parts]
        for part in self._parts:
            part.find_partner(flow)
        self._grounds = paint_out(self._frames, self._parts, flow)
        masks = [
            [cv2.resize(mask, (width, height)) for part in self._parts if (mask := part.masks[end]) is not None]
            for end in range(2)
        ]

        def is_left(track: Track) -> bool:
            end = 0 if track.points[0] is not None else 1  # what only comes is in the last drawing alone
            x, y = track.points[-end] or (0, 0)
            column, row = min(max(round(x), 0), width - 1), min(max(round(y), 0), height - 1)
            return not any(mask[row, column] > 0.5 for mask in masks[end])

        # a hint of a part says nothing of what is left without it
        tracks = tuple(track for track in hints.tracks if is_left(track))
        self._rest = prepare(*self._grounds, replace(hints, tracks=tracks, parts=()))

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1), the parts at the same times."""
        return render_all(self._pair, times)

    def render_parts(self, times: Sequence[float], part_times: Sequence[Sequence[float]]) -> Iterator[Working]:
        """Draws the frames at `times`, in [0, 1], in which the parts are at `part_times`."""
        rest = _draw_at_any(self._rest, self._grounds, times)
        wholes = [
            _draw_at_any(self._pair, self._frames, [moment[number] for moment in part_times])
            for number in range(len(self._parts))
        ]
        assert isinstance(self._pair, Covering)
        for moment, left in zip(part_times, rest, strict=True):
            frame = left
            for t, part, whole in zip(moment, self._parts, wholes, strict=True):
                picture, cover = next(whole), self._pair.cover(part, t)
                laid = cv2.blendLinear(np.ascontiguousarray(picture), np.ascontiguousarray(frame), cover, 1 - cover)
                frame = laid.reshape(left.shape)
            yield limit_colours(frame)


def _draw_at_any(pair: Pair, frames: tuple[Working, Working], times: Sequence[float]) -> Iterator[Working]:
    """Draws at times from 0 to 1, both included."""
    drawn = render_all(pair, [t for t in times if t not in (0, 1)])
    for t in times:
        yield frames[int(t)] if t in (0, 1) else next(drawn)
