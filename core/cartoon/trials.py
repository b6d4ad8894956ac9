"""Small drawn scenes with known in-betweens, each of a kind that interpolators get wrong.

Most have several similar things: if one appears or disappears, the others must not be pulled to its place. A trial can
draw its picture at any t, with and without what appears or disappears, since the moment of that is undefined.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
Spot = tuple[float, float]

WIDTH, HEIGHT = 480, 270
"""Size of every trial in pixels."""
_FINE = 3  # cells across a pixel
_BITS = 6  # fractional bits of coordinates handed to OpenCV
_SAME = 60  # sum over channels of the difference in levels up to which a pixel has the followed thing's colour
_LOST = 60.0  # largest distance in pixels of a pixel of the followed thing, also if it is missing
INK: Colour = (32, 26, 30)


@dataclass(frozen=True)
class Trial:
    """A scene of two key frames and everything between them."""

    name: str
    draw: Callable[[float, bool], Picture]
    """From t in [0, 1] and whether what comes has come (and what goes has gone) to (HEIGHT, WIDTH, 3) RGB."""
    mark: Colour | None = None
    """Colour of a thing that is followed, which nothing else in the picture has."""

    @property
    def ends(self) -> tuple[Picture, Picture]:
        """The two key frames."""
        return self.draw(0, False), self.draw(1, True)

    def find_truth(self, drawn: Picture, t: float) -> Picture:
        """The true picture at t that is nearest to a drawn one, with or without each thing that comes or goes.

        Args:
            drawn: (HEIGHT, WIDTH, 3).
            t: in [0, 1].
        """
        before, after = self.draw(t, False), self.draw(t, True)
        differs = (before != after).any(2)
        if not differs.any():
            return before
        _, labels = cv2.connectedComponents(cv2.dilate(differs.astype(np.uint8), np.ones((5, 5), np.uint8)))
        errors = [np.abs(drawn.astype(int) - truth).sum(2).ravel() for truth in (before, after)]
        sums = [np.bincount(labels.ravel(), error) for error in errors]
        return np.where((sums[1] < sums[0])[labels][..., None], after, before)

    def measure_error(self, drawn: Picture, t: float) -> float:
        """Mean absolute difference from the nearest truth, in levels of 255."""
        return float(np.abs(drawn.astype(int) - self.find_truth(drawn, t)).mean())

    def measure_place(self, drawn: Picture, t: float) -> float:
        """Distance of the followed thing from its true position, in pixels; NaN if none is followed.

        The mean distance of its drawn pixels to its true ones and back, so that a second one counts, and a missing one.
        """
        if self.mark is None:
            return float("nan")
        masks = [np.abs(frame.astype(int) - self.mark).sum(2) < _SAME for frame in (drawn, self.find_truth(drawn, t))]
        if not masks[0].any() or not masks[1].any():
            return 0.0 if masks[0].any() == masks[1].any() else _LOST
        away = [cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for mask in masks]
        return float((np.minimum(away[1], _LOST)[masks[0]].mean() + np.minimum(away[0], _LOST)[masks[1]].mean()) / 2)


class _Sheet:
    """A picture that is painted on, finer than it will be."""

    def __init__(self, ground: Colour | Picture) -> None:
        self.cells = np.empty((HEIGHT * _FINE, WIDTH * _FINE, 3), np.uint8)
        if isinstance(ground, tuple):
            self.cells[:] = ground
        else:
            self.cells[:] = cv2.resize(ground, (WIDTH * _FINE, HEIGHT * _FINE), interpolation=cv2.INTER_LINEAR)

    def fill(self, spots: list[Spot], colour: Colour, outline: float = 0, edge: Colour = INK) -> None:
        """A polygon, with an outline of so many pixels."""
        corners = self._place(spots)
        cv2.fillPoly(self.cells, [corners], colour, cv2.LINE_8, _BITS)
        if outline:
            cv2.polylines(self.cells, [corners], True, edge, round(outline * _FINE), cv2.LINE_8, _BITS)

    def box(self, x: float, y: float, w: float, h: float, colour: Colour, outline: float = 0) -> None:
        """A rectangle by its middle and sides."""
        self.fill([(x - w / 2, y - h / 2), (x + w / 2, y - h / 2), (x + w / 2, y + h / 2), (x - w / 2, y + h / 2)],
                  colour, outline)  # fmt: skip

    def disc(self, x: float, y: float, radius: float, colour: Colour, outline: float = 0) -> None:
        """A disc."""
        turns = np.linspace(0, 2 * pi, 72, endpoint=False)
        self.fill([(x + radius * cos(a), y + radius * sin(a)) for a in turns], colour, outline)

    def line(self, spots: list[Spot], colour: Colour, width: float, *, closed: bool = False) -> None:
        """A line through places."""
        cv2.polylines(self.cells, [self._place(spots)], closed, colour, round(width * _FINE), cv2.LINE_8, _BITS)

    def write(self, text: str, x: float, y: float, size: float, colour: Colour, width: float) -> None:
        """Words whose first letter's lower left corner is at (x, y)."""
        at = (round(x * _FINE), round(y * _FINE))
        cv2.putText(self.cells, text, at, cv2.FONT_HERSHEY_SIMPLEX, size * _FINE, colour, round(width * _FINE))

    def finish(self) -> Picture:
        """The picture."""
        return np.asarray(cv2.resize(self.cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)

    def _place(self, spots: list[Spot]) -> NDArray[np.int32]:
        places = (np.array(spots) * _FINE + (_FINE - 1) / 2) * (1 << _BITS)
        return np.asarray(np.round(places), np.int32)


def _gradient(top: Colour, low: Colour) -> Picture:
    part = np.linspace(0, 1, HEIGHT)[:, None, None]
    return np.broadcast_to((1 - part) * top + part * np.array(low) + 0.5, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def _hills(sheet: _Sheet, x: float) -> None:
    """A landscape with its left end at -x: hills, trees, a house; 640 pixels of it."""
    for centre, height, colour in ((60, 70, (120, 170, 110)), (300, 95, (100, 155, 100)), (560, 80, (125, 175, 105))):
        ridge = [(centre - 190 + k * 10, 240 - height * sin(pi * k / 38)) for k in range(39)]
        sheet.fill([(px - x, py) for px, py in ridge], colour, 2)
    sheet.box(320 - x, 258, 760, 40, (150, 130, 90), 2)
    for px, size in ((20, 1.0), (105, 0.7), (190, 1.2), (270, 0.8), (405, 1.1), (500, 0.9), (590, 1.0)):
        sheet.box(px - x, 228, 9 * size, 34 * size, (110, 75, 50), 2)
        sheet.disc(px - x, 205 - 8 * size, 22 * size, (60, 130 - round(20 * size), 70), 2)
    sheet.box(335 - x, 212, 62, 52, (225, 205, 170), 2)
    sheet.fill([(298 - x, 188), (335 - x, 158), (372 - x, 188)], (180, 70, 55), 2)
    sheet.box(335 - x, 222, 16, 32, (110, 80, 60), 2)


def _draw_dashes(t: float, changed: bool) -> Picture:
    """Lines of a text, in which one dash goes and another comes, beside a disc that rolls on."""
    sheet = _Sheet((244, 238, 224))
    for row in range(4):
        for k in range(11):
            gone = (row, k) == ((2, 4) if changed else (1, 6))
            if not gone:
                sheet.box(60 + 36 * k, 50 + 36 * row, 22, 6, INK)
    sheet.disc(80 + 60 * t, 226, 22, (70, 130, 190), 3)
    return sheet.finish()


def _draw_windows(t: float, changed: bool) -> Picture:
    """A house at night, in which lights go on and off while the camera passes by."""
    sheet = _Sheet(_gradient((24, 28, 60), (70, 60, 96)))
    x = -16 * t
    for px, r in ((40, 2), (130, 1.5), (210, 2), (330, 1.5), (440, 2)):
        sheet.disc(px + x / 2, 22 + px % 17, r, (240, 240, 210))
    sheet.box(246 + x, 160, 300, 240, (86, 74, 84), 3)
    for row in range(4):
        for k in range(7):
            lit = (row * 7 + k) % 5 in (0, 2) or (row, k) == (1, 3)
            if changed and (row, k) in ((1, 3), (2, 2), (2, 5), (0, 4)):
                lit = not lit
            sheet.box(126 + 40 * k + x, 76 + 48 * row, 22, 28, (250, 214, 110) if lit else (44, 42, 60), 2)
    return sheet.finish()


def _draw_buttons(t: float, changed: bool) -> Picture:
    """A man who steps aside and laughs: a button has come off his coat, and a tooth is missing."""
    sheet = _Sheet((170, 205, 215))
    x = 190 + 70 * t
    sheet.fill([(x - 70, 280), (x - 52, 140), (x + 52, 140), (x + 70, 280)], (150, 60, 70), 3)
    for k in range(5):
        if not (changed and k == 2):
            sheet.disc(x, 158 + 24 * k, 6, (240, 210, 90), 2)
    sheet.disc(x, 90, 56, (250, 212, 170), 3)
    for side in (-20, 20):
        sheet.disc(x + side, 76, 6, INK)
    sheet.box(x, 114, 64, 18, (120, 30, 40), 2)
    for k in range(6):
        if not (changed and k == 3):
            sheet.box(x - 25 + 10 * k, 112, 9, 13, (252, 250, 244), 1)
    return sheet.finish()


def _draw_ring(t: float, changed: bool) -> Picture:
    """A thin ring on water that grows and pales."""
    sheet = _Sheet((92, 150, 190))
    for k in range(3):
        sheet.line([(30 + 150 * k + s, 40 + 80 * (k % 2) + 3 * sin(s / 9)) for s in range(90)], (150, 195, 222), 2)
    radius = 26 + 44 * t
    part = 1 - 0.6 * t
    colour = tuple(round(part * c + (1 - part) * g) for c, g in zip((250, 250, 252), (92, 150, 190), strict=True))
    turns = np.linspace(0, 2 * pi, 90, endpoint=False)
    sheet.line([(240 + 1.5 * radius * cos(a), 150 + radius * sin(a)) for a in turns], colour, 3, closed=True)  # type: ignore[arg-type]
    return sheet.finish()


def _draw_tail(t: float, changed: bool) -> Picture:
    """A sitting cat that swings its tail, which has a dark tip."""
    sheet = _Sheet((236, 226, 196))
    sheet.box(240, 250, 500, 44, (178, 150, 110), 2)
    bend = -0.5 + 1.1 * t
    spots, angle, x, y = [], -0.55, 252.0, 222.0
    for k in range(30):
        spots.append((x, y))
        angle -= bend * 0.075 + 0.012 * (k > 15)
        x, y = x + 5 * cos(angle), y + 5 * sin(angle)
    for extra, parts in ((4.0, ((0, 30),)), (0.0, ((0, 30), (23, 30)))):
        for start, stop in parts:
            colour = INK if extra else ((222, 140, 60) if start == 0 else (96, 44, 24))
            sheet.line(spots[start:stop], colour, 15 + extra)
    sheet.fill([(150, 232), (160, 150), (192, 120), (236, 150), (262, 232)], (222, 140, 60), 3)
    sheet.disc(186, 104, 40, (222, 140, 60), 3)
    for side in (-1, 1):
        sheet.fill([(186 + 36 * side, 92), (186 + 34 * side, 42), (186 + 8 * side, 68)], (222, 140, 60), 3)
        sheet.disc(186 + 15 * side, 98, 6, INK)
    return sheet.finish()


def _draw_strip(t: float, changed: bool) -> Picture:
    """A striped ribbon that is pulled behind the fingers of a hand."""
    sheet = _Sheet((206, 216, 196))
    sheet.box(240, 130, 500, 54, (240, 236, 224), 2)
    for k in range(-4, 16):
        x = 40 * k + 30 * t
        colour = ((200, 70, 70), (70, 110, 180), (235, 185, 70))[k % 3]
        sheet.fill([(x, 106), (x + 16, 106), (x + 8, 154), (x - 8, 154)], colour)
    sheet.box(240, 241, 150, 70, (246, 206, 168), 3)
    for k in range(4):
        x = 183 + 38 * k
        sheet.fill([(x - 14, 240), (x - 13, 84), (x - 8, 72), (x + 8, 72), (x + 13, 84), (x + 14, 240)],
                   (246, 206, 168), 3)  # fmt: skip
        sheet.line([(x - 8, 150), (x + 8, 150)], (200, 140, 110), 2)
    return sheet.finish()


def _draw_subtitle(t: float, changed: bool) -> Picture:
    """A landscape that passes, and words that come over it."""
    sheet = _Sheet(_gradient((140, 190, 235), (225, 235, 240)))
    _hills(sheet, 30 + 44 * t)
    if changed:
        for colour, width in ((INK, 6.0), ((252, 252, 248), 2.2)):
            sheet.write("Where did they go?", 92, 250, 1.0, colour, width)
    return sheet.finish()


def _draw_figure(t: float, changed: bool) -> Picture:
    """A small figure that goes far in a wide sky."""
    sheet = _Sheet(_gradient((120, 170, 225), (230, 226, 205)))
    for x, y in ((90.0, 60.0), (370.0, 90.0), (250.0, 200.0)):
        for k in (-1, 0, 1):
            sheet.disc(x + 20 * k, y - 4 * (k == 0), 15 - 3 * abs(k), (246, 246, 244))
    x, y = 60.0 + 350 * t, 176.0 - 60 * t
    sheet.fill([(x - 7, y - 2), (x - 22, y - 9), (x - 15, y + 6)], (60, 70, 120), 1.5)
    sheet.fill([(x - 9, y + 4), (x + 2, y - 10), (x + 8, y + 4), (x + 4, y + 13)], (214, 40, 60), 1.5)
    sheet.disc(x + 7, y - 8, 6, (250, 212, 170), 1.5)
    return sheet.finish()


def _draw_bricks(t: float, changed: bool) -> Picture:
    """A brick wall and a fence that the camera passes, with a door and a poster by which to know how far."""
    sheet = _Sheet((186, 104, 82))
    x = -44 * t
    for row in range(10):
        y = 18 * row + 9
        sheet.line([(0, 18 * row), (WIDTH, 18 * row)], (222, 200, 180), 2)
        for k in range(-2, 20):
            px = 36 * k + 18 * (row % 2) + x
            sheet.line([(px, y - 9), (px, y + 9)], (222, 200, 180), 2)
    sheet.box(330 + x, 118, 70, 124, (70, 100, 86), 3)
    sheet.disc(354 + x, 124, 4, (230, 200, 90), 1)
    sheet.box(160 + x, 70, 64, 76, (240, 232, 206), 2)
    sheet.disc(160 + x, 66, 20, (60, 120, 180), 2)
    sheet.box(WIDTH / 2, 226, WIDTH + 20, 92, (150, 150, 140))
    for k in range(-2, 26):
        px = 24 * k + x
        sheet.fill([(px - 7, 280), (px - 7, 196), (px, 186), (px + 7, 196), (px + 7, 280)], (244, 240, 230), 2)
    for y in (212, 250):
        sheet.box(WIDTH / 2, y, WIDTH + 20, 8, (232, 226, 214), 1.5)
    return sheet.finish()


def _draw_screen(t: float, changed: bool) -> Picture:
    """A man who walks past a large screen, which changes from one picture to quite another."""
    sheet = _Sheet((196, 186, 170))
    sheet.box(190, 120, 340, 200, (40, 40, 46), 3)
    rng = np.random.default_rng(5 if changed else 3)
    sheet.box(190, 120, 316, 176, tuple(rng.integers(60, 220, 3).tolist()))
    for _ in range(26):
        x, y = 40 + 300 * rng.random(), 40 + 160 * rng.random()
        colour = tuple(rng.integers(0, 256, 3).tolist())
        turns = rng.random() * 7 + np.sort(rng.random(rng.integers(3, 7))) * 2 * pi
        sizes = rng.uniform(10, 34, len(turns))
        spots = [
            (min(346, max(34, x + s * cos(a))), min(206, max(34, y + s * sin(a))))
            for s, a in zip(sizes, turns, strict=True)
        ]
        sheet.fill(spots, colour, 2)
    x = 396 + 44 * t
    sheet.fill([(x - 22, 275), (x - 18, 150), (x + 18, 150), (x + 22, 275)], (60, 110, 90), 3)
    sheet.disc(x, 122, 26, (250, 212, 170), 3)
    sheet.disc(x - 9, 118, 4, INK)
    sheet.disc(x + 9, 118, 4, INK)
    return sheet.finish()


TRIALS = (
    Trial("dashes", _draw_dashes),
    Trial("windows", _draw_windows),
    Trial("buttons", _draw_buttons),
    Trial("ring", _draw_ring),
    Trial("tail", _draw_tail, (96, 44, 24)),
    Trial("strip", _draw_strip),
    Trial("subtitle", _draw_subtitle),
    Trial("figure", _draw_figure, (214, 40, 60)),
    Trial("bricks", _draw_bricks, (60, 120, 180)),
    Trial("screen", _draw_screen, (60, 110, 90)),
)
"""All trials."""


def find_trial(name: str) -> Trial:
    """The trial with that name."""
    return next(trial for trial in TRIALS if trial.name == name)
