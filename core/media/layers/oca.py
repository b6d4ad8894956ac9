"""OCA (Open Cel Animation) 1.1: a folder with a JSON file and a picture for each drawing of each layer.

Source: the OCA specification 1.1 (RxLaboratory) and its example, as the exporter for Krita writes it. There, a
frame's opacity is the layer's opacity at that frame, not a factor of it.
"""

import json
import re
import shutil
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

from ...errors import InputError, printable
from ...files import reading, shown
from ...json_text import read_json
from ..frames import Frame
from ..image_files import MOST_PIXELS, MOST_SIDE, encode_png, read_image
from .document import (
    MOST_CEL_PIXELS,
    MOST_CELS,
    MOST_DEPTH,
    MOST_LAYERS,
    MOST_PICTURES,
    Cel,
    Document,
    Layer,
    LayerPath,
    Picture,
    StoredCel,
    as_cel,
    is_deep,
    is_same_cel,
    name_paths,
    walk,
)

SUFFIX = ".oca"
_VERSION = "1.1.0"
_BLENDS = {
    "normal": "normal",
    "multiply": "multiply",
    "screen": "screen",
    "add": "add",
    "overlay": "overlay",
    "darken": "darken",
    "lighten": "lighten",
    "color-dodge": "dodge",
    "color-burn": "burn",
    "hard-light": "hard_light",
    "soft-light": "soft_light",
    "difference": "difference",
    "exclusion": "exclusion",
    "subtract": "subtract",
    "divide": "divide",
    "linear-burn": "linear_burn",
    "linear-light": "linear_light",
    "vivid-light": "vivid_light",
    "pin-light": "pin_light",
    "hard-mix": "hard_mix",
    "dissolve": "dissolve",
    "hue": "hue",
    "saturation": "saturation",
    "color": "color",
    "luminosity": "luminosity",
}
BLENDS = frozenset((*_BLENDS, "atop"))
"""Blend modes that the format has; "atop" is its `inheritAlpha`."""
_MODES = {written: blend for blend, written in _BLENDS.items()} | {
    "linear_dodge": "add",
    "soft_light_svg": "soft-light",
}
_MOST_RATE = 1000
_LONGEST = 60  # letters of a file's name


def find_oca(folder: Path) -> Path | None:
    """The JSON file of an OCA folder; None: it is not an OCA folder."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() == SUFFIX and path.is_file())
    except OSError:
        return None
    return found[0] if found else None


def read_oca(path: Path) -> Document:
    """Reads an OCA folder, named by itself or by its JSON file.

    Each frame at which a layer changes becomes a picture.

    Raises:
        InputError: it cannot be read, or is not OCA; the message names the file.
    """
    file = find_oca(path) if path.is_dir() else path
    if file is None:
        raise InputError(f"{shown(path)}: holds no {SUFFIX} file; name an OCA folder")
    name = shown(file)
    try:
        with reading(file, "check the folder"):
            data = read_json(file)
            if not isinstance(data, dict):
                raise ValueError("is no JSON object")
            return _Reader(file.parent, name, data).read()
    except ValueError as error:
        raise InputError(f"{name}: {printable(error, 300)}; export it again as OCA") from error
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{name}: does not have the form of OCA; export it again") from error


class _Reader:
    """Reads one OCA folder."""

    def __init__(self, folder: Path, name: str, data: Mapping[str, Any]) -> None:
        self._folder, self._name, self._data = folder.resolve(), name, data
        self._files: dict[str, Frame] = {}
        self._notes: dict[str, None] = {}
        self._count = 0
        self._pixels = MOST_CEL_PIXELS
        self._starts: set[int] = set()
        self._frames: dict[int, list[tuple[int, Mapping[str, Any]]]] = {}

    def read(self) -> Document:
        data = self._data
        self._width, self._height = (
            _whole(data.get("width", 1920), 1, MOST_SIDE),
            _whole(data.get("height", 1080), 1, MOST_SIDE),
        )
        if self._width * self._height > MOST_PIXELS:
            raise ValueError(f"its canvas is {self._width} x {self._height} pixels, and {MOST_PIXELS:,} can be read")
        rate = Fraction(_number(data.get("frameRate", 24), 0.01, _MOST_RATE)).limit_denominator(1001)
        layers = data.get("layers", [])
        self._gather(layers, 0)
        start = _whole(data.get("startTime", 0), -(1 << 31), 1 << 31)
        end = _whole(data.get("endTime", 240), -(1 << 31), 1 << 31)
        starts = sorted({max(start, frame) for frame in self._starts if frame < end or frame <= start} or {start})
        if len(starts) * self._count > MOST_CELS:
            raise ValueError(f"it has {self._count} layers at {len(starts)} times, and {MOST_CELS:,} cels can be read")
        if len(starts) > MOST_PICTURES:
            raise ValueError(f"it has {len(starts)} drawings, and {MOST_PICTURES} can be read")
        background = [_number(value, 0, 1) for value in data.get("backgroundColor", [0, 0, 0, 0])]
        if len(background) != 4:
            raise ValueError("its backgroundColor does not have four numbers")
        pictures = []
        for frame, after in zip(starts, [*starts[1:], max(end, starts[-1] + 1)], strict=True):
            pictures.append(
                Picture(
                    self._width,
                    self._height,
                    tuple(self._read_layers(layers, frame)),
                    (background[0], background[1], background[2], background[3]),
                    seconds=(after - frame) / rate,
                    name=self._name if len(starts) == 1 else f"{self._name}, frame {frame}",
                )
            )
        return Document(tuple(pictures), notes=tuple(self._notes))

    def _gather(self, layers: Sequence[Mapping[str, Any]], depth: int) -> None:
        """Counts layers, and collects the frames at which something changes."""
        if depth > MOST_DEPTH:
            raise ValueError(f"its groups are nested more than {MOST_DEPTH} deep")
        for layer in layers:
            self._count += 1
            if self._count > MOST_LAYERS:
                raise ValueError(f"it has more than {MOST_LAYERS} layers")
            frames = [
                (_whole(frame.get("frameNumber", 0), -(1 << 31), 1 << 31), frame) for frame in layer.get("frames", [])
            ]
            self._starts.update(number for number, _ in frames)
            self._frames[id(layer)] = sorted(frames, key=lambda each: each[0])
            self._gather(layer.get("childLayers", []), depth + 1)

    def _read_layers(self, layers: Sequence[Mapping[str, Any]], at: int) -> Iterator[Layer]:
        for layer in layers:
            name = str(layer.get("name", ""))
            written = str(layer.get("blendingMode", "normal"))
            if written not in _MODES:
                self._notes[f"the blending mode {printable(written, 40)} is not known, and was read as normal"] = None
            blend = _MODES.get(written, "normal")
            if layer.get("inheritAlpha", False):
                blend = "atop"
            if layer.get("reference", False):
                self._notes[f"a layer for reference was left out: {printable(name, 40)}"] = None
                continue
            frame = self._find_frame(layer, at)
            said = (frame or {}).get("opacity", layer.get("opacity", 1.0))
            found = Layer(name, opacity=_number(said, 0, 1), visible=bool(layer.get("visible", True)), blend=blend)
            if layer.get("type", "paintlayer") == "grouplayer":
                children = tuple(self._read_layers(layer.get("childLayers", []), at))
                yield replace(found, children=children, passes=bool(layer.get("passThrough", False)))
            else:
                yield replace(found, cel=self._read_cel(name, layer, frame))

    def _find_frame(self, layer: Mapping[str, Any], at: int) -> Mapping[str, Any] | None:
        """The frame that a layer shows at a time; None: it shows none."""
        frames = self._frames[id(layer)]
        place = bisect_right(frames, at, key=lambda each: each[0])
        return frames[place - 1][1] if place else None

    def _read_cel(self, name: str, layer: Mapping[str, Any], frame: Mapping[str, Any] | None) -> Cel | None:
        if frame is None or frame.get("name") == "_blank":
            return None
        file = frame.get("fileName", f"{name}/{frame.get('name', '')}.{layer.get('fileType', 'png')}")
        if not isinstance(file, str):
            raise ValueError("a fileName is not text")
        if not file:
            return None
        pixels = self._load(file)
        position = frame.get("position", [self._width / 2, self._height / 2])
        height, width = pixels.shape[:2]
        x, y = _find_edge(position[0], width, self._width), _find_edge(position[1], height, self._height)
        return as_cel(pixels, x, y)

    def _load(self, file: str) -> Frame:
        """Reads a picture, which must be within the folder."""
        if file not in self._files:
            inner = PurePosixPath(file.replace("\\", "/"))
            if inner.is_absolute() or ".." in inner.parts or ":" in file or "\0" in file:
                raise ValueError(f"names {printable(file, 100)!r}, which is outside its folder")
            path = (self._folder / inner).resolve()
            if not path.is_relative_to(self._folder):
                raise ValueError(f"names {printable(file, 100)!r}, which is outside its folder")
            self._files[file] = read_image(path)
            self._pixels -= self._files[file].shape[0] * self._files[file].shape[1]
            if self._pixels < 0:
                raise ValueError(f"its drawings have more than {MOST_CEL_PIXELS:,} pixels")
        return self._files[file]


def _find_edge(centre: object, length: int, canvas: int) -> int:
    """Where a drawing begins, by its centre: Krita's exporter rounds down whole numbers, and others are exact."""
    at = _number(centre, -MOST_SIDE, MOST_SIDE)
    if not isinstance(centre, int):
        return round(at - length / 2)
    edge = centre - (length - 1) // 2
    return 0 if length == canvas and abs(edge) <= 1 else edge  # other programs do not round down


def _whole(value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"has {printable(str(value)[:40])!r}, and a whole number up to {most} is needed")
    return int(value)


def _number(value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"has {printable(str(value)[:40])!r}, and a number from {least:g} to {most:g} is needed")
    return float(value)


@dataclass
class ShownCel:
    """A drawing that was written.

    Attributes:
        path: its layer.
        cel: what it shows.
        first: the number of the first picture that shows it, in the order in which they were added.
        count: the number of pictures that show it, one after the other.
    """

    path: LayerPath
    cel: Cel
    first: int
    count: int = 1


class OcaWriter:
    """Writes pictures as an OCA folder, one after the other."""

    def __init__(self, folder: Path, name: str, rate: Fraction) -> None:
        """Starts a folder.

        Args:
            folder: an existing, empty folder.
            name: of the document.
            rate: frames a second.
        """
        self._folder, self._name, self._rate = folder, name, rate
        self._drawings: dict[LayerPath, list[dict[str, Any]]] = {}
        self._latest: dict[LayerPath, tuple[Cel | None, float]] = {}
        self._taken: dict[LayerPath, str] = {}
        self._names: set[str] = set()
        self._first: Picture | None = None
        self._end = 0
        self._added = 0
        self.shown: dict[str, ShownCel] = {}
        """The drawings that were written, by the names of their files, relative to the folder."""

    def add(self, picture: Picture, frames: int = 1) -> None:
        """Adds a picture that is shown for some frames; layers that have not changed are not written again.

        Raises:
            OSError: it cannot be written.
        """
        if self._first is None:
            self._first = picture
        start, self._end = self._end, self._end + frames
        self._added += 1
        for path, layer in walk(picture.layers):
            if layer.children is not None:
                continue
            drawings = self._drawings.setdefault(path, [])
            if path in self._latest:
                before, opacity = self._latest[path]
                if opacity == layer.opacity and is_same_cel(before, layer.cel):
                    drawings[-1]["duration"] += frames
                    if layer.cel is not None:
                        self.shown[drawings[-1]["fileName"]].count += 1
                    continue
            self._latest[path] = (layer.cel, layer.opacity)
            drawings.append(self._draw(path, layer, start, frames))

    def _draw(self, path: LayerPath, layer: Layer, start: int, frames: int) -> dict[str, Any]:
        if layer.cel is None:
            return {
                "name": "_blank", "fileName": "", "frameNumber": start, "opacity": layer.opacity,
                "position": [0, 0], "width": 0, "height": 0, "duration": frames,
            }  # fmt: skip
        place = self._find_place(path)
        name = f"{place.rsplit('/', 1)[-1]}_{start:05d}"
        file = f"{place}/{name}.png"
        (self._folder / place).mkdir(parents=True, exist_ok=True)
        if isinstance(layer.cel, StoredCel):
            shutil.copyfile(layer.cel.file, self._folder / file)
        else:
            (self._folder / file).write_bytes(encode_png(layer.cel.pixels))
        self.shown[file] = ShownCel(path, layer.cel, self._added - 1)
        height, width = layer.cel.pixels.shape[:2]
        return {
            "name": name, "fileName": file, "frameNumber": start, "opacity": layer.opacity,
            "position": [layer.cel.x + width / 2, layer.cel.y + height / 2], "width": width, "height": height,
            "duration": frames,
        }  # fmt: skip

    def _find_place(self, path: LayerPath) -> str:
        """The folder of a layer's drawings: its groups' names and its own, as files can have them."""
        if path not in self._taken:
            above = f"{self._find_place(path[:-1])}/" if len(path) > 1 else ""
            name = _file_name(path[-1][0])
            number = 1
            free = name
            while (above + free).casefold() in self._names:
                number += 1
                free = f"{name} ({number})"
            self._names.add((above + free).casefold())
            self._taken[path] = above + free
        return self._taken[path]

    def finish(self) -> None:
        """Writes the JSON file.

        Raises:
            OSError: it cannot be written.
        """
        assert self._first is not None
        picture = self._first
        data = {
            "name": self._name,
            "frameRate": float(self._rate),
            "width": picture.width,
            "height": picture.height,
            "startTime": 0,
            "endTime": self._end,
            "colorDepth": "U16" if is_deep(picture) else "U8",
            "backgroundColor": list(picture.background),
            "layers": self._list_layers(picture, picture.layers),
            "originApp": "animi",
            "originAppVersion": "",
            "ocaVersion": _VERSION,
        }
        file = f"{_file_name(self._name)}{SUFFIX}"
        (self._folder / file).write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")

    def _list_layers(self, picture: Picture, layers: Sequence[Layer], above: LayerPath = ()) -> list[dict[str, Any]]:
        found = []
        for path, layer in name_paths(layers, above):
            frames = self._drawings.get(path, [])
            found.append(
                {
                    "name": layer.name,
                    "frames": frames,
                    "childLayers": self._list_layers(picture, layer.children or (), path),
                    "type": "paintlayer" if layer.children is None else "grouplayer",
                    "fileType": "png",
                    "blendingMode": _BLENDS.get(layer.blend, "normal"),
                    "animated": len(frames) > 1,
                    "position": [picture.width / 2, picture.height / 2],
                    "width": picture.width,
                    "height": picture.height,
                    "label": -1,
                    "opacity": layer.opacity,
                    "visible": layer.visible,
                    "passThrough": layer.passes,
                    "reference": False,
                    "inheritAlpha": layer.blend == "atop",
                }
            )
        return found


def _file_name(name: str) -> str:
    """A file name for a layer that every system can hold: without slashes, control characters, and dots at its ends."""
    kept = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", unicodedata.normalize("NFC", name))
    kept = "".join(letter for letter in kept if not "\ud800" <= letter <= "\udfff")[:_LONGEST].strip(" .")
    if re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", kept):
        kept = f"_{kept}"
    return kept or "layer"
