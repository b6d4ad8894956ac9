"""The refinement network, and `animi refine`."""

import numpy as np
import pytest
import torch
from PIL import Image

from animi.core.media.image_files import read_image, write_png
from animi.core.weights.checkpoint import save_checkpoint
from animi.models.refinement import Refinement, RefinementConfig


@pytest.fixture(autouse=True)
def few():
    torch.set_num_threads(1)


def make(scale=1, strength=0.0):
    """A refinement that changes nothing, or, with a strength, a little."""
    torch.manual_seed(0)
    network = Refinement(RefinementConfig(4, 1, scale)).eval()
    torch.nn.init.normal_(network.paint.weight, 0, strength)
    return network


@pytest.fixture
def checkpoint(tmp_path):
    def save(scale, strength=0.0):
        path = tmp_path / f"refine-{scale}.safetensors"
        save_checkpoint(path, make(scale, strength), "refinement", RefinementConfig(4, 1, scale), 3, overwrite=True)
        return path

    return save


@pytest.mark.parametrize("size", [(16, 16), (17, 30), (1, 9)])
def test_it_begins_as_the_identity_at_any_size(size):
    pictures = torch.rand(2, 3, *size) * 2 - 1
    assert torch.equal(make()(pictures), pictures)
    doubled = make(2)(pictures)
    assert doubled.shape == (2, 3, 2 * size[0], 2 * size[1])
    wanted = torch.nn.functional.interpolate(pictures, scale_factor=2, mode="bilinear")
    assert torch.allclose(doubled, wanted, atol=1e-6)


@pytest.mark.parametrize("scale", [1, 2])
def test_where_there_are_no_key_frames_the_picture_stands_for_them(scale):
    network = make(scale, 0.3)
    pictures, first, last = torch.rand(3, 1, 3, 20, 12) * 2 - 1
    alone = network(pictures)
    assert not torch.equal(alone, make(scale)(pictures))
    assert torch.equal(alone, network(pictures, pictures, pictures))
    both = network(pictures, first, last)
    assert not torch.equal(both, alone)
    assert not torch.equal(both, network(pictures, last, first))
    assert alone.abs().max() <= 1


def test_it_learns_to_sharpen_what_stands_still_in_the_key_frames():
    torch.manual_seed(1)
    network = Refinement(RefinementConfig(8, 1)).train()
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    sharp = (torch.rand(8, 3, 24, 24) > 0.5).float() * 2 - 1
    soft = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(sharp, (1, 1, 1, 1), mode="replicate"), 3, 1)
    begin = (soft - sharp).abs().mean().item()
    for _ in range(60):
        loss = (network(soft, sharp, sharp) - sharp).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5 * begin
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_impossible_refinements_are_rejected():
    for wrong in ({"scale": 3}, {"width": 0}, {"depth": 0}):
        with pytest.raises(ValueError, match="no refinement"):
            RefinementConfig(**wrong)


def test_pictures_keep_their_names_depth_and_alpha(animi, checkpoint, tmp_path):
    folder = tmp_path / "soft"
    folder.mkdir()
    random = np.random.default_rng(0)
    flat, clear = random.integers(0, 256, (11, 20, 3), np.uint8), random.integers(0, 256, (11, 20, 4), np.uint8)
    deep = random.integers(0, 65536, (11, 20, 3), np.uint16)
    for name, frame in (("a2", flat), ("a10", clear), ("deep", deep)):
        write_png(folder / f"{name}.png", frame)
    out = tmp_path / "out"
    done = animi("refine", folder, "-o", out, "--checkpoint", checkpoint(1))
    assert done.exit_code == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert sorted(path.name for path in out.iterdir()) == ["a10.png", "a2.png", "deep.png"]
    for name, frame in (("a2", flat), ("a10", clear), ("deep", deep)):  # the network is the identity
        assert np.array_equal(read_image(out / f"{name}.png"), frame)
    taken = animi("refine", folder, "-o", out, "--checkpoint", checkpoint(2))
    assert taken.exit_code == 1
    assert "--overwrite" in taken.stderr
    again = animi("refine", folder, "-o", out, "--checkpoint", checkpoint(2), "--overwrite", "--json")
    assert again.exit_code == 0, again.stderr
    assert Image.open(out / "a10.png").size == (40, 22)
    assert Image.open(out / "a10.png").mode == "RGBA"


def test_key_frames_have_a_say(animi, checkpoint, tmp_path, key_frames):
    network = checkpoint(1, 0.3)
    for name, keys in (("alone", ()), ("kept", ("--first", key_frames[0], "--last", key_frames[1]))):
        done = animi("refine", key_frames[0], "-o", tmp_path / name, "--checkpoint", network, *keys)
        assert done.exit_code == 0, done.stderr
    alone, kept = (read_image(tmp_path / name / "a.png") for name in ("alone", "kept"))
    assert not np.array_equal(alone, kept)
    # and the very pixels that the network gives
    x = torch.from_numpy(np.stack([read_image(path) for path in key_frames])).permute(0, 3, 1, 2).float() / 127.5 - 1
    wanted = make(1, 0.3)(x[:1], x[:1], x[1:])[0].permute(1, 2, 0)
    assert np.abs(((wanted + 1) * 127.5).detach().numpy() - kept).max() < 1


def test_what_cannot_be_refined_is_told_in_a_line(animi, checkpoint, tmp_path, key_frames):
    first, _ = key_frames
    words = ("refine", first, "-o", tmp_path / "out", "--checkpoint", checkpoint(1))
    write_png(tmp_path / "small.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "sub").mkdir()
    write_png(tmp_path / "sub" / "a.png", np.zeros((8, 8, 3), np.uint8))
    for more, code, told in (
        (("--first", first), 2, "--first: stands alone; give --last too"),
        (("--first", first, "--last", tmp_path / "small.png"), 1, "small.png is 8x8; make them one size"),
        ((tmp_path / "sub",), 2, "two of them would be written as a.png"),
        (("--checkpoint", tmp_path / "none.safetensors"), 1, "does not exist"),
        (("--device", "warp"), 2, "warp"),
    ):
        rejected = animi(*words, *more)
        assert rejected.exit_code == code, rejected.stderr
        assert told in rejected.stderr
        assert rejected.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_a_network_that_refines_nothing_is_rejected(animi, tmp_path, key_frames):
    from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig

    config = NoiseGeneratorConfig(64, 3, 4)
    save_checkpoint(tmp_path / "noise.safetensors", NoiseGenerator(config), "noise-sle", config)
    rejected = animi("refine", key_frames[0], "-o", tmp_path / "out", "--checkpoint", tmp_path / "noise.safetensors")
    assert rejected.exit_code == 1
    assert "refines nothing" in rejected.stderr
