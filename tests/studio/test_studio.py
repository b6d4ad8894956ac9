"""`animi studio` as its page asks it: what comes in, what is drawn, what is refused, and what is left of it."""

import io
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from animi.cli.studio_server import build_app
from animi.core.config.studio import StudioConfig
from animi.core.engines.flow import FlowEngine
from animi.core.errors import ConfigError
from animi.core.inbetween.sequence import interpolate
from animi.core.lock import LOCK
from animi.core.media.encode import write_video
from animi.core.media.frames import resize_image
from animi.core.media.image_files import read_image, write_png
from animi.core.studio.jobs import JobQueue
from animi.core.studio.studio import Studio

ANIMI = Path(sys.executable).with_name("animi")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Serves a studio: `serve(max_drawing=1, ...)` gives a page's client; all are closed at the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    opened = []

    def start(**settings):
        studio = Studio(StudioConfig(**settings))
        opened.append(studio)
        return Page(studio)

    yield start
    for studio in opened:
        studio.close()


class Page:
    """A page of the studio, as its JavaScript asks."""

    def __init__(self, studio):
        self.studio = studio
        self.client = TestClient(build_app(studio), base_url="http://127.0.0.1:8321", raise_server_exceptions=False)
        self.session = f"/api/sessions/{self.client.post('/api/sessions').json()['id']}"

    def send(self, path, name=None):
        """Sends a file; gives the answer to its bytes, or to its announcement where that is refused."""
        data = path.read_bytes() if isinstance(path, Path) else path
        told = {"name": path.name if name is None else name, "size": len(data)}
        announced = self.client.post(f"{self.session}/uploads", json=told)
        if announced.status_code != 201:
            return announced
        return self.client.put(f"{self.session}/uploads/{announced.json()['upload']}", content=data)

    def post(self, what, **told):
        return self.client.post(f"{self.session}/{what}", json=told)

    def get(self, what):
        return self.client.get(f"{self.session}/{what}")

    def wait(self, answer):
        """The job that was answered with, when it is over."""
        id = answer.json()["job"] if "job" in answer.json() else answer.json()["id"]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            job = next(job for job in self.get("jobs").json()["jobs"] if job["id"] == id)
            if job["state"] not in ("waiting", "running"):
                return job
            time.sleep(0.02)
        raise AssertionError(f"goes on for too long: {job}")

    def frame(self, job, number):
        return decode(self.get(f"jobs/{job['id']}/frames/{number}.png").content)

    def moment(self, position, **settings):
        answer = self.post("moment", position=position, **settings)
        assert answer.status_code == 200, answer.text
        return decode(answer.content)

    def folder(self):
        return self.studio[self.session.rpartition("/")[2]].folder


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture
def page(serve, key_frames):
    """A page on which two key frames were dropped."""
    page = serve()
    for path in key_frames:
        assert page.send(path).status_code == 200
    return page


@pytest.fixture
def film(tmp_path, draw_disc):
    """A film: a disc moves on twos for 12 frames, and after a cut stands in another place for 4."""
    frames = [draw_disc(20 + 8 * (k // 2), 40, (160, 96), 10) for k in range(12)]
    frames += [255 - draw_disc(100, 60 + k // 2, (160, 96), 30) for k in range(4)]
    path = tmp_path / "film.mp4"
    write_video(path, frames, fps=Fraction(12), size=(160, 96))
    return path


def bomb():
    """A PNG that claims 30000 x 30000 pixels."""
    head = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


# What comes in


def test_drawings_come_in_with_name_and_size_and_a_small_picture(page):
    told = page.client.get(page.session).json()
    assert [(d["name"], d["width"], d["height"]) for d in told["drawings"]] == [("a.png", 48, 32), ("b.png", 48, 32)]
    small = page.get(f"drawings/{told['drawings'][0]['id']}.png")
    assert decode(small.content).shape == (32, 48, 3)


def test_drawings_are_put_in_another_order_and_removed(page):
    ids = [drawing["id"] for drawing in page.client.get(page.session).json()["drawings"]]
    told = page.client.put(f"{page.session}/drawings", json={"drawings": ids[::-1]}).json()
    assert [drawing["name"] for drawing in told["drawings"]] == ["b.png", "a.png"]
    assert page.client.put(f"{page.session}/drawings", json={"drawings": ["x"]}).status_code == 400
    assert page.client.put(f"{page.session}/drawings", json={"drawings": [ids[0]] * 2}).status_code == 400
    told = page.client.put(f"{page.session}/drawings", json={"drawings": ids[:1]}).json()
    assert [drawing["name"] for drawing in told["drawings"]] == ["a.png"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.png", b"no picture"),
        ("notes.txt", b"no picture"),
        ("empty.png", b""),
        ("cut.png", lambda good: good[: len(good) // 2]),
        ("bomb.png", bomb()),
    ],
)
def test_a_bad_drawing_is_refused_in_the_words_of_the_command_line(page, animi, tmp_path, key_frames, name, content):
    bad = tmp_path / name
    bad.write_bytes(content(key_frames[0].read_bytes()) if callable(content) else content)
    result = animi("interpolate", bad, key_frames[1], "-o", tmp_path / "out.gif")
    answer = page.send(bad)
    assert answer.status_code == 400
    assert f"animi: {answer.json()['error']}" == result.stderr.strip().replace(str(bad), name)
    assert len(page.client.get(page.session).json()["drawings"]) == 2
    assert len(list((page.folder() / "files").glob("*"))) == 4  # two drawings, each with its small picture


def test_drawings_of_two_sizes_are_refused_in_the_words_of_the_command_line(
    page, animi, tmp_path, key_frames, draw_disc
):
    large = tmp_path / "large.png"
    write_png(large, draw_disc(20, 20, (64, 32), 8))
    assert page.send(large).status_code == 200
    job = page.wait(page.post("draw"))
    result = animi("interpolate", *key_frames, large, "-o", tmp_path / "out.gif")
    assert job["state"] == "failed"
    assert f"animi: {job['message']}" == result.stderr.strip().replace(f"{tmp_path}{os.sep}", "")
    assert page.post("moment", position=0.5).json()["error"] == job["message"]
    assert page.wait(page.post("draw", size="48x32"))["state"] == "done"


def test_a_film_that_is_only_sound_is_refused_in_the_words_of_the_command_line(page, animi, tmp_path):
    sound = tmp_path / "sound.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", sound]
    subprocess.run(command, check=True)
    answer = page.send(sound)
    result = animi("extract-frames", sound, "-o", tmp_path / "frames")
    assert f"animi: {answer.json()['error']}" == result.stderr.strip().replace(str(sound), "sound.mp4")


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(serve, tmp_path):
    page = serve(max_drawing=1, max_film=2)
    answer = page.client.post(f"{page.session}/uploads", json={"name": "a.jpg", "size": 1_000_001})
    assert answer.json()["error"].startswith("a.jpg: is 1.0 MB, and 1 MB are taken") and "--max-drawing" in answer.text
    answer = page.client.post(f"{page.session}/uploads", json={"name": "a.mp4", "size": 2_500_000})
    assert answer.json()["error"].startswith("a.mp4: is 2.5 MB, and 2 MB are taken") and "--max-film" in answer.text
    upload = page.client.post(f"{page.session}/uploads", json={"name": "a.jpg", "size": 10}).json()["upload"]
    answer = page.client.put(f"{page.session}/uploads/{upload}", content=bytes(1_000_001))
    assert answer.status_code == 400 and "larger than was announced" in answer.text
    still = tmp_path / "still.png"  # a PNG may be an animation, and so a film; this one is not
    write_png(still, np.random.default_rng(0).integers(0, 256, (640, 640, 3)).astype(np.uint8))
    assert page.send(still).json()["error"].startswith("still.png: is 1.2 MB, and 1 MB are taken")
    assert not list((page.folder() / "files").glob("*"))


def test_only_the_kinds_that_were_allowed_are_taken(serve, film, key_frames):
    drawings, films = serve(accept=("drawings",)), serve(accept=("films",))
    assert "takes" in drawings.send(film).text or "drawings alone" in drawings.send(film).text
    assert "films alone" in films.send(key_frames[0]).text
    assert films.wait(films.send(film))["state"] == "done"


def test_there_is_room_for_so_many_drawings(serve, key_frames):
    page = serve(max_drawings=2)
    for path in key_frames:
        assert page.send(path).status_code == 200
    assert "--max-drawings" in page.send(key_frames[0], "third.png").json()["error"]


def test_names_lead_nowhere(page, key_frames):
    for name in ("../../../etc/passwd.png", "a\\b\\..\\c.png", "new\nline.png", ""):
        told = page.send(key_frames[0].read_bytes(), name).json()
        assert "/" not in told["drawings"][-1]["name"] and "\n" not in told["drawings"][-1]["name"]
    files = {path.resolve() for path in page.studio.folder.rglob("*.png")}
    assert all(page.studio.folder.resolve() in path.parents for path in files)


# What is drawn


def test_a_result_is_what_the_library_draws(page, key_frames):
    keys = [read_image(path) for path in key_frames]
    job = page.wait(page.post("draw", count=5, spacing="ease-in-out", engine="flow"))
    expected = list(interpolate(keys, 5, spacing="ease-in-out", engine="flow"))
    assert (job["state"], job["done"], job["total"]) == ("done", 5, 5)
    assert job["result"]["order"] == [0, 1, 2, 3, 4] and (job["result"]["width"], job["result"]["height"]) == (48, 32)
    for number, frame in enumerate(expected):
        assert np.array_equal(page.frame(job, number), frame)
    assert page.get(f"jobs/{job['id']}/frames/5.png").status_code == 404


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("boomerang", [False, True])
def test_a_result_plays_as_the_animation_does(page, key_frames, loop, boomerang):
    keys = [read_image(path) for path in (*key_frames, key_frames[0])]
    assert page.send(key_frames[0]).status_code == 200
    job = page.wait(page.post("draw", spacing="0, 0.2, 1", loop=loop, boomerang=boomerang, engine="blend"))
    expected = list(interpolate(keys, spacing=(0, 0.2, 1), loop=loop, boomerang=boomerang, engine="blend"))
    order = job["result"]["order"]
    assert len(order) == len(expected)
    for number, frame in zip(order, expected, strict=True):
        assert np.array_equal(page.frame(job, number), frame)
    assert job["result"]["positions"] == [0, 0.2, 1, 1.2] + ([2, 2.2] if loop else [2])


def test_any_moment_is_drawn_and_the_pair_prepared_once(page, key_frames, monkeypatch):
    prepared = []
    real = FlowEngine.prepare
    monkeypatch.setattr(FlowEngine, "prepare", lambda *words: prepared.append(1) or real(*words))
    keys = [read_image(path) for path in key_frames]
    for t in (0.1, 0.375, 0.9):
        expected = list(interpolate(keys, spacing=(0, t, 1), engine="flow"))[1]
        prepared.clear()
        assert np.array_equal(page.moment(t, engine="flow"), expected)
        assert len(prepared) == (t == 0.1)
    page.wait(page.post("draw", engine="flow"))
    assert not prepared  # drawing all frames finds the pair ready, too
    for t, key in zip((0, 1), keys, strict=True):
        assert np.array_equal(page.moment(t), key)
    assert page.post("moment", position=1.5).json()["error"].startswith("t: 1.5 is out of range")
    assert page.moment(1.5, loop=True).shape == keys[0].shape
    assert page.post("moment", position="x").status_code == 400
    assert page.post("moment", position=-1).status_code == 400


def test_large_drawings_are_seen_small_and_taken_home_large(serve, tmp_path, draw_disc):
    page = serve(view=64)
    keys = []
    for name, x in (("a", 40), ("b", 60)):
        write_png(tmp_path / f"{name}.png", draw_disc(x, 40, (160, 96), 12))
        keys.append(read_image(tmp_path / f"{name}.png"))
        page.send(tmp_path / f"{name}.png")
    job = page.wait(page.post("draw", count=3, engine="flow"))
    assert np.array_equal(page.frame(job, 0), resize_image(keys[0], 64, 38))
    whole = page.post("moment", position=0.5, full=True, engine="flow")
    assert np.array_equal(decode(whole.content), list(interpolate(keys, 3, engine="flow"))[1])
    made = page.wait(page.post("export", count=3, format="webp"))
    assert (made["result"]["width"], made["result"]["height"], made["result"]["frames"]) == (160, 96, 3)


@pytest.mark.parametrize("kind", ["gif", "webp", "png", "mp4"])
def test_a_download_is_the_file_that_the_command_writes(page, animi, tmp_path, key_frames, kind):
    out = tmp_path / f"out.{kind}"
    words = ("-n", 4, "--fps", 10, "--spacing", "ease-in", "--boomerang", "--engine", "flow")
    result = animi("interpolate", *key_frames, *words, "-o", out, "--json")
    settings = {"count": 4, "fps": "10", "spacing": "ease-in", "boomerang": True, "engine": "flow"}
    job = page.wait(page.post("export", format=kind, **settings))
    answer = page.get(f"jobs/{job['id']}/file")
    assert answer.content == out.read_bytes() and job["result"]["bytes"] == len(answer.content)
    assert f'filename="a-to-b.{kind}"' in answer.headers["content-disposition"]
    assert job["result"]["notes"] == json.loads(result.stdout)["notes"]


def test_numbered_frames_come_in_a_zip(page, key_frames):
    job = page.wait(page.post("export", count=3, format="zip", engine="blend"))
    with zipfile.ZipFile(io.BytesIO(page.get(f"jobs/{job['id']}/file").content)) as pack:
        assert pack.namelist() == ["000.png", "001.png", "002.png"]
        assert np.array_equal(decode(pack.read("000.png")), read_image(key_frames[0]))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"count": 1}, "-n: 1 is too small"),
        ({"count": "eight"}, "-n: 'eight' is no whole number"),
        ({"count": 2000}, "-n: 2000 frames in all are more than the 1000"),
        ({"fps": "x"}, "--fps: 'x' is no rate"),
        ({"spacing": "0, 0.7, 0.5, 1"}, "--spacing: 0, 0.7, 0.5, 1 must start with 0"),
        ({"engine": "pencil"}, "--engine: 'pencil' is not known"),
        ({"size": "large"}, "--size: 'large' cannot be read"),
        ({"on_failure": "weep"}, "--on-failure: 'weep' is not known"),
    ],
)
def test_settings_that_cannot_be_used_are_told_by_their_options(page, settings, words):
    for answer in (page.post("draw", **settings), page.post("export", format="gif", **settings)):
        assert answer.status_code == 400 and answer.json()["error"].startswith(words), answer.text


def test_what_is_asked_wrongly_is_refused(page):
    assert page.post("export", format="doc").json()["error"].startswith("format: 'doc' is not known")
    assert page.client.post(f"{page.session}/draw", content=b"no JSON").status_code == 400
    assert page.client.post(f"{page.session}/draw", content=b"[1]").status_code == 400
    assert page.client.post(f"{page.session}/draw", content=b" " * 200_000 + b"{}").status_code == 400
    for what in ("jobs/99/file", "jobs/99/frames/0.png", "drawings/x.png", "film/0.jpg"):
        assert page.get(what).status_code == 404
    assert "has ended" in page.client.get("/api/sessions/none").json()["error"]
    assert page.client.get("/static/../studio.py").status_code == 404


def test_two_drawings_are_needed(serve, key_frames):
    page = serve()
    page.send(key_frames[0])
    job = page.wait(page.post("draw"))
    assert job["message"] == "two key frames or more are needed, and only a.png was given; add another image"
    assert "two key frames" in page.post("moment", position=0).json()["error"]


def test_a_cat_chases_a_mouse(serve):
    page = serve()
    told = page.post("chase").json()
    assert [d["name"] for d in told["drawings"]] == ["cat-a.png", "cat-b.png"]
    first = page.moment(0)
    assert first.shape == (320, 480, 3) and not np.array_equal(first, page.moment(1))
    page.post("chase")
    assert not np.array_equal(first, page.moment(0))  # another chase


# Films


def test_a_film_is_laid_out_shot_by_shot_and_drawings_are_taken_from_it(page, film):
    job = page.wait(page.send(film))
    assert job["state"] == "done", job
    told = page.client.get(page.session).json()["film"]
    assert (told["name"], told["width"], told["height"], told["whole"]) == ("film.mp4", 160, 96, True)
    times, shots = zip(*told["drawings"], strict=True)
    assert list(np.round(np.multiply(times, 12)))[:6] == [0, 2, 4, 6, 8, 10] and set(shots) == {0, 1}
    assert told["cadences"][0] == 2
    assert page.get("film/0.jpg").headers["content-type"] == "image/jpeg"
    assert page.get("film/99.jpg").status_code == 404

    assert page.wait(page.post("film/choice", drawings=[1, 3]))["state"] == "done"
    drawings = page.client.get(page.session).json()["drawings"]
    assert [(d["name"], d["width"]) for d in drawings] == [("film-2.png", 160), ("film-4.png", 160)]
    frames = list(imageio_ffmpeg.read_frames(str(film)))[1:]
    for position, number in ((0, 2), (1, 6)):
        shown = page.moment(position).astype(int)
        true = np.frombuffer(frames[number], np.uint8).reshape(96, 160, 3)
        assert np.abs(shown - true).mean() < 2  # two ways to convert colours
    between = list(interpolate([page.moment(0), page.moment(1)], 3, engine="flow"))[1]
    assert np.array_equal(page.moment(0.5, engine="flow"), between)

    for wrong in ([1], [0, 99], ["a", "b"], []):
        assert page.post("film/choice", drawings=wrong).status_code == 400


def test_a_whole_film_is_drawn_anew_as_the_command_does(page, animi, film, tmp_path):
    assert page.post("film/smooth").json()["error"].startswith("there is no film")
    page.wait(page.send(film))
    out = tmp_path / "smooth.mp4"
    assert animi("interpolate", film, "--factor", 2, "--engine", "flow", "-o", out).exit_code == 0
    job = page.wait(page.post("film/smooth", factor=2, engine="flow"))
    assert job["state"] == "done", job
    answer = page.get(f"jobs/{job['id']}/file")
    assert 'filename="film-smooth.mp4"' in answer.headers["content-disposition"]
    (tmp_path / "ours.mp4").write_bytes(answer.content)
    pictures = [list(imageio_ffmpeg.read_frames(str(path)))[1:] for path in (tmp_path / "ours.mp4", out)]
    assert pictures[0] == pictures[1] and len(pictures[0]) == job["result"]["frames"] == 32
    assert page.wait(page.post("film/smooth", fps="30", preview=0.5, format="webm"))["result"]["frames"] == 15
    for settings, words in (
        ({"factor": "x"}, "--factor: 'x' is no rate"),
        ({"cadence": "waltz"}, "--cadence: 'waltz'"),
        ({"format": "avi"}, "format: 'avi' is not known"),
        ({"preview": "x"}, "--preview: 'x'"),
        ({"engine": "pencil"}, "--engine: 'pencil'"),
    ):
        assert page.post("film/smooth", **settings).json()["error"].startswith(words)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_is_taken_for_a_film(page, tmp_path, draw_disc, suffix):
    path = tmp_path / f"moves{suffix}"
    frames = [Image.fromarray(draw_disc(20 + 8 * k, 40, (96, 64), 10)) for k in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    assert page.wait(page.send(path))["state"] == "done"
    assert len(page.client.get(page.session).json()["film"]["drawings"]) == 4


def test_a_film_of_one_drawing_is_refused(page, tmp_path, draw_disc):
    path = tmp_path / "still.mp4"
    write_video(path, [draw_disc(20, 40, (96, 64), 10)] * 5, fps=Fraction(12), size=(96, 64))
    job = page.wait(page.send(path))
    assert job["state"] == "failed" and job["message"].startswith("still.mp4: shows one drawing only")


def test_another_film_takes_the_place_of_the_first(page, film):
    page.wait(page.send(film))
    page.wait(page.send(film.read_bytes(), "again.mp4"))
    assert page.client.get(page.session).json()["film"]["name"] == "again.mp4"
    assert len(list((page.folder() / "files").glob("*.mp4"))) == 1
    assert len(list((page.folder() / "strips").iterdir())) == 1


# Work


class Gate:
    """An engine that waits in each frame until it is let on."""

    name = "gate"

    def __init__(self):
        self.drawing, self.go_on = threading.Event(), threading.Event()

    def prepare(self, first, last):
        self.first = first
        return self

    def render(self, t):
        self.drawing.set()
        assert self.go_on.wait(30)
        return self.first


def test_work_is_done_one_after_the_other_and_cancelled(page, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    first = page.post("export", format="webp", count=20).json()
    second = page.post("export", format="gif", count=3).json()
    assert gate.drawing.wait(30)
    states = {job["id"]: job["state"] for job in page.get("jobs").json()["jobs"]}
    assert states == {first["id"]: "running", second["id"]: "waiting"}
    assert page.client.delete(f"{page.session}/jobs/{second['id']}").json()["state"] == "cancelled"
    page.client.delete(f"{page.session}/jobs/{first['id']}")
    gate.go_on.set()
    assert page.wait(page.post("export", format="png", count=3))["state"] == "done"  # the queue goes on
    states = {job["id"]: job["state"] for job in page.get("jobs").json()["jobs"]}
    assert states[first["id"]] == states[second["id"]] == "cancelled"
    assert page.get(f"jobs/{first['id']}/file").status_code == 404
    assert not (page.folder() / "exports" / first["id"]).exists()  # nothing half done is left


def test_new_settings_take_the_place_of_a_drawing_at_work(page, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    first = page.post("draw", count=20).json()
    assert gate.drawing.wait(30)
    second = page.post("draw", count=3)
    gate.go_on.set()
    assert page.wait(second)["state"] == "done"
    assert [job["state"] for job in page.get("jobs").json()["jobs"] if job["id"] == first["id"]] == ["cancelled"]


def test_a_moment_is_drawn_while_other_work_goes_on(page, monkeypatch):
    gate = Gate()
    real = Studio.open
    monkeypatch.setattr(Studio, "open", lambda self, name: gate if name == "flow" else real(self, name))
    page.post("export", format="gif", engine="flow")
    assert gate.drawing.wait(30)
    assert page.moment(0.5, engine="blend").shape == (32, 48, 3)
    gate.go_on.set()


def test_only_the_latest_results_are_kept(page):
    for count in range(2, 17):
        job = page.wait(page.post("draw", count=count, engine="blend"))
    page.post("draw", count=2, engine="blend")
    assert len(list((page.folder() / "results").iterdir())) <= 13
    assert page.get(f"jobs/{job['id']}/frames/0.png").status_code == 200


def test_a_fault_of_ours_is_told_as_one(caplog):
    jobs = JobQueue(lambda error: None)
    job = jobs.submit("x", "Trying", lambda job: 1 / 0)
    job.wait(10)
    assert job.state == "failed" and "ZeroDivisionError" in job.message and "Trying failed" in caplog.text
    jobs.close()


def test_jobs_that_are_over_are_forgotten_first():
    jobs = JobQueue(lambda error: str(error), keep=3)
    done = [jobs.submit("x", str(k), lambda job: job.report(1, 1)) for k in range(6)]
    done[-1].wait(10)
    jobs.submit("x", "last", lambda job: None).wait(10)
    assert [job.title for job in jobs.list()] == ["4", "5", "last"]
    jobs.close()


# Who may ask


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"host": "localhost:8321"}, True),
        ({"host": "[::1]:8321"}, True),
        ({"host": "evil.example"}, False),
        ({"host": "evil.example:8321"}, False),
        ({"host": "192.168.0.7:8321"}, False),
        ({"host": "127.0.0.1.evil.example:8321"}, False),
        ({"origin": "http://127.0.0.1:8321"}, True),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
    ],
)
def test_other_pages_cannot_drive_the_studio(page, headers, allowed):
    for method, path in (("POST", "/api/sessions"), ("GET", page.session), ("POST", f"{page.session}/draw")):
        answer = page.client.request(method, path, json={}, headers=headers)
        assert (answer.status_code != 403) == allowed, (method, path, answer.text)


def test_a_link_opens_the_page_but_drives_nothing(page):
    follows = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert page.client.get("/", headers=follows).status_code == 200
    assert page.client.get(page.session, headers=follows).status_code == 403
    assert page.client.post("/", headers=follows).status_code == 403


def test_where_other_machines_are_served_addresses_pass_and_names_do_not(serve):
    page = serve(host="0.0.0.0")
    assert page.client.get("/api/options", headers={"host": "192.168.0.7:8321"}).status_code == 200
    assert page.client.get("/api/options", headers={"host": "evil.example:8321"}).status_code == 403


def test_every_answer_keeps_other_places_out(page):
    for path in ("/", "/static/studio.js", "/api/options"):
        headers = page.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"


def test_the_page_names_no_other_place_and_all_of_it_is_packaged():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packaged = {path for pattern in settings["package-data"]["animi.cli"] for path in (ROOT / "cli").glob(pattern)}
    files = set((ROOT / "cli" / "studio_page").iterdir())
    assert files and files <= packaged
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "//cdn" not in text, path.name


# What is left


def test_sessions_left_alone_are_dropped_with_their_files(page, serve):
    folder = page.folder()
    page.studio.drop_idle()
    assert page.client.get(page.session).status_code == 200
    page.studio[page.session.rpartition("/")[2]].touched -= 60 * page.studio.config.idle + 1
    page.studio.drop_idle()
    assert page.client.get(page.session).status_code == 404 and not folder.exists()


def test_there_is_room_for_so_many_sessions(serve):
    page = serve(sessions=2)
    page.client.post("/api/sessions")
    assert page.client.get(page.session).status_code == 200  # asked for last, and so kept
    page.client.post("/api/sessions")
    assert page.client.get(page.session).status_code == 200
    assert len([path for path in page.studio.folder.iterdir() if path.is_dir()]) == 2


def test_a_session_that_is_ended_leaves_nothing(page):
    folder = page.folder()
    assert folder.exists()
    assert page.client.delete(page.session).status_code == 204
    assert not folder.exists() and page.client.get(page.session).status_code == 404


def test_a_closed_studio_leaves_nothing_even_while_it_works(page, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    page.post("export", format="mp4", count=20)
    assert gate.drawing.wait(30)
    threading.Timer(0.2, gate.go_on.set).start()
    page.studio.close()
    assert not page.studio.folder.exists()


def test_the_folder_of_a_studio_that_was_killed_is_removed_by_the_next(serve, tmp_path):
    first = serve().studio
    dead = first.folder.with_name("animi-studio-dead")
    dead.mkdir()
    (dead / LOCK).touch()
    serve()
    assert first.folder.exists() and not dead.exists()
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700  # no other user of the machine may look in


# The command


def begin(tmp_path, *words):
    """Starts the command as a terminal would; gives the process and the address it tells."""
    process = subprocess.Popen(
        [ANIMI, "studio", "--port", "0", "--no-browser", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_serves_this_machine_and_leaves_nothing(tmp_path, number, code):
    process, address = begin(tmp_path)
    try:
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"animi studio" in answer.read()
        urllib.request.urlopen(urllib.request.Request(f"{address}api/sessions", method="POST"), timeout=30)
        assert len(list(tmp_path.glob("animi-studio-*/*/"))) == 1
    finally:
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code and "Traceback" not in said, said
    assert "are removed then" in said and not list(tmp_path.iterdir())


def test_the_command_says_plainly_that_others_may_come_in(tmp_path):
    process, address = begin(tmp_path, "--host", "0.0.0.0", "--json")
    try:
        port = json.loads(address)["url"].rpartition(":")[2]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=30) as answer:
            assert answer.status == 200
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert "every machine that reaches this one" in said and "no password" in said


def test_a_port_that_is_taken_is_told_in_one_line(animi, tmp_path):
    process, address = begin(tmp_path)
    try:
        result = animi("studio", "--no-browser", "--port", address.rstrip("/").rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "--port 0" in result.stderr


def test_without_the_extra_the_remedy_is_told_in_one_line(animi, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = animi("studio")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "animi: studio: needs packages that are not installed; run: pip install 'animi[studio]'\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port", "70000"), "--port: 70000 is out of range"),
        (("--accept", "songs"), "--accept: songs is not known"),
        (("--accept", ","), "--accept: names nothing"),
        (("--max-drawing", "0"), "--max-drawing: 0 is too small"),
        (("--view", "10"), "--view: 10 is out of range"),
        (("--idle", "0"), "--idle: 0 cannot be used"),
        (("--host", ""), "--host: is empty"),
    ],
)
def test_options_that_cannot_be_used_are_refused(animi, words, said):
    result = animi("studio", "--no-browser", *words)
    assert result.exit_code == 2 and result.stderr.startswith(f"animi: {said}") and result.stderr.count("\n") == 1


def test_an_address_of_another_machine_and_a_broken_network_are_refused(animi, tmp_path):
    result = animi("studio", "--no-browser", "--host", "203.0.113.7")  # kept for examples
    assert result.exit_code == 1 and result.stderr.startswith("animi: --host: '203.0.113.7' is no address")
    (tmp_path / "broken.safetensors").write_bytes(b"x")
    result = animi("studio", "--no-browser", "--port", "0", "--checkpoint", tmp_path / "broken.safetensors")
    assert result.exit_code == 1 and "broken.safetensors" in result.stderr and result.stderr.count("\n") == 1


def test_a_trained_network_is_offered_beside_the_engines(serve, key_frames, tmp_path):
    from animi.core.weights.checkpoint import save_checkpoint  # torch is slow to import
    from animi.models.motion import MotionConfig, MotionNetwork

    path = tmp_path / "mine.safetensors"
    config = MotionConfig(width=8)
    save_checkpoint(path, MotionNetwork(config), "motion", config)
    page = serve(checkpoints=(path,), device="cpu")
    for key in key_frames:
        page.send(key)
    options = page.client.get("/api/options").json()
    assert options["engines"][-1] == "mine.safetensors" and options["checkpoints"] == {"mine.safetensors": str(path)}
    job = page.wait(page.post("draw", count=3, engine="mine.safetensors"))
    expected = list(interpolate([read_image(key) for key in key_frames], 3, checkpoint=path, device="cpu"))
    assert np.array_equal(page.frame(job, 1), expected[1])


def test_settings_of_the_studio_are_checked():
    with pytest.raises(ConfigError, match="--sessions: 0 is too small"):
        StudioConfig(sessions=0)
