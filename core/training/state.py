"""A training's state, to resume from: networks, optimizers and counters, in memory and as NAME.state.safetensors.

Tensors have names such as module/generator/conv.weight and optimizer/generator/3/exp_avg; learning rates, scales and
the step are JSON in the header. No pickle is written or loaded.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..config.parsing import read_whole
from ..errors import CheckpointError
from ..files import written_beside
from ..json_text import parse_object
from ..weights.tensor_file import save_tensors

STATE_VERSION = 1


@dataclass(frozen=True)
class State:
    """The state of a training after a step."""

    step: int
    """Steps done."""
    tensors: dict[str, Tensor]
    """Copies on the CPU, which further training does not change."""
    settings: dict[str, Any]
    """Everything else, as JSON."""


def capture_state(
    step: int,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    counters: Mapping[str, Any],
) -> State:
    """Copies the state of a training.

    Args:
        step: number of steps done.
        modules: the networks by name.
        optimizers: the optimizers by name.
        counters: anything else that JSON can hold.
    """
    tensors = {
        f"module/{name}/{key}": _copy(tensor)
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    settings: dict[str, Any] = {"counters": dict(counters), "optimizers": {}}
    for name, optimizer in optimizers.items():
        saved = optimizer.state_dict()
        plain: dict[str, dict[str, Any]] = {}
        for number, values in saved["state"].items():
            for key, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{name}/{number}/{key}"] = _copy(value)
                else:
                    plain.setdefault(str(number), {})[key] = value
        settings["optimizers"][name] = {"groups": saved["param_groups"], "plain": plain}
    return State(step, tensors, json.loads(json.dumps(settings)))


def restore_state(
    state: State, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Any]:
    """Restores the state of a training.

    Returns:
        The counters.

    Raises:
        CheckpointError: the state is of other networks or optimizers, or damaged.
    """
    try:
        return _restore(state, modules, optimizers)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:  # JSON may hold anything
        raise CheckpointError(
            f"the state of step {state.step} is damaged ({type(error).__name__}: {error}); remove it to resume from "
            "the checkpoint before"
        ) from error


def _restore(
    state: State, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Any]:
    by_module: dict[str, dict[str, Tensor]] = {name: {} for name in modules}
    by_optimizer: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in optimizers}
    for path, tensor in state.tensors.items():
        kind, name, rest = path.split("/", 2)
        if kind == "module" and name in by_module:
            by_module[name][rest] = tensor
        elif kind == "optimizer" and name in by_optimizer:
            number, key = rest.split("/", 1)
            by_optimizer[name].setdefault(int(number), {})[key] = tensor
        else:
            raise CheckpointError(f"the state holds a {kind} {name!r} that this training does not have")
    for name, module in modules.items():
        _check_fit(name, by_module[name], module.state_dict())
        module.load_state_dict(by_module[name])
    for name, optimizer in optimizers.items():
        saved = state.settings["optimizers"].get(name)
        if saved is None:
            raise CheckpointError(f"the state holds no optimizer {name!r}")
        for number, values in saved["plain"].items():
            by_optimizer[name].setdefault(int(number), {}).update(values)
        groups = [
            _take_settings(name, group, own) for group, own in zip(saved["groups"], optimizer.param_groups, strict=True)
        ]
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if any(not 0 <= place < len(parameters) for place in by_optimizer[name]):
            raise CheckpointError(f"the state of optimizer {name!r} is of more parameters than this training has")
        values_of = {}
        for place, found in by_optimizer[name].items():
            _check_values(f"{name}/{place}", optimizer, parameters[place], found)
            values_of[place] = {key: _laid_out_as(parameters[place], value) for key, value in found.items()}
        try:
            optimizer.load_state_dict({"state": values_of, "param_groups": groups})
        except ValueError as error:
            raise CheckpointError(f"the state of optimizer {name!r} does not fit: {error}") from error
    counters: dict[str, Any] = state.settings["counters"]
    return counters


def write_state(path: Path, state: State) -> None:
    """Writes a training's state; the file is complete or does not exist.

    Raises:
        OutputError: it cannot be written.
    """
    header = {
        "format": "animi-state",
        "format_version": str(STATE_VERSION),
        "step": str(state.step),
        "animi_version": version("animi"),
        "settings": json.dumps(state.settings),
    }
    with written_beside(path, overwrite=True) as draft:
        save_tensors(draft, state.tensors, header)


def read_state(path: Path) -> State:
    """Reads a training's state.

    Raises:
        CheckpointError: the file is missing, damaged, not animi's, of a newer format, or holds values that are not
            finite.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: does not exist; check the path")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError, struct.error) as error:
        raise CheckpointError(f"{path}: is damaged; remove it to resume from the checkpoint before") from error
    if header.get("format") != "animi-state":
        raise CheckpointError(f"{path}: holds no state of a training; give one that animi has written")
    try:
        if read_whole(header["format_version"]) > STATE_VERSION:
            raise CheckpointError(
                f"{path}: has format version {header['format_version']}, this animi knows up to {STATE_VERSION}; "
                "install a newer animi"
            )
        state = State(read_whole(header["step"]), tensors, parse_object(header["settings"]))
        if not all(isinstance(state.settings[part], dict) for part in ("counters", "optimizers")):
            raise TypeError
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: its header is damaged; remove it to resume from the checkpoint before"
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(
                f"{path}: {name} holds values that are not finite; remove it to resume from the checkpoint before"
            )
    return state


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()


def _laid_out_as(parameter: Tensor, value: Any) -> Any:
    """Copies a tensor into the parameter's memory layout, which fused optimizers require.

    It is always a copy: load_state_dict keeps tensors that fit, and training would then change the given state.
    """
    if not isinstance(value, Tensor):
        return value
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)


def _check_fit(name: str, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    for key in sorted(found.keys() ^ wanted.keys()):
        raise CheckpointError(f"the state of {name!r} {'misses' if key in wanted else 'has an unknown tensor'} {key}")
    for key, tensor in found.items():
        if tensor.shape != wanted[key].shape:
            raise CheckpointError(
                f"the state of {name!r}: {key} has shape {tuple(tensor.shape)}, {tuple(wanted[key].shape)} is needed"
            )


def _check_values(name: str, optimizer: torch.optim.Optimizer, parameter: Tensor, values: Mapping[str, Any]) -> None:
    """Rejects a state that an optimiser cannot resume from; it would fail in its next step.

    Raises:
        CheckpointError: Adam's means are missing, or one is no tensor of the parameter's shape.
    """
    if not isinstance(optimizer, torch.optim.Adam):  # AdamW is one
        return
    for key, shape in (("step", ()), ("exp_avg", parameter.shape), ("exp_avg_sq", parameter.shape)):
        value = values.get(key)
        if not isinstance(value, Tensor) or value.shape != shape or not value.is_floating_point():
            raise CheckpointError(f"the state of optimizer {name} has no {key} of shape {tuple(shape)}")


def _take_settings(name: str, saved: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """An optimiser's settings as they were saved, with the types that they have; one that is newer keeps its own.

    Raises:
        CheckpointError: one is of another type than it should be.
    """
    taken = {"params": saved["params"]}
    for key, value in own.items():
        if key == "params":
            continue
        # JSON knows no tuples, and Adam's betas are one
        found = tuple(saved[key]) if isinstance(value, tuple) and isinstance(saved.get(key), list) else saved.get(key)
        taken[key] = found if key in saved else value
        if not _is_alike(taken[key], value):
            raise CheckpointError(
                f"the state of optimizer {name!r}: {key} is {taken[key]!r}, and was to be like {value!r}"
            )
    return taken


def _is_alike(value: Any, other: Any) -> bool:
    """Whether a setting is of the same type as another; one that may be None is a switch."""
    if isinstance(other, bool) or other is None:
        return value is None or isinstance(value, bool)
    if isinstance(other, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if isinstance(other, tuple):
        return isinstance(value, tuple) and len(value) == len(other) and all(map(_is_alike, value, other))
    return type(value) is type(other)
