"""Trains the first experiments and compares them: does the notebook's recipe collapse, and is ours stable?

    python benchmarks/experiments.py train FRAMES... --runs runs/first --vgg-weights FILE --size 64 --width 16
    python benchmarks/experiments.py table --runs runs/first
    python benchmarks/experiments.py sheet --runs runs/first -o sheet.webp
    python benchmarks/experiments.py curves --runs runs/first -o curves.webp

`train` runs the trainings, or those that --only names, up to the first of --steps, then all of them up to the next, so
that they can be compared at the same step whenever it is stopped; it resumes where it was stopped. `table` prints the
evaluations at a few steps and at the last one; `curves` draws them and the scores over all steps. `sheet` shows, for
each run, the pictures drawn from the same latents at these steps, twelve in a row; the first row has real frames.
"""

import argparse
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from animi.core.media.image_files import read_image
from animi.core.pages.curves import Curve, draw_curves
from animi.core.training.metrics_file import read_series
from animi.core.weights.find import find_states

EXPERIMENTS = {
    "vgg-vanilla": ("train-vgg-sle", "--recipe", "notebook"),
    "vgg-sn": ("train-vgg-sle", "--recipe", "notebook", "--spectral-norm"),
    "vgg-steady": ("train-vgg-sle",),
    "noise-256": ("train-noise", "--recipe", "notebook", "--latent-dim", "256"),
    "noise-1024": ("train-noise", "--recipe", "notebook", "--latent-dim", "1024"),
    "noise-steady": ("train-noise",),
}
COLUMNS = ("diversity", "recall", "coverage", "nearest", "gap")
CURVES = (
    *(f"health/{name}" for name in COLUMNS),
    "discriminator/real",
    "discriminator/fake",
    "discriminator/redraw",
)
SHOWN, GAP, MARGIN = 12, 2, 170


def train(chosen: argparse.Namespace) -> None:
    for steps in chosen.steps:
        for name in chosen.only:
            train_one(chosen, name, steps)


def train_one(chosen: argparse.Namespace, name: str, steps: int) -> None:
    animi = Path(sys.executable).with_name("animi")
    command, *words = EXPERIMENTS[name]
    run = chosen.runs / name
    if (run / "config.json").is_file():
        states = find_states(run)
        if states and int(states[-1].name.partition(".")[0]) >= steps:
            return
        words = ["--resume", str(run)]
    else:
        words += [*map(str, chosen.frames), "-o", str(run), "--size", str(chosen.size), "--width", str(chosen.width)]
        words += ["--save-every", "250", "--sample-every", str(chosen.look_every), "--keep", "1", "--workers", "1"]
    if chosen.vgg_weights is not None:
        words += ["--vgg-weights", str(chosen.vgg_weights)]
    subprocess.run([animi, command, *words, "--steps", str(steps)], check=True)


def find_runs(chosen: argparse.Namespace) -> list[Path]:
    return [chosen.runs / name for name in chosen.only if (chosen.runs / name / "metrics.jsonl").is_file()]


def find_steps(run: Path, at: Sequence[int]) -> list[int]:
    """Returns the evaluations of a run that are shown: those asked for, and the last."""
    looks, _ = read_series(run).get("health/diversity", ([], []))
    return [step for step in looks if step in at or step == looks[-1]]


def print_table(chosen: argparse.Namespace) -> None:
    print("| run | step |", " | ".join(COLUMNS), "|")
    print("|---|---|" + "---|" * len(COLUMNS))
    for run in find_runs(chosen):
        series = {column: dict(zip(*read_series(run)[f"health/{column}"], strict=True)) for column in COLUMNS}
        for step in find_steps(run, chosen.at):
            print(f"| {run.name} | {step} |", " | ".join(f"{series[name][step]:.2f}" for name in COLUMNS), "|")


def draw_sheet(chosen: argparse.Namespace) -> None:
    runs = find_runs(chosen)
    rows = [_row("real frames", runs[0] / "samples" / "reals.png", chosen.size)]
    for run in runs:
        for step in find_steps(run, chosen.at):
            rows.append(_row(f"{run.name}, {step}", run / "samples" / f"fakes-{step:08d}.png", chosen.size))
    Image.fromarray(np.vstack(rows)).save(chosen.output, quality=80)
    print(chosen.output)


def draw_progress(chosen: argparse.Namespace) -> None:
    runs = {run.name: read_series(run) for run in find_runs(chosen)}
    panels = {}
    for value in CURVES:
        curves = [Curve(name, *series.get(value, ((), ()))) for name, series in runs.items()]
        if any(len(curve.steps) > 1 for curve in curves):  # a single evaluation makes no curve
            panels[value] = curves
    Image.open(io.BytesIO(draw_curves(panels, columns=3))).convert("RGB").save(chosen.output, quality=85)
    print(chosen.output)


def _row(label: str, grid: Path, size: int) -> np.ndarray:
    """Twelve pictures of a grid beside one another, with words before them."""
    drawn = read_image(grid)
    pace = size + GAP
    tiles = [
        drawn[top : top + size, left : left + size]
        for top in range(0, drawn.shape[0], pace)
        for left in range(0, drawn.shape[1], pace)
    ]
    words = np.full((size, MARGIN, 3), 255, np.uint8)
    cv2.putText(words, label, (4, size // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    between = np.full((size, GAP, 3), 255, np.uint8)
    parts = [words] + [part for tile in tiles[:SHOWN] for part in (tile, between)]
    missing = (SHOWN - len(tiles)) * pace
    row = np.hstack(parts)
    return np.pad(row, ((0, GAP), (0, max(0, missing)), (0, 0)), constant_values=255)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["train", "table", "sheet", "curves"])
    parser.add_argument("frames", type=Path, nargs="*", help="folders that animi extract-frames wrote")
    parser.add_argument("--runs", type=Path, default=Path("runs/first"))
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(EXPERIMENTS))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=_read_steps, default=[10000], help="such as 1000,10000")
    parser.add_argument("--look-every", type=int, default=1000)
    parser.add_argument("--at", type=_read_steps, default=[1000, 5000, 10000])
    parser.add_argument("--vgg-weights", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    chosen = parser.parse_args(words)
    {"train": train, "table": print_table, "sheet": draw_sheet, "curves": draw_progress}[chosen.what](chosen)


def _read_steps(text: str) -> list[int]:
    return [int(step) for step in text.split(",")]


if __name__ == "__main__":
    main()
