"""The characters: a cat, a mouse and their neighbours. A new one is one function and one entry in CAST.

All walk on two legs and share one set of joints, so that every action (actions.ACTIONS) is open to all of them. They
face right; a placement with a negative growth turns them round. Each is drawn in its own units and grown to its height.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .geometry import apply, arc, curve, ellipse, loop, mirrored, place, read
from .puppets import Blob, Colour, Joint, Merge, Pen, Puppet, Shape, Tube


@dataclass(frozen=True)
class Build:
    """Proportions of a character, in its own units."""

    torso: float = 14.0
    """From hips to chest."""
    girth: tuple[float, float, float] = (10.5, 11.5, 8.0)
    """Width at hips, belly and chest."""
    neck: tuple[float, float] = (3.0, -11.0)
    """From the chest to the middle of the head."""
    arm: float = 7.5
    """Length of an upper arm, and of a forearm."""
    arm_width: float = 3.4
    leg: float = 8.0
    """Length of a thigh, and of a shin."""
    leg_width: float = 4.6
    hand: float = 1.0
    """Size of the hands."""
    foot: float = 1.0
    """Size of the feet."""
    tail: float = 0.0
    """Length of a tail; 0 is none."""
    tail_widths: tuple[float, ...] = (3.2, 3.0, 2.8, 2.8, 3.0)
    belly: bool = True
    roles: Mapping[str, str] = field(default_factory=dict)
    """Colour roles of hand, foot, arm, leg, tail and tip where they are not fur and paw."""

    @property
    def height(self) -> float:
        """From the soles to the top of a head of 10 units."""
        return 2 * self.leg + 2.5 * self.foot + self.torso - self.neck[1] + 10

    @property
    def stand(self) -> float:
        """How high the hips are over the ground."""
        return 2 * self.leg + 2.4 * self.foot


HAND = loop(
    "-1.7,-0.9 -2.3,1.2 -2.6,3.1 -1.5,3.9 -0.7,2.9 -0.2,4.4 0.9,4.4 1.1,2.9 2,3.7 "
    "3,2.9 2.4,1 3.4,-0.1 3,-1.3 1.7,-0.9 0.2,-1.6",
    3,
)
FOOT = loop("-2.3,-1 -1.2,-2.2 1.4,-2 4.2,-1.3 6.6,0.2 6.9,1.8 5,2.4 1,2.4 -2.2,2.3 -3.1,1", 3)


def skeleton(build: Build) -> list[Joint]:
    """The joints that every character has. Arms and legs hang straight down at rest."""
    joints = [
        Joint("hips"),
        Joint("chest", "hips", 0.0, -build.torso),
        Joint("head", "chest", *build.neck),
    ]
    for side, reach in (("far", 1.6), ("near", -1.6)):
        joints += [
            Joint(f"arm_{side}", "chest", reach, 0.8),
            Joint(f"forearm_{side}", f"arm_{side}", 0.0, build.arm),
            Joint(f"hand_{side}", f"forearm_{side}", 0.0, build.arm),
            Joint(f"leg_{side}", "hips", reach, 0.6),
            Joint(f"shin_{side}", f"leg_{side}", 0.0, build.leg),
            Joint(f"foot_{side}", f"shin_{side}", 0.0, build.leg),
        ]
    for number in range(5):
        parent, x, y = (f"tail{number - 1}", -build.tail / 5, 0.0) if number else ("hips", -build.girth[0] * 0.4, 0.5)
        joints.append(Joint(f"tail{number}", parent, x, y))
    return joints


def figure(
    build: Build, face: list[Joint], head: list[Shape], behind: list[Shape], palette: Mapping[str, Colour]
) -> Puppet:
    """Puts a character together.

    Args:
        build: its proportions.
        face: joints of the face, children of "head".
        head: shapes of the head, in front of the body.
        behind: shapes of the head that the body covers.
        palette: its colours; "fur" and "paw" at least.
    """

    def role(part: str, usual: str) -> str:
        return build.roles.get(part, usual)

    def arm(side: str) -> list[Shape]:
        wide = build.arm_width
        limb = Tube(
            [(f"arm_{side}", 0, 0), (f"forearm_{side}", 0, 0), (f"hand_{side}", 0, 0)],
            [wide, wide * 0.92, wide * 0.8],
            role("arm", "fur"),
            shade=side == "near",
        )
        hand = apply(place(grow=build.hand, grow_y=build.hand), HAND)
        return [limb, Blob(f"hand_{side}", hand, role("hand", "paw"))]

    def leg(side: str) -> Tube:
        wide = build.leg_width
        return Tube(
            [(f"leg_{side}", 0, 0), (f"shin_{side}", 0, 0), (f"foot_{side}", 0, 0.3)],
            [wide, wide * 0.8, wide * 0.66],
            role("leg", "fur"),
            shade=side == "near",
        )

    def foot(side: str) -> list[Shape]:
        grown = place(grow=build.foot)
        toes = [apply(grown, arc(x, 0.3, 0.9, 1.3, -60, 80, 6)) for x in (3.2, 4.9)]
        return [
            Blob(f"foot_{side}", apply(grown, FOOT), role("foot", "paw"), shade=True),
            *(Pen(f"foot_{side}", toe, 0.7) for toe in toes),
        ]

    low, middle, high = build.girth
    trunk = Tube(
        [("hips", 0, 0.6), ("hips", 0.5, -build.torso * 0.45), ("chest", 0, 0.6)],
        [low, middle, high],
        "fur",
        shade=True,
    )
    shapes: list[Shape] = []
    if build.tail:
        run = [("hips", -build.girth[0] * 0.25, 0.5), *((f"tail{n}", 0.0, 0.0) for n in range(5))]
        end = ("tail4", -build.tail / 5, 0.0)
        wide = build.tail_widths
        shapes.append(Tube([*run, end], [wide[0], *wide, wide[-1] * 0.9], role("tail", "fur"), round_start=False))
        if "tip" in build.roles:
            tip = [("tail4", build.tail / 40, 0.0), ("tail4", -build.tail / 10, 0.0), end]
            shapes.append(
                Tube(tip, [wide[-1], wide[-1] * 0.98, wide[-1] * 0.9], build.roles["tip"], line=0, round_start=False)
            )
    shapes += [*arm("far"), leg("far"), *foot("far"), *behind]
    shapes.append(Merge([trunk, leg("near")]))
    if build.belly:
        shapes.append(
            Tube(
                [("hips", low * 0.2, 0.0), ("hips", middle * 0.24, -build.torso * 0.45), ("chest", high * 0.2, 1.6)],
                [low * 0.5, middle * 0.52, high * 0.5],
                "belly",
                line=0,
            )
        )
    shapes += [*foot("near"), *head, *arm("near")]
    soles = tuple((f"foot_{side}", x * build.foot, 2.4 * build.foot) for side in ("near", "far") for x in (-2.2, 5.5))
    return Puppet((*skeleton(build), *face), tuple(shapes), palette, build.height, soles)


def eyes(
    near: tuple[float, float], far: tuple[float, float], rx: float, ry: float, pupil: float
) -> tuple[list[Joint], list[Shape]]:
    """Two upright eyes with pupils that look about and lids that blink (an eye's joint grown to nearly nothing)."""
    joints: list[Joint] = []
    shapes: list[Shape] = []
    for side, (x, y), narrow in (("far", far, 0.86), ("near", near, 1.0)):
        joints += [
            Joint(f"eye_{side}", "head", x, y),
            Joint(f"pupil_{side}", f"eye_{side}", rx * 0.28, ry * 0.12),
            Joint(f"brow_{side}", "head", x, y - ry * 1.25),
        ]
        shapes += [
            Blob(f"eye_{side}", ellipse(0, 0, rx * narrow, ry), "eye", line=0.75),
            Blob(f"pupil_{side}", ellipse(0, 0, pupil * narrow, pupil * 1.5), "pupil", line=0),
            Blob(f"pupil_{side}", ellipse(pupil * 0.25, -pupil * 0.6, pupil * 0.36, count=12), "white", line=0),
        ]
    return joints, shapes


def cat(palette: Mapping[str, Colour] | None = None) -> Puppet:
    """A long-limbed cat with a grin."""
    colours = palette or {
        "fur": (232, 148, 66),
        "paw": (255, 240, 214),
        "belly": (255, 236, 204),
        "stripe": (186, 98, 36),
        "inner": (246, 172, 150),
        "muzzle": (255, 240, 214),
        "nose": (96, 44, 48),
        "eye": (255, 250, 214),
    }
    build = Build(tail=24, roles={"tip": "paw"}, foot=1.15, hand=1.2, arm=10.5, neck=(4.0, -13.0))
    joints, look = eyes((-0.4, -2.6), (6.0, -2.9), 3.1, 4.3, 1.35)
    joints = [
        Joint("ear_far", "head", 5.2, -6.6, 14),
        Joint("ear_near", "head", -5.4, -6.4, -14),
        Joint("jaw", "head", 3.6, 5.6),
        *joints,
    ]
    ear = loop("-4,2.2 -2.9,-3 -0.5,-7.6 0.4,-7.5 3,-3 4.2,2.2 0,3", 4)
    inner = apply(place(0.2, 0.6, 0, 0.58), ear)
    skull = loop(
        "0.5,-8.9 5.6,-8 9.2,-5 10.6,-0.8 11.2,2.4 14,5.4 10.2,6.9 7,8.8 1,9.8 -5.4,8.8 "
        "-8.8,7.2 -13.2,6.6 -10.8,3 -10.2,-1.4 -8.4,-5.4 -4.6,-8.1",
        4,
    )
    grin = loop("-5.6,-2 -2.5,-0.4 1.4,0.4 5.4,-0.6 7.6,-2.2 6.9,1.4 4.2,4.4 0.2,5 -3.6,2.6", 4)
    teeth = read("-4.6,-1.6 -2.5,-0.4 1.4,0.4 5.4,-0.6 7,-1.9 6.6,0 4.6,1 1.2,1.9 -2.8,1")
    tongue = loop("-1.6,3.4 0.6,2 2.6,2.6 4.6,2.2 4.6,3.7 2.4,4.6 0.2,4.5", 3)
    head: list[Shape] = [
        Merge([Blob("head", skull, "fur", shade=True)]),
        *(
            Blob("head", each, "stripe", line=0)
            for each in (
                loop("1.4,-8.9 2.6,-8.7 2.6,-6.9 2.3,-5.6 1.7,-6.9", 3),
                loop("-1.8,-8.6 -0.6,-8.8 -0.2,-7.6 0,-6.7 -1,-7.4", 3),
                loop("4.5,-8.3 5.6,-7.8 5.2,-6.8 4.5,-6.2 4.4,-7.2", 3),
                loop("-10,0.4 -8.2,1 -6.8,1.8 -8.4,1.9 -10.2,1.6", 3),
                loop("-10.6,3.2 -8.6,3.4 -7,3.7 -8.6,4.2 -11,4.2", 3),
            )
        ),
        Blob("jaw", grin, "mouth", line=0.8),
        Blob("jaw", teeth, "white", line=0.35),
        Blob("jaw", tongue, "tongue", line=0),
        Merge(
            [
                Blob("head", ellipse(0.9, 3.5, 4.6, 2.9, -6), "muzzle", line=0.5),
                Blob("head", ellipse(7.5, 3.3, 3.9, 2.8, 8), "muzzle", line=0.5),
            ]
        ),
        *look,
        Blob("head", loop("2.9,0.3 4.8,-0.4 6.8,0.2 6.2,1.7 4.9,2.6 3.6,1.8", 4), "nose", line=0.3),
        Blob("head", ellipse(4.5, 0.6, 0.8, 0.4, count=10), "tongue", line=0),
        Pen("head", curve("4.9,2.6 4.8,4 4,5.2"), 0.8),
        *(
            Pen("head", curve([(x, y), (x + dx / 2, y + dy / 2 - 0.5), (x + dx, y + dy)]), 0.55, taper=0.9)
            for x, y, dx, dy in ((-1.5, 3.6, -12, -1.8), (-1.6, 4.4, -12, 1.2), (9.6, 3.2, 9, -2.4), (9.7, 4.0, 9, 0.6))
        ),
        Pen("brow_near", curve("-3.4,-1.7 -0.6,-0.7 2.4,1.6"), 2.0, taper=0.5),
        Pen("brow_far", curve("-1.5,1.5 0.8,-0.6 2.6,-1.4"), 2.0, taper=0.5),
    ]
    behind: list[Shape] = [
        Blob("ear_far", ear, "fur", shade=True),
        Blob("ear_far", inner, "inner", line=0),
        Blob("ear_near", ear, "fur", shade=True),
        Blob("ear_near", inner, "inner", line=0),
    ]
    return figure(build, joints, [*behind, *head], [], colours)


def mouse(palette: Mapping[str, Colour] | None = None) -> Puppet:
    """A small mouse with ears like saucers."""
    colours = palette or {
        "fur": (158, 140, 140),
        "paw": (242, 198, 182),
        "belly": (236, 226, 216),
        "inner": (240, 176, 172),
        "muzzle": (236, 226, 216),
        "nose": (214, 92, 104),
    }
    build = Build(
        torso=9,
        girth=(10, 10.5, 7),
        neck=(1.5, -9.5),
        arm=4.6,
        arm_width=2.6,
        leg=4.6,
        leg_width=3.6,
        hand=0.85,
        foot=0.95,
        tail=24,
        tail_widths=(1.5, 1.4, 1.2, 1.0, 0.9),
        roles={"tail": "paw"},
    )
    joints, look = eyes((0.2, -2.4), (5.8, -2.6), 2.9, 3.9, 1.5)
    joints = [
        Joint("ear_far", "head", 5.0, -6.6, 20),
        Joint("ear_near", "head", -5.6, -6.0, -24),
        Joint("jaw", "head", 5.6, 5.4),
        *joints,
    ]
    ear, inner = ellipse(0, -5.2, 6.2, 6.6), ellipse(0.3, -4.9, 4.4, 4.8)
    skull = loop(
        "0,-8.4 5.2,-7.6 8.6,-4.4 9.6,-0.6 11.2,1.8 11.8,4.2 9.4,6.8 4.6,8.6 -1.6,8.8 "
        "-6.6,7.2 -9.2,3.6 -9.4,-1 -7.6,-5.2 -4.2,-7.6",
        4,
    )
    mouth = loop("-2.2,-0.6 0.4,0.2 2.6,-0.4 2,1.6 0.4,2.8 -1.4,1.6", 4)
    head: list[Shape] = [
        Blob("ear_far", ear, "fur", shade=True),
        Blob("ear_far", inner, "inner", line=0),
        Blob("head", skull, "fur", shade=True),
        Blob("ear_near", ear, "fur", shade=True),
        Blob("ear_near", inner, "inner", line=0),
        Blob("head", ellipse(6.8, 4.0, 4.9, 3.4, 8), "muzzle", line=0),
        Blob("jaw", mouth, "mouth", line=0.6),
        Blob("jaw", ellipse(0.3, 1.7, 1.0, 0.7, count=10), "tongue", line=0),
        Blob("head", loop("5.3,4.6 7.9,4.6 7.7,6.4 6.6,6.5 5.5,6.3", 3), "white", line=0.35),
        *look,
        Blob("head", ellipse(11.2, 1.6, 1.7, 1.4), "nose", line=0.5),
        Blob("head", ellipse(11.0, 1.2, 0.5, 0.3, count=8), "white", line=0),
        *(
            Pen("head", curve([(7.6, y), (7.6 + dx / 2, y + dy / 2 - 0.4), (7.6 + dx, y + dy)]), 0.5, taper=0.9)
            for y, dx, dy in ((3.6, 8.5, -2.6), (4.2, 8.8, 0.8), (3.8, -8, -1.4), (4.6, -8, 1.4))
        ),
        Blob("head", ellipse(0.2, 4.2, 1.9, 1.3, count=12), "cheek", line=0),
        Pen("brow_near", curve("-2.2,0.4 0,-0.8 2.2,-0.4"), 1.2),
        Pen("brow_far", curve("-1.6,-0.4 0.4,-0.8 2.2,0.5"), 1.2),
    ]
    return figure(build, joints, head, [], colours)


FURS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((226, 190, 140), (250, 234, 204), (176, 120, 78)),
    ((128, 96, 78), (222, 190, 156), (80, 58, 50)),
    ((236, 236, 232), (255, 255, 252), (244, 180, 176)),
    ((96, 104, 122), (206, 210, 220), (60, 64, 80)),
    ((214, 108, 62), (252, 232, 206), (108, 52, 36)),
    ((124, 176, 92), (222, 236, 170), (72, 122, 62)),
    ((110, 158, 206), (220, 236, 248), (62, 100, 150)),
    ((238, 168, 190), (255, 226, 232), (204, 104, 136)),
    ((248, 206, 84), (255, 240, 184), (232, 142, 48)),
    ((170, 130, 190), (226, 206, 236), (112, 78, 138)),
    ((70, 66, 74), (236, 228, 220), (44, 40, 48)),
    ((176, 206, 190), (236, 246, 238), (108, 150, 134)),
)
"""Fur, belly and inner ear."""


def neighbour(rng: np.random.Generator) -> Puppet:
    """An animal that chance puts together: a dog, a rabbit, a bear, a duck, a frog or something between."""
    fur, pale, inner = FURS[rng.integers(len(FURS))]
    accent = FURS[rng.integers(len(FURS))][2]
    palette: dict[str, Colour] = {
        "fur": fur,
        "paw": pale if rng.random() < 0.5 else fur,
        "belly": pale,
        "inner": inner,
        "muzzle": pale,
        "accent": accent,
        "beak": (244, 168, 58),
        "iris": (120, 176, 96),
    }
    slim = float(rng.uniform(0.75, 1.5))
    build = Build(
        torso=float(rng.uniform(8, 16)),
        girth=(9 * slim, 10.5 * slim, 7.5 * (0.5 + 0.5 * slim)),
        neck=(float(rng.uniform(1, 4)), -float(rng.uniform(9.5, 12.5))),
        arm=float(rng.uniform(5, 9)),
        arm_width=float(rng.uniform(2.4, 4.4)),
        leg=float(rng.uniform(4, 9.5)),
        leg_width=float(rng.uniform(3.2, 5.6)),
        hand=float(rng.uniform(0.8, 1.4)),
        foot=float(rng.uniform(0.8, 1.3)),
        tail=float(rng.choice([0, 5, 14, 24])),
        tail_widths=tuple(float(w) for w in rng.uniform(1.4, 5.0, 5)),
        belly=bool(rng.random() < 0.7),
        roles={"leg": "accent", "tail": "fur"}
        if rng.random() < 0.35
        else {"foot": "accent"}
        if rng.random() < 0.4
        else {},
    )
    size = float(rng.uniform(2.2, 3.6))
    joints, look = eyes(
        (-float(rng.uniform(0, 1.6)), -2.4),
        (float(rng.uniform(4.6, 6.4)), -2.6),
        size,
        size * float(rng.uniform(1, 1.5)),
        size * float(rng.uniform(0.32, 0.6)),
    )
    wide, jowl = float(rng.uniform(8.6, 11)), float(rng.uniform(-1, 2.6))
    half = np.array(
        [(0, -8.8), (wide * 0.62, -7.6), (wide, -3.4), (wide + jowl * 0.4, 1), (wide + jowl, 4.6), (wide * 0.62, 8.2)]
    )
    skull = loop(np.concatenate([half, [(0, 9.2)], mirrored(half)[:0:-1]]), 4)
    ears = _ears(str(rng.choice(["round", "pointed", "long", "floppy", "none"])), rng)
    mouth = loop("-3.6,-1 0,0.2 4.2,-1.2 3.4,1.8 0.4,3.6 -2.4,2", 4)
    joints = [
        Joint("ear_far", "head", 5.0, -6.4, 16),
        Joint("ear_near", "head", -5.6, -6.2, -18),
        Joint("jaw", "head", 4.0, 5.6),
        *joints,
    ]
    nose = str(rng.choice(["snout", "button", "beak"]))
    head: list[Shape] = [
        *ears,
        Blob("head", skull, "fur", shade=True),
        Blob("jaw", mouth, "mouth", line=0.7),
        Blob("jaw", loop("-1.6,2.2 0.6,1.2 2.6,1.6 1.6,2.9 0.2,3.2", 3), "tongue", line=0),
    ]
    if nose == "snout":
        long = float(rng.uniform(4.6, 8))
        head += [
            Blob("head", ellipse(4.6 + long * 0.3, 3.2, long, 3.7, 4), "muzzle", line=0.7, shade=True),
            Blob("head", ellipse(4.4 + long * 1.1, 1.4, 2.4, 1.8), "nose", line=0.3),
            Blob("head", ellipse(4.0 + long * 1.1, 0.8, 0.7, 0.4, count=8), "white", line=0),
        ]
    elif nose == "beak":
        head += [
            Blob("jaw", loop("-2.4,-2 4,-1.6 8.4,-0.8 4.2,2.4 -1.4,2", 4), "beak", line=0.8),
            Blob("head", loop("1,2.6 4.4,0.8 9,2 13,4.4 8,5.8 3,5.8", 4), "beak", line=0.8),
            Blob("head", ellipse(6.6, 2.6, 0.6, 0.4, count=8), "black", line=0),
        ]
    else:
        head += [
            Blob("head", ellipse(3.8, 3.4, 4.8, 3.2), "muzzle", line=0),
            Blob("head", ellipse(4.4, 1.4, 2.0, 1.4), "nose", line=0.3),
            Pen("head", curve("0.6,4.6 2.4,5.6 4.4,4.6 6.2,5.6 7.8,4.4"), 0.9),
        ]
    head += [
        *look,
        Pen("brow_near", curve("-2.4,0.3 0,-0.8 2.4,0"), float(rng.uniform(1, 2.4)), taper=0.5),
        Pen("brow_far", curve("-2,0 0,-0.8 2.2,0.3"), float(rng.uniform(1, 2.4)), taper=0.5),
    ]
    hat = rng.random()
    if hat < 0.2:
        head += [
            Blob("head", ellipse(0.4, -7.6, 9.6, 2.2, -3), "accent", line=0.9),
            Blob("head", loop("-5.6,-8 -5.2,-15 5.4,-15.4 6.2,-8.2 0.2,-6.6", 3), "accent", line=0.9, shade=True),
            Pen("head", curve("-5.5,-9.6 0.2,-8.2 6,-9.8"), 2.4, "muzzle", taper=0),
        ]
    elif hat < 0.4:
        tuft = loop("-3,-8 -3.8,-12.4 -1,-10.2 0.8,-13.6 2,-10.2 5,-11.6 4,-7.8 0.4,-7", 3)
        head.append(Blob("head", tuft, "accent", line=0.8))
    drawn = figure(build, joints, head, [], palette)
    if rng.random() < 0.4:  # a jumper
        high = build.girth[2]
        scarf = Tube(
            [("chest", -high * 0.34, -0.8), ("chest", 0.4, 0.6), ("chest", high * 0.4, -0.6)], [2.8, 3.4, 2.8], "accent"
        )
        cut = next(n for n, shape in enumerate(drawn.shapes) if isinstance(shape, Merge))
        drawn = replace(drawn, shapes=(*drawn.shapes[: cut + 1], scarf, *drawn.shapes[cut + 1 :]))
    return drawn


def _ears(kind: str, rng: np.random.Generator) -> list[Shape]:
    size = float(rng.uniform(0.8, 1.3))
    outlines = {
        "round": ellipse(0, -2.4, 4.2, 4.4),
        "pointed": loop("-3.8,2.4 -2.6,-3.4 -0.2,-8 0.4,-7.8 2.8,-3.2 4,2.4 0,3.2", 4),
        "long": loop("-2.4,3 -3.2,-5 -2.6,-13 0.2,-17 2.8,-13 3,-5 2.6,3", 4),
        "floppy": loop("-2,-1 -6,1.4 -7.8,8 -5.6,11.6 -2.8,9.4 -0.4,4.4 2.4,1.6 1.6,-1.4", 4),
    }
    if kind not in outlines:
        return []
    contour = outlines[kind] * size
    middle = contour.mean(0)
    inner = (contour - middle) * 0.55 + middle
    return [
        shape
        for side in ("far", "near")
        for shape in (Blob(f"ear_{side}", contour, "fur", shade=True), Blob(f"ear_{side}", inner, "inner", line=0))
    ]


CAST: Mapping[str, Callable[[np.random.Generator], Puppet]] = {
    "cat": lambda rng: cat(),
    "mouse": lambda rng: mouse(),
    "neighbour": neighbour,
}
