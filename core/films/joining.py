"""Joins the segments of a film, with the audio, subtitles and other streams of the old one."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from ..errors import OutputError
from ..files import shown, sync
from ..media.film_segments import Segment
from ..media.film_sink import Kept, join_segments
from .setup import FilmSetup


def join_film(
    setup: FilmSetup,
    streams: Sequence[Kept],
    folder: Path,
    draft: Path,
    *,
    segments: Mapping[int, Segment],
    starts: Sequence[Fraction],
    last: Fraction,
    frames: int,
) -> int:
    """Puts the film together.

    Args:
        setup: the film.
        streams: the old film's streams to keep.
        folder: the segments' folder.
        draft: the file to write.
        segments: the segments' records, by number.
        starts: when the first frame of each segment is shown, in seconds.
        last: when the last frame is shown.
        frames: how many there are.

    Returns:
        The draft's size in bytes.

    Raises:
        OutputError: segments are missing, the disk is full, or ffmpeg failed.
    """
    config = setup.config
    held = [segments[number].frames for number in range(len(starts)) if number in segments]
    if len(held) != len(starts) or sum(held) != frames:
        raise OutputError(
            f"{shown(config.output)}: its pieces hold {sum(held)} of {frames} frames; "
            "add --overwrite without --resume to restart"
        )
    try:
        join_segments(
            setup.film,
            streams,
            folder,
            draft,
            config.output,
            segments=segments,
            starts=starts,
            last=last,
            end=setup.find_end(starts[0], last),
            coding=setup.coding,
            start=config.start,
            length=setup.length,
            chapters=setup.clock.ramp is None,
        )
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync(draft)
    return draft.stat().st_size
