"""The see-through score on cartoons whose motion is known: what is doubled, and what only looks a little like it."""

import math

import cv2
import numpy as np
import pytest

from animi.core.cartoon.composition import compose
from animi.core.cartoon.motion import follow
from animi.core.measures.metrics import ghost_score
from animi.core.measures.patches import KeyPatches
from animi.core.measures.see_through import find_see_through, see_through_score
from animi.core.motion.grid import pixel_grid

SIZE = (256, 176)
SCENES = ("chase", "parade")
SHORT = 0.6  # how much of its way each key frame's drawing is moved where both are to disagree


def shift(frame, flow):
    """The frame as seen through a flow from the wanted picture into it."""
    at = pixel_grid(*frame.shape[:2]) + flow
    return cv2.remap(frame, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def mix(one, other, share=0.5):
    return cv2.addWeighted(one, share, other, 1 - share, 0)


def draw(kind):
    """A cartoon's key frames, its true in-between, and both key frames moved by their true motion, but too little."""
    scene = compose(kind, 4)
    cels = [scene.cel(0.5 + k, *SIZE) for k in (0, 0.1, 0.2)]
    first, truth, last = (scene.colour(cel) for cel in cels)
    moved = [shift(frame, SHORT * follow(cels[1], cel).flow) for frame, cel in ((first, cels[0]), (last, cels[2]))]
    return first, truth, last, moved


@pytest.fixture(scope="module")
def cartoons():
    drawn = {kind: draw(kind) for kind in SCENES}
    return {kind: (KeyPatches(first, last), truth, moved) for kind, (first, truth, last, moved) in drawn.items()}


@pytest.fixture(params=SCENES)
def cartoon(cartoons, request):
    """Patches of the key frames, the true in-between, and both key frames moved."""
    return cartoons[request.param]


def add_noise(frame, levels=5):
    noise = np.random.default_rng(0).normal(0, levels, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def join(one, other):
    """The one to the left of a wavy line, the other to its right."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    return np.where((x + 20 * np.sin(y / 15) < SIZE[0] / 2)[..., None], one, other)


@pytest.mark.parametrize(
    "change",
    {
        "none": lambda truth: truth,
        "blur": lambda truth: cv2.GaussianBlur(truth, (0, 0), 1),
        "more blur": lambda truth: cv2.GaussianBlur(truth, (0, 0), 2),
        "box": lambda truth: cv2.blur(truth, (3, 3)),
        "noise": add_noise,
        "jpeg": lambda truth: cv2.imdecode(cv2.imencode(".jpg", truth, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], 1),
        "part of a pixel": lambda truth: shift(truth, np.float32([0.37, -0.37])),
        "darker": lambda truth: (truth * 0.85).astype(np.uint8),
    }.items(),
    ids=lambda item: item[0],
)
def test_the_truth_has_none_however_it_is_stored(cartoon, change):
    keys, truth, _ = cartoon
    assert see_through_score(change[1](truth), keys) < 0.06


def test_what_is_joined_of_moved_frames_has_none_and_their_mixture_much(cartoon):
    keys, truth, moved = cartoon
    of_truth = see_through_score(truth, keys)
    assert see_through_score(join(*moved), keys) < 0.06
    assert see_through_score(moved[0], keys) < 0.06
    doubled = mix(*moved)
    for drawn in (doubled, mix(*moved, 0.7), add_noise(doubled), cv2.GaussianBlur(doubled, (0, 0), 1)):
        assert see_through_score(drawn, keys) > max(0.12, 4 * of_truth)


def test_it_finds_what_the_ghost_score_does_not(cartoons):
    keys, _, moved = cartoons["chase"]
    fade = mix(*keys.frames)
    assert ghost_score(fade, *keys.frames) > 0.95 and see_through_score(fade, keys) > 0.6
    doubled = mix(*moved)
    assert see_through_score(doubled, keys) > 0.3 > 2 * ghost_score(doubled, *keys.frames)


def test_half_of_it_counts_as_half_and_lies_where_it_is(cartoon):
    keys, truth, moved = cartoon
    doubled = mix(*moved)
    part = join(doubled, truth)
    other = join(truth, doubled)
    scores = [see_through_score(frame, keys) for frame in (part, other)]
    assert sum(scores) == pytest.approx(see_through_score(doubled, keys), rel=0.25)
    spots, weights = find_see_through(part, keys)
    left = spots[:, 1] * 2 < SIZE[0] / 2 + 20
    assert weights[left].sum() > 5 * weights[~left].sum()
    assert ((weights >= 0) & (weights <= 1)).all()


def test_neither_order_nor_side_matters(cartoon):
    keys, _, moved = cartoon
    doubled = mix(*moved)
    score = see_through_score(doubled, keys)
    first, last = keys.frames
    assert see_through_score(doubled, keys) == score
    assert see_through_score(doubled, KeyPatches(last, first)) == pytest.approx(score, rel=0.1)
    mirrored = [np.ascontiguousarray(frame[:, ::-1]) for frame in (doubled, first, last)]
    assert see_through_score(mirrored[0], KeyPatches(*mirrored[1:])) == pytest.approx(score, rel=0.15)


def test_a_thing_that_changes_colour_is_not_there_twice(draw_disc):
    def paint(colour, x):
        frame = np.full((160, 240, 3), (120, 160, 140), np.uint8)
        cv2.circle(frame, (x, 80), 40, colour, -1, cv2.LINE_AA)
        return frame

    red, blue, between = (230, 40, 30), (20, 60, 220), (125, 50, 125)
    keys = KeyPatches(paint(red, 100), paint(blue, 140))
    assert see_through_score(paint(between, 120), keys) < 0.05
    doubled = mix(paint(red, 110), paint(blue, 130))
    assert see_through_score(doubled, keys) > 0.3


def test_a_dissolve_scores_by_right_and_still_frames_have_none(draw_disc):
    first, last = draw_disc(60, 80), draw_disc(160, 90)[::-1].copy()
    keys = KeyPatches(first, last)
    assert see_through_score(mix(first, last), keys) > 0.6
    assert see_through_score(first, keys) == see_through_score(last, keys) == 0
    assert see_through_score(last, KeyPatches(first, first)) == 0
    small = np.zeros((9, 9, 3), np.uint8)
    assert math.isnan(see_through_score(small, KeyPatches(small, 255 - small)))
