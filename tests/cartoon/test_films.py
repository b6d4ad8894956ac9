import itertools
import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.cartoon import films
from animi.core.cartoon.composition import SCENES
from animi.core.cartoon.films import PROGRAMME, draw_cartoon, plan_film
from animi.core.config.material import DrawCartoonConfig
from animi.core.errors import ConfigError, OutputError

DEMO = Path(__file__).parents[2] / "demo"
SMALL = ("--size", "96x64")


def run(*words):
    return CliRunner().invoke(app, ["draw-cartoon", *map(str, words)])


def test_a_video_has_the_frames_and_the_size_asked_for(tmp_path):
    out = tmp_path / "film.mp4"
    result = run(out, "--seconds", "1.5", "--fps", "12", *SMALL)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    assert result.stderr == ""
    frames = imageio_ffmpeg.read_frames(str(out))
    header = next(frames)
    assert header["size"] == (96, 64) and header["fps"] == 12
    pictures = [np.frombuffer(frame, np.uint8) for frame in frames]
    assert len(pictures) == 18
    assert np.abs(pictures[0].astype(int) - pictures[9]).mean() > 2


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run(tmp_path / name, "--seed", seed, "--seconds", "0.3", *SMALL).exit_code == 0
    files = [sorted((tmp_path / name).iterdir()) for name in "abc"]
    assert len(files[0]) == 7 and [path.name for path in files[0]] == [path.name for path in files[1]]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(files[0], files[1], strict=True))
    assert all(a.read_bytes() != c.read_bytes() for a, c in zip(files[0], files[2], strict=True))


def test_shots_are_told_and_the_picture_changes_at_the_cuts_only(tmp_path):
    out = tmp_path / "film"
    result = run(out, "--seconds", "5", "--seed", "2", "--json", *SMALL)
    told = json.loads(result.stdout)
    assert told["out"] == str(out) and told["frames"] == 120
    shots = told["shots"]
    assert len(shots) >= 3 and shots[0]["seed"] == 2 and shots[0]["start"] == 0
    assert [shot["scene"] for shot in shots] == [PROGRAMME[n % len(PROGRAMME)] for n in range(len(shots))]
    assert all(a["start"] + a["frames"] == b["start"] for a, b in zip(shots, [*shots[1:], {"start": 120}], strict=True))
    pictures = [np.asarray(Image.open(path)).astype(int) for path in sorted(out.iterdir())]
    change = np.array([np.abs(a - b).mean() for a, b in itertools.pairwise(pictures)])
    cuts = [shot["start"] - 1 for shot in shots[1:]]
    assert change[cuts].min() > 1.5 * np.delete(change, cuts).max()


def test_drawings_are_held_on_twos_while_the_camera_moves():
    film = plan_film(DrawCartoonConfig(Path("x.mp4"), scene="stickers", seed=1, seconds=1, width=96, height=64))
    frames = [film.draw(number) for number in range(6)]  # the camera of this kind of scene stands still
    assert np.array_equal(frames[0], frames[1]) and np.array_equal(frames[2], frames[3])
    assert not np.array_equal(frames[1], frames[2])
    ones = replace(film, hold=1)
    assert not np.array_equal(ones.draw(0), ones.draw(1))
    chase = plan_film(DrawCartoonConfig(Path("x.mp4"), scene="chase", seed=1, seconds=1, width=96, height=64))
    assert not np.array_equal(chase.draw(0), chase.draw(1))


def test_a_still_is_the_moment_asked_for(tmp_path):
    out = tmp_path / "still.png"
    assert run(out, "--scene", "chase", "--seed", "5", "--at", "0.5", *SMALL).exit_code == 0
    with Image.open(out) as picture:
        still = np.asarray(picture)
        assert getattr(picture, "n_frames", 1) == 1
    film = plan_film(DrawCartoonConfig(out, scene="chase", seed=5, width=96, height=64, hold=1))
    assert np.array_equal(still, film.draw(12))  # of 24 a second


@pytest.mark.parametrize("name", ["cat-a.png", "cat-b.png"])
def test_the_demo_is_drawn_by_the_command_that_its_readme_tells(name, tmp_path):
    lines = (DEMO / "README.md").read_text(encoding="utf-8").splitlines()
    words = next(line for line in lines if line.strip().startswith("animi draw-cartoon") and name in line).split()
    out = tmp_path / name
    assert run(out, *words[3:]).exit_code == 0
    drawn, kept = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (out, DEMO / name))
    # another processor may round a vertex the other way, which shows at a few pixels of an edge
    assert (np.abs(drawn - kept).max(-1) > 40).mean() < 0.002


def test_the_demo_is_small():
    assert sum((DEMO / name).stat().st_size for name in ("cat-a.png", "cat-b.png")) < 200_000


def test_the_truth_is_written_for_the_pairs_asked_for(tmp_path):
    out, truth = tmp_path / "x.gif", tmp_path / "truth"
    result = run(out, "--seconds", "0.5", "--truth", truth, "--pairs", "0.1:0.2,0.4:0.15", *SMALL)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n{truth}\n"
    files = sorted(truth.iterdir())
    assert [path.name for path in files] == ["pair-0000.npz", "pair-0001.npz"]
    with np.load(files[0]) as told:
        assert told["times"].tolist() == [0.1, 0.2]
        assert told["first"].shape == told["last"].shape == (64, 96, 3)
        assert told["forward"].shape == told["backward"].shape == (64, 96, 2)
        assert np.abs(told["forward"]).max() > 1
        for way in ("forward", "backward"):
            for mask in ("visible", "observable"):
                assert told[f"{way}_{mask}"].shape == (64, 96) and told[f"{way}_{mask}"].dtype == bool
        assert 0.005 < told["first_lines"].mean() < 0.4 and told["last_lines"].any()
        y, x = np.nonzero(told["forward_visible"])
        spot = np.floor(np.stack([x, y], 1) + 0.5 + told["forward"][y, x]).astype(int)
        error = np.abs(told["first"][y, x].astype(int) - told["last"][spot[:, 1], spot[:, 0]]).mean(-1)
        plain = np.abs(told["first"].astype(int) - told["last"]).mean(-1)
        assert np.median(error) <= 1 and error.mean() < 0.5 * plain[y, x].mean()


def test_without_pairs_the_truth_joins_the_frames_of_each_shot(tmp_path):
    config = DrawCartoonConfig(
        tmp_path / "f", seconds=0.25, width=32, height=24, truth=tmp_path / "t", fps=Fraction(16)
    )
    drawn = draw_cartoon(config)
    assert drawn.frames == 4 and len(drawn.truth) == 3
    assert all(path.is_file() for path in drawn.truth)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scene", "opera"], "--scene: opera is not known; give one of film, chase"),
        (["--style", "cubist"], "--style: cubist is not known; give one of house"),
        (["--seed", "-1"], "--seed: -1 is out of range; give a whole number from 0"),
        (["--seconds", "0"], "--seconds: 0 is out of range"),
        (["--fps", "fast"], "--fps: 'fast' is no rate"),
        (["--fps", "24/0"], "--fps: '24/0' is no rate"),
        (["--fps", "1e400"], "--fps: '1e400' is no rate"),
        (["--fps", "1e999999999"], "--fps: '1e999999999' is no rate"),
        (["--size", "1" * 5000], "--size: '1111"),
        (["--size", "1" * 5000 + "x5"], "--size: '1111"),
        (["--hold", "1" * 5000], "invalid value for '--hold'"),
        (["--seconds", "1e400"], "--seconds: inf is out of range"),
        (["--truth", "t", "--pairs", "0:1e400"], "--pairs: 0:1e400 is no list of pairs"),
        (["--fps", "-5"], "--fps: -5 is out of range"),
        (["--hold", "0"], "--hold: 0 is out of range"),
        (["--size", "big"], "--size: 'big' cannot be read; give WIDTHxHEIGHT"),
        (["--size", "8x8"], "--size: 8x8 is out of range"),
        (["--size", "2000x100"], "--size: 2000x100 is wider than the scenes"),
        (["--fine", "2"], "--fine: 2 cannot be used"),
        (["--size", "4096x2160", "--fine", "7"], "--fine: 7 is too much work for 4096x2160 pixels"),
        (["--at", "99"], "--at: 99 s is outside"),
        (["--at", "1"], "--at: one moment is written as a PNG"),
        (["--pairs", "0.1:0.2"], "--pairs: has no folder"),
        (["--truth", "t", "--pairs", "0.1"], "--pairs: 0.1 is no list of pairs"),
        (["--truth", "t", "--pairs", "0.1:99"], "--pairs: 99 s is outside the film"),
        (["--truth", "t", "--pairs", "0:6"], "lies between 0 and 6; give moments of one shot"),
    ],
)
def test_wrong_usage_is_one_line_that_names_the_option(words, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("x.mp4", *words)
    assert result.exit_code == 2, result.output
    assert says in result.stderr and result.stderr.count("\n") == 1 and result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_stands_there_is_kept_unless_told_otherwise(tmp_path):
    out = tmp_path / "film.gif"
    out.write_bytes(b"mine")
    result = run(out, "--seconds", "0.2", *SMALL)
    assert result.exit_code == 1 and "--overwrite" in result.stderr and out.read_bytes() == b"mine"
    assert run(out, "--seconds", "0.2", "--overwrite", *SMALL).exit_code == 0
    assert out.read_bytes().startswith(b"GIF")
    truth = tmp_path / "truth"
    truth.mkdir()
    (truth / "notes.txt").write_text("mine")
    result = run(tmp_path / "new.gif", "--seconds", "0.2", "--truth", truth, *SMALL)
    assert result.exit_code == 1 and not (tmp_path / "new.gif").exists()
    assert (truth / "notes.txt").read_text() == "mine"
    # nor is what others have put there, whatever was said
    for words in (("--overwrite",), ("--overwrite", "--at", "0.1")):
        target = tmp_path / ("new.png" if "--at" in words else "new.gif")
        result = run(target, "--seconds", "0.2", "--truth", truth, *words, *SMALL)
        assert result.exit_code == 1 and "notes.txt, which is no file of a pair's motion" in result.stderr
        assert not target.exists() and (truth / "notes.txt").read_text() == "mine"
    result = run(truth / "new.gif", "--seconds", "0.2", "--truth", truth, "--overwrite", *SMALL)
    assert result.exit_code == 1 and "the cartoon goes there" in result.stderr


def test_progress_is_reported_frame_by_frame(tmp_path):
    seen = []
    config = DrawCartoonConfig(tmp_path / "f", seconds=0.25, width=32, height=24)
    draw_cartoon(config, lambda drawn, total: seen.append((drawn, total)))
    assert seen == [(number, 6) for number in range(1, 7)]


def test_an_unknown_suffix_is_rejected_before_anything_is_drawn(tmp_path):
    with pytest.raises(OutputError, match=r"x\.xyz"):
        draw_cartoon(DrawCartoonConfig(tmp_path / "x.xyz"), lambda drawn, total: pytest.fail("drawn"))


def test_every_scene_makes_a_film_and_the_help_names_it():
    shown = run("--help").stdout
    for scene in SCENES:
        assert scene in shown
        film = plan_film(DrawCartoonConfig(Path("x.mp4"), scene=scene, seconds=4, subtitles=True, seed=1))
        assert film.frames == 96 and len(film.shots) > 1 and any(shot.title for shot in film.shots)
        assert min(shot.frames for shot in film.shots) >= 8


def test_a_long_film_keeps_only_the_scenes_at_hand():
    film = plan_film(DrawCartoonConfig(Path("x.mp4"), seconds=600, width=32, height=24))
    assert len(film.shots) > 250
    assert all(film.find_shot(shot.start) is shot for shot in film.shots)
    assert all(film.find_shot(shot.start + shot.frames - 1) is shot for shot in film.shots)
    for shot in film.shots[:8]:
        film.draw(shot.start)
    assert films._compose_shot.cache_info().currsize <= 2


def test_a_pair_across_a_cut_is_rejected():
    film = plan_film(DrawCartoonConfig(Path("x.mp4"), seconds=6))
    cut = film.shots[1].start / 24
    with pytest.raises(ConfigError, match="a cut at"):
        film.find_truth(cut - 1 / 24, cut)
    assert film.find_pair(cut, cut + 1 / 24) is film.shots[1]


def test_the_program_itself_draws(tmp_path):
    program = Path(sys.executable).with_name("animi")
    out = tmp_path / "still.png"
    done = subprocess.run([program, "draw-cartoon", out, "--at", "0.2", *SMALL], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{out}\n", "")
    assert Image.open(out).size == (96, 64)
