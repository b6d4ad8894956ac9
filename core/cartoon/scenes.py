"""A scene: a place, a camera, and the actors, as functions of time.

Time is in seconds. A scene is not random: all random choices are made when it is composed (composition.py), so it can
be drawn at any moments in any order.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .actions import Acting
from .backgrounds import Place
from .drawing import Drawing, Moment, draw
from .geometry import Matrix, ellipse, place
from .puppets import Blob, Pose, Puppet, still
from .raster import FINE, Cel, colour, cover
from .styles import Style


@dataclass(frozen=True)
class Actor:
    """A puppet on the stage."""

    puppet: Puppet
    pose: Callable[[float], Pose]
    """Its pose at a time, on the stage, before the camera."""
    shadow: bool = False
    """Whether it throws a shadow on the floor."""


@dataclass(frozen=True)
class Scene:
    """All that is needed to draw any moment."""

    style: Style
    place: Place
    actors: tuple[Actor, ...]
    """The farthest first."""
    camera: Callable[[float], tuple[float, float, float]]
    """At a time: x and y of the point of the stage in the middle of the picture, and how many times it is enlarged."""
    length: float = 2.0
    """Seconds."""
    title: str = ""
    """Words over the picture, which do not move with it."""

    @cached_property
    def drawing(self) -> Drawing:
        """The scene's patches."""
        shadows = [_shadow(actor.puppet, self.place) for actor in self.actors if actor.shadow]
        behind, before = ([layer.puppet for layer in layers] for layers in (self.place.behind, self.place.before))
        return draw([*behind, *shadows, *(actor.puppet for actor in self.actors), *before], self.style)

    def at(self, time: float, drawn: float | None = None, framing: Matrix | None = None) -> Moment:
        """The positions of everything at a time.

        Args:
            time: seconds.
            drawn: the time of the characters' drawings, if it differs: animation on twos holds a drawing for two frames
                while the camera moves.
            framing: an additional placement of the whole picture: zoomed, shifted or reflected.
        """
        x, y, enlarged = self.camera(time)
        poses = [actor.pose(time if drawn is None else drawn) for actor in self.actors]
        framed = np.eye(3) if framing is None else framing
        view = framed @ place(-x * enlarged, -y * enlarged, 0, enlarged)
        ground = self.place.ground
        under = [
            Pose(view @ _under(actor.puppet, pose, ground), seen=pose.seen)
            for actor, pose in zip(self.actors, poses, strict=True)
            if actor.shadow
        ]
        return self.drawing.at(
            [
                *(Pose(framed @ parallax(x, y, enlarged, layer.depth)) for layer in self.place.behind),
                *under,
                *(replace(pose, placement=view @ pose.placement) for pose in poses),
                *(Pose(framed @ parallax(x, y, enlarged, layer.depth)) for layer in self.place.before),
            ]
        )

    def cel(
        self,
        time: float,
        width: int,
        height: int,
        fine: int = FINE,
        drawn: float | None = None,
        framing: Matrix | None = None,
    ) -> Cel:
        """Finds the visible patches at a time (`drawn` and `framing` as in `at`)."""
        return cover(self.drawing, self.at(time, drawn, framing), width, height, fine, self.title)

    def colour(self, cel: Cel) -> NDArray[np.uint8]:
        """Colours a cel of this scene: (height, width, 3) RGB."""
        return colour(self.drawing, cel, self.style, self.title)

    def picture(
        self, time: float, width: int, height: int, fine: int = FINE, drawn: float | None = None
    ) -> NDArray[np.uint8]:
        """Draws a moment: (height, width, 3) RGB."""
        return self.colour(self.cel(time, width, height, fine, drawn))


def parallax(x: float, y: float, enlarged: float, depth: float) -> Matrix:
    """Where a layer of a depth is for a camera at (`x`, `y`) that enlarges the stage."""
    grow = 1 + (enlarged - 1) * min(depth, 1.0)
    return place(-x * depth * grow, -y * min(depth, 1.0) * grow, 0, grow)


def stand(puppet: Puppet, acting: Acting, x: float, ground: float, height: float, *, faces: int = 1) -> Pose:
    """Puts a puppet on the ground: its lowest sole touches it, or hovers where the action rises.

    Args:
        puppet: the puppet.
        acting: its pose.
        x: position of its hips.
        ground: position of the ground, downwards.
        height: its height in units of the sheet.
        faces: 1 to the right, -1 to the left.
    """
    grow = height / puppet.height
    loose = Pose(place(x, 0, 0, grow * faces, grow), acting.turns, acting.sizes, acting.shifts)
    down = ground - puppet.lowest(loose) - acting.rise * height
    return replace(loose, placement=place(x, down, 0, grow * faces, grow), over=acting.rise * height)


def _shadow(puppet: Puppet, where: Place) -> Puppet:
    return still([Blob("root", ellipse(0, 0, 1, 0.16, count=28), "shadow", line=0, grain=0)], {"shadow": where.shadow})


def _under(puppet: Puppet, pose: Pose, ground: float) -> Matrix:
    """The placement of a puppet's shadow, which shrinks as the puppet rises."""
    grow = float(np.hypot(pose.placement[0, 1], pose.placement[1, 1]))
    return place(float(pose.placement[0, 2]), ground, 0, 0.3 * puppet.height * grow / (1 + pose.over / 15))
