"""Videos out through the ffmpeg program: encodes a stream of frames.

Frames are RGB as cartoons are drawn, full range. A video holds them as BT.709 in limited range, converted and tagged
so, because players take that for granted in H.264 and VP9.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError
from ..files import reason, shown
from .codecs import H264, VP9
from .ffmpeg import end_process, find_ffmpeg, first_words

_SLOW_H264 = (*H264, "-preset", "medium", "-movflags", "+faststart")
CODECS = {**dict.fromkeys((".mp4", ".m4v", ".mov", ".mkv"), _SLOW_H264), ".webm": VP9}
"""ffmpeg's encoder settings by the suffix of the file."""

QUALITY = {".mp4": 12, ".m4v": 12, ".mov": 12, ".mkv": 12, ".webm": 8}
"""The constant rate factor by suffix: low, since a cartoon's outlines show what a film's grain would hide."""


def write_video(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    fps: Fraction,
    size: tuple[int, int],
    crf: int | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> int:
    """Encodes frames into the video file `path`, one at a time; the caller puts the finished file in its place.

    Sizes that are odd are made even by repeating the last column or row, since 4:2:0 video has no odd sizes.

    Args:
        path: the file, of a suffix in CODECS; what stands there is replaced.
        frames: (H, W, 3) uint8 RGB each.
        fps: frames per second.
        size: (width, height) of every frame, in pixels.
        crf: constant rate factor, lower is better and larger; by the suffix when None.
        on_frame: called with the number of frames handed to the encoder so far.

    Returns:
        The number of frames written.

    Raises:
        OutputError: ffmpeg failed; its first words are quoted.
    """
    width, height = size
    right, below = width % 2, height % 2
    rate = fps.limit_denominator(100_000)  # a rate that came from a float has terms too long for ffmpeg
    if not rate:
        raise OutputError(f"{shown(Path(path.name))}: a video cannot be so slow; choose more frames a second")
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width + right}x{height + below}"),
        *("-framerate", f"{rate.numerator}/{rate.denominator}", "-i", "pipe:0"),
        *("-vf", _TO_BT709, *_TAGS, "-fps_mode", "passthrough"),
        *(*CODECS[path.suffix.lower()], "-crf", str(QUALITY[path.suffix.lower()] if crf is None else crf)),
        f"file:{path}",
    ]
    count = 0
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C then reaches us alone, and ffmpeg ends when we end it.
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, start_new_session=True
            )
        except OSError as error:
            raise OutputError(f"{command[0]}: ffmpeg cannot be started ({reason(error)}); install it anew") from error
        try:
            assert process.stdin is not None
            for frame in frames:
                if frame.shape != (height, width, 3):
                    raise ValueError(f"frame {count} has the shape {frame.shape}, not {(height, width, 3)}")
                if right or below:
                    frame = np.pad(frame, ((0, below), (0, right), (0, 0)), mode="edge")
                process.stdin.write(np.ascontiguousarray(frame).data)
                count += 1
                if on_frame is not None:
                    on_frame(count)
            process.stdin.close()
            process.wait()
        except BrokenPipeError:
            process.wait()  # ffmpeg has ended, and says why
        except BaseException:
            end_process(process)
            raise
        if process.returncode != 0:
            said = first_words(words)
            remedy = "free some space" if "No space left" in said else "choose another size or format"
            raise OutputError(f"{shown(Path(path.name))}: cannot be encoded (ffmpeg: {said}); {remedy}")
    return count


_TO_BT709 = (
    "scale=in_range=full:out_range=limited:out_color_matrix=bt709"
    ":flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp,format=yuv420p,"
    "setparams=range=limited:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
_TAGS = (
    *("-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
    *("-pix_fmt", "yuv420p"),
)
