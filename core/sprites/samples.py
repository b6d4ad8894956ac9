"""Training samples with sprites composited over a cartoon or over a plain ground.

The in-between of an animation is exact, as it is rendered. Its motion is known only where it moves as a whole: if its
drawing is held between the key frames, and not otherwise; the masks say which. Drawings in parts (`puppets`) move
exactly as is known.
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
from .puppets import Bend, Motion, Part, Puppet, cover, flatten, lay_puppet, make_parts, make_stroke
from .renderer import MissingLibrary, SpriteError, SpriteRenderer, is_drawn

_PLAIN = 0.5  # share of the samples with sprites that have a plain ground
_MOST_FRAMES = 0.3  # share of an animation that lies between the key frames at most
_EXACT = 0.01  # of the time between the key frames: the frame between may be off by so much
_FINE, _LARGEST = 1.5, 512  # pixels of a drawing to one of the picture, and its largest side
_TRIES = 8  # files that are tried


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
        sample = _lay_any(sample, sprites, rng, renderer)
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


def _lay_any(sample: Sample, sprites: Sequence[Path], rng: np.random.Generator, renderer: SpriteRenderer) -> Sample:
    """Lays one of the sprites over a sample: the first from a random one on that can be rendered."""
    chosen, most = int(rng.integers(len(sprites))), min(len(sprites), _TRIES)
    for step in range(most):
        paths = [sprites[(chosen + step + more) % len(sprites)] for more in range(len(sprites))]
        lay = _lay_drawing if is_drawn(paths[0]) else _lay_animation
        state = rng.bit_generator.state
        try:
            return lay(sample, paths, rng, renderer)
        except MissingLibrary:
            raise
        except SpriteError:
            if step == most - 1:
                raise
            rng.bit_generator.state = state
    raise AssertionError


def _lay_animation(sample: Sample, paths: Sequence[Path], rng: np.random.Generator, renderer: SpriteRenderer) -> Sample:
    size = sample.first.shape[0]
    held = rng.random() < chances.HELD
    side = _choose_side(rng, size)
    moments = choose_moments(rng, sample.t, renderer.count_frames(paths[0]), held=held)
    return lay_over(sample, renderer.render(paths[0], side, moments), _way(rng, size, side, sample.t), held=held)


def choose_moments(rng: np.random.Generator, t: float, count: int, *, held: bool) -> list[float]:
    """Chooses three moments of an animation, at 0, t and 1, so that the frame between is the right one.

    Args:
        rng: random numbers.
        t: the time between.
        count: how many frames the animation has.
        held: whether the three are the same frame.

    Returns:
        The middles of frames' times, from 0, the animation's start, to 1, its end.
    """
    spans = [n for n in range(2, max(2, int(count * _MOST_FRAMES)) + 1) if abs(round(t * n) / n - t) <= _EXACT]
    span = 0 if held or count < 3 or not spans else int(rng.choice(spans))
    first = int(rng.integers(max(1, count - span)))
    return [(first + step + 0.5) / max(1, count) for step in (0, round(t * span), span)]


def _lay_drawing(sample: Sample, paths: Sequence[Path], rng: np.random.Generator, renderer: SpriteRenderer) -> Sample:
    size = sample.first.shape[0]
    if rng.random() < chances.ROWS:
        return _lay_row(sample, paths, rng, renderer)
    side = _choose_side(rng, size)
    fine = min(_LARGEST, round(_FINE * side))
    bend = Bend()
    if rng.random() < chances.BENDS:
        angle, phase = rng.uniform(0, 2 * np.pi, 2).tolist()
        heights = rng.normal(0, chances.BENT * fine, 2).tolist()
        bend = Bend(angle, fine * float(rng.uniform(*chances.WAVES)), phase, (heights[0], heights[1]))
    start, motion = _choose_way(rng, size, side / fine, fine)
    if rng.random() < chances.STROKES:
        (picture,) = make_stroke(fine, rng)
        ends = rng.uniform(0.4, 1.0, 2) if rng.random() < chances.FADES else (1.0, 1.0)
        grow = float(rng.normal(0, chances.STROKES_GROW))
        parts = [Part(picture, shown=(float(ends[0]), float(ends[1])), fades=True)]
        motion.grow = (motion.grow[0] + grow, motion.grow[1] + grow)
        return lay_puppet(sample, Puppet(parts, start, bend, motion))
    parts = make_parts(renderer.draw_layers(paths[0], fine, _choose_ink(rng)), rng)
    if rng.random() < chances.COMES:
        gone = int(rng.integers(2))
        for part in parts:
            part.shown = (float(gone == 1), float(gone == 0))
    shadow = float(rng.uniform(*chances.SHADE)) if rng.random() < chances.SHADOWS else 0.0
    return lay_puppet(sample, Puppet(parts, start, bend, motion), shadow)


def _lay_row(sample: Sample, paths: Sequence[Path], rng: np.random.Generator, renderer: SpriteRenderer) -> Sample:
    """Lays several of a drawing in a row over a sample; one of them comes, goes, moves, or becomes another drawing."""
    size = sample.first.shape[0]
    count = int(rng.integers(chances.IN_ROW[0], chances.IN_ROW[1] + 1))
    side = max(12, int(size * float(rng.uniform(0.5, 1.0)) / count))
    fine = round(_FINE * side)
    ink = _choose_ink(rng)
    picture = flatten(renderer.draw_layers(paths[0], fine, ink))
    angle = float(rng.normal(0, 12.0)) + 90 * float(rng.random() < 0.3)
    pitch = side * float(rng.uniform(1.0, 1.4)) * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    middle = rng.uniform(0.35, 0.65, 2) * size
    shift = rng.normal(0, 0.06 * size, 2) * (rng.random() < 0.5)
    odd, kind = int(rng.integers(count)), int(rng.integers(3))
    for number in range(count):
        x, y = middle + pitch * (number - (count - 1) / 2)
        parts, own = [Part(picture)], Motion(shift=(float(shift[0]), float(shift[1])))
        if number == odd and kind == 0:
            parts[0].shown = (0.0, 1.0) if rng.random() < 0.5 else (1.0, 0.0)
        elif number == odd and kind == 1:
            drawings = [path for path in paths[1:] if is_drawn(path)]
            other = flatten(renderer.draw_layers(drawings[0], fine, ink)) if drawings else picture[:, ::-1]
            parts = [Part(picture, shown=(1.0, 0.0)), Part(np.ascontiguousarray(other), shown=(0.0, 1.0))]
        elif number == odd:
            own.shift = (own.shift[0] - 0.7 * float(pitch[1]), own.shift[1] + 0.7 * float(pitch[0]))
        start = place(float(x), float(y), 0.0, side / fine) @ place(-fine / 2, -fine / 2)
        sample = lay_puppet(sample, Puppet(parts, start, motion=own))
    return sample


def _choose_side(rng: np.random.Generator, size: int) -> int:
    return int(size * np.exp(float(rng.uniform(*np.log(chances.SIDES)))))


def _choose_ink(rng: np.random.Generator) -> float:
    return float(rng.uniform(*chances.INK)) if rng.random() < chances.INKED else 0.0


def _way(rng: np.random.Generator, size: int, side: int, t: float) -> list[Matrix]:
    """Placements of a sprite at 0, t and 1, from its pixels to the picture's, with uniform motion."""
    start, motion = _choose_way(rng, size, 1.0, side)
    return [motion.at(part) @ start for part in (0.0, t, 1.0)]


def _choose_way(rng: np.random.Generator, size: int, scale: float, side: int) -> tuple[Matrix, Motion]:
    """Where a drawing of `side` pixels is placed in a picture of `size`, and how it moves from there."""
    middle = rng.uniform(*chances.MIDDLES, 2) * size
    angle, far = float(rng.uniform(0, 2 * np.pi)), size * np.exp(float(rng.uniform(*np.log(chances.WAYS))))
    move = np.array([np.cos(angle), np.sin(angle)]) * far * (rng.random() < chances.MOVES)
    turn = float(rng.normal(0, chances.TURNED))
    spin = float(rng.normal(0, chances.SPUN)) * (rng.random() < chances.SPINS)
    swell = float(rng.normal(0, chances.SWELLED)) * (rng.random() < chances.SWELLS)
    x, y = (middle - move / 2).tolist()
    start = place(x, y, turn, scale) @ place(-side / 2, -side / 2)
    return start, Motion((x, y), spin, (swell, swell), (float(move[0]), float(move[1])))


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
    known = np.where(here, held, motion.known)
    return cover(motion, flow, known, np.where(here, 0, -1), np.where(there, 0, -1))
