"""A cache of prepared pairs of key frames, so that frames between them are drawn without delay."""

import hashlib
import threading
from collections import OrderedDict

from ..engines.interface import Engine, Guided, Pair, Working
from ..motion.guides import PairHints

_PAIRS = 6  # prepared pairs that a session keeps for each engine


class PairMemory:
    """An engine with a cache of the pairs that it has prepared."""

    def __init__(self, engine: Engine, most: int = _PAIRS) -> None:
        """Wraps `engine`, and keeps the `most` pairs used last."""
        self.name = engine.name
        self._engine, self._most = engine, most
        self._pairs: OrderedDict[bytes, Pair] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self, first: Working, last: Working) -> Pair:
        """Returns the prepared pair, from the cache if it is there."""
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
        with self._lock:  # two threads that need one pair at the same time prepare it once
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
    """The same for an engine that takes hints: a pair with other hints counts as another pair."""

    takes_hints = True

    def prepare(self, first: Working, last: Working, hints: PairHints | None = None) -> Pair:
        """Returns the prepared pair, from the cache if it is there."""
        return self._recall(first, last, hints)


def remember(engine: Engine) -> PairMemory:
    """Adds a cache to an engine; the result takes hints if the engine does."""
    return GuidedMemory(engine) if isinstance(engine, Guided) else PairMemory(engine)
