"""Animations of pixels with alpha: WebP, APNG, GIF and folders of PNGs. Read in the renderer's process."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import natural_order

_MOST = 600  # frames that are read; more would take gigabytes
_SIDE = 512  # pixels to which frames are reduced when they are read, as sprites are small
Picture = NDArray[np.uint8]


class Animation:
    """The frames of an animation."""

    def __init__(self, path: Path) -> None:
        """Reads a file, or a folder of PNGs in the order of their names.

        Raises:
            OSError: it cannot be read.
            ValueError: it has no frames.
        """
        self._frames = [_reduce(frame) for frame in (_read_folder(path) if path.is_dir() else _read_file(path))]
        if not self._frames:
            raise ValueError("no frames")

    @property
    def count(self) -> int:
        """How many frames it has."""
        return len(self._frames)

    def render(self, number: int, size: int) -> Picture:
        """A frame, fitted into a square.

        Args:
            number: the frame's, from 0.
            size: height and width in pixels.

        Returns:
            (size, size, 4) RGBA, premultiplied.
        """
        frame = self._frames[number]
        scale = size / max(frame.size)
        width, height = (max(1, round(side * scale)) for side in frame.size)
        # RGBa is premultiplied, so that no dark rims appear
        fitted = frame.convert("RGBa").resize(
            (width, height), Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
        )
        whole = np.zeros((size, size, 4), np.uint8)
        top, left = (size - height) // 2, (size - width) // 2
        whole[top : top + height, left : left + width] = np.asarray(fitted)
        whole[..., :3] = np.minimum(whole[..., :3], whole[..., 3:])  # BICUBIC and LANCZOS overshoot
        return whole


def _read_file(path: Path) -> list[Image.Image]:
    frames = []
    with Image.open(path) as film:
        for number in range(min(getattr(film, "n_frames", 1), _MOST)):
            film.seek(number)
            frames.append(film.convert("RGBA"))
    return frames


def _read_folder(path: Path) -> list[Image.Image]:
    frames = []
    for name in natural_order(path.glob("*.png"))[:_MOST]:
        with Image.open(name) as frame:
            frames.append(frame.convert("RGBA"))
    return frames


def _reduce(frame: Image.Image) -> Image.Image:
    if max(frame.size) > _SIDE:
        frame.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return frame
