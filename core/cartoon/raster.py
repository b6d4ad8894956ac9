"""From a drawing to pixels, and to the exact motion between two moments.

A picture is drawn in two steps: first each patch's number into a fine grid (`FINE` cells across a pixel), then colours
by these numbers, averaged over each pixel. The number at a pixel's centre is that of the visible patch, whose two
placements give the pixel's exact motion.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .drawing import Drawing, Moment
from .geometry import SHEET
from .lettering import letter
from .styles import Style
from .textures import TILE, texture

FINE = 3
"""Cells across a pixel; odd, so that one cell holds the pixel's centre."""
SHIFT = 6
"""Fractional bits of vertices handed to OpenCV."""
EMPTY = 65535
"""A cell on which nothing was drawn."""


@dataclass(frozen=True)
class Cel:
    """A drawing at one moment on a grid of pixels."""

    moment: Moment
    cells: NDArray[np.uint16]
    """(FINE H, FINE W): number of the patch on top."""
    patches: NDArray[np.uint16]
    """(H, W): the same at pixel centres."""
    fine: int

    @property
    def scale(self) -> float:
        """Pixels per unit."""
        return float(self.patches.shape[0] / SHEET)


def cover(drawing: Drawing, moment: Moment, width: int, height: int, fine: int = FINE, title: str = "") -> Cel:
    """Finds which patch is on top, in every cell.

    Args:
        drawing: what to draw; of fewer than 65535 patches.
        moment: where it is.
        width: pixels across; the sheet's middle is the picture's middle.
        height: pixels down; they show the whole height of the sheet.
        fine: cells across a pixel, an odd number.
        title: words over the picture; they are the patch after the last one, and do not move.
    """
    cells = np.full((height * fine, width * fine), EMPTY, np.uint16)
    scale = height * fine / SHEET
    centre = np.array([width * fine / 2 - 0.5, height * fine / 2 - 0.5])
    # far beyond the picture OpenCV's fixed-point numbers overflow
    spots = np.clip(moment.vertices * scale + centre, -20000, 20000)
    corners = np.round(spots * (1 << SHIFT)).astype(np.int32)
    runs = drawing.runs.tolist()
    for patch in _find_inside(drawing, spots, width * fine, height * fine):
        start, stop = runs[patch]
        if stop - start == 3:
            cv2.fillConvexPoly(cells, corners[start:stop], patch, cv2.LINE_8, SHIFT)
        else:
            cv2.fillPoly(cells, [corners[start:stop]], patch, cv2.LINE_8, SHIFT)
    if title:
        solid = letter(title, width, height)[..., 3] > 127
        cells[np.repeat(np.repeat(solid, fine, 0), fine, 1)] = len(drawing.runs)
    return Cel(moment, cells, np.ascontiguousarray(cells[fine // 2 :: fine, fine // 2 :: fine]), fine)


def _find_inside(drawing: Drawing, spots: NDArray[np.float64], width: int, height: int) -> list[int]:
    """Patches that may show a cell of the grid, in painting order."""
    starts = drawing.runs[drawing.in_order, 0]
    low, high = np.minimum.reduceat(spots, starts, axis=0), np.maximum.reduceat(spots, starts, axis=0)
    near = (high[:, 0] >= -1) & (high[:, 1] >= -1) & (low[:, 0] <= width) & (low[:, 1] <= height)
    inside: list[int] = np.sort(drawing.in_order[near]).tolist()
    return inside


def colour(drawing: Drawing, cel: Cel, style: Style, title: str = "") -> NDArray[np.uint8]:
    """Colours a covered grid: (H, W, 3) RGB."""
    picture = _paint(drawing, cel, style)
    if title:
        height, width = cel.patches.shape
        words = letter(title, width, height)
        part = words[..., 3:].astype(np.uint16)
        picture = ((picture * (255 - part) + words[..., :3] * part + 127) // 255).astype(np.uint8)
    return picture


def cut_out(drawing: Drawing, cel: Cel, style: Style) -> NDArray[np.uint8]:
    """Colours a cel that does not cover all of its grid: (H, W, 4) RGBA, premultiplied."""
    height, width = cel.patches.shape
    solid = (cel.cells != EMPTY).astype(np.uint8) * 255
    alpha = np.asarray(cv2.resize(solid, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    # empty cells are black in the average, as premultiplied colours need; gradients are not
    colours = np.minimum(_paint(drawing, cel, style), alpha[..., None])
    return np.concatenate([colours, alpha[..., None]], -1)


def _paint(drawing: Drawing, cel: Cel, style: Style) -> NDArray[np.uint8]:
    table = np.zeros((EMPTY + 1, 4), np.uint8)
    table[: len(drawing.colours), :3] = drawing.colours
    packed = table.view(np.uint32)[:, 0]
    height, width = cel.patches.shape
    fine = np.take(packed, cel.cells, mode="clip").view(np.uint8).reshape(height * cel.fine, width * cel.fine, 4)
    flat = np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), np.uint8)[..., :3]
    if not (drawing.lower.any() or drawing.grains.any()):
        return np.ascontiguousarray(flat)
    return _surface(drawing, cel, style, flat)


def _surface(drawing: Drawing, cel: Cel, style: Style, flat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Adds gradients and texture, which move with the patches."""
    height, width = cel.patches.shape
    count = len(drawing.runs) + 1  # and the title
    # from the sheet back to each patch's rest, then from pixels: (patches, 2, 3)
    back = invert(cel.moment.motion)
    rest = np.empty_like(back)
    rest[:, :, :2] = back[:, :, :2] / cel.scale
    rest[:, :, 2] = back[:, :, 2] - back[:, :, :2] @ (np.array([width, height]) / 2 / cel.scale)
    down = np.einsum("pk,pkj->pj", drawing.slopes[:, :2], rest)
    down[:, 2] += drawing.slopes[:, 2]
    number = np.minimum(cel.patches, count - 1).reshape(-1)
    # most of a picture is flat: only the pixels on graded or grained patches are computed
    graded = drawing.lower.any(1)
    there = np.flatnonzero(np.take(graded | (drawing.grains > 0), number))
    if not len(there):
        return np.ascontiguousarray(flat)
    number = number[there]
    x, y = (there % width + 0.5).astype(np.float32), (there // width + 0.5).astype(np.float32)
    surface = flat.reshape(-1, 3)[there].astype(np.float32)
    if graded.any():
        slope = np.take(down.astype(np.float32), number, axis=0)
        part = slope[:, 0] * x + slope[:, 1] * y + slope[:, 2]
        np.clip(part, 0, 1, out=part)
        surface += np.take(drawing.lower, number, axis=0) * part[:, None]
    if drawing.grains.any():
        # one unit of the sheet is drawn on two texture pixels; each piece has its own corner of the texture
        table = np.empty((count, 6), np.float32)
        table[:, :3] = rest[:, 0] * (2 / style.grain_size)
        table[:, 3:] = rest[:, 1] * (2 / style.grain_size)
        table[:, 2] += drawing.pieces * 37.0 % TILE
        table[:, 5] += drawing.pieces * 91.0 % TILE
        row = np.take(table, number, axis=0)
        across = row[:, 0] * x + row[:, 1] * y + row[:, 2]
        along = row[:, 3] * x + row[:, 4] * y + row[:, 5]
        surface *= (1 + _sample(style.texture, across, along) * np.take(drawing.grains, number))[:, None]
    np.clip(surface, 0, 255, out=surface)
    picture = np.ascontiguousarray(flat).reshape(-1, 3)
    picture[there] = surface + 0.5
    return picture.reshape(height, width, 3)


def _sample(name: str, across: NDArray[np.float32], along: NDArray[np.float32]) -> NDArray[np.float32]:
    """A texture at places, (N,), which go round at its sides; between texels it is interpolated."""
    grain = texture(name)
    rows = len(across) // TILE + 1  # OpenCV samples pictures, and none wider than 32767
    padded = np.zeros((2, rows * TILE), np.float32)
    padded[0, : len(across)], padded[1, : len(along)] = across % TILE, along % TILE
    maps = padded.reshape(2, rows, TILE)
    taken = cv2.remap(grain, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(taken, np.float32).reshape(-1)[: len(across)]


def invert(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverts affine maps (..., 2, 3); one without area gets the zero map."""
    a, b, x = motion[..., 0, 0], motion[..., 0, 1], motion[..., 0, 2]
    c, d, y = motion[..., 1, 0], motion[..., 1, 1], motion[..., 1, 2]
    area = a * d - b * c
    one = np.where(np.abs(area) < 1e-12, 0.0, 1 / np.where(np.abs(area) < 1e-12, 1.0, area))
    back = np.empty_like(motion)
    back[..., 0, 0], back[..., 0, 1] = d * one, -b * one
    back[..., 1, 0], back[..., 1, 1] = -c * one, a * one
    back[..., 0, 2] = (b * y - d * x) * one
    back[..., 1, 2] = (c * x - a * y) * one
    return back
