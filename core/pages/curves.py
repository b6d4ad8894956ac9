"""Draws curves of a training's values, of one run or of several in one panel."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import printable

# Names come out of files, and may have letters that the font lacks; a person can do nothing about that.
warnings.filterwarnings("ignore", message="Glyph .* missing from")

_COLOURS = ("#0b6fa4", "#d1495b", "#2e933c", "#8d5bb2", "#c77700", "#16a3a3", "#6b6b6b", "#b5179e")
_POINTS = 400  # points of a curve; more are reduced to means, as they would be a band of noise
_SMOOTH = 25  # points in the running mean
_WIDTH, _HEIGHT = 5.4, 2.9  # of a panel, inches
_SHARES = ("diversity", "recall", "coverage", "score")  # values in [0, 1], drawn on this range
_MOST = 1e30  # values beyond are drawn here: their differences may overflow, and no axis shows them
_MOST_LETTERS = 80  # of a name


class Curve(NamedTuple):
    """One value over a training, or its mean over several.

    Attributes:
        label: what the legend says.
        steps: in rising order.
        values: one for each step.
        span: the lowest and the highest value at each step, drawn as a band. None: no band.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]
    span: tuple[Sequence[float], Sequence[float]] | None = None


def draw_curves(panels: Mapping[str, Sequence[Curve]], kind: str = "png", columns: int = 2) -> bytes:
    """Draws panels of curves.

    Args:
        panels: curves by the title of their panel; the n-th curve has the same colour in all panels.
        kind: "png" or "svg".
        columns: panels side by side.

    Returns:
        The file's bytes.
    """
    from matplotlib.figure import Figure  # not pyplot, which needs a window system and one thread

    count = max(1, len(panels))
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), dpi=110)
    # fixed margins, as computing them takes as long as drawing
    left, right, top, bottom = 0.8 / _WIDTH, 0.15 / _WIDTH, 0.45 / _HEIGHT, 0.45 / _HEIGHT  # shares of a panel
    margins = {
        "left": left / columns,
        "right": 1 - right / columns,
        "top": 1 - top / rows,
        "bottom": bottom / rows,
        "wspace": (left + right) / (1 - left - right),
        "hspace": (top + bottom) / (1 - top - bottom),
    }
    places = np.asarray(figure.subplots(rows, columns, squeeze=False, gridspec_kw=margins)).reshape(-1)
    for place in places[len(panels) :]:
        place.set_axis_off()
    for place, (title, curves) in zip(places, panels.items(), strict=False):
        for number, curve in enumerate(curves):
            colour = _COLOURS[number % len(_COLOURS)]
            steps, values = _thin(curve.steps, curve.values)
            if curve.span is not None:
                edges = [_thin(curve.steps, edge)[1] for edge in curve.span]
                place.fill_between(steps, *edges, color=colour, alpha=0.15, linewidth=0)
            if len(steps) > 2 * _SMOOTH:  # a smoothed curve over the measured one
                place.plot(steps, values, color=colour, linewidth=0.7, alpha=0.25)
                values = _smooth(values)
            marker = "o" if len(steps) < 30 else ""
            # a label that begins with _ would be left out of the legend
            label = f" {printable(curve.label, _MOST_LETTERS)}"
            place.plot(steps, values, color=colour, label=label, linewidth=1.5, marker=marker, markersize=3)
        if title.removeprefix("health/") in _SHARES:
            place.set_ylim(0, max(1.05, place.get_ylim()[1]))
        place.set_title(printable(title, _MOST_LETTERS), fontsize=10, loc="left", parse_math=False)
        place.set_xlabel("step", fontsize=8)
        place.tick_params(labelsize=8)
        place.locator_params(nbins=5)
        place.grid(alpha=0.25)
        place.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            # finding the best place can take seconds
            legend = place.legend(fontsize=7, frameon=False, loc="upper right")
            for text in legend.get_texts():
                text.set_parse_math(False)  # a name with two $ is no formula
    file = io.BytesIO()
    # no date and no version, so that the same metrics make the same file
    figure.savefig(file, format=kind, metadata={"Software": None} if kind == "png" else {"Date": None})
    return file.getvalue()


def _thin(all_steps: Sequence[float], all_values: Sequence[float]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Means of neighbouring points where there are many."""
    steps, values = (np.clip(np.asarray(part, float), -_MOST, _MOST) for part in (all_steps, all_values))
    if len(steps) <= _POINTS:
        return steps, values
    parts = np.array_split(np.arange(len(steps)), _POINTS)
    return np.array([steps[part].mean() for part in parts]), np.array([values[part].mean() for part in parts])


def _smooth(values: NDArray[Any]) -> NDArray[Any]:
    """Running means, over fewer points at both ends."""
    window = np.ones(_SMOOTH)
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")
