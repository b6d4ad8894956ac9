"""The size at which the motion network works; imports nothing, so that drawing without PyTorch can use it."""

from math import sqrt

MULTIPLE = 16
"""Sides of the working size are multiples of this."""

SEARCHED_AREA = 192 * 192
"""Pixels of the network's input at most, where it gets the motion of a search; 16:9 keeps its shape at 256 x 144."""
_LEAST, _SMALL, _LARGE = 160, 256, 384
"""Sides of squares: the least working size, the largest frames that get it, and the smallest that get SEARCHED_AREA.
Chosen on the choosing set at 192 to 384 pixels and on films (docs/notebook/interpolation.md)."""


def choose_searched_area(height: int, width: int) -> int:
    """Chooses how many pixels the network's input has where it gets the motion of a search.

    Frames of as many pixels as 256 x 256 are reduced to about 160 x 160, those from 384 x 384 on to SEARCHED_AREA. The
    working size grows steadily between them.
    """
    side = sqrt(height * width)
    share = min(max((side - _SMALL) / (_LARGE - _SMALL), 0.0), 1.0)
    return round((_LEAST + share * (sqrt(SEARCHED_AREA) - _LEAST)) ** 2)


def choose_size(height: int, width: int, area: int) -> tuple[int, int]:
    """The working size (height, width) for frames: at most about `area` pixels, in multiples of 16."""
    scale = min(1.0, sqrt(area / (height * width)))
    return max(1, round(height * scale / MULTIPLE)) * MULTIPLE, max(1, round(width * scale / MULTIPLE)) * MULTIPLE
