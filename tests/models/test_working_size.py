"""The size at which the motion network works."""

from itertools import pairwise
from math import sqrt

import pytest

from animi.models.working_size import SEARCHED_AREA, choose_searched_area, choose_size


def test_small_frames_are_worked_on_in_smaller_pictures():
    areas = [choose_searched_area(side, side) for side in range(8, 1200)]
    assert areas == sorted(areas) and areas[0] == choose_searched_area(256, 256) == 160 * 160
    assert areas[-1] == choose_searched_area(720, 1280) == SEARCHED_AREA
    assert choose_searched_area(100, 655) == choose_searched_area(655, 100) == 160 * 160  # as many pixels as 256 x 256


def test_a_frame_that_grows_by_a_pixel_changes_little():
    sides = [sqrt(choose_searched_area(side, side)) for side in range(8, 1200)]
    assert max(after - before for before, after in pairwise(sides)) < 0.5


@pytest.mark.parametrize(
    ("size", "expected"),
    [((256, 256), (160, 160)), ((160, 160), (160, 160)), ((90, 120), (96, 128)), ((5, 7), (16, 16))],
)
def test_frames_are_never_enlarged_by_more_than_rounding(size, expected):
    assert choose_size(*size, choose_searched_area(*size)) == expected
