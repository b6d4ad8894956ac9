"""Converts puppets to polygons with known motion of every point.

A drawing is made once for a scene; `Drawing.at` gives the positions of all its parts at a moment. It is a list of
patches in painting order. A patch is a polygon fixed to a joint, or one triangle of a bent tube; either way it moves by
one affine map, and that map is kept for each patch and moment, so that motion between any two moments is known exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import Points, outward, spline_weights
from .puppets import Blob, Colour, Merge, Pen, Pose, Puppet, Tube
from .styles import Style, darker

LIGHT = np.array([-0.6, -0.8])
"""Direction of the light on the sheet: from above left."""
AWAY = 1e6
"""Position of a puppet that is not on stage, in units."""


@dataclass(frozen=True)
class Moment:
    """A drawing at one moment."""

    vertices: NDArray[np.float64]
    """(V, 2) on the sheet, in units; a patch owns the run `Drawing.runs[patch]` of them."""
    motion: NDArray[np.float64]
    """(patches + 1, 2, 3): from each patch's rest to the sheet now; the last is what lies still over the picture."""


@dataclass(frozen=True)
class Drawing:
    """All patches of a scene, in painting order. Behind the last patch each list has one more entry: the title's."""

    puppets: tuple[Puppet, ...]
    runs: NDArray[np.intp]
    """(patches, 2) first vertex and the one behind the last. The title has none."""
    colours: NDArray[np.uint8]
    """(patches, 3)."""
    lower: NDArray[np.float32]
    """(patches, 3): what is added to the colour at the lower end of a gradient."""
    slopes: NDArray[np.float64]
    """(patches, 3): a, b, c with a x + b y + c = how far along its gradient the point (x, y) of the rest is."""
    grains: NDArray[np.float32]
    """(patches,) strength of the texture."""
    lines: NDArray[np.bool_]
    """(patches,) whether the patch is ink."""
    pieces: NDArray[np.intp]
    """(patches,) patches with the same number move as one piece: a joint, or a tube."""
    in_order: NDArray[np.intp]
    """Patches by their first vertex."""
    _fixed: Points
    """(F, 2) vertices of the polygons, in their joint's coordinates; they come first among the vertices."""
    _fixed_joint: NDArray[np.intp]
    _patch_joint: NDArray[np.intp]
    """(polygons,)."""
    _polygons: NDArray[np.intp]
    """Numbers of the patches that are polygons; the others are triangles, in the order of `_triangles`."""
    _bands: "_Bands"

    def at(self, poses: Sequence[Pose]) -> Moment:
        """Places everything.

        Args:
            poses: one for each puppet.
        """
        placed = [puppet.matrices(pose) for puppet, pose in zip(self.puppets, poses, strict=True)]
        for matrices, pose in zip(placed, poses, strict=True):
            if not pose.seen:
                matrices[:, :2, 2] += AWAY
        joints = np.concatenate(placed)[:, :2]  # (joints, 2, 3)
        own = joints[self._fixed_joint]
        fixed = np.einsum("nij,nj->ni", own[:, :, :2], self._fixed) + own[:, :, 2]
        motion = np.empty((len(self.runs) + 1, 2, 3))
        motion[-1] = np.eye(3)[:2]
        motion[self._polygons] = joints[self._patch_joint]
        bands = self._bands
        if not len(bands.triangles):
            return Moment(fixed, motion)
        corners = bands.corners(joints)  # (triangles, 3, 2)
        motion[bands.patches] = corners.transpose(0, 2, 1) @ bands.rest_inverse
        return Moment(np.concatenate([fixed, corners.reshape(-1, 2)]), motion)


@dataclass(frozen=True)
class _Bands:
    """All tubes: stations along their curves, and the triangles between stations."""

    control_joint: NDArray[np.intp]
    """(C,)."""
    control: NDArray[np.float64]
    """(C, 3) x, y, 1 in the joint's coordinates."""
    along: NDArray[np.float64]
    """(S, C) weights of the control points at each station."""
    tangent: NDArray[np.float64]
    """(S, C)."""
    station: NDArray[np.intp]
    """(Q,) station of each pair of edge points."""
    sides: NDArray[np.float64]
    """(Q, 3): left, right, ahead: where the pair lies around its station, in units."""
    triangles: NDArray[np.intp]
    """(T, 3) into the 2 Q edge points, all left ones first."""
    patches: NDArray[np.intp]
    """(T,) the patch each triangle is."""
    rest_inverse: NDArray[np.float64]
    """(T, 3, 3): from the rest's (x, y, 1) to weights of the corners."""

    def corners(self, joints: NDArray[np.float64]) -> NDArray[np.float64]:
        """Corners of all triangles, (T, 3, 2), for joints placed so."""
        return _edges(self.control_joint, self.control, self.along, self.tangent, self.station, self.sides, joints)[
            self.triangles
        ]


def _edges(
    control_joint: NDArray[np.intp],
    control: NDArray[np.float64],
    along: NDArray[np.float64],
    tangent: NDArray[np.float64],
    station: NDArray[np.intp],
    sides: NDArray[np.float64],
    joints: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Edge points of tubes, (2 Q, 2)."""
    own = joints[control_joint]
    points = np.einsum("cij,cj->ci", own, control)
    # a puppet that its placement scales has thicker limbs too
    scale = np.sqrt(np.abs(own[:, 0, 0] * own[:, 1, 1] - own[:, 0, 1] * own[:, 1, 0]))
    middle = along @ points
    ahead = tangent @ points
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    ahead *= (along @ scale)[:, None]
    across = np.stack([ahead[:, 1], -ahead[:, 0]], 1)  # left of the way ahead, y down
    base = middle[station] + ahead[station] * sides[:, 2:]
    beside = across[station]
    return np.concatenate([base + beside * sides[:, :1], base - beside * sides[:, 1:2]])


class _Ink:
    """Collects patches in painting order."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.puppets: list[Puppet] = []
        self.first_joint = 0
        self.kinds: list[bool] = []  # of each patch: whether it is a polygon
        self.colours: list[Colour] = []
        self.lower: list[tuple[float, float, float]] = []
        self.slopes: list[tuple[float, float, float]] = []
        self.grains: list[float] = []
        self.lines: list[bool] = []
        self.pieces: list[int] = []
        self.polygons: list[Points] = []
        self.polygon_joint: list[int] = []
        self.control_joint: list[int] = []
        self.control: list[tuple[float, float, float]] = []
        self.along: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = []  # first control, (s, c), (s, c)
        self.stations = 0
        self.station: list[NDArray[np.intp]] = []
        self.sides: list[NDArray[np.float64]] = []
        self.pairs = 0
        self.triangles: list[tuple[int, int, int, int, int, int]] = []  # pair and side (0 left, 1 right) of corners
        self.tubes = 0

    def add(self, puppet: Puppet) -> None:
        """Draws all of a puppet over what is there."""
        for shape in puppet.shapes:
            if isinstance(shape, Merge):
                drawn = [self._outline(puppet, each) for each in shape.shapes]
                for each, tube in zip(shape.shapes, drawn, strict=True):
                    self._fill(puppet, each, tube)
            elif isinstance(shape, Pen):
                self._pen(puppet, shape)
            else:
                self._fill(puppet, shape, self._outline(puppet, shape))
        self.puppets.append(puppet)
        self.first_joint += len(puppet.joints)

    def _pen(self, puppet: Puppet, pen: Pen) -> None:
        colour = self.style.fill(pen.fill, puppet.palette)
        line = self.style.line or 0.6  # a mouth is drawn also where there are no outlines
        if pen.fill == "line" and self.style.line_colour is not None:
            colour = self.style.line_colour
        self._polygon(puppet, pen.joint, pen.contour(line), colour, line=True)

    def _outline(self, puppet: Puppet, shape: Blob | Tube) -> "_Tube | None":
        """Draws a shape's outline, which is a larger shape below its fill; gives a tube's curve."""
        width = shape.line * self.style.line
        colour = self.style.outline(self.style.fill(shape.fill, puppet.palette))
        if isinstance(shape, Blob):
            if width > 0:
                normal = outward(shape.contour)
                swelling = 1 - self.style.swell * (normal @ LIGHT)
                self._polygon(
                    puppet, shape.joint, shape.contour + normal * (width * swelling)[:, None], colour, line=True
                )
            return None
        tube = self._tube(puppet, shape)
        if width > 0:
            lit = self._lit_side(puppet, shape)
            heavy, thin = width * (1 + self.style.swell), width * (1 - self.style.swell)
            left, right = (thin, heavy) if lit > 0 else (heavy, thin)
            self._band(tube, (left, right), width, colour, line=True, grain=0.0)
        return tube

    def _fill(self, puppet: Puppet, shape: Blob | Tube, tube: "_Tube | None") -> None:
        style = self.style
        colour = style.fill(shape.fill, puppet.palette)
        dark = darker(colour, style.shade) if style.shade and shape.shade and style.paper is None else None
        if isinstance(shape, Blob):
            contour = shape.contour
            lower = style.fill(shape.lower, puppet.palette) if shape.lower else None
            if dark is not None:
                self._polygon(puppet, shape.joint, contour, dark, grain=shape.grain)
                low, high = contour.min(0), contour.max(0)
                middle, size = (low + high) / 2, (high - low).min()
                contour = (contour - middle) * 0.9 + middle + LIGHT * 0.055 * size
            self._polygon(puppet, shape.joint, contour, colour, lower=lower, grain=shape.grain)
            return
        assert tube is not None
        if dark is not None:
            self._band(tube, (0.0, 0.0), 0.0, dark, grain=shape.grain)
            narrow = -0.28 * float(np.mean(shape.widths))
            sides = (0.0, narrow) if self._lit_side(puppet, shape) > 0 else (narrow, 0.0)
            self._band(tube, sides, narrow * 0.35, colour, grain=shape.grain)
        else:
            self._band(tube, (0.0, 0.0), 0.0, colour, grain=shape.grain)

    def _lit_side(self, puppet: Puppet, tube: Tube) -> float:
        """Positive when the left side of a tube at rest is the one towards the light."""
        rest = puppet.matrices(Pose(np.eye(3)))
        ends = [rest[puppet.index(j)] @ np.array([x, y, 1.0]) for j, x, y in (tube.through[0], tube.through[-1])]
        ahead = ends[1] - ends[0]
        return float(np.array([ahead[1], -ahead[0]]) @ LIGHT)

    def _polygon(
        self,
        puppet: Puppet,
        joint: str,
        contour: Points,
        colour: Colour,
        *,
        lower: Colour | None = None,
        grain: float = 0.0,
        line: bool = False,
    ) -> None:
        number = self.first_joint + puppet.index(joint)
        self.polygons.append(contour)
        self.polygon_joint.append(number)
        top, bottom = float(contour[:, 1].min()), float(contour[:, 1].max())
        self._patch(True, colour, lower, top, bottom, grain, line, number)

    def _patch(
        self,
        polygon: bool,
        colour: Colour,
        lower: Colour | None,
        top: float,
        bottom: float,
        grain: float,
        line: bool,
        piece: int,
        count: int = 1,
    ) -> None:
        """Adds one patch, or `count` equal ones."""
        if lower is None and not line and self.style.gradient and self.style.paper is None:
            lower = darker(colour, self.style.gradient)
        change = (0.0, 0.0, 0.0)
        if lower is not None:
            change = (float(lower[0] - colour[0]), float(lower[1] - colour[1]), float(lower[2] - colour[2]))
        span = max(bottom - top, 1e-6)
        self.kinds += [polygon] * count
        self.colours += [colour] * count
        self.lower += [change] * count
        self.slopes += [(0.0, 1 / span, -top / span)] * count
        self.grains += [grain * self.style.grain] * count
        self.lines += [line] * count
        self.pieces += [piece] * count

    def _tube(self, puppet: Puppet, shape: Tube) -> "_Tube":
        """Lays stations along a tube's curve."""
        count, per = len(shape.through), 3 if len(shape.through) > 3 else 5
        weights, rows = spline_weights(per), []
        for span in range(count - 1):
            row = np.zeros((per, count + 2))
            row[:, span : span + 4] = weights
            rows.append(row)
        last = np.zeros((1, count + 2))
        last[0, count] = 1
        padded = np.concatenate([*rows, last])  # knots with one more before the first and behind the last
        inner = padded[:, 1:-1]
        inner[:, 0] += 2 * padded[:, 0]
        inner[:, 1] -= padded[:, 0]
        inner[:, -1] += 2 * padded[:, -1]
        inner[:, -2] -= padded[:, -1]
        tangent = np.gradient(inner, axis=0)
        self.along.append((len(self.control), inner, tangent))
        for joint, x, y in shape.through:
            self.control_joint.append(self.first_joint + puppet.index(joint))
            self.control.append((x, y, 1.0))
        tube = _Tube(self.stations, inner @ np.asarray(shape.widths) / 2, shape, self.tubes)
        self.stations += len(inner)
        self.tubes += 1
        return tube

    def _band(
        self,
        tube: "_Tube",
        wider: tuple[float, float],
        longer: float,
        colour: Colour,
        *,
        grain: float,
        line: bool = False,
    ) -> None:
        """Draws the band around a tube, `wider` on its left and right than the tube and `longer` at its ends."""
        left, right = np.maximum(tube.half + wider[0], 0.02), np.maximum(tube.half + wider[1], 0.02 - tube.half * 0.9)
        station = np.arange(len(tube.half)) + tube.first
        ahead = np.zeros(len(tube.half))
        angles = np.radians([30.0, 60.0, 84.0])
        if tube.shape.round_start:
            reach = max(tube.half[0] + longer, 0.02)
            left = np.concatenate([np.cos(angles)[::-1] * left[0], left])
            right = np.concatenate([np.cos(angles)[::-1] * right[0], right])
            ahead = np.concatenate([-np.sin(angles)[::-1] * reach, ahead])
            station = np.concatenate([np.full(3, station[0]), station])
        if tube.shape.round_end:
            reach = max(tube.half[-1] + longer, 0.02)
            left = np.concatenate([left, np.cos(angles) * left[-1]])
            right = np.concatenate([right, np.cos(angles) * right[-1]])
            ahead = np.concatenate([ahead, np.sin(angles) * reach])
            station = np.concatenate([station, np.full(3, station[-1])])
        between = range(self.pairs, self.pairs + len(station) - 1)
        for k in between:
            self.triangles += [(k, 0, k, 1, k + 1, 0), (k, 1, k + 1, 1, k + 1, 0)]
        self._patch(False, colour, None, 0.0, 1.0, grain, line, -1 - tube.number, 2 * len(between))
        self.station.append(station)
        self.sides.append(np.stack([left, right, ahead], 1))
        self.pairs += len(station)

    def drawing(self) -> Drawing:
        """Everything drawn so far."""
        kinds = np.array(self.kinds, bool)
        polygons, tri_patches = np.flatnonzero(kinds), np.flatnonzero(~kinds)
        lengths = np.full(len(kinds), 3)
        lengths[polygons] = [len(each) for each in self.polygons]
        fixed = np.concatenate(self.polygons) if self.polygons else np.zeros((0, 2))
        stops = np.empty(len(kinds), np.intp)
        stops[polygons] = np.cumsum(lengths[polygons])
        stops[tri_patches] = len(fixed) + np.cumsum(lengths[tri_patches])
        rest = np.concatenate([each.matrices(Pose(np.eye(3))) for each in self.puppets])[:, :2]
        slopes = np.array(self.slopes)
        bands = self._all_bands(tri_patches, rest)
        if len(bands.triangles):
            # a gradient runs down each limb as a whole, in the puppet's rest
            corners = bands.corners(rest)
            pieces = np.array(self.pieces)[tri_patches]
            for piece in np.unique(pieces):
                y = corners[pieces == piece][..., 1]
                slopes[tri_patches[pieces == piece], 1] = 1 / max(np.ptp(y), 1e-6)
                slopes[tri_patches[pieces == piece], 2] = -y.min() / max(np.ptp(y), 1e-6)
        pieces = np.array([*self.pieces, -1 - self.tubes], np.intp)
        pieces[pieces < 0] = self.first_joint - 1 - pieces[pieces < 0]
        return Drawing(
            puppets=tuple(self.puppets),
            runs=np.stack([stops - lengths, stops], 1),
            colours=np.array([*self.colours, (0, 0, 0)], np.uint8),
            lower=np.array([*self.lower, (0, 0, 0)], np.float32),
            slopes=np.concatenate([slopes, np.zeros((1, 3))]),
            grains=np.array([*self.grains, 0], np.float32),
            lines=np.array([*self.lines, False], bool),
            pieces=pieces,
            in_order=np.argsort(stops - lengths),
            _fixed=fixed,
            _fixed_joint=np.repeat(np.array(self.polygon_joint, np.intp), lengths[polygons]),
            _patch_joint=np.array(self.polygon_joint, np.intp),
            _polygons=polygons,
            _bands=bands,
        )

    def _all_bands(self, patches: NDArray[np.intp], rest: NDArray[np.float64]) -> _Bands:
        if not self.triangles:
            empty = np.zeros(0, np.intp)
            none = np.zeros((0, 3))
            return _Bands(empty, none, none, none, empty, none, np.zeros((0, 3), np.intp), empty, np.zeros((0, 3, 3)))
        along = np.zeros((self.stations, len(self.control)))
        tangent = np.zeros_like(along)
        row = 0
        for first, inner, slope in self.along:
            along[row : row + len(inner), first : first + inner.shape[1]] = inner
            tangent[row : row + len(inner), first : first + inner.shape[1]] = slope
            row += len(inner)
        corners = np.array(self.triangles, np.intp).reshape(-1, 3, 2)
        triangles = corners[..., 0] + corners[..., 1] * self.pairs
        joint, control = np.array(self.control_joint, np.intp), np.array(self.control)
        station, sides = np.concatenate(self.station), np.concatenate(self.sides)
        at_rest = _edges(joint, control, along, tangent, station, sides, rest)[triangles]  # (T, 3, 2)
        square = np.concatenate([at_rest, np.ones((len(at_rest), 3, 1))], 2).transpose(0, 2, 1)
        return _Bands(joint, control, along, tangent, station, sides, triangles, patches, _inverse(square))


def _inverse(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverts (T, 3, 3); a triangle without area, which shows no pixel, gets an arbitrary answer."""
    flat = np.abs(np.linalg.det(square)) < 1e-9
    safe = np.where(flat[:, None, None], np.eye(3), square)
    inverse: NDArray[np.float64] = np.linalg.inv(safe)
    return inverse


@dataclass(frozen=True)
class _Tube:
    """A tube's curve: its stations, half widths there, and what it was made from."""

    first: int
    half: NDArray[np.float64]
    shape: Tube
    number: int


def draw(puppets: Sequence[Puppet], style: Style) -> Drawing:
    """Draws puppets over each other, the first one farthest, in a style."""
    ink = _Ink(style)
    for puppet in puppets:
        ink.add(puppet)
    return ink.drawing()
