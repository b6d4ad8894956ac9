"""A session's work: its jobs, the files that they use, and the folders that they write."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import AnimiError
from ..files import reason
from .folder import SessionFolder
from .hints import name_hints
from .jobs import DONE, JobQueue, StudioJob

_RESULTS = 12  # drawn results of which the frames are kept


class Expired(KeyError):
    """What was asked for existed, and has been removed."""


class SessionWork:
    """The jobs of a session; may be called from several threads."""

    def __init__(self, files: SessionFolder) -> None:
        """Starts without jobs.

        Args:
            files: the session's folder.
        """
        self.files = files
        self.jobs = JobQueue(self.describe_error)
        self.jobs.on_over = self._release_files
        self.jobs.on_forget = self._remove_results
        self._held: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {}  # by job, see `submit`

    def submit(
        self,
        kind: str,
        title: str,
        work: Callable[[StudioJob], None],
        uses: Sequence[Path],
        *,
        minutes: float | None = None,
        or_else: Callable[[], None] = lambda: None,
        **result: Any,
    ) -> StudioJob:
        """Submits a job.

        Args:
            kind: what it does, in a word.
            title: what it does, for a person.
            work: does it.
            uses: files that are kept until the job is over.
            minutes: how long it may run.
            or_else: called when the job is over and was not done.
            result: what is known of the result beforehand.

        Raises:
            InputError: too many jobs are waiting.
            Cancelled: the session has ended.
        """
        release = self.files.use(uses)
        try:
            job = self.jobs.submit(kind, title, work, minutes=minutes, **result)
        except BaseException:
            release()
            raise
        self._held[job.id] = release, or_else
        if job.is_over:  # it was quick
            self._release_files(job)
        return job

    def find_job(self, id: str) -> StudioJob:
        """The job with that id.

        Raises:
            Expired: it is forgotten, and what it wrote is removed.
            KeyError: there never was one.
        """
        try:
            return self.jobs[id]
        except KeyError:
            if self.jobs.had(id):
                raise Expired(id) from None
            raise

    def find_frame(self, job: StudioJob, number: int) -> Path:
        """A frame that a "draw" job has drawn; KeyError where it is not drawn yet, or was removed."""
        path = self.files.path / "results" / job.id / f"{number}.png"
        if job.kind != "draw" or not 0 <= number < job.done or not path.is_file():
            raise KeyError(number)
        return path

    def find_export(self, job: StudioJob) -> Path:
        """The file that an "export" job has written; KeyError where there is none."""
        path = self.files.path / "exports" / job.id / str(job.result.get("name", ""))
        if job.kind != "export" or job.state != DONE or not path.is_file():
            raise KeyError(job.id)
        return path

    @contextmanager
    def export_folder(self, job: StudioJob) -> Iterator[Path]:
        """A folder for what a job writes; removed with its contents where the job does not finish."""
        folder = self.files.folder(f"exports/{job.id}")
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def drop_results(self) -> None:
        """Removes the frames of all but the latest results."""
        at_work = {job.id for job in self.jobs.list() if not job.is_over}
        over = [path for path in self.files.folder("results").iterdir() if path.name not in at_work]
        for path in sorted(over, key=lambda path: int(path.name))[:-_RESULTS]:
            shutil.rmtree(path, ignore_errors=True)

    def describe_error(self, error: Exception) -> str | None:
        """An error as the command line would print it, with the person's own file names; None for a fault of ours."""
        if isinstance(error, AnimiError):
            words = str(error)
        elif isinstance(error, OSError):
            words = f"the temporary folder cannot be written ({reason(error)}); free some space and try again"
        elif isinstance(error, MemoryError):
            words = "not enough memory; use smaller frames (--size) or close other programs"
        else:
            return None
        return name_hints(self.files.say(words))

    def _release_files(self, job: StudioJob) -> None:
        held = self._held.pop(job.id, None)
        if held is not None:
            held[0]()
            if job.state != DONE:
                held[1]()

    def _remove_results(self, job: StudioJob) -> None:
        """Removes what a job has drawn or written."""
        for name in ("results", "exports"):
            shutil.rmtree(self.files.path / name / job.id, ignore_errors=True)
