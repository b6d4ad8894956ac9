"""Clipping layers, for formats without clipping: their hidden parts are cut away."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..media.layers.composing import compose
from ..media.layers.document import Cel, Layer, Picture, StoredCel, change_cels, spread_cel, trim_cel, walk

_NOTE = "clipping layers were cut to the layers below them, as the format has no clipping"


def bake_clipping(picture: Picture, notes: list[str]) -> Picture:
    """The same picture with layers that look the same and do not clip.

    Args:
        picture: the picture.
        notes: gets a sentence where a layer clips.
    """
    if not any(layer.clips for _, layer in walk(picture.layers)):
        return picture
    if _NOTE not in notes:
        notes.append(_NOTE)
    return replace(picture, layers=_bake(picture, picture.layers))


def _bake(picture: Picture, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    made: list[Layer] = []
    base: Layer | None = None
    for layer in layers:
        if layer.children is not None:
            layer = replace(layer, children=_bake(picture, layer.children))
        if not layer.clips or base is None:
            base = layer
            made.append(replace(layer, clips=False))
            continue
        alone = replace(
            picture, layers=(replace(base, opacity=1.0, blend="normal", clips=False),), background=(0, 0, 0, 0)
        )
        flat = compose(alone)
        share = (flat[..., 3:] / np.float32(np.iinfo(flat.dtype).max)).astype(np.float32)
        visible = layer.visible and base.visible
        made.append(
            replace(_cut(picture, layer, share), clips=False, visible=visible, opacity=layer.opacity * base.opacity)
        )
    return tuple(made)


def _cut(picture: Picture, layer: Layer, share: NDArray[np.float32]) -> Layer:
    """A layer, or all layers of a group, with alpha times a share, (H, W, 1)."""

    def cut(cel: Cel) -> Cel:
        if isinstance(cel, StoredCel):  # it is cut already
            return cel
        whole = spread_cel(cel, picture.width, picture.height, deep=cel.pixels.dtype == np.uint16)
        whole[..., 3:] = np.rint(whole[..., 3:] * share)
        return trim_cel(whole) or Cel(np.zeros((1, 1, 4), whole.dtype))

    return change_cels((layer,), cut)[0]
