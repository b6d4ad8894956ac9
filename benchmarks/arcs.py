"""Whether `--arcs` brings in-betweens nearer to the truth, on drawn cartoons whose in-betweens are known.

    python benchmarks/arcs.py [--engines motion,flow] [--scenes 60] [--seed 9100] [--size 288]

Printed are the mean differences from the truth in levels of 255, straight and on arcs, over the scenes in which
something that turns is found, and in how many of them arcs are better or worse by more than 0.005.
"""

import argparse

import numpy as np

from animi.core.cartoon.samples import draw_sample
from animi.core.engines.opening import open_engine
from animi.core.inbetween.pair import prepare_pair

CLEARLY = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="motion,flow")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=9100)
    parser.add_argument("--size", type=int, default=288)
    chosen = parser.parse_args()
    print("| engine | scenes | with a turn | straight | arcs | better | worse |")
    print("|---|---|---|---|---|---|---|")
    for name in chosen.engines.split(","):
        engines = [open_engine(name, device="cpu", arcs=arcs) for arcs in (False, True)]
        errors = []
        for number in range(chosen.scenes):
            scene = draw_sample(chosen.seed, 4 * number, chosen.size, worn=False)
            drawn = [next(prepare_pair(scene.first, scene.last, e, "morph")([scene.t])) for e in engines]
            if not np.array_equal(*drawn):
                errors.append([np.abs(frame.astype(float) - scene.middle).mean() for frame in drawn])
        gains = [straight - arcs for straight, arcs in errors]
        means = np.mean(errors, 0) if errors else (0.0, 0.0)
        better, worse = (sum(sign * gain > CLEARLY for gain in gains) for sign in (1, -1))
        cells = name, chosen.scenes, len(errors), f"{means[0]:.3f}", f"{means[1]:.3f}", better, worse
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
