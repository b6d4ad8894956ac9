"""`animi interpolate` for drawings in layers and for sprites: reads documents, writes layers or composes them."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_grid, read_size
from ..engines.interface import Engine
from ..engines.opening import notes_of, open_configured
from ..errors import ConfigError, InputError, OutputError
from ..files import Inputs, check_output, shown
from ..json_text import read_json
from ..lock import LOCK, locked
from ..media.animation import check_format, names_folder
from ..media.animation.manifest import NAME as MANIFEST
from ..media.layers.composing import compose
from ..media.layers.document import Document
from ..media.layers.oca import find_oca
from ..media.layers.psd import MISSING, has_psd
from ..media.layers.reading import read_documents
from ..media.layers.sheet import find_image
from ..media.numbered_pictures import check_picture_format
from .deep import check_engine
from .doubt_sheet import check_doubt_path
from .doubt_watching import watching
from .hints import Hints, list_masks
from .layer_runs import Drawer
from .layered import LayeredDrawing, Timeline, plan_frames
from .layered_redo import FolderRepair, has_painted_drawings
from .layered_writing import ORA, PSD, SHEET, Job, is_one_a_frame, names_layers, write
from .numbered_command import Drawn, Report, check_files, check_unused
from .pixel_art import PixelArtEngine, find_grid, read_palette
from .redo import Redone, choose_frames, describe_timing
from .sequence import check_guided, gather_all, reject_hints, turn_back


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
    hints = gather_all(config)
    if config.linear:
        check_unused(config, ("doubt", "pixel_art"), "--linear")
    again = _check_output(config, paths, hints)
    grid = None if config.grid is None else read_grid(config.grid)
    size = None if config.size is None else read_size(config.size)
    document = read_documents(paths, grid=grid, size=size, keep_profile=config.output.suffix.lower() == PSD)
    if len(document.pictures) < 2:
        raise InputError(
            f"two key frames or more are needed, and only {document.pictures[0].name} was given; add another"
        )
    engine = open_configured(config)
    if config.linear:
        check_engine(engine)
    notes = [*document.notes, *notes_of(engine)]
    timeline = plan_frames(document, config.times, loop=config.loop)
    hints.check_pairs(len(document.pictures), following=timeline.next_ones)
    order = list(range(len(timeline.frames)))
    if config.boomerang:
        order += turn_back(len(order), loop=config.loop)
    if is_one_a_frame(config.output):
        inputs = _list_inputs(config, paths, hints)
        check_files(config.output, len(order), start, overwrite=config.overwrite, inputs=inputs)
    with locked(config.output) if again else nullcontext(_do_nothing) as release:
        repair = None
        if names_layers(config.output):
            repair = FolderRepair(
                config.output if again else None,
                describe_timing(config, len(document.pictures)),
                (document.pictures[0].width, document.pictures[0].height),
                order,
                choose_frames(config, len(order)),
                everything=again and config.redo is None,
            )
            document = repair.change_keys(document, timeline)
        drawer = Drawer(_choose_engine(config, document, engine, notes), config.on_failure, config.linear)
        plan = _Plan(config, document, timeline, order, drawer, hints, repair)
        return _draw(plan, engine, notes, start, release, on_frame)


class _Plan(NamedTuple):
    """What is to be drawn, with what."""

    config: InterpolateConfig
    document: Document
    timeline: Timeline
    order: list[int]
    """The numbers of the frames, as they are shown."""
    drawer: Drawer
    hints: Hints
    repair: FolderRepair | None
    """Of a folder of layers, what becomes of the drawings that are there."""


def _draw(
    plan: _Plan, engine: Engine, notes: list[str], start: int, release: Callable[[], None], on_frame: Report | None
) -> Drawn:
    """Draws and writes everything; or, with --dry-run, says what would be drawn again."""
    config, order, document, repair = plan.config, plan.order, plan.document, plan.repair
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if on_frame is not None:
            on_frame(done, total)

    doubts = config.doubt is not None and not config.dry_run
    with LayeredDrawing(document, plan.timeline, plan.drawer, plan.hints, doubts=doubts, repair=repair) as drawing:
        _check_hinted(config, drawing, engine)
        total = len(drawing.wanted) + len(order)
        notes += drawing.notes
        if repair is not None:
            repair.check_used()
        with watching(config, len(order), redoes=repair is not None) as (watch, doubtful):
            job = Job(config, document, plan.timeline, drawing, order, notes, step, start, watch, repair, release)
            if config.dry_run and repair is not None:
                return Drawn(job.result(config.output), drawing.engine, len(document.pictures), (), repair.foresee())
            drawing.draw(step)
            written = write(job)
    redone = None
    if repair is not None and repair.again:
        redone = Redone(job.redrawn, repair.painted)
        written = replace(written, notes=(*written.notes, *_describe_redone(redone)))
    return Drawn(written, drawing.engine, len(document.pictures), tuple(doubtful.worst), redone)


def _describe_redone(redone: Redone) -> Iterator[str]:
    """What was drawn again, as sentences without a full stop."""
    drawn, yours = len(redone.drawn), len(redone.yours)
    if drawn:
        yield f"drew {drawn} {'drawing' if drawn == 1 else 'drawings'} again"
    else:
        yield "nothing that drawings are drawn from has changed, and none is drawn again"
    if yours:
        yield f"{yours} {'drawing is' if yours == 1 else 'drawings are'} painted over, and kept"


def _do_nothing() -> None:
    pass


def _check_output(config: InterpolateConfig, paths: list[Path], hints: Hints) -> bool:
    """Checks, before any work, that the output can be written.

    Returns:
        Whether drawings of an existing folder are drawn again, around those that a person has painted.
    """
    output, suffix = config.output, config.output.suffix.lower()
    inputs = _list_inputs(config, paths, hints)
    if config.redo is not None and not names_layers(output):
        raise ConfigError(f"--redo: needs a folder of layers, which {shown(output)} is not; name the folder")
    if config.redo is not None and not output.is_dir():
        raise ConfigError(f"--redo: there is no folder {shown(output)} yet; leave --redo out to draw it")
    overwrite = config.overwrite or config.redo is not None
    if config.doubt is not None:
        check_doubt_path(config.doubt, output, overwrite=overwrite, inputs=inputs)
    if suffix == PSD and not has_psd():
        raise ConfigError(f"{shown(output)}: {MISSING}")
    if suffix == SHEET:
        if config.boomerang:
            raise ConfigError("--boomerang: does not go with a sheet, whose tags have directions; leave it out")
        for path in (output, output.with_suffix(".png")):
            check_output(path, overwrite=config.overwrite, inputs=inputs)
    elif is_one_a_frame(output):
        if suffix not in (PSD, ORA):
            check_picture_format(output)
    else:
        check_format(output)
        check_output(output, overwrite=overwrite, inputs=inputs)
        if names_folder(output) and (config.redo is not None or (config.overwrite and has_painted_drawings(output))):
            return True
        if names_folder(output) and config.overwrite:
            _check_ours(output)
    return False


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
                known = {file.name, MANIFEST, LOCK, *_list_files(data["layers"])}
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
