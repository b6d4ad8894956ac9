"""`animi interpolate` for key frames: reads files, writes an animation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..config.choices import TIME_SHEETS
from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_size
from ..engines.interface import Engine
from ..engines.opening import notes_of, open_engine
from ..errors import ConfigError, InputError
from ..files import Inputs, check_output, shown
from ..media.animation import Written, check_format, keeps_profile, names_folder, write_animation
from ..media.frames import Frame
from ..media.image_files import read_image
from .key_frames import KeyFrames, find_key_frames
from .pixel_art import PixelArtEngine, find_grid, read_palette
from .sequence import check_hints, count_frames, gather_hints, interpolate, there_and_back
from .time_sheet import read_time_sheet


@dataclass(frozen=True)
class DrawnAnimation:
    """The result of `draw_animation`."""

    written: Written
    engine: str
    """The engine's name, or the network's architecture."""
    key_frames: int


def draw_animation(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None = None) -> DrawnAnimation:
    """Reads key frames, draws the frames between them and writes the animation.

    Args:
        config: the settings.
        on_frame: called after each frame with the number written, and the number in all.

    Raises:
        AnimiError: a key frame, an option or the output cannot be used; an existing output is not changed.
    """
    if config.sheet is not None and config.sheet.suffix.lower() in TIME_SHEETS:
        return _draw_cut(config, on_frame)
    check_format(config.output)
    read: Inputs = {
        "a key frame": find_key_frames(config.inputs),
        "the checkpoint": [config.checkpoint],
        "the exposure sheet": [config.sheet],
        "the palette": [config.palette],
        "the hints": [config.hints],
    }
    check_output(config.output, overwrite=config.overwrite, inputs=read)
    engine = open_engine(config.engine, config.checkpoint, config.device, mixes=config.mix, provider=config.provider)
    palette = None if config.palette is None else read_palette(config.palette)
    hints = gather_hints(config.hint) | gather_hints(config.hints)
    if hints and config.pixel_art:
        raise ConfigError("--hint: does not go with --pixel-art yet; leave one of the two out")
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
        keys = KeyFrames([row.drawing for row in rows], size, keep_profile=keeps_profile(config.output))
        check_hints(hints, engine, len(keys), loop=config.loop)
        frames = draw_sheet(rows, keys, choose_engine(keys), config.on_failure, loop=config.loop, hints=hints)
        total = sum(row.frames for row in rows)
        if not total:
            raise InputError(f"{shown(config.sheet)}: holds every drawing for no frame; let some hold be 1 or more")
        if config.boomerang:
            frames = there_and_back(frames, config.loop)
            total = max(1, 2 * total - (0 if config.loop else 2))
    else:
        keys = KeyFrames(config.inputs, size, keep_profile=keeps_profile(config.output))
        total = count_frames(len(keys), len(config.times), loop=config.loop, boomerang=config.boomerang)
        frames = interpolate(
            keys,
            config.count,
            spacing=config.spacing,
            loop=config.loop,
            boomerang=config.boomerang,
            engine=choose_engine(keys),
            on_failure=config.on_failure,
            hints=hints,
        )
    written = write_animation(
        config.output,
        frames,
        fps=config.fps,
        profile=keys.profile,
        overwrite=config.overwrite,
        count=total,
        on_frame=None if on_frame is None else lambda done: on_frame(done, total),
    )
    if keys.converted:
        why = "the key frames differ in it" if keeps_profile(config.output) else "the format has no place for a profile"
        notes.append(f"colours were converted from {', '.join(keys.converted)} to sRGB, as {why}")
    return DrawnAnimation(replace(written, notes=(*written.notes, *notes)), engine.name, len(keys))


def _draw_cut(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None) -> DrawnAnimation:
    """Draws the in-betweens that a time sheet marks: into a folder with the sheet, or all layers as an animation."""
    from .cut import compose_cut, plan_cut, write_cut  # imports this module's package

    assert config.sheet is not None
    check_format(config.output)
    for path in config.inputs:
        if not path.is_dir():
            raise InputError(f"{shown(path)}: is no folder of drawings; a time sheet names its drawings itself")
    sheet = read_time_sheet(config.sheet)
    cut = plan_cut(sheet, config.inputs, config.spacing)
    check_output(config.output, overwrite=config.overwrite, inputs={"the sheet": [sheet.path], "a drawing": cut.inputs})
    engine = open_engine(config.engine, config.checkpoint, config.device, mixes=config.mix)
    notes = []
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
        written = write_animation(
            config.output,
            compose_cut(cut, engine, config.on_failure),
            fps=config.fps,
            overwrite=config.overwrite,
            count=sheet.duration,
            on_frame=None if on_frame is None else lambda done: on_frame(done, sheet.duration),
        )
        written = replace(written, notes=(*written.notes, *notes))
    return DrawnAnimation(written, engine.name, len(cut.inputs))
