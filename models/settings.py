"""Bounds of the networks' settings.

A checkpoint's header may hold any value. So each config names the values that each of its fields may have, and rejects
all others when it is made, before a layer is built or memory is allocated.
"""

from collections.abc import Collection
from dataclasses import fields
from typing import Any, get_type_hints


def check_settings(config: Any, kind: str, **limits: Collection[Any]) -> None:
    """Checks the types and bounds of a config's values; a bool is not a number.

    Args:
        config: a dataclass; this is called from its `__post_init__`.
        kind: the kind of network in a word, for the message.
        limits: for each field of type int or str, the values that it may have: a `range`, or a tuple of choices.

    Raises:
        ValueError: a value is out of its bounds, or of another type.
        TypeError: a field that needs limits has none.
    """
    hints = get_type_hints(type(config))
    for field in fields(config):
        value, hint = getattr(config, field.name), hints[field.name]
        if hint in (int, str):
            if field.name not in limits:
                raise TypeError(f"{type(config).__name__}.{field.name} has no limits")
            allowed = limits[field.name]
            if type(value) is not hint or value not in allowed:
                raise ValueError(f"no {kind} for {config}: {field.name} must be {_describe(allowed)}")
        elif not isinstance(value, hint):
            wanted = "true or false" if hint is bool else "settings, or none"
            raise ValueError(f"no {kind} for {config}: {field.name} must be {wanted}")


def _describe(allowed: Collection[Any]) -> str:
    if isinstance(allowed, range):
        number = "a whole number" if allowed.step == 1 else f"a multiple of {allowed.step}"
        return f"{number} from {allowed[0]} to {allowed[-1]}"
    return f"one of {', '.join(map(str, allowed))}"
