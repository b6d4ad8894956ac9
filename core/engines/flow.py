"""The classical engine: moves pixels along the motion found between the key frames, without training."""

from functools import partial

import cv2
import numpy as np

from ..devices import count_threads
from ..motion.arcs import find_turns
from ..motion.grid import Array, Flow, pixel_grid, warp
from ..motion.guides import Guides, PairHints
from ..motion.kept import FrameMemory
from ..motion.light import is_another_light
from ..motion.search import estimate_flow
from ..motion.splatting import fill_holes, splat, splat_step
from .interface import Pair, Working, view_for_matching
from .joining import Placed, PlacedPair, bend_placed
from .preparing import prepare_moving

_UNEXPLAINED = 0.03  # confidence: of 60 drawn cuts the highest had 0.029, of 60 drawn pairs in motion the lowest 0.04
_BELIEF = 16.0  # log odds for a share of one half more: the mixture, too, takes a share of 0.6 for a choice
_FEWEST = 150  # cells that must differ before anything is said of them
_DIFFERS = 0.02  # of the whole range, by which two cells must differ to be asked whether motion explains it
_TINY = 1e-6  # keeps a quotient finite where nothing arrives
_FILLER = 1e-5  # weight of a cell's own motion in filling holes: it counts only where nothing better is near

# Those below were chosen by LPIPS and by eye on sequences of emoji and excerpts of the training split, while the engine
# was written (docs/notebook/interpolation.md); where a figure is known for one, it stands beside it.
_SLACK, _SLACK_GROWTH = 0.5, 0.05  # cells, and of the motion's length, by which there and back may miss each other
_HARDNESS = 30.0  # how fast importance falls with the photometric error (in [0, 1]): an error of 0.05 leaves a quarter
_LEAST_TRUST = 0.02  # what a cell that is not trusted at all still weighs: something has to be drawn there
_CERTAIN = 0.9  # of being covered, from which a cell is taken for covered: less is noise along outlines
_OPENING = (3, 3)  # cells: slivers of covered cells thinner than this are dropped, as they leave crumbs
_COVERED_TRUST = 0.5  # trust in a covered cell's borrowed motion
_IN_FRONT = 100.0  # how much heavier what covers something is than what it meets on the way
_ARRIVED = 4.0  # splatted weight of 1 / this counts as arrived: moved cells are spread over four
_CLAIMED = 2.0  # the same for a claim, which asks for more
_LEAST_CLAIM = 0.03  # each frame's claim to a cell that none has: there time alone decides
_SMOOTH = (11, 11)  # cells over which the choice of the frame is averaged, so that pieces are whole
_ABSENT = 0.3  # against 1.3: weight of a frame where none of its pixels land; line distance 26.0 to 18.5
_AGREE, _DISAGREE = 4.0, 6.0  # levels of 255: up to the first frames are mixed, the second above it one is chosen
_CHOICE = 50.0  # how hard that choice is: a share of 0.6 of one frame makes 0.99
_NOISE = (3, 3)  # pixels over which the difference is averaged first


class FlowEngine:
    """Moves pixels along the motion between the key frames, with occlusion reasoning; needs no training."""

    name, takes_hints = "flow", True

    def __init__(self, *, mixes: bool = False, arcs: bool = False, at_once: int = 1) -> None:
        """Draws.

        Args:
            mixes: whether frames that disagree are mixed and not joined.
            arcs: whether what turns keeps its size.
            at_once: pairs that may be prepared at the same time, in as many threads.
        """
        self._mixes, self._arcs = mixes, arcs
        self.at_once = at_once
        """Pairs that may be prepared at the same time."""
        self._memory = FrameMemory(at_once + 2)

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """Finds the motion both ways, and where each frame shows what the other hides."""
        draw = partial(FlowPair, mixes=self._mixes, arcs=self._arcs)
        first, last = self._memory.keep(first), self._memory.keep(last)
        return prepare_moving(first, last, hints, draw, figures=not self._mixes)

    def prepare_plain(self, first: Working, last: Working) -> PlacedPair:
        """Finds the motion of two frames, with nothing drawn apart."""
        return FlowPair(first, last, mixes=self._mixes, arcs=self._arcs)


class FlowPair(PlacedPair):
    """Two frames and the motion between them.

    A frame at t is made in three stages:

    1. On a coarse grid, both flows are splatted forward to t (softmax splatting, Niklaus and Liu, CVPR 2020, with the
       photometric error and the agreement of the two flows as importance): where each frame's content has got to, how
       fast it moves there, and where nothing of that frame arrives. Holes take the motion of what arrived nearby; where
       two things meet, the one that covers the other at the ends wins.
    2. Both frames are warped backward along these motions at full size, with bicubic interpolation.
    3. Where the two agree they are averaged by time; where they disagree they are joined along a seam, so that each
       place shows one of them: preferably the one whose content is visible in the other frame too and whose key frame
       is nearer.
    """

    def __init__(
        self,
        first: Working,
        last: Working,
        flows: tuple[Flow, Flow] | None = None,
        *,
        mixes: bool = False,
        guides: Guides | None = None,
        arcs: bool = False,
    ) -> None:
        """Finds the motion, and where each frame shows what the other hides.

        Args:
            first: a frame.
            last: another of the same shape and type.
            flows: the motion where it is known already, as `estimate_flow` gives it.
            mixes: whether frames that disagree are mixed instead of joined.
            guides: motion that an animator gives.
            arcs: whether pieces that turn keep their size on the way.
        """
        super().__init__(first, last, mixes=mixes, guides=guides, threads=count_threads())
        views = tuple(view_for_matching(frame) for frame in self._frames)
        found: tuple[Flow, Flow] = estimate_flow(*views, guides=guides) if flows is None else flows
        height, width = first.shape[:2]
        self._cells = (
            max(1, round(width / splat_step(width, height))),
            max(1, round(height / splat_step(width, height))),
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
            reach = _SLACK + _SLACK_GROWTH * np.hypot(flow[..., 0], flow[..., 1])
            trust = np.exp(-((gap / reach) ** 2))
            self._trust.append(trust)
            self._importance.append(np.exp(-_HARDNESS * error) * (trust + _LEAST_TRUST))
        self.confidence = self._measure_confidence(small)
        """How much of what differs between the frames fits where its motion leads, in [0, 1]."""
        self.explained = self.confidence > _UNEXPLAINED or guides is not None or is_another_light(*views)
        self._find_covered()
        self._turns = find_turns(self._velocities[0]) if arcs else []

    def _measure_confidence(self, small: list[Array]) -> float:
        """The importance, before what is covered is made up for, averaged over the cells that differ.

        1 if few do, which is too little to detect a cut by.
        """
        differs = np.abs(small[0] - small[1]).mean(2) > _DIFFERS
        if differs.sum() < _FEWEST:
            return 1.0
        return float(np.mean([importance[differs].mean() for importance in self._importance])) / (1 + _LEAST_TRUST)

    def _find_covered(self) -> None:
        """Finds what the other frame covers, gives it the motion around it, and puts in front what covers it.

        What is seen in both frames may still meet on the way, when something goes farther than its own length: then
        two things arrive at one place, and which hides the other shows only at the ends, where it covers something. A
        cell is covered if its own motion is not to be trusted, while the motion around it leads to a cell of the other
        frame that is sure of its own.
        """
        grid = pixel_grid(*self._trust[0].shape)
        likely = [
            fill_holes(velocity, trust + np.float32(_FILLER))
            for velocity, trust in zip(self._velocities, self._trust, strict=True)
        ]
        ways = (1, -1)
        covered = [(1 - self._trust[k]) * warp(self._trust[1 - k], grid + ways[k] * likely[k]) for k in range(2)]
        # only what is certain and broad: slivers along an outline are noise, and would leave crumbs beside it
        covered = [np.where(cover > _CERTAIN, cover, 0).astype(np.float32) for cover in covered]
        covered = [cv2.morphologyEx(cover, cv2.MORPH_OPEN, np.ones(_OPENING, np.uint8)) for cover in covered]
        landed = [splat(likely[k], likely[k], covered[k], ways[k])[1] for k in range(2)]
        for k, (cover, trust) in enumerate(zip(covered, list(self._trust), strict=True)):
            front = cv2.blur(landed[1 - k], _OPENING).clip(0, 1) * trust
            self._trust[k] = np.maximum(trust, _COVERED_TRUST * cover)
            # no photometric error is expected of what the other frame does not show
            likeness = (self._importance[k] / (trust + _LEAST_TRUST)) ** (1 - cover)
            self._importance[k] = likeness * (self._trust[k] + _LEAST_TRUST) * (1 + _IN_FRONT * front)
        self._velocities = [
            velocity + cover[..., None] * (motion - velocity)
            for velocity, motion, cover in zip(self._velocities, likely, covered, strict=True)
        ]

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        return self._spread(self._velocities[0] / self._to_cells)

    def find_flows(self) -> tuple[Flow, Flow]:
        """Forward and backward motion: (h, w, 2), in pixels of the frames."""
        return self._velocities[0] / self._to_cells, -self._velocities[1] / self._to_cells

    def _place(self, t: float) -> Placed:
        """Where to sample both frames at t, and how much either is believed."""
        arrivals = [
            splat(velocity, np.dstack([velocity, trust]), importance, elapsed)
            for velocity, trust, importance, elapsed in zip(
                self._velocities, self._trust, self._importance, (t, t - 1), strict=True
            )
        ]
        total, weight = arrivals[0][0] + arrivals[1][0], arrivals[0][1] + arrivals[1][1]
        either = fill_holes(total / (weight[..., None] + _TINY), np.minimum(weight, 1) + _FILLER)
        shifts = []
        claims = []
        for (sums, weights), elapsed in zip(arrivals, (t, t - 1), strict=True):
            arrived = np.minimum(_ARRIVED * weights, 1)[..., None]
            motion = sums / (weights[..., None] + _TINY) * arrived + either * (1 - arrived)  # (h, w, 3)
            shifts.append(motion[..., :2] * np.float32(-elapsed))
            claims.append((1 - abs(elapsed)) * (motion[..., 2] * np.minimum(_CLAIMED * weights, 1) + _LEAST_CLAIM))
        share = cv2.blur(claims[0] / (claims[0] + claims[1] + _TINY), _SMOOTH)  # of the first frame
        # down-weight a frame where none of its pixels land
        present = [np.minimum(_ARRIVED * weights, 1) + _ABSENT for _, weights in arrivals]
        share = share * present[0] / (share * present[0] + (1 - share) * present[1])

        def mix(difference: Array) -> Array:
            disagreement = np.clip((cv2.blur(difference, _NOISE) - _AGREE) / _DISAGREE, 0, 1)
            choice = 1 / (1 + np.exp(-_CHOICE * (share - 0.5)))
            return np.asarray(share + (choice - share) * disagreement, np.float32)

        belief = (_BELIEF * (share - 0.5)).astype(np.float32)
        return bend_placed(Placed(t, (shifts[0], shifts[1]), belief, mix), self._turns)


def _shrink(frame: Working, w: int, h: int) -> Array:
    return cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA).reshape(h, w, -1).astype(np.float32)
