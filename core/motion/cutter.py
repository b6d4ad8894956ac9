"""Cuts the pieces that hints and parts are about out of a drawing."""

import cv2
import numpy as np

from .grid import Array
from .segments import Pieces

SIDE = 480
"""Longest side of the picture in which pieces are cut out, in pixels: an outline of 3 pixels in 1280 is still one."""
_OUTLINE = 4  # pixels there by which a piece is widened at most: its outline belongs to it
_ROUGH = 0.07  # of a region's length, up to which its painted border may lie outside it


class Cutter:
    """Cuts pieces out of one drawing."""

    def __init__(self, view: Array) -> None:
        """Of (H, W, 3) uint8 RGB."""
        self._extent = np.array(view.shape[1::-1], float)
        scale = min(1.0, SIDE / self._extent.max())
        w, h = (max(8, round(side * scale)) for side in self._extent)
        self.view = cv2.resize(view, (w, h), interpolation=cv2.INTER_AREA)
        """The drawing as it is cut: (h, w, 3)."""
        self._pieces = Pieces(self.view)
        self.size = (h, w)
        """Height and width of the masks."""

    def cut(self, point: Array) -> Array:
        """The piece that a point is on, in pixels of the drawing: (h, w) float32, 1 on the piece."""
        h, w = self.size
        x, y = np.clip((point + 0.5) * (w, h) / self._extent, 0, (w - 1, h - 1)).astype(int)
        return self._pieces.cut_out((int(x), int(y)), _OUTLINE).astype(np.float32)

    def trim(self, mask: Array) -> Array:
        """A region that was painted roughly, with its border where the drawing's colours change: (h, w) float32.

        By GrabCut (Rother et al., SIGGRAPH 2004), which decides about the places near the border alone.

        Args:
            mask: (h, w) bool.
        """
        near = round(_ROUGH * float(np.sqrt(mask.sum())))
        if near < 1:
            return mask.astype(np.float32)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * near + 1, 2 * near + 1))
        region = mask.astype(np.uint8)
        known = np.where(mask, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
        known[cv2.erode(region, disc) > 0] = cv2.GC_FGD
        if not ((known == cv2.GC_BGD).any() and (known == cv2.GC_FGD).any()):
            return mask.astype(np.float32)
        cv2.setRNGSeed(0)  # it begins at random colours
        models = np.zeros((2, 1, 65))
        cv2.grabCut(self.view, known, (0, 0, 1, 1), models[0], models[1], 3, cv2.GC_INIT_WITH_MASK)
        return np.isin(known, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)

    def snap(self, mask: Array) -> Array:
        """The whole pieces that lie in a mask, (H, W) bool of any size: (h, w) float32, 1 on them."""
        h, w = self.size
        small = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) >= 0.5
        return self._pieces.snap(small, _OUTLINE).astype(np.float32)
