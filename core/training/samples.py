"""The pictures that a training is evaluated with: real clips, drawn once, and generated ones, drawn a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..config.material import ClipConfig
from ..material.films import Material, OnScan, describe_enlarged, hold_out_clips, open_material
from ..material.sampler import ClipSampler, clip_span

_AT_ONCE = 16  # pictures that the network draws together


class Split(NamedTuple):
    """Films to train on, and films to evaluate on."""

    learnt: Material
    unseen: Material
    """The same object if nothing is held out."""
    notes: list[str]
    """Sentences for the person who trains."""


def split_material(
    paths: Sequence[Path],
    unseen: Sequence[Path],
    share: float,
    clips: ClipConfig,
    samples: int,
    on_scan: OnScan | None = None,
) -> Split:
    """Opens the films of a training, and sets clips aside to evaluate it on.

    Args:
        paths: films to train on.
        unseen: films to evaluate on. None: clips of `paths` are held out, if the films are long enough.
        share: share of the drawings to hold out; 0: none, and the training is evaluated on its own material.
        clips: how clips are drawn.
        samples: pictures that an evaluation draws; twice as many clips are held out.
        on_scan: called while films without an index are scanned for cuts.

    Raises:
        InputError: a folder holds nothing that can be used.
    """
    material = open_material(paths)
    enlarged = describe_enlarged(material, clips.size)
    notes = [] if enlarged is None else [enlarged]
    if unseen:
        return Split(material, open_material(unseen), notes)
    parts = hold_out_clips(material, share, clip_span(clips), 2 * samples, on_scan)
    if parts is not None:
        return Split(*parts, notes)
    if share:
        notes.append(
            f"the films are too short to hold {2 * samples} clips out, so it is evaluated on what it learns from; "
            "give more material, or other films by --unseen"
        )
    return Split(material, material, notes)


def evaluation_clips(config: ClipConfig) -> ClipConfig:
    """How evaluation clips are drawn from the films: unchanged, and with other random numbers than the training's."""
    return replace(config, crop=1.0, flip=False, colour=False, reverse=False, weights=None, seed=config.seed + 1)


def draw_evaluation_clips(sampler: ClipSampler, count: int, first: int, numbers: list[int]) -> Tensor:
    """Draws clips, and keeps some frames of each.

    Args:
        sampler: draws as `evaluation_clips` says.
        count: number of clips (E).
        first: number of the first batch.
        numbers: indices of the frames to keep.

    Returns:
        (E, len(numbers), 3, S, S) float in [-1, 1], on the CPU.
    """
    batches = -(-count // sampler.batch_size)
    clips = torch.cat([sampler.batch(first + step)[:, numbers] for step in range(batches)])[:count]
    return clips.float() / 127.5 - 1


def draw_known(
    learnt: Material, unseen: Material, clips: ClipConfig, at_once: int, count: int, number: int
) -> Tensor | None:
    """Draws frames of the material that is learnt, to compare an evaluation on other material with.

    Args:
        learnt: the training's material.
        unseen: the evaluation's.
        clips: how the training draws clips.
        at_once: clips that are read together.
        count: number of clips (E).
        number: index of the frame to keep of each.

    Returns:
        (E, 3, S, S) float in [-1, 1], on the CPU; None if the evaluation is on what is learnt itself.
    """
    if unseen is learnt:
        return None
    return draw_evaluation_clips(ClipSampler(learnt, evaluation_clips(clips), at_once), count, 0, [number])[:, 0]


def in_parts(draw: Callable[[Tensor], Tensor], latents: Tensor, device: torch.device) -> Tensor:
    """Draws pictures a few at a time, to save memory.

    Args:
        draw: maps latents to pictures.
        latents: (N, ...), on any device.
        device: device that `draw` computes on.

    Returns:
        (N, ...) float32, on the CPU.
    """
    return torch.cat([draw(part.to(device)).float().cpu() for part in latents.split(_AT_ONCE)])  # type: ignore[no-untyped-call]
