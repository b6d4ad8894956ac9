"""Layers composed, and PSD, OpenRaster and OCA written and read again, also by other programs' readers."""

import json
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from fractions import Fraction
from pathlib import Path
from runpy import run_path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms
from psd_tools.composite.blend import BLEND_FUNC
from psd_tools.constants import BlendMode

from animi.core.errors import InputError
from animi.core.media.image_files import encode_png
from animi.core.media.layers.composing import COMPOSED, compose
from animi.core.media.layers.document import Cel, Layer, Picture, spell_path, spread_cel, walk
from animi.core.media.layers.oca import OcaWriter, read_oca
from animi.core.media.layers.ora import read_ora, write_ora
from animi.core.media.layers.psd import _MODES as PSD_MODES
from animi.core.media.layers.psd import read_psd, write_psd
from animi.core.media.layers.psd_colours import CMYK, GREY, LAB, RGB, PsdColours

layered = run_path(str(Path(__file__).with_name("layered.py")))
draw, disc = layered["draw"], layered["disc"]


def noise(alpha, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 4)).astype(np.uint8)
    return pixels if alpha else np.dstack([pixels[..., :3], np.full((20, 30), 255, np.uint8)])


def stack(*layers):
    return Picture(30, 20, layers)


def describe(picture):
    """All that is kept of layers, and their pixels on the canvas."""
    found = []
    for path, layer in walk(picture.layers):
        said = (spell_path(path), round(layer.opacity, 2), layer.visible, layer.blend, layer.children is not None)
        found.append((said, spread_cel(layer.cel, picture.width, picture.height, deep=True)))
    return found


def assert_same(one, other, *, near=0):
    one, other = describe(one), describe(other)
    assert [said for said, _ in one] == [said for said, _ in other]
    for (_, first), (_, last) in zip(one, other, strict=True):
        there = first[..., 3:] > 0  # colours of what is not there may differ
        assert np.abs(first.astype(int) - last)[np.broadcast_to(there, first.shape)].max(initial=0) <= near
        assert (first[..., 3] == last[..., 3]).all()


@pytest.mark.parametrize(
    ("blend", "other"),
    [
        ("multiply", ImageChops.multiply), ("screen", ImageChops.screen), ("add", ImageChops.add),
        ("overlay", ImageChops.overlay), ("hard-light", ImageChops.hard_light), ("darken", ImageChops.darker),
        ("lighten", ImageChops.lighter), ("difference", ImageChops.difference), ("subtract", ImageChops.subtract),
    ],
)  # fmt: skip
def test_blend_modes_are_those_of_pillow(blend, other):
    below, above = noise(False, 1), noise(False, 2)
    drawn = compose(stack(Layer("a", Cel(below)), Layer("b", Cel(above), blend=blend)))
    wanted = np.asarray(other(*(Image.fromarray(each[..., :3]) for each in (below, above))))
    assert (drawn[..., 3] == 255).all()
    assert np.abs(drawn[..., :3].astype(int) - wanted).max() <= 2  # Pillow works in whole numbers


@pytest.mark.parametrize("blend", [blend for blend in COMPOSED if blend != "atop"])
def test_blend_modes_are_those_of_psd_tools(blend):
    """The formulas of both for opaque layers, in all combinations of 52 levels, extremes included; and with alpha."""
    levels = np.linspace(0, 255, 52).round().astype(np.uint8)
    below = np.dstack(np.broadcast_arrays(levels[:, None], levels[None, ::-1], np.roll(levels, 17)[None]))
    above = np.dstack(np.broadcast_arrays(levels[None], levels[:, None], np.roll(levels, 31)[:, None]))
    opaque = [np.dstack([each, np.full(each.shape[:2], 255, np.uint8)]) for each in (below, above)]
    drawn = compose(Picture(52, 52, (Layer("a", Cel(opaque[0])), Layer("b", Cel(opaque[1]), blend=blend))))
    of_psd = BLEND_FUNC[BlendMode[PSD_MODES[blend]]]
    values = [each.astype(np.float32) / 255 for each in (below, above)]
    wanted = of_psd(values[0].copy(), values[1].copy())
    apart = np.abs(drawn[..., :3].astype(float) - wanted * 255)
    if blend in ("color-burn", "color-dodge", "vivid-light", "divide"):  # division by nearly nothing
        assert np.quantile(apart, 0.999) < 1 and apart.mean() < 0.6
    else:
        assert apart.max() < 1
    alpha = np.array([0, 64, 128, 255], np.uint8)
    for ground, layer in ((alpha[0], alpha[2]), (alpha[1], alpha[2]), (alpha[3], alpha[1])):
        cels = [
            Cel(np.dstack([each, np.full(each.shape[:2], a, np.uint8)]))
            for each, a in ((below, ground), (above, layer))
        ]
        drawn = compose(Picture(52, 52, (Layer("a", cels[0]), Layer("b", cels[1], blend=blend))))
        a, b = float(ground) / 255, float(layer) / 255  # W3C, section 5.3 and 5.8
        mixed = (1 - a) * b * values[1] + a * b * wanted + (1 - b) * a * values[0]
        share = a + b - a * b
        assert np.quantile(np.abs(drawn[..., :3] / 255 * share - mixed), 0.999) < 1.5 / 255


def test_transparent_layers_are_laid_over_each_other_as_by_pillow():
    below, above = noise(True, 1), noise(True, 2)
    drawn = compose(stack(Layer("a", Cel(below)), Layer("b", Cel(above))))
    wanted = np.asarray(Image.alpha_composite(*(Image.fromarray(each) for each in (below, above)))).astype(int)
    assert np.abs(drawn[..., 3] - wanted[..., 3]).max() <= 1
    assert np.abs(drawn.astype(int) - wanted)[wanted[..., 3] > 8].max() <= 3


def test_one_layer_is_composed_to_itself():
    pixels = noise(True, 3)
    pixels[pixels[..., 3] == 0] = 0
    assert (compose(stack(Layer("a", Cel(pixels)))) == pixels).all()


def test_groups_and_clipping():
    red, half = (np.zeros((20, 30, 4), np.uint8) for _ in range(2))
    red[:, :20] = (255, 0, 0, 255)
    half[:, 10:] = (0, 0, 255, 255)
    clipped = compose(stack(Layer("red", Cel(red)), Layer("blue", Cel(half), clips=True)))
    assert clipped[5, 5].tolist() == [255, 0, 0, 255]
    assert clipped[5, 15].tolist() == [0, 0, 255, 255]
    assert clipped[5, 25, 3] == 0
    hidden = compose(stack(Layer("red", Cel(red), visible=False), Layer("blue", Cel(half), clips=True)))
    assert not hidden.any()
    white = Layer("white", Cel(np.full((20, 30, 4), 255, np.uint8)))
    inner = Layer("inner", Cel(half), blend="multiply")
    alone = compose(stack(white, Layer("group", children=(inner,), opacity=0.5)))
    through = compose(stack(white, Layer("group", children=(inner,), opacity=0.5, passes=True)))
    assert alone[5, 15].tolist() == through[5, 15].tolist() == [128, 128, 255, 255]
    many = (
        Layer("red", Cel(red)),
        Layer("dark", Cel(np.full((20, 30, 4), (0, 255, 0, 255), np.uint8)), blend="multiply"),
    )
    assert compose(stack(white, Layer("group", children=many)))[5, 25].tolist() == [0, 255, 0, 255]
    assert compose(stack(white, Layer("group", children=many, passes=True)))[5, 5].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("deep", [False, True])
def test_psd_is_read_by_psd_tools_and_pillow(tmp_path, deep):
    from psd_tools import PSDImage

    picture = draw(40, deep=deep)
    path = tmp_path / "a.psd"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_psd(path, picture, profile=profile)
    psd = PSDImage.open(path)
    assert [layer.name for layer in psd] == ["背景 #1", "figures", "light", "off"]
    assert [layer.name for layer in psd[1]] == ["ball", "shade", "../post/.."]
    assert psd.depth == (16 if deep else 8)
    assert psd[1].blend_mode.name == "PASS_THROUGH"
    assert psd[1][1].clipping and psd[1][1].blend_mode.name == "MULTIPLY" and psd[1][1].opacity == 128
    assert not psd[3].visible
    flat = compose(picture)
    merged = np.rint(psd.numpy()[..., :3] * np.iinfo(flat.dtype).max)
    assert (merged == flat[..., :3]).all()
    if not deep:
        with Image.open(path) as image:
            assert (np.asarray(image.convert("RGB")) == flat[..., :3]).all()
    words = ["-i", path, "-pix_fmt", "rgb48le" if deep else "rgb24", "-f", "rawvideo", "-"]
    ran = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *words], capture_output=True, check=True
    )
    by_ffmpeg = np.frombuffer(ran.stdout, "<u2" if deep else np.uint8).reshape(*flat.shape[:2], 3)
    assert (by_ffmpeg == flat[..., :3]).all()
    again = read_psd(path)
    assert_same(picture, again.pictures[0])
    assert again.profile == profile
    assert again.pictures[0].layers[1].children[1].clips
    assert np.abs(compose(again.pictures[0]).astype(int) - flat).max() <= (257 if deep else 1)


def test_psd_without_layers_and_in_grey(tmp_path):
    from psd_tools import PSDImage

    grey = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    PSDImage.frompil(Image.fromarray(grey)).save(tmp_path / "grey.psd")
    found = read_psd(tmp_path / "grey.psd").pictures[0]
    assert (compose(found)[..., :3] == grey[..., None]).all()


def make_psd(path, mode, colour):
    """A PSD with one layer of a colour, by psd-tools."""
    from psd_tools import PSDImage

    psd = PSDImage.new(mode, (6, 4), depth=8)
    psd.create_pixel_layer(Image.new(mode, (3, 2), colour), name="a", left=2, top=1)
    psd.save(path)
    return read_psd(path)


def test_psd_of_inks_becomes_rgb_layer_by_layer(tmp_path):
    for inks, wanted in (
        ((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 255), (0, 0, 0)), ((0, 0, 0, 0), (255, 255, 255)),
        ((0, 128, 0, 64), (191, 95, 191)),
    ):  # fmt: skip
        found = make_psd(tmp_path / "a.psd", "CMYK", inks)
        (layer,) = found.pictures[0].layers
        assert layer.name == "a" and (layer.cel.x, layer.cel.y, *layer.cel.pixels.shape) == (2, 1, 2, 3, 4)
        assert np.abs(layer.cel.pixels[0, 0].astype(int) - (*wanted, 255)).max() <= 1
        assert found.profile is None and any(
            "CMYK was converted to sRGB without a profile" in note for note in found.notes
        )
    inks = np.random.default_rng(2).random((8, 8, 4)).astype(np.float32)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for unfit in (None, profile, b"CMYK" * 40):  # such a profile is not one of inks, or is none
        assert "without a profile" in PsdColours(CMYK, 8, unfit).note
    assert np.allclose(PsdColours(CMYK, 8, None).convert(inks), inks[..., :3] * inks[..., 3:])


def test_psd_of_lab_becomes_rgb_as_by_littlecms(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB", 5000), "RGB", "LAB"
    )
    lab = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb), transform)) ^ np.array([0, 128, 128], np.uint8)
    found = PsdColours(LAB, 8, None).convert(lab.astype(np.float32) / 255) * 255
    assert np.abs(found - rgb).mean() < 1.5  # Lab of 8 bits is coarse
    found = make_psd(tmp_path / "a.psd", "LAB", (128, 128, 128))
    grey = found.pictures[0].layers[0].cel.pixels[0, 0]
    assert np.ptp(grey[:3].astype(int)) <= 1 and abs(int(grey[0]) - 119) <= 1  # L* of 50.2
    assert any("Lab was converted to sRGB" in note for note in found.notes)


def test_psd_of_32_bits_becomes_16_of_srgb():
    colours = PsdColours(RGB, 32, None)
    values = np.array([[[0.0, 0.2140, 1.0], [4.0, np.nan, np.inf]]], np.float32)
    assert np.abs(colours.convert(values) - [[[0, 0.5, 1], [1, 0, 1]]]).max() < 1e-3
    assert colours.depth == 16 and colours.converts and "32 bits" in colours.note
    assert np.allclose(PsdColours(GREY, 32, None).convert(values[..., 1:2])[0, 0], 0.5, atol=1e-3)


def test_psd_masks_and_what_is_left_out(tmp_path):
    from psd_tools import PSDImage

    psd = PSDImage.new("RGB", (30, 20))
    layer = psd.create_pixel_layer(Image.new("RGB", (30, 20), (9, 99, 199)), name="masked\0")
    mask = Image.new("L", (10, 20), 255)
    mask.paste(51, (0, 0, 5, 20))
    layer.create_mask(mask)
    psd.save(tmp_path / "a.psd")
    cel = spread_cel(read_psd(tmp_path / "a.psd").pictures[0].layers[0].cel, 30, 20)
    assert (cel[:, :5, 3] == 51).all() and (cel[:, 5:10, 3] == 255).all() and not cel[:, 10:, 3].any()
    assert read_psd(tmp_path / "a.psd").pictures[0].layers[0].name == "masked"


@pytest.mark.parametrize(
    ("kind", "said", "left"), [("type", "text", 1), ("smartobject", "smart object", 1), ("curves", "curves", 0)]
)
def test_what_psd_layers_become_pixels_is_said(tmp_path, monkeypatch, kind, said, left):
    write_psd(tmp_path / "a.psd", stack(Layer("Title", Cel(noise(True, 1)))))
    monkeypatch.setattr("psd_tools.api.layers.PixelLayer.kind", property(lambda layer: kind))
    found = read_psd(tmp_path / "a.psd")
    assert len(found.notes) == 1 and said in found.notes[0] and "Title" in found.notes[0]
    assert sum(layer.name == "Title" for layer in found.pictures[0].layers) == left


def test_ora_is_a_zip_as_the_specification_has_it(tmp_path):
    picture = draw(40)
    path = tmp_path / "a.ora"
    write_ora(path, picture)
    with zipfile.ZipFile(path) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.read("mimetype") == b"image/openraster"
        with archive.open("mergedimage.png") as file, Image.open(file) as image:
            assert (np.asarray(image) == compose(picture)).all()
        with archive.open("Thumbnails/thumbnail.png") as file, Image.open(file) as image:
            assert max(image.size) <= 256
        root = ElementTree.fromstring(archive.read("stack.xml"))
        assert (root.get("w"), root.get("h")) == ("96", "64")
        top = list(root.find("stack"))
        assert [each.get("name") for each in top] == ["off", "light", "figures", "背景 #1"]
        ball = next(each for each in root.iter("layer") if each.get("name") == "ball")
        with archive.open(ball.get("src")) as file, Image.open(file) as image:
            assert (np.asarray(image) == picture.layers[1].children[0].cel.pixels).all()
        assert (ball.get("x"), ball.get("y")) == ("28", "20")
        assert top[1].get("composite-op") == "svg:screen" and top[0].get("visibility") == "hidden"
    assert_same(picture, read_ora(path).pictures[0])


def test_equal_pictures_make_equal_ora_files(tmp_path):
    for name in ("a", "b"):
        write_ora(tmp_path / f"{name}.ora", draw(40))
    assert (tmp_path / "a.ora").read_bytes() == (tmp_path / "b.ora").read_bytes()


def test_oca_keeps_layers_and_when_they_change(tmp_path):
    first, last = draw(30), draw(60)
    writer = OcaWriter(tmp_path, "walk", Fraction(12))
    for picture, frames in ((first, 3), (first, 1), (last, 2)):
        writer.add(picture, frames)
    writer.finish()
    data = json.loads((tmp_path / "walk.oca").read_text(encoding="utf-8"))
    assert (data["ocaVersion"], data["endTime"], data["frameRate"]) == ("1.1.0", 6, 12.0)
    assert [layer["name"] for layer in data["layers"]] == ["背景 #1", "figures", "light", "off"]
    ball, _, post = data["layers"][1]["childLayers"]
    assert [frame["frameNumber"] for frame in ball["frames"]] == [0, 4]
    assert [frame["duration"] for frame in ball["frames"]] == [4, 2]
    assert [frame["duration"] for frame in post["frames"]] == [6]
    for file in writer.shown:
        assert (tmp_path / file).resolve().is_relative_to(tmp_path)
    with Image.open(tmp_path / ball["frames"][1]["fileName"]) as image:
        assert (np.asarray(image) == last.layers[1].children[0].cel.pixels).all()
    again = read_oca(tmp_path)
    assert [picture.seconds for picture in again.pictures] == [Fraction(4, 12), Fraction(2, 12)]
    for picture, found in zip((first, last), again.pictures, strict=True):
        assert_same(picture, found)


def test_what_reaches_beyond_the_canvas_stays_where_it_is(tmp_path):
    wide = np.random.default_rng(4).integers(1, 256, (20, 30, 4)).astype(np.uint8)
    inner = (Layer("in", Cel(wide, 3, -2)),)
    layers = (
        Layer("a", Cel(wide, -1, 0)),
        Layer("b", Cel(wide[:7, :9], -4, 17)),
        Layer("c", children=inner, clips=True),
    )
    write_psd(tmp_path / "a.psd", stack(*layers))
    (tmp_path / "oca").mkdir()
    writer = OcaWriter(tmp_path / "oca", "x", Fraction(24))
    writer.add(stack(*layers))
    writer.finish()
    for found in (read_psd(tmp_path / "a.psd"), read_oca(tmp_path / "oca")):
        assert_same(stack(*layers), found.pictures[0])
    assert read_psd(tmp_path / "a.psd").pictures[0].layers[2].clips  # a group that clips, as Clip Studio has them


def test_oca_centres_as_kritas_exporter_rounds_them(tmp_path):
    (tmp_path / "x.png").write_bytes(encode_png(disc(5, 5, 4, (9, 9, 9), (11, 10))))
    frame = {
        "name": "x",
        "fileName": "x.png",
        "frameNumber": 0,
        "opacity": 0.4,
        "width": 11,
        "height": 10,
        "duration": 3,
    }
    layer = {"name": "x", "type": "paintlayer", "opacity": 0.4, "blendingMode": "linear_dodge", "frames": [frame]}
    data = {"width": 64, "height": 48, "frameRate": 24, "startTime": 0, "endTime": 3, "layers": [layer]}
    for position, edge in (([25, 24], (20, 20)), ([25.5, 25.0], (20, 20))):
        frame["position"] = position
        (tmp_path / "a.oca").write_text(json.dumps(data))
        found = read_oca(tmp_path).pictures[0].layers[0]
        assert (found.cel.x, found.cel.y) == edge
        assert found.opacity == 0.4  # a frame's is the layer's at that frame, not a factor
        assert found.blend == "add"


def test_openraster_in_an_unknown_encoding_is_one_line(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.ora", "w") as archive:
        archive.writestr("mimetype", "image/openraster")
        archive.writestr("stack.xml", "<?xml version='1.0' encoding='UTF-9'?><image w='8' h='8'><stack/></image>")
    with pytest.raises(InputError, match=r"a\.ora: is not an OpenRaster file .*unknown encoding: UTF-9"):
        read_ora(tmp_path / "a.ora")


@pytest.mark.parametrize("name", ["../x.png", "/etc/passwd", "..\\x.png", "C:\\x.png", "link/x.png"])
def test_oca_reads_nothing_outside_its_folder(tmp_path, name):
    inner = tmp_path / "a"
    inner.mkdir()
    (tmp_path / "x.png").write_bytes(encode_png(disc(5, 5, 4, (9, 9, 9))))
    (inner / "link").symlink_to(tmp_path)
    frame = {"name": "x", "fileName": name, "frameNumber": 0, "position": [5, 5]}
    data = {"width": 64, "height": 48, "layers": [{"name": "x", "frames": [frame]}]}
    (inner / "a.oca").write_text(json.dumps(data))
    with pytest.raises(InputError, match="outside its folder"):
        read_oca(inner)
