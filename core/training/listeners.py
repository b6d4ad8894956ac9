"""The callbacks through which a training reports its progress."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Listeners:
    """Callbacks of a training; None: not called."""

    advance: Callable[[int, Mapping[str, float]], None] | None = None
    """Called after each step with the number of steps done and the step's values."""
    note: Callable[[str], None] | None = None
    """Called with a sentence: results of an evaluation, warnings."""
    scan: Callable[[str, int, int], None] | None = None
    """Called while films without an index are scanned for cuts; see `material.films.OnScan`."""
    networks: Callable[[Mapping[str, int]], None] | None = None
    """Called before the first step with the number of trained parameters of each network, by name."""

    def count_parameters(self, networks: Mapping[str, nn.Module]) -> None:
        """Reports how many parameters of each network are trained."""
        if self.networks:
            counts = {
                name: sum(p.numel() for p in net.parameters() if p.requires_grad) for name, net in networks.items()
            }
            self.networks(counts)

    def report(self, sentence: str) -> None:
        """Reports a sentence."""
        if self.note:
            self.note(sentence)
