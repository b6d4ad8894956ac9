"""Defers Ctrl-C and SIGTERM until they can be handled.

Python raises KeyboardInterrupt at any point of the main thread: also between the creation of a file and the `try` that
would remove it, during clean-up, and inside C libraries, which may abort the process.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

_PATIENCE = 2.0  # seconds after which a second Ctrl-C is deliberate, not a double press


class HeldBack:
    """Signals that were received and deferred.

    Attributes:
        came: their numbers, in order.
        answered: whether one of them was raised.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self.answered = False

    def answer(self) -> None:
        """Raises a deferred signal's exception; call this often, wherever the work may end.

        Raises:
            KeyboardInterrupt: SIGINT was received.
            SystemExit: 143; SIGTERM was received.
        """
        if self.came:
            self.answered = True
            if signal.SIGINT in self.came:
                raise KeyboardInterrupt
            raise SystemExit(128 + signal.SIGTERM)


_outermost: HeldBack | None = None
"""What the outermost block in the main thread has deferred."""


@contextmanager
def held_back() -> Iterator[HeldBack]:
    """Defers SIGINT and SIGTERM until `HeldBack.answer` is called, or until the block ends.

    A signal more than two seconds after the first is handled at once, as it would be without the block. Outside the
    main thread nothing is deferred, as Python delivers signals to the main thread only. A block within another one
    shares its signals: whichever of the two answers them first does so for both.
    """
    global _outermost
    held = HeldBack()
    if threading.current_thread() is not threading.main_thread():
        yield held
        return
    if _outermost is not None:
        yield _outermost
        return
    first: float | None = None

    def note(number: int, _frame: FrameType | None) -> None:
        nonlocal first
        now = monotonic()
        held.came.append(number)
        if first is None:
            first = now
        elif now - first > _PATIENCE:
            held.answered = True
            signal.signal(number, before[number])
            signal.raise_signal(number)

    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, note)
    _outermost = held
    try:
        yield held
    finally:
        _outermost = None
        for number, handler in before.items():
            signal.signal(number, handler)
        if held.came and not held.answered:
            signal.raise_signal(held.came[0])
