"""Work of `animi studio` that would take for ever: it is bounded, can be cancelled, and ends with its programs."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from animi.core.programs import Program
from animi.core.studio import jobs as jobs_module
from animi.core.studio.jobs import JobQueue

STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film, Visitor, begin, stop, find_processes, wait_until = (
    STUDIO.serve,
    STUDIO.page,
    STUDIO.film,
    STUDIO.Visitor,
    STUDIO.begin,
    STUDIO.stop,
    STUDIO.find_processes,
    STUDIO.wait_until,
)
make_vast_webp = run_path(str(Path(__file__).parents[1] / "media" / "test_moving.py"))["vast_webp"]
BOUNDS = SimpleNamespace(**run_path(str(Path(__file__).with_name("bounds.py"))))
patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]
temporary = BOUNDS.temporary
noise_png = BOUNDS.noise_png
files = BOUNDS.files


# Films that would take for ever


def test_thousands_of_vast_pictures_are_not_decoded_while_they_are_sent(page):
    began = time.monotonic()
    answer = page.send(make_vast_webp(), "vast.webp")
    assert answer.status_code == 200 and "job" in answer.json()
    job = page.wait(answer)
    assert job["state"] == "failed" and "vast.webp: has 8000 x 8000 pixels" in job["message"]
    assert time.monotonic() - began < patience(3)
    assert files(page) == ["1-small.png", "1.png", "2-small.png", "2.png"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.mp4", "ffconcat version 1.0\nfile '/etc/hostname'\n"),
        ("list.m4v", "#EXTM3U\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"),
        (
            "dash.mp4",
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles='
            '"urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT100000H"><Period>'
            '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" width="16" height="16">'
            "<BaseURL>file:///etc/hostname</BaseURL></Representation></AdaptationSet></Period></MPD>",
        ),
    ],
)
def test_a_list_of_other_files_is_no_film(page, name, content):
    job = page.wait(page.send(content.encode(), name))
    assert job["state"] == "failed" and job["message"].startswith(f"{name}: ")
    assert page.client.get(page.session).json()["film"] is None


def test_a_film_is_looked_through_for_so_many_frames_and_minutes(serve, film, monkeypatch):
    page = serve(max_film_frames=5)
    job = page.wait(page.send(film))
    assert job["state"] == "failed" and "more frames than the 5" in job["message"]
    assert files(page) == [] and not list((page.folder() / "strips").iterdir())

    released = threading.Event()
    monkeypatch.setattr("animi.core.studio.film_work.scan_film", lambda *_words: released.wait(60))
    page = serve(max_film_minutes=0.01)
    began = time.monotonic()
    job = page.wait(page.send(film))
    assert job["state"] == "failed" and "took longer than 0.01 minutes" in job["message"]
    assert "--max-film-minutes" in job["message"] and time.monotonic() - began < patience(4)
    released.set()


@pytest.fixture
def stuck_ffmpeg(tmp_path):
    """An ffmpeg that never ends, hears no SIGTERM, and has a program of its own at work."""
    program = tmp_path / "stuck-ffmpeg"
    program.write_text(
        f"#!/bin/sh\ntrap '' TERM INT HUP\n/bin/sh -c 'trap \"\" TERM INT HUP; while :; do sleep 0.1; done'"
        f" {program}-child &\nwhile :; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    yield str(program)
    for number, _ in find_processes(str(program)):
        os.kill(number, signal.SIGKILL)


@pytest.fixture
def stuck(temporary, stuck_ffmpeg, film):
    """A studio with a film that its ffmpeg never answers of: gives its process, a visitor, a session and the job."""
    process, address = begin(temporary.parent, IMAGEIO_FFMPEG_EXE=stuck_ffmpeg)
    visitor = Visitor(address)
    session = visitor.begin_session()
    began = time.monotonic()
    status, answer = visitor.send(session, "film.mp4", film.read_bytes())
    assert status == 200 and time.monotonic() - began < patience(3)  # nothing is found out while it is sent
    wait_until(lambda: len(find_processes(stuck_ffmpeg)) >= 2)
    time.sleep(0.3)  # who kills it when the studio is killed has to hear of it first
    yield SimpleNamespace(process=process, visitor=visitor, session=session, job=json.loads(answer)["job"])
    if process.poll() is None:
        stop(process)


def is_gone(words, seconds):
    """Whether all processes have ended that have such words in their command lines, within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not find_processes(words):
            return True
        time.sleep(0.02)
    return False


def test_cancelled_work_ends_within_three_seconds_with_its_programs(stuck, stuck_ffmpeg):
    began = time.monotonic()
    assert stuck.visitor.ask("DELETE", f"{stuck.session}/jobs/{stuck.job}")[0] == 200
    wait_until(lambda: stuck.visitor.find_job(stuck.session, stuck.job)["state"] == "cancelled")
    assert is_gone(stuck_ffmpeg, patience(3) - (time.monotonic() - began))
    assert stuck.visitor.ask("POST", f"{stuck.session}/chase")[0] == 200
    job = json.loads(stuck.visitor.ask("POST", f"{stuck.session}/draw", {"count": 2, "engine": "blend"})[1])
    wait_until(lambda: stuck.visitor.find_job(stuck.session, job["id"])["state"] == "done")  # the queue goes on


def test_a_session_that_is_ended_ends_its_programs_within_three_seconds(stuck, stuck_ffmpeg):
    began = time.monotonic()
    assert stuck.visitor.ask("DELETE", stuck.session)[0] == 204
    assert is_gone(stuck_ffmpeg, patience(3) - (time.monotonic() - began))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_signal_ends_the_studio_and_its_programs_within_three_seconds(stuck, stuck_ffmpeg, temporary, number, code):
    began = time.monotonic()
    said, seconds = stop(stuck.process, number)
    assert stuck.process.returncode == code and "Traceback" not in said, said
    assert seconds < patience(3) and is_gone(stuck_ffmpeg, patience(3) - (time.monotonic() - began))
    assert number == signal.SIGKILL or not list(temporary.iterdir())


def test_a_signal_ends_a_studio_in_the_midst_of_drawing_and_of_sending(temporary):
    process, address = begin(temporary.parent)
    visitor = Visitor(address)
    session = visitor.begin_session()
    for name in ("a.png", "b.png"):
        assert visitor.send(session, name, noise_png(1600, 1600))[0] == 200
    visitor.ask("POST", f"{session}/export", {"count": 50, "engine": "flow", "format": "mp4"})

    def ask():
        with suppress(OSError, http.client.HTTPException):  # the studio ends meanwhile
            visitor.ask("POST", f"{session}/moment", {"position": 0.4, "engine": "flow", "full": True})

    asking = threading.Thread(target=ask)
    asking.start()
    upload = json.loads(visitor.ask("POST", f"{session}/uploads", {"name": "c.png", "size": 1000})[1])["upload"]
    line = socket.create_connection(("127.0.0.1", visitor.port))
    line.sendall(
        f"PUT {session}/uploads/{upload} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1000\r\n"
        f"authorization: Bearer {visitor.token}\r\n\r\nhalf".encode()
    )
    time.sleep(1)  # all of it is at work now
    said, seconds = stop(process)
    line.close()
    asking.join()
    assert process.returncode == 143 and seconds < patience(3) and "Traceback" not in said, said
    assert not list(temporary.iterdir())


def test_work_that_does_not_end_is_left_to_itself_and_the_queue_goes_on(monkeypatch, caplog):
    monkeypatch.setattr(jobs_module, "PATIENCE", 0.1)
    forgotten, over, go_on = [], [], threading.Event()
    queue = JobQueue(str)
    queue.on_forget, queue.on_over = lambda job: forgotten.append(job.id), lambda job: over.append(job.id)
    stuck = queue.submit("x", "one large frame", lambda job: go_on.wait(20))
    wait_until(lambda: stuck.state == "running")
    after = queue.submit("x", "next", lambda job: None)
    stuck.cancel()
    stuck.wait(3)
    after.wait(3)
    assert (stuck.state, after.state) == ("cancelled", "done") and over == [stuck.id, after.id]
    go_on.set()
    wait_until(lambda: forgotten == [stuck.id])  # what it still made is removed
    assert stuck.state == "cancelled" and over == [stuck.id, after.id]
    queue.close()


def test_a_page_sees_that_a_job_is_over_only_when_its_files_are_released():
    queue, releasing, go_on = JobQueue(str), threading.Event(), threading.Event()
    queue.on_over = lambda job: (releasing.set(), go_on.wait(20))
    job = queue.submit("x", "fails", lambda job: 1 / 0)
    assert releasing.wait(10) and (job.state, job.settled_state) == ("failed", "running")
    go_on.set()
    job.wait(3)
    assert job.settled_state == "failed"
    queue.close()


def test_the_programs_of_a_job_end_with_it():
    queue = JobQueue(str)
    started = threading.Event()
    sleepers = []

    def work(job):
        with Program(["sleep", "1000"]) as program:
            sleepers.append(program.process)
            started.set()
            program.wait()

    job = queue.submit("x", "sleeps", work)
    assert started.wait(10)
    job.cancel()
    job.wait(3)
    assert job.state == "cancelled" and sleepers[0].poll() is not None
    queue.close()
