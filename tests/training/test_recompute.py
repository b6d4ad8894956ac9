"""Activation checkpointing: the same gradients, statistics and pictures, with less kept for the backward pass."""

import copy

import pytest
import torch

from animi.core.config.training import AdversarialConfig
from animi.core.media.image_files import write_png
from animi.core.training.adversarial import discriminator_loss
from animi.core.training.losses.adversarial import LeCam
from animi.core.training.metrics_file import read_series
from animi.core.training.recompute import recompute_blocks
from animi.models.autoencoder import DeepAutoEncoder, DeepAutoEncoderConfig
from animi.models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig


def discriminator(network, _seed):
    pictures = torch.rand(2, 4, 3, 64, 64) * 2 - 1
    nets = AdversarialConfig(8, augment=(), r1=1.0)
    return discriminator_loss(network, LeCam(), nets, *pictures, 0)[0]


NETWORKS = {
    "discriminator": (lambda: ImageDiscriminator(ImageDiscriminatorConfig(64, 8)), discriminator),
    "generator": (
        lambda: NoiseGenerator(NoiseGeneratorConfig(64, 5, 8)),
        lambda net, _: net(torch.randn(4, 5)).abs().mean(),
    ),
    "autoencoder": (
        lambda: DeepAutoEncoder(DeepAutoEncoderConfig(8, 8, depth=2)),
        lambda net, _: net(torch.rand(2, 3, 64, 64)).abs().mean(),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_are_the_same_and_less_is_kept(name):
    make, lose = NETWORKS[name]
    torch.manual_seed(0)
    plain = make().train()
    again = copy.deepcopy(plain)
    assert recompute_blocks(again) >= 3
    again = copy.deepcopy(again)  # as for a running mean of the weights
    found = []
    for network in (plain, again):
        kept = 0

        def pack(tensor):
            nonlocal kept
            kept += tensor.nbytes
            return tensor

        for seed in range(2):
            torch.manual_seed(seed)
            network.zero_grad()
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                loss = lose(network, seed)
            loss.backward()
        gradients = {key: parameter.grad for key, parameter in network.named_parameters()}
        found.append((loss, gradients, network.state_dict(), kept))
    (loss, gradients, state, kept), (other_loss, other_gradients, other_state, other_kept) = found
    assert torch.equal(loss, other_loss)
    assert gradients.keys() == other_gradients.keys() and state.keys() == other_state.keys()
    for key, gradient in gradients.items():
        assert torch.allclose(gradient, other_gradients[key], rtol=1e-4, atol=1e-6 * gradient.abs().max().item()), key
    for key, value in state.items():
        assert torch.equal(value, other_state[key]), key
    if name != "discriminator":  # its gradient penalty goes backward within the block that is measured
        assert other_kept < 0.6 * kept
    assert torch.is_grad_enabled()


def test_a_copy_computes_with_its_own_weights():
    network = NoiseGenerator(NoiseGeneratorConfig(64, 5, 8))
    recompute_blocks(network)
    other = copy.deepcopy(network).eval()
    latents = torch.randn(2, 5)
    before = other(latents)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    assert torch.equal(other(latents), before)


def test_a_training_ends_as_without_it(animi, tmp_path, draw_disc, one_panel):
    torch.set_num_threads(1)
    film = tmp_path / "film"
    film.mkdir()
    for number in range(12):
        write_png(film / f"{number:03}.png", draw_disc(12 + 3 * number, 30, (72, 64), 10))
    small = ("--size", 64, "--width", 4, "--latent-dim", 4, "--batch-size", 4, "--steps", 3, "--no-health",
             "--evaluation-samples", 6)  # fmt: skip
    how = ("--device", "cpu", "--workers", 0, "--log-every", 1, "--r1", 1)
    for name, more in (("plain", ()), ("again", ("--recompute",))):
        done = animi("train-noise", film, "-o", tmp_path / name, *small, *how, *more)
        assert done.exit_code == 0, done.stderr
    plain, again = (read_series(tmp_path / name)["generator/loss"][1] for name in ("plain", "again"))
    assert again == pytest.approx(plain, rel=1e-3)
    wrong = animi("train-noise", film, "-o", tmp_path / "x", "--recompute", "--compile")
    assert wrong.exit_code == 2 and wrong.stderr.startswith("animi: --recompute: cannot go together with --compile")
