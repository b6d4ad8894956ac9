"""What characters do: poses at any phase of an action. A new action is one function and one entry in ACTIONS.

An action takes a phase (1 is a whole cycle) and a temper from -1 (frightened) to 1 (wicked), and gives the turns, sizes
and shifts of a Pose; the placement is the scene's. Turns are degrees clockwise; a limb hangs down at 0 and points
forward at -90.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import cos, pi, sin


@dataclass
class Acting:
    """A pose without a place."""

    turns: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, tuple[float, float]] = field(default_factory=dict)
    shifts: dict[str, tuple[float, float]] = field(default_factory=dict)
    rise: float = 0.0
    """How high the lowest sole is over the ground, as a part of the puppet's height."""


def wave(phase: float, late: float = 0.0) -> float:
    """A swing between -1 and 1, `late` parts of a cycle behind."""
    return sin(2 * pi * (phase - late))


def wag(acting: Acting, phase: float, *, lift: float, swing: float) -> None:
    """Moves the tail: each joint follows the one before a little later, as a whip does."""
    for number in range(5):
        acting.turns[f"tail{number}"] = lift * (1.0 if number == 0 else 0.28) + swing * wave(phase, 0.13 * number)


def face(acting: Acting, temper: float, *, look: tuple[float, float] = (0.0, 0.0), open_mouth: float = 0.6) -> None:
    """Sets the expression.

    Args:
        acting: what is changed.
        temper: from -1, frightened, to 1, wicked.
        look: where the eyes turn, each from -1 to 1.
        open_mouth: 0 shut to 1.
    """
    for side, sign in (("near", 1), ("far", -1)):
        acting.turns[f"brow_{side}"] = 14 * temper * sign - 8 * sign
        acting.shifts[f"brow_{side}"] = (0.0, 1.2 * temper - 0.8)
        acting.shifts[f"pupil_{side}"] = (look[0] * 1.1, look[1] * 1.3)
        acting.sizes[f"eye_{side}"] = (1.0 - 0.05 * temper, 1.0 - 0.14 * temper)
        acting.turns[f"ear_{side}"] = (-16 if side == "near" else -10) * (0.6 - temper)
    acting.sizes["jaw"] = (1.0, 0.25 + 0.85 * open_mouth)


def run(phase: float, temper: float = 1.0) -> Acting:
    """Runs: two flights a cycle, arms reaching (wicked) or pumping (frightened)."""
    acting = Acting(rise=0.09 * max(0.0, wave(2 * phase, 0.3)))
    chase = max(temper, 0.0)
    acting.turns["hips"] = 20 + 14 * chase
    acting.turns["chest"] = 6 + 3 * wave(2 * phase)
    acting.turns["head"] = -22 - 14 * chase + 4 * wave(2 * phase, 0.2)
    for side, late in (("near", 0.0), ("far", 0.5)):
        swing = wave(phase, late)
        fold = max(0.0, cos(2 * pi * (phase - late)))  # the knee bends as the leg comes forward
        acting.turns[f"leg_{side}"] = -20 - 14 * chase - 62 * swing
        acting.turns[f"shin_{side}"] = 34 + 66 * fold - 24 * swing
        acting.turns[f"foot_{side}"] = 10 - 4 * swing + 10 * fold
        pump = -10 + 58 * swing
        reach = -94 + 10 * wave(phase, late + 0.2)
        acting.turns[f"arm_{side}"] = chase * reach + (1 - chase) * pump
        acting.turns[f"forearm_{side}"] = chase * (-30 + 16 * wave(phase, late)) + (1 - chase) * (-70 + 20 * swing)
        acting.turns[f"hand_{side}"] = chase * (-10 - 18 * wave(phase, late)) - 8
    wag(acting, phase, lift=18, swing=15)
    face(acting, temper, look=(0.5, 0.2) if temper > 0 else (-1.0, 0.0), open_mouth=0.75 + 0.2 * wave(phase))
    return acting


ACTIONS: Mapping[str, Callable[[float, float], Acting]] = {"run": run}
