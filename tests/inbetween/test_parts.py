"""Parts that move at a pace of their own, on drawings of which every moment is known."""

import json

import cv2
import numpy as np
import pytest

from animi.core.engines.opening import open_engine
from animi.core.engines.spaced import prepare_with_parts
from animi.core.errors import ConfigError, InputError
from animi.core.inbetween import interpolate
from animi.core.inbetween.hints import parse_part
from animi.core.media.image_files import read_image, write_png
from animi.core.motion.guides import PairHints, Track
from animi.core.motion.parts import PartMask

WIDTH, HEIGHT, FINE = 240, 160, 3
RED, GREEN = (225, 40, 30), (60, 150, 70)


def draw(ball, head):
    """A red ball at x = `ball` and a green head at x = `head`, over a wall with pale discs."""
    random = np.random.default_rng(4)
    sheet = np.full((FINE * HEIGHT, FINE * WIDTH, 3), (205, 212, 222), np.uint8)
    for _ in range(14):
        at = int(FINE * random.uniform(0, WIDTH)), int(FINE * random.uniform(0, HEIGHT))
        colour = tuple(int(level) for level in random.integers(150, 240, 3))
        cv2.circle(sheet, at, FINE * int(random.integers(8, 24)), colour, -1, cv2.LINE_AA)
    for x, y, radius, colour in ((head, 110, 24, GREEN), (ball, 46, 18, RED)):
        for size, ink in ((radius, (20, 16, 20)), (radius - 3, colour)):
            at = (int(FINE * x), int(FINE * y))
            cv2.circle(sheet, at, FINE * size, ink, -1, cv2.LINE_AA)
        cv2.circle(sheet, (int(FINE * (x + 6)), int(FINE * (y - 4))), 3 * FINE, (250, 240, 200), -1, cv2.LINE_AA)
    return cv2.resize(sheet, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def find_x(frame, colour):
    """The middle of what has a colour, and how many pixels have it."""
    own = np.abs(frame.astype(int) - colour).sum(2) < 40
    return np.nonzero(own)[1].mean(), int(own.sum())


@pytest.fixture
def mask(tmp_path):
    """A rough mask of the ball: a circle that is neither in its place nor of its size."""
    path = tmp_path / "ball.png"
    image = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    cv2.circle(image, (52, 48), 19, 255, -1)
    write_png(path, image)
    return path


ENDS = [draw(50, 60), draw(110, 90)]
CHART = (0, 0, 0, 0.5, 1)


@pytest.mark.parametrize("engine", ["motion", "flow"])
def test_each_part_is_where_its_own_chart_has_it_up_to_its_outline(mask, engine):
    text = f"{mask}={','.join(map(str, CHART))}"
    frames = list(interpolate(ENDS, 5, engine=engine, parts=[text]))
    assert np.array_equal(frames[0], ENDS[0]) and np.array_equal(frames[4], ENDS[1])
    size = find_x(ENDS[0], RED)[1]
    for k in (1, 2, 3):
        x, count = find_x(frames[k], RED)
        assert abs(x - find_x(draw(50 + 60 * CHART[k], 60 + 30 * k / 4), RED)[0]) < 2
        assert abs(count - size) < 0.15 * size  # there is one, and all of it
        assert abs(find_x(frames[k], GREEN)[0] - find_x(draw(50, 60 + 30 * k / 4), GREEN)[0]) < 2.5
    # where the ball rests, it and its outline are as they were drawn, and nothing of it is left on its way
    truth = draw(50, 75)
    apart = np.abs(frames[2].astype(int) - truth).max(2)
    assert (apart[20:74, 20:150] > 60).mean() < 0.01


def test_a_part_moves_while_all_else_rests(mask):
    frames = list(interpolate(ENDS, engine="flow", spacing=(0, 0, 0, 1), parts=[f"{mask}=0,0.4,0.8,1"]))
    for k, part in ((1, 0.4), (2, 0.8)):
        assert abs(find_x(frames[k], RED)[0] - find_x(draw(50 + 60 * part, 60), RED)[0]) < 2
        assert abs(find_x(frames[k], GREEN)[0] - find_x(ENDS[0], GREEN)[0]) < 1


def test_an_easing_is_a_chart(mask):
    frames = list(interpolate(ENDS, 3, engine="flow", parts=[f"{mask}=ease-in"]))
    assert abs(find_x(frames[1], RED)[0] - find_x(draw(50 + 60 * 0.25, 75), RED)[0]) < 2


def test_a_file_of_hints_and_the_option_say_the_same(animi, mask, tmp_path):
    for name, end in zip("ab", ENDS, strict=True):
        write_png(tmp_path / f"{name}.png", end)
    pairs = [{"parts": [{"mask": "ball.png", "spacing": list(CHART)}]}]
    (tmp_path / "hints.json").write_text(json.dumps({"version": 1, "pairs": pairs}))
    keys = (tmp_path / "a.png", tmp_path / "b.png")
    words = ("interpolate", *keys, "-n", 5, "--engine", "flow", "-o")
    part = f"{mask}={','.join(map(str, CHART))}"
    assert animi(*words, tmp_path / "option", "--part", part).exit_code == 0
    assert animi(*words, tmp_path / "file", "--hints", tmp_path / "hints.json").exit_code == 0
    one, other = ([read_image(path) for path in sorted((tmp_path / name).glob("*.png"))] for name in ("option", "file"))
    assert all(map(np.array_equal, one, other))
    # drawn again with another chart, the frames of the pair are those that change
    result = animi(*words, tmp_path / "option", "--part", f"{mask}=ease-in", "--redo", "--json")
    assert json.loads(result.stdout)["redrawn"] == ["001.png", "002.png", "003.png"]


def test_a_hint_of_a_part_keeps_the_part_s_time(mask):
    part = f"{mask}={','.join(map(str, CHART))}"
    frames = list(interpolate(ENDS, 5, engine="flow", parts=[part], hints=["50,50>110,50", "58,118>88,118"]))
    for k in (2, 3):
        assert abs(find_x(frames[k], RED)[0] - find_x(draw(50 + 60 * CHART[k], 60), RED)[0]) < 2
        assert abs(find_x(frames[k], GREEN)[0] - find_x(draw(50, 60 + 30 * k / 4), GREEN)[0]) < 2.5


@pytest.mark.parametrize("engine", ["motion", "flow"])
def test_a_small_part_that_goes_far_is_there_at_its_own_time(tmp_path, engine):
    """Such things are cut out of a pair and drawn by themselves where they have no time of their own."""
    ends = []
    for x in (40, 200):
        frame = draw(-100, -100)
        cv2.circle(frame, (x, 80), 8, RED, -1)
        ends.append(frame)
    path = tmp_path / "bird.png"
    image = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    cv2.circle(image, (40, 80), 10, 255, -1)
    write_png(path, image)
    frames = list(interpolate(ends, 5, engine=engine, parts=[f"{path}=0,0,0,0.5,1"]))
    size = find_x(ends[0], RED)[1]
    for k, x in ((1, 40), (2, 40), (3, 120)):
        found, count = find_x(frames[k], RED)
        assert abs(found - x) < 2.5 and abs(count - size) < 0.25 * size


def test_hints_of_what_only_comes_are_kept_for_what_is_left(mask):
    asked = []

    def prepare(first, last, hints):
        asked.append(hints)
        return open_engine("flow", mixes=True).prepare(first, last)  # as pairs with parts have no figures apart

    hints = PairHints(
        (Track((None, (200.0, 30.0))), Track((None, (110.0, 46.0))), Track(((50.0, 50.0), (110.0, 50.0)))),
        parts=(PartMask(read_image(mask)[..., 0] > 0, None),),
    )
    prepare_with_parts(*ENDS, hints, prepare, prepare)
    assert [track.points for track in asked[1].tracks] == [(None, (200.0, 30.0))]


@pytest.mark.parametrize("text", ["ball.png", "=ease-in", "ball.png=", "ball.png=fast", "ball.png=0,1,0.5", "x=0.2,1"])
def test_what_is_no_part_is_one_line(text):
    with pytest.raises(ConfigError, match=r"^--part: "):
        parse_part(text)


def test_charts_and_masks_that_do_not_fit_are_named(mask, tmp_path):
    with pytest.raises(InputError, match="has 3 times, and a pair has 5 frames"):
        list(interpolate(ENDS, 5, engine="flow", parts=[f"{mask}=0,0.5,1"]))
    with pytest.raises(InputError, match="key frames 1 and 2"):
        list(interpolate(ENDS, 3, engine="flow", parts=[f"1:{mask}=0,0.5,1"]))
    empty = tmp_path / "empty.png"
    write_png(empty, np.zeros((HEIGHT, WIDTH, 1), np.uint8))
    with pytest.raises(InputError, match="marks nothing"):
        list(interpolate(ENDS, 3, engine="flow", parts=[f"{empty}=0,0.5,1"]))
    with pytest.raises(ConfigError, match="draws without motion"):
        list(interpolate(ENDS, 3, engine=open_engine("blend"), parts=[f"{mask}=0,0.5,1"]))
