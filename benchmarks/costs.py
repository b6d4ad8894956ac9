"""What trainings cost: seconds a step, memory and hours for 10,000 steps, at several sizes of picture.

    python benchmarks/costs.py FRAMES --vgg-weights FILE [--sizes 64,128,256] [--device cpu] [--only pretrain-ae]

FRAMES is a folder that `animi extract-frames` has made of pictures at least as large as the largest size. Each row is
`animi COMMAND --dry-run`: the third to fifth step of a training with its default width, without evaluations. Trainings
of in-betweens are given an auto-encoder of one step, made in a temporary folder.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = 10_000
ROWS: dict[str, tuple[str, ...]] = {
    "train-vgg-sle, notebook": ("train-vgg-sle", "--recipe", "notebook"),
    "train-vgg-sle, steady": ("train-vgg-sle",),
    "train-noise, notebook": ("train-noise", "--recipe", "notebook"),
    "train-noise, steady": ("train-noise",),
    "pretrain-ae": ("pretrain-ae",),
    "finetune-adv, notebook": ("finetune-adv", "--recipe", "notebook"),
    "finetune-adv, steady": ("finetune-adv",),
    "train-motion": ("train-motion",),
}
SIZED = {"train-motion": "--sizes"}
"""The option of the size of pictures, where it is not --size."""
_COST = re.compile(r"memory: ([\d.]+) GiB\s+time: ([\d.]+) s a step, (\d+):(\d\d) hours")


def run(*words: object) -> str:
    """Runs animi; what it prints. Ends this script with its message if it fails."""
    done = subprocess.run(
        [sys.executable, "-c", "from animi.cli.main import run; run()", *map(str, words)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout + done.stderr


def measure(name: str, size: int, given: argparse.Namespace, room: Path) -> tuple[str, ...]:
    """The cells of a row: seconds a step, hours, memory."""
    command, *words = ROWS[name]
    devices = ("--device", given.device)
    if command in ("train-vgg-sle", "finetune-adv") and given.vgg_weights is not None:
        words += ["--vgg-weights", str(given.vgg_weights)]
    if command == "finetune-adv":
        encoder = room / f"ae-{size}"
        if not encoder.exists():
            run("pretrain-ae", given.frames, "-o", encoder, "--size", size, "--steps", 1, *devices)
        words += ["--init", str(encoder)]
    sized = SIZED.get(command, "--size")
    printed = run(
        command, given.frames, "-o", room / "run", sized, size, "--steps", STEPS, *devices, *words, "--dry-run"
    )
    cost = _COST.search(printed)
    if cost is None:
        sys.exit(f"{command}: no cost in {printed[-500:]!r}")
    memory, seconds, hours, minutes = cost.groups()
    return seconds, f"{int(hours) + int(minutes) / 60:.1f}", memory


def main() -> None:
    """Measures all rows, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--vgg-weights", type=Path)
    parser.add_argument("--sizes", default="64,128,256")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", choices=list(ROWS), action="append", help="only this row; may be given several times")
    given = parser.parse_args()
    print(f"| training | pixels | seconds a step | hours for {STEPS:,} steps | GiB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as room:
        for name in given.only or ROWS:
            for size in map(int, given.sizes.split(",")):
                print(f"| {name} | {size} | {' | '.join(measure(name, size, given, Path(room)))} |", flush=True)


if __name__ == "__main__":
    main()
