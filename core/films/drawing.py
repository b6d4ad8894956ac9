"""Draws between two analysed frames of a film: from frames without specks, and without grain if the film has any.

Pairs are prepared in threads, some of them ahead of the frame that is drawn. A pair depends on its own frames alone, so
that the film is the same with any number of threads, and from whichever segment it is drawn.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable

from ..engines.interface import Engine, count_at_once
from ..inbetween.doubt import Moment
from ..inbetween.pair import PreparedPair, hold_nearer, mix, prepare_pair
from ..inbetween.pixel_art import PixelArtEngine
from ..media.frames import Frame
from ..motion.guides import PairHints
from ..threads import Workers
from .doubt import FilmDoubt
from .grain import GrainyDrawer
from .hints import FilmHints
from .segmenting import NewFrame
from .timing import Exposure, FilmFrame

_WAITING = 32  # new frames that are read ahead at most; a drawing that is held for long has many
_MIDDLE = 0.4  # the first frame at or after this t is measured for the pair: frames in the middle are the worst


class PairDrawer:
    """Prepares pairs of a film's frames, in order."""

    def __init__(self, engine: Engine, on_failure: str) -> None:
        """Draws with an engine; `on_failure` is one of `config.choices.ON_FAILURE`."""
        self._engine, self._on_failure = engine, on_failure
        self._grainy = GrainyDrawer(engine, on_failure)

    def prepare(
        self, first: FilmFrame, last: FilmFrame, before: FilmFrame | None, hints: PairHints | None = None
    ) -> PreparedPair:
        """Prepares a pair.

        Args:
            first: a drawing.
            last: the next drawing, of the same size and type.
            before: the drawing before `first`, if it is in the same shot.
            hints: an animator's hints for this pair, in pixels.

        Returns:
            A function that draws the frames at times in (0, 1), from `first` to `last`.
        """
        ends = [frame.pixels if frame.clean is None else frame.clean for frame in (first, last)]
        grainy = (first.grainy or last.grainy) and ends[0].shape[2] == 3
        mixed = first.mixed or last.mixed
        if isinstance(self._engine, PixelArtEngine):
            if mixed:  # a mixture would have other colours
                return hold_nearer(*ends)
        elif grainy:
            return self._grainy.prepare(ends[0], ends[1], hints, mixed=mixed)
        elif mixed:
            return mix(*ends)
        overlays = None if before is None else before.pixels  # an overlay was there before, too
        return prepare_pair(ends[0], ends[1], self._engine, self._on_failure, overlays, hints=hints)


class FrameDrawer:
    """Draws the frames of a new film in order; each pair of drawings is prepared once."""

    def __init__(
        self, engine: Engine, on_failure: str, doubt: FilmDoubt | None = None, hints: FilmHints | None = None
    ) -> None:
        """Draws with an engine.

        Args:
            engine: draws between two drawings.
            on_failure: one of `config.choices.ON_FAILURE`.
            doubt: receives a moment of each pair; None without --doubt.
            hints: an animator's hints, if there are any.
        """
        self._drawer, self._hints = PairDrawer(engine, on_failure), hints
        self._at_once = count_at_once(engine)
        self._begun: deque[tuple[tuple[FilmFrame, FilmFrame], Callable[[], PreparedPair]]] = deque()
        self.doubt = doubt
        """The moments worth checking."""
        self._unmeasured: tuple[int, Exposure, Frame | None] | None = None  # the latest frame of an unmeasured pair
        self._measured = False
        self._pair: tuple[FilmFrame, FilmFrame] | None = None
        self._before: FilmFrame | None = None  # the drawing before that pair
        self._draw: PreparedPair | None = None
        self.count = 0
        """Number of frames drawn; the others are frames of the source film."""

    def look_ahead(
        self, frames: Iterable[NewFrame], wanted: Callable[[NewFrame], bool] = lambda _: True
    ) -> Generator[NewFrame, None, None]:
        """Yields new frames in their order, while the pairs of those that come next are prepared in threads.

        Closing this drops what has not begun, and waits for the pairs that have.

        Args:
            frames: the new frames.
            wanted: whether a frame will be drawn.
        """
        if self._at_once < 2:
            yield from frames
            return
        workers = Workers(self._at_once)
        waiting: deque[NewFrame] = deque()
        latest: tuple[FilmFrame, FilmFrame] | None = None
        try:
            for new in frames:
                waiting.append(new)
                pair = _pair_of(new)
                if pair is not None and not _are_same(pair, latest) and wanted(new) and not self._has(pair):
                    latest = pair
                    hints = None if self._hints is None else self._hints.of(*pair)
                    self._begun.append((pair, workers.begin(self._drawer.prepare, *pair, new.before, hints)))
                while waiting and (len(self._begun) > self._at_once or len(waiting) > _WAITING):
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            workers.close()
            self._begun.clear()

    def _has(self, pair: tuple[FilmFrame, FilmFrame]) -> bool:
        """Whether a pair is prepared and the current one: its doubt was measured before its first wanted frame."""
        return self._draw is not None and _are_same(pair, self._pair)

    def draw(self, new: NewFrame) -> Frame:
        """Returns the pixels of a new frame, (H, W, C)."""
        exposure = new.exposure
        if exposure.last is None:
            return exposure.first.pixels
        self._follow(new)
        self.count += 1
        frame = next(self._prepare()([exposure.t]))
        self._take(new, frame)
        return frame

    def measure(self, new: NewFrame) -> None:
        """Measures the doubt of a frame that an earlier run has drawn; it is drawn again only if that is needed."""
        if new.exposure.last is not None:
            self._follow(new)
            self._take(new, None)

    def _follow(self, new: NewFrame) -> None:
        """Makes a frame's pair of drawings the current pair."""
        pair = _pair_of(new)
        assert pair is not None
        if not _are_same(pair, self._pair):
            self.settle()
            self._measured = False
            self._pair, self._before, self._draw = pair, new.before, None

    def _prepare(self) -> PreparedPair:
        """Returns the current pair, prepared."""
        assert self._pair is not None
        if self._draw is None and self._begun and _are_same(self._pair, self._begun[0][0]):
            self._draw = self._begun.popleft()[1]()
        if self._draw is None:
            hints = None if self._hints is None else self._hints.of(*self._pair)
            self._draw = self._drawer.prepare(*self._pair, self._before, hints)
        return self._draw

    def _take(self, new: NewFrame, frame: Frame | None) -> None:
        """Measures the pair's doubt at this frame if it is the first one at or after _MIDDLE."""
        if self.doubt is not None and not self._measured:
            self._unmeasured = new.number, new.exposure, frame
            if new.exposure.t >= _MIDDLE:
                self.settle()

    def settle(self) -> None:
        """Measures the doubt of the current pair once, at its middle frame, or else at its last frame before that."""
        if self.doubt is None or self._unmeasured is None or self._pair is None:
            return
        number, exposure, frame = self._unmeasured
        pair = self._prepare()
        if frame is None:
            frame = next(pair([exposure.t]))
        ends = self._pair[0].pixels, self._pair[1].pixels
        self.doubt.add(Moment(number, exposure.t, frame, ends, pair.doubt(exposure.t)), exposure.time, self._pair)
        self._unmeasured, self._measured = None, True


def _pair_of(new: NewFrame) -> tuple[FilmFrame, FilmFrame] | None:
    """The drawings that a frame is drawn from; None if it is the film's own."""
    return None if new.exposure.last is None else (new.exposure.first, new.exposure.last)


def _are_same(pair: tuple[FilmFrame, FilmFrame], other: tuple[FilmFrame, FilmFrame] | None) -> bool:
    return other is not None and pair[0] is other[0] and pair[1] is other[1]
