"""What hints are worth, on drawn cartoons whose motion is exact.

    python benchmarks/hints.py [--engines motion,flow] [--scenes 60] [--seed 7000] [--size 384] [--most 3]

Where the motion that an engine finds is more than 32 pixels off, a hint is placed in the middle of the largest such
piece, by this script and so in the same way for all: the point, and where the true motion takes it. Then the next
piece, at most --most in all. Printed are the mean errors of the hinted pieces before and after, and those of everything
else, in pixels, where the truth is visible in both frames.
"""

import argparse
import statistics

import cv2
import numpy as np

from animi.core.cartoon.samples import draw_sample
from animi.core.engines.interface import view_for_matching
from animi.core.engines.motion_base import BaseMotionEngine
from animi.core.engines.opening import open_engine
from animi.core.motion.guides import Guides, PairHints, Track
from animi.core.motion.search import estimate_flow

FAR = 32.0


def find_flow(engine, first, last, hints):
    """The forward motion, (H, W, 2) in pixels."""
    height, width = first.shape[:2]
    guides = Guides(hints, first, last) if hints else None
    if isinstance(engine, BaseMotionEngine):
        flow = engine.find_flows(first, last, guides)[0]
    else:
        flow = estimate_flow(view_for_matching(first), view_for_matching(last), guides=guides)[0]
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    return flow if guides is None else guides.move(flow, 0)


def find_middle(bad):
    """The place that is farthest from the border of the largest region: (x, y), or None where all are tiny."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bad.astype(np.uint8))
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_AREA] < 60:
        return None
    depth = cv2.distanceTransform((labels == largest).astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(x), int(y)


def measure(engine, scene, most):
    """(error of hinted pieces before, after, of the rest before, after), or None where nothing is far off."""
    first, last = scene.first, scene.last
    truth, seen = scene.forward.flow, scene.forward.visible > 0.5
    before = np.linalg.norm(find_flow(engine, first, last, None) - truth, axis=2)
    now, hints, pieces = before, PairHints(), np.zeros(seen.shape, bool)
    for _ in range(most):
        at = find_middle((now > FAR) & seen & ~pieces)
        if at is None:
            break
        x, y = at
        to = (x + float(truth[y, x, 0]), y + float(truth[y, x, 1]))
        if not (0 <= to[0] < first.shape[1] and 0 <= to[1] < first.shape[0]):
            break
        hints = PairHints((*hints.tracks, Track(((x, y), to))))
        guides = Guides(hints, first, last)
        masks = [cv2.resize(g.here, first.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5 for g in guides.guides]
        pieces = np.any(masks, 0)
        now = np.linalg.norm(find_flow(engine, first, last, hints) - truth, axis=2)
    if not hints.tracks:
        return None
    # of a hinted piece, what moves as the hinted point does: cut-outs may overlap other things
    same = np.zeros(seen.shape, bool)
    for track in hints.tracks:
        (x, y), _ = track.points
        same |= np.linalg.norm(truth - truth[int(y), int(x)], axis=2) < 4
    inside, rest = pieces & seen & same, seen & ~pieces
    if not inside.any():
        inside = pieces & seen
    return tuple(
        float(error[where].mean()) if where.any() else 0.0 for where in (inside, rest) for error in (before, now)
    ), len(hints.tracks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", default="motion,flow")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--most", type=int, default=3)
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    print("| engine | scenes | hints | hinted: before | after | median after | under 2 px | rest: before | after |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in chosen.engines.split(","):
        engine = open_engine(name, device="cpu")
        rows = []
        for number in range(chosen.scenes):
            found = measure(engine, draw_sample(chosen.seed, number, chosen.size), chosen.most)
            if found is not None:
                rows.append(found)
                if chosen.verbose:
                    print(number, [round(v, 2) for v in found[0]], found[1], flush=True)
        errors = np.array([row[0] for row in rows])
        means = errors.mean(0)
        cells = [
            name,
            len(rows),
            f"{statistics.fmean(row[1] for row in rows):.1f}",
            f"{means[0]:.1f}",
            f"{means[1]:.2f}",
        ]
        cells += [f"{np.median(errors[:, 1]):.2f}", f"{(errors[:, 1] < 2).mean():.0%}"]
        print("| " + " | ".join(map(str, [*cells, f"{means[2]:.2f}", f"{means[3]:.2f}"])) + " |", flush=True)


if __name__ == "__main__":
    main()
