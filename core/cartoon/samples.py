"""Training samples: three frames, the exact motion between the outer two, and where it can be observed.

A sample depends on (seed, number) only, so any number of workers gives the same samples.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

import cv2
import numpy as np
from numpy.typing import NDArray

from .composition import compose
from .geometry import Matrix, place
from .motion import TrueMotion, find_observable, follow
from .raster import Cel
from .scenes import Scene

Picture = NDArray[np.uint8]

MIX = ("anything", "anything", "anything", "stickers", "parade", "chase")
"""Kinds of scenes; each entry is equally likely."""
PER_SCENE = 4
"""Samples taken from one scene, since composing a scene takes as long as drawing a sample."""
GAP = (0.012, 0.3)
"""Shortest and longest time between the outer frames, in seconds."""


@dataclass(frozen=True)
class Sample:
    """Two key frames, one in-between and the motion between the key frames."""

    first: Picture
    """(H, W, 3) RGB at time 0."""
    middle: Picture
    """At time t."""
    last: Picture
    """At time 1."""
    t: float
    """Between 0 and 1, both excluded."""
    forward: TrueMotion
    """From the first frame to the last, on the first's pixels."""
    backward: TrueMotion
    """From the last to the first."""
    forward_observable: NDArray[np.bool_]
    """(H, W): where the forward motion can be observed in the pictures; losses should leave other pixels out."""
    backward_observable: NDArray[np.bool_]


def draw_sample(seed: int, number: int, size: int = 192, *, worn: bool = True, longest: float = GAP[1]) -> Sample:
    """Draws a sample.

    Args:
        seed: of the whole set.
        number: number of the sample; four neighbours show the same scene at other moments and framings.
        size: height and width in pixels.
        worn: whether some samples are degraded as by JPEG or film: blocks, blur and grain.
        longest: longest time between the outer frames in seconds, at least `GAP[0]`; less time means less motion.
    """
    rng = np.random.default_rng([seed, number, 1])
    scene = _scene(seed, number // PER_SCENE)
    cels, t = _choose_moments(scene, rng, size, longest)
    pictures = [scene.colour(cel) for cel in cels]
    forward, backward = follow(cels[0], cels[2]), follow(cels[2], cels[0])
    observable = [
        find_observable(scene.drawing, cel, picture, motion)
        for cel, picture, motion in ((cels[0], pictures[0], forward), (cels[2], pictures[2], backward))
    ]
    if worn:
        pictures = wear(pictures, rng)
    return Sample(pictures[0], pictures[1], pictures[2], t, forward, backward, observable[0], observable[1])


@lru_cache(maxsize=4)
def _scene(seed: int, number: int) -> Scene:
    rng = np.random.default_rng([seed, number, 0])
    return compose(str(rng.choice(MIX)), int(rng.integers(2**31)))


def choose_gap(rng: np.random.Generator, longest: float = GAP[1]) -> float:
    """A random time between two key frames in seconds, up to `longest`, uniform in the logarithm."""
    return exp(float(rng.uniform(log(GAP[0]), log(longest))))


def _choose_moments(scene: Scene, rng: np.random.Generator, size: int, longest: float) -> tuple[list[Cel], float]:
    """Three cels of a scene, and t of the middle one."""
    for attempt in range(4):
        gap = choose_gap(rng, longest)
        start = float(rng.uniform(0, scene.length - gap))
        t = float(rng.uniform(0.05, 0.95))
        if rng.random() < 0.5:
            t = 0.5
        framing = _choose_framing(scene, rng, start + gap / 2)
        first = scene.cel(start, size, size, framing=framing)
        # nothing can be learnt from an empty wall
        if attempt == 3 or len(np.unique(first.patches[::5, ::5])) > 5:
            break
    others = [scene.cel(start + part * gap, size, size, framing=framing) for part in (t, 1.0)]
    return [first, *others], t


def _choose_framing(scene: Scene, rng: np.random.Generator, time: float) -> Matrix:
    """A random framing: zoomed, usually centred on a character, and sometimes reflected."""
    near = exp(float(rng.uniform(log(0.9), log(2.2))))
    sign = float(rng.choice([-1, 1]))
    x, y = float(rng.uniform(-20, 20)), float(rng.uniform(-12, 12))
    if scene.actors and rng.random() < 0.75:
        somebody = scene.actors[int(rng.integers(len(scene.actors)))].pose(time).placement
        left, top, enlarged = scene.camera(time)
        x += (float(somebody[0, 2]) - left) * enlarged
        y += (float(somebody[1, 2]) - top) * enlarged
    room = max(50.0 - 50.0 / near, 0.0)
    return place(-sign * near * x, -near * float(np.clip(y, -room, room)), 0, near * sign, near)


def wear(pictures: list[Picture], rng: np.random.Generator) -> list[Picture]:
    """Degrades all three pictures in the same way, each with its own grain."""
    blur = float(rng.uniform(0.3, 0.9)) if rng.random() < 0.15 else 0.0
    grain = float(rng.uniform(1, 6)) if rng.random() < 0.15 else 0.0
    quality = int(rng.integers(45, 95)) if rng.random() < 0.25 else 0
    worn = []
    for picture in pictures:
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), blur)  # type: ignore[assignment]
        if grain:
            noise = rng.standard_normal(picture.shape, np.float32) * grain
            picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        if quality:
            code = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
            picture = cv2.imdecode(code, cv2.IMREAD_COLOR)  # type: ignore[assignment]
        worn.append(picture)
    return worn
