"""What refining the motion network's positions by the search is worth.

    python benchmarks/detail.py FILM… [--sequences DIR] --alex-weights ALEXNET [--span 4] [--most 18]

Of each film, three frames are taken every 120 frames, --span frames apart, reduced to 640 pixels; of each sequence
(NAME/000.png to 008.png) the middle frame and those --span before and after it. The middle one is drawn with and
without the detail, joined along seams and mixed. Printed is the mean LPIPS.
"""

import argparse
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
import torch

from animi.core.engines import motion_base
from animi.core.engines.opening import open_engine
from animi.core.inbetween import interpolate
from animi.core.measures.perceptual import PerceptualDistance

EVERY, SIDE = 120, 640
CHANGES = 1, 30
"""Mean difference of the outer frames, in levels: below, hardly anything moves; above, it is a cut."""


def read_films(films, span, most):
    """Triplets of frames, (H, W, 3) uint8 RGB."""
    triplets = []
    for film in films:
        capture, number, found = cv2.VideoCapture(str(film)), 0, []
        while (read := capture.read())[0]:
            if number % EVERY <= 2 * span and number % EVERY % span == 0:
                height = round(SIDE * read[1].shape[0] / read[1].shape[1])
                found.append(cv2.resize(read[1], (SIDE, height), interpolation=cv2.INTER_AREA)[..., ::-1].copy())
            if len(found) == 3:
                if CHANGES[0] < np.abs(found[0].astype(int) - found[2]).mean() < CHANGES[1]:
                    triplets.append(found)
                found = []
            number += 1
    return triplets[:most]


def read_sequences(folder, span):
    """The same of sequences with nine frames each."""
    return [
        [cv2.imread(str(each / f"{4 + step:03d}.png"))[..., ::-1].copy() for step in (-span, 0, span)]
        for each in sorted(folder.iterdir())
        if each.is_dir()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("films", type=Path, nargs="*")
    parser.add_argument("--sequences", type=Path)
    parser.add_argument("--alex-weights", type=Path)
    parser.add_argument("--span", type=int, default=4, choices=(1, 2, 4))
    parser.add_argument("--most", type=int, default=18)
    chosen = parser.parse_args()
    distance = PerceptualDistance("alex", chosen.alex_weights, torch.device("cpu"))
    find = motion_base.find_detail

    def to_tensor(frame):
        return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float() / 127.5 - 1

    def measure(triplets, mixes):
        engine, found = open_engine("motion", mixes=mixes), []
        for first, truth, last in triplets:
            (_, drawn, _) = interpolate([first, last], 3, engine=engine)
            with torch.no_grad():
                found.append(float(distance.compare(to_tensor(drawn), to_tensor(truth))))
        return mean(found)

    sets = {"films": read_films(chosen.films, chosen.span, chosen.most)}
    if chosen.sequences is not None:
        sets["sequences"] = read_sequences(chosen.sequences, chosen.span)
    print("| | triplets | LPIPS without | with | mixed, without | with |\n|---|---|---|---|---|---|")
    for name, triplets in sets.items():
        row = []
        for mixes in (False, True):
            for detail in (lambda *_: None, find):
                motion_base.find_detail = detail
                row.append(f"{measure(triplets, mixes):.4f}")
        print(f"| {name} | {len(triplets)} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
