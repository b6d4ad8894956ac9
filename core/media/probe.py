"""Probes a film's file with PyAV, in a separate process: `probe_worker`."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import shown
from .ffmpeg import CONTAINERS, MOST_PIXELS, explain_unread, file_input, format_arguments, run_briefly, run_ffmpeg

_MOST_BYTES = 6 << 30  # address space of that process; libraries alone map 1 GiB
_SMALLER = "scale it down first"

UNKNOWN = "unknown"
"""ffmpeg's name for a colour property that a film does not state."""
# Codes of ITU-T H.273, and the names that ffmpeg's filters have for them
_MATRICES = {
    **{0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc"},
    **{10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp"},
}
_PRIMARIES = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020"},
    **{10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "jedec-p22"},
}
_TRANSFERS = {
    **{1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100"},
    **{10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12"},
    **{16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"},
}
_RANGES = {1: "tv", 2: "pc"}
# decoders that read the second stream, which holds alpha; ffmpeg's own ones silently ignore it
_ALPHA_DECODERS = {"vp9": "libvpx-vp9", "vp8": "libvpx"}


@dataclass(frozen=True)
class Stream:
    """A stream in a film's file.

    Attributes:
        index: its index in the file.
        kind: "video", "audio", "subtitle", "attachment", "cover" or "data".
        codec: ffmpeg's name of its codec; "" if it has none.
        tags: language, title and so on.
        dispositions: ffmpeg's names: "default", "forced" and so on.
    """

    index: int
    kind: str
    codec: str
    tags: Mapping[str, str]
    dispositions: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """The format of a film's first frame.

    Attributes:
        width: columns as stored.
        height: rows as stored.
        pixel_format: ffmpeg's name of the format that `decoder` returns.
        decoder: ffmpeg's decoder to use if its default one would lose alpha; else None.
        aspect: pixel aspect ratio, width to height.
        rotation: degrees by which it must be rotated for display.
        interlaced: whether it is flagged as interlaced.
        colours: range, matrix, primaries and transfer, by ffmpeg's names or UNKNOWN.
        side_data: FFmpeg's names of its side data, such as MASTERING_DISPLAY_METADATA.
        decoded: whether a frame was decoded; if not, this is what the file's header states.
    """

    width: int
    height: int
    pixel_format: str
    decoder: str | None
    aspect: Fraction
    rotation: int
    interlaced: bool
    colours: tuple[str, str, str, str]
    side_data: frozenset[str]
    decoded: bool

    @property
    def turned(self) -> bool:
        """Whether width and height are swapped for display."""
        return round(self.rotation) % 180 == 90

    @property
    def alpha(self) -> bool:
        """Whether frames have an alpha channel."""
        return self.pixel_format.startswith(
            ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "yaf", "pal8", "ayuv", "vuya")
        )


@dataclass(frozen=True)
class Head:
    """The properties of a film's file.

    Attributes:
        container: FFmpeg's name of the format.
        duration: seconds; None if the file does not state it.
        rate: frames per second on average; None if the file does not state it.
        index: index of the video stream.
        tags: the video stream's tags.
        dispositions: the video stream's dispositions.
        picture: the format of its frames.
        beside: the other streams, without those that only repeat chapters.
    """

    container: str
    duration: Fraction | None
    rate: Fraction | None
    index: int
    tags: Mapping[str, str]
    dispositions: tuple[str, ...]
    picture: Picture
    beside: tuple[Stream, ...]


def probe_film(path: Path) -> Head:
    """Probes a film's file and its first frame.

    Raises:
        InputError: the file cannot be read, or holds no video.
    """
    command = [sys.executable, "-P", str(Path(__file__).with_name("probe_worker.py"))]
    command += [str(path), ",".join(CONTAINERS), str(MOST_PIXELS), str(_MOST_BYTES), *format_arguments(path)[1:]]
    done = run_briefly(command, path, out=True)
    try:
        found = json.loads(done.out) if done.code == 0 else None
    except ValueError:  # cut off, as the output exceeds the limit of `programs.run`
        found = None
    if found is None:
        raise _reject(path, sound=False)
    if found["picture"] is None:
        raise _reject(path, sound=any(stream["kind"] == "audio" for stream in found["streams"]))
    return _read_head(found)


def _reject(path: Path, *, sound: bool) -> InputError:
    """The error for a file that cannot be read, with the ffmpeg program's message."""
    if sound:
        return InputError(f"{shown(path)}: holds sound and no picture; give a film")
    stderr = run_ffmpeg(("-hide_banner", "-nostdin", *file_input(path)), path).stderr
    if b"exceeds specified max pixel count" in stderr:
        return InputError(f"{shown(path)}: has larger frames than a film may have ({MOST_PIXELS:,} pixels); {_SMALLER}")
    why = explain_unread(stderr, path)
    return InputError(f"{shown(path)}: holds no video that can be read ({why}); check the file or convert it")


def _read_head(found: dict[str, Any]) -> Head:
    picture = next(stream for stream in found["streams"] if stream["index"] == found["picture"])
    beside = tuple(
        _read_stream(stream)
        for stream in found["streams"]
        if stream is not picture and not (stream["kind"] == "data" and stream["hidden"])
    )
    return Head(
        container=found["container"],
        duration=None if found["duration"] is None else Fraction(found["duration"], 1_000_000),
        rate=Fraction(*picture["rate"]) if picture.get("rate") else None,
        index=picture["index"],
        tags=picture["tags"],
        dispositions=tuple(picture["dispositions"]),
        picture=_read_picture(picture, found["frame"]),
        beside=beside,
    )


def _read_stream(stream: dict[str, Any]) -> Stream:
    kind = stream["kind"] if stream["kind"] in ("video", "audio", "subtitle", "attachment") else "data"
    if kind == "video" and "attached_pic" in stream["dispositions"]:
        kind = "cover"
    return Stream(stream["index"], kind, stream["coding"], stream["tags"], tuple(stream["dispositions"]))


def _read_picture(stream: dict[str, Any], frame: dict[str, Any] | None) -> Picture:
    properties = frame or {}
    pixel_format = properties.get("pixel_format") or stream.get("pixel_format", "")
    decoder = None
    tags = {name.lower(): value for name, value in stream["tags"].items()}
    if tags.get("alpha_mode") == "1" and pixel_format.startswith("yuv4"):
        decoder = _ALPHA_DECODERS.get(stream["coding"])
        if decoder is not None:
            pixel_format = "yuva4" + pixel_format.removeprefix("yuv4")
    matrix = properties.get("matrix", 2)
    return Picture(
        width=properties.get("width") or stream.get("width", 0),
        height=properties.get("height") or stream.get("height", 0),
        pixel_format=pixel_format,
        decoder=decoder,
        aspect=Fraction(*stream["aspect"]) if stream.get("aspect") else Fraction(1),
        rotation=properties.get("rotation", 0),
        interlaced=properties.get("interlaced", False),
        colours=(
            _RANGES.get(properties.get("range", 0), UNKNOWN),
            _MATRICES.get(matrix if matrix != 2 else stream.get("matrix", 2), UNKNOWN),
            _PRIMARIES.get(properties.get("primaries", 2), UNKNOWN),
            _TRANSFERS.get(properties.get("transfer", 2), UNKNOWN),
        ),
        side_data=frozenset(properties.get("side_data", ())),
        decoded=frame is not None,
    )
