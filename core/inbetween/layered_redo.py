"""Draws some drawings of an OCA folder again, around those that a person has painted over.

Each layer of an OCA has a PNG for each of its drawings. One that a person has painted over is a key frame of its layer
from then on: the drawings between it and the next key frames of that layer are drawn from it, and nothing replaces it.
The folder's manifest says how each drawing was written, and what it was drawn from. A new folder is made beside the old
one and put in its place when all is drawn, with whatever else a person has put there.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, OutputError, printable
from ..files import shown
from ..lock import LOCK
from ..media.animation.manifest import (
    NAME,
    FrameRecord,
    FrameStatus,
    Manifest,
    check_untouched,
    find_status,
    hash_file,
    hash_pixels,
    read_manifest,
    stamp_files,
    write_manifest,
)
from ..media.colour_profiles import read_profile, to_srgb
from ..media.frames import Frame, as_channels
from ..media.image_files import read_image
from ..media.layers.document import Cel, Document, Layer, LayerPath, StoredCel, change_layers, spell_path, walk
from ..media.layers.oca import OcaWriter, find_oca
from .layered import Timeline
from .redo import Redone, check_formats, list_changed

_Place = tuple[LayerPath, int]
"""A layer at a frame, by the frame's number."""


def hash_drawing(frame: Frame) -> str:
    """A hash of what a drawing shows: the colours of transparent pixels, which programs save as they like, are none."""
    if frame.ndim == 3 and frame.shape[2] == 4:
        frame = np.where(frame[..., 3:] > 0, frame, np.zeros_like(frame))
    return hash_pixels(frame)


def has_painted_drawings(folder: Path) -> bool:
    """Whether a person has painted over drawings of an OCA folder; False if it has no manifest.

    Raises:
        OutputError: its manifest cannot be read.
        InputError: a drawing is no image any more.
    """
    if not folder.is_dir() or (manifest := read_manifest(folder)) is None:
        return False
    return any(find_status(folder, record, hash_drawing).painted for record in manifest.frames)


class FolderRepair:
    """What becomes of the drawings of an OCA folder that are there; a `layered.Repair`."""

    def __init__(
        self,
        folder: Path | None,
        timing: Mapping[str, Any],
        size: tuple[int, int],
        order: Sequence[int],
        chosen: Collection[int] | None = None,
        *,
        everything: bool = False,
    ) -> None:
        """Reads what is known of a folder.

        Args:
            folder: the folder; None: it is made anew.
            timing: the settings that frames get their times from, by their names on the command line.
            size: width and height of the canvas.
            order: the numbers of the frames, as they are shown.
            chosen: places in `order`; their drawings are drawn again, and no others. None: those that were drawn from
                something else.
            everything: whether all drawings are drawn again but those that are painted.

        Raises:
            OutputError: it keeps no manifest, or holds drawings of another timing.
            InputError: a drawing that was painted cannot be used.
        """
        self._folder, self._order, self._everything, self._size = folder, order, everything, size
        self._timing = timing
        self._keys: set[str] = set()  # the names of drawings that are key frames
        self._chosen = None if chosen is None else {order[place] for place in chosen}
        self._records: dict[_Place, FrameRecord] = {}
        self._status: dict[str, FrameStatus] = {}
        self._painted: dict[str, Cel] = {}
        self._used: set[str] = set()
        self._clipping: set[LayerPath] = set()
        self._about: Mapping[str, Any] = {}
        self._stamps: Mapping[str, tuple[int, int]] = {}
        self.stale: set[_Place] = set()
        """The drawings that are drawn again: of a layer at a frame."""
        if folder is None:
            return
        manifest = read_manifest(folder)
        if manifest is None:
            raise OutputError(
                f"{shown(folder)}: keeps no {NAME}, which says how its drawings were made; draw them with --overwrite "
                "first"
            )
        self._check_timing(folder, manifest, timing)
        check_formats(folder, manifest)
        self._stamps = stamp_files(folder, manifest)
        try:
            self._read(folder, manifest)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise OutputError(
                f"{shown(folder / NAME)}: is damaged, so that nobody knows which drawings were painted over; remove it "
                "to have all drawn anew with --overwrite"
            ) from error

    def _read(self, folder: Path, manifest: Manifest) -> None:
        """Finds the record of each layer at each frame, and what a person has painted."""
        self._about = manifest.about["cels"]
        for record in manifest.frames:
            self._status[record.name] = status = find_status(folder, record, hash_drawing)
            said = self._about[record.name]
            path = tuple((str(name), int(number)) for name, number in said["path"])
            if status.painted:
                self._painted[record.name] = self._load(record, painted=True)
            for place in range(record.drawing, record.drawing + int(said["frames"])):
                self._add((path, self._order[place]), record)

    def _add(self, place: _Place, record: FrameRecord) -> None:
        """Adds a drawing; of those that a boomerang shows twice, one that is painted comes first."""
        known = self._records.setdefault(place, record)
        if known.name == record.name or record.name not in self._painted:
            return
        if known.name not in self._painted:
            self._records[place] = record
        elif self._status[known.name].pixels == self._status[record.name].pixels:
            self._used.add(record.name)
        else:
            assert self._folder is not None
            raise InputError(
                f"{shown(self._folder / record.name)}: shows the same drawing as {printable(known.name, 80)}, and both "
                "are painted over; make them the same, or move one out of the folder"
            )

    def _check_timing(self, folder: Path, manifest: Manifest, timing: Mapping[str, Any]) -> None:
        changed = list_changed(manifest, timing)
        if manifest.size != self._size:
            changed.append(f"a canvas of {manifest.size[0]}x{manifest.size[1]}")
        cels = manifest.about.get("cels")
        if not isinstance(cels, dict) or any(record.name not in cels for record in manifest.frames):
            changed = ["no layers"]
        if changed:
            raise OutputError(
                f"{shown(folder)}: holds drawings of another timing ({', '.join(changed)}), in which those that are "
                "painted over have their place; give what it was drawn with, or choose another folder"
            )

    @property
    def painted(self) -> tuple[str, ...]:
        """The names of the drawings that a person has painted."""
        return tuple(self._painted)

    @property
    def again(self) -> bool:
        """Whether there is a folder already."""
        return self._folder is not None

    def foresee(self) -> Redone:
        """What would be drawn again, of the drawings that are in the folder."""
        names = {record.name for place, record in self._records.items() if place in self.stale}
        return Redone(tuple(sorted(names)), self.painted)

    def _load(self, record: FrameRecord, *, painted: bool = False) -> Cel:
        """Reads a drawing.

        Raises:
            InputError: it cannot be read, or has neither the drawing's size nor the canvas's.
        """
        assert self._folder is not None
        file, said = self._folder / record.name, self._about[record.name]
        frame = read_image(file)
        height, width = frame.shape[:2]
        x, y = said["at"]
        if [width, height] != said["size"]:
            if (width, height) != self._size:
                raise InputError(
                    f"{shown(file)}: is {width}x{height}, and the drawing was {said['size'][0]}x{said['size'][1]}; "
                    f"give it that size, or the canvas's, {self._size[0]}x{self._size[1]}"
                )
            x, y = 0, 0
        profile = read_profile(file) if painted else None
        if profile is not None:
            return Cel(as_channels(to_srgb(frame, profile), 4), x, y)
        return StoredCel(as_channels(frame, 4), x, y, file)

    def change_keys(self, document: Document, timeline: Timeline) -> Document:
        """The document with the key frames that a person has painted in their layers."""
        self._clipping = {path for picture in document.pictures for path in _list_clipping(picture.layers)}
        cels: dict[tuple[int, LayerPath], Cel] = {}
        for (path, frame), record in self._records.items():
            number, t = timeline.frames[frame]
            if record.name in self._painted and t in (0, 1):
                cels[timeline.next_ones[number] if t else number, path] = self._painted[record.name]
                self._used.add(record.name)
        self._keys = set(self._used)

        def change(number: int, path: LayerPath, layer: Layer) -> Layer:
            return replace(layer, cel=cels[number, path]) if (number, path) in cels else layer

        pictures = tuple(
            replace(picture, layers=change_layers(picture.layers, partial(change, number)))
            for number, picture in enumerate(document.pictures)
        )
        return replace(document, pictures=pictures)

    def find_painted(self, path: LayerPath, frame: int) -> Cel | None:
        """What a person has painted for a layer at a frame, by its number; None: nothing, or it is a key frame."""
        record = self._records.get((path, frame))
        if record is None or record.name not in self._painted or record.name in self._keys:
            return None
        self._used.add(record.name)
        return self._painted[record.name]

    def find_kept(self, path: LayerPath, frame: int, source: str) -> Callable[[], Cel] | None:
        """Reads what is kept for a layer at a frame; None: it is drawn."""
        record = self._records.get((path, frame))
        if record is None or self._status[record.name].sha256 is None or self._everything:
            stale = True
        elif self._chosen is not None:
            stale = frame in self._chosen
        else:
            stale = record.of != source
        if stale:
            self.stale.add((path, frame))
            return None
        # what clips was cut to what it clips to, which may have changed: it is drawn, and most often comes out the same
        clips = any(path[:length] in self._clipping for length in range(1, len(path) + 1))
        assert record is not None
        return None if clips else partial(self._load, record)

    def check_used(self) -> None:
        """Checks that each drawing that was painted has a place.

        Raises:
            OutputError: one has none.
        """
        for name in self._painted:
            if name not in self._used:
                assert self._folder is not None
                path = spell_path(tuple((str(part), int(number)) for part, number in self._about[name]["path"]))
                raise OutputError(
                    f"{shown(self._folder / name)}: is painted over, and the key frames have no layer "
                    f"{printable(path, 80)} there any more; move the file out of the folder, or give it that layer"
                )

    def finish(self, draft: Path, writer: OcaWriter, sources: Mapping[_Place, str], engine: str) -> tuple[str, ...]:
        """Writes the manifest of a new folder, and takes over what else a person has put into the old one.

        Args:
            draft: the new folder.
            writer: has written it.
            sources: of each drawing of a layer at a frame, a hash of what it was drawn from.
            engine: the name of what drew it.

        Returns:
            The names of the drawings that were drawn again.

        Raises:
            OutputError: the old folder was changed meanwhile.
            OSError: something cannot be written.
        """
        records, cels = [], {}
        for file, shown_ in writer.shown.items():
            sha256 = hash_file(draft / file)
            assert sha256 is not None
            frame = self._order[shown_.first]
            old = self._records.get((shown_.path, frame))
            yours = old is not None and old.name in self._painted
            of = "" if yours else sources.get((shown_.path, frame), "")
            records.append(FrameRecord(file, sha256, hash_drawing(shown_.cel.pixels), shown_.first, of, yours))
            height, width = shown_.cel.pixels.shape[:2]
            cels[file] = {
                "path": [list(each) for each in shown_.path], "frames": shown_.count,
                "at": [shown_.cel.x, shown_.cel.y], "size": [width, height],
            }  # fmt: skip
        about = {"timing": dict(self._timing), "engine": engine, "cels": cels}
        write_manifest(draft, Manifest(self._size, tuple(records), about))
        if self._folder is not None:
            for name in self._list_strangers():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self._folder / name, draft / name, follow_symlinks=False)
            check_untouched(self._folder, self._stamps)
        stale = (file for file, each in writer.shown.items() if (each.path, self._order[each.first]) in self.stale)
        return tuple(sorted(stale))

    def _list_strangers(self) -> Iterator[Path]:
        """What a folder holds that animi did not write."""
        assert self._folder is not None
        file = find_oca(self._folder)
        ours = {*self._about, NAME, LOCK, "" if file is None else file.name}
        for path in sorted(self._folder.rglob("*")):
            name = path.relative_to(self._folder)
            if name.as_posix() not in ours and (path.is_symlink() or not path.is_dir()):
                yield name


def _list_clipping(layers: Sequence[Layer]) -> Iterator[LayerPath]:
    return (path for path, layer in walk(layers) if layer.clips)
