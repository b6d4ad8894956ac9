"""The trainings from the command line to what is drawn with their checkpoints, small but real."""

import json
import urllib.error
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from animi.core.config.choices import RECIPES
from animi.core.config.material import ClipConfig
from animi.core.config.pictures import SampleConfig
from animi.core.config.training import AdversarialConfig, TrainingConfig, TrainNoiseConfig, TrainVggSleConfig
from animi.core.errors import AnimiError, ConfigError
from animi.core.material.sampler import ClipSampler
from animi.core.media.image_files import write_png
from animi.core.training.listeners import Listeners
from animi.core.training.metrics_file import read_metrics, read_series
from animi.core.training.recipes import train_noise as noise_recipe
from animi.core.training.recipes import train_vgg_sle as vgg_recipe
from animi.core.training.recipes.train_vgg_sle import KeptLatents
from animi.core.weights.vgg import load_vgg
from animi.models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from animi.models.sle import LatentGenerator, VggSleConfig
from animi.models.vgg import VggEncoder

EVALUATED = 4  # as few as health can be measured by
SMALL = ("--size", 64, "--width", 4, "--device", "cpu", "--workers", 0, "--log-every", 1,
         "--evaluation-samples", EVALUATED)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread(one_panel):
    """Computes in one thread."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def vgg(tmp_path_factory, vgg_weights):
    return vgg_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def film(tmp_path, draw_disc):
    """A folder of 16 frames: the disc crosses the picture."""
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(16):
        write_png(folder / f"{number:03}.png", draw_disc(12 + 3 * number, 30, (72, 64), 10))
    return folder


@pytest.fixture
def other_film(tmp_path):
    """A second folder, of 6 grey frames."""
    folder = tmp_path / "other"
    folder.mkdir()
    for number in range(6):
        write_png(folder / f"{number:03}.png", np.full((64, 64, 3), 30 * number + 40, np.uint8))
    return folder


def differences(one, other):
    one, other = load_file(one), load_file(other)
    assert one.keys() == other.keys()
    return [name for name in one if not torch.equal(one[name], other[name])]


def test_from_films_to_pictures_drawn_from_noise(animi, film, other_film, vgg, tmp_path):
    run = tmp_path / "run"
    noise = ("train-noise", film, other_film, "-o", run, *SMALL, "--latent-dim", 5, "--batch-size", 4, "--steps", 4)
    done = animi(*noise, "--save-every", 2, "--sample-every", 2, "--vgg-weights", vgg, "--samples", 4, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(run)}
    assert "step 4: diversity" in done.stderr
    config = json.loads((run / "config.json").read_text())
    assert config["command"] == "train-noise"
    assert config["config"]["latent_dim"] == 5
    assert config["config"]["recipe"] == "steady"
    series = read_series(run)
    assert series["discriminator/loss"][0] == [1, 2, 3, 4]
    assert {"discriminator/redraw", "discriminator/lecam", "generator/adversarial"} <= series.keys()
    assert series["health/diversity"][0] == [2, 4]
    assert "ends" not in str(series.keys())
    assert Image.open(run / "samples" / "fakes-00000004.png").size == (2 * 64 + 2, 2 * 64 + 2)
    assert (run / "samples" / "reals.png").is_file()
    assert (run / "best.safetensors").is_file()

    drawn = animi("sample", run, "-n", 4, "-o", tmp_path / "grid.png", "--json")
    assert drawn.exit_code == 0, drawn.stderr
    found = json.loads(drawn.stdout)
    assert found["checkpoint"] == str(run / "best.safetensors")
    assert found["step"] == json.loads((run / "best.json").read_text())["step"]
    rejected = animi(
        "interpolate",
        film / "000.png",
        film / "001.png",
        "-o",
        tmp_path / "x.gif",
        "--checkpoint",
        run / "best.safetensors",
    )
    assert rejected.exit_code == 1
    assert "draws no in-betweens" in rejected.stderr


def test_precision_and_parts_of_a_batch_through_the_command(animi, film, tmp_path):
    """Half precision is another rounding, and two parts are the same mean: of a plain net, which has no batch norms."""
    words = ("pretrain-ae", film, "--net", "plain", "--size", 32, "--width", 4, "--latent", 8, "--batch-size", 4)
    words += ("--steps", 1, "--log-every", 1, "--device", "cpu", "--workers", 0)
    losses = {}
    for name, more in (
        ("whole", ()), ("parts", ("--accumulate", 2)),
        ("bf16", ("--precision", "bf16")), ("fp32", ("--precision", "fp32")),
    ):  # fmt: skip
        done = animi(*words, *more, "-o", tmp_path / name)
        assert done.exit_code == 0, done.stderr
        losses[name] = read_series(tmp_path / name)["autoencoder/loss"][1][0]
        kept = load_file(tmp_path / name / "checkpoints" / "00000001.safetensors")
        assert {tensor.dtype for tensor in kept.values() if tensor.is_floating_point()} == {torch.float32}
    assert losses["whole"] == losses["fp32"] == pytest.approx(losses["parts"], rel=1e-5)
    assert losses["bf16"] != losses["fp32"] and losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    rejected = animi(*words, "--accumulate", 3, "-o", tmp_path / "odd")
    assert (
        rejected.exit_code == 2
        and "--accumulate: a process has 4" in rejected.stderr
        and not (tmp_path / "odd").exists()
    )


def test_from_a_film_to_in_betweens_by_vgg(animi, film, vgg, tmp_path):
    run = tmp_path / "run"
    done = animi(
        "train-vgg-sle", film, "-o", run, *SMALL, "--length", 5, "--steps", 3, "--vgg-weights", vgg, "--samples", 2
    )
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{run}\n"
    assert {"generator/ends", "generator/adversarial", "health/recall"} <= read_series(run).keys()
    clips = Image.open(run / "samples" / "clips-00000003.gif")
    assert clips.n_frames == 5
    vgg.rename(vgg.with_name("away"))  # the checkpoint draws without it
    try:
        gif = tmp_path / "between.gif"
        drawn = animi(
            "interpolate",
            film / "000.png",
            film / "004.png",
            "-n",
            4,
            "-o",
            gif,
            "--checkpoint",
            run,
        )
    finally:
        vgg.with_name("away").rename(vgg)
    assert drawn.exit_code == 0, drawn.stderr
    found = Image.open(gif)
    assert found.n_frames == 4
    assert found.size == (72, 64)
    rejected = animi("sample", run, "-o", tmp_path / "grid.png")
    assert rejected.exit_code == 1
    assert "draws nothing from noise" in rejected.stderr


COMMANDS = [
    ("train-noise", ("--latent-dim", 4, "--batch-size", 4, "--r1", 1, "--no-health")),
    ("train-vgg-sle", ("--length", 3, "--batch-size", 2, "--judged", "middle")),
    ("train-vgg-sle", ("--length", 3, "--batch-size", 2, "--recipe", "notebook")),  # which keeps latents
]


@pytest.mark.parametrize(("command", "settings"), COMMANDS, ids=["noise", "vgg-sle", "kept-latents"])
def test_a_run_that_was_stopped_ends_as_the_unbroken_one(command, settings, animi, film, vgg, tmp_path):
    often = ("--save-every", 100, "--sample-every", 100, "--vgg-weights", vgg)
    for name, steps in (("whole", 3), ("broken", 1)):
        done = animi(command, film, "-o", tmp_path / name, *SMALL, *settings, "--steps", steps, *often)
        assert done.exit_code == 0, done.stderr
    done = animi(command, "--resume", tmp_path / "broken", "--steps", 3, "--vgg-weights", vgg)
    assert done.exit_code == 0, done.stderr
    for half in ("00000003.safetensors", "00000003.state.safetensors"):
        assert differences(*(tmp_path / name / "checkpoints" / half for name in ("whole", "broken"))) == []
    state = load_file(tmp_path / "whole" / "checkpoints" / "00000003.state.safetensors")
    assert not [name for name in state if "encoder" in name]  # it never changes
    losses = [[r.get("generator/loss") for r in read_metrics(tmp_path / name)] for name in ("whole", "broken")]
    assert [x for x in losses[0] if x is not None] == [x for x in losses[1] if x is not None]


def test_the_ends_are_learnt(film, vgg, tmp_path):
    torch.manual_seed(0)
    config = TrainVggSleConfig(
        (film,),
        tmp_path / "run",
        evaluation_samples=EVALUATED,
        clips=ClipConfig(length=3, size=64, crop=1, flip=False, colour=False, reverse=False),
        training=TrainingConfig(steps=40, batch_size=2, log_every=1, sample_every=1000, device="cpu", workers=0),
        nets=AdversarialConfig(4, generator_rate=5e-3, discriminator_rate=1e-4),
        vgg_weights=vgg,
    )
    vgg_recipe.train_vgg_sle(config)
    _, ends = read_series(tmp_path / "run")["generator/ends"]
    assert sum(ends[-5:]) < 0.75 * sum(ends[:5])


@pytest.mark.parametrize(("judged", "count"), [("all", 5), ("middle", 3)])
def test_the_discriminator_judges_the_frames_that_it_should(judged, count, film, vgg, tmp_path, monkeypatch):
    caught = {}

    def catch(task, batches, *_rest):
        caught["task"], caught["batch"] = task, next(iter(batches))[1]

    monkeypatch.setattr(vgg_recipe, "train", catch)
    config = TrainVggSleConfig(
        (film,),
        tmp_path / "run",
        evaluation_samples=EVALUATED,
        clips=ClipConfig(length=5, size=64),
        training=TrainingConfig(batch_size=2, device="cpu", workers=0),
        nets=AdversarialConfig(4),
        judged=judged,
        ends=3.0,
        vgg_weights=vgg,
    )
    vgg_recipe.train_vgg_sle(config)
    frames, latents = caught["batch"]
    assert latents.shape == (2, 5, 512, 2, 2)
    task = caught["task"]
    task.generator.eval()
    shown, parts = task.draw(caught["batch"], True)
    real, drawn = shown["picture"]
    assert real.shape == drawn.shape == (2 * count, 3, 64, 64)
    skipped = (5 - count) // 2
    assert torch.equal(real.reshape(2, count, 3, 64, 64), frames[:, skipped : 5 - skipped])
    redrawn = task.generator(latents[:, [0, -1]].flatten(0, 1)).reshape(2, 2, 3, 64, 64)
    error = (redrawn - frames[:, [0, -1]]).abs().mean()
    assert parts["ends"].item() == pytest.approx(3 * error.item(), rel=1e-3)


@pytest.mark.parametrize(("colour", "flip", "steps"), [(False, False, 7), (False, True, 11), (True, False, 3)])
def test_a_frame_that_comes_again_is_encoded_once_and_its_latents_are_its_own(
    colour, flip, steps, film, vgg, tmp_path, monkeypatch
):
    caught, encoded = [], []
    monkeypatch.setattr(vgg_recipe, "train", lambda _duel, batches, *_rest: caught.extend(islice(batches, steps)))
    forward = VggEncoder.forward

    def count(self, images):
        encoded.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(VggEncoder, "forward", count)
    clips = ClipConfig(length=3, size=64, crop=1, flip=flip, colour=colour)
    training = TrainingConfig(batch_size=2, device="cpu", workers=0)
    nets = AdversarialConfig(4)
    config = TrainVggSleConfig(
        (film,), tmp_path / "run", clips=clips, training=training, nets=nets, vgg_weights=vgg,
        evaluation_samples=EVALUATED,
    )  # fmt: skip
    vgg_recipe.train_vgg_sle(config)
    assert encoded.pop(0) == 2 * EVALUATED  # the ends of the evaluation's clips
    if colour:
        assert encoded == [4] * steps
    else:
        assert set(encoded) == {1}
        assert len(encoded) <= 16 * (2 if flip else 1) < 4 * steps
    encoder = load_vgg(vgg, torch.device("cpu"))
    for _, (frames, latents) in caught:
        for place in (0, -1):
            with torch.no_grad():
                own = encoder(frames[:, place])
            # Batches of 1, 2 and 4 are summed in other orders: on some processors that is 2e-5 here. Another
            # picture's latents, or the mirrored one's, are more than .5 away.
            assert torch.allclose(latents[:, place], own, atol=1e-4)


def test_latents_are_kept_until_the_room_is_full():
    calls = []

    def encode(pictures):
        calls.append(pictures)
        return pictures * 2

    kept = KeptLatents(encode, most=2 * 4 * 3)
    for name in "abcabc":
        assert torch.equal(kept(torch.full((3,), float(ord(name))), name), torch.full((3,), 2.0 * ord(name)))
    assert len(calls) == 4  # c found no room


def test_the_notebooks_recipes_are_to_the_letter():
    vgg_sle = TrainVggSleConfig.of_recipe("notebook", (Path("a"),), Path("b"))
    assert vgg_sle.nets.generator_rate == vgg_sle.nets.discriminator_rate == 1e-3
    assert vgg_sle.nets.betas == (0.9, 0.999)
    assert vgg_sle.training.batch_size * vgg_sle.clips.length == 8
    assert not vgg_sle.nets.spectral_norm
    noise = TrainNoiseConfig.of_recipe("notebook", (Path("a"),), Path("b"))
    assert noise.nets.generator_rate == noise.nets.discriminator_rate == 2e-4
    assert noise.nets.betas == (0.5, 0.999)
    assert noise.nets.spectral_norm
    assert noise.training.batch_size == 8
    assert noise.latent_dim == 256
    for config in (vgg_sle, noise):
        assert config.nets.augment == ()
        assert config.nets.lecam == config.nets.r1 == config.training.ema == 0
        assert config.nets.redraw == 1
        assert config.clips.size == 256
        assert (config.clips.crop, config.clips.flip, config.clips.colour, config.clips.reverse) == (
            1,
            False,
            False,
            False,
        )


def test_what_is_given_wins_over_the_recipe(animi, film, vgg, tmp_path):
    given = (
        "--recipe",
        "notebook",
        "--spectral-norm",
        "--betas",
        "0.1,0.9",
        "--augment",
        "cutout",
        "--generator-rate",
        0.01,
    )
    done = animi(
        "train-vgg-sle", film, "-o", tmp_path / "run", *SMALL, "--steps", 1, "--length", 3, *given, "--vgg-weights", vgg
    )
    assert done.exit_code == 0, done.stderr
    nets = json.loads((tmp_path / "run" / "config.json").read_text())["config"]["nets"]
    assert nets["spectral_norm"] is True
    assert nets["betas"] == [0.1, 0.9]
    assert nets["augment"] == ["cutout"]
    assert (nets["generator_rate"], nets["discriminator_rate"]) == (0.01, 0.001)


def test_what_is_measured_was_held_out(animi, vgg, tmp_path, monkeypatch):
    """Health, and so the choice of the best, looks at frames that no batch shows."""
    folder = tmp_path / "long"
    folder.mkdir()
    for number in range(80):
        write_png(folder / f"{number:03}.png", np.full((64, 64, 3), 3 * number + 5, np.uint8))
    seen = {"learnt": set(), "looked": set()}
    draw = ClipSampler.clips

    def clips(sampler, step):
        found = draw(sampler, step)
        kind = "learnt" if sampler.config.seed == 0 else "looked"
        seen[kind] |= {number for clip in found for number in clip.numbers}
        return found

    monkeypatch.setattr(ClipSampler, "clips", clips)
    long = ("--steps", 3, "--vgg-weights", vgg, "--samples", 2, "--batch-size", 4)
    done = animi("train-noise", folder, "-o", tmp_path / "noise", *SMALL, *long)
    assert done.exit_code == 0, done.stderr
    assert "evaluated on what it learns from" not in done.stderr
    learnt = seen["learnt"]
    assert learnt and not learnt & {*range(68, 80)}
    assert seen["looked"] & {*range(68, 80)} and seen["looked"] - {*range(68, 80)}  # and of those learnt, for copies
    reals = Image.open(tmp_path / "noise" / "samples" / "reals.png")
    assert np.asarray(reals).min() < 3 * 68  # what it learns from
    done = animi("train-noise", folder, "-o", tmp_path / "all", *SMALL, *long, "--hold-out", 0)
    assert done.exit_code == 0, done.stderr
    other = animi("train-noise", folder, "-o", tmp_path / "other", *SMALL, *long, "--unseen", folder)
    assert other.exit_code == 0, other.stderr
    wrong = animi("train-noise", folder, "-o", tmp_path / "x", "--hold-out", 0.5)
    assert wrong.exit_code == 2 and wrong.stderr.startswith("animi: --hold-out: 0.5 is out of range")


def test_a_run_from_before_clips_were_held_out_goes_on_as_it_was(animi, film, tmp_path):
    run = tmp_path / "run"
    few = ("--steps", 1, "--no-health", "--hold-out", 0, "--batch-size", 2)
    assert animi("train-noise", film, "-o", run, *SMALL, *few).exit_code == 0
    place = run / "config.json"
    config = json.loads(place.read_text())
    for name in ("hold_out", "unseen"):
        del config["config"][name]
    for name in ("bn_init", "schedule", "warm_up"):
        del config["config"]["nets"][name]
    place.write_text(json.dumps(config))
    done = animi("train-noise", "--resume", run, "--steps", 2)
    assert done.exit_code == 0, done.stderr
    assert json.loads(place.read_text())["config"]["hold_out"] == 0


def test_both_learning_rates_follow_the_schedule(animi, film, tmp_path):
    run = tmp_path / "run"
    words = ("--schedule", "linear", "--warm-up", 2, "--generator-rate", 0.1, "--discriminator-rate", 0.2)
    done = animi("train-noise", film, "-o", run, *SMALL, "--steps", 4, "--batch-size", 2, "--no-health", *words)
    assert done.exit_code == 0, done.stderr
    with safe_open(run / "checkpoints" / "00000004.state.safetensors", "pt") as file:
        optimizers = json.loads(file.metadata()["settings"])["optimizers"]
    assert optimizers["generator"]["groups"][0]["lr"] == pytest.approx(0.1 * 0.5)  # of the last step, number 3 of 4
    assert optimizers["discriminator"]["groups"][0]["lr"] == pytest.approx(0.2 * 0.5)
    wrong = animi("train-noise", film, "-o", tmp_path / "x", "--schedule", "steps")
    assert wrong.exit_code == 2 and wrong.stderr.startswith("animi: --schedule: 'steps' is not known")


def test_continue_starts_a_run_and_goes_on_with_just_that_run(animi, film, other_film, tmp_path):
    run = tmp_path / "run"
    words = ("train-noise", film, "-o", run, *SMALL, "--batch-size", 2, "--no-health", "--continue")
    assert animi(*words, "--steps", 1).exit_code == 0
    done = animi(*words, "--steps", 2)
    assert done.exit_code == 0, done.stderr
    assert read_series(run)["generator/loss"][0] == [1, 2]
    before = sorted(path.name for path in (run / "checkpoints").iterdir())
    for more, says in (
        (
            ("--recipe", "notebook"),
            "--recipe: is notebook here, and {run} was started with steady; add --recipe steady",
        ),
        (
            ("--betas", "0.1,0.9"),
            "--betas: is 0.1 0.9 here, and {run} was started with 0.5 0.999; add --betas 0.5,0.999",
        ),
        (
            ("--no-spectral-norm",),
            "--spectral-norm: is False here, and {run} was started with True; add --spectral-norm",
        ),
        (("--flip", "--no-flip"), "--flip: is False here, and {run} was started with True; add --flip"),
        (("--augment", "none"), "--augment: is none here, and"),
        (
            (other_film,),
            f"DATA: is {film} {other_film} here, and {{run}} was started with {film}; give {film} to resume",
        ),
    ):
        done = animi(*words, "--steps", 3, *more)
        assert done.exit_code == 2, (more, done.stderr)
        assert done.stderr.startswith(f"animi: {says.format(run=run)}"), done.stderr
    # what was given before and is not given now differs too
    given = tmp_path / "given"
    assert animi(*words[:2], "-o", given, *words[4:], "--steps", 1, "--lecam", 3).exit_code == 0
    done = animi(*words[:2], "-o", given, *words[4:], "--steps", 2)
    assert done.exit_code == 2
    assert done.stderr.startswith(
        f"animi: --lecam: is 0.1 here, and {given} was started with 3.0; add --lecam 3.0 to resume"
    )
    command = animi("train-vgg-sle", film, "-o", run, *SMALL, "--continue")
    assert command.exit_code == 1 and str(run) in command.stderr
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == before


def test_a_run_goes_on_with_the_films_it_has_learnt_from_alone(animi, film, other_film, tmp_path):
    run = tmp_path / "run"
    words = ("train-noise", film, "-o", run, *SMALL, "--batch-size", 2, "--no-health")
    assert animi(*words, "--steps", 1).exit_code == 0
    (material,) = json.loads((run / "config.json").read_text())["material"]
    assert (material["film"], material["frames"]) == ("film", 16)
    film.rename(tmp_path / "away")
    other_film.rename(film)
    done = animi("train-noise", "--resume", run, "--steps", 2)
    assert done.exit_code == 1
    assert done.stderr == (
        f"animi: {run}: has learnt from film (16 frames), and film (6 frames) is given; give what it has learnt from, "
        "or start a new run in another folder with -o\n"
    )
    film.rename(other_film)
    (tmp_path / "away").rename(film)
    picture = film / "000.png"
    kept = picture.read_bytes()
    write_png(picture, np.zeros((64, 72, 3), np.uint8))
    done = animi("train-noise", "--resume", run, "--steps", 2)
    assert done.exit_code == 1 and "has learnt from other frames of film (16 frames)" in done.stderr
    picture.write_bytes(kept)
    assert animi("train-noise", "--resume", run, "--steps", 2).exit_code == 0


def test_a_dry_run_tells_what_a_training_costs_and_keeps_nothing(animi, film, vgg, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    words = ("train-vgg-sle", film, "-o", tmp_path / "run", *SMALL, "--length", 3, "--vgg-weights", vgg, "--dry-run")
    done = animi(*words, "--steps", 10_000)
    assert done.exit_code == 0, done.stderr
    lines = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert (lines["size"], lines["width"], lines["length"], lines["recipe"]) == ("64", "4", "3", "steady")
    generator = sum(p.numel() for p in LatentGenerator(VggSleConfig(4)).parameters())
    discriminator = sum(p.numel() for p in ImageDiscriminator(ImageDiscriminatorConfig(64, 4)).parameters())
    assert lines["parameters"] == f"discriminator {discriminator:,}, generator {generator:,}"
    assert 0.05 < float(lines["memory"].removesuffix(" GiB")) < 20
    seconds = float(lines["time"].partition(" s a step")[0])
    assert seconds > 0 and "hours for 10,000 steps" in lines["time"]
    assert not (tmp_path / "run").exists() and not list((tmp_path / "tmp").glob("animi-*"))
    found = json.loads(animi(*words, "--steps", 1, "--json").stdout)
    assert found["steps"] == 1 and found["parameters"]["generator"] == generator
    assert found["settings"]["nets"]["width"] == 4 and found["seconds"] > 0 and found["memory"] > 1 << 20
    rejected = animi("train-noise", "--resume", tmp_path / "run", "--dry-run")
    assert rejected.exit_code == 2 and rejected.stderr.startswith("animi: --dry-run: is for a new run")


WRONG = [
    (("--size", 100), "--size: 100"),
    (("--recipe", "best"), "--recipe: 'best'"),
    (("--betas", "0.5"), "--betas"),
    (("--betas", "a,b"), "--betas: a,b"),
    (("--augment", "blur"), "--augment: 'blur'"),
    (("--augment", "cutout,cutout"), "--augment"),
    (("--lecam", -1), "--lecam: -1"),
    (("--r1", "nan"), "--r1"),
    (("--width", 2), "--width: 2"),
    (("--generator-rate", 0), "--generator-rate"),
    (("--latent-dim", 0), "--latent-dim: 0"),
    (("--batch-size", 1), "--batch-size: 1"),
    (("--samples", 0), "--samples: 0"),
    (("--weights", "x"), "--weights: x"),
    (("--weights", "1,2"), "--weights: 2 were given for 1"),
    (("--device", "abacus"), "--device"),
    (("--resume", "run"), "--output: a run"),
]


@pytest.mark.parametrize(
    ("wrong", "says"), WRONG, ids=lambda part: " ".join(map(str, part)) if isinstance(part, tuple) else ""
)
def test_wrong_values_are_rejected_by_their_flag(wrong, says, animi, film, tmp_path):
    done = animi("train-noise", film, "-o", tmp_path / "run", *wrong)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"animi: {says}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named(animi, film, vgg, tmp_path):
    for words, says, code in (
        (("train-noise", "-o", tmp_path / "run"), "DATA: no film was given", 2),
        (("train-noise", film), "--output: the run has no folder", 2),
        (("train-vgg-sle", film, "-o", tmp_path / "run", "--length", 2), "--length: 2 leaves nothing between", 2),
        (("train-vgg-sle", film, "-o", tmp_path / "run", "--judged", "none"), "--judged: 'none'", 2),
        (("train-vgg-sle", film, "-o", tmp_path / "run", "--vgg-weights", film / "no"), "--vgg-weights:", 1),
        (("train-vgg-sle", film, "-o", tmp_path / "run", "--length", 40, "--vgg-weights", vgg), "film", 1),
        (("train-noise", tmp_path / "none", "-o", tmp_path / "run"), str(tmp_path / "none"), 1),
        (("train-noise", "--resume", tmp_path / "none"), str(tmp_path / "none"), 1),
        (("sample", film, "-o", tmp_path / "g.png"), f"{film}: holds no checkpoint", 1),
        (("sample", film, "-o", tmp_path / "g.png", "-n", 0), "-n: 0", 2),
        (("sample", film, "-o", tmp_path / "g.png", "--truncation", 0), "--truncation: 0", 2),
        (("sample", film, "-o", tmp_path / "g.xyz"), ".xyz", 1),
    ):
        done = animi(*words)
        assert done.exit_code == code, (words, done.output)
        assert done.stderr.splitlines()[-1].startswith("animi: "), words
        assert says in done.stderr, words
        assert not (tmp_path / "run").exists(), words


def test_another_setting_or_command_cannot_go_on_with_a_run(animi, film, vgg, tmp_path):
    run = tmp_path / "run"
    assert animi("train-noise", film, "-o", run, *SMALL, "--steps", 1, "--vgg-weights", vgg).exit_code == 0
    other = animi("train-noise", "--resume", run, "--lecam", 3)
    assert other.exit_code == 2
    assert other.stderr.startswith("animi: --lecam: 3.0 was given")
    command = animi("train-vgg-sle", "--resume", run)
    assert command.exit_code == 1
    assert str(run) in command.stderr
    assert animi("train-noise", film, "-o", run, *SMALL).exit_code == 1  # it holds a run already


def test_without_a_network_pictures_are_still_learnt_but_nothing_random_measures_them(film, tmp_path, monkeypatch):
    def fail(*_args, **_settings):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    training = TrainingConfig(steps=1, batch_size=2, device="cpu", workers=0)
    clips, nets, told = ClipConfig(length=1, size=64), AdversarialConfig(4), []
    config = TrainNoiseConfig(
        (film,), tmp_path / "run", latent_dim=3, clips=clips, training=training, nets=nets, evaluation_samples=EVALUATED
    )
    noise_recipe.train_noise(config, listeners=Listeners(note=told.append))
    assert told[0].startswith("health is not measured")
    assert not [name for name in read_series(tmp_path / "run") if name.startswith("health")]
    clips = ClipConfig(length=3, size=64)
    with pytest.raises(AnimiError, match="--vgg-weights"):
        vgg_recipe.train_vgg_sle(
            TrainVggSleConfig((film,), tmp_path / "vgg", clips=clips, training=training, nets=nets)
        )


def test_settings_that_no_command_gives_are_rejected_too():
    for wrong in ({"fps": Fraction(0)}, {"columns": 0}, {"seed": -1}, {"steps": 0}):
        with pytest.raises(ConfigError):
            SampleConfig(Path("a"), Path("b.png"), **wrong)
    with pytest.raises(ConfigError, match="--length"):
        TrainNoiseConfig((), Path("a"), clips=ClipConfig(length=2))
    assert RECIPES[0] == TrainNoiseConfig((), Path("a")).recipe
