"""Frames as arrays: depth, channels, alpha, size; and as tensors.

A frame is an array (H, W, C) in sRGB, as in the file: C is 1 (grey), 3 (RGB) or 4 (RGB with straight alpha),
uint8 in [0, 255] or uint16 in [0, 65535]. Torch is imported only by the functions that make tensors.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

if TYPE_CHECKING:
    import torch

Frame: TypeAlias = NDArray[np.uint8 | np.uint16]
"""One picture: (H, W, C), C in {1 grey, 3 RGB, 4 RGBA with straight alpha}, uint8 or uint16."""


class FrameSequence(Sequence[Frame]):
    """Frames that are read or drawn on demand. A subclass has a length, and gives one frame at a time."""

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        """A frame, (H, W, C), or those of a slice; negative numbers count from the end."""
        numbers = range(len(self))[index]
        return self._get(numbers) if isinstance(numbers, int) else [self._get(number) for number in numbers]

    @abstractmethod
    def _get(self, number: int) -> Frame:
        """The frame of a number from 0."""


def as_channels(frame: Frame, channels: int) -> Frame:
    """Adds channels without loss: grey becomes RGB, and either becomes RGBA with full alpha.

    Raises:
        ValueError: the frame has more channels than asked for.
    """
    have = frame.shape[2]
    if have > channels:
        raise ValueError(f"a frame of {have} channels cannot become one of {channels} without loss")
    if have == 1 and channels > 1:
        frame = np.repeat(frame, 3, axis=2)  # (H, W, 3)
    if channels == 4 and frame.shape[2] == 3:
        full = np.full((*frame.shape[:2], 1), np.iinfo(frame.dtype).max, frame.dtype)
        frame = np.concatenate([frame, full], axis=2)  # (H, W, 4)
    return frame


def match_images(frames: Sequence[Frame]) -> list[Frame]:
    """Converts frames to the largest number of channels and bits among them, without loss.

    Grey becomes RGB, RGB becomes RGBA with full alpha, and 8 bits become 16 by x257, so that 255 becomes 65535.
    """
    if not frames:
        return []
    channels = max(frame.shape[2] for frame in frames)
    deep = any(frame.dtype == np.uint16 for frame in frames)
    matched = []
    for frame in frames:
        wider = as_channels(frame, channels)
        matched.append(to_uint16(wider) if deep else wider)
    return matched


def to_uint16(frame: Frame) -> NDArray[np.uint16]:
    """Converts a frame to 16 bits without loss, by x257."""
    if frame.dtype == np.uint16:
        return frame.astype(np.uint16, copy=False)
    return frame.astype(np.uint16) * np.uint16(257)


def to_uint8(frame: Frame) -> NDArray[np.uint8]:
    """Rounds a frame to 8 bits. This inverts `to_uint16` exactly."""
    if frame.dtype == np.uint8:
        return frame.astype(np.uint8, copy=False)
    return ((frame.astype(np.uint32) + 128) // 257).astype(np.uint8)


def premultiply(frame: Frame) -> NDArray[np.float32]:
    """Multiplies colours by alpha, as blending and resizing need.

    Returns:
        (H, W, 4) float32 in [0, 1]; alpha is 1 if the frame has none.
    """
    full = np.float32(np.iinfo(frame.dtype).max)
    values = as_channels(frame, 4).astype(np.float32) / full  # (H, W, 4)
    values[..., :3] *= values[..., 3:]
    return values


def unpremultiply(array: NDArray[np.floating[Any]], dtype: DTypeLike) -> Frame:
    """Divides the colours by alpha and rounds: the way back from `premultiply`.

    Args:
        array: (H, W, 4), meant to be in [0, 1]; what lies outside is cut off.
        dtype: uint8 or uint16.

    Returns:
        (H, W, 4); where alpha rounds to 0 the colours are 0 as well.
    """
    full = np.iinfo(np.dtype(dtype)).max
    alpha = np.clip(array[..., 3:], 0.0, 1.0)
    kept = np.rint(alpha * full)
    colour = np.clip(array[..., :3] / np.maximum(alpha, 0.25 / full), 0.0, 1.0)
    return np.concatenate([np.where(kept > 0, np.rint(colour * full), 0), kept], axis=2).astype(dtype)


def flatten_alpha(frame: Frame, background: tuple[int, int, int] = (255, 255, 255)) -> Frame:
    """Lays a frame over one colour.

    Args:
        frame: (H, W, C) of any C.
        background: RGB in [0, 255], whatever the frame's depth.

    Returns:
        (H, W, 3) of the same depth.
    """
    if frame.shape[2] < 4:
        return as_channels(frame, 3)
    full = np.iinfo(frame.dtype).max
    alpha = frame[..., 3:].astype(np.float32) / np.float32(full)
    below = np.asarray(background, np.float32) * np.float32(full / 255)
    colour = frame[..., :3].astype(np.float32)
    flat: Frame = np.rint(below + (colour - below) * alpha).astype(frame.dtype)
    return flat


def fit_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """The width and height of a picture that is scaled so that its longer side has `longest` pixels."""
    scale = longest / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def paste(whole: NDArray[Any], part: NDArray[Any], x: int, y: int) -> None:
    """Replaces a part of a picture, in place; what is beyond its edges is left out.

    Args:
        whole: (H, W, C).
        part: (h, w, C).
        x: the part's left edge, in pixels of the whole; it may be negative.
        y: likewise, its upper edge.
    """
    left, top = max(0, x), max(0, y)
    right, bottom = min(whole.shape[1], x + part.shape[1]), min(whole.shape[0], y + part.shape[0])
    if right > left and bottom > top:
        whole[top:bottom, left:right] = part[top - y : bottom - y, left - x : right - x]


def resize_image(frame: Frame, width: int, height: int) -> Frame:
    """Scales a frame: by area to shrink, by bicubic interpolation to enlarge.

    Colours are premultiplied by alpha, so that hidden colours of transparent pixels do not bleed into edges. Bicubic
    interpolation rings less than Lanczos near a cartoon's outlines.

    Returns:
        (height, width, C) with the frame's depth and channels.
    """
    if (frame.shape[1], frame.shape[0]) == (width, height):
        return frame
    if frame.shape[2] == 4:
        return unpremultiply(_scale(premultiply(frame), width, height), frame.dtype)
    full = np.iinfo(frame.dtype).max
    scaled = _scale(frame.astype(np.float32), width, height)
    resized: Frame = np.rint(scaled.clip(0, full)).astype(frame.dtype)
    return resized


def _scale(values: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Scales (H, W, C) one axis after the other, each by its own method, and shrinks first."""
    channels = values.shape[2]
    for axis in sorted((0, 1), key=lambda axis: (height, width)[axis] / values.shape[axis]):
        length = (height, width)[axis]
        if length == values.shape[axis]:
            continue
        how = cv2.INTER_AREA if length < values.shape[axis] else cv2.INTER_CUBIC
        size = (values.shape[1], height) if axis == 0 else (width, values.shape[0])
        scaled = cv2.resize(values, size, interpolation=how)
        values = np.asarray(scaled, np.float32).reshape(size[1], size[0], channels)  # OpenCV drops a single channel
    return values


def to_tensor(frames: Sequence[Frame]) -> "torch.Tensor":
    """Converts frames of one size and depth to a batch; grey becomes RGB.

    Returns:
        (N, 3, H, W) float32 in [-1, 1], RGB.

    Raises:
        ValueError: a frame has alpha, which a network of RGB cannot take; flatten or split it first.
    """
    import torch

    planes = np.stack([as_channels(frame, 3) for frame in frames]).transpose(0, 3, 1, 2)  # (N, 3, H, W)
    full = np.iinfo(planes.dtype).max
    return torch.from_numpy(np.ascontiguousarray(planes, np.float32)) * (2.0 / full) - 1.0


def from_tensor(batch: "torch.Tensor", dtype: DTypeLike = np.uint8) -> list[Frame]:
    """Inverts `to_tensor`: converts (N, C, H, W), clipped to [-1, 1], to N frames (H, W, C)."""
    full = np.iinfo(np.dtype(dtype)).max
    values = (batch.detach().float().clamp(-1, 1) + 1) * (full / 2)
    planes = values.round().cpu().numpy().transpose(0, 2, 3, 1)  # (N, H, W, C)
    return list(np.ascontiguousarray(planes.astype(dtype)))
