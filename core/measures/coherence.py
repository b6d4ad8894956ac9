"""Coherence: whether a drawn frame is made of the key frames' own patches."""

from math import nan

import numpy as np

from .patches import KeyPatches, Picture, halve

_STEP = 2  # pixels at half size from one patch that counts to the next; patches overlap, so a quarter says as much


def coherence(drawn: Picture, keys: KeyPatches) -> float:
    """How far the patches of a drawn frame are from their nearest ones in either key frame, in levels of 0..255.

    The distance of two patches, of 7 x 7 pixels at half size, is their mean absolute difference. Distances are summed
    over the places where the key frames differ or the drawn frame differs from both, and divided by the number of the
    former, so everything that is drawn between the same key frames is divided by the same number. A mixture, a smear or
    a torn piece has no like in either key frame and is far from both; a frame that is joined of pieces of both is near.
    What turns, grows or appears in the true frame is far as well, so the truth's own value is the yardstick. It is the
    term of coherence of Simakov et al., "Summarizing Visual Data Using Bidirectional Similarity" (CVPR 2008), equation
    1, with another mean and distance.

    Args:
        drawn: (H, W, 3) uint8, RGB.
        keys: of key frames of the same shape.

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
