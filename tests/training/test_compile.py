"""--compile, --precision and --accumulate through every command that trains, and compiled networks beside plain ones.

PyTorch's own compiler takes a minute for a network of these sizes. All of it but the code that is generated at the end
is the same with "aot_eager"; one training is compiled for real.
"""

import copy
import logging
import shutil

import pytest
import torch
from torch import nn
from torch._dynamo.backends.registry import lookup_backend

from animi.core.config.training import AdversarialConfig
from animi.core.media.image_files import write_png
from animi.core.training.adversarial import discriminator_loss
from animi.core.training.losses.adversarial import LeCam
from animi.core.training.metrics_file import read_series
from animi.core.training.recipes import pretrain_ae
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.discriminators import (
    ImageDiscriminator,
    ImageDiscriminatorConfig,
    SequenceDiscriminator,
    SequenceDiscriminatorConfig,
)
from animi.models.motion import MotionConfig, MotionNetwork

FEW = ("--device", "cpu", "--workers", 0, "--log-every", 1, "--steps", 1, "--samples", 1, "--evaluation-samples", 4)
HOW = ("--compile", "--precision", "bf16", "--accumulate", 2, "--batch-size", 4)


@pytest.fixture(autouse=True)
def few(monkeypatch, one_panel):
    """Computes in one thread, and starts with nothing compiled."""
    monkeypatch.setattr(pretrain_ae, "_WARM_UP", 1)
    torch.set_num_threads(1)
    torch._dynamo.reset()
    monkeypatch.setattr(logging.getLogger("torch.__trace"), "handlers", [])  # pytest would keep all that it writes
    yield
    torch._dynamo.reset()


@pytest.fixture
def graphs(monkeypatch):
    """What was compiled, and not by PyTorch's own compiler but by a quicker one, which finds the same faults."""
    found, quick, compile_network = [], lookup_backend("aot_eager"), nn.Module.compile

    def backend(graph, inputs):
        found.append(graph)
        return quick(graph, inputs)

    monkeypatch.setattr(nn.Module, "compile", lambda network: compile_network(network, backend=backend))
    return found


@pytest.fixture
def film(tmp_path, draw_disc):
    """A folder of 12 frames."""
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(12):
        write_png(folder / f"{number:03}.png", draw_disc(12 + 3 * number, 30, (72, 64), 10))
    return folder


@pytest.fixture
def autoencoder(animi, film, tmp_path):
    done = animi(
        "pretrain-ae", film, "-o", tmp_path / "ae", "--size", 64, "--width", 2, "--latent", 4, "--net", "plain", *FEW
    )
    assert done.exit_code == 0, done.stderr
    return tmp_path / "ae"


def run(animi, command, *words, tmp_path):
    done = animi(command, "-o", tmp_path / "run", *FEW, *HOW, *words)
    assert done.exit_code == 0, (done.stderr, done.exception)
    series = read_series(tmp_path / "run")
    assert all(values == values for _, values in series.values())  # none is NaN
    return series


def test_train_noise(animi, graphs, film, tmp_path):
    words = (film, "--size", 64, "--width", 4, "--latent-dim", 4, "--no-health", "--r1", 1)
    series = run(animi, "train-noise", *words, tmp_path=tmp_path)
    assert {"discriminator/redraw", "discriminator/r1", "generator/adversarial"} <= series.keys()
    assert len(graphs) >= 2


def test_train_vgg_sle(animi, graphs, film, tmp_path, vgg_weights):
    # the discriminator's decoders and spectral norm are compiled in train-noise, which has the same one
    words = (film, "--size", 64, "--width", 4, "--length", 3, "--redraw", 0, "--no-spectral-norm")
    words += ("--vgg-weights", vgg_weights(tmp_path))
    assert "generator/ends" in run(animi, "train-vgg-sle", *words, tmp_path=tmp_path)
    assert len(graphs) >= 2


@pytest.mark.parametrize("net", ["deep", "plain"])
def test_pretrain_ae(net, animi, graphs, film, tmp_path):
    words = (film, "--size", 64, "--width", 2, "--latent", 4, "--depth", 1, "--net", net)
    assert "autoencoder/loss" in run(animi, "pretrain-ae", *words, tmp_path=tmp_path)
    assert graphs


@pytest.mark.parametrize(
    ("refine", "words", "parts"),
    [
        # spectral norm is compiled in train-noise, and below
        (
            "joint",
            ("--no-spectral-norm",),
            {"discriminator/image/redraw", "discriminator/sequence/fade", "generator/ghost"},
        ),
        # the refinement alone learns; one discriminator is enough to see that its gradients come through
        ("after", ("--image", 0, "--edge", 0), {"discriminator/fade", "generator/ghost"}),
    ],
    ids=["joint", "after"],
)
def test_finetune_adv(refine, words, parts, animi, graphs, film, autoencoder, tmp_path):
    small = (film, "--init", autoencoder, "--size", 64, "--width", 4, "--length", 4, "--no-health")
    refined = ("--refine", refine, "--refine-width", 2)
    series = run(animi, "finetune-adv", *small, *refined, *words, tmp_path=tmp_path)
    assert parts <= series.keys()
    assert len(graphs) >= 2 + (refine == "joint")


def test_train_motion(animi, graphs, film, tmp_path):
    torch.manual_seed(0)
    small = MotionConfig(width=8, layers=1, coarse_rounds=1, fine_rounds=1, drawing=8)
    save_checkpoint(tmp_path / "small.safetensors", MotionNetwork(small), "motion", small)
    words = (film, "--init", tmp_path / "small.safetensors", "--sizes", 48, "--length", 3, "--evaluation-samples", 1)
    assert "motion/loss" in run(animi, "train-motion", *words, tmp_path=tmp_path)
    assert graphs


@pytest.mark.skipif(shutil.which("gcc") is None, reason="PyTorch compiles by a C++ compiler")
def test_a_training_that_is_compiled_for_real(animi, film, tmp_path):
    words = ("pretrain-ae", film, "--size", 64, "--width", 2, "--latent", 4, "--net", "plain", "--precision", "fp32")
    losses = []
    for name, how in (("plain", ()), ("compiled", ("--compile",))):
        done = animi(*words, "-o", tmp_path / name, *FEW, "--steps", 2, *how)
        assert done.exit_code == 0, (done.stderr, done.exception)
        losses.append(read_series(tmp_path / name)["autoencoder/loss"][1])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


NETS = {
    "pictures": (lambda: ImageDiscriminator(ImageDiscriminatorConfig(64, 4)), (2, 3, 64, 64), 1.0),
    "clips": (lambda: SequenceDiscriminator(SequenceDiscriminatorConfig(64, 3, 4)), (2, 3, 3, 64, 64), 0.0),
}


@pytest.mark.parametrize("kind", NETS)
def test_a_compiled_discriminator_learns_as_a_plain_one(kind, graphs):
    make, shape, redraw = NETS[kind]
    torch.manual_seed(0)
    plain = make().train()
    compiled = copy.deepcopy(plain)
    compiled.compile()
    nets = AdversarialConfig(4, augment=(), redraw=redraw, r1=1.0)
    found = []
    for network in (plain, compiled):
        lecam = LeCam()
        for step in range(2):  # twice, so that what the first changed in place is met again
            torch.manual_seed(step)
            real, drawn = torch.rand(2, *shape) * 2 - 1
            network.zero_grad()
            loss, _ = discriminator_loss(network, lecam, nets, real, drawn, 0)
            loss.backward()
        found.append((loss.item(), {name: p.grad for name, p in network.named_parameters()}, network.state_dict()))
    assert len(graphs) >= 1 + bool(redraw)
    (loss, gradients, state), (compiled_loss, compiled_gradients, compiled_state) = found
    assert compiled_loss == pytest.approx(loss, rel=1e-4)
    assert gradients.keys() == compiled_gradients.keys() and state.keys() == compiled_state.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(compiled_gradients[name], gradient, rtol=1e-2, atol=1e-3 * gradient.abs().max().item())
    for name, value in state.items():
        assert torch.allclose(compiled_state[name].float(), value.float(), rtol=1e-3, atol=1e-5), name


def test_bfloat16_on_a_cpu_gives_clips_the_gradients_of_fp32():
    torch.manual_seed(0)
    network = SequenceDiscriminator(SequenceDiscriminatorConfig(64, 4, 4))
    clips, gradients = torch.rand(2, 4, 3, 64, 64) * 2 - 1, []
    for half in (False, True):
        again = copy.deepcopy(network)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            scores = again(clips)
        scores.float().mean().backward()
        gradients.append([parameter.grad for parameter in again.parameters()])
    for plain, half in zip(*gradients, strict=True):
        assert torch.allclose(half, plain, atol=0.1 * plain.abs().max().item())
