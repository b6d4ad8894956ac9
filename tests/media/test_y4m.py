"""The header of a y4m stream."""

import os
from contextlib import contextmanager
from fractions import Fraction

import pytest

from animi.core.errors import InputError
from animi.core.media.y4m import Rejoined, read_header


@contextmanager
def piped(data):
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with open(reading, "rb", buffering=0) as stream:  # noqa: PTH123 - a descriptor, and no path
        yield stream


def test_a_header_is_read_and_not_one_byte_more():
    line = b"YUV4MPEG2 W720 H480 F30000:1001 It A8:9 C422p10 XYSCSS=422P10 XCOLORRANGE=FULL\n"
    with piped(line + b"FRAME\n") as stream:
        header = read_header(stream)
        assert (header.width, header.height, header.rate) == (720, 480, Fraction(30000, 1001))
        assert (header.aspect, header.chroma, header.depth) == (Fraction(8, 9), "422", 10)
        assert header.full_range and header.interlaced and not header.alpha
        assert header.data == line
        rejoined = Rejoined(header.data, stream)
        assert [rejoined.read(1 << 16) for _ in range(3)] == [line, b"FRAME\n", b""]


def test_what_a_header_leaves_out_is_the_default():
    with piped(b"YUV4MPEG2 W4 H2 F24:1 A0:0\n") as stream:
        header = read_header(stream)
    assert (header.aspect, header.chroma, header.depth) == (1, "420", 8)
    assert not (header.full_range or header.interlaced or header.alpha)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds nothing"),
        (b"RIFF....AVI ", "holds no y4m video"),
        (b"YUV4MPEG2 W0 H2 F24:1\n", "holds no y4m video"),
        (b"YUV4MPEG2 W4 H2\n", "states no frame rate"),
        (b"YUV4MPEG2 W4 H2 F24:0\n", "states no frame rate"),
    ],
)
def test_other_streams_are_rejected(data, message):
    with piped(data) as stream, pytest.raises(InputError, match=message):
        read_header(stream)
