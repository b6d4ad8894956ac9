"""The file of a plan: `plan.json`. It may come from another machine, so it is data, and everything in it is checked.

    format, version      what the file is
    settings             those of the command
    job                  what else the bytes depend on: the film's fingerprint, the weights' hash, ffmpeg's arguments
    timing               when the film's frames are shown
    seeks, closes        see `FilmPlan`
    sources              the film's frames, a list for each property
    segments             the new film's segments: start, cost, and their frames, a list for each property
    notes                sentences for the user

It names no file but those in `settings`. Nothing in it is ever run: ffmpeg's arguments are compared with
those that this machine makes of the settings, and never used.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import fields
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ..config.checks import hint
from ..config.interpolation import InterpolateFilmConfig
from ..config.serialise import build_config, describe_config
from ..errors import AnimiError, InputError
from ..files import shown, write_text
from ..json_text import read_json
from ..media.timestamps import MOST_FRAMES, Timing
from ..shots.mending import Mending
from ..shots.noise import WORKING_SIDE
from ..shots.registration import Registration
from .plan import FilmPlan, PlannedFrame, PlannedSegment, SourceFrame

VERSION = 3
"""Version of the file; a reader accepts its own only."""
_FORMAT = "animi film plan"
_FRACTION = re.compile(r"-?[0-9]{1,30}(/[1-9][0-9]{0,29})?")
_MOST_NOTES, _LONGEST_NOTE = 10_000, 4096
_MOST_SHIFT = 1e5  # pixels, and levels of brightness
_LONGEST_PATH = 4096
_DAMAGE = (AnimiError, TypeError, LookupError, ValueError, AttributeError, ArithmeticError, zlib.error)


def write_plan(plan: FilmPlan, path: Path) -> None:
    """Writes a plan.

    Raises:
        OSError: it cannot be written.
    """
    write_text(path, json.dumps(describe_plan(plan), separators=(",", ":"), allow_nan=False))


def read_plan(path: Path) -> FilmPlan:
    """Reads a plan, and checks everything in it.

    Raises:
        InputError: there is none, or it is no plan, damaged, or of another version of animi.
    """
    try:
        found = read_json(path)
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such file; make it with animi interpolate --plan") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: cannot be read ({error}); plan the film again") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InputError(f"{shown(path)}: is no plan of a film; name a folder that animi interpolate --plan has made")
    if found.get("version") != VERSION:
        raise InputError(
            f"{shown(path)}: is version {str(found.get('version'))[:20]} of a plan, and this animi reads {VERSION}; "
            "use one animi on all machines, or plan the film again"
        )
    try:
        return _build_plan(found)
    except _DAMAGE as error:
        raise InputError(f"{shown(path)}: is damaged ({str(error)[:200]}); plan the film again") from error


def describe_plan(plan: FilmPlan) -> dict[str, Any]:
    """A plan as JSON holds it."""
    timing = plan.timing
    return {
        "format": _FORMAT,
        "version": VERSION,
        "settings": describe_config(plan.config),
        "job": plan.job,
        "timing": None
        if timing is None
        else {
            "rate": _spell(timing.rate),
            "usual": _spell(timing.usual),
            "end": _spell(timing.end),
            "count": timing.count,
            "field": _spell(timing.field),
            "begin": _spell(timing.begin),
        },
        "seeks": plan.seeks,
        "closes": plan.closes,
        "sources": {
            "times": [_spell(source.time) for source in plan.sources],
            "sums": [source.sum for source in plan.sources],
            "held": [number for number, source in enumerate(plan.sources) if source.held],
            "cuts": [number for number, source in enumerate(plan.sources) if source.cut],
            "mixed": [number for number, source in enumerate(plan.sources) if source.mixed],
            "grainy": [number for number, source in enumerate(plan.sources) if source.grainy],
            "mended": {
                str(number): _describe_mending(source.mending)
                for number, source in enumerate(plan.sources)
                if source.mending is not None
            },
        },
        "segments": [
            {
                "start": segment.start,
                "cost": segment.cost,
                "times": [_spell(frame.time) for frame in segment.frames],
                "first": [frame.first for frame in segment.frames],
                "last": [frame.last for frame in segment.frames],
                "t": [frame.t for frame in segment.frames],
                "before": [frame.before for frame in segment.frames],
            }
            for segment in plan.segments
        ],
        "notes": list(plan.notes),
    }


def _spell(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _describe_mending(mending: Mending) -> dict[str, Any]:
    return {
        "size": list(mending.sources.shape),
        "sources": base64.b64encode(zlib.compress(mending.sources.tobytes(), 9)).decode(),
        "parts": [
            None
            if part is None
            else [part[0], float(part[1].shift[0]), float(part[1].shift[1]), float(part[1].gain), float(part[1].offset)]
            for part in mending.parts
        ],
    }


def _build_plan(found: dict[str, Any]) -> FilmPlan:
    config = _build_config(found["settings"])
    closes, seeks = _read_bool(found["closes"]), _read_bool(found["seeks"])
    sources = _build_sources(found["sources"])
    segments = _build_segments(found["segments"], len(sources))
    notes, job = found["notes"], found["job"]
    if not isinstance(job, dict) or not isinstance(notes, list) or len(notes) > _MOST_NOTES:
        raise ValueError("job or notes")
    if any(not isinstance(note, str) or len(note) > _LONGEST_NOTE for note in notes):
        raise ValueError("notes")
    timing = None
    if (given := found["timing"]) is not None:
        rate = None if given["rate"] is None else _read_fraction(given["rate"], above=0)
        end = None if given["end"] is None else _read_fraction(given["end"])
        count = None if given["count"] is None else _read_whole(given["count"], MOST_FRAMES)
        field_ = None if given["field"] is None else _read_fraction(given["field"], above=0)
        usual, begin = _read_fraction(given["usual"], above=0), _read_fraction(given["begin"])
        timing = Timing(rate, usual, end, count, field=field_, begin=begin)
    return FilmPlan(config, job, sources, segments, timing, seeks, closes, tuple(notes))


def _build_config(values: Any) -> InterpolateFilmConfig:
    if not isinstance(values, dict):
        raise ValueError("settings")
    config = build_config(InterpolateFilmConfig, values)
    for field in fields(config):
        value, kind = getattr(config, field.name), hint(field)
        if value is not None and not isinstance(value, (int, float) if kind is float else kind):
            raise ValueError(f"settings: {field.name}")
        if isinstance(value, Path | str) and (len(str(value)) > _LONGEST_PATH or "\0" in str(value)):
            raise ValueError(f"settings: {field.name}")
    if config.overwrite or config.resume:
        raise ValueError("settings: overwrite or resume")  # whether a file is replaced is for the user to say
    return config


def _build_sources(given: dict[str, Any]) -> tuple[SourceFrame, ...]:
    times = [_read_fraction(time) for time in _read_list(given["times"], MOST_FRAMES + 1)]
    count = len(times)
    if any(later <= time for time, later in pairwise(times)):
        raise ValueError("times do not rise")
    sums = [_read_whole(sum_, (1 << 32) - 1) for sum_ in _read_list(given["sums"], count)]
    held, cuts, mixed, grainy = (
        {_read_whole(number, count - 1) for number in _read_list(given[name], count)}
        for name in ("held", "cuts", "mixed", "grainy")
    )
    mended = {int(number): _build_mending(mending) for number, mending in given["mended"].items()}
    if not count or len(sums) != count or any(not 0 <= number < count for number in mended):
        raise ValueError("sources")
    return tuple(
        SourceFrame(time, sums[k], k in held, k in cuts, k in mixed, k in grainy, mended.get(k))
        for k, time in enumerate(times)
    )


def _build_mending(given: dict[str, Any]) -> Mending:
    height, width = (_read_whole(side, WORKING_SIDE, least=1) for side in given["size"])
    packed = zlib.decompressobj()
    raw = packed.decompress(base64.b64decode(given["sources"], validate=True), height * width)
    sources = np.frombuffer(raw, np.uint8).reshape(height, width)
    parts: list[tuple[int, Registration] | None] = []
    for part in _read_list(given["parts"], 2):
        if part is None:
            parts.append(None)
            continue
        side, x, y, gain, offset = part
        if side not in (-1, 1) or any(not _is_number(value, _MOST_SHIFT) for value in (x, y, gain, offset)):
            raise ValueError("mended")
        parts.append((side, Registration(np.array([x, y], np.float64), float(gain), float(offset))))
    return Mending(sources, tuple(parts))


def _build_segments(given: Any, count: int) -> tuple[PlannedSegment, ...]:
    """Reads the segments of a film of `count` frames."""
    segments: list[PlannedSegment] = []
    number, time = 0, Fraction(-1 << 40)
    for each in _read_list(given, MOST_FRAMES):
        columns = [_read_list(each[name], 1 << 30) for name in ("times", "first", "last", "t", "before")]
        if not columns[0] or len({len(column) for column in columns}) != 1:
            raise ValueError("segments: lists are not of one length")
        if each["start"] != number or not _is_number(each["cost"], 1e12):
            raise ValueError("segments: start or cost")
        frames = [_build_frame(row, count) for row in zip(*columns, strict=True)]
        for frame in frames:
            if frame.time <= time:
                raise ValueError("segments: times do not rise")
            time = frame.time
        segments.append(PlannedSegment(number, float(each["cost"]), frames))
        number += len(frames)
    if not segments:
        raise ValueError("segments: none")
    return tuple(segments)


def _build_frame(row: Sequence[Any], count: int) -> PlannedFrame:
    time, first, last, t, before = row
    first = _read_whole(first, count - 1)
    if last is None:
        if t != 0 or before is not None:
            raise ValueError("segments: t")
        return PlannedFrame(_read_fraction(time), first)
    if not _is_number(t, 1) or not 0 < t < 1:
        raise ValueError("segments: t")
    last = _read_whole(last, count - 1, least=first + 1)
    before = None if before is None else _read_whole(before, first)
    return PlannedFrame(_read_fraction(time), first, last, float(t), before)


def _read_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("a value is neither true nor false")
    return value


def _read_list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError("a value is not a list, or too long a list")
    return value


def _read_whole(value: Any, most: int, *, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{str(value)[:20]} is not from {least} to {most}")
    return value


def _read_fraction(value: Any, above: int | None = None) -> Fraction:
    if not isinstance(value, str) or not _FRACTION.fullmatch(value):
        raise ValueError(f"{str(value)[:20]} is no fraction")
    found = Fraction(value)
    if above is not None and found <= above:
        raise ValueError(f"{value} is not above {above}")
    return found


def _is_number(value: Any, most: float) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) <= most
