"""Films of 24 drawings a second in television of 30 frames: found by what is seen, and taken back.

**Hard telecine** weaves the fields of neighbouring film frames into one video frame: of every five frames, two show
combs where something moves, and one drawing comes twice. Flags say nothing of it, or the wrong thing. So a few
stretches of the film are decoded. Where they show combs, ffmpeg's field matching is tried in both orders of fields. If
it removes the combs and leaves one copy in five, the film was telecined.

**Soft telecine** stores the film frames as they were, and shows them for three and two fields in turn: only their times
have to be put right.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from .decode import VideoInfo, decode_frames
from .ffmpeg import read_file

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(30))
"""Frames a second at which television shows two fields a frame."""
_CYCLE = 5  # frames of video for four of film
_STRETCH = 60  # frames that are looked at in one place: twelve cycles
_PLACES = (0.1, 0.45, 0.8)  # of the film's length
# Tuned on drawn cats in MPEG-2 and H.264: 58 to 109 pixels in the worst block of combed frames, 0 to 2 in others
_CONTRAST = 10  # levels between neighbouring rows in a comb
_BLOCK = 16  # side of the blocks in which combs are counted
_COMBED = 12  # pixels of a block that are in combs
_LEAST_COMBED = 0.04  # share of frames with combs, up to which they are taken for hatching
_MOST_HATCHED = 0.5  # share of moving frames that may seem to have combs where fields do not fit; more are interlaced
_LEFT = 0.2  # share of the combs that field matching may leave
_COPY = 0.25  # share of the usual change from frame to frame, up to which a frame is a copy
_CYCLES = 0.8  # share of cycles that must have one


@dataclass(frozen=True)
class Restoration:
    """How a film's frames become what was drawn.

    Attributes:
        filters: for ffmpeg.
        telecined: one frame in five is left out: the rate is four fifths.
        words: what is said of it.
    """

    filters: tuple[str, ...]
    telecined: bool
    words: str


DEINTERLACE = Restoration(
    ("bwdif=mode=send_frame:deint=interlaced",), False, "is interlaced: each of its frames is made of one moment first"
)


def find_restoration(info: VideoInfo, rate: Fraction | None, *, flagged: bool) -> Restoration | None:
    """Looks for combs in a film.

    Args:
        info: the film.
        rate: its frames a second.
        flagged: it says that it is interlaced.

    Returns:
        What to do; None where frames are whole.
    """
    deinterlace = DEINTERLACE if flagged else replace(DEINTERLACE, filters=("bwdif=mode=send_frame:deint=all",))
    if rate not in RATES:
        return deinterlace if flagged else None
    woven, moving = _count_combed(_look(info, "null"))
    if not woven:
        return deinterlace if flagged else None
    best: tuple[int, str, list[NDArray[np.uint8]]] | None = None
    for order in ("tff", "bff"):
        matched = _look(info, f"fieldmatch=order={order}")
        left, _ = _count_combed(matched)
        if best is None or left < best[0]:
            best = left, order, matched
    assert best is not None
    left, order, matched = best
    if left > _LEFT * woven:  # no two fields belong together, or it is hatching that something moves over
        return deinterlace if flagged or woven > _MOST_HATCHED * moving else None
    filters = (f"fieldmatch=order={order}",)
    if rate != 25 and _has_copies(matched):
        return Restoration(
            (*filters, "decimate"), True, "is telecined: its 24 drawings a second are taken back out of 30 frames"
        )
    return Restoration(filters, False, "has fields of neighbouring frames woven together: they are sorted out first")


def _look(info: VideoInfo, filters: str) -> list[NDArray[np.uint8]]:
    """A few stretches of a film in grey: (N, H, W) each."""
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
            read_file(info.path, info.decoder),
            f"{filters},scale={shape[1]}:{shape[0]},format=gray",
            (*shape, 1),
            start=place * length,
        )
        with closing(raw) as frames:
            taken = [np.asarray(pixels[..., 0], np.uint8) for _, pixels in islice(frames, most)]
        stretches.append(np.stack(taken) if taken else np.zeros((0, *shape), np.uint8))
    return stretches


def _count_combed(stretches: Sequence[NDArray[np.uint8]]) -> tuple[int, int]:
    """How many frames show combs where they differ from the frame before, and how many differ from it at all.

    The first is 0 where there are so few that they may be hatching.
    """
    combed = moving = 0
    for frames in stretches:
        for before, frame in pairwise(frames):
            combed += is_combed(frame, before)
            moving += int(np.abs(frame.astype(np.int16) - before).max()) > _CONTRAST
    return combed if combed > _LEAST_COMBED * sum(map(len, stretches)) else 0, moving


def is_combed(frame: NDArray[np.uint8], before: NDArray[np.uint8] | None = None) -> bool:
    """Whether a frame has a place where rows alternate: four and more that are brighter and darker in turn.

    Args:
        frame: (H, W), grey.
        before: another; what is as it was in it does not count. None: all of the frame does.
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
    """Whether nearly every five frames that are matched hold one that comes twice, where anything moves."""
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
"""Seconds from one field of television to the next."""
_ROUNDED = Fraction(2, 1000)  # seconds by which times may be off: Matroska keeps milliseconds


def is_pulled_down(before: Fraction, after: Fraction) -> bool:
    """Whether a frame comes after three fields and stays for two, so that it should have come half a field earlier."""
    return abs(before - 3 * FIELD) <= _ROUNDED and abs(after - 2 * FIELD) <= _ROUNDED


def even_out(times: Sequence[Fraction]) -> list[Fraction]:
    """Puts times right that are those of film shown for three and two fields in turn.

    Args:
        times: of all frames, in seconds, rising.
    """
    even = list(times)
    for k in range(1, len(times)):
        # the last frame has none behind it, and goes as those before it do
        after = times[k + 1] - times[k] if k + 1 < len(times) else times[k - 1] - times[max(0, k - 2)]
        if is_pulled_down(times[k] - times[k - 1], after):
            even[k] = times[k] - FIELD / 2
    return even
