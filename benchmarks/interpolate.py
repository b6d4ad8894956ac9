"""How good and how fast in-betweens are, beside other interpolators.

    python benchmarks/interpolate.py quality SEQUENCES --peers FOLDER --with animi-flow,blend,dis,mci,rife46
    python benchmarks/interpolate.py speed --peers FOLDER --with animi-flow,dis,rife46
    python benchmarks/interpolate.py memory
    python benchmarks/interpolate.py sheet SEQUENCES --names a,b,c -o sheet.png

SEQUENCES holds folders NAME/000.png to 008.png: the ends are the key frames, the rest is the truth. FOLDER holds a
module peers.py, where `make(name, threads)` gives `f(first, last, times) -> frames`. What is measured is told in
docs/evaluation.md; engines and networks of animi's own are measured by `animi evaluate`.
Needs the `bench` extra: pip install -e '.[bench]'.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from animi.core import metrics
from animi.core.engines import open_engine
from animi.core.images import read_image, resize_image, to_uint8, write_png
from animi.core.inbetween import interpolate
from animi.core.perceptual_distance import PerceptualDistance

DEMO = Path(__file__).parents[1] / "demo"
SIZES = ((256, 256), (512, 512), (1280, 720))
Interpolator = Callable[[np.ndarray, np.ndarray, Sequence[float]], list[np.ndarray]]


@cache
def open_interpolator(name: str, peers: str, threads: int) -> Interpolator:
    """`animi` is the default engine with its model loaded, `animi-flow` another one; any other name is a peer's."""
    cv2.setNumThreads(threads)
    if name.partition("-")[0] == "animi":
        engine = open_engine(name.partition("-")[2] or None, device="cpu")
        return lambda a, b, times: list(interpolate([a, b], spacing=(0, *times, 1), engine=engine))[1:-1]
    sys.path.insert(0, peers)
    return import_module("peers").make(name, threads)


@cache
def open_distance(weights: Path | None) -> PerceptualDistance:
    """LPIPS by AlexNet."""
    return PerceptualDistance("alex", weights)


def score_sequence(name: str, peers: str, folder: Path, weights: Path | None) -> dict[str, float]:
    """Means over the in-betweens of a sequence."""
    torch.set_num_threads(1)
    files = sorted(folder.glob("*.png"))
    frames = [to_uint8(read_image(file)) for file in files]
    first, *truth, last = frames
    times = [k / (len(frames) - 1) for k in range(1, len(frames) - 1)]
    drawn = open_interpolator(name, peers, 1)(first, last, times)
    pairs = list(zip(drawn, truth, strict=True))
    return {
        "psnr": statistics.fmean(metrics.psnr(*pair) for pair in pairs),
        "ssim": statistics.fmean(metrics.ssim(*pair) for pair in pairs),
        "lpips": statistics.fmean(open_distance(weights)(drawn, truth)),
        "cd": statistics.fmean(metrics.line_distance(*pair) for pair in pairs),
        "ghost": statistics.fmean(metrics.ghost_score(frame, first, last) for frame in drawn),
    }


def report_quality(chosen: argparse.Namespace) -> None:
    """Prints a table, the best LPIPS first."""
    folders = sorted(path for path in chosen.sequences.iterdir() if path.is_dir())
    results = {}
    for name in chosen.others:
        with ProcessPoolExecutor(2) as pool:
            rows = list(
                pool.map(
                    score_sequence, *zip(*((name, chosen.peers, f, chosen.alex_weights) for f in folders), strict=True)
                )
            )
        results[name] = rows
        print(f"{name}: done", file=sys.stderr)
    if chosen.json:
        text = json.dumps(
            {name: dict(zip([f.name for f in folders], rows, strict=True)) for name, rows in results.items()}
        )
        chosen.json.write_text(text, encoding="utf-8")
    print(f"{len(folders)} sequences; CD in 1e-5 of the diagonal")
    print("| interpolator | PSNR | SSIM | LPIPS | CD mean | CD median | ghost |\n|---|---|---|---|---|---|---|")
    for name, rows in sorted(results.items(), key=lambda item: statistics.fmean(row["lpips"] for row in item[1])):
        mean = {key: statistics.fmean(row[key] for row in rows) for key in rows[0]}
        median = statistics.median(row["cd"] for row in rows)
        print(
            f"| {name} | {mean['psnr']:.2f} | {mean['ssim']:.3f} | {mean['lpips']:.4f} | {mean['cd'] * 1e5:.1f} "
            f"| {median * 1e5:.1f} | {mean['ghost']:.3f} |"
        )


def time_interpolators(chosen: argparse.Namespace) -> None:
    """Times one process of `chosen.threads` threads: interpolators take turns within a round; the first warms up."""
    os.sched_setaffinity(0, range(chosen.threads))
    torch.set_num_threads(chosen.threads)
    keys = [read_image(DEMO / f"cat-{end}.png") for end in "ab"]
    times = [k / 8 for k in range(1, 8)]
    for width, height in SIZES:
        pair = [resize_image(key, width, height) for key in keys]
        taken: dict[str, list[float]] = {name: [] for name in chosen.others}
        for each in range(chosen.rounds + 1):
            for name in chosen.others:
                start = time.perf_counter()
                open_interpolator(name, chosen.peers, chosen.threads)(*pair, times)
                if each:
                    taken[name].append((time.perf_counter() - start) / len(times))
        cells = []
        for name in chosen.others:
            ratio = statistics.median(ours / its for ours, its in zip(taken["animi"], taken[name], strict=True))
            beside = "" if name == "animi" else f" (animi x {ratio:.2f})"
            cells.append(f"{1000 * statistics.median(taken[name]):.1f}{beside}")
        print(f"| {width}x{height} | {chosen.threads} | {' | '.join(cells)} |", flush=True)


def report_speed(chosen: argparse.Namespace) -> None:
    """Runs a process for each number of threads, so that every library obeys it."""
    print(
        "| ms per in-between | threads | "
        + " | ".join(chosen.others)
        + " |\n|---"
        + "|---" * (len(chosen.others) + 1)
        + "|"
    )
    sys.stdout.flush()
    for threads in (1, 2):
        variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        command = [sys.executable, __file__, "time", "--peers", chosen.peers, "--with", ",".join(chosen.others)]
        subprocess.run(
            [*command, "--rounds", str(chosen.rounds), "--threads", str(threads)],
            env=os.environ | dict.fromkeys(variables, str(threads)),
            check=True,
        )


def report_memory(_: argparse.Namespace) -> None:
    """Peak resident memory and time of the whole command, 8 frames between the demo's key frames."""
    print("| size | output | peak MB | seconds |\n|---|---|---|---|")
    measure = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=-3, stderr=-3);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with tempfile.TemporaryDirectory() as folder:
        for width, height in ((512, 512), (1280, 720), (3840, 2160)):
            for end in "ab":
                write_png(Path(folder, f"{end}.png"), resize_image(read_image(DEMO / f"cat-{end}.png"), width, height))
            for output in ("frames", "out.gif", "out.mp4", "out.webp"):
                command = [sys.executable, "-c", measure, str(Path(sys.executable).with_name("animi")), "interpolate"]
                command += [f"{folder}/a.png", f"{folder}/b.png", "-o", f"{folder}/{output}", "--overwrite"]
                start = time.perf_counter()
                kilobytes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                seconds = time.perf_counter() - start
                print(f"| {width}x{height} | {output} | {kilobytes / 1000:.0f} | {seconds:.1f} |", flush=True)


def draw_sheet(chosen: argparse.Namespace) -> None:
    """A row for each sequence: first key frame, three in-betweens and the last, ours above the truth."""
    rows = []
    for name in chosen.names:
        files = sorted((chosen.sequences / name).glob("*.png"))
        frames = [read_image(file) for file in files]
        times = [0.25, 0.5, 0.75]
        ours = open_interpolator("animi", "", 2)(frames[0], frames[-1], times)
        truth = [frames[round(t * (len(frames) - 1))] for t in times]
        for middle in (ours, truth):
            strip = [
                resize_image(frame, chosen.width * frame.shape[1] // frame.shape[0], chosen.width)
                for frame in (frames[0], *middle, frames[-1])
            ]
            rows.append(np.hstack(strip))
    widest = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 2), (0, widest - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    cv2.imwrite(str(chosen.output), np.vstack(rows)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["quality", "speed", "time", "memory", "sheet"])
    parser.add_argument("sequences", type=Path, nargs="?")
    parser.add_argument("--peers", default="peers", help="folder with peers.py")
    parser.add_argument("--alex-weights", type=Path, help="AlexNet's weights, for LPIPS; else torch's, downloaded once")
    parser.add_argument("--with", dest="others", default="", help="peers, with commas")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="also write the scores of every sequence")
    parser.add_argument("--names", type=lambda text: text.split(","), help="sequences of the sheet")
    parser.add_argument("--width", type=int, default=150, help="rows of pixels in the sheet")
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    chosen = parser.parse_args()
    chosen.others = ["animi", *(name for name in chosen.others.split(",") if name and name != "animi")]
    jobs: dict[str, Callable[[Any], None]] = {
        "quality": report_quality,
        "speed": report_speed,
        "time": time_interpolators,
        "memory": report_memory,
        "sheet": draw_sheet,
    }
    jobs[chosen.what](chosen)


if __name__ == "__main__":
    main()
