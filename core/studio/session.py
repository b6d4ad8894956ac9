"""A session of the studio: the key frames, the film, the jobs and the files of one page."""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..config.interpolation import InterpolateFilmConfig
from ..config.material import DrawCartoonConfig
from ..config.parsing import read_size
from ..errors import ConfigError, InputError
from ..files import shown
from ..inbetween.pair import prepare_pair
from ..inbetween.sequence import count_frames, interpolate, turn_back
from ..media.animation import write_animation
from ..media.decode import VideoInfo, probe_video
from ..media.film_source import FILM_SUFFIXES
from ..media.frames import Frame, to_uint8
from ..media.image_files import encode_png, write_png
from ..media.moving import moves
from .drawings import LARGER, KeyFrame, count_pixels, paths_of, read_drawing
from .film_strip import FilmStrip, fetch_frames, scan_film
from .folder import INCOMING, Room, SessionFolder
from .host import Host
from .jobs import Job
from .pair_memory import PairMemory
from .results import clean_name, find_positions, name_result, zip_folder
from .settings import DOWNLOADS, DrawSettings, FilmSettings
from .uploads import Upload, Uploads, check_weight
from .view import TurnsKeyFrames, View
from .work import SessionWork

_LARGE = 4_000_000  # pixels; drawing one frame of 24 million takes a gigabyte, and smaller ones need not wait for it


class Session:
    """A session of one page: its key frames, its film and its jobs; may be used from several threads."""

    def __init__(self, id: str, folder: Path, studio: Host) -> None:
        """Makes the folder."""
        self.id = id
        self.files = SessionFolder(folder)
        self.work = SessionWork(self.files, self._check_room)
        self.drawings: tuple[KeyFrame, ...] = ()
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

    def announce(self, name: str, size: int) -> Upload:
        """Checks that a file may be sent, and reserves room for it.

        Args:
            name: its name for the person.
            size: bytes.

        Raises:
            InputError: it is too large, there is no room for it, or its kind is not accepted.
        """
        name = shown(Path(name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "drawing"))
        suffix = PurePosixPath(name).suffix.lower()
        config = self._config
        is_film = suffix in FILM_SUFFIXES
        may_move = suffix in (".gif", ".webp", ".png", ".apng") and "films" in config.accept
        if is_film and "films" not in config.accept:
            raise InputError(f"{name}: is a film, and the studio was started to take drawings alone (--accept)")
        if size < 0:
            raise InputError(f"{name}: cannot have {size} bytes; give its size")
        limit, option = (
            (config.max_film, "--max-film") if is_film or may_move else (config.max_drawing, "--max-drawing")
        )
        check_weight(name, size, limit, option)
        if len(self.drawings) >= config.max_drawings and not is_film:
            raise InputError(
                f"{name}: there are {len(self.drawings)} key frames already; "
                "remove some, or start the studio with --max-drawings"
            )
        for late in self._uploads.drop_late():
            self._release(late)
        safe = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
        path = self.files.name(name, safe)
        upload = self._uploads.announce(name, path, self.files.folder(INCOMING), size)
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
            if upload.path.suffix in FILM_SUFFIXES or ("films" in self._config.accept and moves(upload.path)):
                return self._take_film(upload)
            check_weight(upload.name, upload.size, self._config.max_drawing, "--max-drawing")
            if "drawings" not in self._config.accept:
                raise InputError(
                    f"{upload.name}: is no film, and the studio was started to take films alone (--accept)"
                )
            drawing = self._read_drawing(upload.name, upload.path)
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
        self.files.remove(gone)

    def _keep(self, name: str, frame: Frame) -> KeyFrame:
        """Makes a key frame of a picture."""
        path = self.files.name(name, ".png")
        write_png(path, frame)
        return self._read_drawing(name, path)

    def _read_drawing(self, name: str, path: Path) -> KeyFrame:
        with self._studio.turn:
            return read_drawing(name, path, self._config.most_pixels, LARGER)

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

        def draw_all(job: Job) -> None:
            keys = self._open_view(drawings, settings)
            engine = self._memory(settings.engine)
            job.report(0, len(positions))
            frames = interpolate(
                keys, settings.count, spacing=settings.spacing, loop=settings.loop, engine=engine,
                on_failure=settings.on_failure,
            )  # fmt: skip
            folder = self.files.folder(f"results/{job.id}")
            for number, frame in enumerate(frames):
                (folder / f"{number}.png").write_bytes(encode_png(to_uint8(frame)))
                job.result |= {"width": frame.shape[1], "height": frame.shape[0]}
                job.report(number + 1)

        return self.work.submit(
            "draw",
            f"Drawing with {settings.engine}",
            draw_all,
            paths_of(drawings),
            engine=settings.engine,
            positions=positions,
            order=order,
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
        segments = len(drawings) if settings.loop else len(drawings) - 1
        if not 0 <= position <= max(segments, 0):
            raise ConfigError(f"t: {position:g} is out of range; give 0 to {segments}")
        let_go = self.files.use(paths_of(drawings))
        try:
            with self._live, self._turn_for(drawings, settings) if full else nullcontext():
                keys = self._open_keys(drawings, settings) if full else self._open_view(drawings, settings)
                segment = min(int(position), segments - 1)
                t = position - segment
                ends = [keys[segment], keys[(segment + 1) % len(keys)]]
                if t in (0, 1):
                    frame = ends[int(t)]
                else:
                    engine = self._studio.open(settings.engine) if full else self._memory(settings.engine)
                    frame = next(prepare_pair(ends[0], ends[1], engine, settings.on_failure)([t]))
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

        def write(job: Job) -> None:
            keys = self._open_keys(drawings, settings)
            total = count_frames(len(keys), len(settings.times), loop=settings.loop, boomerang=settings.boomerang)
            job.report(0, total)
            frames = interpolate(
                keys, settings.count, spacing=settings.spacing, loop=settings.loop, boomerang=settings.boomerang,
                engine=self._studio.open(settings.engine), on_failure=settings.on_failure,
            )  # fmt: skip
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

        return self.work.submit("export", f"Writing {title}", write, paths_of(drawings), name=title)

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
                self._memories[name] = PairMemory(self._studio.open(name))
            return self._memories[name]
