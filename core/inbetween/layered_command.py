"""`animi interpolate` for drawings in layers and for sprites: reads documents, writes layers or composes them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import accumulate
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config.choices import ONLY_FOR_LAYERS, SPRITE_SHEET
from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_grid
from ..engines.interface import Engine
from ..engines.opening import notes_of, open_configured
from ..errors import ConfigError, InputError, OutputError
from ..files import Inputs, check_output, files_written_beside, shown, written_beside
from ..json_text import read_json
from ..media.animation import Written, check_format, names_folder, write_animation
from ..media.frames import Frame
from ..media.layers.composing import compose, drop_alpha
from ..media.layers.document import Document, Picture
from ..media.layers.oca import BLENDS as OCA_BLENDS
from ..media.layers.oca import SUFFIX as OCA
from ..media.layers.oca import OcaWriter, find_oca
from ..media.layers.ora import BLENDS as ORA_BLENDS
from ..media.layers.ora import write_ora
from ..media.layers.psd import BLENDS as PSD_BLENDS
from ..media.layers.psd import MISSING, has_psd, write_psd
from ..media.layers.reading import read_documents
from ..media.layers.sheet import SheetWriter, find_image, move_tags
from ..media.numbered_pictures import check_picture_format, write_picture
from ..media.numbered_writing import name_files, write_numbered
from .deep import check_engine
from .doubt import Moment, Watch
from .doubt_sheet import check_doubt_path
from .doubt_watching import watching
from .hints import Hints, list_masks
from .layer_runs import Drawer
from .layered import LayeredDrawing, Timeline, all_opaque, note_blends, plan_frames
from .layered_baking import bake_clipping
from .numbered_command import Drawn, Report, check_unused, is_numbered
from .pixel_art import PixelArtEngine, find_grid, read_palette, snap_colours
from .sequence import check_guided, gather_all, reject_hints, turn_back

PSD, ORA = ONLY_FOR_LAYERS
SHEET = SPRITE_SHEET
_MOST_RATE = 1000


def draw_layers(config: InterpolateConfig, paths: list[Path], start: int = 0, on_frame: Report | None = None) -> Drawn:
    """Draws in-betweens of documents in layers.

    Args:
        config: the settings.
        paths: the documents, see `media.layers.reading.find_documents`.
        start: the first number of numbered files.
        on_frame: called with how much is done, and how much there is.

    Raises:
        AnimiError: a document, an option or the output cannot be used; an existing output is not changed.
    """
    check_unused(config, ("redo", "size"), "drawings in layers or sprites")
    hints = gather_all(config)
    if config.linear:
        check_unused(config, ("doubt", "pixel_art"), "--linear")
    _check_output(config, paths, hints)
    grid = None if config.grid is None else read_grid(config.grid)
    document = read_documents(paths, grid=grid, keep_profile=config.output.suffix.lower() == PSD)
    if len(document.pictures) < 2:
        raise InputError(
            f"two key frames or more are needed, and only {document.pictures[0].name} was given; add another"
        )
    engine = open_configured(config)
    if config.linear:
        check_engine(engine)
    notes = [*document.notes, *notes_of(engine)]
    drawer = Drawer(_choose_engine(config, document, engine, notes), config.on_failure, config.linear)
    timeline = plan_frames(document, config.times, loop=config.loop)
    hints.check_pairs(len(document.pictures), following=timeline.next_ones)
    order = list(range(len(timeline.frames)))
    if config.boomerang:
        order += turn_back(len(order), loop=config.loop)
    if _is_numbered(config.output):
        for file in name_files(config.output, len(order), start)[1]:
            check_output(file, overwrite=config.overwrite, inputs=_list_inputs(config, paths, hints))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_frame is not None:
            on_frame(done, total)

    measures = config.doubt is not None
    with LayeredDrawing(document, timeline, drawer, hints, doubts=measures) as drawing:
        _check_hinted(config, drawing, engine)
        total = len(drawing.wanted) + len(order)
        notes += drawing.notes
        with watching(config, len(order), redoes=False) as (watch, doubtful):
            drawing.draw(step)
            job = _Job(config, document, timeline, drawing, order, notes, step, start, watch)
            written = _write(job)
    return Drawn(written, drawer.engine.name, len(document.pictures), tuple(doubtful.worst))


def _check_output(config: InterpolateConfig, paths: list[Path], hints: Hints) -> None:
    """Checks, before any work, that the output can be written."""
    output, suffix = config.output, config.output.suffix.lower()
    inputs = _list_inputs(config, paths, hints)
    if config.doubt is not None:
        check_doubt_path(config.doubt, output, overwrite=config.overwrite, inputs=inputs)
    if suffix == PSD and not has_psd():
        raise ConfigError(f"{shown(output)}: {MISSING}")
    if suffix == SHEET:
        if config.boomerang:
            raise ConfigError("--boomerang: does not go with a sheet, whose tags have directions; leave it out")
        for path in (output, output.with_suffix(".png")):
            check_output(path, overwrite=config.overwrite, inputs=inputs)
    elif _is_numbered(output):
        if suffix not in (PSD, ORA):
            check_picture_format(output)
    else:
        check_format(output)
        check_output(output, overwrite=config.overwrite, inputs=inputs)
        if names_folder(output) and config.overwrite:
            _check_ours(output)


def _check_hinted(config: InterpolateConfig, drawing: LayeredDrawing, engine: Engine) -> None:
    """Checks that hints can be used; charts of whole layers always can."""
    if not drawing.hinted:
        return
    if config.pixel_art or config.linear:
        raise reject_hints(config, "--pixel-art" if config.pixel_art else "--linear")
    check_guided(drawing.hinted, engine)


def _list_inputs(config: InterpolateConfig, paths: list[Path], hints: Hints) -> Inputs:
    return {
        "a key frame": [*paths, *_list_sheets(paths)],
        "the palette": [config.palette],
        "the hints": [config.hints],
        "a mask of the hints": list_masks(hints),
    }


def _list_sheets(paths: list[Path]) -> Iterator[Path]:
    """The pictures of sheets."""
    for path in paths:
        if path.suffix.lower() == SHEET:
            try:
                yield find_image(path, read_json(path))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # reading it says what is wrong


def _is_numbered(output: Path) -> bool:
    """Whether an output is one file for each frame."""
    return output.suffix.lower() in (PSD, ORA) or is_numbered(output)


def _check_ours(folder: Path) -> None:
    """Checks that a folder may be replaced: it is empty, or holds an OCA of animi's and nothing else.

    Raises:
        OutputError: it holds something else.
    """
    inner = [path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()] if folder.is_dir() else []
    file = find_oca(folder)
    known: set[str] = set()
    if file is not None and not file.is_symlink():
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # it is not animi's
            data = read_json(file)
            if data.get("originApp") == "animi":
                known = {file.name, *_list_files(data["layers"])}
    for path in inner:
        name = path.relative_to(folder).as_posix()
        if name not in known:
            raise OutputError(
                f"{shown(folder)}: holds {shown(Path(name))}, which animi did not write, and which would be lost; "
                "choose another folder"
            )


def _list_files(layers: list[dict[str, Any]]) -> Iterator[str]:
    for layer in layers:
        yield from (frame["fileName"] for frame in layer["frames"])
        yield from _list_files(layer["childLayers"])


def _choose_engine(config: InterpolateConfig, document: Document, engine: Engine, notes: list[str]) -> Engine:
    if not config.pixel_art:
        return engine
    grid = find_grid(compose(picture) for picture in document.pictures)
    if (sentence := grid.describe()) is not None:
        notes.append(sentence)
    return PixelArtEngine(engine, None if config.palette is None else read_palette(config.palette), grid)


class _Job(NamedTuple):
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

    @property
    def seconds(self) -> list[Fraction]:
        """How long each frame is shown."""
        known = self.timeline.seconds if self.config.keeps_durations else None
        return [1 / self.config.fps if known is None else known[number] for number in self.order]

    def pictures(self) -> Iterator[Picture]:
        """The frames with their layers."""
        seen: set[int] = set()
        for place, number in enumerate(self.order):
            picture = self.drawing.picture(number)
            found = None if self.watch is None or number in seen else self.drawing.find_doubt(number)
            if self.watch is not None and found is not None:
                t, doubt, ends = found
                self.watch(Moment(place, t, compose(picture), (compose(ends[0]), compose(ends[1])), doubt))
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


def _write(job: _Job) -> Written:
    output = job.config.output
    suffix = output.suffix.lower()
    if suffix == SHEET:
        return _write_sheet(job)
    if suffix in (PSD, ORA):
        return _write_layered_files(job, suffix)
    if _is_numbered(output):
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


def _write_layered_files(job: _Job, suffix: str) -> Written:
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


def _write_composed_files(job: _Job) -> Written:
    pattern, files = name_files(job.config.output, len(job.order), job.start)
    job.notes.extend(note_blends(job.document))
    write_numbered(files, job.frames(), write_picture, overwrite=job.config.overwrite, on_frame=lambda _: job.step())
    return job.result(pattern)


def _write_oca(job: _Job) -> Written:
    """A folder with all layers and their drawings."""
    output = job.config.output
    job.notes.extend(note_blends(job.document, OCA_BLENDS))
    unit = reduce(_common, job.seconds)
    rate = min(Fraction(1) / unit, Fraction(_MOST_RATE))
    with written_beside(output, overwrite=job.config.overwrite, folder=True) as draft:
        writer = OcaWriter(draft, output.name.removesuffix(OCA), rate)
        for picture, seconds in zip(job.pictures(), job.seconds, strict=True):
            writer.add(bake_clipping(picture, job.notes), max(1, round(seconds * rate)))
            job.step()
        writer.finish()
    return job.result(output)


def _common(one: Fraction, other: Fraction) -> Fraction:
    """The longest time of which both are multiples."""
    return Fraction(
        gcd(one.numerator * other.denominator, other.numerator * one.denominator), one.denominator * other.denominator
    )


def _write_sheet(job: _Job) -> Written:
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
