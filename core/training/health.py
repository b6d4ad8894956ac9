"""Whether a generator still draws everything it has seen, or has collapsed to a few pictures.

Pictures are compared by the features of a trained network, never of a random one. Four things are measured at each
look: diversity (how much samples differ from one another, beside how much reals do), recall (how many reals have
samples around them), how near the samples come to reals (copies come very near), and how far the discriminator holds
the two apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..measures.features import Embedding, reach

_LEAST_DIVERSITY = 0.5
_FALLEN = 0.7  # of the best so far
_PATIENCE = 3  # looks until a diversity that never rose is told of
_COPIES = 0.5
_WON = 2.0  # D(real) - D(fake) at which a hinge loss is nearly nothing


@dataclass(frozen=True)
class Health:
    """What a look at the samples found."""

    diversity: float
    """Mean distance of two samples over that of two reals: 1 is as varied, 0 is one picture."""
    recall: float
    """Share of reals that lie among the samples, by their neighbours, in [0, 1]."""
    coverage: float
    """Share of reals that have a sample among their own neighbours, in [0, 1]."""
    nearest: float
    """Mean distance from a sample to its nearest real, over that from a real to its nearest other real, of those that
    are learnt from: below 1, samples lie nearer to reals than reals to each other."""
    closest: float
    """The smallest of those distances."""
    gap: float | None = None
    """D(real) - D(fake), means of the discriminator's outputs."""

    @property
    def score(self) -> float:
        """One number in [0, 1] to choose checkpoints by.

        Two thirds of it are the harmonic mean of recall and coverage, as wide noise has the one without the other; one
        third is diversity, which tells something from the first steps on.
        """
        both = self.recall + self.coverage
        harmonic = 2 * self.recall * self.coverage / both if both else 0.0
        return (min(self.diversity, 1.0) + 2 * harmonic) / 3

    def as_metrics(self) -> dict[str, float]:
        """The numbers, as metrics.jsonl has them."""
        numbers = {
            "diversity": self.diversity,
            "recall": self.recall,
            "coverage": self.coverage,
            "nearest": self.nearest,
            "closest": self.closest,
            "score": self.score,
        } | ({} if self.gap is None else {"gap": self.gap})
        return {f"health/{name}": value for name, value in numbers.items()}

    def tell(self) -> str:
        """The same in a line."""
        gap = "" if self.gap is None else f", D(real) - D(fake) {self.gap:.2f}"
        return (
            f"diversity {self.diversity:.2f} of the reals', recall {self.recall:.2f}, coverage {self.coverage:.2f}, "
            f"nearest real {self.nearest:.2f}{gap}"
        )


class HealthCheck:
    """Compares samples with the same reals again and again."""

    def __init__(self, embed: Embedding, reals: Tensor, neighbours: int = 3, learnt: Tensor | None = None) -> None:
        """Embeds the reals.

        Args:
            embed: such as `embed_with_vgg` makes.
            reals: (N, 3, H, W) in [-1, 1]; 64 or more tell enough, and at least `neighbours` + 1 are needed.
            neighbours: how many of a picture's nearest neighbours its surroundings reach to (k).
            learnt: (L, 3, H, W) of those that are learnt from, of which there may be copies; None: `reals` are such.

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
        self._own = reach(own, 1).mean().clamp_min(1e-12)  # from a picture that is learnt from to the next

    def look(self, fakes: Tensor, scores: tuple[Tensor, Tensor] | None = None) -> Health:
        """Measures samples.

        Recall is that of "Improved Precision and Recall Metric for Assessing Generative Models" (arXiv 1904.06991,
        section 2): a real lies among the samples if it is within the k-th neighbour's distance of one. Its precision is
        not measured, as one odd real with far neighbours takes any noise in; "Reliable Fidelity and Diversity Metrics
        for Generative Models" (arXiv 2002.09797, section 3) counts instead the reals that have a sample near.

        Args:
            fakes: (M, 3, H, W) in [-1, 1], M > k; as many as reals, or recall says little.
            scores: the discriminator's outputs on reals and on fakes.
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
    """Follows a run's health, and warns in plain words."""

    def __init__(self, series: Mapping[str, tuple[Sequence[int], Sequence[float]]] | None = None) -> None:
        """Begins, or goes on where a run was.

        Args:
            series: what `run_folder.read_series` read of a run that is gone on with.
        """
        _, past = (series or {}).get("health/diversity", ((), ()))
        self._best = max(past, default=0.0)
        self._looks = len(past)

    def warn(self, step: int, health: Health) -> str | None:
        """Takes a look in.

        Returns:
            A warning with advice, or None where there is nothing to fear.
        """
        self._best = max(self._best, health.diversity)
        self._looks += 1
        fallen = health.diversity < _FALLEN * self._best and health.diversity < _FALLEN
        low = health.diversity < _LEAST_DIVERSITY and self._looks >= _PATIENCE
        if fallen or low:
            was = f"after {self._best:.2f} before" if fallen else f"at look {self._looks}"
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
    """Mean distance of two different pictures."""
    count = len(distances)
    return distances.sum() / (count * (count - 1))
