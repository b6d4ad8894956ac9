"""Key frames and an engine in, frames at any t out; the key frames themselves come back pixel for pixel.

As a library:

    from animi.core.inbetween import interpolate

    for frame in interpolate([first, last], 8):  # arrays (H, W, 3) uint8 in, the same out; 8 frames with both ends
        ...
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import DTypeLike

from .animation import Written, check_format, write_animation
from .config import DEVICES, EASINGS, ON_FAILURE, InterpolateConfig, read_size
from .engines import Blend, Engine, Sure, Working, open_engine, render_all
from .errors import InputError, OutputError
from .files import check_output
from .images import Frame, premultiply, shown, unpremultiply
from .key_frames import KeyFrames, find_key_frames

STILL = 6
"""Levels of 255 by which an engine may miss a pixel that both key frames agree on before it counts as covered."""
MARGIN = 24
"""Pixels around what changes that an engine sees, so that it can tell where a moving outline ends."""


def interpolate(
    frames: Sequence[Frame],
    count: int = 8,
    *,
    spacing: str | Sequence[float] = EASINGS[0],
    loop: bool = False,
    boomerang: bool = False,
    engine: str | Engine | None = None,
    checkpoint: Path | None = None,
    device: str = DEVICES[0],
    on_failure: str = ON_FAILURE[0],
) -> Iterator[Frame]:
    """Draws the frames between key frames.

    Args:
        frames: two key frames or more, all of one shape and type: (H, W), or (H, W, C) with C of 1 (grey), 3 (RGB) or
            4 (RGBA, straight alpha); uint8 or uint16. A sequence that reads from disk is asked for two at a time.
        count: frames from one key frame to the next, both included; 2 or more.
        spacing: "linear", "ease-in", "ease-out", "ease-in-out", or the times of a segment's frames from 0 to 1, which
            win over `count`.
        loop: go on from the last key frame to the first; the first is not repeated at the end.
        boomerang: play to the end and back; neither end is repeated.
        engine: "flow" (motion, the default) or "blend" (cross-fade), or one of your own (see `core.engines`).
        checkpoint: a trained network that draws instead of an engine.
        device: where the network runs: "auto", "cpu", "cuda" or "mps".
        on_failure: what to do where motion cannot be what happened, as at a cut: "hold" the nearer key frame, "blend"
            them, or "morph", as if it were. Engines that know nothing of motion have no such case.

    Returns:
        An iterator of arrays of the key frames' shape and type, in order, drawn as they are asked for; a network on a
        GPU draws up to eight at once.

    Raises:
        InputError: fewer than two frames, or frames of unlike or unknown shape or type.
        ConfigError: an option has a value that cannot be used.
        CheckpointError: the checkpoint cannot be used.
        DeviceError: the device is not on this machine.
    """
    chart = spacing if isinstance(spacing, str) else ",".join(map(repr, map(float, spacing)))
    settings = InterpolateConfig((), Path(), count, spacing=chart, on_failure=on_failure)
    if len(frames) < 2:
        raise InputError(f"two key frames or more are needed, and {len(frames)} was given; add another")
    _check_forms(frames[0], frames[1], 1)
    drawer = open_engine(engine, checkpoint, device) if engine is None or isinstance(engine, str) else engine
    once = _walk(frames, settings.times, loop, drawer, on_failure)
    return _there_and_back(once, loop) if boomerang else once


def count_frames(keys: int, per_segment: int, *, loop: bool = False, boomerang: bool = False) -> int:
    """How many frames `interpolate` gives for `keys` key frames; `per_segment` counts both ends of a segment."""
    segments = keys if loop else keys - 1
    once = segments * (per_segment - 1) + (0 if loop else 1)
    if not boomerang:
        return once
    return 2 * once if loop else 2 * once - 2


def turn_back(count: int, *, loop: bool = False) -> Sequence[int]:
    """Which of `count` frames follow them, in order, where they play to the end and back: neither end comes twice."""
    # a loop turns at the first frame, which it does not end with
    return (0, *range(count - 1, 0, -1)) if loop else range(count - 2, 0, -1)


def _walk(
    frames: Sequence[Frame], times: Sequence[float], loop: bool, engine: Engine, on_failure: str
) -> Iterator[Frame]:
    """All segments one after the other; a key frame that two segments share comes once."""
    first = last = frames[0]
    for index in range(1, len(frames) + loop):
        last = frames[index % len(frames)]
        _check_forms(frames[0], last, index % len(frames))
        yield from draw_segment(first, last, times[:-1], engine, on_failure)
        first = last
    if not loop:
        yield last.copy()


def draw_segment(first: Frame, last: Frame, times: Iterable[float], engine: Engine, on_failure: str) -> Iterator[Frame]:
    """The frames of one segment at `times`, in [0, 1] and in order."""
    times = list(times)
    drawn: Iterator[Frame] | None = None
    for t in times:
        if t in (0, 1):
            yield (first, last)[int(t)].copy()
            continue
        if drawn is None:
            draw = prepare_pair(first, last, engine, on_failure)
            drawn = draw([time for time in times if time not in (0, 1)])
        yield next(drawn)


def prepare_pair(
    first: Frame, last: Frame, engine: Engine, on_failure: str
) -> Callable[[Sequence[float]], Iterator[Frame]]:
    """Readies a pair: conversion to the engine's working form and back, and what stands still stays untouched.

    The engine is shown only the part of the picture in which something changes, with a margin around it.

    Args:
        first: a frame.
        last: another of the same shape and type.
        engine: draws between them.
        on_failure: one of `config.ON_FAILURE`.

    Returns:
        What draws the frames at times in (0, 1), in their order, as they are asked for.
    """
    shape = first.shape
    whole = [frame.reshape(*shape[:2], -1) for frame in (first, last)]
    none = (0,) * whole[0].shape[2]
    still = cv2.inRange(cv2.absdiff(whole[0], whole[1]), none, none)  # (H, W), 255 where both agree
    x, y, w, h = cv2.boundingRect(255 - still)
    if w == 0:
        return lambda times: (first.copy() for _ in times)
    box = slice(max(0, y - MARGIN), y + h + MARGIN), slice(max(0, x - MARGIN), x + w + MARGIN)
    still, key = np.ascontiguousarray(still[box]), np.ascontiguousarray(whole[0][box])
    working = [_to_working(frame) for frame in (key, np.ascontiguousarray(whole[1][box]))]
    pair = engine.prepare(working[0], working[1])
    if on_failure != "morph" and isinstance(pair, Sure) and not pair.explained:
        if on_failure == "hold":
            return lambda times: ((first, last)[t >= 0.5].copy() for t in times)
        pair = Blend(working[0], working[1])

    def finish(drawn: Working) -> Frame:
        # where both key frames agree, unless something else clearly covers it; compared as it is seen: what is
        # transparent has any colour
        near = cv2.inRange(cv2.absdiff(drawn, working[0]), none, (STILL,) * len(none))
        changed = cv2.bitwise_not(cv2.bitwise_and(still, near))
        frame = whole[0].copy()
        frame[box] = cv2.copyTo(_from_working(drawn, first.dtype), changed, key.copy()).reshape(key.shape)
        return frame.reshape(shape)

    return lambda times: map(finish, render_all(pair, times))


def _to_working(frame: Frame) -> Working:
    """(H, W, C) uint8 or uint16 to the engines' working form."""
    if frame.shape[2] == 4:
        return premultiply(frame) * np.float32(255)
    return frame if frame.dtype == np.uint8 else frame.astype(np.float32) / 257


def _from_working(drawn: Working, dtype: DTypeLike) -> Frame:
    """An engine's frame in the key frames' type."""
    if drawn.dtype == np.uint8:
        return drawn
    if drawn.shape[2] == 4:
        return unpremultiply(drawn / np.float32(255), dtype)
    return np.asarray(np.clip(drawn, 0, 255) * (257 if dtype == np.uint16 else 1) + 0.5).astype(dtype)


def _there_and_back(frames: Iterator[Frame], loop: bool) -> Iterator[Frame]:
    """The frames, and then the same backwards, from a temporary file, since they may not fit in memory."""
    with tempfile.TemporaryFile(prefix="animi-") as spool:
        count = 0
        frame = None
        for frame in frames:
            spool.write(frame.tobytes())
            count += 1
            yield frame
        if frame is None:
            return
        for index in turn_back(count, loop=loop):
            spool.seek(index * frame.nbytes)
            yield np.frombuffer(spool.read(frame.nbytes), frame.dtype).reshape(frame.shape).copy()


def _check_forms(first: Frame, frame: Frame, number: int) -> None:
    if first.dtype not in (np.uint8, np.uint16):
        raise InputError(f"key frame 0 holds {first.dtype}; convert it to uint8 or uint16")
    if first.ndim not in (2, 3) or 0 in first.shape or (first.ndim == 3 and first.shape[2] not in (1, 3, 4)):
        raise InputError(f"key frame 0 has shape {first.shape}; (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) is needed")
    if (frame.shape, frame.dtype) != (first.shape, first.dtype):
        raise InputError(
            f"key frame {number} is {frame.shape} {frame.dtype} and key frame 0 is {first.shape} {first.dtype}; "
            "make them alike first"
        )


def _check_no_key_frame(output: Path, keys: Iterable[Path]) -> None:
    """Refuses an output in whose place a key frame, or the folder of one, would be lost.

    Raises:
        OutputError: a key frame is the output or lies in it.
    """
    if not output.exists():
        return
    for key in keys:
        if key.exists() and (output.samefile(key) or output.samefile(key.parent)):
            found = "is a key frame" if output.samefile(key) else f"holds the key frame {shown(Path(key.name))}"
            raise OutputError(f"{shown(output)}: {found}, which would be lost; choose another name")


@dataclass(frozen=True)
class Drawn:
    """What `draw_animation` made."""

    written: Written
    engine: str
    """What drew it: an engine's name, or a network's architecture."""
    key_frames: int


def draw_animation(config: InterpolateConfig, on_frame: Callable[[int, int], None] | None = None) -> Drawn:
    """Reads key frames, draws what lies between and writes the animation: the whole of `animi interpolate`.

    Args:
        config: what to draw.
        on_frame: told after each frame how many of how many are written.

    Raises:
        AnimiError: a key frame, an option or the output cannot be used; nothing that stood there is harmed.
    """
    check_format(config.output)
    _check_no_key_frame(config.output, find_key_frames(config.inputs))
    check_output(config.output, overwrite=config.overwrite)
    engine = open_engine(config.engine, config.checkpoint, config.device)
    size = None if config.size is None else read_size(config.size)
    if config.sheet is not None:
        from .exposure_sheet import draw_sheet, read_sheet  # which draws by this module

        rows = read_sheet(config.sheet, find_key_frames(config.inputs), loop=config.loop)
        keys = KeyFrames([row.drawing for row in rows], size)
        frames = draw_sheet(rows, keys, engine, config.on_failure, loop=config.loop)
        total = sum(row.frames for row in rows)
        if not total:
            raise InputError(f"{shown(config.sheet)}: holds every drawing for no frame; let some hold be 1 or more")
        if config.boomerang:
            frames = _there_and_back(frames, config.loop)
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
        )
    written = write_animation(
        config.output,
        frames,
        fps=config.fps,
        overwrite=config.overwrite,
        count=total,
        on_frame=None if on_frame is None else lambda done: on_frame(done, total),
    )
    return Drawn(written, engine.name, len(keys))
