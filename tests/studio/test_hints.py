"""Hints on the page of `animi studio`, as its JavaScript asks: what they change, what is rejected, what is saved."""

import io
import json
import zipfile
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from animi.core.engines.flow import FlowEngine
from animi.core.inbetween.sequence import interpolate
from animi.core.media.image_files import encode_png, read_image, write_png

HERE = Path(__file__).parent
STUDIO = SimpleNamespace(**run_path(str(HERE / "pages.py")))
SCENE = SimpleNamespace(**run_path(str(HERE / "hinting.py")))
serve, decode = STUDIO.serve, STUDIO.decode
draw_scene, miss = SCENE.draw_scene, SCENE.miss
BEFORE, AFTER = ((60, 50), (60, 110)), ((180, 50), (180, 110))
CROSSING = [[[60, 50], [180, 110]], [[60, 110], [180, 50]]]
SIZE = list(SCENE.SIZE)


@pytest.fixture
def page(serve, tmp_path):
    """A page with two drawings: two discs that look the same go to the right, or cross each other."""
    page = serve()
    for name, discs in (("one", BEFORE), ("two", AFTER)):
        write_png(tmp_path / f"{name}.png", draw_scene(*discs))
        assert page.send(tmp_path / f"{name}.png").status_code == 200
    return page


def names(page):
    return [drawing["id"] for drawing in page.client.get(page.session).json()["drawings"]]


def hint(page, *tracks, strokes=(), keys=None, size=SIZE):
    pair = {"keys": keys or names(page)[:2], "tracks": list(tracks), "strokes": list(strokes)}
    return page.client.put(f"{page.session}/hints", json={"size": size, "pairs": [pair]})


def test_a_hint_changes_what_is_drawn_and_what_is_taken_home(page, tmp_path):
    straight, crossed = (draw_scene((90, y), (90, 160 - y)) for y in (50, 65))
    plain = page.moment(0.25, engine="motion")
    assert miss(plain, crossed) > 0.02
    answer = hint(page, *CROSSING)
    assert answer.status_code == 200 and answer.json()["hints"]["pairs"][0]["tracks"] == CROSSING
    hinted = page.moment(0.25, engine="motion")
    assert miss(hinted, crossed) < 0.002 < miss(hinted, straight)
    job = page.wait(page.post("draw", count=5, engine="motion"))
    assert miss(page.frame(job, 1), crossed) < 0.002
    made = page.wait(page.post("export", count=5, engine="motion", format="zip"))
    with zipfile.ZipFile(io.BytesIO(page.get(f"jobs/{made['id']}/file").content)) as pack:
        assert miss(decode(pack.read("001.png")), crossed) < 0.002

    saved = page.post("hints/file", count=5, engine="motion")
    assert 'filename="hints.json"' in saved.headers["content-disposition"]
    (tmp_path / "hints.json").write_bytes(saved.content)
    keys = [read_image(tmp_path / f"{name}.png") for name in ("one", "two")]
    same = list(interpolate(keys, 5, engine="motion", hints=tmp_path / "hints.json"))
    assert np.array_equal(same[1], page.frame(job, 1))  # the file draws the same
    assert hint(page).status_code == 200  # none any more
    assert np.array_equal(page.moment(0.25, engine="motion"), plain)


def test_a_pair_is_prepared_once_for_each_set_of_hints(page, monkeypatch):
    prepared = []
    real = FlowEngine.prepare
    monkeypatch.setattr(FlowEngine, "prepare", lambda *words: prepared.append(1) or real(*words))
    for t in (0.25, 0.5):
        page.moment(t, engine="flow")
    assert len(prepared) == 1
    hint(page, CROSSING[0])
    for t in (0.25, 0.5):
        page.moment(t, engine="flow")
    assert len(prepared) == 2
    hint(page)
    page.moment(0.75, engine="flow")
    assert len(prepared) == 2  # undone: as before


def test_hints_stay_with_their_key_frames(page, tmp_path):
    hint(page, *CROSSING)
    write_png(tmp_path / "three.png", draw_scene((200, 50), (200, 110)))
    page.send(tmp_path / "three.png")
    first, second, third = names(page)
    page.client.put(f"{page.session}/drawings", json={"drawings": [third, first, second]})
    told = json.loads(page.post("hints/file").content)
    assert [pair["keys"] for pair in told["pairs"]] == [[1, 2]]
    told = page.client.put(f"{page.session}/drawings", json={"drawings": [first, third, second]}).json()
    assert len(told["hints"]["pairs"]) == 1  # kept, though they do not follow each other now
    assert page.post("hints/file").json()["error"].startswith("there are no hints to save")
    told = page.client.put(f"{page.session}/drawings", json={"drawings": [first, third]}).json()
    assert told["hints"]["pairs"] == []


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ([[[60, 50], [240, 50]]], "hint 1: 240,50 is outside the 240x160 picture; give a point in it"),
        ([[[60, 50], [180, 110]], [[60, 50], [180, 50]]], "hint 2: leads elsewhere than hint 1, from the same point"),
        ([[["x", 50], [180, 110]]], "hint 1: is no list of points"),
        ([[]], "hint 1: has 0 points"),
        ([None], "hint 1: is no list of points"),
        ([[[60, 50], [61, 50]]] * 201, "has 201 tracks, and 200 can be kept"),
        ([[[60, 50], [61, 50]]] * 10_000, "the request is too long"),
    ],
)
def test_bad_hints_get_one_clear_line_and_change_nothing(page, tracks, words):
    hint(page, CROSSING[0])
    answer = hint(page, *tracks)
    assert answer.status_code == 400 and words in answer.json()["error"] and "\n" not in answer.json()["error"]
    told = page.client.get(page.session).json()["hints"]
    assert told["pairs"][0]["tracks"] == [CROSSING[0]]


@pytest.mark.parametrize(
    "body",
    [
        {"size": [0, 10], "pairs": []},
        {"size": "large", "pairs": []},
        {"pairs": [{"keys": ["a", "b"]}]},
        {"size": SIZE, "pairs": [3]},
        {"size": SIZE, "pairs": [{"keys": ["a"]}]},
        {"size": SIZE, "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [], "width": 2}]}]},
        {"size": SIZE, "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [[1e400, 2]], "width": 2}]}]},
        {"size": SIZE, "pairs": [{"keys": ["a", "b"]}] * 2},
    ],
)
def test_hints_of_another_form_are_rejected(page, body):
    answer = page.client.put(f"{page.session}/hints", content=json.dumps(body))
    assert answer.status_code == 400 and answer.json()["error"]


def load(page, text, name="my hints.json", **settings):
    return page.post("hints/load", name=name, text=text if isinstance(text, str) else json.dumps(text), **settings)


def test_saved_hints_are_loaded_as_they_were_given(page):
    curved = {"points": [[100, 20], [120, 30], [140, 20]], "times": [0, 0.25, 1]}
    tracks = [*CROSSING, [[20, 20]], [None, [200, 30]], [[30, 140], None], [[10, 90], [20, 95], [30, 90]], curved]
    assert hint(page, *tracks).status_code == 200
    saved = page.post("hints/file").content.decode()
    given = page.client.get(page.session).json()["hints"]
    assert page.client.put(f"{page.session}/hints", json={}).json()["hints"]["pairs"] == []
    told = load(page, saved).json()
    assert told == {"hints": given, "notes": []}
    assert page.client.get(page.session).json()["hints"]["pairs"] == []  # they are only read, until the page gives them
    assert page.client.put(f"{page.session}/hints", json=told["hints"]).json()["hints"] == given


def test_hints_of_other_programs_and_without_masks_are_loaded(page):
    first, last = names(page)
    told = load(page, [[{"x": 60, "y": 50}, {"x": 180, "y": 110}]]).json()["hints"]
    assert told == {"size": SIZE, "pairs": [{"keys": [first, last], "tracks": [[[60, 50], [180, 110]]], "strokes": []}]}
    pairs = [{"keys": [0, 1], "tracks": [CROSSING[0]], "still": "/etc/passwd"}, {"keys": [1, 0], "tracks": [[[5, 5]]]}]
    told = load(page, {"pairs": pairs}, loop=True).json()
    assert [pair["keys"] for pair in told["hints"]["pairs"]] == [[first, last], [last, first]]
    assert told["notes"] == [
        "my hints.json: its masks are not loaded, as they are files of their own; paint them again"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "my hints.json: Expecting value"),
        ("", "my hints.json: Expecting value"),
        ("\x00", "my hints.json: Expecting value"),
        ("[" * 60_000 + "]" * 60_000, "my hints.json: is nested too deeply; give a file of hints (.json)"),
        ("{}", 'my hints.json: holds no hints; it needs a list "pairs"'),
        ({"version": 9, "pairs": []}, "my hints.json: is of version '9'"),
        ({"pairs": [3]}, "my hints.json: pair 0 is no object"),
        ({"pairs": [], "size": [0, 1]}, 'my hints.json: "size" must'),
        ({"pairs": [{"tracks": [[["x", 2]]]}]}, "my hints.json: pair 0, track 0: is no list of points"),
        ({"pairs": [{"keys": [1, 2], "tracks": [[[1, 2]]]}]}, "track 0: is of key frames 1 and 2, and there are"),
        ({"pairs": [{"keys": [1, 0], "tracks": [[[1, 2]]]}]}, "track 0: is of key frames 1 and 0, and there are"),
        ({"pairs": [{"tracks": [[[900, 2], [1, 2]]]}]}, "pair 0, track 0: 900,2 is outside the 240x160 picture"),
        ({"pairs": [{"tracks": [CROSSING[0]]}, {"tracks": [[[60, 50], [180, 50]]]}]}, "pair 1, track 0: leads"),
        ({"pairs": [{"at": [1, 2], "tracks": [[[1, 2]]]}]}, 'its pairs have "at", and so are of a film'),
        ({"pairs": [{"tracks": []}]}, "my hints.json: has no tracks"),
        ({"pairs": [{"layer": "cat", "tracks": [[[1, 2]]]}]}, "my hints.json: pair 0, track 0: names a layer"),
        ([], "my hints.json: has no tracks"),
    ],
)
def test_a_file_that_is_no_hints_of_these_key_frames_gets_one_clear_line(page, text, words):
    answer = load(page, text)
    assert answer.status_code == 400 and words in answer.json()["error"] and "\n" not in answer.json()["error"]
    assert answer.json()["error"].startswith("my hints.json: ")


def test_hints_are_loaded_only_where_there_are_key_frames(serve):
    page = serve()
    assert "there are no two key frames yet" in load(page, [[[1, 2]]]).json()["error"]
    assert "with its name and its text" in page.post("hints/load", name=3, text=[]).json()["error"]
    assert "too long" in load(page, " " * 300_000).json()["error"]


def test_what_is_painted_stays_and_its_mask_is_taken_home(serve, tmp_path):
    # what is painted jumps instead of moving, and the other disc still moves
    page = serve()
    for name, x in (("one", 60), ("two", 76)):
        write_png(tmp_path / f"{name}.png", draw_scene((x, 50), (x, 110, SCENE.BLUE)))
        page.send(tmp_path / f"{name}.png")
    moving = draw_scene((64, 50), (64, 110, SCENE.BLUE))
    assert miss(page.moment(0.25, engine="motion"), moving) < 0.004
    stroke = {"points": [[50, 50], [86, 50]], "width": 50, "erases": False}
    away = {"points": [[20, 50], [20, 50.5]], "width": 8, "erases": True}
    assert hint(page, strokes=[stroke, away]).status_code == 200
    shown = page.moment(0.25, engine="motion")
    assert miss(shown, draw_scene((60, 50), (64, 110, SCENE.BLUE))) < 0.004 < miss(shown, moving)
    saved = page.post("hints/file", engine="motion")
    assert 'filename="hints.zip"' in saved.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(saved.content)) as pack:
        pack.extractall(tmp_path / "taken")
    told = json.loads((tmp_path / "taken" / "hints.json").read_text())
    assert told["pairs"][0]["still"] == "still-1.png"
    mask = np.asarray(Image.open(tmp_path / "taken" / "still-1.png"))
    assert mask.shape[:2] == (160, 240) and mask[50, 60] > 0 and mask[110, 60] == 0
    keys = [read_image(tmp_path / f"{name}.png") for name in ("one", "two")]
    same = list(interpolate(keys, 5, engine="motion", hints=tmp_path / "taken" / "hints.json"))
    assert np.array_equal(same[1], shown)
    before = len(list((page.folder() / "files").glob("*")))
    hint(page)
    assert len(list((page.folder() / "files").glob("*"))) == before - 1  # the mask is gone


def test_engines_without_motion_draw_as_ever(page):
    plain = page.moment(0.5, engine="blend")
    hint(page, *CROSSING)
    assert np.array_equal(page.moment(0.5, engine="blend"), plain)
    assert page.post("matches", position=0.5, engine="blend").status_code == 200
    for engine, guided in (("blend", False), ("flow", True)):
        assert page.wait(page.post("draw", engine=engine, count=2))["result"]["guided"] == guided


def test_matches_lie_on_things_and_lead_where_they_go(serve, tmp_path):
    page = serve()
    for name, x in (("one", 60), ("two", 90)):
        write_png(tmp_path / f"{name}.png", draw_scene((x, 50), (x, 110, SCENE.BLUE)))
        page.send(tmp_path / f"{name}.png")
    matches = page.post("matches", position=0.5, engine="motion").json()["matches"]
    assert len(matches) == 2  # the floor and the marks on it stay
    for y in (50, 110):
        (x, found), (to, target) = min(matches, key=lambda match: abs(match[0][1] - y))
        assert abs(x - 60) < 4 and abs(found - y) < 4 and abs(to - x - 30) < 2 and abs(target - found) < 2


def test_doubt_is_where_nothing_matches_and_the_worst_frame_is_found(serve, tmp_path):
    page = serve()
    for name, x, colour, extra in (("one", 60, SCENE.BLUE, (190, 60)), ("two", 66, SCENE.BLUE, (190, 76))):
        frame = draw_scene((x, 110, colour))
        cx, cy = extra
        frame[cy - 20 : cy + 20, cx - 24 : cx + 24] = (30, 160, 60) if name == "one" else (240, 200, 40)
        frame[cy - 6 : cy + 6, cx - 14 : cx + 14] = (250, 250, 250) if name == "one" else (90, 20, 90)
        write_png(tmp_path / f"{name}.png", frame)
        page.send(tmp_path / f"{name}.png")
    answer = page.post("doubt", position=0.5, engine="motion")
    doubt = np.asarray(Image.open(io.BytesIO(answer.content)).resize((240, 160))).astype(float)
    assert doubt[40:96, 165:215].mean() > 3 * doubt[90:130, 40:90].mean() + 5
    assert np.asarray(Image.open(io.BytesIO(page.post("doubt", position=0, engine="motion").content))).max() == 0
    job = page.wait(page.post("doubtful", count=5, engine="motion"))
    worst = job["result"]["worst"]
    assert job["state"] == "done" and worst == sorted(worst, reverse=True) and worst
    _, position, x, y = worst[0]
    assert position in (0.25, 0.5, 0.75) and 165 < 240 * x < 215 and 36 < 160 * y < 100


def test_a_frame_is_exchanged_and_is_a_key_frame_from_then_on(page, tmp_path, animi):
    mine = draw_scene((120, 20), (120, 140))
    data = encode_png(mine)
    told = {"name": "mine.png", "size": len(data), "position": 0.5}
    upload = page.client.post(f"{page.session}/uploads", json=told).json()["upload"]
    told = page.client.put(f"{page.session}/uploads/{upload}", content=data).json()
    assert len(told["drawings"]) == 2 and [frame["t"] for frame in told["kept"]] == [0.5]
    assert page.get(f"drawings/{told['kept'][0]['id']}.png").status_code == 200
    assert np.array_equal(page.moment(0.5, count=5, engine="motion"), mine)
    job = page.wait(page.post("draw", count=5, engine="motion"))
    assert job["result"]["positions"] == [0, 0.25, 0.5, 0.75, 1] and np.array_equal(page.frame(job, 2), mine)
    keys = [read_image(tmp_path / f"{name}.png") for name in ("one", "two")]
    near = list(interpolate([keys[0], mine], 3, engine="motion"))[1]
    assert np.array_equal(page.frame(job, 1), near)  # its neighbours are drawn towards it
    assert np.array_equal(page.moment(0.25, count=5, engine="motion"), near)
    job = page.wait(page.post("draw", count=4, engine="motion"))  # no frame at 0.5 any more: the nearest is it
    assert any(np.array_equal(page.frame(job, number), mine) for number in (1, 2))

    saved = page.post("hints/file", count=5, engine="motion")
    with zipfile.ZipFile(io.BytesIO(saved.content)) as pack:
        pack.extractall(tmp_path)
    inputs = [tmp_path / name for name in ("one.png", "mine.png", "two.png")]
    out = tmp_path / "out.png"
    words = ("--sheet", tmp_path / "sheet.csv", "--engine", "motion")
    assert animi("interpolate", *inputs, *words, "-o", out).exit_code == 0
    made = page.wait(page.post("export", count=5, engine="motion", format="png"))
    assert page.get(f"jobs/{made['id']}/file").content == out.read_bytes()

    id = told["kept"][0]["id"]
    assert page.client.delete(f"{page.session}/kept/{id}").json()["kept"] == []
    assert page.client.delete(f"{page.session}/kept/{id}").status_code == 404
    assert not np.array_equal(page.moment(0.5, count=5, engine="motion"), mine)
    assert not list((page.folder() / "files").glob("3*"))


def test_a_sheet_is_saved_so_that_it_is_read_whatever_the_names_are(serve, tmp_path, animi):
    page = serve()
    names = ["#1.png", "日本語 #2;, 'x'.png", 'a "b".png']
    for number, name in enumerate(names):
        write_png(tmp_path / name, draw_scene((60 + 30 * number, 80)))
        page.send(tmp_path / name)
    for position in (0.5, 1.5):  # frames that were painted over have the name of a key frame, or both the same one
        data = encode_png(draw_scene((60 + 30 * position, 50)))
        told = {"name": names[0], "size": len(data), "position": position}
        upload = page.client.post(f"{page.session}/uploads", json=told).json()["upload"]
        told = page.client.put(f"{page.session}/uploads/{upload}", content=data).json()
    assert [frame["name"] for frame in told["kept"]] == ["#1-2.png", "#1-3.png"]
    with zipfile.ZipFile(io.BytesIO(page.post("hints/file", count=3, engine="blend").content)) as pack:
        assert pack.namelist() == ["sheet.csv", "#1-2.png", "#1-3.png"]
        pack.extractall(tmp_path)
    inputs = [tmp_path / name for name in (names[0], "#1-2.png", names[1], "#1-3.png", names[2])]
    out = tmp_path / "out.png"
    words = ("--sheet", tmp_path / "sheet.csv", "--engine", "blend")
    assert animi("interpolate", *inputs, *words, "-o", out).exit_code == 0
    made = page.wait(page.post("export", count=3, engine="blend", format="png"))
    assert page.get(f"jobs/{made['id']}/file").content == out.read_bytes()


def test_a_frame_that_is_kept_stays_as_it_was_drawn_and_its_hints_are_parted(page):
    hint(page, *CROSSING)
    shown = page.moment(0.25, count=5, engine="motion")
    told = page.post("kept", position=0.25, count=5, engine="motion").json()
    (frame,) = told["kept"]
    first, last = names(page)
    tracks = {tuple(pair["keys"]): pair["tracks"] for pair in told["hints"]["pairs"]}
    assert np.allclose(tracks[first, frame["id"]][0], [[60, 50], [90, 65]])
    assert np.allclose(tracks[frame["id"], last][0], [[90, 65], [180, 110]])
    assert np.array_equal(page.moment(0.25, count=5, engine="motion"), shown)
    assert miss(page.moment(0.5, count=5, engine="motion"), draw_scene((120, 80), (120, 80))) < 0.01
    page.client.put(f"{page.session}/drawings", json={"drawings": [last]})
    assert page.client.get(page.session).json()["kept"] == []


def test_frames_that_cannot_be_exchanged_are_rejected(page):
    data = encode_png(np.zeros((20, 20, 3), np.uint8))
    for position, words in ((0, "go to one first"), (1.0, "go to one first"), (7.5, "go to one first")):
        told = {"name": "mine.png", "size": len(data), "position": position}
        answer = page.client.post(f"{page.session}/uploads", json=told)
        assert answer.status_code == 400 and words in answer.json()["error"]
        assert page.post("kept", position=position).status_code == 400
    film = page.client.post(f"{page.session}/uploads", json={"name": "a.mp4", "size": 9, "position": 0.5})
    assert "is a film" in film.json()["error"]
    told = {"name": "mine.png", "size": len(data), "position": 0.5}
    upload = page.client.post(f"{page.session}/uploads", json=told).json()["upload"]
    answer = page.client.put(f"{page.session}/uploads/{upload}", content=data)
    assert answer.json()["error"] == ("mine.png: is 20x20, and the key frames are 240x160; give one of their size")
    assert len(list((page.folder() / "files").glob("*"))) == 4  # two drawings, each with its small picture


def test_hints_that_are_odd_and_right_harm_nothing(page):
    far = {"points": [[-1e300, 1e300], [60, 50]], "width": 65_535, "erases": False}
    tracks = [[[60, 50], [1e9, -1e9], [180, 110]], {"points": [[60, 110], [180, 50]], "times": [0, 1]}]
    assert hint(page, *tracks, strokes=[far]).status_code == 200
    assert page.moment(0.5, engine="flow").shape == (160, 240, 3)
    assert hint(page, [[0, 0], [0, 0]], size=[1, 1]).status_code == 200
    assert page.moment(0.5, engine="flow").shape == (160, 240, 3)
    told = hint(page, *CROSSING, keys=["none", "nobody"]).json()
    assert told["hints"]["pairs"] == []  # of key frames that are gone
