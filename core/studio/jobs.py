"""Jobs in the background: run one after the other, with progress, and cancelled soon when they are not wanted."""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from ..errors import InputError
from ..programs import Programs, programs
from .words import hide_paths

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
PATIENCE = 1.0
"""Seconds that cancelled work has to end by itself; then the queue continues without it."""
AT_WORK = "animi-at-work"
"""The name of every thread of the studio that works at this moment."""
MOST_WAITING = 64
"""Jobs that may wait in one queue."""

_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside a job that nobody wants any more."""


class Job:
    """A piece of work that somebody waits for.

    Attributes:
        id: identifies the job in its queue.
        kind: what it does, in a word.
        title: what it does, for a person.
        state: one of WAITING, RUNNING, DONE, FAILED and CANCELLED.
        done: how much is done so far.
        total: of how much; None: unknown.
        message: why it failed, in one line; "" where it did not.
        result: what it found or made, as far as it is known.
    """

    def __init__(self, id: str, kind: str, title: str, queue: "JobQueue") -> None:
        self.id, self.kind, self.title = id, kind, title
        self.state = WAITING
        self.done: float = 0
        self.total: float | None = None
        self.message = ""
        self.result: dict[str, Any] = {}
        self._queue = queue
        self._stop: Exception | None = None
        self._over = threading.Event()
        self._programs: Programs | None = None
        self._timers: list[threading.Timer] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in (DONE, FAILED, CANCELLED)

    def report(self, done: float, total: float | None = None) -> None:
        """Says how far the work is; what does the work calls this often.

        Raises:
            Cancelled: the work is to stop.
            InputError: it has taken too long, or more room than there is.
        """
        if self._stop is not None:
            raise self._stop
        self.done = done
        self.total = self.total if total is None else total
        self._queue.on_report(self)

    def cancel(self) -> None:
        """Ends the job: at once where it waits, else when it next reports, with every program that it has started.

        Work that has not ended PATIENCE seconds later, as in the midst of one large frame, is left to itself: the job
        is over then, and whatever still comes of it is removed.
        """
        self._queue.end(self, Cancelled())

    def wait(self, seconds: float | None = None) -> None:
        """Waits until it is over, whatever came of it.

        Raises:
            TimeoutError: it is not over by then.
        """
        if not self._over.wait(seconds):
            raise TimeoutError


class JobQueue:
    """Does jobs in a daemon thread, one at a time, in the order in which they came."""

    def __init__(self, describe: Callable[[Exception], str | None], keep: int = 32) -> None:
        """Starts without any.

        Args:
            describe: returns the message for an error that a person can mend; None for any other error.
            keep: jobs of each kind that are remembered; the oldest of those that are over are forgotten first.
        """
        self.on_report: Callable[[Job], None] = _ignore
        """Called in the job's thread whenever it reports; an error that it raises ends the job."""
        self.on_over: Callable[[Job], None] = _ignore
        """Called when a job is over."""
        self.on_forget: Callable[[Job], None] = _ignore
        """Called when nothing of a job will be asked for any more, so that its files may go."""
        self._describe_error, self._keep = describe, keep
        self._numbers = itertools.count(1)
        self._newest = 0
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[tuple[Job, Callable[[Job], None]]] = deque()
        self._lock = threading.RLock()
        self._worker: threading.Thread | None = None
        self._closed = False

    def submit(
        self, kind: str, title: str, work: Callable[[Job], None], *, minutes: float | None = None, **result: Any
    ) -> Job:
        """Puts a job at the end.

        Args:
            kind: what it does, in a word.
            title: what it does, for a person.
            work: does it, and is given the job to report to. The programs that it starts end with it.
            minutes: for how long it may run.
            result: what is known of the result beforehand.

        Raises:
            InputError: too many jobs wait.
            Cancelled: the queue is closed.
        """
        with self._lock:
            if self._closed:
                raise Cancelled
            if len(self._waiting) >= MOST_WAITING:
                raise InputError(f"{MOST_WAITING} pieces of work wait already; wait for them, or cancel some")
            self._newest = next(self._numbers)
            job = self._jobs[str(self._newest)] = Job(str(self._newest), kind, title, self)
            job.result |= result
            over = [known for known in self._jobs.values() if known.is_over and known.kind == kind]
            surplus = sum(known.kind == kind for known in self._jobs.values()) - self._keep
            forgotten = over[: max(0, surplus)]
            for known in forgotten:
                del self._jobs[known.id]
            if minutes is not None:
                job._timers.append(_timer(60 * minutes, self.end, job, _too_long(title, minutes)))
            self._waiting.append((job, work))
            if self._worker is None:
                self._start()
        for known in forgotten:
            self.on_forget(known)
        return job

    def forget(self, job: Job) -> None:
        """Forgets a job that is over."""
        with self._lock:
            known = self._jobs.pop(job.id, None)
        if known is not None:
            self.on_forget(known)

    def end(self, job: Job, why: Exception) -> None:
        """Ends a job, see `Job.cancel`; the message of an InputError is shown to the person."""
        with self._lock:
            if job.is_over or job._stop is not None:
                return
            job._stop = why
            waited = job.state == WAITING
            self._waiting = deque(entry for entry in self._waiting if entry[0] is not job)
            if not waited:
                job._timers.append(_timer(PATIENCE, self._abandon, job))
                job._timers[-1].start()
        if waited:
            self._settle(job, why)
        elif job._programs is not None:
            job._programs.end()

    def __getitem__(self, id: str) -> Job:
        """The job of that name; KeyError where there is none, or it is forgotten."""
        with self._lock:
            return self._jobs[id]

    def had(self, id: str) -> bool:
        """Whether there ever was a job of that name, also where it is forgotten."""
        return id.isascii() and id.isdecimal() and len(id) < 12 and 0 < int(id) <= self._newest

    def list(self) -> list[Job]:
        """All jobs that are remembered, in order."""
        with self._lock:
            return list(self._jobs.values())

    def close(self, seconds: float = 1.5) -> None:
        """Ends everything; waits so long at most, in all, for what is at work."""
        with self._lock:
            self._closed = True
        until = monotonic() + seconds
        jobs = self.list()
        for job in jobs:
            job.cancel()
        for job in jobs:
            job._over.wait(max(0.0, until - monotonic()))

    def _start(self) -> None:
        self._worker = threading.Thread(target=self._work, name=AT_WORK, daemon=True)
        self._worker.start()

    def _work(self) -> None:
        """Does what waits, until nothing does, or this thread was left to itself with a job that did not end."""
        while True:
            with self._lock:
                if self._worker is not threading.current_thread():
                    return
                if not self._waiting:
                    self._worker = None
                    return
                job, work = self._waiting.popleft()
                job.state = RUNNING
                for timer in job._timers:
                    timer.start()
            self._run(job, work)

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        error: Exception | None = None
        try:
            with programs() as started:
                job._programs = started
                job.report(0)
                work(job)
        except Exception as raised:
            error = raised
        if not self._settle(job, error):
            self.on_forget(job)  # it was over before; nothing of this is wanted

    def _abandon(self, job: Job) -> None:
        """Leaves a job that does not end to its thread, and lets another one do what waits."""
        if self._settle(job, job._stop):
            with self._lock:
                self._start()

    def _settle(self, job: Job, error: Exception | None) -> bool:
        """Notes what came of a job; False where it is over already."""
        with self._lock:
            if job.is_over:
                return False
            if error is not None and job._stop is not None:
                error = job._stop  # what was raised follows from it
            if error is None:
                job.state = DONE
            elif isinstance(error, Cancelled):
                job.state = CANCELLED
            else:
                job.message = self._describe(job, error)
                job.state = FAILED
        for timer in job._timers:
            timer.cancel()
        self.on_over(job)
        job._over.set()
        return True

    def _describe(self, job: Job, error: Exception) -> str:
        message = self._describe_error(error)
        if message is None:
            _log.error("%s failed", job.title, exc_info=error)
            message = f"animi failed at this ({type(error).__name__}: {hide_paths(str(error))}); please report it"
        return message


def _too_long(title: str, minutes: float) -> InputError:
    return InputError(
        f"{title} took longer than {minutes:g} minutes; "
        "give a shorter film, or start the studio with --max-film-minutes"
    )


def _ignore(_job: Job) -> None:
    """Nobody wants to know."""


def _timer(seconds: float, call: Callable[..., None], *words: object) -> threading.Timer:
    timer = threading.Timer(seconds, call, words)
    timer.daemon = True
    return timer
