"""Joints, and the shapes that are attached to them: the elements of all drawings.

A puppet is a tree of joints and a list of shapes in drawing order, the farthest first. A shape is fixed to one joint
(Blob, Pen) or runs through several of them (Tube, which bends). Shapes name the role of their colour ("fur"), never a
colour: the colours come from the puppet's palette and the style. Adding a prop or a character means writing one
function that returns a Puppet and putting it into the dictionary of its file (props.PROPS, cast.CAST).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

from .geometry import Matrix, Points, ribbon

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


@dataclass(frozen=True)
class Joint:
    """A place that moves: it turns, grows and shifts relative to its parent."""

    name: str
    parent: str | None = None
    x: float = 0.0
    """Where it sits in its parent's own coordinates."""
    y: float = 0.0
    turn: float = 0.0
    """Degrees it is turned at rest."""


@dataclass(frozen=True)
class Blob:
    """A closed shape with an outline that moves with one joint."""

    joint: str
    contour: Points
    fill: str
    line: float = 1.0
    """Weight of the outline, as a multiple of the style's line; 0 is none."""
    lower: str | None = None
    """Role of the colour at the lower end, for a gradient that is drawn in every style."""
    shade: bool = False
    """Whether the side away from the light is darker, in styles that shade."""
    grain: float = 1.0
    """How much of the style's texture it takes."""


@dataclass(frozen=True)
class Pen:
    """A line that moves with one joint, thick in the middle and thin at both ends."""

    joint: str
    path: Points
    width: float = 1.0
    """Width in the middle, as a multiple of the style's line."""
    fill: str = "line"
    taper: float = 0.8
    """How much of the width the ends lose: 0 is an even line."""

    def contour(self, line: float) -> Points:
        """The line as a closed contour, for a style whose line is `line` units wide."""
        along = np.linspace(-1, 1, len(self.path))
        return ribbon(self.path, self.width * line * (1 - self.taper * along**2))


@dataclass(frozen=True)
class Tube:
    """A limb: a band around a smooth curve through points that belong to joints; it bends as they move."""

    through: Sequence[tuple[str, float, float]]
    """At least two points: joint, x, y."""
    widths: Sequence[float]
    """Whole width at each of the points."""
    fill: str
    line: float = 1.0
    shade: bool = False
    grain: float = 1.0
    round_start: bool = True
    round_end: bool = True


@dataclass(frozen=True)
class Merge:
    """Shapes that flow into each other: all their outlines lie below all their fills."""

    shapes: Sequence[Blob | Tube]


Shape = Blob | Pen | Tube | Merge


@dataclass(frozen=True)
class Pose:
    """The pose of a puppet at a moment. Joints that are not named are at rest."""

    placement: Matrix
    """Where the puppet's root is on the sheet."""
    turns: Mapping[str, float] = field(default_factory=dict)
    """Degrees added to a joint's turn at rest."""
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Growth of a joint along its own x and y; 1 is as drawn."""
    shifts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Units a joint is moved in its parent's coordinates."""
    seen: bool = True
    """False while the puppet is not on stage."""
    over: float = 0.0
    """Height of its lowest sole over the ground, in units."""


@dataclass(frozen=True)
class Puppet:
    """Joints and the shapes on them. The first joint is the root."""

    joints: tuple[Joint, ...]
    shapes: tuple[Shape, ...]
    palette: Mapping[str, Colour]
    height: float
    """How tall it is in units, standing."""
    soles: tuple[tuple[str, float, float], ...] = ()
    """Points, each a joint with x and y, of which the lowest touches the ground."""

    def lowest(self, pose: Pose) -> float:
        """How far down the lowest of its soles is, on the sheet; the placement's own height where it has none."""
        if not self.soles:
            return float(pose.placement[1, 2])
        placed = self.matrices(pose)
        return max(float(placed[self.index(joint), 1] @ (x, y, 1.0)) for joint, x, y in self.soles)

    def index(self, joint: str) -> int:
        """Number of a joint.

        Raises:
            KeyError: the puppet has no such joint.
        """
        return self._numbers[joint]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {joint.name: number for number, joint in enumerate(self.joints)}

    @cached_property
    def _parents(self) -> list[int]:
        """Number of each joint's parent; -1 for the root, which is moved by the pose's placement."""
        return [-1 if joint.parent is None else self._numbers[joint.parent] for joint in self.joints]

    def matrices(self, pose: Pose) -> NDArray[np.float64]:
        """Placement of every joint on the sheet: (joints, 3, 3)."""
        # plain numbers: for so small matrices an array for each would take most of the time
        placed: list[tuple[float, float, float, float, float, float]] = []
        (a, c, x), (b, d, y) = pose.placement[:2].tolist()
        outer = (a, b, c, d, x, y)
        for joint, parent in zip(self.joints, self._parents, strict=True):
            wide, tall = pose.sizes.get(joint.name, (1.0, 1.0))
            dx, dy = pose.shifts.get(joint.name, (0.0, 0.0))
            turn = radians(joint.turn + pose.turns.get(joint.name, 0.0))
            # a joint grown to nothing would lose its motion, which could then not be followed back
            wide, tall = _solid(wide), _solid(tall)
            p, q, r, s = wide * cos(turn), wide * sin(turn), -tall * sin(turn), tall * cos(turn)
            dx, dy = joint.x + dx, joint.y + dy
            a, b, c, d, x, y = outer if parent < 0 else placed[parent]
            placed.append(
                (a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * dx + c * dy + x, b * dx + d * dy + y)
            )
        matrices = np.zeros((len(placed), 3, 3))
        matrices[:, :2] = np.array(placed).reshape(-1, 3, 2).transpose(0, 2, 1)
        matrices[:, 2, 2] = 1
        return matrices


def _solid(size: float) -> float:
    return size if abs(size) > 0.03 else 0.03


def still(shapes: Sequence[Shape], palette: Mapping[str, Colour], height: float = 100.0) -> Puppet:
    """Makes a puppet of one joint, "root": a prop or a piece of background."""
    return Puppet((Joint("root"),), tuple(shapes), palette, height)
