"""What each term of `animi finetune-adv` is worth: a ladder of trainings from one auto-encoder, each with a term more.

    python benchmarks/ablation_ae.py FRAMES... --unseen OTHERS... --size 64 --width 16 --steps 2000 --pretrain 4000

FRAMES and OTHERS are folders of frames or frame stores; nothing is trained on OTHERS. The auto-encoder is trained once
and every rung begins with it. After the ladder come rungs beside it: the notebook's own cell, softened and faded fakes
apart, smaller ghost penalties, other refinements. What is finished is left alone, so the command can be given again,
after Ctrl-C or with more steps; --only names rungs. Then clips of OTHERS are drawn with each rung's last checkpoint and
measured by `animi evaluate`, beside the engines that need no training. The table goes to docs/ablation.md, between two
marks, so that what is written around it stays; the strips beside it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from animi.cli.main import app
from animi.core.config.choices import ENGINES
from animi.core.devices import choose_device
from animi.core.inbetween.sequence import interpolate
from animi.core.material.sequences import find_sequences
from animi.core.media.frames import resize_image
from animi.core.weights.find import find_states

TERMS = ("middles", "sequence", "latent", "image", "edge", "fade", "ghost")
COLUMNS = {
    "psnr": ("PSNR", 2, 1),
    "lpips": ("LPIPS", 4, 1),
    "lpips_vgg": ("LPIPS by VGG16", 4, 1),
    "line_distance": ("line distance", 1, 1e5),
    "line_distance_median": ("its median", 1, 1e5),
    "ghost": ("ghost", 3, 1),
    "sharpness": ("sharpness", 3, 1),
    "smoothness": ("smoothness", 3, 1),
}
"""Figures by their names in JSON: title, digits, and what they are multiplied by."""
MARKS = ("<!-- the table begins -->", "<!-- the table ends -->")
LABEL, GAP = 190, 2


@dataclass(frozen=True)
class Rung:
    """A training: its title, the terms that have their weight, and further words."""

    title: str
    terms: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def climb() -> dict[str, Rung]:
    """The rungs by their folders; each has the terms of those below."""
    rungs = {"ae": Rung("auto-encoder, lerp"), "longer": Rung("the same, trained on")}
    added = (
        ("middles", "+ L1 on the middles", ("middles",)),
        ("sequence", "+ sequence discriminator", ("sequence",)),
        ("latent", "+ latent consistency", ("latent",)),
        ("image", "+ image discriminator", ("image",)),
        ("edge", "+ softened and faded fakes", ("edge", "fade")),
        ("ghost", "+ ghost penalty", ("ghost",)),
    )
    terms: tuple[str, ...] = ()
    for name, title, more in added:
        terms += more
        rungs[name] = Rung(title, terms)
    rungs["refine"] = Rung("+ refinement, jointly", terms, ("--refine", "joint"))
    # beside the ladder: the notebook's own cell, terms that share a rung apart, other weights, other refinements
    pictures, fakes = rungs["image"].terms, rungs["edge"].terms
    return rungs | {
        "notebook": Rung(
            "the notebook: reconstruction, sequence discriminator", ("sequence",), ("--recipe", "notebook")
        ),
        "soft": Rung("up to the image discriminator, + softened fakes", (*pictures, "edge")),
        "fade": Rung("up to the image discriminator, + faded fakes", (*pictures, "fade")),
        "ghost-0.1": Rung("up to the fakes, + ghost penalty of 0.1", (*fakes, "ghost"), ("--ghost", "0.1")),
        "ghost-0.3": Rung("up to the fakes, + ghost penalty of 0.3", (*fakes, "ghost"), ("--ghost", "0.3")),
        "after": Rung("up to the fakes, + refinement, afterwards", fakes, ("--refine", "after")),
        "double": Rung("up to the fakes, + refinement that doubles the size", fakes, ("--refine", "joint", "--double")),
    }


RUNGS = climb()


def run_animi(*words: object) -> None:
    """Runs a command in this process: to start one for each would take longer than a short rung."""
    code = app(list(map(str, words)), standalone_mode=False)
    if code:
        sys.exit(code)


def train(chosen: argparse.Namespace, name: str) -> None:
    """Trains a rung up to its steps, or resumes it."""
    run, steps = chosen.runs / name, chosen.pretrain if name == "ae" else chosen.steps
    states = find_states(run)
    if states and int(states[-1].name.partition(".")[0]) >= steps:
        print(f"{name}: is finished", file=sys.stderr)
        return
    command = "pretrain-ae" if name == "ae" else "finetune-adv"
    common = ["--steps", steps, "--device", chosen.device]
    if (run / "config.json").is_file():
        run_animi(command, "--resume", run, *common)
        return
    words: list[object] = ["-o", run, "--size", chosen.size, "--seed", chosen.seed]
    words += ["--save-every", chosen.every, "--sample-every", chosen.every, "--keep", 1]
    if name == "ae":
        words += ["--width", chosen.ae_width, *chosen.ae_words]
    else:
        rung = RUNGS[name]
        off = [word for term in TERMS if term not in rung.terms for word in (f"--{term}", 0)]
        words += ["--init", last_checkpoint(chosen.runs / "ae"), "--width", chosen.width, "--length", chosen.length]
        words += ["--no-health", *off, *rung.words, *chosen.words]
    run_animi(command, *chosen.frames, *words, *common)


def last_checkpoint(run: Path) -> Path:
    """The newest network of a run: all rungs are compared after as many steps, and not at their best."""
    state = find_states(run)[-1]
    return state.with_name(state.name.replace(".state.", "."))


def evaluate(chosen: argparse.Namespace, name: str) -> dict[str, float | None]:
    """A rung's or an engine's means over the unseen clips; measured again only if the checkpoint has changed."""
    given = name if name in ENGINES else last_checkpoint(chosen.runs / name)
    place = chosen.runs / f"evaluation-{name}.json"
    words = ["--clips", chosen.clips, "--length", chosen.length, "--size", chosen.size, "--device", chosen.device]
    words += ["--metrics", "psnr,lpips,line-distance,ghost,sharpness,smoothness"]
    for flag, weights in (("--alex-weights", chosen.alex_weights), ("--vgg-weights", chosen.vgg_weights)):
        words += [flag, weights] if weights else []
    asked = " ".join(map(str, [given, *chosen.unseen, *words]))
    noted = place.with_suffix(".txt")
    if not (place.is_file() and noted.is_file() and noted.read_text() == asked):
        run_animi("evaluate", given, *chosen.unseen, *words, "--json", place, "--overwrite")
        noted.write_text(asked)
    means = json.loads(place.read_text())["groups"][0]["means"]
    truth = means.pop("truth", {})
    (found,) = means.values()
    return {**found, "ghost_of_truth": truth.get("ghost")}


def tabulate(rows: dict[str, dict[str, float | None]]) -> str:
    """The table, with the columns that were measured."""
    columns = [key for key in COLUMNS if any(row.get(key) is not None for row in rows.values())]
    lines = ["| | " + " | ".join(COLUMNS[key][0] for key in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for title, row in rows.items():
        cells = []
        for key in columns:
            value, (_, digits, scale) = row.get(key), COLUMNS[key]
            cells.append("–" if value is None else f"{value * scale:.{digits}f}")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw_strips(chosen: argparse.Namespace, names: Sequence[str]) -> np.ndarray:
    """A few unseen clips, each as the truth has it and as every rung draws it, one below the other."""
    sequences, _ = find_sequences(chosen.unseen, clips=chosen.clips, length=chosen.length, size=chosen.size, seed=0)
    moving = sorted((sequence.read().frames for sequence in sequences), key=_change, reverse=True)
    shown = moving[: len(moving) // 2][:: max(1, len(moving) // 2 // chosen.strips)][: chosen.strips]
    rows = []
    for frames in shown:
        count = len(frames)
        rows.append(_row("the truth", frames, chosen.tile))
        for name in names:
            engine, checkpoint = (name, None) if name in ENGINES else (None, last_checkpoint(chosen.runs / name))
            drawn = interpolate(
                [frames[0], frames[-1]], count, engine=engine, checkpoint=checkpoint, device=chosen.device
            )
            rows.append(_row(RUNGS[name].title if name in RUNGS else name, list(drawn), chosen.tile))
        rows.append(np.full((10, rows[0].shape[1], 3), 255, np.uint8))
    return np.vstack(rows)


def _change(frames: Sequence[np.ndarray]) -> float:
    return float(np.abs(frames[0].astype(int) - frames[-1]).mean())


def _row(label: str, frames: Sequence[np.ndarray], side: int) -> np.ndarray:
    words = np.full((side, LABEL, 3), 255, np.uint8)
    cv2.putText(words, label, (4, side // 2 + 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    gap = np.full((side, GAP, 3), 255, np.uint8)
    tiles = [part for frame in frames for part in (np.asarray(resize_image(frame, side, side), np.uint8), gap)]
    return np.pad(np.hstack([words, *tiles]), ((0, GAP), (0, 0), (0, 0)), constant_values=255)


def write_page(chosen: argparse.Namespace, table: str, truth: float | None) -> None:
    """Puts the table between the marks of the page, or begins one."""
    steps = f"{chosen.steps} steps a rung behind {chosen.pretrain} of the auto-encoder"
    caption = f"{steps}, {chosen.size} pixels, {chosen.clips} unseen clips of {chosen.length} frames"
    ghost = "" if truth is None else f"; the truth's own ghost score is {truth:.3f}"
    picture = f"images/{chosen.picture.name}"
    middle = f"{caption}{ghost}.\n\n{table}\n\n![Unseen clips as each rung draws them]({picture})"
    page = chosen.output
    text = page.read_text(encoding="utf-8") if page.is_file() else f"# The ladder\n\n{MARKS[0]}\n{MARKS[1]}\n"
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{middle}\n\n{MARKS[1]}{after}", encoding="utf-8")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, nargs="+", help="folders to train on")
    parser.add_argument("--unseen", type=Path, nargs="+", required=True, help="folders to measure on")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(RUNGS), help="rungs, with commas")
    parser.add_argument("--size", type=int, help="256 where there is a GPU, else 64")
    parser.add_argument("--width", type=int, default=16, help="of the discriminators")
    parser.add_argument("--ae-width", type=int, default=16, help="of the auto-encoder")
    parser.add_argument("--steps", type=int, help="of each rung; 10,000 where there is a GPU, else 2000")
    parser.add_argument("--pretrain", type=int, help="steps of the auto-encoder; as many, else 4000")
    parser.add_argument("--every", type=int, default=500, help="steps between evaluations and checkpoints")
    parser.add_argument("--length", type=int, default=8, help="frames of a clip in training")
    parser.add_argument("--clips", type=int, default=32, help="unseen clips")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--alex-weights", type=Path)
    parser.add_argument("--vgg-weights", type=Path)
    parser.add_argument("--words", type=str.split, default=[], help="further options of finetune-adv, in quotes")
    parser.add_argument("--ae-words", type=str.split, default=[], help="further options of pretrain-ae, in quotes")
    parser.add_argument("--strips", type=int, default=3, help="clips that are shown")
    parser.add_argument("--tile", type=int, default=96, help="side of a frame in them")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/ablation.md"))
    chosen = parser.parse_args(given)
    kind = choose_device(chosen.device).type
    for name, on_gpu, elsewhere in (("size", 256, 64), ("steps", 10_000, 2000), ("pretrain", 10_000, 4000)):
        if getattr(chosen, name) is None:
            setattr(chosen, name, elsewhere if kind == "cpu" else on_gpu)
    chosen.picture = chosen.output.parent / "images" / f"{chosen.output.stem}.webp"
    names = [name for name in RUNGS if name in {*chosen.only, "ae"}]
    for name in names:
        train(chosen, name)
    found = {name: evaluate(chosen, name) for name in (*ENGINES, *names)}
    rows = {RUNGS[name].title if name in RUNGS else f"engine {name}": row for name, row in found.items()}
    table = tabulate(rows)
    chosen.picture.parent.mkdir(parents=True, exist_ok=True)
    strips = draw_strips(chosen, names)
    cv2.imwrite(str(chosen.picture), strips[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 80])
    write_page(chosen, table, next(iter(found.values()))["ghost_of_truth"])
    print(table)


if __name__ == "__main__":
    main()
