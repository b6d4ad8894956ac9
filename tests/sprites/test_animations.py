"""Animations of pixels with alpha, as sprites: which files are found, and which of their frames are drawn."""

import numpy as np
import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.sprites.renderer import SpriteError, SpriteRenderer, find_sprites
from animi.core.sprites.samples import choose_moments, draw_sprite_sample

COUNT = 12


def frames(size=(40, 20)):
    """A square that goes right by two pixels a frame."""
    found = []
    for number in range(COUNT):
        frame = Image.new("RGBA", size, (0, 0, 0, 0))
        frame.paste((200, 40, 40, 255), (2 * number, 4, 2 * number + 8, 16))
        found.append(frame)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sprites")
    first, *others = frames()
    for name, more in (("a.webp", {"lossless": True}), ("b.apng", {}), ("c.gif", {"disposal": 2})):
        kind = {"format": "PNG"} if name.endswith("apng") else {}
        first.save(place / name, save_all=True, append_images=others, duration=40, loop=0, **more, **kind)
    (place / "日本語 #1").mkdir()
    for number, frame in enumerate(frames()):
        frame.save(place / "日本語 #1" / f"{number}.png")
    (place / "still.png").write_bytes((place / "日本語 #1" / "0.png").read_bytes())
    (place / ".animi.json").write_text("{}")
    return place


def test_every_kind_is_found_and_its_frames_are_drawn(folder):
    found = find_sprites(folder)
    assert sorted(path.name for path in found) == ["a.webp", "b.apng", "c.gif", "日本語 #1"]
    with SpriteRenderer() as renderer:
        for path in found:
            assert renderer.count_frames(path) == COUNT, path
            drawn = renderer.render(path, 40, [(number + 0.5) / COUNT for number in (0, 5, 11)])
            for picture, number in zip(drawn, (0, 5, 11), strict=True):
                expected = np.zeros((40, 40, 4), np.uint8)  # in the middle of the square
                expected[10 + 4 : 10 + 16, 2 * number : 2 * number + 8] = (200, 40, 40, 255)
                assert np.abs(picture.astype(int) - expected).max() <= 8, (path, number)
        small = renderer.render(found[0], 20, [0.5])[0]
        assert (small[..., :3] <= small[..., 3:]).all() and small[..., 3].max() == 255
        (folder / "bad.webp").write_bytes(b"RIFF")
        with pytest.raises(SpriteError, match=r"bad\.webp: is no animation that can be rendered"):
            renderer.count_frames(folder / "bad.webp")
        (folder / "bad.webp").unlink()


def test_only_rows_of_the_split_for_training_are_taken(folder, tmp_path):
    (tmp_path / "index.csv").write_text(
        "file,frames,split\na.webp,9,train\nb.svg,1,choose\nc.svg,1,train\nd.txt,1,train\n"
    )
    assert [path.name for path in find_sprites(tmp_path)] == ["a.webp", "c.svg"]
    assert len(find_sprites(tmp_path, held_out=None)) == 3
    (tmp_path / "index.csv").write_text("file,frames,split\na.webp,9,keep\n")
    with pytest.raises(InputError, match="holds no sprites"):
        find_sprites(tmp_path)


def test_the_frame_between_is_a_frame_of_the_animation():
    rng = np.random.default_rng(0)
    spans = set()
    for _ in range(200):
        t = float(rng.uniform(0.1, 0.9))
        first, middle, last = (round(at * 72 - 0.5) for at in choose_moments(rng, t, 72, held=False))
        assert 0 <= first <= middle <= last < 72
        if last > first:
            assert abs((middle - first) / (last - first) - t) <= 0.01
        spans.add(last - first)
    assert max(spans) == 21 and len(spans) > 12
    assert len(set(choose_moments(rng, 0.5, 72, held=True))) == 1
    assert len(set(choose_moments(rng, 0.5, 1, held=False))) == 1


def test_samples_are_the_same_each_time(folder):
    found = find_sprites(folder)
    with SpriteRenderer() as renderer:
        for number in range(4):
            one, two = (draw_sprite_sample(5, number, 64, found, renderer) for _ in range(2))
            assert np.array_equal(one.middle, two.middle) and np.array_equal(one.forward.flow, two.forward.flow)
