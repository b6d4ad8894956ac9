"""Odd requests to `animi studio`, and connections that keep it waiting."""

import asyncio
import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest

from animi.cli import studio_connections
from animi.cli.studio_connections import FewWords, Patience, TooSlow
from animi.cli.studio_threads import DaemonThreads
from animi.core.errors import hide_paths

patience = run_path(str(Path(__file__).parents[1] / "patience.py"))["patience"]
STUDIO = SimpleNamespace(**run_path(str(Path(__file__).with_name("pages.py"))))
serve, page, film, Visitor, begin, stop = (
    STUDIO.serve,
    STUDIO.page,
    STUDIO.film,
    STUDIO.Visitor,
    STUDIO.begin,
    STUDIO.stop,
)
BOUNDS = SimpleNamespace(**run_path(str(Path(__file__).with_name("bounds.py"))))
temporary = BOUNDS.temporary
noise_png = BOUNDS.noise_png
answering = BOUNDS.answering
incoming = BOUNDS.incoming


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
        {"size": [10**60, 9]}, {"size": [9]}, {"pairs": {}}, {"pairs": [None]},
        {"size": [9, 9], "pairs": [{"keys": 3}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "tracks": {}}]}, {"size": [True, 9]}, b'{"size": [NaN, 9]}',
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [[1, 2]], "width": 10**50}]}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [{"points": [[1, "2"]], "width": 1}]}]},
        {"size": [9, 9], "pairs": [{"keys": ["a", "b"], "strokes": [None]}]},
    ))  # fmt: skip
    for what in ("matches", "doubt", "kept"):
        yield from (("POST", what, told, {}) for told in ({}, {"position": "0"}, {"position": -1}, {"position": 9.5}))
    yield from (("POST", "doubtful", {"count": -1}, {}), ("POST", "hints/file", {"count": -1}, {}))
    yield from (
        ("DELETE", "kept/none", None, {}),
        ("POST", "uploads", {"name": "a.png", "size": 1, "position": "x"}, {}),
    )
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
            assert time.monotonic() - began < patience(2)
        time.sleep(2)  # old studios wrote megabytes in this time
        assert process.said.stat().st_size < 20_000
        status, _ = visitor.send(session, "a.png", noise_png(50, 50))
        assert status == 200
    finally:
        for line in lines:
            line.close()
        said, seconds = stop(process)
    assert "Traceback" not in said and seconds < patience(3)


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
                assert 0.3 < time.monotonic() - began < patience(4)


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
