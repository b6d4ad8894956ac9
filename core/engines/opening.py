"""Opens engines by name, or the network that a checkpoint holds. A new engine is a row in one of the two tables."""

from collections.abc import Callable
from pathlib import Path

from ..config.choices import ENGINES
from ..errors import ConfigError
from ..weights.find import MOTION_WEIGHTS, find_checkpoint
from .blend import BlendEngine
from .flow import FlowEngine
from .interface import Engine

_LEARNT = {"motion": MOTION_WEIGHTS}
"""Engines of ENGINES that are networks: their weights."""
_CLASSICAL: dict[str, Callable[[bool, bool], Engine]] = {
    "flow": lambda mixes, arcs: FlowEngine(mixes=mixes, arcs=arcs),
    "blend": lambda _mixes, _arcs: BlendEngine(),
}
"""All other engines of ENGINES: how one is made."""


def find_weights(name: str | None = None, checkpoint: Path | None = None) -> Path | None:
    """Finds the file of the weights that an engine draws with.

    Args:
        name: as in `open_engine`.
        checkpoint: likewise.

    Returns:
        The file; None: the engine has no weights.

    Raises:
        CheckpointError: the checkpoint is a folder without one.
    """
    return _LEARNT.get(name or ENGINES[0]) if checkpoint is None else find_checkpoint(checkpoint)


def open_engine(
    name: str | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
    *,
    mixes: bool = False,
    arcs: bool = False,
) -> Engine:
    """Opens an engine by its name, or the network that a checkpoint holds.

    Args:
        name: one of `config.choices.ENGINES`; None: the checkpoint's network, or the first of them.
        checkpoint: a network's weights; the network then draws.
        device: "auto", "cpu", "cuda" or "mps"; only networks use it, the others run on the CPU.
        mixes: whether moved frames that disagree are mixed instead of joined along a seam.
        arcs: whether pieces that turn keep their size on the way; only engines that move pixels can do so.

    Raises:
        ConfigError: the name or the device is unknown, or both a name and a checkpoint are given.
        DeviceError: the device is not on this machine.
        CheckpointError: the checkpoint cannot be used, or animi's own weights are missing.
    """
    if name not in (None, *ENGINES):
        raise ConfigError(f"--engine: {name!r} is not known; choose one of {', '.join(ENGINES)}")
    if checkpoint is not None:
        if name is not None:
            raise ConfigError(f"--engine: {name} cannot draw together with --checkpoint; give one of the two")
        from .network import open_network  # imports torch

        return open_network(checkpoint, device, mixes=mixes, arcs=arcs)
    learnt = find_weights(name)
    if learnt is not None:
        from .network import open_network  # imports torch

        return open_network(learnt, device, mixes=mixes, arcs=arcs)
    if device not in ("auto", "cpu"):
        from ..devices import choose_device  # imports torch

        choose_device(device)
    return _CLASSICAL[name or ENGINES[0]](mixes, arcs)
