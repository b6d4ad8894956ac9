"""Colour profiles: reads an image's ICC profile, or its equivalent, and converts frames to sRGB.

Frames hold the values of their file. If all key frames have the same profile and the output format can hold it, values
and profile are kept. Otherwise frames are converted to sRGB.

Sources: ICC.1:2001-04 (version 2 profiles); PNG specification, 11.3.2 (cHRM, gAMA, iCCP, sRGB).
"""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .frames import Frame, to_uint8, to_uint16
from .image_files import FORMATS

_SRGB_GAMMA = 0.45455
_NEAR = 0.02  # tolerance of a gamma or a chromaticity coordinate that counts as sRGB's
_REC_709 = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # x and y of white, red, green and blue
_ADOBE_RGB = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_D50 = np.array((0.9642, 1.0, 0.8249))
_BRADFORD = np.array(((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296)))
_EXIF, _INTEROP, _COLOUR_SPACE = 0x8769, 0xA005, 0xA001  # EXIF tags


def read_profile(path: Path) -> bytes | None:
    """Returns an image's ICC profile, or one made from its header; None if it is sRGB or unknown.

    A PNG may state a gamma and primaries. Cameras mark Adobe RGB in EXIF by the interoperability index R03.
    """
    if not path.is_file():  # a pipe can be read once only
        return None
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as image:
            profile = image.info.get("icc_profile")
            if isinstance(profile, bytes) and len(profile) > 128:
                return profile if _fits(profile, image.mode) else None
            if image.format == "PNG":
                return _read_png(image)
            return _read_exif(image)
    except Exception:  # Pillow raises various errors for damaged headers; reading the picture reports them
        return None


def _fits(profile: bytes, mode: str) -> bool:
    """Whether a profile is RGB or grey and matches the image's mode; CMYK is converted when the image is read."""
    space = profile[16:20]
    return (space == b"RGB " and mode not in ("L", "LA", "1", "I;16", "CMYK")) or (
        space == b"GRAY" and mode in ("L", "LA", "1", "I;16")
    )


def _read_png(image: Image.Image) -> bytes | None:
    gamma, places = image.info.get("gamma"), image.info.get("chromaticity")
    if "srgb" in image.info or image.mode in ("L", "LA", "1") or not (gamma or places):
        return None
    gamma, places = gamma or _SRGB_GAMMA, tuple(places or _REC_709)
    usual = abs(gamma - _SRGB_GAMMA) < _NEAR and bool(np.abs(np.subtract(places, _REC_709)).max() < _NEAR)
    return None if usual or not 0.05 < gamma < 5 else make_profile("PNG", 1 / gamma, places)


def _read_exif(image: Image.Image) -> bytes | None:
    exif = image.getexif()
    rule = str(exif.get_ifd(_INTEROP).get(1, "")) if _INTEROP in exif.get_ifd(_EXIF) else ""
    if rule.startswith("R03") or exif.get_ifd(_EXIF).get(_COLOUR_SPACE) == 2:
        return make_profile("Adobe RGB", 563 / 256, _ADOBE_RGB)
    return None


def make_profile(name: str, gamma: float, places: tuple[float, ...]) -> bytes:
    """Makes an ICC profile from three primaries and a gamma.

    Args:
        name: the profile's description, ASCII.
        gamma: exponent of the transfer function from values to light.
        places: chromaticities x and y of white, red, green and blue.
    """
    pairs = zip(places[::2], places[1::2], strict=True)
    white, *primaries = (np.array((x / y, 1.0, (1 - x - y) / y)) for x, y in pairs)
    columns = np.stack(primaries, axis=1)  # (3, 3)
    columns = columns * np.linalg.solve(columns, white)  # scaled so that the primaries add up to white
    cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    columns = np.linalg.inv(_BRADFORD) @ cones @ _BRADFORD @ columns

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def place(xyz: NDArray[np.float64]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, xyz))

    letters = name.encode("ascii") + b"\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(letters)) + letters + bytes(78),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": place(_D50),
        **{key: place(columns[:, k]) for k, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for key, data in tags.items():
        body += bytes(-len(body) % 4)
        table += key + struct.pack(">II", start + len(body), len(data))
        body += data
    head = struct.pack(">I4sI", start + len(body), b"none", 0x02400000) + b"mntrRGB XYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(number, _D50))
    return head + bytes(128 - len(head)) + table + body


def name_profile(profile: bytes) -> str:
    """Returns a profile's description, in one line."""
    try:
        found = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return "an unreadable profile"
    return " ".join("".join(letter if letter.isprintable() else " " for letter in found).split())[:80] or "a profile"


def to_srgb(frame: Frame, profile: bytes) -> Frame:
    """Converts a frame to sRGB; alpha is kept. If the profile cannot be read, the frame is returned unchanged.

    Frames of 16 bits are converted at 8-bit precision.

    Args:
        frame: (H, W, C).
        profile: its ICC profile.
    """
    if "sRGB" in name_profile(profile):
        return frame
    grey = profile[16:20] == b"GRAY"
    if grey != (frame.shape[2] == 1):
        return frame
    colours = to_uint8(frame)[..., : 1 if grey else 3]
    image = Image.fromarray(colours[..., 0] if grey else np.ascontiguousarray(colours))
    try:
        converted = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return frame
    if converted is None:
        return frame
    pixels: Frame = np.asarray(converted)[..., : 1 if grey else 3]
    if frame.dtype == np.uint16:
        pixels = to_uint16(pixels)
    return np.ascontiguousarray(np.concatenate([pixels, frame[..., 3:]], axis=2))
