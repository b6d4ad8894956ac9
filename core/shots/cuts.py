"""Detects shot boundaries in one pass while a film is decoded.

**Cuts.** Frames are compared as thumbnails of 32 x 32 pixels. One frame explains another if its blocks are found there
near their position: this covers pans, motion, and changes of brightness. The unexplained share is the frame's *score*
in [0, 1]; it is lowered if the frames around change as much, as in fast action and whip pans. A frame with a high score
begins a shot, unless the earlier picture returns within half a second: then it is a flash.

**Dissolves** have no such frame. They have two ends that do not explain each other, with mixtures of the two between
them. The mixed frames are marked and form a shot of their own. **Fades** through black or white give a cut at the first
frame after the blank ones, if the picture after them differs from the one before.

Thresholds were set by hand on the cases of tests/shots/test_cuts.py and the films of benchmarks/cuts.py, seeds 100-119;
docs/RESULTS.md has the result on seeds 200-219.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config.choices import CUT_SCORE
from .thumbnails import Thumb, compare, difference, is_blank, light_change, mixture, shrink, variance

LOOK_AHEAD = 32
"""Frames by which verdicts lag behind, as flashes and dissolves depend on the frames that follow."""
_MIN_STEP = 2.0  # levels; a smaller change from frame to frame is no cut
_AROUND = 6  # frames on either side that define the usual change
_FULL_STEP = 3.0  # relative to the usual change: from here on the score is not lowered
_CANDIDATE_STEP = 1.3  # relative to the usual change; below it the score is 0, without a comparison
_FLASH_FRAMES = 12  # longest flash
_RETURNED = 0.68  # share of a frame's score that the picture after a flash may keep
_LIGHT_FLASH_FRAMES = 3  # longest flash that changes only the brightness
_LIGHT_FLASH_STEP = 12.0  # levels: smallest change of the whole picture's brightness in such a flash
_LIGHT_FLASH_RESIDUAL = 0.35  # share of that change by which the pictures before and after may differ
_RETURN_STEP = 0.95  # largest difference of a returned picture, relative to the frame's change
_SUDDEN = 40.0  # levels from frame to frame; fades change less
_MIN_FADE = 15.0  # levels: smallest change of brightness in a fade
_SPANS = (8, 16, 24)  # frames from the middle of a dissolve to the frames it is compared with
_MIXED = 0.25  # largest residual of a mixture, relative to the distance between its ends
_MIXED_IN_MOTION = 0.5  # the same if both shots move; then the variance must fall in the middle, to ...
_LOWER_VARIANCE = 0.8  # ... this share of that of the two ends,
_DISTINCT_IN_MOTION = 0.9  # and this share of the ends must be unexplained by each other
_DISTINCT = 0.5  # share of a dissolve's ends that must be unexplained by each other
_STRIDE = 2  # every other frame is examined for dissolves
_SOLID = 4  # frames added at both ends of a dissolve, where it is too faint to be detected
_AGREE = 3  # examined frames nearby that must be mixed


@dataclass(frozen=True)
class Verdict:
    """The result for one frame.

    Attributes:
        number: the frame's number among those pushed, from 0.
        score: share that the frames before do not explain, in [0, 1]; lowered if the frames around change as much.
        cut: whether the frame is the first of a shot, after a cut.
        transition: "dissolve" while two shots are mixed, "flash" during a flash, else None.
    """

    number: int
    score: float
    cut: bool
    transition: str | None


class ShotDetector:
    """Detects cuts, flashes and dissolves as frames arrive; stores a fixed number of thumbnails.

    Args:
        cut_score: smallest score of a frame that begins a shot, in [0, 1].
    """

    def __init__(self, cut_score: float = CUT_SCORE) -> None:
        self._cut_score = cut_score
        self._thumbs: deque[Thumb] = deque(maxlen=2 * LOOK_AHEAD + 2)
        self._count = 0
        self._decided = 0  # frames examined for cuts
        self._examined = 0  # frames examined for dissolves
        self._given = 0  # verdicts returned
        self._steps: dict[int, float] = {}  # by frame: change from the frame before, in levels
        self._scores: dict[int, float] = {}
        self._cuts: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._mixed: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._together_until = 0  # up to this frame, the ends of an apparent mixture are the same picture
        self._flashes: set[int] = set()
        self._flashes_seen: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._blank_since: int | None = None
        self._before_blank: Thumb | None = None

    def push(self, frame: NDArray[np.uint8]) -> list[Verdict]:
        """Adds the next frame, (H, W, 3) uint8; returns the verdicts that are ready, in order."""
        thumb = shrink(frame)
        before = self._thumbs[-1] if self._thumbs else None
        self._steps[self._count] = 0.0 if before is None else difference(before, thumb)
        self._thumbs.append(thumb)
        self._count += 1
        return self._advance(self._count - 1)

    def finish(self) -> list[Verdict]:
        """Returns the remaining verdicts at the end of the film."""
        return self._advance(self._count + LOOK_AHEAD)

    def _advance(self, reached: int) -> list[Verdict]:
        """Examines all frames that can be decided once frame `reached` has arrived, or is beyond the film's end."""
        while self._decided < min(self._count, reached - _FLASH_FRAMES + 1):
            self._decide(self._decided)
            self._decided += 1
        while self._examined < min(self._count, reached - _SPANS[-1] + 1):
            if self._examined % _STRIDE == 0 and self._is_mixed(self._examined):
                self._mixed.append(self._examined)
            self._examined += 1
        verdicts = []
        while self._given < min(self._count, reached - LOOK_AHEAD + 1):
            verdicts.append(self._verdict(self._given))
            self._given += 1
        return verdicts

    def _thumb(self, number: int) -> Thumb | None:
        """The thumbnail of a frame; None beyond the film's ends, or if it is no longer stored."""
        at = number - (self._count - len(self._thumbs))
        return self._thumbs[at] if 0 <= at < len(self._thumbs) else None

    def _decide(self, number: int) -> None:
        """Scores frame `number` and records a cut."""
        self._scores[number] = 0.0
        thumb, before = self._thumb(number), self._thumb(number - 1)
        if thumb is None or before is None:
            return
        usual = self._usual_step(number)
        step = self._steps[number]
        self._find_light_flash(number, before, step)
        if step >= _MIN_STEP and step >= _CANDIDATE_STEP * usual:
            unexplained = compare(before, thumb)
            score = unexplained * min(1.0, step / (_FULL_STEP * usual))
            self._scores[number] = score
            if score >= self._cut_score and not self._is_flash(number, unexplained):
                self._cuts.append(number)
        self._follow_blank(number, before, thumb)

    def _find_light_flash(self, number: int, before: Thumb, step: float) -> None:
        """Marks up to _LIGHT_FLASH_FRAMES frames in which only the brightness changes, and changes back.

        Such frames have a low score, as the comparison allows for a change of brightness.
        """
        thumb = self._thumb(number)
        if thumb is None or number - 1 in self._flashes or light_change(before, thumb) < _LIGHT_FLASH_STEP:
            return
        for length in range(1, _LIGHT_FLASH_FRAMES + 1):
            after = self._thumb(number + length)
            if after is None:
                return
            if difference(before, after) <= _LIGHT_FLASH_RESIDUAL * step:
                self._flashes.update(range(number, number + length))
                return

    def _usual_step(self, number: int) -> float:
        """The second largest change around a frame, so that one other cut or flash nearby is ignored."""
        around = [
            self._steps.get(other, 0.0)
            for other in range(max(1, number - _AROUND), number + _AROUND + 1)
            if other != number
        ]
        return max(sorted(around)[-2] if len(around) > 1 else 0.0, 1.0)

    def _is_flash(self, number: int, unexplained: float) -> bool:
        """Whether the picture before the frame returns soon, or the frame itself is such a return.

        If other pictures are shown for four frames or more in between, it is a cut and a cut back instead.
        """
        thumb, before = self._thumb(number), self._thumb(number - 1)
        assert thumb is not None and before is not None
        far = _RETURN_STEP * self._steps[number]
        for length in range(1, _FLASH_FRAMES + 1):
            after, earlier = self._thumb(number + length), self._thumb(number - 1 - length)
            for first, second, begin, picture in (
                (before, after, number, before),
                (earlier, thumb, number - length, thumb),
            ):
                if first is None or second is None or difference(first, second) > far:
                    continue
                if not _comes_back(first, second, unexplained):
                    continue
                between = [self._thumb(n) for n in range(begin, begin + length)]
                if _flashes(picture, [b for b in between if b is not None]):
                    if begin == number:
                        self._flashes.update(range(number, number + length))
                        self._flashes_seen.extend(range(number, number + length))
                    return True
        return False

    def _follow_blank(self, number: int, before: Thumb, thumb: Thumb) -> None:
        """Records a cut after blank frames if the picture after them differs from the one before."""
        if is_blank(thumb):
            if self._blank_since is None:
                self._blank_since = number
                sudden = self._steps[number] > _SUDDEN  # a flash or a cut, examined elsewhere
                self._before_blank = None if sudden or is_blank(before) else self._thumb(number - _FLASH_FRAMES)
            return
        if self._blank_since is None:
            return
        since, earlier = self._blank_since, self._before_blank
        self._blank_since = None
        if earlier is None or since in self._flashes_seen or any(cut >= since for cut in self._cuts):
            return
        after = self._thumb(number + _FLASH_FRAMES - 1)
        if after is None:
            after = self._thumbs[-1]
        # The brightness must fade out and in; otherwise a figure has left an empty scene, and another has entered.
        if (
            is_blank(after)
            or is_blank(earlier)
            or min(light_change(earlier, before), light_change(before, after)) < _MIN_FADE
        ):
            return
        score = compare(earlier, after)
        self._scores[number] = max(self._scores[number], score)
        if score >= self._cut_score:
            self._cuts.append(number)

    def _is_mixed(self, number: int) -> bool:
        """Whether frame `number` is a mixture of the frames around it, which belong to two shots."""
        middle = self._thumb(number)
        if middle is None:
            return False
        for span in _SPANS:
            first, last = self._thumb(number - span), self._thumb(number + span)
            if first is None or last is None or any(number - span < cut <= number + span for cut in self._cuts):
                return False
            if difference(first, last) < _SPANS[0] or is_blank(first) or is_blank(last):
                continue
            share, off = mixture(first, middle, last)
            if not 0.15 < share < 0.85 or off > _MIXED_IN_MOTION:
                continue
            faded = off > _MIXED
            if faded and variance(middle) > _LOWER_VARIANCE * ((1 - share) * variance(first) + share * variance(last)):
                continue
            quarters = [self._thumb(number - span // 2), self._thumb(number + span // 2)]
            shares = [mixture(first, quarter, last) for quarter in quarters if quarter is not None]
            limit = 0.05 + (_MIXED_IN_MOTION if faded else _MIXED)
            if shares[0][0] > share - 0.04 or shares[1][0] < share + 0.04 or max(off for _, off in shares) > limit:
                continue
            if number - _STRIDE in self._mixed:
                return True
            if number < self._together_until:
                continue
            if compare(first, last) >= (_DISTINCT_IN_MOTION if faded else _DISTINCT):
                return True
            self._together_until = number + _SOLID
        return False

    def _verdict(self, number: int) -> Verdict:
        before = [m for m in self._mixed if number - 2 * _SOLID <= m <= number + _SOLID]
        after = [m for m in self._mixed if number - _SOLID <= m <= number + 2 * _SOLID]
        near = [m for m in self._mixed if abs(m - number) <= _SOLID]
        dissolves = bool(near) and max(len(before), len(after)) >= _AGREE
        transition = "dissolve" if dissolves else "flash" if number in self._flashes else None
        cut = number in self._cuts
        self._flashes.discard(number)
        self._steps.pop(number - _AROUND - _FLASH_FRAMES, None)
        return Verdict(number, round(self._scores.pop(number), 3), cut, transition)


def _comes_back(first: Thumb, second: Thumb, unexplained: float) -> bool:
    limit = _RETURNED * unexplained
    return compare(first, second, enough=limit) <= limit


def _flashes(picture: Thumb, between: list[Thumb]) -> bool:
    """Whether the frames between a picture and its return are a flash: short, blank, pale, dark or inverted."""
    if len(between) < 4:
        return True
    still = picture.astype(np.float32).ravel()
    for thumb in between[: len(between) // 2 + 1]:
        if is_blank(thumb) or thumb.std() < 0.6 * still.std():
            continue
        likeness = np.corrcoef(still, thumb.ravel())[0, 1] if still.std() > 1 else 0.0
        if abs(likeness) < 0.6:
            return False
    return True
