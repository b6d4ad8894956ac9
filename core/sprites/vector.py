"""SVG drawings taken apart: each shape alone, as the renderer draws it. Runs in the renderer's process."""

import copy
import io
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST = 24
"""Layers at most; where a drawing has more shapes, shapes that follow each other share a layer."""
_SHAPES = frozenset(("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "use"))
_HIDDEN = frozenset(("defs", "clipPath", "mask", "symbol", "pattern", "marker", "linearGradient", "radialGradient"))
_LARGEST = 1 << 20  # bytes of a file
_LEAST = 6  # pixels: a layer with less is nothing that could be seen


def draw_layers(text: bytes, size: int, ink: float = 0.0) -> NDArray[np.uint8]:
    """Draws the shapes of an SVG, each in a layer of its own.

    Args:
        text: the file.
        size: height and width in pixels; the drawing is fitted in.
        ink: width of lines, relative to `size`, where shapes are drawn as white paper with black lines. 0: in their
            own colours.

    Returns:
        (layers, size, size, 4) RGBA, premultiplied, from the lowest to the topmost.

    Raises:
        ValueError: it is no SVG, or nothing in it can be seen.
    """
    if len(text) > _LARGEST:
        raise ValueError("too large")
    root = ElementTree.fromstring(text)
    if _name(root) != "svg":
        raise ValueError("no SVG")
    side = _fit(root, size)
    shapes = _find_shapes(root)
    if not shapes:
        raise ValueError("no shapes")
    shown = [shape.get("display") for shape in shapes]
    edges = np.linspace(0, len(shapes), min(MOST, len(shapes)) + 1).round().astype(int)
    style = _describe_ink(ink * side) if ink else None
    layers = []
    for first, last in pairwise(edges):
        for number, shape in enumerate(shapes):
            if first <= number < last:
                if shown[number] is None:
                    shape.attrib.pop("display", None)
            else:
                shape.set("display", "none")
        layer = _render(root, size, style)
        if int((layer[..., 3] > 127).sum()) >= _LEAST:
            layers.append(layer)
    if not layers:
        raise ValueError("nothing to see")
    return np.stack(layers)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _fit(root: ElementTree.Element, size: int) -> float:
    """Sets the size of a drawing; returns its longer side in its own units."""
    box = root.get("viewBox")
    if box is None:
        sides = [_number(root.get(side)) for side in ("width", "height")]
        box = f"0 0 {sides[0]:g} {sides[1]:g}"
        root.set("viewBox", box)
    units = [float(part) for part in box.replace(",", " ").split()]
    if len(units) != 4 or not min(units[2:]) > 0:
        raise ValueError("no size")
    for side in ("width", "height"):
        root.set(side, str(size))
    root.set("preserveAspectRatio", "xMidYMid meet")
    return max(units[2:])


def _number(text: str | None) -> float:
    try:
        return float((text or "").strip().removesuffix("px"))
    except ValueError:
        raise ValueError("no size") from None


def _find_shapes(root: ElementTree.Element) -> list[ElementTree.Element]:
    """All elements that are drawn, in their order."""
    found = []
    for child in root:
        name = _name(child)
        if name in _SHAPES:
            found.append(child)
        elif name not in _HIDDEN:
            found += _find_shapes(child)
    return found


def _describe_ink(width: float) -> str:
    return (
        f"path,rect,circle,ellipse,line,polyline,polygon,text{{fill:#fff !important;stroke:#111 !important;"
        f"stroke-width:{width:g} !important;stroke-linejoin:round}}"
    )


def _render(root: ElementTree.Element, size: int, style: str | None) -> NDArray[np.uint8]:
    import resvg_py

    text = ElementTree.tostring(copy.copy(root), encoding="unicode")
    drawn = bytes(resvg_py.svg_to_bytes(svg_string=text, style_sheet=style, skip_system_fonts=True))
    picture = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGBA"))
    if picture.shape != (size, size, 4):
        raise ValueError("another size")
    opacity = picture[..., 3:].astype(np.uint16)
    colours = (picture[..., :3] * opacity + 127) // 255
    return np.concatenate([colours.astype(np.uint8), picture[..., 3:]], 2)
