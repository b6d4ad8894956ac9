"""Cuts a new film into segments that are drawn alone: at cuts where possible, never within a pair, of even cost.

Whether a segment ends before a frame depends only on the frames up to it. So a film that comes by standard input, which
is drawn while it is read, has the same segments as one that is planned before it is drawn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .timing import Exposure, FilmFrame

SEGMENT = 240
"""Cost of a segment. A frame costs 1 in a film on ones that is drawn at twice its rate."""
BORDERS = 1
"""Version of the rules by which segments end; another one makes other segments."""
# Measured at 1280x720 with the motion engine on 2 cores: 1.2 s to prepare a pair, 0.15 s for an in-between, and 0.01 s
# to encode a frame that is shown as it is.
_PAIR, _INBETWEEN, _SHOWN = 1.75, 0.25, 0.02
_EARLY = 0.75  # of a segment's cost, from which on it ends at a cut


@dataclass(frozen=True)
class NewFrame:
    """A frame of the new film, and the segment that it belongs to.

    Attributes:
        number: counts the new film's frames from 0.
        segment: counts its segments from 0.
        exposure: what it shows.
        before: the drawing before the pair that it is drawn from, of the same shot; None if there is none.
        cost: as `SEGMENT`.
    """

    number: int
    segment: int
    exposure: Exposure
    before: FilmFrame | None
    cost: float


def cut_segments(exposures: Iterable[Exposure]) -> Iterator[NewFrame]:
    """Yields the new film's frames with their segments."""
    pair: tuple[FilmFrame, FilmFrame] | None = None
    before: FilmFrame | None = None
    shown: FilmFrame | None = None
    segment, spent = 0, 0.0
    for number, exposure in enumerate(exposures):
        continues, cost = False, _SHOWN
        if exposure.last is not None:
            cost = _INBETWEEN
            continues = pair is not None and pair[0] is exposure.first and pair[1] is exposure.last
            if not continues:
                joins = pair is not None and pair[1] is exposure.first and not exposure.first.cut
                before = pair[0] if joins and pair is not None else None
                pair = exposure.first, exposure.last
                cost += _PAIR
        cut = exposure.first.cut and exposure.first is not shown
        if not continues and number and (spent >= SEGMENT or (cut and spent >= _EARLY * SEGMENT)):
            segment, spent = segment + 1, 0.0
        shown, spent = exposure.first, spent + cost
        yield NewFrame(number, segment, exposure, before if exposure.last is not None else None, cost)
