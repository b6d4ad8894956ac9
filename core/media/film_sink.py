"""Films out: frames to an encoder in a thread of its own, in segments that survive a kill, joined by copying packets.

A film that takes hours is encoded in segments of a few hundred frames, each a file of its own beside the output. A
segment appears under its name when it is whole, so that an interrupted run loses no more than those at hand. At the
end they are joined with the audio, the subtitles and everything else of the old film. Encoders give the same bytes for
the same frames, and so a run that was interrupted ends with the same file as one that was not.
"""

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path

from ..config.choices import STREAM
from ..errors import OutputError
from ..files import shown, write_text
from ..programs import Program, Programs, current_work, within
from .coding import MICROSECOND, Coding, choose_timescale
from .encode import Encoder
from .ffmpeg import QUIET, ask, find_ffmpeg, first_words, read_file, read_list
from .film_segments import Segment, count_packets, find_segments, keep_segment, name_segment
from .film_source import Film, Stream
from .frames import Frame
from .webp import is_webp

SEGMENT = 240
"""Frames of a segment: what an interruption loses at most, beside those in the encoder."""
LIST = "segments.txt"
"""The file that names segments in order, for ffmpeg."""
_WAITING = 8  # frames that may wait for the encoder
_SHORT = Fraction(1, 2000)  # seconds; less than half of the shortest frame


class FilmWriter:
    """Hands frames to encoders in a thread of its own, so that drawing does not wait for encoding.

    Use it as a context: what is unfinished when it ends with an error is thrown away.
    """

    def __init__(
        self,
        coding: Coding,
        folder: Path | None,
        output: Path,
        answer: Callable[[], None] = lambda: None,
        *,
        job: str = "",
    ) -> None:
        """Begins to write.

        Args:
            coding: how frames are encoded.
            folder: where segments lie and are put; None: all goes to standard output.
            output: the film, as errors name it.
            answer: called now and then while the context waits for encoders; what it raises ends the wait.
            job: what segments depend on, in a word; those of another job are not taken.
        """
        self.segments: dict[int, Segment] = {}
        """Segments that are whole, by number; at the end, all."""
        self.damaged: list[int] = []
        """Numbers of segments that an earlier run had made and that are not as it made them: they are made anew."""
        if folder is not None:
            self.segments, self.damaged = find_segments(folder, job, answer)
        self.done = frozenset(self.segments)
        """Segments that stood there already, by number."""
        self._job = job
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
        self._programs = Programs(current_work())
        self._thread = threading.Thread(target=within(self._programs, self._work), daemon=True)
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
        self._programs.close()  # the thread may wait for one of them; no more are started
        self._thread.join()
        self._finishing.shutdown()
        for encoder, part in self._open.items():
            encoder.kill()
            if part != STREAM:
                part.unlink(missing_ok=True)

    def _work(self) -> None:
        """The thread: goes from segment to segment while frames come."""
        encoder: Encoder | None = None
        segment, frames = -1, 0
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
                    finish = partial(self._finish, encoder, part, segment, frames)
                    finishing.append(self._finishing.submit(within(self._programs, finish)))
                    encoder = None
                if item is None:
                    for each in finishing:
                        each.result()
                    return
                if encoder is None:
                    while len(finishing) > 1:
                        finishing.pop(0).result()
                    segment, origin, frames = due, item[1], 0
                    part = STREAM
                    if self._folder is not None:
                        part = self._folder / f"{segment:06d}.{os.getpid()}-{next(self._parts)}.part"
                    encoder = Encoder(part, self._coding, self._output)
                    self._open[encoder] = part
                encoder.write(item[2], item[1] - origin)
                frames += 1
        except BaseException as error:
            if not self._stopped.is_set():
                self._failed = error

    def _finish(self, encoder: Encoder, part: Path, number: int, frames: int) -> None:
        encoder.finish()
        if self._folder is not None:
            found = count_packets(part, self._output)
            if found != frames:
                raise OutputError(
                    f"{shown(self._output)}: the encoder has kept {found} of {frames} frames; choose another --codec"
                )
            self.segments[number] = keep_segment(part, self._folder, number, frames, self._job)
        del self._open[encoder]


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
    trial.unlink(missing_ok=True)  # ffmpeg would write through a link
    copied = (*read_file(film.path), *_map_streams(streams, 0, 0), "-t", "1", f"file:{trial}")
    try:
        return ask((*QUIET, "-y", *copied), film.path).code == 0
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
    output: Path,
    *,
    segments: Mapping[int, Segment],
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
        output: the film that it becomes, as errors name it.
        segments: what is known of them, by number.
        starts: when each segment's first frame is shown, in seconds of the old film.
        last: when the last frame is shown, likewise.
        end: when it has been shown, so that the film is as long as the old one.
        coding: how segments were encoded.
        start: seconds of the old film that were left out at its beginning.
        length: seconds that were made of it; None: all.

    Raises:
        OutputError: ffmpeg failed, the disk is full, or the file does not hold every frame.
    """
    lines = ["ffconcat version 1.0"]
    for number, begin in enumerate(starts):
        until = starts[number + 1] if number + 1 < len(starts) else end
        microseconds = round(until * MICROSECOND) - round(begin * MICROSECOND)
        lines += [f"file {name_segment(folder, number).name}", f"duration {microseconds}us"]
    write_text(folder / LIST, "\n".join(lines) + "\n")
    draft.unlink(missing_ok=True)  # ffmpeg would write through a link
    offset = starts[0] - Fraction(start).limit_denominator(MICROSECOND)
    beside = film.path != STREAM and not is_webp(film.path)  # what else is in the old film; Pillow reads WebP
    cut = (*(("-ss", f"{start:.6f}") if start else ()), *(() if length is None else ("-t", f"{length:.6f}")))
    command = [
        *(find_ffmpeg(), *QUIET, "-y", "-itsoffset", f"{float(offset):.6f}", *read_list(LIST, ("mov", "matroska"))),
        *((*cut, *read_file(film.path.absolute())) if beside else ()),
        *("-map", "0:v:0", *_map_streams(streams, 1, 1)),
        *(("-copypriorss", "0") if start else ()),  # else sound begins where the film was sought, before the range
    ]
    if beside:
        command += ["-map_metadata", "1", "-map_chapters", "1", "-map_metadata:s:0", f"1:s:{film.picture}"]
    # packets know how long they last from the encoder, and the last frame may be cut short
    ends = f"if(gte(PTS*TB,{float(last - starts[0] + offset - _SHORT):.7f}),{float(end - last):.7f}/TB,DURATION)"
    command += ["-fflags", "+bitexact", "-bsf:v:0", f"setts=pts=PTS:dts=DTS:duration='{ends}'"]
    if draft.suffix.lower() in (".mp4", ".m4v", ".mov"):
        command += ["-movflags", "+faststart", "-video_track_timescale", str(choose_timescale(coding.rate))]
    command.append(f"file:{draft.absolute()}")
    with Program(command, cwd=folder) as program:
        code = program.wait()
        said = first_words(program.words)
    if code != 0:
        remedy = "free some space" if "No space left" in said else "name the output .mkv"
        raise OutputError(f"{shown(output)}: cannot be put together (ffmpeg: {said}); {remedy}, and add --resume")
    frames, found = sum(segments[number].frames for number in range(len(starts))), count_packets(draft, output)
    if found != frames:
        raise OutputError(
            f"{shown(output)}: {found} of {frames} frames were in it when it was put together, so it was thrown away; "
            "what was drawn is kept: add --resume to try again"
        )
