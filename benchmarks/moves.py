"""Draws the trials of `core.cartoon.trials` and measures how far the in-betweens are from the truth.

python benchmarks/moves.py table --engines motion,flow [--mix] [--only dashes,ring]
python benchmarks/moves.py sheet OUT --engine motion            # first, 1/4, 1/2, 3/4, last; the truth below
python benchmarks/moves.py middles OUT                          # the in-betweens at 1/2, such as of an older checkout
python benchmarks/moves.py picture OUT.webp --before MIDDLES    # beside those that this checkout draws, and the truth
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from animi.core.cartoon.trials import TRIALS, Picture, Trial
from animi.core.engines.opening import open_engine
from animi.core.inbetween import interpolate
from animi.core.measures.metrics import line_distance
from animi.core.media.image_files import read_image, write_png

TIMES = (0.25, 0.5, 0.75)


def draw(trial: Trial, engine: str, *, mix: bool) -> list[Picture]:
    """The in-betweens at TIMES."""
    frames = list(interpolate(trial.ends, spacing=(0, *TIMES, 1), engine=open_engine(engine, device="cpu", mixes=mix)))
    return frames[1:-1]


def pick(names: str) -> list[Trial]:
    """The trials that are named; all of them by an empty text."""
    return [trial for trial in TRIALS if not names or trial.name in names.split(",")]


def report(chosen: argparse.Namespace) -> None:
    """Prints, for each trial and engine, means over TIMES: error in levels, lines in 1e-5, pixels off."""
    engines = chosen.engines.split(",")
    print("| | " + " | ".join(f"{name}: error, lines, px" for name in engines) + " |")
    print("|---|" + "---|" * len(engines))
    for trial in pick(chosen.only):
        cells = []
        for name in engines:
            drawn = draw(trial, name, mix=chosen.mix)
            pairs = list(zip(drawn, TIMES, strict=True))
            error = np.mean([trial.measure_error(frame, t) for frame, t in pairs])
            lines = np.mean([line_distance(frame, trial.find_truth(frame, t)) for frame, t in pairs]) * 1e5
            place = np.mean([trial.measure_place(frame, t) for frame, t in pairs])
            cells.append(f"{error:.2f}, {lines:.1f}, {'–' if math.isnan(place) else f'{place:.1f}'}")
        print(f"| {trial.name} | " + " | ".join(cells) + " |", flush=True)


def put_together(rows: Sequence[Sequence[Picture]], gap: int = 4) -> Picture:
    """Pictures in rows, with white between."""
    lines = []
    for row in rows:
        parts = [np.pad(picture, ((0, gap), (0, gap), (0, 0)), constant_values=255) for picture in row]
        lines.append(np.hstack(parts))
    return np.vstack(lines)


def draw_sheets(chosen: argparse.Namespace) -> None:
    """Writes OUT/NAME.png for each trial."""
    chosen.output.mkdir(parents=True, exist_ok=True)
    for trial in pick(chosen.only):
        first, last = trial.ends
        drawn = draw(trial, chosen.engine, mix=chosen.mix)
        truth = [trial.find_truth(frame, t) for frame, t in zip(drawn, TIMES, strict=True)]
        write_png(chosen.output / f"{trial.name}.png", put_together([[first, *drawn, last], [first, *truth, last]]))


def draw_middles(chosen: argparse.Namespace) -> None:
    """Writes OUT/NAME.png for each trial: the in-between at 1/2."""
    chosen.output.mkdir(parents=True, exist_ok=True)
    for trial in pick(chosen.only):
        write_png(chosen.output / f"{trial.name}.png", draw(trial, chosen.engine, mix=chosen.mix)[1])


def draw_picture(chosen: argparse.Namespace) -> None:
    """Writes one picture, the first key frame, 1/2 before, 1/2 now, the truth, the last key frame."""
    rows = []
    for trial in pick(chosen.only):
        first, last = trial.ends
        now = draw(trial, chosen.engine, mix=chosen.mix)[1]
        row = [first, read_image(chosen.before / f"{trial.name}.png"), now, trial.find_truth(now, 0.5), last]
        rows.append([cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in row])
    picture = put_together(rows)
    cv2.imwrite(str(chosen.output), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 80])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    table = commands.add_parser("table")
    table.add_argument("--engines", default="motion,flow")
    table.set_defaults(run=report)
    sheet = commands.add_parser("sheet")
    sheet.add_argument("output", type=Path)
    sheet.add_argument("--engine", default="motion")
    sheet.set_defaults(run=draw_sheets)
    middles = commands.add_parser("middles")
    middles.add_argument("output", type=Path)
    middles.add_argument("--engine", default="motion")
    middles.set_defaults(run=draw_middles)
    picture = commands.add_parser("picture")
    picture.add_argument("output", type=Path)
    picture.add_argument("--engine", default="motion")
    picture.add_argument("--before", type=Path, required=True, help="what `middles` wrote in an older checkout")
    picture.set_defaults(run=draw_picture)
    for command in (table, sheet, middles, picture):
        command.add_argument("--mix", action="store_true", help="mix instead of joining along a seam")
        command.add_argument("--only", default="", help="names of trials, separated by commas")
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
