"""`animi interpolate` for key frames: reads files, writes an animation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_size
from ..engines.interface import Engine
from ..engines.opening import notes_of, open_engine
from ..errors import ConfigError, InputError
from ..files import Inputs, check_output, shown
from ..media.animation import Written, check_format, keeps_profile, write_animation
from ..media.frames import Frame
from .key_frames import KeyFrames, find_key_frames
from .pixel_art import PixelArtEngine, find_grid, read_palette
from .sequence import check_hints, count_frames, gather_hints, interpolate, there_and_back


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
