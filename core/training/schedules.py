"""How learning rates change over a training."""

from math import cos, pi


def schedule_rate(kind: str, step: int, steps: int, warm_up: int = 0) -> float:
    """The factor of a learning rate at a step.

    Args:
        kind: one of `config.choices.SCHEDULES`. "constant" stays at 1. "linear" stays at 1 for half of the steps and
            then falls to 0 in a straight line (Zhu et al., arXiv 1703.10593, section 4). "cosine" falls to 0 along half
            a cosine over all steps (Loshchilov and Hutter, arXiv 1608.03983, equation 5, without restarts).
        step: number of the step, from 0.
        steps: number of steps in all; changing it changes the schedule of the remaining steps.
        warm_up: number of steps at the beginning in which the rate rises linearly.
    """
    up = min(1.0, (step + 1) / warm_up) if warm_up else 1.0
    done = step / steps
    if kind == "linear":
        return up * min(1.0, 2 * (1 - done))
    if kind == "cosine":
        return up * (1 + cos(pi * done)) / 2
    return up
