"""The pictures that a training is evaluated by: real clips drawn once, and generated ones in parts."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ..config.material import ClipConfig
from ..material.sampler import ClipSampler

LOOKED_AT = 64
"""Pictures whose health is measured, and reals that they are compared with."""
_AT_ONCE = 16  # pictures drawn together for a look


def looking_clips(config: ClipConfig) -> ClipConfig:
    """How the pictures of a look are drawn from the films: as they are, and others than the training's."""
    return replace(config, crop=1.0, flip=False, colour=False, reverse=False, seed=config.seed + 1)


def draw_look(sampler: ClipSampler, first: int, numbers: list[int]) -> Tensor:
    """LOOKED_AT clips, reduced to some of their frames.

    Args:
        sampler: draws as `looking_clips` says.
        first: number of the first batch.
        numbers: of the frames of a clip that are wanted.

    Returns:
        (LOOKED_AT, len(numbers), 3, S, S) float in [-1, 1], on the CPU.
    """
    batches = -(-LOOKED_AT // sampler.batch_size)
    clips = torch.cat([sampler.batch(first + step)[:, numbers] for step in range(batches)])[:LOOKED_AT]
    return clips.float() / 127.5 - 1


def in_parts(draw: Callable[[Tensor], Tensor], latents: Tensor, device: torch.device) -> Tensor:
    """Draws a few pictures at a time; they come back on the CPU.

    Args:
        draw: takes latents and gives pictures, as many.
        latents: (N, ...), anywhere.
        device: where `draw` computes.
    """
    return torch.cat([draw(part.to(device)).float().cpu() for part in latents.split(_AT_ONCE)])  # type: ignore[no-untyped-call]
