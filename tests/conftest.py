"""What several test files draw on: the command, small key frames, and a disc that crosses a textured floor."""

import signal

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from animi.cli.main import app
from animi.core.images import write_png

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

    def write(folder):
        random = torch.Generator().manual_seed(0)
        layers = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
        layers |= {17: (256, 512)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
        weights = {}
        for number, (fan_in, fan_out) in layers.items():
            scale = (2 / (9 * fan_in)) ** 0.5  # keeps what passes through alive
            weights[f"features.{number}.weight"] = torch.randn(fan_out, fan_in, 3, 3, generator=random) * scale
            weights[f"features.{number}.bias"] = torch.zeros(fan_out)
        save_file(weights, folder / "vgg.safetensors")
        return folder / "vgg.safetensors"

    return write
