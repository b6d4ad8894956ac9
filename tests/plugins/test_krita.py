"""The Krita plugin, in Krita on a screen that nobody sees; a plugin of ours there works as a person would."""

import ast
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from animi.core.api import EASINGS, ENGINES, interpolate
from animi.core.media.image_files import read_image, write_png

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins/krita"
# Krita 5.1 crashes now and then while it imports pictures, and each test takes a minute: see plugins/krita/README.md
needs_krita = pytest.mark.skipif(
    not os.environ.get("ANIMI_TEST_KRITA")
    or not (shutil.which("krita") and shutil.which("Xvfb") and shutil.which("xvfb-run")),
    reason="needs ANIMI_TEST_KRITA=1, Krita and Xvfb (apt-get install krita python3-pyqt5 xvfb xauth)",
)
SIZE = (480, 320)


@pytest.fixture
def pictures(tmp_path, draw_disc):
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path, x in zip(paths, (120, 240, 360), strict=True):
        write_png(path, draw_disc(x, 160, SIZE, 48))
    return paths


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder with both plugins; one for all tests, as Krita fills a database at its first start."""
    home = tmp_path_factory.mktemp("home")
    plugins = home / "data/krita/pykrita"
    plugins.mkdir(parents=True)
    for folder in (PLUGIN, ROOT / "tests/plugins"):
        for path in folder.glob("*.desktop"):
            shutil.copy(path, plugins)
            shutil.copytree(folder / path.stem, plugins / path.stem)
    (home / "config").mkdir()
    enabled = "[python]\nenable_animi_inbetweens=true\nenable_krita_driver=true\n"
    (home / "config/kritarc").write_text(enabled)
    home.chmod(0o700)
    return home


def run(home, tmp_path, command, pictures, **job):
    """Lets Krita do a job, and gives what the driver has written down."""
    out = tmp_path / "out"
    out.mkdir()
    job = {"size": SIZE, "command": command, "pictures": list(map(str, pictures)), "out": str(out)} | job
    job["result"] = str(tmp_path / "result.json")
    (tmp_path / "job.json").write_text(json.dumps(job))
    places = {"HOME": home, "XDG_DATA_HOME": home / "data", "XDG_CONFIG_HOME": home / "config", "XDG_RUNTIME_DIR": home}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_"))}
    environment |= {name: str(place) for name, place in places.items()} | {
        "ANIMI_KRITA_JOB": str(tmp_path / "job.json"), "LC_ALL": "C.UTF-8", "LIBGL_ALWAYS_SOFTWARE": "1",
    }  # fmt: skip
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1280x900x24"]
    result = Path(job["result"])
    for _ in range(5):
        done = subprocess.run(
            [*screen, "krita", "--nosplash"], env=environment, capture_output=True, text=True, timeout=240
        )
        if result.exists() or "Segmentation fault" not in done.stderr:
            break
        # Krita 5.1's own import of an animation crashes now and then: it opens each picture in the place of the one
        # before, at which a thread may still be at work
    assert result.exists(), done.stderr[-2000:]
    found = json.loads(result.read_text())
    assert "error" not in found, found["error"]
    return found, {int(path.stem): read_image(path)[..., :3] for path in sorted(out.glob("*.png"))}


@needs_krita
def test_two_key_frames_of_a_layer_become_an_animation(home, tmp_path, command, pictures):
    found, frames = run(
        home, tmp_path, command, pictures, kind="key frames", start=2, step=6, now=10, spacing="ease-in"
    )
    assert found["answered"] == "Draw in-betweens" and found["usual"] == 5  # between frames 8 and 14
    assert found["layer"] == "In-betweens of walk" and found["now"] == 8
    assert found["times"] == [0, *range(8, 15)]  # Krita gives each animated layer an empty frame 0
    keys = [read_image(path) for path in pictures[1:]]
    for time, frame in zip(range(8, 15), interpolate(keys, 7, spacing="ease-in", engine="flow"), strict=True):
        assert np.array_equal(frames[time], frame), time


@needs_krita
def test_two_layers_and_a_count(home, tmp_path, command, pictures):
    found, frames = run(home, tmp_path, command, pictures[:2], kind="layers", count=2)
    assert found["usual"] == 3 and found["times"] == [0, 1, 2, 3]
    assert found["layer"] == "In-betweens of drawing 0 and drawing 1"
    keys = [read_image(path) for path in pictures[:2]]
    for time, frame in enumerate(interpolate(keys, 4, engine="flow")):
        assert np.array_equal(frames[time], frame), time


@needs_krita
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"now": 40}, "has no key frame after frame 40"),
        ({"command": "/nowhere/animi"}, "cannot be started. Install animi"),
        ({"command": "false"}, "animi ended with code 1"),
    ],
)
def test_what_goes_wrong_is_said_and_nothing_is_changed(home, tmp_path, command, pictures, settings, message):
    job = {"kind": "key frames", "start": 0, "step": 6, "now": 0, "command": command} | settings
    found, _ = run(home, tmp_path, pictures=pictures, **job)
    assert message in found["message"]
    assert not any(name.startswith("In-betweens") for name in found["layers"])


def test_its_choices_are_animis():
    """It runs in Krita's Python, which knows nothing of animi."""
    lists = {}
    for node in ast.parse((PLUGIN / "animi_inbetweens/settings.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            lists[node.targets[0].id] = ast.literal_eval(node.value)
    assert lists == {"ENGINES": ENGINES, "SPACINGS": EASINGS}
