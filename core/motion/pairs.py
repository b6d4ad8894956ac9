"""Searched motion of batches of pairs, as tensors."""

from collections.abc import Iterable

import numpy as np
import torch

from .grid import Array
from .search import search_motion


def search_pairs(pairs: Iterable[tuple[Array, Array]]) -> torch.Tensor:
    """Searches the motion of pairs of (S, S, 3) uint8 RGB; returns (N, 2, 2, S/2, S/2), see `search_motion`."""
    found = [search_motion(first, last, first.shape[0] // 2, first.shape[0] // 2) for first, last in pairs]
    return torch.from_numpy(np.stack(found))
