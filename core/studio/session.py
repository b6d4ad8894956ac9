"""A session of the studio: the key frames, the film, the jobs and the files of one page."""

import time
from pathlib import Path

from .drawing_work import DrawingWork
from .film_work import FilmWork
from .folder import SessionFolder
from .host import Host
from .intake import Intake
from .key_frames import KeyFrames
from .work import SessionWork


class Session:
    """A session of one page; its parts may be used from several threads.

    Attributes:
        id: identifies it.
        files: its folder.
        work: its jobs.
        keys: its key frames, hints and kept frames.
        films: its film.
        drawing: draws its frames.
        intake: receives its files.
        touched: when it was last used, by `time.monotonic`.
    """

    def __init__(self, id: str, folder: Path, studio: Host) -> None:
        """Makes the folder."""
        self.id = id
        self.files = SessionFolder(folder)
        self.work = SessionWork(self.files)
        self.keys = KeyFrames(self.files, studio)
        self.films = FilmWork(self.files, self.work, self.keys, studio)
        self.drawing = DrawingWork(self.files, self.work, self.keys, studio)
        self.intake = Intake(self.files, self.work, self.keys, self.films, studio)
        self.touched = time.monotonic()

    def close(self) -> None:
        """Ends its work, within 2 seconds, and removes its files."""
        self.work.jobs.close()
        self.files.close()
