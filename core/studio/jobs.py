"""Jobs in the background: run one after the other, with progress, and cancelled soon when they are not wanted."""

import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from ..errors import InputError, hide_paths
from ..programs import Programs, programs

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
PATIENCE = 1.0
"""Seconds for a cancelled job to end; after that the queue continues without it."""
AT_WORK = "animi-at-work"
"""The name of threads of the studio that are working."""
MOST_WAITING = 64
"""Jobs that may wait in one queue."""

_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside a job that was cancelled."""


class StudioJob:
    """A piece of work in a queue.

    Attributes:
        id: identifies the job in its queue.
        kind: what it does, in a word.
        title: what it does, for a person.
        state: one of WAITING, RUNNING, DONE, FAILED and CANCELLED.
        stage: which part of the work is being done, in a word; "": it has only one, or the main one.
        done: the amount of that part done so far.
        total: the amount of that part in all. None: unknown.
        message: why it failed, in one line; "": it did not fail.
        result: its results so far.
    """

    def __init__(self, id: str, kind: str, title: str, queue: "JobQueue") -> None:
        self.id, self.kind, self.title = id, kind, title
        self.state = WAITING
        self.stage = ""
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
        """Whether it is done, failed or cancelled."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def settled_state(self) -> str:
        """The same as `state`, but RUNNING until `on_over` has been called: what a page sees of a job.

        So whoever sees that a job is over also sees that its files are released.
        """
        return RUNNING if self.is_over and not self._over.is_set() else self.state

    def report(self, done: float, total: float | None = None, stage: str = "") -> None:
        """Reports progress; the job's function calls this often.

        Args:
            done: the amount done so far.
            total: the amount in all; None: as it was in this stage, or unknown.
            stage: which part of the work the amounts are of.

        Raises:
            Cancelled: the job was cancelled.
            InputError: it has taken too long, or its files exceed the limit.
        """
        if self._stop is not None:
            raise self._stop
        if stage != self.stage:
            self.stage, self.total = stage, None
        self.done = done
        self.total = self.total if total is None else total
        self._queue.on_report(self)

    def cancel(self) -> None:
        """Cancels the job: at once if it is waiting, else at its next report, with every program that it has started.

        If its function has not ended PATIENCE seconds later, for instance within a large frame, the job is over anyway,
        and anything it still produces is removed.
        """
        self._queue.end(self, Cancelled())

    def wait(self, seconds: float | None = None) -> None:
        """Waits until it is over.

        Raises:
            TimeoutError: it is not over by then.
        """
        if not self._over.wait(seconds):
            raise TimeoutError


class JobQueue:
    """Runs jobs in a daemon thread, one at a time, in the order of submission."""

    def __init__(self, describe: Callable[[Exception], str | None], keep: int = 32) -> None:
        """Starts without any.

        Args:
            describe: returns the message for an error that a person can mend; None for any other error.
            keep: number of jobs of each kind to remember; the oldest that are over are forgotten first.
        """
        self.on_report: Callable[[StudioJob], None] = _ignore
        """Called in the job's thread whenever it reports; an error that it raises ends the job."""
        self.on_over: Callable[[StudioJob], None] = _ignore
        """Called when a job is over."""
        self.on_forget: Callable[[StudioJob], None] = _ignore
        """Called when a job is forgotten, so that its files can be removed."""
        self._describe_error, self._keep = describe, keep
        self._numbers = itertools.count(1)
        self._newest = 0
        self._jobs: dict[str, StudioJob] = {}
        self._waiting: deque[tuple[StudioJob, Callable[[StudioJob], None]]] = deque()
        self._lock = threading.RLock()
        self._worker: threading.Thread | None = None
        self._closed = False

    def submit(
        self, kind: str, title: str, work: Callable[[StudioJob], None], *, minutes: float | None = None, **result: Any
    ) -> StudioJob:
        """Adds a job to the end of the queue.

        Args:
            kind: what it does, in a word.
            title: what it does, for a person.
            work: the job's function, which gets the job to report to. Programs that it starts end with it.
            minutes: time limit.
            result: results that are known in advance.

        Raises:
            InputError: too many jobs are waiting.
            Cancelled: the queue is closed.
        """
        with self._lock:
            if self._closed:
                raise Cancelled
            if len(self._waiting) >= MOST_WAITING:
                raise InputError(f"{MOST_WAITING} jobs are waiting already; wait for them, or cancel some")
            self._newest = next(self._numbers)
            job = self._jobs[str(self._newest)] = StudioJob(str(self._newest), kind, title, self)
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

    def forget(self, job: StudioJob) -> None:
        """Forgets a job that is over."""
        with self._lock:
            known = self._jobs.pop(job.id, None)
        if known is not None:
            self.on_forget(known)

    def end(self, job: StudioJob, why: Exception) -> None:
        """Ends a job, see `StudioJob.cancel`; the message of an InputError is shown to the person."""
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

    def __getitem__(self, id: str) -> StudioJob:
        """The job with that id; KeyError if there is none, or it is forgotten."""
        with self._lock:
            return self._jobs[id]

    def had(self, id: str) -> bool:
        """Whether there ever was a job with that id, forgotten ones included."""
        return id.isascii() and id.isdecimal() and len(id) < 12 and 0 < int(id) <= self._newest

    def list(self) -> list[StudioJob]:
        """All jobs that are remembered, in order."""
        with self._lock:
            return list(self._jobs.values())

    def close(self, seconds: float = 1.5) -> None:
        """Cancels all jobs, and waits for their end, `seconds` at most in all."""
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
        """Runs waiting jobs until there are none, or until this thread was abandoned with a job that did not end."""
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

    def _run(self, job: StudioJob, work: Callable[[StudioJob], None]) -> None:
        error: Exception | None = None
        try:
            with programs() as started:
                job._programs = started
                job.report(0)
                work(job)
        except Exception as raised:
            error = raised
        if not self._settle(job, error):
            self.on_forget(job)  # it was over already, so its results are not needed

    def _abandon(self, job: StudioJob) -> None:
        """Abandons a job that does not end, and starts another thread for the waiting jobs."""
        if self._settle(job, job._stop):
            with self._lock:
                self._start()

    def _settle(self, job: StudioJob, error: Exception | None) -> bool:
        """Sets a job's final state; returns False if it was over already."""
        with self._lock:
            if job.is_over:
                return False
            if error is not None and job._stop is not None:
                error = job._stop  # the raised error is a consequence of it
            if error is None:
                job.state = DONE
            elif isinstance(error, Cancelled):
                job.state = CANCELLED
            else:
                job.message = self._describe(job, error)
                job.state = FAILED
        for timer in job._timers:
            timer.cancel()
        try:
            self.on_over(job)
        finally:
            job._over.set()
        return True

    def _describe(self, job: StudioJob, error: Exception) -> str:
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


def _ignore(_job: StudioJob) -> None:
    """The default callback, which does nothing."""


def _timer(seconds: float, call: Callable[..., None], *words: object) -> threading.Timer:
    timer = threading.Timer(seconds, call, words)
    timer.daemon = True
    return timer
