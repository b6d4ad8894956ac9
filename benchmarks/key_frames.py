"""Two frames of a film that in-betweens can be drawn between: the ends of a clip of 8 drawings from its longest shot.

    python benchmarks/key_frames.py FRAMES keys      # writes keys/a.png and keys/b.png

FRAMES is what extract-frames wrote.
"""

import sys
from pathlib import Path

from animi.core.material.films import open_material
from animi.core.media.image_files import write_png

_LENGTH = 8


def main(frames: Path, out: Path) -> None:
    film = open_material([frames]).films[0]
    shot = max(film.shots(), key=len)
    middle = max(0, (len(shot) - _LENGTH) // 2)
    ends = shot[middle : middle + _LENGTH][[0, -1]]
    out.mkdir(parents=True, exist_ok=True)
    for name, number in zip("ab", ends, strict=True):
        write_png(out / f"{name}.png", film.frames[int(number)])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
