"""Dirt, dust and scratches: what stands in one frame of a film only, over what is there before and after.

A pixel is suspected where the frame is brighter, or darker, than both of its neighbours by far (the spike detection
index of Kokaram, "Motion Picture Restoration", 1998, section 6.2.1). What moves does that as well; so a speck must be
small or thin, what is around it must stand still, and nothing like it may be near it before and after, as where a small
thing goes its way.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .registration import Array

_SMOOTH = 0.7  # pixels: standard deviation of the blur before the comparison
_LEAST, _OF_GRAIN = 6.0, 4.5  # levels by which a speck must stand out, and times the grain of the blurred difference
_THICK = 0.035  # of the shorter side: thicker things are no dirt
_ROUND = 0.0016  # of the picture, that a speck may cover unless it is a scratch, which is ...
_LEAST_THICK, _LEAST_ROUND = 5.0, 60  # pixels: in small pictures, specks of three pixels are larger than that
_LONG = 6.0  # ... so many times longer than thick
_SCRATCH = 0.12  # of the shorter side, from which on a thin thing is a scratch, which leads through the whole picture
_RING = 3  # pixels around a speck, in which nothing may change
_ALONE, _UNLIKE = 0.6, 0.35  # of the ring must be unlike the speck, by so much of what it stands out by
_OVAL, _FILLED = (
    1.6,
    0.6,
)  # ratio of the sides of a spot that is round, and what it fills of its box: half of that is asked
_QUIET = 2.5  # times the grain: what the mean of the ring may differ by, and as many levels
_NEAR = 0.07  # of the longer side: within it, what else stands out before and after belongs together
_GROWN = 2  # pixels that are added around what stands out


class Spot(NamedTuple):
    """What stands out in one frame."""

    x: float
    y: float
    area: int
    level: float
    bright: bool
    source: int
    """Which frame shows what is behind it: -1 the one before, 1 the one after, 0 either."""
    line: tuple[float, float, float, float] | None
    """Of a scratch: its direction and a point on it, both as x and y."""


class Spots(NamedTuple):
    """All of them, each with the pixels that it covers."""

    spots: list[Spot]
    labels: Array
    """(H, W) int32: 1 + the spot's place in the list, 0 elsewhere."""


def find_spots(before: Array, here: Array, after: Array, grain: float) -> Spots:
    """Finds small things that stand in one frame only, over what stands still.

    Args:
        before: (H, W) float32 luma, brought to where and as `here` is.
        here: the frame.
        after: as `before`.
        grain: standard deviation of one frame's noise in levels, blurred by a pixel.
    """
    blurred = [cv2.GaussianBlur(frame, (0, 0), _SMOOTH) for frame in (before, here, after)]
    one, other = blurred[1] - blurred[0], blurred[1] - blurred[2]
    least = max(_LEAST, _OF_GRAIN * 1.5 * grain)
    up, down = cv2.min(one, other), cv2.max(one, other)
    height, width = here.shape
    labels = np.zeros((height, width), np.int32)
    spots: list[Spot] = []
    side, quiet = min(height, width), _QUIET * (grain + 1)
    apart = [cv2.absdiff(blurred[1], blurred[other]) for other in (0, 2)]
    for bright, mask in ((True, up > least), (False, down < -least)):
        # what is fainter around a peak belongs to it
        wide = (up > least / 2) if bright else (down < -least / 2)
        _, found, boxes, centres = cv2.connectedComponentsWithStats(wide.astype(np.uint8), connectivity=8)
        peaks = np.unique(found[mask])
        for index in peaks[peaks > 0]:
            x, y, w, h, area = boxes[index]
            long = float(np.hypot(w, h))
            thick = area / long
            if thick > max(_LEAST_THICK, _THICK * side) or (
                area > max(_LEAST_ROUND, _ROUND * height * width) and long < _LONG * thick
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
            if long >= _LONG * thick and long >= _SCRATCH * side:
                points = np.argwhere(found[around] == index)[:, ::-1].astype(np.float32)
                dx, dy, px, py = (float(v) for v in cv2.fitLine(points, cv2.DIST_L2, 0, 0.01, 0.01).ravel())
                line = dx, dy, px + around[1].start, py + around[0].start
            # it stands alone in its own frame as well; the edge of something that moves does not
            way = 1 if bright else -1
            contrast = way * float((up if bright else down)[around][inside > 0].mean())
            alone = float((way * (level - blurred[1][around][ring]) > _UNLIKE * contrast).mean())
            is_round = max(w, h) <= _OVAL * min(w, h) and area >= _FILLED * w * h
            if line is None and alone < (_ALONE / 2 if is_round else _ALONE):
                continue
            spots.append(
                Spot(float(centres[index][0]), float(centres[index][1]), int(area), level, bright, source, line)
            )
            labels[around][inside > 0] = len(spots)
    return Spots(spots, labels)


def choose_specks(here: Spots, before: Spots | None, after: Spots | None) -> list[int]:
    """Which of what stands out in a frame are specks, as places in its list.

    A spot near which others stand out in both frames around is part of a thing that moves: specks lie anywhere. Where
    a neighbour is unknown, the other decides.
    """
    near = _NEAR * max(here.labels.shape)
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
    """The place in another frame's list of what stands out the other way where a spot is; None: there is none.

    Where two frames alone show one drawing, a speck of the one makes what it hides stand out in the other.
    """
    if others is None:
        return None
    for number, other in enumerate(others.spots):
        far = np.hypot(spot.x - other.x, spot.y - other.y)
        if spot.bright != other.bright and far <= max(spot.area, other.area) ** 0.5:
            return number
    return None


def cover_specks(here: Spots, chosen: list[int]) -> Array:
    """Where specks are, (H, W) uint8: 1 + the place of one in the list, on it and a little around it; 0 elsewhere."""
    kept = np.zeros(len(here.spots) + 1, np.uint8)
    for number in chosen[: 2**8 - 2]:
        kept[number + 1] = min(number + 1, 2**8 - 1)
    mask = kept[here.labels]
    height, width = mask.shape
    for number in chosen:
        line = here.spots[number].line
        if line is not None:  # a scratch goes on where it is too faint to stand out
            dx, dy, x, y = line
            far = height + width
            ends = [(round(x + way * far * dx), round(y + way * far * dy)) for way in (-1, 1)]
            drawn = np.zeros_like(mask)
            cv2.line(drawn, ends[0], ends[1], 1, 1)
            mask[(drawn > 0) & (mask == 0)] = kept[number + 1]
    return np.asarray(cv2.dilate(mask, np.ones((2 * _GROWN + 1, 2 * _GROWN + 1), np.uint8)), np.uint8)
