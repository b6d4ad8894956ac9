"""Aseprite's files: pixels of all depths, cels, tile maps, palettes, groups, tags and durations."""

from fractions import Fraction
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from animi.core.errors import InputError
from animi.core.media.layers.aseprite import read_aseprite
from animi.core.media.layers.composing import compose
from animi.core.media.layers.document import spell_path, walk

made = run_path(str(Path(__file__).with_name("layered.py")))


def write(path, *arguments, **options):
    path.write_bytes(made["ase_file"](*arguments, **options))
    return path


def noise(height, width, channels, most=256, seed=0):
    return np.random.default_rng(seed).integers(0, most, (height, width, channels)).astype(np.uint8)


def test_frames_layers_links_and_tags(tmp_path):
    layer, cel = made["ase_layer"], made["ase_cel"]
    one, other = noise(4, 5, 4), noise(2, 2, 4, seed=1)
    first = [
        layer("body", kind=1), layer("head", level=1, blend=1, opacity=102), layer("目", level=1, flags=0),
        layer("shadow"), cel(1, one, 3, -1), cel(2, other, packed=False), cel(3, other, 6, 6, opacity=51),
        made["ase_tags"](("walk", 0, 1, 0, 0), ("turn", 2, 2, 3, 2)),
    ]  # fmt: skip
    second = [cel(1, link=0), cel(2, link=0)]
    path = write(tmp_path / "a.aseprite", 8, 8, [(100, first), (40, second), (60, [cel(1, link=1), cel(3, one)])])
    found = read_aseprite(path)
    names = [spell_path(at) for at, _ in walk(found.pictures[0].layers)]
    assert names == ["body", "body/head", "body/目", "shadow"]
    body, shadow = found.pictures[0].layers
    head, eyes = body.children
    assert (head.blend, head.opacity, head.cel.x, head.cel.y) == ("multiply", 0.4, 3, -1)
    assert (head.cel.pixels == one).all() and (eyes.cel.pixels == other).all()
    assert not eyes.visible and body.passes
    assert shadow.opacity == 0.2
    assert found.pictures[2].layers[0].children[0].cel is head.cel  # by two links
    assert found.pictures[1].layers[1].cel is None
    assert [picture.seconds for picture in found.pictures] == [Fraction(1, 10), Fraction(1, 25), Fraction(3, 50)]
    assert [(tag.name, tag.first, tag.last, tag.direction) for tag in found.tags] == [
        ("walk", 0, 1, "forward"), ("turn", 2, 2, "pingpong_reverse"),
    ]  # fmt: skip
    assert found.tags[1].more == {"color": "#fe5b59ff", "repeat": "2"}


def test_groups_blend_where_the_header_says_so(tmp_path):
    layer, cel = made["ase_layer"], made["ase_cel"]
    chunks = [layer("group", kind=1, blend=2, opacity=128), layer("in", level=1), cel(1, noise(4, 4, 4))]
    new = read_aseprite(write(tmp_path / "new.ase", 4, 4, [(100, chunks)], flags=3)).pictures[0].layers[0]
    assert (new.blend, round(new.opacity, 2), new.passes) == ("screen", 0.5, False)
    old = read_aseprite(write(tmp_path / "old.ase", 4, 4, [(100, chunks)])).pictures[0].layers[0]
    assert (old.blend, old.opacity, old.passes) == ("normal", 1.0, True)


def test_indexed_colours_are_those_of_the_frames_palette(tmp_path):
    layer, cel, palette = made["ase_layer"], made["ase_cel"], made["ase_palette"]
    pixels = noise(4, 4, 1, most=3)
    colours = [(10, 20, 30, 255), (200, 0, 0, 255), (0, 99, 0, 128)]
    frames = [
        (100, [palette(colours), layer("ground", flags=9), layer("top"), cel(0, pixels), cel(1, pixels)]),
        (100, [palette([(1, 2, 3, 255), *colours[1:]]), cel(0, link=0), cel(1, link=0)]),
    ]
    found = read_aseprite(write(tmp_path / "a.ase", 4, 4, frames, depth=8, transparent=1))
    ground, top = (layer.cel.pixels for layer in found.pictures[0].layers)
    assert (ground == np.array(colours, np.uint8)[pixels[..., 0]]).all()
    assert not top[pixels[..., 0] == 1].any() and (top[pixels[..., 0] == 2] == colours[2]).all()
    later = found.pictures[1].layers[0].cel.pixels
    assert (later[pixels[..., 0] == 0] == (1, 2, 3, 255)).all()


def test_grey(tmp_path):
    pixels = noise(3, 5, 2)
    path = write(tmp_path / "a.ase", 5, 3, [(100, [made["ase_layer"]("a"), made["ase_cel"](0, pixels)])], depth=16)
    found = read_aseprite(path).pictures[0].layers[0].cel.pixels
    assert (found[..., :3] == pixels[..., :1]).all() and (found[..., 3] == pixels[..., 1]).all()


def test_tile_maps(tmp_path):
    tiles = np.random.default_rng(5).integers(0, 256, (3, 2, 2, 4)).astype(np.uint8)
    x_flip, y_flip, diagonal = 0x80000000, 0x40000000, 0x20000000
    grid = np.array([[1, 2 | x_flip, 0], [2 | y_flip, 1 | diagonal, 9]], np.uint32)
    chunks = [
        made["ase_tileset"](0, tiles),
        made["ase_layer"]("map", kind=2, tileset=0),
        made["ase_tiles"](0, grid, 1, 2),
    ]
    cel = read_aseprite(write(tmp_path / "a.ase", 8, 8, [(100, chunks)])).pictures[0].layers[0].cel
    assert (cel.x, cel.y, cel.pixels.shape) == (1, 2, (4, 6, 4))
    assert (cel.pixels[:2, :2] == tiles[1]).all()
    assert (cel.pixels[:2, 2:4] == tiles[2][:, ::-1]).all()
    assert (cel.pixels[2:, :2] == tiles[2][::-1]).all()
    assert (cel.pixels[2:, 2:4] == tiles[1].transpose(1, 0, 2)).all()
    assert not cel.pixels[:, 4:].any()  # the empty tile, and one that does not exist


def test_single_cels_may_lie_higher(tmp_path):
    layer, cel = made["ase_layer"], made["ase_cel"]
    red, blue = np.full((4, 4, 4), (255, 0, 0, 255)), np.full((4, 4, 4), (0, 0, 255, 255))
    chunks = [layer("a"), layer("b"), cel(0, red, order=1), cel(1, blue)]
    found = read_aseprite(write(tmp_path / "a.ase", 4, 4, [(100, chunks)]))
    assert compose(found.pictures[0])[0, 0].tolist() == [255, 0, 0, 255]
    assert found.notes


def bad_files():
    layer, cel, file = made["ase_layer"], made["ase_cel"], made["ase_file"]
    whole = file(8, 8, [(100, [layer("a"), cel(0, noise(8, 8, 4))])])
    bomb = cel(0, noise(8, 8, 4))
    bomb = bomb[:26] + made["zlib"].compress(bytes(1 << 22))
    bomb = len(bomb).to_bytes(4, "little") + bomb[4:]
    deep = [layer(f"g{level}", kind=1, level=level) for level in range(200)]
    return {
        "no Aseprite file": b"GIF89a" * 40,
        "cut short": whole[:-20],
        "cut short in its head": whole[:100],
        "a self link": file(8, 8, [(100, [layer("a"), cel(0, link=0)])]),
        "a circle of links": file(8, 8, [(100, [layer("a"), cel(0, link=1)]), (100, [cel(0, link=0)])]),
        "a link to nothing": file(8, 8, [(100, [layer("a"), cel(0, link=5)])]),
        "a bomb": file(8, 8, [(100, [layer("a"), bomb])]),
        "a huge cel": file(8, 8, [(100, [layer("a"), cel(0, noise(8, 8, 4), size=(65535, 65535))])]),
        "a huge canvas": file(65535, 65535, [(100, [layer("a")])]),
        "30,000 layers": file(8, 8, [(100, [layer(f"l{n}") for n in range(30_000)])]),
        "groups in groups": file(8, 8, [(100, deep)]),
        "a cel of no layer": file(8, 8, [(100, [layer("a"), cel(3, noise(8, 8, 4))])]),
        "no layer": file(8, 8, [(100, [])]),
        "no tile set": file(8, 8, [(100, [layer("a", kind=2, tileset=4), made["ase_tiles"](0, np.ones((1, 1)))])]),
        "no depth": file(8, 8, [(100, [layer("a")])], depth=24),
    }


@pytest.mark.parametrize("problem", bad_files())
def test_bad_files_end_in_one_line(tmp_path, problem):
    path = tmp_path / "bad.aseprite"
    path.write_bytes(bad_files()[problem])
    with pytest.raises(InputError) as error:
        read_aseprite(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_a_file_cut_anywhere_ends_in_one_line(tmp_path):
    layer, cel = made["ase_layer"], made["ase_cel"]
    whole = made["ase_file"](8, 8, [(100, [layer("a"), cel(0, noise(8, 8, 4))]), (100, [cel(0, link=0)])])
    path = tmp_path / "bad.aseprite"
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_aseprite(path)
