"""Removes specks from a film's frames, with the content of the frames before and after."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.frames import Frame
from .noise import NoiseMeter
from .registration import Array, Registration

_SOFT = 0.8  # pixels: standard deviation of the blur of the mask's border; not tuned


@dataclass(frozen=True, eq=False)
class Mending:
    """What is needed to remove a frame's specks, apart from the frames themselves.

    Attributes:
        sources: (h, w) uint8 in the noise meter's working size: which of `parts` covers each pixel, from 1; 0: none.
        parts: for each source, the frame that covers the specks (-1 the one before, 1 the one after) and its
            registration, in pixels of the working size; None where a source cannot be used.
    """

    sources: NDArray[np.uint8]
    parts: tuple[tuple[int, Registration] | None, ...]

    def apply(self, before: Frame | None, here: Frame, after: Frame | None) -> Frame:
        """Returns a frame without its specks, a new array.

        Args:
            before: the frame before, (H, W, C) uint8 or uint16; None at the film's start.
            here: the frame itself, of the same shape and type.
            after: the frame after; None at the film's end.
        """
        height, width = here.shape[:2]
        scale = np.array([width / self.sources.shape[1], height / self.sources.shape[0]])
        deep = 257 if here.dtype == np.uint16 else 1
        mended = here.astype(np.float32)
        for source, part in enumerate(self.parts, 1):
            if part is None:
                continue
            frame = before if part[0] < 0 else after
            if frame is None or frame.shape != here.shape:
                continue
            registration = Registration(part[1].shift * scale, part[1].gain, part[1].offset * deep)
            shown: Array = registration.apply(frame.astype(np.float32))
            covered = (self.sources == source).astype(np.float32)
            mask = cv2.resize(covered, (width, height), interpolation=cv2.INTER_LINEAR)
            share = np.minimum(1, 2 * cv2.GaussianBlur(mask, (0, 0), _SOFT))[..., None]
            mended += share * (shown - mended)
        most = 65535 if here.dtype == np.uint16 else 255
        return np.asarray(np.clip(mended + 0.5, 0, most)).astype(here.dtype)


def find_mending(meter: NoiseMeter, number: int, *, first: bool, last: bool) -> Mending | None:
    """Finds a frame's specks, and what covers them.

    Args:
        meter: the film's noise meter, which has been given at least the frame after this one.
        number: the frame's number in the meter.
        first: whether it is the film's first frame.
        last: whether it is the film's last frame.

    Returns:
        None if there are no specks.
    """
    sources = meter.specks(number, mended=True)
    if sources is None:
        return None
    parts: list[tuple[int, Registration] | None] = []
    for source, side in ((1, -1), (2, 1)):
        if first or last:  # at a film's ends, use the other neighbour
            side = 1 if first else -1
        registration = meter.registration(number + side, number)
        if registration is None or not registration.fits or not (sources == source).any() or (first and last):
            parts.append(None)
        else:
            parts.append((side, registration))
    return Mending(sources, tuple(parts))
