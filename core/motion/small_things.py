"""Small things that go far over a ground that stays: a bird in a wide sky is smaller than what is matched otherwise.

Where only a few small places of two drawings differ, each is either where a thing was or where it is. What was at one
place in the first drawing and is at another in the last has moved there, unless the drawings are full of such things:
of a row of dashes, one that goes and one that comes are not the same.
"""

import cv2
import numpy as np

from .grid import Array, mean_of_channels
from .segments import Carried

SIDE = 320
"""Longest side of the picture in which places are compared, in pixels."""
_CHANGED = 24  # levels of 255 in any channel by which a place differs
_LEAST, _MOST = 12, 0.02  # pixels, and share of the picture
_PLACES = 24  # that may differ; where more do, it is not a few small things that move
_GROWTH = 1.5  # ratio of sides up to which two places may be of one thing
_ROOM = 4  # pixels around a place in which its thing is searched for
_FITS = 22.0  # levels, root of the mean square, up to which it is the same thing
_BETTER = 1.5  # times that any other place fits worse


def find_small_things(first: Array, last: Array) -> list[Carried]:
    """Finds small things that have moved farther than they are large, as `find_transforms` gives pieces.

    Args:
        first: (h, w, 3) uint8 RGB.
        last: the same shape.
    """
    scale = min(1.0, SIDE / max(first.shape[:2]))
    size = (max(8, round(first.shape[1] * scale)), max(8, round(first.shape[0] * scale)))
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first, last)]
    differs = (cv2.absdiff(*frames).max(2) > _CHANGED).astype(np.uint8)
    differs = cv2.dilate(differs, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(differs)
    index = [k for k in range(1, count) if _LEAST <= stats[k, cv2.CC_STAT_AREA] <= _MOST * size[0] * size[1]]
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
    extent = np.array(size, float)
    for i, here in enumerate(index):
        j = int(errors[i].argmin())
        others = np.concatenate([np.delete(errors[i], j), np.delete(errors[:, j], i)])
        if errors[i, j] > _FITS or others.min(initial=np.inf) < _BETTER * errors[i, j] + 4:
            continue
        if _has_alike(frames[0], boxes[here], masks[here], _FITS) or _has_alike(
            frames[1], boxes[index[j]], masks[index[j]], _FITS
        ):
            continue
        x, y, w, h = boxes[here]
        transform = np.hstack([np.eye(2), (shifts[i, j] / extent)[:, None]])
        centre = np.array([x + w / 2, y + h / 2]) / extent
        parts = ((labels == here).astype(np.float32), (labels == index[j]).astype(np.float32))
        found.append(Carried(transform, centre, *parts, sure=True))
    return found


def _may_be_one(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two places, (x, y, w, h), are about as large."""
    return all(max(a, b) <= _GROWTH * min(a, b) + 2 for a, b in zip(one[2:], other[2:], strict=True))


def _compare(
    frames: list[Array], here: tuple[int, ...], mask: Array, there: tuple[int, ...]
) -> tuple[float, tuple[float, float]]:
    """How well what is here in the first frame fits there in the last: error in levels, and the shift in pixels."""
    x, y, w, h = here
    height, width = frames[0].shape[:2]
    left, top = max(0, there[0] - _ROOM), max(0, there[1] - _ROOM)
    right, low = min(width, there[0] + max(w, there[2]) + _ROOM), min(height, there[1] + max(h, there[3]) + _ROOM)
    if right - left < w or low - top < h:
        return np.inf, (0.0, 0.0)
    thing = frames[0][y : y + h, x : x + w]
    # only what is the thing: the ground around it stays behind
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


def _has_alike(frame: Array, box: tuple[int, ...], mask: Array, most: float) -> bool:
    """Whether the frame has the same thing at another place too."""
    x, y, w, h = box
    thing = frame[y : y + h, x : x + w]
    if min(w, h) >= 8:  # half as fine is fine enough, and takes a sixteenth of the time
        x, y, w, h = x // 2, y // 2, w // 2, h // 2
        frame, thing, mask = (
            cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            for part, size in ((frame, (frame.shape[1] // 2, frame.shape[0] // 2)), (thing, (w, h)), (mask, (w, h)))
        )
    scores = cv2.matchTemplate(
        frame.astype(np.float32), thing.astype(np.float32), cv2.TM_SQDIFF, mask=np.dstack([mask] * 3)
    )
    scores[max(0, y - h // 2) : y + h // 2 + 1, max(0, x - w // 2) : x + w // 2 + 1] = np.inf
    return bool(np.sqrt(max(0.0, float(scores.min())) / (3 * mask.sum())) < most)
