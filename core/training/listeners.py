"""What a training reports while it runs, and to whom."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

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

    def tell(self, sentence: str) -> None:
        """Passes a sentence on."""
        if self.note:
            self.note(sentence)
