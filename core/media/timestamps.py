"""Timestamps: when a film's frames are shown, and whether that is at a constant rate."""

from array import array
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import shown
from .ffmpeg import file_input, list_packets
from .probe import Head
from .telecine import even_out, find_field

_SEEN = Fraction(1, 1000)  # seconds; no display shows 1000 frames a second
MOST_FRAMES = 1 << 24
"""Largest number of frames in a film: 194 hours at 24 frames per second."""


@dataclass(frozen=True)
class Timing:
    """When a film's frames are shown, from the packets of its file.

    Attributes:
        rate: frames per second if constant, else None.
        usual: median duration of a frame in seconds.
        end: end of the last frame in seconds; None if it is not known before decoding.
        count: number of frames; None if it is not known before decoding.
        unseen: number of frames that are left out of the others, see `seen_from`.
        field: seconds per field if the rate varies as frames are shown for two and three fields, see `find_field`.
        begin: start of the first frame in seconds, if `field` is known.
    """

    rate: Fraction | None
    usual: Fraction
    end: Fraction | None
    count: int | None
    unseen: int = 0
    field: Fraction | None = None
    begin: Fraction = Fraction(0)


def seen_from(usual: Fraction) -> Fraction:
    """Seconds for which a frame must be on screen to be seen; players drop frames that are shown for less.

    Files that were joined have such frames, where the second one begins a little before the first one ends.

    Args:
        usual: usual seconds from one frame to the next.
    """
    return min(_SEEN, usual / 4)


def read_timing(path: Path, head: Head) -> Timing:
    """Reads when a film's frames are shown.

    The timestamps of packets are listed without decoding. They are used if every packet has one and if the first
    decoded frames agree. Otherwise all frames are decoded once: AVI has no presentation times for frames that depend on
    later ones, and a packet may hold half a frame, several, or none.

    Raises:
        InputError: there is no frame, or more than MOST_FRAMES.
    """
    packets = _list_stamps(path, head, None)
    decoded = _list_stamps(path, head, _SAMPLE)
    if not _agree(packets, decoded):
        packets = _list_stamps(path, head, 0)
    shown_at = array("q", (stamp for stamp in packets.stamps if stamp >= 0))
    if not shown_at:
        raise InputError(f"{shown(path)}: holds no frame whose time is known; convert it to .mkv or .mp4")
    return find_timing(shown_at, packets.last, packets.tick)


_SAMPLE = 48  # frames that are decoded to verify packets: more than any encoder reorders
_NO_STAMP = -(1 << 63)  # AV_NOPTS_VALUE, ffmpeg's mark for a missing timestamp


@dataclass(frozen=True)
class _Stamps:
    """Timestamps of packets or frames in ticks of `tick` seconds, and the last one's duration."""

    stamps: Sequence[int]
    tick: Fraction
    last: int


def _list_stamps(path: Path, head: Head, decode: int | None) -> _Stamps:
    """Lists timestamps of packets, or of the frames decoded from them, by `list_packets`.

    Raises:
        InputError: there are more than MOST_FRAMES.
    """
    tick = Fraction(1)
    stamps = array("q")
    lasts: dict[int, int] = {}
    source = file_input(path, head.picture.decoder)
    with closing(list_packets(source, "0:V:0", path, decode=decode, container=head.container)) as packets:
        for packet in packets:
            if packet[0] == b"#tb":
                tick = Fraction(packet[1].decode())
                continue
            pts, duration = int(packet[2]), int(packet[3])
            stamps.append(pts)
            if len(stamps) > MOST_FRAMES:
                raise InputError(f"{shown(path)}: has more than {MOST_FRAMES:,} frames; cut it into parts first")
            if len(lasts) > 64:  # only the last frame's is needed, and frames are reordered only locally
                del lasts[min(lasts)]
            lasts[pts] = duration
    return _Stamps(stamps, tick, lasts[max(lasts)] if lasts else 0)


def _agree(packets: _Stamps, decoded: _Stamps) -> bool:
    """Whether the timestamps of packets match those of the frames decoded from them."""
    if not packets.stamps or not decoded.stamps or min(packets.stamps) == _NO_STAMP:
        return not decoded.stamps
    first, last = (round(each(decoded.stamps) * decoded.tick / packets.tick) for each in (min, max))
    between = [stamp for stamp in packets.stamps if first <= stamp <= last]
    return len(between) == len(decoded.stamps)


def find_timing(stamps: Sequence[int], last: int, tick: Fraction) -> Timing:
    """Finds the timing of a film, and whether its rate is constant apart from rounding to ticks.

    Args:
        stamps: timestamps in ticks, in any order.
        last: duration of the last frame in ticks.
        tick: seconds per tick.
    """
    times = np.unique(np.asarray(stamps, np.int64))
    every = len(times)
    if every > 2:
        steps = np.diff(times)
        times = times[np.append(steps >= float(seen_from(int(np.median(steps)) * tick) / tick), True)]
    count = len(times)
    unseen = every - count
    field = find_field(times, tick) if count > 2 and _find_rate(times, tick) is None else None
    if field is not None:
        begin = int(times[0]) * tick
        even = [time for time, _ in even_out(((int(time) * tick, None) for time in times), field, begin)]
        fine = field / 1000
        rate = _find_rate(np.array([(time - begin) / fine for time in even], np.int64), fine)
        if rate is not None:
            return Timing(rate, 1 / rate, begin + count / rate, count, unseen)
        usual = int(np.median(np.diff(times))) * tick
        end = int(times[-1]) * tick + last * tick
        exact = begin + round((end - begin) / field) * field
        if last <= 0:
            end = even[-1] + 2 * field
        elif abs(exact - end) <= 2 * tick:
            end = exact
        return Timing(None, usual, end, count, unseen, field, begin)
    if count == 1:
        usual = max(last, 1) * tick
        return Timing(1 / usual, usual, int(times[0]) * tick + usual, 1, unseen)
    rate = _find_rate(times, tick)
    usual = 1 / rate if rate is not None else int(np.median(np.diff(times))) * tick
    end = int(times[-1]) * tick + (usual if rate is not None or last <= 0 else last * tick)
    if rate is not None:
        end = int(times[0]) * tick + count / rate
        if last * tick - usual > _HOLD * usual:  # as in GIFs whose last drawing is held
            end = int(times[-1]) * tick + last * tick
    return Timing(rate, usual, end, count, unseen)


_HOLD = Fraction(1, 2)  # of the usual duration; a last frame that exceeds it by more is held, not rounded
_RATES = (*range(1, 121), 144, 240)  # likely frame rates; each also times 1000/1001, as in NTSC


def _find_rate(times: NDArray[np.int64], tick: Fraction, slack: float = 1.0) -> Fraction | None:
    """The likeliest constant rate that puts every frame within `slack` ticks of its timestamp; None if none does."""
    count = len(times)
    measured = (count - 1) / (int(times[-1] - times[0]) * tick)
    whole = round(measured)
    likely = [Fraction(whole), Fraction(whole * 1000, 1001)] if whole in _RATES else []
    steps = np.diff(times)
    exact = [1 / (int(steps[0]) * tick)] if steps.min() == steps.max() else []
    numbers = np.arange(count, dtype=np.float64)
    found: dict[Fraction, float] = {}
    for rate in (*exact, *likely, measured.limit_denominator(1001), measured.limit_denominator(100_000)):
        if rate <= 0:
            continue
        off = times - times[0] - numbers * float(1 / (rate * tick))
        found.setdefault(rate, float(np.abs(off).max()))
        if found[rate] <= 1.0:
            return rate
    nearest = min(found, key=lambda rate: found[rate], default=None)
    return nearest if nearest is not None and found[nearest] <= slack else None
