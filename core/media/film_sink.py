"""Films out: frames to an encoder in a thread of its own, in segments that survive a kill, joined by copying packets.

A film that takes hours is encoded in segments of a few hundred frames, each a file of its own beside the output. A
segment appears under its name when it is whole, so that an interrupted run loses no more than those at hand. At the
end they are joined with the audio, the subtitles and everything else of the old film. Encoders give the same bytes for
the same frames, and so a run that was interrupted ends with the same file as one that was not.
"""

import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..config.choices import STREAM
from ..errors import OutputError
from ..files import reason, shown
from .codecs import MICROSECOND, Coding, choose_timescale
from .ffmpeg import find_ffmpeg, first_words, widen_pipe
from .film_source import Film, Stream
from .frames import Frame
from .matroska import begin_block, begin_matroska

SEGMENT = 240
"""Frames of a segment: what an interruption loses at most, beside those in the encoder."""
_WAITING = 8  # frames that may wait for the encoder
_SHORT = Fraction(1, 2000)  # seconds; less than half of the shortest frame


class Encoder:
    """An ffmpeg that makes a video of the frames that it is given."""

    def __init__(self, target: Path, coding: Coding, output: Path) -> None:
        """Starts it.

        Args:
            target: a file that is replaced, or STREAM: standard output.
            coding: how.
            output: the film that it becomes part of, as errors name it.

        Raises:
            OutputError: it cannot be started.
        """
        self._target, self._coding, self._output = target, coding, output
        width, height = coding.size
        if coding.rate is not None:
            source = [
                *("-f", "rawvideo", "-pix_fmt", "rgb48le" if coding.deep else "rgb24", "-s", f"{width}x{height}"),
                *("-framerate", f"{coding.rate.numerator}/{coding.rate.denominator}"),
            ]
        else:
            source = ["-probesize", "32", "-analyzeduration", "0", "-f", "matroska"]
        command = [
            *(find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *source, "-i", "pipe:0"),
            *("-fps_mode", "passthrough", *(() if coding.rate else ("-enc_time_base", f"1/{MICROSECOND}"))),
            *(*coding.words, "-f", coding.container, "pipe:1" if target == STREAM else f"file:{target}"),
        ]
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the encoder has ended)
        try:
            # a session of its own: Ctrl-C then reaches us alone, and ffmpeg ends when we end it
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=None if target == STREAM else subprocess.DEVNULL,
                stderr=self._words,
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(f"{command[0]}: ffmpeg cannot be started ({reason(error)}); install it anew") from error
        assert self._process.stdin is not None
        widen_pipe(self._process.stdin)
        if coding.rate is None:
            self._send(begin_matroska(width, height, coding))

    def write(self, frame: Frame, time: Fraction) -> None:
        """Hands a frame on.

        Args:
            frame: (H, W, 3) uint8, or uint16 where the coding is deep.
            time: seconds since the video's first frame; of account only where the rate varies.
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
            raise OutputError(f"{shown(self._output)}: ffmpeg has ended before its time; add --resume") from None

    def finish(self) -> None:
        """Waits until all is written.

        Raises:
            OutputError: ffmpeg failed; its first words are quoted.
            BrokenPipeError: whoever reads standard output has had enough.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # ended, or killed at this moment
            self._process.stdin.close()
        self._process.wait()
        with self._words as words:
            if self._process.returncode == 0:
                return
            said = first_words(words)
        if self._target == STREAM and ("Broken pipe" in said or self._process.returncode < 0):
            raise BrokenPipeError
        full = "No space left" in said
        remedy = "free some space, and add --resume" if full else "choose another --codec or format"
        raise OutputError(f"{shown(self._output)}: cannot be encoded (ffmpeg: {said}); {remedy}")

    def kill(self) -> None:
        """Ends it at once, also while another thread waits in `finish`; what it has written is of no use."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        for file in (self._process.stdin, self._words):
            with suppress(OSError, ValueError):  # `finish` may be closing it at this moment
                file.close()


class FilmWriter:
    """Hands frames to encoders in a thread of its own, so that drawing does not wait for encoding.

    Use it as a context: what is unfinished when it ends with an error is thrown away.
    """

    def __init__(
        self, coding: Coding, folder: Path | None, output: Path, answer: Callable[[], None] = lambda: None
    ) -> None:
        """Begins to write.

        Args:
            coding: how frames are encoded.
            folder: where segments lie and are put; None: all goes to standard output.
            output: the film, as errors name it.
            answer: called now and then while the context waits for encoders; what it raises ends the wait.
        """
        self._coding = coding
        self._output = output
        self._answer = answer
        self._folder = folder
        self._queue: queue.Queue[tuple[int, Fraction, Frame] | None] = queue.Queue(_WAITING)
        self._failed: BaseException | None = None
        self._stopped = threading.Event()
        self._open: dict[Encoder, Path] = {}
        self._finishing = ThreadPoolExecutor(1)
        self._parts = count()
        self.done = frozenset() if folder is None else frozenset(_find_segments(folder))
        """Segments that stood there already, by number."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def has(self, number: int) -> bool:
        """Whether frame `number` is written already."""
        return number // SEGMENT in self.done

    def put(self, number: int, time: Fraction, frame: Frame) -> None:
        """Takes frame `number`, which is shown at `time`; frames come in order, but for those that are there.

        Raises:
            OutputError: an earlier frame could not be encoded.
            BrokenPipeError: whoever reads standard output has had enough.
        """
        self._hand_on((number, time, frame))

    def _hand_on(self, item: tuple[int, Fraction, Frame] | None) -> None:
        while True:
            self._answer()
            self._raise()
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.2)
                return

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def __enter__(self) -> "FilmWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        try:
            if error is None:
                self._wait()
        finally:
            self._clear()
        if error is None:
            self._raise()

    def _wait(self) -> None:
        """Waits until every frame is encoded, or something has failed."""
        self._hand_on(None)
        while self._thread.is_alive():
            self._answer()
            self._thread.join(0.2)

    def _clear(self) -> None:
        """Throws away what is unfinished, which is nothing where all went well."""
        self._stopped.set()
        self._kill()  # the thread may wait for an encoder
        self._thread.join()
        self._kill()  # one that was being started
        self._finishing.shutdown()
        for part in self._open.values():
            if part != STREAM:
                part.unlink(missing_ok=True)

    def _kill(self) -> None:
        for encoder in list(self._open):
            encoder.kill()

    def _work(self) -> None:
        """The thread: goes from segment to segment while frames come."""
        encoder: Encoder | None = None
        segment = -1
        origin = Fraction(0)
        part: Path = STREAM
        finishing: list[Future[None]] = []
        try:
            while not self._stopped.is_set():
                try:
                    item = self._queue.get(timeout=0.2)
                except queue.Empty:
                    continue
                due = segment if item is None or self._folder is None else item[0] // SEGMENT
                if encoder is not None and (item is None or due != segment) and (self._folder or item is None):
                    finishing.append(self._finishing.submit(self._finish, encoder, part, segment))
                    encoder = None
                if item is None:
                    for each in finishing:
                        each.result()
                    return
                if encoder is None:
                    while len(finishing) > 1:
                        finishing.pop(0).result()
                    segment, origin = due, item[1]
                    part = STREAM
                    if self._folder is not None:
                        part = self._folder / f"{segment:06d}.{os.getpid()}-{next(self._parts)}.part"
                    encoder = Encoder(part, self._coding, self._output)
                    self._open[encoder] = part
                encoder.write(item[2], item[1] - origin)
        except BaseException as error:
            if not self._stopped.is_set():
                self._failed = error

    def _finish(self, encoder: Encoder, part: Path, segment: int) -> None:
        encoder.finish()
        if self._folder is not None:
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(name_segment(self._folder, segment))
        del self._open[encoder]


def name_segment(folder: Path, number: int) -> Path:
    """Where a segment lies when it is whole."""
    return folder / f"{number:06d}.segment"


def _find_segments(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob("*.segment") if path.stem.isdecimal())


@dataclass(frozen=True)
class Kept:
    """A stream of the old film that goes into the new one; `recoded` is what it becomes, or None where it is copied."""

    stream: Stream
    recoded: str | None = None


_SUBTITLES = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".mkv": "srt", ".webm": "webvtt"}


def choose_streams(film: Film, output: Path, folder: Path) -> tuple[list[Kept], list[str]]:
    """Finds out, before any work, which of a film's other streams the new file can hold, by trying it.

    Args:
        film: the old film.
        output: the new one, by whose suffix its kind is known.
        folder: a place for trials.

    Returns:
        The streams, and notes on those that change or are left out.

    Raises:
        OutputError: the file cannot hold the audio.
    """
    suffix = output.suffix.lower()
    wanted = [Kept(stream) for stream in film.streams]
    if not wanted or _can_hold(film, wanted, suffix, folder):
        return wanted, []
    kept: list[Kept] = []
    notes = []
    for stream in film.streams:
        named = f"{stream.kind} {stream.index} ({stream.codec})"
        recoded = Kept(stream, _SUBTITLES[suffix])
        if _can_hold(film, [Kept(stream)], suffix, folder):
            kept.append(Kept(stream))
        elif stream.kind == "audio":
            raise OutputError(
                f"{shown(output)}: a {suffix} cannot hold the film's {named}; name the output .mkv or .mov"
            )
        elif stream.kind == "subtitle" and _can_hold(film, [recoded], suffix, folder):
            kept.append(recoded)
            notes.append(f"{named} is written as {recoded.recoded}, which a {suffix} can hold")
        else:
            notes.append(f"{named} cannot be held by a {suffix} and is left out; name the output .mkv to keep it")
    return kept, notes


def _can_hold(film: Film, streams: Sequence[Kept], suffix: str, folder: Path) -> bool:
    trial = folder / f"trial{suffix}"
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-i", f"file:{film.path}"),
        *(*_map_streams(streams, 0, 0), "-t", "1", f"file:{trial}"),
    ]
    try:
        return subprocess.run(command, capture_output=True, check=False, start_new_session=True).returncode == 0
    finally:
        trial.unlink(missing_ok=True)


def _map_streams(streams: Sequence[Kept], source: int, before: int) -> list[str]:
    """Ffmpeg's words that take streams from its input number `source`, after `before` other streams."""
    words = ["-c", "copy"]
    for number, kept in enumerate(streams, before):
        words += ("-map", f"{source}:{kept.stream.index}")
        if kept.recoded is not None:
            words += (f"-c:{number}", kept.recoded)
        if kept.stream.kind == "cover":
            words += (f"-disposition:{number}", "attached_pic")
    return words


def join_segments(
    film: Film,
    streams: Sequence[Kept],
    folder: Path,
    draft: Path,
    *,
    starts: Sequence[Fraction],
    last: Fraction,
    end: Fraction,
    coding: Coding,
    start: float,
    length: float | None,
) -> None:
    """Puts segments together with the old film's other streams; nothing is encoded anew.

    Args:
        film: the old film.
        streams: what is taken of it.
        folder: where segments lie.
        draft: the file to write.
        starts: when each segment's first frame is shown, in seconds of the old film.
        last: when the last frame is shown, likewise.
        end: when it has been shown, so that the film is as long as the old one.
        coding: how segments were encoded.
        start: seconds of the old film that were left out at its beginning.
        length: seconds that were made of it; None: all.

    Raises:
        OutputError: ffmpeg failed, or the disk is full.
    """
    lines = ["ffconcat version 1.0"]
    for number, begin in enumerate(starts):
        until = starts[number + 1] if number + 1 < len(starts) else end
        microseconds = round(until * MICROSECOND) - round(begin * MICROSECOND)
        lines += [f"file {name_segment(folder, number).name}", f"duration {microseconds}us"]
    script = folder / "segments.txt"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    offset = starts[0] - Fraction(start).limit_denominator(MICROSECOND)
    cut = (*(("-ss", f"{start:.6f}") if start else ()), *(() if length is None else ("-t", f"{length:.6f}")))
    command = [
        *(find_ffmpeg(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *("-itsoffset", f"{float(offset):.6f}", "-f", "concat", "-safe", "0", "-i", f"file:{script}"),
        *((*cut, "-i", f"file:{film.path}", "-map", "0:v:0") if film.path != STREAM else ("-map", "0:v:0")),
        *_map_streams(streams, 1, 1),
        *(("-copypriorss", "0") if start else ()),  # else sound begins where the film was sought, before the range
    ]
    if film.path != STREAM:
        command += ["-map_metadata", "1", "-map_chapters", "1", "-map_metadata:s:0", f"1:s:{film.picture}"]
    # packets know how long they last from the encoder, and the last frame may be cut short
    ends = f"if(gte(PTS*TB,{float(last - starts[0] + offset - _SHORT):.7f}),{float(end - last):.7f}/TB,DURATION)"
    command += ["-fflags", "+bitexact", "-bsf:v:0", f"setts=pts=PTS:dts=DTS:duration='{ends}'"]
    if draft.suffix.lower() in (".mp4", ".m4v", ".mov"):
        command += ["-movflags", "+faststart", "-video_track_timescale", str(choose_timescale(coding.rate))]
    command.append(f"file:{draft}")
    with tempfile.TemporaryFile() as words:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=words, check=False, start_new_session=True)
        if done.returncode != 0:
            said = first_words(words)
            remedy = "free some space" if "No space left" in said else "name the output .mkv"
            raise OutputError(
                f"{shown(Path(draft.name))}: cannot be put together (ffmpeg: {said}); {remedy}, and add --resume"
            )
