"""Writes films: encodes segments in a thread, which survive a crash, and joins them by copying packets.

A film that takes hours is encoded in segments of a few hundred frames, each a file of its own in a folder. A segment
gets its name when it is complete, so that an interrupted run loses only those in progress. At the end they are joined
with the source film's audio, subtitles and other streams. Encoders are deterministic, so an interrupted
and resumed run ends with the same file as an uninterrupted one.
"""

import os
import queue
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from ..config.choices import STREAM
from ..errors import InputError, OutputError
from ..files import shown, write_text
from ..programs import Program, Programs, current_work, within
from .coding import MICROSECOND, Coding, choose_timescale
from .encode import Encoder
from .ffmpeg import QUIET, discard_others, file_input, find_ffmpeg, first_messages, list_input, run_ffmpeg
from .film_segments import Segment, count_packets, keep_segment, name_segment
from .film_source import Film
from .frames import Frame
from .probe import Stream, probe_film

LIST = "segments.txt"
"""ffmpeg's concat list of the segments."""
_WAITING = 8  # largest number of frames in the encoder's queue
_SHORT = Fraction(1, 2000)  # seconds; less than half of the shortest frame


class FilmWriter:
    """Encodes frames in a thread, so that drawing does not wait for encoding.

    Use it as a context manager: if it ends with an error, incomplete segments are removed.
    """

    def __init__(
        self,
        coding: Coding,
        folder: Path | None,
        output: Path,
        on_wait: Callable[[], None] = lambda: None,
        *,
        job: str = "",
        made: str = "",
        known: Mapping[int, Segment] | None = None,
    ) -> None:
        """Starts the thread.

        Args:
            coding: how frames are encoded.
            folder: the segments' folder; None writes everything to standard output.
            output: the film that errors name.
            on_wait: called regularly while the context waits for encoders; an exception that it raises ends the wait.
            job: hash of everything that segments depend on.
            made: what the segments are made on, for their records.
            known: segments that are complete already.
        """
        self.segments: dict[int, Segment] = dict(known or {})
        """Complete segments, by number; at the end, all."""
        self._job, self._made = job, made
        self._coding = coding
        self._output = output
        self._on_wait = on_wait
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

    def put(self, segment: int, time: Fraction, frame: Frame) -> None:
        """Queues a frame of a segment with its timestamp in seconds; the frames of a segment come together, in order.

        Raises:
            OutputError: an earlier frame could not be encoded.
            BrokenPipeError: the reader of standard output has closed it.
        """
        self._hand_on((segment, time, frame))

    def _hand_on(self, item: tuple[int, Fraction, Frame] | None) -> None:
        while True:
            self._on_wait()
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
        """Waits until every frame is encoded, or an error occurs."""
        self._hand_on(None)
        while self._thread.is_alive():
            self._on_wait()
            self._thread.join(0.2)

    def _clear(self) -> None:
        """Stops the thread and removes incomplete segments."""
        self._stopped.set()
        self._programs.close()  # the thread may be waiting for one of them; no more are started
        self._thread.join()
        self._finishing.shutdown()
        for encoder, part in self._open.items():
            encoder.kill()
            if part != STREAM:
                part.unlink(missing_ok=True)

    def _work(self) -> None:
        """The thread's function: encodes queued frames, segment by segment."""
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
                due = segment if item is None or self._folder is None else item[0]
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
            self.segments[number] = keep_segment(part, self._folder, number, frames, self._job, self._made)
        del self._open[encoder]


@dataclass(frozen=True)
class Kept:
    """A stream of the source film that is kept: copied, or converted to the codec `recoded`."""

    stream: Stream
    recoded: str | None = None

    @property
    def name(self) -> str:
        """Its name in notes and errors."""
        codec = self.stream.codec or self.stream.tags.get("filename") or "of an unknown kind"
        return f"{self.stream.kind} {self.stream.index} ({codec})"


_SUBTITLES = {".mp4": "mov_text", ".m4v": "mov_text", ".mov": "mov_text", ".mkv": "srt", ".webm": "webvtt"}
_MPEG_4 = (".mp4", ".m4v", ".mov")
_TRIAL = "trial"  # stem of the trial's files: a film, a list and a frame
_COVERS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
_MEASURED = re.compile(
    r"(BPS|DURATION|NUMBER_OF_FRAMES|NUMBER_OF_BYTES|_STATISTICS_\w+|SOURCE_ID)(-\w+)?|ENCODER|ENCODER_OPTIONS|"
    r"vendor_id|alpha_mode|rotate|major_brand|minor_version|compatible_brands",
    re.IGNORECASE,
)
"""Tags of a video stream that describe its old encoding."""


def choose_streams(
    film: Film, coding: Coding, output: Path, folder: Path, *, start: float
) -> tuple[list[Kept], list[str]]:
    """Finds out by a trial, before any work, which of a film's other streams the output can hold.

    The trial film is joined as the output will be, from one frame and the first second of the source film. Then it is
    probed, to note what streams lose.

    Args:
        film: the source film.
        coding: how frames are encoded.
        output: the output, whose suffix decides its format.
        folder: a folder for the trial's files.
        start: seconds of the source film that are skipped at the beginning.

    Returns:
        The streams to keep, and notes on those that change or are dropped.

    Raises:
        OutputError: the output's format cannot hold the audio, or a frame cannot be encoded.
    """
    suffix = output.suffix.lower()
    wanted = [Kept(stream) for stream in film.streams if stream.kind != "data"]
    notes = _note_data(film, suffix)
    if not wanted:
        return [], notes
    frame = np.zeros((film.height, film.width, 4 if coding.alpha else 3), np.uint16 if film.deep else np.uint8)
    segment = folder / f"{_TRIAL}.frame"
    segment.unlink(missing_ok=True)  # ffmpeg would write through a link
    try:
        encoder = Encoder(segment, coding, output)
        try:
            encoder.write(frame, Fraction(0))
            encoder.finish()
        finally:
            encoder.kill()
        for cover in wanted:
            if cover.stream.kind == "cover" and suffix == ".mkv":
                _take_out_cover(film, cover.stream, folder)
        kept = wanted
        tried = _try(film, wanted, coding, suffix, folder, start)
        if tried is None:
            kept = _choose_one_by_one(film, wanted, coding, output, folder, start, notes)
            tried = _try(film, kept, coding, suffix, folder, start)
        if tried is None:  # each stream works alone, but not all together
            raise OutputError(f"{shown(output)}: cannot hold what is in the film; name the output .mkv")
        notes += _note_losses(kept, tried, suffix)
        return kept, notes
    finally:
        for path in folder.glob(f"{_TRIAL}.*"):
            path.unlink()


def _choose_one_by_one(
    film: Film, wanted: Sequence[Kept], coding: Coding, output: Path, folder: Path, start: float, notes: list[str]
) -> list[Kept]:
    suffix = output.suffix.lower()
    kept: list[Kept] = []
    for each in wanted:
        stream = each.stream
        recoded = Kept(stream, _SUBTITLES[suffix])
        if _try(film, [each], coding, suffix, folder, start) is not None:
            kept.append(each)
        elif stream.kind == "audio":
            raise OutputError(f"{shown(output)}: a {suffix} cannot hold the film's {each.name}; name the output .mkv")
        elif stream.kind == "subtitle" and _try(film, [recoded], coding, suffix, folder, start) is not None:
            kept.append(recoded)
            notes.append(f"{each.name} is written as {recoded.recoded}, which a {suffix} can hold")
        else:
            notes.append(f"{each.name} cannot be held by a {suffix} and is left out; name the output .mkv to keep it")
    return kept


def _note_data(film: Film, suffix: str) -> list[str]:
    """Notes on data streams that are dropped; timecodes are not, as they are written again from the video's tags."""
    names = [
        Kept(stream).name
        for stream in film.streams
        if stream.kind == "data" and not ("timecode" in stream.tags and suffix in _MPEG_4)
    ]
    return [f"{', '.join(names)} cannot be held by a {suffix} and is left out"] if names else []


def _try(
    film: Film, streams: Sequence[Kept], coding: Coding, suffix: str, folder: Path, start: float
) -> tuple[Stream, ...] | None:
    """Joins a short film; returns its streams apart from the video, or None if it fails."""
    trial = folder / f"{_TRIAL}{suffix}"
    trial.unlink(missing_ok=True)  # ffmpeg would write through a link
    (folder / f"{_TRIAL}.txt").write_text(f"ffconcat version 1.0\nfile {_TRIAL}.frame\n", encoding="utf-8")
    command = [
        *(*QUIET, "-y", *list_input(f"{_TRIAL}.txt", ("mov", "matroska"))),
        *(*_cut(start, 1.0), *file_input(film.path.absolute())),
        *_put_together(film, streams, coding, suffix, start),
        *(f"file:{trial.name}", *discard_others(_container(film), 1, "V:0")),
    ]
    if run_ffmpeg(command, film.path, cwd=folder).code != 0:
        return None
    try:
        return probe_film(trial).beside
    except InputError:
        return None


def _note_losses(kept: Sequence[Kept], tried: Sequence[Stream], suffix: str) -> list[str]:
    """Notes on what kept streams lose: language, title, file name, or dispositions."""
    found = [stream for stream in tried if stream.kind != "data"]
    places = {"attachment": 1, "cover": 2}  # these come after all others in the output
    order = sorted(kept, key=lambda each: places.get(each.stream.kind, 0))
    lost = []
    for each, now in zip(order, found, strict=False):
        for tag in ("language", "title", "filename"):
            before = each.stream.tags.get(tag, "")
            names = [now.tags.get(tag), now.tags.get("name") if tag == "title" else None]  # MPEG-4's tag for a title
            if before not in ("", "und", *names) and each.stream.kind != "cover":
                lost.append(f"the {tag} of {each.name}")
        uses = [use for use in each.stream.dispositions if use not in now.dispositions]
        lost += [f"that {each.name} is {use.replace('_', ' ')}" for use in uses]
    lost += [each.name for each in order[len(found) :]]
    return [f"a {suffix} does not keep {', '.join(lost)}; name the output .mkv to keep it"] if lost else []


def _take_out_cover(film: Film, cover: Stream, folder: Path) -> None:
    """Extracts a cover image to a file, as Matroska stores covers as attachments."""
    path = folder / _name_cover(cover)
    path.unlink(missing_ok=True)  # ffmpeg would write through a link
    copied = ("-map", f"0:{cover.index}", "-c", "copy", "-frames:v", "1", "-f", "data", f"file:{path}")
    run_ffmpeg((*QUIET, "-y", *file_input(film.path), *copied), film.path)


def _name_cover(cover: Stream) -> str:
    return f"cover{cover.index}.{_COVERS.get(cover.codec, ('bin', ''))[0]}"


def _container(film: Film) -> str | None:
    """FFmpeg's name of a film's format; None for an animated WebP and for a stream."""
    return None if film.file is None else film.file.container


def _cut(start: float, length: float | None) -> list[str]:
    """Ffmpeg's arguments, before an input, to read only part of it."""
    first = ["-ss", f"{start:.6f}"] if start else []
    return first if length is None else [*first, "-t", f"{length:.6f}"]


def _put_together(
    film: Film, streams: Sequence[Kept], coding: Coding, suffix: str, start: float, *, chapters: bool = True
) -> list[str]:
    """Ffmpeg's arguments that join the segments (input 0) and the source film's streams (input 1).

    Copied streams keep their tags as long as no tag is mapped explicitly.
    """
    attached = [each for each in streams if each.stream.kind == "cover" and suffix == ".mkv"]
    mapped = [each for each in streams if each not in attached]
    words = ["-map", "0:v:0"]
    for each in mapped:
        words += ("-map", f"1:{each.stream.index}")
    words += ("-c", "copy")
    for number, each in enumerate(mapped, 1):
        if each.recoded is not None:
            words += (f"-c:{number}", each.recoded)
    fonts = sum(each.stream.kind == "attachment" for each in mapped)
    for number, each in enumerate(attached, fonts):
        kind = _COVERS.get(each.stream.codec, ("bin", "application/octet-stream"))[1]
        named = each.stream.tags.get("filename") or f"cover.{_name_cover(each.stream).partition('.')[2]}"
        words += ("-attach", f"file:{_name_cover(each.stream)}", f"-metadata:s:t:{number}", f"mimetype={kind}")
        words += (f"-metadata:s:t:{number}", f"filename={named}")
    words += ("-metadata:s:0", "handler_name=")  # of the segments
    if film.file is not None:
        for tag, value in film.file.tags.items():
            if not _MEASURED.fullmatch(tag):
                words += ("-metadata:s:0", f"{tag}={value}")
        for number, uses in enumerate((film.file.dispositions, *(each.stream.dispositions for each in mapped))):
            words += (f"-disposition:{number}", "+".join(uses) or "0")
        words += ("-map_metadata", "1", "-map_chapters", "1" if chapters else "-1")
        words += ("-copypriorss", "0") if start else ()  # else sound begins where the film was sought, before the range
    words += ("-fflags", "+bitexact")
    if suffix in _MPEG_4:
        words += ("-movflags", "+faststart", "-video_track_timescale", str(choose_timescale(coding.rate)))
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
    chapters: bool = True,
) -> None:
    """Joins segments and the source film's other streams, without encoding again.

    Args:
        film: the source film.
        streams: its streams to keep.
        folder: the segments' folder.
        draft: the file to write.
        output: the film that errors name.
        segments: the segments' records, by number.
        starts: timestamp of each segment's first frame, in seconds of the source film.
        last: timestamp of the last frame, in seconds of the source film.
        end: end of the last frame, so that the film is as long as its source.
        coding: how segments were encoded.
        start: seconds of the source film that were skipped at the beginning.
        length: seconds of the source film that were used; None for all.
        chapters: whether its chapters are still where they were.

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
    beside = film.file is not None
    # packets have their duration from the encoder, but the last frame may be shorter or longer than the others
    ends = f"if(gte(PTS*TB,{float(last - starts[0] + offset - _SHORT):.7f}),{float(end - last):.7f}/TB,DURATION)"
    command = [
        *(find_ffmpeg(), *QUIET, "-y", "-itsoffset", f"{float(offset):.6f}", *list_input(LIST, ("mov", "matroska"))),
        *((*_cut(start, length), *file_input(film.path.absolute())) if beside else ()),
        *_put_together(film, streams, coding, draft.suffix.lower(), start, chapters=chapters),
        *("-bsf:v:0", f"setts=pts=PTS:dts=DTS:duration='{ends}'", f"file:{draft.absolute()}"),
        *discard_others(_container(film), 1, "V:0"),
    ]
    with Program(command, cwd=folder) as program:
        code = program.wait()
        reason = first_messages(program.stderr)
    if code != 0:
        remedy = "free some space" if "No space left" in reason else "name the output .mkv"
        raise OutputError(f"{shown(output)}: cannot be put together (ffmpeg: {reason}); {remedy}, and add --resume")
    frames, found = sum(segments[number].frames for number in range(len(starts))), count_packets(draft, output)
    if found != frames:
        raise OutputError(
            f"{shown(output)}: {found} of {frames} frames were in it when it was put together, so it was thrown away; "
            "what was drawn is kept: add --resume to try again"
        )
