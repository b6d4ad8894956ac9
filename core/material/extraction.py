"""Extracts training material from films: decodes once, finds shots, drops held and empty frames, keeps the rest.

A film becomes a folder:

- `000000.png`, ...: the frames (or JPEG, WebP, or none), and with them
- `frames.jsonl`: one JSON object a frame: frame (its number, from 0), file (where there are images), film, shot,
  timestamp (seconds in the film), duplicate_of (the number of the drawing that is held, or null), cut_score, transition
  ("dissolve", "flash" or null);
- `frames.bin`, `store.json`: the same frames packed, see `frame_store`;
- `scores.csv`: each decoded frame's cut score and what was found there, for choosing a threshold;
- `cuts.txt`: when each shot begins; edit it and give it back with --cuts;
- `shots.json`: each shot's times, drawings and cadence;
- `film.json`: which film and settings the folder belongs to, whether it is complete, and how much of what there is.

Frames appear one by one, and a line of `frames.jsonl` only after its frame is there. Extraction depends on the film and
the settings alone; so a run that follows an interrupted one decodes from the start, writes nothing until it comes to
where the first one stopped, and ends with the same files as a run that was never interrupted.
"""

import json
import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config.material import ExtractFramesConfig
from ..config.parsing import parse_time
from ..errors import InputError, OutputError
from ..files import (
    UNREADABLE,
    check_no_input,
    check_no_stream,
    is_read_only,
    reason,
    set_aside,
    shown,
    spell,
    write_text,
)
from ..interrupts import held_back
from ..json_text import read_json
from ..lock import LOCK, locked
from ..media.decode import (
    DamagedStretch,
    DecodedFrame,
    VideoInfo,
    decode_video,
    fitted_size,
    identify_film,
    probe_video,
)
from ..read_ahead import read_ahead
from ..shots.cuts import ShotDetector, Verdict
from ..shots.empty import name_empty
from ..shots.held import DuplicateFinder, find_cadence
from .frame_store import FRAMES, RECORDS, FrameStore
from .keeper import SUFFIXES, Keeper, Scores, choose_format, is_kept, is_whole, whole_lines

FILM = "film.json"
SHOTS = "shots.json"
CUTS = "cuts.txt"
SCORES = "scores.csv"

_AHEAD = 4  # decoded frames that may wait
_MOST_NAME = 255  # bytes that a folder's name may have on the usual disks
_BEGUN = {LOCK, f".{FILM}.part"}
"""What a run that was killed at its very beginning has left."""


@dataclass
class Extraction:
    """The result of extracting a film.

    Attributes:
        film: its path.
        folder: where its frames are.
        frames: how many were kept.
        shots: how many shots they fall into.
        decoded: how many frames the film has, between --start and --end.
        duplicates: how many of them show a drawing that is held.
        dropped: how many were left out, by kind.
        damaged: parts that could not be decoded, (first, last) in seconds; last is None where the film ends in one.
        was_complete: nothing was left to do.
        full: it stopped at --max-frames.
    """

    film: Path
    folder: Path
    frames: int = 0
    shots: int = 0
    decoded: int = 0
    duplicates: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    damaged: list[tuple[float, float | None]] = field(default_factory=list)
    was_complete: bool = False
    full: bool = False


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
    cuts = None if config.cuts in ("auto", "none") else read_cuts(Path(config.cuts))
    folders = _Folders(config)
    done: list[Extraction] = []
    failed: list[str] = []
    for video in config.videos:
        try:
            info = probe_video(video)
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


def read_cuts(path: Path) -> list[float]:
    """Reads when shots begin: a time a line, in seconds or h:mm:ss; what follows a # or a comma is left out.

    Returns:
        Seconds, in order.

    Raises:
        InputError: the file cannot be read, or a line is no time.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"{shown(path)}: there is no such file; give --cuts auto, none, or a file of times") from error
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "no text"
        raise InputError(f"{shown(path)}: cannot be read ({why}); give a text file with a time a line") from error
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


class _Folders:
    """Gives each film a folder of its own, and the same one when the same film comes again."""

    def __init__(self, config: ExtractFramesConfig) -> None:
        self._config = config
        self._taken: set[Path] = set()

    def claim(self, video: Path, cuts: list[float] | None) -> tuple[Path, dict[str, Any]]:
        """The folder of a film, not made yet, and what its film.json has to say of the film and the settings."""
        wanted = {"film": identify_film(video), "settings": _settings(self._config, cuts)}
        root = self._config.output
        check_no_stream(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{shown(root)}: cannot be made ({reason(error)}); choose another folder with -o"
            ) from error
        stem = video.stem.lstrip(".") or "film"
        for number in range(1, 10_000):
            folder = root / _name_folder(stem, number)
            if folder in self._taken:
                continue
            self._check_place(folder, video)
            known = _read_film(folder)
            if known and known.get("film") != wanted["film"]:
                continue  # another film of the same name
            self._taken.add(folder)
            if known and known.get("settings") != wanted["settings"] and not self._config.overwrite:
                raise OutputError(
                    f"{shown(folder)}: was extracted with other settings; "
                    "add --overwrite to replace it, or choose another folder with -o"
                )
            return folder, wanted
        raise OutputError(f"{shown(root / stem)}: too many films of this name; choose another folder with -o")

    def _check_place(self, folder: Path, video: Path) -> None:
        """Rejects a place in which an extraction cannot be, or where something would be lost.

        Raises:
            OutputError: see above.
        """
        if folder.is_symlink():
            raise OutputError(f"{shown(folder)}: is a link; remove it, or choose another place with -o")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{shown(folder)}: is a file, and a folder is needed; choose another place with -o")
        check_no_input(folder, {"the film itself": [video]})
        if not folder.is_dir():
            return
        names = {path.name for path in folder.iterdir()}
        if FILM not in names and names - _BEGUN:
            raise OutputError(f"{shown(folder)}: holds files that are no extracted film; choose another folder with -o")
        foreign = sorted(name for name in names if not _is_ours(name))
        if foreign and _read_film(folder) == {}:
            raise OutputError(
                f"{shown(folder / FILM)}: cannot be read, and {shown(Path(foreign[0]))} is no file of an extraction; "
                "choose another folder with -o"
            )


def _name_folder(stem: str, number: int) -> str:
    """The name of a film's folder, no longer than the usual disks allow; films of one name are numbered."""
    end = "" if number == 1 else f"-{number}"
    room = _MOST_NAME - len(end)
    if len(os.fsencode(stem)) > room:
        stem = os.fsencode(stem)[:room].decode(errors="ignore")
    return stem + end


def _settings(config: ExtractFramesConfig, cuts: list[float] | None) -> dict[str, Any]:
    """The settings on which the frames depend, as film.json holds them."""
    settings = asdict(config)
    for name in ("videos", "output", "overwrite"):
        del settings[name]
    settings["drop"] = sorted(set(config.drop))
    settings["format"] = choose_format(config)
    if cuts is not None:
        settings["cuts"] = cuts
    return settings


def _read_film(folder: Path) -> dict[str, Any] | None:
    """What film.json says; empty where it cannot be read, None where there is none."""
    try:
        film = read_json(folder / FILM)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return {}
    whole = isinstance(film, dict) and {"film", "settings", "complete"} <= film.keys()
    return film if whole and (film["complete"] is not True or _has_counts(film)) else {}


def _has_counts(film: dict[str, Any]) -> bool:
    counts, names = film.get("counts"), {field.name for field in fields(Extraction)}
    return (
        isinstance(counts, dict)
        and counts.keys() == names - {"film", "folder", "was_complete"}
        and isinstance(counts["damaged"], list)
        and all(isinstance(part, list) for part in counts["damaged"])
    )


def _is_ours(name: str) -> bool:
    """Whether a file of that name is one that an extraction writes."""
    written = (FILM, SHOTS, CUTS, SCORES)
    return (
        is_kept(name)
        or name in (*written, LOCK, f"{SCORES}.part", *(f".{each}.part" for each in written))
        or name.endswith(UNREADABLE)
    )


def _clear(folder: Path, cuts: Path | None) -> None:
    """Removes what an extraction has written, and nothing else; film.json stays, to be written again.

    Raises:
        OutputError: it is read-only, or cannot be removed.
    """
    for path in (folder, folder / FILM):
        if is_read_only(path):
            raise OutputError(
                f"{shown(path)}: is read-only, and stays as it is; change its permissions, or choose another folder"
            )
    try:
        for path in folder.iterdir():
            kept = path.name in (LOCK, FILM) or path.name.endswith(UNREADABLE) or _is_same(path, cuts)
            if not kept and _is_ours(path.name) and (path.is_symlink() or not path.is_dir()):
                path.unlink()
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be replaced ({reason(error)}); change its permissions") from error


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.exists() and other.exists() and path.samefile(other)


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
    known, verify, mode = _take_up(folder, wanted, given, note)
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
        note(f"{name}: damaged from {part.first:.2f} s to {until}; skipped ({part.words})")

    for path in folder.iterdir():
        if path.is_symlink() and _is_ours(path.name):
            raise OutputError(f"{shown(path)}: is a link, through which nothing is written; remove it")
    write_text(folder / FILM, json.dumps({**wanted, "complete": False}, indent=1))
    width, height = fitted_size(info, config.size, config.fit)
    with (
        held_back() as held,
        Scores(folder / SCORES, mode) as scores,
        Keeper(folder, height, width, config, mode=mode, verify=verify) as keeper,
    ):
        pick = _Picker(info, config, keeper, scores, extraction)
        decoded = decode_video(info, size=config.size, fit=config.fit, start=config.start, on_damage=report_damage)
        with closing(read_ahead(decoded, _AHEAD, held.answer)) as frames:
            for frame, verdict in _judge(frames, config, cuts, pick):
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
    if not _is_same(folder / CUTS, given):  # a list that was edited there and given back is left as it is
        write_text(folder / CUTS, _list_cuts(pick.shots))
    for path in (folder / SHOTS, folder / CUTS):
        if mode is not None and not _is_same(path, given):
            path.chmod(mode)
    counts = {k: v for k, v in asdict(extraction).items() if k not in ("film", "folder", "was_complete")}
    size = {"width": width, "height": height}
    write_text(folder / FILM, json.dumps({**wanted, "complete": True, "size": size, "counts": counts}, indent=1))
    return extraction


def _take_up(
    folder: Path, wanted: dict[str, Any], cuts: Path | None, note: Callable[[str], None]
) -> tuple[dict[str, Any] | None, bool, int | None]:
    """Finds what an earlier run has left to resume from; files that cannot be read are set aside, with a note.

    Args:
        folder: the film's.
        wanted: what film.json is to say of the film and the settings.
        cuts: the list of cuts that was given.
        note: called with sentences for the person.

    Returns:
        What film.json says, if it can be used; whether what is there may be of another film; and the permissions that
        new files get, None for those of any new file.
    """
    known = _read_film(folder)
    if known is None:
        return None, False, None
    mode = stat.S_IMODE((folder / FILM).stat().st_mode)
    if not known:
        aside = set_aside(folder / FILM)
        note(
            f"{shown(folder / FILM)}: cannot be read, and is set aside as {shown(Path(aside.name))}; "
            "frames that are there are compared with the film's"
        )
        return None, True, mode
    if known.get("settings") != wanted["settings"] or known.get("film") != wanted["film"]:
        _clear(folder, cuts)
        return None, False, mode
    fault = _find_fault(folder, known) if known["complete"] is True else None
    if fault is None:
        return known, False, mode
    kept = f"; {RECORDS} is set aside as {set_aside(folder / RECORDS).name}" if (folder / RECORDS).exists() else ""
    note(f"{shown(folder)}: was complete, but {fault}{kept}; the film is extracted again")
    return None, False, mode


def _find_fault(folder: Path, known: dict[str, Any]) -> str | None:
    """What is wrong with a folder that says it is complete; None: nothing that can be seen from outside."""
    settings, count = known["settings"], known["counts"]["frames"]
    found, end = whole_lines(folder / RECORDS)
    if not (folder / RECORDS).is_file():
        return f"{RECORDS} is missing"
    if found != count or end != (folder / RECORDS).stat().st_size:
        return f"{RECORDS} is damaged: {found} of {count} frames are listed in order"
    if settings.get("packed"):
        try:
            if len(FrameStore.open(folder)) != count:
                return f"{FRAMES} holds another number of frames"
        except InputError as error:
            return f"the store cannot be read ({error})"
    suffix = SUFFIXES.get(settings.get("format", ""))
    if suffix is not None:
        missing = sum(not is_whole(folder / f"{number:06d}{suffix}") for number in range(count))
        if missing:
            return f"{missing} of {count} images are missing or cut short"
    return None


def _judge(
    frames: Iterator[DecodedFrame], config: ExtractFramesConfig, cuts: list[float] | None, pick: "_Picker"
) -> Iterator[tuple[DecodedFrame, Verdict]]:
    """Goes through the frames up to --end with what is found of each; frames wait until their verdict is known."""
    until = float("inf") if config.end is None else config.end
    if config.cuts != "auto":
        waiting = deque(cuts or ())
        for number, frame in enumerate(frames):
            if frame.time >= until:
                return
            cut = False
            while waiting and waiting[0] <= frame.time + _SAME_TIME:
                waiting.popleft()
                cut = number > 0
            yield frame, Verdict(number, 0.0, cut, None)
        return
    detector = ShotDetector(config.cut_score)
    held: deque[DecodedFrame] = deque()
    for frame in frames:
        if frame.time >= until:
            break
        held.append(frame)
        for verdict in detector.push(frame.pixels):
            yield held.popleft(), verdict
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
        self._duplicates = DuplicateFinder()
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
        self._scores.add(frame.time, verdict)
        mixed = verdict.transition == "dissolve"
        holes = sum(last is not None and last <= frame.time for _, last in self._extraction.damaged)
        self._broken |= verdict.cut or mixed != self._mixed or holes > self._holes
        self._mixed, self._holes = mixed, holes
        if not self._is_due(frame.time, verdict.number):
            return
        kind = self._unwanted(frame.pixels, verdict)
        if kind is not None:
            self._dropped[kind] += 1
            self._extraction.dropped = dict(sorted(self._dropped.items()))
            self._broken = True
            return
        if self._broken or self._shot is None:
            self.end_shot()
            self._begin_shot(frame.time, verdict)
        assert self._shot is not None
        self._shot["frames"] += 1
        self._shot["last"] = frame.time
        duplicate = self._duplicates.is_duplicate(frame.pixels)
        if duplicate:
            self._extraction.duplicates += 1
            self._holds[-1] += 1
            if not self._config.keep_duplicates:
                return
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
