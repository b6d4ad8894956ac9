"""The motion of a search for batches of pairs, as tensors."""

from collections.abc import Iterable

import numpy as np
import torch

from .grid import Array
from .search import search_motion


def search_pairs(pairs: Iterable[tuple[Array, Array]]) -> torch.Tensor:
    """Searches the motion between squares of one size, (S, S, 3), both ways: (N, 2, 2, S/2, S/2)."""
    found = [search_motion(first, last, first.shape[0] // 2, first.shape[0] // 2) for first, last in pairs]
    return torch.from_numpy(np.stack(found))
