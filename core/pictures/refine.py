"""Sharpens existing pictures with a network, which may also double their size."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...models.refinement import Refinement
from ..config.pictures import RefineConfig
from ..devices import choose_device
from ..errors import CheckpointError, ConfigError, InputError
from ..files import Inputs, check_output, shown, written_beside
from ..inbetween.key_frames import find_key_frames
from ..media.frames import Frame, from_tensor, resize_image, to_tensor
from ..media.image_files import encode_png, read_image
from ..weights.checkpoint import load_checkpoint
from ..weights.find import find_checkpoint


@dataclass(frozen=True)
class Refined:
    """The result of refining.

    Attributes:
        paths: the pictures, in order.
        checkpoint: the file that they were refined with.
        scale: the factor of their size.
    """

    paths: tuple[Path, ...]
    checkpoint: Path
    scale: int


def refine_pictures(config: RefineConfig, on_picture: Callable[[float, float], None] | None = None) -> Refined:
    """Refines and writes, each picture under its own name, as PNG.

    Args:
        config: the pictures and the network.
        on_picture: called with the number of pictures done, and the number in all.

    Raises:
        CheckpointError: the checkpoint cannot be read, or refines nothing.
        InputError: a picture cannot be read, or is not as large as a key frame.
        ConfigError: two pictures have one name.
        OutputError: the folder cannot be written.
        DeviceError: the device is not on this machine.
    """
    paths = find_key_frames(config.pictures)
    checkpoint = find_checkpoint(config.checkpoint)
    read: Inputs = {"a picture": paths, "a key frame": [config.first, config.last], "the checkpoint": [checkpoint]}
    names = [f"{path.stem}.png" for path in paths]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ConfigError(f"PICTURES: two of them would be written as {twice}; refine them into two folders")
    ours = r".*\.png", "picture"
    check_output(config.output, overwrite=config.overwrite, inputs=read, ours=ours)
    device = choose_device(config.device)
    network = open_refinement(checkpoint, device)
    keys = [None if path is None else read_image(path) for path in (config.first, config.last)]
    with written_beside(config.output, overwrite=config.overwrite, folder=True, ours=ours) as draft:
        for done, (path, name) in enumerate(zip(paths, names, strict=True), 1):
            picture = read_image(path)
            for key, key_path in zip(keys, (config.first, config.last), strict=True):
                if key is not None and key_path is not None and key.shape[:2] != picture.shape[:2]:
                    raise InputError(
                        f"{shown(path)} is {picture.shape[1]}x{picture.shape[0]} and the key frame {shown(key_path)} "
                        f"is {key.shape[1]}x{key.shape[0]}; make them one size"
                    )
            (draft / name).write_bytes(encode_png(refine(network, picture, keys, device)))
            if on_picture:
                on_picture(done, len(paths))
    return Refined(tuple(config.output / name for name in names), checkpoint, network.config.scale)


def open_refinement(checkpoint: Path, device: torch.device) -> Refinement:
    """The refinement network that a checkpoint is, or has within.

    Raises:
        CheckpointError: see `load_checkpoint`; or there is none in it.
    """
    module, header = load_checkpoint(checkpoint, device)
    within = module if isinstance(module, Refinement) else getattr(module, "refinement", None)
    if not isinstance(within, Refinement):
        raise CheckpointError(
            f"{checkpoint}: holds a network {header.architecture!r} that refines nothing; give one that finetune-adv "
            "trained with --refine joint or after"
        )
    return within


@torch.inference_mode()
def refine(network: Refinement, picture: Frame, keys: Sequence[Frame | None], device: torch.device) -> Frame:
    """Refines one picture; its alpha is only resized.

    Args:
        network: in eval mode.
        picture: (H, W, C), uint8 or uint16.
        keys: the key frames before and after it, of the same size; None: unknown.
        device: where the network is.

    Returns:
        (scale * H, scale * W, C) of the same depth; grey becomes RGB.
    """

    def put(frame: Frame) -> Tensor:
        return to_tensor([frame[..., :3] if frame.shape[2] == 4 else frame]).to(device)

    given = [None if key is None else put(key) for key in keys]
    (refined,) = from_tensor(network(put(picture), *given), picture.dtype)
    if picture.shape[2] < 4:
        return refined
    alpha = picture[..., 3:]
    if refined.shape[:2] != alpha.shape[:2]:
        alpha = resize_image(alpha, refined.shape[1], refined.shape[0])
    return np.concatenate([refined, alpha], 2)
