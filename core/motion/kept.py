"""Pictures that never change, with what was computed of them: a film's frame belongs to two pairs.

What is computed of one picture alone, such as a smaller version of it, goes through `once`. For a picture that is kept
it is computed once, also where two pairs are prepared in two threads; for any other it is computed anew. What is
computed of two goes through `once_of_two`.

A picture is kept as a private copy that cannot be written to, and `FrameMemory` knows a frame by its contents. So a
frame that has been changed in place is another one, and equal frames in two arrays are the same.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import cv2
import numpy as np

from .grid import Array

T = TypeVar("T")

_SAMPLES = 4096  # values that are compared first: most frames that differ do so in many places


class Kept:
    """A picture, and what was computed of it."""

    def __init__(self, picture: Array) -> None:
        """Takes an array that nobody else writes to, and makes it read-only."""
        picture.flags.writeable = False
        self.picture = picture
        """The picture: by this object, and no other, `once` finds what is known of it."""
        self._known: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, threading.Lock] = {}
        _KEPT[id(picture)] = self

    def once(self, name: Hashable, compute: Callable[[], T]) -> T:
        """Computes something, or returns what was computed by that name; a second thread waits for the first."""
        with self._locks.setdefault(name, threading.Lock()):
            if name not in self._known:
                self._known[name] = compute()
            known: T = self._known[name]
            return known


_KEPT: WeakValueDictionary[int, Kept] = WeakValueDictionary()
"""Kept pictures by the identity of their arrays, which live as long as they do."""


def once(picture: Array, name: Hashable, compute: Callable[[], T]) -> T:
    """Computes something of a picture; if the picture is kept, only the first time.

    Args:
        picture: any array.
        name: of what is computed, with everything but the picture that it depends on.
        compute: computes it. Nothing may write to its result.
    """
    kept = _KEPT.get(id(picture))
    return compute() if kept is None or kept.picture is not picture else kept.once(name, compute)


def once_of_two(first: Array, last: Array, name: Hashable, compute: Callable[[], T]) -> T:
    """Computes something of two pictures; if the first is kept, only the first time, as `once` does."""
    # `last` is held beside the result, so that no other picture gets its identity
    return once(first, (name, id(last)), lambda: (last, compute()))[1]


def shrink_once(picture: Array, width: int, height: int) -> Array:
    """A picture, (H, W) or (H, W, C), resized by `cv2.INTER_AREA`; it is kept as long as the picture is."""

    def compute() -> Kept:
        return Kept(np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)))

    return once(picture, ("shrink", width, height), compute).picture


def to_lab(picture: Array) -> Array:
    """A picture, (h, w, 3) uint8 RGB, in CIE Lab, (h, w, 3) float32; it is kept as long as the picture is."""

    def compute() -> Kept:
        return Kept(np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32))

    return once(picture, "lab", compute).picture


class FrameMemory:
    """The frames that an engine was given last."""

    def __init__(self, most: int = 2) -> None:
        """Keeps the last `most` frames."""
        self._most = most
        self._frames: list[Kept] = []
        self._lock = threading.Lock()

    def keep(self, frame: Array) -> Array:
        """Returns the kept picture of a frame's contents, of its shape and type."""
        with self._lock:
            kept = next((each for each in reversed(self._frames) if _are_equal(each.picture, frame)), None)
            if kept is None:
                kept = Kept(np.array(frame, order="C"))
            else:
                self._frames.remove(kept)
            self._frames.append(kept)
            del self._frames[: -self._most]
            return kept.picture


def _are_equal(one: Array, other: Array) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    step = max(1, one.shape[0] * one.shape[1] // _SAMPLES)
    if other.flags.c_contiguous and not np.array_equal(one.reshape(-1)[::step], other.reshape(-1)[::step]):
        return False
    return np.array_equal(one, other)
