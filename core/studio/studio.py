"""The work of `animi studio`: receives drawings and films, draws the frames between them, and removes everything.

Each page has a session with its own folder, in a temporary folder that is removed with the `Studio`, and with its own
queue of jobs. The page shows frames drawn at the size of a screen (`view`); downloads are drawn at the key frames' own
size, by the functions that `animi interpolate` calls.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from ..config.choices import ENGINES
from ..config.studio import StudioConfig
from ..engines.interface import Engine
from ..engines.opening import open_engine
from ..files import name_apart
from ..lock import LOCK, try_lock, unlock
from .folder import Room
from .session import Session

_CLOSING = 1.5  # seconds that all sessions have to end, together


class Studio:
    """All sessions, the engines that they share, and the temporary folder that holds every file."""

    def __init__(self, config: StudioConfig) -> None:
        """Makes the folder, and removes the folders of studios that were killed.

        Raises:
            CheckpointError: a network cannot be used.
            DeviceError: the device is not on this machine.
        """
        self.config = config
        sources: list[tuple[str, tuple[str | None, Path | None]]] = [(name, (name, None)) for name in ENGINES]
        for path, name in zip(config.checkpoints, name_apart(config.checkpoints), strict=True):
            sources.append((name, (None, path)))
        self._sources = dict(sources)
        self._engines: dict[str, Engine] = {}
        self._opening = threading.Lock()
        self._lock = threading.RLock()
        self._sessions: dict[str, Session] = {}
        for name in self._sources:
            if name not in ENGINES:
                self.open(name)
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._owned = try_lock(self.folder, patience=1)  # for as long as the studio lives
        self.turn: AbstractContextManager[Any] = threading.Lock()
        self.large = threading.Lock()
        self.room = Room(
            self.folder, config.max_total, "the files of all pages",
            "close pages that are not needed, or start the studio with --max-total",
        )  # fmt: skip

    @property
    def engines(self) -> tuple[str, ...]:
        """All engines; the first is the default."""
        return tuple(self._sources)

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """The engines that are trained networks."""
        return tuple(name for name, (_, path) in self._sources.items() if path is not None)

    def find_source(self, name: str) -> tuple[str | None, Path | None]:
        """The arguments of `open_engine` for an engine: its name, or a network's checkpoint."""
        return self._sources[name]

    def open(self, name: str) -> Engine:
        """The engine of that name, opened once; that may take seconds, in which requests are answered all the same."""
        with self._opening:
            if name not in self._engines:
                engine, checkpoint = self._sources[name]
                self._engines[name] = open_engine(engine, checkpoint, self.config.device)
            return self._engines[name]

    def begin(self) -> Session:
        """Makes a session; if there are too many, the one unused for longest is closed."""
        self.drop_idle()
        with self._lock:
            dropped = sorted(self._sessions.values(), key=lambda session: session.touched)
            dropped = dropped[: max(0, len(dropped) + 1 - self.config.sessions)]
            for session in dropped:
                del self._sessions[session.id]
            id = secrets.token_urlsafe(16)
            session = self._sessions[id] = Session(id, self.folder / secrets.token_hex(8), self)
        for old in dropped:
            old.close()
        return session

    def __getitem__(self, id: str) -> Session:
        """The session with that id; KeyError if there is none."""
        with self._lock:
            session = self._sessions[id]
            session.touched = time.monotonic()
            return session

    def end(self, id: str) -> None:
        """Closes a session and removes its files; KeyError if there is none."""
        with self._lock:
            session = self._sessions.pop(id)
        session.close()

    def drop_idle(self) -> None:
        """Closes the sessions that were unused for longer than `idle` minutes."""
        until = time.monotonic() - 60 * self.config.idle
        with self._lock:
            idle = [session for session in self._sessions.values() if session.touched < until]
            for session in idle:
                del self._sessions[session.id]
        for session in idle:
            session.close()

    def cancel(self) -> None:
        """Cancels all work, without waiting for its end."""
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            for job in session.work.jobs.list():
                threading.Thread(target=job.cancel, daemon=True).start()

    def close(self) -> None:
        """Ends all work, within 2 seconds, and removes the temporary folder."""
        with self._lock:
            sessions, self._sessions = list(self._sessions.values()), {}
        closing = [threading.Thread(target=session.close, daemon=True) for session in sessions]
        for thread in closing:
            thread.start()
        until = time.monotonic() + _CLOSING
        for thread in closing:
            thread.join(max(0.0, until - time.monotonic()))
        if self._owned is not None:
            unlock(self.folder, self._owned)
            self._owned = None
        for _ in range(3):  # work that has not ended yet may still be writing
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break


_PREFIX = "animi-studio-"


def _sweep() -> None:
    """Removes the temporary folders of this user's studios that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, AttributeError):
            if folder.stat().st_uid != os.getuid() or not (folder / LOCK).exists():
                continue
            lock = try_lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                unlock(folder, lock)
