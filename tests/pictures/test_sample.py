"""`animi sample`: grids, single pictures and walks, and the latents that they are drawn from."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from animi.core.media.decode import decode_video, probe_video
from animi.core.pictures.sample import draw_latents, walk
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def checkpoint(tmp_path):
    """A generator of 64 x 64 whose batch norms have seen a batch."""
    torch.manual_seed(0)
    config = NoiseGeneratorConfig(64, 5, 4)
    network = NoiseGenerator(config)
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.momentum = None  # a plain mean, so that one batch is enough for it
    with torch.no_grad():
        network.ladder.paint.weight.mul_(30)  # strong colours, as after a training
        network(torch.randn(16, 5))
    save_checkpoint(tmp_path / "net.safetensors", network, "noise-sle", config, 7)
    return tmp_path / "net.safetensors"


def test_a_grid_is_the_same_for_the_same_seed_only(checkpoint, animi, tmp_path):
    grid = tmp_path / "grid.png"
    words = ("sample", checkpoint, "-n", 6, "-o", grid, "--columns", 3)
    drawn = animi(*words, "--json")
    assert drawn.exit_code == 0, drawn.stderr
    assert json.loads(drawn.stdout)["step"] == 7
    first = np.asarray(Image.open(grid)).astype(int)
    assert first.shape == (2 * 66 - 2, 3 * 66 - 2, 3)
    assert first[:64, :64].std() > 5
    assert np.abs(first[:64, :64] - first[:64, 66:130]).mean() > 5  # two pictures
    taken = animi(*words)
    assert taken.exit_code == 1
    assert "--overwrite" in taken.stderr
    for more, same in ((("--batch-size", 6), True), (("--seed", 1), False), (("--truncation", 0.5), False)):
        assert animi(*words, "--overwrite", *more).exit_code == 0
        other = np.asarray(Image.open(grid)).astype(int)
        assert (np.abs(other - first).max() <= 1) == same, more


def test_walks_and_single_pictures(checkpoint, animi, tmp_path):
    gif = tmp_path / "walk.gif"
    assert animi("sample", checkpoint, "-n", 3, "--steps", 4, "-o", gif).exit_code == 0
    assert Image.open(gif).n_frames == 12
    mp4 = animi("sample", checkpoint, "-n", 2, "--steps", 2, "-o", tmp_path / "walk.mp4")
    assert mp4.exit_code == 0, mp4.stderr
    assert len(list(decode_video(probe_video(tmp_path / "walk.mp4")))) == 4
    assert animi("sample", checkpoint, "-n", 3, "-o", tmp_path / "single").exit_code == 0
    assert sorted(p.name for p in (tmp_path / "single").iterdir()) == ["000.png", "001.png", "002.png"]
    huge = animi("sample", checkpoint, "-n", 99_999, "-o", tmp_path / "huge.png")
    assert huge.exit_code == 2
    assert huge.stderr.startswith("animi: -n: a grid of 99999")


def test_latents_are_the_same_however_many_and_truncated_as_asked():
    many, few = draw_latents(50, 20, 3, None), draw_latents(50, 5, 3, None)
    assert torch.equal(many[:5], few)
    assert many.std().item() == pytest.approx(1, abs=0.05)
    assert many.abs().max() > 2
    cut = draw_latents(50, 20, 3, 0.7)
    assert cut.abs().max() <= 0.7
    assert cut.std() > 0.3
    inside = many.abs() <= 0.7
    assert torch.equal(cut[inside], many[inside])


def test_a_walk_passes_every_station_and_comes_back():
    stations = draw_latents(16, 4, 0, None)
    path = walk(stations, 5)
    assert path.shape == (20, 16)
    assert torch.equal(path[::5], stations)
    strides = (path - path.roll(1, 0)).norm(dim=1)
    assert strides.max() < 0.5 * (stations - stations.roll(1, 0)).norm(dim=1).min()
    assert torch.equal(walk(stations, 1), stations)
