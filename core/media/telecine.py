"""Detects and reverses telecine (3:2 pulldown): films of 24 frames per second in video of 30.

**Hard telecine** interleaves the fields of neighbouring film frames. Of every five video frames, two show combing where
something moves, and one film frame appears twice. Flags do not report it reliably. So a few stretches of the film are
decoded. If they show combing, ffmpeg's field matching is tried in both field orders. If it removes the combing and
leaves one duplicate in five frames, the film was telecined.

**Soft telecine** stores the film frames unchanged and shows them for three and two fields in turn. Only their
timestamps need correction. If another part of the film is hard telecine, soft telecine is first shown as video as well,
so that both are restored in the same way. Where a part is neither, only cycles that have a duplicate lose a frame.
"""

from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .decode import VideoInfo, decode_frames
from .ffmpeg import file_input

T = TypeVar("T")

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(30))
"""Frame rates of video that may be interlaced."""
_FOUR = 4  # film frames
_CYCLE = 5  # frames of video for four of film
_STRETCH = 60  # frames that are decoded at each place: twelve cycles
_PLACES = (0.1, 0.45, 0.8)  # relative to the film's length
# Tuned on drawn cats in MPEG-2 and H.264: 58 to 109 combed pixels in the worst block of combed frames, 0 to 2 in others
_CONTRAST = 10  # levels between neighbouring rows of combing
_BLOCK = 16  # pixels: side of the blocks in which combed pixels are counted
_COMBED = 12  # combed pixels in some block of a combed frame
_MIN_COMBED = 0.04  # share of combed frames; fewer are hatching
_MAX_HATCHED = 0.5  # share of moving frames that hatching may comb; if field matching fails, more mean interlaced video
_MAX_REMAINING = 0.2  # share of combed frames that field matching may leave
_COPY = 0.25  # largest change of a duplicate frame, relative to the median change
_CYCLES, _SOME_CYCLES = 0.8, 0.2  # share of cycles that must have a duplicate, in all of a film and in a part of it


@dataclass(frozen=True)
class Restoration:
    """How progressive frames are restored from interlaced or telecined ones.

    Attributes:
        filters: ffmpeg's filters.
        telecined: whether one frame in five is dropped, so that the rate is four fifths.
        note: the note for the user, to follow the film's name.
        varies: whether one frame in five is dropped in parts of the film, so that the rate varies.
        video: whether frames are first shown at a constant rate, which they did not have.
    """

    filters: tuple[str, ...]
    telecined: bool
    note: str
    varies: bool = False
    video: bool = False


DEINTERLACE = Restoration(
    ("bwdif=mode=send_frame:deint=interlaced",), False, "is interlaced: each of its frames is made of one moment first"
)


def find_restoration(
    info: VideoInfo,
    rate: Fraction | None,
    *,
    flagged: bool,
    field: Fraction | None = None,
    begin: Fraction = Fraction(0),
) -> Restoration | None:
    """Detects interlaced and telecined films by combing.

    Args:
        info: the film.
        rate: its frames per second; None if not constant.
        flagged: whether its flags say that it is interlaced.
        field: seconds per field if frames are shown for two and three fields, see `find_field`.
        begin: the timestamp of the film's first frame in seconds.

    Returns:
        How to restore its frames; None if they are progressive.
    """
    deinterlace = DEINTERLACE if flagged else replace(DEINTERLACE, filters=("bwdif=mode=send_frame:deint=all",))
    before: tuple[str, ...] = ()
    if rate is None and field is not None:
        # soft telecine in a part of the film, and what another part is: first all becomes hard telecine
        rate = 1 / (2 * field)
        before = _make_video(field, begin)
    if rate not in RATES:
        return deinterlace if flagged else None
    combed, moving = _count_combed(_decode_stretches(info, before or ("null",)))
    if not combed:
        return deinterlace if flagged else None
    best: tuple[int, str, list[NDArray[np.uint8]]] | None = None
    for order in ("tff", "bff"):
        matched = _decode_stretches(info, (*before, f"fieldmatch=order={order}"))
        left, _ = _count_combed(matched)
        if best is None or left < best[0]:
            best = left, order, matched
    assert best is not None
    left, order, matched = best
    if left > _MAX_REMAINING * combed:  # interlaced, or hatching behind something that moves
        return deinterlace if flagged or combed > _MAX_HATCHED * moving else None
    filters = (*before, f"fieldmatch=order={order}")
    copies = 0.0 if rate == 25 else _share_copies(matched)
    if copies >= _CYCLES:
        note = "is telecined: its 24 drawings a second are taken back out of 30 frames"
        return Restoration((*filters, "decimate"), True, note, video=bool(before))
    if copies >= _SOME_CYCLES:
        # a rate from the file's rounded timestamps would not be exact
        exact = () if before else (f"fps={rate}",)
        return Restoration(
            (*exact, *filters, "decimate=mixed=1"),
            False,
            "is telecined in part: there, its 24 drawings a second are taken back out of 30 frames",
            varies=True,
            video=bool(before),
        )
    note = "has fields of neighbouring frames interleaved: they are matched again first"
    return Restoration(filters, False, note, video=bool(before))


def _make_video(field: Fraction, begin: Fraction) -> tuple[str, ...]:
    """Ffmpeg's filters that show frames of soft telecine for whole frames of video, each at least once."""
    # frames begin at multiples of half a frame of video; a quarter of one from the limits, rounding cannot matter
    frame = 2 * field
    late = (frame / 4 - begin) % (frame / 2)
    return f"setpts=PTS+{float(late):.9f}/TB", f"fps={1 / frame}:round=down"


def _decode_stretches(info: VideoInfo, filters: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Decodes a few stretches of a film in grey: (N, H, W) uint8 each."""
    assert info.head is not None
    picture = info.head.picture
    shape = (picture.width, picture.height) if picture.turned else (picture.height, picture.width)
    length = info.duration or 0.0
    whole = length * (info.fps or 25.0) < _STRETCH * (len(_PLACES) + 1)
    stretches = []
    for place in (0.0,) if whole else _PLACES:
        most = _STRETCH * (len(_PLACES) + 1) if whole else _STRETCH
        raw = decode_frames(
            info,
            file_input(info.path, info.decoder),
            f"{','.join(filters)},scale={shape[1]}:{shape[0]},format=gray",
            (*shape, 1),
            start=place * length,
        )
        with closing(raw) as frames:
            taken = [np.asarray(pixels[..., 0], np.uint8) for _, pixels in islice(frames, most)]
        stretches.append(np.stack(taken) if taken else np.zeros((0, *shape), np.uint8))
    return stretches


def _count_combed(stretches: Sequence[NDArray[np.uint8]]) -> tuple[int, int]:
    """Counts frames that are combed where they differ from the frame before, and frames that differ from it at all.

    The first count is 0 if there are so few that they may be hatching.
    """
    combed = moving = 0
    for frames in stretches:
        for before, frame in pairwise(frames):
            combed += is_combed(frame, before)
            moving += int(np.abs(frame.astype(np.int16) - before).max()) > _CONTRAST
    return combed if combed > _MIN_COMBED * sum(map(len, stretches)) else 0, moving


def is_combed(frame: NDArray[np.uint8], before: NDArray[np.uint8] | None = None) -> bool:
    """Returns whether a frame shows combing: four or more rows that are brighter and darker in turn.

    Args:
        frame: (H, W) uint8, grey.
        before: the frame before; only pixels that differ from it count. None counts all pixels.
    """
    values = frame.astype(np.int16)
    if frame.shape[0] < _BLOCK + 6 or frame.shape[1] < _BLOCK:
        return False
    above, below = values[1:-1] - values[:-2], values[1:-1] - values[2:]  # (H - 2, W)
    apart = (np.minimum(np.abs(above), np.abs(below)) > _CONTRAST) & ((above > 0) == (below > 0))
    bright = above > 0
    turns = bright[:-1] != bright[1:]
    rows = apart[:-3] & apart[1:-2] & apart[2:-1] & apart[3:] & turns[:-2] & turns[1:-1] & turns[2:]
    if before is not None:
        rows &= np.abs(values - before)[2:-3] > _CONTRAST
    height, width = (side // _BLOCK for side in rows.shape)
    blocks = rows[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK)
    return bool(blocks.sum((1, 3)).max(initial=0) >= _COMBED)


def _share_copies(stretches: Sequence[NDArray[np.uint8]]) -> float:
    """The share of cycles of five field-matched frames that have a duplicate, not counting cycles without motion."""
    found = total = 0
    for frames in stretches:
        steps = np.array([float(np.abs(b.astype(np.int16) - a).mean()) for a, b in pairwise(frames)])
        for begin in range(0, len(steps) - _CYCLE + 1, _CYCLE):
            cycle = np.sort(steps[begin : begin + _CYCLE])
            if cycle[-2] < 0.3:  # nothing moves
                continue
            total += 1
            found += cycle[0] <= _COPY * float(np.median(cycle))
    return found / max(1, total)


FIELDS = (Fraction(1001, 60000), Fraction(1, 60))
"""Seconds for which a field may be shown in video of 30 frames per second."""
_FILM = 5  # half fields per film frame
_LONGEST, _SHORTEST = 6, 4  # half fields for which film frames are shown
_EARLIER, _LATER = 2, 1  # half fields by which a frame's time may be moved
_ROUNDED = 0.0011  # seconds: largest difference of two timestamps that are rounded to milliseconds


def find_field(times: NDArray[np.int64], tick: Fraction) -> Fraction | None:
    """Finds how long a field is if frames of a film are shown for whole fields, some for two and some for three.

    Args:
        times: timestamps of all frames in ticks, ascending.
        tick: seconds per tick.

    Returns:
        One of FIELDS; None if frames are shown for other times.
    """
    off: dict[Fraction, float] = {}
    for field in FIELDS:
        fields = (times - times[0]) * float(tick / field)
        numbers = np.rint(fields)
        if np.isin((2, 3), np.diff(numbers)).all():
            off[field] = float(np.abs(fields - numbers).max()) * float(field)
    best = min(off, key=lambda field: off[field], default=None)
    return best if best is not None and off[best] <= _ROUNDED else None


def even_out(
    frames: Iterable[tuple[Fraction, T]], field: Fraction, begin: Fraction
) -> Generator[tuple[Fraction, T], None, None]:
    """Evens out timestamps of soft telecine, delayed by four frames.

    Of film frames that are shown for two and three fields, four take ten fields, in any order: 3:2, 2:3 or 2:3:3:2. As
    long as that goes on, they get equal steps, so that each moves by a field at most. Other frames keep their field.

    Args:
        frames: timestamps in seconds, ascending, and anything that belongs to them.
        field: seconds per field.
        begin: the timestamp of the film's first frame.

    Yields:
        The same with times that are exact multiples of half a field after `begin`.
    """
    source, ended = iter(frames), False
    ahead: deque[tuple[int, T]] = deque()
    cycles: deque[bool] = deque(maxlen=_FOUR)  # of the frames before: whether a cycle of four began there
    before: int | None = None  # the frame before, in half fields
    even: int | None = None  # where that has been put, if it is one of a run of film frames
    while True:
        while not ended and len(ahead) <= _FOUR:
            item = next(source, None)
            ended = item is None
            if item is not None:
                ahead.append((round(2 * (item[0] - begin) / field), item[1]))
        if not ahead:
            return
        places = [place for place, _ in ahead]
        place, found = ahead.popleft()
        even = even + _FILM if even is not None and any(cycles) else None
        if even is not None and not -_EARLIER <= even - place <= _LATER:
            even = None
        cycles.append(_is_cycle(places))
        # after video, film begins with three fields, as two may still be video
        unclear = before is not None and place - before == _SHORTEST and places[1:2] == [place + _SHORTEST]
        if even is None and cycles[-1] and not unclear:
            even = place if before is None else min(each - k * _FILM for k, each in enumerate(places))
        before = place
        yield begin + (place if even is None else even) * field / 2, found


def _is_cycle(places: Sequence[int]) -> bool:
    """Whether five places, in half fields, are those of four film frames and the next, for two or three fields each."""
    steps = [after - before for before, after in pairwise(places)]
    return len(steps) == _FOUR and sum(steps) == _FOUR * _FILM and set(steps) == {_SHORTEST, _LONGEST}
