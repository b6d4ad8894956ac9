"""Encodes videos with the ffmpeg program: one encoder process, and a function that writes frames as a video file.

`write_video` takes RGB frames in full range. It converts them to BT.709 in limited range and tags them so, as players
assume for H.264 and VP9.
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
from .ffmpeg import QUIET, find_ffmpeg, first_messages, pipe_input, widen_pipe
from .frames import Frame
from .matroska import begin_block, begin_matroska


class Encoder:
    """An ffmpeg process that encodes frames."""

    def __init__(self, target: Path, coding: Coding, output: Path, *, resumable: bool = True) -> None:
        """Starts the process.

        Args:
            target: the file to write, which is replaced; or STREAM for standard output.
            coding: the encoder's settings.
            output: the film that errors name.
            resumable: whether errors advise --resume.

        Raises:
            Ended: the work was cancelled.
            OutputError: ffmpeg cannot be started.
        """
        self._target, self._coding, self._output = target, coding, output
        self._resume = ", and add --resume" if resumable else ""
        self._other = "choose another --codec or format" if resumable else "choose another size or format"
        width, height = coding.size
        if coding.rate is not None:
            layout = ("rgba64le" if coding.deep else "rgba") if coding.alpha else "rgb48le" if coding.deep else "rgb24"
            form = ("-pix_fmt", layout, "-s", f"{width}x{height}")
            source = pipe_input("rawvideo", *form, "-framerate", f"{coding.rate.numerator}/{coding.rate.denominator}")
        else:
            source = pipe_input("matroska", "-probesize", "32", "-analyzeduration", "0")
        self._program = Program(
            [
                *(find_ffmpeg(), *QUIET, "-y", *source, "-fps_mode", "passthrough"),
                *(() if coding.rate else ("-enc_time_base", f"1/{MICROSECOND}")),
                *(*coding.arguments, *(("-f", coding.container) if coding.container else ())),
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
        """Encodes a frame.

        Args:
            frame: (H, W, 3), or (H, W, 4) if the coding has alpha; uint16 if the coding is deep, else uint8.
            time: timestamp in seconds from the video's first frame; ignored at a constant frame rate.

        Raises:
            OutputError: ffmpeg failed; its first messages are quoted.
            BrokenPipeError: the reader of standard output has closed it.
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
        """Ends the input and waits until everything is written.

        Raises:
            OutputError: ffmpeg failed; its first messages are quoted.
            BrokenPipeError: the reader of standard output has closed it.
            Ended: the work was cancelled.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # ffmpeg has exited
            self._process.stdin.close()
        code = self._program.wait()
        reason = first_messages(self._program.stderr)
        self._program.close()
        if code == 0:
            return
        if self._target == STREAM and ("Broken pipe" in reason or code < 0):
            raise BrokenPipeError
        remedy = f"free some space{self._resume}" if "No space left" in reason else self._other
        raise OutputError(f"{shown(self._output)}: cannot be encoded (ffmpeg: {reason}); {remedy}")

    def kill(self) -> None:
        """Ends the process at once, even while another thread waits in `finish`; its output is unusable."""
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
    """Encodes frames one at a time into a video file. The write is not atomic: pass a draft's path.

    Odd sizes are made even by repeating the last column or row, as 4:2:0 video needs even sizes.

    Args:
        path: the file, of a suffix in FILM_OUTPUTS; an existing one is replaced.
        frames: (H, W, 3) uint8, RGB.
        fps: frames per second.
        size: (width, height) of every frame, in pixels.
        crf: constant rate factor, lower is better and larger; None for the codec's default.
        on_frame: called with the number of frames encoded so far.

    Returns:
        The number of frames written.

    Raises:
        OutputError: ffmpeg failed; its first messages are quoted.
    """
    width, height = size
    rate = fps.limit_denominator(100_000)  # a rate made from a float has terms too long for ffmpeg
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
