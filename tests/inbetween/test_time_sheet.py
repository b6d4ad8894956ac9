"""Time sheets: XDTS and TDTS read and written back, in-betweens for marks, layers laid over each other."""

import json
import re

import cv2
import numpy as np
import pytest
from PIL import Image, ImageSequence

from animi.core.engines.blend import BlendEngine
from animi.core.engines.flow import FlowEngine
from animi.core.errors import InputError
from animi.core.inbetween.cut import LevelNames, compose_cut, lay_over, open_cut, plan_cut, plan_level
from animi.core.inbetween.time_sheet import EMPTY, INBETWEEN, REVERSE, SAME, read_time_sheet
from animi.core.media.colour_profiles import _ADOBE_RGB, make_profile
from animi.core.media.image_files import encode_png

XDTS, TDTS = "exchangeDigitalTimeSheet Save Data", "toeiDigitalTimeSheet Save Data"
SIZE = (64, 48)


def changes(*pairs):
    return [{"frame": frame, "data": [{"id": 0, "values": [value]}]} for frame, value in pairs]


def table(*tracks, duration=24, names=None):
    """A time table with these tracks of cells, and dialogue that must be kept."""
    cells = [{"trackNo": number, "frames": changes(*track)} for number, track in enumerate(tracks)]
    names = [chr(65 + number) for number in range(len(tracks))] if names is None else names
    dialogue = {"fieldId": 3, "tracks": [{"trackNo": 0, "frames": changes((0, "待って!"))}]}
    return {
        "name": "cut", "duration": duration, "timeTableHeaders": [{"fieldId": 0, "names": names}],
        "fields": [{"fieldId": 0, "tracks": cells}, dialogue],
    }  # fmt: skip


def write(path, *tables, head=XDTS, version=5, **more):
    data = {"version": version, "header": {"cut": "1", "scene": "2"}, "timeTables": list(tables)} | more
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}\n{json.dumps(data, ensure_ascii=False)}", encoding="utf-8")
    return path


def draw(path, x, ground=False):
    """A disc at `x` on nothing, or the ground."""
    frame = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    if ground:
        frame[:] = (200, 220, 240, 255)
        frame[36:] = (90, 170, 120, 255)
    else:
        cv2.circle(frame, (x, 24), 9, (40, 40, 40, 255), -1)
        cv2.circle(frame, (x, 24), 7, (60, 140, 240, 255), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), frame)
    return path


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def middle(frame):
    """Where the disc is: the mean of what is opaque."""
    return float(np.argwhere(frame[..., 3] > 128)[:, 1].mean())


@pytest.fixture
def cut(tmp_path):
    """A disc over a ground: 1, two in-betweens, 4, nothing; the ground stands."""
    for number, x in ((1, 14), (4, 44)):
        draw(tmp_path / f"cut/B/B_{number:04d}.png", x)
    draw(tmp_path / "cut/A_0001.png", 0, ground=True)
    marks = [(0, "1"), (2, INBETWEEN), (4, INBETWEEN), (6, "4"), (8, EMPTY)]
    return write(tmp_path / "cut/cut.xdts", table([(0, "1")], marks, duration=10))


def test_a_sheet_is_read_with_its_tracks_from_the_lowest_up(tmp_path):
    path = write(
        tmp_path / "s.xdts", table([(0, "1"), (4, SAME), (6, "2")], [(-3, "7"), (2, EMPTY)], names=["背景", "A"])
    )
    sheet = read_time_sheet(path)
    assert [(track.number, track.name) for track in sheet.tracks] == [(0, "背景"), (1, "A")]
    assert sheet.tracks[0].changes == ((0, "1"), (6, "2"))
    assert sheet.tracks[1].changes == ((-3, "7"), (2, EMPTY))
    assert sheet.duration == 24 and sheet.tables == 1 and sheet.fps is None
    level = plan_level(sheet, sheet.tracks[1], LevelNames(sheet.tracks))
    assert [level.at(frame) for frame in (0, 1, 2, 20)] == ["7", "7", None, None]


@pytest.mark.parametrize("version", [5, 10])
def test_line_ends_byte_order_marks_and_extensions_do_not_matter(tmp_path, version):
    path = write(tmp_path / "s.XDTS", table([(0, "1")]), version=version, subversion="p1", fps=12)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    sheet = read_time_sheet(path)
    assert sheet.tracks[0].changes == ((0, "1"),) and sheet.fps == 12


@pytest.mark.parametrize("within", [False, True])
def test_tdts_is_read_of_both_forms(tmp_path, within):
    path = tmp_path / "s.tdts"
    write(path, table([(0, "3")]), head=TDTS)
    if within:
        path.write_text(f"{TDTS}\n" + json.dumps({"version": 7, "timeSheets": [{"timeTables": [table([(0, "3")])]}]}))
    assert read_time_sheet(path).tracks[0].changes == ((0, "3"),)


def test_all_that_is_not_a_mark_is_written_back(tmp_path):
    path = write(tmp_path / "s.xdts", table([(0, "1"), (3, INBETWEEN), (6, "3")]), subversion="p1")
    head, _, body = path.read_text("utf-8").partition("\n")
    data = json.loads(body)
    written = read_time_sheet(path).with_drawings({(0, 3): "2"}).decode()
    assert written.partition("\n")[0] == head
    data["timeTables"][0]["fields"][0]["tracks"][0]["frames"][1]["data"][0]["values"] = ["2"]
    assert json.loads(written.partition("\n")[2]) == data


@pytest.mark.parametrize(
    ("track", "names", "times"),
    [
        ([(0, "1"), (2, INBETWEEN), (4, "3")], ["2"], [1 / 2]),
        ([(0, "1"), (2, INBETWEEN), (3, INBETWEEN), (4, "9")], ["3", "7"], [1 / 3, 2 / 3]),
        ([(0, "9"), (2, INBETWEEN), (3, INBETWEEN), (4, "6")], ["8", "7"], [1 / 3, 2 / 3]),
        ([(0, "1"), (2, INBETWEEN), (4, "2"), (6, "5")], ["6"], [1 / 2]),  # none is free between 1 and 2
        ([(0, "a"), (2, INBETWEEN), (4, "b")], ["a-1"], [1 / 2]),
    ],
)
def test_in_betweens_get_free_names(tmp_path, track, names, times):
    sheet = read_time_sheet(write(tmp_path / "s.xdts", table(track)))
    level = plan_level(sheet, sheet.tracks[0], LevelNames(sheet.tracks))
    assert list(level.inbetweens) == names
    assert [each.t for each in level.inbetweens.values()] == pytest.approx(times)


def test_names_that_files_have_already_are_not_free(tmp_path):
    sheet = read_time_sheet(write(tmp_path / "s.xdts", table([(0, "1"), (2, INBETWEEN), (4, "4")])))
    assert list(plan_level(sheet, sheet.tracks[0], LevelNames(sheet.tracks, ["2"])).inbetweens) == ["3"]


def test_the_same_in_betweens_are_shown_again_and_in_reverse(tmp_path):
    there = [(0, "1"), (1, INBETWEEN), (2, INBETWEEN), (3, "4")]
    back = [(4, REVERSE), (5, REVERSE), (6, "1"), (7, INBETWEEN), (8, INBETWEEN), (9, "4")]
    sheet = read_time_sheet(write(tmp_path / "s.xdts", table([*there, *back])))
    level = plan_level(sheet, sheet.tracks[0], LevelNames(sheet.tracks))
    assert [level.at(frame) for frame in range(10)] == ["1", "2", "3", "4", "3", "2", "1", "2", "3", "4"]
    assert len(level.inbetweens) == 2


@pytest.mark.parametrize(
    "track",
    [
        [(0, INBETWEEN), (2, "1")],
        [(0, "1"), (2, INBETWEEN)],
        [(0, "1"), (2, INBETWEEN), (4, EMPTY), (6, "2")],
        [(0, EMPTY), (2, INBETWEEN), (4, "1")],
    ],
)
def test_a_mark_without_a_drawing_on_both_sides_is_named(tmp_path, track):
    sheet = read_time_sheet(write(tmp_path / "s.xdts", table(track)))
    with pytest.raises(InputError, match=r"s\.xdts: track A, frame [13]: the mark of an in-between has no drawing"):
        plan_level(sheet, sheet.tracks[0], LevelNames(sheet.tracks))


def body(*tables):
    return f"{XDTS}\n{json.dumps({'timeTables': list(tables)})}"


BROKEN = {
    "another first line": "hello\n{}",
    "no JSON": f"{XDTS}\n{{",
    "a list": f"{XDTS}\n[]",
    "nothing": "",
    "deep": f"{XDTS}\n{'[' * 60_000}{']' * 60_000}",
    "no tables": body(),
    "another type": f'{XDTS}\n{{"timeTables": 5}}',
    "a long duration": body(table([(0, "1")], duration=10**9)),
    "a negative duration": body(table([(0, "1")], duration=-1)),
    "a name with slashes": body(table([(0, "../../x")])),
    "a level with slashes": body(table([(0, "1")], names=["a/b"])),
    "a level without a name": body(table([(0, "1")], names=["  "])),
    "a level that leads upwards": body(table([(0, "1")], names=[" .. "])),
    "a drawing that leads upwards": body(table([(0, ".. ")])),
    "a frame of text": body(table([("x", "1")])),
    "two tracks 0": body(table([(0, "1")], [(0, "1")])).replace('"trackNo": 1', '"trackNo": 0'),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_sheet_gets_one_line(tmp_path, kind, animi):
    path = tmp_path / "s.xdts"
    path.write_text(BROKEN[kind], encoding="utf-8")
    result = animi("interpolate", "--sheet", path, "-o", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith(f"animi: {path}: ") and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_gets_the_levels_the_in_betweens_and_the_sheet(cut, tmp_path, animi):
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out", "--engine", "flow", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["frames"] == 2
    files = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*"))
    assert files == ["A/A_0001.png", *(f"B/B_000{k}.png" for k in (1, 2, 3, 4)), "cut.xdts"]
    for number in (1, 4):
        name = f"B/B_{number:04d}.png"
        assert (tmp_path / "out" / name).read_bytes() == (cut.parent / name).read_bytes()
    for number, x in ((2, 24), (3, 34)):
        drawn = read(tmp_path / f"out/B/B_{number:04d}.png")
        assert middle(drawn) == pytest.approx(x, abs=1)
        assert not drawn[:8, :8].any()
    sheet = read_time_sheet(tmp_path / "out/cut.xdts")
    assert sheet.tracks[1].changes == ((0, "1"), (2, "2"), (4, "3"), (6, "4"), (8, EMPTY))
    assert not plan_cut(sheet).count and not plan_cut(sheet).missing  # it stands by itself now


def test_an_animation_shows_all_layers_for_as_long_as_the_sheet_has_them(cut, tmp_path, animi):
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "o.png", "--engine", "flow", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["frames"] == 10 and found["seconds"] == pytest.approx(10 / 24, abs=1e-3)
    ok, frames = cv2.imreadanimation(str(tmp_path / "o.png"))
    assert ok
    ground = read(cut.parent / "A_0001.png")[..., :3]
    frames = [frame[..., :3].astype(int) for frame in frames.frames]
    moved = [np.argwhere(np.abs(frame - ground).max(2) > 60)[:, 1] for frame in frames]
    assert [float(each.mean()) for each in moved[:8]] == pytest.approx([14, 14, 24, 24, 34, 34, 44, 44], abs=1)
    assert [len(each) for each in moved[8:]] == [0, 0]


def test_missing_drawings_are_named_before_anything_is_drawn(cut, tmp_path, animi):
    (cut.parent / "B/B_0004.png").unlink()
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "cut.xdts: there is no file of drawing B 4; put it beside the sheet as B/B_0004.png" in result.stderr
    assert not (tmp_path / "out").exists()
    draw(tmp_path / "elsewhere/B/4.png", 44)
    assert animi("interpolate", tmp_path / "elsewhere", "--sheet", cut, "-o", tmp_path / "out").exit_code == 0


def test_a_drawing_that_no_mark_needs_may_be_missing_in_a_folder(cut, tmp_path, animi):
    (cut.parent / "A_0001.png").unlink()
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out", "--engine", "blend")
    assert result.exit_code == 0 and "there are no files of A 1" in result.stderr
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "o.gif", "--engine", "blend")
    assert result.exit_code == 1 and "there is no file of drawing A 1" in result.stderr


@pytest.mark.parametrize("name", ["B/B_0004.png", "B/4.png", "B/0004.png", "B4.png", "B_0004.png", "b/b.0004.png"])
def test_drawings_are_found_under_the_names_that_programs_give(cut, name):
    (cut.parent / "B/B_0004.png").unlink()
    file = draw(cut.parent / name, 44)
    found = plan_cut(read_time_sheet(cut)).files[1].find("4")
    assert found is not None and found.samefile(file)


def test_nothing_of_another_hand_is_lost(cut, tmp_path, animi):
    words = ("interpolate", "--sheet", cut, "--engine", "blend", "-o")
    assert animi(*words, tmp_path / "out").exit_code == 0
    assert animi(*words, tmp_path / "out").exit_code == 1  # exists
    assert animi(*words, tmp_path / "out", "--overwrite").exit_code == 0
    (tmp_path / "out/notes.txt").write_text("mine")
    result = animi(*words, tmp_path / "out", "--overwrite")
    assert result.exit_code == 1 and "notes.txt" in result.stderr and (tmp_path / "out/notes.txt").exists()
    (tmp_path / "out/notes.txt").unlink()
    (tmp_path / "out/B/B_0099.png").write_bytes(b"mine")
    result = animi(*words, tmp_path / "out", "--overwrite")
    assert result.exit_code == 1 and "B/B_0099.png is not of this cut and would be lost" in result.stderr
    result = animi(*words, cut.parent, "--overwrite")
    assert result.exit_code == 1 and (cut.parent / "A_0001.png").exists()


def test_options_that_a_time_sheet_sets_are_named(cut, tmp_path, animi):
    for word in (("-n", "4"), ("--loop",), ("--hint", "1,1>2,2")):
        result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out", *word)
        assert result.exit_code == 2 and "does not go with a time sheet" in result.stderr
    result = animi("interpolate", "-o", tmp_path / "out")
    assert result.exit_code == 2 and "missing argument 'A B [C …] | FILM'" in result.stderr


def test_layers_are_laid_over_each_other_by_their_alpha():
    below, above = np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 4), np.uint8)
    below[:] = (200, 0, 0, 255)
    above[0] = (0, 100, 0, 128)
    laid = lay_over([below, above], below)
    assert laid[1, 0].tolist() == [200, 0, 0, 255]
    assert laid[0, 0].tolist() == pytest.approx([round(200 * 127 / 255), round(100 * 128 / 255), 0, 255], abs=1)
    below[..., 3] = 0
    assert lay_over([below, above], below)[0, 0].tolist() == [0, 100, 0, 128]


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_drawings_and_in_betweens_have_the_same_colours(cut, tmp_path, animi, suffix):
    profile = make_profile("Adobe RGB", 2.2, _ADOBE_RGB)
    for path in cut.parent.rglob("*.png"):
        frame = np.full((SIZE[1], SIZE[0], 3), (250, 30, 120), np.uint8)
        frame[:4, : 4 + 8 * ("4" in path.name)] = 0  # so that there is something to draw
        path.write_bytes(encode_png(frame, profile))
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / f"o.{suffix}", "--engine", "blend")
    assert result.exit_code == 0, result.output
    assert ("converted from Adobe RGB to sRGB" in result.stderr) == (suffix == "gif")
    with Image.open(tmp_path / f"o.{suffix}") as image:
        assert image.info.get("icc_profile") == (profile if suffix == "png" else None)
        colours = {each.convert("RGB").getpixel((30, 30)) for each in ImageSequence.Iterator(image)}
    assert len(colours) == 1 and ((250, 30, 120) in colours) == (suffix == "png")


def test_an_empty_start_and_levels_of_two_depths_make_frames_of_one_form(tmp_path, animi):
    (tmp_path / "A").mkdir()
    for number in (1, 3):
        frame = np.full((SIZE[1], SIZE[0], 1), 300 * number, np.uint16)
        (tmp_path / f"A/{number}.png").write_bytes(encode_png(frame))
    draw(tmp_path / "B1.png", 30)
    drawn = [(2, "1"), (3, INBETWEEN), (4, "3"), (6, EMPTY)]
    sheet = write(tmp_path / "s.xdts", table(drawn, [(7, "1")], duration=9))
    result = animi("interpolate", "--sheet", sheet, "-o", tmp_path / "o.png", "--engine", "blend")
    assert result.exit_code == 0, result.output
    cut = plan_cut(read_time_sheet(sheet))
    frames = list(compose_cut(cut, open_cut(cut), BlendEngine(), "morph"))
    assert {(frame.shape, frame.dtype) for frame in frames} == {((SIZE[1], SIZE[0], 4), np.dtype(np.uint16))}
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 0, 300, 600, 900, 900, 0, 0, 0]
    assert frames[3][0, 0].tolist() == [600, 600, 600, 65535] and not frames[0].any()


def test_in_betweens_are_drawn_when_they_are_first_shown(cut):
    class Counting(BlendEngine):
        pairs = 0

        def prepare(self, first, last):
            self.pairs += 1
            return super().prepare(first, last)

    engine, planned = Counting(), plan_cut(read_time_sheet(cut))
    frames = compose_cut(planned, open_cut(planned), engine, "morph")
    assert (next(frames)[..., 3] > 0).any() and engine.pairs == 0
    assert len(list(frames)) == 9 and engine.pairs == 1


def test_two_tracks_of_one_level_share_their_in_betweens(tmp_path, animi):
    for number, x in ((1, 14), (3, 44), (5, 34)):
        draw(tmp_path / f"A/A_{number:04d}.png", x)
    one = [(0, "1"), (1, INBETWEEN), (2, "3"), (3, INBETWEEN), (4, "1")]
    other = [(0, "1"), (1, INBETWEEN), (2, "5"), (3, "3"), (4, INBETWEEN), (5, "1")]
    sheet = write(tmp_path / "s.xdts", table(one, other, duration=6, names=["A", "a"]))
    cut = plan_cut(read_time_sheet(sheet))
    assert cut.count == 2
    result = animi("interpolate", "--sheet", sheet, "-o", tmp_path / "out", "--engine", "flow", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["frames"] == 2
    tracks = read_time_sheet(tmp_path / "out/s.xdts").tracks
    assert tracks[0].changes == ((0, "1"), (1, "2"), (2, "3"), (3, "2"), (4, "1"))
    assert tracks[1].changes == ((0, "1"), (1, "4"), (2, "5"), (3, "3"), (4, "2"), (5, "1"))
    drawn = {path.name: middle(read(path)) for path in (tmp_path / "out/A").glob("*.png")}
    assert drawn == pytest.approx({f"A_000{k}.png": x for k, x in enumerate((14, 29, 44, 24, 34), 1)}, abs=1)
    frames = list(compose_cut(cut, open_cut(cut), FlowEngine(), "morph"))
    assert middle(frames[4]) == pytest.approx((14 + 29) / 2, abs=1)  # of the one drawing 1, of the other 2 again


def test_a_drawing_that_another_track_of_the_level_shows_is_not_drawn_over(tmp_path):
    one, other = [(0, "1"), (1, INBETWEEN), (2, "3")], [(0, "2")]
    sheet = read_time_sheet(write(tmp_path / "s.xdts", table(one, other, names=["A", "A"])))
    for number in (1, 3):
        draw(tmp_path / f"A{number}.png", 9 * number)
    cut = plan_cut(sheet)
    assert list(cut.levels[0].inbetweens) == ["4"] and cut.missing == ("A 2",)


def test_a_level_and_its_sheet_may_not_have_one_name(cut, tmp_path, animi):
    for number in (1, 4):
        draw(cut.parent / f"b.xdts/{number}.png", 9 * number)
    cut = cut.rename(cut.with_name("B.xdts"))
    cut.write_text(cut.read_text().replace('"B"', '"b.xdts"'))
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out", "--engine", "blend")
    assert result.exit_code == 1 and "B.xdts: has the name of one of its levels" in result.stderr


def open_as_opentoonz_does(path):
    """What OpenToonz shows of a sheet: each column's level, and its cells; None: an empty cell.

    After `loadXdtsScene` and the classes of its toonz/sources/toonz/xdtsio.cpp (86cf198, August 2026), with a check
    wherever it would crash or show something else.
    """
    data = path.read_bytes()
    assert data.startswith(XDTS.encode())  # also no byte order mark
    sheet = json.loads(data.removeprefix(XDTS.encode()))
    (table,) = sheet["timeTables"][:1]
    (field,) = (field for field in table["fields"] if field["fieldId"] == 0)
    (header,) = (header for header in table["timeTableHeaders"] if header["fieldId"] == 0)
    found = {}
    for track in field["tracks"]:
        if not track["frames"]:
            continue
        column = track["trackNo"]
        assert column not in found and type(column) is int
        cells, at, before = [], 0, None
        for frame in sorted(track["frames"], key=lambda frame: frame["frame"]):
            start, value = frame["frame"], frame["data"][0]["values"][0]  # of the first entry, whatever its id is
            assert type(start) is int and (start < 0 or start >= at)
            cells += [cells[-1] if cells else before] * (start - at)
            at = max(at, start)
            assert isinstance(value, str)
            if value in (INBETWEEN, REVERSE, SAME):
                shown = cells[-1] if cells else None
            else:
                assert value == EMPTY or re.fullmatch(r"(\d+)([a-zA-Z]?)", value), value  # all else has no number
                shown = None if value == EMPTY else value
            if start < 0:
                before = shown
                continue
            cells.append(shown)
            at += 1
        assert cells  # the last one is shown until the end
        cells += [cells[-1]] * (table["duration"] - len(cells))
        name = header["names"][column]
        assert isinstance(name, str) and name.strip()
        found[column] = name.strip(), cells
    return found


@pytest.mark.parametrize(
    ("more", "names"),
    [({}, ["A", "B"]), ({"version": 10}, ["A", " B "]), ({"subversion": "p1"}, ["A"]), ({}, None)],
)
def test_a_sheet_that_is_written_opens_in_opentoonz(cut, animi, tmp_path, more, names):
    """Held to the source of OpenToonz's reader."""
    data = json.loads(cut.read_text(encoding="utf-8").partition("\n")[2]) | more
    table_ = data["timeTables"][0]
    if names is None:
        del table_["timeTableHeaders"]
        (cut.parent / "A_0001.png").rename(cut.parent / "1_0001.png")
    else:
        table_["timeTableHeaders"][0]["names"] = names
    if len(names or ()) < 2:  # a track without a name is called by its number
        (cut.parent / "B").rename(cut.parent / "2")
        for file in (cut.parent / "2").iterdir():
            file.rename(file.with_name(file.name.replace("B", "2")))
    frames = table_["fields"][0]["tracks"][1]["frames"]
    frames[0]["data"][0]["options"] = ["OPTION_KEYFRAME"]
    frames.insert(0, {"frame": -3, "data": [{"id": 0, "values": ["4"]}]})
    cut.write_bytes(f"\ufeff{XDTS}\r\n{json.dumps(data)}".encode())
    result = animi("interpolate", "--sheet", cut, "-o", tmp_path / "out", "--engine", "blend")
    assert result.exit_code == 0, result.output
    found = open_as_opentoonz_does(tmp_path / "out" / "cut.xdts")
    sheet = plan_cut(read_time_sheet(tmp_path / "out" / "cut.xdts"))
    assert {column: name for column, (name, _) in found.items()} == {
        level.track.number: level.track.name for level in sheet.levels
    }
    assert found[0][1] == ["1"] * 10
    assert found[1][1] == ["1", "1", "2", "2", "3", "3", "4", "4", None, None]
    for (
        level
    ) in sheet.levels:  # it finds these files by itself: a level is a folder of its name, and Name_0001.png in it
        name, cells = found[level.track.number]
        for cell in {each for each in cells if each is not None}:
            assert (tmp_path / "out" / name / f"{name}_{int(cell):04d}.png").exists()
    written = json.loads((tmp_path / "out" / "cut.xdts").read_text(encoding="utf-8").partition("\n")[2])
    assert written["timeTables"][0]["fields"][0]["tracks"][1]["frames"][1]["data"][0]["options"] == ["OPTION_KEYFRAME"]
    assert all(written[key] == value for key, value in more.items())
