"""A session of the studio: the key frames, the film, the jobs and the files of one page."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from ..config.interpolation import InterpolateFilmConfig
from ..config.material import DrawCartoonConfig
from ..config.parsing import read_size
from ..engines.interface import Engine, Guided, view_for_matching
from ..errors import ConfigError, InputError
from ..files import shown
from ..inbetween.doubt import find_worst
from ..inbetween.exposure_sheet import draw_sheet
from ..inbetween.hints import Hints, list_masks
from ..inbetween.pair import PreparedPair, prepare_pair
from ..inbetween.sequence import count_frames, interpolate, there_and_back, turn_back
from ..media.animation import write_animation
from ..media.decode import VideoInfo, probe_video
from ..media.film_source import FILM_SUFFIXES
from ..media.frames import Frame, to_uint8
from ..media.image_files import encode_png, write_png
from ..media.moving import moves
from ..motion.guides import Point
from ..motion.matches import Match, find_matches
from .drawings import LARGER, KeyFrame, count_pixels, paths_of, read_drawing
from .film_strip import FilmStrip, fetch_frames, scan_film
from .folder import INCOMING, Room, SessionFolder
from .hints import NAME as HINTS
from .hints import HintedPair, PageHints, paint
from .host import Host
from .jobs import Job
from .kept import Kept, Keys, arrange_keys, write_sheet
from .pair_memory import PairMemory, remember
from .results import SHEET, clean_name, find_positions, name_result, zip_bytes, zip_folder
from .settings import DOWNLOADS, DrawSettings, FilmSettings
from .uploads import Upload, Uploads, check_weight
from .view import TurnsKeyFrames, View
from .work import SessionWork

_SAME_TIME = 1e-4  # by which two positions of one frame may differ
_FEWEST = 2  # key frames that can be drawn between
_LARGE = 4_000_000  # pixels; drawing one frame of 24 million takes a gigabyte, and smaller ones need not wait for it


class Session:
    """A session of one page: its key frames, its film and its jobs; may be used from several threads."""

    def __init__(self, id: str, folder: Path, studio: Host) -> None:
        """Makes the folder."""
        self.id = id
        self.files = SessionFolder(folder)
        self.work = SessionWork(self.files, self._check_room)
        self.drawings: tuple[KeyFrame, ...] = ()
        self.hints = PageHints()
        self.kept: tuple[Kept, ...] = ()
        self.film: FilmStrip | None = None
        self.touched = time.monotonic()
        self._studio = studio
        self._config = studio.config
        self._room = Room(
            folder, self._config.max_session, "the files of this page",
            "remove key frames, or start the studio with --max-session",
        )  # fmt: skip
        self._uploads = Uploads()
        self._lock = threading.RLock()
        self._live = threading.Lock()
        self._view: tuple[tuple[object, ...], View] | None = None
        self._memories: dict[str, PairMemory] = {}
        self._chases = 0

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.files.path

    # What comes in

    def announce(self, name: str, size: int, position: float | None = None) -> Upload:
        """Checks that a file may be sent, and reserves room for it.

        Args:
            name: its name for the person.
            size: bytes.
            position: of the frame that it is to be in the place of, see `exchange`.

        Raises:
            InputError: it is too large, there is no room for it, or its kind is not accepted.
        """
        name = shown(Path(name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "drawing"))
        suffix = PurePosixPath(name).suffix.lower()
        config = self._config
        is_film = suffix in FILM_SUFFIXES
        may_move = suffix in (".gif", ".webp", ".png", ".apng") and "films" in config.accept
        if position is not None:
            self._find_gap(position)
            if is_film:
                raise InputError(f"{name}: is a film, and one frame is exchanged; give a drawing")
        if is_film and "films" not in config.accept:
            raise InputError(f"{name}: is a film, and the studio was started to take drawings alone (--accept)")
        if size < 0:
            raise InputError(f"{name}: cannot have {size} bytes; give its size")
        limit, option = (
            (config.max_film, "--max-film") if is_film or may_move else (config.max_drawing, "--max-drawing")
        )
        check_weight(name, size, limit, option)
        if len(self.drawings) + len(self.kept) >= config.max_drawings and not is_film:
            raise InputError(
                f"{name}: there are {len(self.drawings)} key frames already; "
                "remove some, or start the studio with --max-drawings"
            )
        for late in self._uploads.drop_late():
            self._release(late)
        safe = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
        path = self.files.name(name, safe)
        upload = self._uploads.announce(name, path, self.files.folder(INCOMING), size, position)
        try:
            self._make_room(upload.id, size)
        except InputError:
            self.give_up(upload)
            raise
        return upload

    def claim(self, id: str) -> Upload:
        """Returns an announced file whose bytes are about to be received; KeyError if there is none.

        Raises:
            InputError: it is being sent already.
        """
        return self._uploads.claim(id)

    def give_up(self, upload: Upload) -> None:
        """Forgets a file that was not received completely."""
        self._uploads.give_up(upload)
        self._release(upload)

    def take(self, upload: Upload) -> KeyFrame | Job:
        """Takes a file that was received: a drawing at once, a film by a job that scans it.

        Raises:
            InputError: it is neither, or damaged; the file is removed.
        """
        try:
            self._uploads.finish(upload)
            is_own = upload.position is None
            if is_own and (
                upload.path.suffix in FILM_SUFFIXES or ("films" in self._config.accept and moves(upload.path))
            ):
                return self._take_film(upload)
            check_weight(upload.name, upload.size, self._config.max_drawing, "--max-drawing")
            if "drawings" not in self._config.accept:
                raise InputError(
                    f"{upload.name}: is no film, and the studio was started to take films alone (--accept)"
                )
            drawing = self._read_drawing(upload.name, upload.path)
            if upload.position is not None:
                self._exchange(drawing, upload.position)
                return drawing
            with self._lock:
                self.drawings = (*self.drawings, drawing)
            return drawing
        except BaseException:
            self.files.remove([upload.path])
            raise
        finally:
            self._room.release(upload.id)
            self._studio.room.release(upload.id)

    def draw_chase(self) -> None:
        """Replaces the key frames by two that animi draws: a cat chases a mouse."""
        from ..cartoon.films import plan_film

        with self._lock:
            seed, self._chases = 7 + self._chases, self._chases + 1
        film = plan_film(DrawCartoonConfig(Path(), "chase", seed=seed, width=480, height=320, fine=5))
        self._replace_drawings(
            (self._keep("cat-a.png", film.draw_at(0.34)), self._keep("cat-b.png", film.draw_at(0.42)))
        )

    def arrange(self, ids: Sequence[str]) -> None:
        """Puts the key frames in this order; those that are not named are removed, with their files.

        Raises:
            InputError: an id is unknown, or given twice.
        """
        with self._lock:
            known = {drawing.id: drawing for drawing in self.drawings}
            if len(set(ids)) != len(ids) or not set(ids) <= set(known):
                raise InputError("the key frames have changed in the meantime; load the page anew")
            self._replace_drawings(tuple(known[id] for id in ids))

    def _replace_drawings(self, drawings: tuple[KeyFrame, ...]) -> None:
        with self._lock:
            gone = [drawing.path for drawing in self.drawings if drawing not in drawings]
            self.drawings = drawings
            if gone:
                self._view = None
            names = {drawing.id for drawing in drawings}
            gone += self._drop_kept([frame for frame in self.kept if not {frame.first, frame.last} <= names])
        self.files.remove(gone)

    def _keep(self, name: str, frame: Frame) -> KeyFrame:
        """Makes a key frame of a picture."""
        path = self.files.name(name, ".png")
        write_png(path, frame)
        return self._read_drawing(name, path)

    def _read_drawing(self, name: str, path: Path) -> KeyFrame:
        with self._studio.turn:
            return read_drawing(name, path, self._config.most_pixels, LARGER)

    # Hints, and frames that are kept

    def give_hints(self, size: tuple[int, int] | None, pairs: Sequence[HintedPair]) -> None:
        """Takes hints in the place of those that were there; those of key frames that are gone are left out.

        Args:
            size: width and height of the picture that they are of.
            pairs: the hints.

        Raises:
            InputError: one cannot be used; nothing has changed then.
        """
        with self._lock:
            known = {pair.names: pair for pair in self.hints.pairs}
            masks, fresh = {}, []
            for pair in pairs:
                old = known.get(pair.names)
                if old is not None and old.strokes == pair.strokes and size == self.hints.size:
                    if pair.names in self.hints.masks:
                        masks[pair.names] = self.hints.masks[pair.names]
                    continue
                painted = None if size is None else paint(pair.strokes, size)
                if painted is not None:
                    masks[pair.names] = path = self.files.name("the mask of what stays", ".png")
                    fresh.append(path)
                    path.write_bytes(painted)
            hints = PageHints(size, tuple(pairs), masks).keep(self._names())
            try:
                hints.check()
            except InputError:
                self.files.remove(fresh)
                raise
            self._put_hints(hints)

    def _put_hints(self, hints: PageHints) -> None:
        gone = set(self.hints.masks.values()) - set(hints.masks.values())
        self.hints = hints
        self.files.remove(gone)

    def _names(self) -> list[str]:
        """Of all key frames and kept frames."""
        return [drawing.id for drawing in (*self.drawings, *(frame.drawing for frame in self.kept))]

    def keep_moment(self, settings: DrawSettings, position: float) -> KeyFrame:
        """Keeps a frame as it is drawn now: it is a key frame from then on.

        Args:
            settings: as in `draw`.
            position: as in `draw_moment`; between two key frames.

        Raises:
            AnimiError: it cannot be kept, or not be drawn.
        """
        self._find_gap(position)
        if len(self.drawings) + len(self.kept) >= self._config.max_drawings:
            raise InputError(
                f"there are {len(self._names())} key frames already; "
                "remove some, or start the studio with --max-drawings"
            )
        name = f"{PurePosixPath(self.drawings[int(position)].name).stem}-{position:.3f}.png"
        path = self.files.name(name, ".png")
        path.write_bytes(self.draw_moment(settings, position, full=True))
        drawing = self._read_drawing(name, path)
        try:
            self._exchange(drawing, position)
        except InputError:
            self.files.remove([path])
            raise
        return drawing

    def let_go(self, id: str) -> None:
        """Keeps a frame no longer: it is drawn again; KeyError where there is none of that name."""
        with self._lock:
            frame = next((frame for frame in self.kept if frame.drawing.id == id), None)
            if frame is None:
                raise KeyError(id)
            gone = self._drop_kept([frame])
        self.files.remove(gone)

    def _drop_kept(self, frames: Sequence[Kept]) -> list[Path]:
        """Drops kept frames, and hints of what is no longer there; gives the files that are no longer needed."""
        self.kept = tuple(frame for frame in self.kept if frame not in frames)
        if frames:
            self._view = None
        self._put_hints(self.hints.keep(self._names()))
        return [frame.drawing.path for frame in frames]

    def _find_gap(self, position: float) -> tuple[str, str, float]:
        """The names of the key frames around a position, and t between them.

        Raises:
            InputError: there is a key frame at the position, or nothing.
        """
        drawings = self.drawings
        number, t = int(position), position - int(position)
        if not (0 <= number < len(drawings) and 0 < t < 1 and len(drawings) > 1):
            raise InputError("only a frame between two key frames can be kept or exchanged; go to one first")
        return drawings[number].id, drawings[(number + 1) % len(drawings)].id, t

    def _exchange(self, drawing: KeyFrame, position: float) -> None:
        """Puts a drawing in the place of the frame at a position.

        Raises:
            InputError: it is of another size, or there is no such frame any more.
        """
        with self._lock:
            first, last, t = self._find_gap(position)
            model = self.drawings[int(position)]
            if (drawing.width, drawing.height) != (model.width, model.height):
                raise InputError(
                    f"{drawing.name}: is {drawing.width}x{drawing.height}, and the key frames are "
                    f"{model.width}x{model.height}; give a frame of their size"
                )
            beside = [frame for frame in self.kept if (frame.first, frame.last) == (first, last)]
            same = [frame for frame in beside if abs(frame.t - t) < _SAME_TIME]
            if same:
                gone = self._drop_kept(same)
                beside = [frame for frame in beside if frame not in same]
            before = max((frame for frame in beside if frame.t < t), key=lambda frame: frame.t, default=None)
            after = min((frame for frame in beside if frame.t > t), key=lambda frame: frame.t, default=None)
            self.kept = (*self.kept, Kept(drawing, first, last, t))
            (one, start), (other, end) = (
                (first, 0.0) if before is None else (before.drawing.id, before.t),
                (last, 1.0) if after is None else (after.drawing.id, after.t),
            )
            self._put_hints(self.hints.split(one, other, drawing.id, (t - start) / (end - start)))
        if same:
            self.files.remove(gone)

    def write_hints(self, settings: DrawSettings) -> tuple[str, bytes]:
        """What `animi interpolate` needs to draw the same: the name and the bytes of a file.

        The hints as JSON; with masks, or frames that are kept, a zip file of these, an exposure sheet and the hints.

        Raises:
            InputError: there are no hints, and nothing is kept.
        """
        drawings = self._check(settings)
        with self._lock:
            keys, hints = arrange_keys(drawings, self.kept, settings), self.hints
            masks = {names: f"still-{number + 1}.png" for number, names in enumerate(hints.masks)}
            told = hints.lay_out(keys.names, masks, loop=settings.loop)
            kept = [frame.drawing for frame in self.kept if frame.drawing in keys.drawings]
            let_go = self.files.use([*hints.masks.values(), *paths_of(kept)])
        try:
            if told is None and not kept:
                raise InputError("there are no hints to save; give one first")
            files = {} if told is None else {HINTS: json.dumps(told, indent=1).encode()}
            needed = set() if told is None else {pair.get("still") for pair in told["pairs"]}
            files |= {name: hints.masks[names].read_bytes() for names, name in masks.items() if name in needed}
            if kept:
                rows = keys.plan(find_positions(settings, len(drawings)))
                files[SHEET] = write_sheet(rows, [drawing.name for drawing in keys.drawings]).encode()
                files |= {drawing.name: drawing.path.read_bytes() for drawing in kept}
        finally:
            let_go()
        return (HINTS, files[HINTS]) if set(files) == {HINTS} else ("hints.zip", zip_bytes(files))

    # What the engine knows

    def find_matches(self, settings: DrawSettings, position: float) -> list[Match]:
        """What the engine takes for the same in the key frames around a position, in pixels of the hints' picture.

        Raises:
            AnimiError: a setting cannot be used.
        """
        with self._pair_at(settings, position) as (pair, ends, _):
            if pair is None:
                return []
            views = [view_for_matching(to_uint8(frame)) for frame in ends]
            found = find_matches(views[0], views[1], pair.follow())
        width, height = self.hints.size or (self.drawings[0].width, self.drawings[0].height)
        scale = width / views[0].shape[1], height / views[0].shape[0]

        def place(point: Point) -> Point:
            return (point[0] + 0.5) * scale[0] - 0.5, (point[1] + 0.5) * scale[1] - 0.5

        return [Match(place(match.point), place(match.target)) for match in found]

    def draw_doubt(self, settings: DrawSettings, position: float) -> bytes:
        """Where the frame at a position is guesswork: a grey PNG, white for all of it; black at key frames.

        Raises:
            AnimiError: a setting cannot be used.
        """
        with self._pair_at(settings, position) as (pair, _, t):
            found = np.zeros((1, 1), np.float32) if pair is None else pair.doubt(t)
        return encode_png((255 * found + 0.5).astype(np.uint8)[..., None])

    def find_doubtful(self, settings: DrawSettings) -> Job:
        """Finds the frames that are worth a look, the worst first: their positions, doubts and places.

        Places are parts of the width and the height, from 0 to 1.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings, name = self._check(settings), settings.engine
        keys, hints, uses = self._gather(drawings, settings)
        positions = find_positions(settings, len(drawings))

        def look_for(job: Job) -> None:
            view, engine = self._open_view(keys.drawings, settings), self._memory(name)
            found = []
            pair: tuple[tuple[int, int], PreparedPair] | None = None
            for number, position in enumerate(positions):
                job.report(number, len(positions))
                first, last, t = keys.find(position)
                if t in (0, 1):
                    continue
                if pair is None or pair[0] != (first, last):
                    pair = (first, last), self._prepare(view, first, last, engine, settings, hints)
                doubt = pair[1].doubt(t)
                worst = find_worst(doubt)
                if worst.is_worth_a_look:
                    x, y = (np.array(worst.place) + 0.5) / doubt.shape[1::-1]
                    found.append((round(worst.amount, 4), position, round(float(x), 4), round(float(y), 4)))
            job.result["worst"] = sorted(found, reverse=True)
            job.report(len(positions))

        return self.work.submit("doubt", f"Looking for doubtful frames of {name}", look_for, uses, engine=name)

    @contextmanager
    def _pair_at(
        self, settings: DrawSettings, position: float
    ) -> Iterator[tuple[PreparedPair | None, list[Frame], float]]:
        """The pair around a position, at the size of the screen, its frames, and t; no pair at a key frame."""
        drawings, name = self._check(settings), settings.engine
        keys, hints, uses = self._gather(drawings, settings)
        self._check_position(keys, position)
        let_go = self.files.use(uses)
        try:
            with self._live:
                view = self._open_view(keys.drawings, settings)
                first, last, t = keys.find(position)
                ends = [view[first], view[last]]
                pair = None
                if t not in (0, 1):
                    pair = self._prepare(view, first, last, self._memory(name), settings, hints)
                yield pair, ends, t
        finally:
            let_go()

    def _gather(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> tuple[Keys, Hints, list[Path]]:
        """Key frames with those that are kept, their hints where the engine takes any, and the files of both."""
        with self._lock:
            keys = arrange_keys(drawings, self.kept, settings)
            hints = self.hints
        takes = isinstance(self._studio.open(settings.engine), Guided)
        read = hints.read(keys.names, loop=settings.loop) if takes else Hints()
        return keys, read, [*paths_of(keys.drawings), *list_masks(read)]

    @staticmethod
    def _prepare(
        keys: Sequence[Frame], first: int, last: int, engine: Engine, settings: DrawSettings, hints: Hints
    ) -> PreparedPair:
        ends = keys[first], keys[last]
        said = hints.of(first, last, ends[0].shape[1], ends[0].shape[0]) if hints else None
        return prepare_pair(ends[0], ends[1], engine, settings.on_failure, hints=said)

    @staticmethod
    def _check_position(keys: Keys, position: float) -> None:
        if len(keys.drawings) >= _FEWEST and not 0 <= position <= keys.end:
            raise ConfigError(f"t: {position:g} is out of range; give 0 to {keys.end:g}")

    # Room

    def _make_room(self, id: str, size: int) -> None:
        """Promises room to an upload; finished downloads expire, the oldest first, where there is none.

        Raises:
            InputError: there is none all the same.
        """
        finished = [job for job in self.work.jobs.list() if job.kind == "export" and job.is_over]
        while finished and (self._room.lacks(size) or self._studio.room.lacks(size)):
            self.work.jobs.forget(finished.pop(0))
        self._room.promise(id, size)
        try:
            self._studio.room.promise(id, size)
        except InputError:
            self._room.release(id)
            raise

    def _release(self, upload: Upload) -> None:
        self._room.release(upload.id)
        self._studio.room.release(upload.id)
        self.files.remove([upload.path])

    def _check_room(self) -> None:
        self._room.check_now_and_then()
        self._studio.room.check_now_and_then()

    # Films

    def _take_film(self, upload: Upload) -> Job:
        def scan(job: Job) -> None:
            strips = self.files.folder(f"strips/{job.id}")
            try:
                info = probe_video(upload.path)
                self._check_film(upload.name, info)
                count = 0

                def on_frame(seconds: float) -> None:
                    nonlocal count
                    count += 1
                    if count > self._config.max_film_frames:
                        raise InputError(
                            f"{upload.name}: has more frames than the {self._config.max_film_frames} that are "
                            "examined; give a shorter piece, or start the studio with --max-film-frames"
                        )
                    job.report(seconds, info.duration)

                film = scan_film(upload.name, info, strips, self._config.max_film_drawings, on_frame)
                if len(film.drawings) < 2:
                    raise InputError(
                        f"{upload.name}: shows one drawing only, and two are needed; "
                        "give a longer film, or drop drawings"
                    )
            except BaseException:
                shutil.rmtree(strips, ignore_errors=True)
                raise
            job.report(job.done)  # the last chance to be cancelled
            earlier, self.film = self.film, film
            if earlier is not None:
                self.files.remove([earlier.info.path])
                shutil.rmtree(earlier.drawings[0].thumb.parent.parent, ignore_errors=True)

        return self.work.submit(
            "look", f"Looking through {upload.name}", scan, [], minutes=self._config.max_film_minutes,
            or_else=lambda: self.files.remove([upload.path]),
        )  # fmt: skip

    def _check_film(self, name: str, info: VideoInfo) -> None:
        if info.width * info.height > self._config.most_pixels:
            raise InputError(
                f"{name}: is of {info.width} x {info.height} pixels, and a frame may have "
                f"{self._config.most_pixels:,}; {LARGER}"
            )

    def choose(self, numbers: Sequence[int]) -> Job:
        """Puts drawings of the film, by their numbers, in the place of the key frames, at full size.

        Raises:
            InputError: there is no film, or no such drawing, or they are too few or too many.
        """
        film = self._need_film("choose from")
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
            drawings: list[KeyFrame] = []
            try:
                for number, frame in zip(chosen, fetch_frames(film, chosen), strict=False):
                    drawings.append(self._keep(f"{PurePosixPath(film.name).stem}-{number + 1}.png", frame))
                    job.report(len(drawings))
                if len(drawings) < len(chosen):
                    raise InputError(
                        f"{film.name}: drawing {chosen[len(drawings)] + 1} cannot be decoded; choose another"
                    )
            except BaseException:
                self.files.remove(drawing.path for drawing in drawings)
                raise
            self._replace_drawings(tuple(drawings))

        return self.work.submit(
            "choose", f"Taking {len(chosen)} drawings out of {film.name}", fetch, [film.info.path],
            minutes=self._config.max_film_minutes,
        )  # fmt: skip

    def smooth(self, settings: FilmSettings) -> Job:
        """Draws the whole film anew with more frames, as `animi interpolate FILM` would.

        Raises:
            AnimiError: a setting cannot be used, or there is no film.
        """
        film = self._need_film("draw anew")
        title = f"{clean_name(film.name) or 'film'}-{'preview' if settings.preview else 'smooth'}.{settings.kind}"
        engine, checkpoint = self._studio.find_source(settings.engine)
        config = InterpolateFilmConfig(
            film.info.path,
            Path(title),
            factor=settings.factor,
            fps=settings.fps,
            cadence=settings.cadence,
            preview=settings.preview,
            engine=engine,
            checkpoint=checkpoint,
            device=self._config.device,
            on_failure=settings.on_failure,
        )

        def draw_anew(job: Job) -> None:
            from ..films.interpolation import interpolate_film

            with self.work.export_folder(job) as folder:
                made = interpolate_film(replace(config, output=folder / title), job.report)
                job.result |= {
                    "width": made.width, "height": made.height, "frames": made.frames,
                    "notes": [self.files.say(note) for note in made.notes], "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self.work.submit("export", f"Drawing {title}", draw_anew, [film.info.path], name=title)

    def _need_film(self, what: str) -> FilmStrip:
        if self.film is None:
            raise InputError(f"there is no film to {what}; drop one first")
        return self.film

    # What goes out

    def draw(self, settings: DrawSettings) -> Job:
        """Draws all frames at the size of the screen; an earlier drawing by the same engine is no longer wanted.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings = self._check(settings)
        for earlier in self.work.jobs.list():
            if earlier.kind == "draw" and earlier.result.get("engine") == settings.engine and not earlier.is_over:
                earlier.cancel()
        self.work.drop_results()
        positions = find_positions(settings, len(drawings))
        order = list(range(len(positions)))
        if settings.boomerang:
            order += turn_back(len(positions), loop=settings.loop)

        plan, hints, uses = self._gather(drawings, settings)

        def draw_all(job: Job) -> None:
            keys = self._open_view(plan.drawings, settings)
            job.report(0, len(positions))
            once = replace(settings, boomerang=False)
            frames = self._draw(plan, keys, once, self._memory(settings.engine), hints)
            folder = self.files.folder(f"results/{job.id}")
            for number, frame in enumerate(frames):
                (folder / f"{number}.png").write_bytes(encode_png(to_uint8(frame)))
                job.result |= {"width": frame.shape[1], "height": frame.shape[0]}
                job.report(number + 1)

        return self.work.submit(
            "draw",
            f"Drawing with {settings.engine}",
            draw_all,
            uses,
            engine=settings.engine,
            positions=positions,
            order=order,
            keys=list(zip(plan.names, plan.positions, strict=True)),
            end=plan.end,
        )

    def draw_moment(self, settings: DrawSettings, position: float, *, full: bool = False) -> bytes:
        """Draws one moment; the pair is prepared once, and any further moment of it is quick.

        Args:
            settings: as in `draw`.
            position: the number of the key frame before it, and t after the point: 1.25 is between the second and the
                third.
            full: at the key frames' own size.

        Returns:
            A PNG.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings = self._check(settings)
        plan, hints, uses = self._gather(drawings, settings)
        self._check_position(plan, position)
        let_go = self.files.use(uses)
        try:
            with self._live, self._turn_for(drawings, settings) if full else nullcontext():
                keys = self._open_keys(plan.drawings, settings) if full else self._open_view(plan.drawings, settings)
                first, last, t = plan.find(position)
                if t in (0, 1):
                    frame = keys[(first, last)[int(t)]]
                else:
                    engine = self._studio.open(settings.engine) if full else self._memory(settings.engine)
                    frame = next(self._prepare(keys, first, last, engine, settings, hints)([t]))
        finally:
            let_go()
        return encode_png(frame if full else to_uint8(frame))

    def export(self, settings: DrawSettings, kind: str) -> Job:
        """Writes the animation at full size, as `animi interpolate` would; `kind` is one of DOWNLOADS.

        Raises:
            AnimiError: a setting cannot be used.
        """
        drawings = self._check(settings)
        title = name_result(drawings) + DOWNLOADS[kind]
        plan, hints, uses = self._gather(drawings, settings)

        def write(job: Job) -> None:
            keys = self._open_keys(plan.drawings, settings)
            total = count_frames(len(drawings), len(settings.times), loop=settings.loop, boomerang=settings.boomerang)
            job.report(0, total)
            frames = self._draw(plan, keys, settings, self._studio.open(settings.engine), hints)
            with self._turn_for(drawings, settings, lambda: job.report(0)), self.work.export_folder(job) as folder:
                target = folder / ("frames" if kind == "zip" else title)
                written = write_animation(target, frames, fps=settings.fps, count=total, on_frame=job.report)
                if kind == "zip":
                    zip_folder(target, folder / title)
                job.result |= {
                    "width": written.width, "height": written.height, "frames": written.frames,
                    "notes": [self.files.say(note) for note in written.notes],
                    "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self.work.submit("export", f"Writing {title}", write, uses, name=title)

    @staticmethod
    def _draw(
        plan: Keys, keys: Sequence[Frame], settings: DrawSettings, engine: Engine, hints: Hints
    ) -> Iterator[Frame]:
        """Draws all frames, in order."""
        count = sum(position.is_integer() for position in plan.positions)
        if count == len(plan.drawings):
            return interpolate(
                keys, settings.count, spacing=settings.spacing, loop=settings.loop, boomerang=settings.boomerang,
                engine=engine, on_failure=settings.on_failure, hints=hints,
            )  # fmt: skip
        rows = plan.plan(find_positions(settings, count))
        frames = draw_sheet(rows, keys, engine, settings.on_failure, loop=settings.loop, hints=hints)
        return there_and_back(frames, settings.loop) if settings.boomerang else frames

    def close(self) -> None:
        """Ends its work, within 2 seconds, and removes its files."""
        self.work.jobs.close()
        self.files.close()

    def _check(self, settings: DrawSettings) -> tuple[KeyFrame, ...]:
        """The drawings as they are now, and the settings, of which it is known that they fit them.

        Raises:
            ConfigError: there would be too many frames, or too large ones.
        """
        drawings = self.drawings
        total = count_frames(
            max(2, len(drawings)), len(settings.times), loop=settings.loop, boomerang=settings.boomerang
        )  # fmt: skip
        if total > self._config.max_frames:
            raise ConfigError(
                f"-n: {total} frames in all are more than the {self._config.max_frames} that are drawn here; "
                "lower it, or start the studio with --max-frames"
            )
        if settings.size is not None and drawings and count_pixels(drawings, settings) > self._config.most_pixels:
            raise ConfigError(
                f"--size: {settings.size} makes larger frames than the {self._config.max_megapixels} megapixels that "
                "are drawn here; lower it, or start the studio with --max-megapixels"
            )
        return drawings

    @contextmanager
    def _turn_for(
        self, drawings: Sequence[KeyFrame], settings: DrawSettings, answer: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """Waits until no other page draws large frames, if these are large; `answer` is called now and then."""
        if not drawings or count_pixels(drawings, settings) <= _LARGE:
            yield
            return
        while not self._studio.large.acquire(timeout=0.2):
            answer()
        try:
            yield
        finally:
            self._studio.large.release()

    def _open_keys(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> TurnsKeyFrames:
        """The drawings as key frames, checked against each other."""
        size = None if settings.size is None else read_size(settings.size)
        return TurnsKeyFrames(paths_of(drawings), size, self._studio.turn)

    def _open_view(self, drawings: Sequence[KeyFrame], settings: DrawSettings) -> View:
        """The same at the size of the screen; the last one asked for is kept."""
        key = (drawings, settings.size)
        with self._lock:
            if self._view is None or self._view[0] != key:
                self._view = key, View(self._open_keys(drawings, settings), self._config.view)
            return self._view[1]

    def _memory(self, name: str) -> PairMemory:
        with self._lock:
            if name not in self._memories:
                self._memories[name] = remember(self._studio.open(name))
            return self._memories[name]
