"""Speed ramps: a film that runs faster and slower in the course of it.

A ramp gives speeds at times of the old film, and is linear between them: at 1 it runs as it did, at 0.5 half as fast.
Before the first time and after the last, the speed stays. The new film lasts for the integral of 1 / speed, which is a
logarithm where the speed changes; its frames are spaced evenly, and each shows what belongs to its time in the old one.
"""

from collections.abc import Sequence
from math import exp, inf, log

_EVEN = 1e-9  # change of speed a second below which it stays


class Ramp:
    """Times of the old film, and of the new one."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        """Takes (time, speed): times rise and are 0 or more, and speeds are above 0."""
        self._parts: list[tuple[float, float, float, float]] = []  # from when, from when in the new film, speed, slope
        known = [(0.0, points[0][1]), *points] if points[0][0] > 0 else list(points)
        elapsed = 0.0
        for (time, speed), (after, speed_after) in zip(known, [*known[1:], (inf, known[-1][1])], strict=True):
            slope = (speed_after - speed) / (after - time)
            self._parts.append((time, elapsed, speed, slope))
            elapsed += _last(after - time, speed, slope)

    def to_new(self, time: float) -> float:
        """When a moment of the old film is shown in the new one, in seconds from the start of both."""
        begin, elapsed, speed, slope = next(part for part in reversed(self._parts) if part[0] <= max(time, 0.0))
        return elapsed + _last(time - begin, speed, slope)

    def to_old(self, time: float) -> float:
        """What moment of the old film the new one shows at a time, likewise."""
        begin, elapsed, speed, slope = next(part for part in reversed(self._parts) if part[1] <= max(time, 0.0))
        passed = time - elapsed
        return begin + (passed * speed if abs(slope) < _EVEN else speed * (exp(slope * passed) - 1) / slope)


def _last(seconds: float, speed: float, slope: float) -> float:
    """How long a part lasts in the new film, of so many seconds of the old one."""
    return seconds / speed if abs(slope) < _EVEN else log(1 + slope * seconds / speed) / slope
