"""Training samples with sprites composited over a cartoon or over a plain ground.

The in-between of a sprite is exact, as it is rendered. Its motion is known only where the sprite moves as a whole: if
its drawing is held between the key frames, and not otherwise; the masks say which.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cartoon.geometry import Matrix, place
from ..cartoon.motion import TrueMotion, find_corners
from ..cartoon.samples import Sample, draw_sample, wear
from . import chances
from .renderer import SpriteError, SpriteRenderer

_PLAIN = 0.5  # share of the samples with sprites that have a plain ground


def draw_sprite_sample(
    seed: int, number: int, size: int, sprites: Sequence[Path], renderer: SpriteRenderer, *, worn: bool = True
) -> Sample:
    """Draws a sample as `draw_sample` does, and composites one to three sprites over it.

    A file that cannot be rendered is replaced by the next one, so that a sample depends on its arguments only.

    Args:
        seed: of the whole set.
        number: which of its samples.
        size: height and width in pixels.
        sprites: the files to choose from.
        renderer: renders them.
        worn: as in `draw_sample`.

    Raises:
        SpriteError: no file can be rendered.
    """
    rng = np.random.default_rng([seed, number, 2])
    sample = draw_sample(seed, number, size, worn=False)
    if rng.random() < _PLAIN:
        sample = lay_below(sample, rng)
    for _ in range(int(rng.choice(chances.COUNTS))):
        held = rng.random() < chances.HELD
        start, span = float(rng.uniform(0, 0.7)), 0.0 if held else float(rng.uniform(0.02, 0.3))
        side = int(size * np.exp(float(rng.uniform(*np.log(chances.SIDES)))))
        moments = [start, start + sample.t * span, start + span]
        drawn = _render_any(renderer, sprites, rng, side, moments)
        sample = lay_over(sample, drawn, _way(rng, size, side, sample.t), held=held)
    if not worn:
        return sample
    first, middle, last = wear([sample.first, sample.middle, sample.last], rng)
    return Sample(first, middle, last, sample.t, sample.forward, sample.backward,
                  sample.forward_observable, sample.backward_observable)  # fmt: skip


def lay_below(sample: Sample, rng: np.random.Generator) -> Sample:
    """Makes a sample of a ground only: a colour, a gradient, or the sample's first picture, sliding as a whole.

    Sprites are hard to distinguish from a busy cartoon below them; over plain grounds only their motion is learnt.
    """
    size = sample.first.shape[0]
    everywhere, nowhere = np.ones((size, size), bool), np.zeros((size, size), bool)
    kind = int(rng.integers(3))
    if kind < 2:
        one, other = rng.uniform(40, 256, (2, 3))
        angle = float(rng.uniform(0, 2 * np.pi))
        y, x = np.mgrid[:size, :size] / size - 0.5
        share = (np.cos(angle) * x + np.sin(angle) * y + 0.71) / 1.42 * kind
        ground = np.clip(one + share[..., None] * (other - one), 0, 255).astype(np.uint8)
        still = TrueMotion(np.zeros((size, size, 2), np.float32), everywhere, everywhere)
        return Sample(ground, ground, ground, sample.t, still, still, nowhere, nowhere)
    slide = rng.uniform(-chances.SLIDE, chances.SLIDE, 2) * size
    first, middle, last = (
        np.asarray(cv2.warpAffine(sample.first, to, (size, size), borderMode=cv2.BORDER_REFLECT), np.uint8)
        for to in (place(*(slide * (part - 0.5)).tolist())[:2] for part in (0.0, sample.t, 1.0))
    )
    y, x = np.mgrid[:size, :size] + 0.5

    def go(way: NDArray[np.float64]) -> TrueMotion:
        inside = (x + way[0] >= 0) & (x + way[0] < size) & (y + way[1] >= 0) & (y + way[1] < size)
        return TrueMotion(np.broadcast_to(way.astype(np.float32), (size, size, 2)).copy(), inside, everywhere)

    distinct, distinct_back = (everywhere & find_corners(picture, everywhere) for picture in (first, last))
    return Sample(first, middle, last, sample.t, go(slide), go(-slide), distinct, distinct_back)


def _render_any(
    renderer: SpriteRenderer, sprites: Sequence[Path], rng: np.random.Generator, side: int, moments: list[float]
) -> NDArray[np.uint8]:
    chosen, most = int(rng.integers(len(sprites))), min(len(sprites), 8)
    for step in range(most - 1):
        try:
            return renderer.render(sprites[(chosen + step) % len(sprites)], side, moments)
        except SpriteError:
            continue
    return renderer.render(sprites[(chosen + most - 1) % len(sprites)], side, moments)


def _way(rng: np.random.Generator, size: int, side: int, t: float) -> list[Matrix]:
    """Placements of a sprite at 0, t and 1, from its pixels to the picture's, with uniform motion."""
    middle = rng.uniform(*chances.MIDDLES, 2) * size
    angle, far = float(rng.uniform(0, 2 * np.pi)), size * np.exp(float(rng.uniform(*np.log(chances.WAYS))))
    move = np.array([np.cos(angle), np.sin(angle)]) * far * (rng.random() < chances.MOVES)
    turn = float(rng.normal(0, chances.TURNED))
    spin = float(rng.normal(0, chances.SPUN)) * (rng.random() < chances.SPINS)
    swell = float(rng.normal(0, chances.SWELLED)) * (rng.random() < chances.SWELLS)
    own = place(-side / 2, -side / 2)
    ways = []
    for part in (0.0, t, 1.0):
        x, y = (middle + move * (part - 0.5)).tolist()
        ways.append(place(x, y, turn + spin * part, float(np.exp(swell * part))) @ own)
    return ways


def lay_over(sample: Sample, drawn: NDArray[np.uint8], where: Sequence[Matrix], *, held: bool) -> Sample:
    """Composites a sprite over a sample's three frames, and updates its motion and masks.

    Args:
        sample: the cartoon below the sprites.
        drawn: (3, s, s, 4) RGBA premultiplied: the sprite at 0, t and 1.
        where: for each, the (3, 3) placement from the sprite's pixels, whose corner is at (0, 0), to the picture's.
        held: whether the sprite's drawing is the same at 0 and 1, so that all its motion is in the placement.
    """
    size = sample.first.shape[0]
    # OpenCV's origin is the centre of the corner pixel
    half = place(0.5, 0.5)
    laid = [
        cv2.warpAffine(picture, (np.linalg.inv(half) @ at @ half)[:2], (size, size), flags=cv2.INTER_LINEAR)
        for picture, at in zip(drawn, where, strict=True)
    ]
    frames = [
        np.clip(below * (1 - over[..., 3:] / 255.0) + over[..., :3] + 0.5, 0, 255).astype(np.uint8)
        for below, over in zip((sample.first, sample.middle, sample.last), laid, strict=True)
    ]
    there = [laid[0][..., 3] > 127, laid[2][..., 3] > 127]
    forward = _cover(sample.forward, there[0], there[1], where[2] @ np.linalg.inv(where[0]), held)
    backward = _cover(sample.backward, there[1], there[0], where[0] @ np.linalg.inv(where[2]), held)
    seen = [
        np.where(mask, motion.known & find_corners(frame, mask), below & motion.known)
        for mask, motion, frame, below in (
            (there[0], forward, frames[0], sample.forward_observable),
            (there[1], backward, frames[2], sample.backward_observable),
        )
    ]
    return Sample(frames[0], frames[1], frames[2], sample.t, forward, backward, seen[0], seen[1])


def _cover(
    motion: TrueMotion, here: NDArray[np.bool_], there: NDArray[np.bool_], way: Matrix, held: bool
) -> TrueMotion:
    """The motion of a picture that a sprite covers at `here`, and at `there` in the other picture."""
    height, width = here.shape
    y, x = np.mgrid[:height, :width] + 0.5
    own = np.stack([way[0, 0] * x + way[0, 1] * y + way[0, 2] - x, way[1, 0] * x + way[1, 1] * y + way[1, 2] - y], -1)
    flow = np.where(here[..., None], own if held else 0.0, motion.flow).astype(np.float32)
    to_x, to_y = np.floor(x + flow[..., 0]).astype(int), np.floor(y + flow[..., 1]).astype(int)
    inside = (to_x >= 0) & (to_x < width) & (to_y >= 0) & (to_y < height)
    lands_on_it = there[np.clip(to_y, 0, height - 1), np.clip(to_x, 0, width - 1)] & inside
    visible = np.where(here, inside & lands_on_it & held, motion.visible & ~lands_on_it)
    known = np.where(here, held, motion.known)
    return TrueMotion(flow, visible, known)
