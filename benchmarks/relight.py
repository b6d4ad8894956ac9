"""Brings sequences whose in-betweens are known into changing light, for interpolate.py to draw.

    python benchmarks/relight.py SEQUENCES OUT
    python benchmarks/interpolate.py quality OUT --with animi-flow

The lights take turns, in the order of names; each goes evenly from the first frame to the last. SEQUENCES holds folders
NAME/000.png to 008.png, as for interpolate.py, and so does OUT then.
"""

import argparse
from itertools import cycle
from pathlib import Path

import numpy as np

from animi.core.media.frames import to_uint8
from animi.core.media.image_files import read_image, write_png

LIGHTS = {
    "half": ((1, 1, 1), (0.5, 0.5, 0.5), 0),
    "slightly": ((0.9, 0.9, 0.9), (0.75, 0.75, 0.75), 0),
    "from the dark": ((0.2, 0.2, 0.2), (0.6, 0.6, 0.6), 0),
    "to white": ((1, 1, 1), (0.5, 0.5, 0.5), 127.5),
    "to blue": ((1, 1, 1), (0.5, 0.55, 0.8), 0),
}
"""Gains of the channels in the first frame and in the last, and levels that are added in the last."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sequences", type=Path)
    parser.add_argument("output", type=Path)
    chosen = parser.parse_args()
    folders = sorted(folder for folder in chosen.sequences.iterdir() if folder.is_dir())
    for folder, (name, (start, end, added)) in zip(folders, cycle(LIGHTS.items()), strict=False):
        files = sorted(folder.glob("*.png"))
        target = chosen.output / f"{folder.name}-{name.replace(' ', '-')}"
        target.mkdir(parents=True)
        for number, file in enumerate(files):
            t = number / (len(files) - 1)
            gain = (1 - t) * np.array(start) + t * np.array(end)
            frame = to_uint8(read_image(file))[..., :3] * gain + t * added
            write_png(target / file.name, np.clip(frame + 0.5, 0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
