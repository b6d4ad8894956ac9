"""Settings of `animi studio`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from ..errors import ConfigError
from .checks import Checked, Choice, Flags, Range
from .choices import ACCEPTS, DEVICES
from .fields import Count, Device

_Minutes: TypeAlias = Annotated[float, Range(0, above=True, unit="minutes")]
_Several: TypeAlias = Annotated[int, Range(2)]


@dataclass(frozen=True)
class StudioConfig(Checked):
    """How `animi studio` serves its page, and what it takes."""

    host: str = "127.0.0.1"
    """The address to listen at. Any but this one lets other machines in."""
    port: Annotated[int, Range(0, 65_535)] = 8321
    """The port to listen at; 0: any that is free."""
    open: Annotated[bool, Flags("--open", "--no-browser")] = True
    """Open the page in the browser, where there is a screen."""
    accept: Annotated[tuple[str, ...], Choice(ACCEPTS)] = ACCEPTS
    """What may be dropped on the page."""
    max_drawing: Count = 64
    """Megabytes of a drawing's file at most."""
    max_film: Count = 2048
    """Megabytes of a film's file at most."""
    max_drawings: _Several = 64
    """Key frames of one page at most."""
    max_megapixels: Annotated[int, Range(1, 134, unit="million pixels")] = 24
    """Millions of pixels of a drawing, or of a film's frame, at most."""
    max_frames: _Several = 1000
    """Frames that are drawn in one go at most, all segments together."""
    max_film_drawings: _Several = 5000
    """Drawings of a film that are shown at most."""
    max_film_frames: _Several = 500_000
    """Frames of a film that are examined at most."""
    max_film_minutes: _Minutes = 30.0
    """Minutes that examining a film may take at most."""
    max_session: Count = 8192
    """Megabytes that the files of one page take at most, results included."""
    max_total: Count = 16_384
    """Megabytes that the files of all pages take at most."""
    view: Annotated[int, Range(64, 4096, unit="pixels")] = 960
    """Pixels of the longer side of what the page shows; downloads are in full size."""
    sessions: Count = 8
    """Pages in use at once; one more closes the one that was not used for longest."""
    idle: _Minutes = 120.0
    """Minutes after which an unused page is closed and its files are removed."""
    checkpoints: Annotated[tuple[Path, ...], Flags("--checkpoint")] = ()
    """A trained network (.safetensors) to offer beside the engines; repeatable."""
    device: Device = DEVICES[0]
    token: bool = True
    """Require the token in the address that is printed. Without it, every user of this machine can use the page. Set
    your own in the environment variable ANIMI_STUDIO_TOKEN."""

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigError: a value is out of its range.
        """
        super().__post_init__()
        if not self.host.strip():
            raise ConfigError("--host: is empty; give an address such as 127.0.0.1")

    @property
    def most_pixels(self) -> int:
        """Of a drawing, or of a film's frame."""
        return self.max_megapixels * 1_000_000
