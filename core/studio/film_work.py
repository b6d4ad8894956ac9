"""The film of a page: it is scanned for drawings, which can become key frames, or interpolated as a whole."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from ..config.interpolation import InterpolateFilmConfig
from ..errors import InputError
from ..media.decode import VideoInfo, probe_video
from .drawings import LARGER, KeyFrame
from .film_strip import FilmStrip, fetch_frames, scan_film
from .folder import SessionFolder
from .host import Host
from .jobs import StudioJob
from .key_frames import KeyFrames
from .results import clean_name
from .settings import FilmSettings
from .work import SessionWork


class FilmWork:
    """Work on a film; may be used from several threads.

    Attributes:
        film: the film's drawings; None before there is one.
    """

    def __init__(self, files: SessionFolder, work: SessionWork, keys: KeyFrames, studio: Host) -> None:
        """Starts without a film.

        Args:
            files: the session's folder.
            work: the session's jobs.
            keys: where chosen drawings go.
            studio: the studio.
        """
        self.film: FilmStrip | None = None
        self._files = files
        self._work = work
        self._keys = keys
        self._studio = studio
        self._config = studio.config

    def take(self, name: str, path: Path) -> StudioJob:
        """Submits a job that scans a film, which replaces an earlier one.

        Args:
            name: its name for the person.
            path: its file; removed if the film cannot be used.
        """

        def scan(job: StudioJob) -> None:
            strips = self._files.folder(f"strips/{job.id}")
            try:
                info = probe_video(path)
                self._check_film(name, info)
                count = 0

                def on_frame(seconds: float) -> None:
                    nonlocal count
                    count += 1
                    if count > self._config.max_film_frames:
                        raise InputError(
                            f"{name}: has more frames than the {self._config.max_film_frames} that are "
                            "examined; give a shorter piece, or start the studio with --max-film-frames"
                        )
                    job.report(seconds, info.duration)

                film = scan_film(name, info, strips, self._config.max_film_drawings, on_frame)
                if len(film.drawings) < 2:
                    raise InputError(
                        f"{name}: shows only one drawing, and two are needed; give a longer film, or drop drawings"
                    )
            except BaseException:
                shutil.rmtree(strips, ignore_errors=True)
                raise
            job.report(job.done)  # the last chance to be cancelled
            earlier, self.film = self.film, film
            if earlier is not None:
                self._files.remove([earlier.info.path])
                shutil.rmtree(earlier.drawings[0].thumb.parent.parent, ignore_errors=True)

        return self._work.submit(
            "scan", f"Scanning {name}", scan, [], minutes=self._config.max_film_minutes,
            or_else=lambda: self._files.remove([path]),
        )  # fmt: skip

    def _check_film(self, name: str, info: VideoInfo) -> None:
        if info.width * info.height > self._config.most_pixels:
            raise InputError(
                f"{name}: has {info.width} x {info.height} pixels, and a frame may have "
                f"{self._config.most_pixels:,}; {LARGER}"
            )

    def choose(self, numbers: Sequence[int]) -> StudioJob:
        """Replaces the key frames by drawings of the film, given by their numbers, at full size.

        Raises:
            InputError: there is no film, or no such drawing, or they are too few or too many.
        """
        film = self._need_film("choose from")
        chosen = sorted(set(numbers))
        if len(chosen) < 2 or not 0 <= chosen[0] <= chosen[-1] < len(film.drawings):
            raise InputError(f"choose a first and a last of the {len(film.drawings)} drawings")
        if len(chosen) > self._config.max_drawings:
            raise InputError(
                f"{len(chosen)} drawings are more than the limit of {self._config.max_drawings} key frames; "
                "choose a shorter range, or start the studio with --max-drawings"
            )

        def fetch(job: StudioJob) -> None:
            job.report(0, len(chosen))
            drawings: list[KeyFrame] = []
            try:
                for number, frame in zip(chosen, fetch_frames(film, chosen), strict=False):
                    drawings.append(self._keys.save(f"{PurePosixPath(film.name).stem}-{number + 1}.png", frame))
                    job.report(len(drawings))
                if len(drawings) < len(chosen):
                    raise InputError(
                        f"{film.name}: drawing {chosen[len(drawings)] + 1} cannot be decoded; choose another"
                    )
            except BaseException:
                self._files.remove(drawing.path for drawing in drawings)
                raise
            self._keys.replace(tuple(drawings))

        return self._work.submit(
            "choose", f"Getting {len(chosen)} drawings from {film.name}", fetch, [film.info.path],
            minutes=self._config.max_film_minutes,
        )  # fmt: skip

    def smooth(self, settings: FilmSettings) -> StudioJob:
        """Interpolates the whole film, as `animi interpolate FILM` would.

        Raises:
            AnimiError: a setting cannot be used, or there is no film.
        """
        film = self._need_film("interpolate")
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

        def draw(job: StudioJob) -> None:
            from ..films.interpolation import interpolate_film

            with self._work.export_folder(job) as folder:
                made = interpolate_film(
                    replace(config, output=folder / title), job.report, on_plan=partial(job.report, stage="planning")
                )
                job.result |= {
                    "width": made.width, "height": made.height, "frames": made.frames,
                    "notes": [self._files.say(note) for note in made.notes], "bytes": (folder / title).stat().st_size,
                }  # fmt: skip

        return self._work.submit("export", f"Drawing {title}", draw, [film.info.path], name=title)

    def _need_film(self, what: str) -> FilmStrip:
        if self.film is None:
            raise InputError(f"there is no film to {what}; drop one first")
        return self.film
