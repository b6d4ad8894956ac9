"""Draws with a generator of noise: a grid, single pictures, or a walk through its latents."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...models.blocks import slerp
from ...models.sle import NoiseGenerator
from ..config.pictures import SampleConfig
from ..devices import choose_device
from ..errors import CheckpointError, ConfigError
from ..files import check_output, written_beside
from ..media.animation import check_format, write_animation
from ..media.frames import Frame, from_tensor
from ..media.image_files import encode_png
from ..training.run_folder import lay_grid
from ..weights.checkpoint import load_checkpoint
from ..weights.find import find_checkpoint

_MOST_PIXELS = 1 << 28  # pixels of a grid; larger ones cannot be opened by programs


@dataclass(frozen=True)
class DrawnSamples:
    """The result of sampling.

    Attributes:
        path: the file or folder.
        checkpoint: the file that it was drawn with.
        step: number of its training steps.
        pictures: number of pictures.
        notes: sentences for the person.
    """

    path: Path
    checkpoint: Path
    step: int
    pictures: int
    notes: tuple[str, ...]


def draw_samples(config: SampleConfig, on_picture: Callable[[float, float], None] | None = None) -> DrawnSamples:
    """Draws and writes.

    Args:
        config: the network, and what to draw.
        on_picture: called with the number of pictures drawn, and the number in all.

    Raises:
        CheckpointError: the checkpoint cannot be read, or draws nothing from noise.
        ConfigError: the grid would be too large.
        OutputError: the output cannot be written.
        DeviceError: the device is not on this machine.
    """
    is_grid = config.output.suffix.lower() == ".png"
    check_format(config.output)
    checkpoint = find_checkpoint(config.checkpoint)
    check_output(config.output, overwrite=config.overwrite, inputs={"the checkpoint": [checkpoint]})
    device = choose_device(config.device)
    module, header = load_checkpoint(checkpoint, device)
    if not isinstance(module, NoiseGenerator):
        raise CheckpointError(
            f"{checkpoint}: holds a network {header.architecture!r} that draws nothing from noise; "
            "give one of train-noise"
        )
    size = module.config.size
    is_folder = config.output.suffix == ""
    latents = draw_latents(module.config.latent_dim, config.count, config.seed, config.truncation)
    if not is_grid and not is_folder:
        latents = walk(latents, config.steps)
    total = len(latents)

    def frames() -> Iterator[Frame]:
        done = 0
        for part in latents.split(config.batch_size):  # type: ignore[no-untyped-call]
            with torch.inference_mode():
                pictures = module(part.to(device))  # (N, 3, S, S)
            for frame in from_tensor(pictures):
                done += 1
                if on_picture:
                    on_picture(done, total)
                yield frame

    if is_grid:
        if total * size**2 > _MOST_PIXELS:
            most = _MOST_PIXELS // size**2
            raise ConfigError(f"-n: a grid of {total} pictures of {size} pixels is too large; give up to {most}")
        grid = lay_grid(list(frames()), config.columns)
        with written_beside(config.output, overwrite=config.overwrite) as draft:
            draft.write_bytes(encode_png(grid))
        return DrawnSamples(config.output, checkpoint, header.step, total, ())
    written = write_animation(config.output, frames(), fps=config.fps, overwrite=config.overwrite, count=total)
    return DrawnSamples(written.path, checkpoint, header.step, total, written.notes)


def draw_latents(size: int, count: int, seed: int, truncation: float | None) -> Tensor:
    """Draws normally distributed latents, each by its own seed, so that the first ten of twenty are the same ten.

    With a truncation, numbers of a larger absolute value are drawn again, as in BigGAN (Brock et al., arXiv 1809.11096,
    section 3.1).

    Returns:
        (count, size) float32.
    """
    rows = []
    for number in range(count):
        random = np.random.default_rng((seed, number))
        row = random.standard_normal(size)
        while truncation is not None and (beyond := np.abs(row) > truncation).any():
            row[beyond] = random.standard_normal(int(beyond.sum()))
        rows.append(row.astype(np.float32))
    return torch.from_numpy(np.stack(rows))


def walk(stations: Tensor, steps: int) -> Tensor:
    """Interpolates from each latent to the next, and from the last to the first, on great circles.

    Args:
        stations: (N, D).
        steps: number of latents from one station (included) to the next (not included).

    Returns:
        (N * steps, D).
    """
    times = torch.arange(steps) / steps  # (steps,)
    return slerp(stations, stations.roll(-1, 0), times).flatten(0, 1)
