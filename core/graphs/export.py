"""`animi export`: writes a motion network's graphs with its weights and a README, and animi's own graphs without them.

`python -m animi.core.graphs.export` writes models/weights/motion/ again, from models/weights/motion.safetensors.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...models.motion import MotionConfig, MotionNetwork
from ..config.export import ExportConfig
from ..errors import CheckpointError, ConfigError
from ..files import check_output, shown, written_beside
from ..weights.checkpoint import load_checkpoint
from ..weights.find import MOTION_GRAPHS, MOTION_WEIGHTS, STEPS, find_checkpoint

_OURS = rf"({'|'.join(STEPS)})\.onnx|README\.md", "part of an export"


def export_network(config: ExportConfig) -> list[Path]:
    """Writes a motion network's four steps as ONNX graphs, and a README of their inputs and outputs.

    Returns:
        The files.

    Raises:
        ConfigError: the package onnx is not installed.
        CheckpointError: the checkpoint cannot be used, or holds no motion network.
        OutputError: the folder cannot be written, or holds something else.
    """
    source = MOTION_WEIGHTS if config.checkpoint is None else find_checkpoint(config.checkpoint)
    check_output(config.onnx, overwrite=config.overwrite, inputs={"the checkpoint": [config.checkpoint]}, ours=_OURS)
    network, name = _load(source)
    models = make_models(network, with_weights=True)
    with written_beside(config.onnx, overwrite=config.overwrite, folder=True, ours=_OURS) as folder:
        for step, model in models.items():
            (folder / f"{step}.onnx").write_bytes(model.SerializeToString())
        (folder / "README.md").write_text(describe(network.config, name), encoding="utf-8")
        names = sorted(path.name for path in folder.iterdir())
    return [config.onnx / each for each in names]


def make_models(network: MotionNetwork, *, with_weights: bool) -> dict[str, Any]:
    """The graphs of a network by their names; see `motion.write_graphs`.

    Raises:
        ConfigError: the package onnx is not installed.
    """
    try:
        from .motion import write_graphs
    except ImportError as error:
        if error.name != "onnx":
            raise
        raise ConfigError("--onnx: needs the package onnx; install it: pip install 'animi[export]'") from error
    weights = {name: np.asarray(part.float().numpy()) for name, part in network.state_dict().items()}
    return write_graphs(asdict(network.config), weights, with_weights=with_weights)


def write_own() -> None:
    """Writes the graphs that come with animi again."""
    MOTION_GRAPHS.mkdir(exist_ok=True)
    for step, model in make_models(_load(MOTION_WEIGHTS)[0], with_weights=False).items():
        (MOTION_GRAPHS / f"{step}.onnx").write_bytes(model.SerializeToString())


def _load(path: Path) -> tuple[MotionNetwork, str]:
    """The motion network of a checkpoint, and in words what it is."""
    module, header = load_checkpoint(path, torch.device("cpu"))
    if not isinstance(module, MotionNetwork):
        raise CheckpointError(
            f"{shown(path)}: holds a network {header.architecture!r}, and only motion networks can be exported; "
            "give one that train-motion has written"
        )
    return module, f"animi {header.animi_version}, after {header.step} steps of training"


def describe(config: MotionConfig, name: str) -> str:
    """The README of an export."""
    return (
        _README.replace("{name}", name)
        .replace("{drawing}", str(config.drawing))
        .replace("{width}", str(config.width))
        .replace("{mark}", str(config.width // 2))
        .replace("{double}", str(2 * config.width))
        .replace("{given}", _GUIDED if config.guided else _HELPED)
    )


_GUIDED = "The network starts from it, and needs it."
_HELPED = """It is used where it is consistent forward and backward. Without a search, fill it with 10000:
an end point so far away agrees with nothing, so that the network's own matching is used everywhere."""

_README = """# A motion network in four steps

Written by `animi export` ({name}). Four ONNX graphs, opset 16, float32, the first for one frame, the others
for one pair of frames; they find where every pixel of an in-between comes from. All arrays are N, C, H, W. Where N
is 2, index 0 is the first frame (forward motion), index 1 the last (backward motion). Flows are (dx, dy), in cells of
their own grid; the cell in column x and row y has its centre at (x, y).

The working size H x W may be any multiples of 16; animi reduces frames to about 160 x 160 (256 x 256 and smaller) to
192 x 192 pixels in all (384 x 384 and larger), in the frames' shape. h = H / 4, w = W / 4.

## encode.onnx, once for a frame

A film's frame belongs to two pairs: keep what this gives for the second.

| input | shape | |
| --- | --- | --- |
| `frame` | 1, 3, H, W | the frame at the working size, RGB in [-1, 1] |

| output | shape | |
| --- | --- | --- |
| `quarter` | 1, {width}, h, w | features |
| `fine_context` | 1, {width}, h, w | features for the last rounds of refinement |
| `fine_mark` | 1, {mark}, h, w | features that are compared there |
| `small` | 1, 3, h, w | the frame at this size |
| `eighth` | 1, {double}, h/2, w/2 | features |
| `wide` | 1, {double}, h/4, w/4 | features |

## find_motion.onnx, once for a pair

Inputs: the outputs of the first step for both frames, joined along the first axis, under the same names, and

| input | shape | |
| --- | --- | --- |
| `given` | 2, 2, H/2, W/2 | the motion of a search, in cells of that grid |

{given}

| output | shape | |
| --- | --- | --- |
| `flow` | 2, 2, h, w | the motion, in cells |
| `fine` | 2, 2, 2h, 2w | the motion with sharper outlines, in cells of its own grid |
| `visible` | 2, 1, h, w | logit of visibility in the other frame |
| `front` | 2, 1, h, w | depth order; higher is nearer |
| `features` | 2, {drawing}, h, w | features for the next step |

## find_way.onnx, for each time

Inputs: `flow`, `visible`, `front`, `features` and `small` as above, and `t`, shape 1: the time in (0, 1).

| output | shape | |
| --- | --- | --- |
| `shift` | 2, 2, 2h, 2w | from a position at t to the position in each frame, in cells of this grid |
| `claim` | 2, 1, 2h, 2w | logit: preference for that frame |

## decide.onnx, for each time

| input | shape | |
| --- | --- | --- |
| `claim` | 2, 1, 2h, 2w | as above |
| `difference` | 1, 1, 2h, 2w | mean absolute difference of the two frames moved to t, colours in [-1, 1] |

Output `share`, 1, 1, 2h, 2w: the first frame's share of the in-between, in [0, 1].

## Drawing

With onnxruntime, NumPy and a bilinear `resize` and `sample` of your own, for frames `A` and `B` of any size:

    names = ["quarter", "fine_context", "fine_mark", "small", "eighth", "wide"]
    of_a, of_b = (encode.run(names, {"frame": frame}) for frame in (a, b))
    both = {name: np.concatenate(parts) for name, *parts in zip(names, of_a, of_b)}
    flow, fine, visible, front, features = find_motion.run(None, {**both, "given": given})
    shift, claim = find_way.run(None, {"flow": flow, "visible": visible, "front": front, "features": features,
                                       "small": both["small"], "t": np.array([0.5], np.float32)})
    # enlarge `shift` to the frames' size, and scale it to their pixels
    early, late = (sample(frame, grid + enlarged) for frame, enlarged in ((A, shift_0), (B, shift_1)))
    difference = resize(np.abs(early - late).mean(axis=channels), (2 * h, 2 * w))
    (share,) = decide.run(None, {"claim": claim, "difference": difference})
    frame = late + resize(share, size_of_the_frames) * (early - late)

animi itself then joins the two moved frames along a seam where they differ, instead of blending them.
"""

if __name__ == "__main__":
    write_own()
