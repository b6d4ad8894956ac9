"""What a step of each training costs a processor: the table in docs/guide.md.

    python benchmarks/trainers.py FRAMES --size 64 --vgg-weights FILE

Seconds of processor time of one thread, the median of a few steps behind the first two; other work on the machine
changes them little. Every training has its command's defaults but for the size. On a GPU, seconds by the clock.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from animi.core.config.choices import RECIPES
from animi.core.config.serialise import with_values
from animi.core.config.training import (
    FinetuneAdvConfig,
    PretrainAeConfig,
    TrainMotionConfig,
    TrainNoiseConfig,
    TrainVggSleConfig,
)
from animi.core.devices import choose_device
from animi.core.training.listeners import Listeners
from animi.core.training.recipes import finetune_adv, pretrain_ae, train_motion, train_noise, train_vgg_sle

_SKIPPED = 2


class Enough(Exception):
    """As many steps as wanted were timed."""


def time_steps(work: Callable[..., Path], config: Any, steps: int) -> float:
    """Seconds of a step; the training is left before it looks at or saves anything."""
    cpu = choose_device(config.training.device).type == "cpu"
    clock = time.process_time if cpu else time.perf_counter
    marks: list[float] = []

    def note(_done: int, _values: object) -> None:
        marks.append(clock())
        if len(marks) == _SKIPPED + steps:
            raise Enough

    with suppress(Enough):
        work(config, listeners=Listeners(advance=note))
    times = [late - early for early, late in zip(marks[_SKIPPED - 1 :], marks[_SKIPPED:], strict=False)]
    return median(times)


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5, help="that are timed")
    parser.add_argument("--only", type=lambda text: text.split(","), help="trainings, with commas")
    parser.add_argument("--vgg-weights", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args(given)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        out, films = Path(folder), (chosen.frames,)
        first = RECIPES[0]
        ae = PretrainAeConfig(films, out / "pretrain-ae")
        short = {
            "size": chosen.size,
            "steps": 1,
            "sample_every": 1,
            "device": chosen.device,
            "workers": 0,
            "samples": 1,
            "evaluation_samples": 4,  # as few as health can be measured by
        }
        begun = pretrain_ae.pretrain_ae(with_values(replace(ae, output=out / "begun"), short))
        jobs: dict[str, tuple[Callable[..., Path], Any]] = {
            "train-vgg-sle": (train_vgg_sle.train_vgg_sle, TrainVggSleConfig.of_recipe(first, films, out / "vgg")),
            "train-noise": (train_noise.train_noise, TrainNoiseConfig.of_recipe(first, films, out / "noise")),
            "pretrain-ae --net plain": (pretrain_ae.pretrain_ae, replace(ae, net="plain", output=out / "plain")),
            "pretrain-ae": (pretrain_ae.pretrain_ae, ae),
            "finetune-adv": (
                finetune_adv.finetune_adv,
                FinetuneAdvConfig.of_recipe(first, films, out / "fine", begun),
            ),
            "train-motion": (train_motion.train_motion, TrainMotionConfig((), out / "motion")),
        }
        same = short | {"steps": 1000, "sample_every": 1000}
        print("| training | samples a step | seconds a step |\n|---|---|---|")
        for name, (work, config) in jobs.items():
            if chosen.only and name not in chosen.only:
                continue
            values: dict[str, Any] = dict(same)
            if name == "train-motion":  # it has a field of sizes, and films it has none here
                values["sizes"] = (max(chosen.size, 32),)
            if hasattr(config, "vgg_weights"):
                values["vgg_weights"] = chosen.vgg_weights
            if hasattr(config, "health"):
                values["health"] = False
            changed = with_values(config, values)
            seconds = time_steps(work, changed, chosen.steps)
            print(f"| {name} | {changed.training.batch_size} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
