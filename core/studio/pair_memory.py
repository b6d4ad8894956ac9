"""A cache of prepared pairs of key frames, so that frames between them are drawn without delay."""

import hashlib
import threading
from collections import OrderedDict

from ..engines.interface import Engine, Pair, Working

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
        digest = hashlib.blake2b(f"{first.shape} {first.dtype}".encode())
        for frame in (first, last):
            digest.update(frame.data if frame.flags.c_contiguous else frame.tobytes())
        key = digest.digest()
        with self._lock:  # two threads that need one pair at the same time prepare it once
            if key not in self._pairs:
                self._pairs[key] = self._engine.prepare(first, last)
                while len(self._pairs) > self._most:
                    self._pairs.popitem(last=False)
            self._pairs.move_to_end(key)
            return self._pairs[key]
