"""What an image's numbers mean: kept where the output has a place for it, else converted to sRGB, and never lost."""

import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from animi.core.media.colour_profiles import make_profile, name_profile, read_profile, to_srgb
from animi.core.media.film_source import open_film, read_frames

P3 = make_profile("P3 of our own", 2.2, (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06))
ADOBE = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
COLOURS = ((120, 90, 60), (60, 120, 90))


def picture(number, shift=8):
    """A square that moves over a plain ground."""
    frame = np.full((48, 64, 3), COLOURS[0], np.uint8)
    frame[16:32, 8 + shift * number : 24 + shift * number] = COLOURS[1]
    return frame


def save(folder, number, **how):
    folder.mkdir(exist_ok=True)
    path = folder / f"{number}.png"
    Image.fromarray(picture(number)).save(path, **how)
    return path


def add_chunk(path, kind, data):
    """Puts a chunk behind a PNG's head."""
    png = path.read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(png[:33] + chunk + png[33:])


def compute(colour, gamma, places):
    """The sRGB numbers of a colour of these primaries, by the formulas (white is D65 in both)."""

    def matrix(xy):
        white, *columns = (np.array((x / y, 1, (1 - x - y) / y)) for x, y in zip(xy[::2], xy[1::2], strict=True))
        columns = np.stack(columns, 1)
        return columns * np.linalg.solve(columns, white)

    light = (np.array(colour) / 255) ** gamma
    srgb = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
    light = (np.linalg.inv(matrix(srgb)) @ matrix(places) @ light).clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def run(animi, *words):
    result = animi("interpolate", *words, "--engine", "flow", "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["notes"]


@pytest.mark.parametrize(
    ("gamma", "places"), [(563 / 256, ADOBE), (1.8, ADOBE), (2.2, (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06))]
)
def test_conversion_is_that_of_the_formulas(gamma, places):
    frame = np.concatenate([np.full((4, 4, 3), COLOURS[0], np.uint8), np.full((4, 4, 1), 77, np.uint8)], 2)
    found = to_srgb(frame, make_profile("test", gamma, places))
    assert np.abs(found[0, 0, :3] - compute(COLOURS[0], gamma, places)).max() <= 2
    assert (found[..., 3] == 77).all()
    deep = to_srgb(frame.astype(np.uint16) * np.uint16(257), make_profile("test", gamma, places))
    assert deep.dtype == np.uint16 and np.array_equal(deep[..., :3] // 257, found[..., :3])


@pytest.mark.parametrize("name", ["out", "o.webp", "o.png"])
def test_a_profile_goes_along_and_numbers_stay(animi, tmp_path, name):
    keys = [save(tmp_path / "keys", k, icc_profile=P3) for k in range(2)]
    assert not run(animi, *keys, "-n", 3, "-o", tmp_path / name)
    paths = sorted((tmp_path / name).glob("*.png")) if name == "out" else [tmp_path / name]
    assert len(paths) == (3 if name == "out" else 1)
    for path in paths:
        with Image.open(path) as image:
            assert image.info["icc_profile"] == P3
            assert np.array_equal(np.asarray(image.convert("RGB"))[2, 2], COLOURS[0])
    if name == "out":
        for k, path in ((0, paths[0]), (1, paths[2])):
            with Image.open(path) as image:
                assert np.array_equal(np.asarray(image), picture(k))


@pytest.mark.parametrize("name", ["o.gif", "o.mp4"])
def test_it_is_converted_where_there_is_no_place_for_it(animi, tmp_path, name):
    keys = [save(tmp_path / "keys", k, icc_profile=P3) for k in range(2)]
    notes = run(animi, *keys, "-n", 3, "-o", tmp_path / name)
    assert "colours were converted from P3 of our own to sRGB, as the format has no place for a profile" in notes
    frames = [pixels for _, pixels in read_frames(open_film(tmp_path / name))]
    wanted = compute(COLOURS[0], 2.2, (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06))
    assert all(np.abs(frame[2, 2, :3] - wanted).max() <= 4 for frame in frames)


def test_key_frames_that_differ_become_srgb(animi, tmp_path):
    keys = [save(tmp_path / "keys", 0, icc_profile=P3), save(tmp_path / "keys", 1)]
    notes = run(animi, *keys, "-n", 3, "-o", tmp_path / "out")
    assert len(notes) == 1 and "as the key frames differ in it" in notes[0]
    with Image.open(tmp_path / "out" / "000.png") as image:
        assert "icc_profile" not in image.info and not np.array_equal(np.asarray(image), picture(0))


def test_gamma_and_primaries_of_a_png(tmp_path):
    path = save(tmp_path, 0)
    assert read_profile(path) is None
    add_chunk(path, b"gAMA", struct.pack(">I", 45455))
    assert read_profile(path) is None  # sRGB's own
    path = save(tmp_path, 1)
    add_chunk(path, b"gAMA", struct.pack(">I", 100_000))
    found = to_srgb(np.full((2, 2, 3), 128, np.uint8), read_profile(path))
    assert np.abs(found.astype(int) - 188).max() <= 2  # half the light
    add_chunk(path, b"sRGB", b"\0")
    assert read_profile(path) is None  # which wins
    path = save(tmp_path, 2)
    add_chunk(path, b"cHRM", struct.pack(">8I", *(round(100_000 * place) for place in ADOBE)))
    assert read_profile(path) is not None


def test_a_cameras_adobe_rgb(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    Image.fromarray(picture(0)).save(tmp_path / "a.jpg", quality=97, exif=exif)
    profile = read_profile(tmp_path / "a.jpg")
    assert profile is not None and name_profile(profile) == "Adobe RGB"
    Image.fromarray(picture(0)).save(tmp_path / "b.jpg", quality=97)
    assert read_profile(tmp_path / "b.jpg") is None


def test_broken_and_foreign_profiles_change_nothing(animi, tmp_path):
    keys = [save(tmp_path / "keys", k, icc_profile=b"\xff" * 200) for k in range(2)]
    assert not run(animi, *keys, "-n", 3, "-o", tmp_path / "out")
    torn = P3[:140] + b"\xff" * 60
    assert np.array_equal(to_srgb(picture(0), torn), picture(0))
    Image.fromarray(picture(0)).convert("CMYK").save(tmp_path / "ink.jpg", icc_profile=P3)
    assert read_profile(tmp_path / "ink.jpg") is None


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_animations_as_films_keep_it(animi, tmp_path, suffix):
    kind = {"lossless": True} if suffix == ".webp" else {"format": "PNG"}
    images = [Image.fromarray(picture(k)) for k in range(3)]
    film = tmp_path / f"a{suffix}"
    images[0].save(film, save_all=True, append_images=images[1:], duration=100, icc_profile=P3, **kind)
    assert not run(animi, film, "-o", tmp_path / "o.png")
    with Image.open(tmp_path / "o.png") as image:
        assert image.info["icc_profile"] == P3
    notes = run(animi, film, "-o", tmp_path / "o.gif")
    assert any("are converted from P3 of our own to sRGB" in note for note in notes)
