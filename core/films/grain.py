"""Draws the in-betweens of a worn film: motion is found on cleaned frames, and grain is added to the in-betweens.

Each frame of a film has its own grain. An engine would move it along with the drawing, and where it mixes two frames,
their grain gets weaker, so the film would pulse from frame to frame. Here the grain of each key frame is removed by
non-local means (Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005), the engine draws from
the result, and as much grain as the key frames have is added to the in-between. It is the key frames' own grain, taken
from their flat areas and shifted, so that none appears twice. Cleaning leaves most of the coarse grain, which an engine
then weakens by mixing; so fine and coarse grain are measured and added separately.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engines.interface import Engine, count_at_once
from ..inbetween.pair import PreparedPair, mix, prepare_pair
from ..media.frames import Frame
from ..motion.guides import PairHints
from ..motion.kept import FrameMemory, once

Array = NDArray[Any]

# Set by hand, and not fitted to real films. With them, the grain of in-betweens is within 4 % of the film's on a drawn
# walk under grain of 5 levels (docs/films.md).
_STRENGTH = 1.1  # of non-local means, in standard deviations of the grain
_PATCH, _SEARCH = 5, 13  # pixels a side: of what is compared, and of the search window
_FINE = 1.5  # pixels: fine grain is what changes faster than a blur of that
_COARSE, _CELL = 8.0, 3  # pixels: coarse grain is what changes faster than this blur; size of cells to measure it in
_FLAT = 0.5  # quantile of the slope up to which a picture is flat
_EDGE = 3.0  # times the grain's slope from which on a place has outlines, so that its grain cannot be measured
_LEVELS = 8  # levels of brightness, each with its own strength of grain: it differs in shadows and lights
_FEWEST = 200  # pixels that a level needs for its grain to be measured
_CLIP = 3.5  # standard deviations; what differs by more is not grain
_TO_NORMAL = 1.4826  # from a median of absolute values to a standard deviation
_ROUNDS = 8  # of solving for the amounts of both plates in turn
_ROLLS = 4  # shifted copies by which places with outlines are filled


class GrainyDrawer:
    """Draws in-betweens of grainy frames; the last frames are kept, as each is used for two pairs."""

    def __init__(self, engine: Engine, on_failure: str) -> None:
        """Draws by an engine; `on_failure` is one of `config.choices.ON_FAILURE`."""
        self._engine, self._on_failure = engine, on_failure
        self._memory = FrameMemory(count_at_once(engine) + 2)

    def prepare(
        self, first: Frame, last: Frame, hints: PairHints | None = None, *, mixed: bool = False
    ) -> PreparedPair:
        """Readies two frames, (H, W, 3) uint8 or uint16, as `prepare_pair` does, or `mix` if they are `mixed`."""
        ends = self._clean(first), self._clean(last)
        if mixed:
            pair = mix(ends[0].clean, ends[1].clean)
        else:
            pair = prepare_pair(ends[0].clean, ends[1].clean, self._engine, self._on_failure, hints=hints)

        def finish(times: Sequence[float]) -> Iterator[Frame]:
            for t, drawn in zip(times, pair(times), strict=True):
                yield _add_grain(drawn, ends, t)

        return replace(pair, draw=finish)

    def _clean(self, frame: Frame) -> "_Grainy":
        kept = self._memory.keep(frame)
        return once(kept, "grain", partial(_Grainy, kept))


class _Grainy:
    """A frame, separated into its picture and its grain.

    Attributes:
        clean: the frame without grain, of its shape and type.
        plates: its grain, (H, W, 3) float32, and its coarse part; where the picture is not flat, shifted grain of
            flat places.
        powers: (2, 3, 3): variance of fine and of coarse grain, each of the first plate, of the second, and twice their
            covariance, for each channel.
        strengths: (_LEVELS, 3): standard deviation of fine grain in levels of 255, by the brightness of the drawing.
        coarse: (3,): that of the coarse grain.
    """

    def __init__(self, frame: Frame) -> None:
        values = _to_float(frame)
        view = np.clip(values + 0.5, 0, 255).astype(np.uint8)
        strength = _measure(values, _find_flat(values))
        luma = _STRENGTH * float(strength.mean())
        ycc = cv2.cvtColor(view, cv2.COLOR_RGB2YCrCb)
        colours = _measure(ycc.astype(np.float32), _find_flat(values))[1:]
        planes = list(cv2.split(ycc))
        planes[0] = cv2.fastNlMeansDenoising(planes[0], None, luma, _PATCH, _SEARCH)
        for k in (1, 2):
            if colours[k - 1] > 0.7:
                planes[k] = cv2.fastNlMeansDenoising(
                    planes[k], None, _STRENGTH * float(colours[k - 1]), _PATCH, _SEARCH
                )
        smooth = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB).astype(np.float32)
        self.clean = _from_float(smooth, frame)
        flat = _find_flat(smooth)
        self.strengths = _measure_levels(values, smooth, flat)
        self.coarse = _measure_coarse(values, flat)
        usual = _at(self.strengths, smooth)
        plate = np.clip((values - _blur_within(values, flat, _COARSE)) / usual, -_CLIP, _CLIP)
        plate[~flat] = 0
        known = flat.copy()
        height, width = flat.shape
        for k in range(1, _ROLLS + 1):
            shift = (height * k * 3 // 11, width * k * 4 // 13)
            there = np.roll(known, shift, (0, 1)) & ~known
            plate[there] = np.roll(plate, shift, (0, 1))[there]
            known |= there
        self.plates = plate, plate - _fine(plate)
        pictures = (*self.plates, self.plates[0] + self.plates[1])
        measured = [
            [_spread(_fine(each)[known]) for each in pictures],
            [_measure_coarse(each, known) for each in pictures],
        ]
        self.powers = np.square(np.array(measured))
        self.powers[:, 2] -= self.powers[:, 0] + self.powers[:, 1]


def _add_grain(drawn: Frame, ends: tuple[_Grainy, _Grainy], t: float) -> Frame:
    """Adds grain to a frame until it has as much as the key frames."""
    values = _to_float(drawn)
    near = ends[t >= 0.5]
    flat = _find_flat(values)
    has = _measure_levels(values, cv2.GaussianBlur(values, (0, 0), _FINE), flat)
    wanted = (1 - t) * ends[0].strengths + t * ends[1].strengths
    usual = _at(wanted, values)
    coarse = np.square((1 - t) * ends[0].coarse + t * ends[1].coarse) - np.square(_measure_coarse(values, flat))
    # coarse grain is as much stronger in some levels of brightness as fine grain is
    missing = 1 - np.square(has / wanted), coarse / np.square(usual.mean((0, 1)))
    amounts = _find_amounts(missing, near.powers)
    rng = np.random.default_rng(round(t * 1e6))  # the same at every run
    height, width = flat.shape
    shift = int(rng.integers(height)), int(rng.integers(width))
    way = -1 if rng.integers(2) else 1
    for plate, amount in zip(near.plates, amounts, strict=True):
        values += np.roll(plate, shift, (0, 1))[:, ::way] * _at(amount * wanted, values, least=-np.inf)
    return _from_float(values, drawn)


def _find_amounts(missing: tuple[Array, Array], powers: Array) -> tuple[Array, Array]:
    """How much of each plate has to be added.

    Args:
        missing: variance of fine and of coarse grain that is missing, (_LEVELS, 3) and (3,), in the plates' units.
        powers: as `_Grainy` has them.

    Returns:
        The factors of the plates, (_LEVELS, 3) each.
    """
    fine, coarse = (np.maximum(0, part) for part in np.broadcast_arrays(*missing))
    one = np.sqrt(fine / np.maximum(powers[0, 0], 1e-3))
    other = np.zeros_like(one)
    for _ in range(_ROUNDS):
        # the coarse plate changes coarse grain most, and the whole one is left to make up for fine grain
        lacks = coarse - powers[1, 0] * one * one
        linear = powers[1, 2] * one
        other = _solve(powers[1, 1], linear, -lacks)
        one = _solve(powers[0, 0], powers[0, 2] * other, powers[0, 1] * other * other - fine)
    return one, other


def _solve(square: Array, linear: Array, rest: Array) -> Array:
    """The larger root of square * x² + linear * x + rest = 0; where there is none, the x that comes closest."""
    square = np.maximum(square, 1e-3)
    return np.asarray((np.sqrt(np.maximum(0, linear * linear - 4 * square * rest)) - linear) / (2 * square))


def _fine(values: Array) -> Array:
    """The fine detail of a picture, (H, W, C) float32."""
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), _FINE))


def _measure(values: Array, flat: NDArray[np.bool_]) -> Array:
    """The standard deviation of the fine detail in a picture's flat parts, (3,)."""
    return _spread(_fine(values)[flat])


def _measure_coarse(values: Array, flat: NDArray[np.bool_]) -> Array:
    """The standard deviation of the coarse grain in a picture's flat parts, (3,)."""
    height, width = flat.shape
    size = max(1, width // _CELL), max(1, height // _CELL)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    within = cv2.resize(flat.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    if not within.any():
        return np.zeros(3, np.float32)
    return _spread((small - _blur_within(small, within, _COARSE / _CELL))[within])


def _blur_within(values: Array, mask: NDArray[np.bool_], sigma: float) -> Array:
    """A blur of what is in a mask, (H, W, 3) float32; nothing beyond the mask gets into it."""
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    inside = cv2.GaussianBlur(values * mask[..., None], (0, 0), sigma)
    return np.asarray(inside / np.maximum(weight, 1e-3)[..., None])


def _spread(values: Array) -> Array:
    """The standard deviation of (N, 3) values around 0, without outliers: (3,)."""
    return np.asarray(_TO_NORMAL * np.median(np.abs(values), axis=0), np.float32)


def _measure_levels(values: Array, smooth: Array, flat: NDArray[np.bool_]) -> Array:
    """The same by the picture's brightness: (_LEVELS, 3); where a level is rare, that of all levels together."""
    fine, level = _fine(values)[flat], _brightness(smooth)[flat]
    found = np.tile(_spread(fine), (_LEVELS, 1))
    places = np.minimum((level * (_LEVELS / 256)).astype(np.intp), _LEVELS - 1)
    for place in range(_LEVELS):
        within = places == place
        if within.sum() >= _FEWEST:
            found[place] = _spread(fine[within])
    return found


def _at(strengths: Array, picture: Array, least: float = 1e-3) -> Array:
    """The strength at each pixel of a picture, (H, W, 3) float32."""
    level = cv2.GaussianBlur(_brightness(picture), (0, 0), _FINE)
    middles = (np.arange(_LEVELS) + 0.5) * (256 / _LEVELS)
    table = np.stack([np.interp(np.arange(256), middles, strengths[:, c]) for c in range(3)], 1).astype(np.float32)
    return np.maximum(table[np.clip(level, 0, 255).astype(np.uint8)], least)


def _brightness(picture: Array) -> Array:
    return np.ascontiguousarray(picture.mean(2))


def _find_flat(picture: Array) -> NDArray[np.bool_]:
    """Where a picture has no outlines, (H, W)."""
    smooth = cv2.GaussianBlur(_brightness(picture), (0, 0), 2.0)
    steep = cv2.magnitude(*(cv2.Sobel(smooth, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1)))
    steep = cv2.dilate(steep, np.ones((5, 5), np.uint8))
    return np.asarray(steep <= max(float(np.quantile(steep, _FLAT)), 1e-3))


def _to_float(frame: Frame) -> Array:
    """(H, W, 3) float32 in levels of 255."""
    return frame.astype(np.float32) / (257 if frame.dtype == np.uint16 else 1)


def _from_float(values: Array, like: Frame) -> Frame:
    scale = 257 if like.dtype == np.uint16 else 1
    return np.asarray(np.clip(values * scale + 0.5, 0, 255 * scale)).astype(like.dtype)
