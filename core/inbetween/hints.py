"""Hints: an animator's statements of how things move from one key frame to the next.

A file of hints is JSON:

    {"version": 1, "size": [640, 360], "pairs": [
      {"keys": [0, 1], "tracks": [[[120, 80], [200, 96]]], "still": "mask.png", "apart": [["a.png", "b.png"]]}]}

A track is a list of points, each `[x, y]`, `{"x": …, "y": …}` or null; or an object with `points` and `times`. One
point stays where it is; null instead of the first or the last point means that the thing appears or disappears, at the
time given for the null, or at the middle. A file that is only a list of points, or of such lists, as other programs'
point editors write, holds tracks of the first pair.

A pair may also have `"parts": [{"mask": "arm.png", "spacing": "ease-in"}]`: what is white in the mask has that spacing,
an easing or a list of times, one for each frame of the pair. `"last"` names the part's mask in the last drawing.

For drawings in layers, a pair may have `"layer": "cat/head"`: all that it holds applies to that layer, or to the layers
of that group. A part may then be a whole layer or group: `{"layer": "cat/arm", "spacing": "ease-in"}`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, pairwise
from math import hypot, isfinite
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..config.parsing import ease, read_spacing, shorten
from ..errors import ConfigError, InputError
from ..files import shown
from ..json_text import read_json
from ..media.frames import to_uint8
from ..media.image_files import read_image
from ..motion.grid import Array
from ..motion.guides import PairHints, Point, Track
from ..motion.parts import PartMask

VERSION = 1
"""Version of the file's format."""
MOST = 200
"""Most tracks of a pair, and points of a track. Not tuned: each piece is drawn separately, in some milliseconds."""
MOST_PARTS = 16
"""Most parts of a pair. Not tuned: each is drawn in a picture of its own."""
# Two hints contradict each other if they begin within _SAME pixels and end more than _APART pixels from each other, or
# the other way round. Not tuned: a click is accurate to 2 pixels or so, and 8 cannot be by mistake.
_SAME, _APART = 2.0, 8.0


@dataclass(frozen=True)
class Spaced:
    """A part with its own spacing."""

    where: str
    """Its name in messages."""
    mask: Path | None
    """None: it is a layer."""
    spacing: str | tuple[float, ...]
    """An easing, or the time at each frame of the pair."""
    last: Path | None = None
    layer: str | None = None
    """The path of the layer or group that it is, if the drawings have it; else it is what the mask marks."""

    def space(self, count: int) -> tuple[float, ...]:
        """Its times at the frames of a pair, both key frames included.

        Raises:
            InputError: it has times for another number of frames.
        """
        if isinstance(self.spacing, str):
            return tuple(ease(k / (count - 1), self.spacing) for k in range(count))
        if len(self.spacing) != count:
            raise InputError(
                f"{self.where}: has {len(self.spacing)} times, and a pair has {count} frames, both key frames "
                f"included; give {count}"
            )
        return self.spacing


@dataclass(frozen=True)
class Hinted:
    """Hints of one pair of key frames, in pixels of `size`."""

    pair: str
    """What all of it is called in messages."""
    keys: tuple[int, int]
    tracks: tuple[Track, ...]
    where: tuple[str, ...]
    """The name of each track in messages."""
    size: tuple[int, int] | None
    """Width and height of the picture that coordinates refer to; None: the key frames' own."""
    still: Path | None = None
    apart: tuple[tuple[Path, Path], ...] = ()
    parts: tuple[Spaced, ...] = ()
    layer: str | None = None
    """The path of the layer or group that all of this is in; None: it is found by the points and masks."""

    @property
    def name(self) -> str:
        """What to call it in a message: its first track or part, or the pair if it has neither."""
        return next(iter((*self.where, *(part.where for part in self.parts))), self.pair)

    def scale_tracks(self, width: int, height: int) -> tuple[Track, ...]:
        """Its tracks in pixels of a picture of that size.

        Raises:
            InputError: a point is outside the picture.
        """
        scale = (1.0, 1.0) if self.size is None else (width / self.size[0], height / self.size[1])
        return tuple(
            _scale_track(track, where, scale, width, height)
            for track, where in zip(self.tracks, self.where, strict=True)
        )


@dataclass(frozen=True)
class Hints:
    """All hints of a sequence of key frames."""

    pairs: tuple[Hinted, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def __or__(self, other: "Hints") -> "Hints":
        return Hints(self.pairs + other.pairs)

    def check_pairs(self, count: int, *, loop: bool = False, following: Mapping[int, int] | None = None) -> None:
        """Checks that each pair consists of two consecutive key frames.

        Args:
            count: key frames.
            loop: whether the last leads to the first.
            following: the key frame that each leads to, where this is otherwise.

        Raises:
            InputError: one is not.
        """
        if following is None:
            following = {k: k + 1 for k in range(count - 1)} | ({count - 1: 0} if loop else {})
        for pair in self.pairs:
            first, last = pair.keys
            if following.get(first) != last:
                raise InputError(
                    f"{pair.name}: is of key frames {first} and {last}, and there are key frames 0 to {count - 1}; "
                    "give two that follow each other"
                )

    def check_no_layers(self) -> None:
        """Checks that no layer is named, for key frames that have none.

        Raises:
            InputError: one is.
        """
        for pair in self.pairs:
            if pair.layer is not None or any(part.mask is None for part in pair.parts):
                raise InputError(f"{pair.name}: names a layer, and these key frames have none; leave it out")

    def space_parts(self, first: int, last: int, count: int) -> list[tuple[float, ...]]:
        """The times of the parts of a pair, at each of its frames, both key frames included: (count, parts).

        Raises:
            InputError: a part has times for another number of frames.
        """
        parts = [part.space(count) for pair in self.pairs if pair.keys == (first, last) for part in pair.parts]
        return [tuple(times[k] for times in parts) for k in range(count)]

    def of(self, first: int, last: int, width: int, height: int) -> PairHints:
        """The hints of two key frames, in their pixels.

        Raises:
            InputError: a point is outside the picture, two contradict each other, or a mask cannot be used.
        """
        tracks: list[Track] = []
        names: list[str] = []
        still: Array | None = None
        apart: list[tuple[Array, Array]] = []
        parts: list[PartMask] = []
        for pair in self.pairs:
            if pair.keys != (first, last):
                continue
            tracks += pair.scale_tracks(width, height)
            names += pair.where
            if pair.still is not None:
                mask = read_mask(pair.still, width, height)
                still = mask if still is None else still | mask
            apart += [(read_mask(one, width, height), read_mask(other, width, height)) for one, other in pair.apart]
            parts += [
                PartMask(
                    read_mask(part.mask, width, height),
                    None if part.last is None else read_mask(part.last, width, height),
                )
                for part in pair.parts
                if part.mask is not None
            ]
        if len(parts) > MOST_PARTS:
            raise InputError(
                f"--part: {len(parts)} parts of one pair are given, and {MOST_PARTS} can be kept; give fewer"
            )
        if len(tracks) > MOST:
            raise InputError(
                f"{names[MOST]}: is one of {len(tracks)} hints of a pair, and {MOST} can be kept; give fewer"
            )
        for (one, name), (other, other_name) in combinations(zip(tracks, names, strict=True), 2):
            if _contradict(one, other):
                raise InputError(f"{other_name}: leads elsewhere than {name}, from the same point; give one of the two")
        return PairHints(tuple(tracks), still, tuple(apart), tuple(parts))


def _scale_track(track: Track, where: str, scale: tuple[float, float], width: int, height: int) -> Track:
    """A track in pixels of a picture.

    Raises:
        InputError: one of its ends is outside the picture.
    """
    points = tuple(None if point is None else (point[0] * scale[0], point[1] * scale[1]) for point in track.points)
    for point in (points[0], points[-1]):
        if point is not None and not (0 <= point[0] < width and 0 <= point[1] < height):
            raise InputError(
                f"{where}: {point[0]:g},{point[1]:g} is outside the {width}x{height} picture; "
                "give a point in it, or nothing where the thing is not there"
            )
    return Track(points, track.times)


def parse_hint(text: str) -> Hints:
    """Reads what `--hint` takes: `120,80>200,96`.

    Points are joined by `>`; one alone stays. A point may have a time, as in `120,80>150,40@0.3>200,96`; `none` instead
    of the first or the last point says that the thing comes or goes, `none@0.3` when it does. `1:` before it all counts
    pairs from 0, and a layer's path may follow, as in `cat/head:120,80>200,96` or `1:cat/head:120,80>200,96`.

    Raises:
        ConfigError: it is no hint.
    """
    pair, rest = _read_number(text)
    layer, colon, rest = rest.rpartition(":")
    try:
        if colon and not layer:
            raise ValueError
        points: list[Point | None] = []
        times: list[float | None] = []
        for part in rest.split(">"):
            place, at, time = part.partition("@")
            times.append(float(time) if at else None)
            if place.strip() == "none":
                points.append(None)
                continue
            x, y = (float(value) for value in place.split(","))
            points.append((x, y))
        track = _make_track(points, times)
    except ValueError as error:
        why = str(error) if isinstance(error, _NotATrack) else "is no hint"
        raise ConfigError(
            f"--hint: {shorten(text)} {why}; write where a point is in both key frames, such as 120,80>200,96"
        ) from error
    where = f"--hint {text}"
    return Hints((Hinted(where, (pair, pair + 1), (track,), (where,), None, layer=layer or None),))


def _read_number(text: str) -> tuple[int, str]:
    """Reads the number of a pair before a hint or a part, as in `1:`; returns it, or 0, and what follows."""
    number, colon, rest = text.partition(":")
    if colon and number.strip().isdecimal() and len(number) < 7:
        return int(number), rest
    return 0, text


def parse_part(text: str) -> Hints:
    """Reads what `--part` takes: `mask.png=ease-in`, or `mask.png=0,0,0.4,1`; `1:` before it means the second pair.

    Instead of a mask, drawings in layers take the path of a layer or group: `cat/arm=ease-in`.

    Raises:
        ConfigError: it is no mask with a spacing.
    """
    name, equals, spacing = text.rpartition("=")
    pair, name = _read_number(name)
    if not equals or not name:
        raise ConfigError(f"--part: {shorten(text)} is no part; write a mask and a spacing, such as arm.png=ease-in")
    try:
        times = read_spacing(spacing)
    except ConfigError as error:
        raise ConfigError(str(error).replace("--spacing", "--part", 1)) from error
    part = Spaced(f"--part {text}", Path(name), spacing if times is None else times, layer=name)
    return Hints((Hinted(part.where, (pair, pair + 1), (), (), None, parts=(part,)),))


def read_hints(path: Path) -> Hints:
    """Reads a file of hints; see the module's docstring.

    Raises:
        InputError: it cannot be read, or something in it is no hint; the message says what and where.
    """
    name, found = shown(path), _read_file(path)
    return make_hints(found, name, path.parent)


def read_film_hints(path: Path) -> dict[tuple[float, float], Hints]:
    """Reads a file of hints of a film, in which pairs have `"at"`, the times of two drawings in seconds.

    Raises:
        InputError: it cannot be read, or something in it is no hint; the message says what and where.
    """
    name, found = shown(path), _read_file(path)
    size = _read_head(found, name)
    pairs: dict[tuple[float, float], Hints] = {}
    for number, pair in enumerate(found["pairs"]):
        where = f"{name}: pair {number}"
        at = pair.get("at") if isinstance(pair, dict) else None
        if not (isinstance(at, list) and len(at) == 2 and all(map(_is_number, at)) and 0 <= at[0] < at[1]):
            raise InputError(
                f'{where}: needs "at", which gives the times of two drawings of the film, such as [12.5, 12.583]'
            )
        if pair.get("parts"):
            raise InputError(f"{where}: parts are for key frames; leave them out")
        if pair.get("layer") is not None:
            raise InputError(f"{where}: a layer is for drawings in layers, and a film has none; leave it out")
        times = float(at[0]), float(at[1])
        hinted = Hints((_read_pair(pair | {"keys": [0, 1]}, where, size, path.parent),))
        pairs[times] = pairs.get(times, Hints()) | hinted
    return pairs


def _read_file(path: Path) -> Any:
    name = shown(path)
    try:
        return read_json(path)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); give a file of hints (.json)") from error
    except ValueError as error:
        raise InputError(f"{name}: {error}; give a file of hints (.json)") from error


def make_hints(found: Any, name: str, folder: Path) -> Hints:
    """Makes hints of what a file of hints holds.

    Args:
        found: its JSON, parsed.
        name: how the file is named in messages.
        folder: where the masks that it names lie.

    Raises:
        InputError: something in it is no hint; the message says what and where.
    """
    if isinstance(found, list):
        found = {"pairs": [{"tracks": [found] if _is_point(found[0] if found else None) else found}]}
    size = _read_head(found, name)
    pairs = []
    for number, pair in enumerate(found["pairs"]):
        if not isinstance(pair, dict):
            raise InputError(f'{name}: pair {number} is no object; write {{"keys": [0, 1], "tracks": […]}}')
        pairs.append(_read_pair(pair, f"{name}: pair {number}", size, folder))
    return Hints(tuple(pairs))


def _read_head(found: Any, name: str) -> tuple[int, int] | None:
    """The size that a file's hints are of; checks its version, and that it holds pairs."""
    if not isinstance(found, dict) or not isinstance(found.get("pairs"), list):
        raise InputError(f'{name}: holds no hints; it needs a list "pairs"')
    if found.get("version", VERSION) != VERSION:
        raise InputError(
            f"{name}: is of version {shorten(str(found['version']))}, and animi reads {VERSION}; save it anew"
        )
    size = found.get("size")
    if size is not None and not (
        isinstance(size, list) and len(size) == 2 and all(_is_number(side) and 1 <= side <= 65_535 for side in size)
    ):
        raise InputError(f'{name}: "size" must be [width, height] in pixels')
    return None if size is None else (size[0], size[1])


class _NotATrack(ValueError):
    """Why points and times make no track."""


_PAIR = ("keys", "at", "tracks", "still", "apart", "parts", "layer")
"""What a pair in a file of hints may have."""


def _read_pair(pair: dict[str, Any], where: str, size: tuple[int, int] | None, folder: Path) -> Hinted:
    unknown = next((name for name in pair if name not in _PAIR), None)
    if unknown is not None:  # hints under a misspelt name would have no effect, and nobody would know why
        raise InputError(f"{where}: has {shorten(unknown)}, which is not known; a pair has {', '.join(_PAIR)}")
    keys = pair.get("keys", [0, 1])
    if not (isinstance(keys, list) and len(keys) == 2 and all(type(key) is int and 0 <= key < 10**6 for key in keys)):
        raise InputError(f'{where}: "keys" must be two numbers of key frames, such as [0, 1]')
    listed = pair.get("tracks", [])
    if not isinstance(listed, list):
        raise InputError(f'{where}: "tracks" must be a list')
    if len(listed) > MOST:
        raise InputError(f"{where}: has {len(listed)} tracks, and {MOST} can be kept; give fewer")
    tracks, names = [], []
    for number, track in enumerate(listed):
        name = f"{where}, track {number}"
        try:
            tracks.append(_read_track(track))
        except ValueError as error:
            why = str(error) if isinstance(error, _NotATrack) else "is no list of points"
            raise InputError(f"{name}: {why}; write [[120, 80], [200, 96]]") from error
        names.append(name)
    still, apart = pair.get("still"), pair.get("apart", [])
    if still is not None and not isinstance(still, str):
        raise InputError(f'{where}: "still" must be the name of an image')
    if not isinstance(apart, list) or not all(
        isinstance(two, list) and len(two) == 2 and all(isinstance(one, str) for one in two) for two in apart
    ):
        raise InputError(f'{where}: "apart" must be a list of pairs of images, such as [["a.png", "b.png"]]')
    parts, layer = pair.get("parts", []), pair.get("layer")
    if layer is not None and (not isinstance(layer, str) or not layer):
        raise InputError(f'{where}: "layer" must be the path of a layer, such as "cat/head"')
    if not isinstance(parts, list):
        raise InputError(f'{where}: "parts" must be a list, such as [{{"mask": "arm.png", "spacing": "ease-in"}}]')
    return Hinted(
        where,
        (keys[0], keys[1]),
        tuple(tracks),
        tuple(names),
        size,
        None if still is None else folder / still,
        tuple((folder / one, folder / other) for one, other in apart[:MOST]),
        tuple(
            _read_part(part, f"{where}, part {number}", folder) for number, part in enumerate(parts[: MOST_PARTS + 1])
        ),
        layer,
    )


def _read_part(part: Any, where: str, folder: Path) -> Spaced:
    example = '{"mask": "arm.png", "spacing": "ease-in"}'
    mask, layer = (part.get("mask"), part.get("layer")) if isinstance(part, dict) else (None, None)
    if not (isinstance(mask, str) and layer is None) and not (isinstance(layer, str) and layer and mask is None):
        raise InputError(f"{where}: needs either a mask or a layer; write {example}")
    spacing, last = part.get("spacing"), part.get("last")
    if isinstance(spacing, list) and all(_is_number(time) for time in spacing):
        spacing = ",".join(map(repr, map(float, spacing)))
    if not isinstance(spacing, str) or (last is not None and not isinstance(last, str)):
        raise InputError(f"{where}: has no spacing, or no name for its last mask; write {example}")
    try:
        times = read_spacing(spacing)
    except ConfigError as error:
        raise InputError(f"{where}: {str(error).replace('--spacing: ', '', 1)}") from error
    return Spaced(
        where,
        None if mask is None else folder / mask,
        spacing if times is None else times,
        None if last is None else folder / last,
        layer,
    )


def _read_track(track: Any) -> Track:
    times: list[float | None] | None = None
    if isinstance(track, dict) and "points" in track:
        listed = track.get("times")
        if listed is not None:
            if not isinstance(listed, list) or not all(_is_number(time) for time in listed):
                raise _NotATrack('"times" must be numbers from 0 to 1')
            times = [float(time) for time in listed]
        track = track["points"]
    if not isinstance(track, list):
        raise ValueError
    points = [_read_point(point) for point in track]
    if times is not None and len(times) != len(points):
        raise _NotATrack(f"has {len(points)} points and {len(times)} times")
    return _make_track(points, times or [None] * len(points))


def _read_point(point: Any) -> Point | None:
    if point is None:
        return None
    if isinstance(point, dict):
        point = [point.get("x"), point.get("y")]
    if not (isinstance(point, list) and len(point) == 2 and all(_is_number(value) for value in point)):
        raise ValueError
    return float(point[0]), float(point[1])


def _make_track(points: Sequence[Point | None], times: Sequence[float | None]) -> Track:
    if not 1 <= len(points) <= MOST:
        raise _NotATrack(f"has {len(points)} points; 1 to {MOST} can be used")
    if any(point is None for point in points[1:-1]) or points[0] is points[-1] is None:
        raise _NotATrack("has no point where one is needed; only the first or the last may be missing")
    if len(points) == 1:
        points, times = [*points, *points], [None, None]
    if not all(isfinite(value) for point in points if point is not None for value in point):
        raise _NotATrack("has a point that is no number")
    if None in (points[0], points[-1]) and len(points) > 2:
        raise _NotATrack("comes or goes, and so has one point")
    if all(time is None for time in times):
        return Track(tuple(points))
    filled = [0.0 if times[0] is None else times[0], *times[1:-1], 1.0 if times[-1] is None else times[-1]]
    if any(time is None for time in filled):
        raise _NotATrack("has a time for some points; give one to all between the ends")
    known = [float(time) for time in filled if time is not None]
    if points[0] is None or points[-1] is None:
        if (
            not 0 <= known[0] < known[1] <= 1
            or (points[0] is not None and known[0])
            or (points[1] is not None and known[1] < 1)
        ):
            raise _NotATrack("comes or goes at a time that is not between 0 and 1")
        return Track(tuple(points), tuple(known))
    if known[0] != 0 or known[-1] != 1 or any(not one < other for one, other in pairwise(known)):
        raise _NotATrack("has times that do not rise from 0 to 1")
    return Track(tuple(points), tuple(known))


def _contradict(one: Track, other: Track) -> bool:
    """Whether two tracks lead from one place to two, or from two places to one."""
    if any(one.points[end] is other.points[end] is None for end in (0, -1)):
        return False  # both appear, or both disappear

    def apart(end: int) -> float:
        a, b = one.points[end], other.points[end]
        if a is None or b is None:
            return float("inf")
        return hypot(a[0] - b[0], a[1] - b[1])

    ends = apart(0), apart(-1)
    return min(ends) < _SAME and max(ends) > _APART


def read_mask(path: Path, width: int, height: int) -> Array:
    """An image's bright or opaque pixels: (height, width) bool.

    Raises:
        InputError: it cannot be read, has another aspect ratio, or marks nothing.
    """
    image = to_uint8(read_image(path))
    image = image[..., 3] if image.ndim == 3 and image.shape[2] == 4 and image[..., 3].min() < 255 else image
    grey = image if image.ndim == 2 else image.max(2)
    if abs(grey.shape[1] * height - grey.shape[0] * width) > max(width, height):
        raise InputError(
            f"{shown(path)}: is {grey.shape[1]}x{grey.shape[0]}, and the key frames are {width}x{height}; "
            "give a mask of their shape"
        )
    mask = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA) >= 128
    if not mask.any():
        raise InputError(f"{shown(path)}: marks nothing; paint what is meant white")
    return np.asarray(mask)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _is_point(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)))


def list_masks(hints: Hints) -> list[Path]:
    """The images that hints name."""
    found: list[Path | None] = []
    for pair in hints.pairs:
        found += [pair.still, *chain(*pair.apart)]
        found += [mask for part in pair.parts for mask in (part.mask, part.last)]
    return [mask for mask in found if mask is not None]


def digest_hints(hints: PairHints | None) -> str:
    """A hash of hints; "" if there are none."""
    if not hints:
        return ""
    known = hashlib.sha256(repr(hints.tracks).encode())
    masks = [hints.still, *(each for two in hints.apart for each in two)]
    masks += [each for part in hints.parts for each in (part.first, part.last)]
    for mask in masks:
        known.update(b"-" if mask is None else np.packbits(mask).tobytes())
    return known.hexdigest()
