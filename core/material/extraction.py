"""Films into training material: decode once, find the shots, leave out what is held or empty, keep the rest.

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

import io
import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.material import ExtractFramesConfig
from ..config.parsing import parse_time
from ..errors import AnimiError, InputError, OutputError
from ..files import reason, shown, write_text
from ..interrupts import held_back
from ..media.decode import (
    DamagedStretch,
    DecodedFrame,
    VideoInfo,
    decode_video,
    fitted_size,
    identify_film,
    probe_video,
)
from ..shots.cuts import ShotDetector, Verdict
from ..shots.empty import name_empty
from ..shots.held import DuplicateFinder, find_cadence
from .frame_store import FRAMES, HEADER, RECORDS, FrameStoreWriter

FILM = "film.json"
SHOTS = "shots.json"
CUTS = "cuts.txt"
SCORES = "scores.csv"

SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

_WORKERS = min(4, os.cpu_count() or 1)  # threads that encode images
_PENDING = 4 * _WORKERS  # images that may wait to be encoded
_PNG_LEVEL = 1  # of zlib: drawings are flat, and higher levels take several times as long for a tenth less
_FLUSH = 4096  # frames after which what is packed is made safe against a power cut


@dataclass
class Extraction:
    """What became of a film.

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
    """Extracts several films, one after the other; a film that cannot be read does not keep the others from it.

    Args:
        config: the films, and how.
        on_film: told when a film begins: its path, and how many seconds there are to do, where that is known.
        on_time: told how many seconds of it are done.
        on_note: told what a person should know, a line each: damage, films that failed, films done before.

    Returns:
        What became of each film.

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
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{shown(root)}: cannot be made ({reason(error)}); choose another folder with -o"
            ) from error
        stem = video.stem.lstrip(".") or "film"
        for number in range(1, 10_000):
            folder = root / (stem if number == 1 else f"{stem}-{number}")
            if folder in self._taken:
                continue
            known = _read_film(folder)
            if known is None and folder.is_dir() and any(folder.iterdir()):
                raise OutputError(
                    f"{shown(folder)}: holds files that are no extracted film; choose another folder with -o"
                )
            if known is None and folder.exists() and not folder.is_dir():
                raise OutputError(f"{shown(folder)}: is a file, and a folder is needed; choose another place with -o")
            if known is not None and known.get("film") != wanted["film"]:
                continue  # another film of the same name
            self._taken.add(folder)
            if known is not None and known.get("settings") != wanted["settings"]:
                if not self._config.overwrite:
                    raise OutputError(
                        f"{shown(folder)}: was extracted with other settings; "
                        "add --overwrite to replace it, or choose another folder with -o"
                    )
                _clear(folder)
            return folder, wanted
        raise OutputError(f"{shown(root / stem)}: too many films of this name; choose another folder with -o")


def _settings(config: ExtractFramesConfig, cuts: list[float] | None) -> dict[str, Any]:
    """The settings on which the frames depend, as film.json holds them."""
    settings = asdict(config)
    for name in ("videos", "output", "overwrite"):
        del settings[name]
    settings["drop"] = sorted(set(config.drop))
    settings["format"] = _format(config)
    if cuts is not None:
        settings["cuts"] = cuts
    return settings


def _format(config: ExtractFramesConfig) -> str:
    return config.format or ("none" if config.packed else "png")


def _read_film(folder: Path) -> dict[str, Any] | None:
    """What film.json says, or None where there is none that can be read."""
    try:
        film = json.loads((folder / FILM).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return film if isinstance(film, dict) else None


def _clear(folder: Path) -> None:
    """Removes what an extraction has written, and nothing else."""
    try:
        for path in folder.iterdir():
            ours = path.name in (FRAMES, HEADER, RECORDS, SHOTS, CUTS, SCORES, FILM) or path.name.endswith(".part")
            if ours or (path.stem.isdigit() and path.suffix in SUFFIXES.values()):
                path.unlink()
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be replaced ({reason(error)}); change its permissions") from error


def _extract_film(
    info: VideoInfo,
    config: ExtractFramesConfig,
    cuts: list[float] | None,
    place: tuple[Path, dict[str, Any]],
    on_film: Callable[[Path, float | None], None] | None,
    on_time: Callable[[float], None] | None,
    note: Callable[[str], None],
) -> Extraction:
    folder, wanted = place
    known = _read_film(folder)
    name = shown(Path(info.path.name))
    if known is not None and known.get("complete") is True:
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

    try:
        folder.mkdir(exist_ok=True)
        write_text(folder / FILM, json.dumps({**wanted, "complete": False}, indent=1))
        width, height = fitted_size(info, config.size, config.fit)
        with (
            held_back() as held,
            _Scores(folder / SCORES) as scores,
            _Keeper(folder, height, width, config) as keeper,
        ):
            pick = _Picker(info, config, keeper, scores, extraction)
            frames = decode_video(info, size=config.size, fit=config.fit, start=config.start, on_damage=report_damage)
            with closing(frames):
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
        write_text(folder / CUTS, _list_cuts(pick.shots))
        counts = {k: v for k, v in asdict(extraction).items() if k not in ("film", "folder", "was_complete")}
        size = {"width": width, "height": height}
        write_text(folder / FILM, json.dumps({**wanted, "complete": True, "size": size, "counts": counts}, indent=1))
    except OSError as error:
        raise OutputError(
            f"{shown(folder)}: cannot be written ({reason(error)}); the frames before are kept; "
            "make room or choose another folder, and run the same command again"
        ) from error
    return extraction


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
        keeper: "_Keeper",
        scores: "_Scores",
        extraction: Extraction,
    ) -> None:
        self.kept = 0
        self.shots: list[dict[str, Any]] = []
        self._film = info.path.name
        self._config = config
        self._keeper = keeper
        self._scores = scores
        self._extraction = extraction
        self._duplicates = DuplicateFinder()
        self._drop = set(config.drop)
        self._empty = bool(self._drop & {"black", "blank", "credits"})
        self._detected = config.cuts == "auto"
        self._suffix = SUFFIXES.get(_format(config))
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


class _Scores:
    """Writes scores.csv as the film goes by; it is put in its place at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._file = self._part.open("w", encoding="utf-8", newline="\n")
        self._file.write("time,score,found\n")

    def add(self, time: float, verdict: Verdict) -> None:
        found = "cut" if verdict.cut else verdict.transition or ""
        self._file.write(f"{time:.6f},{verdict.score:.3f},{found}\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._file.close()
            self._part.replace(self._path)
            return
        with suppress(OSError):  # the first error is the one to tell
            self._file.close()
        with suppress(OSError):
            self._part.unlink()


class _Keeper:
    """Writes frames into the folder, as images, packed, or both, and goes on where an earlier run stopped.

    Images are encoded in threads; a frame's record is written when its image is there, in order.
    """

    def __init__(self, folder: Path, height: int, width: int, config: ExtractFramesConfig) -> None:
        self._folder = folder
        self._format = _format(config)
        self._quality = config.quality
        self._pool = ThreadPoolExecutor(_WORKERS) if self._format != "none" else None
        self._waiting: deque[tuple[Future[None], NDArray[np.uint8], dict[str, Any]]] = deque()
        self._store: FrameStoreWriter | None = None
        self._journal: io.FileIO | None = None
        self._next = 0  # the frame that comes next
        for part in folder.glob(".*.part"):
            part.unlink()
        if config.packed:
            self._store = FrameStoreWriter(folder, height, width, resume=True)
            self._count = self._store.count
        else:
            self._count, self._end = _whole_lines(folder / RECORDS)
            self._journal = io.FileIO(str(folder / RECORDS), "a")
            self._journal.truncate(self._end)
        self._before = (folder / RECORDS).open("rb") if self._count else None  # what an earlier run has written

    def append(self, pixels: NDArray[np.uint8], record: dict[str, Any]) -> None:
        """Keeps the next frame, if an earlier run has not.

        Raises:
            OutputError: the folder was begun by another version, or cannot be written.
            OSError: an image cannot be written.
        """
        number, self._next = self._next, self._next + 1
        if number < self._count and self._before is not None:
            if self._before.readline() != _line(record):
                raise OutputError(
                    f"{shown(self._folder)}: was begun by another version of animi or ffmpeg; "
                    "add --overwrite and remove the folder, or choose another one with -o"
                )
            if self._pool is None or (self._folder / record["file"]).exists():
                return
            self._save(pixels, record["file"])
            return
        if self._pool is None:
            self._write(pixels, record)
            return
        self._waiting.append((self._pool.submit(self._save, pixels, record["file"]), pixels, record))
        while len(self._waiting) > _PENDING:
            self._settle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Finishes what waits; after an error, leaves whole frames with whole records, and nothing besides."""
        try:
            if error is None:
                while self._waiting:
                    self._settle()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            try:
                self._close(error)
            finally:
                self._drop_unrecorded()

    def _close(self, error: BaseException | None) -> None:
        if self._before is not None:
            self._before.close()
        if self._journal is not None:
            self._journal.close()
        if self._store is not None:
            try:
                self._store.close()
            except AnimiError:
                if error is None:  # else the first error is the one to tell
                    raise

    def _drop_unrecorded(self) -> None:
        """Removes the images that wait for their records, but for one whose record Ctrl-C found written already."""
        if not self._waiting:
            return
        recorded, _ = _whole_lines(self._folder / RECORDS)
        for _, _, record in self._waiting:
            if record["frame"] >= recorded:
                for name in (record["file"], f".{record['file']}.part"):
                    with suppress(OSError):
                        (self._folder / name).unlink(missing_ok=True)

    def _settle(self) -> None:
        """Waits for the oldest image, and writes its record."""
        future, pixels, record = self._waiting[0]
        future.result()
        self._write(pixels, record)
        self._waiting.popleft()

    def _write(self, pixels: NDArray[np.uint8], record: dict[str, Any]) -> None:
        if self._store is not None:
            self._store.append(pixels, record)
            if self._store.count % _FLUSH == 0:
                self._store.flush()
        elif self._journal is not None:
            line = _line(record)
            try:
                if self._journal.write(line) != len(line):
                    raise OSError(28, os.strerror(28))  # ENOSPC: part of the line fitted
            except BaseException:
                self._journal.truncate(self._end)
                raise
            self._end += len(line)

    def _save(self, pixels: NDArray[np.uint8], name: str) -> None:
        path = self._folder / name
        part = self._folder / f".{name}.part"
        part.write_bytes(_encode(pixels, self._format, self._quality))
        part.replace(path)


def _encode(pixels: NDArray[np.uint8], kind: str, quality: int) -> bytes:
    """Encodes (H, W, 3) RGB as an image file."""
    settings = {
        "png": [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL],
        "jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        "webp": [cv2.IMWRITE_WEBP_QUALITY, quality if quality < 100 else 101],  # OpenCV: above 100 is lossless
    }[kind]
    done, data = cv2.imencode(SUFFIXES[kind], cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), settings)
    if not done:  # OpenCV gives no reason; out of memory is the one that is left for a valid frame
        raise MemoryError(f"a frame of {pixels.shape[1]} x {pixels.shape[0]} pixels could not be encoded")
    return data.tobytes()


def _line(record: dict[str, Any]) -> bytes:
    """A record as `FrameStoreWriter` writes it too."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _whole_lines(path: Path) -> tuple[int, int]:
    """How many whole records a journal begins with, and where the last of them ends; a torn one is not counted."""
    count = end = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                try:
                    whole = line.endswith(b"\n") and isinstance(json.loads(line), dict)
                except ValueError:
                    whole = False
                if not whole:
                    break
                count, end = count + 1, end + len(line)
    return count, end
