"""What `animi studio` takes and keeps within bounds, and that nothing is left of it."""

import io
import json
import socket
import stat
import threading
import time
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

from PIL import Image

from animi.core.lock import LOCK
from animi.core.studio.studio import Studio

STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film, Gate, Visitor, begin, stop, wait_until = (
    STUDIO.serve,
    STUDIO.page,
    STUDIO.film,
    STUDIO.Gate,
    STUDIO.Visitor,
    STUDIO.begin,
    STUDIO.stop,
    STUDIO.wait_until,
)
BOUNDS = SimpleNamespace(**run_path(str(Path(__file__).with_name("bounds.py"))))
temporary = BOUNDS.temporary
noise_png = BOUNDS.noise_png
flat_png = BOUNDS.flat_png
files = BOUNDS.files
incoming = BOUNDS.incoming


# Uploads


def test_what_is_larger_or_smaller_than_announced_is_rejected_and_leaves_nothing(page):
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
    assert answer.status_code == 400 and "not sent yet" in answer.json()["error"]


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


def test_vast_drawings_are_rejected_by_their_headers_and_large_ones_decoded_one_by_one(temporary):
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


def test_a_film_of_larger_frames_than_may_be_drawn_is_rejected(serve, film):
    page = serve(max_megapixels=1)
    large = io.BytesIO()
    frames = [Image.new("RGB", (1200, 900), (50 * k, 0, 0)) for k in range(3)]
    frames[0].save(large, "GIF", save_all=True, append_images=frames[1:], duration=100)
    job = page.wait(page.send(large.getvalue(), "large.gif"))
    assert job["state"] == "failed" and "large.gif: has 1200 x 900 pixels" in job["message"]
    assert files(page) == [] and page.wait(page.send(film))["state"] == "done"


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
