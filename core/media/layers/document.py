"""A drawing in layers, whatever the format that it comes from.

A document has one picture or, where the format holds animations, several. A picture is a tree of layers, the lowest
first, on one canvas.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..frames import Frame, as_channels, paste, to_uint16
from ..image_files import MOST_PIXELS

MOST_LAYERS = 8000
"""The most layers and groups of one picture that are read: as many as Photoshop allows."""
MOST_DEPTH = 60
"""The deepest nesting of groups that is read."""
MOST_CEL_PIXELS = 4 * MOST_PIXELS
"""The most pixels that are read, in all layers of one document together."""
MOST_CELS = 1 << 20
"""The most layers that are read, in all pictures of one document together."""
MOST_PICTURES = 10_000
"""The most pictures of one document that are read."""
DIRECTIONS = ("forward", "reverse", "pingpong", "pingpong_reverse")
"""The ways in which a tag is played, by the names of Aseprite."""


@dataclass(frozen=True)
class Cel:
    """The pixels of a layer, which may reach beyond the canvas or fill a part of it.

    Attributes:
        pixels: (h, w, 4) uint8 or uint16, straight alpha.
        x: the left edge on the canvas, in pixels.
        y: the upper edge.
    """

    pixels: Frame
    x: int = 0
    y: int = 0


@dataclass(frozen=True)
class StoredCel(Cel):
    """A cel that a file holds as it is.

    Attributes:
        file: a PNG of these pixels.
    """

    file: Path = Path()


@dataclass(frozen=True)
class Layer:
    """A layer with pixels, or a group.

    Attributes:
        name: as people see it; several layers may have the same.
        cel: its pixels; None: it is a group, or has no pixels here.
        opacity: from 0 to 1.
        visible: whether it is shown.
        blend: how it is laid over what is below, such as "normal" or "multiply".
        children: of a group, its layers, the lowest first; None: it is no group.
        passes: of a group, whether its layers blend with what is below the group.
        clips: whether it is only shown where the next layer below that does not clip is.
    """

    name: str
    cel: Cel | None = None
    opacity: float = 1.0
    visible: bool = True
    blend: str = "normal"
    children: "tuple[Layer, ...] | None" = None
    passes: bool = False
    clips: bool = False


@dataclass(frozen=True)
class Picture:
    """One picture in layers.

    Attributes:
        width: of the canvas, in pixels.
        height: likewise.
        layers: the lowest first.
        background: RGBA, from 0 to 1, below all layers.
        seconds: how long it is shown; None: the format does not say.
        name: for messages, such as "a.psd" or "walk.aseprite, frame 3".
    """

    width: int
    height: int
    layers: tuple[Layer, ...]
    background: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    seconds: Fraction | None = None
    name: str = ""


@dataclass(frozen=True)
class Tag:
    """A named range of a document's pictures.

    Attributes:
        name: of the range.
        first: the number of its first picture, from 0.
        last: that of its last.
        direction: one of DIRECTIONS.
        more: what else the file says of it, written back as it is.
    """

    name: str
    first: int
    last: int
    direction: str = DIRECTIONS[0]
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """What a file holds.

    Attributes:
        pictures: one or more.
        tags: ranges of them.
        notes: what was left out or read in another form, as sentences without a full stop.
        profile: the ICC profile of the colours; None: sRGB.
        listed: of a sheet, whether its JSON has the frames in a list; otherwise they are under their names.
        trimmed: of a sheet, whether its frames have no transparent margins.
    """

    pictures: tuple[Picture, ...]
    tags: tuple[Tag, ...] = ()
    notes: tuple[str, ...] = ()
    profile: bytes | None = None
    listed: bool = True
    trimmed: bool = False


LayerPath = tuple[tuple[str, int], ...]
"""Where a layer is: the names of its groups and its own, each with its number among those of the same name."""


def name_paths(layers: Sequence[Layer], above: LayerPath = ()) -> Iterator[tuple[LayerPath, Layer]]:
    """Yields layers with their paths, the lowest first, and not what is in groups.

    Args:
        layers: all layers of a group, or of a picture.
        above: the group's path.
    """
    seen: dict[str, int] = {}
    for layer in layers:
        number = seen.get(layer.name, 0)
        seen[layer.name] = number + 1
        yield (*above, (layer.name, number)), layer


def walk(layers: Sequence[Layer], above: LayerPath = ()) -> Iterator[tuple[LayerPath, Layer]]:
    """Yields all layers and groups with their paths, the lowest first, a group before what is in it."""
    for path, layer in name_paths(layers, above):
        yield path, layer
        if layer.children is not None:
            yield from walk(layer.children, path)


def spell_path(path: LayerPath) -> str:
    """A layer's path as people write it: "cat/head", or "cat/head (2)" for the second of that name."""
    return "/".join(name if number == 0 else f"{name} ({number + 1})" for name, number in path)


def spell_paths(*pictures: Picture) -> dict[LayerPath, str]:
    """The paths of all layers and groups of some pictures as people write them, each in another way.

    They are spelt as `spell_path` does. Where this would make two alike, as of a layer that is really named "head (2)"
    and the second "head", the one without a number of its own keeps it, and the other gets the next free number.
    """
    paths = dict.fromkeys(path for picture in pictures for path, _ in walk(picture.layers))
    spelt: dict[LayerPath, str] = {}
    taken: set[str] = set()
    free: dict[str, int] = {}  # the first number that may be, so that thousands of such layers take no time
    for path in sorted(paths, key=lambda path: (len(path), path[-1][1])):  # groups come before what is in them
        above = f"{spelt[path[:-1]]}/" if len(path) > 1 else ""
        name, number = path[-1]
        number = max(number, free.get(above + name, 0))
        while (words := above + spell_path(((name, number),))) in taken:
            number += 1
        free[above + name] = number + 1
        taken.add(words)
        spelt[path] = words
    return {path: spelt[path] for path in paths}


def change_layers(
    layers: Sequence[Layer], change: Callable[[LayerPath, Layer], Layer | None], above: LayerPath = ()
) -> tuple[Layer, ...]:
    """The same tree with each layer changed; None leaves one out. A group's layers are changed before the group."""
    changed = []
    for path, layer in name_paths(layers, above):
        if layer.children is not None:
            layer = replace(layer, children=change_layers(layer.children, change, path))
        result = change(path, layer)
        if result is not None:
            changed.append(result)
    return tuple(changed)


def change_cels(layers: Sequence[Layer], change: Callable[[Cel], Cel | None]) -> tuple[Layer, ...]:
    """The same tree with each cel changed; None leaves the layer without one."""
    return change_layers(layers, lambda _, layer: replace(layer, cel=change(layer.cel)) if layer.cel else layer)


def with_background(picture: Picture) -> tuple[Layer, ...]:
    """A picture's layers, with its background as the lowest unless that is transparent, for formats without one."""
    if picture.background[3] <= 0:
        return picture.layers
    fill = np.zeros((picture.height, picture.width, 4), np.uint8)
    fill[:] = np.rint(np.array(picture.background) * 255)
    return (Layer("background", Cel(fill)), *picture.layers)


def is_same_cel(one: Cel | None, other: Cel | None) -> bool:
    """Whether two cels show the same at the same place."""
    if one is other:
        return True
    if one is None or other is None or (one.x, one.y) != (other.x, other.y):
        return False
    return bool(np.array_equal(one.pixels, other.pixels))


def is_deep(picture: Picture) -> bool:
    """Whether a layer of a picture has 16 bits a channel."""
    return any(layer.cel is not None and layer.cel.pixels.dtype == np.uint16 for _, layer in walk(picture.layers))


def spread_cel(cel: Cel | None, width: int, height: int, *, deep: bool = False) -> Frame:
    """A cel's pixels on the whole canvas: (height, width, 4) uint8, or uint16 if `deep`."""
    whole = np.zeros((height, width, 4), np.uint16 if deep else np.uint8)
    if cel is not None:
        paste(whole, to_uint16(cel.pixels) if deep else cel.pixels, cel.x, cel.y)
    return whole


def cut_cel(cel: Cel, width: int, height: int) -> Cel | None:
    """The part of a cel that is on the canvas; None: no part is."""
    left, top = max(0, cel.x), max(0, cel.y)
    right = min(width, cel.x + cel.pixels.shape[1])
    bottom = min(height, cel.y + cel.pixels.shape[0])
    if right <= left or bottom <= top:
        return None
    return Cel(cel.pixels[top - cel.y : bottom - cel.y, left - cel.x : right - cel.x], left, top)


def trim_cel(pixels: Frame) -> Cel | None:
    """A canvas's pixels, (H, W, 4), without transparent margins; None: all are transparent."""
    there = pixels[..., 3] > 0
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not len(rows):
        return None
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Cel(np.ascontiguousarray(pixels[box]), int(columns[0]), int(rows[0]))


def as_cel(frame: Frame, x: int = 0, y: int = 0) -> Cel:
    """A frame of any number of channels as a cel."""
    return Cel(as_channels(frame, 4), x, y)
