"""Image files in and out: every mode and depth, every way a file can be broken, and what is done to a frame."""

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from animi.core.errors import InputError, OutputError
from animi.core.media import frames as tensors
from animi.core.media.frames import (
    as_channels,
    flatten_alpha,
    match_images,
    premultiply,
    resize_image,
    to_uint8,
    unpremultiply,
)
from animi.core.media.image_files import MOST_PIXELS, decode_image, encode_png, list_images, read_image, write_png

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


def make_png(width, height, depth, colour, rows, extra=b""):
    """A PNG put together by hand, for what no library writes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# What is read


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
    grey = make_png(3, 1, 8, 0, bytes([0, 6, 7, 8]), struct.pack(">I", 2) + b"tRNS\0\x07" + _crc(b"tRNS\0\x07"))
    found = decode_image(grey, "frame")
    np.testing.assert_array_equal(found[0, :, 3], [255, 0, 255])
    deep = struct.pack(">9H", 1, 2, 3, 256, 2, 3, 1, 2, 3)
    body = b"tRNS" + struct.pack(">3H", 256, 2, 3)
    png = make_png(3, 1, 16, 2, b"\0" + deep, struct.pack(">I", 6) + body + _crc(body))
    found = decode_image(png, "frame")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0, :, 3], [65535, 0, 65535])
    np.testing.assert_array_equal(found[0, :, :3], [[1, 2, 3], [256, 2, 3], [1, 2, 3]])


def _crc(data):
    return struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_tiff_of_16_bits(channels, compression):
    frame = noise(7, 5, channels, np.uint16)
    order = [2, 1, 0][:channels] if channels == 3 else [0]
    _, data = cv2.imencode(".tif", np.ascontiguousarray(frame[..., order]), [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    found = decode_image(data.tobytes(), "frame")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, frame)


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
        with_exif = png[:33] + struct.pack(">I", len(content)) + chunk + _crc(chunk) + png[33:]
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


# What is refused


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path).replace("\n", "\\n"))
    assert ";" in message  # what was found; what to do
    return message


def test_missing_folder_empty(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.png")
    assert "no such file" in refusal(tmp_path / "no folder" / "none.png")
    assert "folder" in refusal(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "empty" in refusal(tmp_path / "empty.png")
    assert "no such file" in refusal(tmp_path / "new\nline.png")
    (tmp_path / "file").touch()
    assert "check the name" in refusal(tmp_path / "file" / "inside.png")
    refusal(tmp_path / ("x" * 400 + ".png"))
    assert "ordinary" in refusal(Path("/dev/null"))


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "locked.png"
    path.write_bytes(encode_png(noise(2, 2, 3)))
    if os.geteuid():
        path.chmod(0)
    else:  # root may read everything

        def deny(self, *_how):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", deny)
    assert "permissions" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"<html><body>404</body></html>" * 50,
        b"\0" * 5000,
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"\xff\xd8\xff",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"II*\0\x08\0\0\0",
        b"%PDF-1.7\n",
    ],
)
def test_not_an_image(tmp_path, capfd, content):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    refusal(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "deep"),
    [
        *[(kind, False) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000") if kind in SAVED],
        *[("PNG", True), ("TIFF", True)],
    ],
)
def test_truncated(tmp_path, capfd, kind, deep):
    frame = noise(40, 50, 3, np.uint16 if deep else np.uint8)
    make = {"PNG": encode_png, "TIFF": make_tiff}[kind] if deep else lambda frame: saved(as_pillow(frame), kind)
    data = make(frame)
    decode_image(data, "whole")
    for part in (0.05, 0.3, 0.6, 0.9):
        path = tmp_path / f"part.{kind.lower()}"
        path.write_bytes(data[: int(len(data) * part)])
        refusal(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_damaged_png(tmp_path, capfd, dtype):
    data = bytearray(encode_png(noise(40, 50, 3, dtype)))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    assert "damaged" in refusal(path)
    assert capfd.readouterr() == ("", "")


@QUICK
@given(data=st.data())
def test_no_damage_gives_anything_but_a_frame_or_one_line(data):
    kinds = [saved(as_pillow(smooth(12, 12)), kind) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "TGA")]
    content = bytearray(data.draw(st.sampled_from([*kinds, encode_png(noise(9, 9, 3, np.uint16))])))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        frame = decode_image(bytes(content), "frame")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert frame.ndim == 3
        assert frame.shape[2] in {1, 3, 4}
        assert frame.dtype in {np.dtype(np.uint8), np.dtype(np.uint16)}


@pytest.mark.parametrize(
    "size", [(60000, 60000), (16000, 16000), (12000, 12000), (2**31 - 1, 2**31 - 1), (2**31 - 1, 1)]
)
def test_a_header_that_claims_too_much(tmp_path, capfd, size):
    path = tmp_path / "bomb.png"
    path.write_bytes(make_png(*size, 8, 2, bytes(1000)))
    message = refusal(path)
    assert f"{MOST_PIXELS:,}" in message
    assert "scale it down" in message
    assert capfd.readouterr() == ("", "")


def test_a_pipe_without_an_end_is_refused_when_it_has_sent_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("animi.core.media.image_files.MOST_BYTES", 1 << 20)
    pipe = tmp_path / "endless.png"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["/bin/sh", "-c", 'exec cat /dev/zero > "$0"', pipe], stderr=subprocess.DEVNULL)
    try:
        assert "larger than an image file may be" in refusal(pipe)
    finally:
        writer.kill()
        writer.wait()


def test_a_pipe_that_ends_is_read(tmp_path):
    pipe = tmp_path / "frame.png"
    os.mkfifo(pipe)
    frame = noise(20, 30, 3)
    threading.Thread(target=lambda: pipe.write_bytes(encode_png(frame)), daemon=True).start()
    np.testing.assert_array_equal(read_image(pipe), frame)


def test_many_threads_read_large_images_without_a_word(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(make_png(10_000, 10_000, 1, 0, bytes(1000)))  # enough for Pillow to warn of; cut short
    code = (
        "import sys, threading; from pathlib import Path; from animi.core.media.image_files import read_image\n"
        "def read():\n"
        "    for _ in range(5):\n"
        "        try: read_image(Path(sys.argv[1]))\n"
        "        except Exception as error: assert 'cut short' in str(error), error\n"
        "threads = [threading.Thread(target=read) for _ in range(8)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, path], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_a_smaller_limit_of_ones_own(tmp_path):
    path = tmp_path / "frame.png"
    path.write_bytes(encode_png(noise(20, 30, 3)))
    with pytest.raises(InputError, match=r"is 30 x 20 pixels, and a frame may have 599; ask somebody"):
        read_image(path, 599, "ask somebody")
    assert read_image(path, 600).shape == (20, 30, 3)


def test_floating_point_and_32_bits_are_refused(tmp_path):
    path = tmp_path / "values.tif"
    path.write_bytes(saved(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF"))
    assert "floating" in refusal(path)
    path.write_bytes(saved(Image.fromarray(np.full((3, 3), 70000, np.int32)), "TIFF"))
    assert "16 bits" in refusal(path)


def test_odd_metadata_makes_no_noise(tmp_path, capfd):
    frame = noise(4, 4, 3, np.uint16)
    png = encode_png(frame)
    bad = b"iCCPbad\0\0not zlib"
    path = tmp_path / "odd.png"
    path.write_bytes(png[:33] + struct.pack(">I", len(bad) - 4) + bad + _crc(bad) + png[33:])
    np.testing.assert_array_equal(read_image(path), frame)
    path.write_bytes(saved(as_pillow(smooth(9, 9)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert read_image(path).shape == (9, 9, 3)
    assert capfd.readouterr() == ("", "")


# Folders


def test_list_images_in_natural_order(tmp_path):
    for name in ("f10.png", "f2.PNG", "f1.jpg", "notes.txt", "._f3.png", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "f5.png").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["f1.jpg", "f2.PNG", "f10.png"]


def test_list_images_refuses(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        list_images(tmp_path / "file")


# What is done to frames


def test_match_images_loses_nothing():
    grey, deep, clear = noise(3, 3, 1), noise(3, 3, 3, np.uint16), noise(3, 3, 4)
    matched = match_images([grey, deep, clear])
    assert {(frame.shape, frame.dtype) for frame in matched} == {((3, 3, 4), np.dtype(np.uint16))}
    np.testing.assert_array_equal(to_uint8(matched[0])[..., :3], np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(matched[1][..., :3], deep)
    np.testing.assert_array_equal(to_uint8(matched[2]), clear)
    assert (matched[0][..., 3] == 65535).all()
    assert match_images([]) == []
    assert match_images([grey])[0] is grey


def test_to_uint8_rounds_to_the_nearest():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(values / 257)
    np.testing.assert_array_equal(to_uint8(values), expected)


@QUICK
@given(dtype=st.sampled_from([np.uint8, np.uint16]), channels=st.sampled_from([1, 3, 4]), seed=st.integers(0, 999))
def test_premultiply_and_back(dtype, channels, seed):
    frame = noise(6, 7, channels, dtype, seed)
    weighted = premultiply(frame)
    assert weighted.dtype == np.float32
    assert weighted.shape == (6, 7, 4)
    assert weighted.min() >= 0
    assert weighted.max() <= 1
    expected = as_channels(frame, 4).copy()
    expected[expected[..., 3] == 0] = 0
    np.testing.assert_array_equal(unpremultiply(weighted, dtype), expected)


def test_every_colour_at_every_alpha_comes_back():
    colour, alpha = np.meshgrid(np.arange(256), np.arange(1, 256))
    frame = np.stack([colour, colour, colour, alpha], axis=2).astype(np.uint8)
    np.testing.assert_array_equal(unpremultiply(premultiply(frame), np.uint8), frame)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_flatten_alpha(dtype):
    full = np.iinfo(dtype).max
    frame = np.array([[[full, 0, 0, full], [full, 0, 0, 0], [0, 0, 0, full // 2]]], dtype)
    flat = flatten_alpha(frame)
    np.testing.assert_array_equal(flat[0, :2], [[full, 0, 0], [full, full, full]])
    assert abs(int(flat[0, 2, 0]) - full // 2) <= 1
    np.testing.assert_array_equal(flatten_alpha(frame, (0, 0, 255))[0, 1], [0, 0, full])
    assert flatten_alpha(noise(2, 2, 1)).shape == (2, 2, 3)


@QUICK
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
def test_resize_keeps_flat_colours_exactly(size, target, channels, dtype):
    frame = np.empty((*size, channels), dtype)
    frame[:] = np.array([200, 30, 90, 128][:channels]) * (np.iinfo(dtype).max // 255)
    scaled = resize_image(frame, *target)
    assert scaled.shape == (target[1], target[0], channels)
    assert scaled.dtype == dtype
    assert (scaled == frame[0, 0]).all()


def test_resize_lets_no_hidden_colour_bleed():
    frame = np.zeros((16, 16, 4), np.uint8)
    frame[:, :8] = (255, 0, 0, 255)
    frame[:, 8:] = (0, 255, 0, 0)  # green that nobody sees
    for size in ((5, 5), (40, 40)):
        scaled = resize_image(frame, *size)
        assert (scaled[scaled[..., 3] > 0][:, :3] == (255, 0, 0)).all()


def test_resize_shrinks_by_area():
    frame = np.zeros((8, 8, 1), np.uint8)
    frame[::2] = 255
    assert np.abs(resize_image(frame, 4, 4).astype(int) - 128).max() <= 1


def test_write_png_keeps_the_old_file_when_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / "frame.png"
    write_png(path, noise(2, 2, 3))
    before = path.read_bytes()

    def fill(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match="No space left"):
        write_png(path, noise(3, 3, 3))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["frame.png"]


# Tensors


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_and_back(dtype):
    frames = [noise(5, 7, 3, dtype, seed) for seed in (0, 1)]
    batch = tensors.to_tensor(frames)
    assert batch.shape == (2, 3, 5, 7)
    assert float(batch.min()) >= -1
    assert float(batch.max()) <= 1
    for frame, found in zip(frames, tensors.from_tensor(batch, dtype), strict=True):
        np.testing.assert_array_equal(found, frame)
    assert tensors.to_tensor([noise(2, 2, 1)]).shape == (1, 3, 2, 2)
    with pytest.raises(ValueError, match="without loss"):
        tensors.to_tensor([noise(2, 2, 4)])


def test_reading_images_needs_no_torch():
    code = "import sys, animi.core.media.animation; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
