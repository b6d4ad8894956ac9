"""Hints, charts, doubt and linear light of drawings in layers, by the command."""

import json
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from animi.core.config.interpolation import KEYS, USED_WITH, InterpolateConfig
from animi.core.errors import AnimiError, InputError
from animi.core.inbetween.command import draw_animation
from animi.core.inbetween.hints import make_hints, parse_hint, parse_part
from animi.core.inbetween.layer_hints import LayerHints, share_hints
from animi.core.media.frames import resize_image
from animi.core.media.image_files import encode_png, read_image
from animi.core.media.layers.composing import compose, list_covers
from animi.core.media.layers.document import Cel, Layer, Picture, spell_path, spell_paths, spread_cel, walk
from animi.core.media.layers.ora import read_ora, write_ora

disc = run_path(str(Path(__file__).parents[1] / "media" / "layered.py"))["disc"]
WIDTH, HEIGHT = 96, 64
COUNT = 5


def draw(x, opacity=1.0):
    """A far ball that a near one hides in part, in a group, over a sky that stands still, below a faint glow."""
    sky = np.full((HEIGHT, WIDTH, 4), (200, 220, 255, 255), np.uint8)
    glow = np.full((HEIGHT, WIDTH, 4), (255, 240, 200, 255), np.uint8)
    far = Layer("far", Cel(disc(x, 34, 9, (200, 60, 40))))
    near = Layer("near", Cel(disc(x + 4, 30, 9, (40, 60, 200))), opacity=opacity)
    cat = Layer("cat", children=(far, near))
    return Picture(WIDTH, HEIGHT, (Layer("sky", Cel(sky)), cat, Layer("glow", Cel(glow), 0.2, blend="multiply")))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name, picture in (("a", draw(20)), ("b", draw(70, 0.5)), ("c", draw(20))):
        write_ora(folder / f"{name}.ora", picture)
    return folder


def read_centres(pictures):
    """Where the far and the near ball are in each picture."""
    found = []
    for picture in pictures:
        cels = {path[-1][0]: layer.cel for path, layer in walk(picture.layers)}
        spots = []
        for name in ("far", "near"):
            y, x = np.nonzero(spread_cel(cels[name], WIDTH, HEIGHT)[..., 3] > 128)
            spots.append((x.mean(), y.mean()))
        found.append(spots)
    return np.array(found)  # (frames, 2, 2)


@pytest.fixture
def draw_with(keys, tmp_path):
    """Draws in-betweens, and returns the result and the pictures."""

    def drawn(inputs="ab", **options):
        for file in tmp_path.glob("out.*.ora"):
            file.unlink()
        settings = {"count": COUNT, "engine": "flow", "overwrite": True} | options
        done = draw_animation(
            InterpolateConfig(tuple(keys / f"{name}.ora" for name in inputs), tmp_path / "out.ora", **settings)
        )
        return done, [read_ora(file).pictures[0] for file in sorted(tmp_path.glob("out.*.ora"))]

    return drawn


def test_a_hint_acts_on_the_layer_that_is_seen_at_its_point_or_on_the_one_that_it_names(draw_with, tmp_path, keys):
    plain = read_centres(draw_with()[1])
    over = {"24,30>49,10>74,30": 1, "cat/far:20,34>45,54>70,34": 0, "0:cat:14,38>39,58>64,38": 0}
    for text, ball in over.items():
        done, pictures = draw_with(hint=(text,))
        found = read_centres(pictures)
        assert found[2, ball, 1] == pytest.approx({0: 53.5, 1: 9.5}[ball], abs=1.5), text
        assert (found[:, 1 - ball] == plain[:, 1 - ball]).all() and not done.written.notes
    file = {"pairs": [{"keys": [0, 1], "layer": "cat/far", "tracks": [[[20, 34], [45, 54], [70, 34]]]}]}
    (tmp_path / "h.json").write_text(json.dumps(file))
    found = read_centres(draw_with(hints=tmp_path / "h.json")[1])
    assert found[2, 0, 1] == pytest.approx(53.5, abs=1.5) and (found[:, 1] == plain[:, 1]).all()
    done, pictures = draw_with(hint=("5,5>9,9",))
    assert (read_centres(pictures) == plain).all()
    assert "--hint 5,5>9,9 (sky): had no effect" in done.written.notes[0]


def test_a_layer_or_a_group_may_have_a_chart(draw_with, tmp_path):
    even = read_centres(draw_with()[1])
    charted = draw_with(part=("cat/near=0,0,0,0.5,1",))[1]
    centres = read_centres(charted)
    assert (centres[:, 0] == even[:, 0]).all()
    assert (centres[:3, 1] == even[0, 1]).all() and (centres[3, 1] == even[2, 1]).all()
    near = [next(layer for path, layer in walk(picture.layers) if path[-1][0] == "near") for picture in charted]
    assert [round(layer.opacity, 3) for layer in near] == [1, 1, 1, 0.75, 0.5]  # opacities have the chart, too
    whole = read_centres(draw_with(part=("cat=0,0.5,0.5,1,1", "0:cat/near=0,0,0,0,1"))[1])
    assert (whole[:, 0] == even[[0, 2, 2, 4, 4], 0]).all() and (whole[:, 1] == even[[0, 0, 0, 0, 4], 1]).all()
    file = {"pairs": [{"parts": [{"layer": "cat/near", "spacing": [0, 0, 0, 0.5, 1]}]}]}
    (tmp_path / "h.json").write_text(json.dumps(file))
    again = draw_with(hints=tmp_path / "h.json")[1]
    assert all((compose(one) == compose(other)).all() for one, other in zip(again, charted, strict=True))
    # neither of these needs an engine with motion
    for options in ({"engine": "blend"}, {"engine": "blend", "pixel_art": True}, {"engine": "blend", "linear": True}):
        pictures = draw_with(part=("cat=0,0,0,0,1",), **options)[1]
        assert (read_centres(pictures)[:4] == even[0]).all()


def test_a_layer_may_move_before_and_after_all_else(draw_with):
    """At a key frame's time, layers of another time are in between, and are drawn."""
    even = read_centres(draw_with()[1])
    pictures = draw_with(spacing="0,0,1,1,1", part=("cat/near=0,0.5,0.5,0.5,1",))[1]
    found = read_centres(pictures)
    assert len(found) == 5
    assert (found[:, 0] == even[[0, 0, 4, 4, 4], 0]).all() and (found[:, 1] == even[[0, 2, 2, 2, 4], 1]).all()
    held = read_centres(draw_with(spacing="0,0.5,1,1")[1])
    assert (held == even[[0, 2, 4, 4]]).all()


def test_a_mask_acts_on_the_layer_that_is_seen_in_it(draw_with, tmp_path):
    plain = read_centres(draw_with()[1])
    mask = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    mask[16:48, 8:40] = 255
    (tmp_path / "arm.png").write_bytes(encode_png(mask))
    found = read_centres(draw_with(part=(f"{tmp_path / 'arm.png'}=0,0,0,0,1",))[1])
    assert (found[:, 0] == plain[:, 0]).all()
    assert found[3, 1] == pytest.approx(plain[0, 1], abs=1)
    file = {"pairs": [{"layer": "cat/far", "parts": [{"mask": "arm.png", "spacing": [0, 0, 0, 0, 1]}]}]}
    (tmp_path / "h.json").write_text(json.dumps(file))
    found = read_centres(draw_with(hints=tmp_path / "h.json")[1])
    assert (found[:, 1] == plain[:, 1]).all() and found[3, 0, 0] < 30 < plain[3, 0, 0]


def test_doubt_is_measured_where_it_is_seen(draw_with, tmp_path):
    plain = draw_with()[1]
    done, pictures = draw_with(doubt=tmp_path / "maps", on_failure="morph")
    assert all((compose(one) == compose(other)).all() for one, other in zip(plain, pictures, strict=True))
    maps = sorted(path.name for path in (tmp_path / "maps").glob("*.png"))
    assert maps == ["001.png", "002.png", "003.png"]
    values = [read_image(tmp_path / "maps" / name) for name in maps]
    assert all(each.shape[:2] == (HEIGHT, WIDTH) for each in values)
    assert max(int(each.max()) for each in values) > 40 and all(each[:, :8].max() == 0 for each in values)
    assert {found.frame for found in done.doubtful} <= {1, 2, 3}
    for found in done.doubtful:
        assert 0 <= found.x < WIDTH and 0 <= found.y < HEIGHT
    draw_with(doubt=tmp_path / "d.html")
    page = (tmp_path / "d.html").read_text()
    assert "guesswork" in page and (not done.doubtful or "--overwrite" in page)


def test_what_a_layer_hides_is_not_in_doubt(keys, tmp_path):
    wall = np.full((HEIGHT, WIDTH, 4), (90, 90, 90, 255), np.uint8)
    for name in "ab":
        picture = read_ora(keys / f"{name}.ora").pictures[0]
        write_ora(tmp_path / f"{name}.ora", Picture(WIDTH, HEIGHT, (*picture.layers, Layer("wall", Cel(wall)))))
    config = InterpolateConfig(
        (tmp_path / "a.ora", tmp_path / "b.ora"), tmp_path / "o.png", 3, engine="flow", doubt=tmp_path / "d.png"
    )
    assert not draw_animation(config).doubtful and read_image(tmp_path / "d.png").max() == 0


def test_linear_light_is_mixed_as_light(tmp_path):
    for name, value in (("a", 0), ("b", 255)):
        block = np.full((24, 24, 4), (value, value, value, 255), np.uint8)
        write_ora(tmp_path / f"{name}.ora", Picture(64, 48, (Layer("block", Cel(block, 20, 12)),)))
    inputs = (tmp_path / "a.ora", tmp_path / "b.ora")
    for linear, grey in ((False, 128), (True, 188)):
        output = tmp_path / f"{linear}.ora"
        draw_animation(InterpolateConfig(inputs, output, 3, engine="blend", linear=linear))
        pictures = [read_ora(tmp_path / f"{linear}.000{k}.ora").pictures[0] for k in range(3)]
        assert compose(pictures[1])[24, 32].tolist() == [grey] * 3 + [255]
        assert compose(pictures[1])[4, 4, 3] == 0
        assert (compose(pictures[0]) == compose(read_ora(inputs[0]).pictures[0])).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hint": ("dog:1,1>2,2",)}, "there is no layer dog; there are sky, cat, cat/far, cat/near, glow"),
        ({"part": ("cat/fur=ease-in",)}, "there is neither a file nor a layer cat/fur"),
        ({"part": ("cat/far=0,0.5,1",)}, "has 3 times, and a pair has 5 frames"),
        ({"hint": ("99,5>9,9",)}, "99,5 is outside the 96x64 picture"),
        ({"hint": ("1:9,5>9,9",)}, "is of key frames 1 and 2"),
        ({"hint": ("24,30>74,30",), "engine": "blend"}, "draws without motion"),
        ({"hint": ("24,30>74,30",), "pixel_art": True}, "--hint: does not go with --pixel-art"),
        ({"hint": ("24,30>74,30",), "linear": True}, "--hint: does not go with --linear"),
        ({"linear": True, "doubt": Path("d.html")}, "--doubt: does not go with --linear"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(draw_with, tmp_path, options, words):
    with pytest.raises(AnimiError) as error:
        draw_with(**options)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert not list(tmp_path.glob("out*"))


def test_hints_of_a_loop_and_of_tags_name_pairs_that_are_drawn(draw_with, tmp_path):
    file = {"pairs": [{"keys": [2, 0], "tracks": [[[24, 30], [24, 30]]]}]}
    (tmp_path / "h.json").write_text(json.dumps(file))
    with pytest.raises(AnimiError, match="key frames 2 and 0"):
        draw_with("abc", hints=tmp_path / "h.json")
    assert len(draw_with("abc", hints=tmp_path / "h.json", loop=True)[1]) == 12


def test_layers_are_named_for_drawings_in_layers_only(animi, keys, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
    inputs = (tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "o.gif")
    done = animi("interpolate", *inputs, "--hint", "cat:1,1>2,2")
    assert done.exit_code == 1 and "names a layer, and these key frames have none" in done.stderr
    (tmp_path / "h.json").write_text('{"pairs": [{"parts": [{"layer": "cat", "spacing": "ease-in"}]}]}')
    done = animi("interpolate", *inputs, "--hints", tmp_path / "h.json")
    assert done.exit_code == 1 and "part 0: names a layer" in done.stderr


def test_the_path_of_a_layer_stands_before_the_points():
    for text, keys, layer in (
        ("1,2>3,4", (0, 1), None), ("2:1,2>3,4", (2, 3), None), ("cat/head:1,2", (0, 1), "cat/head"),
        ("1:cat: sat:1,2", (1, 2), "cat: sat"), ("0:7:1,2", (0, 1), "7"),
    ):  # fmt: skip
        hinted = parse_hint(text).pairs[0]
        assert (hinted.keys, hinted.layer) == (keys, layer)


def test_a_cover_is_what_a_layer_shows():
    square = np.zeros((8, 8, 4), np.uint8)
    square[2:6, 2:6] = 255
    base, cut = Layer("base", Cel(square), 0.5), Layer("cut", Cel(np.full((8, 8, 4), 255, np.uint8)), 0.5, clips=True)
    hidden = Layer("off", Cel(square), visible=False)
    picture = Picture(
        8, 8, (base, cut, hidden, Layer("g", children=(Layer("in", Cel(square)),), opacity=0.25, blend="screen"))
    )
    covers = {spell_path(cover.path): cover for cover in list_covers(picture)}
    assert list(covers) == ["base", "cut", "g/in"]
    values = {name: cover.draw(8, 8) for name, cover in covers.items()}
    assert [float(values[name][3, 3]) for name in values] == [0.5, 0.25, 0.25]
    assert all(float(each[0, 0]) == 0 for each in values.values())
    assert [covers[name].hides for name in covers] == [True, True, False]


def test_layers_are_resized_first(draw_with, keys, tmp_path):
    done, pictures = draw_with(size="48", count=3)
    assert (done.written.width, done.written.height) == (48, 32) and {(p.width, p.height) for p in pictures} == {
        (48, 32)
    }
    wanted = resize_image(compose(read_ora(keys / "a.ora").pictures[0]), 48, 32).astype(int)
    assert np.abs(compose(pictures[0]).astype(int) - wanted).mean() < 1
    assert [spell_path(path) for path, _ in walk(pictures[1].layers)] == ["sky", "cat", "cat/far", "cat/near", "glow"]
    other = read_ora(keys / "b.ora").pictures[0]
    write_ora(keys / "wide.ora", Picture(WIDTH + 8, HEIGHT, other.layers))
    with pytest.raises(AnimiError, match="add --size 96x64"):
        draw_with(["a", "wide"])
    assert draw_with(["a", "wide"], size="96x64", count=3)[0].written.width == WIDTH


def test_every_option_of_key_frames_is_used(keys, tmp_path, list_read):
    used = set()
    for options in ({}, {"redo": "1", "dry_run": True}, {"output": tmp_path / "o.webp"}):
        settings = {"output": tmp_path / "out", "count": 3, "engine": "blend"} | options
        used |= list_read((keys / "a.ora", keys / "b.ora"), **settings)
    assert {name for name, timings in USED_WITH.items() if KEYS in timings} <= used


def test_hints_are_shared_out_to_layers(tmp_path):
    one, other = draw(20), draw(70)
    gone = Picture(WIDTH, HEIGHT, other.layers[:1])
    cat = ("cat", 0)
    hints = parse_hint("none>74,30") | parse_hint("cat:20,40>70,40") | parse_hint("cat/near:3,3") | parse_hint("1:1,1")
    shared = share_hints(hints, (0, 1), one, other, 5)
    assert {path: len(each.pairs) for path, each in shared.hints.items()} == {
        (cat, ("near", 0)): 2,
        (cat, ("far", 0)): 1,
    }
    assert share_hints(hints, (2, 3), one, other, 5) == LayerHints()
    with pytest.raises(InputError, match="no layer shows anything at 74,30"):
        share_hints(parse_hint("cat:74,30"), (0, 1), one, gone, 5)
    (tmp_path / "still.png").write_bytes(encode_png(np.full((HEIGHT, WIDTH, 1), 255, np.uint8)))
    still = make_hints({"pairs": [{"still": "still.png"}]}, "h.json", tmp_path)
    assert len(share_hints(still, (0, 1), one, other, 5).hints) == 4  # all but the group
    # a glow over all is not what is seen, but where it is alone
    assert [spell_path(path) for path in share_hints(parse_hint("50,5"), (0, 1), one, other, 5).hints] == ["sky"]
    glow = Picture(WIDTH, HEIGHT, one.layers[2:])
    assert [spell_path(path) for path in share_hints(parse_hint("50,5"), (0, 1), glow, glow, 5).hints] == ["glow"]
    with pytest.raises(InputError, match=r"h\.json: pair 0: there is no layer dog; there are sky"):
        share_hints(make_hints({"pairs": [{"layer": "dog"}]}, "h.json", tmp_path), (0, 1), one, other, 5)


def test_no_two_layers_have_one_path():
    leg = (Layer("leg"),)
    layers = (
        Layer("x", children=leg), Layer("x", children=leg), Layer("x (2)"), Layer("x"), Layer("x/leg"), Layer("x (2)"),
    )  # fmt: skip
    one, other = Picture(8, 8, layers), Picture(8, 8, (*layers, Layer("x")))
    spelt = spell_paths(one, other)
    assert list(spelt) == list(dict.fromkeys(path for path, _ in walk(other.layers)))
    assert list(spelt.values()) == [
        "x", "x/leg (2)", "x (3)", "x (3)/leg", "x (2)", "x (4)", "x/leg", "x (2) (2)", "x (5)",
    ]  # fmt: skip
    # a layer is found by the path that messages have
    hints = parse_part("x (2)=ease-in") | parse_part("x (3)=ease-out") | parse_part("x/leg=linear")
    shared = share_hints(hints, (0, 1), one, other, 3)
    assert list(shared.charts) == [(("x (2)", 0),), (("x", 1),), (("x/leg", 0),)]
    assert shared.names[("x", 1),] == ("--part x (3)=ease-out (x (3))",)
