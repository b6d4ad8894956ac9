"""Hints of films: they act between the two drawings that they name by their times, and nowhere else."""

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.errors import InputError, OutputError
from animi.core.films import segmenting
from animi.core.films.interpolation import interpolate_film
from animi.core.media.animation import write_animation
from animi.core.media.image_files import read_image, write_png

RED = (225, 40, 30)


@pytest.fixture
def film(tmp_path):
    """A disc that moves by 8 pixels a frame, as a GIF of 10 frames a second."""
    blotches = np.random.default_rng(7).uniform(60, 200, (12, 20, 3)).astype(np.float32)
    floor = np.clip(cv2.resize(blotches, (160, 96), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    floor[..., 2] = floor[..., 2] // 4 + 150
    frames = [cv2.circle(floor.copy(), (30 + 8 * k, 48), 12, RED, -1) for k in range(8)]
    write_animation(tmp_path / "film.png", frames, fps=Fraction(10))
    return tmp_path / "film.png"


def write_hints(folder, at, tracks):
    path = folder / "hints.json"
    path.write_text(json.dumps({"version": 1, "pairs": [{"at": at, "tracks": tracks}]}))
    return path


def find_top(frame):
    """The first row of the disc, of a radius of 12: where it was at both ends, nothing shows what is behind it."""
    return np.nonzero((np.abs(frame[..., :3].astype(int) - RED).sum(2) < 60).any(1))[0][0]


def test_a_path_is_followed_between_the_drawings_that_it_is_of(animi, film, tmp_path):
    words = ("interpolate", film, "--engine", "flow", "-o")
    hints = write_hints(tmp_path, [0.3, 0.4], [[[54, 48], [58, 28], [62, 48]]])
    result = animi(*words, tmp_path / "out", "--hints", hints, "--json")
    assert result.exit_code == 0, result.output
    assert not any("no effect" in note for note in json.loads(result.stdout)["notes"])
    assert animi(*words, tmp_path / "plain").exit_code == 0
    frames, plain = (
        [read_image(path) for path in sorted((tmp_path / name).glob("*.png"))] for name in ("out", "plain")
    )
    assert len(frames) == len(plain) >= 15
    assert find_top(plain[7]) == pytest.approx(36, abs=1) and find_top(frames[7]) == pytest.approx(16, abs=1)
    assert all(np.array_equal(*both) for k, both in enumerate(zip(frames, plain, strict=True)) if k != 7)


def test_hints_of_drawings_that_do_not_follow_each_other_are_named(animi, film, tmp_path):
    hints = write_hints(tmp_path, [0.31, 0.6], [[[54, 48], [62, 48]]])
    result = animi("interpolate", film, "--engine", "flow", "-o", tmp_path / "out.gif", "--hints", hints, "--json")
    notes = [note for note in json.loads(result.stdout)["notes"] if "no effect" in note]
    assert len(notes) == 1 and "between drawings at 0.31 and 0.6 s" in notes[0]


@pytest.mark.parametrize(
    ("pair", "more", "found"),
    [
        ({"keys": [0, 1], "tracks": []}, (), 'pair 0: needs "at"'),
        ({"at": [0.4, 0.3], "tracks": []}, (), 'pair 0: needs "at"'),
        ({"at": [0.3, 0.4], "tracks": [[[54, 48], "x"]]}, (), "pair 0, track 0: is no list of points"),
        ({"at": [0.3, 0.4], "parts": [{}]}, (), "parts are for key frames"),
        ({"at": [0.3, 0.4], "tracks": [[[5400, 48], [62, 48]]]}, (), "5400,48 is outside the 160x96 picture"),
        ({"at": [0.3, 0.4], "tracks": []}, ("--engine", "blend"), "--hints: blend draws without motion"),
        ({"at": [0.3, 0.4], "tracks": []}, ("--pixel-art",), "--hints: does not go with --pixel-art"),
    ],
)
def test_what_cannot_be_used_is_one_line(animi, film, tmp_path, pair, more, found):
    (tmp_path / "hints.json").write_text(json.dumps({"version": 1, "pairs": [pair]}))
    words = ("interpolate", film, "--hints", tmp_path / "hints.json", "-o", tmp_path / "out.gif")
    result = animi(*words, *(more if "--engine" in more else ("--engine", "flow", *more)))
    assert result.exit_code in (1, 2) and found in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out.gif").exists()


def test_a_resumed_run_knows_when_a_mask_has_changed(film, tmp_path, monkeypatch):
    monkeypatch.setattr(segmenting, "SEGMENT", 4)
    mask = np.zeros((96, 160, 1), np.uint8)
    mask[20:56] = 255
    write_png(tmp_path / "still.png", mask)
    (tmp_path / "hints.json").write_text('{"version": 1, "pairs": [{"at": [0.0, 0.1], "still": "still.png"}]}')
    output = tmp_path / "out.mkv"

    def run(stop=None):
        def interrupt(done, total):
            if done == stop:
                raise KeyboardInterrupt

        config = InterpolateFilmConfig(
            film, output, engine="flow", hints=tmp_path / "hints.json", resume=output.exists() or bool(stop)
        )
        return interpolate_film(config, interrupt)

    with pytest.raises(KeyboardInterrupt):
        run(stop=13)
    with pytest.raises(KeyboardInterrupt):
        run(stop=14)  # the same mask: what is done is kept
    write_png(tmp_path / "still.png", mask[::-1])
    with pytest.raises(OutputError, match="--resume"):
        run(stop=15)
    (tmp_path / "still.png").unlink()
    with pytest.raises(InputError, match=r"still\.png: there is no such file"):
        run(stop=15)
