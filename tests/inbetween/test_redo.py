"""Frames of a folder that a person has painted over: they stay, and what lies beside them is drawn from them."""

import json
import shutil

import cv2
import numpy as np
import pytest

from animi.core.inbetween import hints
from animi.core.inbetween.layout import lay_out, lay_out_sheet
from animi.core.inbetween.redo import Anchor, Source, trace
from animi.core.inbetween.sequence import interpolate
from animi.core.media.animation.manifest import NAME, read_manifest
from animi.core.media.image_files import encode_png, read_image, write_png

NAMES = [f"{number:03}.png" for number in range(8)]


@pytest.fixture
def draw(animi, key_frames, tmp_path):
    """Draws a disc's way in 8 frames into the folder `frames`, with further words, and returns what it said."""

    def run(*words, keys=key_frames, into="frames", code=0):
        folder = tmp_path / into
        result = animi("interpolate", *keys, "--engine", "flow", "-o", folder, "--json", *words)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if code == 0 else result.stderr

    return run


@pytest.fixture
def frames(draw, tmp_path):
    """The folder with these frames."""
    draw()
    return tmp_path / "frames"


def hold(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def changed(before, folder):
    after = hold(folder)
    return [name for name in sorted(before | after) if before.get(name) != after.get(name)]


def paint(path, colour=(250, 240, 20), at=(24, 16)):
    frame = read_image(path).copy()
    cv2.circle(frame, at, 5, colour, -1)
    write_png(path, frame)


def test_only_what_lies_beside_a_painted_frame_is_drawn_again_and_from_it(draw, frames, key_frames):
    before = hold(frames)
    paint(frames / NAMES[4])
    painted = (frames / NAMES[4]).read_bytes()
    told = draw("--redo")
    assert told["redrawn"] == [NAMES[k] for k in (1, 2, 3, 5, 6)] and told["yours"] == [NAMES[4]]
    assert (frames / NAMES[4]).read_bytes() == painted
    assert changed(before, frames) == NAMES[1:7]
    ends = [read_image(path) for path in key_frames]
    yours = read_image(frames / NAMES[4])
    left = list(interpolate([ends[0], yours], spacing=[0, 1 / 4, 2 / 4, 3 / 4, 1], engine="flow"))
    right = list(interpolate([yours, ends[1]], spacing=[0, 1 / 3, 2 / 3, 1], engine="flow"))
    for number, frame in ((1, left[1]), (2, left[2]), (3, left[3]), (5, right[1]), (6, right[2])):
        assert np.abs(read_image(frames / NAMES[number]).astype(int) - frame).max() <= 1
    after = hold(frames)
    told = draw("--redo")
    assert told["redrawn"] == [] and told["yours"] == [NAMES[4]] and hold(frames) == after


def test_a_second_painted_frame_leaves_what_lies_beyond_the_first_one(draw, frames):
    paint(frames / NAMES[2])
    draw("--redo")
    before = hold(frames)
    paint(frames / NAMES[4], at=(30, 10))
    assert draw("--redo")["redrawn"] == [NAMES[k] for k in (3, 5, 6)]
    assert changed(before, frames) == [NAMES[k] for k in (3, 4, 5, 6)]
    paint(frames / NAMES[4], (0, 200, 0), at=(30, 10))  # painted twice
    assert draw("--redo")["redrawn"] == [NAMES[k] for k in (3, 5, 6)]


def test_numbers_draw_just_those_and_never_a_painted_one(draw, frames):
    before = hold(frames)
    paint(frames / NAMES[4])
    told = draw("--redo", "3-5")
    assert told["redrawn"] == [NAMES[3], NAMES[5]] and changed(before, frames) == NAMES[3:6]
    assert any("004.png is painted over, and not drawn again" in note for note in told["notes"])
    assert draw("--redo")["redrawn"] == [NAMES[k] for k in (1, 2, 6)]  # which the painted one has changed as well


def test_numbers_alone_give_the_same_frames_again(draw, frames):
    before = hold(frames)
    assert draw("--redo", "2,4-5")["redrawn"] == [NAMES[2], NAMES[4], NAMES[5]] and hold(frames) == before


def test_overwrite_beside_a_frame_of_another_name_says_nothing_of_painted_ones(draw, frames):
    (frames / "099.png").write_bytes((frames / NAMES[0]).read_bytes())
    assert not any("painted" in note for note in draw("--overwrite")["notes"])
    assert (frames / "099.png").exists()


def test_overwrite_keeps_painted_frames(draw, frames):
    paint(frames / NAMES[4])
    painted = (frames / NAMES[4]).read_bytes()
    told = draw("--overwrite")
    assert told["yours"] == [NAMES[4]] and (frames / NAMES[4]).read_bytes() == painted
    assert told["redrawn"] == [name for name in NAMES if name != NAMES[4]]
    whole = hold(frames)
    said = draw("--overwrite", "-n", 5, code=1)
    assert "another timing (-n)" in said and hold(frames) == whole
    (frames / NAMES[4]).unlink()
    assert draw("--overwrite", "-n", 5)["frames"] == 5 and len(hold(frames)) == 5


def test_other_commands_do_not_replace_painted_frames_either(animi, frames, tmp_path):
    assert animi("draw-cartoon", tmp_path / "film.gif", "--seconds", 0.3, "--size", "32x24").exit_code == 0
    words = ("interpolate", tmp_path / "film.gif", "--engine", "blend", "--overwrite", "-o", frames)
    paint(frames / NAMES[4])
    before = hold(frames)
    result = animi(*words)
    assert result.exit_code == 1 and "004.png is not as animi drew it" in result.stderr and hold(frames) == before
    draw_anew = frames / NAMES[4]
    draw_anew.unlink()
    assert animi(*words).exit_code == 0 and not (frames / NAME).exists()


def test_a_frame_that_is_gone_is_drawn_as_it_was(draw, frames):
    before = hold(frames)
    (frames / NAMES[3]).unlink()
    assert draw("--redo")["redrawn"] == [NAMES[3]] and hold(frames) == before
    paint(frames / NAMES[5])
    draw("--redo")
    (frames / NAMES[5]).unlink()  # the artist takes it back
    assert draw("--redo")["redrawn"] == NAMES[1:7] and hold(frames) == before


def test_a_frame_that_was_saved_without_a_change_is_not_painted(draw, frames):
    data = (frames / NAMES[3]).read_bytes()
    frame = read_image(frames / NAMES[3])
    full = np.full((*frame.shape[:2], 1), 255, np.uint8)
    (frames / NAMES[3]).write_bytes(encode_png(np.concatenate([frame, full], 2)))
    assert (frames / NAMES[3]).read_bytes() != data
    told = draw("--redo")
    assert told["redrawn"] == [] and told["yours"] == []


def test_masks_are_read_once_for_all_frames_of_a_pair(draw, tmp_path, monkeypatch):
    mask = np.zeros((32, 48, 1), np.uint8)
    mask[20:] = 255
    write_png(tmp_path / "still.png", mask)
    (tmp_path / "hints.json").write_text('{"version": 1, "pairs": [{"keys": [0, 1], "still": "still.png"}]}')
    reads = []
    monkeypatch.setattr(hints, "read_image", lambda path: reads.append(path.name) or read_image(path))
    words = ("--hints", tmp_path / "hints.json", "-n", 12)
    draw(*words)
    assert len(reads) == 2  # to draw, and to describe what was drawn
    draw(*words, "--redo", "0-11")
    assert len(reads) == 4
    write_png(tmp_path / "still.png", mask[::-1])
    assert len(draw(*words, "--redo")["redrawn"]) == 10


def test_a_key_frame_or_a_hint_that_changes_is_seen(draw, frames, key_frames):
    assert draw("--redo", "--hint", "30,16>20,16")["redrawn"] == NAMES[1:7]
    assert draw("--redo", "--hint", "30,16>20,16")["redrawn"] == []
    paint(key_frames[1], at=(8, 8))
    assert draw("--redo", "--hint", "30,16>20,16")["redrawn"] == NAMES[1:8]


def test_a_painted_key_frame_is_the_key_frame(draw, frames):
    paint(frames / NAMES[0])
    told = draw("--redo")
    assert told["redrawn"] == NAMES[1:7] and told["yours"] == [NAMES[0]]


def test_transparency_in_a_painted_frame_is_taken(draw, frames):
    frame = read_image(frames / NAMES[4])
    alpha = np.full((*frame.shape[:2], 1), 255, np.uint8)
    alpha[:8] = 0
    write_png(frames / NAMES[4], np.concatenate([frame, alpha], 2))
    draw("--redo")
    assert read_image(frames / NAMES[3]).shape[2] == 4 and read_image(frames / NAMES[0]).shape[2] == 3


def test_a_moved_folder_knows_its_frames(draw, frames, tmp_path):
    paint(frames / NAMES[4])
    shutil.move(frames, tmp_path / "elsewhere")
    assert draw("--redo", into="elsewhere")["redrawn"] == [NAMES[k] for k in (1, 2, 3, 5, 6)]


@pytest.mark.parametrize(
    ("spoil", "words", "found"),
    [
        (lambda f: write_png(f / NAMES[4], np.zeros((8, 8, 3), np.uint8)), (), "004.png: is 8x8, and the frames are"),
        (lambda f: (f / NAMES[4]).write_bytes(b"no picture"), (), "004.png"),
        (lambda f: (f / "004.jpg").write_bytes(b""), (), "004.jpg: frames are PNGs; save it as 004.png"),
        (lambda f: (f / NAME).write_text("{"), (), f"{NAME}: is damaged"),
        (lambda f: (f / NAME).write_text('{"version": 2}'), (), f"{NAME}: is of version 2"),
        (lambda f: (f / NAME).unlink(), (), f"keeps no {NAME}"),
        (lambda f: None, ("-n", 5), "another timing (-n)"),
        (lambda f: None, ("--spacing", "ease-in"), "another timing (--spacing)"),
        (lambda f: None, ("--loop",), "another timing (--loop)"),
        (lambda f: None, ("--size", "24x16"), "its frames are 48x32, and these would be 24x16"),
    ],
)  # fmt: skip
def test_what_cannot_be_redone_is_one_line_and_changes_nothing(draw, frames, spoil, words, found):
    paint(frames / NAMES[2])
    spoil(frames)
    before = hold(frames)
    said = draw("--redo", *words, code=1)
    assert found in said and said.count("\n") == 1 and hold(frames) == before
    if "damaged" in found or "version" in found:  # nobody knows what was painted
        assert found in draw("--overwrite", code=1) and hold(frames) == before


@pytest.mark.parametrize(
    ("words", "code", "found"),
    [
        (("--redo", "9"), 1, "--redo: 9 is beyond the last frame, which is 7"),
        (("--redo=x",), 2, "--redo: 'x' cannot be read"),
        (("--redo=5-3",), 2, "--redo: '5-3' cannot be read"),
        (("--redo", "--overwrite"), 2, "give one of the two"),
        (("--dry-run",), 2, "--dry-run: goes with --redo"),
    ],
)
def test_wrong_words_are_one_line(draw, frames, words, code, found):
    said = draw(*words, code=code)
    assert found in said and said.count("\n") == 1


def test_only_a_folder_that_is_there_can_be_redone(draw, tmp_path):
    assert "needs a folder of frames" in draw("--redo", into="out.gif", code=2)
    assert "there is no folder" in draw("--redo", into="none", code=2)


def test_a_dry_run_lists_frames_and_changes_nothing(animi, frames, key_frames):
    paint(frames / NAMES[4])
    before, manifest = hold(frames), (frames / NAME).read_bytes()
    words = ("interpolate", *key_frames, "--engine", "flow", "-o", frames, "--redo", "--dry-run")
    result = animi(*words)
    assert result.stdout.split() == [str(frames / NAMES[k]) for k in (1, 2, 3, 5, 6)]
    assert hold(frames) == before and (frames / NAME).read_bytes() == manifest


def test_a_frame_that_is_saved_while_others_are_drawn_stays(frames, key_frames, monkeypatch):
    from animi.core.config.interpolation import InterpolateConfig
    from animi.core.inbetween import draw_animation

    paint(frames / NAMES[4])
    config = InterpolateConfig(tuple(key_frames), frames, engine="flow", redo="painted")

    def save(done, total):
        if done == total:
            paint(frames / NAMES[2], (1, 2, 3))

    drawn = draw_animation(config, save)
    assert (read_image(frames / NAMES[2])[16, 24] == (1, 2, 3)).all()
    assert NAMES[2] not in drawn.redone.drawn and "002.png was saved meanwhile" in drawn.written.notes[0]
    again = draw_animation(config).redone
    assert again.yours == (NAMES[2], NAMES[4]) and again.drawn == (NAMES[1], NAMES[3])


def test_a_run_that_is_killed_while_it_puts_frames_in_place_is_understood(frames, key_frames, monkeypatch):
    from animi.core.config.interpolation import InterpolateConfig
    from animi.core.inbetween import draw_animation, redo

    paint(frames / NAMES[4])
    config = InterpolateConfig(tuple(key_frames), frames, engine="flow", redo="painted")
    put, count = redo.put_in_place, []

    def die(draft, target, **more):
        count.append(target)
        if len(count) == 3:
            raise KeyboardInterrupt
        put(draft, target, **more)

    monkeypatch.setattr(redo, "put_in_place", die)
    with pytest.raises(KeyboardInterrupt):
        draw_animation(config)
    monkeypatch.undo()
    again = draw_animation(config).redone
    assert again.yours == (NAMES[4],) and again.drawn == (NAMES[3], NAMES[5], NAMES[6])
    assert draw_animation(config).redone.drawn == ()


def test_a_sheet_s_drawings_are_redone_likewise(draw, key_frames, tmp_path):
    sheet = tmp_path / "walk.csv"
    sheet.write_text("drawing,hold,inbetweens,on\na.png,3,3,2\nb.png,2\n")
    draw("--sheet", sheet)
    frames = tmp_path / "frames"
    before = hold(frames)
    assert len(before) == 11
    paint(frames / "005.png")  # the second drawing of three, on twos: 3 4, 5 6, 7 8
    told = draw("--sheet", sheet, "--redo")
    assert told["redrawn"] == ["003.png", "004.png", "006.png", "007.png", "008.png"] and told["yours"] == ["005.png"]
    assert np.array_equal(read_image(frames / "006.png"), read_image(frames / "005.png"))
    paint(frames / "001.png")  # one of three that are held: it alone
    assert draw("--sheet", sheet, "--redo")["redrawn"] == []
    sheet.write_text("drawing,hold,inbetweens,on\na.png,3,3,1\nb.png,2\n")
    assert "another timing" in draw("--sheet", sheet, "--redo", code=1)


def test_what_each_drawing_comes_from():
    layout = lay_out(2, (0, 0.25, 0.5, 0.75, 1))
    first, last = Anchor(False, 0), Anchor(False, 1)
    between = [Source(first, last, t, 0) for t in (0.25, 0.5, 0.75)]
    assert trace(layout, {}) == [Source(first), *between, Source(last)]
    mine = Anchor(True, 2)
    halves = Source(first, mine, 0.5, 0, (0.0, 0.5)), Source(mine), Source(mine, last, 0.5, 0, (0.5, 1.0))
    assert trace(layout, {2: 2}) == [Source(first), *halves, Source(last)]
    # a loop leads on to its first frame, which may be painted; a boomerang shows its drawings twice
    loop = lay_out(2, (0, 0.5, 1), loop=True)
    assert trace(loop, {0: 0})[3] == Source(last, Anchor(True, 0), 0.5, 1)
    assert lay_out(2, (0, 0.5, 1), boomerang=True).frames == (0, 1, 2, 1)
    # times that repeat show one drawing
    held = lay_out(2, (0, 0.5, 0.5, 1))
    assert trace(held, {1: 1})[2] == Source(Anchor(True, 1))
    assert lay_out_sheet([]).frames == ()


def test_the_manifest_holds_each_frame(frames):
    manifest = read_manifest(frames)
    assert [frame.name for frame in manifest.frames] == NAMES and manifest.size == (48, 32)
    assert read_manifest(frames.parent) is None
