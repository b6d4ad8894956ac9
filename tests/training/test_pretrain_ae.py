"""The auto-encoders, and `animi pretrain-ae` from a film to what is drawn with its checkpoints, small but real."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.models import alexnet

from animi.core.config.material import ClipConfig
from animi.core.config.training import PretrainAeConfig, TrainingConfig
from animi.core.errors import ConfigError
from animi.core.inbetween.sequence import interpolate
from animi.core.media.image_files import read_image, write_png
from animi.core.training.listeners import Listeners
from animi.core.training.metrics_file import read_metrics, read_series
from animi.core.training.recipes.pretrain_ae import measure_reconstructions, pretrain_ae
from animi.core.weights.checkpoint import load_checkpoint, read_header, save_checkpoint
from animi.models import registry
from animi.models.autoencoder import DeepAutoEncoder, DeepAutoEncoderConfig, PlainAutoEncoder, PlainAutoEncoderConfig
from animi.models.blocks import ResidualBlock, SkipExcitation
from animi.models.latent_inbetweener import LatentInbetweener
from animi.models.refinement import RefinementConfig

CPU = torch.device("cpu")
SMALL = ("--size", 32, "--width", 4, "--latent", 8, "--batch-size", 4, "--device", "cpu", "--workers", 0,
         "--evaluation-samples", 4)  # fmt: skip
NETS = [(PlainAutoEncoder, PlainAutoEncoderConfig), (DeepAutoEncoder, DeepAutoEncoderConfig)]


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


def settings(film, output, steps=3, **changes):
    training = {"steps": steps, "batch_size": 4, "log_every": 1, "device": "cpu", "workers": 0, "clip": 1.0}
    training |= {name: changes.pop(name) for name in ("save_every", "sample_every", "ema") if name in changes}
    common = {
        "evaluation_samples": 4,
        "width": 4,
        "latent": 8,
        "depth": 1,
        "clips": ClipConfig(length=1, size=32, reverse=False),
    }
    return PretrainAeConfig((film,), output, training=TrainingConfig(**training), **common | changes)


# The networks


@pytest.mark.parametrize(("net", "config"), NETS)
def test_a_picture_of_256_becomes_128_channels_of_32(net, config):
    coder = net(config())
    with torch.no_grad():
        latents = coder.encode(torch.rand(1, 3, 256, 256))
        assert latents.shape == (1, 128, 32, 32)
        drawn = coder.decode(latents)
    assert drawn.shape == (1, 3, 256, 256)
    assert drawn.abs().max() <= 1
    assert coder.multiple == 8


@pytest.mark.parametrize(("net", "config"), NETS)
@pytest.mark.parametrize("halvings", [1, 2, 4])
def test_any_multiple_of_the_halvings_fits(net, config, halvings):
    coder = net(config(width=3, latent=5, halvings=halvings))
    height, width = 3 * coder.multiple, 2 * coder.multiple
    pictures = torch.rand(2, 3, height, width) * 2 - 1
    latents = coder.encode(pictures)
    assert latents.shape == (2, 5, 3, 2)
    assert coder(pictures).shape == pictures.shape


def test_the_deep_net_has_blocks_at_every_size_and_excitations_two_doublings_up():
    coder = DeepAutoEncoder(DeepAutoEncoderConfig(width=4, latent=20, depth=3))
    seen = {True: [], False: []}  # by whether it is the encoder's: the sides that blocks work at
    for name, module in coder.named_modules():
        if isinstance(module, ResidualBlock):
            down = name.startswith("encoder")
            module.register_forward_hook(lambda _m, _in, out, down=down: seen[down].append(tuple(out.shape[1:3])))
    weighed = []
    for module in coder.modules():
        if isinstance(module, SkipExcitation):
            module.register_forward_hook(
                lambda _m, given, out: weighed.append((given[0].shape[1:3], given[1].shape[1:3], out.shape[1:3]))
            )
    coder(torch.rand(1, 3, 64, 64))
    sizes = [(4, 64), (8, 32), (16, 16), (20, 8)]
    assert seen[True] == [size for size in sizes for _ in range(3)]
    assert seen[False] == [size for size in reversed(sizes) for _ in range(3)]
    assert weighed == [((20, 8), (8, 32), (8, 32)), ((16, 16), (4, 64), (4, 64))]
    plain = PlainAutoEncoder(PlainAutoEncoderConfig())
    assert not [m for m in plain.modules() if isinstance(m, ResidualBlock | SkipExcitation)]
    size = {net: sum(p.numel() for p in net(config()).parameters()) for net, config in NETS}
    assert size[PlainAutoEncoder] < 0.2 * size[DeepAutoEncoder]


@pytest.mark.parametrize(("net", "config"), NETS)
def test_a_picture_is_redrawn_alike_in_any_company(net, config):
    coder = net(config(width=4, latent=8))
    pictures = torch.rand(3, 3, 32, 32) * 2 - 1
    coder.eval()
    with torch.no_grad():
        assert torch.allclose(coder(pictures)[1:2], coder(pictures[1:2]), atol=1e-6)


@pytest.mark.parametrize("name", ["plain-autoencoder", "deep-autoencoder"])
def test_a_checkpoint_builds_its_own_shape_again(name, tmp_path):
    settings = {"width": 4, "latent": 6, "halvings": 2, "between": "slerp"}
    network = registry.build(name, settings | {"refinement": {"width": 4, "depth": 1, "scale": 2}})
    assert isinstance(network, LatentInbetweener)
    assert network.multiple == 8  # 4 of the net, 2 of a refinement that doubles
    assert isinstance(network.config.refinement, RefinementConfig)
    save_checkpoint(tmp_path / "net.safetensors", network, name, network.config, 3)
    again, header = load_checkpoint(tmp_path / "net.safetensors", CPU)
    assert header.architecture == name and again.config == network.config
    for bad in ({"width": 0}, {"halvings": 0}, {"between": "round"}):
        with pytest.raises(ValueError, match="no auto-encoder"):
            registry.build(name, bad)
    with pytest.raises(ValueError, match="no auto-encoder"):
        DeepAutoEncoderConfig(depth=0)


@pytest.mark.parametrize("between", ["lerp", "slerp"])
@pytest.mark.parametrize("size", [(37, 29), (8, 8), (5, 1)])
def test_frames_of_any_size_are_drawn_between_exact_ends(between, size, draw_disc, tmp_path):
    torch.manual_seed(0)
    network = registry.build("deep-autoencoder", {"width": 4, "latent": 6, "between": between})
    save_checkpoint(tmp_path / "net.safetensors", network, "deep-autoencoder", network.config)
    frames = [draw_disc(x, 8, (64, 48), 6)[: size[1], : size[0]] for x in (8, 20)]
    for count in (2, 3, 6):
        drawn = list(interpolate(frames, count, checkpoint=tmp_path / "net.safetensors", device="cpu"))
        assert len(drawn) == count
        assert {frame.shape for frame in drawn} == {frames[0].shape}
        assert np.array_equal(drawn[0], frames[0]) and np.array_equal(drawn[-1], frames[1])


# From the command line


@pytest.mark.parametrize("net", ["deep", "plain"])
def test_from_a_film_to_frames_between_two(net, animi, film, tmp_path):
    run, words = tmp_path / "run", ("--net", net, "--depth", 1, "--steps", 4, "--samples", 2, "--log-every", 1)
    done = animi("pretrain-ae", film, "-o", run, *SMALL, *words, "--sample-every", 2, "--save-every", 2, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(run)}
    assert "step 4: unseen frames redrawn: PSNR" in done.stderr
    assert json.loads((run / "config.json").read_text())["command"] == "pretrain-ae"
    series = read_series(run)
    assert series["autoencoder/loss"][0] == [1, 2, 3, 4]
    assert series["reconstruction/psnr"][0] == series["reconstruction/lines"][0] == [2, 4]
    assert "reconstruction/lpips" not in series
    assert json.loads((run / "best.json").read_text())["score"] == max(series["reconstruction/psnr"][1])
    assert Image.open(run / "samples" / "reconstructions-00000004.png").width >= 2 * 32
    assert (run / "samples" / "reals.png").is_file() and (run / "losses.png").is_file()
    assert read_header(run / "best.safetensors").architecture == f"{net}-autoencoder"

    keys, between = (film / "000.png", film / "004.png"), tmp_path / "between"
    drawn = animi("interpolate", *keys, "-n", 5, "-o", between, "--checkpoint", run / "best.safetensors")
    assert drawn.exit_code == 0, drawn.stderr
    files = sorted(between.glob("*.png"))
    assert len(files) == 5
    for file, key in ((files[0], keys[0]), (files[-1], keys[1])):
        assert np.array_equal(read_image(file), read_image(key))
    sequences = tmp_path / "sequences" / "one"
    sequences.mkdir(parents=True)
    for number in range(3):
        write_png(sequences / f"{number}.png", read_image(film / f"{2 * number:03}.png"))
    measured = animi(
        *("evaluate", run, "blend", sequences.parent, "--metrics", "psnr,line-distance,ghost", "--device", "cpu"),
        *("--json", tmp_path / "found.json"),
    )
    assert measured.exit_code == 0, measured.stderr
    (group, *_) = json.loads((tmp_path / "found.json").read_text())["groups"]
    assert {"psnr", "line_distance", "ghost"} <= group["means"]["run"].keys()
    report = animi("report", run, "-o", tmp_path / "report.html")
    assert report.exit_code == 0, report.stderr
    assert "reconstructions, step 4" in (tmp_path / "report.html").read_text()


def test_finetune_adv_begins_with_it(animi, film, tmp_path):
    ae, run = tmp_path / "ae", tmp_path / "run"
    done = animi("pretrain-ae", film, "-o", ae, *SMALL, "--depth", 1, "--steps", 1, "--between", "slerp")
    assert done.exit_code == 0, done.stderr
    words = ("--size", 64, "--width", 4, "--length", 4, "--steps", 1, "--samples", 2, "--workers", 0, "--no-health")
    done = animi("finetune-adv", film, "-o", run, "--init", ae, *words, "--device", "cpu", "--batch-size", 1)
    assert done.exit_code == 0, done.stderr
    header = read_header(run / "best.safetensors")
    assert header.architecture == "deep-autoencoder"
    assert (header.config["between"], header.config["latent"], header.config["depth"]) == ("slerp", 8, 1)
    again = animi("finetune-adv", film, "-o", tmp_path / "third", "--init", run, *words, "--batch-size", 1)
    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize("net", ["deep", "plain"])
def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_not(net, film, tmp_path):
    how = {"net": net, "save_every": 2, "sample_every": 3}
    pretrain_ae(settings(film, tmp_path / "whole", 6, **how))

    def stop(done, _values):
        if done == 5:  # a step after the last checkpoint
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        pretrain_ae(settings(film, tmp_path / "parts", 6, **how), listeners=Listeners(advance=stop))
    assert (tmp_path / "parts" / "checkpoints" / "00000004.state.safetensors").is_file()
    pretrain_ae(settings(film, tmp_path / "parts", 6, **how), resume=True)
    for half in ("00000006.safetensors", "00000006.state.safetensors"):
        one, other = (load_file(tmp_path / name / "checkpoints" / half) for name in ("whole", "parts"))
        assert one.keys() == other.keys()
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    kept = [[{k: v for k, v in r.items() if k != "images_per_second"} for r in read_metrics(tmp_path / name)]
            for name in ("whole", "parts")]  # fmt: skip
    assert kept[0] == kept[1]


def test_a_run_goes_on_with_its_own_settings(animi, film, tmp_path):
    run = tmp_path / "run"
    assert animi("pretrain-ae", film, "-o", run, *SMALL, "--net", "plain", "--steps", 1).exit_code == 0
    done = animi("pretrain-ae", "--resume", run, "--steps", 2)
    assert done.exit_code == 0, done.stderr
    assert read_header(run / "checkpoints" / "00000002.safetensors").architecture == "plain-autoencoder"
    rejected = animi("pretrain-ae", "--resume", run, "--net", "deep")
    assert rejected.exit_code == 2
    assert "--net: deep was given, but" in rejected.stderr


@pytest.mark.parametrize("net", ["deep", "plain"])
def test_it_learns(net, film, tmp_path):
    how = {"net": net, "rate": 1e-2, "ema": 0.8, "sample_every": 15, "unseen": (film,)}
    clips = ClipConfig(length=1, size=32, crop=1, flip=False, colour=False, reverse=False)
    pretrain_ae(settings(film, tmp_path / "run", 60, clips=clips, **how))
    series = read_series(tmp_path / "run")
    losses = series["autoencoder/loss"][1]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert series["reconstruction/psnr"][1][-1] > series["reconstruction/psnr"][1][0] + 2


# Looks


def test_looks_are_at_frames_that_are_not_learnt_from(tmp_path, monkeypatch):
    for name, levels in (("film", range(10, 130, 10)), ("other", (200, 210))):
        (tmp_path / name).mkdir()
        for level in levels:
            write_png(tmp_path / name / f"{level}.png", np.full((32, 32, 3), level, np.uint8))
    seen = {True: set(), False: set()}  # by whether they are learnt from: the levels of grey
    step = PlainAutoEncoder.forward

    def note(self, pictures):
        seen[self.training] |= {round((picture.mean().item() + 1) * 127.5) for picture in pictures}
        return step(self, pictures)

    monkeypatch.setattr(PlainAutoEncoder, "forward", note)
    clips = ClipConfig(length=1, size=32, crop=1, flip=False, colour=False, reverse=False)
    how = {"net": "plain", "clips": clips, "sample_every": 20}
    pretrain_ae(settings(tmp_path / "film", tmp_path / "run", 20, hold_out=0.25, **how))
    assert seen[True] == {*range(10, 130, 10)} - {70, 80, 90}
    assert seen[False] <= {70, 80, 90} and seen[False]
    seen[True].clear(), seen[False].clear()
    pretrain_ae(settings(tmp_path / "film", tmp_path / "second", 20, unseen=(tmp_path / "other",), **how))
    assert seen[True] == {*range(10, 130, 10)}
    assert seen[False] <= {200, 210} and seen[False]


def test_reconstructions_are_measured_beside_what_they_were(draw_disc, tmp_path):
    frame = torch.from_numpy(draw_disc(30, 30, (64, 64), 12)).permute(2, 0, 1)[None].float() / 127.5 - 1
    soft = nn.functional.avg_pool2d(nn.functional.pad(frame, (3, 3, 3, 3), mode="replicate"), 7, 1)
    perfect, blurred = (measure_reconstructions(drawn, frame) for drawn in (frame, soft))
    assert perfect.metrics["reconstruction/lines"] == 0
    assert perfect.score == perfect.metrics["reconstruction/psnr"] > blurred.score
    assert blurred.metrics["reconstruction/lines"] > 0
    assert set(perfect.metrics) == {"reconstruction/psnr", "reconstruction/lines"}
    assert "LPIPS" not in perfect.sentence


def test_lpips_is_measured_where_weights_are_given(animi, film, tmp_path):
    torch.manual_seed(0)
    features = {f"features.{k}": v.contiguous() for k, v in alexnet(weights=None).features.state_dict().items()}
    from safetensors.torch import save_file

    save_file(features, tmp_path / "alex.safetensors")
    words = ("pretrain-ae", film, "-o", tmp_path / "run", *SMALL, "--net", "plain", "--steps", 1)
    done = animi(*words, "--alex-weights", tmp_path / "alex.safetensors")
    assert done.exit_code == 0, done.stderr
    assert "LPIPS 0." in done.stderr
    (value,) = read_series(tmp_path / "run")["reconstruction/lpips"][1]
    assert 0 < value < 1.5


# What is rejected


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--net", "flat"), 2, "--net: 'flat' is not known; choose one of deep, plain"),
        (("--between", "round"), 2, "--between: 'round' is not known; choose one of lerp, slerp"),
        (("--size", 36), 2, "--size: 36 cannot be trained; give a multiple of 8"),
        (("--size", 40, "--halvings", 4), 2, "give a multiple of 16 (--halvings 4)"),
        (("--width", 0), 2, "--width: 0 is out of range"),
        (("--depth", 99), 2, "--depth: 99 is out of range"),
        (("--rate", 0), 2, "--rate: 0 is out of range; give a number above 0"),
        (("--hold-out", 0), 2, "--hold-out: 0 is out of range"),
        (("--samples", 0), 2, "--samples: 0 is out of range"),
        (("--unseen", "nowhere"), 1, "nowhere: there is no such folder"),
        (("--alex-weights", "nowhere.safetensors"), 1, "nowhere.safetensors cannot be read"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line(words, code, told, animi, film, tmp_path):
    rejected = animi("pretrain-ae", film, "-o", tmp_path / "run", "--device", "cpu", "--steps", 1, *words)
    assert rejected.exit_code == code, rejected.stderr
    assert told in rejected.stderr
    assert rejected.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_film_of_one_frame_has_none_to_hold_out(animi, draw_disc, tmp_path):
    (tmp_path / "one").mkdir()
    write_png(tmp_path / "one" / "0.png", draw_disc(20, 20, (48, 48), 8))
    rejected = animi("pretrain-ae", tmp_path / "one", "-o", tmp_path / "run", *SMALL)
    assert rejected.exit_code == 1
    assert "one: has one frame, so none can be held out" in rejected.stderr
    with pytest.raises(ConfigError, match="--length: 8 cannot be used"):
        PretrainAeConfig((Path("a"),), Path("b"), clips=ClipConfig())


def test_channels_double_up_to_the_latents():
    config = DeepAutoEncoderConfig(width=3, latent=7, halvings=4)
    assert config.channels == [3, 6, 12, 24, 7]
    assert all(b == 2 * a for a, b in pairwise(config.channels[:-1]))
