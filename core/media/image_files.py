"""Reads and writes image files.

Files of 16 bits per channel stay uint16. OpenCV decodes them, as Pillow would reduce 16-bit RGB to 8 bits.
"""

import logging
import os
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps

from ..errors import InputError
from ..files import natural_order, reason, shown
from .frames import Frame, as_channels, unpremultiply

# Pillow logs unusual TIFF tags; without a handler, these messages go to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
# Pillow warns of unusual metadata, which users cannot fix, and of large images, which are rejected below with our own
# message. The filter is permanent: filters belong to the process, so threads that changed them for each call would
# undo each other's.
warnings.filterwarnings("ignore", module=r"PIL\.")

MOST_PIXELS = 1 << 27
"""Largest frame that is decoded, in pixels; 16K (15360 x 8640) fits. Larger ones are rejected by their header."""
MOST_SIDE = 65_535
"""Longest side of a frame in pixels, which is the limit of GIF and JPEG."""
MOST_BYTES = 8 * MOST_PIXELS
"""Largest image file that is read, in bytes: the largest frame as uncompressed RGBA of 16 bits per channel."""

# fmt: off
FORMATS = (
    "PNG", "JPEG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "JPEG2000", "PPM", "TGA", "PCX", "SGI", "PSD", "ICO",
    "QOI", "DDS",
)
"""Formats that Pillow may decode. EPS and similar ones are excluded: they run other programs or hold no pixels."""

SUFFIXES = frozenset((
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".avif",
    ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".sgi", ".psd", ".ico", ".qoi", ".dds",
    ".dpx", ".exr",
))
# fmt: on
"""Suffixes, in lower case, of the files in a folder that are images."""

_SMALLER = "scale it down first"
_HEADERS = threading.Lock()  # held while warnings are disabled
_STDERR = threading.Lock()  # held while stderr is redirected
_ORIENTATION = 0x0112  # the EXIF tag
_BITS_PER_SAMPLE, _EXTRA_SAMPLES = 258, 338  # TIFF tags
_PREMULTIPLIED = 1  # a value of _EXTRA_SAMPLES
_DEFLATE = 8  # of OpenCV's compressions of TIFF


def read_image(path: Path, most_pixels: int = MOST_PIXELS, remedy: str = _SMALLER) -> Frame:
    """Reads an image file of any common format, which is detected by content, not by suffix.

    Palettes and 1-bit files are expanded, grey stays one channel, and any kind of transparency becomes straight alpha.
    CMYK is converted by its colour profile if it has one. EXIF orientation is applied. Colour profiles of RGB files are
    not applied, so that values stay unchanged. For an animated or layered file, the first frame is read.

    Args:
        path: the file, or a pipe, which is read to its end.
        most_pixels: largest frame that is decoded; a larger one is rejected by its header.
        remedy: the error's advice if the frame exceeds `most_pixels` but not MOST_PIXELS.

    Returns:
        The frame, (H, W, C): uint16 if the file has 16 bits per channel, else uint8.

    Raises:
        InputError: the file is missing, unreadable, empty, damaged, too large or not an image.
    """
    name = shown(path)
    try:
        found = path.stat()
        kind, size = found.st_mode, found.st_size
        if stat.S_ISDIR(kind):
            raise InputError(f"{name}: is a folder, and an image file is needed; name a file in it")
        if not (stat.S_ISREG(kind) or stat.S_ISFIFO(kind)):
            raise InputError(f"{name}: is not an ordinary file; name an image file")
        data = None if size > MOST_BYTES else _read_bytes(path)
        if data is None:
            raise InputError(f"{name}: is larger than an image file may be ({MOST_BYTES >> 20} MiB); save it as a PNG")
    except FileNotFoundError as error:
        raise InputError(f"{name}: there is no such file; check the name") from error
    except PermissionError as error:
        raise InputError(f"{name}: may not be read; change its permissions or copy it elsewhere") from error
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{name}: cannot be read ({why}); check the name and the disk") from error
    if not data:
        raise InputError(f"{name}: is empty; save or copy it again")
    return decode_image(data, name, most_pixels, remedy)


def _read_bytes(path: Path) -> bytes | None:
    """Reads a file or pipe to its end; returns None if it is longer than MOST_BYTES."""
    parts: list[bytes] = []
    room = MOST_BYTES
    with path.open("rb") as file:
        while part := file.read(1 << 24):
            room -= len(part)
            if room < 0:
                return None
            parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decode_image(data: bytes, name: str, most_pixels: int = MOST_PIXELS, remedy: str = _SMALLER) -> Frame:
    """Decodes the bytes of an image file as `read_image` does; errors begin with `name`.

    Raises:
        InputError: the bytes are damaged, claim too large a size, or are no image.
    """
    import io

    Image.init()  # given formats, Pillow loads no plugins and fails on formats not loaded
    known = [kind for kind in FORMATS if kind in Image.OPEN]
    try:
        with _HEADERS, warnings.catch_warnings(action="ignore"):  # even if warnings are set to raise errors
            image = Image.open(io.BytesIO(data), formats=known)
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name}: claims to be larger than a frame may be ({MOST_PIXELS:,} pixels); {_SMALLER}"
        ) from error
    except Exception as error:
        raise InputError(
            f"{name}: is not an image that can be read; give a PNG, JPEG, WebP, TIFF, BMP or GIF file"
        ) from error
    with image:
        for most, advice in ((MOST_PIXELS, _SMALLER), (most_pixels, remedy)):
            if image.width * image.height > most:
                size = f"{image.width} x {image.height}"
                raise InputError(f"{name}: is {size} pixels, and a frame may have {most:,}; {advice}")
        if max(image.size) > MOST_SIDE:
            raise InputError(f"{name}: is {max(image.size)} pixels long, and a frame may be {MOST_SIDE:,}; {_SMALLER}")
        try:
            deep = _is_deep(image, data)
            orientation = 1 if image.format == "TIFF" else image.getexif().get(_ORIENTATION, 1)  # OpenCV turns TIFF
            premultiplied = tiff_tag(image, _EXTRA_SAMPLES)[:1] == (_PREMULTIPLIED,)
            with _quiet_libraries() if image.format == "TIFF" else nullcontext():
                image.load()
        except Exception as error:  # Pillow raises various errors for damaged files
            raise InputError(f"{name}: is cut short or damaged; save or copy it again") from error
        if deep:
            return _decode_deep(data, image, orientation, premultiplied, name)
        return _as_frame(image, name)


def tiff_tag(image: Image.Image, tag: int) -> tuple[int, ...]:
    """A tag of a TIFF file as a tuple; empty for other formats, or if the tag is missing."""
    found = getattr(image, "tag_v2", {}).get(tag, ())
    return found if isinstance(found, tuple) else (found,)


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Whether the file has 16 bits per channel that Pillow would reduce to 8, or return in another layout."""
    if image.format == "PNG":
        return data[24] == 16
    if image.format == "TIFF":
        return set(tiff_tag(image, _BITS_PER_SAMPLE)) == {16} and image.mode in {
            "I;16",
            "I;16B",
            "RGB",
            "RGBA",
            "RGBX",
        }
    return False


def _decode_deep(data: bytes, image: Image.Image, orientation: int, premultiplied: bool, name: str) -> Frame:
    """Decodes a file of 16 bits per channel with OpenCV; `image` is the same file, opened by Pillow."""
    if image.format == "PNG":
        data = _strip_png(data)
    with _quiet_libraries():
        try:
            found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error:
            found = None
    if found is None or found.dtype != np.uint16:
        raise InputError(f"{name}: is a 16-bit image of an unusual layout; save it as an ordinary PNG")
    pixels: Frame = np.asarray(found, np.uint16).reshape(*found.shape[:2], -1)  # (H, W, C), blue first
    if pixels.shape[2] >= 3:  # in place, as indexing would copy the frame twice
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB, dst=pixels)
    key = image.info.get("transparency")
    if key is not None and pixels.shape[2] < 4:  # tRNS of a PNG: one colour is transparent
        alpha = np.where((pixels == np.asarray(key, np.uint16)).all(axis=2, keepdims=True), 0, 65535)
        pixels = np.concatenate([as_channels(pixels, 3), alpha.astype(np.uint16)], axis=2)
    if premultiplied and pixels.shape[2] == 4:
        pixels = unpremultiply(pixels / 65535.0, np.uint16)
    return np.ascontiguousarray(_turn(pixels, orientation))


def _strip_png(data: bytes) -> bytes:
    """Removes a PNG's metadata, as libpng writes warnings of unusual metadata to stderr."""
    kept = [data[:8]]
    place = 8
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] in {b"IHDR", b"IDAT", b"IEND"}:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Discards stderr, where libtiff and libpng report errors that cannot be disabled otherwise.

    Messages of other threads are lost meanwhile, so use it only around decoding.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    with _STDERR, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, and no path of ours
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _turn(pixels: Frame, orientation: int) -> Frame:
    """Rotates and mirrors (H, W, C) by an EXIF orientation, 1 to 8."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)  # (W, H, C)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return pixels


def _as_frame(image: Image.Image, name: str) -> Frame:
    """Converts a decoded Pillow image to a frame.

    Raises:
        InputError: the values are neither 8 nor 16 bits.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise InputError(
            f"{name}: holds floating-point values, which only animi interpolate reads; save it with 8 or 16 bits"
        )
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise InputError(f"{name}: holds values beyond 16 bits; save it with 8 or 16 bits a channel")
        return np.ascontiguousarray(values[..., np.newaxis].astype(np.uint16))
    transparent = image.has_transparency_data or image.mode in {"La", "LA", "PA", "RGBa", "RGBA"}
    if image.mode == "La":
        image = image.convert("LA")
    if transparent:
        image = image.convert("RGBA")
    elif image.mode in {"1", "L"}:
        image = image.convert("L")
    elif image.mode == "CMYK":
        image = _from_cmyk(image)
    else:
        image = image.convert("RGB")
    pixels = np.array(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _from_cmyk(image: Image.Image) -> Image.Image:
    """Converts CMYK to sRGB by the file's colour profile, else by Pillow's formula."""
    import io

    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # invalid profile: fall back to the formula
    return image.convert("RGB")


def list_images(folder: Path) -> list[Path]:
    """Lists the image files of a folder in natural order (frame2 before frame10), without hidden files.

    Raises:
        InputError: the folder is missing, cannot be read, or holds no image.
    """
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    except FileNotFoundError as error:
        raise InputError(f"{shown(folder)}: there is no such folder; check the name") from error
    except NotADirectoryError as error:
        raise InputError(f"{shown(folder)}: is a file, and a folder of images is needed") from error
    except OSError as error:
        raise InputError(f"{shown(folder)}: cannot be read ({reason(error)}); change its permissions") from error
    found = [path for path in found if not path.is_dir()]
    if not found:
        raise InputError(f"{shown(folder)}: holds no image; put PNG, JPEG, WebP, TIFF or BMP files into it")
    return natural_order(found)


def _encode(frame: Frame, suffix: str, how: Sequence[int]) -> bytes:
    """Encodes (H, W, C) with OpenCV, by the format's suffix and OpenCV's flags."""
    pixels = frame if frame.shape[2] == 1 else frame[..., [2, 1, 0, 3][: frame.shape[2]]]  # (H, W, C), blue first
    done, data = cv2.imencode(suffix, np.ascontiguousarray(pixels), how)
    if not done:  # OpenCV gives no reason; for a valid frame, it can only be lack of memory
        raise MemoryError(f"a frame of {frame.shape[1]} x {frame.shape[0]} pixels could not be encoded")
    return data.tobytes()


def encode_tiff(frame: Frame) -> bytes:
    """Encodes a frame losslessly as TIFF: 8 or 16 bits, grey, RGB or RGBA.

    Args:
        frame: (H, W, C).
    """
    import io

    if frame.dtype == np.uint16:
        return _encode(frame, ".tif", [cv2.IMWRITE_TIFF_COMPRESSION, _DEFLATE])
    with io.BytesIO() as file:
        Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame).save(
            file, "TIFF", compression="tiff_adobe_deflate"
        )
        return file.getvalue()


def encode_png(frame: Frame, profile: bytes | None = None) -> bytes:
    """Encodes a frame losslessly as PNG: 8 or 16 bits, grey, RGB or RGBA.

    Args:
        frame: (H, W, C).
        profile: the ICC profile of its colours; None for sRGB.
    """
    # zlib's run-length strategy: as small as level 6 in the time of level 1, both for drawings and for films.
    how = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    png = _encode(frame, ".png", how)
    if profile is None:
        return png
    content = b"iCCP" + b"ICC profile\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:_AFTER_HEAD] + chunk + png[_AFTER_HEAD:]


_AFTER_HEAD = 33  # bytes of a PNG's signature and IHDR


def write_png(path: Path, frame: Frame) -> None:
    """Writes a frame as a PNG file, replacing an existing file.

    Raises:
        OutputError: the file cannot be written.
    """
    from ..files import written_beside

    data = encode_png(frame)
    with written_beside(path, overwrite=True) as draft:
        draft.write_bytes(data)
