"""Draws the in-betweens of a worn film: motion is found on cleaned frames, and grain is added to the in-betweens.

Each frame of a film has its own grain. An engine would move it along with the drawing, and where it mixes two frames,
their grain gets weaker, so the film would pulse from frame to frame. Here the grain of each key frame is removed by
non-local means (Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005), the engine draws from
the result, and as much grain as the key frames have is added to the in-between. It is the key frames' own grain, taken
from their flat areas and shifted, so that none appears twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..engines.interface import Engine, count_at_once
from ..inbetween.pair import PreparedPair, prepare_pair
from ..media.frames import Frame
from ..motion.guides import PairHints
from ..motion.kept import FrameMemory, once

Array = NDArray[Any]

# Set by hand, and not fitted to real films. With them, the grain of in-betweens is within 3 % of the film's on drawn
# walks under grain of 5 levels (docs/films.md).
_STRENGTH = 1.1  # of non-local means, in standard deviations of the grain
_PATCH, _SEARCH = 5, 13  # pixels a side: of what is compared, and of the search window
_FINE = 1.5  # pixels: grain is what changes faster than a blur of that
_FLAT = 0.5  # quantile of the slope up to which a picture is flat
_EDGE = 3.0  # times the grain's slope from which on a place has outlines, so that its grain cannot be measured
_LEVELS = 8  # levels of brightness, each with its own strength of grain: it differs in shadows and lights
_FEWEST = 200  # pixels that a level needs for its grain to be measured
_CLIP = 3.5  # standard deviations; what differs by more is not grain
_TO_NORMAL = 1.4826  # from a median of absolute values to a standard deviation
_ROLLS = 4  # shifted copies by which places with outlines are filled


class GrainyDrawer:
    """Draws in-betweens of grainy frames; the last frames are kept, as each is used for two pairs."""

    def __init__(self, engine: Engine, on_failure: str) -> None:
        """Draws by an engine; `on_failure` is one of `config.choices.ON_FAILURE`."""
        self._engine, self._on_failure = engine, on_failure
        self._memory = FrameMemory(count_at_once(engine) + 2)

    def prepare(self, first: Frame, last: Frame, hints: PairHints | None = None) -> PreparedPair:
        """Readies two frames, (H, W, 3) uint8 or uint16, as `inbetween.pair.prepare_pair` does."""
        ends = self._clean(first), self._clean(last)
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
        plate: (H, W, 3) float32: its grain, where the picture is flat, and more of the same elsewhere; of strength 1 in
            each channel.
        strengths: (_LEVELS, 3): standard deviation of the grain in levels of 255, by the brightness of the drawing.
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
        grain = values - smooth
        flat = _find_flat(smooth)
        self.strengths = _measure_levels(values, smooth, flat)
        usual = _at(self.strengths, smooth)
        plate = np.clip((grain - cv2.GaussianBlur(grain, (0, 0), 8.0)) / usual, -_CLIP, _CLIP)
        plate[~flat] = 0
        known = flat.copy()
        height, width = flat.shape
        for k in range(1, _ROLLS + 1):
            shift = (height * k * 3 // 11, width * k * 4 // 13)
            there = np.roll(known, shift, (0, 1)) & ~known
            plate[there] = np.roll(plate, shift, (0, 1))[there]
            known |= there
        fine = _fine(plate)[known]
        self.plate = plate / np.maximum(_TO_NORMAL * np.median(np.abs(fine), axis=0), 1e-3).astype(np.float32)


def _add_grain(drawn: Frame, ends: tuple[_Grainy, _Grainy], t: float) -> Frame:
    """Adds grain to a frame until it has as much as the key frames."""
    values = _to_float(drawn)
    near = ends[t >= 0.5]
    flat = _find_flat(values)
    has = _measure_levels(values, cv2.GaussianBlur(values, (0, 0), _FINE), flat)
    wanted = (1 - t) * ends[0].strengths + t * ends[1].strengths
    missing = np.sqrt(np.maximum(0, np.square(wanted) - np.square(has)))
    rng = np.random.default_rng(round(t * 1e6))  # the same at every run
    height, width = flat.shape
    plate = np.roll(near.plate, (int(rng.integers(height)), int(rng.integers(width))), (0, 1))
    if rng.integers(2):
        plate = plate[:, ::-1]
    return _from_float(values + plate * _at(missing, values), drawn)


def _fine(values: Array) -> Array:
    """The fine detail of a picture, (H, W, C) float32."""
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), _FINE))


def _measure(values: Array, flat: NDArray[np.bool_]) -> Array:
    """The standard deviation of the fine detail in a picture's flat parts, (3,)."""
    return np.asarray(_TO_NORMAL * np.median(np.abs(_fine(values)[flat]), axis=0))


def _measure_levels(values: Array, smooth: Array, flat: NDArray[np.bool_]) -> Array:
    """The same by the picture's brightness: (_LEVELS, 3); where a level is rare, that of all levels together."""
    fine, level = np.abs(_fine(values)[flat]), _brightness(smooth)[flat]
    whole = _TO_NORMAL * np.median(fine, axis=0)
    found = np.tile(whole, (_LEVELS, 1)).astype(np.float32)
    places = np.minimum((level * (_LEVELS / 256)).astype(np.intp), _LEVELS - 1)
    for place in range(_LEVELS):
        within = places == place
        if within.sum() >= _FEWEST:
            found[place] = _TO_NORMAL * np.median(fine[within], axis=0)
    return found


def _at(strengths: Array, picture: Array) -> Array:
    """The strength at each pixel of a picture, (H, W, 3) float32."""
    level = cv2.GaussianBlur(_brightness(picture), (0, 0), _FINE)
    middles = (np.arange(_LEVELS) + 0.5) * (256 / _LEVELS)
    table = np.stack([np.interp(np.arange(256), middles, strengths[:, c]) for c in range(3)], 1).astype(np.float32)
    return np.maximum(table[np.clip(level, 0, 255).astype(np.uint8)], 1e-3)


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
