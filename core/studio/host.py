"""The part of the studio that its sessions use."""

from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from ..config.studio import StudioConfig
from ..engines.interface import Engine
from .folder import Room


class Host(Protocol):
    """A studio, for its sessions.

    Attributes:
        config: its settings.
        turn: entered to decode a drawing: one at a time, as that takes 30 bytes of memory a pixel.
        large: held while large frames are drawn at full size.
        room: the limit for the files of all sessions.
    """

    config: StudioConfig
    turn: AbstractContextManager[Any]
    large: Lock
    room: Room

    def open(self, name: str) -> Engine:
        """The engine of that name, opened once."""
        ...

    def find_source(self, name: str) -> tuple[str | None, Path | None]:
        """The arguments of `open_engine` for an engine: its name, or a network's checkpoint."""
        ...
