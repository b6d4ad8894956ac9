"""Key frames read one at a time, and at the size of a screen."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, overload

from ..inbetween.key_frames import KeyFrames
from ..media.frames import Frame, resize_image

_HELD = 6  # key frames at the size of the screen that are kept in memory


class TurnsKeyFrames(KeyFrames):
    """Key frames of which each is decoded when it is its turn: large ones take half a gigabyte while they are."""

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


class View(Sequence[Frame]):
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

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        with self._lock:
            if index not in self._held:
                self._held[index] = resize_image(self._keys[index], *self._size)
                while len(self._held) > _HELD:
                    self._held.popitem(last=False)
            self._held.move_to_end(index)
            return self._held[index]
