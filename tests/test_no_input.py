"""An input is never an output's place: every command that reads and writes, by every name for the same file."""

import json
import os
import shutil
from fractions import Fraction

import numpy as np
import pytest
import torch

from animi.core.media.encode import write_video
from animi.core.media.image_files import write_png
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.refinement import Refinement, RefinementConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What the commands read."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(5)
    pictures = [rng.integers(0, 256, (32, 32, 3)).astype(np.uint8) for _ in range(9)]
    (folder / "frames").mkdir()
    for number, picture in enumerate(pictures):
        write_png(folder / "frames" / f"{number}.png", picture)
    for name in ("a.png", "b.png"):
        write_png(folder / name, pictures[name == "b.png"])
    write_video(folder / "film.mp4", iter(pictures), fps=Fraction(12), size=(32, 32))
    (folder / "sheet.csv").write_text("drawing,hold,inbetweens\na.png,1,2\nb.png,1\n")
    torch.manual_seed(0)
    save_checkpoint(
        folder / "fine.safetensors", Refinement(RefinementConfig(2, 1)), "refinement", RefinementConfig(2, 1)
    )
    for name, of in (("hints.json", {"keys": [0, 1]}), ("film-hints.json", {"at": [0.1, 0.2]})):
        shutil.copy(folder / "a.png", folder / f"{name[:-5]}-still.png")
        shutil.copy(folder / "a.png", folder / f"{name[:-5]}-apart.png")
        masks = {"still": f"{name[:-5]}-still.png", "apart": [["b.png", f"{name[:-5]}-apart.png"]]}
        (folder / name).write_text(json.dumps({"version": 1, "pairs": [of | masks]}))
    config = NoiseGeneratorConfig(64, 5, 4)
    save_checkpoint(folder / "noise.safetensors", NoiseGenerator(config), "noise-sle", config)
    (folder / "run" / "samples").mkdir(parents=True)
    (folder / "run" / "config.json").write_text(json.dumps({"command": "train-noise", "config": {}}))
    (folder / "run" / "metrics.jsonl").write_text('{"step": 1, "loss": 1.0}\n')
    return folder


COMMANDS = {
    "key frames": ("interpolate a.png b.png", "a.png", ".png"),
    "a folder of key frames": ("interpolate frames", "frames/3.png", ".png"),
    "key frames as a gif": ("interpolate a.png b.png", "b.png", ".gif"),
    "the sheet": ("interpolate a.png b.png --sheet sheet.csv", "sheet.csv", ".gif"),
    "a film": ("interpolate film.mp4 --engine blend", "film.mp4", ".mp4"),
    "a film as a gif": ("interpolate film.mp4 --engine blend", "film.mp4", ".gif"),
    "a network": ("interpolate a.png b.png --checkpoint noise.safetensors", "noise.safetensors", ".gif"),
    "a film's network": ("interpolate film.mp4 --checkpoint noise.safetensors", "noise.safetensors", ".mp4"),
    "hints": ("interpolate a.png b.png --hints hints.json", "hints.json", ".gif"),
    "a mask of hints": ("interpolate a.png b.png --hints hints.json", "hints-still.png", ".png"),
    "a part's mask": ("interpolate a.png b.png --part hints-still.png=ease-in", "hints-still.png", ".png"),
    "a film's hints": ("interpolate film.mp4 --hints film-hints.json", "film-hints.json", ".mp4"),
    "a mask of a film's hints": ("interpolate film.mp4 --hints film-hints.json", "film-hints-apart.png", ".png"),
    "clips": ("preview-clips frames --length 3", "frames/5.png", ".png"),
    "a page": ("report run", "run/metrics.jsonl", ".html"),
    "a page of settings": ("report run", "run/config.json", ".html"),
    "a walk": ("sample noise.safetensors -n 2", "noise.safetensors", ".gif"),
    "a grid": ("sample noise.safetensors -n 2", "noise.safetensors", ".png"),
    "figures": ("evaluate blend frames --metrics psnr", "frames/2.png", ".json"),
}


def ways(target, folder, suffix):
    """Names by which an output is that file."""
    link, hard = folder / f"link{suffix}", folder / f"hard{suffix}"
    link.symlink_to(target)
    found = [link]
    if suffix != ".json":  # the other name of a file in a folder may be replaced: that in the folder stays
        os.link(target, hard)
        found.append(hard)
    if target.suffix == suffix:
        found += [target, target.parent / ".." / target.parent.name / target.name]
    return found


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_output_is_an_input(given, tmp_path, monkeypatch, animi, kind):
    shutil.copytree(given, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    words, name, suffix = COMMANDS[kind]
    target = tmp_path / "here" / name
    words = words.split()
    option = "--json" if words[0] == "evaluate" else "-o"
    before = {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()}
    for output in ways(target, tmp_path, suffix):
        for more, found in (((), "exists already"), (("--overwrite",), "which would be lost")):
            result = animi(*words, option, output, *more)
            assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output
            assert found in result.stderr or "which would be lost" in result.stderr, result.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("interpolate", "frames"), "frames"),
        (("interpolate", "frames/1.png", "frames/2.png"), "frames/"),
        (("refine", "frames", "--checkpoint", "fine.safetensors"), "frames"),
        (("refine", "a.png", "--checkpoint", "nets/fine.safetensors"), "nets"),
        (("refine", "a.png", "--checkpoint", "fine.safetensors", "--first", "nets/a.png", "--last", "b.png"), "nets"),
        (("sample", "nets/noise.safetensors", "-n", "2"), "nets"),
        (("interpolate", "nets/film.mp4", "--engine", "blend"), "nets"),
    ],
)
def test_a_folder_that_holds_an_input(given, tmp_path, monkeypatch, animi, words, output):
    shutil.copytree(given, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "nets").mkdir()
    for name in ("a.png", "fine.safetensors", "noise.safetensors", "film.mp4"):
        shutil.copy(name, f"nets/{name}")
    (tmp_path / "link").symlink_to(tmp_path / "here" / output)
    before = {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()}
    for place in (output, f"./frames/../{output}", tmp_path / "link", tmp_path / "here" / output):
        result = animi(*words, "-o", place, "--overwrite")
        assert result.exit_code == 1 and result.stderr.count("\n") == 1, result.output
        assert "would be lost" in result.stderr, result.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "here").rglob("*") if path.is_file()} == before


def test_an_animated_picture_as_its_own_folder(given, tmp_path, animi):
    """`animi interpolate keys/000.png -o keys --overwrite`, where the picture moves and so is a film."""
    keys = tmp_path / "keys"
    result = animi(
        "interpolate", given / "a.png", given / "b.png", "-n", "3", "--engine", "blend", "-o", tmp_path / "x.png"
    )
    assert result.exit_code == 0
    keys.mkdir()
    (tmp_path / "x.png").rename(keys / "000.png")
    data = (keys / "000.png").read_bytes()
    result = animi("interpolate", keys / "000.png", "-o", keys, "--overwrite", "--engine", "blend")
    assert result.exit_code == 1 and "keys: holds the film 000.png, which would be lost" in result.stderr
    assert [path.name for path in keys.iterdir()] == ["000.png"] and (keys / "000.png").read_bytes() == data


def test_what_is_no_input_may_lie_beside_them(given, tmp_path, monkeypatch, animi):
    shutil.copytree(given, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for words in (
        ("interpolate", "a.png", "b.png", "-n", "3", "--engine", "blend", "-o", "frames/new.gif"),
        ("report", "run", "-o", "run/report.html"),
        ("evaluate", "blend", "frames", "--metrics", "psnr", "--html", "frames/page.html"),
    ):
        for more in ((), ("--overwrite",)):
            assert animi(*words, *more).exit_code == 0, words
