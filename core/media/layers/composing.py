"""Composes the layers of a picture.

Formulas of W3C's Compositing and Blending Level 1 (sections 5, 9 and 10), which Photoshop, Krita and PDF share; "add"
and "subtract" are Photoshop's linear dodge and subtract. Those that W3C does not have are by Adobe's descriptions.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..frames import Frame, flatten_alpha, premultiply, unpremultiply
from .document import Cel, Layer, LayerPath, Picture, cut_cel, is_deep, name_paths

Plane = NDArray[np.float32]
_TINY = np.float32(1e-7)
_HAIR = np.float32(4e-6)  # less than a level of 16 bits, and more than sums of them are inexact by


def _hard_light(below: Plane, above: Plane) -> Plane:
    return np.asarray(np.where(above <= 0.5, 2 * below * above, 1 - 2 * (1 - below) * (1 - above)), np.float32)


def _soft_light(below: Plane, above: Plane) -> Plane:
    curve = np.where(below <= 0.25, ((16 * below - 12) * below + 4) * below, np.sqrt(below))
    darker = below - (1 - 2 * above) * below * (1 - below)
    lighter = below + (2 * above - 1) * (curve - below)
    return np.asarray(np.where(above <= 0.5, darker, lighter), np.float32)


def _vivid_light(below: Plane, above: Plane) -> Plane:
    burnt = 1 - np.minimum((1 - below) / np.maximum(2 * above, _TINY), 1)
    dodged = np.minimum(below / np.maximum(2 - 2 * above, _TINY), 1)
    found = np.where(above <= 0.5, burnt, dodged)
    # here the layer's extremes count, and not those of the ground as in plain burn and dodge
    return np.asarray(np.where(above <= 0, 0, np.where(above >= 1, 1, found)), np.float32)


def _pin_light(below: Plane, above: Plane) -> Plane:
    return np.asarray(
        np.where(above <= 0.5, np.minimum(below, 2 * above), np.maximum(below, 2 * above - 1)), np.float32
    )


def _find_light(colours: Plane) -> Plane:
    """W3C's Lum: (H, W, 1)."""
    return np.asarray(colours @ np.array([[0.3], [0.59], [0.11]], np.float32))


def _find_spread(colours: Plane) -> Plane:
    """W3C's Sat: (H, W, 1)."""
    return np.asarray(colours.max(axis=2, keepdims=True) - colours.min(axis=2, keepdims=True))


def _set_light(colours: Plane, light: Plane) -> Plane:
    """W3C's SetLum and ClipColor: colours of another lightness, made duller where they would leave the range."""
    moved = colours + (light - _find_light(colours))
    own = _find_light(moved)
    least, most = moved.min(axis=2, keepdims=True), moved.max(axis=2, keepdims=True)
    moved = np.where(least < 0, own + (moved - own) * own / np.maximum(own - least, _TINY), moved)
    moved = np.where(most > 1, own + (moved - own) * (1 - own) / np.maximum(most - own, _TINY), moved)
    return np.asarray(np.clip(moved, 0, 1), np.float32)


def _set_spread(colours: Plane, spread: Plane) -> Plane:
    """W3C's SetSat: colours of another saturation."""
    own = _find_spread(colours)
    return np.asarray((colours - colours.min(axis=2, keepdims=True)) * spread / np.maximum(own, _TINY), np.float32)


_BLENDS: dict[str, Callable[[Plane, Plane], Plane]] = {
    "multiply": lambda below, above: below * above,
    "screen": lambda below, above: below + above - below * above,
    "add": lambda below, above: np.minimum(below + above, 1),
    "overlay": lambda below, above: _hard_light(above, below),
    "darken": np.minimum,
    "lighten": np.maximum,
    "hard-light": _hard_light,
    "soft-light": _soft_light,
    "difference": lambda below, above: np.abs(below - above),
    "exclusion": lambda below, above: below + above - 2 * below * above,
    "subtract": lambda below, above: np.maximum(below - above, 0),
    "divide": lambda below, above: np.minimum(below / np.maximum(above, _TINY), 1),
    "linear-burn": lambda below, above: np.maximum(below + above - 1, 0),
    "color-dodge": lambda below, above: np.where(
        below <= 0, np.float32(0), np.minimum(below / np.maximum(1 - above, _TINY), 1)
    ),
    "color-burn": lambda below, above: np.where(
        below >= 1, np.float32(1), 1 - np.minimum((1 - below) / np.maximum(above, _TINY), 1)
    ),
    "linear-light": lambda below, above: np.clip(below + 2 * above - 1, 0, 1),
    "vivid-light": _vivid_light,
    "pin-light": _pin_light,
    # of a sum of exactly 1, Photoshop has white where the ground is the lighter of the two
    "hard-mix": lambda below, above: (below + above > np.where(below > 0.5, 1 - _HAIR, 1 + _HAIR)).astype(np.float32),
    "hue": lambda below, above: _set_light(_set_spread(above, _find_spread(below)), _find_light(below)),
    "saturation": lambda below, above: _set_light(_set_spread(below, _find_spread(above)), _find_light(below)),
    "color": lambda below, above: _set_light(above, _find_light(below)),
    "luminosity": lambda below, above: _set_light(below, _find_light(above)),
}
"""The colours, (H, W, 3) from 0 to 1, that an opaque layer gives over an opaque ground, by blend mode."""
COMPOSED = ("normal", "atop", *_BLENDS)
"""Blend modes that are composed; all others are composed as "normal". "atop" is normal, but only where something is
below."""


def compose(picture: Picture) -> Frame:
    """Composes a picture.

    Returns:
        (H, W, 4), straight alpha: uint16 if a layer is, else uint8.
    """
    canvas = np.zeros((picture.height, picture.width, 4), np.float32)  # premultiplied, in [0, 1]
    canvas[:] = np.array([*picture.background[:3], 1], np.float32) * np.float32(picture.background[3])
    _lay_all(canvas, picture.layers)
    return unpremultiply(canvas, np.uint16 if is_deep(picture) else np.uint8)


def is_opaque(frame: Frame) -> bool:
    """Whether a frame, (H, W, 4), is opaque everywhere."""
    return bool((frame[..., 3] == np.iinfo(frame.dtype).max).all())


def drop_alpha(frame: Frame) -> Frame:
    """A frame, (H, W, 4), as RGB, over white where it is transparent."""
    return np.ascontiguousarray(frame[..., :3]) if is_opaque(frame) else flatten_alpha(frame)


def _lay_all(canvas: Plane, layers: Sequence[Layer]) -> None:
    """Lays layers over a canvas, in place."""
    place = 0
    while place < len(layers):
        end = place + 1
        while end < len(layers) and layers[end].clips:
            end += 1
        base, clipped = layers[place], layers[place + 1 : end]
        place = end
        if not base.visible or base.opacity <= 0:
            continue
        clipped = [layer for layer in clipped if layer.visible]
        if clipped:
            _lay_clipped(canvas, base, clipped)
        else:
            _lay(canvas, base)


def _lay_clipped(canvas: Plane, base: Layer, clipped: Sequence[Layer]) -> None:
    """Lays a layer, and the layers that clip to it, over a canvas, in place."""
    own = _draw_alone(base, canvas.shape)
    alpha = own[..., 3:].copy()
    opaque = np.asarray(own / np.maximum(alpha, _TINY), np.float32)
    opaque[..., 3:] = alpha > 0
    for layer in clipped:
        _lay(opaque, layer)
    shown = np.minimum(opaque[..., 3:], 1)
    own = np.concatenate([opaque[..., :3] / np.maximum(shown, _TINY) * alpha, alpha], axis=2)
    _blend(canvas, own, base.opacity, base.blend)


def _draw_alone(layer: Layer, shape: tuple[int, ...]) -> Plane:
    """A layer's content on an empty canvas, without its opacity and blend mode."""
    own = np.zeros(shape, np.float32)
    if layer.children is not None:
        _lay_all(own, layer.children)
    elif layer.cel is not None:
        _put(own, layer.cel, 1.0, "normal")
    return own


def _lay(canvas: Plane, layer: Layer) -> None:
    if not layer.visible or layer.opacity <= 0:
        return
    if layer.children is None:
        if layer.cel is not None:
            _put(canvas, layer.cel, layer.opacity, layer.blend)
    elif layer.passes and layer.blend == "normal":
        before = canvas.copy() if layer.opacity < 1 else None
        _lay_all(canvas, layer.children)
        if before is not None:
            canvas += (before - canvas) * np.float32(1 - layer.opacity)
    else:
        _blend(canvas, _draw_alone(layer, canvas.shape), layer.opacity, layer.blend)


def _put(canvas: Plane, cel: Cel, opacity: float, blend: str) -> None:
    inside = cut_cel(cel, canvas.shape[1], canvas.shape[0])
    if inside is not None:
        height, width = inside.pixels.shape[:2]
        region = canvas[inside.y : inside.y + height, inside.x : inside.x + width]
        _blend(region, premultiply(inside.pixels), opacity, blend)


def _blend(below: Plane, above: Plane, opacity: float, blend: str) -> None:
    """Lays a premultiplied picture over another of its size, in place."""
    if opacity < 1:
        above = above * np.float32(opacity)
    alpha = above[..., 3:]
    if blend == "atop":
        below[..., :3] = above[..., :3] * below[..., 3:] + below[..., :3] * (1 - alpha)
        return
    if blend not in _BLENDS:
        below *= 1 - alpha
        below += above
        return
    ground = below[..., 3:].copy()
    colours = _BLENDS[blend](
        np.clip(below[..., :3] / np.maximum(ground, _TINY), 0, 1),
        np.clip(above[..., :3] / np.maximum(alpha, _TINY), 0, 1),
    )
    below[..., :3] = (
        above[..., :3] * (1 - ground)
        + below[..., :3] * (1 - alpha)
        + np.asarray(colours, np.float32) * (alpha * ground)
    )
    below[..., 3:] = alpha + ground - alpha * ground


@dataclass(frozen=True)
class Cover:
    """How much a layer covers of what is below it.

    Attributes:
        path: the layer's.
        opacity: its own, times that of its groups and of what it clips to.
        hides: whether it hides what it covers, as it and its groups are not blended in any other way.
    """

    path: LayerPath
    opacity: float
    hides: bool
    _layer: Layer
    _bases: tuple[Layer, ...]

    def draw(self, height: int, width: int) -> Plane:
        """Its share at each pixel of the canvas: (height, width) float32 in [0, 1]."""
        shape = (height, width, 4)
        found = _draw_alone(self._layer, shape)[..., 3] * np.float32(self.opacity)
        for base in self._bases:
            found = found * _draw_alone(base, shape)[..., 3]
        return np.asarray(found, np.float32)


def list_covers(picture: Picture) -> list[Cover]:
    """The layers that a picture shows, without groups, the lowest first."""
    return list(_list_covers(picture.layers, (), 1.0, True, ()))


def _list_covers(
    layers: Sequence[Layer], above: LayerPath, opacity: float, hides: bool, bases: tuple[Layer, ...]
) -> Iterator[Cover]:
    base: Layer | None = None
    for path, layer in name_paths(layers, above):
        clips = layer.clips and base is not None
        if not clips:
            base = layer
        assert base is not None
        if not layer.visible or not base.visible:
            continue
        share = opacity * layer.opacity * (base.opacity if clips else 1)
        alike = hides and all(each.blend in ("normal", "atop") for each in (layer, base))
        cut = (*bases, base) if clips else bases
        if layer.children is not None:
            yield from _list_covers(layer.children, path, share, alike, cut)
        else:
            yield Cover(path, share, alike, layer, cut)
