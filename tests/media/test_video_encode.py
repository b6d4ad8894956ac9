"""Encoding video: frames, rates, colours and their tags, and an ffmpeg that fails."""

import re
import subprocess
import time
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.errors import OutputError
from animi.core.media.codecs import FILM_OUTPUTS
from animi.core.media.encode import write_video

patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SUFFIXES = sorted(FILM_OUTPUTS)


def decode_yuv(path, width, height):
    """Frames as ffmpeg stores them: (luma, blue difference, red difference) for each, in steps of 8 bits."""
    command = [FFMPEG, "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    data = subprocess.run([*command, "-fps_mode", "passthrough", "-"], capture_output=True, check=True).stdout
    area = width * height
    for frame in np.frombuffer(data, np.uint8).reshape(-1, area * 3 // 2):
        luma = frame[:area].reshape(height, width)
        yield luma, *(part.reshape(height // 2, width // 2) for part in np.split(frame[area:], 2))


def to_rgb(luma, blue, red):
    """BT.709 in limited range to RGB in [0, 255], by the standard's own coefficients."""
    y = (luma.astype(float) - 16) / 219
    b, r = ((part.astype(float).repeat(2, 0).repeat(2, 1) - 128) / 224 for part in (blue, red))
    green = y - (0.0722 * 1.8556 * b + 0.2126 * 1.5748 * r) / 0.7152
    return (np.stack([y + 1.5748 * r, green, y + 1.8556 * b], axis=2) * 255).clip(0, 255)


def describe(path):
    return subprocess.run([FFMPEG, "-i", str(path)], capture_output=True, text=True).stderr


def tiles(seed=0, side=4):
    """Flat tiles of 32 x 32 pixels, each of a random colour."""
    colours = np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
    return colours.repeat(32, 0).repeat(32, 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_flat_colours_come_back(tmp_path, suffix):
    off = []
    for seed in range(3):
        frame = tiles(seed)
        path = tmp_path / f"film{suffix}"
        assert write_video(path, [frame] * 2, fps=Fraction(24), size=(128, 128)) == 2
        found = [to_rgb(*planes) for planes in decode_yuv(path, 128, 128)]
        assert len(found) == 2
        for picture in found:
            tiled = np.abs(np.rint(picture) - frame).reshape(4, 32, 4, 32, 3)[
                :, 8:24, :, 8:24
            ]  # 4:2:0 mixes the borders
            off.append(tiled.max(axis=(1, 3, 4)))
    assert np.max(off) <= 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_plain_colours(tmp_path, suffix):
    for colour in [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255), (250, 200, 40)]:
        path = tmp_path / f"film{suffix}"
        write_video(path, [np.full((32, 32, 3), colour, np.uint8)] * 2, fps=Fraction(24), size=(32, 32))
        for planes in decode_yuv(path, 32, 32):
            assert np.abs(np.rint(to_rgb(*planes)) - colour).max() <= 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tags(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    write_video(path, [tiles()] * 2, fps=Fraction(24), size=(128, 128))
    stream = re.search(r"Video: .*", describe(path))[0]
    assert re.search(r"yuv420p\(tv, bt709[,)]", stream), stream  # one name: matrix, primaries and transfer agree
    assert ("vp9" if suffix == ".webm" else "h264") in stream
    assert "128x128" in stream


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fps", [Fraction(1, 2), Fraction(12), Fraction(24000, 1001), Fraction(60), Fraction(23.976)])
@pytest.mark.parametrize("number", [1, 2, 25])
def test_count_and_time(tmp_path, suffix, fps, number):
    path = tmp_path / f"film{suffix}"
    frames = [np.full((16, 16, 3), value * 10, np.uint8) for value in range(number)]
    counted = []
    assert write_video(path, iter(frames), fps=fps, size=(16, 16), on_frame=counted.append) == number
    assert counted == list(range(1, number + 1))
    found = list(decode_yuv(path, 16, 16))
    assert len(found) == number
    for frame, planes in zip(frames, found, strict=True):
        assert np.abs(to_rgb(*planes) - frame).max() < 2.5
    hours, minutes, seconds = re.search(r"Duration: (\d+):(\d+):(\S+),", describe(path)).groups()
    took = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    assert took == pytest.approx(number / float(fps), abs=0.011)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 40), (33, 17)])
def test_odd_sizes_repeat_the_edge(tmp_path, suffix, size):
    width, height = size
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, -1] = frame[-1] = 200
    path = tmp_path / f"film{suffix}"
    write_video(path, [frame] * 2, fps=Fraction(24), size=size)
    padded = width + width % 2, height + height % 2
    for luma, blue, red in decode_yuv(path, *padded):
        picture = to_rgb(luma, blue, red)
        assert np.abs(picture[:height, :width] - frame).max() < 12
        if width % 2:
            assert np.abs(picture[:, -1] - 200).max() < 12
        if height % 2:
            assert np.abs(picture[-1] - 200).max() < 12


def test_outlines_stay_sharp(tmp_path):
    frame = np.full((64, 64, 3), 235, np.uint8)
    for place in range(4, 60, 7):
        frame[place : place + 1, 4:60] = frame[4:60, place : place + 1] = 10
    for suffix in (".mp4", ".webm"):
        path = tmp_path / f"film{suffix}"
        write_video(path, [frame] * 3, fps=Fraction(24), size=(64, 64))
        for planes in decode_yuv(path, 64, 64):
            assert np.abs(to_rgb(*planes) - frame).max() < 16


def test_crf(tmp_path):
    frames = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8) for seed in range(4)]
    sizes = []
    for crf in (None, 40):
        path = tmp_path / "film.mp4"
        write_video(path, frames, fps=Fraction(24), size=(64, 64), crf=crf)
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0] / 3


def test_the_index_stands_before_the_pictures(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, [tiles()] * 2, fps=Fraction(24), size=(128, 128))
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # so that a browser plays while it loads


def test_a_frame_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="frame 1"):
        write_video(tmp_path / "film.mp4", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 6, 3), np.uint8)],
                    fps=Fraction(24), size=(4, 4))  # fmt: skip


# An ffmpeg that fails


@pytest.fixture
def started(monkeypatch):
    """The ffmpeg processes that were started; the shell that watches over them is none of these."""
    found = []
    popen = subprocess.Popen

    def start(words, **settings):
        process = popen(words, **settings)
        if "ffmpeg" in str(words[0]):
            found.append(process)
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    return found


def test_a_size_that_the_codec_cannot_hold(tmp_path, started):
    with pytest.raises(OutputError, match="invalid width x height") as caught:
        write_video(tmp_path / "film.mp4", [np.zeros((2, 20000, 3), np.uint8)] * 2, fps=Fraction(24), size=(20000, 2))
    message = str(caught.value)
    assert "\n" not in message
    assert "0x" not in message.replace("20000x2", "")
    assert message.startswith("film.mp4: ")
    assert started[0].returncode not in {0, None}


def test_ffmpeg_is_ended_from_outside(tmp_path, started):
    def draw():
        for number in range(100):
            if number == 5:
                started[0].kill()
            yield np.zeros((200, 200, 3), np.uint8)

    with pytest.raises(OutputError, match="gave no reason"):
        write_video(tmp_path / "film.mp4", draw(), fps=Fraction(24), size=(200, 200))


def test_an_interruption_ends_ffmpeg(tmp_path, started):
    def draw():
        yield np.zeros((20, 20, 3), np.uint8)
        raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "film.mp4", draw(), fps=Fraction(24), size=(20, 20))
    assert started[0].returncode is not None
    assert started[0].stdin.closed
    assert time.monotonic() - begin < patience(5)


def test_no_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "none"))
    with pytest.raises(OutputError, match="cannot be started"):
        write_video(tmp_path / "film.mp4", [tiles()], fps=Fraction(24), size=(128, 128))

    def fail():
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", fail)
    with pytest.raises(OutputError, match="IMAGEIO_FFMPEG_EXE"):
        write_video(tmp_path / "film.mp4", [tiles()], fps=Fraction(24), size=(128, 128))


def test_a_folder_that_is_gone(tmp_path):
    with pytest.raises(OutputError, match="No such file"):
        write_video(tmp_path / "none" / "film.mp4", [tiles()] * 2, fps=Fraction(24), size=(128, 128))
    assert not Path(tmp_path / "none").exists()


def test_a_rate_that_is_too_slow(tmp_path):
    with pytest.raises(OutputError, match="frames a second"):
        write_video(tmp_path / "film.mp4", [tiles()] * 2, fps=Fraction(1, 10**7), size=(128, 128))
