"""Motion from an animator's hints: points, paths and masks, and how they act on the drawings.

Two drawings do not determine which finger became which. A hint does: a point of the first drawing corresponds to a
point of the last. It acts on the piece that contains the point, up to its outline, not on a disc around the point:

- A point selects the flat piece of colour that it lies in (see `segments`), with the area that it encloses and its
  outline. Hints in one piece move it together: one by a shift, with the rotation and scale that its match in the
  other drawing shows (see `turning`); two by a similarity; three by an affine map; more by a thin-plate spline
  (Bookstein, "Principal Warps", PAMI 1989).
- Between the drawings a piece rotates about its centre while the centre moves straight, or along a given path (Whited
  et al., "BetweenIT", Eurographics 2010, use spirals; both keep the size of a piece that only rotates).

A guide is used three times. Its motion is a candidate of the search, for things that move with it. Then the piece is
removed from the estimated motion, so that the area moves with its surroundings, and painted out of the drawings, with
what the other drawing shows there if the ground stands (see `bare`). At each t, the piece is composited over the result
at its position, so that the hint has priority and the background is uncovered behind it. What another piece hides of it
in the nearer drawing comes from the other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Protocol

import cv2
import numpy as np

from .bare import find_bare
from .cutter import Cutter
from .grid import Array, Flow, max_of_channels, pixel_grid, warp
from .maps import Map, fit_map, turn_and_squash
from .narrowing import Ends, share_out
from .parts import PartMask
from .segments import Carried, find_parts, measure_spread
from .splatting import fill_holes
from .turning import Looks, find_linear

_GONE = 12.0  # log odds against a drawing that shows a piece where it is no longer
_TINY = 1e-6  # weight of a place's own motion in filling: it counts only where nothing better is near
# Chosen on discs of one colour, and by eye on pieces of the demo.
_LIKE = 40  # levels up to which places that a motion joins look alike
_JOINED = 0.3  # of a piece that comes or goes is joined to a piece of the other drawing, and of that piece
_AS_LARGE = 2.5  # ratio of their areas at most
_STANDS, _STANDING = 12, 0.9  # levels by which ground that stands differs at most, and share of it around a piece

Point = tuple[float, float]


@dataclass(frozen=True)
class Track:
    """Where one point of a thing is, from the first drawing to the last."""

    points: tuple[Point | None, ...]
    """(x, y) in pixels of the drawings, two or more; the first or the last is None where the thing is not there."""
    times: tuple[float, ...] | None = None
    """When it is there, from 0 to 1; None: evenly. Of what comes or goes, the time of None is when it does."""

    @property
    def comes_or_goes(self) -> bool:
        """Whether one of the drawings does not have it."""
        return self.points[0] is None or self.points[-1] is None

    @property
    def switch(self) -> float:
        """When it comes or goes."""
        if self.times is None or not self.comes_or_goes:
            return 0.5
        return self.times[0] if self.points[0] is None else self.times[-1]

    def at(self, t: float) -> Array:
        """Where it is at t: (2,)."""
        points = np.array([point for point in self.points if point is not None], float)
        if len(points) == 1:
            return np.asarray(points[0])
        times = np.linspace(0, 1, len(points)) if self.times is None else np.array(self.times)
        return np.array([np.interp(t, times, points[:, k]) for k in range(2)])

    def cut(self, start: float, end: float) -> "Track":
        """The part of it between two times."""
        points = [point for point in self.points if point is not None]
        times = np.linspace(0, 1, len(points)) if self.times is None else np.array(self.times)
        inner = [(float(time), point) for time, point in zip(times, points, strict=True) if start < time < end]
        ends = [tuple(map(float, self.at(time))) for time in (start, end)]
        cut = (ends[0], *(point for _, point in inner), ends[1])
        if not inner:
            return Track(cut)  # type: ignore[arg-type]  # two numbers each
        return Track(cut, (0.0, *((time - start) / (end - start) for time, _ in inner), 1.0))  # type: ignore[arg-type]


@dataclass(frozen=True)
class PairHints:
    """An animator's hints for one pair of drawings."""

    tracks: tuple[Track, ...] = ()
    """Points that correspond."""
    still: Array | None = None
    """(H, W) bool: what stays where it is."""
    apart: tuple[tuple[Array, Array], ...] = ()
    """Regions that are one thing: (H, W) bool in the first drawing, and in the last."""
    parts: tuple[PartMask, ...] = ()
    """What moves at a pace of its own; its times are given where frames are drawn."""

    def __bool__(self) -> bool:
        return bool(self.tracks or self.apart or self.still is not None or self.parts)

    @property
    def may_go_around(self) -> bool:
        """Whether something may be on its way where it is at neither end: along a path, or as it turns."""
        return len(self.tracks) > 1 or any(len(track.points) > 2 for track in self.tracks)

    def cut(self, start: float, end: float) -> "PairHints":
        """Those of the part between two times, of which a person has painted the pictures.

        What comes or goes, regions that are one thing, and parts are left out: the painted picture shows them anew.
        From 0 to 1, no picture is painted, and all stay.
        """
        if (start, end) == (0, 1):
            return self
        return PairHints(
            tuple(track.cut(start, end) for track in self.tracks if not track.comes_or_goes and end > start), self.still
        )

    def crop(self, x: int, y: int, width: int, height: int) -> "PairHints":
        """The same within a part of the picture."""

        def cut(mask: Array) -> Array:
            return np.ascontiguousarray(mask[y : y + height, x : x + width])

        tracks = tuple(
            Track(tuple(None if point is None else (point[0] - x, point[1] - y) for point in track.points), track.times)
            for track in self.tracks
        )
        apart = tuple((cut(one), cut(other)) for one, other in self.apart)
        parts = tuple(part.crop(cut) for part in self.parts)
        return PairHints(tracks, None if self.still is None else cut(self.still), apart, parts)


@dataclass(frozen=True)
class Guide:
    """One piece that moves by hints."""

    tracks: tuple[Track, ...]
    """At least one, each in both drawings."""
    here: Array
    """(h, w) float32 in [0, 1]: the piece in the first drawing, which may be larger."""
    there: Array
    """The same in the last."""
    shape: tuple[int, int]
    """Height and width of the drawings."""
    part: Array = field(default_factory=lambda: np.eye(2))
    """(2, 2) rotation and scale of the piece, which a single track does not determine."""
    switch: float = 0.5
    """When it comes or goes."""

    @property
    def masks(self) -> tuple[Array, Array]:
        """`here` and `there`."""
        return self.here, self.there

    @property
    def comes_or_goes(self) -> bool:
        """Whether one of the drawings does not have it."""
        return not (self.here.any() and self.there.any())

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """(n, 2) points in the first drawing, and in the last: of the tracks, or of one and what `part` makes of it."""
        first, last = (np.array([track.at(t) for track in self.tracks]) for t in (0, 1))
        if len(first) == 1 and not np.allclose(self.part, np.eye(2)):
            length = float(np.sqrt(self.here.mean() * self.shape[0] * self.shape[1])) / 2
            arms = np.array([[0, 0], [1, 0], [0, 1]]) * max(8.0, length)
            first, last = first + arms, last + arms @ self.part.T
        return first, last

    @property
    def plane(self) -> Map:
        """What carries the piece from the first drawing to the last, without what bends it."""
        plane = fit_map(*self.ends)
        return Map(plane.linear, plane.shift)

    def place(self, t: float) -> Array:
        """Where the points of `ends` are at t: (n, 2)."""
        first, last = self.ends
        if len(first) == 1:
            return self.tracks[0].at(t)[None]
        centre, centre_there = first.mean(0), last.mean(0)
        linear = fit_map(first - centre, last - centre_there).linear
        moving = (1 - t) * centre + t * centre_there
        rest = last - centre_there - (first - centre) @ linear.T  # what no linear map has
        moved = moving + (first - centre) @ turn_and_squash(linear, t).T + t * rest
        # a path says where its point is; what bends paths bends the piece's other points alike
        straight = (1 - t) * first + t * last
        paths = [number for number, track in enumerate(self.tracks) if len(track.points) > 2]
        if paths:
            at = np.array([self.tracks[number].at(t) for number in paths])
            moved = moved + (at - straight[paths]).mean(0)
            moved[paths] = at
        return np.asarray(moved)

    def shifts(self, t: float, grid: Array) -> tuple[Array, Array]:
        """From places at t to those of the piece in the first and in the last drawing: (h, w, 2) each, in pixels."""
        first, last = self.ends
        now = self.place(t)
        return fit_map(now, first)(grid) - grid, fit_map(now, last)(grid) - grid


class Lay(Protocol):
    """Lays pieces over what is drawn without them, each where it is at a time and as the nearer drawing has it."""

    def __call__(self, drawn: Array, t: float, shifts: tuple[Flow, Flow]) -> Array:
        """Returns a copy with the pieces.

        Args:
            drawn: (H, W, C) of the drawings' type.
            t: in (0, 1).
            shifts: as `Guides.settle` gives them; what comes or goes moves as its surroundings do.
        """


class Guides:
    """All guides of one pair of drawings, prepared for use."""

    def __init__(self, hints: PairHints, first: Array, last: Array) -> None:
        """Cuts out the pieces that are pointed at.

        Args:
            hints: of this pair, in its pixels.
            first: (H, W, 3) uint8 RGB.
            last: the same shape.
        """
        height, width = first.shape[:2]
        self.shape = (height, width)
        """Height and width of the drawings."""
        self._still = None if hints.still is None else hints.still.astype(np.float32)
        cutters = self._cutters = [Cutter(view) for view in (first, last)]
        driven = [[t for t in hints.tracks if not t.comes_or_goes and _lies_in(t, regions)] for regions in hints.apart]
        moved = [t for t in hints.tracks if not t.comes_or_goes and not any(t in tracks for tracks in driven)]
        cut = [(cutters[0].cut(track.at(0)), cutters[1].cut(track.at(1))) for track in moved]
        groups: list[list[int]] = []
        for number, (here, there) in enumerate(cut):
            for group in groups:
                if _is_one(cut[group[0]][0], here) and _is_one(cut[group[0]][1], there):
                    group.append(number)
                    break
            else:
                groups.append([number])
        looks = Looks((cutters[0].view, cutters[1].view))
        self.guides = [
            guide for group in groups for guide in self._make_all([moved[n] for n in group], *cut[group[0]], looks)
        ]
        """One for each piece; `find_partners` adds to them."""
        for regions, tracks in zip(hints.apart, driven, strict=True):
            size = cutters[0].size[::-1]
            here, there = (
                cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_AREA) for region in regions
            )
            if not here.any() or not there.any():  # in a part of the picture that does not change
                continue
            # one may be smaller than a cell
            here, there = (
                cutter.trim(mask >= mask.max() / 2) for cutter, mask in zip(cutters, (here, there), strict=True)
            )
            tracks = tracks or [Track((self._middle(here), self._middle(there)))]
            self.guides.append(self._make(tracks, here, there, looks))
        for track in hints.tracks:
            if track.comes_or_goes:
                end = 0 if track.points[0] is not None else 1
                point = next(point for point in track.points if point is not None)
                self.guides.append(self._make_lone(end, point, track.switch))
        self._sort()

    def find_partners(self, flows: tuple[Flow, Flow], views: tuple[Array, Array]) -> None:
        """Adds guides for what appears when a piece goes, or goes when one appears.

        If a thing of one drawing is not in the other one, then what a motion joins to it there is another thing, such
        as one that looks like it. That appears, or goes, at the same time.

        Args:
            flows: (h, w, 2) in cells: from the first drawing to the last, and back.
            views: (h, w, 3) uint8: the drawings on that grid.
        """
        for guide in [guide for guide in self.guides if guide.comes_or_goes]:
            partner = self._find_partner(guide, flows, views)
            if partner is not None:
                self.guides.append(partner)
                self._sort()

    def _find_partner(self, guide: Guide, flows: tuple[Flow, Flow], views: tuple[Array, Array]) -> Guide | None:
        """What a motion joins to a piece that only one drawing has; None where it joins nothing that looks like it."""
        h, w = flows[0].shape[:2]
        end = 0 if guide.here.any() else 1
        own, at = self._shrink(guide.masks[end], w, h), pixel_grid(h, w) + flows[1 - end]
        taken = np.maximum.reduce([self._shrink(each.masks[1 - end], w, h) for each in self.guides])
        alike = max_of_channels(cv2.absdiff(views[1 - end], warp(views[end], at))) < _LIKE
        joined = (warp(own, at) > 0.5) & alike & (taken < 0.5)
        if joined.sum() < max(1.0, _JOINED * float(own.sum())):
            return None
        depth = cv2.distanceTransform(np.pad(joined.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        x, y = (np.array([column, row]) + 0.5) * self.shape[::-1] / (w, h) - 0.5
        partner = self._make_lone(1 - end, (float(x), float(y)), guide.switch)
        piece = partner.masks[1 - end]
        ratio = float(piece.sum()) / float(guide.masks[end].sum())
        shrunk = self._shrink(piece, w, h)
        fits = 1 / _AS_LARGE < ratio < _AS_LARGE and (shrunk * joined).sum() >= _JOINED * float(shrunk.sum())
        return partner if fits else None

    def _make_lone(self, end: int, point: Point, switch: float) -> Guide:
        """The guide of a piece that only one drawing has; `point` is on it."""
        masks = [np.zeros(self._cutters[0].size, np.float32) for _ in range(2)]
        masks[end] = self._cutters[end].cut(np.array(point))
        return Guide((Track((point, point)),), masks[0], masks[1], self.shape, switch=switch)

    def _sort(self) -> None:
        """What lies on a piece is drawn after it."""

        def count_below(guide: Guide) -> int:
            return sum(_lies_on(guide, other, end) for other in self.guides for end in range(2))

        self.guides = sorted(self.guides, key=count_below)

    def _make_all(self, tracks: list[Track], here: Array, there: Array, looks: Looks) -> list[Guide]:
        """Makes the guides of one piece: one, or several where only these fit the drawings; see `narrowing`."""
        whole = self._make(tracks, here, there, looks)
        if not (here.any() and there.any()):
            return [whole]

        def cut(tracks: list[Track]) -> Ends:
            guide = whole if len(tracks) == len(whole.tracks) else Guide(tuple(tracks), here, there, self.shape)
            first, last = (self._to_cells(points[0], here.shape) for points in guide.ends)
            return Ends((here, there), (first, last), guide.plane.linear)

        return [
            Guide(tuple(own), *piece.masks, self.shape, piece.linear if len(own) == 1 else np.eye(2))
            for own, piece in share_out(tracks, cut, looks)
        ]

    def _make(self, tracks: list[Track], here: Array, there: Array, looks: Looks) -> Guide:
        """Makes a guide; a single track's piece also gets the rotation and scale that its match shows."""
        guide = Guide(tuple(tracks), here, there, self.shape)
        if len(tracks) > 1 or not (here.any() and there.any()):
            return guide
        spreads = [measure_spread(mask > 0.5) for mask in (here, there)]
        parts = find_parts(spreads[0], spreads[1], both_ways=True)[1:]
        first, last = (self._to_cells(points[0], here.shape) for points in guide.ends)
        return replace(guide, part=find_linear(looks, (here, there), (first, last), parts))

    def _to_cells(self, point: Array, shape: tuple[int, ...]) -> Array:
        """A point of the drawings in pixels of a mask of that shape."""
        return np.asarray((point + 0.5) * shape[::-1] / self.shape[::-1] - 0.5)

    def _middle(self, mask: Array) -> Point:
        """The middle of a mask in the drawings' pixels."""
        y, x = np.nonzero(mask > 0.5)
        middle = (np.array([x.mean(), y.mean()]) + 0.5) * self.shape[::-1] / mask.shape[::-1] - 0.5
        return float(middle[0]), float(middle[1])

    def candidates(self) -> list[Carried]:
        """What the search may choose: each piece's motion, as far as it is affine."""
        size = np.array(self.shape[::-1], float)
        found = []
        for guide in self.guides:
            if guide.comes_or_goes:
                continue
            plane = guide.plane
            shift = (plane.shift + 0.5 - plane.linear.sum(1) / 2) / size  # pixels are where their middles are
            part = plane.linear * size[None] / size[:, None]
            centre = (np.array(self._middle(guide.here)) + 0.5) / size
            found.append(Carried(np.hstack([part, shift[:, None]]), centre, guide.here, guide.there))
        return found

    def move(self, flow: Flow, end: int) -> Flow:
        """The flow with the given motion on the pieces.

        Args:
            flow: (h, w, 2) on any grid, in its cells: from the first drawing to the last, or back.
            end: 0 where it begins at the first drawing, 1 at the last.
        """
        h, w = flow.shape[:2]
        flow, places, to_cells = flow.copy(), *self._lay_grid(w, h)
        for guide in self.guides:
            if not guide.comes_or_goes:
                mask = self._shrink(guide.masks[end], w, h)
                flow += mask[..., None] * (guide.shifts(float(end), places)[1 - end] * to_cells - flow)
        return flow.astype(np.float32)

    def clear(self, flow: Flow, end: int) -> tuple[Flow, Array]:
        """Takes the pieces out of a flow: what is left moves as its surroundings do, and what stays stays.

        Args:
            flow: as `move` takes it.
            end: likewise.

        Returns:
            The flow, and how visible each cell is known to be in the other drawing: (h, w), 1 seen, -1 not, 0 unknown.
        """
        h, w = flow.shape[:2]
        flow, known = flow.copy(), np.zeros((h, w), np.float32)
        if self.guides:
            taken = np.maximum.reduce([self._shrink(guide.masks[end], w, h) for guide in self.guides])
            around = cv2.dilate(taken, np.ones((3, 3), np.uint8))  # motion is smeared over an outline
            flow += around[..., None] * (fill_holes(flow, 1 - around + np.float32(_TINY)) - flow)
            known[taken > 0.5] = -1
        if self._still is not None:
            mask = self._shrink(self._still, w, h)
            flow *= 1 - mask[..., None]
            known[mask > 0.5] = 1
        return flow.astype(np.float32), known

    def settle(
        self, t: float, shifts: tuple[Flow, Flow], belief: Array, missing: Array | None
    ) -> tuple[tuple[Flow, Flow], Array, Array | None]:
        """Applies static masks and removes pieces from where they have left, at t.

        Args:
            t: in (0, 1).
            shifts: (h, w, 2) in cells: from places at t to the first and to the last drawing.
            belief: (h, w): log odds that the first one shows what is there.
            missing: (h, w) in [0, 1], or None; see `core.engines.joining.Placed`.
        """
        h, w = belief.shape
        grid = pixel_grid(h, w)
        here, there, belief = shifts[0].copy(), shifts[1].copy(), belief.copy()
        missing = np.zeros_like(belief) if missing is None else missing
        nearer = 1 if t < 0.5 else -1
        if self._still is not None:
            mask = self._shrink(self._still, w, h)
            here *= 1 - mask[..., None]
            there *= 1 - mask[..., None]
            belief += mask * (nearer - belief)
        # where a drawing shows a piece at a place that it has left, the other one is right
        if self.guides:
            left = []
            for end, shift in enumerate((here, there)):
                masks = [self._shrink(guide.masks[end], w, h) for guide in self.guides]
                left.append(warp(np.maximum.reduce(masks), grid + shift))
            belief += _GONE * (left[1] - left[0])
            missing = missing * (1 - np.maximum(left[0], left[1]))
        return (here.astype(np.float32), there.astype(np.float32)), belief.astype(np.float32), missing

    def cover(self, mask: Array, t: float) -> Array:
        """Where the pieces are at t that lie in a mask of the first drawing for the most part: (H, W, 1) float32.

        Args:
            mask: (h, w) in [0, 1], as large as the pieces' masks.
            t: from 0 to 1.
        """
        ones, covered = np.ones((*self.shape, 1), np.float32), np.zeros((*self.shape, 1), np.float32)
        end = int(t >= 0.5)
        for guide in self.guides:
            if not guide.comes_or_goes and (guide.here * mask).sum() > 0.5 * guide.here.sum():
                own = guide.masks[end]
                self._lay_piece(covered, ones, own, guide.ends[end], guide.place(t))
        return covered

    def prepare_laying(self, frames: tuple[Array, Array]) -> Lay:
        """Returns a function that lays the pieces over frames; what does not depend on the time is computed only once.

        Args:
            frames: the first and the last drawing, (H, W, C) uint8 or float32.
        """

        @cache
        def find(number: int, end: int) -> tuple[Array | None, Array]:
            guide = self.guides[number]
            on_it = [other for other in self.guides if _lies_on(other, guide, end)]
            return self._find_hidden(guide, end), self.paint_out(frames, end, on_it)

        @cache
        def stands(number: int) -> bool:
            return self._stands_around(np.maximum(*self.guides[number].masks))

        def lay(drawn: Array, t: float, shifts: tuple[Flow, Flow]) -> Array:
            drawn = drawn.copy()
            for number, guide in enumerate(self.guides):
                end = int(t >= guide.switch)
                mask = guide.masks[end]
                if not mask.any():
                    continue
                own = guide.ends[end]
                if not guide.comes_or_goes:
                    now = guide.place(t)
                else:  # on plain ground that stands, the motion of things nearby may be smeared
                    now = own if stands(number) else own - self._measure_around(shifts[end], mask)
                behind, frame = find(number, end)
                if behind is not None:
                    self._lay_piece(drawn, frames[1 - end], behind, guide.ends[1 - end], now)
                self._lay_piece(drawn, frame, mask, own, now)
            return drawn

        return lay

    def paint_out(self, frames: tuple[Array, Array], end: int, guides: Sequence[Guide] | None = None) -> Array:
        """A drawing without pieces: filled with the other one where that shows ground that stands, else from around.

        Args:
            frames: the first and the last drawing, (H, W, C) uint8 or float32.
            end: which of them: 0 or 1.
            guides: of the pieces; None: all.
        """
        frame, other = frames[end], frames[1 - end]
        known = self._find_uncovered(self.guides if guides is None else guides, end)
        if known is None:
            return frame
        hidden = known < 0.5
        known_there = self._find_uncovered(self.guides, 1 - end)
        hidden_there = np.zeros_like(hidden) if known_there is None else known_there < 1
        bare = find_bare(frame, other, hidden, hidden_there)
        ground = np.where(bare[..., None], other, frame)
        weight = np.where(bare, np.float32(1), known)
        filled = fill_holes(ground.astype(np.float32), weight + np.float32(_TINY)).reshape(frame.shape)
        filled = np.clip(filled + (0.5 if frame.dtype == np.uint8 else 0), 0, 255).astype(frame.dtype)
        return np.ascontiguousarray(np.where((hidden & ~bare)[..., None], filled, ground))

    def _find_uncovered(self, guides: Sequence[Guide], end: int) -> Array | None:
        """How far each pixel of a drawing is free of pieces: (H, W) float32 in [0, 1]; None if all are."""
        masks = [mask for guide in guides if (mask := guide.masks[end]).any()]
        if not masks:
            return None
        height, width = self.shape
        taken = cv2.dilate(np.maximum.reduce(masks), np.ones((5, 5), np.uint8))
        return np.asarray(1 - cv2.resize(taken, (width, height), interpolation=cv2.INTER_LINEAR))

    def _find_hidden(self, guide: Guide, end: int) -> Array | None:
        """The part of a piece that other pieces hide in one drawing and not in the other.

        Returns:
            (h, w) in [0, 1], in the other drawing; None if there is none.
        """
        others = [other for other in self.guides if other is not guide and other.here.shape == guide.here.shape]
        if guide.comes_or_goes or not others:
            return None
        mask, shown = guide.masks[end], guide.masks[1 - end]
        front = np.maximum.reduce([other.masks[end] for other in others])
        clear = np.maximum.reduce([other.masks[1 - end] for other in others])
        h, w = mask.shape
        places, to_cells = self._lay_grid(w, h)
        at = pixel_grid(h, w) + (guide.shifts(1.0 - end, places)[end] * to_cells).astype(np.float32)
        hidden = np.minimum(shown, warp(front * (1 - mask), at)) * (1 - clear)
        return hidden if (hidden > 0.5).any() else None

    def _stands_around(self, mask: Array) -> bool:
        """Whether both drawings show the same around a piece."""
        around = _find_around(mask)
        apart = max_of_channels(cv2.absdiff(*(cutter.view for cutter in self._cutters)))
        return bool(around.any() and (apart[around] <= _STANDS).mean() >= _STANDING)

    def _measure_around(self, shift: Flow, mask: Array) -> Array:
        """The median of a shift around a piece, in pixels of the drawings: (2,)."""
        h, w = shift.shape[:2]
        scale = np.array([w / self.shape[1], h / self.shape[0]])
        around = _find_around(self._shrink(mask, w, h))
        return np.asarray(np.median(shift[around], 0) / scale if around.any() else np.zeros(2))

    def _lay_piece(self, drawn: Array, frame: Array, mask: Array, own: Array, now: Array) -> None:
        """Lays one piece of a frame over what is drawn, in place; it is moved as points `own` (n, 2) go to `now`."""
        height, width = self.shape
        h, w = mask.shape
        to_mask = np.array([w / width, h / height])
        y, x = np.nonzero(mask > 0.05)
        edge = np.array(
            [[a, b] for a in np.linspace(x.min(), x.max() + 1, 9) for b in np.linspace(y.min(), y.max() + 1, 9)]
        )
        moved = fit_map(own, now)(edge / to_mask)
        left, top = np.clip(np.floor(moved.min(0)) - 2, 0, (width, height)).astype(int)
        right, low = np.clip(np.ceil(moved.max(0)) + 2, 0, (width, height)).astype(int)
        if right <= left or low <= top:
            return
        places = pixel_grid(low - top, right - left) + np.array([left, top], np.float32)
        at = fit_map(now, own)(places)
        share = warp(mask, ((at + 0.5) * to_mask - 0.5).astype(np.float32))
        share = np.clip((share - 0.5) / max(to_mask[0], 0.5) + 0.5, 0, 1).astype(np.float32)
        share *= ((at >= -0.5) & (at <= (width - 0.5, height - 0.5))).all(2)
        piece = warp(frame, at, cv2.INTER_CUBIC).reshape(low - top, right - left, -1)
        there = drawn[top:low, left:right]
        there[:] = cv2.blendLinear(np.ascontiguousarray(piece), np.ascontiguousarray(there), share, 1 - share).reshape(
            there.shape
        )

    def _lay_grid(self, w: int, h: int) -> tuple[Array, Array]:
        """The places of a grid's cells in pixels of the drawings, (h, w, 2), and cells a pixel (2,)."""
        to_cells = np.array([w / self.shape[1], h / self.shape[0]], np.float32)
        return (pixel_grid(h, w) + 0.5) / to_cells - 0.5, to_cells

    @staticmethod
    def _shrink(mask: Array, w: int, h: int) -> Array:
        smaller = w < mask.shape[1]
        return np.asarray(cv2.resize(mask, (w, h), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


def _find_around(mask: Array) -> Array:
    """Places around a piece and beyond its outline: (h, w) bool."""
    near = cv2.dilate((mask > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
    return np.asarray((cv2.dilate(near, np.ones((7, 7), np.uint8)) > 0) & (near == 0))


def _lies_in(track: Track, regions: tuple[Array, Array]) -> bool:
    """Whether a track leads from a region of the first drawing to its partner in the last."""
    for region, point in zip(regions, (track.points[0], track.points[-1]), strict=True):
        assert point is not None
        x, y = (min(max(round(value), 0), side - 1) for value, side in zip(point, region.shape[::-1], strict=True))
        if not region[y, x]:
            return False
    return True


def _lies_on(guide: Guide, other: Guide, end: int) -> bool:
    """Whether a piece lies on another, larger one in a drawing, and so is within its mask."""
    mask, larger = (one.masks[end] for one in (guide, other))
    area = float(mask.sum())
    return guide is not other and 0 < area < larger.sum() and float(np.minimum(mask, larger).sum()) > 0.8 * area


def _is_one(one: Array, other: Array) -> bool:
    """Whether two masks are of one piece."""
    return float(np.minimum(one, other).sum()) > 0.7 * float(np.maximum(one, other).sum())
