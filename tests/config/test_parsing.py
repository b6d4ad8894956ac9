"""Numbers that a person typed, or that a file of somebody else holds."""

from fractions import Fraction

import pytest

from animi.core.config.parsing import (
    PAINTED,
    read_both_sides,
    read_frame_numbers,
    read_number,
    read_numbers,
    read_pairs,
    read_rate,
    read_size,
    read_whole,
    read_wholes,
)
from animi.core.errors import ConfigError

LONG = "1" * 5000


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("0.5", Fraction(1, 2)), ("24000/1001", Fraction(24000, 1001)), ("-1e2", -100)]
)
def test_a_number_is_read_exactly(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "fast", "nan", "inf", "1e400", "1e999999999", "1/0", "1/", "1/1e400", "1e308/1e-308", LONG]
)
def test_a_number_beyond_a_float_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        read_number(text)


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "٣", "²", "+1", "--1", "0x10", LONG, "-" + LONG])
def test_a_whole_number_is_short_and_plain(text):
    with pytest.raises(ValueError, match=r"."):
        read_whole(text)
    assert read_whole("-0012") == -12


@pytest.mark.parametrize(
    "read",
    [
        lambda text: read_rate(text, "--flag"),
        read_size,
        read_both_sides,
        lambda text: read_numbers(text, "--flag", "2,1"),
        lambda text: read_wholes(text, "--flag", "2,1"),
        lambda text: read_pairs(text, "--flag"),
    ],
)
@pytest.mark.parametrize("text", [LONG, f"{LONG}x5", "1e999999999", "1e400", "a,b", "", "1:2:3", "9" * 60_000])
def test_what_is_no_number_is_one_short_line(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert len(str(caught.value)) < 220 and "\n" not in str(caught.value)


def test_sizes_and_lists():
    assert read_size("640") == (640, None) and read_size("640×360") == read_both_sides("640X360") == (640, 360)
    assert read_numbers("2,0.5", "--weights", "2,1") == (2.0, 0.5)
    assert read_wholes("128, 64", "--sizes", "2,1") == (128, 64)
    assert read_pairs("0.5:0.6,1:1.25", "--pairs") == ((0.5, 0.6), (1.0, 1.25))
    with pytest.raises(ConfigError, match=r"--size: '640' cannot be read; give WIDTHxHEIGHT"):
        read_both_sides("640")


def test_numbers_of_frames():
    assert read_frame_numbers("3") == ((3, 3),) and read_frame_numbers("3-5") == ((3, 5),)
    assert read_frame_numbers("3,7-9") == ((3, 3), (7, 9)) and read_frame_numbers(PAINTED) is None
    for text in ("", "5-3", "-3", "3-", "a", "3,,4"):
        with pytest.raises(ConfigError, match=r"^--redo: "):
            read_frame_numbers(text)
