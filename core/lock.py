"""The lock of folders: only one run at a time writes to a folder.

The operating system releases the lock when its owner ends, however it ends, so no process ids have to be checked. The
lock's file names the owner, for the message that a second run gets.
"""

import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic, sleep

from .errors import OutputError
from .files import shown

LOCK = ".animi.lock"
"""The name of the locked file in a folder."""
PATIENCE = 2.0
"""Seconds for which a second run waits, as programs of a killed run may still be ending."""
_TAKEN = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_held: set[int] = set()  # descriptors, by this process


@contextmanager
def locked(folder: Path, *, named: Path | None = None, patience: float = PATIENCE) -> Iterator[Callable[[], None]]:
    """Keeps other runs out of a folder until the block ends.

    Args:
        folder: the folder, which is made if it is missing.
        named: the path that the message names. None: the folder.
        patience: seconds to wait for another run's end.

    Yields:
        What unlocks the folder before the block ends, as a locked folder cannot be replaced.

    Raises:
        OutputError: another run has locked the folder; the message names it.
        OSError: the folder cannot be written.
    """
    lock = take_lock(folder, named=named, patience=patience)
    try:
        yield partial(unlock, folder, lock)
    finally:
        unlock(folder, lock)


def take_lock(folder: Path, *, named: Path | None = None, patience: float = PATIENCE) -> int:
    """Locks a folder as `locked` does, until `unlock` is called with the returned number."""
    lock = try_lock(folder, patience=patience)
    if lock is None:
        raise OutputError(
            f"{shown(named or folder)}: {_describe_owner(folder)} is writing it; "
            "wait for that, end it, or choose another place"
        )
    return lock


def try_lock(folder: Path, *, patience: float = 0.0) -> int | None:
    """Locks a folder for this process.

    Returns:
        The number for `unlock`. None: another run has locked the folder for longer than `patience` seconds.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / LOCK
    until = monotonic() + patience
    while True:
        folder.mkdir(exist_ok=True)  # the run that was waited for may have removed it
        lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if _take(lock) and _is_there(lock, path):
            _held.add(lock)
            words = f"process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%Y-%m-%d %H:%M:%S}"
            os.ftruncate(lock, 0)
            os.pwrite(lock, words.encode(), 0)
            return lock
        os.close(lock)
        if monotonic() >= until:
            return None
        sleep(0.05)


def unlock(folder: Path, lock: int) -> None:
    """Unlocks a folder and removes the lock's file; has no effect the second time."""
    if lock not in _held:
        return
    with suppress(OSError):
        if _is_there(lock, folder / LOCK):
            (folder / LOCK).unlink()
    _held.discard(lock)
    os.close(lock)


def owns_lock(folder: Path) -> bool:
    """Returns whether this process has locked a folder."""
    return any(_is_there(lock, folder / LOCK) for lock in _held)


def _is_there(lock: int, path: Path) -> bool:
    """Whether the locked file still has that name: its owner removes it before it unlocks."""
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False


def _describe_owner(folder: Path) -> str:
    try:
        words = (folder / LOCK).read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        words = ""
    words = "".join(letter for letter in words if letter.isprintable())
    return f"another run ({words})" if words else "another run"


if sys.platform == "win32":
    import msvcrt

    def _take(lock: int) -> bool:
        os.lseek(lock, 1 << 30, os.SEEK_SET)  # after the text, so that others can read it
        try:
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(lock: int) -> bool:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _TAKEN  # a disk without locks must do without
        return True

    def _let_go_in_child() -> None:
        """Closes the lock in a forked process, which must not keep it when this one is killed."""
        for lock in _held:
            with suppress(OSError):
                os.close(lock)
        _held.clear()

    os.register_at_fork(after_in_child=_let_go_in_child)
