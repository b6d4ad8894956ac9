"""Linear light and numbered files: EXR, DPX, float TIFF, 16-bit TIFF, --linear, and codecs of drawings."""

import json
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from animi.core.engines.opening import open_engine
from animi.core.errors import InputError
from animi.core.inbetween.deep import draw_values
from animi.core.media.deep import detect_deep, encode_display, from_linear, read_deep, read_dpx, to_linear
from animi.core.media.image_files import read_image, write_png

SIZE = (96, 64)
FLOW = ("--engine", "flow")


def scene(x, channels=3):
    """A lamp of light 40 over a dim ground with a pattern: linear light."""
    ground = cv2.resize(np.random.default_rng(5).uniform(0.02, 0.4, (8, 12, 3)).astype(np.float32), SIZE)
    lamp = np.zeros((SIZE[1], SIZE[0]), np.float32)
    cv2.circle(lamp, (x, 32), 10, 1.0, -1, cv2.LINE_AA)
    cv2.circle(lamp, (x, 32), 4, 0.1, -1)
    values = ground * (1 - lamp[..., None]) + lamp[..., None] * np.array([40, 20, 5], np.float32)
    if channels == 4:
        alpha = np.clip(lamp + 0.25, 0, 1)[..., None]
        return np.concatenate([values * alpha, alpha], axis=2).astype(np.float32)
    return values[..., :channels].astype(np.float32)


def write(path, values, kind="half", **attributes):
    names = {1: ("Y",), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A"), 5: ("R", "G", "B", "A", "Z")}[values.shape[2]]
    spec = oiio.ImageSpec(values.shape[1], values.shape[0], values.shape[2], kind)
    spec.channelnames = names
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec) and out.write_image(np.ascontiguousarray(values)) and out.close()
    return path


def read(path, kind=oiio.FLOAT):
    buffer = oiio.ImageBuf(str(path))
    return buffer.get_pixels(kind), buffer.spec()


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", ["half", "float"])
def test_exr_keeps_light_above_white(animi, tmp_path, channels, kind):
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.exr", scene(x, channels), kind, compression="piz", PixelAspectRatio=2.0)
    done = animi("interpolate", tmp_path / "a.exr", tmp_path / "b.exr", "-n", 3, "-o", tmp_path / "o.####.exr", *FLOW)
    assert done.exit_code == 0, done.stderr
    files = sorted(tmp_path.glob("o.*.exr"))
    assert [file.name for file in files] == ["o.0000.exr", "o.0001.exr", "o.0002.exr"]
    for file, key in ((files[0], "a.exr"), (files[2], "b.exr")):
        assert (read(file)[0] == read(tmp_path / key)[0]).all()
    middle, spec = read(files[1])
    assert str(spec.format) == kind and spec.nchannels == channels
    assert spec.get_string_attribute("compression") == "piz" and spec.get_float_attribute("PixelAspectRatio") == 2.0
    if channels == 3:
        assert middle.max() == pytest.approx(40, rel=0.01)  # the lamp is as bright on its way
        wanted = scene(42)
        assert np.abs(middle - wanted)[22:42, 32:52].mean() < np.abs(scene(30) - wanted)[22:42, 32:52].mean() / 4
        assert middle.min() >= 0  # nothing rings


def test_what_is_equal_stays_and_odd_numbers_do_no_harm():
    first, last = scene(30), scene(54)
    first[2, 2] = last[2, 2] = (np.inf, np.nan, -1)
    engine = open_engine("flow")
    middle = next(draw_values(first, last, [0.5], engine, "hold"))
    assert np.array_equal(middle[:8, 8:], first[:8, 8:])
    assert np.isfinite(middle[8:]).all() and middle[8:].max() < 41
    same = next(draw_values(first, first.copy(), [0.5], engine, "hold"))
    assert np.array_equal(same, first, equal_nan=True)


def test_display_views_keep_order_beyond_white():
    light = np.linspace(0, 64, 200, dtype=np.float32)
    view = encode_display(light, 64)
    assert (np.diff(view) >= 0).all() and view[0] == 0 and view[-1] == pytest.approx(1)
    assert np.diff(view)[10:].min() > 0
    assert (encode_display(light / 64, 1) <= 1).all()


def test_only_colours_are_read_and_the_rest_is_named(animi, tmp_path):
    depth = np.ones((*SIZE[::-1], 1), np.float32)
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.exr", np.concatenate([scene(x, 4), depth], axis=2), "float")
    done = animi("interpolate", tmp_path / "a.exr", tmp_path / "b.exr", "-n", 2, "-o", tmp_path / "o.webp", *FLOW)
    assert done.exit_code == 0 and "left out: Z" in done.stderr and "above 1 were cut off" in done.stderr
    with Image.open(tmp_path / "o.webp") as image:
        found = np.asarray(image.convert("RGBA"))[32, 21]
    assert found[:3].tolist() == [255, 255, 255] and found[3] == 255  # (40, 20, 5) is beyond white


def test_the_display_window_is_what_is_drawn(tmp_path):
    spec = oiio.ImageSpec(20, 10, 3, "half")
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = 90, -3, 0, 0, 96, 64
    out = oiio.ImageOutput.create(str(tmp_path / "a.exr"))
    assert out.open(str(tmp_path / "a.exr"), spec) and out.write_image(np.ones((10, 20, 3), np.float16)) and out.close()
    found = read_deep(tmp_path / "a.exr")
    assert found.values.shape == (64, 96, 3)
    assert found.values[:7, 90:].min() == 1 and found.values.sum() == 7 * 6 * 3
    assert any("display window" in note for note in found.notes)


@pytest.mark.parametrize(
    ("bits", "transfer"),
    [(10, "Logarithmic"), (10, "ITU-R 709-4"), (12, "Linear"), (16, "ITU-R 709-4"), (8, "ITU-R 709-4")],
)
def test_dpx_comes_out_as_it_came_in(animi, tmp_path, bits, transfer):
    for number, x in ((7, 30), (8, 54)):
        whole = from_linear(np.minimum(scene(x), 1), "uint8" if bits == 8 else "uint16")
        attributes = {"oiio__BitsPerSample": bits, "dpx__Transfer": transfer}
        write(tmp_path / f"s.{number:04d}.dpx", whole, "uint8" if bits == 8 else "uint16", **attributes)
    done = animi("interpolate", tmp_path / "s.%04d.dpx", "-n", 3, "-o", tmp_path / "o.####.dpx", *FLOW)
    assert done.exit_code == 0, done.stderr
    assert sorted(file.name for file in tmp_path.glob("o.*")) == ["o.0007.dpx", "o.0008.dpx", "o.0009.dpx"]
    key, spec = read(tmp_path / "o.0007.dpx", oiio.UINT16)
    assert (key == read(tmp_path / "s.0007.dpx", oiio.UINT16)[0]).all()
    assert spec.get_int_attribute("oiio:BitsPerSample") == bits
    assert spec.get_string_attribute("dpx:Transfer") == transfer
    assert read_dpx(tmp_path / "o.0008.dpx")[1].curve == {"Logarithmic": "log", "Linear": "linear"}.get(
        transfer, "srgb"
    )


def test_dpx_with_fractions_is_one_line(tmp_path):
    path = write(tmp_path / "a.dpx", np.full((8, 8, 3), np.nan, np.float32), "float")
    with pytest.raises(InputError, match=r"a\.dpx: has numbers with fractions"):
        read_deep(path)


def test_dpx_is_read_by_ffmpeg(animi, tmp_path):
    for name, x in (("a", 30), ("b", 54)):
        write_png(tmp_path / f"{name}.png", from_linear(np.minimum(scene(x), 1), "uint16"))
    done = animi("interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 3, "-o", tmp_path / "o.##.dpx", *FLOW)
    assert done.exit_code == 0, done.stderr
    words = ["-i", tmp_path / "o.00.dpx", "-pix_fmt", "rgb48le", "-f", "rawvideo", "-"]
    found = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *words], capture_output=True, check=True
    )
    pixels = np.frombuffer(found.stdout, "<u2").reshape(SIZE[1], SIZE[0], 3)
    assert (pixels == read_image(tmp_path / "a.png")).all()


def test_exr_is_read_by_ffmpeg(animi, tmp_path):
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.exr", scene(x), "float")
    done = animi("interpolate", tmp_path / "a.exr", tmp_path / "b.exr", "-n", 3, "-o", tmp_path / "o.##.exr", *FLOW)
    assert done.exit_code == 0, done.stderr
    words = ["-i", tmp_path / "o.01.exr", "-pix_fmt", "gbrpf32le", "-f", "rawvideo", "-"]
    found = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *words], capture_output=True, check=True
    )
    planes = np.frombuffer(found.stdout, "<f4").reshape(3, SIZE[1], SIZE[0])[[2, 0, 1]]
    assert np.array_equal(planes.transpose(1, 2, 0), read(tmp_path / "o.01.exr")[0])
    assert planes.max() > 39


def test_patterns_and_holes_by_the_command(animi, tmp_path):
    for number, x in ((1, 20), (2, 30), (4, 50)):
        write_png(tmp_path / f"k{number:02d}.png", from_linear(np.minimum(scene(x), 1), "uint16"))
    words = ("interpolate", tmp_path / "k##.png", "-n", 3, *FLOW, "--json", "-o")
    done = animi(*words, tmp_path / "o_####.tif")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["frames"], found["key_frames"]) == (5, 3)
    assert "number 3 is missing" in found["notes"][0] and "number 3 is missing" in done.stderr
    first = np.asarray(cv2.imread(str(tmp_path / "o_0001.tif"), cv2.IMREAD_UNCHANGED))[..., ::-1]
    assert first.dtype == np.uint16 and (first == read_image(tmp_path / "k01.png")).all()
    assert (read_image(tmp_path / "o_0001.tif") == first).all()
    again = animi(*words, tmp_path / "o_####.tif")
    assert again.exit_code == 1 and "o_0001.tif" in again.stderr and "--overwrite" in again.stderr
    rejected = animi(*words, tmp_path / "k##.png", "--overwrite")
    assert rejected.exit_code == 1 and "would be lost" in rejected.stderr
    assert animi("interpolate", tmp_path / "none##.png", "-o", tmp_path / "x.gif").exit_code == 1
    assert animi(*words, tmp_path / "x.##.jpg").exit_code == 1
    assert animi(*words, tmp_path / "x.##.webp").exit_code == 0 and (tmp_path / "x.##.webp").is_file()


@pytest.mark.parametrize("alpha", [False, True])
def test_linear_light_of_ordinary_pictures(animi, tmp_path, alpha):
    black, white = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 255, np.uint8)
    if alpha:
        black, white = (np.dstack([each, np.full((32, 32), 200, np.uint8)]) for each in (black, white))
    write_png(tmp_path / "a.png", black)
    write_png(tmp_path / "b.png", white)
    words = ("interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 3, "--engine", "blend", "-o")
    assert animi(*words, tmp_path / "given").exit_code == 0
    assert animi(*words, tmp_path / "light", "--linear").exit_code == 0
    assert animi(*words, tmp_path / "deep.exr").exit_code == 0
    assert read_image(tmp_path / "given" / "001.png")[0, 0, 0] == 128
    assert read_image(tmp_path / "light" / "001.png")[0, 0, 0] == 188  # half the light
    for number, key in ((0, black), (2, white)):
        assert (read_image(tmp_path / "light" / f"00{number}.png") == key).all()
    light = read(tmp_path / "deep.0001.exr")[0]
    assert light[0, 0, 0] == pytest.approx(0.5 * (200 / 255 if alpha else 1), abs=1e-3)


@pytest.mark.parametrize("curve", ["srgb", "log", "linear"])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_curves_lead_back(curve, kind):
    full = 255 if kind == "uint8" else 65535
    ramp = np.linspace(0, full, 256).astype(kind).reshape(16, 16, 1).repeat(3, axis=2)
    assert (from_linear(to_linear(ramp, curve), kind, curve) == ramp).all()
    clear = np.concatenate([ramp, ramp[..., :1]], axis=2)
    back = from_linear(to_linear(clear, curve), kind, curve)
    assert (back[..., 3] == clear[..., 3]).all()
    assert (back[clear[..., 3] > 0] == clear[clear[..., 3] > 0]).all()


def test_kodaks_curve_has_its_points():
    codes = np.array([95, 685], np.float32).reshape(1, 2, 1) / 1023
    light = to_linear(np.rint(codes * 65535).astype(np.uint16), "log").ravel()
    assert light == pytest.approx([0, 1], abs=1e-3)


def test_float_tiff(animi, tmp_path):
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.tif", scene(x), "float")
    assert detect_deep(tmp_path / "a.tif") == ".tif"
    done = animi("interpolate", tmp_path / "a.tif", tmp_path / "b.tif", "-n", 3, "-o", tmp_path / "o.##.tif", *FLOW)
    assert done.exit_code == 0, done.stderr
    middle, spec = read(tmp_path / "o.01.tif")
    assert str(spec.format) == "float" and middle.max() == pytest.approx(40, rel=0.01)


def test_options_that_do_not_go_with_light_are_named(animi, tmp_path):
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.exr", scene(x))
    for words in (("--pixel-art",), ("--size", "40"), ("--hint", "1,1>2,2")):
        done = animi("interpolate", tmp_path / "a.exr", tmp_path / "b.exr", "-o", tmp_path / "o.gif", *words)
        assert done.exit_code == 2 and words[0] in done.stderr and "yet" in done.stderr


def test_without_openimageio_one_line_says_what_to_install(animi, tmp_path, monkeypatch):
    for name, x in (("a", 30), ("b", 54)):
        write(tmp_path / f"{name}.exr", scene(x))
    monkeypatch.setattr("animi.core.media.deep.find_spec", lambda name: None)
    done = animi("interpolate", tmp_path / "a.exr", tmp_path / "b.exr", "-o", tmp_path / "o.gif")
    assert done.exit_code == 2 and "animi[deep]" in done.stderr


def bad_files(path):
    whole = write(path.with_name("good.exr"), scene(30)).read_bytes()
    data = whole.replace(b"R\0", b"Q\0")
    return {
        "cut short": whole[: len(whole) // 2],
        "cut short in its head": whole[:60],
        "a head alone": whole[:4],
        "huge": whole.replace(np.int32(95).tobytes() + np.int32(63).tobytes(), np.int32([99_999, 99_999]).tobytes()),
        "no colours": data,
        "noise": b"\x76\x2f\x31\x01" + np.random.default_rng(1).bytes(4000),
        "a cut DPX": b"SDPX" + bytes(100),
        "DPX noise": b"SDPX" + np.random.default_rng(1).bytes(4000),
    }


@pytest.mark.parametrize("problem", [
    "cut short", "cut short in its head", "a head alone", "huge", "no colours", "noise", "a cut DPX", "DPX noise",
])  # fmt: skip
def test_bad_files_end_in_one_line(animi, tmp_path, problem):
    bad = tmp_path / ("bad.dpx" if "DPX" in problem else "bad.exr")
    bad.write_bytes(bad_files(bad)[problem])
    before = sorted(tmp_path.iterdir())
    done = animi("interpolate", bad, bad, "-o", tmp_path / "out.gif")
    assert done.exit_code == 1, done.output
    assert len(done.stderr.splitlines()) == 1 and bad.name in done.stderr, done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_missing_files_of_light(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_deep(tmp_path / "none.exr")


@pytest.mark.parametrize(
    ("codec", "suffix", "pixel_format"),
    [
        ("prores", ".mov", "yuva444p"),
        ("ffv1", ".mkv", "gbrap16le"),
        ("av1", ".mp4", "yuv420p10le"),
        ("vp9", ".webm", "yuv"),
    ],
)
def test_codecs_of_drawings(animi, tmp_path, codec, suffix, pixel_format):
    keys = []
    for name, x in (("a", 30), ("b", 54)):
        keys.append(from_linear(np.clip(scene(x, 4), 0, 1), "uint16"))
        write_png(tmp_path / f"{name}.png", keys[-1])
    output = tmp_path / f"o{suffix}"
    words = ("interpolate", tmp_path / "a.png", tmp_path / "b.png", "-n", 3, "--codec", codec, *FLOW, "-o", output)
    done = animi(*words)
    assert done.exit_code == 0, done.stderr
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    said = subprocess.run([ffmpeg, "-hide_banner", "-i", output], capture_output=True, text=True).stderr
    assert pixel_format in said
    if codec == "av1":
        assert "keeps no transparency" in done.stderr
        return
    decoder = ("-c:v", "libvpx-vp9") if codec == "vp9" else ()
    raw = [ffmpeg, "-loglevel", "error", *decoder, "-i", output, "-pix_fmt", "rgba64le", "-f", "rawvideo", "-"]
    frames = np.frombuffer(subprocess.run(raw, capture_output=True, check=True).stdout, "<u2").reshape(
        3, *keys[0].shape
    )
    for number, key in ((0, keys[0]), (2, keys[1])):
        apart = np.abs(frames[number].astype(int) - key)
        if codec == "ffv1":
            assert apart.max() == 0
        else:
            assert apart[..., 3].mean() < 800 and apart[..., :3].mean() < 4000


def test_a_codec_must_fit_the_output(animi, key_frames, tmp_path):
    for output, words in (("o.gif", ("--codec", "prores")), ("o.mp4", ("--codec", "ffv1")), ("o.gif", ("--crf", 3))):
        done = animi("interpolate", *key_frames, "-o", tmp_path / output, *words)
        assert done.exit_code == 2 and "--c" in done.stderr
