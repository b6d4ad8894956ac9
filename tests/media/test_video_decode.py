"""Films in: any container, each frame at its own time and upright, and what happens when a film is broken."""

import subprocess
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.media.decode import DamagedStretch, decode_video, fitted_size, probe_video
from animi.core.media.encode import write_video

WIDTH, HEIGHT, COUNT = 64, 48, 12


def ffmpeg(*arguments):
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)


def draw(number, width=WIDTH, height=HEIGHT):
    """A red corner at the top left, a blue one at the bottom right, and a bar that walks."""
    frame = np.full((height, width, 3), 200, np.uint8)
    frame[: height // 3, : width // 3] = (220, 30, 30)
    frame[-(height // 3) :, -(width // 3) :] = (30, 30, 220)
    frame[:, width // 3 + number : width // 3 + number + 4] = 0
    return frame


def busy(number, width=192, height=144):
    """A moving pattern that takes some bytes to encode."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin((x + 3 * number) / 5.0) + np.cos((y - 2 * number) / 7.0) + np.sin((x * y) / 900.0 + number / 4)
    return np.stack([np.clip(128 + 40 * waves + shift, 0, 255) for shift in (0, 30, -30)], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="module")
def film(folder):
    path = folder / "film.mp4"
    write_video(path, (draw(i) for i in range(COUNT)), fps=Fraction(12), size=(WIDTH, HEIGHT), crf=4)
    return path


@pytest.mark.parametrize(
    "name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.avi", "a.ts", "a.gif", "a.apng", "a.webp", "a name: 50%d 'q'.mp4"]
)
def test_every_container_gives_its_frames_at_their_times(film, folder, name):
    path = folder / name
    if name.endswith(".webp"):
        images = [Image.fromarray(draw(i)) for i in range(COUNT)]
        images[0].save(path, save_all=True, append_images=images[1:], duration=125, lossless=True)
    else:
        codec = {".avi": ("-c:v", "mpeg4", "-q:v", "2"), ".webm": ("-c:v", "libvpx-vp9", "-crf", "20", "-b:v", "0")}
        ffmpeg("-i", film, *codec.get(path.suffix, ()), "-r", "8" if name.endswith("gif") else "12", f"file:{path}")
    info = probe_video(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    frames = list(decode_video(info))
    fps = 8 if path.suffix in (".gif", ".webp") else 12
    if name.endswith(".gif"):
        with Image.open(path) as image:
            assert len(frames) == image.n_frames
    else:
        assert len(frames) == COUNT
    assert [f.time for f in frames] == pytest.approx([i / fps for i in range(len(frames))], abs=0.011)
    assert frames[0].pixels.shape == (HEIGHT, WIDTH, 3)
    for frame in (frames[0], frames[-1]):
        assert (
            np.abs(frame.pixels[4:12, 4:16].mean((0, 1)) - (220, 30, 30)).max() < 26
        )  # AVI loses the tag of the colour matrix
        assert np.abs(frame.pixels[-12:-4, -16:-4].mean((0, 1)) - (30, 30, 220)).max() < 26


def test_a_varying_frame_rate_keeps_its_times(film, folder):
    path = folder / "varying.mkv"
    ffmpeg(
        "-i",
        film,
        "-vf",
        "settb=1/1000,setpts='if(lt(N,6),N*0.1,0.6+(N-6)*0.25)/TB'",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "filter",
        path,
    )
    times = [frame.time for frame in decode_video(probe_video(path))]
    assert times == pytest.approx([i * 0.1 if i < 6 else 0.6 + (i - 6) * 0.25 for i in range(COUNT)], abs=0.002)


def test_a_phones_rotation_is_honoured(film, folder):
    path = folder / "turned.mp4"
    ffmpeg("-display_rotation", "90", "-i", film, "-c", "copy", path)
    info = probe_video(path)
    assert (info.width, info.height) == (HEIGHT, WIDTH)
    pixels = next(decode_video(info)).pixels
    assert pixels.shape == (WIDTH, HEIGHT, 3)
    assert pixels[-6:, 2:6].mean((0, 1))[0] > 180 > 90 > pixels[-6:, 2:6].mean((0, 1))[2]  # red is at the lower left


def test_pixels_that_are_not_square_are_made_so(film, folder):
    path = folder / "wide.mp4"
    ffmpeg("-i", film, "-vf", "setsar=2", "-frames:v", "1", path)
    info = probe_video(path)
    assert (info.width, info.height) == (2 * WIDTH, HEIGHT)
    assert fitted_size(info, 24, "keep") == (64, 24)
    square = next(decode_video(info, size=32, fit="crop")).pixels
    assert square.shape == (32, 32, 3)
    assert np.abs(square[2:30, 10:28].astype(int) - 200).max() < 25  # the corners are cut away
    assert square[2:30, 3:5].max() < 60  # the bar stands upright at a twelfth


@pytest.mark.parametrize("size", [None, 17, 32, 100])
@pytest.mark.parametrize("fit", ["crop", "letterbox", "keep"])
def test_frames_come_in_the_size_and_fit_asked_for(film, size, fit):
    info = probe_video(film)
    width, height = fitted_size(info, size, fit)
    assert min(width, height) == (size or (WIDTH if fit == "letterbox" else HEIGHT))
    frames = list(decode_video(info, size=size, fit=fit))
    assert len(frames) == COUNT
    pixels = frames[0].pixels.astype(int)
    assert pixels.shape == (height, width, 3)
    if fit == "letterbox":
        assert pixels[0].max() < 12 and pixels[-1].max() < 12
        bar = round(height * (1 - HEIGHT / WIDTH) / 2)
        assert np.abs(pixels[bar + 3, 2] - (220, 30, 30)).max() < 60
    else:
        expected = draw(0)[:, 8:56] if fit == "crop" else draw(0)
        expected = cv2.resize(expected, (width, height), interpolation=cv2.INTER_AREA)
        assert np.abs(pixels - expected).mean() < 8


def test_a_start_leaves_times_and_pictures_as_they_are(film):
    info = probe_video(film)
    whole = {frame.time: frame.pixels for frame in decode_video(info)}
    late = list(decode_video(info, start=0.4))
    assert [frame.time for frame in late] == [time for time in whole if time >= 0.4]
    assert all(np.array_equal(frame.pixels, whole[frame.time]) for frame in late)
    with pytest.raises(InputError, match="has no frame after 99 s"):
        list(decode_video(info, start=99))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".apng"])
def test_transparency_lies_over_white(folder, suffix):
    path = folder / f"clear{suffix}"
    pictures = []
    for number in range(3):
        picture = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
        picture.paste((200, 20, 20, 255), (10 + number, 10, 20 + number, 20))
        pictures.append(picture)
    kind = "PNG" if suffix == ".apng" else None
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=100, loop=0, disposal=2)
    frames = list(decode_video(probe_video(path)))
    assert len(frames) == 3
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2])
    for number, frame in enumerate(frames):
        assert frame.pixels[2, 2].min() > 250
        assert np.abs(frame.pixels[15, 15 + number].astype(int) - (200, 20, 20)).max() < 25


def test_an_iterator_closed_early_leaves_no_ffmpeg(film):
    frames = decode_video(probe_video(film))
    next(frames)
    frames.close()
    assert list(frames) == []


@pytest.fixture(scope="module")
def long_film(folder):
    path = folder / "long.mp4"
    write_video(path, (busy(i) for i in range(150)), fps=Fraction(25), size=(192, 144), crf=16)
    return path


def spoil(source, target, at, length):
    data = bytearray(source.read_bytes())
    begin = int(len(data) * at)
    data[begin : begin + length] = np.random.default_rng(1).integers(0, 256, length, np.uint8).tobytes()
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_damaged_stretch_is_reported_and_left_out(long_film, folder, suffix):
    whole_path = folder / f"whole{suffix}"
    ffmpeg("-i", long_film, "-c", "copy", whole_path)
    whole = {round(f.time, 2): f.pixels for f in decode_video(probe_video(whole_path))}
    path = spoil(whole_path, folder / f"spoilt{suffix}", 0.5, whole_path.stat().st_size // 12)
    damage: list[DamagedStretch] = []
    frames = list(decode_video(probe_video(path), on_damage=damage.append))
    assert damage, "nothing was reported"
    assert damage[0].message
    assert 50 <= len(frames) < len(whole)
    times = [frame.time for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == 0
    for part in damage:
        until = float("inf") if part.last is None else part.last
        assert not any(part.first < time < until for time in times)
    before = [f for f in frames if f.time < damage[0].first - 0.5]
    assert len(before) > 20
    off = [np.abs(f.pixels.astype(int) - whole[round(f.time, 2)]).mean() for f in before]
    assert max(off) < 1
    again = [frame.time for frame in decode_video(probe_video(path))]
    assert again == times  # an interrupted run relies on it


def test_a_film_cut_short_gives_what_is_there(long_film, folder):
    whole = folder / "whole_for_cut.mkv"
    ffmpeg("-i", long_film, "-c", "copy", whole)
    path = folder / "short.mkv"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    damage: list[DamagedStretch] = []
    frames = list(decode_video(probe_video(path), on_damage=damage.append))
    assert 60 < len(frames) < 150
    assert [part.last for part in damage] == [None]
    assert damage[0].first == frames[-1].time


def test_clocks_that_are_set_back_do_not_stop_a_film(film, folder):
    part = folder / "part.ts"
    ffmpeg("-i", film, "-c", "copy", "-output_ts_offset", "50", part)
    other = folder / "other.ts"
    ffmpeg("-i", film, "-c", "copy", other)
    path = folder / "joined.ts"
    path.write_bytes(part.read_bytes() + other.read_bytes())
    times = [frame.time for frame in decode_video(probe_video(path))]
    assert times == sorted(set(times))
    assert len(times) >= 2 * COUNT - 3


def test_what_is_no_film_is_rejected_in_one_line(folder):
    words = folder / "words.mp4"
    words.write_text("these are words, and no film")
    sound = folder / "sound.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.2", sound)
    torn = folder / "torn.webp"
    torn.write_bytes(b"RIFF\x10\x00\x00\x00WEBPVP8 ")
    cases = {
        words: "holds no video",
        sound: "holds sound and no picture",
        torn: "cannot be read",
        folder: "is a folder",
        Path("missing.mp4"): "no such file",
    }
    for path, words_of_error in cases.items():
        with pytest.raises(InputError, match=words_of_error) as caught:
            probe_video(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_cover_picture_is_not_taken_for_the_film(film, folder):
    cover = folder / "cover.png"
    Image.new("RGB", (300, 300), "green").save(cover)
    path = folder / "covered.mp4"
    ffmpeg("-i", cover, "-i", film, "-map", "0", "-map", "1", "-c:v:0", "png", "-c:v:1", "copy",
           "-disposition:v:0", "attached_pic", path)  # fmt: skip
    info = probe_video(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert len(list(decode_video(info))) == COUNT
