"""Evaluates a motion network on drawn cartoons that it is not trained on, and compares it with the classical engine.

End-point errors are means by length of the true motion: a mean over all pixels hardly depends on large motion, which
matters most in cartoons. The classical engine is the baseline; it is measured once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from ...models.motion import MotionNetwork
from ..cartoon.samples import Sample, draw_sample
from ..drawn.batches import start_worker
from ..engines.blend import Blend
from ..engines.flow import FlowPair
from ..engines.motion import MotionEngine, read_flows
from ..measures.metrics import Picture, ghost_score, line_distance, psnr
from ..measures.perceptual import PerceptualDistance
from ..media.frames import to_tensor
from ..motion.grid import Flow
from ..motion.search import estimate_flow

BINS = ((0, 4), (4, 8), (8, 16), (16, 32), (32, None))
"""Ranges of the true motion's length in pixels; errors are means within each."""
_OTHER_SEED = 1_000_003  # added to the training's seed, so that no training draws the evaluation's samples
_BRIGHT = 0.12  # motion of this share of the sample's size is drawn in full colour


@dataclass(frozen=True)
class Findings:
    """The measurements of an engine."""

    metrics: dict[str, float]
    """error/0-4 and so on, in pixels; psnr, lines, ghost, and lpips if it is measured: means over the samples."""
    drawn: list[Picture]
    """The drawn frame of each sample."""
    flows: list[Flow]
    """The motion from the first to the last frame, (S, S, 2) in pixels."""


@dataclass
class _Scenes:
    """A map-style dataset of samples, each of another scene."""

    seed: int
    size: int

    def __getitem__(self, number: int) -> Sample:
        return draw_sample(self.seed, 4 * number, self.size)


def _as_drawn(sample: Any) -> Any:
    """Returns a sample unchanged: by default, a DataLoader makes tensors of arrays."""
    return sample


class MotionEvaluation:
    """Drawn samples to measure engines with."""

    def __init__(self, seed: int, size: int, count: int, alex_weights: Path | None = None, *, workers: int = 0) -> None:
        """Draws the samples and measures the baseline.

        Args:
            seed: seed of the training.
            size: height and width of the samples in pixels.
            count: number of samples; half of them are those with the most large motion among four times as many.
            alex_weights: AlexNet's weights, to measure LPIPS. None: LPIPS is not measured.
            workers: processes that draw the samples; 0: this one.

        Raises:
            CheckpointError: the weights are not AlexNet's.
        """
        # large motion is rare, so half of the samples are chosen for it
        drawn_once = list(
            DataLoader(
                _Scenes(seed + _OTHER_SEED, size),  # type: ignore[arg-type]
                batch_size=None,
                sampler=range(4 * count),
                num_workers=workers,
                collate_fn=_as_drawn,
                worker_init_fn=start_worker if workers else None,
            )
        )
        half = count // 2
        far = sorted(drawn_once[half:], key=count_far, reverse=True)[: count - half]
        self.samples = [*drawn_once[:half], *far]
        self._distance = None if alex_weights is None else PerceptualDistance("alex", alex_weights)
        drawn, flows, both = [], [], []
        for sample in self.samples:
            found = estimate_flow(sample.first, sample.last)
            both.append(tuple(_enlarge(flow, size) for flow in found))
            flows.append(both[-1][0])
            drawn.append(FlowPair(sample.first, sample.last, found).render(sample.t))
        self.baseline = Findings(self._measure(drawn, both), drawn, flows)
        """Measurements of the classical engine."""
        faded = [Blend(sample.first, sample.last).render(sample.t) for sample in self.samples]
        self.fade = self._measure(faded, [])
        """Measurements of a cross-fade."""

    def evaluate(self, network: MotionNetwork) -> Findings:
        """Measures a network, which must be in eval mode, on its device."""
        engine = MotionEngine(network)
        drawn, flows, both = [], [], []
        for sample in self.samples:
            pair = engine.prepare_motion(sample.first, sample.last)
            size = sample.first.shape[0]
            both.append(tuple(_enlarge(flow, size) for flow in read_flows(pair.motion, size, size)))
            flows.append(both[-1][0])
            drawn.append(pair.render(sample.t))
        return Findings(self._measure(drawn, both), drawn, flows)

    def score(self, findings: Findings) -> float:
        """Minus the mean ratio of line distance (and of LPIPS if measured) to the baseline's; higher is better."""
        names = ("lines", "lpips") if "lpips" in findings.metrics else ("lines",)
        ratios = [findings.metrics[name] / max(self.baseline.metrics[name], 1e-9) for name in names]
        return -float(np.mean(ratios))

    def describe(self, findings: Findings) -> str:
        """The measurements in a sentence, with the baseline's in brackets."""
        baseline = self.baseline.metrics
        return ", ".join(f"{name} {value:.3g} ({baseline[name]:.3g})" for name, value in findings.metrics.items())

    def draw_strips(self, findings: Findings, count: int) -> Tensor:
        """Draws strips: first frame, drawn frame, true frame, last frame and motion, side by side.

        Returns:
            (count, 3, S, 5 S) in [-1, 1].
        """
        strips: list[Picture] = []
        shown = zip(self.samples[:count], findings.drawn, findings.flows, strict=False)
        for sample, drawn, flow in shown:
            colours = colour_flow(flow, _BRIGHT * sample.first.shape[0])
            strips.append(np.hstack([sample.first, drawn, sample.middle, sample.last, colours]))
        return to_tensor(strips)

    def _measure(self, drawn: Sequence[Picture], flows: Sequence[Sequence[Flow]]) -> dict[str, float]:
        metrics = measure_flows(self.samples, flows) if flows else {}
        pairs = list(zip(drawn, self.samples, strict=True))
        metrics["psnr"] = float(np.mean([psnr(frame, s.middle) for frame, s in pairs]))
        metrics["lines"] = float(np.mean([line_distance(frame, s.middle) for frame, s in pairs]))
        metrics["ghost"] = float(np.mean([ghost_score(frame, s.first, s.last) for frame, s in pairs]))
        if self._distance is not None:
            metrics["lpips"] = float(np.nanmean(self._distance(drawn, [sample.middle for sample in self.samples])))
        return metrics


def count_far(sample: Sample) -> int:
    """The number of pixels whose motion is in the last of BINS, visible and observable."""
    counts = sample.forward.visible & sample.forward_observable
    return int((np.linalg.norm(sample.forward.flow, axis=2)[counts] >= BINS[-1][0]).sum())


def measure_flows(samples: Sequence[Sample], flows: Sequence[Sequence[Flow]]) -> dict[str, float]:
    """Mean end-point errors in pixels, by length of the true motion, where it is visible and observable.

    Args:
        samples: samples with their true motion.
        flows: for each sample the forward and the backward flow, (S, S, 2) in pixels.

    Returns:
        error/0-4 and so on; ranges without a pixel are left out.
    """
    errors, lengths = [], []
    for sample, found in zip(samples, flows, strict=True):
        ways = (
            (sample.forward, sample.forward_observable, found[0]),
            (sample.backward, sample.backward_observable, found[1]),
        )
        for motion, observable, flow in ways:
            counts = motion.visible & observable
            errors.append(np.linalg.norm(flow - motion.flow, axis=2)[counts])
            lengths.append(np.linalg.norm(motion.flow, axis=2)[counts])
    error, length = np.concatenate(errors), np.concatenate(lengths)
    found_bins = {}
    for low, high in BINS:
        within = (length >= low) & (length < (high or np.inf))
        if within.any():
            found_bins[f"error/{low}-{high or ''}"] = float(error[within].mean())
    return found_bins


def colour_flow(flow: Flow, bright: float) -> NDArray[np.uint8]:
    """Draws motion in colours: hue is direction, saturation is length, white is no motion.

    Args:
        flow: (H, W, 2) in pixels.
        bright: length in pixels of full saturation.

    Returns:
        (H, W, 3) RGB.
    """
    length, angle = cv2.cartToPolar(flow[..., 0], flow[..., 1], angleInDegrees=True)
    full = np.full_like(length, 1.0)
    hsv = np.dstack([angle, np.clip(length / bright, 0, 1), full]).astype(np.float32)
    picture: NDArray[Any] = np.rint(np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)) * 255)
    return picture.astype(np.uint8)


def _enlarge(flow: Flow, size: int) -> Flow:
    """Resizes a flow, given in pixels of the sample, from any grid to the sample's size."""
    return np.asarray(cv2.resize(flow, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
