"""OpenRaster: a zip with `stack.xml`, which lists the layers from the top down, and a PNG for each layer.

Source: the OpenRaster specification, version 0.0.6 (openraster.org), with the composite operations that Krita, MyPaint
and GIMP write.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np

from ...errors import InputError, printable
from ...files import reading, shown
from ..frames import Frame, resize_image, to_uint8
from ..image_files import MOST_BYTES, MOST_PIXELS, MOST_SIDE, decode_image, encode_png
from .composing import compose
from .document import (
    MOST_CEL_PIXELS,
    MOST_DEPTH,
    MOST_LAYERS,
    Cel,
    Document,
    Layer,
    Picture,
    as_cel,
    cut_cel,
    with_background,
)

_MOST_XML = 1 << 24  # bytes of stack.xml
_THUMBNAIL = 256  # pixels of its longer side, as the specification has it
_OPERATIONS = {
    "normal": "svg:src-over",
    "multiply": "svg:multiply",
    "screen": "svg:screen",
    "add": "svg:plus",
    "overlay": "svg:overlay",
    "atop": "svg:src-atop",
    "darken": "svg:darken",
    "lighten": "svg:lighten",
    "color-dodge": "svg:color-dodge",
    "color-burn": "svg:color-burn",
    "hard-light": "svg:hard-light",
    "soft-light": "svg:soft-light",
    "difference": "svg:difference",
    "color": "svg:color",
    "luminosity": "svg:luminosity",
    "hue": "svg:hue",
    "saturation": "svg:saturation",
}
BLENDS = frozenset(_OPERATIONS)
"""Blend modes that the format has."""
_MODES = {operation: blend for blend, operation in _OPERATIONS.items()}


@dataclass
class _Element:
    """An element of stack.xml."""

    name: str
    attributes: dict[str, str]
    inner: "list[_Element]" = field(default_factory=list)


def read_ora(path: Path) -> Document:
    """Reads an OpenRaster file.

    Raises:
        InputError: it cannot be read, or is not OpenRaster; the message names the file.
    """
    name = shown(path)
    try:
        with reading(path), zipfile.ZipFile(path) as archive:
            return _read(archive, name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{name}: is damaged, or not an OpenRaster file; save it again as .ora") from error
    except (ValueError, OverflowError, KeyError, expat.ExpatError) as error:
        why = "an attribute is missing" if isinstance(error, KeyError) else printable(error, 200)
        raise InputError(
            f"{name}: is not an OpenRaster file that can be read ({why}); save it again as .ora"
        ) from error


def _read(archive: zipfile.ZipFile, name: str) -> Document:
    if _read_entry(archive, "mimetype", 64).strip() != b"image/openraster":
        raise ValueError("its mimetype is not image/openraster")
    root = _parse(_read_entry(archive, "stack.xml", _MOST_XML))
    if root.name != "image":
        raise ValueError("stack.xml holds no image")
    width, height = (_read_whole(root.attributes[side], 1, MOST_SIDE) for side in ("w", "h"))
    if width * height > MOST_PIXELS:
        raise ValueError(f"its canvas is {width} x {height} pixels, and {MOST_PIXELS:,} can be read")
    notes: dict[str, None] = {}
    left = [MOST_CEL_PIXELS]
    files: dict[str, Frame] = {}

    def load(source: str) -> Frame:
        if source not in files:
            files[source] = decode_image(_read_entry(archive, source, MOST_BYTES), f"{name}: {printable(source, 100)}")
        left[0] -= files[source].shape[0] * files[source].shape[1]
        if left[0] < 0:
            raise ValueError(f"its layers have more than {MOST_CEL_PIXELS:,} pixels")
        return files[source]

    stacks = [each for each in root.inner if each.name == "stack"]
    layers = tuple(layer for stack in stacks for layer in _read_stack(stack, load, notes))
    return Document((Picture(width, height, layers, name=name),), notes=tuple(notes))


def _read_entry(archive: zipfile.ZipFile, source: str, most: int) -> bytes:
    """Reads a file of the zip; a name is only looked up there, and leads nowhere else."""
    try:
        found = archive.getinfo(source)
    except KeyError:
        raise ValueError(f"it has no {source}") from None
    with archive.open(found) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{source} is larger than {most >> 20 or 1} MiB")
    return data


def _parse(data: bytes) -> _Element:
    """Reads XML. Document types and entities are rejected, as they can be bombs or lead to other files."""
    parser = expat.ParserCreate()
    root = _Element("", {})
    open_elements = [root]
    count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_LAYERS + 1:
            raise ValueError(f"it has more than {MOST_LAYERS} layers")
        if len(open_elements) > MOST_DEPTH:
            raise ValueError(f"its groups are nested more than {MOST_DEPTH} deep")
        element = _Element(tag, attributes)
        open_elements[-1].inner.append(element)
        open_elements.append(element)

    def reject(*_: object) -> None:
        raise ValueError("stack.xml has a document type")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_elements.pop()
    parser.StartDoctypeDeclHandler = reject
    parser.EntityDeclHandler = reject
    try:
        parser.Parse(data, True)
    except LookupError as error:  # Python knows no such encoding
        raise ValueError(f"stack.xml: {error}") from error
    return root.inner[0]


def _read_stack(stack: _Element, load: Callable[[str], Frame], notes: dict[str, None]) -> Iterator[Layer]:
    for element in reversed(stack.inner):
        said = element.attributes
        if element.name not in ("layer", "stack"):
            notes[f"an element <{printable(element.name, 40)}> was left out"] = None
            continue
        blend = _MODES.get(operation := said.get("composite-op", "svg:src-over"))
        if blend is None:
            notes[f"the composite operation {printable(operation, 40)} is not known, and was read as normal"] = None
            blend = "normal"
        found = Layer(
            said.get("name", ""),
            opacity=min(1.0, max(0.0, float(said.get("opacity", "1")))),
            visible=said.get("visibility", "visible") == "visible",
            blend=blend,
        )
        if element.name == "stack":
            alone = said.get("isolation", "auto") == "isolate" or found.opacity < 1 or blend != "normal"
            yield replace(found, children=tuple(_read_stack(element, load, notes)), passes=not alone)
        else:
            x, y = (_read_whole(said.get(axis, "0"), -MOST_SIDE, MOST_SIDE) for axis in ("x", "y"))
            yield replace(found, cel=as_cel(load(said["src"]), x, y))


def _read_whole(text: str, least: int, most: int) -> int:
    number = round(float(text))
    if not least <= number <= most:
        raise ValueError(f"{number} is out of range")
    return number


def write_ora(path: Path, picture: Picture, flat: Frame | None = None) -> None:
    """Writes a picture as OpenRaster.

    Args:
        path: the file, which is written directly.
        picture: its layers; blend modes that are not in BLENDS are written as normal.
        flat: the composed picture, where it is known.

    Raises:
        OSError: it cannot be written.
    """
    flat = compose(picture) if flat is None else flat
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "mimetype", b"image/openraster")
        files: list[Cel] = []
        lines = [
            "<?xml version='1.0' encoding='UTF-8'?>",
            f'<image version="0.0.6" w="{picture.width}" h="{picture.height}" xres="72" yres="72">',
            ' <stack name="root">',
        ]
        lines += _list_layers(with_background(picture), picture, files, "  ")
        lines += [" </stack>", "</image>", ""]
        for number, cel in enumerate(files):
            _add(archive, f"data/layer{number:04d}.png", encode_png(cel.pixels))
        _add(archive, "stack.xml", "\n".join(lines).encode("utf-8"))
        _add(archive, "mergedimage.png", encode_png(flat))
        scale = min(1.0, _THUMBNAIL / max(picture.width, picture.height))
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        _add(archive, "Thumbnails/thumbnail.png", encode_png(resize_image(to_uint8(flat), *size)))


def _list_layers(layers: tuple[Layer, ...], picture: Picture, files: list[Cel], indent: str) -> Iterator[str]:
    for layer in reversed(layers):
        said = (
            f'name={quoteattr(_without_controls(layer.name))} opacity="{layer.opacity:.6g}" '
            f'visibility="{"visible" if layer.visible else "hidden"}" '
            f'composite-op="{_OPERATIONS.get(layer.blend, "svg:src-over")}"'
        )
        if layer.children is not None:
            yield f'{indent}<stack {said} isolation="{"auto" if layer.passes else "isolate"}">'
            yield from _list_layers(layer.children, picture, files, indent + " ")
            yield f"{indent}</stack>"
            continue
        cel = None if layer.cel is None else cut_cel(layer.cel, picture.width, picture.height)
        if cel is None:  # the format needs a picture
            cel = Cel(np.zeros((1, 1, 4), np.uint8))
        yield f'{indent}<layer {said} src="data/layer{len(files):04d}.png" x="{cel.x}" y="{cel.y}"/>'
        files.append(cel)


def _without_controls(name: str) -> str:
    """A name without characters that XML cannot hold."""
    kept = (
        letter
        for letter in name
        if letter >= " " and not "\ud800" <= letter <= "\udfff" and letter not in "\ufffe\uffff"
    )
    return "".join(kept)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Adds a file without its time, so that equal pictures make equal files."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    how = zipfile.ZIP_DEFLATED if name.endswith(".xml") else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, how)
