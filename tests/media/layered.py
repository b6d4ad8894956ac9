"""Drawings in layers for tests, and a writer of Aseprite files; loaded by `run_path`, as tests are no package."""

import struct
import zlib
from dataclasses import replace

import cv2
import numpy as np

from animi.core.media.layers.document import Cel, Layer, Picture, trim_cel

SIZE = (96, 64)


def disc(x, y, radius, colour, size=SIZE):
    """A disc with smooth edges on nothing: (H, W, 4)."""
    large = np.zeros((size[1] * 4, size[0] * 4), np.uint8)
    cv2.circle(large, (int(x * 4), int(y * 4)), radius * 4, 255, -1)
    alpha = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
    frame = np.zeros((size[1], size[0], 4), np.uint8)
    frame[alpha > 0, :3] = colour
    frame[..., 3] = alpha
    return frame


def draw(x, *, more=(), shade=0.5, deep=False):
    """A picture: a ball that a post hides in part, in a group, with what a studio's drawing has."""
    width, height = SIZE
    ground = np.full((height, width, 4), 255, np.uint8)
    ground[..., 0] = np.linspace(60, 220, width)
    post = np.zeros((height, width, 4), np.uint8)
    post[8:56, 44:54] = (40, 90, 40, 255)
    wash = np.zeros((height, width, 4), np.uint8)
    wash[20:44, 4:92] = (90, 90, 200, 255)
    layers = (
        Layer("背景 #1", Cel(ground)),
        Layer(
            "figures",
            children=(
                Layer("ball", trim_cel(disc(x, 32, 12, (200, 60, 40)))),
                Layer("shade", trim_cel(wash), shade, blend="multiply", clips=True),
                Layer("../post/..", trim_cel(post)),
            ),
            passes=True,
        ),
        Layer("light", trim_cel(disc(80, 14, 8, (255, 255, 180))), 0.8, blend="screen"),
        Layer("off", trim_cel(post), visible=False),
        *more,
    )
    if deep:
        layers = tuple(deepen(layer) for layer in layers)
    return Picture(width, height, layers, name=f"ball at {x}")


def deepen(layer):
    children = None if layer.children is None else tuple(map(deepen, layer.children))
    cel = layer.cel
    if cel is not None:
        pixels = (cel.pixels.astype(np.int64) * 257 - (cel.pixels % 255 > 0) * 3).astype(np.uint16)
        cel = Cel(pixels, cel.x, cel.y)
    return replace(layer, cel=cel, children=children)


def chunk(kind, data):
    return struct.pack("<IH", len(data) + 6, kind) + data


def text(words):
    return struct.pack("<H", len(words.encode())) + words.encode()


def ase_layer(name, *, kind=0, level=0, flags=1, blend=0, opacity=255, tileset=None):
    data = struct.pack("<HHHHHHB3x", flags, kind, level, 0, 0, blend, opacity) + text(name)
    return chunk(0x2004, data + (b"" if tileset is None else struct.pack("<I", tileset)))


def ase_cel(layer, pixels=None, x=0, y=0, *, link=None, packed=True, opacity=255, order=0, size=None):
    """A cel: pixels as the file has them, (h, w) or (h, w, C), or a link to a frame."""
    head = struct.pack("<HhhBHh5x", layer, x, y, opacity, 1 if link is not None else 2 if packed else 0, order)
    if link is not None:
        return chunk(0x2005, head + struct.pack("<H", link))
    height, width = size or pixels.shape[:2]
    data = pixels.astype(np.uint8).tobytes()
    return chunk(0x2005, head + struct.pack("<HH", width, height) + (zlib.compress(data) if packed else data))


def ase_tiles(layer, grid, x=0, y=0):
    """A cel of tile numbers, (h, w), with flags for turns in their highest bits."""
    head = struct.pack("<HhhBHh5x", layer, x, y, 255, 3, 0)
    head += struct.pack("<HHHIIII10x", grid.shape[1], grid.shape[0], 32, 0x1FFFFFFF, 0x80000000, 0x40000000, 0x20000000)
    return chunk(0x2005, head + zlib.compress(grid.astype("<u4").tobytes()))


def ase_tileset(number, tiles):
    """Tiles, (N, h, w, C)."""
    data = zlib.compress(tiles.astype(np.uint8).tobytes())
    head = struct.pack("<IIIHHh14x", number, 2, len(tiles), tiles.shape[2], tiles.shape[1], 1) + text("tiles")
    return chunk(0x2023, head + struct.pack("<I", len(data)) + data)


def ase_tags(*tags):
    """Tags as (name, first, last, direction, repeat)."""
    data = struct.pack("<H8x", len(tags))
    for name, first, last, direction, repeat in tags:
        data += struct.pack("<HHBH6x3Bx", first, last, direction, repeat, 254, 91, 89) + text(name)
    return chunk(0x2018, data)


def ase_palette(colours):
    data = struct.pack("<III8x", len(colours), 0, len(colours) - 1)
    return chunk(0x2019, data + b"".join(struct.pack("<HBBBB", 0, *colour) for colour in colours))


def ase_file(width, height, frames, depth=32, flags=1, transparent=0):
    """A file of frames, each milliseconds and its chunks."""
    body = b""
    for duration, chunks in frames:
        data = b"".join(chunks)
        body += struct.pack("<IHHH2xI", len(data) + 16, 0xF1FA, len(chunks), duration, len(chunks)) + data
    head = struct.pack(
        "<IHHHHHIHIIB", 128 + len(body), 0xA5E0, len(frames), width, height, depth, flags, 100, 0, 0, transparent
    )
    return head + bytes(128 - len(head)) + body
