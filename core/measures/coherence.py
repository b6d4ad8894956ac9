"""Coherence: whether a drawn frame is made of the key frames' own patches."""

from math import nan

import numpy as np

from .patches import KeyPatches, Picture, halve

_STEP = 2  # pixels at half size between patches; patches overlap, so a quarter of them gives the same result


def coherence(drawn: Picture, keys: KeyPatches) -> float:
    """Distance of a drawn frame's patches to the nearest patches of either key frame, in levels of 0..255.

    The distance of two patches, of 7 x 7 pixels at half size, is their mean absolute difference. Distances are summed
    over the places where the key frames differ or the drawn frame differs from both, and divided by the number of the
    former, which is the same for all frames between the same key frames. A mixture, a smear or a torn piece is in
    neither key frame and is far from both; a frame joined of pieces of both is near. What rotates, grows or appears in
    the true frame is far too, so values are compared with the truth's. It is the term of coherence of Simakov et al.,
    "Summarizing Visual Data Using Bidirectional Similarity" (CVPR 2008), equation 1, with another mean and distance.

    Args:
        drawn: (H, W, 3) uint8, RGB.
        keys: patches of key frames of the same shape.

    Returns:
        0 or more; NaN where the key frames do not differ, or are too small for a patch.
    """
    grid = np.zeros_like(keys.differs)
    grid[::_STEP, ::_STEP] = True
    counted = np.count_nonzero(keys.differs & grid)
    if not counted:
        return nan
    half = halve(drawn)
    wanted = grid & (keys.differs | keys.find_strange(half))
    _, distances = keys.find_nearest(half, wanted, _STEP)
    return float(distances.sum() / counted)
