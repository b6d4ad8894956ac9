"""Whether doubt finds bad frames: its rank correlation with the true error, on drawn cartoons.

    python benchmarks/doubt.py [--engines motion,flow] [--scenes 120] [--seed 7100] [--size 320]

Of each drawn scene the true in-between is known. Its error is taken as its doubt is: the mean in the worst part of the
picture, a hand's breadth wide, here of the difference from the truth in levels of 255. Printed are Spearman's rank
correlation of the two over all frames, the share of the worst tenth of the frames that is among the most doubtful
tenth, fifth and third, and the time that doubt takes beside drawing.
"""

import argparse
from time import process_time

import cv2
import numpy as np

from animi.core.cartoon.samples import draw_sample
from animi.core.engines.opening import open_engine
from animi.core.inbetween.doubt import find_worst
from animi.core.inbetween.pair import prepare_pair


def rank(values):
    """Ranks from 0, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def correlate(one, other):
    """Spearman's rank correlation."""
    return float(np.corrcoef(rank(one), rank(other))[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="motion,flow")
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7100)
    parser.add_argument("--size", type=int, default=320)
    chosen = parser.parse_args()
    print("| engine | frames | rank correlation | worst tenth in top tenth | fifth | third | doubt | drawing |")
    print("|---|---|---|---|---|---|---|---|")
    for name in chosen.engines.split(","):
        engine = open_engine(name, device="cpu")
        doubts, errors, spent = [], [], np.zeros(2)
        for number in range(chosen.scenes):
            scene = draw_sample(chosen.seed, 4 * number, chosen.size, worn=False)
            start = process_time()
            pair = prepare_pair(scene.first, scene.last, engine, "hold")
            drawn = next(pair([scene.t]))
            middle = process_time()
            doubts.append(find_worst(pair.doubt(scene.t)).amount)
            spent += middle - start, process_time() - middle
            apart = cv2.absdiff(drawn, scene.middle).astype(np.float32).mean(2)
            errors.append(find_worst(apart).amount)
        order, worst = np.argsort(-np.array(doubts)), set(np.argsort(-np.array(errors))[: chosen.scenes // 10].tolist())
        found = [len(worst & set(order[: chosen.scenes // part].tolist())) / len(worst) for part in (10, 5, 3)]
        cells = [name, chosen.scenes, f"{correlate(doubts, errors):.2f}", *(f"{share:.0%}" for share in found)]
        cells += [f"{1000 * part / chosen.scenes:.0f} ms" for part in spent[::-1]]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
