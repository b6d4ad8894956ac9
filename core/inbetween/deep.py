"""In-betweens of linear light: the motion is found on display views, and the values themselves are moved.

An engine gets both key frames as a display would show them, with what is brighter than white compressed, and finds the
motion there. The values themselves are then moved along it, so that a light of 40 stays one of 40.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ..engines.blend import Blend
from ..engines.interface import Carrying, Engine, Pair, Plain, Sure, Working, render_all
from ..errors import ConfigError
from ..media.deep import Values, encode_display
from .pair import MARGIN, STILL

_LARGEST = 65504.0  # of half floats: what is infinite is drawn as this


def check_engine(engine: Engine) -> None:
    """Checks that an engine can draw linear light.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(engine, Plain):
        raise ConfigError(
            f"--checkpoint: {engine.name} draws colours from 0 to 1 only, and not EXR or --linear; draw with animi's "
            "own engines"
        )


def draw_values(
    first: Values, last: Values, times: Sequence[float], engine: Engine, on_failure: str
) -> Iterator[Values]:
    """Draws the in-betweens of two pictures.

    Args:
        first: (H, W, C) float32, linear light, multiplied by alpha.
        last: another of the same shape.
        times: of the frames, in (0, 1).
        engine: draws them; see `check_engine`.
        on_failure: one of `config.choices.ON_FAILURE`.
    """
    assert isinstance(engine, Plain)
    ends = tuple(np.nan_to_num(values, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST) for values in (first, last))
    changed = (ends[0] != ends[1]).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        yield from (first.copy() for _ in times)
        return
    box = (
        slice(max(0, int(rows[0]) - MARGIN), int(rows[-1]) + 1 + MARGIN),
        slice(max(0, int(columns[0]) - MARGIN), int(columns[-1]) + 1 + MARGIN),
    )
    parts = tuple(np.ascontiguousarray(values[box]) for values in ends)
    peak = max(float(_colours(part).max(initial=0)) for part in parts)
    views = tuple(_view(part, peak) for part in parts)
    prepared = engine.prepare_plain(views[0], views[1])
    if on_failure != "morph" and isinstance(prepared, Sure) and not prepared.explained:
        if on_failure == "hold":
            yield from ((first, last)[t >= 0.5].copy() for t in times)
            return
        prepared = Blend(views[0], views[1])
    assert isinstance(prepared, Carrying)
    pair: Pair = prepared.carry((parts[0], parts[1]))
    still = ~changed[box]
    for drawn in render_all(pair, times):
        # what is equal in both key frames stays, unless something clearly covers it
        near = cv2.absdiff(_view(drawn, peak), views[0]).reshape(*still.shape, -1).max(axis=2) <= STILL
        kept = (still & near)[..., np.newaxis]
        frame = first.copy()
        frame[box] = np.where(kept, first[box], drawn)
        yield frame


def _colours(values: Values) -> Values:
    """Colours, not multiplied by alpha."""
    if values.shape[2] < 4:
        return values
    return np.asarray(values[..., :3] / np.maximum(values[..., 3:], np.float32(1e-4)), np.float32)


def _view(values: Values, peak: float) -> Working:
    """As a display would show it, in the engines' working form: (H, W, C) float32 in [0, 255]."""
    if values.shape[2] < 4:
        return encode_display(values, peak) * np.float32(255)
    alpha = np.clip(values[..., 3:], 0, 1)
    view = np.concatenate([encode_display(_colours(values), peak) * alpha, alpha], axis=2)
    return np.asarray(view * np.float32(255), np.float32)
