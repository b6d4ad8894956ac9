"""Drawing by ONNX Runtime beside PyTorch: whole commands, an in-between's time, and how equal the frames are.

    python benchmarks/start.py commands [--rounds 5] [--threads 2]
    python benchmarks/start.py frames [--rounds 7] [--threads 2]
    python benchmarks/start.py equal SEQUENCES
    python benchmarks/start.py studio [--rounds 5]

`commands` runs `animi interpolate a.png b.png -n 8 -o out.gif` on the bundled frames in turn: animi's own engine, the
same weights as a checkpoint (which PyTorch draws with), and the classical engine. It prints the medians of seconds, of
seconds of CPU (user and system, less noisy on a busy machine) and of the largest memory. `frames` draws drawn pairs of
three sizes by both in one process, in turn: a pair's preparation and each in-between. `equal` draws the middle frame of
every sequence (folders of images, the first and the last are the key frames) by both, with and without seams.
`studio` measures how long the studio takes to answer.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from animi.core.weights.find import MOTION_WEIGHTS

DEMO = Path(__file__).parents[1] / "demo"
PROGRAM = "from animi.cli.main import run; run()"
ENGINES: dict[str, list[object]] = {
    "motion by ONNX Runtime": ["--engine", "motion"],
    "motion by PyTorch": ["--checkpoint", MOTION_WEIGHTS],
    "flow": ["--engine", "flow"],
}
SIZES = ((256, 256), (512, 512), (1280, 720))


def run(words: Sequence[object], threads: int) -> tuple[float, float, float]:
    """Runs animi: seconds, seconds of CPU, and the largest memory in MB."""
    # the largest memory is that of a process's largest child, so each command is the only child of one
    script = (
        "import resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)\n"
    )
    command = [sys.executable, "-c", script, sys.executable, "-c", PROGRAM, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(threads))
    seconds, cpu, memory = map(float, done.stdout.split())
    return seconds, cpu, memory


def environment(threads: int) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(threads)}


def measure_commands(rounds: int, threads: int) -> None:
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ENGINES}
    with tempfile.TemporaryDirectory() as folder:
        keys = [DEMO / "cat-a.png", DEMO / "cat-b.png"]
        for number in range(rounds + 1):
            for name, options in ENGINES.items():
                words = ["interpolate", *keys, "-n", 8, "-o", Path(folder) / "out.gif", "--overwrite", *options]
                found = run(words, threads)
                if number:  # the first fills the disk's cache and Python's
                    figures[name].append(found)
    print(f"{'median (least)':24} {'seconds':>16} {'seconds of CPU':>16} {'MB':>8}")
    for name, rows in figures.items():
        wall, cpu, memory = zip(*rows, strict=True)
        print(
            f"{name:24} {statistics.median(wall):7.2f} ({min(wall):5.2f})  {statistics.median(cpu):7.2f} "
            f"({min(cpu):5.2f})  {statistics.median(memory):6.0f}"
        )


def draw_pair(width: int, height: int) -> list[Any]:
    """A disc over a textured ground, both of which move."""
    noise = np.random.default_rng(3).uniform(0, 255, (height // 24 + 2, width // 24 + 2, 3)).astype(np.float32)
    ground = cv2.resize(noise, (width + 40, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    frames = [np.ascontiguousarray(ground[:, shift : shift + width]) for shift in (0, width // 40)]
    for k, frame in enumerate(frames):
        cv2.circle(frame, (width // 3 + k * width // 8, height // 2), height // 6, (220, 40, 30), -1, cv2.LINE_AA)
        cv2.circle(frame, (width // 3 + k * width // 8, height // 2), height // 6, (20, 10, 10), 3, cv2.LINE_AA)
    return frames


def open_both(mixes: bool = False) -> dict[str, Any]:
    from animi.core.engines.network import open_network
    from animi.core.engines.opening import open_engine

    return {
        "ONNX Runtime": open_engine("motion", device="cpu", mixes=mixes),
        "PyTorch": open_network(MOTION_WEIGHTS, "cpu", mixes=mixes),
    }


def draw_all(pair: Any, times: Sequence[float]) -> None:
    for _ in pair.render_all(times):
        pass


def clock(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Milliseconds, milliseconds of CPU, and the result."""
    cpu, start = time.process_time(), time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3, result


def measure_frames(rounds: int, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    engines = open_both()
    print(f"{'least (median) ms':14} {'':14} {'pair':>16} {'CPU':>16} {'in-between':>16} {'CPU':>16}")
    for width, height in SIZES:
        pair = draw_pair(width, height)
        figures: dict[str, list[list[float]]] = {name: [] for name in engines}
        times = [(k + 1) / 8 for k in range(7)]
        for number in range(rounds + 1):
            pair = [np.ascontiguousarray(frame[:, ::-1]) for frame in pair]  # what is known of the others is no use
            for name, engine in engines.items():
                wall, cpu, prepared = clock(partial(engine.prepare, *pair))
                each, each_cpu, _ = clock(partial(draw_all, prepared, times))
                if number:
                    figures[name].append([wall, cpu, each / 7, each_cpu / 7])
        for name, rows in figures.items():
            columns = [f"{min(part):7.1f} ({statistics.median(part):6.1f})" for part in zip(*rows, strict=True)]
            print(f"{f'{width}x{height}':14} {name:14} " + " ".join(columns))


def compare(folder: Path) -> None:
    from animi.core.inbetween.sequence import interpolate
    from animi.core.media.image_files import read_image

    sequences = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    for mixes in (True, False):
        engines = open_both(mixes)
        largest: dict[str, tuple[int, float]] = {}
        for sequence in sequences:
            files = sorted(sequence.glob("*.png"))
            keys = [read_image(path) for path in (files[0], files[-1])]
            one, other = (
                np.stack(list(interpolate(keys, 5, engine=engine, on_failure="morph"))).astype(int)
                for engine in engines.values()
            )
            apart = np.abs(one - other)
            largest[sequence.name] = int(apart.max()), float((apart > 1).mean())
        beyond = {name: found for name, found in largest.items() if found[0] > 1}
        print(
            f"{'blended' if mixes else 'joined'}: {len(largest)} pairs, three in-betweens each; the largest difference "
            f"is {max(found[0] for found in largest.values())} of 255; in {len(beyond)} pairs some value differs by "
            "more than 1"
        )
        for name, (most, share) in beyond.items():
            print(f"    {name}: {most}, {share:.2e} of all values by more than 1")


def measure_studio(rounds: int) -> None:
    found = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        words = [sys.executable, "-c", PROGRAM, "studio", "--no-browser", "--port", "0"]
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
            assert program.stdout is not None
            line = program.stdout.readline()
            seconds = time.perf_counter() - start
            assert line.startswith("http"), line
            program.terminate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append((seconds, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime))
    wall, cpu = zip(*found[1:], strict=True)
    print(f"studio: {statistics.median(wall):.2f} s ({min(wall):.2f}), {statistics.median(cpu):.2f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("commands", "frames", "equal", "studio"))
    parser.add_argument("sequences", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.what == "commands":
        measure_commands(chosen.rounds, chosen.threads)
    elif chosen.what == "frames":
        os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
        measure_frames(chosen.rounds, chosen.threads)
    elif chosen.what == "studio":
        measure_studio(chosen.rounds)
    else:
        compare(chosen.sequences)


if __name__ == "__main__":
    main()
