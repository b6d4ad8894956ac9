"""Hints that a person gives on the page, by the names of the key frames that they are of.

They are kept in the form of a file of hints (see `core.inbetween.hints`), and read as one when something is drawn, so
that what is downloaded draws the same.
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
"""What the file is called."""
_SIDE = 1280  # pixels of the longer side of a mask that is painted: more than a screen shows of a brush's edge
_OWN = "the page's hints"  # how errors name them; a file that is loaded has its own name
_TRACK = re.compile(rf"{re.escape(_OWN)}: pair \d+, track (\d+)")


@dataclass(frozen=True)
class Stroke:
    """A stroke of the brush that paints what stays.

    Attributes:
        points: where it went, in pixels of the hints' picture.
        width: of the brush, in the same pixels.
        erases: whether it takes away what was painted.
    """

    points: tuple[Point, ...]
    width: float
    erases: bool = False


@dataclass(frozen=True)
class HintedPair:
    """The hints of two key frames.

    Attributes:
        first: the name of the one.
        last: of the other.
        tracks: as a file of hints has them; checked when they are read.
        strokes: what paints the mask of what stays.
    """

    first: str
    last: str
    tracks: tuple[Any, ...] = ()
    strokes: tuple[Stroke, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """Of both."""
        return self.first, self.last


@dataclass(frozen=True)
class PageHints:
    """All hints of a page."""

    size: tuple[int, int] | None = None
    """Width and height of the picture that they are of."""
    pairs: tuple[HintedPair, ...] = ()
    masks: Mapping[tuple[str, str], Path] = field(default_factory=dict)
    """Where the masks of what stays lie, by the pair's names."""

    def lay_out(self, names: Sequence[str], masks: Mapping[tuple[str, str], str], *, loop: bool = False) -> Any:
        """A file of hints for key frames in this order; None where there are no hints of them.

        Args:
            names: of the key frames.
            masks: what the masks are called in it.
            loop: whether the last one leads to the first.
        """
        following = list(pairwise(names))
        if loop and len(names) > 1:
            following.append((names[-1], names[0]))
        known = {pair.names: pair for pair in self.pairs}
        pairs = []
        for number, keys in enumerate(following):
            pair = known.get(keys)
            if pair is None or not (pair.tracks or keys in masks):
                continue
            told: dict[str, Any] = {"keys": [number, (number + 1) % len(names)], "tracks": list(pair.tracks)}
            if keys in masks:
                told["still"] = masks[keys]
            pairs.append(told)
        if not pairs:
            return None
        return {"version": VERSION, "size": None if self.size is None else list(self.size), "pairs": pairs}

    def read(self, names: Sequence[str], *, loop: bool = False) -> Hints:
        """The hints for key frames in this order.

        Raises:
            InputError: something is no hint.
        """
        told = self.lay_out(names, {keys: str(path) for keys, path in self.masks.items()}, loop=loop)
        return Hints() if told is None else make_hints(told, _OWN, Path())

    def check(self) -> None:
        """Checks all of them.

        Raises:
            InputError: something is no hint, lies outside the picture, or contradicts another one.
        """
        for pair in self.pairs:
            hints = self.read(pair.names)
            if hints and self.size is not None:
                hints.of(0, 1, *self.size)

    def split(self, first: str, last: str, between: str, t: float) -> "PageHints":
        """Adds hints of the pairs that a frame kept at t between two makes of them, from theirs.

        Where a thing is in the frame follows from its track; one that comes or goes is left to be said anew.
        """
        known = {pair.names: pair for pair in self.pairs}
        pair = known.get((first, last))
        if pair is None:
            return self
        hints = self.read(pair.names)
        tracks = [track for hinted in hints.pairs for track in hinted.tracks if not track.comes_or_goes]
        halves = (HintedPair(first, between, tuple(_cut(track, 0, t) for track in tracks), pair.strokes),
                  HintedPair(between, last, tuple(_cut(track, t, 1) for track in tracks), pair.strokes))  # fmt: skip
        masks = dict(self.masks)
        if pair.names in masks:
            masks |= {half.names: masks[pair.names] for half in halves}
        return PageHints(self.size, (*self.pairs, *halves), masks)

    def keep(self, names: Sequence[str]) -> "PageHints":
        """Those of key frames that are still there."""
        pairs = tuple(pair for pair in self.pairs if set(pair.names) <= set(names))
        return PageHints(self.size, pairs, {pair.names: self.masks[pair.names] for pair in pairs
                                            if pair.names in self.masks})  # fmt: skip


def load_hints(
    data: bytes, name: str, ids: Sequence[str], size: tuple[int, int], *, loop: bool = False
) -> tuple[PageHints, list[str]]:
    """Reads a file of hints, such as the page saves it.

    Args:
        data: the file.
        name: its name, for errors.
        ids: of the key frames, in order; there are two or more.
        size: width and height of the first key frame, of which the hints are if the file does not say.
        loop: whether the last key frame leads to the first.

    Returns:
        The hints; and what is left out, in sentences.

    Raises:
        InputError: it is no file of hints, or not of these key frames.
    """
    try:
        found = parse_json(data)
    except ValueError as error:
        raise InputError(f"{name}: {error}; give a file of hints (.json)") from error
    read = make_hints(found, name, Path())
    if isinstance(found, dict) and any("at" in pair and "keys" not in pair for pair in found["pairs"]):
        raise InputError(f'{name}: its pairs have "at", and so are of a film; give hints of key frames, with "keys"')
    read.check_pairs(len(ids), loop=loop)
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
    """A message in which hints are numbered as on the page."""
    return _TRACK.sub(lambda found: f"hint {int(found[1]) + 1}", words)


def paint(strokes: Sequence[Stroke], size: tuple[int, int]) -> bytes | None:
    """Paints strokes, white on black: a PNG; None where nothing of them is left.

    Args:
        strokes: in their order.
        size: width and height of the picture that they are in.
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
    """The part of a track between two times, as a file of hints has it."""
    return _write_track(track.cut(start, end))


def _write_track(track: Track) -> Any:
    """A track as a file of hints and the page have it."""
    points = [None if point is None else list(point) for point in track.points]
    if track.times is not None:
        return {"points": points, "times": list(track.times)}
    return points[:1] if len(points) == 2 and points[0] == points[1] else points
