"""Key frames read one at a time, and at the size of a screen."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..inbetween.key_frames import KeyFrames
from ..media.frames import Frame, FrameSequence, resize_image

_HELD = 6  # key frames at the size of the screen that are kept in memory


class TurnsKeyFrames(KeyFrames):
    """Key frames that are decoded one at a time: a large one takes half a gigabyte while it is decoded."""

    def __init__(
        self, paths: Sequence[Path], size: tuple[int, int | None] | None, turn: AbstractContextManager[Any]
    ) -> None:
        """Finds and checks the files.

        Args:
            paths: images.
            size: see `KeyFrames`.
            turn: entered for each decoding.

        Raises:
            InputError: see `KeyFrames`.
        """
        self._turn = turn
        super().__init__(paths, size)

    def _read(self, path: Path) -> Frame:
        with self._turn:
            return super()._read(path)


class View(FrameSequence):
    """Key frames at the size of a screen."""

    def __init__(self, keys: KeyFrames, longest: int) -> None:
        """Shows `keys` with a longer side of `longest` pixels at most."""
        self._keys = keys
        height, width = keys[0].shape[:2]
        scale = min(1.0, longest / max(height, width))
        self._size = max(1, round(width * scale)), max(1, round(height * scale))
        self._held: OrderedDict[int, Frame] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def _get(self, number: int) -> Frame:
        with self._lock:
            if number not in self._held:
                self._held[number] = resize_image(self._keys[number], *self._size)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(number)
            return self._held[number]
