"""Measures whether a generator draws as varied pictures as it is trained on, or has collapsed to a few.

Pictures are compared by the features of a trained network. Each evaluation measures four things: diversity (how much
samples differ from each other, relative to reals), recall (how many reals have samples around them), the distance from
samples to reals (small for copies), and how well the discriminator separates the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..measures.features import Embedding, reach

# Chosen from measurements of healthy, collapsed and copied sets: the table under "Health" in docs/training.md
_LEAST_DIVERSITY = 0.5
_FALLEN = 0.7  # share of the best diversity so far
_PATIENCE = 3  # evaluations before a warning that diversity has never risen
_COPIES = 0.5
_WON = 2.0  # D(real) - D(fake) at which the hinge loss is 0


@dataclass(frozen=True)
class Health:
    """The measurements of one evaluation."""

    diversity: float
    """Mean distance between two samples, relative to two reals: 1 is as varied, 0 is a single picture."""
    recall: float
    """Share of reals that lie within the neighbourhood of a sample, in [0, 1]."""
    coverage: float
    """Share of reals that have a sample in their own neighbourhood, in [0, 1]."""
    nearest: float
    """Mean distance from a sample to the nearest training picture, relative to that from a training picture to the
    nearest other one: below 1, samples are closer to them than they are to each other."""
    closest: float
    """The smallest of these distances."""
    gap: float | None = None
    """D(real) - D(fake): difference of the discriminator's mean outputs."""

    @property
    def score(self) -> float:
        """One number in [0, 1] to choose checkpoints by.

        Two thirds of it are the harmonic mean of recall and coverage, since widely spread noise has high recall without
        coverage; one third is diversity, which changes from the first steps on.
        """
        both = self.recall + self.coverage
        harmonic = 2 * self.recall * self.coverage / both if both else 0.0
        return (min(self.diversity, 1.0) + 2 * harmonic) / 3

    def as_metrics(self) -> dict[str, float]:
        """The numbers by their names in metrics.jsonl."""
        numbers = {
            "diversity": self.diversity,
            "recall": self.recall,
            "coverage": self.coverage,
            "nearest": self.nearest,
            "closest": self.closest,
            "score": self.score,
        } | ({} if self.gap is None else {"gap": self.gap})
        return {f"health/{name}": value for name, value in numbers.items()}

    def describe(self) -> str:
        """The numbers in one line."""
        gap = "" if self.gap is None else f", D(real) - D(fake) {self.gap:.2f}"
        return (
            f"diversity {self.diversity:.2f} of the reals', recall {self.recall:.2f}, coverage {self.coverage:.2f}, "
            f"nearest real {self.nearest:.2f}{gap}"
        )


class HealthCheck:
    """Compares samples with a fixed set of reals."""

    def __init__(self, embed: Embedding, reals: Tensor, neighbours: int = 3, learnt: Tensor | None = None) -> None:
        """Embeds the reals.

        Args:
            embed: maps pictures to features, as made by `embed_with_vgg`.
            reals: (N, 3, H, W) in [-1, 1]; more than `neighbours`, and better 64 or more.
            neighbours: a picture's neighbourhood reaches to its k-th nearest neighbour.
            learnt: (L, 3, H, W): training pictures, to find copies of. None: `reals` are training pictures.

        Raises:
            ValueError: there are too few reals.
        """
        if len(reals) <= neighbours:
            raise ValueError(f"{len(reals)} reals are too few for {neighbours} neighbours")
        self._embed = embed
        self._neighbours = neighbours
        self._reals = embed(reals).double()
        self._real_distances = torch.cdist(self._reals, self._reals)
        self._learnt = self._reals if learnt is None else embed(learnt).double()
        own = self._real_distances if learnt is None else torch.cdist(self._learnt, self._learnt)
        self._own = reach(own, 1).mean().clamp_min(1e-12)  # mean distance between nearest training pictures

    def measure(self, fakes: Tensor, scores: tuple[Tensor, Tensor] | None = None) -> Health:
        """Measures samples.

        Recall is that of Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models"
        (arXiv 1904.06991, section 2): the share of reals within the k-th neighbour's distance of a sample. Precision is
        not measured, as a single outlier among the reals, with its large neighbourhood, would count any noise as
        precise. Coverage, the share of reals with a sample in their neighbourhood, is from Naeem et al., "Reliable
        Fidelity and Diversity Metrics for Generative Models" (arXiv 2002.09797, section 3).

        Args:
            fakes: (M, 3, H, W) in [-1, 1], M > k; M should equal N, as recall depends on it.
            scores: the discriminator's outputs for the reals and for the fakes.
        """
        features = self._embed(fakes).double()
        within = torch.cdist(features, features)
        across = torch.cdist(features, self._reals)  # (M, N)
        real_reach = reach(self._real_distances, self._neighbours)  # (N,)
        fake_reach = reach(within, self._neighbours)  # (M,)
        apart = _mean_apart(self._real_distances)
        nearest = torch.cdist(features, self._learnt).min(1).values / self._own
        return Health(
            diversity=(_mean_apart(within) / apart.clamp_min(1e-12)).item(),
            recall=(across <= fake_reach[:, None]).any(0).double().mean().item(),
            coverage=(across <= real_reach[None]).any(0).double().mean().item(),
            nearest=nearest.mean().item(),
            closest=nearest.min().item(),
            gap=None if scores is None else (scores[0].float().mean() - scores[1].float().mean()).item(),
        )


class HealthWatch:
    """Follows a run's health, and warns of collapse and of copies."""

    def __init__(self, series: Mapping[str, tuple[Sequence[int], Sequence[float]]] | None = None) -> None:
        """Starts with the history of a resumed run, or with none.

        Args:
            series: curves of a resumed run, as `metrics_file.read_series` returns them.
        """
        _, past = (series or {}).get("health/diversity", ((), ()))
        self._best = max(past, default=0.0)
        self._evaluations = len(past)

    def warn(self, step: int, health: Health) -> str | None:
        """Adds an evaluation.

        Returns:
            A warning with advice. None: no warning.
        """
        self._best = max(self._best, health.diversity)
        self._evaluations += 1
        fallen = health.diversity < _FALLEN * self._best and health.diversity < _FALLEN
        low = health.diversity < _LEAST_DIVERSITY and self._evaluations >= _PATIENCE
        if fallen or low:
            was = f"after {self._best:.2f} before" if fallen else f"at evaluation {self._evaluations}"
            return (
                f"step {step}: collapse: the samples differ by {health.diversity:.2f} of what the reals do, {was}, and "
                f"reach {health.recall:.0%} of the reals; {self._advise(health)}"
            )
        if health.nearest < _COPIES:
            return (
                f"step {step}: copies: samples lie {health.nearest:.2f} times as far from a real as reals from each "
                "other; give more material, or use an earlier checkpoint"
            )
        return None

    @staticmethod
    def _advise(health: Health) -> str:
        if health.gap is not None and health.gap > _WON:
            return (
                f"the discriminator has won (D(real) - D(fake) is {health.gap:.1f}): augment what it sees, penalise "
                "its gradients (R1) or lower its learning rate, and go back to best.safetensors"
            )
        return (
            "the generator has found a few pictures that pass: lower its learning rate, use a larger batch or more "
            "material, and go back to best.safetensors"
        )


def _mean_apart(distances: Tensor) -> Tensor:
    """Mean distance between two different pictures, of a matrix of distances."""
    count = len(distances)
    return distances.sum() / (count * (count - 1))
