"""Removes specks from a film's frames, with the content of the frames before and after."""

import cv2
import numpy as np

from ..media.frames import Frame
from .noise import NoiseMeter
from .registration import Array, Registration

_SOFT = 0.8  # pixels: standard deviation of the blur of the mask's border; not tuned


def mend_specks(meter: NoiseMeter, number: int, before: Frame | None, here: Frame, after: Frame | None) -> Frame | None:
    """Removes a frame's specks.

    Args:
        meter: the film's noise meter, which has been given at least the frame after this one.
        number: the frame's number in the meter.
        before: the frame before, (H, W, C) uint8 or uint16; None at the film's start.
        here: the frame itself, of the same shape and type.
        after: the frame after; None at the film's end.

    Returns:
        The mended frame, a new array; None if there are no specks.
    """
    sources = meter.specks(number, mended=True)
    if sources is None:
        return None
    height, width = here.shape[:2]
    scale = np.array([width / sources.shape[1], height / sources.shape[0]])
    mended = here.astype(np.float32)
    for source, other, frame in ((1, number - 1, before), (2, number + 1, after)):
        registration = meter.registration(other, number)
        if frame is None:  # at a film's ends, use the other neighbour
            other, frame = (number + 1, after) if source == 1 else (number - 1, before)
            registration = meter.registration(other, number)
        if (
            frame is None
            or frame.shape != here.shape
            or registration is None
            or not registration.fits
            or not (sources == source).any()
        ):
            continue
        deep = 257 if here.dtype == np.uint16 else 1
        shown: Array = Registration(registration.shift * scale, registration.gain, registration.offset * deep).apply(
            frame.astype(np.float32)
        )
        mask = cv2.resize((sources == source).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(1, 2 * cv2.GaussianBlur(mask, (0, 0), _SOFT))[..., None]
        mended += share * (shown - mended)
    most = 65535 if here.dtype == np.uint16 else 255
    return np.asarray(np.clip(mended + 0.5, 0, most)).astype(here.dtype)
