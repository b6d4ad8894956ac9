"""Finds small objects that move far over a static background, such as a bird in the sky, which cell matching misses.

If two drawings differ in a few small regions only, each region is where an object was, or where it is now. An object of
one region in the first drawing that is found at another in the last has moved there, unless there are many similar
objects: in a row of dashes, one that disappears and one that appears are not the same.

Thresholds were set by hand on the cases of tests/motion/test_small_things.py.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .grid import Array, fit_size, max_of_channels, mean_of_channels

SIDE = 320
"""Longest side in pixels of the picture in which regions are compared."""
_CHANGED = 24  # levels in any channel: smallest difference of a changed pixel
_LEAST, _MOST = 12, 0.11  # an object's least area in pixels, and its largest side relative to the picture's longer one
_PLACES = 12  # largest number of changed regions
_GROWTH = 1.5  # largest ratio of sides of two regions that may be the same object
_ROOM = 4  # pixels around a region in which its object is searched
_GROUND, _AMISS = 4, 3  # pixels around an object that are compared, and the tolerance of its shift
_FITS = 22.0  # levels, root mean square: largest difference of the same object
_ALIKE = 0.6  # share of an object's contrast by which a similar object may differ
_BETTER = 1.5  # factor by which every other region must fit worse


class SmallThing(NamedTuple):
    """An object at one position in the first drawing and at another in the last, over a background that both show."""

    boxes: tuple[tuple[int, int, int, int], tuple[int, int, int, int]]
    """Its box (x, y, width, height) in each drawing in pixels, with some background around it."""
    masks: tuple[Array, Array]
    """(height, width) float32 each, in [0, 1]: its mask within the box."""
    shift: tuple[float, float]
    """(dx, dy) from the first drawing to the last, in pixels."""


def find_small_things(first: Array, last: Array) -> list[SmallThing]:
    """Finds small objects that move farther than their own size.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
    """
    size = fit_size(first.shape, SIDE)
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR) for frame in (first, last)]
    changed = (max_of_channels(cv2.absdiff(*frames)) > _CHANGED).astype(np.uint8)
    differs = cv2.dilate(changed, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(differs)
    most = _MOST * max(size)
    index = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= _LEAST and stats[k, 2:4].max() <= most]
    if len(index) < 2 or count - 1 > _PLACES:
        return []
    boxes = {k: tuple(int(v) for v in stats[k, :4]) for k in index}  # x, y, w, h
    masks = {k: (labels[y : y + h, x : x + w] == k).astype(np.float32) for k, (x, y, w, h) in boxes.items()}
    errors = np.full((len(index), len(index)), np.inf)
    shifts = np.zeros((len(index), len(index), 2))
    for i, here in enumerate(index):
        for j, there in enumerate(index):
            if i != j and _may_be_one(boxes[here], boxes[there]):
                errors[i, j], shifts[i, j] = _compare(frames, boxes[here], masks[here], boxes[there])
    found = []
    extent = np.array([first.shape[1] / size[0], first.shape[0] / size[1]])
    for i, here in enumerate(index):
        j = int(errors[i].argmin())
        others = np.concatenate([np.delete(errors[i], j), np.delete(errors[:, j], i)])
        if errors[i, j] > _FITS or others.min(initial=np.inf) < _BETTER * errors[i, j] + 4:
            continue
        if any(_has_alike(frames, k, boxes[place], masks[place]) for k, place in ((0, here), (1, index[j]))):
            continue
        found.append(_trace(first, last, boxes[here], boxes[index[j]], shifts[i, j], extent))
    return found


def _may_be_one(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two boxes, (x, y, w, h), have similar sizes."""
    return all(max(a, b) <= _GROWTH * min(a, b) + 2 for a, b in zip(one[2:], other[2:], strict=True))


def _compare(
    frames: list[Array], here: tuple[int, ...], mask: Array, there: tuple[int, ...]
) -> tuple[float, tuple[float, float]]:
    """Matches the object in one box of the first frame to another box of the last: error in levels, shift in pixels."""
    x, y, w, h = here
    height, width = frames[0].shape[:2]
    left, top = max(0, there[0] - _ROOM), max(0, there[1] - _ROOM)
    right, low = min(width, there[0] + max(w, there[2]) + _ROOM), min(height, there[1] + max(h, there[3]) + _ROOM)
    if right - left < w or low - top < h:
        return np.inf, (0.0, 0.0)
    thing = frames[0][y : y + h, x : x + w]
    # only the object itself: the background does not move
    away = mean_of_channels(cv2.absdiff(thing, frames[1][y : y + h, x : x + w]))
    mask = mask * (away > _CHANGED / 2)
    if mask.sum() < _LEAST / 2:
        return np.inf, (0.0, 0.0)
    scores = cv2.matchTemplate(
        frames[1][top:low, left:right].astype(np.float32), thing.astype(np.float32), cv2.TM_SQDIFF,
        mask=np.dstack([mask] * 3),
    )  # fmt: skip
    best = np.unravel_index(scores.argmin(), scores.shape)
    error = float(np.sqrt(max(0.0, scores[best]) / (3 * mask.sum())))
    return error, (left + float(best[1]) - x, top + float(best[0]) - y)


def _has_alike(frames: list[Array], number: int, box: tuple[int, ...], mask: Array) -> bool:
    """Whether a frame has an object similar to the one in a box elsewhere too; the other frame shows its background."""
    x, y, w, h = box
    frame, other = (cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) for part in (frames[number], frames[1 - number]))
    thing, ground = frame[y : y + h, x : x + w], other[y : y + h, x : x + w]
    if min(w, h) >= 8:  # half as fine is fine enough, and takes a sixteenth of the time
        x, y, w, h = x // 2, y // 2, w // 2, h // 2
        frame = cv2.resize(frame, (frame.shape[1] // 2, frame.shape[0] // 2), interpolation=cv2.INTER_AREA)
        thing, ground, mask = (cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA) for part in (thing, ground, mask))
    contrast = float((np.square(thing.astype(np.float32) - ground) * mask).sum())
    scores = cv2.matchTemplate(frame.astype(np.float32), thing.astype(np.float32), cv2.TM_SQDIFF, mask=mask)
    scores[max(0, y - h // 2) : y + h // 2 + 1, max(0, x - w // 2) : x + w // 2 + 1] = np.inf
    # the same thing on other parts of its pixels differs at its outline
    return float(scores.min()) < _ALIKE**2 * contrast


def _trace(
    first: Array, last: Array, here: tuple[int, ...], there: tuple[int, ...], shift: Array, scale: Array
) -> SmallThing:
    """Finds a thing's outline and shift in the full picture."""
    boxes, masks = [], []
    for x, y, w, h in (here, there):
        left, top = max(0, int(x * scale[0]) - _GROUND), max(0, int(y * scale[1]) - _GROUND)
        right = min(first.shape[1], int(np.ceil((x + w) * scale[0])) + _GROUND)
        low = min(first.shape[0], int(np.ceil((y + h) * scale[1])) + _GROUND)
        box = np.s_[top:low, left:right]
        solid: Array = (max_of_channels(cv2.absdiff(first[box], last[box])) > _CHANGED / 2).astype(np.uint8)
        outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(solid, outlines, -1, 1, cv2.FILLED)  # what has the ground's colour inside belongs to it
        solid = cv2.dilate(solid, np.ones((3, 3), np.uint8))
        boxes.append((left, top, right - left, low - top))
        masks.append(cv2.blur(solid.astype(np.float32), (3, 3)))
    return SmallThing((boxes[0], boxes[1]), (masks[0], masks[1]), _align(first, last, boxes, masks, shift * scale))


def _align(
    first: Array, last: Array, boxes: list[tuple[int, int, int, int]], masks: list[Array], shift: Array
) -> tuple[float, float]:
    """Brings a thing's shift from the accuracy of a smaller picture to that of a pixel."""
    x, y, w, h = boxes[0]
    best, found = np.inf, (float(shift[0]), float(shift[1]))
    for dy in range(-_AMISS, _AMISS + 1):
        for dx in range(-_AMISS, _AMISS + 1):
            left, top = round(float(shift[0])) + x + dx, round(float(shift[1])) + y + dy
            if left < 0 or top < 0 or left + w > first.shape[1] or top + h > first.shape[0]:
                continue
            apart = mean_of_channels(cv2.absdiff(first[y : y + h, x : x + w], last[top : top + h, left : left + w]))
            error = float((apart * masks[0]).sum())
            if error < best:
                best, found = error, (float(left - x), float(top - y))
    return found
