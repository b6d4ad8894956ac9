"""Sheets of sprites: grids, Aseprite's JSON in both forms, trimmed and rotated frames, tags."""

import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from animi.core.errors import InputError
from animi.core.media.image_files import encode_png
from animi.core.media.layers.animated import read_animated
from animi.core.media.layers.composing import compose
from animi.core.media.layers.document import Tag
from animi.core.media.layers.sheet import SheetWriter, move_tags, read_grid, read_sheet


def sprite(number, size=(12, 10)):
    """A frame with a block of an own colour that does not touch its edges."""
    frame = np.zeros((size[1], size[0], 4), np.uint8)
    frame[2:6, 1 + number : 5 + number] = (40 * number + 20, 99, 200, 255)
    frame[3, 2 + number] = (255, 255, 0, 255)
    return frame


def frames_of(document):
    return [compose(picture) for picture in document.pictures]


def test_a_grid_is_read_row_by_row_without_empty_cells(tmp_path):
    sheet = np.zeros((23, 25, 4), np.uint8)  # a pixel and three rows are beyond whole cells
    for number, (x, y) in enumerate([(0, 0), (12, 0), (0, 10)]):
        sheet[y : y + 10, x : x + 12] = sprite(number)
    (tmp_path / "a.png").write_bytes(encode_png(sheet))
    found = read_grid(tmp_path / "a.png", (12, 10))
    assert all((frame == sprite(number)).all() for number, frame in enumerate(frames_of(found)))
    assert len(found.pictures) == 3 and found.pictures[0].seconds is None
    assert any("25x23" in note for note in found.notes) and any("1 empty cell" in note for note in found.notes)
    with pytest.raises(InputError, match="smaller --grid"):
        read_grid(tmp_path / "a.png", (32, 32))


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("trimmed", [True, False])
def test_a_sheet_is_read_as_it_was_written(tmp_path, listed, trimmed):
    writer = SheetWriter("walk", listed, trimmed)
    for number in range(5):
        writer.add(sprite(number), 100 + number)
    tags = (Tag("歩く", 0, 3, "pingpong", {"color": "#000000ff"}), Tag("stop", 4, 4))
    picture, text = writer.encode("walk.png", tags, tmp_path / "walk.json")
    (tmp_path / "walk.png").write_bytes(picture)
    (tmp_path / "walk.json").write_text(text, encoding="utf-8")
    data = json.loads(text)
    assert isinstance(data["frames"], list if listed else dict)
    entries = data["frames"] if listed else list(data["frames"].values())
    with Image.open(tmp_path / "walk.png") as image:
        assert data["meta"]["size"] == {"w": image.width, "h": image.height}
        for number, entry in enumerate(entries):  # as an engine of games would cut it
            box, inside = entry["frame"], entry["spriteSourceSize"]
            part = image.crop((box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]))
            whole = Image.new("RGBA", (entry["sourceSize"]["w"], entry["sourceSize"]["h"]))
            whole.paste(part, (inside["x"], inside["y"]))
            assert (np.asarray(whole) == sprite(number)).all()
            assert entry["trimmed"] is trimmed
    again = read_sheet(tmp_path / "walk.json")
    assert all((frame == sprite(number)).all() for number, frame in enumerate(frames_of(again)))
    assert [picture.seconds for picture in again.pictures] == [Fraction(100 + number, 1000) for number in range(5)]
    assert again.tags == tags
    assert (again.listed, again.trimmed) == (listed, trimmed)


def test_a_rotated_frame_is_turned_back(tmp_path):
    part = sprite(2)[2:6, 3:7].copy()
    part = np.concatenate([part, part[:, :2]], axis=1)  # 6 wide, 4 high
    sheet = np.zeros((20, 20, 4), np.uint8)
    sheet[5:11, 7:11] = np.rot90(part, -1)  # clockwise, as TexturePacker does
    (tmp_path / "a.png").write_bytes(encode_png(sheet))
    entry = {
        "filename": "a", "frame": {"x": 7, "y": 5, "w": 6, "h": 4}, "rotated": True, "trimmed": True,
        "spriteSourceSize": {"x": 3, "y": 2, "w": 6, "h": 4}, "sourceSize": {"w": 12, "h": 10}, "duration": 80,
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({"frames": [entry], "meta": {"image": "C:\\work\\a.png"}}))
    frame = frames_of(read_sheet(tmp_path / "a.json"))[0]
    assert (frame[2:6, 3:9] == part).all() and not frame[:2].any()


def test_tags_move_with_their_frames():
    tags = (Tag("a", 0, 2), Tag("b", 3, 3))
    assert move_tags(tags, [0, 4, 8, 9]) == (Tag("a", 0, 8), Tag("b", 9, 9))
    assert move_tags(tags, [0, 4, 8, 12], {0: 3})[0] == Tag("a", 0, 11)


@pytest.mark.parametrize("kind", ["gif", "png", "webp"])
def test_animations_are_sprites_with_durations(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    images = [Image.fromarray(sprite(number)) for number in range(3)]
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=[80, 120, 200], loop=0, disposal=2, lossless=True
    )
    found = read_animated(path)
    assert [picture.seconds for picture in found.pictures] == [Fraction(80, 1000), Fraction(120, 1000), Fraction(1, 5)]
    for number, frame in enumerate(frames_of(found)):
        assert (frame[frame[..., 3] > 0] == sprite(number)[sprite(number)[..., 3] > 0]).all()


BOX = {"x": 0, "y": 0, "w": 4, "h": 4}
BAD = {
    "no JSON": "{",
    "another form": json.dumps({"frames": [3], "meta": {}}),
    "no frames": json.dumps({"frames": [], "meta": {}}),
    "a frame outside": json.dumps({"frames": [{"frame": BOX | {"x": 30}}], "meta": {}}),
    "a negative place": json.dumps({"frames": [{"frame": BOX | {"x": -4}}], "meta": {}}),
    "a huge source": json.dumps({"frames": [{"frame": BOX, "sourceSize": {"w": 10**9, "h": 9}}], "meta": {}}),
    "many large sources": json.dumps(
        {"frames": [{"frame": BOX, "sourceSize": {"w": 60_000, "h": 60_000}}] * 9, "meta": {}}
    ),
    "another size": json.dumps(
        {"frames": [{"frame": BOX}, {"frame": BOX, "sourceSize": {"w": 9, "h": 9}}], "meta": {}}
    ),
    "no such image": json.dumps({"frames": [{"frame": BOX}], "meta": {"image": "../../none.png"}}),
    "an image of no name": json.dumps({"frames": [{"frame": BOX}], "meta": {"image": ".."}}),
    "a tag outside": json.dumps(
        {"frames": [{"frame": BOX}], "meta": {"frameTags": [{"name": "x", "from": 0, "to": 7}]}}
    ),
    "nested": "[" * 100_000,
}


@pytest.mark.parametrize("problem", BAD)
def test_bad_sheets_end_in_one_line(tmp_path, problem):
    (tmp_path / "a.png").write_bytes(encode_png(sprite(0)))
    path = tmp_path / "a.json"
    path.write_text(BAD[problem])
    with pytest.raises(InputError) as error:
        read_sheet(path)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)
