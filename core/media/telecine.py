"""Detects and reverses telecine (3:2 pulldown): films of 24 frames per second in video of 30.

**Hard telecine** interleaves the fields of neighbouring film frames. Of every five video frames, two show combing where
something moves, and one film frame appears twice. Flags do not report it reliably. So a few stretches of the film are
decoded. If they show combing, ffmpeg's field matching is tried in both field orders. If it removes the combing and
leaves one duplicate in five frames, the film was telecined.

**Soft telecine** stores the film frames unchanged and shows them for three and two fields in turn. Only their
timestamps need correction.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from .decode import VideoInfo, decode_frames
from .ffmpeg import file_input

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(30))
"""Frame rates of video that may be interlaced."""
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
_CYCLES = 0.8  # share of cycles that must have a duplicate


@dataclass(frozen=True)
class Restoration:
    """How progressive frames are restored from interlaced or telecined ones.

    Attributes:
        filters: ffmpeg's filters.
        telecined: whether one frame in five is dropped, so that the rate is four fifths.
        note: the note for the user, to follow the film's name.
    """

    filters: tuple[str, ...]
    telecined: bool
    note: str


DEINTERLACE = Restoration(
    ("bwdif=mode=send_frame:deint=interlaced",), False, "is interlaced: each of its frames is made of one moment first"
)


def find_restoration(info: VideoInfo, rate: Fraction | None, *, flagged: bool) -> Restoration | None:
    """Detects interlaced and telecined films by combing.

    Args:
        info: the film.
        rate: its frames per second; None if not constant.
        flagged: whether its flags say that it is interlaced.

    Returns:
        How to restore its frames; None if they are progressive.
    """
    deinterlace = DEINTERLACE if flagged else replace(DEINTERLACE, filters=("bwdif=mode=send_frame:deint=all",))
    if rate not in RATES:
        return deinterlace if flagged else None
    combed, moving = _count_combed(_decode_stretches(info, "null"))
    if not combed:
        return deinterlace if flagged else None
    best: tuple[int, str, list[NDArray[np.uint8]]] | None = None
    for order in ("tff", "bff"):
        matched = _decode_stretches(info, f"fieldmatch=order={order}")
        left, _ = _count_combed(matched)
        if best is None or left < best[0]:
            best = left, order, matched
    assert best is not None
    left, order, matched = best
    if left > _MAX_REMAINING * combed:  # interlaced, or hatching behind something that moves
        return deinterlace if flagged or combed > _MAX_HATCHED * moving else None
    filters = (f"fieldmatch=order={order}",)
    if rate != 25 and _has_copies(matched):
        return Restoration(
            (*filters, "decimate"), True, "is telecined: its 24 drawings a second are taken back out of 30 frames"
        )
    return Restoration(filters, False, "has fields of neighbouring frames interleaved: they are matched again first")


def _decode_stretches(info: VideoInfo, filters: str) -> list[NDArray[np.uint8]]:
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
            f"{filters},scale={shape[1]}:{shape[0]},format=gray",
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


def _has_copies(stretches: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether nearly every cycle of five field-matched frames has a duplicate, not counting cycles without motion."""
    found = total = 0
    for frames in stretches:
        steps = np.array([float(np.abs(b.astype(np.int16) - a).mean()) for a, b in pairwise(frames)])
        for begin in range(0, len(steps) - _CYCLE + 1, _CYCLE):
            cycle = np.sort(steps[begin : begin + _CYCLE])
            if cycle[-2] < 0.3:  # nothing moves
                continue
            total += 1
            found += cycle[0] <= _COPY * float(np.median(cycle))
    return total > 0 and found >= _CYCLES * total


FIELD = Fraction(1001, 60000)
"""Seconds per field of NTSC video."""
_ROUNDED = Fraction(2, 1000)  # seconds: tolerance of timestamps, as Matroska stores milliseconds


def is_pulled_down(before: Fraction, after: Fraction) -> bool:
    """Returns whether a frame comes after three fields and stays for two, and so is half a field late."""
    return abs(before - 3 * FIELD) <= _ROUNDED and abs(after - 2 * FIELD) <= _ROUNDED


def even_out(times: Sequence[Fraction]) -> list[Fraction]:
    """Corrects timestamps of frames that are shown for three and two fields in turn to equal steps.

    Args:
        times: timestamps of all frames in seconds, ascending.
    """
    even = list(times)
    for k in range(1, len(times)):
        # for the last frame, assume that the pattern continues
        after = times[k + 1] - times[k] if k + 1 < len(times) else times[k - 1] - times[max(0, k - 2)]
        if is_pulled_down(times[k] - times[k - 1], after):
            even[k] = times[k] - FIELD / 2
    return even
