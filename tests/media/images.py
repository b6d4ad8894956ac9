"""Pictures and image files for the tests of images and frames; loaded by `run_path`, as tests are no package."""

import io
import struct
import zlib

import numpy as np
from hypothesis import HealthCheck, settings
from PIL import Image

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Image.init()
SAVED = frozenset(Image.SAVE)  # what this Pillow can write; older ones know fewer kinds


def noise(height, width, channels, dtype=np.uint8, seed=0):
    full = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, full + 1, (height, width, channels)).astype(dtype)


def smooth(height, width, channels=3):
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        x * 255 // max(width - 1, 1),
        y * 255 // max(height - 1, 1),
        (x + y) * 127 // (height + width),
        255 - x % 2,
    ]
    return np.stack(planes[:channels], axis=2).astype(np.uint8)


def as_pillow(frame):
    return Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame)


def saved(image, kind, **how):
    data = io.BytesIO()
    image.save(data, kind, **how)
    return data.getvalue()


def crc(data):
    return struct.pack(">I", zlib.crc32(data))


def make_png(width, height, depth, colour, rows, extra=b""):
    """A PNG put together by hand, for what no library writes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + crc(kind + data)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def make_tiff(frame, extra=None, orientation=1, order="<"):
    """A TIFF put together by hand: uncompressed, of either byte order, with an ExtraSamples tag."""
    height, width, channels = frame.shape
    bits = frame.dtype.itemsize * 8
    pixels = frame.astype(frame.dtype.newbyteorder(order)).tobytes()
    tags = [
        (256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [1]),
        (262, 3, [2 if channels > 2 else 1]), (273, 4, [0]), (274, 3, [orientation]), (277, 3, [channels]),
        (278, 4, [height]), (279, 4, [len(pixels)]),
    ]  # fmt: skip
    if extra is not None:
        tags.append((338, 3, [extra]))
    after = 8 + 2 + 12 * len(tags) + 4
    words = b""
    entries = b""
    bits_place = after
    pixels_place = after + 2 * channels
    for tag, kind, values in tags:
        if tag == 273:
            values = [pixels_place]
        body = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(body) > 4:
            words, body = body, struct.pack(order + "I", bits_place)
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + body.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    return head + entries + bytes(4) + words.ljust(2 * channels, b"\0") + pixels
