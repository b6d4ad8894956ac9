"""Work in several threads: results come in order, and are those of one thread."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Workers:
    """Threads that work ahead of who needs the results."""

    def __init__(self, threads: int) -> None:
        """Starts no thread yet; with fewer than 2 there is none, and work is done when its result is asked for."""
        self.threads = threads
        """How many there are."""
        self._pool = ThreadPoolExecutor(threads, "animi-workers") if threads > 1 else None

    def begin(self, function: Callable[..., T], *inputs: Any) -> Callable[[], T]:
        """Begins some work; returns what waits for its result, and raises what it raised."""
        if self._pool is None:
            return _Later(function, inputs)
        future: Future[T] = self._pool.submit(function, *inputs)
        return future.result

    def close(self) -> None:
        """Drops what has not begun, and waits for what has."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class _Later:
    """Work that is done once, when its result is asked for."""

    def __init__(self, function: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
        self._function, self._inputs = function, inputs
        self._result: list[Any] = []

    def __call__(self) -> Any:
        if not self._result:
            self._result.append(self._function(*self._inputs))
        return self._result[0]


def map_ahead(function: Callable[[T], U], items: Sequence[T], threads: int) -> Iterator[U]:
    """Maps items in several threads, at most `threads` of them ahead of who asks; results are in the items' order."""
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
