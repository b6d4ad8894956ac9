"""GIF, WebP and APNG as films: a delay for each picture, as browsers play them, and ends that lead to beginnings."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from animi.core.media.film_source import open_film, read_frames
from animi.core.media.moving import read_animation
from animi.core.media.probe import probe_film

SIZE = (96, 64)
OUTPUTS = (".gif", ".webp", ".png")


def draw(number, count=8, shade=0):
    """A hand that goes round in `count` steps: the last leads to the first."""
    frame = np.full((SIZE[1], SIZE[0], 3), (200, 225, 245), np.uint8)
    angle = 2 * np.pi * number / count
    tip = (int(48 + 22 * np.sin(angle)), int(32 - 22 * np.cos(angle)))
    cv2.line(frame, (48, 32), tip, (30, 20, 20), 5)
    cv2.circle(frame, tip, 7, (220, 60, 40), -1)
    return frame if not shade else 255 - frame


def make(path, delays, frames=None, **how):
    """An animation with these delays in milliseconds, which loops for ever unless that is said."""
    frames = [draw(k, len(delays)) for k in range(len(delays))] if frames is None else frames
    images = [Image.fromarray(frame) for frame in frames]
    if path.suffix == ".gif":
        images = [image.quantize(64) for image in images]
    kind = {".gif": {}, ".webp": {"lossless": True}, ".png": {"format": "PNG"}}[path.suffix]
    how = {"loop": 0} | kind | how
    if how["loop"] is None:
        del how["loop"]
    images[0].save(path, save_all=True, append_images=images[1:], duration=delays, **how)
    return path


def run(animi, *words):
    result = animi("interpolate", *words, "--engine", "flow", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def starts(path):
    """When the pictures of an animation are shown, in milliseconds, and then when the last has been."""
    found = read_animation(path)
    return [round(float(stamp * found.tick * 1000)) for stamp in (*found.stamps, found.stamps[-1] + found.last)]


def read(path):
    return np.stack([pixels for _, pixels in read_frames(open_film(path))]).astype(int)


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_delays_of_each_picture_are_kept(animi, tmp_path, suffix):
    """The poses at both ends stand, and move just before the next drawing; all drawings keep their times."""
    delays = [400, 80, 80, 80, 80, 400]
    film = make(tmp_path / f"v{suffix}", delays, loop=1 if suffix != ".gif" else None)
    out = tmp_path / f"o{suffix}"
    found = run(animi, film, "-o", out)
    times = starts(out)
    assert found["frames"] == 12 and times[-1] == 1120 and found["seconds"] == pytest.approx(1.12)
    assert times[:-1:2] == [0, 400, 480, 560, 640, 720]
    assert times[1] == 360 and times[3] == 440  # a step before the end of the pose, and half a step
    old, new = read(film), read(out)
    assert np.abs(new[::2] - old).mean() < 3
    assert not read_animation(out).loops


def test_delays_are_exchanged_between_formats_and_films(animi, tmp_path):
    film = make(tmp_path / "v.gif", [300, 80, 80, 80, 200, 400])
    for name in ("o.webp", "o.png"):
        run(animi, film, "-o", tmp_path / name)
        assert starts(tmp_path / name)[:-1:2] == [0, 300, 380, 460, 540, 740]
    run(animi, film, "-o", tmp_path / "o.mp4")
    assert float(probe_film(tmp_path / "o.mp4").duration) == pytest.approx(1.14, abs=0.01)
    result = animi("interpolate", film, "-o", tmp_path / "folder")
    assert result.exit_code == 2 and "--fps: " in result.stderr


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_the_last_pictures_hold_is_kept(animi, tmp_path, suffix):
    film = make(tmp_path / f"tail{suffix}", [100] * 7 + [1500])
    assert open_film(film).timing.end == pytest.approx(2.2)
    for out in (tmp_path / f"o{suffix}", tmp_path / "o.mkv"):
        assert run(animi, film, "-o", out)["seconds"] == pytest.approx(2.2)
    assert starts(tmp_path / f"o{suffix}")[-1] == 2200
    assert float(probe_film(tmp_path / "o.mkv").duration) == pytest.approx(2.2, abs=0.01)


@pytest.mark.parametrize("suffix", OUTPUTS)
@pytest.mark.parametrize(("delays", "seconds"), [([10] * 8, 0.8), ([100, 100, 0, 100, 100, 0, 100, 500], 1.2)])
def test_delays_that_are_too_short_are_played_as_browsers_do(animi, tmp_path, suffix, delays, seconds):
    film = make(tmp_path / f"one{suffix}", delays)
    found = run(animi, film, "-o", tmp_path / "o.mp4")
    assert found["seconds"] == pytest.approx(seconds) and found["fps"] == "20"
    assert len([note for note in found["notes"] if "as browsers do it" in note]) == 1


def test_delays_that_browsers_keep_are_kept(animi, tmp_path):
    for suffix in OUTPUTS:
        found = run(animi, make(tmp_path / f"two{suffix}", [20] * 8), "-o", tmp_path / f"o{suffix}.mp4")
        assert found["seconds"] == pytest.approx(0.16) and not found["notes"]


@pytest.mark.parametrize("suffix", OUTPUTS)
def test_what_loops_is_drawn_on_across_its_seam(animi, tmp_path, suffix):
    film, out = make(tmp_path / f"run{suffix}", [80] * 8), tmp_path / "o.webp"
    found = run(animi, film, "-o", out, "--factor", 3)
    assert found["frames"] == 24 and found["seconds"] == pytest.approx(0.64)
    assert read_animation(out).loops
    new = read(out)
    steps = [np.abs(a - b).mean() for a, b in zip(new, np.roll(new, -1, 0), strict=True)]
    assert min(steps) > 0.4 * np.median(steps) and max(steps) < 2.5 * np.median(steps), steps


def test_what_is_played_once_has_no_seam(animi, tmp_path):
    for suffix, how in ((".gif", None), (".webp", 1), (".png", 1)):
        film, out = make(tmp_path / f"once{suffix}", [80] * 8, loop=how), tmp_path / f"o{suffix}"
        run(animi, film, "-o", out)
        new = read(out)
        assert np.abs(new[-1] - new[-2]).mean() < 0.5 and not read_animation(out).loops


def test_a_loop_that_ends_in_a_cut_is_held(animi, tmp_path):
    rng = np.random.default_rng(4)
    other = cv2.resize(rng.integers(0, 255, (8, 12, 3)).astype(np.uint8), SIZE, interpolation=cv2.INTER_CUBIC)
    frames = [draw(k, 32) for k in range(8)] + [np.roll(other, 2 * k, 1) for k in range(8)]
    film, out = make(tmp_path / "cut.webp", [80] * 16, frames), tmp_path / "o.webp"
    run(animi, film, "-o", out)
    new = read(out)
    assert np.abs(new[-1] - new[-2]).max() == 0  # nothing is drawn from the last picture to the first


def test_films_loop_where_that_is_asked_for(animi, tmp_path):
    run(animi, make(tmp_path / "run.webp", [80] * 8), "-o", tmp_path / "run.mkv", "--codec", "ffv1", "--factor", 1)
    for words, still in (((), True), (("--loop",), False)):
        out = tmp_path / f"o{len(words)}.mkv"
        assert run(animi, tmp_path / "run.mkv", "-o", out, "--codec", "ffv1", *words)["frames"] == 16
        new = read(out)
        assert bool(np.abs(new[-1] - new[-2]).mean() < 0.5) is still
        if not still:
            assert np.abs(new[-1] - new[0]).mean() < 0.8 * np.abs(new[-2] - new[0]).mean()  # half way to the first
    result = animi("interpolate", tmp_path / "run.mkv", "-o", tmp_path / "p.mkv", "--loop", "--range", "0-0.3")
    assert result.exit_code == 2 and "--loop: needs the whole film" in result.stderr


def test_a_webp_that_stores_changes_with_alpha_is_opaque(tmp_path):
    """Encoders set the header's flag for pictures that are opaque when they are put together."""
    opaque = make(tmp_path / "opaque.webp", [20] * 8)
    assert opaque.read_bytes()[12:16] == b"VP8X" and opaque.read_bytes()[20] & 0x10
    assert not open_film(opaque).alpha
    frames = [np.dstack([draw(k), np.full(SIZE[::-1], 255 - 20 * (k == 7), np.uint8)]) for k in range(8)]
    assert open_film(make(tmp_path / "faint.webp", [20] * 8, frames)).alpha
