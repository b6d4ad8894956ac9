"""Edit lists: shots written as EDL (CMX 3600) and OTIO (OpenTimelineIO), and cuts read from either.

Sources: the CMX 3600 format as editing programs write it; OpenTimelineIO's file format, of which Timeline.1, Stack.1,
Track.1, Clip.1 and Clip.2, Gap.1 and Transition.1 are read. Both are small enough that no package is needed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import InputError, printable
from ..files import read_limited, shown
from ..json_text import parse_object

EDL, OTIO = ".edl", ".otio"
SUFFIXES = (EDL, OTIO)
USUAL_RATE = Fraction(24)
"""Frames a second of lists of films that do not state their rate."""
_MOST_BYTES = 1 << 24
_MOST_ITEMS, _MOST_DEPTH = 100_000, 24
_TIMECODE = r"(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})"
_EVENT = re.compile(
    rf"\s*(\d+)\s+(\S+)\s+(\S+)\s+(\S+)(?:\s+(\d+))?\s+{_TIMECODE}\s+{_TIMECODE}\s+{_TIMECODE}\s+{_TIMECODE}"
)
_VIDEO = re.compile(r"(?i)^(v\d*|b|aa?/v|none)$|/v\d*$")
_LONGEST = 200  # letters of a film's name


@dataclass(frozen=True)
class EditList:
    """The cuts of an edit list.

    Attributes:
        path: its file.
        codes: of an EDL, when events begin: hours, minutes, seconds, frames.
        drops: whether these are drop-frame timecodes.
        seconds: of an OTIO, when items begin.
    """

    path: Path
    codes: tuple[tuple[int, int, int, int], ...] = ()
    drops: bool = False
    seconds: tuple[float, ...] = ()

    def times(self, rate: Fraction | None) -> list[float]:
        """When shots begin, in seconds, in order.

        Args:
            rate: the film's frames a second.

        Raises:
            InputError: the list counts frames, and has more in a second than the film, or the film has no rate.
        """
        if not self.codes:
            return sorted(set(self.seconds))
        if not rate:
            raise InputError(
                f"{shown(self.path)}: counts frames, and the film states no rate; give cuts as a list of times"
            )
        # the hour at which a programme begins is no part of the film
        start = min(hour for hour, *_ in self.codes)
        return sorted({float(_count_frames(code, start, rate, self) / rate) for code in self.codes})


def _count_frames(code: tuple[int, int, int, int], start: int, rate: Fraction, edits: EditList) -> int:
    """The number of the frame of a timecode."""
    hours, minutes, seconds, frames = code[0] - start, *code[1:]
    nominal = round(rate)
    if frames >= nominal:
        raise InputError(
            f"{shown(edits.path)}: has a frame {frames} in a second, and the film has {nominal} in one; export the "
            "list at the film's rate"
        )
    total = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if edits.drops and nominal % 30 == 0:
        dropped = nominal // 15  # numbers left out each minute, but not each tenth
        total -= dropped * ((hours * 60 + minutes) - (hours * 60 + minutes) // 10)
    return total


def read_edit_list(path: Path) -> EditList:
    """Reads an EDL or OTIO file.

    Of an EDL, the times at which events are recorded are used, and of an OTIO its first video track.

    Raises:
        InputError: it cannot be read, or holds no shot.
    """
    name = shown(path)
    data = read_limited(path, _MOST_BYTES, "an edit list", "give --cuts auto, none, or a list")
    try:
        if path.suffix.lower() == OTIO:
            return EditList(path, seconds=_read_otio(data))
        return _read_edl(path, data)
    except (KeyError, TypeError, AttributeError, IndexError, ZeroDivisionError) as error:
        raise InputError(f"{name}: does not have the form of OTIO; export it again") from error
    except ValueError as error:
        raise InputError(f"{name}: {printable(error, 200)}; export it again") from error


def _read_edl(path: Path, data: bytes) -> EditList:
    codes: dict[tuple[int, int, int, int], None] = {}
    drops = False
    for line in data.decode("utf-8-sig", "replace").splitlines():
        if line.upper().startswith("FCM:"):
            drops = "NON" not in line.upper() and "DROP" in line.upper()
        match = _EVENT.match(line[:300])
        if match is None or not _VIDEO.search(match[3]):
            continue
        begins, ends = match.groups()[15:20], match.groups()[20:25]
        if begins == ends:  # an event of no length begins a dissolve
            continue
        hours, minutes, seconds, mark, frames = begins
        drops |= mark in ";,"
        if int(minutes) > 59 or int(seconds) > 59:
            raise ValueError(f"has a time {':'.join((hours, minutes, seconds, frames))}")
        codes[int(hours), int(minutes), int(seconds), int(frames)] = None
        if len(codes) > _MOST_ITEMS:
            raise ValueError(f"has more than {_MOST_ITEMS} events")
    if not codes:
        raise ValueError("has no event with a picture, such as 001  AX  V  C  and four times")
    return EditList(path, tuple(codes), drops)


def _read_otio(data: bytes) -> tuple[float, ...]:
    root = parse_object(data)
    timeline = _find(root, "Timeline", 0)
    if timeline is None:
        raise ValueError("holds no timeline")
    tracks = [track for track in timeline["tracks"]["children"] if _kind(track) == "Track"]
    video = next((track for track in tracks if track.get("kind", "Video") == "Video"), None)
    if video is None:
        raise ValueError("has no video track")
    items = [item for item in video["children"] if _kind(item) != "Transition"]
    if not items:
        raise ValueError("has a video track without shots")
    if len(items) > _MOST_ITEMS:
        raise ValueError(f"has more than {_MOST_ITEMS} shots")
    durations = [_measure(item, 0) for item in items]
    starts = accumulate(durations[:-1], initial=Fraction(0))
    return tuple(float(start) for start, duration in zip(starts, durations, strict=True) if duration > 0)


def _kind(item: Mapping[str, Any]) -> str:
    return str(item["OTIO_SCHEMA"]).partition(".")[0]


def _find(item: Mapping[str, Any], kind: str, depth: int) -> Mapping[str, Any] | None:
    """The first of a kind in a collection."""
    if depth > _MOST_DEPTH:
        raise ValueError("is nested too deeply")
    if _kind(item) == kind:
        return item
    for child in item.get("children", []) if _kind(item) == "SerializableCollection" else []:
        if (found := _find(child, kind, depth + 1)) is not None:
            return found
    return None


def _measure(item: Mapping[str, Any], depth: int) -> Fraction:
    """How long an item is shown, in seconds."""
    if depth > _MOST_DEPTH:
        raise ValueError("is nested too deeply")
    if item.get("source_range") is not None:
        return _read_seconds(item["source_range"]["duration"])
    kind = _kind(item)
    if kind == "Clip":
        media = item.get("media_reference")
        if media is None:
            media = item["media_references"][item.get("active_media_reference_key", "DEFAULT_MEDIA")]
        if media.get("available_range") is None:
            raise ValueError(f"has a shot without a length ({printable(str(item.get('name', '')), 60)})")
        return _read_seconds(media["available_range"]["duration"])
    if kind in ("Stack", "Track"):
        inner = [_measure(child, depth + 1) for child in item["children"] if _kind(child) != "Transition"]
        return max(inner, default=Fraction(0)) if kind == "Stack" else sum(inner, Fraction(0))
    raise ValueError(f"has a {printable(kind, 40)} in its video track")


def _read_seconds(time: Mapping[str, Any]) -> Fraction:
    value, rate = time["value"], time["rate"]
    for number in (value, rate):
        if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
            raise ValueError("has a time that is not a number")
    if not 0 < rate <= 1_000_000 or not 0 <= value / rate <= 1_000_000:
        raise ValueError(f"has a time of {value} at a rate of {rate}")
    # 23.976 stands for 24000/1001
    broadcast = Fraction(round(rate * 1.001) * 1000, 1001)
    exact = broadcast if abs(float(broadcast) - rate) < 1e-3 and rate != round(rate) else Fraction(rate)
    return Fraction(value) / exact


@dataclass(frozen=True)
class Shot:
    """A shot of a film, in frames."""

    first: int
    end: int
    """The frame after its last."""
    fades: bool
    """Whether it is a dissolve."""


def list_shots(shots: Sequence[Mapping[str, Any]], rate: Fraction, step: float) -> list[Shot]:
    """Shots as `shots.json` has them, in frames of the film.

    Args:
        shots: each with the times of its first and last frame, and its transition.
        rate: the film's frames a second.
        step: the most seconds between two frames that were examined.
    """
    found = []
    for number, shot in enumerate(shots):
        first, last = shot["first"], shot["last"]
        end = last + float(1 / rate)
        if number + 1 < len(shots) and (after := shots[number + 1]["first"]) - last <= 1.5 * max(step, float(1 / rate)):
            end = after  # nothing was left out between them
        begins = round(first * rate)
        found.append(Shot(begins, max(begins + 1, round(end * rate)), shot["transition"] is not None))
    return found


def write_edl(film: str, shots: Sequence[Shot], rate: Fraction) -> str:
    """An EDL of a film's shots; each is recorded where it is in the film."""
    name = _one_line(film)
    lines = [f"TITLE: {name}", "FCM: NON-DROP FRAME", ""]
    for number, shot in enumerate(shots, 1):
        times = " ".join(_spell(frame, round(rate)) for frame in (shot.first, shot.end) * 2)
        lines += [f"{number:03d}  AX       V     C        {times}", f"* FROM CLIP NAME: {name}"]
        if shot.fades:
            lines.append("* COMMENT: DISSOLVE")
    return "\n".join(lines) + "\n"


def _spell(frame: int, nominal: int) -> str:
    seconds, frames = divmod(frame, max(1, nominal))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _one_line(film: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in film)[:_LONGEST]


def write_otio(film: str, shots: Sequence[Shot], rate: Fraction) -> str:
    """An OTIO timeline of a film's shots, with gaps where no frame was kept."""
    children: list[dict[str, Any]] = []
    place = 0
    for number, shot in enumerate(shots):
        if shot.first > place:
            children.append(_item("Gap", "", place, shot.first, rate))
        clip = _item("Clip", f"shot {number}", shot.first, shot.end, rate)
        clip["media_reference"] = {
            "OTIO_SCHEMA": "ExternalReference.1", "metadata": {}, "name": None, "available_range": None,
            "target_url": quote(film, errors="surrogateescape"),
        }  # fmt: skip
        if shot.fades:
            clip["metadata"] = {"animi": {"transition": "dissolve"}}
        children.append(clip)
        place = shot.end
    bare: dict[str, Any] = {"metadata": {}, "source_range": None, "effects": [], "markers": []}
    track = {"OTIO_SCHEMA": "Track.1", **bare, "name": "shots", "kind": "Video", "children": children}
    stack = {"OTIO_SCHEMA": "Stack.1", **bare, "name": "tracks", "children": [track]}
    head: dict[str, Any] = {
        "OTIO_SCHEMA": "Timeline.1",
        "metadata": {},
        "name": _one_line(film),
        "global_start_time": None,
    }
    return json.dumps(head | {"tracks": stack}, ensure_ascii=False, indent=1) + "\n"


def _item(kind: str, name: str, first: int, end: int, rate: Fraction) -> dict[str, Any]:
    def time(frames: int) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(frames)}

    span = {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(first), "duration": time(end - first)}
    return {
        "OTIO_SCHEMA": f"{kind}.1",
        "metadata": {},
        "name": name,
        "source_range": span,
        "effects": [],
        "markers": [],
    }
