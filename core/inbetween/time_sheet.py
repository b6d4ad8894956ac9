"""Digital time sheets: XDTS, which OpenToonz, Clip Studio Paint and TVPaint exchange, and Toei's TDTS.

Both consist of one line that names the format, and JSON. A time table has fields (cells, dialogue, camera work), a
field has tracks, and a track lists the frames at which something changes: to another drawing, to no drawing, or to a
mark that asks for an in-between. All else is kept, and written back unchanged.

Source: Toei Digital's and Celsys's specification of XDTS (versions 5 and 10), and how OpenToonz reads and writes it.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..config.choices import MOST_FRAMES
from ..errors import InputError, printable
from ..files import read_limited, shown
from ..json_text import parse_object

EMPTY, SAME, INBETWEEN, REVERSE = "SYMBOL_NULL_CELL", "SYMBOL_HYPHEN", "SYMBOL_TICK_1", "SYMBOL_TICK_2"
"""What a frame may hold instead of a drawing's name: no drawing; no change; an in-between; one of a way back."""
USUAL_FPS = Fraction(24)
"""Frames a second of a sheet that does not state its rate, for which the format has no field."""
_HEADS = ("exchangeDigitalTimeSheet Save Data", "toeiDigitalTimeSheet Save Data")  # first lines of XDTS and TDTS
_CELLS = 0  # the id of the field of cells
_MOST_BYTES, _MOST_TRACKS, _MOST_LETTERS = 1 << 24, 1000, 200


@dataclass(frozen=True)
class Track:
    """A track of cells.

    Attributes:
        number: its number; 0 is the lowest layer.
        name: the level that it shows, such as "A".
        changes: what is shown from a frame on, by frames in order: a drawing's name, EMPTY, INBETWEEN or REVERSE.
            Frames count from 0; a change before 0 sets what is shown at 0.
    """

    number: int
    name: str
    changes: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class TimeSheet:
    """A time sheet, of which the first time table is used.

    Attributes:
        path: its file.
        tracks: those of that table, the lowest layer first.
        duration: the number of its frames.
        tables: the number of time tables in the file.
        fps: the rate that the file states, as few programs do; None: it states none.
    """

    path: Path
    tracks: tuple[Track, ...]
    duration: int
    tables: int
    fps: Fraction | None
    _head: str
    _data: dict[str, Any]

    def with_drawings(self, drawings: Mapping[tuple[int, int], str]) -> bytes:
        """The file with drawings' names instead of marks, and all else unchanged.

        Only tracks without a name get the one that they have here, as OpenToonz cannot open a sheet in which one is
        missing.

        Args:
            drawings: the names, by the track's number and the frame of the mark.
        """
        data = copy.deepcopy(self._data)
        _name_tracks(_list_tables(data)[0], {track.number: track.name for track in self.tracks if track.changes})
        for number, entry in _list_tracks(_list_tables(data)[0]):
            for frame in entry["frames"]:
                name = drawings.get((number, frame["frame"]))
                cell = _find_cell(frame)
                if name is not None and cell is not None:
                    cell["values"] = [name]
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"{self._head}\n{text}\n".encode()


def read_time_sheet(path: Path) -> TimeSheet:
    """Reads an XDTS or TDTS file.

    Raises:
        InputError: it cannot be read, or is not a time sheet; the message names the file and the fault.
    """
    name = shown(path)
    raw = read_limited(path, _MOST_BYTES, "a time sheet", "export it as XDTS")
    head, _, body = raw.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    head_text = head.decode("utf-8", "replace").strip()
    if head_text not in _HEADS:
        kinds = " or ".join(repr(known) for known in _HEADS)
        raise InputError(f"{name}: is no time sheet, as its first line is not {kinds}; export it as XDTS")
    try:
        data = parse_object(body)
        return _read(path, head_text, data)
    except ValueError as error:
        raise InputError(f"{name}: {error}; export it again as XDTS") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{name}: has not the form of a time sheet; export it again as XDTS") from error


def _read(path: Path, head: str, data: dict[str, Any]) -> TimeSheet:
    """Raises ValueError, or the errors of values of unexpected types, if it does not have the form of a time sheet."""
    tables = _list_tables(data)
    table = tables[0]
    duration = _read_whole(table["duration"], "duration", 1, MOST_FRAMES)
    names: list[object] = next((h["names"] for h in table.get("timeTableHeaders", []) if h["fieldId"] == _CELLS), [])
    found = _list_tracks(table)
    if len(found) > _MOST_TRACKS:
        raise ValueError(f"has {len(found)} tracks, and {_MOST_TRACKS} can be read")
    tracks: dict[int, Track] = {}
    for number, entry in found:
        label = _read_name(names[number]) if number < len(names) else str(number + 1)
        if number in tracks:
            raise ValueError(f"has two tracks {number}")
        changes: dict[int, str] = {}
        for each in entry["frames"]:
            frame = _read_whole(each["frame"], "frame", -MOST_FRAMES, MOST_FRAMES)
            cell = _find_cell(each)
            value = "" if cell is None or not cell["values"] else _read_name(cell["values"][0])
            if value and value != SAME:
                changes[frame] = value
        if changes and not label:
            raise ValueError(f"has no name for track {number + 1}")
        tracks[number] = Track(number, label, tuple(sorted(changes.items())))
    ordered = tuple(tracks[number] for number in sorted(tracks))
    rate = _read_rate(table.get("fps", data.get("fps")))
    return TimeSheet(path, ordered, duration, len(tables), rate, head, data)


def _list_tables(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The time tables; from version 7 on, TDTS has them within sheets."""
    tables = data.get("timeTables")
    if tables is None:
        tables = [table for sheet in data["timeSheets"] for table in sheet["timeTables"]]
    if not tables:
        raise ValueError("has no time table")
    return list(tables)


def _list_tracks(table: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The tracks of cells with their numbers."""
    fields = [field for field in table.get("fields", []) if field["fieldId"] == _CELLS]
    return [
        (_read_whole(track["trackNo"], "trackNo", 0, _MOST_TRACKS), track)
        for field in fields
        for track in field["tracks"]
    ]


def _name_tracks(table: dict[str, Any], names: Mapping[int, str]) -> None:
    """Adds the names of tracks that have none."""
    headers = table.setdefault("timeTableHeaders", [])
    header = next((each for each in headers if each["fieldId"] == _CELLS), None)
    if header is None:
        header = {"fieldId": _CELLS, "names": []}
        headers.append(header)
    known = header["names"]
    for number in range(len(known), max(names, default=-1) + 1):
        known.append(names.get(number, ""))


def _find_cell(frame: dict[str, Any]) -> dict[str, Any] | None:
    """What a frame shows: the entry with id 0."""
    found: dict[str, Any] | None = next((entry for entry in frame["data"] if entry["id"] == 0), None)
    return found


def _read_whole(value: object, what: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"has a {what} of {printable(str(value)[:40])!r}, and a whole number up to {most} is needed")
    return value


def _read_name(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > _MOST_LETTERS:
        raise ValueError(f"has {printable(str(value)[:40])!r} for a name")
    value = value.strip()
    if set(value) & set("/\\\0") or value in (".", ".."):
        raise ValueError(f"names {printable(value)!r}, and a name has no slashes, and is not . or ..")
    return value


def _read_rate(value: object) -> Fraction | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 1000:
        return Fraction(value).limit_denominator(1001)
    return None
