"""Composes scenes: place, characters, style and speed are random.

A scene depends on its seed only. A new kind of scene is one function and one entry in SCENES.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import exp, log, sin

import numpy as np

from .actions import ACTIONS
from .backgrounds import BACKGROUNDS, Place
from .cast import CAST, cat, mouse
from .geometry import place, smooth_step
from .props import PROPS, cheese
from .puppets import Pose
from .scenes import Actor, Scene, stand
from .styles import STYLES, Style

Random = np.random.Generator

STRIDES = {"run": 1.1, "walk": 0.62, "sneak": 0.5, "jump": 0.5}
"""Distance that an actor covers in a cycle of an action, in heights of the actor; other actions stay in place."""

SAYINGS = (
    "Come back here!", "Not today.", "That was my cheese.", "Where did it go?", "Mind the rug!", "Faster!",
    "Wait for me.", "You will never catch me.", "Look behind you.", "What a lovely day.", "Is anybody home?", "Oh no.",
)  # fmt: skip


def compose(scene: str, seed: int, style: str | None = None) -> Scene:
    """Composes a scene.

    Args:
        scene: a name in SCENES or LAYERS.
        seed: the same seed gives the same scene.
        style: a name in STYLES. None: the scene's own.
    """
    rng = np.random.default_rng([seed, *scene.encode()])
    composed = {**SCENES, **LAYERS}[scene](rng)
    return composed if style is None else replace(composed, style=STYLES[style])


def _between(rng: Random, low: float, high: float) -> float:
    """A random number between two, uniform in the logarithm."""
    return exp(float(rng.uniform(log(low), log(high))))


def chase(rng: Random) -> Scene:
    """The cat runs after the mouse through a house."""
    where = BACKGROUNDS["room" if rng.random() < 0.7 else "kitchen"](rng)
    ground, length, faces = where.ground, 2.0, int(rng.choice([1, 1, -1]))
    start, pace = float(rng.uniform(-62, -48)), float(rng.uniform(62, 74))
    hunter, prey, loot = cat(), mouse(), cheese(rng)
    beat, late = float(rng.uniform(1.5, 1.8)), float(rng.uniform())

    def cat_pose(time: float) -> Pose:
        return stand(
            hunter, ACTIONS["run"](beat * time + late, 1.0), faces * (start + pace * time), ground, 66, faces=faces
        )

    def mouse_pose(time: float) -> Pose:
        ahead = start + 64 + (pace - 2) * time + 2.5 * sin(5 * time)
        return stand(prey, ACTIONS["run"](1.35 * beat * time + late, -1.0), faces * ahead, ground + 2, 34, faces=faces)

    def loot_pose(time: float) -> Pose:
        hand = prey.matrices(mouse_pose(time))[prey.index("hand_near")]
        at = place(float(hand[0, 2]) + 3 * faces, float(hand[1, 2]) - 2, -14 + 8 * sin(9 * time), 0.62)
        return loot.pose(at, time)

    actors = (
        Actor(hunter, cat_pose, shadow=True),
        Actor(loot.puppet, loot_pose),
        Actor(prey, mouse_pose, shadow=True),
    )
    return Scene(
        STYLES["house"], where, actors, lambda time: (faces * (start + 38 + (pace - 8) * time), 0.0, 1.0), length
    )


def _any_style(rng: Random) -> Style:
    """One of the styles, its lines thicker or thinner and its colours paler or stronger."""
    style = STYLES["house"] if rng.random() < 0.25 else STYLES[str(rng.choice(list(STYLES)))]
    line = style.line * _between(rng, 0.6, 1.6)
    saturation = style.saturation * float(rng.uniform(0.7, 1.15))
    return replace(style, line=line, saturation=saturation)


def _camera(rng: Random, length: float) -> Callable[[float], tuple[float, float, float]]:
    """A camera that stands, pans, zooms, or both, at an even pace or easing."""
    pan = np.array([float(rng.choice([-1, 1])) * _between(rng, 3, 110), float(rng.normal(0, 6))])
    pan *= rng.random() < 0.6
    zoom = float(rng.normal(0, 0.35)) if rng.random() < 0.35 else 0.0
    near, even = _between(rng, 0.85, 2.2), rng.random() < 0.7
    middle = np.array([float(rng.uniform(-20, 20)), float(rng.uniform(-6, 14)) * (near - 0.85)])

    def look(time: float) -> tuple[float, float, float]:
        gone = time / length if even else smooth_step(time / length)
        x, y = middle + pan * length * (gone - 0.5)
        # the camera must not show the ends of a place
        return float(np.clip(x, -110, 110)), float(np.clip(y, -14, 14)), near * exp(zoom * length * (gone - 0.5))

    return look


def _path(rng: Random, length: float, spread: float) -> Callable[[float], tuple[float, float, float, float]]:
    """A way across the stage: x, y, turn in degrees and growth at a time."""
    angle, speed = float(rng.uniform(0, 2 * np.pi)), _between(rng, 2, 130) * (rng.random() < 0.85)
    pace = np.array([np.cos(angle), 0.6 * np.sin(angle)]) * speed
    middle = rng.uniform((-spread, -36), (spread, 34))
    turn, spin = float(rng.normal(0, 20)), float(rng.normal(0, 90)) * (rng.random() < 0.5)
    swell = float(rng.normal(0, 0.5)) * (rng.random() < 0.35)
    fall = float(rng.uniform(40, 160)) * (rng.random() < 0.25)
    even = rng.random() < 0.7

    def go(time: float) -> tuple[float, float, float, float]:
        gone = length * ((time / length if even else smooth_step(time / length)) - 0.5)
        x, y = middle + pace * gone
        return float(x), float(y) + fall * gone * gone, turn + spin * gone, exp(swell * gone)

    return go


def _prop(rng: Random, length: float) -> Actor:
    prop = PROPS[str(rng.choice(list(PROPS)))](rng)
    go, grow = _path(rng, length, 60), _between(rng, 0.35, 2.6)
    beat, faces = _between(rng, 0.3, 2.5), float(rng.choice([-1, 1]))
    shown = (0.0, length)
    if rng.random() < 0.06:  # appears or vanishes at once
        moment = float(rng.uniform(0.2, 0.8)) * length
        shown = (moment, length) if rng.random() < 0.5 else (0.0, moment)

    def pose(time: float) -> Pose:
        x, y, turn, grown = go(time)
        here = prop.pose(place(x, y, turn, faces * grow * grown, grow * grown), beat * time)
        return replace(here, seen=shown[0] <= time <= shown[1])

    return Actor(prop.puppet, pose)


def _character(rng: Random, length: float, ground: float) -> Actor:
    who = CAST[str(rng.choice(["cat", "mouse", "neighbour", "neighbour"]))](rng)
    name = str(rng.choice(list(ACTIONS)))
    height = _between(rng, 26, 78)
    faces = int(rng.choice([-1, 1]))
    beat, late, temper = _between(rng, 0.4, 1.8), float(rng.uniform()), float(rng.uniform(-1, 1))
    stride = STRIDES.get(name, 0.0) * height * beat * faces
    middle, depth = float(rng.uniform(-45, 45)), float(rng.uniform(-6, 10))

    def pose(time: float) -> Pose:
        x = middle + stride * (time - length / 2)
        return stand(who, ACTIONS[name](beat * time + late, temper), x, ground + depth, height, faces=faces)

    return Actor(who, pose, shadow=bool(rng.random() < 0.7))


def anything(rng: Random) -> Scene:
    """Any place, any cast, any style: what networks are trained on."""
    length = 2.0
    where = BACKGROUNDS[str(rng.choice(list(BACKGROUNDS)))](rng)
    characters = [_character(rng, length, where.ground) for _ in range(int(rng.choice([0, 1, 1, 1, 2, 2, 3])))]
    things = [_prop(rng, length) for _ in range(int(rng.integers(0 if characters else 2, 5)))]
    actors = [*characters, *things]
    order = rng.permutation(len(actors))
    title = str(rng.choice(SAYINGS)) if rng.random() < 0.12 else ""
    return Scene(_any_style(rng), where, tuple(actors[n] for n in order), _camera(rng, length), length, title)


def backdrop(rng: Random) -> Scene:
    """An empty place, as a layer of a collage."""
    where = BACKGROUNDS[str(rng.choice(list(BACKGROUNDS)))](rng)
    return Scene(_any_style(rng), where, (), _camera(rng, 2.0), 2.0)


def cutout(rng: Random) -> Scene:
    """A character or a thing without a place, in the middle of the sheet, as a layer of a collage."""
    actor = replace(_character(rng, 2.0, 30.0), shadow=False) if rng.random() < 0.5 else _prop(rng, 2.0)
    return Scene(_any_style(rng), Place(()), (actor,), lambda time: (0.0, 0.0, 1.0), 2.0)


def stickers(rng: Random) -> Scene:
    """Things on plain paper, large, as emoji are."""
    length = 2.0
    where = BACKGROUNDS["plain"](rng)
    things = [_prop(rng, length) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.4:
        things.append(_character(rng, length, where.ground))
    still = float(rng.uniform(0.8, 1.8))
    return Scene(_any_style(rng), where, tuple(things), lambda time: (0.0, 0.0, still), length)


def parade(rng: Random) -> Scene:
    """Characters who cross the stage both ways, in front of and behind each other."""
    length = 3.0
    where = BACKGROUNDS[str(rng.choice(["meadow", "street", "forest", "sea", "room", "kitchen"]))](rng)
    crowd = [_walker(rng, number, length, where.ground) for number in range(int(rng.integers(3, 5)))]
    return Scene(STYLES["house"], where, (*crowd, _prop(rng, length)), _camera(rng, length), length)


def _walker(rng: Random, number: int, length: float, ground: float) -> Actor:
    """A character of a parade; each goes in the opposite direction of the one before, and nearer to the camera."""
    who = CAST[str(rng.choice(list(CAST)))](rng)
    faces, height = 1 if number % 2 else -1, float(rng.uniform(36, 66))
    name = str(rng.choice(["walk", "run", "sneak", "jump"]))
    beat, late, temper = float(rng.uniform(0.8, 1.4)), float(rng.uniform()), float(rng.uniform(-1, 1))
    middle = float(rng.uniform(-12, 12)) - 22 * faces * (1 - number)

    def pose(time: float) -> Pose:
        x = middle + faces * STRIDES[name] * height * beat * (time - length / 2)
        return stand(who, ACTIONS[name](beat * time + late, temper), x, ground + 2.0 * number, height, faces=faces)

    return Actor(who, pose, shadow=True)


SCENES: Mapping[str, Callable[[Random], Scene]] = {
    "chase": chase,
    "parade": parade,
    "anything": anything,
    "stickers": stickers,
}
"""Scenes of films and samples."""

LAYERS: Mapping[str, Callable[[Random], Scene]] = {"backdrop": backdrop, "cutout": cutout}
"""Layers of collages."""
