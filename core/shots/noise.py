"""How worn a film is: its grain, its dirt, how much its light flickers and how far it weaves in the gate.

All is measured on the film itself, between one frame and the next, once the shift and the light between them are taken
out. Most of a cartoon stands still from frame to frame, or moves as a whole; so what is left in the middle of the flat
parts is noise, and the smaller values among all pairs of frames are those in which nothing else is.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from .registration import NORMAL, Array, Registration, register
from .specks import Spots, choose_specks, cover_specks, find_opposite, find_spots

WORKING_SIDE = 640
"""Pixels of the longer side of the pictures in which noise is measured, and drawings under noise are compared."""
_REGISTERED_SIDE = 320  # of those in which shifts are found
AHEAD = 24
"""Frames before and after the wanted one that are examined."""
_MEMORY = 256  # frames back, pairs of which an estimate rests on: a film may begin with a title that is cleaner
_KEPT = 12  # pairs that it rests on even so
_SAMPLED = 32  # frames of a film that seems clean, of which two are measured
_LOW = 0.25  # quantile of the noise of pairs: of drawings on twos half of all pairs show one drawing
_FLAT = 0.4  # quantile of the slope up to which pixels are flat
SLOPES = (0.0, 1.0, 3.0, 6.0, 12.0, 24.0, 48.0)
"""Levels a pixel, of a picture that is blurred by a pixel, for which noise is measured."""
_MOST, _TO_NORMAL = 0.8, 1.2816  # quantile of absolute values, and what it is in standard deviations
_FEWEST_PIXELS = 40  # of one slope, before anything is said of it
_GRAINY = 0.9  # levels: standard deviation of a frame's grain in the working size from which a film is not clean
_FLICKERS = 0.35  # levels: standard deviation of the light from frame to frame, the same
_WEAVES = 0.12, 1.5  # pixels of the working size, the same; more is a camera that shakes
_CLEAN, _WEAVES_CLEAN = 0.3, 0.3  # levels of grain below which no scan stays, and the pixels from which on that weaves
_RESTS, _RESTED = (0.12, 0.12), 0.33  # pixels, and levels, up to which a film rests from a frame to the next; how often
_STILL = 0.15  # share of pairs that are the same: from there on, the film neither weaves nor flickers
_DIRTY, _DIRTIED = 0.3, 0.2  # specks a frame, and share of the frames that have one, the same
_RAIN = 12.0  # specks a frame, from which on they are drawn
_ELSE, _ELSE_LEVEL = 0.0005, 4  # share of a clean film's pixels that may differ by more levels where its specks are not
_FEWEST = 8  # pairs of frames, and half as many specks, before anything is said of a film
_TREND = 6  # frames either side over which the path of a film is smoothed
_AGAIN = 4  # frames on either side in which the content under a speck is searched
_STEPS = 6**0.5  # of a second difference of independent values, to one of them
_GREY = 128.0  # of Cr and Cb
_STILL_PART, _STILL_LEVEL = 0.97, 3  # of the pixels differ by no more levels in frames that are the same
_SAME_LIGHT = 0.2  # levels by which the mean of small differences may waver between frames that are the same
_NEARLY_ALL, _ALL_TO_NORMAL = 0.95, 1.96  # the same for what is beside outlines, where noise is rare and strong
_SAME_NOISE, _LEAST_ROUGH = 1.6, 0.2  # times, and levels squared, by which the noise of pairs of one drawing may differ
_GROWTHS, _GROWN = 6, 1.4  # pairs of pairs that are asked whether what differs grows, and the times that noise may
_BESIDE = 2.0  # levels beside outlines in drawings that are held, from which on a film is not clean
_RINGING = 30.0  # levels beside outlines, more than which no codec leaves there: things move
_SMALLEST = 72  # pixels of the shorter side: no film is scanned smaller, and in smaller ones everything is an outline
_APART = 3.0  # times the noise of pairs of one drawing by which pairs of two drawings are distinct
_MOST_KEPT = 0.95  # of the grain's variance that the blur leaves


@dataclass(frozen=True)
class Noise:
    """What is not drawn in a film, in its working size.

    Attributes:
        grain: (3,) standard deviation of one frame's grain, in levels of luma, Cr and Cb.
        left: (3,) the same of the difference of two frames that are registered and blurred by a pixel.
        near: (3, len(SLOPES)) the same by how steep the picture is near by: beside outlines codecs leave more. 0 where
            that cannot be distinguished from motion.
        together: (3,) pixels of that difference that are as one.
        flicker: standard deviation of the light in levels.
        weave: of the place, in pixels.
        specks: a frame.
        dirty: whether specks are what such a film has.
        noisy: whether it is so much that drawings cannot be compared as they are.
    """

    grain: tuple[float, float, float] = (0.0, 0.0, 0.0)
    left: tuple[float, float, float] = (0.0, 0.0, 0.0)
    near: Array = field(default_factory=lambda: np.zeros((3, len(SLOPES))))
    together: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flicker: float = 0.0
    weave: float = 0.0
    specks: float = 0.0
    dirty: bool = False
    noisy: bool = False

    @property
    def grainy(self) -> bool:
        """Whether the grain can be seen."""
        return self.noisy and self.grain[0] >= _GRAINY


@dataclass(frozen=True)
class _Step:
    """From a frame to the next."""

    registration: Registration
    light: float
    grain: Array
    """(3,), as in Noise."""
    left: Array
    """(3,), as in Noise."""
    near: Array
    """(3, len(SLOPES)), as in Noise."""
    kept: Array
    """(3,): the share of the grain's variance that the blur leaves."""
    rough: float = 0.0
    """What differs beside outlines, in levels squared."""
    still: bool = False
    """The two are the same, but for what a codec does."""


class NoiseMeter:
    """Measures a film's noise while its frames stream by; keeps small pictures of the last ones only.

    A film that seems clean is measured now and then, as that takes time.
    """

    def __init__(self) -> None:
        self._views: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._count = 0
        self._ended = False
        self._steps: dict[int, _Step] = {}
        self._spots: dict[int, Spots | None] = {}
        self._known: OrderedDict[int, _Step] = OrderedDict()
        self._counts: dict[tuple[int, bool], int | None] = {}
        self._grown: dict[int, float] = {}
        self._noise: tuple[int, Noise] | None = None
        self._estimated: tuple[tuple[int, ...], Noise] | None = None

    def push(self, frame: NDArray[np.uint8]) -> int:
        """Takes the next frame, (H, W, 3) uint8, RGB; gives its number, from 0."""
        frame = np.ascontiguousarray(frame[..., :3])
        height, width = frame.shape[:2]
        scale = min(1.0, WORKING_SIDE / max(height, width))
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        number = self._count
        self._views[number] = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb), np.uint8)
        self._count += 1
        while len(self._views) > 3 * AHEAD + 2:
            gone, _ = self._views.popitem(last=False)
            self._steps.pop(gone, None)
            self._spots.pop(gone, None)
        return number

    def finish(self) -> None:
        """There is no other frame."""
        self._ended = True
        self._noise = self._estimated = None

    def view(self, number: int) -> NDArray[np.uint8] | None:
        """A frame in its working size, (h, w, 3) uint8, YCrCb; None where it is gone, or not there."""
        return self._views.get(number)

    def noise(self, number: int) -> Noise:
        """The film's noise, as far as it is known at a frame: from what came before, and AHEAD frames after it."""
        if self._noise is not None and self._noise[0] == number:
            return self._noise[1]
        was_noisy = self._noise is not None and self._noise[1].noisy
        for each in range(max(1, number - AHEAD), number + AHEAD + 1):
            if each not in self._known and (was_noisy or each <= 2 * _FEWEST or each % _SAMPLED < 2):
                self._measure(each)
        noise = self._estimate()
        if noise.noisy and not was_noisy:
            for each in range(max(1, number - AHEAD), number + AHEAD + 1):
                self._measure(each)
            noise = self._estimate()
        while len(self._known) > _KEPT and next(iter(self._known)) < number - _MEMORY:
            forgotten, _ = self._known.popitem(last=False)
            for alone in (False, True):
                self._counts.pop((forgotten, alone), None)
        self._noise = (number, noise)
        return noise

    def specks(self, number: int, *, mended: bool = False) -> NDArray[np.uint8] | None:
        """Where a frame's specks are, (h, w) uint8 in the working size; None where there are none.

        Args:
            number: of the frame.
            mended: 1 where the frame before shows what is behind a speck, 2 where the one after does, and 0 elsewhere;
                else 255 on every speck, and 0 elsewhere.
        """
        here = self._find_spots(number) if self.noise(number).dirty else None
        if here is None or not here.spots:
            return None
        chosen = choose_specks(here, self._find_spots(number - 1), self._find_spots(number + 1))
        if mended:
            chosen = [each for each in chosen if not self._is_drawn(number, each)]
        mask = cover_specks(here, chosen)
        if not mask.any():
            return None
        if not mended:
            return np.asarray(np.where(mask > 0, 255, 0), np.uint8)
        sources = [0] + [2 if spot.source == 1 else 1 for spot in here.spots]
        return np.asarray(np.array(sources, np.uint8)[mask])

    def _is_drawn(self, number: int, place: int) -> bool:
        """Whether a spot only stands out because a frame beside has a speck there: other frames show it too, then."""
        here = self._find_spots(number)
        assert here is not None
        spot = here.spots[place]
        other = number + spot.source
        there = None if spot.source == 0 else self._find_spots(other)
        opposite = find_opposite(spot, there)
        if there is None or opposite is None:
            return False
        mine = self._find_again(number, here.labels == place + 1, (number, other))
        return mine <= self._find_again(other, there.labels == opposite + 1, (number, other))

    def _find_again(self, number: int, where: NDArray[np.bool_], but: tuple[int, int]) -> float:
        """By how many levels a place differs from the frame near by in which it is most alike."""
        rows, columns = np.nonzero(where)
        box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        view = self.view(number)
        found = np.inf
        for each in range(number - _AGAIN, number + _AGAIN + 1):
            other, way = self.view(each), self.way(each, number)
            if each in but or view is None or other is None or way is None:
                continue
            shown = way.apply(np.ascontiguousarray(other[..., 0], np.float32))[box]
            found = min(found, float(np.abs(shown - view[..., 0][box])[where[box]].mean()))
        return found

    def path(self, number: int) -> tuple[Array, Array]:
        """How a film's place and light go on from the frame before: evenly, and from this frame to the next by chance.

        Returns:
            The even step, without weave and flicker, and the step itself: (3,) dx, dy and light.
        """
        near = range(number - _TREND, number + _TREND + 2)
        steps = {each: self._step(each) for each in near}
        here = steps[number]
        if here is None:
            return np.zeros(3), np.zeros(3)
        first, last = number, number
        while first - 1 in steps and (before := steps[first - 1]) is not None and before.registration.fits:
            first -= 1
        while last + 1 in steps and (after := steps[last + 1]) is not None and after.registration.fits:
            last += 1
        moves = np.array([(*s.registration.shift, s.light) for n in range(first, last + 1) if (s := steps[n])])
        places = np.concatenate([np.zeros((1, 3)), np.cumsum(moves, axis=0)])  # of frames first - 1 to last
        times = np.arange(first - 1, last + 1) - (number - 0.5)
        weight = np.cos(np.pi / 2 * times / (_TREND + 2)) ** 2
        times = times - (weight * times).sum() / weight.sum()
        spread = float((weight * times**2).sum())
        even = (weight * times) @ places / spread if len(moves) >= _FEWEST // 2 else np.zeros(3)
        return np.asarray(even), np.array([*here.registration.shift, here.light])

    def _holds_drawings(self) -> bool:
        """Whether the pairs that differ least show one drawing, so that all that differs in them is noise.

        Noise does not grow with time, and motion does; and where such pairs stand alone, as in a film on twos, those
        around them differ by far more.
        """
        rough = {number: step.rough for number, step in self._known.items()}
        most = _SAME_NOISE * float(np.quantile(list(rough.values()), _LOW)) + _LEAST_ROUGH
        low = {number for number, value in rough.items() if value <= most}
        grows: list[float] = []
        alone: list[bool] = []
        for number in sorted(low, reverse=True):
            if number + 1 in low:
                if len(grows) < _GROWTHS and (grown := self._grow(number)) is not None:
                    grows.append(grown)
            elif number - 1 not in low and number - 1 in rough and number + 1 in rough:
                alone.append(min(rough[number - 1], rough[number + 1]) > _APART * most)
        if len(grows) >= _GROWTHS // 2:
            return float(np.median(grows)) <= _GROWN
        return len(alone) >= _FEWEST // 2 and float(np.mean(alone)) > 0.9

    def _grow(self, number: int) -> float | None:
        """How many times more differs over two frames than over one of them."""
        if number not in self._grown:
            first, last, step = self.view(number - 1), self.view(number + 1), self._step(number)
            if first is None or last is None or step is None:
                return None
            far = _measure_step(first, last, self.register)
            self._grown[number] = (far.rough + _LEAST_ROUGH) / (step.rough + _LEAST_ROUGH)
        return self._grown[number]

    def _register(self, first: Array, last: Array) -> Registration:
        height, width = first.shape
        scale = min(1.0, _REGISTERED_SIDE / max(height, width))
        if scale == 1:
            return register(first, last)
        size = (round(width * scale), round(height * scale))
        found = register(*(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first, last)))
        return Registration(found.shift / scale, found.gain, found.offset, found.fits)

    def register(self, first: Array, last: Array) -> Registration:
        """Registers two frames of the working size, (h, w, 3) float32, by their luma."""
        return self._register(np.ascontiguousarray(first[..., 0]), np.ascontiguousarray(last[..., 0]))

    def _step(self, number: int) -> _Step | None:
        """From the frame before to this one."""
        if number not in self._steps:
            first, last = self.view(number - 1), self.view(number)
            if first is None or last is None or first.shape != last.shape:
                return None
            self._steps[number] = _measure_step(first, last, self.register)
        return self._steps[number]

    def _measure(self, number: int) -> None:
        """Writes down what a pair of frames says of the film's noise."""
        step = self._step(number)
        if step is None or not step.registration.fits or number in self._known:
            return
        if self._find_ways(number) is not None:  # the last frame pushed has no frame after it yet
            self._known[number] = step

    def _count_specks(self, number: int, alone: bool) -> int | None:
        """How many specks a frame has; None where it is gone. Only where that is asked for: it takes longest.

        Args:
            number: of the frame.
            alone: count them only where nothing else differs from a frame beside, which gives None elsewhere.
        """
        if (number, alone) not in self._counts:
            changes = self._find_changes(number) if alone else []
            if any(not change.any() for change in changes):
                self._counts[number, alone] = 0
                return 0
            spots = self._find_spots(number)
            if spots is None:
                return None
            beside = {each: self._find_spots(each) for each in (number - 1, number + 1)}
            chosen = choose_specks(spots, beside[number - 1], beside[number + 1])
            count: int | None = len(chosen)
            if alone:
                # a speck of the frame beside is another difference between the two, and is dirt as well
                dirty = cover_specks(spots, chosen) > 0
                for each, others in beside.items():
                    if others is not None:
                        dirty |= (
                            cover_specks(others, choose_specks(others, self._find_spots(2 * each - number), spots)) > 0
                        )
                dirty = cv2.dilate(dirty.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
                if min((float((change & ~dirty).mean()) for change in changes), default=1.0) > _ELSE:
                    count = None
            self._counts[number, alone] = count
        return self._counts[number, alone]

    def _find_changes(self, number: int) -> list[NDArray[np.bool_]]:
        """Where a frame differs from those beside that show nearly the same, (h, w) bool each."""
        here = self.view(number)
        changes = []
        for each, still in ((number - 1, self._is_still(number)), (number + 1, self._is_still(number + 1))):
            there = self.view(each)
            if still and here is not None and there is not None:
                smooth = (cv2.GaussianBlur(frame[..., 0], (0, 0), 1.0) for frame in (here, there))
                changes.append(cv2.absdiff(*smooth) > _ELSE_LEVEL)
        return changes

    def _find_ways(self, number: int) -> dict[int, Registration] | None:
        """How the two frames around one become it, by their numbers; at a film's ends, the two on one side."""
        others = number - 1, number + 1
        if number == 0:
            others = 1, 2
        elif self._ended and number == self._count - 1:
            others = number - 2, number - 1
        if any(self.view(each) is None for each in (number, *others)):  # some may be gone already
            return None
        ways = {other: self.way(other, number) for other in others}
        found = {other: way for other, way in ways.items() if way is not None and way.fits}
        return found if len(found) == len(others) else None

    def _find_spots(self, number: int) -> Spots | None:
        """What stands in one frame only."""
        if number not in self._spots:
            ways, here = self._find_ways(number), self.view(number)
            if ways is None or here is None:
                return None
            brought, grain = [], []
            for other, way in ways.items():
                view, step = self.view(other), self._step(max(number, other))
                assert view is not None and step is not None
                brought.append(way.apply(np.ascontiguousarray(view[..., 0], np.float32)))
                grain.append(float(step.left[0]))
            luma = np.ascontiguousarray(here[..., 0], np.float32)
            self._spots[number] = find_spots(brought[0], luma, brought[1], min(grain) / 2**0.5)
        return self._spots[number]

    def way(self, other: int, number: int) -> Registration | None:
        """How another frame, one or two frames away, becomes frame `number`; None where that is not known."""
        found = Registration(np.zeros(2))
        for each in range(min(other, number) + 1, max(other, number) + 1):
            step = self._step(each)
            if step is None:
                return None
            found = found.then(step.registration)
        return found if other < number else found.inverse()

    def _is_still(self, number: int) -> bool:
        """Whether a frame is known to show what the one before does, but for a few pixels."""
        return number in self._known and self._known[number].still

    def _estimate(self) -> Noise:
        """The noise by all pairs that are known; worked out again only where those are others than before."""
        known = tuple(self._known)
        if self._estimated is None or self._estimated[0] != known:
            self._estimated = known, self._judge()
        return self._estimated[1]

    def _judge(self) -> Noise:
        steps = list(self._known.values())
        if len(steps) < _FEWEST or min(next(reversed(self._views.values())).shape[:2]) < _SMALLEST:
            return Noise()
        grain, left, near, kept = (
            np.quantile([getattr(step, name) for step in steps], _LOW, axis=0)
            for name in ("grain", "left", "near", "kept")
        )
        seconds = [
            (
                *(self._known[n + 1].registration.shift - step.registration.shift),
                self._known[n + 1].light - step.light,
            )
            for n, step in self._known.items()
            if n + 1 in self._known
        ]
        weave = flicker = 0.0
        if len(seconds) >= _FEWEST // 2 and np.mean([step.still for step in steps]) <= _STILL:
            spread = NORMAL * np.median(np.abs(seconds), axis=0) / _STEPS  # (3,)
            weave, flicker = float(np.hypot(*spread[:2]) / 2**0.5), float(spread[2])
            # what moves on twos rests every other frame, and what weaves or flickers hardly ever
            if np.mean([np.abs(step.registration.shift).max() < _RESTS[0] for step in steps]) >= _RESTED:
                weave = 0.0
            if np.mean([abs(step.light) < _RESTS[1] for step in steps]) >= _RESTED:
                flicker = 0.0
        least = _WEAVES[0] if grain[0] >= _CLEAN else _WEAVES_CLEAN  # things that move are registered a little off
        noisy = bool(grain[0] >= _GRAINY or flicker >= _FLICKERS or least <= weave <= _WEAVES[1])
        # in a film that is clean otherwise, only where all else stands still: what moves leaves specks at its outlines
        asked = [n for n, step in self._known.items() if noisy or step.still or self._is_still(n + 1)]
        counts = np.array([count for n in asked if (count := self._count_specks(n, not noisy)) is not None])
        specks = float(counts.mean()) if len(counts) >= max(_FEWEST, len(asked)) // 2 else 0.0
        dirty = bool(_DIRTY <= specks <= _RAIN and (counts > 0).mean() >= _DIRTIED and counts.sum() >= _FEWEST // 2)
        noisy |= dirty
        beside = near[0, 2:].mean() >= _BESIDE and near.max() <= _RINGING
        holds = self._holds_drawings() if noisy or beside else False
        noisy |= holds  # what is left in drawings that are held is noise, if only beside outlines
        together = 2 * np.pi / (1 - np.clip(kept, 0, _MOST_KEPT))
        return Noise(
            (float(grain[0]), float(grain[1]), float(grain[2])),
            (float(left[0]), float(left[1]), float(left[2])),
            near if holds else np.zeros_like(near),
            (float(together[0]), float(together[1]), float(together[2])),
            flicker,
            weave,
            specks,
            dirty,
            noisy,
        )


def bring(registration: Registration, frame: Array) -> Array:
    """Brings a frame, (h, w, 3) float32, YCrCb, to where and as the next one is."""
    gain, grey = registration.gain, (1 - registration.gain) * _GREY
    rows = [[gain, 0, 0, registration.offset], [0, gain, 0, grey], [0, 0, gain, grey]]
    lit = np.array(rows, np.float32)
    return np.asarray(cv2.transform(registration.moved(frame), lit))


def slope(luma: Array) -> Array:
    """The length of the gradient, (H, W) float32 in levels a pixel, of a picture blurred by a pixel."""
    smooth = cv2.GaussianBlur(luma, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1))
    return np.asarray(cv2.magnitude(across, down))


def _measure_step(
    first: NDArray[np.uint8], last: NDArray[np.uint8], registers: Callable[[Array, Array], Registration]
) -> _Step:
    apart = last[::2, ::2, 0].astype(np.int16) - first[::2, ::2, 0]
    lit = float(np.clip(apart, -2, 2).mean())
    none = np.zeros(3)
    if abs(lit) < _SAME_LIGHT and np.quantile(np.abs(apart), _STILL_PART) <= _STILL_LEVEL:
        return _Step(Registration(np.zeros(2)), 0.0, none, none, np.zeros((3, len(SLOPES))), none, still=True)
    here, there = first.astype(np.float32), last.astype(np.float32)
    registration = registers(here, there)
    moved = bring(registration, here)
    steep = cv2.max(slope(moved[..., 0]), slope(there[..., 0]))
    off = there - moved
    off -= np.median(off[::4, ::4].reshape(-1, 3), axis=0)
    # every other pixel each way is enough, and planes are quicker than pixels
    smooth = np.abs(cv2.split(cv2.GaussianBlur(off, (0, 0), 1.0)[::2, ::2])).reshape(3, -1)
    around = nearby(steep)[::2, ::2].ravel()
    off, steep = np.abs(cv2.split(off[::2, ::2])).reshape(3, -1), steep[::2, ::2].ravel()
    flat = steep <= np.quantile(steep, _FLAT)
    grain = np.quantile(off[:, flat], _MOST, axis=1) / _TO_NORMAL / 2**0.5
    left = np.quantile(smooth[:, flat], _MOST, axis=1) / _TO_NORMAL
    near = np.full((len(SLOPES), 3), np.nan)
    bins = np.digitize(around, [(a + b) / 2 for a, b in pairwise(SLOPES)])
    for place in range(len(SLOPES)):
        within = np.flatnonzero(bins == place)
        if len(within) >= _FEWEST_PIXELS:
            near[place] = np.quantile(smooth[:, within], _NEARLY_ALL, axis=1) / _ALL_TO_NORMAL
    known = np.flatnonzero(~np.isnan(near[:, 0]))
    near = near[known[np.abs(known[None] - np.arange(len(SLOPES))[:, None]).argmin(1)]]  # else as the nearest slope
    kept = np.square(np.quantile(smooth, _MOST, axis=1) / np.maximum(np.quantile(off, _MOST, axis=1), 0.1))
    light = registration.light_change(float(here[..., 0].mean()))
    return _Step(registration, light, grain, left, near.T, kept, float(np.square(near[2:, 0]).mean()))


def nearby(steep: Array) -> Array:
    """The steepest slope near each pixel, within what a codec's block spreads."""
    return np.asarray(cv2.dilate(steep, np.ones((9, 9), np.uint8)))
