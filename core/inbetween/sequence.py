"""Draws the in-betweens of a sequence of key frames, which are returned unchanged."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..config.checks import Choice, check_choice
from ..config.choices import DEVICES, EASINGS, ON_FAILURE
from ..config.interpolation import InterpolateConfig, space_frames
from ..engines.interface import Engine, Guided
from ..engines.opening import open_engine
from ..errors import ConfigError, InputError
from ..files import Scratch
from ..media.frames import Frame
from .doubt import Watch
from .hints import Hints, parse_hint, parse_part, read_hints
from .pair import draw_segment

Number = TypeVar("Number", bound=np.generic)


def interpolate(
    frames: Sequence[Frame],
    count: int = 8,
    *,
    spacing: str | Sequence[float] = EASINGS[0],
    loop: bool = False,
    boomerang: bool = False,
    engine: str | Engine | None = None,
    checkpoint: Path | None = None,
    mix: bool = False,
    arcs: bool = False,
    device: str = DEVICES[0],
    on_failure: str = ON_FAILURE[0],
    hints: Hints | str | Path | Sequence[str] | None = None,
    parts: Sequence[str] = (),
    watch: Watch | None = None,
) -> Iterator[Frame]:
    """Draws the frames between key frames.

    Args:
        frames: two key frames or more, all of one shape and type: (H, W), or (H, W, C) with C of 1 (grey), 3 (RGB) or
            4 (RGBA, straight alpha); uint8 or uint16. Of a sequence that reads from disk, two are used at a time.
        count: frames from one key frame to the next, both included; 2 or more.
        spacing: "linear", "ease-in", "ease-out", "ease-in-out", or the times of a segment's frames from 0 to 1, which
            override `count`.
        loop: draw also from the last key frame to the first; the first is not repeated at the end.
        boomerang: play to the end and back; neither end is repeated.
        engine: "motion" (learnt motion, the default), "flow" (classical motion), "blend" (cross-fade), or one of your
            own (see `core.engines`).
        checkpoint: a trained network to draw with instead of an engine.
        mix: blend the two warped key frames where they differ, instead of choosing one of them.
        arcs: move pieces that turn on an arc instead of its chord, so that they keep their size.
        device: the network's device: "auto", "cpu", "cuda" or "mps".
        on_failure: what to do if motion does not explain the key frames, as at a cut: "hold" the nearer one, "blend"
            both, or "morph" along the motion anyway. It has no effect on engines without motion.
        hints: the motion from one key frame to the next: a file (see `core.inbetween.hints`), a hint such as
            "120,80>200,96", or a list of these.
        parts: masks of parts with their own spacing: "arm.png=ease-in", or with a time for each frame of a segment,
            "arm.png=0,0,0.4,1". "1:" before it means the second pair of key frames.
        watch: called with a `core.inbetween.doubt.Moment` for each in-between as it is drawn: the frame, its number,
            and where it is guesswork. It is not called again for frames that a boomerang repeats.

    Returns:
        An iterator of arrays of the key frames' shape and type, in order, drawn on demand; a network on a GPU draws up
        to eight at once.

    Raises:
        InputError: fewer than two frames, or frames of different or unknown shapes or types.
        ConfigError: an option has a value that cannot be used.
        CheckpointError: the checkpoint cannot be used.
        DeviceError: the device is not on this machine.
    """
    times = space_frames(count, write_chart(spacing))
    check_choice("--on-failure", on_failure, Choice(ON_FAILURE))
    check_frames(frames)
    drawer = open_engine(engine, checkpoint, device, mixes=mix, arcs=arcs)
    known = gather_hints(hints) | gather_parts(parts)
    check_hints(known, drawer, len(frames), loop=loop)
    once = _walk(frames, times, loop, drawer, on_failure, known, watch)
    return there_and_back(once, loop) if boomerang else once


def write_chart(spacing: str | Sequence[float]) -> str:
    """Writes a spacing as the option takes it: an easing, or times separated by commas."""
    return spacing if isinstance(spacing, str) else ",".join(map(repr, map(float, spacing)))


def count_frames(keys: int, per_segment: int, *, loop: bool = False, boomerang: bool = False) -> int:
    """The number of frames that `interpolate` yields for `keys` key frames; `per_segment` includes both key frames."""
    segments = keys if loop else keys - 1
    once = segments * (per_segment - 1) + (0 if loop else 1)
    if not boomerang:
        return once
    return 2 * once if loop else 2 * once - 2


def turn_back(count: int, *, loop: bool = False) -> Sequence[int]:
    """The indices of `count` frames that are played backwards after them in a boomerang; neither end is repeated."""
    # a loop turns at the first frame, which it does not end with
    return (0, *range(count - 1, 0, -1)) if loop else range(count - 2, 0, -1)


def gather_hints(given: Hints | str | Path | Sequence[str] | None) -> Hints:
    """Reads a file of hints, a hint, or a list of hints; hints that are read already are returned.

    Raises:
        ConfigError: one cannot be read.
        InputError: the file holds no hints.
    """
    if given is None or isinstance(given, Hints):
        return given or Hints()
    if isinstance(given, Path):
        return read_hints(given)
    texts = [given] if isinstance(given, str) else given
    return Hints(tuple(pair for text in texts for pair in parse_hint(text).pairs))


def gather_parts(given: Sequence[str]) -> Hints:
    """Reads parts with their own spacing.

    Raises:
        ConfigError: one cannot be read.
    """
    return Hints(tuple(pair for text in given for pair in parse_part(text).pairs))


def gather_all(config: InterpolateConfig) -> Hints:
    """Reads all hints and parts of a command.

    Raises:
        ConfigError: one cannot be read.
        InputError: the file holds no hints.
    """
    return gather_hints(config.hint) | gather_hints(config.hints) | gather_parts(config.part)


def reject_hints(config: InterpolateConfig, other: str) -> ConfigError:
    """The error for hints together with an option that they do not go with."""
    flag = "--hint" if config.hint else "--part" if config.part else "--hints"
    return ConfigError(f"{flag}: does not go with {other} yet; leave one of the two out")


def check_hints(hints: Hints, engine: Engine, keys: int, *, loop: bool = False) -> None:
    """Checks that hints can be used.

    Raises:
        ConfigError: the engine takes no hints.
        InputError: they name other key frames, or layers.
    """
    check_guided(hints, engine)
    hints.check_pairs(keys, loop=loop)
    hints.check_no_layers()


def check_guided(hints: Hints, engine: Engine) -> None:
    """Checks that an engine takes the hints that there are.

    Raises:
        ConfigError: it takes none.
    """
    if hints and not isinstance(engine, Guided):
        raise ConfigError(
            f"--hint, --part: {engine.name} draws without motion; leave them out, or draw with motion or flow"
        )


def _walk(
    frames: Sequence[Frame],
    times: Sequence[float],
    loop: bool,
    engine: Engine,
    on_failure: str,
    hints: Hints,
    watch: Watch | None,
) -> Iterator[Frame]:
    """Yields all segments; a key frame that two segments share is yielded once."""
    first = last = frames[0]
    for index in range(1, len(frames) + loop):
        last = frames[index % len(frames)]
        check_forms(frames[0], last, index % len(frames))
        pair = index - 1, index % len(frames)
        said = hints.of(*pair, first.shape[1], first.shape[0]) if hints else None
        part_times = hints.space_parts(*pair, len(times))[:-1] if said is not None and said.parts else None
        start = (index - 1) * (len(times) - 1)
        seen = None if watch is None else count_from(watch, range(start, start + len(times)))
        yield from draw_segment(first, last, times[:-1], engine, on_failure, said, seen, part_times)
        first = last
    if not loop:
        yield last.copy()


def count_from(watch: Watch, numbers: Sequence[int]) -> Watch:
    """Replaces the numbers of a segment's frames by those among all frames, for `watch`."""
    return lambda moment: watch(moment._replace(number=numbers[moment.number]))


def there_and_back(frames: Iterator[NDArray[Number]], loop: bool) -> Iterator[NDArray[Number]]:
    """Yields arrays, and then the same backwards; they wait in a temporary file, as they may not fit in memory."""
    with Scratch() as spool:
        count = 0
        frame = None
        for frame in frames:
            spool.append(frame.tobytes())
            count += 1
            yield frame
        if frame is None:
            return
        for index in turn_back(count, loop=loop):
            yield np.frombuffer(spool.read(index * frame.nbytes, frame.nbytes), frame.dtype).reshape(frame.shape).copy()


def check_frames(frames: Sequence[Frame]) -> None:
    """Checks that there are two key frames, and that the first two are alike.

    Raises:
        InputError: there are fewer, or they differ.
    """
    if len(frames) < 2:
        raise InputError(f"two key frames or more are needed, and {len(frames)} was given; add another")
    check_forms(frames[0], frames[1], 1)


def check_forms(first: Frame, frame: Frame, number: int) -> None:
    """Checks that a key frame can be drawn from, and is like the first.

    Raises:
        InputError: it is not.
    """
    if first.dtype not in (np.uint8, np.uint16):
        raise InputError(f"key frame 0 holds {first.dtype}; convert it to uint8 or uint16")
    if first.ndim not in (2, 3) or 0 in first.shape or (first.ndim == 3 and first.shape[2] not in (1, 3, 4)):
        raise InputError(f"key frame 0 has shape {first.shape}; (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) is needed")
    if (frame.shape, frame.dtype) != (first.shape, first.dtype):
        raise InputError(
            f"key frame {number} is {frame.shape} {frame.dtype} and key frame 0 is {first.shape} {first.dtype}; "
            "make them alike first"
        )
