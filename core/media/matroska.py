"""Writes a Matroska stream of raw frames, which gives ffmpeg a timestamp for each frame."""

from .coding import Coding


def _element(name: str, content: bytes) -> bytes:
    """An EBML element (RFC 8794), with its size in eight bytes."""
    return bytes.fromhex(name) + (1 << 56 | len(content)).to_bytes(8, "big") + content


def _number(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))


def begin_matroska(width: int, height: int, coding: Coding) -> bytes:
    """Returns the header of a Matroska stream (RFC 9559) of raw frames, with timestamps in microseconds."""
    fourcc = {(False, False): b"RGB\x18", (True, False): b"RGB\x30", (False, True): b"RGBA", (True, True): b"RBA\x40"}
    picture = _number("B0", width) + _number("BA", height) + _element("2EB524", fourcc[coding.deep, coding.alpha])
    track = (
        *(_number("D7", 1), _number("73C5", 1), _number("83", 1), _element("86", b"V_UNCOMPRESSED")),
        *(_number("23E383", round(10**9 / coding.usual)), _element("E0", picture)),
    )
    return (
        _element("1A45DFA3", _element("4282", b"matroska") + _number("4287", 4) + _number("4285", 2))
        + bytes.fromhex("18538067 01FFFFFFFFFFFFFF")  # a segment of unknown size
        + _element("1549A966", _number("2AD7B1", 1000))  # nanoseconds per tick
        + _element("1654AE6B", _element("AE", b"".join(track)))
    )


def begin_block(microseconds: int, size: int) -> bytes:
    """Returns the bytes that precede a frame's data: the start of a cluster with one block."""
    block = bytes.fromhex("A3") + (1 << 56 | size + 4).to_bytes(8, "big") + b"\x81\x00\x00\x80"
    inside = _number("E7", microseconds) + block
    return bytes.fromhex("1F43B675") + (1 << 56 | len(inside) + size).to_bytes(8, "big") + inside
