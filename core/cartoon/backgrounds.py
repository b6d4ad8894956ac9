"""All places by name. A new one is a function in `indoors` or `outdoors` and an entry in BACKGROUNDS."""

from collections.abc import Callable, Mapping

import numpy as np

from .geometry import box, ellipse, loop, place, steps
from .indoors import kitchen, room
from .outdoors import forest, meadow, sea, street
from .places import Layer, Place, Random, colours, make_layer
from .puppets import Blob, Shape

__all__ = ["BACKGROUNDS", "Layer", "Place"]


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
    return Place((make_layer(ink, shapes, 1.0),), ground=36.0, shadow=dark)


BACKGROUNDS: Mapping[str, Callable[[Random], Place]] = {
    "room": room,
    "kitchen": kitchen,
    "meadow": meadow,
    "forest": forest,
    "street": street,
    "sea": sea,
    "plain": plain,
}
