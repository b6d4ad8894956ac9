"""Stores of drawn frames for the tests of clips and of loading; loaded by `run_path`, as tests are no package."""

import numpy as np

from animi.core.material.frame_store import FrameStoreWriter


def noise(number, height=16, width=16):
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def make_store(folder, shots, *, height=16, width=16, held=(), frame=noise):
    """Writes a store whose shots have these lengths; the frames whose numbers are in `held` repeat the one before."""
    with FrameStoreWriter(folder, height, width) as writer:
        for shot, length in enumerate(shots):
            for _ in range(length):
                number = writer.count
                duplicate = number - 1 if number in held else None
                record = {"film": folder.name, "shot": shot, "index": number, "duplicate_of": duplicate}
                writer.append(frame(number, height, width), record)
    return folder
