"""Places indoors: a room with its furniture, and a kitchen."""

from itertools import pairwise
from math import cos, pi, sin

import numpy as np

from .geometry import apply, arc, box, curve, ellipse, loop, place, steps
from .places import WIDE, Layer, Place, Random, colours, draw_flower, make_layer
from .puppets import Blob, Colour, Pen, Shape, still


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
                shapes.append(Blob("root", draw_flower(x + 7 * (row % 2), y, 2.0), "stripe", line=0))
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
    return Place((make_layer(ink, shapes, 1.0),), ground=36.0, shadow=(140, 124, 116))
