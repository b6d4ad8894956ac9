"""What hints by hand are worth, on the sequences that animi draws worst.

    python benchmarks/hints_by_hand.py SEQUENCES [--scores scores.json] [--alex-weights FILE]
    python benchmarks/hints_by_hand.py SEQUENCES --sheet sheet.webp --names a,b,c,d

SEQUENCES holds folders NAME/000.png to 008.png: the ends are the key frames, the rest is the truth. The hints are in
hints_by_hand.json, for each sequence at most three; the points are in pixels of its pictures, "still" is a polygon
around what stays, and "apart" are two polygons, around one thing in the first and in the last key frame. Printed is
LPIPS (by AlexNet) over the seven in-betweens without hints and with them, and a peer's, which is read from what
`benchmarks/interpolate.py quality SEQUENCES --with rife46 --json scores.json` writes.

--sheet writes a row of pictures for each of --names instead: the first key frame, the middle without hints and with
them, the true middle, the last key frame; the hints are drawn on the key frames.
Needs the `bench` extra: pip install -e '.[bench]'.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animi.core.engines.interface import Engine
from animi.core.engines.opening import open_engine
from animi.core.inbetween.hints import Hints, make_hints
from animi.core.inbetween.sequence import interpolate
from animi.core.measures.perceptual import PerceptualDistance
from animi.core.media.frames import resize_image, to_uint8
from animi.core.media.image_files import read_image, write_png

HINTS = Path(__file__).with_suffix(".json")
MOST = 3
"""Hints of a sequence."""
_INK = (230, 0, 120)
Picture = np.ndarray


def read_frames(folder: Path) -> list[Picture]:
    """All frames of a sequence."""
    return [to_uint8(read_image(file)) for file in sorted(folder.glob("*.png"))]


def fill_polygon(corners: list[list[float]], shape: tuple[int, ...]) -> Picture:
    """A mask, (H, W, 1) uint8, that is 255 inside."""
    mask = np.zeros((*shape[:2], 1), np.uint8)
    return cv2.fillPoly(mask, [np.rint(np.array(corners)).astype(np.int32)], 255)


def read_by_hand(name: str, given: dict[str, Any], shape: tuple[int, ...], folder: Path) -> Hints:
    """The hints of one sequence; masks are written to `folder`, as a file of hints names them."""
    tracks, still, apart = (given.get(key, []) for key in ("tracks", "still", "apart"))
    if len(tracks) + bool(still) + len(apart) > MOST:
        raise SystemExit(f"{HINTS.name}: {name} has more than {MOST} hints; remove some")
    pair: dict[str, Any] = {"tracks": tracks}
    if still:
        write_png(folder / "still.png", fill_polygon(still, shape))
        pair["still"] = "still.png"
    names = [[f"apart-{number}{end}.png" for end in "ab"] for number in range(len(apart))]
    for two, polygons in zip(names, apart, strict=True):
        for file, polygon in zip(two, polygons, strict=True):
            write_png(folder / file, fill_polygon(polygon, shape))
    pair["apart"] = names
    return make_hints({"pairs": [pair]}, HINTS.name, folder)


def draw(frames: list[Picture], engine: Engine, hints: Hints | None) -> list[Picture]:
    """The in-betweens of a sequence, from its first and last frame."""
    return list(interpolate([frames[0], frames[-1]], len(frames), engine=engine, hints=hints))[1:-1]


@cache
def open_distance(weights: Path | None) -> PerceptualDistance:
    """LPIPS by AlexNet."""
    return PerceptualDistance("alex", weights)


def measure(drawn: list[Picture], frames: list[Picture], weights: Path | None) -> float:
    """The mean LPIPS of a sequence's in-betweens."""
    return statistics.fmean(open_distance(weights)(drawn, frames[1:-1]))


def count_hints(given: dict[str, Any]) -> int:
    """Tracks and masks of a sequence; a pair of masks is one."""
    return len(given.get("tracks", [])) + bool(given.get("still")) + len(given.get("apart", []))


def draw_both(
    chosen: argparse.Namespace, name: str, given: dict[str, Any]
) -> tuple[list[Picture], list[list[Picture]]]:
    """A sequence's frames, and its in-betweens without hints and with them."""
    frames = read_frames(chosen.sequences / name)
    engine = open_engine(device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        hints = read_by_hand(name, given, frames[0].shape, Path(folder))
        return frames, [draw(frames, engine, which) for which in (None, hints)]


def report(chosen: argparse.Namespace, by_hand: dict[str, dict[str, Any]]) -> None:
    """Prints the table, the worst sequence first, and how many reach the aims."""
    scores = json.loads(chosen.scores.read_text(encoding="utf-8"))[chosen.peer] if chosen.scores else {}
    found = {}
    for name, given in by_hand.items():
        frames, drawn = draw_both(chosen, name, given)
        found[name] = (
            *(measure(one, frames, chosen.alex_weights) for one in drawn),
            scores.get(name, {}).get("lpips", math.nan),
        )
        print(f"{name}: {found[name]}", file=sys.stderr)
    print(f"| sequence | hints | without | with | lower by | {chosen.peer} | with, of {chosen.peer}'s |")
    print("|---|---|---|---|---|---|---|")
    for name, row in sorted(found.items(), key=lambda both: -both[1][0]):
        print(f"| {name} | {count_hints(by_hand[name])} | {_list_cells(*row)} |")
    means = [statistics.fmean(column) for column in zip(*found.values(), strict=True)]
    print(f"| mean | | {_list_cells(*means)} |")
    lower = sum(after <= 0.75 * before for before, after, _ in found.values())
    below = sum(after <= 0.75 * peer for _, after, peer in found.values())
    print(f"\nlower by a quarter: {lower} of {len(found)}; at most 0.75 of {chosen.peer}'s: {below}")


def _list_cells(before: float, after: float, peer: float) -> str:
    return f"{before:.4f} | {after:.4f} | {1 - after / before:.0%} | {peer:.4f} | {after / peer:.2f}"


def show_hints(frame: Picture, given: dict[str, Any], end: int) -> Picture:
    """A key frame with what is said of it: points, and outlines of regions."""
    shown = frame.copy()
    for two in given.get("apart", []):
        cv2.polylines(shown, [np.rint(np.array(two[end])).astype(np.int32)], True, _INK, 2, cv2.LINE_AA)
    for track in given.get("tracks", []):
        point = (track["points"] if isinstance(track, dict) else track)[-end]
        if point is not None:
            at = round(point[0]), round(point[1])
            cv2.circle(shown, at, 7, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(shown, at, 5, _INK, -1, cv2.LINE_AA)
    return shown


def draw_sheet(chosen: argparse.Namespace, by_hand: dict[str, dict[str, Any]]) -> None:
    """A row for each sequence: first key frame, middle without and with hints, true middle, last key frame."""
    rows = []
    for name in chosen.names:
        frames, drawn = draw_both(chosen, name, by_hand[name])
        middle = len(frames) // 2
        keys = [show_hints(frames[-end], by_hand[name], end) for end in range(2)]
        strip = [keys[0], *(one[middle - 1] for one in drawn), frames[middle], keys[1]]
        rows.append(np.hstack([resize_image(picture, chosen.width, chosen.width) for picture in strip]))
    sheet = np.vstack(rows)
    cv2.imwrite(str(chosen.sheet), sheet[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 85])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--scores", type=Path, help="a peer's scores, from benchmarks/interpolate.py quality --json")
    parser.add_argument("--peer", default="rife46", help="its name there")
    parser.add_argument("--alex-weights", type=Path, help="AlexNet's weights, for LPIPS; else torch's, downloaded once")
    parser.add_argument("--names", type=lambda text: text.split(","), help="these sequences alone")
    parser.add_argument("--sheet", type=Path, help="write pictures instead")
    parser.add_argument("--width", type=int, default=230, help="of a picture in the sheet, in pixels")
    chosen = parser.parse_args()
    by_hand = json.loads(HINTS.read_text(encoding="utf-8"))["sequences"]
    chosen.names = chosen.names or list(by_hand)
    if chosen.sheet:
        draw_sheet(chosen, by_hand)
    else:
        report(chosen, {name: by_hand[name] for name in chosen.names})


if __name__ == "__main__":
    main()
