"""Metrics of drawn frames against the truth: functions of pictures, of sequences and of sets of features.

A frame is (H, W, 3) uint8, RGB. docs/evaluation.md explains what the metrics mean, and when they mislead. LPIPS needs
weights and is in `core.measures.perceptual`.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import nan
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..media.frames import to_tensor
from ..motion.grid import Flow, pixel_grid, warp
from ..motion.search import estimate_flow
from . import ghost
from .features import reach

Picture = NDArray[np.uint8]
"""A frame: (H, W, 3) uint8, RGB."""

MOST_PSNR = 60.0
"""Largest PSNR in decibels; that of equal frames is infinite, and would dominate means."""
_SSIM_SIGMA, _SSIM_WINDOW = 1.5, 11  # pixels
_FINE, _COARSE = (1.0, 9), (1.6, 13)  # sigma and window of the Gaussians whose difference shows lines
_DARKER = 0.01  # share of white by which a line is darker than its surroundings
_MOVES = 1.0  # pixels; shorter motion is noise of the estimate
_CHANGES = 3.0  # levels of 255 by which a pixel of the truth changes between frames if something moves


def psnr(drawn: Picture, truth: Picture) -> float:
    """Peak signal-to-noise ratio in decibels over all three channels; at most `MOST_PSNR`."""
    error = float(np.square(drawn.astype(np.float64) - truth).mean())
    return MOST_PSNR if error == 0 else min(MOST_PSNR, float(10 * np.log10(255**2 / error)))


def ssim(drawn: Picture, truth: Picture) -> float:
    """Structural similarity, the mean over the channels; 1 for equal frames.

    Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), equation 13: a
    Gaussian window of 11 pixels with a sigma of 1.5, at positions where the whole window fits. Written here, as a
    library for these ten lines would need SciPy.

    Args:
        drawn: at least 11 pixels a side.
        truth: the same shape.

    Returns:
        NaN if the frames are smaller than the window.
    """
    if min(drawn.shape[:2]) < _SSIM_WINDOW:
        return nan
    x, y = drawn.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _average(x), _average(y)
    variance_x, variance_y = _average(x * x) - mean_x**2, _average(y * y) - mean_y**2
    covariance = _average(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    edge = _SSIM_WINDOW // 2
    return float(likeness[edge:-edge, edge:-edge].mean())


def _average(values: NDArray[np.float64]) -> NDArray[np.float64]:
    window = (_SSIM_WINDOW, _SSIM_WINDOW)
    blurred = cv2.GaussianBlur(values, window, _SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float64)


def find_lines(frame: Picture) -> NDArray[np.bool_]:
    """The mask of dark lines: (H, W), True where a difference of Gaussians is darker than its surroundings.

    The line extraction of Chen and Zwicker, "Improving the Perceptual Quality of 2D Animation Interpolation" (EISAI,
    ECCV 2022), with the Gaussians that they use for pictures of 540 rows.
    """
    grey = cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY)
    fine, coarse = (
        cv2.GaussianBlur(grey, (window, window), sigma, borderType=cv2.BORDER_REPLICATE)
        for sigma, window in (_FINE, _COARSE)
    )
    lines: NDArray[np.bool_] = 2 * (coarse - fine) > _DARKER
    return lines


def line_distance(drawn: Picture, truth: Picture) -> float:
    """Chamfer distance of the lines of two frames, as a share of the diagonal; 0 if all lines coincide.

    The distance from each line pixel of one frame to the nearest line of the other, both ways, averaged over all pixels
    of the frame, as in EISAI (see `find_lines`). Tables show it in 1e-5. A frame without lines has a distance of 1.
    """
    lines = [find_lines(frame) for frame in (drawn, truth)]
    diagonal = float(np.hypot(*drawn.shape[:2]))
    away = [_distance_to(line, diagonal) for line in lines]
    both_ways = float((lines[1] * away[0]).mean() + (lines[0] * away[1]).mean())
    return both_ways / 2 / diagonal


def _distance_to(lines: NDArray[np.bool_], none: float) -> NDArray[np.float32]:
    """Each pixel's distance to the nearest line pixel; `none` if there is no line."""
    if not lines.any():
        return np.full(lines.shape, none, np.float32)
    empty = (~lines).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(empty, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def ghost_score(drawn: Picture, first: Picture, last: Picture) -> float:
    """How much of what differs between the ends is drawn as a mixture of them; see `ghost.score_ghosts`."""
    return ghost.score_ghosts(*(to_tensor([frame]) for frame in (drawn, first, last))).item()


def sharpness(drawn: Picture, truth: Picture) -> float:
    """Steepness of edges relative to the truth's: 1 as steep, 1/3 blurred over three pixels, 1/2 at half contrast.

    A frame's steepness is the mean gradient of its brightness, weighted by itself (the sum of squares over the sum). So
    it depends on outlines and not on flat colour, and not on the number or position of outlines, which other metrics
    measure. A ghost is an outline at half contrast, twice, and counts as half as sharp.

    Returns:
        At least 0; above 1 if the frame has harder edges than the truth, or many specks. NaN if the truth is one flat
        colour.
    """
    found, wanted = _steepness(drawn), _steepness(truth)
    return found / wanted if wanted else nan


def _steepness(frame: Picture) -> float:
    grey = cv2.cvtColor(frame.astype(np.float32), cv2.COLOR_RGB2GRAY)
    across, down = np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1]
    gradient = np.hypot(across, down).astype(np.float64)  # (H - 1, W - 1)
    total = gradient.sum()
    return float(np.square(gradient).sum() / total) if total else 0.0


class StepMotion:
    """The motion from each frame of a true sequence to the next, to compare drawn ones with."""

    def __init__(self, truth: Sequence[Picture]) -> None:
        """Finds the motion.

        Args:
            truth: the frames in order, both ends included.
        """
        self._frame_size = truth[0].shape[:2]
        self._flows = _steps(truth)
        self._moving = [_moving_cells(a, b, flow) for (a, b), flow in zip(pairwise(truth), self._flows, strict=True)]

    def from_end_to_end(self) -> Flow:
        """The motion from the first frame to the last, followed from frame to frame.

        This finds motion that could not be found from the two ends, such as rotation or a leap.

        Returns:
            (h, w, 2) in pixels of the frames, on a grid of about half their size.
        """
        height, width = self._flows[0].shape[:2]
        to_cells = np.array([width / self._frame_size[1], height / self._frame_size[0]], np.float32)
        start = pixel_grid(height, width)
        gone = np.zeros_like(start)
        for flow in self._flows:
            gone += warp(flow, start + gone * to_cells)
        return gone

    def smoothness(self, drawn: Sequence[Picture]) -> float:
        """Similarity of the motion from frame to frame to the truth's: 1 equal, 0 unrelated.

        The motion of each step, by optical flow, is compared with the truth's where that moves (tOF of Chu et al.,
        "Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation", 2020), and the
        error is relative to the truth's motion. So steps that stall, leap or tremble score low, and so does a
        cross-fade, which is smooth at each pixel, but in which nothing moves.

        Args:
            drawn: as many frames as the truth has, both ends included.

        Returns:
            In [0, 1]; NaN if nothing moves in the truth.
        """
        missed = moved = 0.0
        for found, wanted, moving in zip(_steps(drawn), self._flows, self._moving, strict=True):
            missed += float(np.linalg.norm(found - wanted, axis=2)[moving].sum())
            moved += float(np.linalg.norm(wanted, axis=2)[moving].sum())
        return max(0.0, 1 - missed / moved) if moved else nan


def _steps(frames: Sequence[Picture]) -> list[Flow]:
    return [estimate_flow(a, b)[0] for a, b in pairwise(frames)]


def _moving_cells(first: Picture, last: Picture, flow: Flow) -> NDArray[np.bool_]:
    """Cells of the flow's grid in which the frames differ; on flat colour, flow is undefined."""
    height, width = flow.shape[:2]
    change = cv2.absdiff(first, last).max(2).astype(np.float32)
    small = cv2.resize(change, (width, height), interpolation=cv2.INTER_AREA)
    changing: NDArray[np.bool_] = small > _CHANGES
    return changing


def motion_size(flow: NDArray[np.floating[Any]]) -> float:
    """The amount of motion in pixels: the 95th percentile of motion of a pixel or more; 0 if there is none.

    Args:
        flow: (h, w, 2) in pixels.
    """
    lengths = np.linalg.norm(flow, axis=2)
    moving = lengths[lengths >= _MOVES]
    return float(np.percentile(moving, 95)) if moving.size else 0.0


# Sets of features: rows are pictures


def kid(drawn: Tensor, real: Tensor, *, paired: bool = False) -> float:
    """Unbiased kernel distance of two sets of features: 0 on average for sets of one distribution; may be negative.

    Binkowski et al., "Demystifying MMD GANs" (arXiv 1801.01401): the squared maximum mean discrepancy with the kernel
    (x·y / D + 1)³. For D, the number of features there, ours has the mean squared length of the real ones, so that it
    does not matter how features are scaled.

    Args:
        drawn: (N, D), N of 2 or more.
        real: (M, D), M of 2 or more.
        paired: whether each drawn picture corresponds to the real one of the same index. Such pairs are more similar
            than by chance, and are left out of the mean between the sets, like a picture and itself within a set
            (Gretton et al., "A Kernel Two-Sample Test", 2012, lemma 6). Equal sets then have 0.
    """
    drawn, real = drawn.double(), real.double()
    scale = real.square().sum(1).mean().clamp_min(1e-12)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / scale + 1) ** 3

    def of_others(values: Tensor) -> Tensor:
        """Mean of a square matrix without its diagonal."""
        return (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))

    across = kernel(drawn, real)
    between = of_others(across) if paired else across.mean()
    return float(of_others(kernel(drawn, drawn)) + of_others(kernel(real, real)) - 2 * between)


def fid(drawn: Tensor, real: Tensor) -> float:
    """Fréchet distance of two sets of features, each as a normal distribution; 0 for equal sets.

    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (arXiv 1706.08500), equation 6. The trace of the root
    of the covariances' product is the nuclear norm of one set times the other, so no matrix of D x D is needed.

    Args:
        drawn: (N, D), N of 2 or more. Few pictures make it larger: compare only sets of one size.
        real: (M, D), M of 2 or more.
    """
    drawn, real = drawn.double(), real.double()
    apart = (drawn.mean(0) - real.mean(0)).square().sum()
    x, y = ((set_ - set_.mean(0)) / (len(set_) - 1) ** 0.5 for set_ in (drawn, real))
    shared: Tensor = torch.linalg.matrix_norm(x @ y.T, "nuc")
    return max(0.0, float(apart + x.square().sum() + y.square().sum() - 2 * shared))


def precision_and_recall(drawn: Tensor, real: Tensor, neighbours: int = 3) -> tuple[float, float]:
    """Precision and recall: share of drawn pictures among the reals, and of reals among the drawn ones, in [0, 1].

    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models" (arXiv 1904.06991),
    section 2: a picture is among others if its distance to one of them is at most that to its k-th neighbour.

    Args:
        drawn: (N, D), N > k.
        real: (M, D), M > k.
        neighbours: k.
    """
    drawn, real = drawn.double(), real.double()
    across = torch.cdist(drawn, real)  # (N, M)
    drawn_reach, real_reach = (reach(torch.cdist(x, x), neighbours) for x in (drawn, real))
    precision = (across <= real_reach[None]).any(1).double().mean().item()
    recall = (across <= drawn_reach[:, None]).any(0).double().mean().item()
    return precision, recall
