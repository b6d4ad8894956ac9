"""The files of a session: their names for the person, which are in use, and their size on disk."""

import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic

from ..errors import InputError, hide_paths
from ..files import shown
from .jobs import Cancelled

MEGABYTE = 1_000_000
INCOMING = "incoming"
"""The folder of files that are being received; their size is reserved, so the files themselves are not counted."""

_NAMES = 4096  # files whose names are remembered
_OFTEN = 1.0  # seconds between two measurements of a folder during work: thousands of files take 20 ms


class Room:
    """A limit for the bytes of the files in a folder, including those reserved for uploads."""

    def __init__(self, folder: Path, megabytes: int, whose: str, remedy: str) -> None:
        """Sets the limit.

        Args:
            folder: the folder.
            megabytes: the limit.
            whose: the files' name in errors.
            remedy: the errors' advice.
        """
        self._folder, self._most, self._whose, self._remedy = folder, megabytes, whose, remedy
        self._promised: dict[str, int] = {}
        self._lock = threading.Lock()
        self._measured = 0.0

    def promise(self, id: str, size: int) -> None:
        """Reserves bytes for a file that will be received.

        Raises:
            InputError: it would exceed the limit.
        """
        with self._lock:
            self._check(sum(self._promised.values()) + size)
            self._promised[id] = size

    def release(self, id: str) -> None:
        """Removes a reservation, if there is one."""
        with self._lock:
            self._promised.pop(id, None)

    def lacks(self, size: int) -> bool:
        """Whether `size` bytes more would exceed the limit."""
        with self._lock:
            return measure(self._folder) + sum(self._promised.values()) + size > self._most * MEGABYTE

    def check_now_and_then(self) -> None:
        """Checks the limit, at most once a second.

        Raises:
            InputError: the files exceed the limit.
        """
        now = monotonic()
        if now - self._measured < _OFTEN:
            return
        self._measured = now
        with self._lock:
            self._check(sum(self._promised.values()))

    def _check(self, more: int) -> None:
        taken = measure(self._folder) + more
        if taken > self._most * MEGABYTE:
            raise InputError(
                f"{self._whose} would take {taken / MEGABYTE:.0f} MB, and {self._most} MB are allowed; {self._remedy}"
            )


def measure(folder: Path) -> int:
    """Returns the bytes of all files under a folder, except those in folders named INCOMING."""
    total = 0
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != INCOMING:
                            waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # it was removed in the meantime
            continue
    return total


class SessionFolder:
    """The folder of a session; may be used from several threads."""

    def __init__(self, path: Path) -> None:
        """Makes it."""
        self.path = path
        self._names: dict[Path, str] = {}
        self._count = 0
        self._used: Counter[Path] = Counter()
        self._unwanted: set[Path] = set()
        self._lock = threading.Lock()
        self._closed = False
        path.mkdir()

    def folder(self, name: str) -> Path:
        """A folder in it.

        Raises:
            Cancelled: the page has ended.
        """
        if self._closed:
            raise Cancelled
        folder = self.path / name
        folder.mkdir(exist_ok=True, parents=True)
        return folder

    def name(self, name: str, suffix: str) -> Path:
        """Returns a path for a file that is received; messages call it `name`.

        Raises:
            Cancelled: the page has ended.
        """
        with self._lock:
            self._count += 1
            path = self.folder("files") / f"{self._count}{suffix}"
            self._names[path] = name  # kept when the file is removed, as later messages may still name it
            while len(self._names) > _NAMES:
                del self._names[next(iter(self._names))]
        return path

    def use(self, paths: Iterable[Path]) -> Callable[[], None]:
        """Keeps files from being removed.

        Returns:
            A function that releases them.
        """
        held = tuple(paths)
        with self._lock:
            self._used.update(held)
        done = threading.Lock()

        def let_go() -> None:
            if not done.acquire(blocking=False):
                return
            with self._lock:
                self._used.subtract(held)
            self._remove_unwanted()

        return let_go

    def remove(self, paths: Iterable[Path]) -> None:
        """Removes files, each as soon as nothing uses it, with the files of the same number beside it."""
        with self._lock:
            self._unwanted.update(paths)
        self._remove_unwanted()

    def say(self, words: str) -> str:
        """Replaces paths in a message by the person's names; no path of this machine is left in it."""
        with self._lock:
            names = sorted(self._names.items(), key=lambda known: -len(str(known[0])))  # 11.png before 1
        for path, name in names:
            words = words.replace(shown(path), name)
        words = re.sub(re.escape(shown(self.path)) + r"/(exports/\d+/)?", "", words)
        return hide_paths(words)

    def close(self) -> None:
        """Removes the folder."""
        self._closed = True
        for _ in range(3):  # a thread that has not ended yet may still be writing
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                return

    def _remove_unwanted(self) -> None:
        with self._lock:
            free = [path for path in self._unwanted if self._used[path] <= 0]
            self._unwanted.difference_update(free)
            for path in free:
                self._used.pop(path, None)
        for path in free:
            for file in (path, *path.parent.glob(f"{path.stem}-small.png")):
                file.unlink(missing_ok=True)
