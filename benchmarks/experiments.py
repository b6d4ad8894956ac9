"""Trains the first experiments and compares them: does the notebook's recipe collapse, and what keeps ours from it?

    python benchmarks/experiments.py train FRAMES... --runs runs/first --vgg-weights FILE --width 8 --seeds 0,1,2
    python benchmarks/experiments.py train FRAMES... --runs runs/first --set without --steps 3000 ...
    python benchmarks/experiments.py table --runs runs/first [--set without]
    python benchmarks/experiments.py sheet --runs runs/first -o sheet.webp
    python benchmarks/experiments.py curves --runs runs/first -o curves.webp

There are two sets: `first`, the notebook's systems, with one change each, and our recipe; `without`, our recipe of
train-vgg-sle, each time with one of its parts as the notebook has it. A run of seed 1 is kept in `NAME-1`.

`train` trains those that --only names, all of them with the first seed, then with the next. Each is trained up to the
first of --steps, then all of them up to the next, so that they can be compared at the same step whenever it is stopped;
it resumes where it was stopped. `table` prints the evaluations at a few steps and at the last one, with several seeds
their mean, and in brackets the lowest and the highest; `curves` draws mean and range of them, and the scores, over all
steps. `sheet` shows, for each run, the pictures drawn from the same latents at these steps, twelve in a row; the first
row has real frames.
"""

import argparse
import io
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
from PIL import Image

from animi.core.media.image_files import read_image
from animi.core.pages.curves import Curve, draw_curves
from animi.core.training.metrics_file import read_series
from animi.core.weights.find import find_states

BETWEEN = ("train-vgg-sle", "--recipe", "notebook")
NOISE = ("train-noise", "--recipe", "notebook")
FIRST = {
    "vgg-notebook": BETWEEN,
    "vgg-dcgan": (*BETWEEN, "--bn-init", "dcgan"),
    "vgg-sn": (*BETWEEN, "--spectral-norm"),
    "vgg-steady": ("train-vgg-sle",),
    "noise-256": (*NOISE, "--latent-dim", "256"),
    "noise-1024": (*NOISE, "--latent-dim", "1024"),
    "noise-steady": ("train-noise",),
}
PARTS: dict[str, tuple[str, ...]] = {
    "bn-init": ("--bn-init", "notebook"),
    "spectral-norm": ("--no-spectral-norm",),
    "rates": ("--generator-rate", "1e-3", "--discriminator-rate", "1e-3"),
    "betas": ("--betas", "0.9,0.999"),
    "augment": ("--augment", "none"),
    "lecam": ("--lecam", "0"),
    "ema": ("--ema", "0"),
    "batch": ("--batch-size", "1"),
    "judged": ("--judged", "middle"),
    "ends": ("--ends", "1"),
    "clips": ("--crop", "1", "--no-flip", "--no-colour", "--no-reverse"),
}
"""What makes one part of the steady recipe as the notebook has it."""
WITHOUT = {"steady": FIRST["vgg-steady"]} | {
    f"without-{part}": (*FIRST["vgg-steady"], *words) for part, words in PARTS.items()
}
SETS = {"first": FIRST, "without": WITHOUT}
COLUMNS = ("diversity", "recall", "coverage", "nearest", "gap")
CURVES = (
    *(f"health/{name}" for name in COLUMNS),
    "discriminator/real",
    "discriminator/fake",
    "discriminator/redraw",
)
SHOWN, GAP, MARGIN = 12, 2, 170


def train(chosen: argparse.Namespace) -> None:
    for seed in chosen.seeds:
        for steps in chosen.steps:
            for name in chosen.only:
                train_one(chosen, name, seed, steps)


def train_one(chosen: argparse.Namespace, name: str, seed: int, steps: int) -> None:
    command, *words = SETS[chosen.set][name]
    run = find_run(chosen, name, seed)
    if (run / "config.json").is_file():
        states = find_states(run)
        if states and int(states[-1].name.partition(".")[0]) >= steps:
            return
        words = ["--resume", str(run)]
    else:
        words += [*map(str, chosen.frames), "-o", str(run), "--size", str(chosen.size), "--width", str(chosen.width)]
        words += ["--seed", str(seed), "--save-every", "250", "--sample-every", str(chosen.look_every)]
        words += ["--keep", "1", "--workers", "1"]
    if chosen.vgg_weights is not None:
        words += ["--vgg-weights", str(chosen.vgg_weights)]
    code = "from animi.cli.main import run; run()"
    subprocess.run([sys.executable, "-P", "-c", code, command, *words, "--steps", str(steps)], check=True)


def find_run(chosen: argparse.Namespace, name: str, seed: int) -> Path:
    return chosen.runs / f"{name}-{seed}"


def find_runs(chosen: argparse.Namespace) -> dict[str, list[Path]]:
    """The runs that have begun, one of each seed, by the experiments' names."""
    found = {}
    for name in chosen.only:
        runs = [find_run(chosen, name, seed) for seed in chosen.seeds]
        if runs := [run for run in runs if (run / "metrics.jsonl").is_file()]:
            found[name] = runs
    return found


def find_steps(steps: Sequence[float], at: Sequence[int]) -> list[int]:
    """Returns the evaluations that are shown: those asked for, and the last."""
    return [int(step) for step in steps if step in at or step == steps[-1]]


def gather(runs: Sequence[Path], name: str) -> Curve | None:
    """The mean of a value over the seeds' runs with its range, at the steps that all of them have."""
    series = [dict(zip(*read_series(run)[name], strict=True)) for run in runs if name in read_series(run)]
    if not series:
        return None
    steps = sorted(set.intersection(*(set(each) for each in series)))
    values = [[each[step] for each in series] for step in steps]
    span = (list(map(min, values)), list(map(max, values))) if len(series) > 1 else None
    return Curve(name, steps, list(map(mean, values)), span)


def print_table(chosen: argparse.Namespace) -> None:
    print("| experiment | seeds | step |", " | ".join(COLUMNS), "|")
    print("|---|---|---|" + "---|" * len(COLUMNS))
    for name, found in find_runs(chosen).items():
        runs = [run for run in found if f"health/{COLUMNS[0]}" in read_series(run)]
        curves = [gather(runs, f"health/{column}") for column in COLUMNS]
        steps = next((curve.steps for curve in curves if curve is not None), ())
        for step in find_steps(steps, chosen.at) if steps else ():
            print(f"| {name} | {len(runs)} | {step} |", " | ".join(_cell(curve, step) for curve in curves), "|")


def _cell(curve: Curve | None, step: int) -> str:
    if curve is None or step not in curve.steps:
        return "–"
    place = list(curve.steps).index(step)
    if curve.span is None:
        return f"{curve.values[place]:.2f}"
    low, high = (edge[place] for edge in curve.span)
    return f"{curve.values[place]:.2f} ({low:.2f} to {high:.2f})"


def draw_sheet(chosen: argparse.Namespace) -> None:
    runs = [run for runs in find_runs(chosen).values() for run in runs]
    rows = [_row("real frames", runs[0] / "samples" / "reals.png", chosen.size)]
    for run in runs:
        for step in find_steps(read_series(run).get("health/diversity", ([], []))[0], chosen.at):
            rows.append(_row(f"{run.name}, {step}", run / "samples" / f"fakes-{step:08d}.png", chosen.size))
    Image.fromarray(np.vstack(rows)).save(chosen.output, quality=80)
    print(chosen.output)


def draw_progress(chosen: argparse.Namespace) -> None:
    found = find_runs(chosen)
    panels = {}
    for value in CURVES:
        drawn = {name: gather(runs, value) for name, runs in found.items()}
        # each experiment has the same colour in all panels
        curves = [Curve(name, [], []) if curve is None else curve._replace(label=name) for name, curve in drawn.items()]
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
    parser.add_argument("--set", choices=list(SETS), default="first")
    parser.add_argument("--only", type=lambda text: text.split(","), help="such as vgg-sn,vgg-steady; else all")
    parser.add_argument("--seeds", type=_read_numbers, default=[0], help="such as 0,1,2")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--steps", type=_read_numbers, default=[10000], help="such as 1000,10000")
    parser.add_argument("--look-every", type=int, default=1000)
    parser.add_argument("--at", type=_read_numbers, default=[1000, 5000, 10000])
    parser.add_argument("--vgg-weights", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    chosen = parser.parse_args(words)
    chosen.only = chosen.only or list(SETS[chosen.set])
    {"train": train, "table": print_table, "sheet": draw_sheet, "curves": draw_progress}[chosen.what](chosen)


def _read_numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
