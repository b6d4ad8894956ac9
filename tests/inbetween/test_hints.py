"""Hints from the command line and from files."""

import json

import cv2
import numpy as np
import pytest

from animi.core.errors import ConfigError, InputError
from animi.core.inbetween.hints import MOST, parse_hint, read_hints
from animi.core.inbetween.sequence import interpolate
from animi.core.motion.guides import Track


def write(folder, value):
    path = folder / "hints.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def tracks_of(hints, first=0, size=(320, 180)):
    return hints.of(first, first + 1, *size).tracks


@pytest.mark.parametrize(
    ("text", "track"),
    [
        ("120,80>200,96", Track(((120, 80), (200, 96)))),
        (" 120 , 80.5 > 200,96", Track(((120, 80.5), (200, 96)))),
        ("12,8", Track(((12, 8), (12, 8)))),
        ("1,2>3,4>5,6", Track(((1, 2), (3, 4), (5, 6)))),
        ("1,2>3,4@0.25>5,6", Track(((1, 2), (3, 4), (5, 6)), (0, 0.25, 1))),
        ("1,2>none", Track(((1, 2), None))),
        ("none>1,2", Track((None, (1, 2)))),
        ("none@0.2>1,2", Track((None, (1, 2)), (0.2, 1.0))),
        ("1,2>none@0.7", Track(((1, 2), None), (0.0, 0.7))),
    ],
)
def test_a_hint_in_words(text, track):
    assert tracks_of(parse_hint(text)) == (track,)


def test_a_hint_of_a_later_pair():
    hints = parse_hint("2:1,2>3,4")
    assert not tracks_of(hints) and tracks_of(hints, 2) == (Track(((1, 2), (3, 4))),)


@pytest.mark.parametrize("pair", [{"layer": "cat"}, {"layer": "cat", "still": "s.png"}])
def test_a_pair_without_tracks_is_named_by_its_file(tmp_path, pair):
    hints = read_hints(write(tmp_path, {"pairs": [pair | {"keys": [4, 6]}]}))
    with pytest.raises(InputError, match=r"hints\.json: pair 0: is of key frames 4 and 6"):
        hints.check_pairs(7)
    with pytest.raises(InputError, match=r"hints\.json: pair 0: names a layer"):
        hints.check_no_layers()


@pytest.mark.parametrize(
    "text",
    ["", ">", "1>2", "a,b>c,d", "1,2>", "1,2,3>4,5", "none", "none>none", "1,2>none>3,4", "nan,2>3,4", "1,2>inf,3",
     "1,2>none@0", "none@1>1,2",
     ":1,2>3,4", "1::1,2", "1,2@0.5>3,4", "1,2>3,4@0.9>5,6@0.4", "9" * 400 + ",1", "1,2>" * 5000 + "1,2"],
)  # fmt: skip
def test_what_is_no_hint_is_said_in_one_line(text):
    with pytest.raises(ConfigError, match="--hint") as error:
        parse_hint(text)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_a_file_of_hints(tmp_path):
    cv2.imwrite(str(tmp_path / "still.png"), np.full((90, 160), 255, np.uint8))
    path = write(tmp_path, {
        "version": 1, "size": [640, 360],
        "pairs": [{
            "keys": [1, 2], "still": "still.png",
            "tracks": [[[120, 80], [200, 96]], [{"x": 2, "y": 4}], [None, [6, 8]],
                       {"points": [[0, 0], [2, 2], [4, 4]], "times": [0, 0.5, 1]}],
        }],
    })  # fmt: skip
    found = read_hints(path).of(1, 2, 320, 180)
    assert found.tracks == (
        Track(((60, 40), (100, 48))), Track(((1, 2), (1, 2))), Track((None, (3, 4))),
        Track(((0, 0), (1, 1), (2, 2)), (0, 0.5, 1)),
    )  # fmt: skip
    assert found.still is not None and found.still.shape == (180, 320) and found.still.all()
    assert not read_hints(path).of(0, 1, 320, 180)


@pytest.mark.parametrize("several", [False, True])
def test_what_other_point_editors_write(tmp_path, several):
    points = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
    hints = read_hints(write(tmp_path, [points, points[::-1]] if several else points))
    assert len(tracks_of(hints)) == 1 + several and tracks_of(hints)[0].points == ((1, 2), (3, 4))


@pytest.mark.parametrize(
    "value",
    ["", "{", "[", "null", "3", '"a"', "[" * 5000, {}, {"pairs": 3}, {"pairs": [3]}, {"version": 9, "pairs": []},
     {"size": [0, 1], "pairs": []}, {"size": "a", "pairs": []}, {"pairs": [{"keys": [0]}]},
     {"pairs": [{"keys": [0, -1]}]},
     {"pairs": [{"tracks": 3}]}, {"pairs": [{"tracks": [3]}]}, {"pairs": [{"tracks": [[[1, "a"]]]}]},
     {"pairs": [{"tracks": [[[1, 2], None, [3, 4]]]}]}, {"pairs": [{"tracks": [[]]}]},
     {"pairs": [{"tracks": [[None]]}]},
     {"pairs": [{"tracks": [{"points": [[1, 2], [3, 4]], "times": [0]}]}]},
     {"pairs": [{"tracks": [[[1, 2], [3, 4]]] * 10_000}]}, {"pairs": [{"still": 3}]}, {"pairs": [{"apart": [["a"]]}]},
     {"pairs": [{"track": [[[1, 2], [3, 4]]]}]}],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_a_bad_file_is_named_in_one_line(tmp_path, value):
    with pytest.raises(InputError, match=r"hints\.json") as error:
        read_hints(write(tmp_path, value))
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def keys(count=2):
    frames = [np.full((60, 80, 3), 220, np.uint8) for _ in range(count)]
    for k, frame in enumerate(frames):
        cv2.circle(frame, (20 + 10 * k, 30), 8, (200, 60, 50), -1)
    return frames


@pytest.mark.parametrize(
    ("hints", "match"),
    [
        (["90,10>20,20"], "outside the 80x60 picture"),
        (["1:10,10>20,20"], "key frames 0 to 1"),
        (["20,30>30,30", "20,30>60,30"], "from the same point"),
        (["20,30>30,30"] * (MOST + 1), "give fewer"),
    ],
)
def test_hints_that_cannot_be_meant(hints, match):
    with pytest.raises(InputError, match=match):
        list(interpolate(keys(), 3, hints=hints))


def test_a_cross_fade_takes_no_hints():
    with pytest.raises(ConfigError, match="draws without motion"):
        interpolate(keys(), 3, engine="blend", hints="20,30>30,30")


def test_a_hint_of_the_second_pair_leaves_the_first_alone():
    frames = keys(3)
    without = list(interpolate(frames, 4, engine="flow"))
    hinted = list(interpolate(frames, 4, engine="flow", hints="1:30,30>40,30"))
    assert all(np.array_equal(*pair) for pair in zip(without[:4], hinted[:4], strict=True))
    assert len(without) == len(hinted)


def test_the_pair_that_closes_a_loop_has_hints_too():
    assert len(list(interpolate(keys(3), 3, engine="flow", loop=True, hints="20,30>30,30"))) == 6


def test_a_mask_of_another_shape_or_without_a_mark(tmp_path):
    for size, match in (((50, 50), "their shape"), ((60, 80), "marks nothing")):
        cv2.imwrite(str(tmp_path / "mask.png"), np.zeros(size, np.uint8))
        with pytest.raises(InputError, match=match):
            list(interpolate(keys(), 3, hints=write(tmp_path, {"pairs": [{"still": "mask.png"}]})))


def test_a_path_may_leave_the_part_that_changes():
    # a disc goes along the lower edge, in an arc over the middle of the picture
    frames = [cv2.circle(np.full((160, 240, 3), 210, np.uint8), (x, 130), 10, (225, 40, 30), -1) for x in (60, 180)]
    shown = list(interpolate(frames, 3, engine="flow", hints="60,130>120,40>180,130"))[1]
    truth = cv2.circle(np.full((160, 240, 3), 210, np.uint8), (120, 40), 10, (225, 40, 30), -1)
    assert (np.abs(shown.astype(int) - truth).max(2) > 60).mean() < 0.002


@pytest.mark.parametrize("spot", [(2, 2), (30, 20)])  # outside what changes, and within
def test_regions_of_one_pixel_or_where_nothing_changes_are_no_trouble(tmp_path, spot):
    frames = [np.full((600, 800, 3), 220, np.uint8) for _ in range(2)]
    for k, frame in enumerate(frames):
        cv2.circle(frame, (400 + 40 * k, 300), 30, (200, 60, 50), -1)
    mask = np.zeros((600, 800), np.uint8)
    mask[10 * spot[1] + 100, 10 * spot[0] + 100] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    hints = write(tmp_path, {"pairs": [{"apart": [["mask.png", "mask.png"]]}]})
    assert len(list(interpolate(frames, 3, engine="flow", hints=hints))) == 3


def test_two_things_that_come_do_not_contradict_each_other():
    hints = parse_hint("none>5,5") | parse_hint("none>30,30") | parse_hint("50,5>none") | parse_hint("5,50>none")
    assert len(hints.of(0, 1, 64, 64).tracks) == 4
