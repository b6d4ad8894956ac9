"""In-betweens of drawings in layers: each layer is drawn alone, and all are laid over each other again.

So a part that another layer hides is drawn as well as any other. Layers of two key frames belong together if their
names and those of their groups are the same. A layer that only one of two key frames shows is held: it is shown from
its key frame to the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Protocol

import cv2
import numpy as np

from ..errors import list_some, printable
from ..files import Scratch
from ..media.frames import Frame
from ..media.layers.composing import COMPOSED, compose, is_opaque, list_covers
from ..media.layers.document import (
    Cel,
    Document,
    Layer,
    LayerPath,
    Picture,
    change_layers,
    is_same_cel,
    spell_paths,
    trim_cel,
    walk,
)
from ..motion.grid import Array
from .doubt import Moment
from .hints import Hints
from .layer_hints import LayerHints, list_unused, share_hints
from .layer_runs import EMPTY, Drawer, LayerRun, Piece, digest_piece, draw_piece, find_hints, split_run
from .pair import is_given

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
    """What is drawn between two pictures.

    Attributes:
        first: the number of the first picture.
        last: that of the second.
        times: of the frames from the first picture on, the second not included.
        said: the hints and charts of the layers.
        runs: the layers that change.
        pieces: of each of these, its drawings, divided at those that a person has painted.
        cels: what was drawn, of a layer at a frame.
        opacities: of each layer and group whose opacity changes, both ends.
    """

    first: int
    last: int
    times: tuple[float, ...]
    said: LayerHints
    runs: dict[LayerPath, LayerRun] = field(default_factory=dict)
    pieces: dict[LayerPath, list[Piece]] = field(default_factory=dict)
    cels: dict[tuple[LayerPath, int], _Kept] = field(default_factory=dict)
    opacities: dict[LayerPath, tuple[float, float]] = field(default_factory=dict)

    def chart(self, path: LayerPath) -> tuple[float, ...]:
        """The time of a layer or group at each frame."""
        own = self.said.find_chart(path)
        return self.times if own is None else own[:-1]

    def shows_key(self, step: int) -> bool:
        """Whether all layers show, at a frame, what the picture of its time shows."""
        t = self.times[step]
        charts = [self.chart(path) for path in (*self.said.charts, *self.opacities)]
        parts = [part for run in self.runs.values() for part in run.parts[step]]
        return is_given(t, *(chart[step] for chart in charts), *parts)


class Repair(Protocol):
    """What becomes of drawings that were made before."""

    def find_painted(self, path: LayerPath, frame: int) -> Cel | None:
        """What a person has painted for a layer at a frame, by its number; None: nothing."""

    def find_kept(self, path: LayerPath, frame: int, source: str) -> Callable[[], Cel] | None:
        """Reads what is kept for a layer at a frame; None: it is drawn.

        Args:
            path: the layer's.
            frame: the frame's number.
            source: a hash of what it would be drawn from.
        """


@dataclass(frozen=True)
class Timeline:
    """Which frames there are.

    Attributes:
        frames: of each frame, the number of its picture and the time from there to the next, in [0, 1].
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
        own = [0.0] if number not in next_ones else times[:-1]
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
    """The frames of a document; a context manager that keeps what is drawn in a temporary file."""

    def __init__(
        self,
        document: Document,
        timeline: Timeline,
        drawer: Drawer,
        hints: Hints | None = None,
        *,
        doubts: bool = False,
        repair: Repair | None = None,
    ) -> None:
        """Plans the in-betweens.

        Args:
            document: the pictures.
            timeline: which frames there are.
            drawer: draws each layer.
            hints: what an animator says of the motion.
            doubts: whether to measure where each drawing is guesswork.
            repair: what becomes of drawings that were made before; None: there are none.

        Raises:
            InputError: a hint cannot be used.
        """
        self._document, self._timeline, self._drawer = document, timeline, drawer
        first = document.pictures[0]
        self._size = first.width, first.height
        self._repair, self._doubts = repair, doubts
        self._notes: list[str] = []
        self._held: dict[str, None] = {}
        self._kept: dict[tuple[LayerPath, int], Callable[[], Cel]] = {}
        self._maps: dict[tuple[LayerPath, int], tuple[int, int, int]] = {}
        self.sources: dict[tuple[LayerPath, int], str] = {}
        """Of each drawing of a layer at a frame, a hash of what it is drawn from; only where there is a repair."""
        self.wanted: list[tuple[LayerPath, int]] = []
        """The drawings that are drawn: of a layer at a frame."""
        self._segments = {one: self._plan(one, other, hints or Hints()) for one, other in timeline.next_ones.items()}
        self._spool = Scratch()
        self._end = 0

    def __enter__(self) -> "LayeredDrawing":
        return self

    def __exit__(self, *_error: object) -> None:
        self._spool.__exit__()

    def __len__(self) -> int:
        return len(self._timeline.frames)

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return self._drawer.engine.name

    @property
    def notes(self) -> list[str]:
        """What a person should know about the drawing, as sentences without a full stop."""
        notes = []
        if self._held:
            named = [printable(each, _LETTERS) for each in self._held]
            notes.append(
                f"held, as only one of two key frames shows {'it' if len(named) == 1 else 'them'}: {list_some(named)}"
            )
        return notes + self._notes

    @property
    def hinted(self) -> Hints:
        """All hints but charts of whole layers and groups."""
        said = [hints for segment in self._segments.values() for hints in segment.said.hints.values()]
        return Hints(tuple(pair for hints in said for pair in hints.pairs))

    def _plan(self, first: int, last: int, hints: Hints) -> _Segment:
        """Finds the layers that change from one picture to another, and their drawings."""
        one, other = self._document.pictures[first], self._document.pictures[last]
        times = tuple(t for number, t in self._timeline.frames if number == first)
        count = len(times) + 1
        said = share_hints(hints, (first, last), one, other, count)
        segment = _Segment(first, last, times, said)
        for path, opacities in match_opacities(one, other).items():
            if opacities[0] != opacities[1]:
                segment.opacities[path] = opacities
        moving, held = match_layers(one, other)
        if held:
            spelt = spell_paths(one, other)
            self._held.update(dict.fromkeys(spelt[path] for path in held))
        painted = self._find_painted(segment, one)
        cels = dict(walk(one.layers))
        for path in painted:
            if path not in moving and path not in held:
                same = cels[path].cel or EMPTY
                moving[path] = same, same
        for path, ends in moving.items():
            own = said.hints.get(path, Hints())
            parts = own.space_parts(first, last, count)[:-1]
            run = LayerRun(path, (first, last), ends, segment.chart(path), tuple(parts), own)
            segment.runs[path] = run
            segment.pieces[path] = split_run(run, painted.get(path, {}))
            self._choose(segment, run)
        if unused := list_unused(said, [*moving, *segment.opacities]):
            why = "had no effect, as its layer is the same in both key frames, or in one of them only"
            self._notes.append(f"{list_some(unused)}: {why}")
        return segment

    def _find_painted(self, segment: _Segment, picture: Picture) -> dict[LayerPath, dict[int, Cel]]:
        """What a person has painted between two pictures, by layer and step."""
        found: dict[LayerPath, dict[int, Cel]] = {}
        if self._repair is None:
            return found
        start = self._timeline.places[segment.first]
        for path, layer in walk(picture.layers):
            if layer.children is not None:
                continue
            for step in range(1, len(segment.times)):
                cel = self._repair.find_painted(path, start + step)
                if cel is not None:
                    found.setdefault(path, {})[step] = cel
                    self._kept[path, start + step] = partial(_give, cel)
        return found

    def _choose(self, segment: _Segment, run: LayerRun) -> None:
        """Finds which drawings of a layer are kept, and which are drawn."""
        start = self._timeline.places[segment.first]
        for piece in segment.pieces[run.path]:
            sources: Sequence[str] = [""] * len(piece.steps)
            if self._repair is not None:
                sources = digest_piece(piece, find_hints(run, piece, *self._size))
            for step, source in zip(piece.steps, sources, strict=True):
                place = run.path, start + step
                kept = None if self._repair is None else self._repair.find_kept(*place, source)
                if self._repair is not None:
                    self.sources[place] = source
                if kept is None:
                    self.wanted.append(place)
                else:
                    self._kept[place] = kept

    def draw(self, on_cel: Callable[[], None] | None = None) -> None:
        """Draws all in-betweens.

        Args:
            on_cel: called after each in-between of a layer; there are as many as `wanted` has.
        """
        wanted = set(self.wanted)
        for segment in self._segments.values():
            start = self._timeline.places[segment.first]
            for path, run in segment.runs.items():
                steps = {frame - start for frame in range(start, start + len(segment.times)) if (path, frame) in wanted}
                for piece in segment.pieces[path]:
                    if steps.isdisjoint(piece.steps):
                        continue  # its hints would be read for nothing
                    hints = find_hints(run, piece, *self._size)
                    seen = partial(self._note_doubt, path, start) if self._doubts else None
                    for step, frame in draw_piece(piece, self._size, self._drawer, hints, steps, seen):
                        segment.cels[path, step] = self._keep(frame)
                        if on_cel is not None:
                            on_cel()

    def _keep(self, frame: Frame) -> _Kept:
        cel = trim_cel(frame)
        if cel is None:
            return _Kept(0, None, 0, 0)
        kept = _Kept(self._end, (*cel.pixels.shape[:2], 4), cel.x, cel.y, cel.pixels.dtype == np.uint16)
        self._append(cel.pixels.tobytes())
        return kept

    def _append(self, data: bytes) -> None:
        self._spool.append(data)
        self._end += len(data)

    def _note_doubt(self, path: LayerPath, start: int, moment: Moment) -> None:
        """Keeps where a layer's drawing is guesswork."""
        height, width = moment.map.shape
        self._maps[path, start + moment.number] = self._end, height, width
        self._append(moment.map.astype(np.float16).tobytes())

    def picture(self, number: int) -> Picture:
        """A frame with its layers, by its number; a key frame is as it was given."""
        first, t = self._timeline.frames[number]
        pictures = self._document.pictures
        segment = self._segments.get(first)
        step = number - self._timeline.places[first]
        if segment is None:
            return pictures[first]
        ends = pictures[first], pictures[segment.last]
        if segment.shows_key(step):
            return ends[int(t)]

        def change(path: LayerPath, layer: Layer) -> Layer:
            time = segment.chart(path)[step]
            if path in segment.opacities:
                before, after = segment.opacities[path]
                layer = replace(layer, opacity=before + (after - before) * time)
            if (path, number) in self._kept:
                return replace(layer, cel=self._kept[path, number]())
            if (path, step) in segment.cels:
                return replace(layer, cel=self._fetch(segment.cels[path, step]))
            if path in segment.runs and time in (0, 1):
                return replace(layer, cel=segment.runs[path].ends[int(time)])
            return layer

        base = ends[int(t == 1)]
        return replace(base, layers=change_layers(base.layers, change), name="")

    def _fetch(self, kept: _Kept) -> Cel | None:
        if kept.shape is None:
            return None
        kind = np.dtype(np.uint16 if kept.deep else np.uint8)
        data = self._spool.read(kept.place, int(np.prod(kept.shape)) * kind.itemsize)
        return Cel(np.frombuffer(data, kind).reshape(kept.shape), kept.x, kept.y)

    def find_doubt(self, number: int, picture: Picture) -> tuple[float, Array, tuple[int, int]] | None:
        """Where a frame is guesswork; None: no layer of it was drawn.

        A layer's doubt counts as far as the layers above it do not hide it.

        Args:
            number: the frame's.
            picture: the frame, as `picture` returns it.

        Returns:
            Its time from the picture before it to the next, the doubt on the canvas, (H, W) float32 in [0, 1], and
            the numbers of the two pictures.
        """
        first, t = self._timeline.frames[number]
        drawn = [path for path, frame in self._maps if frame == number]
        if not drawn:
            return None
        segment = self._segments[first]
        width, height = self._size
        doubt, open_ = np.zeros((height, width), np.float32), np.ones((height, width), np.float32)
        for cover in reversed(list_covers(picture)):
            if cover.path in drawn:
                place, h, w = self._maps[cover.path, number]
                stored = np.frombuffer(self._spool.read(place, h * w * 2), np.float16).reshape(h, w)
                own: Array = cv2.resize(stored.astype(np.float32), (width, height))
                np.maximum(doubt, own * open_ * np.float32(cover.opacity), out=doubt)
            if cover.hides:
                open_ *= 1 - cover.draw(height, width)
        return t, doubt, (first, segment.last)


def _give(cel: Cel) -> Cel:
    return cel


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
