"""In-betweens that the user keeps, or replaces by a drawing: they are key frames from then on."""

import csv
import io
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath

from ..inbetween.exposure_sheet import COLUMNS, SheetRow
from .drawings import KeyFrame
from .settings import DrawSettings


@dataclass(frozen=True)
class Kept:
    """A frame that is kept.

    Attributes:
        drawing: the frame.
        first: the id of the key frame before it.
        last: the id of the one after it.
        t: its time between the two, in (0, 1).
    """

    drawing: KeyFrame
    first: str
    last: str
    t: float


@dataclass(frozen=True)
class Keys:
    """Key frames and kept frames in order, between which frames are drawn."""

    drawings: tuple[KeyFrame, ...]
    """All of them."""
    positions: tuple[float, ...]
    """Where they are: the number of the key frame before, and t after the point."""
    end: float
    """The position of the end: of the last one, or of the first one again where it loops."""

    @property
    def ids(self) -> list[str]:
        """The ids of all of them."""
        return [drawing.id for drawing in self.drawings]

    def find(self, position: float) -> tuple[int, int, float]:
        """The numbers of the key frames before and after a position, and t between the two."""
        number = min(bisect_right(self.positions, position), self._segments) - 1
        start, end = self.positions[number], (*self.positions, self.end)[number + 1]
        return number, (number + 1) % len(self.drawings), (position - start) / (end - start)

    @property
    def _segments(self) -> int:
        return len(self.drawings) - (self.positions[-1] == self.end)

    def plan(self, positions: Sequence[float]) -> list[SheetRow]:
        """An exposure sheet that draws the frames at `positions`, which are in order."""
        rows = []
        ends = (*self.positions, self.end)
        for number, (start, end) in enumerate(pairwise(ends)):
            times = tuple((at - start) / (end - start) for at in positions if start < at < end)
            rows.append(SheetRow(self.drawings[number].path, list(positions).count(start), times, 1))
        return rows


def arrange_keys(drawings: Sequence[KeyFrame], kept: Sequence[Kept], settings: DrawSettings) -> Keys:
    """Puts kept frames between their key frames.

    Each gets the time of the nearest in-between, so that it is shown whatever the spacing is. If two would have the
    same time, only the later one is used.
    """
    count = len(drawings)
    segments = max(0, count if settings.loop else count - 1)
    inner = settings.times[1:-1]
    found: list[KeyFrame] = []
    positions: list[float] = []
    for number, drawing in enumerate(drawings):
        found.append(drawing)
        positions.append(float(number))
        if number >= segments:
            continue
        names = drawing.id, drawings[(number + 1) % count].id
        placed = {
            min(inner, key=lambda time, t=frame.t: abs(time - t)) if inner else frame.t: frame.drawing  # type: ignore[misc]
            for frame in kept
            if (frame.first, frame.last) == names
        }
        for t in sorted(placed):
            if 0 < t < 1:
                found.append(placed[t])
                positions.append(number + t)
    return Keys(tuple(found), tuple(positions), float(segments))


def name_kept(drawings: Sequence[KeyFrame], kept: Sequence[Kept]) -> tuple[Kept, ...]:
    """Renames kept frames that have the name of a key frame or of another kept frame.

    They are downloaded together as files, and an exposure sheet finds them by their names.
    """
    taken = {drawing.name.casefold() for drawing in drawings}
    named = []
    for frame in kept:
        name, path = frame.drawing.name, PurePosixPath(frame.drawing.name)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        taken.add(name.casefold())
        named.append(replace(frame, drawing=replace(frame.drawing, name=name)))
    return tuple(named)


def write_sheet(rows: Sequence[SheetRow], names: Sequence[str]) -> str:
    """Rows as a file, under the drawings' own names."""
    made = io.StringIO()
    # all is quoted: without quotes, a line that begins with a name such as "#1.png" would be a comment
    sheet = csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\n")
    sheet.writerow(COLUMNS)
    for row, name in zip(rows, names, strict=True):
        chart = " ".join(f"{time:.6g}" for time in (0.0, *row.times, 1.0)) if row.times else ""
        sheet.writerow((name, row.hold, "", "", chart))
    return made.getvalue()
