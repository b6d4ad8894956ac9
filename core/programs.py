"""Runs child processes: each in its own process group, with bounded output, and never outliving this process.

A child process ends in one of four ways, whichever comes first:

- it exits;
- its `Program` is closed, or the block of `programs()` in which it was started ends or is cancelled from another
  thread: it is sent SIGTERM, and SIGKILL if it still runs half a second later;
- this process exits: remaining children are killed;
- this process is killed: a watcher, a shell that waits for a pipe from this process to close, kills the remaining
  process groups. Linux has PR_SET_PDEATHSIG for this, but that kills a child when the *thread* that started it ends,
  does not reach grandchildren, and needs code to run between fork and exec.
"""

import atexit
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from pathlib import Path
from time import monotonic
from typing import IO, NamedTuple, TypeVar

from .errors import Ended, OutputError
from .files import reason
from .interrupts import held_back

PATIENCE = 0.5
"""Seconds from SIGTERM to SIGKILL."""
MOST_OUTPUT = 1 << 20
"""Bytes of a child's stderr, and of the stdout that `run` reads, that are kept; the rest is discarded."""

T = TypeVar("T")


class Programs:
    """The child processes of one piece of work, which can be ended together at any time, from any thread."""

    def __init__(self, within: "Programs | None" = None) -> None:
        """Creates an empty group.

        Args:
            within: a larger piece of work that includes this one; ending it ends this one too.
        """
        self._lock = threading.RLock()
        self._running: set[Program] = set()
        self._parts: set[Programs] = set()
        self._within = within
        self.ended = False
        """Whether the work was ended, so that no more child processes are started."""
        if within is not None:
            with within._lock:
                within._parts.add(self)
                self.ended = within.ended

    def end(self) -> None:
        """Ends all child processes; threads that wait for one, or start another, get an `Ended` error."""
        with self._lock:
            self.ended = True
            running, parts = list(self._running), list(self._parts)
        for part in parts:
            part.end()
        for program in running:
            program.send(signal.SIGTERM)
        until = monotonic() + PATIENCE
        for program in running:
            program.kill_after(until - monotonic())

    def check(self) -> None:
        """Raises Ended if the work was ended."""
        if self.ended:
            raise Ended("the work was ended")

    def close(self) -> None:
        """Ends remaining child processes, and leaves the larger piece of work."""
        self.end()
        if self._within is not None:
            with self._within._lock:
                self._within._parts.discard(self)

    def _add(self, program: "Program") -> None:
        with self._lock:
            self._running.add(program)

    def _remove(self, program: "Program") -> None:
        with self._lock:
            self._running.discard(program)


_all = Programs()
_current: ContextVar[Programs] = ContextVar("programs", default=_all)


def within(work: Programs, function: Callable[[], T]) -> Callable[[], T]:
    """Wraps a function for another thread: child processes that it starts belong to `work`."""
    context = copy_context()
    context.run(_current.set, work)
    return lambda: context.run(function)


def current_work() -> Programs:
    """Returns the piece of work that child processes started here belong to."""
    return _current.get()


@contextmanager
def programs() -> Iterator[Programs]:
    """A piece of work: child processes that are started within the block end with it.

    Do not use it in generators, whose callers would run within it too. Functions for other threads need `within`.
    """
    work = Programs(_current.get())
    token = _current.set(work)
    try:
        yield work
    finally:
        _current.reset(token)
        work.close()


class Program:
    """A child process; a context manager that ends it at the end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.DEVNULL,
        listen: bool = True,
        cwd: Path | None = None,
        bufsize: int = -1,
    ) -> None:
        """Starts the process.

        Args:
            command: the program and its arguments.
            stdin: as in `subprocess.Popen`; empty by default.
            stdout: as in `subprocess.Popen`; discarded by default.
            listen: keep its stderr in `stderr`; otherwise the caller reads and closes the pipe `process.stderr`.
            cwd: its working directory.
            bufsize: as in `subprocess.Popen`.

        Raises:
            Ended: the piece of work that it belongs to was ended.
            OutputError: it cannot be started.
        """
        self._work = _current.get()
        self._work.check()
        _watcher.begin()
        self._listener: _Listener | None = None
        self.killed = False
        """Whether it was sent a signal to end it."""
        self._gone = False
        started = False
        try:
            with held_back():  # no signal may arrive between the start and the registration
                # In its own session, so that Ctrl-C reaches only this process, and its children are in one group.
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                    cwd=cwd, bufsize=bufsize, start_new_session=True,
                )  # fmt: skip
                started = True
                _watcher.add(self.process.pid)
                self._work._add(self)
            assert self.process.stderr is not None
            self._listener = _Listener(self.process.stderr) if listen else None
            self._work.check()  # the work may have been ended meanwhile
        except BaseException as error:
            if started:
                self.close()
            elif isinstance(error, OSError):
                raise OutputError(f"{command[0]}: cannot be started ({reason(error)}); install it again") from error
            raise

    @property
    def stderr(self) -> bytes:
        """Its stderr so far, up to MOST_OUTPUT bytes; complete once it has exited."""
        return b"" if self._listener is None else self._listener.text()

    def wait(self, timeout: float | None = None) -> int:
        """Waits until it exits.

        Returns:
            Its exit code.

        Raises:
            Ended: the piece of work that it belongs to was ended.
            subprocess.TimeoutExpired: it did not exit within `timeout` seconds.
        """
        code = self.process.wait(timeout)
        self._forget()
        self._work.check()
        return code

    def check(self) -> None:
        """Raises Ended if the piece of work that it belongs to was ended."""
        self._work.check()

    def send(self, number: int) -> None:
        """Sends a signal to its process group; has no effect if it has exited."""
        if self.process.poll() is not None:
            return
        self.killed = True
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def kill_after(self, seconds: float) -> None:
        """Waits up to `seconds` for its exit, then kills it."""
        try:
            self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.send(getattr(signal, "SIGKILL", signal.SIGTERM))
            with suppress(subprocess.TimeoutExpired):  # it may be blocked by a disk that does not respond
                self.process.wait(PATIENCE)
        self._forget()

    def close(self) -> None:
        """Ends it if it still runs, and closes its pipes; has no effect the second time."""
        if self.process.stdout is not None:
            self.process.stdout.close()  # first, as a blocked write would delay its exit
        self.send(signal.SIGTERM)
        self.kill_after(PATIENCE)
        if self.process.stdin is not None:
            with suppress(OSError, ValueError):  # unread bytes
                self.process.stdin.close()
        if self._listener is not None:
            self._listener.close()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _forget(self) -> None:
        with self._work._lock:
            gone, self._gone = self._gone, True
        if not gone:
            self._work._remove(self)
            _watcher.remove(self.process.pid)


class Done(NamedTuple):
    """The result of `run`."""

    code: int
    """Exit code."""
    out: bytes
    """The beginning of stdout."""
    stderr: bytes
    """The beginning of stderr."""


def run(command: Sequence[str], *, seconds: float, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs a program until it exits.

    Args:
        command: the program and its arguments.
        seconds: time limit.
        out: keep its stdout.
        cwd: its working directory.

    Raises:
        subprocess.TimeoutExpired: it took longer than the limit.
        Ended: the piece of work was ended.
        OutputError: it cannot be started.
    """
    stdout = subprocess.PIPE if out else subprocess.DEVNULL
    with Program(command, stdout=stdout, cwd=cwd) as program:
        listener = None if program.process.stdout is None else _Listener(program.process.stdout)
        code = program.wait(seconds)
        return Done(code, b"" if listener is None else listener.text(), program.stderr)


class _Listener:
    """Reads a pipe to its end in a thread, so that the writer never blocks; keeps the beginning."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._text = bytearray()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError, ValueError):  # closed meanwhile
            while part := os.read(self._pipe.fileno(), 1 << 16):
                self._text += part[: max(0, MOST_OUTPUT - len(self._text))]

    def text(self) -> bytes:
        """Returns the beginning of the output, after waiting for its end."""
        # grandchildren may keep the pipe open
        self._thread.join(PATIENCE)
        return bytes(self._text)

    def close(self) -> None:
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self._pipe.close()


def wait_to_read(pipe: IO[bytes], seconds: float) -> bool:
    """Waits until a pipe has data or has ended; returns False if neither happens within `seconds`."""
    if os.name != "posix":  # selectors do not support pipes there
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return bool(selector.select(seconds))


_WATCH = """
while read -r change pid; do
  case $change in
    +) running="$running $pid" ;;
    -) left=; for each in $running; do [ "$each" = "$pid" ] || left="$left $each"; done; running=$left ;;
  esac
done
for each in $running; do kill -s KILL -- "-$each"; done
"""
"""The watcher: reads the ids of process groups that start and end, and kills the rest when its input ends."""


class _Watcher:
    """A shell that kills remaining child processes when this process ends for any reason."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def begin(self) -> None:
        """Starts the watcher if it does not run yet, before the first child, which would otherwise be unwatched."""
        self._say("")

    def add(self, pid: int) -> None:
        self._say(f"+ {pid}\n")

    def remove(self, pid: int) -> None:
        self._say(f"- {pid}\n")

    def _say(self, line: str) -> None:
        if os.name != "posix":
            return
        with self._lock, suppress(OSError):  # without a watcher, children still end at a regular exit
            if self._process is None:
                listen, self._pipe = os.pipe()
                try:
                    self._process = subprocess.Popen(
                        ["/bin/sh", "-c", _WATCH], stdin=listen, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                        start_new_session=True, cwd="/",
                    )  # fmt: skip
                finally:
                    os.close(listen)
            os.write(self._pipe, line.encode())

    def close(self) -> None:
        """Ends the watcher."""
        with self._lock, suppress(OSError, subprocess.TimeoutExpired):
            if self._process is not None:
                os.close(self._pipe)
                self._process.wait(PATIENCE)

    def _forget(self) -> None:
        """After a fork: the watcher belongs to the parent, whose end must close the last copy of the pipe."""
        if self._pipe >= 0:
            with suppress(OSError):
                os.close(self._pipe)
        self._lock, self._process, self._pipe = threading.Lock(), None, -1


_watcher = _Watcher()


@atexit.register
def _end_all() -> None:
    _all.end()
    _watcher.close()
