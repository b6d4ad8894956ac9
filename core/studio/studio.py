"""What `animi studio` does for its page: takes drawings and films in, draws what lies between, and forgets it all.

Each page has a session: its files lie in a folder of their own, in one temporary folder that is removed with the
`Studio`, and its long work waits in a queue of its own. What the page shows is drawn at the size of a screen (`view`);
downloads are drawn at the key frames' own size, by the functions that `animi interpolate` calls.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, overload

from ..config.choices import CADENCES, ENGINES, ON_FAILURE
from ..config.interpolation import InterpolateConfig, InterpolateFilmConfig
from ..config.material import DrawCartoonConfig, ExtractFramesConfig
from ..config.parsing import read_rate, read_size
from ..config.studio import StudioConfig
from ..engines.interface import Engine, Pair, Working
from ..engines.opening import open_engine
from ..errors import AnimiError, ConfigError, InputError
from ..files import name_apart, reason, shown
from ..inbetween.key_frames import KeyFrames
from ..inbetween.pair import prepare_pair
from ..inbetween.sequence import count_frames, interpolate, turn_back
from ..lock import LOCK, try_lock, unlock
from ..media.animation import write_animation
from ..media.decode import VideoInfo, decode_video, probe_video
from ..media.film_source import FILM_SUFFIXES
from ..media.frames import Frame, resize_image, to_uint8
from ..media.image_files import encode_png, read_image, write_png
from .jobs import DONE, Cancelled, Job, JobQueue

DOWNLOADS = {"gif": ".gif", "webp": ".webp", "mp4": ".mp4", "png": ".png", "zip": ".zip"}
"""What a result can be taken home as: animations by their suffixes, and numbered PNGs in a zip file."""
FILM_DOWNLOADS = ("mp4", "webm", "mkv")
"""What a whole film can be taken home as."""

_MEGABYTE = 1_000_000
_THUMB = 240  # pixels of the longer side of a drawing's small picture
_STRIP = 144  # pixels of the shorter side of a film's small pictures
_PAIRS = 6  # prepared pairs that a session keeps for each engine
_HELD = 6  # key frames at the size of the screen that are kept in memory
_RESULTS = 12  # drawn results of which the frames are kept
_SAME_TIME = 0.002  # seconds by which the time of one frame may differ between two decodings
_SEEK = 3.0  # seconds; to a later drawing it is quicker to seek than to decode on


@dataclass(frozen=True)
class Drawing:
    """A key frame that came in.

    Attributes:
        id: tells it from the others of its session.
        name: what the person calls it.
        path: where it lies.
        width: in pixels.
        height: in pixels.
    """

    id: str
    name: str
    path: Path
    width: int
    height: int

    @property
    def thumb(self) -> Path:
        """Its small picture."""
        return self.path.with_name(f"{self.path.stem}-small.png")


@dataclass(frozen=True)
class FilmDrawing:
    """A drawing of a film; a held one counts once.

    Attributes:
        time: when it is first shown, in seconds.
        shot: the number of its shot, from 0.
        thumb: its small picture.
    """

    time: float
    shot: int
    thumb: Path


@dataclass(frozen=True)
class FilmStrip:
    """A film that came in, looked through.

    Attributes:
        name: what the person calls it.
        info: what it says of itself.
        drawings: in order.
        cadences: for each shot, on how many frames it is drawn; None where that cannot be told.
        is_whole: whether all of its drawings are here, and not only the first so many.
    """

    name: str
    info: VideoInfo
    drawings: tuple[FilmDrawing, ...]
    cadences: tuple[int | None, ...]
    is_whole: bool


@dataclass(frozen=True)
class Upload:
    """A file that was announced and may now be sent: `limit` bytes at most, to `path`."""

    id: str
    name: str
    path: Path
    limit: int


class PairMemory:
    """An engine that remembers the pairs it prepared, so that any t of them is drawn at once."""

    def __init__(self, engine: Engine, most: int = _PAIRS) -> None:
        """Asks `engine` for what is not among the `most` pairs that were asked for last."""
        self.name = engine.name
        self._engine, self._most = engine, most
        self._pairs: OrderedDict[bytes, Pair] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, first: Working, last: Working) -> Pair:
        """Gives the prepared pair, from memory where it is there."""
        digest = hashlib.blake2b(f"{first.shape} {first.dtype}".encode())
        for frame in (first, last):
            digest.update(frame.data if frame.flags.c_contiguous else frame.tobytes())
        key = digest.digest()
        with self._lock:  # two who ask for one pair at the same time have it prepared once
            if key not in self._pairs:
                self._pairs[key] = self._engine.prepare(first, last)
                while len(self._pairs) > self._most:
                    self._pairs.popitem(last=False)
            self._pairs.move_to_end(key)
            return self._pairs[key]


class _View(Sequence[Frame]):
    """Key frames at the size of a screen."""

    def __init__(self, keys: KeyFrames, longest: int) -> None:
        self._keys = keys
        height, width = keys[0].shape[:2]
        scale = min(1.0, longest / max(height, width))
        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        self._held: OrderedDict[int, Frame] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        with self._lock:
            if index not in self._held:
                self._held[index] = resize_image(self._keys[index], *self._size)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(index)
            return self._held[index]


class Session:
    """One page: its drawings, its film, and its work. All of it may be asked from several threads."""

    def __init__(self, id: str, folder: Path, studio: "Studio") -> None:
        """Makes the folder."""
        self.id = id
        self.folder = folder
        self.jobs = JobQueue(self.tell)
        self.drawings: tuple[Drawing, ...] = ()
        self.film: FilmStrip | None = None
        self.touched = time.monotonic()
        self._studio = studio
        self._config = studio.config
        self._names: dict[Path, str] = {}
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.RLock()
        self._live = threading.Lock()
        self._view: tuple[tuple[Any, ...], _View] | None = None
        self._closed = False
        self._memories: dict[str, PairMemory] = {}
        self._chases = 0
        folder.mkdir()

    # What comes in

    def announce(self, name: str, size: int) -> Upload:
        """Says whether a file may be sent, before its bytes come.

        Args:
            name: what the person calls it.
            size: bytes.

        Raises:
            InputError: it is too large, there is no room for it, or its kind is not taken here.
        """
        name = shown(Path(name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "drawing"))
        suffix = PurePosixPath(name).suffix.lower()
        config = self._config
        is_film = suffix in FILM_SUFFIXES
        moves = suffix in (".gif", ".webp", ".png", ".apng") and "films" in config.accept
        if is_film and "films" not in config.accept:
            raise InputError(f"{name}: is a film, and the studio was started to take drawings alone (--accept)")
        limit, option = (config.max_film, "--max-film") if is_film or moves else (config.max_drawing, "--max-drawing")
        _check_weight(name, size, limit, option)
        if len(self.drawings) >= config.max_drawings and not is_film:
            raise InputError(
                f"{name}: there are {len(self.drawings)} key frames already; "
                "remove some, or start the studio with --max-drawings"
            )
        safe = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
        upload = Upload(secrets.token_urlsafe(8), name, self._name(name, safe), limit * _MEGABYTE)
        self._uploads[upload.id] = upload
        return upload

    def find_upload(self, id: str) -> Upload:
        """A file that was announced and has not come; KeyError where there is none."""
        return self._uploads[id]

    def give_up(self, upload: Upload) -> None:
        """Forgets a file that did not come whole."""
        self._uploads.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)

    def take(self, upload: Upload) -> Drawing | Job:
        """Takes a file whose bytes have come: a drawing at once; a film is looked through by a job.

        Raises:
            InputError: it is neither, or damaged; the file is gone then.
        """
        self._uploads.pop(upload.id, None)
        try:
            is_film = upload.path.suffix in FILM_SUFFIXES
            if not is_film and "films" in self._config.accept and _count_pictures(upload.path) > 1:
                is_film = True
            if is_film:
                return self._take_film(upload)
            _check_weight(upload.name, upload.path.stat().st_size, self._config.max_drawing, "--max-drawing")
            if "drawings" not in self._config.accept:
                raise InputError(
                    f"{upload.name}: is no film, and the studio was started to take films alone (--accept)"
                )
            drawing = self._read_drawing(upload.name, upload.path)
            with self._lock:
                self.drawings = (*self.drawings, drawing)
            return drawing
        except Exception:
            upload.path.unlink(missing_ok=True)
            raise

    def draw_chase(self) -> None:
        """Puts two key frames that animi draws itself in the place of the drawings: a cat chases a mouse."""
        from ..cartoon.films import plan_film

        with self._lock:
            seed, self._chases = 7 + self._chases, self._chases + 1
        film = plan_film(DrawCartoonConfig(Path(), "chase", seed=seed, width=480, height=320, fine=5))
        self.drawings = (
            self._keep("cat-a.png", film.draw_at(0.34)),
            self._keep("cat-b.png", film.draw_at(0.42)),
        )

    def arrange(self, ids: Sequence[str]) -> None:
        """Puts the drawings in this order; those that are not named are removed.

        Raises:
            InputError: there is no drawing of that name, or one is named twice.
        """
        with self._lock:
            known = {drawing.id: drawing for drawing in self.drawings}
            if len(set(ids)) != len(ids) or not set(ids) <= set(known):
                raise InputError("the key frames have changed in the meantime; load the page anew")
            self.drawings = tuple(known[id] for id in ids)

    def _name(self, name: str, suffix: str) -> Path:
        """A path for a file that came in, which is called by its name in messages."""
        with self._lock:
            path = self._folder("files") / f"{len(self._names) + 1}{suffix}"
            self._names[path] = name
        return path

    def _keep(self, name: str, frame: Frame) -> Drawing:
        """Makes a key frame of a picture."""
        path = self._name(name, ".png")
        write_png(path, frame)
        return self._read_drawing(name, path)

    def _read_drawing(self, name: str, path: Path) -> Drawing:
        """Makes a key frame of a file.

        Raises:
            InputError: it is not an image that can be used.
        """
        frame = read_image(path)
        height, width = frame.shape[:2]
        scale = min(1.0, _THUMB / max(height, width))
        small = resize_image(frame, max(1, round(width * scale)), max(1, round(height * scale)))
        drawing = Drawing(secrets.token_urlsafe(6), name, path, width, height)
        drawing.thumb.write_bytes(encode_png(to_uint8(small)))
        return drawing

    def _folder(self, name: str) -> Path:
        if self._closed:
            raise Cancelled
        folder = self.folder / name
        folder.mkdir(exist_ok=True, parents=True)
        return folder

    # Films

    def _take_film(self, upload: Upload) -> Job:
        info = probe_video(upload.path)

        def look_through(job: Job) -> None:
            folder = self._folder("strips")
            config = ExtractFramesConfig(
                (upload.path,), folder, _STRIP, "keep", format="jpeg", quality=80,
                max_frames=self._config.max_film_drawings,
            )  # fmt: skip
            film = _look_through(upload.name, info, config, lambda seconds: job.report(seconds, info.duration))
            if len(film.drawings) < 2:
                raise InputError(
                    f"{upload.name}: shows one drawing only, and two are needed; give a longer film, or drop drawings"
                )
            earlier, self.film = self.film, film
            if earlier is not None:
                earlier.info.path.unlink(missing_ok=True)
                shutil.rmtree(earlier.drawings[0].thumb.parent, ignore_errors=True)

        return self.jobs.submit("look", f"Looking through {upload.name}", look_through)

    def choose(self, numbers: Sequence[int]) -> Job:
        """Puts drawings of the film, by their numbers, in the place of the key frames, at full size.

        Raises:
            InputError: there is no film, or no such drawing, or they are too few or too many.
        """
        film = self.film
        if film is None:
            raise InputError("there is no film to choose from; drop one first")
        chosen = sorted(set(numbers))
        if len(chosen) < 2 or not 0 <= chosen[0] <= chosen[-1] < len(film.drawings):
            raise InputError(f"two drawings or more are needed of the {len(film.drawings)}; choose a first and a last")
        if len(chosen) > self._config.max_drawings:
            raise InputError(
                f"{len(chosen)} drawings are more than the {self._config.max_drawings} key frames that are taken; "
                "choose a shorter range, or start the studio with --max-drawings"
            )

        def fetch(job: Job) -> None:
            job.report(0, len(chosen))
            drawings: list[Drawing] = []
            for number, frame in zip(chosen, _fetch_frames(film, chosen), strict=False):
                drawings.append(self._keep(f"{PurePosixPath(film.name).stem}-{number + 1}.png", frame))
                job.report(len(drawings))
            if len(drawings) < len(chosen):
                raise InputError(f"{film.name}: drawing {chosen[len(drawings)] + 1} cannot be decoded; choose another")
            self.drawings = tuple(drawings)

        return self.jobs.submit("choose", f"Taking {len(chosen)} drawings out of {film.name}", fetch)

    def smooth(self, raw: Mapping[str, Any]) -> Job:
        """Draws the whole film anew with more frames, as `animi interpolate FILM` would.

        Args:
            raw: "factor" or "fps", "cadence", "engine", "on_failure", "format", one of FILM_DOWNLOADS, and "preview",
                seconds from the start that are enough; each may be missing.

        Raises:
            AnimiError: a setting cannot be used, or there is no film.
        """
        film = self.film
        if film is None:
            raise InputError("there is no film to draw anew; drop one first")
        kind = raw.get("format") or FILM_DOWNLOADS[0]
        if kind not in FILM_DOWNLOADS:
            raise ConfigError(f"format: {kind!r} is not known; give one of {', '.join(FILM_DOWNLOADS)}")
        preview = raw.get("preview")
        if not isinstance(preview, int | float | None):
            raise ConfigError(f"--preview: {preview!r} is no number of seconds; give some, such as 5")
        name = self._choose_engine(raw)
        title = f"{_clean(film.name) or 'film'}-{'preview' if preview else 'smooth'}.{kind}"
        engine, checkpoint = self._studio.find_source(name)
        config = InterpolateFilmConfig(
            film.info.path,
            Path(title),
            factor=read_rate(str(raw["factor"]), "--factor") if raw.get("factor") else None,
            fps=read_rate(str(raw["fps"]), "--fps") if raw.get("fps") else None,
            cadence=str(raw.get("cadence") or CADENCES[0]),
            preview=preview,
            engine=engine,
            checkpoint=checkpoint,
            device=self._config.device,
            on_failure=str(raw.get("on_failure") or ON_FAILURE[0]),
        )

        def draw_anew(job: Job) -> None:
            from ..films.interpolation import interpolate_film

            with self._export_folder(job) as folder:
                made = interpolate_film(replace(config, output=folder / title), job.report)
                job.result |= {
                    "width": made.width, "height": made.height, "frames": made.frames, "notes": list(made.notes),
                    "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self.jobs.submit("export", f"Drawing {title}", draw_anew, name=title)

    # What goes out

    def draw(self, raw: Mapping[str, Any]) -> Job:
        """Draws all frames at the size of the screen; an earlier drawing by the same engine is no longer wanted.

        Args:
            raw: the page's settings, see `read_settings`, and "engine": one of the studio's.

        Raises:
            AnimiError: a setting cannot be used.
        """
        config, name = self._read(raw)
        drawings = self.drawings
        for earlier in self.jobs.list():
            if earlier.kind == "draw" and earlier.result.get("engine") == name and not earlier.is_over:
                earlier.cancel()
        self._drop_results()
        positions = _find_positions(config, len(drawings))
        order = list(range(len(positions)))
        if config.boomerang:
            order += turn_back(len(positions), loop=config.loop)

        def draw_all(job: Job) -> None:
            keys = self._open_view(drawings, config)
            engine = self._memory(name)
            job.report(0, len(positions))
            frames = interpolate(
                keys, config.count, spacing=config.spacing, loop=config.loop, engine=engine,
                on_failure=config.on_failure,
            )  # fmt: skip
            folder = self._folder(f"results/{job.id}")
            for number, frame in enumerate(frames):
                (folder / f"{number}.png").write_bytes(encode_png(to_uint8(frame)))
                job.result |= {"width": frame.shape[1], "height": frame.shape[0]}
                job.report(number + 1)

        return self.jobs.submit("draw", f"Drawing with {name}", draw_all, engine=name, positions=positions, order=order)

    def find_frame(self, job: Job, number: int) -> Path:
        """A frame that `draw` has drawn; KeyError where it has not come to that yet, or the result is dropped."""
        path = self.folder / "results" / job.id / f"{number}.png"
        if job.kind != "draw" or not 0 <= number < job.done or not path.is_file():
            raise KeyError(number)
        return path

    def draw_moment(self, raw: Mapping[str, Any], position: float, *, full: bool = False) -> bytes:
        """Draws one moment; the pair is prepared once, and any further moment of it is quick.

        Args:
            raw: as in `draw`.
            position: the number of the key frame before it, and t after the point: 1.25 is between the second and the
                third.
            full: at the key frames' own size.

        Returns:
            A PNG.

        Raises:
            AnimiError: a setting cannot be used.
        """
        config, name = self._read(raw)
        drawings = self.drawings
        segments = len(drawings) if config.loop else len(drawings) - 1
        if not 0 <= position <= max(segments, 0):
            raise ConfigError(f"t: {position:g} is out of range; give 0 to {segments}")
        with self._live:
            keys = self._open_keys(drawings, config) if full else self._open_view(drawings, config)
            segment = min(int(position), segments - 1)
            t = position - segment
            ends = [keys[segment], keys[(segment + 1) % len(keys)]]
            if t in (0, 1):
                frame = ends[int(t)]
            else:
                engine = self._studio.open(name) if full else self._memory(name)
                frame = next(prepare_pair(ends[0], ends[1], engine, config.on_failure)([t]))
        return encode_png(frame if full else to_uint8(frame))

    def export(self, raw: Mapping[str, Any]) -> Job:
        """Writes the animation at full size, as `animi interpolate` would; `raw["format"]` is one of DOWNLOADS.

        Raises:
            AnimiError: a setting cannot be used.
        """
        config, name = self._read(raw)
        kind = raw.get("format")
        if kind not in DOWNLOADS:
            raise ConfigError(f"format: {kind!r} is not known; give one of {', '.join(DOWNLOADS)}")
        drawings = self.drawings
        title = _name_result(drawings) + DOWNLOADS[kind]

        def write(job: Job) -> None:
            keys = self._open_keys(drawings, config)
            total = count_frames(len(keys), len(config.times), loop=config.loop, boomerang=config.boomerang)
            job.report(0, total)
            frames = interpolate(
                keys, config.count, spacing=config.spacing, loop=config.loop, boomerang=config.boomerang,
                engine=self._studio.open(name), on_failure=config.on_failure,
            )  # fmt: skip
            with self._export_folder(job) as folder:
                target = folder / ("frames" if kind == "zip" else title)
                written = write_animation(target, frames, fps=config.fps, count=total, on_frame=job.report)
                if kind == "zip":
                    _pack(target, folder / title)
                job.result |= {
                    "width": written.width, "height": written.height, "frames": written.frames,
                    "notes": list(written.notes), "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self.jobs.submit("export", f"Writing {title}", write, name=title)

    def find_export(self, job: Job) -> Path:
        """The file that `export` has written; KeyError where there is none."""
        path = self.folder / "exports" / job.id / str(job.result.get("name", ""))
        if job.kind != "export" or job.state != DONE or not path.is_file():
            raise KeyError(job.id)
        return path

    def tell(self, error: Exception) -> str | None:
        """An error in the words of the command line, with the person's own names; None for one that is our fault."""
        if isinstance(error, AnimiError):
            words = str(error)
        elif isinstance(error, OSError):
            words = f"the temporary folder cannot be written ({reason(error)}); free some space and try again"
        elif isinstance(error, MemoryError):
            words = "not enough memory; use smaller frames (--size) or close other programs"
        else:
            return None
        for path, name in sorted(self._names.items(), key=lambda known: -len(str(known[0]))):  # 11.png before 1
            words = words.replace(shown(path), name)
        return re.sub(re.escape(shown(self.folder)) + r"/(exports/\d+/)?", "", words)

    def close(self) -> None:
        """Stops its work and removes its files."""
        self._closed = True
        self.jobs.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, raw: Mapping[str, Any]) -> tuple[InterpolateConfig, str]:
        """The settings, checked, and the name of the engine."""
        name = self._choose_engine(raw)
        config = read_settings(raw)
        count = len(self.drawings)
        if count >= 2:
            total = count_frames(count, len(config.times), loop=config.loop, boomerang=config.boomerang)
            if total > self._config.max_frames:
                raise ConfigError(
                    f"-n: {total} frames in all are more than the {self._config.max_frames} that are drawn here; "
                    "lower it, or start the studio with --max-frames"
                )
        return config, name

    def _choose_engine(self, raw: Mapping[str, Any]) -> str:
        name = raw.get("engine") or self._studio.engines[0]
        if name not in self._studio.engines:
            raise ConfigError(f"--engine: {name!r} is not known; choose one of {', '.join(self._studio.engines)}")
        return str(name)

    @contextmanager
    def _export_folder(self, job: Job) -> Iterator[Path]:
        """A folder for what a job writes; removed with all that is in it where the job does not come to its end."""
        folder = self._folder(f"exports/{job.id}")
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _open_keys(self, drawings: Sequence[Drawing], config: InterpolateConfig) -> KeyFrames:
        """The drawings as key frames, checked against each other."""
        paths = [drawing.path for drawing in drawings]
        return KeyFrames(paths, None if config.size is None else read_size(config.size))

    def _open_view(self, drawings: Sequence[Drawing], config: InterpolateConfig) -> _View:
        """The same at the size of the screen; the last one asked for is kept."""
        key = (drawings, config.size)
        with self._lock:
            if self._view is None or self._view[0] != key:
                self._view = key, _View(self._open_keys(drawings, config), self._config.view)
            return self._view[1]

    def _memory(self, name: str) -> PairMemory:
        with self._lock:
            if name not in self._memories:
                self._memories[name] = PairMemory(self._studio.open(name))
            return self._memories[name]

    def _drop_results(self) -> None:
        """Removes the oldest frames, which nobody looks at any more."""
        at_work = {job.id for job in self.jobs.list() if not job.is_over}
        over = [path for path in self._folder("results").iterdir() if path.name not in at_work]
        for path in sorted(over, key=lambda path: int(path.name))[:-_RESULTS]:
            shutil.rmtree(path, ignore_errors=True)


class Studio:
    """All sessions, the engines that they share, and the temporary folder that holds every file."""

    def __init__(self, config: StudioConfig) -> None:
        """Makes the folder, and removes what studios left that were killed.

        Raises:
            CheckpointError: a network cannot be used.
            DeviceError: the device is not on this machine.
        """
        self.config = config
        sources: list[tuple[str, tuple[str | None, Path | None]]] = [(name, (name, None)) for name in ENGINES]
        for path, name in zip(config.checkpoints, name_apart(config.checkpoints), strict=True):
            sources.append((name, (None, path)))
        self._sources = dict(sources)
        self._engines: dict[str, Engine] = {}
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        for name in self._sources:
            if name not in ENGINES:
                self.open(name)
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._owned = try_lock(self.folder, patience=1)  # for as long as the studio lives

    @property
    def engines(self) -> tuple[str, ...]:
        """What can draw; the first is the default."""
        return tuple(self._sources)

    @property
    def checkpoints(self) -> dict[str, Path]:
        """The engines that are trained networks, and where these lie."""
        return {name: path for name, (_, path) in self._sources.items() if path is not None}

    def find_source(self, name: str) -> tuple[str | None, Path | None]:
        """The engine of that name as commands have it: an engine's name, or a network's checkpoint."""
        return self._sources[name]

    def open(self, name: str) -> Engine:
        """The engine of that name, opened once."""
        with self._lock:
            if name not in self._engines:
                engine, checkpoint = self._sources[name]
                self._engines[name] = open_engine(engine, checkpoint, self.config.device)
            return self._engines[name]

    def begin(self) -> Session:
        """Makes a session; where there are too many, the one left alone for longest is dropped."""
        self.drop_idle()
        with self._lock:
            dropped = sorted(self._sessions.values(), key=lambda session: session.touched)
            dropped = dropped[: max(0, len(dropped) + 1 - self.config.sessions)]
            for session in dropped:
                del self._sessions[session.id]
            id = secrets.token_urlsafe(16)
            session = self._sessions[id] = Session(id, self.folder / secrets.token_hex(8), self)
        for old in dropped:
            old.close()
        return session

    def __getitem__(self, id: str) -> Session:
        """The session of that name; KeyError where there is none."""
        with self._lock:
            session = self._sessions[id]
            session.touched = time.monotonic()
            return session

    def end(self, id: str) -> None:
        """Drops a session and its files; KeyError where there is none."""
        with self._lock:
            session = self._sessions.pop(id)
        session.close()

    def drop_idle(self) -> None:
        """Drops the sessions that nobody has asked anything of for as long as is allowed."""
        until = time.monotonic() - 60 * self.config.idle
        with self._lock:
            idle = [session for session in self._sessions.values() if session.touched < until]
            for session in idle:
                del self._sessions[session.id]
        for session in idle:
            session.close()

    def close(self) -> None:
        """Stops all work and removes the temporary folder with all that is in it."""
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            for job in session.jobs.list():
                job.cancel()
        for session in sessions:
            session.close()
        if self._owned is not None:
            unlock(self.folder, self._owned)
            self._owned = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _check_weight(name: str, size: int, limit: int, option: str) -> None:
    if size > limit * _MEGABYTE:
        raise InputError(
            f"{name}: is {size / _MEGABYTE:.1f} MB, and {limit} MB are taken; "
            f"make it smaller, or start the studio with {option}"
        )


def read_settings(raw: Mapping[str, Any]) -> InterpolateConfig:
    """Reads the page's settings: count, fps, spacing, loop, boomerang, size and on_failure; each may be missing.

    Raises:
        ConfigError: one has a value that cannot be used; the message begins with the option's name.
    """
    defaults = InterpolateConfig((), Path())
    count = raw.get("count", defaults.count)
    if not isinstance(count, int) or isinstance(count, bool):
        raise ConfigError(f"-n: {count!r} is no whole number; it counts both key frames, so give 2 or more")
    return InterpolateConfig(
        (),
        Path(),
        count,
        read_rate(str(raw.get("fps", defaults.fps)), "--fps"),
        str(raw.get("spacing") or defaults.spacing),
        bool(raw.get("loop", False)),
        bool(raw.get("boomerang", False)),
        size=str(raw["size"]).strip() if raw.get("size") else None,
        on_failure=str(raw.get("on_failure") or defaults.on_failure),
    )


def _find_positions(config: InterpolateConfig, keys: int) -> list[float]:
    """Where the frames that `interpolate` gives without a boomerang lie, see `Session.draw_moment`."""
    segments = max(0, keys if config.loop else keys - 1)
    found = [segment + t for segment in range(segments) for t in config.times[:-1]]
    return found if config.loop else [*found, float(segments)]


def _look_through(
    name: str, info: VideoInfo, config: ExtractFramesConfig, on_time: Callable[[float], None]
) -> FilmStrip:
    """Finds a film's drawings and shots."""
    from ..material.extraction import SHOTS, extract_frames
    from ..material.frame_store import RECORDS

    found = extract_frames(config, on_time=on_time)[0]
    lines = (found.folder / RECORDS).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    shots = json.loads((found.folder / SHOTS).read_text(encoding="utf-8"))
    drawings = tuple(
        FilmDrawing(record["timestamp"], record["shot"], found.folder / record["file"])
        for record in records
        if record["file"]
    )
    return FilmStrip(name, info, drawings, tuple(shot["cadence"] for shot in shots), not found.full)


def _fetch_frames(film: FilmStrip, numbers: Sequence[int]) -> Iterator[Frame]:
    """Decodes drawings of a film at full size, in order; ends early where one cannot be decoded."""
    wanted = [film.drawings[number].time for number in numbers]
    while wanted:
        with closing(decode_video(film.info, start=max(0.0, wanted[0] - _SAME_TIME))) as frames:
            for frame in frames:
                if frame.time < wanted[0] - _SAME_TIME:
                    continue
                yield frame.pixels
                del wanted[0]
                if not wanted or wanted[0] - frame.time > _SEEK:
                    break
            else:
                return


def _count_pictures(path: Path) -> int:
    """How many pictures play in an image file; 0 where that cannot be told."""
    from PIL import Image

    try:
        with Image.open(path, formats=("GIF", "PNG", "WEBP")) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # whatever is wrong with it is said by those who read it
        return 0


def _name_result(drawings: Sequence[Drawing]) -> str:
    """A file name without a suffix: those of the first and the last key frame."""
    stems = [_clean(drawing.name) for drawing in drawings]
    ends = dict.fromkeys([*stems[:1], *stems[-1:]])
    return "-to-".join(stem for stem in ends if stem) or "animation"


def _clean(name: str) -> str:
    """The part of a person's name for a file that any system takes, without its suffix."""
    return re.sub(r"[^\w.-]+", "-", PurePosixPath(name).stem).strip(".-")[:40]


def _pack(folder: Path, target: Path) -> None:
    """Puts a folder of PNGs into a zip file, as they are, and removes it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as pack:
        for path in sorted(folder.iterdir()):
            pack.write(path, path.name)
    shutil.rmtree(folder)


_PREFIX = "animi-studio-"


def _sweep() -> None:
    """Removes the temporary folders of our own studios that were killed and could not do it themselves."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, AttributeError):
            if folder.stat().st_uid != os.getuid() or not (folder / LOCK).exists():
                continue
            lock = try_lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                unlock(folder, lock)
