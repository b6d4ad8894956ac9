"""`animi train-motion`: what it learns from, what it lowers, its looks, and runs from the command line."""

import json
import os
import signal
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate
from torchvision.models import alexnet

from animi.core.cartoon.samples import GAP, draw_sample
from animi.core.config.material import ClipConfig
from animi.core.config.training import TrainingConfig, TrainMotionConfig
from animi.core.drawn import stage as sprite_stage
from animi.core.drawn.batches import guide, load_cartoons, longest_gap, turn
from animi.core.errors import CheckpointError, ConfigError
from animi.core.media.image_files import write_png
from animi.core.training import motion_evaluation as motion_evaluation
from animi.core.training.distributed import World
from animi.core.training.listeners import Listeners
from animi.core.training.losses.motion import (
    StyleDistance,
    census_distance,
    claim_loss,
    end_point_errors,
    laplacian_distance,
    pick,
    picture_distance,
    visibility_loss,
)
from animi.core.training.metrics_file import read_metrics, read_series
from animi.core.training.motion_evaluation import MotionEvaluation, colour_flow, measure_flows
from animi.core.training.recipes import train_motion as recipe
from animi.core.training.recipes.train_motion import learning_rate, train_motion
from animi.core.weights.checkpoint import read_header, save_checkpoint
from animi.core.weights.vgg import load_vgg
from animi.models.motion import MotionConfig, MotionNetwork
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig
from animi.models.warping import warp

SMALL = ("--sizes", "64,48", "--width", 8, "--batch-size", 2, "--workers", 0, "--device", "cpu", "--log-every", 1,
         "--evaluation-samples", 2)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread(one_panel):
    """Computes in one thread."""
    torch.set_num_threads(1)


def settings(output, steps=5, **changes):
    training = {"steps": steps, "batch_size": 2, "workers": 0, "device": "cpu", "log_every": 1, "clip": 1.0}
    training |= {name: changes.pop(name) for name in ("save_every", "sample_every", "seed") if name in changes}
    config = {"width": 8, "sizes": (48,), "grow": 2, "samples": 2, "evaluation_samples": 2} | changes
    return TrainMotionConfig(config.pop("paths", ()), output, training=TrainingConfig(**training), **config)


@pytest.fixture
def film(tmp_path, draw_disc):
    folder = tmp_path / "film"
    folder.mkdir()
    for number in range(12):
        write_png(folder / f"{number:03}.png", draw_disc(12 + 3 * number, 30, (72, 64), 10))
    return folder


@pytest.fixture
def sprites(tmp_path, lottie, monkeypatch):
    """A folder of one animation, and few grounds for it."""
    pytest.importorskip("rlottie_python")
    monkeypatch.setattr(sprite_stage, "_GROUNDS", 2)
    folder = tmp_path / "sprites"
    folder.mkdir()
    (folder / "a.json").write_text(lottie(40))
    return folder


# Runs


def test_workers_leave_the_signals_that_end_a_training_to_it():
    batches = load_cartoons(3, 64, 1, workers=1)
    next(batches)
    (worker,) = batches._workers  # a terminal's Ctrl-C and a scheduler's SIGTERM reach it too
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(worker.pid, number)
    for _ in range(4):  # more than were drawn ahead
        assert next(batches).frames.shape == (1, 3, 3, 64, 64)


def test_from_nothing_to_frames_drawn_between_two(animi, film, tmp_path):
    run = tmp_path / "run"
    done = animi("train-motion", "-o", run, *SMALL, "--steps", 4, "--save-every", 2, "--sample-every", 2, "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"output": str(run)}
    assert "step 4: error/0-4" in done.stderr
    series = read_series(run)
    assert series["motion/error"][0] == [1, 2, 3, 4]
    assert {"motion/matching", "motion/visibility", "motion/pictures", "motion/gradient"} <= series.keys()
    assert series["error/0-4"][0] == series["yardstick/error/0-4"][0] == [2, 4]
    assert len(set(series["yardstick/error/0-4"][1])) == 1  # measured once
    assert Image.open(run / "samples" / "strips-00000004.png").width >= 5 * 64
    assert (run / "samples" / "yardstick-00000000.png").is_file() and (run / "losses.png").is_file()
    assert read_header(run / "best.safetensors").architecture == "motion"
    drawn = animi(
        *("interpolate", film / "000.png", film / "003.png", "-n", 4, "-o", tmp_path / "out"),
        *("--checkpoint", run / "best.safetensors", "--on-failure", "morph", "--json"),
    )
    assert drawn.exit_code == 0, drawn.stderr
    assert json.loads(drawn.stdout)["engine"] == "motion"


def test_a_run_that_was_stopped_ends_bit_for_bit_as_one_that_was_not(tmp_path, film, vgg_weights):
    # every kind of batch: drawn, put together from layers, and of films
    how = {"paths": (film,), "collage": 1, "films": 0.34, "save_every": 3, "sample_every": 100}
    how |= {"semantics": 0.5, "vgg_weights": vgg_weights(tmp_path)}
    train_motion(settings(tmp_path / "whole", 7, **how))

    def stop(done, _values):
        if done == 5:  # two steps after the last checkpoint
            raise RuntimeError("pulled the plug")

    with pytest.raises(RuntimeError):
        train_motion(settings(tmp_path / "parts", 7, **how), listeners=Listeners(advance=stop))
    assert sorted(p.name for p in (tmp_path / "parts" / "checkpoints").glob("*.state.*")) == [
        "00000003.state.safetensors"
    ]
    train_motion(settings(tmp_path / "parts", 7, **how), resume=True)
    ends = [load_file(tmp_path / name / "checkpoints" / "00000007.state.safetensors") for name in ("whole", "parts")]
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    batches = recipe._Batches(settings(tmp_path / "whole", 7, **how), World(CPU), Listeners(), guided=False)
    kinds = [batches.kind(step) for step in range(7)]
    assert set(kinds) == {"drawn", "collage", "film"}
    told = [any(name.startswith("motion/film/") for name in record) for record in read_metrics(tmp_path / "whole")]
    assert told[:7] == [kind == "film" for kind in kinds]
    for record, kind in zip(read_metrics(tmp_path / "whole"), kinds, strict=False):
        assert 0 < record["motion/film/semantics" if kind == "film" else "motion/semantics"] < 2
    # heads are trained and saved, but are no part of the network to draw with
    heads = {f"module/motion/semantics.{head}.{part}" for head in ("quarter", "eighth") for part in ("weight", "bias")}
    middle = load_file(tmp_path / "whole" / "checkpoints" / "00000003.state.safetensors")
    assert {name for name in middle if "semantics" in name} == heads
    assert not any(torch.equal(middle[name], ends[0][name]) for name in heads)
    network = load_file(tmp_path / "whole" / "checkpoints" / "00000007.safetensors")
    assert network.keys() == MotionNetwork(MotionConfig(width=8)).state_dict().keys()


def test_sprites_on_the_device_helped_by_a_search_go_on_bit_for_bit(tmp_path, film, sprites):
    how = {"paths": (film,), "films": 0.25, "sprites": sprites, "staged": 0.5, "collage": 1, "small": 3}
    how |= {"searched": True, "sizes": (64,), "sample_every": 100}
    train_motion(settings(tmp_path / "whole", 6, **how))
    train_motion(settings(tmp_path / "parts", 2, **how))
    train_motion(settings(tmp_path / "parts", 6, **how), resume=True)
    ends = [load_file(tmp_path / name / "checkpoints" / "00000006.safetensors") for name in ("whole", "parts")]
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())


def test_pictures_are_small_at_first_and_all_kinds_of_batches_are(tmp_path, film, sprites):
    how = {"paths": (film,), "films": 0.25, "sprites": sprites, "staged": 0.4, "collage": 1, "small": 20}
    config = settings(tmp_path / "run", 40, sizes=(64, 96), **how)
    batches = recipe._Batches(config, World(CPU), Listeners(), guided=False)
    kinds = [batches.kind(step) for step in range(40)]
    assert "collage" not in kinds[:20] and {"film", "staged", "drawn"} <= set(kinds[:20])
    assert {"film", "staged", "drawn", "collage"} == set(kinds[20:])
    sides = [batch.frames.shape[-1] for (_, batch), _ in zip(batches.load(0), range(40), strict=False)]
    for step, (kind, side) in enumerate(zip(kinds, sides, strict=True)):
        whole = 96 if kind in ("film", "collage") else (64, 96)[step % 2]
        assert side == (whole // 32 * 16 if step < 20 else whole)


def test_only_what_draws_learns_where_the_motion_is_held(tmp_path):
    torch.manual_seed(3)
    config = MotionConfig(width=8)
    first = MotionNetwork(config)
    save_checkpoint(tmp_path / "first.safetensors", first, "motion", config)
    train_motion(settings(tmp_path / "run", 2, init=tmp_path / "first.safetensors", drawing_only=True, warm_up=0))
    learnt = load_file(tmp_path / "run" / "checkpoints" / "00000002.safetensors")
    changed = {name.split(".")[0] for name, value in first.state_dict().items() if not torch.equal(value, learnt[name])}
    assert "painter" in changed and changed <= {"order", "content", "painter", "decision"}


def test_fine_tuning_begins_with_a_network_and_lowers_style_ghosts_and_claims(tmp_path, vgg_weights, monkeypatch):
    # a network that has learnt nothing yet draws no ghosts: what is scored in their place is never 0
    monkeypatch.setattr(recipe, "ghost_penalty", lambda drawn, *_: drawn.square().mean())
    torch.manual_seed(3)
    config = MotionConfig(width=16, layers=1)
    first = MotionNetwork(config)
    save_checkpoint(tmp_path / "first.safetensors", first, "motion", config)
    how = {"init": tmp_path / "first.safetensors", "rate": 1e-12, "decay": 0.0, "warm_up": 0, "sample_every": 100}
    terms = {"style": 0.1, "ghost": 1.0, "claims": 0.5, "vgg_weights": vgg_weights(tmp_path)}

    def gradient(name, **more):
        train_motion(settings(tmp_path / name, 1, **how | more))
        series = read_series(tmp_path / name)
        for term in ("style", "ghost", "claims"):
            assert (f"motion/{term}" in series) == (term in more), (name, term)
        return series["motion/gradient"][1]

    plain, both = gradient("plain"), gradient("both", **terms)
    assert both != gradient("style", **{name: terms[name] for name in ("style", "vgg_weights")}) != plain
    begun = load_file(tmp_path / "both" / "checkpoints" / "00000001.safetensors")
    assert read_header(tmp_path / "both" / "best.safetensors").config["width"] == 16
    for name, weight in first.state_dict().items():  # so slow, it is still the network that it began with
        assert torch.allclose(weight, begun[name], atol=1e-9), name
    train_motion(settings(tmp_path / "again", 1, **how | {"init": tmp_path / "both"}))  # a run's folder does too
    again = load_file(tmp_path / "again" / "checkpoints" / "00000001.safetensors")
    assert all(torch.allclose(weight, again[name], atol=1e-9) for name, weight in begun.items())


def test_lpips_is_lowered_through_the_command(animi, tmp_path):
    torch.manual_seed(0)
    features = {f"features.{k}": v.contiguous() for k, v in alexnet(weights=None).features.state_dict().items()}
    save_file(features, tmp_path / "alex.safetensors")
    words = ("train-motion", *SMALL, "--steps", 1, "--warm-up", 0, "--alex-weights", tmp_path / "alex.safetensors")
    gradients = []
    for name, weight in (("with", 0.5), ("without", 0)):
        done = animi(*words, "-o", tmp_path / name, "--perceptual", weight)
        assert done.exit_code == 0, done.stderr
        series = read_series(tmp_path / name)
        assert ("motion/perceptual" in series) == bool(weight)
        assert series["lpips"][1][0] > 0  # it is measured either way
        gradients += series["motion/gradient"][1]
    assert gradients[0] != gradients[1] and all(0 < gradient < float("inf") for gradient in gradients)


def test_a_guided_network_learns_from_drawings_shown_again_and_goes_on_exactly(tmp_path, film):
    how = {"guided": True, "repeat": 2, "paths": (film,), "films": 0.34, "save_every": 3, "sample_every": 100}
    train_motion(settings(tmp_path / "whole", 5, **how))
    train_motion(settings(tmp_path / "parts", 3, **how))
    train_motion(settings(tmp_path / "parts", 5, **how), resume=True)
    ends = [load_file(tmp_path / name / "checkpoints" / "00000005.safetensors") for name in ("whole", "parts")]
    assert all(torch.equal(tensor, ends[1][name]) for name, tensor in ends[0].items())
    header = read_header(tmp_path / "whole" / "best.safetensors")
    assert header.config["guided"] and "motion/matching" not in read_series(tmp_path / "whole")


def test_another_network_is_no_beginning(tmp_path):
    config = NoiseGeneratorConfig(64, 5, 4)
    save_checkpoint(tmp_path / "noise.safetensors", NoiseGenerator(config), "noise-sle", config)
    with pytest.raises(CheckpointError, match=r"'noise-sle'; give --init one that train-motion has written"):
        train_motion(settings(tmp_path / "run", 1, init=tmp_path / "noise.safetensors"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sizes": ()}, "--sizes: none cannot be used"),
        ({"sizes": (100,)}, "--sizes: 100 cannot be used; give multiples of 16"),
        ({"width": 10}, "--width: 10"),
        ({"rate": 0.0}, "--rate: 0"),
        ({"flow": -1.0}, "--flow: -1"),
        ({"flow": 0.0, "matching": 0.0, "pictures": 0.0}, "--flow: is 0, and so are"),
        ({"cuts": 1.5}, "--cuts: 1.5 is out of range"),
        ({"films": -0.1}, "--films: -0.1 is out of range"),
        ({"collage": -1}, "--collage: -1 is out of range"),
        ({"samples": 0}, "--samples: 0"),
        ({"small": -1}, "--small: -1 is out of range"),
        ({"staged": 0.5}, "--staged: needs sprites; give a folder"),
        ({"sprite_share": 2.0}, "--sprite-share: 2 is out of range"),
        ({"drawing_only": True}, "--drawing-only: needs a network that has learnt motion"),
        ({"semantics": -1.0}, "--semantics: -1"),
        (
            {"drawing_only": True, "init": "x", "semantics": 1.0},
            "--semantics: trains the encoder, which --drawing-only",
        ),
        ({"paths": ("x",), "clips": ClipConfig(length=2)}, "--length: 2 leaves nothing"),
        ({"paths": ("x",), "pictures": 0.0}, "--films: films train pictures only"),
    ],
)
def test_settings_that_cannot_be_used_are_rejected_by_their_flag(tmp_path, changes, sentence):
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, **changes)
    assert str(caught.value).startswith(sentence)


def test_sizes_that_are_no_numbers_are_rejected_in_a_line(animi, tmp_path):
    rejected = animi("train-motion", "-o", tmp_path / "run", "--sizes", "large")
    assert rejected.exit_code == 2
    assert rejected.stderr.strip() == "animi: --sizes: large is no list of numbers; write it as 128,192,256"


# What it learns from


def test_batches_take_turns_in_size_and_their_motion_grows():
    numbers = iter(load_cartoons(3, (48, 32), 2, grow=1000))
    found = [next(numbers) for _ in range(3)]
    assert [batch.frames.shape[-1] for batch in found] == [48, 32, 48]
    later = next(load_cartoons(3, (48, 32), 2, grow=1000, first_step=2))
    assert all(torch.equal(a, b) for a, b in zip(found[2][:8], later[:8], strict=True))
    assert longest_gap(0, 1000) < 0.2 * GAP[1] < longest_gap(999, 1000) < GAP[1] == longest_gap(1000, 1000)
    slow, fast = (next(load_cartoons(3, 48, 8, grow=grow)) for grow in (10**9, 0))
    assert slow.forward.norm(dim=1).mean() < 0.5 * fast.forward.norm(dim=1).mean()


def miss(batch):
    """How far the motion that was found is from the truth, in pixels, where that is visible."""
    found = 2 * interpolate(batch.given.flatten(0, 1), size=64, mode="nearest").unflatten(0, (-1, 2))  # (N, 2, 2, S, S)
    gaps = [
        (found[:, 0] - batch.forward, batch.forward_visible),
        (found[:, 1] - batch.backward, batch.backward_visible),
    ]
    return torch.cat([gap.norm(dim=1, keepdim=True)[visible] for gap, visible in gaps]).mean().item()


def test_turned_scenes_move_as_they_look():
    batch = guide([draw_sample(7, number, 64, worn=False) for number in range(3)])
    for seed in range(12):
        turned = turn(batch, np.random.default_rng(seed))
        assert [x.shape for x in turned] == [x.shape for x in batch]
        for flow, visible, here, there in (
            (turned.forward, turned.forward_visible, turned.frames[:, 0], turned.frames[:, 2]),
            (turned.backward, turned.backward_visible, turned.frames[:, 2], turned.frames[:, 0]),
        ):
            gap = (warp(there.float(), flow) - here).abs().mean(1, keepdim=True)
            assert gap[visible].median() < 2  # a wrong turn of the flow looks up other things
        lengths = [x.given.norm(dim=2).mean() for x in (batch, turned)]
        assert lengths[0] == pytest.approx(lengths[1].item(), rel=1e-4)
        assert miss(turned) == pytest.approx(miss(batch), rel=0.1)  # what was found is turned as the truth is
    assert any(turn(batch, np.random.default_rng(seed)).t[0] != batch.t[0] for seed in range(12))


def test_scenes_that_are_shown_again_are_turned_and_numbered_by_the_step():
    def load(first_step, count, workers=0):
        loader = load_cartoons(3, (32, 48), 2, repeat=2, guided=True, first_step=first_step, workers=workers)
        return list(islice(loader, count))

    whole = load(0, 5)
    assert [len(batch.frames[0, 0, 0]) for batch in whole] == [32, 32, 48, 48, 32]
    assert not torch.equal(whole[0].frames, whole[1].frames)
    assert whole[0].frames.float().mean() == pytest.approx(whole[1].frames.float().mean().item(), rel=1e-5)
    for later, again in zip(whole[3:], load(3, 2, workers=1), strict=True):
        assert all(torch.equal(*pair) for pair in zip(later, again, strict=True))


def test_only_chosen_batches_are_drawn_and_processes_share_them():
    every = load_cartoons(3, 32, 4)
    batches = [next(every) for _ in range(4)]
    odd = load_cartoons(3, 32, 4, chosen=lambda step: step % 2 == 1, workers=1)
    assert torch.equal(next(odd).frames, batches[1].frames) and torch.equal(next(odd).frames, batches[3].frames)
    part = next(load_cartoons(3, 32, 4, part=(1, 2)))
    assert torch.equal(part.frames, batches[0].frames[1:3])


def test_every_kind_of_batch_comes_in_every_size_and_is_reported(film, tmp_path):
    """Kinds that took turns as sizes do left the largest drawings out, and every report was of a film."""
    config = settings(tmp_path, paths=(film,), films=0.25, collage=1, sizes=(32, 48, 64, 80))
    batches = recipe._Batches(config, World(CPU), Listeners(), guided=False)
    kinds = [batches.kind(step) for step in range(4000)]
    for every in (len(config.sizes), 10, 100):
        for first in range(every):
            assert set(kinds[first::every]) == {"film", "drawn", "collage"}


def test_every_size_is_taught_at_every_corner_of_a_cell(tmp_path, monkeypatch):
    """Corners that took turns as sizes do taught each size at some corners only, half a pixel to one side."""
    met = set()
    visibility_loss = recipe.visibility_loss

    def look(seen, visible, counted, corner):
        met.add((visible.shape[-1], corner))
        return visibility_loss(seen, visible, counted, corner)

    monkeypatch.setattr(recipe, "visibility_loss", look)
    train_motion(settings(tmp_path / "run", 8, sizes=(32, 48), sample_every=100))
    assert met == {(size, corner) for size in (32, 48) for corner in range(4)}


def test_half_as_many_films_are_half_of_the_batches_whenever_a_run_goes_on(film, tmp_path):
    config = settings(tmp_path, paths=(film,), films=0.3, collage=1)
    batches = recipe._Batches(config, World(CPU), Listeners(), guided=False)
    kinds = [batches.kind(step) for step in range(40)]
    assert [kinds.count(kind) for kind in ("film", "collage", "drawn")] == [12, 14, 14]
    assert [batches.films_before(step) for step in range(41)] == [kinds[:step].count("film") for step in range(41)]
    straight, resumed = batches.load(0), batches.load(6)
    wanted = [next(straight) for _ in range(9)][6:]
    for (step, batch), (again, other) in zip(wanted, resumed, strict=False):
        assert step == again and type(batch) is type(other)
        assert all(torch.equal(a, b) for a, b in zip(batch, other, strict=True) if a is not None)


def test_triplets_are_in_order_and_their_time_fits():
    clips = torch.arange(5.0).view(1, 5, 1, 1, 1).expand(2, 5, 3, 4, 4)
    seen = set()
    for step in range(60):
        frames, t, _ = recipe._choose_triplets(clips, 0, step)
        first, middle, last = frames[0, :, 0, 0, 0].tolist()
        assert 0 <= first < middle < last <= 4
        assert t[0].item() == pytest.approx((middle - first) / (last - first))
        seen.add((first, middle, last))
    assert len(seen) == 10


def test_the_learning_rate_rises_stays_and_falls():
    rates = [learning_rate(step, 1000, 100) for step in range(1000)]
    assert rates[0] == 0.01 and rates[99:700] == [1.0] * 601
    assert all(late < early for early, late in pairwise(rates[701:]))
    assert rates[-1] == pytest.approx(0.02, abs=1e-3)
    assert learning_rate(0, 10, 0) == 1


# What it lowers


def test_cells_are_compared_with_a_pixel_in_their_middle():
    values = torch.arange(64.0).view(1, 1, 8, 8)
    corners = [pick(values, 2, 2, corner)[0, 0, 0, 0].item() for corner in range(4)]
    assert sorted(corners) == [9, 10, 17, 18]
    assert torch.equal(pick(values, 8, 8, 3), values)


def test_the_error_of_motion_counts_where_it_is_known_and_more_where_it_is_seen():
    truth, step = torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 4, 4)
    step[:, 0, :, :2], step[:, 0, :, 2:] = 3, 6
    left = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    left[..., :4] = True
    everywhere = torch.ones_like(left)
    assert end_point_errors([step], truth, everywhere, left)[1].item() == pytest.approx(3, abs=0.01)
    assert end_point_errors([step], truth, left, everywhere)[1].item() == pytest.approx((3 + 0.3 * 6) / 1.3, abs=0.01)
    total, last = end_point_errors([step, torch.zeros_like(step)], truth, everywhere, left)
    assert last < 0.1 < total < 3 * 0.8 / 1.8 + 0.1
    assert end_point_errors([step], truth, left, ~everywhere)[0] == 0


def test_visibility_is_learnt_where_it_is_known():
    visible = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    right, wrong = torch.full((1, 1, 4, 4), 9.0), torch.full((1, 1, 4, 4), -9.0)
    assert visibility_loss([right], visible, visible) < 0.001 < 5 < visibility_loss([wrong], visible, visible)
    assert visibility_loss([wrong], visible, ~visible) == 0


def test_picture_distances_are_none_for_equal_pictures_and_tell_soft_ones():
    torch.manual_seed(0)
    truth = torch.from_numpy(draw_sample(5, 0, 64).middle).permute(2, 0, 1)[None].float() / 127.5 - 1
    soft = torch.nn.functional.avg_pool2d(truth, 5, 1, 2)
    for distance in (laplacian_distance, census_distance, picture_distance):
        assert distance(truth, truth) == 0
        assert 0 < distance(soft, truth) < distance(torch.rand_like(truth) * 2 - 1, truth)
    assert census_distance(truth * 0.9 + 0.05, truth) < 0.5 * census_distance(soft, truth)
    tiny = torch.rand(1, 3, 1, 3)
    assert laplacian_distance(tiny, tiny + 0.5) == pytest.approx(0.5)


def test_claims_are_lowest_for_the_frame_that_is_right_and_count_where_the_other_is_wrong():
    truth = torch.zeros(1, 3, 8, 8)
    first, last = truth.clone(), truth.clone()
    first[..., :4] = 0.5  # wrong on the left
    last[..., 4:] = 0.25  # wrong on the right, by half as much
    sides = torch.ones(1, 1, 4, 4)
    sides[..., :2] = -1
    right, wrong = (claim_loss(sign * 4 * sides, (first, last), truth) for sign in (1, -1))
    assert right < 0.05 < 3 < wrong
    left, others = torch.zeros_like(sides), torch.zeros_like(sides)
    left[..., :2] = others[..., 2:] = 1
    slope = (sides * 0).requires_grad_()
    claim_loss(slope, (first, last), truth).backward()
    assert slope.grad is not None
    pulls = [(slope.grad * part).sum().item() for part in (left, others)]
    assert pulls[0] == pytest.approx(-2 * pulls[1])
    same = torch.zeros_like(sides, requires_grad=True)
    claim_loss(same, (truth, truth), truth).backward()  # nothing differs, so there is nothing to claim
    assert torch.equal(same.grad, torch.zeros_like(same))
    assert torch.isfinite(claim_loss(sides[:0], (first[:0], last[:0]), truth[:0]))


def test_cuts_teach_that_nothing_is_seen_and_nothing_else(tmp_path):
    torch.manual_seed(0)
    network = MotionNetwork(MotionConfig(width=8, layers=1))
    batch = next(load_cartoons(0, 32, 8))
    loss, parts = recipe._make_loss(settings(tmp_path, cuts=1.0), network, None)(batch, 0)
    assert parts["error"] == parts["pictures"] == 0 and parts["visibility"] > 0 and parts["matching"] > 0
    loss.backward()
    assert network.none.grad < 0  # no match is to score higher
    _, plain = recipe._make_loss(settings(tmp_path, cuts=0.0), network, None)(batch, 0)
    assert plain["error"] > 0 and plain["pictures"] > 0


def test_style_is_none_for_equal_pictures_and_leads_drawn_ones_alone(tmp_path, vgg_weights):
    torch.manual_seed(0)
    style = StyleDistance(load_vgg(vgg_weights(tmp_path)))
    drawn, truth = (torch.rand(2, 3, 32, 32, requires_grad=True) for _ in range(2))
    assert style(truth, truth).item() == pytest.approx(0, abs=1e-6)
    distance = style(drawn, truth)
    distance.backward()
    assert distance > 0 and drawn.grad.abs().max() > 0 and truth.grad is None
    assert all(parameter.grad is None for parameter in style.parameters())
    step = drawn.detach() - 0.05 * drawn.grad / drawn.grad.abs().max()
    assert style(step, truth) < distance  # the way that it leads is the right one


# Looks


def test_the_truth_has_no_error_and_longer_motion_has_its_own_bin():
    samples = [draw_sample(11, 4 * number, 48) for number in range(3)]
    truth = [(sample.forward.flow, sample.backward.flow) for sample in samples]
    assert set(measure_flows(samples, truth).values()) == {0.0}
    still = measure_flows(samples, [(np.zeros((48, 48, 2), np.float32),) * 2] * 3)
    assert still["error/0-4"] < 4 <= still["error/4-8"] < 8


def test_an_evaluation_measures_the_network_beside_the_classical_engine(tmp_path):
    evaluation = MotionEvaluation(0, 64, 3)
    torch.manual_seed(0)
    findings = evaluation.evaluate(MotionNetwork(MotionConfig(width=8, layers=1)).eval())
    assert findings.metrics.keys() == evaluation.baseline.metrics.keys()
    assert evaluation.score(evaluation.baseline) == pytest.approx(-1)
    assert evaluation.baseline.metrics["ghost"] < evaluation.fade["ghost"]
    strips = evaluation.draw_strips(findings, 2)
    assert strips.shape == (2, 3, 64, 320) and strips.min() >= -1 and strips.max() <= 1
    first = torch.from_numpy(evaluation.samples[0].first).permute(2, 0, 1) / 127.5 - 1
    assert torch.allclose(strips[0, :, :, :64], first, atol=1e-5)
    training = draw_sample(0, 0, 64)
    assert not any(np.array_equal(training.first, sample.first) for sample in evaluation.samples)


def test_colours_of_motion_tell_direction_and_length():
    flow = np.zeros((2, 2, 2), np.float32)
    flow[0, 1], flow[1, 0], flow[1, 1] = (10, 0), (-10, 0), (100, 0)
    picture = colour_flow(flow, 20).astype(int)
    assert (picture[0, 0] == 255).all()
    assert picture[0, 1, 0] == 255 and picture[0, 1, 1] == picture[0, 1, 2] == 128  # half red: to the right
    assert (picture[1, 1] == (255, 0, 0)).all()
    assert picture[1, 0, 1] == 255 > picture[1, 0, 0]  # cyan: to the left
