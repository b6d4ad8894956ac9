"""Drawings of an OCA folder that a person has painted over: key frames of their layers."""

import json
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from animi.core.config.interpolation import InterpolateConfig
from animi.core.errors import AnimiError
from animi.core.inbetween.command import draw_animation
from animi.core.lock import try_lock, unlock
from animi.core.media.animation.manifest import NAME
from animi.core.media.image_files import encode_png, read_image
from animi.core.media.layers.composing import compose
from animi.core.media.layers.document import Cel, Layer, Picture, spread_cel, walk
from animi.core.media.layers.oca import read_oca
from animi.core.media.layers.ora import write_ora
from animi.core.media.layers.psd import write_psd

made = run_path(str(Path(__file__).parents[1] / "media" / "layered.py"))
disc, SIZE = made["disc"], made["SIZE"]
FAR, NEAR = (200, 60, 40), (40, 60, 200)


def draw(x, *, near=True, glow=1.0):
    sky = np.full((SIZE[1], SIZE[0], 4), (200, 220, 255, 255), np.uint8)
    balls = [Layer("far", Cel(disc(x, 46, 9, FAR)))]
    if near:
        balls.append(Layer("near", Cel(disc(x + 4, 16, 9, NEAR))))
    return Picture(
        *SIZE, (Layer("sky", Cel(sky)), Layer("cat", children=tuple(balls)), Layer("glow", Cel(sky[:4]), glow))
    )


@pytest.fixture
def work(tmp_path):
    """Draws a.ora and b.ora, or what else is named, into the folder out."""
    for name, x in (("a", 20), ("b", 70)):
        write_ora(tmp_path / f"{name}.ora", draw(x))

    def drawn(inputs="ab", on_frame=None, **options):
        settings = {"count": 5, "engine": "flow"} | options
        paths = tuple(tmp_path / f"{name}.ora" for name in inputs)
        return draw_animation(InterpolateConfig(paths, tmp_path / "out", **settings), on_frame)

    def lock_is_free():
        lock = try_lock(drawn.folder)
        if lock is not None:
            unlock(drawn.folder, lock)
        return lock is not None

    drawn.folder, drawn.lock_is_free = tmp_path / "out", lock_is_free
    return drawn


def read_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def find_centres(folder, name):
    """Where a ball is in each frame: (frames, 2)."""
    found = []
    for picture in read_oca(folder).pictures:
        cel = next(layer.cel for path, layer in walk(picture.layers) if path[-1][0] == name)
        y, x = np.nonzero(spread_cel(cel, *SIZE)[..., 3] > 128)
        found.append((x.mean(), y.mean()))
    return np.array(found)


def paint(folder, name, x, y, colour=NEAR):
    """Paints a ball on the whole canvas over a drawing."""
    data = encode_png(disc(x, y, 9, colour))
    (folder / name).write_bytes(data)
    return data


def test_a_drawing_that_is_painted_over_is_a_key_frame_of_its_layer(work):
    work()
    folder = work.folder
    before = read_files(folder)
    assert {f"cat/near/near_0000{k}.png" for k in range(5)} < set(before) and NAME in before
    assert work(redo="painted").redone.drawn == () and read_files(folder) == before
    painted = paint(folder, "cat/near/near_00002.png", 49, 36)
    (folder / "cat/near/near_00002.kra").write_bytes(b"working file")
    foreseen = work(redo="painted", dry_run=True).redone
    assert foreseen.drawn == ("cat/near/near_00001.png", "cat/near/near_00003.png")
    assert foreseen.yours == ("cat/near/near_00002.png",)
    done = work(redo="painted")
    assert done.redone == foreseen and any("1 drawing is painted over" in note for note in done.written.notes)
    after = read_files(folder)
    assert after["cat/near/near_00002.png"] == painted and after["cat/near/near_00002.kra"] == b"working file"
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if name.endswith("g")} == {f"cat/near/near_0000{k}.png" for k in (1, 2, 3)}
    assert find_centres(folder, "near")[:, 1] == pytest.approx([15.5, 25.5, 35.5, 25.5, 15.5], abs=1.5)
    assert find_centres(folder, "near")[2, 0] == pytest.approx(48.5, abs=0.1)
    assert work(redo="painted").redone.drawn == ()
    # nothing replaces it, not even --overwrite; with another engine, the others are drawn by it
    done = work(overwrite=True, engine="blend")
    again = read_files(folder)
    assert (
        again["cat/near/near_00002.png"] == painted
        and again["cat/near/near_00001.png"] != after["cat/near/near_00001.png"]
    )
    assert len(done.redone.drawn) == 5 and again["cat/near/near_00002.kra"] == b"working file"
    with pytest.raises(AnimiError, match="-n"):
        work(overwrite=True, count=6)
    assert read_files(folder) == again


def test_frames_are_drawn_again_by_their_numbers(work):
    work()
    before = read_files(work.folder)
    done = work(redo="1", engine="blend")
    names = {"cat/far/far_00001.png", "cat/near/near_00001.png"}
    assert set(done.redone.drawn) == names
    after = read_files(work.folder)
    assert {name for name in before if before[name] != after[name] and name.endswith("png")} == names
    with pytest.raises(AnimiError, match="9 is beyond the last frame"):
        work(redo="9")
    (work.folder / "cat/far/far_00003.png").unlink()
    assert work(redo="painted", dry_run=True).redone.drawn == ("cat/far/far_00003.png",)
    work(redo="painted")
    assert read_files(work.folder)["cat/far/far_00003.png"] == before["cat/far/far_00003.png"]


def test_a_key_frame_of_a_layer_may_be_painted(work):
    work()
    painted = paint(work.folder, "cat/near/near_00004.png", 60, 40)
    done = work(redo="painted")
    assert done.redone.drawn == tuple(f"cat/near/near_0000{k}.png" for k in (1, 2, 3))
    assert find_centres(work.folder, "near")[[2, 4], 1] == pytest.approx([27.5, 39.5], abs=1.5)
    assert (work.folder / "cat/near/near_00004.png").read_bytes() == painted
    assert work(redo="painted").redone.drawn == ()


def test_what_is_saved_without_a_change_is_not_painted(work):
    work()
    for file in work.folder.rglob("near_*.png"):
        frame = read_image(file)
        frame[frame[..., 3] == 0, :3] = 77  # programs save the colours of nothing as they like
        file.write_bytes(encode_png(frame))
    done = work(redo="painted", dry_run=True).redone
    assert done.drawn == () and done.yours == ()


def test_a_layer_that_only_fades_may_be_painted(work, tmp_path):
    write_ora(tmp_path / "c.ora", draw(70, glow=0.2))
    work("ac")
    frame = np.full((4, SIZE[0], 4), (9, 9, 9, 255), np.uint8)
    (work.folder / "glow/glow_00002.png").write_bytes(encode_png(frame))
    assert work("ac", redo="painted").redone.drawn == ("glow/glow_00001.png", "glow/glow_00003.png")
    glows = [
        next(layer for path, layer in walk(p.layers) if path[-1][0] == "glow") for p in read_oca(work.folder).pictures
    ]
    assert [round(layer.opacity, 2) for layer in glows] == [1, 0.8, 0.6, 0.4, 0.2]
    assert (glows[2].cel.pixels == 9).any() and not (glows[0].cel.pixels == 9).any()


def test_hints_hold_beside_a_painted_drawing(work):
    options = {"hint": ("cat/far:20,46>45,26>70,46",), "redo": "painted"}
    work(hint=options["hint"])
    bent = find_centres(work.folder, "far")
    assert bent[2, 1] < 30
    paint(work.folder, "cat/far/far_00002.png", 45, 26, FAR)
    work(**options)
    assert find_centres(work.folder, "far")[:, 1] == pytest.approx(bent[:, 1], abs=2)
    assert work(redo="painted", dry_run=True).redone.drawn == ("cat/far/far_00001.png", "cat/far/far_00003.png")


def test_frames_that_a_boomerang_plays_back_show_the_same_drawing(work):
    work(boomerang=True)
    paint(work.folder, "cat/near/near_00002.png", 49, 36)
    paint(work.folder, "cat/near/near_00006.png", 49, 30)
    with pytest.raises(AnimiError, match="shows the same drawing as cat/near/near_00002"):
        work(redo="painted", boomerang=True)
    (work.folder / "cat/near/near_00006.png").unlink()
    painted = (work.folder / "cat/near/near_00002.png").read_bytes()
    work(redo="painted", boomerang=True)
    for number in (2, 6):
        assert (work.folder / f"cat/near/near_0000{number}.png").read_bytes() == painted
    paint(work.folder, "cat/far/far_00007.png", 30, 40, FAR)
    work(redo="painted", boomerang=True)
    assert find_centres(work.folder, "far")[[1, 7], 1] == pytest.approx([39.5, 39.5], abs=0.2)
    found = find_centres(work.folder, "near")[:, 1]
    assert len(found) == 8 and found[[2, 6]] == pytest.approx([35.5, 35.5], abs=0.2)
    assert found[[1, 3, 5, 7]] == pytest.approx([25.5] * 4, abs=1.5)


def test_layers_that_clip_are_painted_as_they_were_cut(animi, tmp_path):
    for name, x in (("a", 36), ("b", 60)):
        write_psd(tmp_path / f"{name}.psd", made["draw"](x))
    words = ("interpolate", tmp_path / "a.psd", tmp_path / "b.psd", "-n", 4, "-o", tmp_path / "out", "--engine", "flow")
    assert animi(*words).exit_code == 0
    shades = sorted((tmp_path / "out").rglob("shade_*.png"))
    assert len(shades) == 4
    done = animi(*words, "--redo", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["redrawn"] == []
    before = [compose(picture) for picture in read_oca(tmp_path / "out").pictures]
    frame = read_image(shades[1])
    frame[..., :3] = 200 - frame[..., :3]
    shades[1].write_bytes(data := encode_png(frame))
    done = animi(*words, "--redo", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["yours"] == [shades[1].relative_to(tmp_path / "out").as_posix()]
    assert shades[1].read_bytes() == data
    after = [compose(picture) for picture in read_oca(tmp_path / "out").pictures]
    assert [(one != other).any() for one, other in zip(before, after, strict=True)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / NAME).unlink(), "keeps no"),
        (lambda folder: (folder / NAME).write_text("{"), "is damaged"),
        (lambda folder: spoil_manifest(folder, lambda cel: cel.update(path=[3])), "is damaged"),
        (lambda folder: spoil_manifest(folder, lambda cel: cel.update(frames=99)), "is damaged"),
        (lambda folder: (folder / "cat/far/far_00002.png").write_bytes(b"x"), "far_00002.png"),
        (lambda folder: (folder / "cat/far/far_00002.jpg").write_bytes(b"x"), "frames are PNGs"),
        (
            lambda folder: (folder / "cat/far/far_00002.png").write_bytes(encode_png(np.full((9, 9, 4), 7, np.uint8))),
            "is 9x9, and the drawing was",
        ),
    ],
)
def test_what_cannot_be_used_gets_one_line_and_changes_nothing(work, spoil, words):
    work()
    spoil(work.folder)
    before = read_files(work.folder)
    with pytest.raises(AnimiError) as error:
        work(redo="painted")
    assert words in str(error.value) and "\n" not in str(error.value)
    assert read_files(work.folder) == before and not list(work.folder.parent.glob(".animi*"))


def spoil_manifest(folder, change):
    data = json.loads((folder / NAME).read_text())
    for cel in data["about"]["cels"].values():
        change(cel)
    (folder / NAME).write_text(json.dumps(data))


@pytest.mark.parametrize("name", ["../a.png", "cat/../../a.png", "/etc/a.png", "cat//a.png", "./cat/a.png", "cat/.png"])
def test_a_manifest_names_nothing_outside_its_folder(work, name):
    work()
    data = json.loads((work.folder / NAME).read_text())
    data["frames"][0]["name"] = name
    (work.folder / NAME).write_text(json.dumps(data))
    with pytest.raises(AnimiError, match="is damaged"):
        work(redo="painted")


def test_what_is_saved_while_animi_draws_stays(work):
    work()
    paint(work.folder, "cat/near/near_00002.png", 49, 36)
    saved = []

    def save(_done, _total):
        if not saved:
            assert not work.lock_is_free()
            saved.append(paint(work.folder, "cat/far/far_00001.png", 30, 30, FAR))

    with pytest.raises(AnimiError, match="was changed while this was drawn"):
        work(redo="painted", on_frame=save)
    assert (work.folder / "cat/far/far_00001.png").read_bytes() == saved[0]
    assert len(work(redo="painted").redone.yours) == 2 and work.lock_is_free()
    assert (work.folder / "cat/far/far_00001.png").read_bytes() == saved[0]


def test_nothing_that_is_painted_is_lost(work, tmp_path):
    work()
    paint(work.folder, "cat/near/near_00002.png", 49, 36)
    for name, x in (("c", 20), ("d", 70)):
        write_ora(tmp_path / f"{name}.ora", draw(x, near=False))
    before = read_files(work.folder)
    with pytest.raises(AnimiError, match="no layer cat/near there any more"):
        work("cd", overwrite=True)
    assert read_files(work.folder) == before
    with pytest.raises(AnimiError, match="needs a folder of layers"):
        draw_animation(InterpolateConfig((tmp_path / "a.ora", tmp_path / "b.ora"), tmp_path / "o.webp", redo="painted"))
    with pytest.raises(AnimiError, match="there is no folder"):
        draw_animation(InterpolateConfig((tmp_path / "a.ora", tmp_path / "b.ora"), tmp_path / "new", redo="painted"))
