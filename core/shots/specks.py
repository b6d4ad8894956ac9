"""Detects specks (dust and dirt) and scratches: small spots that appear in a single frame of a film.

A pixel is a candidate where the frame is much brighter, or much darker, than both neighbouring frames (the spike
detection index of Kokaram, "Motion Picture Restoration", 1998, section 6.2.1). Motion causes such differences as well.
So a speck must be small or thin, its surroundings must be static, and no similar spot may be near it in the frames
before and after, as there would be for a small moving object.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .registration import Array

# Set by hand on the cases of tests/shots/test_noise.py and the scans of docs/notebook/reports.md.
_SMOOTH = 0.7  # pixels: standard deviation of the blur before the comparison
_MIN_CONTRAST, _MIN_CONTRAST_GRAIN = 6.0, 4.5  # least contrast: levels, and multiple of the blurred difference's grain
_MAX_THICKNESS = 0.035  # of the shorter side
_MAX_AREA = 0.0016  # of the frame, except for scratches
_THICKNESS_FLOOR, _AREA_FLOOR = 5.0, 60  # pixels: the two limits above are never lower than this, for small frames
_ELONGATED = 6.0  # length relative to thickness from which a spot is a scratch or hair
_MIN_SCRATCH = 0.12  # of the shorter side: length from which an elongated spot is a scratch that crosses the frame
_RING = 3  # pixels: width of the ring around a speck in which nothing may change
_ISOLATED, _UNLIKE = 0.6, 0.35  # share of the ring that must differ from the speck, by this share of its contrast
_MAX_ASPECT, _MIN_FILLED = 1.6, 0.6  # a round spot's aspect ratio and share of its box; it needs half of _ISOLATED
_MAX_RING_CHANGE = 2.5  # largest mean change of the ring, relative to the grain plus one level
_NEARBY = 0.07  # of the longer side: distance within which spots of neighbouring frames are one moving object
_DILATION = 2  # pixels by which the mask of a speck is grown


class Spot(NamedTuple):
    """A spot that stands out from the frames before and after."""

    x: float
    y: float
    area: int
    level: float
    bright: bool
    source: int
    """Which frame shows the content behind it: -1 the one before, 1 the one after, 0 either."""
    line: tuple[float, float, float, float] | None
    """A scratch's direction (dx, dy) and a point (x, y) on it; None for other spots."""


class Spots(NamedTuple):
    """A frame's spots and the pixels that each covers."""

    spots: list[Spot]
    labels: Array
    """(H, W) int32: 1 + the spot's index in the list, 0 elsewhere."""


def find_spots(before: Array, here: Array, after: Array, grain: float) -> Spots:
    """Finds small spots that appear in one frame only, over static surroundings.

    Args:
        before: luma of the frame before, (H, W) float32 in levels, registered to `here`.
        here: luma of the frame itself.
        after: luma of the frame after, registered to `here`.
        grain: standard deviation of one frame's grain in levels, after a blur of one pixel.
    """
    blurred = [cv2.GaussianBlur(frame, (0, 0), _SMOOTH) for frame in (before, here, after)]
    one, other = blurred[1] - blurred[0], blurred[1] - blurred[2]
    least = max(_MIN_CONTRAST, _MIN_CONTRAST_GRAIN * 1.5 * grain)
    up, down = cv2.min(one, other), cv2.max(one, other)
    height, width = here.shape
    labels = np.zeros((height, width), np.int32)
    spots: list[Spot] = []
    side, quiet = min(height, width), _MAX_RING_CHANGE * (grain + 1)
    apart = [cv2.absdiff(blurred[1], blurred[other]) for other in (0, 2)]
    for bright, mask in ((True, up > least), (False, down < -least)):
        # hysteresis: a spot extends to half the threshold around its peak
        wide = (up > least / 2) if bright else (down < -least / 2)
        _, found, boxes, centres = cv2.connectedComponentsWithStats(wide.astype(np.uint8), connectivity=8)
        peaks = np.unique(found[mask])
        for index in peaks[peaks > 0]:
            x, y, w, h, area = boxes[index]
            long = float(np.hypot(w, h))
            thick = area / long
            if thick > max(_THICKNESS_FLOOR, _MAX_THICKNESS * side) or (
                area > max(_AREA_FLOOR, _MAX_AREA * height * width) and long < _ELONGATED * thick
            ):
                continue
            around = np.s_[max(0, y - _RING - 2) : y + h + _RING + 2, max(0, x - _RING - 2) : x + w + _RING + 2]
            inside = (found[around] == index).astype(np.uint8)
            near = cv2.dilate(inside, np.ones((3, 3), np.uint8), iterations=2)
            ring = cv2.dilate(near, np.ones((3, 3), np.uint8), iterations=_RING) > near
            if not ring.any():
                continue
            still = [float(off[around][ring].mean()) <= quiet for off in apart]
            if not any(still):
                continue
            source = 0 if all(still) else -1 if still[0] else 1
            level = float(here[around][inside > 0].mean())
            line = None
            if long >= _ELONGATED * thick and long >= _MIN_SCRATCH * side:
                points = np.argwhere(found[around] == index)[:, ::-1].astype(np.float32)
                dx, dy, px, py = (float(v) for v in cv2.fitLine(points, cv2.DIST_L2, 0, 0.01, 0.01).ravel())
                line = dx, dy, px + around[1].start, py + around[0].start
            # a speck differs from its surroundings in its own frame too; the edge of a moving object does not
            sign = 1 if bright else -1
            contrast = sign * float((up if bright else down)[around][inside > 0].mean())
            isolated = float((sign * (level - blurred[1][around][ring]) > _UNLIKE * contrast).mean())
            is_round = max(w, h) <= _MAX_ASPECT * min(w, h) and area >= _MIN_FILLED * w * h
            if line is None and isolated < (_ISOLATED / 2 if is_round else _ISOLATED):
                continue
            spots.append(
                Spot(float(centres[index][0]), float(centres[index][1]), int(area), level, bright, source, line)
            )
            labels[around][inside > 0] = len(spots)
    return Spots(spots, labels)


def choose_specks(here: Spots, before: Spots | None, after: Spots | None) -> list[int]:
    """Returns the indices of the spots that are specks.

    A spot with others nearby in both neighbouring frames is part of a moving object: specks are independent from frame
    to frame. If one neighbour is None, the other decides.
    """
    near = _NEARBY * max(here.labels.shape)
    chosen = []
    for number, spot in enumerate(here.spots):
        moves = [
            any(np.hypot(spot.x - other.x, spot.y - other.y) <= near for other in there.spots)
            for there in (before, after)
            if there is not None
        ]
        if not moves or not all(moves) or spot.line is not None:
            chosen.append(number)
    return chosen


def find_opposite(spot: Spot, others: Spots | None) -> int | None:
    """Returns the index of another frame's spot at the same position with the opposite sign; None if there is none.

    If only two frames show a drawing, a speck in one makes the content behind it stand out in the other.
    """
    if others is None:
        return None
    for number, other in enumerate(others.spots):
        far = np.hypot(spot.x - other.x, spot.y - other.y)
        if spot.bright != other.bright and far <= max(spot.area, other.area) ** 0.5:
            return number
    return None


def cover_specks(here: Spots, chosen: list[int]) -> Array:
    """Returns a mask of the chosen spots, (H, W) uint8: 1 + the spot's index on it and just around it, 0 elsewhere.

    Indices above 254 do not fit and are left out. Scratches are extended across the frame.
    """
    kept = np.zeros(len(here.spots) + 1, np.uint8)
    for number in chosen[: 2**8 - 2]:
        kept[number + 1] = min(number + 1, 2**8 - 1)
    mask = kept[here.labels]
    height, width = mask.shape
    for number in chosen:
        line = here.spots[number].line
        if line is not None:  # a scratch continues where it is too faint to be detected
            dx, dy, x, y = line
            far = height + width
            ends = [(round(x + sign * far * dx), round(y + sign * far * dy)) for sign in (-1, 1)]
            drawn = np.zeros_like(mask)
            cv2.line(drawn, ends[0], ends[1], 1, 1)
            mask[(drawn > 0) & (mask == 0)] = kept[number + 1]
    return np.asarray(cv2.dilate(mask, np.ones((2 * _DILATION + 1, 2 * _DILATION + 1), np.uint8)), np.uint8)
