"""The size at which the motion network works; imports nothing, so that drawing without PyTorch can use it."""

from math import sqrt

MULTIPLE = 16
"""Sides of the working size are multiples of this."""


def choose_size(height: int, width: int, area: int) -> tuple[int, int]:
    """The working size (height, width) for frames: at most about `area` pixels, in multiples of 16."""
    scale = min(1.0, sqrt(area / (height * width)))
    return max(1, round(height * scale / MULTIPLE)) * MULTIPLE, max(1, round(width * scale / MULTIPLE)) * MULTIPLE
