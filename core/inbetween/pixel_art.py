"""Pixel art: in-betweens in the key frames' colours and on their grid, without half-transparent pixels.

Key frames are reduced to one pixel per cell, and enlarged so that an engine sees shapes instead of single pixels. In
the in-betweens that it draws, each cell gets the colour at its centre, rounded to the nearest colour of a palette, so
that shapes move by whole cells.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..engines.interface import Engine, Pair, Working
from ..errors import InputError
from ..files import reason, shown
from ..media.frames import Frame
from ..media.image_files import read_image

PALETTES = (".gpl", ".hex", ".pal")
"""Formats of palettes: GIMP's, hexadecimal numbers, and JASC's (Paint Shop Pro). Any image is a palette as well."""
_MOST_COLOURS = 4096
_MOST_BYTES = 1 << 20
_SIDE = 512  # approximate longer side, in pixels, to which key frames are enlarged for the engine
_MOST_TIMES = 15  # the largest factor of enlargement
_OPAQUE = 128  # the lowest alpha, of 255, of a pixel that counts as opaque
_CHUNK = 1 << 14  # pixels whose colours are mapped at once


@dataclass(frozen=True)
class Grid:
    """The grid of cells in an enlarged drawing; a cell is one pixel of the original.

    Attributes:
        cell: a cell's side in pixels.
        x: the column at which the first whole cell begins.
        y: the row at which it begins.
        uneven: whether the drawing seems to be enlarged by a factor that is not a whole number.
    """

    cell: int = 1
    x: int = 0
    y: int = 0
    uneven: bool = False

    def describe(self) -> str | None:
        """Returns a note for the user, without a full stop, or None if there is nothing to note."""
        if self.uneven:
            return (
                "the key frames seem to be enlarged by a factor that is not a whole number, so no grid was found and "
                "shapes move by single pixels; give the key frames at their original size"
            )
        if self.x or self.y:
            return f"the key frames' grid of {self.cell} pixels begins at {self.x},{self.y}; pixels before it are kept"
        return None


def find_grid(frames: Iterable[Frame]) -> Grid:
    """Finds the grid of drawings: the largest cells inside which the colour changes in none of them.

    Args:
        frames: (H, W) or (H, W, C), of one size.
    """
    steps: list[set[int]] = [set(), set()]  # rows, and columns, that differ from the previous one
    sides = (0, 0)
    narrow = False
    for frame in frames:
        values = frame.reshape(*frame.shape[:2], -1)
        sides = values.shape[:2]
        for axis in (0, 1):
            there = np.any(np.diff(values.astype(np.int32), axis=axis) != 0, axis=2)
            steps[axis] |= {int(at) + 1 for at in np.flatnonzero(there.any(1 - axis))}
            both = there[1:] & there[:-1] if axis == 0 else there[:, 1:] & there[:, :-1]
            narrow |= bool(both.any())
    cells, offsets = [], []
    for axis in (0, 1):
        places = sorted(steps[axis])
        cells.append(gcd(*(place - places[0] for place in places)) if len(places) > 1 else 0)
        offsets.append(places[0] if places else 0)
    cell = gcd(*cells)
    if cell <= 1:
        enlarged = not narrow and len(steps[0]) + len(steps[1]) > 8 and min(sides) >= 48
        return Grid(uneven=enlarged)
    return Grid(cell, offsets[1] % cell, offsets[0] % cell)


def read_palette(path: Path) -> NDArray[np.uint8]:
    """Reads the colours of a palette: .gpl, .hex, .pal, or those of an image; (N, 3), RGB.

    Raises:
        InputError: it cannot be read, or holds no colour, or more than 4096.
    """
    name = shown(path)
    if path.suffix.lower() in PALETTES:
        try:
            with path.open("rb") as file:
                text = file.read(_MOST_BYTES + 1)[:_MOST_BYTES].decode("utf-8-sig", "replace")
        except FileNotFoundError as error:
            raise InputError(f"{name}: there is no such file; check the name of the palette") from error
        except OSError as error:
            raise InputError(f"{name}: cannot be read ({reason(error)}); give another palette") from error
        colours = list(_list_colours(text, path.suffix.lower()))
    else:
        frame = read_image(path)
        values = frame if frame.dtype == np.uint8 else ((frame.astype(np.uint32) + 128) // 257).astype(np.uint8)
        values = values.reshape(-1, values.shape[2] if values.ndim == 3 else 1)
        if values.shape[1] == 4:
            values = values[values[:, 3] >= _OPAQUE, :3]
        found = np.unique(values, axis=0)
        rows = (row if len(row) == 3 else [row[0]] * 3 for row in found[: _MOST_COLOURS + 1])
        colours = [(int(red), int(green), int(blue)) for red, green, blue in rows]
    if not colours or len(colours) > _MOST_COLOURS:
        has = "no colour" if not colours else f"more than {_MOST_COLOURS} colours"
        raise InputError(f"{name}: has {has}; give a .gpl, .hex or .pal, or an image of few colours")
    return np.unique(np.array(colours, np.uint8), axis=0)


def _list_colours(text: str, suffix: str) -> Iterator[tuple[int, int, int]]:
    for line in text.splitlines():
        if suffix == ".hex":
            found = re.fullmatch(r"\s*#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})(?:[0-9a-fA-F]{2})?\s*", line)
            base = 16
        else:
            found = re.match(r"\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})(?:\s|$)", line)
            base = 10
        if found:
            red, green, blue = (min(255, int(part, base)) for part in found.groups())
            yield red, green, blue


class PixelArtEngine:
    """Draws pixel art by another engine; see the module's docstring."""

    def __init__(self, engine: Engine, palette: NDArray[np.uint8] | None = None, grid: Grid | None = None) -> None:
        """Wraps an engine.

        Args:
            engine: draws the enlarged frames.
            palette: (N, 3) the colours of in-betweens; None: those of the two key frames.
            grid: the drawings' grid; None: find it for each pair.
        """
        self._engine, self._palette, self._grid = engine, palette, grid
        self.name = engine.name

    def prepare(self, first: Working, last: Working) -> Pair:
        """Prepares a pair as the wrapped engine does: frames without a grid are drawn by it."""
        return self._engine.prepare(first, last)

    def prepare_frames(
        self,
        first: Frame,
        last: Frame,
        prepare: Callable[[Frame, Frame, Engine], Callable[[Sequence[float]], Iterator[Frame]]],
    ) -> Callable[[Sequence[float]], Iterator[Frame]]:
        """Prepares two frames.

        Args:
            first: a key frame.
            last: another one of the same shape and type.
            prepare: prepares two enlarged frames for the wrapped engine.
        """
        grid = self._grid or find_grid([first, last])
        shape = first.shape
        height, width = shape[:2]
        cell = grid.cell
        # pixels before the first whole cell, and after the last one, belong to cells that the edges cut
        rows, columns = (_middles(side, start, cell) for side, start in ((height, grid.y), (width, grid.x)))
        small = [_harden(frame.reshape(height, width, -1)[rows][:, columns]) for frame in (first, last)]
        channels = small[0].shape[2]
        colours = np.unique(np.concatenate([frame.reshape(-1, channels) for frame in small]), axis=0)
        if self._palette is not None:
            colours = _in_form(self._palette, colours)
        times_larger = min(_MOST_TIMES, max(1, round(_SIDE / max(small[0].shape[:2])))) // 2 * 2 + 1
        large = [frame.repeat(times_larger, 0).repeat(times_larger, 1) for frame in small]
        draw = prepare(large[0], large[1], self._engine)
        middle = slice(times_larger // 2, None, times_larger)
        back = [np.arange(side) for side in (height, width)]
        back = [
            np.clip((at - start) // cell + (start > 0), 0, None)
            for at, start in zip(back, (grid.y, grid.x), strict=True)
        ]

        def finish(frame: Frame) -> Frame:
            cells = _choose(frame.reshape(large[0].shape)[middle, middle], colours)
            return cells[back[0]][:, back[1]].reshape(shape)

        return lambda times: map(finish, draw(times))


def snap_colours(frame: Frame, colours: Frame) -> Frame:
    """Replaces each colour of a frame, (H, W, C), by the nearest of some colours, (N, C)."""
    return _choose(frame, colours)


def _middles(side: int, start: int, cell: int) -> NDArray[np.intp]:
    """Returns the index of one pixel of each cell along one side, in order."""
    begins = list(range(start, side, cell))
    if start:
        begins.insert(0, 0)
    return np.array(begins, np.intp)


def _harden(frame: Frame) -> Frame:
    """Makes alpha 0 or maximal in a frame, (H, W, C), and transparent pixels the same colour."""
    if frame.shape[2] != 4:
        return np.ascontiguousarray(frame)
    most = np.iinfo(frame.dtype).max
    opaque = frame[..., 3:] >= _OPAQUE * (most // 255)
    solid = np.concatenate([frame[..., :3], np.full_like(frame[..., 3:], most)], 2)
    return np.asarray(np.where(opaque, solid, 0)).astype(frame.dtype)


def _in_form(palette: NDArray[np.uint8], colours: Frame) -> Frame:
    """Converts a palette to the type and channels of some colours, (N, C); with transparency if these have it."""
    deep = 257 if colours.dtype == np.uint16 else 1
    values = palette.astype(np.uint32) * deep
    channels = colours.shape[1]
    if channels == 1:
        values = np.unique(np.rint(values @ np.array([[0.299], [0.587], [0.114]])).astype(np.uint32), axis=0)
    if channels == 4:
        values = np.concatenate([values, np.full((len(values), 1), 255 * deep, np.uint32)], 1)
        if (colours[:, 3] == 0).any():
            values = np.concatenate([np.zeros((1, 4), np.uint32), values])
    return values.astype(colours.dtype)


def _choose(cells: Frame, colours: Frame) -> Frame:
    """Returns the nearest of some colours for each cell, (h, w, C): alpha decides first, then the colour."""
    flat = cells.reshape(-1, cells.shape[2])
    chosen = np.empty_like(flat)
    solid, clear = colours, colours[:0]
    if cells.shape[2] == 4:
        solid, clear = colours[colours[:, 3] > 0], colours[colours[:, 3] == 0]
    opaque = np.ones(len(flat), bool)
    if cells.shape[2] == 4 and len(clear):
        opaque = flat[:, 3] >= _OPAQUE * (np.iinfo(cells.dtype).max // 255)
        if not len(solid):
            opaque[:] = False
        chosen[~opaque] = clear[0]
    where = np.flatnonzero(opaque)
    for start in range(0, len(where), _CHUNK):
        part = where[start : start + _CHUNK]
        values, inverse = np.unique(flat[part], axis=0, return_inverse=True)
        apart = np.abs(values[:, None, :3].astype(np.int64) - solid[None, :, :3])
        chosen[part] = solid[np.square(apart).sum(2).argmin(1)][inverse.ravel()]
    return chosen.reshape(cells.shape)
