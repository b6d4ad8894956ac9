"""Prepared pairs of key frames, kept so that any moment between them is drawn at once."""

import hashlib
import threading
from collections import OrderedDict

from ..engines.interface import Engine, Guided, Pair, Working
from ..motion.guides import PairHints

_PAIRS = 6  # prepared pairs that a session keeps for each engine


class PairMemory:
    """An engine that remembers the pairs it prepared, so that any t of them is drawn at once."""

    def __init__(self, engine: Engine, most: int = _PAIRS) -> None:
        """Asks `engine` for what is not among the `most` pairs that were asked for last."""
        self.name = engine.name
        self._engine, self._most = engine, most
        self._pairs: OrderedDict[bytes, Pair] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, first: Working, last: Working) -> Pair:
        """Gives the prepared pair, from memory where it is there."""
        return self._recall(first, last, None)

    def _recall(self, first: Working, last: Working, hints: PairHints | None) -> Pair:
        digest = hashlib.blake2b(f"{first.shape} {first.dtype}".encode())
        for frame in (first, last):
            digest.update(frame.data if frame.flags.c_contiguous else frame.tobytes())
        if hints:
            digest.update(repr(hints.tracks).encode())
            masks = [("still", hints.still)] if hints.still is not None else []
            masks += [("apart", mask) for two in hints.apart for mask in two]
            for name, mask in masks:
                digest.update(name.encode() + mask.tobytes())
        key = digest.digest()
        with self._lock:  # two who ask for one pair at the same time have it prepared once
            if key not in self._pairs:
                self._pairs[key] = self._prepare(first, last, hints)
                while len(self._pairs) > self._most:
                    self._pairs.popitem(last=False)
            self._pairs.move_to_end(key)
            return self._pairs[key]

    def _prepare(self, first: Working, last: Working, hints: PairHints | None) -> Pair:
        if hints and isinstance(self._engine, Guided):
            return self._engine.prepare(first, last, hints)
        return self._engine.prepare(first, last)


class GuidedMemory(PairMemory):
    """The same of an engine that takes hints: a pair with other hints is another one."""

    takes_hints = True

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """Gives the prepared pair, from memory where it is there."""
        return self._recall(first, last, hints)


def remember(engine: Engine) -> PairMemory:
    """An engine that remembers, and takes hints where the engine does."""
    return GuidedMemory(engine) if isinstance(engine, Guided) else PairMemory(engine)
