"""What `animi studio` takes and keeps within bounds, and that nothing is left of it."""

import asyncio
import http.client
import io
import json
import os
import signal
import socket
import stat
import struct
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn
from PIL import Image

from animi.cli import studio_connections
from animi.cli.studio_connections import Connections, FewWords, Patience, TooSlow
from animi.cli.studio_server import build_app
from animi.cli.studio_threads import DaemonThreads
from animi.core.lock import LOCK
from animi.core.programs import Program
from animi.core.studio import jobs as jobs_module
from animi.core.studio.jobs import JobQueue
from animi.core.studio.studio import Studio
from animi.core.studio.words import hide_paths

STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film = STUDIO.serve, STUDIO.page, STUDIO.film
Gate, Visitor, begin, stop = STUDIO.Gate, STUDIO.Visitor, STUDIO.begin, STUDIO.stop
find_processes, wait_until = STUDIO.find_processes, STUDIO.wait_until
make_vast_webp = run_path(str(Path(__file__).parents[1] / "media" / "test_moving.py"))["vast_webp"]


@pytest.fixture
def temporary(tmp_path):
    """Where the studios that are started as programs put their files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def noise_png(width, height):
    """A PNG of about 3 bytes a pixel."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def flat_png(side, depth=16):
    """A PNG of side x side pixels, RGBA, all of one colour: a thousandth of what it decodes to."""
    row = b"\0" + bytes([200, 100, 50, 255] if depth == 8 else [200, 0, 100, 0, 50, 0, 255, 255]) * side
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(row) + deflate.flush(zlib.Z_FULL_FLUSH)  # any number of these stand after each other
    adler = 1
    for _ in range(side):
        adler = zlib.adler32(row, adler)
    data = b"\x78\xda" + block * side + b"\x03\x00" + struct.pack(">I", adler)
    head = struct.pack(">IIBBBBB", side, side, depth, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        for kind, part in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    )


@contextmanager
def answering(studio, **limits):
    """Answers with a studio over real connections, in a thread; gives a visitor."""
    connections = Connections(**limits)
    config = uvicorn.Config(
        build_app(studio, STUDIO.TOKEN, connections), http=connections.protocol(), log_level="warning", ws="none",
        port=0, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Visitor(f"http://127.0.0.1:{port}/?token={STUDIO.TOKEN}")
    finally:
        server.should_exit = True
        thread.join(10)


def files(page):
    """The files of a page that are of its drawings and films."""
    return sorted(path.name for path in (page.folder() / "files").glob("*"))


def incoming(page):
    return list((page.folder() / "incoming").glob("*"))


# Uploads


def test_what_is_larger_or_smaller_than_announced_is_refused_and_leaves_nothing(page):
    before = files(page)
    for announced, sent in ((1, 30_000_000), (10, 11), (10, 9), (10, 0), (0, 1)):
        upload = page.client.post(f"{page.session}/uploads", json={"name": "a.png", "size": announced}).json()["upload"]
        for content in (bytes(sent), iter([bytes(sent // 2), bytes(sent - sent // 2)])):  # with a length, and without
            answer = page.client.put(f"{page.session}/uploads/{upload}", content=content)
            assert 400 <= answer.status_code < 500, answer.text
            assert not incoming(page) and files(page) == before
    assert len(page.client.get(page.session).json()["drawings"]) == 2


def test_more_bytes_than_announced_are_cut_off(temporary):
    process, address = begin(temporary.parent)
    try:
        visitor = Visitor(address)
        session = visitor.begin_session()
        upload = json.loads(visitor.ask("POST", f"{session}/uploads", {"name": "a.png", "size": 1})[1])["upload"]
        for length in ("content-length: 30000000", "transfer-encoding: chunked"):
            with socket.create_connection(("127.0.0.1", visitor.port), timeout=10) as line:
                line.sendall(
                    f"PUT {session}/uploads/{upload} HTTP/1.1\r\nhost: 127.0.0.1\r\n{length}\r\n"
                    f"authorization: Bearer {visitor.token}\r\n\r\n".encode()
                )
                sent = 0
                try:
                    while sent < 30_000_000:
                        part = b"x" * 65536
                        line.sendall(b"10000\r\n" + part + b"\r\n" if "chunked" in length else part)
                        sent += len(part)
                except OSError:  # cut off
                    pass
                assert sent < 30_000_000
        assert visitor.ask("PUT", f"{session}/uploads/{upload}", b"x")[0] == 404  # it was given up
        assert not [path for path in temporary.rglob("*") if path.is_file() and path.name != LOCK]
    finally:
        stop(process)


def test_a_second_sending_of_one_file_harms_nothing(page, key_frames):
    data = key_frames[0].read_bytes()
    upload = page.client.post(f"{page.session}/uploads", json={"name": "c.png", "size": len(data)}).json()["upload"]
    address = f"{page.session}/uploads/{upload}"
    seen = []

    def slowly():
        yield data[:50]
        seen.append(page.client.put(address, content=b"bad"))
        seen.append(page.client.put(address, content=bytes(len(data))))
        yield data[50:]

    assert page.client.put(address, content=slowly()).status_code == 200
    assert [answer.status_code for answer in seen] == [400, 400] and "is being sent already" in seen[0].text
    for content in (b"bad", bytes(len(data)), data):
        assert page.client.put(address, content=content).status_code == 404
    drawings = page.client.get(page.session).json()["drawings"]
    assert [drawing["name"] for drawing in drawings] == ["a.png", "b.png", "c.png"]
    assert page.get(f"drawings/{drawings[2]['id']}.png").status_code == 200
    assert page.moment(0.5, engine="blend").shape == (32, 48, 3)


def test_so_many_files_may_be_announced(page):
    for _ in range(128):
        assert page.client.post(f"{page.session}/uploads", json={"name": "a.png", "size": 1}).status_code == 201
    answer = page.client.post(f"{page.session}/uploads", json={"name": "a.png", "size": 1})
    assert answer.status_code == 400 and "have not come" in answer.json()["error"]


def test_files_that_do_not_come_are_forgotten(page, monkeypatch):
    told = page.client.post(f"{page.session}/uploads", json={"name": "a.png", "size": 1}).json()["upload"]
    real = time.monotonic
    monkeypatch.setattr("animi.core.studio.uploads.monotonic", lambda: real() + 601)
    page.client.post(f"{page.session}/uploads", json={"name": "b.png", "size": 1})
    assert page.client.put(f"{page.session}/uploads/{told}", content=b"x").status_code == 404


# Files that are not wanted


def test_the_files_of_drawings_that_were_removed_are_removed(page):
    first, second = page.client.get(page.session).json()["drawings"]
    assert len(files(page)) == 4
    page.client.put(f"{page.session}/drawings", json={"drawings": [second["id"]]})
    assert files(page) == ["2-small.png", "2.png"]
    assert page.get(f"drawings/{first['id']}.png").status_code == 404
    page.client.put(f"{page.session}/drawings", json={"drawings": []})
    assert files(page) == []
    for _ in range(2):
        page.post("chase")
    assert len(files(page)) == 4


def test_files_stay_while_work_needs_them(page, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    job = page.post("export", format="gif", count=4)
    assert gate.drawing.wait(30)
    waiting = page.post("export", format="png", count=4)
    page.client.put(f"{page.session}/drawings", json={"drawings": []})
    assert len(files(page)) == 4
    gate.go_on.set()
    assert page.wait(job)["state"] == page.wait(waiting)["state"] == "done"
    wait_until(lambda: not files(page))


def test_drawings_taken_from_a_film_take_the_place_of_others_with_their_files(page, film):
    page.wait(page.send(film))
    for numbers in ([0, 2], [1, 3]):
        assert page.wait(page.post("film/choice", drawings=numbers))["state"] == "done"
    assert len([name for name in files(page) if name.endswith(".png")]) == 4


def test_a_film_that_is_not_looked_through_after_all_is_removed(page, film, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    page.post("export", format="gif", count=4)
    assert gate.drawing.wait(30)
    job = page.send(film).json()["job"]
    assert "3.mp4" in files(page)
    assert page.client.delete(f"{page.session}/jobs/{job}").json()["state"] == "cancelled"
    assert "3.mp4" not in files(page)
    gate.go_on.set()


def test_a_page_that_ends_while_a_file_is_sent_leaves_nothing(page, key_frames):
    data = key_frames[0].read_bytes()
    upload = page.client.post(f"{page.session}/uploads", json={"name": "c.png", "size": len(data)}).json()["upload"]
    folder = page.folder()

    def slowly():
        yield data[:50]
        assert page.client.delete(page.session).status_code == 204
        yield data[50:]

    answer = page.client.put(f"{page.session}/uploads/{upload}", content=slowly())
    assert answer.status_code == 404 and "has ended" in answer.json()["error"]
    assert not folder.exists()


# Downloads


def test_finished_downloads_stay_while_other_work_is_done(page):
    kept = page.wait(page.post("export", format="gif", count=2, engine="blend"))
    for _ in range(40):
        page.wait(page.post("draw", count=2, engine="blend"))
    assert page.get(f"jobs/{kept['id']}/file").status_code == 200
    assert kept["id"] in [job["id"] for job in page.get("jobs").json()["jobs"]]


def test_a_download_that_expires_is_said_to_have_done_so_and_its_file_goes(page):
    made = [page.wait(page.post("export", format="png", count=2, engine="blend")) for _ in range(33)]
    answers = [page.get(f"jobs/{job['id']}/file") for job in made]
    assert [answer.status_code for answer in answers] == [410] + 32 * [200]
    assert "has expired" in answers[0].json()["error"]
    left = {path.name for path in (page.folder() / "exports").iterdir()}
    assert left == {job["id"] for job in made[1:]}
    for never in ("999", "0", "-1", "x", "1" * 5000):
        assert page.get(f"jobs/{never}/file").status_code == 404


# Room


def test_files_of_a_page_take_no_more_room_than_they_may(serve, key_frames):
    page = serve(max_session=1)
    assert page.send(noise_png(450, 450), "a.png").status_code == 200  # 0.6 MB, and 0.2 for the small picture
    answer = page.send(noise_png(400, 400), "b.png")
    assert answer.status_code == 400 and "--max-session" in answer.json()["error"]
    assert "1 MB are allowed" in answer.json()["error"]
    small = page.client.post(f"{page.session}/uploads", json={"name": "c.png", "size": 100_000})
    assert small.status_code == 201  # its room is kept, though nothing of it has come
    answer = page.client.post(f"{page.session}/uploads", json={"name": "d.png", "size": 200_000})
    assert answer.status_code == 400
    drawings = page.client.get(page.session).json()["drawings"]
    page.client.put(f"{page.session}/drawings", json={"drawings": []})
    assert len(drawings) == 1 and page.send(noise_png(400, 400), "b.png").status_code == 200


def test_the_files_of_all_pages_together_take_no_more_room_than_they_may(serve):
    page = serve(max_total=1)
    other = STUDIO.Page(page.studio)
    assert page.send(noise_png(500, 500), "a.png").status_code == 200
    answer = other.send(noise_png(400, 400), "b.png")
    assert answer.status_code == 400 and "--max-total" in answer.json()["error"]
    page.client.delete(page.session)
    assert other.send(noise_png(400, 400), "b.png").status_code == 200


def test_work_that_takes_too_much_room_ends_and_leaves_nothing(serve, monkeypatch):
    page = serve(max_session=2)
    for name in ("a.png", "b.png"):
        assert page.send(noise_png(400, 400), name).status_code == 200
    monkeypatch.setattr("animi.core.studio.folder._OFTEN", 0)
    job = page.wait(page.post("export", format="zip", count=9, engine="blend"))
    assert job["state"] == "failed" and "--max-session" in job["message"]
    assert not list((page.folder() / "exports").iterdir())
    assert page.client.get(page.session).status_code == 200


def test_old_downloads_make_room_for_files_that_come(serve):
    page = serve(max_session=3)
    for name in ("a.png", "b.png"):
        page.send(noise_png(300, 300), name)
    made = [page.wait(page.post("export", format="zip", count=2, engine="blend")) for _ in range(2)]
    assert [job["state"] for job in made] == ["done", "done"]
    assert page.send(noise_png(700, 700), "c.png").status_code == 200
    answers = [page.get(f"jobs/{job['id']}/file") for job in made]
    assert [answer.status_code for answer in answers] == [410, 200]


def test_no_more_work_than_can_be_done_waits(page, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(Studio, "open", lambda self, name: gate)
    page.post("export", format="gif")
    assert gate.drawing.wait(30)
    answers = [page.post("export", format="gif").status_code for _ in range(66)]
    assert answers == 64 * [202] + 2 * [400]
    gate.go_on.set()


# Memory


def peak_megabytes(process):
    line = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1024


def send_at_once(visitor, session, pictures):
    """Sends files in as many threads; gives the answers."""
    answers = [None] * len(pictures)

    def send(number):
        answers[number] = visitor.send(session, f"{number}.png", pictures[number])

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_vast_drawings_are_refused_by_their_headers_and_large_ones_decoded_one_by_one(temporary):
    process, address = begin(temporary.parent)
    try:
        visitor = Visitor(address)
        session = visitor.begin_session()
        vast = flat_png(11585)
        assert len(vast) < 2_000_000
        for status, answer in send_at_once(visitor, session, [vast, vast]):
            assert status == 400 and b"is 11585 x 11585 pixels" in answer and b"--max-megapixels" in answer
        assert peak_megabytes(process) < 250
        large = flat_png(4890)  # just below the limit
        for status, _ in send_at_once(visitor, session, [large] * 2):
            assert status == 200
        assert peak_megabytes(process) < 1000
    finally:
        said, _ = stop(process)
    assert "Warning" not in said and "Traceback" not in said


def test_larger_frames_than_may_be_drawn_are_not_asked_for_by_size(page):
    for size in ("16384x16384", "16384", "16384x1500"):
        for what in ("draw", "moment", "export"):
            answer = page.post(what, size=size, position=0.5, format="gif")
            assert answer.status_code == 400 and "--max-megapixels" in answer.json()["error"]
    assert page.post("draw", size="16384x2").status_code == 202


def test_a_film_of_larger_frames_than_may_be_drawn_is_refused(serve, film):
    page = serve(max_megapixels=1)
    large = io.BytesIO()
    frames = [Image.new("RGB", (1200, 900), (50 * k, 0, 0)) for k in range(3)]
    frames[0].save(large, "GIF", save_all=True, append_images=frames[1:], duration=100)
    job = page.wait(page.send(large.getvalue(), "large.gif"))
    assert job["state"] == "failed" and "large.gif: is of 1200 x 900 pixels" in job["message"]
    assert files(page) == [] and page.wait(page.send(film))["state"] == "done"


# Films that would take for ever


def test_thousands_of_vast_pictures_are_not_decoded_while_they_are_sent(page):
    began = time.monotonic()
    answer = page.send(make_vast_webp(), "vast.webp")
    assert answer.status_code == 200 and "job" in answer.json()
    job = page.wait(answer)
    assert job["state"] == "failed" and "vast.webp: is of 8000 x 8000 pixels" in job["message"]
    assert time.monotonic() - began < 3
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

    monkeypatch.setattr("animi.core.studio.session.lay_out", lambda *_words: time.sleep(20))
    page = serve(max_film_minutes=0.01)
    began = time.monotonic()
    job = page.wait(page.send(film))
    assert job["state"] == "failed" and "took longer than 0.01 minutes" in job["message"]
    assert "--max-film-minutes" in job["message"] and time.monotonic() - began < 4


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
    assert status == 200 and time.monotonic() - began < 3  # nothing is found out while it is sent
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
    assert is_gone(stuck_ffmpeg, 3 - (time.monotonic() - began))
    assert stuck.visitor.ask("POST", f"{stuck.session}/chase")[0] == 200
    job = json.loads(stuck.visitor.ask("POST", f"{stuck.session}/draw", {"count": 2, "engine": "blend"})[1])
    wait_until(lambda: stuck.visitor.find_job(stuck.session, job["id"])["state"] == "done")  # the queue goes on


def test_a_session_that_is_ended_ends_its_programs_within_three_seconds(stuck, stuck_ffmpeg):
    began = time.monotonic()
    assert stuck.visitor.ask("DELETE", stuck.session)[0] == 204
    assert is_gone(stuck_ffmpeg, 3 - (time.monotonic() - began))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_signal_ends_the_studio_and_its_programs_within_three_seconds(stuck, stuck_ffmpeg, temporary, number, code):
    began = time.monotonic()
    said, seconds = stop(stuck.process, number)
    assert stuck.process.returncode == code and "Traceback" not in said, said
    assert seconds < 3 and is_gone(stuck_ffmpeg, 3 - (time.monotonic() - began))
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
    assert process.returncode == 143 and seconds < 3 and "Traceback" not in said, said
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


# Odd requests


def odd_requests():
    """Some sixty requests that no page makes: (method, path below the session or whole, what is sent, headers)."""
    big = "1" * 5000
    yield from (("POST", "draw", content, {}) for content in (
        b"", b"null", b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b"{}x", b'{"a":' * 60_000, b"[" * 60_000, b" " * 200_000,
        b'{"count": ' + big.encode() + b"}", b'{"count": 1e999}', b'{"count": NaN}',
    ))  # fmt: skip
    yield from (("POST", "draw", told, {}) for told in (
        {"count": -1}, {"count": 10**400}, {"count": True}, {"count": None}, {"count": [2]}, {"fps": 0}, {"fps": -1},
        {"fps": "1e400"}, {"fps": "1e999999999"}, {"fps": big}, {"fps": [12]}, {"fps": {"a": 1}}, {"fps": "nan"},
        {"spacing": 3}, {"spacing": "0,nan,1"}, {"spacing": "0," * 70_000 + "1"}, {"spacing": ["linear"]},
        {"size": big}, {"size": -3}, {"size": "0x0"}, {"size": "1x1x1"}, {"size": "²x²"}, {"size": [640]},
        {"loop": "yes"}, {"boomerang": 1}, {"engine": ["flow"]}, {"engine": "\ud800"}, {"engine": {}},
        {"on_failure": 7}, {"on_failure": "\x1b[31m"}, {"count": 100_000},
    ))  # fmt: skip
    yield from (("POST", "moment", told, {}) for told in (
        {}, {"position": "0"}, {"position": True}, {"position": 10**400}, {"position": -0.1}, {"position": None},
        {"position": 0.5, "full": "yes"}, b'{"position": NaN}', b'{"position": Infinity}', b'{"position": -1e999}',
    ))  # fmt: skip
    yield from (("PUT", "hints", told, {}) for told in (
        {"size": [10**60, 9]}, {"size": [9]}, {"pairs": {}}, {"pairs": [None]}, {"size": [9, 9], "pairs": [{"keys": 3}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "tracks": {}}]}, {"size": [True, 9]}, b'{"size": [NaN, 9]}',
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [[1, 2]], "width": 10**50}]}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [[1, "2"]], "width": 1}]}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [None]}]},
    ))  # fmt: skip
    for what in ("matches", "doubt", "kept"):
        yield from (("POST", what, told, {}) for told in ({}, {"position": "0"}, {"position": -1}, {"position": 9.5}))
    yield from (("POST", "doubtful", {"count": -1}, {}), ("POST", "hints/file", {"count": -1}, {}))
    yield from (("DELETE", "kept/none", None, {}), ("POST", "uploads", {"name": "a.png", "size": 1, "position": "x"}, {}))
    yield from (("POST", "export", told, {}) for told in (
        {}, {"format": None}, {"format": ["gif"]}, {"format": {"gif": 1}}, {"format": "../x"}, {"format": "gif\0"},
    ))  # fmt: skip
    yield from (("POST", "uploads", told, {}) for told in (
        {}, {"name": "a.png"}, {"name": "a.png", "size": -1}, {"name": "a.png", "size": 1.5},
        {"name": "a.png", "size": True}, {"name": "a.png", "size": 10**30}, {"name": "a.png", "size": "9"},
        {"name": 3, "size": 1}, {"name": ["a.png"], "size": 1}, {"name": None, "size": 1},
    ))  # fmt: skip
    yield from (("PUT", "drawings", told, {}) for told in (
        {}, {"drawings": None}, {"drawings": "x"}, {"drawings": [1, 2]}, {"drawings": [None]}, {"drawings": [["x"]]},
        {"drawings": {"0": "x"}}, {"drawings": ["x" * 9999]},
    ))  # fmt: skip
    yield from (("POST", "film/choice", told, {}) for told in (
        {}, {"drawings": [0, 1]}, {"drawings": [-1, 10**30]}, {"drawings": [0.5, 1]}, {"drawings": [True, False]},
    ))  # fmt: skip
    yield from (("POST", "film/smooth", told, {}) for told in (
        {"factor": "x"}, {"factor": 10**400}, {"preview": "5"}, {"preview": -1}, {"preview": True}, {"format": 3},
        {"factor": 2, "fps": 30}, {"cadence": 3},
    ))  # fmt: skip
    yield from (("GET", path, None, {}) for path in (
        "film/" + "9" * 5000 + ".jpg", "film/-1.jpg", "film/٣.jpg", "film/%00.jpg", "jobs/%00/file", "jobs/٣/file",
        "jobs/1/frames/" + "9" * 5000 + ".png", "jobs/1/frames/-1.png", "drawings/%2e%2e.png", "drawings/%ff.png",
        "/static/%00", "/static/..%2fstudio.py", "/static/" + "a" * 5000, "/static/", "/static", "/api",
        "/api/sessions/%00", "/api/sessions/", "/%ff%fe", "/static/%2e%2e/%2e%2e/etc/passwd",
    ))  # fmt: skip
    yield from (
        ("DELETE", "jobs/999", None, {}), ("DELETE", "/api/sessions/none", None, {}), ("PATCH", "drawings", b"", {}),
        ("PUT", "uploads/none", b"x", {}), ("TRACE", "/", None, {}), ("POST", "/", b"", {}),

        ("GET", "/", None, {"host": "[::1"}), ("GET", "/", None, {"host": b"\xff"}),
        ("GET", "/api/options", None, {"origin": "http://"}), ("POST", "/api/times", {"count": 10**400}, {}),
        ("POST", "/api/times", {"spacing": "1/0,1"}, {}),
    )  # fmt: skip


ODD = list(odd_requests())


def test_no_odd_request_is_a_fault_of_the_studio(page):
    assert len(ODD) >= 37
    for method, path, content, headers in ODD:
        address = path if path.startswith("/") else f"{page.session}/{path}"
        if isinstance(content, dict):
            content = json.dumps(content).encode()
        answer = page.client.request(method, address, content=content, headers=headers)
        assert 400 <= answer.status_code < 500, (method, path[:80], headers, content and content[:80], answer.text)
        assert answer.json()["error"] if answer.headers.get("content-type") == "application/json" else True
    assert page.wait(page.post("draw", count=2, engine="blend"))["state"] == "done"


@pytest.mark.parametrize(
    "ranges", ["bytes=0-" + "9" * 5000, "bytes=-", "bytes=5-1", "bytes=x", "bytes=" + "0-0," * 5000, "lines=1-2", "=,"]
)
def test_odd_ranges_of_a_download_are_answered(page, ranges):
    made = page.wait(page.post("export", format="gif", count=2, engine="blend"))
    answer = page.client.get(f"{page.session}/jobs/{made['id']}/file", headers={"range": ranges})
    assert answer.status_code < 500, answer.text


def test_names_of_any_letters_lead_to_files_that_any_system_takes(page, key_frames):
    for name in ("\ud800.png", "𠀀" * 90 + ".png", "\u202e" * 20 + "gnp.png", "a\0b.png", "…/" * 30 + ".png", ".png"):
        data = key_frames[0].read_bytes()
        sent = json.dumps({"name": name, "size": len(data)}).encode()
        upload = page.client.post(f"{page.session}/uploads", content=sent).json()["upload"]
        assert page.client.put(f"{page.session}/uploads/{upload}", content=data).status_code == 200
        drawings = [drawing["id"] for drawing in page.client.get(page.session).json()["drawings"]]
        page.client.put(f"{page.session}/drawings", json={"drawings": drawings[-2:]})
        job = page.wait(page.post("export", format="png", count=2, engine="blend"))
        assert job["state"] == "done", job
        assert page.get(f"jobs/{job['id']}/file").status_code == 200


def test_requests_that_are_no_http_are_answered_or_cut_off(serve, caplog):
    with answering(serve().studio, request=0.5) as visitor:
        for words in (
            b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\0" * 9999,
            b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
            b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            b"POST /api/times HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -5\r\n\r\n",
            b"POST /api/times HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            b"GET /" + b"a" * 99_999 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        ):  # fmt: skip
            with socket.create_connection(("127.0.0.1", visitor.port), timeout=15) as line:
                answer = b""
                try:
                    line.sendall(words)
                    while part := line.recv(65536):
                        answer += part
                except ConnectionError:
                    pass
                assert not answer or answer.split()[1].startswith(b"4"), (words[:60], answer[:200])
        assert visitor.ask("GET", "/api/options")[0] == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_paths_are_cut_out_of_messages_and_nothing_else_is():
    assert hide_paths("/tmp/a b/c.png: is bad; give 24000/1001, 1/2 or http://x/y (see /etc/z)") == (
        "a b/c.png: is bad; give 24000/1001, 1/2 or http://x/y (see z)"
    )
    assert hide_paths(r"'C:\\Users\\me\\x.png' and file:/a/b.mp4") == "'x.png' and file:b.mp4"


# Connections


def test_half_requests_neither_block_the_page_nor_fill_the_log(temporary):
    """260 connections that send half a request, to a studio with 200 descriptors."""
    limited = ("/bin/sh", "-c", 'ulimit -n 200; exec "$@"', "sh")
    process, address = begin(temporary.parent, before=limited)
    visitor = Visitor(address)
    lines = []
    try:
        session = visitor.begin_session()
        for _ in range(260):
            line = socket.create_connection(("127.0.0.1", visitor.port), timeout=15)
            line.sendall(b"POST /api/sessions HTTP/1.1\r\nhost: 127.0.0.1\r\n")
            lines.append(line)
        for path in ("/", session, "/static/studio.js"):
            began = time.monotonic()
            assert visitor.ask("GET", path)[0] == 200
            assert time.monotonic() - began < 2
        time.sleep(2)  # old studios wrote megabytes in this time
        assert process.said.stat().st_size < 20_000
        status, _ = visitor.send(session, "a.png", noise_png(50, 50))
        assert status == 200
    finally:
        for line in lines:
            line.close()
        said, seconds = stop(process)
    assert "Traceback" not in said and seconds < 3


def test_half_a_request_is_cut_off_after_seconds(serve):
    with answering(serve().studio, request=0.5) as visitor:
        for words in (b"", b"GET / HTTP/1.1\r\n", f"GET /api/options HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: "
                      f"Bearer {visitor.token}\r\n\r\nGET / HTT".encode()):  # fmt: skip
            with socket.create_connection(("127.0.0.1", visitor.port), timeout=20) as line:
                line.sendall(words)
                began = time.monotonic()
                with suppress(ConnectionError):
                    while line.recv(65536):
                        pass
                assert 0.3 < time.monotonic() - began < 4


def test_one_connection_more_takes_the_place_of_the_one_that_waited_longest(serve):
    with answering(serve().studio, most=4, request=60) as visitor:
        lines = [socket.create_connection(("127.0.0.1", visitor.port), timeout=20) for _ in range(4)]
        for number, line in enumerate(lines):
            line.sendall(b"GET / HTTP/1.1\r\n")
            time.sleep(0.1 if number < 2 else 0)
        assert visitor.ask("GET", "/api/options")[0] == 200
        for line in lines:
            line.settimeout(0.3)
        with suppress(ConnectionError):
            assert lines[0].recv(1) == b""  # cut off
        with pytest.raises(TimeoutError):
            lines[3].recv(1)  # still waited for
        for line in lines:
            line.close()


def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(studio_connections, "_PART", 0.1)

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass

    async def never():
        await asyncio.sleep(60)

    async def drip():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def whole():
        return {"type": "http.request", "body": b"x" * 10**6, "more_body": False}

    async def ask(receive):
        await Patience(app)({"type": "http", "client": ("127.0.0.1", 1)}, receive, None)

    for slow in (never, drip):
        with pytest.raises(TooSlow):
            asyncio.run(asyncio.wait_for(ask(slow), 10))
    asyncio.run(ask(whole))


def test_a_body_that_does_not_come_is_answered_and_leaves_nothing(page, monkeypatch):
    monkeypatch.setattr("animi.cli.studio_server.Request.stream", None, raising=False)

    def too_slow(_self):
        raise TooSlow

    monkeypatch.setattr("starlette.requests.Request.stream", too_slow)
    assert page.post("draw").status_code == 408
    monkeypatch.undo()
    upload = page.client.post(f"{page.session}/uploads", json={"name": "a.png", "size": 9}).json()["upload"]
    monkeypatch.setattr("starlette.requests.Request.stream", too_slow)
    assert page.client.put(f"{page.session}/uploads/{upload}", content=b"x").status_code == 408
    assert not incoming(page)


def test_threads_of_the_server_let_nothing_wait_for_what_is_at_work():
    async def ask():
        threads, gate = DaemonThreads(4), threading.Event()
        for _ in range(200):  # quick ones before and after: no thread may be counted as free that is not
            await threads.run(lambda: None)
            long = asyncio.ensure_future(threads.run(gate.wait, 20))
            assert await asyncio.wait_for(threads.run(lambda: 7), 5) == 7
            gate.set()
            await long
            gate.clear()
        stuck = [asyncio.ensure_future(threads.run(gate.wait, 20)) for _ in range(4)]
        waiting = asyncio.ensure_future(threads.run(lambda: 8))
        await asyncio.sleep(0.1)
        assert not waiting.done()  # four work at most
        stuck[0].cancel()
        gate.set()
        assert await waiting == 8
        with pytest.raises(asyncio.CancelledError):
            await stuck[0]
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 / 0)

    asyncio.run(asyncio.wait_for(ask(), 30))


def test_a_logger_writes_few_words(caplog):
    import logging

    logger = logging.getLogger("animi-test-few-words")
    few = FewWords(5)
    logger.addFilter(few)
    try:
        for number in range(100):
            try:
                raise ValueError(number)
            except ValueError:
                logger.exception("failed %d", number)
    finally:
        logger.removeFilter(few)
    assert len(caplog.records) == 5 and "are left out" in caplog.records[-1].getMessage()


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
