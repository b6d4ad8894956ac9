"""Places outdoors: a meadow, a street, a beach or the bottom of the sea, and a forest."""

import numpy as np

from .geometry import apply, arc, box, curve, ellipse, loop, place, ribbon, steps
from .places import (
    WIDE,
    Layer,
    Place,
    Random,
    colours,
    draw_cloud,
    draw_flower,
    draw_hills,
    draw_tree,
    draw_tuft,
    make_layer,
)
from .puppets import Blob, Colour, Pen, Shape, still


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
        draw_cloud(rng, x + float(rng.uniform(-10, 10)), float(rng.uniform(-44, -22)), float(rng.uniform(9, 18)))
        for x in range(-200, 201, 50)
    ]
    middle: list[Shape] = [draw_hills(rng, 12, 26, 34, "near", "near2")]
    for x in steps(-150, 151, 44):
        middle += draw_tree(rng, x + float(rng.uniform(-16, 16)), 14, float(rng.uniform(16, 30)))
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
            front.append(draw_tuft(rng, x, y, float(rng.uniform(1.4, 2.6)), "blade"))
        else:
            front += [
                Blob("root", draw_flower(x, y, 1.8), "petal", line=0.5),
                Blob("root", ellipse(x, y, 0.7, count=8), "sun", line=0),
            ]
    layers = (
        make_layer(ink, sky, 0.0),
        make_layer(ink, clouds, 0.12),
        make_layer(ink, [draw_hills(rng, 8, 30, 46, "far", "far2")], 0.3),
        make_layer(ink, middle, 0.6),
        make_layer(ink, front, 1.0),
    )
    before: tuple[Layer, ...] = ()
    if rng.random() < 0.5:
        bush = {"bush": colours(rng, 0.33, chroma=0.5, light=0.3)}
        before = (
            Layer(
                still(
                    [draw_tuft(rng, float(x), 54, float(rng.uniform(5, 9)), "bush") for x in rng.uniform(-160, 160, 9)],
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
            make_layer(ink, sky, 0.0),
            make_layer(ink, skyline, 0.35),
            make_layer(ink, houses, 1.0),
            make_layer(ink, lamps, 1.0),
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
    front: list[Shape] = [draw_hills(rng, 25, 6, 40, "sand", "sand2")]
    if under:
        middle.append(draw_hills(rng, 20, 30, 40, "rock", "low"))
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
            draw_cloud(rng, float(x), float(rng.uniform(-40, -22)), float(rng.uniform(8, 15)))
            for x in range(-150, 151, 60)
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
        (make_layer(ink, back, 0.0), make_layer(ink, middle, 0.5), make_layer(ink, front, 1.0)),
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
    floor: list[Shape] = [draw_hills(rng, 23, 5, 30, "floor", "floor2")]
    for _ in range(20):
        x, y = float(rng.uniform(-160, 160)), float(rng.choice([rng.uniform(23, 28), rng.uniform(42, 48)]))
        if rng.random() < 0.6:
            floor.append(draw_tuft(rng, x, y, float(rng.uniform(2, 4)), "fern"))
        else:
            floor += [
                Blob("root", box(x - 0.9, y - 4, x + 0.9, y), "stem", line=0.6),
                Blob("root", np.concatenate([arc(x, y - 4, 3.2, 3.2, 180, 360, 10)]), "cap", line=0.7),
                Blob("root", ellipse(x - 0.8, y - 5.4, 0.6, count=8), "stem", line=0),
            ]
    return Place(
        (
            make_layer(ink, [Blob("root", box(-300, -90, 300, 60), "sky", line=0, lower="low", grain=1.4)], 0.0),
            make_layer(ink, trunks("far", 15, 6), 0.3),
            make_layer(ink, trunks("middle", 10, 9), 0.6),
            make_layer(ink, [*near, *canopy, *floor], 1.0),
        ),
        ground=34.0,
        shadow=ink["floor2"],
    )
