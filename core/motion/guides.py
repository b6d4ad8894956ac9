"""Motion from an animator's hints: points, paths and masks, and how they act on the drawings.

Two drawings do not determine which finger became which. A hint does: a point of the first drawing corresponds to a
point of the last. It acts on the piece that contains the point, up to its outline, not on a disc around the point:

- A point selects the flat piece of colour that it lies in (see `segments`), with the area that it encloses and its
  outline. Hints in one piece move it together: one by a shift, or with scale and rotation if its match in the other
  drawing shows them; two by a similarity; three by an affine map; more by a thin-plate spline (Bookstein, "Principal
  Warps", PAMI 1989).
- Between the drawings a piece rotates about its centre while the centre moves straight, or along a given path (Whited
  et al., "BetweenIT", Eurographics 2010, use spirals; both keep the size of a piece that only rotates).

A guide is used three times. Its motion is a candidate of the search, for things that move with it. Then the piece is
removed from the estimated motion, so that the area moves with its surroundings. At each t, the piece is composited over
the result at its position, so that the hint has priority and the background is uncovered behind it.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from .grid import Array, Flow, pixel_grid, warp
from .parts import PartMask
from .segments import Carried, Pieces, find_parts, measure_spread
from .splatting import fill_holes

SIDE = 480
"""Longest side of the picture in which pieces are cut out, in pixels: an outline of 3 pixels in 1280 is still one."""
_OUTLINE = 4  # pixels there by which a piece is widened at most: its outline belongs to it
_FIT = 0.1  # by how much more of their area two pieces must overlap for a map that squashes or turns to be taken
_CLEARLY = 0.08  # by how much more for a larger turn than another one
_GONE = 12.0  # log odds against a drawing that shows a piece where it is no longer
_SMOOTH = 1e-3  # of a thin-plate spline, in units of the points' spread: two hints that contradict do not tear
_TINY = 1e-6  # weight of a place's own motion in filling: it counts only where nothing better is near

Point = tuple[float, float]


@dataclass(frozen=True)
class Track:
    """Where one point of a thing is, from the first drawing to the last."""

    points: tuple[Point | None, ...]
    """(x, y) in pixels of the drawings, two or more; the first or the last is None where the thing is not there."""
    times: tuple[float, ...] | None = None
    """When it is there, from 0 to 1; None: evenly."""

    @property
    def comes_or_goes(self) -> bool:
        """Whether one of the drawings does not have it."""
        return self.points[0] is None or self.points[-1] is None

    def at(self, t: float) -> Array:
        """Where it is at t: (2,)."""
        points = np.array([point for point in self.points if point is not None], float)
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
        """
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
    def plane(self) -> "Map":
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
        # what bends a path bends it at all the points of the piece alike
        bent = np.mean([track.at(t) - (1 - t) * track.at(0) - t * track.at(1) for track in self.tracks], 0)
        return np.asarray(moved + bent)

    def shifts(self, t: float, grid: Array) -> tuple[Array, Array]:
        """From places at t to those of the piece in the first and in the last drawing: (h, w, 2) each, in pixels."""
        first, last = self.ends
        now = self.place(t)
        return fit_map(now, first)(grid) - grid, fit_map(now, last)(grid) - grid


class Map:
    """A map of the plane: affine, with a thin-plate spline on top where points want it."""

    def __init__(
        self,
        linear: Array,
        shift: Array,
        centres: Array | None = None,
        bends: Array | None = None,
        unit: float = 1.0,
    ) -> None:
        """`linear` (2, 2), `shift` (2,), and of a spline its centres (n, 2), bends (n, 2) and unit of length."""
        self.linear, self.shift, self._centres, self._bends, self._unit = linear, shift, centres, bends, unit

    def __call__(self, places: Array) -> Array:
        """Maps places (…, 2)."""
        mapped = places @ self.linear.T + self.shift
        if self._centres is not None and self._bends is not None:
            for centre, bend in zip(self._centres, self._bends, strict=True):
                mapped += _thin_plate(((places - centre) ** 2).sum(-1) / self._unit**2)[..., None] * bend
        return np.asarray(mapped, np.float32)


def fit_similarity(source: Array, target: Array) -> tuple[Array, Array]:
    """Fits the similarity of least squares that carries points to points, (n, 2) each.

    Returns:
        The linear map (2, 2), and the shift (2,). Points that all lie on each other only shift.
    """
    centre, centre_there = source.mean(0), target.mean(0)
    one, other = (source - centre) @ [1, 1j], (target - centre_there) @ [1, 1j]  # products turn and grow
    size = float((one.conj() @ one).real)
    factor = (one.conj() @ other) / size if size > 1e-9 else 1.0 + 0j
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return linear, centre_there - linear @ centre


def _thin_plate(squares: Array) -> Array:
    return np.asarray(squares * np.log(squares + 1e-9))


def fit_map(source: Array, target: Array) -> Map:
    """Fits what carries points to points: (n, 2) each.

    One point gives a shift, two a similarity, three an affine map, more a thin-plate spline. Points that lie on one
    line, or on each other, give as much as they can.
    """
    centre, centre_there = source.mean(0), target.mean(0)
    away, away_there = source - centre, target - centre_there
    spread = float(np.sqrt((away**2).sum(1).mean()))
    linear = np.eye(2)
    if len(source) >= 3 and np.linalg.svd(away, compute_uv=False)[-1] > 0.05 * spread:
        linear = np.linalg.lstsq(away, away_there, rcond=None)[0].T
    elif len(source) >= 2 and spread > 1e-6:
        linear, _ = fit_similarity(source, target)
    shift = centre_there - linear @ centre
    left = target - source @ linear.T - shift
    if len(source) < 4 or np.abs(left).max() < 0.5:
        return Map(linear, shift)
    apart = ((source[:, None] - source[None]) ** 2).sum(2) / spread**2
    n = len(source)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _thin_plate(apart) + _SMOOTH * np.eye(n)
    system[:n, n], system[:n, n + 1 :] = 1, away / spread
    system[n:, :n] = system[:n, n:].T
    solved = np.linalg.lstsq(system, np.vstack([left, np.zeros((3, 2))]), rcond=None)[0]
    bends, offset, slope = solved[:n], solved[n], solved[n + 1 :]
    moved = shift + offset - slope.T @ centre / spread
    return Map(linear + slope.T / spread, moved, source, bends, spread)


def turn_and_squash(linear: Array, t: float) -> Array:
    """A part of a linear map: it turns by so much of the angle, and squashes by so much of the way."""
    u, sizes, v = np.linalg.svd(linear)
    turn = u @ v
    if np.linalg.det(turn) < 0:  # a mirror cannot be turned into
        return np.asarray((1 - t) * np.eye(2) + t * linear)
    squash = v.T @ np.diag(sizes) @ v
    angle = t * np.arctan2(turn[1, 0], turn[0, 0])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(rotation @ ((1 - t) * np.eye(2) + t * squash))


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
        cutters = [Cutter(view) for view in (first, last)]
        moved = [track for track in hints.tracks if not track.comes_or_goes]
        cut = [(cutters[0].cut(track.at(0)), cutters[1].cut(track.at(1))) for track in moved]
        groups: list[list[int]] = []
        for number, (here, there) in enumerate(cut):
            for group in groups:
                if _is_one(cut[group[0]][0], here) and _is_one(cut[group[0]][1], there):
                    group.append(number)
                    break
            else:
                groups.append([number])
        views = (cutters[0].view, cutters[1].view)
        self.guides = [self._make([moved[n] for n in group], *cut[group[0]], views) for group in groups]
        """One for each piece."""
        for regions in hints.apart:
            size = cutters[0].size[::-1]
            here, there = (
                cv2.resize(region.astype(np.float32), size, interpolation=cv2.INTER_AREA) for region in regions
            )
            if not here.any() or not there.any():  # in a part of the picture that does not change
                continue
            here, there = (mask / mask.max() for mask in (here, there))  # one may be smaller than a cell
            track = Track((self._middle(here), self._middle(there)))
            self.guides.append(self._make([track], here, there, views))
        for track in hints.tracks:
            if track.comes_or_goes:
                end = 0 if track.points[0] is not None else 1
                point = next(point for point in track.points if point is not None)
                masks = [np.zeros(cutters[0].size, np.float32) for _ in range(2)]
                masks[end] = cutters[end].cut(np.array(point))
                self.guides.append(Guide((Track((point, point)),), masks[0], masks[1], self.shape))

    def _make(self, tracks: list[Track], here: Array, there: Array, views: tuple[Array, Array]) -> Guide:
        """Makes a guide; a single track's piece also gets the rotation and scale that its match shows."""
        guide = Guide(tuple(tracks), here, there, self.shape)
        if len(tracks) > 1:
            return guide
        spreads = [measure_spread(mask > 0.5) for mask in (here, there)]
        best, found = _measure_fit(guide, views) + _FIT, guide
        for part in find_parts(spreads[0], spreads[1], both_ways=True)[1:]:
            other = replace(guide, part=part)
            overlap = _measure_fit(other, views)
            if overlap > best:
                best, found = overlap + _CLEARLY, other
        return found

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
                mask = self._shrink((guide.here, guide.there)[end], w, h)
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
            taken = np.maximum.reduce([self._shrink((guide.here, guide.there)[end], w, h) for guide in self.guides])
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
                masks = [self._shrink((guide.here, guide.there)[end], w, h) for guide in self.guides]
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
                own = (guide.here, guide.there)[end]
                self._lay_piece(covered, ones, own, guide.ends[end], guide.place(t))
        return covered

    def lay_over(self, drawn: Array, frames: tuple[Array, Array], t: float, shifts: tuple[Flow, Flow]) -> Array:
        """Lays the pieces over what is drawn without them, each where it is at t and as the nearer drawing has it.

        Args:
            drawn: (H, W, C) uint8 or float32.
            frames: the first and the last drawing, likewise.
            t: in (0, 1).
            shifts: as `settle` gives them; what comes or goes moves as its surroundings do.
        """
        end = int(t >= 0.5)
        drawn = drawn.copy()
        for guide in self.guides:
            mask = (guide.here, guide.there)[end]
            if not mask.any():
                continue
            own = guide.ends[end]
            now = guide.place(t) if not guide.comes_or_goes else own - self._sample(shifts[end], own)
            self._lay_piece(drawn, frames[end], mask, own, now)
        return drawn

    def _sample(self, shift: Flow, points: Array) -> Array:
        """A shift at points of the drawings, (n, 2), in their pixels."""
        h, w = shift.shape[:2]
        scale = np.array([w / self.shape[1], h / self.shape[0]])
        at = np.clip(((points + 0.5) * scale - 0.5).round().astype(int), 0, (w - 1, h - 1))
        return np.asarray(shift[at[:, 1], at[:, 0]] / scale)

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


class Cutter:
    """Cuts pieces out of one drawing."""

    def __init__(self, view: Array) -> None:
        """Of (H, W, 3) uint8 RGB."""
        self._extent = np.array(view.shape[1::-1], float)
        scale = min(1.0, SIDE / self._extent.max())
        w, h = (max(8, round(side * scale)) for side in self._extent)
        self.view = cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA)
        """The drawing as it is cut: (h, w, 3)."""
        self._pieces = Pieces(self.view)
        self.size = (h, w)
        """Height and width of the masks."""

    def cut(self, point: Array) -> Array:
        """The piece that a point is on, in pixels of the drawing: (h, w) float32, 1 on the piece."""
        h, w = self.size
        x, y = np.clip((point + 0.5) * (w, h) / self._extent, 0, (w - 1, h - 1)).astype(int)
        return self._pieces.cut_out((int(x), int(y)), _OUTLINE).astype(np.float32)

    def snap(self, mask: Array) -> Array:
        """The whole pieces that lie in a mask, (H, W) bool of any size: (h, w) float32, 1 on them."""
        h, w = self.size
        small = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) >= 0.5
        return self._pieces.snap(small, _OUTLINE).astype(np.float32)


def _is_one(one: Array, other: Array) -> bool:
    """Whether two masks are of one piece."""
    return float(np.minimum(one, other).sum()) > 0.7 * float(np.maximum(one, other).sum())


def _measure_fit(guide: Guide, views: tuple[Array, Array]) -> float:
    """How well the first drawing's piece lies on the last's once it is carried there.

    The part of both that overlaps, in [0, 1], less the difference of colours on them and around them: what a piece
    hangs on says which way round it is.

    Args:
        guide: of the piece.
        views: the drawings, as large as the piece's masks.
    """
    h, w = guide.here.shape
    to_cells = np.array([w / guide.shape[1], h / guide.shape[0]])
    grid = pixel_grid(h, w)
    at = (grid + guide.shifts(1.0, (grid + 0.5) / to_cells - 0.5)[0] * to_cells).astype(np.float32)
    moved = cv2.remap(guide.here, at, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    overlap = float(np.minimum(moved, guide.there).sum() / max(1.0, float(np.maximum(moved, guide.there).sum())))
    around = cv2.dilate(guide.there, np.ones((9, 9), np.uint8)) > 0
    apart = float(np.abs(warp(views[0], at)[around].astype(float) - views[1][around]).mean())
    return overlap - apart / 64
