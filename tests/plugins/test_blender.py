"""The Blender add-on, in `blender -b`."""

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from animi.core.api import EASINGS, ENGINES, InbetweenedFilm, interpolate
from animi.core.media.image_files import list_images, read_image, write_png

ROOT = Path(__file__).parents[2]
ADDON = ROOT / "plugins/blender/animi_inbetweens.py"
needs_blender = pytest.mark.skipif(
    not shutil.which("blender"), reason="Blender is not installed (apt-get install blender)"
)
SIZE = (120, 80)


def run(tmp_path, command, settings, **job):
    """Lets Blender do a job, and gives what it found."""
    job |= {"addon": str(ADDON), "command": command, "settings": {"engine": "flow", "folder": str(tmp_path)} | settings}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"BLENDER_USER_SCRIPTS": str(tmp_path / "scripts"), "BLENDER_USER_CONFIG": str(tmp_path / "config")}
    driver = Path(__file__).with_name("blender_driver.py")
    done = subprocess.run(
        ["blender", "-b", "--factory-startup", "--python-exit-code", "3", "--python", driver, "--", json.dumps(job)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("FOUND "))


def read_film(path):
    words = ["-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *words], capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)


@pytest.fixture
def drawings(draw_disc):
    return [draw_disc(30 + 6 * k, 40, SIZE, 12) for k in range(10)]


@pytest.fixture
def film(tmp_path, drawings):
    """Ten frames at 12 a second."""
    path = tmp_path / "film.mp4"
    source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "120x80", "-r", "12", "-i", "-")
    coding = ("-c:v", "libx264", "-crf", "4", "-pix_fmt", "yuv444p")
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coding, path],
        input=b"".join(frame.tobytes() for frame in drawings),
        check=True,
    )
    return path


@needs_blender
def test_an_image_sequence(tmp_path, command, drawings):
    paths = [tmp_path / f"walk-{k}.png" for k in range(3)]
    for path, drawing in zip(paths, drawings, strict=False):
        write_png(path, drawing)
    found = run(tmp_path, command, {"factor": 3, "spacing": "ease-in"}, images=list(map(str, paths)))
    assert found["can"] and found["ended"] == ["FINISHED"] and found["gone"]
    new = found["strips"][1]
    assert (new["type"], new["channel"], new["start"], new["length"]) == ("IMAGE", 2, 10, 7)
    made = [read_image(path) for path in list_images(Path(new["file"]))]
    for frame, wanted in zip(made, interpolate(drawings[:3], 4, spacing="ease-in", engine="flow"), strict=True):
        assert np.array_equal(frame, wanted)


@needs_blender
@pytest.mark.parametrize(
    ("settings", "trim", "length", "shown"),
    [
        ({"factor": 2}, (0, 0), 20, slice(0, 10)),
        ({"factor": 2}, (3, 2), 10, slice(3, 8)),
        ({"rate": "SCENE"}, (0, 0), 20, slice(0, 10)),
    ],
)
def test_a_movie(tmp_path, command, film, drawings, settings, trim, length, shown):
    found = run(tmp_path, command, settings, film=str(film), trim=trim)
    assert found["ended"] == ["FINISHED"]
    new = found["strips"][1]
    assert (new["type"], new["channel"], new["start"], new["length"]) == ("MOVIE", 2, 10 + trim[0], length)
    made = read_film(new["file"])
    wanted = InbetweenedFilm(drawings[shown], 2, rate=12, engine="flow")
    assert len(made) == len(wanted) == length
    for number, frame in enumerate(made):
        assert np.abs(frame.astype(int) - wanted[number]).mean() < 4, number  # encoded twice


@needs_blender
def test_what_goes_wrong_is_said(tmp_path, command, film, drawings):
    assert "cannot be started" in run(tmp_path, "/nowhere/animi", {}, film=str(film))["message"]
    write_png(tmp_path / "one.png", drawings[0])
    assert "shows only one image" in run(tmp_path, command, {}, images=[str(tmp_path / "one.png")])["message"]
    write_png(tmp_path / "other.png", drawings[1][1:])
    images = [str(tmp_path / "one.png"), str(tmp_path / "other.png")]
    found = run(tmp_path, command, {}, images=images)
    assert "make them one size" in found["message"] and len(found["strips"]) == 1
    assert "Save the .blend file first" in run(tmp_path, command, {"folder": "//animi/"}, film=str(film))["message"]


def test_its_choices_are_animis():
    """It runs in Blender's Python, which knows nothing of animi."""
    lists = [
        ast.literal_eval(node.generators[0].iter)
        for node in ast.walk(ast.parse(ADDON.read_text(encoding="utf-8")))
        if isinstance(node, ast.ListComp) and isinstance(node.generators[0].iter, ast.Tuple)
    ]
    assert lists == [EASINGS, ENGINES]
