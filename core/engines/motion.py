"""The motion engine by PyTorch: on a GPU, and for trained checkpoints; `motion_base` describes how it draws.

On a CPU, PyTorch computes the network's four steps (`TorchSteps`), and the rest is that of the base. On a GPU,
PyTorch also samples at full size, and draws several frames at once, since each step takes longer to launch than to
run. Only guided networks get the motion of a search there, since the search would take longer than everything else.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ...models.motion import FrameFeatures, Motion, MotionNetwork, Way, choose_size, explained_share
from ..motion.detail import Detail
from ..motion.grid import Array, Flow
from ..motion.guides import Guides
from ..motion.seam import SeamChoice
from .interface import Working, limit_colours
from .joining import TOGETHER, Placed, choose_frames
from .joining_by_torch import join
from .motion_base import (
    RENDERERS,
    BaseMotionEngine,
    BaseMotionPair,
    clear,
    move_unmatched,
    scale_flows,
)
from .motion_steps import Encoded, FoundMotion, FoundWay

AREA = 288 * 288
"""Pixels of the network's input without a search; with one, it gets at most `SEARCHED_AREA`, as the search has the
detail: the network draws as well, in 60 % of the time."""
_UNSURE = 0.6  # explained share below which the motion is also searched in a smaller picture
_SMALLER = 4  # factor by which that has fewer pixels
_AT_ONCE, _AREA_AT_ONCE = 8, 1 << 24  # frames that PyTorch draws together, and their pixels: 1080p still goes by eights


class TorchSteps:
    """The four steps of a network by PyTorch; arrays share the memory of its tensors on a CPU."""

    threads = 1  # PyTorch has its own

    def __init__(self, network: MotionNetwork) -> None:
        """Takes a network in eval mode, on its device."""
        self._network = network
        self._device = next(network.parameters()).device

    @torch.inference_mode()
    def encode(self, frame: Array) -> FrameFeatures:
        """See `MotionSteps`; one frame at a time, as a batch of two may round differently."""
        # bytes are sent, and converted on the device
        picture = torch.from_numpy(frame[None].copy()).to(self._device).permute(0, 3, 1, 2)  # (1, 3, H', W')
        return self._network.encode(picture.float() * (2 / 255) - 1)

    def find_motion(self, first: Encoded, last: Encoded, given: Array | None) -> FoundMotion:
        """See `MotionSteps`."""
        return to_arrays(self.find(first, last, given))

    @torch.inference_mode()
    def find(self, first: Encoded, last: Encoded, given: Array | None) -> Motion:
        """The same, as tensors on the network's device."""
        start = None if given is None else torch.from_numpy(given).to(self._device)  # (2, 2, H'/2, W'/2)
        return self._network.find_motion_of(FrameFeatures(*first), FrameFeatures(*last), start)

    @torch.inference_mode()
    def find_way(self, motion: FoundMotion, t: float) -> FoundWay:
        """See `MotionSteps`."""
        found = Motion(*(torch.from_numpy(part).to(self._device) for part in motion))
        way = self._network.find_way(found, torch.tensor([t], dtype=torch.float32).to(self._device))
        return FoundWay(_to_array(way.shift), _to_array(way.claim))

    @torch.inference_mode()
    def decide(self, way: FoundWay, difference: Array) -> Array:
        """See `MotionSteps`."""
        shift, claim = (torch.from_numpy(part).to(self._device) for part in way)
        levels = torch.from_numpy(difference)[None, None].to(self._device)
        return _to_array(self._network.decide(Way(shift, claim), levels)[0, 0])


def to_arrays(motion: Motion) -> FoundMotion:
    """A pair's motion as arrays."""
    return FoundMotion(*map(_to_array, motion))


@torch.inference_mode()
def _to_array(values: Tensor) -> Array:
    return np.asarray(values.float().cpu().numpy())


class MotionEngine(BaseMotionEngine):
    """Draws with a motion network by PyTorch; see the module's docstring."""

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
            area: pixels of the network's input. None: AREA, or `choose_searched_area` with a search.
            searches: whether the network gets the motion of a search. None: on a CPU. A guided one always does.
            mixes: whether warped frames are blended where they differ, instead of joined along a seam.
            arcs: whether pieces that turn keep their size on the way.
        """
        self.network = network.to(memory_format=torch.channels_last)
        """Finds the motion and draws along it."""
        # a search on the CPU takes longer than everything that a GPU does
        on_cpu = next(network.parameters()).device.type == "cpu"
        self.searches = network.config.guided or (on_cpu if searches is None else searches)
        """Whether the network gets the motion of a search."""
        self._torch_steps = TorchSteps(self.network)
        area = area or (None if self.searches else AREA)
        super().__init__(self._torch_steps, renderer=renderer, area=area, mixes=mixes, arcs=arcs)

    def prepare_motion(self, first: Working, last: Working, guides: Guides | None = None) -> "MotionPair":
        """Finds the motion of a pair, for the network's own renderer."""
        motion, share, detail = self._find(first, last, guides)
        return MotionPair(
            self.network,
            motion,
            first,
            last,
            confidence=share,
            mixes=self._mixes,
            guides=guides,
            arcs=self._arcs,
            detail=detail,
        )

    def find_motion(self, first: Working, last: Working) -> Motion:
        """Finds the motion in a picture of the working size and, if that explains little, in a smaller one too.

        Long motion is shorter in the smaller one; the motion that explains more is taken. A searched motion needs no
        smaller picture, as its length has no limit.
        """
        return self._find(first, last)[0]

    def find_flows(self, first: Working, last: Working, guides: Guides | None = None) -> tuple[Flow, Flow]:
        """The motion of a pair in the classical engine's form."""
        return read_flows(self._find(first, last, guides)[0], first.shape[0], first.shape[1])

    def _find(
        self, first: Working, last: Working, guides: Guides | None = None
    ) -> tuple[Motion, float | None, Detail | None]:
        """The motion, the share that it explains if that is needed, and the detail of a search if there was one."""
        if self.searches:
            given, detail = self._search_small(first, last, guides)
            motion = self._find_in_small(first, last, self._choose_area(first), given)
            return motion if guides is None else _clear(motion, guides), None, detail
        area = self._choose_area(first)
        motion = self._find_in_small(first, last, area)
        if guides is not None:
            return _clear(motion, guides), None, None
        share = explained_share(motion).item()
        height, width = first.shape[:2]
        less = area // _SMALLER
        if share < _UNSURE and choose_size(height, width, less) != choose_size(height, width, area):
            other = self._find_in_small(first, last, less)
            # small pictures differ less, hence the margin
            more = explained_share(other).item()
            if more > share + 0.1:
                return other, more, None
        return motion, share, None

    def _find_in_small(self, first: Working, last: Working, area: int, given: Array | None = None) -> Motion:
        """The motion that the network finds at the working size of about `area` pixels."""
        return self._torch_steps.find(self._encode(first, area), self._encode(last, area), given)


class MotionPair(BaseMotionPair):
    """Two key frames and the network's motion between them, as tensors where PyTorch samples at full size."""

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
        detail: Detail | None = None,
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
            detail: of the search that helped the network; used where OpenCV samples.
        """
        self._network = network
        self.motion = motion
        """The network's motion."""
        self._device = motion.flow.device
        share = explained_share(motion).item() if confidence is None else confidence
        super().__init__(
            TorchSteps(network),
            None,
            first,
            last,
            confidence=share,
            mixes=mixes,
            guides=guides,
            arcs=arcs,
            detail=detail,
        )
        self._by_torch = self._device.type != "cpu" if by_torch is None else by_torch
        if guides is not None:  # they have the last word on where to sample, which is OpenCV's way of drawing
            self._by_torch = False
        self._by_torch = self._by_torch and not self._turns  # likewise
        if self._by_torch:
            self._early, self._late = (
                torch.from_numpy(frame.copy()).to(self._device).permute(2, 0, 1)[None].float() / 127.5 - 1
                for frame in (first, last)
            )

    @cached_property
    def _found(self) -> FoundMotion:
        return to_arrays(self.motion)

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1): by PyTorch several at once, else on demand."""
        if not self._by_torch:
            yield from super().render_all(times)
            return
        height, width = self._frames[0].shape[:2]
        most = max(1, min(_AT_ONCE, _AREA_AT_ONCE // (height * width)))
        before: tuple[Placed, SeamChoice] | None = None
        for number in range(0, len(times), TOGETHER):
            chunk = times[number : number + TOGETHER]
            rising = sorted(set(chunk))
            way, placed = self._find_way(rising)
            choices: list[SeamChoice] | None = None
            if placed is not None:
                choices = choose_frames(self._frames, placed, before)
                before = placed[-1], choices[-1]
            for start in range(0, len(chunk), most):
                these = [rising.index(t) for t in chunk[start : start + most]]
                for drawn in self._draw_at_once(way, rising, these, choices):
                    yield limit_colours(_fetch(drawn))

    @torch.inference_mode()
    def _find_way(self, times: Sequence[float]) -> tuple[Way, list[Placed] | None]:
        """Where the frames are sampled for all these times, on the network's device.

        Also the same in the form that `joining` needs to choose frames, unless frames are blended.
        """
        # k times forward and then k times backward
        motion = Motion(*(part[:, None].expand(-1, len(times), -1, -1, -1).flatten(0, 1) for part in self.motion))
        t = torch.tensor(times, dtype=torch.float32).to(self._device, non_blocking=self._device.type == "cuda")
        way = self._network.find_way(motion, t)
        if self._mixes:
            return way, None
        early, late = way.claim.chunk(2)
        beliefs = (early - late)[:, 0].cpu().numpy()  # (k, h, w)
        forward, backward = np.split(way.shift.permute(0, 2, 3, 1).contiguous().cpu().numpy(), 2)  # (k, h, w, 2)
        placed = []
        for k, time in enumerate(times):
            (forward[k], backward[k]), missing = move_unmatched((forward[k], backward[k]), self._unmatched)
            placed.append(Placed(time, (forward[k], backward[k]), beliefs[k], _mix_by_torch, missing))
        shifts = torch.from_numpy(np.concatenate([forward, backward])).permute(0, 3, 1, 2).to(self._device)
        return Way(shifts, way.claim), placed

    @torch.inference_mode()
    def _draw_at_once(
        self, way: Way, times: Sequence[float], chosen: Sequence[int], choices: Sequence[SeamChoice] | None
    ) -> Tensor:
        """The frames of the `chosen` ones of a way's times by PyTorch: (k, H, W, C), where the network is."""
        way = _pick_way(way, chosen)
        frames = [frame.expand(len(chosen), -1, -1, -1) for frame in (self._early, self._late)]
        early, late = self._network.carry(way, frames[0], frames[1], "bicubic")  # (k, C, H, W) each
        share = self._network.share(way, early, late)  # (k, 1, H, W)
        if choices is not None:
            sure, unsure = way.claim.chunk(2)
            moments = [times[k] for k in chosen]
            share = join([choices[k] for k in chosen], moments, share, sure - unsure, early, late)
        drawn = (late + share * (early - late)).add_(1).mul_(127.5).clamp_(0, 255)
        if self._frames[0].dtype == np.uint8:
            drawn = drawn.add_(0.5).to(torch.uint8)
        return drawn.permute(0, 2, 3, 1).contiguous()


def _mix_by_torch(difference: Array) -> Array:
    raise NotImplementedError("frames are mixed by PyTorch")


def _clear(motion: Motion, guides: Guides) -> Motion:
    """The motion without the pieces whose motion an animator gives."""
    cleared = clear(to_arrays(motion), guides)
    parts = zip(cleared, motion, strict=True)
    return Motion(*(torch.from_numpy(np.ascontiguousarray(part)).to(old) for part, old in parts))


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
    return scale_flows(_to_array(motion.fine), height, width)
