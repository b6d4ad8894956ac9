"""Writes frames as an animation, in the format of the path's suffix."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from os import fspath
from pathlib import Path

import numpy as np

from ...errors import OutputError
from ...files import check_no_stream, check_output, shown, written_beside
from ..frames import Frame
from .apng import write_apng
from .folder import NUMBERED, write_folder
from .gif import write_gif
from .job import Job
from .manifest import Manifest, check_untouched, guard
from .video import write_film
from .webp import write_webp

Write = Callable[[Job, Iterator[Frame]], Fraction]
"""A writer of one format: writes frames to the job's draft, and returns the duration in seconds."""

FORMATS: dict[str, Write] = {
    ".gif": write_gif,
    ".webp": write_webp,
    ".png": write_apng,
    ".apng": write_apng,
    ".mp4": write_film,
    ".mov": write_film,
    ".webm": write_film,
    ".mkv": write_film,
}
"""Writers by suffix: to add a format, add a file to this folder and a row here."""

DELAYED = (".gif", ".webp", ".png", ".apng")
"""Suffixes of formats that store a delay for each picture."""


def keeps_profile(path: Path | str) -> bool:
    """Returns whether a path's format can hold an ICC profile.

    Raises:
        OutputError: the suffix is unknown.
    """
    return _find_format(path) in (write_webp, write_apng, write_folder)


@dataclass(frozen=True)
class Written:
    """The result of `write_animation`."""

    path: Path
    frames: int
    width: int
    """In pixels, including a video's padding."""
    height: int
    seconds: Fraction
    """Duration of the file, after rounding to the format's ticks."""
    notes: tuple[str, ...]
    """What the format could not preserve, as sentences without a full stop."""


def write_animation(
    path: Path | str,
    frames: Iterable[Frame],
    *,
    fps: Fraction,
    ends: Sequence[Fraction] | None = None,
    loop: bool = True,
    profile: bytes | None = None,
    overwrite: bool = False,
    count: int | None = None,
    on_frame: Callable[[int], None] | None = None,
    describe: Callable[[Manifest], Manifest] | None = None,
    codec: str | None = None,
    crf: int | None = None,
) -> Written:
    """Writes frames as an animation atomically, in the format of the suffix of `path`.

    A path without a suffix, one that ends in a slash, or an existing folder, becomes a folder of PNGs: 000.png, ...
    Notes report what the format cannot preserve: more than 8 bits, transparency, more than 256 colours, odd sizes, or
    a frame rate that is too high.

    GIF counts time in hundredths of a second, and browsers show a frame of less than 2 for 10; so frames of a GIF are
    never shorter than 2. Browsers also slow down WebP and APNG frames of 10 ms or less.

    Args:
        path: the file or folder.
        frames: (H, W, C), all of one size, C and depth (see `frames.match_images`); consumed once, one at a time.
        fps: frames per second, > 0; approximate if `ends` is given.
        ends: end of each frame in seconds from the beginning; it may grow as frames are consumed. None for a constant
            rate of `fps`. Videos ignore it.
        loop: whether players repeat the animation; videos and folders ignore it.
        profile: the ICC profile of the frames, for formats that `keeps_profile`; None for sRGB.
        overwrite: whether an existing output may be replaced.
        count: the number of frames if it is known, for the number of digits in a folder.
        on_frame: called with the number of frames consumed so far.
        codec: how a film is encoded, one of `config.choices.CODECS`; None: as usual for its suffix.
        crf: the encoder's constant rate factor; None: the codec's.
        describe: has a folder keep a manifest of its frames (see `manifest`), and adds to it what is known of them.

    Raises:
        OutputError: the suffix is unknown, there is no frame, or the output cannot be written. An existing output is
            kept then. A folder in which frames were painted over is never replaced.
    """
    write = _find_format(path)
    target = Path(path)
    is_folder = write is write_folder
    ours = NUMBERED if is_folder and overwrite else None
    stamps = guard(target) if ours else {}
    check_output(target, overwrite=overwrite, ours=ours)
    stream = iter(frames)
    try:
        first = next(stream)
    except StopIteration:
        raise OutputError(f"{shown(target)}: there is no frame to write") from None
    height, width = first.shape[:2]
    with written_beside(target, overwrite=overwrite, folder=is_folder, ours=ours) as draft:
        deep = first.dtype == np.uint16
        job = Job(target, draft, fps, loop, width, height, count, deep, ends, profile, describe, codec, crf)
        seconds = write(job, _counted(itertools.chain([first], stream), first, job, on_frame))
        check_untouched(target, stamps)
    return Written(target, job.written, job.width, job.height, seconds, tuple(job.notes))


def check_format(path: Path | str) -> None:
    """Checks, before any work, that a path's suffix is a known format.

    Raises:
        OutputError: the suffix is unknown.
    """
    _find_format(path)


def names_folder(path: Path | str) -> bool:
    """Whether a path names a folder of frames.

    Raises:
        OutputError: the suffix is unknown.
    """
    return _find_format(path) is write_folder


def _find_format(path: Path | str) -> Write:
    target = Path(path)
    check_no_stream(target)
    if fspath(path).endswith("/") or target.is_dir():
        return write_folder
    suffix = target.suffix.lower()
    if not suffix and target.name.lower() not in FORMATS:
        return write_folder
    if suffix not in FORMATS:
        found = f"the suffix {shown(Path(suffix))} is not known" if suffix else "a name is missing before the suffix"
        raise OutputError(f"{shown(target)}: {found}; use {', '.join(FORMATS)}, or a folder's name without a suffix")
    return FORMATS[suffix]


def _counted(
    frames: Iterable[Frame], first: Frame, job: Job, on_frame: Callable[[int], None] | None
) -> Iterator[Frame]:
    """Yields frames, checks that they have one shape and depth, and counts them."""
    for frame in frames:
        if frame.shape != first.shape or frame.dtype != first.dtype:
            raise ValueError(f"frame {job.written} is {frame.shape} {frame.dtype}, not {first.shape} {first.dtype}")
        yield frame
        job.written += 1
        if on_frame is not None:
            on_frame(job.written)
