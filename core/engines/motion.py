"""An engine that draws along the motion that a `MotionNetwork` finds.

The network works on pictures of 200 to 300 pixels a side, whatever the key frames' size. What it finds, once for a
pair, leads to two ways of drawing:

- "network": the network also says, for each t, where to look and in which frame. The looking-up at full size is
  OpenCV's on a CPU, which takes half the time of PyTorch's there, and PyTorch's on a GPU, where several frames are
  drawn at once, since each step takes longer to launch than to run.
- "classical": the motion replaces the one that `--engine flow` searches for, and everything else is that engine's.

On a CPU every network is given the motion that a search finds: guided ones begin with it, the others are helped. On a
GPU only guided ones are, since the search would take longer than all the rest.

Grey, alpha and depths beyond 8 bits need nothing special, as colours are only ever looked up in the key frames: the
network sees a picture of 8 bits and three channels, and all of the key frames' channels are moved.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from ...models.motion import Motion, MotionNetwork, choose_size, explained_share
from ..media.frames import Frame
from ..motion.grid import Array, Flow, pixel_grid, warp
from ..motion.light import is_another_light, is_fade
from ..motion.search import search_motion
from .blend import Blend
from .flow import FlowPair
from .interface import Pair, Working, limit_colours, view_for_matching
from .relit import prepare_in_one_light

RENDERERS = ("network", "classical")
"""What draws along the network's motion."""
AREA, SEARCHED_AREA = 288 * 288, 224 * 224
"""Pixels of the picture that the network finds motion in; larger key frames are made smaller for it. The smaller one is
for where a search gives the detail: it draws as well, and takes 60 % of the time."""
_UNEXPLAINED = 0.1  # of what differs is seen in both: below, motion is not what happened
_UNSURE = 0.6  # of what differs is explained: below, the motion is searched for in a smaller picture as well
_SMALLER = 4  # times fewer pixels then
_AT_ONCE, _AREA_AT_ONCE = 8, 1 << 24  # frames that PyTorch draws together, and their pixels: 1080p still goes by eights


class MotionEngine:
    """Draws with a motion network; see the module's docstring."""

    name = "motion"

    def __init__(
        self,
        network: MotionNetwork,
        *,
        renderer: str = RENDERERS[0],
        area: int | None = None,
        searches: bool | None = None,
    ) -> None:
        """Takes a network, where it is.

        Args:
            network: in eval mode.
            renderer: one of RENDERERS.
            area: pixels of the picture that the network sees; None: AREA, or SEARCHED_AREA.
            searches: whether the network is given what a search finds; None: on a CPU. A guided one always is.
        """
        self.network = network.to(memory_format=torch.channels_last)
        """Finds the motion and draws along it."""
        self._device = next(network.parameters()).device
        self._classical = renderer == "classical"
        # a search on the CPU takes longer than everything that a GPU does
        self.searches = network.config.guided or (self._device.type == "cpu" if searches is None else searches)
        """Whether the network is given what a search finds."""
        self._area = area or (SEARCHED_AREA if self.searches else AREA)

    def prepare(self, first: Working, last: Working) -> Pair:
        """Finds the motion both ways, if it is motion, in one light if the frames have two."""
        return prepare_in_one_light(first, last, self._prepare)

    def _prepare(self, first: Working, last: Working) -> Pair:
        if is_fade(view_for_matching(first), view_for_matching(last)):
            return Blend(first, last)
        if self._classical:
            return FlowPair(first, last, read_flows(self.find_motion(first, last), first.shape[0], first.shape[1]))
        return self.prepare_motion(first, last)

    def prepare_motion(self, first: Working, last: Working) -> "MotionPair":
        """The same, for the network's own renderer."""
        motion, share = self._search(first, last)
        return MotionPair(self.network, motion, first, last, confidence=share)

    def find_motion(self, first: Working, last: Working) -> Motion:
        """Finds the motion in a picture of the working size, and where that explains little, in a smaller one too.

        The smaller one makes long ways short; what explains more is taken. What is searched without training needs
        none: it is as long as it has to be.
        """
        return self._search(first, last)[0]

    @torch.inference_mode()
    def _search(self, first: Working, last: Working) -> tuple[Motion, float | None]:
        """The motion, and the share that it explains where that was asked for."""
        views = [view_for_matching(frame) for frame in (first, last)]
        motion = self._find(views, self._area)
        if self.searches:
            return motion, None
        share = explained_share(motion).item()
        height, width = first.shape[:2]
        less = self._area // _SMALLER
        if share < _UNSURE and choose_size(height, width, less) != choose_size(height, width, self._area):
            other = self._find(views, less)
            # what is small looks more alike than it is, hence the margin
            more = explained_share(other).item()
            if more > share + 0.1:
                return other, more
        return motion, share

    def _find(self, views: list[Frame], area: int) -> Motion:
        height, width = choose_size(views[0].shape[0], views[0].shape[1], area)
        small: list[Frame] = [
            np.asarray(cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA), np.uint8) for view in views
        ]
        # bytes travel, and become numbers where they are needed
        both = torch.from_numpy(np.stack(small)).to(self._device).permute(0, 3, 1, 2)  # (2, 3, H', W')
        first, last = (both.float() * (2 / 255) - 1).chunk(2)  # (1, 3, H', W') each
        given = None
        if self.searches:
            found = search_motion(views[0], views[1], height // 2, width // 2)
            given = torch.from_numpy(found).to(self._device)  # (2, 2, H'/2, W'/2)
        return self.network.find_motion(first, last, given)


class MotionPair:
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
    ) -> None:
        """Readies the frames to be looked up in.

        Args:
            network: what found the motion.
            motion: of the two frames.
            first: a frame.
            last: another of the same shape and type.
            by_torch: whether PyTorch looks up at full size; None: wherever that is not a CPU.
            confidence: `explained_share` of the motion, where it is known already.
        """
        self._network = network
        self.motion = motion
        """What the network found."""
        self._frames = (first, last)
        self._device = motion.flow.device
        self.confidence = explained_share(motion).item() if confidence is None else confidence
        """How much of what differs between the frames is seen in both, in [0, 1]."""
        views = (view_for_matching(frame) for frame in (first, last))
        self.explained = self.confidence > _UNEXPLAINED or is_another_light(*views)
        self._by_torch = self._device.type != "cpu" if by_torch is None else by_torch
        if not self._by_torch:
            self._grid = pixel_grid(*first.shape[:2])
        else:
            self._early, self._late = (
                torch.from_numpy(np.ascontiguousarray(frame)).to(self._device).permute(2, 0, 1)[None].float() / 127.5
                - 1
                for frame in (first, last)
            )

    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        return next(self.render_all([t]))

    def render_all(self, times: Sequence[float]) -> Iterator[Working]:
        """Draws the frames at `times` in (0, 1): by PyTorch several at once, else each as it is asked for."""
        if not self._by_torch:
            yield from map(self._look_up, times)
            return
        height, width = self._frames[0].shape[:2]
        most = max(1, min(_AT_ONCE, _AREA_AT_ONCE // (height * width)))
        for start in range(0, len(times), most):
            for drawn in self._draw_at_once(times[start : start + most]):
                yield limit_colours(_fetch(drawn))

    @torch.inference_mode()
    def _draw_at_once(self, times: Sequence[float]) -> Tensor:
        """The frames at all these times by PyTorch: (k, H, W, C), where the network is."""
        count = len(times)
        # k times forward and then k times backward
        motion = Motion(*(part[:, None].expand(-1, count, -1, -1, -1).flatten(0, 1) for part in self.motion))
        t = torch.tensor(times, dtype=torch.float32).to(self._device, non_blocking=self._device.type == "cuda")
        way = self._network.find_way(motion, t)
        early, late = (frame.expand(count, -1, -1, -1) for frame in (self._early, self._late))
        drawn = self._network.compose(way, early, late, "bicubic").add_(1).mul_(127.5).clamp_(0, 255)  # (k, C, H, W)
        if self._frames[0].dtype == np.uint8:
            drawn = drawn.add_(0.5).to(torch.uint8)
        return drawn.permute(0, 2, 3, 1).contiguous()

    @torch.inference_mode()
    def _look_up(self, t: float) -> Working:
        """The frame at t, looked up by OpenCV."""
        way = self._network.find_way(self.motion, torch.tensor([t]))
        like = self._frames[0]
        height, width = like.shape[:2]
        h, w = way.shift.shape[-2:]
        scale = np.array([width / w, height / h], np.float32)
        warped = []
        for frame, shift in zip(self._frames, way.shift, strict=True):
            coarse = np.ascontiguousarray(shift.permute(1, 2, 0).numpy()) * scale  # (h, w, 2)
            at = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) + self._grid
            warped.append(warp(frame, at, cv2.INTER_CUBIC))
        apart = cv2.resize(cv2.absdiff(warped[0], warped[1]), (w, h), interpolation=cv2.INTER_AREA)
        difference = torch.from_numpy(apart.reshape(h, w, -1).astype(np.float32).mean(2) / 127.5)[None, None]
        share = self._network.decide(way, difference)[0, 0].numpy()
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return limit_colours(cv2.blendLinear(warped[0], warped[1], share, 1 - share).reshape(like.shape))


@torch.inference_mode()
def _fetch(values: Tensor) -> Array:
    """Brings values to the CPU: from CUDA into pinned memory, which takes a fraction of the time."""
    if values.device.type != "cuda":
        return np.asarray(values.cpu().numpy())
    return np.asarray(torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values).numpy())


def read_flows(motion: Motion, height: int, width: int) -> tuple[Flow, Flow]:
    """The motion of one pair as the classical engine has it: (h, w, 2) float32, in pixels of the key frames."""
    h, w = motion.fine.shape[-2:]
    scale = torch.tensor([width / w, height / h], device=motion.fine.device).view(1, 2, 1, 1)
    forward, backward = np.ascontiguousarray((motion.fine * scale).permute(0, 2, 3, 1).cpu().numpy())
    return forward, backward
