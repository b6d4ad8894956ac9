"""Makes sequences of line drawings that move and turn as wholes while they act, for interpolate.py to draw.

    python benchmarks/lines.py LOTTIE_FOLDER OUT
    python benchmarks/interpolate.py quality OUT --with animi-flow

Each animation of LOTTIE_FOLDER (NAME.json) is drawn over white at nine moments, turned by up to 30 degrees and carried
by up to 140 pixels along each side; then only the edges of its colours are kept, as dark lines. OUT holds folders
NAME/000.png to 008.png.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from animi.core.media.image_files import write_png
from animi.core.sprites.renderer import SpriteRenderer, find_sprites

SIDE, SPAN = 384, 16  # pixels, and frames of the animation
TIMES = np.linspace(0, 1, 9)
SEED = 12


def trace(picture: np.ndarray) -> np.ndarray:
    """The edges of a picture, (H, W, 3) uint8, as grey lines on white."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)
    fine, coarse = (cv2.GaussianBlur(lab, (0, 0), sigma) for sigma in (1.2, 2.4))
    edges = np.abs(fine - coarse).sum(2)
    return np.repeat((255 - np.clip(18 * (edges - 5), 0, 225)).astype(np.uint8)[..., None], 3, 2)


def draw(renderer: SpriteRenderer, path: Path, rng: np.random.Generator) -> list[np.ndarray]:
    """The frames of one sequence, each (SIDE, SIDE, 3) uint8."""
    size = int(rng.integers(150, 230))
    place, way, turn = rng.uniform(90, SIDE - size - 60, 2), rng.uniform(-140, 140, 2), rng.uniform(-30, 30)
    count = renderer.count_frames(path)
    moments = (np.round(min(SPAN, count - 1) * TIMES) + 0.5) / count
    frames = []
    for t, sprite in zip(TIMES, renderer.render(path, size, moments.tolist()), strict=True):
        move = cv2.getRotationMatrix2D((size / 2, size / 2), turn * (t - 0.5), 1)
        move[:, 2] += place + way * (t - 0.5)
        drawn = cv2.warpAffine(sprite.astype(np.float32), move, (SIDE, SIDE))  # premultiplied
        frames.append(trace(np.clip(drawn[..., :3] + 255 - drawn[..., 3:] + 0.5, 0, 255).astype(np.uint8)))
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("animations", type=Path)
    parser.add_argument("output", type=Path)
    chosen = parser.parse_args()
    rng = np.random.default_rng(SEED)
    with SpriteRenderer() as renderer:
        for file in find_sprites(chosen.animations):
            target = chosen.output / file.stem
            target.mkdir(parents=True)
            for number, frame in enumerate(draw(renderer, file, rng)):
                write_png(target / f"{number:03d}.png", frame)


if __name__ == "__main__":
    main()
