"""Curves of trainings: the range over several runs is drawn as a band about their mean."""

import cv2
import numpy as np

from animi.core.pages.curves import Curve, draw_curves


def _coloured(curve: Curve) -> int:
    """Pixels of a panel that are neither white nor grey."""
    picture = cv2.imdecode(np.frombuffer(draw_curves({"loss": [curve]}), np.uint8), cv2.IMREAD_COLOR)
    return int((np.ptp(picture.astype(int), axis=2) > 8).sum())


def test_range_over_several_runs_is_a_band() -> None:
    steps, mean = [0.0, 10.0, 20.0], [0.5, 0.6, 0.4]
    band = Curve("three seeds", steps, mean, ([0.3, 0.4, 0.2], [0.7, 0.8, 0.6]))
    assert _coloured(band) > 5 * _coloured(band._replace(span=None))
