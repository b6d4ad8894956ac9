"""Programs that we start: each in a process group of its own, listened to within bounds, and ended when we end.

A program ends in one of four ways, whichever comes first:

- it is done;
- its `Program` is closed, or the block of `programs()` in which it was started ends or is ended from another thread:
  it is sent SIGTERM, and SIGKILL where it is still there half a second later;
- we end: what is still there is killed;
- we are killed: a watcher, a shell that waits for our end of a pipe to close, kills the groups that are left. Linux
  could do this by PR_SET_PDEATHSIG, but would then kill a program when the *thread* that started it ends, would not
  reach what a program has started itself, and would need code of ours to run between fork and exec.
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
MOST_WORDS = 1 << 20
"""Bytes of what a program writes on stderr, or `run` reads of its stdout, that are kept; the rest is thrown away."""

T = TypeVar("T")


class Programs:
    """The programs that one piece of work has started: they end together, at any moment and from any thread."""

    def __init__(self, within: "Programs | None" = None) -> None:
        """Begins with none.

        Args:
            within: a larger piece of work; where that is ended, so is this.
        """
        self._lock = threading.RLock()
        self._running: set[Program] = set()
        self._parts: set[Programs] = set()
        self._within = within
        self.ended = False
        """Whether the work was ended: no more programs are started."""
        if within is not None:
            with within._lock:
                within._parts.add(self)
                self.ended = within.ended

    def end(self) -> None:
        """Ends every program; whoever waits for one gets an `Ended`, and so does whoever starts another."""
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
        """Raises Ended where the work was ended."""
        if self.ended:
            raise Ended("the work was ended")

    def close(self) -> None:
        """Ends what is still there, and belongs to the larger piece of work no more."""
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
    """A function for another thread to call: the programs that it starts belong to `work`."""
    context = copy_context()
    context.run(_current.set, work)
    return lambda: context.run(function)


def current_work() -> Programs:
    """The piece of work to which programs belong that are started here."""
    return _current.get()


@contextmanager
def programs() -> Iterator[Programs]:
    """A piece of work: the programs that are started within the block end with it.

    Use it in functions, not in generators, whose callers would be within it too. What other threads do for it goes
    through `within`.
    """
    work = Programs(_current.get())
    token = _current.set(work)
    try:
        yield work
    finally:
        _current.reset(token)
        work.close()


class Program:
    """A program that was started; use it as a context, at whose end it is there no more."""

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
        """Starts it.

        Args:
            command: the program and its arguments.
            stdin: as `subprocess.Popen` takes it; nothing to read unless said.
            stdout: likewise; thrown away unless said.
            listen: keep what it writes on stderr, in `words`; else `process.stderr` is a pipe to read and to close.
            cwd: the folder in which it runs.
            bufsize: as `subprocess.Popen` takes it.

        Raises:
            Ended: the piece of work that it belongs to was ended.
            OutputError: it cannot be started.
        """
        self._work = _current.get()
        self._work.check()
        _watcher.begin()
        self._listener: _Listener | None = None
        self.killed = False
        """Whether we have ended it."""
        self._gone = False
        started = False
        try:
            with held_back():  # no signal may come between its start and its being known
                # In a session of its own: Ctrl-C then reaches us alone, and all that it starts is in one group.
                self.process: subprocess.Popen[bytes] = subprocess.Popen(
                    command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE,
                    cwd=cwd, bufsize=bufsize, start_new_session=True,
                )  # fmt: skip
                started = True
                _watcher.add(self.process.pid)
                self._work._add(self)
            assert self.process.stderr is not None
            self._listener = _Listener(self.process.stderr) if listen else None
            self._work.check()  # ended while this was being started
        except BaseException as error:
            if started:
                self.close()
            elif isinstance(error, OSError):
                raise OutputError(f"{command[0]}: cannot be started ({reason(error)}); install it again") from error
            raise

    @property
    def words(self) -> bytes:
        """What it wrote on stderr; all of it once it has ended."""
        return b"" if self._listener is None else self._listener.text()

    def wait(self, timeout: float | None = None) -> int:
        """Waits until it ends by itself.

        Returns:
            Its exit code.

        Raises:
            Ended: the piece of work that it belongs to was ended.
            subprocess.TimeoutExpired: it has not ended in so many seconds.
        """
        code = self.process.wait(timeout)
        self._forget()
        self._work.check()
        return code

    def check(self) -> None:
        """Raises Ended where the piece of work that it belongs to was ended."""
        self._work.check()

    def send(self, number: int) -> None:
        """Sends a signal to it and all that it has started; nothing happens where it has ended."""
        if self.process.poll() is not None:
            return
        self.killed = True
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    def kill_after(self, seconds: float) -> None:
        """Waits so long for its end, and then kills it."""
        try:
            self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.send(getattr(signal, "SIGKILL", signal.SIGTERM))
            with suppress(subprocess.TimeoutExpired):  # it may wait for a disk that does not answer
                self.process.wait(PATIENCE)
        self._forget()

    def close(self) -> None:
        """Ends it where it has not ended, and closes what leads to it; nothing happens the second time."""
        if self.process.stdout is not None:
            self.process.stdout.close()  # first: what it still writes there would keep it
        self.send(signal.SIGTERM)
        self.kill_after(PATIENCE)
        if self.process.stdin is not None:
            with suppress(OSError, ValueError):  # bytes that it never read
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
    """What came of a program that `run` has waited for."""

    code: int
    """Its exit code."""
    out: bytes
    """The beginning of what it wrote on stdout."""
    words: bytes
    """The beginning of what it wrote on stderr."""


def run(command: Sequence[str], *, seconds: float, out: bool = False, cwd: Path | None = None) -> Done:
    """Runs a program to its end.

    Args:
        command: the program and its arguments.
        seconds: for which it may run.
        out: keep what it writes on stdout.
        cwd: the folder in which it runs.

    Raises:
        subprocess.TimeoutExpired: it took longer.
        Ended: the piece of work was ended.
        OutputError: it cannot be started.
    """
    stdout = subprocess.PIPE if out else subprocess.DEVNULL
    with Program(command, stdout=stdout, cwd=cwd) as program:
        listener = None if program.process.stdout is None else _Listener(program.process.stdout)
        code = program.wait(seconds)
        return Done(code, b"" if listener is None else listener.text(), program.words)


class _Listener:
    """Reads a pipe to its end in a thread, so that who writes never waits; keeps the beginning."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._text = bytearray()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError, ValueError):  # closed under our hands
            while part := os.read(self._pipe.fileno(), 1 << 16):
                self._text += part[: max(0, MOST_WORDS - len(self._text))]

    def text(self) -> bytes:
        """What was kept, when the pipe has ended."""
        # what a program has started itself may hold the pipe for longer
        self._thread.join(PATIENCE)
        return bytes(self._text)

    def close(self) -> None:
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self._pipe.close()


def wait_to_read(pipe: IO[bytes], seconds: float) -> bool:
    """Waits until there is something to read, or the pipe's end; False where there is nothing for so many seconds."""
    if os.name != "posix":  # pipes cannot be waited for there
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
"""The watcher: it reads by lines what runs; when they end, we have, and it kills the groups that are left."""


class _Watcher:
    """A shell that kills what runs when we are gone, however that came about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def begin(self) -> None:
        """Starts it where it is not there yet; a program that starts first would not be known while this takes."""
        self._say("")

    def add(self, pid: int) -> None:
        self._say(f"+ {pid}\n")

    def remove(self, pid: int) -> None:
        self._say(f"- {pid}\n")

    def _say(self, line: str) -> None:
        if os.name != "posix":
            return
        with self._lock, suppress(OSError):  # without it, what runs still ends when we end by ourselves
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
        """Lets it go."""
        with self._lock, suppress(OSError, subprocess.TimeoutExpired):
            if self._process is not None:
                os.close(self._pipe)
                self._process.wait(PATIENCE)

    def _forget(self) -> None:
        """After a fork: the watcher is the parent's, and must see its pipe end when that ends."""
        if self._pipe >= 0:
            with suppress(OSError):
                os.close(self._pipe)
        self._lock, self._process, self._pipe = threading.Lock(), None, -1


_watcher = _Watcher()


@atexit.register
def _end_all() -> None:
    _all.end()
    _watcher.close()
