"""Writes drawings in layers: one file a frame with its layers, a folder of layers, a sheet of sprites, or composed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from math import gcd
from pathlib import Path

import numpy as np

from ..config.choices import ONLY_FOR_LAYERS, SPRITE_SHEET
from ..config.interpolation import InterpolateConfig
from ..files import files_written_beside, written_beside
from ..media.animation import Written, names_folder, write_animation
from ..media.frames import Frame
from ..media.layers.composing import compose, drop_alpha
from ..media.layers.document import Document, Picture
from ..media.layers.oca import BLENDS as OCA_BLENDS
from ..media.layers.oca import SUFFIX as OCA
from ..media.layers.oca import OcaWriter
from ..media.layers.ora import BLENDS as ORA_BLENDS
from ..media.layers.ora import write_ora
from ..media.layers.psd import BLENDS as PSD_BLENDS
from ..media.layers.psd import write_psd
from ..media.layers.sheet import SheetWriter, move_tags
from ..media.numbered_pictures import write_picture
from ..media.numbered_writing import name_files, write_numbered
from .doubt import Moment, Watch
from .layered import LayeredDrawing, Timeline, all_opaque, note_blends
from .layered_baking import bake_clipping
from .layered_redo import FolderRepair
from .numbered_command import is_numbered
from .pixel_art import snap_colours

PSD, ORA = ONLY_FOR_LAYERS
SHEET = SPRITE_SHEET
_MOST_RATE = 1000


def names_layers(output: Path) -> bool:
    """Whether an output is a folder of layers."""
    return output.suffix.lower() != SHEET and not is_one_a_frame(output) and names_folder(output)


def is_one_a_frame(output: Path) -> bool:
    """Whether an output is one file for each frame."""
    return output.suffix.lower() in (PSD, ORA) or is_numbered(output)


@dataclass
class Job:
    """What is to be written."""

    config: InterpolateConfig
    document: Document
    timeline: Timeline
    drawing: LayeredDrawing
    order: list[int]
    """The numbers of the frames, as they are shown."""
    notes: list[str]
    step: Callable[[], None]
    """Called after each frame that was written."""
    start: int
    """The first number of numbered files."""
    watch: Watch | None
    """Is shown each in-between; None: its doubt is not measured."""
    repair: FolderRepair | None
    """Of a folder of layers, what becomes of the drawings that are there."""
    release: Callable[[], None]
    """Is called before a folder is put in its place."""
    redrawn: tuple[str, ...] = ()
    """The drawings of a folder of layers that were drawn again."""

    @property
    def seconds(self) -> list[Fraction]:
        """How long each frame is shown."""
        known = self.timeline.seconds if self.config.keeps_durations else None
        return [1 / self.config.fps if known is None else known[number] for number in self.order]

    def pictures(self) -> Iterator[Picture]:
        """The frames with their layers."""
        seen: set[int] = set()
        flat: dict[int, Frame] = {}  # the two key frames of the last in-between, composed
        for place, number in enumerate(self.order):
            picture = self.drawing.picture(number)
            found = None if self.watch is None or number in seen else self.drawing.find_doubt(number, picture)
            if self.watch is not None and found is not None:
                t, doubt, ends = found
                flat = {end: flat[end] if end in flat else compose(self.document.pictures[end]) for end in ends}
                self.watch(Moment(place, t, compose(picture), (flat[ends[0]], flat[ends[1]]), doubt))
            seen.add(number)
            yield picture

    def frames(self) -> Iterator[Frame]:
        """The frames composed: RGBA, or RGB if all key frames are opaque."""
        opaque = all_opaque(self.document)
        colours = None
        if self.config.pixel_art and self.config.palette is None:
            keys = [compose(picture).reshape(-1, 4) for picture in self.document.pictures]
            colours = np.unique(np.concatenate([np.unique(key, axis=0) for key in keys]), axis=0)
        for picture in self.pictures():
            frame = compose(picture)
            if colours is not None:
                frame = snap_colours(frame, colours)
            yield drop_alpha(frame) if opaque else frame

    def result(self, path: Path, seconds: Fraction | None = None) -> Written:
        """What was written."""
        first = self.document.pictures[0]
        duration = sum(self.seconds, Fraction(0)) if seconds is None else seconds
        notes = tuple(dict.fromkeys(self.notes))
        return Written(path, len(self.order), first.width, first.height, duration, notes)


def write(job: Job) -> Written:
    """Writes the frames in the form that the output's name asks for.

    Raises:
        OutputError: it cannot be written.
    """
    output = job.config.output
    suffix = output.suffix.lower()
    if suffix == SHEET:
        return _write_sheet(job)
    if suffix in (PSD, ORA):
        return _write_layered_files(job, suffix)
    if is_one_a_frame(output):
        return _write_composed_files(job)
    if names_folder(output):
        return _write_oca(job)
    job.notes.extend(note_blends(job.document))
    timed = job.timeline.seconds is not None and job.config.keeps_durations
    total = sum(job.seconds, Fraction(0))
    written = write_animation(
        output,
        job.frames(),
        fps=len(job.order) / total if timed else job.config.fps,
        ends=list(accumulate(job.seconds)) if timed else None,
        overwrite=job.config.overwrite,
        codec=job.config.codec,
        crf=job.config.crf,
        count=len(job.order),
        on_frame=lambda _: job.step(),
    )
    return replace(written, notes=tuple(dict.fromkeys((*written.notes, *job.notes))))


def _write_layered_files(job: Job, suffix: str) -> Written:
    """One PSD or OpenRaster file a frame."""
    pattern, files = name_files(job.config.output, len(job.order), job.start)
    job.notes.extend(note_blends(job.document, PSD_BLENDS | {"atop"} if suffix == PSD else ORA_BLENDS))
    profile = job.document.profile

    def write(path: Path, picture: Picture) -> None:
        flat = compose(picture)
        if suffix == PSD:
            write_psd(path, picture, flat, profile)
        else:
            write_ora(path, bake_clipping(picture, job.notes), flat)

    write_numbered(files, job.pictures(), write, overwrite=job.config.overwrite, on_frame=lambda _: job.step())
    return job.result(pattern)


def _write_composed_files(job: Job) -> Written:
    pattern, files = name_files(job.config.output, len(job.order), job.start)
    job.notes.extend(note_blends(job.document))
    write_numbered(files, job.frames(), write_picture, overwrite=job.config.overwrite, on_frame=lambda _: job.step())
    return job.result(pattern)


def _write_oca(job: Job) -> Written:
    """A folder with all layers and their drawings."""
    output = job.config.output
    job.notes.extend(note_blends(job.document, OCA_BLENDS))
    unit = reduce(_common, job.seconds)
    rate = min(Fraction(1) / unit, Fraction(_MOST_RATE))
    assert job.repair is not None
    with written_beside(output, overwrite=job.config.overwrite or job.repair.again, folder=True) as draft:
        writer = OcaWriter(draft, output.name.removesuffix(OCA), rate)
        for picture, seconds in zip(job.pictures(), job.seconds, strict=True):
            writer.add(bake_clipping(picture, job.notes), max(1, round(seconds * rate)))
            job.step()
        writer.finish()
        job.redrawn = job.repair.finish(draft, writer, job.drawing.sources, job.drawing.engine)
        job.release()
    return job.result(output)


def _common(one: Fraction, other: Fraction) -> Fraction:
    """The longest time of which both are multiples."""
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator), one.denominator * other.denominator
    )


def _write_sheet(job: Job) -> Written:
    """A sheet of sprites and its JSON."""
    output = job.config.output
    image = output.with_suffix(".png")
    job.notes.extend(note_blends(job.document))
    writer = SheetWriter(output.stem, job.document.listed, job.document.trimmed)
    before = 0
    for frame, end in zip(job.frames(), accumulate(job.seconds), strict=True):
        after = max(before + 1, round(end * 1000))
        writer.add(frame, after - before)
        before = after
        job.step()
    tags = move_tags(job.document.tags, job.timeline.places, job.timeline.looped)
    picture, text = writer.encode(image.name, tags, output)
    with files_written_beside([image, output], overwrite=job.config.overwrite) as (draft, listing):
        draft.write_bytes(picture)
        listing.write_text(text, encoding="utf-8")
    return job.result(output, Fraction(before, 1000))
