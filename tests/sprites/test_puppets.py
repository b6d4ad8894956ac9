"""Drawings in parts: how an SVG is taken apart, and that the motion of every pixel is what is drawn."""

import cv2
import numpy as np
import pytest

from animi.core.cartoon.geometry import place
from animi.core.cartoon.samples import draw_sample
from animi.core.drawn.batches import load_cartoons
from animi.core.sprites.puppets import Bend, Motion, Part, Puppet, flatten, lay_puppet, make_parts, make_stroke
from animi.core.sprites.renderer import SpriteError, SpriteRenderer, find_sprites
from animi.core.sprites.samples import draw_sprite_sample, lay_below

pytest.importorskip("resvg_py")
FACE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">
  <defs><clipPath id="c"><rect width="9" height="9"/></clipPath></defs>
  <g fill="#f00"><g transform="translate(50 50)"><circle r="40"/></g></g>
  <g><circle cx="35" cy="40" r="6" fill="#00f"/><rect x="40" y="62" width="20" height="6" fill="#0f0"/></g>
  <path d="M88 46h12v8H88z" fill="#222"/>
</svg>"""


@pytest.fixture
def face(tmp_path):
    (tmp_path / "face.svg").write_text(FACE)
    return tmp_path / "face.svg"


@pytest.fixture(scope="module")
def renderer():
    with SpriteRenderer() as found:
        yield found


# SVG


def test_each_shape_is_a_layer_as_it_is_drawn(face, renderer):
    layers = renderer.draw_layers(face, 100)
    assert layers.shape == (4, 100, 100, 4)
    assert layers[0, 50, 20].tolist() == [255, 0, 0, 255] and layers[0, 40, 35, 3] == 255  # whole below the eye
    assert layers[1, 40, 35].tolist() == [0, 0, 255, 255] and layers[1, 50, 20, 3] == 0
    assert layers[2, 65, 50].tolist() == [0, 255, 0, 255]
    assert layers[3, 50, 95].tolist() == [34, 34, 34, 255]
    assert flatten(layers)[40, 35].tolist() == [0, 0, 255, 255]
    inked = renderer.draw_layers(face, 100, 0.04)
    assert inked[0, 50, 50].tolist() == [255, 255, 255, 255] and inked[0, 50, 10, :3].max() < 40


def test_what_is_large_wide_or_has_many_shapes_is_fitted(tmp_path, renderer):
    shapes = "".join(f'<rect x="{k}" width="1" height="30"/>' for k in range(60))
    path = tmp_path / "wide.svg"
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="60px" height="30">{shapes}</svg>')
    layers = renderer.draw_layers(path, 60)
    assert layers.shape == (24, 60, 60, 4)
    whole = flatten(layers)[..., 3]
    assert whole[15:45].all() and not whole[:14].any() and not whole[46:].any()


BOMB = '<!DOCTYPE s [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 10}">' for k in range(9)
)


@pytest.mark.parametrize(
    "text",
    [
        "no drawing",
        "<html/>",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 -4 9"><rect width="9" height="9"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect x="50" width="9" height="9"/></svg>',
        f'{BOMB}]><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>&j;</text></svg>',
    ],
    ids=["text", "other", "empty", "no size", "negative", "outside", "bomb"],
)
def test_a_drawing_that_is_none_is_named(text, tmp_path, face, renderer):
    (tmp_path / "bad.svg").write_text(text)
    with pytest.raises(SpriteError, match=r"bad\.svg: is no drawing that can be rendered"):
        renderer.draw_layers(tmp_path / "bad.svg", 32)
    assert len(renderer.draw_layers(face, 32)) == 4


# Motion


def gradient(side=120):
    """A disc whose colours differ from place to place."""
    y, x = np.mgrid[:side, :side]
    colours = np.stack([x * 255 // side, y * 255 // side, (x + y) * 127 // side, np.full_like(x, 255)], -1)
    return np.where(((x - side / 2) ** 2 + (y - side / 2) ** 2 < (0.45 * side) ** 2)[..., None], colours, 0).astype(
        np.uint8
    )


MOTIONS = {
    "shifts": Puppet([], np.eye(3), motion=Motion(shift=(9.5, -4))),
    "turns and grows": Puppet([], place(4, 2), motion=Motion((60, 60), 25, (0.1, -0.2))),
    "bends": Puppet([], place(4, 2), Bend(0.6, 90, 1.0, (3, -6)), Motion((60, 60), -10, shift=(3, 3))),
}


@pytest.mark.parametrize("name", MOTIONS)
def test_the_motion_of_every_pixel_is_what_is_drawn(name):
    kind = MOTIONS[name]
    part = Part(gradient(), [Motion((50, 50), 12, (0.0, 0.1)), Motion((70, 60), shift=(2, 1))])
    puppet = Puppet([part], kind.start, kind.bend, kind.motion)
    below = lay_below(draw_sample(2, 0, 128, worn=False), np.random.default_rng(2))
    sample = lay_puppet(below, puppet)
    grid = np.stack(np.meshgrid(np.arange(128.0), np.arange(128.0)), -1)
    for here, there, motion in (
        (sample.first, sample.last, sample.forward),
        (sample.last, sample.first, sample.backward),
    ):
        to = (grid + motion.flow).astype(np.float32)
        carried = cv2.remap(there, to[..., 0], to[..., 1], cv2.INTER_LINEAR)
        owned = puppet.draw(float(here is sample.last), 128)[1] == 0
        sure = cv2.erode((motion.visible & owned).astype(np.uint8), np.ones((7, 7))) > 0
        assert sure.sum() > 4000 and motion.known[owned].all()
        assert np.abs(carried.astype(int) - here)[sure].max() <= 4
    middle, _ = puppet.draw(sample.t, 128)
    inside = middle[..., 3] > 254
    assert np.abs(sample.middle[inside] - middle[inside][:, :3]).max() <= 1
    points = np.random.default_rng(0).uniform(10, 100, (50, 2))
    assert np.allclose(puppet.back(part, 0.3, puppet.forth(part, 0.3, points)), points)


def test_parts_hang_at_larger_ones_and_go_along(face, renderer, monkeypatch):
    layers = renderer.draw_layers(face, 100)
    from animi.core.sprites import puppets

    hangs, joints = puppets._hang(layers[..., 3] > 127, (layers[..., 3] > 127).sum((1, 2)))
    assert hangs == [-1, 0, 0, 0]
    assert np.allclose(joints[1], (35, 40), atol=1) and 85 < joints[3][0] < 92  # where the ear touches the head
    monkeypatch.setattr(puppets.chances, "PART_MOVES", 1.0)
    monkeypatch.setattr(puppets.chances, "PART_COMES", 0.0)
    parts = make_parts(layers, np.random.default_rng(1))
    assert [len(part.motions) for part in parts] == [0, 1, 1, 1]
    monkeypatch.setattr(puppets.chances, "PART_MOVES", 0.0)
    assert len(make_parts(layers, np.random.default_rng(1))) == 1  # what moves alike is one part


@pytest.mark.parametrize("shown", [(1.0, 0.0), (0.0, 1.0)])
def test_what_comes_or_goes_has_no_motion(shown):
    below = lay_below(draw_sample(2, 0, 128, worn=False), np.random.default_rng(2))
    sample = lay_puppet(below, Puppet([Part(gradient(), shown=shown)], place(4, 4)))
    there = (
        np.abs(sample.first.astype(int) - below.first).max(2) > 9,
        np.abs(sample.last.astype(int) - below.last).max(2) > 9,
    )
    assert [part.any() for part in there] == [part == 1 for part in shown]
    motion = sample.forward if shown[0] else sample.backward
    assert not motion.known[there[0] | there[1]].any() and not motion.visible[there[0] | there[1]].any()
    shows = (np.abs(sample.middle.astype(int) - below.middle).max(2) > 9).any()
    assert shows == (shown[int(sample.t >= 0.5)] == 1)


def test_a_stroke_is_thin_and_pales_evenly():
    (picture,) = make_stroke(100, np.random.default_rng(4))
    assert 30 < (picture[..., 3] > 127).sum() < 1200
    part = Part(picture, shown=(1.0, 0.5), fades=True)
    assert [part.opacity(t) for t in (0.0, 0.5, 1.0)] == [1.0, 0.75, 0.5]


# Samples


def test_samples_with_drawings_are_the_same_anywhere(face, tmp_path):
    for name in ("b", "c"):
        (tmp_path / f"{name}.svg").write_text(FACE.replace("#f00", "#fa0").replace('r="40"', 'r="35"'))
    (tmp_path / "bad.svg").write_text("no drawing")
    found = find_sprites(tmp_path)
    assert [path.name for path in found] == ["b.svg", "bad.svg", "c.svg", "face.svg"]
    with SpriteRenderer() as renderer:
        for number in range(8):
            one, two = (draw_sprite_sample(5, number, 64, found, renderer) for _ in range(2))
            assert np.array_equal(one.middle, two.middle) and np.array_equal(one.forward.flow, two.forward.flow)
            assert not np.array_equal(one.first, draw_sample(5, number, 64).first)
    here, away = (load_cartoons(5, 48, 4, sprites=found, share=1.0, workers=workers) for workers in (0, 1))
    assert all(bool((a == b).all()) for a, b in zip(next(here)[:8], next(away)[:8], strict=True))


def test_rows_have_one_that_is_other_than_the_rest(face, tmp_path, monkeypatch):
    from animi.core.sprites import samples

    (tmp_path / "other.svg").write_text(FACE.replace("#f00", "#08f"))
    laid = []
    monkeypatch.setattr(samples, "lay_puppet", lambda sample, puppet, shadow=0.0: laid.append(puppet) or sample)
    monkeypatch.setattr(samples.chances, "ROWS", 1.0)
    kinds = set()
    with SpriteRenderer() as renderer:
        for seed in range(12):
            laid.clear()
            sample = draw_sample(2, 0, 96, worn=False)
            samples._lay_drawing(sample, find_sprites(tmp_path), np.random.default_rng(seed), renderer)
            usual = [puppet for puppet in laid if len(puppet.parts) == 1 and puppet.parts[0].shown == (1.0, 1.0)]
            shifts = [puppet.motion.shift for puppet in usual]
            most = max(set(shifts), key=shifts.count)
            assert 3 <= len(laid) <= 7 and shifts.count(most) == len(laid) - 1
            kinds.add(
                "moves" if len(usual) == len(laid) else "changes" if any(len(p.parts) == 2 for p in laid) else "comes"
            )
    assert kinds == {"moves", "changes", "comes"}
