"""Extracts training material from films: decodes once, finds shots, drops held and empty frames, keeps the rest.

A film becomes a folder:

- `000000.png`, ...: the frames (or JPEG, WebP, or none), and with them
- `frames.jsonl`: one JSON object a frame: frame (its number, from 0), file (where there are images), film, shot,
  timestamp (seconds in the film), duplicate_of (the number of the drawing that is held, or null), cut_score, transition
  ("dissolve", "flash" or null);
- `frames.bin`, `store.json`: the same frames packed, see `frame_store`;
- `scores.csv`: each decoded frame's cut score and what was found there, and how much it differs from the drawing kept
  before it, for choosing thresholds;
- `cuts.txt`: when each shot begins; edit it and give it back with --cuts;
- `cuts.edl`, `cuts.otio`: the shots for editing programs, whose lists --cuts takes as well;
- `shots.json`: each shot's times, drawings and cadence;
- `film.json`: which film and settings the folder belongs to, whether it is complete, and how much of what there is.

Frames appear one by one, and a line of `frames.jsonl` only after its frame is there. Extraction depends on the film and
the settings alone; so a run that follows an interrupted one decodes from the start, writes nothing until it comes to
where the first one stopped, and ends with the same files as a run that was never interrupted.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.material import ExtractFramesConfig
from ..config.parsing import parse_time, read_background
from ..errors import InputError, OutputError
from ..files import (
    read_limited,
    reason,
    shown,
    spell,
    write_text,
)
from ..interrupts import held_back
from ..lock import locked
from ..media.decode import (
    DamagedStretch,
    DecodedFrame,
    VideoInfo,
    decode_video,
    fitted_size,
    probe_video,
)
from ..read_ahead import read_ahead
from ..shots.cuts import ShotDetector, Verdict
from ..shots.empty import name_empty
from ..shots.held import DuplicateFinder, find_cadence
from ..shots.noise import AHEAD, NoiseMeter
from .edit_lists import SUFFIXES as EDIT_LISTS
from .edit_lists import USUAL_RATE, list_shots, read_edit_list, write_edl, write_otio
from .film_folders import (
    CUTS,
    CUTS_EDL,
    CUTS_OTIO,
    FILM,
    LISTS,
    SCORES,
    SHOTS,
    Extraction,
    FilmFolders,
    find_earlier,
    is_extracted_file,
    is_same_file,
)
from .keeper import SUFFIXES, Keeper, Scores, choose_format

_AHEAD = 4  # decoded frames that may wait


def extract_frames(
    config: ExtractFramesConfig,
    *,
    on_film: Callable[[Path, float | None], None] | None = None,
    on_time: Callable[[float], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> list[Extraction]:
    """Extracts several films, one after the other; a film that cannot be read does not stop the others.

    Args:
        config: the films, and how.
        on_film: called when a film is started, with its path and its seconds, or None if they are unknown.
        on_time: called with the number of seconds that are done.
        on_note: called with a line about damage, a film that failed, or a film that was complete already.

    Returns:
        The result for each film.

    Raises:
        OutputError: the disk is full or cannot be written, or a folder holds something else; what is there is kept.
        InputError: a film cannot be read; where there are several, the others were extracted all the same.
    """
    note = on_note or (lambda line: None)
    find_cuts = _open_cuts(config.cuts)
    folders = FilmFolders(config)
    done: list[Extraction] = []
    failed: list[str] = []
    for video in config.videos:
        try:
            info = probe_video(video)
            cuts = find_cuts(info)
            extraction = _extract_film(info, config, cuts, folders.claim(video, cuts), on_film, on_time, note)
        except InputError as error:
            if len(config.videos) == 1:
                raise
            failed.append(shown(Path(video.name)))
            note(str(error))
            continue
        done.append(extraction)
    if failed:
        raise InputError(
            f"{', '.join(failed)}: {len(failed)} of {len(config.videos)} films could not be extracted (see above); "
            "the others are complete"
        )
    return done


def claim_folders(config: ExtractFramesConfig) -> None:
    """Assigns each film its folder before several machines extract one film each; films of one name stay apart.

    A film that cannot be read gets none.

    Raises:
        OutputError: a folder holds something else, or cannot be written.
    """
    find_cuts = _open_cuts(config.cuts)
    folders = FilmFolders(config)
    for video in config.videos:
        try:
            folder, wanted = folders.claim(video, find_cuts(probe_video(video)))
        except InputError:
            continue
        try:
            folder.mkdir(exist_ok=True)
            if not (folder / FILM).exists():
                write_text(folder / FILM, json.dumps({**wanted, "complete": False}, indent=1))
        except OSError as error:
            raise OutputError(f"{shown(folder)}: cannot be written ({reason(error)}); choose another folder") from error


def _open_cuts(given: str) -> Callable[[VideoInfo], list[float] | None]:
    """Reads a list of cuts once; times of an edit list depend on the film's rate."""
    if given in ("auto", "none"):
        return lambda _: None
    path = Path(given)
    if path.suffix.lower() in EDIT_LISTS:
        edits = read_edit_list(path)
        return lambda info: edits.times(_rate_of(info))
    cuts = read_cuts(path)
    return lambda _: cuts


def _rate_of(info: VideoInfo) -> Fraction | None:
    """A film's frames a second; None: it does not state them."""
    if info.head is not None and info.head.rate is not None:
        return Fraction(info.head.rate)
    return None if info.fps is None else Fraction(info.fps).limit_denominator(100_000)


def read_cuts(path: Path) -> list[float]:
    """Reads when shots begin: a time a line, in seconds or h:mm:ss; what follows a # or a comma is left out.

    Returns:
        Seconds, in order.

    Raises:
        InputError: the file cannot be read, or a line is no time.
    """
    remedy = "give --cuts auto, none, or a text file with a time a line"
    try:
        lines = read_limited(path, _MOST_CUTS, "a list of cuts", remedy).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: cannot be read (no text); {remedy}") from error
    times = []
    for number, line in enumerate(lines, 1):
        text = line.split("#")[0].split(",")[0].strip()
        if not text:
            continue
        time = parse_time(text)
        if time is None:
            raise InputError(f"{shown(path)}: line {number} is no time; write seconds (12.5) or h:mm:ss (0:01:12.5)")
        times.append(time)
    return sorted(times)


_MOST_CUTS = 1 << 24  # bytes of a list of cuts


def _extract_film(
    info: VideoInfo,
    config: ExtractFramesConfig,
    cuts: list[float] | None,
    place: tuple[Path, dict[str, Any]],
    on_film: Callable[[Path, float | None], None] | None,
    on_time: Callable[[float], None] | None,
    note: Callable[[str], None],
) -> Extraction:
    """Extracts one film into its folder, which is this run's alone for as long as that takes."""
    folder, _ = place
    try:
        with locked(folder):
            return _extract_within(info, config, cuts, place, on_film, on_time, note)
    except OSError as error:
        raise OutputError(
            f"{shown(folder)}: cannot be written ({reason(error)}); the frames before are kept; "
            "make room or choose another folder, and run the same command again"
        ) from error


def _extract_within(
    info: VideoInfo,
    config: ExtractFramesConfig,
    cuts: list[float] | None,
    place: tuple[Path, dict[str, Any]],
    on_film: Callable[[Path, float | None], None] | None,
    on_time: Callable[[float], None] | None,
    note: Callable[[str], None],
) -> Extraction:
    folder, wanted = place
    name = shown(Path(info.path.name))
    given = None if cuts is None else Path(config.cuts)
    known, verify, mode = find_earlier(folder, wanted, given, note)
    if known is not None and known["complete"] is True:
        note(f"{name}: complete already, in {shown(folder)}")
        counts = known["counts"]
        return Extraction(
            info.path, folder, **counts | {"damaged": [tuple(part) for part in counts["damaged"]], "was_complete": True}
        )
    end = min((t for t in (config.end, info.duration) if t is not None), default=None)
    if on_film is not None:
        on_film(info.path, None if end is None else max(0.0, end - config.start))
    extraction = Extraction(info.path, folder)

    def report_damage(part: DamagedStretch) -> None:
        extraction.damaged.append((round(part.first, 3), None if part.last is None else round(part.last, 3)))
        until = "its end" if part.last is None else f"{part.last:.2f} s"
        note(f"{name}: damaged from {part.first:.2f} s to {until}; skipped ({part.message})")

    for path in folder.iterdir():
        if path.is_symlink() and is_extracted_file(path.name):
            raise OutputError(f"{shown(path)}: is a link, through which nothing is written; remove it")
    write_text(folder / FILM, json.dumps({**wanted, "complete": False}, indent=1))
    width, height = fitted_size(info, config.size, config.fit)
    with (
        held_back() as held,
        Scores(folder / SCORES, mode) as scores,
        Keeper(folder, height, width, config, mode=mode, verify=verify) as keeper,
    ):
        pick = _Picker(info, config, keeper, scores, extraction)
        decoded = decode_video(
            info,
            size=config.size,
            fit=config.fit,
            start=config.start,
            background=read_background(config.alpha),
            on_damage=report_damage,
        )
        with closing(read_ahead(decoded, _AHEAD, held.answer)) as frames:
            for frame, verdict in _judge(frames, config, cuts, pick.meter):
                held.answer()
                pick.take(frame, verdict)
                if on_time is not None:
                    on_time(frame.time - config.start)
                if config.max_frames is not None and pick.kept >= config.max_frames:
                    extraction.full = True
                    break
        pick.end_shot()
    extraction.frames = pick.kept
    extraction.shots = len(pick.shots)
    write_text(folder / SHOTS, "[\n" + ",\n".join(json.dumps(shot) for shot in pick.shots) + "\n]\n")
    rate = _rate_of(info) or USUAL_RATE
    step = config.every / float(rate) if config.fps is None else 1 / config.fps
    listed = list_shots(pick.shots, rate, step)
    film = spell(info.path.name)
    for path, text in (
        (folder / CUTS, _list_cuts(pick.shots)),
        (folder / CUTS_EDL, write_edl(film, listed, rate)),
        (folder / CUTS_OTIO, write_otio(film, listed, rate)),
    ):
        if not is_same_file(path, given):  # a list that was edited there and given back is left as it is
            write_text(path, text)
    for path in (folder / SHOTS, *(folder / name for name in LISTS)):
        if mode is not None and not is_same_file(path, given):
            path.chmod(mode)
    counts = {k: v for k, v in asdict(extraction).items() if k not in ("film", "folder", "was_complete")}
    size = {"width": width, "height": height}
    write_text(folder / FILM, json.dumps({**wanted, "complete": True, "size": size, "counts": counts}, indent=1))
    return extraction


def _judge(
    frames: Iterator[DecodedFrame], config: ExtractFramesConfig, cuts: list[float] | None, meter: NoiseMeter
) -> Iterator[tuple[DecodedFrame, Verdict]]:
    """Goes through the frames up to --end with what is found of each; frames wait until their verdict is known."""
    until = float("inf") if config.end is None else config.end
    if config.cuts != "auto":
        waiting = deque(cuts or ())
        late: deque[tuple[DecodedFrame, Verdict]] = deque()  # the film's noise is known by what follows
        for number, frame in enumerate(frames):
            if frame.time >= until:
                break
            meter.push(frame.pixels)
            cut = False
            while waiting and waiting[0] <= frame.time + _SAME_TIME:
                waiting.popleft()
                cut = number > 0
            late.append((frame, Verdict(number, 0.0, cut, None)))
            if len(late) > AHEAD:
                yield late.popleft()
        meter.finish()
        yield from late
        return
    detector = ShotDetector(config.cut_score)
    held: deque[DecodedFrame] = deque()
    for frame in frames:
        if frame.time >= until:
            break
        held.append(frame)
        meter.push(frame.opaque)
        for verdict in detector.push(frame.opaque):
            yield held.popleft(), verdict
    meter.finish()
    for verdict in detector.finish():
        yield held.popleft(), verdict


_SAME_TIME = 0.002  # seconds; times that a person has written are rounded


def _list_cuts(shots: Sequence[dict[str, Any]]) -> str:
    lines = ["# When shots begin, in seconds. Edit this, and give it back with --cuts."]
    lines += [f"{shot['first']:.6f}" + (f"  # {shot['transition']}" if shot["transition"] else "") for shot in shots]
    return "\n".join(lines) + "\n"


class _Picker:
    """Decides of each frame whether it is kept, and numbers the shots."""

    def __init__(
        self,
        info: VideoInfo,
        config: ExtractFramesConfig,
        keeper: Keeper,
        scores: Scores,
        extraction: Extraction,
    ) -> None:
        self.kept = 0
        self.shots: list[dict[str, Any]] = []
        self._film = spell(info.path.name)
        self._config = config
        self._keeper = keeper
        self._scores = scores
        self._extraction = extraction
        self.meter = NoiseMeter()
        """Sees every frame, some time before it is taken."""
        self._duplicates = DuplicateFinder(config.hold_threshold, self.meter)
        self._drop = set(config.drop)
        self._empty = bool(self._drop & {"black", "blank", "credits"})
        self._detected = config.cuts == "auto"
        self._suffix = SUFFIXES.get(choose_format(config))
        self._dropped: Counter[str] = Counter()
        self._shot: dict[str, Any] | None = None
        self._holds: list[int] = []
        self._mixed = False
        self._broken = False  # something was left out, which no clip may reach across
        self._holes = 0  # damaged stretches so far
        self._last_drawing: int | None = None
        self._next_tick = 0

    def take(self, frame: DecodedFrame, verdict: Verdict) -> None:
        """Keeps a frame or leaves it out."""
        self._extraction.decoded += 1
        self._scores.add(frame.time, verdict, self._take(frame, verdict))

    def _take(self, frame: DecodedFrame, verdict: Verdict) -> float | None:
        """The same; gives how much the frame differs from the drawing kept last, None where nobody asked."""
        mixed = verdict.transition == "dissolve"
        holes = sum(last is not None and last <= frame.time for _, last in self._extraction.damaged)
        self._broken |= verdict.cut or mixed != self._mixed or holes > self._holes
        self._mixed, self._holes = mixed, holes
        if not self._is_due(frame.time, verdict.number):
            return None
        kind = self._unwanted(frame.opaque, verdict)
        if kind is not None:
            self._dropped[kind] += 1
            self._extraction.dropped = dict(sorted(self._dropped.items()))
            self._broken = True
            return None
        if self._broken or self._shot is None:
            self.end_shot()
            self._begin_shot(frame.time, verdict)
        assert self._shot is not None
        self._shot["frames"] += 1
        self._shot["last"] = frame.time
        duplicate = self._duplicates.is_duplicate(frame.opaque, verdict.number)
        score = self._duplicates.score
        if duplicate:
            self._extraction.duplicates += 1
            self._holds[-1] += 1
            if not self._config.keep_duplicates:
                return score
        else:
            self._holds.append(1)
            self._last_drawing = self.kept
        record: dict[str, Any] = {"frame": self.kept}
        if self._suffix is not None:
            record["file"] = f"{self.kept:06d}{self._suffix}"
        record |= {
            "film": self._film,
            "shot": self._shot["shot"],
            "timestamp": frame.time,
            "duplicate_of": self._last_drawing if duplicate else None,
            "cut_score": verdict.score if self._detected else None,
            "transition": verdict.transition,
        }
        self._keeper.append(frame.pixels, record)
        self.kept += 1
        return score

    def end_shot(self) -> None:
        """Writes down what is known of the shot that has ended."""
        if self._shot is not None:
            holds = Counter(self._holds)
            self._shot |= {
                "drawings": len(self._holds),
                "cadence": find_cadence(self._holds),
                "holds": {str(hold): count for hold, count in sorted(holds.items())},
            }
            self.shots.append(self._shot)
            self._shot = None

    def _begin_shot(self, time: float, verdict: Verdict) -> None:
        self._shot = {
            "shot": len(self.shots),
            "first": time,
            "last": time,
            "transition": "dissolve" if verdict.transition == "dissolve" else None,
            "cut_score": verdict.score if self._detected else None,
            "frames": 0,
        }
        self._holds = []
        self._duplicates.forget()
        self._broken = False

    def _is_due(self, time: float, number: int) -> bool:
        """Whether --every and --fps ask for the frame."""
        if self._config.fps is None:
            return number % self._config.every == 0
        tick = int((time + _SAME_TIME) * self._config.fps)
        if tick < self._next_tick:
            return False
        self._next_tick = tick + 1
        return True

    def _unwanted(self, pixels: NDArray[np.uint8], verdict: Verdict) -> str | None:
        """The kind for which a frame is left out, or None."""
        if verdict.transition in self._drop:
            return verdict.transition
        kind = name_empty(pixels) if self._empty else None
        return kind if kind in self._drop else None
