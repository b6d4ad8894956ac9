"""Draws in-betweens from two key frames and an engine's prediction for each time: where to sample, and which to prefer.

Both engines that move pixels use this. The frames are warped at full size and joined along seams (`motion.seam`), or
blended with `--mix`.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from ..motion.arcs import Turn, bend
from ..motion.detail import Detail
from ..motion.grid import Array, Flow, find_box, mean_of_channels, pixel_grid, warp
from ..motion.guides import Guides
from ..motion.kept import shrink_once
from ..motion.parts import Part
from ..motion.seam import CELLS, FEWEST_CELLS, SeamChoice, choose, measure_difference
from ..motion.texture import ALLOWANCE_REACH, measure_allowance, measure_unlike
from ..motion.unmatched import grade_misfit
from ..threads import map_ahead
from .interface import DrawsTogether, Working, keep_between, limit_colours

LARGE = 480  # pixels of the longer side above which shares are computed at half size, in a third of the time at 720p
TOGETHER = 16
"""Times whose seams are chosen together; more take memory and hardly steady the result."""
_FINER = 2  # pixels across a cell of the seams' grid in the pictures in which differences are measured
AGREES, RAMP = 6.0, 8.0
"""Levels of 255 up to which warped frames agree, so that they are blended, and range in which the choice takes over."""
_LOOKED = 320  # pixels of the longer side of the picture in which doubt is measured: outlines are two pixels wide there
_AREA = 1 << 23  # pixels that are drawn at the same time: each takes about 30 bytes, 250 MB in all
SEAM_WIDTH = 1.5
"""Width in pixels of the transition from one frame to the other."""
SHIFT, SURE = 2, 2.0
"""Pixels of a frame by which an outline may be shifted between the warped frames and still be blended, and log odds
of one of the frames at which it hardly is any more. LPIPS of middle frames, joined: .0369 without and .0364 with these
on 18 triplets of Big Buck Bunny four frames apart, .0204 and .0199 two apart, .0727 and .0725 on half of the choosing
set. 4 pixels: .0364, .0197 and .0725, but a rabbit's ear is seen twice."""


@dataclass(frozen=True)
class Placed:
    """An engine's prediction for one time, on its own grid."""

    t: float
    """The time, in (0, 1)."""
    shifts: tuple[Flow, Flow]
    """(h, w, 2) in cells each: from a position at t to the position in the first and in the last key frame."""
    belief: Array
    """(h, w) float32: log odds that the first key frame shows the content there."""
    mix: Callable[[Array], Array]
    """Maps the mean difference of the warped frames, (h, w) in levels, to the first frame's share, (h, w)."""
    missing: Array | None = None
    """(h, w) float32 in [0, 1]: how far neither key frame has a match for what it shows, so that time alone decides."""
    detail: Detail | None = None
    """A finer motion, by which the positions are refined before frames are sampled."""

    @cached_property
    def samples(self) -> tuple[Flow, Flow]:
        """The shifts, refined where there is detail: (h', w', 2) in cells of that grid."""
        return self.shifts if self.detail is None else self.detail.refine(self.shifts, self.t)


def draw_joined(
    frames: tuple[Working, Working],
    times: Sequence[float],
    place: Callable[[float], Placed],
    *,
    mixes: bool = False,
    guides: Guides | None = None,
    values: tuple[Array, Array] | None = None,
    threads: int = 1,
) -> Iterator[Working]:
    """Draws the frames at `times`, at most `threads` of them ahead of the caller.

    Args:
        frames: the key frames.
        times: in (0, 1), in any order.
        place: returns the engine's prediction for a time.
        mixes: whether to blend the warped frames instead of joining them.
        guides: motion that an animator gives; not together with `values`.
        values: of both key frames, what is drawn instead of their colours; see `interface.Carrying`.
        threads: in which `place` may be called, and frames drawn, at the same time.
    """
    if guides is not None:
        yield from _draw_guided(frames, times, place, guides, mixes, threads)
        return
    grid = pixel_grid(*frames[0].shape[:2])
    if mixes:
        yield from map_ahead(lambda t: _draw(frames, place(t), None, grid, values), times, threads)
        return

    def place_and_refine(t: float) -> Placed:
        placed = place(t)
        _ = placed.samples  # computed here, in this thread
        return placed

    before: tuple[Placed, SeamChoice] | None = None
    for number in range(0, len(times), TOGETHER):
        chunk = times[number : number + TOGETHER]
        rising = sorted(set(chunk))
        ways = list(map_ahead(place_and_refine, rising, threads))
        chosen = choose_frames(frames, ways, before, threads)
        found = [(ways[place], chosen[place]) for place in map(rising.index, chunk)]
        yield from map_ahead(lambda way: _draw(frames, way[0], way[1], grid, values), found, threads)
        before = ways[-1], chosen[-1]


def _draw_guided(
    frames: tuple[Working, Working],
    times: Sequence[float],
    place: Callable[[float], Placed],
    guides: Guides,
    mixes: bool,
    threads: int,
) -> Iterator[Working]:
    """The same, with the pieces that an animator moves laid over the rest."""
    settled: dict[float, Placed] = {}

    def settle(t: float) -> Placed:
        settled[t] = _settle(place(t), guides)
        return settled[t]

    grounds = guides.paint_out(frames, 0), guides.paint_out(frames, 1)
    lay = guides.prepare_laying(frames)
    for t, drawn in zip(times, draw_joined(grounds, times, settle, mixes=mixes, threads=threads), strict=True):
        yield lay(drawn, t, settled[t].shifts)


def _settle(placed: Placed, guides: Guides) -> Placed:
    """The same with the pieces that an animator moves taken out."""
    shifts, belief, missing = guides.settle(placed.t, placed.shifts, placed.belief, placed.missing)
    return replace(placed, shifts=shifts, belief=belief, missing=missing)


class PlacedPair(DrawsTogether):
    """Base of pairs that predict for each time where to sample both key frames, and which of them to prefer."""

    def __init__(self, first: Working, last: Working, *, mixes: bool, guides: Guides | None, threads: int = 1) -> None:
        """Takes the key frames.

        Args:
            first: a frame.
            last: another of the same shape and type.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            guides: motion that an animator gives.
            threads: in which several frames are drawn at the same time, at most.
        """
        self._frames, self._mixes, self._guides = (first, last), mixes, guides
        self._threads = max(1, min(threads, _AREA // (first.shape[0] * first.shape[1])))

    @abstractmethod
    def _place(self, t: float) -> Placed:
        """The prediction for a time in (0, 1)."""

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1), with seams that are chosen for all of them together."""
        yield from draw_joined(
            self._frames, times, self._place, mixes=self._mixes, guides=self._guides, threads=self._threads
        )

    def carry(self, values: tuple[Array, Array]) -> "CarriedPair":
        """A pair of the same motion that draws other values, see `interface.Carrying`."""
        return CarriedPair(self, values)

    def draw_values(self, times: Sequence[float], values: tuple[Array, Array]) -> Iterator[Array]:
        """Draws other values at `times`: (H, W, C) float32."""
        yield from draw_joined(
            self._frames, times, self._place, mixes=self._mixes, values=values, threads=self._threads
        )

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (h, w) in [0, 1]."""
        return measure_doubt(self._frames, self._place(t), self._guides)

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on a part at t, from 0 to 1: (H, W) in [0, 1]."""
        return find_cover(part, t, self._place, self._guides)

    def _spread(self, flow: Flow) -> Flow:
        """Motion of cells, (h, w, 2) in pixels, as that of pixels, (H, W, 2), with that of an animator in it."""
        height, width = self._frames[0].shape[:2]
        spread = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        return spread if self._guides is None else self._guides.move(spread, 0)


class CarriedPair(DrawsTogether):
    """Other values of two key frames, drawn along their motion."""

    def __init__(self, pair: PlacedPair, values: tuple[Array, Array]) -> None:
        """Takes the key frames' pair, and values of both."""
        self._pair, self._values = pair, values

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the values at `times` in (0, 1)."""
        yield from self._pair.draw_values(times, self._values)


def choose_frames(
    frames: tuple[Working, Working],
    placed: Sequence[Placed],
    before: tuple[Placed, SeamChoice] | None = None,
    threads: int = 1,
) -> list[SeamChoice]:
    """Chooses the key frame to show where the two differ.

    Args:
        frames: the key frames.
        placed: the engine's predictions, in order of time.
        before: the prediction for an earlier time, and the choice made there; ignored if it is not earlier.
        threads: in which the moved frames of several times are compared.
    """
    if before is not None and before[0].t < placed[0].t:
        return _choose_all(frames, [before[0], *placed], before[1], threads)[1:]
    return _choose_all(frames, placed, None, threads)


def bend_placed(placed: Placed, turns: Sequence[Turn]) -> Placed:
    """The same with pieces that turn on their arcs (see `core.motion.arcs`); `turns` are in cells of its grid."""
    h, w = placed.belief.shape
    at = bend(turns, placed.t, (h, w))
    if at is None:
        return placed
    moved = at - pixel_grid(h, w)

    def carry(values: Array) -> Array:
        return warp(values, at)

    return replace(
        placed,
        shifts=(carry(placed.shifts[0]) + moved, carry(placed.shifts[1]) + moved),
        belief=carry(placed.belief),
        mix=lambda difference: carry(placed.mix(difference)),
        missing=None if placed.missing is None else carry(placed.missing),
        detail=None,  # it is of straight ways
    )


def measure_misfit(one: Working, other: Working) -> Array:
    """How far two frames show different things at each place: (h, w) float32 in [0, 1]."""
    apart = mean_of_channels(cv2.absdiff(one, other).reshape(*one.shape[:2], -1))
    return grade_misfit(cv2.blur(apart, (3, 3)))


def measure_doubt(frames: tuple[Working, Working], placed: Placed, guides: Guides | None = None) -> Array:
    """Measures where the frame at a time is guesswork.

    It is where the two moved key frames show different things, and either the engine does not know which of them is
    right, or neither key frame has a match for what it shows there.

    Args:
        frames: the key frames.
        placed: what the engine knows of the time.
        guides: motion that an animator gives, of which there is no doubt.

    Returns:
        (h, w) float32 in [0, 1], its longer side of at most _LOOKED pixels.
    """
    if guides is not None:
        placed = _settle(placed, guides)
    height, width = frames[0].shape[:2]
    scale = min(1.0, _LOOKED / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    views = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    disagrees = measure_misfit(*_warp_both(views, placed, pixel_grid(size[1], size[0])))
    unsure = 1 - np.abs(np.tanh(placed.belief / 2))  # 1 where both are as likely
    if placed.missing is not None:
        unsure = np.maximum(unsure, placed.missing)
    if guides is not None:
        whole = np.ones((height, width, 1), np.float32)
        pieces = guides.prepare_laying((whole, whole))(np.zeros_like(whole), placed.t, placed.shifts)
        disagrees = disagrees * (1 - cv2.resize(pieces, size, interpolation=cv2.INTER_AREA))
    return np.asarray(disagrees * cv2.resize(unsure, size, interpolation=cv2.INTER_LINEAR), np.float32)


def find_cover(part: Part, t: float, place: Callable[[float], Placed], guides: Guides | None = None) -> Array:
    """How much of each pixel is on a part at a time: (H, W) float32 in [0, 1].

    Args:
        part: the part, with its partner.
        t: from 0 to 1.
        place: returns the engine's prediction for a time in (0, 1).
        guides: motion that an animator gives; hinted pieces of the part follow it.
    """
    placed = place(keep_between(t))
    cover = part.find_cover(t, placed.shifts, placed.belief)
    mask = part.masks[0]
    if guides is not None and guides.guides and mask is not None:
        cover = np.maximum(cover, guides.cover(mask, t)[..., 0])
    return cover


def _choose_all(
    frames: tuple[Working, Working], placed: Sequence[Placed], first: SeamChoice | None, threads: int
) -> list[SeamChoice]:
    h, w = placed[0].belief.shape
    cells = _choose_cells((h, w), frames[0].shape[:2])
    size = tuple(min(_FINER * cell, side) for cell, side in zip(cells, frames[0].shape[1::-1], strict=True))
    views = [shrink_once(frame, *size) for frame in frames]
    grid = pixel_grid(size[1], size[0])
    method = cv2.INTER_LINEAR if cells > (w, h) else cv2.INTER_AREA
    to_cells = np.array([cells[0] / w, cells[1] / h], np.float32)
    differences, outlines, beliefs, missing, shifts = [], [], [], [], []
    compared = map_ahead(lambda way: measure_difference(*_warp_both(views, way, grid), cells), placed, threads)
    for way, (difference, outlined) in zip(placed, compared, strict=True):
        differences.append(difference)
        outlines.append(outlined)
        beliefs.append(cv2.resize(way.belief, cells, interpolation=method))
        missing.append(None if way.missing is None else cv2.resize(way.missing, cells, interpolation=method))
        shifts.append([cv2.resize(shift * to_cells, cells, interpolation=method) for shift in way.shifts])
    steps = [
        (
            shifts[k][1] * ((after.t - before.t) / (1 - before.t)),
            shifts[k + 1][0] * ((after.t - before.t) / after.t),
        )
        for k, (before, after) in enumerate(pairwise(placed))
    ]
    return choose([way.t for way in placed], differences, outlines, beliefs, steps, first, missing)


def _choose_cells(placed: tuple[int, int], size: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the seams' grid, for an engine's grid and frames of `size`, (height, width) each."""
    h, w = placed
    count = max(h * w, min(FEWEST_CELLS, size[0] * size[1] // 4))
    scale = (min(CELLS, count) / (h * w)) ** 0.5
    return max(1, round(w * scale)), max(1, round(h * scale))


def _warp_both(
    frames: Sequence[Working], placed: Placed, grid: Array, interpolation: int = cv2.INTER_LINEAR
) -> tuple[Working, Working]:
    """Both key frames, or smaller views of them, moved to the time; `grid` is the pixel grid of their size."""
    height, width = grid.shape[:2]
    h, w = placed.samples[0].shape[:2]
    scale = np.array([width / w, height / h], np.float32)

    def warp_one(frame: Working, shift: Flow) -> Working:
        at = cv2.resize(shift * scale, (width, height), interpolation=cv2.INTER_LINEAR)
        at += grid
        return warp(frame, at, interpolation).reshape(frame.shape)

    return warp_one(frames[0], placed.samples[0]), warp_one(frames[1], placed.samples[1])


def _draw(
    frames: tuple[Working, Working],
    placed: Placed,
    choice: SeamChoice | None,
    grid: Array,
    values: tuple[Array, Array] | None = None,
) -> Working:
    """Warps both frames, or other values of them, and joins them by `choice`. None: blends them."""
    height, width = frames[0].shape[:2]
    h, w = placed.belief.shape
    one, other = _warp_both(frames, placed, grid, cv2.INTER_CUBIC)
    apart = cv2.absdiff(one, other).reshape(one.shape)
    difference = cv2.resize(apart, (w, h), interpolation=cv2.INTER_AREA).reshape(h, w, -1).astype(np.float32).mean(2)
    share = placed.mix(difference)
    if choice is not None and (choice.chosen.any() or choice.fades.any()):
        share = _choose(choice, placed, share, (one, other), apart)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    if values is not None:  # of any range, so that overshoots of bicubic interpolation could not be cut off
        one, other = _warp_both(values, placed, grid)
        return np.asarray(cv2.blendLinear(one, other, share, 1 - share), np.float32).reshape(one.shape)
    return limit_colours(cv2.blendLinear(one, other, share, 1 - share).reshape(one.shape))


def _choose(choice: SeamChoice, placed: Placed, share: Array, frames: tuple[Working, Working], apart: Array) -> Array:
    """The first frame's share, with the choice where the warped frames differ.

    Where they differ by a small shift only, they are blended by time: each is as far off as it is far in time, and a
    blend shows no outline twice.

    Args:
        choice: the choice, on its own grid.
        placed: the engine's prediction.
        share: (h, w): share of the first frame in the blend.
        frames: the warped frames.
        apart: (H, W, C): their absolute difference.

    Returns:
        (H, W), or half the size for large frames.
    """
    height, width = apart.shape[:2]
    half = max(height, width) > LARGE
    size = (width // 2, height // 2) if half else (width, height)
    if half:
        apart, one, other = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (apart, *frames))
        apart, frames = apart.reshape(size[1], size[0], -1), (one, other)

    def spread(values: Array) -> Array:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)

    share, by_time = spread(share), np.float32(1 - placed.t)
    steep = max(1.0, size[0] / choice.first.shape[1] / SEAM_WIDTH)
    shown = np.clip((spread(choice.first) - 0.5) * steep + 0.5, 0, 1)
    unlike = cv2.blur(measure_unlike(*frames, reach=SHIFT // 2 if half else SHIFT), (3, 3))
    shifted = _grade(cv2.blur(mean_of_channels(apart), (3, 3))) - _grade(unlike)
    shifted *= np.exp(-((spread(placed.belief) / SURE) ** 2))
    share += (by_time - share) * np.maximum(shifted, 0)
    where = choice.chosen
    if choice.fades.any():
        shown += (by_time - shown) * spread(choice.fades)
        where = np.maximum(where, choice.fades)
    counts = spread(where)
    # measuring a texture takes long, so it is left out where it would not count
    box = find_box(counts > 0, ALLOWANCE_REACH)
    if not share[box].size:
        return share
    disagrees = _grade(unlike[box] - measure_allowance(*(frame[box] for frame in frames)))
    share[box] += (shown[box] - share[box]) * disagrees * counts[box]
    return share


def _grade(difference: Array) -> Array:
    """How far a difference in levels is one that counts, from 0 to 1."""
    return np.clip((difference - AGREES) * np.float32(1 / RAMP), 0, 1)
