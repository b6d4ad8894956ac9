"""Which image files move, by their headers alone."""

import io
import struct
import time
from pathlib import Path
from runpy import run_path

import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.film_source import open_film
from animi.core.media.moving import moves

patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]

DURATIONS = [100, 50, 200, 40]


def still(kind):
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 10, 10)).save(file, kind)
    return file.getvalue()


def moving(kind, **how):
    file = io.BytesIO()
    frames = [Image.new("RGB", (30, 20), (60 * k, 0, 0)) for k in range(len(DURATIONS))]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=DURATIONS, **how)
    return file.getvalue()


def vast_webp(pictures=5000, side=8000):
    """A WebP of so many pictures on a canvas of side x side pixels, in 50 bytes each."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 10, 10)).save(file, "WEBP", lossless=True)

    def number(value):
        return value.to_bytes(3, "little")

    def chunk(kind, data):
        return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)

    frame = number(0) + number(0) + number(15) + number(15) + number(40) + b"\0" + file.getvalue()[12:]
    canvas = bytes([2, 0, 0, 0]) + number(side - 1) + number(side - 1)
    body = b"WEBP" + chunk(b"VP8X", canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame) * pictures
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_what_moves_is_told_from_what_stands_still(tmp_path, kind):
    path = tmp_path / "picture"
    for data, expected in ((moving(kind), True), (still(kind), False)):
        path.write_bytes(data)
        assert moves(path) is expected


def test_a_gif_with_a_palette_for_each_picture_and_comments_moves(tmp_path):
    path = tmp_path / "noise.gif"
    frames = [Image.effect_noise((64, 64), 90 + k).convert("P") for k in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], comment=b"words " * 200, optimize=False)
    assert moves(path)
    data = path.read_bytes()
    for size in range(0, len(data), 97):  # whatever is cut off, an answer comes
        path.write_bytes(data[:size])
        assert moves(path) in (True, False)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"no picture at all" * 9])
def test_what_is_no_picture_does_not_move(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert not moves(path)


def test_a_webp_is_probed_by_its_headers(tmp_path):
    path = tmp_path / "a.webp"
    path.write_bytes(moving("WEBP"))
    info = probe_video(path)
    assert (info.width, info.height, info.duration) == (30, 20, sum(DURATIONS) / 1000)
    times = [round(1000 * frame.time) for frame in decode_video(info)]
    assert times == [0, 100, 150, 350]
    assert float(open_film(path).timing.end) == pytest.approx(sum(DURATIONS) / 1000)


def test_thousands_of_vast_pictures_are_counted_and_none_is_decoded(tmp_path):
    path = tmp_path / "vast.webp"
    path.write_bytes(vast_webp())
    assert path.stat().st_size < 300_000
    began = time.monotonic()
    info = probe_video(path)
    assert moves(path) and (info.width, info.height, info.duration) == (8000, 8000, 200)
    assert time.monotonic() - began < patience(2)  # to decode them takes more than an hour


def test_a_damaged_picture_of_an_animation_is_told_in_one_line(tmp_path):
    path = tmp_path / "torn.webp"
    data = moving("WEBP", lossless=True)
    at = data.rindex(b"VP8L") + 9
    path.write_bytes(data[:at] + bytes(len(data) - at))
    with pytest.raises(InputError, match=r"torn\.webp: its picture at 0\.35 s cannot be read"):
        list(decode_video(probe_video(path)))
