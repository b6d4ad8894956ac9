"""Where frames are guesswork, on drawings of which it is known what can be told."""

import html
import json
import re
import shlex

import cv2
import numpy as np
import pytest

from animi.core.cartoon.samples import draw_sample
from animi.core.engines.interface import Doubting, Following
from animi.core.engines.opening import open_engine
from animi.core.inbetween.doubt import find_worst
from animi.core.inbetween.pair import prepare_pair
from animi.core.media.image_files import read_image, write_png
from animi.core.motion.guides import PairHints, Track

FLOOR = (205, 212, 222)


def draw(x, patch=None):
    """A disc at x, and at the right a patch of some colours that nothing in the other drawing matches."""
    frame = np.full((120, 200, 3), FLOOR, np.uint8)
    cv2.circle(frame, (x, 60), 14, (225, 40, 30), -1, cv2.LINE_AA)
    if patch is not None:
        frame[40:80, 140:180], frame[54:66, 150:170] = patch
    return frame


ONE, OTHER = ((30, 160, 60), (250, 250, 250)), ((240, 200, 40), (90, 20, 90))


@pytest.mark.parametrize("name", ["motion", "flow", "blend"])
def test_doubt_lies_where_nothing_matches(name):
    pair = prepare_pair(draw(50, ONE), draw(58, OTHER), open_engine(name, None, "cpu"), "morph")
    doubt = cv2.resize(pair.doubt(0.5), (200, 120))
    assert doubt.shape == (120, 200) and 0 <= doubt.min() <= doubt.max() <= 1
    assert doubt[40:80, 140:180].mean() > 0.3 and doubt[:, 80:130].max() == 0
    worst = find_worst(pair.doubt(0.5))
    x, y = worst.place[0] / pair.doubt(0.5).shape[1] * 200, worst.place[1] / pair.doubt(0.5).shape[0] * 120
    assert worst.is_worth_a_look and 135 <= x < 185 and 35 <= y < 85


@pytest.mark.parametrize("name", ["motion", "flow"])
def test_what_moves_plainly_is_not_doubtful(name):
    pair = prepare_pair(draw(50), draw(58), open_engine(name, None, "cpu"), "morph")
    assert not find_worst(pair.doubt(0.5)).is_worth_a_look
    flow = pair.follow()
    assert flow.shape == (120, 200, 2) and np.allclose(flow[60, 50], (8, 0), atol=1) and np.allclose(flow[10, 150], 0)


def test_what_is_hinted_is_not_doubtful_and_goes_as_it_is_said():
    engine = open_engine("motion", None, "cpu")
    hints = PairHints((Track(((160.0, 45.0), (160.0, 45.0))),))
    plain, said = (prepare_pair(draw(50, ONE), draw(58, OTHER), engine, "morph", hints=each) for each in (None, hints))
    assert said.doubt(0.25)[40:80, 140:180].mean() < 0.3 * plain.doubt(0.25)[40:80, 140:180].mean()
    hints = PairHints((Track(((50.0, 60.0), (58.0, 60.0))),))
    assert np.allclose(
        prepare_pair(draw(50), draw(58), engine, "morph", hints=hints).follow()[60, 50], (8, 0), atol=0.1
    )


def test_a_pair_that_does_not_change_is_beyond_doubt():
    pair = prepare_pair(draw(50), draw(50), open_engine("flow", None, "cpu"), "hold")
    assert not pair.doubt(0.5).any() and not pair.follow().any()


def test_a_cut_that_is_held_is_doubtful_all_over():
    noise = np.random.default_rng(0)
    frames = [cv2.resize(noise.integers(0, 256, (12, 20, 3), np.uint8), (200, 120)) for _ in range(2)]
    engine = open_engine("flow", None, "cpu")
    pair = prepare_pair(*frames, engine, "hold")
    assert pair.doubt(0.5).mean() > 0.5


def test_pairs_of_other_kinds_say_it_too():
    """Small things that go far are cut out, and pairs in two lights are brought into one."""
    sky = np.full((160, 240, 3), (150, 190, 230), np.uint8)
    birds = [cv2.circle(sky.copy(), (x, 40), 4, (20, 20, 30), -1) for x in (40, 200)]
    pair = open_engine("flow", None, "cpu").prepare(*birds)
    assert isinstance(pair, Doubting) and isinstance(pair, Following)
    assert np.allclose(pair.follow()[40, 40], (160, 0), atol=2)
    assert pair.doubt(0.5).max() <= 1


@pytest.fixture
def doubtful_pair(tmp_path):
    """Two key frames with something at the right that nothing explains."""
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    write_png(paths[0], draw(50, ONE))
    write_png(paths[1], draw(58, OTHER))
    return paths


def test_maps_are_numbered_as_frames_and_the_worst_come_first(animi, doubtful_pair, tmp_path):
    words = ("interpolate", *doubtful_pair, "-n", 5, "--engine", "flow", "--json", "-o")
    result = animi(*words, tmp_path / "out", "--doubt", tmp_path / "maps")
    assert result.exit_code == 0, (result.output, result.exception)
    told = json.loads(result.stdout)
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["001.png", "002.png", "003.png"]
    found = told["doubtful"]
    assert {each["frame"] for each in found} <= {1, 2, 3} and found
    assert [each["doubt"] for each in found] == sorted((each["doubt"] for each in found), reverse=True)
    assert 135 <= found[0]["x"] < 185 and 35 <= found[0]["y"] < 85
    image = read_image(tmp_path / "maps" / f"{found[0]['frame']:03}.png")
    assert image.shape == (120, 200, 1) and image[40:80, 140:180].mean() > 60 and image[:, 80:130].max() == 0
    # without --doubt nothing is measured, and nothing is told
    assert "doubtful" not in json.loads(animi(*words, tmp_path / "plain").stdout)
    assert (tmp_path / "plain" / "002.png").read_bytes() == (tmp_path / "out" / "002.png").read_bytes()


def test_one_map_is_a_picture_of_the_frame_s_size_and_several_are_laid_out(animi, doubtful_pair, tmp_path):
    words = ("interpolate", *doubtful_pair, "--engine", "flow", "-o", tmp_path / "out.gif", "--overwrite")
    assert animi(*words, "-n", 3, "--doubt", tmp_path / "doubt.png").exit_code == 0
    assert read_image(tmp_path / "doubt.png").shape == (120, 200, 1)
    assert animi(*words, "-n", 6, "--doubt", tmp_path / "doubt.png").exit_code == 0
    assert read_image(tmp_path / "doubt.png").shape[:2] == (2 * (120 + 18 + 4) - 4, 2 * 204 - 4)


def test_a_page_holds_its_pictures_and_a_command_for_each(animi, doubtful_pair, tmp_path):
    words = ("interpolate", *doubtful_pair, "-n", 5, "--engine", "flow", "-o", tmp_path / "out")
    assert animi(*words, "--doubt", tmp_path / "doubt.html").exit_code == 0
    page = (tmp_path / "doubt.html").read_text(encoding="utf-8")
    commands = [shlex.split(html.unescape(found)) for found in re.findall("<code>(.*?)</code>", page)]
    assert page.count("<img") == 3 * len(commands) == page.count("data:image/jpeg;base64,") and commands
    command = commands[0]
    assert command[:2] == ["animi", "interpolate"] and command[-2] == "--redo"
    before = (tmp_path / "out" / f"{int(command[-1]):03}.png").read_bytes()
    result = animi(*command[1:])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / f"{int(command[-1]):03}.png").read_bytes() == before


def test_a_sheet_s_moments_have_the_numbers_of_their_frames(animi, doubtful_pair, tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("drawing,hold,inbetweens,on\na.png,2,2,2\nb.png,1,1\na.png,1\n")
    words = ("interpolate", tmp_path, "--sheet", sheet, "--engine", "flow", "--json", "-o", tmp_path / "out.gif")
    told = json.loads(animi(*words, "--doubt", tmp_path / "maps").stdout)
    assert {each["frame"] for each in told["doubtful"]} <= {2, 4, 7}
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["002.png", "004.png", "007.png"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("doubt.jpg", "is no .png, no .html and no folder's name"),
        ("out.gif", "is no .png"),
        ("a.png", "a.png: is a key frame, which would be lost"),
        ("none/doubt.png", "does not exist"),
    ],
)
def test_a_place_where_doubt_cannot_be_written_is_named_before_any_work(animi, doubtful_pair, tmp_path, name, found):
    result = animi("interpolate", *doubtful_pair, "-o", tmp_path / "out.gif", "--doubt", tmp_path / name)
    assert result.exit_code in (1, 2) and found in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out.gif").exists()


def test_a_folder_of_frames_is_not_replaced_by_maps(animi, doubtful_pair, tmp_path):
    words = ("interpolate", *doubtful_pair, "-n", 3, "--engine", "blend", "-o")
    assert animi(*words, tmp_path / "frames").exit_code == 0
    result = animi(*words, tmp_path / "out.gif", "--overwrite", "--doubt", tmp_path / "frames")
    assert result.exit_code == 1 and "holds the frames of an animation" in result.stderr


def test_doubt_ranks_frames_as_their_true_errors_do():
    """The measure on drawn scenes; benchmarks/doubt.py has it for many."""
    engine, doubts, errors = open_engine("motion", None, "cpu"), [], []
    for number in range(0, 64, 4):
        scene = draw_sample(7100, number, 160, worn=False)
        pair = prepare_pair(scene.first, scene.last, engine, "hold")
        doubts.append(find_worst(pair.doubt(scene.t)).amount)
        apart = cv2.absdiff(next(pair([scene.t])), scene.middle)
        errors.append(find_worst(apart.astype(np.float32).mean(2)).amount)
    ranks = [np.argsort(np.argsort(values)) for values in (doubts, errors)]
    assert np.corrcoef(*ranks)[0, 1] > 0.5
