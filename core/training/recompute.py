"""Activation checkpointing: blocks compute their features again in the backward pass instead of keeping them.

Chen et al., "Training Deep Nets with Sublinear Memory Cost" (arXiv 1604.06174), section 3, by PyTorch's checkpoint.
A block's forward pass also changes its buffers: batch norms update their running statistics, and spectral norms their
estimate of the largest singular value. So the second pass runs with the buffers as they were after the first, and
restores them afterwards; a discriminator has several forward passes before a backward pass.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.utils.checkpoint import checkpoint

from ...models.blocks import DownBlock, ResidualBlock, UpBlock

_BLOCKS = (DownBlock, ResidualBlock, UpBlock)


def recompute_blocks(network: nn.Module) -> int:
    """Makes the blocks of a network compute their features again in the backward pass of a training.

    Returns:
        The number of blocks.
    """
    blocks = [module for module in network.modules() if isinstance(module, _BLOCKS)]
    for block in blocks:
        block.forward = _Recomputed(block)  # type: ignore[method-assign,assignment]
    return len(blocks)


class _Recomputed:
    """A block's forward pass; an object and not a function, so that copying the block copies it too."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    def __call__(self, *inputs: Any) -> Any:
        block = self.block
        forward: Any = type(block).forward
        if not (block.training and torch.is_grad_enabled()):
            return forward(block, *inputs)
        buffers = list(block.buffers())
        kept: list[list[torch.Tensor]] = []  # their values after the first pass

        def compute(*again: Any) -> Any:
            if not kept:
                features = forward(block, *again)
                kept.append([buffer.detach().clone() for buffer in buffers])
                return features
            since = [buffer.detach().clone() for buffer in buffers]
            norms = [module for module in block.modules() if isinstance(module, _SpectralNorm)]
            for norm in norms:
                norm.eval()
            _put(buffers, kept[0])
            try:
                return forward(block, *again)
            finally:
                _put(buffers, since)
                for norm in norms:
                    norm.train()

        return checkpoint(compute, *inputs, use_reentrant=False)


def _put(buffers: list[torch.Tensor], values: list[torch.Tensor]) -> None:
    """Sets buffers by `data`, so that autograd does not count it as a change of a saved tensor."""
    for buffer, value in zip(buffers, values, strict=True):
        buffer.data.copy_(value)
