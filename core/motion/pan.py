"""Finds a ground that pans as a whole: the picture within standing bars, and by how much it moves."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from .grid import Array, find_overlap, fit_size, max_of_channels

# Chosen on the drawn cats of docs/RESULTS.md, with chases of core.cartoon as what must not be taken for a pan.
_SIDE = 200  # longest side of the picture in which a pan is sought, in pixels
_DARK = 48  # levels: a bar is not lighter; a plain sky or floor is part of the picture
_BAR, _ODD = 12.0, 0.01  # levels by which a bar's pixels may differ from its colour, and the share that may differ more
_LEAST_PICTURE = 0.55  # of a side is not bars
_SMALLEST = 32  # pixels a side: less is not searched
_PEAKS, _AROUND = 8, 2  # highest peaks of the phase correlation that are tried, and pixels around each that it covers
_LEAST, _MOST = 0.008, 0.35  # of the longer side: lengths of pans
_SAME = np.array([12.0, 12.0, 12.0, 0.0])  # levels of each colour up to which a pixel is the same
_TEXTURE = 8.0  # levels of slope from which on a place can show that it moves
_FITS, _BETTER = 0.5, 0.03  # a ground's fit is this at least, and by so much better than at rest
_TRIED, _APART = 2, 4.0  # pans at most, and pixels of the small picture by which they differ at least
_BLOCK, _DRAWN = 10, 0.05  # pixels of the small picture: side of a block, and its share that must be textured
_MIDDLE = 0.1  # weight of a block in the middle, where one at the border has 1 more
_WORST = 40  # levels: more is not worse
_WHOLE = 0.2  # of a pixel: a shift so close to whole pixels is taken to be whole, which leaves the ground sharp
_REACH = 2  # pixels up to which a shift is sought in the pictures as they are
_ENOUGH = 200_000  # pixels of a picture by which a shift is judged: of larger ones, not every row
_AROUND_IT = np.ones((3, 3), np.uint8)


class Pan(NamedTuple):
    """A ground that pans."""

    box: tuple[slice, slice]
    """The picture, rows and columns, without bars."""
    shift: tuple[float, float]
    """How far its ground moves from the first frame to the last, in pixels, (dx, dy)."""

    @property
    def moves(self) -> bool:
        """Whether the ground moves at all."""
        return self.shift != (0.0, 0.0)

    def lay_over(self, picture: Array, under: Array, share: float) -> Array:
        """Moves a picture along as `carry` does, and shows another one where it is not known."""
        moved, known = self.carry(picture, share)
        return np.asarray(cv2.copyTo(moved, known, under.copy()))

    def carry(self, picture: Array, share: float, flags: int = cv2.INTER_CUBIC) -> tuple[Array, Array]:
        """Moves a picture of the box's size along, (H, W) or (H, W, C).

        Args:
            picture: any picture.
            share: of the shift, -1 back from the last frame to the first.
            flags: OpenCV's interpolation.

        Returns:
            The picture, and which of its pixels are known: (H, W) uint8, 1 or 0.
        """
        height, width = picture.shape[:2]
        dx, dy = share * self.shift[0], share * self.shift[1]
        move = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        size = (width, height)
        moved = cv2.warpAffine(picture, move, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        x, y = np.arange(width) - dx, np.arange(height) - dy
        known = ((y > -0.5) & (y < height - 0.5))[:, None] & ((x > -0.5) & (x < width - 0.5))
        return np.asarray(moved), known.astype(np.uint8)


class _Compared:
    """The first of two small pictures and what of the last one it is compared with, at any shift."""

    def __init__(self, one: Array, other: Array) -> None:
        """Takes two pictures of one size, (H, W, 3) uint8."""
        self.pictures = one, other
        self._steep = _find_texture(one).astype(np.float32)
        # half a pixel of the small picture may be wrong, so a place may also be what is beside it
        self._low = cv2.subtract(cv2.erode(other, _AROUND_IT), _SAME)
        self._high = cv2.add(cv2.dilate(other, _AROUND_IT), _SAME)

    def halve(self) -> "_Compared":
        """The same at half the size."""
        one, other = (cv2.resize(each, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for each in self.pictures)
        return _Compared(one, other)

    def measure_fit(self, shift: tuple[float, float]) -> float:
        """How well the last picture shows the textured places of the first one at a shift, in whole pixels: in [0, 1].

        It is a mean over blocks, as a figure is textured more densely than a ground, which is in more of them. Blocks
        weigh more towards the two borders that the pan runs to and from, as there is seldom a figure.
        """
        here, there = find_overlap(self._steep.shape, round(shift[0]), round(shift[1]))
        one, steep = self.pictures[0][here], self._steep[here]
        same = cv2.inRange(one, self._low[there], self._high[there])
        size = max(1, one.shape[1] // _BLOCK), max(1, one.shape[0] // _BLOCK)
        drawn = cv2.resize(steep, size, interpolation=cv2.INTER_AREA)
        fits = cv2.resize(cv2.copyTo(steep, same), size, interpolation=cv2.INTER_AREA)
        within = drawn > _DRAWN
        if not within.any():
            return 0.0
        along = int(abs(shift[0]) >= abs(shift[1]))
        places = np.linspace(-1, 1, drawn.shape[along])
        weights = np.broadcast_to(np.abs(places) if along else np.abs(places)[:, None], drawn.shape)[within] + _MIDDLE
        return float(np.average(fits[within] / drawn[within], weights=weights))


STANDS = Pan((slice(None), slice(None)), (0.0, 0.0))
"""A ground that stands."""


def find_pans(first: Array, last: Array) -> list[Pan]:
    """Finds the likeliest pans of a ground between two frames, (H, W, 3) uint8: two at most, the likelier one first.

    The other may be the motion of a figure that fills much of the picture.
    """
    box = _find_picture(first, last)
    first, last = (np.ascontiguousarray(frame[box]) for frame in (first, last))
    height, width = first.shape[:2]
    if min(height, width) < _SMALLEST:
        return []
    size = fit_size(first.shape, _SIDE)
    small = _Compared(*(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first, last)))
    least = max(_FITS, small.measure_fit((0, 0)) + _BETTER)
    if least > 1:
        return []
    found = _choose(small, [*_find_peaks(*small.pictures), *_find_level(small)], least)
    x, y = width / size[0], height / size[1]
    shifts = [_refine(first, last, (dx * x, dy * y), int(np.ceil(max(x, y)))) for dx, dy in found]
    return [Pan(box, shift) for shift in dict.fromkeys(shifts)]


def _choose(pictures: _Compared, shifts: list[tuple[float, float]], least: float) -> list[tuple[float, float]]:
    """The shifts that fit best, and by at least `least`, which are not close to each other."""
    found: list[tuple[float, float]] = []
    for fit, (dx, dy) in sorted(((pictures.measure_fit(shift), shift) for shift in shifts), reverse=True):
        if fit >= least and all(np.hypot(dx - x, dy - y) > _APART for x, y in found) and len(found) < _TRIED:
            found.append((dx, dy))
    return found


def _find_level(pictures: _Compared) -> list[tuple[float, float]]:
    """The best of all level shifts; phase correlation misses some of them beside a large figure."""
    half = pictures.halve()
    reach = int(_MOST * half.pictures[0].shape[1])
    rough = _choose(half, [(float(dx), 0.0) for dx in range(-reach, reach + 1) if dx], 0.0)
    return [(2 * dx + step, 0.0) for dx, _ in rough for step in (-1, 0, 1)]


def _find_picture(first: Array, last: Array) -> tuple[slice, slice]:
    """The frame without bars: rows and columns at its borders that are of one dark colour, the same in both frames."""
    box = []
    for axis in range(2):
        low, high = 0, first.shape[axis]
        for corner, place in (((0, 0), 0), ((-1, -1), -1)):
            if first[corner].max() > _DARK:
                continue
            drawn = _find_drawn((first, last), first[corner], axis)
            if len(drawn):
                low, high = (int(drawn[0]), high) if place == 0 else (low, int(drawn[-1]) + 1)
        box.append(slice(low, high) if high - low > _LEAST_PICTURE * first.shape[axis] else slice(0, first.shape[axis]))
    return box[0], box[1]


def _find_drawn(frames: tuple[Array, Array], colour: Array, axis: int) -> Array:
    """The rows or columns, as `axis` says, that have another colour than that of a bar in either frame."""
    odd = [(max_of_channels(cv2.absdiff(frame, np.full_like(frame, colour))) > _BAR).mean(1 - axis) for frame in frames]
    return np.flatnonzero(np.maximum(*odd) > _ODD)


def _find_peaks(one: Array, other: Array) -> list[tuple[float, float]]:
    """The highest peaks of the phase correlation of two small pictures, as shifts in their pixels."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (one, other)]
    height, width = grey[0].shape
    longest = max(height, width)
    window = cv2.createHanningWindow((width, height), cv2.CV_32F) ** 0.5
    spectra: list[Any] = [np.fft.rfft2((part - part.mean()) * window) for part in grey]
    cross = spectra[1] * np.conj(spectra[0])
    surface: Array = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-3), s=(height, width))
    surface = np.asarray(cv2.GaussianBlur(surface.astype(np.float32), (3, 3), 0.8))
    peaks = []
    for _ in range(_PEAKS):
        y, x = (int(place) for place in np.unravel_index(surface.argmax(), surface.shape))
        dy, dx = (y + height // 2) % height - height // 2, (x + width // 2) % width - width // 2
        if _LEAST * longest <= np.hypot(dx, dy) <= _MOST * longest:
            peaks.append((float(dx), float(dy)))
        rows, columns = (np.arange(place - _AROUND, place + _AROUND + 1) for place in (y, x))
        surface[np.ix_(rows % height, columns % width)] = -1
    return peaks


def _find_texture(picture: Array) -> Array:
    """Where a picture can show that it moves: (H, W) bool."""
    return np.asarray(max_of_channels(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, _AROUND_IT)) > _TEXTURE)


def _refine(first: Array, last: Array, shift: tuple[float, float], reach: int) -> tuple[float, float]:
    """A shift to fractions of a pixel: where textured places differ least, up to what a figure may differ by.

    Args:
        first: (H, W, 3) uint8.
        last: of the same shape.
        shift: in pixels.
        reach: pixels by which it may be wrong.
    """
    (x, y), measure = find_least(first, last, _find_texture(first), shift, reach, _WORST)
    found = []
    for place, values in (
        (x, [measure(x + step, y) for step in (-1, 0, 1)]),
        (y, [measure(x, y + step) for step in (-1, 0, 1)]),
    ):
        lower, higher = values[0] - values[1], values[2] - values[1]
        # between two whole pixels the difference rises evenly at both sides
        part = 0.5 * (lower - higher) / max(lower, higher, 1e-6)
        found.append(place + (part if abs(part) > _WHOLE else 0.0))
    return found[0], found[1]


def find_least(
    first: Array, last: Array, on: Array, shift: tuple[float, float], reach: int, worst: int
) -> tuple[tuple[int, int], Callable[[int, int], float]]:
    """Finds by how many whole pixels something moves: where two pictures differ least.

    Args:
        first: (H, W, 3) uint8.
        last: of the same shape.
        on: where it is in the first one, (H, W) bool.
        shift: a guess, in pixels.
        reach: pixels by which that may be wrong.
        worst: levels: more is not worse.

    Returns:
        The shift (dx, dy), and a function that gives the mean difference at a shift.
    """
    rows = np.s_[:: max(1, on.size // _ENOUGH)]

    @cache
    def measure(dx: int, dy: int) -> float:
        here, there = find_overlap(on.shape, dx, dy)
        off = max_of_channels(cv2.absdiff(first[here][rows], last[there][rows]))
        off = np.minimum(off[on[here][rows]], worst)
        return float(off.mean(dtype=np.float64)) if off.size else worst

    if reach > _REACH:  # most shifts are ruled out at half the size, in a quarter of the time
        here, there, within = (
            cv2.resize(part, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            for part in (first, last, on.view(np.uint8) * np.uint8(255))
        )
        (x, y), _ = find_least(here, there, within > 127, (shift[0] / 2, shift[1] / 2), -(-reach // 2), worst)
        shift, reach = (2 * x, 2 * y), _REACH
    x, y = round(shift[0]), round(shift[1])
    for _ in range(2):
        x = min(range(x - reach, x + reach + 1), key=lambda dx: measure(dx, y))
        y = min(range(y - reach, y + reach + 1), key=lambda dy: measure(x, dy))
    return (x, y), measure
