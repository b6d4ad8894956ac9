"""The nodes `animi Interpolate` and `animi Score`.

ComfyUI's IMAGE is a tensor (frames, H, W, C) of float32 in [0, 1], C being 3, or 4 with alpha; its MASK is
(frames, H, W), 1 where a picture is transparent.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch

from animi.core.api import EASINGS, ENGINES, ON_FAILURE, Engine, count_frames, interpolate, open_engine, score

MOST = 1000
"""Frames for one, or from a key frame to the next, that a node's field takes."""


def _fields(**more: Any) -> dict[str, Any]:
    """The fields that both nodes have."""
    return {
        "required": {
            "frames": ("IMAGE", {"tooltip": "Two key frames or more, in order."}),
            "multiplier": (
                "INT",
                {"default": 2, "min": 1, "max": MOST, "tooltip": "n frames become (n-1) x this + 1."},
            ),
            "count": (
                "INT",
                {
                    "default": 0,
                    "min": 0,
                    "max": MOST + 1,
                    "tooltip": "Frames from one key frame to the next, both included; wins over multiplier; 0: off.",
                },
            ),
            "spacing": (list(EASINGS), {"tooltip": "How in-betweens are spaced in time."}),
            "engine": (list(ENGINES), {"tooltip": "How they are drawn."}),
            "loop": ("BOOLEAN", {"default": False, "tooltip": "Also draw from the last key frame to the first."}),
            **more,
        },
        "optional": {
            "mask": ("MASK", {"tooltip": "What is transparent; without it, a fourth channel of the frames is alpha."}),
            "hints": (
                "STRING",
                {
                    "default": "",
                    "multiline": True,
                    "tooltip": "One a line: 120,80>200,96 says where a point goes; 1: before it means the second pair.",
                },
            ),
            "chart": (
                "STRING",
                {
                    "default": "",
                    "tooltip": "The times themselves, such as 0,0.1,0.4,1, instead of multiplier and spacing.",
                },
            ),
        },
    }


class AnimiInterpolate:
    """Draws the frames between key frames."""

    CATEGORY = "animi"
    DESCRIPTION = "Draws the frames between key frames; the key frames are among them, unchanged."
    FUNCTION = "draw"
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("frames", "mask")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The fields, as ComfyUI shows them."""
        return _fields(
            on_failure=(list(ON_FAILURE), {"tooltip": "Where motion does not explain two key frames, as at a cut."})
        )

    def draw(
        self,
        frames: torch.Tensor,
        multiplier: int,
        count: int,
        spacing: str,
        engine: str,
        loop: bool,
        on_failure: str,
        mask: torch.Tensor | None = None,
        hints: str = "",
        chart: str = "",
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Draws.

        Returns:
            Frames (n, H, W, 3) and what is transparent in them (n, H, W).
        """
        whole = _add_alpha(frames, mask)
        ready = _ready(whole, multiplier, count, spacing, chart, engine, loop, hints)
        if ready is None:
            return whole[..., :3], _find_mask(whole)
        drawn = torch.empty((ready.total, *whole.shape[1:]), dtype=torch.float32)
        advance = _watch(ready.total)
        for number, frame in enumerate(interpolate(ready.keys, ready.count, on_failure=on_failure, **ready.settings)):
            key, between = divmod(number, ready.count - 1)
            if between:
                drawn[number] = torch.from_numpy(frame.astype(np.float32) / np.float32(65535))
            else:
                drawn[number] = whole[key % len(whole)]  # as it came, not rounded to 16 bits
            advance()
        return drawn[..., :3], _find_mask(drawn)


class AnimiScore:
    """Says where the frames between key frames are guesswork."""

    CATEGORY = "animi"
    DESCRIPTION = "Says where the frames that animi Interpolate draws are guesswork, from 0 to 1."
    FUNCTION = "measure"
    RETURN_TYPES = ("MASK", "FLOAT", "STRING")
    RETURN_NAMES = ("doubt", "worst", "report")

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """The fields, as ComfyUI shows them."""
        return _fields()

    def measure(
        self,
        frames: torch.Tensor,
        multiplier: int,
        count: int,
        spacing: str,
        engine: str,
        loop: bool,
        mask: torch.Tensor | None = None,
        hints: str = "",
        chart: str = "",
    ) -> tuple[torch.Tensor, float, str]:
        """Measures.

        Returns:
            Doubt (n, H, W) in [0, 1]; how doubtful the worst part of all frames is; and a line for each frame that is
            worth checking.
        """
        whole = _add_alpha(frames, mask)
        ready = _ready(whole, multiplier, count, spacing, chart, engine, loop, hints)
        if ready is None:
            return torch.zeros(whole.shape[:3]), 0.0, ""
        doubt, worst, lines = torch.empty((ready.total, *whole.shape[1:3])), 0.0, []
        advance = _watch(ready.total)
        for number, one in enumerate(score(ready.keys, ready.count, **ready.settings)):
            doubt[number] = torch.from_numpy(one.doubt)
            worst = max(worst, one.amount)
            if one.worth_a_look:
                lines.append(f"frame {number}: {one.amount:.2f} around {one.place[0]:.0f},{one.place[1]:.0f}")
            advance()
        return doubt, worst, "\n".join(lines)


class _Ready(NamedTuple):
    """What both nodes pass to animi.

    Attributes:
        keys: the key frames, each (H, W, C) uint16.
        count: frames from one key frame to the next, both included.
        total: frames in all.
        settings: further arguments.
    """

    keys: list[np.ndarray]
    count: int
    total: int
    settings: dict[str, Any]


def _ready(
    frames: torch.Tensor,
    multiplier: int,
    count: int,
    spacing: str,
    chart: str,
    engine: str,
    loop: bool,
    hints: str,
) -> _Ready | None:
    """Converts a node's fields to what animi takes; None: there is nothing to draw between the frames."""
    if len(frames) == 1 or (multiplier == 1 and not count and not chart):
        return None
    per, times = _space(multiplier, count, spacing, chart)
    settings = {"spacing": times, "loop": loop, "engine": _open(engine), "hints": _split(hints)}
    return _Ready(_to_arrays(frames), per, count_frames(len(frames), per, loop=loop), settings)


def _space(multiplier: int, count: int, spacing: str, chart: str) -> tuple[int, str | list[float]]:
    """How many frames a pair has, both key frames included, and when they are."""
    if chart.strip():
        try:
            times = [float(word) for word in chart.replace(",", " ").split()]
        except ValueError:
            raise ValueError(f"chart: {chart!r} must be numbers from 0 to 1, such as 0,0.1,0.4,1") from None
        return len(times), times
    return count or multiplier + 1, spacing


def _split(hints: str) -> list[str] | None:
    return [line.strip() for line in hints.splitlines() if line.strip()] or None


def _add_alpha(frames: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Frames on the CPU, (n, H, W, 3), or (n, H, W, 4) where a mask is given or something in them is transparent."""
    frames = frames.detach().cpu().float()
    if mask is not None:
        mask = mask.detach().cpu().float()
        mask = mask[None] if mask.ndim == 2 else mask
        if len(mask) not in (1, len(frames)):
            raise ValueError(f"mask: has {len(mask)} pictures, and there are {len(frames)} frames; give one for each")
        if mask.shape[1:] != frames.shape[1:3]:
            size = torch.nn.functional.interpolate(mask[:, None], frames.shape[1:3], mode="bilinear")
            mask = size[:, 0]
        frames = torch.cat([frames[..., :3], 1 - mask.expand(len(frames), -1, -1)[..., None]], -1)  # (n, H, W, 4)
    opaque = frames.shape[3] == 4 and bool((frames[..., 3] >= 1).all())
    return frames[..., :3] if opaque else frames


def _find_mask(frames: torch.Tensor) -> torch.Tensor:
    """What is transparent in frames: (n, H, W)."""
    return 1 - frames[..., 3] if frames.shape[3] == 4 else torch.zeros(frames.shape[:3])


def _to_arrays(frames: torch.Tensor) -> list[np.ndarray]:
    values = np.rint(frames.clamp(0, 1).numpy() * 65535).astype(np.uint16)
    return list(values)


@lru_cache(maxsize=2)
def _open(engine: str) -> Engine:
    """An engine, which stays open from one run of a workflow to the next."""
    return open_engine(engine)


def _watch(total: int) -> Callable[[], None]:
    """Returns a function that shows progress in ComfyUI, and raises an error if the user has pressed Cancel."""
    from comfy.model_management import throw_exception_if_processing_interrupted  # only in ComfyUI
    from comfy.utils import ProgressBar

    bar = ProgressBar(total)

    def advance() -> None:
        throw_exception_if_processing_interrupted()
        bar.update(1)

    return advance


NODE_CLASS_MAPPINGS = {"AnimiInterpolate": AnimiInterpolate, "AnimiScore": AnimiScore}
NODE_DISPLAY_NAME_MAPPINGS = {"AnimiInterpolate": "animi Interpolate", "AnimiScore": "animi Score"}
