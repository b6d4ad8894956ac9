"""Clips: short runs of a film's drawings that never cross a cut, drawn at random from several films.

Which clips make up a batch is a pure function of (seed, step): no state is kept between batches, so the batches are the
same with any number of workers, and a run resumed at step 1000 gets the same batches. `ClipSampler.clips(step)`
decides, `ClipSampler.batch(step)` draws, and `load_batches` draws ahead in threads and hands the batches to a device.

Films come from packed frame stores (`FrameStore`), from folders of images that `extract-frames` wrote, or from any
folders of images. Shots and duplicate drawings are read from the records beside the frames; where there are none, they
are found by a scan of the frames, once, when the first clip longer than one frame is drawn.

Augmentations apply to all frames of a clip alike, and suit drawings: a random square, mirroring, exchanged and
darkened colour channels (black lines stay black, and nothing is clipped), and time reversal. There is no noise, blur or
rotation, as these would soften lines.
"""

import copy
from bisect import bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate, permutations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from ..config.material import ClipConfig
from ..errors import ConfigError, InputError
from ..files import shown
from .films import FilmFrames, Material, OnScan
from .frame_store import FrameStore

_ORDERS = tuple(permutations(range(3)))
_DARKEST = 0.8  # smallest factor of all channels
_UNEVENNESS = 0.2  # largest difference between the factors of two channels


@dataclass(frozen=True)
class Clip:
    """The choices that define one clip of a batch. Shares are in [0, 1].

    Attributes:
        film: which of the sampler's films, from 0.
        numbers: the film's frame numbers, in the order in which the clip plays.
        zoom: side of the square window, as a share of the frame's shorter side.
        down: position of the window from the frame's top (0) to its bottom (1).
        across: position from left (0) to right (1).
        flip: whether the clip is mirrored.
        order: which of the film's channels (0 red, 1 green, 2 blue) becomes red, green and blue.
        gain: what red, green and blue are then multiplied by.
    """

    film: int
    numbers: tuple[int, ...]
    zoom: float
    down: float
    across: float
    flip: bool
    order: tuple[int, ...]
    gain: tuple[float, ...]

    def window(self, height: int, width: int) -> tuple[int, int, int]:
        """The window in a frame of this size: top, left and side in pixels."""
        side = max(1, round(self.zoom * min(height, width)))
        return round(self.down * (height - side)), round(self.across * (width - side)), side

    def picture(self, place: int) -> tuple[Hashable, ...]:
        """What the picture at a place of the clip is made of: equal for two pictures that are equal."""
        return (self.film, self.numbers[place], self.zoom, self.down, self.across, self.flip, self.order, self.gain)


class ClipSampler:
    """Draws batches of clips; each is a pure function of the configuration and the step.

    Attributes:
        films: the films that clips are drawn from.
        left_out: names of films in which no shot is long enough.
        config: how clips are drawn.
        batch_size: clips in a batch.

    Args:
        material: what to draw from.
        config: how.
        batch_size: at least 1.
        on_scan: called while films without an index are scanned for cuts.

    Raises:
        InputError: no film has a shot that is long enough, or none of those under a path that has a weight.
        ConfigError: there are fewer or more weights than paths.
    """

    def __init__(
        self, material: Material, config: ClipConfig, batch_size: int, *, on_scan: OnScan | None = None
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"--batch-size: {batch_size} is too small; give a whole number from 1")
        if config.weights is not None and len(config.weights) != len(material.paths):
            raise ConfigError(
                f"--weights: {len(config.weights)} were given for {len(material.paths)} paths; give one for each path"
            )
        self.config = config
        self.batch_size = batch_size
        self._first = 0
        runs = [_Runs.of(film, config, on_scan) for film in material.films]
        self._runs = [run for run in runs if run.clips]
        self.films = [run.film for run in self._runs]
        self.left_out = [run.film.name for run in runs if not run.clips]
        if not self.films:
            raise _too_short(runs, config)
        totals = [0] * len(material.paths)  # clips under each path
        for run in self._runs:
            totals[run.film.origin] += run.clips
        weights = config.weights or totals
        for origin, total in enumerate(totals):
            if not total and config.weights is not None:
                raise _too_short([run for run in runs if run.film.origin == origin], config)
        self._up_to = list(
            accumulate(weights[run.film.origin] * run.clips / totals[run.film.origin] for run in self._runs)
        )

    def clips(self, step: int) -> list[Clip]:
        """What the clips of batch `step` are: the same whenever and wherever it is asked.

        Every decision has its own random number, so that turning one augmentation off leaves the others as they were.
        """
        return [self._clip(step, sample) for sample in range(self._first, self._first + self.batch_size)]

    def share(self, first: int, count: int) -> "ClipSampler":
        """The same batches, of which only some clips are drawn: one process's share of them.

        Args:
            first: number of the first clip within a batch.
            count: how many.
        """
        if not 0 <= first < first + count <= self.batch_size:
            raise ValueError(f"a batch has {self.batch_size} clips, not those from {first} to {first + count - 1}")
        part = copy.copy(self)
        part._first, part.batch_size = self._first + first, count
        return part

    def _clip(self, step: int, sample: int) -> Clip:
        config = self.config
        draws = np.random.default_rng((config.seed, step, sample)).random(13).tolist()
        which, start, zoom, down, across, flip, reverse, recolour, order, gain, *uneven = draws
        film = min(bisect_right(self._up_to, which * self._up_to[-1]), len(self._up_to) - 1)
        numbers = self._runs[film].clip(start)
        bright = _DARKEST + (1 - _DARKEST) * gain
        return Clip(
            film=film,
            numbers=numbers[::-1] if config.reverse and reverse < 0.5 else numbers,
            zoom=config.crop + (1 - config.crop) * zoom,
            down=down if config.crop < 1 else 0.5,
            across=across if config.crop < 1 else 0.5,
            flip=config.flip and flip < 0.5,
            order=_ORDERS[int(order * len(_ORDERS))] if config.colour and recolour < 0.5 else (0, 1, 2),
            gain=tuple(bright * (1 - _UNEVENNESS * u) for u in uneven) if config.colour else (1.0, 1.0, 1.0),
        )

    def batch(self, step: int) -> torch.Tensor:
        """Draws batch `step`.

        Returns:
            (N, T, 3, size, size) uint8, RGB: N clips of T frames.

        Raises:
            InputError: a frame cannot be read.
        """
        return self._draw(step, torch.uint8)

    def _draw(self, step: int, dtype: torch.dtype, *, pinned: bool = False) -> torch.Tensor:
        """Draws batch `step` as uint8, or as float32 in [-1, 1].

        Works in one thread only, so that several workers do not fight over the cores.
        """
        shape = (self.batch_size, self.config.length, 3, self.config.size, self.config.size)
        batch = torch.empty(shape, dtype=dtype, pin_memory=pinned)
        for clip, place in zip(self.clips(step), batch.numpy(), strict=True):
            self._draw_clip(clip, place)
        return batch

    def _draw_clip(self, clip: Clip, place: NDArray[Any]) -> None:
        """Draws one clip into `place`: (T, 3, size, size) uint8, or float32 in [-1, 1]."""
        frames = self.films[clip.film].frames
        tables = [_table(gain, place.dtype) for gain in clip.gain]
        for number, drawn in zip(clip.numbers, place, strict=True):
            frame = frames[number]  # (H, W, 3)
            top, left, side = clip.window(*frame.shape[:2])
            planes = _scaled_planes(frame[top : top + side, left : left + side], self.config.size)
            for channel, table, plane in zip(clip.order, tables, drawn, strict=True):
                cv2.LUT(cv2.flip(planes[channel], 1) if clip.flip else planes[channel], table, plane)

    @property
    def repeats(self) -> bool:
        """Whether a frame is drawn the same way each time, or mirrored, and so comes again and again."""
        return self.config.crop == 1 and not self.config.colour

    def resident_bytes(self) -> int | None:
        """How much memory the films would take on a device; None when one is not packed."""
        if not all(isinstance(film.frames, FrameStore) for film in self.films):
            return None
        return sum(film.frames.frames.nbytes for film in self.films if isinstance(film.frames, FrameStore))


@dataclass(frozen=True)
class _Runs:
    """The shots of a film that are long enough, and how many clips begin in them.

    Attributes:
        film: the film.
        shots: numbers of the drawings of each shot.
        longest: drawings of the longest shot, long enough or not.
        up_to: clips that begin in this shot or an earlier one.
        length: frames of a clip.
        stride: drawings from one frame of a clip to the next.
    """

    film: FilmFrames
    shots: list[NDArray[np.int64]]
    longest: int
    up_to: list[int]
    length: int
    stride: int

    @classmethod
    def of(cls, film: FilmFrames, config: ClipConfig, on_scan: OnScan | None) -> "_Runs":
        one_picture = config.length == 1 and not film.knows_shots  # it crosses no cut, so no scan is needed
        found = film.pictures() if one_picture else film.shots(on_scan)
        span = clip_span(config)
        shots = [shot for shot in found if len(shot) >= span]
        up_to = list(accumulate(len(shot) - span + 1 for shot in shots))
        return cls(film, shots, max(map(len, found), default=0), up_to, config.length, config.stride)

    @property
    def clips(self) -> int:
        """How many different clips there are."""
        return self.up_to[-1] if self.up_to else 0

    def clip(self, share: float) -> tuple[int, ...]:
        """The frame numbers of the clip at position `share`, in [0, 1), among all clips."""
        begin = int(share * self.clips)
        which = bisect_right(self.up_to, begin)
        first = begin - (self.up_to[which - 1] if which else 0)
        span = (self.length - 1) * self.stride + 1
        return tuple(self.shots[which][first : first + span : self.stride].tolist())


def clip_span(config: ClipConfig) -> int:
    """Drawings that a clip reaches over, those that its stride leaves out included."""
    return (config.length - 1) * config.stride + 1


def _too_short(runs: Sequence[_Runs], config: ClipConfig) -> InputError:
    best = max(runs, key=lambda run: run.longest)
    span = clip_span(config)
    where = f"{shown(Path(best.film.name))}: the longest shot has {best.longest} drawings"
    if len(runs) > 1:
        where += f" (and no shot of the {len(runs) - 1} other films has more)"
    needs = f"a clip of {config.length} frames needs {span}"
    if config.stride > 1:
        needs = f"a clip of {config.length} frames at stride {config.stride} needs {span}"
        remedy = "lower --stride or --length"
    else:
        remedy = "lower --length"
    return InputError(f"{where}, and {needs}; {remedy}, or give films with longer shots")


def _scaled_planes(window: NDArray[np.uint8], size: int) -> Sequence[NDArray[Any]]:
    """Scales a square (S, S, 3), without aliasing where it shrinks; PyTorch does so in one thread.

    Returns:
        Red, green and blue, each (size, size) uint8.
    """
    if len(window) == size:
        return cv2.split(window)
    pixels = torch.from_numpy(np.array(window[np.newaxis])).permute(0, 3, 1, 2)  # (1, 3, S, S), channels last in memory
    scaled = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    # made contiguous by NumPy, as PyTorch would start a thread on every core
    return list(np.ascontiguousarray(scaled[0].numpy()))


def _table(gain: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What each of a channel's 256 values becomes: as uint8, or, as float32, in [-1, 1]."""
    values: NDArray[np.float32] = np.rint(np.arange(256, dtype=np.float32) * np.float32(gain))
    if dtype == np.uint8:
        return values.astype(np.uint8)
    table: NDArray[np.float32] = values / np.float32(127.5) - np.float32(1)
    return table
