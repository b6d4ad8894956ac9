"""A film's pairs are prepared ahead, in threads: the frames are those of one thread."""

import threading
from fractions import Fraction
from itertools import count, islice, pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from animi.core.engines.flow import FlowEngine
from animi.core.films import drawing
from animi.core.films.drawing import FrameDrawer
from animi.core.films.grain import GrainyDrawer
from animi.core.films.segmenting import NewFrame
from animi.core.films.timing import Exposure, FilmFrame


@pytest.fixture
def film(draw_disc):
    return [FilmFrame(Fraction(k), draw_disc(50 + 9 * k, 50 + 7 * k), number=k) for k in range(6)]


def expose(film, times=(0.0, 0.5)):
    """The new frames of a film on ones."""
    number = count()
    return [
        NewFrame(next(number), 0, Exposure(Fraction(0), first, last if t else None, t), None, 1.0)
        for first, last in pairwise(film)
        for t in times
    ]


@pytest.fixture
def prepared(monkeypatch):
    """A list of the first drawings of the pairs that are prepared."""
    numbers, prepare = [], drawing.PairDrawer.prepare
    monkeypatch.setattr(
        drawing.PairDrawer,
        "prepare",
        lambda self, first, *rest: numbers.append(first.number) or prepare(self, first, *rest),
    )
    return numbers


def draw_from(number, drawer, frames):
    """Draws the frames from `number` on; an earlier run has drawn the others, whose doubt is measured."""
    for new in drawer.look_ahead(iter(frames), lambda new: new.number >= number):
        if new.number >= number:
            drawer.draw(new)
        else:
            drawer.measure(new)


def draw_all(engine, frames, **options):
    drawer = FrameDrawer(engine, "hold")
    drawn = [drawer.draw(new) for new in drawer.look_ahead(iter(frames), **options)]
    return drawn, drawer


@pytest.mark.parametrize("times", [(0.0, 0.5), (0.25, 0.5, 0.75)])
def test_frames_are_those_of_one_thread(film, times):
    frames = expose(film, times)
    alone, one = draw_all(FlowEngine(), frames)
    together, other = draw_all(FlowEngine(at_once=3), frames)
    assert len(alone) == len(together) == len(frames) and one.count == other.count
    assert all(np.array_equal(here, there) for here, there in zip(alone, together, strict=True))


def test_pairs_are_prepared_at_the_same_time_and_once(film, monkeypatch):
    both, prepared = threading.Barrier(2, timeout=20), []
    prepare = drawing.PairDrawer.prepare

    def wait(self, first, last, *rest):
        prepared.append((first.number, last.number))
        if len(prepared) <= 2:
            both.wait()  # for another thread that prepares a pair
        return prepare(self, first, last, *rest)

    monkeypatch.setattr(drawing.PairDrawer, "prepare", wait)
    draw_all(FlowEngine(at_once=2), expose(film))
    assert sorted(prepared) == [(k, k + 1) for k in range(5)]


def test_few_frames_are_read_ahead(film):
    read = []

    def endless():
        for new in expose(film[:2]) * 10_000:  # a drawing that is held for hours
            read.append(new)
            yield new

    drawer = FrameDrawer(FlowEngine(at_once=2), "hold")
    ahead = drawer.look_ahead(endless())
    for new in islice(ahead, 3):
        drawer.draw(new)
    assert len(read) < 50
    ahead.close()
    drawer = FrameDrawer(FlowEngine(at_once=2), "hold")
    pairs = iter(expose(film))
    ahead = drawer.look_ahead(pairs)
    drawer.draw(next(ahead))
    assert len(list(pairs)) >= 4  # two pairs, and the frame that begins the third, are read
    ahead.close()


def test_what_is_not_wanted_is_not_prepared(film, prepared):
    draw_from(4, FrameDrawer(FlowEngine(at_once=2), "hold"), expose(film))
    assert sorted(prepared) == [2, 3, 4]


def test_an_error_comes_with_its_frame(film, monkeypatch):
    prepare = drawing.PairDrawer.prepare

    def fail(self, first, last, *rest):
        if last.number == 3:
            raise MemoryError
        return prepare(self, first, last, *rest)

    monkeypatch.setattr(drawing.PairDrawer, "prepare", fail)
    drawer = FrameDrawer(FlowEngine(at_once=2), "hold")
    drawn = []
    with pytest.raises(MemoryError):
        for new in drawer.look_ahead(iter(expose(film, (0.5,)))):
            drawn.append(drawer.draw(new))
    assert len(drawn) == 2


def test_grain_is_found_once_for_a_frame(film, monkeypatch):
    from animi.core.films import grain

    made, plain = [], grain._Grainy
    monkeypatch.setattr(grain, "_Grainy", lambda frame: made.append(1) or plain(frame))
    drawer = GrainyDrawer(FlowEngine(), "hold")
    noise = np.random.default_rng(0)
    noisy = [np.clip(frame.pixels + noise.normal(0, 5, frame.pixels.shape), 0, 255).astype(np.uint8) for frame in film]
    for first, last in pairwise(noisy[:4]):
        drawer.prepare(first, last)
    assert len(made) == 4


def test_a_pair_whose_doubt_was_measured_is_not_prepared_again(film, prepared):
    drawer = FrameDrawer(FlowEngine(at_once=2), "hold", SimpleNamespace(add=lambda *_: None))
    slow = expose(film[:4], [k / 100 for k in range(1, 100)])  # more frames of a pair than are read ahead
    draw_from(90, drawer, slow)  # the doubt is measured before these are read
    assert sorted(prepared) == [0, 1, 2]
