"""Films that clips are cut from: frame stores and folders of images, and how their frames fall into shots."""

import copy
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import natural_order, reason, shown
from ..media.frames import flatten_alpha, to_uint8
from ..media.image_files import SUFFIXES, list_images, read_image
from ..shots.cuts import ShotDetector, Verdict
from ..shots.held import DuplicateFinder
from ..shots.noise import AHEAD, NoiseMeter
from .frame_store import FRAMES, HEADER, RECORDS, FrameStore, is_frame_store, read_records

OnScan: TypeAlias = Callable[[str, int, int], None]
"""Called while a film without an index is scanned, with its name, the frames done and the frames in all."""
_MOST_HELD = 0.25  # share of all clips that may be held out
_MOST_STRETCHES, _SHORTEST_STRETCH = 4, 8  # of a film that are held out; frames


class Frames(Protocol):
    """Frames by number; `FrameStore` and `ImageFolder` implement it."""

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


class FilmFrames:
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
        self._stretches = [range(len(frames))]  # frames that clips are drawn from

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def knows_shots(self) -> bool:
        """Whether the shots are known without a scan of the frames."""
        return self._shots is not None

    @property
    def files(self) -> list[Path]:
        """The files that are read for it."""
        if isinstance(self.frames, FrameStore):
            return [self.frames.folder / name for name in (FRAMES, RECORDS, HEADER)]
        if isinstance(self.frames, ImageFolder):
            return [*self.frames.paths, self.frames.paths[0].with_name(RECORDS)]
        return []

    def shots(self, on_scan: OnScan | None = None) -> list[NDArray[np.int64]]:
        """The numbers of each shot's frames in order, duplicate drawings left out.

        Without records the first call scans the whole film, and calls `on_scan`.
        """
        if self._shots is None:
            self._shots = _find_shots(self, on_scan)
        return self._within(self._shots)

    def pictures(self) -> list[NDArray[np.int64]]:
        """The numbers of all frames as a single shot, without a scan for cuts."""
        return self._within([np.arange(len(self))])

    def keep(self, stretches: Sequence[range]) -> "FilmFrames":
        """The film restricted to some stretches; no clip crosses from one into another."""
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

    films: tuple[FilmFrames, ...]
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


def fingerprint(material: Material) -> list[dict[str, Any]]:
    """Identifies films: the name of each, its number of frames, and a hash of some of them.

    Raises:
        InputError: one of these frames cannot be read.
    """
    found = []
    for film in material.films:
        digest = hashlib.sha256()
        for number in sorted({place * (len(film) - 1) // 4 for place in range(5)}):
            frame = film.frames[number]
            digest.update(repr(frame.shape).encode() + np.ascontiguousarray(frame).tobytes())
        found.append({"film": film.name, "frames": len(film), "sha256": digest.hexdigest()[:16]})
    return found


def describe_enlarged(material: Material, size: int) -> str | None:
    """A sentence about frames that are smaller than the training's pictures. None: no frame is.

    Args:
        material: the films; the first frame of each is read.
        size: side of the squares that are drawn, in pixels.
    """
    sides = {}
    for film in material.films:
        with suppress(InputError):  # reported when the frame is drawn
            sides[film.name] = min(film.frames[0].shape[:2])
    small = {name: side for name, side in sides.items() if side < size}
    if not small:
        return None
    name, side = min(small.items(), key=lambda found: found[1])
    others = f", and {len(small) - 1} others are smaller too" if len(small) > 1 else ""
    return (
        f"{name}: its frames are of {side} pixels and are enlarged to {size}, which adds no detail{others}; "
        f"extract it again with --size {size}, or train with a smaller --size"
    )


def hold_out(material: Material, share: float) -> tuple[Material, Material]:
    """Holds frames out for evaluation: a few stretches of each film, spread over it.

    Stretches, since a frame whose neighbours are trained on is hardly new; several, since one would be a single shot.

    Args:
        material: the films.
        share: share of each film's frames, above 0 and up to 0.5; at least one frame.

    Returns:
        The rest, and the frames held out.

    Raises:
        InputError: a film has one frame only.
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


def hold_out_clips(
    material: Material, share: float, span: int, least: int, on_scan: OnScan | None = None
) -> tuple[Material, Material] | None:
    """Holds clips out for evaluation: whole shots, spread over each film, and ends of longer shots.

    Args:
        material: the films.
        share: share of all clips.
        span: drawings that a clip spans.
        least: smallest number of clips for a meaningful evaluation.
        on_scan: called while films without an index are scanned for cuts; single pictures need no scan.

    Returns:
        The rest, and the clips held out. None: it would be more than a quarter of all clips.
    """
    found = [film.pictures() if span == 1 and not film.knows_shots else film.shots(on_scan) for film in material.films]
    shots = [[shot for shot in of_film if len(shot) >= span] for of_film in found]
    totals = [sum(len(shot) - span + 1 for shot in of_film) for of_film in shots]  # clips of each film
    wanted = max(round(share * sum(totals)), least)
    if not share or wanted > _MOST_HELD * sum(totals):
        return None
    left, aside, clips = [], [], 0
    for film, of_film, total in zip(material.films, shots, totals, strict=True):
        held = _choose_held(of_film, -(-wanted * total // sum(totals)), span)
        clips += sum(len(shot) - span + 1 for shot in held)
        parts = [range(int(shot[0]), int(shot[-1]) + 1) for shot in held]
        gaps = zip([0, *(part.stop for part in parts)], [*(part.start for part in parts), len(film)], strict=True)
        left.append(film.keep([range(start, end) for start, end in gaps]))
        aside.append(film.keep(parts))
    if clips < least or not any(len(shot) >= span for film in left for shot in film.shots()):
        return None
    return replace(material, films=tuple(left)), replace(material, films=tuple(aside))


def _choose_held(shots: Sequence[NDArray[np.int64]], wanted: int, span: int) -> list[NDArray[np.int64]]:
    """Shots of a film with about `wanted` clips in all, in their order: the middle one first, then those between.

    Only the end of a longer shot is taken. At most half of the shots are used, and never all of a film's only shot.
    """
    order = dict.fromkeys(int(_reversed_bits(turn) * len(shots)) for turn in range(1, 2 * len(shots) + 1))
    chosen: dict[int, NDArray[np.int64]] = {}
    for number in order:
        if wanted <= 0 or 2 * len(chosen) >= max(2, len(shots)):
            break
        shot, taken = shots[number], span - 1 + wanted
        if len(shot) - taken < span:  # what would be left has no clip
            if len(shots) == 1:
                break
            taken = len(shot)
        chosen[number] = shot[-taken:]
        wanted -= taken - span + 1
    return [chosen[number] for number in sorted(chosen)]


def _reversed_bits(number: int) -> float:
    """The number's binary digits behind the point, reversed: 1/2, 1/4, 3/4, 1/8, … (van der Corput)."""
    value, place = 0.0, 0.5
    while number:
        number, digit = divmod(number, 2)
        value, place = value + digit * place, place / 2
    return value


def _open_films(path: Path, origin: int) -> list[FilmFrames]:
    if path.is_file():
        raise InputError(
            f"{shown(path)}: is a file, and a folder of frames is needed; make one of a film with extract-frames"
        )
    if is_frame_store(path):
        store = FrameStore.open(path)
        if not len(store):
            raise InputError(f"{shown(path)}: holds no frame; extract the frames again")
        return [FilmFrames(shown(Path(path.resolve().name)), origin, store, _with_shots(store.records))]
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


def _open_images(folder: Path, origin: int) -> FilmFrames:
    """Opens a folder of images; the index of extract-frames, if there is one, lists the images and their shots."""
    name = shown(Path(folder.resolve().name))
    images = list_images(folder)
    if not (folder / RECORDS).is_file():
        return FilmFrames(name, origin, ImageFolder(images), None)
    records = read_records(folder / RECORDS)
    if not records:
        raise InputError(f"{shown(folder / RECORDS)}: lists no frame; run extract-frames again, or remove it")
    there = {path.name for path in images}
    for record in records:
        file = record.get("file")
        if not isinstance(file, str) or file not in there:
            raise InputError(f"{shown(folder)}: {RECORDS} lists {file}, which is missing; run extract-frames again")
    return FilmFrames(name, origin, ImageFolder([folder / record["file"] for record in records]), _with_shots(records))


def _find_shots(film: FilmFrames, on_scan: OnScan | None) -> list[NDArray[np.int64]]:
    """Scans a film for cuts, dissolves, flashes and duplicate drawings; a change of size is a cut."""
    shots, meter = ShotDetector(), NoiseMeter()
    drawings = DuplicateFinder(meter=meter)
    verdicts: list[Verdict] = []
    records: list[dict[str, Any]] = []
    size: tuple[int, ...] | None = None
    sizes = 0
    waiting: deque[NDArray[np.uint8]] = deque()  # a film's noise is known by what follows

    def settle() -> None:
        nonlocal size, sizes
        frame = waiting.popleft()
        if frame.shape != size:
            size, sizes = frame.shape, sizes + 1
            drawings.forget()
        held = drawings.is_duplicate(frame, len(records))
        records.append({"shot": sizes, "duplicate_of": 0 if held else None})

    for number in range(len(film)):
        frame = film.frames[number]
        verdicts += shots.push(frame)
        meter.push(frame)
        waiting.append(frame)
        if len(waiting) > AHEAD:
            settle()
        if on_scan is not None:
            on_scan(film.name, number + 1, len(film))
    meter.finish()
    while waiting:
        settle()
    verdicts += shots.finish()
    cuts = 0
    for record, verdict in zip(records, verdicts, strict=True):
        cuts += verdict.cut
        record |= {"shot": (record["shot"], cuts), "transition": verdict.transition}
    return _shots_of(records)


def _with_shots(records: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The records, or None if they have no shots."""
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
