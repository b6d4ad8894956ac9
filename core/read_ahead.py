"""Runs generators ahead in a thread, and ends them at once when they are closed."""

import queue
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TypeVar

from .programs import Programs, current_work, within

T = TypeVar("T")

_PATIENCE = 1.0  # seconds to wait for the thread, which may be decoding a large picture or waiting for a pipe


def read_ahead(
    items: Generator[T, None, None], depth: int, answer: Callable[[], None] = lambda: None
) -> Generator[T, None, None]:
    """Runs a generator in a thread, up to `depth` items ahead.

    Closing this closes the generator, and ends the programs that it has started.

    Args:
        items: the generator.
        depth: largest number of items that wait.
        answer: called several times a second while waiting; an exception from it ends the wait.
    """
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()
    work = Programs(current_work())

    def put(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                waiting.put((item, error), timeout=0.2)
                return

    def produce() -> None:
        try:
            with closing(items):
                for item in items:
                    put(item, None)
                    if stopped.is_set():
                        return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    thread = threading.Thread(target=within(work, produce), daemon=True)
    thread.start()
    try:
        while True:
            try:
                item, error = waiting.get(timeout=0.2)
            except queue.Empty:
                answer()
                continue
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        work.close()
        thread.join(_PATIENCE)
