"""`animi interpolate` for key frames: reads files, writes an animation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from ..config.choices import EASINGS, ONLY_FOR_LAYERS, SPRITE_SHEET
from ..config.interpolation import TIME_SHEET, InterpolateConfig
from ..config.parsing import read_size
from ..engines.interface import Engine
from ..engines.opening import notes_of, open_configured
from ..errors import ConfigError, InputError, OutputError
from ..files import Inputs, check_output, shown
from ..media.animation import Written, check_format, keeps_profile, names_folder, write_animation
from ..media.codecs import choose_codec
from ..media.frames import Frame
from ..media.image_files import read_image
from .doubt import Watch
from .doubt_sheet import Doubtful, check_doubt_path
from .doubt_watching import watching
from .hints import list_masks
from .key_frames import KeyFrames, find_key_frames
from .layout import Layout, lay_out, lay_out_sheet
from .numbered_command import (
    check_files,
    check_numbered,
    draw_deep,
    expand_patterns,
    is_numbered,
    needs_light,
    write_frames,
)
from .pixel_art import PixelArtEngine, find_grid, read_palette
from .redo import FolderWork, Redone, choose_frames, describe_timing, has_painted, redo_frames
from .sequence import check_hints, gather_all, gather_hints, gather_parts, interpolate, reject_hints, there_and_back
from .time_sheet import read_time_sheet


@dataclass(frozen=True)
class DrawnAnimation:
    """The result of `draw_animation`."""

    written: Written
    engine: str
    """The engine's name, or the network's architecture."""
    key_frames: int
    doubtful: tuple[Doubtful, ...] = ()
    """The frames worth checking, the worst first; none without --doubt."""
    redone: Redone | None = None
    """What was drawn again in an existing folder. None: all frames were drawn."""


@dataclass
class _Task:
    """The frames to draw, and what draws them."""

    config: InterpolateConfig
    keys: KeyFrames
    engine: Engine
    layout: Layout
    draw: Callable[[Watch | None], Iterator[Frame]]
    """Draws all frames."""
    folder: FolderWork | None = None
    """Where the output is a folder of frames."""
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.layout.frames)


def draw_animation(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None = None) -> DrawnAnimation:
    """Reads key frames, draws the frames between them and writes the animation.

    In an existing folder of frames, those that a person has painted over are kept, and serve as key frames.

    Args:
        config: the settings.
        on_frame: called after each frame with the number written, and the number in all.

    Raises:
        AnimiError: a key frame, an option or the output cannot be used; an existing output is not changed.
    """
    if config.codec is not None or config.crf is not None:
        choose_codec(config.output, config.codec, config.crf, 8)
    if config.timing == TIME_SHEET:
        return _draw_cut(config, on_frame)
    expanded = expand_patterns(config.inputs)
    config = replace(config, inputs=expanded.inputs)
    documents = find_layers(config)
    if documents is not None:
        from .layered_command import draw_layers  # and what reads layers

        drawn = DrawnAnimation(*draw_layers(config, documents, expanded.start, on_frame))
    elif config.sheet is None and needs_light(config):
        drawn = DrawnAnimation(*draw_deep(config, expanded.start, on_frame))
    else:
        drawn = _draw_frames(config, expanded.start, on_frame)
    written = replace(drawn.written, notes=(*expanded.notes, *drawn.written.notes))
    return replace(drawn, written=written)


def _draw_frames(config: InterpolateConfig, start: int, on_frame: Callable[[int, int], None] | None) -> DrawnAnimation:
    """Draws in-betweens of ordinary pictures."""
    numbered = is_numbered(config.output)
    if numbered:
        check_numbered(config.output)
    elif config.output.suffix.lower() in ONLY_FOR_LAYERS and not config.output.is_dir():
        raise OutputError(
            f"{shown(config.output)}: is for drawings in layers, which these key frames are not; name a .png or .webp"
        )
    else:
        check_format(config.output)
    read: Inputs = {
        "a key frame": find_key_frames(config.inputs),
        "the checkpoint": [config.checkpoint],
        "the exposure sheet": [config.sheet],
        "the palette": [config.palette],
        "the hints": [config.hints],
        "a mask of the hints": list_masks(gather_hints(config.hints)),
        "a part's mask": list_masks(gather_parts(config.part)),
    }
    if config.redo is not None and (numbered or not names_folder(config.output)):
        raise ConfigError(f"--redo: needs a folder of frames, which {shown(config.output)} is not; name the folder")
    if config.redo is not None and not config.output.is_dir():
        raise ConfigError(f"--redo: there is no folder {shown(config.output)} yet; leave --redo out to draw it")
    if not numbered:
        check_output(config.output, overwrite=config.overwrite or config.redo is not None, inputs=read)
    if config.doubt is not None:
        again = config.overwrite or config.redo is not None
        check_doubt_path(config.doubt, config.output, overwrite=again, inputs=read)
    task = _open(config)
    if numbered:
        check_files(config.output, task.total, start, overwrite=config.overwrite, inputs=read)
    with watching(config, task.total, redoes=task.folder is not None) as (watch, doubtful):
        if config.redo is not None or (config.overwrite and task.folder is not None and has_painted(config.output)):
            drawn = _redo(task, watch, on_frame)
        elif numbered:
            drawn = _write_numbered(task, watch, start, on_frame)
        else:
            drawn = _write(task, watch, on_frame)
    return replace(drawn, doubtful=tuple(doubtful.worst))


def find_layers(config: InterpolateConfig) -> list[Path] | None:
    """The inputs that are drawings in layers or sprites; None: they are ordinary key frames."""
    if config.sheet is not None:
        return None
    from ..media.layers.reading import find_documents

    return find_documents(
        config.inputs, grid=config.grid is not None, sprites=config.output.suffix.lower() == SPRITE_SHEET
    )


def _open(config: InterpolateConfig) -> _Task:
    """Reads the key frames, the sheet and the hints, and opens the engine."""
    engine = open_configured(config)
    palette = None if config.palette is None else read_palette(config.palette)
    hints = gather_all(config)
    if hints and config.pixel_art:
        raise reject_hints(config, "--pixel-art")
    notes = list(notes_of(engine))

    def choose_engine(keys: Sequence[Frame]) -> Engine:
        if not config.pixel_art:
            return engine
        grid = find_grid(keys[k] for k in range(len(keys)))
        if (sentence := grid.describe()) is not None:
            notes.append(sentence)
        return PixelArtEngine(engine, palette, grid)

    size = None if config.size is None else read_size(config.size)
    if config.sheet is not None:
        from .exposure_sheet import draw_sheet, read_sheet  # imports this module

        rows = read_sheet(config.sheet, find_key_frames(config.inputs), loop=config.loop)
        keys = KeyFrames([row.drawing for row in rows], size, keep_profile=_keeps_profile(config))
        check_hints(hints, engine, len(keys), loop=config.loop)
        drawer = choose_engine(keys)
        if not sum(row.frames for row in rows):
            raise InputError(
                f"{shown(config.sheet)}: makes no frame, as every hold is 0; give a row a hold of 1 or more"
            )
        layout = lay_out_sheet(rows, loop=config.loop, boomerang=config.boomerang, hints=hints)

        def draw(watch: Watch | None) -> Iterator[Frame]:
            once = draw_sheet(rows, keys, drawer, config.on_failure, loop=config.loop, hints=hints, watch=watch)
            return there_and_back(once, config.loop) if config.boomerang else once

    else:
        keys = KeyFrames(config.inputs, size, keep_profile=_keeps_profile(config))
        drawer = choose_engine(keys)
        check_hints(hints, drawer, len(keys), loop=config.loop)
        layout = lay_out(len(keys), config.times, loop=config.loop, boomerang=config.boomerang, hints=hints)

        def draw(watch: Watch | None) -> Iterator[Frame]:
            return interpolate(
                keys,
                config.count,
                spacing=config.spacing,
                loop=config.loop,
                boomerang=config.boomerang,
                engine=drawer,
                on_failure=config.on_failure,
                hints=hints,
                watch=watch,
            )

    notes += _note_flattened(keys.paths)
    task = _Task(config, keys, drawer, layout, draw, notes=notes)
    if not is_numbered(config.output) and names_folder(config.output):
        about = {"timing": describe_timing(config, len(keys)), "engine": drawer.name}
        task.folder = FolderWork(config.output, layout, keys, hints, drawer, config.on_failure, about, keys.profile)
    return task


def _note_flattened(paths: Sequence[Path]) -> list[str]:
    """Why drawings in layers are drawn from their flattened pictures."""
    from ..media.layers.psd import SUFFIXES, why_flat

    layered = [path for path in paths if path.suffix.lower() in SUFFIXES]
    reasons = dict.fromkeys(why for path in layered if (why := why_flat(path)) is not None)
    return [f"PSD files were drawn from their flattened pictures: {why}" for why in reasons]


def _write(task: _Task, watch: Watch | None, on_frame: Callable[[int, int], None] | None) -> DrawnAnimation:
    """Draws all frames, and writes them as one animation, complete or not at all."""
    config, keys, total = task.config, task.keys, task.total
    written = write_animation(
        config.output,
        task.draw(watch),
        fps=config.fps,
        profile=keys.profile,
        overwrite=config.overwrite,
        codec=config.codec,
        crf=config.crf,
        count=total,
        on_frame=None if on_frame is None else lambda done: on_frame(done, total),
        describe=None if task.folder is None else task.folder.describe,
    )
    notes = [*written.notes, *task.notes, *_note_colours(task.keys, config)]
    return DrawnAnimation(replace(written, notes=tuple(notes)), task.engine.name, len(keys))


def _write_numbered(
    task: _Task, watch: Watch | None, start: int, on_frame: Callable[[int, int], None] | None
) -> DrawnAnimation:
    """Draws everything, and writes a file for each frame."""
    config, keys, total = task.config, task.keys, task.total
    pattern = write_frames(
        config.output,
        task.draw(watch),
        total,
        keys.paths,
        start=start,
        overwrite=config.overwrite,
        on_frame=None if on_frame is None else lambda done: on_frame(done, total),
    )
    height, width = keys[0].shape[:2]
    notes = (*task.notes, *_note_colours(keys, config))
    written = Written(pattern, total, width, height, Fraction(total) / config.fps, notes)
    return DrawnAnimation(written, task.engine.name, len(keys))


def _keeps_profile(config: InterpolateConfig) -> bool:
    return not is_numbered(config.output) and keeps_profile(config.output)


def _redo(task: _Task, watch: Watch | None, on_frame: Callable[[int, int], None] | None) -> DrawnAnimation:
    """Draws frames of a folder again, around those that a person has painted."""
    config = task.config
    assert task.folder is not None
    chosen = choose_frames(config, task.total)
    redone = redo_frames(
        task.folder,
        chosen,
        everything=config.redo is None,
        dry_run=config.dry_run,
        on_frame=on_frame,
        watch=watch,
    )
    height, width = task.keys[0].shape[:2]
    notes = [*redone.notes, *task.notes, *_note_colours(task.keys, config)]
    if config.redo is None:
        if redone.yours:
            notes.append(f"{_count(len(redone.yours), 'frame is', 'frames are')} painted over, and kept")
    elif chosen is None and not redone.drawn:
        notes.append("nothing that frames are drawn from has changed, and none is drawn again")
    elif not config.dry_run:
        notes.append(f"drew {_count(len(redone.drawn), 'frame', 'frames')} of {task.total}")
    written = Written(config.output, task.total, width, height, Fraction(task.total) / config.fps, tuple(notes))
    return DrawnAnimation(written, task.engine.name, len(task.keys), redone=redone)


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _note_colours(keys: KeyFrames, config: InterpolateConfig) -> list[str]:
    if not keys.converted:
        return []
    keeps = _keeps_profile(config)
    why = "the key frames differ in it" if keeps else "the format has no place for a profile"
    return [f"colours were converted from {', '.join(keys.converted)} to sRGB, as {why}"]


def _draw_cut(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None) -> DrawnAnimation:
    """Draws the in-betweens that a time sheet marks: into a folder with the sheet, or all layers as an animation."""
    from .cut import compose_cut, open_cut, plan_cut, write_cut  # imports this module's package

    assert config.sheet is not None
    check_format(config.output)
    if config.spacing not in EASINGS:
        raise ConfigError(
            f"--spacing: a time sheet says how many in-betweens there are, so times do not go with one; give "
            f"{', '.join(EASINGS)}"
        )
    for path in config.inputs:
        if not path.is_dir():
            raise InputError(
                f"{shown(path)}: is not a folder; a time sheet names its drawings, so give only folders that hold them"
            )
    sheet = read_time_sheet(config.sheet)
    cut = plan_cut(sheet, config.inputs, config.spacing)
    read: Inputs = {"the sheet": [sheet.path], "a drawing": cut.inputs, "the checkpoint": [config.checkpoint]}
    check_output(config.output, overwrite=config.overwrite, inputs=read)
    engine = open_configured(config)
    notes = list(notes_of(engine))
    if sheet.tables > 1:
        notes.append(f"the sheet has {sheet.tables} time tables, and the first was drawn")
    if names_folder(config.output):
        total = cut.count
        show = (lambda done: None) if on_frame is None else (lambda done: on_frame(done, total))
        if cut.missing:
            notes.append(f"there are no files of {', '.join(cut.missing)}; no in-between needed them")
        write_cut(cut, config.output, engine, config.on_failure, overwrite=config.overwrite, on_frame=show)
        first = read_image(cut.inputs[0]) if cut.inputs else None
        height, width = (0, 0) if first is None else first.shape[:2]
        written = Written(config.output, total, width, height, sheet.duration / config.fps, tuple(notes))
    else:
        drawings = open_cut(cut, keep_profile=keeps_profile(config.output))
        notes += _note_colours(drawings, config)
        written = write_animation(
            config.output,
            compose_cut(cut, drawings, engine, config.on_failure),
            fps=config.fps,
            profile=drawings.profile,
            overwrite=config.overwrite,
            codec=config.codec,
            crf=config.crf,
            count=sheet.duration,
            on_frame=None if on_frame is None else lambda done: on_frame(done, sheet.duration),
        )
        written = replace(written, notes=(*written.notes, *notes))
    return DrawnAnimation(written, engine.name, len(cut.inputs))
