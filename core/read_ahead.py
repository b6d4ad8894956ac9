"""Generators that run ahead in a thread of their own, and end at once when nobody wants more of them."""

import queue
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import TypeVar

from .programs import Programs, current_work, within

T = TypeVar("T")

_PATIENCE = 1.0  # seconds for which the thread is waited for; it may be decoding a large picture, or wait for a pipe


def read_ahead(
    items: Generator[T, None, None], depth: int, answer: Callable[[], None] = lambda: None
) -> Generator[T, None, None]:
    """Runs a generator in a thread of its own, up to `depth` items ahead.

    Closing this closes it, and ends the programs that it has started, however long they would take.

    Args:
        items: the generator.
        depth: how far.
        answer: called now and then while it waits; what it raises ends the wait.
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
