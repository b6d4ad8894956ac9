"""Exposure sheets: a CSV file with the timing of each drawing and of the in-betweens that follow it.

    drawing,hold,inbetweens,on,spacing
    A1.png,2,3,1,ease-in
    A5.png,1,,2,0 0.2 0.5 1
    A9.png,12

- drawing: the file name of one of the given key frames. A key frame may be used more than once.
- hold: frames for which it is shown; default 1.
- inbetweens: number of drawings between this one and the next row's; default 0, unless `spacing` is a chart.
- on: frames for which each in-between is shown: 1 on ones, 2 on twos; default 1.
- spacing: the times of the in-betweens: an easing, as for `--spacing`, or a chart of times from 0 to 1, separated by
  spaces, which overrides `inbetweens`; default even.

Columns may be in any order, and all but `drawing` may be missing. Semicolons or tabs are accepted instead of commas;
lines that begin with # are comments.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.choices import EASINGS, MOST_FRAMES
from ..config.parsing import ease, read_spacing, read_whole, shorten
from ..engines.interface import Engine
from ..errors import ConfigError, InputError
from ..files import read_limited, shown
from ..media.frames import Frame
from .doubt import Watch
from .hints import Hints
from .pair import draw_segment
from .sequence import count_from

COLUMNS = ("drawing", "hold", "inbetweens", "on", "spacing")
_MOST_BYTES = 1 << 22
_REMEDY = "give a .csv with a line for each drawing"


@dataclass(frozen=True)
class SheetRow:
    """A row of an exposure sheet.

    Attributes:
        drawing: the key frame's file.
        hold: frames for which it is shown.
        times: times of the in-betweens, in [0, 1].
        on: frames for which each in-between is shown.
    """

    drawing: Path
    hold: int
    times: tuple[float, ...]
    on: int

    @property
    def frames(self) -> int:
        """The number of frames of the row."""
        return self.hold + self.on * len(self.times)


def read_sheet(path: Path, drawings: Sequence[Path], *, loop: bool = False) -> list[SheetRow]:
    """Reads an exposure sheet.

    Args:
        path: the file.
        drawings: the key frames that it may name.
        loop: whether the last row's in-betweens lead to the first row's drawing; without it, the last row has none.

    Raises:
        InputError: it cannot be read, or a line of it cannot be used; the message names the file and the line.
    """
    name = shown(path)
    known: dict[str, Path] = {}
    for drawing in drawings:
        known.setdefault(drawing.name, drawing)
    try:
        text = read_limited(path, _MOST_BYTES, "an exposure sheet", _REMEDY).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: cannot be read (no text in UTF-8); {_REMEDY}") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip(" ,;\t") and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise InputError(f"{name}: is empty; begin it with the line {','.join(COLUMNS)}")
    first = lines[0][1]
    mark = max(",;\t", key=first.count)
    head = [cell.strip().lower() for cell in _split(f"{name}: line {lines[0][0]}", first, mark)]
    for column in head:
        if column not in COLUMNS:
            raise InputError(
                f"{name}: line {lines[0][0]}: {shown(Path(column))!r} is no column; the first line names the columns, "
                f"out of {', '.join(COLUMNS)}"
            )
    if "drawing" not in head or len(set(head)) < len(head):
        raise InputError(
            f"{name}: line {lines[0][0]}: the first line must name each column once, and drawing among them"
        )
    rows = []
    for number, line in lines[1:]:
        where = f"{name}: line {number}"
        cells = [cell.strip() for cell in _split(where, line, mark)]
        if len(cells) > len(head):
            raise InputError(f"{where}: has {len(cells)} cells, and there are {len(head)} columns; check its commas")
        is_last = number == lines[-1][0] and not loop
        rows.append(_read_row(where, dict(zip(head, cells, strict=False)), known, is_last=is_last))
    if sum(row.frames for row in rows) > MOST_FRAMES:
        raise InputError(f"{name}: makes more than {MOST_FRAMES} frames; make a film of less at a time")
    return rows


def _split(where: str, line: str, mark: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=mark), [])
    except csv.Error as error:
        raise InputError(f"{where}: cannot be cut into cells ({error}); check its quotes and commas") from error


def _read_row(where: str, cells: dict[str, str], known: dict[str, Path], *, is_last: bool) -> SheetRow:
    """Reads one line; `where` begins its error messages.

    Raises:
        InputError: it cannot be used.
    """
    name = cells.get("drawing", "")
    if name not in known:
        some = ", ".join(shown(Path(each)) for each in list(known)[:3])
        found = f"there is no drawing {shown(Path(name))!r}" if name else "names no drawing"
        raise InputError(f"{where}: {found}; there are {len(known)}: {some}{', …' if len(known) > 3 else ''}")
    hold = _read_count(where, "hold", cells, 1, least=0)
    count = _read_count(where, "inbetweens", cells, None, least=0)
    on = _read_count(where, "on", cells, 1, least=1)
    spacing = " ".join(cells.get("spacing", "").replace(",", " ").replace(";", " ").split()) or EASINGS[0]
    try:
        chart = read_spacing(spacing if spacing in EASINGS else spacing.replace(" ", ","))
    except ConfigError as error:
        raise InputError(f"{where}: {str(error).replace('--spacing', 'spacing')}") from error
    if chart is not None:
        times = chart[1:-1]
        if count is not None and count != len(times):
            raise InputError(
                f"{where}: has {count} inbetweens, and {len(times)} times between 0 and 1 in its spacing; "
                "make them agree"
            )
    else:
        count = count or 0
        times = tuple(ease(k / (count + 1), spacing) for k in range(1, count + 1))
    if times and is_last:
        raise InputError(f"{where}: is the last, and has in-betweens to a next drawing; take them out, or add --loop")
    return SheetRow(known[name], 1 if hold is None else hold, times, on or 1)


def _read_count(where: str, column: str, cells: dict[str, str], default: int | None, *, least: int) -> int | None:
    text = cells.get(column, "")
    if not text:
        return default
    try:
        number = read_whole(text)
    except ValueError:
        number = -1
    if not least <= number <= MOST_FRAMES:
        raise InputError(f"{where}: {column} is {shorten(text)}, and a whole number from {least} on is needed")
    return number


def draw_sheet(
    rows: Sequence[SheetRow],
    keys: Sequence[Frame],
    engine: Engine,
    on_failure: str,
    *,
    loop: bool = False,
    hints: Hints | None = None,
    watch: Watch | None = None,
) -> Iterator[Frame]:
    """Draws the frames of a sheet.

    Args:
        rows: from `read_sheet`.
        keys: each row's drawing, all of one shape and type.
        engine: draws the in-betweens.
        on_failure: one of `config.choices.ON_FAILURE`.
        loop: draw also from the last row to the first.
        hints: the motion from a row's drawing to the next one's; rows count from 0.
        watch: called with each in-between as it is drawn; its number is that of the first frame that shows it.

    Returns:
        An iterator of frames in order.
    """
    done = 0
    for number, row in enumerate(rows):
        first = keys[number]
        for _ in range(row.hold):
            yield first
        following = number + 1 if number + 1 < len(rows) else 0
        if row.times and (loop or following):
            said = hints.of(number, following, first.shape[1], first.shape[0]) if hints else None
            numbers = [done + row.hold + k * row.on for k in range(len(row.times))]
            seen = None if watch is None else count_from(watch, numbers)
            count = len(row.times) + 2  # with both key frames
            part_times = hints.space_parts(number, following, count)[1:-1] if hints and said and said.parts else None
            drawn = draw_segment(first, keys[following], row.times, engine, on_failure, said, seen, part_times)
            for frame in drawn:
                for _ in range(row.on):
                    yield frame
        done += row.frames
