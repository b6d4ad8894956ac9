"""Actions of characters: poses at any phase of an action. A new action is one function and one entry in ACTIONS.

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
    """Height of the lowest sole over the ground, relative to the puppet's height."""


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
        reach = (-80 if side == "near" else -108) + 9 * wave(phase, late + 0.2)
        acting.turns[f"arm_{side}"] = chase * reach + (1 - chase) * pump
        acting.turns[f"forearm_{side}"] = chase * (-16 + 14 * wave(phase, late)) + (1 - chase) * (-70 + 20 * swing)
        acting.turns[f"hand_{side}"] = chase * (-10 - 18 * wave(phase, late)) - 8
    wag(acting, phase, lift=18, swing=15)
    face(acting, temper, look=(0.5, 0.2) if temper > 0 else (-1.0, 0.0), open_mouth=0.75 + 0.2 * wave(phase))
    return acting


def walk(phase: float, temper: float = 0.0) -> Acting:
    """Walks: one foot is always on the ground."""
    acting = Acting()
    acting.turns["hips"] = 5
    acting.turns["chest"] = 3 * wave(2 * phase)
    acting.turns["head"] = -5 + 3 * wave(2 * phase, 0.15)
    for side, late in (("near", 0.0), ("far", 0.5)):
        swing = wave(phase, late)
        fold = max(0.0, cos(2 * pi * (phase - late)))
        acting.turns[f"leg_{side}"] = -6 - 30 * swing - 10 * fold
        acting.turns[f"shin_{side}"] = 10 + 42 * fold
        acting.turns[f"foot_{side}"] = -8 - 10 * swing - 20 * fold
        acting.turns[f"arm_{side}"] = 34 * swing
        acting.turns[f"forearm_{side}"] = -24 + 16 * swing
        acting.turns[f"hand_{side}"] = -6
    wag(acting, phase, lift=26, swing=10)
    face(acting, temper, look=(0.5, 0.1), open_mouth=0.35)
    return acting


def sneak(phase: float, temper: float = 0.6) -> Acting:
    """Tiptoes, bent, with hands held up before the chest."""
    acting = walk(phase, temper)
    acting.turns["hips"] = 24 + 5 * wave(2 * phase)
    acting.turns["head"] = -28 + 6 * wave(phase, 0.1)
    for side, late in (("near", 0.0), ("far", 0.5)):
        lifted = max(0.0, wave(phase, late - 0.25))
        acting.turns[f"leg_{side}"] = -52 - 30 * wave(phase, late)
        acting.turns[f"shin_{side}"] = 44 + 40 * lifted
        acting.turns[f"foot_{side}"] = 14 * lifted
        acting.turns[f"arm_{side}"] = -74 + 16 * wave(phase, late)
        acting.turns[f"forearm_{side}"] = -66 + 10 * wave(phase, late + 0.2)
        acting.turns[f"hand_{side}"] = 60 + 14 * wave(2 * phase, late)
    face(acting, temper, look=(0.8, 0.3), open_mouth=0.2)
    return acting


def jump(phase: float, temper: float = 0.0) -> Acting:
    """Crouches, leaps with arms thrown up, lands and gives way: squash and stretch."""
    beat = phase % 1.0
    air = max(0.0, sin(pi * (beat - 0.25) / 0.5)) if 0.25 <= beat <= 0.75 else 0.0
    crouch = max(0.0, cos(2 * pi * beat)) ** 2
    acting = Acting(rise=0.38 * air)
    acting.sizes["hips"] = (1 - 0.12 * air + 0.14 * crouch, 1 + 0.14 * air - 0.16 * crouch)
    acting.turns["hips"] = 10 * crouch
    acting.turns["head"] = -10 * crouch - 6 * air
    for side, sign in (("near", -1.0), ("far", 1.0)):
        acting.turns[f"leg_{side}"] = -60 * crouch + 22 * air * sign
        acting.turns[f"shin_{side}"] = 96 * crouch + 46 * air
        acting.turns[f"foot_{side}"] = -34 * crouch + 24 * air
        acting.turns[f"arm_{side}"] = 40 * crouch - 140 * air * sign + 16 * sign
        acting.turns[f"forearm_{side}"] = -30 - 20 * air * sign
    wag(acting, phase, lift=40 * air - 20, swing=14)
    face(acting, temper, look=(0.2, -0.5 * air), open_mouth=0.3 + 0.7 * air)
    return acting


def greet(phase: float, temper: float = 0.0) -> Acting:
    """Stands, breathes, waves a hand and blinks."""
    acting = Acting()
    breath = wave(phase)
    acting.sizes["chest"] = (1 + 0.02 * breath, 1 + 0.02 * breath)
    acting.turns["chest"] = 2 * breath
    acting.turns["head"] = 7 * wave(phase, 0.1)
    acting.turns.update(arm_far=-24 + 6 * breath, forearm_far=-40 + 10 * breath)
    # the raised hand is the one behind the head, so that the face stays free
    acting.turns.update(arm_near=108 + 6 * breath, forearm_near=40 + 30 * wave(3 * phase))
    acting.turns["hand_near"] = 16 * wave(3 * phase, 0.1)
    acting.turns.update(leg_near=6, leg_far=-8, shin_near=2, shin_far=4, foot_near=-6, foot_far=4)
    wag(acting, phase, lift=30, swing=18)
    face(acting, temper, look=(0.6 * wave(phase, 0.3), 0.0), open_mouth=0.5 + 0.4 * wave(4 * phase))
    closed = max(0.0, 1 - abs((2 * phase % 1.0) - 0.5) / 0.08)
    for side in ("near", "far"):
        wide, tall = acting.sizes[f"eye_{side}"]
        acting.sizes[f"eye_{side}"] = (wide, tall * (1 - 0.9 * closed))
    return acting


def dance(phase: float, temper: float = 0.0) -> Acting:
    """Sways from foot to foot with arms in the air."""
    acting = Acting(rise=0.05 * abs(wave(phase)))
    sway = wave(phase)
    acting.turns["hips"] = 14 * sway
    acting.turns["chest"] = -18 * sway
    acting.turns["head"] = 16 * wave(phase, 0.12)
    for side, sign in (("near", 1.0), ("far", -1.0)):
        acting.turns[f"leg_{side}"] = -14 * sway - 24 * max(0.0, sign * sway)
        acting.turns[f"shin_{side}"] = 50 * max(0.0, sign * sway)
        acting.turns[f"foot_{side}"] = -10 * max(0.0, sign * sway)
        acting.turns[f"arm_{side}"] = 100 * sign + 26 * wave(phase, 0.1 * sign)
        acting.turns[f"forearm_{side}"] = 50 * sign + 30 * wave(2 * phase, 0.2 * sign)
        acting.turns[f"hand_{side}"] = 20 * wave(2 * phase)
    acting.sizes["hips"] = (1 + 0.04 * abs(sway), 1 - 0.05 * abs(sway))
    wag(acting, phase, lift=20, swing=26)
    face(acting, temper, look=(0.4 * sway, -0.2), open_mouth=0.6 + 0.3 * wave(2 * phase))
    return acting


ACTIONS: Mapping[str, Callable[[float, float], Acting]] = {
    "run": run,
    "walk": walk,
    "sneak": sneak,
    "jump": jump,
    "greet": greet,
    "dance": dance,
}
