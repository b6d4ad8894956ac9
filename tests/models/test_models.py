"""The networks: shapes at every size, the links that the paper names, what is random and what must not be."""

import math
import pickle
import urllib.error
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, silu
from torch.nn.utils.parametrize import is_parametrized

from animi.core.errors import CheckpointError, InputError
from animi.core.weights.checkpoint import load_checkpoint, save_checkpoint
from animi.core.weights.vgg import load_vgg
from animi.models import registry
from animi.models.blocks import Noise, SkipExcitation, slerp
from animi.models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from animi.models.registry import Inbetweener
from animi.models.sle import (
    SIZES,
    LatentGenerator,
    NoiseGenerator,
    NoiseGeneratorConfig,
    VggSleConfig,
    VggSleInbetweener,
    channels_at,
)
from animi.models.vgg import VggEncoder

CPU = torch.device("cpu")


@pytest.mark.parametrize("size", SIZES)
def test_noise_becomes_pictures_of_every_size(size):
    generator = NoiseGenerator(NoiseGeneratorConfig(size, latent_dim=7, width=8))
    pictures = generator(torch.randn(2, 7))
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert pictures.std() > 0.01


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spectral", [True, False])
def test_pictures_of_every_size_are_scored_and_redrawn(size, spectral):
    discriminator = ImageDiscriminator(ImageDiscriminatorConfig(size, 8, spectral)).eval()
    pictures = torch.rand(2, 3, size, size) * 2 - 1
    scores, redrawn = discriminator.redraw(pictures)
    assert scores.shape == (2, 5, 5)
    assert torch.allclose(scores, discriminator(pictures), atol=1e-6)
    assert redrawn.whole.shape == redrawn.whole_target.shape == (2, 3, min(size, 128), min(size, 128))
    assert redrawn.part.shape == redrawn.part_target.shape == (2, 3, min(size // 2, 128), min(size // 2, 128))


def test_the_quarter_to_redraw_is_one_of_the_picture():
    discriminator = ImageDiscriminator(ImageDiscriminatorConfig(64, 8))
    pictures = torch.rand(1, 3, 64, 64)
    quarters = [pictures[..., a : a + 32, b : b + 32] for a in (0, 32) for b in (0, 32)]
    seen = set()
    for _ in range(20):
        part = discriminator.redraw(pictures)[1].part_target
        seen |= {number for number, quarter in enumerate(quarters) if torch.equal(quarter, part)}
    assert seen == {0, 1, 2, 3}


def test_excitations_link_the_rungs_that_the_paper_names():
    links = NoiseGenerator(NoiseGeneratorConfig(512, 8, 64)).ladder.excitations
    found = [(link.weigh[0].in_channels, link.weigh[0].out_channels) for link in links]
    assert found == [
        (channels_at(low, 64), channels_at(high, 64)) for low, high in ((4, 64), (8, 128), (16, 256), (32, 512))
    ]
    latent = LatentGenerator(VggSleConfig(64)).ladder.excitations
    assert [(link.weigh[0].in_channels, link.weigh[0].out_channels) for link in latent] == [(512, 64), (256, 32)]


def test_an_excitation_weighs_channels_by_the_coarse_features():
    torch.manual_seed(0)
    link = SkipExcitation(3, 5).eval()
    coarse, fine = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 32, 32)
    first, _, second, _ = link.weigh
    pooled = adaptive_avg_pool2d(coarse, 4).flatten(1)  # a 4 x 4 kernel over 4 x 4 is one product
    weights = torch.sigmoid(silu(pooled @ first.weight.flatten(1).T) @ second.weight.flatten(1).T)
    assert torch.allclose(link(coarse, fine), fine * weights[:, :, None, None], atol=1e-6)
    assert weights.std() > 0


def test_every_excitation_takes_part():
    generator = NoiseGenerator(NoiseGeneratorConfig(128, 8, 8))
    generator(torch.randn(4, 8)).square().sum().backward()
    assert len(generator.ladder.excitations) == 2
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_noise_is_added_in_training_only():
    noise = Noise()
    with torch.no_grad():
        noise.strength.fill_(1.0)
    features = torch.zeros(2, 4, 8, 8)
    added = noise(features)
    assert added.std() > 0.5
    assert torch.equal(added[:, 0], added[:, 3])  # the same to all channels
    assert torch.equal(noise.eval()(features), features)


def test_in_betweens_are_drawn_without_noise():
    assert not [m for m in LatentGenerator(VggSleConfig(8)).modules() if isinstance(m, Noise)]
    assert [m for m in NoiseGenerator(NoiseGeneratorConfig(64, 8, 8)).modules() if isinstance(m, Noise)]


def test_latents_of_any_size_become_pictures():
    generator = LatentGenerator(VggSleConfig(8))
    assert generator(torch.rand(2, 512, 3, 2)).shape == (2, 3, 96, 64)


def test_weights_begin_small_and_normal():
    for network in (NoiseGenerator(NoiseGeneratorConfig(64, 64, 16)), LatentGenerator(VggSleConfig(16))):
        kernels = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d) and not is_parametrized(m)]
        for kernel in (k for k in kernels if k.numel() > 5000):
            assert kernel.std().item() == pytest.approx(0.02, rel=0.05)


def test_spectral_norm_holds_every_convolution_that_scores():
    discriminator = ImageDiscriminator(ImageDiscriminatorConfig(64, 8, spectral_norm=True))
    for name, layer in discriminator.named_modules():
        if isinstance(layer, nn.Conv2d) and not name.startswith("decode"):
            assert is_parametrized(layer), name
            largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
            assert largest == pytest.approx(1, abs=0.15), name
    plain = ImageDiscriminator(ImageDiscriminatorConfig(64, 8, spectral_norm=False))
    assert not [m for part in (plain.enter, plain.rungs, plain.judge) for m in part.modules() if is_parametrized(m)]


@pytest.mark.parametrize(
    "config",
    [
        lambda: NoiseGeneratorConfig(size=100),
        lambda: NoiseGeneratorConfig(latent_dim=0),
        lambda: NoiseGeneratorConfig(width=1),
        lambda: VggSleConfig(width=0),
        lambda: ImageDiscriminatorConfig(size=32),
    ],
)
def test_shapes_that_cannot_be_built_are_rejected(config):
    with pytest.raises(ValueError, match=r"no (generator|discriminator) for"):
        config()


@given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_slerp_goes_at_an_even_pace_along_an_arc(count, size, seed):
    random = torch.Generator().manual_seed(seed)
    first, last = torch.rand(2, count, size + 1, generator=random) + 0.01
    times = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    path = slerp(first, last, times)
    assert torch.equal(path[:, 0], first)
    assert torch.equal(path[:, -1], last)
    one, other = nn.functional.normalize(first), nn.functional.normalize(last)
    arc = slerp(one, other, times).double()
    assert torch.allclose(arc.norm(dim=2), torch.ones(()).double(), atol=1e-3)
    angles = [2 * torch.asin((a - b).norm(dim=1).clamp(max=2) / 2) for a, b in pairwise(arc.unbind(1))]
    assert torch.allclose(torch.stack(angles), angles[0], atol=2e-3)


def test_slerp_by_hand():
    first, last = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    middle = slerp(first, last, torch.tensor([0.5]))[0, 0]
    assert torch.allclose(middle, torch.tensor([math.sqrt(0.5), 3 * math.sqrt(0.5)]))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_slerp_of_what_has_no_angle_is_a_straight_line(kind):
    same = torch.tensor([[1.0, 2.0]], dtype=kind)
    assert torch.allclose(slerp(same, 3 * same, torch.tensor([0.5])), 2 * same[None])
    nothing = torch.zeros(1, 2, dtype=kind)
    assert torch.equal(slerp(nothing, nothing, torch.tensor([0.3])), nothing[None])
    assert slerp(same, nothing, torch.tensor([0.3])).isfinite().all()
    assert slerp(same, same, torch.tensor([0.3])).dtype == kind


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory, vgg_weights):
    return vgg_weights(tmp_path_factory.mktemp("vgg"))


def test_the_encoder_is_torchvisions_vgg16(vgg_file):
    from torchvision.models import vgg16

    with torch.device("meta"):
        whole = vgg16(init_weights=False)
    features = whole.features.to_empty(device="cpu")
    features.load_state_dict({name.removeprefix("features."): w for name, w in load_file(vgg_file).items()})
    images = torch.rand(2, 3, 64, 96) * 2 - 1
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normal = ((images + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    with torch.no_grad():
        latents = load_vgg(vgg_file)(images)
        assert latents.shape == (2, 512, 2, 3)
        assert torch.allclose(latents, features(normal), atol=1e-4)
    assert latents.min() >= 0
    assert latents.std() > 0


def test_the_encoder_never_trains_but_lets_gradients_through(vgg_file):
    encoder = load_vgg(vgg_file)
    nn.Sequential(encoder).train()
    assert not encoder.training
    assert not [p for p in encoder.parameters() if p.requires_grad]
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    encoder(images).sum().backward()
    assert images.grad.abs().sum() > 0


def test_an_encoder_without_weights_gives_no_numbers():
    assert VggEncoder()(torch.rand(1, 3, 32, 32)).isnan().all()


def test_torchvisions_own_file_is_read(vgg_file, tmp_path):
    path = tmp_path / "vgg16.pth"
    torch.save(load_file(vgg_file) | {"classifier.0.bias": torch.zeros(4)}, path)
    for one, other in zip(load_vgg(path).parameters(), load_vgg(vgg_file).parameters(), strict=True):
        assert torch.equal(one, other)


class Harmful:
    def __reduce__(self):
        return print, ("code of a file was run",)


def _spoil(kind, vgg_file, path):
    if kind == "missing":
        return path.with_name("none.safetensors")
    if kind == "cut off":
        path.write_bytes(vgg_file.read_bytes()[:1000])
        return path
    if kind == "code":
        path = path.with_suffix(".pth")
        path.write_bytes(pickle.dumps(Harmful()))
        return path
    weights = load_file(vgg_file)
    if kind == "misses":
        del weights["features.28.weight"]
    elif kind == "shape":
        weights["features.0.weight"] = torch.zeros(64, 1, 3, 3)
    elif kind == "finite":
        weights["features.5.bias"][3] = torch.nan
    save_file(weights, path)
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "No such file"),
        ("cut off", "damaged"),
        ("code", "safely"),
        ("misses", "misses features.28.weight"),
        ("shape", r"shape \(64, 1, 3, 3\)"),
        ("finite", "features.5.bias holds values that are not finite"),
    ],
)
def test_weights_that_are_not_vgg16s_are_rejected_in_a_line(kind, says, vgg_file, tmp_path, capfd):
    path = _spoil(kind, vgg_file, tmp_path / "vgg.safetensors")
    with pytest.raises(CheckpointError, match=says) as caught:
        load_vgg(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "code of a file" not in capfd.readouterr().out


def test_without_weights_and_network_nothing_random_is_taken(monkeypatch):
    def fail(*_args, **_settings):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(InputError, match=r"no network.*--vgg-weights"):
        load_vgg(None)


def test_a_checkpoint_of_vgg_sle_draws_in_betweens_by_itself(vgg_file, tmp_path):
    torch.manual_seed(0)
    config = VggSleConfig(8)
    network = VggSleInbetweener(config, load_vgg(vgg_file), LatentGenerator(config))
    for norm in (m for m in network.generator.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = None  # a plain mean, so that one batch is enough for it
    network(*torch.rand(2, 4, 3, 64, 32), torch.tensor([0.0, 1.0]))
    network.eval()
    save_checkpoint(tmp_path / "net.safetensors", network, "vgg-sle", config, 5)
    found, header = load_checkpoint(tmp_path / "net.safetensors", CPU)
    assert header.step == 5
    assert isinstance(found, Inbetweener)
    first, last = torch.rand(2, 1, 3, 64, 32) * 2 - 1
    with torch.no_grad():
        pair = found.prepare(first, last)
        drawn = torch.stack([found.render(pair, t) for t in (0.0, 0.5, 1.0)], 1)
        together = network(first, last, torch.tensor([0.0, 0.5, 1.0]))
        assert torch.allclose(drawn, together, atol=0.01)
        assert torch.allclose(drawn[:, 0], network.generator(network.encoder(first)), atol=0.01)
        assert torch.allclose(drawn[:, 2], network.generator(network.encoder(last)), atol=0.01)
    assert (drawn[:, 0] - drawn[:, 1]).abs().mean() > 1e-3
    assert (drawn[:, 1] - drawn[:, 2]).abs().mean() > 1e-3


def test_a_checkpoint_of_noise_draws_the_same_pictures(tmp_path):
    config = NoiseGeneratorConfig(64, 5, 8)
    network = NoiseGenerator(config)
    network(torch.randn(8, 5))  # moves the running means of the batch norms
    save_checkpoint(tmp_path / "net.safetensors", network, "noise-sle", config)
    found, _ = load_checkpoint(tmp_path / "net.safetensors", CPU)
    latents = torch.randn(2, 5)
    assert torch.equal(found(latents), network.eval()(latents))
    assert not isinstance(found, Inbetweener)


def test_the_registry_knows_both():
    assert {"noise-sle", "vgg-sle"} <= set(registry.known_architectures())
