"""Parts of a drawing that move at a pace of their own.

A chart says how far each part is at each frame, as an animator's charts do. A part is a mask of the first drawing. It
is widened or narrowed to whole flat pieces with their outlines (see `segments.Pieces.snap`), so that a rough mask will
do and no edge of it is seen; and its partner in the last drawing is found by the motion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .grid import Array, Flow, pixel_grid, warp
from .splatting import fill_holes

_MARGIN = 0.008  # of the longer side by which a part is widened where it is painted out: its edge is half transparent
_SMEAR = 0.05  # of the longer side, around a part, where the motion that was found may still be the part's
_TINY = 1e-6  # weight of what is unknown in filling: it counts only where nothing better is near


@dataclass(frozen=True)
class PartMask:
    """Which part of a pair of drawings moves at its own pace."""

    first: Array
    """(H, W) bool, in the first drawing."""
    last: Array | None = None
    """The same in the last; None: where the motion leads."""

    def crop(self, cut: Callable[[Array], Array]) -> "PartMask":
        """The same within a part of the picture."""
        return PartMask(cut(self.first), None if self.last is None else cut(self.last))


class Part:
    """One part of a pair, ready to be used."""

    def __init__(self, mask: PartMask, snap: Sequence[Callable[[Array], Array]], shape: tuple[int, int]) -> None:
        """Fits a part's mask to the drawing.

        Args:
            mask: of the drawings' size.
            snap: of the first and of the last drawing, gives for a mask the whole pieces in it: (h, w) float32.
            shape: height and width of the drawings.
        """
        self._snap, self._shape = snap, shape
        self.masks = [snap[0](mask.first), None if mask.last is None else snap[1](mask.last)]
        """(h, w) float32 in [0, 1]: the part in either drawing; the last is None until `find_partner`."""

    def find_partner(self, flow: Flow) -> None:
        """Finds the part in the last drawing.

        Args:
            flow: (H, W, 2) in pixels: the motion from the first drawing to the last.
        """
        here = self.masks[0]
        if self.masks[1] is not None or here is None:
            return
        h, w = here.shape
        scale = np.array([w / flow.shape[1], h / flow.shape[0]], np.float32)
        moved = pixel_grid(h, w) + cv2.resize(flow, (w, h), interpolation=cv2.INTER_LINEAR) * scale
        x, y = (np.rint(moved[here > 0.5]).astype(int)).reshape(-1, 2).T
        inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
        landed = np.zeros((h, w), np.uint8)
        landed[y[inside], x[inside]] = 1
        self.masks[1] = self._snap[1](cv2.morphologyEx(landed, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)) > 0)

    def find_cover(self, t: float, shifts: tuple[Flow, Flow], belief: Array) -> Array:
        """How much of each pixel is on the part at a time: (H, W) float32 in [0, 1].

        Args:
            t: from 0 to 1.
            shifts: (h, w, 2) in cells: from places at t to the first and to the last drawing.
            belief: (h, w): log odds that the first one shows what is there.
        """
        height, width = self._shape
        if t in (0, 1):
            return self.find_mask(int(t))
        h, w = belief.shape
        scale = np.array([width / w, height / h], np.float32)
        grid = pixel_grid(height, width)
        share = cv2.resize(1 / (1 + np.exp(-belief)), (width, height), interpolation=cv2.INTER_LINEAR)
        both = [
            self._sharpen(
                self._warp(end, grid + cv2.resize(shift * scale, (width, height), interpolation=cv2.INTER_LINEAR))
            )
            for end, shift in enumerate(shifts)
        ]
        return np.asarray(both[1] + share * (both[0] - both[1]), np.float32)

    def find_mask(self, end: int) -> Array:
        """The part in one drawing: (H, W) float32 in [0, 1]."""
        return self._sharpen(self._warp(end, pixel_grid(*self._shape)))

    def _warp(self, end: int, at: Array) -> Array:
        """The mask of one drawing at places of it, (H, W, 2) in its pixels."""
        mask = self.masks[end]
        assert mask is not None
        to_mask = np.array([mask.shape[1] / self._shape[1], mask.shape[0] / self._shape[0]], np.float32)
        return warp(mask, ((at + 0.5) * to_mask - 0.5).astype(np.float32))

    def _sharpen(self, share: Array) -> Array:
        """A mask that was enlarged, with an edge of a pixel again."""
        assert self.masks[0] is not None
        slope = max(self.masks[0].shape[1] / self._shape[1], 0.5)
        return np.asarray(np.clip((share - 0.5) / slope + 0.5, 0, 1), np.float32)

    def widen(self, end: int, share: float) -> Array:
        """The part in one drawing, widened by a share of the longer side: (H, W) bool."""
        height, width = self._shape
        mask = self.masks[end]
        assert mask is not None
        side = 2 * max(1, round(share * max(height, width))) + 1
        large = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR) > 0.25
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return np.asarray(cv2.dilate(large.astype(np.uint8), disc) > 0)


def paint_out(frames: tuple[Array, Array], parts: Sequence[Part], flow: Flow) -> tuple[Array, Array]:
    """What the drawings show without some parts.

    Behind a part is what the other drawing shows there, moved as the surroundings move; what neither of them shows is
    filled from around.

    Args:
        frames: the first and the last drawing, (H, W, C) uint8 or float32.
        parts: those, with their partners.
        flow: (H, W, 2) in pixels: the motion from the first drawing to the last.
    """
    height, width = flow.shape[:2]
    grid = pixel_grid(height, width)
    gone = [np.logical_or.reduce([part.widen(end, _MARGIN) for part in parts]) for end in range(2)]
    near = np.logical_or.reduce([part.widen(0, _SMEAR) for part in parts])
    far = near | np.logical_or.reduce([part.widen(1, _SMEAR) for part in parts])
    ways = [fill_holes(flow, (1 - near.astype(np.float32)) + np.float32(_TINY))]
    ways.append(-fill_holes(flow, (1 - far.astype(np.float32)) + np.float32(_TINY)))
    grounds = []
    for end in range(2):
        at = (grid + ways[end]).astype(np.float32)
        frame, other = frames[end], warp(frames[1 - end], at).reshape(frames[end].shape)
        hidden = warp(gone[1 - end].astype(np.float32), at) > 0.01
        hidden |= ((at < 0) | (at > (width - 1, height - 1))).any(2)
        ground = np.where((gone[end] & ~hidden)[..., None], other, frame)
        lost = gone[end] & hidden
        if lost.any():
            known = 1 - lost.astype(np.float32)
            filled = fill_holes(ground.astype(np.float32), known + np.float32(_TINY)).reshape(frame.shape)
            filled = np.clip(filled + (0.5 if frame.dtype == np.uint8 else 0), 0, 255).astype(frame.dtype)
            ground = np.where(lost[..., None], filled, ground)
        grounds.append(np.ascontiguousarray(ground))
    return grounds[0], grounds[1]
