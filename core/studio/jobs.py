"""Long work in the background: one piece after the other, with progress, and stopped where it is no longer wanted."""

import itertools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"

_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside a job that nobody wants any more."""


class Job:
    """A piece of work that somebody waits for.

    Attributes:
        id: tells the job from others of its queue.
        kind: what it does, in a word.
        title: what it does, for a person.
        state: one of WAITING, RUNNING, DONE, FAILED and CANCELLED.
        done: how much is done so far.
        total: of how much; None: unknown.
        message: why it failed, in one line; "" where it did not.
        result: what it found or made, as far as it is known.
    """

    def __init__(self, id: str, kind: str, title: str) -> None:
        self.id, self.kind, self.title = id, kind, title
        self.state = WAITING
        self.done: float = 0
        self.total: float | None = None
        self.message = ""
        self.result: dict[str, Any] = {}
        self._stop = threading.Event()
        self._future: Future[None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in (DONE, FAILED, CANCELLED)

    def report(self, done: float, total: float | None = None) -> None:
        """Says how far the work is; what does the work calls this often.

        Raises:
            Cancelled: the work is to stop.
        """
        if self._stop.is_set():
            raise Cancelled
        self.done = done
        self.total = self.total if total is None else total

    def cancel(self) -> None:
        """Asks the job to stop: at once where it waits, else when it next says how far it is."""
        self._stop.set()
        if self._future is not None and self._future.cancel():
            self.state = CANCELLED

    def wait(self, seconds: float | None = None) -> None:
        """Waits until it is over, whatever came of it.

        Raises:
            TimeoutError: it goes on for longer.
        """
        assert self._future is not None
        if not self._future.cancelled():
            self._future.result(seconds)


class JobQueue:
    """Does jobs in a thread of its own, one at a time, in the order in which they came."""

    def __init__(self, tell: Callable[[Exception], str | None], keep: int = 32) -> None:
        """Starts without any.

        Args:
            tell: puts an error that a person can do something about into words; None for any other.
            keep: jobs that are remembered; the oldest of those that are over are forgotten first.
        """
        self._tell = tell
        self._keep = keep
        self._numbers = itertools.count(1)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="animi-jobs")

    def submit(self, kind: str, title: str, work: Callable[[Job], None], **result: Any) -> Job:
        """Puts a job at the end.

        Args:
            kind: what it does, in a word.
            title: what it does, for a person.
            work: does it, and is given the job to report to.
            result: what is known of the result beforehand.
        """
        job = Job(str(next(self._numbers)), kind, title)
        job.result |= result
        with self._lock:
            self._jobs[job.id] = job
            over = [known for known in self._jobs.values() if known.is_over]
            for known in over[: max(0, len(self._jobs) - self._keep)]:
                del self._jobs[known.id]
        job._future = self._worker.submit(self._run, job, work)
        return job

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        job.state = RUNNING
        try:
            job.report(0)
            work(job)
        except Cancelled:
            job.state = CANCELLED
        except Exception as error:
            message = self._tell(error)
            if message is None:
                _log.exception("%s failed", job.title)
                message = f"animi failed at this ({type(error).__name__}: {error}); please report it"
            job.message, job.state = message, FAILED
        else:
            job.state = DONE

    def __getitem__(self, id: str) -> Job:
        """The job of that name; KeyError where there is none, or it is forgotten."""
        with self._lock:
            return self._jobs[id]

    def list(self) -> list[Job]:
        """All jobs that are remembered, in order."""
        with self._lock:
            return list(self._jobs.values())

    def close(self, seconds: float = 5.0) -> None:
        """Stops everything; waits so long at most for what is at work."""
        jobs = self.list()
        for job in jobs:
            job.cancel()
        self._worker.shutdown(wait=False, cancel_futures=True)
        for job in jobs:
            if not job.is_over:
                try:
                    job.wait(seconds)
                except TimeoutError:
                    return
