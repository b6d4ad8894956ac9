"""Drawings in parts that move like puppets, with their exact motion.

The shapes of a drawing make a tree: a shape hangs at the larger one that it lies in or touches. Each may swing about
the place where it touches, be squashed, shift, come or go; what hangs at it goes along. The whole figure may bend like
a flag, and moves, turns and grows. All of these can be inverted exactly, so the motion of every pixel is known.
"""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..cartoon.geometry import Matrix, place
from ..cartoon.motion import TrueMotion, find_corners
from ..cartoon.samples import Sample
from . import chances

Layers = NDArray[np.uint8]
"""(layers, s, s, 4) RGBA, premultiplied, the lowest first."""
_WITHIN, _TOUCHES = 0.6, 0.02  # shares of a shape that lie in, or touch, the larger one that it hangs at
_OPAQUE = 127
_PROBES, _ROOM = 13, 4  # points a side by which it is found where a bent part is, and pixels around them
_LEAST_OPACITY = 0.3  # of a shape that can be followed


@dataclass
class Motion:
    """How something moves from moment 0 to moment 1, in pixels of its drawing, or of the picture.

    Attributes:
        pivot: the point that stays.
        turn: degrees.
        grow: logarithms of the factors of width and height.
        shift: (dx, dy).
    """

    pivot: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    grow: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def at(self, moment: float) -> Matrix:
        """The placement at a moment, (3, 3)."""
        x, y = self.pivot
        wide, tall = (float(np.exp(part * moment)) for part in self.grow)
        dx, dy = (part * moment for part in self.shift)
        return place(x + dx, y + dy, self.turn * moment, wide, tall) @ place(-x, -y)


@dataclass
class Bend:
    """A bend of a drawing like that of a flag: a wave that runs along one direction and moves points across it.

    Attributes:
        angle: of the direction, radians.
        length: of the wave, pixels.
        phase: radians.
        height: of the wave at moments 0 and 1, pixels.
    """

    angle: float = 0.0
    length: float = 1.0
    phase: float = 0.0
    height: tuple[float, float] = (0.0, 0.0)

    def move(self, points: NDArray[np.float64], moment: float, sign: int = 1) -> NDArray[np.float64]:
        """Bends points, (..., 2); `sign` -1 takes the bend back."""
        along = np.array([np.cos(self.angle), np.sin(self.angle)])
        height = (1 - moment) * self.height[0] + moment * self.height[1]
        if not height:
            return points
        wave = sign * height * np.sin(2 * np.pi / self.length * (points @ along) + self.phase)
        return np.asarray(points + wave[..., None] * np.array([-along[1], along[0]]), np.float64)


@dataclass
class Part:
    """Shapes of a puppet that move together.

    Attributes:
        picture: (s, s, 4) RGBA premultiplied.
        motions: its own motion, and those of what it hangs at, the innermost first.
        shown: its opacity at moments 0 and 1; in between it changes evenly, or at once if it comes or goes.
        fades: whether it changes evenly.
    """

    picture: NDArray[np.uint8]
    motions: list[Motion] = field(default_factory=list)
    shown: tuple[float, float] = (1.0, 1.0)
    fades: bool = False

    def opacity(self, moment: float) -> float:
        """How opaque it is."""
        if self.fades:
            return (1 - moment) * self.shown[0] + moment * self.shown[1]
        return self.shown[int(moment >= 0.5)]


@dataclass
class Puppet:
    """A figure.

    Attributes:
        parts: the lowest first.
        bend: of the whole figure.
        start: where its drawing is placed in the picture at moment 0: (3, 3).
        motion: of the figure in the picture.
    """

    parts: list[Part]
    start: Matrix
    bend: Bend = field(default_factory=Bend)
    motion: Motion = field(default_factory=Motion)

    def forth(self, part: Part, moment: float, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Moves points of a part's drawing, (..., 2), to the picture."""
        inner, outer = self._placements(part, moment)
        return _apply(outer, self.bend.move(_apply(inner, points), moment))

    def back(self, part: Part, moment: float, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Moves points of the picture, (..., 2), to a part's drawing."""
        inner, outer = self._placements(part, moment)
        return _apply(_invert(inner), self.bend.move(_apply(_invert(outer), points), moment, -1))

    def _placements(self, part: Part, moment: float) -> tuple[Matrix, Matrix]:
        inner = np.eye(3)
        for motion in part.motions:
            inner = motion.at(moment) @ inner
        return inner, self.motion.at(moment) @ self.start

    def draw(self, moment: float, size: int) -> tuple[NDArray[np.float32], NDArray[np.int16]]:
        """Draws the figure.

        Returns:
            (size, size, 4) RGBA premultiplied in [0, 255], and the number of the topmost part at each pixel, (size,
            size), -1 where there is none.
        """
        laid, owner = np.zeros((size, size, 4), np.float32), np.full((size, size), -1, np.int16)
        grid = _pixels(size, size)
        for number, part in enumerate(self.parts):
            opacity, box = part.opacity(moment), self._find_box(part, moment, size)
            if not opacity or box is None:
                continue
            at = (self.back(part, moment, grid[box]) - 0.5).astype(np.float32)  # OpenCV's origin is a pixel's centre
            seen = cv2.remap(part.picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float32) * opacity
            laid[box] = laid[box] * (1 - seen[..., 3:] / 255) + seen
            owner[box][seen[..., 3] > _OPAQUE * max(opacity, _LEAST_OPACITY)] = number
        return laid, owner

    def _find_box(self, part: Part, moment: float, size: int) -> tuple[slice, slice] | None:
        """The part of the picture in which a part is, rows and columns. None: it is outside."""
        opaque = part.picture[..., 3] > 0
        rows, columns = (np.flatnonzero(opaque.any(axis)) for axis in (1, 0))
        if not len(rows):
            return None
        y, x = (np.linspace(cells[0], cells[-1] + 1, _PROBES) for cells in (rows, columns))
        probes: NDArray[np.float64] = np.stack(np.meshgrid(x, y), -1).astype(np.float64)
        corners = self.forth(part, moment, probes).reshape(-1, 2)
        low = np.clip(np.floor(corners.min(0)) - _ROOM, 0, size).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + _ROOM, 0, size).astype(int)
        if (low >= high).any():
            return None
        return slice(low[1], high[1]), slice(low[0], high[0])


def make_parts(layers: Layers, rng: np.random.Generator) -> list[Part]:
    """Makes a puppet's parts of a drawing's layers, with random motion of their own."""
    masks = layers[..., 3] > _OPAQUE
    areas = masks.reshape(len(masks), -1).sum(1)
    whole = max(1, int(areas.max()))
    side = layers.shape[1]
    hangs, joints = _hang(masks, areas)
    own = [
        _choose_motion(rng, joints[k], side) if hangs[k] >= 0 and rng.random() < chances.PART_MOVES else None
        for k in range(len(layers))
    ]
    parts: list[Part] = []
    keys: list[tuple[int, ...]] = []
    for k, picture in enumerate(layers):
        chain: list[int] = []
        at = k
        while at >= 0:
            if own[at] is not None:
                chain.append(at)
            at = hangs[at]
        shown = (1.0, 1.0)
        if areas[k] < chances.SMALL_PART * whole and rng.random() < chances.PART_COMES:
            shown = (0.0, 1.0) if rng.random() < 0.5 else (1.0, 0.0)
        if parts and keys[-1] == tuple(chain) and parts[-1].shown == shown:
            parts[-1].picture = _over(parts[-1].picture, picture)
            continue
        parts.append(Part(np.ascontiguousarray(picture), [m for j in chain if (m := own[j]) is not None], shown))
        keys.append(tuple(chain))
    return parts


def flatten(layers: Layers) -> NDArray[np.uint8]:
    """Lays all layers over each other: (s, s, 4)."""
    whole: NDArray[np.uint8] = layers[0]
    for picture in layers[1:]:
        whole = _over(whole, picture)
    return whole


def _over(below: NDArray[np.uint8], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    clear = 1 - picture[..., 3:].astype(np.float32) / 255
    laid: NDArray[np.uint8] = np.clip(below * clear + picture + 0.5, 0, 255).astype(np.uint8)
    return laid


def make_stroke(side: int, rng: np.random.Generator) -> Layers:
    """Draws a thin ring, or a thin curve such as a tail, as a layer."""
    fine = 4
    y, x = rng.uniform(0.4, 0.6, 2) * side
    colour = rng.uniform(0, 200, 3)
    width = max(1, round(fine * float(rng.uniform(1.0, max(1.5, 0.03 * side)))))
    if rng.random() < 0.5:
        angles = np.linspace(0, 2 * np.pi, 65)
        radii = side * rng.uniform(0.15, 0.4) * np.array([1.0, rng.uniform(0.6, 1.0)])
        points = np.stack([x + radii[0] * np.cos(angles), y + radii[1] * np.sin(angles)], 1)
    else:
        turn = np.cumsum(rng.normal(0, 0.35) + rng.normal(0, 0.15, 24)) + rng.uniform(0, 2 * np.pi)
        steps = np.stack([np.cos(turn), np.sin(turn)], 1) * side * 0.03
        points = np.cumsum(steps, 0)
        points += side / 2 - points.mean(0)
    mask = np.zeros((fine * side, fine * side), np.uint8)
    cv2.polylines(mask, [np.rint(points * fine * 16).astype(np.int32)], False, 255, width, cv2.LINE_AA, 4)
    opacity = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)[..., None]
    return np.concatenate([(opacity / 255 * colour).astype(np.uint8), opacity], 2)[None]


def lay_puppet(sample: Sample, puppet: Puppet, shadow: float = 0.0) -> Sample:
    """Composites a puppet over a sample's three frames, and updates its motion and masks.

    Args:
        sample: what is below.
        puppet: the figure.
        shadow: how dark its shadow on what is below is, in [0, 1]; 0: none.
    """
    size = sample.first.shape[0]
    drawn = [puppet.draw(moment, size) for moment in (0.0, sample.t, 1.0)]
    frames = [
        _lay(below, over, shadow)
        for below, (over, _) in zip((sample.first, sample.middle, sample.last), drawn, strict=True)
    ]
    owners = drawn[0][1], drawn[2][1]
    motions, seen = [], []
    for end, (below, visible_below) in enumerate(
        ((sample.forward, sample.forward_observable), (sample.backward, sample.backward_observable))
    ):
        motion = _follow(puppet, owners[end], owners[1 - end], float(end), below)
        observable = visible_below & motion.known
        picture = frames[2 * end]
        for number in range(len(puppet.parts)):
            mask = owners[end] == number
            if mask.any():
                observable[mask] = motion.known[mask] & find_corners(picture, mask)
        motions.append(motion)
        seen.append(observable)
    return Sample(frames[0], frames[1], frames[2], sample.t, motions[0], motions[1], seen[0], seen[1])


def _follow(
    puppet: Puppet, here: NDArray[np.int16], there: NDArray[np.int16], moment: float, below: TrueMotion
) -> TrueMotion:
    """The motion of a picture that a puppet covers, from `moment`, 0 or 1, to the other."""
    grid = _pixels(*here.shape)
    flow, known = below.flow.copy(), below.known.copy()
    for number, part in enumerate(puppet.parts):
        mask = here == number
        if not mask.any():
            continue
        points = grid[mask]
        stays = min(part.shown) >= _LEAST_OPACITY
        flow[mask] = puppet.forth(part, 1 - moment, puppet.back(part, moment, points)) - points if stays else 0
        known[mask] = stays
    return cover(below, flow, known, here, there)


def cover(
    below: TrueMotion, flow: NDArray[Any], known: NDArray[np.bool_], here: NDArray[Any], there: NDArray[Any]
) -> TrueMotion:
    """The motion of a picture over which something is laid.

    Args:
        below: the picture's own.
        flow: of the whole, (H, W, 2).
        known: whether that is known, (H, W).
        here: the numbers of the parts that are laid over it at that moment, (H, W); -1 where there is none.
        there: the same at the other moment.
    """
    height, width = here.shape
    to = np.floor(_pixels(height, width) + flow).astype(int)
    inside = ((to >= 0) & (to < (width, height))).all(2)
    lands = there[np.clip(to[..., 1], 0, height - 1), np.clip(to[..., 0], 0, width - 1)]
    visible = np.where(here >= 0, inside & (lands == here) & known, below.visible & ~(inside & (lands >= 0)))
    return TrueMotion(flow.astype(np.float32), visible, known)


def _lay(below: NDArray[np.uint8], over: NDArray[np.float32], shadow: float) -> NDArray[np.uint8]:
    """Lays a premultiplied drawing over a picture, with its shadow, which falls to the lower right."""
    under = below.astype(np.float32)
    if shadow:
        size = below.shape[0]
        away, blur = 0.03 * size, 0.015 * size
        cast = cv2.warpAffine(over[..., 3], np.array([[1, 0, away], [0, 1, away]], np.float32), (size, size))
        under *= 1 - shadow / 255 * cv2.GaussianBlur(cast, (0, 0), blur)[..., None]
    return np.clip(under * (1 - over[..., 3:] / 255) + over[..., :3] + 0.5, 0, 255).astype(np.uint8)


def _hang(masks: NDArray[np.bool_], areas: NDArray[np.int64]) -> tuple[list[int], list[tuple[float, float]]]:
    """At which larger shape each one hangs (-1: at none), and its joint: the middle of where it touches, or its own."""
    around = np.ones((5, 5), np.uint8)
    wide = [cv2.dilate(mask.astype(np.uint8), around) > 0 for mask in masks]
    hangs, joints = [], []
    for k, mask in enumerate(masks):
        found, joint = -1, _middle(mask)
        larger = [j for j in np.argsort(areas) if (areas[j], j) > (areas[k], k)]
        within = [j for j in larger if int((mask & masks[j]).sum()) >= _WITHIN * areas[k]]
        if within:
            found = int(within[0])
        else:
            touching = [(int((wide[k] & wide[j]).sum()), j) for j in larger]
            most, which = max(touching, default=(0, -1))
            if most >= max(1, _TOUCHES * areas[k]):
                found, joint = int(which), _middle(wide[k] & wide[which])
        hangs.append(found)
        joints.append(joint)
    return hangs, joints


def _middle(mask: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return (float(columns.mean()) + 0.5, float(rows.mean()) + 0.5) if len(rows) else (0.0, 0.0)


def _choose_motion(rng: np.random.Generator, joint: tuple[float, float], side: int) -> Motion:
    """A motion of a part: it swings, is squashed, or shifts."""
    kind = int(rng.integers(3))
    if kind == 0:
        return Motion(joint, turn=float(rng.normal(0, chances.SWUNG)))
    if kind == 1:
        squash = float(rng.normal(0, chances.SQUASHED))
        return Motion(joint, grow=(-squash / 3, squash))
    angle, far = float(rng.uniform(0, 2 * np.pi)), abs(float(rng.normal(0, chances.SHIFTED))) * side
    return Motion(joint, shift=(far * float(np.cos(angle)), far * float(np.sin(angle))))


def _pixels(height: int, width: int) -> NDArray[np.float64]:
    """The centres of all pixels, (height, width, 2)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], -1)


def _invert(matrix: Matrix) -> Matrix:
    inverse: Matrix = np.linalg.inv(matrix).astype(np.float64)
    return inverse


def _apply(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = points @ matrix[:2, :2].T + matrix[:2, 2]
    return moved
