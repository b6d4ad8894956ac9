"""Engines that draw with a trained network."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ...models.motion import MotionNetwork
from ...models.registry import Inbetweener
from ..devices import choose_device
from ..errors import CheckpointError
from ..weights.checkpoint import load_checkpoint
from .interface import Engine, Working
from .motion import MotionEngine


def open_network(checkpoint: Path, device: str = "auto", *, mixes: bool = False, arcs: bool = False) -> Engine:
    """Opens the network that a checkpoint holds as an engine.

    Args:
        checkpoint: a network's weights.
        device: "auto", "cpu", "cuda" or "mps".
        mixes: whether a motion network's warped frames are blended where they differ, instead of joined along a seam.
        arcs: whether pieces that turn keep their size on the way, if it is a motion network.

    Raises:
        CheckpointError: it cannot be read, or its network draws no in-betweens.
        DeviceError: the device is not on this machine.
    """
    place = choose_device(device)
    module, header = load_checkpoint(checkpoint, place)
    if isinstance(module, MotionNetwork):
        return MotionEngine(module, mixes=mixes, arcs=arcs)
    if not isinstance(module, Inbetweener):
        raise CheckpointError(
            f"{checkpoint}: holds a network {header.architecture!r} that draws no in-betweens; "
            "give one that encodes images"
        )
    return NetworkEngine(module, header.architecture, place)


class NetworkEngine:
    """Draws with a network of pictures, on whole frames padded to the multiple that it needs.

    Alpha is drawn by the same network, as a separate grey picture.
    """

    def __init__(self, network: Inbetweener, name: str, device: torch.device) -> None:
        """Takes a network that is on `device`; `name` is its architecture's."""
        self._network, self.name, self._device = network, name, device

    @torch.inference_mode()
    def prepare(self, first: Working, last: Working) -> "NetworkPair":
        """Prepares the pair with the network."""
        pictures = [self._to_tensor(frame) for frame in (first, last)]  # (1 or 2, 3, H', W')
        return NetworkPair(self._network, self._network.prepare(*pictures), first)

    def _to_tensor(self, frame: Working) -> Tensor:
        """(H, W, C) in [0, 255] to (N, 3, H', W') in [-1, 1]; N is 2 where there is alpha, else 1."""
        planes = [frame[..., :3]] + ([frame[..., 3:]] if frame.shape[2] == 4 else [])
        batch = np.stack([np.broadcast_to(plane, (*frame.shape[:2], 3)) for plane in planes])
        tensor = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2).float() / 127.5 - 1
        multiple = self._network.multiple
        return pad(tensor, (0, -tensor.shape[3] % multiple, 0, -tensor.shape[2] % multiple), mode="replicate")


class NetworkPair:
    """Two key frames, prepared by the network."""

    def __init__(self, network: Inbetweener, pair: Any, like: Working) -> None:
        self._network, self._pair = network, pair
        self._shape, self._dtype = like.shape, like.dtype

    @torch.inference_mode()
    def render(self, t: float) -> Working:
        """Draws the frame at t in (0, 1)."""
        height, width, channels = self._shape
        drawn = self._network.render(self._pair, t)[..., :height, :width]  # (N, 3, H, W)
        planes = ((drawn.float() + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1).cpu().numpy()  # (N, H, W, 3)
        if channels == 1:
            frame = np.asarray(cv2.cvtColor(planes[0], cv2.COLOR_RGB2GRAY), np.float32)[..., None]
        elif channels == 4:
            alpha = planes[1].mean(2, keepdims=True)
            frame = np.concatenate([np.minimum(planes[0], alpha), alpha], 2)
        else:
            frame = np.ascontiguousarray(planes[0])
        return (frame + 0.5).astype(np.uint8) if self._dtype == np.uint8 else frame
