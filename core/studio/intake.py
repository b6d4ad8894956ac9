"""Receives the files of a page: they are announced, sent, and become key frames or a film."""

import re
from pathlib import Path, PurePosixPath

from ..errors import InputError
from ..files import shown
from ..media.film_source import FILM_SUFFIXES
from ..media.moving import moves
from .drawings import KeyFrame
from .film_work import FilmWork
from .folder import INCOMING, Room, SessionFolder
from .host import Host
from .jobs import StudioJob
from .key_frames import KeyFrames
from .uploads import Upload, Uploads, check_weight
from .work import SessionWork


class Intake:
    """Receives files while there is room; may be used from several threads."""

    def __init__(self, files: SessionFolder, work: SessionWork, keys: KeyFrames, films: FilmWork, studio: Host) -> None:
        """Starts without files.

        Args:
            files: the session's folder.
            work: the session's jobs; finished downloads expire if there is no room.
            keys: where drawings go.
            films: where films go.
            studio: the studio.
        """
        self._files = files
        self._work = work
        self._keys = keys
        self._films = films
        self._studio = studio
        self._config = studio.config
        self._room = Room(
            files.path, self._config.max_session, "the files of this page",
            "remove key frames, or start the studio with --max-session",
        )  # fmt: skip
        self._uploads = Uploads()
        work.jobs.on_report = lambda _job: self._check_room()  # what it raises ends the job

    def announce(self, name: str, size: int, position: float | None = None) -> Upload:
        """Checks that a file may be sent, and reserves room for it.

        Args:
            name: its name for the person.
            size: bytes.
            position: of the frame that it replaces, see `KeyFrames.exchange`.

        Raises:
            InputError: it is too large, there is no room for it, or its kind is not accepted.
        """
        name = shown(Path(name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "drawing"))
        suffix = PurePosixPath(name).suffix.lower()
        config = self._config
        is_film = suffix in FILM_SUFFIXES
        may_move = suffix in (".gif", ".webp", ".png", ".apng") and "films" in config.accept
        if position is not None:
            self._keys.find_gap(position)
            if is_film:
                raise InputError(f"{name}: is a film, and only a drawing can replace a frame; give a drawing")
        if is_film and "films" not in config.accept:
            raise InputError(f"{name}: is a film, and this studio accepts drawings only (--accept)")
        if size < 0:
            raise InputError(f"{name}: cannot have {size} bytes; give its size")
        limit, option = (
            (config.max_film, "--max-film") if is_film or may_move else (config.max_drawing, "--max-drawing")
        )
        check_weight(name, size, limit, option)
        if not is_film:
            self._keys.check_count(f"{name}: ")
        for late in self._uploads.drop_late():
            self._release(late)
        safe = suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ""
        path = self._files.name(name, safe)
        upload = self._uploads.announce(name, path, self._files.folder(INCOMING), size, position)
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

    def take(self, upload: Upload) -> KeyFrame | StudioJob:
        """Uses a file that was received: a drawing at once, a film in a job that scans it.

        Raises:
            InputError: it is neither, or damaged; the file is removed.
        """
        try:
            self._uploads.finish(upload)
            is_own = upload.position is None
            if is_own and (
                upload.path.suffix in FILM_SUFFIXES or ("films" in self._config.accept and moves(upload.path))
            ):
                return self._films.take(upload.name, upload.path)
            check_weight(upload.name, upload.size, self._config.max_drawing, "--max-drawing")
            if "drawings" not in self._config.accept:
                raise InputError(f"{upload.name}: is not a film, and this studio accepts films only (--accept)")
            drawing = self._keys.read(upload.name, upload.path)
            if upload.position is not None:
                self._keys.exchange(drawing, upload.position)
            else:
                self._keys.add(drawing)
            return drawing
        except BaseException:
            self._files.remove([upload.path])
            raise
        finally:
            self._room.release(upload.id)
            self._studio.room.release(upload.id)

    def _make_room(self, id: str, size: int) -> None:
        """Reserves room for an upload; if there is none, finished downloads expire, the oldest first.

        Raises:
            InputError: there is still none.
        """
        finished = [job for job in self._work.jobs.list() if job.kind == "export" and job.is_over]
        while finished and (self._room.lacks(size) or self._studio.room.lacks(size)):
            self._work.jobs.forget(finished.pop(0))
        self._room.promise(id, size)
        try:
            self._studio.room.promise(id, size)
        except InputError:
            self._room.release(id)
            raise

    def _release(self, upload: Upload) -> None:
        self._room.release(upload.id)
        self._studio.room.release(upload.id)
        self._files.remove([upload.path])

    def _check_room(self) -> None:
        self._room.check_now_and_then()
        self._studio.room.check_now_and_then()
