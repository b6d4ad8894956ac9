"""An engine that draws along the motion that a `MotionNetwork` finds.

The network works on pictures of 200 to 300 pixels a side for key frames of any size. It finds the motion once for a
pair, and there are two ways to draw along it:

- "network": the network also predicts, for each t, where to sample and in which frame. Sampling at full size is by
  OpenCV on a CPU, in half the time of PyTorch, and by PyTorch on a GPU, where several frames are drawn at once, since
  each step takes longer to launch than to run.
- "classical": the motion replaces that of the search in `--engine flow`; the rest is that engine's.

On a CPU every network gets the motion of a search: guided networks start from it, others use it as help. On a GPU only
guided ones do, since the search would take longer than everything else.

Grey, alpha and more than 8 bits need no special treatment, as all colours are sampled from the key frames: the network
gets a picture of 8 bits and three channels, and all channels of the key frames are warped.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ...models.motion import Motion, MotionNetwork, Way, choose_size, explained_share
from ..media.frames import Frame
from ..motion.arcs import Turn, find_turns
from ..motion.grid import Array, Flow
from ..motion.guides import Guides, PairHints
from ..motion.light import is_another_light, is_fade
from ..motion.parts import Part
from ..motion.seam import Choice
from ..motion.search import search_motion
from ..motion.unmatched import find_unmatched, move_with_surroundings
from .apart import prepare_without_small_things
from .blend import Blend
from .flow import FlowPair
from .interface import DrawsTogether, Pair, Working, limit_colours, make_guides, view_for_matching
from .joining import (
    AGREES,
    RAMP,
    SEAM_WIDTH,
    TOGETHER,
    Placed,
    bend_placed,
    choose_frames,
    draw_joined,
    find_cover,
    measure_doubt,
)
from .relit import prepare_in_one_light
from .spaced import prepare_with_parts

RENDERERS = ("network", "classical")
"""The ways to draw along the network's motion."""
AREA, SEARCHED_AREA = 288 * 288, 224 * 224
"""Pixels of the network's input; larger key frames are reduced. The smaller one is for networks that get the motion of
a search, which has the detail: it draws as well, in 60 % of the time."""
_UNEXPLAINED = 0.1  # explained share of differences below which motion does not explain the pair
_UNSURE = 0.6  # explained share below which the motion is also searched in a smaller picture
_KNOWN = 6.0  # logit of the visibility of what an animator gives
_SMALLER = 4  # factor by which that has fewer pixels
_AT_ONCE, _AREA_AT_ONCE = 8, 1 << 24  # frames that PyTorch draws together, and their pixels: 1080p still goes by eights


class MotionEngine:
    """Draws with a motion network; see the module's docstring."""

    name, takes_hints = "motion", True

    def __init__(
        self,
        network: MotionNetwork,
        *,
        renderer: str = RENDERERS[0],
        area: int | None = None,
        searches: bool | None = None,
        mixes: bool = False,
        arcs: bool = False,
    ) -> None:
        """Takes a network, on its device.

        Args:
            network: in eval mode.
            renderer: one of RENDERERS.
            area: pixels of the network's input. None: AREA, or SEARCHED_AREA.
            searches: whether the network gets the motion of a search. None: on a CPU. A guided one always does.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            arcs: whether pieces that turn keep their size on the way.
        """
        self._arcs = arcs
        self.network = network.to(memory_format=torch.channels_last)
        """Finds the motion and draws along it."""
        self._device = next(network.parameters()).device
        self._classical = renderer == "classical"
        self._mixes = mixes
        # a search on the CPU takes longer than everything that a GPU does
        self.searches = network.config.guided or (self._device.type == "cpu" if searches is None else searches)
        """Whether the network gets the motion of a search."""
        self._area = area or (SEARCHED_AREA if self.searches else AREA)

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """Prepares a pair, if motion can explain it; frames in different light are relit first."""
        if hints is not None and hints.parts:
            return prepare_with_parts(first, last, hints, self.prepare)
        guides = make_guides(hints, first, last)
        if guides is not None:  # hinted pieces are not cut out as small things
            return prepare_in_one_light(first, last, partial(self._prepare, guides=guides))
        return prepare_without_small_things(first, last, partial(prepare_in_one_light, prepare=self._prepare))

    def _prepare(self, first: Working, last: Working, guides: Guides | None = None) -> Pair:
        if guides is None and is_fade(view_for_matching(first), view_for_matching(last)):
            return Blend(first, last)
        if self._classical:
            flows = read_flows(self._search(first, last, guides)[0], first.shape[0], first.shape[1])
            return FlowPair(first, last, flows, mixes=self._mixes, guides=guides, arcs=self._arcs)
        return self.prepare_motion(first, last, guides)

    def prepare_motion(self, first: Working, last: Working, guides: Guides | None = None) -> "MotionPair":
        """Finds the motion of a pair, for the network's own renderer."""
        motion, share = self._search(first, last, guides)
        return MotionPair(
            self.network, motion, first, last, confidence=share, mixes=self._mixes, guides=guides, arcs=self._arcs
        )

    def find_motion(self, first: Working, last: Working) -> Motion:
        """Finds the motion in a picture of the working size and, if that explains little, in a smaller one too.

        Long motion is shorter in the smaller one; the motion that explains more is taken. A searched motion needs no
        smaller picture, as its length has no limit.
        """
        return self._search(first, last)[0]

    @torch.inference_mode()
    def _search(self, first: Working, last: Working, guides: Guides | None = None) -> tuple[Motion, float | None]:
        """The motion, and the share that it explains if that is wanted."""
        views = [view_for_matching(frame) for frame in (first, last)]
        motion = self._find(views, self._area, guides)
        if self.searches or guides is not None:
            return motion, None
        share = explained_share(motion).item()
        height, width = first.shape[:2]
        less = self._area // _SMALLER
        if share < _UNSURE and choose_size(height, width, less) != choose_size(height, width, self._area):
            other = self._find(views, less)
            # small pictures differ less, hence the margin
            more = explained_share(other).item()
            if more > share + 0.1:
                return other, more
        return motion, share

    def _find(self, views: list[Frame], area: int, guides: Guides | None = None) -> Motion:
        height, width = choose_size(views[0].shape[0], views[0].shape[1], area)
        small: list[Frame] = [
            np.asarray(cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA), np.uint8) for view in views
        ]
        # bytes are sent, and converted on the device
        both = torch.from_numpy(np.stack(small)).to(self._device).permute(0, 3, 1, 2)  # (2, 3, H', W')
        first, last = (both.float() * (2 / 255) - 1).chunk(2)  # (1, 3, H', W') each
        given = None
        if self.searches:
            found = search_motion(views[0], views[1], height // 2, width // 2, guides)
            given = torch.from_numpy(found).to(self._device)  # (2, 2, H'/2, W'/2)
        motion = self.network.find_motion(first, last, given)
        return motion if guides is None else _clear(motion, guides)


class MotionPair(DrawsTogether):
    """Two key frames and the network's motion between them."""

    def __init__(
        self,
        network: MotionNetwork,
        motion: Motion,
        first: Working,
        last: Working,
        *,
        by_torch: bool | None = None,
        confidence: float | None = None,
        mixes: bool = False,
        guides: Guides | None = None,
        arcs: bool = False,
    ) -> None:
        """Prepares the frames for sampling.

        Args:
            network: the network that found the motion.
            motion: the motion of the two frames.
            first: a frame.
            last: another of the same shape and type.
            by_torch: whether PyTorch samples at full size. None: on any device but a CPU.
            confidence: `explained_share` of the motion, if it is known already.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            guides: motion that an animator gives.
            arcs: whether pieces that turn keep their size on the way.
        """
        self._network, self._guides = network, guides
        self.motion = motion
        """The network's motion."""
        self._frames = (first, last)
        self._mixes = mixes
        self._device = motion.flow.device
        self.confidence = explained_share(motion).item() if confidence is None else confidence
        """The share of differences between the frames that is visible in both, in [0, 1]."""
        views = (view_for_matching(frame) for frame in (first, last))
        self.explained = self.confidence > _UNEXPLAINED or guides is not None or is_another_light(*views)
        self._by_torch = self._device.type != "cpu" if by_torch is None else by_torch
        if guides is not None:  # they have the last word on where to sample, which is OpenCV's way of drawing
            self._by_torch = False
        self._turns: list[Turn] = []
        if arcs:
            flow = np.ascontiguousarray(motion.flow[0].permute(1, 2, 0).float().cpu().numpy())
            self._turns = find_turns(flow)
            self._by_torch = self._by_torch and not self._turns  # likewise
        if self._by_torch:
            self._early, self._late = (
                torch.from_numpy(np.ascontiguousarray(frame)).to(self._device).permute(2, 0, 1)[None].float() / 127.5
                - 1
                for frame in (first, last)
            )

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1): by PyTorch several at once, else on demand."""
        if not self._by_torch:
            yield from draw_joined(self._frames, times, self._place, mixes=self._mixes, guides=self._guides)
            return
        height, width = self._frames[0].shape[:2]
        most = max(1, min(_AT_ONCE, _AREA_AT_ONCE // (height * width)))
        before: tuple[Placed, Choice] | None = None
        for number in range(0, len(times), TOGETHER):
            chunk = times[number : number + TOGETHER]
            rising = sorted(set(chunk))
            way, missing = self._find_way(rising)
            choices: list[Choice] | None = None
            if not self._mixes:
                placed = self._read_way(way, missing, rising)
                choices = choose_frames(self._frames, placed, before)
                before = placed[-1], choices[-1]
            for start in range(0, len(chunk), most):
                these = [rising.index(t) for t in chunk[start : start + most]]
                for drawn in self._draw_at_once(way, rising, these, choices):
                    yield limit_colours(_fetch(drawn))

    @torch.inference_mode()
    def _find_way(self, times: Sequence[float]) -> tuple[Way, list[Array] | None]:
        """Where the frames are sampled for all these times, on the network's device.

        Also what is missing at each of them, (h, w), unless frames are blended.
        """
        # k times forward and then k times backward
        motion = Motion(*(part[:, None].expand(-1, len(times), -1, -1, -1).flatten(0, 1) for part in self.motion))
        t = torch.tensor(times, dtype=torch.float32).to(self._device, non_blocking=self._device.type == "cuda")
        way = self._network.find_way(motion, t)
        if self._mixes:
            return way, None
        shifts = way.shift.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (2k, h, w, 2)
        h, w = shifts.shape[1:3]
        first, last = (cv2.resize(part, (w, h), interpolation=cv2.INTER_LINEAR) for part in self._unmatched)
        missing = []
        for k in range(len(times)):
            (shifts[k], shifts[len(times) + k]), lost = move_with_surroundings(
                (shifts[k], shifts[len(times) + k]), (first, last)
            )
            missing.append(lost)
        return Way(torch.from_numpy(shifts).permute(0, 3, 1, 2).to(self._device), way.claim), missing

    @cached_property
    def _unmatched(self) -> list[Array]:
        """What either key frame shows and the other does not: (h, w) each."""
        pictures, flows, visible = (
            np.ascontiguousarray(part.permute(0, 2, 3, 1).float().cpu().numpy())
            for part in ((self.motion.small + 1) * 127.5, self.motion.flow, torch.sigmoid(self.motion.visible))
        )
        return [find_unmatched(pictures[k], pictures[1 - k], flows[k], visible[k, ..., 0]) for k in range(2)]

    @torch.inference_mode()
    def _read_way(self, way: Way, missing: Sequence[Array] | None, times: Sequence[float]) -> list[Placed]:
        """The same, in the form that `joining` needs."""
        shifts = way.shift.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (2k, h, w, 2)
        forward, backward = np.split(shifts, 2)
        early, late = way.claim.chunk(2)
        beliefs = (early - late)[:, 0].cpu().numpy()  # (k, h, w)

        def mix_at(k: int) -> Callable[[Array], Array]:
            @torch.inference_mode()
            def mix(difference: Array) -> Array:
                levels = torch.from_numpy(difference / np.float32(127.5))[None, None]
                return np.asarray(self._network.decide(_pick_way(way, [k]), levels)[0, 0].numpy())

            return mix

        placed = [
            Placed(t, (forward[k], backward[k]), beliefs[k], mix_at(k), None if missing is None else missing[k])
            for k, t in enumerate(times)
        ]
        return [bend_placed(each, self._turns) for each in placed] if self._turns else placed

    def follow(self) -> Flow:
        """Where everything goes: (H, W, 2), in pixels."""
        height, width = self._frames[0].shape[:2]
        found = read_flows(self.motion, height, width)[0]
        flow = np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        return flow if self._guides is None else self._guides.move(flow, 0)

    def doubt(self, t: float) -> Array:
        """Where the frame at t is guesswork: (h, w) in [0, 1]."""
        return measure_doubt(self._frames, self._place(t), self._guides)

    def cover(self, part: Part, t: float) -> Array:
        """How much of each pixel is on a part at t, from 0 to 1: (H, W) in [0, 1]."""
        return find_cover(part, t, self._place, self._guides)

    def _place(self, t: float) -> Placed:
        return self._read_way(*self._find_way([t]), [t])[0]

    @torch.inference_mode()
    def _draw_at_once(
        self, way: Way, times: Sequence[float], chosen: Sequence[int], choices: Sequence[Choice] | None
    ) -> Tensor:
        """The frames of the `chosen` ones of a way's times by PyTorch: (k, H, W, C), where the network is."""
        way = _pick_way(way, chosen)
        frames = [frame.expand(len(chosen), -1, -1, -1) for frame in (self._early, self._late)]
        early, late = self._network.carry(way, frames[0], frames[1], "bicubic")  # (k, C, H, W) each
        share = self._network.share(way, early, late)  # (k, 1, H, W)
        if choices is not None:
            share = _join([choices[k] for k in chosen], [times[k] for k in chosen], share, early, late)
        drawn = (late + share * (early - late)).add_(1).mul_(127.5).clamp_(0, 255)
        if self._frames[0].dtype == np.uint8:
            drawn = drawn.add_(0.5).to(torch.uint8)
        return drawn.permute(0, 2, 3, 1).contiguous()


def _clear(motion: Motion, guides: Guides) -> Motion:
    """The motion without the pieces whose motion an animator gives."""
    parts, seen = [], []
    for flow in (motion.flow, motion.fine):
        found = np.ascontiguousarray(flow.permute(0, 2, 3, 1).float().cpu().numpy())  # (2, h, w, 2)
        cleared = [guides.clear(found[end], end) for end in range(2)]
        parts.append(torch.from_numpy(np.stack([part for part, _ in cleared])).permute(0, 3, 1, 2).to(flow))
        seen.append(torch.from_numpy(np.stack([known for _, known in cleared]))[:, None].to(flow))
    known = seen[0]
    visible = torch.where(known == 0, motion.visible, _KNOWN * known)
    return motion._replace(flow=parts[0], fine=parts[1], visible=visible)


def _join(choices: Sequence[Choice], times: Sequence[float], share: Tensor, early: Tensor, late: Tensor) -> Tensor:
    """The first frame's share with the choices where the frames differ, as in `joining`: (k, 1, H, W)."""
    size = share.shape[-2:]
    wheres = [np.maximum(choice.chosen, choice.fades) for choice in choices]
    first, fades, where = (
        interpolate(torch.from_numpy(np.stack(maps))[:, None].to(share.device), size, mode="bilinear")
        for maps in ([choice.first for choice in choices], [choice.fades for choice in choices], wheres)
    )
    t = torch.tensor(times, dtype=torch.float32).to(share.device).view(-1, 1, 1, 1)
    steep = max(1.0, size[1] / choices[0].first.shape[1] / SEAM_WIDTH)
    shown = ((first - 0.5) * steep + 0.5).clamp(0, 1)
    shown = shown + (1 - t - shown) * fades
    apart = (early - late).abs().mean(1, keepdim=True) * 127.5  # levels of 255
    apart = avg_pool2d(apart, 3, 1, 1, count_include_pad=False)
    disagrees = ((apart - AGREES) / RAMP).clamp(0, 1) * where
    joined: Tensor = share + (shown - share) * disagrees
    return joined


def _pick_way(way: Way, chosen: Sequence[int]) -> Way:
    """Selects some times of a way."""
    count = len(way.claim) // 2
    rows = [*chosen, *(count + k for k in chosen)]
    return Way(way.shift[rows], way.claim[rows])


@torch.inference_mode()
def _fetch(values: Tensor) -> Array:
    """Copies values to the CPU; from CUDA into pinned memory, which takes a fraction of the time."""
    if values.device.type != "cuda":
        return np.asarray(values.cpu().numpy())
    return np.asarray(torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values).numpy())


def read_flows(motion: Motion, height: int, width: int) -> tuple[Flow, Flow]:
    """The motion of a pair in the classical engine's form: (h, w, 2) float32, in pixels of the key frames."""
    h, w = motion.fine.shape[-2:]
    scale = torch.tensor([width / w, height / h], device=motion.fine.device).view(1, 2, 1, 1)
    forward, backward = np.ascontiguousarray((motion.fine * scale).permute(0, 2, 3, 1).cpu().numpy())
    return forward, backward
