"""The pictures that a training is evaluated by: real clips drawn once, and generated ones in parts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..config.material import ClipConfig
from ..material.films import Material, OnLook, describe_enlarged, hold_out_clips, open_material
from ..material.sampler import ClipSampler, clip_span

LOOKED_AT = 64
"""Pictures whose health is measured, and reals that they are compared with."""
_AT_ONCE = 16  # pictures drawn together for a look


class Parted(NamedTuple):
    """Films to learn from, and films to evaluate on."""

    learnt: Material
    unseen: Material
    """The same, where nothing is held out."""
    notes: list[str]
    """What a person should know of them, in sentences."""


def part_material(
    paths: Sequence[Path], unseen: Sequence[Path], share: float, clips: ClipConfig, on_look: OnLook | None = None
) -> Parted:
    """Opens what is learnt from, and what a training is evaluated on.

    Args:
        paths: films to learn from.
        unseen: films to evaluate on; none: clips of `paths` are held out, where the films are long enough.
        share: of the drawings that are held out then; 0: none, and the training is evaluated on what it learns from.
        clips: how clips are drawn.
        on_look: told while films without records are looked through for cuts.

    Raises:
        InputError: a folder holds nothing of use.
    """
    material = open_material(paths)
    enlarged = describe_enlarged(material, clips.size)
    notes = [] if enlarged is None else [enlarged]
    if unseen:
        return Parted(material, open_material(unseen), notes)
    parted = hold_out_clips(material, share, clip_span(clips), 2 * LOOKED_AT, on_look)
    if parted is not None:
        return Parted(*parted, notes)
    if share:
        notes.append(
            f"the films are too short to hold {2 * LOOKED_AT} clips out, so it is evaluated on what it learns from; "
            "give more material, or other films by --unseen"
        )
    return Parted(material, material, notes)


def looking_clips(config: ClipConfig) -> ClipConfig:
    """How the pictures of a look are drawn from the films: as they are, and others than the training's."""
    return replace(config, crop=1.0, flip=False, colour=False, reverse=False, weights=None, seed=config.seed + 1)


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
