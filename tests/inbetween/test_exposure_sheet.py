"""Exposure sheets: key frames with a hold, in-betweens and a spacing each, and errors that name file and line."""

import json
import os
import subprocess

import numpy as np
import pytest

from animi.core.errors import InputError
from animi.core.inbetween.exposure_sheet import read_sheet
from animi.core.media.image_files import read_image, write_png


@pytest.fixture
def keys(tmp_path, draw_disc):
    """A folder with a.png, b.png and c.png."""
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, x in zip("abc", (12, 22, 32), strict=True):
        write_png(folder / f"{name}.png", draw_disc(x, 16, (48, 32), 6))
    return folder


def write(folder, *lines):
    sheet = folder / "sheet.csv"
    sheet.write_text("\n".join(lines), encoding="utf-8")
    return sheet


def test_a_sheet_becomes_one_film(animi, keys, tmp_path):
    sheet = write(
        tmp_path,
        "# the disc walks",
        "drawing,hold,inbetweens,on,spacing",
        "a.png,3,2,,",
        "b.png,,,2,0 0.2 0.6 1",
        "c.png,1,,,",
        "",
        "a.png,4",
    )
    out = tmp_path / "out"
    result = animi("interpolate", keys, "--sheet", sheet, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    frames = [read_image(path) for path in sorted(out.glob("*.png"))]
    assert told["frames"] == len(frames) == 3 + 2 + 1 + 2 * 2 + 1 + 4 and told["key_frames"] == 4
    a, b, c = (read_image(keys / f"{name}.png") for name in "abc")
    places = {0: a, 1: a, 2: a, 5: b, 10: c, 11: a, 12: a, 13: a, 14: a}
    for place, frame in places.items():
        assert np.array_equal(frames[place], frame), place
    assert np.array_equal(frames[6], frames[7]) and np.array_equal(frames[8], frames[9])  # on twos
    assert not np.array_equal(frames[3], frames[4]) and not np.array_equal(frames[7], frames[8])
    # the chart's 0.2 lies nearer to b than its 0.6
    apart = [np.abs(frames[k].astype(int) - b).mean() for k in (6, 8)]
    assert 0 < apart[0] < apart[1]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_in_any_order_and_with_any_mark(keys, tmp_path, mark):
    lines = [["Hold", "Drawing", "Spacing", "inbetweens"], ["2", "a.png", "ease-in", "1"], ["", "b.png", "", ""]]
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("\ufeff" + "\r\n".join(mark.join(cells) for cells in lines), encoding="utf-8")
    first, second = read_sheet(sheet, sorted(keys.iterdir()))
    assert (first.drawing.name, first.hold, first.times, first.on, first.frames) == ("a.png", 2, (0.25,), 1, 3)
    assert (second.hold, second.times) == (1, ())


def test_a_loop_goes_on_to_the_first_drawing(animi, keys, tmp_path):
    sheet = write(tmp_path, "drawing,inbetweens", "a.png,1", "b.png,1")
    words = ("interpolate", keys, "--sheet", sheet, "--json")
    assert json.loads(animi(*words, "--loop", "-o", tmp_path / "one").stdout)["frames"] == 4
    assert json.loads(animi(*words, "--loop", "--boomerang", "-o", tmp_path / "two").stdout)["frames"] == 8
    rejected = animi(*words, "-o", tmp_path / "three")
    assert rejected.exit_code == 1 and "line 3: is the last" in rejected.stderr


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), "is empty"),
        (("a.png,2",), "line 1: 'a.png' is no column"),
        (("hold", "2"), "line 1: the first line must name each column once, and drawing"),
        (("drawing,hold,hold", "a.png"), "line 1: the first line must name each column once"),
        (
            ("drawing,hold", "a.png,1", "z.png,1"),
            "line 3: there is no drawing 'z.png'; there are 3: a.png, b.png, c.png",
        ),
        (("drawing,hold", "a.png,1", ",1"), "line 3: names no drawing"),
        (("drawing,hold", "# note", "a.png,two"), "line 3: hold is 'two'"),
        (("drawing,hold", "a.png,-1"), "line 2: hold is '-1'"),
        (("drawing,on", "a.png,0"), "line 2: on is '0'"),
        (("drawing,inbetweens", "a.png,1.5"), "line 2: inbetweens is '1.5'"),
        (("drawing,hold", "a.png,1,7"), "line 2: has 3 cells, and there are 2 columns"),
        (("drawing,spacing", "a.png,bouncy", "b.png"), "line 2: spacing: 'bouncy' is not known"),
        (("drawing,spacing", "a.png,0 0.7 0.6 1", "b.png"), "line 2: spacing: 0,0.7,0.6,1 must start with 0"),
        (("drawing,inbetweens,spacing", "a.png,3,0 0.5 1", "b.png"), "line 2: has 3 inbetweens, and 1 times"),
        (("drawing,inbetweens", "a.png,1", "b.png,1"), "line 3: is the last"),
        (("drawing,hold", "a.png,100000", "b.png,1"), "makes more than 100000 frames"),
        (("drawing,hold", "a.png,0", "b.png,0"), "makes no frame, as every hold is 0"),
        (("drawing,hold", f"a.png,{'1' * 5000}"), "line 2: hold is '1111"),
        (("drawing,hold", f"a.png,{'x' * 131_073}"), "line 2: cannot be cut into cells (field larger than field limit"),
        (("x" * 131_073,), "line 1: cannot be cut into cells (field larger than field limit"),
        (("drawing,spacing", f"a.png,{'1' * 5000}", "b.png"), "line 2: spacing: '1111"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(animi, keys, tmp_path, lines, found):
    sheet = write(tmp_path, *lines)
    result = animi("interpolate", keys, "--sheet", sheet, "-o", tmp_path / "out.gif")
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1 and found in result.stderr, result.stderr
    assert "sheet.csv: " in result.stderr and len(result.stderr) < 400
    assert not (tmp_path / "out.gif").exists()


def test_a_sheet_of_one_drawing_is_none(animi, keys, tmp_path):
    sheet = write(tmp_path, "drawing,hold", "a.png,1")
    result = animi("interpolate", keys, "--sheet", sheet, "-o", tmp_path / "out.gif")
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    assert result.stderr.count("\n") == 1 and "two key frames or more are needed" in result.stderr
    assert not (tmp_path / "out.gif").exists()


def test_a_pipe_without_an_end_is_no_sheet(keys, tmp_path):
    pipe = tmp_path / "endless.csv"
    os.mkfifo(pipe)
    writer = subprocess.Popen(["sh", "-c", f"yes a.png,1 > '{pipe}'"], stderr=subprocess.DEVNULL)
    try:
        with pytest.raises(InputError, match=r"endless\.csv: is too large for an exposure sheet"):
            read_sheet(pipe, [keys / "a.png"])
    finally:
        writer.kill()
        writer.wait()


def test_files_that_are_no_sheet(animi, keys, tmp_path):
    for name, data in (("missing.csv", None), ("picture.csv", b"\x89PNG\xff\xfe"), ("big.csv", b"a" * (5 << 20))):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        result = animi("interpolate", keys, "--sheet", tmp_path / name, "-o", tmp_path / "out.gif")
        assert result.exit_code == 1 and name in result.stderr and result.stderr.count("\n") == 1


def test_a_sheet_says_what_the_options_would(animi, keys, tmp_path):
    sheet = write(tmp_path, "drawing,hold", "a.png,1", "b.png,1")
    for words in (("-n", "5"), ("--spacing", "linear")):
        result = animi("interpolate", keys, "--sheet", sheet, *words, "-o", tmp_path / "out.gif")
        assert result.exit_code == 2 and f"{words[0]}: does not go with --sheet" in result.stderr
