"""Architecture name -> (Config, Module): finds the network that a checkpoint was saved from.

Each of animi's networks is a row of the table below. Its config is a frozen dataclass with the settings that change
shapes; the module is built from it alone, so that a checkpoint's header is enough to build the network again.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, fields, is_dataclass
from typing import Any, NamedTuple, Protocol, get_args, get_type_hints, runtime_checkable

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .autoencoder import DeepAutoEncoder, DeepAutoEncoderConfig, PlainAutoEncoder, PlainAutoEncoderConfig
from .latent_inbetweener import LatentInbetweener
from .motion import MotionConfig, MotionNetwork
from .refinement import Refinement, RefinementConfig
from .sle import NoiseGenerator, NoiseGeneratorConfig, VggSleConfig, VggSleInbetweener


class Architecture(NamedTuple):
    """The config and the module of an architecture."""

    config: type[Any]
    module: Callable[[Any], nn.Module]


@runtime_checkable
class Inbetweener(Protocol):
    """A network that draws in-betweens, for `animi interpolate --checkpoint`."""

    multiple: int
    """Heights and widths must be multiples of this; the caller pads."""

    def prepare(self, first: Tensor, last: Tensor) -> Any:
        """Computes what a pair of key frames needs once: (N, 3, H, W) in [-1, 1], RGB, each."""

    def render(self, pair: Any, t: float) -> Tensor:
        """Draws the frames at t in (0, 1): (N, 3, H, W) in [-1, 1]."""


_entries: dict[str, Architecture] = {
    "deep-autoencoder": Architecture(
        DeepAutoEncoderConfig, lambda config: LatentInbetweener(config, DeepAutoEncoder(config))
    ),
    "motion": Architecture(MotionConfig, MotionNetwork),
    "noise-sle": Architecture(NoiseGeneratorConfig, NoiseGenerator),
    "plain-autoencoder": Architecture(
        PlainAutoEncoderConfig, lambda config: LatentInbetweener(config, PlainAutoEncoder(config))
    ),
    "refinement": Architecture(RefinementConfig, Refinement),
    "vgg-sle": Architecture(VggSleConfig, VggSleInbetweener),
}


def register(name: str, config: type[Any], module: Callable[[Any], nn.Module]) -> None:
    """Adds an architecture that is not one of animi's own.

    Args:
        name: its name in checkpoints, in lower case with hyphens; it must never change.
        config: a frozen dataclass with a default for every field.
        module: builds the network from a config.

    Raises:
        ValueError: the name is taken, or the config is no dataclass.
    """
    if name in _entries:
        raise ValueError(f"the architecture {name!r} is registered already")
    if not is_dataclass(config):
        raise ValueError(f"the config of {name!r} is no dataclass")
    _entries[name] = Architecture(config, module)


def known_architectures() -> list[str]:
    """All registered names, sorted."""
    return sorted(_entries)


class _Unfilled(TorchFunctionMode):
    """Leaves weights uninitialised, so that their memory is reserved but not used until it is written."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensor = args[0] if args else (kwargs or {}).get("tensor")
        if isinstance(tensor, nn.Parameter) and func.__name__ in _FILLS:
            return tensor
        return func(*args, **(kwargs or {}))


_FILLS = {"fill_", "zero_", "normal_", "uniform_", "kaiming_uniform_"}
"""The functions by which torch.nn.init fills weights."""


def build(name: str, settings: dict[str, Any], *, filled: bool = True) -> nn.Module:
    """Builds an untrained network.

    Args:
        name: a registered name.
        settings: the fields of its config, as in a checkpoint's header.
        filled: whether its weights are initialised; leaving it out is faster if they are read from a file anyway.

    Raises:
        KeyError: no network of that name is known.
        ValueError: a setting is unknown to the config, missing, or out of its bounds.
    """
    with nullcontext() if filled else _Unfilled():
        return _make(name, settings)


def outline(name: str, settings: dict[str, Any]) -> dict[str, Tensor]:
    """The names, shapes and types of a network's `state_dict`, as tensors without memory.

    Raises:
        KeyError: no network of that name is known.
        ValueError: a setting is unknown to the config, missing, or out of its bounds.
    """
    with torch.device("meta"), _Unfilled():
        return _make(name, settings).state_dict()


def _make(name: str, settings: dict[str, Any]) -> nn.Module:
    config, module = _entries[name]
    unknown = set(settings) - {field.name for field in fields(config)}
    if unknown:
        raise ValueError(f"unknown settings {', '.join(sorted(unknown))}")
    hints = get_type_hints(config)
    try:
        return module(config(**{key: _read_setting(hints[key], value) for key, value in settings.items()}))
    except (TypeError, RuntimeError, OverflowError) as error:  # raised by torch, such as for a layer of negative size
        said = str(error).partition("\n")[0]
        raise ValueError("it does not fit into memory" if "allocate memory" in said else said) from error


def _read_setting(hint: Any, value: Any) -> Any:
    """Converts a value from JSON; a config within a config is a dict there."""
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and is_dataclass(kind)]
    return kinds[0](**value) if kinds and isinstance(value, dict) else value


def describe(config: Any) -> dict[str, Any]:
    """The settings of a config as a dict, for `build` and for JSON."""
    return asdict(config)
