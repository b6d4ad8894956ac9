"""Checkpoints, the registry that gives them meaning, networks that draw, and the devices they run on."""

import json
import resource
import struct
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from animi.core import devices
from animi.core.devices import choose_device
from animi.core.engines.network import open_network
from animi.core.errors import CheckpointError, ConfigError, DeviceError, OutputError
from animi.core.inbetween.sequence import interpolate
from animi.core.media.image_files import read_image, write_png
from animi.core.training.state import State, write_state
from animi.core.weights.checkpoint import load_checkpoint, read_header, save_checkpoint
from animi.models import registry

CPU = torch.device("cpu")


@dataclass(frozen=True)
class TintConfig:
    channels: int = 3
    multiple: int = 8


class Tint(nn.Module):
    """Mixes the ends by time through a layer of weights; with the weights it starts with, exactly."""

    def __init__(self, config):
        super().__init__()
        self.multiple = config.multiple
        self.mix = nn.Conv2d(config.channels, config.channels, 1, bias=False)
        with torch.no_grad():
            self.mix.weight.copy_(torch.eye(config.channels)[..., None, None])

    def prepare(self, first, last):
        assert first.shape == last.shape and first.shape[1] == 3
        assert first.shape[2] % self.multiple == 0 and first.shape[3] % self.multiple == 0
        assert first.min() >= -1 and first.max() <= 1 and first.dtype == torch.float32
        assert not self.training and not torch.is_grad_enabled()
        return self.mix(first), self.mix(last)

    def render(self, pair, t):
        return pair[0] * (1 - t) + pair[1] * t


class Mute(nn.Linear):
    """A network that draws no in-betweens."""

    def __init__(self, config):
        super().__init__(config.channels, 1)


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    """Registers the two networks for a test."""
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry.register("tint", TintConfig, Tint)
    registry.register("mute", TintConfig, Mute)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tint.safetensors"
    save_checkpoint(path, Tint(TintConfig()), "tint", TintConfig(), step=12)
    return path


def change(path, weights=None, **header):
    """Writes a checkpoint again with other weights or header entries; None takes an entry away."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        entries = {**file.metadata(), **header}
    save_file(tensors if weights is None else weights, path, {k: v for k, v in entries.items() if v is not None})


# Saving and loading


@pytest.mark.parametrize("kind", ["checkpoint", "state"])
def test_a_file_that_does_not_fit_is_one_line_and_leaves_the_old_one(tmp_path, kind):
    path = tmp_path / "x.safetensors"

    def save(channels):
        if kind == "checkpoint":
            save_checkpoint(path, Tint(TintConfig(channels)), "tint", TintConfig(channels), overwrite=True)
        else:
            write_state(path, State(1, {"a": torch.zeros(channels, channels)}, {}))

    save(3)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, limits[1]))  # fails as a full disk does, with another number
    try:
        with pytest.raises(OutputError, match=r"x\.safetensors: cannot be written \(File too large\); nothing was"):
            save(300)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == [path.name]


def test_weights_and_header_come_back(tmp_path):
    config = TintConfig(multiple=5)
    network = Tint(config)
    nn.init.normal_(network.mix.weight)
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, network, "tint", config, step=7)
    header = read_header(path)
    assert (header.architecture, header.config, header.step) == ("tint", {"channels": 3, "multiple": 5}, 7)
    loaded, again = load_checkpoint(path, CPU)
    assert again == header and isinstance(loaded, Tint) and loaded.multiple == 5 and not loaded.training
    assert torch.equal(loaded.mix.weight, network.mix.weight)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["c.safetensors"]


def test_a_checkpoint_that_stands_there_is_not_replaced_unasked(saved):
    before = saved.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        save_checkpoint(saved, Tint(TintConfig()), "tint", TintConfig(), step=13)
    assert saved.read_bytes() == before
    save_checkpoint(saved, Tint(TintConfig()), "tint", TintConfig(), step=13, overwrite=True)
    assert read_header(saved).step == 13


DAMAGES = {
    "garbage": (lambda path: path.write_bytes(b"\x80\x04garbage" * 99), "is damaged or no safetensors file"),
    "a pickle": (lambda path: torch.save({"a": torch.zeros(2)}, path), "is damaged or no safetensors file"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged or no safetensors file"),
    "a giant header": (
        lambda path: path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}"),
        "is damaged or no safetensors file",
    ),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-5]), "is damaged or no safetensors file"),
    "cut in its header": (lambda path: path.write_bytes(path.read_bytes()[:40]), "is damaged or no safetensors file"),
    "missing": (lambda path: path.unlink(), "does not exist"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    "not ours": (lambda path: change(path, format=None), "holds no animi header"),
    "newer": (lambda path: change(path, format_version="2"), "has format version 2, .* install a newer animi"),
    "no version": (lambda path: change(path, format_version=None), "its header is damaged"),
    "no number": (lambda path: change(path, step="many"), "its header is damaged"),
    "config no JSON": (lambda path: change(path, config="{"), "its header is damaged"),
    "config a list": (lambda path: change(path, config="[]"), "its header is damaged"),
    "unknown network": (lambda path: change(path, architecture="rife"), "holds a network 'rife' .*: .*mute, .*tint"),
    "unknown setting": (lambda path: change(path, config='{"depth": 3}'), "settings do not fit 'tint': .*depth"),
    "a setting of another type": (lambda path: change(path, config='{"channels": "x"}'), "settings do not fit 'tint'"),
    "a negative setting": (lambda path: change(path, config='{"channels": -3}'), "settings do not fit 'tint'"),
    "other shapes": (
        lambda path: change(path, config='{"channels": 5}'),
        r"mix\.weight has shape \(3, 3, 1, 1\), \(5, 5, 1, 1\) is needed",
    ),
    "missing tensor": (lambda path: change(path, weights={}), r"misses mix\.weight"),
    "another tensor": (
        lambda path: change(path, weights={**load_file(path), "extra": torch.zeros(1)}),
        "has an unknown tensor extra",
    ),
    "NaN": (
        lambda path: change(path, weights={"mix.weight": torch.full((3, 3, 1, 1), float("nan"))}),
        r"mix\.weight holds values that are not finite",
    ),
    "infinite": (
        lambda path: change(path, weights={"mix.weight": torch.full((3, 3, 1, 1), float("inf"))}),
        r"mix\.weight holds values that are not finite",
    ),
}


WHERE = "give a .safetensors file, or the folder of a training"


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_one_line_that_names_the_file(saved, damage, animi, key_frames, tmp_path):
    harm, found = DAMAGES[damage]
    harm(saved)
    with pytest.raises(CheckpointError, match=rf"tint\.safetensors: .*{found}") as caught:
        load_checkpoint(saved, CPU)
    assert "\n" not in str(caught.value)
    out = tmp_path / "out.gif"
    out.write_bytes(b"old")
    result = animi("interpolate", *key_frames, "--checkpoint", saved, "--overwrite", "-o", out)
    # the command takes the folder of a training too, so it also says what is missing in this one
    error = f"{saved}: holds no checkpoint; {WHERE}" if saved.is_dir() else caught.value
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"animi: {error}\n")
    assert out.read_bytes() == b"old" and not list(tmp_path.glob(".*"))


def test_weights_of_half_precision_fit(saved):
    change(saved, weights={"mix.weight": torch.eye(3)[..., None, None].half()})
    network, _ = load_checkpoint(saved, CPU)
    assert network.mix.weight.dtype == torch.float32


# The registry


def test_a_name_is_taken_once_and_a_config_is_a_dataclass():
    with pytest.raises(ValueError, match="'tint' is registered already"):
        registry.register("tint", TintConfig, Tint)
    with pytest.raises(ValueError, match="'plain' is no dataclass"):
        registry.register("plain", dict, Tint)
    assert {"mute", "tint"} <= set(registry.known_architectures())


def test_a_config_describes_itself_as_it_is_built():
    config = TintConfig(channels=2, multiple=16)
    settings = json.loads(json.dumps(registry.describe(config)))
    assert registry.build("tint", settings).mix.in_channels == 2
    with pytest.raises(KeyError):
        registry.build("unheard-of", {})


def test_only_what_draws_is_an_inbetweener(tmp_path):
    assert isinstance(Tint(TintConfig()), registry.Inbetweener)
    path = tmp_path / "mute.safetensors"
    save_checkpoint(path, Mute(TintConfig()), "mute", TintConfig())
    with pytest.raises(CheckpointError, match="'mute' that draws no in-betweens"):
        open_network(path, "cpu")


# A network draws


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (7, 13), (16, 24), (33, 3)])
def test_frames_of_any_form_pass_through(saved, size, dtype, channels):
    rng = np.random.default_rng(5)
    keys = [rng.integers(0, np.iinfo(dtype).max + 1, (*size, channels)).astype(dtype) for _ in range(2)]
    drawn = list(interpolate(keys, 5, checkpoint=saved, device="cpu"))
    faded = list(interpolate(keys, 5, engine="blend"))
    assert np.array_equal(drawn[0], keys[0]) and np.array_equal(drawn[-1], keys[1])
    step = 257 if dtype == np.uint16 else 1
    for ours, theirs in zip(drawn, faded, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == dtype
        if channels == 4:  # what shows
            ours, theirs = (picture * (picture[..., 3:] / np.iinfo(dtype).max) for picture in (ours, theirs))
        assert np.abs(ours.astype(float) - theirs).max() <= (2 if channels == 4 else 1.1) * step


def test_the_command_draws_with_a_checkpoint(animi, saved, tmp_path):
    for name, value in (("a", 40), ("b", 200)):
        write_png(tmp_path / f"{name}.png", np.full((11, 21, 3), value, np.uint8))
    network = Tint(TintConfig())
    with torch.no_grad():
        network.mix.weight[1].zero_()  # green becomes the middle, 127.5
    save_checkpoint(saved, network, "tint", TintConfig(), overwrite=True)
    out = tmp_path / "frames"
    result = animi(
        "interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 3, "--checkpoint", saved, "-o", out, "--json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["engine"] == "tint"
    frames = [read_image(path) for path in sorted(out.glob("*.png"))]
    assert [frame[5, 5].tolist() for frame in frames] == [[40] * 3, [120, 128, 120], [200] * 3]


def test_a_network_that_was_trained_draws_better_than_before(tmp_path):
    """Trains the layer to undo a swap of colours, saves it and draws with it."""
    torch.manual_seed(0)
    network = Tint(TintConfig(multiple=4))
    swap = [2, 0, 1]
    with torch.no_grad():
        network.mix.weight.copy_(torch.eye(3)[swap][..., None, None])
    for _ in range(40):
        batch = torch.rand(2, 3, 8, 8) * 2 - 1
        (gradient,) = torch.autograd.grad((network.mix(batch) - batch).square().mean(), [network.mix.weight])
        with torch.no_grad():  # by hand, as importing torch's optimisers takes seconds
            network.mix.weight -= gradient
    path = tmp_path / "trained.safetensors"
    save_checkpoint(path, network, "tint", TintConfig(multiple=4), step=40)
    keys = [np.full((5, 6, 3), colour, np.uint8) for colour in ([200, 30, 90], [100, 50, 210])]
    drawn = list(interpolate(keys, 3, checkpoint=path, device="cpu"))[1]
    assert np.abs(drawn[2, 3].astype(int) - (150, 40, 150)).max() < 8


# Devices


def test_auto_takes_what_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device() == choose_device("cpu") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device().type == choose_device("mps").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device().type == "cuda"
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match=r"--device: cuda:2 is not on this machine .* found here: cuda, mps, cpu"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["", "gpu", "cuda:x", "cuda:-1", "meta", "xpu", "CPU", "cpu "])
def test_devices_that_are_none(name):
    with pytest.raises(ConfigError, match=r"^--device: "):
        devices.choose_device(name)


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"^--device: cuda is not on this machine"):
        choose_device("cuda")
