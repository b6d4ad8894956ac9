"""Draws in-betweens by interpolation in the latent space of an auto-encoder, with an optional refinement.

Inputs:  two key frames, (N, 3, H, W) float in [-1, 1], RGB, and times in [0, 1].
Outputs: the frames at these times, of the same size.
Stages:  the auto-encoder encodes both; lerp or slerp of the latents; it decodes. A refinement gets the decoded frames
         and the key frames; if it doubles the size, the key frames are halved first, so that the output has their size.
"""

from dataclasses import replace
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from .blocks import slerp
from .refinement import Refinement, RefinementConfig

BETWEEN = ("lerp", "slerp")
"""Interpolation of latents: on a straight line, or on the great circle."""
_ALONE = 0.25  # share of the pictures that are refined without key frames in training


class AutoEncoderLike(Protocol):
    """An auto-encoder; it must also be an `nn.Module`."""

    multiple: int
    """Heights and widths must be multiples of this."""

    def encode(self, frames: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to latents (N, C, h, w)."""

    def decode(self, latents: Tensor) -> Tensor:
        """(N, C, h, w) to (N, 3, H, W) in [-1, 1]."""


class KeyLatents(NamedTuple):
    """Two encoded key frames."""

    keys: tuple[Tensor, Tensor]
    """(N, 3, H', W') each, at the auto-encoder's size."""
    latents: tuple[Tensor, Tensor]
    """(N, C, h, w) each."""


class LatentInbetweener(nn.Module):
    """Draws the frames between two; see the module's docstring.

    Args:
        config: the architecture's config: a dataclass with the fields `refinement`, a `RefinementConfig` or None, and
            `between`, one of BETWEEN.
        autoencoder: an `nn.Module` that is `AutoEncoderLike`.
    """

    def __init__(self, config: Any, autoencoder: nn.Module) -> None:
        super().__init__()
        if config.between not in BETWEEN:
            raise ValueError(f"no way {config.between!r} between latents")
        self.config = config
        self.autoencoder = autoencoder
        self.refinement = None if config.refinement is None else Refinement(config.refinement)

    def refine_by(self, wanted: RefinementConfig | None) -> None:
        """Sets the refinement: None removes it, and a new one is made unless the network's has the wanted config."""
        if self.config.refinement == wanted:
            return
        self.config = replace(self.config, refinement=wanted)
        self.refinement = None if wanted is None else Refinement(wanted)

    @property
    def scale(self) -> int:
        """The factor by which the auto-encoder's pictures are smaller."""
        return 1 if self.refinement is None else self.refinement.config.scale

    @property
    def multiple(self) -> int:
        """Heights and widths of key frames must be multiples of this."""
        return self._coder.multiple * self.scale

    @property
    def _coder(self) -> AutoEncoderLike:
        return cast(AutoEncoderLike, self.autoencoder)

    def encode(self, frames: Tensor) -> Tensor:
        """Encodes frames of the full size: (N, 3, H, W) to (N, C, h, w)."""
        return self._coder.encode(self._shrink(frames))

    def between(self, first: Tensor, last: Tensor, times: Tensor) -> Tensor:
        """Interpolates latents: (N, C, h, w) each, and times (T,), to (N, T, C, h, w)."""
        if self.config.between == "slerp":
            return slerp(first, last, times)
        return torch.lerp(first[:, None], last[:, None], times.to(first)[:, None, None, None])

    def prepare(self, first: Tensor, last: Tensor) -> KeyLatents:
        """Encodes two key frames, (N, 3, H, W) in [-1, 1]."""
        keys = self._shrink(torch.cat([first, last]))  # (2N, 3, H', W')
        early, late = self._coder.encode(keys).chunk(2)
        return KeyLatents((keys[: len(first)], keys[len(first) :]), (early, late))

    def render(self, pair: KeyLatents, t: float) -> Tensor:
        """Draws the frame at t: (N, 3, H, W) in [-1, 1]."""
        return self._draw(pair, torch.tensor([t], device=pair.keys[0].device))[0][:, 0]

    def forward(self, first: Tensor, last: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Draws the frames at several times.

        Args:
            first: (N, 3, H, W) in [-1, 1].
            last: the same shape.
            times: (T,) in [0, 1].

        Returns:
            The clips (N, T, 3, H, W), and the latents that they are drawn from (N, T, C, h, w).
        """
        return self._draw(self.prepare(first, last), times)

    def _draw(self, pair: KeyLatents, times: Tensor) -> tuple[Tensor, Tensor]:
        latents = self.between(*pair.latents, times)  # (N, T, C, h, w)
        drawn = self._coder.decode(latents.flatten(0, 1))  # (N * T, 3, H', W')
        if self.refinement is not None:
            beside = [key.repeat_interleave(len(times), 0) for key in pair.keys]  # (N * T, 3, H', W') each
            if self.training:  # so that the refinement also works without key frames
                alone = torch.rand(len(drawn), 1, 1, 1, device=drawn.device) < _ALONE
                beside = [torch.where(alone, drawn, key) for key in beside]
            drawn = self.refinement(drawn, *beside)  # (N * T, 3, H, W)
        return drawn.unflatten(0, latents.shape[:2]), latents  # type: ignore[no-untyped-call]

    def _shrink(self, frames: Tensor) -> Tensor:
        """Resizes frames to the auto-encoder's size."""
        return frames if self.scale == 1 else avg_pool2d(frames, self.scale)
