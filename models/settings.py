"""Bounds of the networks' settings.

A checkpoint's header is read before anything is known of its file, and may claim anything. So each config says which
values each of its fields may have, and refuses all others when it is made, before a layer is built or memory is taken.
"""

from collections.abc import Collection
from dataclasses import fields
from typing import Any, get_type_hints


def check_settings(config: Any, kind: str, **limits: Collection[Any]) -> None:
    """Refuses a config that holds a value out of bounds, or of another type than its field's; a bool is no number.

    Args:
        config: a dataclass; called from its `__post_init__`.
        kind: what it shapes, in a word, for the message.
        limits: for each whole number and each word among the fields, the values that it may have: a `range`, or a tuple
            of choices. Other fields are of the types that their annotations name.

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
