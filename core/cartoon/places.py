"""Layers of places, and the clouds, hills and plants that several places have.

A layer's depth is its share of the camera's motion: 1 moves with the stage, 0 stays where it is, like the moon, and
more than 1 is nearer than the stage. Places are wide enough for the camera to travel 120 units to either side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from .geometry import Points, curve, loop
from .puppets import Blob, Colour, Puppet, Shape, still

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
    """The place of a scene."""

    behind: tuple[Layer, ...]
    before: tuple[Layer, ...] = ()
    """Layers between the characters and the camera."""
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


def draw_cloud(rng: Random, x: float, y: float, size: float) -> Blob:
    """A cloud."""
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


def draw_hills(rng: Random, base: float, high: float, step: float, role: str, lower: str) -> Blob:
    """A range of hills as wide as a place: up to `high` above `base`, with a crest every `step`."""
    x = np.arange(-WIDE - step, WIDE + 2 * step, step)
    y = base - rng.uniform(0.1, 1.0, len(x)) * high
    crest = curve(np.stack([x, y], 1), 4)
    return Blob(
        "root", np.concatenate([crest, [(WIDE + step, 90.0), (-WIDE - step, 90.0)]]), role, line=0.6, lower=lower
    )


def draw_tree(rng: Random, x: float, y: float, tall: float) -> list[Shape]:
    """A tree, or a fir, with its foot at (x, y)."""
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


def draw_tuft(rng: Random, x: float, y: float, size: float, role: str) -> Blob:
    """A tuft of grass."""
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


def draw_flower(x: float, y: float, size: float) -> Points:
    """The outline of a flower of five petals."""
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    radius = size * (1 + 0.35 * np.cos(5 * angle))
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def make_layer(ink: Mapping[str, Colour], shapes: list[Shape], depth: float) -> Layer:
    """A layer of shapes that do not move by themselves."""
    return Layer(still(shapes, ink), depth)
