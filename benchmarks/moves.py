"""Draws the trials of `core.cartoon.trials` and tells how far the in-betweens are from the truth.

python benchmarks/moves.py table --engines motion,flow [--mix] [--only dashes,ring]
python benchmarks/moves.py sheet OUT --engine motion           # first, 1/4, 1/2, 3/4, last; the truth below
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from animi.core.cartoon.trials import TRIALS, Picture, Trial
from animi.core.inbetween import interpolate
from animi.core.engines.opening import open_engine
from animi.core.measures.metrics import line_distance
from animi.core.media.image_files import write_png

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
    for command in (table, sheet):
        command.add_argument("--mix", action="store_true", help="mix instead of joining along a seam")
        command.add_argument("--only", default="", help="names of trials, separated by commas")
    chosen = parser.parse_args()
    chosen.run(chosen)


if __name__ == "__main__":
    main()
