"""Draws some frames of a folder again, around frames that a person has painted over.

A painted frame becomes a key frame: the frames between it and the next key frames are drawn from it. Each frame's
record says what it was drawn from (the two pictures, the time between them, the hints), which shows the frames that
have to be drawn again, whatever has changed.

Frames are replaced one by one, and a frame that is saved meanwhile is kept. They are first drawn beside the folder.
Then the manifest gets the hashes of both the new files and those that they replace. Then the new files are renamed to
their places. So if a run is killed at any moment, the next one can still tell all files apart.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_frame_numbers
from ..engines.interface import Engine
from ..errors import InputError, OutputError, list_some
from ..files import DRAFT, put_in_place, reason, shown
from ..interrupts import held_back
from ..lock import locked
from ..media.animation.folder import name_frame
from ..media.animation.manifest import (
    NAME,
    FrameRecord,
    Manifest,
    find_painted,
    find_status,
    find_strangers,
    hash_file,
    hash_pixels,
    mark_written,
    read_manifest,
    write_manifest,
)
from ..media.colour_profiles import name_profile, read_profile, to_srgb
from ..media.frames import Frame, as_channels, match_images, to_uint8, to_uint16
from ..media.image_files import encode_png, read_image
from ..motion.guides import PairHints
from .doubt import Watch
from .hints import Hints, digest_hints
from .layout import Layout
from .pair import draw_segment, is_given

_READ = (".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")  # images that animi reads, and frames are not


class Anchor(NamedTuple):
    """A picture that frames are drawn from."""

    painted: bool
    """Whether it is a frame that a person has painted; otherwise it is a key frame."""
    number: int
    """The number of the frame, or of the key frame."""


class Source(NamedTuple):
    """What a drawing is drawn from."""

    first: Anchor
    last: Anchor | None = None
    """None: it is `first` itself."""
    t: float = 0.0
    """The time between the two."""
    segment: int = 0
    part: tuple[float, float] = (0.0, 1.0)
    """The times of the two within the segment."""
    parts: tuple[float, ...] = ()
    """The times of the parts with their own spacing; beside a painted frame, parts have the time of everything else."""


def trace(layout: Layout, painted: Mapping[int, int]) -> list[Source]:
    """What each drawing is drawn from.

    Args:
        layout: the drawings.
        painted: the drawings that a person has painted, each with the number of its frame.
    """
    drawings, sources = layout.drawings, []

    def key_of(number: int) -> int:
        return (drawings[number].segment + int(drawings[number].t)) % layout.keys

    def find_end(number: int, key: int) -> Anchor:
        """The key frame at one end of a segment, or the painted frame that shows it."""
        if 0 <= number < len(drawings) and drawings[number].is_given and key_of(number) == key and number in painted:
            return Anchor(True, painted[number])
        return Anchor(False, key)

    for segment, group in groupby(range(len(drawings)), key=lambda number: _group_of(layout, number)):
        numbers = list(group)
        if segment is None:
            sources += [Source(Anchor(True, painted[n]) if n in painted else Anchor(False, key_of(n))) for n in numbers]
            continue
        following = numbers[-1] + 1 if numbers[-1] + 1 < len(drawings) or not layout.loop else 0
        ends = [(0.0, find_end(numbers[0] - 1, segment)), (1.0, find_end(following, (segment + 1) % layout.keys))]
        anchors = [ends[0], *((drawings[n].t, Anchor(True, painted[n])) for n in numbers if n in painted), ends[1]]
        place = 0
        for n in numbers:
            if n in painted:
                place += 1
                sources.append(Source(anchors[place][1]))
                continue
            (start, first), (end, last) = anchors[place], anchors[place + 1]
            t = (drawings[n].t - start) / (end - start) if end > start else 0.0
            parts = drawings[n].parts if len(anchors) == 2 else ()
            if is_given(t, *parts):
                sources.append(Source((first, last)[int(t)]))
            else:
                sources.append(Source(first, last, t, segment, (start, end), parts))
    return sources


def _group_of(layout: Layout, number: int) -> int | None:
    drawing = layout.drawings[number]
    return None if drawing.is_given else drawing.segment


@dataclass(frozen=True)
class Redone:
    """What was drawn again."""

    drawn: tuple[str, ...]
    """The frames' names."""
    yours: tuple[str, ...]
    """The names of those that a person has painted."""
    notes: tuple[str, ...] = ()
    """What a person should know, in plain sentences without a full stop."""


@dataclass
class FolderWork:
    """What is needed to draw the frames of a folder."""

    folder: Path
    layout: Layout
    keys: Sequence[Frame]
    """The key frames, or each row's drawing: (H, W, C), all of one form."""
    hints: Hints
    engine: Engine
    on_failure: str
    about: Mapping[str, Any]
    """What the manifest stores: `timing` holds the settings that frames get their times from."""
    profile: bytes | None = None
    """The ICC profile of the frames' colours; None: sRGB."""
    _hashes: dict[Anchor, str] = field(default_factory=dict)
    _hint_digests: dict[tuple[int, tuple[float, float]], str] = field(default_factory=dict)

    def describe(self, manifest: Manifest) -> Manifest:
        """Adds to the manifest of new frames what they are drawn from."""
        sources = trace(self.layout, {})
        frames = [
            replace(record, drawing=drawing, of=self.digest(sources[drawing]))
            for record, drawing in zip(manifest.frames, self.layout.frames, strict=True)
        ]
        return replace(manifest, frames=tuple(frames), about={**self.about, "drawings": self.layout.to_json()})

    def digest(self, source: Source) -> str:
        """A hash of what a drawing is drawn from."""
        words: list[Any] = [self.hash_anchor(source.first)]
        if source.last is not None:
            if (part := (source.segment, source.part)) not in self._hint_digests:
                self._hint_digests[part] = digest_hints(self.find_hints(source))
            words += [self.hash_anchor(source.last), source.t, self._hint_digests[part], *source.parts]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()[:32]

    def find_hints(self, source: Source) -> PairHints | None:
        """The hints of a pair; where a painted frame divides it, those of one part of it."""
        if not self.hints:
            return None
        height, width = self.keys[0].shape[:2]
        following = (source.segment + 1) % self.layout.keys
        return self.hints.of(source.segment, following, width, height).cut(*source.part)

    def hash_anchor(self, anchor: Anchor) -> str:
        """The hash of a picture's pixels."""
        if anchor not in self._hashes:
            self._hashes[anchor] = hash_pixels(self.load(anchor))
        return self._hashes[anchor]

    def load(self, anchor: Anchor) -> Frame:
        """A key frame, or a painted one: (H, W, C).

        Raises:
            InputError: a painted frame has another size, or other colours.
        """
        if not anchor.painted:
            return self.keys[anchor.number]
        path = self.folder / self.name(anchor.number)
        frame, form = read_image(path), self.keys[0]
        if frame.shape[:2] != form.shape[:2]:
            raise InputError(
                f"{shown(path)}: is {frame.shape[1]}x{frame.shape[0]}, and the frames are "
                f"{form.shape[1]}x{form.shape[0]}; give it that size"
            )
        profile = read_profile(path)
        if profile is not None and profile != self.profile:
            if self.profile is not None and "sRGB" not in name_profile(profile):
                raise InputError(
                    f"{shown(path)}: has another colour profile than the other frames; save it with theirs"
                )
            frame = to_srgb(frame, profile)
        if frame.shape[2] == 4 and form.shape[2] < 4 and (frame[..., 3] == np.iinfo(frame.dtype).max).all():
            frame = np.ascontiguousarray(frame[..., :3])
        if frame.shape[2] == 3 and form.shape[2] == 1 and (frame == frame[..., :1]).all():
            frame = np.ascontiguousarray(frame[..., :1])
        frame = as_channels(frame, max(frame.shape[2], form.shape[2]))
        if form.dtype == np.uint8:
            return to_uint8(frame)
        return to_uint16(frame)

    def name(self, frame: int) -> str:
        """A frame's file."""
        return name_frame(frame, len(self.layout.frames))

    def draw(
        self, sources: Sequence[Source], wanted: Collection[int], watch: Watch | None
    ) -> Iterator[tuple[int, Frame]]:
        """Draws drawings: (number, frame), in order.

        Those of one pair are drawn together up to the last one that is wanted, so that they are the same as when all
        are drawn.
        """
        numbers = range(len(sources))
        for source, group in groupby(numbers, key=lambda n: sources[n]._replace(t=0.0, parts=())):
            run = list(group)
            while run and run[-1] not in wanted:
                run.pop()
            if not run:
                continue
            first = self.load(source.first)
            if source.last is None:
                yield from ((n, first) for n in run if n in wanted)
                continue
            first, last = match_images([first, self.load(source.last)])
            times, seen = [sources[n].t for n in run], None
            if watch is not None:

                def seen(moment: Any, run: list[int] = run) -> None:
                    assert watch is not None
                    if run[moment.number] in wanted:
                        watch(moment._replace(number=self.layout.frames.index(run[moment.number])))

            parts = [sources[n].parts for n in run] if sources[run[0]].parts else None
            drawn = draw_segment(first, last, times, self.engine, self.on_failure, self.find_hints(source), seen, parts)
            yield from ((n, frame) for n, frame in zip(run, drawn, strict=True) if n in wanted)


def redo_frames(
    work: FolderWork,
    chosen: Collection[int] | None = None,
    *,
    everything: bool = False,
    dry_run: bool = False,
    on_frame: Callable[[int, int], None] | None = None,
    watch: Watch | None = None,
) -> Redone:
    """Draws frames of a folder again, and none that a person has painted.

    Args:
        work: the folder, and what is needed to draw.
        chosen: numbers of frames. None: those whose sources have changed (a painted frame beside them, a key frame, a
            hint), and those that are missing.
        everything: all frames instead.
        dry_run: only find the frames that would be drawn.
        on_frame: called after each frame with the number drawn and the number in all.
        watch: called with each in-between.

    Raises:
        InputError: a painted frame cannot be used.
        OutputError: the folder keeps no manifest, holds frames of other times, or cannot be written.
    """
    folder = work.folder
    ours = tuple(str(path) for path in (folder, folder.absolute(), folder.absolute().parent / DRAFT))
    try:
        with locked(folder):
            return _redo(work, chosen, everything, dry_run, on_frame, watch)
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(ours):
            raise
        raise OutputError(f"{shown(folder)}: cannot be written ({reason(error)}); what stood there stays") from error


def _redo(
    work: FolderWork,
    chosen: Collection[int] | None,
    everything: bool,
    dry_run: bool,
    on_frame: Callable[[int, int], None] | None,
    watch: Watch | None,
) -> Redone:
    folder, layout = work.folder, work.layout
    manifest = read_manifest(folder)
    if manifest is None:
        raise OutputError(
            f"{shown(folder)}: keeps no {NAME}, which says how its frames were drawn; draw them with --overwrite first"
        )
    _check_layout(work, manifest)
    records = list(manifest.frames)
    check_formats(folder, manifest)
    found = [find_status(folder, record) for record in records]
    painted_frames = [number for number, status in enumerate(found) if status.painted]
    painted: dict[int, int] = {}
    for number in painted_frames:
        painted.setdefault(layout.frames[number], number)
    sources = trace(layout, painted)
    notes = []
    stale = [
        number
        for number, record in enumerate(records)
        if number not in painted_frames
        and (
            everything
            or found[number].sha256 is None
            or found[number].pending
            or record.of != work.digest(sources[layout.frames[number]])
        )
    ]
    for number in painted_frames:  # each can be used, whether it is now or not
        work.hash_anchor(Anchor(True, number))
    if chosen is not None:
        most = len(records) - 1
        if beyond := [number for number in chosen if number > most]:
            raise InputError(f"--redo: {beyond[0]} is beyond the last frame; {shown(folder)} has frames 0 to {most}")
        kept = [records[number].name for number in painted_frames if number in chosen]
        if kept:
            notes.append(f"{list_some(kept)} {'is' if len(kept) == 1 else 'are'} painted over, and not drawn again")
        stale = [number for number in range(len(records)) if number in chosen and number not in painted_frames]
    yours = tuple(records[number].name for number in painted_frames)
    names = tuple(records[number].name for number in stale)
    if dry_run:
        return Redone(names, yours, tuple(notes))
    for number in painted_frames:
        status = found[number]
        assert status.sha256 is not None
        records[number] = replace(
            records[number], sha256=status.sha256, pixels=status.pixels, of="", yours=True, was=None
        )
    wanted: dict[int, list[int]] = {}
    for number in stale:
        wanted.setdefault(layout.frames[number], []).append(number)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.absolute().parent))
    try:
        done, drawn = 0, []
        for drawing, frame in work.draw(sources, wanted.keys(), watch):
            data, pixels = encode_png(frame, work.profile), hash_pixels(frame)
            sha256, of = hashlib.sha256(data).hexdigest(), work.digest(sources[drawing])
            for number in wanted[drawing]:
                (draft / records[number].name).write_bytes(data)
                records[number] = mark_written(records[number], sha256, pixels, of, found[number].sha256)
                drawn.append(number)
                done += 1
                if on_frame is not None:
                    on_frame(done, len(stale))
        with held_back():
            about = {**manifest.about, **work.about}
            touched = _put_frames(folder, draft, replace(manifest, about=about), records, drawn)
    finally:
        with held_back():
            shutil.rmtree(draft, ignore_errors=True)
    if touched:
        notes.append(f"{list_some(touched)} {'was' if len(touched) == 1 else 'were'} saved meanwhile, and left so")
    return Redone(tuple(name for name in names if name not in touched), yours, tuple(notes))


def _put_frames(
    folder: Path, draft: Path, manifest: Manifest, records: list[FrameRecord], drawn: Sequence[int]
) -> list[str]:
    """Moves drawn frames to their places, except where a file was saved meanwhile; returns the names of those files."""
    touched = []
    for number in sorted(drawn):
        record = records[number]
        if hash_file(folder / record.name) != record.was:  # before the manifest says that it is ours
            touched.append(record.name)
            old = next(each for each in manifest.frames if each.name == record.name)
            records[number] = replace(old, yours=False)
    write_manifest(folder, replace(manifest, frames=tuple(records)))
    for number in sorted(drawn):
        if records[number].name not in touched:
            put_in_place(draft / records[number].name, folder / records[number].name)
            records[number] = replace(records[number], was=None)
    write_manifest(folder, replace(manifest, frames=tuple(records)))
    return touched


def _check_layout(work: FolderWork, manifest: Manifest) -> None:
    """Checks that the folder holds the frames of this layout.

    Raises:
        OutputError: it does not; the message names what differs.
    """
    height, width = work.keys[0].shape[:2]
    layout = work.layout
    if manifest.size != (width, height):
        raise OutputError(
            f"{shown(work.folder)}: its frames are {manifest.size[0]}x{manifest.size[1]}, and these would be "
            f"{width}x{height}; give the key frames and --size that it was drawn with, or choose another folder"
        )
    if manifest.about.get("drawings") == layout.to_json() and [f.drawing for f in manifest.frames] == [*layout.frames]:
        return
    what = ", ".join(list_changed(manifest, work.about.get("timing", {}))) or "other drawings"
    raise OutputError(
        f"{shown(work.folder)}: holds {len(manifest.frames)} frames of another timing ({what}), and frames that are "
        "painted over have their place in that; give what it was drawn with, or choose another folder"
    )


def check_formats(folder: Path, manifest: Manifest) -> None:
    """Rejects pictures that have a frame's name and are not PNGs, as a person may have saved a frame as JPEG.

    Raises:
        InputError: there is one.
    """
    known = {(folder / record.name).with_suffix("") for record in manifest.frames}
    for place in sorted({path.parent for path in known}):
        for path in sorted(place.iterdir() if place.is_dir() else ()):
            if path.suffix.lower() in _READ and path.with_suffix("") in known:
                raise InputError(
                    f"{shown(path)}: frames are PNGs; save it as {path.stem}.png, or move it out of the folder"
                )


def describe_timing(config: InterpolateConfig, keys: int) -> dict[str, Any]:
    """The settings that frames get their times from, by their names on the command line."""
    sheet = config.sheet is not None
    return {
        "number of key frames": keys,
        "--sheet": None if config.sheet is None else config.sheet.name,
        "-n": None if sheet else len(config.times),
        "--spacing": None if sheet else config.spacing,
        "--loop": config.loop,
        "--boomerang": config.boomerang,
    }


def list_changed(manifest: Manifest, timing: Mapping[str, Any]) -> list[str]:
    """The names of the settings in which a folder's timing is not this one; see `describe_timing`."""
    known = manifest.about.get("timing", {})
    return [name for name in timing if not isinstance(known, dict) or known.get(name) != timing[name]]


def choose_frames(config: InterpolateConfig, total: int) -> set[int] | None:
    """The numbers of the frames that `--redo` names; None: it names none, or is not given.

    Raises:
        InputError: one is beyond the last frame.
    """
    ranges = None if config.redo is None else read_frame_numbers(config.redo)
    if ranges is None:
        return None
    if (last := max(end for _, end in ranges)) >= total:
        raise InputError(f"--redo: {last} is beyond the last frame, which is {total - 1}; give smaller numbers")
    return {number for start, end in ranges for number in range(start, end + 1)}


def has_painted(folder: Path) -> bool:
    """Whether a folder has frames that a person has painted or added; False if it has no manifest.

    Raises:
        OutputError: its manifest cannot be read.
    """
    if not folder.is_dir() or (manifest := read_manifest(folder)) is None:
        return False
    return bool(find_painted(folder, manifest) or find_strangers(folder, manifest))
