"""Takes specks out of a film's frames, with what the frames around show there."""

import cv2
import numpy as np

from ..media.frames import Frame
from .noise import NoiseMeter
from .registration import Array, Registration

_SOFT = 0.8  # pixels: standard deviation of the blur of a mended place's border


def mend_specks(meter: NoiseMeter, number: int, before: Frame | None, here: Frame, after: Frame | None) -> Frame | None:
    """A frame without the specks that stand in it only; None where it has none.

    Args:
        meter: what has seen the film up to the frame after, at least.
        number: of the frame.
        before: the frame before, (H, W, C) uint8 or uint16; None: there is none.
        here: the frame.
        after: the one after it.
    """
    sources = meter.specks(number, mended=True)
    if sources is None:
        return None
    height, width = here.shape[:2]
    scale = np.array([width / sources.shape[1], height / sources.shape[0]])
    mended = here.astype(np.float32)
    for source, other, frame in ((1, number - 1, before), (2, number + 1, after)):
        way = meter.way(other, number)
        if frame is None:  # at a film's ends the other neighbour has to do
            other, frame = (number + 1, after) if source == 1 else (number - 1, before)
            way = meter.way(other, number)
        if frame is None or frame.shape != here.shape or way is None or not way.fits or not (sources == source).any():
            continue
        deep = 257 if here.dtype == np.uint16 else 1
        shown: Array = Registration(way.shift * scale, way.gain, way.offset * deep).apply(frame.astype(np.float32))
        mask = cv2.resize((sources == source).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(1, 2 * cv2.GaussianBlur(mask, (0, 0), _SOFT))[..., None]
        mended += share * (shown - mended)
    most = 65535 if here.dtype == np.uint16 else 255
    return np.asarray(np.clip(mended + 0.5, 0, most)).astype(here.dtype)
