"""Architecture name -> (Config, Module): how a checkpoint finds the network that it was saved from.

A network that animi brings is a row of the table below. Its config is a frozen dataclass that holds only what changes
shapes, and the module is built from it alone, so that a checkpoint's header is enough to build the network again.
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
    """What a name stands for."""

    config: type[Any]
    module: Callable[[Any], nn.Module]


@runtime_checkable
class Inbetweener(Protocol):
    """A network that draws in-betweens; what `animi interpolate --checkpoint` asks of one."""

    multiple: int
    """Heights and widths must be multiples of this; the caller pads."""

    def prepare(self, first: Tensor, last: Tensor) -> Any:
        """Does what is needed once for a pair: (N, 3, H, W) in [-1, 1], RGB, each."""

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
        name: what checkpoints call it, in lower case with hyphens; it never changes afterwards.
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
    """The names that can be built, sorted."""
    return sorted(_entries)


class _Unfilled(TorchFunctionMode):
    """Leaves weights as the memory was: it is asked for, but not taken until something is written there."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensor = args[0] if args else (kwargs or {}).get("tensor")
        if isinstance(tensor, nn.Parameter) and func.__name__ in _FILLS:
            return tensor
        return func(*args, **(kwargs or {}))


_FILLS = {"fill_", "zero_", "normal_", "uniform_", "kaiming_uniform_"}
"""What weights are first filled by, at the bottom of all of torch.nn.init."""


def build(name: str, settings: dict[str, Any], *, filled: bool = True) -> nn.Module:
    """Builds an untrained network.

    Args:
        name: a registered name.
        settings: the fields of its config, as a checkpoint's header holds them.
        filled: whether its weights get the values that a training begins with; where they are read from a file anyway,
            doing without is quicker.

    Raises:
        KeyError: no network of that name is known.
        ValueError: a setting is unknown to the config, missing, or refused by it.
    """
    with nullcontext() if filled else _Unfilled():
        return _make(name, settings)


def outline(name: str, settings: dict[str, Any]) -> dict[str, Tensor]:
    """What a network's `state_dict` would hold, as tensors without memory: names, shapes and types.

    Raises:
        KeyError: no network of that name is known.
        ValueError: a setting is unknown to the config, missing, or refused by it.
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
    except (TypeError, RuntimeError, OverflowError) as error:  # torch's own, such as for a layer of negative size
        said = str(error).partition("\n")[0]
        raise ValueError("it does not fit into memory" if "allocate memory" in said else said) from error


def _read_setting(hint: Any, value: Any) -> Any:
    """A config within a config is a dict in JSON."""
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and is_dataclass(kind)]
    return kinds[0](**value) if kinds and isinstance(value, dict) else value


def describe(config: Any) -> dict[str, Any]:
    """The settings of a config, as `build` takes them and JSON holds them."""
    return asdict(config)
