"""Damage for `fuzz_structure.py`: files whose structure stays valid, but one part of which is unusual.

Randomly flipped bytes mostly break a checksum or a length and are rejected there. Here lengths and checksums are
correct, so that the data behind them is read: chunks that are missing, doubled, in another order or of other sizes (PNG
and APNG, GIF, WebP, TIFF, PSD, QOI, MP4), JSON of any shape, headers of safetensors, exposure sheets, lists of cuts,
values of options, and playlists and manifests that refer to other files.

Each function takes a good file's bytes, those of another one, and a random generator, and returns a damaged file.
"""

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import numpy as np

FUZZ = SimpleNamespace(**run_path(str(Path(__file__).with_name("fuzz.py"))))
EXTREMES = FUZZ.EXTREMES
pick: Callable[..., Any] = FUZZ.pick
Rng = np.random.Generator
SECRET = "secret.mp4"
"""A film beside the manifests, which these refer to."""


def extreme(rng: Rng, length: int) -> int:
    """A number of so many bytes: one at an end of some range, or any small one."""
    value = int(pick(rng, EXTREMES)) if rng.random() < 0.7 else int(rng.integers(300))
    return value & ((1 << 8 * length) - 1)


# JSON


class Raw(str):
    """Text that is written to JSON unchanged, even if that is invalid."""


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
            items.append((name, pick(rng, ODD_VALUES)))  # the name occurs twice
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
    """Chunks of a PNG or APNG; most checksums are correct."""
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
    """Chunks of a WebP; most sizes are correct."""
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
    """Boxes of an MP4, however deep; most sizes are correct."""
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
