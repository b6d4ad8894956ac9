"""`animi studio` as its page asks it: what comes in, what is drawn, what is rejected, and what is left of it."""

import io
import json
import os
import struct
import subprocess
import threading
import zipfile
import zlib
from fractions import Fraction
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from animi.core.engines.flow import FlowEngine
from animi.core.engines.opening import open_engine
from animi.core.inbetween.sequence import interpolate
from animi.core.media.encode import write_video
from animi.core.media.frames import resize_image
from animi.core.media.image_files import read_image, write_png
from animi.core.studio.jobs import JobQueue, StudioJob
from animi.core.studio.studio import Studio

STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film = STUDIO.serve, STUDIO.page, STUDIO.film
Gate, decode = STUDIO.Gate, STUDIO.decode


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
def test_a_bad_drawing_is_rejected_in_the_words_of_the_command_line(page, animi, tmp_path, key_frames, name, content):
    bad = tmp_path / name
    bad.write_bytes(content(key_frames[0].read_bytes()) if callable(content) else content)
    result = animi("interpolate", bad, key_frames[1], "-o", tmp_path / "out.gif")
    answer = page.send(bad)
    assert answer.status_code == 400
    assert f"animi: {answer.json()['error']}" == result.stderr.strip().replace(str(bad), name)
    assert len(page.client.get(page.session).json()["drawings"]) == 2
    assert len(list((page.folder() / "files").glob("*"))) == 4  # two drawings, each with its small picture


def test_drawings_of_two_sizes_are_rejected_in_the_words_of_the_command_line(
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


def test_a_film_that_is_only_sound_is_rejected_in_the_words_of_the_command_line(page, animi, tmp_path):
    sound = tmp_path / "sound.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=d=0.2", sound]
    subprocess.run(command, check=True)
    job = page.wait(page.send(sound))
    result = animi("extract-frames", sound, "-o", tmp_path / "frames")
    assert job["state"] == "failed"
    assert f"animi: {job['message']}" == result.stderr.strip().replace(str(sound), "sound.mp4")


def test_a_file_that_is_too_large_is_rejected_before_it_is_sent(serve, tmp_path):
    page = serve(max_drawing=1, max_film=2)
    answer = page.client.post(f"{page.session}/uploads", json={"name": "a.jpg", "size": 1_000_001})
    assert answer.json()["error"].startswith("a.jpg: is 1.0 MB, and the limit is 1 MB; ")
    assert "--max-drawing" in answer.text
    answer = page.client.post(f"{page.session}/uploads", json={"name": "a.mp4", "size": 2_500_000})
    assert answer.json()["error"].startswith("a.mp4: is 2.5 MB, and the limit is 2 MB; ")
    assert "--max-film" in answer.text
    upload = page.client.post(f"{page.session}/uploads", json={"name": "a.jpg", "size": 10}).json()["upload"]
    answer = page.client.put(f"{page.session}/uploads/{upload}", content=bytes(1_000_001))
    assert answer.status_code == 400 and "larger than was announced" in answer.text
    still = tmp_path / "still.png"  # a PNG may be an animation, and so a film; this one is not
    write_png(still, np.random.default_rng(0).integers(0, 256, (640, 640, 3)).astype(np.uint8))
    assert page.send(still).json()["error"].startswith("still.png: is 1.2 MB, and the limit is 1 MB")
    assert not list((page.folder() / "files").glob("*"))


def test_only_the_kinds_that_were_allowed_are_taken(serve, film, key_frames):
    drawings, films = serve(accept=("drawings",)), serve(accept=("films",))
    assert "accepts drawings only" in drawings.send(film).text
    assert "accepts films only" in films.send(key_frames[0]).text
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
        ({"count": 1}, "-n: 1 is out of range"),
        ({"count": "eight"}, "-n: 'eight' is not a whole number"),
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


def test_what_is_asked_wrongly_is_rejected(page):
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


def test_a_film_is_seen_to_be_planned_and_then_drawn(page, film, monkeypatch):
    seen, report = [], StudioJob.report

    def record(job, *amounts, **stage):
        report(job, *amounts, **stage)
        seen.append((job.kind, job.stage, job.total is not None))

    monkeypatch.setattr(StudioJob, "report", record)
    page.wait(page.send(film))
    job = page.wait(page.post("film/smooth", engine="blend"))
    of_film = [each[1:] for each in dict.fromkeys(seen) if each[0] == "export"]
    assert of_film == [("", False), ("planning", True), ("", True)]  # first its folder, before anything is counted
    assert (job["state"], job["stage"]) == ("done", "")


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_is_taken_for_a_film(page, tmp_path, draw_disc, suffix):
    path = tmp_path / f"moves{suffix}"
    frames = [Image.fromarray(draw_disc(20 + 8 * k, 40, (96, 64), 10)) for k in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    assert page.wait(page.send(path))["state"] == "done"
    assert len(page.client.get(page.session).json()["film"]["drawings"]) == 4


def test_a_film_of_one_drawing_is_rejected(page, tmp_path, draw_disc):
    path = tmp_path / "still.mp4"
    write_video(path, [draw_disc(20, 40, (96, 64), 10)] * 5, fps=Fraction(12), size=(96, 64))
    job = page.wait(page.send(path))
    assert job["state"] == "failed" and job["message"].startswith("still.mp4: shows only one drawing")


def test_another_film_takes_the_place_of_the_first(page, film):
    page.wait(page.send(film))
    page.wait(page.send(film.read_bytes(), "again.mp4"))
    assert page.client.get(page.session).json()["film"]["name"] == "again.mp4"
    assert len(list((page.folder() / "files").glob("*.mp4"))) == 1
    assert len(list((page.folder() / "strips").iterdir())) == 1


# Work


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


def test_requests_are_answered_while_an_engine_is_opened(page, monkeypatch):
    opening, go_on = threading.Event(), threading.Event()

    def open_slowly(*words):
        opening.set()
        assert go_on.wait(3), "the request waits for its engine"
        return open_engine(*words)

    monkeypatch.setattr("animi.core.studio.studio.open_engine", open_slowly)
    asked = [page.post("draw", engine="flow", count=3), page.post("export", engine="flow", count=3, format="gif")]
    asked += [page.post("doubtful", engine="flow", count=3)]
    assert opening.wait(10)
    assert page.get("jobs").status_code == 200
    page.client.post("/api/sessions")
    go_on.set()
    assert [page.wait(answer)["state"] for answer in asked] == ["done"] * 3


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
