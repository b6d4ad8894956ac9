"""Key frames on disk: folders and files in order, one form for all, and read two at a time."""

import numpy as np
import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.inbetween import key_frames as module
from animi.core.inbetween.key_frames import KeyFrames, find_key_frames
from animi.core.media.image_files import write_png


def save(path, height=4, width=6, channels=3, value=100, dtype=np.uint8):
    write_png(path, np.full((height, width, channels), value, dtype))
    return path


def test_a_folder_stands_for_its_images_in_natural_order(tmp_path):
    for name in ("f10.png", "f2.png", "f1.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    extra = save(tmp_path / ".." / f"{tmp_path.name}-z.png")
    keys = KeyFrames([extra, tmp_path])
    assert [path.name for path in keys.paths] == [extra.name, "f1.png", "f2.png", "f10.png"]
    assert find_key_frames([extra, tmp_path]) == keys.paths
    assert len(keys) == 4


def test_all_get_the_richest_form_and_no_value_is_lost(tmp_path):
    paths = [
        save(tmp_path / "grey.png", channels=1, value=7),
        save(tmp_path / "deep.png", value=300, dtype=np.uint16),
        save(tmp_path / "clear.png", channels=4, value=9),
    ]
    keys = KeyFrames(paths)
    assert {(key.shape, key.dtype.name) for key in keys} == {((4, 6, 4), "uint16")}
    assert keys[0][0, 0].tolist() == [7 * 257] * 3 + [65535]
    assert keys[1][0, 0].tolist() == [300] * 3 + [65535]
    assert keys[-1][0, 0].tolist() == [9 * 257] * 4
    assert [len(part) for part in (keys[:2], keys[1:])] == [2, 2]
    with pytest.raises(IndexError):
        keys[3]


def test_palette_and_rotation_are_carried_out(tmp_path):
    picture = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6) * 10).convert("RGB")
    picture.quantize(32).save(tmp_path / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    keys = KeyFrames([tmp_path / "palette.png", tmp_path / "turned.png"])
    assert np.array_equal(keys[0], keys[1]) and keys[0].shape == (4, 6, 3)


def test_only_two_are_held(tmp_path, monkeypatch):
    paths = [save(tmp_path / f"{k}.png", value=k) for k in range(5)]
    keys = KeyFrames(paths)
    reads = []
    real = module.read_picture
    monkeypatch.setattr(module, "read_picture", lambda path: reads.append(path.name) or real(path))
    assert [int(keys[k][0, 0, 0]) for k in (0, 1, 1, 2, 3, 4, 0)] == [0, 1, 1, 2, 3, 4, 0]
    assert reads == ["0.png", "1.png", "2.png", "3.png", "4.png", "0.png"]
    assert len(keys._held) == 2


@pytest.mark.parametrize(
    ("size", "expected"), [((12, None), (8, 12)), ((3, None), (2, 3)), ((5, 9), (9, 5)), ((1, None), (1, 1))]
)
def test_sizes_asked_for(tmp_path, size, expected):
    keys = KeyFrames([save(tmp_path / "a.png"), save(tmp_path / "b.png", value=50)], size)
    assert [key.shape for key in keys] == [(*expected, 3)] * 2
    assert (keys[1] == 50).all()


def test_a_size_makes_unlike_frames_alike(tmp_path):
    paths = [save(tmp_path / "a.png"), save(tmp_path / "b.png", 8, 12)]
    with pytest.raises(InputError, match=r"b\.png is 12x8 and .*a\.png is 6x4; .* --size 6x4$"):
        KeyFrames(paths)
    assert {key.shape for key in KeyFrames(paths, (6, 4))} == {(4, 6, 3)}
    assert {key.shape for key in KeyFrames(paths, (9, None))} == {(6, 9, 3)}
    odd = save(tmp_path / "odd.png", 5, 5)
    with pytest.raises(InputError, match=r"odd\.png is 9x9 and .*--size 9x6$"):
        KeyFrames([*paths, odd], (9, None))


def test_too_few(tmp_path):
    only = save(tmp_path / "only.png")
    for paths in ([only], [tmp_path]):
        with pytest.raises(InputError, match=r"two key frames or more are needed, and only .*only\.png was given"):
            KeyFrames(paths)
    with pytest.raises(InputError, match="and none was given"):
        KeyFrames([])


def test_every_file_is_looked_at_before_any_work(tmp_path):
    good, bad = save(tmp_path / "a.png"), tmp_path / "bad.png"
    bad.write_bytes(good.read_bytes()[:60])
    with pytest.raises(InputError, match=r"bad\.png: is cut short or damaged"):
        KeyFrames([good, good, good, bad])


def test_a_file_that_is_gone_later_is_named(tmp_path):
    paths = [save(tmp_path / f"{k}.png") for k in range(2)]
    keys = KeyFrames(paths)
    paths[1].unlink()
    with pytest.raises(InputError, match=r"1\.png: there is no such file"):
        keys[1]
