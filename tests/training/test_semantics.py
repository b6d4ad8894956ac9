"""`animi train-motion --semantics`: the prediction of VGG16's features from the motion network's encoder."""

import os
import socket
import subprocess
import sys
import urllib.error

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import normalize

from animi.core.training.losses.semantics import SemanticDistance, SemanticHeads, feature_distance
from animi.core.training.metrics_file import read_series
from animi.core.training.state import read_state
from animi.core.weights.vgg import load_vgg
from animi.models.motion import MotionConfig, MotionNetwork

COMMAND = (sys.executable, "-c", "from animi.cli.main import run; run()")
SMALL = ("train-motion", "--sizes", 48, "--width", 8, "--batch-size", 2, "--workers", 0, "--device", "cpu", "--grow", 2,
         "--log-every", 1, "--evaluation-samples", 1, "--semantics", 0.5)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread(one_panel):
    """Computes in one thread."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory, vgg_weights):
    return vgg_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def vgg(vgg_file):
    return load_vgg(vgg_file)


def read_by_torchvision(vgg, frames):
    """Relu3_3 and relu4_3 as torchvision's documentation has them: of [0, 1], normalised as ImageNet is."""
    mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    normal = ((frames + 1) / 2 - mean) / deviation
    return vgg.features[:16](normal.clone()), vgg.features[:23](normal.clone())


def test_distance_is_of_directions_on_any_grid():
    torch.manual_seed(0)
    wanted = torch.rand(2, 5, 4, 6)
    lengths = torch.rand(2, 1, 4, 6) + 0.1
    assert feature_distance(wanted * lengths, wanted) == pytest.approx(0, abs=1e-6)
    assert feature_distance(-wanted, wanted) == pytest.approx(2, abs=1e-6)
    turned = wanted.clone()
    turned[0, :, 0, 0] *= -1  # one cell of 48
    assert feature_distance(turned, wanted) == pytest.approx(2 / 48, abs=1e-6)
    assert feature_distance(turned.half(), wanted) == pytest.approx(2 / 48, abs=1e-3)
    coarse = torch.rand(2, 5, 1, 1)
    assert feature_distance(coarse.expand(2, 5, 3, 2), coarse) == pytest.approx(0, abs=1e-6)  # of another grid
    assert torch.isfinite(feature_distance(torch.zeros(1, 5, 2, 2), torch.zeros(1, 5, 2, 2)))


def test_what_is_predicted_is_vggs_features_of_each_frame(vgg):
    torch.manual_seed(0)
    network = MotionNetwork(MotionConfig(width=8, layers=1))
    first, last = torch.rand(2, 1, 3, 48, 32) * 2 - 1
    _, _, learning = network(first, last, torch.tensor([0.5]))
    assert torch.equal(learning.features.frames, torch.cat([first, last]))
    own = SemanticHeads(network.config)(learning.features)
    theirs = read_by_torchvision(vgg, torch.cat([first, last]))
    assert [x.shape for x in own] == [x.shape for x in theirs] == [(2, 256, 12, 8), (2, 512, 6, 4)]
    assert SemanticDistance(vgg, lambda _: theirs)(learning.features) == pytest.approx(0, abs=1e-5)
    swapped = [x.flip(0) for x in theirs]  # each frame's features are those of this frame
    cosines = [(normalize(a) * normalize(b)).sum(1).mean() for a, b in zip(swapped, theirs, strict=True)]
    distance = SemanticDistance(vgg, lambda _: swapped)(learning.features)
    assert distance == pytest.approx(1 - sum(cosines).item() / 2, abs=1e-5) and distance > 0.01


@pytest.mark.parametrize("guided", [False, True])
def test_heads_and_encoder_learn_and_vgg_does_not(vgg, guided):
    torch.manual_seed(0)
    network = MotionNetwork(MotionConfig(width=8, layers=1, guided=guided))
    heads = SemanticHeads(network.config)
    distance = SemanticDistance(vgg, heads)
    frames = torch.rand(2, 3, 32, 32) * 2 - 1
    optimizer = torch.optim.Adam([*network.encoder.parameters(), *heads.parameters()], 1e-2)
    found = []
    for _ in range(12):
        loss = distance(network.encode(frames))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.6 * found[0]
    learnt = {name.split(".")[0] for name, p in network.encoder.named_parameters() if p.grad is not None}
    assert learnt == {"at_half", "at_quarter", "at_eighth"}  # the layers that see one frame
    assert all(p.grad is not None for p in heads.parameters()) and all(p.grad is None for p in vgg.parameters())
    assert not any("vgg" in name or "features" in name for name in heads.state_dict())


def test_without_vgg_one_line_says_what_to_give(animi, tmp_path, monkeypatch):
    def fail(*_args, **_settings):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    for more, code in (((), 1), (("--vgg-weights", tmp_path / "no.safetensors"), 1)):
        rejected = animi(*SMALL, "-o", tmp_path / "run", "--steps", 1, *more)
        assert rejected.exit_code == code, rejected.stderr
        assert "--vgg-weights" in rejected.stderr and len(rejected.stderr.splitlines()) == 1
        assert not (tmp_path / "run").exists()


def test_two_processes_train_the_heads_as_one_does(animi, vgg_file, tmp_path):
    words = (*SMALL, "--steps", 1, "--vgg-weights", vgg_file)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    world = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(
            [*COMMAND, *map(str, words), "-o", str(tmp_path / "two")],
            env=world | {"RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        assert animi(*words, "-o", tmp_path / "one").exit_code == 0
        for process in both:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in both:
            process.kill()
    series = [read_series(tmp_path / name) for name in ("one", "two")]
    assert series[1]["motion/semantics"][1] == pytest.approx(series[0]["motion/semantics"][1], rel=1e-4)
    one, two = (read_state(tmp_path / name / "checkpoints" / "00000001.state.safetensors") for name in ("one", "two"))
    heads = len(MotionNetwork(MotionConfig(width=8)).state_dict())  # the optimizer's parameters before them
    for number in range(heads, heads + 4):  # its mean of the gradients
        name = f"optimizer/motion/{number}/exp_avg"
        scale = one.tensors[name].abs().max().item()
        torch.testing.assert_close(two.tensors[name], one.tensors[name], rtol=0.02, atol=0.01 * scale)
    assert f"optimizer/motion/{heads + 4}/exp_avg" not in one.tensors
    kept = load_file(tmp_path / "two" / "checkpoints" / "00000001.safetensors")
    assert kept.keys() == MotionNetwork(MotionConfig(width=8)).state_dict().keys()
