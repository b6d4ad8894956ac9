"""Hints of a page. Pairs of key frames are identified by their ids.

They are stored in the form of a file of hints (see `core.inbetween.hints`), and read as one when something is drawn, so
that a downloaded file draws the same.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import InputError
from ..inbetween.hints import VERSION, Hints, list_masks, make_hints
from ..json_text import parse_json
from ..media.image_files import encode_png
from ..motion.guides import Point, Track

NAME = "hints.json"
"""The name of the file."""
_SIDE = 1280  # pixels of the longer side of a mask that is painted: more than a screen shows of a brush's edge
_OWN = "the page's hints"  # their name in errors; a file that is loaded has its own
_TRACK = re.compile(rf"{re.escape(_OWN)}: pair \d+, track (\d+)")


@dataclass(frozen=True)
class Stroke:
    """A stroke of the brush that marks what stays.

    Attributes:
        points: its path, in pixels of the hints' picture.
        width: the brush's, in the same pixels.
        erases: whether it erases.
    """

    points: tuple[Point, ...]
    width: float
    erases: bool = False


@dataclass(frozen=True)
class HintedPair:
    """The hints of two key frames.

    Attributes:
        first: the id of the first one.
        last: the id of the last one.
        tracks: as in a file of hints; they are checked when they are read.
        strokes: they paint the mask of what stays.
    """

    first: str
    last: str
    tracks: tuple[Any, ...] = ()
    strokes: tuple[Stroke, ...] = ()

    @property
    def ids(self) -> tuple[str, str]:
        """The ids of both."""
        return self.first, self.last


@dataclass(frozen=True)
class PageHints:
    """All hints of a page."""

    size: tuple[int, int] | None = None
    """Width and height of the picture in whose pixels they are."""
    pairs: tuple[HintedPair, ...] = ()
    masks: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """The files of the masks of what stays, by the pair's ids."""

    def lay_out(self, ids: Sequence[str], masks: Mapping[tuple[str, str], str], *, loop: bool = False) -> Any:
        """A file of hints for key frames in this order; None if there are no hints of them.

        Args:
            ids: of the key frames.
            masks: the masks' names in the file.
            loop: whether the last one leads to the first.
        """
        following = list(pairwise(ids))
        if loop and len(ids) > 1:
            following.append((ids[-1], ids[0]))
        known = {pair.ids: pair for pair in self.pairs}
        pairs = []
        for number, keys in enumerate(following):
            pair = known.get(keys)
            if pair is None or not (pair.tracks or keys in masks):
                continue
            laid: dict[str, Any] = {"keys": [number, (number + 1) % len(ids)], "tracks": list(pair.tracks)}
            if keys in masks:
                laid["still"] = masks[keys]
            pairs.append(laid)
        if not pairs:
            return None
        return {"version": VERSION, "size": None if self.size is None else list(self.size), "pairs": pairs}

    def read(self, ids: Sequence[str], *, loop: bool = False) -> Hints:
        """The hints for key frames in this order.

        Raises:
            InputError: something is not a hint.
        """
        laid_out = self.lay_out(ids, {keys: str(path) for keys, path in self.masks.items()}, loop=loop)
        return Hints() if laid_out is None else make_hints(laid_out, _OWN, Path())

    def check(self) -> None:
        """Checks all of them.

        Raises:
            InputError: something is not a hint, is outside the picture, or contradicts another hint.
        """
        for pair in self.pairs:
            hints = self.read(pair.ids)
            if hints and self.size is not None:
                hints.of(0, 1, *self.size)

    def split(self, first: str, last: str, between: str, t: float) -> "PageHints":
        """Splits the hints of a pair in two, for a frame that is kept between them at t.

        Where a thing is in that frame follows from its track. Hints of things that come or go are left out.
        """
        known = {pair.ids: pair for pair in self.pairs}
        pair = known.get((first, last))
        if pair is None:
            return self
        hints = self.read(pair.ids)
        tracks = [track for hinted in hints.pairs for track in hinted.tracks if not track.comes_or_goes]
        halves = (HintedPair(first, between, tuple(_cut(track, 0, t) for track in tracks), pair.strokes),
                  HintedPair(between, last, tuple(_cut(track, t, 1) for track in tracks), pair.strokes))  # fmt: skip
        masks = dict(self.masks)
        if pair.ids in masks:
            masks |= {half.ids: masks[pair.ids] for half in halves}
        return PageHints(self.size, (*self.pairs, *halves), masks)

    def keep(self, ids: Sequence[str]) -> "PageHints":
        """The hints of these key frames."""
        pairs = tuple(pair for pair in self.pairs if set(pair.ids) <= set(ids))
        return PageHints(self.size, pairs, {pair.ids: self.masks[pair.ids] for pair in pairs
                                            if pair.ids in self.masks})  # fmt: skip


def load_hints(
    data: bytes, name: str, ids: Sequence[str], size: tuple[int, int], *, loop: bool = False
) -> tuple[PageHints, list[str]]:
    """Reads a file of hints, such as the page saves it.

    Args:
        data: the file.
        name: its name, for errors.
        ids: of the key frames, in order; there are two or more.
        size: width and height of the first key frame, used if the file gives no size.
        loop: whether the last key frame leads to the first.

    Returns:
        The hints, and a sentence for each thing that is left out.

    Raises:
        InputError: it is not a file of hints, or not of these key frames.
    """
    try:
        found = parse_json(data)
    except ValueError as error:
        raise InputError(f"{name}: {error}; give a file of hints (.json)") from error
    read = make_hints(found, name, Path())
    if isinstance(found, dict) and any("at" in pair and "keys" not in pair for pair in found["pairs"]):
        raise InputError(f'{name}: its pairs have "at", and so are of a film; give hints of key frames, with "keys"')
    read.check_pairs(len(ids), loop=loop)
    read.check_no_layers()
    bare = Hints(tuple(replace(pair, still=None, apart=(), parts=()) for pair in read.pairs))
    tracks: dict[tuple[int, int], list[Any]] = {}
    for pair in bare.pairs:
        size = size if pair.size is None else (round(pair.size[0]), round(pair.size[1]))
        tracks.setdefault(pair.keys, []).extend(map(_write_track, pair.tracks))
    for keys in tracks:
        bare.of(*keys, *size)
    pairs = tuple(HintedPair(ids[keys[0]], ids[keys[1]], tuple(listed)) for keys, listed in tracks.items() if listed)
    if not pairs:
        raise InputError(f"{name}: has no tracks; give a file of points that move, stay, come or go")
    masks = f"{name}: its masks are not loaded, as they are files of their own; paint them again"
    return PageHints(size, pairs), [masks] if any(True for _ in list_masks(read)) else []


def name_hints(words: str) -> str:
    """Renames hints in a message to their numbers on the page."""
    return _TRACK.sub(lambda found: f"hint {int(found[1]) + 1}", words)


def paint(strokes: Sequence[Stroke], size: tuple[int, int]) -> bytes | None:
    """Paints strokes white on black, as a PNG; None if nothing of them is left.

    Args:
        strokes: in order.
        size: width and height of the picture in whose pixels they are.
    """
    scale = min(1.0, _SIDE / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    mask = np.zeros((height, width, 1), np.uint8)
    for stroke in strokes:
        points = np.array(stroke.points, float).reshape(-1, 2)
        at = np.clip(points * scale, -width - height, 2 * (width + height)).round().astype(np.int32)
        ink, thick = (0 if stroke.erases else 255), max(1, min(_SIDE, round(stroke.width * scale)))
        cv2.polylines(mask, [at[:, None]], False, ink, thick)
        for x, y in (at[0], at[-1]):
            cv2.circle(mask, (int(x), int(y)), max(1, thick // 2), ink, cv2.FILLED)
    return encode_png(mask) if (mask >= 128).any() else None


def _cut(track: Track, start: float, end: float) -> Any:
    """The part of a track between two times, as in a file of hints."""
    return _write_track(track.cut(start, end))


def _write_track(track: Track) -> Any:
    """A track, as in a file of hints and on the page."""
    points = [None if point is None else list(point) for point in track.points]
    if track.times is not None:
        return {"points": points, "times": list(track.times)}
    return points[:1] if len(points) == 2 and points[0] == points[1] else points
