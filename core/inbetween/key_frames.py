"""Key frames on disk: finds and checks them, and reads them on demand."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..files import shown
from ..media.colour_profiles import name_profile, read_profile, to_srgb
from ..media.deep import read_picture
from ..media.frames import Frame, FrameSequence, as_channels, fit_size, resize_image, to_uint16
from ..media.image_files import list_images


class _Form(NamedTuple):
    """A frame's size, channels and depth."""

    height: int
    width: int
    channels: int
    deep: bool


def find_key_frames(paths: Sequence[Path]) -> list[Path]:
    """Replaces folders by the images in them, in natural order.

    Raises:
        InputError: a folder cannot be read or holds no image.
    """
    return [file for path in paths for file in (list_images(path) if path.is_dir() else [path])]


class KeyFrames(FrameSequence):
    """Key frames, all of one size, one number of channels and one depth, which are read from disk when they are needed.

    All are read once at the beginning, so that a damaged file is found before any work.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: tuple[int, int | None] | None = None,
        *,
        keep_profile: bool = False,
        keep: int = 2,
        remedy: str | None = None,
    ) -> None:
        """Finds and checks the files.

        Args:
            paths: images, and folders of images.
            size: (width, height) or (longer side, None) to resize to. None: their own size.
            keep_profile: keep colours in the ICC profile that all of them share; else they are converted to sRGB.
            keep: frames that stay in memory; 2 are the ends of a segment.
            remedy: what to do where their sizes differ. None: add --size.

        Raises:
            InputError: a file cannot be read, there are fewer than two, or their sizes differ.
        """
        self.paths = find_key_frames(paths)
        if len(self.paths) < 2:
            found = f"only {shown(self.paths[0])}" if self.paths else "none"
            raise InputError(f"two key frames or more are needed, and {found} was given; add another image")
        self._size, self._keep = size, keep
        self._profiles = {path: read_profile(path) for path in self.paths}
        profiles = set(self._profiles.values())
        self.profile = profiles.pop() if keep_profile and len(profiles) == 1 else None
        """The ICC profile of the frames' colours; None: sRGB."""
        self.converted: list[str] = []
        """The names of profiles whose colours became sRGB."""
        if self.profile is None:
            names = (name_profile(profile) for profile in self._profiles.values() if profile is not None)
            self.converted = [name for name in dict.fromkeys(names) if "sRGB" not in name]
        forms = [self._look(path) for path in self.paths]
        if size is None or size[1] is None:
            for path, form in zip(self.paths, forms, strict=True):
                if form[:2] != forms[0][:2]:
                    raise InputError(
                        f"{shown(path)} is {form.width}x{form.height} and {shown(self.paths[0])} is "
                        f"{forms[0].width}x{forms[0].height}; "
                        + (remedy or f"make them one size, or add --size {forms[0].width}x{forms[0].height}")
                    )
        self._channels = max(form.channels for form in forms)
        self._deep = any(form.deep for form in forms)
        self._held: dict[int, Frame] = {}

    def _look(self, path: Path) -> _Form:
        frame = self._read(path)
        height, width, channels = frame.shape
        return _Form(height, width, channels, frame.dtype == np.uint16)

    def _read(self, path: Path) -> Frame:
        frame = read_picture(path)
        profile = self._profiles.get(path)
        if profile is not None and self.profile is None:
            frame = to_srgb(frame, profile)
        if self._size is None:
            return frame
        width, height = self._size
        if height is None:
            width, height = fit_size(frame.shape[1], frame.shape[0], width)
        return frame if frame.shape[:2] == (height, width) else resize_image(frame, width, height)

    def __len__(self) -> int:
        return len(self.paths)

    def _get(self, number: int) -> Frame:
        """Reads a frame: (H, W, C), the same form for all."""
        if number not in self._held:
            frame = as_channels(self._read(self.paths[number]), self._channels)
            if self._deep:
                frame = to_uint16(frame)
            while len(self._held) >= self._keep:
                del self._held[next(iter(self._held))]
            self._held[number] = frame
        return self._held[number]
