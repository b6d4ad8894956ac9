"""Video in and out through the ffmpeg program that imageio-ffmpeg brings: encode a stream of frames.

Frames are RGB as cartoons are drawn, full range. A video holds them as BT.709 in limited range, converted and tagged
so, because players take that for granted in H.264 and VP9.
"""

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from .errors import OutputError

# Chroma is quantised more finely than x264 would (-8): measured on random flat colours, 99 % of them come back within
# 2 levels, and none is off by more than 3. 4:2:0 in 8 bits alone costs up to 2.
H264 = (
    *("-c:v", "libx264", "-preset", "medium", "-tune", "animation", "-x264-params", "chroma-qp-offset=-8"),
    *("-movflags", "+faststart"),
)
VP9 = ("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
CODECS = {".mp4": H264, ".m4v": H264, ".mov": H264, ".mkv": H264, ".webm": VP9}
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
        OutputError: ffmpeg failed; its last words are quoted.
    """
    width, height = size
    right, below = width % 2, height % 2
    command = [
        *(_find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width + right}x{height + below}"),
        *("-framerate", f"{fps.numerator}/{fps.denominator}", "-i", "pipe:0"),
        *("-vf", _TO_BT709, *_TAGS, "-fps_mode", "passthrough"),
        *(*CODECS[path.suffix.lower()], "-crf", str(QUALITY[path.suffix.lower()] if crf is None else crf)),
        f"file:{path}",
    ]
    count = 0
    with tempfile.TemporaryFile() as words:
        # A session of its own: Ctrl-C then reaches us alone, and ffmpeg ends when we end it.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, start_new_session=True
        )
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
        except BrokenPipeError:
            pass  # ffmpeg has ended; below it says why
        except BaseException:
            _end(process)
            raise
        if process.wait() != 0:
            raise OutputError(f"{path.name}: the video could not be encoded (ffmpeg: {_last_words(words)})")
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


def _find_ffmpeg() -> str:
    """The ffmpeg program.

    Raises:
        OutputError: there is none for this machine.
    """
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise OutputError("no ffmpeg for this machine; install one and set IMAGEIO_FFMPEG_EXE to its path") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends ffmpeg at once; what it has written is of no use."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):  # bytes that it never read
            process.stdin.close()


def _last_words(words: IO[bytes]) -> str:
    """The last lines of what ffmpeg wrote on stderr, as one line."""
    words.seek(0)
    lines = [line.strip() for line in words.read().decode(errors="replace").splitlines() if line.strip()]
    return "; ".join(lines[-2:]) or "it gave no reason"
