"""Images a second of `animi train-noise` beside PyPI's lightweight-gan: same pictures, size, batch and precision.

    python benchmarks/throughput.py FRAMES --size 64 --batch-size 16 --rounds 3

FRAMES is a folder of images of the size asked for. Both train as their commands do by default (latents of 256 numbers,
augmentation, penalties and decoders on), without samples and checkpoints, which only cost time at long intervals. They
take turns, so that a busy moment of the machine does not fall on one of them; the table shows medians over the rounds.

lightweight-gan wants CUDA by name. Without a GPU it is led to the CPU by replacing what it asks of torch; nothing of
its networks or of its step is changed. Of ours, `--width` sets the size, and both sizes are printed.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from animi.core.config.material import ClipConfig
from animi.core.config.training import AdversarialConfig, TrainingConfig, TrainNoiseConfig
from animi.core.training.listeners import Listeners
from animi.core.training.recipes.train_noise import train_noise
from animi.models.discriminators import ImageDiscriminator, ImageDiscriminatorConfig
from animi.models.sle import NoiseGenerator, NoiseGeneratorConfig


class _CpuTorch:
    """torch, except that every device is the CPU."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def device(*_wanted: Any) -> torch.device:
        return torch.device("cpu")


def import_peer() -> Any:
    """Imports lightweight-gan, on a machine without a GPU too."""
    has_gpu = torch.cuda.is_available()
    if not has_gpu:
        torch.cuda.is_available = lambda: True
    try:
        import lightweight_gan.lightweight_gan as peer
    finally:
        if not has_gpu:
            torch.cuda.is_available = lambda: False
    if not has_gpu:
        peer.torch = _CpuTorch()
        torch.Tensor.cuda = lambda self, *_: self  # type: ignore[method-assign, assignment]
        nn.Module.cuda = lambda self, *_: self  # type: ignore[method-assign, assignment]
    return peer


def count(*modules: nn.Module) -> str:
    return " + ".join(f"{sum(p.numel() for p in module.parameters()) / 1e6:.1f}" for module in modules) + " M"


class Peer:
    """lightweight-gan's trainer, step by step."""

    name = "lightweight-gan"

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.trainer = import_peer().Trainer(
            base_dir=str(folder),
            image_size=options.size,
            batch_size=options.batch_size,
            num_workers=options.workers,
            amp=options.precision == "fp16",
            use_aim=False,
        )
        self.trainer.set_data_src(str(options.frames))
        self.trainer.steps = 1  # at 0 it saves and draws samples
        self.trainer.init_GAN()
        self.size = count(self.trainer.GAN.G, self.trainer.GAN.D)

    def run(self) -> float:
        """Images a second over the steps that count."""
        for step in range(self.options.warm_up + self.options.steps):
            if step == self.options.warm_up:
                begun = _now()
            if self.trainer.steps % 100 == 0:
                self.trainer.steps += 4  # there it draws samples; 4, so that every fourth step still has its penalty
            self.trainer.train()
        return self.options.steps * self.options.batch_size / (_now() - begun)


class Ours:
    """`train-noise` as the command runs it."""

    name = "animi train-noise"

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder, self.runs = options, folder, 0
        shape = NoiseGeneratorConfig(options.size, 256, options.width)
        judge = ImageDiscriminatorConfig(options.size, options.width)
        self.size = count(NoiseGenerator(shape), ImageDiscriminator(judge))

    def run(self) -> float:
        """Images a second over the steps that count."""
        options, times = self.options, {}
        total = options.warm_up + options.steps
        config = TrainNoiseConfig(
            (options.frames,),
            self.folder / f"run-{self.runs}",
            clips=ClipConfig(length=1, size=options.size),
            training=TrainingConfig(
                # two steps more: the last one writes the checkpoint, and a GPU's values are read a step late
                steps=total + 2,
                batch_size=options.batch_size,
                precision=options.precision,
                compiled=options.compile,
                workers=options.workers,
                save_every=10**9,
                sample_every=10**9,
            ),
            nets=AdversarialConfig(options.width),
            health=False,
        )
        self.runs += 1

        def note(step: int, _values: Any) -> None:
            if step in (options.warm_up, total):
                times[step] = _now()

        train_noise(config, listeners=Listeners(advance=note))
        return options.steps * options.batch_size / (times[total] - times[options.warm_up])


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--precision", choices=("fp32", "fp16"), default="fp32")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--compile", action="store_true", help="Compile ours.")
    parser.add_argument("--warm-up", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8, help="That count; a multiple of 4, for the peer's penalty.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        ways = [Peer(options, Path(folder)), Ours(options, Path(folder))]
        found: dict[str, list[float]] = {way.name: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                found[way.name].append(way.run())
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"{options.size} px, batches of {options.batch_size}, {options.precision}, {where}")
    print("| | parameters | images/s, median | all rounds |\n|---|---|---|---|")
    for way in ways:
        rounds = ", ".join(f"{rate:.2f}" for rate in found[way.name])
        print(f"| {way.name} | {way.size} | {statistics.median(found[way.name]):.2f} | {rounds} |")
    peer, ours = (statistics.median(found[way.name]) for way in ways)
    print(f"\nours / lightweight-gan: {ours / peer:.2f}")


if __name__ == "__main__":
    main()
