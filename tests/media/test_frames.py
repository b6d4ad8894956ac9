"""What is done to frames: channels, depth, alpha, size, PNG, tensors."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from animi.core.errors import OutputError
from animi.core.media import frames as tensors
from animi.core.media.frames import (
    as_channels,
    flatten_alpha,
    match_images,
    premultiply,
    resize_image,
    to_uint8,
    unpremultiply,
)
from animi.core.media.image_files import write_png

IMAGES = run_path(str(Path(__file__).with_name("images.py")))
QUICK = IMAGES["QUICK"]
noise = IMAGES["noise"]


def test_match_images_loses_nothing():
    grey, deep, clear = noise(3, 3, 1), noise(3, 3, 3, np.uint16), noise(3, 3, 4)
    matched = match_images([grey, deep, clear])
    assert {(frame.shape, frame.dtype) for frame in matched} == {((3, 3, 4), np.dtype(np.uint16))}
    np.testing.assert_array_equal(to_uint8(matched[0])[..., :3], np.repeat(grey, 3, axis=2))
    np.testing.assert_array_equal(matched[1][..., :3], deep)
    np.testing.assert_array_equal(to_uint8(matched[2]), clear)
    assert (matched[0][..., 3] == 65535).all()
    assert match_images([]) == []
    assert match_images([grey])[0] is grey


def test_to_uint8_rounds_to_the_nearest():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(values / 257)
    np.testing.assert_array_equal(to_uint8(values), expected)


@QUICK
@given(dtype=st.sampled_from([np.uint8, np.uint16]), channels=st.sampled_from([1, 3, 4]), seed=st.integers(0, 999))
def test_premultiply_and_back(dtype, channels, seed):
    frame = noise(6, 7, channels, dtype, seed)
    weighted = premultiply(frame)
    assert weighted.dtype == np.float32
    assert weighted.shape == (6, 7, 4)
    assert weighted.min() >= 0
    assert weighted.max() <= 1
    expected = as_channels(frame, 4).copy()
    expected[expected[..., 3] == 0] = 0
    np.testing.assert_array_equal(unpremultiply(weighted, dtype), expected)


def test_every_colour_at_every_alpha_comes_back():
    colour, alpha = np.meshgrid(np.arange(256), np.arange(1, 256))
    frame = np.stack([colour, colour, colour, alpha], axis=2).astype(np.uint8)
    np.testing.assert_array_equal(unpremultiply(premultiply(frame), np.uint8), frame)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_flatten_alpha(dtype):
    full = np.iinfo(dtype).max
    frame = np.array([[[full, 0, 0, full], [full, 0, 0, 0], [0, 0, 0, full // 2]]], dtype)
    flat = flatten_alpha(frame)
    np.testing.assert_array_equal(flat[0, :2], [[full, 0, 0], [full, full, full]])
    assert abs(int(flat[0, 2, 0]) - full // 2) <= 1
    np.testing.assert_array_equal(flatten_alpha(frame, (0, 0, 255))[0, 1], [0, 0, full])
    assert flatten_alpha(noise(2, 2, 1)).shape == (2, 2, 3)


@QUICK
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    target=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    channels=st.sampled_from([1, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
def test_resize_keeps_flat_colours_exactly(size, target, channels, dtype):
    frame = np.empty((*size, channels), dtype)
    frame[:] = np.array([200, 30, 90, 128][:channels]) * (np.iinfo(dtype).max // 255)
    scaled = resize_image(frame, *target)
    assert scaled.shape == (target[1], target[0], channels)
    assert scaled.dtype == dtype
    assert (scaled == frame[0, 0]).all()


def test_resize_lets_no_hidden_colour_bleed():
    frame = np.zeros((16, 16, 4), np.uint8)
    frame[:, :8] = (255, 0, 0, 255)
    frame[:, 8:] = (0, 255, 0, 0)  # green that nobody sees
    for size in ((5, 5), (40, 40)):
        scaled = resize_image(frame, *size)
        assert (scaled[scaled[..., 3] > 0][:, :3] == (255, 0, 0)).all()


def test_resize_shrinks_by_area():
    frame = np.zeros((8, 8, 1), np.uint8)
    frame[::2] = 255
    assert np.abs(resize_image(frame, 4, 4).astype(int) - 128).max() <= 1


def test_write_png_keeps_the_old_file_when_the_disk_is_full(tmp_path, monkeypatch):
    path = tmp_path / "frame.png"
    write_png(path, noise(2, 2, 3))
    before = path.read_bytes()

    def fill(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OutputError, match="No space left"):
        write_png(path, noise(3, 3, 3))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["frame.png"]


# Tensors


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_and_back(dtype):
    frames = [noise(5, 7, 3, dtype, seed) for seed in (0, 1)]
    batch = tensors.to_tensor(frames)
    assert batch.shape == (2, 3, 5, 7)
    assert float(batch.min()) >= -1
    assert float(batch.max()) <= 1
    for frame, found in zip(frames, tensors.from_tensor(batch, dtype), strict=True):
        np.testing.assert_array_equal(found, frame)
    assert tensors.to_tensor([noise(2, 2, 1)]).shape == (1, 3, 2, 2)
    with pytest.raises(ValueError, match="without loss"):
        tensors.to_tensor([noise(2, 2, 4)])


def test_reading_images_needs_no_torch():
    code = "import sys, animi.core.media.animation; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
