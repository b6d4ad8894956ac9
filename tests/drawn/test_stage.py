"""Sprites on the device: what a batch of them shows, and what is known of its motion."""

import numpy as np
import pytest
import torch

from animi.core.drawn import stage as sprite_stage
from animi.core.drawn.stage import SPANS, SpriteStage, Stock, build_stage, draw_grounds, render_stock
from animi.core.material.films import open_material
from animi.core.media.image_files import write_png
from animi.core.sprites import chances
from animi.core.sprites import samples as sprite_samples
from animi.core.sprites.renderer import SpriteError
from animi.models.warping import warp

SIDE, SIZE = 48, 64


def striped_square(step):
    """An animation of 40 frames: a square with stripes that goes `step` pixels to the right a frame."""
    frames = torch.zeros((40, 4, SIDE, SIDE), dtype=torch.uint8)
    for number in range(40):
        x = 4 + round(step * number)
        frames[number, 3, 12:36, x : x + 24] = 255
        frames[number, 0, 12:36, x : x + 24 : 2] = 250
        frames[number, 1, 12:36:2, x : x + 24] = 200
    return frames


def stage_of(*animations, seed=3):
    counts = torch.tensor([len(frames) for frames in animations])
    stock = Stock(torch.cat(animations), counts.cumsum(0) - counts, counts)
    return SpriteStage(stock, draw_grounds(1, SIZE, 2), seed, "cpu")


def test_a_batch_is_a_function_of_its_step():
    stage, again = stage_of(striped_square(0.3)), stage_of(striped_square(0.3))
    again.draw(0, 2, SIZE)
    first, same = stage.draw(4, 3, SIZE), again.draw(4, 3, SIZE)
    assert all(torch.equal(one, other) for one, other in zip(first[:8], same[:8], strict=True))
    assert not torch.equal(first.frames, stage.draw(5, 3, SIZE).frames)
    assert first.frames.shape == (3, 3, 3, SIZE, SIZE) and first.frames.dtype == torch.uint8
    assert first.forward.shape == (3, 2, SIZE, SIZE) and first.backward_visible.shape == (3, 1, SIZE, SIZE)
    assert ((first.t > 0) & (first.t < 1)).all()


def test_known_motion_carries_one_frame_to_the_other():
    stage = stage_of(striped_square(0.3), striped_square(0.0))
    moved = False
    for step in range(3):
        batch = stage.draw(step, 8, SIZE)
        first, _, last = batch.frames.float().unbind(1)
        for one, other, flow, counts in (
            (first, last, batch.forward, batch.forward_visible & batch.forward_observable),
            (last, first, batch.backward, batch.backward_visible & batch.backward_observable),
        ):
            error = (warp(other, flow) - one).abs().mean(1, keepdim=True)
            still = (other - one).abs().mean(1, keepdim=True)
            share = counts & (flow.norm(dim=1, keepdim=True) > 1)
            if share.any():
                moved = True
                assert error[share].mean() < 0.5 * still[share].mean()
            assert error[counts].median() <= 1
    assert moved


def test_a_sprite_that_moves_by_itself_is_not_told(monkeypatch):
    monkeypatch.setattr(chances, "HELD", 0.0)
    monkeypatch.setattr(sprite_stage, "_GROUND_KINDS", 1)
    batch = stage_of(striped_square(0.0)).draw(1, 6, SIZE)
    ground = batch.frames[:, 0, :, :1, :1]  # one colour, and no sprite reaches every corner
    on_it = (batch.frames[:, 0] != ground).any(1, keepdim=True)
    told = batch.forward_observable & on_it
    assert on_it.float().mean() > 0.05
    assert told.sum() < 0.35 * on_it.sum()  # soft outlines alone
    monkeypatch.setattr(chances, "HELD", 1.0)
    held = stage_of(striped_square(0.0)).draw(1, 6, SIZE)
    on_it = (held.frames[:, 0] != ground).any(1, keepdim=True)
    assert (held.forward_observable & on_it).sum() > 0.9 * on_it.sum()


def test_the_frame_between_is_the_animations_own(monkeypatch):
    def straight(t, size, side, chance):
        return torch.eye(3).repeat(len(t), 3, 1, 1)

    monkeypatch.setattr(chances, "HELD", 0.0)
    monkeypatch.setattr(sprite_stage, "_GROUND_KINDS", 1)
    monkeypatch.setattr(sprite_stage, "MOST_SPRITES", 1)
    monkeypatch.setattr(sprite_stage, "_choose_ways", straight)
    frames = striped_square(0.4)
    batch = stage_of(frames).draw(2, 12, SIDE)
    middles = []
    for sample, t in zip(batch.frames, batch.t.tolist(), strict=True):
        on_it = (sample != sample[:, :, :1, :1]).any(1).float()  # (3, S, S)
        x = [float((mask.sum(0) * torch.arange(SIDE)).sum() / mask.sum()) for mask in on_it]
        middles.append(x)
        assert abs(x[1] - (x[0] + t * (x[2] - x[0]))) < 1  # at an even pace, frames in whole pixels
    spans = np.abs([x[2] - x[0] for x in middles]) / 0.4
    assert spans.max() > 4 and spans.min() >= SPANS[0] - 2.6 and spans.max() <= SPANS[1] + 2.6


def test_animations_are_rendered_whole_and_bad_ones_left_out(tmp_path, lottie):
    pytest.importorskip("rlottie_python")
    texts = {"a": lottie(60), "b": "none", "c": lottie(8), "d": lottie(40)}
    for name, text in texts.items():
        (tmp_path / f"{name}.json").write_text(text)
    paths = sorted(tmp_path.glob("*.json"))
    stock = render_stock(paths, 32, "cpu", most=50, workers=1)
    # rlottie counts both ends
    assert stock.counts.tolist() == [50, 41] and stock.starts.tolist() == [0, 50]
    red = stock.frames[:, 0].float() * (stock.frames[:, 3] > 200)
    at = (red.sum(1) * torch.arange(32)).sum(1) / red.sum((1, 2))
    assert (at[1:50] - at[:49] > -0.01).all() and at[49] - at[0] > 8  # in order
    with pytest.raises(SpriteError, match=r"b\.json: neither it nor any other"):
        render_stock([tmp_path / "b.json", tmp_path / "c.json"], 32, "cpu")


def test_grounds_come_from_films_too(tmp_path, lottie, monkeypatch):
    pytest.importorskip("rlottie_python")
    monkeypatch.setattr(sprite_stage, "_GROUNDS", 2)
    (tmp_path / "sprites").mkdir()
    (tmp_path / "sprites" / "a.json").write_text(lottie(40))
    (tmp_path / "film").mkdir()
    for number in range(2):
        write_png(tmp_path / "film" / f"{number}.png", np.full((40, 56, 3), 77, np.uint8))
    films = open_material([tmp_path / "film"]).films
    stage = build_stage([tmp_path / "sprites" / "a.json"], films, SIZE, 0, torch.device("cpu"))
    assert stage.grounds.shape == (4, 3, 96, 96) and (stage.grounds[2:] == 77).all()
    assert stage.frames.shape[2] == SIZE


def test_sprites_are_set_moving_alike_on_the_device_and_on_the_processor():
    """The two make their placements in their own ways; how far, how large and how turned they come out is the same."""
    size, side, count = 200, 64, 4000
    half = torch.full((count,), 0.5)
    device = sprite_stage._choose_ways(half, size, side, torch.Generator().manual_seed(3)).numpy()  # (N, 3, 3, 3)
    rng = np.random.default_rng(3)
    sides = [int(size * np.exp(rng.uniform(*np.log(chances.SIDES)))) for _ in range(count)]
    processor = np.array([sprite_samples._way(rng, size, each, 0.5) for each in sides])

    def measure(ways, sides):
        middles = np.stack(
            [(way @ np.array([each / 2, each / 2, 1]))[:, :2] for way, each in zip(ways, sides, strict=True)]
        )
        scales = np.sqrt(np.abs(np.linalg.det(ways[..., :2, :2])))  # (N, 3)
        angles = np.degrees(np.arctan2(ways[..., 1, 1], -ways[..., 0, 1])) - 90  # of the column that no mirror turns
        far = np.linalg.norm(middles[:, 2] - middles[:, 0], axis=1)
        spin = np.abs((angles[:, 2] - angles[:, 0] + 180) % 360 - 180)
        return np.array([
            (far > 1e-3).mean(), np.log(far[far > 1e-3]).mean(), np.log(far[far > 1e-3]).std(),
            np.log(scales[:, 0] * sides).mean(), np.log(scales[:, 0] * sides).std(), (spin > 0.01).mean(),
            spin.std() / 10, np.abs(angles[:, 0]).mean() / 10, np.abs(np.log(scales[:, 2] / scales[:, 0])).mean() * 10,
            middles[:, 1].min() / size, middles[:, 1].max() / size,
        ])  # fmt: skip

    np.testing.assert_allclose(measure(device, [side] * count), measure(processor, sides), atol=0.08)
