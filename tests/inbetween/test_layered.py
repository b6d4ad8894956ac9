"""In-betweens of drawings in layers and of sprites, by the command."""

import json
import os
import struct
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.inbetween.layered import match_layers, plan_frames
from animi.core.media.image_files import encode_png, read_image
from animi.core.media.layers.composing import compose
from animi.core.media.layers.document import Cel, Document, Layer, Picture, Tag, spell_path, spread_cel, walk
from animi.core.media.layers.oca import OcaWriter, read_oca
from animi.core.media.layers.ora import read_ora, write_ora
from animi.core.media.layers.psd import read_psd, write_psd
from animi.core.media.layers.sheet import read_sheet

MEDIA = Path(__file__).parents[1] / "media"
made = run_path(str(MEDIA / "layered.py"))
draw, disc, SIZE = made["draw"], made["disc"], made["SIZE"]
FLOW = ("--engine", "flow")


def leaf(picture, name):
    return next(layer for path, layer in walk(picture.layers) if path[-1][0] == name)


@pytest.fixture
def keys(tmp_path):
    """a.psd, b.psd and c.ora: the ball goes behind the post; c has no mark, and its shade is stronger."""
    mark = Layer("mark", Cel(np.full((4, 4, 4), 255, np.uint8), 2, 2))
    write_psd(tmp_path / "a.psd", draw(36, more=(mark,), shade=0.4))
    write_psd(tmp_path / "b.psd", draw(60, shade=0.8))
    write_ora(tmp_path / "c.ora", draw(60, shade=0.8))
    return tmp_path


def test_what_one_layer_hides_of_another_is_drawn_whole(animi, keys):
    done = animi("interpolate", keys / "a.psd", keys / "b.psd", "-n", 3, "-o", keys / "out.psd", *FLOW)
    assert done.exit_code == 0, done.stderr
    assert "mark" in done.stderr and "held" in done.stderr
    files = sorted(keys.glob("out.*.psd"))
    assert [file.name for file in files] == ["out.0000.psd", "out.0001.psd", "out.0002.psd"]
    first, middle, last = (read_psd(file).pictures[0] for file in files)
    for key, wanted in ((first, "a.psd"), (last, "b.psd")):
        assert (compose(key) == compose(read_psd(keys / wanted).pictures[0])).all()
    ball = spread_cel(leaf(middle, "ball").cel, *SIZE).astype(int)
    wanted = disc(48, 32, 12, (200, 60, 40)).astype(int)
    behind = np.s_[8:56, 44:54]  # the post hides this part in all pictures
    assert np.abs(ball[..., 3] - wanted[..., 3])[behind].mean() < 4
    assert np.abs(ball[..., :3] - wanted[..., :3])[behind][wanted[behind][..., 3] > 250].max() < 8
    assert abs(leaf(middle, "shade").opacity - 0.6) < 0.01
    assert leaf(middle, "shade").clips and leaf(middle, "light").blend == "screen"
    assert [spell_path(path) for path, _ in walk(middle.layers)] == [spell_path(path) for path, _ in walk(first.layers)]
    assert leaf(middle, "mark").cel.pixels.shape == (4, 4, 4)


def test_all_outputs_show_the_same(animi, keys):
    words = ("interpolate", keys / "a.psd", keys / "b.psd", "-n", 3, *FLOW, "-o")
    for output in ("####.png", "out.webp", "out.ora", "folder", "out.png"):
        done = animi(*words, keys / output)
        assert done.exit_code == 0, done.stderr
    frames = [read_image(keys / f"000{number}.png") for number in range(3)]
    with Image.open(keys / "out.png") as image:
        for number, frame in enumerate(frames):
            image.seek(number)
            assert (np.asarray(image.convert("RGB")) == frame).all()
    oca = read_oca(keys / "folder")
    assert len(oca.pictures) == 3
    for number, frame in enumerate(frames):
        for picture in (read_ora(keys / f"out.000{number}.ora").pictures[0], oca.pictures[number]):
            # layers that clip were cut, so that edges differ a little
            assert np.abs(compose(picture)[..., :3].astype(int) - frame).mean() < 0.3
    with zipfile.ZipFile(keys / "out.0001.ora") as archive, archive.open("mergedimage.png") as file:
        assert (np.asarray(Image.open(file).convert("RGB")) == frames[1]).all()


def test_formats_may_be_mixed_and_folders_given(animi, keys):
    done = animi("interpolate", keys / "a.psd", keys / "c.ora", "-n", 3, "-o", keys / "mixed.gif", *FLOW)
    assert done.exit_code == 0, done.stderr
    folder = keys / "drawings"
    folder.mkdir()
    for name in ("a.psd", "b.psd"):
        (keys / name).rename(folder / name)
    done = animi("interpolate", folder, "-n", 3, "-o", keys / "x.psd", *FLOW, "--loop", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["frames"], found["key_frames"]) == (4, 2)
    assert len(list(keys.glob("x.*.psd"))) == 4
    done = animi("interpolate", folder, "-n", 3, "-o", keys / "b.gif", *FLOW, "--boomerang")
    with Image.open(keys / "b.gif") as image:
        assert image.n_frames == 4


def test_nothing_is_written_outside_the_output(animi, tmp_path):
    names = ("../../evil", "/tmp/evil", "..", ".", "a/b\\c", "con", "日本語 #1", "\u202egnp", "x" * 300, "")
    place = tmp_path / "in" / "deep"
    place.mkdir(parents=True)
    for number, name in enumerate(("a", "b")):
        layers = tuple(Layer(each, Cel(disc(30 + 5 * number, 20, 8, (9, 99, 9)), 0, 0)) for each in names)
        write_ora(place / f"{name}.ora", Picture(*SIZE, (*layers, Layer("../group", children=layers))))
    before = set(tmp_path.rglob("*"))
    done = animi("interpolate", place / "a.ora", place / "b.ora", "-n", 3, "-o", place / "out", "--engine", "blend")
    assert done.exit_code == 0, done.stderr
    new = set(tmp_path.rglob("*")) - before
    assert all(path == place / "out" or place / "out" in path.parents for path in new)
    assert not any(path.is_symlink() for path in new)
    read = read_oca(place / "out")
    assert len(list(walk(read.pictures[0].layers))) == 2 * len(names) + 1
    words = ("interpolate", place / "a.ora", place / "b.ora", "-n", 2, "-o", place / "out", "--engine", "blend")
    again = animi(*words)
    assert again.exit_code == 1 and "--overwrite" in again.stderr
    assert animi(*words, "--overwrite").exit_code == 0
    (place / "out" / "mine.png").write_bytes(b"painted")
    rejected = animi(*words, "--overwrite")
    assert rejected.exit_code == 1 and "mine.png" in rejected.stderr
    assert (place / "out" / "mine.png").read_bytes() == b"painted"


def test_inputs_are_never_replaced(animi, keys):
    (keys / "a.psd").rename(keys / "k.0000.psd")
    (keys / "b.psd").rename(keys / "k.0002.psd")
    before = (keys / "k.0000.psd").read_bytes()
    words = ("interpolate", keys / "k.0000.psd", keys / "k.0002.psd", "-n", 3, "--overwrite", "-o")
    for output in ("k.####.psd", "k.psd"):
        done = animi(*words, keys / output)
        assert done.exit_code == 1 and "would be lost" in done.stderr
    assert (keys / "k.0000.psd").read_bytes() == before
    (keys / "free.0001.psd").write_bytes(b"somebody's")
    done = animi(*words[:-2], "-o", keys / "free.psd")
    assert done.exit_code == 1 and "free.0001.psd" in done.stderr
    assert (keys / "free.0001.psd").read_bytes() == b"somebody's"


def test_deep_layers_stay_deep(animi, tmp_path):
    for name, x in (("a", 36), ("b", 60)):
        write_psd(tmp_path / f"{name}.psd", draw(x, deep=True))
    done = animi("interpolate", tmp_path / "a.psd", tmp_path / "b.psd", "-n", 3, "-o", tmp_path / "o.psd", *FLOW)
    assert done.exit_code == 0, done.stderr
    middle = read_psd(tmp_path / "o.0001.psd").pictures[0]
    assert leaf(middle, "ball").cel.pixels.dtype == np.uint16
    assert (leaf(middle, "ball").cel.pixels % 257 != 0).any()


def test_one_picture_is_too_few_and_sizes_must_agree(animi, keys):
    done = animi("interpolate", keys / "a.psd", "-o", keys / "x.gif")
    assert done.exit_code == 1 and "a.psd" in done.stderr
    write_ora(keys / "small.ora", Picture(8, 8, (Layer("a"),)))
    done = animi("interpolate", keys / "a.psd", keys / "small.ora", "-o", keys / "x.gif")
    assert done.exit_code == 1 and "8x8" in done.stderr and "96x64" in done.stderr


@pytest.mark.parametrize(
    ("inputs", "output", "found"),
    [
        (("a.psd", "b.psd"), "o.exr", "o.exr: drawings in layers"), (("flat.png", "flat.png"), "o.psd", "in layers"),
        (("none.psd", "b.psd"), "o.gif", "none.psd: there is no such file"), (("h.json",), "o.gif", "Aseprite's JSON"),
        (("none.json",), "o.gif", "none.json: there is no such file"), (("a.psd", "b.psd"), "o.aseprite", "suffix"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_or_written_is_named(animi, keys, inputs, output, found):
    (keys / "h.json").write_text("{}")
    (keys / "flat.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    done = animi("interpolate", *(keys / name for name in inputs), "-o", keys / output)
    assert done.exit_code == 1 and found in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_psd_that_only_pillow_reads_is_drawn_flat(animi, tmp_path):
    for name, value in (("a", 40), ("b", 90)):
        duotone = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, 16, 24, 8, 8) + bytes(12) + bytes(2)
        (tmp_path / f"{name}.psd").write_bytes(duotone + bytes([value]) * (16 * 24))
    done = animi("interpolate", tmp_path / "a.psd", tmp_path / "b.psd", "-n", 2, "-o", tmp_path / "x.gif")
    assert done.exit_code == 0, done.stderr
    assert "flattened" in done.stderr and "duotone" in done.stderr


def picture(*layers, seconds=None):
    return Picture(8, 8, layers, seconds=seconds)


def filled(value):
    return Cel(np.full((8, 8, 4), value, np.uint8))


def test_layers_match_by_the_names_on_their_path():
    one = picture(Layer("a", filled(1)), Layer("a", filled(2)), Layer("g", children=(Layer("a", filled(3)),)))
    other = picture(Layer("g", children=(Layer("a", filled(6)),)), Layer("a", filled(4)), Layer("b", filled(9)))
    moving, held = match_layers(one, other)
    assert {spell_path(path): ends[1].pixels[0, 0, 0] for path, ends in moving.items()} == {"a": 4, "g/a": 6}
    assert sorted(map(spell_path, held)) == ["a (2)", "b"]
    hidden = picture(Layer("a", filled(1)), Layer("g", visible=False, children=(Layer("a", filled(3)),)))
    moving, held = match_layers(one, hidden)
    assert not moving and sorted(map(spell_path, held)) == ["a (2)", "g/a"]


def test_in_betweens_stay_within_tags():
    frames = tuple(picture(Layer("a", filled(n)), seconds=Fraction(n + 1, 10)) for n in range(5))
    document = Document(frames, (Tag("walk", 0, 1), Tag("turn", 2, 4)))
    plan = plan_frames(document, (0, 0.5, 1))
    assert plan.next_ones == {0: 1, 2: 3, 3: 4}
    assert plan.places == (0, 2, 3, 5, 7)
    assert plan.frames[:3] == ((0, 0), (0, 0.5), (1, 0))
    assert plan.seconds[:3] == (Fraction(1, 20), Fraction(1, 20), Fraction(2, 10))
    assert sum(plan.seconds) == Fraction(15, 10)
    looped = plan_frames(document, (0, 0.5, 1), loop=True)
    assert looped.next_ones == {0: 1, 1: 0, 2: 3, 3: 4, 4: 2} and looped.looped == {0: 1, 1: 1}
    assert plan_frames(Document(frames), (0, 0.5, 1), loop=True).next_ones[4] == 0


def write_walk(path, *, count=4, tags=()):
    """A sheet of a block that walks, in three colours and nothing between."""
    frames = []
    for number in range(count):
        frame = np.zeros((24, 32, 4), np.uint8)
        frame[8:18, 2 + 6 * number : 10 + 6 * number] = (200, 40, 40, 255)
        frame[8:12, 4 + 6 * number : 8 + 6 * number] = (250, 220, 60, 255)
        frame[17:18, 2 + 6 * number : 10 + 6 * number] = (30, 20, 60, 255)
        frames.append(frame)
    path.with_suffix(".png").write_bytes(encode_png(np.concatenate(frames, axis=1)))
    entries = {
        f"walk {n}.aseprite": {"frame": {"x": 32 * n, "y": 0, "w": 32, "h": 24}, "rotated": False, "trimmed": False,
                              "spriteSourceSize": {"x": 0, "y": 0, "w": 32, "h": 24}, "sourceSize": {"w": 32, "h": 24},
                              "duration": 100 + 10 * n} for n in range(count)
    }  # fmt: skip
    meta = {"app": "https://www.aseprite.org/", "image": path.with_suffix(".png").name, "frameTags": list(tags)}
    path.write_text(json.dumps({"frames": entries, "meta": meta}))
    return frames


def test_sprites_keep_tags_durations_and_colours(animi, tmp_path):
    tags = [
        {"name": "walk", "from": 0, "to": 2, "direction": "forward", "color": "#000000ff"},
        {"name": "rest", "from": 3, "to": 3, "direction": "pingpong"},
    ]
    keys = write_walk(tmp_path / "walk.json", tags=tags)
    done = animi("interpolate", tmp_path / "walk.json", "-n", 3, "--pixel-art", "-o", tmp_path / "out.json", *FLOW)
    assert done.exit_code == 0, done.stderr
    data = json.loads((tmp_path / "out.json").read_text())
    assert isinstance(data["frames"], dict)
    assert data["meta"]["image"] == "out.png"
    assert [(tag["name"], tag["from"], tag["to"], tag["direction"]) for tag in data["meta"]["frameTags"]] == [
        ("walk", 0, 4, "forward"), ("rest", 5, 5, "pingpong"),
    ]  # fmt: skip
    assert data["meta"]["frameTags"][0]["color"] == "#000000ff"
    assert [frame["duration"] for frame in data["frames"].values()] == [50, 50, 55, 55, 120, 130]
    found = read_sheet(tmp_path / "out.json")
    frames = [compose(picture) for picture in found.pictures]
    for place, number in ((0, 0), (2, 1), (4, 2), (5, 3)):
        assert (frames[place] == keys[number]).all()
    colours = {tuple(colour) for frame in keys for colour in frame.reshape(-1, 4)}
    assert {tuple(colour) for frame in frames for colour in frame.reshape(-1, 4)} <= colours
    assert np.argwhere(frames[1][..., 3])[:, 1].mean() == pytest.approx(2 + 3.5 + 3, abs=1)  # half of the way


def test_a_rate_that_is_given_wins_over_durations(animi, tmp_path):
    write_walk(tmp_path / "walk.json")
    words = ("interpolate", tmp_path / "walk.json", "-n", 2, "--engine", "blend", "-o")
    assert animi(*words, tmp_path / "a.gif").exit_code == 0
    assert animi(*words, tmp_path / "b.gif", "--fps", 20).exit_code == 0
    delays = []
    for name in ("a.gif", "b.gif"):
        with Image.open(tmp_path / name) as image:
            delays.append([image.seek(number) or image.info["duration"] for number in range(image.n_frames)])
    assert delays == [[100, 110, 120, 130], [50, 50, 50, 50]]


def test_a_grid_and_a_gif_become_sheets(animi, tmp_path):
    write_walk(tmp_path / "walk.json")
    drawn = ("--engine", "blend", "-o")
    done = animi("interpolate", tmp_path / "walk.png", "--grid", "32x24", "-n", 3, *drawn, tmp_path / "g.json")
    assert done.exit_code == 0, done.stderr
    data = json.loads((tmp_path / "g.json").read_text())
    assert isinstance(data["frames"], list) and len(data["frames"]) == 7
    assert animi("interpolate", tmp_path / "g.json", "-n", 2, *drawn, tmp_path / "g.gif").exit_code == 0
    done = animi("interpolate", tmp_path / "g.gif", "-n", 2, *drawn, tmp_path / "again.json")
    assert done.exit_code == 0, done.stderr
    assert len(json.loads((tmp_path / "again.json").read_text())["frames"]) == 7
    assert animi("interpolate", tmp_path / "walk.png", "--grid", "0x4", "-o", tmp_path / "x.gif").exit_code == 2


def test_an_aseprite_file_is_drawn_by_its_layers_and_tags(animi, tmp_path):
    layer, cel = made["ase_layer"], made["ase_cel"]
    body = np.zeros((8, 8, 4), np.uint8)
    body[:] = (200, 40, 40, 255)
    hat = [layer("hat", opacity=128), cel(1, body[:4], 4, 4)]
    frames = [
        (100, [layer("body"), *hat, cel(0, body, 4, 12), made["ase_tags"](("go", 0, 1, 1, 2))]),
        (60, [cel(0, body, 16, 12), cel(1, link=0)]),
    ]  # fmt: skip
    (tmp_path / "a.aseprite").write_bytes(made["ase_file"](32, 24, frames))
    done = animi("interpolate", tmp_path / "a.aseprite", "-n", 4, "-o", tmp_path / "o.json", "--loop", *FLOW)
    assert done.exit_code == 0, done.stderr
    data = json.loads((tmp_path / "o.json").read_text())
    tag = data["meta"]["frameTags"][0]
    assert (tag["from"], tag["to"], tag["direction"], tag["repeat"]) == (0, 5, "reverse", "2")
    assert sum(frame["duration"] for frame in data["frames"]) == 160
    done = animi("interpolate", tmp_path / "a.aseprite", "-n", 4, "-o", tmp_path / "layers", *FLOW)
    assert done.exit_code == 0, done.stderr
    written = json.loads((tmp_path / "layers" / "layers.oca").read_text())
    assert [len(each["frames"]) for each in written["layers"]] == [5 - 1, 1]  # the hat is drawn once


def many_layers(count):
    names = "".join(f'<layer name="{number}" src="data/a.png"/>' for number in range(count))
    return f'<image w="8" h="8"><stack>{names}</stack></image>'


def make_ora(path, stack, png=None, mimetype=b"image/openraster"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr("stack.xml", stack)
        archive.writestr("data/a.png", encode_png(np.full((8, 8, 4), 9, np.uint8)) if png is None else png)


def big_png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def write_bad(folder, problem):
    """A bad file of a format, and its path."""
    ora, psd, oca = folder / "bad.ora", folder / "bad.psd", folder / "bad.oca"
    good = '<image w="8" h="8"><stack><layer name="a" src="data/a.png"/></stack></image>'
    write_psd(psd, draw(30))
    whole = psd.read_bytes()
    oca.mkdir()
    layer = {"name": "a", "frames": [{"name": "a", "fileName": "a.png", "frameNumber": 0}]}
    data = {"width": 8, "height": 8, "layers": [layer]}
    nested = layer
    for _ in range(25):
        nested = {"name": "g", "type": "grouplayer", "childLayers": [nested]}
    ways = {
        "ora: no zip": lambda: ora.write_bytes(b"no zip" * 99),
        "ora: cut short": lambda: (make_ora(ora, good), ora.write_bytes(ora.read_bytes()[:-30])),
        "ora: another mimetype": lambda: make_ora(ora, good, mimetype=b"application/zip"),
        "ora: no XML": lambda: make_ora(ora, "<image"),
        "ora: entities": lambda: make_ora(ora, f'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>{good}'),
        "ora: entities in UTF-16": lambda: make_ora(
            ora, f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x [<!ENTITY a "aa">]>{good}'.encode("utf-16")
        ),
        "ora: 30,000 layers": lambda: make_ora(ora, many_layers(30_000)),
        "ora: stacks in stacks": lambda: make_ora(
            ora, f'<image w="8" h="8">{"<stack>" * 9000}{"</stack>" * 9000}</image>'
        ),
        "ora: a bomb": lambda: make_ora(ora, good, png=big_png()),
        "ora: a bomb of zeros": lambda: make_ora(ora, " " * (1 << 25) + good),
        "ora: a missing drawing": lambda: make_ora(ora, good.replace("data/a.png", "../../etc/passwd")),
        "ora: a huge canvas": lambda: make_ora(ora, good.replace('w="8" h="8"', 'w="60000" h="60000"')),
        "ora: an infinite place": lambda: make_ora(ora, good.replace('name="a"', 'name="a" x="1e999"')),
        "ora: a damaged stream": lambda: (
            make_ora(ora, good * 9), ora.write_bytes(ora.read_bytes().replace(ora.read_bytes()[110:114], b"\xff" * 4))
        ),
        "ora: no size": lambda: make_ora(ora, good.replace('w="8"', "")),
        "psd: cut short": lambda: psd.write_bytes(whole[: len(whole) // 8]),
        "psd: cut short in its layers": lambda: psd.write_bytes(whole[:400]),
        "psd: a head alone": lambda: psd.write_bytes(whole[:26]),
        "psd: no PSD": lambda: psd.write_bytes(b"8BPX" + whole[4:]),
        "psd: a huge canvas": lambda: psd.write_bytes(whole[:14] + struct.pack(">II", 60_000, 60_000) + whole[22:]),
        "psd: 30,000 layers": lambda: psd.write_bytes(
            struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 8, 8, 8, 3) + bytes(8)
            + struct.pack(">IIh", 5_000_000, 4_999_990, 30_000) + bytes(1000)
        ),
        "oca: no JSON": lambda: (oca / "a.oca").write_text("{"),
        "oca: a missing drawing": lambda: (oca / "a.oca").write_text(json.dumps(data)),
        "oca: another form": lambda: (oca / "a.oca").write_text(json.dumps({"layers": [3]})),
        "oca: 30,000 layers": lambda: (oca / "a.oca").write_text(json.dumps(data | {"layers": [layer] * 30_000})),
        "oca: groups in groups": lambda: (oca / "a.oca").write_text(json.dumps(data | {"layers": [nested] * 2})),
        "oca: no numbers": lambda: (oca / "a.oca").write_text(json.dumps(data | {"frameRate": "x"})),
    }  # fmt: skip
    ways[problem]()
    return folder / f"bad.{problem[:3]}"


PROBLEMS = (
    "ora: no zip", "ora: cut short", "ora: another mimetype", "ora: no XML", "ora: entities", "ora: entities in UTF-16",
    "ora: 30,000 layers", "ora: stacks in stacks", "ora: a bomb", "ora: a bomb of zeros", "ora: a missing drawing",
    "ora: a huge canvas", "ora: an infinite place",
    "ora: a damaged stream", "ora: no size", "psd: cut short", "psd: cut short in its layers", "psd: a head alone",
    "psd: no PSD", "psd: a huge canvas", "psd: 30,000 layers", "oca: no JSON", "oca: a missing drawing",
    "oca: another form", "oca: 30,000 layers", "oca: groups in groups", "oca: no numbers",
)  # fmt: skip


@pytest.mark.parametrize("problem", PROBLEMS)
def test_bad_files_end_in_one_line_and_write_nothing(animi, tmp_path, problem):
    bad = write_bad(tmp_path, problem)
    before = sorted(os.walk(tmp_path))
    done = animi("interpolate", bad, bad, "-o", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert len(done.stderr.splitlines()) == 1 and str(bad) in done.stderr, done.stderr
    assert sorted(os.walk(tmp_path)) == before


def test_a_psd_cut_anywhere_ends_in_one_line(tmp_path):
    write_psd(tmp_path / "a.psd", draw(30))
    whole = (tmp_path / "a.psd").read_bytes()
    bad = tmp_path / "bad.psd"
    rng = np.random.default_rng(3)
    for number in range(40):
        data = bytearray(whole)
        if number % 2:
            data = data[: int(rng.integers(0, len(whole)))]
        else:
            for place in rng.integers(26, len(whole), 6):
                data[int(place)] = int(rng.integers(0, 256))
        bad.write_bytes(bytes(data))
        try:
            read_psd(bad)
        except InputError as error:
            assert "\n" not in str(error)


def test_the_oca_writer_needs_no_order(tmp_path):
    writer = OcaWriter(tmp_path, "a/b", Fraction(24))
    writer.add(draw(30))
    writer.finish()
    assert (tmp_path / "a_b.oca").exists()
