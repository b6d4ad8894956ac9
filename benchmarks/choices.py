"""What is lost by the choice between key frames, and what by the motion: in-betweens by a chooser that knows the truth.

    python benchmarks/choices.py SEQUENCES --alex-weights ALEXNET

Along the default network's motion both key frames are looked up, and each place is taken from whichever is nearer to
the truth there, by mean absolute difference over squares of some pixels. A second chooser may also take what the key
frames themselves have at that place, as where a thing has left still ground. No interpolator can know so much, and
small squares fit by chance: what a broad square gains over "as drawn" is the most that better choosing could give
without better motion. Fades are left out, as nothing is looked up for them.
SEQUENCES holds folders NAME/000.png to 008.png, as for interpolate.py.
"""

import argparse
import statistics
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from animi.core.engines.motion import MotionEngine, MotionPair
from animi.core.engines.opening import open_engine
from animi.core.measures.perceptual import PerceptualDistance
from animi.core.media.frames import to_tensor, to_uint8
from animi.core.media.image_files import read_image

SQUARES = (1, 7, 15)
"""Sides in pixels of what is chosen together."""


def choose(candidates: list[Tensor], truth: Tensor, side: int) -> Tensor:
    """Takes each place from the candidate, all (1, 3, H, W), that is nearest to the truth in the square around it."""
    errors = [
        avg_pool2d((frame - truth).abs().mean(1, keepdim=True), side, 1, side // 2, count_include_pad=False)
        for frame in candidates
    ]
    best = torch.cat(errors, 1).argmin(1, keepdim=True)  # (1, 1, H, W)
    stack = torch.stack(candidates, 1)  # (1, k, 3, H, W)
    return stack.gather(1, best.unsqueeze(2).expand(-1, -1, 3, -1, -1))[:, 0]


@torch.inference_mode()
def score(folder: Path, engine: MotionEngine, distance: PerceptualDistance) -> dict[str, float] | None:
    """LPIPS of the in-between at 1/2, as drawn and as chosen by the truth; None for a fade."""
    files = sorted(folder.glob("*.png"))
    arrays = [to_uint8(read_image(files[index])) for index in (0, len(files) // 2, -1)]
    pair = engine.prepare(arrays[0], arrays[2])
    if not isinstance(pair, MotionPair):
        return None
    first, truth, last = to_tensor(arrays).split(1)
    network = engine.network
    way = network.find_way(pair.motion, torch.tensor([0.5]))
    early, late = network.carry(way, first, last, "bicubic")
    scores = {"as drawn": network.compose(way, first, last, "bicubic")}
    for side in SQUARES:
        scores[f"of two, {side} px"] = choose([early, late], truth, side)
        scores[f"of four, {side} px"] = choose([early, late, first, last], truth, side)
    return {name: float(distance.compare(frame, truth)) for name, frame in scores.items()}


def main() -> None:
    """Prints means over all sequences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("--alex-weights", type=Path)
    chosen = parser.parse_args()
    engine = open_engine(device="cpu")
    assert isinstance(engine, MotionEngine)
    distance = PerceptualDistance("alex", chosen.alex_weights)
    scores = [score(path, engine, distance) for path in sorted(chosen.sequences.iterdir()) if path.is_dir()]
    rows = [row for row in scores if row is not None]
    print(f"{len(rows)} of {len(scores)} sequences, in-betweens at 1/2\n| | LPIPS |\n|---|---|")
    for name in rows[0]:
        print(f"| {name} | {statistics.fmean(row[name] for row in rows):.4f} |")


if __name__ == "__main__":
    main()
