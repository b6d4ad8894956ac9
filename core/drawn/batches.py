"""Batches of drawn samples as tensors, drawn in advance by worker processes."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from ..cartoon.samples import GAP, Sample, draw_sample
from ..motion.pairs import search_pairs
from ..sprites.renderer import SpriteRenderer
from ..sprites.samples import draw_sprite_sample

_SHORT = 0.04  # seconds between key frames at the start of a training: about a frame of film


class CartoonBatch(NamedTuple):
    """Samples as tensors."""

    frames: torch.Tensor
    """(N, 3, 3, H, W) uint8 RGB: at 0, t and 1."""
    t: torch.Tensor
    """(N,) float32."""
    forward: torch.Tensor
    """(N, 2, H, W) float32 in pixels, (dx, dy), from the first frame to the last."""
    backward: torch.Tensor
    """The flow from the last frame to the first."""
    forward_visible: torch.Tensor
    """(N, 1, H, W) bool: visible in the last frame too."""
    backward_visible: torch.Tensor
    forward_observable: torch.Tensor
    """(N, 1, H, W) bool: the motion can be observed in the pictures; losses on motion leave the rest out."""
    backward_observable: torch.Tensor
    given: torch.Tensor | None = None
    """(N, 2, 2, H/2, W/2) float32: motion of a classical search, forward and backward, in cells. None: not wanted."""


@dataclass
class _Batches:
    """A map-style dataset of batches by step."""

    seed: int
    sizes: Sequence[int]
    batch: int
    part: tuple[int, int]
    """Number of the first sample within the batch, and the number of samples."""
    worn: bool
    sprites: Sequence[Path]
    share: float
    grow: int
    guided: bool
    repeat: int
    small: int
    drawn: tuple[int, CartoonBatch] | None = None
    """The last batch, and its number."""
    renderer: SpriteRenderer | None = None
    """Each process starts its own."""

    def __getitem__(self, step: int) -> CartoonBatch:
        number = step // self.repeat
        if self.drawn is None or self.drawn[0] != number:
            self.drawn = number, self.draw_batch(number, longest_gap(number * self.repeat, self.grow))
        turned = self.repeat > 1 and step % self.repeat
        return turn(self.drawn[1], np.random.default_rng([self.seed, step, 5])) if turned else self.drawn[1]

    def draw_batch(self, number: int, longest: float) -> CartoonBatch:
        size = choose_side(self.sizes, number, self.small)
        first = number * self.batch + self.part[0]
        samples = [self.draw(number, size, longest) for number in range(first, first + self.part[1])]
        return guide(samples) if self.guided else stack(samples)

    def draw(self, number: int, size: int, longest: float) -> Sample:
        if not self.sprites or np.random.default_rng([self.seed, number, 4]).random() >= self.share:
            return draw_sample(self.seed, number, size, worn=self.worn, longest=longest)
        self.renderer = self.renderer or SpriteRenderer()
        return draw_sprite_sample(self.seed, number, size, self.sprites, self.renderer, worn=self.worn)


def choose_side(sizes: Sequence[int], step: int, small: int) -> int:
    """Side of the pictures of a step: sizes alternate, and the first `small` steps have half the size."""
    size = sizes[step % len(sizes)]
    return max(32, size // 32 * 16) if step < small else size


def longest_gap(step: int, grow: int) -> float:
    """Longest time between key frames at a step in seconds: grows exponentially from `_SHORT` to `GAP[1]` at `grow`."""
    return float(_SHORT * (GAP[1] / _SHORT) ** min(1.0, step / grow)) if grow else GAP[1]


def stack(samples: list[Sample]) -> CartoonBatch:
    """Stacks samples of one size."""

    def tensor(arrays: list[NDArray[np.generic]]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays))

    return CartoonBatch(
        tensor([np.stack([s.first, s.middle, s.last]).transpose(0, 3, 1, 2) for s in samples]),
        torch.tensor([s.t for s in samples], dtype=torch.float32),
        tensor([s.forward.flow.transpose(2, 0, 1) for s in samples]),
        tensor([s.backward.flow.transpose(2, 0, 1) for s in samples]),
        tensor([s.forward.visible[None] for s in samples]),
        tensor([s.backward.visible[None] for s in samples]),
        tensor([s.forward_observable[None] for s in samples]),
        tensor([s.backward_observable[None] for s in samples]),
    )


def turn(batch: CartoonBatch, rng: np.random.Generator) -> CartoonBatch:
    """Rotates a batch by quarter turns, mirrors it, exchanges its colours, and reverses it half of the time."""
    quarters, mirror, backward = (int(rng.integers(most)) for most in (4, 2, 2))
    colours = torch.from_numpy(rng.permutation(3))

    def turn_picture(values: torch.Tensor) -> torch.Tensor:
        values = torch.rot90(values, quarters, (-2, -1))  # counter-clockwise as seen
        return (values.flip(-1) if mirror else values).contiguous()

    def turn_flow(flow: torch.Tensor) -> torch.Tensor:
        """(..., 2, H, W)."""
        x, y = turn_picture(flow).unbind(-3)
        for _ in range(quarters):
            x, y = y, -x
        return torch.stack([-x if mirror else x, y], -3)

    frames, given = turn_picture(batch.frames)[:, :, colours], batch.given
    given = None if given is None else turn_flow(given)
    turned = CartoonBatch(
        frames,
        batch.t,
        turn_flow(batch.forward),
        turn_flow(batch.backward),
        turn_picture(batch.forward_visible),
        turn_picture(batch.backward_visible),
        turn_picture(batch.forward_observable),
        turn_picture(batch.backward_observable),
        given,
    )
    return reverse(turned) if backward else turned


def reverse(batch: CartoonBatch) -> CartoonBatch:
    """The same from the last frame to the first."""
    return CartoonBatch(
        batch.frames.flip(1),
        1 - batch.t,
        batch.backward,
        batch.forward,
        batch.backward_visible,
        batch.forward_visible,
        batch.backward_observable,
        batch.forward_observable,
        None if batch.given is None else batch.given.flip(1),
    )


def guide(samples: list[Sample]) -> CartoonBatch:
    """Stacks samples of one size, and adds the motion of a classical search."""
    return stack(samples)._replace(given=search_pairs((sample.first, sample.last) for sample in samples))


def load_cartoons(
    seed: int,
    size: int | Sequence[int] = 192,
    batch: int = 16,
    *,
    workers: int = 0,
    first_step: int = 0,
    chosen: Callable[[int], bool] | None = None,
    part: tuple[int, int] | None = None,
    grow: int = 0,
    worn: bool = True,
    sprites: Sequence[Path] = (),
    share: float = 0.25,
    guided: bool = False,
    repeat: int = 1,
    small: int = 0,
    pin: bool = False,
) -> Iterator[CartoonBatch]:
    """Draws an endless sequence of batches, in advance in `workers` processes.

    Args:
        seed: seed of the set; batch number `step` depends on the other arguments and `step`, but not on the workers.
        size: height and width in pixels; batches alternate between several sizes.
        batch: number of samples in a batch.
        workers: processes that draw; 0 draws in this one.
        first_step: number of the first batch, for a resumed training.
        chosen: whether the batch of a number is wanted. None: all are.
        part: this process's share of each batch: number of its first sample, and number of samples.
        grow: number of the batch with the full motion; before it, the time between the outer frames grows. Sprites have
            their full motion from the start.
        worn: as in `draw_sample`.
        sprites: animations and drawings (see `sprites.renderer.find_sprites`) to composite over some of the samples.
        share: share of the samples with sprites, in [0, 1].
        guided: whether batches have the motion of a classical search.
        repeat: number of successive batches with the same scenes; all but the first are turned (see `turn`).
        small: number of batches at the beginning with half the size.
        pin: whether batches are in pinned memory, which is copied to a GPU faster.

    Raises:
        SpriteError: sprites are asked for and cannot be rendered.
    """
    loader: DataLoader[CartoonBatch] = DataLoader(
        _Batches(  # type: ignore[arg-type]
            seed,
            (size,) if isinstance(size, int) else size,
            batch,
            part or (0, batch),
            worn,
            sprites,
            share,
            grow,
            guided,
            repeat,
            small,
        ),
        batch_size=None,
        sampler=_Numbers(first_step, chosen),
        num_workers=workers,
        worker_init_fn=start_worker if workers else None,
        pin_memory=pin,
    )
    return iter(loader)


class _Numbers:
    """Yields the numbers of the wanted batches, without end."""

    def __init__(self, first: int, chosen: Callable[[int], bool] | None) -> None:
        self._first, self._chosen = first, chosen

    def __iter__(self) -> Iterator[int]:
        return filter(self._chosen, count(self._first)) if self._chosen else count(self._first)


def start_worker(_number: int) -> None:
    """Sets up a worker process: one thread, since the workers themselves run in parallel.

    Signals that end a training often go to its whole process group. Workers ignore them: the training still needs
    batches until it has saved, and then ends its workers.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
