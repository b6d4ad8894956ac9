"""Sheets of sprites: one picture with all frames, in cells of one size or as Aseprite's JSON lists them.

Source: the JSON that Aseprite exports (`--list-tags`, hash and array), in TexturePacker's form: a rotated frame is
in the sheet turned clockwise by 90 degrees.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...errors import InputError, OutputError, printable
from ...files import reading, shown
from ...json_text import read_json
from ..frames import Frame, as_channels
from ..image_files import MOST_PIXELS, MOST_SIDE, encode_png, read_image
from .document import DIRECTIONS, MOST_PICTURES, Cel, Document, Layer, Picture, Tag, as_cel, trim_cel

SUFFIX = ".json"
_USUAL_MS = 100  # how long Aseprite shows a frame
_LAYER = "sprite"


def as_pictures(
    frames: Sequence[Frame], name: str, seconds: Sequence[Fraction | None] | None = None
) -> tuple[Picture, ...]:
    """Frames of one size as pictures of one layer each."""
    return tuple(
        Picture(
            frame.shape[1],
            frame.shape[0],
            (Layer(_LAYER, as_cel(frame)),),
            seconds=None if seconds is None else seconds[number],
            name=f"{name}, frame {number + 1}",
        )
        for number, frame in enumerate(frames)
    )


def read_grid(path: Path, cell: tuple[int, int]) -> Document:
    """Cuts a picture into cells, row by row; empty cells are left out.

    Args:
        path: the picture.
        cell: width and height of a cell.

    Raises:
        InputError: it cannot be read, is smaller than a cell, or has only empty cells.
    """
    name = shown(path)
    sheet = as_channels(read_image(path), 4)
    width, height = cell
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    if not rows or not columns:
        size = f"{sheet.shape[1]}x{sheet.shape[0]}"
        raise InputError(f"{name}: is {size} pixels, less than a cell of {width}x{height}; give a smaller --grid")
    notes = []
    if sheet.shape[0] % height or sheet.shape[1] % width:
        notes.append(
            f"{name} is {sheet.shape[1]}x{sheet.shape[0]}, which is not a whole number of cells of "
            f"{width}x{height}; what is beyond the last whole cell was left out"
        )
    frames = []
    for number in range(rows * columns):
        y, x = number // columns * height, number % columns * width
        found = sheet[y : y + height, x : x + width]
        if found[..., 3].any():
            frames.append(np.ascontiguousarray(found))
    if not frames:
        raise InputError(f"{name}: all its cells are empty; check the picture")
    if len(frames) > MOST_PICTURES:
        raise InputError(f"{name}: has {len(frames)} cells, and {MOST_PICTURES} can be read; give a larger --grid")
    if len(frames) < rows * columns:
        empty = rows * columns - len(frames)
        notes.append(f"{empty} empty {'cell was' if empty == 1 else 'cells were'} left out")
    return Document(as_pictures(frames, name), notes=tuple(notes))


def is_sheet(path: Path) -> bool:
    """Whether a JSON file lists the frames of a sheet, as far as it can be read."""
    try:
        data = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and isinstance(data.get("frames"), list | dict) and "meta" in data


def read_sheet(path: Path) -> Document:
    """Reads a sheet by its JSON; the picture stands beside it.

    Raises:
        InputError: one of them cannot be read, or they do not match; the message names the file.
    """
    name = shown(path)
    try:
        with reading(path):
            data = read_json(path)
            if not isinstance(data, dict):
                raise ValueError("is no JSON object")
            return _read(path, name, data)
    except ValueError as error:
        raise InputError(f"{name}: {printable(error, 300)}; export the sheet again with its JSON") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"{name}: does not have the form of Aseprite's JSON; export it again with --format json"
        ) from error


def find_image(path: Path, data: Mapping[str, Any]) -> Path:
    """The picture of a sheet: the file that the JSON names, in the folder of the JSON.

    Raises:
        ValueError: the JSON names none.
    """
    image = data["meta"].get("image", f"{path.stem}.png")
    if not isinstance(image, str) or "\0" in image:
        raise ValueError("names no image")
    last = PurePosixPath(image.replace("\\", "/")).name  # a path is that of another machine
    if last in ("", ".", ".."):
        raise ValueError("names no image")
    return path.with_name(last)


def _read(path: Path, name: str, data: Mapping[str, Any]) -> Document:
    sheet = as_channels(read_image(find_image(path, data)), 4)
    listed = isinstance(data["frames"], list)
    entries = list(data["frames"]) if listed else list(data["frames"].values())
    if not 1 <= len(entries) <= MOST_PICTURES:
        raise ValueError(f"lists {len(entries)} frames, and 1 to {MOST_PICTURES} can be read")
    frames, seconds = [], []
    size: tuple[int, int] | None = None
    total = 0
    for number, entry in enumerate(entries, 1):
        box = entry["frame"]
        x, y, w, h = (_whole(box[key], 0, MOST_SIDE) for key in ("x", "y", "w", "h"))
        turned = bool(entry.get("rotated", False))
        across, down = (h, w) if turned else (w, h)
        if x + across > sheet.shape[1] or y + down > sheet.shape[0]:
            raise ValueError(f"frame {number} is outside the picture, which is {sheet.shape[1]}x{sheet.shape[0]}")
        part = sheet[y : y + down, x : x + across]
        part = np.rot90(part) if turned else part
        source, inside = entry.get("sourceSize", {"w": w, "h": h}), entry.get("spriteSourceSize", {"x": 0, "y": 0})
        whole = _whole(source["w"], 1, MOST_SIDE), _whole(source["h"], 1, MOST_SIDE)
        left, top = _whole(inside["x"], 0, MOST_SIDE), _whole(inside["y"], 0, MOST_SIDE)
        size = size or whole
        if whole != size:
            raise ValueError(f"frame {number} is {whole[0]}x{whole[1]}, and frame 1 is {size[0]}x{size[1]}")
        if left + w > whole[0] or top + h > whole[1]:
            raise ValueError(f"frame {number} is larger than its sprite")
        total += whole[0] * whole[1]
        if total > 4 * MOST_PIXELS:
            raise ValueError(f"its frames have more than {4 * MOST_PIXELS:,} pixels")
        frame = np.zeros((whole[1], whole[0], 4), sheet.dtype)
        frame[top : top + h, left : left + w] = part
        frames.append(frame)
        seconds.append(Fraction(_whole(entry.get("duration", _USUAL_MS), 1, 1 << 31), 1000))
    tags = tuple(_read_tags(data["meta"].get("frameTags", []), len(frames)))
    trimmed = any(bool(entry.get("trimmed", False)) for entry in entries)
    return Document(as_pictures(frames, name, seconds), tags, listed=listed, trimmed=trimmed)


def _read_tags(entries: Sequence[Mapping[str, Any]], frames: int) -> Iterator[Tag]:
    for entry in entries:
        first, last = _whole(entry["from"], 0, frames - 1), _whole(entry["to"], 0, frames - 1)
        if last < first:
            raise ValueError(f"the tag {printable(str(entry.get('name', '')), 40)!r} ends before it begins")
        direction = entry.get("direction", "forward")
        more = {key: entry[key] for key in entry if key not in ("name", "from", "to", "direction")}
        yield Tag(str(entry.get("name", "")), first, last, direction if direction in DIRECTIONS else "forward", more)


def _whole(value: object, least: int, most: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"has {printable(str(value)[:40])!r}, and a whole number from {least} to {most} is needed")
    return value


@dataclass
class SheetWriter:
    """Gathers frames, and writes them as a sheet with its JSON.

    Attributes:
        name: of the sprite; the frames are named after it.
        listed: whether the JSON has the frames in a list; otherwise they are under their names.
        trimmed: whether transparent margins are cut off.
        columns: frames side by side; None: as many as make the sheet about square.
    """

    name: str
    listed: bool = True
    trimmed: bool = False
    columns: int | None = None
    _cels: list[Cel] = field(default_factory=list)
    _durations: list[int] = field(default_factory=list)
    _size: tuple[int, int] = (0, 0)

    def add(self, frame: Frame, milliseconds: int) -> None:
        """Adds a frame, (H, W, C); all are of one size."""
        whole = as_channels(frame, 4)
        self._size = whole.shape[1], whole.shape[0]
        cel = trim_cel(whole) if self.trimmed else Cel(whole)
        self._cels.append(cel or Cel(whole[:1, :1].copy()))
        self._durations.append(milliseconds)

    def encode(self, image: str, tags: Sequence[Tag], where: Path) -> tuple[bytes, str]:
        """Makes both files.

        Args:
            image: the file name of the picture.
            tags: ranges of the frames.
            where: the file that errors name.

        Returns:
            The PNG and the JSON.

        Raises:
            OutputError: the sheet would be too large.
        """
        count = len(self._cels)
        width = max(cel.pixels.shape[1] for cel in self._cels)
        height = max(cel.pixels.shape[0] for cel in self._cels)
        square = max(1, round((count * height / width) ** 0.5))
        columns = min(count, self.columns or square, max(1, MOST_SIDE // width))
        rows = -(-count // columns)
        if columns * width > MOST_SIDE or rows * height > MOST_SIDE or columns * width * rows * height > MOST_PIXELS:
            raise OutputError(
                f"{shown(where)}: {count} frames of {width}x{height} make too large a sheet; draw fewer frames, "
                "or write a .webp"
            )
        deep = any(cel.pixels.dtype == np.uint16 for cel in self._cels)
        sheet = np.zeros((rows * height, columns * width, 4), np.uint16 if deep else np.uint8)
        entries = []
        for number, (cel, duration) in enumerate(zip(self._cels, self._durations, strict=True)):
            x, y = number % columns * width, number // columns * height
            h, w = cel.pixels.shape[:2]
            sheet[y : y + h, x : x + w] = cel.pixels
            entry = {
                "frame": {"x": x, "y": y, "w": w, "h": h},
                "rotated": False,
                "trimmed": (w, h) != self._size,
                "spriteSourceSize": {"x": cel.x, "y": cel.y, "w": w, "h": h},
                "sourceSize": {"w": self._size[0], "h": self._size[1]},
                "duration": duration,
            }
            entries.append((f"{self.name} {number}.aseprite", entry))
        frames = [{"filename": name, **entry} for name, entry in entries] if self.listed else dict(entries)
        listed_tags = [
            {"name": tag.name, "from": tag.first, "to": tag.last, "direction": tag.direction, **tag.more}
            for tag in tags
        ]
        meta = {
            "app": "animi",
            "version": version("animi"),
            "image": image,
            "format": "RGBA8888",
            "size": {"w": sheet.shape[1], "h": sheet.shape[0]},
            "scale": "1",
            "frameTags": listed_tags,
        }
        text = json.dumps({"frames": frames, "meta": meta}, ensure_ascii=False, indent=1)
        return encode_png(sheet), text + "\n"


def move_tags(tags: Sequence[Tag], places: Sequence[int], ends: Mapping[int, int] | None = None) -> tuple[Tag, ...]:
    """Tags of key frames as those of all frames.

    Args:
        tags: by the numbers of key frames.
        places: the number of each key frame among all frames.
        ends: for a tag that loops, by its number, how many frames follow its last key frame.
    """
    return tuple(
        replace(tag, first=places[tag.first], last=places[tag.last] + (ends or {}).get(number, 0))
        for number, tag in enumerate(tags)
    )
