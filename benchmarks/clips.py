"""How many frames a second reach a trainer: packed store, image folder, and a plain PyTorch DataLoader beside them.

    python benchmarks/clips.py FILM.mp4

Takes a film's first frames at 288 x 288, packs them and writes them as PNG, and then draws batches of 8 clips of 8
frames of 256 x 256 from each. The ways take turns, so that a busy moment of the machine does not fall on one of them;
the table shows medians over the rounds. The DataLoader does what such loaders commonly do: it opens each PNG with
Pillow, takes a random square, mirrors it, and scales to [-1, 1]; it neither knows cuts nor changes colours.
"""

import argparse
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import torch
import torch.nn.functional as functional
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from animi.core.config.material import ClipConfig
from animi.core.files import natural_order
from animi.core.material.films import FilmFrames, ImageFolder, Material, open_material
from animi.core.material.frame_store import FrameStoreWriter
from animi.core.material.loading import load_batches
from animi.core.material.sampler import ClipSampler
from animi.core.media.image_files import encode_png

STORED, SIZE, CLIPS, LENGTH = 288, 256, 8, 8


def prepare(film: Path, folder: Path, most: int) -> tuple[Path, Path]:
    """Decodes the film's first frames into a packed store and a folder of PNGs."""
    scale = f"crop='min(iw,ih)':'min(iw,ih)',scale={STORED}:{STORED}:flags=area"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(film), "-vf", scale, "-frames:v", str(most)]
    store, images = folder / "packed", folder / "images"
    images.mkdir()
    with (
        subprocess.Popen([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], stdout=subprocess.PIPE) as ffmpeg,
        FrameStoreWriter(store, STORED, STORED) as writer,
    ):
        assert ffmpeg.stdout is not None
        while data := ffmpeg.stdout.read(STORED * STORED * 3):
            frame = np.frombuffer(data, np.uint8).reshape(STORED, STORED, 3)
            number = writer.append(frame, {"film": film.stem, "shot": 0, "duplicate_of": None})
            (images / f"{number:05d}.png").write_bytes(encode_png(frame))
    return store, images


class PlainClips(Dataset[torch.Tensor]):
    """Clips of a folder of PNGs, as a data set is commonly written."""

    def __init__(self, images: Path) -> None:
        self.paths = natural_order(images.glob("*.png"))

    def __len__(self) -> int:
        return len(self.paths) - LENGTH + 1

    def __getitem__(self, first: int) -> torch.Tensor:
        frames = [np.array(Image.open(path).convert("RGB")) for path in self.paths[first : first + LENGTH]]
        clip = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)  # (T, 3, H, W)
        side = random.randint(STORED * 3 // 4, STORED)
        top, left = random.randint(0, STORED - side), random.randint(0, STORED - side)
        clip = clip[..., top : top + side, left : left + side].float()
        clip = functional.interpolate(clip, (SIZE, SIZE), mode="bilinear", antialias=True)
        if random.random() < 0.5:
            clip = clip.flip(-1)
        return clip / 127.5 - 1


def plain_batches(images: Path, workers: int) -> Iterator[torch.Tensor]:
    data = PlainClips(images)
    while True:
        yield from DataLoader(data, CLIPS, shuffle=True, drop_last=True, num_workers=workers)


def our_batches(material: Material, workers: int) -> Iterator[torch.Tensor]:
    sampler = ClipSampler(material, ClipConfig(LENGTH, size=SIZE), CLIPS)
    for _, batch in load_batches(sampler, workers=workers):
        yield batch


def frames_a_second(batches: Iterator[torch.Tensor], timed: int) -> float:
    for _ in range(6):  # more than are drawn ahead
        next(batches)
    start = time.perf_counter()
    for _ in range(timed):
        assert next(batches).shape == (CLIPS, LENGTH, 3, SIZE, SIZE)
    return timed * CLIPS * LENGTH / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--timed", type=int, default=8, help="batches timed each round")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store, images = prepare(settings.film, Path(scratch), settings.frames)
        packed = open_material([store])
        paths = natural_order(images.glob("*.png"))
        folder = Material((FilmFrames("images", 0, ImageFolder(paths), packed.films[0].frames.records),), (images,))
        speeds: dict[tuple[str, int], list[float]] = {}
        for _ in range(settings.rounds):
            for workers in (0, 1, 2):
                ways = {
                    "packed store": our_batches(packed, workers),
                    "PNG folder": our_batches(folder, workers),
                    "DataLoader over the PNGs": plain_batches(images, workers),
                }
                for way, batches in ways.items():
                    speeds.setdefault((way, workers), []).append(frames_a_second(batches, settings.timed))
                    batches.close()
    print("| frames/s | 0 workers | 1 worker | 2 workers |\n|---|---|---|---|")
    middle = {key: statistics.median(found) for key, found in speeds.items()}
    for way in ("packed store", "PNG folder", "DataLoader over the PNGs"):
        cells = []
        for workers in (0, 1, 2):
            ratio = middle[way, workers] / middle["DataLoader over the PNGs", workers]
            found = speeds[way, workers]
            cells.append(f"{middle[way, workers]:.0f} ({min(found):.0f}-{max(found):.0f}), x {ratio:.1f}")
        print(f"| {way} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
