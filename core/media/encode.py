"""Videos out through the ffmpeg program: the one encoder of animi, and a stream of frames as a video file.

`write_video` takes frames as cartoons are drawn: RGB, full range. A video holds them as BT.709 in limited range,
converted and tagged so, because players take that for granted in H.264 and VP9.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.choices import STREAM
from ..errors import OutputError
from ..files import shown
from ..programs import Program
from .codecs import CODECS, usual_codec
from .coding import MICROSECOND, Coding
from .ffmpeg import QUIET, find_ffmpeg, first_words, read_pipe, widen_pipe
from .frames import Frame
from .matroska import begin_block, begin_matroska


class Encoder:
    """An ffmpeg that makes a video of the frames that it is given."""

    def __init__(self, target: Path, coding: Coding, output: Path, *, resumable: bool = True) -> None:
        """Starts it.

        Args:
            target: a file that is replaced, or STREAM: standard output.
            coding: how.
            output: the film that it becomes part of, as errors name it.
            resumable: errors advise --resume.

        Raises:
            Ended: the work was ended.
            OutputError: it cannot be started.
        """
        self._target, self._coding, self._output = target, coding, output
        self._resume = ", and add --resume" if resumable else ""
        self._other = "choose another --codec or format" if resumable else "choose another size or format"
        width, height = coding.size
        if coding.rate is not None:
            layout = ("rgba64le" if coding.deep else "rgba") if coding.alpha else "rgb48le" if coding.deep else "rgb24"
            form = ("-pix_fmt", layout, "-s", f"{width}x{height}")
            source = read_pipe("rawvideo", *form, "-framerate", f"{coding.rate.numerator}/{coding.rate.denominator}")
        else:
            source = read_pipe("matroska", "-probesize", "32", "-analyzeduration", "0")
        self._program = Program(
            [
                *(find_ffmpeg(), *QUIET, "-y", *source, "-fps_mode", "passthrough"),
                *(() if coding.rate else ("-enc_time_base", f"1/{MICROSECOND}")),
                *(*coding.words, *(("-f", coding.container) if coding.container else ())),
                "pipe:1" if target == STREAM else f"file:{target}",
            ],
            stdin=PIPE,
            stdout=None if target == STREAM else DEVNULL,
        )
        assert self._process.stdin is not None
        widen_pipe(self._process.stdin)
        if coding.rate is None:
            self._send(begin_matroska(width, height, coding))

    @property
    def _process(self) -> Popen[bytes]:
        return self._program.process

    def write(self, frame: Frame, time: Fraction) -> None:
        """Hands a frame on.

        Args:
            frame: (H, W, 3) uint8, or uint16 where the coding is deep; (H, W, 4) where it has alpha.
            time: seconds since the video's first frame; of account only where the rate varies.

        Raises:
            OutputError: ffmpeg failed; its first words are quoted.
            BrokenPipeError: whoever reads standard output has had enough.
        """
        width, height = self._coding.size
        right, below = width - frame.shape[1], height - frame.shape[0]
        if right or below:
            frame = np.asarray(cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE), frame.dtype)
        if self._coding.rate is None:
            self._send(begin_block(round(time * MICROSECOND), frame.nbytes))
        self._send(np.ascontiguousarray(frame).data)

    def _send(self, data: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
        except BrokenPipeError:
            self.finish()
            advice = "add --resume" if self._resume else "free some memory, and run the command again"
            raise OutputError(f"{shown(self._output)}: ffmpeg has ended before its time; {advice}") from None

    def finish(self) -> None:
        """Waits until all is written.

        Raises:
            OutputError: ffmpeg failed; its first words are quoted.
            BrokenPipeError: whoever reads standard output has had enough.
            Ended: the work was ended.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # ended, or killed at this moment
            self._process.stdin.close()
        code = self._program.wait()
        said = first_words(self._program.words)
        self._program.close()
        if code == 0:
            return
        if self._target == STREAM and ("Broken pipe" in said or code < 0):
            raise BrokenPipeError
        remedy = f"free some space{self._resume}" if "No space left" in said else self._other
        raise OutputError(f"{shown(self._output)}: cannot be encoded (ffmpeg: {said}); {remedy}")

    def kill(self) -> None:
        """Ends it at once, also while another thread waits in `finish`; what it has written is of no use."""
        self._program.close()


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
        path: the file, of a suffix in FILM_OUTPUTS; what stands there is replaced.
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
    rate = fps.limit_denominator(100_000)  # a rate that came from a float has terms too long for ffmpeg
    if not rate:
        raise OutputError(f"{shown(Path(path.name))}: a video cannot be so slow; choose more frames a second")
    codec = CODECS[usual_codec(path.suffix)]
    quality = ("-crf", str(codec.drawn_crf if crf is None else crf))
    words = ("-vf", _TO_BT709, *_TAGS, *codec.drawn, *quality)
    coding = Coding(width, height, False, rate, rate, "", words, padded=True, depth=8)
    count = 0
    encoder = Encoder(path, coding, Path(path.name), resumable=False)
    try:
        for frame in frames:
            if frame.shape != (height, width, 3):
                raise ValueError(f"frame {count} has the shape {frame.shape}, not {(height, width, 3)}")
            encoder.write(frame, Fraction(0))
            count += 1
            if on_frame is not None:
                on_frame(count)
        encoder.finish()
    finally:
        encoder.kill()
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
