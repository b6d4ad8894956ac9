"""A program that probes a film with PyAV and writes the result to stdout as JSON; `probe.probe_film` runs it.

FFmpeg's libraries parse untrusted files. In this process they may crash, hang or use up memory without harm: memory is
limited here, and time by the caller. It imports nothing of animi.

    python -P probe_worker.py FILE FORMATS MAX_PIXELS MAX_BYTES [FORMAT]
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_kept: list[object] = []  # PyAV 18 crashes when it lets go of some side data, such as a profile: nothing is let go of
_MOST_TAGS = 100  # of a stream or file
_MOST_LETTERS = 2000  # of a tag
# PyAV before 19 fails at what is not UTF-8 unless it is asked to replace it; from 19 on it escapes that, see _text
_ESCAPES = int(av.__version__.split(".")[0]) >= 19
_MOST_PACKETS = 2000  # of the picture that are read for a first frame: recordings begin in the middle of one


def _pair(value: Fraction | None) -> list[int] | None:
    return [value.numerator, value.denominator] if value else None


def _tags(tags: dict[str, str]) -> dict[str, str]:
    return {_text(name): _text(value)[:_MOST_LETTERS] for name, value in list(tags.items())[:_MOST_TAGS]}


def _text(value: str) -> str:
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _describe_stream(stream: Stream) -> dict[str, Any]:
    context = stream.codec_context
    found: dict[str, Any] = {
        "index": stream.index,
        "kind": stream.type,
        "codec": context.codec.name if context is not None else "",
        "coding": context.codec.canonical_name if context is not None else "",
        "tags": _tags(stream.metadata),
        "dispositions": [name for name in Disposition.__members__ if stream.disposition & Disposition[name]],
        "hidden": stream.discard == Discard.all,
    }
    if isinstance(stream, VideoStream) and context is not None:
        found |= {
            "width": stream.width,
            "height": stream.height,
            "pixel_format": stream.pix_fmt or "",
            "aspect": _pair(stream.sample_aspect_ratio),
            "rate": _pair(stream.average_rate),
            "matrix": stream.codec_context.colorspace,
        }
    return found


def _describe_frame(frame: VideoFrame) -> dict[str, Any]:
    side_data: list[Any] = list(frame.side_data)  # PyAV types it as a mapping
    _kept.extend((frame, side_data))
    return {
        "width": frame.width,
        "height": frame.height,
        "pixel_format": frame.format.name,
        "interlaced": frame.interlaced_frame,
        "rotation": frame.rotation,
        "range": int(frame.color_range),
        "matrix": int(frame.colorspace),
        "primaries": int(frame.color_primaries),
        "transfer": int(frame.color_trc),
        "side_data": sorted({str(data.type.name) for data in side_data}),
    }


def _decode_first(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """The first frame that can be decoded; None if the first packets have none."""
    stream.thread_type = "NONE"

    def frames() -> Iterator[VideoFrame]:
        for packet, _ in zip(container.demux(stream), range(_MOST_PACKETS), strict=False):
            with contextlib.suppress(av.FFmpegError):
                yield from packet.decode()

    return next(frames(), None)


def describe(path: str, formats: str, most_pixels: str, kind: str | None) -> dict[str, Any]:
    """Returns the properties of a file.

    Raises:
        av.FFmpegError: it cannot be read.
    """
    options = {"format_whitelist": formats, "protocol_whitelist": "file", "max_pixels": most_pixels}
    errors: dict[str, Any] = {} if _ESCAPES else {"metadata_errors": "replace"}
    with av.open(f"file:{path}", format=kind, options=options, **errors) as container:
        streams = [_describe_stream(stream) for stream in container.streams]
        stills = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
        pictures = [stream for stream in container.streams.video if not stream.disposition & stills]
        frame = _decode_first(container, pictures[0]) if pictures else None
        return {
            "container": container.format.name,
            "start": container.start_time,
            "duration": container.duration,
            "tags": _tags(container.metadata),
            "chapters": len(container.chapters()),
            "streams": streams,
            "picture": pictures[0].index if pictures else None,
            "frame": None if frame is None else _describe_frame(frame),
        }


def _bound_memory(most: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main() -> int:
    """Writes the properties of the file given on the command line; returns 1 if it cannot be read."""
    path, formats, most_pixels, most_bytes, *kind = sys.argv[1:]
    _bound_memory(int(most_bytes))
    try:
        found = describe(path, formats, most_pixels, kind[0] if kind else None)
    except (av.FFmpegError, MemoryError, ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
