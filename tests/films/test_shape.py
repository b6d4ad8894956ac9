"""Pixels that are not square, frames that change their size, and RGB: kept, or said."""

import itertools
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films.interpolation import interpolate_film
from animi.core.media.film_source import open_film, read_frames

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def disc(size, number, squeeze=1.0):
    """A round disc that moves to the right, as it is seen when pixels are `squeeze` as wide as high."""
    width, height = size
    frame = np.full((height, width, 3), (40, 90, 160), np.uint8)
    axes = (round(20 / squeeze), 20)
    cv2.ellipse(frame, (30 + 3 * number, height // 2), axes, 0, 0, 360, (230, 220, 40), -1)
    return frame


def make(path, frames, *words, rate=12):
    height, width = frames[0].shape[:2]
    form = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-")
    raw = b"".join(frame.tobytes() for frame in frames)
    subprocess.run([FFMPEG, "-v", "error", "-y", *map(str, (*form, *words)), path], input=raw, check=True)
    return path


def run(film, output, **settings):
    notes = []
    drawn = interpolate_film(InterpolateFilmConfig(film, output, engine="blend", **settings), on_note=notes.append)
    return drawn, notes


def roundness(frame):
    """Width by height of the disc."""
    inside = frame[..., 2].astype(int) < 100
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return (columns[-1] - columns[0] + 1) / (rows[-1] - rows[0] + 1)


X264 = ("-c:v", "libx264", "-crf", 8, "-pix_fmt", "yuv420p")
FILMS = {
    "wide.mkv": ("32/27", ("-c:v", "mpeg2video", "-q:v", 2)),
    "wide.mp4": ("32/27", X264),
    "narrow.mp4": ("8/9", X264),
    "wide.mpg": ("32/27", ("-c:v", "mpeg2video", "-q:v", 2, "-r", 25)),
}
OUTPUTS = ("o.webp", "o.gif", "o", "o.mkv", "o.mov")


@pytest.mark.parametrize(
    ("name", "out"),
    [(name, out) for name in FILMS for out in OUTPUTS if name == "narrow.mp4" or out in ("o.webp", "o.mkv")],
)
def test_what_is_round_stays_round(tmp_path, name, out):
    """Wide and narrow pixels as each container states them, and every kind of output."""
    aspect, words = FILMS[name]
    part, whole = map(int, aspect.split("/"))
    frames = [disc((180, 120), k, part / whole) for k in range(6)]
    film = make(tmp_path / name, frames, "-vf", f"setsar={aspect}", *words)
    found = open_film(film)
    assert float(found.aspect) == pytest.approx(part / whole, rel=0.01)
    drawn, notes = run(film, tmp_path / out)
    said = [note for note in notes if "pixels are not square" in note]
    if out in ("o.mkv", "o.mov"):
        assert not said and (drawn.width, drawn.height) == (180, 120)
        assert open_film(tmp_path / out).aspect == found.aspect
        return
    assert len(said) == 1 and f"{drawn.width}x{drawn.height}" in said[0]
    assert drawn.width / drawn.height == pytest.approx(180 * float(found.aspect) / 120, rel=0.01)
    path = next((tmp_path / out).glob("*.png")) if out == "o" else tmp_path / out
    pixels = cv2.imread(str(path))[..., ::-1] if out == "o" else next(read_frames(open_film(path)))[1]
    assert roundness(pixels[..., :3]) == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("gap", [0, 1])
def test_frames_of_another_size_are_fitted_in(tmp_path, gap):
    """A 4:3 advertisement in a film of 16:9: with bars, in its own shape, and nothing is lost.

    ffmpeg calls a packet corrupt where the files were joined, but nothing is damaged, with a gap of one frame either.
    """
    offset = 1 + (2 + gap) / 12  # ffmpeg writes what has an offset two frames earlier
    parts = [
        make(tmp_path / "a.ts", [disc((128, 72), k) for k in range(12)], *X264),
        make(tmp_path / "b.ts", [disc((96, 72), k) for k in range(12)], *X264, "-output_ts_offset", offset),
    ]
    film = tmp_path / "ad.ts"
    film.write_bytes(b"".join(path.read_bytes() for path in parts))
    drawn, notes = run(film, tmp_path / "o.mkv", codec="ffv1")
    (said,) = notes
    assert f"from {1 + gap / 12:.2f} s on, frames are 96x72; they are fitted into 128x72" in said
    assert (drawn.width, drawn.height) == (128, 72) and drawn.frames >= 44
    late = [pixels for _, pixels in read_frames(open_film(film), start=1.5)]  # ffmpeg cannot decode from there
    assert len(late) == 6 + gap and late[0][:, :14].max() < 40
    frames = [pixels for _, pixels in read_frames(open_film(tmp_path / "o.mkv"))]
    assert frames[2][:, :14].max() > 60 and frames[-3][:, :14].max() < 40  # bars at the sides
    assert roundness(frames[-3][:, 16:112]) == pytest.approx(1, abs=0.1)
    late = frames[len(frames) // 2 + 2 :]
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(late[:-1])]
    assert min(changes) > 0.1  # none of the good frames behind the change is held


@pytest.mark.parametrize(("codec", "out"), [("ffv1", "o.mkv"), ("png", "o.mov"), ("qtrle", "o.mov")])
@pytest.mark.parametrize("source", ["gbrp", "bgr0"])
def test_rgb_stays_rgb_exactly(tmp_path, codec, out, source):
    noise = np.random.default_rng(3).integers(0, 256, (3, 48, 64, 3)).astype(np.uint8)
    words = ("-c:v", "libx264rgb", "-qp", 0) if source == "gbrp" else ("-c:v", "ffv1", "-pix_fmt", "bgr0")
    film = make(tmp_path / "rgb.mkv", list(noise), *words)
    _, notes = run(film, tmp_path / out, codec=codec)
    assert not notes
    new = [pixels for _, pixels in read_frames(open_film(tmp_path / out))]
    for old, kept in zip(noise, new[::2], strict=True):
        assert np.array_equal(old, kept)


def test_rgb_that_is_not_kept_is_said(tmp_path):
    film = make(tmp_path / "rgb.mkv", [disc((64, 48), k) for k in range(3)], "-c:v", "libx264rgb", "-qp", 0)
    assert list(run(film, tmp_path / "o.mp4")[1]) == ["h264 keeps no RGB: colours are written as 4:2:0"]


def test_frames_that_no_player_shows_are_left_out(tmp_path):
    """Two joined files overlap by a frame but for 3 ticks of 1/90000 s."""
    offset = 11 / 12 + 3 / 90000 + 2 / 12  # ffmpeg writes what has an offset two frames earlier
    parts = [
        make(tmp_path / "a.ts", [disc((128, 72), k) for k in range(12)], *X264),
        make(tmp_path / "b.ts", [disc((128, 72), k) for k in range(12, 24)], *X264, "-output_ts_offset", offset),
    ]
    film = tmp_path / "same.ts"
    film.write_bytes(b"".join(path.read_bytes() for path in parts))
    drawn, notes = run(film, tmp_path / "o.mkv", codec="ffv1")
    (said,) = notes
    assert "same.ts: frames left out: 1;" in said
    times = [float(time) for time, _ in read_frames(open_film(tmp_path / "o.mkv"))]
    assert drawn.frames == len(times) == 2 * 23
    steps = np.diff(times)
    assert steps.min() > 0.03 and steps.max() < 0.05
