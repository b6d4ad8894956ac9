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
        raise ConfigError(
            f"--range: {shorten(text)} cannot be read; give seconds or h:mm:ss, such as 10-20, 1:05-1:30 or 60-"
        )
    return start, end if last.strip() else None


def read_time(text: str, flag: str) -> float:
    """Seconds of a time written as 72.5, 1:12.5 or 0:01:12.5.

    Raises:
        ConfigError: it is none; the message names the flag.
    """
    time = parse_time(text)
    if time is None:
        raise ConfigError(
            f"{flag}: {shorten(text, quoted=False)} is no time; write seconds (72.5) or h:mm:ss (0:01:12.5)"
        )
    return time


def read_ramp(text: str) -> tuple[tuple[float, float], ...]:
    """Reads a speed ramp such as "0:1 2:0.5 1:04:1": times, in seconds or h:mm:ss, each with a speed.

    Raises:
        ConfigError: it is none, times do not rise, or a speed is not between 0.01 and 100.
    """
    points = []
    for part in text.replace(",", " ").split():
        when, colon, speed = part.rpartition(":")
        time = parse_time(when) if colon else None
        try:
            value = float(read_number(speed))
        except ValueError:
            time = None
        if time is None:
            raise ConfigError(f"--ramp: {shorten(part)} cannot be read; write times and speeds, such as 0:1 2:0.5 4:1")
        if not 0.01 <= value <= 100:
            raise ConfigError(f"--ramp: {value:g} is out of range; give speeds from 0.01 to 100, 1 being as it was")
        points.append((time, value))
    if not points:
        raise ConfigError("--ramp: names no time; write times and speeds, such as 0:1 2:0.5 4:1")
    if any(one[0] >= other[0] for one, other in pairwise(points)):
        raise ConfigError(f"--ramp: {shorten(text)} has times that do not rise; write the earliest first")
    return tuple(points)


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
        times = tuple(float(read_number(part)) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"--spacing: {shorten(text)} is not known; give {', '.join(EASINGS)}, or times such as 0,0.1,0.35,1"
        ) from error
    if len(times) < 2 or times[0] != 0 or times[-1] != 1 or any(a > b for a, b in pairwise(times)):
        words = shorten(text, quoted=False)
        raise ConfigError(f"--spacing: {words} must start with 0, never go back, and end with 1, such as 0,0.1,0.35,1")
    return times


PAINTED = "painted"
"""What `--redo` without numbers stands for: the frames that a painted one has changed."""


def read_frame_numbers(text: str) -> tuple[tuple[int, int], ...] | None:
    """Reads "3", "3-5" or "3,7-9" as ranges, both ends included; None where the text is PAINTED.

    Raises:
        ConfigError: it is none of these.
    """
    if text == PAINTED:
        return None
    return read_ranges(text, "--redo", "frames")


def read_ranges(text: str, flag: str, what: str) -> tuple[tuple[int, int], ...]:
    """Reads "3", "3-5" or "3,7-9" as ranges, both ends included.

    Args:
        text: the ranges.
        flag: what the message calls them.
        what: what is numbered: "frames".

    Raises:
        ConfigError: it is none of these.
    """
    ranges = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            start = read_whole(first)
            ranges.append((start, read_whole(last) if dash else start))
        if not all(0 <= start <= end for start, end in ranges):
            raise ValueError
    except ValueError as error:
        raise ConfigError(f"{flag}: {shorten(text)} cannot be read; give numbers of {what}: 3, 3-5 or 3,7-9") from error
    return tuple(ranges)


def read_size(text: str, flag: str = "--size", alone: str = "the longer side") -> tuple[int, int | None]:
    """Reads "640x360" as (width, height), and "640" as (longer side, None).

    Args:
        text: the size.
        flag: what the message calls it.
        alone: what a single number stands for, in the message.

    Raises:
        ConfigError: it is neither, or a side is not between 1 and 16384.
    """
    try:
        numbers = [read_whole(part) for part in text.lower().replace("×", "x").split("x", 2)]
        if len(numbers) > 2:
            raise ValueError(f"{shorten(text)} has three sides")
    except ValueError as error:
        example = f"give WIDTHxHEIGHT such as 640x360, or {alone}"
        raise ConfigError(f"{flag}: {shorten(text)} cannot be read; {example}") from error
    if not all(1 <= number <= 16384 for number in numbers):
        raise ConfigError(f"{flag}: {shorten(text, quoted=False)} is out of range; give sides from 1 to 16384 pixels")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def read_grid(text: str) -> tuple[int, int]:
    """Reads the cells of a sheet of sprites: "32x32", or "32" for squares.

    Raises:
        ConfigError: as `read_size`.
    """
    width, height = read_size(text, "--grid", "one side of squares")
    return width, width if height is None else height


def read_both_sides(text: str) -> tuple[int, int]:
    """Reads "640x360" as (width, height).

    Raises:
        ConfigError: it is no size; see `read_size`.
    """
    width, height = read_size(text)
    if height is None:
        raise ConfigError(f"--size: {shorten(text)} cannot be read; give WIDTHxHEIGHT such as 640x360")
    return width, height


def read_number(text: str) -> Fraction:
    """Reads "0.5" or "1/3", exactly.

    A float has to hold it: as a fraction, 1e999999999 would be written out, which takes all memory.

    Raises:
        ValueError: it is no number, or beyond what a float holds, or divided by zero.
    """
    over, slash, under = text.partition("/")
    try:
        number = Fraction(str(float(over)))
        if slash:
            number /= Fraction(str(float(under)))
        float(number)  # a quotient may be beyond what its parts are not
        return number
    except (OverflowError, ZeroDivisionError) as error:
        raise ValueError(f"{shorten(text)} is no number") from error


def read_whole(text: str) -> int:
    """Reads a whole number of at most 18 digits, such as "24" or "-3".

    Raises:
        ValueError: it is none, or longer.
    """
    digits = text.strip()
    plain = digits.removeprefix("-")
    if not (plain.isascii() and plain.isdigit()):
        raise ValueError(f"{shorten(text)} is no whole number")
    if len(plain.lstrip("0")) > 18:
        raise ValueError(f"{shorten(text)} is too long a number")
    return int(digits)


def read_rate(text: str, flag: str) -> Fraction:
    """Reads frames a second: "12", "23.976" or "24000/1001".

    Raises:
        ConfigError: it is no number; the message names the flag.
    """
    try:
        rate = read_number(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {shorten(text)} is no rate; give one such as 12, 23.976 or 24000/1001") from error
    return rate.limit_denominator(1_000_000)


def read_numbers(text: str, flag: str, example: str) -> tuple[float, ...]:
    """Reads numbers with commas between.

    Raises:
        ConfigError: one is no number; the message names the flag.
    """
    try:
        return tuple(float(read_number(part)) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{flag}: {shorten(text, quoted=False)} is no list of numbers; write it as {example}"
        ) from error


def read_wholes(text: str, flag: str, example: str) -> tuple[int, ...]:
    """Reads whole numbers with commas between.

    Raises:
        ConfigError: one is no whole number; the message names the flag.
    """
    try:
        return tuple(read_whole(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"{flag}: {shorten(text, quoted=False)} is no list of numbers; write it as {example}"
        ) from error


def read_pairs(text: str, flag: str) -> tuple[tuple[float, float], ...]:
    """Reads pairs of moments in seconds: "0.5:0.6,1:1.25".

    Raises:
        ConfigError: it is no list of pairs; the message names the flag.
    """
    try:
        pairs = [tuple(float(read_number(moment)) for moment in part.split(":")) for part in text.split(",")]
        return tuple((first, last) for first, last in pairs)
    except ValueError as error:
        words = shorten(text, quoted=False)
        raise ConfigError(f"{flag}: {words} is no list of pairs; write it as 0.5:0.6,1:1.25") from error


def shorten(text: str, *, quoted: bool = True) -> str:
    """What a person typed, as a message quotes it: no more than its beginning where it is long."""
    short = text if len(text) <= 60 else f"{text[:40]}… ({len(text)} letters)"
    return repr(short) if quoted else short


def read_background(text: str) -> tuple[int, int, int] | None:
    """What frames with alpha are laid over, as RGB in [0, 255]; None where they keep it.

    Args:
        text: "keep", the name of a colour, or its numbers, such as #40a0ff.

    Raises:
        ConfigError: there is no such colour.
    """
    if text == "keep":
        return None
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError:
        raise ConfigError(f"--alpha: {text!r} is no colour; give keep, white, black, or one such as #40a0ff") from None
