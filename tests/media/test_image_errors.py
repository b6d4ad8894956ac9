"""Image files that cannot be read: every way a file can be broken, and limits; and the images of a folder."""

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from animi.core.errors import InputError
from animi.core.media.image_files import MOST_PIXELS, decode_image, encode_png, list_images, read_image

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


def rejection(path):
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path).replace("\n", "\\n"))
    assert ";" in message  # what was found; what to do
    return message


def test_missing_folder_empty(tmp_path):
    assert "no such file" in rejection(tmp_path / "none.png")
    assert "no such file" in rejection(tmp_path / "no folder" / "none.png")
    assert "folder" in rejection(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "empty" in rejection(tmp_path / "empty.png")
    assert "no such file" in rejection(tmp_path / "new\nline.png")
    (tmp_path / "file").touch()
    assert "check the name" in rejection(tmp_path / "file" / "inside.png")
    rejection(tmp_path / ("x" * 400 + ".png"))
    assert "ordinary" in rejection(Path("/dev/null"))


def test_no_permission(tmp_path, monkeypatch):
    path = tmp_path / "locked.png"
    path.write_bytes(encode_png(noise(2, 2, 3)))
    if os.geteuid():
        path.chmod(0)
    else:  # root may read everything

        def deny(self, *_how):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "open", deny)
    assert "permissions" in rejection(path)


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
    rejection(path)
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
        rejection(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_damaged_png(tmp_path, capfd, dtype):
    data = bytearray(encode_png(noise(40, 50, 3, dtype)))
    data[len(data) // 2] ^= 0xFF
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    assert "damaged" in rejection(path)
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
    message = rejection(path)
    assert f"{MOST_PIXELS:,}" in message
    assert "scale it down" in message
    assert capfd.readouterr() == ("", "")


def test_a_pipe_without_an_end_is_rejected_when_it_has_sent_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr("animi.core.media.image_files.MOST_BYTES", 1 << 20)
    pipe = tmp_path / "endless.png"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["/bin/sh", "-c", 'exec cat /dev/zero > "$0"', pipe], stderr=subprocess.DEVNULL)
    try:
        assert "larger than an image file may be" in rejection(pipe)
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


def test_floating_point_and_32_bits_are_rejected(tmp_path):
    path = tmp_path / "values.tif"
    path.write_bytes(saved(Image.fromarray(np.ones((3, 3), np.float32)), "TIFF"))
    assert "floating" in rejection(path)
    path.write_bytes(saved(Image.fromarray(np.full((3, 3), 70000, np.int32)), "TIFF"))
    assert "16 bits" in rejection(path)


def test_odd_metadata_makes_no_noise(tmp_path, capfd):
    frame = noise(4, 4, 3, np.uint16)
    png = encode_png(frame)
    bad = b"iCCPbad\0\0not zlib"
    path = tmp_path / "odd.png"
    path.write_bytes(png[:33] + struct.pack(">I", len(bad) - 4) + bad + crc(bad) + png[33:])
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


def test_list_images_rejects(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        list_images(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        list_images(tmp_path / "file")
