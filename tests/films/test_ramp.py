"""Speed ramps: lengths, what each new frame shows, sound, and runs that are resumed."""

import json
import subprocess
from fractions import Fraction

import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.parsing import read_ramp
from animi.core.errors import ConfigError
from animi.core.films import segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.films.ramp import Ramp
from animi.core.films.timing import Clock, FilmFrame, expose
from animi.core.media.animation import write_animation
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.film_source import open_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


def integrate(points, time):
    """The length of the new film up to a time of the old one, by small steps."""
    steps = np.linspace(0, time, 200_001)
    speeds = np.interp((steps[1:] + steps[:-1]) / 2, *zip(*points, strict=True))
    return float(np.sum(np.diff(steps) / speeds))


@pytest.mark.parametrize(
    "points", [[(0, 1)], [(0, 2), (3, 0.5)], [(0, 1), (2, 0.5), (4, 1)], [(1, 0.25), (1.5, 4), (6, 4)]]
)
def test_a_ramp_is_the_integral_of_its_speeds_and_is_reversed_exactly(points):
    ramp = Ramp(points)
    for time in (0.0, 0.3, 1.0, 1.9, 2.0, 3.7, 4.0, 9.5):
        assert ramp.to_new(time) == pytest.approx(integrate(points, time), rel=1e-4, abs=1e-6)
        assert ramp.to_old(ramp.to_new(time)) == pytest.approx(time, abs=1e-9)


def test_ramps_are_read_with_hours_and_minutes():
    assert read_ramp("0:1 2:0.5 1:04:1") == ((0, 1), (2, 0.5), (64, 1)) and read_ramp("0:1/2") == ((0, 0.5),)
    for text in ("", "fast", "2", "0:0", "0:1000", "2:1 1:1", "1:1 1:2", "0:nan", "-1:1"):
        with pytest.raises(ConfigError, match=r"^--ramp: "):
            read_ramp(text)


def test_new_frames_show_what_belongs_to_their_time():
    frames = [FilmFrame(Fraction(k, 10), np.zeros((1, 1, 3), np.uint8)) for k in range(11)]
    clock = Clock(Fraction(1, 10), Fraction(10), Fraction(1), Ramp([(0, 0.5)]))
    shown = list(expose(iter(frames), clock, Fraction(11, 10)))
    assert len(shown) == 22  # half as fast: twice as many at the same rate
    for number, exposure in enumerate(shown[:20]):
        position = float(exposure.first.time) * 10 + exposure.t
        assert position == pytest.approx(number / 2, abs=1e-6)


@pytest.fixture
def film(tmp_path):
    """Two seconds of a disc that moves evenly, with sound."""
    frames = []
    blotches = np.random.default_rng(7).uniform(60, 200, (12, 20, 3)).astype(np.float32)
    floor = np.clip(cv2.resize(blotches, (160, 96), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    floor[..., 2] = floor[..., 2] // 4 + 150  # bluish, so that the disc's red tells it apart
    for number in range(24):
        frame = floor.copy()
        cv2.circle(frame, (16 + 5 * number, 48), 12, (225, 40, 30), -1, cv2.LINE_AA)
        frames.append(frame)
    silent, path = tmp_path / "silent.mp4", tmp_path / "film.mp4"
    write_animation(silent, frames, fps=Fraction(12))
    command = (FFMPEG, "-v", "error", "-y", "-i", silent, "-f", "lavfi", "-i", "sine=440:duration=2")
    subprocess.run([*command, "-c:v", "copy", "-c:a", "aac", path], check=True)
    return path


def test_a_film_is_as_long_as_its_ramp_says_and_sound_is_left_out_in_one_line(animi, film, tmp_path):
    out, points = tmp_path / "out.mp4", [(0, 1), (1, 0.5), (2, 1)]
    words = ("interpolate", film, "--engine", "flow", "--ramp", "0:1 1:0.5 2:1", "--fps", 12, "-o", out, "--json")
    result = animi(*words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    length = integrate(points, 2.0)
    assert told["seconds"] == pytest.approx(length, abs=1 / 12) and told["frames"] == pytest.approx(12 * length, abs=1)
    assert sum("sound is left out" in note for note in told["notes"]) == 1
    made = open_film(out)
    assert made.timing.count == told["frames"] and not [s for s in made.streams if s.kind == "audio"]
    assert float(made.timing.end) == pytest.approx(length, abs=0.09)
    # the disc is where it was at that time of the old film
    for number, frame in enumerate(decode_video(probe_video(out))):
        red = (frame.pixels[..., 0].astype(int) - frame.pixels[..., 1] > 90) & (frame.pixels[..., 2] < 110)
        time = Ramp(points).to_old(number / 12)
        if 0.2 < time < 1.8:
            assert np.nonzero(red)[1].mean() == pytest.approx(16 + 60 * time, abs=3), number


def test_speeds_of_a_gif_too(animi, film, tmp_path):
    words = ("interpolate", film, "--engine", "blend", "--ramp", "0:2", "--fps", 12, "-o", tmp_path / "out.gif")
    assert json.loads(animi(*words, "--json").stdout)["frames"] == 12


def test_a_run_with_a_ramp_resumes_to_the_same_bytes(film, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 8)
    more = {"engine": "flow", "ramp": "0:1 1:0.5"}
    whole = interpolate_film(InterpolateFilmConfig(film, tmp_path / "whole.mp4", **more))

    def interrupt(done, total):
        if done == 29:
            raise KeyboardInterrupt

    config = InterpolateFilmConfig(film, tmp_path / "part.mp4", **more, resume=True)
    with pytest.raises(KeyboardInterrupt):
        interpolate_film(config, interrupt)
    resumed = interpolate_film(config)
    assert resumed.resumed and resumed.frames == whole.frames
    assert (tmp_path / "part.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_ramp_is_for_films(animi, key_frames, tmp_path):
    result = animi("interpolate", *key_frames, "--ramp", "0:1", "-o", tmp_path / "out.gif")
    assert result.exit_code == 2 and "--ramp: is for films" in result.stderr
