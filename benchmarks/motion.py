"""What the motion model costs: to draw with, and to train.

    python benchmarks/motion.py draw                # milliseconds on one and two threads, beside the classical engine
    python benchmarks/motion.py train --device cpu  # steps a second, and what of a step is waiting for samples
    python benchmarks/motion.py agree               # the same weights in half precision: how far the pictures differ
    python benchmarks/motion.py ship --checkpoint runs/motion/best.safetensors   # half precision, as animi brings them

Without --checkpoint the network's weights are random, which costs the same as trained ones, except that a network that
explains nothing looks at a smaller picture too; so that is left out. Drawing is timed on the demo's key frames; medians
over rounds in which the engines take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from animi.core.config.training import TrainingConfig, TrainMotionConfig
from animi.core.drawn.batches import load_cartoons
from animi.core.drawn.stage import build_stage
from animi.core.engines import motion as motion_engine
from animi.core.engines.flow import FlowEngine
from animi.core.engines.interface import Engine
from animi.core.engines.motion import MotionEngine
from animi.core.media.frames import resize_image
from animi.core.media.image_files import read_image
from animi.core.motion.kept import FrameMemory
from animi.core.sprites.renderer import find_sprites
from animi.core.training.loop import Hooks, Phase, fit, make_adam, map_batch, place_module
from animi.core.training.recipes.train_motion import _make_loss
from animi.core.weights.checkpoint import load_checkpoint, save_checkpoint
from animi.core.weights.find import MOTION_WEIGHTS
from animi.models.motion import MotionConfig, MotionNetwork

DEMO = Path(__file__).parents[1] / "demo"
SIZES = ((256, 256), (512, 512), (1280, 720))
BETWEEN = 7


def open_motion(checkpoint: Path | None, width: int) -> MotionNetwork:
    """A trained network, or one of random weights."""
    torch.manual_seed(0)
    if checkpoint is None:
        return MotionNetwork(MotionConfig(width=width)).eval()
    network, _ = load_checkpoint(checkpoint, torch.device("cpu"))
    assert isinstance(network, MotionNetwork)
    return network


def time_drawing(chosen: argparse.Namespace) -> None:
    """One thread count's rows; run in a process of its own, since OpenMP reads its variables once."""
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    device = torch.device(chosen.device)
    if chosen.checkpoint is None:
        motion_engine._UNSURE = 0.0
    network = open_motion(chosen.checkpoint, chosen.width).to(device)
    engines: dict[str, Engine] = {
        "motion": MotionEngine(network),
        "motion, classical renderer": MotionEngine(network, renderer="classical"),
        "flow": FlowEngine(),
    }
    for width, height in SIZES:
        pair = [np.ascontiguousarray(resize_image(read_image(DEMO / f"cat-{end}.png"), width, height)) for end in "ab"]
        prepared: dict[str, list[float]] = {name: [] for name in engines}
        rendered: dict[str, list[float]] = {name: [] for name in engines}
        for number in range(chosen.rounds + 1):
            for name, engine in engines.items():
                engine._memory = FrameMemory()  # else all rounds but the first know the frames
                start = time.perf_counter()
                ready = engine.prepare(pair[0], pair[1])
                middle = time.perf_counter()
                for k in range(1, BETWEEN + 1):
                    ready.render(k / (BETWEEN + 1))
                end = time.perf_counter()
                if number:  # the first round warms up
                    prepared[name].append((middle - start) * 1e3)
                    rendered[name].append((end - middle) * 1e3 / BETWEEN)
        for name in engines:
            once, each = statistics.median(prepared[name]), statistics.median(rendered[name])
            whole = once + BETWEEN * each
            row = f"| {width}x{height} | {chosen.threads} | {name} | {once:.0f} | {each:.1f} | {whole:.0f} |"
            print(row, flush=True)


def report_drawing(chosen: argparse.Namespace) -> None:
    network = open_motion(chosen.checkpoint, chosen.width)
    count = sum(parameter.numel() for parameter in network.parameters())
    print(f"{count / 1e6:.2f} M parameters, {2 * count / 1e6:.1f} MB in half precision\n")
    print(
        f"| size | threads | engine | prepare, ms | render, ms | {BETWEEN} in-betweens, ms |\n|---|---|---|---|---|---|"
    )
    sys.stdout.flush()
    for threads in (1, 2):
        command = [sys.executable, __file__, "time", "--threads", str(threads), "--rounds", str(chosen.rounds)]
        command += ["--width", str(chosen.width), "--device", chosen.device]
        if chosen.checkpoint is not None:
            command += ["--checkpoint", str(chosen.checkpoint)]
        variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        subprocess.run(command, env=os.environ | variables, check=True)


def report_training(chosen: argparse.Namespace) -> None:
    """Steps of the real loss, with batches that are drawn meanwhile, and with one that lies there already."""
    device = torch.device(chosen.device)
    training = TrainingConfig(
        steps=chosen.steps, batch_size=chosen.batch_size, device=chosen.device, workers=chosen.workers, clip=1.0,
        log_every=10**9, save_every=10**9, sample_every=10**9, precision=chosen.precision, compiled=chosen.compiled,
    )  # fmt: skip
    config = TrainMotionConfig((), Path(), width=chosen.width, sizes=(chosen.size,), training=training)
    torch.manual_seed(0)
    network = MotionNetwork(MotionConfig(width=chosen.width)).to(device)
    network = place_module(network, training, _World(device))  # type: ignore[arg-type, assignment]
    phase = Phase(
        "motion", network, make_adam(network.parameters(), 1e-4, decay=1e-3), _make_loss(config, network, None)
    )

    def drawn() -> Iterator[tuple[int, Any]]:
        loader = load_cartoons(0, chosen.size, chosen.batch_size, workers=chosen.workers, pin=device.type == "cuda")
        for step, batch in enumerate(loader):
            yield step, map_batch(batch, lambda x: x.to(device, non_blocking=True))

    def same() -> Iterator[tuple[int, Any]]:
        _, batch = next(drawn())
        for step in range(chosen.steps):
            yield step, batch

    print(f"{chosen.size} px, batches of {chosen.batch_size}, {device}, {chosen.workers} workers\n")
    print("| batches | steps/s | samples/s |\n|---|---|---|")
    kinds: dict[str, Callable[[], Iterator[tuple[int, Any]]]] = {"drawn meanwhile": drawn, "always the same": same}
    if chosen.sprites is not None:
        stage = build_stage(find_sprites(chosen.sprites), (), chosen.size, 0, device, workers=chosen.workers)
        kinds["sprites on the device"] = lambda: (
            (step, stage.draw(step, chosen.batch_size, chosen.size)) for step in range(chosen.steps)
        )
    for name, batches in kinds.items():
        times: list[float] = []

        def note(_done: int, _values: object, times: list[float] = times) -> None:
            times.append(time.perf_counter())

        fit([phase], batches(), training, Hooks(advance=note))
        skipped = max(1, len(times) // 4)  # workers fill up, kernels are chosen
        rate = (len(times) - 1 - skipped) / (times[-1] - times[skipped])
        print(f"| {name} | {rate:.2f} | {rate * chosen.batch_size:.1f} |", flush=True)
    if device.type == "cuda":
        print(f"\nmost memory: {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


class _World:
    """One process."""

    size = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device


def report_halves(chosen: argparse.Namespace) -> None:
    """Weights rounded to half precision, as they would ship, beside the full ones."""
    full, half = open_motion(chosen.checkpoint, chosen.width), open_motion(chosen.checkpoint, chosen.width)
    half.load_state_dict({name: tensor.half().float() for name, tensor in half.state_dict().items()})
    pair = [np.ascontiguousarray(resize_image(read_image(DEMO / f"cat-{end}.png"), 512, 512)) for end in "ab"]
    drawn = [MotionEngine(network).prepare(pair[0], pair[1]).render(0.5).astype(int) for network in (full, half)]
    gap = np.abs(drawn[0] - drawn[1])
    print(f"levels of 255: mean {gap.mean():.4f}, 99.9th percentile {np.percentile(gap, 99.9):.0f}, most {gap.max()}")


def ship(chosen: argparse.Namespace) -> None:
    """Writes a checkpoint's network, or the mean of several, in half precision to where animi looks for its own."""
    network, header = load_checkpoint(chosen.checkpoint, torch.device("cpu"))
    assert isinstance(network, MotionNetwork)
    states = [network.state_dict()]
    states += [load_checkpoint(path, torch.device("cpu"))[0].state_dict() for path in chosen.mean_with]
    network.load_state_dict({name: torch.stack([s[name].double() for s in states]).mean(0) for name in states[0]})
    hardness = chosen.harder * torch.nn.functional.softplus(network.decision.detach())
    network.decision.data = hardness.expm1().log()
    MOTION_WEIGHTS.parent.mkdir(exist_ok=True)
    save_checkpoint(
        MOTION_WEIGHTS, network.half(), header.architecture, network.config, step=header.step, overwrite=True
    )
    print(f"{MOTION_WEIGHTS.name}: {MOTION_WEIGHTS.stat().st_size / 1e6:.1f} MB, of step {header.step}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["draw", "time", "train", "agree", "ship"])
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--mean-with", type=Path, nargs="+", default=[], help="ship the mean of these and --checkpoint")
    parser.add_argument("--width", type=int, default=MotionConfig().width)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sprites", type=Path, help="Lottie files, to train on sprites on the device as well")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--harder", type=float, default=1.0, help="times as hard a choice as was learnt")
    parser.add_argument("--compiled", action="store_true")
    chosen = parser.parse_args()
    jobs = {"draw": report_drawing, "time": time_drawing, "train": report_training, "agree": report_halves}
    jobs["ship"] = ship
    jobs[chosen.what](chosen)


if __name__ == "__main__":
    main()
