"""Parses the requests of the page of `animi studio` from JSON to typed settings; no other file reads its JSON.

A missing value gets its default; a value of a wrong type is reported by the name of its option.
"""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard

from starlette.requests import Request

from ..core.config.choices import CADENCES, ON_FAILURE
from ..core.config.parsing import read_rate, shorten
from ..core.errors import ConfigError, InputError
from ..core.files import shown
from ..core.json_text import parse_object
from ..core.studio.hints import NAME as HINTS
from ..core.studio.hints import HintedPair, Stroke
from ..core.studio.settings import DOWNLOADS, FILM_DOWNLOADS, DrawSettings, FilmSettings

LONGEST = 1 << 17
"""Largest size in bytes of a request other than a file."""
_LARGEST_HINTS = 2 * LONGEST  # as text in JSON, a file of hints is a little longer than by itself
_TEXT = 80  # characters of a setting
_CHART = 1 << 16  # characters of a spacing chart
_PAIRS, _LONGEST_SIDE = 4096, 65_535  # most hinted pairs, and longest side of a picture in pixels
_LARGEST = 1 << 53  # whole numbers up to this are exact in JavaScript

Raw = dict[str, Any]


@dataclass(frozen=True)
class Announcement:
    """The name and the size in bytes of a file that will be sent, and the position of the frame that it replaces."""

    name: str
    size: int
    position: float | None


async def read_json(request: Request, longest: int = LONGEST) -> Raw:
    """Reads the body of a request as JSON, of `longest` bytes at most.

    Raises:
        InputError: it is too long, or no JSON object.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > longest:
            raise InputError(f"the request is too long; {longest // 1024} KB are taken")
    try:
        return parse_object(body)
    except ValueError as error:
        raise InputError("the request is not a JSON object") from error


def read_announcement(raw: Raw) -> Announcement:
    """Reads "name" and "size", and "position", which may be missing.

    Raises:
        InputError: one is missing or of a wrong type.
    """
    name, size = raw.get("name", ""), raw.get("size")
    if not isinstance(name, str) or not _is_whole(size) or size < 0:
        raise InputError("a file is announced with its name and its size")
    position = raw.get("position")
    if position is not None and not _is_number(position):
        raise InputError("position: is not a number; reload the page")
    return Announcement(_clear(name), size, None if position is None else float(position))


def read_order(raw: Raw) -> list[str]:
    """Reads "drawings", ids in order.

    Raises:
        InputError: it is not a list of ids.
    """
    names = raw.get("drawings")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("drawings: is not a list of ids; reload the page")
    return names


def read_choice(raw: Raw) -> list[int]:
    """Reads "drawings", numbers from 0.

    Raises:
        InputError: it is no list of numbers.
    """
    numbers = raw.get("drawings")
    if not isinstance(numbers, list) or not all(_is_whole(number) for number in numbers):
        raise InputError("drawings: is not a list of numbers; choose a first and a last")
    return numbers


def read_draw_settings(raw: Raw, engines: tuple[str, ...]) -> DrawSettings:
    """Reads "engine", "count", "fps", "spacing", "loop", "boomerang", "size" and "on_failure".

    Args:
        raw: the request.
        engines: the studio's engines; the first is the default.

    Raises:
        ConfigError: a value cannot be used; the message begins with the option's name.
    """
    count = raw.get("count", DrawSettings.count)
    if not _is_whole(count):
        raise ConfigError(f"-n: {_quote(count)} is not a whole number; it counts both key frames, so give 2 or more")
    fps = read_rate(_read_text(raw, "fps", "--fps", str(DrawSettings.fps)), "--fps")
    spacing = _read_text(raw, "spacing", "--spacing", DrawSettings.spacing, _CHART)
    loop, boomerang = _read_flag(raw, "loop"), _read_flag(raw, "boomerang")
    size = _read_text(raw, "size", "--size", "").strip() or None
    on_failure = _read_text(raw, "on_failure", "--on-failure", DrawSettings.on_failure)
    engine = _read_engine(raw, engines)
    return DrawSettings(engine, count, fps, spacing, loop, boomerang, size, on_failure)


def read_moment(raw: Raw) -> tuple[float, bool]:
    """Reads "position", and "full": whether the frame is wanted at full size.

    Raises:
        InputError: the position is no number.
    """
    position = raw.get("position")
    if not _is_number(position):
        raise InputError("t: is not a number; give one from 0 on")
    return float(position), _read_flag(raw, "full")


def read_hints(raw: Raw) -> tuple[tuple[int, int] | None, list[HintedPair]]:
    """Reads "size", and "pairs" with "keys", "tracks" and "strokes"; tracks are checked later, with the hints.

    Raises:
        InputError: a value has another form.
    """
    size, pairs = raw.get("size"), raw.get("pairs", [])
    if size is not None and not (
        isinstance(size, list)
        and len(size) == 2
        and all(_is_whole(side) and 1 <= side <= _LONGEST_SIDE for side in size)
    ):
        raise InputError("the hints' size is not a width and a height; reload the page")
    if not isinstance(pairs, list) or len(pairs) > _PAIRS or (pairs and size is None):
        raise InputError(f"the hints are not a list of at most {_PAIRS} pairs of one size; reload the page")
    found = []
    for pair in pairs:
        keys, tracks, strokes = (pair.get(name, []) if isinstance(pair, dict) else None
                                 for name in ("keys", "tracks", "strokes"))  # fmt: skip
        if not (
            isinstance(keys, list) and len(keys) == 2 and all(isinstance(key, str) for key in keys)
            and isinstance(tracks, list) and isinstance(strokes, list)
        ):  # fmt: skip
            raise InputError("the hints are not of two key frames; reload the page")
        found.append(HintedPair(keys[0], keys[1], tuple(tracks), tuple(map(_read_stroke, strokes))))
    if len({pair.ids for pair in found}) < len(found):
        raise InputError("the hints contain a pair of key frames twice; reload the page")
    return None if size is None else (size[0], size[1]), found


async def read_hints_file(request: Request, engines: tuple[str, ...]) -> tuple[str, bytes, DrawSettings]:
    """Reads "name", "text", which is a file of hints, and the settings; see `read_draw_settings`.

    Returns:
        The file's name, its bytes, and the settings.

    Raises:
        ConfigError: a setting cannot be used.
        InputError: the name or the text is missing, or the file is too large.
    """
    raw = await read_json(request, _LARGEST_HINTS)
    name, text = raw.get("name"), raw.get("text")
    if not isinstance(name, str) or not isinstance(text, str):
        raise InputError("a file of hints is sent with its name and its text")
    return shown(Path(_clear(name)[:_TEXT] or HINTS)), _clear(text).encode(), read_draw_settings(raw, engines)


def _read_stroke(stroke: object) -> Stroke:
    points, width, erases = (stroke.get(name) if isinstance(stroke, dict) else None
                             for name in ("points", "width", "erases"))  # fmt: skip
    if not (
        isinstance(points, list) and points and _is_number(width) and 0 < width <= _LONGEST_SIDE
        and isinstance(erases, bool | None)
        and all(isinstance(point, list) and len(point) == 2 and all(map(_is_number, point)) for point in points)
    ):  # fmt: skip
        raise InputError("a stroke of the brush is not a line with a width; undo it")
    return Stroke(tuple((float(x), float(y)) for x, y in points), float(width), bool(erases))


def read_download(raw: Raw) -> str:
    """Reads "format", one of DOWNLOADS.

    Raises:
        ConfigError: it is not known.
    """
    kind = raw.get("format")
    if not isinstance(kind, str) or kind not in DOWNLOADS:
        raise ConfigError(f"format: {_quote(kind)} is not known; give one of {', '.join(DOWNLOADS)}")
    return kind


def read_film_settings(raw: Raw, engines: tuple[str, ...]) -> FilmSettings:
    """Reads "engine", "factor" or "fps", "cadence", "on_failure", "preview" (seconds) and "format".

    Args:
        raw: the request.
        engines: the studio's engines; the first is the default.

    Raises:
        ConfigError: a value cannot be used.
    """
    kind = FILM_DOWNLOADS[0] if raw.get("format") in (None, "") else raw["format"]
    if not isinstance(kind, str) or kind not in FILM_DOWNLOADS:
        raise ConfigError(f"format: {_quote(kind)} is not known; give one of {', '.join(FILM_DOWNLOADS)}")
    preview = raw.get("preview")
    if preview is not None and not _is_number(preview):
        raise ConfigError(f"--preview: {_quote(preview)} is not a number of seconds; give some, such as 5")
    factor, fps = (_read_text(raw, name, f"--{name}", "") for name in ("factor", "fps"))
    return FilmSettings(
        _read_engine(raw, engines),
        kind,
        read_rate(factor, "--factor") if factor else None,
        read_rate(fps, "--fps") if fps else None,
        _read_text(raw, "cadence", "--cadence", CADENCES[0]),
        None if preview is None else float(preview),
        _read_text(raw, "on_failure", "--on-failure", ON_FAILURE[0]),
    )


def _read_engine(raw: Raw, engines: tuple[str, ...]) -> str:
    name = engines[0] if raw.get("engine") in (None, "") else raw["engine"]
    if not isinstance(name, str) or name not in engines:
        raise ConfigError(f"--engine: {_quote(name)} is not known; choose one of {', '.join(engines)}")
    return name


def _read_text(raw: Raw, name: str, option: str, default: str, longest: int = _TEXT) -> str:
    """Reads a text, or a number as text; returns the default if it is missing or empty."""
    value = raw.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value) if _is_number(value) else ""
    if not isinstance(value, str) or not value or len(value) > longest:
        raise ConfigError(
            f"{option}: {_quote(raw[name])} cannot be read; give {default or 'it as on the command line'}"
        )
    return _clear(value)


def _read_flag(raw: Raw, name: str) -> bool:
    value = raw.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"--{name.replace('_', '-')}: {_quote(value)} is neither true nor false")
    return value


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number that a float holds."""
    if isinstance(value, float):
        return isfinite(value)
    return _is_whole(value)


def _clear(text: str) -> str:
    """Replaces lone surrogates, which cannot be encoded as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _quote(value: object) -> str:
    """Returns a value as a message quotes it; huge numbers are not written out."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a huge number"
    if isinstance(value, str):
        return shorten(value)
    return repr(value) if isinstance(value, int | float | None) else f"a {type(value).__name__}"
