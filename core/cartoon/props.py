"""Things: balls, cheese, balloons, birds, fish, snakes, … A new one is one function and one entry in PROPS.

A prop is about 20 units tall around its own origin. Chance gives it colours and proportions; a prop with joints moves
by itself, through `MOVES`, which names for each joint how it swings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi, sin

import numpy as np

from .geometry import Points, apply, arc, box, curve, ellipse, loop, mirrored, place
from .puppets import Blob, Colour, Joint, Pen, Pose, Puppet, Shape, Tube, still

Random = np.random.Generator

BRIGHT: tuple[Colour, ...] = (
    (226, 70, 66),
    (246, 176, 52),
    (252, 220, 84),
    (110, 182, 92),
    (72, 158, 200),
    (92, 104, 190),
    (196, 92, 170),
    (244, 150, 160),
    (240, 240, 232),
    (140, 98, 70),
    (60, 66, 82),
    (112, 206, 190),
)


@dataclass(frozen=True)
class Swing:
    """How a joint moves to and fro."""

    degrees: float = 0.0
    grow: tuple[float, float] = (0.0, 0.0)
    """By how much its width and height change."""
    late: float = 0.0
    """Parts of a cycle behind."""


@dataclass(frozen=True)
class Prop:
    """A thing and how its joints move."""

    puppet: Puppet
    moves: Mapping[str, Swing]

    def pose(self, placement: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", phase: float) -> Pose:
        """How it is at a phase of its own movement."""
        swing = {name: sin(2 * pi * (phase - move.late)) for name, move in self.moves.items()}
        turns = {name: move.degrees * swing[name] for name, move in self.moves.items()}
        sizes = {
            name: (1 + move.grow[0] * swing[name], 1 + move.grow[1] * swing[name]) for name, move in self.moves.items()
        }
        return Pose(placement, turns, sizes)


def palette(rng: Random) -> dict[str, Colour]:
    """Three different colours: "first", "second" and, for small things, "third"."""
    first, second, third = rng.choice(len(BRIGHT), 3, replace=False)
    return {"first": BRIGHT[first], "second": BRIGHT[second], "third": BRIGHT[third]}


def _thing(shapes: list[Shape], rng: Random, **more: Colour) -> Prop:
    return Prop(still(shapes, {**palette(rng), **more}, 20), {})


def ball(rng: Random) -> Prop:
    """A striped or starred ball."""
    shapes: list[Shape] = [Blob("root", ellipse(0, 0, 10, count=36), "first", shade=True)]
    if rng.random() < 0.5:
        shapes += [
            Blob("root", loop("-9.6,-2 -4,0.8 4,0.8 9.6,-2 9.6,2.6 4,5.4 -4,5.4 -9.6,2.6", 4), "second", line=0.5)
        ]
    else:
        shapes.append(Blob("root", _star(0, 0, 6, 5), "second", line=0.6))
    shapes.append(Blob("root", ellipse(-4.4, -5.6, 1.9, 1.1, -30, 12), "white", line=0))
    return _thing(shapes, rng)


def _star(x: float, y: float, size: float, points: int, inner: float = 0.45) -> Points:
    angle = np.arange(2 * points) * (np.pi / points) - np.pi / 2
    radius = np.where(np.arange(2 * points) % 2, inner, 1.0) * size
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def star(rng: Random) -> Prop:
    """A star, with a face now and then."""
    shapes: list[Shape] = [Blob("root", _star(0, 0, 11, int(rng.integers(5, 8)), 0.52), "first", shade=True)]
    if rng.random() < 0.6:
        shapes += [
            *(Blob("root", ellipse(x, -1.2, 1.2, 1.9, count=12), "pupil", line=0) for x in (-2.6, 2.6)),
            Pen("root", arc(0, 1.6, 2.6, 2.2, 10, 170), 1.2),
        ]
    return _thing(shapes, rng)


def cheese(rng: Random) -> Prop:
    """A wedge with holes."""
    del rng
    wedge = np.array([(-11.0, 0.0), (9.0, -6.5), (11.0, -1.0), (11.0, 8.0), (-11.0, 8.0)])
    shapes: list[Shape] = [
        Blob("root", wedge, "cheese", shade=True),
        Blob("root", np.array([(-11.0, 0.0), (9.0, -6.5), (11.0, -1.0)]), "rind", line=0.6),
        *(
            Blob("root", ellipse(x, y, r, r * 0.85, count=14), "hole", line=0.4)
            for x, y, r in ((-5, 4.2, 1.8), (1.4, 2.6, 1.3), (6.6, 4.6, 2.2), (0.4, 6.6, 0.9))
        ),
    ]
    return Prop(still(shapes, {"cheese": (250, 206, 74), "rind": (255, 228, 130), "hole": (214, 156, 40)}, 15), {})


def balloon(rng: Random) -> Prop:
    """A balloon on a string that sways."""
    joints = (
        Joint("root"),
        Joint("string1", "root", 0, 9),
        Joint("string2", "string1", 0, 8),
        Joint("string3", "string2", 0, 8),
    )
    skin = loop("0,-12 6.6,-9.6 8.6,-3.4 6,3.4 1.2,8 -1.2,8 -6,3.4 -8.6,-3.4 -6.6,-9.6", 4)
    shapes: list[Shape] = [
        Tube([(j.name, 0, 0) for j in joints[1:]] + [("string3", 0, 7)], [0.5] * 4, "third", line=0.3),
        Blob("root", np.array([(0.0, 7.2), (2.2, 10.2), (-2.2, 10.2)]), "first"),
        Blob("root", skin, "first", shade=True),
        Blob("root", ellipse(-3.6, -6.4, 1.5, 2.6, 24, 14), "white", line=0),
    ]
    moves = {f"string{n}": Swing(18, late=0.15 * n) for n in (1, 2, 3)}
    return Prop(Puppet(joints, tuple(shapes), palette(rng), 30), moves)


def bird(rng: Random) -> Prop:
    """A bird that flaps."""
    joints = (
        Joint("root"),
        Joint("wing_far", "root", 1, -2),
        Joint("wing_near", "root", -0.5, -2),
        Joint("tail", "root", -7, 0),
    )
    wing = loop("-3.4,0.6 -5.2,-6 -7.4,-12.6 -3.2,-10.8 0.4,-11.4 2.8,-6 3.2,0.4", 4)
    shapes: list[Shape] = [
        Blob("wing_far", wing, "second"),
        Blob("tail", loop("0.6,-1.8 -4,-3.6 -8,-2.6 -6.6,-0.4 -8,1.8 -4,2 0.6,1.6", 3), "second"),
        Blob("root", loop("-8,0 -4,-4.2 2.4,-5 5.6,-8.4 9.6,-6.8 10.2,-3 7,2.4 1,5 -5,3.4", 4), "first", shade=True),
        Blob("root", loop("9.8,-5.8 14.4,-3.6 9.9,-2.6", 3), "beak", line=0.8),
        Blob("root", ellipse(7.0, -5.2, 1.9, 2.3), "eye", line=0.6),
        Blob("root", ellipse(7.6, -5.0, 0.8, 1.2, count=12), "pupil", line=0),
        Blob("wing_near", wing, "second", shade=True),
    ]
    moves = {"wing_near": Swing(62, (0.0, 0.2)), "wing_far": Swing(48, (0.0, 0.2), 0.04), "tail": Swing(12, late=0.3)}
    return Prop(Puppet(joints, tuple(shapes), {**palette(rng), "beak": (246, 160, 50)}, 20), moves)


def butterfly(rng: Random) -> Prop:
    """A butterfly: its wings close and open."""
    joints = (Joint("root"), Joint("left", "root", -0.5, 0), Joint("right", "root", 0.5, 0))
    upper = loop("0,0 2.6,-7 8.6,-10 12,-6.4 9.6,-1 3.6,1", 4)
    under = loop("0,0.6 4.4,1 8.6,3.8 7.2,8 3.4,7.8 0.8,4", 4)
    shapes: list[Shape] = []
    for side, turn in (("left", mirrored), ("right", lambda points: points)):
        shapes += [
            Blob(side, turn(under), "second"),
            Blob(side, turn(upper), "first"),
            Blob(side, turn(ellipse(7.6, -5.4, 2.2)), "third", line=0.4),
            Blob(side, turn(ellipse(4.8, 4.6, 1.3, count=14)), "third", line=0.4),
        ]
    shapes += [
        Blob("root", ellipse(0, 0, 1.2, 6.4), "black", line=0.4),
        *(Pen("root", curve([(0, -6), (s * 1.6, -9), (s * 3.4, -10.4)]), 0.8) for s in (-1, 1)),
    ]
    moves = {side: Swing(8, (-0.42, 0.0)) for side in ("left", "right")}
    return Prop(Puppet(joints, tuple(shapes), palette(rng), 20), moves)


def fish(rng: Random) -> Prop:
    """A fish whose body waves."""
    joints = (
        Joint("head"),
        Joint("middle", "head", -7, 0),
        Joint("back", "middle", -6, 0),
        Joint("tail", "back", -5, 0),
    )
    fin = loop("1,0 -4,-6 -6.4,-5.6 -4.4,0 -6.4,5.6 -4,6", 4)
    shapes: list[Shape] = [
        Blob("tail", fin, "second"),
        Blob("middle", loop("3,-4.4 0,-9.2 -4.6,-8 -5,-3.6", 4), "second"),
        Tube(
            [("head", 6, 0), ("head", 0, 0), ("middle", 0, 0), ("back", 0, 0), ("tail", 1, 0)],
            [5, 10.4, 11, 7, 2.4],
            "first",
            shade=True,
        ),
        *(Pen(joint, arc(0, 0, 2.4, 3.4, -60, 60), 0.7) for joint in ("middle", "back")),
        Blob("head", ellipse(3.2, -1.6, 2.3, 2.5), "eye", line=0.6),
        Blob("head", ellipse(3.9, -1.4, 1.0, 1.3, count=12), "pupil", line=0),
        Pen("head", curve([(8.2, 1.4), (6.4, 2.6), (4.6, 2.4)]), 1.0),
    ]
    moves = {"middle": Swing(12, late=0.1), "back": Swing(18, late=0.25), "tail": Swing(26, late=0.4)}
    return Prop(Puppet(joints, tuple(shapes), palette(rng), 18), moves)


def snake(rng: Random) -> Prop:
    """A snake, or a worm: one long bending tube."""
    count, step = int(rng.integers(5, 9)), float(rng.uniform(5, 8))
    joints = [Joint("head"), *(Joint(f"j{n}", f"j{n - 1}" if n else "head", -step, 0) for n in range(count))]
    fat = float(rng.uniform(2.6, 6))
    names = [joint.name for joint in joints]
    widths = [fat * 1.2, *(fat * (1 - 0.6 * n / count) for n in range(count))]
    shapes: list[Shape] = [
        Tube([(name, 0, 0) for name in names], widths, "first", shade=True),
        *(Blob(name, ellipse(0, 0, fat * 0.26, fat * 0.32, count=12), "second", line=0) for name in names[1:-1]),
        Blob("head", ellipse(0.6, 0, fat, fat * 0.8), "first", line=0.9),
        *(Blob("head", ellipse(fat * 0.4, y * fat, fat * 0.3, fat * 0.34), "eye", line=0.5) for y in (-0.55, 0.1)),
        *(
            Blob("head", ellipse(fat * 0.5, y * fat, fat * 0.13, fat * 0.2, count=10), "pupil", line=0)
            for y in (-0.55, 0.1)
        ),
        Pen("head", curve([(fat, 0.3 * fat), (fat * 1.5, 0.4 * fat), (fat * 1.9, 0.2 * fat)]), 0.9, "tongue"),
    ]
    moves = {f"j{n}": Swing(float(rng.uniform(22, 36)), late=0.16 * n) for n in range(count)}
    return Prop(Puppet(tuple(joints), tuple(shapes), palette(rng), 3 * fat + 6), moves)


def octopus(rng: Random) -> Prop:
    """An octopus with arms that ripple."""
    joints, shapes, moves = [Joint("root")], list[Shape](), dict[str, Swing]()
    for n, x in enumerate((-5.5, -2.0, 2.0, 5.5)):
        names = [f"arm{n}{k}" for k in range(3)]
        joints += [
            Joint(names[0], "root", x, 3, -4 * x),
            Joint(names[1], names[0], 0, 5.4),
            Joint(names[2], names[1], 0, 5),
        ]
        moves.update({name: Swing(24, late=0.17 * k + 0.21 * n) for k, name in enumerate(names)})
        shapes.append(Tube([*((name, 0.0, 0.0) for name in names), (names[2], 0, 4.4)], [3.8, 3.2, 2.4, 1.2], "first"))
    shapes += [
        Blob("root", loop("0,-12 6.6,-10 9,-4 7.6,2 6.6,5 0,6 -6.6,5 -7.6,2 -9,-4 -6.6,-10", 3), "first", shade=True),
        *(Blob("root", ellipse(x, -2.6, 2.1, 2.9), "eye", line=0.7) for x in (-2.8, 2.8)),
        *(Blob("root", ellipse(x + 0.4, -2.2, 0.9, 1.4, count=12), "pupil", line=0) for x in (-2.8, 2.8)),
        Pen("root", arc(0, 1.4, 2.4, 1.8, 15, 165), 1.1),
    ]
    return Prop(Puppet(tuple(joints), tuple(shapes), palette(rng), 28), moves)


def ghost(rng: Random) -> Prop:
    """A ghost that stretches and shrinks."""
    sheet = loop("0,-12 7,-9 9,-1 9.4,10 6.4,7.6 3.2,10.6 0,8 -3.2,10.6 -6.4,7.6 -9.4,10 -9,-1 -7,-9", 4)
    shapes: list[Shape] = [
        Blob("root", sheet, "white" if rng.random() < 0.5 else "first", shade=True),
        *(Blob("root", ellipse(x, -3.4, 1.6, 2.6), "pupil", line=0) for x in (-2.6, 3.0)),
        Blob("mouth", ellipse(0, 0, 2.0, 2.6), "mouth", line=0),
    ]
    joints = (Joint("root"), Joint("mouth", "root", 0.2, 3.0))
    return Prop(
        Puppet(joints, tuple(shapes), palette(rng), 24),
        {"root": Swing(5, (0.08, -0.1)), "mouth": Swing(0, (0.1, 0.4), 0.2)},
    )


def car(rng: Random) -> Prop:
    """A small car with wheels that shake."""
    joints = (Joint("root"), Joint("wheel_back", "root", -9.5, 6), Joint("wheel_front", "root", 9.5, 6))
    body = loop(
        "-17,2 -15.6,-2.4 -9,-3.6 -6,-9 4.6,-9.4 8.6,-3.4 15.6,-1.8 17.4,3 16,5.6 0,6 -16,5.6",
        4,
    )
    shapes: list[Shape] = [
        Blob("root", body, "first", shade=True),
        Blob("root", loop("-6.4,-3.6 -4.4,-7.4 -1,-7.8 -1,-3.4", 3), "glass", line=0.7),
        Blob("root", loop("0.6,-3.4 0.6,-7.8 3.8,-7.6 6.4,-3.4", 3), "glass", line=0.7),
        Blob("root", ellipse(15.4, 0.8, 1.5), "third", line=0.7),
        Blob("root", box(-15.6, 2.4, 16.4, 3.6), "second", line=0.4),
        *(
            Blob(wheel, each, fill, line=line)
            for wheel in ("wheel_back", "wheel_front")
            for each, fill, line in (
                (ellipse(0, 0, 4.2), "black", 0.8),
                (ellipse(0, 0, 2.1), "second", 0.5),
                (box(-0.5, -3.4, 0.5, 3.4), "white", 0.0),
            )
        ),
    ]
    moves = {"root": Swing(1.5, (0.01, 0.03)), "wheel_back": Swing(80), "wheel_front": Swing(80, late=0.1)}
    return Prop(Puppet(joints, tuple(shapes), {**palette(rng), "glass": (190, 226, 240)}, 20), moves)


def rocket(rng: Random) -> Prop:
    """A rocket with a flame that flickers."""
    joints = (Joint("root"), Joint("flame", "root", 0, 9))
    shapes: list[Shape] = [
        Blob("flame", loop("-3,0 -3.4,5 0,12 3.4,5 3,0", 4), "fire", line=0.7),
        Blob("flame", loop("-1.4,0 -1.6,3 0,7 1.6,3 1.4,0", 4), "spark", line=0),
        *(Blob("root", np.array([(s * 3.4, 1.0), (s * 8.6, 10.0), (s * 3.4, 8.0)]), "second") for s in (-1, 1)),
        Blob("root", loop("0,-15 4,-9 5,-1 4,9 0,9.6 -4,9 -5,-1 -4,-9", 4), "first", shade=True),
        Blob("root", ellipse(0, -4, 2.6), "glass", line=0.9),
        Blob("root", ellipse(-0.8, -4.8, 0.8, 0.6, count=10), "white", line=0),
    ]
    more: dict[str, Colour] = {"fire": (250, 150, 50), "spark": (255, 232, 130), "glass": (160, 214, 240)}
    return Prop(Puppet(joints, tuple(shapes), {**palette(rng), **more}, 26), {"flame": Swing(6, (0.15, 0.35))})


def flower(rng: Random) -> Prop:
    """A flower on a stalk that bends."""
    joints = (Joint("root"), Joint("stalk", "root", 0, -9), Joint("bloom", "stalk", 0, -9))
    petals = int(rng.integers(5, 9))
    shapes: list[Shape] = [
        Tube(
            [("root", 0, 10), ("root", 0, 0), ("stalk", 0, 0), ("bloom", 0, 0)], [1.8, 1.6, 1.5, 1.3], "green", line=0.8
        ),
        Blob("stalk", loop([(0, 0), (4, -4), (9, -4.4), (6, 0.4)], 4), "green", line=0.8),
        *(
            Blob("bloom", apply(place(0, 0, turn), ellipse(0, -5, 2.4, 4.2, count=16)), "first", line=0.8)
            for turn in np.arange(petals) * 360 / petals
        ),
        Blob("bloom", ellipse(0, 0, 3), "second", line=0.8),
    ]
    moves = {"root": Swing(6), "stalk": Swing(14, late=0.1), "bloom": Swing(18, late=0.2)}
    return Prop(Puppet(joints, tuple(shapes), {**palette(rng), "green": (96, 160, 82)}, 34), moves)


def crate(rng: Random) -> Prop:
    """A wooden crate."""
    shapes: list[Shape] = [
        Blob("root", box(-9, -9, 9, 9), "wood"),
        Blob("root", box(-7, -7, 7, 7), "dark", line=0.5),
        Blob(
            "root",
            np.array([(-7.0, 5.2), (5.2, -7.0), (7.0, -7.0), (7.0, -5.2), (-5.2, 7.0), (-7.0, 7.0)]),
            "wood",
            line=0.7,
        ),
        *(Blob("root", ellipse(x, y, 0.6, count=8), "black", line=0) for x in (-8, 8) for y in (-8, 8)),
    ]
    return _thing(shapes, rng, wood=(206, 150, 92), dark=(160, 108, 62))


def cup(rng: Random) -> Prop:
    """A steaming cup."""
    joints = (
        Joint("root"),
        Joint("steam1", "root", 0, -9),
        Joint("steam2", "steam1", 0, -5),
        Joint("steam3", "steam2", 0, -5),
    )
    handle = np.concatenate([arc(7.4, 1, 4.6, 4.4, -85, 85, 10), arc(7.4, 1, 2.6, 2.4, 85, -85, 10)])
    shapes: list[Shape] = [
        Tube(
            [("steam1", 0, 0), ("steam2", 0, 0), ("steam3", 0, 0), ("steam3", 0, -4)],
            [1.0, 1.8, 1.6, 0.5],
            "white",
            line=0.4,
        ),
        Blob("root", handle, "first"),
        Blob("root", np.array([(-8.0, -7.0), (8.0, -7.0), (6.4, 9.0), (-6.4, 9.0)]), "first", shade=True),
        Blob("root", ellipse(0, -7, 8, 2), "third", line=0.8),
        Blob("root", box(-7.2, -1.0, 7.2, 2.0), "second", line=0.5),
    ]
    moves = {f"steam{n}": Swing(26, late=0.2 * n) for n in (1, 2, 3)}
    return Prop(Puppet(joints, tuple(shapes), palette(rng), 24), moves)


def umbrella(rng: Random) -> Prop:
    """An open umbrella."""
    shapes: list[Shape] = [
        Pen("root", curve("0,-12 0,0 0,10 2,12.6 4.2,10.6"), 2.0, taper=0),
        Blob(
            "root",
            np.concatenate(
                [arc(0, 0, 14, 12, 180, 360, 20), loop("9.4,-1.6 4.7,0.4 0,-1.6 -4.7,0.4 -9.4,-1.6", 2)[:8]]
            ),
            "first",
        ),
        Blob("root", np.concatenate([arc(0, 0, 5, 12, 180, 360, 14), [(0.0, -1.6)]]), "second", line=0.6),
    ]
    return _thing(shapes, rng)


def bone(rng: Random) -> Prop:
    """A bone."""
    outline = loop("-7,-1.6 -9,-4.4 -12,-3 -11,0 -12,3 -9,4.4 -7,1.6 7,1.6 9,4.4 12,3 11,0 12,-3 9,-4.4 7,-1.6", 4)
    return _thing([Blob("root", outline, "white", shade=True)], rng)


def smiley(rng: Random) -> Prop:
    """A round face whose mouth opens and whose eyes blink."""
    joints = (Joint("root"), Joint("eyes", "root", 0, -2.6), Joint("mouth", "root", 0, 3.4))
    shapes: list[Shape] = [
        Blob("root", ellipse(0, 0, 11, count=36), "skin", lower="warm", shade=True),
        *(Blob("eyes", ellipse(x, 0, 1.5, 2.2), "pupil", line=0) for x in (-3.8, 3.8)),
        Blob(
            "mouth", np.concatenate([[(-5.6, -1.0), (5.6, -1.0)], arc(0, -1, 5.6, 5.2, 8, 172, 14)]), "mouth", line=0.5
        ),
        Blob("mouth", box(-4.4, -1.0, 4.4, 0.4), "white", line=0),
    ]
    skin = BRIGHT[rng.integers(len(BRIGHT))] if rng.random() < 0.4 else (253, 208, 70)
    warm = (max(skin[0] - 20, 0), max(skin[1] - 60, 0), max(skin[2] - 20, 0))
    moves = {"root": Swing(8), "eyes": Swing(0, (0.0, 0.5), 0.3), "mouth": Swing(0, (0.15, 0.5))}
    return Prop(Puppet(joints, tuple(shapes), {"skin": skin, "warm": warm}, 22), moves)


def heart(rng: Random) -> Prop:
    """A heart that beats."""
    outline = loop("0,-5 3.4,-9.6 8.4,-9.6 11,-5 9.4,1 4.6,6.4 0,11 -4.6,6.4 -9.4,1 -11,-5 -8.4,-9.6 -3.4,-9.6", 4)
    shine = Blob("root", ellipse(-5.4, -5.6, 1.7, 2.4, 40, 14), "white", line=0)
    beat = Swing(grow=(0.14, 0.14))
    return Prop(still([Blob("root", outline, "first", shade=True), shine], palette(rng), 21), {"root": beat})


def plank(rng: Random) -> Prop:
    """A post, a beam or a pole that gets in the way."""
    wide, tall = float(rng.uniform(2.5, 7)), float(rng.uniform(18, 34))
    shapes: list[Shape] = [Blob("root", box(-wide, -tall, wide, tall), "first", shade=True)]
    for y in np.arange(-tall + 5, tall, 11):
        shapes.append(Pen("root", curve([(-wide * 0.6, y), (0, y + 2), (wide * 0.5, y + 0.6)]), 0.8))
    return _thing(shapes, rng)


PROPS: Mapping[str, Callable[[Random], Prop]] = {
    "ball": ball,
    "star": star,
    "cheese": cheese,
    "balloon": balloon,
    "bird": bird,
    "butterfly": butterfly,
    "fish": fish,
    "snake": snake,
    "octopus": octopus,
    "ghost": ghost,
    "car": car,
    "rocket": rocket,
    "flower": flower,
    "crate": crate,
    "cup": cup,
    "umbrella": umbrella,
    "bone": bone,
    "smiley": smiley,
    "heart": heart,
    "plank": plank,
}
