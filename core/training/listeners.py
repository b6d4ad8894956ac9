"""What a training reports while it runs, and to whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Listeners:
    """Who is told of a training; each is left out where nobody listens."""

    advance: Callable[[int, Mapping[str, float]], None] | None = None
    """Takes the steps done and the values of a step, after each."""
    note: Callable[[str], None] | None = None
    """Takes a sentence: health, and warnings."""
    look: Callable[[str, int, int], None] | None = None
    """Told while films without records are looked through; see `material.films.OnLook`."""
    networks: Callable[[Mapping[str, int]], None] | None = None
    """Told before the first step how many parameters learn, by the network's name."""

    def count(self, networks: Mapping[str, nn.Module]) -> None:
        """Tells of the networks that learn."""
        if self.networks:
            counts = {
                name: sum(p.numel() for p in net.parameters() if p.requires_grad) for name, net in networks.items()
            }
            self.networks(counts)

    def tell(self, sentence: str) -> None:
        """Passes a sentence on."""
        if self.note:
            self.note(sentence)
