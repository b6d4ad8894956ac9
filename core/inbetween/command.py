"""The whole of `animi interpolate` for key frames: files in, an animation out."""

from collections.abc import Callable
from dataclasses import dataclass

from ..config.interpolation import InterpolateConfig
from ..config.parsing import read_size
from ..engines.opening import open_engine
from ..errors import InputError
from ..files import Inputs, check_output, shown
from ..media.animation import Written, check_format, write_animation
from .key_frames import KeyFrames, find_key_frames
from .sequence import check_hints, count_frames, gather_hints, interpolate, there_and_back


@dataclass(frozen=True)
class DrawnAnimation:
    """What `draw_animation` made."""

    written: Written
    engine: str
    """What drew it: an engine's name, or a network's architecture."""
    key_frames: int


def draw_animation(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None = None) -> DrawnAnimation:
    """Reads key frames, draws what lies between and writes the animation: the whole of `animi interpolate`.

    Args:
        config: what to draw.
        on_frame: told after each frame how many of how many are written.

    Raises:
        AnimiError: a key frame, an option or the output cannot be used; nothing that stood there is harmed.
    """
    check_format(config.output)
    read: Inputs = {
        "a key frame": find_key_frames(config.inputs),
        "the checkpoint": [config.checkpoint],
        "the exposure sheet": [config.sheet],
        "the hints": [config.hints],
    }
    check_output(config.output, overwrite=config.overwrite, inputs=read)
    engine = open_engine(config.engine, config.checkpoint, config.device, mixes=config.mix)
    hints = gather_hints(config.hint) | gather_hints(config.hints)
    size = None if config.size is None else read_size(config.size)
    if config.sheet is not None:
        from .exposure_sheet import draw_sheet, read_sheet  # which draws by this module

        rows = read_sheet(config.sheet, find_key_frames(config.inputs), loop=config.loop)
        keys = KeyFrames([row.drawing for row in rows], size)
        check_hints(hints, engine, len(keys), loop=config.loop)
        frames = draw_sheet(rows, keys, engine, config.on_failure, loop=config.loop, hints=hints)
        total = sum(row.frames for row in rows)
        if not total:
            raise InputError(f"{shown(config.sheet)}: holds every drawing for no frame; let some hold be 1 or more")
        if config.boomerang:
            frames = there_and_back(frames, config.loop)
            total = max(1, 2 * total - (0 if config.loop else 2))
    else:
        keys = KeyFrames(config.inputs, size)
        total = count_frames(len(keys), len(config.times), loop=config.loop, boomerang=config.boomerang)
        frames = interpolate(
            keys,
            config.count,
            spacing=config.spacing,
            loop=config.loop,
            boomerang=config.boomerang,
            engine=engine,
            on_failure=config.on_failure,
            hints=hints,
        )
    written = write_animation(
        config.output,
        frames,
        fps=config.fps,
        overwrite=config.overwrite,
        count=total,
        on_frame=None if on_frame is None else lambda done: on_frame(done, total),
    )
    return DrawnAnimation(written, engine.name, len(keys))
