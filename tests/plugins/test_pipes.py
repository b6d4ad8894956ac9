"""The recipes of docs/plugins.md for ffmpeg and mpv, as they stand there."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from animi.core.media.probe import probe_film

ROOT = Path(__file__).parents[2]
RECIPES = re.findall(r"^```sh\n(.*?)\n```$", (ROOT / "docs/plugins.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def place(tmp_path):
    """A folder with film.mkv, a second of picture and sound, and the programs that the recipes name."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    animi = programs / "animi"
    animi.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "from animi.cli.main import run; run()" "$@" --engine flow\n'
    )
    animi.chmod(animi.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "mpv.conf").write_text("vo=null\nao=null\n")
    source = ["-f", "lavfi", "-i", "testsrc=s=128x96:r=12:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    source += ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([programs / "ffmpeg", "-v", "error", *source, tmp_path / "film.mkv"], check=True)
    return tmp_path


def run(place, recipe):
    environment = os.environ | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "MPV_HOME": str(place)}
    words = ["bash", "-o", "pipefail", "-c", recipe]
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def count_frames(path):
    words = ["-v", "error", "-i", path, "-map", "0:v", "-f", "framecrc", "-"]
    said = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *words], capture_output=True, text=True, check=True).stdout
    return sum(not line.startswith("#") for line in said.splitlines())


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if "mpv" not in recipe])
def test_recipes_of_ffmpeg(place, recipe):
    run(place, recipe)
    made = next(place.glob("smooth.*"))
    assert count_frames(made) == 24 and probe_film(made).rate == 24
    assert any(stream.kind == "audio" for stream in probe_film(made).beside) == (made.suffix == ".mkv")


@pytest.mark.skipif(not shutil.which("mpv"), reason="mpv is not installed (apt-get install mpv)")
@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if "mpv" in recipe])
def test_recipes_of_mpv(place, recipe):
    told = run(place, recipe.replace("--really-quiet", "--msg-level=all=status"))
    last = [line for line in re.split(r"[\r\n]+", told.stdout + told.stderr) if "V:" in line][-1]
    assert "00:00:00 / " in last or "00:00:01" in last


def test_there_are_recipes_of_both():
    assert len(RECIPES) == 3 and sum("mpv" in recipe for recipe in RECIPES) == 1
