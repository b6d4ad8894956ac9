"""Where a film's shots begin: found in one pass, while the film is decoded.

**Cuts.** Frames are compared as pictures of 32 x 32 pixels. A frame is explained by another when its blocks are found
there, near where they are now: pans and motion are explained, however much each pixel changes, and so is the same
picture under another light. What is left unexplained, lowered where the frames around change as much (in wild action
and whip pans every frame is new), is the frame's *score* in [0, 1]. A frame of a high score begins a shot, unless the
picture of before comes back within half a second: then it was a flash, lightning or a hit.

**Dissolves** have no such frame. They are known by two ends that do not explain each other, with mixtures of the two
between them; the mixed frames are marked, and form a shot of their own. **Fades** through black or white are a cut at
the first frame after the blank ones, when another picture comes back than went.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config.choices import CUT_SCORE
from .thumbnails import Thumb, compare, difference, is_blank, light_change, mixture, shrink, variance

LOOK_AHEAD = 32
"""Frames by which verdicts lag behind: flashes and dissolves are known only by what follows."""
_LEAST_STEP = 2.0  # levels; smaller changes from frame to frame are no cut
_AROUND = 6  # frames on either side that define the usual change
_STANDS_OUT = 3.0  # times the usual change: a cut by every measure
_NOTABLE = 1.3  # times the usual change; below it there is no search for a cut, and the score is 0
_RETURN = 12  # frames within which a flash has passed
_RETURNED = 0.68  # share of a frame's score: what the frame after a flash may keep of it
_WINK = 3  # frames for which the light may be another, until it is no flash
_WINK_LIGHT = 12.0  # levels by which the light of the whole picture changes in one
_WINK_LEFT = 0.35  # share of that change by which the picture afterwards may differ from that before
_NEARER = 0.95  # share of a frame's change: a picture that came back differs by no more
_SUDDEN = 40.0  # levels from frame to frame; fades change less
_FADED = 15.0  # levels by which the light changes in a fade
_SPANS = (8, 16, 24)  # frames from the middle of a dissolve to the frames that it is judged by
_MIXED = 0.25  # how far a frame may lie from the mixture of two others, as a share of the distance between these
_MIXED_IN_MOTION = 0.5  # the same where both shots move; the contrast must then sink in the middle, to ...
_PALER = 0.8  # ... this share of the variance of the two ends
_FAR_APART = 0.9  # and the ends must have this much unexplained of each other
_APART = 0.5  # what the ends of a dissolve must leave unexplained of each other
_STRIDE = 2  # every other frame is examined for dissolves
_SOLID = 4  # frames that are added at both ends of a dissolve: before, it is too faint to be seen
_AGREE = 3  # looks near by that must agree


@dataclass(frozen=True)
class Verdict:
    """What is found of one frame.

    Attributes:
        number: the frame's number among those pushed, from 0.
        score: how little the frames before explain it, in [0, 1]; 0 where the frames around change as much.
        cut: it is the first of a shot, by a cut.
        transition: "dissolve" while two shots are mixed, "flash" while the picture flashes, else None.
    """

    number: int
    score: float
    cut: bool
    transition: str | None


class ShotDetector:
    """Finds cuts, flashes and dissolves while frames stream by; holds thumbnails only, and as many for any film.

    Args:
        cut_score: from this score on a frame begins a shot, in [0, 1].
    """

    def __init__(self, cut_score: float = CUT_SCORE) -> None:
        self._cut_score = cut_score
        self._thumbs: deque[Thumb] = deque(maxlen=2 * LOOK_AHEAD + 2)
        self._count = 0
        self._decided = 0  # frames of which it is known whether they are a cut
        self._examined = 0  # frames that were examined for dissolves
        self._given = 0  # verdicts given
        self._steps: dict[int, float] = {}  # by frame: levels of change from the frame before
        self._scores: dict[int, float] = {}
        self._cuts: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._mixed: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._together_until = 0  # up to this frame the ends of what looks mixed are known to be one picture
        self._flashes: set[int] = set()
        self._flashes_seen: deque[int] = deque(maxlen=LOOK_AHEAD)
        self._blank_since: int | None = None
        self._before_blank: Thumb | None = None

    def push(self, frame: NDArray[np.uint8]) -> list[Verdict]:
        """Takes the next frame, (H, W, 3) uint8; gives the verdicts that are due, in order."""
        thumb = shrink(frame)
        before = self._thumbs[-1] if self._thumbs else None
        self._steps[self._count] = 0.0 if before is None else difference(before, thumb)
        self._thumbs.append(thumb)
        self._count += 1
        return self._advance(self._count - 1)

    def finish(self) -> list[Verdict]:
        """Gives the verdicts that are still due when the film has ended."""
        return self._advance(self._count + LOOK_AHEAD)

    def _advance(self, reached: int) -> list[Verdict]:
        """Decides all that the frames up to number `reached` allow; those beyond the film's end do not exist."""
        while self._decided < min(self._count, reached - _RETURN + 1):
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
        """The thumbnail of a frame, or None beyond the film's ends and where it is forgotten."""
        at = number - (self._count - len(self._thumbs))
        return self._thumbs[at] if 0 <= at < len(self._thumbs) else None

    def _decide(self, number: int) -> None:
        """Finds out whether frame `number` is a cut."""
        self._scores[number] = 0.0
        thumb, before = self._thumb(number), self._thumb(number - 1)
        if thumb is None or before is None:
            return
        usual = self._usual_step(number)
        step = self._steps[number]
        self._find_wink(number, before, step)
        if step >= _LEAST_STEP and step >= _NOTABLE * usual:
            unexplained = compare(before, thumb)
            score = unexplained * min(1.0, step / (_STANDS_OUT * usual))
            self._scores[number] = score
            if score >= self._cut_score and not self._is_flash(number, unexplained):
                self._cuts.append(number)
        self._follow_blank(number, before, thumb)

    def _find_wink(self, number: int, before: Thumb, step: float) -> None:
        """Marks a frame, or up to _WINK, in which only the light is another, and comes back: lightning, or a hit.

        The picture explains itself under another light, so that its score is none of a cut.
        """
        thumb = self._thumb(number)
        if thumb is None or number - 1 in self._flashes or light_change(before, thumb) < _WINK_LIGHT:
            return
        for length in range(1, _WINK + 1):
            after = self._thumb(number + length)
            if after is None:
                return
            if difference(before, after) <= _WINK_LEFT * step:
                self._flashes.update(range(number, number + length))
                return

    def _usual_step(self, number: int) -> float:
        """The second largest change around a frame: one other cut or flash nearby does not count."""
        around = [
            self._steps.get(other, 0.0)
            for other in range(max(1, number - _AROUND), number + _AROUND + 1)
            if other != number
        ]
        return max(sorted(around)[-2] if len(around) > 1 else 0.0, 1.0)

    def _is_flash(self, number: int, unexplained: float) -> bool:
        """Whether the picture of before the frame comes back soon, or the frame is such a picture come back.

        A picture that comes back after real pictures have stood for four frames or more is a cut and a cut back.
        """
        thumb, before = self._thumb(number), self._thumb(number - 1)
        assert thumb is not None and before is not None
        far = _NEARER * self._steps[number]
        for length in range(1, _RETURN + 1):
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
        """Puts a cut after blank frames when the picture that comes is not the one that went."""
        if is_blank(thumb):
            if self._blank_since is None:
                self._blank_since = number
                sudden = self._steps[number] > _SUDDEN  # a flash or a cut, which are judged as such
                self._before_blank = None if sudden or is_blank(before) else self._thumb(number - _RETURN)
            return
        if self._blank_since is None:
            return
        since, earlier = self._blank_since, self._before_blank
        self._blank_since = None
        if earlier is None or since in self._flashes_seen or any(cut >= since for cut in self._cuts):
            return
        after = self._thumb(number + _RETURN - 1)
        if after is None:
            after = self._thumbs[-1]
        # The light itself must have gone and come: else a figure walked out of an empty scene, and another one in.
        if (
            is_blank(after)
            or is_blank(earlier)
            or min(light_change(earlier, before), light_change(before, after)) < _FADED
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
            if faded and variance(middle) > _PALER * ((1 - share) * variance(first) + share * variance(last)):
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
            if compare(first, last) >= (_FAR_APART if faded else _APART):
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
        self._steps.pop(number - _AROUND - _RETURN, None)
        return Verdict(number, round(self._scores.pop(number), 3), cut, transition)


def _comes_back(first: Thumb, second: Thumb, unexplained: float) -> bool:
    limit = _RETURNED * unexplained
    return compare(first, second, enough=limit) <= limit


def _flashes(picture: Thumb, between: list[Thumb]) -> bool:
    """Whether what stood between a picture and its return is a flash of it: short, blank, pale, dark or inverted."""
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
