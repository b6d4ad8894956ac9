"""Finds textures: grass, foliage, fur, grain.

Where both warped key frames are textured all around, they differ almost everywhere, though neither shows an outline
that the other lacks. A blend of them draws nothing twice that could be seen; a seam would cut the texture.
"""

import cv2
import numpy as np

from .grid import Array, max_of_channels, mean_of_channels

PIXELS, MOST = 8.0, 40.0
"""Pixels by which a texture may be shifted, and levels that it may differ by at most, which keeps seams in hatching and
between objects of different brightness. LPIPS of middle frames, joined, on 18 triplets of Big Buck Bunny and half of
the choosing set: .0393 and .0728 without an allowance, .0369 and .0727 with these; 6 or 12 pixels are as good."""
REACH, STRANGE, STEEP = (9, 9), 50.0, 3.0
"""Pixels around in which a texture has the same colours in both frames, though elsewhere; levels by which a pixel may
be outside of them; and the levels of allowance that each level beyond that takes. A limb or an outline in front of a
texture is further from its colours. LPIPS on the triplets above: .0378 with 30 levels, .0369 with 50, .0369 without."""
BESIDE = (5, 5)  # pixels around a limb that lose their allowance too, as its border is mixed with what is behind
NEAR, AROUND = (5, 5), (9, 9)
"""Pixels: a texture has changes of colour in all windows of the first size within one of the second; beside an outline
between flat colours, some have none."""

ALLOWANCE_REACH = max(1 + NEAR[0] // 2 + AROUND[0] // 2, REACH[0] // 2 + BESIDE[0] // 2)
"""Pixels around a place that its allowance depends on: by the windows above, and by the change to the next pixel."""


def measure_allowance(one: Array, other: Array) -> Array:
    """Measures by how much two warped frames may differ in a texture.

    Args:
        one: (H, W, C) uint8 or float32 in [0, 255].
        other: the same shape and type.

    Returns:
        (H, W) float32 in levels; 0 wherever either frame has flat colours nearby, or colours that the other lacks.
    """
    steepness = cv2.min(_measure_steepness(one), _measure_steepness(other))
    if not steepness.any():
        return steepness
    strange = cv2.max(*(max_of_channels(_find_outside(*pair, REACH)) for pair in ((one, other), (other, one))))
    strange = cv2.dilate(strange, _ones(BESIDE)).astype(np.float32)
    lost = STEEP * np.maximum(strange - STRANGE, 0)
    return np.asarray(np.maximum(np.minimum(PIXELS * steepness, MOST) - lost, 0), np.float32)


def measure_unlike(one: Array, other: Array, reach: int) -> Array:
    """Measures how far two warped frames differ by more than a small shift.

    Args:
        one: (H, W, C) uint8 or float32 in [0, 255].
        other: the same shape and type.
        reach: pixels of the shift, to each side.

    Returns:
        (H, W) float32 in levels, mean over channels: by how much a pixel of either frame is outside of the colours that
        the other frame has around it; 0 where each has the other's colours.
    """
    window = (2 * reach + 1, 2 * reach + 1)
    unlike = cv2.max(*(mean_of_channels(_find_outside(*pair, window)) for pair in ((one, other), (other, one))))
    return np.asarray(unlike, np.float32)


def _find_outside(frame: Array, other: Array, window: tuple[int, int]) -> Array:
    """By how many levels each pixel is outside the colours that the other frame has around it: (H, W, C)."""
    low, high = cv2.erode(other, _ones(window)), cv2.dilate(other, _ones(window))
    outside = cv2.max(cv2.subtract(low, frame), cv2.subtract(frame, high)).reshape(*frame.shape[:2], -1)
    # OpenCV's differences of unsigned numbers are 0 where they would be less
    return outside if outside.dtype == np.uint8 else np.maximum(outside, 0)


def _measure_steepness(frame: Array) -> Array:
    """The least mean change of colour, in levels per pixel, around each pixel: (H, W) float32."""
    grey = mean_of_channels(frame.reshape(*frame.shape[:2], -1))
    change = np.zeros_like(grey)
    change[:, :-1] = cv2.absdiff(grey[:, 1:], grey[:, :-1]) if grey.shape[1] > 1 else 0
    change[:-1] += cv2.absdiff(grey[1:], grey[:-1]) if grey.shape[0] > 1 else 0
    return np.asarray(cv2.erode(cv2.blur(change, NEAR), _ones(AROUND)), np.float32)


def _ones(window: tuple[int, int]) -> Array:
    return np.ones(window, np.uint8)
