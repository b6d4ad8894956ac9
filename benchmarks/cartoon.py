"""How fast cartoons are drawn: training samples, batches in worker processes, sprites, films and collages.

    python benchmarks/cartoon.py [--sprites FOLDER] [--samples 400] [--rounds 5] [--workers 1 2] [--device cuda]

Rates "of one core" are per second of processor time of one process with one thread, so that other work on the machine
does not count; rates of workers are by the clock, and do suffer from it. Medians over the rounds, with the slowest and
the fastest. Every round draws other samples.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import torch

from animi.core.cartoon import samples
from animi.core.cartoon.batches import load_cartoons
from animi.core.cartoon.collage import Collage, draw_layers
from animi.core.cartoon.films import plan_film
from animi.core.config import DrawCartoonConfig
from animi.core.sprites import SpriteRenderer, draw_sprite_sample, find_sprites

SIZE = 192


def measure(rounds: int, count: int, work: Callable[[int], None], clock: Callable[[], float]) -> list[float]:
    """Rates of `rounds` runs of `work(number)` for `count` numbers each."""
    rates = []
    for each in range(rounds):
        started = clock()
        for number in range(count):
            work((each + 1) * 100_000 + number)
        rates.append(count / (clock() - started))
    return rates


def row(name: str, rates: list[float]) -> None:
    print(f"| {name} | {statistics.median(rates):.1f} ({min(rates):.1f}-{max(rates):.1f}) |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sprites", type=Path)
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--device", help="also put collages together on this device; cpu or cuda")
    chosen = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    samples.draw_sample(0, 0, SIZE)  # textures and imports

    print("| what | a second, of one core |\n|---|---|")
    for worn in (True, False):
        rates = measure(
            chosen.rounds,
            chosen.samples,
            lambda n, worn=worn: samples.draw_sample(1, n, SIZE, worn=worn),
            time.process_time,
        )
        row(f"samples of {SIZE} px{', worn' if worn else ''}", rates)
    if chosen.sprites is not None:
        found = find_sprites(chosen.sprites)
        with SpriteRenderer() as renderer:
            # the renderer's own process works too, so this one goes by the clock
            rates = measure(
                chosen.rounds,
                chosen.samples // 4,
                lambda n: draw_sprite_sample(1, n, SIZE, found, renderer),
                time.perf_counter,
            )
        row(f"samples of {SIZE} px with sprites (by the clock)", rates)
    for width, height in ((512, 288), (1280, 720)):
        film = plan_film(DrawCartoonConfig(Path("x"), seconds=30, width=width, height=height, fps=Fraction(24)))
        for shot in film.shots:
            _ = shot.scene.drawing
        rates = measure(chosen.rounds, 48, lambda n, film=film: film.draw(n * 37 % film.frames), time.process_time)
        row(f"film frames of {width} x {height}, not encoded", rates)

    print("\n| batches of 16 samples | samples a second, by the clock |\n|---|---|")
    for workers in chosen.workers:
        rates = []
        for each in range(chosen.rounds):
            batches = load_cartoons(2, SIZE, 16, workers=workers, first_step=each * 1000)
            for _ in range(max(workers, 1) * 3):
                next(batches)  # the workers have started and queued what they may
            started, count = time.perf_counter(), max(chosen.samples // 16, 1)
            for _ in range(count):
                next(batches)
            rates.append(16 * count / (time.perf_counter() - started))
            del batches
        row(f"{workers} worker{'s' * (workers != 1)}", rates)

    if chosen.device is None:
        return
    torch.set_num_threads(max(chosen.workers))
    stock = [draw_layers(kind, 0, SIZE, 8, workers=max(chosen.workers)) for kind in ("backdrop", "cutout")]
    collage = Collage(*stock, SIZE, 0, chosen.device)
    print(f"\n| collages of {SIZE} px on {chosen.device} | samples a second, by the clock |\n|---|---|")
    for batch in (16, 64) if chosen.device == "cpu" else (16, 64, 256):
        count = max(chosen.samples // batch, 1) if chosen.device == "cpu" else 50
        rates = []
        for each in range(chosen.rounds + 1):
            started = time.perf_counter()
            for step in range(count):
                drawn = collage.draw(each * 1000 + step, batch)
            drawn.frames[0, 0, 0, 0, 0].item()  # waits for the device
            rates.append(batch * count / (time.perf_counter() - started))
        row(f"batches of {batch}", rates[1:])  # the first round warms up


if __name__ == "__main__":
    main()
