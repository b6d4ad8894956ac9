"""Ctrl-C and SIGTERM, held back until they can be answered.

Python raises KeyboardInterrupt wherever the main thread happens to be: also between the making of a file and the `try`
that would remove it, in the midst of clearing up, and inside libraries in C, which may end the process over it.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

_PATIENCE = 2.0  # seconds after which a second Ctrl-C is no slip of the finger: whoever presses it wants an end


class HeldBack:
    """Signals that have come.

    Attributes:
        came: their numbers, in order.
        answered: whether the work was asked to end.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self.answered = False

    def answer(self) -> None:
        """Ends the work if a signal has come; call this often, wherever it may end.

        Raises:
            KeyboardInterrupt: SIGINT has come.
            SystemExit: 143; SIGTERM has come.
        """
        if self.came:
            self.answered = True
            if signal.SIGINT in self.came:
                raise KeyboardInterrupt
            raise SystemExit(128 + signal.SIGTERM)


@contextmanager
def held_back() -> Iterator[HeldBack]:
    """Lets SIGINT and SIGTERM wait until they are answered, or until the block ends.

    One that comes more than two seconds after the first does what it did before the block. Outside the main thread, to
    which Python brings all signals, none ever comes.
    """
    held = HeldBack()
    if threading.current_thread() is not threading.main_thread():
        yield held
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
    try:
        yield held
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held.came and not held.answered:
            signal.raise_signal(held.came[0])
