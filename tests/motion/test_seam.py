"""Seams between two warped frames: minimal, steady in time, of whole pieces, and only where a mixture shows."""

import itertools

import cv2
import numpy as np
import pytest

from animi.core.engines.flow import FlowEngine
from animi.core.engines.interface import render_all
from animi.core.engines.joining import Placed, choose_frames
from animi.core.engines.opening import open_engine
from animi.core.motion import seam
from animi.core.motion.seam import choose, measure_difference

TIMES = [k / 8 for k in range(1, 8)]
STILL = np.zeros((6, 6, 2), np.float32)


def cost_of(first, difference, belief):
    """What a choice costs by the module's docstring, on one grid."""
    cost = 0.0
    for axis in (0, 1):
        one, other = (np.take(first, range(k, first.shape[axis] - 1 + k), axis) for k in (0, 1))
        both = sum(np.take(difference, range(k, first.shape[axis] - 1 + k), axis) for k in (0, 1))
        cost += (seam._SEAM * both / 255)[one != other].sum()
    weight = (
        seam._BELIEF
        / belief.size**0.5
        * np.clip(belief, -seam._SURE, seam._SURE)
        * np.clip(difference / seam._WEIGHTY, 0, 1)
    )
    return cost + np.maximum(weight, 0)[~first].sum() + np.maximum(-weight, 0)[first].sum()


@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_the_cheapest_of_all(seed):
    random = np.random.default_rng(seed)
    difference = random.uniform(10, 60, (3, 4)).astype(np.float32)
    belief = random.normal(0, 3, (3, 4)).astype(np.float32)
    found = choose([0.5], [difference], [np.ones((3, 4), bool)], [belief], [])[0]
    every = (np.reshape(bits, (3, 4)) for bits in itertools.product((False, True), repeat=12))
    best = min(cost_of(one, difference, belief) for one in every)
    assert found.chosen.all()
    assert cost_of(found.first > 0.5, difference, belief) == pytest.approx(
        best, rel=1e-3
    )  # whole numbers in the solver


def test_what_has_turned_never_turns_back():
    difference = [np.full((6, 6), 60, np.float32)] * 5
    belief = [np.full((6, 6), value, np.float32) for value in (3, -1, 2, -3, 1)]  # alone, it would flicker
    labels = [
        c.first[3, 3] for c in choose(TIMES[:5], difference, [np.ones((6, 6), bool)] * 5, belief, [(STILL, STILL)] * 4)
    ]
    assert labels == sorted(labels, reverse=True) and set(labels) == {0, 1}


def test_what_has_turned_never_turns_back_while_it_moves():
    """A patch goes three cells to the right each time, so that it never overlaps itself."""
    differences, beliefs = [], []
    for k, value in enumerate((2, -2, 2, -2)):
        difference = np.zeros((6, 14), np.float32)
        difference[2:4, 3 * k + 1 : 3 * k + 3] = 60
        differences.append(difference)
        beliefs.append(np.full((6, 14), value, np.float32))
    step = np.zeros((6, 14, 2), np.float32)
    step[..., 0] = 3
    found = choose(TIMES[:4], differences, [d > 0 for d in differences], beliefs, [(step, -step)] * 3)
    labels = [c.first[2, 3 * k + 1] for k, c in enumerate(found)]
    assert labels == sorted(labels, reverse=True)


def test_what_was_chosen_before_stays():
    """Times that are too many to be chosen for together go in groups."""
    difference = [np.full((6, 6), 60, np.float32)] * 3
    outlines = [np.ones((6, 6), bool)] * 3
    belief = [np.full((6, 6), value, np.float32) for value in (-1, 2, 2)]
    begun = choose(TIMES[:1], difference[:1], outlines[:1], belief[:1], [])[0]
    assert not begun.first.any()
    later = choose(TIMES[:3], difference, outlines, belief, [(STILL, STILL)] * 2, begun)
    assert not any(c.first.any() for c in later)
    assert all(c.first.all() for c in choose(TIMES[1:3], difference[1:], outlines[1:], belief[1:], [(STILL, STILL)]))


def test_a_piece_turns_as_a_whole():
    """Two patches that touch nowhere may differ; within each the beliefs of single cells are outvoted."""
    difference = np.zeros((8, 16), np.float32)
    difference[2:6, 2:6] = difference[2:6, 10:14] = 90
    belief = np.random.default_rng(1).normal(0, 0.5, (8, 16)).astype(np.float32)
    belief[:, :8] += 1
    belief[:, 8:] -= 1
    first = choose([0.5], [difference], [difference > 0], [belief], [])[0].first
    assert (first[2:6, 2:6] == 1).all() and (first[2:6, 10:14] == 0).all()


def test_a_difference_without_outlines_is_left_to_the_mixture():
    plain = np.full((64, 64, 3), 120, np.uint8)
    y, x = np.mgrid[:64, :64]
    soft = np.clip(120 - 60 * np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / (2 * 14**2)), 0, 255).astype(np.uint8)
    shadow = np.dstack([soft] * 3)
    hard = plain.copy()
    cv2.circle(hard, (32, 32), 14, (60, 60, 60), -1, cv2.LINE_AA)
    for other, chosen in ((shadow, False), (hard, True), (plain, False)):
        difference, outlines = measure_difference(plain, other, (32, 32))
        for belief, fades in ((0.2, True), (3, False)):  # both show the place, or one of them alone
            found = choose([0.5], [difference], [outlines], [np.full((32, 32), belief, np.float32)], [])[0]
            assert found.chosen.any() == chosen
            assert found.fades.any() == (fades and other is shadow)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_one_row_or_column_has_differences_too(size):
    dark, light = np.zeros((*size, 3), np.uint8), np.full((*size, 3), 90, np.uint8)
    difference, _ = measure_difference(dark, light, size[::-1])
    assert difference.shape == size and np.allclose(difference, 90, atol=0.01)


def draw_face(x, mouth, size=(240, 160)):
    """A head at x with an open or a closed mouth, over plain ground."""
    frame = np.full((size[1], size[0], 3), (150, 190, 220), np.uint8)
    cv2.circle(frame, (x, 80), 44, (250, 210, 160), -1, cv2.LINE_AA)
    cv2.circle(frame, (x, 80), 44, (20, 15, 15), 3, cv2.LINE_AA)
    for side in (-16, 16):
        cv2.circle(frame, (x + side, 66), 5, (20, 15, 15), -1, cv2.LINE_AA)
    if mouth == "open":
        cv2.ellipse(frame, (x, 98), (16, 12), 0, 0, 360, (130, 20, 30), -1, cv2.LINE_AA)
        cv2.ellipse(frame, (x, 98), (16, 12), 0, 0, 360, (20, 15, 15), 2, cv2.LINE_AA)
    else:
        cv2.line(frame, (x - 14, 96), (x + 14, 96), (20, 15, 15), 3, cv2.LINE_AA)
    return frame


def find_transparent(frame, x):
    """Share of the mouth's pixels that are far from everything that is drawn there: half transparent."""
    mouth = frame[84:113, x - 20 : x + 21].astype(float)
    colours = np.array([(250, 210, 160), (20, 15, 15), (130, 20, 30)], float)
    return (np.linalg.norm(mouth[:, :, None] - colours, axis=3).min(2) > 60).mean()


@pytest.mark.parametrize("engine", ["motion", "flow"])
def test_a_mouth_is_open_or_closed_and_changes_once(engine):
    """While the head moves on."""
    keys = draw_face(90, "open"), draw_face(150, "closed")
    frames, mixed = (
        list(render_all(open_engine(engine, device="cpu", mixes=mixes).prepare(*keys), TIMES))
        for mixes in (False, True)
    )
    places = [round(90 + 60 * t) for t in TIMES]
    worst, worst_mixed = (max(map(find_transparent, drawn, places)) for drawn in (frames, mixed))
    plain = max(find_transparent(draw_face(90, mouth), 90) for mouth in ("open", "closed"))  # smooth outlines have some
    assert worst < plain + 0.03 and worst_mixed > plain + 0.06
    red = [(np.abs(frame[84:113].astype(int) - (130, 20, 30)).sum(2) < 60).sum() > 40 for frame in frames]
    assert red == sorted(red, reverse=True) and red[0] and not red[-1]


def test_many_frames_change_once_too():
    """More than are chosen for together."""
    times = [k / 40 for k in range(1, 40)]
    pair = FlowEngine().prepare(draw_face(90, "open"), draw_face(110, "closed"))
    red = [
        (np.abs(frame[84:113].astype(int) - (130, 20, 30)).sum(2) < 60).sum() > 40 for frame in render_all(pair, times)
    ]
    assert red == sorted(red, reverse=True) and red[0] and not red[-1]


@pytest.mark.parametrize("engine", ["motion", "flow"])
def test_a_soft_shadow_that_comes_comes_gradually(engine):
    """Between two drawings of which one has a soft shadow, no frame has a step in it."""
    first = draw_face(120, "closed")
    y, x = np.mgrid[:160, :240]
    dark = 1 - 0.35 * np.exp(-((x - 40) ** 2 + (y - 110) ** 2) / (2 * 22**2))
    last = np.clip(draw_face(124, "closed") * dark[..., None], 0, 255).astype(np.uint8)
    pair = open_engine(engine, device="cpu").prepare(first, last)
    middle = [int(frame[110, 40, 0]) for frame in render_all(pair, TIMES)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(middle))
    assert sum(first[110, 40, 0] - 8 > value > last[110, 40, 0] + 8 for value in middle) >= 3


def test_mix_gives_the_mixture():
    keys = draw_face(90, "open"), draw_face(90, "closed")
    joined, mixed = (next(render_all(FlowEngine(mixes=mixes).prepare(*keys), [0.5])) for mixes in (False, True))
    assert find_transparent(joined, 90) + 0.03 < find_transparent(mixed, 90)


def test_where_nothing_matches_time_alone_decides():
    """Whatever is believed of the places, all of them turn at once in the middle."""
    difference, outlines = [np.full((6, 6), 60, np.float32)] * 4, [np.ones((6, 6), bool)] * 4
    belief = [np.random.default_rng(k).normal(0, 4, (6, 6)).astype(np.float32) for k in range(4)]
    times = [0.2, 0.4, 0.6, 0.8]
    steps = [(STILL, STILL)] * 3
    found = choose(times, difference, outlines, belief, steps, missing=[np.ones((6, 6), np.float32)] * 4)
    assert [c.first.mean() for c in found] == [1, 1, 0, 0]
    assert [c.first.mean() for c in choose(times, difference, outlines, belief, steps)] != [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("own", "frame", "cells"),
    [
        ((80, 80), (256, 256), (112, 112)),  # the engine works in a small picture
        ((40, 40), (96, 96), (48, 48)),  # a cell has four pixels at least
        ((112, 112), (512, 512), (112, 112)),
        ((270, 480), (360, 640), (90, 160)),
    ],
)
def test_a_coarse_engine_has_seams_as_fine_as_others(own, frame, cells):
    random = np.random.default_rng(0)
    frames = tuple(random.integers(0, 256, (*frame, 3), np.uint8) for _ in range(2))
    shift, belief = np.zeros((*own, 2), np.float32), random.normal(0, 3, own).astype(np.float32)
    placed = Placed(0.5, (shift, shift), belief, lambda difference: np.full_like(belief, 0.5), np.zeros_like(belief))
    (choice,) = choose_frames(frames, [placed])
    assert all(part.shape == cells for part in choice)
