"""What `fuzz.py --by structure` reads: files whose structure is kept or made up, and one part of it is odd.

Bytes that are flipped at random mostly break a check sum or a length, and are rejected there. Here lengths and check
sums fit, so that what lies behind them is read: chunks that are missing, doubled, in another order or of other sizes
(PNG and APNG, GIF, WebP, TIFF, PSD, QOI, MP4), JSON of any shape (every file of animi's that is JSON, and requests to
the studio), headers of safetensors, exposure sheets, lists of cuts, words of options, and playlists and manifests that
name other files. Whole folders are used again as well: a film's work folder, an extraction and a training, each with
one file damaged; what comes of them must be whole, and what is not animi's must stay.
"""

import json
import logging
import os
import shutil
import struct
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from starlette.testclient import TestClient

from animi.cli.studio_server import build_app
from animi.core.config import parsing
from animi.core.config.evaluation import ReportConfig
from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.config.material import ExtractFramesConfig
from animi.core.config.studio import StudioConfig
from animi.core.config.training import TrainingConfig
from animi.core.errors import AnimiError, InputError
from animi.core.films.interpolation import interpolate_film
from animi.core.films.work_folder import name_folder
from animi.core.material.extraction import extract_frames
from animi.core.material.films import open_material
from animi.core.media.decode import decode_video, probe_video
from animi.core.media.encode import write_video
from animi.core.media.film_segments import count_packets
from animi.core.media.film_source import find_film, open_film, read_frames
from animi.core.media.image_files import read_image, write_png
from animi.core.reports.runs import write_report
from animi.core.studio.studio import Studio
from animi.core.training.loop import Hooks, Phase, fit
from animi.core.training.metrics_file import read_series
from animi.core.training.run_folder import Network, open_run
from animi.core.weights.imagenet import ALEXNET, read_weights
from animi.models.refinement import RefinementConfig

FUZZ = run_path(str(Path(__file__).with_name("fuzz.py")))
Kind, SIDE, FRAMES, EXTREMES = FUZZ["Kind"], FUZZ["SIDE"], FUZZ["FRAMES"], FUZZ["EXTREMES"]
draw: Callable[[int], np.ndarray[Any, np.dtype[np.uint8]]] = FUZZ["draw"]
Rng = np.random.Generator
SECRET = "secret.mp4"
"""A film beside the manifests that they try to have read."""
MINE = "mine.txt"
"""A file in every folder that is used again: it is not animi's, and must stay."""


def pick(rng: Rng, choices: Sequence[Any]) -> Any:
    """One of several."""
    return choices[int(rng.integers(len(choices)))]


def extreme(rng: Rng, length: int) -> int:
    """A number of so many bytes: one at an end of some range, or any small one."""
    value = int(pick(rng, EXTREMES)) if rng.random() < 0.7 else int(rng.integers(300))
    return value & ((1 << 8 * length) - 1)


# JSON


class Raw(str):
    """Text that stands in JSON as it is, whether it may or not."""


DEEP = 60_000
ODD_VALUES = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 10**15, 10**18, 10**63, 2**31, 2**63, 2**64, "", " ", "x", "-1",
    "1e999", "NaN", "../../etc/passwd", "/etc/passwd", "a" * 5000, "\x00", "\x1b[31m", "\ud800", "²", "٣", [], [[]],
    [None], {}, {"a": {}}, [1, "2", None], {"": 0}, Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1e999"),
    Raw("1" * 5000), Raw("-" + "9" * 400), Raw("[" * DEEP + "]" * DEEP), Raw('{"a":' * DEEP + "1" + "}" * DEEP),
    Raw("[" * 40 + "]" * 40), Raw("'x'"), Raw("01"), Raw("tru"), Raw('"\\ud800"'), Raw('"\\u0000"'), Raw(""),
)  # fmt: skip


def write_json(value: Any) -> str:
    """JSON, with `Raw` parts as they are, and pairs (a list of tuples) as an object that may name one thing twice."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return write_json(list(value.items()))
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return "{" + ",".join(f"{json.dumps(name)}:{write_json(part)}" for name, part in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_json, value)) + "]"
    return "{}" if value == {} else json.dumps(value)


def damage_tree(value: Any, rng: Rng) -> Any:
    """One place of what JSON holds is made odd."""
    kind = int(rng.integers(8))
    if isinstance(value, dict) and value and (kind or rng.random() < 0.5):
        items = list(value.items())
        at = int(rng.integers(len(items)))
        name, part = items[at]
        if kind == 1:
            del items[at]
        elif kind == 2:
            items.append((name, pick(rng, ODD_VALUES)))  # the name stands twice
        elif kind == 3:
            items.append((str(pick(rng, ("", "x", name.upper(), "__class__"))), pick(rng, ODD_VALUES)))
        elif kind == 4:
            items[at] = (name, pick(rng, items)[1])
        elif kind == 5:
            items[at] = (name, pick(rng, ODD_VALUES))
        else:
            items[at] = (name, damage_tree(part, rng))
        return items or {}
    if isinstance(value, list) and value and (kind or rng.random() < 0.5):
        parts = list(value)
        at = int(rng.integers(len(parts)))
        if kind == 1:
            del parts[at]
        elif kind == 2:
            parts *= 2
        elif kind == 3:
            parts.insert(at, pick(rng, ODD_VALUES))
        else:
            parts[at] = damage_tree(parts[at], rng)
        return parts
    if isinstance(value, str) and value[:1] in ("{", "[") and kind:  # JSON within JSON, as in headers
        return write_json(damage_tree(json.loads(value), rng))
    return pick(rng, ODD_VALUES)


def damage_json(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """JSON as `damage_tree` has it; now and then the text is odd as a whole."""
    text = write_json(damage_tree(json.loads(data), rng))
    odd = int(rng.integers(12))
    if odd == 0:
        text = pick(rng, ("\ufeff", " \n", "[", "\x00")) + text
    elif odd == 1:
        text += pick(rng, ("\n\n", "}", "\x00", text, ","))
    elif odd == 2:
        text = text[: int(rng.integers(len(text) + 1))]
    return text.encode(pick(rng, ("utf-8", "utf-16", "utf-32")) if odd == 3 else "utf-8", "surrogatepass")


def damage_lines(data: bytes, other: bytes, rng: Rng) -> bytes:
    """A line of a file of JSON lines, or the order of the lines."""
    lines = data.splitlines()
    at, kind = int(rng.integers(len(lines))), int(rng.integers(8))
    if kind == 0:
        lines[at] = pick(rng, lines)
    elif kind == 1:
        lines.insert(at, pick(rng, (b"", b"null", b"[]", b"\x00" * 50, b" ", b"{}", b"1")))
    elif kind == 2:
        del lines[at]
    else:
        lines[at] = damage_json(lines[at], other, rng)
    end = b"" if rng.random() < 0.1 else b"\n"
    return pick(rng, (b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(lines) + end


def damage_tensors(data: bytes, other: bytes, rng: Rng) -> bytes:
    """The header of a safetensors file; its length fits."""
    size = int.from_bytes(data[:8], "little")
    head, rest = data[8 : 8 + size], data[8 + size :]
    head = damage_json(head, other, rng)
    if rng.random() < 0.1:
        rest = rest[: int(rng.integers(len(rest) + 1))]
    length = len(head) if rng.random() < 0.95 else extreme(rng, 8)
    return length.to_bytes(8, "little") + head + rest


# Chunks


def damage_parts(parts: list[Any], spoil: Callable[[Any], Any], rng: Rng) -> list[Any]:
    """Parts of a file: left out, doubled, in another order, or one of them spoilt."""
    parts = list(parts)
    for _ in range(1 if rng.random() < 0.6 else int(rng.integers(2, 5))):
        if not parts:
            break
        at, to, kind = int(rng.integers(len(parts))), int(rng.integers(len(parts))), int(rng.integers(8))
        if kind == 0:
            del parts[at]
        elif kind == 1:
            parts.insert(to, parts[at])
        elif kind == 2:
            parts[at], parts[to] = parts[to], parts[at]
        elif kind == 3 and rng.random() < 0.3:
            parts[at:at] = [parts[at]] * 300
        else:
            parts[at] = spoil(parts[at])
    return parts


def damage_fields(data: bytes, rng: Rng, big: bool = True, end: int = 64) -> bytes:
    """A number within the first bytes becomes an extreme one, or the bytes become more, fewer or others."""
    found, kind = bytearray(data), int(rng.integers(6))
    if kind == 0:
        return bytes(found[: int(rng.integers(len(found) + 1))])
    if kind == 1:
        return bytes(found) + rng.bytes(int(rng.integers(1, 40)))
    if kind == 2 and found:
        at = int(rng.integers(len(found)))
        found[at : at + 8] = rng.bytes(len(found[at : at + 8]))
        return bytes(found)
    length = int(pick(rng, (1, 2, 4, 4)))
    at = int(rng.integers(max(1, min(end, len(found)) // length))) * length
    found[at : at + length] = extreme(rng, length).to_bytes(length, "big" if big else "little")
    return bytes(found)


def damage_png(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """Chunks of a PNG or APNG; check sums fit, but for a few."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + size]))
        place += 12 + size

    def spoil(chunk: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        name, body = chunk
        kind = int(rng.integers(6))
        if kind == 0:
            return pick(rng, (b"IHDR", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"iCCP", b"tRNS", b"PLTE", b"zTXt", b"eXIf",
                              b"gAMA", b"cICP", b"IEND", b"xxXx", b"\x00\x00\x00\x00")), body  # fmt: skip
        if kind == 1 and name in (b"IDAT", b"fdAT"):
            head = body[:4] if name == b"fdAT" else b""
            plain = rng.bytes(int(rng.integers(2000))) if rng.random() < 0.5 else bytes(int(pick(rng, (0, 1, 1 << 22))))
            return name, head + zlib.compress(plain)
        return name, damage_fields(body, rng)

    chunks = damage_parts(chunks, spoil, rng)
    out = data[:8]
    for name, body in chunks:
        sum_ = zlib.crc32(name + body) if rng.random() < 0.99 else 0
        size = len(body) if rng.random() < 0.99 else extreme(rng, 4)
        out += struct.pack(">I", size) + name + body + struct.pack(">I", sum_)
    return out


def damage_riff(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """Chunks of a WebP; sizes fit, but for a few."""
    chunks, place = [], 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        chunks.append((data[place : place + 4], data[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2

    def spoil(chunk: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        name, body = chunk
        if rng.random() < 0.2:
            names = (b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"\0\0\0\0")
            return pick(rng, names), body
        return name, damage_fields(body, rng, big=False, end=40)

    body = b""
    for name, part in damage_parts(chunks, spoil, rng):
        size = len(part) if rng.random() < 0.98 else extreme(rng, 4)
        body += name + struct.pack("<I", size) + part + b"\0" * (len(part) % 2)
    size = len(body) + 4 if rng.random() < 0.98 else extreme(rng, 4)
    return b"RIFF" + struct.pack("<I", size) + b"WEBP" + body


def damage_gif(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """Blocks of a GIF."""
    table = 3 << (1 + (data[10] & 7)) if data[10] & 0x80 else 0
    head, blocks, place = data[: 13 + table], [], 13 + table
    while place < len(data) and data[place] != 0x3B:
        begin, place = place, place + (2 if data[place] == 0x21 else 10)
        if data[begin] == 0x2C:
            place += (3 << (1 + (data[begin + 9] & 7)) if data[begin + 9] & 0x80 else 0) + 1
        while data[place]:
            place += data[place] + 1
        place += 1
        blocks.append(data[begin:place])
    if rng.random() < 0.2:
        head = head[:6] + damage_fields(head[6:13], rng, big=False, end=7)[:7].ljust(7, b"\0") + head[13:]
    blocks = damage_parts(blocks, lambda block: block[:1] + damage_fields(block[1:], rng, big=False, end=14), rng)
    return head + b"".join(blocks) + (b";" if rng.random() < 0.9 else b"")


TAGS = (254, 256, 257, 258, 259, 262, 266, 270, 273, 274, 277, 278, 279, 282, 284, 296, 305, 317, 320, 322, 323, 324,
        325, 330, 338, 339, 347, 530, 532, 700, 33723, 34377, 34665, 34675, 34853, 50838)  # fmt: skip


def damage_tiff(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """Entries of a TIFF's directory: tags, types, counts, values, and where the next directory is."""
    order = "<" if data[:2] == b"II" else ">"
    place = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, place)[0]
    entries = [struct.unpack_from(order + "HHII", data, place + 2 + 12 * k) for k in range(count)]

    def spoil(entry: tuple[int, ...]) -> tuple[int, ...]:
        tag, kind, many, value = entry
        part = int(rng.integers(5))
        if part == 0:
            tag = int(pick(rng, TAGS))
        elif part == 1:
            kind = int(rng.integers(20))
        elif part == 2:
            many = extreme(rng, 4)
        else:
            value = pick(rng, (extreme(rng, 4), place, len(data), len(data) - 1, 8, int(rng.integers(1, 10))))
        return tag, kind, many, value

    entries = damage_parts(entries, spoil, rng)
    body = struct.pack(order + "H", len(entries) if rng.random() < 0.95 else extreme(rng, 2))
    body += b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    onward = pick(rng, (0, 0, 0, 8, len(data), extreme(rng, 4)))  # its own place: directories without an end
    head = data[:4] if rng.random() < 0.9 else pick(rng, (b"II+\0", b"MM\0+", b"MM\0*", b"II*\0", b"IIU\0"))
    return head + struct.pack(order + "I", len(data)) + data[8:] + body + struct.pack(order + "I", onward)


def damage_head(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """Numbers in the head of a file of another kind: PSD, QOI, BMP, DDS, ICO, PCX, SGI, TGA, PPM."""
    for _ in range(int(rng.integers(1, 4))):
        data = damage_fields(data, rng, big=bool(rng.random() < 0.6), end=160)
    return data


def damage_boxes(data: bytes, other: bytes, rng: Rng) -> bytes:
    """Boxes of an MP4, however deep; sizes fit, but for a few."""
    boxes = []
    place = 0
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        if size < 8 or place + size > len(data):
            break
        boxes.append((data[place + 4 : place + 8], data[place + 8 : place + size]))
        place += size
    if not boxes:
        return damage_fields(data, rng)
    outer = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf", b"udta")

    def spoil(box: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        name, body = box
        if rng.random() < 0.1:
            names = (*outer, b"mvhd", b"tkhd", b"mdhd", b"stts", b"stsz", b"stco", b"stsc", b"stsd", b"elst", b"hdlr",
                     b"moof", b"free", b"uuid", b"rmra", b"dref", b"\0\0\0\0")  # fmt: skip
            return pick(rng, names), body
        if name in outer and rng.random() < 0.95:
            return name, damage_boxes(body, other, rng)
        return name, damage_fields(body, rng, end=120)

    weights = [at for at, (name, _) in enumerate(boxes) for _ in range(20 if name == b"moov" else 1)]
    at = int(pick(rng, weights))
    if boxes[at][0] in outer and rng.random() < 0.8:
        boxes[at] = spoil(boxes[at])
    else:
        boxes = damage_parts(boxes, spoil, rng)
    out = b""
    for name, body in boxes:
        size = len(body) + 8 if rng.random() < 0.99 else extreme(rng, 4)
        out += struct.pack(">I", size) + name + body
    return out


# Text


def damage_sheet(_data: bytes, _other: bytes, rng: Rng) -> bytes:
    """An exposure sheet of odd cells."""
    numbers = ("0", "1", "2", "-1", "9" * 5000, "1e5", "NaN", "²", "٣", "１", "99999", "100001", " 3 ", "+1", "0x1", "")
    spacings = ("ease-in", "0 1", "0 0.5 1", "1 0", "0 NaN 1", "0 1e999 1", "0 1/0 1", "0 0.5/2 1", "x", "0," * 5000)
    cells: dict[str, Sequence[str]] = {
        "drawing": ("A1.png", "A5.png", "A9.png", "A1.PNG", "../A1.png", "", "x" * 140_000, '"A1.png"', "A\x001.png"),
        "hold": numbers, "inbetweens": numbers, "on": numbers, "spacing": spacings,
    }  # fmt: skip
    columns = [name for name in cells if rng.random() < 0.8] or ["drawing"]
    if rng.random() < 0.2:
        columns.insert(0, str(pick(rng, ("drawing", "", "Drawing ", "x", "\ufeffdrawing", "hold\x1b[2J"))))
    mark = str(pick(rng, (",", ",", ";", "\t", "|")))
    rows = [columns]
    for _ in range(int(rng.integers(0, 6))):
        row = [str(pick(rng, cells.get(name, ("x",))[: 3 if rng.random() < 0.7 else None])) for name in columns]
        if rng.random() < 0.3:
            row = [f'"{cell}"' if rng.random() < 0.5 else cell for cell in row] + ["extra"] * int(rng.integers(3))
        rows.append(row)
    end = str(pick(rng, ("\n", "\r\n", "\r", "\u2028", "\n\n", "\x0b")))
    text = end.join(mark.join(row) for row in rows)
    odd = int(rng.integers(10))
    if odd < 3:
        text = pick(rng, (text + '"', "\x00" + text, text * 300, "#" + text, text + end + '"a\nb"'))
    return text.encode("utf-16" if odd == 3 else "utf-8", "surrogatepass")


TIMES = (
    "0", "1", "-1", "1:12.5", "0:01:13", "1:99", "1:1:1:1", "NaN", "inf", "1e999", "9" * 5000, "²", "1_0", "1,5", "",
    ":", "1:", "0x1", "1e-400", "\x1b[2J", " 5 ", "12.5.1", "+3", "--5", "5-", "5-3", "-", "1/0", "1/3", "0/0", "x",
    "24000/1001", "1e308/1e-308", "1e-308/1e308", "640x360", "x360", "640x", "1x1x1", "0x0", "16385", "640×360",
    "0,0.5,1", "0,,1", "0,1,0.5,1", "ease-in", "Ease-In", "0.1:0.2,0.3:0.4", ":,:", "\ud800", "a" * 70,
)  # fmt: skip


def damage_cuts(_data: bytes, _other: bytes, rng: Rng) -> bytes:
    """A list of cuts of odd lines."""
    lines = []
    for _ in range(int(rng.integers(0, 8))):
        lines.append(str(pick(rng, TIMES)) + str(pick(rng, ("", "", "  # cut", ",0.9,cut", "#", ",,,"))))
    return str(pick(rng, ("\n", "\r\n", "\r"))).join(lines).encode("utf-8", "surrogatepass")


def damage_words(_data: bytes, _other: bytes, rng: Rng) -> bytes:
    """What is typed as an option's value."""
    word = str(pick(rng, TIMES))
    if rng.random() < 0.4:
        word += str(pick(rng, ("", "-", ",", ":", "x", "/", " "))) + str(pick(rng, TIMES))
    return word.encode("utf-8", "surrogatepass")


def damage_stream(data: bytes, _other: bytes, rng: Rng) -> bytes:
    """The words at the head of a y4m stream, and those of its frames."""
    head, _, rest = data.partition(b"\n")
    words = head.split(b" ")
    numbers = ("0", "-1", "1", "65536", "99999999999", "9" * 400, "24", "x", "")

    def spoil(word: bytes) -> bytes:
        letter = str(pick(rng, "WHFIACX"))
        ratio = f"{pick(rng, numbers)}:{pick(rng, numbers)}"
        chroma = pick(rng, ("420", "420jpeg", "422", "444", "444alpha", "mono", "444p10", "420p16", "411", "xyz", ""))
        form = {"W": pick(rng, numbers), "H": pick(rng, numbers), "F": ratio, "A": ratio, "I": pick(rng, "ptbm?x"),
                "C": chroma, "X": pick(rng, ("COLORRANGE=FULL", "YSCSS=444", "\x1b[2J", "x" * 3000))}  # fmt: skip
        return f"{letter}{form[letter]}".encode()

    head = b" ".join(damage_parts(words, spoil, rng))
    if rng.random() < 0.2:
        rest = rest.replace(b"FRAME\n", pick(rng, (b"FRAME Ip\n", b"FRAMES\n", b"frame\n", b"FRAME ", b"")))
    if rng.random() < 0.2:
        rest = rest[: int(rng.integers(len(rest)))]
    return head + b"\n" + rest


def make_manifest(_data: bytes, _other: bytes, rng: Rng) -> bytes:
    """A file that names other files, of any kind that ffmpeg or a player knows."""
    place = pick(rng, (SECRET, f"file:{SECRET}", f"file://{SECRET}", f"./{SECRET}", "../x.mp4", "/etc/passwd",
                       "http://127.0.0.1:9/x", "tcp://127.0.0.1:9", "concat:a|b", f"crypto:{SECRET}", "data:,x",
                       f"subfile,,start,0,end,999,,:{SECRET}", f"cache:{SECRET}", "x%03d.png", "pipe:0"))  # fmt: skip
    hours = pick(rng, ("PT1S", "PT100000H", "PT1e99S", "P9999Y", "", "-PT1S"))
    mpd = (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="{pick(rng, ("static", "dynamic"))}" '
        f'mediaPresentationDuration="{hours}"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1" width="24" height="24"><BaseURL>{place}</BaseURL><SegmentTemplate media="$Number$.m4s" '
        f'initialization="{place}" duration="1" startNumber="1"/></Representation></AdaptationSet></Period></MPD>'
    )
    more = pick(rng, ("", f'#EXT-X-MAP:URI="{place}"\n', f'#EXT-X-KEY:METHOD=AES-128,URI="{place}"\n'))
    hls = (
        f"#EXTM3U\n#EXT-X-VERSION:{pick(rng, ('3', '7', '9' * 50))}\n"
        f"#EXT-X-TARGETDURATION:{pick(rng, ('1', '-1', '1e9'))}\n{more}"
        f"#EXTINF:1.0,\n{place}\n{pick(rng, ('#EXT-X-ENDLIST', ''))}\n"
    )
    lists = (
        f"ffconcat version 1.0\nfile '{place}'\nduration {pick(rng, ('1', '1e9', '-1', 'x'))}\n",
        f"ffconcat version 1.0\nstream\nfile {place}\ninpoint 0\noption safe 0\n",
        f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{place}" width="24" height="24"/></svg>',
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=control:{place}\n",
        f'<asx version="3.0"><entry><ref href="{place}"/></entry></asx>', f"[playlist]\nFile1={place}\n", f"{place}\n",
        f"[Reference]\nRef1={place}\n",
        f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "{place}">]><MPD>&b;</MPD>', f'AviSource("{place}")\n',
        f"# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: {place}\n",
        ";FFMETADATA1\ntitle=x\n", "\x1b[2J\x1b[31mtext" * 60, f"#EXTM3U8\n{place}\n", "[Script Info]\nTitle: x\n",
        f'<smil><body><video src="{place}"/></body></smil>', "WEBVTT\n\n00:00.000 --> 00:01.000\nx\n",
    )  # fmt: skip
    text = str(pick(rng, (mpd, '<?xml version="1.0"?>\n' + mpd, hls, pick(rng, lists), pick(rng, lists))))
    odd = int(rng.integers(8))
    if odd == 0:
        text = str(pick(rng, ("\ufeff", "\n\n", " ", "<!--x-->", "\x00"))) + text
    elif odd == 1:
        at = int(rng.integers(len(text)))
        text = text[:at] + str(pick(rng, ("\x00", "<", "9" * 500, "\n", "&#0;"))) + text[at:]
    elif odd == 2:
        text = text[: int(rng.integers(len(text)))]
    return text.encode("utf-16" if odd == 3 else "utf-8")


# Good files


def make_film(path: Path, frames: int = FRAMES) -> None:
    """A film."""
    write_video(path, (draw(number % FRAMES) for number in range(frames)), fps=Fraction(12), size=(SIDE, SIDE))


def make_psd() -> bytes:
    """A PSD of one layer, by the letter of its format."""

    def block(data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + data

    pixels = draw(0).transpose(2, 0, 1)
    channels = b"".join(struct.pack(">H", 0) + plane.tobytes() for plane in pixels)
    record = struct.pack(">4iH", 0, 0, SIDE, SIDE, 3)
    record += b"".join(struct.pack(">hI", k, 2 + SIDE * SIDE) for k in range(3)) + b"8BIMnorm\xff\0\0\0"
    record += block(block(b"") + block(b"") + b"\x04name\0\0\0")
    layers = block(struct.pack(">h", 1) + record + channels)
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, SIDE, SIDE, 8, 3)
    resource = b"8BIM" + struct.pack(">HH", 1005, 0) + block(struct.pack(">IHHIHH", 72 << 16, 1, 1, 72 << 16, 1, 1))
    return head + block(b"") + block(resource) + block(layers + block(b"")) + struct.pack(">H", 0) + pixels.tobytes()


def make_qoi() -> bytes:
    """A QOI of plain pixels."""
    pixels = b"".join(b"\xfe" + pixel.tobytes() for pixel in draw(0).reshape(-1, 3))
    return b"qoif" + struct.pack(">IIBB", SIDE, SIDE, 3, 0) + pixels + b"\0" * 7 + b"\1"


def make_work(folder: Path) -> None:
    """A film, and the work folder that a run leaves which was killed as it put its new film in its place."""
    folder.mkdir()
    make_film(folder / "film.mp4", 130)
    config = _film_config(folder)
    work = name_folder(config.output)

    def stop(done: int, _total: int | None) -> None:
        if done == WHOLE - 2:
            while not (work / "000000.segment").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        interpolate_film(config, stop)
    shutil.copytree(work, folder / "kept")
    interpolate_film(replace(config, resume=True))
    (folder / "kept").rename(work)
    config.output.rename(work / "draft.mp4")
    told = {"frames": WHOLE, "drawn": 129, "width": SIDE, "height": SIDE, "engine": "blend", "resumed": 0,
            "seconds": "65/6", "rate": "24", "notes": [], "bytes": (work / "draft.mp4").stat().st_size}  # fmt: skip
    (work / "finished").write_text(json.dumps(told))
    (work / "segments.txt").write_text("ffconcat version 1.0\nfile /etc/passwd\n")


WHOLE = 260
"""Frames of the film that is made in that folder."""


def _film_config(folder: Path) -> InterpolateFilmConfig:
    return InterpolateFilmConfig(folder / "film.mp4", folder / "smooth.mp4", engine="blend", device="cpu")


def make_extraction(folder: Path) -> None:
    """A film, and what was extracted of it."""
    folder.mkdir()
    make_film(folder / "film.mp4")
    for packed in (False, True):
        extract_frames(_extraction_config(folder, packed))


def _extraction_config(folder: Path, packed: bool) -> ExtractFramesConfig:
    out = folder / ("packed" if packed else "images")
    return ExtractFramesConfig((folder / "film.mp4",), out, size=16, packed=packed)


def train(folder: Path, steps: int, resume: bool) -> None:
    """A tiny training, begun or resumed."""
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(network.parameters(), fused=False)
    config = TrainingConfig(steps=steps, batch_size=4, log_every=1, save_every=1, sample_every=1, device="cpu")
    material = [{"film": "a", "frames": 8, "sha256": "0123"}]
    kept = Network(network, "refinement", RefinementConfig(2, 1))

    def loss(batch: torch.Tensor, _step: int) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return network(batch).square().mean(), {}

    with open_run(folder, config, resume, command="train-x", material=material) as run:
        batches = ((step, torch.ones(4, 3)) for step in range(run.first_step, steps))
        hooks = Hooks(
            report=run.log,
            sample=lambda done: run.save_best(done, 0.5, kept) and None,
            save=lambda done, state: run.save(done, state, kept) and None,
        )
        fit([Phase("net", network, optimizer, loss)], batches, config, hooks, state=run.state)
        run.sample(steps, torch.zeros(2, 3, 8, 8))


# Readers


def read_film(path: Path) -> None:
    """As every command reads a film."""
    for frames in (decode_video(probe_video(path), size=16, fit="crop"), read_frames(open_film(path))):
        for _ in islice(frames, 4 * FRAMES):
            pass
        frames.close()


def read_picture(path: Path) -> None:
    """As key frames are read, and seen to be no film."""
    find_film([path])
    read_image(path)


def read_moving(path: Path) -> None:
    """As an animation is read: as a picture, and a fourth of them as a film too, which takes far longer."""
    fault = None
    for read in (read_picture, read_film)[: 1 if zlib.crc32(path.read_bytes()) % 4 else 2]:
        try:
            read(path)
        except AnimiError as error:
            fault = error
    if fault is not None:
        raise fault


def read_manifest(path: Path) -> None:
    """A manifest; it must be rejected, whatever it names."""
    make_film(path.with_name(SECRET), 2)
    for read in (probe_video, open_film):
        try:
            read(path)
        except AnimiError as error:
            fault = error
        else:
            raise AssertionError("a manifest was read as a film")
    raise fault


def read_store(path: Path) -> None:
    """A frame store, or a folder of images with its index."""
    for film in open_material([path.parent]).films:
        film.shots()
        film.frames[len(film) - 1].max()


def resume_film(path: Path) -> None:
    """Goes on with a film in whose work folder one file is damaged."""
    folder, config = path.parent / "again", replace(_film_config(path.parent / "again"), resume=True)
    _copy_with(path, GOOD / "work", folder)
    work = name_folder(config.output)
    if path.name != "finished":  # else nothing but its draft would be looked at
        for name in ("finished", "draft.mp4"):
            (work / name).unlink()
    _move_in(path, work)
    before = {each.name for each in work.iterdir()}
    try:
        interpolate_film(config)
    except AnimiError:
        lost = before - {each.name for each in work.iterdir()}
        assert not {name for name in lost if name.endswith((".segment", ".json", ".txt"))} - {"segments.txt"}, lost
        raise
    assert count_packets(config.output, config.output) == WHOLE, "frames are missing"
    assert not work.exists() or not list(work.glob("*.segment")), "segments are left"


def extract_again(path: Path) -> None:
    """Extracts a film into the folder of an extraction of which one file is damaged."""
    packed = path.suffix == ".store" or path.name in ("store.json", "frames.rgb")
    folder = path.parent / "again"
    _copy_with(path, GOOD / "extraction", folder)
    config = _extraction_config(folder, packed)
    _move_in(path, config.output / "film")
    note = folder / "film-2"
    (done,) = extract_frames(config)
    assert done.frames == FRAMES, f"{done.frames} frames"
    (film,) = open_material([done.folder]).films
    assert len(film) == FRAMES and not note.exists()
    for number in range(FRAMES):
        film.frames[number].max()


def resume_training(path: Path) -> None:
    """Goes on with a training of which one file is damaged."""
    folder = path.parent / "again"
    _copy_with(path, GOOD / "run", folder)
    _move_in(path, folder / "checkpoints" if "state" in path.name else folder)
    train(folder, 4, resume=True)
    read_series(folder)


def report(path: Path) -> None:
    """Writes the page of a run of which one file is damaged."""
    folder = path.parent / "again"
    _copy_with(path, GOOD / "run", folder)
    _move_in(path, folder / "samples" if path.suffix == ".png" else folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(ReportConfig((folder,), path.parent / "page.html"))


GOOD = Path()
"""Where the good files are; set by `make_good`."""


def _copy_with(path: Path, good: Path, folder: Path) -> None:
    shutil.copytree(good, folder)
    for inside in (folder, *(each for each in folder.rglob("*") if each.is_dir())):
        if not (inside / "film.mp4").exists() and good.name != "run":
            (inside / MINE).write_text("mine")
    assert path.is_file()


def _move_in(path: Path, folder: Path) -> None:
    shutil.copy(path, folder / path.name.replace("of-images-", ""))


def check_kept(read: Callable[[Path], None]) -> Callable[[Path], None]:
    """The same, where what is not animi's must stay as it is."""

    def check(path: Path) -> None:
        try:
            read(path)
        finally:
            kept = [each for each in (path.parent / "again").rglob("*") if each.name.endswith(MINE)]
            assert kept and all(each.read_text() == "mine" for each in kept), "a file was lost"

    return check


def read_weight(path: Path) -> None:
    """Weights by torchvision's names, as pickles of tensors or as safetensors."""
    read_weights(ALEXNET, path, {"features.0.weight": torch.zeros(2, 3)})


def read_words(path: Path) -> None:
    """What is typed, as every option reads it."""
    text = path.read_bytes().decode("utf-8", "surrogatepass")
    fault: AnimiError | None = None
    for read in (
        parsing.read_range, parsing.read_spacing, parsing.read_size, parsing.read_both_sides,
        lambda word: parsing.read_time(word, "--x"), lambda word: parsing.read_rate(word, "--x"),
        lambda word: parsing.read_numbers(word, "--x", "1"), lambda word: parsing.read_wholes(word, "--x", "1"),
        lambda word: parsing.read_pairs(word, "--x"),
    ):  # fmt: skip
        try:
            read(text)
        except AnimiError as error:
            fault = error
    parsing.parse_time(text)
    if fault is not None:
        raise fault


# The studio


REQUESTS = (
    ("POST", "uploads", {"name": "a.png", "size": 100}), ("POST", "times", {"count": 5, "spacing": "0,0.5,1"}),
    ("POST", "draw", {"engine": "blend", "count": 3, "fps": "12", "spacing": "linear", "loop": False, "size": "16"}),
    ("POST", "moment", {"engine": "blend", "count": 3, "position": 0.5, "full": True}),
    ("POST", "export", {"engine": "blend", "count": 3, "format": "gif", "boomerang": True, "on_failure": "hold"}),
    ("POST", "film/smooth", {"engine": "blend", "factor": "2", "format": ".mp4", "cadence": "smooth", "preview": 1}),
    ("POST", "film/choice", {"drawings": [0, 1]}), ("PUT", "drawings", {"drawings": ["x"]}),
)  # fmt: skip


def make_request(_data: bytes, other: bytes, rng: Rng) -> bytes:
    """A request to the studio: a line that says which, and its body."""
    if rng.random() < 0.4:  # a file
        names = ("a.png", "a.gif", "a.webp", "a.mp4", "x" * 300, "../a.png", "\x00.png", "a.tif", "", "a.svg", "CON")
        name = pick(rng, names)
        told = {"name": name, "more": int(pick(rng, (0, 0, 0, 1, -1))), "kind": "file"}
        damage = {b"\x89PN": damage_png, b"GIF": damage_gif, b"RIF": damage_riff}.get(other[:3], damage_boxes)
        return json.dumps(told).encode() + b"\n" + damage(other, other, rng)
    method, what, body = REQUESTS[int(rng.integers(len(REQUESTS)))]
    if rng.random() < 0.1:
        method = str(pick(rng, ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")))
    if rng.random() < 0.1:
        places = ("jobs/1/file", "jobs/²/file", "jobs/1/frames/9999999999.png", "film/².jpg", "drawings/x.png", "..",
                  "uploads/x", "%2e%2e/x", "jobs/%00", "jobs/" + "9" * 900, "uploads/" + "a" * 900)  # fmt: skip
        what = str(pick(rng, places))
    head = json.dumps({"kind": "request", "method": method, "what": what})
    return head.encode() + b"\n" + damage_json(json.dumps(body).encode(), other, rng)


_studios: dict[int, tuple[Studio, TestClient]] = {}


def ask_studio(path: Path) -> None:
    """Asks the studio; no answer may be a fault of its own, and nothing may be left when the page ends."""
    head, _, body = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    if os.getpid() not in _studios:
        studio = Studio(StudioConfig(device="cpu", max_film_minutes=0.2))
        client = TestClient(build_app(studio, None), base_url="http://127.0.0.1:8321", raise_server_exceptions=False)
        _studios[os.getpid()] = studio, client
    studio, client = _studios[os.getpid()]
    session = client.post("/api/sessions").json()["id"]
    at = f"/api/sessions/{session}"
    folder = studio[session].files.path
    for good in ("plain.png", "plain.jpg"):
        data = (GOOD / "image" / good).read_bytes()
        upload = client.post(f"{at}/uploads", json={"name": good, "size": len(data)}).json()["upload"]
        assert client.put(f"{at}/uploads/{upload}", content=data).status_code == 200
    try:
        if told["kind"] == "file":
            announced = client.post(f"{at}/uploads", json={"name": told["name"], "size": len(body) + told["more"]})
            answers = [announced]
            if announced.status_code == 201:
                answers.append(client.put(f"{at}/uploads/{announced.json()['upload']}", content=body))
        else:
            place = "/api/times" if told["what"] == "times" else f"{at}/{told['what']}"
            answers = [client.request(told["method"], place, content=body)]
        until = time.monotonic() + 60
        while any(job["state"] in ("waiting", "running") for job in client.get(f"{at}/jobs").json()["jobs"]):
            assert time.monotonic() < until, "a job goes on for too long"
            time.sleep(0.01)
        answers.append(client.get(f"{at}/jobs"))
        for answer in answers:
            assert answer.status_code < 500 or answer.status_code == 507, (answer.status_code, answer.text)
            assert "Traceback" not in answer.text and "please report it" not in answer.text, answer.text
    finally:
        client.delete(at)
        until = time.monotonic() + 5
        while folder.exists() and time.monotonic() < until:
            time.sleep(0.01)
        assert not folder.exists(), "files of a page are left"
    refused = [answer for answer in answers if answer.status_code >= 400]
    if refused:
        raise InputError(refused[-1].text or "no words")


# All kinds

_PNG, _GIF, _RIFF, _TIFF = (damage_png, damage_gif, damage_riff, damage_tiff)
_film_again, _extract_again = check_kept(resume_film), check_kept(extract_again)

KINDS: dict[str, Any] = {
    "manifest": Kind(3, read_manifest, "x.mp4", make_manifest),
    "playlist": Kind(1, read_manifest, "x.m3u8", make_manifest),
    "png": Kind(12, read_picture, "", damage_png),
    "apng": Kind(7, read_moving, "", damage_png),
    "gif": Kind(8, read_moving, "", damage_gif),
    "webp": Kind(9, read_moving, "", damage_riff),
    "tiff": Kind(12, read_picture, "", damage_tiff),
    "psd": Kind(8, read_picture, "", damage_head),
    "head": Kind(9, read_picture, "", damage_head),
    "mp4": Kind(4, read_film, "", damage_boxes),
    "stream": Kind(6, FUZZ["_read_stream"], "", damage_stream),
    "checkpoint": Kind(7, FUZZ["_load"], "", damage_tensors),
    "weights": Kind(2, read_weight, "", damage_tensors),
    "pickle": Kind(2, read_weight, ""),
    "sheet": Kind(6, FUZZ["_read_sheet"], "sheet.csv", damage_sheet),
    "cuts": Kind(2, FUZZ["_read_cuts"], "cuts.txt", damage_cuts),
    "words": Kind(5, read_words, "words", damage_words),
    "store": Kind(4, read_store, "store.json", damage_json),
    "records": Kind(4, read_store, "frames.jsonl", damage_lines),
    "index": Kind(4, read_store, "frames.jsonl", damage_lines),
    "film job": Kind(0.4, _film_again, "film.json", damage_json),
    "film record": Kind(0.4, _film_again, "000000.json", damage_json),
    "film end": Kind(0.4, _film_again, "finished", damage_json),
    "film segment": Kind(0.3, _film_again, "000000.segment", damage_boxes),
    "extraction": Kind(0.5, _extract_again, "film.json", damage_json),
    "extracted records": Kind(0.5, _extract_again, "frames.jsonl", damage_lines),
    "extracted store": Kind(0.4, _extract_again, "store.json", damage_json),
    "extracted image": Kind(0.4, _extract_again, "000003.png", damage_png),
    "run settings": Kind(0.8, resume_training, "config.json", damage_json),
    "run metrics": Kind(0.8, resume_training, "metrics.jsonl", damage_lines),
    "run best": Kind(0.4, resume_training, "best.json", damage_json),
    "run state": Kind(2, resume_training, "00000002.state.safetensors", damage_tensors),
    "report settings": Kind(0.3, report, "config.json", damage_json),
    "report metrics": Kind(0.6, report, "metrics.jsonl", damage_lines),
    "report sample": Kind(0.3, report, "fakes-00000002.png", damage_png),
    "studio": Kind(4, ask_studio, "request", make_request),
}


def make_good(folder: Path) -> dict[str, list[Path]]:
    """Makes the good files of each kind."""
    global GOOD
    GOOD = folder
    torch.manual_seed(0)
    logging.disable()  # the studio's log of what it answers
    FUZZ["make_images"](folder / "image")
    (folder / "image" / "plain.psd").write_bytes(make_psd())
    (folder / "image" / "plain.qoi").write_bytes(make_qoi())
    for name in ("stream", "checkpoint", "sheet", "cuts"):
        FUZZ[f"make_{name}s" if name in ("stream", "checkpoint", "sheet") else "make_cuts"](folder / name)
    FUZZ["make_store"](folder / "store")
    (folder / "index").mkdir()
    for number in range(FRAMES):
        write_png(folder / "index" / f"{number:06d}.png", draw(number))
    lines = [
        {"frame": k, "file": f"{k:06d}.png", "film": "f", "shot": k // 5, "duplicate_of": None, "transition": None}
        for k in range(FRAMES)
    ]
    (folder / "index" / "frames.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "mp4").mkdir()
    for name in ("a.mp4", "b.mov"):
        make_film(folder / "mp4" / name)
    (folder / "weights").mkdir()
    save_file({"features.0.weight": torch.zeros(2, 3)}, folder / "weights" / "a.safetensors", {"a": "b"})
    (folder / "pickle").mkdir()
    torch.save({"features.0.weight": torch.zeros(2, 3)}, folder / "pickle" / "a.pth")
    make_work(folder / "work")
    make_extraction(folder / "extraction")
    train(folder / "run", 2, resume=False)
    write_png(folder / "run" / "samples" / "fakes-00000002.png", draw(0))

    images = sorted((folder / "image").iterdir())
    moving = {path.suffix: path for path in images if path.stem == "moving"}
    work, films, run = folder / "work" / ".smooth.mp4.animi", folder / "extraction", folder / "run"
    heads = [path for path in images if path.suffix in (".qoi", ".bmp", ".dds", ".ico", ".pcx", ".sgi", ".tga", ".ppm")]
    return {
        "manifest": [folder / "cuts" / "cuts.txt"], "playlist": [folder / "cuts" / "cuts.txt"],
        "png": [path for path in images if path.suffix == ".png"], "apng": [moving[".png"]],
        "gif": [path for path in images if path.suffix == ".gif"],
        "webp": [path for path in images if path.suffix == ".webp"],
        "tiff": [path for path in images if path.suffix == ".tif"],
        "psd": [path for path in images if path.suffix == ".psd"], "head": heads,
        "mp4": sorted((folder / "mp4").iterdir()), "stream": sorted((folder / "stream").iterdir()),
        "checkpoint": sorted((folder / "checkpoint").iterdir()), "weights": [folder / "weights" / "a.safetensors"],
        "pickle": [folder / "pickle" / "a.pth"], "sheet": [folder / "sheet" / "sheet.csv"],
        "cuts": [folder / "cuts" / "cuts.txt"], "words": [folder / "cuts" / "cuts.txt"],
        "store": [folder / "store" / "store.json"], "records": [folder / "store" / "frames.jsonl"],
        "index": [folder / "index" / "frames.jsonl"],
        "film job": [work / "film.json"], "film record": [work / "000000.json"], "film end": [work / "finished"],
        "film segment": [work / "000000.segment"],
        "extraction": [films / part / "film" / "film.json" for part in ("images", "packed")],
        "extracted records": [films / "images" / "film" / "frames.jsonl"],
        "extracted store": [films / "packed" / "film" / "store.json"],
        "extracted image": [films / "images" / "film" / "000003.png"],
        "run settings": [run / "config.json"], "run metrics": [run / "metrics.jsonl"], "run best": [run / "best.json"],
        "run state": [run / "checkpoints" / "00000002.state.safetensors"],
        "report settings": [run / "config.json"], "report metrics": [run / "metrics.jsonl"],
        "report sample": [run / "samples" / "fakes-00000002.png"],
        "studio": [*moving.values(), folder / "image" / "plain.png", *sorted((folder / "mp4").iterdir())],
    }  # fmt: skip
