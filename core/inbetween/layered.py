"""In-betweens of drawings in layers: each layer is drawn alone, and all are laid over each other again.

So a part that another layer hides is drawn as well as any other. Layers of two key frames belong together if their
names and those of their groups are the same. A layer that only one of two key frames shows is held: it is shown from
its key frame to the next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ..engines.interface import Engine
from ..errors import list_some, printable
from ..files import Scratch
from ..media.frames import Frame, as_channels
from ..media.layers.composing import COMPOSED, compose, is_opaque
from ..media.layers.document import (
    Cel,
    Document,
    Layer,
    LayerPath,
    Picture,
    change_layers,
    is_same_cel,
    spell_path,
    spread_cel,
    trim_cel,
    walk,
)
from .pair import draw_segment

_LETTERS = 80  # of a layer's path in a note


@dataclass(frozen=True)
class _Kept:
    """A cel that was put into the temporary file; None as its shape: it is empty."""

    place: int
    shape: tuple[int, int, int] | None
    x: int
    y: int
    deep: bool = False


@dataclass
class _Segment:
    """What was drawn between two pictures.

    Attributes:
        first: the number of the first picture.
        last: that of the second.
        times: of the in-betweens, in (0, 1).
        cels: of each layer that changes, a cel for each time.
        opacities: of each layer and group whose opacity changes, both ends.
    """

    first: int
    last: int
    times: tuple[float, ...]
    cels: dict[LayerPath, list[_Kept]] = field(default_factory=dict)
    opacities: dict[LayerPath, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """Which frames there are.

    Attributes:
        frames: of each frame, the number of its picture and the time from there to the next, in [0, 1).
        next_ones: for each picture that in-betweens follow, the number of the picture that they lead to.
        places: of each picture, the number of its frame.
        looped: for each tag whose end leads back to its start, by its number, the number of these in-betweens.
        seconds: how long each frame is shown; None: the pictures do not say.
    """

    frames: tuple[tuple[int, float], ...]
    next_ones: Mapping[int, int]
    places: tuple[int, ...]
    looped: Mapping[int, int]
    seconds: tuple[Fraction, ...] | None


def plan_frames(document: Document, times: Sequence[float], *, loop: bool = False) -> Timeline:
    """Plans the frames of a document.

    In-betweens are drawn from each picture to the next, but not from the last of a tag to what follows it.

    Args:
        document: its pictures and tags.
        times: of the frames of a segment, from 0 to 1, as `config.interpolation.space_frames` gives them.
        loop: draw also from the last picture to the first; where there are tags, from the last of each to its first.
    """
    count = len(document.pictures)
    ends = {tag.last for tag in document.tags} | {tag.first - 1 for tag in document.tags}
    next_ones = {number: number + 1 for number in range(count - 1) if number not in ends}
    back: dict[int, int] = {}
    if loop and not document.tags:
        next_ones[count - 1] = 0
    elif loop:
        for index, tag in enumerate(document.tags):
            whole = all(number in next_ones for number in range(tag.first, tag.last))
            if tag.last > tag.first and whole and tag.last not in next_ones:
                next_ones[tag.last] = tag.first
                back[index] = tag.last
    frames: list[tuple[int, float]] = []
    places = []
    seconds: list[Fraction] | None = []
    for number, picture in enumerate(document.pictures):
        places.append(len(frames))
        own = [0.0] if number not in next_ones else [t for t in times[:-1] if t < 1] or [0.0]
        frames += [(number, t) for t in own]
        if picture.seconds is None:
            seconds = None
        elif seconds is not None:
            seconds += [picture.seconds / len(own)] * len(own)
    looped = {
        index: (places[last + 1] if last + 1 < count else len(frames)) - places[last] - 1
        for index, last in back.items()
    }
    return Timeline(tuple(frames), next_ones, tuple(places), looped, None if seconds is None else tuple(seconds))


class LayeredDrawing:
    """The frames of a document, drawn; a context manager that keeps what was drawn in a temporary file."""

    def __init__(
        self,
        document: Document,
        timeline: Timeline,
        engine: Engine,
        on_failure: str,
        on_cel: Callable[[], None] | None = None,
    ) -> None:
        """Draws all in-betweens.

        Args:
            document: the pictures.
            timeline: which frames there are.
            engine: draws each layer.
            on_failure: one of `config.choices.ON_FAILURE`.
            on_cel: called after each in-between of a layer; there are `count_cels` of them.
        """
        self._document, self._timeline = document, timeline
        self._engine, self._on_failure = engine, on_failure
        self._on_cel = on_cel or (lambda: None)
        self._spool = Scratch()
        self._end = 0
        self._segments: dict[int, _Segment] = {}
        self._held: dict[str, None] = {}
        try:
            for first, last in timeline.next_ones.items():
                self._segments[first] = self._draw(first, last)
        except BaseException:
            self._spool.__exit__()
            raise

    def __enter__(self) -> "LayeredDrawing":
        return self

    def __exit__(self, *_error: object) -> None:
        self._spool.__exit__()

    def __len__(self) -> int:
        return len(self._timeline.frames)

    @property
    def notes(self) -> list[str]:
        """What a person should know about the drawing, as sentences without a full stop."""
        notes = []
        if self._held:
            named = [printable(each, _LETTERS) for each in self._held]
            notes.append(
                f"held, as only one of two key frames shows {'it' if len(named) == 1 else 'them'}: {list_some(named)}"
            )
        return notes

    def _draw(self, first: int, last: int) -> _Segment:
        """Draws the layers that change from one picture to another."""
        one, other = self._document.pictures[first], self._document.pictures[last]
        times = tuple(t for number, t in self._timeline.frames if number == first and 0 < t < 1)
        segment = _Segment(first, last, times)
        for path, opacities in match_opacities(one, other).items():
            if opacities[0] != opacities[1]:
                segment.opacities[path] = opacities
        moving, held = match_layers(one, other)
        self._held.update(dict.fromkeys(map(spell_path, held)))
        for path, ends in moving.items():
            segment.cels[path] = [self._keep(frame) for frame in self._draw_layer(one, ends, times)]
        return segment

    def _draw_layer(self, picture: Picture, ends: tuple[Cel, Cel], times: tuple[float, ...]) -> Iterator[Frame]:
        """A layer's in-betweens on the whole canvas, (H, W, 4)."""
        deep = any(cel.pixels.dtype == np.uint16 for cel in ends)
        first, last = (spread_cel(cel, picture.width, picture.height, deep=deep) for cel in ends)
        if is_opaque(first) and is_opaque(last):  # as any picture is drawn
            first, last = (np.ascontiguousarray(frame[..., :3]) for frame in (first, last))
        for frame in draw_segment(first, last, times, self._engine, self._on_failure):
            yield as_channels(frame, 4)
            self._on_cel()

    def _keep(self, frame: Frame) -> _Kept:
        cel = trim_cel(frame)
        if cel is None:
            return _Kept(0, None, 0, 0)
        kept = _Kept(self._end, (*cel.pixels.shape[:2], 4), cel.x, cel.y, cel.pixels.dtype == np.uint16)
        self._spool.append(cel.pixels.tobytes())
        self._end += cel.pixels.nbytes
        return kept

    def picture(self, number: int) -> Picture:
        """A frame with its layers, by its number; a key frame is as it was given."""
        first, t = self._timeline.frames[number]
        picture = self._document.pictures[first]
        if not 0 < t < 1:
            return picture
        segment = self._segments[first]
        step = segment.times.index(t)

        def change(path: LayerPath, layer: Layer) -> Layer:
            if path in segment.opacities:
                before, after = segment.opacities[path]
                layer = replace(layer, opacity=before + (after - before) * t)
            if path in segment.cels:
                layer = replace(layer, cel=self._fetch(segment.cels[path][step]))
            return layer

        return replace(picture, layers=change_layers(picture.layers, change), name="")

    def _fetch(self, kept: _Kept) -> Cel | None:
        if kept.shape is None:
            return None
        kind = np.dtype(np.uint16 if kept.deep else np.uint8)
        data = self._spool.read(kept.place, int(np.prod(kept.shape)) * kind.itemsize)
        return Cel(np.frombuffer(data, kind).reshape(kept.shape), kept.x, kept.y)


def count_cels(document: Document, timeline: Timeline) -> int:
    """How many in-betweens of layers will be drawn."""
    total = 0
    for first, last in timeline.next_ones.items():
        moving, _ = match_layers(document.pictures[first], document.pictures[last])
        total += len(moving) * sum(1 for number, t in timeline.frames if number == first and 0 < t < 1)
    return total


def match_layers(one: Picture, other: Picture) -> tuple[dict[LayerPath, tuple[Cel, Cel]], list[LayerPath]]:
    """Finds which layers belong together.

    Returns:
        Of the layers that both pictures show and that differ, both cels; and the layers that only one of them shows.
    """
    shown = [_list_shown(picture) for picture in (one, other)]
    moving = {}
    for path, cel in shown[0].items():
        match = shown[1].get(path)
        if match is not None and not is_same_cel(cel, match):
            moving[path] = cel, match
    held = [path for path in (*shown[0], *shown[1]) if (path in shown[0]) != (path in shown[1])]
    return moving, held


def match_opacities(one: Picture, other: Picture) -> dict[LayerPath, tuple[float, float]]:
    """The opacities of layers and groups that both pictures have."""
    there = {path: layer.opacity for path, layer in walk(other.layers)}
    return {path: (layer.opacity, there[path]) for path, layer in walk(one.layers) if path in there}


def _list_shown(picture: Picture) -> dict[LayerPath, Cel]:
    """The cels of a picture that are shown, and in which anything is."""
    found: dict[LayerPath, Cel] = {}
    hidden: set[LayerPath] = set()
    for path, layer in walk(picture.layers):
        if path[:-1] in hidden or not layer.visible:
            hidden.add(path)
        elif layer.cel is not None and layer.cel.pixels[..., 3].any():
            found[path] = layer.cel
    return found


def note_blends(document: Document, known: frozenset[str] | None = None) -> list[str]:
    """Which blend modes will be lost.

    Args:
        document: the pictures.
        known: the blend modes of the format that is written; None: the pictures are composed.
    """
    have = frozenset(COMPOSED) if known is None else known
    found: dict[str, None] = {}
    for picture in document.pictures:
        for _, layer in walk(picture.layers):
            if layer.blend not in have:
                found[layer.blend] = None
    done = "composed" if known is None else "written"
    return [f"the blend mode {blend} was {done} as normal" for blend in found]


def all_opaque(document: Document) -> bool:
    """Whether every picture is opaque when it is composed."""
    return all(is_opaque(compose(picture)) for picture in document.pictures)
