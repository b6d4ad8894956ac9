"""Photoshop's PSD and PSB, by psd-tools (the extra `animi[layers]`).

Source: Adobe Photoshop File Formats Specification (the header and where the layers are counted; psd-tools does the
rest).
"""

import logging
import struct
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConfigError, InputError, list_some, printable
from ...files import reading, shown
from ..frames import Frame, paste
from ..image_files import MOST_BYTES, MOST_PIXELS
from .composing import compose, drop_alpha, is_opaque
from .document import (
    MOST_CEL_PIXELS,
    MOST_DEPTH,
    MOST_LAYERS,
    Cel,
    Document,
    Layer,
    Picture,
    change_cels,
    is_deep,
    with_background,
)
from .psd_colours import CMYK, DEEPEST, GREY, LAB, RGB, PsdColours

logging.getLogger("psd_tools").addHandler(logging.NullHandler())  # else warnings of odd blocks go to stderr

SUFFIXES = (".psd", ".psb")
MISSING = "PSD files with their layers need psd-tools; install it: pip install 'animi[layers]'"
"""The remedy where psd-tools is not installed."""
_MODES = {
    "normal": "NORMAL",
    "dissolve": "DISSOLVE",
    "darken": "DARKEN",
    "multiply": "MULTIPLY",
    "color-burn": "COLOR_BURN",
    "linear-burn": "LINEAR_BURN",
    "lighten": "LIGHTEN",
    "screen": "SCREEN",
    "color-dodge": "COLOR_DODGE",
    "add": "LINEAR_DODGE",
    "overlay": "OVERLAY",
    "soft-light": "SOFT_LIGHT",
    "hard-light": "HARD_LIGHT",
    "vivid-light": "VIVID_LIGHT",
    "linear-light": "LINEAR_LIGHT",
    "pin-light": "PIN_LIGHT",
    "hard-mix": "HARD_MIX",
    "difference": "DIFFERENCE",
    "exclusion": "EXCLUSION",
    "subtract": "SUBTRACT",
    "divide": "DIVIDE",
    "hue": "HUE",
    "saturation": "SATURATION",
    "color": "COLOR",
    "luminosity": "LUMINOSITY",
}
"""psd-tools' names of blend modes."""
BLENDS = frozenset(_MODES)
"""Blend modes that the format has."""
_RASTERISED = {"type": "text", "smartobject": "smart object", "shape": "shape"}
_FILLS = ("solidcolorfill", "patternfill", "gradientfill")
_LONGEST = 255  # letters of a layer's name
_READ_MODES = {GREY: (8, 16, DEEPEST), RGB: (8, 16, DEEPEST), CMYK: (8, 16), LAB: (8, 16)}  # and their bits a channel
_OTHER_MODES = {0: "bitmap", 2: "indexed colours", 7: "multichannel", 8: "duotone"}
_PROFILE = 1039  # the image resource of an ICC profile


def has_psd() -> bool:
    """Whether psd-tools is installed."""
    return find_spec("psd_tools") is not None


def why_flat(path: Path) -> str | None:
    """Why only the flattened picture of a PSD can be read. None: its layers can be read as well, or nothing can."""
    if not has_psd():
        return MISSING
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError:
        return None
    if len(head) < 26 or head[:4] != b"8BPS":
        return None
    mode = struct.unpack(">H", head[24:])[0]
    return f"its colours are {_OTHER_MODES[mode]}" if mode in _OTHER_MODES else None


def read_psd(path: Path) -> Document:
    """Reads a PSD or PSB file.

    Raises:
        InputError: it cannot be read, or has colours that have no layers.
        ConfigError: psd-tools is not installed.
    """
    if not has_psd():
        raise ConfigError(f"{shown(path)}: {MISSING}")
    name = shown(path)
    try:
        with reading(path), path.open("rb") as file:
            if path.stat().st_size > MOST_BYTES:
                raise InputError(f"{name}: is larger than a file may be ({MOST_BYTES >> 20} MiB); merge some layers")
            _check_head(file, name)
            file.seek(0)
            from psd_tools.compression import PSDDecompressionWarning

            # else a layer that is cut short would be read as far as it goes, in black
            with warnings.catch_warnings(action="error", category=PSDDecompressionWarning):
                return _read(file, name)
    except (InputError, ConfigError, MemoryError):
        raise
    except Exception as error:  # psd-tools raises errors of many kinds for damaged files
        raise InputError(
            f"{name}: is damaged, or not a PSD that can be read; save it again in Photoshop's format"
        ) from error


def _check_head(file: IO[bytes], name: str) -> None:
    """Checks size, colours and number of layers before anything is unpacked."""
    head = file.read(26)
    if len(head) < 26 or head[:4] != b"8BPS":
        raise InputError(f"{name}: is not a PSD file; save it again in Photoshop's format")
    version, channels, height, width, depth, mode = struct.unpack(">H6xHIIHH", head[4:])
    if width * height > MOST_PIXELS or not width or not height:
        raise InputError(
            f"{name}: its canvas is {width} x {height} pixels, and {MOST_PIXELS:,} can be read; scale it down"
        )
    if mode not in _READ_MODES:
        found = _OTHER_MODES.get(mode, f"colour mode {mode}")
        raise InputError(f"{name}: has {found}; convert it to RGB first (Image > Mode)")
    if depth not in _READ_MODES[mode] or not 1 <= channels <= 56:
        raise InputError(f"{name}: has {depth} bits a channel; convert it to 8 or 16 first (Image > Mode)")
    for _ in range(2):  # colours of a palette, and image resources
        file.seek(_read_length(file, 4), 1)
    length = _read_length(file, 8 if version == 2 else 4)
    if length:
        inner = _read_length(file, 8 if version == 2 else 4)
        count = abs(struct.unpack(">h", file.read(2) or b"\0\0")[0]) if inner else 0
        if count > 2 * MOST_LAYERS:  # a group is two records
            raise InputError(f"{name}: has {count} layers, and {MOST_LAYERS} can be read; merge some")


def _read_length(file: IO[bytes], size: int) -> int:
    return int.from_bytes(file.read(size), "big")


def _read(file: IO[bytes], name: str) -> Document:
    from psd_tools import PSDImage
    from psd_tools.constants import CompatibilityMode

    psd = PSDImage.open(file)
    psd.compatibility_mode = CompatibilityMode.CLIP_STUDIO_PAINT  # whose groups may clip; Photoshop writes none
    notes: dict[str, list[str]] = {}
    room = [MOST_LAYERS, MOST_CEL_PIXELS]
    profile = psd.image_resources.get_data(_PROFILE)
    profile = profile if isinstance(profile, bytes) else None
    colours = PsdColours(int(psd.color_mode), psd.depth, profile)
    layers = tuple(_read_layers(psd, colours, name, notes, room, 0))
    width, height = psd.size
    if not layers:
        whole = psd.numpy()
        inks = colours.channels
        alpha = whole[..., inks : inks + 1] if whole.shape[2] == inks + 1 else np.ones_like(whole[..., :1])
        pixels = np.concatenate([colours.convert(whole), alpha], axis=2)
        layers = (Layer("Background", Cel(_as_pixels(pixels, colours.depth))),)
    fits = profile is not None and profile[16:20] == b"RGB " and not colours.converts
    picture = Picture(width, height, layers, name=name)
    said = [] if colours.note is None else [colours.note]
    if psd.channels > colours.channels + 1:
        said.append("spot colours and further channels were left out")
    return Document((picture,), notes=(*_word(notes), *said), profile=profile if fits else None)


def _word(notes: dict[str, list[str]]) -> Iterable[str]:
    for what, names in notes.items():
        yield f"{what}: {list_some([printable(each, 40) for each in names])}"


def _read_layers(
    group: Any, colours: PsdColours, name: str, notes: dict[str, list[str]], room: list[int], depth: int
) -> Iterable[Layer]:
    if depth > MOST_DEPTH:
        raise InputError(f"{name}: its groups are nested more than {MOST_DEPTH} deep; merge some")
    for layer in group:
        room[0] -= 1
        if room[0] < 0:
            raise InputError(f"{name}: has more than {MOST_LAYERS} layers; merge some")
        blend = _name_blend(layer.blend_mode)
        filled = layer.fill_opacity / 255 if hasattr(layer, "fill_opacity") else 1.0
        common = {
            "name": str(layer.name).rstrip("\0"),  # Krita ends names with one
            "opacity": layer.opacity / 255 * filled,
            "visible": bool(layer.visible),
            "clips": bool(layer.clipping),
        }
        if layer.has_effects():
            _note(notes, "layer effects were left out", layer.name)
        if layer.kind == "artboard":
            _note(notes, "the colour of an artboard was left out", layer.name)
        if layer.is_group():
            children = tuple(_read_layers(layer, colours, name, notes, room, depth + 1))
            if layer.mask is not None and not layer.mask.disabled:
                children = _mask_children(children, layer)
                _note(notes, "a group's mask was applied to its layers", layer.name)
            passes = blend == "pass-through"
            yield Layer(**common, blend="normal" if passes else blend, children=children, passes=passes)
            continue
        if layer.kind in _RASTERISED:
            _note(notes, f"read as the pixels that its program drew last ({_RASTERISED[layer.kind]})", layer.name)
        elif layer.kind != "pixel" and not (layer.kind in _FILLS and layer.has_pixels()):
            _note(notes, f"left out, as it has no pixels of its own ({layer.kind})", layer.name)
            continue
        yield Layer(**common, blend=blend, cel=_read_cel(layer, colours, room, name))


def _note(notes: dict[str, list[str]], what: str, layer: str) -> None:
    notes.setdefault(what, []).append(str(layer))


def _name_blend(mode: Any) -> str:
    found = getattr(mode, "name", "NORMAL")
    return next((blend for blend, known in _MODES.items() if known == found), found.lower().replace("_", "-"))


def _read_cel(layer: Any, colours: PsdColours, room: list[int], name: str) -> Cel | None:
    left, top = layer.offset
    width, height = layer.width, layer.height
    if width <= 0 or height <= 0 or not layer.has_pixels():
        return None
    room[1] -= width * height
    if width * height > MOST_PIXELS or room[1] < 0:
        raise InputError(f"{name}: its layers have more than {MOST_CEL_PIXELS:,} pixels; crop or merge some")
    colour, shape = layer.numpy("color"), layer.numpy("shape")
    if colour is None:
        return None
    alpha = np.ones((height, width, 1), np.float32) if shape is None else shape[..., :1]
    if layer.mask is not None and not layer.mask.disabled:
        alpha = alpha * _read_mask(layer, left, top, width, height)
    pixels = _as_pixels(np.concatenate([colours.convert(colour), alpha], axis=2), colours.depth)
    return Cel(pixels, int(left), int(top))


def _read_mask(layer: Any, left: int, top: int, width: int, height: int) -> NDArray[np.float32]:
    """A layer's mask for a box of the canvas: (height, width, 1), from 0 to 1."""
    mask = layer.mask
    whole = np.full((height, width, 1), mask.background_color / 255, np.float32)
    if mask.width <= 0 or mask.height <= 0 or mask.width * mask.height > MOST_PIXELS:
        return whole
    values = layer.numpy("mask")
    if values is not None:
        paste(whole, values[..., :1], mask.left - left, mask.top - top)
    return whole


def _mask_children(children: tuple[Layer, ...], group: Any) -> tuple[Layer, ...]:
    """A group's layers with its mask in their alpha."""

    def mask(cel: Cel) -> Cel:
        height, width = cel.pixels.shape[:2]
        share = _read_mask(group, cel.x, cel.y, width, height)
        pixels = cel.pixels.copy()
        pixels[..., 3:] = np.rint(pixels[..., 3:] * share)
        return replace(cel, pixels=pixels)

    return change_cels(children, mask)


def _as_pixels(values: NDArray[np.float32], depth: int) -> Frame:
    """RGBA, (H, W, 4) from 0 to 1, in whole numbers."""
    most, kind = (65535, np.uint16) if depth == 16 else (255, np.uint8)
    pixels: Frame = np.rint(np.clip(values, 0, 1) * most).astype(kind)
    return pixels


def write_psd(path: Path, picture: Picture, flat: Frame | None = None, profile: bytes | None = None) -> None:
    """Writes a picture as PSD.

    Args:
        path: the file, which is written directly.
        picture: its layers; blend modes that are not in BLENDS are written as normal.
        flat: the composed picture, where it is known.
        profile: the ICC profile of its colours.

    Raises:
        ConfigError: psd-tools is not installed.
        OSError: it cannot be written.
    """
    if not has_psd():
        raise ConfigError(f"{shown(path)}: {MISSING}")
    from psd_tools import PSDImage
    from psd_tools.constants import CompatibilityMode

    deep = is_deep(picture)
    flat = compose(picture) if flat is None else flat
    merged = drop_alpha(flat) if is_opaque(flat) else flat
    psd = PSDImage.new(
        "RGB" if merged.shape[2] == 3 else "RGBA", (picture.width, picture.height), depth=16 if deep else 8
    )
    psd.compatibility_mode = CompatibilityMode.CLIP_STUDIO_PAINT  # groups may clip
    _add_layers(psd, with_background(picture))
    record = psd._record
    planes = np.moveaxis(merged.astype(">u2") if deep else merged, 2, 0)
    record.image_data.set_data([np.ascontiguousarray(plane).tobytes() for plane in planes], record.header)
    if profile is not None:
        from psd_tools.psd.image_resources import ImageResource

        psd.image_resources[_PROFILE] = ImageResource(key=_PROFILE, data=profile)
    with path.open("wb") as file:
        record.write(file)  # save() would compose the picture anew, without its group's modes


def _add_layers(parent: Any, layers: Sequence[Layer]) -> None:
    from psd_tools.constants import BlendMode

    for layer in layers:
        blend = BlendMode[_MODES.get(layer.blend, "NORMAL")]
        opacity = round(layer.opacity * 255)
        if layer.children is not None:
            passes = layer.passes and layer.blend == "normal"
            made = parent.create_group(
                name="group", opacity=opacity, blend_mode=BlendMode.PASS_THROUGH if passes else blend
            )
            _add_layers(made, layer.children)
        else:
            cel = layer.cel or Cel(np.zeros((1, 1, 4), np.uint8))
            made = parent.create_pixel_layer_from_array(
                cel.pixels, name="layer", left=cel.x, top=cel.y, opacity=opacity, blend_mode=blend
            )
        made.name = layer.name[:_LONGEST]
        made.visible = layer.visible
        if layer.clips or layer.blend == "atop":
            made.clipping = True
