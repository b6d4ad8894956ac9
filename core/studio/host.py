"""What a page needs of the studio that it belongs to."""

from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from ..config.studio import StudioConfig
from ..engines.interface import Engine
from .folder import Room


class Host(Protocol):
    """A studio, as its pages see it.

    Attributes:
        config: what it was started with.
        turn: entered by who decodes a drawing: one is decoded at a time, as that takes 30 bytes of memory a pixel.
        large: held by who draws large frames at their full size.
        room: what the files of all pages may take.
    """

    config: StudioConfig
    turn: AbstractContextManager[Any]
    large: Lock
    room: Room

    def open(self, name: str) -> Engine:
        """The engine of that name, opened once."""
        ...

    def find_source(self, name: str) -> tuple[str | None, Path | None]:
        """The engine of that name as commands have it: an engine's name, or a network's checkpoint."""
        ...
