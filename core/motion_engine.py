"""An engine that draws along the motion that a `MotionNetwork` finds.

The network works on pictures of some 300 to 400 pixels a side, whatever the key frames' size. What it finds, once for a
pair, leads to two ways of drawing:

- "network": the network also says, for each t, where to look and in which frame. The looking-up at full size is
  OpenCV's on a CPU, which takes half the time of PyTorch's there, and PyTorch's on a GPU.
- "classical": the motion replaces the one that `--engine flow` searches for, and everything else is that engine's.

Grey, alpha and depths beyond 8 bits need nothing special, as colours are only ever looked up in the key frames: the
network sees a picture of 8 bits and three channels, and all of the key frames' channels are moved.
"""

import cv2
import numpy as np
import torch

from ..models.motion import Motion, MotionNetwork, choose_size, explained_share
from .engines import Blend, FlowPair, Pair, Working, is_another_light, is_fade, limit_colours, view_for_matching
from .images import Frame, to_tensor
from .optical_flow import Flow, search_motion

RENDERERS = ("network", "classical")
"""What draws along the network's motion."""
AREA, GUIDED_AREA = 384 * 384, 288 * 288
"""Pixels of the picture that motion is searched in; larger key frames are made smaller for it. A guided network begins
with motion that was searched for in a larger one, and does best at about the size that it was trained at."""
_UNEXPLAINED = 0.1  # of what differs is seen in both: below, motion is not what happened
_UNSURE = 0.6  # of what differs is explained: below, the motion is searched for in a smaller picture as well
_SMALLER = 4  # times fewer pixels then


class MotionEngine:
    """Draws with a motion network; see the module's docstring."""

    name = "motion"

    def __init__(self, network: MotionNetwork, *, renderer: str = RENDERERS[0], area: int | None = None) -> None:
        """Takes a network, where it is.

        Args:
            network: in eval mode.
            renderer: one of RENDERERS.
            area: pixels of the picture that the network sees; None: AREA, or GUIDED_AREA.
        """
        self._network = network.to(memory_format=torch.channels_last)
        self._device = next(network.parameters()).device
        self._classical = renderer == "classical"
        self._area = area or (GUIDED_AREA if network.config.guided else AREA)

    def prepare(self, first: Working, last: Working) -> Pair:
        """Finds the motion both ways, if it is motion."""
        if is_fade(view_for_matching(first), view_for_matching(last)):
            return Blend(first, last)
        if self._classical:
            return FlowPair(first, last, read_flows(self.find_motion(first, last), first.shape[0], first.shape[1]))
        return self.prepare_motion(first, last)

    def prepare_motion(self, first: Working, last: Working) -> "MotionPair":
        """The same, for the network's own renderer."""
        return MotionPair(self._network, self.find_motion(first, last), first, last)

    @torch.inference_mode()
    def find_motion(self, first: Working, last: Working) -> Motion:
        """Finds the motion in a picture of the working size, and where that explains little, in a smaller one too.

        The smaller one makes long ways short; what explains more is taken. A guided network needs none: the motion that
        it begins with is as long as it has to be.
        """
        views = [view_for_matching(frame) for frame in (first, last)]
        motion = self._find(views, self._area)
        if self._network.config.guided:
            return motion
        share = explained_share(motion).item()
        height, width = first.shape[:2]
        less = self._area // _SMALLER
        if share < _UNSURE and choose_size(height, width, less) != choose_size(height, width, self._area):
            other = self._find(views, less)
            # what is small looks more alike than it is, hence the margin
            if explained_share(other).item() > share + 0.1:
                return other
        return motion

    def _find(self, views: list[Frame], area: int) -> Motion:
        height, width = choose_size(views[0].shape[0], views[0].shape[1], area)
        small: list[Frame] = [
            np.asarray(cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA), np.uint8) for view in views
        ]
        first, last = to_tensor(small).to(self._device).chunk(2)  # (1, 3, H', W') each
        given = None
        if self._network.config.guided:
            found = search_motion(views[0], views[1], height // 2, width // 2)
            given = torch.from_numpy(found).to(self._device)  # (2, 2, H'/2, W'/2)
        return self._network.find_motion(first, last, given)


class MotionPair:
    """Two key frames and the network's motion between them."""

    def __init__(
        self, network: MotionNetwork, motion: Motion, first: Working, last: Working, *, by_torch: bool | None = None
    ) -> None:
        """Readies the frames to be looked up in.

        Args:
            network: what found the motion.
            motion: of the two frames.
            first: a frame.
            last: another of the same shape and type.
            by_torch: whether PyTorch looks up at full size; None: wherever that is not a CPU.
        """
        self._network = network
        self.motion = motion
        """What the network found."""
        self._frames = (first, last)
        self._device = motion.flow.device
        self.confidence = explained_share(motion).item()
        """How much of what differs between the frames is seen in both, in [0, 1]."""
        views = (view_for_matching(frame) for frame in (first, last))
        self.explained = self.confidence > _UNEXPLAINED or is_another_light(*views)
        self._by_torch = self._device.type != "cpu" if by_torch is None else by_torch
        if not self._by_torch:
            height, width = first.shape[:2]
            y, x = np.mgrid[:height, :width].astype(np.float32)
            self._grid = np.dstack([x, y])
        else:
            self._early, self._late = (
                torch.from_numpy(np.ascontiguousarray(frame)).to(self._device).permute(2, 0, 1)[None].float() / 127.5
                - 1
                for frame in (first, last)
            )

    @torch.inference_mode()
    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        way = self._network.find_way(self.motion, torch.tensor([t], device=self._device))
        like = self._frames[0]
        height, width = like.shape[:2]
        if self._by_torch:
            drawn = self._network.compose(way, self._early, self._late, "bicubic")[0].permute(1, 2, 0)  # (H, W, C)
            values = ((drawn + 1) * 127.5).clamp(0, 255).cpu().numpy()
            return limit_colours((values + 0.5).astype(np.uint8) if like.dtype == np.uint8 else values)
        h, w = way.shift.shape[-2:]
        scale = np.array([width / w, height / h], np.float32)
        warped = []
        for frame, shift in zip(self._frames, way.shift, strict=True):
            coarse = np.ascontiguousarray(shift.permute(1, 2, 0).numpy()) * scale  # (h, w, 2)
            at = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR) + self._grid
            warped.append(cv2.remap(frame, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))  # type: ignore[call-overload]
        apart = cv2.resize(cv2.absdiff(warped[0], warped[1]), (w, h), interpolation=cv2.INTER_AREA)
        difference = torch.from_numpy(apart.reshape(h, w, -1).astype(np.float32).mean(2) / 127.5)[None, None]
        share = self._network.decide(way, difference)[0, 0].numpy()
        share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return limit_colours(cv2.blendLinear(warped[0], warped[1], share, 1 - share).reshape(like.shape))


def read_flows(motion: Motion, height: int, width: int) -> tuple[Flow, Flow]:
    """The motion of one pair as the classical engine has it: (h, w, 2) float32, in pixels of the key frames."""
    h, w = motion.fine.shape[-2:]
    scale = torch.tensor([width / w, height / h], device=motion.fine.device).view(1, 2, 1, 1)
    forward, backward = np.ascontiguousarray((motion.fine * scale).permute(0, 2, 3, 1).cpu().numpy())
    return forward, backward
