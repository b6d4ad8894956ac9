"""The notebook's recipes to the letter: asserted of the networks, optimisers, batches and losses that are built."""

from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, l1_loss, relu
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

from animi.core.media.image_files import write_png
from animi.core.training import adversarial
from animi.models.blocks import SkipExcitation
from animi.models.discriminators import ImageDiscriminator, SequenceDiscriminator
from animi.models.latent_inbetweener import LatentInbetweener
from animi.models.sle import LatentGenerator, NoiseGenerator
from animi.models.vgg import VggEncoder

ONE = ("--device", "cpu", "--workers", 0, "--steps", 1, "--evaluation-samples", 4)
CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


class Caught(NamedTuple):
    phases: dict
    batches: object
    config: object
    more: dict


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def vgg(tmp_path_factory, vgg_weights):
    return vgg_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def film(tmp_path, draw_disc):
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(16):
        write_png(folder / f"{number:03}.png", draw_disc(12 + 3 * number, 30, (72, 64), 10))
    return folder


@pytest.fixture
def catch(monkeypatch, animi, tmp_path):
    """Runs a command up to its first step, and gives what it would have trained."""
    caught = []

    def fit(phases, batches, config, hooks, **more):
        caught.append(Caught({phase.name: phase for phase in phases}, iter(batches), config, more | {"hooks": hooks}))
        return 0

    def run(*words):
        monkeypatch.setattr(adversarial, "fit", fit)
        done = animi(*words, "-o", tmp_path / "run", "--recipe", "notebook", *ONE)
        assert done.exit_code == 0, (done.stderr, done.exception)
        return caught.pop()

    return run


def pool(_encoder, images):
    """In VGG16's place, which takes seconds for pictures of 256: latents of the same shape."""
    return avg_pool2d(images, 32).repeat(1, 171, 1, 1)[:, :512]


def check_optimizers(caught, rate, betas):
    assert list(caught.phases) == ["discriminator", "generator"]  # in this order, each at every step
    for phase in caught.phases.values():
        assert phase.every == 1 and phase.schedule is None
        assert type(phase.optimizer) is torch.optim.Adam
        (group,) = phase.optimizer.param_groups
        assert (group["lr"], group["betas"], group["eps"]) == (rate, betas, 1e-8)
        assert group["weight_decay"] == 0 and not group["amsgrad"]
        learnt = {id(p) for p in phase.module.parameters() if p.requires_grad}
        assert {id(p) for p in group["params"]} == learnt


def check_layers(network, spectral):
    """Every layer of a network: how it is normalised, and what its weights begin with.

    Args:
        network: of one of the notebook's systems.
        spectral: tells of a convolution's name and what holds it whether spectral norm is on it.
    """
    inside = {
        id(m): name
        for name, part in network.named_modules()
        if isinstance(part, SkipExcitation)
        for m in part.modules()
    }
    found = [(name, module) for name, module in network.named_modules() if isinstance(module, CONVOLUTIONS)]
    assert len(found) > 3
    for name, layer in found:
        assert layer.bias is None, name
        assert is_parametrized(layer) == spectral(name, id(layer) in inside), name
        weight = layer.parametrizations.weight.original if is_parametrized(layer) else layer.weight
        if weight.numel() > 2000:
            assert weight.std().item() == pytest.approx(0.02, rel=0.1), name
        assert abs(weight.mean().item()) < 5 * 0.02 / weight.numel() ** 0.5, name
    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, _BatchNorm)]
    assert norms
    for name, norm in norms:
        assert (norm.eps, norm.momentum, norm.affine, norm.track_running_stats) == (1e-5, 0.1, True, True), name
        assert not norm.bias.any(), name
        # the log draws them as it draws convolutions: about 0, not about 1
        assert abs(norm.weight.mean().item()) < 5 * 0.02 / norm.weight.numel() ** 0.5, name
        assert norm.weight.std().item() == pytest.approx(0.02, rel=4 / (2 * norm.weight.numel()) ** 0.5), name


def everywhere(_name, _in_excitation):
    return True


def nowhere(_name, _in_excitation):
    return False


def but_decoders(name, _in_excitation):
    return not name.startswith("decode")


def excitations(_name, in_excitation):
    return in_excitation


VARIANTS = [((), nowhere, nowhere), (("--spectral-norm",), but_decoders, excitations)]


@pytest.mark.parametrize(("words", "on_discriminator", "on_generator"), VARIANTS, ids=["vanilla", "spectral norm"])
def test_the_first_system_as_it_is_built(words, on_discriminator, on_generator, catch, film, vgg, monkeypatch):
    monkeypatch.setattr(VggEncoder, "forward", pool)
    caught = catch("train-vgg-sle", film, "--vgg-weights", vgg, *words)
    check_optimizers(caught, 1e-3, (0.9, 0.999))
    assert caught.config.clip is None and caught.config.accumulate == 1
    discriminator, generator = (caught.phases[name].module for name in ("discriminator", "generator"))
    assert type(discriminator) is ImageDiscriminator and type(generator) is LatentGenerator
    check_layers(discriminator, on_discriminator)
    check_layers(generator, on_generator)
    assert generator.enter[0].in_channels == 512 and discriminator.config.size == 256
    assert [(e.weigh[0].in_channels, e.weigh[0].out_channels) for e in generator.ladder.excitations] == [
        (512, 64),
        (256, 32),
    ]
    _, batch = next(caught.batches)
    assert batch.frames.shape == (1, 8, 3, 256, 256)  # one clip: eight images a step
    assert batch.latents.shape == (1, 8, 512, 8, 8)
    with torch.no_grad():  # no mean of the weights
        for parameter in generator.parameters():
            parameter.add_(1)
    caught.more["hooks"].after_step(1)
    for own, mean in zip(generator.parameters(), caught.more["also"]["ema"].parameters(), strict=True):
        assert torch.equal(own, mean)


def test_the_two_forms_of_the_first_system_differ_in_spectral_norm_alone(catch, film, vgg, tmp_path):
    """Both begin with the same weights."""
    found = []
    for number, words in enumerate(((), ("--spectral-norm",))):
        caught = catch("train-vgg-sle", film, "--size", 64, "--width", 8, "--vgg-weights", vgg, *words)
        found.append({name: phase.module.state_dict() for name, phase in caught.phases.items()})
        (tmp_path / "run").rename(tmp_path / f"run-{number}")
    for name in ("discriminator", "generator"):
        plain, spectral = (states[name] for states in found)
        own = {
            key.replace(".parametrizations.weight.original", ".weight"): value
            for key, value in spectral.items()
            if not key.endswith(("._u", "._v"))
        }
        assert plain.keys() == own.keys() and len(own) < len(spectral)
        for key, value in plain.items():
            assert torch.equal(own[key], value), key


def test_what_the_first_system_judges_and_lowers(catch, film, vgg):
    caught = catch("train-vgg-sle", film, "--size", 64, "--width", 4, "--vgg-weights", vgg)
    _, batch = next(caught.batches)
    discriminator, generator = (caught.phases[name].module for name in ("discriminator", "generator"))
    judged, scores, drawn = [], [], []

    def note(_module, inputs, output):
        judged.append(inputs[0])
        scores.append(output)

    discriminator.register_forward_hook(note)
    generator.register_forward_hook(lambda _module, _inputs, output: drawn.append(output))

    loss, parts = caught.phases["discriminator"].loss(batch, 0)
    assert parts.keys() == {"real", "fake", "redraw"}
    assert [tuple(shown.shape) for shown in judged] == [(6, 3, 64, 64)] * 2
    assert torch.equal(judged[0], batch.frames[0, 1:-1])  # the middle six, as they are: nothing is augmented
    assert torch.equal(judged[1], drawn[0][1:-1])
    (on_real, redrawn), on_drawn = scores
    hinge = relu(1 - on_real).mean() + relu(1 + on_drawn).mean()
    redraw = l1_loss(redrawn.whole, redrawn.whole_target) + l1_loss(redrawn.part, redrawn.part_target)
    assert loss.item() == pytest.approx((hinge + redraw).item(), rel=1e-5)

    loss, parts = caught.phases["generator"].loss(batch, 0)
    assert parts.keys() == {"adversarial", "ends"}
    assert torch.equal(judged[2], drawn[1][1:-1])
    ends = l1_loss(drawn[1][[0, -1]], batch.frames[0, [0, -1]])  # the ends are reconstruction alone
    assert loss.item() == pytest.approx((ends - scores[2].mean()).item(), rel=1e-5)


@pytest.mark.parametrize("latent_dim", [256, 1024])
def test_the_second_system_as_it_is_built(latent_dim, catch, film):
    caught = catch("train-noise", film, "--latent-dim", latent_dim, "--no-health")
    check_optimizers(caught, 2e-4, (0.5, 0.999))
    assert caught.config.clip is None and caught.config.accumulate == 1
    discriminator, generator = (caught.phases[name].module for name in ("discriminator", "generator"))
    assert type(discriminator) is ImageDiscriminator and type(generator) is NoiseGenerator
    check_layers(discriminator, but_decoders)
    check_layers(generator, excitations)
    assert discriminator.config.size == generator.config.size == 256
    _, batch = next(caught.batches)
    assert batch.pictures.shape == (8, 3, 256, 256) and batch.latents.shape == (8, latent_dim)


def test_what_the_second_system_judges_and_lowers(catch, film):
    caught = catch("train-noise", film, "--size", 64, "--width", 4, "--no-health")
    _, batch = next(caught.batches)
    discriminator, scores, judged = caught.phases["discriminator"].module, [], []

    def note(_module, inputs, output):
        judged.append(inputs[0])
        scores.append(output)

    discriminator.register_forward_hook(note)
    loss, parts = caught.phases["discriminator"].loss(batch, 0)
    assert parts.keys() == {"real", "fake", "redraw"}
    assert torch.equal(judged[0], batch.pictures)
    hinge = relu(1 - scores[0][0]).mean() + relu(1 + scores[1]).mean()
    assert loss.item() == pytest.approx((hinge + parts["redraw"]).item(), rel=1e-5)
    loss, parts = caught.phases["generator"].loss(batch, 0)
    assert parts.keys() == {"adversarial"}
    assert loss.item() == pytest.approx(-scores[2].mean().item(), rel=1e-5)


def test_the_third_system(catch, animi, film, tmp_path):
    small = ("--size", 64, "--width", 2, "--latent", 4, "--net", "plain", "--samples", 1)
    assert animi("pretrain-ae", film, "-o", tmp_path / "ae", *small, *ONE).exit_code == 0
    caught = catch("finetune-adv", film, "--init", tmp_path / "ae", "--size", 64, "--width", 16, "--no-health")
    check_optimizers(caught, 2e-4, (0.5, 0.999))
    discriminator, drawing = (caught.phases[name].module for name in ("discriminator", "generator"))
    assert type(discriminator) is SequenceDiscriminator and isinstance(drawing.network, LatentInbetweener)
    check_layers(discriminator, everywhere)
    _, frames = next(caught.batches)
    assert frames.shape == (2, 8, 3, 64, 64)
    judged, scores, drawn = [], [], []

    def note(_module, inputs, output):
        judged.append(inputs[0])
        scores.append(output)

    discriminator.register_forward_hook(note)
    drawing.register_forward_hook(lambda _module, _inputs, output: drawn.append(output[0]))
    loss, parts = caught.phases["discriminator"].loss(frames, 0)
    assert parts.keys() == {"real", "fake"}
    assert torch.equal(judged[0], frames) and torch.equal(judged[1], drawn[0])
    assert loss.item() == pytest.approx((relu(1 - scores[0]).mean() + relu(1 + scores[1]).mean()).item(), rel=1e-5)
    loss, parts = caught.phases["generator"].loss(frames, 0)
    assert parts.keys() == {"adversarial", "reconstruction"}
    ends = l1_loss(drawn[1][:, [0, -1]], frames[:, [0, -1]])
    assert loss.item() == pytest.approx((10 * ends - scores[2].mean()).item(), rel=1e-5)


BEGINNINGS = {"ones": (1, 0), "dcgan": (1, 0.02), "notebook": (0, 0.02)}


@pytest.mark.parametrize("how", BEGINNINGS)
@pytest.mark.parametrize("command", ["train-vgg-sle", "train-noise"])
def test_batch_norms_begin_as_asked(command, how, catch, film, vgg):
    mean, deviation = BEGINNINGS[how]
    caught = catch(command, film, "--size", 64, "--width", 8, "--bn-init", how, "--vgg-weights", vgg)
    for phase in caught.phases.values():
        weights = torch.cat([m.weight for m in phase.module.modules() if isinstance(m, _BatchNorm)])
        assert weights.mean().item() == pytest.approx(mean, abs=0.005)
        assert weights.std().item() == pytest.approx(deviation, abs=0.004)


def test_ones_are_pytorchs_own(catch, film, vgg):
    caught = catch("train-vgg-sle", film, "--size", 64, "--width", 8, "--bn-init", "ones", "--vgg-weights", vgg)
    weights = [m.weight for m in caught.phases["generator"].module.modules() if isinstance(m, _BatchNorm)]
    assert all(bool((weight == 1).all()) for weight in weights)


def test_a_beginning_that_is_not_known(animi, film, tmp_path):
    done = animi("train-noise", film, "-o", tmp_path / "run", "--bn-init", "zeros")
    assert done.exit_code == 2
    assert done.stderr == "animi: --bn-init: 'zeros' is not known; choose one of ones, dcgan, notebook\n"
