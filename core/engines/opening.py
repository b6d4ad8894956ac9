"""Opens engines by name, or the network that a checkpoint holds. A new engine is a row in one of the two tables."""

from collections.abc import Callable
from pathlib import Path

from ..config.choices import ENGINES
from ..config.interpolation import InterpolateConfig, InterpolateFilmConfig, check_provider
from ..devices import choose_device, count_threads, is_cpu
from ..errors import ConfigError
from ..weights.find import MOTION_WEIGHTS, find_checkpoint
from .blend import BlendEngine
from .flow import FlowEngine
from .interface import Engine

AT_ONCE = 4
"""Pairs of a film that are prepared at the same time, at most: each takes memory."""
_LEARNT = {"motion": MOTION_WEIGHTS}
"""Engines of ENGINES that are networks: their weights."""
_CLASSICAL: dict[str, Callable[[bool, bool, int], Engine]] = {
    "flow": lambda mixes, arcs, at_once: FlowEngine(mixes=mixes, arcs=arcs, at_once=at_once),
    "blend": lambda _mixes, _arcs, _at_once: BlendEngine(),
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


def open_configured(config: InterpolateConfig | InterpolateFilmConfig) -> Engine:
    """Opens the engine that the settings of `animi interpolate` name; several pairs of a film at the same time.

    Raises:
        AnimiError: as `open_engine`.
    """
    return open_engine(
        config.engine,
        config.checkpoint,
        config.device,
        mixes=config.mix,
        arcs=config.arcs,
        provider=config.provider,
        at_once=min(AT_ONCE, count_threads()) if isinstance(config, InterpolateFilmConfig) else 1,
    )


def open_engine(
    name: str | Engine | None = None,
    checkpoint: Path | None = None,
    device: str = "auto",
    *,
    mixes: bool = False,
    provider: str = "auto",
    arcs: bool = False,
    at_once: int = 1,
) -> Engine:
    """Opens an engine by its name, or the network that a checkpoint holds.

    On a CPU, animi's own network is drawn with by ONNX Runtime, which starts sooner than PyTorch.

    Args:
        name: one of `config.choices.ENGINES`; None: the checkpoint's network, or the first of them. An engine is
            returned as it is.
        checkpoint: a network's weights; the network then draws.
        device: "auto", "cpu", "cuda" or "mps"; only networks use it, the others run on the CPU.
        mixes: whether moved frames that disagree are mixed instead of joined along a seam.
        provider: one of `config.choices.PROVIDERS`, for animi's own network. "auto": one that is no CPU if `device` is
            "auto" too and PyTorch has no GPU.
        arcs: whether pieces that turn keep their size on the way; only engines that move pixels can do so.
        at_once: pairs that are to be prepared at the same time; an engine that can do so is `interface.AtOnce`.

    Raises:
        ConfigError: the name, the device or the provider is unknown, or two of them do not go together.
        DeviceError: the device or the provider is not on this machine.
        CheckpointError: the checkpoint cannot be used, or animi's own weights are missing.
    """
    if name is not None and not isinstance(name, str):
        return name
    if name not in (None, *ENGINES):
        raise ConfigError(f"--engine: {name!r} is not known; choose one of {', '.join(ENGINES)}")
    if checkpoint is not None and name is not None:
        raise ConfigError(f"--engine: {name} cannot draw together with --checkpoint; give one of the two")
    check_provider(provider, name, checkpoint, device)
    learnt = find_weights(name, checkpoint)
    if learnt is None:
        if device not in ("auto", "cpu"):
            choose_device(device)  # raises an error where it is not on this machine
        return _CLASSICAL[name or ENGINES[0]](mixes, arcs, at_once)
    if checkpoint is None and is_cpu(device):
        from .motion_onnx import open_onnx_engine  # imports onnxruntime

        chosen = "cpu" if device == "cpu" and provider == "auto" else provider
        return open_onnx_engine(chosen, mixes=mixes, arcs=arcs, at_once=at_once)
    from .network import open_network  # imports torch

    return open_network(learnt, device, mixes=mixes, arcs=arcs)


def notes_of(engine: Engine) -> tuple[str, ...]:
    """What a person should know of how an engine draws here, each one sentence."""
    notes: tuple[str, ...] = getattr(engine, "notes", ())
    return notes
