"""Key frames of a session: reading, checks and thumbnails."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.parsing import read_size
from ..media.frames import resize_image, to_uint8
from ..media.image_files import encode_png, read_image
from .settings import DrawSettings

LARGER = "scale it down first, or start the studio with --max-megapixels"
"""The remedy for a frame with more pixels than the studio takes."""
_THUMB = 240  # pixels of the longer side of a thumbnail


@dataclass(frozen=True)
class KeyFrame:
    """A key frame that was received.

    Attributes:
        id: identifies it in its session.
        name: its name for the person.
        path: its file.
        width: in pixels.
        height: in pixels.
    """

    id: str
    name: str
    path: Path
    width: int
    height: int

    @property
    def thumb(self) -> Path:
        """Its thumbnail."""
        return self.path.with_name(f"{self.path.stem}-small.png")


def read_drawing(name: str, path: Path, most_pixels: int, remedy: str) -> KeyFrame:
    """Makes a key frame of a file, and writes its thumbnail beside it.

    Args:
        name: its name for the person.
        path: the file.
        most_pixels: largest number of pixels.
        remedy: the error's advice if it has more.

    Raises:
        InputError: it is not an image that can be used.
    """
    frame = read_image(path, most_pixels, remedy)
    height, width = frame.shape[:2]
    scale = min(1.0, _THUMB / max(height, width))
    small = resize_image(frame, max(1, round(width * scale)), max(1, round(height * scale)))
    drawing = KeyFrame(secrets.token_urlsafe(6), name, path, width, height)
    drawing.thumb.write_bytes(encode_png(to_uint8(small)))
    return drawing


def paths_of(drawings: Sequence[KeyFrame]) -> list[Path]:
    """The files of key frames."""
    return [drawing.path for drawing in drawings]


def count_pixels(drawings: Sequence[KeyFrame], settings: DrawSettings) -> float:
    """The number of pixels of frames drawn between key frames; there must be at least one."""
    first = drawings[0]
    if settings.size is None:
        return first.width * first.height
    width, height = read_size(settings.size)
    ratio = min(first.width, first.height) / max(first.width, first.height)
    return width * (width * ratio if height is None else height)
