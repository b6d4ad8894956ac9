"""Settings of `animi studio`."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from ..errors import ConfigError
from .choices import ACCEPTS, DEVICES


@dataclass(frozen=True)
class StudioConfig:
    """How `animi studio` serves its page, and what it takes."""

    host: str = "127.0.0.1"
    """The address to listen at; the default is this machine alone."""
    port: int = 8321
    """The port to listen at; 0: any that is free."""
    open: bool = True
    """Open the page in the browser, where there is a screen."""
    accept: tuple[str, ...] = ACCEPTS
    """Of ACCEPTS."""
    max_drawing: int = 64
    """Megabytes of a drawing's file at most."""
    max_film: int = 2048
    """Megabytes of a film's file at most."""
    max_drawings: int = 64
    """Key frames of one session at most."""
    max_frames: int = 1000
    """Frames that are drawn in one go at most, all segments together."""
    max_film_drawings: int = 5000
    """Drawings of a film that are shown at most."""
    view: int = 960
    """Pixels of the longer side of what the page shows; downloads are as large as the key frames."""
    sessions: int = 8
    """Pages that may be at work at once; where there are more, the one left alone for longest is dropped."""
    idle: float = 120.0
    """Minutes after which a page that was left alone is dropped, with its files."""
    checkpoints: tuple[Path, ...] = ()
    """Trained networks that are offered beside the engines."""
    device: str = DEVICES[0]
    """Where networks run: one of DEVICES, or cuda:1 and so on."""

    def __post_init__(self) -> None:
        """Refuses what cannot be used.

        Raises:
            ConfigError: a value is out of its range.
        """
        if not self.host.strip():
            raise ConfigError("--host: is empty; give an address such as 127.0.0.1")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"--port: {self.port} is out of range; give 1 to 65535, or 0 for any that is free")
        for name in self.accept:
            if name not in ACCEPTS:
                raise ConfigError(f"--accept: {name} is not known; give any of {', '.join(ACCEPTS)}")
        if not self.accept:
            raise ConfigError(f"--accept: names nothing; give any of {', '.join(ACCEPTS)}")
        for flag, least in (
            ("max-drawing", 1), ("max-film", 1), ("max-drawings", 2), ("max-frames", 2), ("max-film-drawings", 2),
            ("sessions", 1),
        ):  # fmt: skip
            value = getattr(self, flag.replace("-", "_"))
            if value < least:
                raise ConfigError(f"--{flag}: {value} is too small; give a whole number from {least}")
        if not 64 <= self.view <= 4096:
            raise ConfigError(f"--view: {self.view} is out of range; give 64 to 4096 pixels")
        if not (self.idle > 0 and isfinite(self.idle)):
            raise ConfigError(f"--idle: {self.idle:g} cannot be used; give minutes, above 0")
