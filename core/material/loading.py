"""Batches of clips or of single images, drawn ahead of need and handed to a device."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import count

import numpy as np
import torch
import torch.nn.functional as functional

from .frame_store import FrameStore
from .sampler import ClipSampler

_RESIDENT_SHARE = 0.5  # of the device's free memory: the rest is for the network


class _Resident:
    """Draws a sampler's batches on a device that holds all its films' frames."""

    def __init__(self, sampler: ClipSampler, device: torch.device) -> None:
        self._sampler = sampler
        self._device = device
        self._films = [_send(film.frames, device) for film in sampler.films if isinstance(film.frames, FrameStore)]

    def draw(self, step: int) -> torch.Tensor:
        """Batch `step` as (N, T, 3, size, size) float in [-1, 1]; its values are 8-bit ones, as `batch` has them."""
        size = self._sampler.config.size
        clips = self._sampler.clips(step)
        numbers = torch.tensor([clip.numbers for clip in clips]).to(self._device)  # (N, T)
        gains = torch.tensor([clip.gain for clip in clips], dtype=torch.float32).to(self._device)  # (N, 3)
        drawn = []
        for clip, chosen in zip(clips, numbers, strict=True):
            frames = self._films[clip.film]
            top, left, side = clip.window(*frames.shape[1:3])
            window = frames[:, top : top + side, left : left + side].index_select(0, chosen)  # (T, S, S, 3)
            planes = window.permute(0, 3, 1, 2).float()  # (T, 3, S, S)
            if side != size:
                planes = functional.interpolate(planes, (size, size), mode="bilinear", antialias=True).round_()
            if clip.flip:
                planes = planes.flip(3)
            drawn.append(planes[:, list(clip.order)])
        batch = torch.stack(drawn) * gains[:, None, :, None, None]  # (N, T, 3, size, size)
        return batch.round_().div_(127.5).sub_(1)


def _send(store: FrameStore, device: torch.device) -> torch.Tensor:
    """Copies a store's frames to a device, a part at a time: the store may be bigger than memory."""
    frames = torch.empty(store.frames.shape, dtype=torch.uint8, device=device)
    part = max(1, (64 << 20) // store.frames[0].nbytes)
    for first in range(0, len(store), part):
        frames[first : first + part] = torch.from_numpy(np.array(store.frames[first : first + part])).to(device)
    return frames


def load_batches(
    sampler: ClipSampler,
    first_step: int = 0,
    device: torch.device | str = "cpu",
    *,
    workers: int = 2,
    prefetch: int = 4,
    resident: bool | None = None,
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yields batches without end, drawn ahead of use.

    Threads draw them: reading, decoding and scaling release Python's lock, frames need not be sent between processes,
    and Ctrl-C leaves nothing behind. Each thread works on one batch and keeps one core busy. For a CUDA device batches
    are drawn into pinned memory and copied as bytes while it computes; packed films that fit beside the network are put
    wholly on it, and then it cuts, scales and colours the clips itself and no thread is needed. Scaling there may
    differ from the CPU's by one level of 255, everything else is equal.

    Close the iterator (or let it go) to end the threads; that takes as long as the batches being drawn.

    Args:
        sampler: what to draw.
        first_step: the first batch; a resumed run gives the step that it resumes at.
        device: where the batches are wanted.
        workers: threads that draw; 0 draws each batch when it is asked for.
        prefetch: the most batches that are drawn ahead or being drawn; raised to the number of workers.
        resident: whether to hold the films on the device; None decides by whether they fit into half its free memory.

    Returns:
        An iterator of (step, batch): (N, T, 3, size, size) float32 in [-1, 1], RGB, on the device. It raises InputError
        when a frame cannot be read.

    Raises:
        ValueError: `resident` is True, and a film is not packed.
    """
    target = torch.device(device)
    if resident is None:
        resident = _fits(sampler, target)
    if not resident:
        return _draw_and_send(sampler, first_step, target, workers, prefetch)
    if sampler.resident_bytes() is None:
        raise ValueError("only packed films can be held on a device")
    return _draw_resident(sampler, first_step, target)


def load_images(
    sampler: ClipSampler, first_step: int = 0, device: torch.device | str = "cpu", *, workers: int = 2
) -> Iterator[tuple[int, torch.Tensor]]:
    """Yields batches of single pictures, for networks that learn from those; see `load_batches`.

    Args:
        sampler: one with clips of length 1.
        first_step: the first batch.
        device: where the batches are wanted.
        workers: threads that draw.

    Yields:
        The step, and its batch: (N, 3, size, size) float32 in [-1, 1], RGB.

    Raises:
        InputError: a frame cannot be read.
        ValueError: the sampler's clips are longer.
    """
    if sampler.config.length != 1:
        raise ValueError(f"single pictures are clips of length 1, not {sampler.config.length}")
    for step, batch in load_batches(sampler, first_step, device, workers=workers):
        yield step, batch[:, 0]  # (N, 3, size, size)


def _fits(sampler: ClipSampler, device: torch.device) -> bool:
    needed = sampler.resident_bytes()
    if device.type != "cuda" or needed is None:
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return needed <= free * _RESIDENT_SHARE


def _draw_resident(sampler: ClipSampler, first_step: int, device: torch.device) -> Iterator[tuple[int, torch.Tensor]]:
    drawer = _Resident(sampler, device)
    for step in count(first_step):
        yield step, drawer.draw(step)


def _draw_and_send(
    sampler: ClipSampler, first_step: int, device: torch.device, workers: int, prefetch: int
) -> Iterator[tuple[int, torch.Tensor]]:
    pinned = device.type == "cuda"
    dtype = torch.float32 if device.type == "cpu" else torch.uint8  # a device gets bytes, a quarter as much to send

    def draw(step: int) -> torch.Tensor:
        return sampler._draw(step, dtype, pinned=pinned)

    with closing(_draw_ahead(draw, first_step, workers, max(workers, prefetch))) as batches:
        for step, batch in batches:
            sent = batch.to(device, non_blocking=pinned)
            yield step, sent if dtype == torch.float32 else sent.float().div_(127.5).sub_(1)


def _draw_ahead(
    draw: Callable[[int], torch.Tensor], first_step: int, workers: int, ahead: int
) -> Generator[tuple[int, torch.Tensor]]:
    """Yields (step, draw(step)) in order of steps, at most `ahead` of them drawn before they are asked for."""
    if workers < 1:
        for step in count(first_step):
            yield step, draw(step)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="clips")
    steps = count(first_step)
    waiting: deque[tuple[int, Future[torch.Tensor]]] = deque()
    try:
        while True:
            while len(waiting) < ahead:
                step = next(steps)
                waiting.append((step, pool.submit(draw, step)))
            step, drawn = waiting.popleft()
            yield step, drawn.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
