"""Activation checkpointing: blocks do not keep their features for the backward pass, but compute them again.

Chen et al., "Training Deep Nets with Sublinear Memory Cost" (arXiv 1604.06174), section 3, by PyTorch's checkpoint. Two
things are ours, as blocks change while they compute: batch norms take the batch into their running statistics, and
spectral norms go a step towards the largest singular value. When a block computes again, both are as they were after
the first time, and what came since is put back: a discriminator judges twice before it goes backward.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.utils.checkpoint import checkpoint

from ...models.blocks import DownBlock, ResidualBlock, UpBlock

_BLOCKS = (DownBlock, ResidualBlock, UpBlock)


def recompute_blocks(network: nn.Module) -> int:
    """Lets the blocks of a network compute their features again in the backward pass, while it trains.

    Returns:
        How many blocks there are.
    """
    blocks = [module for module in network.modules() if isinstance(module, _BLOCKS)]
    for block in blocks:
        block.forward = _Recomputed(block)  # type: ignore[method-assign,assignment]
    return len(blocks)


class _Recomputed:
    """A block's forward pass. An object and no function, so that a copy of the block is given a copy of this."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    def __call__(self, *inputs: Any) -> Any:
        block = self.block
        forward: Any = type(block).forward
        if not (block.training and torch.is_grad_enabled()):
            return forward(block, *inputs)
        buffers = list(block.buffers())
        kept: list[list[torch.Tensor]] = []  # what they held after the first time

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
    """Gives buffers values; by `data`, as autograd must not take it for a change of what it has kept."""
    for buffer, value in zip(buffers, values, strict=True):
        buffer.data.copy_(value)
