"""`animi interpolate` with numbered files and linear light: patterns in and out, EXR, DPX and float TIFF."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config.checks import flag_of
from ..config.interpolation import InterpolateConfig
from ..engines.opening import notes_of, open_configured
from ..errors import ConfigError, InputError
from ..files import Inputs, check_output, shown
from ..media.animation import Written, check_format, write_animation
from ..media.deep import (
    DPX,
    EXR,
    FLOAT_TIFF,
    MISSING,
    DeepForm,
    DeepPicture,
    Values,
    detect_deep,
    from_linear,
    has_deep,
    is_dpx,
    match_values,
    read_deep,
    read_dpx,
    write_values,
    write_whole,
)
from ..media.frames import Frame
from ..media.numbered import describe_holes, find_numbered, read_pattern
from ..media.numbered_pictures import SUFFIXES, write_picture
from ..media.numbered_writing import name_files, write_numbered
from .deep import check_engine, draw_values
from .doubt_sheet import Doubtful
from .key_frames import find_key_frames
from .redo import Redone
from .sequence import count_frames, there_and_back

_NUMBERED = (*SUFFIXES, EXR, DPX)
_NOT_YET = ("hint", "part", "hints", "doubt", "redo", "size", "pixel_art")  # settings that need ordinary key frames
Report = Callable[[int, int], None]
"""Called with how much is done, and how much there is."""


class Expanded(NamedTuple):
    """Inputs whose patterns were replaced by their files."""

    inputs: tuple[Path, ...]
    notes: list[str]
    start: int
    """The first number, where one pattern was given; else 0."""


def expand_patterns(inputs: Sequence[Path]) -> Expanded:
    """Replaces patterns of numbered files, such as `shot.####.exr`, by the files.

    Raises:
        ConfigError: a pattern cannot be used.
        InputError: there are no files of a pattern.
    """
    found: list[Path] = []
    notes: list[str] = []
    starts: list[int] = []
    for path in inputs:
        pattern = read_pattern(path)
        if pattern is None:
            found.append(path)
            continue
        files, numbers = find_numbered(path, pattern)
        found += files
        starts.append(numbers[0])
        if (holes := describe_holes(path, numbers)) is not None:
            notes.append(holes)
    return Expanded(tuple(found), notes, starts[0] if len(starts) == 1 == len(inputs) else 0)


def is_numbered(output: Path) -> bool:
    """Whether an output is one picture for each frame, in files of their own.

    Raises:
        ConfigError: its pattern has several numbers.
    """
    suffix = output.suffix.lower()
    if suffix not in _NUMBERED or output.is_dir():
        return False
    return suffix in (EXR, DPX, *FLOAT_TIFF) or read_pattern(output) is not None


def check_numbered(output: Path) -> None:
    """Checks that what an output needs is installed.

    Raises:
        ConfigError: it is not.
    """
    if output.suffix.lower() in (EXR, DPX) and not has_deep():
        raise ConfigError(f"{shown(output)}: {MISSING}")


def write_frames(
    output: Path,
    frames: Iterator[Frame],
    count: int,
    inputs: Sequence[Path],
    *,
    start: int,
    overwrite: bool,
    on_frame: Callable[[int], None] | None = None,
) -> Path:
    """Writes frames of whole numbers as numbered files.

    Args:
        output: the pattern.
        frames: (H, W, C) of 8 or 16 bits; consumed once.
        count: how many.
        inputs: the key frames, of which a DPX says how DPX are written.
        start: the first number.
        overwrite: whether existing files may be replaced.
        on_frame: called with the number of frames written.

    Returns:
        The pattern.
    """
    pattern, files = name_files(output, count, start)
    form = DeepForm("uint16", "srgb")
    if output.suffix.lower() == DPX and is_dpx(inputs[0]):
        form = read_dpx(inputs[0])[1]

    def write(path: Path, frame: Frame) -> None:
        if output.suffix.lower() == DPX:
            write_whole(path, frame, form)
        else:
            write_picture(path, frame)

    write_numbered(files, frames, write, overwrite=overwrite, on_frame=on_frame)
    return pattern


def check_files(output: Path, count: int, start: int, *, overwrite: bool, inputs: Inputs) -> None:
    """Checks, before any work, that all numbered files can be written.

    Raises:
        OutputError: one cannot.
    """
    for file in name_files(output, count, start)[1]:
        check_output(file, overwrite=overwrite, inputs=inputs)


def needs_light(config: InterpolateConfig) -> bool:
    """Whether key frames are drawn from as linear light: EXR or float TIFF come in or go out, or --linear is given."""
    if config.linear or config.output.suffix.lower() == EXR:
        return True
    return any(detect_deep(path) in (EXR, FLOAT_TIFF[0]) for path in find_key_frames(config.inputs))


def check_unused(config: InterpolateConfig, names: Sequence[str], what: str) -> None:
    """Checks that settings are not given.

    Args:
        config: all settings.
        names: those that are not possible yet.
        what: what they do not go with, for the message.

    Raises:
        ConfigError: one is given.
    """
    for field in fields(config):
        if field.name in names and getattr(config, field.name) not in (None, (), False):
            raise ConfigError(f"{flag_of(field)}: does not go with {what} yet; leave it out")


class Drawn(NamedTuple):
    """What was drawn of drawings in layers, or in linear light."""

    written: Written
    engine: str
    """The engine's name, or the network's architecture."""
    key_frames: int
    doubtful: tuple[Doubtful, ...] = ()
    """The frames worth checking, the worst first."""
    redone: Redone | None = None
    """What was drawn again in an existing folder."""


class _Keys:
    """Key frames in linear light, of one form, two of them held at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self.notes: dict[str, None] = {}
        self.peak = 0.0
        self.forms: list[DeepForm] = []
        self.size = (0, 0)
        self._held: dict[int, Values] = {}
        channels = 1
        for path in paths:
            picture = self._read(path)
            height, width = picture.values.shape[:2]
            if self.size not in ((0, 0), (width, height)):
                raise InputError(
                    f"{shown(path)} is {width}x{height} and {shown(paths[0])} is {self.size[0]}x{self.size[1]}; make "
                    "them one size"
                )
            self.size = width, height
            channels = max(channels, picture.values.shape[2])
            finite = picture.values[np.isfinite(picture.values)]
            self.peak = max(self.peak, float(finite.max(initial=0)))
            if len(finite) < picture.values.size:
                self.notes[f"{shown(path)}: values that are no numbers or infinite were drawn as 0 and 65504"] = None
        self._channels = channels

    def _read(self, path: Path) -> DeepPicture:
        picture = read_deep(path)
        self.notes.update(dict.fromkeys(picture.notes))
        self.forms.append(picture.form)
        return picture

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> Values:
        if number not in self._held:
            while len(self._held) >= 2:
                del self._held[next(iter(self._held))]
            self._held[number] = match_values(read_deep(self.paths[number]).values, self._channels)
        return self._held[number]


def draw_deep(config: InterpolateConfig, start: int, on_frame: Report | None = None) -> Drawn:
    """Draws in-betweens of linear light.

    Args:
        config: the settings.
        start: the first number of numbered files.
        on_frame: called after each frame with the number written, and the number in all.

    Raises:
        AnimiError: a key frame, an option or the output cannot be used; an existing output is not changed.
    """
    check_unused(config, _NOT_YET, "--linear" if config.linear else "EXR or float TIFF")
    numbered = is_numbered(config.output)
    paths = find_key_frames(config.inputs)
    inputs: Inputs = {"a key frame": paths, "the checkpoint": [config.checkpoint]}
    total = count_frames(len(paths), len(config.times), loop=config.loop, boomerang=config.boomerang)
    if len(paths) < 2:
        raise InputError(f"two key frames or more are needed, and only {shown(paths[0])} was given; add another image")
    if numbered:
        check_numbered(config.output)
        check_files(config.output, total, start, overwrite=config.overwrite, inputs=inputs)
    else:
        check_format(config.output)
        check_output(config.output, overwrite=config.overwrite, inputs=inputs)
    engine = open_configured(config)
    check_engine(engine)
    keys = _Keys(paths)
    notes = [*keys.notes, *notes_of(engine)]

    def walk() -> Iterator[Values]:
        for number in range(len(keys) if config.loop else len(keys) - 1):
            first, last = keys[number], keys[(number + 1) % len(keys)]
            between = [t for t in config.times[:-1] if 0 < t < 1]
            drawn = draw_values(first, last, between, engine, config.on_failure)
            for t in config.times[:-1]:
                yield next(drawn) if 0 < t < 1 else (first, last)[int(t)]
        if not config.loop:
            yield keys[len(keys) - 1]

    frames = walk()
    if config.boomerang:
        frames = there_and_back(frames, config.loop)
    show = None if on_frame is None else (lambda done: on_frame(done, total))
    if numbered:
        pattern = _write_values(config, frames, keys, total, start, notes, show)
        seconds = Fraction(total) / config.fps
        written = Written(pattern, total, keys.size[0], keys.size[1], seconds, tuple(notes))
    else:
        kind = _whole_kind(keys)
        written = write_animation(
            config.output,
            (from_linear(values, kind) for values in frames),
            fps=config.fps,
            overwrite=config.overwrite,
            codec=config.codec,
            crf=config.crf,
            count=total,
            on_frame=show,
        )
        _note_range(keys, notes)
        written = replace(written, notes=(*written.notes, *notes))
    return Drawn(written, engine.name, len(keys))


def _whole_kind(keys: _Keys) -> str:
    """How many bits whole numbers get: 8 if all key frames have as few."""
    return "uint8" if all(form.kind == "uint8" for form in keys.forms) else "uint16"


def _note_range(keys: _Keys, notes: list[str]) -> None:
    if keys.peak > 1.0001:
        notes.append("values above 1 were cut off, as the format ends at white; EXR keeps them")


def _write_values(
    config: InterpolateConfig,
    frames: Iterator[Values],
    keys: _Keys,
    total: int,
    start: int,
    notes: list[str],
    show: Callable[[int], None] | None,
) -> Path:
    """Writes linear light as numbered files of the output's format."""
    pattern, files = name_files(config.output, total, start)
    suffix, form = config.output.suffix.lower(), keys.forms[0]
    is_float = form.kind in ("half", "float")
    if suffix == EXR or (suffix in FLOAT_TIFF and is_float):
        stored = form if is_float else DeepForm("half")

        def write(path: Path, values: Values) -> None:
            write_values(path, values, stored)

    elif suffix == DPX:
        stored = DeepForm("uint16", "srgb") if is_float or not form.attributes else form
        if stored.curve != "log":
            _note_range(keys, notes)

        def write(path: Path, values: Values) -> None:
            write_whole(path, from_linear(values, stored.kind, stored.curve), stored)

    else:
        kind = _whole_kind(keys)
        _note_range(keys, notes)

        def write(path: Path, values: Values) -> None:
            write_picture(path, from_linear(values, kind))

    write_numbered(files, frames, write, overwrite=config.overwrite, on_frame=show)
    return pattern
