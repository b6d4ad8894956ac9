"""Sequences whose ends are given and whose in-betweens are known: folders of a few images, and clips cut from films."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config.material import ClipConfig
from ..errors import InputError
from ..files import natural_order, shown
from ..media.frames import fit_size, resize_image, to_uint8
from .films import FilmFrames, ImageFolder, Material, OnScan, open_material
from .sampler import ClipSampler

CLIP_SIZE = 256
"""Side of the squares cut from films, in pixels, where nothing else was asked for."""
_SPARE = 4  # factor of the clips that are drawn, since the same one may come twice


class TrueFrames(NamedTuple):
    """A sequence's pictures."""

    frames: list[NDArray[np.uint8]]
    """All frames in order, both ends included: (H, W, 3) uint8, RGB, all of one size."""
    motion: NDArray[np.float32] | None
    """The exact motion from the first frame to the last, (H, W, 2) in pixels, where it is known."""


@dataclass(frozen=True)
class TrueSequence:
    """A sequence that is read when it is asked for.

    Attributes:
        name: what it is called.
        read: reads it; raises InputError where a frame cannot be read.
    """

    name: str
    read: Callable[[], TrueFrames]


def find_sequences(
    paths: Sequence[Path],
    *,
    clips: int,
    length: int,
    stride: int = 1,
    size: int | None = None,
    seed: int = 0,
    on_scan: OnScan | None = None,
) -> tuple[list[TrueSequence], list[str]]:
    """Finds sequences.

    A folder of 3 to `length` images is one sequence, whole and in its own shape. Anything longer, and whatever
    extract-frames wrote, is a film: clips are cut from all films together, at random, none of them across a cut, and
    of each frame the largest square in the middle. Beside a sequence's images there may be one .npz with its exact
    motion, as `animi draw-cartoon --truth` writes it.

    Args:
        paths: folders of images, frame stores, or folders of several of these.
        clips: how many to cut from films.
        length: frames of a clip, both ends included.
        stride: 1 takes successive drawings, 2 every other one.
        size: side of a clip's square, and a sequence's longer side; None: `CLIP_SIZE`, and as it is.
        seed: the same seed gives the same clips.
        on_scan: called while films without an index are scanned for cuts.

    Returns:
        The sequences in order, and sentences for the person.

    Raises:
        InputError: a path holds no frames, or nothing is long enough.
    """
    material = open_material(paths)
    whole = [film for film in material.films if _is_whole(film, length)]
    films = tuple(film for film in material.films if film not in whole)
    found, notes = [], []
    for film in whole:
        if len(film) < 3:
            notes.append(f"{film.name}: has {len(film)} frames and nothing between its ends, and was left out")
        else:
            found.append(_take_whole(film, size))
    if films:
        config = ClipConfig(
            length, stride, size or CLIP_SIZE, crop=1, flip=False, colour=False, reverse=False, seed=seed
        )
        sampler = ClipSampler(Material(films, material.paths), config, _SPARE * clips, on_scan=on_scan)
        notes += [f"{name}: has no shot that is long enough, and was left out" for name in sampler.left_out]
        cut = _cut_clips(sampler, clips)
        if len(cut) < clips:
            notes.append(f"only {len(cut)} different clips were found, of {clips} that were asked for")
        found += cut
    if not found:
        raise InputError(f"{shown(paths[0])}: holds no sequence of 3 frames or more; two ends and a truth are needed")
    return _name_apart(found), notes


def _is_whole(film: FilmFrames, length: int) -> bool:
    return isinstance(film.frames, ImageFolder) and not film.knows_shots and len(film) <= length


def _take_whole(film: FilmFrames, size: int | None) -> TrueSequence:
    def read() -> TrueFrames:
        frames = [film.frames[number] for number in range(len(film))]
        height, width = frames[0].shape[:2]
        for number, frame in enumerate(frames):
            if frame.shape != frames[0].shape:
                raise InputError(
                    f"{film.name}: frame {number} is {frame.shape[1]}x{frame.shape[0]} and the first {width}x{height}; "
                    "make them one size"
                )
        motion = _read_motion(film, (height, width))
        if size is not None and size != max(height, width):
            scale = size / max(height, width)
            width, height = fit_size(width, height, size)
            frames = [to_uint8(resize_image(frame, width, height)) for frame in frames]
            motion = None if motion is None else motion * np.float32(scale)
        return TrueFrames(frames, motion)

    return TrueSequence(film.name, read)


def _read_motion(film: FilmFrames, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Reads the exact motion from the file beside the images, (H, W, 2). None: there is no such file, or several."""
    if not isinstance(film.frames, ImageFolder):
        return None
    files = natural_order(film.frames.paths[0].parent.glob("*.npz"))
    if len(files) != 1:
        return None
    try:
        with np.load(files[0], allow_pickle=False) as arrays:
            motion = np.asarray(arrays["forward"], np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{shown(files[0])}: holds no motion that can be read; remove it") from error
    if motion.shape != (*shape, 2):
        raise InputError(
            f"{shown(files[0])}: its motion is of shape {motion.shape}, the frames are {shape[1]}x{shape[0]}; remove it"
        )
    return motion


def _cut_clips(sampler: ClipSampler, count: int) -> list[TrueSequence]:
    """The first so many clips of a batch that differ from each other."""
    numbers: dict[tuple[int, tuple[int, ...]], int] = {}
    for number, clip in enumerate(sampler.clips(0)):
        numbers.setdefault((clip.film, clip.numbers), number)
    return [
        _take_clip(sampler, number, f"{sampler.films[film].name} {frames[0]}-{frames[-1]}")
        for (film, frames), number in list(numbers.items())[:count]
    ]


def _take_clip(sampler: ClipSampler, number: int, name: str) -> TrueSequence:
    def read() -> TrueFrames:
        batch = sampler.share(number, 1).batch(0)[0].permute(0, 2, 3, 1)  # (T, S, S, 3)
        return TrueFrames([np.ascontiguousarray(frame) for frame in batch.numpy()], None)

    return TrueSequence(name, read)


def _name_apart(sequences: Sequence[TrueSequence]) -> list[TrueSequence]:
    """Numbers the second and further sequences of one name."""
    seen: dict[str, int] = {}
    named = []
    for sequence in sequences:
        seen[sequence.name] = count = seen.get(sequence.name, 0) + 1
        named.append(sequence if count == 1 else TrueSequence(f"{sequence.name} ({count})", sequence.read))
    return named
