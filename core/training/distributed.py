"""Training with several processes: each draws its share of every batch, and gradients are averaged.

`torchrun` starts the processes, on one machine or several, and sets each one's rank in its environment. Gradients are
averaged here and not by DistributedDataParallel, whose hooks expect one forward pass for each backward pass:
adversarial losses have several, and gradient penalties differentiate twice.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from ..config.training import TrainingConfig
from ..devices import choose_device
from ..errors import ConfigError, DeviceError


@dataclass(frozen=True)
class World:
    """The processes that train together."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """The device of this process."""
    rank: int = 0
    """Number of this process, from 0; only the first writes files."""
    size: int = 1
    """Number of processes."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and shows the progress."""
        return self.rank == 0

    def share(self, batch_size: int) -> tuple[int, int]:
        """This process's share of every batch: the index of its first sample, and the number of samples.

        Raises:
            ConfigError: the batch cannot be divided evenly.
        """
        if batch_size % self.size:
            raise ConfigError(
                f"--batch-size: {batch_size} cannot be parted evenly among {self.size} processes; give a multiple"
            )
        count = batch_size // self.size
        return self.rank * count, count

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by its mean over all processes; tensors of one type are sent in one message."""
        if self.size == 1:
            return
        for kind in sorted({tensor.dtype for tensor in tensors}, key=str):
            same = [tensor for tensor in tensors if tensor.dtype == kind]
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            dist.all_reduce(flat)
            flat /= self.size
            for tensor, mean in zip(same, torch.split(flat, [tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Replaces each tensor by the first process's."""
        if self.size == 1:
            return
        for tensor in tensors:
            sent = tensor.detach().contiguous()
            dist.broadcast(sent, 0)
            tensor.detach().copy_(sent)

    def wait(self) -> None:
        """Waits until every process has called this."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def join_world(device: str = "auto", precision: str = "auto") -> Iterator[World]:
    """Joins the processes that `torchrun` started; without `torchrun`, this process trains alone.

    Args:
        device: as in `choose_device`; with several GPUs, each process of a machine takes its own.
        precision: one of `config.choices.PRECISIONS`.

    Raises:
        ConfigError: the device is unknown, or does not support the precision.
        DeviceError: the device is not on this machine, or there are fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    found = choose_device(device)
    if found.type == "cuda":  # pictures have one size, so searching for the fastest kernels pays off
        torch.backends.cudnn.benchmark = True
        exact = precision == "fp32"
        torch.set_float32_matmul_precision("highest" if exact else "high")
        torch.backends.cudnn.allow_tf32 = not exact
    elif precision == "tf32":
        raise ConfigError(f"--precision: tf32 is CUDA's, and this is {found.type}; give auto or fp32")
    if size == 1:
        yield World(found)
        return
    if found.type == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise DeviceError(
                f"--device: {torch.cuda.device_count()} GPUs are here, for more processes; "
                "lower --nproc-per-node of torchrun"
            )
        found = torch.device("cuda", local)
        torch.cuda.set_device(found)
    elif found.type != "cpu":
        raise DeviceError(f"--device: several processes cannot train on {found.type}; choose cuda or cpu")
    dist.init_process_group("nccl" if found.type == "cuda" else "gloo")
    try:
        yield World(found, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def check_batch(config: TrainingConfig, world: World) -> None:
    """Checks that a batch can be divided among the processes and their accumulated parts.

    Raises:
        ConfigError: it cannot be divided.
    """
    _, count = world.share(config.batch_size)
    if count % config.accumulate:
        raise ConfigError(
            f"--accumulate: a process has {count} samples of a batch, which cannot be parted into "
            f"{config.accumulate}; give a number that divides it"
        )
