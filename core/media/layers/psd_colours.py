"""Converts a PSD's CMYK, Lab and 32-bit colours to sRGB, layer by layer.

Sources: Adobe Photoshop File Formats Specification (how inks and Lab are stored); CIE 15 (Lab to XYZ, of white D50);
IEC 61966-2-1 with Bradford's adaptation to D50 (XYZ to sRGB).
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..srgb import encode_srgb

GREY, RGB, CMYK, LAB = 1, 3, 4, 9
"""Colour modes whose layers can be read, by the numbers of the header."""
DEEPEST = 32
"""Bits of floating-point numbers."""
_WHITE = np.array([0.96422, 1, 0.82521])  # D50
_FROM_XYZ = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
_EDGE = 6 / 29  # where Lab's cube root ends in a straight line


class PsdColours:
    """How the colours of a document become sRGB."""

    def __init__(self, mode: int, depth: int, profile: bytes | None) -> None:
        """Prepares the conversion.

        Args:
            mode: GREY, RGB, CMYK or LAB.
            depth: bits a channel.
            profile: the document's ICC profile.
        """
        self._mode, self._depth = mode, depth
        self._transform: Any = None
        self.note: str | None = None
        """What a person should know, as a sentence without a full stop."""
        if mode == CMYK:
            self._transform = _open_transform(profile)
            by = "by its profile" if self._transform else "without a profile"
            self.note = f"CMYK was converted to sRGB {by}, each layer alone, so that blended layers may look different"
        elif mode == LAB:
            self.note = "Lab was converted to sRGB, each layer alone, so that blended layers may look different"
        elif depth == DEEPEST:
            self.note = "32 bits of linear light became 16 bits of sRGB, without what is brighter than white"

    @property
    def converts(self) -> bool:
        """Whether colours are not those of the document's profile any more."""
        return self.note is not None

    @property
    def channels(self) -> int:
        """How many channels colours have in the file."""
        return {GREY: 1, CMYK: 4}.get(self._mode, 3)

    @property
    def depth(self) -> int:
        """Bits a channel of what comes out: 8 or 16."""
        return 16 if self._depth == DEEPEST else 8 if self._mode == CMYK else self._depth

    def convert(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Converts colours.

        Args:
            values: (H, W, C) in [0, 1], as the file stores them, with as many `channels` or more.

        Returns:
            (H, W, 3) in [0, 1].
        """
        if self._mode == CMYK:
            return self._convert_inks(np.clip(values[..., :4], 0, 1))
        if self._mode == LAB:
            return _from_lab(values[..., :3], 255 if self._depth == 8 else 65535 / 256)
        values = np.repeat(values[..., :1], 3, axis=2) if values.shape[2] < 3 else values[..., :3]
        if self._depth == DEEPEST:
            light = np.nan_to_num(np.asarray(values, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
            return np.asarray(encode_srgb(np.clip(light, 0, 1)), np.float32)
        return values

    def _convert_inks(self, paper: NDArray[np.float32]) -> NDArray[np.float32]:
        """Converts CMYK, stored as what the inks leave of the paper: (H, W, 4)."""
        if self._transform is None:
            return paper[..., :3] * paper[..., 3:]
        inks = Image.fromarray(np.rint((1 - paper) * 255).astype(np.uint8), "CMYK")
        return np.asarray(ImageCms.applyTransform(inks, self._transform), np.float32) / np.float32(255)


def _open_transform(profile: bytes | None) -> Any:
    """A transform from a CMYK profile to sRGB; None: there is none, or it cannot be used."""
    if profile is None or profile[16:20] != b"CMYK":
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), "CMYK", "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _from_lab(values: NDArray[np.float32], steps: float) -> NDArray[np.float32]:
    """Lab as it is stored, (H, W, 3) in [0, 1], in sRGB; `steps` units of a and b from 0 to 1, of which 128 is grey."""
    light = (values[..., 0].astype(np.float64) * 100 + 16) / 116
    a, b = (values[..., k].astype(np.float64) * steps - 128 for k in (1, 2))
    roots = np.stack([light + a / 500, light, light - b / 200], axis=2)
    xyz = np.where(roots > _EDGE, roots**3, 3 * _EDGE**2 * (roots - 4 / 29)) * _WHITE
    return np.asarray(encode_srgb(np.clip(xyz @ _FROM_XYZ.T, 0, 1)), np.float32)
