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
import numpy as np
import torch

from animi.core.cartoon import samples
from animi.core.cartoon.films import plan_film
from animi.core.config.material import DrawCartoonConfig
from animi.core.drawn.batches import load_cartoons
from animi.core.drawn.collage import Collage, draw_layers
from animi.core.sprites.renderer import SpriteRenderer, find_sprites
from animi.core.sprites.samples import draw_sprite_sample

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


def check(count: int) -> None:
    """Prints how well pictures and flow agree, over samples that are not worn."""
    plain_wrong, plain, undone = 0, 0, []
    reach, visible, observable = [], [], []
    for number in range(count):
        sample = samples.draw_sample(3, number * samples.PER_SCENE, SIZE, worn=False)
        flow = sample.forward.flow
        y, x = np.nonzero(sample.forward.visible)
        spot = np.floor(np.stack([x, y], 1) + 0.5 + flow[y, x]).astype(int)
        back = sample.backward.flow[spot[:, 1], spot[:, 0]]
        undone.append(np.hypot(*(flow[y, x] + back).T))
        pictures = [sample.first.astype(int), sample.last.astype(int)]
        even = [np.ptp([np.roll(p, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)], axis=0).max(-1) == 0
                for p in pictures]  # fmt: skip
        both = even[0][y, x] & even[1][spot[:, 1], spot[:, 0]]
        error = np.abs(pictures[0][y, x] - pictures[1][spot[:, 1], spot[:, 0]]).max(-1)[both]
        plain_wrong, plain = plain_wrong + int((error > 2).sum()), plain + len(error)
        reach.append(np.percentile(np.hypot(*flow.transpose(2, 0, 1)), 95))
        visible.append(sample.forward.visible.mean())
        observable.append(sample.forward_observable.mean())
    gone = np.concatenate(undone)
    ends = ", ".join(f"{value:.1f}" for value in np.percentile(reach, [5, 25, 50, 75, 95, 100]))
    rows = {
        "visible pixels amid one colour whose colour is not where the flow leads": f"{plain_wrong / plain:.4%}",
        "flow there and back: median and 99th percentile of what is left": (
            f"{np.median(gone):.4f}, {np.percentile(gone, 99):.2f} px"
        ),
        "a sample's motion (95th percentile of its pixels): at 5, 25, 50, 75, 95, 100 %": f"{ends} px",
        "visible, observable pixels": f"{np.mean(visible):.1%}, {np.mean(observable):.1%}",
    }
    print(f"\n| over {count} samples of {SIZE} px | |\n|---|---|")
    for what, found in rows.items():
        print(f"| {what} | {found} |", flush=True)


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
        rates = measure(chosen.rounds, 48, lambda n, film=film: film.draw(n % 1000), time.process_time)
        row(f"film frames of {width} x {height}, not encoded", rates)

    check(chosen.samples)
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
