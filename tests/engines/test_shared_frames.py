"""A film's frame belongs to two pairs: it is encoded once, and every pair is drawn as if it were alone."""

import gc
import threading
from itertools import pairwise

import numpy as np
import pytest
import torch

from animi.core.engines import motion_base
from animi.core.engines.flow import FlowEngine
from animi.core.engines.interface import count_at_once
from animi.core.engines.motion import MotionEngine
from animi.core.engines.motion_base import BaseMotionEngine
from animi.core.engines.motion_onnx import OnnxSteps
from animi.core.inbetween.pair import prepare_pair
from animi.core.motion import kept
from animi.core.threads import Workers
from animi.models.motion import MotionConfig, MotionNetwork

SMALL = MotionConfig(width=8, layers=1, heads=2, coarse_rounds=1, fine_rounds=1, drawing=4)


@pytest.fixture(scope="module")
def steps():
    return OnnxSteps(threads=2)


@pytest.fixture
def counted(steps, monkeypatch):
    """The steps, and a list of the frames that they have encoded."""
    frames, encode = [], steps.encode
    monkeypatch.setattr(steps, "encode", lambda frame: frames.append(1) or encode(frame))
    return steps, frames


def make_film(draw_disc, kind="RGB"):
    # everything moves, and all of the picture changes: nothing is drawn apart, and frames are not cropped
    film = [np.roll(draw_disc(90, 70), (2 * k, 5 * k), (0, 1)) for k in range(4)]
    if kind == "grey":
        return [frame[..., :1].copy() for frame in film]
    if kind == "RGBA":
        return [np.dstack([frame, np.where(frame.max(2) > 90, 255, 128).astype(np.uint8)]) for frame in film]
    return [frame.astype(np.uint16) * 257 for frame in film] if kind == "16 bits" else film


def draw(engine, first, last):
    return list(prepare_pair(first, last, engine, "morph")([0.25, 0.5]))


def are_equal(found, expected):
    return all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


def open_engine(kind, steps):
    if kind == "flow":
        return FlowEngine()
    if kind == "PyTorch":
        torch.manual_seed(0)
        return MotionEngine(MotionNetwork(SMALL).eval(), searches=True)
    return BaseMotionEngine(steps)


@pytest.mark.parametrize("engine", ["motion", "PyTorch", "flow"])
@pytest.mark.parametrize("kind", ["RGB", "grey", "RGBA", "16 bits"])
def test_pairs_of_a_film_are_those_that_are_drawn_alone(draw_disc, steps, engine, kind):
    film = make_film(draw_disc, kind)
    shared = open_engine(engine, steps)
    for first, last in pairwise(film):
        alone = draw(open_engine(engine, steps), first.copy(), last.copy())
        assert are_equal(draw(shared, first, last), alone)


def test_a_frame_is_encoded_once_for_both_of_its_pairs(draw_disc, counted):
    steps, frames = counted
    film = make_film(draw_disc)
    engine = BaseMotionEngine(steps)
    for first, last in pairwise(film):
        draw(engine, first, last)
    assert len(frames) == len(film)
    draw(engine, film[3], film[2])  # and backwards
    assert len(frames) == len(film)
    draw(BaseMotionEngine(steps), film[2], film[3])  # what another engine knows is its own
    assert len(frames) == len(film) + 2


def test_a_frame_that_is_changed_in_place_is_another_one(draw_disc, steps):
    first, middle, last = make_film(draw_disc)[:3]
    engine = BaseMotionEngine(steps)
    before = draw(engine, first, middle)
    middle[40:90, 60:130] = middle[45:95, 70:140].copy()  # the same array, another drawing
    found = draw(engine, middle, last)
    alone = draw(BaseMotionEngine(steps), middle.copy(), last)
    assert are_equal(found, alone)
    again = draw(engine, first, middle)
    assert not np.array_equal(again[1], before[1])


def test_a_pair_is_drawn_as_it_was_prepared(draw_disc, steps):
    first, last = make_film(draw_disc)[:2]
    engine = BaseMotionEngine(steps)
    expected = engine.prepare(first.copy(), last.copy()).render(0.5)
    pair = engine.prepare(first, last)
    first[:], last[:] = 0, 255
    assert np.array_equal(pair.render(0.5), expected)


def test_memory_does_not_grow_with_the_film(draw_disc, steps):
    engine, sizes = BaseMotionEngine(steps), []
    frame = make_film(draw_disc)[0][:64, :96]
    for k in range(10):
        draw(engine, np.roll(frame, 3 * k, 1), np.roll(frame, 3 * k + 3, 1))
        gc.collect()
        sizes.append(len(kept._KEPT))
    assert max(sizes[4:]) <= max(sizes[:4])


@pytest.mark.parametrize("kind", ["motion", "flow"])
def test_pairs_that_are_prepared_at_the_same_time_are_the_same(draw_disc, steps, kind):
    film = make_film(draw_disc)
    engine = BaseMotionEngine(steps, at_once=3) if kind == "motion" else FlowEngine(at_once=3)
    assert count_at_once(engine) == 3
    workers = Workers(3)
    begun = [workers.begin(draw, engine, first, last) for first, last in pairwise(film)]
    for (first, last), result in zip(pairwise(film), begun, strict=True):
        alone = draw(open_engine(kind, steps), first, last)
        assert are_equal(result(), alone)
    workers.close()


def test_frames_that_are_drawn_at_the_same_time_are_the_same(draw_disc, monkeypatch):
    film, times = make_film(draw_disc), [k / 20 for k in range(1, 20)]
    found = []
    for threads in (1, 3):
        engine = BaseMotionEngine(OnnxSteps(threads=threads))
        pair = engine.prepare(film[0], film[3])
        found.append(list(pair.render_all(times)))
        found.append([pair.render(t) for t in times[:2]])
    assert are_equal(found[0], found[2])
    assert are_equal(found[1], found[3])


def test_the_search_begins_before_it_is_known_what_is_drawn_apart(steps, draw_disc, monkeypatch):
    """In a thread of its own, beside the rest of the preparation; it is done once, and not kept."""
    film, names, began = make_film(draw_disc), [], threading.Event()
    search, prepare = motion_base.search_small, motion_base.prepare_moving

    def begin(*given):
        names.append(threading.current_thread().name)
        began.set()
        return search(*given)

    def wait(*given, **named):
        assert began.wait(60)
        return prepare(*given, **named)

    monkeypatch.setattr(motion_base, "search_small", begin)
    monkeypatch.setattr(motion_base, "prepare_moving", wait)
    engine = BaseMotionEngine(steps)
    found = list(engine.prepare(film[0], film[1]).render_all([0.5]))
    assert len(names) == 1 and names[0].startswith("animi-workers") and not engine._begun
    monkeypatch.undo()
    assert are_equal(found, list(BaseMotionEngine(OnnxSteps(threads=1)).prepare(film[0], film[1]).render_all([0.5])))
