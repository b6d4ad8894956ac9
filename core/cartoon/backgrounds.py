"""Places with something to see. A new one is one function and one entry in BACKGROUNDS.

A place is made of layers, the farthest first; a layer's depth says how far it goes along with the camera: 1 moves with
the stage, 0 hangs still like the moon, more than 1 is nearer than the stage. Places are wide enough for the camera to
travel 120 units to either side.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin

import numpy as np

from .geometry import Points, apply, arc, box, curve, ellipse, loop, place, ribbon, steps
from .puppets import Blob, Colour, Pen, Puppet, Shape, still

Random = np.random.Generator
WIDE = 230.0
"""Units from the middle to either end of a place."""


@dataclass(frozen=True)
class Layer:
    """A piece of background that moves as a whole."""

    puppet: Puppet
    depth: float


@dataclass(frozen=True)
class Place:
    """Where a scene plays."""

    behind: tuple[Layer, ...]
    before: tuple[Layer, ...] = ()
    """What stands between the characters and the camera."""
    ground: float = 32.0
    """Height of the floor under the characters' feet, in units from the sheet's middle down."""
    shadow: Colour = (120, 96, 84)
    """Colour of shadows on the floor."""


def colours(rng: Random, hue: float, *, chroma: float = 0.35, light: float = 0.75) -> Colour:
    """A colour near a hue (in turns), of about this chroma and lightness."""
    hue += float(rng.normal(0, 0.02))
    chroma *= float(rng.uniform(0.75, 1.25))
    light = min(max(light + float(rng.normal(0, 0.04)), 0.02), 0.98)
    reach = chroma * min(light, 1 - light) * 2
    channels = [light + reach * 0.5 * cos(2 * pi * (hue - third)) for third in (0.0, 1 / 3, 2 / 3)]
    red, green, blue = (round(min(max(c, 0.0), 1.0) * 255) for c in channels)
    return red, green, blue


def room(rng: Random) -> Place:
    """A papered room with a window, pictures, a skirting board and a mouse hole."""
    hue = float(rng.choice([0.42, 0.1, 0.55, 0.95, 0.3]))
    ink: dict[str, Colour] = {
        "wall": colours(rng, hue, chroma=0.3, light=0.8),
        "stripe": colours(rng, hue, chroma=0.34, light=0.74),
        "dado": colours(rng, 0.08, chroma=0.45, light=0.5),
        "board": (240, 228, 206),
        "hole": (44, 30, 34),
        "floor": (206, 150, 98),
        "floor2": (192, 134, 84),
        "seam": (140, 90, 56),
        "frame": (196, 142, 60),
        "art": (238, 226, 196),
        "glass": (150, 208, 238),
        "glass2": (214, 238, 248),
        "hill": (120, 184, 104),
        "curtain": colours(rng, 0.98, chroma=0.75, light=0.58),
        "cloth": (214, 84, 78),
        "cloth2": (246, 216, 168),
        "wood": (150, 92, 54),
        "lamp": (250, 222, 130),
        "leaf": (84, 150, 84),
        "pot": (202, 106, 70),
        "sun": (255, 214, 90),
        "fish": (96, 150, 196),
    }
    top, floor = -100.0, 18.0
    shapes: list[Shape] = [Blob("root", box(-WIDE, top, WIDE, floor), "wall", line=0)]
    kind = rng.integers(3)
    for x in steps(-WIDE, WIDE, 14):
        if kind == 0:
            shapes.append(Blob("root", box(x, top, x + 6, floor), "stripe", line=0))
        elif kind == 1:
            for row, y in enumerate(steps(-79, floor - 6, 15)):
                shapes.append(Blob("root", _flower(x + 7 * (row % 2), y, 2.0), "stripe", line=0))
        else:
            for row, y in enumerate(steps(-76, floor - 6, 12)):
                diamond = ellipse(x + 7 * (row % 2), y, 2.2, 3.4, count=4)
                shapes.append(Blob("root", diamond, "stripe", line=0))
    furniture = [_window, _picture, _shelf, _lamp, _clock, _picture, _plant]
    x = -WIDE + float(rng.uniform(10, 40))
    order = rng.permutation(len(furniture))
    step = 0
    while x < WIDE - 20:
        shapes += furniture[order[step % len(order)]](rng, x)
        x += float(rng.uniform(34, 50))
        step += 1
    shapes += [
        Blob("root", box(-WIDE, floor - 9, WIDE, floor), "board", line=0.7),
        Pen("root", np.array([(-WIDE, floor - 7.0), (WIDE, floor - 7.0)]), 0.5, taper=0),
    ]
    for _ in range(3):
        shapes += _hole(float(rng.uniform(-110, 110)), floor)
    shapes.append(Blob("root", box(-WIDE, floor, WIDE, 80), "floor", line=0.8, lower="floor2"))
    for y, wide in ((22.0, 26), (28.5, 34), (38.0, 46), (52.0, 60)):
        shapes.append(Pen("root", np.array([(-WIDE, y), (WIDE, y)]), 0.6, "seam", taper=0))
        for x in steps(-WIDE + (y * 7) % wide, WIDE, wide):
            shapes.append(Pen("root", np.array([(x, y), (x * 1.03, y + wide / 5.5)]), 0.6, "seam", taper=0.2))
    x = float(rng.uniform(-30, 30))
    shapes += [
        Blob("root", ellipse(x, 36, 62, 10, count=40), "cloth", line=0.8),
        Blob("root", ellipse(x, 35.6, 54, 8, count=40), "cloth2", line=0.4),
        Blob("root", ellipse(x, 35.4, 46, 6.4, count=40), "cloth", line=0.3),
    ]
    return Place((Layer(still(shapes, ink), 1.0),), ground=33.0, shadow=(150, 70, 62))


def _flower(x: float, y: float, size: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    radius = size * (1 + 0.35 * np.cos(5 * angle))
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def _window(rng: Random, x: float) -> list[Shape]:
    sway = float(rng.uniform(-2, 2))
    left = loop([(x - 15, -45), (x - 5, -45), (x - 7, -25), (x - 12, -10 + sway), (x - 17, -6), (x - 16, -26)], 4)
    right = np.array([(2 * x, 0.0)]) + left * np.array([-1.0, 1.0])
    return [
        Blob("root", box(x - 13, -43, x + 13, -11), "board", line=0.8),
        Blob("root", box(x - 11, -41, x + 11, -13), "glass", line=0.5, lower="glass2"),
        Blob("root", ellipse(x + 4, -34, 3.6), "sun", line=0),
        Blob(
            "root",
            loop(
                [
                    (x - 10.8, -20),
                    (x - 3, -25),
                    (x + 5, -21),
                    (x + 10.8, -23),
                    (x + 10.8, -13.2),
                    (x, -13.2),
                    (x - 10.8, -13.2),
                ],
                4,
            ),
            "hill",
            line=0.3,
        ),
        Blob("root", box(x - 0.6, -41, x + 0.6, -13), "board", line=0.4),
        Blob("root", box(x - 11, -28, x + 11, -27), "board", line=0.4),
        Blob("root", box(x - 15, -12, x + 15, -9.4), "board", line=0.8),
        Blob("root", left, "curtain", line=0.8, shade=True),
        Blob("root", right, "curtain", line=0.8, shade=True),
        *(
            Pen("root", curve([(x + side * 12, -44), (x + side * 11, -28), (x + side * 14, -11)]), 0.6)
            for side in (-1, 1)
        ),
        Pen("root", np.array([(x - 19, -45.5), (x + 19, -45.5)]), 2.2, "wood", taper=0),
    ]


def _picture(rng: Random, x: float) -> list[Shape]:
    turn, y = float(rng.normal(0, 4)), float(rng.uniform(-34, -24))
    wide, tall = float(rng.uniform(7, 11)), float(rng.uniform(7, 10))
    at = place(x, y, turn)
    shapes: list[Shape] = [
        Pen("root", apply(at, np.array([(-wide * 0.6, -tall), (0.0, -tall - 5), (wide * 0.6, -tall)])), 0.5, taper=0),
        Blob("root", apply(at, box(-wide, -tall, wide, tall)), "frame", line=0.9),
        Blob("root", apply(at, box(-wide + 1.8, -tall + 1.8, wide - 1.8, tall - 1.8)), "art", line=0.5),
    ]
    if rng.random() < 0.5:  # an ancestor, in profile
        shapes += [
            Blob("root", apply(at, ellipse(0, 0.5, 3.4, 4.2)), "lamp", line=0.6),
            Blob("root", apply(at, ellipse(-2.8, -3.2, 1.6)), "lamp", line=0.5),
            Blob("root", apply(at, ellipse(2.8, -3.2, 1.6)), "lamp", line=0.5),
            Blob("root", apply(at, ellipse(-1.1, 0, 0.5, 0.8, count=8)), "black", line=0),
            Blob("root", apply(at, ellipse(1.2, 0, 0.5, 0.8, count=8)), "black", line=0),
        ]
    else:
        fish = loop("-5,0 -2,-2.4 2,-1.6 3.4,-0.4 5.4,-2.2 5.2,2.2 3.4,0.5 1.6,1.9 -2,2.2", 3)
        shapes += [
            Blob("root", apply(at, fish), "fish", line=0.6),
            Blob("root", apply(at, ellipse(-2.8, -0.5, 0.5, count=8)), "black", line=0),
        ]
    return shapes


def _shelf(rng: Random, x: float) -> list[Shape]:
    shapes: list[Shape] = [Blob("root", box(x - 13, -14, x + 13, -11.6), "wood", line=0.8)]
    roles = ("cloth", "fish", "leaf", "sun", "pot", "curtain", "cloth2")
    at = x - 12.0
    while at < x + 9:
        wide, tall = float(rng.uniform(2, 3.6)), float(rng.uniform(7, 11))
        lean = place(at, -14, float(rng.choice([0, 0, 0, 7])))
        shapes.append(Blob("root", apply(lean, box(0, -tall, wide, 0)), str(rng.choice(roles)), line=0.7))
        shapes.append(Pen("root", apply(lean, np.array([(0.4, -tall + 2), (wide - 0.4, -tall + 2)])), 0.6, taper=0))
        at += wide + 0.5
    return shapes


def _lamp(rng: Random, x: float) -> list[Shape]:
    tall = float(rng.uniform(34, 44))
    return [
        Blob("root", ellipse(x, 19, 6, 1.8), "wood", line=0.8),
        Blob("root", box(x - 0.8, 18 - tall, x + 0.8, 19), "wood", line=0.8),
        Blob(
            "root",
            np.array([(x - 5, 6 - tall - 8), (x + 5, 6 - tall - 8), (x + 9.5, 21 - tall), (x - 9.5, 21 - tall)]),
            "lamp",
            line=0.9,
            lower="cloth2",
        ),
    ]


def _clock(rng: Random, x: float) -> list[Shape]:
    hour = float(rng.uniform(0, 2 * pi))
    y = -32.0
    hands = [
        np.array([(x, y), (x + length * sin(at), y - length * cos(at))])
        for length, at in ((4.0, hour), (5.4, 5 * hour))
    ]
    ticks = [
        np.array([(x + 6 * sin(a), y - 6 * cos(a)), (x + 7 * sin(a), y - 7 * cos(a))]) for a in steps(0, 2 * pi, pi / 6)
    ]
    return [
        Blob("root", ellipse(x, y, 9), "wood", line=0.9),
        Blob("root", ellipse(x, y, 7.4), "art", line=0.5),
        *(Pen("root", tick, 0.7, taper=0) for tick in ticks),
        *(Pen("root", hand, 1.1, taper=0.3) for hand in hands),
    ]


def _plant(rng: Random, x: float) -> list[Shape]:
    shapes: list[Shape] = []
    for turn in (-62, -34, 30, 58, -8, 12):
        tall = float(rng.uniform(20, 30))
        leaf = loop(
            [(0, 0), (-2.6, -tall * 0.4), (-1.6, -tall * 0.8), (0.6, -tall), (2.2, -tall * 0.7), (2.4, -tall * 0.3)], 4
        )
        shapes.append(Blob("root", apply(place(x, 6, turn), leaf), "leaf", line=0.8, shade=True))
    pot = np.array([(x - 6, 4.0), (x + 6, 4.0), (x + 4.4, 19), (x - 4.4, 19)])
    return [
        *shapes,
        Blob("root", pot, "pot", line=0.9, shade=True),
        Blob("root", box(x - 7, 2, x + 7, 5.4), "pot", line=0.9),
    ]


def _hole(x: float, floor: float) -> list[Shape]:
    door = np.concatenate([arc(x, floor - 5.0, 4.4, 5.6, 180, 360, 14), [(x + 4.4, floor), (x - 4.4, floor)]])
    return [Blob("root", door, "hole", line=0.9)]


def _cloud(rng: Random, x: float, y: float, size: float) -> Blob:
    lobes = int(rng.integers(4, 7))
    top = [
        (
            x + size * (-1 + 2 * n / lobes),
            y - size * float(rng.uniform(0.25, 0.55)) * sin(pi * (n + 0.6) / (lobes + 0.6)),
        )
        for n in range(lobes + 1)
    ]
    return Blob(
        "root", loop([*top, (x + size * 0.9, y + size * 0.12), (x - size * 0.9, y + size * 0.12)], 4), "cloud", line=0.5
    )


def _hills(rng: Random, base: float, high: float, step: float, role: str, lower: str) -> Blob:
    x = np.arange(-WIDE - step, WIDE + 2 * step, step)
    y = base - rng.uniform(0.1, 1.0, len(x)) * high
    crest = curve(np.stack([x, y], 1), 4)
    return Blob(
        "root", np.concatenate([crest, [(WIDE + step, 90.0), (-WIDE - step, 90.0)]]), role, line=0.6, lower=lower
    )


def _tree(rng: Random, x: float, y: float, tall: float) -> list[Shape]:
    trunk = loop(
        [
            (x - 0.1 * tall, y),
            (x - 0.055 * tall, y - 0.3 * tall),
            (x - 0.07 * tall, y - 0.6 * tall),
            (x + 0.07 * tall, y - 0.6 * tall),
            (x + 0.05 * tall, y - 0.3 * tall),
            (x + 0.1 * tall, y),
        ],
        3,
    )
    shapes: list[Shape] = [Blob("root", trunk, "trunk", shade=True)]
    if rng.random() < 0.3:  # a fir
        for k in range(3):
            low, wide = y - tall * (0.22 + 0.22 * k), tall * (0.34 - 0.07 * k)
            shapes.append(
                Blob("root", np.array([(x - wide, low), (x, low - tall * 0.42), (x + wide, low)]), "leaf", shade=True)
            )
        return shapes
    for dx, dy, r in ((-0.2, -0.62, 0.2), (0.2, -0.6, 0.21), (0.0, -0.84, 0.27)):
        angle = np.arange(9) * (2 * np.pi / 9)
        radius = tall * r * rng.uniform(0.86, 1.14, 9)
        crown = np.stack([x + dx * tall + radius * np.cos(angle), y + dy * tall + radius * np.sin(angle)], 1)
        shapes.append(Blob("root", loop(crown, 3), "leaf", shade=True))
    return shapes


def _tuft(rng: Random, x: float, y: float, size: float, role: str) -> Blob:
    lean = float(rng.uniform(-0.3, 0.3)) * size
    blades = [
        (x - size, y),
        (x - size * 0.9 + lean, y - size * 1.5),
        (x - size * 0.3, y - size * 0.4),
        (x + lean, y - size * 2.1),
        (x + size * 0.3, y - size * 0.4),
        (x + size * 0.9 + lean, y - size * 1.4),
        (x + size, y),
    ]
    return Blob("root", np.array(blades), role, line=0.6)


def _far_line(ink: Mapping[str, Colour], shapes: list[Shape], depth: float) -> Layer:
    return Layer(still(shapes, ink), depth)


def meadow(rng: Random) -> Place:
    """Hills, trees, a fence and flowers under clouds."""
    dusk = rng.random() < 0.25
    ink: dict[str, Colour] = {
        "sky": (250, 170, 130) if dusk else (120, 190, 236),
        "low": (255, 226, 170) if dusk else (218, 240, 250),
        "cloud": (255, 246, 236),
        "sun": (255, 224, 110),
        "far": colours(rng, 0.42, chroma=0.3, light=0.64),
        "far2": (176, 206, 176),
        "near": colours(rng, 0.33, chroma=0.5, light=0.5),
        "near2": (136, 190, 96),
        "grass": colours(rng, 0.28, chroma=0.55, light=0.48),
        "grass2": (98, 156, 70),
        "blade": (74, 134, 62),
        "leaf": colours(rng, 0.34, chroma=0.5, light=0.4),
        "trunk": (132, 90, 60),
        "post": (238, 226, 204),
        "petal": colours(rng, float(rng.uniform()), chroma=0.8, light=0.66),
        "path": (226, 200, 146),
    }
    sky: list[Shape] = [Blob("root", box(-300, -90, 300, 60), "sky", line=0, lower="low", grain=1.4)]
    sky.append(Blob("root", ellipse(float(rng.uniform(-60, 60)), -34, 8), "sun", line=0.5))
    clouds: list[Shape] = [
        _cloud(rng, x + float(rng.uniform(-10, 10)), float(rng.uniform(-44, -22)), float(rng.uniform(9, 18)))
        for x in range(-200, 201, 50)
    ]
    middle: list[Shape] = [_hills(rng, 12, 26, 34, "near", "near2")]
    for x in steps(-150, 151, 44):
        middle += _tree(rng, x + float(rng.uniform(-16, 16)), 14, float(rng.uniform(16, 30)))
    front: list[Shape] = [Blob("root", box(-WIDE, 14, WIDE, 90), "grass", line=0.7, lower="grass2")]
    if rng.random() < 0.6:
        for x in steps(-WIDE, WIDE, 11):
            front.append(
                Blob("root", np.array([(x, 2.0), (x + 2, -1.0), (x + 4, 2.0), (x + 4, 17), (x, 17)]), "post", line=0.7)
            )
        front.append(Blob("root", box(-WIDE, 5, WIDE, 8), "post", line=0.6))
    front.append(
        Blob(
            "root",
            loop(
                [
                    (-WIDE, 27),
                    (-90, 25),
                    (0, 28),
                    (90, 25),
                    (WIDE, 27),
                    (WIDE, 40),
                    (90, 38),
                    (0, 41),
                    (-90, 38),
                    (-WIDE, 40),
                ],
                3,
            ),
            "path",
            line=0.4,
        )
    )
    for _ in range(22):
        x, y = float(rng.uniform(-150, 150)), float(rng.choice([rng.uniform(18, 24), rng.uniform(43, 49)]))
        if rng.random() < 0.6:
            front.append(_tuft(rng, x, y, float(rng.uniform(1.4, 2.6)), "blade"))
        else:
            front += [
                Blob("root", _flower(x, y, 1.8), "petal", line=0.5),
                Blob("root", ellipse(x, y, 0.7, count=8), "sun", line=0),
            ]
    layers = (
        _far_line(ink, sky, 0.0),
        _far_line(ink, clouds, 0.12),
        _far_line(ink, [_hills(rng, 8, 30, 46, "far", "far2")], 0.3),
        _far_line(ink, middle, 0.6),
        _far_line(ink, front, 1.0),
    )
    before: tuple[Layer, ...] = ()
    if rng.random() < 0.5:
        bush = {"bush": colours(rng, 0.33, chroma=0.5, light=0.3)}
        before = (
            Layer(
                still(
                    [_tuft(rng, float(x), 54, float(rng.uniform(5, 9)), "bush") for x in rng.uniform(-160, 160, 9)],
                    bush,
                ),
                1.5,
            ),
        )
    return Place(layers, before, ground=34.0, shadow=(150, 128, 84))


def street(rng: Random) -> Place:
    """Houses with lit windows, lamps and a pavement, by day or by night."""
    night = rng.random() < 0.45
    ink: dict[str, Colour] = {
        "sky": (34, 40, 84) if night else (150, 206, 236),
        "low": (98, 86, 140) if night else (236, 240, 230),
        "moon": (250, 240, 200),
        "far": (58, 56, 104) if night else (164, 184, 206),
        "pane": (252, 214, 110) if night else (196, 226, 240),
        "pane2": (70, 70, 110) if night else (150, 190, 214),
        "door": (120, 60, 52),
        "roof": (150, 72, 62),
        "pavement": (120, 116, 140) if night else (206, 202, 196),
        "kerb": (156, 152, 168) if night else (232, 228, 220),
        "road": (66, 64, 84) if night else (128, 128, 136),
        "mark": (220, 214, 190),
        "iron": (44, 46, 58),
        "glow": (255, 232, 150),
        "trim": (236, 226, 210),
    }
    for n in range(5):
        ink[f"house{n}"] = colours(rng, float(rng.uniform()), chroma=0.45, light=0.36 if night else 0.68)
    sky: list[Shape] = [
        Blob("root", box(-300, -90, 300, 60), "sky", line=0, lower="low", grain=1.4),
        Blob("root", ellipse(float(rng.uniform(-60, 60)), -34, 6.5), "moon", line=0),
    ]
    if night:
        sky += [
            Blob("root", ellipse(x, y, 0.5, count=8), "moon", line=0)
            for x, y in zip(rng.uniform(-110, 110, 34), rng.uniform(-50, -12, 34), strict=True)
        ]
    x, line = -WIDE, [(-WIDE, 90.0)]
    while x < WIDE:
        wide, top = float(rng.uniform(9, 20)), float(rng.uniform(-26, 0))
        line += [(x, top), (x + wide, top)]
        x += wide
    skyline: list[Shape] = [Blob("root", np.array([*line, (x, 90.0)]), "far", line=0.5)]
    houses: list[Shape] = []
    x = -WIDE + float(rng.uniform(0, 30))
    number = 0
    while x < WIDE:
        wide, top = float(rng.uniform(26, 44)), float(rng.uniform(-46, -22))
        houses.append(Blob("root", box(x, top, x + wide, 18), f"house{rng.integers(5)}", line=0.8))
        if rng.random() < 0.5:
            houses.append(
                Blob("root", np.array([(x - 2, top), (x + wide / 2, top - 13), (x + wide + 2, top)]), "roof", line=0.8)
            )
        else:
            houses.append(Blob("root", box(x - 1, top - 3, x + wide + 1, top), "trim", line=0.7))
        for row in range(int((2 - top) // 16) + 1):
            for column in range(2):
                left, high = x + wide * (0.16 + 0.4 * column), top + 5 + 15 * row
                if high + 9 < 4:
                    houses += [
                        Blob(
                            "root",
                            box(left, high, left + wide * 0.26, high + 9),
                            "pane" if rng.random() < 0.6 else "pane2",
                            line=0.7,
                        ),
                        Pen("root", np.array([(left, high + 4.5), (left + wide * 0.26, high + 4.5)]), 0.6, taper=0),
                    ]
        door = x + wide * float(rng.uniform(0.2, 0.55))
        houses += [
            Blob("root", box(door, 2, door + 8, 18), "door", line=0.7),
            Blob("root", ellipse(door + 6.4, 10.4, 0.7, count=8), "glow", line=0),
        ]
        x += wide + float(rng.choice([0, 0, 6]))
        number += 1
    houses += [
        Blob("root", box(-WIDE, 18, WIDE, 90), "pavement", line=0.7),
        Blob("root", box(-WIDE, 38, WIDE, 41), "kerb", line=0.6),
        Blob("root", box(-WIDE, 41, WIDE, 90), "road", line=0.6),
    ]
    houses += [
        Pen("root", np.array([(each, 18.4), (each * 1.05, 37.8)]), 0.5, taper=0.1) for each in steps(-WIDE, WIDE, 22)
    ]
    houses += [Blob("root", box(each, 45, each + 14, 47), "mark", line=0) for each in steps(-WIDE, WIDE, 34)]
    lamps: list[Shape] = []
    aside = float(rng.uniform(-20, 20))
    for each in steps(-150 + aside, 151 + aside, 75):
        lamps += [
            Blob("root", box(each - 0.8, -30, each + 0.8, 20), "iron", line=0.6),
            Blob("root", ellipse(each, -33, 3.4), "glow", line=0.8),
            Blob("root", box(each - 2.4, 17, each + 2.4, 20), "iron", line=0.6),
        ]
    shade: Colour = (76, 72, 96) if night else (150, 144, 142)
    return Place(
        (
            _far_line(ink, sky, 0.0),
            _far_line(ink, skyline, 0.35),
            _far_line(ink, houses, 1.0),
            _far_line(ink, lamps, 1.0),
        ),
        ground=33.0,
        shadow=shade,
    )


def sea(rng: Random) -> Place:
    """A beach, or the bottom of the sea."""
    under = rng.random() < 0.5
    ink: dict[str, Colour] = {
        "sky": (40, 130, 190) if under else (130, 204, 242),
        "low": (24, 76, 140) if under else (230, 246, 250),
        "sea": (60, 140, 200),
        "sea2": (92, 184, 210),
        "foam": (240, 250, 250),
        "sand": (240, 216, 158),
        "sand2": (222, 188, 126),
        "cloud": (250, 252, 255),
        "rock": (110, 112, 132),
        "weed": (60, 150, 110),
        "coral": colours(rng, 0.97, chroma=0.7, light=0.62),
        "bubble": (150, 210, 236),
        "shell": (250, 190, 170),
        "trunk": (160, 116, 76),
        "leaf": (80, 164, 90),
    }
    back: list[Shape] = [Blob("root", box(-300, -90, 300, 70), "sky", line=0, lower="low", grain=1.4)]
    middle: list[Shape] = []
    front: list[Shape] = [_hills(rng, 25, 6, 40, "sand", "sand2")]
    if under:
        middle.append(_hills(rng, 20, 30, 40, "rock", "low"))
        for _ in range(14):
            x, r = float(rng.uniform(-140, 140)), float(rng.uniform(0.8, 2.4))
            y = float(rng.uniform(-46, 10))
            middle += [
                Blob("root", ellipse(x, y, r), "bubble", line=0.5),
                Blob("root", ellipse(x - r * 0.3, y - r * 0.3, r * 0.3, count=8), "foam", line=0),
            ]
        for _ in range(12):
            x, tall = float(rng.uniform(-150, 150)), float(rng.uniform(12, 30))
            if rng.random() < 0.6:
                stem = curve([(x, 27), (x + 3, 27 - tall * 0.3), (x - 3, 27 - tall * 0.65), (x + 2, 27 - tall)], 5)
                front.append(Blob("root", ribbon(stem, np.linspace(4, 0.8, len(stem))), "weed", line=0.7))
            else:
                for turn in (-40, -10, 22, 48):
                    arm = apply(
                        place(x, 27, turn),
                        loop([(-1.4, 0), (-1.8, -tall * 0.4), (0, -tall * 0.55), (1.8, -tall * 0.4), (1.4, 0)], 3),
                    )
                    front.append(Blob("root", arm, "coral", line=0.7))
    else:
        back += [
            _cloud(rng, float(x), float(rng.uniform(-40, -22)), float(rng.uniform(8, 15))) for x in range(-150, 151, 60)
        ]
        middle.append(Blob("root", box(-300, -4, 300, 60), "sea", line=0.5, lower="sea2"))
        for _ in range(30):
            x, y = float(rng.uniform(-150, 150)), float(rng.uniform(-2, 18))
            middle.append(Pen("root", curve([(x, y), (x + 3, y - 1), (x + 6, y), (x + 9, y - 0.8)]), 0.8, "foam"))
        for x in (-110.0, float(rng.uniform(-40, 40)), 120.0):
            trunk = curve([(x, 28), (x + 3, 8), (x + 9, -14)], 5)
            front.append(Blob("root", ribbon(trunk, np.linspace(4.4, 2.6, len(trunk))), "trunk", line=0.8))
            for turn in (-150, -110, -60, -20, 20, -190):
                leaf = loop("0,-1 9,-4 20,1 11,0 0,1.4", 3)
                front.append(Blob("root", apply(place(x + 9, -15, turn / 2 + 30), leaf), "leaf", line=0.7))
    for _ in range(12):
        x, y = float(rng.uniform(-150, 150)), float(rng.uniform(30, 48))
        front.append(
            Blob(
                "root",
                ellipse(x, y, float(rng.uniform(0.8, 3)), 0.9, count=12),
                str(rng.choice(["shell", "sand2", "rock"])),
                line=0.5,
            )
        )
    return Place(
        (_far_line(ink, back, 0.0), _far_line(ink, middle, 0.5), _far_line(ink, front, 1.0)),
        ground=33.0,
        shadow=(196, 166, 112),
    )


def forest(rng: Random) -> Place:
    """Trunks behind trunks, ferns and mushrooms."""
    hue = float(rng.choice([0.38, 0.45, 0.12]))
    ink: dict[str, Colour] = {
        "sky": colours(rng, hue, chroma=0.3, light=0.8),
        "low": colours(rng, hue, chroma=0.25, light=0.88),
        "far": colours(rng, hue, chroma=0.22, light=0.66),
        "middle": colours(rng, hue, chroma=0.28, light=0.48),
        "trunk": (108, 78, 62),
        "knot": (78, 54, 46),
        "leaf": colours(rng, hue, chroma=0.5, light=0.38),
        "floor": colours(rng, hue, chroma=0.4, light=0.42),
        "floor2": colours(rng, hue, chroma=0.4, light=0.3),
        "fern": colours(rng, hue, chroma=0.6, light=0.36),
        "cap": (214, 70, 60),
        "stem": (244, 232, 214),
    }

    def trunks(role: str, count: int, wide: float) -> list[Shape]:
        shapes: list[Shape] = []
        for x in np.linspace(-170, 170, count) + rng.uniform(-12, 12, count):
            w = wide * float(rng.uniform(0.7, 1.3))
            outline = [
                (x - w * 0.5, -80),
                (x - w * 0.45, -10),
                (x - w * 0.9, 24),
                (x + w * 0.9, 24),
                (x + w * 0.45, -10),
                (x + w * 0.5, -80),
            ]
            shapes.append(Blob("root", np.array(outline, np.float64), role, line=0.7))
        return shapes

    near = trunks("trunk", 7, 13)
    for x in rng.uniform(-160, 160, 12):
        y = float(rng.uniform(-40, 5))
        near.append(Pen("root", curve([(x, y), (x + 1.2, y + 4), (x + 0.4, y + 9)]), 0.7))
    canopy: list[Shape] = []
    for x in steps(-190, 191, 26):
        angle = np.arange(9) * (2 * np.pi / 9)
        radius = 19 * rng.uniform(0.8, 1.2, 9)
        crown = np.stack([x + radius * np.cos(angle), -48 + 0.7 * radius * np.sin(angle)], 1)
        canopy.append(Blob("root", loop(crown, 3), "leaf", shade=True))
    floor: list[Shape] = [_hills(rng, 23, 5, 30, "floor", "floor2")]
    for _ in range(20):
        x, y = float(rng.uniform(-160, 160)), float(rng.choice([rng.uniform(23, 28), rng.uniform(42, 48)]))
        if rng.random() < 0.6:
            floor.append(_tuft(rng, x, y, float(rng.uniform(2, 4)), "fern"))
        else:
            floor += [
                Blob("root", box(x - 0.9, y - 4, x + 0.9, y), "stem", line=0.6),
                Blob("root", np.concatenate([arc(x, y - 4, 3.2, 3.2, 180, 360, 10)]), "cap", line=0.7),
                Blob("root", ellipse(x - 0.8, y - 5.4, 0.6, count=8), "stem", line=0),
            ]
    return Place(
        (
            _far_line(ink, [Blob("root", box(-300, -90, 300, 60), "sky", line=0, lower="low", grain=1.4)], 0.0),
            _far_line(ink, trunks("far", 15, 6), 0.3),
            _far_line(ink, trunks("middle", 10, 9), 0.6),
            _far_line(ink, [*near, *canopy, *floor], 1.0),
        ),
        ground=34.0,
        shadow=ink["floor2"],
    )


def kitchen(rng: Random) -> Place:
    """Tiles, cupboards, a stove with a pot, and a chequered floor."""
    hue = float(rng.uniform())
    ink: dict[str, Colour] = {
        "tile": (238, 236, 226),
        "tile2": colours(rng, hue, chroma=0.3, light=0.8),
        "door": colours(rng, hue + 0.5, chroma=0.4, light=0.62),
        "top": (176, 128, 90),
        "knob": (240, 214, 140),
        "floor": (244, 236, 220),
        "floor2": colours(rng, hue, chroma=0.45, light=0.5),
        "stove": (224, 226, 230),
        "dark": (58, 60, 70),
        "pot": (206, 84, 70),
        "steel": (190, 198, 208),
        "base": (90, 70, 64),
    }
    shapes: list[Shape] = [Blob("root", box(-WIDE, -100, WIDE, 30), "tile", line=0)]
    for x in steps(-WIDE, WIDE, 9):
        shapes.append(Pen("root", np.array([(x, -100.0), (x, -4.0)]), 0.35, "tile2", taper=0))
    for y in steps(-94, -4, 9):
        shapes.append(Pen("root", np.array([(-WIDE, y), (WIDE, y)]), 0.35, "tile2", taper=0))
    shapes += [
        Blob("root", box(x, y, x + 9, y + 9), "tile2", line=0)
        for x, y in zip(-WIDE + 9 * rng.integers(8, 42, 26), -76 + 9 * rng.integers(2, 8, 26), strict=True)
    ]
    shapes += [
        Blob("root", box(-WIDE, -6, WIDE, -2), "top", line=0.8),
        Blob("root", box(-WIDE, -2, WIDE, 20), "door", line=0.7),
    ]
    for number, x in enumerate(steps(-WIDE, WIDE, 26)):
        if number % 4 == 2:
            shapes += [
                Blob("root", box(x, -6, x + 26, 19), "stove", line=0.8),
                Blob("root", box(x + 4, 3, x + 22, 15), "dark", line=0.7),
                Pen("root", np.array([(x + 4, 0.6), (x + 22, 0.6)]), 1.2, taper=0),
            ]
            shapes += [Blob("root", ellipse(x + at, -3.4, 1.3), "dark", line=0) for at in (5, 10, 16, 21)]
            shapes += [
                Blob("root", box(x + 6, -16, x + 20, -6), "pot", line=0.9),
                Blob("root", ellipse(x + 13, -16, 7.6, 1.7), "pot", line=0.9),
                Blob("root", ellipse(x + 13, -18.2, 1.4), "dark", line=0.5),
            ]
        else:
            shapes += [
                Blob("root", box(x + 2, 1, x + 24, 17), "door", line=0.7),
                Blob("root", ellipse(x + (21 if number % 2 else 5), 8, 1.2), "knob", line=0.6),
            ]
            if rng.random() < 0.5:
                at = x + float(rng.uniform(4, 14))
                shapes += [
                    Pen("root", np.array([(at, -40.0), (at, -28.0)]), 1.4, "dark", taper=0),
                    Blob("root", ellipse(at, -23, 6), "steel", line=0.9),
                    Blob("root", ellipse(at, -23, 4.4), "dark", line=0.3),
                ]
    shapes += [
        Blob("root", box(-WIDE, 20, WIDE, 23), "base", line=0.6),
        Blob("root", box(-WIDE, 23, WIDE, 90), "floor", line=0.6),
    ]
    rows = (23.0, 28.0, 35.0, 45.0, 60.0, 90.0)
    for row, (top, bottom) in enumerate(pairwise(rows)):
        for k in range(-14, 14):
            if (k + row) % 2 == 0:
                high, low = 0.45 + (top - 23) / 50, 0.45 + (bottom - 23) / 50
                shapes.append(
                    Blob(
                        "root",
                        np.array(
                            [
                                (k * 22 * high, top),
                                ((k + 1) * 22 * high, top),
                                ((k + 1) * 22 * low, bottom),
                                (k * 22 * low, bottom),
                            ]
                        ),
                        "floor2",
                        line=0,
                    )
                )
    return Place((_far_line(ink, shapes, 1.0),), ground=36.0, shadow=(140, 124, 116))


def plain(rng: Random) -> Place:
    """One colour, a gradient, spots, rays or stripes: what stands behind stickers and title cards."""
    hue = float(rng.uniform())
    light = float(rng.uniform(0.3, 0.95))
    ink = {
        "paper": colours(rng, hue, chroma=float(rng.uniform(0, 0.8)), light=light),
        "other": colours(
            rng,
            hue + float(rng.uniform(0, 0.3)),
            chroma=0.6,
            light=min(max(light + float(rng.choice([-0.2, 0.16])), 0.1), 0.97),
        ),
    }
    kind = str(rng.choice(["flat", "gradient", "spots", "rays", "stripes", "blobs"]))
    shapes: list[Shape] = [
        Blob("root", box(-300, -150, 300, 150), "paper", line=0, lower="other" if kind == "gradient" else None)
    ]
    if kind == "spots":
        step, r = float(rng.uniform(14, 30)), float(rng.uniform(2, 6))
        shapes += [
            Blob("root", ellipse(x + step / 2 * (n % 2), y, r, count=16), "other", line=0)
            for n, y in enumerate(steps(-80, 80, step * 0.7))
            for x in steps(-170, 170, step)
        ]
    elif kind == "rays":
        for turn in steps(0, 360, 30):
            ends = [place(turn=turn + wide) @ np.array([300.0, 0, 1]) for wide in (-7.5, 7.5)]
            shapes.append(Blob("root", np.array([(0, 0), ends[0][:2], ends[1][:2]]), "other", line=0))
    elif kind == "stripes":
        step, lean = float(rng.uniform(10, 30)), float(rng.uniform(-80, 80))
        shapes += [
            Blob(
                "root",
                np.array([(x, -90), (x + step / 2, -90), (x + step / 2 + lean, 90), (x + lean, 90)]),
                "other",
                line=0,
            )
            for x in steps(-240, 240, step)
        ]
    elif kind == "blobs":
        for _ in range(14):
            angle = np.arange(8) * (np.pi / 4)
            lobes = float(rng.uniform(6, 26)) * rng.uniform(0.6, 1.3, 8)
            centre = rng.uniform((-150, -50), (150, 50))
            shapes.append(
                Blob(
                    "root",
                    loop(np.stack([np.cos(angle), np.sin(angle)], 1) * lobes[:, None] + centre, 4),
                    "other",
                    line=0.6,
                )
            )
    dark = (round(ink["paper"][0] * 0.75), round(ink["paper"][1] * 0.75), round(ink["paper"][2] * 0.75))
    return Place((_far_line(ink, shapes, 1.0),), ground=36.0, shadow=dark)


BACKGROUNDS: Mapping[str, Callable[[Random], Place]] = {
    "room": room,
    "kitchen": kitchen,
    "meadow": meadow,
    "forest": forest,
    "street": street,
    "sea": sea,
    "plain": plain,
}
