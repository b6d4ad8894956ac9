"""Draws frames at any t between key frames with an engine; the key frames themselves are returned unchanged.

As a library:

    from animi.core.inbetween import interpolate

    for frame in interpolate([first, last], 8):  # arrays (H, W, 3) uint8 in, the same out; 8 frames with both ends
        ...
"""

from .command import draw_animation
from .pair import draw_segment, prepare_pair
from .sequence import count_frames, interpolate

__all__ = ["count_frames", "draw_animation", "draw_segment", "interpolate", "prepare_pair"]
