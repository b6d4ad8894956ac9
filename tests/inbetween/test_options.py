"""Each option of `animi interpolate` has an effect with what gives the frames their times, or is rejected."""

from dataclasses import fields

import numpy as np
import pytest

from animi.core.config.checks import flag_of
from animi.core.config.interpolation import EXPOSURE_SHEET, KEYS, TIME_SHEET, USED_WITH, InterpolateConfig
from animi.core.media.image_files import write_png

OPTIONS = {field.name: field for field in fields(InterpolateConfig)}
VALUES = {
    "count": 4, "spacing": "ease-in", "palette": "p.hex", "size": "8", "hint": "1,1>2,2", "part": "m.png=ease-in",
    "hints": "h.json", "doubt": "d.html", "redo": "1", "grid": "8x8",
}  # fmt: skip
SHEETS = {
    EXPOSURE_SHEET: ("s.csv", "drawing,inbetweens\na.png,1\nb.png,"),
    TIME_SHEET: (
        "s.xdts",
        'exchangeDigitalTimeSheet Save Data\n{"timeTables": [{"duration": 3, "timeTableHeaders": [{"fieldId": 0, '
        '"names": ["A"]}], "fields": [{"fieldId": 0, "tracks": [{"trackNo": 0, "frames": ['
        + ", ".join(
            f'{{"frame": {k}, "data": [{{"id": 0, "values": ["{value}"]}}]}}'
            for k, value in enumerate(("1", "SYMBOL_TICK_1", "3"))
        )
        + "]}]}]}]}",
    ),
}
INTERNAL = {"keeps_durations"}
"""Fields that the command sets by itself, for drawings in layers only."""
WHY = {EXPOSURE_SHEET: "does not go with --sheet", TIME_SHEET: "does not go with a time sheet"}


@pytest.fixture
def drawings(tmp_path):
    """Two small drawings, each under a name for either kind of sheet, and both sheets."""
    for names, x in ((("a.png", "A1.png"), 4), (("b.png", "A3.png"), 6)):
        for name in names:
            frame = np.full((16, 16, 3), 255, np.uint8)
            frame[4:10, x : x + 5] = 30
            write_png(tmp_path / name, frame)
    for name, text in SHEETS.values():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_option_has_a_row():
    assert list(USED_WITH) == list(OPTIONS)


@pytest.mark.parametrize("timing", SHEETS)
def test_what_has_no_effect_is_rejected(drawings, animi, timing):
    inputs = [drawings / "a.png", drawings / "b.png"] if timing == EXPOSURE_SHEET else []
    unused = [name for name, timings in USED_WITH.items() if timing not in timings]
    assert unused
    for name in unused:
        words = [flag_of(OPTIONS[name]), *([] if name not in VALUES else [VALUES[name]])]
        assert name in VALUES or OPTIONS[name].default is False, "add a value for it above"
        result = animi(
            "interpolate", *inputs, "--sheet", drawings / SHEETS[timing][0], "-o", drawings / "o.png", *words
        )
        assert result.exit_code == 2 and f"{words[0]}: {WHY[timing]}" in result.stderr, result.output
        assert not (drawings / "o.png").exists()


@pytest.mark.parametrize("timing", [KEYS, *SHEETS])
def test_what_is_not_rejected_is_used(drawings, timing, list_read):
    used = set()
    inputs = () if timing == TIME_SHEET else (drawings / "a.png", drawings / "b.png")
    sheet = None if timing == KEYS else drawings / SHEETS[timing][0]
    for number, suffix in enumerate((".png", "", "")):  # the last draws the folder again
        again = {"redo": "1", "dry_run": True} if number == 2 and timing != TIME_SHEET else {}
        used |= list_read(
            inputs, drawings / f"out{suffix}", sheet=sheet, engine="blend", overwrite=number == 2 and not again, **again
        )
    used |= INTERNAL
    assert {name for name, timings in USED_WITH.items() if timing in timings} <= used


def test_times_do_not_go_with_a_time_sheet(drawings, animi):
    words = ("interpolate", "--sheet", drawings / "s.xdts", "-o", drawings / "o.png", "--engine", "blend", "--spacing")
    result = animi(*words, "0,0.2,1")
    assert result.exit_code == 2 and "--spacing: a time sheet says how many in-betweens there are" in result.stderr
    assert animi(*words, "ease-in").exit_code == 0
