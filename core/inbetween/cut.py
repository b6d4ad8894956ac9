"""Draws a cut by its time sheet: an in-between for each mark, and all layers together as an animation.

The drawings are beside the sheet, named as drawing programs export them: drawing 1 of level A is `A/A_0001.png`,
`A/0001.png` or `A/1.png`; or `A_0001.png` or `A1.png` in the sheet's own folder.
"""

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config.choices import EASINGS
from ..config.parsing import ease
from ..engines.interface import Engine
from ..errors import InputError, OutputError, list_some
from ..files import Scratch, natural_order, reason, shown, written_beside
from ..media.frames import Frame, as_channels
from ..media.image_files import SUFFIXES, encode_png
from .key_frames import KeyFrames
from .pair import draw_segment
from .time_sheet import EMPTY, INBETWEEN, REVERSE, TimeSheet, Track

_MARKS = (INBETWEEN, REVERSE)
_ONE_CANVAS = "export them with the same canvas"


class Inbetween(NamedTuple):
    """An in-between of a level."""

    first: str
    """The drawing before it."""
    last: str
    """The drawing after it."""
    t: float
    """Its time, in (0, 1) from the one to the other."""


@dataclass(frozen=True)
class Level:
    """The drawings that a track shows, and its in-betweens with their names.

    Attributes:
        track: the track.
        shown: the drawing from a frame on, by frames in order; None: nothing is shown.
        inbetweens: those that it shows, by name.
    """

    track: Track
    shown: tuple[tuple[int, str | None], ...]
    inbetweens: dict[str, Inbetween]

    def at(self, frame: int) -> str | None:
        """The drawing at a frame; None: nothing is shown."""
        found = None
        for start, name in self.shown:
            if start > frame:
                break
            found = name
        return found


class LevelNames:
    """The names of a level's drawings and in-betweens, which all tracks of the level share."""

    def __init__(self, tracks: Iterable[Track], taken: Iterable[str] = (), spacing: str = EASINGS[0]) -> None:
        """Has no in-betweens yet.

        Args:
            tracks: those of the level; no in-between gets the name of a drawing that they show.
            taken: names of more drawings of the level.
            spacing: one of EASINGS, for all in-betweens.
        """
        drawings = (value for track in tracks for _, value in track.changes if value not in (*_MARKS, EMPTY))
        self._taken = {_plain(name) for name in chain(taken, drawings)}
        self._spacing = spacing
        self._known: dict[tuple[str, str, int], list[str]] = {}
        self.inbetweens: dict[str, Inbetween] = {}
        """All in-betweens by name."""

    def name(self, first: str, last: str, count: int) -> list[str]:
        """The names of in-betweens from one drawing to another, in order.

        The same drawings with as many in-betweens, in either order, have the same ones.
        """
        key = _plain(first), _plain(last), count
        if key not in self._known and (back := self._known.get((key[1], key[0], count))) is not None:
            self._known[key] = back[::-1]
        if key not in self._known:
            self._known[key] = _name_between(first, last, count, self._taken)
            self._taken.update(map(_plain, self._known[key]))
            for k, name in enumerate(self._known[key], 1):
                self.inbetweens[name] = Inbetween(first, last, ease(k / (count + 1), self._spacing))
        return self._known[key]


def plan_level(sheet: TimeSheet, track: Track, names: LevelNames) -> Level:
    """Names the in-betweens of a track, and says when each drawing is shown.

    The marks between two drawings are in-betweens at even steps, or as the easing has it. Where the same two drawings
    have as many marks again, or marks in reverse, the same in-betweens are shown.

    Args:
        sheet: the sheet.
        track: one of its tracks.
        names: of the track's level; in-betweens are added to them.

    Raises:
        InputError: a mark has no drawing before or after it.
    """
    end = sheet.duration
    shown_at: dict[int, str | None] = {}
    before: str = EMPTY
    marks: list[int] = []
    for frame, value in [*(change for change in track.changes if change[0] < end), (end, EMPTY)]:
        if value in _MARKS:
            marks.append(frame)
            continue
        if marks and EMPTY in (before, value):
            raise InputError(
                f"{shown(sheet.path)}: track {track.name}, frame {marks[0] + 1}: the mark of an in-between has no "
                "drawing before or after it; name one there, or take the mark out"
            )
        if marks:
            shown_at.update(zip(marks, names.name(before, value, len(marks)), strict=True))
        shown_at[frame] = None if value == EMPTY else value
        before, marks = value, []
    del shown_at[end]
    own = {name: names.inbetweens[name] for name in shown_at.values() if name in names.inbetweens}
    return Level(track, tuple(sorted(shown_at.items())), own)


def _name_between(first: str, last: str, count: int, taken: Collection[str]) -> list[str]:
    """Free names for in-betweens: whole numbers between two drawings' numbers, else the next free ones.

    Args:
        first: the name of the drawing before them.
        last: of the one after them.
        count: how many.
        taken: names that are not free, each as `_plain` has it.
    """
    numbers = {int(name) for name in taken if name.isascii() and name.isdigit() and len(name) < 9}
    ends = [int(name) if name.isascii() and name.isdigit() and len(name) < 9 else None for name in (first, last)]
    if ends[0] is not None and ends[1] is not None:
        low, high = sorted((ends[0], ends[1]))
        free = [number for number in range(low + 1, min(high, low + 10_000)) if number not in numbers]
        if len(free) >= count:
            chosen = [free[(2 * k + 1) * len(free) // (2 * count)] for k in range(count)]
            return [str(number) for number in (chosen if ends[0] < ends[1] else chosen[::-1])]
    if numbers:
        start = max(numbers) + 1
        return [str(number) for number in range(start, start + count)]
    found: list[str] = []
    k = 1
    while len(found) < count:
        name = f"{first}-{k}"
        if _plain(name) not in taken:
            found.append(name)
        k += 1
    return found


class LevelFiles:
    """The files of a level's drawings."""

    def __init__(self, folders: Sequence[Path], level: str) -> None:
        """Lists them.

        Args:
            folders: where the level's folder, or its files, are: the sheet's, and those that were given.
            level: its name.
        """
        self.level = level
        self._files: dict[str, Path] = {}
        prefix = re.compile(rf"{re.escape(level)}[ _.\-]*", re.IGNORECASE)
        for folder in folders:
            own = [each for each in _list(folder) if each.is_dir() and each.name.lower() == level.lower()]
            for place, inside in [*((each, True) for each in own), (folder, False)]:
                for file in natural_order(each for each in _list(place) if each.suffix.lower() in SUFFIXES):
                    found = prefix.match(file.stem)
                    names = [file.stem] if inside else []
                    if found and found.end() < len(file.stem):
                        names.append(file.stem[found.end() :])
                    for name in names:
                        self._files.setdefault(_plain(name), file)

    @property
    def names(self) -> list[str]:
        """The names of all drawings that have a file."""
        return list(self._files)

    def find(self, name: str) -> Path | None:
        """The file of a drawing; None if it has none."""
        return self._files.get(_plain(name))

    def name_file(self, name: str, like: Path) -> str:
        """The name of a new drawing's file, in the pattern of another one: A_0002.png like A_0001.png."""
        digits = re.search(r"\d+$", like.stem)
        if digits is None or not (name.isascii() and name.isdigit()):
            found = re.match(rf"{re.escape(self.level)}[ _.\-]*", like.stem, re.IGNORECASE)
            return f"{found[0] if found else ''}{name}.png"
        return f"{like.stem[: digits.start()]}{name.zfill(len(digits[0]))}.png"


def _plain(name: str) -> str:
    """A drawing's name without leading zeros and in lower case."""
    return re.sub(r"^0+(?=\d)", "", name.strip()).lower()


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{shown(folder)}: cannot be read ({reason(error)}); give the folder of the drawings"
        ) from error


@dataclass(frozen=True)
class Cut:
    """A cut that can be drawn.

    Attributes:
        sheet: its time sheet.
        levels: what its tracks show, the lowest first.
        files: the drawings' files, for each track; tracks of one level share them.
        missing: drawings that are shown but have no file, each as "A 3".
    """

    sheet: TimeSheet
    levels: tuple[Level, ...]
    files: tuple[LevelFiles, ...]
    missing: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of in-betweens."""
        return sum(len(self.list_inbetweens(files)) for files in dict.fromkeys(self.files))

    @property
    def inputs(self) -> list[Path]:
        """The files of all drawings that are shown."""
        found = []
        for level, files in zip(self.levels, self.files, strict=True):
            for _, name in level.shown:
                file = None if name is None or name in level.inbetweens else files.find(name)
                if file is not None:
                    found.append(file)
        return list(dict.fromkeys(found))

    def list_inbetweens(self, files: LevelFiles) -> dict[str, Inbetween]:
        """The in-betweens of a level, whichever of its tracks shows them."""
        pairs = zip(self.levels, self.files, strict=True)
        return {name: each for level, own in pairs if own is files for name, each in level.inbetweens.items()}


def plan_cut(sheet: TimeSheet, folders: Sequence[Path] = (), spacing: str = EASINGS[0]) -> Cut:
    """Finds the drawings of a sheet, and plans its in-betweens.

    Args:
        sheet: the sheet.
        folders: folders of drawings, besides the sheet's own.
        spacing: one of EASINGS.

    Raises:
        InputError: a mark cannot be drawn, or a drawing beside a mark has no file.
    """
    places = [*folders, sheet.path.absolute().parent]
    known: dict[str, tuple[LevelFiles, LevelNames]] = {}  # of levels; several tracks may show one
    for level_name, tracks in groupby(sorted(sheet.tracks, key=_find_level), _find_level):
        several = list(tracks)
        own = LevelFiles(places, several[0].name)
        known[level_name] = own, LevelNames(several, own.names, spacing)
    levels, files, missing, needed = [], [], [], []
    for track in sheet.tracks:
        there, names = known[_find_level(track)]
        level = plan_level(sheet, track, names)
        levels.append(level)
        files.append(there)
        beside = {name for each in level.inbetweens.values() for name in (each.first, each.last)}
        for name in dict.fromkeys(name for _, name in level.shown if name is not None):
            if name not in level.inbetweens and there.find(name) is None:
                missing.append(f"{track.name} {name}")
                if name in beside:
                    needed.append(f"{track.name} {name}")
    if needed:
        level_name, _, name = needed[0].rpartition(" ")
        raise InputError(
            f"{shown(sheet.path)}: there is no file of drawing {list_some(needed)}; put it beside the "
            f"sheet as {level_name}/{level_name}_{name.zfill(4)}.png, or give its folder"
        )
    return Cut(sheet, tuple(levels), tuple(files), tuple(dict.fromkeys(missing)))


def _find_level(track: Track) -> str:
    """A level's name in lower case, as case does not matter in finding its files."""
    return track.name.lower()


def draw_pair(
    inbetweens: Mapping[str, Inbetween],
    files: LevelFiles,
    drawings: KeyFrames,
    ends: tuple[str, str],
    engine: Engine,
    on_failure: str,
) -> Iterator[tuple[str, Frame]]:
    """Draws a level's in-betweens of two drawings.

    Args:
        inbetweens: of the level.
        files: its drawings' files.
        drawings: reads these files, and perhaps others.
        ends: the names of the two drawings.
        engine: draws them.
        on_failure: one of `config.choices.ON_FAILURE`.

    Returns:
        The names and the frames, in order of time.
    """
    wanted = sorted((each.t, name) for name, each in inbetweens.items() if (each.first, each.last) == ends)
    places = [drawings.paths.index(file) for end in ends if (file := files.find(end)) is not None]
    first, last = (drawings[place] for place in places)  # plan_cut has checked that each has a file
    frames = draw_segment(first, last, [t for t, _ in wanted], engine, on_failure)
    yield from zip((name for _, name in wanted), frames, strict=True)


def _list_pairs(inbetweens: Mapping[str, Inbetween]) -> list[tuple[str, str]]:
    """The pairs of drawings between which there are in-betweens."""
    return list(dict.fromkeys((each.first, each.last) for each in inbetweens.values()))


def _open_drawings(paths: Sequence[Path], *, keep_profile: bool, keep: int = 2) -> KeyFrames:
    """Opens drawings that are to have one form.

    Raises:
        InputError: one cannot be read, or they differ in size.
    """
    several = [*paths, *paths] if len(paths) == 1 else paths  # key frames are two or more
    return KeyFrames(several, keep_profile=keep_profile, keep=keep, remedy=_ONE_CANVAS)


def write_cut(
    cut: Cut, output: Path, engine: Engine, on_failure: str, *, overwrite: bool = False,
    on_frame: Callable[[int], None] = lambda done: None,
) -> None:  # fmt: skip
    """Writes a folder with the sheet, its marks replaced by names, and for each level its drawings and in-betweens.

    Args:
        cut: the cut.
        output: the folder; it appears when it is complete, or not at all.
        engine: draws the in-betweens.
        on_failure: one of `config.choices.ON_FAILURE`.
        overwrite: whether an existing folder may be replaced.
        on_frame: called with the number of in-betweens drawn.

    Raises:
        AnimiError: a drawing cannot be read, or the folder cannot be written.
    """
    done = 0
    planned = _plan_files(cut)
    _check_folder(output, planned)
    named: dict[tuple[int, int], str] = {}
    for level in cut.levels:
        named |= {(level.track.number, frame): name for frame, name in level.shown if name in level.inbetweens}
    with written_beside(output, overwrite=overwrite, folder=True) as draft:
        for files in dict.fromkeys(cut.files):
            if files.level not in planned:
                continue
            folder = draft / files.level
            folder.mkdir()
            for drawing in _list_drawings(cut, files):
                shutil.copyfile(drawing, folder / drawing.name)
            inbetweens = cut.list_inbetweens(files)
            pairs = _list_pairs(inbetweens)
            beside = dict.fromkeys(file for pair in pairs for end in pair if (file := files.find(end)) is not None)
            drawings = _open_drawings(list(beside), keep_profile=True) if pairs else None
            for ends in pairs:
                assert drawings is not None
                for name, drawn in draw_pair(inbetweens, files, drawings, ends, engine, on_failure):
                    place = folder / _name_file(inbetweens[name], files, name)
                    place.write_bytes(encode_png(drawn, drawings.profile))
                    done += 1
                    on_frame(done)
        (draft / cut.sheet.path.name).write_bytes(cut.sheet.with_drawings(named))


def _list_drawings(cut: Cut, files: LevelFiles) -> list[Path]:
    """The files of the drawings of a level that are shown."""
    inbetweens = cut.list_inbetweens(files)
    shown_names = (name for level, own in zip(cut.levels, cut.files, strict=True) if own is files
                   for _, name in level.shown)  # fmt: skip
    found = (files.find(name) for name in shown_names if name is not None and name not in inbetweens)
    return list(dict.fromkeys(file for file in found if file is not None))


def _name_file(inbetween: Inbetween, files: LevelFiles, name: str) -> str:
    like = files.find(inbetween.first)
    assert like is not None  # plan_cut has checked it
    return files.name_file(name, like)


def _plan_files(cut: Cut) -> dict[str, set[str]]:
    """What a cut's folder holds: its sheet, and the levels with their files.

    Raises:
        OutputError: a level has the sheet's name.
    """
    planned: dict[str, set[str]] = {cut.sheet.path.name: set()}
    for files in dict.fromkeys(cut.files):
        names = {file.name for file in _list_drawings(cut, files)}
        names |= {_name_file(each, files, name) for name, each in cut.list_inbetweens(files).items()}
        if names and files.level.lower() == cut.sheet.path.name.lower():
            raise OutputError(
                f"{shown(cut.sheet.path)}: has the name of one of its levels, and both would be in one folder; "
                "give the sheet another name"
            )
        if names:
            planned[files.level] = names
    return planned


def _check_folder(output: Path, planned: dict[str, set[str]]) -> None:
    """Raises an OutputError if an existing folder holds a file that the new one will not have."""
    for found in output.iterdir() if output.is_dir() else ():
        others = [found.name] if found.name not in planned else []
        if found.name in planned and found.is_dir():
            others = [f"{found.name}/{file.name}" for file in found.iterdir() if file.name not in planned[found.name]]
        if others:
            raise OutputError(
                f"{shown(output)}: {shown(Path(others[0]))} is not of this cut and would be lost; choose another folder"
            )


def open_cut(cut: Cut, *, keep_profile: bool = False) -> KeyFrames:
    """Opens all drawings of a cut, for `compose_cut`: in one size, one depth and one colour space.

    Args:
        cut: the cut.
        keep_profile: keep colours in the ICC profile that all drawings share; else they are converted to sRGB.

    Raises:
        InputError: a drawing is missing or cannot be read, two differ in size, or there is none.
    """
    if cut.missing:
        raise InputError(
            f"{shown(cut.sheet.path)}: there is no file of drawing {list_some(cut.missing)}; put it beside "
            "the sheet, or give a folder as the output, for which only drawings beside marks are needed"
        )
    if not cut.inputs:
        raise InputError(f"{shown(cut.sheet.path)}: shows no drawing; name one in it")
    keep = len(cut.levels) + 2
    drawings = _open_drawings(cut.inputs, keep_profile=keep_profile, keep=keep)
    if drawings.profile is not None and drawings.profile[16:20] == b"GRAY":  # the frames have colours and alpha
        drawings = _open_drawings(cut.inputs, keep_profile=False, keep=keep)
    return drawings


def compose_cut(cut: Cut, drawings: KeyFrames, engine: Engine, on_failure: str) -> Iterator[Frame]:
    """Draws all frames of a cut, the lowest level first, each laid over those below.

    The in-betweens of two drawings are drawn when the first of them is shown. They wait in a temporary file, as a cut's
    may not fit in memory.

    Args:
        cut: the cut.
        drawings: its drawings, from `open_cut`.
        engine: draws the in-betweens.
        on_failure: one of `config.choices.ON_FAILURE`.

    Returns:
        The frames in order: (H, W, 4), of the drawings' size and type.

    Raises:
        OutputError: temporary files cannot be written.
    """
    form = drawings[0]
    before: tuple[tuple[str | None, ...], Frame] | None = None
    with Scratch() as spool:
        places: dict[tuple[str, str], int] = {}  # in the file, by level and name

        def find(number: int, name: str) -> Frame:
            """A drawing or an in-between of a level."""
            inbetween, files = cut.levels[number].inbetweens.get(name), cut.files[number]
            if inbetween is None:
                file = files.find(name)
                assert file is not None  # open_cut has checked it
                return drawings[drawings.paths.index(file)]
            if (files.level, name) not in places:
                ends, every = (inbetween.first, inbetween.last), cut.list_inbetweens(files)
                for each, frame in draw_pair(every, files, drawings, ends, engine, on_failure):
                    places[files.level, each] = len(places) * form.nbytes
                    spool.append(frame.tobytes())
            data = spool.read(places[files.level, name], form.nbytes)
            return np.frombuffer(data, form.dtype).reshape(form.shape)

        for frame in range(cut.sheet.duration):
            names = tuple(level.at(frame) for level in cut.levels)
            if before is None or before[0] != names:
                layers = [find(number, name) for number, name in enumerate(names) if name is not None]
                before = names, lay_over(layers, form)
            yield before[1]


def lay_over(layers: Sequence[Frame], form: Frame) -> Frame:
    """Lays drawings over each other, the lowest first.

    Porter and Duff, "Compositing digital images" (SIGGRAPH 1984): "over", on premultiplied colours.

    Args:
        layers: (H, W, C) each, of one size and type; there may be none.
        form: a frame of that size and type.

    Returns:
        (H, W, 4), straight alpha.
    """
    size = form.shape[:2]
    if not layers:
        return np.zeros((*size, 4), form.dtype)
    alike = [as_channels(layer, 4) for layer in layers]
    if len(alike) == 1:
        return alike[0]
    most = float(np.iinfo(form.dtype).max)
    colour = np.zeros((*size, 3), np.float32)
    alpha = np.zeros((*size, 1), np.float32)
    for layer in alike:
        own = layer[..., 3:].astype(np.float32) / most
        colour = layer[..., :3].astype(np.float32) * own + colour * (1 - own)
        alpha = own + alpha * (1 - own)
    straight = colour / np.maximum(alpha, 1e-6)
    return np.concatenate([straight, alpha * most], 2).round().clip(0, most).astype(form.dtype)
