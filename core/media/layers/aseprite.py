"""Aseprite's files (.aseprite, .ase): layers, frames, tags and durations.

Source: Aseprite File Format (.ase/.aseprite) Specifications, docs/ase-file-specs.md of Aseprite 1.3. Cels (raw, linked,
compressed, tile maps), palettes, layers and groups, tags and durations are read.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...errors import InputError, printable
from ...files import read_limited, shown
from ..frames import Frame
from ..image_files import MOST_BYTES, MOST_PIXELS
from .document import (
    DIRECTIONS,
    MOST_CEL_PIXELS,
    MOST_CELS,
    MOST_DEPTH,
    MOST_LAYERS,
    MOST_PICTURES,
    Cel,
    Document,
    Layer,
    Picture,
    Tag,
)

SUFFIXES = (".aseprite", ".ase")
_MAGIC, _FRAME_MAGIC = 0xA5E0, 0xF1FA
_OLD_PALETTE, _LAYER, _CEL, _TAGS, _PALETTE, _TILESET = 0x0004, 0x2004, 0x2005, 0x2018, 0x2019, 0x2023
_OPACITY, _GROUP_BLENDS, _UUIDS = 1, 2, 4  # flags of the header
_VISIBLE, _BACKGROUND, _REFERENCE = 1, 8, 64  # flags of a layer
_GROUP, _TILEMAP = 1, 2  # types of layers
_RAW, _LINKED, _COMPRESSED, _TILES = range(4)  # types of cels
_BLENDS = (
    "normal", "multiply", "screen", "overlay", "darken", "lighten", "color-dodge", "color-burn", "hard-light",
    "soft-light", "difference", "exclusion", "hue", "saturation", "color", "luminosity", "add", "subtract", "divide",
)  # fmt: skip
_MOST_TILES = 1 << 16


@dataclass
class _Row:
    """A layer of the file's list."""

    name: str
    kind: int
    level: int
    visible: bool
    blend: str
    opacity: float
    background: bool
    reference: bool
    tileset: int | None


@dataclass
class _Stored:
    """A cel as the file stores it."""

    x: int
    y: int
    opacity: float
    order: int
    link: int | None = None
    pixels: bytes = b""
    width: int = 0
    height: int = 0
    tiles: bool = False
    masks: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass
class _Tileset:
    """The tiles of a tile map."""

    width: int
    height: int
    count: int
    pixels: bytes


@dataclass
class _File:
    """What is read of a file."""

    width: int
    height: int
    depth: int
    flags: int
    transparent: int
    durations: list[int] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    cels: dict[tuple[int, int], _Stored] = field(default_factory=dict)
    tags: list[Tag] = field(default_factory=list)
    palettes: list[Frame] = field(default_factory=list)
    tilesets: dict[int, _Tileset] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    room: int = MOST_CEL_PIXELS
    new_palette: bool = False


class _Bytes:
    """Reads numbers and texts from bytes, one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize("<" + form)
        found: tuple[int, ...] = struct.unpack("<" + form, self.read(size))
        return found

    def read(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self.data):
            raise ValueError("is cut short")
        self.place += size
        return self.data[self.place - size : self.place]

    def text(self) -> str:
        (length,) = self.take("H")
        return self.read(length).decode("utf-8", "replace")

    def rest(self) -> bytes:
        return self.data[self.place :]


def read_aseprite(path: Path) -> Document:
    """Reads an Aseprite file; each frame becomes a picture.

    Raises:
        InputError: it cannot be read, or is not an Aseprite file; the message names the file.
    """
    name = shown(path)
    data = read_limited(path, MOST_BYTES, "an Aseprite file", "save it again in Aseprite")
    try:
        return _as_document(_read_file(data), name)
    except (ValueError, struct.error, zlib.error) as error:
        raise InputError(f"{name}: {printable(error, 200)}; save it again in Aseprite") from error


def _read_file(data: bytes) -> _File:
    head = _Bytes(data)
    _, magic, frames, width, height, depth, flags, speed, _, _, transparent = head.take("IHHHHHIHIIB")
    if magic != _MAGIC:
        raise ValueError("is not an Aseprite file")
    if not width or not height or width * height > MOST_PIXELS:
        raise ValueError(f"has a canvas of {width} x {height} pixels, and {MOST_PIXELS:,} can be read")
    if depth not in (8, 16, 32):
        raise ValueError(f"has {depth} bits a pixel, and 8, 16 and 32 can be read")
    if not 1 <= frames <= MOST_PICTURES:
        raise ValueError(f"has {frames} frames, and 1 to {MOST_PICTURES} can be read")
    found = _File(width, height, depth, flags, transparent)
    head.read(3 + 2)
    ratio = head.take("BB")
    if 0 not in ratio and ratio[0] != ratio[1]:
        found.notes[f"pixels of {ratio[0]}:{ratio[1]} were read as squares"] = None
    head.place = 128
    palette: Frame = np.zeros((256, 4), np.uint8)
    palette[:, 3] = 255
    for number in range(frames):
        start = head.place
        size, magic, old_count, duration, count = head.take("IHHH2xI")
        if magic != _FRAME_MAGIC:
            raise ValueError(f"has no frame {number + 1} where one should be")
        found.durations.append(duration or speed or 100)
        for _ in range(count or old_count):
            length, kind = head.take("IH")
            chunk = _Bytes(head.read(length - 6))
            if kind in (_PALETTE, _OLD_PALETTE):
                palette = _read_palette(chunk, kind, palette, found)
            elif kind in _READERS:
                _READERS[kind](chunk, found, number)
        found.palettes.append(palette)
        head.place = max(head.place, start + size)
        if head.place > len(data):
            raise ValueError("is cut short")
    return found


def _read_palette(chunk: _Bytes, kind: int, before: Frame, found: _File) -> Frame:
    palette = before.copy()
    if kind == _PALETTE:
        found.new_palette = True
        _, first, last = chunk.take("III8x")
        if last > 255:
            last = 255  # an index has 8 bits
        for index in range(first, last + 1):
            flags, *colour = chunk.take("HBBBB")
            palette[index] = colour
            if flags & 1:
                chunk.text()
        return palette
    if found.new_palette:
        return before
    index = 0
    for _ in range(chunk.take("H")[0]):
        skip, count = chunk.take("BB")
        index += skip
        for _ in range(count or 256):
            values = chunk.take("BBB")
            if index < 256:
                palette[index] = (*values, 255)
            index += 1
    return palette


def _read_layer(chunk: _Bytes, found: _File, _: int) -> None:
    flags, kind, level, blend, opacity = chunk.take("HHH4xHB3x")
    name = chunk.text()
    tileset = chunk.take("I")[0] if kind == _TILEMAP else None
    if len(found.rows) >= MOST_LAYERS:
        raise ValueError(f"has more than {MOST_LAYERS} layers")
    if level > MOST_DEPTH:
        raise ValueError(f"has groups nested more than {MOST_DEPTH} deep")
    counts = found.flags & (_GROUP_BLENDS if kind == _GROUP else _OPACITY)
    if kind == _GROUP and not counts:
        blend = 0
    found.rows.append(
        _Row(
            name, kind, level, bool(flags & _VISIBLE), _BLENDS[blend] if blend < len(_BLENDS) else "normal",
            opacity / 255 if counts else 1.0, bool(flags & _BACKGROUND), bool(flags & _REFERENCE), tileset,
        )
    )  # fmt: skip


def _read_cel(chunk: _Bytes, found: _File, frame: int) -> None:
    layer, x, y, opacity, kind, order = chunk.take("HhhBHh5x")
    cel = _Stored(x, y, opacity / 255, order)
    if kind == _LINKED:
        (cel.link,) = chunk.take("H")
    elif kind in (_RAW, _COMPRESSED):
        cel.width, cel.height = chunk.take("HH")
        size = cel.width * cel.height * found.depth // 8
        _take_room(found, cel.width * cel.height)
        cel.pixels = chunk.read(size) if kind == _RAW else _inflate(chunk.rest(), size)
    elif kind == _TILES:
        cel.width, cel.height, bits, *masks = chunk.take("HHHIIII10x")
        if bits != 32:
            raise ValueError(f"has tiles of {bits} bits, and 32 can be read")
        _take_room(found, cel.width * cel.height)
        cel.tiles, cel.masks = True, (masks[0], masks[1], masks[2], masks[3])
        cel.pixels = _inflate(chunk.rest(), cel.width * cel.height * 4)
    else:
        found.notes[f"cels of an unknown kind ({kind}) were left out"] = None
        return
    found.cels[frame, layer] = cel


def _read_tags(chunk: _Bytes, found: _File, _: int) -> None:
    (count,) = chunk.take("H8x")
    for _ in range(count):
        first, last, direction, repeat, red, green, blue = chunk.take("HHBH6xBBBx")
        more: dict[str, str] = {"color": f"#{red:02x}{green:02x}{blue:02x}ff"}
        if repeat:
            more["repeat"] = str(repeat)
        way = DIRECTIONS[direction] if direction < len(DIRECTIONS) else "forward"
        found.tags.append(Tag(chunk.text(), first, last, way, more))


def _read_tileset(chunk: _Bytes, found: _File, _: int) -> None:
    number, flags, count, width, height = chunk.take("IIIHHh14x")[:5]
    chunk.text()
    if flags & 1:
        chunk.take("II")
    if not flags & 2:
        found.notes["a tile set in another file was left out"] = None
        return
    chunk.take("I")
    if count > _MOST_TILES:
        raise ValueError(f"has a tile set of {count} tiles, and {_MOST_TILES} can be read")
    _take_room(found, width * height * count)
    pixels = _inflate(chunk.rest(), width * height * count * found.depth // 8)
    found.tilesets[number] = _Tileset(width, height, count, pixels)


_READERS: Mapping[int, Callable[[_Bytes, _File, int], None]] = {
    _LAYER: _read_layer,
    _CEL: _read_cel,
    _TAGS: _read_tags,
    _TILESET: _read_tileset,
}


def _take_room(found: _File, pixels: int) -> None:
    found.room -= pixels
    if pixels > MOST_PIXELS or found.room < 0:
        raise ValueError(f"has cels of more than {MOST_CEL_PIXELS:,} pixels")


def _inflate(data: bytes, size: int) -> bytes:
    """Unpacks exactly `size` bytes, and never more."""
    unpacked = zlib.decompressobj().decompress(data, size + 1) if size else b""
    if len(unpacked) != size:
        raise ValueError("is damaged: a cel does not have the size that it states")
    return unpacked


class _Cels:
    """Makes cels of the file's; one that several frames show is the same object."""

    def __init__(self, file: _File) -> None:
        self._file = file
        self._made: dict[tuple[int, int, int], Cel] = {}

    def find(self, frame: int, layer: int) -> tuple[_Stored, Cel] | None:
        """A layer's cel at a frame, with its links followed; None: there is none."""
        stored = source = self._file.cels.get((frame, layer))
        if stored is None or source is None:
            return None
        seen = {frame}
        at = frame
        while source.link is not None:
            at = source.link
            if at in seen:
                raise ValueError(f"has cels that link to each other (frame {frame + 1}, layer {layer + 1})")
            seen.add(at)
            source = self._file.cels.get((at, layer))
            if source is None:
                raise ValueError(f"has a cel that links to frame {at + 1}, where there is none")
        indexed = self._file.depth == 8
        key = (at, layer, id(self._file.palettes[frame]) if indexed else 0)
        if key not in self._made:
            self._made[key] = Cel(self._draw(source, frame, layer), source.x, source.y)
        return stored, self._made[key]

    def _draw(self, stored: _Stored, frame: int, layer: int) -> Frame:
        file, row = self._file, self._file.rows[layer]
        if not stored.tiles:
            return self._colour(stored.pixels, stored.height, stored.width, frame, row)
        tileset = file.tilesets.get(-1 if row.tileset is None else row.tileset)
        if tileset is None:
            raise ValueError(f"has no tile set for the layer {printable(row.name, 40)!r}")
        _take_room(file, stored.width * tileset.width * stored.height * tileset.height)
        tiles = self._colour(tileset.pixels, tileset.count * tileset.height, tileset.width, frame, row)
        tiles = tiles.reshape(tileset.count, tileset.height, tileset.width, 4)
        grid = np.frombuffer(stored.pixels, "<u4").reshape(stored.height, stored.width)
        whole = np.zeros((stored.height * tileset.height, stored.width * tileset.width, 4), np.uint8)
        of_tile, x_flip, y_flip, diagonal = stored.masks
        for (row_number, column), cell in np.ndenumerate(grid):
            number = int(cell) & of_tile
            if not 0 < number < tileset.count:  # tile 0 is empty
                continue
            tile = tiles[number]
            if int(cell) & diagonal and tileset.width == tileset.height:
                tile = tile.transpose(1, 0, 2)
            tile = tile[:, ::-1] if int(cell) & x_flip else tile
            tile = tile[::-1] if int(cell) & y_flip else tile
            y, x = row_number * tileset.height, column * tileset.width
            whole[y : y + tileset.height, x : x + tileset.width] = tile
        return whole

    def _colour(self, data: bytes, height: int, width: int, frame: int, row: _Row) -> Frame:
        """A file's pixels as RGBA."""
        file = self._file
        values = np.frombuffer(data, np.uint8)
        if file.depth == 32:
            return values.reshape(height, width, 4).copy()
        if file.depth == 16:
            grey = values.reshape(height, width, 2)
            return np.ascontiguousarray(grey[..., [0, 0, 0, 1]])
        palette = file.palettes[frame]
        if not row.background:
            palette = palette.copy()
            palette[file.transparent] = 0
        return np.ascontiguousarray(palette[values.reshape(height, width)])


def _as_document(file: _File, name: str) -> Document:
    frames = len(file.durations)
    if not file.rows:
        raise ValueError("has no layer")
    if frames * len(file.rows) > MOST_CELS:
        raise ValueError(f"has {len(file.rows)} layers in {frames} frames, and {MOST_CELS:,} cels can be read")
    for frame, layer in file.cels:
        if layer >= len(file.rows):
            raise ValueError(f"has a cel of layer {layer + 1}, and there are {len(file.rows)}")
        if file.cels[frame, layer].order:
            file.notes["the order of single cels (z-index) is kept within their group only"] = None
    for row in file.rows:
        if row.reference:
            file.notes[f"a layer for reference was left out: {printable(row.name, 40)}"] = None
    cels = _Cels(file)
    pictures = []
    for frame, duration in enumerate(file.durations):
        layers, _ = _nest(file, cels, frame, 0, 0)
        label = name if frames == 1 else f"{name}, frame {frame + 1}"
        pictures.append(Picture(file.width, file.height, layers, seconds=Fraction(duration, 1000), name=label))
    tags = tuple(tag for tag in file.tags if tag.first <= tag.last < frames)
    return Document(tuple(pictures), tags, tuple(file.notes))


def _nest(file: _File, cels: _Cels, frame: int, place: int, level: int) -> tuple[tuple[Layer, ...], int]:
    """The layers of a level from a place of the list on, and the place after them."""
    made: list[tuple[int, int, Layer]] = []
    while place < len(file.rows) and file.rows[place].level >= level:
        row, number = file.rows[place], place
        place += 1
        if row.kind == _GROUP:
            children, place = _nest(file, cels, frame, place, row.level + 1)
            plain = row.blend == "normal" and row.opacity >= 1
            made.append((number, 0, Layer(row.name, None, row.opacity, row.visible, row.blend, children, passes=plain)))
            continue
        if row.reference:
            continue
        found = cels.find(frame, number)
        order = 0 if found is None else found[0].order
        opacity = row.opacity * (1.0 if found is None else found[0].opacity)
        cel = None if found is None else found[1]
        made.append((number + order, order, Layer(row.name, cel, opacity, row.visible, row.blend)))
    made.sort(key=lambda each: each[:2])
    return tuple(layer for _, _, layer in made), place
