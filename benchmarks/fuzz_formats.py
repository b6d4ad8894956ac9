"""The kinds of input of `fuzz.py --by format`: what studios hand over, and what machines hand to each other.

Layered drawings (PSD, OpenRaster, OCA, Aseprite), sheets of sprites, time sheets, edit lists, deep colour, hints, and
plans of films. Binary files are damaged byte by byte, JSON one value at a time, and a zip has one odd entry.
"""

import io
import json
import zipfile
from fractions import Fraction
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from animi.core.config.interpolation import InterpolateFilmConfig
from animi.core.films.job import open_job, plan_job
from animi.core.films.plan_file import read_plan
from animi.core.inbetween.hints import read_hints
from animi.core.inbetween.time_sheet import read_time_sheet
from animi.core.material.edit_lists import Shot, read_edit_list, write_edl, write_otio
from animi.core.media.deep import DeepForm, read_deep, write_values, write_whole
from animi.core.media.encode import write_video
from animi.core.media.layers.animated import read_animated
from animi.core.media.layers.composing import compose
from animi.core.media.layers.document import Layer, Picture, Tag, as_cel
from animi.core.media.layers.oca import OcaWriter
from animi.core.media.layers.ora import write_ora
from animi.core.media.layers.psd import write_psd
from animi.core.media.layers.reading import read_documents
from animi.core.media.layers.sheet import SheetWriter

HERE = Path(__file__).parent
FUZZ = SimpleNamespace(**run_path(str(HERE / "fuzz.py")))
DAMAGE = SimpleNamespace(**run_path(str(HERE / "fuzz_damage.py")))
MADE = SimpleNamespace(**run_path(str(HERE.parent / "tests" / "media" / "layered.py")))
Kind, SIDE, draw, mutate, pick = FUZZ.Kind, FUZZ.SIDE, FUZZ.draw, FUZZ.mutate, FUZZ.pick
Rng = np.random.Generator


def with_alpha(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture whose square alone is opaque: (SIDE, SIDE, 4)."""
    frame = draw(number)
    alpha = np.where((frame == (220, 40, 30)).all(2), 255, 0).astype(np.uint8)
    return np.dstack([frame, alpha])


def make_picture(number: int) -> Picture:
    """A picture with a group, a clipped layer, a blend mode and a hidden layer."""
    cel = as_cel(with_alpha(number))
    figures = (Layer("body", cel), Layer("shade", cel, 0.5, blend="multiply", clips=True))
    layers = (
        Layer("ground", as_cel(draw(0))),
        Layer("figures", children=figures, passes=True),
        Layer("off", cel, visible=False),
    )
    return Picture(SIDE, SIDE, layers, name=f"picture {number}")


def make_layers(folder: Path) -> None:
    """Layered drawings in one file each, of 8 and 16 bits."""
    folder.mkdir()
    for name, picture in (("plain", make_picture(2)), ("deep", MADE.draw(30, deep=True))):
        write_psd(folder / f"{name}.psd", picture)
        write_ora(folder / f"{name}.ora", picture)
    layer, cel, tags = MADE.ase_layer, MADE.ase_cel, MADE.ase_tags
    for name, depth, channels in (("true", 32, 4), ("grey", 16, 2), ("indexed", 8, 1)):
        pixels = np.random.default_rng(depth).integers(0, 3, (6, 7, channels)).astype(np.uint8)
        first = [
            *([MADE.ase_palette([(1, 2, 3, 255), (9, 9, 9, 255), (0, 99, 0, 128)])] if depth == 8 else []),
            layer("group", kind=1), layer("in", level=1, blend=1, opacity=99), layer("top"),
            cel(1, pixels, 1, -1), cel(2, pixels, packed=False), tags(("walk", 0, 1, 0, 0)),
        ]  # fmt: skip
        frames = [(100, first), (40, [cel(1, link=0), cel(2, pixels, 2, 2)])]
        (folder / f"{name}.aseprite").write_bytes(MADE.ase_file(8, 8, frames, depth=depth))
    tiles = np.random.default_rng(1).integers(0, 255, (3, 2, 2, 4)).astype(np.uint8)
    chunks = [
        MADE.ase_tileset(0, tiles),
        layer("tiles", kind=2, tileset=0),
        MADE.ase_tiles(0, np.array([[1, 2], [0, 1]])),
    ]
    (folder / "tiles.aseprite").write_bytes(MADE.ase_file(8, 8, [(100, chunks)]))


def make_oca(folder: Path) -> None:
    """An OCA folder of two frames."""
    folder.mkdir()
    writer = OcaWriter(folder, "cut", Fraction(12))
    for number in range(2):
        writer.add(make_picture(number))
    writer.finish()


def make_sprites(folder: Path) -> None:
    """A sheet of sprites with its JSON."""
    folder.mkdir()
    writer = SheetWriter("walk", True, True)
    for number in range(3):
        writer.add(with_alpha(number), 80)
    sheet, text = writer.encode(
        "walk.png", (Tag("walk", 0, 1, "pingpong", {}), Tag("stop", 2, 2)), folder / "walk.json"
    )
    (folder / "walk.png").write_bytes(sheet)
    (folder / "walk.json").write_text(text, encoding="utf-8")


def make_time_sheets(folder: Path) -> None:
    """XDTS and TDTS, and a level beside them."""
    folder.mkdir()

    def list_frames(*values: str) -> list[dict[str, Any]]:
        return [{"frame": 2 * k, "data": [{"id": 0, "values": [value]}]} for k, value in enumerate(values)]

    cells = [
        {"trackNo": 0, "frames": list_frames("1", "SYMBOL_TICK_1", "2", "SYMBOL_HYPHEN", "SYMBOL_NULL_CELL")},
        {"trackNo": 1, "frames": list_frames("1", "SYMBOL_TICK_2", "2")},
    ]
    fields = [
        {"fieldId": 0, "tracks": cells},
        {"fieldId": 3, "tracks": [{"trackNo": 0, "frames": list_frames("待って")}]},
    ]
    table = {
        "name": "cut", "duration": 12, "timeTableHeaders": [{"fieldId": 0, "names": ["A", "B"]}], "fields": fields,
    }  # fmt: skip
    header = {"cut": "1", "scene": "1"}
    sheets = {
        "a.xdts": ("exchangeDigitalTimeSheet Save Data", {"version": 5, "header": header, "timeTables": [table]}),
        "b.tdts": (
            "toeiDigitalTimeSheet Save Data",
            {"version": 7, "timeSheets": [{"header": header, "timeTables": [table]}]},
        ),
    }
    for name, (line, data) in sheets.items():
        (folder / name).write_text(f"{line}\n{json.dumps(data, ensure_ascii=False)}", encoding="utf-8")
    for level in "AB":
        (folder / level).mkdir()
        for number in (1, 2):
            cv2.imwrite(str(folder / level / f"{level}_{number:04d}.png"), with_alpha(number))


def make_edit_lists(folder: Path) -> None:
    """An EDL and an OTIO file of three shots."""
    folder.mkdir()
    shots = [Shot(first, first + 24, fades=first == 24) for first in (0, 24, 48)]
    (folder / "a.edl").write_text(write_edl("film.mp4", shots, Fraction(24)))
    (folder / "a.otio").write_text(write_otio("film.mp4", shots, Fraction(24)))


def make_deep(folder: Path) -> None:
    """EXR of half and full floats, DPX and float TIFF."""
    folder.mkdir()
    values = draw(1).astype(np.float32) / 200
    for name, kind in (("half.exr", "half"), ("full.exr", "float"), ("full.tif", "float")):
        write_values(folder / name, values, DeepForm(kind, "linear"))
    write_whole(folder / "film.dpx", draw(1).astype(np.uint16) * 257, DeepForm("uint10", "srgb"))


def make_hints(folder: Path) -> None:
    """Hints of all kinds, with a mask beside them."""
    folder.mkdir()
    cv2.imwrite(str(folder / "still.png"), np.full((SIDE, SIDE), 255, np.uint8))
    tracks = [
        [[3, 4], [9, 9]],
        [[5, 5]],
        [[1, 1], [2, 4], [6, 6]],
        [{"x": 1, "y": 2}, {"x": 3, "y": 4}],
        [[7, 7], None],
    ]
    pair = {"keys": [0, 1], "tracks": tracks, "still": "still.png"}
    (folder / "hints.json").write_text(json.dumps({"version": 1, "size": [SIDE, SIDE], "pairs": [pair]}))


def make_job(folder: Path) -> None:
    """A planned film of one second."""
    folder.mkdir()
    write_video(folder / "film.mp4", (draw(k % 8) for k in range(24)), fps=Fraction(24), size=(SIDE, SIDE))
    plan_job(InterpolateFilmConfig(folder / "film.mp4", folder / "smooth.mp4", engine="blend"), folder / "job")


def read_layers(path: Path) -> None:
    """As `animi interpolate` reads layered drawings, and composed, as they are shown."""
    for picture in read_documents([path]).pictures:
        compose(picture)


def read_oca_of(path: Path) -> None:
    read_layers(path.parent)


def read_moving(path: Path) -> None:
    read_animated(path)


def read_job(path: Path) -> None:
    """As `animi draw` and `animi join` begin with it; nothing may be read or written elsewhere."""
    read_plan(path)
    open_job(path.parent)


def damage_file(data: bytes, other: bytes, rng: Rng) -> bytes:
    """Bytes; or, in a zip, one of its entries."""
    if not data.startswith(b"PK") or rng.random() < 0.3:
        return bytes(mutate(data, other, rng))
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as out:
        names = source.namelist()
        odd = pick(rng, names)
        for name in names:
            content = source.read(name)
            if name == odd and rng.random() < 0.85:
                content = mutate(content, content, rng)
            elif name == odd:
                name = pick(rng, ("../x", "/x", "x/../../y", "", "a" * 70_000, name))[:65_535]
            out.writestr(zipfile.ZipInfo(name), content, pick(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return target.getvalue()


def damage_text(data: bytes, other: bytes, rng: Rng) -> bytes:
    """JSON, with or without a line before it, one value at a time; or bytes."""
    head, mark, rest = data.partition(b"\n")
    if rng.random() < 0.25 or data[:1] not in b"{et":
        return bytes(mutate(data, other, rng))
    if data.startswith(b"{"):
        return bytes(DAMAGE.damage_json(data, other, rng))
    return bytes(head + mark + DAMAGE.damage_json(rest, other, rng))


KINDS: dict[str, Any] = {
    "layers": Kind(30, read_layers, "", damage_file),
    "oca": Kind(10, read_oca_of, "cut.oca", damage_text),
    "sprites": Kind(10, read_layers, "walk.json", damage_text),
    "time sheets": Kind(14, read_time_sheet, "", damage_text),
    "edit lists": Kind(10, read_edit_list, "", damage_text),
    "deep": Kind(10, read_deep, "", damage_file),
    "hints": Kind(8, read_hints, "hints.json", damage_text),
    "plan": Kind(8, read_job, "plan.json", damage_text),
}


def make_good(folder: Path) -> dict[str, list[Path]]:
    """Makes the good files of each kind."""
    for name, make in {
        "layers": make_layers, "oca": make_oca, "sprites": make_sprites, "sheets": make_time_sheets,
        "edits": make_edit_lists, "deep": make_deep, "hints": make_hints, "film": make_job,
    }.items():  # fmt: skip
        make(folder / name)
    return {
        "layers": sorted((folder / "layers").iterdir()),
        "oca": list((folder / "oca").glob("*.oca")),
        "sprites": [folder / "sprites" / "walk.json"],
        "time sheets": [folder / "sheets" / "a.xdts", folder / "sheets" / "b.tdts"],
        "edit lists": sorted((folder / "edits").iterdir()),
        "deep": sorted((folder / "deep").iterdir()),
        "hints": [folder / "hints" / "hints.json"],
        "plan": [folder / "film" / "job" / "plan.json"],
    }
