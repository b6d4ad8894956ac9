"""What draws an in-between: engines with one small interface.

An engine's `prepare(first, last)` runs once for a pair of key frames; what it gives back has `render(t)`, for each t,
and may have `render_all(times)`, where several frames are drawn in less time together.

Every engine takes and gives frames of one working form: (H, W, C), C of 1 (grey), 3 (RGB) or 4 (RGBA, premultiplied),
uint8 in [0, 255] or, wherever there is alpha or more than 8 bits, float32 in [0, 255]. The key frames themselves are
never asked of an engine: `core.inbetween` hands them back as they came.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from .config import ENGINES
from .errors import ConfigError
from .light import Light, find_light, is_another_light
from .optical_flow import Array, Flow, estimate_flow, pixel_grid, warp

_UNEXPLAINED = 0.03  # confidence: of 60 drawn cuts the highest had 0.029, of 60 drawn pairs in motion the lowest 0.04
_FEWEST = 150  # cells that must differ before anything is said of them
_DIFFERS = 0.02  # of the whole range, by which two cells must differ to be asked whether motion explains it

MOTION_WEIGHTS = Path(__file__).parents[1] / "models" / "weights" / "motion.safetensors"
"""The motion network that animi brings."""

Working = Array
"""A frame as engines see it; its type is np.uint8 or np.float32."""


class Pair(Protocol):
    """Two key frames of which everything that does not depend on t is known."""

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1), of the key frames' shape and type."""


@runtime_checkable
class Sure(Protocol):
    """A pair that knows how well motion explains it."""

    explained: bool
    """False where motion cannot be what happened between the key frames, as at a cut."""


@runtime_checkable
class Together(Protocol):
    """A pair that draws several frames in less time together than one after the other."""

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1), as `render` would, some of them ahead of being asked for."""


class Engine(Protocol):
    """A way to draw in-betweens."""

    name: str

    def prepare(self, first: Working, last: Working) -> Pair:
        """Does the work that is needed once for two key frames of one shape and type."""


def render_all(pair: Pair, times: Sequence[float]) -> Iterator[Working]:
    """Draws a pair's frames at `times` in (0, 1), in their order, together where the pair can."""
    return pair.render_all(times) if isinstance(pair, Together) else map(pair.render, times)


def open_engine(name: str | None = None, checkpoint: Path | None = None, device: str = "auto") -> Engine:
    """Opens an engine by its name, or the network that a checkpoint holds.

    Args:
        name: one of `config.ENGINES`; None: the checkpoint's network, or the first of them.
        checkpoint: a network's weights; the network then draws.
        device: "auto", "cpu", "cuda" or "mps"; only networks use it, the others run on the CPU.

    Raises:
        ConfigError: the name or the device is unknown, or both a name and a checkpoint are given.
        DeviceError: the device is not on this machine.
        CheckpointError: the checkpoint cannot be used, or animi's own weights are missing.
    """
    if name not in (None, *ENGINES):
        raise ConfigError(f"--engine: {name!r} is not known; choose one of {', '.join(ENGINES)}")
    if checkpoint is not None:
        if name is not None:
            raise ConfigError(f"--engine: {name} cannot draw together with --checkpoint; give one of the two")
        from .network_engine import open_network  # imports torch

        return open_network(checkpoint, device)
    if name in (None, "motion"):
        from .network_engine import open_network  # imports torch

        return open_network(MOTION_WEIGHTS, device)
    if device not in ("auto", "cpu"):
        from .devices import choose_device  # imports torch

        choose_device(device)
    return BlendEngine() if name == "blend" else FlowEngine()


class BlendEngine:
    """A plain cross-fade, for comparison: nothing moves, things fade out here and in there."""

    name = "blend"

    def prepare(self, first: Working, last: Working) -> "Blend":
        """Keeps the two frames."""
        return Blend(first, last)


class Blend:
    """A pair of frames that fade into each other."""

    def __init__(self, first: Working, last: Working) -> None:
        self._first, self._last = first, last

    def render(self, t: float) -> Working:
        """Draws (1 - t) * first + t * last."""
        mixed = cv2.addWeighted(self._first, 1 - t, self._last, t, 0)
        return mixed.reshape(self._first.shape)


def prepare_in_one_light(first: Working, last: Working, prepare: Callable[[Working, Working], Pair]) -> Pair:
    """Prepares two frames as `prepare` does, in one light where theirs differ while something moves."""
    light = None
    if first.shape[2] != 4:
        light = find_light(view_for_matching(first), view_for_matching(last))
    return prepare(first, last) if light is None else Relit(light, first, last, prepare)


class Relit:
    """Two frames in different lights, and motion between them.

    The darker one is brought to the light of the brighter, where colours are looked up as ever; then each frame drawn
    is brought to the light of its moment, which goes evenly from the one to the other. What lay in the dark is coarse
    in that light; so where a frame drawn differs from both by no more than that, nothing moves, and they are mixed.
    """

    def __init__(
        self, light: Light, first: Working, last: Working, prepare: Callable[[Working, Working], Pair]
    ) -> None:
        """Prepares the frames in the brighter light by `prepare`."""
        self._light = light
        self._mixture = Blend(first, last)
        self._lit = (first, light.brighten(last)) if light.dims else (light.brighten(first), last)
        self._pair = prepare(*self._lit)
        self.explained = not isinstance(self._pair, Sure) or self._pair.explained

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        return next(self.render_all([t]))

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1)."""
        for t, drawn in zip(times, render_all(self._pair, times), strict=True):
            apart = cv2.max(*(cv2.absdiff(drawn, frame) for frame in self._lit))
            most = reduce(cv2.max, cv2.split(apart)).astype(np.float32)  # of all channels, (H, W)
            moves = np.clip(most / self._light.coarseness - 1, 0, 1)
            dimmed = self._light.darken(drawn, t if self._light.dims else 1 - t)
            yield cv2.blendLinear(dimmed, self._mixture.render(t), moves, 1 - moves).reshape(drawn.shape)


class FlowEngine:
    """Moves pixels along the motion between the key frames, with occlusion reasoning; needs no training."""

    name = "flow"

    def prepare(self, first: Working, last: Working) -> Pair:
        """Finds the motion both ways, and where each frame shows what the other hides."""
        return prepare_in_one_light(first, last, FlowPair)


class FlowPair:
    """Two frames and the motion between them.

    A frame at t is made in three stages:

    1. On a coarse grid, both flows are splatted forward to t (softmax splatting, Niklaus and Liu, CVPR 2020, with the
       photometric error and the agreement of the two flows as importance): where each frame's content has got to, how
       fast it moves there, and where nothing of that frame arrives. Holes take the motion of what arrived nearby; where
       two things meet, the one that covers the other at the ends wins.
    2. Both frames are warped backward along these motions at full size, with bicubic interpolation.
    3. Where the two agree they are averaged by time; where they disagree one of them is chosen, the one whose content
       is seen in the other frame too and whose key frame is nearer, since a mixture would be a ghost.
    """

    def __init__(self, first: Working, last: Working, flows: tuple[Flow, Flow] | None = None) -> None:
        """Finds the motion, and where each frame shows what the other hides.

        Args:
            first: a frame.
            last: another of the same shape and type.
            flows: the motion where it is known already, as `estimate_flow` gives it.
        """
        self._frames = (first, last)
        self._shape = first.shape
        views = tuple(view_for_matching(frame) for frame in self._frames)
        found: tuple[Flow, Flow] = estimate_flow(*views) if flows is None else flows
        height, width = first.shape[:2]
        self._cells = (
            max(1, round(width / _splat_step(width, height))),
            max(1, round(height / _splat_step(width, height))),
        )
        w, h = self._cells
        self._to_cells = np.array([w / width, h / height], np.float32)
        scaled = [cv2.resize(flow, (w, h), interpolation=cv2.INTER_AREA) * self._to_cells for flow in found]
        small = [_shrink(view, w, h) / 255 for view in views]
        grid = pixel_grid(h, w)
        self._velocities = [scaled[0], -scaled[1]]  # both in the direction of time
        self._trust = []
        self._importance = []
        for here, there, flow, back in ((*small, *scaled), (*small[::-1], *scaled[::-1])):
            at = grid + flow
            error = np.abs(here - warp(there, at)).reshape(h, w, -1).mean(2)
            gap = np.hypot(*np.moveaxis(flow + warp(back, at), 2, 0))
            reach = 0.5 + 0.05 * np.hypot(flow[..., 0], flow[..., 1])
            trust = np.exp(-((gap / reach) ** 2))
            self._trust.append(trust)
            self._importance.append(np.exp(-30 * error) * (trust + 0.02))
        self.confidence = self._measure_confidence(small)
        """How much of what differs between the frames fits where its motion leads, in [0, 1]."""
        self.explained = self.confidence > _UNEXPLAINED or is_another_light(*views)
        self._find_covered()
        self._grid = pixel_grid(height, width)

    def _measure_confidence(self, small: list[Array]) -> float:
        """The importance, before what is covered is made up for, averaged over the cells that differ.

        1 where few do: there is too little to tell a cut by.
        """
        differs = np.abs(small[0] - small[1]).mean(2) > _DIFFERS
        if differs.sum() < _FEWEST:
            return 1.0
        return float(np.mean([importance[differs].mean() for importance in self._importance])) / 1.02

    def _find_covered(self) -> None:
        """Finds what the other frame covers, gives it the motion around it, and puts in front what covers it.

        What is seen in both frames may still meet on the way, when something goes farther than its own length: then
        two things arrive at one place, and which hides the other shows only at the ends, where it covers something. A
        cell is covered if its own motion is not to be trusted, while the motion around it leads to a cell of the other
        frame that is sure of its own.
        """
        grid = pixel_grid(*self._trust[0].shape)
        likely = [
            _fill_holes(velocity, trust + np.float32(1e-5))
            for velocity, trust in zip(self._velocities, self._trust, strict=True)
        ]
        ways = (1, -1)
        covered = [(1 - self._trust[k]) * warp(self._trust[1 - k], grid + ways[k] * likely[k]) for k in range(2)]
        # only what is certain and broad: slivers along an outline are noise, and would leave crumbs beside it
        covered = [np.where(cover > 0.9, cover, 0).astype(np.float32) for cover in covered]
        covered = [cv2.morphologyEx(cover, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) for cover in covered]
        landed = [_splat(likely[k], likely[k], covered[k], ways[k])[1] for k in range(2)]
        for k, (cover, trust) in enumerate(zip(covered, list(self._trust), strict=True)):
            front = cv2.blur(landed[1 - k], (3, 3)).clip(0, 1) * trust
            self._trust[k] = np.maximum(trust, 0.5 * cover)
            # no photometric error is expected of what the other frame does not show
            likeness = (self._importance[k] / (trust + 0.02)) ** (1 - cover)
            self._importance[k] = likeness * (self._trust[k] + 0.02) * (1 + 100 * front)
        self._velocities = [
            velocity + cover[..., None] * (motion - velocity)
            for velocity, motion, cover in zip(self._velocities, likely, covered, strict=True)
        ]

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        height, width = self._shape[:2]
        w, h = self._cells
        arrivals = [
            _splat(velocity, np.dstack([velocity, trust]), importance, elapsed)
            for velocity, trust, importance, elapsed in zip(
                self._velocities, self._trust, self._importance, (t, t - 1), strict=True
            )
        ]
        total, weight = arrivals[0][0] + arrivals[1][0], arrivals[0][1] + arrivals[1][1]
        either = _fill_holes(total / (weight[..., None] + 1e-6), np.minimum(weight, 1) + 1e-5)
        warped: list[Working] = []
        claims = []
        for frame, (sums, weights), elapsed in zip(self._frames, arrivals, (t, t - 1), strict=True):
            arrived = np.minimum(4 * weights, 1)[..., None]
            motion = sums / (weights[..., None] + 1e-6) * arrived + either * (1 - arrived)  # (h, w, 3)
            shift = motion[..., :2] * (-elapsed / self._to_cells)
            at = self._grid + cv2.resize(shift, (width, height), interpolation=cv2.INTER_LINEAR)
            warped.append(warp(frame, at, cv2.INTER_CUBIC).reshape(self._shape))
            claims.append((1 - abs(elapsed)) * (motion[..., 2] * np.minimum(2 * weights, 1) + 0.03))
        share = cv2.blur(claims[0] / (claims[0] + claims[1] + 1e-6), (11, 11))  # of the first frame
        # a frame has no say where nothing of it arrives, however sure it is nearby
        present = [np.minimum(4 * weights, 1) + 0.3 for _, weights in arrivals]
        share = share * present[0] / (share * present[0] + (1 - share) * present[1])
        difference = cv2.blur(_shrink(cv2.absdiff(*warped), w, h).mean(2), (3, 3))
        disagreement = np.clip((difference - 4) / 6, 0, 1)
        choice = 1 / (1 + np.exp(-50 * (share - 0.5)))
        share = (share + (choice - share) * disagreement).astype(np.float32)
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return limit_colours(cv2.blendLinear(warped[0], warped[1], share, 1 - share).reshape(self._shape))


def limit_colours(frame: Working) -> Working:
    """Brings what bicubic interpolation overshot back: into [0, 255], and colours below alpha; in place."""
    if frame.dtype == np.float32:
        np.clip(frame, 0, 255, out=frame)
        if frame.shape[2] == 4:
            np.minimum(frame[..., :3], frame[..., 3:], out=frame[..., :3])
    return frame


def view_for_matching(frame: Working) -> Array:
    """The frame as (H, W, 3) uint8, with what is transparent darker than any colour, so that outlines in it show."""
    if frame.shape[2] == 4:
        frame = (frame[..., :3] + frame[..., 3:]) / 2
    image = np.clip(frame + 0.5, 0, 255).astype(np.uint8) if frame.dtype != np.uint8 else frame
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.shape[2] == 1 else image, np.uint8)


def _shrink(frame: Working, w: int, h: int) -> Array:
    return cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA).reshape(h, w, -1).astype(np.float32)


def _splat_step(width: int, height: int) -> float:
    """Pixels to a cell of the splatting grid: 2.5 for small frames, 4 from 400 pixels on, and never over 480 cells."""
    longest = max(width, height)
    return max(2.5, min(4.0, longest / 100), longest / 480)


def _splat(velocity: Flow, values: Array, importance: Array, elapsed: float) -> tuple[Array, Array]:
    """Pushes values along elapsed * velocity onto the four nearest cells of the grid.

    Args:
        velocity: (h, w, 2) in cells for the whole time.
        values: (h, w, c).
        importance: (h, w), above 0.
        elapsed: part of the time, in [-1, 1].

    Returns:
        Sums of importance * value, (h, w, c), and of importance, (h, w).
    """
    h, w = importance.shape
    x = np.clip(np.arange(w, dtype=np.float32) + elapsed * velocity[..., 0], -1, w)
    y = np.clip(np.arange(h, dtype=np.float32)[:, None] + elapsed * velocity[..., 1], -1, h)
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = x - left, y - top
    # one cell of margin takes what falls outside
    corner = ((top + 1) * (w + 3) + (left + 1)).astype(np.int64)
    where = np.concatenate([corner.ravel() + step for step in (0, 1, w + 3, w + 4)])
    shares = np.stack(
        [
            (1 - right_share) * (1 - low_share),
            right_share * (1 - low_share),
            (1 - right_share) * low_share,
            right_share * low_share,
        ]
    )
    weights = shares * importance  # (4, h, w)
    layers = [weights, *(weights * values[..., k] for k in range(values.shape[2]))]
    size = (h + 3) * (w + 3)
    sums = [np.bincount(where, layer.ravel(), size).reshape(h + 3, w + 3)[1 : h + 1, 1 : w + 1] for layer in layers]
    return np.dstack(sums[1:]).astype(np.float32), sums[0].astype(np.float32)


def _fill_holes(values: Array, weight: Array) -> Array:
    """Replaces values of little weight by their surroundings': pull-push over a pyramid (Gortler et al., 1996, 4.2)."""
    sums, weights = [values * weight[..., None]], [weight]
    while min(weights[-1].shape) >= 2 and len(weights) < 8:
        sums.append(cv2.pyrDown(sums[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    filled = sums[-1] / np.maximum(weights[-1], 1e-8)[..., None]
    for level, amount in zip(sums[-2::-1], weights[-2::-1], strict=True):
        around = cv2.resize(filled, amount.shape[::-1], interpolation=cv2.INTER_LINEAR)
        filled = (level + 1e-3 * around) / (amount[..., None] + 1e-3)
    return filled
