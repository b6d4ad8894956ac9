"""Numbers, times, sizes, rates and spacings from the text that a person typed."""

from fractions import Fraction
from itertools import pairwise
from math import isfinite

from ..errors import ConfigError
from .choices import EASINGS


def read_range(text: str) -> tuple[float, float | None]:
    """Reads "10-20", "1:05-1:30.5" or "60-" as seconds: (from, until or None).

    Raises:
        ConfigError: it is no such range.
    """
    first, dash, last = text.partition("-")
    times = [parse_time(part) if part.strip() else 0.0 for part in (first, last)]
    start, end = times
    if not dash or start is None or end is None:
        raise ConfigError(f"--range: {text!r} cannot be read; give seconds or h:mm:ss, such as 10-20, 1:05-1:30 or 60-")
    return start, end if last.strip() else None


def read_time(text: str, flag: str) -> float:
    """Seconds of a time written as 72.5, 1:12.5 or 0:01:12.5.

    Raises:
        ConfigError: it is none; the message names the flag.
    """
    time = parse_time(text)
    if time is None:
        raise ConfigError(f"{flag}: {text} is no time; write seconds (72.5) or h:mm:ss (0:01:12.5)")
    return time


def parse_time(text: str) -> float | None:
    """Seconds of a time written as 72.5, 1:12.5 or 0:01:12.5; None when it is none."""
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        return None
    if len(numbers) > 3 or not all(isfinite(n) and n >= 0 for n in numbers):
        return None
    if any(n >= 60 for n in numbers[1:]) or any(n % 1 for n in numbers[:-1]):
        return None
    return float(sum(n * 60**power for power, n in enumerate(reversed(numbers))))


def ease(t: float, easing: str) -> float:
    """Bends an even time t in [0, 1] as one of EASINGS does, by a parabola or, at both ends, by 3t² - 2t³."""
    if easing == "ease-in":
        return t * t
    if easing == "ease-out":
        return t * (2 - t)
    if easing == "ease-in-out":
        return t * t * (3 - 2 * t)
    return t


def read_spacing(text: str) -> tuple[float, ...] | None:
    """Reads a spacing chart such as "0,0.1,0.35,1"; None if the text is one of EASINGS.

    Raises:
        ConfigError: it is neither, or its times do not run from 0 to 1.
    """
    if text in EASINGS:
        return None
    try:
        times = tuple(float(_read_number(part)) for part in text.split(","))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"--spacing: {text!r} is not known; give {', '.join(EASINGS)}, or times such as 0,0.1,0.35,1"
        ) from error
    if len(times) < 2 or times[0] != 0 or times[-1] != 1 or any(a > b for a, b in pairwise(times)):
        raise ConfigError(f"--spacing: {text} must start with 0, never go back, and end with 1, such as 0,0.1,0.35,1")
    return times


def read_size(text: str) -> tuple[int, int | None]:
    """Reads "640x360" as (width, height), and "640" as (longer side, None).

    Raises:
        ConfigError: it is neither, or not between 1 and 16384.
    """
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) > 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise ConfigError(f"--size: {text!r} cannot be read; give WIDTHxHEIGHT such as 640x360, or the longer side")
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= 16384 for number in numbers):
        raise ConfigError(f"--size: {text} is out of range; give sides from 1 to 16384 pixels")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def _read_number(text: str) -> Fraction:
    """Reads "0.5" or "1/3", exactly; a float has a look first, as a fraction would write 1e999999999 out.

    Raises:
        ValueError: it is no number, or beyond what a float holds.
        ZeroDivisionError: it is divided by zero.
    """
    over, slash, under = text.partition("/")
    number = Fraction(str(float(over)))
    return number / Fraction(str(float(under))) if slash else number


def read_rate(text: str, flag: str) -> Fraction:
    """Reads frames a second: "12", "23.976" or "24000/1001".

    Raises:
        ConfigError: it is no number; the message names the flag.
    """
    try:
        rate = _read_number(text)
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"{flag}: {text!r} is no rate; give one such as 12, 23.976 or 24000/1001") from error
    return rate.limit_denominator(1_000_000)
