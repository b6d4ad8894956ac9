"""Statistics of a film as training material: lengths of shots, held drawings, and motion."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from .films import FilmFrames, open_material

_PAIRS = 24  # of successive drawings whose motion is measured, spread over the film
_SIDE = 160  # pixels of the shorter side at which motion is measured; larger sides give nearly the same figures
_FAST = 95  # percentile of a frame's motion: most of a cartoon's frame is static, so the mean is near 0
_STILL = 0.002  # share of the shorter side below which nothing moves
CLIP = 8
"""Drawings of a clip, as trainings draw them by default."""


@dataclass(frozen=True)
class Statistics:
    """Statistics of a film as training material."""

    drawings: int
    """Number of different drawings."""
    shots: int
    """Number of shots with at least one drawing."""
    typical_shot: float
    """Median number of drawings in a shot."""
    longest_shot: int
    """Drawings."""
    clips: int
    """Number of clips of CLIP successive drawings in one shot."""
    long_shots: int
    """Number of shots with such a clip."""
    motion: float | None
    """How far the fastest twentieth of a frame moves from one drawing to the next, as a share of its shorter side:
    the median over pairs; None: there is no pair."""
    still: float | None
    """Share of the pairs in which nothing moves."""

    def describe(self, held: float | None = None) -> str:
        """The statistics in one line.

        Args:
            held: mean number of frames for which a drawing is held. None: unknown.
        """
        parts = [
            f"{self.drawings} drawings in {self.shots} shots, of {self.typical_shot:g} each (median) and up to "
            f"{self.longest_shot}",
            f"{self.clips} clips of {CLIP} in {self.long_shots} of the shots",
        ]
        if held is not None:
            parts.append(f"a drawing stands for {held:.1f} frames")
        if self.motion is not None and self.still is not None:
            parts.append(
                f"from one to the next the fastest 5% moves by {100 * self.motion:.1f}% of the height, and "
                f"{self.still:.0%} stand still"
            )
        return "; ".join(parts)


def measure_material(folder: Path) -> Statistics:
    """Measures the film in a folder that extract-frames wrote.

    Raises:
        InputError: it holds no frames, or one cannot be read.
    """
    film = open_material([folder]).films[0]
    shots = [shot for shot in film.shots() if len(shot)]
    lengths = [len(shot) for shot in shots]
    moved = _measure_motion(film, shots)
    return Statistics(
        drawings=sum(lengths),
        shots=len(shots),
        typical_shot=median(lengths) if lengths else 0,
        longest_shot=max(lengths, default=0),
        clips=sum(max(0, length - CLIP + 1) for length in lengths),
        long_shots=sum(length >= CLIP for length in lengths),
        motion=median(moved) if moved else None,
        still=sum(share < _STILL for share in moved) / len(moved) if moved else None,
    )


def _measure_motion(film: FilmFrames, shots: list[NDArray[np.int64]]) -> list[float]:
    """How far the fastest part of a frame moves, for pairs of successive drawings: dense inverse search.

    Kroeger et al., arXiv 1603.03590, as OpenCV has it.
    """
    pairs = [(int(first), int(last)) for shot in shots for first, last in pairwise(shot)]
    chosen = pairs[:: -(-len(pairs) // _PAIRS)] if pairs else []
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    found = []
    for pair in chosen:
        grey = [cv2.cvtColor(_shrink(film.frames[number]), cv2.COLOR_RGB2GRAY) for number in pair]
        flow = search.calc(grey[0], grey[1], None)  # type: ignore[call-overload]  # (H, W, 2) in pixels
        lengths = np.hypot(flow[..., 0], flow[..., 1])
        found.append(float(np.percentile(lengths, _FAST)) / min(grey[0].shape))
    return found


def _shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) to a shorter side of _SIDE pixels; smaller ones are enlarged, as the search needs some room."""
    scale = _SIDE / min(frame.shape[:2])
    size = (max(_SIDE, round(frame.shape[1] * scale)), max(_SIDE, round(frame.shape[0] * scale)))
    return np.asarray(
        cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8
    )
