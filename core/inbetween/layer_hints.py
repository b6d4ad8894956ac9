"""Hints and charts of drawings in layers: finds the layer that each of them is meant for.

A hint that names no layer acts on the layer that is seen at its point. That is the topmost that covers at least half of
what is below it; layers that are blended in another mode than normal, through which others are seen, come after these.
A mask, which may be rough, acts on the layer whose seen part it is most like. A chart may also be of a whole layer or
group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, list_some, printable
from ..media.layers.composing import list_covers
from ..media.layers.document import LayerPath, Picture, spell_paths, walk
from ..motion.grid import Array
from .hints import Hinted, Hints, Spaced, read_mask

_SEEN = np.float32(0.5)
"""The share of what is below it that a layer must cover to be what is seen. Not tuned."""
_FAINT = np.float32(0.49)
"""The most that a layer counts for through which others are seen, so that any layer that is seen comes before it."""


@dataclass(frozen=True)
class LayerHints:
    """The hints of one pair of pictures, by layers.

    Attributes:
        hints: of each layer that has any; their pairs are all of this pair of pictures.
        charts: of layers and groups with their own spacing, the time at each frame from one picture to the next, both
            included. What is in a group has its chart, unless it has its own.
        names: what to call the hints and charts of each layer or group in messages, with its path.
    """

    hints: Mapping[LayerPath, Hints] = field(default_factory=dict)
    charts: Mapping[LayerPath, tuple[float, ...]] = field(default_factory=dict)
    names: Mapping[LayerPath, tuple[str, ...]] = field(default_factory=dict)

    def find_chart(self, path: LayerPath) -> tuple[float, ...] | None:
        """The chart of a layer or group: its own, or that of the innermost group around it that has one."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.charts:
                return self.charts[path[:length]]
        return None


def share_hints(hints: Hints, pair: tuple[int, int], one: Picture, other: Picture, count: int) -> LayerHints:
    """Shares the hints of a pair of pictures out to their layers.

    Args:
        hints: those of all pairs.
        pair: the numbers of the two pictures.
        one: the first.
        other: the second.
        count: frames from one to the other, both included.

    Raises:
        InputError: a layer that is named is not there, none is seen at a point or in a mask, a point is outside the
            picture, or a chart has times for another number of frames.
    """
    given = [hinted for hinted in hints.pairs if hinted.keys == pair]
    if not given:
        return LayerHints()
    sharing = _Sharing(one, other)
    for hinted in given:
        sharing.share(hinted, count)
    merged = {path: Hints(tuple(pieces)) for path, pieces in sharing.hints.items()}
    return LayerHints(merged, sharing.charts, {path: tuple(names) for path, names in sharing.names.items()})


class _View:
    """Which layer is seen at each pixel of a picture."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._seen: dict[LayerPath, tuple[list[LayerPath], NDArray[np.int32]]] = {}

    def _find(self, within: LayerPath) -> tuple[list[LayerPath], NDArray[np.int32]]:
        """The layers of a group, and the number of the one that is seen at each pixel, (H, W); -1: none is."""
        if within not in self._seen:
            paths: list[LayerPath] = []
            seen = np.full((self.picture.height, self.picture.width), -1, np.int32)
            most = np.zeros(seen.shape, np.float32)
            for cover in list_covers(self.picture):
                if not _is_in(cover.path, within):
                    continue
                counts = np.minimum(cover.draw(*seen.shape), _SEEN if cover.hides else _FAINT)
                taken = (counts > 0) & (counts >= most)
                seen[taken], most[taken] = len(paths), counts[taken]
                paths.append(cover.path)
            self._seen[within] = paths, seen
        return self._seen[within]

    def at(self, point: tuple[float, float], within: LayerPath) -> LayerPath | None:
        """The layer of a group that is seen at a point."""
        paths, seen = self._find(within)
        number = int(seen[int(point[1]), int(point[0])])
        return None if number < 0 else paths[number]

    def in_mask(self, mask: Array, within: LayerPath) -> LayerPath | None:
        """The layer of a group whose seen part has most in common with a mask, (H, W) bool.

        What they have in common is measured as the intersection over the union.
        """
        paths, seen = self._find(within)
        if not (mask & (seen >= 0)).any():
            return None
        inside, whole = (np.bincount(seen[where], minlength=len(paths)) for where in (mask & (seen >= 0), seen >= 0))
        return paths[int((inside / (whole + mask.sum() - inside)).argmax())]


def _is_in(path: LayerPath, within: LayerPath) -> bool:
    """Whether a path is that of a layer or group, or of something in it; all paths are in ()."""
    return path[: len(within)] == within


class _Sharing:
    """Collects the hints of each layer."""

    def __init__(self, one: Picture, other: Picture) -> None:
        self.hints: dict[LayerPath, list[Hinted]] = {}
        self.charts: dict[LayerPath, tuple[float, ...]] = {}
        self.names: dict[LayerPath, list[str]] = {}
        self._views = (_View(one), _View(other))
        self._size = one.width, one.height

    @cached_property
    def _spelt(self) -> dict[LayerPath, str]:
        return spell_paths(*(view.picture for view in self._views))

    @cached_property
    def _named(self) -> dict[str, LayerPath]:
        """Layers and groups of both pictures by their paths as people write them."""
        return {words: path for path, words in self._spelt.items()}

    @cached_property
    def _leaves(self) -> list[LayerPath]:
        return list(
            dict.fromkeys(
                path for view in self._views for path, layer in walk(view.picture.layers) if layer.children is None
            )
        )

    def share(self, hinted: Hinted, count: int) -> None:
        within = () if hinted.layer is None else self._find_named(hinted.layer, hinted.name)
        alone = within if within in self._leaves else None
        empty = replace(hinted, tracks=(), where=(), still=None, apart=(), parts=())
        for given, scaled, where in zip(
            hinted.tracks, hinted.scale_tracks(*self._size), hinted.where, strict=True
        ):  # a layer that is named need not be seen
            path = alone or self._find_at(scaled.points, where, within)
            self._add(path, replace(empty, tracks=(given,), where=(where,)), where)
        for two in hinted.apart:
            path = alone or self._find_in_mask(read_mask(two[0], *self._size), str(two[0].name), within)
            self._add(path, replace(empty, apart=(two,)), str(two[0].name))
        for part in hinted.parts:
            self._share_part(part, empty, alone, within, count)
        if hinted.still is not None:
            for path in self._leaves:
                if _is_in(path, within):
                    self.hints.setdefault(path, []).append(replace(empty, still=hinted.still))

    def _share_part(self, part: Spaced, empty: Hinted, alone: LayerPath | None, within: LayerPath, count: int) -> None:
        if part.layer is not None and (part.mask is None or part.layer in self._named):
            path = self._find_named(part.layer, part.where)
            self.charts[path] = part.space(count)
            self._name(path, part.where)
            return
        assert part.mask is not None  # a part without one is a layer
        if part.layer is not None and not part.mask.exists():
            raise InputError(f"{part.where}: there is neither a file nor a {self._describe_missing(part.layer)}")
        path = alone or self._find_in_mask(read_mask(part.mask, *self._size), part.where, within)
        self._add(path, replace(empty, parts=(part,)), part.where)

    def _add(self, path: LayerPath, piece: Hinted, where: str) -> None:
        self.hints.setdefault(path, []).append(piece)
        self._name(path, where)

    def _name(self, path: LayerPath, where: str) -> None:
        self.names.setdefault(path, []).append(f"{where} ({printable(self._spelt[path], 40)})")

    def _find_named(self, layer: str, where: str) -> LayerPath:
        if layer not in self._named:
            raise InputError(f"{where}: there is no {self._describe_missing(layer)}")
        return self._named[layer]

    def _describe_missing(self, layer: str) -> str:
        known = list_some([printable(each, 40) for each in self._named])
        return f"layer {printable(layer, 80)}; there are {known or 'none'}"

    def _find_at(self, points: Sequence[tuple[float, float] | None], where: str, within: LayerPath) -> LayerPath:
        point, view = (points[0], self._views[0]) if points[0] is not None else (points[-1], self._views[1])
        assert point is not None
        path = view.at(point, within)
        if path is None:
            raise InputError(
                f"{where}: no layer shows anything at {point[0]:g},{point[1]:g}; give a point on the drawing, or the "
                "layer's path before it, as in cat/head:120,80>200,96"
            )
        return path

    def _find_in_mask(self, mask: Array, where: str, within: LayerPath) -> LayerPath:
        path = self._views[0].in_mask(mask, within)
        if path is None:
            raise InputError(f"{where}: no layer shows anything in the mask; paint it over the drawing")
        return path


def list_unused(said: LayerHints, changing: Sequence[LayerPath]) -> list[str]:
    """The hints and charts of layers and groups in which nothing changes, as messages name them."""
    found = (names for path, names in said.names.items() if not any(_is_in(other, path) for other in changing))
    return [name for names in found for name in names]
