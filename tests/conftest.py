"""What several test files draw on: the command, small key frames, and a disc that crosses a textured floor."""

import json
import signal
from pathlib import Path
from runpy import run_path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.media.image_files import write_png
from animi.core.pages.curves import draw_curves
from animi.core.training import run_folder as runs

# Started in the background by a shell, the tests would hand on to what they start that Ctrl-C is not heard.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def animi():
    """Runs a command as a person would: `animi("interpolate", a, b, "-o", out)`."""
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def draw_disc():
    """Draws an outlined disc over a floor of soft blotches: `draw_disc(x, y)` with the centre in pixels."""

    def draw(x, y, size=(240, 160), radius=18):
        blotches = np.random.default_rng(7).uniform(60, 200, (size[1] // 8, size[0] // 8, 3)).astype(np.float32)
        floor = cv2.resize(blotches, size, interpolation=cv2.INTER_CUBIC)
        floor[..., 2] = floor[..., 2] / 4 + 150  # bluish, so that the disc's red tells it apart
        frame = np.clip(floor, 0, 255).astype(np.uint8)
        cv2.circle(frame, (x, y), radius, (225, 40, 30), -1, cv2.LINE_AA)
        cv2.circle(frame, (x, y), radius, (10, 5, 5), 3, cv2.LINE_AA)
        return frame

    return draw


@pytest.fixture
def key_frames(tmp_path, draw_disc):
    """Two small PNGs on disk, a.png and b.png: the disc moves 12 pixels."""
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, x in zip(paths, (18, 30), strict=True):
        write_png(path, draw_disc(x, 16, (48, 32), 8))
    return paths


@pytest.fixture(scope="session")
def vgg_weights():
    """Writes a file of the shapes of VGG16's weights, with random numbers: `vgg_weights(folder)` gives its path."""
    write = run_path(str(Path(__file__).with_name("random_vgg.py")))["write_random_vgg"]
    return lambda folder: write(folder / "vgg.safetensors")


@pytest.fixture
def one_panel(monkeypatch):
    """Draws but the first panel of a training's losses.png: all of them take longer than a tiny training."""
    monkeypatch.setattr(runs, "draw_curves", lambda panels: draw_curves(dict(list(panels.items())[:1])))


@pytest.fixture
def lottie():
    """Makes a Lottie animation of so many frames, a second of it 60, as JSON: a red square that crosses the sheet."""

    def make(frames):
        still = {"a": 0, "k": 0}
        box = [{"ty": "rc", "p": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [30, 30]}, "r": still},
               {"ty": "fl", "c": {"a": 0, "k": [1, 0, 0, 1]}, "o": {"a": 0, "k": 100}},
               {"ty": "tr", "p": {"a": 0, "k": [0, 0]}, "a": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [100, 100]},
                "r": still, "o": {"a": 0, "k": 100}}]  # fmt: skip
        way = [{"t": 0, "s": [20, 50, 0], "e": [80, 50, 0], "i": {"x": [1], "y": [1]}, "o": {"x": [0], "y": [0]}},
               {"t": frames - 1, "s": [80, 50, 0]}]  # fmt: skip
        layer = {"ty": 4, "ind": 1, "ip": 0, "op": frames, "st": 0, "shapes": [{"ty": "gr", "it": box}], "ks": {
            "p": {"a": 1, "k": way}, "a": {"a": 0, "k": [0, 0, 0]}, "s": {"a": 0, "k": [100, 100, 100]}, "r": still,
            "o": {"a": 0, "k": 100}}}  # fmt: skip
        return json.dumps({"v": "5.5.0", "fr": 60, "ip": 0, "op": frames, "w": 100, "h": 100, "layers": [layer]})

    return make
