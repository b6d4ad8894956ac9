"""Writes a file of VGG16's shapes, filled with random numbers: to see that trainings run where there is no network.

python tests/random_vgg.py vgg.safetensors
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file


def write_random_vgg(path):
    random = torch.Generator().manual_seed(0)
    layers = {0: (3, 64), 2: (64, 64), 5: (64, 128), 7: (128, 128), 10: (128, 256), 12: (256, 256), 14: (256, 256)}
    layers |= {17: (256, 512)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
    weights = {}
    for number, (fan_in, fan_out) in layers.items():
        scale = (2 / (9 * fan_in)) ** 0.5  # keeps what passes through alive
        weights[f"features.{number}.weight"] = torch.randn(fan_out, fan_in, 3, 3, generator=random) * scale
        weights[f"features.{number}.bias"] = torch.zeros(fan_out)
    save_file(weights, path)
    return path


if __name__ == "__main__":
    write_random_vgg(Path(sys.argv[1]))
