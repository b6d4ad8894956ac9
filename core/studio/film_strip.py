"""Films as the page shows them: by drawings and by shots."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..config.material import ExtractFramesConfig
from ..media.decode import VideoInfo, decode_video
from ..media.frames import Frame

STRIP = 144
"""Pixels of the shorter side of thumbnails."""
_SAME_TIME = 0.002  # seconds by which the time of one frame may differ between two decodings
_SEEK = 3.0  # seconds; seeking is faster than decoding if the next drawing is later


@dataclass(frozen=True)
class FilmDrawing:
    """A drawing of a film; a held one counts once.

    Attributes:
        time: when it is first shown, in seconds.
        shot: the number of its shot, from 0.
        thumb: its thumbnail.
    """

    time: float
    shot: int
    thumb: Path


@dataclass(frozen=True)
class FilmStrip:
    """A film that was received and scanned.

    Attributes:
        name: its name for the person.
        info: the result of probing it.
        drawings: in order.
        cadences: for each shot, on how many frames it is drawn; None if that is unknown.
        is_whole: whether all of its drawings are here, and not only the first so many.
    """

    name: str
    info: VideoInfo
    drawings: tuple[FilmDrawing, ...]
    cadences: tuple[int | None, ...]
    is_whole: bool


def scan_film(name: str, info: VideoInfo, folder: Path, most: int, on_frame: Callable[[float], None]) -> FilmStrip:
    """Finds a film's drawings and shots, and makes their thumbnails.

    Args:
        name: its name for the person.
        info: the result of probing it.
        folder: the folder in which a folder for thumbnails is made.
        most: largest number of drawings.
        on_frame: called with the seconds up to each frame; what it raises ends the work.

    Raises:
        InputError: it cannot be decoded.
    """
    from ..material.extraction import extract_frames
    from ..material.film_folders import SHOTS
    from ..material.frame_store import RECORDS

    config = ExtractFramesConfig((info.path,), folder, STRIP, "keep", format="jpeg", quality=80, max_frames=most)
    found = extract_frames(config, on_time=on_frame)[0]
    lines = (found.folder / RECORDS).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    shots = json.loads((found.folder / SHOTS).read_text(encoding="utf-8"))
    drawings = tuple(
        FilmDrawing(record["timestamp"], record["shot"], found.folder / record["file"])
        for record in records
        if record["file"]
    )
    return FilmStrip(name, info, drawings, tuple(shot["cadence"] for shot in shots), not found.full)


def fetch_frames(film: FilmStrip, numbers: Sequence[int]) -> Iterator[Frame]:
    """Decodes drawings of a film at full size, in order; ends at one that cannot be decoded."""
    wanted = [film.drawings[number].time for number in numbers]
    while wanted:
        with closing(decode_video(film.info, start=max(0.0, wanted[0] - _SAME_TIME))) as frames:
            for frame in frames:
                if frame.time < wanted[0] - _SAME_TIME:
                    continue
                yield frame.pixels
                del wanted[0]
                if not wanted or wanted[0] - frame.time > _SEEK:
                    break
            else:
                return
