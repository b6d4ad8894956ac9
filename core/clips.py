"""Clips: short runs of a film's drawings that never cross a cut, drawn at random from several films.

Which clips make up a batch is a pure function of (seed, step): no state is kept between batches, so the batches are the
same on any number of workers, and a run resumed at step 1000 sees what it would have seen. `ClipSampler.clips(step)`
decides, `ClipSampler.batch(step)` draws, and `load_batches` draws ahead in threads and hands the batches to a device.

Films come from packed frame stores (`FrameStore`), from folders of images that `extract-frames` wrote, or from any
folders of images. Shots and duplicate drawings are read from the records beside the frames; where there are none, they
are found by looking at the frames, once, when the first clip longer than one frame is asked for.

What is done to a clip is done to all its frames alike and suits drawings: a random square, mirroring, exchanged and
darkened colour channels (black lines stay black, and nothing is burnt out), and time reversal. No noise, no blur, no
rotation: they would soften the lines.
"""

import copy
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate, count, groupby, permutations
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from .config import ClipConfig
from .errors import ConfigError, InputError
from .files import natural_order, reason
from .frame_store import RECORDS, FrameStore, is_frame_store, read_records
from .images import SUFFIXES, flatten_alpha, list_images, read_image, shown, to_uint8
from .shots import DuplicateFinder, ShotDetector, Verdict

__all__ = [
    "Clip",
    "ClipConfig",
    "ClipSampler",
    "Film",
    "ImageFolder",
    "Material",
    "hold_out",
    "load_batches",
    "load_images",
    "open_material",
]

OnLook: TypeAlias = Callable[[str, int, int], None]
"""Told while a film without records is looked through: its name, frames seen, frames in all."""

_ORDERS = tuple(permutations(range(3)))
_DARKEST = 0.8  # the least that all channels are multiplied by
_UNEVENNESS = 0.2  # how much less one channel may get than another
_MOST_STRETCHES, _SHORTEST_STRETCH = 4, 8  # of a film that are held out; frames
_RESIDENT_SHARE = 0.5  # of the device's free memory: the rest is for the network


class Frames(Protocol):
    """What clips are cut from: `FrameStore` and `ImageFolder` are such."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> NDArray[np.uint8]:
        """Frame `number`: (H, W, 3) uint8, RGB."""
        ...


class ImageFolder:
    """A folder of images, each decoded when it is asked for; transparency is laid over white.

    Attributes:
        paths: the images in the order in which they play.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        """Image `number`: (H, W, 3) uint8, RGB.

        Raises:
            InputError: the file is missing or damaged.
        """
        return to_uint8(flatten_alpha(read_image(self.paths[number])))


class Film:
    """One film's frames, and how they fall into shots.

    Attributes:
        name: what it is called in messages.
        origin: which of the paths given to `open_material` it came from, from 0.
        frames: its frames.
    """

    def __init__(self, name: str, origin: int, frames: Frames, records: Sequence[dict[str, Any]] | None) -> None:
        self.name = name
        self.origin = origin
        self.frames = frames
        self._shots = None if records is None else _shots_of(records)
        self._stretches = [range(len(frames))]  # what may be drawn from

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def knows_shots(self) -> bool:
        """Whether the shots are known without looking at the frames."""
        return self._shots is not None

    def shots(self, on_look: OnLook | None = None) -> list[NDArray[np.int64]]:
        """The numbers of each shot's frames in order, duplicate drawings left out.

        Without records the whole film is looked through on the first call; `on_look` is told how far it has come.
        """
        if self._shots is None:
            self._shots = _find_shots(self, on_look)
        return self._within(self._shots)

    def pictures(self) -> list[NDArray[np.int64]]:
        """The numbers of all its frames, as if they were one shot: there is no need to look for any."""
        return self._within([np.arange(len(self))])

    def keep(self, stretches: Sequence[range]) -> "Film":
        """The same film, of which only these stretches are drawn from; no clip reaches from one into another."""
        part = copy.copy(self)
        part._stretches = list(stretches)
        return part

    def _within(self, shots: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        return [shot[(shot >= stretch.start) & (shot < stretch.stop)] for shot in shots for stretch in self._stretches]


@dataclass(frozen=True)
class Material:
    """The films that clips are drawn from, in the order in which they were found.

    Attributes:
        films: at least one, none of them empty.
        paths: the paths as they were given; weights go by them.
    """

    films: tuple[Film, ...]
    paths: tuple[Path, ...]


def open_material(paths: Sequence[Path]) -> Material:
    """Opens films: frame stores, folders of images, or folders that hold several of these.

    Only indexes are read, no frame is.

    Raises:
        InputError: nothing was given, or a path holds no frames, or its index is damaged.
    """
    if not paths:
        raise InputError("no film was given; name a folder that extract-frames wrote, or a folder of images")
    films = [film for origin, path in enumerate(paths) for film in _open_films(path, origin)]
    return Material(tuple(films), tuple(paths))


def hold_out(material: Material, share: float) -> tuple[Material, Material]:
    """Sets frames aside that are not to be learnt from: of each film a few stretches, spread over it.

    Stretches, since a frame whose neighbours are learnt from is hardly new; a few, since one would be of one shot.

    Args:
        material: the films.
        share: of each film's frames, above 0 and up to 0.5; one frame at least.

    Returns:
        What is left, and what was set aside.

    Raises:
        InputError: a film is too short to give a frame away.
    """
    left, aside = [], []
    for film in material.films:
        total = len(film)
        if total < 2:
            raise InputError(
                f"{shown(Path(film.name))}: has one frame, so none can be held out; give more, or other films by "
                "--unseen"
            )
        wanted = max(1, round(share * total))
        count = max(1, min(_MOST_STRETCHES, wanted // _SHORTEST_STRETCH))
        begins = [(2 * number + 1) * total // (2 * count) for number in range(count)]
        held = [range(begin, begin + wanted // count) for begin in begins]
        gaps = zip([0, *(part.stop for part in held)], [*begins, total], strict=True)
        left.append(film.keep([range(start, end) for start, end in gaps]))
        aside.append(film.keep(held))
    return replace(material, films=tuple(left)), replace(material, films=tuple(aside))


def _open_films(path: Path, origin: int) -> list[Film]:
    if path.is_file():
        raise InputError(
            f"{shown(path)}: is a file, and a folder of frames is needed; make one of a film with extract-frames"
        )
    if is_frame_store(path):
        store = FrameStore.open(path)
        if not len(store):
            raise InputError(f"{shown(path)}: holds no frame; extract the frames again")
        return [Film(path.resolve().name, origin, store, _with_shots(store.records))]
    try:
        inside = [p for p in path.iterdir() if not p.name.startswith(".")]
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such folder; check the name") from error
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({reason(error)}); change its permissions") from error
    if any(p.suffix.lower() in SUFFIXES and p.is_file() for p in inside):
        return [_open_images(path, origin)]
    films = [
        film
        for folder in natural_order(p for p in inside if p.is_dir() and _holds_frames(p))
        for film in _open_films(folder, origin)
    ]
    if not films:
        raise InputError(
            f"{shown(path)}: holds neither images nor a frame store; make some of a film with extract-frames"
        )
    return films


def _holds_frames(folder: Path) -> bool:
    return is_frame_store(folder) or any(p.suffix.lower() in SUFFIXES for p in folder.iterdir())


def _open_images(folder: Path, origin: int) -> Film:
    """Opens a folder of images; which, and their shots, is told by its index, where extract-frames left one."""
    name = folder.resolve().name
    images = list_images(folder)
    if not (folder / RECORDS).is_file():
        return Film(name, origin, ImageFolder(images), None)
    records = read_records(folder / RECORDS)
    if not records:
        raise InputError(f"{shown(folder / RECORDS)}: lists no frame; run extract-frames again, or remove it")
    there = {path.name for path in images}
    for record in records:
        if record.get("file") not in there:
            raise InputError(
                f"{shown(folder)}: {RECORDS} lists {record.get('file')}, which is missing; run extract-frames again"
            )
    return Film(name, origin, ImageFolder([folder / record["file"] for record in records]), _with_shots(records))


def _find_shots(film: Film, on_look: OnLook | None) -> list[NDArray[np.int64]]:
    """Looks through a film for cuts, dissolves, flashes and duplicate drawings; a change of size is a cut."""
    shots, drawings = ShotDetector(), DuplicateFinder()
    verdicts: list[Verdict] = []
    records: list[dict[str, Any]] = []
    size: tuple[int, ...] | None = None
    sizes = 0
    for number in range(len(film)):
        frame = film.frames[number]
        if frame.shape != size:
            size, sizes = frame.shape, sizes + 1
            drawings.forget()
        verdicts += shots.push(frame)
        records.append({"shot": sizes, "duplicate_of": 0 if drawings.is_duplicate(frame) else None})
        if on_look is not None:
            on_look(film.name, number + 1, len(film))
    verdicts += shots.finish()
    cuts = 0
    for record, verdict in zip(records, verdicts, strict=True):
        cuts += verdict.cut
        record |= {"shot": (record["shot"], cuts), "transition": verdict.transition}
    return _shots_of(records)


def _with_shots(records: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The records, or None when they tell nothing of shots."""
    return records if all("shot" in record for record in records) else None


def _shots_of(records: Sequence[dict[str, Any]]) -> list[NDArray[np.int64]]:
    """The numbers of each shot's drawings.

    Duplicates are left out. So are the frames of a dissolve or a flash, and no clip reaches across them.
    """

    def shot(numbered: tuple[int, dict[str, Any]]) -> tuple[Any, ...]:
        _, record = numbered
        return record.get("film"), record["shot"], record.get("transition")

    return [
        np.array([number for number, record in frames if record.get("duplicate_of") is None], np.int64)
        for (*_, transition), frames in groupby(enumerate(records), shot)
        if transition is None
    ]


@dataclass(frozen=True)
class Clip:
    """What one clip of a batch is made of. Shares are in [0, 1].

    Attributes:
        film: which of the sampler's films, from 0.
        numbers: the film's frame numbers, in the order in which the clip plays.
        zoom: side of the square window, as a share of the frame's shorter side.
        down: where the window lies between the frame's top (0) and bottom (1).
        across: where it lies between left (0) and right (1).
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
        on_look: told while films without records are looked through for cuts.

    Raises:
        InputError: no film has a shot that is long enough, or none of those under a path that has a weight.
        ConfigError: there are fewer or more weights than paths.
    """

    def __init__(
        self, material: Material, config: ClipConfig, batch_size: int, *, on_look: OnLook | None = None
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
        runs = [_Runs.of(film, config, on_look) for film in material.films]
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

    film: Film
    shots: list[NDArray[np.int64]]
    longest: int
    up_to: list[int]
    length: int
    stride: int

    @classmethod
    def of(cls, film: Film, config: ClipConfig, on_look: OnLook | None) -> "_Runs":
        one_picture = config.length == 1 and not film.knows_shots  # it crosses no cut: no need to look for any
        found = film.pictures() if one_picture else film.shots(on_look)
        span = _span(config)
        shots = [shot for shot in found if len(shot) >= span]
        up_to = list(accumulate(len(shot) - span + 1 for shot in shots))
        return cls(film, shots, max(map(len, found), default=0), up_to, config.length, config.stride)

    @property
    def clips(self) -> int:
        """How many different clips there are."""
        return self.up_to[-1] if self.up_to else 0

    def clip(self, share: float) -> tuple[int, ...]:
        """The frame numbers of the clip that lies at `share`, in [0, 1), of all clips."""
        begin = int(share * self.clips)
        which = bisect_right(self.up_to, begin)
        first = begin - (self.up_to[which - 1] if which else 0)
        span = (self.length - 1) * self.stride + 1
        return tuple(self.shots[which][first : first + span : self.stride].tolist())


def _span(config: ClipConfig) -> int:
    """Drawings that a clip reaches over, those that its stride leaves out included."""
    return (config.length - 1) * config.stride + 1


def _too_short(runs: Sequence[_Runs], config: ClipConfig) -> InputError:
    best = max(runs, key=lambda run: run.longest)
    span = _span(config)
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
    # NumPy and not PyTorch makes it contiguous: PyTorch would wake a thread on every core
    return list(np.ascontiguousarray(scaled[0].numpy()))


def _table(gain: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What each of a channel's 256 values becomes: as uint8, or, as float32, in [-1, 1]."""
    values: NDArray[np.float32] = np.rint(np.arange(256, dtype=np.float32) * np.float32(gain))
    if dtype == np.uint8:
        return values.astype(np.uint8)
    table: NDArray[np.float32] = values / np.float32(127.5) - np.float32(1)
    return table


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

    Threads draw them: reading, decoding and scaling leave Python's lock, frames need not be sent between processes, and
    nothing is left behind by Ctrl-C. Each thread works on one batch and keeps one core busy. For a CUDA device batches
    are drawn into pinned memory and copied as bytes while it computes; packed films that fit beside the network are
    put wholly on it, and then it cuts, scales and colours the clips itself and no thread is needed. Scaling there may
    differ from the CPU's by one level of 255, everything else is equal.

    Close the iterator (or let it go) to end the threads; that takes as long as the batches being drawn.

    Args:
        sampler: what to draw.
        first_step: the first batch; a resumed run gives the step it goes on with.
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
