"""Measures a film's wear: grain, specks, flicker and gate weave.

Everything is measured on pairs of consecutive frames, after one is registered to the other (shift, gain and offset).
Most of a cartoon is static from frame to frame, or moves as a whole. The residual in flat areas is therefore noise, and
a low quantile over many pairs excludes those in which something moves.

Thresholds were set by hand on the cases of tests/shots/test_noise.py and docs/notebook/reports.md.
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
"""Longer side in pixels of the working size: noise is measured and noisy frames are compared there."""
_REGISTRATION_SIDE = 320  # pixels: longer side of the frames that are registered
AHEAD = 24
"""Frames before and after the requested one that an estimate uses."""

# Which pairs an estimate uses
_HISTORY = 256  # frames back to which pairs are kept: a film's titles may be cleaner than the rest
_MIN_KEPT = 12  # pairs that are kept even if they are older
_SAMPLE_EVERY = 32  # frames: while a film seems clean, two pairs are measured in each interval of this length
_MIN_PAIRS = 8  # pairs needed for an estimate (half as many specks, second differences or lone pairs)
_STEP_QUANTILE = 0.25  # quantile over pairs: on twos, half of all pairs show one drawing
_MIN_SIDE = 72  # pixels, shorter side: scans are never smaller, and in smaller frames every pixel is near an outline

# Measuring one pair
_FLAT_QUANTILE = 0.4  # pixels up to this quantile of the gradient are flat
SLOPES = (0.0, 1.0, 3.0, 6.0, 12.0, 24.0, 48.0)
"""Gradients (levels per pixel, after a blur of one pixel) at which noise is measured."""
_NOISE_QUANTILE, _NOISE_SIGMAS = 0.8, 1.2816  # quantile of absolute values, and that quantile of a normal distribution
_EDGE_QUANTILE, _EDGE_SIGMAS = 0.95, 1.96  # the same near outlines, where compression noise is sparse and strong
_MIN_PIXELS = 40  # pixels of one gradient bin needed to measure it
_MAX_BLUR_SHARE = 0.95  # upper bound of the share of the grain's variance that survives the blur
_STILL_PIXELS, _STILL_LEVEL = 0.97, 3  # two frames are the same when this share of pixels differs by at most so much
_SAME_LIGHT = 0.2  # levels: largest mean of small differences between two frames that are the same
_GREY = 128.0  # neutral value of Cr and Cb

# When a film counts as noisy
_MIN_GRAIN = 0.9  # levels: standard deviation of one frame's grain in the working size
_MIN_FLICKER = 0.35  # levels: standard deviation of the brightness
_WEAVE_RANGE = 0.12, 1.5  # pixels of the working size; above it, the camera shakes
_CLEAN_GRAIN, _MIN_WEAVE_CLEAN = 0.3, 0.3  # scans have at least this grain; with less, weave must reach so many pixels
_REST, _REST_SHARE = (0.12, 0.12), 0.33  # pixels and levels of a step at rest; a film that rests this often is steady
_STILL_SHARE = 0.15  # a film with a larger share of identical pairs neither weaves nor flickers
_MIN_SPECKS, _MIN_SPECKED = 0.3, 0.2  # a dirty film's mean number of specks per frame, and share of frames with any
_MAX_SPECKS = 12.0  # specks per frame; with more, they are part of the drawing
_MAX_OTHER_CHANGE, _OTHER_CHANGE_LEVEL = 0.0005, 4  # clean film: share of pixels off specks that may differ by more

# Gate path, and what a speck hides
_PATH_RADIUS = 6  # frames on either side over which the gate path is smoothed
_SECOND_DIFFERENCE = 6**0.5  # standard deviation of a second difference of independent values, relative to theirs
_SEARCH_RADIUS = 4  # frames on either side in which the content behind a speck is searched

# Compression noise near the outlines of held drawings
_SAME_NOISE, _MIN_RESIDUAL = 1.6, 0.2  # factor, plus levels squared, within which pairs are as quiet as the quietest
_MAX_GROWTHS, _MAX_GROWTH = 6, 1.4  # comparisons over two frames, and the growth of the residual that noise may show
_MIN_EDGE_NOISE = 2.0  # levels
_MAX_EDGE_NOISE = 30.0  # levels; no codec leaves more, so something moves
_NEW_DRAWING = 3.0  # factor by which the residual of two drawings exceeds that of one


@dataclass(frozen=True)
class Noise:
    """A film's noise, in its working size.

    Attributes:
        grain: (3,) standard deviation of one frame's grain, in levels of luma, Cr and Cb.
        residual: (3,) standard deviation of the difference of two registered frames after a blur of one pixel.
        by_slope: (3, len(SLOPES)) the same, by the steepest gradient nearby, as codecs leave more near outlines. 0 if
            it cannot be separated from motion.
        correlated: (3,) pixels of the blurred difference that count as one independent sample.
        flicker: standard deviation of the brightness, in levels.
        weave: standard deviation of the position, in pixels.
        specks: mean number of specks per frame.
        dirty: whether the number of specks is typical of dirt.
        noisy: whether frames must be compared with allowance for noise.
    """

    grain: tuple[float, float, float] = (0.0, 0.0, 0.0)
    residual: tuple[float, float, float] = (0.0, 0.0, 0.0)
    by_slope: Array = field(default_factory=lambda: np.zeros((3, len(SLOPES))))
    correlated: tuple[float, float, float] = (1.0, 1.0, 1.0)
    flicker: float = 0.0
    weave: float = 0.0
    specks: float = 0.0
    dirty: bool = False
    noisy: bool = False

    @property
    def grainy(self) -> bool:
        """Whether the grain is visible."""
        return self.noisy and self.grain[0] >= _MIN_GRAIN


@dataclass(frozen=True)
class _Step:
    """What is measured between a frame and the next one."""

    registration: Registration
    light: float
    grain: Array
    """(3,) as in Noise."""
    residual: Array
    """(3,) as in Noise."""
    by_slope: Array
    """(3, len(SLOPES)) as in Noise."""
    blur_share: Array
    """(3,) share of the grain's variance that survives the blur."""
    edge_residual: float = 0.0
    """Mean square of the difference near outlines, in levels squared."""
    still: bool = False
    """Whether both frames are the same apart from compression noise."""


class NoiseMeter:
    """Measures a film's noise as its frames arrive; stores reduced copies of the most recent ones only.

    To save time, only a sample of pairs is measured while a film seems clean.
    """

    def __init__(self) -> None:
        self._views: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._count = 0
        self._ended = False
        self._steps: dict[int, _Step] = {}
        self._spots: dict[int, Spots] = {}
        self._known: OrderedDict[int, _Step] = OrderedDict()
        self._counts: dict[tuple[int, bool], int | None] = {}
        self._growths: dict[int, float] = {}
        self._noise: tuple[int, Noise] | None = None
        self._estimated: tuple[tuple[int, ...], Noise] | None = None

    def push(self, frame: NDArray[np.uint8]) -> int:
        """Adds the next frame, (H, W, 3) uint8, RGB; returns its number, from 0."""
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
        """Ends the film: no frame follows."""
        self._ended = True
        self._noise = self._estimated = None

    def view(self, number: int) -> NDArray[np.uint8] | None:
        """Returns a frame in the working size, (h, w, 3) uint8, YCrCb; None if it is no longer, or not yet, stored."""
        return self._views.get(number)

    def noise(self, number: int) -> Noise:
        """Returns the film's noise as estimated at a frame, from the frames before it and AHEAD frames after it."""
        if self._noise is not None and self._noise[0] == number:
            return self._noise[1]
        was_noisy = self._noise is not None and self._noise[1].noisy
        for each in range(max(1, number - AHEAD), number + AHEAD + 1):
            if each not in self._known and (was_noisy or each <= 2 * _MIN_PAIRS or each % _SAMPLE_EVERY < 2):
                self._measure(each)
        noise = self._estimate()
        if noise.noisy and not was_noisy:
            for each in range(max(1, number - AHEAD), number + AHEAD + 1):
                self._measure(each)
            noise = self._estimate()
        while len(self._known) > _MIN_KEPT and next(iter(self._known)) < number - _HISTORY:
            forgotten, _ = self._known.popitem(last=False)
            self._growths.pop(forgotten, None)
            for alone in (False, True):
                self._counts.pop((forgotten, alone), None)
        self._noise = (number, noise)
        return noise

    def specks(self, number: int, *, mended: bool = False) -> NDArray[np.uint8] | None:
        """Returns a mask of a frame's specks, (h, w) uint8 in the working size; None if it has none.

        Args:
            number: the frame's number.
            mended: mark only specks that can be removed, and say which frame shows the content behind each: 1 the one
                before, 2 the one after. If false, all specks are 255. The rest is 0 either way.
        """
        here = self._find_spots(number) if self.noise(number).dirty else None
        if here is None or not here.spots:
            return None
        chosen = self._choose_specks(number, here)
        if mended:
            chosen = [each for each in chosen if not self._is_neighbours_speck(number, each)]
        mask = cover_specks(here, chosen)
        if not mask.any():
            return None
        if not mended:
            return np.asarray(np.where(mask > 0, 255, 0), np.uint8)
        sources = [0] + [2 if spot.source == 1 else 1 for spot in here.spots]
        return np.asarray(np.array(sources, np.uint8)[mask])

    def _is_neighbours_speck(self, number: int, place: int) -> bool:
        """Whether a spot stands out only because the neighbouring frame has a speck there.

        Other frames then show the spot as well.
        """
        here = self._find_spots(number)
        assert here is not None
        spot = here.spots[place]
        other = number + spot.source
        there = None if spot.source == 0 else self._find_spots(other)
        opposite = find_opposite(spot, there)
        if there is None or opposite is None:
            return False
        difference = self._best_match(number, here.labels == place + 1, (number, other))
        return difference <= self._best_match(other, there.labels == opposite + 1, (number, other))

    def _best_match(self, number: int, where: NDArray[np.bool_], but: tuple[int, int]) -> float:
        """Mean difference in levels of a region from the most similar frame nearby, leaving out the frames `but`."""
        rows, columns = np.nonzero(where)
        box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        view = self.view(number)
        found = np.inf
        for each in range(number - _SEARCH_RADIUS, number + _SEARCH_RADIUS + 1):
            other, registration = self.view(each), self.registration(each, number)
            if each in but or view is None or other is None or registration is None:
                continue
            shown = registration.apply(np.ascontiguousarray(other[..., 0], np.float32))[box]
            found = min(found, float(np.abs(shown - view[..., 0][box])[where[box]].mean()))
        return found

    def path(self, number: int) -> tuple[Array, Array]:
        """Returns the global shift and change of brightness from the frame before, smoothed and as measured.

        Returns:
            The smoothed step, without weave and flicker, and the measured step, each (3,): dx and dy in pixels, and the
            change of brightness in levels.
        """
        nearby = range(number - _PATH_RADIUS, number + _PATH_RADIUS + 2)
        steps = {each: self._step(each) for each in nearby}
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
        weight = np.cos(np.pi / 2 * times / (_PATH_RADIUS + 2)) ** 2
        times = times - (weight * times).sum() / weight.sum()
        spread = float((weight * times**2).sum())
        even = (weight * times) @ places / spread if len(moves) >= _MIN_PAIRS // 2 else np.zeros(3)
        return np.asarray(even), np.array([*here.registration.shift, here.light])

    def _holds_drawings(self) -> bool:
        """Whether the quietest pairs show one held drawing each, so that their whole residual is noise.

        Unlike motion, noise does not grow with the time between two frames. If quiet pairs are isolated, as in a film
        on twos, the pairs around them must differ by far more.
        """
        edge_residual = {number: step.edge_residual for number, step in self._known.items()}
        most = _SAME_NOISE * float(np.quantile(list(edge_residual.values()), _STEP_QUANTILE)) + _MIN_RESIDUAL
        low = {number for number, value in edge_residual.items() if value <= most}
        grows: list[float] = []
        alone: list[bool] = []
        for number in sorted(low, reverse=True):
            if number + 1 in low:
                if len(grows) < _MAX_GROWTHS and (growth := self._residual_growth(number)) is not None:
                    grows.append(growth)
            elif number - 1 not in low and number - 1 in edge_residual and number + 1 in edge_residual:
                alone.append(min(edge_residual[number - 1], edge_residual[number + 1]) > _NEW_DRAWING * most)
        if len(grows) >= _MAX_GROWTHS // 2:
            return float(np.median(grows)) <= _MAX_GROWTH
        return len(alone) >= _MIN_PAIRS // 2 and float(np.mean(alone)) > 0.9

    def _residual_growth(self, number: int) -> float | None:
        """Ratio of the residual over two frames to the residual over one; None if the frames are not stored."""
        if number not in self._growths:
            first, last, step = self.view(number - 1), self.view(number + 1), self._step(number)
            if first is None or last is None or step is None:
                return None
            far = _measure_step(first, last, self.register)
            self._growths[number] = (far.edge_residual + _MIN_RESIDUAL) / (step.edge_residual + _MIN_RESIDUAL)
        return self._growths[number]

    def _register(self, first: Array, last: Array) -> Registration:
        height, width = first.shape
        scale = min(1.0, _REGISTRATION_SIDE / max(height, width))
        if scale == 1:
            return register(first, last)
        size = (round(width * scale), round(height * scale))
        found = register(*(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (first, last)))
        return Registration(found.shift / scale, found.gain, found.offset, found.fits)

    def register(self, first: Array, last: Array) -> Registration:
        """Registers two frames of the working size, (h, w, 3) float32, by their luma."""
        return self._register(np.ascontiguousarray(first[..., 0]), np.ascontiguousarray(last[..., 0]))

    def _step(self, number: int) -> _Step | None:
        """The measurement from the frame before to this one; None if they are not stored or differ in size."""
        if number not in self._steps:
            first, last = self.view(number - 1), self.view(number)
            if first is None or last is None or first.shape != last.shape:
                return None
            self._steps[number] = _measure_step(first, last, self.register)
        return self._steps[number]

    def _measure(self, number: int) -> None:
        """Adds the pair that ends at a frame to the estimate, if it can be registered."""
        step = self._step(number)
        if step is None or not step.registration.fits or number in self._known:
            return
        if self._register_neighbours(number) is not None:  # the last frame pushed has no frame after it yet
            self._known[number] = step

    def _count_specks(self, number: int, alone: bool) -> int | None:
        """Counts a frame's specks; None if the frame is not stored. This is the slowest measurement.

        Args:
            number: the frame's number.
            alone: count specks only if nothing else differs from a neighbouring frame; None otherwise.
        """
        if (number, alone) not in self._counts:
            changes = self._find_changes(number) if alone else []
            if any(not change.any() for change in changes):
                self._counts[number, alone] = 0
                return 0
            spots = self._find_spots(number)
            if spots is None:
                return None
            chosen = self._choose_specks(number, spots)
            count: int | None = len(chosen)
            if alone:
                # a speck of the neighbouring frame is a difference as well, and is dirt too
                dirty = cover_specks(spots, chosen) > 0
                for each in (number - 1, number + 1):
                    if (others := self._find_spots(each)) is not None:
                        dirty |= cover_specks(others, self._choose_specks(each, others)) > 0
                dirty = cv2.dilate(dirty.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
                if min((float((change & ~dirty).mean()) for change in changes), default=1.0) > _MAX_OTHER_CHANGE:
                    count = None
            self._counts[number, alone] = count
        return self._counts[number, alone]

    def _find_changes(self, number: int) -> list[NDArray[np.bool_]]:
        """Masks of where a frame differs from each neighbour that shows nearly the same picture, (h, w) bool."""
        here = self.view(number)
        changes = []
        for each, still in ((number - 1, self._is_still(number)), (number + 1, self._is_still(number + 1))):
            there = self.view(each)
            if still and here is not None and there is not None:
                smooth = (cv2.GaussianBlur(frame[..., 0], (0, 0), 1.0) for frame in (here, there))
                changes.append(cv2.absdiff(*smooth) > _OTHER_CHANGE_LEVEL)
        return changes

    def _register_neighbours(self, number: int) -> dict[int, Registration] | None:
        """Registers the two neighbours of a frame to it; at a film's ends, the next two on one side.

        Returns:
            The registrations by the neighbours' numbers; None if a frame is not stored or cannot be registered.
        """
        others = number - 1, number + 1
        if number == 0:
            others = 1, 2
        elif self._ended and number == self._count - 1:
            others = number - 2, number - 1
        if any(self.view(each) is None for each in (number, *others)):
            return None
        registrations = {other: self.registration(other, number) for other in others}
        found = {
            other: registration
            for other, registration in registrations.items()
            if registration is not None and registration.fits
        }
        return found if len(found) == len(others) else None

    def _find_spots(self, number: int) -> Spots | None:
        """The spots that stand out in this frame only; None if its neighbours are not stored or do not fit."""
        if number not in self._spots:
            registrations, here = self._register_neighbours(number), self.view(number)
            if registrations is None or here is None:
                return None
            aligned, grain = [], []
            for other, registration in registrations.items():
                view, step = self.view(other), self._step(max(number, other))
                assert view is not None and step is not None
                aligned.append(registration.apply(np.ascontiguousarray(view[..., 0], np.float32)))
                grain.append(float(step.residual[0]))
            luma = np.ascontiguousarray(here[..., 0], np.float32)
            self._spots[number] = find_spots(aligned[0], luma, aligned[1], min(grain) / 2**0.5)
        return self._spots[number]

    def _choose_specks(self, number: int, spots: Spots) -> list[int]:
        """The spots of a frame that are specks, as indices."""
        return choose_specks(spots, self._find_spots(number - 1), self._find_spots(number + 1))

    def registration(self, other: int, number: int) -> Registration | None:
        """Returns the registration of another frame to frame `number`; None if a frame between is not stored."""
        found = Registration(np.zeros(2))
        for each in range(min(other, number) + 1, max(other, number) + 1):
            step = self._step(each)
            if step is None:
                return None
            found = found.then(step.registration)
        return found if other < number else found.inverse()

    def _is_still(self, number: int) -> bool:
        """Whether a frame was measured to be the same as the one before."""
        return number in self._known and self._known[number].still

    def _estimate(self) -> Noise:
        """The noise estimated from all stored pairs, cached until these change."""
        known = tuple(self._known)
        if self._estimated is None or self._estimated[0] != known:
            self._estimated = known, self._compute_noise()
        return self._estimated[1]

    def _compute_noise(self) -> Noise:
        steps = list(self._known.values())
        if len(steps) < _MIN_PAIRS or min(next(reversed(self._views.values())).shape[:2]) < _MIN_SIDE:
            return Noise()
        grain, residual, by_slope, blur_share = (
            np.quantile([getattr(step, name) for step in steps], _STEP_QUANTILE, axis=0)
            for name in ("grain", "residual", "by_slope", "blur_share")
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
        if len(seconds) >= _MIN_PAIRS // 2 and np.mean([step.still for step in steps]) <= _STILL_SHARE:
            spread = NORMAL * np.median(np.abs(seconds), axis=0) / _SECOND_DIFFERENCE  # (3,)
            weave, flicker = float(np.hypot(*spread[:2]) / 2**0.5), float(spread[2])
            # motion on twos rests in every other frame; weave and flicker hardly ever do
            if np.mean([np.abs(step.registration.shift).max() < _REST[0] for step in steps]) >= _REST_SHARE:
                weave = 0.0
            if np.mean([abs(step.light) < _REST[1] for step in steps]) >= _REST_SHARE:
                flicker = 0.0
        least = _WEAVE_RANGE[0] if grain[0] >= _CLEAN_GRAIN else _MIN_WEAVE_CLEAN  # motion biases registration a little
        noisy = bool(grain[0] >= _MIN_GRAIN or flicker >= _MIN_FLICKER or least <= weave <= _WEAVE_RANGE[1])
        # an otherwise clean film: only static frames count, as motion looks like specks at its outlines
        candidates = [n for n, step in self._known.items() if noisy or step.still or self._is_still(n + 1)]
        counts = np.array([count for n in candidates if (count := self._count_specks(n, not noisy)) is not None])
        specks = float(counts.mean()) if len(counts) >= max(_MIN_PAIRS, len(candidates)) // 2 else 0.0
        dirty = bool(
            _MIN_SPECKS <= specks <= _MAX_SPECKS
            and (counts > 0).mean() >= _MIN_SPECKED
            and counts.sum() >= _MIN_PAIRS // 2
        )
        noisy |= dirty
        beside = by_slope[0, 2:].mean() >= _MIN_EDGE_NOISE and by_slope.max() <= _MAX_EDGE_NOISE
        holds = self._holds_drawings() if noisy or beside else False
        noisy |= holds  # the residual of held drawings is noise, even if only near outlines
        correlated = 2 * np.pi / (1 - np.clip(blur_share, 0, _MAX_BLUR_SHARE))
        return Noise(
            (float(grain[0]), float(grain[1]), float(grain[2])),
            (float(residual[0]), float(residual[1]), float(residual[2])),
            by_slope if holds else np.zeros_like(by_slope),
            (float(correlated[0]), float(correlated[1]), float(correlated[2])),
            flicker,
            weave,
            specks,
            dirty,
            noisy,
        )


def align(registration: Registration, frame: Array) -> Array:
    """Applies a registration (shift, gain, offset) to a frame, (h, w, 3) float32, YCrCb; the gain scales chroma too."""
    gain, grey = registration.gain, (1 - registration.gain) * _GREY
    rows = [[gain, 0, 0, registration.offset], [0, gain, 0, grey], [0, 0, gain, grey]]
    matrix = np.array(rows, np.float32)  # (3, 4)
    return np.asarray(cv2.transform(registration.moved(frame), matrix))


def slope(luma: Array) -> Array:
    """Gradient magnitude of luma after a blur of one pixel, (H, W) float32, in levels per pixel."""
    smooth = cv2.GaussianBlur(luma, (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1))
    return np.asarray(cv2.magnitude(across, down))


def _measure_step(
    first: NDArray[np.uint8], last: NDArray[np.uint8], register_pair: Callable[[Array, Array], Registration]
) -> _Step:
    change = last[::2, ::2, 0].astype(np.int16) - first[::2, ::2, 0]
    light_step = float(np.clip(change, -2, 2).mean())
    none = np.zeros(3)
    if abs(light_step) < _SAME_LIGHT and np.quantile(np.abs(change), _STILL_PIXELS) <= _STILL_LEVEL:
        return _Step(Registration(np.zeros(2)), 0.0, none, none, np.zeros((3, len(SLOPES))), none, still=True)
    here, there = first.astype(np.float32), last.astype(np.float32)
    registration = register_pair(here, there)
    moved = align(registration, here)
    steep = cv2.max(slope(moved[..., 0]), slope(there[..., 0]))
    off = there - moved
    off -= np.median(off[::4, ::4].reshape(-1, 3), axis=0)
    # every other pixel along each axis is enough; separate planes are faster than interleaved pixels
    smooth = np.abs(cv2.split(cv2.GaussianBlur(off, (0, 0), 1.0)[::2, ::2])).reshape(3, -1)
    around = steepest_nearby(steep)[::2, ::2].ravel()
    off, steep = np.abs(cv2.split(off[::2, ::2])).reshape(3, -1), steep[::2, ::2].ravel()
    flat = steep <= np.quantile(steep, _FLAT_QUANTILE)
    grain = np.quantile(off[:, flat], _NOISE_QUANTILE, axis=1) / _NOISE_SIGMAS / 2**0.5
    residual = np.quantile(smooth[:, flat], _NOISE_QUANTILE, axis=1) / _NOISE_SIGMAS
    by_slope = np.full((len(SLOPES), 3), np.nan)
    bins = np.digitize(around, [(a + b) / 2 for a, b in pairwise(SLOPES)])
    enough = min(_MIN_PIXELS, np.bincount(bins).max())  # tiny frames have fewer in all bins
    for place in range(len(SLOPES)):
        within = np.flatnonzero(bins == place)
        if len(within) >= enough:
            by_slope[place] = np.quantile(smooth[:, within], _EDGE_QUANTILE, axis=1) / _EDGE_SIGMAS
    known = np.flatnonzero(~np.isnan(by_slope[:, 0]))
    by_slope = by_slope[
        known[np.abs(known[None] - np.arange(len(SLOPES))[:, None]).argmin(1)]
    ]  # fill empty bins from the nearest
    blur_share = np.square(
        np.quantile(smooth, _NOISE_QUANTILE, axis=1) / np.maximum(np.quantile(off, _NOISE_QUANTILE, axis=1), 0.1)
    )
    light = registration.light_change(float(here[..., 0].mean()))
    return _Step(registration, light, grain, residual, by_slope.T, blur_share, float(np.square(by_slope[2:, 0]).mean()))


def steepest_nearby(steep: Array) -> Array:
    """Largest gradient within 4 pixels of each pixel, about as far as a codec block spreads its error."""
    return np.asarray(cv2.dilate(steep, np.ones((9, 9), np.uint8)))
