"""`animi finetune-adv` from an auto-encoder to what is drawn with its checkpoints, small but real; terms by hand."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from animi.core.config.material import ClipConfig
from animi.core.config.training import AdversarialConfig, FinetuneAdvConfig, TrainingConfig
from animi.core.errors import ConfigError
from animi.core.measures.ghost import ghost_penalty
from animi.core.media.image_files import read_image, write_png
from animi.core.training.metrics_file import read_metrics, read_series
from animi.core.training.recipes import finetune_adv as recipe
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.discriminators import ImageDiscriminator, SequenceDiscriminator
from animi.models.latent_inbetweener import LatentInbetweener
from animi.models.refinement import RefinementConfig
from animi.models.registry import register
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig

SMALL = ("--size", 64, "--width", 4, "--length", 4, "--device", "cpu", "--workers", 0, "--log-every", 1, "--no-health",
         "--evaluation-samples", 4)  # fmt: skip
TERMS = ("reconstruction", "middles", "sequence", "image", "latent", "edge", "fade", "ghost")


@dataclass(frozen=True)
class TinyConfig:
    between: str = "lerp"
    refinement: RefinementConfig | None = None


class Tiny(nn.Module):
    """Half the sides, and a batch norm, which must not look on where it is finished."""

    multiple = 2

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2))
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 3, 4, 2, 1), nn.Tanh())

    def encode(self, frames):
        return self.down(frames)

    def decode(self, latents):
        return self.up(latents)


register("tiny-autoencoder", TinyConfig, lambda config: LatentInbetweener(config, Tiny()))


@pytest.fixture(autouse=True)
def one_thread(one_panel):
    """Computes in one thread."""
    torch.set_num_threads(1)


@pytest.fixture
def film(tmp_path, draw_disc):
    """A folder of 12 frames: the disc crosses the picture."""
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(12):
        write_png(folder / f"{number:03}.png", draw_disc(12 + 4 * number, 30, (72, 64), 10))
    return folder


@pytest.fixture
def autoencoder(tmp_path):
    """An auto-encoder as a training would leave it, but untrained."""
    torch.manual_seed(0)
    network = LatentInbetweener(TinyConfig(), Tiny())
    save_checkpoint(tmp_path / "ae.safetensors", network, "tiny-autoencoder", network.config, 5)
    return tmp_path / "ae.safetensors"


@pytest.fixture
def settings(film, autoencoder, tmp_path):
    """Makes settings of a tiny training."""

    def make(**changes):
        config = FinetuneAdvConfig(
            (film,),
            tmp_path / "run",
            autoencoder,
            clips=ClipConfig(length=4, size=64, crop=1, flip=False, colour=False, reverse=False),
            training=TrainingConfig(steps=2, batch_size=2, log_every=1, device="cpu", workers=0),
            nets=AdversarialConfig(4),
            health=False,
            evaluation_samples=4,
        )
        return replace(config, **changes)

    return make


@pytest.fixture
def catch(monkeypatch, tmp_path):
    """Gives what a recipe would train with, and its first batch, without training."""

    def work(config):
        caught = {}

        def take(task, batches, *_rest):
            caught["task"], caught["batch"] = task, next(iter(batches))[1]

        monkeypatch.setattr(recipe, "train", take)
        config = replace(config, output=tmp_path / f"caught-{len(list(tmp_path.iterdir()))}")
        recipe.finetune_adv(config)
        caught["task"].generator.eval()
        return caught["task"], caught["batch"]

    return work


def differences(one, other):
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


# From the command line


def test_from_an_auto_encoder_to_in_betweens(animi, film, autoencoder, tmp_path):
    run = tmp_path / "run"
    words = ("finetune-adv", film, "-o", run, "--init", autoencoder, *SMALL, "--steps", 2, "--samples", 2)
    done = animi(*words, "--refine", "joint", "--refine-width", 4, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(run)}
    assert "step 2: in-betweens: error" in done.stderr
    series = read_series(run)
    parts = {"sequence/adversarial", "image/adversarial", "reconstruction", "middles", "latent", "ghost"}
    assert {f"generator/{part}" for part in parts} <= series.keys()
    kinds = {"sequence/fade", "image/edge", "image/fade", "image/redraw", "sequence/lecam", "image/lecam"}
    assert {f"discriminator/{kind}" for kind in kinds} <= series.keys()
    assert {"middles/ghost", "middles/sharpness", "middles/score"} <= series.keys()
    assert json.loads((run / "best.json").read_text())["score"] == series["middles/score"][1][-1]
    assert Image.open(run / "samples" / "clips-00000002.gif").n_frames == 4

    keys, between = (film / "000.png", film / "004.png"), tmp_path / "between"
    drawn = animi("interpolate", *keys, "-n", 5, "-o", between, "--checkpoint", run / "best.safetensors")
    assert drawn.exit_code == 0, drawn.stderr
    files = sorted(between.glob("*.png"))
    assert len(files) == 5
    for file, key in ((files[0], keys[0]), (files[-1], keys[1])):
        assert np.array_equal(read_image(file), read_image(key))
    assert not np.array_equal(read_image(files[2]), read_image(keys[0]))
    refined = animi("refine", *files, "-o", tmp_path / "refined", "--checkpoint", run)
    assert refined.exit_code == 0, refined.stderr
    assert len(list((tmp_path / "refined").iterdir())) == 5


@pytest.mark.parametrize(
    "settings",
    [("--r1", 1, "--refine", "joint", "--refine-width", 4), ("--refine", "after", "--refine-width", 4, "--image", 0)],
    ids=["joint", "after"],
)
def test_a_run_that_was_stopped_ends_as_the_unbroken_one(settings, animi, film, autoencoder, tmp_path):
    if "after" in settings:
        settings = (*settings, "--edge", 0)
    words = ("finetune-adv", film, "--init", autoencoder, *SMALL, *settings, "--save-every", 100, "--sample-every", 100)
    for name, steps in (("whole", 3), ("broken", 1)):
        done = animi(*words, "-o", tmp_path / name, "--steps", steps)
        assert done.exit_code == 0, done.stderr
    autoencoder.rename(autoencoder.with_name("away"))  # a run has its own network
    done = animi("finetune-adv", "--resume", tmp_path / "broken", "--steps", 3)
    assert done.exit_code == 0, done.stderr
    for half in ("00000003.safetensors", "00000003.state.safetensors"):
        assert differences(*(tmp_path / name / "checkpoints" / half for name in ("whole", "broken"))) == []
    losses = [[r.get("generator/loss") for r in read_metrics(tmp_path / name)] for name in ("whole", "broken")]
    assert [x for x in losses[0] if x is not None] == [x for x in losses[1] if x is not None]


def test_after_leaves_the_auto_encoder_as_it_is(animi, film, autoencoder, tmp_path):
    words = ("finetune-adv", film, "--init", autoencoder, *SMALL, "--steps", 2, "--ema", 0)
    done = animi(*words, "-o", tmp_path / "run", "--refine", "after", "--refine-width", 4)
    assert done.exit_code == 0, done.stderr
    before, after = load_file(autoencoder), load_file(tmp_path / "run" / "checkpoints" / "00000002.safetensors")
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name
    changed = [after[name].abs().max() for name in after if name not in before and "paint" in name]
    assert changed
    assert all(value > 0 for value in changed)  # they begin at 0
    assert "generator/latent" not in read_series(tmp_path / "run")


def test_what_cannot_be_trained_is_told_in_a_line(animi, film, autoencoder, tmp_path):
    noise = NoiseGeneratorConfig(64, 3, 4)
    save_checkpoint(tmp_path / "noise.safetensors", NoiseGenerator(noise), "noise-sle", noise)
    words = ("finetune-adv", film, "-o", tmp_path / "run", *SMALL)
    init = ("--init", autoencoder)
    for more, code, told in (
        ((), 2, "--init: no auto-encoder was given"),
        (("--init", tmp_path / "none.safetensors"), 1, "does not exist"),
        (("--init", tmp_path / "noise.safetensors"), 1, "which is no auto-encoder"),
        ((*init, "--image", 0), 2, "--edge: nothing rejects softened drawings"),
        ((*init, "--image", 0, "--edge", 0, "--sequence", 0), 2, "--fade: no discriminator rejects"),
        ((*init, "--ghost", -1), 2, "--ghost: -1 is out of range"),
        ((*init, "--double"), 2, "--double: needs a refinement network"),
        ((*init, "--refine", "twice"), 2, "--refine: 'twice' is not known"),
        ((*init, "--length", 2), 2, "--length: 2 leaves nothing"),
    ):
        rejected = animi(*words, *more)
        assert rejected.exit_code == code, rejected.stderr
        assert told in rejected.stderr
        assert rejected.stderr.count("\n") == 1
        assert not (tmp_path / "run").exists()
    nothing = dict.fromkeys(TERMS, 0.0)
    with pytest.raises(ConfigError, match="nothing would be learnt"):
        FinetuneAdvConfig((), Path("a"), Path("b"), **nothing)


def test_the_notebooks_recipe_is_ten_times_reconstruction_and_adversarial():
    config = FinetuneAdvConfig.of_recipe("notebook", (Path("a"),), Path("b"), Path("c"))
    assert config.recipe == "notebook"
    assert {name: getattr(config, name) for name in TERMS if getattr(config, name)} == {
        "reconstruction": 10,
        "sequence": 1,
    }
    assert config.nets.augment == ()
    assert config.nets.lecam == config.training.ema == 0
    assert config.refine == "none"


# Terms


def test_each_error_is_what_it_says_and_costs_nothing_at_0(settings, catch, monkeypatch):
    off = dict.fromkeys(TERMS, 0.0)
    encoded = []
    encode = LatentInbetweener.encode
    monkeypatch.setattr(LatentInbetweener, "encode", lambda self, frames: encoded.append(1) or encode(self, frames))
    for term in ("reconstruction", "middles", "latent", "ghost"):
        task, frames = catch(settings(**off | {term: 3.0}))
        assert task.discriminators == []
        encoded.clear()
        shown, parts = task.draw(frames, True)
        assert set(parts) == {term}
        assert bool(encoded) == (term == "latent")
        real, drawn = shown["sequence"]
        assert torch.equal(real, frames)
        between = drawn[:, 1:-1].flatten(0, 1)
        truth = frames[:, 1:-1].flatten(0, 1)
        if term == "reconstruction":
            wanted = (drawn[:, [0, -1]] - frames[:, [0, -1]]).abs().mean()
        elif term == "middles":
            wanted = (between - truth).abs().mean()
        elif term == "ghost":
            ends = [frames[:, end].repeat_interleave(2, 0) for end in (0, -1)]
            wanted = ghost_penalty(between, *ends, truth)
        else:
            network = task.generator.network.autoencoder
            first, last = network.encode(frames[:, 0]), network.encode(frames[:, -1])
            straight = torch.stack([torch.lerp(first, last, 1 / 3), torch.lerp(first, last, 2 / 3)], 1)
            wanted = (straight.flatten(0, 1) - network.encode(truth)).abs().mean()
        assert parts[term].item() == pytest.approx(3 * wanted.item(), rel=1e-3, abs=1e-7), term
        assert task.draw(frames, False)[1] == {}


def test_each_discriminator_judges_what_it_should(settings, catch):
    task, frames = catch(settings(sequence=0.5, image=2.0, edge=0.25, fade=0.75))
    discriminators = {discriminator.name: discriminator for discriminator in task.discriminators}
    assert isinstance(discriminators["sequence"].module, SequenceDiscriminator)
    assert isinstance(discriminators["image"].module, ImageDiscriminator)
    assert (discriminators["sequence"].weight, discriminators["image"].weight) == (0.5, 2.0)
    assert discriminators["sequence"].nets.redraw == 0
    shown, _ = task.draw(frames, False)
    assert shown["sequence"].drawn.shape == (2, 4, 3, 64, 64)
    assert torch.equal(shown["image"].real, frames[:, 1:-1].flatten(0, 1))
    assert torch.equal(shown["image"].drawn, shown["sequence"].drawn[:, 1:-1].flatten(0, 1))
    clips, pictures = (discriminators[name].spoil(frames) for name in ("sequence", "image"))
    (weight, faded) = clips["fade"]
    assert weight == 0.75
    assert torch.allclose(faded.pictures[:, 1], frames[:, 0] * 2 / 3 + frames[:, -1] / 3, atol=1e-5)
    assert {kind: weight for kind, (weight, _) in pictures.items()} == {"edge": 0.25, "fade": 0.75}
    assert pictures["edge"][1].pictures.shape == pictures["fade"][1].pictures.shape == (4, 3, 64, 64)
    assert pictures["fade"][1].differs.tolist() == [True] * 4
    only, frames = catch(settings(sequence=0.0, edge=0.0, fade=0.0))
    assert [discriminator.name for discriminator in only.discriminators] == ["image"]
    assert only.discriminators[0].spoil(frames) == {}


def test_a_doubled_clip_is_drawn_at_half_the_size(settings, catch, animi, film, tmp_path):
    task, frames = catch(settings(refine="joint", refine_width=4, double=True))
    drawing = task.generator
    seen = []
    encode = drawing.network.autoencoder.encode
    drawing.network.autoencoder.encode = lambda x: seen.append(x.shape[-1]) or encode(x)
    shown, parts = task.draw(frames, True)
    assert set(seen) == {32}
    assert shown["sequence"].drawn.shape == (2, 4, 3, 64, 64)
    assert "latent" in parts
    network = task.network(drawing)
    save_checkpoint(tmp_path / "double.safetensors", network.module, network.architecture, network.config)
    drawn = animi(
        "interpolate", film / "000.png", film / "006.png", "-n", 3, "-o", tmp_path / "out", "--checkpoint",
        tmp_path / "double.safetensors",
    )  # fmt: skip
    assert drawn.exit_code == 0, drawn.stderr
    assert {Image.open(path).size for path in (tmp_path / "out").glob("*.png")} == {(72, 64)}


def test_errors_alone_teach_without_any_discriminator(settings, tmp_path):
    off = dict.fromkeys(TERMS, 0.0) | {"reconstruction": 1.0, "middles": 1.0}
    config = settings(
        **off,
        training=TrainingConfig(steps=25, batch_size=2, log_every=1, sample_every=100, device="cpu", workers=0),
        nets=AdversarialConfig(4, generator_rate=5e-3),
    )
    recipe.finetune_adv(config)
    series = read_series(tmp_path / "run")
    assert not [name for name in series if name.startswith("discriminator")]
    for term in ("reconstruction", "middles"):
        values = series[f"generator/{term}"][1]
        assert sum(values[-5:]) < 0.8 * sum(values[:5])


# Looks


def test_the_score_falls_with_error_ghosts_and_softness(draw_disc):
    frames = [draw_disc(x, 30, (72, 64), 10) for x in (16, 32, 48)]
    first, truth, last = (torch.from_numpy(f).permute(2, 0, 1)[None].float() / 127.5 - 1 for f in frames)
    perfect = recipe.measure_middles(truth, truth, first, last)
    assert perfect.score == pytest.approx(1, abs=1e-6)
    assert perfect.metrics["middles/sharpness"] == pytest.approx(1)
    faded = recipe.measure_middles((first + last) / 2, truth, first, last)
    soft = nn.functional.avg_pool2d(nn.functional.pad(truth, (2, 2, 2, 2), mode="replicate"), 5, 1)
    blurred = recipe.measure_middles(soft, truth, first, last)
    copied = recipe.measure_middles(first, truth, first, last)
    assert faded.metrics["middles/ghost"] > 0.9
    assert blurred.metrics["middles/sharpness"] < 0.6
    assert faded.score < blurred.score < copied.score < perfect.score
    assert "ghost score 1.00" in faded.sentence
    flat = torch.zeros(1, 3, 64, 64)
    assert recipe.measure_middles(flat, flat, flat, flat).score == 1  # nothing moves, nothing is sharp


# The network


@pytest.mark.parametrize(("way", "length"), [("lerp", 0.5**0.5), ("slerp", 1.0)])
def test_latents_go_straight_or_around(way, length):
    network = LatentInbetweener(TinyConfig(way), Tiny())
    first, last = torch.zeros(2, 1, 2, 1, 1)
    first[0, 0], last[0, 1] = 1, 1
    between = network.between(first, last, torch.tensor([0.0, 0.5, 1.0]))  # (1, 3, 2, 1, 1)
    assert torch.allclose(between[:, 0], first)
    assert torch.allclose(between[:, 2], last, atol=1e-6)
    assert between[0, 1].norm().item() == pytest.approx(length, abs=1e-5)


def test_what_is_rendered_at_a_time_is_the_clips_frame_at_it():
    network = LatentInbetweener(TinyConfig(refinement=RefinementConfig(4, 1, 2)), Tiny()).eval()
    nn.init.normal_(network.refinement.paint.weight, 0, 0.2)
    assert network.multiple == 4
    first, last = torch.rand(2, 2, 3, 16, 12) * 2 - 1
    with torch.no_grad():
        clips, latents = network(first, last, torch.tensor([0.25, 0.75]))
        assert clips.shape == (2, 2, 3, 16, 12)
        assert latents.shape == (2, 2, 8, 4, 3)
        assert torch.allclose(network.render(network.prepare(first, last), 0.75), clips[:, 1], atol=1e-6)
    own = network.refinement
    network.refine_by(RefinementConfig(4, 1, 2))
    assert network.refinement is own
    network.refine_by(None)
    assert network.refinement is network.config.refinement is None
    assert network.multiple == 2
    with pytest.raises(ValueError, match="no way 'round'"):
        LatentInbetweener(TinyConfig("round"), Tiny())
