"""The size at which the motion network works; imports nothing, so that drawing without PyTorch can use it."""

from math import sqrt

MULTIPLE = 16
"""Sides of the working size are multiples of this."""

SEARCHED_AREA = 214 * 214
"""Pixels of the network's input at most, where it gets the motion of a search."""
_LEAST, _SMALL, _LARGE = 160, 256, 416  # sides of square frames: up to _LEAST none is reduced; see choose_searched_area


def choose_searched_area(height: int, width: int) -> int:
    """Pixels of the network's input for frames of a size, where it gets the motion of a search.

    Frames of up to 256 x 256 pixels are reduced to 160 x 160, those from 416 x 416 on to SEARCHED_AREA.
    """
    side = sqrt(height * width)
    share = min(max((side - _SMALL) / (_LARGE - _SMALL), 0.0), 1.0)
    return round((_LEAST + share * (sqrt(SEARCHED_AREA) - _LEAST)) ** 2)


def choose_size(height: int, width: int, area: int) -> tuple[int, int]:
    """The working size (height, width) for frames: at most about `area` pixels, in multiples of 16."""
    scale = min(1.0, sqrt(area / (height * width)))
    return max(1, round(height * scale / MULTIPLE)) * MULTIPLE, max(1, round(width * scale / MULTIPLE)) * MULTIPLE
