"""Draws between two judged frames of a film: on frames without specks, and without grain where the film has any."""

from ..engines.interface import Engine
from ..inbetween.pair import PreparedPair, prepare_pair
from ..inbetween.pixel_art import PixelArtEngine
from ..motion.guides import PairHints
from .grain import GrainyDrawer
from .timing import FilmFrame


class PairDrawer:
    """Readies pairs of a film's frames, one after the other."""

    def __init__(self, engine: Engine, on_failure: str) -> None:
        """Draws by an engine; `on_failure` is one of `config.choices.ON_FAILURE`."""
        self._engine, self._on_failure = engine, on_failure
        self._grainy = GrainyDrawer(engine, on_failure)

    def prepare(
        self, first: FilmFrame, last: FilmFrame, before: FilmFrame | None, hints: PairHints | None = None
    ) -> PreparedPair:
        """Readies a pair.

        Args:
            first: a drawing.
            last: the next one, of the same size and type.
            before: the drawing before `first`, of the same shot, where there is one.
            hints: what an animator says of this pair, in its pixels.

        Returns:
            It draws the frames at times in (0, 1), from `first` to `last`.
        """
        ends = [frame.pixels if frame.clean is None else frame.clean for frame in (first, last)]
        grainy = (first.grainy or last.grainy) and ends[0].shape[2] == 3
        if grainy and not isinstance(self._engine, PixelArtEngine):
            return self._grainy.prepare(ends[0], ends[1], hints)
        overlays = None if before is None else before.pixels  # what stands over motion stood there before as well
        return prepare_pair(ends[0], ends[1], self._engine, self._on_failure, overlays, hints=hints)
