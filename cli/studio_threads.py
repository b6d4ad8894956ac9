"""Threads for work of the server that would block its event loop."""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from ..core.studio.jobs import AT_WORK

_IDLE = "animi-idle"

P = ParamSpec("P")
R = TypeVar("R")


class DaemonThreads:
    """Threads that the program does not wait for when it ends.

    The program waits for threads of `concurrent.futures` and anyio: drawing one large frame would delay its end.
    """

    def __init__(self, most: int) -> None:
        """Starts no thread yet; `most` may work at once, and further work waits."""
        self._most = most
        self._threads = 0
        self._tasks = 0  # waiting or running
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    async def run(self, work: Callable[P, R], *words: P.args, **more: P.kwargs) -> R:
        """Runs `work` in a thread and returns its result; if this is cancelled, the thread continues by itself."""
        future: Future[R] = Future()
        context = contextvars.copy_context()

        def do() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(context.run(work, *words, **more))
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            self._waiting.put(do)
            self._tasks += 1
            if self._tasks > self._threads and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name=_IDLE, daemon=True).start()
        return await asyncio.wrap_future(future)

    def _work(self) -> None:
        while True:
            do = self._waiting.get()
            threading.current_thread().name = AT_WORK
            do()
            threading.current_thread().name = _IDLE
            with self._lock:
                self._tasks -= 1
