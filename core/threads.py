"""Work in several threads: results come in order, and are those of one thread."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Workers:
    """Threads that do work before its results are asked for."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet; with fewer than 2 there is none, and work is done when its result is asked for."""
        self.threads = threads
        """How many there are."""
        self._pool = ThreadPoolExecutor(threads, "animi-workers") if threads > 1 else None

    def begin(self, function: Callable[..., T], *inputs: Any) -> Callable[[], T]:
        """Begins some work; returns a function that waits for its result, or raises what it raised."""
        if self._pool is None:
            return cache(partial(function, *inputs))
        future: Future[T] = self._pool.submit(function, *inputs)
        return future.result

    def close(self) -> None:
        """Drops what has not begun, and waits for what has."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def map_ahead(function: Callable[[T], U], items: Sequence[T], threads: int) -> Iterator[U]:
    """Maps items in several threads, at most `threads` items ahead of the caller; results are in the items' order."""
    if min(threads, len(items)) < 2:
        yield from map(function, items)
        return
    workers = Workers(min(threads, len(items)))
    begun: deque[Callable[[], U]] = deque()
    try:
        for item in items:
            begun.append(workers.begin(function, item))
            if len(begun) > workers.threads:
                yield begun.popleft()()
        while begun:
            yield begun.popleft()()
    finally:
        workers.close()
