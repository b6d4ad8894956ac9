"""Image files in and out: every mode and depth, and what their headers say."""

import io
import os
import struct
from pathlib import Path
from runpy import run_path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from animi.core.media.frames import (
    as_channels,
    premultiply,
)
from animi.core.media.image_files import decode_image, encode_png, read_image, write_png

IMAGES = run_path(str(Path(__file__).with_name("images.py")))
QUICK = IMAGES["QUICK"]
SAVED = IMAGES["SAVED"]
noise = IMAGES["noise"]
smooth = IMAGES["smooth"]
as_pillow = IMAGES["as_pillow"]
saved = IMAGES["saved"]
crc = IMAGES["crc"]
make_png = IMAGES["make_png"]
make_tiff = IMAGES["make_tiff"]


@QUICK
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    seed=st.integers(0, 99),
)
def test_png_returns_every_value(tmp_path, height, width, channels, dtype, seed):
    frame = noise(height, width, channels, dtype, seed)
    path = tmp_path / "frame.png"
    write_png(path, frame)
    found = read_image(path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, frame)


def test_pillow_reads_our_png_the_same():
    for channels, mode in ((1, "L"), (3, "RGB"), (4, "RGBA")):
        frame = noise(5, 7, channels)
        image = Image.open(io.BytesIO(encode_png(frame)))
        assert image.mode == mode
        np.testing.assert_array_equal(np.asarray(image).reshape(frame.shape), frame)


@pytest.mark.parametrize(
    ("kind", "channels"),
    [
        (kind, channels)
        for kind in ("PNG", "TIFF", "BMP", "WEBP", "TGA", "PPM", "QOI", "SGI", "PCX", "JPEG2000")
        for channels in (1, 3, 4)
        if (kind, channels) not in {("PPM", 4), ("QOI", 1), ("PCX", 4), ("BMP", 4)}  # kinds without such a mode
        and kind in SAVED
    ],
)
def test_lossless_kinds(kind, channels):
    frame = noise(9, 14, channels)
    if channels == 4:
        frame[..., 3] = np.maximum(frame[..., 3], 1)
    how = {"lossless": True, "exact": True} if kind == "WEBP" else {"irreversible": False} if kind == "JPEG2000" else {}
    found = decode_image(saved(as_pillow(frame), kind, **how), "frame")
    expected = as_channels(frame, 3) if kind == "WEBP" and channels == 1 else frame
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", [kind for kind in ("JPEG", "WEBP", "AVIF") if kind in SAVED])
def test_lossy_kinds_are_near(kind):
    frame = smooth(32, 48)
    found = decode_image(saved(as_pillow(frame), kind, quality=95), "frame")
    assert found.shape == frame.shape
    assert np.abs(found.astype(int) - frame).mean() < 3


def test_deep_pgm_and_a_phone_s_double_picture():
    grey = noise(2, 3, 1, np.uint16)
    np.testing.assert_array_equal(decode_image(b"P5\n3 2\n65535\n" + grey.astype(">u2").tobytes(), "frame"), grey)
    one, two = (as_pillow(smooth(16, 24)) for _ in range(2))
    assert decode_image(saved(one, "MPO", save_all=True, append_images=[two]), "frame").shape == (16, 24, 3)


def test_grey_jpeg_stays_one_channel():
    assert decode_image(saved(as_pillow(smooth(8, 8, 1)), "JPEG"), "frame").shape == (8, 8, 1)


def test_one_bit():
    image = Image.fromarray(noise(6, 11, 1)[..., 0] > 99)
    assert image.mode == "1"
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        found = decode_image(saved(image, kind), "frame")
        np.testing.assert_array_equal(found[..., 0], np.asarray(image) * 255)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_bits_reaches_white(depth):
    found = decode_image(make_png(8 // depth, 1, depth, 0, b"\0\xff"), "frame")
    assert found.shape == (1, 8 // depth, 1)
    assert (found == 255).all()


def test_palette_with_and_without_transparency():
    image = Image.new("P", (2, 2))
    image.putpalette([255, 0, 0, 0, 255, 0, 9, 8, 7])
    image.putdata([0, 1, 2, 1])
    plain = decode_image(saved(image, "PNG"), "frame")
    np.testing.assert_array_equal(plain, [[[255, 0, 0], [0, 255, 0]], [[9, 8, 7], [0, 255, 0]]])
    one = decode_image(saved(image, "PNG", transparency=1), "frame")
    np.testing.assert_array_equal(one[..., 3], [[255, 0], [255, 0]])
    partly = decode_image(saved(image, "PNG", transparency=bytes([10, 20, 30])), "frame")
    np.testing.assert_array_equal(partly[..., 3], [[10, 20], [30, 20]])
    np.testing.assert_array_equal(partly[..., :3], plain)
    gif = decode_image(saved(image, "GIF", transparency=2), "frame")
    np.testing.assert_array_equal(gif[..., 3], [[255, 255], [0, 255]])


def test_grey_with_alpha():
    frame = noise(4, 5, 2)
    found = decode_image(
        saved(Image.merge("LA", [Image.fromarray(frame[..., k].copy()) for k in (0, 1)]), "PNG"), "frame"
    )
    np.testing.assert_array_equal(found, frame[..., [0, 0, 0, 1]])
    deep = noise(3, 4, 2, np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    np.testing.assert_array_equal(decode_image(make_png(4, 3, 16, 4, rows), "frame"), deep[..., [0, 0, 0, 1]])


def test_a_transparent_grey_or_colour_of_a_png():
    grey = make_png(3, 1, 8, 0, bytes([0, 6, 7, 8]), struct.pack(">I", 2) + b"tRNS\0\x07" + crc(b"tRNS\0\x07"))
    found = decode_image(grey, "frame")
    np.testing.assert_array_equal(found[0, :, 3], [255, 0, 255])
    deep = struct.pack(">9H", 1, 2, 3, 256, 2, 3, 1, 2, 3)
    body = b"tRNS" + struct.pack(">3H", 256, 2, 3)
    png = make_png(3, 1, 16, 2, b"\0" + deep, struct.pack(">I", 6) + body + crc(body))
    found = decode_image(png, "frame")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0, :, 3], [65535, 0, 65535])
    np.testing.assert_array_equal(found[0, :, :3], [[1, 2, 3], [256, 2, 3], [1, 2, 3]])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_tiff_of_16_bits(channels, compression):
    frame = noise(7, 5, channels, np.uint16)
    order = [2, 1, 0][:channels] if channels == 3 else [0]
    _, data = cv2.imencode(".tif", np.ascontiguousarray(frame[..., order]), [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    found = decode_image(data.tobytes(), "frame")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_of_either_byte_order(order, dtype, channels, capfd):
    frame = noise(4, 6, channels, dtype)
    found = decode_image(make_tiff(frame, 2 if channels == 4 else None, order=order), "frame")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, frame)
    assert capfd.readouterr() == ("", "")


def test_tiff_that_does_not_name_its_alpha(capfd):
    frame = noise(4, 6, 4, np.uint16)
    np.testing.assert_array_equal(decode_image(make_tiff(frame), "frame"), frame)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_premultiplied_tiff(dtype):
    straight = noise(6, 6, 4, dtype)
    straight[..., 3] = np.iinfo(dtype).max // 2
    full = np.iinfo(dtype).max
    mixed = straight.copy()
    mixed[..., :3] = np.rint(premultiply(straight)[..., :3] * full).astype(dtype)
    found = decode_image(make_tiff(mixed, 1), "frame")
    assert np.abs(found.astype(int) - straight).max() <= 2  # what the file itself rounded away, doubled


def turned(frame, orientation):
    """The picture that a viewer shows, from the EXIF standard's table of where row 0 and column 0 lie."""
    return {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, 1),
    }[orientation](frame)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_noted_by_a_camera(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for dtype in (np.uint8, np.uint16):
        frame = noise(3, 5, 3, dtype)
        expected = turned(frame, orientation)
        np.testing.assert_array_equal(decode_image(make_tiff(frame, orientation=orientation), "frame"), expected)
        png = encode_png(frame)
        content = exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = b"eXIf" + content
        with_exif = png[:33] + struct.pack(">I", len(content)) + chunk + crc(chunk) + png[33:]
        np.testing.assert_array_equal(decode_image(with_exif, "frame"), expected)
    jpeg = decode_image(saved(Image.fromarray(smooth(24, 40)), "JPEG", exif=exif, quality=95, subsampling=0), "frame")
    expected = turned(smooth(24, 40), orientation)
    assert jpeg.shape == expected.shape
    assert np.abs(jpeg.astype(int) - expected).mean() < 3


def test_cmyk_without_a_profile():
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[:, :4] = (0, 255, 255, 0)  # red
    inks[:, 4:] = (0, 0, 0, 255)  # black
    for kind in ("JPEG", "TIFF"):
        found = decode_image(saved(Image.fromarray(inks, "CMYK"), kind), "frame")
        assert found.shape == (8, 8, 3)
        assert np.abs(found[4, 1].astype(int) - (255, 0, 0)).max() < 12
        assert found[4, 6].max() < 12


def test_cmyk_with_a_broken_profile():
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    found = decode_image(saved(image, "TIFF", icc_profile=b"no profile"), "frame")
    assert tuple(found[0, 0]) == (255, 0, 0)


def test_profile_of_an_rgb_file_is_left_alone():
    frame = noise(4, 4, 3)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(decode_image(saved(as_pillow(frame), "PNG", icc_profile=profile), "frame"), frame)


def test_first_frame_of_an_animation():
    one, two = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        how = {"lossless": True} if kind == "WEBP" else {}
        found = decode_image(saved(one, kind, save_all=True, append_images=[two], **how), "frame")
        assert tuple(found[0, 0, :3]) == (255, 0, 0)


@pytest.mark.parametrize(
    "name",
    ["日本語.png", "line\nbreak.png", "-dash.png", "two words.png", "100%.png", "wrong.jpg", "none", "UPPER.PNG"],
)
def test_odd_names_and_wrong_suffixes(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for dtype in (np.uint8, np.uint16):
        frame = noise(3, 4, 3, dtype)
        write_png(Path(name), frame)
        np.testing.assert_array_equal(read_image(Path(name)), frame)


def test_a_name_that_is_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        path.write_bytes(encode_png(noise(2, 2, 3)))
    except OSError:
        pytest.skip("this file system knows no such names")
    assert read_image(path).shape == (2, 2, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3840, 2160)])
def test_sizes(size):
    width, height = size
    frame = np.broadcast_to(np.array([1, 2, 3], np.uint8), (height, width, 3))
    np.testing.assert_array_equal(decode_image(encode_png(frame), "frame"), frame)
